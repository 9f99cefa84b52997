// Fully connected: eight outputs at a time. Weights are bytes with 128 added, which LDRB loads
// without an index; what that adds, 128 times the sum of the inputs, is subtracted from the start.
// Inputs are loaded four at a time, so rows have to start at a word.
//
// Promise: while a row of the result is written, inputs of this row or of later ones are read.
#include "requantize.h"

// One call computes a row of the result. It is copied to the stack.
typedef struct {
    const uint8_t *weights;
    const int8_t *in;
    const int8_t *eights_end; // of the inputs, in eights
    const int8_t *in_end;
    int32_t start;      // -128 * sum of the inputs
    int32_t zero_point; // 2 * output zero point + 1
    const tinyiree_channel_t *channels;
    const tinyiree_channel_t *channels_end;
    int8_t *out;
} call_t;

typedef void dot_t(const call_t *);

#define LOW(weight, acc)                                                                           \
    "ldrb r3, [r1, #" weight "]\n"                                                                 \
    "muls r3, r4, r3\n"                                                                            \
    "adds " acc ", " acc ", r3\n"

#define HIGH(weight, acc)                                                                          \
    "ldrb r3, [r1, #" weight "]\n"                                                                 \
    "muls r3, r4, r3\n"                                                                            \
    "add " acc ", r3\n"

// The input is in r4.
#define INPUT(w0, w1, w2, w3, w4, w5, w6, w7)                                                      \
    LOW(w0, "r5")                                                                                  \
    LOW(w1, "r6")                                                                                  \
    LOW(w2, "r7")                                                                                  \
    HIGH(w3, "r8") HIGH(w4, "r9") HIGH(w5, "r10") HIGH(w6, "r11") HIGH(w7, "r12")

// r0 inputs, r1 weights. On the stack: call_t, then the place of 8 sums.
// clang-format off
#define FOUR_INPUTS \
    __asm__ volatile( \
        ".syntax unified\n" \
        "ldmia r0!, {r2}\n" \
        "sxtb r4, r2\n" \
        INPUT("0", "1", "2", "3", "4", "5", "6", "7") \
        "asrs r2, r2, #8\n" \
        "sxtb r4, r2\n" \
        INPUT("8", "9", "10", "11", "12", "13", "14", "15") \
        "asrs r2, r2, #8\n" \
        "sxtb r4, r2\n" \
        INPUT("16", "17", "18", "19", "20", "21", "22", "23") \
        "asrs r4, r2, #8\n" \
        INPUT("24", "25", "26", "27", "28", "29", "30", "31") \
        "adds r1, r1, #32\n")

#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            ".syntax unified\n" \
            "push {r4-r7, lr}\n" \
            "mov r1, r8\n" \
            "mov r2, r9\n" \
            "mov r3, r10\n" \
            "mov r4, r11\n" \
            "push {r1-r4}\n" \
            "sub sp, sp, #68\n" \
            "mov r1, sp\n" \
            "ldmia r0!, {r2-r6}\n" \
            "stmia r1!, {r2-r6}\n" \
            "ldmia r0!, {r2-r5}\n" \
            "stmia r1!, {r2-r5}\n" \
            "1:\n" \
            "ldr r5, [sp, #16]\n" \
            "movs r6, r5\n" \
            "movs r7, r5\n" \
            "mov r8, r5\n" \
            "mov r9, r5\n" \
            "mov r10, r5\n" \
            "mov r11, r5\n" \
            "mov r12, r5\n" \
            "ldr r1, [sp]\n" \
            "ldr r0, [sp, #4]\n" \
            "ldr r2, [sp, #8]\n" \
            "mov lr, r2\n" \
            "cmp r0, r2\n" \
            "bne 2f\n" \
            "b 3f\n" \
            "2:\n"); \
        FOUR_INPUTS; \
        FOUR_INPUTS; \
        __asm__ volatile( \
            ".syntax unified\n" \
            "cmp r0, lr\n" \
            "beq 3f\n" \
            "b 2b\n" \
            "4:\n" \
            "ldrb r4, [r0]\n" \
            "sxtb r4, r4\n" \
            INPUT("0", "1", "2", "3", "4", "5", "6", "7") \
            "adds r0, r0, #1\n" \
            "adds r1, r1, #8\n" \
            "3:\n" \
            "ldr r2, [sp, #12]\n" \
            "cmp r0, r2\n" \
            "bne 4b\n" \
            "str r1, [sp]\n" \
            "add r0, sp, #36\n" \
            "stmia r0!, {r5-r7}\n" \
            "mov r1, r8\n" \
            "mov r2, r9\n" \
            "mov r3, r10\n" \
            "mov r4, r11\n" \
            "mov r5, r12\n" \
            "stmia r0!, {r1-r5}\n" \
            "add r0, sp, #36\n" \
            "mov r8, r0\n" \
            "ldr r2, [sp, #24]\n" \
            "ldr r1, [sp, #28]\n" \
            "subs r1, r1, r2\n" \
            "lsrs r1, r1, #1\n" \
            "cmp r1, #32\n" \
            "bls 5f\n" \
            "movs r1, #32\n" \
            "5:\n" \
            "add r0, r0, r1\n" \
            "mov r12, r0\n" \
            "ldr r0, [sp, #32]\n" \
            "mov r11, r0\n" \
            "adr r1, 6f\n" \
            "ldr r0, [r2]\n" \
            "lsrs r0, r0, #6\n" \
            "bcc 51f\n" \
            "adr r1, 7f\n" \
            "51:\n" \
            "adds r1, r1, #1\n" \
            "mov lr, r1\n" \
            ".balign 4\n" \
            "6:\n" \
            LOAD_CHANNEL(rounding, "20") \
            "subs r2, r2, #8\n" \
            "mov r9, r2\n" \
            ".balign 4\n" \
            "7:\n" \
            "mov r2, r9\n" \
            "ldmia r2!, {r0, r1}\n" \
            "mov r9, r2\n" \
            "asrs r0, r0, #8\n" \
            "mov r2, r8\n" \
            "ldmia r2!, {r1}\n" \
            "mov r8, r2\n" \
            "adds r0, r0, r1\n" \
            REQUANTIZE(rounding) \
            "mov r1, r11\n" \
            "strb r0, [r1]\n" \
            "adds r1, r1, #1\n" \
            "mov r11, r1\n" \
            "mov r2, r9\n" \
            "mov r0, r8\n" \
            "cmp r0, r12\n" \
            "beq 8f\n" \
            "bx lr\n" \
            "8:\n" \
            "str r1, [sp, #32]\n" \
            "str r2, [sp, #24]\n" \
            "ldr r3, [sp, #28]\n" \
            "cmp r2, r3\n" \
            "beq 9f\n" \
            "b 1b\n" \
            "9:\n" \
            "add sp, sp, #68\n" \
            "pop {r1-r4}\n" \
            "mov r8, r1\n" \
            "mov r9, r2\n" \
            "mov r10, r3\n" \
            "mov r11, r4\n" \
            "pop {r4-r7, pc}\n"); \
    }
// clang-format on

// The sum of `count` > 0 bytes; the only index counts up to 0.
__attribute__((noinline)) static int32_t add_up(const int8_t *from, uint32_t count) {
    int32_t sum = 0, i = -(int32_t)count, x;
    __asm__ volatile(".syntax unified\n"
                     "1:\n"
                     "ldrsb %[x], [%[end], %[i]]\n"
                     "adds %[sum], %[sum], %[x]\n"
                     "adds %[i], %[i], #1\n"
                     "bne 1b\n"
                     : [sum] "+l"(sum), [i] "+l"(i), [x] "=&l"(x)
                     : [end] "l"(from + count)
                     : "cc", "memory");
    return sum;
}

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
    for (uint32_t row = first_row; row < last_row; ++row, in += inputs, out += outputs) {
        call.in = in;
        call.eights_end = in + (inputs & ~7u);
        call.in_end = in + inputs;
        call.start = -128 * add_up(in, inputs);
        call.out = out;
        dot(&call);
        tinyiree_armv6m_clamp(out, outputs, &p->output);
    }
}

#define DEFINE_FULLY_CONNECTED(rounding)                                                           \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv6m_fully_connected_##rounding;                                  \
    void tinyiree_armv6m_fully_connected_##rounding(const void *params, void *const *pointers,     \
                                                    uint32_t first_row, uint32_t last_row) {       \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_FULLY_CONNECTED(single)
DEFINE_FULLY_CONNECTED(double)
