/* test_clock.c: Erlang time when the wall clock is set, on the simulated host, whose wall clock can
 * be set to the nanosecond; and on several threads, where time must not go back.
 */
#include "fixture.h"
#include <stdlib.h>
#include <string.h>
#include <ling/ling.h>
#include "host/sim/host_sim.h"
#include "host/uv/host_uv.h"
#include "vm/clock.h"

#define S  INT64_C(1000000000)
#define MS INT64_C(1000000)

static vm_t *new_vm(int mode, bool corrected) {
    /* Time passes only where the test says so. */
    host_sim_options_t so = {.clock_step_ns = -1};
    vm_options_t o = {.host = host_sim_create(1, &so),
                      .time_warp = (uint8_t)mode,
                      .no_time_correction = !corrected,
                      .deterministic = true};
    assert_non_null(o.host);
    vm_t *vm = vm_create(&o);
    assert_non_null(vm);
    return vm;
}

static int64_t wall(vm_t *vm) { return vm->host->ops->wall_ns(vm->host); }
static void set_wall(vm_t *vm, int64_t by) { host_sim_set_wall(vm->host, by); }
static int64_t our_now(vm_t *vm) { return (int64_t)vm_now(vm); }

/* Lets so much of the host's time pass; who asks for the time has it compared. */
static void pass(vm_t *vm, int64_t ns) {
    while (ns > 0) {
        int64_t step = ns < 50 * MS ? ns : 50 * MS;
        vm->host->ops->wait(vm->host, host_sim_now(vm->host) + (uint64_t)step);
        clock_look(vm, vm_now(vm));
        ns -= step;
    }
}

/* How much ours runs in so much of the host's time. */
static int64_t run(vm_t *vm, int64_t ns) {
    int64_t before = our_now(vm);
    pass(vm, ns);
    return our_now(vm) - before;
}

/* The same, the wall clock set at the beginning. */
static int64_t run_set(vm_t *vm, int64_t by, int64_t ns) {
    int64_t before = our_now(vm);
    set_wall(vm, by);
    pass(vm, ns);
    return our_now(vm) - before;
}

static void near(int64_t a, int64_t b, int64_t by) { assert_true(a - b <= by && b - a <= by); }

static void no_warp_phase(vm_t *vm) {
    int64_t offset = clock_offset(vm);
    assert_int_equal(run(vm, 10 * S), 10 * S);
    near(clock_system_ns(vm), wall(vm), 0);
    set_wall(vm, 10 * S);
    pass(vm, 200 * MS); /* until it is noticed */
    assert_int_equal(run(vm, 100 * S), 101 * S);
    assert_int_equal(run(vm, 500 * S), 505 * S);
    pass(vm, 450 * S);
    near(clock_system_ns(vm), wall(vm), MS);
    assert_int_equal(run(vm, 10 * S), 10 * S);
    set_wall(vm, -5 * S);
    pass(vm, 200 * MS);
    assert_int_equal(run(vm, 100 * S), 99 * S);
    pass(vm, 450 * S);
    near(clock_system_ns(vm), wall(vm), MS);
    assert_int_equal(run(vm, 10 * S), 10 * S);
    /* Too little to be followed. */
    set_wall(vm, MS / 2);
    assert_int_equal(run(vm, 10 * S), 10 * S);
    assert_int_equal(clock_offset(vm), offset);
}

static void test_no_warp(void **state) {
    (void)state;
    vm_t *vm = new_vm(TIME_NO_WARP, true);
    assert_int_equal(clock_state(vm), A_final);
    no_warp_phase(vm);
    assert_int_equal(clock_finalize(vm), A_final);
    fixture_free(vm);
}

static void test_single_warp(void **state) {
    (void)state;
    vm_t *vm = new_vm(TIME_SINGLE_WARP, true);
    assert_int_equal(clock_state(vm), A_preliminary);
    int64_t offset = clock_offset(vm);
    set_wall(vm, 1000000 * S);
    assert_int_equal(run(vm, 100 * S), 100 * S);
    assert_int_equal(clock_offset(vm), offset);
    int64_t now = our_now(vm);
    assert_int_equal(clock_finalize(vm), A_preliminary);
    assert_int_equal(clock_state(vm), A_final);
    assert_int_equal(clock_offset(vm), offset + 1000000 * S);
    assert_int_equal(our_now(vm), now);
    assert_int_equal(clock_finalize(vm), A_final);
    no_warp_phase(vm);
    fixture_free(vm);
}

static void test_multi_warp(void **state) {
    (void)state;
    vm_t *vm = new_vm(TIME_MULTI_WARP, true);
    assert_int_equal(clock_state(vm), A_volatile_);
    assert_int_equal(clock_finalize(vm), A_volatile_);
    int64_t offset = clock_offset(vm);
    static const int64_t by[] = {S, -S, 365 * 86400 * S, -300 * 86400 * S, 2 * MS};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        set_wall(vm, by[i]);
        assert_int_equal(run(vm, S), S);
        assert_int_equal(clock_offset(vm), offset + by[i]);
        assert_int_equal(clock_system_ns(vm), wall(vm));
        offset += by[i];
    }
    fixture_free(vm);
}

static void test_no_correction(void **state) {
    (void)state;
    for (int mode = TIME_NO_WARP; mode <= TIME_SINGLE_WARP; mode++) {
        vm_t *vm = new_vm(mode, false);
        int64_t offset = clock_offset(vm);
        assert_int_equal(run(vm, 10 * S), 10 * S);
        assert_int_equal(run_set(vm, 10 * S, S), 11 * S);
        assert_int_equal(run_set(vm, -5 * S, 3 * S), 0);
        assert_int_equal(run(vm, 3 * S), S);
        assert_int_equal(clock_system_ns(vm), wall(vm));
        assert_int_equal(clock_offset(vm), offset);
        assert_int_equal(run_set(vm, -100 * S, S), 0);
        clock_finalize(vm); /* the offset makes up for it, where it still may */
        assert_int_equal(run(vm, S), mode == TIME_SINGLE_WARP ? S : 0);
        fixture_free(vm);
    }
    vm_t *vm = new_vm(TIME_MULTI_WARP, false);
    int64_t offset = clock_offset(vm);
    assert_int_equal(run_set(vm, 10 * S, S), 11 * S);
    assert_int_equal(clock_offset(vm), offset);
    near(run_set(vm, -5 * S, S), S, 50 * MS);
    near(clock_offset(vm), offset - 5 * S, 50 * MS);
    assert_int_equal(run(vm, S), S);
    assert_int_equal(clock_system_ns(vm), wall(vm));
    fixture_free(vm);
}

/* However far away a time is and whatever the clock does, the host's time of it is not before. */
static void test_far(void **state) {
    (void)state;
    static const int64_t by[] = {0, 1000 * S, -1000 * S};
    for (int i = 0; i < 3; i++) {
        vm_t *vm = new_vm(TIME_NO_WARP, true);
        if (by[i]) run_set(vm, by[i], S);
        uint64_t far = clock_host_time(vm, CLOCK_END_NS);
        for (uint64_t d = 1; d < 100000; d = 3 * d + 1) {
            uint64_t host = clock_host_time(vm, HOST_FOREVER - d);
            assert_true(host > far && host != HOST_FOREVER);
        }
        assert_true(clock_host_time(vm, HOST_FOREVER) == HOST_FOREVER);
        fixture_free(vm);
    }
}

/* The wall clock is set at random: time never goes back and is never more than 1 % wrong, and the
 * host is asked to wait exactly until a time comes. */
static void test_random(void **state) {
    (void)state;
    srand(7);
    for (int mode = TIME_NO_WARP; mode <= TIME_MULTI_WARP; mode++) {
        vm_t *vm = new_vm(mode, true);
        clock_finalize(vm);
        for (int i = 0; i < 2000; i++) {
            if (rand() % 10 == 0) set_wall(vm, (rand() - RAND_MAX / 2) * INT64_C(20));
            int64_t before = our_now(vm), step = rand() % (20 * S);
            uint64_t when = (uint64_t)before + (uint64_t)step;
            uint64_t host = clock_host_time(vm, when), now = host_sim_now(vm->host);
            near((int64_t)(host - now), step, step / 99 + 2);
            if (host > now) vm->host->ops->wait(vm->host, host);
            near(our_now(vm), (int64_t)when, 2);
            int64_t ran = run(vm, step);
            near(ran, step, step / 100 + 2);
            if (mode == TIME_MULTI_WARP) assert_int_equal(ran, step);
        }
        fixture_free(vm);
    }
}

/* ---- threads ---- */

enum { THREADS = 3, TURNS = 3000 };
static _Atomic(int64_t) wall_by;
static const host_ops_t *real_ops;
static int64_t shifted_wall(host_t *h) { return real_ops->wall_ns(h) + atomic_load(&wall_by); }

typedef struct {
    vm_t *vm;
    _Atomic(uint64_t) *seen;
    _Atomic(bool) *stop;
    _Atomic(unsigned) *back;
} reader_t;

static void read_clock(void *arg) {
    reader_t *r = arg;
    while (!atomic_load(r->stop)) {
        uint64_t seen = atomic_load(r->seen), now = vm_now(r->vm);
        if (now < seen) atomic_fetch_add(r->back, 1);
        clock_look(r->vm, now);
        while (now > seen && !atomic_compare_exchange_weak(r->seen, &seen, now)) {
        }
    }
}

static void threads(int mode, bool corrected) {
    vm_options_t o = {.host = host_uv_create(NULL),
                      .time_warp = (uint8_t)mode,
                      .no_time_correction = !corrected,
                      .schedulers = 1,
                      .deterministic = true};
    assert_non_null(o.host);
    host_ops_t ops = *(real_ops = o.host->ops);
    ops.wall_ns = shifted_wall;
    o.host->ops = &ops;
    vm_t *vm = vm_create(&o);
    assert_non_null(vm);
    assert_int_equal(sched_start(vm), 0); /* locks are locks from now on */
    _Atomic(uint64_t) seen = 0;
    _Atomic(bool) stop = false;
    _Atomic(unsigned) back = 0;
    reader_t r = {vm, &seen, &stop, &back};
    host_thread_t *t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(ops.thread_start(vm->host, &t[i], read_clock, &r), 0);
    for (int i = 0; i < TURNS; i++) {
        atomic_store(&wall_by, (i % 5 - 2) * 100 * MS);
        atomic_store(&vm->clock_due, 0); /* as if it were time to look */
        clock_check(vm);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) ops.thread_join(vm->host, t[i]);
    assert_int_equal(atomic_load(&back), 0);
    vm_destroy(vm);
    o.host->ops = real_ops;
    real_ops->destroy(o.host);
}

static void test_threads(void **state) {
    (void)state;
    for (int mode = TIME_NO_WARP; mode <= TIME_MULTI_WARP; mode++) {
        threads(mode, true);
        threads(mode, false);
    }
}

/* ---- what programs see ---- */

typedef struct {
    host_t *host;
    int64_t by;
} setting_t;
static void set_it(void *user) {
    setting_t *s = user;
    host_sim_set_wall(s->host, s->by);
}

static void erlang(int mode, const char *function, const int64_t *at_by, int n,
                   const char *expected) {
    static const char *paths[] = {TEST_BEAMS};
    host_sim_options_t so = {.real_files = true};
    host_t *host = host_sim_create(1, &so);
    assert_non_null(host);
    host_sim_input(host, 0, NULL, 0);
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.host = LING_HOST_CUSTOM;
    o.custom_host = host;
    o.time_warp = mode;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    setting_t s[4];
    for (int i = 0; i < n; i++) {
        s[i] = (setting_t){host, at_by[2 * i + 1]};
        host_sim_at(host, host_sim_now(host) + (uint64_t)at_by[2 * i], set_it, &s[i]);
    }
    ling_env_t *env = ling_env_new(vm);
    ling_term_t value;
    char text[500] = "";
    int rc = ling_call(vm, env, "clock_t", function, 0, NULL, LING_FOREVER, &value);
    if (rc != LING_OK) print_message("%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    assert_int_equal(rc, LING_OK);
    assert_true(ling_format_term(vm, value, text, sizeof text) > 0);
    assert_string_equal(text, expected);
    /* Nothing is left that would wake it. */
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    ling_env_free(env);
    ling_destroy(vm);
    host->ops->destroy(host);
}

static void test_erlang(void **state) {
    (void)state;
    int64_t twice[] = {10 * S, 3600 * S, 20 * S, -10 * S}, once[] = {10 * S, 3600 * S};
    int64_t slow[] = {S, 20 * S};
    erlang(LING_TIME_MULTI_WARP, "multi", twice, 2,
           "{3600,3590,10,[{time_offset,clock_service},{time_offset,clock_service},"
           "{time_offset,clock_service}],volatile}");
    erlang(LING_TIME_SINGLE_WARP, "single", once, 1, "3600");
    erlang(LING_TIME_NO_WARP, "slow", slow, 1, "{1000,9900,0}");
    erlang(LING_TIME_MULTI_WARP, "quiet", NULL, 0, "ok");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_warp),    cmocka_unit_test(test_single_warp),
        cmocka_unit_test(test_multi_warp), cmocka_unit_test(test_no_correction),
        cmocka_unit_test(test_far),        cmocka_unit_test(test_random),
        cmocka_unit_test(test_threads),    cmocka_unit_test(test_erlang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
