/* prim_file_names.c: the functions of prim_file on names: directories, links, what is known about a
 * file. All run on dirty I/O schedulers. Errors are the system's, but where OTP says otherwise:
 * a directory that is not empty is eexist, one that cannot be unlinked eperm.
 */
#include <errno.h>

#include "nif/lib/prim_file.h"

static host_t *host_of(ErlNifEnv *env) { return ((file_lib_t *)enif_priv_data(env))->host; }
static const host_file_ops_t *ops_of(ErlNifEnv *env) { return host_of(env)->ops->files; }

int file_path(ErlNifEnv *env, ERL_NIF_TERM t, const char **out) {
    ErlNifBinary b;
    if (!enif_inspect_binary(env, t, &b) || b.size == 0) return EINVAL;
    if (memchr(b.data, 0, b.size) != b.data + b.size - 1) return EINVAL;
    *out = (const char *)b.data;
    return 0;
}

static ERL_NIF_TERM bytes(ErlNifEnv *env, const char *data, size_t n) {
    ERL_NIF_TERM t;
    unsigned char *to = enif_make_new_binary(env, n, &t);
    if (to) memcpy(to, data, n);
    return t;
}

/* ---- one name, two names ---- */

typedef int (*name_fn)(host_t *h, const char *path);
static ERL_NIF_TERM one_name(ErlNifEnv *env, const ERL_NIF_TERM argv[], name_fn fn) {
    const char *path;
    int e = file_path(env, argv[0], &path);
    return file_result(env, e ? -e : fn(host_of(env), path));
}

typedef int (*names_fn)(host_t *h, const char *from, const char *to);
static ERL_NIF_TERM two_names(ErlNifEnv *env, const ERL_NIF_TERM argv[], names_fn fn) {
    const char *from, *to;
    int e = file_path(env, argv[0], &from);
    if (e == 0) e = file_path(env, argv[1], &to);
    return file_result(env, e ? -e : fn(host_of(env), from, to));
}

FILE_NAME_NIF(file_make_hard_link) {
    (void)argc;
    return two_names(env, argv, ops_of(env)->link);
}

FILE_NAME_NIF(file_make_soft_link) {
    (void)argc;
    return two_names(env, argv, ops_of(env)->symlink);
}

static int rename_as_otp(host_t *h, const char *from, const char *to) {
    int r = h->ops->files->rename(h, from, to);
    return r == -ENOTEMPTY ? -EEXIST : r;
}

FILE_NAME_NIF(file_rename) {
    (void)argc;
    return two_names(env, argv, rename_as_otp);
}

static int remove_as_otp(host_t *h, const char *path) {
    int r = h->ops->files->remove(h, path);
    return r == -EISDIR ? -EPERM : r;
}

FILE_NAME_NIF(file_del_file) {
    (void)argc;
    return one_name(env, argv, remove_as_otp);
}

static int remove_dir_as_otp(host_t *h, const char *path) {
    const host_file_ops_t *ops = h->ops->files;
    host_file_info_t it, here;
    int r = ops->remove_dir(h, path);
    if (r != -ENOTEMPTY && r != -EEXIST) return r;
    /* The working directory is refused as such, full or not. */
    if (ops->path_info(h, path, true, &it) == 0 && ops->path_info(h, ".", true, &here) == 0 &&
        it.inode == here.inode && it.device == here.device)
        return -EINVAL;
    return -EEXIST;
}

FILE_NAME_NIF(file_del_dir) {
    (void)argc;
    return one_name(env, argv, remove_dir_as_otp);
}

static int make_dir(host_t *h, const char *path) { return h->ops->files->make_dir(h, path, 0777); }

FILE_NAME_NIF(file_make_dir) {
    (void)argc;
    return one_name(env, argv, make_dir);
}

FILE_NAME_NIF(file_set_cwd) {
    (void)argc;
    return one_name(env, argv, ops_of(env)->set_cwd);
}

/* ---- what gives bytes ---- */

typedef int64_t (*bytes_fn)(host_t *h, const char *path, char *buf, size_t size);

static ERL_NIF_TERM get_bytes(ErlNifEnv *env, const char *path, bytes_fn fn) {
    enum { LENGTH = 16384 }; /* four times what the kernel allows */
    char *buf = enif_alloc(LENGTH);
    if (!buf) return file_error(env, ENOMEM);
    int64_t n = fn(host_of(env), path, buf, LENGTH);
    ERL_NIF_TERM result =
        n < 0 ? file_error(env, (int)n) : file_ok(env, bytes(env, buf, (size_t)n));
    enif_free(buf);
    return result;
}

static int64_t get_cwd(host_t *h, const char *path, char *buf, size_t size) {
    (void)path;
    return h->ops->files->cwd(h, buf, size);
}

FILE_NAME_NIF(file_get_cwd) {
    (void)argc, (void)argv;
    return get_bytes(env, NULL, get_cwd);
}

FILE_NAME_NIF(file_read_link) {
    (void)argc;
    const char *path;
    int e = file_path(env, argv[0], &path);
    return e ? file_error(env, e) : get_bytes(env, path, ops_of(env)->read_link);
}

typedef struct {
    ErlNifEnv *env;
    ERL_NIF_TERM list;
} listing_t;

static bool list_name(void *user, const char *name) {
    listing_t *l = user;
    l->list = enif_make_list_cell(l->env, bytes(l->env, name, strlen(name)), l->list);
    return true;
}

FILE_NAME_NIF(file_list_dir) {
    (void)argc;
    const char *path;
    host_t *h = host_of(env);
    listing_t l = {env, enif_make_list(env, 0)};
    int e = file_path(env, argv[0], &path);
    if (e == 0) e = h->ops->dir_list(h, path, list_name, &l);
    return e ? file_error(env, e) : file_ok(env, l.list);
}

/* ---- what is known about a file ---- */

ERL_NIF_TERM file_info_term(ErlNifEnv *env, const host_file_info_t *i) {
    file_lib_t *lib = enif_priv_data(env);
    const ERL_NIF_TERM types[] = {lib->regular, lib->directory, lib->symlink, lib->device,
                                  lib->other};
    const ERL_NIF_TERM access[] = {lib->none, lib->read, lib->write, lib->read_write};
    const ERL_NIF_TERM fields[] = {
        lib->file_info,
        enif_make_int64(env, i->size),
        types[i->type],
        access[(i->readable ? 1 : 0) + (i->writable ? 2 : 0)],
        enif_make_int64(env, i->atime),
        enif_make_int64(env, i->mtime),
        enif_make_int64(env, i->ctime),
        enif_make_uint(env, i->mode),
        enif_make_uint(env, i->links),
        enif_make_uint(env, i->device),
        enif_make_uint(env, i->rdevice),
        enif_make_uint64(env, i->inode),
        enif_make_uint(env, i->uid),
        enif_make_uint(env, i->gid),
    };
    return enif_make_tuple_from_array(env, fields, sizeof fields / sizeof *fields);
}

FILE_NAME_NIF(file_read_info) {
    (void)argc;
    int follow;
    const char *path;
    host_file_info_t info;
    if (!enif_get_int(env, argv[1], &follow)) return enif_make_badarg(env);
    int e = file_path(env, argv[0], &path);
    if (e == 0) e = ops_of(env)->path_info(host_of(env), path, follow != 0, &info);
    return e ? file_error(env, e) : file_info_term(env, &info);
}

/* Bits OTP lets through: set user and group id, read, write, execute; no sticky bit. */
enum { PERMISSIONS = 06777 };

FILE_NAME_NIF(file_set_permissions) {
    (void)argc;
    unsigned mode;
    const char *path;
    if (!enif_get_uint(env, argv[1], &mode)) return enif_make_badarg(env);
    int e = file_path(env, argv[0], &path);
    return file_result(
        env, e ? -e : ops_of(env)->set_permissions(host_of(env), path, mode & PERMISSIONS));
}

FILE_NAME_NIF(file_set_owner) {
    (void)argc;
    int uid, gid;
    const char *path;
    if (!enif_get_int(env, argv[1], &uid) || !enif_get_int(env, argv[2], &gid))
        return enif_make_badarg(env);
    int e = file_path(env, argv[0], &path);
    return file_result(env, e ? -e : ops_of(env)->set_owner(host_of(env), path, uid, gid));
}

/* Before 1902 nothing was written: 1902-01-01 is the earliest time OTP sets. */
static int64_t time_floor(int64_t t) {
    const int64_t earliest = -2145916800;
    return t < earliest ? earliest : t;
}

FILE_NAME_NIF(file_set_time) {
    (void)argc;
    ErlNifSInt64 atime, mtime, ctime; /* nobody can set the last */
    const char *path;
    if (!enif_get_int64(env, argv[1], &atime) || !enif_get_int64(env, argv[2], &mtime) ||
        !enif_get_int64(env, argv[3], &ctime))
        return enif_make_badarg(env);
    int e = file_path(env, argv[0], &path);
    return file_result(
        env,
        e ? -e : ops_of(env)->set_times(host_of(env), path, time_floor(atime), time_floor(mtime)));
}

/* ---- what only Windows has ---- */

FILE_NAME_NIF(file_get_device_cwd) {
    (void)argc;
    int device;
    if (!enif_get_int(env, argv[0], &device)) return enif_make_badarg(env);
    return file_error(env, ENOTSUP);
}

FILE_NAME_NIF(file_altname) {
    (void)argc, (void)argv;
    return file_error(env, ENOTSUP);
}
