/* process.h: operations on processes: creation, exit, signals, relations, names. process.c,
 * signal.c, signal_handle.c, link.c, names.c
 */
#ifndef LING_VM_PROCESS_H
#define LING_VM_PROCESS_H

#include "vm/sched.h"
#include "vm/code.h"

/* Bytes of a process's block: control block and first heap. A size class of pool_alloc. */
#define PROC_BLOCK_BYTES 768

/* ---- table ---- */
bool proc_table_init(vm_t *vm, uint32_t max_processes);
void proc_table_free(vm_t *vm);
/* The live process behind a local pid or NULL. The pointer is good until the calling scheduler's
 * next quiescent point (for other threads: between vm_enter/vm_leave, epoch.c). */
proc_t *proc_lookup(vm_t *vm, term_t pid);
/* The pid with this number and serial as texts and external terms have them; TERM_NONE if neither
 * OTP nor this VM can have given it to a process. */
term_t proc_pid_from(vm_t *vm, uint64_t number, uint64_t serial);
/* A pid or port of an earlier life of this node: it stands for nothing that lives. */
static inline bool is_former(term_t t) {
    return is_pointer(t) && ((const ext_obj_t *)boxed_ptr(t))->node == A_nonode;
}
uint32_t proc_count(vm_t *vm);
uint32_t proc_limit(vm_t *vm);
/* Calls fn for each live process, in order of table slots, until it returns false. */
void proc_each(vm_t *vm, bool (*fn)(void *user, proc_t *p), void *user);
/* The pid of the next process from *place (0: the first) on, which moves behind it; TERM_NONE:
 * there is none. A process that begins meanwhile may be left out. */
term_t proc_next(vm_t *vm, uint32_t *place);

/* ---- creation ---- */
typedef struct {
    bool link, monitor;
    term_t monitor_tag; /* NONE: 'DOWN' */
    bool alias;
    uint8_t alias_mode;
    uint8_t prio;      /* PRIO_NORMAL */
    uint32_t min_heap; /* 0: default */
    uint32_t max_heap;
    uint16_t max_heap_flags;
    uint16_t fullsweep_after;
    bool has_fullsweep_after, has_max_heap;
    bool off_heap_msgs;
    bool system;
    term_t group_leader;   /* TERM_NONE: parent's */
    struct seq_spawn *seq; /* seq_trace.h, or NULL */
} spawn_opts_t;
/* max_heap_flags: both are done unless these are set. */
enum { MAX_HEAP_NO_KILL = 1, MAX_HEAP_NO_LOG = 2 };
#define DEFAULT_MIN_HEAP 233 /* words; what a heap grows to at its first collection */
/* The step of OTP's series of heap sizes that holds n words: what min_heap_size is rounded to. */
size_t min_heap_step(size_t n);
#define SPAWN_DEFAULTS                                                                             \
    { .prio = PRIO_NORMAL, .monitor_tag = TERM_NONE, .group_leader = TERM_NONE }
/* Starts M:F(Args). parent may be NULL (embedder). Terms are copied. Result pid, or TERM_NONE with
 * *err A_system_limit, A_badarg (args no proper list, more than 255) or TERM_NONE (no memory).
 * *mon: reference id of the monitor. */
term_t proc_spawn(vm_t *vm, proc_t *parent, term_t m, term_t f, term_t args, const spawn_opts_t *o,
                  uint64_t *mon, term_t *err);
/* Starts a closure or external fun with no arguments. */
term_t proc_spawn_fun(vm_t *vm, proc_t *parent, term_t fun, const spawn_opts_t *o, uint64_t *mon,
                      term_t *err);
/* Makes p, a block of that many bytes, a process that is in no table and never runs: a heap for
 * terms outside of processes. No collection. Release with heap_free. */
bool proc_init_detached(vm_t *vm, proc_t *p, size_t block_bytes);
/* The end: unregisters, breaks links and monitors with signals, drops tables and timers, frees.
 * Runs on the scheduler that ran p. false: a part of it only, as there is much to free; to be
 * called again in p's next slice. */
bool proc_exit(proc_t *p, term_t reason);
/* epoch.c: fn(vm, p) frees the block once nobody can be reading it; needs no memory. Threaded only.
 */
void sched_defer_proc(proc_t *p, void (*fn)(vm_t *vm, void *ptr));

/* ---- signals ---- */
/* Puts sig into the queue of to (a live process) and wakes it. Any thread (with threads, one that
 * is no scheduler looks processes up between vm_enter and vm_leave, or uses signal_send). Takes
 * sig. */
void proc_signal(vm_t *vm, proc_t *to, signal_t *sig);
/* The same by pid; a dead process's answer (noproc ...) is sent where the kind of signal has one.
 */
void signal_send(vm_t *vm, term_t to, signal_t *sig);
/* Answers sig in the place of a process that is gone. Takes sig. */
void signal_undeliverable(vm_t *vm, term_t dead, signal_t *sig);
/* A copy of an exit reason, with room for extra more words behind it, so that the receiver can
 * build its message in place: DOWN_WORDS or EXIT_WORDS. */
signal_t *signal_new_reason(vm_t *vm, sched_t *s, int kind, term_t reason, size_t extra);
#define DOWN_WORDS (6 + REF_WORDS + 3)
#define EXIT_WORDS 4
/* Marks the in-queue of a process that is gone. */
#define SIG_CLOSED ((signal_t *)8)
/* erlang:send: copies msg to the process behind a local pid; a dead pid swallows it. from NULL: by
 * the machine or from outside; such messages are not traced as sent. false: no memory. */
bool proc_send(vm_t *vm, proc_t *from, term_t to, term_t msg);
/* Like proc_send, but to a process, port, registered name, {Name, Node} or alias as `!` takes them.
 * A_ok, A_badarg, A_nosuspend ..., or TERM_NONE (no memory). */
term_t proc_send_any(proc_t *from, term_t to, term_t msg);
/* Moves what is in sig_in to the mailbox and handles the other signals in order. false: the process
 * has to exit (PF_EXIT_PENDING set, p->fvalue the reason). Owner only. */
bool proc_fetch_signals(proc_t *p);
static inline bool proc_has_signals(proc_t *p) {
    return atomic_load_explicit(&p->sig_in, memory_order_acquire) != NULL;
}
/* A received message's terms become part of the process's heap: copied in when small and there is
 * room (and the signal freed), attached as a fragment otherwise. Returns the message term. */
term_t proc_take_message(proc_t *p, signal_t *m);
/* Exit signal from src to pid. */
bool proc_exit_signal(vm_t *vm, term_t src, term_t to, term_t reason, unsigned flags);
/* Ends the watch r (one of p's monitors, REL_MONITOR set) and what goes with it. Owner only. */
void proc_unwatch(proc_t *p, relation_t *r);
/* System tasks that waited for p not to run. sched.c calls it between slices. */
void proc_run_tasks(proc_t *p);
enum {
    SIGF_LINK = 1,
    SIGF_KILL = 2,
    SIGF_KILLED = 4,
    SIGF_TRACE = 8,  /* messages: told by a trace, not traced itself */
    SIGF_TOKEN = 16, /* messages: from is a sequential trace token */
    SIGF_PLAIN = 32  /* messages: the receiver keeps the token it has, whoever they are from */
};

/* ---- receive timeouts ---- the engine's part of `receive ... after` */
/* Arms p's timeout ns from now. false: no memory. */
bool proc_timer_set(proc_t *p, uint64_t ns);
void proc_timer_cancel(proc_t *p);

/* ---- names ---- */
bool names_init(vm_t *vm);
void names_free(vm_t *vm);
bool name_register(vm_t *vm, term_t name, proc_t *p); /* false: taken, p has one, or no memory */
bool name_unregister(vm_t *vm, term_t name);
term_t name_whereis(vm_t *vm, term_t name); /* pid or port; TERM_NONE */
void name_forget(proc_t *p);                /* gives p's name up; owner, at its end */
term_t name_of(proc_t *p);                  /* NIL where it has none */
term_t names_list(proc_t *p);               /* all names, on p's heap; TERM_NONE: no memory */

/* ---- dictionary ---- pdict.c */
term_t pdict_get(proc_t *p, term_t key);               /* undefined where missing */
term_t pdict_put(proc_t *p, term_t key, term_t value); /* old value; TERM_NONE: no memory */
term_t pdict_erase(proc_t *p, term_t key);
void pdict_free(proc_t *p);
/* The terms the collector must treat as roots. */
term_t *pdict_roots(proc_t *p, size_t *n);

/* Further roots of rare state (ext): calls fn for each array of terms. */
void proc_ext_roots(proc_t *p, void (*fn)(void *user, term_t *terms, size_t n), void *user);
void proc_ext_free(proc_t *p);

#endif
