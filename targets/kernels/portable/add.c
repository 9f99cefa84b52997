// qnn.add of two tensors of one shape, with everything folded into one offset.
#include "../tinyiree_kernels.h"

tinyiree_kernel_t tinyiree_portable_add;

void tinyiree_portable_add(const void *params, void *const *pointers, uint32_t first_row,
                           uint32_t last_row) {
    const tinyiree_add_t *p = params;
    const int8_t *a = pointers[0], *b = pointers[1];
    int8_t *out = pointers[2];
    for (uint32_t i = first_row * p->row_elements; i < last_row * p->row_elements; ++i) {
        const int32_t sum = a[i] * p->a_multiplier + b[i] * p->b_multiplier + p->offset;
        const int32_t y = sum >> p->shift;
        out[i] = (int8_t)(y < p->output.clamp_min   ? p->output.clamp_min
                          : y > p->output.clamp_max ? p->output.clamp_max
                                                    : y);
    }
}
