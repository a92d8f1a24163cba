/* microstate.c: see microstate.h. Times are of the host's monotonic clock, in its unit, which is
 * that of os:perf_counter/0. Relies on sched_internal.h for the threads there are.
 */
#include "vm/microstate.h"
#include "vm/info_terms.h"
#include "vm/map.h"
#include "vm/sched_internal.h"

#define GET(x) atomic_load_explicit(&(x), memory_order_acquire)

enum { STATE_BITS = 3 };
static uint64_t mark_of(uint64_t now, int state) { return now << STATE_BITS | (unsigned)state; }
static int mark_state(uint64_t mark) { return (int)(mark & ((1 << STATE_BITS) - 1)); }

/* Adds what has passed since the mark. */
static void settle(microstate_t *m, uint64_t mark, uint64_t now) {
    uint64_t since = mark >> STATE_BITS;
    if (mark && now > since)
        atomic_fetch_add_explicit(&m->ns[mark_state(mark)], now - since, memory_order_acq_rel);
}

int microstate_change(vm_t *vm, microstate_t *m, int state) {
    if (!m) return MS_OTHER;
    uint64_t now = vm_host_now(vm), before = atomic_exchange(&m->mark, 0);
    settle(m, before, now);
    atomic_store(&m->mark, mark_of(now, state));
    /* Turned off just then: who did so may have come between. */
    if (!microstates_on(vm)) atomic_store(&m->mark, 0);
    return before ? mark_state(before) : MS_OTHER;
}

microstate_t *microstate_mine(vm_t *vm) {
    sched_t *s = sched_current(vm);
    return s ? &s->priv->microstate : NULL;
}
microstate_t *microstate_of_poller(vm_t *vm) {
    return vm->threaded ? &sched_shared(vm)->poller : &vm->scheds[0]->priv->microstate;
}

/* ---- all threads ---- */

/* Thread i of all that are counted: schedulers, dirty ones, the one that polls where it is none of
 * these. NULL: there are no more. *asleep: it sleeps or has not been started. */
static microstate_t *thread_at(vm_t *vm, unsigned i, bool *asleep) {
    unsigned n = vm->nscheds + dirty_count(vm, DIRTY_CPU) + dirty_count(vm, DIRTY_IO);
    struct sched_priv *q = sched_priv_at(vm, i);
    if (!vm->threaded) n = 1;
    if (q && i < n) {
        *asleep = (GET(q->idle) & 1) || (i >= vm->nscheds && !GET(q->started));
        return &q->microstate;
    }
    *asleep = true;
    return vm->threaded && i == n ? &sched_shared(vm)->poller : NULL;
}

static void begin(vm_t *vm) {
    microstate_t *m;
    bool asleep;
    for (unsigned i = 0; (m = thread_at(vm, i, &asleep)) != NULL; i++) {
        uint64_t none = 0, mark = mark_of(vm_host_now(vm), asleep ? MS_SLEEP : MS_EMULATOR);
        atomic_compare_exchange_strong(&m->mark, &none, mark);
    }
}

static void end(vm_t *vm) {
    microstate_t *m;
    bool asleep;
    for (unsigned i = 0; (m = thread_at(vm, i, &asleep)) != NULL; i++)
        settle(m, atomic_exchange(&m->mark, 0), vm_host_now(vm));
}

static void reset(vm_t *vm) {
    microstate_t *m;
    bool asleep;
    for (unsigned i = 0; (m = thread_at(vm, i, &asleep)) != NULL; i++) {
        uint64_t mark = GET(m->mark);
        while (mark && !atomic_compare_exchange_weak(&m->mark, &mark,
                                                     mark_of(vm_host_now(vm), mark_state(mark)))) {
        }
        for (int k = 0; k < MS_STATES; k++) atomic_store(&m->ns[k], 0);
    }
}

term_t microstate_flag(proc_t *p, term_t value) {
    vm_t *vm = p->vm;
    bool was = microstates_on(vm);
    if (value == A_reset) {
        reset(vm);
    } else if (value == A_true) {
        was = atomic_fetch_or(&vm->watching, WATCH_STATES) & WATCH_STATES;
        if (!was) begin(vm);
    } else if (value == A_false) {
        was = atomic_fetch_and(&vm->watching, ~(uint32_t)WATCH_STATES) & WATCH_STATES;
        if (was) end(vm);
    } else {
        return bif_badarg(p);
    }
    return make_bool(was);
}

/* ---- what was counted ---- */

static term_t counters(proc_t *p, microstate_t *m) {
    static const uint32_t names[MS_STATES] = {A_aux,   A_check_io, A_emulator, A_gc,
                                              A_other, A_port,     A_sleep};
    uint64_t ns[MS_STATES], mark, now;
    unsigned tries = 0;
    do { /* until nothing has changed meanwhile */
        mark = GET(m->mark);
        for (int k = 0; k < MS_STATES; k++) ns[k] = GET(m->ns[k]);
        now = vm_host_now(p->vm);
    } while (GET(m->mark) != mark && ++tries < 100);
    uint64_t since = mark >> STATE_BITS;
    if (mark && now > since) ns[mark_state(mark)] += now - since;
    term_t kv[2 * MS_STATES];
    for (int k = 0; k < MS_STATES; k++) {
        kv[2 * k] = names[k];
        kv[2 * k + 1] = number(p, ns[k]);
        if (kv[2 * k + 1] == TERM_NONE) return TERM_NONE;
    }
    return map_from_pairs(p, kv, MS_STATES);
}

term_t microstate_list(proc_t *p) {
    vm_t *vm = p->vm;
    term_t l = TERM_NIL;
    microstate_t *m;
    bool asleep;
    unsigned cpu = dirty_count(vm, DIRTY_CPU), io = dirty_count(vm, DIRTY_IO);
    for (unsigned i = 0; (m = thread_at(vm, i, &asleep)) != NULL; i++) {
        unsigned id = i + 1;
        term_t type = A_scheduler;
        if (i >= vm->nscheds) id -= vm->nscheds, type = A_dirty_cpu_scheduler;
        if (i >= vm->nscheds + cpu) id -= cpu, type = A_dirty_io_scheduler;
        if (i >= vm->nscheds + cpu + io) id = 0, type = A_poll;
        term_t c = counters(p, m);
        if (c == TERM_NONE) return bif_oom(p);
        term_t kv[] = {A_counters, c, A_id, make_small(id), A_type, type};
        l = push(p, map_from_pairs(p, kv, 3), l);
    }
    return or_oom(p, l);
}
