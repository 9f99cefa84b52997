/* The QEMU TCG plugin: the same instruction counts as tracer.c.
 *
 * Plugin API version 1 (QEMU 6.0 to 8.x), declared here by hand because distributions do not ship
 * the header: https://www.qemu.org/docs/master/devel/tcg-plugins.html
 *
 * Arguments: config=FILE,result=FILE. The config is lines of `isa arm|riscv`, `entry HEX`,
 * `invoke HEX`, `step HEX`; the result is read by qemu_run.py.
 */
#include <inttypes.h>
#include <stdio.h>

#include "attribution.h"

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info_t qemu_info_t;
enum { CB_NO_REGS = 0 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*callback)(qemu_plugin_id_t,
                                                                   struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                                 void (*callback)(unsigned, void *), int flags,
                                                 void *user);
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, void *), void *user);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

EXPORT int qemu_plugin_version = 1;

static attribution_t state;
static char result_path[4096];

static void on_block(unsigned cpu, void *user) {
    /* As semihosting's exit does it: QEMU's exit handlers then call on_exit. */
    if (cpu == 0 && attribution_enter(&state, user) != ATTRIBUTION_OK)
        exit(EXIT_FAILURE);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    /* Lives as long as the block might run, which QEMU does not tell: until the end. */
    attribution_block_t *b = malloc(sizeof *b);
    if (!b) {
        state.status = ATTRIBUTION_OUT_OF_MEMORY;
        return;
    }
    const size_t count = qemu_plugin_tb_n_insns(tb);
    const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
    const uint32_t address = (uint32_t)qemu_plugin_tb_vaddr(tb);
    /* Not QEMU's size: it counts the first half of an instruction after it that it gave up, as it
     * lies across the end of a page. */
    const uint8_t *code = qemu_plugin_insn_data(last);
    const uint32_t last_size =
        attribution_instruction_size(state.isa, code[0] | (uint32_t)code[1] << 8);
    const uint32_t end = (uint32_t)qemu_plugin_insn_vaddr(last) + last_size;
    attribution_describe(&state, b, address, end - address, code, last_size);
    b->instructions = (uint32_t)count;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, CB_NO_REGS, b);
}

static void on_exit(qemu_plugin_id_t id, void *user) {
    (void)id;
    (void)user;
    attribution_finish(&state);
    FILE *f = fopen(result_path, "w");
    if (!f)
        return;
    fprintf(f, "status %d\npc %" PRIu32 "\nstack", (int)state.status, state.pc);
    for (uint32_t i = state.depth; i-- > 0;)
        fprintf(f, " %" PRIu32, state.stack[i]);
    fprintf(f, "\nharness %" PRIu64 "\n", state.harness);
    for (size_t i = 0; i < state.inference_count; i++) {
        const attribution_inference_t *n = &state.inferences[i];
        fprintf(f, "inference %" PRIu64 " %" PRIu64, n->instructions, n->runtime_instructions);
        for (uint64_t k = 0; k < n->layer_count; k++)
            fprintf(f, " %" PRIu64, state.layers[n->first_layer + k]);
        fputc('\n', f);
    }
    for (size_t i = 0; i < state.profile.count; i++) {
        const profile_count_t *c = &state.profile.counts[i];
        fprintf(f, "block %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 "\n", c->call,
                c->address, c->end, c->executions, c->taken);
    }
    fputs("end\n", f);
    fclose(f);
}

static bool read_config(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    char key[16], value[32];
    uint32_t entry = 0, invoke = 0, *steps = NULL;
    size_t count = 0;
    attribution_isa_t isa = ATTRIBUTION_ARM;
    bool ok = true;
    while (ok && fscanf(f, "%15s %31s", key, value) == 2) {
        const uint32_t number = (uint32_t)strtoul(value, NULL, 16);
        if (!strcmp(key, "isa")) {
            isa = strcmp(value, "riscv") ? ATTRIBUTION_ARM : ATTRIBUTION_RISCV;
        } else if (!strcmp(key, "entry")) {
            entry = number;
        } else if (!strcmp(key, "invoke")) {
            invoke = number;
        } else {
            uint32_t *grown = realloc(steps, (count + 1) * sizeof *steps);
            ok = grown != NULL;
            if (ok)
                (steps = grown)[count++] = number;
        }
    }
    fclose(f);
    ok = ok && attribution_init(&state, isa, entry, invoke, steps, count, UINT64_MAX);
    free(steps);
    return ok;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                               char **argv) {
    (void)info;
    const char *config = NULL;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "config=", 7))
            config = argv[i] + 7;
        if (!strncmp(argv[i], "result=", 7))
            snprintf(result_path, sizeof result_path, "%s", argv[i] + 7);
    }
    if (!config || !result_path[0] || !read_config(config))
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
