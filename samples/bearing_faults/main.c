// Names the damage of a bearing: normalizes each window of vibration, asks the network, and gives a
// diagnosis when enough of eight windows in a row agree.

#include "app.h"
#include "bearing.h"

#define WINDOW       BEARING_INPUT_ELEMENTS
#define CLASSES      BEARING_OUTPUT_ELEMENTS
#define WINDOWS      8  // to a diagnosis: 0.7 s at 12 kHz
#define AGREEING     6  // of them, for a diagnosis
#define MOVING_STEPS 50 // deviation in steps of the converter (15 mV): below, the machine rests
#define CLIP         4  // deviations, as in training
// Steps of the input's scale in one deviation, times 2^16: a constant, no float at run time.
#define STEPS_Q16 ((int64_t)(65536.0f / BEARING_INPUT_SCALE))

static const char *const names[CLASSES] = {
    "inner race, 0.007 inch", "inner race, 0.014 inch", "inner race, 0.021 inch",
    "ball, 0.007 inch",       "ball, 0.014 inch",       "ball, 0.021 inch",
    "outer race, 0.007 inch", "outer race, 0.014 inch", "outer race, 0.021 inch"};

static uint8_t arena[BEARING_ARENA_BYTES] TINYIREE_ALIGNED;
static int16_t window[WINDOW];
static bearing_t model;

// The largest number whose square is not above `value`, bit by bit.
static uint32_t square_root(uint32_t value) {
    uint32_t root = 0;
    for (uint32_t bit = 1u << 15; bit > 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= value)
            root += bit;
    return root;
}

// The window as the network wants it. Returns its deviation in steps of the converter.
static int32_t normalize(int8_t *input) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < WINDOW; ++i)
        sum += window[i];
    const int32_t mean = sum / WINDOW;
    uint64_t squares = 0;
    for (uint32_t i = 0; i < WINDOW; ++i) {
        const int32_t centred = window[i] - mean;
        squares += (uint64_t)((int64_t)centred * centred);
    }
    const int32_t deviation = (int32_t)square_root((uint32_t)(squares / WINDOW));
    if (deviation < MOVING_STEPS)
        return deviation;
    const int32_t gain = (int32_t)(STEPS_Q16 / deviation);
    const int32_t limit = CLIP * deviation;
    for (uint32_t i = 0; i < WINDOW; ++i) {
        int32_t centred = window[i] - mean;
        centred = centred > limit ? limit : centred < -limit ? -limit : centred;
        int32_t value = BEARING_INPUT_ZERO_POINT + ((centred * gain + 0x8000) >> 16);
        input[i] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
    }
    return deviation;
}

static uint32_t best(const int8_t *scores) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < CLASSES; ++i)
        if (scores[i] > scores[found])
            found = i;
    return found;
}

static void report(const uint8_t *votes, uint32_t moving) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < CLASSES; ++i)
        if (votes[i] > votes[found])
            found = i;
    if (moving < AGREEING)
        app_print("at rest");
    else if (votes[found] < AGREEING)
        app_print("uncertain");
    else
        app_print(names[found]);
    app_print(" (");
    app_print_int(moving < AGREEING ? (int32_t)(WINDOWS - moving) : votes[found]);
    app_print(" of 8 windows)\n");
}

int app_main(void) {
    if (bearing_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    for (;;) {
        uint8_t votes[CLASSES] = {0};
        uint32_t moving = 0;
        for (uint32_t i = 0; i < WINDOWS; ++i) {
            if (app_read(window, sizeof window) != sizeof window)
                return 0;
            if (normalize(bearing_input(&model)) < MOVING_STEPS)
                continue;
            if (bearing_invoke(&model) != TINYIREE_OK)
                return 1;
            ++moving;
            ++votes[best(bearing_output(&model))];
        }
        report(votes, moving);
    }
}
