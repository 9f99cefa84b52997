// Requantization of one accumulator in assembly for Armv6-M, which multiplies 32 x 32 -> 32 bits.
//
// The sum has 24 bits, the multiplier m 31. With sum = ah * 2^16 + al (al >= 0), all floors exact:
//     (sum * m) >> 24 = ah * (m >> 8) + ((al * m_high + (al * m_low >> 16) + ah * (m & 255)) >> 8)
// and no term leaves 32 bits. A constant then adds rounding and output zero point at once; D adds
// 128 less for a negative sum, so that halves go away from zero (R and D: tinyiree/ir/README.md;
// that the sign of the sum is that of the rounded product, except where both give 0, needs a
// shift above 31).
#ifndef TINYIREE_ARMV6M_REQUANTIZE_H
#define TINYIREE_ARMV6M_REQUANTIZE_H

#include "../tinyiree_kernels.h"

// The lowest five bits of `bias_and_shift` are the final right shift less 1; the three above them
// are the kernel's own.
// r2 -> tinyiree_channel_t: r2 behind it, r3 m & 0xffff, r4 m >> 16, r5 m & 255, r6 m >> 8,
// r7 the shift, r10 the constant. `zero_point` is the place on the stack of 2 * zero point + 1.
#define LOAD_CHANNEL(rounding, zero_point)                                                         \
    "ldmia r2!, {r4, r5}\n"                                                                        \
    "movs r3, #31\n"                                                                               \
    "ands r4, r4, r3\n"                                                                            \
    "ldr r7, [sp, #" zero_point "]\n"                                                              \
    "lsls r7, r7, r4\n" CONSTANT_##rounding "mov r10, r7\n"                                        \
                                            "adds r7, r4, #1\n"                                    \
                                            "uxth r3, r5\n"                                        \
                                            "lsrs r4, r5, #16\n"                                   \
                                            "lsrs r6, r5, #8\n"                                    \
                                            "uxtb r5, r5\n"

#define CONSTANT_single ""
#define CONSTANT_double "adds r7, r7, #64\n"

#define SIGN_single ""
#define SIGN_double                                                                                \
    "asrs r2, r1, #31\n"                                                                           \
    "lsls r2, r2, #7\n"                                                                            \
    "adds r0, r0, r2\n"

// r0: the sum, becomes the int8 result. Spoils r1 and r2.
#define REQUANTIZE(rounding)                                                                       \
    "asrs r1, r0, #16\n"                                                                           \
    "uxth r0, r0\n"                                                                                \
    "movs r2, r0\n"                                                                                \
    "muls r2, r3, r2\n"                                                                            \
    "lsrs r2, r2, #16\n"                                                                           \
    "muls r0, r4, r0\n"                                                                            \
    "adds r0, r0, r2\n"                                                                            \
    "movs r2, r1\n"                                                                                \
    "muls r2, r5, r2\n"                                                                            \
    "adds r0, r0, r2\n"                                                                            \
    "asrs r0, r0, #8\n" SIGN_##rounding "muls r1, r6, r1\n"                                        \
                                        "adds r0, r0, r1\n"                                        \
                                        "add r0, r10\n"                                            \
                                        "asrs r0, r0, r7\n"                                        \
                                        "sxtb r2, r0\n"                                            \
                                        "cmp r2, r0\n"                                             \
                                        "beq 99f\n"                                                \
                                        "asrs r0, r0, #31\n"                                       \
                                        "movs r2, #127\n"                                          \
                                        "eors r0, r0, r2\n"                                        \
                                        "99:\n"

// Clamps bytes in place to less than the range of int8; does nothing for all of it.
void tinyiree_armv6m_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output);

#endif
