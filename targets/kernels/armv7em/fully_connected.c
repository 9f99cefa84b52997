// Fully connected: the inputs are widened once, then four outputs at a time over 8 inputs a step.
#include "columns.h"

typedef struct {
    const void *weights;
    const uint32_t *column; // X, Y for each 4 inputs
    uint32_t steps;         // of 8 inputs
    const uint32_t *column_end;
    const tinyiree_channel_t *channels;
    const tinyiree_channel_t *channels_end; // after a multiple of 4
    int8_t *out;
    int32_t zero_point; // 2 * output zero point + 1
} call_t;

typedef void dot_t(const call_t *);

#define WORD(acc, w, x, y)                                                                         \
    "smlad " acc ", " y ", " w ", " acc "\n"                                                       \
    "sxtb16 " w ", " w "\n"                                                                        \
    "smlad " acc ", " x ", " w ", " acc "\n"

#define QUAD(x, y)                                                                                 \
    "ldmia.w r1!, {r2, r3, r12, lr}\n" WORD("r8", "r2", x, y) WORD("r9", "r3", x, y)               \
        WORD("r10", "r12", x, y) WORD("r11", "lr", x, y)

#define STEP       "ldmia.w r0!, {r4-r7}\n" QUAD("r4", "r5") QUAD("r6", "r7")
#define STEP_BYTES "108"

// r0 column, r1 weights, r8..r11 sums. On the stack: 0 column, 4 entry, 8 column_end, 12 channels,
// 16 channels_end, 20 out, 24 zero_point. The loop is entered in its middle.
// clang-format off
#define DEFINE_DOT(rounding) \
    __attribute__((naked)) static void dot_##rounding( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "ldmia r0, {r1-r8}\n" \
            "rsb r3, r3, #0\n" \
            "and r3, r3, #1\n" \
            "mov r12, #" STEP_BYTES "\n" \
            "mul r3, r3, r12\n" \
            "adr.w r12, 2f\n" \
            "add r3, r3, r12\n" \
            "orr r3, r3, #1\n" \
            "push {r2-r8}\n" \
            "mov r0, r5\n" \
            "1:\n" \
            "ldmia r0, {r4-r11}\n" \
            START_256("r11", "r10") \
            START_256("r10", "r8") \
            START_256("r9", "r6") \
            START_256("r8", "r4") \
            "ldrd r0, r2, [sp]\n" \
            "bx r2\n" \
            ".balign 4\n" \
            "2:\n" \
            STEP STEP \
            "ldr r2, [sp, #8]\n" \
            "cmp r0, r2\n" \
            "bne.w 2b\n" \
            "ldr r0, [sp, #12]\n" \
            "ldr r3, [sp, #24]\n" \
            "ldmia r0!, {r4-r7}\n" \
            "lsl r2, r3, r4\n" \
            FINISH_##rounding("r8", "r5", "r4", "r2", "r12") \
            "lsl r2, r3, r6\n" \
            FINISH_##rounding("r9", "r7", "r6", "r2", "r12") \
            "ldmia r0!, {r4-r7}\n" \
            "lsl r2, r3, r4\n" \
            FINISH_##rounding("r10", "r5", "r4", "r2", "r12") \
            "lsl r2, r3, r6\n" \
            FINISH_##rounding("r11", "r7", "r6", "r2", "r12") \
            "str r0, [sp, #12]\n" \
            "ldrd r2, r4, [sp, #16]\n" \
            "strb r8, [r4], #1\n" \
            "strb r9, [r4], #1\n" \
            "strb r10, [r4], #1\n" \
            "strb r11, [r4], #1\n" \
            "str r4, [sp, #20]\n" \
            "cmp r0, r2\n" \
            "bne.w 1b\n" \
            "add sp, sp, #28\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

__attribute__((noinline)) static uint32_t *widen(uint32_t *to, const int8_t *from, uint32_t quads) {
    return quads ? tinyiree_expand_one(to, from, quads) : to;
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_fully_connected_t *p,
                                          void *const *pointers, uint32_t rows, dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const uint32_t inputs = p->inputs, outputs = p->outputs;
    const uint32_t quads = inputs / 4, steps = (inputs + 7) / 8, full = outputs & ~3u;
    // The column, then outputs of an incomplete four, then the last inputs of an incomplete four.
    uint32_t *const column = pointers[2];
    int8_t *const spare = (int8_t *)(column + 4 * steps), *const last = spare + 4;
    call_t call;
    call.column = column;
    call.steps = steps;
    call.column_end = column + 4 * steps;
    call.zero_point = 2 * p->output.zero_point + 1;
    for (uint32_t row = first_row; row < last_row; ++row) {
        const int8_t *in = (const int8_t *)pointers[0] + row * inputs;
        int8_t *const out = (int8_t *)pointers[1] + row * outputs;
        uint32_t *const end = widen(column, in, quads);
        for (uint32_t i = 4 * quads; i < inputs; ++i)
            last[i % 4] = in[i];
        widen(end, last, inputs % 4 != 0);
        call.weights = p->weights;
        call.channels = p->channels;
        call.channels_end = call.channels + full;
        call.out = out;
        if (full)
            dot(&call);
        if (full < outputs) {
            call.weights = (const int8_t *)p->weights + full * steps * 8;
            call.channels += full;
            call.channels_end = call.channels + 4;
            call.out = spare;
            dot(&call);
            for (uint32_t i = full; i < outputs; ++i)
                out[i] = spare[i % 4];
        }
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
