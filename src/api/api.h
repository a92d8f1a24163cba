/* api.h: what the files of the public API share. They stand on the machine's headers and, unlike
 * those, may use the C library and POSIX. Nothing outside src/api includes this.
 */
#ifndef LING_API_API_H
#define LING_API_API_H

#include <ling/ling.h>
#include "vm/heap.h"
#include "vm/process.h"
#include "timer/etimer.h"

/* Terms of an env live on the heap of a process that is in no table and is never collected: so all
 * of the machine's term functions work on it. In a host function the process is the caller's. */
struct ling_env {
    vm_t *vm;
    proc_t *p;
    bool in_call;     /* p is the process that called a host function */
    bool lent;        /* to a callback, which cannot free it */
    bool raised;      /* by ling_raise */
    size_t size;      /* of this block, p's included; 0: not our own */
    char errmsg[120]; /* of the last failed parse */
};
#define ENV_WORDS 120 /* first heap of an env, in its block */

/* A function in C, registered under a name. def is first: the engine gives us a pointer to it. */
typedef struct host_fun {
    bif_def_t def;
    struct host_fun *next;
    uint64_t id;
    ling_function_t fn; /* one of these two */
    ling_async_function_t async_fn;
    void *user;
    ling_destroy_fn destroy;
    size_t size; /* of this block, names included */
    char names[];
} host_fun_t;

typedef struct mailbox {
    struct mailbox *next;
    uint64_t id;
    term_t pid;
    ling_message_fn fn;
    void *user;
    ling_destroy_fn destroy;
    bool in_callback;
} mailbox_t;

/* A ling_call that waits; on its caller's stack. */
typedef struct call {
    struct call *next;
    uint64_t id;
    signal_t *outcome;
} call_t;

typedef struct api_state {
    /* Signals on their way in (messages, replies; any thread pushes) and out (results of calls,
     * messages to mailboxes; schedulers push). Newest first; the owner takes all at once. */
    _Atomic(signal_t *) inbox, outbox;
    _Atomic(bool) interrupted;
    _Atomic(int64_t) refs;      /* ling_ref */
    _Atomic(int64_t) reply_due; /* asynchronous calls that wait */
    _Atomic(uint64_t) next_id;
    bool running;  /* inside ling_run or ling_call */
    bool own_host; /* made by ling_create */
    term_t user;   /* the I/O server: group leader of what the host starts; NONE: not started */
    bool no_console;
    bool started; /* the built-in servers */
    call_t *calls;
    mailbox_t *mailboxes;
    char *crash_dump;          /* copy of the option, or NULL */
    off_heap_t *boot_off_heap; /* binaries in vm->boot_args */
    char *text;                /* a long error message, or NULL: vm->errmsg */
    size_t text_size;
    ling_log_fn log;
    void *log_user;
    const host_ops_t *real_ops;       /* the host's own table */
    host_ops_t host_ops;              /* the one it has while the VM lives */
    struct uv_attachment *attachment; /* uv_attach.c */
} api_state_t;

/* Signals in the two boxes: ref is the alias or the id, from the receiver. */
enum { BOX_RESULT = 64, BOX_MAIL = 128 }; /* in flags, outbox */

/* error.c: sets the message (printf style; NULL: none) and returns the code. */
int api_fail(vm_t *vm, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
int api_fail_load(vm_t *vm, int error, const load_error_t *err);
/* Makes the text of {Class, Reason, Stack} the message. */
void api_set_exception(vm_t *vm, term_t outcome);

/* env.c */
bool env_init_on(ling_env_t *env, proc_t *p); /* env of a host function */
static inline bool is_term(ling_term_t t) { return t != LING_NONE && !is_header(t); }

/* Is this a callback, or a thread of the VM's? Then nothing may be run or ended. */
static inline bool api_is_inside(vm_t *vm) {
    /* In this order: running belongs to the thread that runs the VM. */
    return (vm->nthreads && sched_is_here(vm)) || vm->api->running;
}

/* box.c */
void box_push(_Atomic(signal_t *) *box, signal_t *s);
signal_t *box_take(_Atomic(signal_t *) *box); /* all, oldest first */
static inline bool box_is_empty(_Atomic(signal_t *) *box) {
    return atomic_load_explicit(box, memory_order_acquire) == NULL;
}
/* Delivers what is in both boxes. Owner. true: there was something. */
bool box_deliver(vm_t *vm);
void box_free(vm_t *vm);

/* run.c: one round; 1: something is left, 0: nothing, or an error. */
int api_run_step(vm_t *vm, int mode);
int api_wait(vm_t *vm); /* for the host's other threads; LING_EIDLE: there is nothing to wait for */

/* hostfun.c */
bool hostfun_init(vm_t *vm);
void hostfun_free(vm_t *vm);

/* sysfun.c */
extern const bif_def_t bifs_sys[];

/* process.c: starts `user` and the other built-in servers when they are not there yet. */
int api_start_console(vm_t *vm);
int api_spawn(vm_t *vm, term_t m, term_t f, term_t args, term_t *pid);
/* The outcome of M:F(Args), run like ling_call; a signal to free, or NULL and *error. */
signal_t *api_call(vm_t *vm, term_t m, term_t f, term_t args, int64_t timeout_ns, int *error);

#endif
