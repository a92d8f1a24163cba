/* vm.h: the machine's root object and its memory.
 *
 * Everything hangs off vm_t (the public ling_vm_t); there is no other mutable state in the library.
 * Each subsystem keeps its part behind a pointer it alone knows, made by its *_init, released by
 * its *_free in reverse order.
 */
#ifndef LING_VM_VM_H
#define LING_VM_VM_H

#include <stdatomic.h>
#include "host/host.h"
#include "vm/term.h"

typedef struct ling_vm vm_t;
typedef struct proc proc_t;
typedef struct sched sched_t;
typedef struct signal signal_t;

/* A lock for short critical sections only; never held across a call that may block or allocate
 * without bound. Fair enough for a handful of threads. */
typedef struct {
    atomic_flag held;
} spin_t;
static inline void spin_lock(vm_t *vm, spin_t *l);
static inline void spin_unlock(vm_t *vm, spin_t *l);

/* The embedder's allocator. new_size 0 frees; ptr NULL allocates. old_size is exact. */
typedef void *(*vm_alloc_fn)(void *user, void *ptr, size_t old_size, size_t new_size);

/* What memory is for, where that is counted. */
enum { MEM_HEAP, MEM_BINARY, MEM_KINDS };

/* SIGINT: not the VM's business; the break menu; ignored. */
enum { BREAK_NONE, BREAK_MENU, BREAK_IGNORE };

typedef struct vm_options {
    vm_alloc_fn alloc; /* NULL: the C library's */
    void *alloc_user;
    host_t *host;
    unsigned schedulers;    /* 0: run inside the caller of vm_run */
    size_t memory_limit;    /* bytes; 0: none */
    unsigned dirty_cpu;     /* threads for long native work at most; 0: as many as schedulers */
    unsigned dirty_io;      /* threads for native work that may block at most; 0: default */
    uint32_t max_processes; /* 0: default */
    uint32_t min_heap_size; /* words; 0: default */
    const char
        *crash_dump; /* file for the dump of a VM that was halted with a slogan; NULL: none */
    uint64_t crash_dump_bytes; /* at most; 0: no limit */
    bool unicode_printable;    /* io:printable_range() is unicode */
    uint8_t warning_map;       /* of error_logger: 0 warning, 1 info, 2 error */
    uint8_t break_key;         /* BREAK_*: what SIGINT does */
    uint8_t time_warp;         /* TIME_* of clock.h */
    bool no_time_correction;   /* monotonic time is made of the wall clock alone */
    bool deterministic;        /* no salt, whatever the host's entropy says: for tests */
} vm_options_t;

#define ERTS_VERSION "13.1.5" /* the emulator of OTP whose behaviour this one has */

struct ling_vm {
    /* Hot, read by every scheduler. */
    host_t *host;
    bool locking;           /* threaded, or a native library has threads that use terms */
    bool threaded;          /* more than one thread may run Erlang code or send signals lock-free */
    uintptr_t literal_base; /* the literal arena, see code.h */
    size_t literal_size;
    _Atomic(bool) literals_leave; /* literals.c: copies of references to some are noted */
    _Atomic(uint32_t) watching;   /* WATCH_* of sysmon.h */
    /* clock.c: monotonic time is not the host's; when the wall clock is to be looked at next */
    _Atomic(bool) clock_bent;
    _Atomic(uint64_t) clock_due;
    struct vm_clock *clock;

    struct atom_table *atoms;
    struct code_table *code;
    struct code_path *path; /* codepath.c */
    struct proc_table *procs;
    struct etimer_wheel *timers; /* src/timer */
    struct name_table *names;    /* registered names */
    struct trace_state *trace;   /* trace.h */
    struct sysmon *sysmon;       /* sysmon.h */
    struct ets_tables *ets;
    struct magic_table *magics; /* magic.h */
    struct persistent *persistent;
    struct literals *literals;     /* literals.h */
    _Atomic(struct re_state *) re; /* compiled regular expressions; made at first use */
    struct os_signals *os_signals;
    _Atomic(struct crash *) crash; /* crash_dump.c: the slogan it was halted with */
    struct io_state *io;           /* console of the bare mode */
    struct host_funs *hostfuns;    /* C functions registered by the embedder */
    struct api_state *api;
    const struct nif_ops *nif_ops; /* nif.h */
    struct nif_state *nif;         /* src/nif */
    struct outlets *outlets;       /* ports and their drivers: src/outlet */

    sched_t **scheds; /* nscheds of them; with 0 scheduler threads there is one, run by vm_run */
    unsigned nscheds;
    unsigned nthreads; /* scheduler threads: 0 or nscheds */
    _Atomic(uint64_t) next_ref;
    _Atomic(int64_t) next_unique; /* erlang:unique_integer */
    _Atomic(int64_t) next_unique_mono;
    _Atomic(int64_t) last_now_us; /* what erlang:now/0 said last */
    _Atomic(bool) halting;
    _Atomic(bool) many_floats; /* code uses more float registers than ext keeps: loader */
    int halt_status;
    bool halt_flush;        /* what ports have still to write is waited for */
    bool quiet;             /* crashes of processes are not logged */
    bool use_error_handler; /* unknown functions go to error_handler, not straight to undef */
    uint64_t exit_code[2];  /* the instruction every process returns to in the end */
    term_t boot_args;       /* literal list of binaries OTP was booted with, or 0 */
    uint64_t salt;          /* for hashes that must not be predictable */

    /* Memory. */
    vm_alloc_fn alloc;
    void *alloc_user;
    _Atomic(size_t) memory_used;
    _Atomic(uint64_t) memory_kinds[MEM_KINDS]; /* counts of threads that are no scheduler: mem.c */
    size_t memory_limit;
    vm_options_t options;
    uint64_t start_ns; /* monotonic clock at creation */
    char errmsg[256];  /* last error for the embedder; written by the API thread only */
};

/* The atomics are skipped while the VM has one thread. */
COLD void spin_wait(vm_t *vm, spin_t *l); /* mem.c: somebody else has it */
static inline void spin_lock(vm_t *vm, spin_t *l) {
    if (vm->locking && atomic_flag_test_and_set_explicit(&l->held, memory_order_acquire))
        spin_wait(vm, l);
}
static inline void spin_unlock(vm_t *vm, spin_t *l) {
    if (vm->locking) atomic_flag_clear_explicit(&l->held, memory_order_release);
}

/* ---- memory ----
 * Plain allocation through the embedder's allocator, counted against the limit. NULL when there
 * is none. Sizes are exact at release; size 0 gives NULL. Any thread. */
void *mem_alloc(vm_t *vm, size_t size);
void *mem_calloc(vm_t *vm, size_t size);
void *mem_realloc(vm_t *vm, void *p, size_t old_size, size_t new_size); /* old stays on failure */
void mem_free(vm_t *vm, void *p, size_t size);
/* The same, counted as a block of that kind. A block counted is released as one. */
void *mem_alloc_as(vm_t *vm, int kind, size_t size);
void mem_free_as(vm_t *vm, int kind, void *p, size_t size);
/* Blocks of a kind there are, and their bytes in steps of 16. */
void mem_counted(vm_t *vm, int kind, uint64_t *blocks, uint64_t *bytes);

/* Small blocks that come and go: kept on free lists of the scheduler that releases them. s may be
 * NULL (threads that are no scheduler). A block from either may be released by any thread. */
void *pool_alloc(vm_t *vm, sched_t *s, size_t size);
void pool_free(vm_t *vm, sched_t *s, void *p, size_t size);

/* Gives a scheduler's free lists back. */
void pool_drain(vm_t *vm, sched_t *s);

/* ---- references and time ---- */
static inline uint64_t vm_next_ref(vm_t *vm) {
    if (!vm->locking) {
        uint64_t r = atomic_load_explicit(&vm->next_ref, memory_order_relaxed) + 1;
        atomic_store_explicit(&vm->next_ref, r, memory_order_relaxed);
        return r;
    }
    return atomic_fetch_add_explicit(&vm->next_ref, 1, memory_order_relaxed) + 1;
}
static inline uint64_t vm_host_now(vm_t *vm) { return vm->host->ops->monotonic_ns(vm->host); }
/* Erlang monotonic time, clock.h. The flag is looked at when the host's clock has been read: who
 * bends ours sets it before it reads that clock. */
uint64_t clock_bent_now(vm_t *vm);
static inline uint64_t vm_now(vm_t *vm) {
    uint64_t now = vm_host_now(vm);
    if (UNLIKELY(atomic_load_explicit(&vm->clock_bent, memory_order_acquire)))
        return clock_bent_now(vm);
    return now;
}

/* ---- life ---- (vm.c) NULL when memory ran out. */
vm_t *vm_create(const vm_options_t *o);
void vm_destroy(vm_t *vm);

/* Runs processes, timers and device callbacks on the calling thread (0 schedulers) or polls for
 * the scheduler threads. vm_run.c; see sched.h for the modes. */

#endif
