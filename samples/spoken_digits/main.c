// Spoken digits: recordings of 16-bit audio at 8 kHz in, one digit each out.
//
// The network takes one second of 8-bit audio and computes its own log-mel features. What is left
// to do here: the gain, a power of two that makes the peak 64 to 127, and silence on both sides.

#include "app.h"
#include "spoken.h"

#define WINDOW SPOKEN_INPUT_ELEMENTS

// An answer counts when its score is this far above the next one, in steps of the output.
#define MARGIN 8

static uint8_t arena[SPOKEN_ARENA_BYTES] TINYIREE_ALIGNED;
static int16_t recording[WINDOW];
static spoken_t model;

// The number of bits by which the peak exceeds 127, rounded; negative where it is below 64.
static int excess_bits(const int16_t *audio, int32_t count) {
    int32_t peak = 0;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t size = audio[i] < 0 ? -(int32_t)audio[i] : audio[i];
        if (size > peak)
            peak = size;
    }
    int bits = 0;
    while ((peak + ((1 << bits) >> 1)) >> bits > 127)
        ++bits;
    while (bits <= 0 && peak > 0 && peak << (1 - bits) <= 127)
        --bits;
    return bits;
}

static int8_t level(int16_t sample, int bits) {
    if (bits <= 0) // a multiplication, as a negative number must not be shifted to the left
        return (int8_t)(sample * (1 << -bits));
    return (int8_t)((sample + ((1 << bits) >> 1)) >> bits);
}

// Puts a recording of at most WINDOW samples into the middle of the network's window.
static void fill(int8_t *window, const int16_t *audio, int32_t count) {
    const int bits = excess_bits(audio, count);
    const int32_t start = (WINDOW - count) / 2;
    for (int32_t i = 0; i < WINDOW; ++i) {
        const int32_t place = i - start;
        window[i] = place >= 0 && place < count ? level(audio[place], bits) : 0;
    }
}

// Reads and forgets.
static int skip(int32_t samples) {
    for (; samples > 0; --samples)
        if (app_read(recording, sizeof recording[0]) != sizeof recording[0])
            return 0;
    return 1;
}

// Reads the middle of a recording. Returns how many samples it has, -1 at a premature end.
static int32_t read_recording(int32_t count) {
    const int32_t cut = count > WINDOW ? (count - WINDOW) / 2 : 0;
    const int32_t length = count > WINDOW ? WINDOW : count;
    if (!skip(cut))
        return -1;
    const uint32_t bytes = (uint32_t)length * sizeof recording[0];
    if (app_read(recording, bytes) != bytes || !skip(count - cut - length))
        return -1;
    return length;
}

int app_main(void) {
    if (spoken_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    int32_t head[2]; // the digit that was spoken, and the number of samples
    int32_t right = 0, total = 0;
    while (app_read(head, sizeof head) == sizeof head) {
        const int32_t label = head[0], length = read_recording(head[1]);
        if (length < 0)
            return 2;
        fill(spoken_input(&model), recording, length);
        if (spoken_invoke(&model) != TINYIREE_OK)
            return 3;
        const int8_t *scores = spoken_output(&model);
        int best = 0, next = -1;
        for (int i = 1; i < SPOKEN_OUTPUT_ELEMENTS; ++i) {
            if (scores[i] > scores[best]) {
                next = best;
                best = i;
            } else if (next < 0 || scores[i] > scores[next]) {
                next = i;
            }
        }
        const int margin = scores[best] - scores[next];
        app_print("said ");
        app_print_int(label);
        app_print(", heard ");
        app_print_int(best);
        app_print(" (margin ");
        app_print_int(margin);
        app_print(margin < MARGIN ? ", unsure)\n" : ")\n");
        right += best == label;
        ++total;
    }
    app_print_int(right);
    app_print(" of ");
    app_print_int(total);
    app_print(" recordings right\n");
    return 0;
}
