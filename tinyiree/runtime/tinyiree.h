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
    uint32_t rows; // of the whole output
} tinyiree_kernel_call_t;

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
} tinyiree_program_t;

// A model in use. Set by tinyiree_init; the members are private.
typedef struct tinyiree_model_t {
    const tinyiree_program_t *program;
    const tinyiree_dispatch_fn_t *functions;
    uint8_t *arena;
} tinyiree_model_t;

// Binds a program to an arena of `arena_bytes`, which stays the model's until its last use.
// Checks the library's ABI and that every dispatch exists, so that a later invoke cannot meet a
// missing one. On failure the model is left uninitialized.
tinyiree_status_t tinyiree_init(tinyiree_model_t *model, const tinyiree_program_t *program,
                                void *arena, size_t arena_bytes);

// Runs one inference: inputs are read from, outputs are left in the arena. Inputs may have been
// overwritten when it returns.
tinyiree_status_t tinyiree_invoke(tinyiree_model_t *model);

// Address of a byte of the arena; NULL if the model is not initialized or `offset` is outside.
void *tinyiree_at(const tinyiree_model_t *model, size_t offset);

#ifdef __cplusplus
}
#endif

#endif // TINYIREE_H_
