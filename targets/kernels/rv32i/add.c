// Addition of two tensors. A byte plus 128 has no sign and eight bits: eight turns of a product.
#include "product.h"

tinyiree_kernel_t tinyiree_rv32i_add;

void tinyiree_rv32i_add(const void *params, void *const *pointers, uint32_t first_row,
                        uint32_t last_row) {
    const tinyiree_add_t *const p = params;
    const uint32_t a_multiplier = (uint32_t)p->a_multiplier;
    const uint32_t b_multiplier = (uint32_t)p->b_multiplier;
    const uint32_t offset = (uint32_t)p->offset - ((a_multiplier + b_multiplier) << 7);
    const uint32_t start = tinyiree_rv32i_multiply(p->row_elements, first_row);
    uint32_t left = tinyiree_rv32i_multiply(p->row_elements, last_row - first_row);
    const int8_t *a = (const int8_t *)pointers[0] + start, *b = (const int8_t *)pointers[1] + start;
    int8_t *out = (int8_t *)pointers[2] + start;
    for (; left > 0; --left) {
        const uint32_t sum = tinyiree_rv32i_multiply(a_multiplier, (uint32_t)(*a++ + 128)) +
                             tinyiree_rv32i_multiply(b_multiplier, (uint32_t)(*b++ + 128));
        const int32_t y = (int32_t)(sum + offset) >> p->shift;
        *out++ = (int8_t)(y < p->output.clamp_min   ? p->output.clamp_min
                          : y > p->output.clamp_max ? p->output.clamp_max
                                                    : y);
    }
}
