/* copy.h: deep copies between heaps. copy.c. Iterative. Literals of the VM are shared, not copied;
 * shared binaries and magic references get one more count. */
#ifndef LING_VM_COPY_H
#define LING_VM_COPY_H
#include "vm/atom.h"
/* What a size function returns for a term nested so deep that there is no memory to walk it: no
 * allocation of that many words can succeed. */
#define TERM_SIZE_UNKNOWN ((size_t)1 << 57)
/* Words a copy needs (0 for immediates and literals). */
size_t term_size(vm_t *vm, term_t t);
/* Words of the whole term, literals included (erts_debug:flat_size). */
size_t term_flat_size(vm_t *vm, term_t t);
/* Copies t to *hp (room for term_size(t)), moving *hp; off-heap objects are put on *off. Cannot
 * fail. with_literals: copies literals too (size by term_flat_size). */
term_t term_copy(vm_t *vm, term_t t, term_t **hp, off_heap_t **off);
term_t term_copy_all(vm_t *vm, term_t t, term_t **hp, off_heap_t **off);
/* On a process heap. TERM_NONE: no memory. */
term_t term_copy_to(proc_t *p, term_t t);
#endif
