/* proc_dump.h: a process as readable text. proc_dump.c. The caller owns p, or nothing else runs. */
#ifndef LING_VM_PROC_DUMP_H
#define LING_VM_PROC_DUMP_H

#include "vm/print.h"
#include "vm/proc.h"

/* The parts: what and how it is (of a process somebody else runs, too), where it comes from, how
 * large it is; mod:fun/arity + offset of a code address. */
void proc_state_text(const proc_t *p, text_t *t);
void proc_origin_text(proc_t *p, text_t *t);
void proc_relations_text(proc_t *p, text_t *t); /* "Link list: [...]", or nothing */
void proc_size_text(proc_t *p, text_t *t);
void place_text(text_t *t, vm_t *vm, const uint64_t *ip);
void proc_backtrace_text(proc_t *p, text_t *t);
/* All of it; all but what proc_state_text says. */
void proc_dump_text(proc_t *p, text_t *t);
void proc_body_text(proc_t *p, text_t *t);
/* As binaries, on out's and on p's heap; NONE: no memory. */
term_t proc_backtrace(proc_t *p, proc_t *out);
term_t process_dump(proc_t *p);

#endif
