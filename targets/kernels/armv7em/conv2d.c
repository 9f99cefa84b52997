// Dense convolution, pointwise or of any window: two output channels of two pixels at a time over 8
// inputs a step; see dense.c for the rest.
#include "columns.h"

// r0 columns, r1 weights, r8..r11 sums (pixel 0 and 1 of the channel, of the next one). On the
// stack, after the copy: 0 columns, 4 entry, 8 columns_end, 12 channels, 16 channels_end, 20 out_0,
// 24 out_1, 28 zero_point. The loop is entered in its middle so that the steps come out even.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const tinyiree_columns_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "ldmia r0, {r1-r9}\n" \
            "rsb r3, r3, #0\n" \
            "and r3, r3, #3\n" \
            "mov r12, #" TINYIREE_STEP_BYTES "\n" \
            "mul r3, r3, r12\n" \
            "adr.w r12, 2f\n" \
            "add r3, r3, r12\n" \
            "orr r3, r3, #1\n" \
            "push {r2-r9}\n" \
            "mov r0, r5\n" \
            "1:\n" \
            "ldmia r0, {r8-r11}\n" \
            START_256("r9", "r8") \
            START_256("r11", "r10") \
            "mov r8, r9\n" \
            "mov r10, r11\n" \
            "ldrd r0, r2, [sp]\n" \
            "bx r2\n" \
            ".balign 4\n" \
            "2:\n" \
            ".rept 4\n" TINYIREE_STEP ".endr\n" \
            "ldr r2, [sp, #8]\n" \
            "cmp r0, r2\n" \
            "bne.w 2b\n" \
            "ldr r0, [sp, #12]\n" \
            "ldr r3, [sp, #28]\n" \
            "ldmia r0!, {r4-r7}\n" \
            "str r0, [sp, #12]\n" \
            "lsl r2, r3, r4\n" \
            "lsl r3, r3, r6\n" \
            FINISH_##rounding("r8", "r5", "r4", "r2", "r12") \
            FINISH_##rounding("r9", "r5", "r4", "r2", "r12") \
            FINISH_##rounding("r10", "r7", "r6", "r3", "r12") \
            FINISH_##rounding("r11", "r7", "r6", "r3", "r12") \
            "ldrd r4, r5, [sp, #20]\n" \
            "ldr r2, [sp, #16]\n" \
            "strb r9, [r5], #1\n" \
            "strb r11, [r5], #1\n" \
            "strb r8, [r4], #1\n" \
            "strb r10, [r4], #1\n" \
            "strd r4, r5, [sp, #20]\n" \
            "cmp r0, r2\n" \
            "bne.w 1b\n" \
            "add sp, sp, #32\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7em_conv2d_##rounding;                                          \
    void tinyiree_armv7em_conv2d_##rounding(const void *params, void *const *pointers,             \
                                            uint32_t first_row, uint32_t last_row) {               \
        tinyiree_armv7em_dense(params, pointers, first_row | last_row << 16, dot_##rounding);      \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
