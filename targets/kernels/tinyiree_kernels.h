// Int8 kernels: how they are called, and the constants that the compiler prepares for them.
//
// A kernel computes the rows [first_row, last_row) of its output from whole input tensors, top row
// first; once it is done with a row it never reads an input row above the first one that the next
// row needs. The output may lie over what is not read any more (README.md). `pointers` are the
// inputs, the output, and last the scratch that tinyiree.kernels declares for the layer.
// Activations are [H, W, C], 8-byte aligned; rows and pixels have any alignment. `params` points to
// the struct that is named after the operator.
//
// Kernels use no libc, no heap, no globals, and know no board.
#ifndef TINYIREE_KERNELS_H
#define TINYIREE_KERNELS_H

#include <stdint.h>

typedef void tinyiree_kernel_t(const void *params, void *const *pointers, uint32_t first_row,
                               uint32_t last_row);

// What follows the sum of products of one output channel, for the kernels of an ISA.
// The upper 24 bits of `bias_and_shift` are the bias with everything folded in that does not
// depend on the input; the lowest 8 are the final right shift less 1.
typedef struct {
    int32_t bias_and_shift;
    int32_t multiplier;
} tinyiree_channel_t;

// The same for portable kernels: R or D of tinyiree/ir/README.md, nothing folded.
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t shift;
} tinyiree_wide_channel_t;

// Where a window starts and how it moves.
typedef struct {
    uint16_t in_height;
    uint16_t in_width;
    uint16_t in_channels;
    uint16_t out_width;
    uint8_t kernel_height;
    uint8_t kernel_width;
    uint8_t stride_height;
    uint8_t stride_width;
    uint8_t dilation_height;
    uint8_t dilation_width;
    uint8_t pad_top;
    uint8_t pad_left;
} tinyiree_window_t;

// The end of every operator. Without double_rounding: R, else D of tinyiree/ir/README.md; only
// kernels whose name does not say it look at it.
typedef struct {
    int8_t zero_point;
    int8_t clamp_min;
    int8_t clamp_max;
    uint8_t double_rounding;
} tinyiree_output_t;

// conv2d and depthwise. The layout of weights and channels is that of the kernel.
typedef struct {
    const void *weights;
    const void *channels;
    tinyiree_window_t window;
    tinyiree_output_t output;
    uint16_t out_channels;
    uint16_t groups;
    int16_t input_zero_point;
} tinyiree_conv2d_t;

// fully_connected; a row is a row of the [rows, inputs] matrix.
typedef struct {
    const void *weights;
    const void *channels;
    uint16_t inputs;
    uint16_t outputs;
    int16_t input_zero_point;
    tinyiree_output_t output;
} tinyiree_fully_connected_t;

// add: clamp((a * a_multiplier + b * b_multiplier + offset) >> shift), in 32 bits.
typedef struct {
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t offset;
    uint32_t row_elements;
    uint8_t shift;
    tinyiree_output_t output;
} tinyiree_add_t;

// tflite_add: see qnn.tflite_add in tinyiree/ir/README.md. All shifts are >= 31. A subtraction has
// b_sign -1.
typedef struct {
    int32_t a_multiplier;
    int32_t b_multiplier;
    int32_t multiplier;
    uint32_t row_elements;
    int16_t a_zero_point;
    int16_t b_zero_point;
    uint8_t a_shift;
    uint8_t b_shift;
    uint8_t shift;
    uint8_t left_shift;
    int8_t b_sign;
    tinyiree_output_t output;
} tinyiree_tflite_add_t;

// avg_pool2d: one channel for all windows, or one for each output position, row by row. Their
// bias is -zero_point * elements of the window. It is also the mean over the height and width.
typedef struct {
    const void *positions;
    tinyiree_window_t window;
    tinyiree_output_t output;
    uint8_t one_position;
} tinyiree_avg_pool2d_t;

typedef struct {
    tinyiree_window_t window;
} tinyiree_max_pool2d_t;

// channels_last, of an image [channels, height, width].
typedef struct {
    uint16_t height;
    uint16_t width;
    uint16_t channels;
} tinyiree_channels_last_t;

// For kernels whose rescaling is the high word of a product (MULH): see rescale.h in rv32im/.
typedef struct {
    uint8_t shift;
    int8_t add;
    int8_t add_if_negative;
} tinyiree_mulh_t;

// conv2d, depthwise and dense. `odd_weights` is where the weights of the last channel start when
// the number of channels is odd.
typedef struct {
    const void *weights;
    const void *channels;
    tinyiree_window_t window;
    tinyiree_output_t output;
    tinyiree_mulh_t rescale;
    uint16_t out_channels;
    int16_t input_zero_point;
    uint32_t odd_weights;
} tinyiree_mulh_conv2d_t;

// fully_connected; a row is a row of the [rows, inputs] matrix.
typedef struct {
    const void *weights;
    const void *channels;
    uint16_t inputs;
    uint16_t outputs;
    tinyiree_output_t output;
    tinyiree_mulh_t rescale;
} tinyiree_mulh_fully_connected_t;

// As tinyiree_avg_pool2d_t, with positions for the high word.
typedef struct {
    const void *positions;
    tinyiree_window_t window;
    tinyiree_output_t output;
    tinyiree_mulh_t rescale;
    uint8_t one_position;
} tinyiree_mulh_avg_pool2d_t;

#endif
