/* The hooks that Unicorn calls: instruction counts, and the reason why a run stopped.
 *
 * Compiled for the host at first use (native.py) and registered by unicorn_run.py. Unicorn's own
 * functions arrive as pointers, so nothing is linked.
 */
#include "attribution.h"

#define EXPORT        __attribute__((visibility("default")))
#define CACHE_ENTRIES 65536u

typedef int (*mem_read_fn_t)(void *uc, uint64_t address, void *bytes, size_t size);
typedef int (*emu_stop_fn_t)(void *uc);

/* Mirrored by unicorn_run.py. */
typedef struct {
    uint64_t harness_instructions;
    uint64_t inference_count;
    const attribution_inference_t *inferences;
    const uint64_t *layers;
    const uint32_t *stack;
    const profile_count_t *profile;
    uint64_t profile_count;
    uint32_t depth;
    uint32_t pc;
    uint32_t status;
    uint32_t interrupt; /* exception number + 1, or 0 */
    uint32_t access;    /* Unicorn's memory access type, or 0 */
    uint32_t access_address;
    uint32_t access_size;
} tracer_summary_t;

typedef struct {
    attribution_t attribution;
    mem_read_fn_t mem_read;
    emu_stop_fn_t emu_stop;
    tracer_summary_t summary;
    attribution_block_t cache[CACHE_ENTRIES];
    uint8_t code[65536]; /* Unicorn's block sizes are 16 bit */
} tracer_t;

EXPORT tracer_t *tinyiree_tracer_new(int isa, uint32_t entry, uint32_t invoke,
                                     const uint32_t *steps, size_t step_count, uint64_t limit,
                                     void *mem_read, void *emu_stop) {
    tracer_t *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    memcpy(&t->mem_read, &mem_read, sizeof mem_read);
    memcpy(&t->emu_stop, &emu_stop, sizeof emu_stop);
    if (attribution_init(&t->attribution, isa ? ATTRIBUTION_RISCV : ATTRIBUTION_ARM, entry, invoke,
                         steps, step_count, limit))
        return t;
    attribution_deinit(&t->attribution);
    free(t);
    return NULL;
}

EXPORT void tinyiree_tracer_free(tracer_t *t) {
    attribution_deinit(&t->attribution);
    free(t);
}

/* Code is taken not to change during a run: it lies in flash. */
static void decode(tracer_t *t, void *uc, attribution_block_t *b, uint32_t address, uint32_t size) {
    if (size > sizeof t->code || t->mem_read(uc, address, t->code, size))
        size = 0;
    uint32_t at = 0, last = 0, count = 0;
    while (at + 2 <= size) {
        last = at;
        at += attribution_instruction_size(t->attribution.isa,
                                           t->code[at] | (uint32_t)t->code[at + 1] << 8);
        count++;
    }
    attribution_describe(&t->attribution, b, address, size, t->code + last, size - last);
    b->instructions = count;
}

/* UC_HOOK_BLOCK */
EXPORT void tinyiree_tracer_on_block(void *uc, uint64_t address, uint32_t size, void *user) {
    tracer_t *t = user;
    const uint32_t start = (uint32_t)address & ~UINT32_C(1);
    attribution_block_t *b = &t->cache[(start >> 1) % CACHE_ENTRIES];
    if (b->address != start || b->end - start != size || !b->instructions)
        decode(t, uc, b, start, size);
    if (attribution_enter(&t->attribution, b) != ATTRIBUTION_OK)
        t->emu_stop(uc);
}

/* UC_HOOK_INTR */
EXPORT void tinyiree_tracer_on_interrupt(void *uc, uint32_t number, void *user) {
    tracer_t *t = user;
    t->summary.interrupt = number + 1;
    t->emu_stop(uc);
}

/* UC_HOOK_MEM_INVALID */
EXPORT bool tinyiree_tracer_on_bad_access(void *uc, int type, uint64_t address, int size,
                                          int64_t value, void *user) {
    tracer_t *t = user;
    (void)uc;
    (void)value;
    t->summary.access = (uint32_t)type;
    t->summary.access_address = (uint32_t)address;
    t->summary.access_size = (uint32_t)size;
    return false;
}

/* Forgets the exception that stopped the run, before it goes on. */
EXPORT void tinyiree_tracer_resume(tracer_t *t) {
    t->summary.interrupt = 0;
}

EXPORT const tracer_summary_t *tinyiree_tracer_summary(tracer_t *t) {
    const attribution_t *a = &t->attribution;
    t->summary.harness_instructions = a->harness;
    t->summary.inference_count = a->inference_count;
    t->summary.inferences = a->inferences;
    t->summary.layers = a->layers;
    t->summary.stack = a->stack;
    t->summary.profile = a->profile.counts;
    t->summary.profile_count = a->profile.count;
    t->summary.depth = a->depth;
    t->summary.pc = a->pc;
    t->summary.status = a->status;
    return &t->summary;
}

EXPORT void tinyiree_tracer_finish(tracer_t *t) {
    attribution_finish(&t->attribution);
}
