/* test_long_bifs.c: BIFs with much to do let other processes run in the middle, can be killed
 * there, and fail as they would have at once. On the simulated host, without threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <ling/ling.h>

/* What the function of long_bifs_t returns, as text. */
static void expect(const char *function, const char *text) {
    static const char *paths[] = {TEST_BEAMS};
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.host = LING_HOST_SIM;
    o.seed = 1;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t value;
    int rc = ling_call(vm, env, "long_bifs_t", function, 0, NULL, LING_FOREVER, &value);
    if (rc != LING_OK) fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    assert_int_equal(rc, LING_OK);
    char out[2000];
    assert_true(ling_format_term(vm, value, out, sizeof out) >= 0);
    assert_string_equal(out, text);
    ling_env_free(env);
    ling_destroy(vm);
}

static void test_others_run(void **state) {
    (void)state;
    expect("greedy", "[]");
}
static void test_killed_in_the_middle(void **state) {
    (void)state;
    expect("killed", "ok");
}
static void test_destroyed_in_the_middle(void **state) {
    (void)state;
    expect("left", "64");
}
static void test_same_stack_traces(void **state) {
    (void)state;
    expect("traces", "[]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_run),
        cmocka_unit_test(test_killed_in_the_middle),
        cmocka_unit_test(test_destroyed_in_the_middle),
        cmocka_unit_test(test_same_stack_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
