/* test_boot.c: OTP booted by a program: two in one process, ends of all kinds, and what goes wrong.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include <ling/ling.h>

static ling_vm_t *create(unsigned schedulers) {
    ling_options_t o = LING_OPTIONS_INIT;
    ling_vm_t *vm;
    o.schedulers = schedulers;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    return vm;
}

static int boot(ling_vm_t *vm, const char *expression) {
    const char *argv[] = {"-noshell", "-eval", expression};
    return ling_boot(vm, argv, 3);
}

/* What a message said, and how many came. */
typedef struct {
    ling_vm_t *vm;
    int count;
    char last[200];
} box_t;

static void on_message(ling_env_t *env, ling_term_t message, void *user) {
    box_t *box = user;
    (void)env;
    box->count++;
    ling_format_term(box->vm, message, box->last, sizeof box->last);
}

static void open_box(box_t *box, ling_vm_t *vm) {
    ling_term_t pid;
    *box = (box_t){.vm = vm};
    assert_int_equal(ling_mailbox_open(vm, on_message, box, NULL, &pid), LING_OK);
    assert_int_equal(ling_set_name(vm, "host", pid), LING_OK);
}

static void halts(unsigned schedulers) {
    ling_vm_t *vm = create(schedulers);
    assert_int_equal(boot(vm, "halt(3)."), LING_OK);
    ling_ref(vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EHALTED);
    assert_int_equal(ling_halt_status(vm), 3);
    ling_destroy(vm);
}

static void test_halt(void **state) {
    (void)state;
    halts(0);
    halts(2);
}

/* Applications are taken down; it ends with the status asked for. */
static void test_stop(void **state) {
    (void)state;
    ling_vm_t *vm = create(1);
    box_t box;
    assert_int_equal(boot(vm, "ok = application:start(sasl), host ! up."), LING_OK);
    open_box(&box, vm);
    ling_ref(vm);
    while (box.count == 0) assert_true(ling_run(vm, LING_RUN_ONCE) >= 0);
    assert_string_equal(box.last, "up");
    ling_env_t *env = ling_env_new(vm);
    ling_term_t status = ling_make_int(env, 4);
    assert_true(ling_is_pid(ling_whereis(vm, "init")));
    assert_int_equal(ling_call(vm, env, "init", "stop", 1, &status, LING_FOREVER, NULL), LING_OK);
    ling_env_free(env);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EHALTED);
    assert_int_equal(ling_halt_status(vm), 4);
    ling_destroy(vm);
}

/* Two of them take turns on one thread; each has its own names, tables and end. */
static void test_two(void **state) {
    (void)state;
    ling_vm_t *vm[2];
    box_t box[2];
    const char *const expressions[] = {
        "T = ets:new(t, [named_table]), ets:insert(T, {k, one}), host ! ets:lookup(t, k).",
        "T = ets:new(t, [named_table]), ets:insert(T, {k, two}), host ! ets:lookup(t, k).",
    };
    int rc[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        vm[i] = create((unsigned)i); /* one on this thread, one with a scheduler */
        assert_int_equal(boot(vm[i], expressions[i]), LING_OK);
        open_box(&box[i], vm[i]);
        ling_ref(vm[i]);
    }
    while (box[0].count + box[1].count < 2)
        for (int i = 0; i < 2; i++) assert_true(ling_run(vm[i], LING_RUN_NOWAIT) >= 0);
    for (int i = 0; i < 2; i++) {
        ling_term_t status = ling_make_int(NULL, i + 1);
        ling_env_t *env = ling_env_new(vm[i]);
        rc[i] = ling_call(vm[i], env, "erlang", "halt", 1, &status, LING_FOREVER, NULL);
        ling_env_free(env);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rc[i], LING_EHALTED);
        assert_int_equal(ling_halt_status(vm[i]), i + 1);
        assert_int_equal(box[i].count, 1);
        assert_string_equal(box[i].last, i ? "[{k,two}]" : "[{k,one}]");
        ling_destroy(vm[i]);
    }
}

/* Destroyed before anything ran, and at some place in the middle. */
static void test_destroy(void **state) {
    (void)state;
    for (int steps = 0; steps < 40; steps += 13) {
        ling_vm_t *vm = create(0);
        assert_int_equal(boot(vm, "ok."), LING_OK);
        ling_ref(vm);
        for (int i = 0; i < steps; i++) assert_true(ling_run(vm, LING_RUN_NOWAIT) >= 0);
        ling_destroy(vm);
    }
}

/* For a program that ends: nothing runs here that would have to be left behind. */
static void test_abandon(void **state) {
    (void)state;
    ling_vm_t *vm = create(2);
    assert_int_equal(boot(vm, "halt(0)."), LING_OK);
    ling_ref(vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EHALTED);
    assert_int_equal(ling_abandon(vm), 0);
    assert_int_equal(ling_abandon(NULL), 0);
}

static void test_no_otp(void **state) {
    (void)state;
    static const char *const roots[] = {"", "/nonexistent", "/usr/include"};
    for (size_t i = 0; i < 3; i++) {
        ling_options_t o = LING_OPTIONS_INIT;
        ling_vm_t *vm;
        o.otp_root = roots[i];
        assert_int_equal(ling_create(&vm, &o), LING_OK);
        assert_int_equal(boot(vm, "ok."), LING_ENOENT);
        assert_true(strlen(ling_errmsg(vm)) > 0);
        if (*roots[i]) assert_non_null(strstr(ling_errmsg(vm), roots[i]));
        ling_destroy(vm);
    }
}

/* init says what is wrong and halts. */
static void test_no_boot_file(void **state) {
    (void)state;
    const char *argv[] = {"-noshell", "-boot", "no_such_file"};
    ling_vm_t *vm = create(0);
    assert_int_equal(ling_boot(vm, argv, 3), LING_OK);
    ling_ref(vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EHALTED);
    assert_int_equal(ling_halt_status(vm), 1);
    ling_destroy(vm);
}

static void test_bad_calls(void **state) {
    (void)state;
    ling_vm_t *vm = create(0);
    assert_int_equal(ling_boot(vm, NULL, 1), LING_EINVAL);
    assert_int_equal(boot(vm, "ok."), LING_OK);
    assert_int_equal(boot(vm, "ok."), LING_EINVAL); /* it has been booted */
    ling_destroy(vm);
}

/* Memory ends somewhere on the way: an error, and nothing is left behind. */
static void test_no_memory(void **state) {
    (void)state;
    for (size_t kb = 256; kb <= 4096; kb *= 2) {
        ling_options_t o = LING_OPTIONS_INIT;
        ling_vm_t *vm;
        o.memory_limit = kb << 10;
        if (ling_create(&vm, &o) != LING_OK) continue;
        int rc = boot(vm, "halt(0).");
        assert_true(rc == LING_OK || rc == LING_ENOMEM);
        ling_destroy(vm);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halt),         cmocka_unit_test(test_stop),
        cmocka_unit_test(test_two),          cmocka_unit_test(test_destroy),
        cmocka_unit_test(test_abandon),      cmocka_unit_test(test_no_otp),
        cmocka_unit_test(test_no_boot_file), cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
