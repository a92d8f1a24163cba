/* boot.c: booting a whole OTP: the preloaded modules, process 0 and the system processes, the way
 * stock code expects its emulator to start (erl_init, init). What comes after that is OTP's.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include "api/api.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/codepath.h"

/* Modules OTP's own machine carries inside; here they are files of the installation. Those of the
 * socket API come last: without them erl_init leaves it alone. */
static const char *const preloaded[] = {
    "erlang",
    "erts_internal",
    "erl_init",
    "init",
    "prim_eval",
    "prim_file",
    "prim_buffer",
    "prim_inet",
    "prim_zip",
    "zlib",
    "erl_prim_loader",
    "erl_tracer",
    "atomics",
    "counters",
    "persistent_term",
    "erts_code_purger",
    "erts_literal_area_collector",
    "erts_dirty_process_signal_handler",
};

/* ---- the runtime system's folder ---- */

typedef struct {
    char version[64]; /* of "erts-VERSION" */
} erts_t;

static bool is_newer(const char *a, const char *b) {
    while (*a || *b) {
        char *enda, *endb;
        unsigned long x = strtoul(a, &enda, 10), y = strtoul(b, &endb, 10);
        if (x != y) return x > y;
        if (enda == a && endb == b) return strcmp(a, b) > 0;
        a = enda + (*enda == '.');
        b = endb + (*endb == '.');
    }
    return false;
}

static bool see_erts(void *user, const char *name) {
    erts_t *e = user;
    if (strncmp(name, "erts-", 5) != 0 || strlen(name + 5) >= sizeof e->version) return true;
    if (!e->version[0] || is_newer(name + 5, e->version)) strcpy(e->version, name + 5);
    return true;
}

/* Where the preloaded modules are: ROOT/lib/erts-VSN/ebin, or ROOT/erts-VSN/ebin of a release. */
static int find_preloaded(vm_t *vm, const char *root, char *dir, size_t size) {
    static const char *const places[] = {"lib/", ""};
    for (size_t i = 0; i < 2; i++) {
        erts_t e = {{0}};
        snprintf(dir, size, "%s/%s", root, places[i]);
        vm->host->ops->dir_list(vm->host, dir, see_erts, &e);
        if (!e.version[0]) continue;
        uint8_t *data;
        size_t n;
        char file[PATH_MAX];
        snprintf(dir, size, "%s/%serts-%s/ebin", root, places[i], e.version);
        if (snprintf(file, sizeof file, "%s/erl_init.beam", dir) >= (int)sizeof file) continue;
        if (vm->host->ops->file_load(vm->host, file, &data, &n) != 0) continue;
        vm->host->ops->file_free(vm->host, data, n);
        return LING_OK;
    }
    return api_fail(vm, LING_ENOENT, "%s has no erts-*/ebin with the preloaded modules", root);
}

/* In OTP stack traces show no lines of preloaded modules. */
static void drop_lines(module_t *m) {
    mem_free(m->vm, m->lines, m->nlines * sizeof *m->lines);
    m->lines = NULL;
    m->nlines = 0;
}

static int load_preloaded(vm_t *vm, const char *dir) {
    for (size_t i = 0; i < sizeof preloaded / sizeof *preloaded; i++) {
        char file[PATH_MAX];
        uint8_t *data;
        size_t size;
        load_error_t err = {{0}};
        if (snprintf(file, sizeof file, "%s/%s.beam", dir, preloaded[i]) >= (int)sizeof file)
            return api_fail(vm, LING_ENOENT, "the name of OTP's folder is too long");
        int e = vm->host->ops->file_load(vm->host, file, &data, &size);
        if (e < 0) return api_fail(vm, LING_ENOENT, "%s: %s", file, strerror(-e));
        module_t *m = load_beam(vm, data, size, &err);
        vm->host->ops->file_free(vm->host, data, size);
        if (!m) return api_fail_load(vm, LING_EBADFILE, &err);
        drop_lines(m);
        if (module_publish(vm, m) != 0) {
            module_free(vm, m);
            return api_fail(vm, LING_ENOMEM, NULL);
        }
    }
    return LING_OK;
}

/* ---- processes ---- */

static int start(vm_t *vm, const char *module, const char *function, ling_term_t args,
                 const spawn_opts_t *o) {
    term_t m = atom_from_string(vm, module), f = atom_from_string(vm, function), err = TERM_NONE;
    if (m == TERM_NONE || f == TERM_NONE) return api_fail(vm, LING_ENOMEM, NULL);
    vm_visit_t v = vm_enter(vm);
    term_t pid = proc_spawn(vm, NULL, m, f, args, o, NULL, &err);
    vm_leave(vm, v);
    return pid != TERM_NONE ? LING_OK
                            : api_fail(vm, err == A_system_limit ? LING_ELIMIT : LING_ENOMEM, NULL);
}

static int start_all(vm_t *vm, ling_term_t args) {
    spawn_opts_t first = SPAWN_DEFAULTS, system = SPAWN_DEFAULTS;
    first.system = true;
    system.prio = PRIO_HIGH;
    system.off_heap_msgs = true;
    system.system = true;
    int rc = start(vm, "erl_init", "start", args, &first);
    if (rc == LING_OK) rc = start(vm, "erts_code_purger", "start", TERM_NIL, &system);
    if (rc == LING_OK) rc = start(vm, "erts_literal_area_collector", "start", TERM_NIL, &system);
    return rc;
}

/* ---- arguments ---- */

typedef struct {
    ling_env_t *env;
    ling_term_t list; /* last argument first */
} args_t;

static void push(args_t *a, const char *text) {
    a->list = ling_make_cons(a->env, ling_make_binary(a->env, text, strlen(text)), a->list);
}

/* Whether the program says it itself, before what belongs to OTP's programs. */
static bool says(const char *const *argv, size_t argc, const char *flag) {
    for (size_t i = 0; i < argc && strcmp(argv[i], "-extra") != 0; i++)
        if (strcmp(argv[i], flag) == 0) return true;
    return false;
}

static ling_term_t reverse(ling_env_t *env, ling_term_t list) {
    term_t out = TERM_NIL;
    if (list == LING_NONE) return LING_NONE;
    for (; is_cons(list) && out != LING_NONE; list = cons_tail(list))
        out = ling_make_cons(env, cons_head(list), out);
    return out;
}

/* [init, [Argument...]]: what erl_init:start/2 takes. */
static ling_term_t make_args(vm_t *vm, ling_env_t *env, const char *root, const char *bindir,
                             const char *const *argv, size_t argc) {
    args_t a = {env, ling_make_nil(env)};
    const char *home = vm->host->ops->env_get(vm->host, "HOME");
    const char *const own[][2] = {
        {"-root", root}, {"-bindir", bindir}, {"-progname", "erl"}, {"-home", home ? home : "/"}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (says(argv, argc, own[i][0])) continue;
        push(&a, own[i][0]);
        push(&a, own[i][1]);
    }
    push(&a, "--");
    for (size_t i = 0; i < argc; i++) push(&a, argv[i]);
    ling_term_t args = reverse(env, a.list);
    args = ling_make_cons(env, args, ling_make_nil(env));
    return ling_make_cons(env, ling_make_atom(env, "init"), args);
}

/* For system_info(emu_args). Lives as long as the VM. */
static bool keep_args(vm_t *vm, term_t args) {
    term_t *area;
    size_t words;
    off_heap_t *off = NULL;
    term_t list = cons_head(cons_tail(args));
    list = literal_copy(vm, list, &area, &words, &off);
    if (list == TERM_NONE) return false;
    vm->boot_args = list;
    vm->api->boot_off_heap = off;
    return true;
}

int ling_boot(ling_vm_t *vm, const char *const *argv, size_t argc) {
    char dir[PATH_MAX], bindir[PATH_MAX + 8];
    const char *root = code_path_root(vm);
    if (argc && !argv) return api_fail(vm, LING_EINVAL, NULL);
    for (size_t i = 0; i < argc; i++)
        if (!argv[i]) return api_fail(vm, LING_EINVAL, "argument %zu is NULL", i + 1);
    if (api_is_inside(vm)) return api_fail(vm, LING_EBUSY, NULL);
    if (proc_count(vm)) return api_fail(vm, LING_EINVAL, "processes run already");
    if (!root) return api_fail(vm, LING_ENOENT, "no OTP installation was found");
    int rc = find_preloaded(vm, root, dir, sizeof dir);
    if (rc != LING_OK) return rc;
    const char *vsn = strstr(dir + strlen(root), "erts-");
    snprintf(bindir, sizeof bindir, "%s/%.*s/bin", root, (int)strcspn(vsn, "/"), vsn);
    rc = load_preloaded(vm, dir);
    if (rc != LING_OK) return rc;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t args = env ? make_args(vm, env, root, bindir, argv, argc) : LING_NONE;
    /* OTP has its own `user`, `init` and code server. */
    vm->api->started = true;
    vm->use_error_handler = true;
    if (args != LING_NONE && !keep_args(vm, args)) args = LING_NONE;
    rc = args == LING_NONE ? api_fail(vm, LING_ENOMEM, NULL) : start_all(vm, args);
    ling_env_free(env);
    if (rc == LING_OK) vm->host->ops->wake(vm->host);
    return rc;
}
