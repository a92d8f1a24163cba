/* etimer.h: the timer wheel. Interface of LING's etimer, with the VM as first argument.
 *
 * A hierarchical wheel: start and cancel are O(1), the closest timeout is found without walking
 * timers. Times are monotonic nanoseconds. A timer's message is held in a signal of its own, so it
 * survives its sender. Any thread (one lock). The thread that polls fires what is due when it wakes
 * up for it; a scheduler that is busy then does so between two processes, so that a timer need not
 * wait for the operating system to find that thread a processor. One thread fires at a time,
 * without the lock.
 */
#ifndef LING_TIMER_ETIMER_H
#define LING_TIMER_ETIMER_H

#include "vm/proc.h"

typedef struct etimer etimer_t;
/* Called when a timer with a C function fires; the timer is gone by then. */
typedef void (*etimer_fire_fn)(vm_t *vm, void *user);

bool etimer_init(vm_t *vm);
void etimer_free(vm_t *vm);
/* After timeout ns deliver msg (enveloped: {timeout, TRef, msg}) to dst: a local pid, or an atom
 * (registered name, looked up when it fires). ref_id: from vm_next_ref. 0; -1: no memory. sender:
 * the caller, may be NULL. */
int etimer_add(vm_t *vm, uint64_t ref_id, uint64_t timeout, term_t dst, term_t msg, proc_t *sender,
               int enveloped);
/* Same at an absolute monotonic time. */
int etimer_add_abs(vm_t *vm, uint64_t ref_id, uint64_t when, term_t dst, term_t msg, proc_t *sender,
                   int enveloped);
/* Any C client: fire(vm, user) at when, on the thread that polls. The handle is a number, never an
 * address. With threads fire may be running while etimer_stop returns false: user must then still
 * be valid (pass a pid, not a process). NULL: no memory. */
etimer_t *etimer_start(vm_t *vm, uint64_t when, etimer_fire_fn fire, void *user);
/* Same; fire may be called by a scheduler, too. */
etimer_t *etimer_start_anywhere(vm_t *vm, uint64_t when, etimer_fire_fn fire, void *user);
/* true: it had not fired and will not. A handle whose timer fired or was stopped is harmless. */
bool etimer_stop(vm_t *vm, etimer_t *t);
/* Monotonic time of the closest timer, HOST_FOREVER where there is none. Never late; may be early
 * (one idle wake-up) where the closest of a crowd of timers has been cancelled. */
uint64_t etimer_closest_timeout(vm_t *vm);
/* Fires what is due. Number fired; 0 as well where another thread is firing. Only the thread that
 * polls. */
size_t etimer_expired(vm_t *vm, uint64_t now);
/* Same on a scheduler, between two processes: only what was started anywhere, and messages. */
size_t etimer_expired_anywhere(vm_t *vm, uint64_t now);
/* 0 and the ns that were left; -1: no such timer. */
int etimer_cancel(vm_t *vm, uint64_t ref_id, int64_t *left_ns);
int etimer_read(vm_t *vm, uint64_t ref_id, int64_t *left_ns);
/* Cancels all timers to that process (its exit). */
void etimer_cancel_by_receiver(vm_t *vm, term_t dst);
/* Part of LING's interface: terms of pending timers a sender's collection must treat as roots.
 * Ours never has any (messages are copied); returns 0. */
typedef struct {
    term_t *starts, *ends;
} region_t;
int etimer_fill_root_regs(vm_t *vm, proc_t *sender, region_t *regs, int nr_expected);
size_t etimer_count(vm_t *vm);
#endif
