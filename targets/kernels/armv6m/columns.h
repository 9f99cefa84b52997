// Columns of four output pixels: for each input of their windows the words p0 + p1 * 2^16 and
// p2 + p3 * 2^16. A word times a weight is two products at once. Two sums stay apart as long as
// none leaves 16 bits, whatever the inputs are, which the compiler knows from the weights.
#ifndef TINYIREE_ARMV6M_COLUMNS_H
#define TINYIREE_ARMV6M_COLUMNS_H

#include "pixels.h"

// Widens `count` inputs of four pixels; returns the end of the words.
typedef uint32_t *tinyiree_widen_t(uint32_t *to, const int8_t *const from[TINYIREE_PIXELS],
                                   uint32_t count);

// `zeros` points to input_channels zero points.
static inline void tinyiree_make_columns(const tinyiree_window_t *w, const tinyiree_pixels_t *p,
                                         const int8_t *in, const int8_t *zeros, uint32_t *to,
                                         tinyiree_widen_t *widen) {
    const int32_t depth = w->in_channels, row_bytes = w->in_width * depth;
    const int8_t *from[TINYIREE_PIXELS];
    // Rows of windows that are inside are one run of bytes.
    uint32_t whole = w->dilation_width == 1;
    for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i)
        whole &= p->left[i] >= 0 && p->left[i] + w->kernel_width <= w->in_width;
    for (int32_t ky = 0; ky < w->kernel_height; ++ky) {
        uint32_t inside = whole;
        for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i) {
            const int32_t y = p->top[i] + ky * w->dilation_height;
            inside &= (uint32_t)y < w->in_height;
            from[i] = in + y * row_bytes + p->left[i] * depth;
        }
        if (inside) {
            to = widen(to, from, w->kernel_width * (uint32_t)depth);
            continue;
        }
        for (int32_t kx = 0; kx < w->kernel_width; ++kx) {
            const int8_t *tap[TINYIREE_PIXELS];
            for (uint32_t i = 0; i < TINYIREE_PIXELS; ++i) {
                const int32_t y = p->top[i] + ky * w->dilation_height;
                const int32_t x = p->left[i] + kx * w->dilation_width;
                tap[i] = (uint32_t)y < w->in_height && (uint32_t)x < w->in_width ? from[i] : zeros;
                from[i] += w->dilation_width * depth;
            }
            to = widen(to, tap, (uint32_t)depth);
        }
    }
}

#endif
