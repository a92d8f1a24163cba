/* bif_spawn.c: the BIFs that make processes: spawn in all its forms, its options, and requests to
 * spawn that are answered by a message. process.c does the work.
 */
#include "vm/bif.h"
#include "vm/proc_options.h"
#include "vm/process.h"
#include "vm/seq_trace.h"

/* What only spawn_request's options have. */
typedef struct {
    term_t reply_tag;
    bool reply_ok, reply_error;
} request_opts_t;

static bool parse_spawn_opt(proc_t *p, term_t o, spawn_opts_t *out, request_opts_t *req) {
    if (o == A_link) return out->link = true;
    if (o == A_monitor) return out->monitor = true;
    if (!is_tuple_of(o, 2)) return false;
    term_t v = tuple_elem(o, 2);
    uint32_t n;
    switch (tuple_elem(o, 1)) {
    case A_monitor: {
        uint32_t alias;
        if (!monitor_opts_from_term(v, &alias, &out->monitor_tag)) return false;
        out->alias = alias != 0;
        out->alias_mode = (uint8_t)alias;
        return out->monitor = true;
    }
    case A_priority: return priority_from_term(v, &out->prio);
    case A_min_heap_size: return words_from_term(v, &out->min_heap);
    case A_min_bin_vheap_size: return words_from_term(v, &n);
    case A_max_heap_size:
        out->has_max_heap = true;
        return max_heap_from_term(p->vm, v, DEFAULT_MIN_HEAP, &out->max_heap, &out->max_heap_flags);
    case A_fullsweep_after:
        if (!words_from_term(v, &n)) return false;
        out->fullsweep_after = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
        return out->has_fullsweep_after = true;
    case A_message_queue_data:
        out->off_heap_msgs = v == A_off_heap;
        return v == A_off_heap || v == A_on_heap;
    case A_scheduler: return is_small(v) && small_value(v) >= 0 && v <= make_small(p->vm->nscheds);
    case A_reply_tag:
        if (req) req->reply_tag = v;
        return req != NULL;
    case A_reply:
        if (!req || (v != A_yes && v != A_no && v != A_success_only && v != A_error_only))
            return false;
        req->reply_ok = v == A_yes || v == A_success_only;
        req->reply_error = v == A_yes || v == A_error_only;
        return true;
    default: return false;
    }
}

/* All are looked at: how a request that fails is answered may stand behind what is wrong. */
static bool parse_spawn_opts(proc_t *p, term_t l, spawn_opts_t *out, request_opts_t *req) {
    bool good = true;
    for (; is_cons(l) && (good || req); l = cons_tail(l))
        good &= parse_spawn_opt(p, cons_head(l), out, req);
    if (out->min_heap) out->min_heap = (uint32_t)min_heap_step(out->min_heap);
    return good && is_nil(l);
}

/* ---- spawning ---- */

static term_t spawn_failed(proc_t *p, term_t err) {
    if (err == A_system_limit) return bif_system_limit(p);
    if (err == A_badarg) return bif_badarg(p);
    return bif_oom(p);
}

/* {Pid, Ref} where it is monitored, Pid else. */
static term_t spawned(proc_t *p, term_t pid, const spawn_opts_t *o, uint64_t ref) {
    if (!o->monitor) return pid;
    term_t *hp = heap_alloc(p, 3 + REF_WORDS);
    if (!hp) return bif_oom(p);
    term_t r = make_ref(&hp, ref, o->alias ? p->pid : 0);
    return tuple2(&hp, pid, r);
}

static term_t spawn_mfa(proc_t *p, term_t m, term_t f, term_t args, const spawn_opts_t *o) {
    uint64_t ref = 0;
    term_t err;
    if (!is_atom(m) || !is_atom(f)) return bif_badarg(p);
    term_t pid = proc_spawn(p->vm, p, m, f, args, o, &ref, &err);
    if (UNLIKELY(pid == TERM_NONE)) return spawn_failed(p, err);
    bif_bump(p, 10);
    return spawned(p, pid, o, ref);
}

/* A fun without parameters. */
static bool is_thunk(term_t fun) {
    if (is_closure(fun)) return ((fun_obj_t *)boxed_ptr(fun))->entry->arity == 0;
    return is_export_fun(fun) && ((export_t *)(uintptr_t)boxed_ptr(fun)[1])->arity == 0;
}

/* {Module, Function}, which OTP still hands to apply/2, where it fails. */
static bool is_old_fun(term_t t) {
    return is_tuple_of(t, 2) && is_atom(tuple_elem(t, 1)) && is_atom(tuple_elem(t, 2));
}

static term_t spawn_fun(proc_t *p, term_t fun, const spawn_opts_t *o) {
    uint64_t ref = 0;
    term_t err, cells[4], *hp = cells;
    if (is_old_fun(fun)) {
        term_t args = cons(&hp, TERM_NIL, TERM_NIL);
        return spawn_mfa(p, A_erlang, A_apply, cons(&hp, fun, args), o);
    }
    if (!is_fun(fun)) return bif_badarg(p);
    term_t pid = proc_spawn_fun(p->vm, p, fun, o, &ref, &err);
    if (UNLIKELY(pid == TERM_NONE)) return spawn_failed(p, err);
    bif_bump(p, 10);
    return spawned(p, pid, o, ref);
}

static BIF(bif_spawn_1) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    return spawn_fun(p, a[0], &o);
}
static BIF(bif_spawn_3) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    return spawn_mfa(p, a[0], a[1], a[2], &o);
}
static BIF(bif_spawn_link_1) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    o.link = true;
    return spawn_fun(p, a[0], &o);
}
static BIF(bif_spawn_link_3) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    o.link = true;
    return spawn_mfa(p, a[0], a[1], a[2], &o);
}
static BIF(bif_spawn_monitor_1) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    o.monitor = true;
    /* Unlike spawn/1, this one checks the arity. */
    if (!is_thunk(a[0])) return bif_badarg(p);
    return spawn_fun(p, a[0], &o);
}
static BIF(bif_spawn_monitor_3) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    o.monitor = true;
    if (is_atom(a[0]) && is_atom(a[1]) && is_cons(a[2]) && list_length(a[2]) < 0) {
        /* OTP leaves that to spawn_opt/4. */
        term_t *hp = heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        const term_t call[] = {a[0], a[1], a[2], cons(&hp, A_monitor, TERM_NIL)};
        return bif_trap(p, A_erlang, A_spawn_opt, 4, call);
    }
    return spawn_mfa(p, a[0], a[1], a[2], &o);
}
static BIF(bif_spawn_opt_2) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    if (is_old_fun(a[0])) {
        term_t *hp = heap_alloc(p, 4);
        if (!hp) return bif_oom(p);
        term_t args = cons(&hp, TERM_NIL, TERM_NIL);
        const term_t call[] = {A_erlang, A_apply, cons(&hp, a[0], args), a[1]};
        return bif_trap(p, A_erlang, A_spawn_opt, 4, call);
    }
    if (!is_fun(a[0])) return bif_badarg(p);
    if (!parse_spawn_opts(p, a[1], &o, NULL)) return bif_badarg_cause(p, A_badopt);
    o.seq = &(seq_spawn_t){.options = a[1]};
    return spawn_fun(p, a[0], &o);
}
static BIF(bif_spawn_opt_4) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    if (!parse_spawn_opts(p, a[3], &o, NULL)) return bif_badarg_cause(p, A_badopt);
    o.seq = &(seq_spawn_t){.options = a[3]};
    return spawn_mfa(p, a[0], a[1], a[2], &o);
}

/* {ReplyTag, ReqId, ok | error, Pid | Reason} to the caller itself. */
static bool spawn_reply(proc_t *p, const request_opts_t *req, term_t ref, term_t how, term_t what) {
    term_t *hp = heap_alloc(p, 5);
    return hp && proc_send(p->vm, NULL, p->pid, tuple4(&hp, req->reply_tag, ref, how, what));
}

/* erts_internal:spawn_request(M, F, Args, Opts): ReqId, badarg or badopt. */
static BIF(bif_spawn_request) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    request_opts_t req = {A_spawn_reply, true, true};
    if (!is_atom(a[0]) || !is_atom(a[1]) || list_length(a[2]) < 0) return A_badarg;
    if (list_length(a[3]) < 0) return A_badopt;
    bool good = parse_spawn_opts(p, a[3], &o, &req);
    uint64_t id = vm_next_ref(p->vm);
    term_t *hp = heap_alloc(p, REF_WORDS);
    if (!hp) return bif_oom(p);
    term_t ref = make_ref(&hp, id, o.alias ? p->pid : 0), err = A_badopt;
    seq_spawn_t seq = {a[3], true, req.reply_tag, ref, NULL};
    o.seq = &seq;
    term_t pid = good ? proc_spawn(p->vm, p, a[0], a[1], a[2], &o, &id, &err) : TERM_NONE;
    if (pid == TERM_NONE && err == TERM_NONE) return bif_oom(p);
    bool told = true;
    if (pid != TERM_NONE) {
        if (seq.answer && req.reply_ok)
            proc_signal(p->vm, p, seq.answer);
        else if (req.reply_ok)
            told = spawn_reply(p, &req, ref, A_ok, pid);
        else
            signal_free(p->vm, p->sched, seq.answer);
    } else if (req.reply_error) {
        told = spawn_reply(p, &req, ref, A_error, err);
    }
    return told ? ref : bif_oom(p);
}
/* A local request is over when it returns: there is nothing left to abandon. */
static BIF(bif_spawn_request_abandon) { return is_ref(a[0]) ? (term_t)A_false : bif_badarg(p); }

static BIF(bif_dist_spawn_request) {
    /* Other nodes cannot be reached: the request fails at once, as with a node that is down. */
    request_opts_t req = {A_spawn_reply, true, true};
    spawn_opts_t o = SPAWN_DEFAULTS;
    if (!is_atom(a[0]) || !is_tuple_of(a[1], 3) || list_length(a[2]) < 0) return A_badarg;
    if (!is_atom(tuple_elem(a[1], 1)) || !is_atom(tuple_elem(a[1], 2)) ||
        list_length(tuple_elem(a[1], 3)) < 0)
        return A_badarg;
    if (!parse_spawn_opts(p, a[2], &o, &req) && a[3] == A_spawn_opt) return A_badarg;
    term_t ref = new_ref(p);
    if (ref == TERM_NONE) return bif_oom(p);
    if (req.reply_error && !spawn_reply(p, &req, ref, A_error, A_noconnection)) return bif_oom(p);
    if (a[3] != A_spawn_opt) return ref;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, ref, make_bool(o.monitor)) : bif_oom(p);
}

static BIF(bif_spawn_system_process) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    o.system = true;
    return spawn_mfa(p, a[0], a[1], a[2], &o);
}

const bif_def_t bifs_spawn[] = {
    {"erlang", "spawn", 1, bif_spawn_1, 0},
    {"erlang", "spawn", 3, bif_spawn_3, 0},
    {"erlang", "spawn_link", 1, bif_spawn_link_1, 0},
    {"erlang", "spawn_link", 3, bif_spawn_link_3, 0},
    {"erlang", "spawn_monitor", 1, bif_spawn_monitor_1, 0},
    {"erlang", "spawn_monitor", 3, bif_spawn_monitor_3, 0},
    {"erlang", "spawn_opt", 2, bif_spawn_opt_2, 0},
    {"erlang", "spawn_opt", 4, bif_spawn_opt_4, 0},
    {"erts_internal", "spawn_request", 4, bif_spawn_request, 0},
    {"erts_internal", "dist_spawn_request", 4, bif_dist_spawn_request, 0},
    {"erlang", "spawn_request_abandon", 1, bif_spawn_request_abandon, 0},
    {"erts_internal", "spawn_system_process", 3, bif_spawn_system_process, 0},
    {0}};
