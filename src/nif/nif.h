/* nif.h: what the files of the NIF API share. erl_nif.h of the installed OTP is the interface, this
 * side keeps its binary layout. The files stand on the machine's headers and may use the C library
 * and POSIX threads. Nothing outside src/nif includes this.
 *
 * A native library (nif_lib_t) belongs to one version of one module. It stays in memory until that
 * version has been purged and no resource object needs its code any more.
 */
#ifndef LING_NIF_NIF_H
#define LING_NIF_NIF_H

/* The API is exported, all else is hidden. */
#pragma GCC visibility push(default)
#include <erl_nif.h>
#pragma GCC visibility pop

#include "vm/binary.h"
#include "vm/nif.h"
#include "vm/process.h"
#include "vm/sched.h"

typedef struct nif_lib nif_lib_t;
typedef ERL_NIF_TERM (*nif_fn)(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]);

/* ---- environments ----
 * Terms live on a process's heap: the caller's, or that of a detached process which is part of the
 * environment. Nothing moves them: heap_alloc never does, and the collector does not run inside. */
enum {
    ENV_CALL, /* a native function's, on its caller */
    ENV_CALLBACK /* load, upgrade, unload, destructors ...: on a detached process, or the caller */,
    ENV_OWN /* enif_alloc_env */
};
enum { ENV_RAISED = 1, ENV_SCHEDULED = 2, ENV_OOM = 4 }; /* state */

struct enif_environment_t {
    vm_t *vm;
    proc_t *p;
    nif_lib_t *lib; /* enif_priv_data; NULL: none */
    uint8_t kind, state;
    term_t reason;        /* ENV_RAISED */
    struct nif_fun *next; /* ENV_SCHEDULED */
    const term_t *args;   /* of the call */
    const struct nif_fun *fun;
    term_t next_args; /* a tuple */
};

/* An environment with a heap of its own. */
#define NIF_ENV_WORDS 120
typedef struct {
    ErlNifEnv env;
    _Alignas(16) unsigned char block[sizeof(proc_t) + NIF_ENV_WORDS * sizeof(term_t)];
} nif_env_block_t;
void nif_env_open(nif_env_block_t *b, vm_t *vm, nif_lib_t *lib, int kind);
void nif_env_close(nif_env_block_t *b);

/* Remembers that there was no memory: the call ends its process. A term that is safe to use. */
COLD term_t nif_oom(ErlNifEnv *env);
static inline term_t nif_made(ErlNifEnv *env, term_t t) {
    return UNLIKELY(t == TERM_NONE) ? nif_oom(env) : t;
}

/* ---- the VM of the calling thread ----
 * Half of the API has no environment among its parameters. A thread that runs native code knows its
 * VM; threads a library makes by itself belong to the VM that has had NIFs for the longest time. */
typedef struct {
    vm_t *vm;
} nif_thread_t;
nif_thread_t *nif_thread(void);
vm_t *nif_vm(void); /* NULL: no VM has NIFs */
/* Whether the thread may send signals. With 0 schedulers only the one that runs the VM may: a
 * library's own thread also gets here, by dropping the last count of an object. */
static inline bool nif_may_signal(vm_t *vm) { return vm->threaded || sched_is_here(vm); }
/* Around everything that calls native code. */
typedef struct {
    vm_t *vm;
} nif_visit_t;
nif_visit_t nif_enter(vm_t *vm);
void nif_leave(nif_visit_t v);

/* ---- native functions ---- */
typedef struct nif_fun {
    bif_def_t def; /* first: the engine's cur_bif points here */
    unsigned argc; /* scheduled ones have a further argument: {Function, Arg ...}, see nif_call.c */
    nif_fn fn;
    nif_lib_t *lib;
    struct nif_fun *next; /* among those made by enif_schedule_nif */
    export_t entry;
    uint64_t stub[NIF_STUB_WORDS];
} nif_fun_t;

struct nif_lib {
    vm_t *vm;
    nif_lib_t *next; /* all of a VM */
    term_t module;   /* its name */
    void *handle;    /* NULL: linked in */
    const ErlNifEntry *entry;
    void *priv;
    _Atomic(uint32_t) refs; /* the module version, types with objects */
    nif_fun_t *funs;        /* entry->num_of_funcs */
    spin_t lock;            /* of scheduled */
    nif_fun_t *scheduled;
    ErlNifResourceType *opened; /* while load or upgrade runs */
    bool loading;
};
void nif_lib_release(nif_lib_t *lib);

/* nif_call.c: the bif_fn of all native functions. */
term_t nif_call(proc_t *p, term_t *a);
/* Fills f in as a function of lib. false: no memory. flags: ErlNifDirtyTaskFlags. */
bool nif_fun_init(nif_fun_t *f, nif_lib_t *lib, term_t name, unsigned argc, unsigned arity,
                  nif_fn fn, unsigned flags);
bool nif_flags_ok(unsigned flags);
void nif_scheduled_free(nif_lib_t *lib);

/* nif_thread.c: a thread of a library's own starts: from now on counts and locks are for several
 * threads, also with 0 schedulers. */
void nif_threads_begin(vm_t *vm);

/* nif_select.c: no descriptor is watched any more; their objects' stop is called. */
void nif_select_stop(vm_t *vm);

/* nif_monitor.c: a process that obj's library watches has ended. In its scheduler. */
void nif_process_gone(vm_t *vm, void *monitor, term_t pid);
void nif_monitors_free(vm_t *vm); /* those the end of the VM left */

/* nif_tracer.c: see nif_ops_t. */
bool nif_is_tracer(vm_t *vm, term_t module);
term_t nif_tracer_call(vm_t *vm, term_t module, const term_t names[2], const term_t *args,
                       unsigned n, const term_t *options, size_t noptions);

/* ---- resource types ---- nif_resource.c */
/* What load or upgrade opened takes effect, or is forgotten. */
void nif_types_commit(nif_lib_t *lib);
void nif_types_rollback(nif_lib_t *lib);
/* The module of lib is gone: its types go as soon as they have no objects. */
void nif_types_orphan(nif_lib_t *lib);

/* ---- the VM's part ---- nif_load.c */
struct nif_state {
    vm_t *vm;
    struct nif_state *next; /* the next VM of the program */
    spin_t lock;
    nif_lib_t *libs;
    const ErlNifEntry **statics;
    size_t nstatics, statics_cap;
    ErlNifResourceType *types;
    spin_t monitor_lock;
    struct nif_monitor *monitors; /* all, under monitor_lock */
    _Atomic(struct nif_selector *) selector;
    _Atomic(bool) closing;
    _Atomic(bool) seized; /* see nif_ops_t */
    export_t again;       /* of a load_nif that waits for it */
    uint64_t again_stub[NIF_STUB_WORDS];
};
/* Makes a VM know NIFs: erlang:load_nif/2 and the static libraries of this one. 0, or -1: no
 * memory. */
int nif_init(vm_t *vm);
/* A library that is linked into the program. 0; -1 no memory, -2 not compatible. */
int nif_register(vm_t *vm, const ErlNifEntry *entry);
/* The process ends its threads; destructors may still run. */
void nif_closing(vm_t *vm);

/* nif_static.c: init functions of the libraries that are part of this one, ended by NULL. */
typedef ErlNifEntry *(*nif_init_fn)(void);
extern const nif_init_fn nif_statics[];

#endif
