// nn.transpose of int8 from [C, H, W] to [H, W, C].
#include "../tinyiree_kernels.h"

tinyiree_kernel_t tinyiree_portable_channels_last;

void tinyiree_portable_channels_last(const void *params, void *const *pointers, uint32_t first_row,
                                     uint32_t last_row) {
    const tinyiree_channels_last_t *p = params;
    const uint32_t width = p->width, channels = p->channels, plane = p->height * width;
    const int8_t *row = (const int8_t *)pointers[0] + first_row * width;
    int8_t *out = (int8_t *)pointers[1] + first_row * width * channels;
    for (uint32_t y = first_row; y < last_row; ++y, row += width, out += width * channels) {
        const int8_t *in = row;
        for (uint32_t c = 0; c < channels; ++c, in += plane) {
            int8_t *to = out + c;
            for (uint32_t x = 0; x < width; ++x, to += channels)
                *to = in[x];
        }
    }
}
