#include "pool.h"

// Along one axis: returns the number of taps inside, and how many are before them.
static uint32_t clip(int32_t at, uint32_t kernel, uint32_t dilation, uint32_t size,
                     uint32_t *first) {
    uint32_t inside = 0;
    *first = 0;
    for (; kernel > 0; --kernel, at += (int32_t)dilation) {
        *first += at < 0;
        inside += (uint32_t)at < size;
    }
    return inside;
}

void tinyiree_rv32i_walk(const tinyiree_window_t *w, void *const *pointers, uint32_t first_row,
                         uint32_t last_row, tinyiree_rv32i_pool_t *pool, const void *params) {
    const uint32_t depth = w->in_channels;
    const uint32_t in_row = tinyiree_rv32i_multiply(w->in_width, depth);
    uint32_t position = tinyiree_rv32i_multiply(w->out_width, first_row);
    int8_t *out = (int8_t *)pointers[1] + tinyiree_rv32i_multiply(position, depth);
    int32_t top = (int32_t)tinyiree_rv32i_multiply(first_row, w->stride_height) - w->pad_top;
    tinyiree_rv32i_part_t part;
    part.step = tinyiree_rv32i_multiply(depth, w->dilation_width);
    part.row_step = tinyiree_rv32i_multiply(in_row, w->dilation_height);
    for (; first_row < last_row; ++first_row, top += w->stride_height) {
        int32_t left = -(int32_t)w->pad_left;
        uint32_t ky, kx;
        part.rows = clip(top, w->kernel_height, w->dilation_height, w->in_height, &ky);
        for (uint32_t pixels = w->out_width; pixels > 0; --pixels, left += w->stride_width) {
            part.columns = clip(left, w->kernel_width, w->dilation_width, w->in_width, &kx);
            part.in = (const int8_t *)pointers[0] +
                      (int32_t)(tinyiree_rv32i_multiply(in_row, (uint32_t)top) +
                                tinyiree_rv32i_multiply(depth, (uint32_t)left) +
                                tinyiree_rv32i_multiply(part.row_step, ky) +
                                tinyiree_rv32i_multiply(part.step, kx));
            for (uint32_t channels = depth; channels > 0; --channels, ++part.in)
                *out++ = pool(params, &part, position);
            ++position;
        }
    }
}
