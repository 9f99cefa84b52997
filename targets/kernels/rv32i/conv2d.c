// Convolution, dense and depthwise: weights as in the IR, channel by channel. A row of a window
// that is inside of the image is one run of products, else each tap is one; a tap outside is a run
// over the same byte, the zero point.
#include "product.h"

// How a window is read.
typedef struct {
    const tinyiree_window_t *window;
    uint32_t row_step;   // from a row of taps to the next
    uint32_t tap_step;   // from a tap to the next
    uint32_t tap_inputs; // that a channel takes of a tap
    uint32_t run_step;   // from an input to the next in a run; 0: there are no runs but taps
    uint32_t run_inputs; // of a row of taps
    int32_t top;
    int32_t left;
    int8_t zero_point;
} reader_t;

// `in` is where the window's first tap lies, perhaps outside of the image.
static int32_t sum_of_window(const reader_t *r, int32_t sum, const int8_t *in,
                             const int8_t *weights) {
    const tinyiree_window_t *const w = r->window;
    const uint32_t width = w->in_width;
    const uint32_t last =
        (uint32_t)r->left + tinyiree_rv32i_multiply(w->dilation_width, w->kernel_width - 1u);
    const int is_inside = r->run_step != 0 && r->left >= 0 && last < width;
    int32_t y = r->top;
    for (uint32_t rows = w->kernel_height; rows > 0; --rows) {
        const int is_row_inside = (uint32_t)y < w->in_height;
        if (!is_row_inside || is_inside) {
            sum = tinyiree_rv32i_dot(sum, is_row_inside ? in : &r->zero_point,
                                     is_row_inside ? r->run_step : 0, weights, r->run_inputs);
            weights += r->run_inputs;
        } else {
            const int8_t *tap = in;
            int32_t x = r->left;
            for (uint32_t taps = w->kernel_width; taps > 0; --taps) {
                const int is_tap_inside = (uint32_t)x < width;
                sum = tinyiree_rv32i_dot(sum, is_tap_inside ? tap : &r->zero_point,
                                         (uint32_t)is_tap_inside, weights, r->tap_inputs);
                weights += r->tap_inputs;
                tap += r->tap_step;
                x += w->dilation_width;
            }
        }
        y += w->dilation_height;
        in += r->row_step;
    }
    return sum;
}

// `input_step` is from the inputs of a channel to those of the next: 0 if all are of every one.
__attribute__((noinline)) static void run(const tinyiree_mulh_conv2d_t *p, void *const *pointers,
                                          uint32_t first_row, uint32_t last_row,
                                          uint32_t input_step) {
    const tinyiree_window_t *const w = &p->window;
    const uint32_t depth = w->in_channels;
    const uint32_t in_row = tinyiree_rv32i_multiply(w->in_width, depth);
    reader_t r;
    r.window = w;
    r.row_step = tinyiree_rv32i_multiply(in_row, w->dilation_height);
    r.tap_step = tinyiree_rv32i_multiply(depth, w->dilation_width);
    r.tap_inputs = input_step ? 1 : depth;
    r.run_step = input_step ? r.tap_step : w->dilation_width == 1;
    r.run_inputs = tinyiree_rv32i_multiply(r.tap_inputs, w->kernel_width);
    r.top = (int32_t)tinyiree_rv32i_multiply(first_row, w->stride_height) - w->pad_top;
    r.zero_point = (int8_t)p->input_zero_point;
    const uint32_t filter = tinyiree_rv32i_multiply(r.run_inputs, w->kernel_height);
    const uint32_t pixel_step = tinyiree_rv32i_multiply(depth, w->stride_width);
    int8_t *out =
        (int8_t *)pointers[1] +
        tinyiree_rv32i_multiply(tinyiree_rv32i_multiply(w->out_width, p->out_channels), first_row);
    for (; first_row < last_row; ++first_row, r.top += w->stride_height) {
        const uint32_t row = tinyiree_rv32i_multiply(in_row, (uint32_t)r.top) -
                             tinyiree_rv32i_multiply(depth, w->pad_left);
        const int8_t *in = (const int8_t *)pointers[0] + (int32_t)row;
        r.left = -(int32_t)w->pad_left;
        for (uint32_t pixels = w->out_width; pixels > 0; --pixels) {
            const tinyiree_channel_t *channel = p->channels;
            const int8_t *weights = p->weights, *inputs = in;
            for (uint32_t left = p->out_channels; left > 0; --left, ++channel) {
                const int32_t sum =
                    sum_of_window(&r, channel->bias_and_shift >> 8, inputs, weights);
                *out++ = tinyiree_rv32i_finish(sum, channel, &p->rescale, &p->output);
                weights += filter;
                inputs += input_step;
            }
            in += pixel_step;
            r.left += w->stride_width;
        }
    }
}

tinyiree_kernel_t tinyiree_rv32i_conv2d, tinyiree_rv32i_depthwise;

void tinyiree_rv32i_conv2d(const void *params, void *const *pointers, uint32_t first_row,
                           uint32_t last_row) {
    run(params, pointers, first_row, last_row, 0);
}

void tinyiree_rv32i_depthwise(const void *params, void *const *pointers, uint32_t first_row,
                              uint32_t last_row) {
    run(params, pointers, first_row, last_row, 1);
}
