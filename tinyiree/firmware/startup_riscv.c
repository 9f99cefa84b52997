// Reset and traps of a RISC-V hart in machine mode (Privileged ISA 20211203, chapter 3).

#include "startup.h"

#if defined(__riscv_flen)
// mstatus.FS := Initial (3.1.6.6), else every float instruction traps; fcsr := round to nearest.
#define ENABLE_FPU                                                                                 \
    "li t0, 1 << 13\n"                                                                             \
    "csrs mstatus, t0\n"                                                                           \
    "csrw fcsr, x0\n"
#else
#define ENABLE_FPU
#endif

__attribute__((noreturn, used, aligned(4))) static void trap(void) {
    uint32_t cause, address;
    __asm__ volatile(".option push\n"
                     ".option arch, +zicsr\n"
                     "csrr %0, mcause\n"
                     "csrr %1, mepc\n"
                     ".option pop"
                     : "=r"(cause), "=r"(address));
    tinyiree_fault(cause, address);
}

__attribute__((naked, section(".tinyiree.vectors"), used)) void tinyiree_entry(void) {
    // clang-format off
  __asm__ volatile(
      ".option push\n"
      ".option arch, +zicsr\n"
      "la sp, tinyiree_stack_top\n"
      "la t0, %0\n"
      "csrw mtvec, t0\n"
      ENABLE_FPU
      "j tinyiree_start\n"
      ".option pop" ::"i"(trap));
    // clang-format on
}
