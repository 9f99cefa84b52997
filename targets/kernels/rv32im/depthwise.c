// Depthwise convolution with any window: four channels of a pixel at a time. A table of pointers,
// one a tap, makes borders and dilations alike: taps in the padding point to a row of zero points.
//
// Pixels go from left to right and from the top down. Of a pixel, four channels (of those that are
// left, one by one) are read before they are written.
#include "rescale.h"

typedef struct {
    const tinyiree_mulh_conv2d_t *layer;
    const int8_t *const *taps;
    const int8_t *const *end;
} call_t;

// `c` is the channel; weights go tap by tap.
__attribute__((noinline)) static void four(const call_t *call, uint32_t c, int8_t *out) {
    const tinyiree_mulh_conv2d_t *p = call->layer;
    const uint32_t depth = p->window.in_channels;
    const int8_t *weights = (const int8_t *)p->weights + c;
    const tinyiree_channel_t *channels = (const tinyiree_channel_t *)p->channels + c;
    int32_t s0 = channels[0].bias_and_shift >> 8, s1 = channels[1].bias_and_shift >> 8;
    int32_t s2 = channels[2].bias_and_shift >> 8, s3 = channels[3].bias_and_shift >> 8;
    for (const int8_t *const *tap = call->taps; tap != call->end; ++tap, weights += depth) {
        const int8_t *const x = *tap + c;
        s0 += x[0] * weights[0];
        s1 += x[1] * weights[1];
        s2 += x[2] * weights[2];
        s3 += x[3] * weights[3];
    }
    const int32_t zero_point = p->output.zero_point;
    out[c] = tinyiree_finish(s0, channels, &p->rescale, zero_point);
    out[c + 1] = tinyiree_finish(s1, channels + 1, &p->rescale, zero_point);
    out[c + 2] = tinyiree_finish(s2, channels + 2, &p->rescale, zero_point);
    out[c + 3] = tinyiree_finish(s3, channels + 3, &p->rescale, zero_point);
}

__attribute__((noinline)) static void one(const call_t *call, uint32_t c, int8_t *out) {
    const tinyiree_mulh_conv2d_t *p = call->layer;
    const int8_t *weights = (const int8_t *)p->weights + c;
    const tinyiree_channel_t *channel = (const tinyiree_channel_t *)p->channels + c;
    int32_t sum = channel->bias_and_shift >> 8;
    for (const int8_t *const *tap = call->taps; tap != call->end; ++tap) {
        sum += (*tap)[c] * *weights;
        weights += p->window.in_channels;
    }
    out[c] = tinyiree_finish(sum, channel, &p->rescale, p->output.zero_point);
}

// Points the taps to the inputs of a window, or to `zeros`.
__attribute__((noinline)) static void aim(const int8_t **taps, const tinyiree_window_t *w,
                                          const int8_t *in, const int8_t *zeros, int32_t top,
                                          int32_t left) {
    const int32_t depth = w->in_channels, step = w->dilation_width;
    const int8_t *row = in + (top * w->in_width + left) * depth;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const uint32_t width = (uint32_t)top < w->in_height ? w->in_width : 0;
        const int8_t *from = row;
        int32_t x = left;
        for (uint32_t kx = w->kernel_width; kx > 0; --kx) {
            *taps++ = (uint32_t)x < width ? from : zeros;
            x += step;
            from += step * depth;
        }
        top += w->dilation_height;
        row += w->dilation_height * w->in_width * depth;
    }
}

tinyiree_kernel_t tinyiree_rv32im_depthwise;

void tinyiree_rv32im_depthwise(const void *params, void *const *pointers, uint32_t first_row,
                               uint32_t last_row) {
    const tinyiree_mulh_conv2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels;
    const int8_t **const taps = pointers[2];
    const call_t call = {p, taps, taps + (uint32_t)w->kernel_height * w->kernel_width};
    int8_t *const zeros = (int8_t *)(taps + (uint32_t)w->kernel_height * w->kernel_width);
    for (uint32_t i = 0; i < depth; ++i)
        zeros[i] = (int8_t)p->input_zero_point;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        int32_t left = -(int32_t)w->pad_left;
        for (uint32_t x = w->out_width; x > 0; --x, left += w->stride_width, out += depth) {
            aim(taps, w, pointers[0], zeros, top, left);
            uint32_t c = 0;
            for (; c + 4 <= depth; c += 4)
                four(&call, c, out);
            for (; c < depth; ++c)
                one(&call, c, out);
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * depth;
    tinyiree_rv32im_clamp(out - bytes, bytes, &p->output);
}
