// qnn.fully_connected; weights as in the IR, [outputs, inputs].
#include "requantize.h"

tinyiree_kernel_t tinyiree_portable_fully_connected;

void tinyiree_portable_fully_connected(const void *params, void *const *pointers,
                                       uint32_t first_row, uint32_t last_row) {
    const tinyiree_fully_connected_t *p = params;
    const tinyiree_wide_channel_t *channels = p->channels;
    int8_t *out = (int8_t *)pointers[1] + first_row * p->outputs;
    for (uint32_t row = first_row; row < last_row; ++row) {
        const int8_t *in = (const int8_t *)pointers[0] + row * p->inputs;
        const int8_t *weights = p->weights;
        for (uint32_t o = 0; o < p->outputs; ++o, weights += p->inputs) {
            int32_t sum = channels[o].bias;
            for (uint32_t i = 0; i < p->inputs; ++i)
                sum += (in[i] - p->input_zero_point) * weights[i];
            *out++ = tinyiree_requantize(sum, &channels[o], &p->output);
        }
    }
}
