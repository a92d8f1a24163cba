/* test_crash_dump.c: the file a VM leaves when it is halted with a slogan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <ling/ling.h>

static char dir[] = "/tmp/ling-dump-XXXXXX";
static char path[sizeof dir + 10];

/* Runs erlang:halt("slogan") in a VM with some processes; the dump, or NULL. */
static char *dump(unsigned schedulers, const char *file, uint64_t limit, size_t *size) {
    ling_options_t o = LING_OPTIONS_INIT;
    char name[sizeof path];
    snprintf(name, sizeof name, "%s", file);
    o.schedulers = schedulers;
    o.crash_dump = name;
    o.crash_dump_bytes = limit;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    memset(name, 'x', sizeof name - 1); /* the VM has a copy */
    ling_env_t *env = ling_env_new(vm);
    ling_term_t list = ling_make_string(env, "the slogan"), pid, args[2];
    args[0] = ling_make_atom(env, "sleeping");
    for (int i = 0; i < 3; i++) {
        ling_term_t forever = ling_make_atom(env, "infinity");
        assert_int_equal(ling_spawn(vm, "timer", "sleep", 1, &forever, &pid), LING_OK);
    }
    assert_int_equal(ling_set_name(vm, "sleeper", pid), LING_OK);
    args[1] = ling_make_tuple_of(env, 2, ling_make_float(env, 1.5), list);
    assert_int_equal(ling_send(vm, pid, args[1]), LING_OK);
    while (ling_run(vm, LING_RUN_NOWAIT) < 0) {
    }
    assert_int_equal(ling_call(vm, env, "erlang", "halt", 1, &list, LING_FOREVER, NULL),
                     LING_EHALTED);
    assert_int_equal(ling_halt_status(vm), 1);
    ling_env_free(env);
    ling_destroy(vm);
    FILE *f = fopen(file, "rb");
    if (!f) return NULL;
    char *text = calloc(1, 10000000);
    *size = fread(text, 1, 9999999, f);
    fclose(f);
    if (strncmp(file, dir, 14) == 0) unlink(file);
    return text;
}

static void test_dump(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers < 3; schedulers++) {
        size_t n;
        char *text = dump(schedulers, path, 0, &n);
        assert_non_null(text);
        static const char *const wanted[] = {"\nSlogan: the slogan\n",
                                             "\n=memory\ntotal: ",
                                             "\nName: sleeper\nSpawned as: timer:sleep/1\n",
                                             "\nMessage queue length: 1\n",
                                             "(timer:sleep/1 + ",
                                             "\n=proc_messages:<0.",
                                             "\n=proc_stack:<0.",
                                             "(<terminate process normally>)",
                                             "\n=proc_heap:<0.",
                                             ":E",
                                             "\n=mod:timer\nCurrent size: ",
                                             "\n=atoms\n",
                                             "\nnonode@nohost\n"};
        assert_memory_equal(text, "=erl_crash_dump:0.5\n", 20);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (!strstr(text, wanted[i])) fail_msg("no %s", wanted[i]);
        assert_string_equal(text + n - 6, "\n=end\n");
        free(text);
    }
}

static void test_limit(void **state) {
    (void)state;
    size_t n;
    char *text = dump(0, path, 1000, &n);
    assert_non_null(text);
    assert_int_equal(n, 1000);
    free(text);
}

static void test_bad_file(void **state) {
    (void)state;
    size_t n;
    char none[sizeof path];
    snprintf(none, sizeof none, "%s/no/d", dir);
    assert_null(dump(0, none, 0, &n));
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/dump", dir);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dump), cmocka_unit_test(test_limit),
                                       cmocka_unit_test(test_bad_file)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
