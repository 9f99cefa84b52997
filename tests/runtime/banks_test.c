// Unit test of programs in several banks on the host. Prints what failed.

#define TINYIREE_MAX_BANKS 3

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

#define BANK(number, offset) (((uint32_t)(number) << 30) + (uint32_t)(offset))

static void increment(const void *params, void *const *pointers, uint32_t first, uint32_t last) {
    const uint8_t *in = pointers[0];
    uint8_t *out = pointers[1];
    CHECK(params == NULL);
    for (uint32_t row = first; row < last; ++row)
        out[row] = (uint8_t)(in[row] + 1);
}

static const tinyiree_kernel_call_t kernels[] = {{increment, NULL, 4, 4}};
static const size_t bindings[] = {BANK(0, 0), BANK(1, 8), BANK(1, 10), BANK(2, 4), 4, 4};
static const tinyiree_step_t steps[] = {
    {TINYIREE_KERNEL, 2, 0, 0, 0}, // bank 0 to 1
    {TINYIREE_COPY, 2, 0, 2, 0},   // bank 1 to 2
};
static const tinyiree_io_t io[] = {{0, 4}, {BANK(2, 4), 4}};
static const uint32_t more[] = {16, 8};
static const tinyiree_program_t program = {NULL, steps, bindings, NULL, kernels, io,   16,   16, 2,
                                           1,    1,     1,        0,    0,       NULL, more, 2};

static TINYIREE_ALIGNED uint8_t fast[16], middle[16], slow[16];

int main(void) {
    tinyiree_model_t model;
    void *arenas[] = {fast, middle, slow};
    size_t bytes[] = {16, 16, 8};
    CHECK(tinyiree_init(&model, &program, fast, 16) == TINYIREE_ERROR_ABI_MISMATCH);
    CHECK(tinyiree_init_banks(&model, &program, NULL, bytes) == TINYIREE_ERROR_NULL_POINTER);
    bytes[2] = 7;
    CHECK(tinyiree_init_banks(&model, &program, arenas, bytes) == TINYIREE_ERROR_ARENA_TOO_SMALL);
    CHECK(tinyiree_invoke(&model) == TINYIREE_ERROR_NOT_INITIALIZED);
    bytes[2] = 8;
    arenas[1] = middle + 1;
    CHECK(tinyiree_init_banks(&model, &program, arenas, bytes) == TINYIREE_ERROR_ARENA_MISALIGNED);
    arenas[1] = middle;
    CHECK(tinyiree_init_banks(&model, &program, arenas, bytes) == TINYIREE_OK);
    CHECK(tinyiree_at(&model, 15) == fast + 15 && tinyiree_at(&model, 16) == NULL);
    CHECK(tinyiree_at(&model, BANK(2, 7)) == slow + 7);
    CHECK(tinyiree_at(&model, BANK(2, 8)) == NULL && tinyiree_at(&model, BANK(3, 0)) == NULL);
    for (uint8_t i = 0; i < 4; ++i)
        fast[i] = (uint8_t)(10 * i);
    CHECK(tinyiree_invoke(&model) == TINYIREE_OK);
    const uint8_t *out = tinyiree_at(&model, program.io[1].offset);
    CHECK(out == slow + 4);
    CHECK(middle[8] == 1 && middle[11] == 31 && middle[12] == 0);
    CHECK(out[0] == 21 && out[1] == 31 && out[2] == 0 && out[3] == 0);
    // A first row that would lie before its bank.
    void *const *banks = model.arena;
    CHECK(tinyiree_address(banks, BANK(1, -8)) == (uint8_t *)arenas[1] - 8);
    CHECK(tinyiree_address(banks, BANK(0, -8)) == (uint8_t *)arenas[0] - 8);
    return failures != 0;
}
