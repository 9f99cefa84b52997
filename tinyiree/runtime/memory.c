// memcpy, memmove and memset for firmware without a C library; a library's own take precedence, as
// these are weak. Compile with -fno-builtin (and, with GCC, -fno-tree-loop-distribute-patterns), or
// their loops become calls of themselves. Words where both addresses allow it, else bytes.

#include <stddef.h>
#include <stdint.h>

#define WEAK __attribute__((weak))
// Another name for the code of a function below.
#define SAME_AS(name) __attribute__((weak, alias(name)))

// Memory of any type, read and written as words.
typedef uint32_t __attribute__((may_alias)) word_t;

void *memmove(void *target, const void *source, size_t bytes);
void *memcpy(void *target, const void *source, size_t bytes);
void *memset(void *target, int value, size_t bytes);

WEAK void *memmove(void *target, const void *source, size_t bytes) {
    uint8_t *to = (uint8_t *)target;
    const uint8_t *from = (const uint8_t *)source;
    const int words = (((uintptr_t)to | (uintptr_t)from) & 3u) == 0;
    if ((uintptr_t)to - (uintptr_t)from >= bytes) { // forward is safe
        for (; words && bytes >= 4; bytes -= 4, to += 4, from += 4) {
            *(word_t *)(void *)to = *(const word_t *)(const void *)from;
        }
        for (; bytes > 0; --bytes)
            *to++ = *from++;
        return target;
    }
    for (; bytes > 0 && !(words && (bytes & 3u) == 0); --bytes)
        to[bytes - 1] = from[bytes - 1];
    for (; bytes > 0; bytes -= 4) {
        *(word_t *)(void *)(to + bytes - 4) = *(const word_t *)(const void *)(from + bytes - 4);
    }
    return target;
}

WEAK void *memcpy(void *target, const void *source, size_t bytes) {
    return memmove(target, source, bytes);
}

WEAK void *memset(void *target, int value, size_t bytes) {
    uint8_t *to = (uint8_t *)target;
    const uint32_t word = (uint8_t)value * 0x01010101u;
    for (; bytes > 0 && ((uintptr_t)to & 3u) != 0; --bytes)
        *to++ = (uint8_t)value;
    for (; bytes >= 4; bytes -= 4, to += 4)
        *(word_t *)(void *)to = word;
    for (; bytes > 0; --bytes)
        *to++ = (uint8_t)value;
    return target;
}

#if defined(__arm__)
// Run-time ABI for the Arm Architecture (Arm IHI 0043), 5.3.4: LLVM calls these. The forms for
// aligned memory may be the general ones; note the order of the arguments of memset.
#define ARM_MOVE(attribute, name)                                                                  \
    attribute void name(void *target, const void *source, size_t bytes)
#define ARM_SET(attribute, name)   attribute void name(void *target, size_t bytes, int value)
#define ARM_CLEAR(attribute, name) attribute void name(void *target, size_t bytes)

ARM_MOVE(WEAK, __aeabi_memcpy);
ARM_SET(WEAK, __aeabi_memset);
ARM_CLEAR(WEAK, __aeabi_memclr);

ARM_MOVE(WEAK, __aeabi_memcpy) {
    memmove(target, source, bytes);
}
ARM_SET(WEAK, __aeabi_memset) {
    memset(target, value, bytes);
}
ARM_CLEAR(WEAK, __aeabi_memclr) {
    memset(target, 0, bytes);
}

ARM_MOVE(SAME_AS("__aeabi_memcpy"), __aeabi_memcpy4);
ARM_MOVE(SAME_AS("__aeabi_memcpy"), __aeabi_memcpy8);
ARM_MOVE(SAME_AS("__aeabi_memcpy"), __aeabi_memmove);
ARM_MOVE(SAME_AS("__aeabi_memcpy"), __aeabi_memmove4);
ARM_MOVE(SAME_AS("__aeabi_memcpy"), __aeabi_memmove8);
ARM_SET(SAME_AS("__aeabi_memset"), __aeabi_memset4);
ARM_SET(SAME_AS("__aeabi_memset"), __aeabi_memset8);
ARM_CLEAR(SAME_AS("__aeabi_memclr"), __aeabi_memclr4);
ARM_CLEAR(SAME_AS("__aeabi_memclr"), __aeabi_memclr8);
#endif
