// Handwritten digits on the smallest machine: images of 8x8 pixels in, one digit each out.
//
// The image is read straight into the network's input, and becomes int8 in place: there are 2 KB of
// RAM, and no multiplier, so that 255 / 16 of a pixel is a shift and a subtraction.

#include "app.h"
#include "digits.h"

static uint8_t arena[DIGITS_ARENA_BYTES] TINYIREE_ALIGNED;
static digits_t model;

// Pixels are counts from 0 to 16; the network takes 0 to 255, less 128.
static void to_input(int8_t *image) {
    for (int i = 0; i < DIGITS_INPUT_ELEMENTS; ++i) {
        const int32_t count = image[i];
        image[i] = (int8_t)((((count << 8) - count + 8) >> 4) - 128);
    }
}

static int32_t largest(const int8_t *scores) {
    int32_t best = 0;
    for (int32_t i = 1; i < DIGITS_OUTPUT_ELEMENTS; ++i)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

int app_main(void) {
    if (digits_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    int32_t right = 0, total = 0;
    uint8_t written; // the digit that somebody wrote
    while (app_read(&written, sizeof written) == sizeof written) {
        int8_t *const image = digits_input(&model);
        if (app_read(image, DIGITS_INPUT_ELEMENTS) != DIGITS_INPUT_ELEMENTS)
            return 2;
        to_input(image);
        if (digits_invoke(&model) != TINYIREE_OK)
            return 3;
        const int32_t read = largest(digits_output(&model));
        app_print_int(read);
        app_print(read == written ? "\n" : " (wrong)\n");
        right += read == written;
        ++total;
    }
    app_print_int(right);
    app_print(" of ");
    app_print_int(total);
    app_print(" digits right\n");
    return 0;
}
