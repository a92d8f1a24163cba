/* sysmon.c: events of the whole system (sysmon.h) and the BIFs that ask for them. Messages are put
 * together on the C stack, as those of tracers are.
 */
#include "vm/sysmon.h"
#include "vm/microstate.h"
#include "vm/bif.h"
#include "vm/code.h"
#include "vm/engine.h"
#include "vm/sched_internal.h"
#include "vm/trace.h"

#define MIN_LARGE_HEAP 16384 /* words, as in OTP */

/* What is asked for; 0: nothing. */
struct sysmon {
    spin_t lock; /* writers */
    _Atomic(term_t) monitor;
    _Atomic(uint64_t) long_gc, long_schedule; /* ms */
    _Atomic(uint64_t) large_heap;             /* words */
    _Atomic(bool) busy_port, busy_dist_port;
    _Atomic(term_t) profiler;
    _Atomic(uint32_t) profile;  /* PROFILE_* */
    _Atomic(uint32_t) stamps;   /* TF_*_TS */
    _Atomic(uint32_t) sessions; /* so many calls of system_profile/2 */
};
enum { PROFILE_EXCLUSIVE = 1, PROFILE_SCHEDULER = 2, PROFILE_PROCS = 4, PROFILE_PORTS = 8 };

bool sysmon_init(vm_t *vm) {
    vm->sysmon = mem_calloc(vm, sizeof *vm->sysmon);
    if (vm->sysmon) atomic_flag_clear(&vm->sysmon->lock.held);
    return vm->sysmon != NULL;
}
void sysmon_free(vm_t *vm) {
    if (vm->sysmon) mem_free(vm, vm->sysmon, sizeof *vm->sysmon);
    vm->sysmon = NULL;
}

#define GET(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define PUT(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/* Under the lock. */
static void watch(vm_t *vm, const struct sysmon *m) {
    uint32_t w = 0;
    if (GET(m->monitor)) {
        if (GET(m->long_gc) || GET(m->large_heap)) w |= WATCH_GC;
        if (GET(m->long_schedule)) w |= WATCH_SCHEDULE;
        if (GET(m->busy_port)) w |= WATCH_BUSY_PORT;
    }
    uint32_t profile = GET(m->profiler) ? GET(m->profile) : 0;
    if (profile & PROFILE_PROCS) w |= WATCH_PROCS;
    if (profile & PROFILE_PORTS) w |= WATCH_PORTS;
    if (profile & PROFILE_SCHEDULER) w |= WATCH_SCHEDULERS;
    if (profile & PROFILE_PROCS && profile & PROFILE_EXCLUSIVE) w |= WATCH_EXCLUSIVE;
    uint32_t old = atomic_load_explicit(&vm->watching, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&vm->watching, &old, (old & WATCH_STATES) | w)) {
    }
}

/* ---- telling ---- */

static void tell(vm_t *vm, _Atomic(term_t) *who, term_t msg) {
    struct sysmon *m = vm->sysmon;
    term_t to = GET(*who);
    if (!to || tracer_send(vm, to, msg)) return;
    spin_lock(vm, &m->lock); /* it is gone */
    if (GET(*who) == to) PUT(*who, 0);
    watch(vm, m);
    spin_unlock(vm, &m->lock);
}

static void tell_monitor(proc_t *p, term_t what, term_t info) {
    term_t words[5], *hp = words;
    if (GET(p->vm->sysmon->monitor) == p->pid) return; /* not of itself */
    tell(p->vm, &p->vm->sysmon->monitor, tuple4(&hp, A_monitor, p->pid, what, info));
}

static term_t pair(term_t **hp, term_t tag, term_t value, term_t list) {
    term_t t = tuple2(hp, tag, value);
    return cons(hp, t, list);
}
static term_t number(term_t **hp, term_t tag, size_t value, term_t list) {
    return pair(hp, tag, make_small((int64_t)value), list);
}

void sysmon_collected(proc_t *p, uint64_t since) {
    const struct sysmon *m = p->vm->sysmon;
    uint64_t ms = (vm_now(p->vm) - since) / 1000000;
    uint64_t long_gc = GET(m->long_gc), large = GET(m->large_heap);
    size_t young = heap_block_words(p), old = (size_t)(p->old_end - p->old_heap);
    term_t words[7 * 5], *hp = words, list = TERM_NIL;
    list = number(&hp, A_heap_size, (size_t)(p->htop - p->heap), list);
    list = number(&hp, A_old_heap_size, (size_t)(p->old_top - p->old_heap), list);
    list = number(&hp, A_stack_size, (size_t)(p->hend - p->sp), list);
    list = number(&hp, A_mbuf_size, p->frag_words, list);
    list = number(&hp, A_heap_block_size, young, list);
    list = number(&hp, A_old_heap_block_size, old, list);
    if (long_gc && ms >= long_gc) tell_monitor(p, A_long_gc, number(&hp, A_timeout, ms, list));
    if (large && young + old + p->frag_words > large) tell_monitor(p, A_large_heap, list);
}

int sysmon_run(sched_t *s, proc_t *p) {
    vm_t *vm = p->vm;
    uint64_t limit = GET(vm->sysmon->long_schedule), since = vm_now(vm);
    microstate_enter(vm, MS_EMULATOR);
    if (!limit || s->dirty) {
        int only_run = engine_run(s, p);
        microstate_enter(vm, MS_OTHER);
        return only_run;
    }
    term_t words[4 + 4 + 3 * 5], *hp = words, in = trace_where(p, true, &hp, A_undefined);
    int result = engine_run(s, p);
    uint64_t ms = (vm_now(vm) - since) / 1000000;
    microstate_enter(vm, MS_OTHER);
    if (ms < limit) return result;
    term_t out = result == RUN_EXIT ? (term_t)A_undefined : trace_where(p, false, &hp, A_undefined);
    term_t list = pair(&hp, A_out, out, TERM_NIL);
    list = pair(&hp, A_in, in, list);
    tell_monitor(p, A_long_schedule, number(&hp, A_timeout, ms, list));
    return result;
}

void sysmon_busy_port(proc_t *p, term_t port) { tell_monitor(p, A_busy_port, port); }

void sysmon_runnable(proc_t *p, bool active, bool is_over) {
    vm_t *vm = p->vm;
    struct sysmon *m = vm->sysmon;
    term_t words[4 + 8 + 6], *hp = words;
    if (GET(m->profiler) == p->pid) return; /* not of itself */
    term_t where = is_over ? 0 : trace_where(p, active, &hp, 0);
    term_t ts = trace_stamp(vm, GET(m->stamps), &hp);
    tell(vm, &m->profiler,
         tuple5(&hp, A_profile, p->pid, active ? A_active : A_inactive, where, ts));
}

static void tell_port(vm_t *vm, term_t port, bool active) {
    struct sysmon *m = vm->sysmon;
    term_t words[8 + 6], *hp = words;
    if (GET(m->profiler) == port) return; /* not of itself */
    term_t ts = trace_stamp(vm, GET(m->stamps), &hp);
    tell(vm, &m->profiler, tuple5(&hp, A_profile, port, active ? A_active : A_inactive, 0, ts));
}
void sysmon_port_runs(vm_t *vm, term_t port) {
    if (sysmon_watches(vm, WATCH_PORTS)) tell_port(vm, port, true);
}
void sysmon_port_stops(vm_t *vm, term_t port, term_t op, uint64_t since) {
    if (sysmon_watches(vm, WATCH_PORTS)) tell_port(vm, port, false);
    if (!sysmon_watches(vm, WATCH_SCHEDULE)) return;
    uint64_t limit = GET(vm->sysmon->long_schedule), ms = (vm_now(vm) - since) / 1000000;
    if (!limit || ms < limit) return;
    term_t words[2 * 5 + 5], *hp = words, list = pair(&hp, A_port_op, op, TERM_NIL);
    list = number(&hp, A_timeout, ms, list);
    tell(vm, &vm->sysmon->monitor, tuple4(&hp, A_monitor, port, A_long_schedule, list));
}

/* A scheduler that only runs the profiler, to tell it that nothing runs, stays inactive. Others it
 * ran before it slept count for nothing, too. */
void sysmon_scheduler(sched_t *s, bool active, uint32_t n) {
    vm_t *vm = s->vm;
    struct sysmon *m = vm->sysmon;
    struct sched_priv *q = s->priv;
    uint32_t session = GET(m->sessions);
    bool was_idle = q->told_idle_in == session;
    if (was_idle == !active) return;
    q->told_idle_in = active ? 0 : session;
    term_t words[8 + 7], *hp = words;
    term_t ts = trace_stamp(vm, GET(m->stamps), &hp);
    term_t *t = hp;
    t[0] = make_header(T_TUPLE, 6);
    t[1] = A_profile;
    t[2] = A_scheduler;
    t[3] = make_small(s->id);
    t[4] = active ? A_active : A_inactive;
    t[5] = make_small(n);
    t[6] = ts;
    tell(vm, &m->profiler, make_boxed(t));
}

/* ---- erlang:system_monitor ---- */

/* Settings on p's heap, or undefined; a monitor that is gone is forgotten. NONE: no memory. */
static term_t monitor_term(proc_t *p) {
    const struct sysmon *m = p->vm->sysmon;
    term_t who = GET(m->monitor), list = TERM_NIL;
    if (!who || !proc_lookup(p->vm, who)) return A_undefined;
    enum { WORDS = 3 * 5 + 2 * 2 + 3 };
    term_t *hp = heap_alloc(p, WORDS), *end = hp + WORDS;
    if (!hp) return TERM_NONE;
    if (GET(m->long_gc)) list = number(&hp, A_long_gc, GET(m->long_gc), list);
    if (GET(m->long_schedule)) list = number(&hp, A_long_schedule, GET(m->long_schedule), list);
    if (GET(m->large_heap)) list = number(&hp, A_large_heap, GET(m->large_heap), list);
    if (GET(m->busy_port)) list = cons(&hp, A_busy_port, list);
    if (GET(m->busy_dist_port)) list = cons(&hp, A_busy_dist_port, list);
    term_t t = tuple2(&hp, who, list);
    heap_release(p, hp, end);
    return t;
}

typedef struct {
    uint64_t long_gc, long_schedule, large_heap;
    bool busy_port, busy_dist_port;
} monitor_opts_t;

static bool monitor_option(term_t t, monitor_opts_t *o) {
    if (t == A_busy_port) return o->busy_port = true;
    if (t == A_busy_dist_port) return o->busy_dist_port = true;
    if (!is_tuple_of(t, 2) || !is_small(tuple_elem(t, 2)) || small_value(tuple_elem(t, 2)) < 0)
        return false;
    uint64_t n = (uint64_t)small_value(tuple_elem(t, 2)), ms = n ? n : 1;
    switch (tuple_elem(t, 1)) {
    case A_long_gc: o->long_gc = ms; return true;
    case A_long_schedule: o->long_schedule = ms; return true;
    case A_large_heap: o->large_heap = n < MIN_LARGE_HEAP ? MIN_LARGE_HEAP : n; return true;
    default: return false;
    }
}

static term_t set_monitor(proc_t *p, term_t who, term_t opts) {
    vm_t *vm = p->vm;
    struct sysmon *m = vm->sysmon;
    monitor_opts_t o = {0};
    if (who != A_undefined && !is_nil(opts)) {
        term_t l = opts;
        if (!is_local_pid(who) || !proc_lookup(vm, who)) return bif_badarg(p);
        for (; is_cons(l); l = cons_tail(l))
            if (!monitor_option(cons_head(l), &o)) return bif_badarg(p);
        if (!is_nil(l)) return bif_badarg(p);
    }
    bool off = who == A_undefined || is_nil(opts);
    term_t old = monitor_term(p);
    if (old == TERM_NONE) return bif_oom(p);
    spin_lock(vm, &m->lock);
    PUT(m->long_gc, o.long_gc);
    PUT(m->long_schedule, o.long_schedule);
    PUT(m->large_heap, o.large_heap);
    PUT(m->busy_port, o.busy_port);
    PUT(m->busy_dist_port, o.busy_dist_port);
    PUT(m->monitor, off ? 0 : who);
    watch(vm, m);
    spin_unlock(vm, &m->lock);
    return old;
}

static BIF(system_monitor_0) {
    (void)a;
    term_t t = monitor_term(p);
    return t == TERM_NONE ? bif_oom(p) : t;
}
static BIF(system_monitor_1) {
    if (a[0] == A_undefined) return set_monitor(p, a[0], TERM_NIL);
    if (!is_tuple_of(a[0], 2)) return bif_badarg(p);
    return set_monitor(p, tuple_elem(a[0], 1), tuple_elem(a[0], 2));
}
static BIF(system_monitor_2) { return set_monitor(p, a[0], a[1]); }

/* ---- erlang:system_profile ---- */

static term_t profile_term(proc_t *p) {
    const struct sysmon *m = p->vm->sysmon;
    static const struct {
        uint32_t flag, name;
    } names[] = {{PROFILE_PORTS, A_runnable_ports},
                 {PROFILE_PROCS, A_runnable_procs},
                 {PROFILE_SCHEDULER, A_scheduler},
                 {PROFILE_EXCLUSIVE, A_exclusive}};
    term_t who = GET(m->profiler), list = TERM_NIL;
    if (!who || !tracer_lives(p->vm, who, A_undefined)) return A_undefined;
    enum { WORDS = 4 * 2 + 3 };
    term_t *hp = heap_alloc(p, WORDS), *end = hp + WORDS;
    if (!hp) return TERM_NONE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (GET(m->profile) & names[i].flag) list = cons(&hp, names[i].name, list);
    term_t t = tuple2(&hp, who, list);
    heap_release(p, hp, end);
    return t;
}

static bool profile_option(term_t t, uint32_t *flags, uint32_t *stamps) {
    switch (t) {
    case A_exclusive: *flags |= PROFILE_EXCLUSIVE; return true;
    case A_scheduler: *flags |= PROFILE_SCHEDULER; return true;
    case A_runnable_procs: *flags |= PROFILE_PROCS; return true;
    case A_runnable_ports: *flags |= PROFILE_PORTS; return true;
    case A_timestamp: *stamps = TF_NOW_TS; return true;
    case A_monotonic_timestamp: *stamps = TF_MONO_TS; return true;
    case A_strict_monotonic_timestamp: *stamps = TF_STRICT_TS; return true;
    default: return false;
    }
}

static BIF(system_profile_0) {
    (void)a;
    term_t t = profile_term(p);
    return t == TERM_NONE ? bif_oom(p) : t;
}
static BIF(system_profile_2) {
    vm_t *vm = p->vm;
    struct sysmon *m = vm->sysmon;
    uint32_t flags = 0, stamps = TF_NOW_TS;
    if (a[0] != A_undefined && !is_nil(a[1])) {
        term_t l = a[1];
        if (tracer_is_module(a[0]) || !tracer_lives(vm, a[0], A_undefined)) return bif_badarg(p);
        for (; is_cons(l); l = cons_tail(l))
            if (!profile_option(cons_head(l), &flags, &stamps)) return bif_badarg(p);
        if (!is_nil(l)) return bif_badarg(p);
    }
    term_t old = profile_term(p);
    if (old == TERM_NONE) return bif_oom(p);
    spin_lock(vm, &m->lock);
    PUT(m->profile, flags);
    PUT(m->stamps, stamps);
    PUT(m->sessions, GET(m->sessions) + 1);
    PUT(m->profiler, flags ? a[0] : 0);
    watch(vm, m);
    spin_unlock(vm, &m->lock);
    return old;
}

const bif_def_t bifs_sysmon[] = {
    {"erlang", "system_monitor", 0, system_monitor_0, 0},
    {"erlang", "system_monitor", 1, system_monitor_1, 0},
    {"erlang", "system_monitor", 2, system_monitor_2, 0},
    {"erlang", "system_profile", 0, system_profile_0, 0},
    {"erlang", "system_profile", 2, system_profile_2, 0},
    {0},
};
