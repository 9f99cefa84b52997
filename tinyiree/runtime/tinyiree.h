// tinyiree runtime: runs a static schedule of IREE dispatches over one arena.
//
// What it does not do: allocate, keep globals, call the C library (but memmove and memset), print,
// abort. Every function is re-entrant; two models may run side by side if their arenas differ.

#ifndef TINYIREE_H_
#define TINYIREE_H_

#include <stddef.h>
#include <stdint.h>

#include "iree_library.h"

#ifdef __cplusplus
extern "C" {
#endif

// Alignment in bytes that IREE's generated code may assume of a buffer at the arena's start.
#define TINYIREE_ARENA_ALIGNMENT 16

// Declares an arena: static uint8_t arena[KWS_ARENA_BYTES] TINYIREE_ALIGNED;
#define TINYIREE_ALIGNED __attribute__((aligned(TINYIREE_ARENA_ALIGNMENT)))

// Most bindings that one dispatch may have: sizes a pointer array on the stack (4 bytes each).
// A program that needs more is refused by init.
#ifndef TINYIREE_MAX_BINDINGS
#define TINYIREE_MAX_BINDINGS 16
#endif

// Memories that a model may lie in: sizes an array of pointers. All files of a firmware that has a
// model in several banks are compiled with -DTINYIREE_MAX_BANKS=N, at most 4.
#ifndef TINYIREE_MAX_BANKS
#define TINYIREE_MAX_BANKS 1
#endif

typedef enum {
    TINYIREE_OK = 0,
    TINYIREE_ERROR_NULL_POINTER,     // an argument is NULL
    TINYIREE_ERROR_ARENA_TOO_SMALL,  // fewer bytes than the program's arena_bytes
    TINYIREE_ERROR_ARENA_MISALIGNED, // the arena's address is no multiple of arena_alignment
    TINYIREE_ERROR_ABI_MISMATCH,     // library or schedule made for another version or limit
    TINYIREE_ERROR_NOT_INITIALIZED,  // init was not called, or did not return TINYIREE_OK
    TINYIREE_ERROR_DISPATCH          // a dispatch is missing or reported a failure
} tinyiree_status_t;

// English text for a status; never NULL.
const char *tinyiree_status_string(tinyiree_status_t status);

// Kinds of step. O[i] and L[i] are the offset and length of the step's binding i, in bytes:
// bindings[first_binding + i] and bindings[first_binding + binding_count + i].
enum {
    // Call library export `entry` with one workgroup and no constants.
    TINYIREE_DISPATCH = 0,
    // The same with words[first_word...] = {workgroups x, y, z, constant count, constants...}.
    TINYIREE_DISPATCH_GRID = 1,
    // Call kernels[entry] on the addresses O[0..binding_count). There are no lengths.
    TINYIREE_KERNEL = 2,
    // arena[O[0], +L[0]) := the 32-bit pattern words[first_word], repeated, low byte first.
    TINYIREE_FILL = 3,
    // arena[O[1], +L[0]) := arena[O[0], +L[0]); the ranges may overlap.
    TINYIREE_COPY = 4
};

// A call of a hand-made kernel: it computes rows [first_row, last_row) of its output. `pointers`
// are its inputs, its output and its scratch memory; `params` are the layer's constants.
typedef struct tinyiree_kernel_call_t {
    void (*function)(const void *params, void *const *pointers, uint32_t first_row,
                     uint32_t last_row);
    const void *params;
    uint32_t rows;  // of the whole output
    uint32_t chunk; // of them in one call, from the bottom up; at least 1
} tinyiree_kernel_call_t;

// A chain of layers that run a few rows at a time: step TINYIREE_KERNEL calls tinyiree_run_chain
// with a tinyiree_chain_t for params and the arena for its only binding. Its words are
// instructions, whose lowest byte is the kind, and the next one a number of bindings, n:
enum {
    // kind, n, call << 16; first_row | last_row << 16; n offsets from the arena's start
    TINYIREE_CHAIN_CALL = 0,
    // The same, and: what a turn of the loop adds to the rows, what it adds to each offset.
    TINYIREE_CHAIN_CALL_IN_LOOP = 1,
    // kind; source, target, bytes: as TINYIREE_COPY
    TINYIREE_CHAIN_MOVE = 2,
    // kind, turns << 16; words back to the loop's start, counted from this word. Loops do not nest.
    TINYIREE_CHAIN_REPEAT = 3,
    TINYIREE_CHAIN_END = 4
};

// Most bindings of a call in a chain.
#define TINYIREE_CHAIN_BINDINGS 4

typedef struct tinyiree_chain_call_t {
    void (*function)(const void *params, void *const *pointers, uint32_t first_row,
                     uint32_t last_row);
    const void *params;
} tinyiree_chain_call_t;

typedef struct tinyiree_chain_t {
    const uint32_t *words;
    const tinyiree_chain_call_t *calls;
} tinyiree_chain_t;

void tinyiree_run_chain(const void *params, void *const *pointers, uint32_t first_row,
                        uint32_t last_row);

// 8 bytes of flash a step.
typedef struct tinyiree_step_t {
    uint8_t kind;
    uint8_t binding_count;
    uint16_t entry;         // export ordinal
    uint16_t first_binding; // index into `bindings`
    uint16_t first_word;    // index into `words`
} tinyiree_step_t;

// A model input or output: a range of the arena, in bytes.
typedef struct tinyiree_io_t {
    uint32_t offset;
    uint32_t bytes;
} tinyiree_io_t;

// A compiled model: constants in flash, written by the code generator.
typedef struct tinyiree_program_t {
    tinyiree_library_query_fn_t query; // NULL if no step is a dispatch
    const tinyiree_step_t *steps;
    const size_t *bindings;                // offsets and lengths, in bytes; steps may share runs
    const uint32_t *words;                 // grids, constants and patterns; NULL if there are none
    const tinyiree_kernel_call_t *kernels; // NULL if there are none
    const tinyiree_io_t *io;               // inputs, then outputs
    uint32_t arena_bytes;
    uint16_t arena_alignment; // in bytes, a power of two
    uint16_t step_count;
    uint16_t kernel_count;
    uint8_t input_count;
    uint8_t output_count;
    // Variables, which keep their values from one inference to the next, are the arena's last
    // bytes: no other tensor lies there.
    uint32_t state_bytes;
    uint32_t initial_state_bytes; // the variables' other bytes start as zeros
    const uint8_t *initial_state; // NULL if all do
    const uint32_t *bank_bytes;   // of the banks behind the first one; NULL if there are none
    uint8_t more_banks;           // how many these are
} tinyiree_program_t;

// A model in use. Set by tinyiree_init; the members are private.
typedef struct tinyiree_model_t {
    const tinyiree_program_t *program;
    const tinyiree_dispatch_fn_t *functions;
    void *arena[TINYIREE_MAX_BANKS];
} tinyiree_model_t;

// Where an offset of a program's tables lies. That of bank b is b * 2^30 more than the distance
// from the start of the bank's arena, which may be negative.
static inline void *tinyiree_address(void *const *banks, uint32_t offset) {
#if TINYIREE_MAX_BANKS > 1
    const uint32_t bank = (offset + 0x20000000u) >> 30;
    return (uint8_t *)banks[bank] + (int32_t)(offset - (bank << 30));
#else
    return (uint8_t *)banks[0] + (int32_t)offset;
#endif
}

// Binds a program to an arena of `arena_bytes`, which stays the model's until its last use.
// Checks the library's ABI and that every dispatch exists, so that a later invoke cannot meet a
// missing one, and gives the model's variables their initial values. On failure the model is left
// uninitialized.
tinyiree_status_t tinyiree_init(tinyiree_model_t *model, const tinyiree_program_t *program,
                                void *arena, size_t arena_bytes);

#if TINYIREE_MAX_BANKS > 1
// The same for a program in several banks: an arena and its size for each.
tinyiree_status_t tinyiree_init_banks(tinyiree_model_t *model, const tinyiree_program_t *program,
                                      void *const *arenas, const size_t *arena_bytes);
#endif

// Starts a new stream: gives the variables of a model with state their initial values.
tinyiree_status_t tinyiree_reset(tinyiree_model_t *model);

// Runs one inference: inputs are read from, outputs are left in the arena. Inputs may have been
// overwritten when it returns.
tinyiree_status_t tinyiree_invoke(tinyiree_model_t *model);

// Address of a byte of the arena; NULL if the model is not initialized or `offset` is outside.
void *tinyiree_at(const tinyiree_model_t *model, size_t offset);

#ifdef __cplusplus
}
#endif

#endif // TINYIREE_H_
