/* test_api.c: the public API, used as a program would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <ling/uv.h>

#define SECOND INT64_C(1000000000)

static const char *paths[] = {TEST_BEAMS};

static ling_options_t options(void) {
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    return o;
}
static ling_vm_t *new_vm(void) {
    ling_options_t o = options();
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    return vm;
}

static const char *text(ling_vm_t *vm, ling_term_t t) {
    static char buf[2000];
    if (ling_format_term(vm, t, buf, sizeof buf) < 0) return "?";
    return buf;
}

/* ---- life ---- */

static void test_create_destroy(void **state) {
    (void)state;
    ling_vm_t *vm;
    ling_options_t o = options();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(ling_create(&vm, &o), LING_OK);
        ling_destroy(vm);
    }
    ling_destroy(NULL);
    o.host = 99;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    assert_null(vm);
    o.host = LING_HOST_SIM;
    o.schedulers = 2;
    assert_int_equal(ling_create(&vm, &o), LING_EINVAL);
    assert_int_equal(ling_version(), LING_VERSION_HEX);
    for (int e = 0; e > -18; e--) assert_string_not_equal(ling_strerror(e), "unknown error");
}

static void test_find_otp(void **state) {
    (void)state;
    char root[4096], small[2];
    assert_int_equal(ling_find_otp(root, sizeof root), LING_OK);
    assert_int_equal(ling_find_otp(small, sizeof small), LING_ERANGE);
    assert_true(strlen(root) > 1);
}

/* ---- terms ---- */

static void test_make_and_read(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    int64_t i;
    uint64_t u;
    double d;
    const char *name;
    size_t n;

    static const int64_t ints[] = {0,
                                   1,
                                   -1,
                                   INT64_C(1) << 59,
                                   INT64_C(1) << 60,
                                   INT64_MAX,
                                   INT64_MIN,
                                   -(INT64_C(1) << 60),
                                   -(INT64_C(1) << 60) - 1};
    assert_true(ling_make_uint(NULL, 7) == ling_make_int(NULL, 7));
    assert_true(ling_make_uint(NULL, UINT64_MAX) == LING_NONE);
    assert_true(ling_make_int(NULL, INT64_MIN) == LING_NONE);
    for (size_t k = 0; k < sizeof ints / sizeof *ints; k++) {
        ling_term_t t = ling_make_int(env, ints[k]);
        assert_int_equal(ling_get_int(t, &i), LING_OK);
        assert_true(i == ints[k]);
        assert_true(ling_is_int(t));
        int rc = ling_get_uint(t, &u);
        assert_int_equal(rc, ints[k] < 0 ? LING_ERANGE : LING_OK);
    }
    ling_term_t big = ling_make_uint(env, UINT64_MAX);
    assert_int_equal(ling_get_uint(big, &u), LING_OK);
    assert_true(u == UINT64_MAX);
    assert_int_equal(ling_get_int(big, &i), LING_ERANGE);
    assert_int_equal(ling_get_int(ling_make_float(env, 1.5), &i), LING_ETYPE);
    assert_int_equal(ling_get_double(ling_make_float(env, 1.5), &d), LING_OK);
    assert_true(d == 1.5);
    assert_int_equal(ling_get_double(ling_make_int(env, 3), &d), LING_OK);
    assert_true(d == 3.0);

    ling_term_t a = ling_make_atom(env, "hello world");
    assert_int_equal(ling_get_atom(vm, a, &name, &n), LING_OK);
    assert_string_equal(name, "hello world");
    assert_int_equal(n, 11);
    assert_true(ling_is_atom_named(vm, a, "hello world"));
    assert_int_equal(ling_get_atom(vm, big, &name, &n), LING_ETYPE);
    char longname[300];
    memset(longname, 'x', sizeof longname);
    assert_true(ling_make_atom_n(env, longname, sizeof longname) == LING_NONE);

    static uint8_t bytes[1000];
    for (size_t k = 0; k < sizeof bytes; k++) bytes[k] = (uint8_t)k;
    const void *data;
    for (size_t len = 0; len < sizeof bytes; len += 37) {
        ling_term_t b = ling_make_binary(env, bytes, len);
        assert_int_equal(ling_type(b), LING_TYPE_BINARY);
        assert_int_equal(ling_get_binary(env, b, &data, &n), LING_OK);
        assert_int_equal(n, len);
        assert_memory_equal(data, bytes, len);
    }

    ling_term_t s = ling_make_string(env, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8d");
    assert_int_equal(ling_list_length(s), 8);
    char buf[40];
    assert_int_equal(ling_get_text(vm, s, buf, sizeof buf, &n), LING_OK);
    assert_string_equal(buf, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\x8d");
    assert_int_equal(ling_get_text(vm, s, buf, 5, &n), LING_ERANGE);
    assert_int_equal(n, 15);
    assert_true(ling_make_string(env, "\xff") == LING_NONE);
    assert_true(ling_make_string(env, "\xed\xa0\x80") == LING_NONE);
    ling_term_t deep = ling_make_list(
        env, (ling_term_t[]){ling_make_binary(env, "ab", 2), s, ling_make_int(env, 'c')}, 3);
    assert_int_equal(ling_get_text(vm, deep, buf, sizeof buf, &n), LING_OK);
    assert_int_equal(ling_get_text(vm, a, buf, sizeof buf, &n), LING_ETYPE);

    ling_term_t tuple = ling_make_tuple_of(env, 3, a, big, s);
    const ling_term_t *elements;
    assert_int_equal(ling_get_tuple(tuple, &elements, &n), LING_OK);
    assert_int_equal(n, 3);
    assert_true(elements[1] == big);
    assert_true(ling_make_tuple_of(env, 2, a, LING_NONE) == LING_NONE);
    assert_true(ling_make_list(env, (ling_term_t[]){LING_NONE}, 1) == LING_NONE);
    ling_term_t head, tail, list = ling_make_cons(env, a, ling_make_nil(env));
    assert_int_equal(ling_get_cons(list, &head, &tail), LING_OK);
    assert_true(head == a && ling_type(tail) == LING_TYPE_NIL);
    assert_int_equal(ling_get_cons(tail, &head, &tail), LING_ETYPE);
    assert_int_equal(ling_list_length(ling_make_cons(env, a, a)), LING_ETYPE);

    ling_term_t keys[50], values[50], v;
    for (int k = 0; k < 50; k++) {
        keys[k] = ling_make_int(env, k % 45);
        values[k] = ling_make_int(env, k);
    }
    ling_term_t map = ling_make_map(env, keys, values, 50);
    assert_int_equal(ling_map_size(map, &n), LING_OK);
    assert_int_equal(n, 45);
    assert_int_equal(ling_map_get(vm, map, keys[2], &v), LING_OK);
    assert_true(v == values[47]);
    assert_int_equal(ling_map_get(vm, map, a, &v), LING_ENOENT);
    map = ling_map_put(env, map, a, big);
    assert_int_equal(ling_map_get(vm, map, a, &v), LING_OK);
    assert_true(ling_equal(vm, v, big));
    assert_true(ling_compare(vm, keys[0], keys[1]) < 0);

    ling_term_t copy = ling_copy(env, tuple);
    assert_true(ling_equal(vm, copy, tuple));
    void *encoded;
    ling_term_t decoded;
    assert_int_equal(ling_encode(env, map, &encoded, &n), LING_OK);
    assert_int_equal(ling_decode(env, encoded, n, &decoded), LING_OK);
    assert_true(ling_equal(vm, decoded, map));
    assert_int_equal(ling_decode(env, encoded, n - 1, &decoded), LING_EINVAL);
    ling_release(vm, encoded, n);
    assert_int_equal(ling_type(ling_make_ref(env)), LING_TYPE_REFERENCE);
    ling_env_clear(env);
    assert_int_equal(ling_list_length(ling_make_string(env, "abc")), 3);
    ling_env_free(env);
    ling_destroy(vm);
}

static void test_parse(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    static const struct {
        const char *in, *out; /* NULL: an error; "": same as in */
    } cases[] = {
        {"1", ""},
        {" -17 . ", "-17"},
        {"1_000_000", "1000000"},
        {"16#ff", "255"},
        {"-36#Zz", "-1295"},
        {"1152921504606846975", ""},
        {"1152921504606846976", ""},
        {"-1152921504606846976", ""},
        {"-1152921504606846977", ""},
        {"18446744073709551616", ""},
        {"123456789012345678901234567890123456789012345678901234567890", ""},
        {"16#123456789abcdef0123456789abcdef0", "24197857203266734864793317670504947440"},
        {"1.5", ""},
        {"-2.5e-3", "-0.0025"},
        {"1.0e400", NULL},
        {"$a", "97"},
        {"$\\n", "10"},
        {"$\\x{1F30D}", "127757"},
        {"$\xc3\xbc", "252"},
        {"foo", ""},
        {"'hello world'", ""},
        {"'it\\'s'", ""},
        {"'foo'", "foo"},
        {"fooBar_1@x", ""},
        {"Foo", NULL},
        {"and", NULL},
        {"\"abc\"", ""},
        {"\"a\" \"b\\x63\"", "\"abc\""},
        {"\"\"", "[]"},
        {"[]", ""},
        {"[1,2|3]", ""},
        {"[1,[2,[3]],{}]", ""},
        {"[1,2", NULL},
        {"[1 2]", NULL},
        {"[1,]", NULL},
        {"{}", ""},
        {"{a,{b},\"c\"}", ""},
        {"#{}", ""},
        {"#{a=>1,a=>2}", "#{a=>2}"},
        {"#{a=>#{1=>2}}", ""},
        {"#{a}", NULL},
        {"<<>>", ""},
        {"<<1,2,255>>", ""},
        {"<<\"abc\">>", ""},
        {"<<\"\xc3\xbc\">>", "<<252>>"},
        {"<<\"\xc3\xbc\"/utf8>>", "<<195,188>>"},
        {"<<258:16,1:4,-1:4>>", "<<1,2,31>>"},
        {"<<1:3>>", "<<1:3>>"},
        {"<<1", NULL},
        {"fun lists:sort/1", "fun lists:sort/1"},
        {"% comment\n 1 % more", "1"},
        {"1 2", NULL},
        {"", NULL},
        {"\"abc", NULL},
        {"'abc", NULL},
        {"37#1", NULL},
        {"1#1", NULL},
        {"12ab", NULL},
        {"f(x)", NULL},
        {"<<a>>", NULL},
        {"\"\\xq\"", NULL},
        {"\"\\", NULL},
        {"$", NULL},
        {"-", NULL},
        {"#{a=>", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ling_term_t t;
        int rc = ling_parse_term(env, cases[i].in, &t);
        if (!cases[i].out) {
            if (rc != LING_EPARSE) fail_msg("%s should not parse (%d)", cases[i].in, rc);
            assert_true(strlen(ling_env_errmsg(env)) > 0);
            continue;
        }
        if (rc != LING_OK) fail_msg("%s: %d %s", cases[i].in, rc, ling_env_errmsg(env));
        assert_string_equal(text(vm, t), *cases[i].out ? cases[i].out : cases[i].in);
    }
    /* Depth costs memory only. */
    size_t depth = 200000;
    char *deep = malloc(2 * depth + 1);
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    deep[2 * depth] = 0;
    ling_term_t t, m, f, args;
    assert_int_equal(ling_parse_term(env, deep, &t), LING_OK);
    deep[2 * depth - 1] = '}';
    assert_int_equal(ling_parse_term(env, deep, &t), LING_EPARSE);
    free(deep);

    assert_int_equal(ling_parse_call(env, "lists:sort([3,1])", &m, &f, &args), LING_OK);
    assert_string_equal(text(vm, args), "[[3,1]]");
    assert_int_equal(ling_parse_call(env, "m:f()", &m, &f, &args), LING_OK);
    assert_int_equal(ling_type(args), LING_TYPE_NIL);
    assert_int_equal(ling_parse_call(env, " 'a b' : f ( 1 , {2} ) .", &m, &f, &args), LING_OK);
    assert_string_equal(text(vm, args), "[1,{2}]");
    assert_int_equal(ling_parse_call(env, "m:f(1", &m, &f, &args), LING_EPARSE);
    assert_int_equal(ling_parse_call(env, "m:f(1,)", &m, &f, &args), LING_EPARSE);
    assert_int_equal(ling_parse_call(env, "f(1)", &m, &f, &args), LING_EPARSE);
    assert_int_equal(ling_parse_call(env, "m:f(1) x", &m, &f, &args), LING_EPARSE);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- calls ---- */

static void test_call(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    ling_term_t arg, result;
    ling_parse_term(env, "{[3,1,2],#{a=>\"b\"},<<\"c\">>,1.5,1267650600228229401496703205376}",
                    &arg);
    assert_int_equal(ling_call(vm, env, "api_t", "echo", 1, &arg, LING_FOREVER, &result), LING_OK);
    assert_true(ling_equal(vm, arg, result));
    ling_parse_term(env, "[3,1,2]", &arg);
    assert_int_equal(ling_call(vm, env, "lists", "sort", 1, &arg, LING_FOREVER, &result), LING_OK);
    assert_string_equal(text(vm, result), "[1,2,3]");
    assert_int_equal(ling_call(vm, NULL, "lists", "sort", 1, &arg, LING_FOREVER, NULL), LING_OK);

    assert_int_equal(ling_call(vm, env, "api_t", "crash", 1, &arg, LING_FOREVER, &result),
                     LING_EEXCEPTION);
    const ling_term_t *e;
    size_t n;
    assert_int_equal(ling_get_tuple(result, &e, &n), LING_OK);
    assert_int_equal(n, 3);
    assert_string_equal(text(vm, e[0]), "error");
    assert_string_equal(text(vm, e[1]), "{badmatch,[3,1,2]}");
    assert_non_null(strstr(ling_errmsg(vm), "exception error: {badmatch,[3,1,2]}"));
    assert_non_null(strstr(ling_errmsg(vm), "api_t.erl, line "));
    ling_term_t two[2];
    ling_parse_term(env, "throw", &two[0]);
    ling_parse_term(env, "up", &two[1]);
    assert_int_equal(ling_call(vm, env, "api_t", "raise", 2, two, LING_FOREVER, &result),
                     LING_EEXCEPTION);
    assert_string_equal(text(vm, result), "{throw,up,[]}");
    ling_parse_term(env, "kill", &arg);
    assert_int_equal(ling_call(vm, env, "api_t", "die", 1, &arg, LING_FOREVER, &result),
                     LING_EEXCEPTION);
    assert_string_equal(text(vm, result), "{exit,killed,[]}");
    assert_int_equal(ling_call(vm, env, "no_such_module", "f", 0, NULL, LING_FOREVER, &result),
                     LING_EEXCEPTION);
    assert_non_null(strstr(ling_errmsg(vm), "undef"));

    arg = ling_make_int(env, 20);
    assert_int_equal(ling_call(vm, env, "api_t", "sleep", 1, &arg, 100 * SECOND, &result), LING_OK);
    assert_int_equal(ling_call(vm, env, "api_t", "wait", 0, NULL, SECOND / 50, &result),
                     LING_ETIMEDOUT);
    assert_int_equal(ling_call(vm, env, "api_t", "loop", 0, NULL, SECOND / 50, &result),
                     LING_ETIMEDOUT);
    int rc = ling_call(vm, env, "api_t", "echo", 1, &arg, 0, &result); /* no time: both may win */
    assert_true(rc == LING_OK || rc == LING_ETIMEDOUT);
    /* The killed ones are gone. */
    for (int i = 0; i < 20; i++) ling_run(vm, LING_RUN_NOWAIT);
    ling_stats_t st = {.size = sizeof st};
    assert_int_equal(ling_stats(vm, &st), LING_OK);
    assert_in_range(st.processes, 0, 6); /* the built-in servers */
    assert_true(st.memory > 0 && st.atoms > 500 && st.modules > 0);
    arg = ling_make_int(env, 3);
    assert_int_equal(ling_call(vm, env, "erlang", "halt", 1, &arg, LING_FOREVER, &result),
                     LING_EHALTED);
    assert_int_equal(ling_halt_status(vm), 3);
    ling_env_free(env);
    ling_destroy(vm);
}

static void *interrupt_soon(void *vm) {
    usleep(20000);
    ling_interrupt(vm);
    return NULL;
}

static void test_interrupt(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    static const char *const functions[] = {"loop", "wait"};
    for (int i = 0; i < 2; i++) {
        pthread_t t;
        pthread_create(&t, NULL, interrupt_soon, vm);
        assert_int_equal(ling_call(vm, env, "api_t", functions[i], 0, NULL, LING_FOREVER, NULL),
                         LING_EINTR);
        pthread_join(t, NULL);
    }
    ling_ref(vm);
    pthread_t t;
    pthread_create(&t, NULL, interrupt_soon, vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), LING_EINTR);
    pthread_join(t, NULL);
    ling_unref(vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- messages ---- */

enum { SENDS = 1000 };
static void on_message(ling_env_t *env, ling_term_t message, void *user) {
    char *all = user, one[100];
    ling_vm_t *vm = ling_env_vm(env);
    ling_format_term(vm, message, one, sizeof one);
    strcat(all, one);
    strcat(all, ";");
    assert_int_equal(ling_run(vm, LING_RUN_NOWAIT), LING_EBUSY);
}
static void clear_text(void *user) { strcpy(user, "closed"); }

static void test_messages(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    ling_term_t pid, message, args[2];

    assert_int_equal(ling_spawn(vm, "api_t", "receive_one", 0, NULL, &pid), LING_OK);
    assert_int_equal(ling_is_alive(vm, pid), 1);
    assert_int_equal(ling_set_name(vm, "someone", pid), LING_OK);
    assert_int_equal(ling_set_name(vm, "someone", pid), LING_EINVAL);
    assert_true(ling_whereis(vm, "someone") == pid);
    assert_true(ling_whereis(vm, "nobody here") == LING_NONE);
    message = ling_make_atom(env, "someone");
    assert_int_equal(ling_send(vm, message, message), LING_OK);
    assert_int_equal(ling_send(vm, ling_make_nil(env), message), LING_EINVAL);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    assert_int_equal(ling_is_alive(vm, pid), 0);
    assert_int_equal(ling_send(vm, pid, message), LING_OK); /* swallowed */

    static char all[4096];
    all[0] = 0;
    assert_int_equal(ling_mailbox_open(vm, on_message, all, clear_text, &args[0]), LING_OK);
    for (int i = 0; i < 3; i++) {
        args[1] = ling_make_tuple_of(env, 2, ling_make_atom(env, "m"), ling_make_int(env, i));
        assert_int_equal(ling_call(vm, env, "api_t", "tell", 2, args, LING_FOREVER, NULL), LING_OK);
    }
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    assert_string_equal(all, "{m,0};{m,1};{m,2};");
    assert_int_equal(ling_mailbox_close(vm, args[0]), LING_OK);
    assert_string_equal(all, "closed");
    assert_int_equal(ling_mailbox_close(vm, args[0]), LING_ENOENT);
    ling_env_free(env);
    ling_destroy(vm);
}

typedef struct {
    ling_vm_t *vm;
    ling_env_t *env;
    ling_term_t to, messages[SENDS];
} sender_t;
static void *send_prepared(void *arg) {
    sender_t *s = arg;
    for (int i = 0; i < SENDS; i++) ling_send(s->vm, s->to, s->messages[i]);
    return NULL;
}

static void send_from_threads(unsigned schedulers) {
    ling_options_t o = options();
    o.schedulers = schedulers;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    static sender_t senders[3];
    pthread_t threads[3];
    for (int k = 0; k < 3; k++) {
        sender_t *s = &senders[k];
        s->vm = vm;
        s->to = ling_make_atom(env, "counter");
        for (int i = 0; i < SENDS; i++)
            s->messages[i] = ling_make_tuple_of(
                env, 2, ling_make_atom(env, "n"),
                ling_make_tuple_of(env, 2, ling_make_int(env, k), ling_make_int(env, i)));
    }
    ling_term_t pid, result, arg = ling_make_int(env, 3 * SENDS);
    assert_int_equal(ling_spawn(vm, "api_t", "count", 1, &arg, &pid), LING_OK);
    while (ling_whereis(vm, "counter") == LING_NONE) ling_run(vm, LING_RUN_NOWAIT);
    for (int k = 0; k < 3; k++) pthread_create(&threads[k], NULL, send_prepared, &senders[k]);
    arg = ling_make_int(env, 1);
    while (ling_is_alive(vm, pid))
        assert_int_equal(ling_call(vm, env, "api_t", "sleep", 1, &arg, LING_FOREVER, &result),
                         LING_OK);
    for (int k = 0; k < 3; k++) pthread_join(threads[k], NULL);
    ling_env_free(env);
    ling_destroy(vm);
}
static void test_send_from_threads(void **state) {
    (void)state;
    send_from_threads(0);
    send_from_threads(2);
}

/* ---- functions in C ---- */

static int double_it(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                     void *user) {
    int64_t i;
    assert_int_equal(argc, 1);
    (*(int *)user)++;
    assert_int_equal(ling_type(ling_self(env)), LING_TYPE_PID);
    if (ling_is_atom_named(ling_env_vm(env), argv[0], "oops"))
        return ling_raise(env, LING_THROW, ling_make_tuple_of(env, 1, argv[0]));
    if (ling_is_float(argv[0])) return LING_ENOSYS;
    if (ling_get_int(argv[0], &i) != LING_OK) return LING_EINVAL;
    *result = ling_make_tuple_of(env, 2, ling_make_int(env, 2 * i), ling_make_string(env, "two"));
    return LING_OK;
}
static void was_destroyed(void *user) { *(int *)user = -1; }

static void test_host_functions(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    int calls = 0;
    ling_term_t arg, result;
    assert_int_equal(ling_register(vm, "host", "double", 1, double_it, &calls, was_destroyed),
                     LING_OK);
    assert_int_equal(ling_register(vm, "host", "double", 300, double_it, &calls, NULL),
                     LING_EINVAL);
    static const struct {
        const char *in, *out;
        int rc;
    } cases[] = {
        {"21", "{c,{42,\"two\"}}", LING_OK},
        {"oops", "throw", LING_EEXCEPTION},
        {"a", "error: badarg", LING_EEXCEPTION},
        {"1.0", "cannot do that", LING_EEXCEPTION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ling_parse_term(env, cases[i].in, &arg), LING_OK);
        assert_int_equal(ling_call(vm, env, "api_t", "call_c", 1, &arg, LING_FOREVER, &result),
                         cases[i].rc);
        if (cases[i].rc == LING_OK)
            assert_string_equal(text(vm, result), cases[i].out);
        else
            assert_non_null(strstr(ling_errmsg(vm), cases[i].out));
    }
    assert_int_equal(calls, 4);
    /* Straight from the host, and a function nobody's code has mentioned. */
    arg = ling_make_int(env, 5);
    assert_int_equal(ling_call(vm, env, "host", "double", 1, &arg, LING_FOREVER, &result), LING_OK);
    ling_env_free(env);
    ling_destroy(vm);
    assert_int_equal(calls, -1);
}

static ling_token_t kept;
static int later(ling_env_t *env, ling_token_t token, size_t argc, const ling_term_t *argv,
                 void *user) {
    (void)user;
    assert_int_equal(argc, 1);
    ling_vm_t *vm = ling_env_vm(env);
    kept = token;
    if (ling_is_atom_named(vm, argv[0], "now")) return ling_reply(vm, token, argv[0]);
    if (ling_is_atom_named(vm, argv[0], "raise"))
        return ling_reply_raise(vm, token, LING_EXIT, argv[0]);
    if (ling_is_atom_named(vm, argv[0], "bad")) return LING_EINVAL;
    return LING_OK; /* nobody answers, or a thread */
}
static void *answer(void *arg) {
    ling_vm_t *vm = arg;
    usleep(10000);
    ling_reply(vm, kept, ling_make_int(NULL, 99));
    ling_reply(vm, kept, ling_make_int(NULL, 100)); /* too late: dropped */
    return NULL;
}

static void test_async_functions(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_env_t *env = ling_env_new(vm);
    ling_term_t arg, result;
    assert_int_equal(ling_register_async(vm, "host", "later", 1, later, NULL, NULL), LING_OK);
    static const struct {
        const char *in, *out;
    } cases[] = {{"now", "{reply,now}"}, {"raise", "{exit,raise}"}, {"bad", "{error,badarg}"}};
    for (size_t i = 0; i < 3; i++) {
        ling_parse_term(env, cases[i].in, &arg);
        assert_int_equal(ling_call(vm, env, "api_t", "call_async", 1, &arg, LING_FOREVER, &result),
                         LING_OK);
        assert_string_equal(text(vm, result), cases[i].out);
    }
    ling_parse_term(env, "thread", &arg);
    ling_term_t pid;
    assert_int_equal(ling_spawn(vm, "api_t", "call_async", 1, &arg, &pid), LING_OK);
    for (int i = 0; i < 10; i++) assert_int_equal(ling_run(vm, LING_RUN_NOWAIT), 1);
    pthread_t t;
    pthread_create(&t, NULL, answer, vm);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0); /* waits for the reply */
    pthread_join(t, NULL);
    ling_run(vm, LING_RUN_NOWAIT);
    assert_int_equal(ling_is_alive(vm, pid), 0);
    /* A process that dies while it waits. */
    assert_int_equal(ling_call(vm, env, "api_t", "call_async", 1, &arg, SECOND / 100, &result),
                     LING_ETIMEDOUT);
    ling_run(vm, LING_RUN_NOWAIT);
    assert_int_equal(ling_reply(vm, kept, arg), LING_OK);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- code ---- */

static uint8_t *slurp(const char *name, size_t *size) {
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", TEST_BEAMS, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static uint8_t data[100000];
    *size = fread(data, 1, sizeof data, f);
    fclose(f);
    return data;
}

static void test_load(void **state) {
    (void)state;
    ling_options_t o = LING_OPTIONS_INIT;
    o.otp_root = ""; /* no OTP: still a VM */
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    size_t size;
    uint8_t *bytes = slurp("api_t.beam", &size);
    ling_term_t module, result;
    assert_int_equal(ling_load(vm, bytes, size - 10, &module), LING_EBADFILE);
    assert_true(strlen(ling_errmsg(vm)) > 0);
    assert_int_equal(ling_load(vm, "nonsense", 8, &module), LING_EBADFILE);
    for (int i = 0; i < 5; i++) { /* old versions are purged */
        assert_int_equal(ling_load(vm, bytes, size, &module), LING_OK);
        assert_string_equal(text(vm, module), "api_t");
        assert_int_equal(ling_call(vm, env, "api_t", "version", 0, NULL, LING_FOREVER, &result),
                         LING_OK);
    }
    ling_term_t pid;
    assert_int_equal(ling_spawn(vm, "api_t", "wait", 0, NULL, &pid), LING_OK);
    assert_int_equal(ling_run(vm, LING_RUN_DEFAULT), 0);
    assert_int_equal(ling_load(vm, bytes, size, &module), LING_OK);
    assert_int_equal(ling_load(vm, bytes, size, &module), LING_EOLDCODE);
    assert_int_equal(ling_load_file(vm, "/nowhere/x.beam", &module), LING_ENOENT);
    assert_int_equal(ling_load_module(vm, "lists"), LING_ENOENT);
    assert_int_equal(ling_exports(vm, "api_t", "echo", 1), 1);
    assert_int_equal(ling_exports(vm, "api_t", "echo", 2), 0);
    ling_env_free(env);
    ling_destroy(vm);

    vm = new_vm();
    assert_int_equal(ling_load_module(vm, "lists"), LING_OK);
    assert_int_equal(ling_exports(vm, "lists", "sort", 1), 1);
    size_t modules;
    assert_in_range(ling_check(vm, "lists", NULL, NULL, &modules), 0, 1000);
    assert_in_range(modules, 1, 1000);
    assert_int_equal(ling_check(vm, "no_such_module", NULL, NULL, &modules), LING_ENOENT);
    ling_destroy(vm);
}

/* ---- memory ---- */

typedef struct {
    uint64_t count, fail_at;
    size_t used;
} counter_t;
/* Remembers each block's size before it, to see that the VM knows it too. */
static void *counting_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
    counter_t *c = user;
    size_t *block = ptr ? (size_t *)ptr - 2 : NULL;
    if (block && block[0] != old_size) {
        print_error("a block of %zu bytes is given back as %zu\n", block[0], old_size);
        abort();
    }
    if (new_size == 0) {
        c->used -= old_size;
        free(block);
        return NULL;
    }
    if (++c->count == c->fail_at) return NULL;
    block = realloc(block, new_size + 2 * sizeof *block);
    if (!block) return NULL;
    c->used += new_size - old_size;
    block[0] = new_size;
    return block + 2;
}

static int small_program(counter_t *c) {
    ling_options_t o = options();
    o.alloc = counting_alloc;
    o.alloc_user = c;
    ling_vm_t *vm;
    int rc = ling_create(&vm, &o);
    if (rc != LING_OK) return rc;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result;
    if (env) {
        rc = ling_call(vm, env, "api_t", "work", 0, NULL, 10 * SECOND, &result);
        const char *t = rc == LING_OK ? text(vm, result) : "?";
        if (*t != '?' && strncmp(t, "{301500,492,", 12) != 0) rc = 1;
    } else {
        rc = LING_ENOMEM;
    }
    ling_env_free(env);
    ling_destroy(vm);
    return rc;
}

static void test_failing_allocator(void **state) {
    (void)state;
    counter_t c = {0};
    assert_int_equal(small_program(&c), LING_OK);
    assert_int_equal(c.used, 0);
    uint64_t total = c.count, step = total > 4000 ? total / 2000 : 1;
    int bad = 0;
    for (uint64_t k = 1; k <= total; k += step) {
        c = (counter_t){.fail_at = k};
        int rc = small_program(&c);
        if (rc != 1 && rc != LING_ETIMEDOUT && c.used == 0) continue;
        print_error("allocation %d of %d fails: result %d, %d bytes lost\n", (int)k, (int)total, rc,
                    (int)c.used);
        bad++;
    }
    assert_int_equal(bad, 0);
}

static void test_memory_limit(void **state) {
    (void)state;
    ling_options_t o = options();
    o.memory_limit = 64 << 20;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result, arg;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ling_call(vm, env, "api_t", "eat", 0, NULL, LING_FOREVER, &result),
                         LING_EEXCEPTION);
        arg = ling_make_int(env, i);
        assert_int_equal(ling_call(vm, env, "api_t", "echo", 1, &arg, LING_FOREVER, &result),
                         LING_OK);
    }
    /* A binary beyond the limit: its bytes are good, there is no room for them. */
    uint32_t size = 80 << 20;
    uint8_t *encoded = calloc(1, 6 + (size_t)size);
    memcpy(encoded, (uint8_t[]){131, 109, (uint8_t)(size >> 24), (uint8_t)(size >> 16), 0, 0}, 6);
    assert_int_equal(ling_decode(env, encoded, 6 + (size_t)size, &result), LING_ENOMEM);
    free(encoded);
    ling_env_free(env);
    ling_destroy(vm);
}

/* ---- foreign loops ---- */

static void test_foreign_loop(void **state) {
    (void)state;
    ling_vm_t *vm = new_vm();
    ling_term_t pid, ms = ling_make_int(NULL, 300);
    assert_int_equal(ling_spawn(vm, "api_t", "sleep", 1, &ms, &pid), LING_OK);
    assert_int_equal(ling_next_timeout(vm), 0);
    assert_int_equal(ling_run(vm, LING_RUN_NOWAIT), 1);
    int rounds = 0;
    while (ling_is_alive(vm, pid)) {
        int64_t ns = ling_next_timeout(vm);
        assert_true(ns < SECOND);
        struct timespec t = {0, ns};
        nanosleep(&t, NULL);
        assert_in_range(ling_run(vm, LING_RUN_NOWAIT), 0, 1);
        assert_true(++rounds < 1000);
    }
    assert_true(ling_next_timeout(vm) == LING_FOREVER);
    assert_true(ling_backend_fd(vm) >= 0);
    ling_destroy(vm);
}

static void test_sim_host(void **state) {
    (void)state;
    ling_options_t o = options();
    o.host = LING_HOST_SIM;
    o.seed = 42;
    ling_vm_t *vm;
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result, ms = ling_make_int(env, 3600 * 1000);
    assert_int_equal(ling_call(vm, env, "api_t", "sleep", 1, &ms, LING_FOREVER, &result), LING_OK);
    assert_string_equal(text(vm, result), "slept");
    assert_int_equal(ling_call(vm, env, "api_t", "wait", 0, NULL, LING_FOREVER, &result),
                     LING_EIDLE);
    ling_env_free(env);
    ling_destroy(vm);
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* test_api test_call: only that one */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_destroy), cmocka_unit_test(test_find_otp),
        cmocka_unit_test(test_make_and_read),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_call),           cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_send_from_threads),
        cmocka_unit_test(test_host_functions), cmocka_unit_test(test_async_functions),
        cmocka_unit_test(test_load),           cmocka_unit_test(test_failing_allocator),
        cmocka_unit_test(test_memory_limit),   cmocka_unit_test(test_foreign_loop),
        cmocka_unit_test(test_sim_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
