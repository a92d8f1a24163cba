/* bif_process.c: the BIFs that make, end, connect and address processes. What they say about
 * processes is in bif_info.c. Each runs in the calling process and reaches others by signals only.
 */
#include "outlet/outlet.h"
#include "vm/bif.h"
#include "vm/clock.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/link.h"
#include "vm/mailbox.h"
#include "vm/map.h"
#include "vm/proc_dict.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/seq_trace.h"
#include "vm/trace.h"

/* p has been told to end (PF_EXIT_PENDING): it goes to sleep for ever and the scheduler ends it. */
static term_t leave(proc_t *p) { return bif_wait(p); }

/* ---- options ---- */

/* kill and error_logger are as for the whole system unless said otherwise. */
bool max_heap_from_term(vm_t *vm, term_t v, uint32_t min_heap, uint32_t *size, uint16_t *flags) {
    uint64_t usual =
        atomic_load_explicit(&sched_sys_state(vm)->max_heap, memory_order_relaxed) >> 32;
    term_t words = v, kill = make_bool(!(usual & MAX_HEAP_NO_KILL));
    term_t logger = make_bool(!(usual & MAX_HEAP_NO_LOG));
    if (is_map(v)) {
        words = map_get(vm, v, A_size);
        term_t k = map_get(vm, v, A_kill), l = map_get(vm, v, A_error_logger);
        if (k != TERM_NONE) kill = k;
        if (l != TERM_NONE) logger = l;
    }
    int64_t n;
    if (words == TERM_NONE || !term_to_int64(words, &n) || n < 0) return false;
    if (kill != A_true && kill != A_false) return false;
    if (logger != A_true && logger != A_false) return false;
    if (n != 0 && n < min_heap) return false;
    *size = n > UINT32_MAX ? 0 : (uint32_t)n;
    *flags = (kill == A_true ? 0 : MAX_HEAP_NO_KILL) | (logger == A_true ? 0 : MAX_HEAP_NO_LOG);
    return true;
}

static bool parse_words(term_t v, uint32_t *out) {
    int64_t n;
    if (!term_to_int64(v, &n) || n < 0) return false;
    *out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return true;
}

static bool parse_priority(term_t v, uint8_t *prio) {
    switch (v) {
    case A_max: *prio = PRIO_MAX; return true;
    case A_high: *prio = PRIO_HIGH; return true;
    case A_normal: *prio = PRIO_NORMAL; return true;
    case A_low: *prio = PRIO_LOW; return true;
    default: return false;
    }
}

/* Options of monitor/3 and {monitor, Opts}: REL_* for the alias (0: none), tag. */
static bool parse_monitor_opts(term_t l, uint32_t *alias, term_t *tag) {
    *alias = 0;
    *tag = TERM_NONE;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        if (!is_tuple_of(o, 2)) return false;
        term_t v = tuple_elem(o, 2);
        if (tuple_elem(o, 1) == A_tag) {
            *tag = v;
        } else if (tuple_elem(o, 1) == A_alias) {
            switch (v) {
            case A_explicit_unalias: *alias = REL_ALIAS; break;
            case A_demonitor: *alias = REL_ALIAS | REL_ALIAS_WATCH; break;
            case A_reply_demonitor: *alias = REL_ALIAS | REL_ALIAS_WATCH | REL_ALIAS_ONCE; break;
            default: return false;
            }
        } else {
            return false;
        }
    }
    return is_nil(l);
}

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
        if (!parse_monitor_opts(v, &alias, &out->monitor_tag)) return false;
        out->alias = alias != 0;
        out->alias_mode = (uint8_t)alias;
        return out->monitor = true;
    }
    case A_priority: return parse_priority(v, &out->prio);
    case A_min_heap_size: return parse_words(v, &out->min_heap);
    case A_min_bin_vheap_size: return parse_words(v, &n);
    case A_max_heap_size:
        out->has_max_heap = true;
        return max_heap_from_term(p->vm, v, DEFAULT_MIN_HEAP, &out->max_heap, &out->max_heap_flags);
    case A_fullsweep_after:
        if (!parse_words(v, &n)) return false;
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
        if (!req) return false;
        req->reply_ok = v == A_yes || v == A_success_only;
        req->reply_error = v == A_yes || v == A_error_only;
        return req->reply_ok || req->reply_error || v == A_no;
    default: return false;
    }
}

static bool parse_spawn_opts(proc_t *p, term_t l, spawn_opts_t *out, request_opts_t *req) {
    for (; is_cons(l); l = cons_tail(l))
        if (!parse_spawn_opt(p, cons_head(l), out, req)) return false;
    if (out->min_heap) out->min_heap = (uint32_t)min_heap_step(out->min_heap);
    return is_nil(l);
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

/* ---- links ---- */

static BIF(bif_self) {
    (void)a;
    return p->pid;
}

static BIF(bif_link) {
    vm_t *vm = p->vm;
    term_t other = a[0];
    if (UNLIKELY(trace_of(p) != NULL) && (is_pid(other) || is_port(other)))
        trace_proc(p, A_link, other);
    if (other == p->pid) return A_true;
    if (is_local_pid(other) || is_local_port(other)) {
        relation_t *r = relation_find(p->links, other);
        if (r && !(r->flags & REL_UNLINKING)) return A_true;
        bool live =
            is_local_pid(other) ? proc_lookup(vm, other) != NULL : outlet_lookup(vm, other) != NULL;
        if (!live && !(p->flags & PF_TRAP_EXIT)) return bif_error(p, A_noproc);
        signal_t *sig = signal_new(vm, p->sched, SIG_LINK, 0);
        if (!sig) return bif_oom(p);
        sig->from = p->pid;
        if (r) {
            r->flags &= ~(uint32_t)REL_UNLINKING;
        } else {
            r = relation_new(vm, p->sched, other, other, 0);
            if (!r) {
                signal_free(vm, p->sched, sig);
                return bif_oom(p);
            }
            relation_insert(&p->links, r);
        }
        signal_send(vm, other, sig);
        return A_true;
    }
    if (!is_pid(other) && !is_port(other)) return bif_badarg(p);
    /* Another node, or another life of this one. */
    term_t why = is_former(other) ? A_noproc : A_noconnection;
    if (!(p->flags & PF_TRAP_EXIT)) return bif_error(p, why);
    term_t *hp = heap_alloc(p, 4);
    if (!hp || !proc_send(vm, NULL, p->pid, tuple3(&hp, A_EXIT, other, why))) return bif_oom(p);
    return A_true;
}

static BIF(bif_unlink) {
    vm_t *vm = p->vm;
    term_t other = a[0];
    if (!is_pid(other) && !is_port(other)) return bif_badarg(p);
    if (UNLIKELY(trace_of(p) != NULL)) trace_proc(p, A_unlink, other);
    relation_t *r = is_boxed(other) ? NULL : relation_find(p->links, other);
    if (!r || (r->flags & REL_UNLINKING)) return A_true;
    signal_t *sig = signal_new(vm, p->sched, SIG_UNLINK, 0);
    if (!sig) return bif_oom(p);
    uint64_t id = vm_next_ref(vm);
    r->flags |= REL_UNLINKING;
    r->tag = make_small((int64_t)id);
    sig->from = p->pid;
    sig->ref = id;
    signal_send(vm, other, sig);
    return A_true;
}

/* ---- monitors and aliases ---- */

static term_t ref_of(proc_t *p, uint64_t id, bool alias) {
    term_t *hp = heap_alloc(p, REF_WORDS);
    return hp ? make_ref(&hp, id, alias ? p->pid : 0) : bif_oom(p);
}

/* other is NIL where a name stands for nobody. */
static term_t watch(proc_t *p, term_t other, term_t name, uint32_t alias, term_t tag,
                    uint32_t kind) {
    vm_t *vm = p->vm;
    uint64_t id = vm_next_ref(vm);
    uint32_t flags = REL_MONITOR | (alias ? alias | REL_OWN_REF : 0) | kind;
    bool self_watch = other == p->pid;
    term_t ref = ref_of(p, id, alias != 0);
    if (ref == TERM_NONE) return TERM_NONE;
    if (self_watch) { /* never triggers: only the alias is of use */
        if (!alias) return ref;
        flags &= ~(uint32_t)REL_MONITOR;
    }
    relation_t *r = relation_new(vm, p->sched, id, other, flags);
    if (!r) return bif_oom(p);
    r->name = name;
    if (kind == REL_TIME) r->tag = A_CHANGE;
    if (tag != TERM_NONE) {
        r->tag = tag;
        if (!is_immed(tag)) {
            r->frag = signal_new_whole(vm, p->sched, SIG_FRAGMENT, tag, 0);
            if (!r->frag) {
                relation_free(vm, p->sched, r);
                return bif_oom(p);
            }
            r->tag = r->frag->term;
        }
    }
    if (self_watch) {
        relation_insert(&p->monitors, r);
        return ref;
    }
    if (kind == REL_TIME) {
        if (!clock_watch(vm, p->sched, id, p->pid)) {
            relation_free(vm, p->sched, r);
            return bif_oom(p);
        }
        relation_insert(&p->monitors, r);
        return ref;
    }
    signal_t *sig = signal_new(vm, p->sched, SIG_MONITOR, 0);
    if (!sig) {
        relation_free(vm, p->sched, r);
        return bif_oom(p);
    }
    relation_insert(&p->monitors, r);
    sig->from = p->pid;
    sig->ref = id;
    signal_send(vm, other, sig);
    return ref;
}

static term_t watch_what(proc_t *p, term_t type, term_t what, uint32_t alias, term_t tag) {
    if (type == A_port) {
        term_t name = what;
        if (is_tuple_of(what, 2)) {
            name = tuple_elem(what, 1);
            if (tuple_elem(what, 2) != A_nonode) return bif_badarg(p);
        } else if (is_port(what)) {
            return watch(p, what, TERM_NIL, alias, tag, REL_PORT);
        }
        if (!is_atom(name)) return bif_badarg(p);
        term_t port = name_whereis(p->vm, name);
        return watch(p, port != TERM_NONE && is_local_port(port) ? port : TERM_NIL, name, alias,
                     tag, REL_PORT);
    }
    if (type == A_time_offset) {
        if (what != A_clock_service) return bif_badarg(p);
        return watch(p, A_clock_service, TERM_NIL, alias, tag, REL_TIME);
    }
    if (type != A_process) return bif_badarg_cause(p, A_badtype);
    if (is_local_pid(what)) return watch(p, what, TERM_NIL, alias, tag, 0);
    term_t name = what;
    if (is_tuple_of(what, 2)) {
        name = tuple_elem(what, 1);
        if (tuple_elem(what, 2) != A_nonode) return bif_badarg(p);
    } else if (is_pid(what)) {
        return watch(p, what, TERM_NIL, alias, tag, 0);
    }
    if (!is_atom(name)) return bif_badarg(p);
    term_t pid = name_whereis(p->vm, name);
    return watch(p, pid != TERM_NONE && is_local_pid(pid) ? pid : TERM_NIL, name, alias, tag, 0);
}

static BIF(bif_monitor_2) { return watch_what(p, a[0], a[1], 0, TERM_NONE); }
static BIF(bif_monitor_3) {
    uint32_t alias;
    term_t tag;
    if (!parse_monitor_opts(a[2], &alias, &tag)) return bif_badarg_cause(p, A_badopt);
    return watch_what(p, a[0], a[1], alias, tag);
}

/* Takes the first {_, Ref, _, _, _} out of the mailbox. */
static void flush_down(proc_t *p, uint64_t id) {
    size_t looked = 0;
    for (signal_t **at = &p->mq.first; *at; at = &(*at)->next, looked++) {
        term_t m = (*at)->term;
        if (!is_tuple_of(m, 5)) continue;
        term_t r = tuple_elem(m, 2);
        if (!is_local_ref(r) || ref_id(r) != id) continue;
        signal_free(p->vm, p->sched, msg_queue_unlink(&p->mq, at));
        break;
    }
    bif_bump(p, looked / 8);
}

/* true: there was such a watch. */
static bool unwatch(proc_t *p, term_t ref, bool flush) {
    if (!is_local_ref(ref)) return false;
    uint64_t id = ref_id(ref);
    relation_t *r = relation_find(p->monitors, id);
    if (!r || !(r->flags & REL_MONITOR)) return false;
    bool tells_often = r->flags & REL_TIME;
    proc_unwatch(p, r);
    if (flush && tells_often) flush_down(p, id);
    return true;
}

static BIF(bif_demonitor_1) {
    if (!is_ref(a[0])) return bif_badarg(p);
    unwatch(p, a[0], false);
    return A_true;
}
static BIF(bif_demonitor_2) {
    bool flush = false, info = false;
    term_t l = a[1];
    if (!is_ref(a[0])) return bif_badarg(p);
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_flush)
            flush = true;
        else if (cons_head(l) == A_info)
            info = true;
        else
            return bif_badarg(p);
    }
    if (!is_nil(l)) return bif_badarg(p);
    if (unwatch(p, a[0], flush)) return A_true;
    /* The watch has ended: if it was by 'DOWN', that is in the mailbox already. */
    if (flush && is_local_ref(a[0])) flush_down(p, ref_id(a[0]));
    return make_bool(!info);
}

static term_t alias_new(proc_t *p, uint32_t flags) {
    uint64_t id = vm_next_ref(p->vm);
    term_t ref = ref_of(p, id, true);
    if (ref == TERM_NONE) return TERM_NONE;
    relation_t *r = relation_new(p->vm, p->sched, id, p->pid, flags | REL_OWN_REF);
    if (!r) return bif_oom(p);
    relation_insert(&p->monitors, r);
    return ref;
}
static BIF(bif_alias_0) {
    (void)a;
    return alias_new(p, REL_ALIAS);
}
static BIF(bif_alias_1) {
    uint32_t flags = REL_ALIAS;
    term_t l = a[0];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_reply)
            flags |= REL_ALIAS_ONCE;
        else if (cons_head(l) == A_explicit_unalias)
            flags &= ~(uint32_t)REL_ALIAS_ONCE;
        else
            return bif_badarg(p);
    }
    return is_nil(l) ? alias_new(p, flags) : bif_badarg(p);
}
static BIF(bif_unalias) {
    if (!is_ref(a[0])) return bif_badarg(p);
    if (!is_local_ref(a[0])) return A_false;
    relation_t *r = relation_find(p->monitors, ref_id(a[0]));
    if (!r || !(r->flags & REL_ALIAS)) return A_false;
    r->flags &= ~(uint32_t)(REL_ALIAS | REL_ALIAS_ONCE | REL_ALIAS_WATCH);
    if (!(r->flags & REL_MONITOR))
        relation_free(p->vm, p->sched, relation_remove(&p->monitors, r->key));
    return A_true;
}

/* ---- exit signals ---- */

static BIF(bif_exit_signal) {
    term_t to = a[0];
    if (!is_pid(to) && !is_port(to)) return bif_badarg(p);
    if (!is_local_pid(to) && !is_local_port(to)) return A_true;
    return proc_exit_signal(p->vm, p->pid, to, a[1], 0) ? (term_t)A_true : bif_oom(p);
}
static BIF(bif_exit_2) {
    if (bif_exit_signal(p, a) == TERM_NONE) return TERM_NONE;
    /* Who ends itself does so before exit/2 returns. */
    bool ends = a[0] == p->pid && (a[1] == A_kill || !(p->flags & PF_TRAP_EXIT));
    return ends && !proc_fetch_signals(p) ? leave(p) : (term_t)A_true;
}

/* ---- sending ---- */

static term_t sent(proc_t *p, term_t how, term_t ok) {
    if (UNLIKELY(how == TERM_NONE)) return bif_oom(p);
    if (UNLIKELY(how == A_badarg)) return bif_badarg(p);
    bif_bump(p, 3);
    return ok;
}
static BIF(bif_send_2) { return sent(p, proc_send_any(p, a[0], a[1]), a[1]); }
static BIF(bif_send_3) {
    bool noconnect = false;
    term_t l = a[2];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_noconnect)
            noconnect = true;
        else if (cons_head(l) != A_nosuspend)
            return bif_badarg_cause(p, A_badopt);
    }
    if (!is_nil(l)) return bif_badarg_cause(p, A_badopt);
    term_t how = proc_send_any(p, a[0], a[1]);
    return sent(p, how, how == A_noconnection && noconnect ? A_noconnect : A_ok);
}

/* ---- names ---- */

static BIF(bif_register) {
    if (!is_atom(a[0]) || a[0] == A_undefined) return bif_badarg_cause(p, A_none);
    if (is_local_port(a[1])) {
        outlet_t *o = outlet_lookup(p->vm, a[1]);
        if (!o) return bif_badarg_cause(p, A_none);
        if (name_register_port(p->vm, a[0], o)) {
            if (port_traced(o)) port_trace_name(o, A_register, a[0]);
            return A_true;
        }
        return bif_badarg_cause(p, is_nil(name_of_port(o)) ? A_none : A_registered_name);
    }
    if (!is_local_pid(a[1])) return bif_badarg_cause(p, A_none);
    proc_t *to = proc_lookup(p->vm, a[1]);
    if (!to) return bif_badarg_cause(p, A_notalive);
    if (name_register(p->vm, a[0], to)) {
        if (UNLIKELY(trace_of(to) != NULL)) trace_proc(to, A_register, a[0]);
        return A_true;
    }
    if (!is_nil(name_of(to))) return bif_badarg_cause(p, A_registered_name);
    if (name_whereis(p->vm, a[0]) == TERM_NONE) return bif_badarg_cause(p, A_notalive);
    return bif_badarg_cause(p, A_none);
}
static BIF(bif_unregister) {
    if (!is_atom(a[0]) || !name_unregister(p->vm, a[0])) return bif_badarg(p);
    return A_true;
}
static BIF(bif_whereis) {
    if (!is_atom(a[0])) return bif_badarg(p);
    term_t t = name_whereis(p->vm, a[0]);
    return t == TERM_NONE ? (term_t)A_undefined : t;
}
static BIF(bif_registered) {
    (void)a;
    term_t l = names_list(p);
    return l == TERM_NONE ? bif_oom(p) : l;
}

/* ---- group leader ---- */

static BIF(bif_group_leader_0) {
    (void)a;
    return p->group_leader;
}
/* true, or badarg. */
static term_t set_group_leader(proc_t *p, term_t leader, term_t pid) {
    if (!is_local_pid(leader) || !is_local_pid(pid)) return A_badarg;
    if (pid == p->pid) {
        p->group_leader = leader;
        return A_true;
    }
    if (!proc_lookup(p->vm, pid)) return A_badarg;
    signal_t *sig = signal_new(p->vm, p->sched, SIG_GROUP_LEADER, 0);
    if (!sig) return bif_oom(p);
    sig->term = leader;
    sig->from = p->pid;
    signal_send(p->vm, pid, sig);
    return A_true;
}
static BIF(bif_group_leader_2) {
    term_t r = set_group_leader(p, a[0], a[1]);
    return r == A_badarg ? bif_badarg(p) : r;
}
static BIF(bif_internal_group_leader_2) { return set_group_leader(p, a[0], a[1]); }
static BIF(bif_internal_group_leader_3) {
    if (!is_local_pid(a[0]) || !is_local_pid(a[1]) || !is_local_ref(a[2])) return bif_badarg(p);
    term_t r = set_group_leader(p, a[0], a[1]);
    if (r == TERM_NONE) return r;
    term_t *hp = heap_alloc(p, 3);
    if (!hp || !proc_send(p->vm, NULL, p->pid, tuple2(&hp, a[2], r))) return bif_oom(p);
    return A_ok;
}

/* ---- flags ---- */

static term_t max_heap_term(proc_t *p) {
    term_t kv[] = {A_size,         make_small(p->max_heap),
                   A_kill,         make_bool(!(p->max_heap_flags & MAX_HEAP_NO_KILL)),
                   A_error_logger, make_bool(!(p->max_heap_flags & MAX_HEAP_NO_LOG))};
    return map_from_pairs(p, kv, 3);
}
static term_t priority_term(const proc_t *p) {
    static const uint32_t name[] = {A_max, A_high, A_normal, A_low};
    return name[p->prio];
}

/* Flags kept only to be given back: they live in the rare part. */
static term_t flag_ext(proc_t *p, term_t flag, term_t v) {
    proc_ext_t *x = proc_ext_get(p);
    uint32_t n = 0;
    if (!x) return bif_oom(p);
    term_t old;
    switch (flag) {
    case A_error_handler:
        if (!is_atom(v)) return bif_badarg(p);
        old = x->error_handler;
        x->error_handler = v;
        return old;
    case A_min_bin_vheap_size:
        if (!parse_words(v, &n)) return bif_badarg(p);
        old = make_small(x->min_bin_vheap);
        x->min_bin_vheap = n;
        return old;
    case A_save_calls:
        if (!parse_words(v, &n) || n > 10000) return bif_badarg_cause(p, A_none);
        old = make_small(x->save_calls);
        x->save_calls = n;
        return old;
    default: /* scheduler: binding is not supported; remembered */
        if (!parse_words(v, &n) || n > p->vm->nscheds) return bif_badarg(p);
        old = make_small(x->scheduler);
        x->scheduler = n;
        return old;
    }
}

static term_t flag_monitor_nodes(proc_t *p, term_t on) {
    proc_ext_t *x = proc_ext_get(p);
    if (!x) return bif_oom(p);
    if (on != A_true && on != A_false) return bif_badarg(p);
    uint32_t old = x->monitor_nodes;
    x->monitor_nodes = on == A_true ? old + 1 : 0;
    return make_small(old);
}

static BIF(bif_process_flag_2) {
    term_t v = a[1], old;
    uint32_t n;
    switch (a[0]) {
    case A_trap_exit:
        if (v != A_true && v != A_false) return bif_badarg(p);
        /* As in OTP, exit signals not handled yet meet the new setting. */
        old = make_bool(p->flags & PF_TRAP_EXIT);
        p->flags = v == A_true ? p->flags | PF_TRAP_EXIT : p->flags & ~(uint32_t)PF_TRAP_EXIT;
        return old;
    case A_priority: {
        uint8_t prio;
        if (!parse_priority(v, &prio)) return bif_badarg(p);
        old = priority_term(p);
        p->prio = prio;
        return old;
    }
    case A_min_heap_size:
        if (!parse_words(v, &n)) return bif_badarg(p);
        if (p->max_heap && n > p->max_heap) return bif_badarg(p);
        old = make_small(p->min_heap);
        p->min_heap = (uint32_t)min_heap_step(n);
        return old;
    case A_max_heap_size: {
        uint32_t size;
        uint16_t flags;
        if (!max_heap_from_term(p->vm, v, p->min_heap, &size, &flags)) return bif_badarg(p);
        old = max_heap_term(p);
        if (old == TERM_NONE) return TERM_NONE;
        p->max_heap = size;
        p->max_heap_flags = flags;
        return old;
    }
    case A_fullsweep_after:
        if (!parse_words(v, &n)) return bif_badarg(p);
        old = make_small(p->fullsweep_after);
        p->fullsweep_after = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
        return old;
    case A_message_queue_data:
        if (v != A_off_heap && v != A_on_heap) return bif_badarg(p);
        old = p->flags & PF_OFF_HEAP_MSGS ? A_off_heap : A_on_heap;
        p->flags &= ~(uint32_t)PF_OFF_HEAP_MSGS;
        if (v == A_off_heap) p->flags |= PF_OFF_HEAP_MSGS;
        return old;
    case A_sensitive:
        if (v != A_true && v != A_false) return bif_badarg(p);
        old = make_bool(p->flags & PF_SENSITIVE);
        p->flags &= ~(uint32_t)PF_SENSITIVE;
        if (v == A_true) p->flags |= PF_SENSITIVE;
        return old;
    case A_error_handler:
    case A_min_bin_vheap_size:
    case A_save_calls:
    case A_scheduler: return flag_ext(p, a[0], v);
    case A_monitor_nodes: return flag_monitor_nodes(p, v);
    default:
        if (is_tuple_of(a[0], 2) && tuple_elem(a[0], 1) == A_monitor_nodes)
            return flag_monitor_nodes(p, v);
        return bif_badarg_cause(p, A_badopt);
    }
}
/* erts_internal:process_flag(Pid, Flag, Value): old value, badarg or badtype. */
static term_t flag_of_other(proc_t *p, term_t *a) {
    uint32_t n;
    if (!is_local_pid(a[0]) || !proc_lookup(p->vm, a[0])) return A_badtype;
    if (a[1] != A_save_calls || !parse_words(a[2], &n) || n > 10000) return A_badarg;
    return make_small(0); /* calls are never saved */
}
static BIF(bif_internal_process_flag) { return flag_of_other(p, a); }
static BIF(bif_process_flag_3) {
    term_t r = flag_of_other(p, a);
    if (r == A_badtype) return bif_badarg_cause(p, A_badtype);
    return r == A_badarg ? bif_badarg(p) : r;
}

/* ---- the table ---- */

typedef struct {
    term_t *hp, *end, list;
} pid_list_t;
static bool add_pid(void *user, proc_t *q) {
    pid_list_t *l = user;
    if (proc_is_doomed(q)) return true;
    if (l->end - l->hp < 2) return false;
    l->list = cons(&l->hp, q->pid, l->list);
    return true;
}
static BIF(bif_processes) {
    (void)a;
    /* Processes may start meanwhile; those that are there from beginning to end are all in. */
    size_t words = 2 * ((size_t)proc_count(p->vm) + 256);
    term_t *start = heap_alloc(p, words), *hp;
    if (!start) return bif_oom(p);
    pid_list_t l = {start, start + words, TERM_NIL};
    proc_each(p->vm, add_pid, &l);
    heap_release(p, l.hp, l.end);
    bif_bump(p, words / 8);
    /* The table was walked upwards, the list grew downwards. */
    term_t list = TERM_NIL;
    hp = heap_alloc(p, (size_t)(l.hp - start));
    if (!hp) return bif_oom(p);
    for (term_t c = l.list; is_cons(c); c = cons_tail(c)) list = cons(&hp, cons_head(c), list);
    return list;
}

static term_t is_alive(proc_t *p, term_t pid) {
    bool waiting;
    term_t r = proc_await(p, &waiting);
    if (waiting) return bif_wait(p);
    if (r != TERM_NONE) return r;
    if (pid == p->pid) return A_true;
    proc_t *q = proc_lookup(p->vm, pid);
    if (!q || proc_is_doomed(q)) return A_false;
    if (!p->vm->threaded && !proc_has_signals(q)) return make_bool(!(q->flags & PF_EXIT_PENDING));
    /* It answers after all that was sent to it before. */
    signal_t *sig = signal_new(p->vm, p->sched, SIG_IS_ALIVE, 0);
    if (!sig) return bif_oom(p);
    sig->ref = proc_ask(p);
    sig->from = p->pid;
    if (sig->ref == 0) {
        signal_free(p->vm, p->sched, sig);
        return bif_oom(p);
    }
    proc_signal(p->vm, q, sig);
    return bif_wait(p);
}
static BIF(bif_is_process_alive) {
    if (is_pid(a[0]) && is_former(a[0])) return A_false;
    return is_local_pid(a[0]) ? is_alive(p, a[0]) : bif_badarg(p);
}
/* erts_internal:is_process_alive(Pid, Ref): {Ref, Bool} as a message. */
static BIF(bif_internal_is_process_alive) {
    if (!is_local_pid(a[0]) || !is_local_ref(a[1])) return bif_badarg(p);
    term_t r = is_alive(p, a[0]);
    if (r == TERM_NONE) return r;
    term_t *hp = heap_alloc(p, 3);
    if (!hp || !proc_send(p->vm, NULL, p->pid, tuple2(&hp, a[1], r))) return bif_oom(p);
    return A_ok;
}

/* ---- suspending ---- */

/* Whether its own count with pid allows the request; *r: the node, made when missing. */
static relation_t *suspend_node(proc_t *p, term_t pid) {
    proc_ext_t *x = proc_ext_get(p);
    if (!x) return NULL;
    relation_t *r = relation_find(x->suspends, pid);
    if (r) return r;
    r = relation_new(p->vm, p->sched, pid, pid, 0);
    if (!r) return NULL;
    r->tag = make_small(0);
    relation_insert(&x->suspends, r);
    return r;
}

static void suspend_node_drop(proc_t *p, relation_t *r) {
    if (small_value(r->tag) > 0) return;
    relation_free(p->vm, p->sched, relation_remove(&p->ext->suspends, r->key));
}

/* true, false, badarg or badopt. */
static term_t suspend(proc_t *p, term_t pid, term_t opts) {
    bool unless = false, async = false, waiting;
    term_t note = TERM_NONE;
    term_t answer = proc_await(p, &waiting);
    if (waiting) return bif_wait(p);
    if (answer != TERM_NONE) {
        relation_t *r = relation_find(p->ext->suspends, pid);
        if (answer != A_true && r) {
            r->tag = make_small(small_value(r->tag) - 1);
            suspend_node_drop(p, r);
        }
        return answer;
    }
    if (!is_local_pid(pid) || pid == p->pid) return A_badarg;
    for (; is_cons(opts); opts = cons_tail(opts)) {
        term_t o = cons_head(opts);
        if (o == A_unless_suspending) {
            unless = true;
        } else if (o == A_asynchronous) {
            async = true;
        } else if (is_tuple_of(o, 2) && tuple_elem(o, 1) == A_asynchronous) {
            async = true;
            note = tuple_elem(o, 2);
        } else {
            return A_badopt;
        }
    }
    if (!is_nil(opts)) return A_badopt;
    proc_t *q = proc_lookup(p->vm, pid);
    if (!q && !async) return A_badarg;
    relation_t *r = suspend_node(p, pid);
    if (!r) return bif_oom(p);
    if (unless && small_value(r->tag) > 0) return A_false;
    r->tag = make_small(small_value(r->tag) + 1);
    signal_t *sig = signal_new(p->vm, p->sched, SIG_SUSPEND, 0);
    if (!sig) return bif_oom(p);
    sig->from = p->pid;
    sig->ref = async ? 0 : proc_ask(p);
    signal_send(p->vm, pid, sig);
    if (!async) return bif_wait(p);
    if (note != TERM_NONE) {
        term_t *hp = heap_alloc(p, 3);
        term_t how = q ? A_suspended : A_exited;
        if (!hp || !proc_send(p->vm, NULL, p->pid, tuple2(&hp, note, how))) return bif_oom(p);
    }
    return A_true;
}
static BIF(bif_internal_suspend) { return suspend(p, a[0], a[1]); }
static term_t suspended(proc_t *p, term_t r) {
    if (r == A_badopt) return bif_badarg_cause(p, A_badopt);
    return r == A_badarg ? bif_badarg(p) : r;
}
static BIF(bif_suspend_1) { return suspended(p, suspend(p, a[0], TERM_NIL)); }
static BIF(bif_suspend_2) { return suspended(p, suspend(p, a[0], a[1])); }
static BIF(bif_resume) {
    relation_t *r = p->ext && is_local_pid(a[0]) ? relation_find(p->ext->suspends, a[0]) : NULL;
    if (!r) return bif_badarg(p);
    signal_t *sig = signal_new(p->vm, p->sched, SIG_RESUME, 0);
    if (!sig) return bif_oom(p);
    r->tag = make_small(small_value(r->tag) - 1);
    suspend_node_drop(p, r);
    sig->from = p->pid;
    sig->ref = 1;
    signal_send(p->vm, a[0], sig);
    return A_true;
}

/* ---- system tasks ---- */

static term_t request_task(proc_t *p, term_t requester, term_t target, term_t request) {
    if (!is_local_pid(target) || !is_local_pid(requester) || !is_tuple(request) ||
        tuple_arity(request) < 2)
        return bif_badarg(p);
    term_t type = tuple_elem(request, 1);
    if (type != A_garbage_collect && type != A_check_process_code && type != A_copy_literals)
        return bif_badarg(p);
    if (type == A_check_process_code && tuple_arity(request) >= 3 &&
        !is_atom(tuple_elem(request, 3)))
        return bif_badarg(p);
    /* Room for the answer, which is made of the request. */
    signal_t *sig = signal_new_whole(p->vm, p->sched, SIG_SYSTEM_TASK, request, 4);
    if (!sig) return bif_oom(p);
    sig->from = requester;
    signal_send(p->vm, target, sig);
    return A_ok;
}
static BIF(bif_request_system_task_3) { return request_task(p, p->pid, a[0], a[2]); }
static BIF(bif_request_system_task_4) { return request_task(p, a[0], a[1], a[3]); }
static BIF(bif_false_of_pid) {
    if (!is_pid(a[0])) return bif_badarg(p);
    return A_false;
}
static BIF(bif_is_system_process) {
    if (!is_local_pid(a[0])) return bif_badarg(p);
    proc_t *q = proc_lookup(p->vm, a[0]);
    return make_bool(q && atomic_load_explicit(&q->state, memory_order_relaxed) & PS_SYSTEM);
}
/* Processes run no dirty code of their own: signals are always handled by themselves. */
static BIF(bif_dirty_process_handle_signals) {
    if (!is_local_pid(a[0])) return A_false;
    return proc_lookup(p->vm, a[0]) ? A_normal : A_noproc;
}

/* ---- dictionary ---- */

static BIF(bif_get_1) { return pdict_get(p, a[0]); }
static BIF(bif_put) {
    term_t old = pdict_put(p, a[0], a[1]);
    return LIKELY(old != TERM_NONE) ? old : bif_oom(p);
}
static BIF(bif_erase_1) { return pdict_erase(p, a[0]); }
static BIF(bif_get_0) {
    (void)a;
    term_t l = pdict_list(p, p);
    bif_bump(p, pdict_count(p) / 4);
    return l == TERM_NONE ? bif_oom(p) : l;
}
static BIF(bif_erase_0) {
    (void)a;
    term_t l = pdict_list(p, p);
    if (l == TERM_NONE) return bif_oom(p);
    pdict_free(p);
    return l;
}
static term_t keys(proc_t *p, bool with_value, term_t value) {
    size_t n = pdict_count(p), i = 0;
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * n), *end = hp + 2 * n, list = TERM_NIL, k, v;
    if (!hp) return bif_oom(p);
    while (pdict_next(p, &i, &k, &v))
        if (!with_value || term_eq(p->vm, v, value)) list = cons(&hp, k, list);
    heap_release(p, hp, end);
    bif_bump(p, n / 4);
    return list;
}
static BIF(bif_get_keys_0) {
    (void)a;
    return keys(p, false, TERM_NIL);
}
static BIF(bif_get_keys_1) { return keys(p, true, a[0]); }

/* ---- time slices ---- */

static BIF(bif_yield_0) {
    (void)a;
    p->reds = 0; /* the next call ends the slice */
    return A_true;
}
static BIF(bif_bump_reductions) {
    int64_t n;
    if (!is_otp_small(a[0]) || (n = small_value(a[0])) < 0) return bif_badarg(p);
    bif_bump(p, (size_t)n);
    return A_true;
}

/* ---- other nodes: there are none ---- */

static BIF(bif_monitor_node_2) {
    if (!is_atom(a[0]) || (a[1] != A_true && a[1] != A_false)) return bif_badarg(p);
    return a[0] == A_nonode ? (term_t)A_true : bif_error(p, A_notalive);
}
static BIF(bif_dflag_unicode_io) { return is_pid(a[0]) ? (term_t)A_true : bif_badarg(p); }

const bif_def_t bifs_process[] = {
    {"erlang", "self", 0, bif_self, BIF_GUARD},
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
    {"erlang", "link", 1, bif_link, 0},
    {"erlang", "unlink", 1, bif_unlink, 0},
    {"erlang", "monitor", 2, bif_monitor_2, 0},
    {"erlang", "monitor", 3, bif_monitor_3, 0},
    {"erlang", "demonitor", 1, bif_demonitor_1, 0},
    {"erlang", "demonitor", 2, bif_demonitor_2, 0},
    {"erlang", "alias", 0, bif_alias_0, 0},
    {"erlang", "alias", 1, bif_alias_1, 0},
    {"erlang", "unalias", 1, bif_unalias, 0},
    {"erlang", "exit", 2, bif_exit_2, 0},
    {"erlang", "exit_signal", 2, bif_exit_signal, 0},
    {"erlang", "!", 2, bif_send_2, 0},
    {"erlang", "send", 2, bif_send_2, 0},
    {"erlang", "send", 3, bif_send_3, 0},
    {"erlang", "register", 2, bif_register, 0},
    {"erlang", "unregister", 1, bif_unregister, 0},
    {"erlang", "whereis", 1, bif_whereis, 0},
    {"erlang", "registered", 0, bif_registered, 0},
    {"erlang", "group_leader", 0, bif_group_leader_0, 0},
    {"erlang", "group_leader", 2, bif_group_leader_2, 0},
    {"erts_internal", "group_leader", 2, bif_internal_group_leader_2, 0},
    {"erts_internal", "group_leader", 3, bif_internal_group_leader_3, 0},
    {"erlang", "process_flag", 2, bif_process_flag_2, 0},
    {"erlang", "process_flag", 3, bif_process_flag_3, 0},
    {"erts_internal", "process_flag", 3, bif_internal_process_flag, 0},
    {"erlang", "processes", 0, bif_processes, 0},
    {"erlang", "is_process_alive", 1, bif_is_process_alive, 0},
    {"erts_internal", "is_process_alive", 2, bif_internal_is_process_alive, 0},
    {"erlang", "suspend_process", 1, bif_suspend_1, 0},
    {"erlang", "suspend_process", 2, bif_suspend_2, 0},
    {"erts_internal", "suspend_process", 2, bif_internal_suspend, 0},
    {"erlang", "resume_process", 1, bif_resume, 0},
    {"erts_internal", "request_system_task", 3, bif_request_system_task_3, 0},
    {"erts_internal", "request_system_task", 4, bif_request_system_task_4, 0},
    {"erts_internal", "is_process_executing_dirty", 1, bif_false_of_pid, 0},
    {"erts_internal", "check_dirty_process_code", 2, bif_false_of_pid, 0},
    {"erts_internal", "dirty_process_handle_signals", 1, bif_dirty_process_handle_signals, 0},
    {"erts_internal", "is_system_process", 1, bif_is_system_process, 0},
    {"erlang", "get", 0, bif_get_0, 0},
    {"erlang", "get", 1, bif_get_1, 0},
    {"erlang", "put", 2, bif_put, 0},
    {"erlang", "erase", 0, bif_erase_0, 0},
    {"erlang", "erase", 1, bif_erase_1, 0},
    {"erlang", "get_keys", 0, bif_get_keys_0, 0},
    {"erlang", "get_keys", 1, bif_get_keys_1, 0},
    {"erlang", "yield", 0, bif_yield_0, 0},
    {"erlang", "bump_reductions", 1, bif_bump_reductions, 0},
    {"erlang", "monitor_node", 2, bif_monitor_node_2, 0},
    {"erlang", "monitor_node", 3, bif_monitor_node_2, 0},
    {"net_kernel", "dflag_unicode_io", 1, bif_dflag_unicode_io, 0},
    {0}};
