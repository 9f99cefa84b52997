// qnn.tflite_add of two tensors of one shape.
#include "requantize.h"

tinyiree_kernel_t tinyiree_portable_tflite_add;

void tinyiree_portable_tflite_add(const void *params, void *const *pointers, uint32_t first_row,
                                  uint32_t last_row) {
    const tinyiree_tflite_add_t *p = params;
    const int8_t *a = pointers[0], *b = pointers[1];
    int8_t *out = pointers[2];
    const int32_t unit = 1 << p->left_shift;
    for (uint32_t i = first_row * p->row_elements; i < last_row * p->row_elements; ++i) {
        const int64_t left =
            tinyiree_rescale_twice((a[i] - p->a_zero_point) * unit, p->a_multiplier, p->a_shift);
        const int64_t right =
            tinyiree_rescale_twice((b[i] - p->b_zero_point) * unit, p->b_multiplier, p->b_shift);
        const int64_t total = left + p->b_sign * right;
        const int64_t y = tinyiree_rescale_twice(total, p->multiplier, p->shift);
        out[i] = tinyiree_clamp(y, &p->output);
    }
}
