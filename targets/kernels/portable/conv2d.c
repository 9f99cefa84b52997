// qnn.conv2d: dense, grouped and depthwise; weights as in the IR, [O, KH, KW, C/G].
#include "requantize.h"

static int32_t sum_of_products(const tinyiree_conv2d_t *p, const int8_t *in, int32_t top,
                               int32_t left, const int8_t *weights, uint32_t first,
                               uint32_t depth) {
    const tinyiree_window_t *w = &p->window;
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < w->kernel_height; ++ky) {
        const int32_t y = top + (int32_t)(ky * w->dilation_height);
        for (uint32_t kx = 0; kx < w->kernel_width; ++kx, weights += depth) {
            const int32_t x = left + (int32_t)(kx * w->dilation_width);
            if (y < 0 || y >= w->in_height || x < 0 || x >= w->in_width)
                continue;
            const uint32_t pixel = (uint32_t)y * w->in_width + (uint32_t)x;
            const int8_t *values = in + pixel * w->in_channels + first;
            for (uint32_t i = 0; i < depth; ++i)
                sum += (values[i] - p->input_zero_point) * weights[i];
        }
    }
    return sum;
}

tinyiree_kernel_t tinyiree_portable_conv2d;

void tinyiree_portable_conv2d(const void *params, void *const *pointers, uint32_t first_row,
                              uint32_t last_row) {
    const tinyiree_conv2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const tinyiree_wide_channel_t *channels = p->channels;
    const uint32_t depth = w->in_channels / p->groups;
    const uint32_t filters = p->out_channels / p->groups;
    const uint32_t filter_size = depth * w->kernel_height * w->kernel_width;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * p->out_channels;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        for (uint32_t x = 0; x < w->out_width; ++x) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            for (uint32_t o = 0; o < p->out_channels; ++o) {
                const int8_t *weights = (const int8_t *)p->weights + o * filter_size;
                const uint32_t first = o / filters * depth;
                const int32_t sum =
                    sum_of_products(p, pointers[0], top, left, weights, first, depth);
                *out++ = tinyiree_requantize(sum + channels[o].bias, &channels[o], &p->output);
            }
        }
    }
}
