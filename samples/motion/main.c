// Tells what a wrist is doing, once a second from the last five seconds; a change counts when three
// answers in a row agree on it.

#include "app.h"
#include "motion.h"

#define CHANNELS  6
#define WINDOW    (MOTION_INPUT_ELEMENTS / CHANNELS)
#define HOP       10  // samples between two answers: a second
#define STEPS     512 // of the sensor to a unit of the data
#define AGREEING  3   // answers, for a change
#define CLASSES   MOTION_OUTPUT_ELEMENTS
#define UNDECIDED CLASSES

// int8 steps in a step of the sensor, times 2^16; `span` is what is 1.0 to the network.
#define GAIN_Q16(span) ((int32_t)(65536.0f / (STEPS * (span) * MOTION_INPUT_SCALE) + 0.5f))
#define CLIP           3 // spans

static const char *const names[CLASSES] = {"standing", "walking", "running", "badminton"};
static const int32_t spans[CHANNELS] = {10, 10, 10, 5, 5, 5};
static const int32_t gains[CHANNELS] = {GAIN_Q16(10), GAIN_Q16(10), GAIN_Q16(10),
                                        GAIN_Q16(5),  GAIN_Q16(5),  GAIN_Q16(5)};

static uint8_t arena[MOTION_ARENA_BYTES] TINYIREE_ALIGNED;
static int16_t recent[WINDOW][CHANNELS]; // oldest first
static motion_t model;

// The window as the network wants it: a row of time for each channel.
static void quantize(int8_t *input) {
    for (uint32_t channel = 0; channel < CHANNELS; ++channel) {
        const int32_t limit = CLIP * STEPS * spans[channel];
        for (uint32_t i = 0; i < WINDOW; ++i) {
            int32_t value = recent[i][channel];
            value = value > limit ? limit : value < -limit ? -limit : value;
            value = MOTION_INPUT_ZERO_POINT + ((value * gains[channel] + 0x8000) >> 16);
            *input++ = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
        }
    }
}

static uint32_t best(const int8_t *scores) {
    uint32_t found = 0;
    for (uint32_t i = 1; i < CLASSES; ++i)
        if (scores[i] > scores[found])
            found = i;
    return found;
}

// Makes room for HOP samples and reads them. Returns 0 at the end of the input.
static int next_second(void) {
    for (uint32_t i = 0; i + HOP < WINDOW; ++i)
        for (uint32_t channel = 0; channel < CHANNELS; ++channel)
            recent[i][channel] = recent[i + HOP][channel];
    const uint32_t bytes = HOP * sizeof recent[0];
    return app_read(recent[WINDOW - HOP], bytes) == bytes;
}

int app_main(void) {
    if (motion_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    uint32_t activity = UNDECIDED;
    uint32_t candidate = UNDECIDED;
    uint32_t agreed = 0;
    for (int32_t second = 1; next_second(); ++second) {
        if (second * HOP < (int32_t)WINDOW)
            continue; // the window is not full yet
        quantize(motion_input(&model));
        if (motion_invoke(&model) != TINYIREE_OK)
            return 1;
        const uint32_t answer = best(motion_output(&model));
        agreed = answer == candidate ? agreed + 1 : 1;
        candidate = answer;
        if (agreed < AGREEING || answer == activity)
            continue;
        activity = answer;
        app_print_int(second);
        app_print(" s: ");
        app_print(names[activity]);
        app_print("\n");
    }
    return 0;
}
