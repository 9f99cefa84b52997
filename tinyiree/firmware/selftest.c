// Runs a program on every sample that the simulator's host hands in.
//
// tinyiree.in   per sample: the bytes of all inputs, in order
// tinyiree.out  per sample: int32 status, uint32 stack bytes of invoke, the bytes of all outputs
//
// Memory: the arena and the stack; inputs are read straight into the arena.
// Defined by the build: TINYIREE_SELFTEST_HEADER, TINYIREE_SELFTEST_PROGRAM (name of the program),
// TINYIREE_SELFTEST_ARENA_BYTES.

#include TINYIREE_SELFTEST_HEADER
#include "semihosting.h"
#include "startup.h"
#include "tinyiree.h"

#define PAINT 0x5AC3A53Cu
// Words at the stack's end that must keep their paint: an overflow would be seen in them.
#define GUARD_WORDS 16

__attribute__((section(
    ".bss.tinyiree_arena"))) TINYIREE_ALIGNED static uint8_t arena[TINYIREE_SELFTEST_ARENA_BYTES];
__attribute__((section(".bss.tinyiree_model"))) static tinyiree_model_t model;

static int fail(const char *what, const char *why) {
    semihosting_print("tinyiree: ");
    semihosting_print(what);
    semihosting_print(": ");
    semihosting_print(why);
    semihosting_print("\n");
    return 0;
}

// One inference. Its stack is painted below this frame before, and searched for the first changed
// word after, so that the result counts the frame of tinyiree_invoke and all that it calls. The
// loops are inline: no call may lie between reading the stack pointer and tinyiree_invoke.
__attribute__((noinline)) static tinyiree_status_t measured_invoke(uint32_t *stack_bytes) {
    volatile uint32_t *top;
#if defined(__arm__)
    __asm__ volatile("mov %0, sp" : "=r"(top));
#else
    __asm__ volatile("mv %0, sp" : "=r"(top));
#endif
    for (volatile uint32_t *word = tinyiree_stack_limit; word < top; ++word)
        *word = PAINT;
    const tinyiree_status_t status = tinyiree_invoke(&model);
    volatile uint32_t *lowest = tinyiree_stack_limit;
    while (lowest < top && *lowest == PAINT)
        ++lowest;
    *stack_bytes = (uint32_t)((uintptr_t)top - (uintptr_t)lowest);
    return lowest < tinyiree_stack_limit + GUARD_WORDS ? (tinyiree_status_t)-1 : status;
}

// Reads one sample. Returns 1 when it is whole, 0 at the end of the file, -1 when it is cut short.
static int read_inputs(int32_t file, const tinyiree_program_t *program) {
    for (unsigned i = 0; i < program->input_count; ++i) {
        const tinyiree_io_t *io = &program->io[i];
        uint32_t missing = io->bytes;
        // A host may return less than it has: only a read of nothing is the end of the file.
        while (missing > 0) {
            uint8_t *start = (uint8_t *)tinyiree_address(model.arena, io->offset);
            void *target = start + (io->bytes - missing);
            const uint32_t left = semihosting_read(file, target, missing);
            if (left >= missing)
                return i == 0 && missing == io->bytes ? 0 : -1;
            missing = left;
        }
    }
    return 1;
}

static int write_record(int32_t file, const tinyiree_program_t *program, int32_t status,
                        uint32_t stack_bytes) {
    uint32_t missing = semihosting_write(file, &status, sizeof status);
    missing += semihosting_write(file, &stack_bytes, sizeof stack_bytes);
    for (unsigned i = 0; i < program->output_count; ++i) {
        const tinyiree_io_t *io = &program->io[program->input_count + i];
        const void *start = tinyiree_address(model.arena, io->offset);
        missing += semihosting_write(file, start, io->bytes);
    }
    return missing == 0;
}

int tinyiree_selftest(void) {
    const tinyiree_program_t *program = &TINYIREE_SELFTEST_PROGRAM;
#if TINYIREE_MAX_BANKS > 1
    // The arenas of all banks follow each other.
    void *arenas[TINYIREE_MAX_BANKS] = {arena};
    size_t bytes[TINYIREE_MAX_BANKS] = {program->arena_bytes};
    for (unsigned i = 0; i < program->more_banks; ++i) {
        arenas[i + 1] = (uint8_t *)arenas[i] + bytes[i];
        bytes[i + 1] = program->bank_bytes[i];
    }
    const tinyiree_status_t status = tinyiree_init_banks(&model, program, arenas, bytes);
#else
    const tinyiree_status_t status = tinyiree_init(&model, program, arena, sizeof arena);
#endif
    if (status != TINYIREE_OK) {
        semihosting_print("tinyiree: init: status ");
        semihosting_print_unsigned((uint32_t)status);
        semihosting_print("\n");
        return 0;
    }
    const int32_t input = semihosting_open("tinyiree.in", SEMIHOSTING_READ_BINARY);
    if (input < 0)
        return fail("tinyiree.in", "cannot be opened");
    const int32_t output = semihosting_open("tinyiree.out", SEMIHOSTING_WRITE_BINARY);
    if (output < 0)
        return fail("tinyiree.out", "cannot be opened");
    uint32_t count = 0;
    for (;;) {
        const int whole = program->input_count > 0 ? read_inputs(input, program) : count == 0;
        if (whole < 0)
            return fail("tinyiree.in", "ends within a sample");
        if (whole == 0)
            break;
        uint32_t stack_bytes = 0;
        const int32_t result = (int32_t)measured_invoke(&stack_bytes);
        if (result < 0)
            return fail("stack", "overflow; give the self-test a larger one");
        if (!write_record(output, program, result, stack_bytes)) {
            return fail("tinyiree.out", "cannot be written");
        }
        ++count;
    }
    semihosting_close(output);
    semihosting_close(input);
    semihosting_print("tinyiree: ");
    semihosting_print_unsigned(count);
    semihosting_print(" inferences\n");
    return 1;
}
