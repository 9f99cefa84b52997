// Runs a chain of layers a few rows at a time: linked only into firmware whose model has one.

#include "tinyiree.h"

// Declared here, as <string.h> is not among the headers that a freestanding compiler has.
void *memmove(void *target, const void *source, size_t bytes);

void tinyiree_run_chain(const void *params, void *const *pointers, uint32_t first_row,
                        uint32_t last_row) {
    const tinyiree_chain_t *chain = (const tinyiree_chain_t *)params;
    void *addresses[TINYIREE_CHAIN_BINDINGS];
    const uint32_t *at = chain->words;
    uint32_t turn = 0; // of the loop; 0 outside of loops
    (void)first_row;
    (void)last_row;
    for (;;) {
        const uint32_t head = *at++;
        const unsigned kind = head & 0xFFu, count = (head >> 8) & 0xFFu;
        if (kind <= TINYIREE_CHAIN_CALL_IN_LOOP) {
            uint32_t first = *at & 0xFFFFu, last = *at >> 16;
            const uint32_t *moved = ++at + count; // how far rows and bindings move in a turn
            if (kind == TINYIREE_CHAIN_CALL_IN_LOOP) {
                first += turn * *moved;
                last += turn * *moved++;
            }
            for (unsigned i = 0; i < count; ++i, ++at) {
                uint32_t offset = *at;
                if (kind == TINYIREE_CHAIN_CALL_IN_LOOP)
                    offset += turn * *moved++;
                // Where the first row would lie, which may be outside of the arena.
                addresses[i] = tinyiree_address(pointers, offset);
            }
            at = moved;
            const tinyiree_chain_call_t *call = &chain->calls[head >> 16];
            call->function(call->params, addresses, first, last);
        } else if (kind == TINYIREE_CHAIN_MOVE) {
            memmove(tinyiree_address(pointers, at[1]), tinyiree_address(pointers, at[0]), at[2]);
            at += 3;
        } else if (kind == TINYIREE_CHAIN_REPEAT) {
            if (++turn < head >> 16) {
                at -= *at;
            } else {
                turn = 0;
                ++at;
            }
        } else {
            return;
        }
    }
}
