// Max pooling of one channel after the other; padding never wins.
//
// Promise: within a pixel, in the order of the image, no channel is read once it is written.
#include "../tinyiree_kernels.h"

// The part of a window that lies inside along one axis: its first tap; the taps are returned.
static uint32_t clip(int32_t at, uint32_t kernel, uint32_t dilation, uint32_t size,
                     uint32_t *first) {
    uint32_t inside = 0;
    *first = 0;
    for (uint32_t k = 0; k < kernel; ++k, at += (int32_t)dilation) {
        *first += at < 0;
        inside += (uint32_t)at < size;
    }
    return inside;
}

// The largest of `count` > 0 bytes that are `step` apart, and of `best`.
__attribute__((noinline)) static int32_t largest(const int8_t *in, uint32_t count, uint32_t step,
                                                 int32_t best) {
    int32_t x;
    uint32_t i = (count - 1) * step;
    __asm__ volatile(".syntax unified\n"
                     "1:\n"
                     "ldrsb %[x], [%[in], %[i]]\n"
                     "cmp %[x], %[best]\n"
                     "ble 2f\n"
                     "mov %[best], %[x]\n"
                     "2:\n"
                     "subs %[i], %[i], %[step]\n"
                     "bcs 1b\n"
                     : [best] "+l"(best), [i] "+l"(i), [x] "=&l"(x)
                     : [in] "l"(in), [step] "l"(step)
                     : "cc", "memory");
    return best;
}

tinyiree_kernel_t tinyiree_armv6m_max_pool2d;

void tinyiree_armv6m_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                uint32_t last_row) {
    const tinyiree_window_t *w = &((const tinyiree_max_pool2d_t *)params)->window;
    const uint32_t depth = w->in_channels, step = w->dilation_width * depth;
    const uint32_t row_step = (uint32_t)w->dilation_height * w->in_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        uint32_t ky, kx;
        const uint32_t rows = clip(top, w->kernel_height, w->dilation_height, w->in_height, &ky);
        for (uint32_t x = 0; x < w->out_width; ++x) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t columns =
                clip(left, w->kernel_width, w->dilation_width, w->in_width, &kx);
            const int8_t *in = (const int8_t *)pointers[0] +
                               (top * w->in_width + left) * (int32_t)depth +
                               (int32_t)(ky * row_step + kx * step);
            for (uint32_t c = 0; c < depth; ++c, ++in) {
                int32_t best = -128;
                for (uint32_t r = 0; r < (columns ? rows : 0); ++r)
                    best = largest(in + r * row_step, columns, step, best);
                *out++ = (int8_t)best;
            }
        }
    }
}
