// Depthwise convolution. Of 16 channels and up to 8 output pixels at a time, the inputs are laid
// out so that up to 16 taps of a channel come with one gathering load: the rows of a window next to
// each other (VST4), and for each of four words an address of its own, all of which move together.
// Then one VMLADAV is a sum. There is a word for each column and four rows of a window; for more
// than four of them, the wide variant takes four pixels at a time and more than one step. While a
// row is written, nothing is read above what it or a later row needs.
#include "requantize.h"

#include <arm_mve.h>

enum {
    PIXELS = 8,    // at a time
    CHANNELS = 16, // at a time
    COLUMN = 64,   // bytes of four rows of 16 channels
    ROWS = 4,      // in a word
    STEP = 16,     // bytes: four words
    CONSTANTS = 12 // bytes after a channel's weights: bias, multiplier, negative right shift
};

// Two output pixels: into lanes `low` and `high` of a vector.
#define PAIR(second, first, sum_0, sum_1, q, low, high)                                            \
    "vldrw.u32 q1, [q7, #" second "]\n"                                                            \
    "vldrw.u32 q0, [q7, #" first "\n"                                                              \
    "vmladav.s8 " sum_1 ", q1, q4\n"                                                               \
    "vmladav.s8 " sum_0 ", q0, q4\n"                                                               \
    "vmov " q "[" high "], " q "[" low "], " sum_0 ", " sum_1 "\n"
#define PAIR_BYTES "20"

#define REQUANTIZE_single                                                                          \
    "cbz r7, 3f\n" TINYIREE_PREPARE_single("r7", "q2") TINYIREE_PREPARE_single(                    \
        "r7", "q3") "3:\n"                                                                         \
                    "vdup.32 q0, r9\n" TINYIREE_MULTIPLY_single("q2", "q0")                        \
                        TINYIREE_MULTIPLY_single("q3", "q0")
#define REQUANTIZE_double                                                                          \
    TINYIREE_MULTIPLY_double("q2", "r9") TINYIREE_MULTIPLY_double(                                 \
        "q3", "r9") "cbz r7, 3f\n"                                                                 \
                    "vdup.32 q0, r10\n" TINYIREE_CORRECT_double("q2", "q0", "q1")                  \
                        TINYIREE_CORRECT_double("q3", "q0", "q1") "3:\n"

// One step of four pixels, which moves its addresses to the next channel.
#define SUMS_all                                                                                   \
    "mov r8, r3\n"                                                                                 \
    "mov r9, r12\n"                                                                                \
    "mov r0, #0\n"                                                                                 \
    "mov r2, #0\n"                                                                                 \
    "mov r4, #0\n"                                                                                 \
    "mov r6, #0\n"                                                                                 \
    "2:\n"                                                                                         \
    "vldrw.u32 q7, [r8]\n"                                                                         \
    "vldrw.u32 q4, [r1], #16\n"                                                                    \
    "vldrw.u32 q1, [q7, #196]\n"                                                                   \
    "vldrw.u32 q0, [q7, #132]\n"                                                                   \
    "vmladava.s8 r6, q1, q4\n"                                                                     \
    "vldrw.u32 q1, [q7, #68]\n"                                                                    \
    "vmladava.s8 r4, q0, q4\n"                                                                     \
    "vldrw.u32 q0, [q7, #4]!\n"                                                                    \
    "vmladava.s8 r2, q1, q4\n"                                                                     \
    "vstrw.32 q7, [r8], #16\n"                                                                     \
    "vmladava.s8 r0, q0, q4\n"                                                                     \
    "subs r9, r9, #1\n"                                                                            \
    "bne 2b\n"                                                                                     \
    "vmov q2[2], q2[0], r0, r2\n"                                                                  \
    "vmov q2[3], q2[1], r4, r6\n"

// Eight pixels, or by way of r12 less, from the last to the first.
#define SUMS_one                                                                                   \
    "vldrw.u32 q4, [r1], #16\n"                                                                    \
    "bx r12\n"                                                                                     \
    ".balign 4\n"                                                                                  \
    "2:\n" PAIR("452", "388]", "r4", "r6", "q3", "1", "3")                                         \
        PAIR("324", "260]", "r0", "r2", "q3", "0", "2")                                            \
            PAIR("196", "132]", "r4", "r6", "q2", "1", "3")                                        \
                PAIR("68", "4]!", "r0", "r2", "q2", "0", "2")

// Where pixels are entered, from their pairs.
#define ENTER_one                                                                                  \
    "vldrw.u32 q7, [r3]\n"                                                                         \
    "rsb r12, r12, #4\n"                                                                           \
    "mov r2, #" PAIR_BYTES "\n"                                                                    \
    "mul r12, r12, r2\n"                                                                           \
    "adr.w r2, 2f\n"                                                                               \
    "add r12, r12, r2\n"                                                                           \
    "orr r12, r12, #1\n"
#define ENTER_all

// The first seven are read by one LDM.
typedef struct {
    const uint8_t *constants; // of the first channel
    uint32_t *addresses;      // words of the first pixel and channel, less 4
    int8_t *out;
    uint32_t left;
    int32_t zero_point;
    uint32_t pairs_or_steps; // pairs of pixels; of the wide variant, steps
    uint32_t channels;
    uint32_t stored;        // mask of the pixels
    uint16_t order[PIXELS]; // offsets of the pixels in the order of the lanes
} call_t;

typedef struct {
    void (*channels)(const call_t *call);
    uint32_t pixels;
} variant_t;

// r0, r2, r4, r6 sums; r1 constants; r5 output; r8, r9, r10 those of a channel.
// clang-format off
#define DEFINE_CHANNELS(steps, name, rounding) \
    __attribute__((naked)) static void name( \
        __attribute__((unused)) const call_t *call) { \
        __asm__ volatile( \
            "push {r4-r11, lr}\n" \
            "vpush {d8-d15}\n" \
            "vldrw.u32 q6, [r0, #32]\n" \
            "ldr r2, [r0, #28]\n" \
            "ldm r0, {r1, r3, r5, r7, r11, r12, lr}\n" \
            "vmsr p0, r2\n" \
            ENTER_##steps \
            "dls lr, lr\n" \
            "1:\n" \
            SUMS_##steps \
            "ldm r1!, {r8, r9, r10}\n" \
            "vadd.i32 q2, q2, r8\n" \
            "vadd.i32 q3, q3, r8\n" \
            REQUANTIZE_##rounding \
            "vrshl.s32 q2, r10\n" \
            "vrshl.s32 q3, r10\n" \
            "vqmovnb.s32 q2, q2\n" \
            "vqmovnt.s32 q2, q3\n" \
            "vqadd.s16 q2, q2, r11\n" \
            "vqmovnb.s16 q2, q2\n" \
            "vpst\n" \
            "vstrbt.16 q2, [r5, q6]\n" \
            "add r5, r5, #1\n" \
            "le lr, 1b\n" \
            "vpop {d8-d15}\n" \
            "pop {r4-r11, pc}\n"); \
    }
// clang-format on

// Where the inputs are, and where they go.
typedef struct {
    const int8_t **rows; // of the window, at the left border; `outside` for one that is not inside
    const int8_t *outside; // 16 zero points
    uint32_t groups;       // of four rows
    uint32_t phases;       // remainders of columns by the stride
    uint32_t columns;      // of each
    uint32_t channels;     // up to 16
    int8_t *staged;        // columns of four rows, by phase
    int32_t width;         // of the input
    uint32_t depth;        // of the input
    uint32_t stride;
    uint32_t
        row_step; // from the first to the second and to the third row, if all of three are inside
} source_t;

// `count` columns of 16 bytes of three rows; the fourth has weights of zero.
static int8_t *interleave_three(int8_t *to, const source_t *source, uint32_t at, uint32_t count) {
    const int8_t *r0 = source->rows[0] + at, *r1 = r0 + source->row_step;
    const int8_t *r2 = r1 + source->row_step;
    const uint32_t step = source->stride * source->depth;
    __asm__ volatile("vctp.8 %[channels]\n"
                     "dls lr, %[count]\n"
                     "1:\n"
                     "vpsttt\n"
                     "vldrbt.u8 q0, [%[r0]]\n"
                     "vldrbt.u8 q1, [%[r1]]\n"
                     "vldrbt.u8 q2, [%[r2]]\n"
                     "add %[r0], %[r0], %[step]\n"
                     "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "add %[r1], %[r1], %[step]\n"
                     "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "add %[r2], %[r2], %[step]\n"
                     "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"
                     "le lr, 1b\n"
                     : [to] "+r"(to), [r0] "+r"(r0), [r1] "+r"(r1), [r2] "+r"(r2)
                     : [step] "r"(step), [count] "r"(count), [channels] "r"(source->channels)
                     : "lr", "q0", "q1", "q2", "q3", "memory");
    return to;
}

// `count` columns of 16 bytes of four rows.
static int8_t *interleave(int8_t *to, const source_t *source, const int8_t *const *rows,
                          uint32_t at, uint32_t count) {
    const int8_t *r0 = rows[0], *r1 = rows[1], *r2 = rows[2], *r3 = rows[3];
    const uint32_t step = source->stride * source->depth, channels = source->channels;
    const uint32_t s0 = r0 == source->outside ? 0 : step, s1 = r1 == source->outside ? 0 : step;
    const uint32_t s2 = r2 == source->outside ? 0 : step, s3 = r3 == source->outside ? 0 : step;
    r0 += s0 ? at : 0;
    r1 += s1 ? at : 0;
    r2 += s2 ? at : 0;
    r3 += s3 ? at : 0;
    __asm__ volatile("ldr lr, %[channels]\n"
                     "vctp.8 lr\n"
                     "ldr lr, %[count]\n"
                     "dls lr, lr\n"
                     "1:\n"
                     "vpstttt\n"
                     "vldrbt.u8 q0, [%[r0]]\n"
                     "vldrbt.u8 q1, [%[r1]]\n"
                     "vldrbt.u8 q2, [%[r2]]\n"
                     "vldrbt.u8 q3, [%[r3]]\n"
                     "add %[r0], %[r0], %[s0]\n"
                     "vst40.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "add %[r1], %[r1], %[s1]\n"
                     "vst41.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "add %[r2], %[r2], %[s2]\n"
                     "vst42.8 {q0, q1, q2, q3}, [%[to]]\n"
                     "add %[r3], %[r3], %[s3]\n"
                     "vst43.8 {q0, q1, q2, q3}, [%[to]]!\n"
                     "le lr, 1b\n"
                     : [to] "+r"(to), [r0] "+r"(r0), [r1] "+r"(r1), [r2] "+r"(r2), [r3] "+r"(r3)
                     : [s0] "r"(s0), [s1] "r"(s1), [s2] "r"(s2), [s3] "r"(s3), [count] "m"(count),
                       [channels] "m"(channels)
                     : "lr", "q0", "q1", "q2", "q3", "memory");
    return to;
}

static int8_t *fill(int8_t *to, const int8_t *zero_points, uint32_t count) {
    const int8x16_t x = vldrbq_s8(zero_points);
    for (; count > 0; --count, to += COLUMN) {
        vstrbq_s8(to, x);
        vstrbq_s8(to + 16, x);
        vstrbq_s8(to + 32, x);
        vstrbq_s8(to + 48, x);
    }
    return to;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

// Where the windows of some pixels begin and end along a row.
typedef struct {
    uint32_t before; // columns outside
    uint32_t inside;
    uint32_t first; // of those inside, in bytes
} span_t;

static span_t span_of(const source_t *source, int32_t left) {
    span_t span = {0, 0, 0};
    const int32_t stride = (int32_t)source->stride;
    if (left < 0)
        span.before = smaller((uint32_t)(stride - 1 - left) / source->stride, source->columns);
    left += (int32_t)span.before * stride;
    span.first = (uint32_t)left * source->depth;
    if (left < source->width)
        span.inside = smaller((uint32_t)(source->width - 1 - left) / source->stride + 1,
                              source->columns - span.before);
    return span;
}

// Columns of one phase of four rows, 16 channels.
__attribute__((noinline)) static void stage(const source_t *source, const span_t *span,
                                            uint32_t first_channel, uint32_t plane) {
    const uint32_t columns = source->columns;
    int8_t *to = source->staged + plane * columns * COLUMN;
    to = fill(to, source->outside, span->before);
    const uint32_t at = span->first + first_channel;
    if (span->inside > 0 && source->row_step)
        to = interleave_three(to, source, at, span->inside);
    else if (span->inside > 0)
        to = interleave(to, source, source->rows + plane / source->phases * ROWS, at, span->inside);
    fill(to, source->outside, columns - span->before - span->inside);
}

// Rows of the windows of a row of the output; those that have no weights are not inside either.
static void set_rows(source_t *source, const tinyiree_window_t *w, const int8_t *in, int32_t top) {
    const uint32_t row_bytes = w->in_width * (uint32_t)w->in_channels;
    uint32_t inside = 0;
    for (uint32_t i = 0; i < source->groups * ROWS; ++i, top += w->dilation_height) {
        const int usable = i < w->kernel_height && top >= 0 && top < w->in_height;
        source->rows[i] = usable ? in + (uint32_t)top * row_bytes : source->outside;
        inside += (uint32_t)usable;
    }
    source->row_step = 0;
    if (w->kernel_height == 3 && inside == 3)
        source->row_step = w->dilation_height * row_bytes;
}

// One word for each column, and again for the next four rows; rounded up to whole steps.
static void set_addresses(uint32_t *addresses, uint32_t steps, const source_t *source,
                          const tinyiree_window_t *w) {
    for (uint32_t i = 0; i < 4 * steps; ++i) {
        uint32_t at = 0;
        const uint32_t group = i / w->kernel_width, kx = i % w->kernel_width;
        if (group < source->groups) {
            const uint32_t column = kx * w->dilation_width;
            const uint32_t plane = group * source->phases + column % source->stride;
            at = plane * source->columns + column / source->stride;
        }
        addresses[i] = (uint32_t)(uintptr_t)source->staged + at * COLUMN - 4;
    }
}

// Four arguments: a fifth one would cost stack, which the wrappers below then do without.
__attribute__((noinline)) static void run(const tinyiree_conv2d_t *p, void *const *pointers,
                                          uint32_t rows, const variant_t *variant) {
    const uint32_t first_row = rows & 0xffff, last_row = rows >> 16;
    const tinyiree_window_t *w = &p->window;
    const uint32_t depth = w->in_channels, stride = w->stride_width, most = variant->pixels;
    const uint32_t reach = (w->kernel_width - 1u) * w->dilation_width;
    int8_t *const scratch = pointers[2];
    source_t source;
    source.groups = (w->kernel_height + ROWS - 1u) / ROWS;
    const uint32_t steps = (source.groups * w->kernel_width + 3) / 4;
    // Zero points, addresses, rows, inputs.
    source.outside = scratch;
    vstrbq_s8(scratch, vdupq_n_s8((int8_t)p->input_zero_point));
    uint32_t *const addresses = (uint32_t *)(void *)(scratch + 16);
    source.rows = (const int8_t **)(void *)(addresses + 4 * steps);
    source.staged = (int8_t *)(source.rows + ROWS * source.groups);
    source.phases = smaller(stride, reach + 1);
    source.columns = smaller(most, (w->out_width + 1u) & ~1u) + reach / stride;
    source.width = w->in_width;
    source.depth = depth;
    source.stride = stride;
    const uint32_t planes = source.groups * source.phases;
    set_addresses(addresses, steps, &source, w);
    call_t call;
    call.addresses = addresses;
    call.left = tinyiree_mve_left((const int32_t *)p->channels, &p->output);
    call.zero_point = p->output.zero_point;
    for (uint32_t lane = 0; lane < PIXELS; ++lane) // 0 4 2 6 1 5 3 7
        call.order[lane] = (uint16_t)(((lane & 1) * 4 + (lane & 2) + lane / 4) * depth);
    int8_t *out = (int8_t *)pointers[1] + first_row * w->out_width * depth;
    for (uint32_t y = first_row; y < last_row; ++y) {
        set_rows(&source, w, pointers[0], (int32_t)(y * w->stride_height) - w->pad_top);
        for (uint32_t x = 0; x < w->out_width; x += most) {
            const uint32_t pixels = smaller(most, w->out_width - x);
            call.pairs_or_steps = most == PIXELS ? (pixels + 1) / 2 : steps;
            call.stored = 0;
            for (uint32_t lane = 0; lane < PIXELS; ++lane)
                if (call.order[lane] < pixels * depth)
                    call.stored |= 3u << 2 * lane;
            call.constants = p->weights;
            const int32_t left = (int32_t)(x * stride) - w->pad_left;
            span_t span = span_of(&source, left);
            for (uint32_t c = 0; c < depth; c += CHANNELS) {
                source.channels = call.channels = smaller(CHANNELS, depth - c);
                if (most < PIXELS) // they have moved
                    set_addresses(addresses, steps, &source, w);
                for (uint32_t plane = 0; plane < planes; ++plane) {
                    if (source.phases > 1)
                        span = span_of(&source, left + (int32_t)(plane % source.phases));
                    stage(&source, &span, c, plane);
                }
                call.out = out + c;
                variant->channels(&call);
                call.constants += CHANNELS * (STEP * steps + CONSTANTS);
            }
            out += pixels * depth;
        }
    }
    const uint32_t bytes = (last_row - first_row) * w->out_width * depth;
    tinyiree_mve_clamp(out - bytes, bytes, &p->output);
}

#define DEFINE_DEPTHWISE(name, steps, pixels, rounding)                                            \
    DEFINE_CHANNELS(steps, name##_channels_##rounding, rounding)                                   \
    tinyiree_kernel_t tinyiree_mve_##name##_##rounding;                                            \
    void tinyiree_mve_##name##_##rounding(const void *params, void *const *pointers,               \
                                          uint32_t first_row, uint32_t last_row) {                 \
        static const variant_t variant = {name##_channels_##rounding, pixels};                     \
        run(params, pointers, first_row | last_row << 16, &variant);                               \
    }

DEFINE_DEPTHWISE(depthwise, one, 8, single)
DEFINE_DEPTHWISE(depthwise, one, 8, double)
DEFINE_DEPTHWISE(depthwise_wide, all, 4, single)
DEFINE_DEPTHWISE(depthwise_wide, all, 4, double)
