/* signal.c: what processes tell each other: making signals, moving their words, putting them into a
 * process's in-queue, and the signal by which a receive times out.
 *
 * Anyone may push to an in-queue (a lock-free stack). The wake-up is Dekker's: a sender pushes and
 * then looks at the state, a receiver that goes to sleep changes its state and then looks at the
 * queue. While the VM has one thread, a signal whose effect is local (all but exits) is handled at
 * once. What a signal does is in signal_handle.c.
 */
#include "timer/etimer.h"
#include "vm/binary.h"
#include "vm/copy.h"
#include "vm/heap.h"
#include "vm/literals.h"
#include "vm/port.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/seq_trace.h"
#include "vm/signal_internal.h"
#include "vm/trace.h"

/* Up to this size a message is copied into the heap and its block reused. */
#define MESSAGE_COPY_WORDS 64

/* ---- making ---- */

static inline signal_t *signal_init(signal_t *sig, int kind, size_t words) {
    sig->next = NULL;
    sig->off_heap = NULL;
    sig->term = sig->from = TERM_NIL;
    sig->ref = 0;
    sig->fn = NULL;
    sig->size = (uint32_t)words;
    sig->used = 0;
    sig->kind = (uint8_t)kind;
    sig->flags = 0;
    return sig;
}

static inline size_t signal_bytes(size_t words) {
    return sizeof(signal_t) + words * sizeof(term_t);
}

signal_t *signal_new(vm_t *vm, sched_t *s, int kind, size_t words) {
    if (words > UINT32_MAX) return NULL;
    signal_t *sig = pool_alloc(vm, s, signal_bytes(words));
    return sig ? signal_init(sig, kind, words) : NULL;
}

static inline signal_t *new_with_term(vm_t *vm, sched_t *s, int kind, term_t term, size_t extra) {
    size_t words = is_immed(term) ? 0 : term_size(vm, term);
    if (UNLIKELY(words + extra > UINT32_MAX)) return NULL;
    signal_t *sig = pool_alloc(vm, s, signal_bytes(words + extra));
    if (UNLIKELY(!sig)) return NULL;
    signal_init(sig, kind, words + extra);
    sig->term = term;
    if (words) {
        term_t *hp = sig->data;
        sig->term = term_copy(vm, term, &hp, &sig->off_heap);
        sig->used = (uint32_t)(hp - sig->data);
    }
    return sig;
}

signal_t *signal_new_reason(vm_t *vm, sched_t *s, int kind, term_t term, size_t extra) {
    return new_with_term(vm, s, kind, term, extra);
}

signal_t *signal_new_copy(vm_t *vm, sched_t *s, int kind, term_t term) {
    return new_with_term(vm, s, kind, term, 0);
}

signal_t *signal_new_bytes(vm_t *vm, sched_t *s, int kind, const uint8_t *data, size_t n,
                           bool binary, size_t extra, term_t **end) {
    bool small = n <= HEAP_BIN_MAX;
    size_t words = binary ? (small ? HEAP_BIN_WORDS(n) : PROC_BIN_WORDS) : 2 * n;
    shared_bin_t *bin = binary && !small ? shared_bin_new(vm, n) : NULL;
    signal_t *sig = binary && !small && !bin ? NULL : signal_new(vm, s, kind, words + extra);
    if (!sig) {
        if (bin) shared_bin_release(bin);
        return NULL;
    }
    term_t *hp = sig->data;
    if (!binary) {
        sig->term = n ? make_cons(hp) : TERM_NIL;
        for (size_t i = 0; i < n; i++, hp += 2) {
            hp[0] = make_small(data[i]);
            hp[1] = i + 1 < n ? make_cons(hp + 2) : TERM_NIL;
        }
    } else if (small) {
        uint8_t *to;
        sig->term = heap_bin_at(hp, n, &to);
        memcpy(to, data, n);
    } else {
        memcpy(bin->data, data, n);
        sig->term = proc_bin_outside(hp, bin, &sig->off_heap);
    }
    *end = sig->data + words;
    sig->used = (uint32_t)words;
    return sig;
}

void signal_free(vm_t *vm, sched_t *s, signal_t *sig) {
    if (!sig) return;
    if (UNLIKELY(sig->off_heap != NULL)) off_heap_release(vm, sig->off_heap);
    pool_free(vm, s, sig, signal_bytes(sig->size));
}

/* ---- moving words ---- */

/* Copies n words whose pointers among themselves move along; objects that own something go on
 * *off. Returns what root is at the new place. */
static term_t words_move(term_t *dst, const term_t *src, size_t n, off_heap_t **off, term_t root) {
    const uintptr_t base = (uintptr_t)src, bytes = n * sizeof(term_t);
    const uintptr_t delta = (uintptr_t)dst - base;
    for (size_t i = 0; i < n; i++) {
        term_t w = src[i];
        if ((w + 1) & 2 && !(w & 4)) { /* cons or boxed */
            dst[i] = (uintptr_t)w - base < bytes ? w + delta : w;
        } else if (is_header(w) && header_is_raw(w)) {
            size_t size = header_size(w);
            memcpy(dst + i, src + i, (size + 1) * sizeof(term_t));
            if (header_type(w) == T_PROC_BIN || header_type(w) == T_MAGIC_REF) {
                off_heap_t *o = (off_heap_t *)(dst + i);
                o->next = *off;
                *off = o;
            }
            i += size;
        } else {
            dst[i] = w;
        }
    }
    return is_pointer(root) && (uintptr_t)root - base < bytes ? root + delta : root;
}

void signal_attach(proc_t *p, signal_t *m) {
    signal_seal(m);
    m->kind = SIG_FRAGMENT;
    m->next = p->frags;
    p->frags = m;
    p->frag_words += m->used;
    off_heap_t *o = m->off_heap;
    if (!o) return;
    for (;; o = o->next) {
        if (header_type(o->header) == T_PROC_BIN) p->vheap += ((proc_bin_t *)o)->size;
        if (!o->next) break;
    }
    o->next = p->off_heap;
    p->off_heap = m->off_heap;
    m->off_heap = NULL;
}

term_t proc_take_message(proc_t *p, signal_t *m) {
    size_t n = m->used;
    term_t t = m->term;
    if (n <= MESSAGE_COPY_WORDS && (size_t)(p->sp - p->htop) >= n + STACK_RESERVE) {
        if (n) {
            t = words_move(p->htop, m->data, n, &p->off_heap, t);
            p->htop += n;
            m->off_heap = NULL;
        }
        signal_free(p->vm, p->sched, m);
    } else {
        signal_attach(p, m);
    }
    return t;
}

term_t *signal_room(vm_t *vm, sched_t *s, signal_t **sig, size_t words) {
    signal_t *old = *sig;
    if (old->size - old->used < words) {
        signal_t *sig2 = signal_new(vm, s, old->kind, old->used + words);
        if (!sig2) return NULL;
        sig2->term = words_move(sig2->data, old->data, old->used, &sig2->off_heap, old->term);
        sig2->used = old->used;
        sig2->from = old->from;
        sig2->ref = old->ref;
        sig2->flags = old->flags;
        old->off_heap = NULL;
        signal_free(vm, s, old);
        *sig = sig2;
    }
    return (*sig)->data + (*sig)->used;
}

/* ---- sending ---- */

/* Kinds whose effect is local and cannot end the receiver. */
static inline bool is_direct(unsigned kind) {
    return (1u << kind) &
           (1u << SIG_MESSAGE | 1u << SIG_ALIAS_MESSAGE | 1u << SIG_LINK | 1u << SIG_UNLINK |
            1u << SIG_UNLINK_ACK | 1u << SIG_MONITOR | 1u << SIG_DEMONITOR | 1u << SIG_DOWN |
            1u << SIG_GROUP_LEADER | 1u << SIG_REPLY | 1u << SIG_TIMEOUT | 1u << SIG_RESUME);
}

void proc_signal(vm_t *vm, proc_t *to, signal_t *sig) {
    signal_t *top = atomic_load_explicit(&to->sig_in, memory_order_relaxed);
    if (!vm->threaded) {
        if (UNLIKELY(top == SIG_CLOSED)) {
            signal_undeliverable(vm, to->pid, sig);
            return;
        }
        /* A traced one hears of it when it looks, as with threads; one that ends (in steps) does
         * not: what is in its queue then is answered when that is closed. */
        bool ends = (to->flags & PF_EXIT_PENDING) ||
                    (atomic_load_explicit(&to->state, memory_order_relaxed) & PS_EXITING);
        if (LIKELY(!top && !ends && is_direct(sig->kind) && trace_of(to) == NULL)) {
            if (signal_handle(to, vm->scheds[0], sig)) sched_make_runnable(vm, to);
            return;
        }
        sig->next = top;
        atomic_store_explicit(&to->sig_in, sig, memory_order_relaxed);
    } else {
        do {
            if (UNLIKELY(top == SIG_CLOSED)) {
                signal_undeliverable(vm, to->pid, sig);
                return;
            }
            sig->next = top;
        } while (!atomic_compare_exchange_weak_explicit(
            &to->sig_in, &top, sig, memory_order_seq_cst, memory_order_relaxed));
    }
    sched_make_runnable(vm, to);
}

void signal_send(vm_t *vm, term_t to, signal_t *sig) {
    if (UNLIKELY(is_local_port(to))) {
        if (is_pointer(sig->term)) sig = signal_whole_reason(vm, sig);
        outlet_signal(vm, to, sig);
        return;
    }
    vm_visit_t v = vm_enter(vm);
    proc_t *p = is_local_pid(to) ? proc_lookup(vm, to) : NULL;
    if (p)
        proc_signal(vm, p, sig);
    else
        signal_undeliverable(vm, to, sig);
    vm_leave(vm, v);
}

/* The request had room for it. */
void signal_task_result(vm_t *vm, signal_t *sig, term_t result) {
    sched_t *s = sched_current(vm);
    term_t type = tuple_elem(sig->term, 1);
    term_t *hp = signal_room(vm, s, &sig, 4);
    if (!hp) {
        signal_free(vm, s, sig);
        return;
    }
    sig->term = tuple3(&hp, type, tuple_elem(sig->term, 2), result);
    sig->used = (uint32_t)(hp - sig->data);
    sig->kind = SIG_MESSAGE;
    signal_send(vm, sig->from, sig);
}

/* Answers are made of the request's own block. A chain ends after two steps: an answer has none. */
void signal_undeliverable(vm_t *vm, term_t dead, signal_t *sig) {
    term_t to = sig->from;
    switch (sig->kind) {
    case SIG_LINK:
        sig->kind = SIG_EXIT;
        sig->flags = SIGF_LINK | SIGF_PLAIN;
        sig->term = A_noproc;
        break;
    case SIG_UNLINK: sig->kind = SIG_UNLINK_ACK; break;
    case SIG_MONITOR:
        sig->kind = SIG_DOWN;
        sig->term = A_noproc;
        break;
    case SIG_PROCESS_INFO:
        sig->kind = SIG_REPLY;
        sig->term = A_undefined;
        break;
    case SIG_IS_ALIVE:
        sig->kind = SIG_REPLY;
        sig->term = A_false;
        break;
    case SIG_SUSPEND: proc_suspend_told(vm, sig, dead, A_exited); return;
    case SIG_CALL: sig->fn(NULL, sig); return;
    case SIG_SYSTEM_TASK:
        signal_task_result(vm, sig, tuple_elem(sig->term, 1) == A_copy_literals ? A_ok : A_false);
        return;
    case SIG_PORT: port_undeliverable(vm, dead, sig); return;
    case SIG_LITERALS: literals_answer(vm, sig, true); return;
    default: signal_free(vm, sched_current(vm), sig); return;
    }
    sig->from = dead;
    signal_send(vm, to, sig);
}

/* For threads that are no scheduler: the receiver must not go while it is looked at. */
COLD static bool send_from_outside(vm_t *vm, term_t to, term_t msg) {
    signal_t *sig = signal_new_copy(vm, sched_current(vm), SIG_MESSAGE, msg);
    if (sig) signal_send(vm, to, sig);
    return sig != NULL;
}

static inline bool is_watched(proc_t *from) {
    return UNLIKELY(trace_of(from) != NULL || (from->flags & PF_SEQ_TRACE));
}
/* As in OTP: told by the port, and before as {Name, Node} where that was given; a closed port is
 * nothing to send to. */
COLD static bool bang_watched(proc_t *from, term_t to, term_t port, term_t msg) {
    if (!outlet_lookup(from->vm, port)) return true;
    if (is_tuple(to)) trace_send(from, to, msg, true);
    trace_send(from, port, msg, true);
    seq_sent(from, port, msg);
    return outlet_bang(from, port, msg);
}
/* By a process that is traced or has a sequential trace token. to: what the program named; pid: who
 * that is, or NONE. */
COLD static bool send_watched(proc_t *from, term_t to, term_t pid, term_t msg) {
    vm_t *vm = from->vm;
    proc_t *p = is_local_pid(pid) ? proc_lookup(vm, pid) : NULL;
    if (is_local_port(pid)) return bang_watched(from, to, pid, msg);
    trace_send(from, to, msg, p || to != pid);
    if (!p) return true;
    signal_t *sig = seq_send(from, pid, msg, SIG_MESSAGE);
    if (!sig) return false;
    if (!(sig->flags & SIGF_TOKEN)) sig->from = from->pid;
    proc_signal(vm, p, sig);
    return true;
}

bool proc_send(vm_t *vm, proc_t *from, term_t to, term_t msg) {
    if (UNLIKELY(!from)) return send_from_outside(vm, to, msg);
    if (is_watched(from)) return send_watched(from, to, to, msg);
    proc_t *p = proc_lookup(vm, to);
    if (UNLIKELY(!p)) return true;
    signal_t *sig = signal_new_copy(vm, from->sched, SIG_MESSAGE, msg);
    if (UNLIKELY(!sig)) return false;
    sig->from = from->pid;
    /* What proc_signal and signal_handle come to for most messages. */
    if (LIKELY(!vm->threaded && trace_of(p) == NULL &&
               atomic_load_explicit(&p->sig_in, memory_order_relaxed) == NULL)) {
        msg_queue_push(&p->mq, sig);
        sched_make_runnable(vm, p);
        return true;
    }
    proc_signal(vm, p, sig);
    return true;
}

static bool send_alias(vm_t *vm, proc_t *from, term_t ref, term_t msg) {
    if (UNLIKELY(trace_of(from) != NULL)) trace_send(from, ref, msg, true);
    if (boxed_type(ref) != T_REF) return true;
    term_t pid = ((ref_obj_t *)boxed_ptr(ref))->pid;
    proc_t *p = is_local_pid(pid) ? proc_lookup(vm, pid) : NULL;
    if (!p) return true;
    signal_t *sig = from->flags & PF_SEQ_TRACE
                        ? seq_send(from, ref, msg, SIG_ALIAS_MESSAGE)
                        : signal_new_copy(vm, from->sched, SIG_ALIAS_MESSAGE, msg);
    if (!sig) return false;
    if (!(sig->flags & SIGF_TOKEN)) sig->from = from->pid;
    sig->ref = ref_id(ref);
    proc_signal(vm, p, sig);
    return true;
}

term_t proc_send_any(proc_t *from, term_t to, term_t msg) {
    vm_t *vm = from->vm;
    bool ok = true;
    if (is_local_pid(to)) {
        ok = proc_send(vm, from, to, msg);
    } else if (is_atom(to)) {
        term_t pid = name_whereis(vm, to);
        if (is_watched(from))
            ok = send_watched(from, to, pid, msg);
        else if (pid != TERM_NONE)
            ok = is_local_pid(pid) ? proc_send(vm, from, pid, msg) : outlet_bang(from, pid, msg);
        if (pid == TERM_NONE) return ok ? (term_t)A_badarg : TERM_NONE;
    } else if (is_ref(to)) {
        ok = send_alias(vm, from, to, msg);
    } else if (is_tuple_of(to, 2)) {
        term_t name = tuple_elem(to, 1), node = tuple_elem(to, 2);
        if (!is_atom(name) || !is_atom(node)) return A_badarg;
        if (node != A_nonode) return A_noconnection;
        term_t pid = name_whereis(vm, name);
        if (is_watched(from))
            ok = send_watched(from, to, pid, msg);
        else if (pid != TERM_NONE)
            ok = is_local_pid(pid) ? proc_send(vm, from, pid, msg) : outlet_bang(from, pid, msg);
    } else if (is_pid(to)) {
        return is_former(to) ? (term_t)A_ok : (term_t)A_noconnection;
    } else if (is_local_port(to)) {
        ok = is_watched(from) ? send_watched(from, to, to, msg) : outlet_bang(from, to, msg);
    } else if (!is_port(to)) {
        return A_badarg;
    }
    return ok ? (term_t)A_ok : TERM_NONE;
}

/* A process that is killed in native code handles the signal when that is done. Until then it is
 * marked: the owner takes the mark away with PS_DIRTY, so it cannot stay on one that is back. */
static void doom(vm_t *vm, term_t to) {
    proc_t *p = is_local_pid(to) ? proc_lookup(vm, to) : NULL;
    uint32_t st = p ? atomic_load_explicit(&p->state, memory_order_seq_cst) : 0;
    while ((st & PS_DIRTY) && !(st & PS_SYSTEM) &&
           !atomic_compare_exchange_weak_explicit(&p->state, &st, st | PS_DOOMED,
                                                  memory_order_seq_cst, memory_order_seq_cst)) {
    }
}

bool proc_exit_signal(vm_t *vm, term_t src, term_t to, term_t reason, unsigned flags) {
    signal_t *sig = signal_new_reason(vm, sched_current(vm), SIG_EXIT, reason, EXIT_WORDS);
    if (!sig) return false;
    sig->from = src;
    sig->flags = (uint8_t)flags;
    signal_send(vm, to, sig);
    if (UNLIKELY(reason == A_kill) && !(flags & SIGF_LINK)) doom(vm, to);
    return true;
}

/* ---- receive timeouts ----
 * The signal is made when the timer is armed, so that firing needs no memory; it says whom it is
 * for by pid, since the process may be gone when the firing thread gets there. term holds the
 * timer's handle, a number. */

static void timer_fire(vm_t *vm, void *user) {
    signal_t *sig = user;
    signal_send(vm, sig->from, sig);
}

bool proc_timer_set(proc_t *p, uint64_t ns) {
    vm_t *vm = p->vm;
    signal_t *sig = signal_new(vm, p->sched, SIG_TIMEOUT, 0);
    if (!sig) return false;
    sig->from = p->pid;
    uint64_t now = vm_now(vm);
    uint64_t when = ns > HOST_FOREVER - 1 - now ? HOST_FOREVER - 1 : now + ns;
    p->timer = sig;
    etimer_t *t = etimer_start_anywhere(vm, when, timer_fire, sig);
    if (!t) {
        p->timer = NULL;
        signal_free(vm, p->sched, sig);
        return false;
    }
    p->timer_gen++;
    p->timer_handle = t;
    return true;
}

void proc_timer_cancel(proc_t *p) {
    p->flags &= ~(uint32_t)(PF_TIMER_SET | PF_TIMED_OUT);
    signal_t *sig = p->timer;
    if (!sig) return;
    p->timer = NULL;
    /* false: it has fired on another thread; its signal is on its way here and will be dropped. */
    if (etimer_stop(p->vm, p->timer_handle)) signal_free(p->vm, p->sched, sig);
}
