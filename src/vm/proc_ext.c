/* proc_ext.c: the rare part of a process, and the waiting of BIFs for answers of other processes.
 * Owner only.
 */
#include "vm/proc_ext.h"
#include "vm/copy.h"
#include "vm/link.h"
#include "vm/process.h"
#include "vm/seq_trace.h"

proc_ext_t *proc_ext_get(proc_t *p) {
    if (p->ext) return p->ext;
    proc_ext_t *x = mem_calloc(p->vm, sizeof *x);
    if (!x) return NULL;
    x->error_handler = A_error_handler;
    x->min_bin_vheap =
        atomic_load_explicit(&sched_sys_state(p->vm)->min_bin_vheap, memory_order_relaxed);
    return p->ext = x;
}

term_t proc_error_handler(const proc_t *p) {
    return p->ext ? p->ext->error_handler : (term_t)A_error_handler;
}

/* Nothing here is on the process's heap: replies and tasks are signals with words of their own. */
void proc_ext_roots(proc_t *p, void (*fn)(void *user, term_t *terms, size_t n), void *user) {
    (void)p, (void)fn, (void)user;
}

void proc_ext_free(proc_t *p) {
    proc_ext_t *x = p->ext;
    if (!x) return;
    vm_t *vm = p->vm;
    sched_t *s = sched_current(vm);
    if (x->wait_reply) signal_free(vm, s, x->wait_reply);
    seq_forget(p);
    for (signal_t *t = x->tasks, *next; t; t = next) {
        next = t->next;
        signal_undeliverable(vm, p->pid, t);
    }
    relation_t *r;
    while ((r = relation_pop(&x->suspends))) {
        int64_t n = small_value(r->tag);
        term_t other = r->other;
        signal_t *sig = signal_from_relation(r, SIG_RESUME);
        sig->from = p->pid;
        sig->ref = (uint64_t)n; /* all of them at once */
        signal_send(vm, other, sig);
    }
    mem_free(vm, x, sizeof *x);
    p->ext = NULL;
}

term_t proc_await(proc_t *p, bool *waiting) {
    proc_ext_t *x = p->ext;
    *waiting = false;
    if (LIKELY(!x || x->wait_ref == 0)) return TERM_NONE;
    signal_t *reply = x->wait_reply;
    if (!reply) {
        *waiting = true;
        return TERM_NONE;
    }
    x->wait_ref = 0;
    x->wait_reply = NULL;
    return proc_take_message(p, reply);
}

uint64_t proc_ask(proc_t *p) {
    proc_ext_t *x = proc_ext_get(p);
    return x ? x->wait_ref = vm_next_ref(p->vm) : 0;
}

void proc_suspend_told(vm_t *vm, signal_t *sig, term_t pid, term_t how) {
    term_t to = sig->from;
    if (is_pointer(sig->term)) {
        boxed_ptr(sig->term)[2] = how;
        sig->kind = SIG_MESSAGE;
    } else {
        sig->term = how == A_exited ? A_badarg : A_true;
        sig->kind = SIG_REPLY;
        sig->from = pid;
    }
    signal_send(vm, to, sig);
}

void proc_answer(proc_t *p, signal_t *sig, term_t answer) {
    vm_t *vm = p->vm;
    if (is_pointer(answer)) {
        signal_t *reply = signal_new_whole(vm, sched_current(vm), SIG_REPLY, answer, 0);
        if (reply) {
            reply->from = sig->from;
            reply->ref = sig->ref;
            signal_free(vm, sched_current(vm), sig);
            sig = reply;
        } else {
            answer = A_undefined; /* no memory for the answer: as if p were gone */
        }
    }
    if (!is_pointer(answer)) sig->term = answer;
    sig->kind = SIG_REPLY;
    term_t to = sig->from;
    sig->from = p->pid;
    signal_send(vm, to, sig);
}
