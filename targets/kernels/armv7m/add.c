// Addition of two tensors: two multiplies an element.
//
// Promise: an element is read before it is written, in the order of elements.
#include "requantize.h"

tinyiree_kernel_t tinyiree_armv7m_add;

void tinyiree_armv7m_add(const void *params, void *const *pointers, uint32_t first_row,
                         uint32_t last_row) {
    const tinyiree_add_t *p = params;
    const uint32_t start = first_row * p->row_elements;
    const uint32_t count = last_row * p->row_elements - start;
    const int32_t a_multiplier = p->a_multiplier, b_multiplier = p->b_multiplier;
    const int32_t offset = p->offset, shift = p->shift;
    const int8_t *a = (const int8_t *)pointers[0] + start, *b = (const int8_t *)pointers[1] + start;
    int8_t *const out = (int8_t *)pointers[2] + start;
    int8_t *const end = out + count;
    for (int8_t *to = out; to != end;) {
        int32_t y = (*a++ * a_multiplier + offset + *b++ * b_multiplier) >> shift;
        __asm__("ssat %0, #8, %0" : "+r"(y));
        *to++ = (int8_t)y;
    }
    tinyiree_armv6m_clamp(out, count, &p->output);
}
