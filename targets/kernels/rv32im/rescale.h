// The end of a sum, the same in every kernel here:
//     clamp8((mulh(sum << shift, multiplier) + c + (sum < 0 ? add_if_negative : 0)) >> (e + 1))
// where c = ((2 * zero_point + 1) << e) + add, and e is the lowest byte of the channel's first
// word, of which shifts by a register look at five bits. tinyiree/kernels/rv32im/rescale.py says
// why this is R, and D with a shift of 2.
#ifndef TINYIREE_RV32IM_RESCALE_H
#define TINYIREE_RV32IM_RESCALE_H

#include "../tinyiree_kernels.h"

// The high word of a product: MULH. (GCC and clang know it by this form.)
static inline int32_t tinyiree_mulh(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b) >> 32);
}

static inline int32_t tinyiree_saturate(int32_t y) {
    return (uint32_t)(y + 128) < 256 ? y : (y >> 31) ^ 127;
}

static inline int8_t tinyiree_finish(int32_t sum, const tinyiree_channel_t *channel,
                                     const tinyiree_mulh_t *rescale, int32_t zero_point) {
    const uint32_t e = channel->bias_and_shift & 31;
    int32_t y = tinyiree_mulh((int32_t)((uint32_t)sum << rescale->shift), channel->multiplier);
    y += (int32_t)((uint32_t)(2 * zero_point + 1) << e) + rescale->add;
    if (sum < 0)
        y += rescale->add_if_negative;
    return (int8_t)tinyiree_saturate(y >> (e + 1));
}

// Clamps bytes in place to less than the range of int8; does nothing for all of it.
void tinyiree_rv32im_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output);

#endif
