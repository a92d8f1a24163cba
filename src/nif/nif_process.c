/* nif_process.c: processes, messages, ports, time, and facts about the system.
 *
 * With schedulers any thread may send: it looks processes up as a visitor. With none only the
 * VM's own thread may; messages of others go through the VM's inbox.
 */
#include <ling/ling.h>

#include "nif/nif.h"
#include "vm/port.h"
#include "vm/clock.h"
#include "vm/code.h"
#include "vm/io.h"
#include "vm/sched.h"

/* ---- pids ---- */

ErlNifPid *enif_self(ErlNifEnv *env, ErlNifPid *pid) {
    if (env->kind == ENV_OWN || !is_local_pid(env->p->pid)) return NULL;
    pid->pid = env->p->pid;
    return pid;
}

int enif_get_local_pid(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifPid *pid) {
    (void)env;
    if (!is_local_pid(t)) return 0;
    pid->pid = t;
    return 1;
}

void enif_set_pid_undefined(ErlNifPid *pid) { pid->pid = A_undefined; }
int enif_is_pid_undefined(const ErlNifPid *pid) { return pid->pid == A_undefined; }

/* While the VM ends there are destructors left to run, but no processes and names. */
static bool is_alive(vm_t *vm, term_t pid) {
    if (vm->nif->closing) return false;
    vm_visit_t v = vm_enter(vm);
    proc_t *p = is_local_pid(pid) ? proc_lookup(vm, pid) : NULL;
    bool alive =
        p && !(atomic_load_explicit(&p->state, memory_order_seq_cst) & (PS_EXITING | PS_FREE));
    vm_leave(vm, v);
    return alive;
}

int enif_is_process_alive(ErlNifEnv *env, ErlNifPid *pid) { return is_alive(env->vm, pid->pid); }

/* A signal that has come meanwhile may have ended the process: it is only handled afterwards. The
 * queue may be looked through, as only its owner takes signals out. */
int enif_is_current_process_alive(ErlNifEnv *env) {
    proc_t *p = env->p;
    if (env->kind == ENV_OWN || !is_alive(env->vm, p->pid)) return 0;
    for (signal_t *s = atomic_load_explicit(&p->sig_in, memory_order_acquire); s; s = s->next) {
        if (s->kind != SIG_EXIT) continue;
        if (s->term == A_kill && !(s->flags & SIGF_LINK)) return 0;
        if (!(p->flags & PF_TRAP_EXIT) && s->term != A_normal) return 0;
    }
    return 1;
}

static term_t whereis(ErlNifEnv *env, term_t name) {
    if (!is_atom(name) || env->vm->nif->closing) return TERM_NONE;
    vm_visit_t v = vm_enter(env->vm);
    term_t t = name_whereis(env->vm, name);
    vm_leave(env->vm, v);
    return t;
}

int enif_whereis_pid(ErlNifEnv *env, ERL_NIF_TERM name, ErlNifPid *pid) {
    term_t t = whereis(env, name);
    if (t == TERM_NONE || !is_local_pid(t)) return 0;
    pid->pid = t;
    return 1;
}

/* ---- messages ---- */

int enif_send(ErlNifEnv *env, const ErlNifPid *to, ErlNifEnv *msg_env, ERL_NIF_TERM msg) {
    vm_t *vm = msg_env ? msg_env->vm : env ? env->vm : nif_vm();
    if (!vm || !is_local_pid(to->pid) || vm->nif->closing) return 0;
    if (msg_env && (msg_env->state & ENV_OOM)) return 0;
    int ok = 0;
    if (!nif_may_signal(vm)) {
        ok = ling_send(vm, to->pid, msg) == LING_OK; /* whether it lives is known only there */
    } else {
        vm_visit_t v = vm_enter(vm);
        if (is_alive(vm, to->pid)) {
            sched_t *s = sched_current(vm);
            signal_t *sig = signal_new_copy(vm, s, SIG_MESSAGE, msg);
            if (sig) signal_send(vm, to->pid, sig);
            ok = sig != NULL;
        }
        vm_leave(vm, v);
    }
    if (ok && msg_env) enif_clear_env(msg_env);
    return ok;
}

/* ---- ports ---- */

int enif_get_local_port(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifPort *port) {
    (void)env;
    if (!is_local_port(t)) return 0;
    port->port_id = t;
    return 1;
}

int enif_whereis_port(ErlNifEnv *env, ERL_NIF_TERM name, ErlNifPort *port) {
    term_t t = whereis(env, name);
    if (t == TERM_NONE || !is_local_port(t)) return 0;
    port->port_id = t;
    return 1;
}

int enif_is_port_alive(ErlNifEnv *env, ErlNifPort *port) {
    vm_visit_t v = vm_enter(env->vm);
    int alive = !env->vm->nif->closing && outlet_lookup(env->vm, port->port_id) != NULL;
    vm_leave(env->vm, v);
    return alive;
}

/* Like erlang:port_command/2 that never waits; whatever becomes of it. */
int enif_port_command(ErlNifEnv *env, const ErlNifPort *to, ErlNifEnv *msg_env, ERL_NIF_TERM msg) {
    vm_t *vm = env ? env->vm : msg_env ? msg_env->vm : nif_vm();
    size_t bits;
    if (!vm || vm->nif->closing || !nif_may_signal(vm)) return 0;
    if (iodata_bits(vm, msg, false, &bits) != IODATA_OK) return 0;
    vm_visit_t v = vm_enter(vm);
    signal_t *sig = NULL;
    outlet_t *o = outlet_lookup(vm, to->port_id);
    if (o) {
        sig = port_command_new(vm, sched_current(vm), bits / 8);
        if (sig && iodata_copy(vm, msg, port_bytes(sig)) != IODATA_OK) {
            signal_free(vm, sched_current(vm), sig);
            sig = NULL;
        }
    }
    if (sig) {
        sig->from = env && is_local_pid(env->p->pid) ? env->p->pid : TERM_NIL;
        sig->term = TERM_NIL;
        outlet_command(o, sig);
    }
    vm_leave(vm, v);
    if (sig && msg_env) enif_clear_env(msg_env);
    return sig != NULL;
}

/* ---- time ---- */

static int64_t unit_ns(ErlNifTimeUnit unit) {
    switch (unit) {
    case ERL_NIF_SEC: return 1000000000;
    case ERL_NIF_MSEC: return 1000000;
    case ERL_NIF_USEC: return 1000;
    case ERL_NIF_NSEC: return 1;
    default: return 0;
    }
}

static ErlNifTime floor_div(__int128 a, int64_t b) { return (ErlNifTime)(a / b - (a % b < 0)); }

ErlNifTime enif_convert_time_unit(ErlNifTime t, ErlNifTimeUnit from, ErlNifTimeUnit to) {
    int64_t a = unit_ns(from), b = unit_ns(to);
    return a && b ? floor_div((__int128)t * a, b) : ERL_NIF_TIME_ERROR;
}

ErlNifTime enif_monotonic_time(ErlNifTimeUnit unit) {
    vm_t *vm = nif_vm();
    if (!vm || !unit_ns(unit)) return ERL_NIF_TIME_ERROR;
    return floor_div((int64_t)vm_now(vm), unit_ns(unit));
}

ErlNifTime enif_time_offset(ErlNifTimeUnit unit) {
    vm_t *vm = nif_vm();
    if (!vm || !unit_ns(unit)) return ERL_NIF_TIME_ERROR;
    return floor_div(clock_offset(vm), unit_ns(unit));
}

/* {MegaSecs, Secs, MicroSecs} */
static term_t timestamp(ErlNifEnv *env, uint64_t us) {
    term_t *hp = heap_alloc(env->p, 4);
    if (!hp) return nif_oom(env);
    uint64_t s = us / 1000000;
    return tuple3(&hp, make_small((int64_t)(s / 1000000)), make_small((int64_t)(s % 1000000)),
                  make_small((int64_t)(us % 1000000)));
}

ERL_NIF_TERM enif_now_time(ErlNifEnv *env) {
    vm_visit_t v = vm_enter(env->vm);
    export_t *e = export_find(env->vm, A_erlang, A_now, 0);
    term_t t = e && e->bif ? e->bif->fn(env->p, NULL) : TERM_NONE;
    vm_leave(env->vm, v);
    return nif_made(env, t);
}

ERL_NIF_TERM enif_cpu_time(ErlNifEnv *env) {
    host_t *h = env->vm->host;
    return timestamp(env, h->ops->cpu_ns(h) / 1000);
}

/* ---- the system ---- */

int enif_thread_type(void) {
    vm_t *vm = nif_thread()->vm;
    if (!vm) return ERL_NIF_THR_UNDEFINED;
    if (!vm->threaded)
        return sched_is_here(vm) ? ERL_NIF_THR_NORMAL_SCHEDULER : ERL_NIF_THR_UNDEFINED;
    sched_t *s = sched_current(vm);
    if (!s) return ERL_NIF_THR_UNDEFINED;
    return s->dirty == DIRTY_CPU  ? ERL_NIF_THR_DIRTY_CPU_SCHEDULER
           : s->dirty == DIRTY_IO ? ERL_NIF_THR_DIRTY_IO_SCHEDULER
                                  : ERL_NIF_THR_NORMAL_SCHEDULER;
}

void enif_system_info(ErlNifSysInfo *out, size_t size) {
    vm_t *vm = nif_vm();
    ErlNifSysInfo info = {
        .driver_major_version = 3,
        .driver_minor_version = 3,
        .erts_version = "13.1",
        .otp_release = "25",
        .thread_support = 1,
        .smp_support = 1,
        .async_threads = 1,
        .scheduler_threads = vm ? (int)vm->nscheds : 1,
        .nif_major_version = ERL_NIF_MAJOR_VERSION,
        .nif_minor_version = ERL_NIF_MINOR_VERSION,
        .dirty_scheduler_support = 1,
    };
    memcpy(out, &info, size < sizeof info ? size : sizeof info);
}

int enif_getenv(const char *key, char *value, size_t *size) {
    vm_t *vm = nif_vm();
    size_t n = *size;
    if (!vm || !io_getenv(vm, key, value, &n)) return -1;
    int fits = n < *size;
    *size = fits ? n : n + 1;
    return fits ? 0 : 1;
}

/* ---- other libraries ---- */

typedef void (*error_fn)(void *arg, const char *text);

static void *loaded(void *result, error_fn fn, void *arg, const char *text) {
    if (!result && fn) fn(arg, text);
    return result;
}

void *enif_dlopen(const char *path, error_fn fn, void *arg) {
    vm_t *vm = nif_vm();
    char why[1400] = "this host cannot load libraries";
    char file[1400];
    void *lib = NULL;
    if (vm && vm->host->ops->lib_open) {
        /* Callers leave the extension out. */
        int n = path ? snprintf(file, sizeof file, "%s.so", path) : -1;
        if (path) lib = vm->host->ops->lib_open(vm->host, path, why, sizeof why);
        if (!lib && n < (int)sizeof file)
            lib = vm->host->ops->lib_open(vm->host, path ? file : NULL, why, sizeof why);
    }
    return loaded(lib, fn, arg, why);
}

void *enif_dlsym(void *lib, const char *symbol, error_fn fn, void *arg) {
    vm_t *vm = nif_vm();
    char why[1400] = "this host cannot load libraries";
    void *p = NULL;
    if (vm && vm->host->ops->lib_symbol)
        p = vm->host->ops->lib_symbol(vm->host, lib, symbol, why, sizeof why);
    return loaded(p, fn, arg, why);
}
