/* sysmon.h: events of the whole system: erlang:system_monitor and erlang:system_profile.
 *
 * vm->watching says which kinds of events anybody wants to hear of; paths that are not hot test it
 * and call the cold functions here. Settings are single atomic words, any thread reads them.
 */
#ifndef LING_VM_SYSMON_H
#define LING_VM_SYSMON_H

#include "vm/process.h"

/* vm->watching */
enum {
    WATCH_GC = 1,
    WATCH_SCHEDULE = 2,
    WATCH_BUSY_PORT = 4,
    WATCH_PROCS = 8,
    WATCH_PORTS = 16,
    WATCH_SCHEDULERS = 32,
    WATCH_EXCLUSIVE = 64, /* processes that call ports are not runnable meanwhile */
    WATCH_STATES = 128    /* microstate.h */
};

static inline bool sysmon_watches(const vm_t *vm, uint32_t what) {
    return UNLIKELY(atomic_load_explicit(&vm->watching, memory_order_relaxed) & what);
}

bool sysmon_init(vm_t *vm);
void sysmon_free(vm_t *vm);

/* p has collected its heap since then (vm_now). */
COLD void sysmon_collected(proc_t *p, uint64_t since);
/* One slice of p, with a look at how long it takes. */
COLD int sysmon_run(sched_t *s, proc_t *p);
/* p is suspended until the port is no longer busy. */
COLD void sysmon_busy_port(proc_t *p, term_t port);
/* p, which does not run, becomes runnable, or stops being so. is_over: it has ended. */
COLD void sysmon_runnable(proc_t *p, bool active, bool is_over);

/* A port runs for something that a device or timer brings, or a signal; it stops doing so. since:
 * when it began (vm_now). */
COLD void sysmon_port_runs(vm_t *vm, term_t port);
COLD void sysmon_port_stops(vm_t *vm, term_t port, term_t op, uint64_t since);
/* s finds nothing to do, or again something; n: so many schedulers have now. */
COLD void sysmon_scheduler(sched_t *s, bool active, uint32_t n);

#endif
