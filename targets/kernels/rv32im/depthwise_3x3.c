// Depthwise convolution with a 3x3 window and a step of one or two pixels: a channel at a time
// along a row of the output, its nine weights in registers, each input read once and added to the
// three outputs whose windows it is in.
//
// Rows of the window above or below the image get weights of 0, and the zero point of the input
// goes into the bias for them; to the left and right one column may be missing.
//
// The outputs of a row are written channel by channel, so that the inputs of the whole row's
// windows are read until its end; rows go from the top down.
#include "rescale.h"

// One call computes a row. The assembly below knows the offsets.
typedef struct {
    const int8_t *weights;              // 0: nine for each channel; moves
    const tinyiree_channel_t *channels; // 4: moves
    const int8_t *rows[3];              // 8: of the input, where the first column is that is inside
    int8_t *out;                        // 20
    uint32_t depth;                     // 24
    const tinyiree_channel_t *end;      // 28
    uint32_t shift;                     // 32
    int32_t add;                        // 36
    int32_t zero_point;                 // 40: 2 * output zero point + 1
    int32_t input_zero_point;           // 44
    uint32_t missing;                   // 48: 1 the upper row of the window, 2 the lower one
    uint32_t left;                      // 52: 1 when the first column is missing
    uint32_t steps;                     // 56: bytes of the columns that complete an output
    uint32_t right;                     // 60: 1 when the last column is missing
    int32_t back;                       // 64: from the end of a row to its next channel
    int32_t back_out;                   // 68
} call_t;

// Weights s0..s8 row by row, rows a0..a2, out a6, end of a0 a7, depth t0, bias s9, multiplier s10,
// c s11, final shift t4, first shift t5, 256 t6; inputs a3..a5; ra is free.
#define COLUMN                                                                                     \
    "lb a3, 0(a0)\n"                                                                               \
    "lb a4, 0(a1)\n"                                                                               \
    "lb a5, 0(a2)\n"                                                                               \
    "add a0, a0, t0\n"                                                                             \
    "add a1, a1, t0\n"                                                                             \
    "add a2, a2, t0\n"

// One column of weights.
#define ADD(sum, w0, w1, w2)                                                                       \
    "mul a3, a3, " w0 "\n"                                                                         \
    "mul a4, a4, " w1 "\n"                                                                         \
    "mul a5, a5, " w2 "\n"                                                                         \
    "add " sum ", " sum ", a3\n"                                                                   \
    "add " sum ", " sum ", a4\n"                                                                   \
    "add " sum ", " sum ", a5\n"

// The inputs of a column end one output and start another.
#define END_AND_START(done, new)                                                                   \
    "mul ra, a3, s2\n"                                                                             \
    "mul " new ", a3, s0\n"                                                                        \
    "mul a3, a4, s5\n"                                                                             \
    "add " done ", " done ", ra\n"                                                                 \
    "mul a4, a4, s3\n"                                                                             \
    "add " new ", " new ", s9\n"                                                                   \
    "mul ra, a5, s8\n"                                                                             \
    "add " done ", " done ", a3\n"                                                                 \
    "mul a5, a5, s6\n"                                                                             \
    "add " new ", " new ", a4\n"                                                                   \
    "add " done ", " done ", ra\n"                                                                 \
    "add " new ", " new ", a5\n"

#define THREE(done, middle, new)                                                                   \
    "mul ra, a3, s2\n"                                                                             \
    "mul " new ", a3, s0\n"                                                                        \
    "mul a3, a3, s1\n"                                                                             \
    "add " done ", " done ", ra\n"                                                                 \
    "add " new ", " new ", s9\n"                                                                   \
    "add " middle ", " middle ", a3\n"                                                             \
    "mul ra, a4, s5\n"                                                                             \
    "mul a3, a4, s3\n"                                                                             \
    "mul a4, a4, s4\n"                                                                             \
    "add " done ", " done ", ra\n"                                                                 \
    "add " new ", " new ", a3\n"                                                                   \
    "add " middle ", " middle ", a4\n"                                                             \
    "mul ra, a5, s8\n"                                                                             \
    "mul a3, a5, s6\n"                                                                             \
    "mul a5, a5, s7\n"                                                                             \
    "add " done ", " done ", ra\n"                                                                 \
    "add " new ", " new ", a3\n"                                                                   \
    "add " middle ", " middle ", a5\n"

#define NEGATIVE_positive(sum)
#define NEGATIVE_signed(sum)                                                                       \
    "bgez " sum ", 1f\n"                                                                           \
    "addi ra, ra, -2\n"                                                                            \
    "1:\n"

#define FINISH(sum, negative)                                                                      \
    "sll " sum ", " sum ", t5\n"                                                                   \
    "mulh ra, " sum ", s10\n"                                                                      \
    "add ra, ra, s11\n" negative(sum) "sra ra, ra, t4\n"                                           \
                                      "addi " sum ", ra, 128\n"                                    \
                                      "bltu " sum ", t6, 1f\n"                                     \
                                      "srai ra, ra, 31\n"                                          \
                                      "xori ra, ra, 127\n"                                         \
                                      "1:\n"                                                       \
                                      "sb ra, 0(a6)\n"                                             \
                                      "add a6, a6, t0\n"

#define SAVE                                                                                       \
    "addi sp, sp, -64\n"                                                                           \
    "sw ra, 0(sp)\n"                                                                               \
    "sw s0, 4(sp)\n"                                                                               \
    "sw s1, 8(sp)\n"                                                                               \
    "sw s2, 12(sp)\n"                                                                              \
    "sw s3, 16(sp)\n"                                                                              \
    "sw s4, 20(sp)\n"                                                                              \
    "sw s5, 24(sp)\n"                                                                              \
    "sw s6, 28(sp)\n"                                                                              \
    "sw s7, 32(sp)\n"                                                                              \
    "sw s8, 36(sp)\n"                                                                              \
    "sw s9, 40(sp)\n"                                                                              \
    "sw s10, 44(sp)\n"                                                                             \
    "sw s11, 48(sp)\n"                                                                             \
    "sw a0, 52(sp)\n"                                                                              \
    "mv ra, a0\n"                                                                                  \
    "lw a0, 8(ra)\n"                                                                               \
    "lw a1, 12(ra)\n"                                                                              \
    "lw a2, 16(ra)\n"                                                                              \
    "lw a6, 20(ra)\n"                                                                              \
    "lw t0, 24(ra)\n"                                                                              \
    "lw t5, 32(ra)\n"                                                                              \
    "li t6, 256\n"

// The constants of a channel, and what its first column adds to the first output, t1.
#define START                                                                                      \
    "20:\n"                                                                                        \
    "lw a3, 0(ra)\n"                                                                               \
    "lw a4, 4(ra)\n"                                                                               \
    "lb s0, 0(a3)\n"                                                                               \
    "lb s1, 1(a3)\n"                                                                               \
    "lb s2, 2(a3)\n"                                                                               \
    "lb s3, 3(a3)\n"                                                                               \
    "lb s4, 4(a3)\n"                                                                               \
    "lb s5, 5(a3)\n"                                                                               \
    "lb s6, 6(a3)\n"                                                                               \
    "lb s7, 7(a3)\n"                                                                               \
    "lb s8, 8(a3)\n"                                                                               \
    "lw s9, 0(a4)\n"                                                                               \
    "lw s10, 4(a4)\n"                                                                              \
    "addi a3, a3, 9\n"                                                                             \
    "addi a4, a4, 8\n"                                                                             \
    "sw a3, 0(ra)\n"                                                                               \
    "sw a4, 4(ra)\n"                                                                               \
    "lw a3, 36(ra)\n"                                                                              \
    "lw s11, 40(ra)\n"                                                                             \
    "lw a5, 44(ra)\n"                                                                              \
    "lw a4, 48(ra)\n"                                                                              \
    "addi t4, s9, 1\n"                                                                             \
    "sll s11, s11, s9\n"                                                                           \
    "add s11, s11, a3\n"                                                                           \
    "srai s9, s9, 8\n"                                                                             \
    "lw a3, 52(ra)\n"                                                                              \
    "beqz a4, 23f\n"                                                                               \
    "andi t1, a4, 1\n"                                                                             \
    "beqz t1, 22f\n"                                                                               \
    "add t1, s0, s1\n"                                                                             \
    "add t1, t1, s2\n"                                                                             \
    "mul t1, t1, a5\n"                                                                             \
    "add s9, s9, t1\n"                                                                             \
    "li s0, 0\n"                                                                                   \
    "li s1, 0\n"                                                                                   \
    "li s2, 0\n"                                                                                   \
    "22:\n"                                                                                        \
    "andi t1, a4, 2\n"                                                                             \
    "beqz t1, 23f\n"                                                                               \
    "add t1, s6, s7\n"                                                                             \
    "add t1, t1, s8\n"                                                                             \
    "mul t1, t1, a5\n"                                                                             \
    "add s9, s9, t1\n"                                                                             \
    "li s6, 0\n"                                                                                   \
    "li s7, 0\n"                                                                                   \
    "li s8, 0\n"                                                                                   \
    "23:\n"                                                                                        \
    "mv t1, s9\n"                                                                                  \
    "beqz a3, 24f\n"                                                                               \
    "add t2, s0, s3\n"                                                                             \
    "add t2, t2, s6\n"                                                                             \
    "mul t2, t2, a5\n"                                                                             \
    "add t1, t1, t2\n"                                                                             \
    "j 25f\n"                                                                                      \
    "24:\n" COLUMN ADD("t1", "s0", "s3", "s6") "25:\n"

#define STEPS_END                                                                                  \
    "lw a3, 56(ra)\n"                                                                              \
    "add a7, a0, a3\n"

// The last output without its last column, and the next channel.
#define END(odd_column, negative)                                                                  \
    "29:\n"                                                                                        \
    "lw ra, 52(sp)\n"                                                                              \
    "lw a3, 60(ra)\n"                                                                              \
    "beqz a3, 30f\n" odd_column "lw a3, 44(ra)\n"                                                  \
    "add a4, s2, s5\n"                                                                             \
    "add a4, a4, s8\n"                                                                             \
    "mul a4, a4, a3\n"                                                                             \
    "add t1, t1, a4\n" FINISH("t1", negative) "lw ra, 52(sp)\n"                                    \
                                              "30:\n"                                              \
                                              "lw a3, 64(ra)\n"                                    \
                                              "lw a4, 68(ra)\n"                                    \
                                              "lw a5, 4(ra)\n"                                     \
                                              "add a0, a0, a3\n"                                   \
                                              "add a1, a1, a3\n"                                   \
                                              "add a2, a2, a3\n"                                   \
                                              "lw a3, 28(ra)\n"                                    \
                                              "add a6, a6, a4\n"                                   \
                                              "beq a5, a3, 31f\n"                                  \
                                              "j 20b\n"                                            \
                                              "31:\n"

#define RESTORE                                                                                    \
    "lw ra, 0(sp)\n"                                                                               \
    "lw s0, 4(sp)\n"                                                                               \
    "lw s1, 8(sp)\n"                                                                               \
    "lw s2, 12(sp)\n"                                                                              \
    "lw s3, 16(sp)\n"                                                                              \
    "lw s4, 20(sp)\n"                                                                              \
    "lw s5, 24(sp)\n"                                                                              \
    "lw s6, 28(sp)\n"                                                                              \
    "lw s7, 32(sp)\n"                                                                              \
    "lw s8, 36(sp)\n"                                                                              \
    "lw s9, 40(sp)\n"                                                                              \
    "lw s10, 44(sp)\n"                                                                             \
    "lw s11, 48(sp)\n"                                                                             \
    "addi sp, sp, 64\n"                                                                            \
    "ret\n"

// Sums of three outputs in turn in t1, t2, t3: what comes out last is moved to t1.
// clang-format off
#define DEFINE_ROW_1(name, negative) \
    __attribute__((naked, noinline)) static void name(__attribute__((unused)) call_t *call) { \
        __asm__ volatile(SAVE START); \
        __asm__ volatile( \
            COLUMN \
            "mul t2, a3, s0\n" \
            "mul t3, a4, s3\n" \
            "add t2, t2, s9\n" \
            "add t2, t2, t3\n" \
            "mul t3, a5, s6\n" \
            "add t2, t2, t3\n" \
            ADD("t1", "s1", "s4", "s7") \
            STEPS_END \
            "beq a0, a7, 29f\n"); \
        __asm__ volatile( \
            "26:\n" \
            COLUMN THREE("t1", "t2", "t3") FINISH("t1", negative) \
            "beq a0, a7, 27f\n" \
            COLUMN THREE("t2", "t3", "t1") FINISH("t2", negative) \
            "beq a0, a7, 28f\n"); \
        __asm__ volatile( \
            COLUMN THREE("t3", "t1", "t2") FINISH("t3", negative) \
            "bne a0, a7, 26b\n" \
            "j 29f\n" \
            "27:\n" \
            "mv t1, t2\n" \
            "j 29f\n" \
            "28:\n" \
            "mv t1, t3\n" \
            END("", negative) RESTORE); \
    }

#define DEFINE_ROW_2(name, negative) \
    __attribute__((naked, noinline)) static void name(__attribute__((unused)) call_t *call) { \
        __asm__ volatile(SAVE START); \
        __asm__ volatile( \
            STEPS_END \
            "beq a0, a7, 29f\n" \
            "26:\n" \
            COLUMN ADD("t1", "s1", "s4", "s7") \
            COLUMN END_AND_START("t1", "t2") FINISH("t1", negative) \
            "beq a0, a7, 28f\n"); \
        __asm__ volatile( \
            COLUMN ADD("t2", "s1", "s4", "s7") \
            COLUMN END_AND_START("t2", "t1") FINISH("t2", negative) \
            "bne a0, a7, 26b\n" \
            "j 29f\n" \
            "28:\n" \
            "mv t1, t2\n" \
            END(COLUMN ADD("t1", "s1", "s4", "s7"), negative) RESTORE); \
    }
// clang-format on

typedef void row_t(call_t *);

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_mulh_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, row_t *const by_stride[2]) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, stride = w->stride_width;
    const uint32_t row_bytes = w->in_width * depth, out_bytes = w->out_width * depth;
    call_t call;
    call.depth = depth;
    call.shift = p->rescale.shift;
    call.add = p->rescale.add;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.input_zero_point = p->input_zero_point;
    call.left = w->pad_left;
    call.right = (w->out_width - 1u) * stride + 3 > (uint32_t)w->in_width + w->pad_left;
    call.steps = (w->out_width - call.right) * stride * depth;
    // Columns that are read: with a stride of 1 one more before the steps, and one less after them.
    const uint32_t around = 1 - call.left + (stride == 1 ? 1 : call.right);
    call.back = 1 - (int32_t)(call.steps + around * depth);
    call.back_out = 1 - (int32_t)out_bytes;
    call.out = (int8_t *)pointers[1] + first_row * out_bytes;
    const int8_t *const in = pointers[0];
    for (uint32_t y = first_row; y < last_row; ++y, call.out += out_bytes) {
        const int32_t middle = (int32_t)(y * w->stride_height) - w->pad_top + 1;
        const int8_t *const row = in + middle * (int32_t)row_bytes;
        call.missing = 0;
        call.rows[0] = call.rows[1] = call.rows[2] = row;
        if (middle == 0)
            call.missing |= 1;
        else
            call.rows[0] = row - row_bytes;
        if (middle + 1 == w->in_height)
            call.missing |= 2;
        else
            call.rows[2] = row + row_bytes;
        call.weights = p->weights;
        call.channels = p->channels;
        call.end = call.channels + depth;
        by_stride[stride - 1](&call);
    }
    const uint32_t bytes = (last_row - first_row) * out_bytes;
    tinyiree_rv32im_clamp(call.out - bytes, bytes, &p->output);
}

#define DEFINE_DEPTHWISE(name)                                                                     \
    DEFINE_ROW_1(row_1_##name, NEGATIVE_##name)                                                    \
    DEFINE_ROW_2(row_2_##name, NEGATIVE_##name)                                                    \
    tinyiree_kernel_t tinyiree_rv32im_depthwise_3x3_##name;                                        \
    void tinyiree_rv32im_depthwise_3x3_##name(const void *params, void *const *pointers,           \
                                              uint32_t first_row, uint32_t last_row) {             \
        static row_t *const by_stride[2] = {row_1_##name, row_2_##name};                           \
        run(params, pointers, first_row | last_row << 16, by_stride);                              \
    }

// For models whose results below the zero point are all clamped, or rounded once; and for others.
DEFINE_DEPTHWISE(positive)
DEFINE_DEPTHWISE(signed)
