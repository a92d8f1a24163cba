/* test_misuse.c: the public API used wrongly: NULL, no term, sizes beyond all bounds, calls in the
 * wrong order, from inside callbacks, after a halt, in destructors. Each gives an error, and the VM
 * goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ling/outlet.h>
#include <ling/uv.h>

#define SECOND INT64_C(1000000000)

static const char *paths[] = {TEST_BEAMS};

static void no_log(void *user, int level, const char *text, size_t length) {
    (void)level, (void)text, (void)length;
    if (user) ++*(int *)user;
}

static ling_options_t options(void) {
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.log = no_log;
    return o;
}
static ling_vm_t *new_vm(unsigned schedulers) {
    ling_options_t o = options();
    o.schedulers = schedulers;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    return vm;
}
static void assert_usable(ling_vm_t *vm) {
    ling_env_t *env = ling_env_new(vm);
    ling_term_t n = ling_make_int(NULL, -7), result;
    assert_int_equal(ling_call(vm, env, "erlang", "abs", 1, &n, 100 * SECOND, &result), LING_OK);
    assert_true(result == ling_make_int(NULL, 7));
    ling_env_free(env);
}

/* ---- creation ---- */

static void test_options(void **state) {
    (void)state;
    ling_vm_t *vm = (void *)1;
    assert_int_equal(ling_create(NULL, NULL), LING_EINVAL);
    ling_options_t o = options();
    o.code_paths = NULL;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    assert_null(vm);
    const char *hole[] = {TEST_BEAMS, NULL};
    o = options();
    o.code_paths = hole;
    o.ncode_paths = 2;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    o = options();
    o.size = 0;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    o = options();
    o.host = LING_HOST_CUSTOM;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    o = options();
    o.host = -1;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    o = options();
    o.schedulers = UINT32_MAX;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    o = options();
    o.memory_limit = 1;
    assert_int_equal(ling_create(&vm, &o), LING_ENOMEM);
    o = options();
    o.size = sizeof(size_t); /* a program that knows no other field */
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    assert_usable(vm);
    ling_destroy(vm);
    /* Limits far too small or too large: an error here or when something is started. */
    static const unsigned limits[] = {1, 2, 7, UINT32_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        o = options();
        o.host = LING_HOST_SIM;
        o.max_processes = limits[i];
        if (ling_create(&vm, &o) == LING_OK) {
            ling_spawn(vm, "erlang", "self", 0, NULL, NULL);
            ling_run(vm, LING_RUN_NOWAIT);
            ling_destroy(vm);
        }
        o = options();
        o.host = LING_HOST_SIM;
        o.min_heap_words = limits[i];
        o.memory_limit = (size_t)256 << 20;
        o.warning_map = o.break_key = -1;
        if (ling_create(&vm, &o) == LING_OK) {
            ling_spawn(vm, "erlang", "self", 0, NULL, NULL);
            ling_run(vm, LING_RUN_NOWAIT);
            ling_destroy(vm);
        }
    }
}

/* ---- terms ---- */

static void test_making(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t one = ling_make_int(NULL, 1), t = 0, m, f;
    /* What the header says needs no env. */
    assert_true(ling_make_uint(NULL, 1) == one);
    assert_true(ling_is_atom(ling_make_bool(NULL, 1)));
    assert_true(ling_is_list(ling_make_nil(NULL)));
    /* What does. */
    assert_true(ling_make_int(NULL, INT64_MAX) == LING_NONE);
    assert_true(ling_make_uint(NULL, UINT64_MAX) == LING_NONE);
    assert_true(ling_make_float(NULL, 1) == LING_NONE);
    assert_true(ling_make_atom(NULL, "a") == LING_NONE);
    assert_true(ling_make_binary(NULL, "a", 1) == LING_NONE);
    assert_true(ling_make_string(NULL, "a") == LING_NONE);
    assert_true(ling_make_cons(NULL, one, one) == LING_NONE);
    assert_true(ling_make_list(NULL, &one, 1) == LING_NONE);
    assert_true(ling_make_tuple(NULL, &one, 1) == LING_NONE);
    assert_true(ling_make_map(NULL, &one, &one, 1) == LING_NONE);
    assert_true(ling_make_ref(NULL) == LING_NONE);
    assert_true(ling_copy(NULL, one) == LING_NONE);
    assert_int_equal(ling_parse_term(NULL, "1", &t), LING_EINVAL);
    ling_env_free(NULL);
    ling_env_clear(NULL);

    assert_true(ling_make_atom(env, NULL) == LING_NONE);
    assert_true(ling_make_atom_n(env, NULL, 3) == LING_NONE);
    assert_true(ling_is_atom_named(vm, ling_make_atom_n(env, NULL, 0), ""));
    assert_true(ling_make_atom_n(env, "x", SIZE_MAX) == LING_NONE);
    assert_true(ling_make_string(env, NULL) == LING_NONE);
    assert_true(ling_make_string_n(env, NULL, 1) == LING_NONE);
    assert_true(ling_make_string_n(env, NULL, 0) == ling_make_nil(env));
    assert_true(ling_make_binary(env, NULL, 1) == LING_NONE);
    assert_true(ling_is_binary(ling_make_binary(env, NULL, 0)));
    assert_true(ling_make_binary(env, "x", SIZE_MAX) == LING_NONE);
    assert_true(ling_make_binary(env, "x", SIZE_MAX / 2) == LING_NONE);
    assert_true(ling_make_binary(env, "x", SIZE_MAX / 8) == LING_NONE);
    assert_true(ling_make_list(env, NULL, 1) == LING_NONE);
    assert_true(ling_make_tuple(env, NULL, 1) == LING_NONE);
    assert_true(ling_make_tuple(env, &one, SIZE_MAX) == LING_NONE);
    assert_true(ling_make_tuple_of(env, SIZE_MAX) == LING_NONE);
    assert_true(ling_make_map(env, NULL, &one, 1) == LING_NONE);
    assert_true(ling_make_map(env, &one, NULL, 1) == LING_NONE);
    assert_true(ling_map_put(env, one, one, one) == LING_NONE);
    assert_int_equal(ling_parse_term(env, NULL, &t), LING_EINVAL);
    assert_int_equal(ling_parse_call(env, NULL, &m, &f, &t), LING_EINVAL);
    assert_int_equal(ling_decode(env, NULL, 5, &t), LING_EINVAL);
    assert_int_equal(ling_decode(env, "", 0, &t), LING_EINVAL);
    ling_env_free(env);
    assert_usable(vm);
    ling_destroy(vm);
}

static int never(void *user, ling_term_t key, ling_term_t value) {
    (void)user, (void)key, (void)value;
    return 1;
}

/* Every reader with LING_NONE and with other words that are no terms. */
static void test_reading(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0);
    ling_env_t *env = ling_env_new(vm);
    static const ling_term_t bad[] = {LING_NONE, 7, 0x17f, UINT64_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ling_term_t t = bad[i], out, out2;
        int64_t n;
        uint64_t u;
        double d;
        size_t size;
        const char *name;
        const void *bytes;
        const ling_term_t *elements;
        void *encoded;
        char buf[10];
        assert_int_equal(ling_type(t), LING_TYPE_NONE);
        assert_false(ling_is_int(t) || ling_is_float(t) || ling_is_atom(t) || ling_is_binary(t) ||
                     ling_is_list(t) || ling_is_tuple(t) || ling_is_map(t) || ling_is_pid(t));
        assert_false(ling_is_atom_named(vm, t, "a"));
        assert_int_equal(ling_get_int(t, &n), LING_ETYPE);
        assert_int_equal(ling_get_uint(t, &u), LING_ETYPE);
        assert_int_equal(ling_get_double(t, &d), LING_ETYPE);
        assert_int_equal(ling_get_atom(vm, t, &name, NULL), LING_ETYPE);
        assert_int_equal(ling_get_binary(env, t, &bytes, &size), LING_ETYPE);
        assert_int_equal(ling_get_tuple(t, &elements, &size), LING_ETYPE);
        assert_int_equal(ling_get_cons(t, &out, &out2), LING_ETYPE);
        assert_int_equal(ling_list_length(t), LING_ETYPE);
        assert_int_equal(ling_get_text(vm, t, buf, sizeof buf, &size), LING_ETYPE);
        assert_int_equal(ling_map_size(t, &size), LING_ETYPE);
        assert_int_equal(ling_map_get(vm, t, t, &out), LING_ETYPE);
        assert_int_equal(ling_map_each(t, never, NULL), LING_ETYPE);
        assert_true(ling_format_term(vm, t, buf, sizeof buf) < 0);
        assert_true(ling_copy(env, t) == LING_NONE);
        assert_int_equal(ling_encode(env, t, &encoded, &size), LING_EINVAL);
        assert_int_equal(ling_send(vm, t, t), LING_EINVAL);
        assert_int_equal(ling_send(vm, ling_make_atom(env, "nobody"), t), LING_EINVAL);
        assert_false(ling_is_alive(vm, t));
        assert_int_equal(ling_spawn(vm, "erlang", "abs", 1, &t, NULL), LING_EINVAL);
        assert_int_equal(ling_mailbox_close(vm, t), LING_ENOENT);
        assert_int_equal(ling_set_name(vm, "name", t), LING_EINVAL);
        /* As keys and elements. */
        ling_term_t map = ling_make_map(env, NULL, NULL, 0), one = ling_make_int(env, 1);
        assert_int_equal(ling_map_get(vm, map, t, &out), LING_ENOENT);
        assert_true(ling_map_put(env, map, t, one) == LING_NONE);
        assert_true(ling_make_list(env, &t, 1) == LING_NONE);
        assert_true(ling_make_tuple_of(env, 2, one, t) == LING_NONE);
        assert_true(ling_make_cons(env, one, t) == LING_NONE);
        ling_equal(vm, t, one);
        ling_equal(vm, map, t);
        ling_compare(vm, t, one);
        ling_compare(vm, map, t);
    }
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- names ---- */

static void on_message(ling_env_t *env, ling_term_t message, void *user) {
    (void)env, (void)message, (void)user;
}

static void test_names(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t pid, t;
    char *huge = malloc(100001);
    memset(huge, 'x', 100000);
    huge[100000] = 0;
    const char *const names[] = {NULL, huge, "\xff", ""};
    for (int i = 0; i < 4; i++) {
        const char *bad = names[i];
        assert_true(ling_whereis(vm, bad) == LING_NONE);
        assert_true(ling_set_name(vm, bad, ling_make_int(NULL, 1)) < 0);
        assert_true(ling_load_module(vm, bad) < 0);
        assert_true(ling_load_file(vm, bad, NULL) < 0);
        assert_true(ling_exports(vm, bad, "f", 0) < 0);
        assert_true(ling_exports(vm, "lists", bad, 0) <= 0);
        assert_true(ling_check(vm, bad, NULL, NULL, NULL) < 0);
        assert_true(ling_call(vm, env, bad, "f", 0, NULL, SECOND, &t) < 0);
        assert_true(ling_call(vm, env, "erlang", bad, 0, NULL, SECOND, &t) < 0);
        assert_false(ling_is_atom_named(vm, ling_make_bool(env, 1), bad));
        if (bad != names[3]) {
            assert_true(ling_spawn(vm, bad, "f", 0, NULL, &pid) < 0);
            assert_true(ling_register(vm, bad, "f", 0, NULL, NULL, NULL) < 0);
        }
    }
    assert_int_equal(ling_add_path(vm, NULL, 1), LING_EINVAL);
    assert_int_equal(ling_load(vm, NULL, 7, NULL), LING_EINVAL);
    assert_int_equal(ling_call(vm, env, "m", "f", 1, NULL, SECOND, &t), LING_EINVAL);
    assert_int_equal(ling_call(vm, env, "m", "f", 256, &t, SECOND, &t), LING_EINVAL);
    int rc = ling_call(vm, env, "erlang", "self", 0, NULL, INT64_MIN, &t);
    assert_true(rc == LING_OK || rc == LING_ETIMEDOUT);
    assert_int_equal(ling_call(vm, NULL, "erlang", "self", 0, NULL, INT64_MAX - 1, &t), LING_OK);
    assert_int_equal(ling_mailbox_open(vm, NULL, NULL, NULL, &pid), LING_EINVAL);
    assert_int_equal(ling_mailbox_open(vm, on_message, NULL, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_register_nif(vm, NULL), LING_EINVAL);
    assert_int_equal(ling_register_outlet(vm, NULL, NULL, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_uv_detach(vm), LING_EINVAL);
    assert_int_equal(ling_boot(vm, NULL, 3), LING_EINVAL);
    ling_stats_t stats = {.size = 0};
    assert_int_equal(ling_stats(vm, &stats), LING_EINVAL);
    free(huge);
    assert_usable(vm);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- tokens nobody gave out ---- */

static void test_tokens(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0);
    ling_term_t pid;
    assert_int_equal(
        ling_spawn(vm, "timer", "sleep", 1, (ling_term_t[]){ling_make_int(NULL, 1000000)}, &pid),
        LING_OK);
    const uint64_t words[] = {0, 1, LING_NONE, pid, UINT64_MAX, (uint64_t)1 << 63, 0x777};
    ling_term_t one = ling_make_int(NULL, 1);
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k++) {
            ling_token_t token = {words[i], words[k]};
            ling_reply(vm, token, one);
            ling_reply_raise(vm, token, 99, one);
            assert_int_equal(ling_reply(vm, token, LING_NONE), LING_ENOMEM);
            ling_run(vm, LING_RUN_NOWAIT);
        }
    for (int i = 0; i < 5; i++) ling_unref(vm);
    for (int i = 0; i < 5; i++) ling_ref(vm);
    assert_usable(vm);
    ling_destroy(vm);
}

/* ---- inside callbacks ---- */

typedef struct {
    ling_vm_t *vm;
    int calls, errors, logged;
    ling_term_t pid;
} inside_t;

/* What must not be called there. */
static void forbidden(inside_t *s) {
    ling_term_t t;
    s->calls++;
    s->errors += ling_run(s->vm, LING_RUN_NOWAIT) == LING_EBUSY;
    s->errors += ling_call(s->vm, NULL, "erlang", "self", 0, NULL, SECOND, &t) == LING_EBUSY;
    s->errors += ling_load(s->vm, "FOR1", 4, NULL) == LING_EBUSY;
    s->errors += ling_boot(s->vm, NULL, 0) == LING_EBUSY;
    ling_destroy(s->vm);
    s->errors += ling_abandon(s->vm) == 1;
}

static int host_function(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                         void *user) {
    (void)argc, (void)argv;
    forbidden(user);
    ling_env_clear(env);
    ling_env_free(env);
    *result = ling_make_int(env, 42);
    return LING_OK;
}

static void mail(ling_env_t *env, ling_term_t message, void *user) {
    inside_t *s = user;
    (void)message;
    forbidden(s);
    s->errors += ling_mailbox_close(s->vm, s->pid) == LING_EBUSY;
    ling_env_clear(env);
    ling_env_free(env);
}

static void inside(unsigned schedulers) {
    inside_t s = {0};
    ling_options_t o = options();
    o.schedulers = schedulers;
    o.log_user = &s.logged;
    assert_int_equal(ling_create(&s.vm, &o), LING_OK);
    ling_vm_t *vm = s.vm;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result;
    assert_int_equal(ling_register(vm, "host", "inside", 0, host_function, &s, NULL), LING_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(ling_call(vm, env, "host", "inside", 0, NULL, 100 * SECOND, &result),
                         LING_OK);
        assert_true(result == ling_make_int(NULL, 42));
    }
    assert_int_equal(s.calls, 10);
    assert_int_equal(s.errors, 50);
    assert_int_equal(ling_mailbox_open(vm, mail, &s, NULL, &s.pid), LING_OK);
    ling_send(vm, s.pid, result);
    while (s.calls < 11) ling_run(vm, LING_RUN_ONCE);
    assert_int_equal(s.errors, 56);
    assert_usable(vm);
    assert_int_equal(ling_mailbox_close(vm, s.pid), LING_OK);
    assert_int_equal(ling_mailbox_close(vm, s.pid), LING_ENOENT);
    ling_env_free(env);
    ling_destroy(vm);
}
static void test_inside(void **state) {
    (void)state;
    inside(0);
    inside(2);
}

/* A scheduler's thread, while the owner is outside: the same errors. */
static void test_inside_alone(void **state) {
    (void)state;
    inside_t s = {0};
    s.vm = new_vm(2);
    assert_int_equal(ling_register(s.vm, "host", "inside", 0, host_function, &s, NULL), LING_OK);
    ling_term_t pid;
    assert_int_equal(ling_spawn(s.vm, "host", "inside", 0, NULL, &pid), LING_OK);
    while (ling_is_alive(s.vm, pid)) {
    }
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.errors, 5);
    assert_usable(s.vm);
    ling_destroy(s.vm);
}

/* ---- results that are none ---- */

static int returns(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                   void *user) {
    (void)argc, (void)user;
    int64_t what;
    ling_get_int(argv[0], &what);
    if (what == 1) ling_raise(env, 77, LING_NONE); /* raises nothing */
    if (what == 2) {
        ling_raise(env, LING_THROW, argv[0]); /* and then changes its mind */
        *result = argv[0];
        return LING_OK;
    }
    if (what == 3) *result = 7; /* no term */
    if (what == 4) return 5;
    return what < 10 ? LING_OK : (int)(10 - what);
}

static void test_results(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(0);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result;
    assert_int_equal(ling_register(vm, "host", "returns", 1, returns, NULL, NULL), LING_OK);
    static const int whats[] = {0, 1, 2, 3, 4, 11, 12, 13, 30, 1010, 100000, 9, 2000000};
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++) {
        ling_term_t what = ling_make_int(NULL, whats[i]);
        int rc = ling_call(vm, env, "host", "returns", 1, &what, 100 * SECOND, &result);
        assert_int_equal(rc, whats[i] == 2 ? LING_OK : LING_EEXCEPTION);
        assert_usable(vm);
    }
    assert_int_equal(ling_raise(env, LING_ERROR, ling_make_nil(env)), LING_EINVAL);
    assert_true(ling_self(env) == LING_NONE);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- after a halt ---- */

static void test_after_halt(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers <= 2; schedulers += 2) {
        ling_vm_t *vm = new_vm(schedulers);
        ling_env_t *env = ling_env_new(vm);
        ling_term_t t, three = ling_make_int(NULL, 3), pid;
        assert_int_equal(ling_call(vm, env, "erlang", "halt", 1, &three, 100 * SECOND, &t),
                         LING_EHALTED);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(ling_halt_status(vm), 3);
            assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EHALTED);
            assert_int_equal(ling_call(vm, env, "erlang", "self", 0, NULL, SECOND, &t),
                             LING_EHALTED);
            ling_spawn(vm, "erlang", "self", 0, NULL, &pid);
            ling_load_module(vm, "lists");
            ling_load_module(vm, "gen_server");
            ling_send(vm, pid, three);
            ling_set_name(vm, "somebody", pid);
            ling_mailbox_open(vm, on_message, NULL, NULL, &pid);
            ling_mailbox_close(vm, pid);
            ling_boot(vm, NULL, 0);
            ling_interrupt(vm);
            assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EINTR);
            ling_wakeup(vm);
            ling_next_timeout(vm);
            ling_flush(vm);
            ling_stats_t stats = {.size = sizeof stats};
            assert_int_equal(ling_stats(vm, &stats), LING_OK);
        }
        ling_env_free(env);
        ling_destroy(vm);
    }
}

/* ---- destructors ---- */

static int destroyed;

static void destroy(void *user) {
    ling_vm_t *vm = user;
    ling_term_t pid;
    destroyed++;
    if (destroyed > 100) return;
    assert_int_equal(ling_run(vm, LING_RUN_NOWAIT), LING_EBUSY);
    ling_destroy(vm);
    ling_mailbox_open(vm, on_message, vm, destroy, &pid);
    ling_register(vm, "host", "late", 0, host_function, vm, destroy);
    ling_mailbox_close(vm, pid);
}

static void test_destructors(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers <= 2; schedulers += 2) {
        ling_vm_t *vm = new_vm(schedulers);
        ling_term_t pid[3];
        destroyed = 0;
        for (int i = 0; i < 3; i++)
            assert_int_equal(ling_mailbox_open(vm, on_message, vm, destroy, &pid[i]), LING_OK);
        assert_int_equal(ling_register(vm, "host", "a", 0, host_function, vm, destroy), LING_OK);
        ling_destroy(vm);
        assert_true(destroyed >= 4);
    }
}

/* ---- a loop that has lost its VM ---- */

static void test_destroy_attached(void **state) {
    (void)state;
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    ling_vm_t *vm = new_vm(0);
    assert_int_equal(ling_uv_attach(vm, &loop, NULL, NULL), LING_OK);
    assert_int_equal(ling_uv_attach(vm, &loop, NULL, NULL), LING_EBUSY);
    uv_run(&loop, UV_RUN_NOWAIT);
    ling_destroy(vm);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),          cmocka_unit_test(test_making),
        cmocka_unit_test(test_reading),          cmocka_unit_test(test_names),
        cmocka_unit_test(test_tokens),           cmocka_unit_test(test_inside),
        cmocka_unit_test(test_inside_alone),     cmocka_unit_test(test_results),
        cmocka_unit_test(test_after_halt),       cmocka_unit_test(test_destructors),
        cmocka_unit_test(test_destroy_attached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
