// Runs kernels on cases that it reads, on a simulated core or (HOST) as a program. A case is 16
// words, the parameter blob and the inputs, each padded to 8 bytes; the answer is a word that is 0
// when nothing was written out of place, and the output padded to 4 bytes.
#include "kernel_list.h"

#include <stddef.h>

enum { GUARD = 16, GUARD_BYTE = 0xA5 };

typedef struct {
    uint32_t kernel, blob_bytes, relocations, relocation[3], input_count, input_bytes[2];
    uint32_t output_bytes, scratch_bytes, rows, rows_at_a_time;
    // Calls from the bottom up; 1 + the input that the output overlaps, or 0; how far the output
    // lies behind (as int32_t) that input's start.
    uint32_t from_bottom, overlapped, distance;
} header_t;

#ifdef HOST
#include <stdio.h>
#include <stdlib.h>
static void *take(uint32_t bytes) {
    return malloc(bytes ? bytes : 1); // of its own, so that the sanitizer sees its end
}
static void *take_last(uint32_t bytes, uint32_t *end) {
    (void)end;
    return take(bytes);
}
static void release(void *block) {
    free(block);
}
static int read_all(void *to, uint32_t bytes) {
    return fread(to, 1, bytes, stdin) == bytes;
}
static void write_all(const void *from, uint32_t bytes) {
    fwrite(from, 1, bytes, stdout);
}
int main(void) {
#else
#include "semihosting.h"
#include "startup.h"
static uint8_t pool[POOL_BYTES] __attribute__((aligned(8)));
static uint32_t used;
static int32_t in_file, out_file;
static void *take(uint32_t bytes) {
    void *block = pool + used;
    used += (bytes + 7) & ~7u;
    return block;
}
// From the end of the RAM, so that reading further is a fault.
static void *take_last(uint32_t bytes, uint32_t *end) {
    *end -= (bytes + 7) & ~7u;
    return (void *)*end;
}
static void release(void *block) {
    (void)block;
    used = 0;
}
static int read_all(void *to, uint32_t bytes) {
    return semihosting_read(in_file, to, bytes) == 0;
}
static void write_all(const void *from, uint32_t bytes) {
    semihosting_write(out_file, from, bytes);
}
void *memset(void *to, int byte, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
        ((volatile uint8_t *)to)[i] = (uint8_t)byte;
    return to;
}
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i)
        ((volatile uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}
int tinyiree_selftest(void);
int tinyiree_selftest(void) {
    in_file = semihosting_open("tinyiree.in", 1);
    out_file = semihosting_open("tinyiree.out", 5);
#endif
    void invoke(tinyiree_kernel_t * kernel, const void *params, void *const *pointers,
                uint32_t first_row, uint32_t last_row);
    int check(const header_t *header, uint8_t *output, uint8_t *scratch);
    header_t header;
    while (read_all(&header, sizeof header)) {
        uint8_t *blob = take((header.blob_bytes + 7) & ~7u);
        read_all(blob, (header.blob_bytes + 7) & ~7u);
        for (uint32_t i = 0; i < header.relocations; ++i) {
            uintptr_t *pointer = (uintptr_t *)(void *)(blob + header.relocation[i]);
            *pointer += (uintptr_t)blob;
        }
        uint32_t end = RAM_END;
        uint8_t *inputs[2] = {0, 0}, *blocks[2] = {0, 0}, *output = NULL;
        for (uint32_t i = header.input_count; i-- > 0;) {
            const int overlapped = header.overlapped == i + 1;
            const int32_t distance = overlapped ? (int32_t)header.distance : 0;
            const uint32_t before = distance < 0 ? -(uint32_t)distance : 0;
            const uint32_t output_end =
                overlapped ? before + (uint32_t)distance + ((header.output_bytes + 3) & ~3u) : 0;
            uint32_t bytes = before + header.input_bytes[i];
            bytes = output_end > bytes ? output_end : bytes;
            uint8_t padding[8];
            blocks[i] = take_last(bytes, &end);
            inputs[i] = blocks[i] + before;
            if (overlapped)
                output = inputs[i] + distance - GUARD;
            read_all(inputs[i], header.input_bytes[i]);
            read_all(padding, -header.input_bytes[i] & 7u);
        }
        const int apart = output == NULL;
        if (apart)
            output = take(header.output_bytes + 2 * GUARD);
        uint8_t *scratch = take(header.scratch_bytes + 2 * GUARD);
        for (uint32_t i = 0; apart && i < header.output_bytes + 2 * GUARD; ++i)
            output[i] = GUARD_BYTE;
        for (uint32_t i = 0; i < header.scratch_bytes + 2 * GUARD; ++i)
            scratch[i] = GUARD_BYTE;
        void *pointers[4] = {inputs[0], output + GUARD, scratch + GUARD, NULL};
        if (header.input_count == 2) {
            pointers[1] = inputs[1];
            pointers[2] = output + GUARD;
            pointers[3] = scratch + GUARD;
        }
        const uint32_t step = header.rows_at_a_time;
        for (uint32_t done = 0; done < header.rows; done += step) {
            const uint32_t left = header.rows - done, count = step < left ? step : left;
            const uint32_t row = header.from_bottom ? left - count : done;
            invoke(kernels[header.kernel], blob, pointers, row, row + count);
        }
        const int status = check(&header, apart ? output : NULL, scratch);
        write_all(&status, sizeof status);
        write_all(output + GUARD, (header.output_bytes + 3) & ~3u);
        release(scratch);
        if (apart)
            release(output);
        release(blocks[0]);
        release(blocks[1]);
        release(blob);
    }
#ifdef HOST
    return 0;
#else
    return 1;
#endif
}

// Its address starts and ends a count of instructions.
__attribute__((noinline)) void invoke(tinyiree_kernel_t *kernel, const void *params,
                                      void *const *pointers, uint32_t first_row,
                                      uint32_t last_row) {
    kernel(params, pointers, first_row, last_row);
}

int check(const header_t *header, uint8_t *output, uint8_t *scratch) {
    int wrong = 0;
    for (uint32_t i = 0; i < GUARD; ++i) {
        if (output != NULL &&
            (output[i] != GUARD_BYTE || output[GUARD + header->output_bytes + i] != GUARD_BYTE))
            wrong |= 1;
        if (scratch[i] != GUARD_BYTE || scratch[GUARD + header->scratch_bytes + i] != GUARD_BYTE)
            wrong |= 2;
    }
    return wrong;
}
