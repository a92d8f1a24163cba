/* literals.h: giving literals back that no code and no table refers to any more: those of purged
 * modules and of persistent terms that were replaced or erased. literals.c, which says how.
 */
#ifndef LING_VM_LITERALS_H
#define LING_VM_LITERALS_H

#include "vm/proc.h"

/* An area of the literal arena and what it owns. */
typedef struct literal_area {
    struct literal_area *next;
    term_t *start;
    size_t words;
    off_heap_t *off_heap;
} literal_area_t;

bool literals_init(vm_t *vm); /* false: no memory */
void literals_free(vm_t *vm);

/* Takes over an area (a block of mem_alloc) that nobody can come to refer to any more except by
 * getting a term from somebody who does. It is given back once nobody does. Any thread. */
void literals_retire(vm_t *vm, literal_area_t *area);
/* More have been retired than can leave soon: who retires them should give way. */
bool literals_are_many(vm_t *vm);
/* The same where not even processes can refer to it: once those have gone on that just look. */
void literals_retire_unseen(vm_t *vm, literal_area_t *area);

/* ---- the polling thread ---- */
/* There is something to do, now or later. */
bool literals_due(vm_t *vm);
/* Does what can be done now. When to call it again; HOST_FOREVER: when literals_due, and the host
 * is woken. */
uint64_t literals_step(vm_t *vm);
/* What it said last. */
uint64_t literals_next(vm_t *vm);

/* ---- processes ---- */
/* p, which does not run, gets rid of all its references to literals that leave. Takes the request
 * unless it returns false: p is in the middle of something and has to be asked again. */
bool literals_leave(proc_t *p, signal_t *request);
/* The request is answered without that: by a process that is gone, or (not ok) that could not. */
void literals_answer(vm_t *vm, signal_t *request, bool ok);

/* ---- copies ---- */
/* Where t points into an area that is leaving: its number, else -1. */
int literal_leaving(vm_t *vm, term_t t);
term_t *literal_leaving_area(vm_t *vm, int i, size_t *words, off_heap_t **off_heap);
/* A reference to the literal t is being copied while literals leave. copy.c. */
COLD void literal_copied(vm_t *vm, term_t t);

/* The most areas that leave at a time. */
#define LITERALS_LEAVING 1024

#endif
