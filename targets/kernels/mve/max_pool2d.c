// Max pooling: 16 channels at a time, which are read before they are written. Padding never wins.
#include "../tinyiree_kernels.h"

#include <arm_mve.h>

// Moves `at` to the first of `count` taps that is inside; how many of them are.
static uint32_t clip(int32_t *at, uint32_t count, uint32_t step, uint32_t size) {
    for (; count > 0 && *at < 0; --count)
        *at += (int32_t)step;
    while (count > 0 && *at + (int32_t)((count - 1) * step) >= (int32_t)size)
        --count;
    return count;
}

tinyiree_kernel_t tinyiree_mve_max_pool2d;

void tinyiree_mve_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                             uint32_t last_row) {
    const tinyiree_window_t *w = &((const tinyiree_max_pool2d_t *)params)->window;
    const uint32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    const uint32_t row_step = w->dilation_height * row_bytes, step = w->dilation_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const uint32_t rows = clip(&top, w->kernel_height, w->dilation_height, w->in_height);
        for (uint32_t x = 0; x < w->out_width; ++x, out += depth) {
            int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t columns = clip(&left, w->kernel_width, w->dilation_width, w->in_width);
            const int8_t *in =
                (const int8_t *)pointers[0] + (uint32_t)top * row_bytes + (uint32_t)left * depth;
            for (uint32_t c = 0; c < depth; c += 16) {
                const mve_pred16_t inside = vctp8q(depth - c);
                int8x16_t best = vdupq_n_s8(-128);
                const int8_t *row = in + c;
                for (uint32_t ky = rows; ky > 0; --ky, row += row_step) {
                    const int8_t *from = row;
                    for (uint32_t kx = columns; kx > 0; --kx, from += step)
                        best = vmaxq_s8(best, vldrbq_z_s8(from, inside));
                }
                vstrbq_p_s8(out + c, best, inside);
            }
        }
    }
}
