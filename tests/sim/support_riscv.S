  .section .vectors, "ax"
  .type _start, %function
  .global _start
_start:
  la t0, trap
  csrw mtvec, t0
#ifdef FPU
  li t0, 0x6000 // mstatus.FS: dirty
  csrs mstatus, t0
#endif
  la sp, STACK_TOP
  call main_loop
  .size _start, . - _start

  .text
  .balign 4
  .type trap, %function
trap:
  li a0, 4
  la a1, trap_text
  call semihost
  li a0, 0x18
  li a1, 0x20023
  call semihost
  j trap
  .size trap, . - trap

  .balign 16
  .option push
  .option norvc
  .type semihost, %function
semihost:
  slli x0, x0, 0x1f
  ebreak
  srai x0, x0, 7
  ret
  .option pop
  .size semihost, . - semihost

  // 1 + 3 * times + 1 instructions
  .type loop_of_known_length, %function
  .global loop_of_known_length
loop_of_known_length:
  li a1, 0
1:
  addi a1, a1, 2
  addi a0, a0, -1
  bnez a0, 1b
  ret
  .size loop_of_known_length, . - loop_of_known_length

  // 3001 instructions
  .type straight_line, %function
  .global straight_line
straight_line:
  .rept 1500
  addi a1, a1, 1
  xor a2, a1, a0
  .endr
  ret
  .size straight_line, . - straight_line

  .type tail_runtime, %function
  .global tail_runtime
tail_runtime:
  mv a2, a0
  mv a0, a1
  jr a2
  .size tail_runtime, . - tail_runtime

  .section .rodata
trap_text:
  .asciz "exception\n"
