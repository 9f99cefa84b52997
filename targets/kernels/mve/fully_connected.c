// Fully connected: eight outputs at a time over 16 inputs a step, read once for all of them; the
// last four or less by themselves. The first step has the inputs that are no full 16. A row is read
// again for each eight outputs.
#include "requantize.h"

// One of the rows of weights.
#define FIRST(sum)                                                                                 \
    "vldrw.u32 q1, [r3], #16\n"                                                                    \
    "vmladav.s8 " sum ", q0, q1\n"
#define NEXT(sum)                                                                                  \
    "vldrw.u32 q1, [r3], #16\n"                                                                    \
    "vmladava.s8 " sum ", q0, q1\n"
#define FOUR(each)  each("r0") each("r2") each("r4") each("r6")
#define EIGHT(each) FOUR(each) each("r8") each("r10") each("r12") each("lr")

// All steps, by the number of rows. r1 inputs, r3 weights, r5 start of the inputs, r7 steps after
// the first, r11 inputs of the first one.
#define SUMS(rows)                                                                                 \
    "vctp.8 r11\n"                                                                                 \
    "vpst\n"                                                                                       \
    "vldrbt.u8 q0, [r5]\n"                                                                         \
    "add r1, r5, r11\n" rows(FIRST) "movs r9, r7\n"                                                \
                                    "beq 3f\n"                                                     \
                                    "2:\n"                                                         \
                                    "vldrb.u8 q0, [r1], #16\n" rows(NEXT) "subs r9, r9, #1\n"      \
                                                                          "bne 2b\n"               \
                                                                          "3:\n"

// Four outputs.
#define REQUANTIZE(rounding, q)                                                                    \
    "vldrw.u32 q2, [r3], #16\n"                                                                    \
    "vldrw.u32 q3, [r3], #16\n"                                                                    \
    "vadd.i32 " q ", " q ", q2\n"                                                                  \
    "vldrb.s32 q2, [r3], #4\n" PREPARE_##rounding(q) TINYIREE_MULTIPLY_##rounding(q, "q3")         \
        CORRECT_##rounding(q) "vrshl.s32 " q ", " q ", q2\n"
#define PREPARE_single(q) TINYIREE_PREPARE_single("r6", q)
#define PREPARE_double(q) ""
#define CORRECT_single(q) ""
#define CORRECT_double(q) "cbz r6, 7f\n" TINYIREE_CORRECT_double(q, "q2", "q3") "7:\n"

typedef struct {
    const int8_t *in; // the first two are read by one LDRD, those from `out` on by one LDM
    const void *weights;
    uint32_t more_steps;
    uint32_t first_inputs; // 1..16
    int8_t *out;
    const void *channels;
    uint32_t left;
    int32_t zero_point;
    uint32_t outputs;
} row_t;

typedef void dot_t(row_t *call);

// clang-format off
#define DEFINE_ROW(rounding) \
    __attribute__((naked)) static void row_##rounding( \
        __attribute__((unused)) row_t *call) { \
        __asm__ volatile( \
            "push {r0, r4-r11, lr}\n" \
            "ldrd r5, r3, [r0]\n" \
            "ldrd r7, r11, [r0, #8]\n" \
            "ldr r8, [r0, #32]\n" \
            "1:\n" \
            "cmp r8, #4\n" \
            "ble 4f\n" \
            SUMS(EIGHT) \
            "vmov q1[2], q1[0], r2, r10\n" \
            "vmov q1[3], q1[1], r6, lr\n" \
            "vmov q0[2], q0[0], r0, r8\n" \
            "vmov q0[3], q0[1], r4, r12\n" \
            "b 5f\n" \
            "4:\n" \
            SUMS(FOUR) \
            "vmov q1[2], q1[0], r2, r2\n" \
            "vmov q1[3], q1[1], r6, r6\n" \
            "vmov q0[2], q0[0], r0, r0\n" \
            "vmov q0[3], q0[1], r4, r4\n" \
            "5:\n" \
            "mov lr, r3\n" \
            "ldr r1, [sp]\n" \
            "adds r1, r1, #16\n" \
            "ldm r1, {r2, r3, r6, r8, r9}\n" \
            REQUANTIZE(rounding, "q0") \
            REQUANTIZE(rounding, "q1") \
            "vqmovnb.s32 q0, q0\n" \
            "vqmovnt.s32 q0, q1\n" \
            "vqadd.s16 q0, q0, r8\n" \
            "vctp.16 r9\n" \
            "vqmovnb.s16 q0, q0\n" \
            "vpst\n" \
            "vstrbt.16 q0, [r2]\n" \
            "adds r2, r2, #8\n" \
            "stm r1, {r2, r3}\n" \
            "mov r3, lr\n" \
            "subs r8, r9, #8\n" \
            "str r8, [r1, #16]\n" \
            "bgt 1b\n" \
            "pop {r0, r4-r11, pc}\n"); \
    }
// clang-format on

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_fully_connected_t *p,
                                          void *const *pointers, uint32_t rows, dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const uint32_t more_steps = (p->inputs - 1u) / 16;
    int8_t *const out = (int8_t *)pointers[1] + first_row * p->outputs;
    int8_t *to = out;
    for (uint32_t row = first_row; row < last_row; ++row, to += p->outputs) {
        row_t call = {(const int8_t *)pointers[0] + row * p->inputs,
                      p->weights,
                      more_steps,
                      p->inputs - 16 * more_steps,
                      to,
                      (const int32_t *)p->channels + 1,
                      tinyiree_mve_left(p->channels, &p->output),
                      p->output.zero_point,
                      p->outputs};
        dot(&call);
    }
    tinyiree_mve_clamp(out, (uint32_t)(to - out), &p->output);
}

#define DEFINE_FULLY_CONNECTED(rounding)                                                           \
    DEFINE_ROW(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_mve_fully_connected_##rounding;                                     \
    void tinyiree_mve_fully_connected_##rounding(const void *params, void *const *pointers,        \
                                                 uint32_t first_row, uint32_t last_row) {          \
        run(params, pointers, first_row | last_row << 16, row_##rounding);                         \
    }

DEFINE_FULLY_CONNECTED(single)
DEFINE_FULLY_CONNECTED(double)
