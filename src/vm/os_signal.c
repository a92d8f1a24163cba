/* os_signal.c: signals of the operating system. The host calls back on the polling thread; a signal
 * becomes {notify, Name} for the process registered as erl_signal_server, as kernel(6) describes.
 *
 * Signals belong to the whole program, so a VM touches them only where its program said so
 * (os_signal_enable). Processes note what they want; os_signal_poll hands it to the host and wakes
 * the one that asked: os:set_signal/2 returns when it is so.
 */
#include "vm/os_signal.h"
#include "vm/proc_ext.h"
#include "vm/process.h"

#define SIGNALS(X)                                                                                 \
    X(HUP, sighup)                                                                                 \
    X(QUIT, sigquit)                                                                               \
    X(ABRT, sigabrt)                                                                               \
    X(ALRM, sigalrm)                                                                               \
    X(TERM, sigterm)                                                                               \
    X(USR1, sigusr1)                                                                               \
    X(USR2, sigusr2)                                                                               \
    X(CHLD, sigchld)                                                                               \
    X(STOP, sigstop)                                                                               \
    X(TSTP, sigtstp)

/* SIGINT has no name: it is the break key's. */
static const term_t names[HOST_SIGNALS] = {[HOST_SIGNAL_INT] = TERM_NONE,
#define X(id, name) [HOST_SIGNAL_##id] = A_##name,
                                           SIGNALS(X)
#undef X
};

struct os_signals {
    spin_t lock;
    bool enabled, changed;
    uint8_t wanted[HOST_SIGNALS]; /* HOST_SIGNAL_DEFAULT ... */
    signal_t *waiting;            /* answers to those who asked, from: for whom */
    /* Polling thread only. */
    uint8_t given[HOST_SIGNALS]; /* what the host was told */
    bool break_asked;
};

bool os_signal_init(vm_t *vm) {
    struct os_signals *o = vm->os_signals = mem_calloc(vm, sizeof *o);
    if (!o) return false;
    atomic_flag_clear(&o->lock.held);
    return true;
}

static void on_signal(void *user, int which);

void os_signal_free(vm_t *vm) {
    struct os_signals *o = vm->os_signals;
    if (!o) return;
    for (int i = 0; i < HOST_SIGNALS; i++)
        if (o->given[i] != HOST_SIGNAL_DEFAULT)
            vm->host->ops->signal_set(vm->host, i, HOST_SIGNAL_DEFAULT, on_signal, vm);
    for (signal_t *s = o->waiting, *next; s; s = next) {
        next = s->next;
        signal_free(vm, NULL, s);
    }
    mem_free(vm, o, sizeof *o);
    vm->os_signals = NULL;
}

/* With nobody to tell, a signal that asks the program to end ends it. */
static void on_signal(void *user, int which) {
    vm_t *vm = user;
    if (which == HOST_SIGNAL_INT) {
        vm->os_signals->break_asked = true;
        vm->host->ops->wake(vm->host);
        return;
    }
    term_t cells[3], *hp = cells;
    term_t msg = tuple2(&hp, A_notify, names[which]);
    vm_visit_t v = vm_enter(vm);
    term_t server = name_whereis(vm, A_erl_signal_server);
    bool told = is_local_pid(server) && proc_send(vm, NULL, server, msg);
    vm_leave(vm, v);
    if (!told && (which == HOST_SIGNAL_TERM || which == HOST_SIGNAL_QUIT)) sched_halt(vm, 1);
    vm->host->ops->wake(vm->host);
}

bool os_signal_is_due(vm_t *vm) {
    struct os_signals *o = vm->os_signals;
    spin_lock(vm, &o->lock);
    bool due = o->changed;
    spin_unlock(vm, &o->lock);
    return due;
}

bool os_signal_break_asked(vm_t *vm) {
    struct os_signals *o = vm->os_signals;
    if (LIKELY(!o->break_asked)) return false;
    o->break_asked = false;
    return true;
}

void os_signal_poll(vm_t *vm) {
    struct os_signals *o = vm->os_signals;
    uint8_t wanted[HOST_SIGNALS];
    spin_lock(vm, &o->lock);
    bool changed = o->changed;
    if (changed) memcpy(wanted, o->wanted, sizeof wanted);
    o->changed = false;
    signal_t *waiting = o->waiting;
    o->waiting = NULL;
    spin_unlock(vm, &o->lock);
    if (!changed) return;
    for (int i = 0; i < HOST_SIGNALS; i++) {
        if (wanted[i] == o->given[i]) continue;
        /* Those that cannot be caught are refused: then nothing changes, as in OTP. */
        vm->host->ops->signal_set(vm->host, i, wanted[i], on_signal, vm);
        o->given[i] = wanted[i];
    }
    for (signal_t *s = waiting, *next; s; s = next) {
        next = s->next;
        term_t to = s->from;
        s->from = TERM_NIL;
        signal_send(vm, to, s);
    }
}

/* answer (may be NULL) is sent when it is so. false: nothing will change, answer is the caller's.
 */
static bool want(vm_t *vm, int which, unsigned action, signal_t *answer) {
    struct os_signals *o = vm->os_signals;
    if (!vm->host->ops->signal_set) return false;
    spin_lock(vm, &o->lock);
    bool enabled = o->enabled;
    if (enabled) {
        o->wanted[which] = (uint8_t)action;
        o->changed = true;
        if (answer) {
            answer->next = o->waiting;
            o->waiting = answer;
        }
    }
    spin_unlock(vm, &o->lock);
    if (enabled && vm->threaded) vm->host->ops->wake(vm->host);
    return enabled;
}

void os_signal_enable(vm_t *vm) {
    struct os_signals *o = vm->os_signals;
    spin_lock(vm, &o->lock);
    o->enabled = true;
    spin_unlock(vm, &o->lock);
    want(vm, HOST_SIGNAL_TERM, HOST_SIGNAL_HANDLE, NULL);
    want(vm, HOST_SIGNAL_QUIT, HOST_SIGNAL_HANDLE, NULL);
    want(vm, HOST_SIGNAL_USR1, HOST_SIGNAL_HANDLE, NULL);
    if (vm->options.break_key == BREAK_MENU) want(vm, HOST_SIGNAL_INT, HOST_SIGNAL_HANDLE, NULL);
    if (vm->options.break_key == BREAK_IGNORE) {
        want(vm, HOST_SIGNAL_INT, HOST_SIGNAL_IGNORE, NULL);
        want(vm, HOST_SIGNAL_QUIT, HOST_SIGNAL_IGNORE, NULL);
        want(vm, HOST_SIGNAL_TSTP, HOST_SIGNAL_IGNORE, NULL);
    }
}

/* os:set_signal(Signal, default | handle | ignore) */
static BIF(os_set_signal_2) {
    vm_t *vm = p->vm;
    bool asked;
    if (proc_await(p, &asked) != TERM_NONE) return A_ok;
    if (asked) return bif_wait(p);
    unsigned action;
    int which = 0;
    while (which < HOST_SIGNALS && names[which] != a[0]) which++;
    if (!is_atom(a[0]) || !is_atom(a[1]) || which == HOST_SIGNALS) return bif_badarg(p);
    switch (a[1]) {
    case A_default_: action = HOST_SIGNAL_DEFAULT; break;
    case A_handle: action = HOST_SIGNAL_HANDLE; break;
    case A_ignore: action = HOST_SIGNAL_IGNORE; break;
    default: return bif_badarg_cause(p, A_badopt);
    }
    if (!vm->threaded) { /* this is the polling thread */
        if (want(vm, which, action, NULL)) os_signal_poll(vm);
        return A_ok;
    }
    signal_t *answer = signal_new(vm, p->sched, SIG_REPLY, 0);
    uint64_t ref = answer ? proc_ask(p) : 0;
    if (ref) {
        answer->ref = ref;
        answer->from = p->pid;
        answer->term = A_ok;
        if (want(vm, which, action, answer)) return bif_wait(p);
        p->ext->wait_ref = 0;
    }
    if (answer) signal_free(vm, p->sched, answer);
    return ref ? (term_t)A_ok : bif_oom(p);
}

const bif_def_t bifs_os_signal[] = {{"os", "set_signal", 2, os_set_signal_2, 0}, {0}};
