// Compares memory.c (built under other names) with the C library, for all small cases.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *tiny_memcpy(void *target, const void *source, size_t bytes);
void *tiny_memmove(void *target, const void *source, size_t bytes);
void *tiny_memset(void *target, int value, size_t bytes);

static uint8_t ours[64] __attribute__((aligned(8))), theirs[64];

static void start(void) {
    for (unsigned i = 0; i < sizeof ours; ++i)
        ours[i] = theirs[i] = (uint8_t)(37 * i + 1);
}

static int differs(const char *name, unsigned to, unsigned from, unsigned bytes) {
    if (memcmp(ours, theirs, sizeof ours) == 0)
        return 0;
    printf("%s to %u from %u, %u bytes\n", name, to, from, bytes);
    return 1;
}

int main(void) {
    for (unsigned to = 0; to < 20; ++to) {
        for (unsigned from = 0; from < 20; ++from) {
            for (unsigned bytes = 0; bytes < 21; ++bytes) {
                start();
                memmove(theirs + to, theirs + from, bytes);
                if (tiny_memmove(ours + to, ours + from, bytes) != ours + to)
                    return 1;
                if (differs("memmove", to, from, bytes))
                    return 1;
                start();
                memcpy(theirs + to, theirs + 40 + from / 8, bytes);
                if (tiny_memcpy(ours + to, ours + 40 + from / 8, bytes) != ours + to)
                    return 1;
                if (differs("memcpy", to, 40 + from / 8, bytes))
                    return 1;
                start();
                memset(theirs + to, (int)(from * 40), bytes);
                if (tiny_memset(ours + to, (int)(from * 40), bytes) != ours + to)
                    return 1;
                if (differs("memset", to, from * 40, bytes))
                    return 1;
            }
        }
    }
    return 0;
}
