/* bif_trace.c: erlang:trace and its kin, as programs call them. Arguments are checked here; what
 * they ask for is done by trace.c and trace_code.c.
 */
#include "vm/code_table.h"
#include "vm/copy.h"
#include "vm/port.h"
#include "vm/trace.h"

/* ---- erts_internal:trace/3 ---- */

typedef struct {
    uint32_t flags; /* TF_* */
    term_t tracer;  /* NONE: the caller */
    bool oom;
} trace_opts_t;

/* {Tag, Tracer} or {Tag, Module, State}: NIL where it is none, NONE: no memory. */
static term_t named_tracer(proc_t *p, term_t t) {
    if (tuple_arity(t) == 3) return tracer_of_module(p, tuple_elem(t, 2), tuple_elem(t, 3));
    if (tuple_arity(t) != 2 || is_tuple(tuple_elem(t, 2))) return TERM_NIL;
    return tracer_of(p, tuple_elem(t, 2));
}

static bool parse_flags(proc_t *p, term_t l, trace_opts_t *o) {
    *o = (trace_opts_t){0, TERM_NONE, false};
    for (; is_cons(l); l = cons_tail(l)) {
        term_t f = cons_head(l);
        if (is_atom(f)) {
            uint32_t flag = trace_flag_of(f);
            if (!flag) return false;
            o->flags |= flag;
        } else if (is_tuple(f) && tuple_arity(f) > 1 && tuple_elem(f, 1) == A_tracer) {
            o->tracer = named_tracer(p, f);
            o->oom = o->tracer == TERM_NONE;
            if (is_nil(o->tracer) || o->oom) return false;
        } else {
            return false;
        }
    }
    return is_nil(l);
}

typedef struct {
    vm_t *vm;
    bool on, oom;
    trace_opts_t o;
    int64_t count;
} trace_all_t;

static bool trace_one(void *user, proc_t *q) {
    trace_all_t *t = user;
    if (atomic_load_explicit(&q->state, memory_order_relaxed) & (PS_EXITING | PS_SYSTEM))
        return true;
    switch (trace_change(t->vm, q, t->on, t->o.flags, t->o.tracer)) {
    case TRACE_DONE: t->count++; break;
    case TRACE_NO_MEMORY: t->oom = true; return false;
    default: break;
    }
    return true;
}

static void trace_one_port(void *user, outlet_t *o) {
    trace_all_t *t = user;
    int r = trace_change_port(t->vm, o, t->on, t->o.flags, t->o.tracer);
    if (r == TRACE_DONE) t->count++;
    if (r == TRACE_NO_MEMORY) t->oom = true;
}

enum { WHO_PROCS = 1, WHO_PORTS = 2, WHO_OLD = 4, WHO_NEW = 8 };
static unsigned who_of(term_t t) {
    switch (t) {
    case A_all: return WHO_PROCS | WHO_PORTS | WHO_OLD | WHO_NEW;
    case A_processes: return WHO_PROCS | WHO_OLD | WHO_NEW;
    case A_ports: return WHO_PORTS | WHO_OLD | WHO_NEW;
    case A_existing: return WHO_PROCS | WHO_PORTS | WHO_OLD;
    case A_existing_processes: return WHO_PROCS | WHO_OLD;
    case A_existing_ports: return WHO_PORTS | WHO_OLD;
    case A_new: return WHO_PROCS | WHO_PORTS | WHO_NEW;
    case A_new_processes: return WHO_PROCS | WHO_NEW;
    case A_new_ports: return WHO_PORTS | WHO_NEW;
    default: return 0;
    }
}

static const trace_t *trace_of_port(outlet_t *o) {
    return atomic_load_explicit(port_parts(o).trace, memory_order_acquire);
}

static BIF(trace_3) {
    vm_t *vm = p->vm;
    trace_all_t t = {.vm = vm, .on = a[1] == A_true};
    if (!parse_flags(p, a[2], &t.o)) return t.o.oom ? bif_oom(p) : bif_badarg_cause(p, A_badopt);
    if (a[1] != A_true && a[1] != A_false) return bif_badarg(p);
    if (t.o.tracer == TERM_NONE) t.o.tracer = p->pid;
    if (t.o.flags & TF_CPU_TS && a[0] != A_all) return bif_badarg(p);
    t.o.flags &= TF_ALL;
    if (is_local_pid(a[0]) || is_local_port(a[0])) {
        proc_t *q = is_local_pid(a[0]) ? proc_lookup(vm, a[0]) : NULL;
        outlet_t *o = is_local_port(a[0]) ? outlet_lookup(vm, a[0]) : NULL;
        if (!q && !o) return bif_badarg(p);
        if (t.on && tracer_is_module(t.o.tracer) && !(q ? trace_of(q) : trace_of_port(o)) &&
            !tracer_lives(vm, t.o.tracer, a[0]))
            return make_small(1);
        switch (q ? trace_change(vm, q, t.on, t.o.flags, t.o.tracer)
                  : trace_change_port(vm, o, t.on, t.o.flags, t.o.tracer)) {
        case TRACE_DONE: return make_small(1);
        case TRACE_NO_MEMORY: return bif_oom(p);
        default: return bif_badarg(p);
        }
    }
    unsigned who = is_atom(a[0]) ? who_of(a[0]) : 0;
    if (!who) return bif_badarg(p);
    if (t.o.flags == 0) return make_small(0);
    /* Who can have none of the flags is not counted. */
    if (who & WHO_OLD && who & WHO_PROCS && t.o.flags & TF_OF_PROCS) proc_each(vm, trace_one, &t);
    if (who & WHO_OLD && who & WHO_PORTS && t.o.flags & TF_OF_PORTS) {
        outlet_each(vm, trace_one_port, &t);
        bif_bump(p, OUTLET_LIMIT / 1024);
    }
    if (who & WHO_NEW) {
        bool ok = true;
        if (who & WHO_PROCS) ok &= trace_change_new(vm, false, t.on, t.o.flags, t.o.tracer);
        if (who & WHO_PORTS) ok &= trace_change_new(vm, true, t.on, t.o.flags, t.o.tracer);
        if (!ok && t.on) return bif_badarg(p);
    }
    if (t.oom) return bif_oom(p);
    bif_bump(p, (size_t)t.count);
    return make_small(t.count);
}

/* All that was told before is in the tracer's queue already. */
static BIF(trace_delivered_1) {
    if (!is_local_pid(a[0]) && a[0] != A_all) return bif_badarg(p);
    term_t ref = new_ref(p);
    term_t *hp = ref == TERM_NONE ? NULL : heap_alloc(p, 4);
    if (!hp || !proc_send(p->vm, NULL, p->pid, tuple3(&hp, A_trace_delivered, a[0], ref)))
        return bif_oom(p);
    return ref;
}

/* ---- erts_internal:trace_pattern/3 ---- */

typedef struct {
    uint32_t kinds;
    term_t meta;
} pattern_opts_t;

static bool parse_kinds(proc_t *p, term_t l, pattern_opts_t *o) {
    bool global = false;
    *o = (pattern_opts_t){0, TERM_NIL};
    for (; is_cons(l); l = cons_tail(l)) {
        term_t f = cons_head(l);
        switch (f) {
        case A_local: o->kinds |= BP_LOCAL; continue;
        case A_global: global = true; continue;
        case A_call_count: o->kinds |= BP_COUNT; continue;
        case A_call_time: o->kinds |= BP_TIME; continue;
        case A_meta:
            o->kinds |= BP_META;
            o->meta = p->pid;
            continue;
        default: break;
        }
        if (!is_tuple(f) || tuple_arity(f) < 2 || tuple_elem(f, 1) != A_meta) return false;
        o->kinds |= BP_META;
        o->meta = named_tracer(p, f);
        if (is_nil(o->meta) || o->meta == TERM_NONE) return false;
    }
    if (!is_nil(l) || (global && o->kinds)) return false;
    if (!o->kinds) o->kinds = BP_GLOBAL;
    return true;
}

static bool parse_mfa(term_t t, bp_filter_t *f) {
    if (!is_tuple_of(t, 3)) return false;
    f->module = tuple_elem(t, 1);
    f->function = tuple_elem(t, 2);
    term_t arity = tuple_elem(t, 3);
    if (!is_atom(f->module) || !is_atom(f->function)) return false;
    if (f->module == A_underscore && f->function != A_underscore) return false;
    if (arity == A_underscore) {
        f->arity = -1;
    } else {
        if (!is_small(arity) || f->function == A_underscore) return false;
        f->arity = small_value(arity) < 0 ? INT64_MAX : small_value(arity); /* no function */
    }
    return true;
}

/* What is to be matched: true, [] or a specification. NULL with *bad or without memory. */
static trace_spec_t *spec_of(proc_t *p, term_t t, unsigned what_for, bool *bad) {
    bool oom = false;
    ms_t *ms = NULL;
    *bad = false;
    if (t == A_true) t = TERM_NIL;
    if (!is_nil(t)) {
        ms = is_cons(t) ? ms_compile(p, t, what_for, NULL, &oom) : NULL;
        *bad = !ms && !oom;
        if (!ms) return NULL;
    }
    return trace_spec_new(p, t, ms);
}

static void spec_release(vm_t *vm, void *s) {
    (void)vm;
    trace_spec_release(s);
}
/* send, 'receive'. Takes over the specification. */
static term_t message_pattern(proc_t *p, bool send, bool off, trace_spec_t *spec) {
    struct trace_state *ts = p->vm->trace;
    spin_lock(p->vm, &ts->lock);
    trace_spec_t *old =
        atomic_exchange_explicit(send ? &ts->send : &ts->receive, spec, memory_order_acq_rel);
    atomic_store_explicit(send ? &ts->send_off : &ts->receive_off, off, memory_order_relaxed);
    spin_unlock(p->vm, &ts->lock);
    if (old) sched_defer_free(p->vm, old, spec_release);
    return make_small(1);
}

static term_t on_load_pattern(proc_t *p, uint32_t kinds, bool on, trace_spec_t *spec, term_t meta) {
    vm_t *vm = p->vm;
    struct trace_state *ts = vm->trace;
    spin_lock(vm, &vm->code->lock);
    trace_spec_t *old = ts->on_load;
    trace_spec_keep(spec);
    ts->on_load = spec;
    ts->on_load_kinds = on ? kinds : 0;
    ts->on_load_meta = meta;
    spin_unlock(vm, &vm->code->lock);
    trace_spec_release(old);
    return make_small(0);
}

static term_t trace_pattern(proc_t *p, const term_t *a, int how, trace_spec_t *spec) {
    vm_t *vm = p->vm;
    const uint32_t counters = BP_COUNT | BP_TIME;
    bool message = a[0] == A_send || a[0] == A_receive_;
    pattern_opts_t o;
    bp_filter_t f = {TERM_NIL, TERM_NIL, -1};
    if (!parse_kinds(p, a[2], &o)) return bif_badarg_cause(p, A_badopt);
    if (o.kinds & counters && is_cons(a[1])) return bif_badarg_cause(p, A_call_count);
    if (message ? !is_nil(a[2]) || how == BP_RESTART || how == BP_PAUSE
                : a[0] != A_on_load && !parse_mfa(a[0], &f))
        return bif_badarg_cause(p, A_none);
    bool off = how == BP_CLEAR;
    if (message) {
        trace_spec_keep(is_cons(a[1]) ? spec : NULL);
        return message_pattern(p, a[0] == A_send, off, is_cons(a[1]) ? spec : NULL);
    }
    if (a[0] == A_on_load) return on_load_pattern(p, o.kinds, !off, off ? NULL : spec, o.meta);
    int64_t n = trace_points_change(vm, &f, o.kinds, how, how == BP_SET ? spec : NULL, o.meta);
    if (n < 0) return bif_oom(p);
    bif_bump(p, (size_t)n);
    return make_small(n);
}

/* As in OTP the specification is looked at first, the functions last. */
static BIF(trace_pattern_3) {
    int how = a[1] == A_false     ? BP_CLEAR
              : a[1] == A_restart ? BP_RESTART
              : a[1] == A_pause   ? BP_PAUSE
                                  : BP_SET;
    bool bad;
    /* Of modules to come, restart and pause say no more than true. */
    trace_spec_t *spec = spec_of(p, how == BP_SET ? a[1] : (term_t)A_true,
                                 a[0] == A_send       ? MS_SEND
                                 : a[0] == A_receive_ ? MS_RECEIVE
                                                      : MS_TRACE,
                                 &bad);
    if (!spec) return bad ? bif_badarg_cause(p, A_match_spec) : bif_oom(p);
    term_t result = trace_pattern(p, a, how, spec);
    trace_spec_release(spec);
    return result;
}

/* ---- erlang:trace_info/2 ---- */

static term_t info_pair(proc_t *p, term_t item, term_t v) {
    term_t *hp = v == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, item, v) : bif_oom(p);
}

static term_t info_of_trace(proc_t *p, const trace_t *t, term_t tracee, term_t item) {
    if (t && !tracer_lives(p->vm, t->tracer, tracee)) t = NULL;
    if (item == A_tracer) return info_pair(p, item, t ? tracer_term(p, t->tracer) : TERM_NIL);
    return info_pair(p, item, trace_flags_list(p, t ? t->flags : 0));
}

static term_t message_info(proc_t *p, bool send, term_t item) {
    struct trace_state *ts = p->vm->trace;
    if (item != A_match_spec) return bif_badarg(p);
    trace_spec_t *s = atomic_load_explicit(send ? &ts->send : &ts->receive, memory_order_acquire);
    if (atomic_load_explicit(send ? &ts->send_off : &ts->receive_off, memory_order_relaxed))
        return info_pair(p, item, A_false);
    return info_pair(p, item, s ? term_copy_to(p, s->source->term) : (term_t)A_true);
}

/* What is kept for modules to come. spec is the caller's, and may be NULL. */
typedef struct {
    uint32_t kinds;
    trace_spec_t *spec;
    term_t meta;
} on_load_t;

static on_load_t on_load_get(vm_t *vm) {
    struct trace_state *ts = vm->trace;
    spin_lock(vm, &vm->code->lock);
    on_load_t o = {ts->on_load_kinds, ts->on_load, ts->on_load_meta};
    trace_spec_keep(o.spec);
    spin_unlock(vm, &vm->code->lock);
    return o;
}

static term_t on_load_item(proc_t *p, const on_load_t *o, term_t item) {
    uint32_t k = o->kinds;
    switch (item) {
    case A_traced: return k & BP_GLOBAL ? A_global : k & BP_LOCAL ? A_local : A_false;
    case A_match_spec:
        if (!(k & (BP_GLOBAL | BP_LOCAL))) return A_false;
        return term_copy_to(p, o->spec->source->term);
    case A_meta: return k & BP_META ? tracer_term(p, o->meta) : (term_t)A_false;
    case A_meta_match_spec:
        return k & BP_META ? term_copy_to(p, o->spec->source->term) : (term_t)A_false;
    case A_call_count: return make_bool(k & BP_COUNT);
    default: return TERM_NONE;
    }
}
static term_t on_load_items(proc_t *p, const on_load_t *o, term_t item) {
    static const uint32_t items[] = {A_call_count, A_meta_match_spec, A_meta, A_match_spec,
                                     A_traced};
    if (item != A_all) {
        for (size_t i = 0; i < sizeof items / sizeof *items; i++)
            if (items[i] == item) return info_pair(p, item, on_load_item(p, o, item));
        return !o->kinds || item == A_call_time ? info_pair(p, item, A_false) : bif_badarg(p);
    }
    if (!o->kinds) return info_pair(p, item, A_false);
    term_t list = TERM_NIL;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        term_t pair = info_pair(p, items[i], on_load_item(p, o, items[i]));
        term_t *hp = pair == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        list = cons(&hp, pair, list);
    }
    return info_pair(p, item, list);
}

static term_t on_load_info(proc_t *p, term_t item) {
    on_load_t o = on_load_get(p->vm);
    term_t result = on_load_items(p, &o, item);
    trace_spec_release(o.spec);
    return result;
}

static BIF(trace_info_2) {
    vm_t *vm = p->vm;
    bool of_process = a[1] == A_flags || a[1] == A_tracer;
    if (a[0] == A_send || a[0] == A_receive_) return message_info(p, a[0] == A_send, a[1]);
    if (a[0] == A_on_load) return on_load_info(p, a[1]);
    if (is_local_port(a[0])) {
        outlet_t *o = outlet_lookup(vm, a[0]);
        if (!o) return A_undefined;
        if (!of_process) return bif_badarg(p);
        return info_of_trace(p, trace_of_port(o), a[0], a[1]);
    }
    if (is_local_pid(a[0])) {
        if (!of_process) return bif_badarg(p);
        proc_t *q = proc_lookup(vm, a[0]);
        return q ? info_of_trace(p, trace_of(q), a[0], a[1]) : (term_t)A_undefined;
    }
    if (a[0] == A_new || a[0] == A_new_processes || a[0] == A_new_ports) {
        if (!of_process) return bif_badarg(p);
        const trace_t *t = atomic_load_explicit(a[0] == A_new_ports ? &vm->trace->new_ports
                                                                    : &vm->trace->new_procs,
                                                memory_order_acquire);
        return info_of_trace(p, t, A_undefined, a[1]);
    }
    if (!is_tuple(a[0])) return bif_badarg_cause(p, A_badopt);
    if (!is_tuple_of(a[0], 3) || !is_atom(tuple_elem(a[0], 1)) || !is_atom(tuple_elem(a[0], 2)) ||
        !is_small(tuple_elem(a[0], 3)))
        return bif_badarg(p);
    bp_filter_t f = {tuple_elem(a[0], 1), tuple_elem(a[0], 2), small_value(tuple_elem(a[0], 3))};
    switch (a[1]) {
    case A_traced:
    case A_match_spec:
    case A_meta:
    case A_meta_match_spec:
    case A_call_count:
    case A_call_time:
    case A_all: break;
    default: { /* nothing is known of what there is not and of what is not traced, whatever it is */
        term_t all = trace_point_info(p, f.module, f.function, (uint32_t)f.arity, A_all);
        if (all == TERM_NONE) return bif_oom(p);
        return is_list(all) ? bif_badarg(p) : info_pair(p, a[1], all);
    }
    }
    return info_pair(p, a[1], trace_point_info(p, f.module, f.function, (uint32_t)f.arity, a[1]));
}

/* The debugger's: calls of these functions go to the error handler. */
static BIF(breakpoint_2) {
    bp_filter_t f;
    if (!parse_mfa(a[0], &f) || (a[1] != A_true && a[1] != A_false)) return bif_badarg(p);
    int how = a[1] == A_true ? BP_SET : BP_CLEAR;
    int64_t n = trace_points_change(p->vm, &f, BP_DEBUG, how, NULL, TERM_NIL);
    if (n < 0) return bif_oom(p);
    bif_bump(p, (size_t)n);
    return make_small(n);
}

const bif_def_t bifs_trace[] = {
    {"erts_internal", "trace", 3, trace_3, 0},
    {"erts_internal", "trace_pattern", 3, trace_pattern_3, 0},
    {"erlang", "trace_info", 2, trace_info_2, 0},
    {"erlang", "trace_delivered", 1, trace_delivered_1, 0},
    {"erts_debug", "breakpoint", 2, breakpoint_2, 0},
    {0},
};
