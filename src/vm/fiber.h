/* fiber.h: stacks of their own for BIFs that take long.
 *
 * A BIF that may take long is plain C that says bif_tick from time to time. It begins on the
 * scheduler's stack, so that a short call costs nothing. The first tick that finds the time slice
 * used up makes it return; it is then called once more, on a stack of its own (a fiber), where a
 * tick can leave it in the middle and come back in the process's next slice. Until it is done
 * nothing of the process's heap moves: no collection runs, so C locals may hold terms throughout.
 * fiber.c; the engine and the end of a process are the only other users.
 */
#ifndef LING_VM_FIBER_H
#define LING_VM_FIBER_H

#include "vm/bif.h"

/* The engine saves and restores the X registers that live while the process does not run. */
void fiber_save(proc_t *p, const term_t *x, unsigned live);
void fiber_restore(proc_t *p, term_t *x);
/* The process ends: its BIF is told to stop and releases what it holds. */
void fiber_cancel(proc_t *p);
/* Gives back the stack a scheduler keeps for the next one. */
void fiber_spare_free(sched_t *s);

#endif
