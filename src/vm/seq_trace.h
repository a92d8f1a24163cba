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
/* p, which has a token, sends msg to pid: counts, tells the system tracer, and returns the signal
 * with both. NULL: no memory. */
signal_t *seq_send(proc_t *p, term_t to, term_t msg, int kind);
/* p takes m out of its queue. */
void seq_received(proc_t *p, signal_t *m);
/* seq_trace:set_token: the old value; NONE: badarg (or no memory, *oom). */
term_t seq_set(proc_t *p, term_t what, term_t value, bool *oom);
void seq_forget(proc_t *p); /* frees the token */
void seq_reset(vm_t *vm);   /* no process and no message has one any more */

#endif
