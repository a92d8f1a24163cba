/* test_outlet.c: the outlet interface, by a driver that does what it is told: on the simulated host
 * in virtual time, and on the real one with scheduler threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <ling/outlet.h>
#include "host/sim/host_sim.h"

#define MS INT64_C(1000000)

static const char *paths[] = {TEST_BEAMS};

/* What the driver saw, for one VM. */
typedef struct {
    int opened, stopped, attached, detached, finished, halted, destroyed;
    int in_driver; /* functions never overlap */
    pthread_t thread;
    bool threaded;
} seen_t;

typedef struct {
    seen_t *seen;
    bool held; /* it is busy; the timer frees it */
    bool set_twice;
    bool late; /* finish says so, and that it is done */
} probe_t;

static void enter(seen_t *s) { assert_int_equal(s->in_driver++, 0); }
static void leave(seen_t *s) { s->in_driver--; }

static int probe_open(ling_outlet_t *o, const ling_outlet_open_t *a, void *user, void **state) {
    seen_t *s = user;
    const char *how = strchr(a->command, ' ');
    if (how && strcmp(how, " enoent") == 0) return -ENOENT;
    if (how && strcmp(how, " enomem") == 0) return -ENOMEM;
    if (how && strcmp(how, " badarg") == 0) return LING_OUTLET_BADARG;
    probe_t *p = calloc(1, sizeof *p);
    p->seen = s;
    *state = p;
    s->opened++;
    assert_true(a->input && a->output);
    if (how && strcmp(how, " early") == 0) ling_outlet_exit(o, -EIO);
    return 0;
}

static void probe_stop(ling_outlet_t *o) {
    probe_t *p = ling_outlet_state(o);
    p->seen->stopped++;
    free(p);
}

typedef struct {
    ling_vm_t *vm;
    ling_term_t port;
} poster_t;

static void *post(void *arg) {
    poster_t *t = arg;
    for (int i = 1; i <= 1000; i++) {
        uint8_t packet[4] = {0, 2, (uint8_t)(i >> 8), (uint8_t)i};
        if (ling_outlet_post(t->vm, t->port, packet, sizeof packet) != LING_OK) abort();
    }
    ling_unref(t->vm);
    free(t);
    return NULL;
}

static int do_command(ling_outlet_t *o, probe_t *p, const uint8_t *data, size_t len) {
    switch (len ? data[0] : 0) {
    case 'e': return ling_outlet_new_data(o, data + 1, len - 1);
    case 'x': return -EACCES;
    case 'q': ling_outlet_exit(o, 0); return 0;
    case 'f': ling_outlet_eof(o); return 0;
    case 's': ling_outlet_exit_status(o, 7); return 0;
    case 'h': p->seen->halted++; return 0;
    case 'B':
        p->held = true;
        ling_outlet_set_busy(o, 1);
        return ling_outlet_set_timer(o, 50 * MS);
    case 'H': ling_outlet_set_busy(o, 1); return 0;
    case 'T':
        ling_outlet_set_timer(o, 1 * MS);
        ling_outlet_set_timer(o, LING_FOREVER);
        p->set_twice = true;
        return ling_outlet_set_timer(o, 5 * MS);
    case 'b': /* busy for no time at all */
        ling_outlet_set_busy(o, 1);
        ling_outlet_set_busy(o, 0);
        return 0;
    case 'L': p->late = true; return 0;
    case 'm': {
        ling_env_t *env = ling_env_new(ling_outlet_vm(o));
        ling_term_t pid;
        int r = env ? ling_decode(env, data + 1, len - 1, &pid) : LING_ENOMEM;
        if (r == LING_OK) r = ling_outlet_monitor(o, pid);
        if (env) ling_env_free(env);
        return r == LING_OK ? 0 : -ENOMEM;
    }
    case 'p': {
        poster_t *t = malloc(sizeof *t);
        *t = (poster_t){ling_outlet_vm(o), ling_outlet_port(o)};
        ling_ref(t->vm);
        return pthread_create(&p->seen->thread, NULL, post, t) ? -EAGAIN
                                                               : (p->seen->threaded = true, 0);
    }
    default: return -EINVAL;
    }
}

static int probe_output(ling_outlet_t *o, const uint8_t *data, size_t len) {
    probe_t *p = ling_outlet_state(o);
    seen_t *s = p->seen;
    enter(s);
    int r = do_command(o, p, data, len);
    leave(s);
    return r;
}

static int probe_control(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                         ling_outlet_reply_t *reply) {
    if (op == 99) return LING_OUTLET_BADARG;
    if (op == 7) ling_outlet_set_busy(o, 0);
    uint8_t b = (uint8_t)op;
    ling_outlet_reply(reply, &b, 1);
    return ling_outlet_reply(reply, data, len) == LING_OK ? 0 : -ENOMEM;
}

static int probe_call(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                      ling_outlet_reply_t *reply) {
    (void)o;
    if (op == 99) return -EINVAL;
    return ling_outlet_reply(reply, data, op == 98 ? 1 : len) == LING_OK ? 0 : -ENOMEM;
}

static void probe_attach(ling_outlet_t *o, ling_term_t owner) {
    probe_t *p = ling_outlet_state(o);
    assert_true(ling_outlet_owner(o) == owner);
    p->seen->attached++;
}
static void probe_detach(ling_outlet_t *o, ling_term_t owner) {
    (void)owner;
    ((probe_t *)ling_outlet_state(o))->seen->detached++;
}

static void probe_timeout(ling_outlet_t *o) {
    probe_t *p = ling_outlet_state(o);
    if (p->held) {
        p->held = false;
        ling_outlet_set_busy(o, 0);
    } else if (p->set_twice) {
        p->set_twice = false;
        ling_outlet_set_timer(o, 20 * MS);
    } else {
        ling_outlet_new_data(o, (const uint8_t *)"tick", 4);
    }
}

/* Closing takes a turn of its own. */
static int probe_finish(ling_outlet_t *o) {
    probe_t *p = ling_outlet_state(o);
    p->seen->finished++;
    ling_outlet_finished(o);
    return !p->late;
}

static void probe_flush(ling_outlet_t *o) {
    probe_t *p = ling_outlet_state(o);
    p->held = false;
    ling_outlet_set_busy(o, 0);
}

static void probe_process_exit(ling_outlet_t *o, ling_term_t pid) {
    (void)pid;
    ling_outlet_new_data(o, (const uint8_t *)"gone", 4);
}

static const ling_outlet_driver_t probe = {
    .size = sizeof probe,
    .open = probe_open,
    .stop = probe_stop,
    .output = probe_output,
    .control = probe_control,
    .call = probe_call,
    .attach = probe_attach,
    .detach = probe_detach,
    .timeout = probe_timeout,
    .finish = probe_finish,
    .flush = probe_flush,
    .process_exit = probe_process_exit,
};

static void destroyed(void *user) { ((seen_t *)user)->destroyed++; }

static ling_vm_t *new_vm(seen_t *seen, int host, unsigned schedulers) {
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.host = host;
    o.schedulers = schedulers;
    ling_vm_t *vm;
    memset(seen, 0, sizeof *seen);
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    assert_int_equal(ling_register_outlet(vm, "probe", &probe, seen, destroyed), LING_OK);
    static ling_outlet_driver_t soft;
    soft = probe;
    soft.flags = LING_OUTLET_SOFT_BUSY;
    assert_int_equal(ling_register_outlet(vm, "soft", &soft, seen, NULL), LING_OK);
    return vm;
}

static void end_vm(ling_vm_t *vm, seen_t *seen) {
    if (seen->threaded) pthread_join(seen->thread, NULL);
    ling_destroy(vm);
    assert_int_equal(seen->destroyed, 1);
    assert_int_equal(seen->opened, seen->stopped);
}

static void quiet(void *user, int level, const char *text, size_t length) {
    (void)user, (void)level, (void)text, (void)length;
}

static void call(ling_vm_t *vm, const char *function, int64_t arg) {
    ling_env_t *env = ling_env_new(vm);
    ling_term_t argv[] = {ling_make_int(env, arg)}, result;
    int rc = ling_call(vm, env, "outlet_t", function, arg >= 0, argv, 60000 * MS, &result);
    if (rc != LING_OK) fail_msg("%s: %s %s", function, ling_strerror(rc), ling_errmsg(vm));
    assert_true(ling_is_atom_named(vm, result, "ok"));
    ling_env_free(env);
}

static const char *const functions[] = {
    "echo",       "frames",        "control", "call",  "failures", "exits",
    "owner_dies", "owners",        "busy",    "force", "watch",    "order",
    "timers",     "close_failing", "short",   "late",  "posted"};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void run_all(int host, unsigned schedulers) {
    seen_t seen;
    ling_vm_t *vm = new_vm(&seen, host, schedulers);
    for (int i = 0; i < FUNCTIONS - (host == LING_HOST_SIM); i++) {
        call(vm, functions[i], -1);
        if (schedulers == 0) {
            ling_run(vm, LING_RUN_NOWAIT);
            assert_int_equal(seen.opened, seen.stopped);
        }
    }
    assert_int_equal(seen.attached, seen.detached + seen.opened);
    assert_true(seen.detached >= 2);
    assert_true(seen.finished > 0);
    end_vm(vm, &seen);
}

static void test_sim(void **state) {
    (void)state;
    run_all(LING_HOST_SIM, 0);
}
static void test_here(void **state) {
    (void)state;
    run_all(LING_HOST_UV, 0);
}
static void test_threads(void **state) {
    (void)state;
    run_all(LING_HOST_UV, 2);
}

/* A VM that ends stops its ports. */
static void test_left_open(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers <= 2; schedulers += 2) {
        seen_t seen;
        ling_vm_t *vm = new_vm(&seen, LING_HOST_UV, schedulers);
        call(vm, "leave_open", 20);
        assert_int_equal(seen.opened, 20);
        assert_int_equal(seen.stopped, 0);
        end_vm(vm, &seen);
    }
}

static void test_many(void **state) {
    (void)state;
    seen_t seen;
    ling_vm_t *vm = new_vm(&seen, LING_HOST_SIM, 0);
    call(vm, "many", 3000);
    call(vm, "many", 3000);
    assert_int_equal(seen.opened, 6000);
    end_vm(vm, &seen);
}

static void test_halt(void **state) {
    (void)state;
    for (unsigned schedulers = 0; schedulers <= 2; schedulers += 2) {
        seen_t seen;
        ling_vm_t *vm = new_vm(&seen, LING_HOST_UV, schedulers);
        ling_env_t *env = ling_env_new(vm);
        ling_term_t result;
        assert_int_equal(ling_call(vm, env, "outlet_t", "halting", 0, NULL, LING_FOREVER, &result),
                         LING_EHALTED);
        assert_int_equal(ling_halt_status(vm), 3);
        assert_int_equal(seen.halted, 1);
        ling_env_free(env);
        end_vm(vm, &seen);
    }
}

/* ---- memory ---- the k-th request from then on fails, and only that */

static long fail_at;
static size_t used;

static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
    (void)user;
    void *p = NULL;
    if (new_size == 0)
        free(ptr);
    else if ((fail_at > 0 && --fail_at == 0) || !(p = realloc(ptr, new_size)))
        return NULL;
    used += new_size - old_size;
    return p;
}

static void test_no_memory(void **state) {
    (void)state;
    static const char *const tried[] = {"echo",   "control", "call", "exits",
                                        "owners", "busy",    "watch"};
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
        bool reached = true;
        for (long k = 1; reached; k += 1 + k / 40) {
            seen_t seen;
            fail_at = 0;
            ling_options_t o = LING_OPTIONS_INIT;
            o.code_paths = paths;
            o.ncode_paths = 1;
            o.host = LING_HOST_SIM;
            o.alloc = failing_alloc;
            o.log = quiet;
            ling_vm_t *vm;
            memset(&seen, 0, sizeof seen);
            assert_int_equal(ling_create(&vm, &o), LING_OK);
            assert_int_equal(ling_register_outlet(vm, "probe", &probe, &seen, destroyed), LING_OK);
            call(vm, "warm", -1);
            fail_at = k;
            ling_env_t *env = ling_env_new(vm);
            ling_term_t result;
            if (env) {
                ling_call(vm, env, "outlet_t", tried[i], 0, NULL, 100000 * MS, &result);
                ling_env_free(env);
            }
            reached = fail_at <= 0;
            fail_at = 0;
            call(vm, "warm", -1); /* the machine is well */
            end_vm(vm, &seen);
            assert_int_equal(used, 0);
        }
    }
}

static int descriptors(void) {
    int n = 0;
    for (int fd = 0; fd < 1000; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A real program is started and closed while memory fails: no descriptor stays. */
static void test_no_memory_programs(void **state) {
    (void)state;
    seen_t seen;
    fail_at = 0;
    ling_options_t o = LING_OPTIONS_INIT;
    o.code_paths = paths;
    o.ncode_paths = 1;
    o.alloc = failing_alloc;
    o.log = quiet;
    ling_vm_t *vm;
    memset(&seen, 0, sizeof seen);
    assert_int_equal(ling_create(&vm, &o), LING_OK);
    assert_int_equal(ling_register_outlet(vm, "probe", &probe, &seen, destroyed), LING_OK);
    call(vm, "started", -1);
    int before = descriptors();
    bool reached = true;
    for (long k = 1; reached; k++) {
        ling_env_t *env = ling_env_new(vm);
        ling_term_t result;
        fail_at = k;
        int rc = ling_call(vm, env, "outlet_t", "started", 0, NULL, 60000 * MS, &result);
        assert_int_not_equal(rc, LING_ETIMEDOUT);
        reached = fail_at <= 0;
        fail_at = 0;
        ling_env_free(env);
        ling_run(vm, LING_RUN_NOWAIT);
        assert_int_equal(descriptors(), before);
    }
    call(vm, "started", -1);
    end_vm(vm, &seen);
    assert_int_equal(used, 0);
}

/* ---- programs of the simulated host ---- */

#define HOUR (3600 * 1000 * (uint64_t)MS)

static host_t *sim;

/* Says what it reads again; ends when its input does. */
static void cat(host_sim_program_t *p, const uint8_t *data, int64_t len, void *user) {
    (void)user;
    if (len > 0) host_sim_program_write(p, data, (size_t)len);
    if (len == 0) host_sim_program_exit(p, 5);
}

static void answer(void *program) {
    host_sim_program_write(program, "an hour later", 13);
    host_sim_program_exit(program, 0);
}
static void slow(host_sim_program_t *p, const uint8_t *data, int64_t len, void *user) {
    (void)data, (void)user;
    if (len < 0) host_sim_at(sim, host_sim_now(sim) + HOUR, answer, p);
}

static void go_on(void *program) { host_sim_program_stall(program, false); }
/* Does not read for an hour. */
static void lazy(host_sim_program_t *p, const uint8_t *data, int64_t len, void *user) {
    if (len < 0) {
        host_sim_program_stall(p, true);
        host_sim_at(sim, host_sim_now(sim) + HOUR, go_on, p);
    } else {
        cat(p, data, len, user);
    }
}

/* Shows its arguments and a variable, signals included. */
static void shell(host_sim_program_t *p, const uint8_t *data, int64_t len, void *user) {
    (void)data, (void)user;
    if (len >= 0) return;
    for (const char *const *a = host_sim_program_argv(p); *a; a++) {
        host_sim_program_write(p, *a, strlen(*a));
        host_sim_program_write(p, "|", 1);
    }
    for (const char *const *e = host_sim_program_env(p); *e; e++)
        if (strncmp(*e, "FOO=", 4) == 0) host_sim_program_write(p, *e, strlen(*e));
    host_sim_program_exit(p, 128 + 9);
}

static void faults(const char *what) {
    if (strcmp(what, "child") == 0) host_sim_fail(sim, HOST_SIM_FAIL_CHILD, 1);
    if (strcmp(what, "write") == 0) host_sim_fail(sim, HOST_SIM_FAIL_WRITE, 1);
}

static int host_fault(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                      void *user) {
    (void)argc, (void)user;
    const char *name;
    if (ling_get_atom(ling_env_vm(env), argv[0], &name, NULL) != LING_OK) return LING_EINVAL;
    faults(name);
    *result = argv[0];
    return LING_OK;
}

static void test_sim_programs(void **state) {
    (void)state;
    uint64_t traces[2];
    for (int round = 0; round < 2; round++) {
        host_sim_options_t so = {.real_files = true};
        sim = host_sim_create(11, &so);
        host_sim_program(sim, "/sim/cat", cat, NULL);
        host_sim_program(sim, "/sim/slow", slow, NULL);
        host_sim_program(sim, "/sim/lazy", lazy, NULL);
        host_sim_program(sim, "/bin/sh", shell, NULL);
        host_sim_env_set(sim, "FOO", "host");
        ling_options_t o = LING_OPTIONS_INIT;
        o.code_paths = paths;
        o.ncode_paths = 1;
        o.host = LING_HOST_CUSTOM;
        o.custom_host = sim;
        ling_vm_t *vm;
        assert_int_equal(ling_create(&vm, &o), LING_OK);
        assert_int_equal(ling_register(vm, "test_host", "fault", 1, host_fault, NULL, NULL),
                         LING_OK);
        uint64_t begin = host_sim_now(sim);
        ling_env_t *env = ling_env_new(vm);
        ling_term_t result;
        int rc = ling_call(vm, env, "outlet_t", "programs", 0, NULL, LING_FOREVER, &result);
        if (rc != LING_OK) fail_msg("%s %s", ling_strerror(rc), ling_errmsg(vm));
        ling_env_free(env);
        assert_true(host_sim_now(sim) - begin >= 2 * HOUR);
        traces[round] = host_sim_trace(sim);
        ling_destroy(vm);
        sim->ops->destroy(sim);
    }
    assert_true(traces[0] == traces[1]);
}

static void test_register(void **state) {
    (void)state;
    seen_t seen;
    ling_vm_t *vm = new_vm(&seen, LING_HOST_SIM, 0);
    ling_outlet_driver_t d = probe;
    assert_int_equal(ling_register_outlet(vm, "probe", &d, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_register_outlet(vm, "tty_sl", &d, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_register_outlet(vm, "two words", &d, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_register_outlet(vm, "", &d, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_register_outlet(vm, "x", NULL, NULL, NULL), LING_EINVAL);
    d.size = 4;
    assert_int_equal(ling_register_outlet(vm, "x", &d, NULL, NULL), LING_EINVAL);
    assert_int_equal(ling_outlet_post(vm, ling_make_int(NULL, 1), "x", 1), LING_EINVAL);
    end_vm(vm, &seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register),     cmocka_unit_test(test_sim),
        cmocka_unit_test(test_here),         cmocka_unit_test(test_threads),
        cmocka_unit_test(test_left_open),    cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_halt),
        cmocka_unit_test(test_sim_programs), cmocka_unit_test(test_no_memory_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
