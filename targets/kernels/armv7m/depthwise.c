// Depthwise convolution with one filter a channel: four output pixels at a time, so that a weight
// is loaded once for four products. A table of pointers, four for each tap of the window, makes
// windows of any size, dilation and border alike: taps in the padding point to a row of zero
// points.
//
// Promise: in blocks of four pixels in the order of the image; within a block, channel c of all of
// them is read before it is written.
#include "../armv6m/taps.h"
#include "requantize.h"

// One call computes all channels of four pixels.
typedef struct {
    const int8_t *weights;
    const tinyiree_channel_t *channels;
    const int8_t *const *taps;
    const int8_t *const *taps_end;
    const tinyiree_channel_t *channels_end;
    int32_t zero_point; // 2 * output zero point + 1
    int8_t *out[TINYIREE_PIXELS];
    uint32_t odd; // taps
} call_t;

typedef void dot_t(const call_t *);

// r0 taps, r1 weights, r7 the channel, r8..r11 the sums.
#define TAP                                                                                        \
    "ldmia r0!, {r2-r5}\n"                                                                         \
    "ldrsb r6, [r1], #1\n"                                                                         \
    "ldrsb r2, [r2, r7]\n"                                                                         \
    "ldrsb r3, [r3, r7]\n"                                                                         \
    "ldrsb r4, [r4, r7]\n"                                                                         \
    "ldrsb r5, [r5, r7]\n"                                                                         \
    "mla r8, r2, r6, r8\n"                                                                         \
    "mla r9, r3, r6, r9\n"                                                                         \
    "mla r10, r4, r6, r10\n"                                                                       \
    "mla r11, r5, r6, r11\n"

// On the stack: 0 the address of call_t. The loop is entered in its middle.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            "push {r0, r4-r11, lr}\n" \
            "ldr r1, [r0]\n" \
            "ldr lr, [r0, #4]\n" \
            "mov r7, #0\n" \
            "1:\n" \
            "ldr r2, [sp]\n" \
            "ldr r3, [lr]\n" \
            "ldr r0, [r2, #8]\n" \
            "ldr r12, [r2, #12]\n" \
            "asr r8, r3, #8\n" \
            "mov r9, r8\n" \
            "mov r10, r8\n" \
            "mov r11, r8\n" \
            "ldr r2, [r2, #40]\n" \
            "cbnz r2, 3f\n" \
            "2:\n" \
            TAP \
            "3:\n" \
            TAP \
            "cmp r0, r12\n" \
            "bne 2b\n" \
            "ldr r0, [sp]\n" \
            "ldmia lr!, {r5, r6}\n" \
            "ldr r4, [r0, #20]\n" \
            "lsl r4, r4, r5\n" \
            REQUANTIZE_##rounding("r8", "r6", "r5", "r4", "r2", "r3") \
            REQUANTIZE_##rounding("r9", "r6", "r5", "r4", "r2", "r3") \
            REQUANTIZE_##rounding("r10", "r6", "r5", "r4", "r2", "r3") \
            REQUANTIZE_##rounding("r11", "r6", "r5", "r4", "r2", "r3") \
            "ldr r2, [r0, #16]\n" \
            "add r0, r0, #24\n" \
            "ldmia r0, {r3-r6}\n" \
            "strb r8, [r3, r7]\n" \
            "strb r9, [r4, r7]\n" \
            "strb r10, [r5, r7]\n" \
            "strb r11, [r6, r7]\n" \
            "add r7, r7, #1\n" \
            "cmp lr, r2\n" \
            "bne 1b\n" \
            "pop {r0, r4-r11, pc}\n"); \
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
    call.weights = p->weights;
    call.taps = taps;
    call.taps_end = taps + TINYIREE_PIXELS * count;
    call.channels = p->channels;
    call.channels_end = call.channels + depth;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.odd = count & 1;
    const uint32_t bytes = pixels.left_over * depth;
    while (pixels.left_over > 0) {
        tinyiree_next_pixels(&pixels, w, depth);
        for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i) {
            tinyiree_aim(taps + i, w, pointers[0], zeros, pixels.top[i], pixels.left[i]);
            call.out[i] = pixels.out[i];
        }
        dot(&call);
    }
    tinyiree_armv6m_clamp(out, bytes, &p->output);
}

#define DEFINE_DEPTHWISE(rounding)                                                                 \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7m_depthwise_##rounding;                                        \
    void tinyiree_armv7m_depthwise_##rounding(const void *params, void *const *pointers,           \
                                              uint32_t first_row, uint32_t last_row) {             \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_DEPTHWISE(single)
DEFINE_DEPTHWISE(double)
