/* port_trace.c: what tracers are told about ports (erlang:trace of ports; see vm/trace.h). Called
 * by port.c and the drivers on the polling thread, for names by whoever registers one. Threads that
 * are no scheduler read the port's trace_t between vm_enter and vm_leave. Messages of ports are not
 * asked about match specifications, as in OTP.
 */
#include "outlet/outlet.h"

#include "vm/heap.h"
#include "vm/process.h"
#include "vm/sysmon.h"
#include "vm/trace.h"

static void tell(outlet_t *o, uint32_t flag, term_t tag, term_t data, term_t extra) {
    vm_t *vm = o->vm;
    vm_visit_t v = vm_enter(vm);
    const trace_t *t = atomic_load_explicit(&o->trace, memory_order_acquire);
    if (t && (t->flags & flag)) {
        trace_event_t e = {flag, tag, data, extra, TERM_NONE};
        if (!tracer_tell(vm, t->tracer, o->port, t->flags, &e)) trace_lose(vm, &o->trace, t);
    }
    vm_leave(vm, v);
}

/* Spares what is put together for nothing. */
static bool wants(outlet_t *o, uint32_t flag) {
    vm_visit_t v = vm_enter(o->vm);
    const trace_t *t = atomic_load_explicit(&o->trace, memory_order_acquire);
    bool yes = t && (t->flags & flag);
    vm_leave(o->vm, v);
    return yes;
}

void port_trace_open(outlet_t *o) {
    if (!wants(o, TF_PORTS)) return;
    /* An atom has at most 255 characters. */
    size_t n = o->title_bytes - 1;
    term_t name = atom_intern_latin1(o->vm, (const uint8_t *)o->title, n < 255 ? n : 255);
    tell(o, TF_PORTS, A_open, o->owner, name == TERM_NONE ? (term_t)A_undefined : name);
}

void port_trace_event(outlet_t *o, term_t what, term_t arg) {
    tell(o, TF_PORTS, what, arg, TERM_NONE);
}
void port_trace_name(outlet_t *o, term_t what, term_t name) {
    if (port_traced(o)) port_trace_event(o, what, name);
}

term_t port_trace_operation(const signal_t *sig) {
    switch (sig->kind) {
    case SIG_LINK: return A_link;
    case SIG_UNLINK: return A_unlink;
    case SIG_MONITOR: return A_monitor;
    case SIG_DEMONITOR: return A_demonitor;
    case SIG_EXIT: return sig->flags & SIGF_LINK ? make_small(0) : (term_t)A_close;
    case SIG_DOWN: return make_small(0);
    case SIG_PORT: break;
    default: return TERM_NONE;
    }
    switch (sig->flags) {
    case PORT_COMMAND:
    case PORT_BADSIG: return A_command;
    case PORT_CONTROL: return A_control;
    case PORT_CALL: return A_call;
    case PORT_CLOSE:
    case PORT_BANG_CLOSE: return A_close;
    case PORT_CONNECT:
    case PORT_BANG_CONNECT: return A_connect;
    case PORT_INFO: return A_info;
    case PORT_POST: return make_small(0);
    default: return TERM_NONE; /* OTP has no such request */
    }
}

void port_runs(outlet_t *o, term_t what, term_t op) {
    o->runs = what;
    o->runs_op = op;
    if (what == TERM_NONE) return;
    tell(o, TF_RUNNING_PORTS, A_in, what, TERM_NONE);
    if (what != make_small(0)) return; /* called for by a process, which waits */
    o->runs_since = vm_now(o->vm);
    sysmon_port_runs(o->vm, o->port);
}
void port_stops(outlet_t *o) {
    term_t what = o->runs;
    o->runs = TERM_NONE;
    if (what == TERM_NONE) return;
    if (!(atomic_load_explicit(&o->state, memory_order_relaxed) & OUTLET_CLOSED))
        tell(o, TF_RUNNING_PORTS, A_out, what, TERM_NONE);
    if (what == make_small(0)) sysmon_port_stops(o->vm, o->port, o->runs_op, o->runs_since);
}

/* A binary in a signal's words, to be freed; NULL: no memory. */
static signal_t *binary_of(outlet_t *o, const uint8_t *data, size_t n) {
    term_t *end;
    return signal_new_bytes(o->vm, sched_current(o->vm), SIG_FRAGMENT, data, n, true, 0, &end);
}

void port_trace_bytes(outlet_t *o, term_t from, term_t what, const signal_t *sig) {
    if (!is_local_pid(from) || !wants(o, TF_RECEIVE)) return; /* other tracers' messages */
    signal_t *bin = binary_of(o, (const uint8_t *)(sig->data + 1), port_nbytes(sig));
    if (!bin) return;
    term_t words[9], *hp = words, arg = bin->term;
    if (what != A_command) arg = tuple2(&hp, sig->term, arg);
    arg = tuple2(&hp, what, arg);
    tell(o, TF_RECEIVE, A_receive_, tuple2(&hp, from, arg), TERM_NONE);
    signal_free(o->vm, sched_current(o->vm), bin);
}

void port_trace_receive(outlet_t *o, term_t from, term_t what) {
    term_t words[3], *hp = words;
    tell(o, TF_RECEIVE, A_receive_, is_nil(from) ? what : tuple2(&hp, from, what), TERM_NONE);
}

void port_trace_send(outlet_t *o, term_t to, term_t msg) { tell(o, TF_SEND, A_send, msg, to); }

void port_trace_answer(outlet_t *o, term_t to, term_t what, const uint8_t *data, size_t n) {
    if (!wants(o, TF_SEND)) return;
    signal_t *bin = binary_of(o, data, n);
    if (!bin) return;
    term_t words[6], *hp = words, arg = tuple2(&hp, what, bin->term);
    port_trace_send(o, to, tuple2(&hp, o->port, arg));
    signal_free(o->vm, sched_current(o->vm), bin);
}
