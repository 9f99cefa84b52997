// Dense convolution, pointwise or of any window: im2col of two output pixels, then two output
// channels at a time over 8 inputs a step. Borders are filled in while the columns are made.
#include "columns.h"

// One word of weights (register a for one channel, b for the next) and 4 inputs of both pixels.
#define QUAD(a, b)                                                                                 \
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

#define STEP       "ldmia.w r1!, {r2, r3, r12, lr}\n" QUAD("r2", "r3") QUAD("r12", "lr")
#define STEP_BYTES "92"

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
            "mov r12, #" STEP_BYTES "\n" \
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
            STEP STEP STEP STEP \
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

// What all columns have in common.
typedef struct {
    const tinyiree_window_t *window;
    const int8_t *in;
    const int8_t *in_end;
    int8_t *staging;      // of a row of the window
    uint32_t row_quads;   // fours of inputs in it, rounded up
    uint32_t zero_points; // four of them
} source_t;

// A row of the window that is not inside altogether, or whose last word would end behind the input.
__attribute__((noinline)) static void stage(const source_t *source, int32_t y, int32_t x) {
    const tinyiree_window_t *w = source->window;
    const uint32_t depth = w->in_channels, dilation = w->dilation_width;
    const uint32_t width = (uint32_t)y < w->in_height ? w->in_width : 0;
    int8_t *to = source->staging;
    for (uint32_t i = 0; i < source->row_quads; ++i)
        __builtin_memcpy(to + 4 * i, &source->zero_points, 4);
    for (uint32_t kx = w->kernel_width; kx > 0; --kx, x += (int32_t)dilation, to += depth) {
        if ((uint32_t)x >= width)
            continue;
        const int8_t *from = source->in + ((uint32_t)y * width + (uint32_t)x) * depth;
        uint32_t i = 0;
        for (; i + 4 <= depth; i += 4)
            __builtin_memcpy(to + i, from + i, 4);
        for (; i < depth; ++i)
            to[i] = from[i];
    }
}

__attribute__((noinline)) static void make_column(const source_t *source, int32_t top, int32_t left,
                                                  uint32_t *column) {
    const tinyiree_window_t *w = source->window;
    const uint32_t row_step = (uint32_t)w->dilation_height * w->in_width * w->in_channels;
    // Rows that may be read in words: as many as are inside, or none.
    const int across = left >= 0 && left + w->kernel_width <= w->in_width && w->dilation_width == 1;
    const uint32_t height = across ? w->in_height : 0;
    const int8_t *from = source->in + (top * w->in_width + left) * w->in_channels;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const int8_t *row = from;
        if ((uint32_t)top >= height || from + 4 * source->row_quads > source->in_end) {
            stage(source, top, left);
            row = source->staging;
        }
        column = tinyiree_expand_two(column, row, source->row_quads);
        from += row_step;
        top += w->dilation_height;
    }
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, tinyiree_dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t outputs = p->out_channels, odd = outputs & 1;
    const uint32_t row_quads = ((uint32_t)w->kernel_width * w->in_channels + 3) / 4;
    const uint32_t steps = (w->kernel_height * row_quads + 1) / 2;
    uint32_t *const columns = pointers[2];
    // After the columns: two pixels of outputs when their number is odd, then a row of a window.
    int8_t *const spare = (int8_t *)(columns + 8 * steps);
    const source_t source = {w,
                             pointers[0],
                             (const int8_t *)pointers[0] +
                                 (uint32_t)w->in_height * w->in_width * w->in_channels,
                             spare + 2 * odd * (outputs + 1),
                             row_quads,
                             0x01010101u * (uint8_t)p->input_zero_point};
    tinyiree_columns_t call;
    call.weights = p->weights;
    call.columns = columns;
    call.steps = steps;
    call.columns_end = columns + 8 * steps;
    call.channels = p->channels;
    call.channels_end = call.channels + outputs + odd;
    call.zero_point = 2 * p->output.zero_point + 1;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * outputs;
    uint32_t slot = 0;
    for (uint32_t y = first_row; y < last_row; ++y) {
        int32_t left = -(int32_t)w->pad_left;
        for (uint32_t x = w->out_width; x > 0; --x, left += w->stride_width) {
            make_column(&source, (int32_t)(y * w->stride_height) - w->pad_top, left,
                        columns + 2 * slot);
            if (++slot == 1 && (x > 1 || y + 1 < last_row))
                continue;
            call.out_0 = odd ? spare : out;
            call.out_1 = call.out_0 + (slot - 1) * (outputs + odd);
            dot(&call);
            if (odd)
                for (uint32_t i = 0; i < slot * outputs; ++i)
                    out[i] = spare[i < outputs ? i : i + 1];
            out += slot * outputs;
            slot = 0;
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * outputs;
    tinyiree_armv7em_clamp(out - bytes, bytes, &p->output);
}

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7em_conv2d_##rounding;                                          \
    void tinyiree_armv7em_conv2d_##rounding(const void *params, void *const *pointers,             \
                                            uint32_t first_row, uint32_t last_row) {               \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
