// Dense convolution, pointwise or of any window: four output pixels at a time, one output channel
// after the other. A weight times a word is two products (columns.h); a running pair of sums is
// split into two of 32 bits every 2, 4 or 8 inputs, as the weights of the channel allow.
//
// Promise: the inputs of a pixel are all read before it is written, in the order of pixels.
#include "columns.h"
#include "requantize.h"

// One call computes all output channels of four pixels. It is copied to the stack.
typedef struct {
    const int8_t *weights; // less the address of the columns and 8
    const uint32_t *columns;
    const uint32_t *columns_end;
    const tinyiree_channel_t *channels;
    uint32_t channel; // 0
    uint32_t outputs;
    int32_t zero_point;   // 2 * output zero point + 1
    uint32_t group_bytes; // of eight channels, less 8
    int8_t *const *out;   // of four pixels
} call_t;

typedef void dot_t(const call_t *);

// r0 columns, r1 weights of the channel, less r0 and 8: they come in rows of eight channels, and r0
// moves on by 8. r5 and r6 the sums. The halfwords of r7 (+ carry) and r11 are taken from the upper
// halves of the sums, r8 and r9 are all of them; r12 = 2^15.
#define FIRST                                                                                      \
    "ldmia r0!, {r5, r6}\n"                                                                        \
    "ldrsb r4, [r1, r0]\n"                                                                         \
    "muls r5, r4, r5\n"                                                                            \
    "muls r6, r4, r6\n"

#define MORE                                                                                       \
    "ldmia r0!, {r2, r3}\n"                                                                        \
    "ldrsb r4, [r1, r0]\n"                                                                         \
    "muls r2, r4, r2\n"                                                                            \
    "adds r5, r5, r2\n"                                                                            \
    "muls r3, r4, r3\n"                                                                            \
    "adds r6, r6, r3\n"

#define SPLIT                                                                                      \
    "add r8, r5\n"                                                                                 \
    "asrs r5, r5, #16\n"                                                                           \
    "adcs r7, r7, r5\n"                                                                            \
    "add r9, r6\n"                                                                                 \
    "add r6, r12\n"                                                                                \
    "asrs r6, r6, #16\n"                                                                           \
    "add r11, r6\n"

#define STORE(pixel)                                                                               \
    "ldr r1, [sp, #32]\n"                                                                          \
    "ldr r2, [sp, #16]\n"                                                                          \
    "ldr r1, [r1, #" pixel "]\n"                                                                   \
    "strb r0, [r1, r2]\n"

// The stack holds call_t; r10, r1 and r2 are also what requantize.h says.
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
            "sub sp, sp, #36\n" \
            "mov r1, sp\n" \
            "ldmia r0!, {r2-r6}\n" \
            "stmia r1!, {r2-r6}\n" \
            "ldmia r0!, {r2-r5}\n" \
            "stmia r1!, {r2-r5}\n" \
            "ldr r1, [sp, #8]\n" \
            "mov lr, r1\n" \
            "movs r1, #1\n" \
            "lsls r1, r1, #15\n" \
            "mov r12, r1\n" \
            "1:\n" \
            "ldr r0, [sp, #12]\n" \
            "ldr r4, [r0]\n" \
            "asrs r7, r4, #8\n" \
            "mov r11, r7\n" \
            "lsls r0, r7, #16\n" \
            "adds r0, r0, r7\n" \
            "mov r8, r0\n" \
            "mov r9, r0\n" \
            "ldr r1, [sp]\n" \
            "ldr r0, [sp, #4]\n" \
            "lsrs r4, r4, #6\n" \
            "bcs 3f\n" \
            "lsrs r4, r4, #1\n" \
            "bcs 4f\n" \
            "2:\n" \
            FIRST MORE SPLIT FIRST MORE SPLIT \
            "cmp r0, lr\n" \
            "bne 2b\n" \
            "b 5f\n" \
            "3:\n" \
            FIRST MORE MORE MORE SPLIT \
            "cmp r0, lr\n" \
            "bne 3b\n" \
            "b 5f\n" \
            "4:\n" \
            FIRST MORE MORE MORE MORE MORE MORE MORE SPLIT \
            "cmp r0, lr\n" \
            "bne 4b\n" \
            "5:\n"); \
        __asm__ volatile( \
            ".syntax unified\n" \
            "mov r0, r11\n" \
            "lsls r0, r0, #16\n" \
            "mov r1, r9\n" \
            "subs r1, r1, r0\n" \
            "mov r9, r1\n" \
            "lsls r1, r7, #16\n" \
            "mov r0, r8\n" \
            "subs r0, r0, r1\n" \
            "mov r8, r7\n" \
            "ldr r2, [sp, #12]\n" \
            LOAD_CHANNEL(rounding, "24") \
            "str r2, [sp, #12]\n" \
            REQUANTIZE(rounding) STORE("0") \
            "mov r0, r8\n" \
            REQUANTIZE(rounding) STORE("4") \
            "mov r0, r9\n" \
            REQUANTIZE(rounding) STORE("8") \
            "mov r0, r11\n" \
            REQUANTIZE(rounding) STORE("12") \
            "adds r2, r2, #1\n" \
            "str r2, [sp, #16]\n" \
            "ldr r1, [sp]\n" \
            "adds r1, r1, #1\n" \
            "lsls r3, r2, #29\n" \
            "bne 6f\n" \
            "ldr r3, [sp, #28]\n" \
            "adds r1, r1, r3\n" \
            "6:\n" \
            "str r1, [sp]\n" \
            "ldr r3, [sp, #20]\n" \
            "cmp r2, r3\n" \
            "beq 7f\n" \
            "b 1b\n" \
            "7:\n" \
            "add sp, sp, #36\n" \
            "pop {r1-r4}\n" \
            "mov r8, r1\n" \
            "mov r9, r2\n" \
            "mov r10, r3\n" \
            "mov r11, r4\n" \
            "pop {r4-r7, pc}\n"); \
    }
// clang-format on

// r4 counts from -count up to 0; the pointers are to the ends.
__attribute__((naked)) static uint32_t *widen(__attribute__((unused)) uint32_t *to,
                                              __attribute__((unused))
                                              const int8_t *const from[TINYIREE_PIXELS],
                                              __attribute__((unused)) uint32_t count) {
    __asm__ volatile(".syntax unified\n"
                     "push {r4-r7, lr}\n"
                     "ldmia r1!, {r3-r6}\n"
                     "mov r1, r3\n"
                     "adds r1, r1, r2\n"
                     "adds r4, r4, r2\n"
                     "adds r5, r5, r2\n"
                     "adds r6, r6, r2\n"
                     "rsbs r2, r2, #0\n"
                     "mov lr, r0\n"
                     "1:\n"
                     "ldrsb r3, [r1, r2]\n"
                     "ldrsb r7, [r4, r2]\n"
                     "lsls r7, r7, #16\n"
                     "adds r3, r3, r7\n"
                     "stmia r0!, {r3}\n"
                     "ldrsb r3, [r5, r2]\n"
                     "ldrsb r7, [r6, r2]\n"
                     "lsls r7, r7, #16\n"
                     "adds r3, r3, r7\n"
                     "stmia r0!, {r3}\n"
                     "adds r2, r2, #1\n"
                     "bne 1b\n"
                     "pop {r4-r7, pc}\n");
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, dot_t *dot) {
    const tinyiree_window_t *w = &p->window;
    const uint32_t outputs = p->out_channels, depth = w->in_channels;
    const uint32_t taps = (uint32_t)w->kernel_height * w->kernel_width;
    const uint32_t inputs = (taps * depth + 3) & ~3u;
    uint32_t *const columns = pointers[2];
    int8_t *const zeros = (int8_t *)(columns + 2 * inputs);
    for (uint32_t i = taps * depth; i < inputs; ++i)
        columns[2 * i] = columns[2 * i + 1] = 0;
    if (tinyiree_leaves_image(w, rows >> 16))
        for (uint32_t i = 0; i < depth; ++i)
            zeros[i] = (int8_t)p->input_zero_point;
    tinyiree_pixels_t pixels;
    tinyiree_first_pixels(&pixels, w, pointers[1], outputs, rows & 0xffff, rows >> 16);
    int8_t *const out = pixels.next_out;
    call_t call;
    call.weights = (const int8_t *)((uintptr_t)p->weights - (uintptr_t)columns - 8);
    call.columns = columns;
    call.columns_end = columns + 2 * inputs;
    call.channels = p->channels;
    call.channel = 0;
    call.outputs = outputs;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.group_bytes = 8 * inputs - 8;
    call.out = pixels.out;
    const uint32_t bytes = pixels.left_over * outputs;
    while (pixels.left_over > 0) {
        tinyiree_next_pixels(&pixels, w, outputs);
        tinyiree_make_columns(w, &pixels, pointers[0], zeros, columns, widen);
        dot(&call);
    }
    tinyiree_armv6m_clamp(out, bytes, &p->output);
}

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv6m_conv2d_##rounding;                                           \
    void tinyiree_armv6m_conv2d_##rounding(const void *params, void *const *pointers,              \
                                           uint32_t first_row, uint32_t last_row) {                \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
