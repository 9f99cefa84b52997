// Requantization of vectors of four sums in assembly, for Armv8.1-M with integer MVE (DDI 0553,
// C2.4: VMULH, VQRDMULH, VRSHL, VQMOVN). Two vectors, of the even and of the odd ones of 8
// channels, are narrowed into one.
//
// Channels are an int32_t with `left`, and then for each 8 channels, for the even and again for the
// odd ones: four biases, four multipliers (int32_t) and four negative right shifts (int8_t).
//
// R: the high word of the product, then a rounding shift: exact, since all shifts are beyond the
//    high word. `left` shifts sums to the left first where factors of 1/4 and more need that.
// D: the doubling high product, then the rounding shift. It takes halves up, and they have to go
//    away from zero: negative products are made less by one, unless nothing is shifted (the shift
//    is the mask of that). Without `left` that is left out: results below zero are clamped then.
#ifndef TINYIREE_MVE_REQUANTIZE_H
#define TINYIREE_MVE_REQUANTIZE_H

#include "../tinyiree_kernels.h"

#define TINYIREE_MVE_CHANNEL_BLOCK 72 // bytes of 8 channels

// a: sums; m, s: vectors of multipliers and shifts; t: to spoil.
#define TINYIREE_PREPARE_single(left, a) "vshl.s32 " a ", " left "\n"
#define TINYIREE_MULTIPLY_single(a, m)   "vmulh.s32 " a ", " a ", " m "\n"
#define TINYIREE_CORRECT_single(a, s, t) ""
#define TINYIREE_PREPARE_double(left, a) ""
#define TINYIREE_MULTIPLY_double(a, m)   "vqrdmulh.s32 " a ", " a ", " m "\n"
#define TINYIREE_CORRECT_double(a, s, t)                                                           \
    "vand " t ", " a ", " s "\n"                                                                   \
    "vshr.s32 " t ", " t ", #31\n"                                                                 \
    "vadd.i32 " a ", " a ", " t "\n"

// Clamps bytes in place to less than the range of int8; does nothing for all of it.
void tinyiree_mve_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output);

// What `left` is for a layer: of R the shift, of D whether the correction is needed.
static inline uint32_t tinyiree_mve_left(const int32_t *channels, const tinyiree_output_t *output) {
    return output->double_rounding ? output->clamp_min < output->zero_point : (uint32_t)*channels;
}

#endif
