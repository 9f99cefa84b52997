// Four output pixels at a time, in the order of the image, across the ends of rows too: all inputs
// of the four are read before one of them is written, so that the promise of the interface holds.
// The last block of a call repeats its last pixel.
#ifndef TINYIREE_ARMV6M_PIXELS_H
#define TINYIREE_ARMV6M_PIXELS_H

#include "../tinyiree_kernels.h"

enum { TINYIREE_PIXELS = 4 };

typedef struct {
    int32_t top[TINYIREE_PIXELS]; // of the windows
    int32_t left[TINYIREE_PIXELS];
    int8_t *out[TINYIREE_PIXELS];
    uint32_t y, x; // the next pixel
    uint32_t left_over;
    int8_t *next_out;
} tinyiree_pixels_t;

static inline void tinyiree_first_pixels(tinyiree_pixels_t *p, const tinyiree_window_t *w,
                                         int8_t *out, uint32_t outputs, uint32_t first_row,
                                         uint32_t last_row) {
    p->y = first_row;
    p->x = 0;
    p->left_over = (last_row - first_row) * w->out_width;
    p->next_out = out + first_row * w->out_width * outputs;
}

static inline void tinyiree_next_pixels(tinyiree_pixels_t *p, const tinyiree_window_t *w,
                                        uint32_t outputs) {
    for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i) {
        p->top[i] = (int32_t)(p->y * w->stride_height) - w->pad_top;
        p->left[i] = (int32_t)(p->x * w->stride_width) - w->pad_left;
        p->out[i] = p->next_out;
        if (p->left_over <= 1) {
            p->left_over = 0;
            continue;
        }
        --p->left_over;
        p->next_out += outputs;
        if (++p->x == w->out_width) {
            p->x = 0;
            ++p->y;
        }
    }
}

// Whether a window of the rows before last_row is not inside altogether.
static inline uint32_t tinyiree_leaves_image(const tinyiree_window_t *w, uint32_t last_row) {
    const int32_t bottom = (int32_t)((last_row - 1) * w->stride_height) - w->pad_top +
                           (w->kernel_height - 1) * w->dilation_height;
    const int32_t right = (w->out_width - 1) * w->stride_width - w->pad_left +
                          (w->kernel_width - 1) * w->dilation_width;
    return w->pad_top != 0 || w->pad_left != 0 || bottom >= w->in_height || right >= w->in_width;
}

#endif
