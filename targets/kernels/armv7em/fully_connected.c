// Fully connected: eight outputs at a time over four inputs a step, straight from the input; the
// outputs that are left over one by one. No scratch.
//
// Of a row, inputs are read until its last output is written; nothing of a row before it is.
#include "pairs.h"

typedef struct {
    const void *weights;
    const int8_t *in;
    uint32_t steps; // before the last one
    const int8_t *in_end;
    const tinyiree_channel_t *channels;
    const tinyiree_channel_t *channels_end; // after a multiple of 8
    int8_t *out;
    int32_t zero_point; // 2 * output zero point + 1
    uint32_t last;      // the inputs of the last step
} call_t;

typedef void dot_t(const call_t *);

// clang-format off
#define TWO(a, b) \
    "ldmia.w r1!, {r12, lr}\n" \
    TINYIREE_PAIRS(a, "r12", "r2", "r3") \
    TINYIREE_PAIRS(b, "lr", "r2", "r3")
#define EIGHT \
    TINYIREE_PREPARE("r2", "r3") \
    TWO("r4", "r5") TWO("r6", "r7") TWO("r8", "r9") TWO("r10", "r11")
#define STEP "ldr.w r2, [r0], #4\n" EIGHT
#define STEP_BYTES "124"

// The low byte of a sum is of no meaning: see tinyiree.kernels.pairs.
#define OUTPUT(rounding, acc, at) \
    "ldrd r2, r3, [r0], #8\n" \
    "bic " acc ", " acc ", #255\n" \
    "lsl r1, r12, r2\n" \
    FINISH_##rounding(acc, "r3", "r2", "r1", "r1") \
    "strb.w " acc ", [lr, #" at "]\n"

// r0 inputs, r1 weights, r2 and r3 prepared inputs, r4..r11 sums. On the stack: 0 inputs, 4 entry,
// 8 in_end, 12 channels, 16 channels_end, 20 out, 24 zero_point, 28 last, 32 weights. The loop is
// entered where the steps come out even, or not at all.
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "ldmia r0, {r1-r9}\n" \
            "sub sp, sp, #4\n" \
            "adr.w r12, 3f\n" \
            "cbz r3, 0f\n" \
            "rsb r3, r3, #0\n" \
            "and r3, r3, #3\n" \
            "mov r10, #" STEP_BYTES "\n" \
            "mul r3, r3, r10\n" \
            "adr.w r12, 2f\n" \
            "add r12, r12, r3\n" \
            "0:\n" \
            "orr r3, r12, #1\n" \
            "push {r2-r9}\n" \
            "mov r12, r5\n" \
            "1:\n" \
            "ldr r4, [r12]\n" \
            "ldr r5, [r12, #8]\n" \
            "ldr r6, [r12, #16]\n" \
            "ldr r7, [r12, #24]\n" \
            "ldr r8, [r12, #32]\n" \
            "ldr r9, [r12, #40]\n" \
            "ldr r10, [r12, #48]\n" \
            "ldr r11, [r12, #56]\n" \
            "ldrd r0, r2, [sp]\n" \
            "bx r2\n" \
            ".balign 4\n" \
            "2:\n" \
            ".rept 4\n" STEP ".endr\n" \
            "ldr r2, [sp, #8]\n" \
            "cmp r0, r2\n" \
            "bne.w 2b\n" \
            ".balign 4\n" \
            "3:\n" \
            "ldr r2, [sp, #28]\n" \
            EIGHT \
            "str r1, [sp, #32]\n" \
            "ldr r0, [sp, #12]\n" \
            "ldrd lr, r12, [sp, #20]\n" \
            OUTPUT(rounding, "r4", "0") \
            OUTPUT(rounding, "r5", "1") \
            OUTPUT(rounding, "r6", "2") \
            OUTPUT(rounding, "r7", "3") \
            OUTPUT(rounding, "r8", "4") \
            OUTPUT(rounding, "r9", "5") \
            OUTPUT(rounding, "r10", "6") \
            OUTPUT(rounding, "r11", "7") \
            "ldrd r3, r2, [sp, #12]\n" \
            "add lr, lr, #8\n" \
            "str lr, [sp, #20]\n" \
            "str r0, [sp, #12]\n" \
            "ldr r1, [sp, #32]\n" \
            "mov r12, r0\n" \
            "cmp r0, r2\n" \
            "bne.w 1b\n" \
            "add sp, sp, #36\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

// One output; the weights of the next one follow.
__attribute__((noinline)) static const uint32_t *one(const uint32_t *weights, const call_t *call,
                                                     const tinyiree_channel_t *channel, int8_t *out,
                                                     uint32_t double_rounding) {
    const int32_t e = channel->bias_and_shift;
    const int32_t c = call->zero_point << (e & 255);
    const int8_t *in = call->in;
    int32_t sum = e;
    uint32_t x = call->last, y, w;
    // The last step first: it needs no branch of its own.
    weights += call->steps;
    __asm__("ldr %[w], [%[weights]]\n" TINYIREE_PREPARE("%[x]", "%[y]")
                TINYIREE_PAIRS("%[sum]", "%[w]", "%[x]", "%[y]")
            : [sum] "+r"(sum), [x] "+r"(x), [y] "=&r"(y), [w] "=&r"(w)
            : [weights] "r"(weights)
            : "memory");
    const uint32_t *const next = weights + 1;
    weights -= call->steps;
    if (call->steps) {
#define ONE                                                                                        \
    "ldr %[x], [%[in]], #4\n"                                                                      \
    "ldr %[w], [%[weights]], #4\n" TINYIREE_PREPARE("%[x]", "%[y]")                                \
        TINYIREE_PAIRS("%[sum]", "%[w]", "%[x]", "%[y]")
        __asm__("lsls %[x], %[steps], #31\n"
                "bmi 2f\n"
                "1:\n" ONE "2:\n" ONE "cmp %[in], %[end]\n"
                "bne 1b\n"
                : [sum] "+r"(sum), [x] "=&r"(x), [y] "=&r"(y), [w] "=&r"(w), [in] "+r"(in),
                  [weights] "+r"(weights)
                : [end] "r"(call->in_end), [steps] "r"(call->steps)
                : "memory", "cc");
    }
    sum &= ~255;
    if (double_rounding)
        __asm__(FINISH_double("%[sum]", "%[m]", "%[e]", "%[c]", "%[x]")
                : [sum] "+r"(sum), [x] "=&r"(x)
                : [m] "r"(channel->multiplier), [e] "r"(e), [c] "r"(c));
    else
        __asm__(FINISH_single("%[sum]", "%[m]", "%[e]", "%[c]", "")
                : [sum] "+r"(sum)
                : [m] "r"(channel->multiplier), [e] "r"(e), [c] "r"(c));
    *out = (int8_t)sum;
    return next;
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_fully_connected_t *p,
                                          void *const *pointers, uint32_t rows, dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const uint32_t inputs = p->inputs, outputs = p->outputs, full = outputs & ~7u;
    call_t call;
    call.steps = (inputs - 1) / 4;
    call.zero_point = 2 * p->output.zero_point + 1;
    for (uint32_t row = first_row; row < last_row; ++row) {
        int8_t *const out = (int8_t *)pointers[1] + row * outputs;
        call.weights = p->weights;
        call.in = (const int8_t *)pointers[0] + row * inputs;
        call.in_end = call.in + 4 * call.steps;
        call.channels = p->channels;
        call.channels_end = call.channels + full;
        call.out = out;
        call.last = 0;
        for (uint32_t i = inputs; i-- > 4 * call.steps;)
            call.last = call.last << 8 | (uint8_t)call.in[i];
        if (full)
            dot(&call);
        const uint32_t *weights = (const uint32_t *)p->weights + full * (call.steps + 1);
        for (uint32_t i = full; i < outputs; ++i)
            weights = one(weights, &call, call.channels + i, out + i, p->output.double_rounding);
        tinyiree_armv7em_clamp(out, outputs, &p->output);
    }
}

#define DEFINE_FULLY_CONNECTED(rounding)                                                           \
    DEFINE_DOT(rounding)                                                                           \
    tinyiree_kernel_t tinyiree_armv7em_fully_connected_##rounding;                                 \
    void tinyiree_armv7em_fully_connected_##rounding(const void *params, void *const *pointers,    \
                                                     uint32_t first_row, uint32_t last_row) {      \
        run(params, pointers, first_row | last_row << 16, dot_##rounding);                         \
    }

DEFINE_FULLY_CONNECTED(single)
DEFINE_FULLY_CONNECTED(double)
