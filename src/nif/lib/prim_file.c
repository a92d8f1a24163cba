/* prim_file.c: the native half of prim_file: open files.
 *
 * A file is a resource owned by the process that opened it; prim_file.erl lets nobody else use it.
 * All functions but get_handle run on dirty I/O schedulers and block. When the owner dies the file
 * is closed by a process of OTP's (the janitor, load's argument), off the scheduler that noticed;
 * where there is no janitor (bare mode) right there. Functions on names are in prim_file_names.c.
 *
 * Relies on erl_nif.h and the host's table of files.
 */
#include <errno.h>
#include <stdatomic.h>

#include "nif/lib/prim_file.h"
#include "vm/errno_name.h"

/* Who may touch file. Only FILE_IDLE and FILE_BUSY have a living owner (as far as is known). */
enum {
    FILE_IDLE,
    FILE_BUSY,   /* a function works on it */
    FILE_ORPHAN, /* the janitor will close it */
    FILE_ABANDONED /* busy, and the owner is dead: closed when the function is done */,
    FILE_CLOSED
};

typedef struct {
    _Atomic(int) state;
    host_file_t *file;
    host_t *host;
    ErlNifMonitor monitor;
} open_file_t;

/* Not from the file: a new version of the module may have taken over. */
static file_lib_t *lib_of(ErlNifEnv *env) { return enif_priv_data(env); }

/* ---- results ---- */

ERL_NIF_TERM file_error(ErlNifEnv *env, int error) {
    file_lib_t *lib = lib_of(env);
    return enif_make_tuple2(env, lib->error, enif_make_atom(env, errno_name(error)));
}

ERL_NIF_TERM file_result(ErlNifEnv *env, int r) {
    return r < 0 ? file_error(env, r) : lib_of(env)->ok;
}

ERL_NIF_TERM file_ok(ErlNifEnv *env, ERL_NIF_TERM value) {
    return enif_make_tuple2(env, lib_of(env)->ok, value);
}

static bool state_change(open_file_t *f, int from, int to) {
    return atomic_compare_exchange_strong(&f->state, &from, to);
}

static int file_close(open_file_t *f) { return f->host->ops->files->close(f->host, f->file); }

/* ---- the end of a file ---- */

/* The last reference is gone. */
static void on_free(ErlNifEnv *env, void *obj) {
    (void)env;
    open_file_t *f = obj;
    int state = atomic_load(&f->state);
    if (f->file && (state == FILE_IDLE || state == FILE_ORPHAN)) file_close(f);
}

/* The janitor's close, once. */
static bool close_orphan(open_file_t *f) {
    if (!state_change(f, FILE_ORPHAN, FILE_CLOSED)) return false;
    file_close(f);
    return true;
}

static void on_owner_down(ErlNifEnv *env, void *obj, ErlNifPid *pid, ErlNifMonitor *monitor) {
    (void)pid, (void)monitor;
    open_file_t *f = obj;
    for (;;) {
        if (state_change(f, FILE_IDLE, FILE_ORPHAN)) break;
        if (state_change(f, FILE_BUSY, FILE_ABANDONED)) return;
        int state = atomic_load(&f->state);
        if (state != FILE_IDLE && state != FILE_BUSY) return;
    }
    file_lib_t *lib = lib_of(env);
    bool sent = false;
    ErlNifEnv *message = lib && lib->has_janitor ? enif_alloc_env() : NULL;
    if (message) {
        ERL_NIF_TERM close = enif_make_tuple2(message, enif_make_atom(message, "close"),
                                              enif_make_resource(message, f));
        sent = enif_send(env, &lib->janitor, message, close);
        enif_free_env(message);
    }
    if (!sent) close_orphan(f);
}

static ERL_NIF_TERM delayed_close(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    file_lib_t *lib = lib_of(env);
    void *f;
    if (!enif_get_resource(env, argv[0], lib->type, &f)) return enif_make_badarg(env);
    close_orphan(f);
    return lib->ok;
}

/* ---- one function at a time ---- */

typedef ERL_NIF_TERM (*file_fn)(ErlNifEnv *env, open_file_t *f, const ERL_NIF_TERM argv[]);

static ERL_NIF_TERM with_file(ErlNifEnv *env, const ERL_NIF_TERM argv[], file_fn fn) {
    file_lib_t *lib = lib_of(env);
    void *obj;
    if (!enif_get_resource(env, argv[0], lib->type, &obj)) return enif_make_badarg(env);
    open_file_t *f = obj;
    if (!state_change(f, FILE_IDLE, FILE_BUSY)) return file_error(env, EINVAL);
    ERL_NIF_TERM result = fn(env, f, argv + 1);
    if (!state_change(f, FILE_BUSY, FILE_IDLE) && state_change(f, FILE_ABANDONED, FILE_CLOSED))
        file_close(f);
    return result;
}

/* name_nif(File, ...) by static ERL_NIF_TERM name(env, f, argv), with f busy. */
#define FILE_NIF(name)                                                                             \
    static ERL_NIF_TERM name(ErlNifEnv *env, open_file_t *f, const ERL_NIF_TERM argv[]);           \
    static ERL_NIF_TERM name##_nif(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {          \
        (void)argc;                                                                                \
        return with_file(env, argv, name);                                                         \
    }                                                                                              \
    static ERL_NIF_TERM name(ErlNifEnv *env, open_file_t *f, const ERL_NIF_TERM argv[])

FILE_NIF(close_file) {
    (void)argv;
    /* The owner may die right now: then the caller is a dirty function of a dead process, and
     * with_file sees to the rest. */
    if (!state_change(f, FILE_BUSY, FILE_CLOSED)) return file_error(env, EINVAL);
    enif_demonitor_process(env, f, &f->monitor);
    return file_result(env, file_close(f));
}

/* ---- opening ---- */

static ERL_NIF_TERM file_new(ErlNifEnv *env, host_file_t *file) {
    file_lib_t *lib = lib_of(env);
    ErlNifPid self;
    open_file_t *f = enif_alloc_resource(lib->type, sizeof *f);
    if (!f) {
        lib->host->ops->files->close(lib->host, file);
        return file_error(env, ENOMEM);
    }
    memset(f, 0, sizeof *f);
    f->host = lib->host;
    f->file = file;
    atomic_init(&f->state, FILE_IDLE);
    ERL_NIF_TERM result;
    if (enif_self(env, &self) && enif_monitor_process(env, f, &self, &f->monitor) == 0)
        result = file_ok(env, enif_make_resource(env, f));
    else
        result = file_error(env, EINVAL); /* the caller is dying; nobody will see this */
    enif_release_resource(f);             /* closes the file unless the term holds it */
    return result;
}

enum { SKIP_TYPE_CHECK = 1u << 16 };

/* What else may be in the list is for layers above. */
static bool modes_of(ErlNifEnv *env, ERL_NIF_TERM list, unsigned *out) {
    file_lib_t *lib = lib_of(env);
    const struct {
        ERL_NIF_TERM atom;
        unsigned flags;
    } map[] = {{lib->read, HOST_FILE_READ},
               {lib->write, HOST_FILE_WRITE},
               {lib->append, HOST_FILE_WRITE | HOST_FILE_APPEND},
               {lib->exclusive, HOST_FILE_WRITE | HOST_FILE_EXCLUSIVE},
               {lib->sync, HOST_FILE_SYNC},
               {lib->directory, HOST_FILE_DIRECTORY},
               {lib->skip_type_check, SKIP_TYPE_CHECK}};
    unsigned flags = 0;
    ERL_NIF_TERM head;
    if (!enif_is_list(env, list)) return false;
    while (enif_get_list_cell(env, list, &head, &list))
        for (size_t i = 0; i < sizeof map / sizeof *map; i++)
            if (enif_is_identical(head, map[i].atom)) flags |= map[i].flags;
    if (!(flags & (HOST_FILE_READ | HOST_FILE_WRITE))) flags |= HOST_FILE_READ;
    if (flags & HOST_FILE_WRITE) flags |= HOST_FILE_CREATE;
    if ((flags & HOST_FILE_WRITE) && !(flags & (HOST_FILE_READ | HOST_FILE_APPEND)))
        flags |= HOST_FILE_TRUNCATE;
    *out = flags;
    return true;
}

static ERL_NIF_TERM open_nif(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    file_lib_t *lib = lib_of(env);
    const host_file_ops_t *ops = lib->host->ops->files;
    unsigned flags;
    const char *path;
    if (!modes_of(env, argv[1], &flags)) return enif_make_badarg(env);
    int r = file_path(env, argv[0], &path);
    if (r) return file_error(env, r);
    host_file_t *file;
    r = ops->open(lib->host, path, flags & ~(unsigned)SKIP_TYPE_CHECK, 0666, &file);
    if (r) return file_error(env, r);
    if (!(flags & (SKIP_TYPE_CHECK | HOST_FILE_DIRECTORY))) {
        host_file_info_t info;
        r = ops->info(lib->host, file, &info);
        if (r == 0 && info.type == HOST_FILE_DIR) r = -EISDIR;
        if (r) {
            ops->close(lib->host, file);
            return file_error(env, r);
        }
    }
    return file_new(env, file);
}

static ERL_NIF_TERM from_number(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    file_lib_t *lib = lib_of(env);
    int number;
    if (!enif_get_int(env, argv[0], &number)) return enif_make_badarg(env);
    host_file_t *file;
    int r = lib->host->ops->files->from_number(lib->host, number, &file);
    return r ? file_error(env, r) : file_new(env, file);
}

/* The file's number in the bytes of an int, for other drivers. */
FILE_NIF(get_handle) {
    (void)argv;
    int number = f->host->ops->files->number(f->host, f->file);
    if (number < 0) return file_error(env, number);
    ERL_NIF_TERM result;
    unsigned char *to = enif_make_new_binary(env, sizeof number, &result);
    if (!to) return file_error(env, ENOMEM);
    memcpy(to, &number, sizeof number);
    return result;
}

/* ---- arguments ---- */

/* Offsets and sizes: what is no number is a badarg (-1), what is out of range EINVAL. */
static int offset_of(ErlNifEnv *env, ERL_NIF_TERM t, int64_t *out) {
    ErlNifSInt64 v;
    if (!enif_is_number(env, t)) return -1;
    if (!enif_get_int64(env, t, &v)) return EINVAL;
    *out = v;
    return 0;
}

static int size_of(ErlNifEnv *env, ERL_NIF_TERM t, size_t *out) {
    int64_t v = 0;
    int e = offset_of(env, t, &v);
    if (e == 0 && v < 0) e = EINVAL;
    if (e == 0) *out = (size_t)v;
    return e;
}

static ERL_NIF_TERM bad_argument(ErlNifEnv *env, int e) {
    return e < 0 ? enif_make_badarg(env) : file_error(env, e);
}

/* ---- reading ---- */

/* Reads until len bytes are there or the file ends; at < 0: from the file's position. Bytes read,
 * or a negative errno value, whatever was read before it. */
static int64_t read_fully(host_t *h, host_file_t *file, int64_t at, uint8_t *buf, size_t len) {
    size_t done = 0;
    while (done < len) {
        int64_t n = at < 0
                        ? h->ops->files->read(h, file, buf + done, len - done)
                        : h->ops->files->pread(h, file, at + (int64_t)done, buf + done, len - done);
        if (n < 0) return n;
        if (n == 0) break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

enum { SMALL_READ = 64 }; /* bytes that fit a binary on the heap */

/* The binary, or the atom eof, or {error, Reason} with *failed set. */
static ERL_NIF_TERM read_binary(ErlNifEnv *env, host_t *h, host_file_t *file, int64_t at,
                                size_t len, bool *failed) {
    file_lib_t *lib = lib_of(env);
    uint8_t small[SMALL_READ];
    ErlNifBinary big = {0};
    *failed = true;
    if (len > SMALL_READ && !enif_alloc_binary(len, &big)) return file_error(env, ENOMEM);
    int64_t n = read_fully(h, file, at, len > SMALL_READ ? big.data : small, len);
    if (n <= 0) {
        if (big.data) enif_release_binary(&big);
        *failed = n < 0;
        return n < 0 ? file_error(env, (int)n) : lib->eof;
    }
    ERL_NIF_TERM result;
    if (n <= SMALL_READ) {
        unsigned char *to = enif_make_new_binary(env, (size_t)n, &result);
        if (to) memcpy(to, len > SMALL_READ ? big.data : small, (size_t)n);
        if (big.data) enif_release_binary(&big);
        *failed = !to;
        return to ? result : file_error(env, ENOMEM);
    }
    if ((size_t)n < len && !enif_realloc_binary(&big, (size_t)n)) {
        enif_release_binary(&big);
        return file_error(env, ENOMEM);
    }
    *failed = false;
    return enif_make_binary(env, &big);
}

static ERL_NIF_TERM read_reply(ErlNifEnv *env, open_file_t *f, int64_t at, size_t len) {
    bool failed;
    ERL_NIF_TERM data = read_binary(env, f->host, f->file, at, len, &failed);
    return failed || enif_is_identical(data, lib_of(env)->eof) ? data : file_ok(env, data);
}

FILE_NIF(read) {
    size_t len = 0;
    int e = size_of(env, argv[0], &len);
    return e ? bad_argument(env, e) : read_reply(env, f, -1, len);
}

FILE_NIF(pread) {
    int64_t at = 0;
    size_t len = 0;
    int e = enif_is_number(env, argv[1]) ? offset_of(env, argv[0], &at) : -1;
    if (e == 0) e = size_of(env, argv[1], &len);
    if (e == 0 && at < 0) e = EINVAL;
    /* Neither memory nor the file reaches that far. */
    if (e == 0 && len > 0 && at > INT64_MAX - (int64_t)len)
        e = len > INT64_MAX / 4 ? ENOMEM : EINVAL;
    return e ? bad_argument(env, e) : read_reply(env, f, at, len);
}

/* A size and a pointer, both 32 bits big endian, then that many bytes at the pointer. What makes
 * no sense is as good as the end of the file. */
FILE_NIF(ipread) {
    int64_t at = 0, max = 0;
    int e = enif_is_number(env, argv[1]) ? offset_of(env, argv[0], &at) : -1;
    if (e == 0) e = offset_of(env, argv[1], &max);
    if (e == 0 && at < 0) e = EINVAL;
    if (e) return bad_argument(env, e);
    uint8_t head[8];
    if (at > INT64_MAX - 8) return file_error(env, EINVAL);
    int64_t n = read_fully(f->host, f->file, at, head, sizeof head);
    if (n < 0) return file_error(env, (int)n);
    if (n < (int64_t)sizeof head) return lib_of(env)->eof;
    uint32_t size =
        (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
    uint32_t pointer =
        (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];
    if ((int64_t)size > max) return lib_of(env)->eof;
    bool failed;
    ERL_NIF_TERM data = read_binary(env, f->host, f->file, pointer, size, &failed);
    if (failed) return data;
    return file_ok(
        env, enif_make_tuple3(env, enif_make_uint(env, size), enif_make_uint(env, pointer), data));
}

static ERL_NIF_TERM read_file(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    file_lib_t *lib = lib_of(env);
    host_t *h = lib->host;
    const host_file_ops_t *ops = h->ops->files;
    const char *path;
    host_file_t *file;
    host_file_info_t info;
    ErlNifBinary b;
    int r = file_path(env, argv[0], &path);
    if (r == 0) r = ops->open(h, path, HOST_FILE_READ, 0, &file);
    if (r) return file_error(env, r);
    r = ops->info(h, file, &info);
    if (r == 0 && info.type == HOST_FILE_DIR) r = -EISDIR;
    /* What says it is empty may not be (/proc): then until it ends. */
    bool sized = r == 0 && info.size > 0;
    if (r == 0 && !enif_alloc_binary(sized ? (size_t)info.size : 4096, &b)) r = -ENOMEM;
    if (r) {
        ops->close(h, file);
        return file_error(env, r);
    }
    size_t used = 0;
    for (;;) {
        int64_t n = read_fully(h, file, -1, b.data + used, b.size - used);
        if (n < 0) r = (int)n;
        if (n >= 0) used += (size_t)n;
        if (n < 0 || sized || used < b.size) break;
        if (!enif_realloc_binary(&b, b.size * 2)) r = -ENOMEM;
        if (r) break;
    }
    ops->close(h, file);
    if (r == 0 && used < b.size && !enif_realloc_binary(&b, used)) r = -ENOMEM;
    if (r) {
        enif_release_binary(&b);
        return file_error(env, r);
    }
    return file_ok(env, enif_make_binary(env, &b));
}

/* ---- writing ---- */

enum { WRITE_PIECES = 64 }; /* of a list of binaries, in one call */

/* Writes the first pieces of a list, all their bytes; *tail is the rest. 0, or an errno value, or
 * -1: no list of binaries. at < 0: at the file's position. */
static int write_pieces(ErlNifEnv *env, open_file_t *f, int64_t at, ERL_NIF_TERM list,
                        ERL_NIF_TERM *tail, size_t *written) {
    ErlNifIOVec vec, *v = &vec;
    if (!enif_inspect_iovec(env, WRITE_PIECES, list, tail, &v)) return -1;
    if (at >= 0 && v->size > 0 && at > INT64_MAX - (int64_t)v->size) return EINVAL;
    host_iov_t pieces[WRITE_PIECES];
    unsigned count = (unsigned)v->iovcnt, i = 0;
    for (unsigned k = 0; k < count; k++)
        pieces[k] = (host_iov_t){(uint8_t *)v->iov[k].iov_base, v->iov[k].iov_len};
    const host_file_ops_t *ops = f->host->ops->files;
    size_t done = 0;
    while (i < count) {
        if (pieces[i].len == 0) {
            i++;
            continue;
        }
        int64_t n = at < 0
                        ? ops->write(f->host, f->file, pieces + i, count - i)
                        : ops->pwrite(f->host, f->file, at + (int64_t)done, pieces + i, count - i);
        if (n < 0) return (int)-n;
        done += (size_t)n;
        for (size_t left = (size_t)n; left > 0;) {
            size_t step = left < pieces[i].len ? left : pieces[i].len;
            pieces[i].data += step;
            pieces[i].len -= step;
            left -= step;
            if (pieces[i].len == 0) i++;
        }
    }
    *written = done;
    return 0;
}

FILE_NIF(write) {
    ERL_NIF_TERM tail;
    size_t written;
    int e = write_pieces(env, f, -1, argv[0], &tail, &written);
    if (e) return bad_argument(env, e);
    if (enif_is_empty_list(env, tail)) return lib_of(env)->ok;
    return enif_make_tuple2(env, lib_of(env)->more, tail);
}

FILE_NIF(pwrite) {
    ERL_NIF_TERM tail;
    size_t written;
    int64_t at = 0;
    int e = offset_of(env, argv[0], &at);
    if (e == 0 && at < 0) e = EINVAL;
    if (e == 0) e = write_pieces(env, f, at, argv[1], &tail, &written);
    if (e) return bad_argument(env, e);
    if (enif_is_empty_list(env, tail)) return lib_of(env)->ok;
    return enif_make_tuple3(env, lib_of(env)->more, enif_make_uint64(env, written), tail);
}

/* ---- the rest ---- */

FILE_NIF(seek) {
    const ERL_NIF_TERM marks[] = {lib_of(env)->bof, lib_of(env)->cur, lib_of(env)->eof};
    ErlNifSInt64 offset;
    int whence = 0;
    while (whence < 3 && !enif_is_identical(argv[0], marks[whence])) whence++;
    if (whence == 3 || !enif_get_int64(env, argv[1], &offset)) return enif_make_badarg(env);
    int64_t at = f->host->ops->files->seek(f->host, f->file, offset, whence);
    return at < 0 ? file_error(env, (int)at) : file_ok(env, enif_make_int64(env, at));
}

FILE_NIF(sync) {
    int data_only;
    if (!enif_get_int(env, argv[0], &data_only)) return enif_make_badarg(env);
    return file_result(env, f->host->ops->files->sync(f->host, f->file, data_only != 0));
}

/* To the current position. */
FILE_NIF(truncate) {
    (void)argv;
    const host_file_ops_t *ops = f->host->ops->files;
    int64_t at = ops->seek(f->host, f->file, 0, 1);
    return file_result(env, at < 0 ? (int)at : ops->truncate(f->host, f->file, at));
}

FILE_NIF(allocate) {
    int64_t at = 0, len = 0;
    int e = enif_is_number(env, argv[1]) ? offset_of(env, argv[0], &at) : -1;
    if (e == 0) e = offset_of(env, argv[1], &len);
    if (e == 0 && (at < 0 || len < 0)) e = EINVAL;
    if (e) return bad_argument(env, e);
    return file_result(env, f->host->ops->files->allocate(f->host, f->file, at, len));
}

FILE_NIF(advise) {
    const ERL_NIF_TERM names[] = {lib_of(env)->normal,     lib_of(env)->random,
                                  lib_of(env)->sequential, lib_of(env)->will_need,
                                  lib_of(env)->dont_need,  lib_of(env)->no_reuse};
    int64_t at = 0, len = 0;
    int advice = 0, e = enif_is_number(env, argv[1]) ? offset_of(env, argv[0], &at) : -1;
    if (e == 0) e = offset_of(env, argv[1], &len);
    if (e == 0 && (at < 0 || len < 0)) e = EINVAL;
    while (e == 0 && !enif_is_identical(argv[2], names[advice]))
        if (++advice == sizeof names / sizeof *names) e = EINVAL;
    if (e) return bad_argument(env, e);
    return file_result(env, f->host->ops->files->advise(f->host, f->file, at, len, advice));
}

FILE_NIF(read_handle_info) {
    (void)argv;
    host_file_info_t info;
    int r = f->host->ops->files->info(f->host, f->file, &info);
    return r ? file_error(env, r) : file_info_term(env, &info);
}

/* ---- the library ---- */

#define IO(name, arity, fn)                                                                        \
    { name, arity, fn, ERL_NIF_DIRTY_JOB_IO_BOUND }

static const ErlNifFunc functions[] = {
    IO("open_nif", 2, open_nif),
    IO("close_nif", 1, close_file_nif),
    IO("delayed_close_nif", 1, delayed_close),
    IO("file_desc_to_ref_nif", 1, from_number),
    IO("read_nif", 2, read_nif),
    IO("write_nif", 2, write_nif),
    IO("pread_nif", 3, pread_nif),
    IO("pwrite_nif", 3, pwrite_nif),
    IO("seek_nif", 3, seek_nif),
    IO("sync_nif", 2, sync_nif),
    IO("truncate_nif", 1, truncate_nif),
    IO("allocate_nif", 3, allocate_nif),
    IO("advise_nif", 4, advise_nif),
    IO("read_handle_info_nif", 1, read_handle_info_nif),
    IO("ipread_s32bu_p32bu_nif", 3, ipread_nif),
    IO("read_file_nif", 1, read_file),
    {"get_handle_nif", 1, get_handle_nif, 0},
    /* prim_file_names.c */
    IO("make_hard_link_nif", 2, file_make_hard_link),
    IO("make_soft_link_nif", 2, file_make_soft_link),
    IO("rename_nif", 2, file_rename),
    IO("read_info_nif", 2, file_read_info),
    IO("set_permissions_nif", 2, file_set_permissions),
    IO("set_owner_nif", 3, file_set_owner),
    IO("set_time_nif", 4, file_set_time),
    IO("read_link_nif", 1, file_read_link),
    IO("list_dir_nif", 1, file_list_dir),
    IO("make_dir_nif", 1, file_make_dir),
    IO("del_file_nif", 1, file_del_file),
    IO("del_dir_nif", 1, file_del_dir),
    IO("get_device_cwd_nif", 1, file_get_device_cwd),
    IO("set_cwd_nif", 1, file_set_cwd),
    IO("get_cwd_nif", 0, file_get_cwd),
    IO("altname_nif", 1, file_altname),
};

static int load_as(ErlNifEnv *env, void **priv, ERL_NIF_TERM janitor, ErlNifResourceFlags how) {
    host_t *host = lib_host(env);
    if (!host->ops->files) return ENOTSUP;
    file_lib_t *lib = enif_alloc(sizeof *lib);
    if (!lib) return ENOMEM;
    memset(lib, 0, sizeof *lib);
    lib->host = host;
    lib->has_janitor = enif_get_local_pid(env, janitor, &lib->janitor);
    ErlNifResourceTypeInit init = {.dtor = on_free, .down = on_owner_down};
    lib->type = enif_open_resource_type_x(env, "efile", &init, how, NULL);
    if (!lib->type) {
        enif_free(lib);
        return ENOMEM;
    }
#define NAME(atom) lib->atom = enif_make_atom(env, #atom);
    FILE_ATOMS(NAME)
#undef NAME
    lib->more = enif_make_atom(env, "continue");
    *priv = lib;
    return 0;
}

LIB_LOADS
LIB_ENTRY(prim_file, functions, load, upgrade, unload)
