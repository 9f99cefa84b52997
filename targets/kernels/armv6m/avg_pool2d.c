// Average pooling, and the mean over the height and width, of one channel after the other.
//
// Promise: within a pixel, in the order of the image, no channel is read once it is written.
#include "requantize.h"

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// As the assembly of requantize.h.
__attribute__((noinline)) static int8_t finish(int32_t sum, const tinyiree_channel_t *position,
                                               const tinyiree_output_t *output) {
    sum += position->bias_and_shift >> 8;
    const uint32_t shift = position->bias_and_shift & 31, low = (uint32_t)sum & 0xffff;
    const uint32_t multiplier = (uint32_t)position->multiplier;
    const int32_t high = sum >> 16;
    int32_t y = (int32_t)(low * (multiplier >> 16) + (low * (multiplier & 0xffff) >> 16));
    y = (y + high * (int32_t)(multiplier & 255)) >> 8;
    y += high * (int32_t)(multiplier >> 8) + (2 * output->zero_point + 1) * (1 << shift);
    if (output->double_rounding)
        y += 64 + (sum >> 31) * 128;
    y = y >> shift >> 1;
    if (y < output->clamp_min)
        return output->clamp_min;
    return y > output->clamp_max ? output->clamp_max : (int8_t)y;
}

// The sum of `count` > 0 bytes that are `step` apart.
__attribute__((noinline)) static int32_t add_up(const int8_t *in, uint32_t count, uint32_t step) {
    int32_t sum = 0, x;
    uint32_t i = (count - 1) * step;
    __asm__ volatile(".syntax unified\n"
                     "1:\n"
                     "ldrsb %[x], [%[in], %[i]]\n"
                     "adds %[sum], %[sum], %[x]\n"
                     "subs %[i], %[i], %[step]\n"
                     "bcs 1b\n"
                     : [sum] "+l"(sum), [i] "+l"(i), [x] "=&l"(x)
                     : [in] "l"(in), [step] "l"(step)
                     : "cc", "memory");
    return sum;
}

tinyiree_kernel_t tinyiree_armv6m_avg_pool2d;

void tinyiree_armv6m_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                uint32_t last_row) {
    const tinyiree_avg_pool2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const uint32_t first = top < 0 ? 0 : (uint32_t)top;
        const uint32_t last = smaller((uint32_t)(top + w->kernel_height), w->in_height);
        for (uint32_t x = 0; x < w->out_width; ++x) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t from = left < 0 ? 0 : (uint32_t)left;
            uint32_t rows = last - first;
            uint32_t columns = smaller((uint32_t)(left + w->kernel_width), w->in_width) - from;
            if (columns == w->in_width) { // whole rows are one long row
                columns *= rows;
                rows = 1;
            }
            const int8_t *in = (const int8_t *)pointers[0] + first * row_bytes + from * depth;
            for (uint32_t c = 0; c < depth; ++c, ++in) {
                int32_t sum = 0;
                for (uint32_t r = 0; r < rows; ++r)
                    sum += add_up(in + r * row_bytes, columns, depth);
                *out++ = finish(sum,
                                (const tinyiree_channel_t *)p->positions +
                                    (p->one_position ? 0 : y * w->out_width + x),
                                &p->output);
            }
        }
    }
}
