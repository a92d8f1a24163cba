/* sched_internal.h: what sched.c, dirty.c, epoch.c and vm_run.c share: run queues, quiescence, and
 * the parts of a scheduler nobody else sees.
 */
#ifndef LING_VM_SCHED_INTERNAL_H
#define LING_VM_SCHED_INTERNAL_H

#include "vm/microstate.h"
#include "vm/process.h"

typedef struct deferred {
    struct deferred *next;
    void *ptr;
    void (*fn)(vm_t *vm, void *ptr);
    uint64_t epoch;
    uint8_t place; /* NOTE_*: where the note lies */
} deferred_t;

enum { NOTE_POOLED, NOTE_INSIDE /* in the memory it is about */, NOTE_SPARE };
/* For when there is no memory for one; twice what is left before a look. */
#define SPARE_NOTES 128

typedef struct {
    deferred_t *first, **last;
    uint32_t count;
} deferred_list_t;

/* Processes that wait to run, by priority. */
typedef struct {
    spin_t lock;
    struct {
        proc_t *first, *last;
        uint32_t len;
    } queue[PRIO_LEVELS];
    uint32_t turns;          /* of normal since low ran */
    _Atomic(uint32_t) total; /* processes in it; changed under the lock */
} run_queue_t;

/* A scheduler's own part; dirty ones have it before they have a thread. */
struct sched_priv {
    struct sched_shared *shared;
    run_queue_t rq;
    _Atomic(uint32_t) parked;
    _Atomic(uint64_t) epoch; /* 0: asleep, holds no pointers */
    deferred_list_t deferred;
    host_thread_t *thread;
    host_parker_t *parker;
    _Atomic(bool) started; /* of dirty threads: there has been one */
    /* Written by the owner only. */
    uint32_t told_idle_in; /* in this session the profiler knows that it sleeps (sysmon.c) */
    _Atomic(uint64_t) reductions, switches;
    _Atomic(bool) running;
    /* Nanoseconds asleep, times 2; while it sleeps less the time since when, plus 1. */
    _Atomic(uint64_t) idle;
    _Atomic(uint64_t) idle_before;             /* asleep when scheduler_wall_time was set */
    _Atomic(uint64_t) memory_kinds[MEM_KINDS]; /* mem.c */
    microstate_t microstate;
};

/* Around the sleep of a scheduler, by itself. */
static inline void idle_begin(vm_t *vm, struct sched_priv *q) {
    uint64_t idle = atomic_load_explicit(&q->idle, memory_order_relaxed);
    atomic_store_explicit(&q->idle, (idle - 2 * vm_host_now(vm)) | 1, memory_order_relaxed);
}
static inline void idle_end(vm_t *vm, struct sched_priv *q) {
    uint64_t idle = atomic_load_explicit(&q->idle, memory_order_relaxed);
    atomic_store_explicit(&q->idle, (idle - 1) + 2 * vm_host_now(vm), memory_order_relaxed);
}

/* Threads for long native work of one kind, started when there is work for them. */
typedef struct {
    run_queue_t rq;
    unsigned kind; /* DIRTY_CPU, DIRTY_IO */
    unsigned max;
    struct dirty_worker *workers; /* max of them */
    _Atomic(bool) alive;          /* at least one thread is there */
} dirty_pool_t;

#define VISITORS 64

/* What all schedulers of a VM share. */
typedef struct sched_shared {
    _Atomic(uint64_t) epoch;
    _Atomic(uint64_t) visit[VISITORS]; /* epoch of a visitor, 0: free */
    _Atomic(uint32_t) nparked;
    _Atomic(bool) stopping;
    _Atomic(bool) held;       /* no process is started: the VM halts or is paused */
    spin_t lock;              /* of foreign and spare */
    deferred_list_t foreign;  /* deferred by threads that are no scheduler */
    _Atomic(size_t) nforeign; /* their number, for a look without the lock */
    sys_state_t sys;
    microstate_t poller;           /* of the thread that polls, where it is no scheduler */
    dirty_pool_t dirty[2];         /* by kind - 1 */
    _Atomic(uint32_t) dirty_procs; /* processes with a pool */
    deferred_t *spare;             /* those of spares that are not in use */
    deferred_t spares[SPARE_NOTES];
} sched_shared_t;

/* ---- sched.c ---- */
static inline sched_shared_t *sched_shared(vm_t *vm) { return vm->scheds[0]->priv->shared; }
sched_t *sched_new(vm_t *vm, unsigned id, struct sched_priv *priv);
sched_t *sched_set_current(sched_t *s); /* of the calling thread; returns the one before */
void rq_push(vm_t *vm, run_queue_t *q, proc_t *p);
proc_t *rq_pop(vm_t *vm, run_queue_t *q);
/* Runs p for a slice; returns the reductions it took. */
uint32_t sched_run(sched_t *s, proc_t *p);
bool sched_all_idle(vm_t *vm);
/* Scheduler i of all, from 0: ordinary ones, then the dirty pools'. NULL: there are no more. */
struct sched_priv *sched_priv_at(vm_t *vm, unsigned i);

/* Of a round's reductions: what a switch counts. */
#define ROUND_SWITCH 20
/* Halting schedulers sleep when their slices are over: returns when all do, or after a while. */
void sched_wait_stopped(vm_t *vm);
static inline bool vm_is_halting(vm_t *vm) {
    return UNLIKELY(atomic_load_explicit(&vm->halting, memory_order_acquire));
}

/* ---- epoch.c ---- */
#define RECLAIM_AT 64 /* deferred blocks a scheduler collects before it looks */
void deferred_init(deferred_list_t *l);
void notes_init(sched_shared_t *sh);
/* Frees what was unlinked before that epoch. */
void deferred_run(vm_t *vm, deferred_list_t *l, uint64_t before);
/* Frees what may be freed of what s and threads that are no scheduler have deferred. */
void epoch_reclaim(sched_t *s);
/* The latter only, by the thread that polls: the schedulers may all be asleep. */
COLD void epoch_reclaim_foreign(vm_t *vm);
/* From asleep to active: publishes the epoch pointers are held from. */
void epoch_announce(sched_shared_t *sh, _Atomic(uint64_t) *mine);
/* A quiescent point: publishes that this scheduler holds no pointer from before. */
static inline void epoch_pass(sched_t *s) {
    uint64_t e = atomic_load_explicit(&s->priv->shared->epoch, memory_order_acquire);
    if (atomic_load_explicit(&s->priv->epoch, memory_order_relaxed) != e)
        atomic_store_explicit(&s->priv->epoch, e, memory_order_release);
    if (UNLIKELY(s->priv->deferred.count >= RECLAIM_AT)) epoch_reclaim(s);
}

/* ---- dirty.c ---- */
void dirty_pause(vm_t *vm);   /* returns when each thread is in native code or has no process */
bool dirty_is_busy(vm_t *vm); /* a thread has a process */
void dirty_resume(vm_t *vm);  /* after held has been cleared */
bool dirty_init(vm_t *vm, sched_shared_t *sh);
void dirty_stop(vm_t *vm); /* joins the threads */
void dirty_free(vm_t *vm, sched_shared_t *sh);
/* p, which has just stopped with RUN_DIRTY, goes to the pool of that kind. */
void dirty_push(vm_t *vm, proc_t *p, unsigned kind);
/* The oldest epoch a dirty thread may hold pointers from, or oldest. */
uint64_t dirty_oldest_epoch(sched_shared_t *sh, uint64_t oldest);
void dirty_stats(vm_t *vm, sched_stats_t *out);
struct sched_priv *dirty_priv(vm_t *vm, unsigned kind, unsigned i); /* NULL: there is none */

#endif
