// The end of every operator in plain C.
#ifndef TINYIREE_PORTABLE_REQUANTIZE_H
#define TINYIREE_PORTABLE_REQUANTIZE_H

#include "../tinyiree_kernels.h"

// x / 2^exponent, to nearest, halves away from zero.
static inline int64_t tinyiree_round_divide(int64_t x, int exponent) {
    if (exponent == 0)
        return x;
    return (x + ((int64_t)1 << (exponent - 1)) - (x < 0)) >> exponent;
}

// D of tinyiree/ir/README.md.
static inline int64_t tinyiree_rescale_twice(int64_t acc, int32_t multiplier, int shift) {
    if (shift < 31)
        acc *= (int64_t)1 << (31 - shift);
    const int64_t high = (acc * multiplier + ((int64_t)1 << 30)) >> 31;
    return tinyiree_round_divide(high, shift > 31 ? shift - 31 : 0);
}

static inline int8_t tinyiree_clamp(int64_t y, const tinyiree_output_t *output) {
    y += output->zero_point;
    if (y < output->clamp_min)
        return output->clamp_min;
    return y > output->clamp_max ? output->clamp_max : (int8_t)y;
}

static inline int8_t tinyiree_requantize(int32_t acc, const tinyiree_wide_channel_t *channel,
                                         const tinyiree_output_t *output) {
    const int32_t m = channel->multiplier;
    const int shift = channel->shift;
    if (output->double_rounding)
        return tinyiree_clamp(tinyiree_rescale_twice(acc, m, shift), output);
    return tinyiree_clamp(((int64_t)acc * m + ((int64_t)1 << (shift - 1))) >> shift, output);
}

#endif
