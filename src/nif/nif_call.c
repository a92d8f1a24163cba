/* nif_call.c: environments, calls of native functions, and what they may do with the call: raise,
 * schedule another function, give up time.
 *
 * A native function is a BIF to the engine (nif_call) that the entry of a module's function leads
 * to. Relies on vm/nif.h. Called by the engine, and by native code through erl_nif.h.
 */
#include "nif/nif.h"
#include "vm/sched.h"

/* ---- the thread's VM ---- */

/* The API asks for it: many functions have no environment. Nested calls keep the outer VM. */
static _Thread_local nif_thread_t this_thread __attribute__((tls_model("initial-exec")));

nif_thread_t *nif_thread(void) { return &this_thread; }

nif_visit_t nif_enter(vm_t *vm) {
    nif_visit_t v = {this_thread.vm};
    this_thread.vm = vm;
    return v;
}

void nif_leave(nif_visit_t v) { this_thread.vm = v.vm; }

/* ---- environments ---- */

void nif_env_open(nif_env_block_t *b, vm_t *vm, nif_lib_t *lib, int kind) {
    proc_t *p = (proc_t *)b->block;
    b->env = (ErlNifEnv){.vm = vm, .p = p, .lib = lib, .kind = (uint8_t)kind};
    proc_init_detached(vm, p, sizeof b->block); /* its heap is in the block */
}

void nif_env_close(nif_env_block_t *b) { heap_free(b->env.p); }

ErlNifEnv *enif_alloc_env(void) {
    vm_t *vm = nif_vm();
    nif_env_block_t *b = vm ? mem_alloc(vm, sizeof *b) : NULL;
    if (!b) return NULL;
    nif_env_open(b, vm, NULL, ENV_OWN);
    return &b->env;
}

void enif_clear_env(ErlNifEnv *env) {
    if (env->kind != ENV_OWN) return;
    nif_env_block_t *b = (nif_env_block_t *)env;
    nif_env_close(b);
    nif_env_open(b, env->vm, NULL, ENV_OWN);
}

void enif_free_env(ErlNifEnv *env) {
    if (!env || env->kind != ENV_OWN) return;
    nif_env_block_t *b = (nif_env_block_t *)env;
    nif_env_close(b);
    mem_free(env->vm, b, sizeof *b);
}

term_t nif_oom(ErlNifEnv *env) {
    env->state |= ENV_OOM;
    return TERM_NIL;
}

void *enif_priv_data(ErlNifEnv *env) { return env->lib ? env->lib->priv : NULL; }

/* ---- the call ---- */

/* A function made by enif_schedule_nif takes one argument more than it shows: what the caller
 * called, {Function, Arg ...}, where Function is a pointer that looks like a small integer. Errors
 * are told of that call. */
static bool is_scheduled(const nif_fun_t *f) { return f->argc != f->def.arity; }

static term_t first_call(ErlNifEnv *env) {
    const nif_fun_t *f = env->fun;
    if (is_scheduled(f)) return env->args[f->argc];
    term_t *hp = heap_alloc(env->p, f->argc + 2);
    if (!hp) return nif_oom(env);
    hp[0] = make_header(T_TUPLE, f->argc + 1);
    hp[1] = (term_t)(uintptr_t)f;
    memcpy(hp + 2, env->args, f->argc * sizeof(term_t));
    return make_boxed(hp);
}

static term_t raise(ErlNifEnv *env, term_t *a, term_t reason) {
    if (is_scheduled(env->fun)) {
        const term_t *call = tuple_elems(a[env->fun->argc]);
        const nif_fun_t *f = (const nif_fun_t *)(uintptr_t)call[0];
        memcpy(a, call + 1, f->argc * sizeof *a);
        env->p->cur_bif = &f->def;
    }
    return bif_error(env->p, reason);
}

/* The function did more than return a term. */
COLD static term_t finish(ErlNifEnv *env, term_t *a, term_t result) {
    if (env->state & ENV_OOM) return bif_oom(env->p);
    if (env->state & ENV_RAISED) return raise(env, a, env->reason);
    if (result != TERM_NONE) return result;
    if (!(env->state & ENV_SCHEDULED)) return raise(env, a, A_badarg);
    nif_fun_t *f = env->next;
    return bif_continue(env->p, &f->entry, EXC_TRAP, f->def.arity, tuple_elems(env->next_args));
}

term_t nif_call(proc_t *p, term_t *a) {
    const nif_fun_t *f = (const nif_fun_t *)p->cur_bif;
    ErlNifEnv env = {.vm = p->vm, .p = p, .lib = f->lib, .kind = ENV_CALL, .fun = f, .args = a};
    nif_visit_t v = nif_enter(p->vm);
    term_t result = f->fn(&env, (int)f->argc, a);
    nif_leave(v);
    if (UNLIKELY(env.state || result == TERM_NONE)) return finish(&env, a, result);
    return result;
}

/* ---- raising ---- */

ERL_NIF_TERM enif_raise_exception(ErlNifEnv *env, ERL_NIF_TERM reason) {
    env->state |= ENV_RAISED;
    env->reason = reason;
    return TERM_NONE;
}

ERL_NIF_TERM enif_make_badarg(ErlNifEnv *env) { return enif_raise_exception(env, A_badarg); }

int enif_is_exception(ErlNifEnv *env, ERL_NIF_TERM term) {
    return (env->state & ENV_RAISED) && term == TERM_NONE;
}

int enif_has_pending_exception(ErlNifEnv *env, ERL_NIF_TERM *reason) {
    if (!(env->state & ENV_RAISED)) return 0;
    if (reason) *reason = env->reason;
    return 1;
}

/* ---- going on in another function ---- */

bool nif_flags_ok(unsigned flags) {
    return flags == 0 || flags == ERL_NIF_DIRTY_JOB_CPU_BOUND ||
           flags == ERL_NIF_DIRTY_JOB_IO_BOUND;
}

bool nif_fun_init(nif_fun_t *f, nif_lib_t *lib, term_t name, unsigned argc, unsigned arity,
                  nif_fn fn, unsigned flags) {
    uint32_t dirty = flags == ERL_NIF_DIRTY_JOB_CPU_BOUND  ? BIF_DIRTY_CPU
                     : flags == ERL_NIF_DIRTY_JOB_IO_BOUND ? BIF_DIRTY_IO
                                                           : 0;
    if (name == TERM_NONE) return false;
    f->def = (bif_def_t){atom_name(lib->vm, lib->module), atom_name(lib->vm, name), arity, nif_call,
                         BIF_NIF | dirty};
    f->argc = argc;
    f->fn = fn;
    f->lib = lib;
    f->entry.bif = &f->def;
    f->entry.module = lib->module;
    f->entry.function = name;
    f->entry.arity = arity;
    engine_make_nif_stub(&f->entry, f->stub);
    return true;
}

/* The function object for what enif_schedule_nif asks for; each is made once. */
static nif_fun_t *scheduled(ErlNifEnv *env, const char *name, int flags, nif_fn fn, int argc) {
    nif_lib_t *lib = env->lib;
    vm_visit_t visit = vm_enter(env->vm); /* the atom's text is asked for, too */
    term_t atom = atom_intern_latin1(env->vm, (const uint8_t *)name, strlen(name));
    bif_def_t like;
    spin_lock(env->vm, &lib->lock);
    nif_fun_t *f = lib->scheduled;
    like.flags = flags == ERL_NIF_DIRTY_JOB_CPU_BOUND  ? BIF_DIRTY_CPU | BIF_NIF
                 : flags == ERL_NIF_DIRTY_JOB_IO_BOUND ? BIF_DIRTY_IO | BIF_NIF
                                                       : BIF_NIF;
    while (f && !(f->fn == fn && f->entry.function == atom && f->argc == (unsigned)argc &&
                  f->def.flags == like.flags))
        f = f->next;
    if (!f && (f = mem_calloc(env->vm, sizeof *f)) != NULL) {
        if (nif_fun_init(f, lib, atom, (unsigned)argc, (unsigned)argc + 1, fn, (unsigned)flags)) {
            f->next = lib->scheduled;
            lib->scheduled = f;
        } else {
            mem_free(env->vm, f, sizeof *f);
            f = NULL;
        }
    }
    spin_unlock(env->vm, &lib->lock);
    vm_leave(env->vm, visit);
    return f;
}

void nif_scheduled_free(nif_lib_t *lib) {
    for (nif_fun_t *f = lib->scheduled, *next; f; f = next) {
        next = f->next;
        mem_free(lib->vm, f, sizeof *f);
    }
    lib->scheduled = NULL;
}

ERL_NIF_TERM enif_schedule_nif(ErlNifEnv *env, const char *name, int flags, nif_fn fn, int argc,
                               const ERL_NIF_TERM argv[]) {
    if (env->kind != ENV_CALL || argc < 0 || argc >= MAX_ARITY || !name || !fn ||
        !nif_flags_ok((unsigned)flags) || strlen(name) > ATOM_MAX_CHARS)
        return enif_make_badarg(env);
    env->next = scheduled(env, name, flags, fn, argc);
    term_t call = first_call(env);
    term_t *hp = heap_alloc(env->p, (size_t)argc + 2);
    if (!env->next || !hp || (env->state & ENV_OOM)) {
        nif_oom(env);
        return TERM_NONE;
    }
    hp[0] = make_header(T_TUPLE, (size_t)argc + 1);
    memcpy(hp + 1, argv, (size_t)argc * sizeof *argv);
    hp[argc + 1] = call;
    env->next_args = make_boxed(hp);
    env->state |= ENV_SCHEDULED;
    return TERM_NONE;
}

/* ---- time ---- */

int enif_consume_timeslice(ErlNifEnv *env, int percent) {
    if (env->kind != ENV_CALL) return 0;
    if (percent < 1) percent = 1;
    if (percent > 100) percent = 100;
    bif_bump(env->p, (size_t)percent * SLICE_REDS / 100);
    return bif_out_of_reds(env->p);
}
