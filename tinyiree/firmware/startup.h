// Shared by the startup codes: what the linker script defines, and where they go.

#ifndef TINYIREE_STARTUP_H_
#define TINYIREE_STARTUP_H_

#include <stdint.h>

extern uint32_t tinyiree_stack_limit[]; // lowest word of the stack
extern uint32_t tinyiree_stack_top[];   // first address after it
extern uint32_t tinyiree_data_load[];   // initial values of .data, in flash
extern uint32_t tinyiree_data_start[];
extern uint32_t tinyiree_data_end[];
extern uint32_t tinyiree_bss_start[];
extern uint32_t tinyiree_bss_end[];

// Copies .data, clears .bss, runs the self-test. Does not return.
void tinyiree_start(void) __attribute__((noreturn));

// Prints what happened where and ends the simulation with a failure.
void tinyiree_fault(uint32_t cause, uint32_t address) __attribute__((noreturn));

// Returns only to be turned into the exit code: 1 for success.
int tinyiree_selftest(void);

#endif // TINYIREE_STARTUP_H_
