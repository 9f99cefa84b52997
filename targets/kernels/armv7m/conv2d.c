// Dense convolution, pointwise or of any window: four output pixels at a time, one output channel
// after the other. A weight times a word is two products (armv6m/columns.h); a running pair of sums
// is split into two of 32 bits every 2, 4 or 8 inputs, as the weights of the channel allow.
//
// Promise: the inputs of a pixel are all read before it is written, in the order of pixels.
#include "../armv6m/columns.h"
#include "requantize.h"

// One call computes all output channels of four pixels.
typedef struct {
    const int8_t *weights;
    const tinyiree_channel_t *channels;
    const uint32_t *columns;
    const uint32_t *columns_end;
    const tinyiree_channel_t *channels_end;
    int32_t zero_point; // 2 * output zero point + 1
    int8_t *out[TINYIREE_PIXELS];
    uint32_t channel; // 0
    uint32_t steps;   // of 4 inputs
} call_t;

typedef void dot_t(call_t *);

// r0 columns, r1 weights, r5 and r6 running sums, r7 and r8 all of them, r9 and r10 what their
// upper halves add up to, each rounded by r11 = 2^15; r12 the end of the columns.
#define INPUT(acc0, acc1)                                                                          \
    "ldmia r0!, {r2, r3}\n"                                                                        \
    "ldrsb r4, [r1], #1\n"                                                                         \
    "mla r5, r2, r4, " acc0 "\n"                                                                   \
    "mla r6, r3, r4, " acc1 "\n"

#define FIRST INPUT("r11", "r11")
#define MORE  INPUT("r5", "r6")

#define SPLIT                                                                                      \
    "add r7, r7, r5\n"                                                                             \
    "add r9, r9, r5, asr #16\n"                                                                    \
    "add r8, r8, r6\n"                                                                             \
    "add r10, r10, r6, asr #16\n"

// On the stack: 0 the address of call_t.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) call_t *call) { \
        __asm__ volatile( \
            "push {r0, r4-r11, lr}\n" \
            "ldr r1, [r0]\n" \
            "ldr r12, [r0, #12]\n" \
            "ldr lr, [r0, #4]\n" \
            "mov r11, #0x8000\n" \
            "1:\n" \
            "ldr r2, [sp]\n" \
            "ldr r3, [lr]\n" \
            "ldr r0, [r2, #8]\n" \
            "ldr r4, [r2, #44]\n" \
            "asr r9, r3, #8\n" \
            "mov r10, r9\n" \
            "add r8, r9, r9, lsl #16\n" \
            "lsls r3, r3, #26\n" \
            "bmi 3f\n" \
            "bcs 4f\n" \
            "sub r8, r8, r4, lsl #16\n" \
            "mov r7, r8\n" \
            "2:\n" \
            FIRST MORE SPLIT FIRST MORE SPLIT \
            "cmp r0, r12\n" \
            "bne 2b\n" \
            "b 5f\n" \
            "3:\n" \
            "sub r8, r8, r4, lsl #15\n" \
            "mov r7, r8\n" \
            "31:\n" \
            FIRST MORE MORE MORE SPLIT \
            "cmp r0, r12\n" \
            "bne 31b\n" \
            "b 5f\n" \
            "4:\n" \
            "sub r8, r8, r4, lsl #14\n" \
            "mov r7, r8\n" \
            "41:\n" \
            FIRST MORE MORE MORE MORE MORE MORE MORE SPLIT \
            "cmp r0, r12\n" \
            "bne 41b\n" \
            "5:\n"); \
        __asm__ volatile( \
            "ldr r0, [sp]\n" \
            "sub r2, r7, r9, lsl #16\n" \
            "sub r3, r8, r10, lsl #16\n" \
            "ldmia lr!, {r5, r6}\n" \
            "ldr r4, [r0, #20]\n" \
            "and r5, r5, #31\n" \
            "lsl r4, r4, r5\n" \
            REQUANTIZE_##rounding("r2", "r6", "r5", "r4", "r7", "r8") \
            REQUANTIZE_##rounding("r9", "r6", "r5", "r4", "r7", "r8") \
            REQUANTIZE_##rounding("r3", "r6", "r5", "r4", "r7", "r8") \
            REQUANTIZE_##rounding("r10", "r6", "r5", "r4", "r7", "r8") \
            "add r7, r0, #24\n" \
            "ldmia r7, {r4-r8}\n" \
            "strb r2, [r4, r8]\n" \
            "strb r9, [r5, r8]\n" \
            "strb r3, [r6, r8]\n" \
            "strb r10, [r7, r8]\n" \
            "add r8, r8, #1\n" \
            "str r8, [r0, #40]\n" \
            "ldr r2, [r0, #16]\n" \
            "cmp lr, r2\n" \
            "bne.w 1b\n" \
            "pop {r0, r4-r11, pc}\n"); \
    }
// clang-format on

__attribute__((naked)) static uint32_t *widen(__attribute__((unused)) uint32_t *to,
                                              __attribute__((unused))
                                              const int8_t *const from[TINYIREE_PIXELS],
                                              __attribute__((unused)) uint32_t count) {
    __asm__ volatile("push {r4-r8, lr}\n"
                     "ldmia r1, {r3-r6}\n"
                     "1:\n"
                     "ldrsb r1, [r3], #1\n"
                     "ldrsb r7, [r4], #1\n"
                     "ldrsb r8, [r5], #1\n"
                     "ldrsb r12, [r6], #1\n"
                     "add r1, r1, r7, lsl #16\n"
                     "add r8, r8, r12, lsl #16\n"
                     "strd r1, r8, [r0], #8\n"
                     "subs r2, r2, #1\n"
                     "bne 1b\n"
                     "pop {r4-r8, pc}\n");
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
    call.weights = p->weights;
    call.columns = columns;
    call.columns_end = columns + 2 * inputs;
    call.channels = p->channels;
    call.channels_end = call.channels + outputs;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.steps = inputs / 4;
    const uint32_t bytes = pixels.left_over * outputs;
    while (pixels.left_over > 0) {
        tinyiree_next_pixels(&pixels, w, outputs);
        tinyiree_make_columns(w, &pixels, pointers[0], zeros, columns, widen);
        for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i)
            call.out[i] = pixels.out[i];
        call.channel = 0;
        dot(&call);
    }
    tinyiree_armv6m_clamp(out, bytes, &p->output);
}

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7m_conv2d_##rounding;                                           \
    void tinyiree_armv7m_conv2d_##rounding(const void *params, void *const *pointers,              \
                                           uint32_t first_row, uint32_t last_row) {                \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
