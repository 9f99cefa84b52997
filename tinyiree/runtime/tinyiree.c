#include "tinyiree.h"

// Declared here, as <string.h> is not among the headers that a freestanding compiler has.
void *memmove(void *target, const void *source, size_t bytes);
void *memset(void *target, int value, size_t bytes);

static const tinyiree_environment_t k_environment;

const char *tinyiree_status_string(tinyiree_status_t status) {
    // One string with terminators inside costs no table of pointers.
    const char *text = "ok\0"
                       "null pointer\0"
                       "arena too small\0"
                       "arena misaligned\0"
                       "ABI mismatch\0"
                       "not initialized\0"
                       "dispatch failed\0"
                       "unknown status";
    unsigned left = (unsigned)status;
    if (left > TINYIREE_ERROR_DISPATCH)
        left = TINYIREE_ERROR_DISPATCH + 1u;
    for (; left > 0; --left) {
        while (*text++ != '\0') {
        }
    }
    return text;
}

static tinyiree_status_t find_functions(const tinyiree_program_t *program,
                                        const tinyiree_dispatch_fn_t **functions) {
    uint32_t count = 0;
    if (program->query != NULL) {
        const tinyiree_library_header_t **found =
            program->query(TINYIREE_IREE_ABI_VERSION, &k_environment);
        if (found == NULL)
            return TINYIREE_ERROR_ABI_MISMATCH;
        // The header pointer is the first member of the library (IREE's ABI).
        const tinyiree_library_t *library = (const tinyiree_library_t *)(const void *)found;
        if (library->header == NULL || library->header->version != TINYIREE_IREE_ABI_VERSION) {
            return TINYIREE_ERROR_ABI_MISMATCH;
        }
        count = library->export_count;
        *functions = library->export_functions;
    }
    for (uint32_t i = 0; i < program->step_count; ++i) {
        const tinyiree_step_t *step = &program->steps[i];
        if (step->kind > TINYIREE_COPY || step->binding_count > TINYIREE_MAX_BINDINGS) {
            return TINYIREE_ERROR_ABI_MISMATCH;
        }
        if (step->kind <= TINYIREE_DISPATCH_GRID &&
            (step->entry >= count || (*functions)[step->entry] == NULL)) {
            return TINYIREE_ERROR_DISPATCH;
        }
        if (step->kind == TINYIREE_KERNEL && step->entry >= program->kernel_count)
            return TINYIREE_ERROR_DISPATCH;
    }
    return TINYIREE_OK;
}

static tinyiree_status_t check_arena(const tinyiree_program_t *program, const void *arena,
                                     size_t bytes, size_t needed) {
    if (arena == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    if (bytes < needed)
        return TINYIREE_ERROR_ARENA_TOO_SMALL;
    if (((uintptr_t)arena & (program->arena_alignment - 1u)) != 0)
        return TINYIREE_ERROR_ARENA_MISALIGNED;
    return TINYIREE_OK;
}

tinyiree_status_t tinyiree_init(tinyiree_model_t *model, const tinyiree_program_t *program,
                                void *arena, size_t arena_bytes) {
    if (model == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    model->program = NULL;
    model->functions = NULL;
    if (program == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
#if TINYIREE_MAX_BANKS > 1
    // A program in several banks has an init of its own.
    if (program->more_banks != 0)
        return TINYIREE_ERROR_ABI_MISMATCH;
#endif
    tinyiree_status_t status = check_arena(program, arena, arena_bytes, program->arena_bytes);
    if (status == TINYIREE_OK)
        status = find_functions(program, &model->functions);
    if (status != TINYIREE_OK)
        return status;
    model->program = program;
    model->arena[0] = arena;
    return tinyiree_reset(model);
}

#if TINYIREE_MAX_BANKS > 1
tinyiree_status_t tinyiree_init_banks(tinyiree_model_t *model, const tinyiree_program_t *program,
                                      void *const *arenas, const size_t *arena_bytes) {
    if (model == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    model->program = NULL;
    model->functions = NULL;
    if (program == NULL || arenas == NULL || arena_bytes == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    if (program->more_banks >= TINYIREE_MAX_BANKS)
        return TINYIREE_ERROR_ABI_MISMATCH;
    tinyiree_status_t status = find_functions(program, &model->functions);
    for (unsigned i = 0; i <= program->more_banks && status == TINYIREE_OK; ++i) {
        const size_t needed = i == 0 ? program->arena_bytes : program->bank_bytes[i - 1];
        status = check_arena(program, arenas[i], arena_bytes[i], needed);
        model->arena[i] = arenas[i];
    }
    if (status != TINYIREE_OK)
        return status;
    model->program = program;
    return tinyiree_reset(model);
}
#endif

tinyiree_status_t tinyiree_reset(tinyiree_model_t *model) {
    if (model == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    const tinyiree_program_t *program = model->program;
    if (program == NULL)
        return TINYIREE_ERROR_NOT_INITIALIZED;
    uint8_t *state = (uint8_t *)model->arena[0] + (program->arena_bytes - program->state_bytes);
    memset(state, 0, program->state_bytes);
    if (program->initial_state != NULL)
        memmove(state, program->initial_state, program->initial_state_bytes);
    return TINYIREE_OK;
}

static void fill(uint8_t *target, size_t bytes, uint32_t pattern) {
    if (pattern == (pattern & 0xFFu) * 0x01010101u) {
        memset(target, (int)(pattern & 0xFFu), bytes);
        return;
    }
    for (size_t i = 0; i < bytes; ++i)
        target[i] = (uint8_t)(pattern >> (8u * (i & 3u)));
}

// Calls the dispatch for each workgroup, x fastest. `words` as for TINYIREE_DISPATCH_GRID. Leaves
// the workgroup ids and, on success, the state as one workgroup without constants needs them.
// Kept out of line, so that it takes no registers from the loop over the steps.
__attribute__((noinline)) static int run_grid(tinyiree_dispatch_fn_t function,
                                              tinyiree_dispatch_state_t *state,
                                              tinyiree_workgroup_state_t *group,
                                              const uint32_t *words) {
    state->workgroup_count_x = words[0];
    state->workgroup_count_y = words[1];
    state->workgroup_count_z = (uint16_t)words[2];
    state->constant_count = (uint16_t)words[3];
    state->constants = words + 4;
    for (;;) {
        const int failure = function(&k_environment, state, group);
        if (failure != 0)
            return failure;
        if (++group->workgroup_id_x < state->workgroup_count_x)
            continue;
        group->workgroup_id_x = 0;
        if (++group->workgroup_id_y < state->workgroup_count_y)
            continue;
        group->workgroup_id_y = 0;
        if (++group->workgroup_id_z >= state->workgroup_count_z)
            break;
    }
    group->workgroup_id_z = 0;
    state->workgroup_count_x = 1;
    state->workgroup_count_y = 1;
    state->workgroup_count_z = 1;
    state->constant_count = 0;
    return 0;
}

// Out of line for the same reason.
__attribute__((noinline)) static void run_rows(const tinyiree_kernel_call_t *call,
                                               void *const *pointers) {
    for (uint32_t last = call->rows, first; last > 0; last = first) {
        first = last > call->chunk ? last - call->chunk : 0;
        call->function(call->params, pointers, first, last);
    }
}

// Where an offset of the tables lies, given `arena`.
#if TINYIREE_MAX_BANKS > 1
#define AT(offset) (uint8_t *)tinyiree_address(arena, (uint32_t)(offset))
#else
#define AT(offset) (arena + (offset))
#endif

tinyiree_status_t tinyiree_invoke(tinyiree_model_t *model) {
    if (model == NULL)
        return TINYIREE_ERROR_NULL_POINTER;
    const tinyiree_program_t *program = model->program;
    if (program == NULL)
        return TINYIREE_ERROR_NOT_INITIALIZED;
#if TINYIREE_MAX_BANKS > 1
    void *const *arena = model->arena;
#else
    uint8_t *arena = (uint8_t *)model->arena[0];
#endif
    const tinyiree_dispatch_fn_t *functions = model->functions;
    void *pointers[TINYIREE_MAX_BINDINGS];
    tinyiree_workgroup_state_t group = {0, 0, 0, 0, 0, NULL, 0};
    tinyiree_dispatch_state_t state = {1, 1, 1, 0, 1, 1, 1, 1, 0, NULL, pointers, NULL};
    const tinyiree_step_t *step = program->steps;
    const tinyiree_step_t *end = step + program->step_count;
    for (; step != end; ++step) {
        const size_t *binding = program->bindings + step->first_binding;
        if (step->kind <= TINYIREE_DISPATCH_GRID) {
            const unsigned count = step->binding_count;
            for (unsigned i = 0; i < count; ++i)
                pointers[i] = AT(*binding++);
            state.binding_count = (uint8_t)count;
            state.binding_lengths = binding;
            const tinyiree_dispatch_fn_t function = functions[step->entry];
            const int failure =
                step->kind == TINYIREE_DISPATCH
                    ? function(&k_environment, &state, &group)
                    : run_grid(function, &state, &group, program->words + step->first_word);
            if (failure != 0)
                return TINYIREE_ERROR_DISPATCH;
        } else if (step->kind == TINYIREE_KERNEL) {
            const tinyiree_kernel_call_t *call = &program->kernels[step->entry];
            for (unsigned i = 0; i < step->binding_count; ++i)
                pointers[i] = AT(binding[i]);
            run_rows(call, pointers);
        } else if (step->kind == TINYIREE_FILL) {
            fill(AT(binding[0]), binding[step->binding_count], program->words[step->first_word]);
        } else {
            memmove(AT(binding[1]), AT(binding[0]), binding[step->binding_count]);
        }
    }
    return TINYIREE_OK;
}

void *tinyiree_at(const tinyiree_model_t *model, size_t offset) {
    if (model == NULL || model->program == NULL)
        return NULL;
#if TINYIREE_MAX_BANKS > 1
    const unsigned bank = (unsigned)(offset >> 30);
    if (bank > model->program->more_banks)
        return NULL;
    const uint32_t bytes =
        bank == 0 ? model->program->arena_bytes : model->program->bank_bytes[bank - 1];
    return (offset & 0x3FFFFFFFu) < bytes ? tinyiree_address(model->arena, (uint32_t)offset) : NULL;
#else
    return offset < model->program->arena_bytes ? (uint8_t *)model->arena[0] + offset : NULL;
#endif
}
