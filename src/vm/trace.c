/* trace.c: traced processes and what is told about them (see trace.h). Messages are put together
 * on the C stack and copied once, into the signal for the tracer: a traced process's heap does not
 * grow by being traced. Relies on signals, names of places in code, match specifications.
 */
#include "vm/trace.h"
#include "vm/clock.h"
#include "vm/copy.h"
#include "vm/engine.h"
#include "vm/heap.h"
#include "vm/port.h"
#include "vm/proc_ext.h"

/* ---- life ---- */

bool trace_init(vm_t *vm) {
    struct trace_state *ts = vm->trace = mem_calloc(vm, sizeof *ts);
    if (!ts) return false;
    atomic_flag_clear(&ts->lock.held);
    ts->on_load_meta = TERM_NIL;
    engine_trace_init(vm);
    return true;
}

/* ---- specifications ---- */

trace_spec_t *trace_spec_new(proc_t *p, term_t source, ms_t *ms) {
    vm_t *vm = p->vm;
    trace_spec_t *s = mem_alloc(vm, sizeof *s);
    signal_t *src = s ? signal_new_whole(vm, p->sched, SIG_FRAGMENT, source, 0) : NULL;
    if (!src) {
        mem_free(vm, s, sizeof *s);
        if (ms) ms_release(ms);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->vm = vm;
    s->ms = ms;
    s->source = src;
    return s;
}
void trace_spec_keep(trace_spec_t *s) {
    if (s) atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}
void trace_spec_release(trace_spec_t *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    if (s->ms) ms_release(s->ms);
    signal_free(s->vm, NULL, s->source);
    mem_free(s->vm, s, sizeof *s);
}

/* ---- switching ---- */

static const struct {
    uint32_t atom, flag;
} flag_names[] = {
    /* the last one is first in trace_info's list */
    {A_timestamp, TF_NOW_TS},
    {A_strict_monotonic_timestamp, TF_STRICT_TS},
    {A_monotonic_timestamp, TF_MONO_TS},
    {A_send, TF_SEND},
    {A_receive_, TF_RECEIVE},
    {A_set_on_spawn, TF_ON_SPAWN},
    {A_call, TF_CALL},
    {A_procs, TF_PROCS},
    {A_set_on_first_spawn, TF_ON_FIRST_SPAWN},
    {A_set_on_link, TF_ON_LINK},
    {A_set_on_first_link, TF_ON_FIRST_LINK},
    {A_running, TF_RUNNING},
    {A_exiting, TF_EXITING},
    {A_garbage_collection, TF_GC},
    {A_arity, TF_ARITY},
    {A_return_to, TF_RETURN_TO},
    {A_silent, TF_SILENT},
    {A_scheduler_id, TF_SCHED_ID},
    {A_ports, TF_PORTS},
    {A_running_ports, TF_RUNNING_PORTS},
    {A_running_procs, TF_RUNNING_PROCS},
};
#define FLAG_NAMES (sizeof flag_names / sizeof *flag_names)

uint32_t trace_flag_of(term_t atom) {
    for (size_t i = 0; i < FLAG_NAMES; i++)
        if (flag_names[i].atom == atom) return flag_names[i].flag;
    if (atom == A_cpu_timestamp) return TF_CPU_TS;
    return atom == A_all ? TF_ALL : 0;
}

term_t trace_flags_list(proc_t *p, uint32_t flags) {
    term_t *hp = heap_alloc(p, 2 * FLAG_NAMES), *end = hp + 2 * FLAG_NAMES, list = TERM_NIL;
    if (!hp) return TERM_NONE;
    for (size_t i = 0; i < FLAG_NAMES; i++)
        if (flags & flag_names[i].flag) list = cons(&hp, flag_names[i].atom, list);
    heap_release(p, hp, end);
    return list;
}

static void trace_release(vm_t *vm, void *t) { mem_free(vm, t, sizeof(trace_t)); }

/* Under the lock: *at becomes what is given. false: no memory. */
static bool replace(vm_t *vm, _Atomic(const trace_t *) *at, uint32_t flags, term_t tracer) {
    const trace_t *old = atomic_load_explicit(at, memory_order_relaxed);
    trace_t *t = NULL;
    if (flags) {
        if (old && old->flags == flags && old->tracer == tracer) return true;
        t = mem_alloc(vm, sizeof *t);
        if (!t) return false;
        *t = (trace_t){flags, tracer};
    }
    atomic_store_explicit(at, t, memory_order_release);
    if (old) sched_defer_free(vm, (void *)(uintptr_t)old, trace_release);
    return true;
}

/* Under the lock; a tracer module has been asked before (drop_dead). */
static int change(vm_t *vm, _Atomic(const trace_t *) *at, bool on, uint32_t flags, term_t tracer) {
    const trace_t *old = atomic_load_explicit(at, memory_order_relaxed);
    if (old && !tracer_is_module(old->tracer) && !tracer_lives(vm, old->tracer, TERM_NIL)) {
        replace(vm, at, 0, TERM_NIL);
        old = NULL;
    }
    uint32_t now = old ? old->flags : 0;
    if (on) {
        if (old && old->tracer != tracer) return TRACE_TAKEN;
        now |= flags;
    } else {
        now &= ~flags;
        if (old) tracer = old->tracer;
    }
    return replace(vm, at, now, tracer) ? TRACE_DONE : TRACE_NO_MEMORY;
}

void trace_lose(vm_t *vm, _Atomic(const trace_t *) *at, const trace_t *t) {
    spin_lock(vm, &vm->trace->lock);
    if (atomic_load_explicit(at, memory_order_relaxed) == t) replace(vm, at, 0, TERM_NIL);
    spin_unlock(vm, &vm->trace->lock);
}

static void drop_dead(vm_t *vm, _Atomic(const trace_t *) *at, term_t tracee) {
    const trace_t *t = atomic_load_explicit(at, memory_order_acquire);
    if (t && tracer_is_module(t->tracer) && !tracer_lives(vm, t->tracer, tracee))
        trace_lose(vm, at, t);
}

/* state: a process's or port's, where the bits for its end are the same. */
static int change_living(vm_t *vm, _Atomic(const trace_t *) *at, _Atomic(uint32_t) *state,
                         term_t tracee, bool on, uint32_t flags, term_t tracer) {
    struct trace_state *ts = vm->trace;
    int r = TRACE_GONE;
    drop_dead(vm, at, tracee);
    spin_lock(vm, &ts->lock);
    if (!(atomic_load_explicit(state, memory_order_seq_cst) & (PS_EXITING | PS_FREE)))
        r = change(vm, at, on, flags, tracer);
    spin_unlock(vm, &ts->lock);
    return r;
}
int trace_change(vm_t *vm, proc_t *q, bool on, uint32_t flags, term_t tracer) {
    return change_living(vm, &q->trace, &q->state, q->pid, on, flags, tracer);
}
int trace_change_port(vm_t *vm, outlet_t *o, bool on, uint32_t flags, term_t tracer) {
    port_parts_t parts = port_parts(o);
    return change_living(vm, parts.trace, parts.state, parts.port, on, flags, tracer);
}

bool trace_change_new(vm_t *vm, bool ports, bool on, uint32_t flags, term_t tracer) {
    struct trace_state *ts = vm->trace;
    _Atomic(const trace_t *) *at = ports ? &ts->new_ports : &ts->new_procs;
    drop_dead(vm, at, A_undefined);
    spin_lock(vm, &ts->lock);
    int r = change(vm, at, on, flags & (ports ? TF_OF_PORTS : TF_OF_PROCS), tracer);
    spin_unlock(vm, &ts->lock);
    return r == TRACE_DONE;
}

/* Under no lock: *at gets what is asked for all new ones, unless it has a tracer of its own. */
static void take_new(vm_t *vm, _Atomic(const trace_t *) *of, _Atomic(const trace_t *) *at,
                     term_t tracee) {
    const trace_t *n = atomic_load_explicit(of, memory_order_acquire);
    if (LIKELY(!n) || n->tracer == tracee || atomic_load_explicit(at, memory_order_acquire)) return;
    spin_lock(vm, &vm->trace->lock);
    n = atomic_load_explicit(of, memory_order_relaxed);
    if (n && (tracer_is_module(n->tracer) || tracer_lives(vm, n->tracer, TERM_NIL)))
        change(vm, at, true, n->flags, n->tracer);
    spin_unlock(vm, &vm->trace->lock);
}
void trace_new_port(outlet_t *o) {
    port_parts_t parts = port_parts(o);
    take_new(parts.vm, &parts.vm->trace->new_ports, parts.trace, parts.port);
}

static void forget(vm_t *vm, _Atomic(const trace_t *) *at) {
    spin_lock(vm, &vm->trace->lock);
    replace(vm, at, 0, TERM_NIL);
    spin_unlock(vm, &vm->trace->lock);
}
void trace_forget(proc_t *p) { forget(p->vm, &p->trace); }
void trace_forget_port(outlet_t *o) {
    port_parts_t parts = port_parts(o);
    forget(parts.vm, parts.trace);
}

void trace_free(vm_t *vm) {
    struct trace_state *ts = vm->trace;
    if (!ts) return;
    replace(vm, &ts->new_procs, 0, TERM_NIL);
    replace(vm, &ts->new_ports, 0, TERM_NIL);
    trace_spec_release(atomic_load_explicit(&ts->send, memory_order_relaxed));
    trace_spec_release(atomic_load_explicit(&ts->receive, memory_order_relaxed));
    trace_points_free(vm);
    tracers_free(vm);
    mem_free(vm, ts, sizeof *ts);
    vm->trace = NULL;
}

/* ---- messages ---- */

/* The same as erlang:now/0. */
static term_t stamp_now(vm_t *vm, term_t **hp) {
    int64_t next = clock_unique_us(vm);
    int64_t s = next / 1000000;
    return tuple3(hp, make_small(s / 1000000), make_small(s % 1000000), make_small(next % 1000000));
}

term_t trace_stamp(vm_t *vm, uint32_t flags, term_t **hp) {
    if (flags & TF_NOW_TS) return stamp_now(vm, hp);
    term_t mono = int64_at(hp, (int64_t)vm_now(vm));
    if (!(flags & TF_STRICT_TS)) return mono;
    int64_t n = atomic_fetch_add_explicit(&vm->next_unique_mono, 1, memory_order_relaxed) + 1;
    return tuple2(hp, mono, int64_at(hp, n - (1LL << 59)));
}

void trace_emit_as(proc_t *p, const trace_t *t, const trace_event_t *e) {
    if (!tracer_tell(p->vm, t->tracer, p->pid, t->flags, e)) trace_lose(p->vm, &p->trace, t);
}

void trace_emit(proc_t *p, const trace_event_t *e) {
    const trace_t *t = trace_of(p);
    if (t) trace_emit_as(p, t, e);
}

void trace_emit_meta(proc_t *p, term_t tracer, const trace_event_t *e) {
    /* A meta tracer that is gone is found out by trace_points_change and trace_info. */
    tracer_tell(p->vm, tracer, p->pid, TF_NOW_TS, e);
}

/* ---- places in code ---- */

bool trace_place(vm_t *vm, const uint64_t *ip, term_t mfa[3]) {
    code_place_t pl;
    if (!ip) return false;
    if (code_lookup(vm, ip, &pl) && pl.function) {
        mfa[0] = pl.module->name;
        mfa[1] = pl.function->function;
        mfa[2] = make_small(pl.function->arity);
        return true;
    }
    if (ip == vm->exit_code || ip + 1 == vm->exit_code) return false;
    uint64_t h = ip[0];
    if (h != engine_handler(OP_bif_entry) && h != engine_handler(OP_bif_entry_dirty) &&
        h != engine_handler(OP_export_break) && h != engine_handler(OP_undefined_entry))
        return false;
    const export_t *e = (const export_t *)(uintptr_t)ip[1];
    mfa[0] = e->module;
    mfa[1] = e->function;
    mfa[2] = make_small(e->arity);
    return true;
}

term_t trace_mfa(vm_t *vm, const uint64_t *ip, term_t **hp, term_t unknown) {
    term_t mfa[3];
    return trace_place(vm, ip, mfa) ? tuple3(hp, mfa[0], mfa[1], mfa[2]) : unknown;
}

/* ---- messages of the process ---- */

/* Does the pattern let it pass? args: list on the C stack. */
static bool passes(proc_t *p, trace_spec_t *spec, term_t args, term_t *result) {
    *result = TERM_NONE;
    if (!spec || !spec->ms) return true;
    ms_trace_t mt = {.p = p, .message = A_true};
    bool yes = ms_run_trace(p, spec->ms, args, &mt);
    if (mt.message != A_true) *result = mt.message;
    return yes && mt.message != A_false;
}

void trace_send(proc_t *p, term_t to, term_t msg, bool exists) {
    const trace_t *t = trace_of(p);
    struct trace_state *ts = p->vm->trace;
    if (!t || !(t->flags & TF_SEND) || atomic_load_explicit(&ts->send_off, memory_order_relaxed))
        return;
    term_t cells[4], *hp = cells, result;
    term_t list = cons(&hp, msg, TERM_NIL);
    list = cons(&hp, to, list);
    heap_mark_t mark = heap_mark(p);
    const trace_t before = *t; /* the pattern may change the trace */
    if (passes(p, atomic_load_explicit(&ts->send, memory_order_acquire), list, &result)) {
        trace_emit_as(p, &before,
                      &(trace_event_t){TF_SEND, exists ? A_send : A_send_to_non_existing_process,
                                       msg, to, result});
    }
    heap_back(p, mark);
}

void trace_receive(proc_t *p, term_t from, term_t msg) {
    const trace_t *t = trace_of(p);
    struct trace_state *ts = p->vm->trace;
    if (!t || !(t->flags & TF_RECEIVE) ||
        atomic_load_explicit(&ts->receive_off, memory_order_relaxed))
        return;
    term_t cells[6], *hp = cells, result;
    term_t list = cons(&hp, msg, TERM_NIL);
    list = cons(&hp, from, list);
    list = cons(&hp, A_nonode, list);
    heap_mark_t mark = heap_mark(p);
    const trace_t before = *t; /* the pattern may change the trace */
    if (passes(p, atomic_load_explicit(&ts->receive, memory_order_acquire), list, &result)) {
        trace_emit_as(p, &before, &(trace_event_t){TF_RECEIVE, A_receive_, msg, TERM_NONE, result});
    }
    heap_back(p, mark);
}

/* ---- life of the process ---- */

static void emit_proc(proc_t *p, const trace_t *t, term_t what, term_t data, term_t extra) {
    trace_emit_as(p, t, &(trace_event_t){TF_PROCS, what, data, extra, TERM_NONE});
}
void trace_proc(proc_t *p, term_t what, term_t arg) {
    const trace_t *t = trace_of(p);
    if (t && (t->flags & TF_PROCS)) emit_proc(p, t, what, arg, TERM_NONE);
}

/* A child gets all of its parent's trace, and the parent loses the flags that work only once. As in
 * OTP 25, set_on_link concerns children that are spawned linked, and no others. */
static void inherit(proc_t *from, proc_t *to, uint32_t always, uint32_t once) {
    vm_t *vm = from->vm;
    struct trace_state *ts = vm->trace;
    spin_lock(vm, &ts->lock);
    const trace_t *t = atomic_load_explicit(&from->trace, memory_order_relaxed);
    if (t && (t->flags & (always | once)) && to->pid != t->tracer &&
        !(atomic_load_explicit(&to->state, memory_order_seq_cst) & (PS_EXITING | PS_FREE))) {
        uint32_t flags = t->flags;
        term_t tracer = t->tracer;
        if (flags & once) {
            flags &= ~(always | once);
            replace(vm, &from->trace, flags, tracer);
        }
        change(vm, &to->trace, true, flags, tracer);
    }
    spin_unlock(vm, &ts->lock);
}

void trace_spawn(proc_t *parent, proc_t *child, term_t m, term_t f, term_t args, bool link) {
    vm_t *vm = child->vm;
    const trace_t *t = parent ? trace_of(parent) : NULL;
    term_t words[4], *hp = words, mfa = tuple3(&hp, m, f, args);
    if (t && (t->flags & TF_PROCS)) {
        emit_proc(parent, t, A_spawn, child->pid, mfa);
        if (link) trace_proc(parent, A_link, child->pid);
    }
    if (t) {
        inherit(parent, child, TF_ON_SPAWN, TF_ON_FIRST_SPAWN);
        if (link) inherit(parent, child, TF_ON_LINK, TF_ON_FIRST_LINK);
    }
    take_new(vm, &vm->trace->new_procs, &child->trace, child->pid);
    const trace_t *c = trace_of(child);
    if (c && (c->flags & TF_PROCS)) {
        term_t by = parent ? parent->pid : (term_t)A_undefined;
        emit_proc(child, c, A_spawned, by, mfa);
        if (link) trace_proc(child, A_getting_linked, by);
    }
}

term_t trace_where(proc_t *p, bool in, term_t **hp, term_t unknown) {
    if (in && p->total_reds == 0 && (p->flags & PF_SAVED_ARGS))
        return tuple3(hp, p->init_m, p->init_f, make_small(p->init_a));
    return trace_mfa(p->vm, p->ip, hp, unknown);
}

static void emit_sched(proc_t *p, const trace_t *t, term_t tag, term_t where) {
    trace_emit_as(p, t, &(trace_event_t){TF_RUNNING_PROCS, tag, where, TERM_NONE, TERM_NONE});
}

void trace_sched(proc_t *p, bool in) {
    const trace_t *t = trace_of(p);
    trace_time_pause(p, in);
    if (!t || !(t->flags & (TF_RUNNING | TF_RUNNING_PROCS))) return;
    term_t words[4], *hp = words, where = trace_where(p, in, &hp, make_small(0));
    emit_sched(p, t, in ? A_in : A_out, where);
}

void trace_sched_exit(proc_t *p, term_t tag) {
    const trace_t *t = trace_of(p);
    if (t && (t->flags & TF_EXITING)) emit_sched(p, t, tag, make_small(0));
}

void trace_gc(proc_t *p, bool major, bool start, size_t words) {
    const trace_t *t = trace_of(p);
    if (!t || !(t->flags & TF_GC)) return;
    enum { ROWS = GC_FIGURES + 1 };
    gc_figure_t rows[ROWS];
    gc_figures(p, rows);
    rows[GC_FIGURES] = (gc_figure_t){A_wordsize, words}; /* words needed, then reclaimed */
    term_t buf[5 * ROWS], *hp = buf, list = TERM_NIL;
    for (size_t i = 0; i < ROWS; i++) {
        term_t pair = tuple2(&hp, rows[i].name, make_small((int64_t)rows[i].value));
        list = cons(&hp, pair, list);
    }
    term_t tag = major ? (start ? A_gc_major_start : A_gc_major_end)
                       : (start ? A_gc_minor_start : A_gc_minor_end);
    trace_emit_as(p, t, &(trace_event_t){TF_GC, tag, list, TERM_NONE, TERM_NONE});
}
