/* bif_process.c: the BIFs with which a process ends and addresses others and looks after itself:
 * exit signals, sending, names, group leaders, who is alive, its dictionary. Each runs in the
 * calling process and reaches others by signals only.
 *
 * Making processes is in bif_spawn.c, connecting them in bif_link.c, stopping them in
 * bif_suspend.c; what is said about them in bif_process_info.c.
 */
#include "vm/bif.h"
#include "vm/compare.h"
#include "vm/port.h"
#include "vm/proc_dict.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/trace.h"

/* p has been told to end (PF_EXIT_PENDING): it goes to sleep for ever and the scheduler ends it. */
static term_t leave(proc_t *p) { return bif_wait(p); }

static BIF(bif_self) {
    (void)a;
    return p->pid;
}

/* ---- exit signals ---- */

static BIF(bif_exit_signal) {
    term_t to = a[0];
    if (!is_pid(to) && !is_port(to)) return bif_badarg(p);
    if (!is_local_pid(to) && !is_local_port(to)) return A_true;
    return proc_exit_signal(p->vm, p->pid, to, a[1], 0) ? (term_t)A_true : bif_oom(p);
}
static BIF(bif_exit_signal_2) {
    /* exit/2 ends oneself with the reason normal, too, this does not. */
    if (a[0] == p->pid && a[1] == A_normal && !(p->flags & PF_TRAP_EXIT)) return A_true;
    return bif_exit_signal(p, a);
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
            port_trace_name(o, A_register, a[0]);
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
    {"erlang", "exit", 2, bif_exit_2, 0},
    {"erlang", "exit_signal", 2, bif_exit_signal_2, 0},
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
    {"erlang", "processes", 0, bif_processes, 0},
    {"erlang", "is_process_alive", 1, bif_is_process_alive, 0},
    {"erts_internal", "is_process_alive", 2, bif_internal_is_process_alive, 0},
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
