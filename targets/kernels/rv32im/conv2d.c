// Dense convolution, pointwise or of any window: six output pixels and two output channels at a
// time, two products in each multiplication.
//
// The inputs of two pixels, x0 and x1, are one word x0 + (x1 << 16), so that one MUL by a weight
// and one ADD advance two sums, in the halves of a word. Every four inputs (two, where the weights
// are large: tinyiree.kernels.rv32im.dense decides it from the weights) the word is drained
// before a half can overflow: H += word >> 16, T += word. At the end H is the sum of pixel 1, and
// T - (H << 16) that of pixel 0. All words start with 0x8000, so that the lower half is never
// negative when it is cut off.
//
// Pixels go from left to right and from the top down, and all inputs of six pixels are read before
// the outputs of the first of them are written.
#include "rescale.h"

// One call computes some output channels of six pixels. The assembly below knows the offsets.
typedef struct {
    const int8_t *weights;              // 0
    const int32_t *columns;             // 4: three words for each input
    const int32_t *columns_end;         // 8
    const tinyiree_channel_t *channels; // 12: moves
    const tinyiree_channel_t *end;      // 16: after an even number of channels
    uint32_t shift;                     // 20
    int32_t add;                        // 24
    int32_t add_if_negative;            // 28
    int32_t zero_point;                 // 32: 2 * output zero point + 1
    int8_t *out[6];                     // 36: written from the last to the first
    uint32_t start;                     // 60: 0x8000 for each four of inputs
    uint32_t first;                     // 64: channel, moves
} call_t;

// Weights of two channels (a2, s0) times the inputs of three pairs of pixels.
#define LOAD(k)                                                                                    \
    "lb a2, 2*" k "(a0)\n"                                                                         \
    "lb s0, 2*" k "+1(a0)\n"                                                                       \
    "lw a3, 12*" k "(a1)\n"                                                                        \
    "lw a4, 12*" k "+4(a1)\n"                                                                      \
    "lw a5, 12*" k "+8(a1)\n"

#define FIRST(k)                                                                                   \
    LOAD(k)                                                                                        \
    "mul t1, a3, a2\n"                                                                             \
    "mul t4, a3, s0\n"                                                                             \
    "mul t2, a4, a2\n"                                                                             \
    "mul t5, a4, s0\n"                                                                             \
    "mul t3, a5, a2\n"                                                                             \
    "mul t6, a5, s0\n"                                                                             \
    "add t1, t1, t0\n"                                                                             \
    "add t4, t4, t0\n"                                                                             \
    "add t2, t2, t0\n"                                                                             \
    "add t5, t5, t0\n"                                                                             \
    "add t3, t3, t0\n"                                                                             \
    "add t6, t6, t0\n"

#define NEXT(k)                                                                                    \
    LOAD(k)                                                                                        \
    "mul s1, a3, a2\n"                                                                             \
    "mul a3, a3, s0\n"                                                                             \
    "add t1, t1, s1\n"                                                                             \
    "add t4, t4, a3\n"                                                                             \
    "mul s1, a4, a2\n"                                                                             \
    "mul a4, a4, s0\n"                                                                             \
    "add t2, t2, s1\n"                                                                             \
    "add t5, t5, a4\n"                                                                             \
    "mul s1, a5, a2\n"                                                                             \
    "mul a5, a5, s0\n"                                                                             \
    "add t3, t3, s1\n"                                                                             \
    "add t6, t6, a5\n"

#define DRAIN_ONE(word, high, total)                                                               \
    "srai s1, " word ", 16\n"                                                                      \
    "add " total ", " total ", " word "\n"                                                         \
    "add " high ", " high ", s1\n"

#define DRAIN                                                                                      \
    DRAIN_ONE("t1", "s2", "s8")                                                                    \
    DRAIN_ONE("t2", "s3", "s9")                                                                    \
    DRAIN_ONE("t3", "s4", "s10")                                                                   \
    DRAIN_ONE("t4", "s5", "s11")                                                                   \
    DRAIN_ONE("t5", "s6", "a6")                                                                    \
    DRAIN_ONE("t6", "s7", "a7")

// A sum to an int8 in a5; a2 shift, a3 add_if_negative, t0 256.
#define FINISH(sum, multiplier, c, shift)                                                          \
    "sll " sum ", " sum ", a2\n"                                                                   \
    "mulh a5, " sum ", " multiplier "\n"                                                           \
    "add a5, a5, " c "\n"                                                                          \
    "bgez " sum ", 1f\n"                                                                           \
    "add a5, a5, a3\n"                                                                             \
    "1:\n"                                                                                         \
    "sra a5, a5, " shift "\n"                                                                      \
    "addi " sum ", a5, 128\n"                                                                      \
    "bltu " sum ", t0, 1f\n"                                                                       \
    "srai a5, a5, 31\n"                                                                            \
    "xori a5, a5, 127\n"                                                                           \
    "1:\n"

// Both channels of a pixel.
#define PIXEL(offset, first, second)                                                               \
    "lw s0, " offset "(ra)\n"                                                                      \
    "add s0, s0, a4\n" FINISH(first, "t2", "t5", "t1") "sb a5, 0(s0)\n" FINISH(second, "t4", "t6", \
                                                                               "t3") "sb a5, "     \
                                                                                     "1(s0)\n"

#define PAIR(lower, upper, high_0, total_0, high_1, total_1)                                       \
    "slli a5, " high_0 ", 16\n"                                                                    \
    "slli s1, " high_1 ", 16\n"                                                                    \
    "sub " total_0 ", " total_0 ", a5\n"                                                           \
    "sub " total_1 ", " total_1 ", s1\n" PIXEL(upper, high_0, high_1)                              \
        PIXEL(lower, total_0, total_1)

// a0 weights, a1 columns, ra end of a run, t1..t6 words, s2..s7 H, s8..s11, a6, a7 T.
// Weights of two channels: how many twos are drained more (16 bits), then for each run its number
// of fours, the fours, and, unless it is the last run, a four of two twos.
// clang-format off
__attribute__((naked, noinline)) static void dot(__attribute__((unused)) call_t *call) {
    __asm__ volatile(
        "addi sp, sp, -64\n"
        "sw ra, 0(sp)\n"
        "sw s0, 4(sp)\n"
        "sw s1, 8(sp)\n"
        "sw s2, 12(sp)\n"
        "sw s3, 16(sp)\n"
        "sw s4, 20(sp)\n"
        "sw s5, 24(sp)\n"
        "sw s6, 28(sp)\n"
        "sw s7, 32(sp)\n"
        "sw s8, 36(sp)\n"
        "sw s9, 40(sp)\n"
        "sw s10, 44(sp)\n"
        "sw s11, 48(sp)\n"
        "sw a0, 52(sp)\n"
        "mv ra, a0\n"
        "lw a0, 0(a0)\n"
        "20:\n"
        "lw a1, 4(ra)\n"
        "lw a2, 12(ra)\n"
        "lw s1, 60(ra)\n"
        "lbu a5, 0(a0)\n"
        "lbu s0, 1(a0)\n"
        "lw a3, 0(a2)\n"
        "lw a4, 8(a2)\n"
        "addi a0, a0, 2\n"
        "slli a5, a5, 15\n"
        "slli s0, s0, 23\n"
        "add s1, s1, a5\n"
        "add s1, s1, s0\n"
        "srai a3, a3, 8\n"
        "srai a4, a4, 8\n"
        "mv s2, a3\n"
        "mv s3, a3\n"
        "mv s4, a3\n"
        "mv s5, a4\n"
        "mv s6, a4\n"
        "mv s7, a4\n"
        "slli a5, a3, 16\n"
        "add s8, a3, a5\n"
        "sub s8, s8, s1\n"
        "mv s9, s8\n"
        "mv s10, s8\n"
        "slli a5, a4, 16\n"
        "add s11, a4, a5\n"
        "sub s11, s11, s1\n"
        "mv a6, s11\n"
        "mv a7, s11\n"
        "lui t0, 8\n"
        "21:\n"
        "lbu s1, 0(a0)\n"
        "addi a0, a0, 1\n"
        "slli a3, s1, 5\n"
        "slli s1, s1, 4\n"
        "add a3, a3, s1\n"
        "add ra, a1, a3\n"
        "beq a1, ra, 23f\n");
    __asm__ volatile(
        "22:\n"
        FIRST("0") NEXT("1") NEXT("2") NEXT("3")
        "addi a0, a0, 8\n"
        "addi a1, a1, 48\n"
        DRAIN
        "bne a1, ra, 22b\n");
    __asm__ volatile(
        "23:\n"
        "lw ra, 52(sp)\n"
        "lw s1, 8(ra)\n"
        "beq a1, s1, 25f\n"
        "addi ra, a1, 48\n"
        "24:\n"
        FIRST("0") NEXT("1")
        "addi a0, a0, 4\n"
        "addi a1, a1, 24\n"
        DRAIN
        "bne a1, ra, 24b\n"
        "j 21b\n");
    __asm__ volatile(
        "25:\n"
        "lw a1, 12(ra)\n"
        "lw a2, 32(ra)\n"
        "lw a3, 24(ra)\n"
        "lw t1, 0(a1)\n"
        "lw t2, 4(a1)\n"
        "lw t3, 8(a1)\n"
        "lw t4, 12(a1)\n"
        "addi a1, a1, 16\n"
        "sw a1, 12(ra)\n"
        "sll t5, a2, t1\n"
        "sll t6, a2, t3\n"
        "add t5, t5, a3\n"
        "add t6, t6, a3\n"
        "addi t1, t1, 1\n"
        "addi t3, t3, 1\n"
        "lw a2, 20(ra)\n"
        "lw a3, 28(ra)\n"
        "lw a4, 64(ra)\n"
        "li t0, 256\n"
        PAIR("52", "56", "s4", "s10", "s7", "a7"));
    __asm__ volatile(
        PAIR("44", "48", "s3", "s9", "s6", "a6"));
    __asm__ volatile(
        PAIR("36", "40", "s2", "s8", "s5", "s11")
        "addi a4, a4, 2\n"
        "sw a4, 64(ra)\n"
        "lw a5, 16(ra)\n"
        "beq a1, a5, 26f\n"
        "j 20b\n");
    __asm__ volatile(
        "26:\n"
        "lw ra, 0(sp)\n"
        "lw s0, 4(sp)\n"
        "lw s1, 8(sp)\n"
        "lw s2, 12(sp)\n"
        "lw s3, 16(sp)\n"
        "lw s4, 20(sp)\n"
        "lw s5, 24(sp)\n"
        "lw s6, 28(sp)\n"
        "lw s7, 32(sp)\n"
        "lw s8, 36(sp)\n"
        "lw s9, 40(sp)\n"
        "lw s10, 44(sp)\n"
        "lw s11, 48(sp)\n"
        "addi sp, sp, 64\n"
        "ret\n");
}
// clang-format on

// Where the windows of a layer are.
typedef struct {
    const tinyiree_window_t *window;
    const int8_t *in;
    int8_t *staging;    // of a row of two windows
    uint32_t row_bytes; // of a window
    int8_t zero_point;
} source_t;

// A row of a window that is not inside altogether, or has gaps.
__attribute__((noinline)) static const int8_t *stage(const source_t *source, int32_t y, int32_t x,
                                                     uint32_t offset) {
    const tinyiree_window_t *w = source->window;
    int8_t *const row = source->staging + offset, *to = row;
    const uint32_t depth = w->in_channels;
    const uint32_t width = (uint32_t)y < w->in_height ? w->in_width : 0;
    for (uint32_t kx = w->kernel_width; kx > 0; --kx, x += w->dilation_width) {
        const int8_t *from = source->in + ((uint32_t)y * width + (uint32_t)x) * depth;
        for (const int8_t *const end = to + depth; to != end; ++from)
            *to++ = (uint32_t)x < width ? *from : source->zero_point;
    }
    return row;
}

// The inputs of two pixels side by side.
__attribute__((noinline)) static int32_t *pack(int32_t *to, const int8_t *a, const int8_t *b,
                                               uint32_t count) {
    const int8_t *const end = a + count, *const fours = a + (count & ~3u);
    for (; a != fours; a += 4, b += 4, to += 12) {
        to[0] = a[0] + b[0] * 65536;
        to[3] = a[1] + b[1] * 65536;
        to[6] = a[2] + b[2] * 65536;
        to[9] = a[3] + b[3] * 65536;
    }
    for (; a != end; to += 3)
        *to = *a++ + *b++ * 65536;
    return to;
}

typedef struct {
    const int8_t *from; // the first input of the window, were it inside
    int32_t top, left;
    uint32_t height; // how many rows can be read as they are: all of the image, or none
} position_t;

__attribute__((noinline)) static void make_columns(const source_t *source, const position_t at[2],
                                                   int32_t *columns) {
    const tinyiree_window_t *w = source->window;
    const int32_t step = w->dilation_height, row_step = step * w->in_width * w->in_channels;
    const int8_t *a = at[0].from, *b = at[1].from;
    int32_t y_a = at[0].top, y_b = at[1].top;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const int8_t *row_a = a, *row_b = b;
        if ((uint32_t)y_a >= at[0].height)
            row_a = stage(source, y_a, at[0].left, 0);
        if ((uint32_t)y_b >= at[1].height)
            row_b = stage(source, y_b, at[1].left, source->row_bytes);
        columns = pack(columns, row_a, row_b, source->row_bytes);
        a += row_step;
        b += row_step;
        y_a += step;
        y_b += step;
    }
}

tinyiree_kernel_t tinyiree_rv32im_conv2d;

void tinyiree_rv32im_conv2d(const void *params, void *const *pointers, uint32_t first_row,
                            uint32_t last_row) {
    const tinyiree_mulh_conv2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t outputs = p->out_channels;
    const uint32_t row_bytes = (uint32_t)w->kernel_width * w->in_channels;
    const uint32_t inputs = w->kernel_height * row_bytes, fours = (inputs + 3) / 4;
    int32_t *const columns = pointers[2];
    call_t call;
    call.columns = columns;
    call.columns_end = columns + 12 * fours;
    call.shift = p->rescale.shift;
    call.add = p->rescale.add;
    call.add_if_negative = p->rescale.add_if_negative;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.start = fours << 15;
    for (int32_t *pad = columns + 3 * inputs; pad != call.columns_end; ++pad)
        *pad = 0;
    const source_t source = {w, pointers[0], (int8_t *)(columns + 12 * fours), row_bytes,
                             (int8_t)p->input_zero_point};
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * outputs;
    const uint32_t pixels = (last_row - first_row) * w->out_width;
    position_t at[2];
    int32_t top = (int32_t)(first_row * w->stride_height) - w->pad_top;
    uint32_t x = 0;
    for (uint32_t done = 0; done < pixels;) {
        for (uint32_t slot = 0; slot < 6; ++slot) {
            if (done == pixels) {
                // The place of one that is not there is written before the first is.
                call.out[slot] = call.out[0];
                at[slot & 1] = at[0];
            } else {
                call.out[slot] = out;
                const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
                const int across = left >= 0 && left + w->kernel_width <= w->in_width;
                position_t *const position = &at[slot & 1];
                position->from = source.in + (top * w->in_width + left) * w->in_channels;
                position->top = top;
                position->left = left;
                position->height = across && w->dilation_width == 1 ? w->in_height : 0;
                out += outputs;
                ++done;
                if (++x == w->out_width) {
                    x = 0;
                    top += w->stride_height;
                }
            }
            if (slot & 1)
                make_columns(&source, at, columns + slot / 2);
        }
        call.weights = p->weights;
        call.channels = p->channels;
        call.end = call.channels + (outputs & ~1u);
        call.first = 0;
        if (outputs > 1)
            dot(&call);
        if (outputs & 1) {
            // The last channel with one that is not there.
            int8_t spare[12];
            int8_t *to[6];
            for (uint32_t slot = 0; slot < 6; ++slot) {
                to[slot] = call.out[slot] + outputs - 1;
                call.out[slot] = spare + 2 * slot;
            }
            call.weights = (const int8_t *)p->weights + p->odd_weights;
            call.end = call.channels + 2;
            call.first = 0;
            dot(&call);
            for (uint32_t slot = 6; slot-- > 0;)
                *to[slot] = spare[2 * slot];
        }
    }
    const uint32_t bytes = pixels * outputs;
    tinyiree_rv32im_clamp(out - bytes, bytes, &p->output);
}
