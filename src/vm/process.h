/* process.h: operations on processes: creation, exit, signals, relations, names. process.c,
 * signal.c, link.c, names.c
 */
#ifndef LING_VM_PROCESS_H
#define LING_VM_PROCESS_H

#include "vm/sched.h"
#include "vm/code.h"

/* ---- table ---- */
bool proc_table_init(vm_t *vm, uint32_t max_processes);
void proc_table_free(vm_t *vm);
/* The live process behind a local pid or NULL. The pointer is good until the calling scheduler's
 * next quiescent point (for other threads: between vm_enter/vm_leave, sched.c). */
proc_t *proc_lookup(vm_t *vm, term_t pid);
uint32_t proc_count(vm_t *vm);
uint32_t proc_limit(vm_t *vm);
/* Calls fn for each live process, in pid order of slots, until it returns false. */
void proc_each(vm_t *vm, bool (*fn)(void *user, proc_t *p), void *user);

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
    bool has_fullsweep_after;
    bool off_heap_msgs;
    bool system;
    term_t group_leader; /* TERM_NONE: parent's */
} spawn_opts_t;
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
/* The end: unregisters, breaks links and monitors with signals, drops tables and timers, frees.
 * Runs on the scheduler that ran p. */
void proc_exit(proc_t *p, term_t reason);

/* ---- signals ---- */
/* Puts sig into the queue of to (a live process) and wakes it. Any thread. Takes sig. */
void proc_signal(vm_t *vm, proc_t *to, signal_t *sig);
/* erlang:send: copies msg to the process behind a local pid; a dead pid swallows it. from may be
 * NULL. false: no memory. */
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
enum { SIGF_LINK = 1, SIGF_KILL = 2, SIGF_KILLED = 4 };

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
