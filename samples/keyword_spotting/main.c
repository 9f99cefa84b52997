// Keyword spotting as a product does it: MFCC frames in, one line for each keyword out.
//
// The network looks at a window of 49 frames (about a second), every HOP frames. A word lies in
// several windows, and windows that hold half a word may say anything. So posteriors are averaged
// over SMOOTH windows, a keyword needs an average of THRESHOLD, and after it none is reported for
// REFRACTORY frames.

#include "app.h"
#include "app_data.h"
#include "kws.h"

#define WINDOW (FRAMES * COEFFICIENTS)

static uint8_t arena[KWS_ARENA_BYTES] TINYIREE_ALIGNED;
static kws_t model;
static int8_t frames[WINDOW];                // the newest last
static uint8_t posteriors[SMOOTH][KEYWORDS]; // in 1/256, of the latest windows
static unsigned oldest;                      // of them

// Forgets the oldest frame and reads the next one. Returns 0 at the end of the stream.
static int read_frame(void) {
    for (int i = 0; i < WINDOW - COEFFICIENTS; ++i)
        frames[i] = frames[i + COEFFICIENTS];
    return app_read(frames + WINDOW - COEFFICIENTS, COEFFICIENTS) == COEFFICIENTS;
}

// Runs the network on the window. Returns 0 if it fails.
static int listen(void) {
    int8_t *input = kws_input(&model);
    for (int i = 0; i < WINDOW; ++i)
        input[i] = frames[i];
    if (kws_invoke(&model) != TINYIREE_OK)
        return 0;
    const int8_t *scores = kws_output(&model); // scale 1/256, zero point -128
    for (int i = 0; i < KEYWORDS; ++i)
        posteriors[oldest][i] = (uint8_t)(scores[i] + 128);
    oldest = oldest + 1 < SMOOTH ? oldest + 1 : 0;
    return 1;
}

// The keyword with the greatest sum of posteriors, and that sum.
static int likeliest(int32_t *sum) {
    int best = 0;
    *sum = -1;
    for (int i = 0; i < KEYWORDS; ++i) {
        int32_t total = 0;
        for (int window = 0; window < SMOOTH; ++window)
            total += posteriors[window][i];
        if (total > *sum) {
            *sum = total;
            best = i;
        }
    }
    return best;
}

static void report(int32_t frame, int keyword, int32_t sum) {
    app_print_fixed(2 * frame, 2); // 20 ms each
    app_print(" s: ");
    app_print(keyword_names[keyword]);
    app_print(" (");
    app_print_fixed(sum * 100 / (256 * SMOOTH), 2);
    app_print(")\n");
}

int app_main(void) {
    int32_t frame = 0, silent_until = 0, window_count = 0, keyword_count = 0;
    if (kws_init(&model, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    while (read_frame()) {
        ++frame;
        if (frame < FRAMES || (frame - FRAMES) % HOP != 0)
            continue;
        if (!listen())
            return 2;
        ++window_count;
        int32_t sum;
        const int keyword = likeliest(&sum);
        if (sum < THRESHOLD * SMOOTH || frame < silent_until)
            continue;
        report(frame, keyword, sum);
        silent_until = frame + REFRACTORY;
        ++keyword_count;
    }
    app_print_int(window_count);
    app_print(" windows, ");
    app_print_int(keyword_count);
    app_print(" keywords\n");
    return 0;
}
