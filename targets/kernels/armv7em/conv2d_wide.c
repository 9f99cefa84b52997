// Dense convolution as in conv2d.c, with sums of more than 24 bits: every 40 steps what has been
// summed up is brought back to its size.
#include "columns.h"

// 40 steps of 8 inputs sum up to less than 2^23: one step to 4 * (128 * 128 + 255 * 128) at most.
enum { PART = 40 };

// Adds the products of `steps` steps, at least 1, to sums of (channel 0, pixel 0), (0, 1), (1, 0),
// (1, 1). Returns the weights that follow. The loop is entered in its middle.
// clang-format off
__attribute__((naked)) static const void *part(
    __attribute__((unused)) const uint32_t *columns, __attribute__((unused)) const void *weights,
    __attribute__((unused)) uint32_t steps, __attribute__((unused)) int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n"
        "add r3, r0, r2, lsl #5\n"
        "push {r2, r3}\n"
        "lsls r2, r2, #31\n"
        "mov r8, #0\n"
        "mov r9, #0\n"
        "mov r10, #0\n"
        "mov r11, #0\n"
        "bmi.w 2f\n"
        "1:\n"
        TINYIREE_STEP
        "2:\n"
        TINYIREE_STEP
        "ldr r2, [sp, #4]\n"
        "cmp r0, r2\n"
        "bne.w 1b\n"
        "ldr r0, [sp, #8]\n"
        "ldmia r0, {r4-r7}\n"
        "add r4, r4, r8, asr #8\n"
        "add r5, r5, r9, asr #8\n"
        "add r6, r6, r10, asr #8\n"
        "add r7, r7, r11, asr #8\n"
        "stmia r0, {r4-r7}\n"
        "mov r0, r1\n"
        "add sp, sp, #12\n"
        "pop {r4-r11, pc}\n");
}
// clang-format on

#define DEFINE_DOT(rounding)                                                                       \
    static void dot_##rounding(const tinyiree_columns_t *call) {                                   \
        const tinyiree_wide_channel_t *channel = (const void *)call->channels;                     \
        const tinyiree_wide_channel_t *const end =                                                 \
            channel + (call->channels_end - call->channels);                                       \
        const void *weights = call->weights;                                                       \
        int8_t *out_0 = call->out_0, *out_1 = call->out_1;                                         \
        do {                                                                                       \
            int32_t sums[4] = {0, 0, 0, 0};                                                        \
            const uint32_t *columns = call->columns;                                               \
            for (uint32_t steps = call->steps, count; steps > 0; steps -= count) {                 \
                count = steps < PART ? steps : PART;                                               \
                weights = part(columns, weights, count, sums);                                     \
                columns += 8 * count;                                                              \
            }                                                                                      \
            for (uint32_t i = 0; i < 2; ++i, ++channel) {                                          \
                *out_1++ = tinyiree_wide_##rounding(sums[2 * i + 1], channel, call->zero_point);   \
                *out_0++ = tinyiree_wide_##rounding(sums[2 * i], channel, call->zero_point);       \
            }                                                                                      \
        } while (channel != end);                                                                  \
    }

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7em_conv2d_wide_##rounding;                                     \
    void tinyiree_armv7em_conv2d_wide_##rounding(const void *params, void *const *pointers,        \
                                                 uint32_t first_row, uint32_t last_row) {          \
        tinyiree_armv7em_dense(params, pointers, first_row | last_row << 16, dot_##rounding);      \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
