/* bs.c: the bit syntax: matching and building.
 *
 * The general case of every bs_* instruction; the engine inlines the commonest ones itself. Relies
 * on bits.c for bits in memory and on binary.c for storage. Matching never raises; building raises
 * what OTP 25 raises.
 */
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/utf8.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define IS_LITTLE(flags) (((flags) & (BS_LITTLE | BS_NATIVE)) != 0)
#else
#define IS_LITTLE(flags) (((flags)&BS_LITTLE) != 0 && !((flags)&BS_NATIVE))
#endif

/* ---- matching ---- */

term_t bs_start_match(proc_t *p, term_t t) {
    unsigned k = boxed_type(t);
    if (k == T_MATCH_CTX) return t;
    size_t off = 0, size;
    term_t orig = t;
    if (k == T_SUB_BIN) {
        sub_bin_t *s = (sub_bin_t *)boxed_ptr(t);
        off = (size_t)small_value(s->bit_offset);
        size = (size_t)small_value(s->bit_size);
        orig = s->orig;
        k = boxed_type(orig);
    } else if (k == T_HEAP_BIN || k == T_PROC_BIN) {
        size = bit_size_of(t);
    } else {
        return TERM_NONE;
    }
    uintptr_t data = (uintptr_t)(k == T_HEAP_BIN ? ((heap_bin_t *)boxed_ptr(orig))->data
                                                 : ((proc_bin_t *)boxed_ptr(orig))->data);
    match_ctx_t *ctx = (match_ctx_t *)heap_alloc(p, MATCH_CTX_WORDS);
    if (!ctx) return bif_oom(p);
    off += (data & 7) * 8;
    ctx->header = make_header(T_MATCH_CTX, MATCH_CTX_WORDS - 1);
    ctx->orig = orig;
    ctx->base = (uint8_t *)(data & ~(uintptr_t)7);
    ctx->offset = ctx->start = make_small((int64_t)off);
    ctx->end = make_small((int64_t)(off + size));
    return make_boxed(ctx);
}

/* Where the next bits are, if there are nbits. */
static inline bool ctx_take(match_ctx_t *ctx, size_t nbits, size_t *off) {
    size_t o = (size_t)small_value(ctx->offset);
    if (UNLIKELY(nbits > (size_t)small_value(ctx->end) - o)) return false;
    *off = o;
    ctx->offset = make_small((int64_t)(o + nbits));
    return true;
}

/* The bits read big-endian, taken as little-endian: bytes reversed, the odd bits (which come last)
 * on top. */
static inline uint64_t little_value(uint64_t v, unsigned nbits) {
    unsigned odd = nbits & 7, whole = nbits - odd;
    uint64_t top = v & ((1u << odd) - 1);
    if (whole == 0) return top;
    v = __builtin_bswap64(v >> odd << (64 - whole));
    return whole == 64 ? v : top << whole | v;
}

static term_t make_big1(proc_t *p, uint64_t mag, bool neg) {
    term_t *hp = heap_alloc(p, 2);
    if (!hp) return bif_oom(p);
    hp[0] = make_header(neg ? T_BIG_NEG : T_BIG_POS, 1);
    hp[1] = mag;
    return make_boxed(hp);
}

COLD static term_t get_big(proc_t *p, const uint8_t *base, size_t off, size_t nbits,
                           unsigned flags) {
    size_t n = (nbits + 63) / 64;
    term_t *hp = heap_alloc(p, n + 1);
    if (!hp) return bif_oom(p);
    uint64_t *limb = hp + 1;
    bool little = IS_LITTLE(flags);
    for (size_t i = 0; i < nbits / 64; i++)
        limb[i] = little ? __builtin_bswap64(bits_get64(base, off + 64 * i, 64))
                         : bits_get64(base, off + nbits - 64 * (i + 1), 64);
    unsigned rest = nbits & 63;
    if (rest)
        limb[n - 1] = little ? little_value(bits_get64(base, off + nbits - rest, rest), rest)
                             : bits_get64(base, off, rest);
    unsigned top = rest ? rest : 64;
    bool neg = (flags & BS_SIGNED) && (limb[n - 1] >> (top - 1) & 1);
    if (neg) { /* magnitude = complement + 1 */
        if (rest) limb[n - 1] |= ~(uint64_t)0 << rest;
        uint64_t carry = 1;
        for (size_t i = 0; i < n; i++) {
            limb[i] = ~limb[i] + carry;
            carry = carry && limb[i] == 0;
        }
    }
    size_t used = n;
    while (used && limb[used - 1] == 0) used--;
    if (used <= 1) {
        uint64_t mag = used ? limb[0] : 0;
        if (mag <= (uint64_t)SMALL_MAX + neg) {
            heap_release(p, hp, hp + n + 1);
            return make_small(neg ? (int64_t)(0 - mag) : (int64_t)mag);
        }
    }
    hp[0] = make_header(neg ? T_BIG_NEG : T_BIG_POS, used);
    heap_release(p, hp + 1 + used, hp + n + 1);
    return make_boxed(hp);
}

term_t bits_get_integer(proc_t *p, const uint8_t *base, size_t off, size_t nbits, unsigned flags) {
    if (UNLIKELY(nbits > 64)) return get_big(p, base, off, nbits, flags);
    if (nbits == 0) return make_small(0);
    uint64_t v = bits_get64(base, off, (unsigned)nbits);
    if (IS_LITTLE(flags)) v = little_value(v, (unsigned)nbits);
    if (flags & BS_SIGNED) {
        int64_t i = (int64_t)(v << (64 - nbits)) >> (64 - nbits);
        if (LIKELY(fits_small(i))) return make_small(i);
        return i < 0 ? make_big1(p, 0 - (uint64_t)i, true) : make_big1(p, (uint64_t)i, false);
    }
    if (LIKELY(v <= (uint64_t)SMALL_MAX)) return make_small((int64_t)v);
    return make_big1(p, v, false);
}

term_t bs_get_integer(proc_t *p, match_ctx_t *ctx, size_t nbits, unsigned flags) {
    size_t off;
    if (!ctx_take(ctx, nbits, &off)) return TERM_NONE;
    return bits_get_integer(p, ctx->base, off, nbits, flags);
}

static bool half_to_double(uint64_t h, double *out) {
    unsigned exp = (unsigned)(h >> 10) & 31;
    double m = (double)(h & 1023);
    if (exp == 31) return false;
    double d = exp == 0 ? m * 0x1p-24 : (m + 1024) * 0x1p-25 * (double)(1u << exp);
    *out = h >> 15 ? -d : d;
    return true;
}

term_t bs_get_float(proc_t *p, match_ctx_t *ctx, size_t nbits, unsigned flags) {
    size_t o = (size_t)small_value(ctx->offset);
    if (nbits > (size_t)small_value(ctx->end) - o) return TERM_NONE;
    double d;
    uint64_t v = nbits <= 64 ? bits_get64(ctx->base, o, (unsigned)nbits) : 0;
    switch (nbits) {
    case 0: d = 0.0; break;
    case 16:
        if (IS_LITTLE(flags)) v = little_value(v, 16);
        if (!half_to_double(v, &d)) return TERM_NONE;
        break;
    case 32: {
        if (IS_LITTLE(flags)) v = little_value(v, 32);
        if ((v >> 23 & 255) == 255) return TERM_NONE; /* infinite or no number */
        uint32_t w = (uint32_t)v;
        float f;
        memcpy(&f, &w, sizeof f);
        d = f;
        break;
    }
    case 64:
        if (IS_LITTLE(flags)) v = little_value(v, 64);
        if ((v >> 52 & 2047) == 2047) return TERM_NONE;
        memcpy(&d, &v, sizeof d);
        break;
    default: return TERM_NONE;
    }
    term_t *hp = heap_alloc(p, FLOAT_WORDS);
    if (!hp) return bif_oom(p);
    ctx->offset = make_small((int64_t)(o + nbits));
    return make_float(&hp, d);
}

/* Bits from ctx->base are not bits of ctx->orig where its data is not aligned. */
static inline size_t ctx_skew(const match_ctx_t *ctx) {
    if (boxed_type(ctx->orig) == T_HEAP_BIN) return 0;
    return (size_t)(((proc_bin_t *)boxed_ptr(ctx->orig))->data - ctx->base) * 8;
}

term_t bs_get_binary(proc_t *p, match_ctx_t *ctx, size_t nbits) {
    size_t o = (size_t)small_value(ctx->offset);
    if (UNLIKELY(nbits > (size_t)small_value(ctx->end) - o)) return TERM_NONE;
    term_t t = bits_part(p, ctx->orig, o - ctx_skew(ctx), nbits);
    if (t == TERM_NONE) return bif_oom(p);
    ctx->offset = make_small((int64_t)(o + nbits));
    return t;
}

term_t bs_get_tail(proc_t *p, match_ctx_t *ctx) {
    size_t o = (size_t)small_value(ctx->offset);
    term_t t = bits_part(p, ctx->orig, o - ctx_skew(ctx), (size_t)small_value(ctx->end) - o);
    return t == TERM_NONE ? bif_oom(p) : t;
}

bool bs_match_string(match_ctx_t *ctx, size_t nbits, const uint8_t *s) {
    size_t o = (size_t)small_value(ctx->offset);
    if (nbits > (size_t)small_value(ctx->end) - o) return false;
    if (bits_cmp(ctx->base, o, s, 0, nbits) != 0) return false;
    ctx->offset = make_small((int64_t)(o + nbits));
    return true;
}

term_t bs_get_utf8(match_ctx_t *ctx) {
    size_t o = (size_t)small_value(ctx->offset);
    size_t left = (size_t)small_value(ctx->end) - o;
    if (left < 8) return TERM_NONE;
    const uint8_t *b = ctx->base + (o >> 3);
    uint8_t moved[4];
    if (UNLIKELY(o & 7)) {
        unsigned bits = left < 32 ? (unsigned)left & ~7u : 32;
        uint32_t v = (uint32_t)bits_get64(ctx->base, o, bits) << (32 - bits);
        for (int i = 0; i < 4; i++) moved[i] = (uint8_t)(v >> (24 - 8 * i));
        b = moved;
    }
    uint32_t c = b[0];
    unsigned n = 1;
    if (c >= 0x80) {
        if (c < 0xc2 || c > 0xf4) return TERM_NONE;
        n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (left < n * 8) return TERM_NONE;
        if ((b[1] & 0xc0) != 0x80) return TERM_NONE;
        c = (c & (0xffu >> (n + 1))) << 6 | (b[1] & 0x3f);
        for (unsigned i = 2; i < n; i++) {
            if ((b[i] & 0xc0) != 0x80) return TERM_NONE;
            c = c << 6 | (b[i] & 0x3f);
        }
        if (n == 3 && (c < 0x800 || !is_unicode(c))) return TERM_NONE;
        if (n == 4 && (c < 0x10000 || c > 0x10ffff)) return TERM_NONE;
    }
    ctx->offset += (uint64_t)n * 8 << SMALL_SHIFT;
    return make_small((int64_t)c);
}

term_t bs_get_utf16(match_ctx_t *ctx, unsigned flags) {
    size_t o = (size_t)small_value(ctx->offset);
    size_t left = (size_t)small_value(ctx->end) - o;
    if (left < 16) return TERM_NONE;
    uint32_t c = (uint32_t)bits_get64(ctx->base, o, 16);
    if (IS_LITTLE(flags)) c = __builtin_bswap16((uint16_t)c);
    unsigned n = 16;
    if (c >= 0xd800 && c < 0xe000) {
        if (c >= 0xdc00 || left < 32) return TERM_NONE;
        uint32_t d = (uint32_t)bits_get64(ctx->base, o + 16, 16);
        if (IS_LITTLE(flags)) d = __builtin_bswap16((uint16_t)d);
        if (d < 0xdc00 || d > 0xdfff) return TERM_NONE;
        c = 0x10000 + ((c & 0x3ff) << 10 | (d & 0x3ff));
        n = 32;
    }
    ctx->offset = make_small((int64_t)(o + n));
    return make_small((int64_t)c);
}

term_t bs_get_utf32(match_ctx_t *ctx, unsigned flags) {
    size_t o = (size_t)small_value(ctx->offset);
    if ((size_t)small_value(ctx->end) - o < 32) return TERM_NONE;
    uint32_t c = (uint32_t)bits_get64(ctx->base, o, 32);
    if (IS_LITTLE(flags)) c = __builtin_bswap32(c);
    if (!is_unicode(c)) return TERM_NONE;
    ctx->offset = make_small((int64_t)(o + 32));
    return make_small((int64_t)c);
}

/* ---- building: storage ---- */

term_t bs_init(proc_t *p, size_t nbits, bs_builder_t *b) {
    b->off = 0;
    term_t t = binary_new(p, (nbits + 7) / 8, &b->data);
    if ((nbits & 7) == 0 || t == TERM_NONE) return t;
    b->data[nbits / 8] =
        0; /* the bits behind the last one are seen by nobody, but keep them tidy */
    return bits_sub(p, t, 0, nbits);
}

/* How many bits of the last byte counted in pb->size are in use is kept in pb->flags: an appender
 * must know exactly where the last one stopped. 0 stands for 8. */
#define ODD_SHIFT 1
static inline size_t writable_end(const proc_bin_t *pb) {
    size_t odd = pb->flags >> ODD_SHIFT & 7;
    return pb->size * 8 - (odd ? 8 - odd : 0);
}
static inline void writable_set_end(proc_bin_t *pb, size_t bits) {
    pb->size = (bits + 7) / 8;
    pb->flags = PROC_BIN_WRITABLE | (bits & 7) << ODD_SHIFT;
}

/* Writable storage with room for bytes. TERM_NONE: no memory. */
static term_t writable_new(proc_t *p, size_t bytes) {
    shared_bin_t *s = shared_bin_new(p->vm, bytes);
    return s ? binary_writable(p, s) : TERM_NONE;
}

term_t bs_init_writable(proc_t *p, term_t size) {
    size_t n = 1024;
    if (is_small(size) && small_value(size) > 256 && (size_t)small_value(size) < BITS_MAX / 8)
        n = (size_t)small_value(size);
    term_t t = writable_new(p, n);
    if (t == TERM_NONE) return bif_oom(p);
    /* Never seen as it is: what sees a writable binary has a size of its own. */
    t = bits_sub(p, t, 0, 0);
    return t == TERM_NONE ? bif_oom(p) : t;
}

/* What appending to in a loop mostly is: nobody else refers to the storage, nobody appended here
 * before, and there is room. Anything else: TERM_NONE. */
static inline term_t extend_in_place(proc_t *p, term_t bin, size_t extra, bs_builder_t *b) {
    if (!is_boxed(bin) || boxed_type(bin) != T_SUB_BIN) return TERM_NONE;
    const sub_bin_t *s = (const sub_bin_t *)boxed_ptr(bin);
    if (boxed_type(s->orig) != T_PROC_BIN) return TERM_NONE;
    proc_bin_t *pb = (proc_bin_t *)boxed_ptr(s->orig);
    size_t off = (size_t)small_value(s->bit_offset), size = (size_t)small_value(s->bit_size);
    if (!(pb->flags & PROC_BIN_WRITABLE) || off + size != writable_end(pb)) return TERM_NONE;
    if ((off + size + extra + 7) / 8 > pb->bin->size ||
        atomic_load_explicit(&pb->bin->refs, memory_order_acquire) != 1)
        return TERM_NONE;
    term_t t = bits_sub(p, s->orig, off, size + extra);
    if (t == TERM_NONE) return t;
    writable_set_end(pb, off + size + extra);
    b->data = pb->data;
    b->off = off + size;
    return t;
}

/* bin, a bit string, made longer. */
static term_t extend(proc_t *p, term_t bin, size_t extra, bs_builder_t *b) {
    term_t in_place = extend_in_place(p, bin, extra, b);
    if (LIKELY(in_place != TERM_NONE)) return in_place;
    bits_t old;
    bits_of(bin, &old);
    size_t total = old.bit_size + extra;
    bool grown = false;
    if (total > BITS_MAX) return bif_system_limit(p);
    if (boxed_type(bin) == T_SUB_BIN) {
        const sub_bin_t *s = (const sub_bin_t *)boxed_ptr(bin);
        const proc_bin_t *pb = (const proc_bin_t *)boxed_ptr(s->orig);
        if (boxed_type(s->orig) == T_PROC_BIN && (pb->flags & PROC_BIN_WRITABLE))
            grown = (size_t)small_value(s->bit_offset) + old.bit_size == writable_end(pb);
    }
    if (!grown && total <= HEAP_BIN_MAX * 8) { /* too small to be worth it */
        term_t t = bs_init(p, total, b);
        if (t == TERM_NONE) return bif_oom(p);
        bits_copy(b->data, 0, old.base, old.bit_offset, old.bit_size);
        b->off = old.bit_size;
        return t;
    }
    /* The first append leaves some room, one that ran out of room doubles it. The old storage
     * stays: match contexts and parts may still look at it. */
    size_t need = (total + 7) / 8;
    size_t room = grown ? need * 2 : need + need / 4 + 64;
    if (room < 256) room = 256;
    term_t orig = writable_new(p, room);
    if (orig == TERM_NONE) orig = writable_new(p, need);
    if (orig == TERM_NONE) return bif_oom(p);
    proc_bin_t *pb = (proc_bin_t *)boxed_ptr(orig);
    term_t t = bits_sub(p, orig, 0, total);
    if (t == TERM_NONE) return bif_oom(p);
    bits_copy(pb->data, 0, old.base, old.bit_offset, old.bit_size);
    writable_set_end(pb, total);
    b->data = pb->data;
    b->off = old.bit_size;
    return t;
}

term_t bs_append(proc_t *p, term_t bin, size_t extra, unsigned unit, bs_builder_t *b) {
    if (!is_bitstring(bin)) return bif_badarg(p);
    if (unit > 1 && bit_size_of(bin) % unit) return bif_badarg(p);
    if (extra > BITS_MAX) return bif_system_limit(p);
    return extend(p, bin, extra, b);
}

/* ---- building: segments ---- */

/* Little-endian order of a value that is written big-endian: the inverse of little_value. */
static inline uint64_t little_bits(uint64_t v, unsigned nbits) {
    unsigned odd = nbits & 7, whole = nbits - odd;
    uint64_t low = whole ? __builtin_bswap64(v) >> (64 - whole) : 0;
    return odd ? low << odd | (v >> whole & ((1u << odd) - 1)) : low;
}

COLD static void put_wide(bs_builder_t *b, term_t v, size_t nbits, unsigned flags) {
    /* Two's complement of v, limb by limb from the lowest; beyond its own limbs its sign. */
    const uint64_t *limb;
    uint64_t small;
    size_t n = 1;
    bool neg, complement;
    if (is_small(v)) {
        small = (uint64_t)small_value(v);
        limb = &small;
        neg = small_value(v) < 0;
        complement = false;
    } else {
        limb = big_data(v);
        n = big_limbs(v);
        neg = complement = big_is_neg(v);
    }
    uint64_t carry = 1;
    bool little = IS_LITTLE(flags);
    for (size_t done = 0, i = 0; done < nbits; done += 64, i++) {
        uint64_t x;
        if (i >= n) {
            x = neg ? ~(uint64_t)0 : 0;
        } else if (complement) {
            x = ~limb[i] + carry;
            carry = carry && x == 0;
        } else {
            x = limb[i];
        }
        unsigned k = nbits - done < 64 ? (unsigned)(nbits - done) : 64;
        if (little)
            bits_put64(b->data, b->off + done, k, little_bits(x, k));
        else
            bits_put64(b->data, b->off + nbits - done - k, k, x);
    }
}

bool bs_put_integer(bs_builder_t *b, term_t v, size_t nbits, unsigned flags) {
    if (LIKELY(is_small(v) && nbits <= 64)) {
        uint64_t x = (uint64_t)small_value(v);
        if (nbits == 8 && (b->off & 7) == 0)
            b->data[b->off / 8] = (uint8_t)x;
        else if (nbits)
            bits_put64(b->data, b->off, (unsigned)nbits,
                       IS_LITTLE(flags) ? little_bits(x, (unsigned)nbits) : x);
    } else {
        if (!is_integer(v)) return false;
        put_wide(b, v, nbits, flags);
    }
    b->off += nbits;
    return true;
}

/* Rounds to nearest even, by way of single precision as OTP does. */
static uint64_t double_to_half(double d) {
    float f = (float)d;
    uint32_t w;
    memcpy(&w, &f, sizeof w);
    uint32_t sign = w >> 16 & 0x8000, exp = w >> 23 & 255, m = w & 0x7fffff;
    if (exp >= 143) return sign | 0x7c00; /* 65536 and more */
    unsigned shift = 13;
    if (exp >= 113) {
        m |= (exp - 112) << 23;
    } else { /* subnormal */
        if (exp < 102) return sign;
        m |= 0x800000;
        shift += 113 - exp;
    }
    uint32_t half = m >> shift, rest = m & ((1u << shift) - 1), mid = 1u << (shift - 1);
    if (rest > mid || (rest == mid && (half & 1))) half++;
    return sign | half;
}

bool bs_put_float(bs_builder_t *b, term_t v, size_t nbits, unsigned flags) {
    double d;
    if (is_float(v))
        d = float_value(v);
    else if (!is_integer(v) || !integer_to_double(v, &d))
        return false;
    uint64_t x;
    if (nbits == 64) {
        memcpy(&x, &d, sizeof x);
    } else if (nbits == 32) {
        float f = (float)d;
        uint32_t w;
        memcpy(&w, &f, sizeof w);
        x = w;
    } else if (nbits == 16) {
        x = double_to_half(d);
    } else {
        return false;
    }
    bits_put64(b->data, b->off, (unsigned)nbits,
               IS_LITTLE(flags) ? little_bits(x, (unsigned)nbits) : x);
    b->off += nbits;
    return true;
}

static inline void put_from(bs_builder_t *b, const bits_t *s, size_t nbits) {
    if (LIKELY(((b->off | s->bit_offset | nbits) & 7) == 0))
        memcpy(b->data + b->off / 8, s->base, nbits / 8);
    else
        bits_copy(b->data, b->off, s->base, s->bit_offset, nbits);
    b->off += nbits;
}

bool bs_put_binary(bs_builder_t *b, term_t v, size_t nbits) {
    bits_t s;
    if (!bits_of(v, &s) || s.bit_size < nbits) return false;
    put_from(b, &s, nbits);
    return true;
}

bool bs_put_binary_all(bs_builder_t *b, term_t v, unsigned unit) {
    bits_t s;
    if (!bits_of(v, &s)) return false;
    if (unit > 1 && s.bit_size % unit) return false;
    put_from(b, &s, s.bit_size);
    return true;
}

void bs_put_string(bs_builder_t *b, const uint8_t *s, size_t nbytes) {
    bits_t from = {s, 0, nbytes * 8};
    put_from(b, &from, nbytes * 8);
}

bool bs_is_char(term_t v) { return is_small(v) && is_unicode((uint64_t)small_value(v)); }

size_t bs_utf8_size(term_t v) {
    if (!is_small(v)) return 4;
    uint64_t c = (uint64_t)small_value(v);
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

size_t bs_utf16_size(term_t v) {
    return is_small(v) && (uint64_t)small_value(v) >= 0x10000 ? 4 : 2;
}

bool bs_put_utf8(bs_builder_t *b, term_t v) {
    if (!bs_is_char(v)) return false;
    uint32_t c = (uint32_t)small_value(v);
    unsigned nbits;
    uint64_t x;
    if (c < 0x80) {
        x = c;
        nbits = 8;
    } else if (c < 0x800) {
        x = 0xc080 | (c >> 6) << 8 | (c & 0x3f);
        nbits = 16;
    } else if (c < 0x10000) {
        x = 0xe08080 | (c >> 12) << 16 | (c >> 6 & 0x3f) << 8 | (c & 0x3f);
        nbits = 24;
    } else {
        x = 0xf0808080 | (c >> 18) << 24 | (c >> 12 & 0x3f) << 16 | (c >> 6 & 0x3f) << 8 |
            (c & 0x3f);
        nbits = 32;
    }
    bits_put64(b->data, b->off, nbits, x);
    b->off += nbits;
    return true;
}

bool bs_put_utf16(bs_builder_t *b, term_t v, unsigned flags) {
    if (!bs_is_char(v)) return false;
    uint32_t c = (uint32_t)small_value(v), lead = 0;
    if (c >= 0x10000) {
        lead = 0xd800 | (c - 0x10000) >> 10;
        c = 0xdc00 | (c & 0x3ff);
    }
    if (IS_LITTLE(flags)) {
        lead = __builtin_bswap16((uint16_t)lead);
        c = __builtin_bswap16((uint16_t)c);
    }
    if (small_value(v) >= 0x10000) {
        bits_put64(b->data, b->off, 16, lead);
        b->off += 16;
    }
    bits_put64(b->data, b->off, 16, c);
    b->off += 16;
    return true;
}

bool bs_put_utf32(bs_builder_t *b, term_t v, unsigned flags) {
    if (!bs_is_char(v)) return false;
    uint32_t c = (uint32_t)small_value(v);
    if (IS_LITTLE(flags)) c = __builtin_bswap32(c);
    bits_put64(b->data, b->off, 32, c);
    b->off += 32;
    return true;
}

/* ---- bs_create_bin ---- */

/* Raises reason with the cause OTP's erl_erts_errors:format_bs_fail explains. */
COLD static term_t fail(proc_t *p, term_t reason, const bs_segment_t *s, term_t error,
                        term_t value) {
    term_t type = s->kind;
    if (type == A_append || type == A_private_append) type = A_binary;
    term_t *hp = heap_alloc(p, 5);
    if (!hp) return bif_oom(p);
    return bif_error_cause(p, reason,
                           tuple4(&hp, make_small((int64_t)s->segment), type, error, value));
}

/* size * unit of a segment; false: raised. */
static inline bool sized(proc_t *p, const bs_segment_t *s, size_t *nbits) {
    if (LIKELY(is_small(s->size) && small_value(s->size) >= 0)) {
        size_t n;
        if (LIKELY(!__builtin_mul_overflow((size_t)small_value(s->size), (size_t)s->unit, &n) &&
                   n <= BITS_MAX)) {
            *nbits = n;
            return true;
        }
        fail(p, A_system_limit, s, A_size, s->size);
    } else if (is_big(s->size) && !big_is_neg(s->size)) {
        fail(p, A_system_limit, s, A_size, s->size);
    } else {
        fail(p, A_badarg, s, A_size, s->size);
    }
    return false;
}

term_t bs_create(proc_t *p, bs_segment_t *seg, size_t n) {
    /* All sizes first: an error there comes before any error in a value. */
    bool append = n > 0 && (seg[0].kind == A_append || seg[0].kind == A_private_append);
    size_t total = 0;
    for (size_t i = append; i < n; i++) {
        const bs_segment_t *s = &seg[i];
        size_t bits = 0;
        switch (s->kind) {
        case A_string: bits = (size_t)small_value(s->size) * 8; break;
        case A_utf8: bits = bs_utf8_size(s->value) * 8; break;
        case A_utf16: bits = bs_utf16_size(s->value) * 8; break;
        case A_utf32:
            if (!bs_is_char(s->value)) return fail(p, A_badarg, s, A_type, s->value);
            bits = 32;
            break;
        case A_binary:
            if (s->size == A_all) {
                if (!is_bitstring(s->value)) return fail(p, A_badarg, s, A_type, s->value);
                bits = bit_size_of(s->value);
                break;
            }
            if (!sized(p, s, &bits)) return TERM_NONE;
            break;
        default:
            if (!sized(p, s, &bits)) return TERM_NONE;
        }
        total += bits;
        if (UNLIKELY(total > BITS_MAX)) return fail(p, A_system_limit, s, A_size, s->size);
    }
    bif_bump(p, total >> 14);
    bs_builder_t b;
    term_t t;
    if (append) {
        term_t v = seg[0].value;
        if (!is_bitstring(v)) return fail(p, A_badarg, &seg[0], A_type, v);
        if (seg[0].unit > 1 && bit_size_of(v) % seg[0].unit)
            return fail(p, A_badarg, &seg[0], A_unit, v);
        t = extend(p, v, total, &b);
        if (t == TERM_NONE) return t;
    } else {
        t = bs_init(p, total, &b);
        if (t == TERM_NONE) return bif_oom(p);
    }
    for (size_t i = append; i < n; i++) {
        const bs_segment_t *s = &seg[i];
        bool ok = true;
        switch (s->kind) {
        case A_string: bs_put_string(&b, s->str, (size_t)small_value(s->size)); break;
        case A_utf8: ok = bs_put_utf8(&b, s->value); break;
        case A_utf16: ok = bs_put_utf16(&b, s->value, s->flags); break;
        case A_utf32: ok = bs_put_utf32(&b, s->value, s->flags); break;
        case A_binary:
            if (s->size == A_all) {
                if (!bs_put_binary_all(&b, s->value, s->unit))
                    return fail(p, A_badarg, s, A_unit, s->value);
            } else {
                size_t bits = (size_t)small_value(s->size) * s->unit;
                if (!bs_put_binary(&b, s->value, bits))
                    return fail(p, A_badarg, s, is_bitstring(s->value) ? A_short : A_type,
                                s->value);
            }
            break;
        case A_float: {
            size_t bits = (size_t)small_value(s->size) * s->unit;
            if (bits != 16 && bits != 32 && bits != 64)
                return fail(p, A_badarg, s, A_invalid, s->size);
            if (!bs_put_float(&b, s->value, bits, s->flags))
                return fail(p, A_badarg, s, is_number(s->value) ? A_no_float : A_type, s->value);
            break;
        }
        default:
            ok = bs_put_integer(&b, s->value, (size_t)small_value(s->size) * s->unit, s->flags);
        }
        if (UNLIKELY(!ok)) return fail(p, A_badarg, s, A_type, s->value);
    }
    return t;
}
