/* dirty.c: the pools of threads for native work that takes long (CPU) or may block (I/O).
 *
 * A dirty thread is a scheduler without a run queue of its own: it takes a process from its pool's
 * queue, calls the BIF the process stopped at, and goes on with the process until the engine stops
 * it (at the next call: no reductions are left). Then the process goes back to an ordinary
 * scheduler. Threads are started when there is work and none is free; with 0 schedulers there are
 * no pools and dirty work is done where it is called.
 *
 * A thread in native I/O may be away for hours. It then holds no pointers into shared tables, so
 * that memory others free can be used again: the native code brackets what it looks up with
 * vm_enter and vm_leave.
 */
#include "vm/fiber.h"
#include "vm/sched_internal.h"

enum { WORKER_FREE, WORKER_STARTING, WORKER_THERE };

struct dirty_worker {
    struct sched_priv priv; /* its run queue is not used */
    _Atomic(uint32_t) state;
    _Atomic(sched_t *) sched;
    unsigned id;
};

static dirty_pool_t *pool_of(vm_t *vm, unsigned kind) { return &sched_shared(vm)->dirty[kind - 1]; }

bool dirty_init(vm_t *vm, sched_shared_t *sh) {
    if (vm->nthreads == 0) return true;
    unsigned id = vm->nscheds;
    for (unsigned k = 0; k < 2; k++) {
        dirty_pool_t *pool = &sh->dirty[k];
        pool->kind = k + 1;
        pool->max = k + 1 == DIRTY_CPU ? vm->options.dirty_cpu : vm->options.dirty_io;
        if (!pool->max) pool->max = k + 1 == DIRTY_CPU ? vm->nscheds : DIRTY_IO_DEFAULT;
        atomic_flag_clear(&pool->rq.lock.held);
        pool->workers = mem_calloc(vm, pool->max * sizeof *pool->workers);
        if (!pool->workers) return false;
        for (unsigned i = 0; i < pool->max; i++) {
            pool->workers[i].id = ++id;
            pool->workers[i].priv.shared = sh;
        }
    }
    return true;
}

void dirty_free(vm_t *vm, sched_shared_t *sh) {
    for (unsigned k = 0; k < 2; k++) {
        dirty_pool_t *pool = &sh->dirty[k];
        for (unsigned i = 0; pool->workers && i < pool->max; i++) {
            struct dirty_worker *w = &pool->workers[i];
            sched_t *s = atomic_load_explicit(&w->sched, memory_order_relaxed);
            if (w->priv.parker) vm->host->ops->parker_free(vm->host, w->priv.parker);
            if (!s) continue;
            pool_drain(vm, s);
            mem_free(vm, s, sizeof *s);
        }
        mem_free(vm, pool->workers, pool->max * sizeof *pool->workers);
        pool->workers = NULL;
    }
}

/* With 0 schedulers work of both kinds is done by the one there is. */
unsigned dirty_count(vm_t *vm, unsigned kind) { return vm->nthreads ? pool_of(vm, kind)->max : 1; }

uint64_t dirty_oldest_epoch(sched_shared_t *sh, uint64_t oldest) {
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            uint64_t e =
                atomic_load_explicit(&sh->dirty[k].workers[i].priv.epoch, memory_order_seq_cst);
            if (e && e < oldest) oldest = e;
        }
    return oldest;
}

void dirty_stats(vm_t *vm, sched_stats_t *out) {
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned k = 0; k < 2; k++) {
        dirty_pool_t *pool = &sh->dirty[k];
        out->dirty_runnable[k] = atomic_load_explicit(&pool->rq.total, memory_order_relaxed);
        for (unsigned i = 0; pool->workers && i < pool->max; i++) {
            struct sched_priv *q = &pool->workers[i].priv;
            out->reductions += atomic_load_explicit(&q->reductions, memory_order_relaxed);
            out->switches += atomic_load_explicit(&q->switches, memory_order_relaxed);
            out->dirty_running[k] += atomic_load_explicit(&q->running, memory_order_relaxed);
        }
    }
}

struct sched_priv *dirty_priv(vm_t *vm, unsigned kind, unsigned i) {
    dirty_pool_t *pool = pool_of(vm, kind);
    return pool->workers && i < pool->max ? &pool->workers[i].priv : NULL;
}

/* ---- threads ---- */

static bool take_parked(struct sched_priv *q) {
    uint32_t parked = 1;
    return atomic_compare_exchange_strong_explicit(&q->parked, &parked, 0, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static void idle(vm_t *vm, dirty_pool_t *pool, struct sched_priv *q) {
    atomic_store_explicit(&q->parked, 1, memory_order_seq_cst);
    if ((atomic_load_explicit(&pool->rq.total, memory_order_seq_cst) == 0 ||
         atomic_load_explicit(&q->shared->held, memory_order_seq_cst)) &&
        !atomic_load_explicit(&q->shared->stopping, memory_order_seq_cst)) {
        heap_spare_free(sched_current(vm));
        fiber_spare_free(sched_current(vm));
        idle_begin(vm, q);
        microstate_enter(vm, MS_SLEEP);
        vm->host->ops->park(vm->host, q->parker, HOST_FOREVER);
        microstate_enter(vm, MS_OTHER);
        idle_end(vm, q);
    }
    take_parked(q);
}

/* A halting or paused VM starts no more work. The process is marked as running before its thread
 * is: dirty_pause relies on that. */
static proc_t *next_process(vm_t *vm, dirty_pool_t *pool, struct sched_priv *q) {
    if (atomic_load_explicit(&q->shared->held, memory_order_seq_cst)) return NULL;
    proc_t *p = rq_pop(vm, &pool->rq);
    if (!p) return NULL;
    atomic_fetch_or_explicit(&p->state, PS_RUNNING | PS_DIRTY, memory_order_seq_cst);
    atomic_store_explicit(&q->running, true, memory_order_seq_cst);
    return p;
}

void dirty_pause(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            struct sched_priv *q = &sh->dirty[k].workers[i].priv;
            while (atomic_load_explicit(&q->epoch, memory_order_seq_cst) &&
                   !atomic_load_explicit(&q->running, memory_order_seq_cst))
                vm->host->ops->yield(vm->host);
        }
}

static void dirty_main(void *arg) {
    sched_t *s = arg;
    vm_t *vm = s->vm;
    struct sched_priv *q = s->priv;
    sched_shared_t *sh = q->shared;
    dirty_pool_t *pool = &sh->dirty[s->dirty - 1];
    sched_set_current(s);
    while (!atomic_load_explicit(&sh->stopping, memory_order_acquire)) {
        epoch_announce(sh, &q->epoch); /* before it takes a process: its block must stay */
        proc_t *p = next_process(vm, pool, q);
        if (p) {
            sched_run(s, p);
            atomic_store_explicit(&q->running, false, memory_order_seq_cst);
        }
        atomic_store_explicit(&q->epoch, 0, memory_order_seq_cst);
        if (!p) {
            idle(vm, pool, q);
        } else if (atomic_fetch_sub_explicit(&sh->dirty_procs, 1, memory_order_seq_cst) == 1 &&
                   sched_all_idle(vm)) {
            vm->host->ops->wake(vm->host); /* vm_run may be waiting for just this */
        }
    }
    sched_set_current(NULL);
}

/* Starts a thread on a free place. false: there is no place or no thread to be had. */
static bool start_worker(vm_t *vm, dirty_pool_t *pool) {
    const host_ops_t *ops = vm->host->ops;
    for (unsigned i = 0; i < pool->max; i++) {
        struct dirty_worker *w = &pool->workers[i];
        uint32_t is_free = WORKER_FREE;
        if (!atomic_compare_exchange_strong_explicit(&w->state, &is_free, WORKER_STARTING,
                                                     memory_order_seq_cst, memory_order_seq_cst))
            continue;
        if (!w->priv.parker) w->priv.parker = ops->parker_new(vm->host);
        sched_t *s = atomic_load_explicit(&w->sched, memory_order_relaxed);
        if (!s && (s = sched_new(vm, w->id, &w->priv)) != NULL) {
            s->dirty = (uint8_t)pool->kind;
            atomic_store_explicit(&w->sched, s, memory_order_relaxed);
        }
        bool ok =
            s && w->priv.parker && ops->thread_start(vm->host, &w->priv.thread, dirty_main, s) == 0;
        if (!ok) w->priv.thread = NULL;
        atomic_store_explicit(&w->state, ok ? WORKER_THERE : WORKER_FREE, memory_order_seq_cst);
        if (ok) {
            atomic_store_explicit(&w->priv.started, true, memory_order_relaxed);
            atomic_store_explicit(&pool->alive, true, memory_order_seq_cst);
        }
        return ok;
    }
    return false;
}

bool dirty_is_busy(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            struct sched_priv *q = &sh->dirty[k].workers[i].priv;
            if (atomic_load_explicit(&q->epoch, memory_order_seq_cst) ||
                atomic_load_explicit(&q->running, memory_order_seq_cst))
                return true;
        }
    return false;
}

void dirty_resume(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            struct sched_priv *q = &sh->dirty[k].workers[i].priv;
            if (take_parked(q)) vm->host->ops->unpark(vm->host, q->parker);
        }
}

void dirty_stop(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    for (unsigned k = 0; k < 2; k++)
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            struct dirty_worker *w = &sh->dirty[k].workers[i];
            if (atomic_load_explicit(&w->state, memory_order_seq_cst) == WORKER_THERE)
                vm->host->ops->unpark(vm->host, w->priv.parker);
        }
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; sh->dirty[k].workers && i < sh->dirty[k].max; i++) {
            struct dirty_worker *w = &sh->dirty[k].workers[i];
            if (atomic_load_explicit(&w->state, memory_order_seq_cst) != WORKER_THERE) continue;
            vm->host->ops->thread_join(vm->host, w->priv.thread);
            w->priv.thread = NULL;
            atomic_store_explicit(&w->state, WORKER_FREE, memory_order_seq_cst);
        }
        atomic_store_explicit(&sh->dirty[k].alive, false, memory_order_seq_cst);
    }
}

void dirty_push(vm_t *vm, proc_t *p, unsigned kind) {
    dirty_pool_t *pool = pool_of(vm, kind);
    atomic_fetch_add_explicit(&sched_shared(vm)->dirty_procs, 1, memory_order_seq_cst);
    rq_push(vm, &pool->rq, p);
    for (unsigned i = 0; i < pool->max; i++) {
        struct sched_priv *q = &pool->workers[i].priv;
        if (!take_parked(q)) continue;
        vm->host->ops->unpark(vm->host, q->parker);
        return;
    }
    start_worker(vm, pool); /* without one more, those that are there do it later */
}

/* ---- who comes here ---- */

bool bif_go_dirty(proc_t *p, unsigned kind) {
    vm_t *vm = p->vm;
    sched_t *s = p->sched;
    unsigned wanted = kind == BIF_DIRTY_IO ? DIRTY_IO : DIRTY_CPU;
    if (s->dirty == wanted) {
        p->reds = 0; /* back to an ordinary scheduler as soon as this is done */
        return false;
    }
    if (!vm->threaded) return false;
    dirty_pool_t *pool = pool_of(vm, wanted);
    if (!atomic_load_explicit(&pool->alive, memory_order_acquire) && !start_worker(vm, pool) &&
        !atomic_load_explicit(&pool->alive, memory_order_acquire))
        return false; /* no thread to be had: slow is better than not at all */
    s->dirty_wanted = (uint8_t)wanted;
    p->fclass = EXC_DIRTY;
    return true;
}

/* Somebody wanted its end while it was in native code. Only its own thread takes signals out of the
 * queue, so it may look. */
static bool is_told_to_exit(proc_t *p) {
    const signal_t *s = atomic_load_explicit(&p->sig_in, memory_order_acquire);
    while (s && s != SIG_CLOSED && s->kind != SIG_EXIT) s = s->next;
    return s && s != SIG_CLOSED;
}

bool dirty_is_over(proc_t *p) {
    return p->sched->dirty && is_told_to_exit(p) && !proc_fetch_signals(p);
}

term_t dirty_gate(proc_t *p, term_t *a) {
    const bif_def_t *def = p->cur_bif;
    sched_t *s = p->sched;
    unsigned kind = def->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO);
    if (bif_go_dirty(p, kind)) return TERM_NONE;
    bool io = kind == BIF_DIRTY_IO && s->dirty;
    if (io) {
        s->detached = true;
        atomic_store_explicit(&s->priv->epoch, 0, memory_order_release);
    }
    term_t result = def->fn(p, a);
    if (io) {
        epoch_announce(s->priv->shared, &s->priv->epoch);
        s->detached = false;
    }
    /* Killed meanwhile it does nothing more: not even the rest of its slice. */
    return UNLIKELY(dirty_is_over(p)) ? bif_wait(p) : result;
}
