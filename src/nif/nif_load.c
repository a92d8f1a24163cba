/* nif_load.c: erlang:load_nif/2, and the life of native libraries.
 *
 * A library is opened by the host (dlopen), or linked in and found by its module's name. All checks
 * come first; when load or upgrade has agreed, the module's functions are taken over. Texts of
 * errors are OTP's. Relies on vm/nif.h; called by the engine, code.c's hooks and src/api.
 */
#include <pthread.h>

#include "nif/nif.h"
#include "nif/nif_api.h"
#include "vm/bif_tables.h"
#include "vm/sched.h"

/* ---- the VMs of the program ----
 * For threads that belong to none: the API lets them make environments and send, and does not say
 * where. They get the oldest VM. This list is all the state the library shares between VMs. */
static pthread_mutex_t vms_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct nif_state *vms;

static void vms_add(struct nif_state *st) {
    pthread_mutex_lock(&vms_mutex);
    struct nif_state **link = &vms;
    while (*link) link = &(*link)->next;
    *link = st;
    pthread_mutex_unlock(&vms_mutex);
}

static void vms_remove(struct nif_state *st) {
    pthread_mutex_lock(&vms_mutex);
    struct nif_state **link = &vms;
    while (*link && *link != st) link = &(*link)->next;
    if (*link) *link = st->next;
    pthread_mutex_unlock(&vms_mutex);
}

vm_t *nif_vm(void) {
    vm_t *vm = nif_thread()->vm;
    if (vm) return vm;
    pthread_mutex_lock(&vms_mutex);
    if (vms) vm = vms->vm;
    pthread_mutex_unlock(&vms_mutex);
    return vm;
}

/* ---- errors ---- */

typedef struct {
    term_t kind;
    char text[1400];
} failure_t;

static bool __attribute__((format(printf, 3, 4)))
fail(failure_t *f, term_t kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    f->kind = kind;
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
    return false;
}

/* {error, {Kind, Text}} */
static term_t failed(proc_t *p, const failure_t *f) {
    term_t text = string_to_list(p, f->text);
    term_t *hp = text == TERM_NONE ? NULL : heap_alloc(p, 6);
    if (!hp) return bif_oom(p);
    term_t why = tuple2(&hp, f->kind, text);
    return tuple2(&hp, A_error, why);
}

/* ---- the path ---- */

enum { PATH_BYTES = 1024, PATH_DEPTH = 64 };

static int put_char(char *out, size_t *n, int64_t c) {
    if (c < 0 || c > 0x10ffff || *n + 4 > PATH_BYTES) return -1;
    if (c < 0x80) {
        out[(*n)++] = (char)c;
        return 0;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned first[] = {0, 0xc0, 0xe0, 0xf0};
    out[(*n)++] = (char)(first[more] | (unsigned)(c >> (6 * more)));
    while (more-- > 0) out[(*n)++] = (char)(0x80 | ((unsigned)(c >> (6 * more)) & 0x3f));
    return 0;
}

static int put_binary(char *out, size_t *n, term_t t) {
    bits_t b;
    if (!bits_of(t, &b) || (b.bit_size & 7) || b.bit_size / 8 > PATH_BYTES - *n) return -1;
    bits_copy((uint8_t *)out + *n, 0, b.base, b.bit_offset, b.bit_size);
    *n += b.bit_size / 8;
    return 0;
}

/* Characters and binaries, nested, as bytes. -1: something else, or too long. */
static int path_bytes(term_t t, char *out) {
    term_t rest[PATH_DEPTH];
    int depth = 0;
    size_t n = 0;
    if (is_binary(t)) return put_binary(out, &n, t) ? -1 : (int)n;
    for (;;) {
        if (is_nil(t)) {
            if (depth == 0) break;
            t = rest[--depth];
            continue;
        }
        if (!is_cons(t)) return -1;
        term_t c = cons_head(t);
        t = cons_tail(t);
        if (is_list(c)) {
            if (depth == PATH_DEPTH) return -1;
            rest[depth++] = t;
            t = c;
        } else if (is_small(c) ? put_char(out, &n, small_value(c)) : put_binary(out, &n, c)) {
            return -1;
        }
    }
    return memchr(out, 0, n) ? -1 : (int)n;
}

/* ---- libraries ---- */

static void lib_free(vm_t *vm, void *ptr) {
    nif_lib_t *lib = ptr;
    nif_scheduled_free(lib);
    if (lib->funs) mem_free(vm, lib->funs, (size_t)lib->entry->num_of_funcs * sizeof *lib->funs);
    if (lib->handle) vm->host->ops->lib_close(vm->host, lib->handle);
    mem_free(vm, lib, sizeof *lib);
}

/* The last count goes with the module version, or later with the last object of a type. */
void nif_lib_release(nif_lib_t *lib) {
    vm_t *vm = lib->vm;
    if (atomic_fetch_sub_explicit(&lib->refs, 1, memory_order_acq_rel) != 1) return;
    spin_lock(vm, &vm->nif->lock);
    nif_lib_t **link = &vm->nif->libs;
    while (*link && *link != lib) link = &(*link)->next;
    if (*link) *link = lib->next;
    spin_unlock(vm, &vm->nif->lock);
    if (lib->entry->unload) {
        nif_env_block_t b;
        nif_env_open(&b, vm, lib, ENV_CALLBACK);
        nif_visit_t v = nif_enter(vm);
        lib->entry->unload(&b.env, lib->priv);
        nif_leave(v);
        nif_env_close(&b);
    }
    /* The code that called us may be the library's own: a destructor's caller. */
    sched_defer_free(vm, lib, lib_free);
}

static const ErlNifEntry *static_entry(vm_t *vm, term_t module) {
    const char *name = atom_name(vm, module);
    const ErlNifEntry *found = NULL;
    spin_lock(vm, &vm->nif->lock);
    for (size_t i = 0; i < vm->nif->nstatics; i++)
        if (strcmp(vm->nif->statics[i]->name, name) == 0) found = vm->nif->statics[i];
    spin_unlock(vm, &vm->nif->lock);
    return found;
}

/* The functions of a module that are BIFs of ours need no library. */
static bool has_bifs(const char *module) {
    for (const bif_def_t *const *table = bif_tables; *table != NULL; table++)
        for (const bif_def_t *b = *table; b->module != NULL; b++)
            if (strcmp(b->module, module) == 0) return true;
    return false;
}

static bool lib_open(vm_t *vm, nif_lib_t *lib, const char *path, failure_t *f) {
    const host_ops_t *ops = vm->host->ops;
    char why[PATH_BYTES + 160], file[PATH_BYTES + 4];
    snprintf(file, sizeof file, "%s.so", path);
    if (!ops->lib_open) {
        snprintf(why, sizeof why, "%s: this host cannot load libraries", file);
        return fail(f, A_load_failed, "Failed to load NIF library: '%s'", why);
    }
    lib->handle = ops->lib_open(vm->host, file, why, sizeof why);
    if (!lib->handle) return fail(f, A_load_failed, "Failed to load NIF library: '%s'", why);
    void *init = ops->lib_symbol(vm->host, lib->handle, "nif_init", why, sizeof why);
    if (!init) init = ops->lib_symbol(vm->host, lib->handle, "_nif_init", why, sizeof why);
    if (!init) return fail(f, A_bad_lib, "Failed to find library init function: '%s'", why);
    nif_visit_t v = nif_enter(vm);
    lib->entry = ((nif_init_fn)(uintptr_t)init)();
    nif_leave(v);
    return lib->entry ? true : fail(f, A_bad_lib, "Library init-call unsuccessful");
}

/* Before 2.7 a function had no flags. */
static ErlNifFunc entry_function(const ErlNifEntry *e, int i) {
    if (e->major > 2 || e->minor >= 7) return e->funcs[i];
    const struct {
        const char *name;
        unsigned arity;
        nif_fn fn;
    } *old = (const void *)e->funcs;
    return (ErlNifFunc){old[i].name, old[i].arity, old[i].fn, 0};
}

static bool entry_check(vm_t *vm, const ErlNifEntry *e, term_t module, failure_t *f) {
    const char *name = atom_name(vm, module);
    if (e->major < ERL_NIF_MIN_REQUIRED_MAJOR_VERSION_ON_LOAD)
        return fail(f, A_bad_lib,
                    "That old NIF library (%d.%d) is not compatible with this erts runtime "
                    "(%d.%d). Try recompile the NIF lib.",
                    e->major, e->minor, ERL_NIF_MAJOR_VERSION, ERL_NIF_MINOR_VERSION);
    if (e->major > ERL_NIF_MAJOR_VERSION ||
        (e->major == ERL_NIF_MAJOR_VERSION && e->minor > ERL_NIF_MINOR_VERSION))
        return fail(f, A_bad_lib,
                    "That '%s' NIF library needs %s or newer. Either try to recompile the NIF lib "
                    "or use a newer erts runtime.",
                    name, e->min_erts);
    if (e->minor >= 1 && strcmp(e->vm_variant, ERL_NIF_VM_VARIANT) != 0)
        return fail(f, A_bad_lib, "Library (%s) not compiled for this vm variant (%s).",
                    e->vm_variant, ERL_NIF_VM_VARIANT);
    if (strcmp(e->name, name) != 0)
        return fail(f, A_bad_lib, "Library module name '%s' does not match calling module '%s'",
                    e->name, name);
    return true;
}

/* ---- functions ---- */

static uint64_t *function_entry(module_t *m, term_t name, unsigned arity) {
    for (uint32_t i = 0; i < m->nfunctions; i++) {
        const code_function_t *fn = &m->functions[i];
        if (fn->function == name && fn->arity == arity)
            return (uint64_t *)(uintptr_t)fn->start + FUNC_INFO_WORDS;
    }
    return NULL;
}

static bool functions_check(nif_lib_t *lib, module_t *m, failure_t *f) {
    vm_t *vm = lib->vm;
    const ErlNifEntry *e = lib->entry;
    const char *module = atom_name(vm, lib->module);
    if (e->num_of_funcs <= 0) return true;
    lib->funs = mem_calloc(vm, (size_t)e->num_of_funcs * sizeof *lib->funs);
    if (!lib->funs) return fail(f, A_load_failed, "no memory");
    for (int i = 0; i < e->num_of_funcs; i++) {
        ErlNifFunc fn = entry_function(e, i);
        term_t name = atom_find(vm, (const uint8_t *)fn.name, strlen(fn.name));
        if (name == TERM_NONE || !function_entry(m, name, fn.arity))
            return fail(f, A_bad_lib, "Function not found %s:%s/%u", module, fn.name, fn.arity);
        if (!nif_flags_ok(fn.flags))
            return fail(f, A_bad_lib, "Illegal flags field value %d for NIF %s:%s/%u",
                        (int)fn.flags, module, fn.name, fn.arity);
        for (int k = 0; k < i; k++)
            if (lib->funs[k].entry.function == name && lib->funs[k].def.arity == fn.arity)
                return fail(f, A_bad_lib, "Duplicate NIF entry for %s:%s/%u", module, fn.name,
                            fn.arity);
        nif_fun_init(&lib->funs[i], lib, name, fn.arity, fn.arity, fn.fptr, fn.flags);
    }
    return true;
}

static void functions_take_over(nif_lib_t *lib, module_t *m) {
    for (int i = 0; i < lib->entry->num_of_funcs; i++) {
        nif_fun_t *fn = &lib->funs[i];
        engine_take_over(function_entry(m, fn->entry.function, fn->def.arity), &fn->entry);
    }
}

/* ---- load and upgrade ---- */

/* The version before m whose library is still there: load becomes upgrade. */
static nif_lib_t *lib_before(vm_t *vm, const module_t *m) {
    const module_t *versions[] = {module_find(vm, m->name), module_find_old(vm, m->name)};
    for (int i = 0; i < 2; i++)
        if (versions[i] && versions[i] != m && versions[i]->nif) return versions[i]->nif;
    return NULL;
}

static bool call_load(proc_t *p, nif_lib_t *lib, module_t *m, term_t info, failure_t *f) {
    const ErlNifEntry *e = lib->entry;
    nif_lib_t *before = lib_before(p->vm, m);
    ErlNifEnv env = {.vm = p->vm, .p = p, .lib = lib, .kind = ENV_CALLBACK};
    if (before && !e->upgrade)
        return fail(f, A_upgrade, "Upgrade not supported by this NIF library.");
    if (!before && !e->load) return true;
    lib->loading = true;
    nif_visit_t v = nif_enter(p->vm);
    int r = before ? e->upgrade(&env, &lib->priv, &before->priv, info)
                   : e->load(&env, &lib->priv, info);
    nif_leave(v);
    lib->loading = false;
    if (r == 0) return true;
    if (before) return fail(f, A_upgrade, "Library upgrade-call unsuccessful (%d).", r);
    return fail(f, A_load, "Library load-call unsuccessful (%d).", r);
}

/* m, if it is the version that is current or waits for its on_load function. */
static module_t *module_in_use(vm_t *vm, term_t name, const module_t *m, failure_t *f) {
    module_t *current = module_find(vm, name), *on_load = module_find_on_load(vm, name);
    if (m == current) return current;
    if (m == on_load) return on_load;
    fail(f, A_old_code, "Calling load_nif from old module '%s' not allowed", atom_name(vm, name));
    return NULL;
}

/* The module whose code called load_nif; NULL with the failure filled in. */
static module_t *calling_module(proc_t *p, failure_t *f) {
    vm_t *vm = p->vm;
    code_place_t place;
    if (!code_lookup(vm, p->sched->bif_ip, &place)) {
        fail(f, A_bad_lib,
             "load_nif/2 must be explicitly called from the NIF module. It cannot be called "
             "through apply/3.");
        return NULL;
    }
    return module_in_use(vm, place.module->name, place.module, f);
}

/* By who has seized it. */
static term_t load(proc_t *p, module_t *m, const char *path, term_t info) {
    vm_t *vm = p->vm;
    failure_t f;
    if (m->nif) {
        fail(&f, A_reload, "NIF library already loaded (reload disallowed since OTP 20).");
        return failed(p, &f);
    }
    nif_lib_t *lib = mem_calloc(vm, sizeof *lib);
    if (!lib) return bif_oom(p);
    lib->vm = vm;
    lib->module = m->name;
    atomic_init(&lib->refs, 1);
    lib->entry = static_entry(vm, m->name);
    if (!lib->entry && has_bifs(atom_name(vm, m->name))) {
        mem_free(vm, lib, sizeof *lib);
        return A_ok;
    }
    if ((lib->entry || lib_open(vm, lib, path, &f)) && entry_check(vm, lib->entry, m->name, &f) &&
        functions_check(lib, m, &f) && call_load(p, lib, m, info, &f)) {
        nif_types_commit(lib);
        functions_take_over(lib, m);
        m->nif = lib;
        spin_lock(vm, &vm->nif->lock);
        lib->next = vm->nif->libs;
        vm->nif->libs = lib;
        spin_unlock(vm, &vm->nif->lock);
        return A_ok;
    }
    nif_types_rollback(lib);
    lib_free(vm, lib);
    return failed(p, &f);
}

static bool seize(vm_t *vm) { return !atomic_exchange(&vm->nif->seized, true); }
static void release(vm_t *vm) { atomic_store(&vm->nif->seized, false); }

/* m NULL: the failure says why. While it waits its turn a version may go, so what it keeps of m are
 * the name and the address, as integers. */
static term_t load_in_turn(proc_t *p, module_t *m, const term_t *a, const failure_t *f) {
    vm_t *vm = p->vm;
    char path[PATH_BYTES + 1];
    if (!m) return failed(p, f);
    if (!seize(vm)) {
        term_t args[4] = {a[0], a[1], m->name, make_small((int64_t)(uintptr_t)m)};
        return bif_continue(p, &vm->nif->again, EXC_YIELD, 4, args);
    }
    int n = path_bytes(a[0], path);
    term_t result = TERM_NONE;
    if (n < 0) {
        bif_badarg(p);
    } else {
        path[n] = 0;
        result = load(p, m, path, a[1]);
    }
    release(vm);
    return result;
}

static BIF(load_nif) {
    failure_t f;
    char path[PATH_BYTES + 1];
    if (path_bytes(a[0], path) < 0) return bif_badarg(p);
    return load_in_turn(p, calling_module(p, &f), a, &f);
}

static BIF(load_nif_again) {
    failure_t f;
    uintptr_t m = (uintptr_t)small_value(a[3]);
    return load_in_turn(p, module_in_use(p->vm, a[2], (const module_t *)m, &f), a, &f);
}

/* ---- the end of a module version ---- */

static void module_gone(vm_t *vm, module_t *m) {
    nif_lib_t *lib = m->nif;
    (void)vm;
    m->nif = NULL;
    nif_types_orphan(lib);
    nif_lib_release(lib);
}

/* ---- the VM's part ---- */

static void vm_gone(vm_t *vm) {
    struct nif_state *st = vm->nif;
    vms_remove(st);
    nif_monitors_free(vm);
    mem_free(vm, st->statics, st->statics_cap * sizeof *st->statics);
    mem_free(vm, st, sizeof *st);
    vm->nif = NULL;
}

static term_t functions(proc_t *p, const module_t *m) {
    const nif_lib_t *lib = m->nif;
    size_t n = (size_t)lib->entry->num_of_funcs;
    term_t list = TERM_NIL, *hp = heap_alloc(p, 5 * n + 1), *end = hp + 5 * n + 1;
    if (!hp) return TERM_NONE;
    for (size_t i = n; i > 0; i--) {
        const nif_fun_t *f = &lib->funs[i - 1];
        term_t pair = tuple2(&hp, f->entry.function, make_small(f->argc));
        list = cons(&hp, pair, list);
    }
    heap_release(p, hp, end);
    return list;
}

static const nif_ops_t nif_ops = {
    .seize = seize,
    .release = release,
    .module_gone = module_gone,
    .functions = functions,
    .process_gone = nif_process_gone,
    .is_tracer = nif_is_tracer,
    .tracer_call = nif_tracer_call,
    .vm_gone = vm_gone,
};
static const bif_def_t load_nif_def = {"erlang", "load_nif", 2, load_nif, 0};
static const bif_def_t load_nif_again_def = {"erlang", "load_nif", 4, load_nif_again, 0};

int nif_init(vm_t *vm) {
    export_t *e = export_get(vm, A_erlang, A_load_nif, 2);
    struct nif_state *st = mem_calloc(vm, sizeof *st);
    if (!e || !st) {
        mem_free(vm, st, sizeof *st);
        return -1;
    }
    st->vm = vm;
    st->again.bif = &load_nif_again_def;
    st->again.module = A_erlang;
    st->again.function = A_load_nif;
    st->again.arity = load_nif_again_def.arity;
    engine_make_nif_stub(&st->again, st->again_stub);
    vm->nif = st;
    vm->nif_ops = &nif_ops;
    e->bif = &load_nif_def;
    engine_make_bif_stub(e);
    for (const nif_init_fn *init = nif_statics; *init; init++)
        if (nif_register(vm, (*init)()) != 0) return -1;
    vms_add(st);
    return 0;
}

int nif_register(vm_t *vm, const ErlNifEntry *entry) {
    struct nif_state *st = vm->nif;
    if (!entry || !entry->name || entry->major != ERL_NIF_MAJOR_VERSION ||
        entry->minor > ERL_NIF_MINOR_VERSION)
        return -2;
    spin_lock(vm, &st->lock);
    if (st->nstatics == st->statics_cap) {
        size_t cap = st->statics_cap ? 2 * st->statics_cap : 8;
        void *more = mem_realloc(vm, st->statics, st->statics_cap * sizeof *st->statics,
                                 cap * sizeof *st->statics);
        if (!more) {
            spin_unlock(vm, &st->lock);
            return -1;
        }
        st->statics = more;
        st->statics_cap = cap;
    }
    st->statics[st->nstatics++] = entry;
    spin_unlock(vm, &st->lock);
    return 0;
}

int nif_register_entry(vm_t *vm, const void *entry) { return nif_register(vm, entry); }

void nif_closing(vm_t *vm) {
    if (!vm->nif) return;
    vm->nif->closing = true; /* first: nobody starts another selector */
    nif_select_stop(vm);
}
