// Fully connected as in fully_connected.c, with sums of more than 24 bits: every 96 steps what has
// been summed up is brought back to its size.
#include "pairs.h"

// 96 steps of 4 inputs sum up to less than 2^23: one step to 4 * (128 * 128 + 127) at most.
enum { PART = 96, BLOCK = 8 };

// clang-format off
#define TWO(a, b) \
    "ldmia.w r1!, {r12, lr}\n" \
    TINYIREE_PAIRS(a, "r12", "r2", "r3") \
    TINYIREE_PAIRS(b, "lr", "r2", "r3")
#define STEP \
    "ldr.w r2, [r0], #4\n" \
    TINYIREE_PREPARE("r2", "r3") \
    TWO("r4", "r5") TWO("r6", "r7") TWO("r8", "r9") TWO("r10", "r11")

// Adds the products of `steps` steps, at least 1, to eight sums. Returns the weights that follow.
// The loop is entered in its middle.
__attribute__((naked)) static const void *part_of_eight(
    __attribute__((unused)) const int8_t *in, __attribute__((unused)) const void *weights,
    __attribute__((unused)) uint32_t steps, __attribute__((unused)) int32_t *sums) {
    __asm__ volatile(
        "push {r3-r11, lr}\n"
        "add r3, r0, r2, lsl #2\n"
        "push {r2, r3}\n"
        "lsls r2, r2, #31\n"
        "mov r4, #0\n"
        "mov r5, #0\n"
        "mov r6, #0\n"
        "mov r7, #0\n"
        "mov r8, #0\n"
        "mov r9, #0\n"
        "mov r10, #0\n"
        "mov r11, #0\n"
        "bmi.w 2f\n"
        "1:\n"
        STEP
        "2:\n"
        STEP
        "ldr r2, [sp, #4]\n"
        "cmp r0, r2\n"
        "bne.w 1b\n"
        "ldr r0, [sp, #8]\n"
        "ldmia r0, {r2, r3, r12, lr}\n"
        "add r4, r2, r4, asr #8\n"
        "add r5, r3, r5, asr #8\n"
        "add r6, r12, r6, asr #8\n"
        "add r7, lr, r7, asr #8\n"
        "stmia r0!, {r4-r7}\n"
        "ldmia r0, {r2, r3, r12, lr}\n"
        "add r8, r2, r8, asr #8\n"
        "add r9, r3, r9, asr #8\n"
        "add r10, r12, r10, asr #8\n"
        "add r11, lr, r11, asr #8\n"
        "stmia.w r0, {r8-r11}\n"
        "mov r0, r1\n"
        "add sp, sp, #12\n"
        "pop {r4-r11, pc}\n");
}

// The same of one output.
__attribute__((noinline)) static const void *part_of_one(const int8_t *in, const void *weights,
                                                         uint32_t steps, int32_t *sums) {
    const int8_t *const end = in + 4 * steps;
    int32_t sum = 0;
    uint32_t x, y, w;
    __asm__ volatile(
        "1:\n"
        "ldr %[x], [%[in]], #4\n"
        "ldr %[w], [%[weights]], #4\n"
        TINYIREE_PREPARE("%[x]", "%[y]")
        TINYIREE_PAIRS("%[sum]", "%[w]", "%[x]", "%[y]")
        "cmp %[in], %[end]\n"
        "bne 1b\n"
        : [sum] "+r"(sum), [x] "=&r"(x), [y] "=&r"(y), [w] "=&r"(w), [in] "+r"(in),
          [weights] "+r"(weights)
        : [end] "r"(end)
        : "memory", "cc");
    *sums += sum >> 8;
    return weights;
}
// clang-format on

typedef int8_t finish_t(int32_t sum, const tinyiree_wide_channel_t *channel, int32_t zero_point);

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_fully_connected_t *p,
                                          void *const *pointers, uint32_t rows, finish_t *finish) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const uint32_t inputs = p->inputs, outputs = p->outputs, before_last = (inputs - 1) / 4;
    for (uint32_t row = first_row; row < last_row; ++row) {
        const int8_t *const in = (const int8_t *)pointers[0] + row * inputs;
        int8_t *const out = (int8_t *)pointers[1] + row * outputs;
        const tinyiree_wide_channel_t *channel = p->channels;
        const void *weights = p->weights;
        int8_t last[4] = {0, 0, 0, 0}; // the inputs of the last step
        for (uint32_t i = 4 * before_last; i < inputs; ++i)
            last[i % 4] = in[i];
        for (uint32_t i = 0, block; i < outputs; i += block) {
            block = i + BLOCK <= outputs ? BLOCK : 1;
            int32_t sums[BLOCK] = {0, 0, 0, 0, 0, 0, 0, 0};
            for (uint32_t step = 0, count; step <= before_last; step += count) {
                const int8_t *from = in + 4 * step;
                count = before_last - step;
                count = count < PART ? count : PART;
                if (count == 0) {
                    from = last;
                    count = 1;
                }
                weights =
                    (block == BLOCK ? part_of_eight : part_of_one)(from, weights, count, sums);
            }
            for (uint32_t k = 0; k < block; ++k)
                out[i + k] = finish(sums[k], channel++, 2 * p->output.zero_point + 1);
        }
        tinyiree_armv7em_clamp(out, outputs, &p->output);
    }
}

#define DEFINE_FULLY_CONNECTED(rounding)                                                           \
    tinyiree_kernel_t tinyiree_armv7em_fully_connected_wide_##rounding;                            \
    void tinyiree_armv7em_fully_connected_wide_##rounding(                                         \
        const void *params, void *const *pointers, uint32_t first_row, uint32_t last_row) {        \
        run(params, pointers, first_row | last_row << 16, tinyiree_wide_##rounding);               \
    }

DEFINE_FULLY_CONNECTED(single)
DEFINE_FULLY_CONNECTED(double)
