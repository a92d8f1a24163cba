/* port.c: what a signal does to a port, and how a port begins and ends. Polling thread only; called
 * from the queue (outlet.c) and by drivers.
 */
#include "outlet/outlet.h"

#include <errno.h>
#include "vm/binary.h"
#include "vm/copy.h"
#include "vm/errno_name.h"
#include "vm/etf.h"
#include "vm/heap.h"
#include "vm/process.h"

static bool is_closed(const outlet_t *o) {
    return atomic_load_explicit(&o->state, memory_order_relaxed) & OUTLET_CLOSED;
}

static bool is_busy(const outlet_t *o) {
    return atomic_load_explicit(&o->state, memory_order_relaxed) & OUTLET_BUSY;
}

/* ---- answers ---- */

void port_answer(vm_t *vm, term_t port, signal_t *sig, term_t answer) {
    sched_t *s = sched_current(vm);
    term_t to = sig->from;
    uint64_t ref = sig->ref;
    signal_t *reply = NULL;
    if (ref != 0) {
        outlet_t *o = outlet_lookup(vm, port);
        if (o && port_observed(o)) port_stops(o);
        reply = signal_new_whole(vm, s, SIG_REPLY, answer, 0);
        if (!reply) { /* the request itself is the answer */
            reply = sig;
            sig = NULL;
            reply->kind = SIG_REPLY;
            reply->used = 0;
            reply->term = is_pointer(answer) ? (term_t)A_system_limit : answer;
        }
        reply->from = port;
        reply->ref = ref;
    }
    if (sig) signal_free(vm, s, sig);
    if (reply) signal_send(vm, to, reply);
}

static void reply_signal(outlet_t *o, signal_t *sig, signal_t *reply) {
    if (!reply) {
        port_answer(o->vm, o->port, sig, A_system_limit);
        return;
    }
    if (port_observed(o)) port_stops(o);
    reply->kind = SIG_REPLY;
    reply->from = o->port;
    reply->ref = sig->ref;
    term_t to = sig->from;
    signal_free(o->vm, sched_current(o->vm), sig);
    signal_send(o->vm, to, reply);
}

static void resume(vm_t *vm, term_t port, signal_t *sig) {
    term_t to = sig->from;
    signal_t *reply = (signal_t *)(uintptr_t)sig->data[0];
    if (reply) {
        reply->from = port;
        signal_send(vm, to, reply);
    }
    sig->kind = SIG_RESUME;
    sig->flags = 0;
    sig->ref = 1;
    sig->from = port;
    signal_send(vm, to, sig);
}

void port_undeliverable(vm_t *vm, term_t dead, signal_t *sig) {
    switch (sig->flags) {
    case PORT_WAIT: resume(vm, dead, sig); return;
    case PORT_INFO: port_answer(vm, dead, sig, A_undefined); return;
    case PORT_OPEN: open_args_free((open_args_t *)(uintptr_t)sig->data[0]); break;
    default: break;
    }
    port_answer(vm, dead, sig, A_badarg);
}

/* ---- busy ---- */

static void busy_update(outlet_t *o) {
    if (o->high) {
        if (o->queued > o->high)
            o->full = true;
        else if (o->queued < o->low || o->queued == 0)
            o->full = false;
    }
    bool was = is_busy(o);
    bool now = o->said_busy || o->full;
    if (now == was) return;
    if (now) {
        atomic_fetch_or_explicit(&o->state, OUTLET_BUSY, memory_order_seq_cst);
        return;
    }
    atomic_fetch_and_explicit(&o->state, ~(uint32_t)OUTLET_BUSY, memory_order_seq_cst);
    /* Not here: a function of the driver may be what calls. */
    if (o->pending || o->waiting) outlet_due(o);
}

static signal_t *pending_take(outlet_t *o) {
    signal_t *sig = o->pending;
    o->pending = sig->next;
    if (!o->pending) o->pending_last = &o->pending;
    return sig;
}

static void dispatch(outlet_t *o, signal_t *sig);

static void resume_all(outlet_t *o) {
    for (signal_t *sig = o->waiting, *next; sig; sig = next) {
        next = sig->next;
        resume(o->vm, o->port, sig);
    }
    o->waiting = NULL;
}

bool port_go_on(outlet_t *o) {
    bool done = false;
    while (!is_busy(o) && !is_closed(o) && o->pending) {
        dispatch(o, pending_take(o));
        done = true;
    }
    if (!is_busy(o)) resume_all(o);
    return done;
}

void ling_outlet_set_busy(ling_outlet_t *o, int busy) {
    o->said_busy = busy != 0;
    busy_update(o);
}

void ling_outlet_set_queued(ling_outlet_t *o, size_t bytes) {
    o->queued = bytes;
    busy_update(o);
}

/* ---- the end ---- */

static void tell_links(outlet_t *o, term_t reason) {
    vm_t *vm = o->vm;
    sched_t *s = sched_current(vm);
    relation_t *r;
    while ((r = relation_pop(&o->links))) {
        term_t to = r->other;
        signal_t *sig = signal_new_reason(vm, s, SIG_EXIT, reason, EXIT_WORDS);
        if (sig)
            relation_free(vm, s, r);
        else
            sig = signal_from_relation(r, SIG_EXIT), sig->term = A_killed;
        sig->flags = SIGF_LINK;
        sig->from = o->port;
        signal_send(vm, to, sig);
    }
    while ((r = relation_pop(&o->monitored_by))) {
        term_t to = r->other;
        uint64_t ref = r->key;
        signal_t *sig = signal_new_reason(vm, s, SIG_DOWN, reason, DOWN_WORDS);
        if (sig)
            relation_free(vm, s, r);
        else
            sig = signal_from_relation(r, SIG_DOWN), sig->term = A_killed;
        sig->ref = ref;
        sig->from = o->port;
        signal_send(vm, to, sig);
    }
    while ((r = relation_pop(&o->monitors))) {
        term_t to = r->other;
        uint64_t ref = small_value(r->tag);
        signal_t *sig = signal_from_relation(r, SIG_DEMONITOR);
        sig->ref = ref;
        sig->from = o->port;
        signal_send(vm, to, sig);
    }
}

static int output(outlet_t *o, signal_t *sig);

/* What is still held when the port ends: after a normal close it goes out as far as the driver
 * takes it. */
static void pending_end(outlet_t *o, bool send) {
    while (o->pending) {
        signal_t *sig = pending_take(o);
        if (send && sig->kind == SIG_PORT && sig->flags == PORT_COMMAND) {
            send = output(o, sig) >= 0;
            signal_free(o->vm, sched_current(o->vm), sig);
        } else {
            signal_undeliverable(o->vm, o->port, sig);
        }
    }
}

void port_exit(outlet_t *o, term_t reason) {
    vm_t *vm = o->vm;
    if (is_closed(o) || o->closing) return;
    if (o->opening) { /* the owner is not linked yet */
        o->exit_early = true;
        o->early_reason = reason;
        return;
    }
    outlet_enter(vm);
    o->closing = true;
    pending_end(o, reason == A_normal);
    atomic_fetch_or_explicit(&o->state, OUTLET_CLOSED, memory_order_seq_cst);
    if (port_traced(o)) port_trace_event(o, A_closed, reason);
    if (reason == A_kill) reason = A_killed;
    name_forget_port(o);
    outlet_unlist(o);
    if (o->timer) etimer_stop(vm, o->timer);
    o->timer = NULL;
    tell_links(o, reason);
    resume_all(o);
    outlet_due(o);
    outlet_leave_later(vm);
}

/* port_close/1 returns when the driver has let go of the device, or said that it needs longer. */
static void answer_closer(outlet_t *o) {
    signal_t *sig = o->closer;
    o->closer = NULL;
    if (sig) port_answer(o->vm, o->port, sig, A_true);
}

static void stop(outlet_t *o) {
    const ling_outlet_driver_t *def = o->driver->def;
    if (!o->finishing && def->finish) {
        o->finished = false;
        o->finishing = !def->finish(o);
    } else {
        o->finished = true;
    }
    if (o->finishing && !o->finished) {
        answer_closer(o);
        return;
    }
    o->stopped = true;
    if (def->stop) def->stop(o);
    answer_closer(o);
    outlet_free(o);
}

void port_due(outlet_t *o) {
    if (is_closed(o))
        stop(o);
    else
        port_go_on(o);
}

void ling_outlet_finished(ling_outlet_t *o) {
    o->finished = true;
    if (o->finishing) outlet_due(o);
}

void ling_outlet_exit(ling_outlet_t *o, int error) {
    port_exit(o, error ? errno_atom(o->vm, error) : (term_t)A_normal);
}

/* ---- commands ---- */

static int output(outlet_t *o, signal_t *sig) {
    const ling_outlet_driver_t *def = o->driver->def;
    size_t n = port_nbytes(sig);
    if (!o->output || !def->output) return 0;
    o->bytes_out += n;
    int r = def->output(o, port_bytes(sig), n);
    if (r < 0) ling_outlet_exit(o, r);
    return r;
}

/* As OTP: whoever sent it, the owner hears of it. */
static void badsig(outlet_t *o) { proc_exit_signal(o->vm, o->port, o->owner, A_badsig, 0); }

static void command(outlet_t *o, signal_t *sig) {
    if (!is_nil(sig->term) && sig->term != o->owner) {
        badsig(o);
    } else {
        if (port_traced(o)) port_trace_bytes(o, sig->from, A_command, sig);
        output(o, sig);
    }
    signal_free(o->vm, sched_current(o->vm), sig);
}

struct ling_outlet_reply {
    outlet_t *o;
    uint8_t *data;
    size_t len, cap;
    uint8_t first[256];
};

int ling_outlet_reply(ling_outlet_reply_t *r, const void *data, size_t len) {
    if (r->cap - r->len < len) {
        size_t cap = r->cap;
        while (cap - r->len < len) {
            if (cap > SIZE_MAX / 2) return LING_ENOMEM;
            cap *= 2;
        }
        uint8_t *more = r->data == r->first ? mem_alloc(r->o->vm, cap)
                                            : mem_realloc(r->o->vm, r->data, r->cap, cap);
        if (!more) return LING_ENOMEM;
        if (r->data == r->first) memcpy(more, r->first, r->len);
        r->data = more;
        r->cap = cap;
    }
    if (len) memcpy(r->data + r->len, data, len);
    r->len += len;
    return LING_OK;
}

static void reply_free(ling_outlet_reply_t *r) {
    if (r->data != r->first) mem_free(r->o->vm, r->data, r->cap);
}

static void control(outlet_t *o, signal_t *sig) {
    const ling_outlet_driver_t *def = o->driver->def;
    uint32_t op = (uint32_t)small_value(sig->term);
    ling_outlet_reply_t r = {.o = o, .data = r.first, .cap = sizeof r.first};
    if (def->control && port_traced(o)) port_trace_bytes(o, sig->from, A_control, sig);
    int rc = def->control ? def->control(o, op, port_bytes(sig), port_nbytes(sig), &r)
                          : LING_OUTLET_BADARG;
    if (rc < 0) {
        port_answer(o->vm, o->port, sig, A_badarg);
    } else {
        term_t *end;
        if (port_traced(o)) port_trace_answer(o, sig->from, A_control, r.data, r.len);
        bool binary = o->frame.binary && !(def->flags & LING_OUTLET_CONTROL_LIST);
        reply_signal(o, sig,
                     signal_new_bytes(o->vm, sched_current(o->vm), SIG_REPLY, r.data, r.len, binary,
                                      0, &end));
    }
    reply_free(&r);
}

/* {ok, Term} from the external format. */
static signal_t *call_result(outlet_t *o, const uint8_t *data, size_t n) {
    vm_t *vm = o->vm;
    int64_t words = etf_decoded_size(vm, data, n, NULL);
    signal_t *sig =
        words < 0 ? NULL : signal_new(vm, sched_current(vm), SIG_REPLY, (size_t)words + 3);
    if (!sig) return NULL;
    term_t *hp = sig->data + 3, *head = sig->data;
    term_t t = etf_decode(vm, data, n, 0, &hp, &sig->off_heap);
    if (t == TERM_NONE) {
        signal_free(vm, sched_current(vm), sig);
        return NULL;
    }
    sig->term = tuple2(&head, A_ok, t);
    sig->used = (uint32_t)(hp - sig->data);
    return sig;
}

static void call(outlet_t *o, signal_t *sig) {
    const ling_outlet_driver_t *def = o->driver->def;
    uint32_t op = (uint32_t)small_value(sig->term);
    ling_outlet_reply_t r = {.o = o, .data = r.first, .cap = sizeof r.first};
    if (def->call && port_traced(o)) port_trace_bytes(o, sig->from, A_call, sig);
    int rc =
        def->call ? def->call(o, op, port_bytes(sig), port_nbytes(sig), &r) : LING_OUTLET_BADARG;
    signal_t *reply = rc < 0 ? NULL : call_result(o, r.data, r.len);
    if (reply && port_traced(o)) port_trace_answer(o, sig->from, A_call, r.data, r.len);
    if (reply)
        reply_signal(o, sig, reply);
    else
        port_answer(o->vm, o->port, sig, A_badarg);
    reply_free(&r);
}

/* ---- owners, links, monitors ---- */

/* Nobody is linked to a process that is gone. false: no memory. */
static bool connect(outlet_t *o, term_t pid) {
    vm_t *vm = o->vm;
    sched_t *s = sched_current(vm);
    if (proc_lookup(vm, pid) && !relation_find(o->links, pid)) {
        relation_t *r = relation_new(vm, s, pid, pid, 0);
        signal_t *link = r ? signal_new(vm, s, SIG_LINK, 0) : NULL;
        if (!link) {
            relation_free(vm, s, r);
            return false;
        }
        relation_insert(&o->links, r);
        if (port_traced(o)) port_trace_event(o, A_getting_linked, pid);
        link->from = o->port;
        signal_send(vm, pid, link);
    }
    const ling_outlet_driver_t *def = o->driver->def;
    if (pid != o->owner) {
        if (def->detach) def->detach(o, o->owner);
        o->owner = pid;
        if (def->attach) def->attach(o, pid);
    }
    return true;
}

/* {Port, What} */
static void say_to(outlet_t *o, term_t to, term_t what) {
    signal_t *sig = signal_new(o->vm, sched_current(o->vm), SIG_MESSAGE, 3);
    if (!sig) return;
    term_t *hp = sig->data;
    sig->term = tuple2(&hp, o->port, what);
    sig->used = 3;
    signal_send(o->vm, to, sig);
}

/* who asked that pid become the owner, and where it is now. Tracers hear of an answer to
 * port_connect/2, too. */
static void trace_connect(outlet_t *o, term_t who, term_t pid) {
    term_t words[6], *hp = words, what = tuple2(&hp, A_connect, pid);
    port_trace_receive(o, who, what);
    port_trace_send(o, who, tuple2(&hp, o->port, A_connected));
}

static void on_bang(outlet_t *o, signal_t *sig) {
    term_t old = o->owner;
    if (sig->flags == PORT_BADSIG || sig->term != o->owner) {
        badsig(o);
    } else if (sig->flags == PORT_BANG_CLOSE) {
        if (port_traced(o)) port_trace_receive(o, old, A_close);
        port_exit(o, A_normal);
        if (port_traced(o)) port_trace_send(o, old, A_closed); /* no tuple, as in OTP */
        say_to(o, old, A_closed);
    } else if (connect(o, sig->data[0])) {
        if (port_traced(o)) trace_connect(o, old, sig->data[0]);
        say_to(o, old, A_connected);
    } else {
        badsig(o);
    }
    signal_free(o->vm, sched_current(o->vm), sig);
}

static void on_exit(outlet_t *o, signal_t *sig) {
    term_t from = sig->from, reason = sig->term;
    bool linked = sig->flags & SIGF_LINK;
    relation_t *r = linked ? relation_find(o->links, from) : NULL;
    if (linked) relation_free(o->vm, sched_current(o->vm), relation_remove(&o->links, from));
    if ((!linked || r) && port_traced(o)) port_trace_receive(o, from, A_close);
    /* Who asks by exit/2, or was linked; of those only the owner's end counts if it is normal. */
    if (!linked || (r && (reason != A_normal || from == o->owner))) port_exit(o, reason);
    signal_free(o->vm, sched_current(o->vm), sig);
}

static void on_unlink(outlet_t *o, signal_t *sig) {
    relation_t *r = relation_remove(&o->links, sig->from);
    if (r && port_traced(o)) port_trace_event(o, A_getting_unlinked, sig->from);
    relation_free(o->vm, sched_current(o->vm), r);
    term_t to = sig->from;
    sig->kind = SIG_UNLINK_ACK;
    sig->from = o->port;
    signal_send(o->vm, to, sig);
}

int ling_outlet_monitor(ling_outlet_t *o, ling_term_t pid) {
    vm_t *vm = o->vm;
    sched_t *s = sched_current(vm);
    if (!is_local_pid(pid)) return LING_EINVAL;
    if (relation_find(o->monitors, pid)) return LING_OK;
    relation_t *r = relation_new(vm, s, pid, pid, 0);
    signal_t *sig = r ? signal_new(vm, s, SIG_MONITOR, 0) : NULL;
    if (!sig) {
        relation_free(vm, s, r);
        return LING_ENOMEM;
    }
    sig->from = o->port;
    sig->ref = vm_next_ref(vm);
    r->tag = make_small((int64_t)sig->ref);
    relation_insert(&o->monitors, r);
    signal_send(vm, pid, sig);
    return LING_OK;
}

int ling_outlet_demonitor(ling_outlet_t *o, ling_term_t pid) {
    relation_t *r = relation_remove(&o->monitors, pid);
    if (!r) return LING_EINVAL;
    uint64_t ref = (uint64_t)small_value(r->tag);
    signal_t *sig = signal_from_relation(r, SIG_DEMONITOR);
    sig->ref = ref;
    sig->from = o->port;
    signal_send(o->vm, pid, sig);
    return LING_OK;
}

static void on_down(outlet_t *o, signal_t *sig) {
    term_t from = sig->from;
    relation_t *r = relation_find(o->monitors, from);
    if (r && small_value(r->tag) == (int64_t)sig->ref) {
        relation_free(o->vm, sched_current(o->vm), relation_remove(&o->monitors, from));
        if (o->driver->def->process_exit) o->driver->def->process_exit(o, from);
    }
    signal_free(o->vm, sched_current(o->vm), sig);
}

/* ---- data ---- */

static void set_data(outlet_t *o, signal_t *sig) {
    sched_t *s = sched_current(o->vm);
    signal_t *copy = signal_new_whole(o->vm, s, SIG_FRAGMENT, sig->term, 0);
    if (copy) {
        signal_free(o->vm, s, o->data);
        o->data = copy;
    }
    port_answer(o->vm, o->port, sig, copy ? A_true : A_system_limit);
}

static void get_data(outlet_t *o, signal_t *sig) {
    signal_t *reply = signal_new_reason(o->vm, sched_current(o->vm), SIG_REPLY,
                                        o->data ? o->data->term : (term_t)A_undefined, 3);
    if (reply) {
        term_t *hp = reply->data + reply->used;
        reply->term = tuple2(&hp, A_ok, reply->term);
        reply->used = (uint32_t)(hp - reply->data);
    }
    reply_signal(o, sig, reply);
}

static void post(outlet_t *o, signal_t *sig) {
    const ling_outlet_driver_t *def = o->driver->def;
    int r = 0;
    if (def->new_data)
        def->new_data(o, port_bytes(sig), port_nbytes(sig));
    else
        r = frame_bytes(o, port_bytes(sig), port_nbytes(sig));
    if (r < 0) ling_outlet_exit(o, r);
    signal_free(o->vm, sched_current(o->vm), sig);
}

/* ---- everything ---- */

/* A busy port keeps commands, and so does one that has not come to what it kept; what their senders
 * ask for later stays behind them. */
static bool must_wait(outlet_t *o, const signal_t *sig) {
    if ((!is_busy(o) && !o->pending) || sig->kind != SIG_PORT) return false;
    switch (sig->flags) {
    case PORT_COMMAND: return !(o->soft_busy && sig->ref); /* ref set: force */
    case PORT_CONTROL:
    case PORT_CALL:
    case PORT_BANG_CONNECT:
    case PORT_CONNECT:
        for (signal_t *s = o->pending; s; s = s->next)
            if (s->from == sig->from) return true;
        return false;
    default: return false;
    }
}

static void on_request(outlet_t *o, signal_t *sig) {
    switch (sig->flags) {
    case PORT_COMMAND: command(o, sig); return;
    case PORT_CONTROL: control(o, sig); return;
    case PORT_CALL: call(o, sig); return;
    case PORT_CLOSE:
        if (port_traced(o)) port_trace_receive(o, sig->from, A_close);
        o->closer = sig;
        port_exit(o, A_normal);
        return;
    case PORT_CONNECT: {
        bool ok = proc_lookup(o->vm, sig->term) && connect(o, sig->term);
        if (ok && port_traced(o)) trace_connect(o, sig->from, sig->term);
        port_answer(o->vm, o->port, sig, ok ? A_true : A_badarg);
        return;
    }
    case PORT_INFO: reply_signal(o, sig, port_info_signal(o, sig->term)); return;
    case PORT_SET_DATA: set_data(o, sig); return;
    case PORT_GET_DATA: get_data(o, sig); return;
    case PORT_WAIT:
        if (is_busy(o)) {
            sig->next = o->waiting;
            o->waiting = sig;
        } else {
            resume(o->vm, o->port, sig);
        }
        return;
    case PORT_POST: post(o, sig); return;
    default: on_bang(o, sig); return;
    }
}

static void act(outlet_t *o, signal_t *sig) {
    vm_t *vm = o->vm;
    switch (sig->kind) {
    case SIG_PORT: on_request(o, sig); return;
    case SIG_EXIT: on_exit(o, sig); return;
    case SIG_LINK:
        if (!relation_find(o->links, sig->from)) {
            if (port_traced(o)) port_trace_event(o, A_getting_linked, sig->from);
            relation_insert(&o->links, relation_from_signal(sig, sig->from, sig->from, 0));
            return;
        }
        break;
    case SIG_UNLINK: on_unlink(o, sig); return;
    case SIG_MONITOR:
        relation_insert(&o->monitored_by, relation_from_signal(sig, sig->ref, sig->from, 0));
        return;
    case SIG_DEMONITOR:
        relation_free(vm, sched_current(vm), relation_remove(&o->monitored_by, sig->ref));
        break;
    case SIG_DOWN: on_down(o, sig); return;
    default: break;
    }
    signal_free(vm, sched_current(vm), sig);
}

COLD static void act_observed(outlet_t *o, signal_t *sig) {
    port_runs(o, port_trace_operation(sig), A_proc_sig);
    act(o, sig);
    port_stops(o);
}
static void dispatch(outlet_t *o, signal_t *sig) {
    if (port_observed(o))
        act_observed(o, sig);
    else
        act(o, sig);
}

void port_handle(outlet_t *o, signal_t *sig) {
    if (!must_wait(o, sig)) {
        dispatch(o, sig);
        return;
    }
    sig->next = NULL;
    *o->pending_last = sig;
    o->pending_last = &sig->next;
}

/* ---- the beginning ---- */

static const driver_t builtin_fd = {.def = &driver_fd}, builtin_spawn = {.def = &driver_spawn};

static const driver_t *resolve(vm_t *vm, const open_args_t *a) {
    if (a->kind == OPEN_FD) return &builtin_fd;
    if (a->kind == OPEN_EXECUTABLE) return &builtin_spawn;
    const char *text = a->pub.command;
    const char *space = strchr(text, ' ');
    const driver_t *d = driver_find(vm, text, space ? (size_t)(space - text) : strlen(text));
    if (d || a->kind == OPEN_DRIVER) return d;
    /* Drivers OTP has: nobody means a program of that name. */
    static const char *const reserved[] = {"udp_inet", "tcp_inet", "sctp_inet"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        size_t n = strlen(reserved[i]);
        if (strncmp(text, reserved[i], n) == 0 && (text[n] == 0 || text[n] == ' ')) return NULL;
    }
    return &builtin_spawn;
}

static term_t open_error(vm_t *vm, int rc) {
    return rc == LING_OUTLET_BADARG ? (term_t)A_badarg : errno_atom(vm, rc);
}

/* The port, or an atom that says why not. */
static term_t open_port(vm_t *vm, open_args_t *a, term_t owner) {
    const driver_t *d = resolve(vm, a);
    if (!d) return A_badarg;
    term_t error;
    outlet_t *o = outlet_new(vm, a, d, owner, &error);
    signal_t *link = o ? signal_new(vm, sched_current(vm), SIG_LINK, 0) : NULL;
    if (!o) return error == TERM_NONE ? (term_t)A_enomem : error;
    int rc = -ENOMEM;
    if (link) {
        if (port_traced(o)) port_trace_open(o);
        if (port_observed(o)) port_runs(o, A_open, A_open);
        o->opening = true;
        rc = d->def->open(o, &a->pub, d->user, &o->state_of_driver);
        o->opening = false;
        if (port_observed(o)) port_stops(o);
    }
    if (rc != 0) {
        signal_free(vm, sched_current(vm), link);
        outlet_free(o);
        return open_error(vm, rc);
    }
    link->from = o->port;
    link->flags = SIGF_LINK; /* the owner's doing */
    if (port_traced(o)) port_trace_event(o, A_getting_linked, owner);
    signal_send(vm, owner, link);
    term_t port = o->port;
    if (d->def->attach) d->def->attach(o, owner);
    if (o->exit_early) port_exit(o, o->early_reason);
    return port;
}

void port_open(vm_t *vm, signal_t *sig) {
    open_args_t *a = (open_args_t *)(uintptr_t)sig->data[0];
    /* Who has ended meanwhile gets no port that nobody would ever close. */
    bool alive = proc_lookup(vm, sig->from) != NULL;
    term_t answer = alive ? open_port(vm, a, sig->from) : (term_t)A_badarg;
    open_args_free(a);
    port_answer(vm, TERM_NIL, sig, answer);
}

/* ---- small things for drivers ---- */

void *ling_outlet_state(const ling_outlet_t *o) { return o->state_of_driver; }
ling_vm_t *ling_outlet_vm(const ling_outlet_t *o) { return o->vm; }
ling_term_t ling_outlet_port(const ling_outlet_t *o) { return o->port; }
ling_term_t ling_outlet_owner(const ling_outlet_t *o) { return o->owner; }
void ling_outlet_set_os_pid(ling_outlet_t *o, int64_t pid) { o->os_pid = pid; }

static void timer_fire(vm_t *vm, void *user) {
    outlet_t *o = outlet_lookup(vm, (term_t)(uintptr_t)user);
    if (!o) return;
    o->timer = NULL;
    outlet_enter(vm);
    if (port_observed(o)) port_runs(o, make_small(0), A_timeout);
    if (port_traced(o)) port_trace_receive(o, TERM_NIL, A_timeout);
    if (o->driver->def->timeout) o->driver->def->timeout(o);
    if (port_observed(o)) port_stops(o);
    outlet_leave(vm);
}

int ling_outlet_set_timer(ling_outlet_t *o, int64_t ns) {
    vm_t *vm = o->vm;
    if (o->timer) etimer_stop(vm, o->timer);
    o->timer = NULL;
    if (ns == LING_FOREVER || is_closed(o)) return LING_OK;
    uint64_t wait = ns < 0 ? 0 : (uint64_t)ns;
    o->timer = etimer_start(vm, vm_now(vm) + wait, timer_fire, (void *)(uintptr_t)o->port);
    return o->timer ? LING_OK : LING_ENOMEM;
}
