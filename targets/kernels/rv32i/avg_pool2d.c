// Average pooling, and the mean over the height and width.
#include "pool.h"

static int8_t average(const void *params, const tinyiree_rv32i_part_t *part, uint32_t position) {
    const tinyiree_mulh_avg_pool2d_t *const p = params;
    const tinyiree_channel_t *channel = p->positions;
    if (!p->one_position)
        channel += position;
    const int8_t *row = part->in;
    int32_t sum = channel->bias_and_shift >> 8;
    for (uint32_t rows = part->rows; rows > 0; --rows, row += part->row_step) {
        const int8_t *x = row;
        for (uint32_t columns = part->columns; columns > 0; --columns, x += part->step)
            sum += *x;
    }
    return tinyiree_rv32i_finish(sum, channel, &p->rescale, &p->output);
}

tinyiree_kernel_t tinyiree_rv32i_avg_pool2d;

void tinyiree_rv32i_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                               uint32_t last_row) {
    const tinyiree_mulh_avg_pool2d_t *const p = params;
    tinyiree_rv32i_walk(&p->window, pointers, first_row, last_row, average, p);
}
