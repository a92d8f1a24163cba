/* bif_port.c: the BIFs on ports. Most send the port a request and wait for its answer; without
 * scheduler threads the answer is there when the request has been sent. The functions of
 * erts_internal return atoms where erlang's functions of the same name raise.
 *
 * Who sends to a busy port is suspended behind what he sent: the command waits at the port, the
 * sender until the port resumes him.
 */
#include "outlet/outlet.h"

#include "vm/binary.h"
#include "vm/copy.h"
#include "vm/etf.h"
#include "vm/heap.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/sysmon.h"

/* ---- asking ---- */

/* Sends sig. Who profiles with the option exclusive is told that the caller is not runnable while
 * the port works for it; with scheduler threads that shows where it waits. */
static void outlet_signal_exclusive(proc_t *p, term_t port, signal_t *sig) {
    bool told = sysmon_watches(p->vm, WATCH_EXCLUSIVE) && !p->vm->threaded;
    if (told) sysmon_runnable(p, false, false);
    outlet_signal(p->vm, port, sig);
    if (told) sysmon_runnable(p, true, false);
}

/* Sends the request and waits for the answer. Takes sig. */
static term_t ask(proc_t *p, term_t port, signal_t *sig) {
    bool waiting;
    sig->from = p->pid;
    sig->ref = proc_ask(p);
    if (sig->ref == 0) {
        if (sig->flags == PORT_OPEN) open_args_free((open_args_t *)(uintptr_t)sig->data[0]);
        signal_free(p->vm, p->sched, sig);
        return bif_oom(p);
    }
    outlet_signal_exclusive(p, port, sig);
    term_t answer = proc_await(p, &waiting);
    return answer == TERM_NONE ? bif_wait(p) : answer;
}

/* The answer to what was asked when the BIF was called first. */
#define ANSWERED(p)                                                                                \
    do {                                                                                           \
        bool waiting_;                                                                             \
        term_t answer_ = proc_await(p, &waiting_);                                                 \
        if (answer_ != TERM_NONE) return answer_;                                                  \
        if (waiting_) return bif_wait(p);                                                          \
    } while (0)

/* The port behind a port or a name; NONE: neither. */
static term_t port_of(proc_t *p, term_t t) {
    if (is_atom(t)) t = name_whereis(p->vm, t);
    return t != TERM_NONE && is_local_port(t) ? t : TERM_NONE;
}

static signal_t *term_request(proc_t *p, int op, term_t term) {
    signal_t *sig = signal_new_whole(p->vm, p->sched, SIG_PORT, term, 0);
    if (sig) sig->flags = (uint8_t)op;
    return sig;
}

static term_t ask_term(proc_t *p, term_t port, int op, term_t term) {
    signal_t *sig = term_request(p, op, term);
    return sig ? ask(p, port, sig) : bif_oom(p);
}

/* ---- opening, closing ---- */

static BIF(open_port_2) {
    ANSWERED(p);
    vm_t *vm = p->vm;
    term_t error;
    open_args_t *args = open_args_parse(vm, a[0], a[1], &error);
    if (!args) return error == TERM_NONE ? bif_oom(p) : error;
    signal_t *sig = port_request(vm, p->sched, PORT_OPEN, 0);
    if (!sig) {
        open_args_free(args);
        return bif_oom(p);
    }
    sig->data[0] = (uintptr_t)args;
    bif_bump(p, 50);
    return ask(p, TERM_NIL, sig);
}

static BIF(port_close_1) {
    ANSWERED(p);
    term_t port = port_of(p, a[0]);
    return port == TERM_NONE ? (term_t)A_badarg : ask_term(p, port, PORT_CLOSE, TERM_NIL);
}

static BIF(port_connect_2) {
    ANSWERED(p);
    term_t port = port_of(p, a[0]);
    if (port == TERM_NONE || !is_local_pid(a[1])) return A_badarg;
    return ask_term(p, port, PORT_CONNECT, a[1]);
}

/* ---- commands ---- */

static bool is_busy(const outlet_t *o) {
    return (atomic_load_explicit(&o->state, memory_order_seq_cst) & OUTLET_BUSY) ||
           (o->msgq_high &&
            atomic_load_explicit(&o->unhandled, memory_order_relaxed) > o->msgq_high);
}

/* Suspends p until the port resumes it. With a reply, the BIF that runs is to wait for it; without,
 * p goes on to the end of its slice. false: no memory, p goes on and the port just gets more. */
static bool wait_for(proc_t *p, term_t port, bool with_reply) {
    vm_t *vm = p->vm;
    signal_t *sig = port_request(vm, p->sched, PORT_WAIT, 0);
    signal_t *reply = sig && with_reply ? signal_new(vm, p->sched, SIG_REPLY, 0) : NULL;
    uint64_t ref = reply ? proc_ask(p) : 0;
    if (!sig || (with_reply && ref == 0)) {
        signal_free(vm, p->sched, sig);
        signal_free(vm, p->sched, reply);
        return false;
    }
    if (sysmon_watches(vm, WATCH_BUSY_PORT)) sysmon_busy_port(p, port);
    if (reply) {
        reply->ref = ref;
        reply->term = A_true;
    }
    sig->from = p->pid;
    sig->data[0] = (uintptr_t)reply;
    p->suspended++;
    atomic_fetch_or_explicit(&p->state, PS_SUSPENDED, memory_order_seq_cst);
    outlet_signal(vm, port, sig);
    bif_bump(p, SLICE_REDS);
    return true;
}

static signal_t *bytes_request(proc_t *p, int op, term_t data, size_t nbits) {
    signal_t *sig = port_request(p->vm, p->sched, op, nbits / 8);
    if (!sig) return NULL;
    sig->from = p->pid;
    if (iodata_copy(p->vm, data, port_bytes(sig)) == IODATA_OK) return sig;
    signal_free(p->vm, p->sched, sig);
    return NULL;
}

/* Whether the sender should wait now. */
static bool send_command(proc_t *p, term_t port, signal_t *sig, bool force) {
    vm_t *vm = p->vm;
    outlet_t *o = outlet_lookup(vm, port);
    bool busy = o && is_busy(o) && !force;
    if (o && vm->threaded)
        atomic_fetch_add_explicit(&o->unhandled, port_nbytes(sig), memory_order_relaxed);
    bif_bump(p, 1 + port_nbytes(sig) / 256);
    outlet_signal_exclusive(p, port, sig);
    return busy;
}

static BIF(port_command_3) {
    ANSWERED(p);
    bool force = false, nosuspend = false;
    term_t l = a[2];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_force)
            force = true;
        else if (cons_head(l) == A_nosuspend)
            nosuspend = true;
        else
            return A_badopt;
    }
    if (!is_nil(l)) return A_badopt;
    term_t port = port_of(p, a[0]);
    outlet_t *o = port == TERM_NONE ? NULL : outlet_lookup(p->vm, port);
    if (!o) return A_badarg;
    if (force && !o->soft_busy) return A_notsup;
    size_t nbits;
    int code = iodata_bits(p->vm, a[1], false, &nbits);
    if (code == IODATA_NO_MEMORY) return bif_oom(p);
    if (code != IODATA_OK) return A_badarg;
    if (nosuspend && !force && is_busy(o)) return A_false;
    signal_t *sig = bytes_request(p, PORT_COMMAND, a[1], nbits);
    if (!sig) return bif_oom(p);
    sig->ref = force;
    if (!send_command(p, port, sig, force) || !wait_for(p, port, true)) return A_true;
    bool waiting;
    term_t answer = proc_await(p, &waiting);
    return answer == TERM_NONE ? bif_wait(p) : answer;
}

bool outlet_bang(proc_t *p, term_t port, term_t msg) {
    vm_t *vm = p->vm;
    signal_t *sig;
    term_t owner = TERM_NIL, what = msg;
    if (is_tuple_of(msg, 2) && is_local_pid(tuple_elem(msg, 1))) {
        owner = tuple_elem(msg, 1);
        what = tuple_elem(msg, 2);
    }
    size_t nbits;
    if (!is_nil(owner) && is_tuple_of(what, 2) && tuple_elem(what, 1) == A_command &&
        iodata_bits(vm, tuple_elem(what, 2), false, &nbits) == IODATA_OK) {
        sig = bytes_request(p, PORT_COMMAND, tuple_elem(what, 2), nbits);
        if (!sig) return false;
        sig->term = owner;
        if (send_command(p, port, sig, false)) wait_for(p, port, false);
        return true;
    }
    sig = port_request(vm, p->sched, PORT_BADSIG, 0);
    if (!sig) return false;
    sig->from = p->pid;
    if (!is_nil(owner) && what == A_close) {
        sig->flags = PORT_BANG_CLOSE;
        sig->term = owner;
    } else if (!is_nil(owner) && is_tuple_of(what, 2) && tuple_elem(what, 1) == A_connect &&
               is_local_pid(tuple_elem(what, 2))) {
        sig->flags = PORT_BANG_CONNECT;
        sig->term = owner;
        sig->data[0] = tuple_elem(what, 2);
    }
    outlet_signal(vm, port, sig);
    return true;
}

/* ---- control, call ---- */

static BIF(port_control_3) {
    ANSWERED(p);
    term_t port = port_of(p, a[0]);
    uint64_t op;
    if (port == TERM_NONE || !term_to_uint64(a[1], &op) || op > UINT32_MAX) return A_badarg;
    size_t nbits;
    int code = iodata_bits(p->vm, a[2], false, &nbits);
    if (code == IODATA_NO_MEMORY) return bif_oom(p);
    if (code != IODATA_OK) return A_badarg;
    signal_t *sig = bytes_request(p, PORT_CONTROL, a[2], nbits);
    if (!sig) return bif_oom(p);
    sig->term = make_small((int64_t)op);
    bif_bump(p, 1 + nbits / 2048);
    return ask(p, port, sig);
}

static BIF(port_call_3) {
    ANSWERED(p);
    term_t port = port_of(p, a[0]);
    uint64_t op;
    if (port == TERM_NONE || !term_to_uint64(a[1], &op) || op > UINT32_MAX) return A_badarg;
    uint8_t *data;
    size_t n, cap;
    if (etf_encode(p->vm, a[2], &data, &n, &cap) != ETF_OK) return bif_oom(p);
    signal_t *sig = port_request(p->vm, p->sched, PORT_CALL, n);
    if (sig) memcpy(port_bytes(sig), data, n);
    mem_free(p->vm, data, cap);
    if (!sig) return bif_oom(p);
    sig->term = make_small((int64_t)op);
    bif_bump(p, 1 + n / 256);
    return ask(p, port, sig);
}

/* ---- looking ---- */

static term_t info(proc_t *p, term_t port, term_t item) {
    if (!is_atom(port) && !is_port(port)) return A_badarg;
    if (is_port(port) && !is_local_port(port)) return A_undefined;
    port = port_of(p, port);
    return port == TERM_NONE ? (term_t)A_undefined : ask_term(p, port, PORT_INFO, item);
}

static BIF(port_info_1) {
    ANSWERED(p);
    return info(p, a[0], TERM_NIL);
}
static BIF(port_info_2) {
    ANSWERED(p);
    if (!is_atom(a[0]) && !is_port(a[0])) return A_badtype;
    return info(p, a[0], is_atom(a[1]) ? a[1] : (term_t)A_badarg);
}

static BIF(ports_0) {
    (void)a;
    term_t l = outlet_list(p);
    return l == TERM_NONE ? bif_oom(p) : l;
}

/* ---- data of a port ---- */

static term_t data_answer(proc_t *p, term_t answer) {
    if (answer == TERM_NONE) return TERM_NONE;
    if (answer == A_true) return A_true;
    if (is_tuple_of(answer, 2)) return tuple_elem(answer, 2);
    return answer == A_badarg ? bif_badarg(p) : bif_oom(p);
}

static term_t data_request(proc_t *p, term_t t, int op, term_t value) {
    bool waiting;
    term_t answer = proc_await(p, &waiting);
    if (answer != TERM_NONE) return data_answer(p, answer);
    if (waiting) return bif_wait(p);
    term_t port = port_of(p, t);
    return port == TERM_NONE ? bif_badarg(p) : data_answer(p, ask_term(p, port, op, value));
}

static BIF(port_set_data_2) { return data_request(p, a[0], PORT_SET_DATA, a[1]); }
static BIF(port_get_data_1) { return data_request(p, a[0], PORT_GET_DATA, TERM_NIL); }

const bif_def_t bifs_port[] = {
    {"erts_internal", "open_port", 2, open_port_2, 0},
    {"erts_internal", "port_close", 1, port_close_1, 0},
    {"erts_internal", "port_connect", 2, port_connect_2, 0},
    {"erts_internal", "port_command", 3, port_command_3, 0},
    {"erts_internal", "port_control", 3, port_control_3, 0},
    {"erts_internal", "port_call", 3, port_call_3, 0},
    {"erts_internal", "port_info", 1, port_info_1, 0},
    {"erts_internal", "port_info", 2, port_info_2, 0},
    {"erlang", "ports", 0, ports_0, 0},
    {"erlang", "port_set_data", 2, port_set_data_2, 0},
    {"erlang", "port_get_data", 1, port_get_data_1, 0},
    {0},
};
