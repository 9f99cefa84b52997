// Average pooling, and the mean over the height and width: eight channels at a time, which are read
// before they are written.
#include "requantize.h"

#include <arm_mve.h>

enum { CHANNELS = 8, MOST = 256 }; // 256 * -128 still fits 16 bits

// What follows the sums of a window.
typedef struct {
    int32_t bias;
    int32_t multiplier;
    int32_t right; // negative
} position_t;

// The even or the odd ones of 8 channels, without the zero point.
static int32x4_t finish(int32x4_t sum, const position_t *position, uint32_t left, int twice) {
    sum = vaddq_n_s32(sum, position->bias);
    if (!twice)
        return vrshlq_n_s32(
            vmulhq_s32(vshlq_r_s32(sum, (int32_t)left), vdupq_n_s32(position->multiplier)),
            position->right);
    sum = vqrdmulhq_n_s32(sum, position->multiplier);
    if (left && position->right)
        sum = vaddq_s32(sum, vshrq_n_s32(sum, 31));
    return vrshlq_n_s32(sum, position->right);
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// One output pixel from rows x columns inputs.
__attribute__((noinline)) static void pool(const tinyiree_avg_pool2d_t *p,
                                           const position_t *position, const int8_t *in,
                                           uint32_t rows, uint32_t columns, int8_t *out) {
    const uint32_t depth = p->window.in_channels, row_bytes = p->window.in_width * depth;
    const uint32_t left = tinyiree_mve_left(p->positions, &p->output);
    for (uint32_t c = 0; c < depth; c += CHANNELS) {
        const mve_pred16_t inside = vctp16q(depth - c);
        int32x4_t even = vdupq_n_s32(0), odd = even;
        const int8_t *row = in + c;
        for (uint32_t y = 0; y < rows; ++y, row += row_bytes) {
            const int8_t *from = row;
            for (uint32_t x = 0; x < columns; x += MOST) {
                int16x8_t sums = vdupq_n_s16(0);
                for (uint32_t count = smaller(columns - x, MOST); count > 0; --count) {
                    sums = vaddq_s16(sums, vldrbq_z_s16(from, inside));
                    from += depth;
                }
                even = vaddq_s32(even, vmovlbq_s16(sums));
                odd = vaddq_s32(odd, vmovltq_s16(sums));
            }
        }
        const int twice = p->output.double_rounding;
        int16x8_t y = vqmovnbq_s32(vdupq_n_s16(0), finish(even, position, left, twice));
        y = vqmovntq_s32(y, finish(odd, position, left, twice));
        y = vqaddq_n_s16(y, p->output.zero_point);
        y = vminq_s16(vmaxq_s16(y, vdupq_n_s16(p->output.clamp_min)),
                      vdupq_n_s16(p->output.clamp_max));
        vstrbq_p_s16(out + c, y, inside);
    }
}

tinyiree_kernel_t tinyiree_mve_avg_pool2d;

void tinyiree_mve_avg_pool2d(const void *params, void *const *pointers, uint32_t first_row,
                             uint32_t last_row) {
    const tinyiree_avg_pool2d_t *p = params;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    const position_t *positions = (const void *)((const int32_t *)p->positions + 1);
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        const int32_t top = (int32_t)(y * w->stride_height) - w->pad_top;
        const uint32_t first = top < 0 ? 0 : (uint32_t)top;
        const uint32_t last = smaller((uint32_t)(top + w->kernel_height), w->in_height);
        for (uint32_t x = 0; x < w->out_width; ++x, out += depth) {
            const int32_t left = (int32_t)(x * w->stride_width) - w->pad_left;
            const uint32_t from = left < 0 ? 0 : (uint32_t)left;
            uint32_t rows = last - first;
            uint32_t columns = smaller((uint32_t)(left + w->kernel_width), w->in_width) - from;
            const int8_t *in = (const int8_t *)pointers[0] + first * row_bytes + from * depth;
            if (columns == w->in_width) { // whole rows are one long row
                columns *= rows;
                rows = 1;
            }
            pool(p, positions + (p->one_position ? 0 : y * w->out_width + x), in, rows, columns,
                 out);
        }
    }
}
