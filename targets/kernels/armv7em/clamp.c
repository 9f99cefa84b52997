// Clamps narrower than int8. SSAT does the others, and they are the usual ones.
#include "requantize.h"

// Byte by byte: keep x where x >= y, else y (SSUB8 sets GE, SEL reads it), and the opposite.
static uint32_t maximum(uint32_t x, uint32_t y) {
    uint32_t t;
    __asm__("ssub8 %0, %1, %2\n sel %0, %1, %2" : "=&r"(t) : "r"(x), "r"(y) : "cc");
    return t;
}

static uint32_t minimum(uint32_t x, uint32_t y) {
    uint32_t t;
    __asm__("ssub8 %0, %1, %2\n sel %0, %2, %1" : "=&r"(t) : "r"(x), "r"(y) : "cc");
    return t;
}

void tinyiree_armv7em_clamp(int8_t *bytes, uint32_t count, const tinyiree_output_t *output) {
    if (output->clamp_min == -128 && output->clamp_max == 127)
        return;
    const uint32_t low = 0x01010101u * (uint8_t)output->clamp_min;
    const uint32_t high = 0x01010101u * (uint8_t)output->clamp_max;
    uint32_t word;
    for (; count >= 4; count -= 4, bytes += 4) {
        __builtin_memcpy(&word, bytes, 4);
        word = minimum(maximum(word, low), high);
        __builtin_memcpy(bytes, &word, 4);
    }
    for (; count > 0; --count, ++bytes)
        *bytes = (int8_t)minimum(maximum((uint8_t)*bytes, low), high);
}
