/* match_spec.h: match specifications: [{Head, Guards, Body}] compiled to a flat program that is
 * run on an object of a table (or any term). match_spec.c. A compiled one is a magic object. */
#ifndef LING_VM_MATCH_SPEC_H
#define LING_VM_MATCH_SPEC_H
#include "vm/ets.h"

typedef struct ms ms_t;

/* What it is for: objects of tables, calls, messages sent, messages received. */
enum { MS_TABLE = 0, MS_TRACE = 1, MS_SEND = 2, MS_RECEIVE = 4 };
/* NULL: not valid, or no memory (*oom). errors: where not NULL, a list of {error, String} on p's
 * heap is stored there. The result has one count. */
ms_t *ms_compile(proc_t *p, term_t spec, unsigned flags, term_t *errors, bool *oom);
void ms_release(ms_t *ms);
term_t ms_ref(proc_t *p, ms_t *ms); /* takes over the count; TERM_NONE: no memory */
ms_t *ms_of(term_t ref);            /* NULL: no compiled specification */
/* Does every clause keep the key of what it matches? */
bool ms_keeps_key(vm_t *vm, term_t spec, uint32_t keypos);
/* The keys the heads ask for, where each asks for just one: *n of them in the returned array of
 * *room words (mem_free it). NULL with *n 0: any key; *never: no head can match. */
term_t *ms_keys(vm_t *vm, term_t spec, uint32_t keypos, size_t *n, size_t *room, bool *never,
                bool *oom);

typedef struct {
    proc_t *p;
    const ms_t *ms;
    struct ms_trace *trace; /* trace dialect, else NULL */
    term_t *stack;
    size_t stack_words;
    bool oom;
    term_t small[96];
} ms_run_t;
/* Trace dialect: what the body said about the call. The caller fills p and caller. */
typedef struct ms_trace {
    proc_t *p;
    const uint64_t *caller; /* address in the calling function; NULL: unknown */
    term_t message;         /* true: as usual, false: none, else what to add. May lie anywhere */
    bool return_trace, exception_trace;
    bool test; /* match_spec_test: changes nothing */
} ms_trace_t;
/* Does it match the list of arguments? The message is good as long as the specification and what
 * the arguments refer to. */
bool ms_run_trace(proc_t *p, const ms_t *ms, term_t args, ms_trace_t *t);
/* trace_action.c: a function of the trace dialect. */
term_t trace_action(ms_trace_t *t, term_t name, const term_t *a, size_t n);

bool ms_begin(ms_run_t *r, proc_t *p, const ms_t *ms); /* false: no memory */
void ms_end(ms_run_t *r);
/* The body's value on p's heap, TERM_NONE: no match (or r->oom). o: the object obj is part of, or
 * NULL. */
term_t ms_match(ms_run_t *r, term_t obj, const ets_obj_t *o);
#endif
