// Semihosting: a program on a simulated core asks its host for files, console and exit.
// Source: Arm "Semihosting for AArch32 and AArch64", and the RISC-V semihosting specification,
// which takes over its operations and argument blocks.

#ifndef TINYIREE_SEMIHOSTING_H_
#define TINYIREE_SEMIHOSTING_H_

#include <stddef.h>
#include <stdint.h>

// Modes of fopen() as SYS_OPEN numbers them.
enum { SEMIHOSTING_READ_BINARY = 1, SEMIHOSTING_WRITE_BINARY = 5 };

// Returns a handle, or -1.
int32_t semihosting_open(const char *name, uint32_t mode);

// Return the number of bytes NOT transferred: 0 is complete success.
uint32_t semihosting_read(int32_t handle, void *target, uint32_t bytes);
uint32_t semihosting_write(int32_t handle, const void *source, uint32_t bytes);

void semihosting_close(int32_t handle);

// To the host's console.
void semihosting_print(const char *text);
void semihosting_print_unsigned(uint32_t value);
void semihosting_print_hex(uint32_t value);

// Ends the simulation; its exit code is 0 if `success`, else 1.
void semihosting_exit(int success) __attribute__((noreturn));

#endif // TINYIREE_SEMIHOSTING_H_
