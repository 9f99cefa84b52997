// Columns of two output pixels side by side, and their products with packed weights.
//
// Weights stay bytes in flash, but only half of them is widened before use. A word of weights has
// two halfwords r = 256 * -w0 + w1 and the same of w2, w3. The four inputs b0..b3 are made two
// words, X with the halfwords 256 * b1 + t and 256 * b3 + t', and Y with 256 - t and 256 - t',
// where t = b0 + 128 and t' = b2 + 128. Then
//     SMLAD(X, SXTB16(r)) + SMLAD(Y, r) = 256 * (b0 * w0 + .. + b3 * w3) + constant
// with a constant of the weights alone, which is folded into the bias (tinyiree.kernels.packing).
#ifndef TINYIREE_ARMV7EM_COLUMNS_H
#define TINYIREE_ARMV7EM_COLUMNS_H

#include "requantize.h"

// One call computes all output channels of two pixels. The members from `columns` to
// `zero_point` are copied to the stack by one LDM.
typedef struct {
    const void *weights;
    const uint32_t *columns; // X, Y of pixel 0, X, Y of pixel 1 for each 4 inputs
    uint32_t steps;          // of 8 inputs
    const uint32_t *columns_end;
    const tinyiree_channel_t *channels;
    const tinyiree_channel_t *channels_end; // after an even number of channels
    int8_t *out_0;
    int8_t *out_1;      // written first: may be out_0, then pixel 1 is dropped
    int32_t zero_point; // 2 * output zero point + 1
} tinyiree_columns_t;

typedef void tinyiree_dot_t(const tinyiree_columns_t *);

// Widens one or more fours of inputs to X and Y; those of one follow those of the other by `stride`
// bytes. Two fours a turn: an odd number starts in the middle.
#define TINYIREE_EXPAND_QUAD(stride)                                                               \
    "ldr %[x], [%[from]], #4\n"                                                                    \
    "eor %[x], %[x], #0x00800080\n"                                                                \
    "uxtb16 %[y], %[x]\n"                                                                          \
    "rsb %[y], %[y], #0x01000100\n"                                                                \
    "strd %[x], %[y], [%[to]], #" stride "\n"

#define TINYIREE_DEFINE_EXPAND(name, stride)                                                       \
    static inline uint32_t *name(uint32_t *to, const int8_t *from, uint32_t quads) {               \
        const int8_t *const end = from + 4 * quads;                                                \
        uint32_t x, y;                                                                             \
        __asm__ volatile("lsls %[x], %[quads], #31\n"                                              \
                         "bmi 2f\n"                                                                \
                         "1:\n" TINYIREE_EXPAND_QUAD(stride) "2:\n" TINYIREE_EXPAND_QUAD(          \
                             stride) "cmp %[from], %[end]\n"                                       \
                                     "bne 1b\n"                                                    \
                         : [to] "+r"(to), [from] "+r"(from), [x] "=&r"(x), [y] "=&r"(y)            \
                         : [end] "r"(end), [quads] "r"(quads)                                      \
                         : "memory", "cc");                                                        \
        return to;                                                                                 \
    }

TINYIREE_DEFINE_EXPAND(tinyiree_expand_one, "8")  // the only pixel
TINYIREE_DEFINE_EXPAND(tinyiree_expand_two, "16") // one of two pixels

#endif
