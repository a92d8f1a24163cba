/* test_sim.c: a VM on the simulated host repeats itself exactly from its seed, and its time passes
 * only while it waits. Uses the public API alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <ling/ling.h>

#define SECOND INT64_C(1000000000)

typedef struct {
    char *text; /* the value */
    uint64_t trace, reductions, memory;
} outcome_t;

static double real_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static ling_vm_t *new_vm(uint64_t seed) {
    static const char *paths[] = {TEST_BEAMS};
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.host = LING_HOST_SIM;
    o.seed = seed;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    return vm;
}

static outcome_t run(uint64_t seed, const char *function) {
    ling_vm_t *vm = new_vm(seed);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t value;
    ling_stats_t s = {.size = sizeof s};
    int rc = ling_call(vm, env, "sim_t", function, 0, NULL, LING_FOREVER, &value);
    if (rc != LING_OK) fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    assert_int_equal(rc, LING_OK);
    int n = ling_format_term(vm, value, NULL, 0);
    assert_true(n > 0);
    outcome_t o = {.text = malloc((size_t)n + 1)};
    assert_non_null(o.text);
    ling_format_term(vm, value, o.text, (size_t)n + 1);
    assert_int_equal(ling_stats(vm, &s), LING_OK);
    o.trace = s.trace;
    o.reductions = s.reductions;
    o.memory = s.memory;
    ling_env_free(env);
    ling_destroy(vm);
    return o;
}

static void test_same_seed(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        outcome_t a = run(seed, "mix"), b = run(seed, "mix");
        assert_string_equal(a.text, b.text);
        assert_int_equal(a.trace, b.trace);
        assert_int_equal(a.reductions, b.reductions);
        assert_int_equal(a.memory, b.memory);
        assert_true(a.trace != 0);
        free(a.text);
        free(b.text);
    }
}

static void test_other_seed(void **state) {
    (void)state;
    outcome_t a = run(1, "mix"), b = run(2, "mix");
    assert_string_not_equal(a.text, b.text);
    assert_true(a.trace != b.trace);
    free(a.text);
    free(b.text);
}

/* What the embedder's memory looks like must not matter. */
static void test_other_addresses(void **state) {
    (void)state;
    outcome_t a = run(5, "mix");
    void *hole[64];
    for (int i = 0; i < 64; i++) hole[i] = malloc((size_t)(i + 1) * 1000);
    for (int i = 0; i < 64; i += 2) free(hole[i]);
    outcome_t b = run(5, "mix");
    for (int i = 1; i < 64; i += 2) free(hole[i]);
    assert_string_equal(a.text, b.text);
    assert_int_equal(a.trace, b.trace);
    free(a.text);
    free(b.text);
}

static void test_hour(void **state) {
    (void)state;
    double begin = real_seconds();
    outcome_t a = run(1, "hour");
    double took = real_seconds() - begin;
    int ticks, timers, seconds;
    assert_int_equal(sscanf(a.text, "{%d,%d,%d}", &ticks, &timers, &seconds), 3);
    assert_int_equal(timers, 1000);
    assert_int_equal(seconds, 3600);
    assert_in_range(ticks, 3599, 3600);
    assert_true(took < 60);
    free(a.text);
}

/* The caller's time limit counts virtual time, too. */
static void test_call_timeout(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm(1);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t ms = ling_make_int(env, 86400000), value;
    double begin = real_seconds();
    assert_int_equal(ling_call(vm, env, "sim_t", "sleep", 1, &ms, 3600 * SECOND, &value),
                     LING_ETIMEDOUT);
    assert_int_equal(ling_call(vm, env, "sim_t", "sleep", 1, &ms, 90000 * SECOND, &value), LING_OK);
    assert_true(real_seconds() - begin < 1.0);
    ling_env_free(env);
    ling_destroy(vm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed),       cmocka_unit_test(test_other_seed),
        cmocka_unit_test(test_other_addresses), cmocka_unit_test(test_hour),
        cmocka_unit_test(test_call_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
