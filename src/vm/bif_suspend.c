/* bif_suspend.c: the BIFs by which one process decides when another runs, or what it does between
 * two slices: suspending, resuming, system tasks. Each is a signal; signal_handle.c says what it
 * does over there.
 */
#include "vm/bif.h"
#include "vm/copy.h"
#include "vm/link.h"
#include "vm/proc_ext.h"
#include "vm/process.h"

/* ---- suspending ---- */

/* Nobody tells that a suspended process has ended: with each new node two others are looked at, so
 * that at most as many dead ones stay as there are live ones. */
static void suspend_nodes_sweep(proc_t *p, proc_ext_t *x) {
    for (int i = 0; i < 2; i++) {
        relation_t *r = relation_next(x->suspends, x->suspends_swept);
        x->suspends_swept = r ? r->key : 0;
        if (r && !proc_lookup(p->vm, r->other))
            relation_free(p->vm, p->sched, relation_remove(&x->suspends, r->key));
    }
}

/* How often p has suspended pid; made when missing. NULL: no memory. */
static relation_t *suspend_node(proc_t *p, term_t pid) {
    proc_ext_t *x = proc_ext_get(p);
    if (!x) return NULL;
    relation_t *r = relation_find(x->suspends, pid);
    if (r) return r;
    suspend_nodes_sweep(p, x);
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
    if (!proc_lookup(p->vm, pid)) {
        if (!async) return A_badarg;
        term_t *hp = note != TERM_NONE ? heap_alloc(p, 3) : NULL;
        if (note == TERM_NONE ||
            (hp && proc_send(p->vm, NULL, p->pid, tuple2(&hp, note, A_badarg))))
            return A_true;
        return bif_oom(p);
    }
    relation_t *r = suspend_node(p, pid);
    if (!r) return bif_oom(p);
    if (unless && small_value(r->tag) > 0) return A_false;
    r->tag = make_small(small_value(r->tag) + 1);
    term_t *hp = note != TERM_NONE ? heap_alloc(p, 3) : NULL;
    if (note != TERM_NONE && !hp) return bif_oom(p);
    term_t message = hp ? tuple2(&hp, note, A_suspended) : TERM_NIL;
    signal_t *sig = signal_new_whole(p->vm, p->sched, SIG_SUSPEND, message, 0);
    if (!sig) return bif_oom(p);
    sig->from = p->pid;
    sig->ref = async ? 0 : proc_ask(p);
    signal_send(p->vm, pid, sig);
    return async ? (term_t)A_true : bif_wait(p);
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
    if (!r || !proc_lookup(p->vm, a[0])) return bif_badarg(p);
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

static bool is_request(term_t prio, term_t request) {
    if (prio != A_inherit && prio != A_low && prio != A_normal && prio != A_high && prio != A_max)
        return false;
    if (!is_tuple(request) || tuple_arity(request) < 2) return false;
    term_t what = tuple_arity(request) > 2 ? tuple_elem(request, 3) : TERM_NIL;
    switch (tuple_elem(request, 1)) {
    case A_garbage_collect: return what == A_minor || what == A_major;
    case A_check_process_code: return is_atom(what);
    default: return tuple_elem(request, 1) == A_copy_literals;
    }
}

static term_t request_task(proc_t *p, term_t requester, term_t target, term_t prio,
                           term_t request) {
    if (!is_local_pid(target) || !is_local_pid(requester) || !is_request(prio, request))
        return bif_badarg(p);
    /* Room for the answer, which is made of the request. */
    signal_t *sig = signal_new_whole(p->vm, p->sched, SIG_SYSTEM_TASK, request, 4);
    if (!sig) return bif_oom(p);
    sig->from = requester;
    signal_send(p->vm, target, sig);
    return A_ok;
}
static BIF(bif_request_system_task_3) { return request_task(p, p->pid, a[0], a[1], a[2]); }
static BIF(bif_request_system_task_4) { return request_task(p, a[0], a[1], a[2], a[3]); }
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

const bif_def_t bifs_suspend[] = {
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
    {0}};
