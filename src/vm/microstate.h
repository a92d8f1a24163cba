/* microstate.h: what each thread does with its time: statistics(microstate_accounting).
 * microstate.c.
 *
 * Nothing is counted until system_flag(microstate_accounting, true); until then a place where a
 * thread turns to something else costs the test of vm->watching it has anyway.
 */
#ifndef LING_VM_MICROSTATE_H
#define LING_VM_MICROSTATE_H

#include "vm/sysmon.h"

enum { MS_AUX, MS_CHECK_IO, MS_EMULATOR, MS_GC, MS_OTHER, MS_PORT, MS_SLEEP, MS_STATES };

/* Of one thread. It is written by the thread, and by who turns the counting on and off. */
typedef struct microstate {
    _Atomic(uint64_t) ns[MS_STATES];
    _Atomic(uint64_t) mark; /* when the present state began, times 8, plus the state; 0: not
                             * counted, or just being changed */
} microstate_t;

/* The calling thread turns to a state; the one it was in. m NULL: nobody counts. */
COLD int microstate_change(vm_t *vm, microstate_t *m, int state);
microstate_t *microstate_mine(vm_t *vm);      /* of the calling scheduler, or NULL */
microstate_t *microstate_of_poller(vm_t *vm); /* of the thread that polls */

static inline bool microstates_on(const vm_t *vm) { return sysmon_watches(vm, WATCH_STATES); }
static inline int microstate_enter(vm_t *vm, int state) {
    return microstates_on(vm) ? microstate_change(vm, microstate_mine(vm), state) : MS_OTHER;
}

/* As BIFs do. */
term_t microstate_flag(proc_t *p, term_t value);
term_t microstate_list(proc_t *p);

#endif
