/* bif_etf.c: term_to_binary and its family. Thin: etf.c and etf_encode.c do the work; compression
 * is done here. */
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/zlib_memory.h"

/* Bytes that cost a reduction. */
#define BYTES_PER_RED 256

/* ---- options ---- */

typedef struct {
    etf_options_t etf;
    int level; /* of compression; 0: none */
} to_options_t;
#define TO_DEFAULTS                                                                                \
    { .etf = ETF_DEFAULTS }

static bool to_option(term_t o, to_options_t *out) {
    if (o == A_compressed) {
        out->level = Z_DEFAULT_COMPRESSION;
        return true;
    }
    if (o == A_deterministic) return out->etf.deterministic = true;
    if (!is_tuple_of(o, 2) || !is_small(tuple_elem(o, 2))) return false;
    int64_t v = small_value(tuple_elem(o, 2));
    if (tuple_elem(o, 1) == A_minor_version) {
        out->etf.minor_version = (unsigned)v;
        return v >= 0 && v <= 2;
    }
    if (tuple_elem(o, 1) != A_compressed) return false;
    out->level = (int)v;
    return v >= 0 && v <= 9;
}

static bool to_options(term_t l, to_options_t *out) {
    for (; is_cons(l); l = cons_tail(l))
        if (!to_option(cons_head(l), out)) return false;
    return is_nil(l);
}

/* ---- encoding ---- */

static term_t encode_failed(proc_t *p, int status) {
    return status == ETF_STOPPED     ? TERM_NONE
           : status == ETF_TOO_LARGE ? bif_system_limit(p)
                                     : bif_oom(p);
}

/* Bytes compressed between ticks. Level 0 only copies, and its output depends on the pieces. */
#define DEFLATE_PER_TICK 2048
#define DEFLATE_PER_RED  2

/* The compressed form where it is no longer than the plain one. 0: it is longer; -1: no memory,
 * or stopped. */
static int64_t compress_body(proc_t *p, const uint8_t *b, size_t n, int level, uint8_t *out,
                             size_t cap) {
    vm_t *vm = p->vm;
    z_stream z = zlib_stream(vm);
    int status = deflateInit(&z, level);
    if (status != Z_OK) return -1;
    z.next_in = (Bytef *)(uintptr_t)b;
    z.next_out = out;
    z.avail_out = (uInt)cap;
    bool stopped = false;
    while (level != 0 && n > DEFLATE_PER_TICK && z.avail_out > 0) {
        stopped = bif_tick(p, DEFLATE_PER_TICK / DEFLATE_PER_RED);
        if (stopped) break;
        z.avail_in = DEFLATE_PER_TICK;
        deflate(&z, Z_NO_FLUSH);
        n -= DEFLATE_PER_TICK - z.avail_in;
    }
    if (!stopped) {
        z.avail_in = (uInt)n;
        status = deflate(&z, Z_FINISH);
    }
    size_t len = z.total_out;
    deflateEnd(&z);
    return stopped ? -1 : status == Z_STREAM_END ? (int64_t)len : 0;
}

/* new_binary for many bytes. */
static term_t binary_of(proc_t *p, const uint8_t *b, size_t n) {
    uint8_t *d;
    term_t t = binary_new(p, n, &d);
    return t != TERM_NONE && bits_copy_long(p, d, 0, b, 0, n * 8) ? t : TERM_NONE;
}

static term_t compressed_binary(proc_t *p, const uint8_t *b, size_t n, int level) {
    enum { HEAD = 6 };
    if (n <= HEAD || n - 1 > UINT32_MAX) return new_binary(p, b, n);
    uint8_t *out = mem_alloc(p->vm, n);
    if (!out) return TERM_NONE;
    int64_t len = compress_body(p, b + 1, n - 1, level, out + HEAD, n - HEAD);
    term_t r = TERM_NONE;
    bif_bump(p, n % DEFLATE_PER_TICK / 16);
    if (len > 0) {
        size_t plain = n - 1;
        out[0] = ETF_VERSION, out[1] = ETF_COMPRESSED;
        out[2] = (uint8_t)(plain >> 24), out[3] = (uint8_t)(plain >> 16);
        out[4] = (uint8_t)(plain >> 8), out[5] = (uint8_t)plain;
        r = binary_of(p, out, HEAD + (size_t)len);
    } else if (len == 0) {
        r = binary_of(p, b, n);
    }
    bif_free(p, out, n);
    return r;
}

/* Output with large binaries left out, as a list of binaries with them in their places. */
static term_t cut_list(proc_t *p, etf_out_t *o) {
    size_t from = 0;
    term_t first = TERM_NIL, *link = &first;
    for (size_t i = 0; i <= o->ncuts; i++) {
        size_t to = i < o->ncuts ? o->cuts[i].at : o->len;
        term_t part[2] = {TERM_NONE, TERM_NONE};
        if (to > from && (part[0] = binary_of(p, o->data + from, to - from)) == TERM_NONE)
            return TERM_NONE;
        from = to;
        if (i < o->ncuts) {
            part[1] = bits_part(p, o->cuts[i].bin, 0, o->cuts[i].bytes * 8);
            if (part[1] == TERM_NONE) return TERM_NONE;
        }
        for (int k = 0; k < 2; k++) {
            if (part[k] == TERM_NONE) continue;
            term_t *hp = heap_alloc(p, 2);
            if (!hp) return TERM_NONE;
            *link = cons(&hp, part[k], TERM_NIL);
            link = hp - 1;
        }
    }
    return first;
}

/* iovec: a list, but what is to be compressed is one binary, not in a list: so it is in OTP. */
static term_t encode(proc_t *p, term_t t, to_options_t *opts, bool iovec) {
    etf_out_t o;
    etf_out_init(&o, p->vm);
    o.p = p;
    opts->etf.cut = iovec && opts->level == 0;
    int status = etf_encode_out(&o, t, &opts->etf);
    if (status != ETF_OK) {
        etf_out_free(&o);
        return encode_failed(p, status);
    }
    bif_bump(p, o.len % COPY_PER_TICK / BYTES_PER_RED);
    term_t r;
    if (opts->etf.cut) {
        r = cut_list(p, &o);
    } else {
        r = opts->level ? compressed_binary(p, o.data, o.len, opts->level)
                        : binary_of(p, o.data, o.len);
    }
    etf_out_free(&o);
    return r == TERM_NONE ? bif_oom(p) : r;
}

LONG_BIF(term_to_binary_1) {
    to_options_t opts = TO_DEFAULTS;
    return encode(p, a[0], &opts, false);
}
LONG_BIF(term_to_binary_2) {
    to_options_t opts = TO_DEFAULTS;
    return to_options(a[1], &opts) ? encode(p, a[0], &opts, false) : bif_badarg(p);
}
LONG_BIF(term_to_iovec_1) {
    to_options_t opts = TO_DEFAULTS;
    return encode(p, a[0], &opts, true);
}
LONG_BIF(term_to_iovec_2) {
    to_options_t opts = TO_DEFAULTS;
    return to_options(a[1], &opts) ? encode(p, a[0], &opts, true) : bif_badarg(p);
}

static term_t external_size(proc_t *p, term_t t, unsigned minor) {
    /* Large binaries are not copied for this. */
    const etf_options_t opts = {.minor_version = minor, .cut = true, .sizing = true};
    etf_out_t o;
    etf_out_init(&o, p->vm);
    o.p = p;
    int status = etf_encode_out(&o, t, &opts);
    size_t size = o.len + o.cut_bytes;
    etf_out_free(&o);
    if (status != ETF_OK) return encode_failed(p, status);
    bif_bump(p, size % COPY_PER_TICK / BYTES_PER_RED);
    return make_small((int64_t)size);
}
LONG_BIF(external_size_1) { return external_size(p, a[0], 1); }
LONG_BIF(external_size_2) {
    int64_t minor = 1;
    term_t l = a[1];
    for (; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        if (!is_tuple_of(o, 2) || tuple_elem(o, 1) != A_minor_version ||
            !is_small(tuple_elem(o, 2)))
            break;
        int64_t v = small_value(tuple_elem(o, 2));
        if (v < 0 || v > 1) break; /* OTP 25 knows no 2 here */
        if (v == 0) minor = 0;     /* and a 1 behind it does not count */
    }
    if (is_nil(l)) return external_size(p, a[0], (unsigned)minor);
    a[1] = l; /* what is wrong shows with the options behind it, as in OTP */
    return bif_badarg(p);
}

/* ---- decoding ---- */

static term_t decode(proc_t *p, term_t bin, unsigned flags, bool want_used) {
    const uint8_t *b;
    uint8_t *tmp = NULL;
    size_t n, tmp_size = 0, used = 0;
    if (!is_binary(bin)) return bif_badarg(p);
    if (!bytes_of_long(p, bin, &b, &n, &tmp, &tmp_size)) return bif_oom(p);
    bool no_memory = false;
    term_t t = etf_decode_heap(p, b, n, flags, &used, &no_memory);
    if (tmp) mem_free(p->vm, tmp, tmp_size);
    bif_bump(p, n % COPY_PER_TICK / BYTES_PER_RED);
    if (t == TERM_NONE) return no_memory ? bif_oom(p) : bif_badarg(p);
    if (!want_used) return t;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, t, make_small((int64_t)used)) : bif_oom(p);
}

LONG_BIF(binary_to_term_1) { return decode(p, a[0], 0, false); }

LONG_BIF(binary_to_term_2) {
    unsigned flags = 0;
    bool used = false;
    term_t l = a[1];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_safe)
            flags |= ETF_SAFE;
        else if (cons_head(l) == A_used)
            used = true;
        else
            return bif_badarg_cause(p, A_badopt);
    }
    return is_nil(l) ? decode(p, a[0], flags, used) : bif_badarg_cause(p, A_badopt);
}

const bif_def_t bifs_etf[] = {{"erlang", "term_to_binary", 1, term_to_binary_1, BIF_LONG},
                              {"erlang", "term_to_binary", 2, term_to_binary_2, BIF_LONG},
                              {"erlang", "term_to_iovec", 1, term_to_iovec_1, BIF_LONG},
                              {"erlang", "term_to_iovec", 2, term_to_iovec_2, BIF_LONG},
                              {"erlang", "external_size", 1, external_size_1, BIF_LONG},
                              {"erlang", "external_size", 2, external_size_2, BIF_LONG},
                              {"erlang", "binary_to_term", 1, binary_to_term_1, BIF_LONG},
                              {"erlang", "binary_to_term", 2, binary_to_term_2, BIF_LONG},
                              {0}};
