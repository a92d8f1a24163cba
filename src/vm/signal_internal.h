/* signal_internal.h: what signal.c and signal_handle.c share. */
#ifndef LING_VM_SIGNAL_INTERNAL_H
#define LING_VM_SIGNAL_INTERNAL_H

#include "vm/process.h"

/* What sig does to p. Takes sig. Returns whether p has to look (or to exit). By the thread that has
 * p, or p's only one. */
bool signal_handle(proc_t *p, sched_t *s, signal_t *sig);

/* sig's block becomes a fragment of p's heap. By who has p. */
void signal_attach(proc_t *p, signal_t *sig);
/* Room for that many more words behind the term of *sig; a larger block where it is short. NULL: no
 * memory. */
term_t *signal_room(vm_t *vm, sched_t *s, signal_t **sig, size_t words);
/* {Type, ReqId, Result} to who asked for a system task, made of the request. Takes sig. */
void signal_task_result(vm_t *vm, signal_t *sig, term_t result);

/* Messages in a queue have no spare words: who attaches one as a fragment relies on it. */
static inline void signal_seal(signal_t *sig) {
    uint32_t rest = sig->size - sig->used;
    if (LIKELY(rest == 0)) return;
    sig->data[sig->used] = make_header(T_HEAP_BIN, rest - 1);
    if (rest > 1) sig->data[sig->used + 1] = 0;
    sig->used = sig->size;
}

#endif
