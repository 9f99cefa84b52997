// Fully connected: eight outputs at a time.
//
// Promise: while a row of the result is written, inputs of this row or of later ones are read.
#include "requantize.h"

// One call computes a row of the result. It is copied to the stack.
typedef struct {
    const int8_t *weights;
    const tinyiree_channel_t *channels;
    const int8_t *in;
    const int8_t *in_end;
    const tinyiree_channel_t *channels_end;
    int32_t zero_point; // 2 * output zero point + 1
    int8_t *out;
    uint32_t odd; // inputs
} call_t;

typedef void dot_t(const call_t *);

#define OUTPUT(acc)                                                                                \
    "ldrsb r3, [r1], #1\n"                                                                         \
    "mla " acc ", r3, r2, " acc "\n"

#define INPUT                                                                                      \
    "ldrsb r2, [r0], #1\n" OUTPUT("r4") OUTPUT("r5") OUTPUT("r6") OUTPUT("r7") OUTPUT("r8")        \
        OUTPUT("r9") OUTPUT("r10") OUTPUT("r11")

// r0 inputs, r1 weights, r12 the end of the inputs. On the stack: eight sums, then call_t. The loop
// is entered in its middle.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "ldmia r0, {r1-r8}\n" \
            "push {r2-r8}\n" \
            "sub sp, sp, #32\n" \
            "1:\n" \
            "mov r4, #0\n" \
            "mov r5, #0\n" \
            "mov r6, #0\n" \
            "mov r7, #0\n" \
            "mov r8, #0\n" \
            "mov r9, #0\n" \
            "mov r10, #0\n" \
            "mov r11, #0\n" \
            "ldrd r0, r12, [sp, #36]\n" \
            "ldr r2, [sp, #56]\n" \
            "cbnz r2, 3f\n" \
            "2:\n" \
            INPUT \
            "3:\n" \
            INPUT \
            "cmp r0, r12\n" \
            "bne 2b\n" \
            "stmia sp, {r4-r11}\n" \
            "ldr r0, [sp, #32]\n" \
            "ldr r2, [sp, #44]\n" \
            "ldr r3, [sp, #48]\n" \
            "ldr r12, [sp, #52]\n" \
            "mov r10, sp\n" \
            "add r11, sp, #32\n" \
            "4:\n" \
            "ldmia r0!, {r4, r5}\n" \
            "ldr r6, [r10], #4\n" \
            "add r6, r6, r4, asr #8\n" \
            "lsl r7, r3, r4\n" \
            REQUANTIZE_##rounding("r6", "r5", "r4", "r7", "r8", "r9") \
            "strb r6, [r12], #1\n" \
            "cmp r0, r2\n" \
            "beq 5f\n" \
            "cmp r10, r11\n" \
            "bne 4b\n" \
            "str r0, [sp, #32]\n" \
            "str r12, [sp, #52]\n" \
            "b 1b\n" \
            "5:\n" \
            "add sp, sp, #60\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_fully_connected_t *p,
                                          void *const *pointers, uint32_t rows, dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const uint32_t inputs = p->inputs, outputs = p->outputs;
    const int8_t *in = (const int8_t *)pointers[0] + first_row * inputs;
    int8_t *out = (int8_t *)pointers[1] + first_row * outputs;
    call_t call;
    call.weights = p->weights;
    call.channels = p->channels;
    call.channels_end = call.channels + outputs;
    call.zero_point = 2 * p->output.zero_point + 1;
    call.odd = inputs & 1;
    for (uint32_t row = first_row; row < last_row; ++row, in += inputs, out += outputs) {
        call.in = in;
        call.in_end = in + inputs;
        call.out = out;
        dot(&call);
        tinyiree_armv6m_clamp(out, outputs, &p->output);
    }
}

#define DEFINE_FULLY_CONNECTED(rounding)                                                           \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7m_fully_connected_##rounding;                                  \
    void tinyiree_armv7m_fully_connected_##rounding(const void *params, void *const *pointers,     \
                                                    uint32_t first_row, uint32_t last_row) {       \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_FULLY_CONNECTED(single)
DEFINE_FULLY_CONNECTED(double)
