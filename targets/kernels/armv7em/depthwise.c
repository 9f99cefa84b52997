// Depthwise convolution with one filter a channel: four channels at a time, two taps of the window
// in one SMLAD. A table of pointers, one a tap, makes windows of any size, dilation and border
// alike: taps in the padding point to a row of zero points.
#include "requantize.h"

// Weights: for each four channels (padded) a word of two halfwords (tap a, tap b) for each channel
// and pair of taps, then (channel 0, 2) and (1, 3) of the last tap. The number of taps is made odd
// and at least 3. The halfwords are scaled as REQUANTIZE wants the sum.
typedef struct {
    const void *weights;
    const int8_t *const *taps;
    uint32_t pairs;
    const int8_t *const *last_tap;
    const tinyiree_channel_t *channels;
    int8_t *out;
    uint32_t end;       // of the channels, a multiple of 4 after `first`
    int32_t zero_point; // 2 * output zero point + 1
    uint32_t first;     // channel
} tinyiree_taps_t;

typedef void dot_t(const tinyiree_taps_t *);

#define PAIR                                                                                       \
    "ldmia.w r0!, {r3, r4}\n"                                                                      \
    "ldmia.w r1!, {r6, r7, r12, lr}\n"                                                             \
    "ldr.w r3, [r3, r2]\n"                                                                         \
    "ldr.w r4, [r4, r2]\n"                                                                         \
    "pkhbt r5, r3, r4, lsl #16\n"                                                                  \
    "pkhtb r4, r4, r3, asr #16\n"                                                                  \
    "sxtb16 r3, r5\n"                                                                              \
    "smlad r8, r3, r6, r8\n"                                                                       \
    "sxtb16 r5, r5, ror #8\n"                                                                      \
    "smlad r9, r5, r7, r9\n"                                                                       \
    "sxtb16 r3, r4\n"                                                                              \
    "smlad r10, r3, r12, r10\n"                                                                    \
    "sxtb16 r4, r4, ror #8\n"                                                                      \
    "smlad r11, r4, lr, r11\n"
#define PAIR_BYTES "56"

#define LAST                                                                                       \
    "ldr r3, [r0]\n"                                                                               \
    "ldrd r6, r7, [r1], #8\n"                                                                      \
    "ldr r3, [r3, r2]\n"                                                                           \
    "sxtb16 r4, r3\n"                                                                              \
    "sxtb16 r5, r3, ror #8\n"                                                                      \
    "smlabb r8, r4, r6, r8\n"                                                                      \
    "smlabb r9, r5, r7, r9\n"                                                                      \
    "smlatt r10, r4, r6, r10\n"                                                                    \
    "smlatt r11, r5, r7, r11\n"

// r1 weights, r2 channel, r8..r11 sums of four channels. On the stack: 0 taps, 4 entry,
// 8 last_tap, 12 channels, 16 out, 20 end, 24 zero_point. The loop is entered in its middle.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const tinyiree_taps_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "ldmia r0, {r1, r3-r10}\n" \
            "rsb r4, r4, #0\n" \
            "and r4, r4, #3\n" \
            "mov r2, #" PAIR_BYTES "\n" \
            "mul r4, r4, r2\n" \
            "adr.w r2, 2f\n" \
            "add r4, r4, r2\n" \
            "orr r4, r4, #1\n" \
            "push {r3-r9}\n" \
            "mov r0, r6\n" \
            "mov r2, r10\n" \
            "1:\n" \
            "ldmia r0, {r4-r11}\n" \
            START_##rounding("r11", "r10") \
            START_##rounding("r10", "r8") \
            START_##rounding("r9", "r6") \
            START_##rounding("r8", "r4") \
            "ldrd r0, r3, [sp]\n" \
            "bx r3\n" \
            ".balign 4\n" \
            "2:\n" \
            PAIR PAIR PAIR PAIR \
            "ldr r3, [sp, #8]\n" \
            "cmp r0, r3\n" \
            "bne.w 2b\n" \
            LAST \
            "ldr r0, [sp, #12]\n" \
            "ldr r3, [sp, #24]\n" \
            "ldmia r0!, {r4-r7}\n" \
            "lsl r12, r3, r4\n" \
            REQUANTIZE_##rounding("r8", "r5", "r4", "r12", "lr") \
            "lsl r12, r3, r6\n" \
            REQUANTIZE_##rounding("r9", "r7", "r6", "r12", "lr") \
            "ldmia r0!, {r4-r7}\n" \
            "lsl r12, r3, r4\n" \
            REQUANTIZE_##rounding("r10", "r5", "r4", "r12", "lr") \
            "lsl r12, r3, r6\n" \
            REQUANTIZE_##rounding("r11", "r7", "r6", "r12", "lr") \
            "ldrd r4, r5, [sp, #16]\n" \
            "str r0, [sp, #12]\n" \
            "bfi r8, r9, #8, #8\n" \
            "bfi r10, r11, #8, #8\n" \
            "pkhbt r8, r8, r10, lsl #16\n" \
            "str r8, [r4, r2]\n" \
            "add r2, r2, #4\n" \
            "cmp r2, r5\n" \
            "bne.w 1b\n" \
            "add sp, sp, #28\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

// Points the taps to the inputs of a window, or to `zeros`.
__attribute__((noinline)) static void aim(const int8_t **taps, const tinyiree_window_t *w,
                                          const int8_t *in, const int8_t *zeros, int32_t top,
                                          int32_t left) {
    const int32_t depth = w->in_channels, step = w->dilation_width;
    const int8_t *row = in + (top * w->in_width + left) * depth;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const uint32_t width = (uint32_t)top < w->in_height ? w->in_width : 0;
        const int8_t *from = row;
        int32_t x = left;
        for (uint32_t kx = w->kernel_width; kx > 0; --kx) {
            *taps++ = (uint32_t)x < width ? from : zeros;
            x += step;
            from += step * depth;
        }
        top += w->dilation_height;
        row += w->dilation_height * w->in_width * depth;
    }
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, full = depth & ~3u;
    const uint32_t used = (uint32_t)w->kernel_height * w->kernel_width;
    const uint32_t count = used < 3 ? 3 : used | 1;
    const int8_t **const taps = pointers[2];
    int8_t *const zeros = (int8_t *)(taps + count);
    for (uint32_t i = 0; i < depth; ++i)
        zeros[i] = (int8_t)p->input_zero_point;
    taps[count - 1] = taps[count - 2] = zeros;
    const uint32_t start = first_row * w->out_width * depth;
    tinyiree_taps_t call;
    call.taps = taps;
    call.pairs = count / 2;
    call.last_tap = taps + count - 1;
    call.out = (int8_t *)pointers[1] + start;
    call.zero_point = 2 * p->output.zero_point + 1;
    const int32_t reach = (w->kernel_width - 1) * w->dilation_width;
    const int32_t drop = (w->kernel_height - 1) * w->dilation_height;
    const uint32_t step = w->stride_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const int32_t width = top >= 0 && top + drop < w->in_height ? w->in_width : 0;
        int32_t left = -(int32_t)w->pad_left;
        int was_inside = 0;
        for (uint32_t x = w->out_width; x > 0; --x, left += w->stride_width, call.out += depth) {
            const int inside = left >= 0 && left + reach < width;
            if (inside && was_inside)
                for (const int8_t **tap = taps; tap < taps + used; ++tap)
                    *tap += step;
            else
                aim(taps, w, pointers[0], zeros, top, left);
            was_inside = inside;
            call.first = 0;
            call.end = full;
            call.weights = p->weights;
            call.channels = p->channels;
            dot(&call);
            if (full == depth)
                continue;
            // The last channels together with some that are done already: nothing may be read
            // behind the input or written behind the output.
            call.first = depth - 4;
            call.end = depth;
            call.weights = (const int8_t *)p->weights + 2 * full * count;
            call.channels += full;
            dot(&call);
        }
    }
    tinyiree_armv7em_clamp((int8_t *)pointers[1] + start,
                           (last_row - first_row) * w->out_width * depth, &p->output);
}

#define DEFINE_DEPTHWISE(rounding)                                                                 \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7em_depthwise_##rounding;                                       \
    void tinyiree_armv7em_depthwise_##rounding(const void *params, void *const *pointers,          \
                                               uint32_t first_row, uint32_t last_row) {            \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_DEPTHWISE(single)
DEFINE_DEPTHWISE(double)
