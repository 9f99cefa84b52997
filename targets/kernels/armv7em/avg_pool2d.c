// Average pooling, and the mean over the height and width: four channels at a time, the last four
// partly twice when the channels are no multiple of 4.
#include "requantize.h"

// Two pairs of 16-bit sums over `count` inputs, at most 256: then 256 * -128 still fits.
__attribute__((noinline)) static void add_up(const int8_t *from, uint32_t count, uint32_t depth,
                                             int32_t sums[4]) {
    uint32_t even = 0, odd = 0, word;
    __asm__("lsls %[word], %[count], #31\n"
            "bmi 2f\n"
            "1:\n"
            "ldr %[word], [%[from]]\n"
            "add %[from], %[from], %[depth]\n"
            "sxtab16 %[even], %[even], %[word]\n"
            "sxtab16 %[odd], %[odd], %[word], ror #8\n"
            "2:\n"
            "ldr %[word], [%[from]]\n"
            "add %[from], %[from], %[depth]\n"
            "sxtab16 %[even], %[even], %[word]\n"
            "sxtab16 %[odd], %[odd], %[word], ror #8\n"
            "subs %[count], %[count], #2\n"
            "bgt 1b\n"
            : [from] "+&r"(from), [count] "+&r"(count), [even] "+&r"(even), [odd] "+&r"(odd),
              [word] "=&r"(word)
            : [depth] "r"(depth)
            : "cc", "memory");
    sums[0] += (int16_t)even;
    sums[1] += (int16_t)odd;
    sums[2] += (int16_t)(even >> 16);
    sums[3] += (int16_t)(odd >> 16);
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

__attribute__((noinline)) static int8_t finish(int32_t sum, const tinyiree_channel_t *position,
                                               const tinyiree_output_t *output) {
    const int32_t e = position->bias_and_shift;
    const int32_t c = (2 * output->zero_point + 1) << (e & 255);
    int32_t t;
    sum = sum * 256 + (e & ~255);
    if (output->double_rounding)
        __asm__(FINISH_double("%0", "%2", "%3", "%4", "%1")
                : "+&r"(sum), "=&r"(t)
                : "r"(position->multiplier), "r"(e), "r"(c));
    else
        __asm__(FINISH_single("%0", "%1", "%2", "%3", "")
                : "+&r"(sum)
                : "r"(position->multiplier), "r"(e), "r"(c));
    return (int8_t)sum;
}

// One output pixel from rows x columns inputs.
static void pool(const tinyiree_channel_t *position, const tinyiree_output_t *output,
                 const int8_t *in, uint32_t rows, uint32_t columns, uint32_t depth,
                 uint32_t row_bytes, int8_t *out) {
    for (uint32_t c = 0; c < depth; c += 4) {
        c = smaller(c, depth - 4);
        int32_t sums[4] = {0, 0, 0, 0};
        const int8_t *row = in + c;
        for (uint32_t left = rows; left > 0; --left, row += row_bytes)
            for (uint32_t done = 0; done < columns; done += 256)
                add_up(row + done * depth, smaller(columns - done, 256), depth, sums);
        for (uint32_t i = 0; i < 4; ++i)
            out[c + i] = finish(sums[i], position, output);
    }
}

tinyiree_kernel_t tinyiree_armv7em_avg_pool2d;

void tinyiree_armv7em_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                 uint32_t last_row) {
    const tinyiree_avg_pool2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const uint32_t first = top < 0 ? 0 : (uint32_t)top;
        const uint32_t last = smaller((uint32_t)(top + w->kernel_height), w->in_height);
        for (uint32_t x = 0; x < w->out_width; ++x, out += depth) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t from = left < 0 ? 0 : (uint32_t)left;
            uint32_t rows = last - first;
            uint32_t columns = smaller((uint32_t)(left + w->kernel_width), w->in_width) - from;
            if (columns == w->in_width) { // whole rows are one long row
                columns *= rows;
                rows = 1;
            }
            pool((const tinyiree_channel_t *)p->positions +
                     (p->one_position ? 0 : y * w->out_width + x),
                 &p->output, (const int8_t *)pointers[0] + first * row_bytes + from * depth, rows,
                 columns, depth, row_bytes, out);
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * depth;
    tinyiree_armv7em_clamp(out - bytes, bytes, &p->output);
}
