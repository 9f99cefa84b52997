// Addition of two tensors: two multiplications an element. Four elements of both are read before
// they are written.
#include "rescale.h"

tinyiree_kernel_t tinyiree_rv32im_add;

void tinyiree_rv32im_add(const void *params, void *const *pointers, uint32_t first_row,
                         uint32_t last_row) {
    const tinyiree_add_t *const p = params;
    const int32_t a_multiplier = p->a_multiplier, b_multiplier = p->b_multiplier;
    const int32_t offset = p->offset;
    const uint32_t shift = p->shift;
    const uint32_t start = first_row * p->row_elements, end = last_row * p->row_elements;
    const int8_t *a = (const int8_t *)pointers[0] + start, *b = (const int8_t *)pointers[1] + start;
    int8_t *out = (int8_t *)pointers[2] + start;
    const int8_t *const stop = a + (end - start), *const fours = a + ((end - start) & ~3u);
#define ONE(i) tinyiree_saturate((a[i] * a_multiplier + b[i] * b_multiplier + offset) >> shift)
    for (; a != fours; a += 4, b += 4, out += 4) {
        const int32_t y0 = ONE(0), y1 = ONE(1), y2 = ONE(2), y3 = ONE(3);
        out[0] = (int8_t)y0;
        out[1] = (int8_t)y1;
        out[2] = (int8_t)y2;
        out[3] = (int8_t)y3;
    }
    for (; a != stop; ++a, ++b)
        *out++ = (int8_t)ONE(0);
#undef ONE
    tinyiree_rv32im_clamp(out - (end - start), end - start, &p->output);
}
