/* copy.h: deep copies between heaps. copy.c. Iterative. Shared binaries and magic references get
 * one more count. Literals of the VM are shared, not copied, by what ends on the heap of a process
 * or in a message; all other holders take copies of all (literals.c relies on it). */
#ifndef LING_VM_COPY_H
#define LING_VM_COPY_H
#include "vm/atom.h"
/* What a size function returns for a term nested so deep that there is no memory to walk it: no
 * allocation of that many words can succeed. */
#define TERM_SIZE_UNKNOWN ((size_t)1 << 57)
/* Words a copy needs (0 for immediates and literals). */
size_t term_size(vm_t *vm, term_t t);
/* Words of the whole term, literals included (erts_debug:flat_size; term_copy_all). */
size_t term_flat_size(vm_t *vm, term_t t);
/* Copies t to *hp (room for term_size(t)), moving *hp; off-heap objects are put on *off. Cannot
 * fail. term_copy_all copies literals too (size by term_flat_size). */
term_t term_copy(vm_t *vm, term_t t, term_t **hp, off_heap_t **off);
term_t term_copy_all(vm_t *vm, term_t t, term_t **hp, off_heap_t **off);
/* On a process heap. TERM_NONE: no memory. */
term_t term_copy_to(proc_t *p, term_t t);
/* The same with literals, for the heap of an environment outside of processes. */
term_t term_copy_all_to(proc_t *p, term_t t);
/* A signal with a copy of term, literals included, and extra words of room behind it. */
signal_t *signal_new_whole(vm_t *vm, sched_t *s, int kind, term_t term, size_t extra);
/* The exit or 'DOWN' signal sig with a reason without literals, for a port: those are not asked to
 * give any up. Takes sig. */
signal_t *signal_whole_reason(vm_t *vm, signal_t *sig);
/* Size and copy of a term in which literals that leave are copied, others not. *met is set if there
 * are such in it. */
size_t term_leaving_size(vm_t *vm, term_t t, bool *met);
term_t term_copy_leaving(vm_t *vm, term_t t, term_t **hp, off_heap_t **off);
#endif
