/* etimer.c: the timer wheel behind erlang:start_timer, receive timeouts and any C client.
 *
 * Time is cut into ticks of 2^16 ns (66 us). A timer hangs in a slot of one of eight levels of 64
 * slots: the level is the highest group of six bits in which its tick differs from the wheel's
 * current tick, the slot is that group's value. So everything at a lower level is due before
 * everything at a higher one, a bitmap a level finds the first slot, and as time enters a slot its
 * timers move to lower levels. Within a slot nothing is sorted; what is due is sorted when it is
 * taken out, by time and then by order of arrival.
 *
 * Timers are found by number in a hash table, and by receiver through a list a receiver, so that a
 * process that ends pays for its own timers only. One lock guards it all; messages are sent and C
 * functions called outside of it. Relies on process.h for delivery; callers: see etimer.h.
 */
#include "timer/etimer.h"

#include "vm/copy.h"
#include "vm/process.h"

enum { TICK_BITS = 16, GROUP_BITS = 6, SLOTS = 1 << GROUP_BITS, LEVELS = 8 };
/* "Slots" of timers that are due: those any thread may fire, and those of the polling thread. */
enum { SLOT_DUE = LEVELS * SLOTS, SLOT_DUE_POLLED };
enum { EXACT_WALK = 64 }; /* a slot with more timers than this keeps an early minimum */
enum { TABLE_MIN = 64 };
enum { CANCEL_CHUNK = 256 }; /* timers of a receiver cancelled per hold of the lock */

/* Numbers of C clients' timers: apart from reference numbers, and never NULL as a pointer. */
#define NATIVE_ID (1ull << 63)

/* ---- a hash table of intrusive nodes ----
 * Keys are numbers given out in sequence, so the low bits spread them perfectly. */
typedef struct node {
    struct node *next;
    uint64_t key;
} node_t;

typedef struct {
    node_t **heads;
    size_t size; /* power of two */
    size_t used;
} table_t;

typedef struct {
    node_t node; /* key: pid without its tag */
    etimer_t *first;
} receiver_t;

struct etimer {
    node_t node; /* key: reference number or NATIVE_ID + n */
    etimer_t *next;
    etimer_t **link; /* what points to this timer in its slot or in the due list */
    uint64_t when;
    uint64_t seq; /* order of arrival: first come first served among equal times */
    uint16_t slot;
    bool polled; /* fired by the polling thread only */
    union {
        struct {
            term_t dst;
            signal_t *msg;
            receiver_t *receiver; /* NULL: dst is a name */
            etimer_t *rnext;
            etimer_t **rlink;
        };
        struct {
            etimer_fire_fn fire;
            void *user;
        };
    };
};

typedef struct {
    etimer_t *first;
    etimer_t **last;
} due_t;

typedef struct {
    etimer_t *first;
    uint64_t min;   /* no timer in the slot is earlier */
    uint32_t count; /* timers in it */
    bool loose;     /* the timer that made min is gone */
} slot_t;

struct etimer_wheel {
    spin_t lock;
    _Atomic(uint64_t) closest; /* no timer is earlier */
    _Atomic(bool) stale;       /* closest may be too early */
    uint64_t tick;             /* where the wheel stands */
    uint64_t seq;
    uint64_t native_ids;
    due_t due[2]; /* taken out, waiting to be fired; [1]: by the polling thread */
    bool firing;  /* somebody is at it: one at a time, so that they come in order */
    table_t ids;
    table_t receivers;
    uint64_t occupied[LEVELS];
    slot_t slots[LEVELS * SLOTS];
};

/* ---- table ---- */

static bool table_init(vm_t *vm, table_t *t) {
    t->heads = mem_calloc(vm, TABLE_MIN * sizeof *t->heads);
    t->size = TABLE_MIN;
    t->used = 0;
    return t->heads != NULL;
}

static void table_free(vm_t *vm, table_t *t) {
    mem_free(vm, t->heads, t->size * sizeof *t->heads);
    t->heads = NULL;
}

/* Without memory the table stays as it is: slower, but right. */
COLD static void table_resize(vm_t *vm, table_t *t, size_t size) {
    node_t **heads = mem_calloc(vm, size * sizeof *heads);
    if (!heads) return;
    for (size_t i = 0; i < t->size; i++) {
        for (node_t *n = t->heads[i], *next; n; n = next) {
            next = n->next;
            node_t **head = &heads[n->key & (size - 1)];
            n->next = *head;
            *head = n;
        }
    }
    mem_free(vm, t->heads, t->size * sizeof *heads);
    t->heads = heads;
    t->size = size;
}

static inline void table_put(vm_t *vm, table_t *t, node_t *n, uint64_t key) {
    if (UNLIKELY(t->used >= t->size)) table_resize(vm, t, t->size * 2);
    node_t **head = &t->heads[key & (t->size - 1)];
    n->key = key;
    n->next = *head;
    *head = n;
    t->used++;
}

static inline node_t *table_find(const table_t *t, uint64_t key) {
    node_t *n = t->heads[key & (t->size - 1)];
    while (n && n->key != key) n = n->next;
    return n;
}

static inline void table_remove(vm_t *vm, table_t *t, node_t *n) {
    node_t **link = &t->heads[n->key & (t->size - 1)];
    while (*link != n) link = &(*link)->next;
    *link = n->next;
    if (UNLIKELY(--t->used < t->size / 16 && t->size > 16 * TABLE_MIN))
        table_resize(vm, t, t->size / 4);
}

/* ---- wheel ---- */

/* The pool of the calling thread. */
static inline sched_t *here(vm_t *vm, proc_t *sender) {
    if (sender) return sender->sched;
    if (vm->threaded) return sched_current(vm);
    return vm->scheds ? vm->scheds[0] : NULL;
}

/* Hangs a timer where its time belongs. A time in the past belongs to the current tick. */
static inline void wheel_insert(struct etimer_wheel *w, etimer_t *t) {
    uint64_t tick = t->when >> TICK_BITS;
    if (tick < w->tick) tick = w->tick;
    unsigned level = (63u - (unsigned)__builtin_clzll((tick ^ w->tick) | 1)) / GROUP_BITS;
    unsigned index = (unsigned)(tick >> (level * GROUP_BITS)) & (SLOTS - 1);
    slot_t *s = &w->slots[level * SLOTS + index];
    if (!s->first) {
        w->occupied[level] |= 1ull << index;
        s->min = t->when;
        s->loose = false;
    } else {
        s->first->link = &t->next;
        if (t->when <= s->min) s->min = t->when, s->loose = false;
    }
    s->count++;
    t->next = s->first;
    t->link = &s->first;
    s->first = t;
    t->slot = (uint16_t)(level * SLOTS + index);
}

static inline void wheel_remove(struct etimer_wheel *w, etimer_t *t) {
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    else if (t->slot >= SLOT_DUE)
        w->due[t->slot - SLOT_DUE].last = t->link;
    if (t->slot >= SLOT_DUE) return;
    slot_t *s = &w->slots[t->slot];
    s->count--;
    if (!s->first)
        w->occupied[t->slot / SLOTS] &= ~(1ull << (t->slot % SLOTS));
    else if (t->when == s->min)
        s->loose = true;
}

/* The first slot that holds timers; -1: none. */
static inline int wheel_first(const struct etimer_wheel *w) {
    for (int level = 0; level < LEVELS; level++)
        if (w->occupied[level]) return level * SLOTS + __builtin_ctzll(w->occupied[level]);
    return -1;
}

static inline bool due_before(const etimer_t *a, const etimer_t *b) {
    return a->when < b->when || (a->when == b->when && a->seq < b->seq);
}

/* The first timer that is due; all: also of those the polling thread fires. */
static inline etimer_t *due_first(struct etimer_wheel *w, bool all) {
    etimer_t *a = w->due[0].first, *b = all ? w->due[1].first : NULL;
    return !a || (b && due_before(b, a)) ? b : a;
}

/* When the closest timer is due. Looks at single timers only in a small slot whose earliest was
 * cancelled; a large one says a time that is early, which costs one wake-up that sorts it out. */
static uint64_t wheel_closest(struct etimer_wheel *w) {
    etimer_t *due = due_first(w, true);
    if (due) return due->when;
    int i = wheel_first(w);
    if (i < 0) return HOST_FOREVER;
    slot_t *s = &w->slots[i];
    if (s->loose && s->count <= EXACT_WALK) {
        uint64_t min = UINT64_MAX;
        for (etimer_t *t = s->first; t; t = t->next)
            if (t->when < min) min = t->when;
        s->min = min;
        s->loose = false;
    }
    return s->min;
}

static etimer_t *due_merge(etimer_t *a, etimer_t *b) {
    etimer_t *merged, **tail = &merged;
    while (a && b) {
        etimer_t **take = due_before(b, a) ? &b : &a;
        *tail = *take;
        tail = &(*take)->next;
        *take = *tail;
    }
    *tail = a ? a : b;
    return merged;
}

/* Merge sort of a list linked by next, bottom up. */
static etimer_t *due_sort(etimer_t *list) {
    etimer_t *runs[64] = {NULL}; /* runs[i]: sorted, 2^i timers, or empty */
    unsigned top = 0;
    while (list) {
        etimer_t *run = list;
        list = list->next;
        run->next = NULL;
        unsigned i = 0;
        for (; runs[i]; i++) {
            run = due_merge(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = run;
        if (i > top) top = i;
    }
    etimer_t *all = NULL;
    for (unsigned i = 0; i <= top; i++)
        if (runs[i]) all = due_merge(all, runs[i]);
    return all;
}

/* Moves the wheel to now and what is due by then to the due lists. */
static void wheel_advance(struct etimer_wheel *w, uint64_t now) {
    uint64_t target = now >> TICK_BITS;
    if (target < w->tick) target = w->tick; /* a thread that read its clock a little earlier */
    etimer_t *due = NULL;
    int i;
    while ((i = wheel_first(w)) >= 0) {
        unsigned level = (unsigned)i / SLOTS, index = (unsigned)i % SLOTS;
        unsigned shift = level * GROUP_BITS;
        uint64_t begin = w->tick >> shift;
        begin = ((begin & ~(uint64_t)(SLOTS - 1)) | index) << shift;
        if (begin > target) break;
        slot_t *s = &w->slots[i];
        if (begin == target && level == 0 && s->min > now) break;
        etimer_t *t = s->first;
        s->first = NULL;
        s->count = 0;
        w->occupied[level] &= ~(1ull << index);
        if (begin > w->tick) w->tick = begin;
        for (etimer_t *next; t; t = next) {
            next = t->next;
            if (t->when <= now) {
                t->next = due;
                due = t;
            } else {
                wheel_insert(w, t);
            }
        }
        /* What went back into the current tick is not due: nothing behind it is either. */
        if (level == 0 && begin == target) break;
    }
    /* No slot between the old and the new tick holds a timer, so nothing is out of place. */
    w->tick = target;
    if (!due) return;
    for (etimer_t *t = due_sort(due), *next; t; t = next) {
        next = t->next;
        due_t *d = &w->due[t->polled];
        t->slot = t->polled ? SLOT_DUE_POLLED : SLOT_DUE;
        t->next = NULL;
        t->link = d->last;
        *d->last = t;
        d->last = &t->next;
    }
}

/* Takes a timer out of everything that knows it. Under the lock. */
static inline void timer_detach(vm_t *vm, struct etimer_wheel *w, etimer_t *t, sched_t *s) {
    wheel_remove(w, t);
    table_remove(vm, &w->ids, &t->node);
    if (t->node.key & NATIVE_ID) return;
    receiver_t *r = t->receiver;
    if (!r) return;
    *t->rlink = t->rnext;
    if (t->rnext) t->rnext->rlink = t->rlink;
    if (!r->first) {
        table_remove(vm, &w->receivers, &r->node);
        pool_free(vm, s, r, sizeof *r);
    }
}

/* Notes that a timer at that time has come or gone. Returns whether the polling thread, which may
 * sleep until the closest timer it knew, has to be woken. */
static inline bool wheel_note_new(vm_t *vm, struct etimer_wheel *w, uint64_t when) {
    if (when >= atomic_load_explicit(&w->closest, memory_order_relaxed)) return false;
    atomic_store_explicit(&w->closest, when, memory_order_relaxed);
    return vm->threaded;
}
static inline void wheel_note_gone(struct etimer_wheel *w, uint64_t when) {
    if (when == atomic_load_explicit(&w->closest, memory_order_relaxed))
        atomic_store_explicit(&w->stale, true, memory_order_relaxed);
}

/* ---- interface ---- */

bool etimer_init(vm_t *vm) {
    struct etimer_wheel *w = mem_calloc(vm, sizeof *w);
    if (!w) return false;
    if (!table_init(vm, &w->ids) || !table_init(vm, &w->receivers)) {
        table_free(vm, &w->ids);
        if (w->receivers.heads) table_free(vm, &w->receivers);
        mem_free(vm, w, sizeof *w);
        return false;
    }
    atomic_flag_clear(&w->lock.held);
    atomic_store_explicit(&w->closest, HOST_FOREVER, memory_order_relaxed);
    w->tick = vm_now(vm) >> TICK_BITS;
    for (int i = 0; i < 2; i++) w->due[i].last = &w->due[i].first;
    vm->timers = w;
    return true;
}

void etimer_free(vm_t *vm) {
    struct etimer_wheel *w = vm->timers;
    if (!w) return;
    for (size_t i = 0; i < w->ids.size; i++) {
        for (node_t *n = w->ids.heads[i], *next; n; n = next) {
            next = n->next;
            etimer_t *t = (etimer_t *)n;
            if (!(n->key & NATIVE_ID)) signal_free(vm, NULL, t->msg);
            pool_free(vm, NULL, t, sizeof *t);
        }
    }
    for (size_t i = 0; i < w->receivers.size; i++) {
        for (node_t *n = w->receivers.heads[i], *next; n; n = next) {
            next = n->next;
            pool_free(vm, NULL, n, sizeof(receiver_t));
        }
    }
    table_free(vm, &w->ids);
    table_free(vm, &w->receivers);
    mem_free(vm, w, sizeof *w);
    vm->timers = NULL;
}

/* What will be delivered, in a signal of its own. */
static signal_t *timer_message(vm_t *vm, sched_t *s, uint64_t ref_id, term_t msg, bool enveloped) {
    signal_t *sig = signal_new_whole(vm, s, SIG_MESSAGE, msg, enveloped ? 4 + REF_WORDS : 0);
    if (!sig) return NULL;
    term_t *hp = sig->data + sig->used;
    if (enveloped) {
        term_t ref = make_ref(&hp, ref_id, 0);
        sig->term = tuple3(&hp, A_timeout, ref, sig->term);
    }
    sig->used = (uint32_t)(hp - sig->data);
    return sig;
}

int etimer_add_abs(vm_t *vm, uint64_t ref_id, uint64_t when, term_t dst, term_t msg, proc_t *sender,
                   int enveloped) {
    struct etimer_wheel *w = vm->timers;
    sched_t *s = here(vm, sender);
    bool to_pid = is_local_pid(dst);
    /* Nobody would ever cancel the timers of a process that is gone. */
    if (to_pid && !(sender && sender->pid == dst) && !proc_lookup(vm, dst)) return 0;
    etimer_t *t = pool_alloc(vm, s, sizeof *t);
    if (!t) return -1;
    t->msg = timer_message(vm, s, ref_id, msg, enveloped != 0);
    if (!t->msg) {
        pool_free(vm, s, t, sizeof *t);
        return -1;
    }
    t->when = when;
    t->polled = false;
    t->dst = dst;
    t->receiver = NULL;

    spin_lock(vm, &w->lock);
    if (to_pid) {
        uint64_t key = dst >> IMMED_SHIFT;
        receiver_t *r = (receiver_t *)table_find(&w->receivers, key);
        if (!r) {
            r = pool_alloc(vm, s, sizeof *r);
            if (!r) {
                spin_unlock(vm, &w->lock);
                signal_free(vm, s, t->msg);
                pool_free(vm, s, t, sizeof *t);
                return -1;
            }
            r->first = NULL;
            table_put(vm, &w->receivers, &r->node, key);
        }
        t->receiver = r;
        t->rnext = r->first;
        t->rlink = &r->first;
        if (r->first) r->first->rlink = &t->rnext;
        r->first = t;
    }
    t->seq = w->seq++;
    table_put(vm, &w->ids, &t->node, ref_id);
    wheel_insert(w, t);
    bool wake = wheel_note_new(vm, w, when);
    spin_unlock(vm, &w->lock);
    if (wake) vm->host->ops->wake(vm->host);
    return 0;
}

/* A time so far away that it does not fit is as good as the end of time. */
static inline uint64_t time_after(uint64_t now, uint64_t timeout) {
    return timeout > HOST_FOREVER - 1 - now ? HOST_FOREVER - 1 : now + timeout;
}

int etimer_add(vm_t *vm, uint64_t ref_id, uint64_t timeout, term_t dst, term_t msg, proc_t *sender,
               int enveloped) {
    return etimer_add_abs(vm, ref_id, time_after(vm_now(vm), timeout), dst, msg, sender, enveloped);
}

static etimer_t *start(vm_t *vm, uint64_t when, etimer_fire_fn fire, void *user, bool polled) {
    struct etimer_wheel *w = vm->timers;
    etimer_t *t = pool_alloc(vm, here(vm, NULL), sizeof *t);
    if (!t) return NULL;
    t->when = when;
    t->polled = polled;
    t->fire = fire;
    t->user = user;
    spin_lock(vm, &w->lock);
    uint64_t id = NATIVE_ID | ++w->native_ids;
    t->seq = w->seq++;
    table_put(vm, &w->ids, &t->node, id);
    wheel_insert(w, t);
    bool wake = wheel_note_new(vm, w, when);
    spin_unlock(vm, &w->lock);
    if (wake) vm->host->ops->wake(vm->host);
    /* The handle is the number, not the address: it stays harmless after the timer has fired, which
     * another thread may be doing right now. */
    return (etimer_t *)(uintptr_t)id;
}

etimer_t *etimer_start(vm_t *vm, uint64_t when, etimer_fire_fn fire, void *user) {
    return start(vm, when, fire, user, true);
}

etimer_t *etimer_start_anywhere(vm_t *vm, uint64_t when, etimer_fire_fn fire, void *user) {
    return start(vm, when, fire, user, false);
}

bool etimer_stop(vm_t *vm, etimer_t *handle) {
    struct etimer_wheel *w = vm->timers;
    if (UNLIKELY(!w)) return true; /* the VM is ending; no timer fires any more */
    sched_t *s = here(vm, NULL);
    spin_lock(vm, &w->lock);
    etimer_t *t = (etimer_t *)table_find(&w->ids, (uint64_t)(uintptr_t)handle);
    if (t) {
        timer_detach(vm, w, t, s);
        wheel_note_gone(w, t->when);
    }
    spin_unlock(vm, &w->lock);
    if (!t) return false;
    pool_free(vm, s, t, sizeof *t);
    return true;
}

uint64_t etimer_closest_timeout(vm_t *vm) {
    struct etimer_wheel *w = vm->timers;
    if (!atomic_load_explicit(&w->stale, memory_order_relaxed))
        return atomic_load_explicit(&w->closest, memory_order_relaxed);
    spin_lock(vm, &w->lock);
    uint64_t closest = wheel_closest(w);
    atomic_store_explicit(&w->closest, closest, memory_order_relaxed);
    atomic_store_explicit(&w->stale, false, memory_order_relaxed);
    spin_unlock(vm, &w->lock);
    return closest;
}

/* Delivers a message timer that has been detached. */
static void timer_deliver(vm_t *vm, etimer_t *t, sched_t *s) {
    term_t dst = t->dst;
    if (is_atom(dst)) dst = name_whereis(vm, dst);
    proc_t *to = is_local_pid(dst) ? proc_lookup(vm, dst) : NULL;
    if (to)
        proc_signal(vm, to, t->msg);
    else
        signal_free(vm, s, t->msg);
}

static size_t expired(vm_t *vm, uint64_t now, bool all) {
    struct etimer_wheel *w = vm->timers;
    if (now < atomic_load_explicit(&w->closest, memory_order_relaxed)) return 0;
    sched_t *s = here(vm, NULL);
    size_t fired = 0;
    spin_lock(vm, &w->lock);
    if (w->firing) {
        spin_unlock(vm, &w->lock);
        return 0;
    }
    w->firing = true;
    wheel_advance(w, now);
    for (etimer_t *t; (t = due_first(w, all)) != NULL;) {
        bool native = t->node.key & NATIVE_ID;
        timer_detach(vm, w, t, s);
        spin_unlock(vm, &w->lock);
        if (native)
            t->fire(vm, t->user);
        else
            timer_deliver(vm, t, s);
        pool_free(vm, s, t, sizeof *t);
        fired++;
        spin_lock(vm, &w->lock);
    }
    w->firing = false;
    atomic_store_explicit(&w->closest, wheel_closest(w), memory_order_relaxed);
    atomic_store_explicit(&w->stale, false, memory_order_relaxed);
    spin_unlock(vm, &w->lock);
    return fired;
}

size_t etimer_expired(vm_t *vm, uint64_t now) { return expired(vm, now, true); }

size_t etimer_expired_anywhere(vm_t *vm, uint64_t now) { return expired(vm, now, false); }

static inline int64_t time_left(vm_t *vm, uint64_t when) {
    uint64_t now = vm_now(vm);
    return when > now ? (int64_t)(when - now) : 0;
}

int etimer_cancel(vm_t *vm, uint64_t ref_id, int64_t *left_ns) {
    struct etimer_wheel *w = vm->timers;
    sched_t *s = here(vm, NULL);
    spin_lock(vm, &w->lock);
    etimer_t *t = (etimer_t *)table_find(&w->ids, ref_id);
    if (t) {
        timer_detach(vm, w, t, s);
        wheel_note_gone(w, t->when);
    }
    spin_unlock(vm, &w->lock);
    if (!t) return -1;
    if (left_ns) *left_ns = time_left(vm, t->when);
    signal_free(vm, s, t->msg);
    pool_free(vm, s, t, sizeof *t);
    return 0;
}

int etimer_read(vm_t *vm, uint64_t ref_id, int64_t *left_ns) {
    struct etimer_wheel *w = vm->timers;
    spin_lock(vm, &w->lock);
    etimer_t *t = (etimer_t *)table_find(&w->ids, ref_id);
    uint64_t when = t ? t->when : 0;
    spin_unlock(vm, &w->lock);
    if (!t) return -1;
    if (left_ns) *left_ns = time_left(vm, when);
    return 0;
}

void etimer_cancel_by_receiver(vm_t *vm, term_t dst) {
    struct etimer_wheel *w = vm->timers;
    if (!w || !is_local_pid(dst)) return;
    sched_t *s = here(vm, NULL);
    receiver_t *r;
    do {
        etimer_t *gone = NULL;
        unsigned n = 0;
        spin_lock(vm, &w->lock);
        /* The list goes with its last timer: look it up anew for each chunk. */
        while (n < CANCEL_CHUNK &&
               (r = (receiver_t *)table_find(&w->receivers, dst >> IMMED_SHIFT))) {
            etimer_t *t = r->first;
            timer_detach(vm, w, t, s);
            wheel_note_gone(w, t->when);
            t->next = gone;
            gone = t;
            n++;
        }
        spin_unlock(vm, &w->lock);
        for (etimer_t *next; gone; gone = next) {
            next = gone->next;
            signal_free(vm, s, gone->msg);
            pool_free(vm, s, gone, sizeof *gone);
        }
        if (n < CANCEL_CHUNK) break;
    } while (true);
}

int etimer_fill_root_regs(vm_t *vm, proc_t *sender, region_t *regs, int nr_expected) {
    (void)vm, (void)sender, (void)regs, (void)nr_expected;
    return 0;
}

size_t etimer_count(vm_t *vm) {
    spin_lock(vm, &vm->timers->lock);
    size_t n = vm->timers->ids.used;
    spin_unlock(vm, &vm->timers->lock);
    return n;
}
