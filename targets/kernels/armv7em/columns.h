// Columns of two output pixels side by side, and their products with packed weights: pairs.h, with
// 127 subtracted from Y, so that the known term is a multiple of 256: it goes into the upper bits
// of the bias.
#ifndef TINYIREE_ARMV7EM_COLUMNS_H
#define TINYIREE_ARMV7EM_COLUMNS_H

#include "pairs.h"

// One call computes all output channels of two pixels. The members from `columns` to
// `zero_point` are copied to the stack by one LDM.
typedef struct {
    const void *weights;
    const uint32_t *columns; // X, Y of pixel 0, X, Y of pixel 1 for each 4 inputs
    uint32_t steps;          // of 8 inputs
    const uint32_t *columns_end;
    const tinyiree_channel_t *channels;     // or tinyiree_wide_channel_t, as many
    const tinyiree_channel_t *channels_end; // after an even number of channels
    int8_t *out_0;
    int8_t *out_1;      // written first: may be out_0, then pixel 1 is dropped
    int32_t zero_point; // 2 * output zero point + 1
} tinyiree_columns_t;

typedef void tinyiree_dot_t(const tinyiree_columns_t *);

// The rows `rows & 0xffff` to `rows >> 16`, by calls of `dot`.
void tinyiree_armv7em_dense(const tinyiree_conv2d_t *p, void *const *pointers, uint32_t rows,
                            tinyiree_dot_t *dot);

// One word of weights (register a for one channel, b for the next) and 4 inputs of both pixels.
#define TINYIREE_QUAD(a, b)                                                                        \
    "ldmia.w r0!, {r4-r7}\n"                                                                       \
    "smlad r8, r5, " a ", r8\n"                                                                    \
    "smlad r9, r7, " a ", r9\n"                                                                    \
    "sxtb16 " a ", " a "\n"                                                                        \
    "smlad r10, r5, " b ", r10\n"                                                                  \
    "smlad r11, r7, " b ", r11\n"                                                                  \
    "sxtb16 " b ", " b "\n"                                                                        \
    "smlad r8, r4, " a ", r8\n"                                                                    \
    "smlad r9, r6, " a ", r9\n"                                                                    \
    "smlad r10, r4, " b ", r10\n"                                                                  \
    "smlad r11, r6, " b ", r11\n"

#define TINYIREE_STEP                                                                              \
    "ldmia.w r1!, {r2, r3, r12, lr}\n" TINYIREE_QUAD("r2", "r3") TINYIREE_QUAD("r12", "lr")
#define TINYIREE_STEP_BYTES "92"

#endif
