/* sysfun.c: the functions of module ling_host behind src/lib/ling_sys.erl: what the stand-ins of
 * OTP's init and code server ask of the code path.
 */
#include "api/api.h"
#include "vm/binary.h"
#include "vm/codepath.h"

static term_t text_or_oom(proc_t *p, const char *s) {
    term_t t = ling_make_string(&(ling_env_t){.vm = p->vm, .p = p}, s);
    if (t == TERM_NONE) t = string_to_list(p, s); /* not UTF-8: bytes */
    return t == TERM_NONE ? bif_oom(p) : t;
}

/* load(Module) -> {module, Module} | {on_load, Module} | {error, nofile | badfile} */
static BIF(sys_load) {
    load_error_t err;
    err.text[0] = 0;
    if (!is_atom(a[0])) return bif_badarg(p);
    bool loaded = load_module_from_path(p->vm, a[0], &err) != NULL;
    bool current = module_find(p->vm, a[0]) != NULL;
    term_t why = A_nofile;
    code_file_t file;
    if (!loaded && code_path_find(p->vm, a[0], &file, NULL, 0)) {
        code_file_release(p->vm, &file);
        why = A_badfile;
    }
    term_t *hp = heap_alloc(p, 3);
    if (!hp) return bif_oom(p);
    if (!loaded) return tuple2(&hp, A_error, why);
    return tuple2(&hp, current ? A_module : A_on_load, a[0]);
}

/* object_code(Module) -> {Module, Binary, Filename} | error */
static BIF(sys_object_code) {
    code_file_t file;
    char path[4200];
    if (!is_atom(a[0])) return bif_badarg(p);
    if (!code_path_find(p->vm, a[0], &file, path, sizeof path)) return A_error;
    term_t bin = new_binary(p, file.data, file.size);
    code_file_release(p->vm, &file);
    term_t name = bin == TERM_NONE ? TERM_NONE : text_or_oom(p, path);
    term_t *hp = name == TERM_NONE ? NULL : heap_alloc(p, 4);
    return hp ? tuple3(&hp, a[0], bin, name) : bif_oom(p);
}

typedef struct {
    proc_t *p;
    term_t list; /* reversed; TERM_NONE: no memory */
} paths_t;
static bool add_dir(void *user, const char *dir) {
    paths_t *w = user;
    term_t name = text_or_oom(w->p, dir);
    term_t *hp = name == TERM_NONE ? NULL : heap_alloc(w->p, 2);
    w->list = hp ? cons(&hp, name, w->list) : TERM_NONE;
    return hp != NULL;
}
/* path() -> directories in the order they are searched */
static BIF(sys_path) {
    (void)a;
    paths_t w = {p, TERM_NIL};
    code_path_each(p->vm, add_dir, &w);
    if (w.list == TERM_NONE) return bif_oom(p);
    term_t list = TERM_NIL;
    for (term_t l = w.list, next; is_cons(l); l = next) { /* turned round in place: just made */
        next = cons_tail(l);
        cons_ptr(l)[1] = list;
        list = l;
    }
    return list;
}

/* add_path(Dir, Front) -> true */
static BIF(sys_add_path) {
    char dir[4200];
    size_t n;
    if (ling_get_text(p->vm, a[0], dir, sizeof dir, &n) != LING_OK || n == 0) return bif_badarg(p);
    if (!code_path_add(p->vm, dir, a[1] == A_true)) return bif_oom(p);
    return A_true;
}

/* root() -> OTP's root directory | none */
static BIF(sys_root) {
    (void)a;
    const char *root = code_path_root(p->vm);
    return root ? text_or_oom(p, root) : A_none;
}

/* log(Text): a line for the log, a warning */
static BIF(sys_log) {
    char line[1000];
    size_t n;
    int rc = ling_get_text(p->vm, a[0], line, sizeof line, &n);
    if (rc == LING_ETYPE) return bif_badarg(p);
    if (rc == LING_OK) p->vm->host->ops->log(p->vm->host, HOST_LOG_WARNING, line, n);
    return A_true;
}

const bif_def_t bifs_sys[] = {
    {"ling_host", "load", 1, sys_load, 0},
    {"ling_host", "object_code", 1, sys_object_code, 0},
    {"ling_host", "path", 0, sys_path, 0},
    {"ling_host", "add_path", 2, sys_add_path, 0},
    {"ling_host", "root", 0, sys_root, 0},
    {"ling_host", "log", 1, sys_log, 0},
    {0},
};
