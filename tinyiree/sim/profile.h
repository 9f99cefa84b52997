/* How often each basic block of the first inference ran, and was left by a jump.
 *
 * Blocks are told apart by the layer call that they ran for, as two layers may share a function.
 */
#ifndef TINYIREE_SIM_PROFILE_H_
#define TINYIREE_SIM_PROFILE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROFILE_RUNTIME UINT32_MAX /* `call` of blocks outside of layers */

/* Mirrored by tracer.py. */
typedef struct {
    uint32_t call;
    uint32_t address;
    uint32_t end;
    uint64_t executions;
    uint64_t taken; /* the next block did not start at `end` */
} profile_count_t;

typedef struct {
    profile_count_t *counts;
    size_t count, capacity;
    uint32_t *table; /* open addressing: index of a count + 1, or 0 */
    size_t table_size;
    size_t last; /* index of the newest block's count */
    bool has_last;
} profile_t;

static inline void profile_deinit(profile_t *p) {
    free(p->counts);
    free(p->table);
}

static inline uint32_t *profile_slot(const profile_t *p, uint32_t call, uint32_t address,
                                     uint32_t end) {
    size_t at = (address ^ call * 0x9E3779B1u) * 0x85EBCA6Bu >> 7;
    for (;; at++) {
        uint32_t *slot = &p->table[at % p->table_size];
        if (*slot == 0)
            return slot;
        const profile_count_t *c = &p->counts[*slot - 1];
        if (c->address == address && c->call == call && c->end == end)
            return slot;
    }
}

/* Doubles the room; false when the host has no memory left. */
static inline bool profile_grow(profile_t *p) {
    const size_t capacity = p->capacity ? 2 * p->capacity : 1024;
    profile_count_t *counts = realloc(p->counts, capacity * sizeof *counts);
    if (!counts)
        return false;
    p->counts = counts;
    uint32_t *table = calloc(4 * capacity, sizeof *table);
    if (!table)
        return false;
    free(p->table);
    p->table = table;
    p->capacity = capacity;
    p->table_size = 4 * capacity;
    for (size_t i = 0; i < p->count; i++)
        *profile_slot(p, counts[i].call, counts[i].address, counts[i].end) = (uint32_t)i + 1;
    return true;
}

/* The block after the newest one starts at `address`. */
static inline void profile_leave(profile_t *p, uint32_t address) {
    if (p->has_last && p->counts[p->last].end != address)
        p->counts[p->last].taken++;
    p->has_last = false;
}

/* Called before a block of the inference runs; false when the host has no memory left. */
static inline bool profile_enter(profile_t *p, uint32_t call, uint32_t address, uint32_t end) {
    profile_leave(p, address);
    if (p->count == p->capacity && !profile_grow(p))
        return false;
    uint32_t *slot = profile_slot(p, call, address, end);
    if (*slot == 0) {
        p->counts[p->count++] = (profile_count_t){call, address, end, 0, 0};
        *slot = (uint32_t)p->count;
    }
    p->last = *slot - 1;
    p->has_last = true;
    p->counts[p->last].executions++;
    return true;
}

#endif /* TINYIREE_SIM_PROFILE_H_ */
