/* test_dirty.c: functions that take long or block, on the pools for them, through the public API.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <ling/ling.h>

#define SECOND INT64_C(1000000000)

/* What a test and its functions share. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, most, done, tickets;
    _Atomic(int) calls;
} gate_t;

static void gate_init(gate_t *g) {
    memset(g, 0, sizeof *g);
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->changed, NULL);
}

static ling_vm_t *new_vm(unsigned schedulers, unsigned cpu, unsigned io) {
    ling_options_t o = LING_OPTIONS_INIT;
    o.schedulers = schedulers;
    o.dirty_cpu = cpu;
    o.dirty_io = io;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    return vm;
}

/* Blocks until somebody has let it go. */
static int wait_for_ticket(ling_env_t *env, size_t argc, const ling_term_t *argv,
                           ling_term_t *result, void *user) {
    gate_t *g = user;
    (void)argc;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    if (g->inside > g->most) g->most = g->inside;
    pthread_cond_broadcast(&g->changed);
    while (g->tickets == 0) pthread_cond_wait(&g->changed, &g->lock);
    g->tickets--;
    g->inside--;
    g->done++;
    pthread_mutex_unlock(&g->lock);
    *result = ling_make_tuple_of(env, 3, ling_make_atom(env, "let_go"), argv[0], ling_self(env));
    return LING_OK;
}
/* Lets n of them go; n inside at least when it returns. Runs on an ordinary scheduler. */
static int let_go(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                  void *user) {
    gate_t *g = user;
    int64_t n;
    (void)argc;
    if (ling_get_int(argv[0], &n) != LING_OK) return LING_EINVAL;
    pthread_mutex_lock(&g->lock);
    while (g->inside == 0) pthread_cond_wait(&g->changed, &g->lock);
    g->tickets += (int)n;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    *result = ling_make_atom(env, "ok");
    return LING_OK;
}
/* Doubles, raises, or is wrong, as its argument says. */
static int work(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                void *user) {
    gate_t *g = user;
    int64_t i;
    (void)argc;
    atomic_fetch_add(&g->calls, 1);
    if (ling_is_atom(argv[0])) return ling_raise(env, LING_THROW, argv[0]);
    if (ling_get_int(argv[0], &i) != LING_OK) return LING_EINVAL;
    *result = ling_make_int(env, 2 * i);
    return LING_OK;
}

static void add_functions(ling_vm_t *vm, gate_t *g) {
    assert_int_equal(
        ling_register_dirty(vm, LING_DIRTY_IO, "t", "wait", 1, wait_for_ticket, g, NULL), LING_OK);
    assert_int_equal(
        ling_register_dirty(vm, LING_DIRTY_CPU, "t", "wait_cpu", 1, wait_for_ticket, g, NULL),
        LING_OK);
    assert_int_equal(ling_register(vm, "t", "let_go", 1, let_go, g, NULL), LING_OK);
    assert_int_equal(ling_register_dirty(vm, LING_DIRTY_CPU, "t", "work", 1, work, g, NULL),
                     LING_OK);
    assert_int_equal(ling_register_dirty(vm, LING_DIRTY_IO, "t", "work_io", 1, work, g, NULL),
                     LING_OK);
    assert_int_equal(ling_register_dirty(vm, 0, "t", "x", 1, work, g, NULL), LING_EINVAL);
    assert_int_equal(ling_register_dirty(vm, 3, "t", "x", 1, work, g, NULL), LING_EINVAL);
}

/* Value of a call such as "lists:sum([1])", which must succeed. */
static void check(ling_vm_t *vm, const char *call, const char *expected) {
    ling_env_t *env = ling_env_new(vm);
    char buf[500] = "";
    const char *module, *function;
    ling_term_t m, f, args, argv[3], result;
    size_t argc = 0;
    assert_int_equal(ling_parse_call(env, call, &m, &f, &args), LING_OK);
    ling_get_atom(vm, m, &module, NULL);
    ling_get_atom(vm, f, &function, NULL);
    while (argc < 3 && ling_get_cons(args, &argv[argc], &args) == LING_OK) argc++;
    int rc = ling_call(vm, env, module, function, argc, argv, 60 * SECOND, &result);
    assert_true(rc == LING_OK || rc == LING_EEXCEPTION);
    if (rc == LING_EEXCEPTION) { /* class and reason */
        const ling_term_t *e;
        assert_int_equal(ling_get_tuple(result, &e, &argc), LING_OK);
        result = ling_make_tuple_of(env, 2, e[0], e[1]);
    }
    ling_format_term(vm, result, buf, sizeof buf);
    assert_string_equal(buf, expected);
    ling_env_free(env);
}

static void spawn_waiter(ling_vm_t *vm, const char *function, ling_term_t *pid) {
    ling_env_t *env = ling_env_new(vm);
    ling_term_t arg = ling_make_int(env, 1);
    assert_int_equal(ling_spawn(vm, "t", function, 1, &arg, pid), LING_OK);
    ling_env_free(env);
}

/* One scheduler; a process blocks in C; others go on. */
static void test_others_run(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        gate_t g;
        gate_init(&g);
        ling_vm_t *vm = new_vm(1, 0, 0);
        add_functions(vm, &g);
        ling_term_t pid;
        spawn_waiter(vm, kind ? "wait_cpu" : "wait", &pid);
        check(vm, "lists:sum([1,2,3])", "6");
        assert_true(ling_is_alive(vm, pid));
        check(vm, "t:let_go(1)", "ok");
        while (ling_is_alive(vm, pid)) check(vm, "timer:sleep(1)", "ok");
        assert_int_equal(g.done, 1);
        ling_destroy(vm);
    }
}

/* More work than threads: it queues, no more than the pool has run at once, all is done. */
static void test_pool_is_bounded(void **state) {
    (void)state;
    enum { N = 20, POOL = 3 };
    gate_t g;
    gate_init(&g);
    ling_vm_t *vm = new_vm(2, 1, POOL);
    add_functions(vm, &g);
    ling_term_t pid[N];
    for (int i = 0; i < N; i++) spawn_waiter(vm, "wait", &pid[i]);
    pthread_mutex_lock(&g.lock);
    while (g.inside < POOL) pthread_cond_wait(&g.changed, &g.lock);
    pthread_mutex_unlock(&g.lock);
    check(vm, "lists:max([1,2,3])", "3");
    check(vm, "t:work(21)", "42"); /* the other pool is free */
    check(vm, "t:let_go(20)", "ok");
    for (int i = 0; i < N; i++)
        while (ling_is_alive(vm, pid[i])) check(vm, "timer:sleep(1)", "ok");
    assert_int_equal(g.done, N);
    assert_int_equal(g.most, POOL);
    check(vm, "erlang:system_info(dirty_cpu_schedulers)", "1");
    check(vm, "erlang:system_info(dirty_io_schedulers)", "3");
    ling_destroy(vm);
}

/* Results, exceptions, calls in the middle of a function, by fun, by apply, with all of it many
 * times over and from several processes. */
static void calls(unsigned schedulers) {
    gate_t g;
    gate_init(&g);
    ling_vm_t *vm = new_vm(schedulers, 2, 2);
    add_functions(vm, &g);
    check(vm, "t:work(1)", "2");
    check(vm, "t:work_io(2305843009213693952)", "4611686018427387904");
    check(vm, "t:work(oops)", "{throw,oops}");
    check(vm, "t:work_io(oops)", "{throw,oops}");
    check(vm, "t:work([])", "{error,badarg}");
    check(vm, "erlang:apply(t, work, [3])", "6");
    check(vm, "erlang:apply(fun t:work_io/1, [3])", "6");
    check(vm, "lists:map(fun t:work/1, [1,2,3,4,5])", "[2,4,6,8,10]");
    check(vm, "lists:map(fun t:work_io/1, [1,2,a,4,5])", "{throw,a}");
    ling_env_t *env = ling_env_new(vm);
    enum { PROCS = 8, CALLS = 500 };
    ling_term_t list = ling_make_nil(env), pid[PROCS], args[2];
    for (int i = CALLS; i > 0; i--) list = ling_make_cons(env, ling_make_int(env, i), list);
    for (int i = 0; i < PROCS; i++) {
        assert_int_equal(ling_parse_term(env, i % 2 ? "fun t:work/1" : "fun t:work_io/1", &args[0]),
                         LING_OK);
        args[1] = list;
        assert_int_equal(ling_spawn(vm, "lists", "foreach", 2, args, &pid[i]), LING_OK);
    }
    for (int i = 0; i < PROCS; i++)
        while (ling_is_alive(vm, pid[i])) check(vm, "timer:sleep(1)", "ok");
    assert_true(atomic_load(&g.calls) >= PROCS * CALLS);
    ling_env_free(env);
    ling_destroy(vm);
}
static void test_calls(void **state) {
    (void)state;
    calls(0);
    calls(1);
    calls(2);
}

/* A process killed in native work ends when that is done. */
static void test_kill(void **state) {
    (void)state;
    gate_t g;
    gate_init(&g);
    ling_vm_t *vm = new_vm(1, 0, 1);
    add_functions(vm, &g);
    ling_term_t first, second, args[2];
    spawn_waiter(vm, "wait", &first);
    spawn_waiter(vm, "wait", &second);
    pthread_mutex_lock(&g.lock);
    while (g.inside == 0) pthread_cond_wait(&g.changed, &g.lock);
    pthread_mutex_unlock(&g.lock);
    ling_env_t *env = ling_env_new(vm);
    for (int i = 0; i < 2; i++) {
        args[0] = i ? second : first;
        args[1] = ling_make_atom(env, "kill");
        assert_int_equal(ling_call(vm, env, "erlang", "exit", 2, args, 60 * SECOND, NULL), LING_OK);
    }
    ling_env_free(env);
    check(vm, "lists:sum([1,2,3])", "6");
    check(vm, "t:let_go(1)", "ok"); /* the second never gets there */
    while (ling_is_alive(vm, first) || ling_is_alive(vm, second)) check(vm, "timer:sleep(1)", "ok");
    assert_int_equal(g.done, 1);
    ling_destroy(vm);
}

/* The VM ends with work waiting in a queue, and with threads that have none. */
static void *let_all_go_later(void *arg) {
    gate_t *g = arg;
    usleep(50000);
    pthread_mutex_lock(&g->lock);
    g->tickets = 1000;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}
static void test_destroy(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        gate_t g;
        gate_init(&g);
        ling_vm_t *vm = new_vm(1, 1, 2);
        add_functions(vm, &g);
        check(vm, "t:work(1)", "2");
        check(vm, "t:work_io(1)", "2");
        ling_term_t pid;
        if (round % 2) {
            for (int i = 0; i < 5; i++) spawn_waiter(vm, "wait", &pid);
            pthread_t thread;
            pthread_mutex_lock(&g.lock);
            while (g.inside == 0) pthread_cond_wait(&g.changed, &g.lock);
            pthread_mutex_unlock(&g.lock);
            pthread_create(&thread, NULL, let_all_go_later, &g);
            ling_destroy(vm); /* waits for the thread inside */
            pthread_join(thread, NULL);
        } else {
            ling_destroy(vm);
        }
        assert_int_equal(g.inside, 0);
    }
}

/* ling_run is over when native work is, not before. */
static void test_run_waits(void **state) {
    (void)state;
    gate_t g;
    gate_init(&g);
    ling_vm_t *vm = new_vm(1, 1, 1);
    add_functions(vm, &g);
    ling_term_t pid;
    pthread_t thread;
    spawn_waiter(vm, "wait", &pid);
    pthread_create(&thread, NULL, let_all_go_later, &g);
    while (ling_is_alive(vm, pid)) ling_run(vm, LING_RUN_DEFAULT);
    assert_int_equal(g.done, 1);
    pthread_join(thread, NULL);
    ling_destroy(vm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_run), cmocka_unit_test(test_pool_is_bounded),
        cmocka_unit_test(test_calls),      cmocka_unit_test(test_kill),
        cmocka_unit_test(test_destroy),    cmocka_unit_test(test_run_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
