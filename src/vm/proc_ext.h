/* proc_ext.h: what few processes have; allocated when first needed. Owner only. */
#ifndef LING_VM_PROC_EXT_H
#define LING_VM_PROC_EXT_H

#include "vm/bif.h"

#define SAVED_FLOATS 16 /* compilers use a few; with more a process does not collect dirtily */

typedef struct proc_ext {
    uint64_t wait_ref;       /* reference id of the SIG_REPLY a BIF waits for; 0: none */
    signal_t *wait_reply;    /* it has come */
    signal_t *tasks;         /* system tasks, newest first: PF_TASKS */
    uint32_t suspends_due;   /* so many suspensions among them take effect */
    relation_t *suspends;    /* processes this one suspended; tag: how often, a small */
    uint64_t suspends_swept; /* those up to this key have been looked at: bif_suspend.c */
    struct fiber *fiber;     /* stack of a BIF stopped in the middle: PF_FIBER */
    term_t error_handler;    /* process_flag(error_handler, M) */
    struct call_time *timed; /* function whose time is being counted: trace_code.c */
    uint64_t timed_since;
    signal_t *token; /* holds the sequential trace token, or NULL: seq_trace.c */
    uint64_t seq_clock, seq_last;
    uint32_t min_bin_vheap;
    uint32_t save_calls;
    uint32_t monitor_nodes;
    uint32_t scheduler;
    double floats[SAVED_FLOATS]; /* float registers, PF_SAVED_FLOATS */
} proc_ext_t;

proc_ext_t *proc_ext_get(proc_t *p); /* made when missing; NULL: no memory */
/* The module a call of an undefined function goes to: error_handler. */
term_t proc_error_handler(const proc_t *p);

/* ---- BIFs that ask another process ----
 * A BIF calls proc_await first: a term is the answer to what it asked before; TERM_NONE with
 * *waiting true: return bif_wait(p); with *waiting false: nothing was asked yet. It then sends a
 * signal with sig->ref = proc_ask(p) and returns bif_wait(p). */
term_t proc_await(proc_t *p, bool *waiting);
uint64_t proc_ask(proc_t *p); /* 0: no memory */
/* Says what became of a SIG_SUSPEND: answers, or sends the message {Tag, How} it carries. Takes
 * sig. */
void proc_suspend_told(vm_t *vm, signal_t *sig, term_t dead, term_t how);
/* Answers such a signal (whose block becomes the reply where the term is immediate). Takes sig. */
void proc_answer(proc_t *p, signal_t *sig, term_t answer);

/* bif_info.c: the term process_info(P, Items) returns, on heap_of's heap; items: an atom or a
 * list. The caller owns p, or nothing else runs. TERM_NONE: no memory, or bad items (*bad). */
term_t process_info_term(proc_t *p, proc_t *heap_of, term_t items, bool *bad);

#endif
