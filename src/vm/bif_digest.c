/* bif_digest.c: checksums and digests of iodata: md5, crc32, adler32. Relies on zlib and md5.c. */
#include <zlib.h>
#include "vm/binary.h"
#include "vm/md5.h"

/* Bytes digested per reduction: md5 takes its time. */
#define MD5_PER_RED 64
#define SUM_PER_RED 512

/* Feeds all of a term to fn; false: raised, or stopped. */
static bool feed(proc_t *p, term_t t, iodata_fn fn, void *user) {
    int r = is_list(t) || is_binary(t) ? iodata_walk_long(p->vm, p, t, fn, user) : IODATA_BAD;
    if (r != IODATA_OK) iodata_fail(p, r);
    return r == IODATA_OK;
}

/* ---- md5 ---- */

typedef struct {
    proc_t *p;
    md5_t *m;
} md5_feed_t;

static void md5_piece(void *user, const uint8_t *s, size_t n) {
    md5_feed_t *f = user;
    md5_update(f->m, s, n);
    bif_bump(f->p, n / MD5_PER_RED);
}
static bool md5_feed(proc_t *p, term_t t, md5_t *m) {
    md5_feed_t f = {p, m};
    return feed(p, t, md5_piece, &f);
}

static term_t digest(proc_t *p, md5_t *m) {
    uint8_t out[16];
    md5_final(m, out);
    term_t t = new_binary(p, out, sizeof out);
    return t == TERM_NONE ? bif_oom(p) : t;
}

static term_t context(proc_t *p, const md5_t *m) {
    term_t t = new_binary(p, (const uint8_t *)m, sizeof *m);
    return t == TERM_NONE ? bif_oom(p) : t;
}

/* The context an Erlang program holds. Any 88 bytes will do: they cannot hurt. */
static bool context_of(term_t t, md5_t *m) {
    bits_t b;
    if (!bits_of(t, &b) || b.bit_size != sizeof *m * 8) return false;
    bits_copy((uint8_t *)m, 0, b.base, b.bit_offset, b.bit_size);
    return true;
}

LONG_BIF(md5_1) {
    md5_t m;
    md5_init(&m);
    if (!md5_feed(p, a[0], &m)) return TERM_NONE;
    return digest(p, &m);
}
static BIF(md5_init_0) {
    (void)a;
    md5_t m;
    md5_init(&m);
    return context(p, &m);
}
LONG_BIF(md5_update_2) {
    md5_t m;
    if (!context_of(a[0], &m)) return bif_badarg(p);
    if (!md5_feed(p, a[1], &m)) return TERM_NONE;
    return context(p, &m);
}
static BIF(md5_final_1) {
    md5_t m;
    return context_of(a[0], &m) ? digest(p, &m) : bif_badarg(p);
}

/* ---- crc32, adler32 ---- */

typedef uLong (*sum_fn)(uLong, const Bytef *, uInt);
typedef struct {
    proc_t *p;
    sum_fn fn;
    uLong sum;
} sum_t;

static void sum_piece(void *user, const uint8_t *s, size_t n) {
    sum_t *c = user;
    bif_bump(c->p, n / SUM_PER_RED);
    while (n) { /* zlib counts in unsigned */
        uInt k = n > 1u << 30 ? 1u << 30 : (uInt)n;
        c->sum = c->fn(c->sum, s, k);
        s += k;
        n -= k;
    }
}

static term_t sum(proc_t *p, sum_fn fn, uLong start, term_t data) {
    sum_t c = {p, fn, start};
    if (!feed(p, data, sum_piece, &c)) return TERM_NONE;
    /* A start that is no sum becomes one, but for []. */
    if (!is_nil(data)) c.sum = fn(c.sum, (const Bytef *)"", 0);
    return make_small((int64_t)c.sum);
}

static bool u32_of(term_t t, uLong *out) {
    if (!is_small(t) || small_value(t) < 0 || small_value(t) > UINT32_MAX) return false;
    *out = (uLong)small_value(t);
    return true;
}

LONG_BIF(crc32_1) { return sum(p, crc32, 0, a[0]); }
LONG_BIF(crc32_2) {
    uLong old;
    return u32_of(a[0], &old) ? sum(p, crc32, old, a[1]) : bif_badarg(p);
}
static BIF(crc32_combine_3) {
    uLong x, y, n;
    if (!u32_of(a[0], &x) || !u32_of(a[1], &y) || !u32_of(a[2], &n)) return bif_badarg(p);
    return make_small((int64_t)crc32_combine(x, y, (z_off_t)n));
}
LONG_BIF(adler32_1) { return sum(p, adler32, 1, a[0]); }
LONG_BIF(adler32_2) {
    uLong old;
    return u32_of(a[0], &old) ? sum(p, adler32, old, a[1]) : bif_badarg(p);
}
static BIF(adler32_combine_3) {
    uLong x, y, n;
    if (!u32_of(a[0], &x) || !u32_of(a[1], &y) || !u32_of(a[2], &n)) return bif_badarg(p);
    if (n == 0) return a[0]; /* zlib would add y in */
    return make_small((int64_t)(adler32_combine(x, y, (z_off_t)n) & 0xffffffffu));
}

const bif_def_t bifs_digest[] = {
    {"erlang", "md5", 1, md5_1, BIF_LONG},
    {"erlang", "md5_init", 0, md5_init_0, 0},
    {"erlang", "md5_update", 2, md5_update_2, BIF_LONG},
    {"erlang", "md5_final", 1, md5_final_1, 0},
    {"erlang", "crc32", 1, crc32_1, BIF_LONG},
    {"erlang", "crc32", 2, crc32_2, BIF_LONG},
    {"erlang", "crc32_combine", 3, crc32_combine_3, 0},
    {"erlang", "adler32", 1, adler32_1, BIF_LONG},
    {"erlang", "adler32", 2, adler32_2, BIF_LONG},
    {"erlang", "adler32_combine", 3, adler32_combine_3, 0},
    {0},
};
