/* A self-test firmware of its own for the simulator's tests: it reads 8-byte samples, runs two
 * "dispatches" three times and writes 12-byte records. FAULT_* macros make it fail on purpose. */
#include <stddef.h>
#include <stdint.h>

#if defined(__arm__)
static intptr_t host(intptr_t operation, const void *argument) {
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
#else
static intptr_t host(intptr_t operation, const void *argument) {
    register intptr_t a0 __asm__("a0") = operation;
    register const void *a1 __asm__("a1") = argument;
    __asm__ volatile(".balign 16\n.option push\n.option norvc\n"
                     "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}
#endif

/* Only the RISC-V core has a counter that QEMU's -icount feeds; 0 without one. */
static inline uint32_t instructions_retired(void) {
#if defined(INSTRET)
    uint32_t count;
    __asm__ volatile("csrr %0, minstret" : "=r"(count)::"memory");
    return count;
#else
    return 0;
#endif
}

extern uint32_t loop_of_known_length(uint32_t times);
extern void straight_line(void);
extern void tail_runtime(void (*step)(int32_t *), int32_t *data);
#define NOINLINE __attribute__((noinline))

#ifndef LOOPS
#define LOOPS 100
#endif

volatile float scale = 0.5f;
volatile uint32_t sink;

NOINLINE static int32_t helper(int32_t x) {
    __asm__ volatile("" : "+r"(x));
    return x * 3 + 1;
}

NOINLINE void step_add(int32_t *data) {
    for (int i = 0; i < 2; i++)
        data[i] += helper(i);
}

NOINLINE void step_scale(int32_t *data) {
    data[0] = (int32_t)((float)data[0] * scale);
    loop_of_known_length(LOOPS);
}

NOINLINE void step_long(int32_t *data) {
    (void)data;
    straight_line();
}

NOINLINE uint32_t recurse(uint32_t depth) {
    volatile uint32_t frame[16];
    frame[0] = depth;
    return (scale == 2.5f ? 0 : recurse(depth + 1)) + frame[0];
}

NOINLINE void misbehave(void) {
#if defined(FAULT_NULL)
    sink = *(volatile uint32_t *)0x40000010u;
#elif defined(FAULT_STACK)
    sink = recurse(0);
#elif defined(FAULT_LOOP)
    while (1)
        sink++;
#elif defined(FAULT_UNDEFINED)
#if defined(__arm__)
    __asm__ volatile("udf #0");
#else
    __asm__ volatile(".word 0xffffffff");
#endif
#elif defined(FAULT_JUMP)
    ((void (*)(void))0x40000001u)();
#elif defined(FAULT_FLASH)
    *(volatile uint32_t *)FAULT_FLASH = 1;
#elif defined(FAULT_MISALIGNED)
    uintptr_t address = (uintptr_t)&sink;
    __asm__ volatile("" : "+r"(address)); /* hides the bits from the compiler */
    *(volatile uint32_t *)(address + 1) = 1;
#elif defined(FAULT_OPERATION)
    host(0x77, NULL);
#endif
}

NOINLINE int tinyiree_invoke(int32_t *data) {
    static void (*const steps[])(int32_t *) = {step_add, step_scale, step_add, step_long};
    void (*const *volatile table)(int32_t *) = steps;
    for (int i = 0; i < 4; i++)
        table[i](data);
    misbehave();
    tail_runtime(step_add, data);
    return 0;
}

static void print(const char *text) {
    host(0x04, text);
}

#ifndef EXIT_CODE
#define EXIT_CODE 0
#endif

NOINLINE void main_loop(void) {
    struct {
        const char *name;
        uintptr_t mode, length;
    } open_in = {"tinyiree.in", 1, 11}, open_out = {"tinyiree.out", 5, 12};
    const intptr_t in = host(0x01, &open_in), out = host(0x01, &open_out);
    struct {
        intptr_t handle;
    } in_only = {in}, out_only = {out};
    struct {
        intptr_t handle;
        uintptr_t position;
    } start = {in, 0};
    const intptr_t length = host(0x0c, &in_only);
    host(0x0a, &start);
    int32_t data[2];
    uint32_t count = 0;
    while (1) {
        struct {
            intptr_t handle;
            void *bytes;
            uintptr_t size;
        } block = {in, data, sizeof data};
        if (host(0x05 + 1, &block) != 0)
            break;
        const uint32_t before = instructions_retired();
        int32_t status = tinyiree_invoke(data);
        if (before)
            status = (int32_t)(instructions_retired() - before);
        int32_t record[3] = {status, data[0], data[1]};
        struct {
            intptr_t handle;
            void *bytes;
            uintptr_t size;
        } written = {out, record, sizeof record};
        host(0x05, &written);
        count++;
    }
    host(0x02, &in_only);
    host(0x02, &out_only);
    host(0x03, "#");
    print(count * 8 == (uint32_t)length ? "all read\n" : "length differs\n");
    struct {
        uintptr_t reason, code;
    } done = {0x20026, EXIT_CODE};
    if (EXIT_CODE)
        host(0x20, &done);
    else
        host(0x18, (const void *)0x20026);
    while (1) {
    }
}
