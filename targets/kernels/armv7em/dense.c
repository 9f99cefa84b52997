// What all dense convolutions do besides multiplying: im2col of two output pixels at a time.
// Borders are filled in while the columns are made. All of two pixels is read before any of them is
// written.
#include "columns.h"

// Widens one or more fours of inputs to X and Y of one of the two pixels. Two fours a turn: an odd
// number starts in the middle.
#define QUAD                                                                                       \
    "ldr %[x], [%[from]], #4\n"                                                                    \
    "sxtab16 %[y], %[less], %[x]\n"                                                                \
    "eor %[x], %[x], #0x007f007f\n"                                                                \
    "strd %[x], %[y], [%[to]], #16\n"

static inline uint32_t *expand(uint32_t *to, const int8_t *from, uint32_t quads) {
    const int8_t *const end = from + 4 * quads;
    uint32_t x, y;
    __asm__ volatile("lsls %[x], %[quads], #31\n"
                     "bmi 2f\n"
                     "1:\n" QUAD "2:\n" QUAD "cmp %[from], %[end]\n"
                     "bne 1b\n"
                     : [to] "+r"(to), [from] "+r"(from), [x] "=&r"(x), [y] "=&r"(y)
                     : [end] "r"(end), [quads] "r"(quads), [less] "r"(0xff81ff81)
                     : "memory", "cc");
    return to;
}

// What all columns have in common.
typedef struct {
    const tinyiree_window_t *window;
    const int8_t *in;
    const int8_t *in_end;
    int8_t *staging;      // of a row of the window
    uint32_t row_quads;   // fours of inputs in it, rounded up
    uint32_t zero_points; // four of them
} source_t;

// A row of the window that is not inside altogether, or whose last word would end behind the input.
__attribute__((noinline)) static void stage(const source_t *source, int32_t y, int32_t x) {
    const tinyiree_window_t *w = source->window;
    const uint32_t depth = w->in_channels, dilation = w->dilation_width;
    const uint32_t width = (uint32_t)y < w->in_height ? w->in_width : 0;
    int8_t *to = source->staging;
    for (uint32_t i = 0; i < source->row_quads; ++i)
        __builtin_memcpy(to + 4 * i, &source->zero_points, 4);
    for (uint32_t kx = w->kernel_width; kx > 0; --kx, x += (int32_t)dilation, to += depth) {
        if ((uint32_t)x >= width)
            continue;
        const int8_t *from = source->in + ((uint32_t)y * width + (uint32_t)x) * depth;
        uint32_t i = 0;
        for (; i + 4 <= depth; i += 4)
            __builtin_memcpy(to + i, from + i, 4);
        for (; i < depth; ++i)
            to[i] = from[i];
    }
}

__attribute__((noinline)) static void make_column(const source_t *source, int32_t top, int32_t left,
                                                  uint32_t *column) {
    const tinyiree_window_t *w = source->window;
    const uint32_t row_step = (uint32_t)w->dilation_height * w->in_width * w->in_channels;
    // Rows that may be read in words: as many as are inside, or none.
    const int across = left >= 0 && left + w->kernel_width <= w->in_width && w->dilation_width == 1;
    const uint32_t height = across ? w->in_height : 0;
    const int8_t *from = source->in + (top * w->in_width + left) * w->in_channels;
    for (uint32_t ky = w->kernel_height; ky > 0; --ky) {
        const int8_t *row = from;
        if ((uint32_t)top >= height || from + 4 * source->row_quads > source->in_end) {
            stage(source, top, left);
            row = source->staging;
        }
        column = expand(column, row, source->row_quads);
        from += row_step;
        top += w->dilation_height;
    }
}

void tinyiree_armv7em_dense(const tinyiree_conv2d_t *p, void *const *pointers, uint32_t rows,
                            tinyiree_dot_t *dot) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t outputs = p->out_channels, odd = outputs & 1;
    const uint32_t row_quads = ((uint32_t)w->kernel_width * w->in_channels + 3) / 4;
    const uint32_t steps = (w->kernel_height * row_quads + 1) / 2;
    uint32_t *const columns = pointers[2];
    // After the columns: two pixels of outputs when their number is odd, then a row of a window.
    int8_t *const spare = (int8_t *)(columns + 8 * steps);
    const source_t source = {w,
                             pointers[0],
                             (const int8_t *)pointers[0] +
                                 (uint32_t)w->in_height * w->in_width * w->in_channels,
                             spare + 2 * odd * (outputs + 1),
                             row_quads,
                             0x01010101u * (uint8_t)p->input_zero_point};
    tinyiree_columns_t call;
    call.weights = p->weights;
    call.columns = columns;
    call.steps = steps;
    call.columns_end = columns + 8 * steps;
    call.channels = p->channels;
    call.channels_end = call.channels + outputs + odd;
    call.zero_point = 2 * p->output.zero_point + 1;
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * outputs;
    uint32_t slot = 0;
    for (uint32_t y = first_row; y < last_row; ++y) {
        int32_t left = -(int32_t)w->pad_left;
        for (uint32_t x = w->out_width; x > 0; --x, left += w->stride_width) {
            make_column(&source, (int32_t)(y * w->stride_height) - w->pad_top, left,
                        columns + 2 * slot);
            if (++slot == 1 && (x > 1 || y + 1 < last_row))
                continue;
            call.out_0 = odd ? spare : out;
            call.out_1 = call.out_0 + (slot - 1) * (outputs + odd);
            dot(&call);
            if (odd)
                for (uint32_t i = 0; i < slot * outputs; ++i)
                    out[i] = spare[i < outputs ? i : i + 1];
            out += slot * outputs;
            slot = 0;
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * outputs;
    tinyiree_armv7em_clamp(out - bytes, bytes, &p->output);
}
