/* process.c: the process table, starting processes and ending them.
 *
 * The table is a set of chunks allocated on demand. Readers take no lock: a slot is one atomic
 * pointer, and a process's block is released only after every scheduler has passed a quiescent
 * point (sched_defer_free). Slots are handed out in a circle, so a pid comes back only after the
 * whole table went round, and then with another serial number.
 */
#include "vm/process.h"
#include "vm/fiber.h"
#include "timer/etimer.h"
#include "vm/clock.h"
#include "vm/copy.h"
#include "vm/crash_dump.h"
#include "vm/engine.h"
#include "vm/heap.h"
#include "vm/io.h"
#include "vm/link.h"
#include "vm/mailbox.h"
#include "vm/print.h"
#include "vm/proc_ext.h"
#include "vm/seq_trace.h"
#include "vm/sysmon.h"
#include "vm/trace.h"
#include <limits.h>

/* ets.c: gives away or deletes the tables a process owned; false: some are left. */
bool ets_owner_exit(proc_t *p) __attribute__((weak));

#define CHUNK_BITS    12
#define CHUNK_SLOTS   (1u << CHUNK_BITS)
#define DEFAULT_LIMIT 262144
#define MAX_LIMIT     (1u << 27)

typedef struct {
    _Atomic(proc_t *) slot[CHUNK_SLOTS];
} chunk_t;

struct proc_table {
    spin_t lock; /* next, serial, chunk allocation */
    uint32_t limit;
    uint32_t nchunks;
    uint32_t next;   /* slot to try first */
    uint32_t serial; /* how often next went round */
    _Atomic(uint32_t) count;
    _Atomic(chunk_t *) chunk[];
};

/* A slot whose process is being made. */
#define RESERVED ((proc_t *)8)

static size_t table_bytes(uint32_t nchunks) {
    return sizeof(struct proc_table) + nchunks * sizeof(_Atomic(chunk_t *));
}

bool proc_table_init(vm_t *vm, uint32_t max) {
    uint32_t limit = max == 0 ? DEFAULT_LIMIT : max > MAX_LIMIT ? MAX_LIMIT : max;
    uint32_t nchunks = (limit + CHUNK_SLOTS - 1) >> CHUNK_BITS;
    struct proc_table *t = mem_calloc(vm, table_bytes(nchunks));
    if (!t) return false;
    atomic_flag_clear(&t->lock.held);
    t->limit = limit;
    t->nchunks = nchunks;
    vm->procs = t;
    return true;
}

static void discard(proc_t *p);

void proc_table_free(vm_t *vm) {
    struct proc_table *t = vm->procs;
    if (!t) return;
    for (proc_t *p; (p = sched_take(vm)) != NULL;)
        if (p->flags & PF_GONE) discard(p); /* no longer in the table */
    for (uint32_t c = 0; c < t->nchunks; c++) {
        chunk_t *chunk = atomic_load_explicit(&t->chunk[c], memory_order_relaxed);
        if (!chunk) continue;
        for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
            proc_t *p = atomic_load_explicit(&chunk->slot[i], memory_order_relaxed);
            if (!p || p == RESERVED) continue;
            atomic_store_explicit(&chunk->slot[i], NULL, memory_order_relaxed);
            discard(p);
        }
        mem_free(vm, chunk, sizeof *chunk);
    }
    mem_free(vm, t, table_bytes(t->nchunks));
    vm->procs = NULL;
}

static inline _Atomic(proc_t *) *slot_of(struct proc_table *t, uint32_t slot) {
    if (UNLIKELY(slot >= t->limit)) return NULL;
    chunk_t *c = atomic_load_explicit(&t->chunk[slot >> CHUNK_BITS], memory_order_acquire);
    return LIKELY(c != NULL) ? &c->slot[slot & (CHUNK_SLOTS - 1)] : NULL;
}

proc_t *proc_lookup(vm_t *vm, term_t pid) {
    _Atomic(proc_t *) *at = slot_of(vm->procs, pid_slot(pid));
    if (UNLIKELY(!at)) return NULL;
    proc_t *p = atomic_load_explicit(at, memory_order_acquire);
    return LIKELY((uintptr_t)p > (uintptr_t)RESERVED) && LIKELY(p->pid == pid) ? p : NULL;
}

uint32_t proc_count(vm_t *vm) {
    return atomic_load_explicit(&vm->procs->count, memory_order_relaxed);
}
uint32_t proc_limit(vm_t *vm) { return vm->procs->limit; }

void proc_each(vm_t *vm, bool (*fn)(void *user, proc_t *p), void *user) {
    struct proc_table *t = vm->procs;
    for (uint32_t c = 0; c < t->nchunks; c++) {
        chunk_t *chunk = atomic_load_explicit(&t->chunk[c], memory_order_acquire);
        if (!chunk) continue;
        for (uint32_t i = 0; i < CHUNK_SLOTS; i++) {
            proc_t *p = atomic_load_explicit(&chunk->slot[i], memory_order_acquire);
            if (p && p != RESERVED && !fn(user, p)) return;
        }
    }
}

term_t proc_next(vm_t *vm, uint32_t *place) {
    struct proc_table *t = vm->procs;
    vm_visit_t v = vm_enter(vm);
    term_t pid = TERM_NONE;
    while (pid == TERM_NONE && *place < t->nchunks << CHUNK_BITS) {
        chunk_t *chunk =
            atomic_load_explicit(&t->chunk[*place >> CHUNK_BITS], memory_order_acquire);
        if (!chunk) {
            *place = ((*place >> CHUNK_BITS) + 1) << CHUNK_BITS;
            continue;
        }
        proc_t *p =
            atomic_load_explicit(&chunk->slot[*place & (CHUNK_SLOTS - 1)], memory_order_acquire);
        if (p && p != RESERVED) pid = p->pid;
        ++*place;
    }
    vm_leave(vm, v);
    return pid;
}

static inline void count_add(vm_t *vm, struct proc_table *t, uint32_t n) {
    if (vm->threaded)
        atomic_fetch_add_explicit(&t->count, n, memory_order_relaxed);
    else
        atomic_store_explicit(&t->count, atomic_load_explicit(&t->count, memory_order_relaxed) + n,
                              memory_order_relaxed);
}

term_t proc_pid_from(vm_t *vm, uint64_t number, uint64_t serial) {
    enum { HIGH_BITS = PID_SLOT_BITS - PID_NUMBER_BITS };
    if (number >> PID_NUMBER_BITS || serial >> (HIGH_BITS + PID_SERIAL_BITS)) return TERM_NONE;
    uint32_t round = (uint32_t)(serial >> HIGH_BITS);
    uint32_t slot = (uint32_t)(serial << PID_NUMBER_BITS | number) & ((1u << PID_SLOT_BITS) - 1);
    if (round > 0) {
        spin_lock(vm, &vm->procs->lock);
        bool is_past = round <= vm->procs->serial;
        spin_unlock(vm, &vm->procs->lock);
        if (!is_past) return TERM_NONE;
    }
    return make_pid(slot, round);
}

/* Reserves the next free slot. A pid, or TERM_NONE with *err as proc_spawn's. */
static term_t slot_reserve(vm_t *vm, _Atomic(proc_t *) **where, term_t *err) {
    struct proc_table *t = vm->procs;
    term_t pid = TERM_NONE;
    spin_lock(vm, &t->lock);
    *err = A_system_limit;
    if (LIKELY(atomic_load_explicit(&t->count, memory_order_relaxed) < t->limit)) {
        for (uint32_t tries = 0; tries < t->limit; tries++) {
            uint32_t slot = t->next, serial = t->serial & ((1u << PID_SERIAL_BITS) - 1);
            _Atomic(chunk_t *) *cp = &t->chunk[slot >> CHUNK_BITS];
            chunk_t *c = atomic_load_explicit(cp, memory_order_relaxed);
            if (UNLIKELY(!c)) {
                c = mem_calloc(vm, sizeof *c);
                if (!c) {
                    *err = TERM_NONE;
                    break;
                }
                atomic_store_explicit(cp, c, memory_order_release);
            }
            if (++t->next == t->limit) {
                t->next = 0;
                t->serial++;
            }
            _Atomic(proc_t *) *at = &c->slot[slot & (CHUNK_SLOTS - 1)];
            if (LIKELY(atomic_load_explicit(at, memory_order_relaxed) == NULL)) {
                atomic_store_explicit(at, RESERVED, memory_order_relaxed);
                count_add(vm, t, 1);
                *where = at;
                pid = make_pid(slot, serial);
                break;
            }
        }
    }
    spin_unlock(vm, &t->lock);
    return pid;
}

static void slot_release(vm_t *vm, _Atomic(proc_t *) *at) {
    atomic_store_explicit(at, NULL, memory_order_release);
    count_add(vm, vm->procs, (uint32_t)-1);
}

/* ---- creation ---- */

size_t min_heap_step(size_t n) {
    size_t a = 12, b = 38;
    if (n <= a) return a;
    while (b < n && b < 1u << 20) {
        size_t next = a + b + 1;
        a = b;
        b = next;
    }
    while (b < n) b += b / 5;
    return b;
}

static proc_t *block_new(vm_t *vm, sched_t *s, term_t pid) {
    proc_t *p = pool_alloc(vm, s, PROC_BLOCK_BYTES);
    if (!p) return NULL;
    memset(p, 0, sizeof *p);
    p->vm = vm;
    p->sched = s ? s : vm->scheds[0];
    p->pid = pid;
    p->block_size = PROC_BLOCK_BYTES;
    msg_queue_init(&p->mq);
    p->fvalue = TERM_NIL;
    p->ftrace = TERM_NONE;
    p->cause = TERM_NONE;
    p->name = TERM_NIL;
    return p;
}

bool proc_init_detached(vm_t *vm, proc_t *p, size_t block_bytes) {
    memset(p, 0, sizeof *p);
    p->vm = vm;
    p->block_size = (uint32_t)block_bytes;
    p->pid = TERM_NIL;
    p->prio = PRIO_NORMAL;
    p->reds = SLICE_REDS;
    p->ftrace = p->fvalue = p->name = p->group_leader = p->parent = TERM_NIL;
    p->init_m = p->init_f = A_undefined;
    p->cause = TERM_NONE;
    atomic_init(&p->state, PS_RUNNING);
    msg_queue_init(&p->mq);
    return heap_init(p, (block_bytes - sizeof *p) / sizeof(term_t));
}

static void set_options(proc_t *p, proc_t *parent, const spawn_opts_t *o) {
    vm_t *vm = p->vm;
    const sys_state_t *usual = sched_sys_state(vm);
    uint64_t max_heap = atomic_load_explicit(&usual->max_heap, memory_order_relaxed);
    p->prio = o->prio;
    p->min_heap =
        o->min_heap ? o->min_heap : atomic_load_explicit(&usual->min_heap, memory_order_relaxed);
    p->max_heap = o->has_max_heap ? o->max_heap : (uint32_t)max_heap;
    p->max_heap_flags = o->has_max_heap ? o->max_heap_flags : (uint16_t)(max_heap >> 32);
    p->fullsweep_after =
        o->has_fullsweep_after
            ? o->fullsweep_after
            : (uint16_t)atomic_load_explicit(&usual->fullsweep_after, memory_order_relaxed);
    if (o->off_heap_msgs) p->flags |= PF_OFF_HEAP_MSGS;
    if (o->system) atomic_init(&p->state, PS_SYSTEM);
    p->parent = parent ? parent->pid : (term_t)A_undefined;
    if (o->group_leader != TERM_NONE) {
        p->group_leader = o->group_leader;
    } else if (parent) {
        p->group_leader = parent->group_leader;
    } else {
        term_t user = name_whereis(vm, A_user);
        p->group_leader = user != TERM_NONE && is_local_pid(user) ? user : p->pid;
    }
}

/* Nodes for the parent's and the child's side, before anybody sees the child. */
typedef struct {
    relation_t *link_here, *link_there, *mon_here, *mon_there;
} ties_t;

static void ties_free(vm_t *vm, sched_t *s, ties_t *t) {
    relation_free(vm, s, t->link_here);
    relation_free(vm, s, t->link_there);
    relation_free(vm, s, t->mon_here);
    relation_free(vm, s, t->mon_there);
}

static bool ties_make(proc_t *parent, sched_t *s, term_t child, const spawn_opts_t *o, uint64_t ref,
                      ties_t *t) {
    vm_t *vm = parent->vm;
    if (o->link) {
        t->link_here = relation_new(vm, s, child, child, 0);
        t->link_there = relation_new(vm, s, parent->pid, parent->pid, 0);
        if (!t->link_here || !t->link_there) return false;
    }
    if (o->monitor) {
        uint32_t flags = REL_MONITOR | (o->alias ? REL_OWN_REF | o->alias_mode : 0);
        t->mon_here = relation_new(vm, s, ref, child, flags);
        t->mon_there = relation_new(vm, s, ref, parent->pid, 0);
        if (!t->mon_here || !t->mon_there) return false;
        if (o->monitor_tag != TERM_NONE) {
            t->mon_here->tag = o->monitor_tag;
            if (!is_immed(o->monitor_tag)) {
                signal_t *f = signal_new_whole(vm, s, SIG_FRAGMENT, o->monitor_tag, 0);
                if (!f) return false;
                t->mon_here->frag = f;
                t->mon_here->tag = f->term;
            }
        }
    }
    return true;
}

static void block_free(vm_t *vm, sched_t *s, proc_t *p) { pool_free(vm, s, p, PROC_BLOCK_BYTES); }

/* Starts the process at ip with X registers a[0..n-1]. */
static term_t start(vm_t *vm, proc_t *parent, const uint64_t *ip, const term_t *a, unsigned n,
                    term_t m, term_t f, uint32_t arity, term_t args, const spawn_opts_t *o,
                    uint64_t *mon, term_t *err) {
    sched_t *s = parent ? parent->sched : sched_current(vm);
    _Atomic(proc_t *) *slot;
    term_t pid = slot_reserve(vm, &slot, err);
    if (UNLIKELY(pid == TERM_NONE)) return TERM_NONE;
    *err = TERM_NONE;
    ties_t ties = {0};
    uint64_t ref = 0;
    proc_t *p = block_new(vm, s, pid);
    if (UNLIKELY(!p)) goto no_block;
    set_options(p, parent, o);

    size_t words = 0;
    for (unsigned i = 0; i < n; i++)
        if (!is_immed(a[i])) words += term_size(vm, a[i]);
    words += n + 1 + STACK_RESERVE;
    if (UNLIKELY(o->min_heap > words)) words = o->min_heap;
    if (UNLIKELY(!heap_init(p, words))) goto no_heap;
    *--p->sp = (term_t)(uintptr_t)engine_exit_code(vm) | CALL_MARK;
    p->sp -= n;
    for (unsigned i = 0; i < n; i++)
        p->sp[i] = is_immed(a[i]) ? a[i] : term_copy(vm, a[i], &p->htop, &p->off_heap);
    p->ip = ip;
    p->arity = (uint16_t)n;
    p->flags |= PF_SAVED_ARGS;
    p->init_m = m;
    p->init_f = f;
    p->init_a = arity;

    if (parent && (o->link || o->monitor)) {
        if (o->monitor) ref = mon && *mon ? *mon : vm_next_ref(vm);
        if (UNLIKELY(!ties_make(parent, s, pid, o, ref, &ties))) goto no_ties;
        if (o->link) {
            relation_insert(&parent->links, ties.link_here);
            relation_insert(&p->links, ties.link_there);
        }
        if (o->monitor) {
            relation_insert(&parent->monitors, ties.mon_here);
            relation_insert(&p->monitored_by, ties.mon_there);
        }
    }
    if (mon) *mon = ref;
    if (UNLIKELY((parent && trace_of(parent)) ||
                 atomic_load_explicit(&vm->trace->new_procs, memory_order_relaxed)) &&
        !o->system)
        trace_spawn(parent, p, m, f, args, o->link);
    if (UNLIKELY(parent && parent->flags & PF_SEQ_TRACE))
        seq_spawned(parent, p, m, f, arity, args, o);
    atomic_store_explicit(slot, p, memory_order_release);
    sched_make_runnable(vm, p);
    return pid;

no_ties:
    ties_free(vm, s, &ties);
    heap_free(p);
no_heap:
    block_free(vm, s, p);
no_block:
    slot_release(vm, slot);
    return TERM_NONE;
}

static term_t start_export(vm_t *vm, proc_t *parent, term_t m, term_t f, const term_t *a,
                           unsigned n, term_t im, term_t jf, uint32_t arity, term_t args,
                           const spawn_opts_t *o, uint64_t *mon, term_t *err) {
    export_t *e = export_get(vm, m, f, n);
    if (!e) {
        *err = TERM_NONE;
        return TERM_NONE;
    }
    const uint64_t *ip = atomic_load_explicit(&e->code, memory_order_acquire);
    return start(vm, parent, ip, a, n, im, jf, arity, args, o, mon, err);
}

term_t proc_spawn_fun(vm_t *vm, proc_t *parent, term_t fun, const spawn_opts_t *o, uint64_t *mon,
                      term_t *err) {
    term_t cells[4], *hp = cells, args = cons(&hp, TERM_NIL, TERM_NIL);
    args = cons(&hp, fun, args);
    if (is_closure(fun)) {
        fun_obj_t *c = (fun_obj_t *)boxed_ptr(fun);
        const uint64_t *ip = atomic_load_explicit(&c->entry->code, memory_order_acquire);
        /* The environment goes where a call would put it; a fun without code or of another arity
         * is for apply to complain about. */
        if (c->entry->arity == 0 && ip != c->entry->stub)
            return start(vm, parent, ip, c->env, (unsigned)fun_num_free(fun), A_erlang, A_apply, 2,
                         args, o, mon, err);
    }
    term_t a[2] = {fun, TERM_NIL};
    return start_export(vm, parent, A_erlang, A_apply, a, 2, A_erlang, A_apply, 2, args, o, mon,
                        err);
}

term_t proc_spawn(vm_t *vm, proc_t *parent, term_t m, term_t f, term_t args, const spawn_opts_t *o,
                  uint64_t *mon, term_t *err) {
    term_t a[MAX_ARITY];
    unsigned n = 0;
    term_t l = args;
    if (m == A_erlang && f == A_apply && is_cons(args) && is_cons(cons_tail(args)) &&
        is_nil(cons_head(cons_tail(args))) && is_nil(cons_tail(cons_tail(args))) &&
        is_fun(cons_head(args)))
        return proc_spawn_fun(vm, parent, cons_head(args), o, mon, err);
    for (; is_cons(l) && n < MAX_ARITY; l = cons_tail(l)) a[n++] = cons_head(l);
    if (is_nil(l)) return start_export(vm, parent, m, f, a, n, m, f, n, args, o, mon, err);
    int64_t length = list_length(args);
    if (length < 0) {
        *err = A_badarg;
        return TERM_NONE;
    }
    /* More than a call can have: apply raises undef. */
    a[0] = m, a[1] = f, a[2] = args;
    return start_export(vm, parent, A_erlang, A_apply, a, 3, m, f, (uint32_t)length, args, o, mon,
                        err);
}

/* ---- the end ---- */

static void release(vm_t *vm, void *block) { block_free(vm, sched_current(vm), block); }

static void relations_free(vm_t *vm, sched_t *s, relation_t **root) {
    relation_t *r;
    while ((r = relation_pop(root))) relation_free(vm, s, r);
}

static void signals_free(vm_t *vm, sched_t *s, signal_t *list) {
    for (signal_t *next; list && list != SIG_CLOSED; list = next) {
        next = list->next;
        signal_free(vm, s, list);
    }
}

/* Ends a process without telling anybody: the VM goes away. */
static void discard(proc_t *p) {
    vm_t *vm = p->vm;
    sched_t *s = vm->scheds ? vm->scheds[0] : NULL;
    if (p->flags & PF_FIBER) fiber_cancel(p);
    signal_t *in = atomic_load_explicit(&p->sig_in, memory_order_relaxed);
    if (vm->timers) {
        proc_timer_cancel(p);
    } else { /* the wheel has gone first; what fired before is in the queue */
        const signal_t *fired = in;
        while (fired && fired != p->timer) fired = fired->next;
        if (!fired) signal_free(vm, s, p->timer);
    }
    relations_free(vm, s, &p->links);
    relations_free(vm, s, &p->monitors);
    relations_free(vm, s, &p->monitored_by);
    signals_free(vm, s, in);
    msg_queue_free(vm, s, &p->mq);
    pdict_free(p);
    if (p->ext) {
        relations_free(vm, s, &p->ext->suspends);
        signals_free(vm, s, p->ext->tasks);
        p->ext->tasks = NULL;
        proc_ext_free(p);
    }
    trace_forget(p);
    heap_free(p);
    block_free(vm, s, p);
}

/* At most n; how many more there might have been. */
static int notify_links(proc_t *p, sched_t *s, term_t reason, int n) {
    vm_t *vm = p->vm;
    relation_t *r;
    for (; n > 0 && (r = relation_pop(&p->links)); n--) {
        term_t other = r->other;
        bool live = is_local_pid(other) ? proc_lookup(vm, other) != NULL : is_local_port(other);
        if (!live || (r->flags & REL_UNLINKING)) {
            relation_free(vm, s, r);
            continue;
        }
        bool token =
            UNLIKELY(p->flags & PF_SEQ_TRACE) && is_local_pid(other) && !is_nil(seq_token(p));
        signal_t *sig = token ? seq_exit(p, other, reason)
                              : signal_new_reason(vm, s, SIG_EXIT, reason, EXIT_WORDS);
        if (sig) {
            relation_free(vm, s, r);
        } else {
            sig = signal_from_relation(r, SIG_EXIT);
            sig->term = is_pointer(reason) ? A_system_limit : reason;
        }
        sig->flags |= SIGF_LINK;
        sig->from = p->pid;
        signal_send(vm, other, sig);
    }
    return n;
}

static int stop_watching(proc_t *p, sched_t *s, int n) {
    vm_t *vm = p->vm;
    relation_t *r;
    for (; n > 0 && (r = relation_pop(&p->monitors)); n--) {
        term_t other = r->other;
        if (r->flags & REL_TIME) clock_unwatch(vm, s, r->key);
        if (!(r->flags & REL_MONITOR) || !(is_local_pid(other) || is_local_port(other))) {
            relation_free(vm, s, r);
            continue;
        }
        if (r->frag) signal_free(vm, s, r->frag);
        uint64_t ref = r->key;
        signal_t *sig = signal_from_relation(r, SIG_DEMONITOR);
        sig->ref = ref;
        sig->from = p->pid;
        signal_send(vm, other, sig);
    }
    return n;
}

/* It is to give way although nobody finds it any more to ask it for literals: its reason gets none
 * of them. false: no memory, it goes on. */
static bool keep_reason(proc_t *p) {
    term_t own = term_copy_all_to(p, p->fvalue);
    if (own != TERM_NONE) p->fvalue = own;
    return own != TERM_NONE;
}

enum { EXIT_RELATIONS = 2000 };

/* Those linked to it, and those it watches and that watch it, hear of its end. false: part of them.
 */
static bool tell_relations(proc_t *p, sched_t *s) {
    bool on = (p->flags & PF_SEQ_TRACE) != 0; /* the token may hold literals, too */
    for (int n;; on = true) {
        n = on ? INT_MAX : EXIT_RELATIONS;
        if (p->links) n = notify_links(p, s, p->fvalue, n);
        if (UNLIKELY(p->ext != NULL) && n > 0) proc_ext_free(p);
        if (p->monitored_by) n = monitors_notify(p, p->pid, p->fvalue, n);
        if (p->monitors) n = stop_watching(p, s, n);
        if (LIKELY(n > 0)) return true;
        if (keep_reason(p)) return false;
    }
}

/* Closes the in-queue: later signals are answered by their senders, those already there here. */
static void close_queue(proc_t *p) {
    vm_t *vm = p->vm;
    signal_t *in = atomic_load_explicit(&p->sig_in, memory_order_relaxed), *list = NULL, *next;
    if (vm->threaded)
        in = atomic_exchange_explicit(&p->sig_in, SIG_CLOSED, memory_order_seq_cst);
    else
        atomic_store_explicit(&p->sig_in, SIG_CLOSED, memory_order_relaxed);
    for (; in; in = next) {
        next = in->next;
        in->next = list;
        list = in;
    }
    for (; list; list = next) {
        next = list->next;
        signal_undeliverable(vm, p->pid, list);
    }
}

/* OTP cannot go on without one of its system processes, and says so. */
COLD static void system_process_died(proc_t *p, term_t reason) {
    vm_t *vm = p->vm;
    if (atomic_load_explicit(&vm->halting, memory_order_relaxed)) return;
    text_t t;
    text_init(&t, vm);
    text_str(&t, "System process ");
    text_term(&t, p->pid);
    text_str(&t, " terminated: ");
    text_term(&t, reason);
    if (!t.failed) crash_slogan(vm, t.data, t.len);
    text_char(&t, '\n');
    if (!t.failed) io_say(vm, t.data, t.len);
    text_free(&t);
    sched_halt(vm, 1);
}

static void exit_begin(proc_t *p, term_t reason) {
    vm_t *vm = p->vm;
    if (UNLIKELY(atomic_load_explicit(&p->state, memory_order_relaxed) & PS_SYSTEM))
        system_process_died(p, reason);
    if (vm->threaded)
        atomic_fetch_or_explicit(&p->state, PS_EXITING, memory_order_seq_cst);
    else
        atomic_store_explicit(&p->state,
                              atomic_load_explicit(&p->state, memory_order_relaxed) | PS_EXITING,
                              memory_order_relaxed);
    if (UNLIKELY(p->flags & PF_FIBER)) fiber_cancel(p);
    if (UNLIKELY(trace_of(p) != NULL)) trace_proc(p, A_exit, reason);
    if (p->timer) proc_timer_cancel(p);
    etimer_cancel_by_receiver(vm, p->pid);
}

bool proc_exit(proc_t *p, term_t reason) {
    vm_t *vm = p->vm;
    sched_t *s = p->sched;
    if (!(atomic_load_explicit(&p->state, memory_order_relaxed) & PS_EXITING))
        exit_begin(p, reason);
    p->fvalue = reason;
    if (LIKELY(!(p->flags & PF_GONE))) {
        if (ets_owner_exit && !ets_owner_exit(p)) {
            p->flags |= PF_EXIT_PENDING;
            return false;
        }
        name_forget(p);
        /* From here on nobody finds it: whoever hears of its end sees it gone. */
        slot_release(vm, slot_of(vm->procs, pid_slot(p->pid)));
        p->flags |= PF_GONE;
    }
    if (UNLIKELY(!tell_relations(p, s))) {
        p->flags |= PF_EXIT_PENDING;
        return false;
    }
    close_queue(p);
    if (p->mq.len) msg_queue_free(vm, s, &p->mq);
    if (p->dict) pdict_free(p);
    if (sysmon_watches(p->vm, WATCH_PROCS)) sysmon_runnable(p, false, true);
    if (UNLIKELY(trace_of(p) != NULL)) {
        trace_sched_exit(p, A_out_exited);
        trace_forget(p);
    }
    heap_free(p);
    if (!vm->threaded) {
        block_free(vm, s, p);
        return true;
    }
    atomic_fetch_or_explicit(&p->state, PS_FREE, memory_order_release);
    sched_defer_proc(p, release);
    return true;
}
