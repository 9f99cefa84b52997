// Fully connected: eight outputs at a time, two products in each multiplication.
//
// A word of weights has two inputs of two outputs as bytes, all of them plus 128:
//     W = a0 + (a1 << 8) + (b0 << 16) + (b1 << 24)
// With odd = (W >> 8) & 0x00ff00ff = a1 + (b1 << 16), the products
//     x0 * W + (x1 - 256 * x0) * odd = x0 * (a0 + (b0 << 16)) + x1 * (a1 + (b1 << 16))
// advance both outputs, in the halves of a word. The word is drained before a half can overflow, as
// in conv2d.c, and is then freed of the 128 times the sum of the inputs; how many inputs go between
// two drains follows from the weights (tinyiree.kernels.rv32im.linear).
//
// Inputs are read where they are. Rows go from the top down.
#include "rescale.h"

// One call computes a multiple of eight outputs of a row. The assembly below knows the offsets.
typedef struct {
    const int8_t *weights;              // 0: moves
    const int8_t *in;                   // 4
    const int8_t *fours_end;            // 8
    const int8_t *in_end;               // 12
    const tinyiree_channel_t *channels; // 16: moves
    const tinyiree_channel_t *end;      // 20
    uint32_t shift;                     // 24
    int32_t add;                        // 28
    int32_t add_if_negative;            // 32
    int32_t zero_point;                 // 36: 2 * output zero point + 1
    int8_t *out;                        // 40: moves
} call_t;

#define INPUTS(k)                                                                                  \
    "lb a3, " k "(a1)\n"                                                                           \
    "lb a4, " k "+1(a1)\n"
// The sum of the inputs in a5, and x1 - 256 * x0 in a4.
#define SUM                                                                                        \
    "add a5, a5, a3\n"                                                                             \
    "add a5, a5, a4\n"                                                                             \
    "slli s0, a3, 8\n"                                                                             \
    "sub a4, a4, s0\n"

#define TWO_WORDS(offset)                                                                          \
    "lw s0, " offset "(a0)\n"                                                                      \
    "lw s1, " offset "+4(a0)\n"                                                                    \
    "srli t5, s0, 8\n"                                                                             \
    "srli t6, s1, 8\n"                                                                             \
    "and t5, t5, t0\n"                                                                             \
    "and t6, t6, t0\n"                                                                             \
    "mul s0, s0, a3\n"                                                                             \
    "mul s1, s1, a3\n"                                                                             \
    "mul t5, t5, a4\n"                                                                             \
    "mul t6, t6, a4\n"

#define FIRST_WORDS(offset, word_0, word_1)                                                        \
    TWO_WORDS(offset)                                                                              \
    "add " word_0 ", s0, t5\n"                                                                     \
    "add " word_1 ", s1, t6\n"

#define NEXT_WORDS(offset, word_0, word_1)                                                         \
    TWO_WORDS(offset)                                                                              \
    "add " word_0 ", " word_0 ", s0\n"                                                             \
    "add " word_1 ", " word_1 ", s1\n"                                                             \
    "add " word_0 ", " word_0 ", t5\n"                                                             \
    "add " word_1 ", " word_1 ", t6\n"

// Two inputs.
#define FIRST                                                                                      \
    INPUTS("0")                                                                                    \
    "add a5, a3, a4\n"                                                                             \
    "slli s0, a3, 8\n"                                                                             \
    "sub a4, a4, s0\n" FIRST_WORDS("0", "t1", "t2") FIRST_WORDS("8", "t3", "t4")

#define NEXT(k, offset)                                                                            \
    INPUTS(k) SUM NEXT_WORDS(offset, "t1", "t2") NEXT_WORDS(offset "+8", "t3", "t4")

#define DRAIN_ONE(word, high, total)                                                               \
    "sub " word ", " word ", s0\n"                                                                 \
    "srai s1, " word ", 16\n"                                                                      \
    "add " total ", " total ", " word "\n"                                                         \
    "add " high ", " high ", s1\n"

#define DRAIN                                                                                      \
    "mul s0, a5, a2\n"                                                                             \
    "sub s0, s0, s10\n" DRAIN_ONE("t1", "s2", "s6") DRAIN_ONE("t2", "s3", "s7")                    \
        DRAIN_ONE("t3", "s4", "s8") DRAIN_ONE("t4", "s5", "s9")

// The sum of the first output takes the place of T.
#define SEPARATE(high, total)                                                                      \
    "slli s0, " high ", 16\n"                                                                      \
    "sub " total ", " total ", s0\n"

// One input beyond whole fours, times the weight of one output.
#define ONE(i, sum)                                                                                \
    "lb s0, " i "(a0)\n"                                                                           \
    "mul s0, s0, a3\n"                                                                             \
    "add " sum ", " sum ", s0\n"

// a1 channels, a3 add_if_negative, a7 out, t1 shift, t2 add, t3 zero point, t4 256.
#define FINISH(i, sum)                                                                             \
    "lw s0, 8*" i "(a1)\n"                                                                         \
    "lw s1, 8*" i "+4(a1)\n"                                                                       \
    "srai a4, s0, 8\n"                                                                             \
    "add " sum ", " sum ", a4\n"                                                                   \
    "sll " sum ", " sum ", t1\n"                                                                   \
    "sll a5, t3, s0\n"                                                                             \
    "mulh a4, " sum ", s1\n"                                                                       \
    "add a5, a5, t2\n"                                                                             \
    "addi s0, s0, 1\n"                                                                             \
    "add a4, a4, a5\n"                                                                             \
    "bgez " sum ", 1f\n"                                                                           \
    "add a4, a4, a3\n"                                                                             \
    "1:\n"                                                                                         \
    "sra a4, a4, s0\n"                                                                             \
    "addi " sum ", a4, 128\n"                                                                      \
    "bltu " sum ", t4, 1f\n"                                                                       \
    "srai a4, a4, 31\n"                                                                            \
    "xori a4, a4, 127\n"                                                                           \
    "1:\n"                                                                                         \
    "sb a4, " i "(a7)\n"

// a0 weights, a1 inputs, a2 0x800080, a6 lengths, a7 end of the inputs, ra end of those up to the
// next drain, t0 0xff00ff, s10 0x8000, s11 call; t1..t4 words, s2..s5 H, s6..s9 T.
// Weights of eight outputs: the number of drains and the bytes of this head (16 bits each), for
// each drain the fours of inputs before it, or 0 for one after each of two twos, then the words,
// then the weights of inputs beyond whole fours.
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
        "mv s11, a0\n"
        "lw a0, 0(s11)\n"
        "lui a2, 0x800\n"
        "addi a2, a2, 0x80\n"
        "lui t0, 0xff0\n"
        "addi t0, t0, 0xff\n"
        "lui s10, 8\n"
        "19:\n"
        "lw a1, 4(s11)\n"
        "lw a7, 8(s11)\n"
        "lhu s6, 0(a0)\n"
        "lhu s0, 2(a0)\n"
        "addi a6, a0, 4\n"
        "add a0, a0, s0\n"
        "slli s6, s6, 15\n"
        "neg s6, s6\n"
        "mv s7, s6\n"
        "mv s8, s6\n"
        "mv s9, s6\n"
        "li s2, 0\n"
        "li s3, 0\n"
        "li s4, 0\n"
        "li s5, 0\n"
        "beq a1, a7, 26f\n");
    __asm__ volatile(
        "20:\n"
        "lbu s0, 0(a6)\n"
        "addi a6, a6, 1\n"
        "slli ra, s0, 2\n"
        "add ra, ra, a1\n"
        "beqz s0, 23f\n"
        FIRST NEXT("2", "16"));
    __asm__ volatile(
        "addi a1, a1, 4\n"
        "addi a0, a0, 32\n"
        "beq a1, ra, 22f\n"
        "21:\n"
        NEXT("0", "0")
        NEXT("2", "16"));
    __asm__ volatile(
        "addi a1, a1, 4\n"
        "addi a0, a0, 32\n"
        "bne a1, ra, 21b\n"
        "22:\n"
        DRAIN
        "bne a1, a7, 20b\n"
        "j 26f\n");
    __asm__ volatile(
        "23:\n"
        "addi ra, a1, 4\n"
        "24:\n"
        FIRST
        DRAIN
        "addi a1, a1, 2\n"
        "addi a0, a0, 16\n"
        "bne a1, ra, 24b\n"
        "bne a1, a7, 20b\n"
        "26:\n"
        SEPARATE("s2", "s6")
        SEPARATE("s3", "s7")
        SEPARATE("s4", "s8")
        SEPARATE("s5", "s9")
        "lw a7, 12(s11)\n"
        "beq a1, a7, 28f\n"
        "27:\n"
        "lb a3, 0(a1)\n"
        "addi a1, a1, 1\n"
        ONE("0", "s6") ONE("1", "s2") ONE("2", "s7") ONE("3", "s3")
        ONE("4", "s8") ONE("5", "s4") ONE("6", "s9") ONE("7", "s5")
        "addi a0, a0, 8\n"
        "bne a1, a7, 27b\n");
    __asm__ volatile(
        "28:\n"
        "lw a1, 16(s11)\n"
        "lw t1, 24(s11)\n"
        "lw t2, 28(s11)\n"
        "lw a3, 32(s11)\n"
        "lw t3, 36(s11)\n"
        "lw a7, 40(s11)\n"
        "li t4, 256\n"
        FINISH("0", "s6") FINISH("1", "s2") FINISH("2", "s7") FINISH("3", "s3")
        FINISH("4", "s8"));
    __asm__ volatile(
        FINISH("5", "s4") FINISH("6", "s9") FINISH("7", "s5")
        "addi a1, a1, 64\n"
        "addi a7, a7, 8\n"
        "lw s0, 20(s11)\n"
        "sw a1, 16(s11)\n"
        "sw a7, 40(s11)\n"
        "beq a1, s0, 29f\n"
        "j 19b\n"
        "29:\n"
        "sw a0, 0(s11)\n"
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

__attribute__((noinline)) static int32_t plain(const int8_t *x, const int8_t *w, uint32_t count,
                                               int32_t sum) {
    const int8_t *const end = x + count, *const fours = x + (count & ~3u);
    for (; x != fours; x += 4, w += 4)
        sum += x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
    for (; x != end; ++x, ++w)
        sum += *x * *w;
    return sum;
}

tinyiree_kernel_t tinyiree_rv32im_fully_connected;

void tinyiree_rv32im_fully_connected(const void *params, void *const *pointers, uint32_t first_row,
                                     uint32_t last_row) {
    const tinyiree_mulh_fully_connected_t *p = params;
    const uint32_t inputs = p->inputs, outputs = p->outputs, tail = inputs & 3;
    const tinyiree_output_t output = p->output;
    call_t call;
    call.shift = p->rescale.shift;
    call.add = p->rescale.add;
    call.add_if_negative = p->rescale.add_if_negative;
    call.zero_point = 2 * output.zero_point + 1;
    call.in_end = (const int8_t *)pointers[0] + first_row * inputs;
    call.out = (int8_t *)pointers[1] + first_row * outputs;
    for (uint32_t row = first_row; row < last_row; ++row) {
        call.in = call.in_end;
        call.in_end = call.in + inputs;
        call.fours_end = call.in_end - tail;
        call.weights = p->weights;
        call.channels = p->channels;
        call.end = call.channels + (outputs & ~7u);
        if (outputs >= 8)
            dot(&call);
        for (uint32_t left = outputs & 7; left > 0; --left, ++call.channels) {
            const int32_t bias = call.channels->bias_and_shift >> 8;
            const int32_t sum = plain(call.in, call.weights, inputs, bias);
            call.weights += inputs;
            *call.out++ = tinyiree_finish(sum, call.channels, &p->rescale, output.zero_point);
        }
        tinyiree_rv32im_clamp(call.out - outputs, outputs, &p->output);
    }
}
