/* prim_buffer.c: the native half of prim_buffer: a queue of binaries that is written at the back
 * and read from the front. Nothing is copied on the way in. Only one process at a time may use a
 * buffer, which is the business of prim_buffer's callers; the lock is for them. Two that use one at
 * the very same time get badarg.
 */
#include <stdatomic.h>

#include "nif/lib/lib.h"

typedef struct {
    ErlNifIOQueue *queue;
    _Atomic(bool) in_use; /* by a function below */
    _Atomic(bool) locked;
} buffer_t;

typedef struct {
    ErlNifResourceType *type;
    ERL_NIF_TERM ok, not_found, acquired, busy;
} buffer_lib_t;

static buffer_lib_t *lib_of(ErlNifEnv *env) { return enif_priv_data(env); }

static void on_free(ErlNifEnv *env, void *obj) {
    (void)env;
    buffer_t *b = obj;
    if (b->queue) enif_ioq_destroy(b->queue);
}

static buffer_t *buffer_of(ErlNifEnv *env, ERL_NIF_TERM t) {
    void *obj;
    return enif_get_resource(env, t, lib_of(env)->type, &obj) ? obj : NULL;
}

/* name_nif(Buffer, ...) by static ERL_NIF_TERM name(env, b, argv), with b in use. */
typedef ERL_NIF_TERM (*buffer_fn)(ErlNifEnv *env, buffer_t *b, const ERL_NIF_TERM argv[]);

static ERL_NIF_TERM with_buffer(ErlNifEnv *env, const ERL_NIF_TERM argv[], buffer_fn fn) {
    buffer_t *b = buffer_of(env, argv[0]);
    if (!b || atomic_exchange(&b->in_use, true)) return enif_make_badarg(env);
    ERL_NIF_TERM result = fn(env, b, argv + 1);
    atomic_store(&b->in_use, false);
    return result;
}

#define BUFFER_NIF(name)                                                                           \
    static ERL_NIF_TERM name(ErlNifEnv *env, buffer_t *b, const ERL_NIF_TERM argv[]);              \
    static ERL_NIF_TERM name##_nif(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {          \
        (void)argc;                                                                                \
        return with_buffer(env, argv, name);                                                       \
    }                                                                                              \
    static ERL_NIF_TERM name(ErlNifEnv *env, buffer_t *b, const ERL_NIF_TERM argv[])

/* A number of bytes that are there. */
static bool count_of(ErlNifEnv *env, ERL_NIF_TERM t, const buffer_t *b, size_t *out) {
    ErlNifUInt64 n;
    if (!enif_get_uint64(env, t, &n) || n > enif_ioq_size(b->queue)) return false;
    *out = n;
    return true;
}

/* Percent of a time slice for work on n bytes. */
static void charge(ErlNifEnv *env, size_t n) {
    size_t percent = 1 + n / 40000;
    enif_consume_timeslice(env, percent > 100 ? 100 : (int)percent);
}

static ERL_NIF_TERM buffer_new(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc, (void)argv;
    buffer_t *b = enif_alloc_resource(lib_of(env)->type, sizeof *b);
    if (!b) return enif_raise_exception(env, enif_make_atom(env, "system_limit"));
    atomic_init(&b->in_use, false);
    atomic_init(&b->locked, false);
    b->queue = enif_ioq_create(ERL_NIF_IOQ_NORMAL);
    ERL_NIF_TERM result = b->queue ? enif_make_resource(env, b)
                                   : enif_raise_exception(env, enif_make_atom(env, "system_limit"));
    enif_release_resource(b);
    return result;
}

BUFFER_NIF(size) {
    (void)argv;
    return enif_make_uint64(env, enif_ioq_size(b->queue));
}

BUFFER_NIF(peek_head) {
    (void)argv;
    ERL_NIF_TERM head;
    if (!enif_ioq_peek_head(env, b->queue, NULL, &head)) return enif_make_badarg(env);
    return head;
}

BUFFER_NIF(copying_read) {
    size_t n, done = 0;
    if (!count_of(env, argv[0], b, &n)) return enif_make_badarg(env);
    ERL_NIF_TERM result;
    unsigned char *to = enif_make_new_binary(env, n, &result);
    if (n == 0 || !to) return result;
    int pieces;
    SysIOVec *v = enif_ioq_peek(b->queue, &pieces);
    for (int i = 0; done < n && i < pieces; i++) {
        size_t step = n - done < v[i].iov_len ? n - done : v[i].iov_len;
        memcpy(to + done, v[i].iov_base, step);
        done += step;
    }
    enif_ioq_deq(b->queue, n, NULL);
    charge(env, n);
    return result;
}

BUFFER_NIF(write) {
    ErlNifIOVec vec, *v = &vec;
    ERL_NIF_TERM tail;
    if (!enif_inspect_iovec(env, SIZE_MAX, argv[0], &tail, &v) || !enif_ioq_enqv(b->queue, v, 0))
        return enif_make_badarg(env);
    return lib_of(env)->ok;
}

BUFFER_NIF(skip) {
    size_t n;
    if (!count_of(env, argv[0], b, &n)) return enif_make_badarg(env);
    if (n > 0) enif_ioq_deq(b->queue, n, NULL);
    return lib_of(env)->ok;
}

BUFFER_NIF(find_byte_index) {
    int byte, pieces = 0;
    if (!enif_get_int(env, argv[0], &byte) || byte < 0 || byte > 255) return enif_make_badarg(env);
    SysIOVec *v = enif_ioq_peek(b->queue, &pieces);
    size_t before = 0;
    for (int i = 0; i < pieces; i++) {
        const char *at = v[i].iov_len ? memchr(v[i].iov_base, byte, v[i].iov_len) : NULL;
        if (at) {
            before += (size_t)(at - (const char *)v[i].iov_base);
            charge(env, before);
            return enif_make_tuple2(env, lib_of(env)->ok, enif_make_uint64(env, before));
        }
        before += v[i].iov_len;
    }
    charge(env, before);
    return lib_of(env)->not_found;
}

static ERL_NIF_TERM try_lock(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    buffer_t *b = buffer_of(env, argv[0]);
    if (!b) return enif_make_badarg(env);
    return atomic_exchange(&b->locked, true) ? lib_of(env)->busy : lib_of(env)->acquired;
}

static ERL_NIF_TERM unlock(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    buffer_t *b = buffer_of(env, argv[0]);
    if (!b) return enif_make_badarg(env);
    if (atomic_exchange(&b->locked, false)) return lib_of(env)->ok;
    return enif_raise_exception(env, enif_make_atom(env, "lock_order_violation"));
}

static const ErlNifFunc functions[] = {
    {"new", 0, buffer_new, 0},
    {"size", 1, size_nif, 0},
    {"peek_head", 1, peek_head_nif, 0},
    {"copying_read", 2, copying_read_nif, 0},
    {"write", 2, write_nif, 0},
    {"skip", 2, skip_nif, 0},
    {"find_byte_index", 2, find_byte_index_nif, 0},
    {"try_lock", 1, try_lock, 0},
    {"unlock", 1, unlock, 0},
};

static int load_as(ErlNifEnv *env, void **priv, ERL_NIF_TERM info, ErlNifResourceFlags how) {
    (void)info;
    buffer_lib_t *lib = enif_alloc(sizeof *lib);
    if (!lib) return -1;
    lib->type = enif_open_resource_type(env, NULL, "buffer", on_free, how, NULL);
    if (!lib->type) {
        enif_free(lib);
        return -1;
    }
    lib->ok = enif_make_atom(env, "ok");
    lib->not_found = enif_make_atom(env, "not_found");
    lib->acquired = enif_make_atom(env, "acquired");
    lib->busy = enif_make_atom(env, "busy");
    *priv = lib;
    return 0;
}

LIB_LOADS
LIB_ENTRY(prim_buffer, functions, load, upgrade, unload)
