// The part of IREE's executable library ABI, version 0.6, that a static schedule uses.
//
// Written from the published layout (IREE, runtime/src/iree/hal/local/executable_library.h):
// names are ours, the layout is IREE's. Tables that this runtime never reads are declared as
// pointers to void. The sizes and offsets of the 32-bit layout are asserted below.

#ifndef TINYIREE_IREE_LIBRARY_H_
#define TINYIREE_IREE_LIBRARY_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TINYIREE_IREE_ABI_VERSION 6u

// First thing in every library; `features` and `sanitizer` are 0 for bare metal.
typedef struct tinyiree_library_header_t {
    uint32_t version;
    const char *name;
    uint32_t features;
    uint32_t sanitizer;
} tinyiree_library_header_t;

// What surrounds a library: constants, imports, CPU features. Statically linked dispatches that
// call kernels directly need none of it, so one constant of zeros serves them all.
typedef struct tinyiree_environment_t {
    const uint32_t *constants;
    int (*import_thunk)(int (*function)(void *, void *, void *), void *parameters, void *context,
                        void *reserved);
    int (*const *import_functions)(void *, void *, void *);
    const void **import_contexts;
    uint64_t processor[8];
} tinyiree_environment_t;

// Per dispatch: counts, constants and bindings.
typedef struct tinyiree_dispatch_state_t {
    uint32_t workgroup_size_x;
    uint32_t workgroup_size_y;
    uint16_t workgroup_size_z;
    uint16_t constant_count;
    uint32_t workgroup_count_x;
    uint32_t workgroup_count_y;
    uint16_t workgroup_count_z;
    uint8_t max_concurrency;
    uint8_t binding_count;
    const uint32_t *constants;
    void *const *binding_pointers;
    const size_t *binding_lengths;
} tinyiree_dispatch_state_t;

// Per workgroup of a dispatch.
typedef struct tinyiree_workgroup_state_t {
    uint32_t workgroup_id_x;
    uint32_t workgroup_id_y;
    uint16_t workgroup_id_z;
    uint16_t reserved;
    uint32_t processor_id;
    void *local_memory;
    uint32_t local_memory_size;
} tinyiree_workgroup_state_t;

// Returns 0 on success.
typedef int (*tinyiree_dispatch_fn_t)(const tinyiree_environment_t *environment,
                                      const tinyiree_dispatch_state_t *dispatch,
                                      const tinyiree_workgroup_state_t *workgroup);

typedef struct tinyiree_library_t {
    const tinyiree_library_header_t *header;
    uint32_t import_count;
    const void *import_symbols;
    uint32_t export_count;
    const tinyiree_dispatch_fn_t *export_functions;
    const void *export_attributes;
    const void *export_parameters;
    const void *export_occupancy;
    const void *export_names;
    const void *export_tags;
    const void *export_parameter_names;
    const void *export_source_locations;
    const void *export_stage_locations;
    uint32_t constant_count;
    uint32_t source_count;
    const void *source_files;
} tinyiree_library_t;

// NAME_library_query of a static library; NULL if it cannot serve `max_version`. The true return
// type is a pointer to the header pointer, which is the library's first member.
typedef const tinyiree_library_header_t **(*tinyiree_library_query_fn_t)(
    uint32_t max_version, const tinyiree_environment_t *environment);

// C99 has no static assertion: an array of negative size stops the compiler.
#define TINYIREE_STATIC_ASSERT(name, condition)                                                    \
    typedef char tinyiree_static_assert_##name[(condition) ? 1 : -1]

#if UINTPTR_MAX == 0xFFFFFFFFu
TINYIREE_STATIC_ASSERT(header_size, sizeof(tinyiree_library_header_t) == 16);
TINYIREE_STATIC_ASSERT(environment_processor, offsetof(tinyiree_environment_t, processor) == 16);
TINYIREE_STATIC_ASSERT(environment_size, sizeof(tinyiree_environment_t) == 80);
TINYIREE_STATIC_ASSERT(dispatch_constant_count,
                       offsetof(tinyiree_dispatch_state_t, constant_count) == 10);
TINYIREE_STATIC_ASSERT(dispatch_concurrency,
                       offsetof(tinyiree_dispatch_state_t, max_concurrency) == 22);
TINYIREE_STATIC_ASSERT(dispatch_binding_count,
                       offsetof(tinyiree_dispatch_state_t, binding_count) == 23);
TINYIREE_STATIC_ASSERT(dispatch_constants, offsetof(tinyiree_dispatch_state_t, constants) == 24);
TINYIREE_STATIC_ASSERT(dispatch_pointers,
                       offsetof(tinyiree_dispatch_state_t, binding_pointers) == 28);
TINYIREE_STATIC_ASSERT(dispatch_size, sizeof(tinyiree_dispatch_state_t) == 36);
TINYIREE_STATIC_ASSERT(workgroup_processor,
                       offsetof(tinyiree_workgroup_state_t, processor_id) == 12);
TINYIREE_STATIC_ASSERT(workgroup_size, sizeof(tinyiree_workgroup_state_t) == 24);
TINYIREE_STATIC_ASSERT(library_exports, offsetof(tinyiree_library_t, export_count) == 12);
TINYIREE_STATIC_ASSERT(library_names, offsetof(tinyiree_library_t, export_names) == 32);
TINYIREE_STATIC_ASSERT(library_size, sizeof(tinyiree_library_t) == 64);
#endif

#ifdef __cplusplus
}
#endif

#endif // TINYIREE_IREE_LIBRARY_H_
