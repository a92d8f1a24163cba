/* test_host.c: the two hosts, each through the table of host.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/sim/host_sim.h"
#include "host/uv/host_uv.h"

#define S  1000000000ull
#define MS 1000000ull

/* ---- both ---- */

static bool count_name(void *user, const char *name) {
    (void)name;
    ++*(int *)user;
    return true;
}

static void check_common(host_t *h) {
    const host_ops_t *ops = h->ops;
    uint64_t t = ops->monotonic_ns(h);
    assert_true(ops->monotonic_ns(h) >= t);
    assert_true(ops->wall_ns(h) > 0);
    uint8_t a[32] = {0}, b[32] = {0};
    ops->entropy(h, a, sizeof a);
    ops->entropy(h, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);

    size_t size = 1 << 20;
    uint8_t *pages = ops->pages_reserve(h, size);
    assert_non_null(pages);
    assert_int_equal(pages[4096], 0);
    memset(pages, 7, size);
    ops->pages_discard(h, pages + 4096, 4096);
    assert_int_equal(pages[0], 7);
    assert_int_equal(pages[4096], 0);
    ops->pages_release(h, pages, size);

    uint8_t *data;
    size_t len;
    assert_int_equal(ops->file_load(h, "/no/such/file", &data, &len), -ENOENT);
    int names = 0;
    assert_int_equal(ops->dir_list(h, "/no/such/dir", count_name, &names), -ENOENT);
    assert_true(ops->os_pid(h) > 0);
    int32_t offset = ops->local_offset(h, 0, NULL);
    assert_true(offset > -86400 && offset < 86400);
    int64_t utc;
    assert_true(ops->local_to_utc(h, offset, -1, &utc));
    assert_int_equal(utc, 0);

    /* A wake that comes first is not lost; looking does not sleep. */
    ops->wake(h);
    ops->wake(h);
    assert_true(ops->wait(h, HOST_FOREVER));
    assert_true(ops->wait(h, 0));
    /* A deadline is kept: not early, and in the past it does not sleep. */
    for (int i = 0; i < 5; i++) {
        uint64_t deadline = ops->monotonic_ns(h) + 300000 * (uint64_t)i;
        while (ops->monotonic_ns(h) < deadline) assert_true(ops->wait(h, deadline));
    }
    assert_true(ops->wait(h, 1));
}

/* ---- uv ---- */

static void test_uv_common(void **state) {
    (void)state;
    int err = -1;
    host_t *h = host_uv_create(&err);
    assert_non_null(h);
    assert_int_equal(err, 0);
    check_common(h);
    h->ops->destroy(h);
    /* Never used: nothing to close. */
    h = host_uv_create(NULL);
    h->ops->destroy(h);
}

/* Sleeps once, until just after the deadline. */
static void test_uv_precise(void **state) {
    (void)state;
    host_t *h = host_uv_create(NULL);
    h->ops->wait(h, h->ops->monotonic_ns(h) + 1000);
    uint64_t worst = 0;
    int waits = 0;
    for (int i = 0; i < 20; i++) {
        uint64_t deadline = h->ops->monotonic_ns(h) + 200000 + 77777 * (uint64_t)i, now;
        do {
            h->ops->wait(h, deadline);
            waits++;
            now = h->ops->monotonic_ns(h);
        } while (now < deadline);
        if (now - deadline > worst) worst = now - deadline;
    }
    assert_int_equal(waits, 20);
    assert_true(worst < 60 * S); /* the machine may be busy; alone it is some 60 us */
    h->ops->destroy(h);
}

static void test_uv_files(void **state) {
    (void)state;
    host_t *h = host_uv_create(NULL);
    char dir[] = "/tmp/ling_host_XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
    FILE *f = fopen(path, "wb");
    for (int i = 0; i < 10000; i++) fputc(i, f);
    fclose(f);
    uint8_t *data;
    size_t len;
    assert_int_equal(h->ops->file_load(h, path, &data, &len), 0);
    assert_int_equal(len, 10000);
    for (size_t i = 0; i < len; i++) assert_int_equal(data[i], i & 255);
    h->ops->file_free(h, data, len);
    assert_int_equal(h->ops->file_load(h, dir, &data, &len), -EISDIR);
    /* A file whose size the system does not say. */
    assert_int_equal(h->ops->file_load(h, "/proc/self/status", &data, &len), 0);
    assert_true(len > 10);
    h->ops->file_free(h, data, len);
    int names = 0;
    assert_int_equal(h->ops->dir_list(h, dir, count_name, &names), 0);
    assert_int_equal(names, 1);
    unlink(path);
    rmdir(dir);
    setenv("LING_TEST_HOST", "x=y", 1);
    assert_string_equal(h->ops->env_get(h, "LING_TEST_HOST"), "x=y");
    int entries = 0;
    h->ops->env_each(h, count_name, &entries);
    assert_true(entries > 0);
    h->ops->destroy(h);
}

typedef struct {
    host_t *h;
    host_parker_t *parker;
    _Atomic(int) turn;
} ping_t;

static void ping_main(void *arg) {
    ping_t *g = arg;
    for (int i = 0; i < 1000; i++) {
        while (atomic_load(&g->turn) != 1) g->h->ops->park(g->h, g->parker, HOST_FOREVER);
        atomic_store(&g->turn, 0);
        g->h->ops->wake(g->h);
    }
}

static void test_uv_threads(void **state) {
    (void)state;
    host_t *h = host_uv_create(NULL);
    const host_ops_t *ops = h->ops;
    assert_true(ops->cpu_count(h) >= 1);
    ping_t g = {.h = h, .parker = ops->parker_new(h)};
    assert_non_null(g.parker);
    /* A token, a deadline. */
    ops->unpark(h, g.parker);
    ops->park(h, g.parker, HOST_FOREVER);
    uint64_t deadline = ops->monotonic_ns(h) + 2 * MS;
    ops->park(h, g.parker, deadline);
    assert_true(ops->monotonic_ns(h) >= deadline);
    host_thread_t *t;
    assert_int_equal(ops->thread_start(h, &t, ping_main, &g), 0);
    for (int i = 0; i < 1000; i++) {
        atomic_store(&g.turn, 1);
        ops->unpark(h, g.parker);
        while (atomic_load(&g.turn) != 0) assert_true(ops->wait(h, HOST_FOREVER));
    }
    ops->thread_join(h, t);
    ops->parker_free(h, g.parker);
    h->ops->destroy(h);
}

/* What a reader got. */
typedef struct {
    host_t *h;
    host_stream_t *s;
    char text[200000];
    size_t len;
    bool eof;
    bool pause; /* stop after each piece */
} got_t;

static void on_read(void *user, const uint8_t *data, int64_t len) {
    got_t *g = user;
    if (len > 0) {
        assert_true(g->len + (size_t)len <= sizeof g->text);
        memcpy(g->text + g->len, data, (size_t)len);
        g->len += (size_t)len;
        if (g->pause) g->h->ops->stream_read(g->h, g->s, NULL, NULL);
    } else {
        assert_int_equal(len, 0);
        g->eof = true;
    }
}

/* Reads all of standard input, which the caller has replaced; writer (may be -1) is closed after
 * "hello" was written to it. */
static void check_input(got_t *g, int writer) {
    host_t *h = g->h = host_uv_create(NULL);
    const host_ops_t *ops = h->ops;
    g->len = 0;
    g->eof = false;
    assert_int_equal(ops->stream_open(h, HOST_STDIN, &g->s), 0);
    assert_int_equal(ops->stream_read(h, g->s, on_read, g), 0);
    if (writer >= 0) {
        ops->wait(h, ops->monotonic_ns(h) + MS);
        assert_int_equal(g->len, 0);
        assert_int_equal(write(writer, "hel", 3), 3);
        while (g->len < 3) ops->wait(h, HOST_FOREVER);
        /* Stopped and started again, nothing is lost. */
        ops->stream_read(h, g->s, NULL, NULL);
        assert_int_equal(write(writer, "lo", 2), 2);
        ops->wait(h, ops->monotonic_ns(h) + MS);
        assert_int_equal(g->len, 3);
        ops->stream_read(h, g->s, on_read, g);
        while (g->len < 5) ops->wait(h, HOST_FOREVER);
        close(writer);
    }
    while (!g->eof) {
        if (g->pause) {
            ops->wait(h, ops->monotonic_ns(h) + MS);
            ops->stream_read(h, g->s, on_read, g);
        }
        ops->wait(h, g->pause ? 0 : HOST_FOREVER);
    }
    ops->stream_close(h, g->s);
    ops->destroy(h);
}

static void test_uv_input(void **state) {
    (void)state;
    got_t *g = calloc(1, sizeof *g);
    int saved = dup(0), fds[2];
    assert_int_equal(pipe(fds), 0);
    dup2(fds[0], 0);
    close(fds[0]);
    check_input(g, fds[1]);
    assert_int_equal(g->len, 5);
    assert_memory_equal(g->text, "hello", 5);
    assert_int_equal(fcntl(0, F_GETFL) & O_NONBLOCK, 0);

    char path[] = "/tmp/ling_input_XXXXXX";
    int file = mkstemp(path);
    unlink(path);
    for (int i = 0; i < 150000; i++) {
        char c = (char)(i * 7);
        assert_int_equal(write(file, &c, 1), 1);
    }
    for (int round = 0; round < 2; round++) {
        lseek(file, 0, SEEK_SET);
        dup2(file, 0);
        g->pause = round == 1;
        check_input(g, -1);
        assert_int_equal(g->len, 150000);
        for (int i = 0; i < 150000; i++) assert_true(g->text[i] == (char)(i * 7));
    }
    close(file);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    close(null);
    g->pause = false;
    check_input(g, -1);
    assert_int_equal(g->len, 0);
    /* Closed: an error, and the loop does not take its place. */
    close(0);
    host_t *h = host_uv_create(NULL);
    h->ops->stream_open(h, HOST_STDIN, &g->s);
    assert_int_equal(h->ops->stream_read(h, g->s, on_read, g), -EBADF);
    assert_int_equal(fcntl(0, F_GETFD), -1);
    h->ops->destroy(h);
    /* Destroyed while reading. */
    assert_int_equal(pipe(fds), 0);
    dup2(fds[0], 0);
    h = host_uv_create(NULL);
    h->ops->stream_open(h, HOST_STDIN, &g->s);
    assert_int_equal(h->ops->stream_read(h, g->s, on_read, g), 0);
    h->ops->destroy(h);
    close(fds[0]);
    close(fds[1]);
    dup2(saved, 0);
    close(saved);
    free(g);
}

static void on_written(void *user, int status) { *(int *)user = status; }

static void test_uv_output(void **state) {
    (void)state;
    host_t *h = host_uv_create(NULL);
    host_stream_t *out;
    int fds[2], saved = dup(1), status = 1;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(h->ops->stream_open(h, HOST_STDOUT, &out), 0);
    dup2(fds[1], 1);
    int r = h->ops->stream_write(h, out, (const uint8_t *)"abc", 3, on_written, &status);
    h->ops->stream_flush(h, out);
    dup2(saved, 1);
    assert_int_equal(r, 0);
    assert_int_equal(status, 0);
    char text[8];
    assert_int_equal(read(fds[0], text, sizeof text), 3);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(h->ops->stream_open(h, 7, &out), -EINVAL);
    close(fds[0]);
    close(fds[1]);
    close(saved);
    h->ops->destroy(h);
}

/* Attached: the loop calls back. */
/* A foreign loop that only knows descriptors. */
static void test_uv_descriptor(void **state) {
    (void)state;
    host_t *h = host_uv_create(NULL);
    struct pollfd p = {.fd = uv_backend_fd(host_uv_loop(h)), .events = POLLIN};
    h->ops->wait(h, 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    for (int i = 0; i < 3; i++) {
        h->ops->wake(h);
        h->ops->wake(h);
        assert_int_equal(poll(&p, 1, 1000), 1);
        h->ops->wait(h, 0);
        assert_int_equal(poll(&p, 1, 0), 0);
    }
    h->ops->destroy(h);
}

/* ---- sim ---- */

static void test_sim_common(void **state) {
    (void)state;
    host_t *h = host_sim_create(1, NULL);
    assert_null(h->ops->thread_start);
    check_common(h);
    assert_int_equal(host_sim_pages(h), 0);
    h->ops->destroy(h);
}

static void sim_event(void *user) { ++*(int *)user; }

/* A program that looks at everything. */
static uint64_t sim_script(uint64_t seed, const char *input) {
    host_t *h = host_sim_create(seed, NULL);
    const host_ops_t *ops = h->ops;
    got_t *g = calloc(1, sizeof *g);
    host_stream_t *in, *out;
    int events = 0;
    uint64_t base = host_sim_now(h);
    host_sim_input(h, base + 5 * S, input, strlen(input));
    host_sim_input(h, base + 6 * S, NULL, 0);
    host_sim_at(h, base + 2 * S, sim_event, &events);
    host_sim_at(h, base + 1 * S, sim_event, &events);
    host_sim_file_add(h, "/lib/a.beam", "xyz", 3);
    host_sim_file_add(h, "/lib/sub/b.beam", "", 0);
    host_sim_env_set(h, "HOME", "/");
    host_sim_env_set(h, "HOME", "/root");

    assert_true(ops->wait(h, base + 3 * S));
    assert_int_equal(events, 1);
    assert_true(host_sim_now(h) == base + 1 * S);
    assert_true(ops->wait(h, HOST_FOREVER));
    assert_int_equal(events, 2);
    assert_false(ops->wait(h, HOST_FOREVER)); /* nobody reads: nothing can happen */
    ops->stream_open(h, HOST_STDIN, &in);
    ops->stream_open(h, HOST_STDOUT, &out);
    ops->stream_read(h, in, on_read, g);
    assert_true(ops->wait(h, HOST_FOREVER));
    assert_true(host_sim_now(h) == base + 5 * S);
    assert_memory_equal(g->text, input, strlen(input));
    assert_true(ops->wait(h, base + 10 * S));
    assert_true(g->eof);
    assert_false(ops->wait(h, HOST_FOREVER));
    assert_true(ops->wait(h, base + 10 * S));
    assert_true(host_sim_now(h) == base + 10 * S);
    uint64_t random;
    ops->entropy(h, &random, sizeof random);
    ops->stream_write(h, out, (const uint8_t *)g->text, g->len, NULL, NULL);
    size_t len;
    assert_string_equal(host_sim_output(h, HOST_STDOUT, &len), input);
    assert_int_equal(len, strlen(input));

    uint8_t *data;
    assert_int_equal(ops->file_load(h, "/lib/a.beam", &data, &len), 0);
    assert_int_equal(len, 3);
    assert_int_equal(host_sim_files_open(h), 1);
    ops->file_free(h, data, len);
    int names = 0;
    assert_int_equal(ops->dir_list(h, "/lib/", count_name, &names), 0);
    assert_int_equal(names, 2);
    assert_string_equal(ops->env_get(h, "HOME"), "/root");
    assert_null(ops->env_get(h, "HOM"));

    host_sim_fail(h, HOST_SIM_FAIL_FILE, 2);
    assert_int_equal(ops->file_load(h, "/lib/a.beam", &data, &len), 0);
    ops->file_free(h, data, len);
    assert_int_equal(ops->file_load(h, "/lib/a.beam", &data, &len), -EIO);
    assert_int_equal(ops->file_load(h, "/lib/a.beam", &data, &len), 0);
    ops->file_free(h, data, len);
    host_sim_fail(h, HOST_SIM_FAIL_PAGES, 1);
    assert_null(ops->pages_reserve(h, 4096));
    host_sim_fail(h, HOST_SIM_FAIL_WRITE, 1);
    assert_int_equal(ops->stream_write(h, out, data, 0, NULL, NULL), -EIO);
    uint64_t trace = host_sim_trace(h);
    free(g);
    ops->destroy(h);
    return trace;
}

static void test_sim_repeats(void **state) {
    (void)state;
    uint64_t a = sim_script(1, "hello\n");
    assert_true(a == sim_script(1, "hello\n"));
    assert_true(a != sim_script(2, "hello\n"));
    assert_true(a != sim_script(1, "Hello\n"));
}

static void test_sim_clock(void **state) {
    (void)state;
    host_sim_options_t o = {.clock_step_ns = -1, .start_ns = 42, .page_limit = 8192};
    host_t *h = host_sim_create(3, &o);
    assert_true(h->ops->monotonic_ns(h) == 42 && h->ops->monotonic_ns(h) == 42);
    void *pages = h->ops->pages_reserve(h, 8192);
    assert_non_null(pages);
    assert_null(h->ops->pages_reserve(h, 1));
    h->ops->pages_release(h, pages, 8192);
    h->ops->destroy(h);
    h = host_sim_create(3, NULL);
    uint64_t t = h->ops->monotonic_ns(h);
    assert_true(h->ops->monotonic_ns(h) == t + 100); /* busy waiting ends */
    h->ops->destroy(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uv_descriptor), cmocka_unit_test(test_uv_common),
        cmocka_unit_test(test_uv_precise),    cmocka_unit_test(test_uv_files),
        cmocka_unit_test(test_uv_threads),    cmocka_unit_test(test_uv_input),
        cmocka_unit_test(test_uv_output),     cmocka_unit_test(test_sim_common),
        cmocka_unit_test(test_sim_repeats),   cmocka_unit_test(test_sim_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
