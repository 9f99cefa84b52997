/* Instruction counts per layer, from the stream of executed basic blocks.
 *
 * One state machine serves both simulators (tracer.c for Unicorn, qemu_plugin.c for QEMU), so that
 * they cannot disagree about what belongs to a layer. It sees only the start address, the length
 * and the last instruction of each block:
 *
 *   - a block that ends in a call pushes its end address, the return address, on a shadow stack;
 *   - a block that starts at the top of that stack is the return, and pops it;
 *   - the inference is open from the block at `invoke` until the stack is lower than it was there,
 *     a layer from the block at one of `steps` until the stack is lower than it was there.
 *
 * No register is read (QEMU's plugin API version 1 cannot), tail calls are attributed right, and
 * the shadow stack names the callers when a run fails. Instruction encodings: Armv8-M ARM
 * (DDI0553) C2.2 and C2.4; RISC-V unprivileged ISA 20191213, 1.5, 2.5, 16.2 and 16.5.
 */
#ifndef TINYIREE_SIM_ATTRIBUTION_H_
#define TINYIREE_SIM_ATTRIBUTION_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

#define ATTRIBUTION_STACK_DEPTH 65536u

typedef enum { ATTRIBUTION_ARM = 0, ATTRIBUTION_RISCV = 1 } attribution_isa_t;

typedef enum {
    ATTRIBUTION_OK = 0,
    ATTRIBUTION_LIMIT = 1,         /* more instructions than allowed in one inference */
    ATTRIBUTION_CALL_DEPTH = 2,    /* the shadow stack is full */
    ATTRIBUTION_OUT_OF_MEMORY = 3, /* of the host */
} attribution_status_t;

/* What is known about a block before it runs. */
typedef struct {
    uint32_t address;
    uint32_t end;
    uint32_t instructions;
    bool ends_in_call;
    bool ends_in_return; /* or in another indirect jump */
    bool is_marked;      /* starts at the entry, at invoke or at a step */
} attribution_block_t;

typedef struct {
    uint64_t instructions;
    uint64_t runtime_instructions;
    uint64_t first_layer; /* index into attribution_t.layers */
    uint64_t layer_count;
} attribution_inference_t;

typedef struct {
    attribution_isa_t isa;
    uint32_t entry;
    uint32_t invoke;
    uint32_t *steps; /* sorted */
    size_t step_count;
    uint64_t limit;

    attribution_status_t status;
    bool started;
    uint32_t pc;    /* start of the newest block */
    uint64_t spent; /* since the last border between harness and inference */
    uint64_t harness;

    uint32_t *stack;
    uint32_t depth;
    uint32_t pending_return; /* the newest block ended in a call */
    bool has_pending_return;
    bool was_return;

    bool in_inference;
    uint32_t inference_depth;
    bool in_layer;
    uint32_t layer_depth;

    attribution_inference_t *inferences;
    size_t inference_count, inference_capacity;
    uint64_t *layers;
    size_t layer_count, layer_capacity;
    profile_t profile; /* of the first inference */
} attribution_t;

static inline int attribution_compare_u32(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static inline bool attribution_init(attribution_t *t, attribution_isa_t isa, uint32_t entry,
                                    uint32_t invoke, const uint32_t *steps, size_t step_count,
                                    uint64_t limit) {
    memset(t, 0, sizeof *t);
    t->isa = isa;
    t->entry = entry;
    t->invoke = invoke;
    t->limit = limit;
    t->step_count = step_count;
    t->steps = malloc((step_count + 1) * sizeof *t->steps);
    t->stack = malloc(ATTRIBUTION_STACK_DEPTH * sizeof *t->stack);
    if (!t->steps || !t->stack)
        return false;
    if (step_count)
        memcpy(t->steps, steps, step_count * sizeof *steps);
    qsort(t->steps, step_count, sizeof *t->steps, attribution_compare_u32);
    return true;
}

static inline void attribution_deinit(attribution_t *t) {
    free(t->steps);
    free(t->stack);
    free(t->inferences);
    free(t->layers);
    profile_deinit(&t->profile);
}

static inline bool attribution_is_step(const attribution_t *t, uint32_t address) {
    return bsearch(&address, t->steps, t->step_count, sizeof *t->steps, attribution_compare_u32) !=
           NULL;
}

/* Bytes of the instruction that starts with `halfword`. */
static inline uint32_t attribution_instruction_size(attribution_isa_t isa, uint32_t halfword) {
    if (isa == ATTRIBUTION_ARM)
        return (halfword >> 11) >= 0x1D ? 4 : 2;
    return (halfword & 3) == 3 ? 4 : 2;
}

static inline void attribution_classify_thumb(attribution_block_t *b, uint32_t first,
                                              uint32_t second, uint32_t size) {
    if (size == 2) {
        b->ends_in_call = (first & 0xFF87) == 0x4780;      /* BLX Rm */
        b->ends_in_return = (first & 0xFF87) == 0x4700     /* BX Rm */
                            || (first & 0xFF00) == 0xBD00  /* POP {..., pc} */
                            || (first & 0xFF87) == 0x4687; /* MOV pc, Rm */
        return;
    }
    b->ends_in_call = (first & 0xF800) == 0xF000 && (second & 0xD000) == 0xD000; /* BL label */
    b->ends_in_return =
        ((first & 0xFE50) == 0xE810 && (second & 0x8000))        /* LDM with pc */
        || ((first & 0xFFF0) == 0xF850 && (second >> 12) == 15)  /* LDR pc, [Rn], #imm */
        || ((first & 0xFFF0) == 0xF8D0 && (second >> 12) == 15); /* LDR pc, [Rn, #imm] */
}

static inline void attribution_classify_riscv(attribution_block_t *b, uint32_t word,
                                              uint32_t size) {
    if (size == 2) {
        const uint32_t half = word & 0xFFFF;
        const bool has_rs1 = (half >> 7) & 31;
        const bool no_rs2 = ((half >> 2) & 31) == 0;
        b->ends_in_call = (half & 0xE003) == 0x2001                            /* C.JAL (RV32) */
                          || ((half & 0xF003) == 0x9002 && has_rs1 && no_rs2); /* C.JALR */
        b->ends_in_return = (half & 0xF003) == 0x8002 && has_rs1 && no_rs2;    /* C.JR */
        return;
    }
    const uint32_t opcode = word & 0x7F, rd = (word >> 7) & 31;
    const bool links = rd == 1 || rd == 5; /* ra, or t0 as the millicode routines use it */
    b->ends_in_call = (opcode == 0x6F || opcode == 0x67) && links;
    b->ends_in_return = opcode == 0x67 && rd == 0;
}

/* Fills `b` but for its instruction count. `last` are the bytes of the last instruction. */
static inline void attribution_describe(const attribution_t *t, attribution_block_t *b,
                                        uint32_t address, uint32_t size, const uint8_t *last,
                                        uint32_t last_size) {
    memset(b, 0, sizeof *b);
    b->address = address;
    b->end = address + size;
    b->is_marked = address == t->entry || address == t->invoke || attribution_is_step(t, address);
    if (!last_size)
        return;
    const uint32_t first = last[0] | (uint32_t)last[1] << 8;
    const uint32_t second = last_size == 4 ? last[2] | (uint32_t)last[3] << 8 : 0;
    if (t->isa == ATTRIBUTION_ARM)
        attribution_classify_thumb(b, first, second, last_size);
    else
        attribution_classify_riscv(b, first | second << 16, last_size);
}

/* Makes room for one more element; false when the host has no memory left. */
static inline bool attribution_reserve(attribution_t *t, void **array, size_t count,
                                       size_t *capacity, size_t element) {
    if (count < *capacity)
        return true;
    const size_t grown = *capacity ? *capacity * 2 : 64;
    void *moved = realloc(*array, grown * element);
    if (!moved) {
        t->status = ATTRIBUTION_OUT_OF_MEMORY;
        return false;
    }
    *array = moved;
    *capacity = grown;
    return true;
}

static inline void attribution_open_inference(attribution_t *t) {
    void *array = t->inferences;
    if (!attribution_reserve(t, &array, t->inference_count, &t->inference_capacity,
                             sizeof *t->inferences))
        return;
    t->inferences = array;
    t->inferences[t->inference_count] = (attribution_inference_t){.first_layer = t->layer_count};
    t->in_inference = true;
    t->inference_depth = t->depth;
    t->spent = 0;
}

static inline void attribution_open_layer(attribution_t *t) {
    void *array = t->layers;
    if (!attribution_reserve(t, &array, t->layer_count, &t->layer_capacity, sizeof *t->layers))
        return;
    t->layers = array;
    t->layers[t->layer_count] = 0;
    t->inferences[t->inference_count].layer_count++;
    t->in_layer = true;
    t->layer_depth = t->depth;
}

/* Pops the return address if the block at `address` is a return. */
static inline void attribution_follow_return(attribution_t *t, uint32_t address) {
    if (!t->depth)
        return;
    if (t->stack[t->depth - 1] == address) {
        t->depth--;
    } else if (t->was_return) {
        /* Entries that nobody returned to: a BL used as a far jump on Armv6-M, or a longjmp. */
        for (uint32_t i = t->depth - 1; i-- > 0;)
            if (t->stack[i] == address) {
                t->depth = i;
                break;
            }
    } else {
        return;
    }
    if (t->in_layer && t->depth < t->layer_depth) {
        t->in_layer = false;
        t->layer_count++;
    }
    if (t->in_inference && t->depth < t->inference_depth) {
        t->in_inference = false;
        t->inference_count++;
        t->spent = 0;
    }
}

static inline void attribution_enter_marked(attribution_t *t, uint32_t address) {
    if (address == t->entry)
        t->started = true;
    if (!t->in_inference) {
        if (address == t->invoke)
            attribution_open_inference(t);
    } else if (!t->in_layer && address != t->invoke && attribution_is_step(t, address)) {
        attribution_open_layer(t);
    }
}

/* Counts the block for the profile, which is that of the first inference. */
static inline void attribution_profile(attribution_t *t, const attribution_block_t *b) {
    const uint32_t call = t->in_layer ? (uint32_t)t->layer_count : PROFILE_RUNTIME;
    if (t->inference_count > 0)
        profile_leave(&t->profile, b->address);
    else if (!profile_enter(&t->profile, call, b->address, b->end))
        t->status = ATTRIBUTION_OUT_OF_MEMORY;
}

/* Called before each block runs. */
static inline attribution_status_t attribution_enter(attribution_t *t,
                                                     const attribution_block_t *b) {
    if (t->has_pending_return) {
        if (t->depth == ATTRIBUTION_STACK_DEPTH)
            return t->status = ATTRIBUTION_CALL_DEPTH;
        t->stack[t->depth++] = t->pending_return;
    }
    attribution_follow_return(t, b->address);
    if (b->is_marked)
        attribution_enter_marked(t, b->address);
    t->pc = b->address;
    t->pending_return = b->end;
    t->has_pending_return = b->ends_in_call;
    t->was_return = b->ends_in_return;
    if (t->status != ATTRIBUTION_OK || !t->started)
        return t->status;

    const uint64_t n = b->instructions;
    if (t->in_inference) {
        t->inferences[t->inference_count].instructions += n;
        if (t->in_layer)
            t->layers[t->layer_count] += n;
        else
            t->inferences[t->inference_count].runtime_instructions += n;
        attribution_profile(t, b);
    } else {
        t->harness += n;
        profile_leave(&t->profile, b->address);
    }
    t->spent += n;
    if (t->spent > t->limit)
        t->status = ATTRIBUTION_LIMIT;
    return t->status;
}

/* The run is over: an inference that never returned counts as harness. */
static inline void attribution_finish(attribution_t *t) {
    if (!t->in_inference)
        return;
    t->harness += t->inferences[t->inference_count].instructions;
    t->in_inference = t->in_layer = false;
}

#endif /* TINYIREE_SIM_ATTRIBUTION_H_ */
