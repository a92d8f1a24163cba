/* test_files.c: prim_file on a host whose files fail: calls that move a few bytes, calls that fail,
 * calls that do not return; and on a VM whose memory fails, where zlib has its turn, too. The table
 * of a libuv host is changed; files_t.erl does the work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>
#include <cmocka.h>
#include <ling/ling.h>
#include "host/host_file.h"
#include "host/uv/host_uv.h"

#define SECOND INT64_C(1000000000)

/* The host's own table, and ours. */
static const host_file_ops_t *real;
static host_file_ops_t files;
static host_ops_t ops;
static _Atomic(int) open_files;
static _Atomic(long) calls, fail_at; /* the call that fails; 0: none */
static int fail_with;
static _Atomic(long) requests, refused; /* of memory; the number of the one that gets none */
static _Atomic(size_t) used;
static size_t most;                 /* bytes a call moves */
static _Atomic(int) hold, released; /* reads of 7 bytes wait */

static void quiet(void *user, int level, const char *text, size_t length) {
    (void)user, (void)level, (void)text, (void)length;
}

static void *counted(void *user, void *ptr, size_t old_size, size_t new_size) {
    (void)user;
    if (new_size > 0 && atomic_fetch_add(&requests, 1) + 1 == atomic_load(&refused)) return NULL;
    void *p = NULL;
    if (new_size == 0)
        free(ptr);
    else if (!(p = realloc(ptr, new_size)))
        return NULL;
    atomic_fetch_add(&used, new_size - old_size);
    return p;
}

static bool failing(void) { return atomic_fetch_add(&calls, 1) + 1 == atomic_load(&fail_at); }

static int f_open(host_t *h, const char *path, unsigned flags, uint32_t perm, host_file_t **out) {
    if (failing()) return -fail_with;
    int r = real->open(h, path, flags, perm, out);
    if (r == 0) atomic_fetch_add(&open_files, 1);
    return r;
}

/* A close that fails has closed. */
static int f_close(host_t *h, host_file_t *f) {
    bool fails = failing();
    int r = real->close(h, f);
    atomic_fetch_sub(&open_files, 1);
    return fails ? -fail_with : r;
}

static int64_t f_read(host_t *h, host_file_t *f, uint8_t *buf, size_t len) {
    if (failing()) return -fail_with;
    if (len == 7 && atomic_load(&hold)) {
        atomic_store(&hold, 2);
        while (!atomic_load(&released)) usleep(1000);
    }
    return real->read(h, f, buf, len < most ? len : most);
}

static int64_t f_pread(host_t *h, host_file_t *f, int64_t at, uint8_t *buf, size_t len) {
    return failing() ? -fail_with : real->pread(h, f, at, buf, len < most ? len : most);
}

static host_iov_t first_bytes(const host_iov_t *iov) {
    return (host_iov_t){iov->data, iov->len < most ? iov->len : most};
}

static int64_t f_write(host_t *h, host_file_t *f, const host_iov_t *iov, unsigned n) {
    host_iov_t one = first_bytes(iov);
    if (failing()) return -fail_with;
    return most == SIZE_MAX ? real->write(h, f, iov, n) : real->write(h, f, &one, 1);
}

static int64_t f_pwrite(host_t *h, host_file_t *f, int64_t at, const host_iov_t *iov, unsigned n) {
    host_iov_t one = first_bytes(iov);
    if (failing()) return -fail_with;
    return most == SIZE_MAX ? real->pwrite(h, f, at, iov, n) : real->pwrite(h, f, at, &one, 1);
}

#define FAILS(type, name, parameters, arguments)                                                   \
    static type f_##name parameters { return failing() ? -fail_with : real->name arguments; }
FAILS(int64_t, seek, (host_t * h, host_file_t *f, int64_t o, int w), (h, f, o, w))
FAILS(int, sync, (host_t * h, host_file_t *f, bool d), (h, f, d))
FAILS(int, truncate, (host_t * h, host_file_t *f, int64_t n), (h, f, n))
FAILS(int, allocate, (host_t * h, host_file_t *f, int64_t o, int64_t n), (h, f, o, n))
FAILS(int, info, (host_t * h, host_file_t *f, host_file_info_t *i), (h, f, i))
FAILS(int, path_info, (host_t * h, const char *p, bool l, host_file_info_t *i), (h, p, l, i))
FAILS(int, set_permissions, (host_t * h, const char *p, uint32_t m), (h, p, m))
FAILS(int, set_owner, (host_t * h, const char *p, int64_t u, int64_t g), (h, p, u, g))
FAILS(int, set_times, (host_t * h, const char *p, int64_t a, int64_t m), (h, p, a, m))
FAILS(int, link, (host_t * h, const char *a, const char *b), (h, a, b))
FAILS(int, symlink, (host_t * h, const char *a, const char *b), (h, a, b))
FAILS(int64_t, read_link, (host_t * h, const char *p, char *b, size_t n), (h, p, b, n))
FAILS(int, rename, (host_t * h, const char *a, const char *b), (h, a, b))
FAILS(int, remove, (host_t * h, const char *p), (h, p))
FAILS(int, make_dir, (host_t * h, const char *p, uint32_t m), (h, p, m))
FAILS(int, remove_dir, (host_t * h, const char *p), (h, p))
FAILS(int64_t, cwd, (host_t * h, char *b, size_t n), (h, b, n))

/* ---- a VM on it ---- */

typedef struct {
    host_t *host;
    ling_vm_t *vm;
    ling_env_t *env;
    char dir[64];
} setup_t;

static int wait_blocked(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                        void *user) {
    (void)argc, (void)argv, (void)user;
    while (atomic_load(&hold) != 2) usleep(1000);
    *result = ling_make_atom(env, "ok");
    return LING_OK;
}

static int release(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                   void *user) {
    (void)argc, (void)argv, (void)user;
    atomic_store(&released, 1);
    *result = ling_make_atom(env, "ok");
    return LING_OK;
}

static void begin(setup_t *s, unsigned schedulers) {
    static const char *paths[] = {TEST_BEAMS};
    int err;
    s->host = host_uv_create(&err);
    assert_non_null(s->host);
    ops = *s->host->ops;
    real = ops.files;
    files = *real;
#define OURS(name) files.name = f_##name;
    OURS(open)
    OURS(close)
    OURS(read)
    OURS(pread)
    OURS(write)
    OURS(pwrite)
    OURS(seek)
    OURS(sync)
    OURS(truncate)
    OURS(allocate)
    OURS(info)
    OURS(path_info)
    OURS(set_permissions)
    OURS(set_owner)
    OURS(set_times)
    OURS(link)
    OURS(symlink)
    OURS(read_link)
    OURS(rename)
    OURS(remove)
    OURS(make_dir)
    OURS(remove_dir)
    OURS(cwd)
    ops.files = &files;
    s->host->ops = &ops;
    most = SIZE_MAX;
    fail_with = EIO;
    fail_at = calls = open_files = hold = released = 0;
    ling_options_t o = LING_OPTIONS_INIT;
    o.host = LING_HOST_CUSTOM;
    o.alloc = counted;
    requests = refused = 0;
    used = 0;
    o.custom_host = s->host;
    o.schedulers = schedulers;
    o.log = quiet;
    o.code_paths = paths;
    o.ncode_paths = 1;
    assert_int_equal(ling_create(&s->vm, &o), LING_OK);
    s->env = ling_env_new(s->vm);
    assert_int_equal(
        ling_register(s->vm, "files_host", "wait_blocked", 0, wait_blocked, NULL, NULL), LING_OK);
    assert_int_equal(ling_register(s->vm, "files_host", "release", 0, release, NULL, NULL),
                     LING_OK);
    strcpy(s->dir, "/tmp/ling_files_XXXXXX");
    assert_non_null(mkdtemp(s->dir));
}

static void call(setup_t *s, const char *function) {
    ling_term_t result, dir = ling_make_string(s->env, s->dir);
    int rc = ling_call(s->vm, s->env, "files_t", function, 1, &dir, 60 * SECOND, &result);
    char text[500] = "";
    if (rc == LING_EEXCEPTION) ling_format_term(s->vm, result, text, sizeof text);
    if (rc != LING_OK) fail_msg("%s: %d %s", function, rc, text);
    assert_true(ling_is_atom_named(s->vm, result, "ok"));
}

/* Files of dead owners are closed by another process. */
static void all_closed(setup_t *s) {
    for (int i = 0; i < 60000 && atomic_load(&open_files); i++) {
        ling_run(s->vm, LING_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(atomic_load(&open_files), 0);
}

static void end(setup_t *s) {
    ling_env_free(s->env);
    ling_destroy(s->vm);
    assert_int_equal(atomic_load(&used), 0);
    s->host->ops->destroy(s->host);
    assert_int_equal(atomic_load(&open_files), 0);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    assert_int_equal(system(command), 0);
}

static void test_short(void **state) {
    (void)state;
    for (size_t n = 1; n <= 1000; n *= 10) {
        setup_t s;
        begin(&s, 0);
        most = n;
        call(&s, "short");
        end(&s);
    }
}

/* Every call of a round fails once. */
static void test_failing(void **state) {
    (void)state;
    setup_t s;
    begin(&s, 0);
    call(&s, "steps");
    long total = atomic_load(&calls);
    assert_in_range(total, 30, 1000);
    for (long k = 1; k <= total; k++) {
        atomic_store(&calls, 0);
        atomic_store(&fail_at, k);
        fail_with = k % 2 ? EIO : ENOSPC;
        call(&s, "steps");
        assert_int_equal(atomic_load(&open_files), 0);
    }
    end(&s);
}

static void test_blocked(void **state) {
    (void)state;
    setup_t s;
    begin(&s, 2);
    hold = 1;
    call(&s, "blocked");
    all_closed(&s);
    end(&s);
}

static void test_forgotten(void **state) {
    (void)state;
    for (unsigned n = 0; n <= 2; n++) {
        setup_t s;
        begin(&s, n);
        call(&s, "forgotten");
        all_closed(&s);
        end(&s);
    }
}

/* Every request for memory is refused once. */
static void test_no_memory(void **state) {
    (void)state;
    static const char *const functions[] = {"steps", "packed"};
    for (unsigned n = 0; n <= 2; n += 2) {
        setup_t s;
        begin(&s, n);
        for (int i = 0; i < 2; i++) {
            call(&s, functions[i]);
            bool reached = true;
            for (long k = 1; reached; k += n ? 7 : 1) {
                ling_term_t result, dir = ling_make_string(s.env, s.dir);
                atomic_store(&requests, 0);
                atomic_store(&refused, k);
                int rc =
                    ling_call(s.vm, s.env, "files_t", functions[i], 1, &dir, 60 * SECOND, &result);
                atomic_store(&refused, 0);
                assert_int_not_equal(rc, LING_ETIMEDOUT);
                reached = atomic_load(&requests) >= k;
                ling_env_clear(s.env);
                if (n == 0 || k % 5 == 0) all_closed(&s);
            }
            call(&s, functions[i]);
        }
        end(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short),     cmocka_unit_test(test_failing),
        cmocka_unit_test(test_blocked),   cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
