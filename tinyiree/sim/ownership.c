/* The hooks that Unicorn calls to know which tensor wrote every byte of an arena last.
 *
 * Compiled for the host at first use (native.py) and registered by ownership.py, which mirrors the
 * structs.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT         __attribute__((visibility("default")))
#define MAX_VIOLATIONS 16u

enum { READ = 0, WRITTEN = 1, SCRATCH = 2 };
enum { FOREIGN_READ = 0, STRAY_WRITE = 1 };

/* Bytes [start, end) of the arena that a step uses as those of a tensor. */
typedef struct {
    uint32_t start, end;
    uint16_t tensor; /* from 1 on: 0 is nobody */
    uint8_t role;
    uint8_t spare; /* bytes behind `end` that may be read, whoever wrote them */
} ownership_span_t;

typedef struct {
    uint32_t entry; /* of its function; 0: the runtime itself does it */
    uint32_t calls;
    uint32_t first_span, span_count;
    uint32_t
        compiled; /* by IREE: it may read what it wrote, and the rest of a tensor's last word */
} ownership_step_t;

typedef struct {
    uint32_t start, end;
} ownership_range_t;

typedef struct {
    uint32_t kind, step, offset, owner, pc;
} ownership_violation_t;

typedef struct {
    uint32_t arena, bytes, invoke, invoke_end;
    const ownership_step_t *steps;
    uint32_t step_count;
    const ownership_span_t *spans;
    const ownership_span_t *kept; /* inputs and state: theirs when an inference begins */
    uint32_t kept_count;
    const ownership_range_t *rereaders; /* code that may read what its step wrote */
    uint32_t rereader_count;
    const ownership_range_t *runtimes; /* more code of the runtime that calls steps */
    uint32_t runtime_count;
} ownership_plan_t;

typedef struct {
    ownership_plan_t plan;
    uint16_t *owners;
    uint32_t step, calls, pc, inferences;
    bool in_step, active;
    uint32_t violation_count;
    ownership_violation_t violations[MAX_VIOLATIONS];
} ownership_t;

EXPORT ownership_t *tinyiree_ownership_new(const ownership_plan_t *plan) {
    ownership_t *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->plan = *plan;
    t->owners = calloc(plan->bytes ? plan->bytes : 1, sizeof *t->owners);
    if (t->owners)
        return t;
    free(t);
    return NULL;
}

EXPORT void tinyiree_ownership_free(ownership_t *t) {
    free(t->owners);
    free(t);
}

EXPORT uint32_t tinyiree_ownership_violations(const ownership_t *t,
                                              const ownership_violation_t **found) {
    *found = t->violations;
    return t->violation_count;
}

EXPORT uint32_t tinyiree_ownership_steps_done(const ownership_t *t) {
    return t->step;
}

EXPORT const uint16_t *tinyiree_ownership_owners(const ownership_t *t) {
    return t->owners;
}

static void violation(ownership_t *t, uint32_t kind, uint32_t offset) {
    if (t->violation_count < MAX_VIOLATIONS)
        t->violations[t->violation_count++] =
            (ownership_violation_t){kind, t->step, offset, t->owners[offset], t->pc};
}

static void begin(ownership_t *t) {
    memset(t->owners, 0, t->plan.bytes * sizeof *t->owners);
    for (uint32_t i = 0; i < t->plan.kept_count; ++i)
        for (uint32_t at = t->plan.kept[i].start; at < t->plan.kept[i].end; ++at)
            t->owners[at] = t->plan.kept[i].tensor;
    t->step = t->calls = 0;
    t->in_step = false;
    t->active = true;
    t->inferences++;
}

static bool in_runtime(const ownership_plan_t *p, uint32_t pc) {
    if (pc >= p->invoke && pc < p->invoke_end)
        return true;
    for (uint32_t i = 0; i < p->runtime_count; ++i)
        if (pc >= p->runtimes[i].start && pc < p->runtimes[i].end)
            return true;
    return false;
}

/* UC_HOOK_BLOCK */
EXPORT void tinyiree_ownership_on_block(void *uc, uint64_t address, uint32_t size, void *user) {
    ownership_t *t = user;
    const ownership_plan_t *p = &t->plan;
    const uint32_t pc = (uint32_t)address & ~UINT32_C(1);
    (void)uc;
    (void)size;
    t->pc = pc;
    if (pc == p->invoke) {
        begin(t);
    } else if (t->in_step) {
        if (pc == p->steps[t->step].entry) {
            t->calls++;
        } else if (in_runtime(p, pc)) {
            t->in_step = false;
            if (t->calls >= p->steps[t->step].calls) {
                t->step++;
                t->calls = 0;
            }
        }
    } else if (t->active) {
        uint32_t next = t->step;
        while (next < p->step_count && p->steps[next].entry == 0)
            next++;
        if (next < p->step_count && p->steps[next].entry == pc) {
            t->step = next;
            t->calls++;
            t->in_step = true;
        }
    }
}

/* The spans of the current step; of all that the runtime does in a row, when it is the runtime. */
static void current(const ownership_t *t, uint32_t *first, uint32_t *end) {
    const ownership_plan_t *p = &t->plan;
    *first = *end = 0;
    if (t->step >= p->step_count)
        return;
    *first = p->steps[t->step].first_span;
    uint32_t last = t->step;
    if (!t->in_step)
        while (last < p->step_count && p->steps[last].entry == 0)
            last++;
    else
        last++;
    *end = last == t->step ? *first : p->steps[last - 1].first_span + p->steps[last - 1].span_count;
}

static bool may_reread(const ownership_t *t) {
    const ownership_plan_t *p = &t->plan;
    if (!t->in_step || p->steps[t->step].compiled)
        return true;
    for (uint32_t i = 0; i < p->rereader_count; ++i)
        if (t->pc >= p->rereaders[i].start && t->pc < p->rereaders[i].end)
            return true;
    return false;
}

/* Scratch may also be read where nobody wrote to it: what is multiplied by zero needs no value. */
static bool may_read(const ownership_t *t, uint32_t offset) {
    uint32_t first, end;
    bool scratch = false, known = false;
    const bool compiled = t->in_step && t->plan.steps[t->step].compiled;
    current(t, &first, &end);
    for (uint32_t i = first; i < end; ++i) {
        const ownership_span_t *s = &t->plan.spans[i];
        const bool own = s->tensor == t->owners[offset];
        known |= own;
        if (compiled && offset >= s->end && offset < ((s->end + 7) & ~UINT32_C(7)))
            return true;
        if (offset >= s->end && offset < s->end + s->spare)
            return true;
        if (offset < s->start || offset >= s->end)
            continue;
        if (own && (s->role != WRITTEN || may_reread(t)))
            return true;
        scratch |= s->role == SCRATCH;
    }
    return scratch && !known;
}

/* UC_HOOK_MEM_READ */
EXPORT void tinyiree_ownership_on_read(void *uc, int type, uint64_t address, int size,
                                       int64_t value, void *user) {
    ownership_t *t = user;
    (void)uc;
    (void)type;
    (void)value;
    for (int i = 0; t->active && i < size; ++i) {
        const uint32_t offset = (uint32_t)address - t->plan.arena + (uint32_t)i;
        if (offset < t->plan.bytes && !may_read(t, offset))
            violation(t, FOREIGN_READ, offset);
    }
}

/* UC_HOOK_MEM_WRITE */
EXPORT void tinyiree_ownership_on_write(void *uc, int type, uint64_t address, int size,
                                        int64_t value, void *user) {
    ownership_t *t = user;
    uint32_t first, end;
    (void)uc;
    (void)type;
    (void)value;
    current(t, &first, &end);
    for (int i = 0; t->active && i < size; ++i) {
        const uint32_t offset = (uint32_t)address - t->plan.arena + (uint32_t)i;
        if (offset >= t->plan.bytes)
            continue;
        uint32_t at = first;
        while (at < end && (t->plan.spans[at].role == READ || offset < t->plan.spans[at].start ||
                            offset >= t->plan.spans[at].end))
            at++;
        if (at < end)
            t->owners[offset] = t->plan.spans[at].tensor;
        else
            violation(t, STRAY_WRITE, offset);
    }
}
