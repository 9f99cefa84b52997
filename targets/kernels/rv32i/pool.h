// Windows of pools: the walk over an image, and the part of a window that is inside.
#ifndef TINYIREE_RV32I_POOL_H
#define TINYIREE_RV32I_POOL_H

#include "product.h"

typedef struct {
    const int8_t *in; // the first tap inside, channel 0
    uint32_t rows;    // of taps inside
    uint32_t columns;
    uint32_t step;     // from a tap to the next
    uint32_t row_step; // from a row of taps to the next
} tinyiree_rv32i_part_t;

// Computes one channel of one pixel; `position` counts output pixels.
typedef int8_t tinyiree_rv32i_pool_t(const void *params, const tinyiree_rv32i_part_t *part,
                                     uint32_t position);

// Calls `pool` for every element of some rows.
void tinyiree_rv32i_walk(const tinyiree_window_t *w, void *const *pointers, uint32_t first_row,
                         uint32_t last_row, tinyiree_rv32i_pool_t *pool, const void *params);

#endif
