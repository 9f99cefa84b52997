// Watches heartbeats: the network redraws each one, a beat that it redraws badly is abnormal, and
// an alarm begins when ABNORMAL of the last BEATS beats are.

#include "app.h"
#include "app_data.h"
#include "ecg.h"

#define SAMPLES ECG_INPUT_ELEMENTS
// Constants in units of 2^-16, so that there is no float at run time.
#define Q16(value)    ((int32_t)((value) * 65536.0f + 0.5f))
#define THRESHOLD_SUM ((uint32_t)(Q16(THRESHOLD) * SAMPLES))
#define INPUT_GAIN    (1.0f / (STEPS * ECG_INPUT_SCALE)) // int8 steps in a step of the beat

static uint8_t arena[ECG_ARENA_BYTES] TINYIREE_ALIGNED;
static int16_t beat[SAMPLES];
static ecg_t model;

static void quantize(int8_t *input) {
    const int32_t gain = Q16(INPUT_GAIN);
    for (uint32_t i = 0; i < SAMPLES; ++i) {
        int32_t value = ECG_INPUT_ZERO_POINT + ((beat[i] * gain + 0x8000) >> 16);
        input[i] = (int8_t)(value > 127 ? 127 : value < -128 ? -128 : value);
    }
}

// The sum of |beat - redrawn| in units of 2^-16. The beat is taken as measured, not as int8: what
// lies beyond the range of normal beats counts in full.
static uint32_t error_sum(const int8_t *redrawn) {
    const int32_t scale = (int32_t)(ECG_OUTPUT_SCALE * 16777216.0f + 0.5f); // in 2^-24
    uint32_t sum = 0;
    for (uint32_t i = 0; i < SAMPLES; ++i) {
        int32_t difference = beat[i] * (65536 / STEPS);
        difference -= ((redrawn[i] - ECG_OUTPUT_ZERO_POINT) * scale) >> 8;
        sum += (uint32_t)(difference < 0 ? -difference : difference);
    }
    return sum;
}

static void tell(int32_t number, const char *what, uint32_t sum) {
    app_print("beat ");
    app_print_int(number);
    app_print(what);
    app_print_fixed((int32_t)((sum / SAMPLES * 1000) >> 16), 3);
    app_print("\n");
}

int app_main(void) {
    if (ecg_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    int32_t number = 0;
    int32_t above = 0;
    int32_t alarms = 0;
    uint32_t history = 0; // bit i: the beat i before this one was abnormal
    int alarm = 0;
    while (app_read(beat, sizeof beat) == sizeof beat) {
        quantize(ecg_input(&model));
        if (ecg_invoke(&model) != TINYIREE_OK)
            return 1;
        const uint32_t sum = error_sum(ecg_output(&model));
        const uint32_t abnormal = sum > THRESHOLD_SUM;
        history = (history << 1 | abnormal) & ((1u << BEATS) - 1);
        uint32_t count = 0;
        for (uint32_t i = 0; i < BEATS; ++i)
            count += history >> i & 1;
        ++number;
        above += (int32_t)abnormal;
        if (!alarm && count >= ABNORMAL) {
            alarm = 1;
            ++alarms;
            tell(number, ": alarm, error ", sum);
        } else if (alarm && count == 0) {
            alarm = 0;
            tell(number, ": all clear, error ", sum);
        }
    }
    app_print_int(number);
    app_print(" beats, ");
    app_print_int(above);
    app_print(" abnormal, ");
    app_print_int(alarms);
    app_print(alarms == 1 ? " alarm\n" : " alarms\n");
    return 0;
}
