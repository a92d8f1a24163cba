/* hash.c: hashes of terms: OTP's portable ones, value by value, and the machine's own.
 *
 * phash2 and phash are the functions OTP 25 documents as stable; the constants and the order in
 * which parts are mixed in are theirs, checked against stock erl in tests/unit/test_terms.c. The
 * internal hash is ours: salted, 64 bits, and of bounded depth, so that it needs no memory and a
 * term's hash can never change.
 *
 * All walks keep what is left on a stack. phash2 and phash of terms nested many thousand levels
 * deep need memory for it; without, what was hashed so far is the result. Any thread.
 */
#include "vm/hash.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/map.h"
#include "vm/wstack.h"

enum { STACK_WORDS = 192 };

/* A long BIF's walk: ticks every so many terms, and every so many bytes of a large binary. */
#define TERM_TICK(p, n)  BIF_TICK_EVERY(p, n, 1024, 128)
#define CHUNK_TICK(p, n) BIF_TICK_EVERY(p, n, 4096, 64)

static uint32_t atom_hash(vm_t *vm, term_t a) { return atom_text(vm, a)->hash; }

static bool is_byte(term_t t) { return is_small(t) && (uint64_t)small_value(t) < 256; }

/* The double's bits, both zeros alike. */
static uint64_t float_bits(term_t t) {
    double d = float_value(t);
    uint64_t u = 0;
    if (d != 0) memcpy(&u, &d, sizeof u);
    return u;
}

static uint32_t ref_low_word(term_t t) {
    uint32_t w[3];
    if (boxed_type(t) == T_EXT_REF) return ((const ext_obj_t *)boxed_ptr(t))->id[0];
    ref_id_to_words(ref_id(t), w);
    return w[0];
}

/* Pids are hashed by their number alone, ports by 64 bits. */
static uint32_t pid_word(term_t t) {
    return is_local_pid(t) ? pid_out_number(t) : ((const ext_obj_t *)boxed_ptr(t))->id[0];
}
static uint64_t port_word(term_t t) {
    if (is_local_port(t)) return port_number(t);
    const ext_obj_t *e = (const ext_obj_t *)boxed_ptr(t);
    return (uint64_t)e->id[1] << 32 | e->id[0];
}

/* Bytes of a bit string in turn, whatever its alignment: n bytes from byte `at`. */
static const uint8_t *bits_bytes(const bits_t *b, size_t at, size_t n, size_t nbits, uint8_t *buf) {
    if (b->bit_offset == 0) return b->base + at;
    memset(buf, 0, n);
    bits_copy(buf, 0, b->base, b->bit_offset + at * 8, nbits);
    return buf;
}

/* ---- phash2 ---- Jenkins' 96-bit mix over words; each kind of term has its own multiple of the
 * golden ratio added to them. */

#define GOLDEN    0x9e3779b9u
#define KIND(n)   (GOLDEN * (n))
#define NIL_FIRST 3468870702u /* what [] gives when nothing was hashed before it */
#define NIL_LATER 2u

typedef struct {
    uint32_t a, b, c;
} words_t;

static inline words_t mix(words_t w) {
    uint32_t a = w.a, b = w.b, c = w.c;
    a -= b, a -= c, a ^= c >> 13;
    b -= c, b -= a, b ^= a << 8;
    c -= a, c -= b, c ^= b >> 13;
    a -= b, a -= c, a ^= c >> 12;
    b -= c, b -= a, b ^= a << 16;
    c -= a, c -= b, c ^= b >> 5;
    a -= b, a -= c, a ^= c >> 3;
    b -= c, b -= a, b ^= a << 10;
    c -= a, c -= b, c ^= b >> 15;
    return (words_t){a, b, c};
}
static inline uint32_t mix2(uint32_t h, uint32_t x, uint32_t y, uint32_t kind) {
    return mix((words_t){x + kind, y + kind, h}).c;
}

static inline uint32_t load32(const uint8_t *s) {
    return s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

static uint32_t phash2_bits(proc_t *p, const bits_t *bits, uint32_t start, bool *stopped) {
    size_t n = bits->bit_size / 8, at = 0;
    unsigned rest = (unsigned)(bits->bit_size & 7);
    uint8_t buf[12];
    if (bits->bit_size == 0) return start;
    words_t w = {GOLDEN, GOLDEN, start};
    for (; n - at >= 12; at += 12) {
        const uint8_t *s = bits_bytes(bits, at, 12, 96, buf);
        w = mix((words_t){w.a + load32(s), w.b + load32(s + 4), w.c + load32(s + 8)});
        if (CHUNK_TICK(p, at / 4 + 1)) {
            *stopped = true;
            return 0;
        }
    }
    size_t left = n - at;
    uint8_t tail[12] = {0};
    memcpy(tail, bits_bytes(bits, at, left, left * 8, buf), left);
    w.a += load32(tail);
    w.b += load32(tail + 4);
    w.c += (uint32_t)n + (load32(tail + 8) << 8); /* the length has c's first byte */
    uint32_t h = mix(w).c;
    if (rest > 0) {
        uint32_t last = (uint32_t)bits_get64(bits->base, bits->bit_offset + n * 8, rest);
        h = mix2(h, rest, last, KIND(15));
    }
    return h;
}

static uint32_t phash2_integer(uint32_t h, const uint64_t *limb, size_t n, bool neg) {
    uint32_t kind = neg ? KIND(10) : KIND(11);
    for (size_t i = 0; i < n; i++) h = mix2(h, (uint32_t)limb[i], (uint32_t)(limb[i] >> 32), kind);
    return h;
}

static uint32_t phash2_small(uint32_t h, int64_t i) {
    if (i < -(1 << 27) || i >= 1 << 27) {
        uint64_t limb = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
        return phash2_integer(h, &limb, 1, i < 0);
    }
    if (i < 0) h = mix2(h, (uint32_t)-i, 0, GOLDEN);
    return mix2(h, (uint32_t)i, 0, GOLDEN);
}

/* A term without subterms. */
static uint32_t phash2_leaf(vm_t *vm, proc_t *p, uint32_t h, term_t t, bool *stopped) {
    if (is_small(t)) return phash2_small(h, small_value(t));
    if (is_atom(t)) return h == 0 ? atom_hash(vm, t) : mix2(h, atom_hash(vm, t), 0, KIND(3));
    if (is_nil(t)) return h == 0 ? NIL_FIRST : mix2(h, NIL_LATER, 0, KIND(2));
    if (is_pid(t)) return mix2(h, pid_word(t), 0, KIND(5));
    if (is_port(t)) return mix2(h, (uint32_t)port_word(t), (uint32_t)(port_word(t) >> 32), KIND(6));
    switch (boxed_type(t)) {
    case T_BIG_POS:
    case T_BIG_NEG: return phash2_integer(h, big_data(t), big_limbs(t), big_is_neg(t));
    case T_FLOAT:
        return mix2(h, (uint32_t)(float_bits(t) >> 32), (uint32_t)float_bits(t), KIND(12));
    case T_REF:
    case T_MAGIC_REF:
    case T_EXT_REF: return mix2(h, ref_low_word(t), 0, KIND(7));
    case T_EXPORT_FUN: {
        const export_t *e = (const export_t *)(uintptr_t)boxed_ptr(t)[1];
        h = mix2(h, e->arity, atom_hash(vm, e->module), GOLDEN);
        return mix2(h, atom_hash(vm, e->function), 0, KIND(14));
    }
    default: {
        bits_t bits;
        return bits_of(t, &bits) ? phash2_bits(p, &bits, KIND(13) + h, stopped) : h;
    }
    }
}

/* Frames of the two portable hashes: a word and  count << 3 | kind. */
enum {
    F_ARRAY,     /* pointer to terms */
    F_TERM,      /* a term */
    F_FLAT,      /* map; count: pairs done */
    F_HAMT,      /* an iterator lies below */
    F_MAP_END,   /* hash so far | xor of pairs so far << 32 */
    F_TUPLE_END, /* phash: nothing; count: arity */
    F_TAIL,      /* phash: tail of a list */
    F_LIST_END   /* phash */
};
#define ITER_WORDS ((sizeof(map_iter_t) + 7) / 8)

static inline bool frame_push(wstack_t *s, uint64_t word, uint64_t count, unsigned kind) {
    if (!wstack_need(s, 2)) return false;
    s->top[0] = word;
    s->top[1] = count << 3 | kind;
    s->top += 2;
    return true;
}

static bool map_push(wstack_t *s, term_t map, uint32_t hash, uint32_t pairs) {
    if (!frame_push(s, hash | (uint64_t)pairs << 32, 0, F_MAP_END)) return false;
    if (is_flat_map(map)) return frame_push(s, map, 0, F_FLAT);
    if (!wstack_need(s, ITER_WORDS + 2)) return false;
    map_iter_t it;
    map_iter_init(&it, map);
    memcpy(s->top, &it, sizeof it);
    s->top += ITER_WORDS;
    return frame_push(s, 0, 0, F_HAMT);
}

/* The next pair of the map on top of the stack; false: there was none, the frame is gone. */
static bool map_next(wstack_t *s, term_t *key, term_t *value) {
    if ((s->top[-1] & 7) == F_FLAT) {
        term_t map = s->top[-2];
        size_t i = s->top[-1] >> 3;
        if (i == flat_map_size(map)) {
            s->top -= 2;
            return false;
        }
        s->top[-1] += 1 << 3;
        *key = tuple_elems(flat_map_keys(map))[i];
        *value = flat_map_values(map)[i];
        return true;
    }
    map_iter_t it;
    memcpy(&it, s->top - 2 - ITER_WORDS, sizeof it);
    if (!map_iter_next(&it, key, value)) {
        s->top -= 2 + ITER_WORDS;
        return false;
    }
    memcpy(s->top - 2 - ITER_WORDS, &it, sizeof it);
    return true;
}

bool term_phash2_try(vm_t *vm, proc_t *p, term_t t, uint32_t *out) {
    bool stopped = false;
    size_t terms = 0;
    if (is_immed(t)) return *out = phash2_leaf(vm, p, 0, t, &stopped), true;
    uint64_t array[STACK_WORDS];
    wstack_t s;
    wstack_init(&s, vm, array, STACK_WORDS);
    uint32_t h = 0, pairs = 0; /* pairs: xor over the pairs of the map we are in */
    bool ok = false;
    for (;;) {
        if (TERM_TICK(p, ++terms) || stopped) goto done;
        if (is_cons(t)) {
            /* Bytes at the front are packed four to a word. */
            uint32_t word = 0;
            unsigned n = 0;
            while (is_cons(t) && is_byte(cons_head(t))) {
                word = word << 8 | (uint32_t)small_value(cons_head(t));
                t = cons_tail(t);
                if (++n == 4) {
                    h = mix2(h, word, 0, KIND(4));
                    word = n = 0;
                    if (TERM_TICK(p, ++terms)) goto done;
                }
            }
            if (n > 0) h = mix2(h, word, 0, KIND(4));
            if (!is_cons(t)) continue;
            if (!frame_push(&s, (uintptr_t)(cons_ptr(t) + 1), 1, F_ARRAY)) goto done;
            t = cons_head(t);
            continue;
        }
        const term_t *array_next = NULL;
        size_t n = 0;
        switch (boxed_type(t)) {
        case T_TUPLE:
            n = tuple_arity(t);
            h = mix2(h, (uint32_t)n, 0, KIND(9));
            array_next = tuple_elems(t);
            break;
        case T_FUN: {
            const fun_obj_t *f = (const fun_obj_t *)boxed_ptr(t);
            n = fun_num_free(t);
            h = mix2(h, (uint32_t)n, atom_hash(vm, f->entry->module), GOLDEN);
            h = mix2(h, f->entry->index, f->entry->old_uniq, GOLDEN);
            array_next = f->env;
            break;
        }
        case T_MAP:
        case T_HAMT:
            h = mix2(h, (uint32_t)map_size(t), 0, KIND(16));
            if (map_size(t) > 0) {
                if (!map_push(&s, t, h, pairs)) goto done;
                h = pairs = 0;
            }
            break;
        default: h = phash2_leaf(vm, p, h, t, &stopped); break;
        }
        if (n > 0 && !frame_push(&s, (uintptr_t)array_next, n, F_ARRAY)) goto done;
        /* What comes next. */
        for (;;) {
            if (wstack_is_empty(&s)) {
                ok = !stopped;
                goto done;
            }
            uint64_t *top = s.top;
            unsigned kind = top[-1] & 7;
            if (kind == F_ARRAY) {
                t = *(const term_t *)(uintptr_t)top[-2];
                top[-2] += sizeof(term_t);
                top[-1] -= 1 << 3;
                if (top[-1] >> 3 == 0) s.top -= 2;
                break;
            }
            if (kind == F_MAP_END) {
                h = mix2((uint32_t)top[-2], pairs, 0, KIND(19));
                pairs = (uint32_t)(top[-2] >> 32);
                s.top -= 2;
                continue;
            }
            if (kind == F_TERM) {
                t = top[-2];
                s.top -= 2;
                break;
            }
            /* A pair is done (or none was begun: then h is 0). */
            term_t value;
            pairs ^= h;
            h = 0;
            if (!map_next(&s, &t, &value)) continue;
            if (!frame_push(&s, value, 0, F_TERM)) goto done;
            break;
        }
    }
done:
    *out = h;
    wstack_free(&s);
    return ok;
}

uint32_t term_phash2(vm_t *vm, term_t t) {
    uint32_t h;
    term_phash2_try(vm, NULL, t, &h);
    return h;
}

/* ---- phash ---- each part multiplies the hash by a prime of its kind and adds bytes. */

#define P1  268440163u
#define P2  268439161u
#define P3  268435459u
#define P4  268436141u
#define P5  268438633u
#define P6  268437017u
#define P8  268437511u
#define P9  268439627u
#define P10 268440479u
#define P11 268440577u
#define P12 268440581u
#define P13 268440593u
#define P14 268440611u

/* The low n bytes of v, lowest first. */
static uint32_t phash_bytes(uint32_t h, uint64_t v, unsigned n, uint32_t prime) {
    for (unsigned i = 0; i < n; i++, v >>= 8) h = h * prime + (uint32_t)(v & 0xff);
    return h;
}

/* Limbs from the low one; of the last only as many 32-bit halves as it has. */
static uint32_t phash_integer(uint32_t h, const uint64_t *limb, size_t n, bool neg) {
    for (size_t i = 0; i + 1 < n; i++) h = phash_bytes(h, limb[i], 8, P2);
    h = phash_bytes(h, limb[n - 1], limb[n - 1] >> 32 ? 8 : 4, P2);
    return h * (neg ? P4 : P3);
}

static uint32_t phash_bits(proc_t *p, uint32_t h, const bits_t *bits, bool *stopped) {
    size_t n = bits->bit_size / 8;
    unsigned rest = (unsigned)(bits->bit_size & 7);
    for (size_t i = 0; i < n; i++) {
        h = h * P1 + (bits->bit_offset == 0
                          ? bits->base[i]
                          : (uint32_t)bits_get64(bits->base, bits->bit_offset + i * 8, 8));
        if (CHUNK_TICK(p, i + 1)) {
            *stopped = true;
            return 0;
        }
    }
    if (rest > 0) {
        uint32_t last = (uint32_t)bits_get64(bits->base, bits->bit_offset + n * 8, rest);
        h = (h * P1 + last) * P12 + rest;
    }
    return h * P4 + (uint32_t)n;
}

static uint32_t phash_leaf(vm_t *vm, proc_t *p, uint32_t h, term_t t, bool *stopped) {
    if (is_small(t)) {
        int64_t i = small_value(t);
        uint64_t limb = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
        return phash_integer(h, &limb, 1, i < 0);
    }
    if (is_nil(t)) return h * P3 + 1;
    if (is_atom(t)) return h * P1 + atom_hash(vm, t);
    if (is_pid(t)) return phash_bytes(h, pid_word(t), 4, P5) * P6;
    if (is_port(t)) {
        uint64_t number = port_word(t);
        if (number >> 32) h = phash_bytes(h, number >> 32, 4, P11);
        return phash_bytes(h, number, 4, P9) * P10;
    }
    switch (boxed_type(t)) {
    case T_BIG_POS:
    case T_BIG_NEG: return phash_integer(h, big_data(t), big_limbs(t), big_is_neg(t));
    case T_FLOAT: return h * P6 + ((uint32_t)float_bits(t) ^ (uint32_t)(float_bits(t) >> 32));
    case T_REF:
    case T_MAGIC_REF:
    case T_EXT_REF: return phash_bytes(h, ref_low_word(t), 4, P9) * P10;
    case T_EXPORT_FUN: {
        const export_t *e = (const export_t *)(uintptr_t)boxed_ptr(t)[1];
        h = h * P11 + e->arity;
        h = h * P1 + atom_hash(vm, e->module);
        return h * P1 + atom_hash(vm, e->function);
    }
    default: {
        bits_t bits;
        return bits_of(t, &bits) ? phash_bits(p, h, &bits, stopped) : h;
    }
    }
}

bool term_phash_try(vm_t *vm, proc_t *p, term_t t, uint32_t *out) {
    bool stopped = false;
    size_t terms = 0;
    if (is_immed(t)) return *out = phash_leaf(vm, p, 0, t, &stopped), true;
    uint64_t array[STACK_WORDS];
    wstack_t s;
    wstack_init(&s, vm, array, STACK_WORDS);
    uint32_t h = 0, map;
    bool ok = false;
    for (;;) {
        if (TERM_TICK(p, ++terms) || stopped) goto done;
        switch (boxed_type(t)) {
        case T_TUPLE:
            if (!frame_push(&s, 0, tuple_arity(t), F_TUPLE_END)) goto done;
            if (!frame_push(&s, (uintptr_t)tuple_elems(t), tuple_arity(t), F_ARRAY)) goto done;
            break;
        case T_FUN: {
            const fun_obj_t *f = (const fun_obj_t *)boxed_ptr(t);
            h = h * P10 + (uint32_t)fun_num_free(t);
            h = h * P1 + atom_hash(vm, f->entry->module);
            h = h * P2 + f->entry->index;
            h = h * P2 + f->entry->old_uniq;
            if (!frame_push(&s, (uintptr_t)f->env, fun_num_free(t), F_ARRAY)) goto done;
            break;
        }
        case T_MAP:
        case T_HAMT:
            if (!term_phash2_try(vm, p, t, &map)) goto done;
            h = h * P13 + P14 + map;
            break;
        default:
            if (!is_cons(t)) {
                h = phash_leaf(vm, p, h, t, &stopped);
                break;
            }
        list:
            while (is_cons(t) && is_byte(cons_head(t))) {
                h = h * P2 + (uint32_t)small_value(cons_head(t));
                t = cons_tail(t);
                if (TERM_TICK(p, ++terms)) goto done;
            }
            if (is_cons(t)) {
                if (!frame_push(&s, cons_tail(t), 0, F_TAIL)) goto done;
                t = cons_head(t);
            } else if (!frame_push(&s, 0, 0, F_LIST_END)) {
                goto done;
            }
            continue;
        }
        for (;;) {
            if (wstack_is_empty(&s)) {
                ok = !stopped;
                goto done;
            }
            uint64_t word = s.top[-2], count = s.top[-1] >> 3;
            unsigned kind = s.top[-1] & 7;
            if (kind == F_ARRAY && count > 0) {
                t = *(const term_t *)(uintptr_t)word;
                s.top[-2] += sizeof(term_t);
                s.top[-1] -= 1 << 3;
                break;
            }
            s.top -= 2;
            if (kind == F_TAIL) {
                t = word;
                if (is_cons(t)) goto list;
                if (!frame_push(&s, 0, 0, F_LIST_END)) goto done;
                break;
            }
            if (kind == F_TUPLE_END) h = h * P9 + (uint32_t)count;
            if (kind == F_LIST_END) h *= P8;
        }
    }
done:
    *out = h;
    wstack_free(&s);
    return ok;
}

uint32_t term_phash(vm_t *vm, term_t t) {
    uint32_t h;
    term_phash_try(vm, NULL, t, &h);
    return h;
}

/* ---- the internal hash ---- */

__extension__ typedef unsigned __int128 uint128_t;

static inline uint64_t fold(uint64_t h, uint64_t w) {
    uint128_t m = (uint128_t)(h ^ w) * 0x9fb21c651e98df25u;
    return (uint64_t)m ^ (uint64_t)(m >> 64) ^ 0x2127599bf4325c37u;
}

static uint64_t hash_bits(uint64_t h, const bits_t *b) {
    size_t n = b->bit_size, at = 0;
    uint64_t w;
    h = fold(h, n);
    for (; n - at >= 64; at += 64) {
        if (b->bit_offset == 0) {
            memcpy(&w, b->base + at / 8, 8);
            w = __builtin_bswap64(w); /* as bits_get64 reads it (little endian machines only) */
        } else {
            w = bits_get64(b->base, b->bit_offset + at, 64);
        }
        h = fold(h, w);
    }
    if (n > at) h = fold(h, bits_get64(b->base, b->bit_offset + at, (unsigned)(n - at)));
    return h;
}

/* The same for a small binary, whose last word is whole. Most keys that are binaries are such. */
static inline uint64_t hash_heap_bin(uint64_t h, term_t t) {
    const heap_bin_t *b = (const heap_bin_t *)boxed_ptr(t);
    size_t left = b->size * 8;
    const uint8_t *s = b->data;
    uint64_t w;
    h = fold(h, left);
    for (; left >= 64; left -= 64, s += 8) {
        memcpy(&w, s, sizeof w);
        h = fold(h, __builtin_bswap64(w));
    }
    if (left == 0) return h;
    memcpy(&w, s, sizeof w);
    return fold(h, __builtin_bswap64(w) >> (64 - left));
}

/* A boxed term without subterms. What is equal has to give the same. */
static uint64_t hash_leaf(uint64_t h, term_t t) {
    unsigned kind = boxed_type(t);
    switch (kind) {
    case T_BIG_POS:
    case T_BIG_NEG:
        h = fold(h, kind);
        for (size_t i = 0; i < big_limbs(t); i++) h = fold(h, big_data(t)[i]);
        return h;
    case T_FLOAT: return fold(h + T_FLOAT, float_bits(t));
    case T_HEAP_BIN:
    case T_PROC_BIN:
    case T_SUB_BIN: {
        bits_t b;
        return bits_of(t, &b) ? hash_bits(h + T_HEAP_BIN, &b) : h;
    }
    case T_REF:
    case T_MAGIC_REF: return fold(h + T_REF, ref_id(t));
    case T_EXPORT_FUN: {
        const export_t *e = (const export_t *)(uintptr_t)boxed_ptr(t)[1];
        return fold(fold(h + T_EXPORT_FUN, e->module), e->function ^ e->arity);
    }
    case T_EXT_PID:
    case T_EXT_PORT:
    case T_EXT_REF: {
        const ext_obj_t *e = (const ext_obj_t *)boxed_ptr(t);
        h = fold(h + kind, e->node ^ (uint64_t)e->creation << 40);
        for (unsigned i = 0; i < e->count; i++) /* trailing zeros do not count */
            if (e->id[i] != 0) h = fold(h, e->id[i] | (uint64_t)i << 32);
        return h;
    }
    default: return fold(h, kind);
    }
}

uint64_t term_hash_slow(vm_t *vm, term_t t) {
    enum { DEPTH = 40 };
    struct {
        const term_t *next;
        size_t left;
    } stack[DEPTH], *top = stack;
    if (is_immed(t)) return hash_mix(t ^ vm->salt);
    uint64_t h = vm->salt;
    if (is_boxed(t) && boxed_type(t) == T_HEAP_BIN)
        return hash_mix(hash_heap_bin(h + T_HEAP_BIN, t));
    for (;;) {
        const term_t *p;
        size_t n;
        if (is_immed(t)) {
            h = fold(h, t);
            goto next;
        }
        if (is_cons(t)) {
            h = fold(h, TAG_CONS);
            while (is_immed(cons_head(t))) {
                h = fold(h, cons_head(t));
                t = cons_tail(t);
                if (!is_cons(t)) break;
            }
            if (!is_cons(t)) continue;
            p = cons_ptr(t), n = 2;
        } else {
            term_t header = boxed_header(t);
            switch (header_type(header)) {
            case T_TUPLE:
            case T_MAP:
            case T_HAMT: /* same keys, same tree: see map.c */
            case T_HAMT_NODE:
                h = fold(h, header);
                p = boxed_ptr(t) + 1, n = header_size(header);
                break;
            case T_FUN: {
                const fun_obj_t *f = (const fun_obj_t *)boxed_ptr(t);
                h = fold(h, header);
                h = fold(h, f->entry->module ^ (uint64_t)f->entry->index << 40);
                p = f->env, n = fun_num_free(t);
                break;
            }
            default: h = hash_leaf(h, t); goto next;
            }
            while (n > 0 && is_immed(*p)) h = fold(h, *p), p++, n--;
            if (n == 0) goto next;
        }
        /* *p is to be looked at, then n - 1 more. Too deep: what is inside does not count. */
        if (n > 1) {
            if (UNLIKELY(top == stack + DEPTH)) goto next;
            top->next = p + 1;
            top->left = n - 1;
            top++;
        }
        t = *p;
        continue;
    next:
        if (top == stack) return hash_mix(h);
        t = *top[-1].next++;
        if (--top[-1].left == 0) top--;
    }
}
