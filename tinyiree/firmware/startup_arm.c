// Reset and exceptions of Cortex-M (Armv6-M ARM, DDI 0419, B1.5; Armv7-M ARM, DDI 0403, B1.5).

#include "startup.h"

void tinyiree_entry(void) __attribute__((noreturn));
void tinyiree_exception(void);

void tinyiree_entry(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    // CPACR (DDI 0403, B3.2.20; DDI 0553, D1.2): full access to CP10 and CP11, which MVE shares.
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    tinyiree_start();
}

// The exception entry stacked r0-r3, r12, lr, pc, xPSR (DDI 0403, B1.5.6). The report gets the
// whole stack anew, as an overflow may be the cause.
__attribute__((naked)) void tinyiree_exception(void) {
    __asm__ volatile("mrs r0, msp\n"
                     "ldr r1, [r0, #24]\n"
                     "mrs r0, ipsr\n"
                     "ldr r2, =tinyiree_stack_top\n"
                     "mov sp, r2\n"
                     "ldr r2, =tinyiree_fault\n"
                     "bx r2\n"
                     ".ltorg");
}

// Dummies: objects with unwind tables refer to them; the tables themselves are discarded.
void __aeabi_unwind_cpp_pr0(void) {}
void __aeabi_unwind_cpp_pr1(void) {}

typedef void (*vector_t)(void);

// 16 system vectors; no interrupt is ever enabled.
__attribute__((section(".tinyiree.vectors"), used)) static const struct {
    uint32_t *stack;
    vector_t handlers[15];
} vectors = {tinyiree_stack_top,
             {tinyiree_entry, tinyiree_exception, tinyiree_exception, tinyiree_exception,
              tinyiree_exception, tinyiree_exception, tinyiree_exception, tinyiree_exception,
              tinyiree_exception, tinyiree_exception, tinyiree_exception, tinyiree_exception,
              tinyiree_exception, tinyiree_exception, tinyiree_exception}};
