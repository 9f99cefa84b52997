// Addition of two tensors: two 32-bit multiplies an element.
#include "requantize.h"

__attribute__((always_inline)) static inline uint32_t one(const tinyiree_add_t *p, int32_t a,
                                                          int32_t b) {
    int32_t y = (a * p->a_multiplier + b * p->b_multiplier + p->offset) >> p->shift;
    __asm__("ssat %0, #8, %0" : "+r"(y));
    return (uint32_t)y;
}

tinyiree_kernel_t tinyiree_armv7em_add;

void tinyiree_armv7em_add(const void *params, void *const *pointers, uint32_t first_row,
                          uint32_t last_row) {
    const tinyiree_add_t p = *(const tinyiree_add_t *)params;
    const uint32_t start = first_row * p.row_elements;
    uint32_t count = last_row * p.row_elements - start;
    const int8_t *a = (const int8_t *)pointers[0] + start, *b = (const int8_t *)pointers[1] + start;
    int8_t *const out = (int8_t *)pointers[2] + start;
    int8_t *to = out;
    for (; count >= 4; count -= 4, a += 4, b += 4, to += 4) {
        uint32_t left, right;
        __builtin_memcpy(&left, a, 4);
        __builtin_memcpy(&right, b, 4);
        uint32_t word = one(&p, (int8_t)left, (int8_t)right);
        const uint32_t y1 = one(&p, (int8_t)(left >> 8), (int8_t)(right >> 8));
        uint32_t upper = one(&p, (int8_t)(left >> 16), (int8_t)(right >> 16));
        const uint32_t y3 = one(&p, (int8_t)(left >> 24), (int8_t)(right >> 24));
        __asm__("bfi %0, %2, #8, #8\n bfi %1, %3, #8, #8\n pkhbt %0, %0, %1, lsl #16"
                : "+&r"(word), "+&r"(upper)
                : "r"(y1), "r"(y3));
        __builtin_memcpy(to, &word, 4);
    }
    for (; count > 0; --count)
        *to++ = (int8_t)one(&p, *a++, *b++);
    tinyiree_armv7em_clamp(out, (uint32_t)(to - out), &p.output);
}
