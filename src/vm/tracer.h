/* tracer.h: who is told what traced processes and ports do, and how.
 *
 * A tracer is a word: a local process or port, or a tracer module with its state, which is a
 * tracer_module_t whose address looks like a small integer (so the word may stand on a process's
 * stack). Modules with their states are made once and live as long as the VM: equal words are the
 * same tracer. Any thread.
 */
#ifndef LING_VM_TRACER_H
#define LING_VM_TRACER_H

#include "vm/process.h"

typedef struct tracer_module {
    struct tracer_module *next; /* all of the VM */
    term_t module;
    signal_t *state; /* holds the term */
} tracer_module_t;

static inline bool tracer_is_module(term_t t) { return is_small(t) && t != 0; }

/* The tracer a program names: {Module, State}, or a process or port as it is. NIL where it is none
 * (a module without the native functions, or a term of another kind), NONE: no memory. */
term_t tracer_of(proc_t *p, term_t t);
term_t tracer_of_module(proc_t *p, term_t module, term_t state);
/* What trace_info shows of it: the word itself, or {Module, State} on p's heap. NONE: no memory. */
term_t tracer_term(proc_t *p, term_t tracer);
/* Is it (still) to be told of tracee (a process, port, or undefined)? Holds no lock: a module is
 * asked. */
bool tracer_lives(vm_t *vm, term_t tracer, term_t tracee);

/* What happened. NONE where there is nothing. */
typedef struct {
    uint32_t flag; /* TF_*: the kind of event; 0: a sequential trace */
    term_t tag, data, extra, result;
} trace_event_t;
/* flags: which of TF_*_TS and TF_SCHED_ID are set counts. false: the tracer is gone. */
COLD bool tracer_tell(vm_t *vm, term_t tracer, term_t tracee, uint32_t flags,
                      const trace_event_t *e);
/* A message to a process or, in the external format, to a port. false: it is gone. */
bool tracer_send(vm_t *vm, term_t to, term_t msg);
void tracers_free(vm_t *vm);

#endif
