// Max pooling. Of a pixel, four channels (of those that are left, one by one) are read before they
// are written.
#include "../tinyiree_kernels.h"

// The part of a window that lies inside.
typedef struct {
    const int8_t *in;
    uint32_t rows;
    uint32_t columns;
    uint32_t step;     // from a tap to the next
    uint32_t row_step; // from a row of taps to the next
} part_t;

__attribute__((noinline)) static void four(const part_t *part, uint32_t c, int8_t *out) {
    int32_t m0 = -128, m1 = -128, m2 = -128, m3 = -128;
    const int8_t *row = part->in + c;
    for (uint32_t rows = part->rows; rows > 0; --rows, row += part->row_step) {
        const int8_t *x = row;
        for (uint32_t columns = part->columns; columns > 0; --columns, x += part->step) {
            const int32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
            if (x0 > m0)
                m0 = x0;
            if (x1 > m1)
                m1 = x1;
            if (x2 > m2)
                m2 = x2;
            if (x3 > m3)
                m3 = x3;
        }
    }
    out[c] = (int8_t)m0;
    out[c + 1] = (int8_t)m1;
    out[c + 2] = (int8_t)m2;
    out[c + 3] = (int8_t)m3;
}

__attribute__((noinline)) static void one(const part_t *part, uint32_t c, int8_t *out) {
    int32_t most = -128;
    const int8_t *row = part->in + c;
    for (uint32_t rows = part->rows; rows > 0; --rows, row += part->row_step) {
        for (uint32_t i = 0; i < part->columns; ++i)
            if (row[i * part->step] > most)
                most = row[i * part->step];
    }
    out[c] = (int8_t)most;
}

// Along one axis: the first tap inside; the number of them is returned.
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

tinyiree_kernel_t tinyiree_rv32im_max_pool2d;

void tinyiree_rv32im_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                                uint32_t last_row) {
    const tinyiree_window_t *w = &((const tinyiree_max_pool2d_t *)params)->window;
    const uint32_t depth = w->in_channels;
    part_t part;
    part.step = w->dilation_width * depth;
    part.row_step = (uint32_t)w->dilation_height * w->in_width * depth;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        uint32_t ky, kx;
        part.rows = clip(top, w->kernel_height, w->dilation_height, w->in_height, &ky);
        for (uint32_t x = 0; x < w->out_width; ++x, out += depth) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            part.columns = clip(left, w->kernel_width, w->dilation_width, w->in_width, &kx);
            part.in = (const int8_t *)pointers[0] + (top * w->in_width + left) * (int32_t)depth +
                      (int32_t)(ky * part.row_step + kx * part.step);
            uint32_t c = 0;
            for (; c + 4 <= depth; c += 4)
                four(&part, c, out);
            for (; c < depth; ++c)
                one(&part, c, out);
        }
    }
}
