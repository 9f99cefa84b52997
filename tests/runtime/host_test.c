// Unit test of tinyiree.c on the host, with a library of plain C functions. Prints what failed.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

// ---- a library: three dispatches, the last one missing ----

// out[i] = a[i] + b[i], and checks all that IREE's code may rely on.
static int add(const tinyiree_environment_t *environment, const tinyiree_dispatch_state_t *state,
               const tinyiree_workgroup_state_t *group) {
    const uint8_t *a = state->binding_pointers[0], *b = state->binding_pointers[1];
    uint8_t *out = state->binding_pointers[2];
    CHECK(environment->constants == NULL && environment->processor[7] == 0);
    CHECK(state->binding_count == 3 && state->constant_count == 0 && state->max_concurrency == 1);
    CHECK(state->workgroup_size_x == 1 && state->workgroup_size_z == 1);
    CHECK(state->workgroup_count_x == 1 && state->workgroup_count_y == 1);
    CHECK(state->workgroup_count_z == 1 && group->workgroup_id_z == 0);
    CHECK(group->workgroup_id_x == 0 && group->workgroup_id_y == 0 && group->local_memory == NULL);
    CHECK(state->binding_lengths[0] == 8 && state->binding_lengths[2] == 8);
    for (size_t i = 0; i < state->binding_lengths[2]; ++i)
        out[i] = (uint8_t)(a[i] + b[i]);
    return a[0] == 99; // reports a failure on request
}

static unsigned order; // of the workgroups that were called

// Notes each workgroup once, and in order: out[(z * Y + y) * X + x] = constants[0] + order.
static int grid(const tinyiree_environment_t *environment, const tinyiree_dispatch_state_t *state,
                const tinyiree_workgroup_state_t *group) {
    uint8_t *out = state->binding_pointers[0];
    (void)environment;
    CHECK(state->constant_count == 2 && state->constants[1] == 0xABCD1234u);
    CHECK(state->workgroup_count_x == 4 && state->workgroup_count_y == 3);
    CHECK(state->workgroup_count_z == 2);
    const unsigned place = (group->workgroup_id_z * 3u + group->workgroup_id_y) * 4u;
    out[place + group->workgroup_id_x] = (uint8_t)(state->constants[0] + order++);
    return order == 1000;
}

// A kernel: out[row] = 2 * in[row] + *params, with one byte of scratch. Called from the bottom up.
static void doubled(const void *params, void *const *pointers, uint32_t first, uint32_t last) {
    const uint8_t *in = pointers[0], *offset = params;
    uint8_t *out = pointers[1], *scratch = pointers[2];
    static uint32_t rows_left = 3;
    CHECK(last == rows_left && first == (last == 3 ? 1 : 0));
    rows_left = first ? first : 3;
    for (uint32_t row = first; row < last; ++row) {
        *scratch = in[row];
        out[row] = (uint8_t)(2 * *scratch + *offset);
    }
}

static uint32_t asked_version;
static int refuse;
static tinyiree_library_header_t header = {6, "fake", 0, 0};
static const tinyiree_dispatch_fn_t functions[] = {add, grid, NULL};
static tinyiree_library_t library = {
    .header = &header, .export_count = 3, .export_functions = functions};

static const tinyiree_library_header_t **query(uint32_t version,
                                               const tinyiree_environment_t *environment) {
    asked_version = version;
    CHECK(environment != NULL);
    return refuse ? NULL : (const tinyiree_library_header_t **)(void *)&library;
}

// ---- a program over an arena of 256 bytes ----

static const tinyiree_step_t steps[] = {
    {TINYIREE_FILL, 1, 0, 0, 0},          // 16..21 := 01 02 03 04 01
    {TINYIREE_DISPATCH, 3, 0, 2, 0},      // 32..40 := 0..8 + 16..24
    {TINYIREE_DISPATCH_GRID, 1, 1, 8, 1}, // 64..88
    {TINYIREE_DISPATCH, 3, 0, 2, 0},      // again: the grid must be 1, 1, 1 once more
    {TINYIREE_COPY, 2, 0, 10, 0},         // 34..42 := 32..40, which overlap
    {TINYIREE_FILL, 1, 0, 14, 7},         // 100..107 := 0x77
    {TINYIREE_KERNEL, 3, 0, 16, 0},       // 120..123 := 2 * 16..19 + 5
};
static const size_t bindings[] = {16, 5,  0, 16, 32,  8, 8,  8,   64, 24,
                                  32, 34, 8, 8,  100, 7, 16, 120, 200};
static const uint32_t words[] = {0x04030201u, 4, 3, 2, 2, 10, 0xABCD1234u, 0x77777777u};
static const tinyiree_io_t io[] = {{0, 8}, {32, 8}};
static const uint8_t five = 5;
static const tinyiree_kernel_call_t kernels[] = {{doubled, &five, 3, 2}};
static const tinyiree_program_t good = {query, steps, bindings, words, kernels, io,   256,  16, 7,
                                        1,     1,     1,        0,     0,       NULL, NULL, 0};

static uint8_t arena[256 + 16] TINYIREE_ALIGNED;

static void init_refuses(void) {
    tinyiree_model_t model;
    tinyiree_program_t program = good;
    CHECK(tinyiree_init(NULL, &good, arena, 256) == TINYIREE_ERROR_NULL_POINTER);
    CHECK(tinyiree_init(&model, NULL, arena, 256) == TINYIREE_ERROR_NULL_POINTER);
    CHECK(tinyiree_init(&model, &good, NULL, 256) == TINYIREE_ERROR_NULL_POINTER);
    CHECK(tinyiree_init(&model, &good, arena, 255) == TINYIREE_ERROR_ARENA_TOO_SMALL);
    CHECK(tinyiree_init(&model, &good, arena + 8, 256) == TINYIREE_ERROR_ARENA_MISALIGNED);
    CHECK(tinyiree_init(&model, &good, arena + 16, 256) == TINYIREE_OK);
    CHECK(tinyiree_init(&model, &good, arena, 256) == TINYIREE_OK);
    CHECK(asked_version == 6);

    refuse = 1;
    CHECK(tinyiree_init(&model, &good, arena, 256) == TINYIREE_ERROR_ABI_MISMATCH);
    // A failed init takes the model out of use, although it worked before.
    CHECK(tinyiree_invoke(&model) == TINYIREE_ERROR_NOT_INITIALIZED);
    CHECK(tinyiree_at(&model, 0) == NULL);
    refuse = 0;
    header.version = 5;
    CHECK(tinyiree_init(&model, &good, arena, 256) == TINYIREE_ERROR_ABI_MISMATCH);
    header.version = 6;
    library.header = NULL;
    CHECK(tinyiree_init(&model, &good, arena, 256) == TINYIREE_ERROR_ABI_MISMATCH);
    library.header = &header;

    const tinyiree_step_t null_dispatch[] = {{TINYIREE_DISPATCH, 0, 2, 0, 0}};
    program.steps = null_dispatch;
    program.step_count = 1;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_DISPATCH);
    const tinyiree_step_t no_such_dispatch[] = {{TINYIREE_DISPATCH_GRID, 0, 3, 0, 0}};
    program.steps = no_such_dispatch;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_DISPATCH);
    const tinyiree_step_t no_such_kernel[] = {{TINYIREE_KERNEL, 0, 1, 0, 0}};
    program.steps = no_such_kernel;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_DISPATCH);
    const tinyiree_step_t no_such_kind[] = {{5, 0, 0, 0, 0}};
    program.steps = no_such_kind;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_ABI_MISMATCH);
    const tinyiree_step_t too_many[] = {{TINYIREE_DISPATCH, TINYIREE_MAX_BINDINGS + 1, 0, 0, 0}};
    program.steps = too_many;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_ABI_MISMATCH);
    // Without a library there is nothing to dispatch, and nothing to ask.
    program.query = NULL;
    program.steps = null_dispatch;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_ERROR_DISPATCH);
    program.steps = steps;
    program.step_count = 1;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_OK);
    CHECK(tinyiree_invoke(&model) == TINYIREE_OK);
    program.step_count = 0;
    program.steps = NULL;
    program.bindings = NULL;
    program.words = NULL;
    CHECK(tinyiree_init(&model, &program, arena, 256) == TINYIREE_OK);
    CHECK(tinyiree_invoke(&model) == TINYIREE_OK);
}

static void invoke_runs_the_steps(void) {
    // Exactly sized heap memory: the sanitizer sees one byte too many.
    uint8_t *heap = aligned_alloc(64, 256);
    tinyiree_model_t model;
    CHECK(tinyiree_init(&model, &good, heap, 256) == TINYIREE_OK);
    CHECK(tinyiree_at(&model, 255) == heap + 255);
    CHECK(tinyiree_at(&model, 256) == NULL);
    for (int round = 0; round < 2; ++round) {
        memset(heap, 0xEE, 256);
        for (unsigned i = 0; i < 8; ++i)
            heap[i] = (uint8_t)(10 * i);
        order = 0;
        CHECK(tinyiree_invoke(&model) == TINYIREE_OK);
        static const uint8_t filled[] = {1, 2, 3, 4, 1, 0xEE, 0xEE, 0xEE};
        CHECK(memcmp(heap + 16, filled, 8) == 0);
        static const uint8_t sum[] = {1, 12, 1, 12, 23, 34, 41, 32, 42, 52, 0xEE};
        CHECK(memcmp(heap + 32, sum, sizeof sum) == 0);
        CHECK(order == 24 && heap[63] == 0xEE && heap[88] == 0xEE);
        for (unsigned i = 0; i < 24; ++i)
            CHECK(heap[64 + i] == 10 + i);
        CHECK(heap[119] == 0xEE && heap[120] == 7 && heap[122] == 11 && heap[123] == 0xEE);
        CHECK(heap[99] == 0xEE && heap[100] == 0x77 && heap[106] == 0x77 && heap[107] == 0xEE);
    }
    heap[0] = 99;
    CHECK(tinyiree_invoke(&model) == TINYIREE_ERROR_DISPATCH);
    heap[0] = 0;
    order = 999;
    CHECK(tinyiree_invoke(&model) == TINYIREE_ERROR_DISPATCH);
    free(heap);
}

static void reset_gives_variables_their_initial_values(void) {
    static const uint8_t initial[] = {7, 0, 9};
    tinyiree_program_t program = good;
    program.step_count = 0;
    program.state_bytes = 24;
    program.initial_state = initial;
    program.initial_state_bytes = sizeof initial;
    tinyiree_model_t model;
    uint8_t *heap = aligned_alloc(64, 256);
    memset(heap, 0xEE, 256);
    CHECK(tinyiree_init(&model, &program, heap, 256) == TINYIREE_OK);
    CHECK(heap[231] == 0xEE && heap[232] == 7 && heap[233] == 0 && heap[234] == 9);
    for (unsigned i = 235; i < 256; ++i)
        CHECK(heap[i] == 0);
    memset(heap, 0x55, 256);
    CHECK(tinyiree_invoke(&model) == TINYIREE_OK);
    CHECK(heap[232] == 0x55 && heap[255] == 0x55);
    CHECK(tinyiree_reset(&model) == TINYIREE_OK);
    CHECK(heap[231] == 0x55 && heap[232] == 7 && heap[234] == 9 && heap[255] == 0);
    program.initial_state = NULL;
    program.initial_state_bytes = 0;
    CHECK(tinyiree_reset(&model) == TINYIREE_OK);
    CHECK(heap[231] == 0x55 && heap[232] == 0 && heap[255] == 0);
    // Without variables nothing is touched.
    memset(heap, 0x55, 256);
    CHECK(tinyiree_init(&model, &good, heap, 256) == TINYIREE_OK);
    CHECK(tinyiree_reset(&model) == TINYIREE_OK && heap[0] == 0x55 && heap[255] == 0x55);
    free(heap);
}

static void models_may_run_side_by_side(void) {
    tinyiree_model_t one, other;
    uint8_t *second = aligned_alloc(64, 256);
    CHECK(tinyiree_init(&one, &good, arena, 256) == TINYIREE_OK);
    CHECK(tinyiree_init(&other, &good, second, 256) == TINYIREE_OK);
    memset(arena, 1, 256);
    memset(second, 2, 256);
    order = 0;
    CHECK(tinyiree_invoke(&one) == TINYIREE_OK && tinyiree_invoke(&other) == TINYIREE_OK);
    CHECK(arena[37] == 5 && second[37] == 6);
    free(second);
}

static void status_has_text(void) {
    CHECK(strcmp(tinyiree_status_string(TINYIREE_OK), "ok") == 0);
    CHECK(strcmp(tinyiree_status_string(TINYIREE_ERROR_NULL_POINTER), "null pointer") == 0);
    CHECK(strcmp(tinyiree_status_string(TINYIREE_ERROR_DISPATCH), "dispatch failed") == 0);
    CHECK(strcmp(tinyiree_status_string((tinyiree_status_t)7), "unknown status") == 0);
    CHECK(strcmp(tinyiree_status_string((tinyiree_status_t)-1), "unknown status") == 0);
}

int main(void) {
    CHECK(tinyiree_invoke(NULL) == TINYIREE_ERROR_NULL_POINTER);
    CHECK(tinyiree_at(NULL, 0) == NULL);
    tinyiree_model_t zero = {0};
    CHECK(tinyiree_invoke(&zero) == TINYIREE_ERROR_NOT_INITIALIZED);
    CHECK(tinyiree_reset(NULL) == TINYIREE_ERROR_NULL_POINTER);
    CHECK(tinyiree_reset(&zero) == TINYIREE_ERROR_NOT_INITIALIZED);
    init_refuses();
    reset_gives_variables_their_initial_values();
    invoke_runs_the_steps();
    models_may_run_side_by_side();
    status_has_text();
    return failures != 0;
}
