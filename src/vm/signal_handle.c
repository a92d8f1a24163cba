/* signal_handle.c: what each kind of signal does when its receiver handles it, and the system tasks
 * that wait until the receiver does not run.
 *
 * The owner takes all of its in-queue at once and turns it round, so order is kept per sender.
 * Runs in the receiving process (or for it, where the VM has one thread: signal.c says when). A
 * signal that is answered becomes the answer, so most answers need no memory.
 */
#include "vm/clock.h"
#include "vm/copy.h"
#include "vm/heap.h"
#include "vm/link.h"
#include "vm/literals.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/signal_internal.h"
#include "vm/trace.h"

/* ---- effects ----
 * Each returns whether a process that sleeps has to look. */

/* A message arrives at p, which is traced, or it is no ordinary one. */
COLD static void message_seen(proc_t *p, signal_t *sig, term_t term) {
    term_t from = sig->from;
    if (sig->flags & SIGF_TOKEN) {
        p->flags |= PF_SEQ_TRACE;
        from = tuple_elem(from, 4);
    }
    if (!(sig->flags & SIGF_TRACE))
        trace_receive(p, is_nil(from) ? (term_t)A_undefined : from, term);
}
static inline void message_look(proc_t *p, signal_t *sig, term_t term) {
    if (UNLIKELY(trace_of(p) != NULL || sig->flags)) message_seen(p, sig, term);
}

static inline bool take_as_message(proc_t *p, signal_t *sig, term_t term, const term_t *hp) {
    if (hp) {
        sig->used = (uint32_t)(hp - sig->data);
        sig->flags &= SIGF_TOKEN | SIGF_PLAIN;
    }
    sig->kind = SIG_MESSAGE;
    sig->term = term;
    signal_seal(sig);
    message_look(p, sig, term);
    msg_queue_push(&p->mq, sig);
    return true;
}

COLD static bool must_exit(proc_t *p, term_t reason) {
    p->flags |= PF_EXIT_PENDING;
    p->fvalue = reason;
    return true;
}

COLD static bool no_memory(proc_t *p, sched_t *s, signal_t *sig) {
    signal_free(p->vm, s, sig);
    p->flags |= PF_OOM;
    return must_exit(p, A_killed);
}

static void forget_if_idle(proc_t *p, sched_t *s, relation_t *r) {
    if (r->flags & (REL_MONITOR | REL_ALIAS)) return;
    relation_remove(&p->monitors, r->key);
    relation_free(p->vm, s, r);
}

static inline bool is_local(term_t t) { return is_local_pid(t) || is_local_port(t); }

void proc_unwatch(proc_t *p, relation_t *r) {
    vm_t *vm = p->vm;
    sched_t *s = sched_current(vm);
    term_t other = r->other;
    uint64_t ref = r->key;
    if (r->flags & REL_TIME) clock_unwatch(vm, s, ref);
    r->flags &= ~(uint32_t)REL_MONITOR;
    if (r->flags & REL_ALIAS_WATCH)
        r->flags &= ~(uint32_t)(REL_ALIAS | REL_ALIAS_WATCH | REL_ALIAS_ONCE);
    signal_t *sig;
    if (r->flags & REL_ALIAS) {
        sig = is_local(other) ? signal_new(vm, s, SIG_DEMONITOR, 0) : NULL;
        if (!sig) return; /* the far end's 'DOWN' will find no watch and be dropped */
    } else {
        relation_remove(&p->monitors, ref);
        if (!is_local(other)) {
            relation_free(vm, s, r);
            return;
        }
        if (r->frag) {
            signal_free(vm, s, r->frag);
            r->frag = NULL;
        }
        sig = signal_from_relation(r, SIG_DEMONITOR);
    }
    sig->from = p->pid;
    sig->ref = ref;
    signal_send(vm, other, sig);
}

static bool on_alias_message(proc_t *p, sched_t *s, signal_t *sig) {
    relation_t *r = relation_find(p->monitors, sig->ref);
    if (!r || !(r->flags & REL_ALIAS)) {
        signal_free(p->vm, s, sig);
        return false;
    }
    if (r->flags & REL_ALIAS_ONCE) {
        if (r->flags & REL_MONITOR) {
            proc_unwatch(p, r);
        } else {
            r->flags = 0;
            forget_if_idle(p, s, r);
        }
    }
    return take_as_message(p, sig, sig->term, NULL);
}

static bool on_exit(proc_t *p, sched_t *s, signal_t *sig) {
    vm_t *vm = p->vm;
    term_t from = sig->from, reason = sig->term;
    bool linked = sig->flags & SIGF_LINK;
    if (linked) {
        relation_t *r = relation_find(p->links, from);
        if (!r || (r->flags & REL_UNLINKING)) {
            signal_free(vm, s, sig);
            return false;
        }
        relation_free(vm, s, relation_remove(&p->links, from));
        if (UNLIKELY(trace_of(p) != NULL) && (reason == A_normal || p->flags & PF_TRAP_EXIT))
            trace_proc(p, A_getting_unlinked, from);
    } else if (reason == A_kill) {
        signal_free(vm, s, sig);
        return must_exit(p, A_killed);
    }
    if (p->flags & PF_TRAP_EXIT) {
        term_t *hp = signal_room(vm, s, &sig, EXIT_WORDS);
        if (!hp) return no_memory(p, s, sig);
        term_t m = tuple3(&hp, A_EXIT, from, sig->term);
        if (sig->flags & SIGF_TOKEN) sig->from = sig->ref;
        return take_as_message(p, sig, m, hp);
    }
    if (reason == A_normal && (linked || from != p->pid)) {
        signal_free(vm, s, sig);
        return false;
    }
    if (sig->used)
        signal_attach(p, sig);
    else
        signal_free(vm, s, sig);
    return must_exit(p, reason);
}

static bool on_down(proc_t *p, sched_t *s, signal_t *sig) {
    vm_t *vm = p->vm;
    relation_t *r = relation_find(p->monitors, sig->ref);
    if (!r || !(r->flags & REL_MONITOR)) {
        signal_free(vm, s, sig);
        return false;
    }
    size_t tag_words = is_immed(r->tag) ? 0 : term_size(vm, r->tag);
    term_t *hp = signal_room(vm, s, &sig, DOWN_WORDS + tag_words);
    if (!hp) return no_memory(p, s, sig);
    term_t what = r->other, tag = r->tag;
    if (!is_nil(r->name)) what = tuple2(&hp, r->name, A_nonode);
    term_t ref = make_ref(&hp, r->key, r->flags & REL_OWN_REF ? p->pid : 0);
    if (tag_words) tag = term_copy(vm, tag, &hp, &sig->off_heap);
    term_t m = tuple5(&hp, tag, ref, r->flags & REL_PORT ? A_port : A_process, what, sig->term);
    r->flags &= ~(uint32_t)REL_MONITOR;
    if (r->flags & REL_ALIAS_WATCH) r->flags &= ~(uint32_t)REL_ALIAS;
    forget_if_idle(p, s, r);
    sig->flags = SIGF_PLAIN;
    return take_as_message(p, sig, m, hp);
}

static void on_link(proc_t *p, sched_t *s, signal_t *sig) {
    relation_t *r = relation_find(p->links, sig->from);
    if (r) {
        r->flags &= ~(uint32_t)REL_UNLINKING;
        signal_free(p->vm, s, sig);
    } else {
        term_t from = sig->from, what = sig->flags & SIGF_LINK ? A_link : A_getting_linked;
        relation_insert(&p->links, relation_from_signal(sig, from, from, 0));
        if (UNLIKELY(trace_of(p) != NULL)) trace_proc(p, what, from);
    }
}

static void on_unlink(proc_t *p, sched_t *s, signal_t *sig) {
    relation_t *r = relation_find(p->links, sig->from);
    if (r && !(r->flags & REL_UNLINKING)) {
        relation_free(p->vm, s, relation_remove(&p->links, sig->from));
        if (UNLIKELY(trace_of(p) != NULL)) trace_proc(p, A_getting_unlinked, sig->from);
    }
    term_t to = sig->from;
    sig->kind = SIG_UNLINK_ACK;
    sig->from = p->pid;
    signal_send(p->vm, to, sig);
}

static void on_unlink_ack(proc_t *p, sched_t *s, signal_t *sig) {
    relation_t *r = relation_find(p->links, sig->from);
    if (r && (r->flags & REL_UNLINKING) && r->tag == make_small((int64_t)sig->ref))
        relation_free(p->vm, s, relation_remove(&p->links, sig->from));
    signal_free(p->vm, s, sig);
}

static bool on_reply(proc_t *p, sched_t *s, signal_t *sig) {
    proc_ext_t *x = p->ext;
    if (!x || sig->ref == 0 || x->wait_ref != sig->ref || x->wait_reply) {
        signal_free(p->vm, s, sig);
        return false;
    }
    signal_seal(sig);
    x->wait_reply = sig;
    return true;
}

/* Waits until p does not run: sched.c calls proc_run_tasks. */
static bool on_system_task(proc_t *p, sched_t *s, signal_t *sig) {
    (void)s;
    proc_ext_t *x = proc_ext_get(p);
    if (!x) {
        if (sig->kind == SIG_LITERALS)
            literals_answer(p->vm, sig, false);
        else
            signal_undeliverable(p->vm, p->pid, sig);
        return false;
    }
    sig->next = x->tasks;
    x->tasks = sig;
    if (sig->kind == SIG_SUSPEND) x->suspends_due++;
    p->flags |= PF_TASKS;
    return true;
}

static bool on_resume(proc_t *p, sched_t *s, signal_t *sig) {
    uint32_t n = (uint32_t)sig->ref;
    /* Suspensions that still wait for p not to run are told to their askers, but do nothing. */
    uint32_t due = p->flags & PF_TASKS ? p->ext->suspends_due : 0, off = n < due ? n : due;
    if (off) p->ext->suspends_due -= off;
    n -= off;
    signal_free(p->vm, s, sig);
    p->suspended = p->suspended > n ? p->suspended - n : 0;
    if (p->suspended) return false;
    atomic_fetch_and_explicit(&p->state, ~(uint32_t)PS_SUSPENDED, memory_order_seq_cst);
    return true;
}

static bool on_timeout(proc_t *p, sched_t *s, signal_t *sig) {
    bool current = sig == p->timer;
    if (current) {
        p->timer = NULL;
        p->flags |= PF_TIMED_OUT;
    }
    signal_free(p->vm, s, sig);
    return current;
}

static void on_process_info(proc_t *p, signal_t *sig) {
    bool bad;
    term_t *top = p->htop;
    signal_t *frags = p->frags;
    off_heap_t *off_heap = p->off_heap;
    term_t info = process_info_term(p, p, sig->term, &bad);
    proc_answer(p, sig, info == TERM_NONE ? (term_t)A_undefined : info);
    /* What it built is garbage now. */
    if (p->frags == frags && p->off_heap == off_heap) p->htop = top;
}

bool signal_handle(proc_t *p, sched_t *s, signal_t *sig) {
    vm_t *vm = p->vm;
    switch (sig->kind) {
    case SIG_MESSAGE:
        signal_seal(sig);
        message_look(p, sig, sig->term);
        msg_queue_push(&p->mq, sig);
        return true;
    case SIG_ALIAS_MESSAGE: return on_alias_message(p, s, sig);
    case SIG_EXIT: return on_exit(p, s, sig);
    case SIG_LINK: on_link(p, s, sig); return false;
    case SIG_UNLINK: on_unlink(p, s, sig); return false;
    case SIG_UNLINK_ACK: on_unlink_ack(p, s, sig); return false;
    case SIG_MONITOR:
        relation_insert(&p->monitored_by, relation_from_signal(sig, sig->ref, sig->from, 0));
        return false;
    case SIG_DEMONITOR: relation_free(vm, s, relation_remove(&p->monitored_by, sig->ref)); break;
    case SIG_DOWN: return on_down(p, s, sig);
    case SIG_GROUP_LEADER: p->group_leader = sig->term; break;
    case SIG_PROCESS_INFO: on_process_info(p, sig); return false;
    case SIG_IS_ALIVE: proc_answer(p, sig, A_true); return false;
    case SIG_REPLY: return on_reply(p, s, sig);
    case SIG_SUSPEND:
    case SIG_LITERALS:
    case SIG_SYSTEM_TASK: return on_system_task(p, s, sig);
    case SIG_RESUME: return on_resume(p, s, sig);
    case SIG_TIMEOUT: return on_timeout(p, s, sig);
    case SIG_CALL: sig->fn(p, sig); return true;
    default: break;
    }
    signal_free(vm, s, sig);
    return false;
}

bool proc_fetch_signals(proc_t *p) {
    if (UNLIKELY(p->flags & PF_EXIT_PENDING)) return false;
    signal_t *in = atomic_load_explicit(&p->sig_in, memory_order_relaxed), *list = NULL;
    if (!in) return true;
    if (p->vm->threaded)
        in = atomic_exchange_explicit(&p->sig_in, NULL, memory_order_seq_cst);
    else
        atomic_store_explicit(&p->sig_in, NULL, memory_order_relaxed);
    while (in) {
        signal_t *next = in->next;
        in->next = list;
        list = in;
        in = next;
    }
    sched_t *s = sched_current(p->vm);
    for (signal_t *next; list; list = next) {
        next = list->next;
        if (UNLIKELY(p->flags & PF_EXIT_PENDING))
            signal_undeliverable(p->vm, p->pid, list);
        else
            signal_handle(p, s, list);
    }
    return !(p->flags & PF_EXIT_PENDING);
}

/* ---- system tasks ---- */

static term_t task_run(proc_t *p, term_t request) {
    if (tuple_elem(request, 1) == A_garbage_collect) {
        if (p->flags & PF_FIBER)
            p->flags |= PF_NEED_MAJOR; /* when the BIF is done */
        else
            gc_major(p, 0, NULL, 0, NULL, 0);
        return A_true;
    }
    if (tuple_elem(request, 1) == A_check_process_code && tuple_arity(request) == 3)
        return make_bool(proc_uses_old_code(p, tuple_elem(request, 3), false));
    return A_ok; /* copy_literals: that is not how it is done here, see literals.c */
}

void proc_run_tasks(proc_t *p) {
    p->flags &= ~(uint32_t)PF_TASKS;
    signal_t *list = NULL, *next;
    for (signal_t *t = p->ext->tasks; t; t = next) {
        next = t->next;
        t->next = list;
        list = t;
    }
    uint32_t suspends = p->ext->suspends_due;
    p->suspended += suspends;
    if (suspends) atomic_fetch_or_explicit(&p->state, PS_SUSPENDED, memory_order_seq_cst);
    p->ext->tasks = NULL;
    p->ext->suspends_due = 0;
    for (; list; list = next) {
        next = list->next;
        if (list->kind == SIG_SUSPEND) {
            proc_suspend_told(p->vm, list, p->pid, A_suspended);
        } else if (list->kind == SIG_LITERALS) {
            if (!literals_leave(p, list)) { /* after the next slice */
                list->next = p->ext->tasks;
                p->ext->tasks = list;
                p->flags |= PF_TASKS;
            }
        } else {
            signal_task_result(p->vm, list, task_run(p, list->term));
        }
    }
}
