/* seq_trace.h: sequential tracing: a token that goes along with messages. seq_trace.c
 *
 * The token lies in words of its own (proc_ext.token), a message's token in the message.
 * PF_SEQ_TRACE says that a process has one, or that a message in its queue may have: nobody else
 * pays.
 */
#ifndef LING_VM_SEQ_TRACE_H
#define LING_VM_SEQ_TRACE_H

#include "vm/process.h"

/* The token, NIL: none. {Flags, Label, Serial, From, Last}. */
term_t seq_token(const proc_t *p);
/* p, which has a token, sends msg to a process (or alias): counts, tells the system tracer, and
 * returns the signal with both. NULL: no memory. */
signal_t *seq_send(proc_t *p, term_t to, term_t msg, int kind);
/* The same to a port, which gets no token. */
void seq_sent(proc_t *p, term_t to, term_t msg);
/* The exit signal of p, which has a token, to a process linked to it. NULL: no memory. */
signal_t *seq_exit(proc_t *p, term_t to, term_t reason);
/* How a program asked for a process; what tracers are shown of it. */
typedef struct seq_spawn {
    term_t options;   /* NIL: as spawn/3 and its kin have them */
    bool is_request;  /* spawn_request, whose caller gets an answer */
    term_t tag, ref;  /* ... as {tag, ref, ok, Pid} */
    signal_t *answer; /* ... this one, if the caller has a token */
} seq_spawn_t;
/* parent, which may have a token, has made child, which does not run yet. Without memory the chain
 * ends here. */
void seq_spawned(proc_t *parent, proc_t *child, term_t m, term_t f, uint32_t arity, term_t args,
                 const spawn_opts_t *o);
/* p takes m out of its queue. */
void seq_received(proc_t *p, signal_t *m);
/* seq_trace:set_token: the old value; NONE: badarg (or no memory, *oom). */
term_t seq_set(proc_t *p, term_t what, term_t value, bool *oom);
/* Would it take that? */
bool seq_accepts(term_t what, term_t value);
void seq_forget(proc_t *p); /* frees the token */
void seq_reset(proc_t *p);  /* no process and no message has one any more; p asks */

#endif
