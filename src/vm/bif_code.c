/* bif_code.c: the BIFs that load, replace and inspect code: what code_server, init and
 * erts_code_purger of OTP use, and Module:module_info.
 *
 * The work is done by load.c, code.c and purge.c; here arguments are checked and results built.
 * Changes to code are made by one process at a time (the code server, the purger); a second one at
 * the same time meets the spin lock in code.c.
 */
#include "vm/beam_file.h"
#include "vm/bif_tables.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/nif.h"
#include "vm/process.h"

/* ---- prepared code ---- a magic reference to a module that is in no table yet */

typedef struct {
    magic_t magic;
    module_t *module; /* NULL: has been made current */
} prepared_t;

static void prepared_destroy(magic_t *magic) {
    prepared_t *c = (prepared_t *)magic;
    vm_t *vm = magic->vm;
    module_free(vm, c->module);
    mem_free(vm, c, sizeof *c);
}

/* The prepared code behind a term, or NULL. */
static prepared_t *prepared_of(term_t t) {
    if (!is_boxed_type(t, T_MAGIC_REF)) return NULL;
    magic_t *m = ((magic_ref_t *)boxed_ptr(t))->magic;
    return m->destroy == prepared_destroy ? (prepared_t *)m : NULL;
}

static term_t prepared_new(proc_t *p, module_t *m) {
    vm_t *vm = p->vm;
    prepared_t *c = mem_alloc(vm, sizeof *c);
    term_t *hp = c == NULL ? NULL : heap_alloc(p, MAGIC_REF_WORDS);
    if (hp == NULL) {
        mem_free(vm, c, sizeof *c);
        module_free(vm, m);
        return bif_oom(p);
    }
    c->module = m;
    magic_init(vm, &c->magic, prepared_destroy);
    return magic_ref_put(p, hp, &c->magic);
}

/* {A, B} */
static term_t pair(proc_t *p, term_t a, term_t b) {
    term_t *hp = heap_alloc(p, 3);
    return hp == NULL ? bif_oom(p) : tuple2(&hp, a, b);
}

/* Says on the host's log what was wrong with a file, as nobody else will. */
static void log_load_error(vm_t *vm, term_t name, const load_error_t *err) {
    char text[ATOM_MAX_BYTES + sizeof err->text + 32];
    const char *parts[] = {"Error loading module ", atom_name(vm, name), ": ", err->text};
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strlen(parts[i]);
        memcpy(text + n, parts[i], len);
        n += len;
    }
    if (vm->host->ops->log != NULL) vm->host->ops->log(vm->host, HOST_LOG_ERROR, text, n);
}

/* erts_internal:prepare_loading(Module, Bytes) -> Ref | {error, badfile} */
static BIF(bif_prepare_loading) {
    vm_t *vm = p->vm;
    const uint8_t *bytes;
    uint8_t *tmp;
    size_t size, tmp_size;
    if (!is_atom(a[0]) || !is_binary(a[1])) return bif_badarg(p);
    if (!bytes_of(vm, a[1], &bytes, &size, &tmp, &tmp_size)) return bif_oom(p);
    load_error_t err;
    err.text[0] = 0;
    module_t *m = load_beam(vm, bytes, size, &err);
    mem_free(vm, tmp, tmp_size);
    bif_bump(p, size / 256);
    if (m != NULL && m->name != a[0]) {
        static const char why[] = "module name in object code is another one";
        memcpy(err.text, why, sizeof why);
        module_free(vm, m);
        m = NULL;
    }
    if (m != NULL) return prepared_new(p, m);
    if (strcmp(err.text, "out of memory") == 0) return bif_oom(p);
    log_load_error(vm, a[0], &err);
    return pair(p, A_error, A_badfile);
}

static BIF(bif_has_prepared_code_on_load) {
    prepared_t *c = prepared_of(a[0]);
    if (c == NULL) return bif_badarg(p);
    return make_bool(c->module != NULL && c->module->on_load != NULL);
}

/* {Tag, Modules}: of all of the list with not_purged those that have old code. */
static term_t module_list(proc_t *p, term_t tag, term_t refs, bool (*wanted)(vm_t *, module_t *)) {
    size_t n = 0;
    for (term_t l = refs; is_cons(l); l = cons_tail(l))
        n += wanted(p->vm, prepared_of(cons_head(l))->module);
    term_t *hp = heap_alloc(p, 3 + 2 * n), *cell = hp + 3;
    if (hp == NULL) return bif_oom(p);
    term_t list = TERM_NIL;
    term_t *first = cell;
    for (term_t l = refs; is_cons(l); l = cons_tail(l)) {
        module_t *m = prepared_of(cons_head(l))->module;
        if (!wanted(p->vm, m)) continue;
        cell[0] = m->name;
        cell[1] = TERM_NIL;
        if (cell != first) cell[-1] = make_cons(cell);
        cell += 2;
    }
    if (n > 0) list = make_cons(first);
    return tuple2(&hp, tag, list);
}

static bool in_the_way(vm_t *vm, module_t *m) {
    return module_find_on_load(vm, m->name) != NULL ||
           (module_find(vm, m->name) != NULL && module_find_old(vm, m->name) != NULL);
}

/* erlang:finish_loading([Ref]) -> ok | {not_purged, Modules} | {on_load, Modules} */
static BIF(bif_finish_loading) {
    vm_t *vm = p->vm;
    int64_t n = list_length(a[0]);
    if (n < 0) return bif_badarg(p);
    bool old_code = false, on_load = false;
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        prepared_t *c = prepared_of(cons_head(l));
        if (c == NULL || c->module == NULL) return bif_badarg(p);
        on_load |= c->module->on_load != NULL;
        old_code |= in_the_way(vm, c->module);
    }
    /* A group that waits for an on_load function could not be made current at once. */
    if (on_load && n > 1) return bif_system_limit(p);
    if (old_code) return module_list(p, A_not_purged, a[0], in_the_way);
    bif_bump(p, (size_t)n * 4);
    if (on_load) {
        prepared_t *c = prepared_of(cons_head(a[0]));
        module_t *m = c->module;
        term_t *hp = heap_alloc(p, 5);
        if (hp == NULL || module_set_on_load(vm, m) != 0) return bif_oom(p);
        c->module = NULL;
        term_t list = cons(&hp, m->name, TERM_NIL);
        return tuple2(&hp, A_on_load, list);
    }
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        prepared_t *c = prepared_of(cons_head(l));
        if (c->module == NULL) continue; /* the same reference twice */
        switch (module_publish(vm, c->module)) {
        case 0: break;
        case -1: return bif_badarg(p); /* one module twice in the list */
        default: return bif_oom(p);
        }
        c->module = NULL;
    }
    return A_ok;
}

/* ---- on_load ---- */

/* Runs the function and returns what it returns. It need not be exported, so it is wrapped in a
 * closure. */
static BIF(bif_call_on_load_function) {
    module_t *m = is_atom(a[0]) ? module_find_on_load(p->vm, a[0]) : NULL;
    if (m == NULL || m->on_load == NULL) return bif_badarg(p);
    fun_entry_t *f = fun_entry_get(p->vm, m->name, m->md5, UINT32_MAX, 0, 0, 0, 0);
    fun_obj_t *o = f == NULL ? NULL : (fun_obj_t *)heap_alloc(p, FUN_WORDS(0));
    if (o == NULL) return bif_oom(p);
    atomic_store_explicit(&f->code, m->on_load, memory_order_release);
    o->header = make_header(T_FUN, FUN_WORDS(0) - 1);
    o->entry = f;
    o->creator = p->pid;
    term_t args[2] = {make_boxed(o), TERM_NIL};
    return bif_trap(p, A_erlang, A_apply, 2, args);
}

/* erlang:finish_after_on_load(Module, Keep) */
static BIF(bif_finish_after_on_load) {
    if (!is_atom(a[0]) || (a[1] != A_true && a[1] != A_false)) return bif_badarg(p);
    module_t *m = module_find_on_load(p->vm, a[0]);
    if (m == NULL) return bif_badarg(p);
    /* The wrapper of call_on_load_function must not outlive this version. */
    fun_entry_t *f = fun_entry_get(p->vm, m->name, m->md5, UINT32_MAX, 0, 0, 0, 0);
    if (f != NULL) atomic_store_explicit(&f->code, f->stub, memory_order_release);
    if (module_on_load_done(p->vm, a[0], a[1] == A_true) != 0) return bif_badarg(p);
    return A_true;
}

/* ---- deleting and purging ---- */

static BIF(bif_delete_module) {
    if (!is_atom(a[0])) return bif_badarg(p);
    switch (module_delete(p->vm, a[0])) {
    case 0: return A_true;
    case -1: return bif_badarg(p);
    default: return A_undefined;
    }
}

static BIF(bif_check_old_code) {
    if (!is_atom(a[0])) return bif_badarg(p);
    return make_bool(module_find_old(p->vm, a[0]) != NULL);
}

/* erts_internal:check_process_code(Module): of the calling process */
static BIF(bif_check_process_code) {
    if (!is_atom(a[0])) return bif_badarg(p);
    bif_bump(p, (size_t)(p->hend - p->sp) / 64);
    return make_bool(proc_uses_old_code(p, a[0], true));
}

/* Where a process is registered by this name, only it may do what follows. */
static bool is_reserved(proc_t *p, term_t name) {
    term_t owner = name_whereis(p->vm, name);
    return owner != TERM_NONE && owner != p->pid;
}

/* erts_internal:purge_module(Module, Op) */
static BIF(bif_purge_module) {
    if (is_reserved(p, A_erts_code_purger)) return bif_error(p, A_notsup);
    if (!is_atom(a[0])) return bif_badarg(p);
    int op;
    switch (a[1]) {
    case A_prepare: op = PURGE_PREPARE; break;
    case A_prepare_on_load: op = PURGE_PREPARE_ON_LOAD; break;
    case A_abort: op = PURGE_ABORT; break;
    case A_complete: op = PURGE_COMPLETE; break;
    default: return bif_badarg(p);
    }
    /* The purger has asked every process, and so has the code server of the bare mode (ling_boot).
     * Of others that is not known, and the caller itself may be running in the old version: its
     * memory stays. */
    bool keep = p->name != A_erts_code_purger && p->name != A_code_server;
    const struct nif_ops *nifs = op == PURGE_COMPLETE ? p->vm->nif_ops : NULL;
    if (nifs && !nifs->seize(p->vm)) return bif_yield(p, p->cur_bif, 2, a);
    int r = code_purge(p->vm, a[0], op, keep);
    if (nifs) nifs->release(p->vm);
    if (r < 0) return bif_badarg(p);
    return make_bool(r == 1);
}

/* literals.c gives literals back without this process, with OTP and without: there is never an area
 * for it to release. */
static BIF(bif_release_area_switch) {
    (void)a;
    if (is_reserved(p, A_erts_literal_area_collector)) return bif_error(p, A_notsup);
    return A_false;
}

static BIF(bif_send_copy_request) {
    (void)a;
    return bif_error(p, A_notsup);
}

/* ---- asking ---- */

static BIF(bif_module_loaded) {
    if (!is_atom(a[0])) return bif_badarg(p);
    return make_bool(module_find(p->vm, a[0]) != NULL);
}

static BIF(bif_function_exported) {
    if (!is_atom(a[0]) || !is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    int64_t arity = small_value(a[2]);
    if (arity < 0 || arity > MAX_ARITY) return A_false;
    export_t *e = export_find(p->vm, a[0], a[1], (uint32_t)arity);
    return make_bool(e != NULL && export_is_defined(e));
}

typedef struct {
    proc_t *p;
    term_t list;
    term_t last;
    bool failed;
} name_list_t;

static bool name_add(void *user, module_t *m, bool is_old) {
    name_list_t *l = user;
    (void)is_old;
    if (m->name == l->last) return true; /* both versions come one after the other */
    term_t *hp = heap_alloc(l->p, 2);
    if (hp == NULL) {
        l->failed = true;
        return false;
    }
    l->last = m->name;
    l->list = cons(&hp, m->name, l->list);
    return true;
}

static BIF(bif_loaded) {
    (void)a;
    name_list_t l = {p, TERM_NIL, TERM_NONE, false};
    module_each(p->vm, name_add, &l);
    return l.failed ? bif_oom(p) : l.list;
}

static BIF(bif_pre_loaded) {
    (void)a;
    size_t n = 0;
    while (code_preloaded[n]) n++;
    term_t *hp = heap_alloc(p, 2 * n), *end = hp + 2 * n, list = TERM_NIL;
    if (hp == NULL) return bif_oom(p);
    for (size_t i = 0; i < n; i++) {
        const char *text = code_preloaded[i];
        term_t name = atom_find(p->vm, (const uint8_t *)text, strlen(text));
        if (name != TERM_NONE && module_find(p->vm, name) != NULL) list = cons(&hp, name, list);
    }
    heap_release(p, hp, end);
    return list;
}

/* ---- module_info ---- */

static term_t function_list(proc_t *p, const module_t *m) {
    if (m->nfunctions == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 5 * (size_t)m->nfunctions), list = TERM_NIL;
    if (hp == NULL) return bif_oom(p);
    for (uint32_t i = m->nfunctions; i > 0; i--) {
        const code_function_t *f = &m->functions[i - 1];
        term_t fa = tuple2(&hp, f->function, make_small(f->arity));
        list = cons(&hp, fa, list);
    }
    return list;
}

static term_t export_list(proc_t *p, const module_t *m) {
    if (m->nexports == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 5 * (size_t)m->nexports), list = TERM_NIL;
    if (hp == NULL) return bif_oom(p);
    for (uint32_t i = 0; i < m->nexports; i++) {
        const export_t *e = m->exports[i].entry;
        term_t fa = tuple2(&hp, e->function, make_small(e->arity));
        list = cons(&hp, fa, list);
    }
    return list;
}

static term_t literal_or_nil(term_t t) { return t == 0 || t == TERM_NONE ? TERM_NIL : t; }

/* TERM_NONE with an exception raised: no such item, or no memory. */
static term_t module_info_item(proc_t *p, const module_t *m, term_t item) {
    switch (item) {
    case A_module: return m->name;
    case A_exports: return export_list(p, m);
    case A_functions: return function_list(p, m);
    case A_attributes: return literal_or_nil(m->attributes);
    case A_compile: return literal_or_nil(m->compile_info);
    case A_md5: {
        term_t b = new_binary(p, m->md5, sizeof m->md5);
        return b == TERM_NONE ? bif_oom(p) : b;
    }
    case A_native: return A_false;
    case A_nifs: return m->nif ? p->vm->nif_ops->functions(p, m) : TERM_NIL;
    default: return bif_badarg(p);
    }
}

static BIF(bif_get_module_info_2) {
    module_t *m = is_atom(a[0]) && is_atom(a[1]) ? module_find_settled(p->vm, a[0]) : NULL;
    return m == NULL ? bif_badarg(p) : module_info_item(p, m, a[1]);
}

static BIF(bif_get_module_info_1) {
    module_t *m = is_atom(a[0]) ? module_find_settled(p->vm, a[0]) : NULL;
    if (m == NULL) return bif_badarg(p);
    static const term_t items[] = {A_md5, A_compile, A_attributes, A_exports, A_module};
    term_t list = TERM_NIL;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        term_t value = module_info_item(p, m, items[i]);
        if (value == TERM_NONE) return TERM_NONE;
        term_t *hp = heap_alloc(p, 5);
        if (hp == NULL) return bif_oom(p);
        term_t entry = tuple2(&hp, items[i], value);
        list = cons(&hp, entry, list);
    }
    return list;
}

/* ---- beam files as bytes ---- */

/* erts_internal:beamfile_chunk(Bytes, Name) -> Bytes | undefined */
static BIF(bif_beamfile_chunk) {
    vm_t *vm = p->vm;
    const uint8_t *bytes;
    uint8_t *tmp;
    size_t size, tmp_size;
    char id[4];
    term_t l = a[1];
    for (int i = 0; i < 4; i++, l = cons_tail(l)) {
        if (!is_cons(l) || !is_small(cons_head(l))) return bif_badarg(p);
        int64_t c = small_value(cons_head(l));
        if (c < 0 || c > 255) return bif_badarg(p);
        id[i] = (char)c;
    }
    if (!is_nil(l) || !is_binary(a[0])) return bif_badarg(p);
    if (!bytes_of(vm, a[0], &bytes, &size, &tmp, &tmp_size)) return bif_oom(p);
    beam_blob_t chunk;
    term_t result = A_undefined;
    if (beam_chunk(bytes, size, id, &chunk)) {
        if (tmp != NULL)
            result = new_binary(p, chunk.data, chunk.size);
        else
            result = bits_part(p, a[0], (size_t)(chunk.data - bytes) * 8, (size_t)chunk.size * 8);
    }
    mem_free(vm, tmp, tmp_size);
    return result == TERM_NONE ? bif_oom(p) : result;
}

static BIF(bif_beamfile_module_md5) {
    const uint8_t *bytes;
    uint8_t *tmp, md5[16];
    size_t size, tmp_size;
    if (!is_binary(a[0])) return bif_badarg(p);
    if (!bytes_of(p->vm, a[0], &bytes, &size, &tmp, &tmp_size)) return bif_oom(p);
    bool ok = beam_module_md5(bytes, size, md5);
    mem_free(p->vm, tmp, tmp_size);
    bif_bump(p, size / 1024);
    if (!ok) return A_undefined;
    term_t b = new_binary(p, md5, sizeof md5);
    return b == TERM_NONE ? bif_oom(p) : b;
}

const bif_def_t bifs_code[] = {
    {"erlang", "has_prepared_code_on_load", 1, bif_has_prepared_code_on_load, 0},
    {"erlang", "finish_loading", 1, bif_finish_loading, 0},
    {"erlang", "call_on_load_function", 1, bif_call_on_load_function, 0},
    {"erlang", "finish_after_on_load", 2, bif_finish_after_on_load, 0},
    {"erlang", "delete_module", 1, bif_delete_module, 0},
    {"erlang", "check_old_code", 1, bif_check_old_code, 0},
    {"erlang", "module_loaded", 1, bif_module_loaded, 0},
    {"erlang", "function_exported", 3, bif_function_exported, 0},
    {"erlang", "loaded", 0, bif_loaded, 0},
    {"erlang", "pre_loaded", 0, bif_pre_loaded, 0},
    {"erlang", "get_module_info", 1, bif_get_module_info_1, 0},
    {"erlang", "get_module_info", 2, bif_get_module_info_2, 0},
    {"erts_internal", "prepare_loading", 2, bif_prepare_loading, 0},
    {"erts_internal", "beamfile_chunk", 2, bif_beamfile_chunk, 0},
    {"erts_internal", "beamfile_module_md5", 1, bif_beamfile_module_md5, 0},
    {"erts_internal", "check_process_code", 1, bif_check_process_code, 0},
    {"erts_internal", "purge_module", 2, bif_purge_module, 0},
    {"erts_literal_area_collector", "release_area_switch", 0, bif_release_area_switch, 0},
    {"erts_literal_area_collector", "send_copy_request", 3, bif_send_copy_request, 0},
    {0}};
