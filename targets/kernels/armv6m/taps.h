// The table of pointers of depthwise convolutions: for each tap of the window one for each of four
// output pixels.
#ifndef TINYIREE_ARMV6M_TAPS_H
#define TINYIREE_ARMV6M_TAPS_H

#include "pixels.h"

// Points the taps of one pixel to the inputs of its window, or to `zeros`.
__attribute__((noinline, unused)) static void tinyiree_aim(const int8_t **taps,
                                                           const tinyiree_window_t *w,
                                                           const int8_t *in, const int8_t *zeros,
                                                           int32_t top, int32_t left) {
    const int32_t depth = w->in_channels, step = w->dilation_width;
    const int8_t *row = in + (top * w->in_width + left) * depth;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const uint32_t width = (uint32_t)top < w->in_height ? w->in_width : 0;
        const int8_t *from = row;
        int32_t x = left;
        for (uint32_t kx = w->kernel_width; kx > 0; --kx) {
            *taps = (uint32_t)x < width ? from : zeros;
            taps += TINYIREE_PIXELS;
            x += step;
            from += step * depth;
        }
        top += w->dilation_height;
        row += w->dilation_height * w->in_width * depth;
    }
}

#endif
