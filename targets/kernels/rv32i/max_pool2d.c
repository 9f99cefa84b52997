// Max pooling: padding never wins.
#include "pool.h"

static int8_t most(const void *params, const tinyiree_rv32i_part_t *part, uint32_t position) {
    const int8_t *row = part->in;
    int32_t best = -128;
    (void)params;
    (void)position;
    for (uint32_t rows = part->rows; rows > 0; --rows, row += part->row_step) {
        const int8_t *x = row;
        for (uint32_t columns = part->columns; columns > 0; --columns, x += part->step)
            if (*x > best)
                best = *x;
    }
    return (int8_t)best;
}

tinyiree_kernel_t tinyiree_rv32i_max_pool2d;

void tinyiree_rv32i_max_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                               uint32_t last_row) {
    const tinyiree_max_pool2d_t *const p = params;
    tinyiree_rv32i_walk(&p->window, pointers, first_row, last_row, most, p);
}
