/* literals.c: giving back areas of literals that no code and no table refers to any more.
 *
 * What may still refer to such an area are processes: their heaps, stacks, registers and
 * dictionaries, and the messages in their queues. Nothing else does: what is kept in tables,
 * timers, ports, match specifications, environments of native code and by the host is copied whole
 * (copy.h). So every process is asked, by a signal, to copy to its own heap what it refers to. When
 * all have, an area is free, if no process has handed a reference on meanwhile. This is seen to so:
 *
 *   1. The areas that leave are published, and vm->literals_leave is set. From then on whoever
 *      asks for the size of a copy in which such a literal would be shared notes it (met).
 *   2. All threads pass a quiescent point: what was being copied before is in its receiver's queue
 *      or on the heap of a process that is in the table, and every later copy is noted.
 *   3. Every process in the table is asked, and all answer, or are gone.
 *   4. All threads pass a quiescent point once more: so are those that were ending.
 *   5. Nothing noted: a process that had answered could have got a reference only by a copy, made
 *      after 2 and so noted. Nobody has one, and the areas are given back. Otherwise the same again
 *      from 1 on, with the mark taken back first. What was found once is gone, so this ends when
 *      references no longer move about among processes faster than these are asked; from round to
 *      round more time is left.
 *
 * A process that stands in the middle of a BIF, that looks at a message it has pointers into, or
 * that is in native code answers later. Threads in native I/O are not waited for by quiescence, but
 * their processes are, in 3, and what they send they send as visitors. Signals that are made into
 * others or into answers (requests, replies) hold no literals.
 *
 * The thread that polls the host does all this but the processes' part (literals_step); an area
 * whose turn does not come, because a process never answers, just stays. With 0 scheduler threads
 * the same happens between time slices.
 */
#include "vm/literals.h"
#include "vm/code.h"
#include "vm/copy.h"
#include "vm/heap.h"
#include "vm/mailbox.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/sched.h"

#define ASKED_AT_ONCE 64      /* processes that have not answered yet */
#define LOOK_NS       1000000 /* until the next look at what threads do */
#define FIRST_ROUNDS  4       /* one after the other; then with time between them */
#define LONGEST_NS    UINT64_C(1000000000)
#define NO_MEMORY_NS  UINT64_C(60000000000) /* after a round in which a process had none */
#define MANY_WAITING  (2 * LITERALS_LEAVING)

enum { IDLE, REST, SETTLE, ASK, ANSWER, CHECK };

struct literals {
    spin_t lock; /* of waiting */
    literal_area_t *waiting, *last;
    _Atomic(size_t) nwaiting;
    _Atomic(bool) due;

    /* Of the polling thread alone. */
    int phase;
    unsigned rounds;
    uint64_t epoch, rest_until, next;
    uint32_t place; /* in the process table */

    /* Set before 1, read by all. A thread in native I/O may read while they are set anew: it gets
     * an answer about areas it has nothing to do with. In the order of their addresses. */
    literal_area_t *area[LITERALS_LEAVING];
    _Atomic(uintptr_t) start[LITERALS_LEAVING], end[LITERALS_LEAVING];
    _Atomic(int) n;

    _Atomic(bool) met, failed; /* a copy was made; a process had no memory */
    _Atomic(uint32_t) unanswered;
};

bool literals_init(vm_t *vm) {
    vm->literals = mem_calloc(vm, sizeof *vm->literals);
    if (!vm->literals) return false;
    atomic_flag_clear(&vm->literals->lock.held);
    return true;
}

static void area_free(vm_t *vm, void *ptr) {
    literal_area_t *a = ptr;
    off_heap_release(vm, a->off_heap);
    literal_free(vm, a->start, a->words);
    mem_free(vm, a, sizeof *a);
}

void literals_free(vm_t *vm) {
    struct literals *l = vm->literals;
    if (!l) return;
    for (literal_area_t *a = l->waiting, *next; a; a = next) {
        next = a->next;
        area_free(vm, a);
    }
    int n = atomic_load_explicit(&l->n, memory_order_relaxed);
    for (int i = 0; i < n; i++) area_free(vm, l->area[i]);
    mem_free(vm, l, sizeof *l);
    vm->literals = NULL;
}

/* ---- which ones ---- */

static int leaving(const struct literals *l, uintptr_t at) {
    int lo = 0, hi = atomic_load_explicit(&l->n, memory_order_acquire);
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (at < atomic_load_explicit(&l->start[mid], memory_order_relaxed))
            hi = mid;
        else if (at >= atomic_load_explicit(&l->end[mid], memory_order_relaxed))
            lo = mid + 1;
        else
            return mid;
    }
    return -1;
}

int literal_leaving(vm_t *vm, term_t t) {
    return leaving(vm->literals, (uintptr_t)(t & ~(term_t)TAG_MASK));
}

term_t *literal_leaving_area(vm_t *vm, int i, size_t *words, off_heap_t **off_heap) {
    const literal_area_t *a = vm->literals->area[i];
    *words = a->words;
    *off_heap = a->off_heap;
    return a->start;
}

COLD void literal_copied(vm_t *vm, term_t t) {
    if (literal_leaving(vm, t) >= 0)
        atomic_store_explicit(&vm->literals->met, true, memory_order_seq_cst);
}

/* ---- the protocol ---- */

bool literals_due(vm_t *vm) {
    return atomic_load_explicit(&vm->literals->due, memory_order_acquire);
}

void literals_retire(vm_t *vm, literal_area_t *area) {
    struct literals *l = vm->literals;
    spin_lock(vm, &l->lock);
    bool first = l->waiting == NULL;
    area->next = NULL;
    if (first)
        l->waiting = area;
    else
        l->last->next = area;
    l->last = area;
    atomic_fetch_add_explicit(&l->nwaiting, 1, memory_order_relaxed);
    atomic_store_explicit(&l->due, true, memory_order_seq_cst);
    spin_unlock(vm, &l->lock);
    if (first && vm->threaded) vm->host->ops->wake(vm->host);
}

bool literals_are_many(vm_t *vm) {
    return atomic_load_explicit(&vm->literals->nwaiting, memory_order_relaxed) > MANY_WAITING;
}

void literals_retire_unseen(vm_t *vm, literal_area_t *area) {
    sched_defer_free(vm, area, area_free);
}

static void insert(struct literals *l, int n, literal_area_t *a) {
    for (; n > 0 && l->area[n - 1]->start > a->start; n--) l->area[n] = l->area[n - 1];
    l->area[n] = a;
}

/* Takes the next areas. false: there are none. */
static bool begin(vm_t *vm, struct literals *l) {
    int n = 0;
    spin_lock(vm, &l->lock);
    for (; l->waiting && n < LITERALS_LEAVING; n++) {
        l->area[n] = l->waiting;
        l->waiting = l->waiting->next;
    }
    if (n == 0) atomic_store_explicit(&l->due, false, memory_order_seq_cst);
    spin_unlock(vm, &l->lock);
    if (n == 0) return false;
    atomic_fetch_sub_explicit(&l->nwaiting, (size_t)n, memory_order_relaxed);
    for (int i = 0; i < n; i++) insert(l, i, l->area[i]);
    for (int i = 0; i < n; i++) {
        uintptr_t start = (uintptr_t)l->area[i]->start;
        atomic_store_explicit(&l->start[i], start, memory_order_relaxed);
        atomic_store_explicit(&l->end[i], start + l->area[i]->words * sizeof(term_t),
                              memory_order_relaxed);
    }
    atomic_store_explicit(&l->n, n, memory_order_release);
    l->rounds = 0;
    return true;
}

static void settle(vm_t *vm, struct literals *l, int phase) {
    l->epoch = sched_epoch_begin(vm);
    l->phase = phase;
}

/* More processes get their requests. true: all have. */
static bool ask(vm_t *vm, struct literals *l, bool *no_memory) {
    while (atomic_load_explicit(&l->unanswered, memory_order_relaxed) < ASKED_AT_ONCE) {
        uint32_t before = l->place;
        term_t pid = proc_next(vm, &l->place);
        if (pid == TERM_NONE) return true;
        signal_t *sig = signal_new(vm, sched_current(vm), SIG_LITERALS, 0);
        if (!sig) {
            l->place = before;
            *no_memory = true;
            return false;
        }
        atomic_fetch_add_explicit(&l->unanswered, 1, memory_order_seq_cst);
        signal_send(vm, pid, sig);
    }
    return false;
}

/* The next round, after a while where there have been many. */
static void again(vm_t *vm, struct literals *l) {
    l->phase = REST;
    l->rest_until = 0;
    if (atomic_exchange_explicit(&l->failed, false, memory_order_relaxed)) {
        l->rest_until = vm_now(vm) + NO_MEMORY_NS;
        return;
    }
    if (++l->rounds < FIRST_ROUNDS) return;
    unsigned doublings = l->rounds - FIRST_ROUNDS;
    uint64_t ns = doublings > 10 ? LONGEST_NS : (uint64_t)LOOK_NS << doublings;
    l->rest_until = vm_now(vm) + (ns < LONGEST_NS ? ns : LONGEST_NS);
}

static void end(vm_t *vm, struct literals *l) {
    atomic_store_explicit(&vm->literals_leave, false, memory_order_seq_cst);
    int n = atomic_load_explicit(&l->n, memory_order_relaxed);
    atomic_store_explicit(&l->n, 0, memory_order_release);
    for (int i = 0; i < n; i++) area_free(vm, l->area[i]);
    l->phase = IDLE;
}

static uint64_t step(vm_t *vm, struct literals *l) {
    for (;;) {
        bool no_memory = false;
        switch (l->phase) {
        case IDLE:
            if (!begin(vm, l)) return HOST_FOREVER;
            l->phase = REST;
            l->rest_until = 0;
            continue;
        case REST:
            if (l->rest_until > vm_now(vm)) return l->rest_until;
            atomic_store_explicit(&l->met, false, memory_order_seq_cst);
            atomic_store_explicit(&vm->literals_leave, true, memory_order_seq_cst);
            settle(vm, l, SETTLE);
            continue;
        case SETTLE:
            if (!sched_epoch_is_over(vm, l->epoch)) return vm_now(vm) + LOOK_NS;
            l->place = 0;
            l->phase = ASK;
            continue;
        case ASK:
            if (ask(vm, l, &no_memory))
                l->phase = ANSWER;
            else
                return no_memory ? vm_now(vm) + LONGEST_NS : HOST_FOREVER;
            continue;
        case ANSWER:
            if (atomic_load_explicit(&l->unanswered, memory_order_seq_cst) != 0)
                return HOST_FOREVER;
            settle(vm, l, CHECK);
            continue;
        default: /* CHECK */
            if (!sched_epoch_is_over(vm, l->epoch)) return vm_now(vm) + LOOK_NS;
            if (atomic_load_explicit(&l->met, memory_order_seq_cst))
                again(vm, l);
            else
                end(vm, l);
        }
    }
}

uint64_t literals_step(vm_t *vm) { return vm->literals->next = step(vm, vm->literals); }
uint64_t literals_next(vm_t *vm) { return literals_due(vm) ? vm->literals->next : HOST_FOREVER; }

void literals_answer(vm_t *vm, signal_t *request, bool ok) {
    struct literals *l = vm->literals;
    signal_free(vm, sched_current(vm), request);
    if (!ok) {
        atomic_store_explicit(&l->failed, true, memory_order_relaxed);
        atomic_store_explicit(&l->met, true, memory_order_seq_cst);
    }
    uint32_t before = atomic_fetch_sub_explicit(&l->unanswered, 1, memory_order_seq_cst);
    if (before == 1 && vm->threaded) vm->host->ops->wake(vm->host);
}

/* ---- a process ---- */

/* A copy of m without references to what leaves, in *out; NULL: it has none. false: no memory. */
static bool message_leaves(proc_t *p, signal_t *m, signal_t **out) {
    vm_t *vm = p->vm;
    bool met = false;
    size_t words = is_pointer(m->term) ? term_leaving_size(vm, m->term, &met) : 0;
    if (is_pointer(m->from)) words += term_leaving_size(vm, m->from, &met);
    *out = NULL;
    if (!met && words < TERM_SIZE_UNKNOWN) return true;
    signal_t *n = words < TERM_SIZE_UNKNOWN ? signal_new(vm, p->sched, m->kind, words) : NULL;
    if (!n) return false;
    term_t *hp = n->data;
    n->term = term_copy_leaving(vm, m->term, &hp, &n->off_heap);
    n->from = term_copy_leaving(vm, m->from, &hp, &n->off_heap);
    n->used = (uint32_t)(hp - n->data);
    n->ref = m->ref;
    n->to = m->to;
    n->flags = m->flags;
    *out = n;
    return true;
}

/* *later: the message p looks at has references, and p has pointers into it. */
static bool messages_leave(proc_t *p, bool in_message, bool *later) {
    signal_t *n;
    for (signal_t **at = &p->mq.first; *at; at = &(*at)->next) {
        signal_t *m = *at;
        if (!message_leaves(p, m, &n)) return false;
        if (!n) continue;
        if (m == msg_queue_current(&p->mq) && in_message) {
            signal_free(p->vm, p->sched, n);
            *later = true;
            continue;
        }
        msg_queue_replace(&p->mq, at, n);
        signal_free(p->vm, p->sched, m);
    }
    signal_t *reply = p->ext ? p->ext->wait_reply : NULL;
    if (!reply) return true;
    if (!message_leaves(p, reply, &n)) return false;
    if (n) {
        p->ext->wait_reply = n;
        signal_free(p->vm, p->sched, reply);
    }
    return true;
}

bool literals_leave(proc_t *p, signal_t *request) {
    bool in_message = false, later = false;
    if (p->flags & PF_FIBER) return false;
    bool ok = gc_leave_literals(p, &in_message) && messages_leave(p, in_message, &later);
    if (ok && later) return false;
    literals_answer(p->vm, request, ok);
    return true;
}
