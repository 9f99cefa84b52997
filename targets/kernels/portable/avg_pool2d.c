// qnn.avg_pool2d, and qnn.mean over the height and width.
#include "requantize.h"

tinyiree_kernel_t tinyiree_portable_avg_pool2d;

void tinyiree_portable_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                  uint32_t last_row) {
    const tinyiree_avg_pool2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const int8_t *in = pointers[0];
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * w->in_channels;
    for (uint32_t y = first_row; y < last_row; ++y) {
        for (uint32_t x = 0; x < w->out_width; ++x) {
            const tinyiree_wide_channel_t *position =
                (const tinyiree_wide_channel_t *)p->positions +
                (p->one_position ? 0 : y * w->out_width + x);
            for (uint32_t c = 0; c < w->in_channels; ++c) {
                int32_t sum = position->bias;
                for (uint32_t k = 0; k < (uint32_t)w->kernel_height * w->kernel_width; ++k) {
                    const int32_t row =
                        (int32_t)(y * w->stride_height + k / w->kernel_width) - w->pad_top;
                    const int32_t column =
                        (int32_t)(x * w->stride_width + k % w->kernel_width) - w->pad_left;
                    if (row >= 0 && row < w->in_height && column >= 0 && column < w->in_width)
                        sum +=
                            in[((uint32_t)row * w->in_width + (uint32_t)column) * w->in_channels +
                               c];
                }
                *out++ = tinyiree_requantize(sum, position, &p->output);
            }
        }
    }
}
