/* tracer.c: telling tracers (tracer.h). A message is put together on the C stack and copied once,
 * into the signal for the process or, in the external format, for the port. A tracer module is a
 * native library's: src/nif calls it (nif_ops_t). Nothing here touches the heap of a traced
 * process, which may be in the middle of a collection.
 */
#include "vm/tracer.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/etf.h"
#include "vm/heap.h"
#include "vm/nif.h"
#include "vm/port.h"
#include "vm/trace.h"

/* ---- modules ---- */

/* Functions for one kind of events; a library may leave them out. */
static const struct {
    uint32_t flag, enabled, trace;
} kinds[] = {
    {TF_CALL, A_enabled_call, A_trace_call},
    {TF_GC, A_enabled_garbage_collection, A_trace_garbage_collection},
    {TF_PORTS, A_enabled_ports, A_trace_ports},
    {TF_PROCS, A_enabled_procs, A_trace_procs},
    {TF_RECEIVE, A_enabled_receive, A_trace_receive},
    {TF_RUNNING_PORTS, A_enabled_running_ports, A_trace_running_ports},
    {TF_RUNNING_PROCS, A_enabled_running_procs, A_trace_running_procs},
    {TF_SEND, A_enabled_send, A_trace_send},
};

static void names_of(uint32_t flag, term_t enabled[2], term_t trace[2]) {
    enabled[0] = enabled[1] = A_enabled;
    trace[0] = trace[1] = A_trace;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!(kinds[i].flag & flag)) continue;
        enabled[0] = kinds[i].enabled;
        trace[0] = kinds[i].trace;
    }
}

/* What it says of a tag: trace, discard, remove ... */
static term_t ask(vm_t *vm, const tracer_module_t *m, uint32_t flag, term_t tag, term_t tracee) {
    term_t enabled[2], trace[2], args[3] = {tag, m->state->term, tracee};
    names_of(flag, enabled, trace);
    return vm->nif_ops ? vm->nif_ops->tracer_call(vm, m->module, enabled, args, 3, NULL, 0)
                       : TERM_NONE;
}

term_t tracer_of_module(proc_t *p, term_t module, term_t state) {
    vm_t *vm = p->vm;
    struct trace_state *ts = vm->trace;
    if (!is_atom(module)) return TERM_NIL;
    if (module == A_erl_tracer && (is_local_pid(state) || is_local_port(state))) return state;
    if (!vm->nif_ops || !vm->nif_ops->is_tracer(vm, module)) return TERM_NIL;
    signal_t *copy = signal_new_whole(vm, p->sched, SIG_FRAGMENT, state, 0);
    tracer_module_t *made = copy ? mem_alloc(vm, sizeof *made) : NULL, *m;
    if (!made) {
        if (copy) signal_free(vm, p->sched, copy);
        return TERM_NONE;
    }
    *made = (tracer_module_t){NULL, module, copy};
    spin_lock(vm, &ts->lock);
    for (m = ts->modules; m; m = m->next)
        if (m->module == module && term_eq(vm, m->state->term, copy->term)) break;
    if (!m) {
        made->next = ts->modules;
        ts->modules = m = made;
    }
    spin_unlock(vm, &ts->lock);
    if (m != made) {
        signal_free(vm, p->sched, copy);
        mem_free(vm, made, sizeof *made);
    }
    return (term_t)(uintptr_t)m;
}

void tracers_free(vm_t *vm) {
    for (tracer_module_t *m = vm->trace->modules, *next; m; m = next) {
        next = m->next;
        signal_free(vm, NULL, m->state);
        mem_free(vm, m, sizeof *m);
    }
}

static tracer_module_t *module_of(term_t tracer) { return (tracer_module_t *)(uintptr_t)tracer; }

/* ---- which ---- */

term_t tracer_of(proc_t *p, term_t t) {
    if (is_local_pid(t) || is_local_port(t)) return t;
    if (!is_tuple_of(t, 2)) return TERM_NIL;
    return tracer_of_module(p, tuple_elem(t, 1), tuple_elem(t, 2));
}

term_t tracer_term(proc_t *p, term_t tracer) {
    if (!tracer_is_module(tracer)) return tracer;
    const tracer_module_t *m = module_of(tracer);
    term_t state = term_copy_to(p, m->state->term);
    term_t *hp = state == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, m->module, state) : TERM_NONE;
}

bool tracer_lives(vm_t *vm, term_t tracer, term_t tracee) {
    if (is_local_pid(tracer)) return proc_lookup(vm, tracer) != NULL;
    if (is_local_port(tracer)) return outlet_lookup(vm, tracer) != NULL;
    if (!tracer_is_module(tracer)) return false;
    const tracer_module_t *m = module_of(tracer);
    if (!vm->nif_ops || !vm->nif_ops->is_tracer(vm, m->module)) return false;
    term_t says = ask(vm, m, 0, A_trace_status, tracee);
    return says == A_trace || says == A_discard;
}

/* ---- telling ---- */

static bool to_process(vm_t *vm, term_t tracer, term_t msg) {
    proc_t *to = proc_lookup(vm, tracer);
    if (!to) return false;
    signal_t *sig = signal_new_copy(vm, sched_current(vm), SIG_MESSAGE, msg);
    if (!sig) return true; /* no memory: the event is lost */
    sig->flags = SIGF_TRACE;
    proc_signal(vm, to, sig);
    return true;
}

static bool to_port(vm_t *vm, term_t tracer, term_t msg) {
    uint8_t *data;
    size_t n, cap;
    outlet_t *o = outlet_lookup(vm, tracer);
    if (!o) return false;
    if (etf_encode(vm, msg, &data, &n, &cap) != 0) return true; /* no memory: the event is lost */
    signal_t *sig = port_command_new(vm, sched_current(vm), n);
    if (sig) {
        memcpy(port_bytes(sig), data, n);
        sig->from = sig->term = TERM_NIL;
        outlet_command(o, sig);
    }
    mem_free(vm, data, cap);
    return true;
}

bool tracer_send(vm_t *vm, term_t to, term_t msg) {
    return is_local_port(to) ? to_port(vm, to, msg) : to_process(vm, to, msg);
}

static term_t stamp_name(uint32_t stamps) {
    return stamps & TF_NOW_TS      ? A_timestamp
           : stamps & TF_STRICT_TS ? A_strict_monotonic
                                   : A_monotonic;
}

static bool to_module(vm_t *vm, const tracer_module_t *m, term_t tracee, uint32_t stamps, int sched,
                      const trace_event_t *e) {
    term_t enabled[2], trace[2], kv[8];
    size_t n = 0;
    bool is_seq = e->flag == 0;
    if (!vm->nif_ops || !vm->nif_ops->is_tracer(vm, m->module)) return false;
    term_t says = ask(vm, m, e->flag, e->tag, is_seq ? (term_t)A_undefined : tracee);
    if (says != A_trace) return true;
    if (e->extra != TERM_NONE) kv[n++] = A_extra, kv[n++] = e->extra;
    if (e->result != TERM_NONE) kv[n++] = A_match_spec_result, kv[n++] = e->result;
    if (sched >= 0) kv[n++] = A_scheduler_id, kv[n++] = make_small(sched);
    if (stamps) kv[n++] = A_timestamp, kv[n++] = stamp_name(stamps);
    term_t args[4] = {e->tag, m->state->term, tracee, e->data};
    names_of(e->flag, enabled, trace);
    vm->nif_ops->tracer_call(vm, m->module, trace, args, 4, kv, n / 2);
    return true;
}

bool tracer_tell(vm_t *vm, term_t tracer, term_t tracee, uint32_t flags, const trace_event_t *e) {
    enum { MOST = 8, STAMP_WORDS = 8 };
    term_t words[1 + MOST + STAMP_WORDS], *w = words + 1, *hp = words + 1 + MOST;
    if (tracer == tracee) return true; /* nobody traces itself */
    const sched_t *s = flags & TF_SCHED_ID ? sched_current(vm) : NULL;
    uint32_t stamps = flags & TF_ANY_TS;
    int sched = !(flags & TF_SCHED_ID) ? -1 : s ? (int)s->id : 0; /* 0: the polling thread */
    vm_visit_t v = vm_enter(vm);
    bool lives;
    if (tracer_is_module(tracer)) {
        lives = to_module(vm, module_of(tracer), tracee, stamps, sched, e);
    } else {
        if (e->flag == 0) {
            *w++ = A_seq_trace;
            *w++ = tracee; /* the label */
        } else {
            *w++ = stamps ? A_trace_ts : A_trace;
            *w++ = tracee;
            *w++ = e->tag;
        }
        *w++ = e->data;
        if (e->extra != TERM_NONE) *w++ = e->extra;
        if (e->result != TERM_NONE) *w++ = e->result;
        if (sched >= 0) *w++ = make_small(sched);
        if (stamps) *w++ = trace_stamp(vm, stamps, &hp);
        words[0] = make_header(T_TUPLE, (size_t)(w - words) - 1);
        term_t msg = make_boxed(words);
        lives = tracer_send(vm, tracer, msg);
    }
    vm_leave(vm, v);
    return lives;
}
