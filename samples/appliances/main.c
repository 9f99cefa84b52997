// Recognizes an appliance by an hour of a meter's readings, or says that it is not sure.

#include "app.h"
#include "appliances.h"

#define SEEN       3 // quantities that the network sees
#define READINGS   (APPLIANCES_INPUT_ELEMENTS / SEEN)
#define QUANTITIES 4 // reactive power, active power (0.1 W), voltage, current
#define POWER      1
#define CURRENT    3
#define CLASSES    APPLIANCES_OUTPUT_ELEMENTS
// By how much the best score has to exceed the next, in steps of the output: 1.0, odds of 2.7.
#define MARGIN ((int32_t)(1.0f / APPLIANCES_OUTPUT_SCALE + 0.5f))
// int8 steps in a unit of the logarithm, times 2^8.
#define GAIN_Q8 ((int32_t)(256.0f / APPLIANCES_INPUT_SCALE + 0.5f))

static const uint8_t seen[SEEN] = {0, 1, 3};

static uint8_t arena[APPLIANCES_ARENA_BYTES] TINYIREE_ALIGNED;
static int16_t hour[READINGS][QUANTITIES];
static appliances_t model;

// sign(v) * log2(1 + |v|) in units of 2^-16; between powers of two the logarithm is linear.
static int32_t compress(int32_t value) {
    const uint32_t magnitude = (uint32_t)(value < 0 ? -value : value) + 1;
    uint32_t exponent = 0;
    while (magnitude >> exponent > 1)
        ++exponent;
    // 1 + |v| is at most 32769, so the shift is never negative.
    const uint32_t fraction = (magnitude << (16 - exponent)) - 65536;
    const int32_t logarithm = (int32_t)(exponent * 65536 + fraction);
    return value < 0 ? -logarithm : logarithm;
}

// The hour as the network wants it: a row of time for each quantity.
static void quantize(int8_t *input) {
    for (uint32_t k = 0; k < SEEN; ++k)
        for (uint32_t i = 0; i < READINGS; ++i) {
            // Units of 2^-12 times units of 2^-7. No logarithm exceeds 16, so no product 2^31.
            int32_t value = (compress(hour[i][seen[k]]) >> 4) * (GAIN_Q8 >> 1);
            value = APPLIANCES_INPUT_ZERO_POINT + ((value + (1 << 18)) >> 19);
            *input++ = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
        }
}

// The current from its lowest value of the hour on: nothing else is known of it in training.
static void take_idle_current(void) {
    int16_t lowest = hour[0][CURRENT];
    for (uint32_t i = 1; i < READINGS; ++i)
        if (hour[i][CURRENT] < lowest)
            lowest = hour[i][CURRENT];
    for (uint32_t i = 0; i < READINGS; ++i)
        hour[i][CURRENT] = (int16_t)(hour[i][CURRENT] - lowest);
}

static int32_t peak_power(void) {
    int32_t peak = 0;
    for (uint32_t i = 0; i < READINGS; ++i)
        if (hour[i][POWER] > peak)
            peak = hour[i][POWER];
    return peak;
}

int app_main(void) {
    if (appliances_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    for (int32_t number = 1; app_read(hour, sizeof hour) == sizeof hour; ++number) {
        take_idle_current();
        quantize(appliances_input(&model));
        if (appliances_invoke(&model) != TINYIREE_OK)
            return 1;
        const int8_t *scores = appliances_output(&model);
        uint32_t best = 0;
        for (uint32_t i = 1; i < CLASSES; ++i)
            if (scores[i] > scores[best])
                best = i;
        int sure = 1;
        for (uint32_t i = 0; i < CLASSES; ++i)
            sure = sure && (i == best || scores[best] - scores[i] >= MARGIN);
        app_print("appliance ");
        app_print_int(number);
        app_print(sure ? ": class " : ": not sure, perhaps class ");
        app_print_int((int32_t)best);
        app_print(", at most ");
        app_print_fixed(peak_power(), 1);
        app_print(" W\n");
    }
    return 0;
}
