// Average pooling, and the mean over the height and width: four channels at a time, the last four
// partly twice when the channels are no multiple of 4.
#include "requantize.h"

// Two pairs of 16-bit sums over inputs, at most 256 before they are taken away: then 256 * -128
// still fits.
typedef struct {
    uint32_t even;
    uint32_t odd;
} sums_t;

static inline sums_t add_up(sums_t sums, const int8_t *from, uint32_t count, uint32_t depth) {
    uint32_t word;
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
            : [from] "+&r"(from), [count] "+&r"(count), [even] "+&r"(sums.even),
              [odd] "+&r"(sums.odd), [word] "=&r"(word)
            : [depth] "r"(depth)
            : "cc", "memory");
    return sums;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// What follows the sums of a pixel.
typedef struct {
    int32_t bias; // 256-fold
    int32_t shift;
    int32_t multiplier;
    int32_t zero_point; // (2 * output zero point + 1) << shift
} end_t;

#define DEFINE_FINISH(rounding)                                                                    \
    static inline uint32_t one_##rounding(int32_t sum, const end_t *end) {                         \
        int32_t t;                                                                                 \
        sum = end->bias + sum * 256;                                                               \
        __asm__(FINISH_##rounding("%0", "%2", "%3", "%4", "%1")                                    \
                : "+&r"(sum), "=&r"(t)                                                             \
                : "r"(end->multiplier), "r"(end->shift), "r"(end->zero_point));                    \
        return (uint32_t)sum & 255;                                                                \
    }                                                                                              \
    __attribute__((noinline)) static uint32_t finish_##rounding(const int32_t sums[4],             \
                                                                const end_t *end) {                \
        return one_##rounding(sums[0], end) | one_##rounding(sums[1], end) << 8 |                  \
               one_##rounding(sums[2], end) << 16 | one_##rounding(sums[3], end) << 24;            \
    }

DEFINE_FINISH(single)
DEFINE_FINISH(double)

static void take(int32_t to[4], sums_t sums) {
    to[0] += (int16_t)sums.even;
    to[1] += (int16_t)sums.odd;
    to[2] += (int16_t)(sums.even >> 16);
    to[3] += (int16_t)(sums.odd >> 16);
}

// One output pixel from rows x columns inputs.
static void pool(const end_t *end, uint32_t double_rounding, const int8_t *in, uint32_t rows,
                 uint32_t columns, uint32_t depth, uint32_t row_bytes, int8_t *out) {
    const uint32_t few = rows * columns <= 256;
    for (uint32_t c = 0; c < depth; c += 4) {
        c = smaller(c, depth - 4);
        int32_t total[4] = {0, 0, 0, 0};
        sums_t sums = {0, 0};
        const int8_t *row = in + c;
        for (uint32_t left = rows; left > 0; --left, row += row_bytes) {
            for (uint32_t done = 0; done < columns; done += 256) {
                sums = add_up(sums, row + done * depth, smaller(columns - done, 256), depth);
                if (!few) {
                    take(total, sums);
                    sums.even = sums.odd = 0;
                }
            }
        }
        take(total, sums);
        const uint32_t word =
            double_rounding ? finish_double(total, end) : finish_single(total, end);
        __builtin_memcpy(out + c, &word, 4);
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
            const tinyiree_channel_t *position = (const tinyiree_channel_t *)p->positions +
                                                 (p->one_position ? 0 : y * w->out_width + x);
            const int32_t e = position->bias_and_shift, shift = e & 255;
            const end_t end = {e & ~255, shift, position->multiplier,
                               (2 * p->output.zero_point + 1) << shift};
            pool(&end, p->output.double_rounding,
                 (const int8_t *)pointers[0] + first * row_bytes + from * depth, rows, columns,
                 depth, row_bytes, out);
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * depth;
    tinyiree_armv7em_clamp(out - bytes, bytes, &p->output);
}
