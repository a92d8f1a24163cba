/* zlib_nif.c: the native half of zlib.
 *
 * A stream is a resource used by one process (its controller). Input is queued without copying;
 * one call of deflate or inflate takes at most so many bytes from the queue and gives at most so
 * many, both set by zlib.erl, so that no call takes long. What is left is the next call's.
 *
 * Relies on erl_nif.h and zlib, whose memory comes from enif_alloc.
 */
#include <zlib.h>

#include "nif/lib/lib.h"

/* clang-format off */
#define ATOMS(A) \
    A(ok) A(more) A(finished) A(need_dictionary) A(empty) A(not_supported) A(not_initialized) \
    A(already_initialized) A(not_on_controlling_process) A(stream_error) A(data_error) \
    A(mem_error) A(buf_error) A(version_error) A(stream_end) A(enomem)
/* clang-format on */

typedef struct {
    ErlNifResourceType *type;
#define FIELD(atom) ERL_NIF_TERM atom;
    ATOMS(FIELD)
#undef FIELD
} zlib_lib_t;

enum { ST_NONE, ST_DEFLATE, ST_INFLATE, ST_CLOSED, ANY };
/* What inflate does with input behind the end of a stream; as in zlib.erl. */
enum { EOS_ERROR, EOS_RESET, EOS_CUT };

typedef struct {
    z_stream s;
    int state;
    ErlNifPid controller;
    ErlNifIOQueue *input;
    int eos_behavior;
    bool eos_seen;        /* the stream's end has been reached */
    bool need_dictionary; /* inflate stands at a dictionary's checksum */
    bool raw;             /* no header: its checksum is ours to keep */
    uint32_t crc;         /* of the uncompressed side of a raw stream */
    uint32_t buf_size;    /* getBufSize */
    ErlNifEnv *stash_env; /* NULL: no stash */
    ERL_NIF_TERM stash;
} stream_t;

static zlib_lib_t *lib_of(ErlNifEnv *env) { return enif_priv_data(env); }

/* ---- life ---- */

static void *take(void *user, unsigned items, unsigned size) {
    (void)user;
    return enif_alloc((size_t)items * size);
}

static void give(void *user, void *p) {
    (void)user;
    enif_free(p);
}

static void stash_clear(stream_t *z) {
    if (z->stash_env) enif_free_env(z->stash_env);
    z->stash_env = NULL;
}

static void queue_clear(stream_t *z) {
    size_t n = enif_ioq_size(z->input);
    if (n > 0) enif_ioq_deq(z->input, n, NULL);
}

/* The end of deflating or inflating: what zlib says about it. */
static int codec_end(stream_t *z, int next_state) {
    int r = Z_OK;
    if (z->state == ST_DEFLATE) r = deflateEnd(&z->s);
    if (z->state == ST_INFLATE) r = inflateEnd(&z->s);
    if (z->state == ST_INFLATE && (!z->eos_seen || enif_ioq_size(z->input) > 0)) r = Z_DATA_ERROR;
    queue_clear(z);
    stash_clear(z);
    z->state = next_state;
    return r;
}

static void on_free(ErlNifEnv *env, void *obj) {
    (void)env;
    stream_t *z = obj;
    if (!z->input) return;
    codec_end(z, ST_CLOSED);
    enif_ioq_destroy(z->input);
}

/* ---- results ---- */

static ERL_NIF_TERM raise(ErlNifEnv *env, ERL_NIF_TERM reason) {
    return enif_raise_exception(env, reason);
}

static ERL_NIF_TERM result(ErlNifEnv *env, int code) {
    zlib_lib_t *lib = lib_of(env);
    switch (code) {
    case Z_OK: return lib->ok;
    case Z_STREAM_END: return lib->stream_end;
    case Z_STREAM_ERROR: return raise(env, lib->stream_error);
    case Z_DATA_ERROR: return raise(env, lib->data_error);
    case Z_MEM_ERROR: return raise(env, lib->mem_error);
    case Z_VERSION_ERROR: return raise(env, lib->version_error);
    default: return raise(env, lib->buf_error);
    }
}

/* The stream of the calling process, or NULL with *error as what to return. */
static stream_t *stream_of(ErlNifEnv *env, ERL_NIF_TERM t, ERL_NIF_TERM *error) {
    void *obj;
    ErlNifPid self;
    if (!enif_get_resource(env, t, lib_of(env)->type, &obj)) {
        *error = enif_make_badarg(env);
        return NULL;
    }
    stream_t *z = obj;
    if (!enif_self(env, &self) || !enif_is_identical(self.pid, z->controller.pid)) {
        *error = raise(env, lib_of(env)->not_on_controlling_process);
        return NULL;
    }
    return z;
}

static stream_t *stream_in(ErlNifEnv *env, ERL_NIF_TERM t, int state, ERL_NIF_TERM *error) {
    stream_t *z = stream_of(env, t, error);
    if (!z || z->state == state) return z;
    *error = raise(env, lib_of(env)->not_initialized);
    return NULL;
}

/* name_nif, with z: the stream in a state; ANY: in any. */
#define ZLIB_NIF(name, in_state)                                                                   \
    static ERL_NIF_TERM name(ErlNifEnv *env, stream_t *z, const ERL_NIF_TERM argv[]);              \
    static ERL_NIF_TERM name##_nif(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {          \
        (void)argc;                                                                                \
        ERL_NIF_TERM error;                                                                        \
        stream_t *z = (in_state) == ANY ? stream_of(env, argv[0], &error)                          \
                                        : stream_in(env, argv[0], in_state, &error);               \
        return z ? name(env, z, argv + 1) : error;                                                 \
    }                                                                                              \
    static ERL_NIF_TERM name(ErlNifEnv *env, stream_t *z, const ERL_NIF_TERM argv[])

/* ---- streams ---- */

static ERL_NIF_TERM open_nif(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc, (void)argv;
    zlib_lib_t *lib = lib_of(env);
    stream_t *z = enif_alloc_resource(lib->type, sizeof *z);
    if (!z) return raise(env, lib->enomem);
    memset(z, 0, sizeof *z);
    z->s.zalloc = take;
    z->s.zfree = give;
    z->buf_size = 4000;
    z->input = enif_ioq_create(ERL_NIF_IOQ_NORMAL);
    ERL_NIF_TERM t = z->input && enif_self(env, &z->controller) ? enif_make_resource(env, z)
                                                                : raise(env, lib->enomem);
    enif_release_resource(z);
    return t;
}

ZLIB_NIF(z_close, ANY) {
    (void)argv;
    if (z->state == ST_CLOSED) return raise(env, lib_of(env)->not_initialized);
    codec_end(z, ST_CLOSED);
    return lib_of(env)->ok;
}

ZLIB_NIF(z_set_controller, ANY) {
    ErlNifPid pid;
    if (!enif_get_local_pid(env, argv[0], &pid)) return enif_make_badarg(env);
    z->controller = pid;
    return lib_of(env)->ok;
}

ZLIB_NIF(z_enqueue, ANY) {
    enum { PIECES = 256 };
    ErlNifIOVec vec, *v = &vec;
    ERL_NIF_TERM tail;
    if (z->state != ST_DEFLATE && z->state != ST_INFLATE)
        return raise(env, lib_of(env)->not_initialized);
    if (!enif_inspect_iovec(env, PIECES, argv[0], &tail, &v) || !enif_ioq_enqv(z->input, v, 0))
        return enif_make_badarg(env);
    if (enif_is_empty_list(env, tail)) return lib_of(env)->ok;
    return enif_make_tuple2(env, lib_of(env)->more, tail);
}

/* The stash holds what zlib.erl got before an exception, for its next call. */
ZLIB_NIF(z_get_stash, ANY) {
    (void)argv;
    if (!z->stash_env) return lib_of(env)->empty;
    return enif_make_tuple2(env, lib_of(env)->ok, enif_make_copy(env, z->stash));
}

ZLIB_NIF(z_clear_stash, ANY) {
    (void)argv;
    if (!z->stash_env) return enif_make_badarg(env);
    stash_clear(z);
    return lib_of(env)->ok;
}

ZLIB_NIF(z_set_stash, ANY) {
    if (z->stash_env) return enif_make_badarg(env);
    z->stash_env = enif_alloc_env();
    if (!z->stash_env) return raise(env, lib_of(env)->enomem);
    z->stash = enif_make_copy(z->stash_env, argv[0]);
    return lib_of(env)->ok;
}

ZLIB_NIF(z_get_buf_size, ANY) {
    (void)argv;
    return enif_make_uint(env, z->buf_size);
}

ZLIB_NIF(z_set_buf_size, ANY) {
    unsigned n;
    if (!enif_get_uint(env, argv[0], &n)) return enif_make_badarg(env);
    z->buf_size = n;
    return lib_of(env)->ok;
}

ZLIB_NIF(z_crc32, ANY) {
    (void)argv;
    if (z->state != ST_DEFLATE && z->state != ST_INFLATE)
        return raise(env, lib_of(env)->not_initialized);
    return enif_make_uint(env, z->crc);
}

/* ---- moving data ---- */

/* Runs codec over queued input, at most in_max bytes of it, into out. flush is said only once all
 * input is in. Returns what zlib returned last; Z_BUF_ERROR: it could do nothing. */
static int codec_run(stream_t *z, int (*codec)(z_stream *, int), size_t in_max, int flush) {
    int r = Z_OK, pieces;
    size_t taken = 0;
    while (r == Z_OK && z->s.avail_out > 0 && taken < in_max && enif_ioq_size(z->input) > 0) {
        SysIOVec *v = enif_ioq_peek(z->input, &pieces);
        while (v->iov_len == 0) v++; /* there is one that is not */
        size_t n = v->iov_len < in_max - taken ? v->iov_len : in_max - taken;
        z->s.next_in = (Bytef *)v->iov_base;
        z->s.avail_in = (uInt)n;
        uint8_t *out = z->s.next_out;
        r = codec(&z->s, Z_NO_FLUSH);
        size_t used = n - z->s.avail_in;
        if (z->raw && z->state == ST_DEFLATE)
            z->crc = (uint32_t)crc32(z->crc, (Bytef *)v->iov_base, (uInt)used);
        if (z->raw && z->state == ST_INFLATE)
            z->crc = (uint32_t)crc32(z->crc, out, (uInt)(z->s.next_out - out));
        if (used > 0) enif_ioq_deq(z->input, used, NULL);
        taken += used;
        if (used == 0 && z->s.next_out == out) break;
    }
    z->s.next_in = NULL;
    z->s.avail_in = 0;
    if (r == Z_OK && z->s.avail_out > 0 && enif_ioq_size(z->input) == 0 &&
        (flush != Z_NO_FLUSH || taken == 0)) {
        uint8_t *out = z->s.next_out;
        uint8_t nothing = 0;
        z->s.next_in = &nothing; /* zlib wants an address, of no bytes */
        r = codec(&z->s, flush);
        z->s.next_in = NULL;
        if (z->raw && z->state == ST_INFLATE)
            z->crc = (uint32_t)crc32(z->crc, out, (uInt)(z->s.next_out - out));
    }
    return r;
}

static int codec(ErlNifEnv *env, stream_t *z, int (*fn)(z_stream *, int), const ERL_NIF_TERM argv[],
                 size_t bytes_per_percent, ERL_NIF_TERM *out, bool *bad) {
    unsigned in_max, out_max;
    int flush;
    ErlNifBinary b;
    *bad = !enif_get_uint(env, argv[0], &in_max) || !enif_get_uint(env, argv[1], &out_max) ||
           !enif_get_int(env, argv[2], &flush) || in_max == 0 || out_max == 0;
    if (*bad) return Z_STREAM_ERROR;
    if (!enif_alloc_binary(out_max, &b)) return Z_MEM_ERROR;
    size_t before = enif_ioq_size(z->input);
    z->s.next_out = b.data;
    z->s.avail_out = out_max;
    int r = codec_run(z, fn, in_max, flush);
    size_t made = out_max - z->s.avail_out, read = before - enif_ioq_size(z->input);
    z->s.next_out = NULL;
    size_t percent = 1 + (made + read) / bytes_per_percent;
    enif_consume_timeslice(env, percent > 100 ? 100 : (int)percent);
    *out = enif_make_list(env, 0);
    if (made > 0 && made < out_max && !enif_realloc_binary(&b, made)) r = Z_MEM_ERROR;
    if (made == 0 || r == Z_MEM_ERROR)
        enif_release_binary(&b);
    else
        *out = enif_make_list1(env, enif_make_binary(env, &b));
    return r;
}

/* Nothing more comes from what is queued now, as far as is known: where the output is full, the
 * next call will tell. */
static bool codec_done(const stream_t *z, int r) {
    if (r == Z_BUF_ERROR) return true;
    return z->s.avail_out > 0 && (r == Z_STREAM_END || enif_ioq_size(z->input) == 0);
}

/* ---- deflate ---- */

ZLIB_NIF(z_deflate_init, ANY) {
    int level, method, bits, memory, strategy;
    if (!enif_get_int(env, argv[0], &level) || !enif_get_int(env, argv[1], &method) ||
        !enif_get_int(env, argv[2], &bits) || !enif_get_int(env, argv[3], &memory) ||
        !enif_get_int(env, argv[4], &strategy))
        return enif_make_badarg(env);
    if (z->state != ST_NONE) return raise(env, lib_of(env)->already_initialized);
    int r = deflateInit2(&z->s, level, method, bits, memory, strategy);
    if (r != Z_OK) return result(env, r);
    z->state = ST_DEFLATE;
    z->raw = bits < 0;
    z->crc = 0;
    z->eos_seen = false;
    return lib_of(env)->ok;
}

/* Checksums of dictionaries have a sign in OTP. */
static ERL_NIF_TERM checksum(ErlNifEnv *env, uLong sum) {
    return enif_make_int(env, (int)(uint32_t)sum);
}

ZLIB_NIF(z_deflate_set_dictionary, ST_DEFLATE) {
    ErlNifBinary b;
    if (!enif_inspect_iolist_as_binary(env, argv[0], &b) || b.size > UINT32_MAX)
        return enif_make_badarg(env);
    int r = deflateSetDictionary(&z->s, b.data, (uInt)b.size);
    if (r != Z_OK) return result(env, r);
    /* zlib keeps no checksum of a raw stream; OTP's starts at 0 then. */
    return checksum(env, z->raw ? adler32(0, b.data, (uInt)b.size) : z->s.adler);
}

ZLIB_NIF(z_deflate_reset, ST_DEFLATE) {
    (void)argv;
    queue_clear(z);
    stash_clear(z);
    z->crc = 0;
    return result(env, deflateReset(&z->s));
}

ZLIB_NIF(z_deflate_end, ST_DEFLATE) {
    (void)argv;
    int r = enif_ioq_size(z->input) > 0 ? Z_DATA_ERROR : Z_OK;
    int end = codec_end(z, ST_NONE);
    return result(env, r == Z_OK ? end : r);
}

/* zlib.erl has flushed before; what zlib flushes here is nothing, but it wants room for it. */
ZLIB_NIF(z_deflate_params, ST_DEFLATE) {
    int level, strategy;
    uint8_t room[64];
    if (!enif_get_int(env, argv[0], &level) || !enif_get_int(env, argv[1], &strategy))
        return enif_make_badarg(env);
    if (enif_ioq_size(z->input) > 0) return raise(env, lib_of(env)->buf_error);
    z->s.next_out = room;
    z->s.avail_out = sizeof room;
    z->s.next_in = room;
    z->s.avail_in = 0;
    int r = deflateParams(&z->s, level, strategy);
    z->s.next_out = z->s.next_in = NULL;
    return result(env, r == Z_BUF_ERROR ? Z_OK : r);
}

ZLIB_NIF(z_deflate, ST_DEFLATE) {
    ERL_NIF_TERM out;
    bool bad;
    int r = codec(env, z, deflate, argv, 300, &out, &bad);
    if (bad) return enif_make_badarg(env);
    if (r < 0 && r != Z_BUF_ERROR) return result(env, r);
    zlib_lib_t *lib = lib_of(env);
    return enif_make_tuple2(env, codec_done(z, r) ? lib->finished : lib->more, out);
}

/* ---- inflate ---- */

ZLIB_NIF(z_inflate_init, ANY) {
    int bits, behavior;
    if (!enif_get_int(env, argv[0], &bits) || !enif_get_int(env, argv[1], &behavior))
        return enif_make_badarg(env);
    if (z->state != ST_NONE) return raise(env, lib_of(env)->already_initialized);
    z->s.next_in = NULL;
    z->s.avail_in = 0;
    int r = inflateInit2(&z->s, bits);
    if (r != Z_OK) return result(env, r);
    z->state = ST_INFLATE;
    z->eos_behavior = behavior;
    z->eos_seen = z->need_dictionary = false;
    z->raw = bits < 0;
    z->crc = 0;
    return lib_of(env)->ok;
}

ZLIB_NIF(z_inflate_set_dictionary, ST_INFLATE) {
    ErlNifBinary b;
    if (!enif_inspect_iolist_as_binary(env, argv[0], &b) || b.size > UINT32_MAX)
        return enif_make_badarg(env);
    int r = inflateSetDictionary(&z->s, b.data, (uInt)b.size);
    if (r == Z_OK) z->need_dictionary = false;
    return result(env, r);
}

ZLIB_NIF(z_inflate_get_dictionary, ST_INFLATE) {
    (void)argv;
    uint8_t window[32768]; /* the largest there is */
    uInt n = sizeof window;
    int r = inflateGetDictionary(&z->s, window, &n);
    if (r != Z_OK) return result(env, r);
    ERL_NIF_TERM t;
    unsigned char *to = enif_make_new_binary(env, n, &t);
    if (to) memcpy(to, window, n);
    return t;
}

ZLIB_NIF(z_inflate_reset, ST_INFLATE) {
    (void)argv;
    queue_clear(z);
    stash_clear(z);
    z->eos_seen = z->need_dictionary = false;
    z->crc = 0;
    return result(env, inflateReset(&z->s));
}

ZLIB_NIF(z_inflate_end, ST_INFLATE) {
    (void)argv;
    return result(env, codec_end(z, ST_NONE));
}

ZLIB_NIF(z_inflate, ST_INFLATE) {
    zlib_lib_t *lib = lib_of(env);
    if (z->need_dictionary) return result(env, Z_DATA_ERROR);
    if (z->eos_seen && enif_ioq_size(z->input) > 0) {
        if (z->eos_behavior == EOS_ERROR) return result(env, Z_DATA_ERROR);
        if (z->eos_behavior == EOS_RESET) {
            int r = inflateReset(&z->s);
            if (r != Z_OK) return result(env, r);
            z->eos_seen = false;
            z->crc = 0;
        } else {
            queue_clear(z);
        }
    }
    if (z->eos_seen) return enif_make_tuple2(env, lib->finished, enif_make_list(env, 0));
    ERL_NIF_TERM out;
    bool bad;
    int r = codec(env, z, inflate, argv, 3000, &out, &bad);
    if (bad) return enif_make_badarg(env);
    if (r == Z_NEED_DICT) {
        z->need_dictionary = true;
        return enif_make_tuple3(env, lib->need_dictionary, checksum(env, z->s.adler), out);
    }
    if (r < 0 && r != Z_BUF_ERROR) return result(env, r);
    if (r == Z_STREAM_END) z->eos_seen = true;
    bool done = codec_done(z, r);
    /* What is left: the next call resets, complains or drops it. */
    if (z->eos_seen && enif_ioq_size(z->input) > 0) done = false;
    return enif_make_tuple2(env, done ? lib->finished : lib->more, out);
}

/* ---- the library ---- */

static const ErlNifFunc functions[] = {
    {"open_nif", 0, open_nif, 0},
    {"close_nif", 1, z_close_nif, 0},
    {"set_controller_nif", 2, z_set_controller_nif, 0},
    {"enqueue_nif", 2, z_enqueue_nif, 0},
    {"getStash_nif", 1, z_get_stash_nif, 0},
    {"clearStash_nif", 1, z_clear_stash_nif, 0},
    {"setStash_nif", 2, z_set_stash_nif, 0},
    {"getBufSize_nif", 1, z_get_buf_size_nif, 0},
    {"setBufSize_nif", 2, z_set_buf_size_nif, 0},
    {"crc32_nif", 1, z_crc32_nif, 0},
    {"deflateInit_nif", 6, z_deflate_init_nif, 0},
    {"deflateSetDictionary_nif", 2, z_deflate_set_dictionary_nif, 0},
    {"deflateReset_nif", 1, z_deflate_reset_nif, 0},
    {"deflateEnd_nif", 1, z_deflate_end_nif, 0},
    {"deflateParams_nif", 3, z_deflate_params_nif, 0},
    {"deflate_nif", 4, z_deflate_nif, 0},
    {"inflateInit_nif", 3, z_inflate_init_nif, 0},
    {"inflateSetDictionary_nif", 2, z_inflate_set_dictionary_nif, 0},
    {"inflateGetDictionary_nif", 1, z_inflate_get_dictionary_nif, 0},
    {"inflateReset_nif", 1, z_inflate_reset_nif, 0},
    {"inflateEnd_nif", 1, z_inflate_end_nif, 0},
    {"inflate_nif", 4, z_inflate_nif, 0},
};

static int load_as(ErlNifEnv *env, void **priv, ERL_NIF_TERM info, ErlNifResourceFlags how) {
    (void)info;
    zlib_lib_t *lib = enif_alloc(sizeof *lib);
    if (!lib) return -1;
    lib->type = enif_open_resource_type(env, NULL, "zlib_stream", on_free, how, NULL);
    if (!lib->type) {
        enif_free(lib);
        return -1;
    }
#define NAME(atom) lib->atom = enif_make_atom(env, #atom);
    ATOMS(NAME)
#undef NAME
    lib->more = enif_make_atom(env, "continue");
    *priv = lib;
    return 0;
}

LIB_LOADS
LIB_ENTRY(zlib, functions, load, upgrade, unload)
