/* test_nif.c: NIF libraries linked into the program, through the public API: registering, several
 * VMs with one library, threads of the library, what the end of a VM does, failing memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <erl_nif.h>
#include <ling/ling.h>

#define SECOND INT64_C(1000000000)

/* ---- the library ---- */

static _Atomic(int) loads, unloads, dtors;

typedef struct {
    int base;
    ErlNifResourceType *objects, *watchers;
} priv_t;

typedef struct {
    ErlNifPid watched;
    ErlNifMonitor monitor;
} object_t;

static void on_dtor(ErlNifEnv *env, void *obj) {
    (void)env;
    dtors += *(int *)obj;
}

/* Its thread may be any. */
static void on_watcher_dtor(ErlNifEnv *env, void *obj) {
    enif_send(env, &((object_t *)obj)->watched, NULL, enif_make_atom(env, "gone"));
}

static void on_watched_down(ErlNifEnv *env, void *obj, ErlNifPid *pid, ErlNifMonitor *monitor) {
    (void)env, (void)obj, (void)pid, (void)monitor;
}

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    priv_t *p = enif_alloc(sizeof *p);
    if (!p || !enif_get_int(env, info, &p->base)) {
        enif_free(p);
        return 7;
    }
    p->objects = enif_open_resource_type(env, NULL, "objects", on_dtor, ERL_NIF_RT_CREATE, NULL);
    ErlNifResourceTypeInit init = {.dtor = on_watcher_dtor, .down = on_watched_down};
    p->watchers = enif_open_resource_type_x(env, "watchers", &init, ERL_NIF_RT_CREATE, NULL);
    if (!p->objects || !p->watchers) {
        enif_free(p);
        return 8;
    }
    *priv = p;
    loads++;
    return 0;
}

static void unload(ErlNifEnv *env, void *priv) {
    (void)env;
    enif_free(priv);
    unloads++;
}

static ERL_NIF_TERM add(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    long a, b;
    (void)argc;
    if (!enif_get_long(env, argv[0], &a) || !enif_get_long(env, argv[1], &b))
        return enif_make_badarg(env);
    return enif_make_long(env, a + b + ((priv_t *)enif_priv_data(env))->base);
}

static ERL_NIF_TERM object(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    int *n = enif_alloc_resource(((priv_t *)enif_priv_data(env))->objects, 1000);
    if (!n) return enif_make_badarg(env);
    if (!enif_get_int(env, argv[0], n)) *n = 0;
    ERL_NIF_TERM t = enif_make_resource(env, n);
    enif_release_resource(n);
    return t;
}

/* Terms of all sorts, n of each. */
static ERL_NIF_TERM terms(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    int n;
    ERL_NIF_TERM list = enif_make_list(env, 0), map = enif_make_new_map(env), bin;
    (void)argc;
    if (!enif_get_int(env, argv[0], &n)) return enif_make_badarg(env);
    for (int i = 0; i < n; i++) {
        ErlNifBinary b;
        unsigned char *p = enif_make_new_binary(env, (size_t)i * 20, &bin);
        if (p && i) memset(p, i, (size_t)i * 20);
        enif_make_map_put(env, map, enif_make_int(env, i), bin, &map);
        if (enif_alloc_binary(200, &b)) {
            memset(b.data, i, b.size);
            bin = enif_make_binary(env, &b);
        }
        ERL_NIF_TERM t = enif_make_tuple4(env, bin, enif_make_double(env, i), enif_make_ref(env),
                                          enif_make_string(env, "text", ERL_NIF_LATIN1));
        list = enif_make_list_cell(env, t, list);
    }
    return enif_make_tuple2(env, list, map);
}

typedef struct {
    ErlNifPid to;
    ErlNifTid tid;
    int n;
} job_t;
static job_t job;

static void *sender(void *arg) {
    job_t *j = arg;
    ErlNifEnv *env = enif_alloc_env();
    for (int i = 1; i <= j->n; i++)
        enif_send(NULL, &j->to, env,
                  enif_make_tuple2(env, enif_make_atom(env, "sent"), enif_make_int(env, i)));
    enif_free_env(env);
    return NULL;
}

static ERL_NIF_TERM thread(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    if (!enif_get_local_pid(env, argv[0], &job.to) || !enif_get_int(env, argv[1], &job.n))
        return enif_make_badarg(env);
    enif_make_atom(env, "sent"); /* new atoms are not the thread's to make */
    int rc = enif_thread_create("sender", &job.tid, sender, &job, NULL);
    return enif_make_int(env, rc);
}

static ERL_NIF_TERM slow(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    int n;
    if (!enif_get_int(env, argv[0], &n)) return enif_make_badarg(env);
    if (n == 0) return enif_make_atom(env, "done");
    ERL_NIF_TERM next = enif_make_int(env, n - 1);
    enif_consume_timeslice(env, 100);
    return enif_schedule_nif(env, "slow", n & 1 ? ERL_NIF_DIRTY_JOB_IO_BOUND : 0, slow, argc,
                             &next);
}

/* watching(N): N objects that watch the caller. A thread lets go of them one after the other; half
 * have stopped watching before. */
static job_t watch_job;
static void **watchers;

static void *let_go(void *arg) {
    job_t *j = arg;
    for (int i = 0; i < j->n; i++) {
        object_t *o = watchers[i];
        if (i & 1) enif_demonitor_process(NULL, o, &o->monitor);
        enif_release_resource(o);
    }
    enif_free(watchers);
    return NULL;
}

static ERL_NIF_TERM watching(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    priv_t *p = enif_priv_data(env);
    (void)argc;
    if (!enif_self(env, &watch_job.to) || !enif_get_int(env, argv[0], &watch_job.n))
        return enif_make_badarg(env);
    enif_make_atom(env, "gone");
    watchers = enif_alloc((size_t)watch_job.n * sizeof *watchers);
    for (int i = 0; i < watch_job.n; i++) {
        object_t *o = watchers[i] = enif_alloc_resource(p->watchers, sizeof *o);
        o->watched = watch_job.to;
        if (enif_monitor_process(env, o, &o->watched, &o->monitor) != 0)
            return enif_make_badarg(env);
    }
    return enif_make_int(env,
                         enif_thread_create("let_go", &watch_job.tid, let_go, &watch_job, NULL));
}

/* Sizes no memory has. */
static ERL_NIF_TERM huge(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    ErlNifResourceType *t = ((priv_t *)enif_priv_data(env))->objects;
    ErlNifBinary b;
    int n = 0;
    (void)argc, (void)argv;
    for (size_t size = SIZE_MAX; size > SIZE_MAX / 4;
         size = size > SIZE_MAX - 400 ? size - 1 : size / 2) {
        n += enif_alloc_resource(t, size) != NULL;
        n += enif_alloc_binary(size, &b);
    }
    return enif_make_int(env, n);
}

static ErlNifFunc functions[] = {{"add", 2, add, 0},     {"object", 1, object, 0},
                                 {"terms", 1, terms, 0}, {"thread", 2, thread, 0},
                                 {"slow", 1, slow, 0},   {"watching", 1, watching, 0},
                                 {"huge", 0, huge, 0}};
static ErlNifEntry entry = {ERL_NIF_MAJOR_VERSION,
                            ERL_NIF_MINOR_VERSION,
                            "nif_unit_t",
                            sizeof functions / sizeof *functions,
                            functions,
                            load,
                            NULL,
                            NULL,
                            unload,
                            ERL_NIF_VM_VARIANT,
                            1,
                            sizeof(ErlNifResourceTypeInit),
                            ERL_NIF_MIN_ERTS_VERSION};

/* ---- helpers ---- */

static ling_vm_t *new_vm(unsigned schedulers, int base) {
    ling_options_t o = LING_OPTIONS_INIT;
    static const char *const paths[] = {TEST_BEAMS};
    o.schedulers = schedulers;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.memory_limit = (size_t)1 << 32; /* sanitizers end a program that asks malloc for too much */
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    assert_int_equal(ling_register_nif(vm, &entry), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t arg = ling_make_int(env, base), result;
    assert_int_equal(ling_call(vm, env, "nif_unit_t", "load", 1, &arg, 100 * SECOND, &result),
                     LING_OK);
    assert_true(ling_is_atom_named(vm, result, "ok"));
    ling_env_free(env);
    return vm;
}

static int64_t call(ling_vm_t *vm, const char *function, int argc, int64_t a, int64_t b) {
    ling_env_t *env = ling_env_new(vm);
    ling_term_t args[] = {ling_make_int(env, a), ling_make_int(env, b)}, result;
    int64_t n = -1;
    int rc = ling_call(vm, env, "nif_unit_t", function, (size_t)argc, args, 100 * SECOND, &result);
    if (rc != LING_OK) print_error("%s: %s\n", function, ling_errmsg(vm));
    assert_int_equal(rc, LING_OK);
    if (ling_is_int(result)) ling_get_int(result, &n);
    ling_env_free(env);
    return n;
}

/* ---- tests ---- */

static void test_two_vms(void **state) {
    (void)state;
    loads = unloads = dtors = 0;
    ling_vm_t *a = new_vm(0, 100), *b = new_vm(2, 200);
    assert_int_equal(call(a, "add", 2, 1, 2), 103);
    assert_int_equal(call(b, "add", 2, 1, 2), 203);
    assert_int_equal(call(a, "add", 2, INT64_C(1) << 59, 1), (INT64_C(1) << 59) + 101);
    assert_int_equal(loads, 2);
    ling_destroy(a);
    assert_int_equal(unloads, 1);
    assert_int_equal(call(b, "add", 2, 1, 2), 203);
    ling_destroy(b);
    assert_int_equal(unloads, 2);
}

static void test_refused(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0, 0);
    ErlNifEntry other = entry;
    other.major = 3;
    assert_int_equal(ling_register_nif(vm, &other), LING_EINVAL);
    assert_int_equal(ling_register_nif(vm, NULL), LING_EINVAL);
    ling_destroy(vm);
}

static void test_end_of_vm(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers < 3; schedulers += 2) {
        loads = unloads = dtors = 0;
        ling_vm_t *vm = new_vm(schedulers, 0);
        ling_term_t pid, n = ling_make_int(NULL, 5);
        assert_int_equal(ling_spawn(vm, "nif_unit_t", "hold", 1, &n, &pid), LING_OK);
        for (int i = 0; i < 1000 && ling_whereis(vm, "holder") != pid; i++)
            ling_run(vm, LING_RUN_NOWAIT);
        call(vm, "object", 1, 7, 0);
        ling_destroy(vm);
        assert_int_equal(dtors, 12);
        assert_int_equal(unloads, 1);
    }
}

static void test_threads(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers < 3; schedulers++) {
        ling_vm_t *vm = new_vm(schedulers, 0);
        assert_int_equal(call(vm, "start_thread", 1, 2000, 0), 2001000);
        assert_int_equal(enif_thread_join(job.tid, NULL), 0);
        assert_int_equal(call(vm, "slow", 1, 40, 0), -1);
        ling_destroy(vm);
    }
}

/* What a library's own thread does to objects, while their process is busy with messages. */
static void test_let_go(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers < 3; schedulers++) {
        ling_vm_t *vm = new_vm(schedulers, 0);
        assert_int_equal(call(vm, "start_watching", 1, 5000, 0), 5000);
        assert_int_equal(enif_thread_join(watch_job.tid, NULL), 0);
        ling_destroy(vm);
    }
}

static void test_shared_buffer(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers < 3; schedulers += 2) {
        ling_vm_t *vm = new_vm(schedulers, 0);
        assert_int_equal(call(vm, "shared_buffer", 1, 2000, 0), 3);
        ling_destroy(vm);
    }
}

static void test_huge(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0, 0);
    assert_int_equal(call(vm, "huge", 0, 0, 0), 0);
    ling_destroy(vm);
}

/* ---- memory that fails ---- */

typedef struct {
    uint64_t count, fail_at;
    size_t used;
} counter_t;

static void *counted(void *user, void *ptr, size_t old_size, size_t new_size) {
    counter_t *c = user;
    if (new_size > 0 && ++c->count == c->fail_at) return NULL;
    void *p = NULL;
    if (new_size == 0) {
        free(ptr);
    } else {
        p = realloc(ptr, new_size);
        if (!p) return NULL;
    }
    c->used += new_size - old_size;
    return p;
}

/* 1: something is wrong. */
static int small_program(counter_t *c) {
    static const char *const paths[] = {TEST_BEAMS};
    ling_options_t o = LING_OPTIONS_INIT;
    ling_vm_t *vm;
    o.alloc = counted;
    o.alloc_user = c;
    o.code_paths = paths;
    o.ncode_paths = 1;
    if (ling_create(&vm, &o) != LING_OK) return 0;
    int rc = ling_register_nif(vm, &entry);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t arg = ling_make_int(env, 1), forty = ling_make_int(env, 40), result;
    static const char *const steps[] = {"load", "object", "terms", "slow"};
    for (size_t i = 0; env && rc == LING_OK && i < 4; i++)
        rc = ling_call(vm, env, "nif_unit_t", steps[i], 1, i == 2 ? &forty : &arg, 100 * SECOND,
                       &result);
    ling_env_free(env);
    ling_destroy(vm);
    return rc == LING_ETIMEDOUT;
}

static void test_failing_memory(void **state) {
    (void)state;
    counter_t c = {0};
    loads = unloads = dtors = 0;
    assert_int_equal(small_program(&c), 0);
    assert_int_equal(dtors, 1);
    uint64_t total = c.count, step = total > 1000 ? total / 500 : 1;
    int bad = 0;
    for (uint64_t k = 1; k <= total; k += step) {
        c = (counter_t){.fail_at = k};
        if (small_program(&c) == 0 && c.used == 0) continue;
        print_error("allocation %d of %d fails: %d bytes lost\n", (int)k, (int)total, (int)c.used);
        bad++;
    }
    assert_int_equal(bad, 0);
    assert_int_equal(loads, unloads);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_vms),       cmocka_unit_test(test_refused),
        cmocka_unit_test(test_end_of_vm),     cmocka_unit_test(test_threads),
        cmocka_unit_test(test_let_go),        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_shared_buffer), cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
