// app.h by semihosting, and the frame around app_main: it paints the stack and says how deep it
// got.

#include "app.h"

#include "semihosting.h"
#include "startup.h"

#define PAINT 0x5AC3A53Cu

// 0 until the file is opened: semihosting handles are positive.
static int32_t input;

uint32_t app_read(void *target, uint32_t bytes) {
    if (input == 0)
        input = semihosting_open("tinyiree.in", SEMIHOSTING_READ_BINARY);
    if (input < 0)
        return 0;
    uint32_t missing = bytes;
    // A host may return less than it has: only a read of nothing is the end of the file.
    while (missing > 0) {
        const uint32_t left =
            semihosting_read(input, (uint8_t *)target + (bytes - missing), missing);
        if (left >= missing)
            break;
        missing = left;
    }
    return bytes - missing;
}

void app_print(const char *text) {
    semihosting_print(text);
}

void app_print_int(int32_t value) {
    app_print_fixed(value, 0);
}

void app_print_fixed(int32_t value, unsigned decimals) {
    // Digits by subtraction, so that a core without division needs no library for it.
    static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                      10000,      1000,      100,      10,      1};
    uint32_t rest = value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
    char text[13];
    unsigned length = 0;
    if (value < 0)
        text[length++] = '-';
    int started = 0;
    for (unsigned i = 0; i < 10; ++i) {
        char digit = '0';
        for (; rest >= powers[i]; rest -= powers[i])
            ++digit;
        const unsigned place = 9 - i; // of this digit, counted from the last one
        started = started || digit != '0' || place <= decimals;
        if (started)
            text[length++] = digit;
        if (place == decimals && decimals > 0)
            text[length++] = '.';
    }
    text[length] = '\0';
    semihosting_print(text);
}

int tinyiree_selftest(void) {
    volatile uint32_t *top;
#if defined(__arm__)
    __asm__ volatile("mov %0, sp" : "=r"(top));
#else
    __asm__ volatile("mv %0, sp" : "=r"(top));
#endif
    for (volatile uint32_t *word = tinyiree_stack_limit; word < top; ++word)
        *word = PAINT;
    const int status = app_main();
    volatile uint32_t *lowest = tinyiree_stack_limit;
    while (lowest < top && *lowest == PAINT)
        ++lowest;
    const uintptr_t end = (uintptr_t)tinyiree_stack_top;
    semihosting_print("stack: ");
    semihosting_print_unsigned((uint32_t)(end - (uintptr_t)lowest));
    semihosting_print(" of ");
    semihosting_print_unsigned((uint32_t)(end - (uintptr_t)tinyiree_stack_limit));
    semihosting_print(" bytes\n");
    if (status != 0) {
        semihosting_print("app_main: failed with ");
        app_print_int(status);
        semihosting_print("\n");
    }
    return status == 0;
}
