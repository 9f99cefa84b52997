// Requantization of one accumulator in assembly, for Armv7-M without the DSP extension
// (Armv7-M ARM, DDI 0403, A7.7: SMULL, SSAT).
//
// acc: the sum; becomes the int8 result, sign-extended. m: multiplier. e: the shift that follows
// the high word, less 1. c: (2 * zero_point + 1) << e, the rounding and the zero point; SSAT shifts
// the last bit out. t and u: registers to spoil.
//
// R: the high word of 256 * acc * m, as the multiplier of `tinyiree.kernels.channels` wants it.
// D: the doubling high product rounded half up, less by one for negative sums, so that halves go
//    away from zero.
#ifndef TINYIREE_ARMV7M_REQUANTIZE_H
#define TINYIREE_ARMV7M_REQUANTIZE_H

#include "../tinyiree_kernels.h"

#define REQUANTIZE_single(acc, m, e, c, t, u)                                                      \
    "lsls " acc ", " acc ", #8\n"                                                                  \
    "smull " t ", " acc ", " acc ", " m "\n"                                                       \
    "add " acc ", " acc ", " c "\n"                                                                \
    "asr " acc ", " acc ", " e "\n"                                                                \
    "ssat " acc ", #8, " acc ", asr #1\n"

#define REQUANTIZE_double(acc, m, e, c, t, u)                                                      \
    "add " u ", " c ", " acc ", asr #31\n"                                                         \
    "lsls " acc ", " acc ", #1\n"                                                                  \
    "smull " t ", " acc ", " acc ", " m "\n"                                                       \
    "lsls " t ", " t ", #1\n"                                                                      \
    "adc " acc ", " acc ", " u "\n"                                                                \
    "asr " acc ", " acc ", " e "\n"                                                                \
    "ssat " acc ", #8, " acc ", asr #1\n"

// Clamps bytes in place to less than the range of int8; does nothing for all of it.
void tinyiree_armv6m_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output);

#endif
