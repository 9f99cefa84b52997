// Fully connected: weights as in the IR, [outputs, inputs].
#include "product.h"

tinyiree_kernel_t tinyiree_rv32i_fully_connected;

void tinyiree_rv32i_fully_connected(const void *params, void *const *pointers, uint32_t first_row,
                                    uint32_t last_row) {
    const tinyiree_mulh_fully_connected_t *const p = params;
    const uint32_t inputs = p->inputs;
    const int8_t *in = (const int8_t *)pointers[0] + tinyiree_rv32i_multiply(inputs, first_row);
    int8_t *out = (int8_t *)pointers[1] + tinyiree_rv32i_multiply(p->outputs, first_row);
    for (; first_row < last_row; ++first_row, in += inputs) {
        const tinyiree_channel_t *channel = p->channels;
        const int8_t *weights = p->weights;
        for (uint32_t left = p->outputs; left > 0; --left, ++channel, weights += inputs) {
            const int32_t sum =
                tinyiree_rv32i_dot(channel->bias_and_shift >> 8, in, 1, weights, inputs);
            *out++ = tinyiree_rv32i_finish(sum, channel, &p->rescale, &p->output);
        }
    }
}
