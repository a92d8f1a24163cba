/* test_sim_files.c: files of the simulated host: the operations themselves, prim_file on them while
 * each operation fails in turn, and that the real file system is left alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>
#include <ling/ling.h>
#include "host/host_file.h"
#include "host/sim/host_sim.h"

#define SECOND INT64_C(1000000000)

static bool collect(void *user, const char *name) {
    strcat(strcat(user, name), " ");
    return true;
}

static void write_text(host_t *h, const char *path, unsigned flags, const char *text) {
    const host_file_ops_t *f = h->ops->files;
    host_file_t *file;
    host_iov_t iov[2] = {{(uint8_t *)(uintptr_t)text, strlen(text)}, {NULL, 0}};
    assert_int_equal(f->open(h, path, HOST_FILE_WRITE | flags, 0644, &file), 0);
    assert_int_equal(f->write(h, file, iov, 2), strlen(text));
    assert_int_equal(f->close(h, file), 0);
}

static const char *text_of(host_t *h, const char *path) {
    static char text[200];
    uint8_t *data;
    size_t len;
    if (h->ops->file_load(h, path, &data, &len) != 0) return NULL;
    snprintf(text, sizeof text, "%.*s", (int)len, (char *)data);
    h->ops->file_free(h, data, len);
    return text;
}

/* Directories, links, renaming, removal of what is open. The trace at the end. */
static uint64_t script(void) {
    host_t *h = host_sim_create(5, NULL);
    assert_non_null(h);
    const host_file_ops_t *f = h->ops->files;
    host_file_t *file;
    host_file_info_t info;
    char buf[300] = "";
    assert_int_equal(host_sim_file_add(h, "/etc/a/given", "given", 5), 0);
    assert_string_equal(text_of(h, "/etc/a/given"), "given");
    assert_int_equal(f->make_dir(h, "/d", 0777), 0);
    assert_int_equal(f->make_dir(h, "/d", 0777), -EEXIST);
    assert_int_equal(f->make_dir(h, "/no/d", 0777), -ENOENT);
    assert_int_equal(f->set_cwd(h, "/d"), 0);
    assert_int_equal(f->cwd(h, buf, sizeof buf), 2);
    write_text(h, "f", HOST_FILE_CREATE, "one");
    write_text(h, "./f", HOST_FILE_APPEND, "two");
    assert_string_equal(text_of(h, "/d/f"), "onetwo");
    assert_int_equal(
        f->open(h, "f", HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_EXCLUSIVE, 0644, &file),
        -EEXIST);
    assert_int_equal(f->open(h, "/d", HOST_FILE_WRITE, 0, &file), -EISDIR);
    assert_int_equal(f->open(h, "f/", HOST_FILE_READ, 0, &file), -ENOTDIR);
    assert_int_equal(f->symlink(h, "../d/f", "l"), 0);
    assert_string_equal(text_of(h, "l"), "onetwo");
    assert_int_equal(f->read_link(h, "l", buf, sizeof buf), 6);
    assert_memory_equal(buf, "../d/f", 6);
    assert_int_equal(f->symlink(h, "loop", "loop"), 0);
    assert_null(text_of(h, "loop"));
    assert_int_equal(f->path_info(h, "loop", true, &info), -ELOOP);
    assert_int_equal(f->link(h, "f", "/d/hard"), 0);
    assert_int_equal(f->path_info(h, "f", true, &info), 0);
    assert_int_equal(info.links, 2);
    assert_int_equal(info.size, 6);
    assert_int_equal(f->rename(h, "/d", "/d/sub"), -EINVAL);
    assert_int_equal(f->make_dir(h, "sub", 0777), 0);
    assert_int_equal(f->rename(h, "f", "sub"), -EISDIR);
    assert_int_equal(f->rename(h, "sub", "f"), -ENOTDIR);
    assert_int_equal(f->rename(h, "f", "sub/g"), 0);
    assert_int_equal(f->remove_dir(h, "sub"), -ENOTEMPTY);
    assert_string_equal(text_of(h, "sub/g"), "onetwo");
    assert_null(text_of(h, "f"));
    /* Open, and then without a name. */
    uint8_t data[20];
    assert_int_equal(f->open(h, "sub/g", HOST_FILE_READ | HOST_FILE_WRITE, 0, &file), 0);
    assert_int_equal(f->remove(h, "sub/g"), 0);
    assert_int_equal(f->remove(h, "hard"), 0);
    assert_int_equal(f->pread(h, file, 3, data, sizeof data), 3);
    assert_memory_equal(data, "two", 3);
    assert_int_equal(f->truncate(h, file, 100), 0);
    assert_int_equal(f->seek(h, file, 0, 2), 100);
    assert_int_equal(f->seek(h, file, -1, 0), -EINVAL);
    assert_int_equal(f->read(h, file, data, sizeof data), 0);
    assert_int_equal(host_sim_files_open(h), 1);
    assert_int_equal(f->close(h, file), 0);
    assert_int_equal(host_sim_files_open(h), 0);
    buf[0] = 0;
    assert_int_equal(h->ops->dir_list(h, "/d", collect, buf), 0);
    assert_string_equal(buf, "l loop sub ");
    /* A working directory that is gone. */
    assert_int_equal(f->set_cwd(h, "sub"), 0);
    assert_int_equal(f->remove_dir(h, "../sub"), 0);
    assert_int_equal(f->cwd(h, buf, sizeof buf), -ENOENT);
    assert_int_equal(f->make_dir(h, "x", 0777), -ENOENT);
    assert_int_equal(f->open(h, "x", HOST_FILE_WRITE | HOST_FILE_CREATE, 0644, &file), -ENOENT);
    assert_int_equal(f->set_cwd(h, "/"), 0);
    assert_int_equal(f->cwd(h, buf, sizeof buf), 1);
    /* A file that is never closed goes with the host. */
    assert_int_equal(f->remove_dir(h, "/"), -EBUSY);
    uint64_t trace = host_sim_trace(h);
    h->ops->destroy(h);
    return trace;
}

static void test_script(void **state) {
    (void)state;
    assert_true(script() == script());
}

/* Real files show through, and nothing is done to them. */
static void test_overlay(void **state) {
    (void)state;
    char dir[] = "/tmp/ling_sim_XXXXXX", path[64], other[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/real", dir);
    snprintf(other, sizeof other, "%s/new", dir);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs("text", out);
    fclose(out);
    host_sim_options_t o = {.real_files = true};
    host_t *h = host_sim_create(1, &o);
    const host_file_ops_t *f = h->ops->files;
    char names[200] = "";
    assert_string_equal(text_of(h, path), "text");
    write_text(h, path, HOST_FILE_APPEND, " more");
    write_text(h, other, HOST_FILE_CREATE, "new");
    assert_string_equal(text_of(h, path), "text more");
    assert_int_equal(h->ops->dir_list(h, dir, collect, names), 0);
    assert_string_equal(names, "new real ");
    assert_int_equal(f->remove(h, path), 0);
    assert_null(text_of(h, path));
    assert_int_equal(f->remove(h, other), 0);
    names[0] = 0;
    assert_int_equal(h->ops->dir_list(h, dir, collect, names), 0);
    assert_string_equal(names, "");
    assert_int_equal(f->remove_dir(h, dir), 0);
    assert_null(text_of(h, path));
    h->ops->destroy(h);
    char text[20] = "";
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(text, sizeof text, in));
    fclose(in);
    assert_string_equal(text, "text");
    assert_int_equal(access(other, F_OK), -1);
    remove(path);
    rmdir(dir);
}

/* ---- prim_file on it ---- */

static void call(ling_vm_t *vm, ling_env_t *env, const char *function) {
    ling_term_t result, dir = ling_make_string(env, "/faults");
    int rc = ling_call(vm, env, "files_t", function, 1, &dir, 1000 * SECOND, &result);
    char text[500] = "";
    if (rc == LING_EEXCEPTION) ling_format_term(vm, result, text, sizeof text);
    if (rc != LING_OK) fail_msg("%s: %d %s", function, rc, text);
}

static void test_faults(void **state) {
    (void)state;
    static const char *paths[] = {TEST_BEAMS};
    for (size_t chunk = 0; chunk <= 100; chunk += 50) {
        host_sim_options_t so = {.real_files = true, .file_chunk = chunk};
        host_t *h = host_sim_create(1, &so);
        assert_non_null(h);
        ling_options_t o = LING_OPTIONS_INIT;
        o.host = LING_HOST_CUSTOM;
        o.custom_host = h;
        o.code_paths = paths;
        o.ncode_paths = 1;
        ling_vm_t *vm;
        assert_int_equal(ling_create(&vm, &o), LING_OK);
        ling_env_t *env = ling_env_new(vm);
        assert_int_equal(h->ops->files->make_dir(h, "/faults", 0777), 0);
        call(vm, env, "short");
        call(vm, env, "steps"); /* all code is there now: it needs no file */
        for (uint64_t k = 1; k <= 60; k++) {
            host_sim_fail(h, HOST_SIM_FAIL_FILE, k);
            call(vm, env, "steps");
            host_sim_fail(h, HOST_SIM_FAIL_FILE, 0);
            host_sim_fail(h, HOST_SIM_FAIL_WRITE, k);
            call(vm, env, "steps");
            host_sim_fail(h, HOST_SIM_FAIL_WRITE, 0);
        }
        call(vm, env, "forgotten");
        ling_env_free(env);
        ling_destroy(vm);
        assert_int_equal(host_sim_files_open(h), 0);
        h->ops->destroy(h);
    }
    assert_int_equal(access("/faults", F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
