// Two networks in one arena: a wake stage of 2,016 multiply-accumulates looks at every second of
// sound, and only where it hears a word the classifier runs, of 2.7 million.
//
// They never run at the same time, so that the arena is as large as the larger of the two needs it,
// not as both together. What an invoke leaves in the arena is gone after the other network's: the
// features, which both read, have a buffer of their own, and an output is read at once.

#include "app.h"
#include "kws.h"
#include "wake.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SHARED_BYTES LARGER(WAKE_ARENA_BYTES, KWS_ARENA_BYTES)

static uint8_t arena[SHARED_BYTES] TINYIREE_ALIGNED;
static wake_t wake;
static kws_t kws;
static int8_t features[WAKE_INPUT_ELEMENTS];

static const char *const names[KWS_OUTPUT_ELEMENTS] = {
    "down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"};

// A network's inputs may be overwritten by its invoke: they are written before each.
static void copy(int8_t *target) {
    for (int i = 0; i < WAKE_INPUT_ELEMENTS; ++i)
        target[i] = features[i];
}

static void print_bytes(const char *what, int32_t bytes) {
    app_print(what);
    app_print_int(bytes);
    app_print(" bytes\n");
}

// Returns an index of `names`, or -1 on failure.
static int classify(void) {
    copy(kws_input(&kws));
    if (kws_invoke(&kws) != TINYIREE_OK)
        return -1;
    const int8_t *scores = kws_output(&kws);
    int best = 0;
    for (int i = 1; i < KWS_OUTPUT_ELEMENTS; ++i)
        if (scores[i] > scores[best])
            best = i;
    return best;
}

int app_main(void) {
    if (wake_init(&wake, arena, sizeof arena) != TINYIREE_OK ||
        kws_init(&kws, arena, sizeof arena) != TINYIREE_OK)
        return 1;
    print_bytes("arena of the wake stage: ", WAKE_ARENA_BYTES);
    print_bytes("arena of the classifier: ", KWS_ARENA_BYTES);
    print_bytes("arena of both: ", SHARED_BYTES);
    int32_t second = 0, woken = 0;
    for (; app_read(features, sizeof features) == sizeof features; ++second) {
        copy(wake_input(&wake));
        if (wake_invoke(&wake) != TINYIREE_OK)
            return 2;
        const int8_t *scores = wake_output(&wake); // of silence and of a word
        if (scores[1] <= scores[0])
            continue;
        ++woken;
        const int word = classify();
        if (word < 0)
            return 3;
        app_print_int(second);
        app_print(" s: ");
        app_print(names[word]);
        app_print("\n");
    }
    app_print("classified ");
    app_print_int(woken);
    app_print(" of ");
    app_print_int(second);
    app_print(" seconds\n");
    return 0;
}
