  .syntax unified
  .thumb
  .section .vectors, "a"
  .word STACK_TOP
  .word _start
  .rept 14
  .word trap
  .endr

  .text
  .thumb_func
  .type _start, %function
  .global _start
_start:
#ifdef FPU
  ldr r0, =0xE000ED88 // CPACR: full access to CP10 and CP11
  ldr r1, =0x00F00000
  str r1, [r0]
  dsb
  isb
#endif
  bl main_loop
  b . // keeps the return address apart from the exception handler that follows
  .size _start, . - _start

  .thumb_func
  .type trap, %function
trap: // every exception: say so and leave with a failure
  movs r0, #4
  ldr r1, =trap_text
  bkpt 0xab
  movs r0, #0x18
  ldr r1, =0x20023
  bkpt 0xab
  b trap
  .size trap, . - trap
  .ltorg

  // 1 + 3 * times + 1 instructions; the loop starts at a place that nobody calls.
  .thumb_func
  .type loop_of_known_length, %function
  .global loop_of_known_length
loop_of_known_length:
  movs r1, #0
#ifdef MVE // a low-overhead loop; two more instructions outside of it
  push {r0, lr}
  dls lr, r0
1:
  adds r1, r1, #2
  vadd.i32 q0, q0, q1
  le lr, 1b
  pop {r0, pc}
#else
1:
  adds r1, r1, #2
  subs r0, r0, #1
  bne 1b
  bx lr
#endif
  .size loop_of_known_length, . - loop_of_known_length

  // 3003 instructions: a BL used as a far jump, which nobody returns to, and then 3000 without a
  // branch, which is longer than any translation block.
  .thumb_func
  .type straight_line, %function
  .global straight_line
straight_line:
  push {r0, lr}
  bl 1f
  udf #1
1:
  .rept 1500
  adds r1, r1, #1
#ifdef THUMB2
  mov.w r2, r1
#else
  movs r2, r1
#endif
  .endr
  pop {r0, pc}
  .size straight_line, . - straight_line

  // Runtime that leaves to its step by a tail call: the step returns to the caller.
  .thumb_func
  .type tail_runtime, %function
  .global tail_runtime
tail_runtime:
  mov r2, r0
  mov r0, r1
  bx r2
  .size tail_runtime, . - tail_runtime

  .section .rodata
trap_text:
  .asciz "exception\n"
