// Average pooling, and the mean over the height and width. Of a pixel, four channels (of those that
// are left, one by one) are read before they are written.
#include "rescale.h"

// Sums of four channels over a part of the image.
__attribute__((noinline)) static void four(const int8_t *in, uint32_t rows, uint32_t columns,
                                           uint32_t depth, uint32_t row_bytes, int32_t sums[4]) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (; rows > 0; --rows, in += row_bytes) {
        const int8_t *x = in;
        if (columns & 1) {
            s0 += x[0], s1 += x[1], s2 += x[2], s3 += x[3];
            x += depth;
        }
        for (const int8_t *const end = in + columns * depth; x != end;) {
            const int8_t *const next = x + depth;
            s0 += x[0], s1 += x[1], s2 += x[2], s3 += x[3];
            s0 += next[0], s1 += next[1], s2 += next[2], s3 += next[3];
            x = next + depth;
        }
    }
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
}

__attribute__((noinline)) static int32_t one(const int8_t *in, uint32_t rows, uint32_t columns,
                                             uint32_t depth, uint32_t row_bytes) {
    int32_t sum = 0;
    for (; rows > 0; --rows, in += row_bytes)
        for (uint32_t i = 0; i < columns; ++i)
            sum += in[i * depth];
    return sum;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

tinyiree_kernel_t tinyiree_rv32im_avg_pool2d;

void tinyiree_rv32im_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                uint32_t last_row) {
    const tinyiree_mulh_avg_pool2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    const int32_t zero_point = p->output.zero_point;
    const tinyiree_channel_t *position = p->positions;
    if (!p->one_position)
        position += first_row * w->out_width;
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
            const int8_t *const in = (const int8_t *)pointers[0] + first * row_bytes + from * depth;
            const int32_t bias = position->bias_and_shift >> 8;
            uint32_t c = 0;
            for (; c + 4 <= depth; c += 4) {
                int32_t sums[4];
                four(in + c, rows, columns, depth, row_bytes, sums);
                for (uint32_t i = 0; i < 4; ++i)
                    out[c + i] = tinyiree_finish(sums[i] + bias, position, &p->rescale, zero_point);
            }
            for (; c < depth; ++c) {
                const int32_t sum = one(in + c, rows, columns, depth, row_bytes);
                out[c] = tinyiree_finish(sum + bias, position, &p->rescale, zero_point);
            }
            position += !p->one_position;
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * depth;
    tinyiree_rv32im_clamp(out - bytes, bytes, &p->output);
}
