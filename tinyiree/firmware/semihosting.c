#include "semihosting.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_EXIT = 0x18
};

// Reasons of SYS_EXIT: the first is the only one that a 32-bit host reports as exit code 0.
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define ADP_STOPPED_INTERNAL_ERROR   0x20024u

static uint32_t call(uint32_t operation, uintptr_t argument) {
#if defined(__arm__)
    register uint32_t r0 __asm__("r0") = operation;
    register uintptr_t r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
#elif defined(__riscv)
    register uint32_t a0 __asm__("a0") = operation;
    register uintptr_t a1 __asm__("a1") = argument;
    // The three instructions must be uncompressed and lie on one page, so that they are aligned.
    __asm__ volatile(".option push\n"
                     ".option norvc\n"
                     ".balign 16\n"
                     "slli x0, x0, 0x1f\n"
                     "ebreak\n"
                     "srai x0, x0, 7\n"
                     ".option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
#else
#error "semihosting: expected an Arm or a RISC-V target"
#endif
}

int32_t semihosting_open(const char *name, uint32_t mode) {
    uint32_t length = 0;
    while (name[length] != '\0')
        ++length;
    const uintptr_t block[3] = {(uintptr_t)name, mode, length};
    return (int32_t)call(SYS_OPEN, (uintptr_t)block);
}

uint32_t semihosting_read(int32_t handle, void *target, uint32_t bytes) {
    const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)target, bytes};
    return call(SYS_READ, (uintptr_t)block);
}

uint32_t semihosting_write(int32_t handle, const void *source, uint32_t bytes) {
    const uintptr_t block[3] = {(uintptr_t)handle, (uintptr_t)source, bytes};
    return call(SYS_WRITE, (uintptr_t)block);
}

void semihosting_close(int32_t handle) {
    const uintptr_t block[1] = {(uintptr_t)handle};
    (void)call(SYS_CLOSE, (uintptr_t)block);
}

void semihosting_print(const char *text) {
    (void)call(SYS_WRITE0, (uintptr_t)text);
}

void semihosting_print_unsigned(uint32_t value) {
    // Powers by subtraction: Armv6-M has no division, and a library call would be counted as code
    // of the model.
    static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                      10000,      1000,      100,      10,      1};
    char text[11];
    unsigned length = 0;
    for (unsigned i = 0; i < 10; ++i) {
        char digit = '0';
        for (; value >= powers[i]; value -= powers[i])
            ++digit;
        if (digit != '0' || length > 0 || i == 9)
            text[length++] = digit;
    }
    text[length] = '\0';
    semihosting_print(text);
}

void semihosting_print_hex(uint32_t value) {
    char text[11] = {'0', 'x', 0, 0, 0, 0, 0, 0, 0, 0, 0};
    for (unsigned i = 0; i < 8; ++i)
        text[2 + i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
    semihosting_print(text);
}

void semihosting_exit(int success) {
    for (;;)
        (void)call(SYS_EXIT, success ? ADP_STOPPED_APPLICATION_EXIT : ADP_STOPPED_INTERNAL_ERROR);
}
