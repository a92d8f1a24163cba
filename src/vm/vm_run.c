/* vm_run.c: vm_run: what the thread that calls it does: it fires timers, polls the host and, where
 * there are no scheduler threads, runs the processes in between.
 *
 * All decisions of a VM without threads depend on nothing but the order of events. Relies on
 * sched.c for slices and run queues, and on whatever else wants to be looked after by the thread
 * that polls: devices, ports, signals of the operating system, literals.
 */
#include "timer/etimer.h"
#include "vm/break_menu.h"
#include "vm/clock.h"
#include "vm/crash_dump.h"
#include "vm/fiber.h"
#include "vm/heap.h"
#include "vm/io.h"
#include "vm/literals.h"
#include "vm/os_signal.h"
#include "vm/port.h"
#include "vm/sched.h"
#include "vm/sched_internal.h"
#include "vm/sysmon.h"

#define ROUND_REDS  8000 /* N = 0: between two looks at the timers */

#define POLL_ROUNDS 16 /* N = 0: between two looks at the devices */
#define ONCE_ROUNDS 64 /* N = 0: VM_RUN_ONCE returns after so many */

static bool devices_left(vm_t *vm) {
    return io_pending(vm) != 0 || outlets_pending(vm) || os_signal_is_due(vm);
}

/* Lets devices speak until the deadline. false: nothing can ever happen any more. */
static bool poll(vm_t *vm, uint64_t deadline) {
    io_poll(vm);
    os_signal_poll(vm);
    outlets_poll(vm);
    if (vm->threaded &&
        atomic_load_explicit(&sched_shared(vm)->nforeign, memory_order_relaxed) >= RECLAIM_AT)
        epoch_reclaim_foreign(vm);
    if (deadline != 0 && !vm->threaded) {
        heap_spare_free(vm->scheds[0]);
        fiber_spare_free(vm->scheds[0]);
    }
    if (!vm->threaded) idle_begin(vm, vm->scheds[0]->priv);
    /* Whether it sleeps in there only the host knows; with a deadline it mostly does. */
    bool counted = microstates_on(vm);
    if (UNLIKELY(counted))
        microstate_change(vm, microstate_of_poller(vm), deadline ? MS_SLEEP : MS_CHECK_IO);
    bool more = vm->host->ops->wait(vm->host, clock_host_time(vm, deadline));
    if (!vm->threaded) idle_end(vm, vm->scheds[0]->priv);
    if (UNLIKELY(counted)) microstate_change(vm, microstate_of_poller(vm), MS_OTHER);
    if (UNLIKELY(os_signal_break_asked(vm))) break_menu(vm);
    outlets_poll(vm);
    return more;
}

/* Fires what is due. Monotonic time of the closest timer left. */
static uint64_t expire(vm_t *vm) {
    uint64_t closest = etimer_closest_timeout(vm);
    if (closest == HOST_FOREVER) return closest;
    uint64_t now = vm_now(vm);
    clock_look(vm, now);
    if (closest > now) return closest;
    vm_visit_t v = vm_enter(vm);
    etimer_expired(vm, now);
    vm_leave(vm, v);
    return etimer_closest_timeout(vm);
}

/* The same, with what leaving literals wants done (literals.h). */
static uint64_t do_what_is_due(vm_t *vm) {
    uint64_t closest = expire(vm);
    if (LIKELY(!literals_due(vm))) return closest;
    uint64_t at = literals_step(vm);
    return at < closest ? at : closest;
}

/* Runs processes for about ROUND_REDS. false: none was runnable. */
static bool run_round(vm_t *vm, sched_t *s) {
    int32_t budget = ROUND_REDS;
    while (budget > 0 && !vm_is_halting(vm)) {
        proc_t *p = rq_pop(vm, &s->priv->rq);
        if (!p) break;
        budget -= (int32_t)sched_run(s, p) + ROUND_SWITCH;
    }
    return budget != ROUND_REDS;
}

static inline bool has_runnable(sched_t *s) {
    return atomic_load_explicit(&s->priv->rq.total, memory_order_relaxed) != 0;
}

/* Something is left to do, now or later. */
static int is_left(vm_t *vm) {
    return has_runnable(vm->scheds[0]) || etimer_closest_timeout(vm) != HOST_FOREVER ||
           devices_left(vm);
}

static int run_here(vm_t *vm, int mode) {
    sched_t *s = vm->scheds[0];
    bool progress = false, waited = false, slept = false;
    for (unsigned round = 1;; round++) {
        if (UNLIKELY(slept) && has_runnable(s)) {
            sysmon_scheduler(s, true, 1);
            slept = false;
        }
        progress |= run_round(vm, s);
        if (vm_is_halting(vm)) return 2;
        uint64_t closest = do_what_is_due(vm);
        if (has_runnable(s)) {
            if (round % POLL_ROUNDS == 0) poll(vm, 0);
            if (mode != VM_RUN_DEFAULT && round >= ONCE_ROUNDS) return 1;
            if (mode == VM_RUN_DEFAULT) waited = false;
            continue;
        }
        /* Everybody sleeps. */
        if (mode != VM_RUN_DEFAULT && (waited || (progress && mode == VM_RUN_ONCE)))
            return is_left(vm);
        bool over = closest == HOST_FOREVER && !devices_left(vm);
        if (over && waited) return 0;
        waited = over || mode != VM_RUN_DEFAULT;
        if (sysmon_watches(vm, WATCH_SCHEDULERS)) {
            sysmon_scheduler(s, false, 0);
            if (has_runnable(s)) continue; /* the profiler */
            slept = true;
        }
        /* Even when nothing is left a wake or a callback may be pending. */
        bool more = poll(vm, over || mode == VM_RUN_NOWAIT ? 0 : closest);
        if (!more && !has_runnable(s) && etimer_closest_timeout(vm) == HOST_FOREVER)
            return vm_is_halting(vm) ? 2 : 0;
    }
}

static int run_polling(vm_t *vm, int mode) {
    for (bool first = true;; first = false) {
        if (vm_is_halting(vm)) return 2;
        uint64_t closest = do_what_is_due(vm);
        bool idle_now = sched_all_idle(vm);
        bool over = idle_now && closest == HOST_FOREVER && !devices_left(vm);
        if (mode == VM_RUN_NOWAIT || over) {
            poll(vm, 0);
            if (vm_is_halting(vm)) return 2;
            expire(vm);
            over = sched_all_idle(vm) && etimer_closest_timeout(vm) == HOST_FOREVER &&
                   !devices_left(vm);
            if (over) return 0;
            if (mode == VM_RUN_NOWAIT) return 1;
            continue;
        }
        if (mode == VM_RUN_ONCE && !first) return 1;
        poll(vm, closest);
    }
}

int vm_run(vm_t *vm, int mode) {
    if (vm->nthreads && !vm->threaded && sched_start(vm) != 0) return 0;
    /* outer: another VM's, whose code runs this one. */
    sched_t *outer = vm->nthreads ? NULL : sched_set_current(vm->scheds[0]);
    int left = vm->nthreads ? run_polling(vm, mode) : run_here(vm, mode);
    if (UNLIKELY(left == 2) && atomic_load_explicit(&vm->crash, memory_order_acquire)) {
        sched_wait_stopped(vm);
        crash_dump(vm);
    }
    if (left == 2 && vm->halt_flush) outlets_flush(vm);
    if (!vm->nthreads) sched_set_current(outer);
    return left;
}

uint64_t vm_next_deadline(vm_t *vm) {
    if (!vm->threaded && has_runnable(vm->scheds[0])) return vm_now(vm);
    uint64_t timer = etimer_closest_timeout(vm), at = literals_next(vm);
    return at < timer ? at : timer;
}
