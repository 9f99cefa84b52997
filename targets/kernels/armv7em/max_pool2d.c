// Max pooling: four channels at a time, the last four partly twice when the channels are no
// multiple of 4.
#include "../tinyiree_kernels.h"

static inline uint32_t maximum(uint32_t x, uint32_t y) {
    uint32_t t;
    __asm__("ssub8 %0, %1, %2\n sel %0, %1, %2" : "=&r"(t) : "r"(x), "r"(y) : "cc");
    return t;
}

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

tinyiree_kernel_t tinyiree_armv7em_max_pool2d;

void tinyiree_armv7em_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                 uint32_t last_row) {
    const tinyiree_window_t *w = &((const tinyiree_max_pool2d_t *)params)->window;
    const uint32_t depth = w->in_channels, step = w->dilation_width * depth;
    const uint32_t row_step = (uint32_t)w->dilation_height * w->in_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        uint32_t ky, kx;
        const uint32_t rows = clip(top, w->kernel_height, w->dilation_height, w->in_height, &ky);
        for (uint32_t x = 0; x < w->out_width; ++x, out += depth) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t columns =
                clip(left, w->kernel_width, w->dilation_width, w->in_width, &kx);
            const int8_t *in = (const int8_t *)pointers[0] +
                               (top * w->in_width + left) * (int32_t)depth +
                               (int32_t)(ky * row_step + kx * step);
            for (uint32_t c = 0; c < depth; c += 4) {
                c = c + 4 > depth ? depth - 4 : c;
                uint32_t best = 0x80808080u, word;
                for (uint32_t i = 0; i < rows; ++i) {
                    const int8_t *from = in + i * row_step + c;
                    for (uint32_t k = 0; k < columns; ++k, from += step) {
                        __builtin_memcpy(&word, from, 4);
                        best = maximum(best, word);
                    }
                }
                __builtin_memcpy(out + c, &best, 4);
            }
        }
    }
}
