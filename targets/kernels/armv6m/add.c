// Addition of two tensors: two 32-bit multiplies an element.
//
// Promise: an element is read before it is written, in the order of elements.
#include "requantize.h"

// It is copied to registers.
typedef struct {
    const int8_t *a_end;
    const int8_t *b_end;
    int8_t *out_end;
    int32_t index; // less than 0
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t offset;
    int32_t shift;
} call_t;

// r4 counts up to 0; r8 and r9 the multipliers, r10 the offset, r11 the shift.
__attribute__((naked)) static void add(__attribute__((unused)) const call_t *call) {
    __asm__ volatile(".syntax unified\n"
                     "push {r4-r7, lr}\n"
                     "mov r4, r8\n"
                     "mov r5, r9\n"
                     "mov r6, r10\n"
                     "mov r7, r11\n"
                     "push {r4-r7}\n"
                     "ldmia r0!, {r1-r4}\n"
                     "ldmia r0!, {r5-r7}\n"
                     "mov r8, r5\n"
                     "mov r9, r6\n"
                     "mov r10, r7\n"
                     "ldr r0, [r0]\n"
                     "mov r11, r0\n"
                     "1:\n"
                     "ldrsb r5, [r1, r4]\n"
                     "mov r0, r8\n"
                     "muls r5, r0, r5\n"
                     "ldrsb r6, [r2, r4]\n"
                     "mov r0, r9\n"
                     "muls r6, r0, r6\n"
                     "adds r5, r5, r6\n"
                     "add r5, r10\n"
                     "mov r0, r11\n"
                     "asrs r5, r5, r0\n"
                     "sxtb r6, r5\n"
                     "cmp r5, r6\n"
                     "beq 2f\n"
                     "asrs r5, r5, #31\n"
                     "movs r6, #127\n"
                     "eors r5, r5, r6\n"
                     "2:\n"
                     "strb r5, [r3, r4]\n"
                     "adds r4, r4, #1\n"
                     "bne 1b\n"
                     "pop {r4-r7}\n"
                     "mov r8, r4\n"
                     "mov r9, r5\n"
                     "mov r10, r6\n"
                     "mov r11, r7\n"
                     "pop {r4-r7, pc}\n");
}

tinyiree_kernel_t tinyiree_armv6m_add;

void tinyiree_armv6m_add(const void *params, void *const *pointers, uint32_t first_row,
                         uint32_t last_row) {
    const tinyiree_add_t *p = params;
    const uint32_t end = last_row * p->row_elements;
    const uint32_t count = end - first_row * p->row_elements;
    int8_t *const out_end = (int8_t *)pointers[2] + end;
    const call_t call = {(const int8_t *)pointers[0] + end,
                         (const int8_t *)pointers[1] + end,
                         out_end,
                         -(int32_t)count,
                         p->a_multiplier,
                         p->b_multiplier,
                         p->offset,
                         p->shift};
    if (count > 0)
        add(&call);
    tinyiree_armv6m_clamp(out_end - count, count, &p->output);
}
