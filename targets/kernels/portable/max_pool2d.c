// nn.max_pool2d of int8: padding never wins.
#include "../tinyiree_kernels.h"

static int8_t maximum(const tinyiree_window_t *w, const int8_t *in, int32_t top, int32_t left) {
    int8_t best = -128;
    for (uint32_t ky = 0; ky < w->kernel_height; ++ky) {
        const int32_t y = top + (int32_t)(ky * w->dilation_height);
        for (uint32_t kx = 0; kx < w->kernel_width; ++kx) {
            const int32_t x = left + (int32_t)(kx * w->dilation_width);
            if (y < 0 || y >= w->in_height || x < 0 || x >= w->in_width)
                continue;
            const int8_t value = in[((uint32_t)y * w->in_width + (uint32_t)x) * w->in_channels];
            best = value > best ? value : best;
        }
    }
    return best;
}

tinyiree_kernel_t tinyiree_portable_max_pool2d;

void tinyiree_portable_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                  uint32_t last_row) {
    const tinyiree_window_t *w = &((const tinyiree_max_pool2d_t *)params)->window;
    const int8_t *in = pointers[0];
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * w->in_channels;
    for (uint32_t y = first_row; y < last_row; ++y)
        for (uint32_t x = 0; x < w->out_width; ++x)
            for (uint32_t c = 0; c < w->in_channels; ++c)
                *out++ = maximum(w, in + c, (int32_t)(y * w->stride_height) - w->pad_top,
                                 (int32_t)(x * w->stride_width) - w->pad_left);
}
