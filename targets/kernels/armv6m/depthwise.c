// Depthwise convolution with one filter a channel: four output pixels at a time, so that a weight
// is loaded once for four products. A table of pointers, four for each tap of the window, makes
// windows of any size, dilation and border alike: taps in the padding point to a row of zero
// points.
//
// Promise: in blocks of four pixels in the order of the image; within a block, channel c of all of
// them is read before it is written.
#include "requantize.h"
#include "taps.h"

// One call computes all channels of four pixels. It is copied to the stack.
typedef struct {
    const int8_t *weights; // less the address of the taps and 16
    const int8_t *const *taps;
    uint32_t entry; // how many steps of the first turn are left out
    const int8_t *const *taps_end;
    const tinyiree_channel_t *channels;
    uint32_t channel; // 0
    uint32_t depth;
    int32_t zero_point;   // 2 * output zero point + 1
    uint32_t group_bytes; // of sixteen channels, less 16
    int8_t *const *out;   // of four pixels
} call_t;

typedef void dot_t(const call_t *);

enum { TURN = 3 };

// r0 taps, r1 weights of the channel, less r0 and 16: they come in rows of sixteen channels, and r0
// moves on by 16. r7 the channel, r8..r11 the sums.
#define TAP                                                                                        \
    "ldmia r0!, {r2-r5}\n"                                                                         \
    "ldrsb r6, [r1, r0]\n"                                                                         \
    "ldrsb r2, [r2, r7]\n"                                                                         \
    "muls r2, r6, r2\n"                                                                            \
    "add r8, r2\n"                                                                                 \
    "ldrsb r3, [r3, r7]\n"                                                                         \
    "muls r3, r6, r3\n"                                                                            \
    "add r9, r3\n"                                                                                 \
    "ldrsb r4, [r4, r7]\n"                                                                         \
    "muls r4, r6, r4\n"                                                                            \
    "add r12, r4\n"                                                                                \
    "ldrsb r5, [r5, r7]\n"                                                                         \
    "muls r5, r6, r5\n"                                                                            \
    "add r11, r5\n"

#define STORE(pixel)                                                                               \
    "ldr r1, [sp, #36]\n"                                                                          \
    "ldr r2, [sp, #20]\n"                                                                          \
    "ldr r1, [r1, #" pixel "]\n"                                                                   \
    "strb r0, [r1, r2]\n"

// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            ".syntax unified\n" \
            "push {r4-r7, lr}\n" \
            "mov r1, r8\n" \
            "mov r2, r9\n" \
            "mov r3, r10\n" \
            "mov r4, r11\n" \
            "push {r1-r4}\n" \
            "sub sp, sp, #40\n" \
            "mov r1, sp\n" \
            "ldmia r0!, {r2-r6}\n" \
            "stmia r1!, {r2-r6}\n" \
            "ldmia r0!, {r2-r6}\n" \
            "stmia r1!, {r2-r6}\n" \
            "ldr r1, [sp, #12]\n" \
            "mov lr, r1\n" \
            "1:\n" \
            "ldr r0, [sp, #16]\n" \
            "ldr r4, [r0]\n" \
            "asrs r4, r4, #8\n" \
            "mov r8, r4\n" \
            "mov r9, r4\n" \
            "mov r12, r4\n" \
            "mov r11, r4\n" \
            "ldr r0, [sp, #4]\n" \
            "ldr r1, [sp]\n" \
            "ldr r7, [sp, #20]\n" \
            "ldr r2, [sp, #8]\n" \
            "cmp r2, #1\n" \
            "beq 3f\n" \
            "bhi 4f\n" \
            "2:\n" \
            TAP \
            "3:\n" \
            TAP \
            "4:\n" \
            TAP \
            "cmp r0, lr\n" \
            "bne 2b\n"); \
        __asm__ volatile( \
            ".syntax unified\n" \
            "ldr r2, [sp, #16]\n" \
            LOAD_CHANNEL(rounding, "28") \
            "str r2, [sp, #16]\n" \
            "mov r0, r8\n" \
            REQUANTIZE(rounding) STORE("0") \
            "mov r0, r9\n" \
            REQUANTIZE(rounding) STORE("4") \
            "mov r0, r12\n" \
            REQUANTIZE(rounding) STORE("8") \
            "mov r0, r11\n" \
            REQUANTIZE(rounding) STORE("12") \
            "adds r2, r2, #1\n" \
            "str r2, [sp, #20]\n" \
            "ldr r1, [sp]\n" \
            "adds r1, r1, #1\n" \
            "lsls r3, r2, #28\n" \
            "bne 6f\n" \
            "ldr r3, [sp, #32]\n" \
            "adds r1, r1, r3\n" \
            "6:\n" \
            "str r1, [sp]\n" \
            "ldr r3, [sp, #24]\n" \
            "cmp r2, r3\n" \
            "beq 7f\n" \
            "b 1b\n" \
            "7:\n" \
            "add sp, sp, #40\n" \
            "pop {r1-r4}\n" \
            "mov r8, r1\n" \
            "mov r9, r2\n" \
            "mov r10, r3\n" \
            "mov r11, r4\n" \
            "pop {r4-r7, pc}\n"); \
    }
// clang-format on

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, dot_t *dot) {
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels;
    const uint32_t count = (uint32_t)w->kernel_height * w->kernel_width;
    const int8_t **const taps = pointers[2];
    int8_t *const zeros = (int8_t *)(taps + TINYIREE_PIXELS * count);
    if (tinyiree_leaves_image(w, rows >> 16))
        for (uint32_t i = 0; i < depth; ++i)
            zeros[i] = (int8_t)p->input_zero_point;
    tinyiree_pixels_t pixels;
    tinyiree_first_pixels(&pixels, w, pointers[1], depth, rows & 0xffff, rows >> 16);
    int8_t *const out = pixels.next_out;
    call_t call;
    call.weights = (const int8_t *)((uintptr_t)p->weights - (uintptr_t)taps - 16);
    call.taps = taps;
    call.entry = count % TURN == 0 ? 0 : TURN - count % TURN;
    call.taps_end = taps + TINYIREE_PIXELS * count;
    call.channels = p->channels;
    call.channel = 0;
    call.depth = depth;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.group_bytes = 16 * count - 16;
    call.out = pixels.out;
    const uint32_t bytes = pixels.left_over * depth;
    while (pixels.left_over > 0) {
        tinyiree_next_pixels(&pixels, w, depth);
        for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i)
            tinyiree_aim(taps + i, w, pointers[0], zeros, pixels.top[i], pixels.left[i]);
        dot(&call);
    }
    tinyiree_armv6m_clamp(out, bytes, &p->output);
}

#define DEFINE_DEPTHWISE(rounding)                                                                 \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv6m_depthwise_##rounding;                                        \
    void tinyiree_armv6m_depthwise_##rounding(const void *params, void *const *pointers,           \
                                              uint32_t first_row, uint32_t last_row) {             \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_DEPTHWISE(single)
DEFINE_DEPTHWISE(double)
