/* sched.c: schedulers: run queues, slices, stealing, sleeping.
 *
 * With 0 threads there is one scheduler, run by vm_run on its caller's thread. With N threads each
 * has its own queues; who makes a process runnable puts it into its own queue (messages stay in the
 * cache) and wakes a sleeper only when there is more than the next process waiting. vm_run
 * (vm_run.c) then polls devices and timers; a scheduler that is busy looks at the timers, too.
 *
 * A process belongs to the scheduler that has set PS_RUNNING; to the queue it is in while
 * PS_RUNNABLE; else to whoever sets PS_RUNNABLE first.
 *
 * Long native work goes to the dirty pools of dirty.c, whose threads are schedulers, too: they run
 * a process until the work is done and hand it back.
 */
#include "vm/sched.h"
#include "timer/etimer.h"
#include "vm/codepath.h"
#include "vm/fiber.h"
#include "vm/heap.h"
#include "vm/sched_internal.h"
#include "vm/sysmon.h"
#include "vm/trace.h"

#define LOW_TURN       8    /* low priority runs once for so many turns of normal */
#define LOOK_REDS      2000 /* between two looks at the timers, unless the polling thread is quicker */
#define STOP_WAIT_NS   UINT64_C(2000000000)
#define SETTLE_WAIT_NS UINT64_C(100000000)
#define SPIN_LOOKS     100 /* an idle scheduler looks so often before it sleeps */

/* The calling thread's scheduler: the one piece of per-thread state the library has. Several VMs
 * may have run on a thread, so whoever reads it compares the VM. */
static _Thread_local sched_t *this_sched __attribute__((tls_model("initial-exec")));

sched_t *sched_set_current(sched_t *s) {
    sched_t *before = this_sched;
    this_sched = s;
    return before;
}

bool sched_is_here(vm_t *vm) {
    sched_t *s = this_sched;
    return s && s->vm == vm;
}

sched_t *sched_current(vm_t *vm) {
    if (!vm->threaded) return vm->scheds[0];
    return sched_is_here(vm) ? this_sched : NULL;
}

/* ---- run queues ---- */

static inline void total_add(vm_t *vm, run_queue_t *q, uint32_t n) {
    uint32_t total = atomic_load_explicit(&q->total, memory_order_relaxed) + n;
    if (vm->threaded)
        atomic_store_explicit(&q->total, total, memory_order_seq_cst); /* under the lock */
    else
        atomic_store_explicit(&q->total, total, memory_order_relaxed);
}

void rq_push(vm_t *vm, run_queue_t *q, proc_t *p) {
    p->rq_next = NULL;
    spin_lock(vm, &q->lock);
    unsigned i = p->prio;
    if (q->queue[i].first)
        q->queue[i].last->rq_next = p;
    else
        q->queue[i].first = p;
    q->queue[i].last = p;
    q->queue[i].len++;
    total_add(vm, q, 1);
    spin_unlock(vm, &q->lock);
}

proc_t *rq_pop(vm_t *vm, run_queue_t *q) {
    if (atomic_load_explicit(&q->total, memory_order_relaxed) == 0) return NULL;
    spin_lock(vm, &q->lock);
    int level = -1;
    if (UNLIKELY(q->queue[PRIO_MAX].first != NULL)) {
        level = PRIO_MAX;
    } else if (UNLIKELY(q->queue[PRIO_HIGH].first != NULL)) {
        level = PRIO_HIGH;
    } else if (q->queue[PRIO_NORMAL].first &&
               (LIKELY(!q->queue[PRIO_LOW].first) || ++q->turns < LOW_TURN)) {
        level = PRIO_NORMAL;
    } else if (q->queue[PRIO_LOW].first) {
        level = PRIO_LOW;
        q->turns = 0;
    }
    proc_t *p = NULL;
    if (level >= 0) {
        p = q->queue[level].first;
        q->queue[level].first = p->rq_next;
        q->queue[level].len--;
        total_add(vm, q, (uint32_t)-1);
    }
    spin_unlock(vm, &q->lock);
    return p;
}

/* Whose queue a process goes to that s makes runnable: a dirty scheduler has none. */
static inline sched_t *home(vm_t *vm, sched_t *s) {
    return LIKELY(!s->dirty) ? s : vm->scheds[s->id % vm->nscheds];
}

/* Wakes s, or another scheduler that sleeps. */
static void wake(vm_t *vm, sched_t *s) {
    sched_shared_t *sh = sched_shared(vm);
    if (atomic_load_explicit(&sh->nparked, memory_order_seq_cst) == 0) return;
    for (unsigned i = 0; i < vm->nscheds; i++) {
        sched_t *t = vm->scheds[(s->id - 1 + i) % vm->nscheds];
        uint32_t parked = 1;
        if (atomic_compare_exchange_strong_explicit(&t->priv->parked, &parked, 0,
                                                    memory_order_seq_cst, memory_order_seq_cst)) {
            atomic_fetch_sub_explicit(&sh->nparked, 1, memory_order_seq_cst);
            vm->host->ops->unpark(vm->host, t->priv->parker);
            return;
        }
    }
}

COLD static void make_runnable_threaded(vm_t *vm, proc_t *p) {
    uint32_t st = atomic_load_explicit(&p->state, memory_order_seq_cst);
    do {
        if (st & (PS_RUNNABLE | PS_RUNNING | PS_EXITING | PS_FREE)) return;
    } while (!atomic_compare_exchange_weak_explicit(&p->state, &st, st | PS_RUNNABLE,
                                                    memory_order_seq_cst, memory_order_seq_cst));
    if (sysmon_watches(vm, WATCH_PROCS)) sysmon_runnable(p, true, false);
    sched_t *mine = sched_current(vm), *s = home(vm, mine ? mine : p->sched);
    rq_push(vm, &s->priv->rq, p);
    if (mine != s || atomic_load_explicit(&s->priv->rq.total, memory_order_relaxed) > 1)
        wake(vm, s);
}

void sched_make_runnable(vm_t *vm, proc_t *p) {
    if (UNLIKELY(vm->threaded)) {
        make_runnable_threaded(vm, p);
        return;
    }
    uint32_t st = atomic_load_explicit(&p->state, memory_order_relaxed);
    if (st & (PS_RUNNABLE | PS_RUNNING | PS_EXITING)) return;
    atomic_store_explicit(&p->state, st | PS_RUNNABLE, memory_order_relaxed);
    if (sysmon_watches(vm, WATCH_PROCS)) sysmon_runnable(p, true, false);
    rq_push(vm, &vm->scheds[0]->priv->rq, p);
}

/* ---- running ---- */

/* What goes when p stops running. */
#define STOPPING_BITS ((uint32_t)(PS_RUNNING | PS_DIRTY | PS_DOOMED))

/* p stops running and sleeps until a signal comes. */
static void sleep_process(vm_t *vm, proc_t *p) {
    if (sysmon_watches(vm, WATCH_PROCS)) sysmon_runnable(p, false, false);
    uint32_t st = atomic_load_explicit(&p->state, memory_order_relaxed) & ~STOPPING_BITS;
    if (!vm->threaded) {
        atomic_store_explicit(&p->state, st, memory_order_relaxed);
        if (UNLIKELY(proc_has_signals(p))) sched_make_runnable(vm, p);
        return;
    }
    atomic_store_explicit(&p->state, st, memory_order_seq_cst);
    /* From here on others may have it; its block stays until this scheduler is quiescent. */
    if (atomic_load_explicit(&p->sig_in, memory_order_seq_cst)) make_runnable_threaded(vm, p);
}

/* Ends p, or does a part of it: then p comes again. The reductions that counts for. */
static uint32_t end_process(sched_t *s, proc_t *p) {
    vm_t *vm = s->vm;
    if (LIKELY(proc_exit(p, p->fvalue))) return 0;
    if (UNLIKELY(trace_of(p) != NULL)) trace_sched_exit(p, A_out_exiting);
    uint32_t st = atomic_load_explicit(&p->state, memory_order_relaxed);
    atomic_store_explicit(&p->state, (st & ~STOPPING_BITS) | PS_RUNNABLE, memory_order_seq_cst);
    sched_t *to = home(vm, s);
    rq_push(vm, &to->priv->rq, p);
    if (vm->threaded) wake(vm, to);
    return SLICE_REDS;
}

/* A process to be suspended, or that is: that alone is no run to be told of. */
static bool only_suspended(const proc_t *p) {
    const signal_t *sig = atomic_load_explicit(&p->sig_in, memory_order_acquire);
    return atomic_load_explicit(&p->state, memory_order_relaxed) & PS_SUSPENDED ||
           (sig && sig->kind == SIG_SUSPEND && !sig->next);
}

/* Signals and tasks before a slice. false: p is not to run now, and *used is what that has cost. */
COLD static bool prepare(vm_t *vm, proc_t *p, uint32_t *used) {
    *used = 0;
    if (atomic_load_explicit(&p->state, memory_order_relaxed) & PS_EXITING) {
        if (UNLIKELY(trace_of(p) != NULL)) trace_sched_exit(p, A_in_exiting);
        *used = end_process(p->sched, p);
        return false;
    }
    bool told = trace_of(p) != NULL && !only_suspended(p);
    if (UNLIKELY(told)) trace_sched(p, true);
    bool live = proc_fetch_signals(p);
    if (live && p->flags & PF_TASKS) proc_run_tasks(p);
    if (!live) {
        *used = end_process(p->sched, p);
        return false;
    }
    bool sleeps = atomic_load_explicit(&p->state, memory_order_relaxed) & PS_SUSPENDED;
    if (UNLIKELY(trace_of(p) != NULL) && told == sleeps) trace_sched(p, !sleeps);
    if (!sleeps) return true;
    sleep_process(vm, p);
    return false;
}

uint32_t sched_run(sched_t *s, proc_t *p) {
    vm_t *vm = s->vm;
    uint32_t st = atomic_load_explicit(&p->state, memory_order_relaxed);
    atomic_store_explicit(&p->state, (st & ~(uint32_t)PS_RUNNABLE) | PS_RUNNING,
                          memory_order_relaxed);
    p->sched = s;
    sched_count(&s->priv->switches, 1);
    if (UNLIKELY(proc_has_signals(p) || (st & PS_SUSPENDED) ||
                 (p->flags & (PF_EXIT_PENDING | PF_TASKS)))) {
        uint32_t spent;
        if (!prepare(vm, p, &spent)) return spent;
    } else if (UNLIKELY(trace_of(p) != NULL)) {
        trace_sched(p, true);
    }
    int result = UNLIKELY(sysmon_watches(vm, WATCH_SCHEDULE | WATCH_STATES)) ? sysmon_run(s, p)
                                                                             : engine_run(s, p);
    if (UNLIKELY(trace_of(p) != NULL) && result != RUN_EXIT) trace_sched(p, false);
    int32_t left = p->reds;
    uint32_t used = left < SLICE_REDS ? (uint32_t)(SLICE_REDS - left) : 0;
    if (UNLIKELY(s->dirty)) used = 1; /* what native work costs is not counted */
    p->total_reds += used;
    sched_count(&s->priv->reductions, used);
    if (result == RUN_EXIT || UNLIKELY(p->flags & PF_EXIT_PENDING)) {
        return used + end_process(s, p);
    }
    if (UNLIKELY(p->flags & PF_TASKS)) proc_run_tasks(p);
    st = atomic_load_explicit(&p->state, memory_order_relaxed);
    if (result == RUN_WAIT || UNLIKELY(st & PS_SUSPENDED)) {
        sleep_process(vm, p);
        return used;
    }
    st = (st & ~STOPPING_BITS) | PS_RUNNABLE;
    atomic_store_explicit(&p->state, st, memory_order_seq_cst);
    if (UNLIKELY(result == RUN_DIRTY)) {
        dirty_push(vm, p, s->dirty_wanted);
        return used;
    }
    sched_t *to = home(vm, s);
    rq_push(vm, &to->priv->rq, p);
    if (vm->threaded &&
        (to != s || atomic_load_explicit(&s->priv->rq.total, memory_order_relaxed) > 1))
        wake(vm, to);
    return used;
}

/* ---- scheduler threads ---- */

static proc_t *steal(sched_t *s) {
    vm_t *vm = s->vm;
    for (unsigned i = 1; i < vm->nscheds; i++) {
        proc_t *p = rq_pop(vm, &vm->scheds[(s->id - 1 + i) % vm->nscheds]->priv->rq);
        if (p) return p;
    }
    return NULL;
}

static bool is_work(vm_t *vm) {
    if (atomic_load_explicit(&sched_shared(vm)->held, memory_order_seq_cst)) return false;
    for (unsigned i = 0; i < vm->nscheds; i++)
        if (atomic_load_explicit(&vm->scheds[i]->priv->rq.total, memory_order_seq_cst)) return true;
    return false;
}

static void unpark_self(sched_t *s) {
    uint32_t parked = 1;
    if (atomic_compare_exchange_strong_explicit(&s->priv->parked, &parked, 0, memory_order_seq_cst,
                                                memory_order_seq_cst))
        atomic_fetch_sub_explicit(&s->priv->shared->nparked, 1, memory_order_seq_cst);
}

static void tell_profiler(sched_t *s, bool active) {
    uint32_t n =
        s->vm->nscheds - atomic_load_explicit(&s->priv->shared->nparked, memory_order_relaxed);
    sysmon_scheduler(s, active, active ? n : n - 1);
}

static void sleep_scheduler(sched_t *s);

/* Nothing to do: look a little longer, then sleep until somebody has work. */
static void idle(sched_t *s) {
    for (int i = 0; i < SPIN_LOOKS; i++)
        if (is_work(s->vm)) return;
    if (LIKELY(!sysmon_watches(s->vm, WATCH_SCHEDULERS))) {
        sleep_scheduler(s);
        return;
    }
    tell_profiler(s, false);
    if (is_work(s->vm)) return; /* the profiler's */
    sleep_scheduler(s);
    tell_profiler(s, true);
}

static void sleep_scheduler(sched_t *s) {
    vm_t *vm = s->vm;
    sched_shared_t *sh = s->priv->shared;
    if (s->priv->deferred.count || atomic_load_explicit(&sh->nforeign, memory_order_relaxed)) {
        epoch_pass(s);
        epoch_reclaim(s);
    }
    atomic_store_explicit(&s->priv->parked, 1, memory_order_seq_cst);
    uint32_t n = atomic_fetch_add_explicit(&sh->nparked, 1, memory_order_seq_cst) + 1;
    if (!is_work(vm) && !atomic_load_explicit(&sh->stopping, memory_order_seq_cst)) {
        atomic_store_explicit(&s->priv->epoch, 0, memory_order_seq_cst);
        /* The thread in vm_run may be waiting for all to be idle. */
        if (n == vm->nscheds) vm->host->ops->wake(vm->host);
        heap_spare_free(s);
        fiber_spare_free(s);
        idle_begin(vm, s->priv);
        microstate_enter(vm, MS_SLEEP);
        vm->host->ops->park(vm->host, s->priv->parker, HOST_FOREVER);
        microstate_enter(vm, MS_OTHER);
        idle_end(vm, s->priv);
        epoch_announce(sh, &s->priv->epoch);
    }
    unpark_self(s);
}

/* The polling thread may have to wait for a processor while this one has it. */
static void look_at_timers(vm_t *vm) {
    uint64_t closest = etimer_closest_timeout(vm);
    if (closest == HOST_FOREVER) return;
    uint64_t now = vm_now(vm);
    if (closest <= now) etimer_expired_anywhere(vm, now);
}

static void sched_main(void *arg) {
    sched_t *s = arg;
    vm_t *vm = s->vm;
    uint32_t unlooked = 0; /* reductions since the last look at the timers */
    this_sched = s;
    epoch_announce(s->priv->shared, &s->priv->epoch);
    while (!atomic_load_explicit(&s->priv->shared->stopping, memory_order_acquire)) {
        epoch_pass(s);
        proc_t *p = NULL;
        if (LIKELY(!atomic_load_explicit(&s->priv->shared->held, memory_order_relaxed))) {
            p = rq_pop(vm, &s->priv->rq);
            if (!p) p = steal(s);
        }
        if (!p) {
            idle(s);
            continue;
        }
        atomic_store_explicit(&s->priv->running, true, memory_order_relaxed);
        unlooked += sched_run(s, p) + ROUND_SWITCH;
        atomic_store_explicit(&s->priv->running, false, memory_order_relaxed);
        if (unlooked >= LOOK_REDS) {
            unlooked = 0;
            look_at_timers(vm);
        }
    }
    atomic_store_explicit(&s->priv->epoch, 0, memory_order_seq_cst);
    this_sched = NULL;
}

int sched_start(vm_t *vm) {
    const host_ops_t *ops = vm->host->ops;
    if (vm->nthreads == 0 || vm->threaded) return 0;
    code_path_prepare(vm); /* once, not by each thread that misses a module first */
    if (!ops->thread_start || !ops->parker_new) return -1;
    for (unsigned i = 0; i < vm->nscheds; i++) {
        struct sched_priv *q = vm->scheds[i]->priv;
        if (!q->parker) q->parker = ops->parker_new(vm->host);
        if (!q->parker) return -1;
    }
    vm->threaded = vm->locking = true;
    atomic_store_explicit(&sched_shared(vm)->stopping, false, memory_order_seq_cst);
    for (unsigned i = 0; i < vm->nscheds; i++) {
        struct sched_priv *q = vm->scheds[i]->priv;
        if (ops->thread_start(vm->host, &q->thread, sched_main, vm->scheds[i]) != 0) {
            q->thread = NULL;
            sched_stop(vm);
            return -1;
        }
    }
    return 0;
}

void sched_stop(vm_t *vm) {
    const host_ops_t *ops = vm->host->ops;
    if (!vm->threaded) return;
    atomic_store_explicit(&sched_shared(vm)->stopping, true, memory_order_seq_cst);
    for (unsigned i = 0; i < vm->nscheds; i++) {
        struct sched_priv *q = vm->scheds[i]->priv;
        if (!q->thread) continue;
        ops->unpark(vm->host, q->parker);
    }
    for (unsigned i = 0; i < vm->nscheds; i++) {
        struct sched_priv *q = vm->scheds[i]->priv;
        if (!q->thread) continue;
        ops->thread_join(vm->host, q->thread);
        q->thread = NULL;
    }
    dirty_stop(vm);
    vm->threaded = false;
    for (unsigned i = 0; i < vm->nscheds; i++)
        deferred_run(vm, &vm->scheds[i]->priv->deferred, UINT64_MAX);
    deferred_run(vm, &sched_shared(vm)->foreign, UINT64_MAX);
}

/* ---- life ---- */

sched_t *sched_new(vm_t *vm, unsigned id, struct sched_priv *priv) {
    sched_t *s = mem_calloc(vm, sizeof *s);
    if (!s) return NULL;
    s->vm = vm;
    s->id = id;
    s->priv = priv;
    s->error_args = s->error_options = TERM_NONE;
    return s;
}

static bool make_sched(vm_t *vm, unsigned i, sched_shared_t *sh) {
    struct sched_priv *q = mem_calloc(vm, sizeof *q);
    sched_t *s = q ? sched_new(vm, i + 1, q) : NULL;
    if (!s) {
        mem_free(vm, q, sizeof *q);
        return false;
    }
    q->shared = sh;
    atomic_flag_clear(&q->rq.lock.held);
    deferred_init(&q->deferred);
    vm->scheds[i] = s;
    return true;
}

bool sched_init(vm_t *vm) {
    unsigned n = vm->options.schedulers ? vm->options.schedulers : 1;
    sched_shared_t *sh = mem_calloc(vm, sizeof *sh);
    vm->scheds = sh ? mem_calloc(vm, n * sizeof *vm->scheds) : NULL;
    if (!vm->scheds) {
        mem_free(vm, sh, sizeof *sh);
        return false;
    }
    atomic_store_explicit(&sh->epoch, 1, memory_order_relaxed);
    atomic_flag_clear(&sh->lock.held);
    uint32_t words = vm->options.min_heap_size ? vm->options.min_heap_size : DEFAULT_MIN_HEAP;
    atomic_init(&sh->sys.min_heap, words);
    atomic_init(&sh->sys.min_bin_vheap, MIN_BIN_VHEAP);
    atomic_init(&sh->sys.fullsweep_after, UINT16_MAX);
    atomic_init(&sh->sys.requests_limit, 4);
    deferred_init(&sh->foreign);
    notes_init(sh);
    vm->nscheds = n;
    vm->nthreads = vm->options.schedulers;
    for (unsigned i = 0; i < n; i++) {
        if (make_sched(vm, i, sh)) continue;
        if (i == 0) {
            mem_free(vm, sh, sizeof *sh);
            mem_free(vm, vm->scheds, n * sizeof *vm->scheds);
            vm->scheds = NULL;
        } else {
            sched_free(vm);
        }
        return false;
    }
    if (dirty_init(vm, sh)) return true;
    sched_free(vm);
    return false;
}

proc_t *sched_take(vm_t *vm) {
    for (unsigned i = 0; vm->scheds && i < vm->nscheds; i++) {
        proc_t *p = vm->scheds[i] ? rq_pop(vm, &vm->scheds[i]->priv->rq) : NULL;
        if (p) return p;
    }
    return NULL;
}

void sched_free(vm_t *vm) {
    if (!vm->scheds) return;
    sched_stop(vm);
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned i = 0; i < vm->nscheds; i++) {
        sched_t *s = vm->scheds[i];
        if (!s) continue;
        if (s->priv->parker) vm->host->ops->parker_free(vm->host, s->priv->parker);
        mem_free(vm, s->priv, sizeof *s->priv);
        pool_drain(vm, s);
        mem_free(vm, s, sizeof *s);
    }
    dirty_free(vm, sh);
    mem_free(vm, sh, sizeof *sh);
    mem_free(vm, vm->scheds, vm->nscheds * sizeof *vm->scheds);
    vm->scheds = NULL;
}

/* ---- halting, stopping for a while ---- */

void sched_halt(vm_t *vm, int status) {
    vm->halt_status = status;
    atomic_store_explicit(&vm->halting, true, memory_order_seq_cst);
    atomic_store_explicit(&sched_shared(vm)->held, true, memory_order_seq_cst);
    vm->host->ops->wake(vm->host);
}

/* All schedulers sleep and nothing is queued. */
bool sched_all_idle(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    for (int i = 0; i < 2; i++) {
        if (atomic_load_explicit(&sh->dirty_procs, memory_order_seq_cst)) return false;
        if (atomic_load_explicit(&sh->nparked, memory_order_seq_cst) != vm->nscheds) return false;
        for (unsigned k = 0; k < vm->nscheds; k++)
            if (atomic_load_explicit(&vm->scheds[k]->priv->rq.total, memory_order_seq_cst))
                return false;
    }
    return true;
}

/* Halting schedulers sleep when their slices are over. One that is long in a BIF is not waited for
 * for ever: without the dump its process is in nothing would be known at all. */
void sched_wait_stopped(vm_t *vm) {
    uint64_t until = vm_host_now(vm) + STOP_WAIT_NS;
    while (vm->threaded &&
           atomic_load_explicit(&sched_shared(vm)->nparked, memory_order_seq_cst) != vm->nscheds &&
           vm_host_now(vm) < until)
        vm->host->ops->yield(vm->host);
}

bool sched_settle(vm_t *vm) {
    if (!vm->threaded) return true;
    uint64_t until = vm_host_now(vm) + SETTLE_WAIT_NS;
    atomic_store_explicit(&sched_shared(vm)->held, true, memory_order_seq_cst);
    while (atomic_load_explicit(&sched_shared(vm)->nparked, memory_order_seq_cst) != vm->nscheds ||
           dirty_is_busy(vm)) {
        if (vm_host_now(vm) >= until) return false;
        vm->host->ops->yield(vm->host);
    }
    return true;
}

void sched_pause(vm_t *vm) {
    if (!vm->threaded) return;
    atomic_store_explicit(&sched_shared(vm)->held, true, memory_order_seq_cst);
    sched_wait_stopped(vm);
    dirty_pause(vm);
}

void sched_resume(vm_t *vm) {
    if (!vm->threaded || vm_is_halting(vm)) return;
    atomic_store_explicit(&sched_shared(vm)->held, false, memory_order_seq_cst);
    if (vm_is_halting(vm)) { /* meanwhile, by a dirty thread */
        atomic_store_explicit(&sched_shared(vm)->held, true, memory_order_seq_cst);
        return;
    }
    for (unsigned i = 0; i < vm->nscheds; i++) wake(vm, vm->scheds[i]);
    dirty_resume(vm);
}

struct sched_priv *sched_priv_at(vm_t *vm, unsigned i) {
    unsigned cpu = dirty_count(vm, DIRTY_CPU);
    if (i < vm->nscheds) return vm->scheds[i]->priv;
    i -= vm->nscheds;
    return i < cpu ? dirty_priv(vm, DIRTY_CPU, i) : dirty_priv(vm, DIRTY_IO, i - cpu);
}

sys_state_t *sched_sys_state(vm_t *vm) { return &sched_shared(vm)->sys; }

void sched_stats(vm_t *vm, sched_stats_t *out) {
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < vm->nscheds; i++) {
        sched_t *s = vm->scheds[i];
        struct sched_priv *q = s->priv;
        out->reductions += atomic_load_explicit(&q->reductions, memory_order_relaxed);
        out->switches += atomic_load_explicit(&q->switches, memory_order_relaxed);
        out->gcs += s->gc_count;
        out->gc_words += s->gc_words;
        spin_lock(vm, &q->rq.lock);
        for (int k = 0; k < PRIO_LEVELS; k++) {
            out->queue[k] += q->rq.queue[k].len;
            out->runnable += q->rq.queue[k].len;
        }
        spin_unlock(vm, &q->rq.lock);
        out->running += atomic_load_explicit(&q->running, memory_order_relaxed) ||
                        (!vm->threaded && s->current);
    }
    dirty_stats(vm, out);
}
