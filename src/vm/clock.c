/* clock.c: see clock.h. The modes are those of OTP's guide "Time and Time Correction in Erlang".
 *
 * With time correction, Erlang monotonic time is the host's plus what has been corrected so far. A
 * correction is a span of the host's time during which ours runs 1 % faster or slower; after it
 * ours runs as the host's does, so nothing has to end it. Without time correction it is the wall
 * clock less the offset, held where that would go back.
 *
 * Readers take no lock: they repeat what they read while `version` was odd or has changed. A reader
 * has looked at the host's clock before the version it goes by was replaced, and who replaces it
 * looks at that clock afterwards: so time never goes back, on any thread. `lock` is for who changes
 * anything and for the watchers; signals are sent without it.
 */
#include "vm/clock.h"
#include "timer/etimer.h"
#include "vm/copy.h"
#include "vm/link.h"
#include "vm/process.h"

#define NS_PER_MS 1000000

/* The wall clock is looked at so often when somebody asks for the time or a timer fires, and so
 * often while somebody watches the offset. Smaller differences are not followed. */
enum { CHECK_NS = 100 * NS_PER_MS, WATCH_NS = 1000 * NS_PER_MS, TOLERANCE_NS = NS_PER_MS };
/* Without time correction: a wall clock set forward is noticed so soon. */
enum { LONGEST_WAIT_NS = 1000 * NS_PER_MS };
enum { PART = 100 /* 1 % */ };

struct vm_clock {
    spin_t lock;
    _Atomic(uint32_t) version;             /* odd: the next five are being changed */
    _Atomic(uint64_t) host_from, our_from; /* the same moment on both clocks */
    _Atomic(uint64_t) span;                /* of host time from then on: ours runs wrong */
    _Atomic(int64_t) direction;            /* 1: faster, -1: slower, 0: as the host's */
    _Atomic(int64_t) offset;
    _Atomic(bool) preliminary;
    _Atomic(bool) news;     /* the offset has changed and watchers have not been told */
    _Atomic(uint64_t) last; /* without time correction: the latest time told */
    relation_t *watchers;   /* key: reference, other: pid */
    size_t nwatchers;
    etimer_t *timer; /* compares while there are watchers and the offset is volatile */
    uint64_t timer_no;
};

#define GET(x)    atomic_load_explicit(&(x), memory_order_acquire) /* in order before `version` */
#define SET(x, v) atomic_store_explicit(&(x), (v), memory_order_relaxed)

static bool is_corrected(vm_t *vm) { return !vm->options.no_time_correction; }
static bool is_multi(vm_t *vm) { return vm->options.time_warp == TIME_MULTI_WARP; }
static int64_t wall(vm_t *vm) { return vm->host->ops->wall_ns(vm->host); }
static void rest(vm_t *vm) {
    if (vm->host->ops->yield) vm->host->ops->yield(vm->host);
}

/* ---- life ---- */

bool clock_init(vm_t *vm) {
    struct vm_clock *c = mem_calloc(vm, sizeof *c);
    if (!c) return false;
    vm->start_ns = vm_host_now(vm);
    SET(c->host_from, vm->start_ns);
    SET(c->our_from, vm->start_ns);
    SET(c->last, vm->start_ns);
    SET(c->offset, wall(vm) - (int64_t)vm->start_ns);
    SET(c->preliminary, vm->options.time_warp == TIME_SINGLE_WARP);
    vm->clock = c;
    bool checks = is_corrected(vm) && !GET(c->preliminary);
    SET(vm->clock_due, checks ? vm->start_ns + CHECK_NS : HOST_FOREVER);
    SET(vm->clock_bent, !is_corrected(vm));
    return true;
}

void clock_free(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    if (!c) return;
    SET(vm->clock_bent, false);
    for (relation_t *r; (r = relation_pop(&c->watchers));) relation_free(vm, NULL, r);
    mem_free(vm, c, sizeof *c);
    vm->clock = NULL;
}

/* ---- reading ---- */

static uint32_t version_begin(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    uint32_t v;
    while ((v = atomic_load_explicit(&c->version, memory_order_acquire)) & 1) rest(vm);
    return v;
}
static bool version_same(vm_t *vm, uint32_t v) {
    return atomic_load_explicit(&vm->clock->version, memory_order_seq_cst) == v;
}
static void version_change(vm_t *vm) { /* twice, under the lock */
    atomic_fetch_add_explicit(&vm->clock->version, 1, memory_order_seq_cst);
}

static uint64_t ours(const struct vm_clock *c, uint64_t host) {
    uint64_t d = host - GET(c->host_from), span = GET(c->span);
    int64_t part = (int64_t)((d < span ? d : span) / PART);
    return GET(c->our_from) + d + (uint64_t)(GET(c->direction) * part);
}

static uint64_t uncorrected_now(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    uint64_t last = GET(c->last);
    int64_t offset = GET(c->offset), w = wall(vm), t = w - offset;
    if (UNLIKELY(is_multi(vm) && t < (int64_t)last - TOLERANCE_NS)) {
        /* Set back: our clock goes on from where it was, the offset takes the difference. */
        spin_lock(vm, &c->lock);
        if (GET(c->offset) == offset) {
            SET(c->offset, w - (int64_t)last);
            SET(c->news, true);
            SET(vm->clock_due, 0);
        }
        spin_unlock(vm, &c->lock);
        t = (int64_t)last;
    }
    while (t > (int64_t)last && !atomic_compare_exchange_weak(&c->last, &last, (uint64_t)t)) {
    }
    return t > (int64_t)last ? (uint64_t)t : last;
}

uint64_t clock_bent_now(vm_t *vm) {
    if (!is_corrected(vm)) return uncorrected_now(vm);
    uint32_t v;
    uint64_t now;
    do {
        v = version_begin(vm);
        now = ours(vm->clock, vm_host_now(vm));
    } while (UNLIKELY(!version_same(vm, v)));
    return now;
}

int64_t clock_offset(vm_t *vm) { return GET(vm->clock->offset); }
int64_t clock_system_ns(vm_t *vm) {
    uint64_t now = vm_now(vm);
    return (int64_t)now + clock_offset(vm);
}

int64_t clock_unique_us(vm_t *vm) {
    int64_t ns = clock_system_ns(vm), us = ns / 1000 - (ns % 1000 < 0);
    int64_t last = GET(vm->last_now_us), next;
    do {
        next = us > last ? us : last + 1;
    } while (!atomic_compare_exchange_weak(&vm->last_now_us, &last, next));
    return next;
}

uint64_t clock_host_time(vm_t *vm, uint64_t when) {
    struct vm_clock *c = vm->clock;
    if (LIKELY(!atomic_load_explicit(&vm->clock_bent, memory_order_acquire)) || when == 0 ||
        when == HOST_FOREVER)
        return when;
    if (!is_corrected(vm)) {
        uint64_t now = vm_now(vm), left = when > now ? when - now : 0;
        return vm_host_now(vm) + (left < LONGEST_WAIT_NS ? left : LONGEST_WAIT_NS);
    }
    uint32_t v;
    uint64_t host;
    do {
        v = version_begin(vm);
        uint64_t from = GET(c->our_from), d = when > from ? when - from : 0, span = GET(c->span);
        int64_t direction = GET(c->direction);
        uint64_t wrong = direction < 0 ? d / (PART - 1) : d / (PART + 1);
        if (wrong > span / PART) wrong = span / PART;
        d = direction > 0 ? d - wrong : d + (d < HOST_FOREVER - wrong ? wrong : 0);
        host = GET(c->host_from);
        host = d < HOST_FOREVER - host ? host + d : HOST_FOREVER - 1;
    } while (UNLIKELY(!version_same(vm, v)));
    return host;
}

/* ---- following the wall clock ---- */

/* How far the wall clock is ahead of Erlang system time; *error: how far that may be wrong. */
static int64_t deviation(vm_t *vm, int64_t *error) {
    struct vm_clock *c = vm->clock;
    uint64_t before = vm_host_now(vm);
    int64_t w = wall(vm);
    uint64_t after = vm_host_now(vm);
    *error = (int64_t)(after - before);
    return w - (int64_t)ours(c, before + (after - before) / 2) - GET(c->offset);
}

/* From now on, until it has made up for diff. */
static void bend(vm_t *vm, int64_t diff) {
    struct vm_clock *c = vm->clock;
    uint64_t much = (uint64_t)(diff < 0 ? -diff : diff);
    if (much > INT64_MAX / (2 * PART)) much = INT64_MAX / (2 * PART); /* 1.4 years; then again */
    version_change(vm);
    atomic_store_explicit(&vm->clock_bent, true, memory_order_seq_cst);
    uint64_t host = vm_host_now(vm), our = ours(c, host);
    SET(c->host_from, host);
    SET(c->our_from, our);
    SET(c->span, much * PART);
    SET(c->direction, diff < 0 ? -1 : 1);
    version_change(vm);
}

/* What the correction that runs will still do. */
static int64_t planned(const struct vm_clock *c, uint64_t host) {
    uint64_t d = host - GET(c->host_from), span = GET(c->span);
    return d < span ? GET(c->direction) * (int64_t)((span - d) / PART) : 0;
}

static void tell_watchers(vm_t *vm);

void clock_check(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    bool bent = false;
    spin_lock(vm, &c->lock);
    uint64_t host = vm_host_now(vm);
    if (!is_corrected(vm)) {
        SET(vm->clock_due, HOST_FOREVER);
    } else if (!GET(c->preliminary) && ours(c, host) >= GET(vm->clock_due)) {
        int64_t error, diff = deviation(vm, &error), left = diff;
        int64_t limit = error > TOLERANCE_NS ? error : TOLERANCE_NS;
        if (!is_multi(vm)) left -= planned(c, host);
        if (left > limit || left < -limit) {
            if (is_multi(vm)) {
                SET(c->offset, GET(c->offset) + diff);
                SET(c->news, true);
            } else {
                bend(vm, diff);
                bent = true;
            }
        }
        SET(vm->clock_due, ours(c, host) + CHECK_NS);
    }
    bool news = GET(c->news);
    SET(c->news, false);
    spin_unlock(vm, &c->lock);
    /* Who polls may be asleep until a time that has another place on the host's clock now. */
    if (bent && vm->threaded) vm->host->ops->wake(vm->host);
    if (news) tell_watchers(vm);
}

/* ---- the time offset ---- */

term_t clock_state(vm_t *vm) {
    if (is_multi(vm)) return A_volatile_;
    return GET(vm->clock->preliminary) ? A_preliminary : A_final;
}

term_t clock_finalize(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    spin_lock(vm, &c->lock);
    term_t before = clock_state(vm);
    if (before == A_preliminary) {
        uint64_t now = vm_now(vm);
        SET(c->offset, wall(vm) - (int64_t)now);
        SET(c->preliminary, false);
        if (is_corrected(vm)) SET(vm->clock_due, now + CHECK_NS);
    }
    spin_unlock(vm, &c->lock);
    if (before == A_preliminary) tell_watchers(vm);
    return before;
}

/* ---- who watches it ---- */

/* In the process that watches; data: the offset and the VM, no terms. The message goes to its own
 * queue. */
static void offset_changed(proc_t *p, signal_t *sig) {
    int64_t offset = (int64_t)sig->data[0];
    uint64_t ref = sig->ref;
    vm_t *vm = (vm_t *)(uintptr_t)sig->data[1];
    sched_t *s = sched_current(vm);
    signal_free(vm, s, sig);
    relation_t *r = p ? relation_find(p->monitors, ref) : NULL;
    if (!r || !(r->flags & REL_MONITOR)) return;
    size_t tag_words = is_immed(r->tag) ? 0 : term_size(vm, r->tag);
    signal_t *m = signal_new(vm, s, SIG_MESSAGE, 6 + REF_WORDS + INT64_WORDS + tag_words);
    if (!m) { /* as for anything else a process asked for */
        p->flags |= PF_OOM | PF_EXIT_PENDING;
        p->fvalue = A_killed;
        return;
    }
    term_t *hp = m->data, tag = r->tag;
    if (tag_words) tag = term_copy(vm, tag, &hp, &m->off_heap);
    term_t id = make_ref(&hp, ref, r->flags & REL_OWN_REF ? p->pid : 0);
    term_t value = int64_at(&hp, offset);
    m->term = tuple5(&hp, tag, id, A_time_offset, A_clock_service, value);
    m->used = (uint32_t)(hp - m->data);
    signal_send(vm, p->pid, m);
}

/* Who starts or ends to watch meanwhile is told or not. Where there is no memory for the news, the
 * next change will be told. */
static void tell_watchers(vm_t *vm) {
    struct vm_clock *c = vm->clock;
    int64_t offset = clock_offset(vm);
    sched_t *s = sched_current(vm);
    for (uint64_t ref = 0;;) {
        spin_lock(vm, &c->lock);
        relation_t *r = relation_next(c->watchers, ref);
        term_t pid = r ? r->other : TERM_NIL;
        if (r) ref = r->key;
        spin_unlock(vm, &c->lock);
        if (!r) break;
        signal_t *sig = signal_new(vm, s, SIG_CALL, 2);
        if (!sig) break;
        sig->fn = offset_changed;
        sig->ref = ref;
        sig->data[0] = (term_t)offset;
        sig->data[1] = (term_t)(uintptr_t)vm;
        signal_send(vm, pid, sig);
    }
}

/* Times the next comparison for the watchers there are since that number. No timer where there is
 * no memory: then only who asks for the time makes it happen. */
static void watch_timer(vm_t *vm, void *user);
static void arm(vm_t *vm, uint64_t number) {
    struct vm_clock *c = vm->clock;
    etimer_t *t = etimer_start(vm, vm_now(vm) + WATCH_NS, watch_timer, (void *)(uintptr_t)number);
    spin_lock(vm, &c->lock);
    bool mine = c->timer_no == number && c->nwatchers > 0;
    if (mine) c->timer = t;
    spin_unlock(vm, &c->lock);
    if (!mine && t) etimer_stop(vm, t);
}

static void watch_timer(vm_t *vm, void *user) {
    struct vm_clock *c = vm->clock;
    uint64_t number = (uint64_t)(uintptr_t)user;
    vm_now(vm); /* without time correction this notices */
    clock_check(vm);
    spin_lock(vm, &c->lock);
    bool mine = c->timer_no == number && c->nwatchers > 0;
    spin_unlock(vm, &c->lock);
    if (mine) arm(vm, number);
}

bool clock_watch(vm_t *vm, sched_t *s, uint64_t ref_id, term_t pid) {
    struct vm_clock *c = vm->clock;
    relation_t *r = relation_new(vm, s, ref_id, pid, 0);
    if (!r) return false;
    spin_lock(vm, &c->lock);
    relation_insert(&c->watchers, r);
    bool first = c->nwatchers++ == 0 && is_multi(vm);
    uint64_t number = first ? ++c->timer_no : 0;
    spin_unlock(vm, &c->lock);
    if (first) arm(vm, number);
    return true;
}

void clock_unwatch(vm_t *vm, sched_t *s, uint64_t ref_id) {
    struct vm_clock *c = vm->clock;
    etimer_t *timer = NULL;
    spin_lock(vm, &c->lock);
    relation_t *r = relation_remove(&c->watchers, ref_id);
    if (r && --c->nwatchers == 0) {
        timer = c->timer;
        c->timer = NULL;
    }
    spin_unlock(vm, &c->lock);
    relation_free(vm, s, r);
    if (timer) etimer_stop(vm, timer);
}
