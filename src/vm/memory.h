/* memory.h: what the VM's memory is used for: erlang:memory, and the allocators OTP's tools ask
 * for, which here are names for kinds of use. bif_memory.c.
 */
#ifndef LING_VM_MEMORY_H
#define LING_VM_MEMORY_H

#include "vm/bif.h"

typedef struct {
    uint64_t total, heaps, control, binaries, code, literals, atoms, tables;
} memory_use_t;
/* Exact where nothing runs; else the parts may be of slightly different moments. */
void memory_use(vm_t *vm, memory_use_t *out);
static inline uint64_t memory_of_processes(const memory_use_t *m) {
    return m->heaps + m->control < m->total ? m->heaps + m->control : m->total;
}

/* system_info: allocator, alloc_util_allocators, {allocator, A}, {allocator_sizes, A}; as a BIF
 * does. */
term_t memory_allocator(proc_t *p);
term_t memory_allocator_names(proc_t *p);
term_t memory_allocator_info(proc_t *p, term_t which, bool sizes_only);

#endif
