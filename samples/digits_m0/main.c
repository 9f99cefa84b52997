// Handwritten digits on a Cortex-M0: images of 8x8 pixels in, one digit each out, or none where the
// two best scores are too close to each other.

#include "app.h"
#include "digits.h"

// The least distance of the best two scores, in steps of the output: the largest that refuses none
// of the 1,437 training images (train.py prints what each margin costs).
#define MARGIN 24

static uint8_t arena[DIGITS_ARENA_BYTES] TINYIREE_ALIGNED;
static digits_t model;

// Pixels are counts from 0 to 16; the network takes 0 to 255, less 128.
static void to_input(int8_t *image) {
    for (int i = 0; i < DIGITS_INPUT_ELEMENTS; ++i)
        image[i] = (int8_t)(((255 * image[i] + 8) >> 4) - 128);
}

// The digit with the largest score, or -1 where another one is as good.
static int32_t read_digit(const int8_t *scores) {
    int32_t best = -1, highest = INT8_MIN, next = INT8_MIN;
    for (int32_t i = 0; i < DIGITS_OUTPUT_ELEMENTS; ++i) {
        if (best < 0 || scores[i] > highest) {
            next = highest;
            highest = scores[i];
            best = i;
        } else if (scores[i] > next) {
            next = scores[i];
        }
    }
    return highest - next < MARGIN ? -1 : best;
}

int app_main(void) {
    if (digits_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    int32_t right = 0, wrong = 0, unsure = 0;
    uint8_t written; // the digit that somebody wrote
    while (app_read(&written, sizeof written) == sizeof written) {
        int8_t *const image = digits_input(&model);
        if (app_read(image, DIGITS_INPUT_ELEMENTS) != DIGITS_INPUT_ELEMENTS)
            return 2;
        to_input(image);
        if (digits_invoke(&model) != TINYIREE_OK)
            return 3;
        const int32_t read = read_digit(digits_output(&model));
        if (read < 0)
            app_print("unsure");
        else
            app_print_int(read);
        app_print(read < 0 || read == written ? "\n" : " (wrong)\n");
        unsure += read < 0;
        right += read == written;
        wrong += read >= 0 && read != written;
    }
    app_print_int(right);
    app_print(" digits right, ");
    app_print_int(wrong);
    app_print(" wrong, ");
    app_print_int(unsure);
    app_print(" unsure\n");
    return 0;
}
