/* nif_resource.c: resource types and objects.
 *
 * An object is a magic reference's native part (term.h) followed by the library's bytes; its
 * destructor runs where the last count goes: in a collection, at the end of a process, or in native
 * code. A type belongs to the library that opened it last; types with objects keep their library
 * in memory after its module is gone.
 */
#include "nif/nif_resource.h"
#include "vm/sched.h"

/* ---- types ---- */

static void type_release(ErlNifResourceType *t) {
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    nif_lib_t *lib = t->lib;
    mem_free(t->vm, t, sizeof *t);
    if (lib) nif_lib_release(lib);
}

static ErlNifResourceType *type_find(vm_t *vm, term_t module, term_t name) {
    ErlNifResourceType *t = vm->nif->types;
    while (t && !(t->module == module && t->name == name)) t = t->next;
    return t;
}

static void set_callbacks(ErlNifResourceType *t, const ErlNifResourceTypeInit *init, int members) {
    t->dtor = members > 0 ? init->dtor : NULL;
    t->stop = members > 1 ? init->stop : NULL;
    t->down = members > 2 ? init->down : NULL;
    t->dyncall = members > 3 ? init->dyncall : NULL;
}

static ErlNifResourceType *type_open(ErlNifEnv *env, const char *name,
                                     const ErlNifResourceTypeInit *init, int members,
                                     ErlNifResourceFlags flags, ErlNifResourceFlags *tried) {
    nif_lib_t *lib = env->lib;
    vm_t *vm = env->vm;
    if (!lib || !lib->loading) return NULL;
    size_t len = strlen(name);
    term_t atom =
        len <= ATOM_MAX_CHARS ? atom_intern_latin1(vm, (const uint8_t *)name, len) : TERM_NONE;
    if (atom == TERM_NONE) return NULL;
    spin_lock(vm, &vm->nif->lock);
    ErlNifResourceType *there = type_find(vm, lib->module, atom);
    spin_unlock(vm, &vm->nif->lock);
    ErlNifResourceFlags how = there ? ERL_NIF_RT_TAKEOVER : ERL_NIF_RT_CREATE;
    bool ok = (flags & how) != 0;
    if (tried) *tried = ok ? how : flags;
    if (!ok) return NULL;
    /* A new type, or the callbacks an old one will have when the library is loaded. */
    ErlNifResourceType *t = mem_calloc(vm, sizeof *t);
    if (!t) return NULL;
    t->vm = vm;
    t->module = lib->module;
    t->name = atom;
    t->taken = there;
    set_callbacks(t, init, members);
    t->next = lib->opened;
    lib->opened = t;
    return there ? there : t;
}

ErlNifResourceType *enif_open_resource_type(ErlNifEnv *env, const char *module, const char *name,
                                            ErlNifResourceDtor *dtor, ErlNifResourceFlags flags,
                                            ErlNifResourceFlags *tried) {
    ErlNifResourceTypeInit init = {.dtor = dtor};
    return module ? NULL : type_open(env, name, &init, 1, flags, tried);
}

ErlNifResourceType *enif_open_resource_type_x(ErlNifEnv *env, const char *name,
                                              const ErlNifResourceTypeInit *init,
                                              ErlNifResourceFlags flags,
                                              ErlNifResourceFlags *tried) {
    return type_open(env, name, init, 3, flags, tried);
}

ErlNifResourceType *enif_init_resource_type(ErlNifEnv *env, const char *name,
                                            const ErlNifResourceTypeInit *init,
                                            ErlNifResourceFlags flags, ErlNifResourceFlags *tried) {
    return type_open(env, name, init, init->members, flags, tried);
}

void nif_types_commit(nif_lib_t *lib) {
    vm_t *vm = lib->vm;
    for (ErlNifResourceType *o = lib->opened, *next; o; o = next) {
        next = o->next;
        nif_lib_t *before = NULL;
        spin_lock(vm, &vm->nif->lock);
        ErlNifResourceType *t = o->taken ? o->taken : o;
        if (o->taken) {
            before = t->lib;
            t->dtor = o->dtor, t->stop = o->stop, t->down = o->down, t->dyncall = o->dyncall;
        } else {
            atomic_store_explicit(&t->refs, 1, memory_order_relaxed);
            t->next = vm->nif->types;
            vm->nif->types = t;
        }
        t->lib = lib;
        atomic_fetch_add_explicit(&lib->refs, 1, memory_order_relaxed);
        spin_unlock(vm, &vm->nif->lock);
        if (o->taken) mem_free(vm, o, sizeof *o);
        if (before) nif_lib_release(before);
    }
    lib->opened = NULL;
}

void nif_types_rollback(nif_lib_t *lib) {
    for (ErlNifResourceType *o = lib->opened, *next; o; o = next) {
        next = o->next;
        mem_free(lib->vm, o, sizeof *o);
    }
    lib->opened = NULL;
}

void nif_types_orphan(nif_lib_t *lib) {
    vm_t *vm = lib->vm;
    ErlNifResourceType *gone = NULL;
    spin_lock(vm, &vm->nif->lock);
    for (ErlNifResourceType **link = &vm->nif->types; *link;) {
        ErlNifResourceType *t = *link;
        if (t->lib == lib) {
            *link = t->next;
            t->next = gone;
            gone = t;
        } else {
            link = &t->next;
        }
    }
    spin_unlock(vm, &vm->nif->lock);
    for (ErlNifResourceType *next; gone; gone = next) {
        next = gone->next;
        type_release(gone);
    }
}

/* ---- objects ---- */

static void resource_destroy(magic_t *m) {
    nif_resource_t *r = (nif_resource_t *)m;
    ErlNifResourceType *t = r->type;
    vm_t *vm = t->vm;
    nif_monitors_end(r);
    if (t->dtor) {
        nif_env_block_t b;
        nif_env_open(&b, vm, t->lib, ENV_CALLBACK);
        nif_visit_t v = nif_enter(vm);
        t->dtor(&b.env, r->data);
        nif_leave(v);
        nif_env_close(&b);
    }
    mem_free(vm, r, sizeof *r + r->size);
    type_release(t);
}

void *enif_alloc_resource(ErlNifResourceType *type, size_t size) {
    vm_t *vm = type->vm;
    nif_resource_t *r = size < SIZE_MAX / 2 ? mem_alloc(vm, sizeof *r + size) : NULL;
    if (!r) return NULL;
    memset(r, 0, sizeof *r);
    magic_init(vm, &r->magic, resource_destroy);
    r->type = type;
    r->size = size;
    atomic_fetch_add_explicit(&type->refs, 1, memory_order_relaxed);
    return r->data;
}

void enif_keep_resource(void *obj) {
    atomic_fetch_add_explicit(&resource_of(obj)->magic.refs, 1, memory_order_relaxed);
}
void enif_release_resource(void *obj) { magic_release(&resource_of(obj)->magic); }
size_t enif_sizeof_resource(void *obj) { return resource_of(obj)->size; }

ERL_NIF_TERM enif_make_resource(ErlNifEnv *env, void *obj) {
    nif_resource_t *r = resource_of(obj);
    term_t *hp = heap_alloc(env->p, MAGIC_REF_WORDS);
    if (!hp) return nif_oom(env);
    enif_keep_resource(obj);
    env->p->vheap += r->size; /* large objects make collections due, as large binaries do */
    return magic_ref_put(env->p, hp, &r->magic);
}

static void resource_binary_gone(shared_bin_t *b) { enif_release_resource(b->owner); }

ERL_NIF_TERM enif_make_resource_binary(ErlNifEnv *env, void *obj, const void *data, size_t size) {
    shared_bin_t *b = shared_bin_new_foreign(env->vm, (uint8_t *)(uintptr_t)data, size,
                                             resource_binary_gone, obj);
    if (!b) return nif_oom(env);
    enif_keep_resource(obj);
    return nif_made(env, binary_from_shared(env->p, b, 0, size));
}

nif_resource_t *nif_resource_from_term(term_t t) {
    if (boxed_type(t) == T_MAGIC_REF) {
        magic_t *m = ((magic_ref_t *)boxed_ptr(t))->magic;
        return m->destroy == resource_destroy ? (nif_resource_t *)m : NULL;
    }
    if (boxed_type(t) == T_PROC_BIN) {
        shared_bin_t *b = ((proc_bin_t *)boxed_ptr(t))->bin;
        if (b->destroy == resource_binary_gone) return resource_of(b->owner);
    }
    return NULL;
}

int enif_get_resource(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifResourceType *type, void **obj) {
    (void)env;
    nif_resource_t *r = nif_resource_from_term(t);
    if (!r || r->type != type) return 0;
    *obj = r->data;
    return 1;
}

int enif_dynamic_resource_call(ErlNifEnv *env, ERL_NIF_TERM module, ERL_NIF_TERM name,
                               ERL_NIF_TERM t, void *call_data) {
    nif_resource_t *r = nif_resource_from_term(t);
    if (!r || r->type->module != module || r->type->name != name || !r->type->dyncall) return 1;
    r->type->dyncall(env, r->data, call_data);
    return 0;
}
