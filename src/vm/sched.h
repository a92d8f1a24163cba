/* sched.h: schedulers: who runs which process when.
 *
 * With 0 scheduler threads there is one sched_t, run by the thread inside vm_run; everything is
 * deterministic. With N there are N threads, each with its own sched_t and run queues, stealing
 * from each other when idle; vm_run then only polls the host.
 */
#ifndef LING_VM_SCHED_H
#define LING_VM_SCHED_H

#include "vm/proc.h"

#define MAX_ARITY     255
#define X_REGS        1024
#define FLOAT_REGS    1024
#define SLICE_REDS    4000
#define SCRATCH_WORDS 256

struct sched {
    vm_t *vm;
    proc_t *current;
    unsigned id;               /* 1.. */
    struct sched_priv *priv;   /* run queues, parker, quiescence: sched_internal.h */
    uint8_t dirty;             /* DIRTY_CPU, DIRTY_IO: a thread of such a pool */
    uint8_t dirty_wanted;      /* the process that stopped with RUN_DIRTY wants this pool */
    bool detached;             /* in native I/O: holds no pointers into shared tables */
    bool stress;               /* engine.h: GC_STRESS */
    bool give_up;              /* fiber.c: a BIF returns to be called again on a stack of its own */
    bool hibernating;          /* the running process sleeps before it goes on where it traps to */
    int run_result;            /* RUN_*: why the engine stopped */
    const struct bif_def *bif; /* BIF that runs now */
    const uint64_t *bp_again;  /* a breakpoint's instruction is repeated: no second event */
    uint64_t arg[4];           /* between an instruction and its slow path */
    term_t result;             /* a root of a collection within an instruction */
    term_t scratch[SCRATCH_WORDS]; /* operands put together by an instruction */
    term_t bif_args[3];            /* arguments of a BIF used as an expression */
    uint8_t *bs_data;
    size_t bs_off;                    /* binary the old construction instructions fill */
    bool error_no_args;               /* erlang:error/3 with no list of arguments */
    term_t error_args, error_options; /* of erlang:error/2,3 until the handler is found */
    term_t *guard_args;               /* non-NULL: the failed BIF's arguments are there, not in x */
    const uint64_t *bif_ip; /* instruction that called the BIF that runs now: where p is */
    void *pools[16];        /* free lists of pool_alloc */
    uint32_t pool_count[16];
    term_t *spare; /* heap.c: a young block for the next collection */
    size_t spare_words;
    struct fiber *fiber, *fiber_spare;    /* fiber.c: the one that runs; one kept for the next */
    _Atomic(uint64_t) gc_count, gc_words; /* statistics(garbage_collection): words reclaimed */
    double fr[FLOAT_REGS];
    term_t x[X_REGS + 8];
};

/* A figure that one thread changes and others read. */
static inline void sched_count(_Atomic(uint64_t) *c, uint64_t n) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* What engine_run says about a process it stops running. */
enum { RUN_YIELD, RUN_WAIT, RUN_EXIT, RUN_DIRTY };

/* Pools of threads for native work that takes long (CPU) or may block (IO); dirty.c. There are none
 * with 0 schedulers: such work is done in place. */
enum { DIRTY_NONE, DIRTY_CPU, DIRTY_IO };
#define DIRTY_IO_DEFAULT 10
unsigned dirty_count(vm_t *vm, unsigned kind); /* threads the pool may have */
/* What stands in the code for a BIF marked dirty: calls it on a thread of its pool, or here when
 * this is one or there are none. */
term_t dirty_gate(proc_t *p, term_t *a);
/* p, on a dirty scheduler, has been told to exit: its end is due, with p->fvalue. */
bool dirty_is_over(proc_t *p);

/* Runs p on s until its slice is over (RUN_YIELD), it waits for signals (RUN_WAIT), it wants a
 * dirty pool (RUN_DIRTY), or it is over (RUN_EXIT: proc_exit has been called or is due with
 * p->fvalue as reason). engine_core.c */
int engine_run(sched_t *s, proc_t *p);
bool engine_init(vm_t *vm); /* BIF stubs, instruction table */

bool sched_init(vm_t *vm); /* makes the sched_t's, starts no thread */
int sched_start(vm_t *vm); /* starts scheduler threads */
void sched_stop(vm_t *vm); /* joins them */
void sched_free(vm_t *vm);
/* Takes a process out of the run queues; no threads run. NULL: none is left. */
proc_t *sched_take(vm_t *vm);

/* Makes a process runnable that may be waiting. Any thread. */
void sched_make_runnable(vm_t *vm, proc_t *p);

/* vm_run modes as in libuv. Returns what is left: 1 there is more to do now or later, 0 nothing can
 * ever happen (no process runnable, no timer, no device open), 2 halted. */
enum { VM_RUN_DEFAULT, VM_RUN_ONCE, VM_RUN_NOWAIT };
int vm_run(vm_t *vm, int mode);
/* Monotonic time of the earliest timer, HOST_FOREVER: none; now when something is runnable. */
uint64_t vm_next_deadline(vm_t *vm);

/* Memory that other threads may still be reading (process blocks, tables): fn(vm, ptr) runs after
 * every scheduler has passed a quiescent point. At once when not threaded. */
void sched_defer_free(vm_t *vm, void *ptr, void (*fn)(vm_t *vm, void *ptr));

/* Begins a wait for that, and whether it is over. */
uint64_t sched_epoch_begin(vm_t *vm);
bool sched_epoch_is_over(vm_t *vm, uint64_t epoch);

/* The scheduler of the calling thread, or NULL. */
sched_t *sched_current(vm_t *vm);
/* The calling thread runs processes of the VM right now. */
bool sched_is_here(vm_t *vm);

/* Brackets around what a thread that is no scheduler does with pointers into shared tables
 * (proc_lookup, name_whereis ...): what it sees stays allocated until vm_leave. Short sections
 * only; they nest. Free of cost while the VM has one thread. */
typedef struct {
    int slot;
} vm_visit_t;
vm_visit_t vm_enter(vm_t *vm);
void vm_leave(vm_t *vm, vm_visit_t v);

/* Ends the VM's run: schedulers stop at the end of their slices, vm_run returns 2. Any thread. */
void sched_halt(vm_t *vm, int status);

/* No process runs between these two but those that are in native code on dirty threads (their state
 * has PS_RUNNING); a BIF that takes longer than two seconds is not waited for. Thread in vm_run. */
void sched_pause(vm_t *vm);
void sched_resume(vm_t *vm);

/* No process is started any more. false: a thread is still in native code that does not come back
 * soon. Before the VM is destroyed or left behind. Thread in vm_run. */
bool sched_settle(vm_t *vm);

/* What sched_halt gets for a VM that ends as by abort(): & 255 it is what a shell shows then. */
#define HALT_ABORT (-122)

/* Sums over all schedulers, for statistics(). */
typedef struct {
    uint64_t reductions, switches, gcs, gc_words;
    unsigned runnable;                            /* processes in run queues */
    unsigned queue[4];                            /* by priority */
    unsigned running;                             /* schedulers that run a process */
    unsigned dirty_runnable[2], dirty_running[2]; /* the same for the CPU and the I/O pool */
} sched_stats_t;
void sched_stats(vm_t *vm, sched_stats_t *out);

/* What statistics/1 reported last time, and settings of the whole system. bif_info.c */
typedef struct {
    _Atomic(uint64_t) last_reductions, last_exact_reductions, last_runtime, last_wall_clock;
    _Atomic(uint32_t) wall_time_users;
    _Atomic(uint64_t) wall_time_from; /* scheduler_wall_time counts since then; 0: off */
    _Atomic(term_t) system_logger;    /* pid or undefined; 0: logger */
    /* What a new process has where nothing else is asked for: system_flag. Words; max_heap_flags
     * are in the upper half of max_heap, so that both are always of one setting. */
    _Atomic(uint32_t) min_heap, min_bin_vheap, fullsweep_after;
    _Atomic(uint64_t) max_heap;
    _Atomic(uint32_t) requests_limit; /* outstanding_system_requests_limit, only kept */
} sys_state_t;
sys_state_t *sched_sys_state(vm_t *vm);

#endif
