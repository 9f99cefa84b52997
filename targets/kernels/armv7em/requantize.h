// Requantization of one accumulator in assembly, for Armv7E-M and Armv8-M with the DSP extension
// (Armv7-M ARM, DDI 0403, A7.7: SMMLA, SMMLAR, SSAT).
//
// acc: what tinyiree_channel_t starts, times SCALE; becomes the int8 result, sign-extended.
// m: multiplier. e: the word with the shift in its lowest byte, which is all that a shift by a
// register looks at. c: (2 * zero_point + 1) << shift, the rounding and the zero point, which comes
// out right because the last bit is shifted out by SSAT. t: a register to spoil.
//
// R: the sum is 256-fold, so that the high word of the product has enough bits; SMMLA adds c.
// D: the sum is 2-fold, SMMLAR then is the doubling high product rounded half up; halves go away
//    from zero because a negative product is made less by one first.
#ifndef TINYIREE_ARMV7EM_REQUANTIZE_H
#define TINYIREE_ARMV7EM_REQUANTIZE_H

#include "../tinyiree_kernels.h"

#define REQUANTIZE_single(acc, m, e, c, t)                                                         \
    "smmla " acc ", " acc ", " m ", " c "\n"                                                       \
    "asr " acc ", " acc ", " e "\n"                                                                \
    "ssat " acc ", #8, " acc ", asr #1\n"

#define REQUANTIZE_double(acc, m, e, c, t)                                                         \
    "add " t ", " c ", " acc ", asr #31\n"                                                         \
    "smmlar " acc ", " acc ", " m ", " t "\n"                                                      \
    "asr " acc ", " acc ", " e "\n"                                                                \
    "ssat " acc ", #8, " acc ", asr #1\n"

// The same from a sum that is 256-fold in both cases.
#define FINISH_single(acc, m, e, c, t) REQUANTIZE_single(acc, m, e, c, t)
#define FINISH_double(acc, m, e, c, t)                                                             \
    "asr " acc ", " acc ", #7\n" REQUANTIZE_double(acc, m, e, c, t)

// The start of a sum, from the word with the bias, and at the scale that goes with REQUANTIZE.
#define START_256(acc, word)    "bic " acc ", " word ", #255\n"
#define START_single(acc, word) START_256(acc, word)
#define START_double(acc, word) "asr " acc ", " word ", #7\n"

// The end of one output where sums have up to 30 bits; the shift of the channel is that of
// tinyiree_channel_t, zero_point is 2 * output zero point + 1.
#define TINYIREE_DEFINE_WIDE(rounding)                                                             \
    static inline int8_t tinyiree_wide_##rounding(                                                 \
        int32_t sum, const tinyiree_wide_channel_t *channel, int32_t zero_point) {                 \
        const int32_t c = zero_point << channel->shift;                                            \
        int32_t t;                                                                                 \
        sum = 2 * (sum + channel->bias);                                                           \
        __asm__(REQUANTIZE_##rounding("%0", "%2", "%3", "%4", "%1")                                \
                : "+&r"(sum), "=&r"(t)                                                             \
                : "r"(channel->multiplier), "r"(channel->shift), "r"(c));                          \
        return (int8_t)sum;                                                                        \
    }

TINYIREE_DEFINE_WIDE(single)
TINYIREE_DEFINE_WIDE(double)

// Clamps bytes in place to less than the range of int8; does nothing for all of it.
void tinyiree_armv7em_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output);

#endif
