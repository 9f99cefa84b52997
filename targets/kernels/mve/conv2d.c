// Dense convolution, pointwise or of any window: im2col of three output pixels, then two output
// channels at a time over 16 inputs a step, six VMLADAVA for five loads. Borders are filled in
// while the columns are made. All inputs of a block of three pixels, which may go on in the next
// row, are read before the first of its outputs is written.
#include "dot.h"

#include <arm_mve.h>

// One step: loads alternate with products, which overlap on Cortex-M55.
#define STEP                                                                                       \
    "vldrw.u32 q3, [r3], #32\n"                                                                    \
    "vldrw.u32 q0, [r1], #48\n"                                                                    \
    "vmladava.s8 r0, q0, q3\n"                                                                     \
    "vldrw.u32 q1, [r1, #-32]\n"                                                                   \
    "vmladava.s8 r4, q1, q3\n"                                                                     \
    "vldrw.u32 q4, [r3, #-16]\n"                                                                   \
    "vmladava.s8 r2, q0, q4\n"                                                                     \
    "vldrw.u32 q2, [r1, #-16]\n"                                                                   \
    "vmladava.s8 r8, q2, q3\n"                                                                     \
    "vmladava.s8 r6, q1, q4\n"                                                                     \
    "vmladava.s8 r10, q2, q4\n"
#define STEP_BYTES "44"

// Four channels of the three pixels, into q3 to q5.
#define REQUANTIZE(rounding, from_0, from_1, from_2)                                               \
    "vldrd.u64 q3, [q7, #" from_0 "]\n"                                                            \
    "vldrw.u32 q6, [r4], #16\n"                                                                    \
    "vldrd.u64 q4, [q7, #" from_1 "]\n"                                                            \
    "vadd.i32 q3, q3, q6\n"                                                                        \
    "vldrd.u64 q5, [q7, #" from_2 "]\n"                                                            \
    "vadd.i32 q4, q4, q6\n"                                                                        \
    "vadd.i32 q5, q5, q6\n"                                                                        \
    "vldrw.u32 q6, [r4], #16\n" PREPARE_##rounding TINYIREE_MULTIPLY_##rounding("q3", "q6")        \
        TINYIREE_MULTIPLY_##rounding("q4", "q6")                                                   \
            TINYIREE_MULTIPLY_##rounding("q5", "q6") "vldrb.s32 q6, [r4], #4\n" CORRECT_##rounding \
        "vrshl.s32 q3, q3, q6\n"                                                                   \
        "vrshl.s32 q4, q4, q6\n"                                                                   \
        "vrshl.s32 q5, q5, q6\n"

#define PREPARE_single                                                                             \
    "cbz r6, 7f\n"                                                                                 \
    "vshl.s32 q3, r6\n"                                                                            \
    "vshl.s32 q4, r6\n"                                                                            \
    "vshl.s32 q5, r6\n"                                                                            \
    "7:\n"
#define PREPARE_double
#define CORRECT_single
// The address vector q7 is made anew.
#define CORRECT_double                                                                             \
    "cbz r6, 7f\n" TINYIREE_CORRECT_double("q3", "q6", "q7")                                       \
        TINYIREE_CORRECT_double("q4", "q6", "q7") TINYIREE_CORRECT_double("q5", "q6", "q7")        \
            ADDRESS "7:\n"
#define ADDRESS "vmov q7[2], q7[0], r10, lr\n"

// r0, r2: sums of the first column with two channels, r4, r6 and r8, r10 of the others; r1 columns,
// r3 weights, r5 start of the columns, r7 turns of the loop, r9 end of the sums, r11 sums, r12
// where the loop is entered. On the stack: 96 bytes of sums, d8-d15, the call.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) tinyiree_mve_dot_t *call) { \
        __asm__ volatile( \
            "push {r0, r4-r11, lr}\n" \
            "vpush {d8-d15}\n" \
            "sub sp, sp, #96\n" \
            "ldm r0, {r3, r5, r7}\n" \
            "ldr r9, [r0, #36]\n" \
            "adr.w r12, 5f\n" \
            "cbz r7, 1f\n" \
            "adr.w r12, 3f\n" \
            "adds r7, r7, #1\n" \
            "lsrs r7, r7, #1\n" \
            "bcs 1f\n" \
            "add r12, r12, #" STEP_BYTES "\n" \
            "1:\n" \
            "orr r12, r12, #1\n" \
            "2:\n" /* eight channels */ \
            "mov r11, sp\n" \
            "cmp r9, #4\n" \
            "add r9, sp, #48\n" \
            "ble 1f\n" \
            "add r9, sp, #96\n" \
            "1:\n" \
            "vldrw.u32 q5, [r5]\n" \
            "vldrw.u32 q6, [r5, #16]\n" \
            "vldrw.u32 q7, [r5, #32]\n" \
            "1:\n" /* two channels */ \
            "vldrw.u32 q3, [r3], #32\n" \
            "vmladav.s8 r0, q5, q3\n" \
            "add r1, r5, #48\n" \
            "vmladav.s8 r4, q6, q3\n" \
            "vldrw.u32 q4, [r3, #-16]\n" \
            "vmladav.s8 r8, q7, q3\n" \
            "vmladav.s8 r2, q5, q4\n" \
            "dls lr, r7\n" \
            "vmladav.s8 r6, q6, q4\n" \
            "vmladav.s8 r10, q7, q4\n" \
            "bx r12\n" \
            ".balign 4\n" \
            "3:\n" \
            STEP STEP \
            "le lr, 3b\n" \
            "5:\n" \
            "stm r11!, {r0, r2, r4, r6, r8, r10}\n" \
            "cmp r11, r9\n" \
            "bne 1b\n" \
            "ldr r11, [sp, #160]\n" \
            "add r11, r11, #12\n" \
            "mov r10, sp\n" \
            "add lr, sp, #48\n" \
            ADDRESS \
            "ldm r11, {r0, r1, r2, r4, r6, r8, r9}\n" \
            "add r1, r0, r1\n" \
            "add r2, r1, r2\n" \
            REQUANTIZE(rounding, "0", "8", "16") \
            "vqmovnb.s32 q0, q3\n" \
            "vqmovnb.s32 q1, q4\n" \
            "vqmovnb.s32 q2, q5\n" \
            REQUANTIZE(rounding, "24", "32", "40") \
            "vqmovnt.s32 q0, q3\n" \
            "vqmovnt.s32 q1, q4\n" \
            "vqmovnt.s32 q2, q5\n" \
            "vqadd.s16 q0, q0, r8\n" \
            "vqadd.s16 q1, q1, r8\n" \
            "vqadd.s16 q2, q2, r8\n" \
            "vqmovnb.s16 q0, q0\n" \
            "vqmovnb.s16 q1, q1\n" \
            "vqmovnb.s16 q2, q2\n" \
            "vctp.16 r9\n" \
            "vpsttt\n" \
            "vstrbt.16 q2, [r2]\n" \
            "vstrbt.16 q1, [r1]\n" \
            "vstrbt.16 q0, [r0]\n" \
            "adds r0, r0, #8\n" \
            "str r0, [r11]\n" \
            "str r4, [r11, #12]\n" \
            "subs r9, r9, #8\n" \
            "str r9, [r11, #24]\n" \
            "bgt 2b\n" \
            "add sp, sp, #96\n" \
            "vpop {d8-d15}\n" \
            "pop {r0, r4-r11, pc}\n"); \
    }
// clang-format on

// What all columns have in common.
typedef struct {
    const tinyiree_window_t *window;
    const int8_t *in;
    int8_t *staging;     // a column before it is cut, or NULL where it is made in steps at once
    uint32_t steps;      // of a column
    uint32_t zero_point; // of the input, four times
    uint32_t row_bytes;  // of a window
    uint32_t row_step;   // to the next row of a window
    uint32_t pixel_step; // to the next window
} source_t;

// Columns of `count` windows of one row that are inside, in steps at once.
static void make_steps(const source_t *source, const int8_t *from, int8_t *column, uint32_t count) {
    const uint32_t rows = source->window->kernel_height, bytes = source->row_bytes;
    const uint32_t skip = source->row_step - ((bytes + 15) & ~15u);
    const int8_t *at;
    int8_t *to;
    uint32_t left;
    __asm__ volatile("1:\n"
                     "mov %[at], %[from]\n"
                     "mov %[to], %[column]\n"
                     "mov %[left], %[rows]\n"
                     "2:\n"
                     "wlstp.8 lr, %[bytes], 4f\n"
                     "3:\n"
                     "vldrb.8 q0, [%[at]], #16\n"
                     "vstrb.8 q0, [%[to]], #48\n"
                     "letp lr, 3b\n"
                     "4:\n"
                     "add %[at], %[at], %[skip]\n"
                     "subs %[left], %[left], #1\n"
                     "bne 2b\n"
                     "add %[from], %[from], %[pixel_step]\n"
                     "add %[column], %[column], #16\n"
                     "subs %[count], %[count], #1\n"
                     "bne 1b\n"
                     : [from] "+r"(from), [column] "+r"(column), [count] "+r"(count),
                       [at] "=&r"(at), [to] "=&r"(to), [left] "=&r"(left)
                     : [rows] "r"(rows), [bytes] "r"(bytes), [skip] "r"(skip),
                       [pixel_step] "r"(source->pixel_step)
                     : "lr", "q0", "cc", "memory");
}

// Copies `rows` rows of bytes, 16 of them into each `by`; `skip` follows those that are read.
#define DEFINE_COPY_ROWS(by)                                                                       \
    static void copy_rows_##by(int8_t *to, const int8_t *from, uint32_t rows, uint32_t bytes,      \
                               uint32_t to_step, uint32_t skip) {                                  \
        int8_t *at;                                                                                \
        __asm__ volatile("1:\n"                                                                    \
                         "mov %[at], %[to]\n"                                                      \
                         "wlstp.8 lr, %[bytes], 3f\n"                                              \
                         "2:\n"                                                                    \
                         "vldrb.8 q0, [%[from]], #16\n"                                            \
                         "vstrb.8 q0, [%[at]], #" #by "\n"                                         \
                         "letp lr, 2b\n"                                                           \
                         "3:\n"                                                                    \
                         "add %[to], %[to], %[to_step]\n"                                          \
                         "add %[from], %[from], %[skip]\n"                                         \
                         "subs %[rows], %[rows], #1\n"                                             \
                         "bne 1b\n"                                                                \
                         : [to] "+r"(to), [from] "+r"(from), [rows] "+r"(rows), [at] "=&r"(at)     \
                         : [bytes] "r"(bytes), [to_step] "r"(to_step), [skip] "r"(skip)            \
                         : "lr", "q0", "cc", "memory");                                            \
    }

DEFINE_COPY_ROWS(16)
DEFINE_COPY_ROWS(48)

// Cuts a column into steps.
static void cut(int8_t *column, const int8_t *from, uint32_t steps) {
    for (; steps > 0; --steps, from += 16, column += 48)
        vstrbq_s8(column, vldrbq_s8(from));
}

// The same by way of a column that is not cut.
static void make_staged(const source_t *source, const int8_t *from, int8_t *column,
                        uint32_t count) {
    const uint32_t bytes = source->row_bytes;
    const uint32_t skip = source->row_step - ((bytes + 15) & ~15u);
    for (; count > 0; --count, from += source->pixel_step, column += 16) {
        copy_rows_16(source->staging, from, source->window->kernel_height, bytes, bytes, skip);
        cut(column, source->staging, source->steps);
    }
}

// How many of `count` taps are inside, and by how many of them to move to the first.
static uint32_t clip(int32_t *at, uint32_t count, uint32_t step, uint32_t size, uint32_t *skipped) {
    *skipped = 0;
    for (; count > 0 && *at < 0; --count, ++*skipped)
        *at += (int32_t)step;
    while (count > 0 && *at + (int32_t)((count - 1) * step) >= (int32_t)size)
        --count;
    return count;
}

// A column of any window.
__attribute__((noinline)) static void make_border(const source_t *source, int32_t top, int32_t left,
                                                  int8_t *column) {
    const tinyiree_window_t *w = source->window;
    const uint32_t depth = w->in_channels;
    // 16 inputs each, at once or one by one.
    const uint32_t scale = source->staging ? 1 : TINYIREE_MVE_COLUMNS;
    int8_t *to = source->staging ? source->staging : column;
    for (uint32_t i = 0; i < source->steps; ++i)
        vstrwq_u32((uint32_t *)(void *)(to + i * 16 * scale), vdupq_n_u32(source->zero_point));
    uint32_t above, before;
    const uint32_t rows = clip(&top, w->kernel_height, w->dilation_height, w->in_height, &above);
    const uint32_t taps = clip(&left, w->kernel_width, w->dilation_width, w->in_width, &before);
    const int8_t *from = source->in + ((uint32_t)top * w->in_width + (uint32_t)left) * depth;
    to += above * w->kernel_width * depth * scale + before * depth * scale;
    // Taps that are neighbours at once, else one by one.
    const uint32_t together = w->dilation_width == 1 ? taps : 1, bytes = together * depth;
    const uint32_t to_step = w->kernel_width * depth * scale;
    const uint32_t skip = source->row_step - ((bytes + 15) & ~15u);
    for (uint32_t kx = 0; rows > 0 && kx < taps; kx += together) {
        if (scale == 1)
            copy_rows_16(to, from, rows, bytes, to_step, skip);
        else
            copy_rows_48(to, from, rows, bytes, to_step, skip);
        to += bytes * scale;
        from += w->dilation_width * depth;
    }
    if (source->staging)
        cut(column, source->staging, source->steps);
}

// First window along an axis that is inside, and the one after the last.
static uint32_t inner(uint32_t kernel, uint32_t step, uint32_t size, uint32_t stride, uint32_t pad,
                      uint32_t *first) {
    const int32_t room = (int32_t)(size + pad) - (int32_t)((kernel - 1) * step) - 1;
    *first = (pad + stride - 1) / stride;
    return room < 0 ? 0 : (uint32_t)room / stride + 1;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, tinyiree_mve_dot *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t outputs = p->out_channels, depth = w->in_channels;
    const uint32_t taps = (uint32_t)w->kernel_height * w->kernel_width;
    const uint32_t steps = (taps * depth + 15) / 16;
    int8_t *const columns = pointers[2];
    source_t source;
    source.window = w;
    source.in = pointers[0];
    source.staging = taps > 1 && depth % 16 ? columns + 16 * TINYIREE_MVE_COLUMNS * steps : 0;
    source.steps = steps;
    source.zero_point = 0x01010101u * (uint8_t)p->input_zero_point;
    source.row_bytes = w->kernel_width * depth;
    source.row_step = (uint32_t)w->dilation_height * w->in_width * depth;
    source.pixel_step = w->stride_width * depth;
    tinyiree_mve_dot_t call;
    call.weights = p->weights;
    call.columns = columns;
    call.more_steps = steps - 1;
    call.left = tinyiree_mve_left(p->channels, &p->output);
    call.zero_point = p->output.zero_point;
    uint32_t top_row, left_pixel = 0;
    const uint32_t bottom_row = inner(w->kernel_height, w->dilation_height, w->in_height,
                                      w->stride_height, w->pad_top, &top_row);
    const uint32_t right_pixel =
        w->dilation_width > 1
            ? 0
            : inner(w->kernel_width, 1, w->in_width, w->stride_width, w->pad_left, &left_pixel);
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * outputs;
    uint32_t slot = 0;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const uint32_t right = y >= top_row && y < bottom_row ? right_pixel : 0;
        for (uint32_t x = 0; x < w->out_width;) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            int8_t *const column = columns + 16 * slot;
            uint32_t count = 1;
            if (x < right && x >= left_pixel) {
                const int8_t *from =
                    source.in + ((uint32_t)top * w->in_width + (uint32_t)left) * depth;
                count = smaller(TINYIREE_MVE_COLUMNS - slot, smaller(right, w->out_width) - x);
                if (source.staging)
                    make_staged(&source, from, column, count);
                else
                    make_steps(&source, from, column, count);
            } else
                make_border(&source, top, left, column);
            x += count;
            slot += count;
            if (slot < TINYIREE_MVE_COLUMNS && (x < w->out_width || y + 1 < last_row))
                continue;
            call.out = out;
            call.out_1 = slot > 1 ? outputs : 0;
            call.out_2 = slot > 2 ? outputs : 0;
            call.channels = (const int32_t *)p->channels + 1;
            call.outputs = outputs;
            dot(&call);
            out += slot * outputs;
            slot = 0;
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * outputs;
    tinyiree_mve_clamp(out - bytes, bytes, &p->output);
}

#define DEFINE_CONV2D(rounding)                                                                    \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_mve_conv2d_##rounding;                                              \
    void tinyiree_mve_conv2d_##rounding(const void *params, void *const *pointers,                 \
                                        uint32_t first_row, uint32_t last_row) {                   \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_CONV2D(single)
DEFINE_CONV2D(double)
