/* etf_encode.c: encoding in the external term format, byte for byte as OTP 25 does it.
 *
 * One walk with a work stack of its own, output into a growing buffer. Relies on map.c, atom.c,
 * binary.c, code.h and GMP (floats as text, minor version 0).
 */
#include <gmp.h>
#include <math.h>
#include "vm/etf.h"
#include "vm/binary.h"
#include "vm/map.h"

/* ---- output ---- */

void etf_out_init(etf_out_t *o, vm_t *vm) {
    o->vm = vm;
    o->p = NULL;
    o->data = o->first;
    o->len = 0;
    o->cap = sizeof o->first;
    o->cuts = NULL;
    o->ncuts = o->cuts_cap = o->cut_bytes = 0;
}

static void data_free(etf_out_t *o) {
    if (o->data == o->first) return;
    if (o->p)
        bif_free(o->p, o->data, o->cap);
    else
        mem_free(o->vm, o->data, o->cap);
}

void etf_out_free(etf_out_t *o) {
    data_free(o);
    mem_free(o->vm, o->cuts, o->cuts_cap * sizeof *o->cuts);
}

/* From this size on what is there is copied in pieces: mem_realloc would do it in one. */
#define GROW_LONG ((size_t)1 << 20)

static COLD bool out_grow(etf_out_t *o, size_t n) {
    size_t cap = o->cap * 2 > o->len + n ? o->cap * 2 : o->len + n + o->cap;
    uint8_t *d;
    if (o->data == o->first || (o->cap >= GROW_LONG && bif_can_pause(o->p))) {
        d = mem_alloc(o->vm, cap);
        if (!d) return false;
        /* Stopped: p was killed, which the next tick tells the walk. */
        if (!bits_copy_long(o->data == o->first ? NULL : o->p, d, 0, o->data, 0, o->len * 8))
            memcpy(d, o->data, o->len);
        data_free(o);
    } else {
        d = mem_realloc(o->vm, o->data, o->cap, cap);
    }
    if (!d) return false;
    o->data = d;
    o->cap = cap;
    return true;
}
/* Room for n more bytes, or NULL; advance len by what was written. */
static inline uint8_t *out_room(etf_out_t *o, size_t n) {
    if (UNLIKELY(o->cap - o->len < n) && !out_grow(o, n)) return NULL;
    return o->data + o->len;
}
static inline uint8_t *put16(uint8_t *b, uint32_t v) {
    b[0] = (uint8_t)(v >> 8), b[1] = (uint8_t)v;
    return b + 2;
}
static inline uint8_t *put32(uint8_t *b, uint32_t v) {
    b[0] = (uint8_t)(v >> 24), b[1] = (uint8_t)(v >> 16), b[2] = (uint8_t)(v >> 8);
    b[3] = (uint8_t)v;
    return b + 4;
}

/* ---- what is still to be written ---- */

enum {
    TODO_TERMS,   /* n terms in a row */
    TODO_LIST,    /* the rest of a list: n more heads, then the tail */
    TODO_FLAT,    /* keys (at) and values of a flat map by turns, n of them together */
    TODO_NODE,    /* n children of a large map's node */
    TODO_FREE,    /* n bytes of memory we took, at `values` */
    TODO_FUN_SIZE /* a closure is done: its size goes to n, see put_fun */
};
typedef struct {
    const term_t *at;
    const term_t *values;
    size_t n;
    unsigned kind;
} todo_t;

typedef struct {
    etf_out_t *o;
    const etf_options_t *opts;
    todo_t *top, *base, *end;
    todo_t first[48];
} encoder_t;

static COLD bool todo_grow(encoder_t *e) {
    size_t old = (size_t)(e->end - e->base), cap = old * 2;
    todo_t *t = mem_alloc(e->o->vm, cap * sizeof *t);
    if (!t) return false;
    memcpy(t, e->base, old * sizeof *t);
    if (e->base != e->first) mem_free(e->o->vm, e->base, old * sizeof *t);
    e->top = t + (e->top - e->base);
    e->base = t;
    e->end = t + cap;
    return true;
}
static inline bool todo(encoder_t *e, unsigned kind, const term_t *at, const term_t *values,
                        size_t n) {
    if (UNLIKELY(e->top == e->end) && !todo_grow(e)) return false;
    *e->top++ = (todo_t){at, values, n, kind};
    return true;
}

/* ---- leaves ---- */

static bool put_atom(etf_out_t *o, term_t atom, unsigned minor) {
    const atom_text_t *t = atom_text(o->vm, atom);
    uint8_t *b = out_room(o, 3 + (size_t)t->bytes), *start = b;
    if (!b) return false;
    if (t->latin1 && minor < 2) {
        *b++ = ETF_ATOM;
        b = put16(b, t->chars);
        if (t->chars == t->bytes) {
            memcpy(b, t->name, t->bytes);
            b += t->bytes;
        } else {
            for (size_t i = 0; i < t->bytes; i++) {
                uint8_t c = t->name[i];
                *b++ = c < 0x80 ? c : (uint8_t)(c << 6 | (t->name[++i] & 0x3f));
            }
        }
    } else {
        *b++ = t->bytes <= 255 ? ETF_SMALL_ATOM_UTF8 : ETF_ATOM_UTF8;
        if (t->bytes <= 255)
            *b++ = (uint8_t)t->bytes;
        else
            b = put16(b, t->bytes);
        memcpy(b, t->name, t->bytes);
        b += t->bytes;
    }
    o->len += (size_t)(b - start);
    return true;
}

/* A magnitude of n bytes, least significant first. */
static bool put_big(etf_out_t *o, const uint64_t *limbs, size_t n, bool negative) {
    uint8_t *b = out_room(o, 6 + n), *start = b;
    if (!b) return false;
    *b++ = n <= 255 ? ETF_SMALL_BIG : ETF_LARGE_BIG;
    if (n <= 255)
        *b++ = (uint8_t)n;
    else
        b = put32(b, (uint32_t)n);
    *b++ = negative;
    for (size_t i = 0; i < n; i++) *b++ = (uint8_t)(limbs[i / 8] >> (8 * (i & 7)));
    o->len += (size_t)(b - start);
    return true;
}
static size_t limb_bytes(uint64_t limb) { return (64 - (size_t)__builtin_clzll(limb) + 7) / 8; }

static bool put_small(etf_out_t *o, int64_t v) {
    if (v < INT32_MIN || v > INT32_MAX) {
        uint64_t m = v < 0 ? -(uint64_t)v : (uint64_t)v;
        return put_big(o, &m, limb_bytes(m), v < 0);
    }
    uint8_t *b = out_room(o, 5);
    if (!b) return false;
    if (v >= 0 && v <= 255) {
        b[0] = ETF_SMALL_INTEGER, b[1] = (uint8_t)v;
        o->len += 2;
    } else {
        b[0] = ETF_INTEGER;
        put32(b + 1, (uint32_t)v);
        o->len += 5;
    }
    return true;
}

/* Limbs of m * 10^n * 2^shift; returns how many. */
static mp_size_t scaled(mp_limb_t *r, uint64_t m, unsigned tens, unsigned shift) {
    mp_size_t n = 1;
    r[0] = m;
    for (; tens > 0;) {
        unsigned step = tens < 19 ? tens : 19;
        mp_limb_t f = 1;
        for (unsigned i = 0; i < step; i++) f *= 10;
        mp_limb_t carry = mpn_mul_1(r, r, n, f);
        if (carry) r[n++] = carry;
        tens -= step;
    }
    if (shift >= 64) {
        memmove(r + shift / 64, r, (size_t)n * sizeof *r);
        memset(r, 0, shift / 64 * sizeof *r);
        n += shift / 64;
        shift %= 64;
    }
    if (shift) {
        mp_limb_t carry = mpn_lshift(r, r, n, shift);
        if (carry) r[n++] = carry;
    }
    return n;
}

/* The float as printf's "%.20e" writes it, zeros behind up to 31 characters. Exact. */
static void float_text(double d, uint8_t out[31]) {
    enum { LIMBS = 48, DIGITS = 21 };
    unsigned __int128 digits = 0;
    const unsigned __int128 least = (unsigned __int128)10000000000u * 10000000000u; /* 10^20 */
    int exp10 = 0;
    if (d != 0) {
        int e2;
        uint64_t m = (uint64_t)ldexp(frexp(fabs(d), &e2), 53);
        e2 -= 53;
        exp10 = (int)floor(log10(fabs(d)));
        for (;;) { /* the guess may be one off */
            mp_limb_t num[LIMBS], den[LIMBS], quot[LIMBS], rem[LIMBS];
            int up = DIGITS - 1 - exp10;
            mp_size_t nn = scaled(num, m, up > 0 ? (unsigned)up : 0, e2 > 0 ? (unsigned)e2 : 0);
            mp_size_t dn = scaled(den, 1, up < 0 ? (unsigned)-up : 0, e2 < 0 ? (unsigned)-e2 : 0);
            digits = 0;
            if (nn >= dn) {
                mpn_tdiv_qr(quot, rem, 0, num, nn, den, dn);
                mp_size_t qn = nn - dn + 1;
                while (qn > 2 && quot[qn - 1] == 0) qn--;
                digits = quot[0] | (qn > 1 ? (unsigned __int128)quot[1] << 64 : 0);
                if (qn > 2) digits = 10 * least;
                mp_limb_t carry = mpn_lshift(rem, rem, dn, 1);
                int c = carry ? 1 : mpn_cmp(rem, den, dn);
                if (c > 0 || (c == 0 && (digits & 1))) digits++;
            }
            if (digits < least)
                exp10--;
            else if (digits >= 10 * least)
                exp10++;
            else
                break;
        }
    }
    char text[DIGITS];
    for (int i = DIGITS; i-- > 0; digits /= 10) text[i] = (char)('0' + (int)(digits % 10));
    memset(out, 0, 31);
    if (signbit(d)) *out++ = '-';
    *out++ = (uint8_t)text[0];
    *out++ = '.';
    memcpy(out, text + 1, DIGITS - 1);
    out += DIGITS - 1;
    *out++ = 'e';
    *out++ = exp10 < 0 ? '-' : '+';
    unsigned x = (unsigned)(exp10 < 0 ? -exp10 : exp10);
    if (x >= 100) *out++ = (uint8_t)('0' + x / 100);
    *out++ = (uint8_t)('0' + x / 10 % 10);
    *out++ = (uint8_t)('0' + x % 10);
}

static bool put_float(etf_out_t *o, double d, unsigned minor) {
    uint8_t *b = out_room(o, 32);
    if (!b) return false;
    if (minor == 0) {
        b[0] = ETF_FLOAT;
        float_text(d, b + 1);
        o->len += 32;
    } else {
        uint64_t bits;
        memcpy(&bits, &d, sizeof bits);
        b[0] = ETF_NEW_FLOAT;
        put32(put32(b + 1, (uint32_t)(bits >> 32)), (uint32_t)bits);
        o->len += 9;
    }
    return true;
}

static bool put_words(etf_out_t *o, const uint32_t *w, size_t n) {
    uint8_t *b = out_room(o, 4 * n);
    if (!b) return false;
    for (size_t i = 0; i < n; i++) b = put32(b, w[i]);
    o->len += 4 * n;
    return true;
}
static bool put_tag(etf_out_t *o, unsigned tag) {
    uint8_t *b = out_room(o, 1);
    if (!b) return false;
    *b = (uint8_t)tag;
    o->len++;
    return true;
}

static bool put_pid(etf_out_t *o, term_t t, unsigned minor) {
    uint32_t w[3] = {0};
    term_t node = A_nonode;
    if (is_local_pid(t)) {
        w[0] = pid_out_number(t), w[1] = pid_out_serial(t);
    } else {
        const ext_obj_t *x = (const ext_obj_t *)boxed_ptr(t);
        node = x->node;
        w[0] = x->id[0], w[1] = x->id[1], w[2] = x->creation;
    }
    return put_tag(o, ETF_NEW_PID) && put_atom(o, node, minor) && put_words(o, w, 3);
}

static bool put_port(etf_out_t *o, term_t t, unsigned minor) {
    uint64_t number;
    uint32_t creation = 0;
    term_t node = A_nonode;
    if (is_local_port(t)) {
        number = port_number(t);
    } else {
        const ext_obj_t *x = (const ext_obj_t *)boxed_ptr(t);
        node = x->node;
        number = x->id[0] | (uint64_t)x->id[1] << 32;
        creation = x->creation;
    }
    bool wide = number >= 1u << 28;
    uint32_t w[3] = {(uint32_t)(number >> 32), (uint32_t)number, creation};
    return put_tag(o, wide ? ETF_V4_PORT : ETF_NEW_PORT) && put_atom(o, node, minor) &&
           put_words(o, wide ? w : w + 1, wide ? 3 : 2);
}

static bool put_ref(etf_out_t *o, term_t t, unsigned minor) {
    uint32_t w[6] = {0};
    size_t n = 3;
    term_t node = A_nonode;
    if (is_local_ref(t)) {
        ref_id_to_words(ref_id(t), w + 1);
        if (boxed_type(t) == T_MAGIC_REF) magic_publish(((magic_ref_t *)boxed_ptr(t))->magic);
        term_t pid = boxed_type(t) == T_REF ? ((ref_obj_t *)boxed_ptr(t))->pid : 0;
        if (pid) w[4] = pid_slot(pid), w[5] = pid_serial(pid), n = 5;
    } else {
        const ext_obj_t *x = (const ext_obj_t *)boxed_ptr(t);
        node = x->node;
        w[0] = x->creation;
        n = x->count;
        memcpy(w + 1, x->id, n * sizeof *w);
    }
    uint8_t *b = out_room(o, 3);
    if (!b) return false;
    b[0] = ETF_NEWER_REFERENCE;
    put16(b + 1, (uint32_t)n);
    o->len += 3;
    return put_atom(o, node, minor) && put_words(o, w, n + 1);
}

/* Leaves n bytes of bin out of the output, to be put in by the caller. */
static bool put_cut(etf_out_t *o, term_t bin, size_t n) {
    if (o->ncuts == o->cuts_cap) {
        size_t old = o->cuts_cap * sizeof *o->cuts, cap = o->cuts_cap ? o->cuts_cap * 2 : 8;
        etf_cut_t *c = mem_realloc(o->vm, o->cuts, old, cap * sizeof *c);
        if (!c) return false;
        o->cuts = c;
        o->cuts_cap = cap;
    }
    o->cuts[o->ncuts++] = (etf_cut_t){o->len, bin, n};
    o->cut_bytes += n;
    return true;
}

static int put_bits(encoder_t *e, term_t t) {
    etf_out_t *o = e->o;
    bits_t bits;
    if (!bits_of(t, &bits)) return ETF_NO_MEMORY; /* cannot be */
    size_t bytes = bits.bit_size / 8, extra = bits.bit_size % 8;
    if (bytes + 1 > UINT32_MAX) return ETF_TOO_LARGE;
    term_t whole = boxed_type(t) == T_SUB_BIN ? ((sub_bin_t *)boxed_ptr(t))->orig : t;
    bool cut = e->opts->cut && bytes > HEAP_BIN_MAX && bits.bit_offset == 0 &&
               boxed_type(whole) == T_PROC_BIN;
    uint8_t *b = out_room(o, 6 + (cut ? 0 : bytes) + 1);
    if (!b) return ETF_NO_MEMORY;
    b[0] = extra ? ETF_BIT_BINARY : ETF_BINARY;
    uint8_t *q = put32(b + 1, (uint32_t)(bytes + (extra != 0)));
    if (extra) *q++ = (uint8_t)extra;
    o->len += (size_t)(q - b);
    if (cut) {
        if (!put_cut(o, t, bytes)) return ETF_NO_MEMORY;
    } else {
        if (bits.bit_offset == 0 && bytes <= COPY_PER_TICK)
            memcpy(q, bits.base, bytes);
        else if (!bits_copy_long(o->p, q, 0, bits.base, bits.bit_offset, bytes * 8))
            return ETF_STOPPED;
        q += bytes;
        o->len += bytes;
    }
    if (extra) {
        *q = (uint8_t)(bits_get64(bits.base, bits.bit_offset + bytes * 8, (unsigned)extra)
                       << (8 - extra));
        o->len++;
    }
    return ETF_OK;
}

/* ---- compound terms ---- */

static int put_list(encoder_t *e, term_t t) {
    etf_out_t *o = e->o;
    size_t chars = 0, n;
    term_t l = t;
    while (is_cons(l) && is_small(cons_head(l)) && (uint64_t)small_value(cons_head(l)) < 256 &&
           chars < 65536) {
        chars++;
        l = cons_tail(l);
    }
    if (is_nil(l) && chars < 65536) {
        uint8_t *b = out_room(o, 3 + chars);
        if (!b) return ETF_NO_MEMORY;
        *b = ETF_STRING;
        b = put16(b + 1, (uint32_t)chars);
        for (l = t; is_cons(l); l = cons_tail(l)) *b++ = (uint8_t)small_value(cons_head(l));
        o->len += 3 + chars;
        return ETF_OK;
    }
    for (n = chars; is_cons(l); l = cons_tail(l))
        if (BIF_TICK_EVERY(o->p, ++n, CELLS_PER_TICK, CELLS_PER_TICK / CELLS_PER_RED))
            return ETF_STOPPED;
    if (n > UINT32_MAX) return ETF_TOO_LARGE;
    uint8_t *b = out_room(o, 5);
    if (!b) return ETF_NO_MEMORY;
    *b = ETF_LIST;
    put32(b + 1, (uint32_t)n);
    o->len += 5;
    return todo(e, TODO_LIST, cons_ptr(t), NULL, n) ? ETF_OK : ETF_NO_MEMORY;
}

static bool put_tuple(encoder_t *e, term_t t) {
    size_t n = tuple_arity(t);
    uint8_t *b = out_room(e->o, 5);
    if (!b) return false;
    *b = n <= 255 ? ETF_SMALL_TUPLE : ETF_LARGE_TUPLE;
    if (n <= 255)
        b[1] = (uint8_t)n;
    else
        put32(b + 1, (uint32_t)n);
    e->o->len += n <= 255 ? 2 : 5;
    return n == 0 || todo(e, TODO_TERMS, tuple_elems(t), NULL, n);
}

static bool todo_node(encoder_t *e, term_t node) {
    const term_t *w = boxed_ptr(node);
    bool collision = header_type(w[0]) == T_TUPLE;
    return todo(e, TODO_NODE, w + (collision ? 1 : 2), NULL, header_size(w[0]) - !collision);
}

static int put_map(encoder_t *e, term_t t) {
    size_t n = map_size(t);
    uint8_t *b = out_room(e->o, 5);
    if (!b) return ETF_NO_MEMORY;
    *b = ETF_MAP;
    put32(b + 1, (uint32_t)n);
    e->o->len += 5;
    bool ok = true;
    if (n == 0) return ETF_OK;
    if (is_flat_map(t)) {
        ok = todo(e, TODO_FLAT, tuple_elems(flat_map_keys(t)), flat_map_values(t), 2 * n);
    } else if (!e->opts->deterministic) {
        ok = todo_node(e, boxed_ptr(t)[2]);
    } else {
        size_t bytes = 2 * n * sizeof(term_t);
        term_t *kv = mem_alloc(e->o->vm, bytes);
        if (!kv) return ETF_NO_MEMORY;
        bool sorted = map_sorted_pairs(e->o->vm, e->o->p, t, kv);
        if (!sorted || !todo(e, TODO_FREE, NULL, kv, bytes)) {
            mem_free(e->o->vm, kv, bytes);
            return sorted ? ETF_NO_MEMORY : ETF_STOPPED;
        }
        ok = todo(e, TODO_TERMS, kv, NULL, 2 * n);
    }
    return ok ? ETF_OK : ETF_NO_MEMORY;
}

static bool put_export(etf_out_t *o, term_t t, unsigned minor) {
    const export_t *x = (const export_t *)(uintptr_t)boxed_ptr(t)[1];
    return put_tag(o, ETF_EXPORT) && put_atom(o, x->module, minor) &&
           put_atom(o, x->function, minor) && put_small(o, x->arity);
}

/* The size field is filled in when the environment has been written. */
static bool put_fun(encoder_t *e, term_t t) {
    etf_out_t *o = e->o;
    unsigned minor = e->opts->minor_version;
    const fun_obj_t *f = (const fun_obj_t *)boxed_ptr(t);
    const fun_entry_t *x = f->entry;
    size_t nfree = fun_num_free(t);
    uint8_t *b = out_room(o, 30);
    if (!b) return false;
    size_t start = o->len + 1;
    /* OTP reckons with five bytes for each of the numbers, which take two if they are small. */
    if (e->opts->sizing) o->cut_bytes += 3 * (size_t)((x->old_index < 256) + (x->old_uniq < 256));
    *b = ETF_NEW_FUN;
    b = put32(b + 1, 0);
    *b++ = (uint8_t)x->arity;
    memcpy(b, x->uniq, 16);
    put32(put32(b + 16, x->index), (uint32_t)nfree);
    o->len += 30;
    if (!put_atom(o, x->module, minor) || !put_small(o, x->old_index) ||
        !put_small(o, x->old_uniq) || !put_pid(o, f->creator, minor))
        return false;
    return todo(e, TODO_FUN_SIZE, NULL, (const term_t *)(uintptr_t)o->cut_bytes, start) &&
           (nfree == 0 || todo(e, TODO_TERMS, f->env, NULL, nfree));
}

static int put_term(encoder_t *e, term_t t) {
    etf_out_t *o = e->o;
    unsigned minor = e->opts->minor_version;
    bool ok;
    if (is_small(t))
        ok = put_small(o, small_value(t));
    else if (is_atom(t))
        ok = put_atom(o, t, minor);
    else if (is_nil(t))
        ok = put_tag(o, ETF_NIL);
    else if (is_cons(t))
        return put_list(e, t);
    else if (is_local_pid(t))
        ok = put_pid(o, t, minor);
    else if (is_local_port(t))
        ok = put_port(o, t, minor);
    else {
        switch (boxed_type(t)) {
        case T_TUPLE: ok = put_tuple(e, t); break;
        case T_MAP:
        case T_HAMT: return put_map(e, t);
        case T_HEAP_BIN:
        case T_PROC_BIN:
        case T_SUB_BIN: return put_bits(e, t);
        case T_BIG_POS:
        case T_BIG_NEG: {
            size_t n = big_limbs(t), bytes = (n - 1) * 8 + limb_bytes(big_data(t)[n - 1]);
            if (bytes > UINT32_MAX) return ETF_TOO_LARGE;
            ok = put_big(o, big_data(t), bytes, big_is_neg(t));
            break;
        }
        case T_FLOAT: ok = put_float(o, float_value(t), minor); break;
        case T_EXT_PID: ok = put_pid(o, t, minor); break;
        case T_EXT_PORT: ok = put_port(o, t, minor); break;
        case T_REF:
        case T_MAGIC_REF:
        case T_EXT_REF: ok = put_ref(o, t, minor); break;
        case T_FUN: ok = put_fun(e, t); break;
        case T_EXPORT_FUN: ok = put_export(o, t, minor); break;
        default: ok = put_tag(o, ETF_NIL); break; /* a match context: no program sees one */
        }
    }
    return ok ? ETF_OK : ETF_NO_MEMORY;
}

/* Counts the commonest terms without writing them. false: put_term is to do it. */
static inline bool size_quickly(encoder_t *e, term_t t) {
    etf_out_t *o = e->o;
    size_t n;
    if (is_small(t)) {
        int64_t v = small_value(t);
        uint64_t m = v < 0 ? -(uint64_t)v : (uint64_t)v;
        n = (uint64_t)v < 256 ? 2 : v == (int32_t)v ? 5 : 3 + limb_bytes(m);
    } else if (is_nil(t)) {
        n = 1;
    } else if (is_atom(t)) {
        const atom_text_t *a = atom_text(o->vm, t);
        bool latin1 = a->latin1 && e->opts->minor_version < 2;
        n = latin1 ? 3 + (size_t)a->chars : 2 + (a->bytes > 255) + (size_t)a->bytes;
    } else if (is_cons(t)) {
        for (n = 3; is_cons(t) && is_small(cons_head(t)) && n < 1024; t = cons_tail(t), n++)
            if ((uint64_t)small_value(cons_head(t)) > 255) return false;
        if (!is_nil(t)) return false;
    } else {
        return false;
    }
    o->cut_bytes += n;
    return true;
}

#define TERMS_PER_RED 8

int etf_encode_out(etf_out_t *o, term_t t, const etf_options_t *opts) {
    encoder_t e = {.o = o, .opts = opts};
    e.top = e.base = e.first;
    e.end = e.first + sizeof e.first / sizeof *e.first;
    size_t terms = 0;
    int status = put_tag(o, ETF_VERSION) ? put_term(&e, t) : ETF_NO_MEMORY;
    while (status == ETF_OK && e.top > e.base) {
        todo_t *d = e.top - 1;
        if (BIF_TICK_EVERY(o->p, ++terms, 1024, 1024 / TERMS_PER_RED)) {
            status = ETF_STOPPED;
            break;
        }
        switch (d->kind) {
        case TODO_TERMS:
            t = *d->at++;
            if (--d->n == 0) e.top--;
            break;
        case TODO_LIST:
            if (d->n == 0) {
                t = d->at[1];
                e.top--;
            } else {
                t = d->at[0];
                if (--d->n > 0) d->at = cons_ptr(d->at[1]);
            }
            break;
        case TODO_FLAT:
            t = d->n & 1 ? *d->values++ : *d->at++;
            if (--d->n == 0) e.top--;
            break;
        case TODO_NODE:
            t = *d->at++;
            if (--d->n == 0) e.top--;
            bool ok = is_cons(t) ? todo(&e, TODO_TERMS, cons_ptr(t), NULL, 2) : todo_node(&e, t);
            if (!ok) status = ETF_NO_MEMORY;
            continue;
        case TODO_FREE:
            mem_free(o->vm, (void *)(uintptr_t)d->values, d->n);
            e.top--;
            continue;
        default: { /* TODO_FUN_SIZE */
            size_t from = d->n, cut = (size_t)(uintptr_t)d->values;
            put32(o->data + from, (uint32_t)(o->len - from + o->cut_bytes - cut));
            e.top--;
            continue;
        }
        }
        if (!opts->sizing || !size_quickly(&e, t)) status = put_term(&e, t);
    }
    while (e.top-- > e.base)
        if (e.top->kind == TODO_FREE) mem_free(o->vm, (void *)(uintptr_t)e.top->values, e.top->n);
    if (e.base != e.first) mem_free(o->vm, e.base, (size_t)(e.end - e.base) * sizeof *e.base);
    return status;
}

int etf_encode(vm_t *vm, term_t t, uint8_t **out, size_t *len, size_t *cap) {
    const etf_options_t opts = ETF_DEFAULTS;
    etf_out_t o;
    etf_out_init(&o, vm);
    int status = etf_encode_out(&o, t, &opts);
    if (status == ETF_OK && o.data == o.first) {
        o.cap = o.len;
        o.data = mem_alloc(vm, o.len);
        if (o.data)
            memcpy(o.data, o.first, o.len);
        else
            o.data = o.first, o.cap = sizeof o.first, status = ETF_NO_MEMORY;
    }
    if (status != ETF_OK) {
        etf_out_free(&o);
        return -1;
    }
    *out = o.data;
    *len = o.len;
    *cap = o.cap;
    return 0;
}
