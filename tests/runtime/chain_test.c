// Unit test of tinyiree_chain.c on the host. Prints what failed.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tinyiree.h"

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            ++failures;                                                                            \
        }                                                                                          \
    } while (0)

static uint8_t arena[64];
static unsigned calls;

// out[row] = 2 * in[row]: one byte a row.
static void doubled(const void *params, void *const *pointers, uint32_t first, uint32_t last) {
    const uint8_t *in = pointers[0];
    uint8_t *out = pointers[1];
    CHECK(params == NULL);
    for (uint32_t row = first; row < last; ++row)
        out[row] = (uint8_t)(2 * in[row]);
    ++calls;
}

// out[row] = in[row] + in[row + 1] + *params
static void sums(const void *params, void *const *pointers, uint32_t first, uint32_t last) {
    const uint8_t *in = pointers[0], *more = params;
    uint8_t *out = pointers[1];
    for (uint32_t row = first; row < last; ++row)
        out[row] = (uint8_t)(in[row] + in[row + 1] + *more);
    ++calls;
}

#define BACK(by)          ((uint32_t)-(by))
#define ROWS(first, last) ((first) | (uint32_t)(last) << 16)

// Ten rows at 0 are doubled into a window of two rows at 16, whose neighbours are added at 32.
static const uint32_t words[] = {
    TINYIREE_CHAIN_CALL | 2 << 8,
    ROWS(0, 2),
    0,
    16,
    TINYIREE_CHAIN_CALL | 2 << 8 | 1 << 16,
    ROWS(0, 1),
    16,
    32,
    // eight turns
    TINYIREE_CHAIN_MOVE,
    17,
    16,
    1,
    TINYIREE_CHAIN_CALL_IN_LOOP | 2 << 8,
    ROWS(2, 3),
    0,
    15,
    1,
    0,
    BACK(1),
    TINYIREE_CHAIN_CALL_IN_LOOP | 2 << 8 | 1 << 16,
    ROWS(1, 2),
    15,
    32,
    1,
    BACK(1),
    0,
    TINYIREE_CHAIN_REPEAT | 8 << 16,
    19,
    // a call whose first row would lie before the arena
    TINYIREE_CHAIN_CALL | 2 << 8,
    ROWS(60, 62),
    BACK(60),
    BACK(10),
    TINYIREE_CHAIN_END,
};
static const uint8_t three = 3;
static const tinyiree_chain_call_t table[] = {{doubled, NULL}, {sums, &three}};
static const tinyiree_chain_t chain = {words, table};

int main(void) {
    void *const pointers[] = {arena};
    for (int round = 0; round < 2; ++round) {
        memset(arena, 0xEE, sizeof arena);
        for (unsigned i = 0; i < 10; ++i)
            arena[i] = (uint8_t)(i * i);
        calls = 0;
        tinyiree_run_chain(&chain, pointers, 0, 1);
        CHECK(calls == 2 + 8 * 2 + 1);
        for (unsigned i = 0; i < 9; ++i)
            CHECK(arena[32 + i] == (uint8_t)(2 * i * i + 2 * (i + 1) * (i + 1) + 3));
        CHECK(arena[41] == 0xEE && arena[18] == 0xEE && arena[15] == 0xEE);
        CHECK(arena[16] == 2 * 64 && arena[17] == (uint8_t)(2 * 81));
        CHECK(arena[50] == 0 && arena[51] == 2 && arena[52] == 0xEE);
    }
    return failures != 0;
}
