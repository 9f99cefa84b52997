// Multiplication without a multiplier.
//
// Of two int8, by quarter squares: a * b = q(a + b) - q(a - b) with q(n) = floor(n * n / 4), exact
// as a + b and a - b are both even or both odd. That is two loads from a table of 1 KB, and less
// than half of the instructions of shifting and adding bit by bit.
#ifndef TINYIREE_RV32I_PRODUCT_H
#define TINYIREE_RV32I_PRODUCT_H

#include "../tinyiree_kernels.h"

// sum + in[0] * weights[0] + in[step] * weights[1] + ..., of at least one product.
int32_t tinyiree_rv32i_dot(int32_t sum, const int8_t *in, uint32_t step, const int8_t *weights,
                           uint32_t count);

// a * b modulo 2^32, in as many turns as b has bits.
uint32_t tinyiree_rv32i_multiply(uint32_t a, uint32_t b);

// The end of a sum, as rv32im/rescale.h describes it.
int8_t tinyiree_rv32i_finish(int32_t sum, const tinyiree_channel_t *channel,
                             const tinyiree_mulh_t *rescale, const tinyiree_output_t *output);

#endif
