/* etf.c: decoding of the external term format.
 *
 * Two passes over the bytes. The first checks everything and counts heap words; it needs no memory
 * and no stack: a count of terms still to come is enough, and each of them takes a byte, so sizes
 * that the input cannot hold are refused at once. The second builds the term in words that are
 * there already; the places still to be filled are chained through themselves. It can fail only for
 * lack of memory (shared binaries, large maps, new atoms).
 *
 * Relies on map.c, atom.c, code.c (funs), binary.c, arith.c (floats as text), zlib. Called by BIFs
 * and by the loader, which has no process.
 */
#include <zlib.h>
#include <math.h>
#include "vm/etf.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/map.h"
#include "vm/process.h"

typedef struct {
    const uint8_t *p, *end;
} reader_t;

static inline size_t left(const reader_t *r) { return (size_t)(r->end - r->p); }
static inline uint32_t get8(reader_t *r) { return *r->p++; }
static inline uint32_t get16(reader_t *r) {
    const uint8_t *b = r->p;
    r->p += 2;
    return (uint32_t)b[0] << 8 | b[1];
}
static inline uint32_t get32(reader_t *r) {
    const uint8_t *b = r->p;
    r->p += 4;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}
static inline uint64_t get64(reader_t *r) {
    uint64_t high = get32(r);
    return high << 32 | get32(r);
}

/* ---- parts both passes look at ---- */

/* An atom's text in the input. */
typedef struct {
    const uint8_t *s;
    size_t n;
    bool utf8;
} text_span_t;

/* Reads tag and text; false: no atom, or one that cannot be. */
static bool read_atom(reader_t *r, text_span_t *a) {
    if (left(r) < 2) return false;
    unsigned tag = get8(r);
    a->utf8 = tag == ETF_ATOM_UTF8 || tag == ETF_SMALL_ATOM_UTF8;
    if (tag == ETF_SMALL_ATOM || tag == ETF_SMALL_ATOM_UTF8) {
        a->n = get8(r);
    } else {
        if ((tag != ETF_ATOM && tag != ETF_ATOM_UTF8) || left(r) < 2) return false;
        a->n = get16(r);
    }
    if (left(r) < a->n) return false;
    a->s = r->p;
    r->p += a->n;
    return true;
}

static bool utf8_is_valid(const uint8_t *s, size_t n, size_t *chars) {
    size_t count = 0;
    for (size_t i = 0; i < n; count++) {
        uint8_t c = s[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t more = c >= 0xc2 && c < 0xe0   ? 1
                      : c >= 0xe0 && c < 0xf0 ? 2
                      : c >= 0xf0 && c < 0xf5 ? 3
                                              : 0;
        if (more == 0 || n - i <= more) return false;
        uint32_t u = c & (0x3f >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80) return false;
            u = u << 6 | (s[i + k] & 0x3f);
        }
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (u < least[more] || u > 0x10ffff || (u >= 0xd800 && u < 0xe000)) return false;
        i += more + 1;
    }
    *chars = count;
    return true;
}

static bool check_atom(reader_t *r, text_span_t *a) {
    size_t chars = 0;
    if (!read_atom(r, a)) return false;
    if (!a->utf8) return a->n <= ATOM_MAX_CHARS;
    return utf8_is_valid(a->s, a->n, &chars) && chars <= ATOM_MAX_CHARS;
}

/* The node and creation at the end of what names a thing of a node: is it this one? */
static bool is_this_node(vm_t *vm, const text_span_t *node, uint32_t creation) {
    const atom_text_t *t = atom_text(vm, A_nonode);
    return creation == 0 && node->n == t->bytes && memcmp(node->s, t->name, node->n) == 0;
}

/* A pid, port or reference. */
typedef struct {
    text_span_t node;
    uint32_t creation;
    uint32_t count;
    uint32_t id[5];
    bool local;
} thing_t;

/* What the forms before OTP 23 had room for. */
enum { OLD_CREATION_MAX = 3, OLD_REF_WORD_MAX = (1 << 18) - 1 };

static bool read_creation(reader_t *r, bool old, uint32_t *creation) {
    if (left(r) < (old ? 1u : 4u)) return false;
    *creation = old ? get8(r) : get32(r);
    return !old || *creation <= OLD_CREATION_MAX;
}

static bool read_pid(vm_t *vm, reader_t *r, unsigned tag, thing_t *t) {
    if (!check_atom(r, &t->node) || left(r) < 8) return false;
    t->count = 2;
    t->id[0] = get32(r);
    t->id[1] = get32(r);
    if (!read_creation(r, tag == ETF_PID, &t->creation)) return false;
    t->local = is_this_node(vm, &t->node, t->creation);
    return !t->local || proc_pid_from(vm, t->id[0], t->id[1]) != TERM_NONE;
}

static bool read_port(vm_t *vm, reader_t *r, unsigned tag, thing_t *t) {
    if (!check_atom(r, &t->node) || left(r) < (tag == ETF_V4_PORT ? 8u : 4u)) return false;
    uint64_t number = tag == ETF_V4_PORT ? get64(r) : get32(r);
    t->count = 2;
    t->id[0] = (uint32_t)number;
    t->id[1] = (uint32_t)(number >> 32);
    if (!read_creation(r, tag == ETF_PORT, &t->creation)) return false;
    t->local = is_this_node(vm, &t->node, t->creation);
    return !t->local || number < 1ull << PORT_NUMBER_BITS;
}

static bool read_ref(vm_t *vm, reader_t *r, unsigned tag, thing_t *t) {
    t->count = 1;
    if (tag != ETF_REFERENCE) {
        if (left(r) < 2) return false;
        t->count = get16(r);
    }
    if (t->count > 5 || (t->count == 0 && tag != ETF_NEWER_REFERENCE) || !check_atom(r, &t->node))
        return false;
    if (tag != ETF_REFERENCE && !read_creation(r, tag == ETF_NEW_REFERENCE, &t->creation))
        return false;
    if (left(r) < 4 * t->count) return false;
    memset(t->id, 0, sizeof t->id);
    for (uint32_t i = 0; i < t->count; i++) t->id[i] = get32(r);
    if (tag == ETF_REFERENCE && !read_creation(r, true, &t->creation)) return false;
    if (tag != ETF_NEWER_REFERENCE && t->id[0] > OLD_REF_WORD_MAX) return false;
    t->local = is_this_node(vm, &t->node, t->creation);
    if (!t->local) return true;
    /* Of more bits than ours have: not one of this node's, but a reference all the same. */
    uint64_t id;
    if (t->count <= 3 && t->id[0] <= 0x3ffff && !ref_id_from_words(t->id, &id)) {
        t->local = false;
        return true;
    }
    return t->count != 4 && ref_id_from_words(t->id, &id) && t->id[3] < 1u << PID_SLOT_BITS &&
           t->id[4] < 1u << PID_SERIAL_BITS;
}

/* An integer of 32 bits at most, as funs have them. */
static bool read_int32(reader_t *r, uint32_t *v) {
    if (left(r) >= 2 && r->p[0] == ETF_SMALL_INTEGER) {
        *v = r->p[1];
        r->p += 2;
        return true;
    }
    if (left(r) >= 5 && r->p[0] == ETF_INTEGER) {
        r->p++;
        *v = get32(r);
        return true;
    }
    /* A positive one with the top bit set. */
    if (left(r) < 7 || r->p[0] != ETF_SMALL_BIG || r->p[1] != 4 || r->p[2] != 0) return false;
    r->p += 3;
    *v = __builtin_bswap32(get32(r));
    return true;
}

typedef struct {
    uint32_t arity, index, num_free, old_index, old_uniq;
    const uint8_t *uniq;
    text_span_t module;
    thing_t pid;
} fun_head_t;

static bool read_fun_head(vm_t *vm, reader_t *r, fun_head_t *f) {
    if (left(r) < 4 + 1 + 16 + 4 + 4) return false;
    r->p += 4; /* size in bytes: not needed */
    f->arity = get8(r);
    f->uniq = r->p;
    r->p += 16;
    f->index = get32(r);
    f->num_free = get32(r);
    if (!check_atom(r, &f->module) || !read_int32(r, &f->old_index) ||
        !read_int32(r, &f->old_uniq) || left(r) == 0)
        return false;
    unsigned tag = get8(r);
    return (tag == ETF_PID || tag == ETF_NEW_PID) && read_pid(vm, r, tag, &f->pid);
}

typedef struct {
    text_span_t module, function;
    uint32_t arity;
} export_head_t;

static bool read_export(reader_t *r, export_head_t *e) {
    return check_atom(r, &e->module) && check_atom(r, &e->function) && read_int32(r, &e->arity) &&
           e->arity <= 255;
}

/* Magnitude of a bignum: its bytes without leading zeros, least significant first. */
typedef struct {
    const uint8_t *s;
    size_t n;
    bool negative;
} magnitude_t;

static bool read_big(reader_t *r, unsigned tag, magnitude_t *m) {
    if (left(r) < (tag == ETF_LARGE_BIG ? 5u : 2u)) return false;
    m->n = tag == ETF_LARGE_BIG ? get32(r) : get8(r);
    m->negative = get8(r) != 0;
    if (left(r) < m->n) return false;
    m->s = r->p;
    r->p += m->n;
    while (m->n > 0 && m->s[m->n - 1] == 0) m->n--;
    return true;
}

static bool magnitude_is_small(const magnitude_t *m, int64_t *v) {
    if (m->n > 8) return false;
    uint64_t u = 0;
    for (size_t i = m->n; i-- > 0;) u = u << 8 | m->s[i];
    if (u > (uint64_t)SMALL_MAX + m->negative) return false;
    *v = m->negative ? -(int64_t)u : (int64_t)u;
    return true;
}

/* A float as 31 characters: Erlang's syntax, a sign allowed, zeros behind. */
static bool read_float_text(reader_t *r, double *d) {
    enum { CHARS = 31 };
    if (left(r) < CHARS) return false;
    char s[CHARS + 1];
    memcpy(s, r->p, CHARS);
    s[CHARS] = 0;
    r->p += CHARS;
    const char *text = s + (s[0] == '-' || s[0] == '+');
    char *comma = strchr(s, ',');
    if (comma) *comma = '.';
    size_t n = strlen(text);
    bool overflow = false;
    if (s + CHARS == text + n) return false; /* the text must end within the field */
    if (*text < '0' || *text > '9' || text_to_float(text, n, d, &overflow) != n || overflow)
        return false;
    if (s[0] == '-') *d = -*d;
    return isfinite(*d);
}

static bool read_float(reader_t *r, double *d) {
    if (left(r) < 8) return false;
    uint64_t bits = get64(r);
    memcpy(d, &bits, sizeof *d);
    return isfinite(*d);
}

/* ---- the first pass ---- */

/* Terms looked at per reduction, and between ticks. */
#define TERMS_PER_RED   16
#define TERMS_PER_TICK  2048
#define TERM_TICK(p, n) BIF_TICK_EVERY(p, n, TERMS_PER_TICK, TERMS_PER_TICK / TERMS_PER_RED)

/* p: gives way meanwhile, or NULL; -1 also when it stopped. */
static int64_t body_size(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, size_t *used) {
    reader_t r = {b, b + n};
    size_t words = 0, pending = 1, terms = 0;
    do {
        if (left(&r) == 0 || TERM_TICK(p, ++terms)) return -1;
        pending--;
        unsigned tag = get8(&r);
        switch (tag) {
        case ETF_SMALL_INTEGER:
            if (left(&r) < 1) return -1;
            r.p++;
            break;
        case ETF_INTEGER:
            if (left(&r) < 4) return -1;
            r.p += 4;
            break;
        case ETF_SMALL_BIG:
        case ETF_LARGE_BIG: {
            magnitude_t m;
            int64_t v;
            if (!read_big(&r, tag, &m)) return -1;
            if (!magnitude_is_small(&m, &v)) words += 1 + (m.n + 7) / 8;
            break;
        }
        case ETF_NEW_FLOAT:
        case ETF_FLOAT: {
            double d;
            if (!(tag == ETF_FLOAT ? read_float_text(&r, &d) : read_float(&r, &d))) return -1;
            words += FLOAT_WORDS;
            break;
        }
        case ETF_ATOM:
        case ETF_SMALL_ATOM:
        case ETF_ATOM_UTF8:
        case ETF_SMALL_ATOM_UTF8: {
            text_span_t a;
            r.p--;
            if (!check_atom(&r, &a)) return -1;
            break;
        }
        case ETF_SMALL_TUPLE:
        case ETF_LARGE_TUPLE: {
            if (left(&r) < (tag == ETF_SMALL_TUPLE ? 1u : 4u)) return -1;
            size_t arity = tag == ETF_SMALL_TUPLE ? get8(&r) : get32(&r);
            words += 1 + arity;
            pending += arity;
            break;
        }
        case ETF_NIL: break;
        case ETF_STRING: {
            if (left(&r) < 2) return -1;
            size_t chars = get16(&r);
            if (left(&r) < chars) return -1;
            r.p += chars;
            words += 2 * chars;
            break;
        }
        case ETF_LIST: {
            if (left(&r) < 4) return -1;
            size_t len = get32(&r);
            words += 2 * len;
            pending += len + 1;
            break;
        }
        case ETF_BINARY:
        case ETF_BIT_BINARY: {
            bool bits = tag == ETF_BIT_BINARY;
            if (left(&r) < 4u + bits) return -1;
            size_t size = get32(&r);
            unsigned last = bits ? get8(&r) : 8;
            if (last > 8 || left(&r) < size || (bits && (size == 0) != (last == 0))) return -1;
            r.p += size;
            words += size > HEAP_BIN_MAX ? PROC_BIN_WORDS : HEAP_BIN_WORDS(size);
            if (last < 8 && size > 0) words += SUB_BIN_WORDS;
            break;
        }
        case ETF_MAP: {
            if (left(&r) < 4) return -1;
            size_t size = get32(&r);
            words += size > MAP_FLAT_MAX ? HAMT_WORDS_MAX(size) : FLAT_MAP_WORDS(size);
            pending += 2 * size;
            break;
        }
        case ETF_PID:
        case ETF_NEW_PID: {
            thing_t t;
            if (!read_pid(vm, &r, tag, &t)) return -1;
            if (!t.local) words += EXT_WORDS(2);
            break;
        }
        case ETF_PORT:
        case ETF_NEW_PORT:
        case ETF_V4_PORT: {
            thing_t t;
            if (!read_port(vm, &r, tag, &t)) return -1;
            if (!t.local) words += EXT_WORDS(2);
            break;
        }
        case ETF_REFERENCE:
        case ETF_NEW_REFERENCE:
        case ETF_NEWER_REFERENCE: {
            thing_t t;
            if (!read_ref(vm, &r, tag, &t)) return -1;
            words += t.local ? MAGIC_REF_WORDS : EXT_WORDS(t.count);
            break;
        }
        case ETF_EXPORT: {
            export_head_t e;
            if (!read_export(&r, &e)) return -1;
            words += 2;
            break;
        }
        case ETF_NEW_FUN: {
            fun_head_t f;
            if (!read_fun_head(vm, &r, &f)) return -1;
            words += FUN_WORDS((size_t)f.num_free) + (f.pid.local ? 0 : EXT_WORDS(2));
            pending += f.num_free;
            break;
        }
        default: return -1;
        }
        /* Each term takes at least a byte. */
        if (pending > left(&r)) return -1;
    } while (pending > 0);
    *used = (size_t)(r.p - b);
    return (int64_t)words;
}

/* ---- the second pass ---- */

/* A map whose pairs are being read. */
typedef struct {
    term_t *words; /* flat: keys tuple, then the map; large: its cells */
    size_t size;
    term_t *slot;   /* where the map itself goes */
    uintptr_t next; /* place to fill after it */
} open_map_t;

typedef struct {
    vm_t *vm;
    proc_t *p; /* gives way meanwhile, or NULL */
    size_t terms;
    reader_t r;
    term_t *hp;
    off_heap_t **off;
    unsigned flags;
    bool no_memory;
    open_map_t *maps;
    size_t nmaps, maps_cap;
    open_map_t first[8];
} decoder_t;

/* Instead of a place: the innermost open map has all its pairs. */
#define MAP_END ((uintptr_t)1)

static term_t decode_atom(decoder_t *d, const text_span_t *a) {
    uint8_t utf8[2 * ATOM_MAX_CHARS];
    const uint8_t *s = a->s;
    size_t n = a->n;
    if (!a->utf8) {
        size_t i = 0;
        while (i < n && s[i] < 0x80) i++;
        if (i < n) {
            memcpy(utf8, s, i);
            size_t k = i;
            for (; i < n; i++) {
                if (s[i] >= 0x80) utf8[k++] = (uint8_t)(0xc0 | s[i] >> 6);
                utf8[k++] = s[i] < 0x80 ? s[i] : (uint8_t)(0x80 | (s[i] & 0x3f));
            }
            s = utf8;
            n = k;
        }
    }
    if (d->flags & ETF_SAFE) return atom_find(d->vm, s, n);
    term_t t = atom_intern(d->vm, s, n);
    if (t == TERM_NONE) d->no_memory = true;
    return t;
}

static term_t decode_thing(decoder_t *d, const thing_t *t, unsigned type) {
    if (t->local) {
        if (type == T_EXT_PID) return proc_pid_from(d->vm, t->id[0], t->id[1]);
        if (type == T_EXT_PORT) return make_port(t->id[0] | (uint64_t)t->id[1] << 32);
        uint64_t id = 0;
        ref_id_from_words(t->id, &id);
        magic_t *m = t->count == 3 ? magic_find(d->vm, id) : NULL;
        if (m) {
            term_t *at = d->hp;
            d->hp += MAGIC_REF_WORDS;
            return magic_ref_outside(at, m, d->off);
        }
        return make_ref(&d->hp, id, t->count == 5 ? make_pid(t->id[3], t->id[4]) : 0);
    }
    term_t node = decode_atom(d, &t->node);
    if (node == TERM_NONE) return TERM_NONE;
    ext_obj_t *e = (ext_obj_t *)d->hp;
    size_t words = EXT_WORDS(t->count);
    e->header = make_header(type, words - 1);
    e->node = node;
    e->creation = t->creation;
    e->count = t->count;
    memcpy(e->id, t->id, t->count * sizeof *t->id);
    if (t->count & 1) e->id[t->count] = 0;
    d->hp += words;
    return make_boxed(e);
}

static term_t decode_binary(decoder_t *d, const uint8_t *s, size_t size, unsigned last) {
    term_t bin;
    if (size <= HEAP_BIN_MAX) {
        uint8_t *to;
        bin = heap_bin_at(d->hp, size, &to);
        memcpy(to, s, size);
        d->hp += HEAP_BIN_WORDS(size);
    } else {
        shared_bin_t *sb = shared_bin_new(d->vm, size);
        if (!sb) {
            d->no_memory = true;
            return TERM_NONE;
        }
        if (!bits_copy_long(d->p, sb->data, 0, s, 0, size * 8)) {
            shared_bin_release(sb);
            return TERM_NONE;
        }
        bin = proc_bin_outside(d->hp, sb, d->off);
        d->hp += PROC_BIN_WORDS;
    }
    if (size == 0 || last == 8) return bin;
    sub_bin_t *sub = (sub_bin_t *)d->hp;
    sub->header = make_header(T_SUB_BIN, SUB_BIN_WORDS - 1);
    sub->bit_offset = make_small(0);
    sub->bit_size = make_small((int64_t)((size - 1) * 8 + last));
    sub->orig = bin;
    d->hp += SUB_BIN_WORDS;
    return make_boxed(sub);
}

static term_t decode_big(decoder_t *d, const magnitude_t *m) {
    int64_t v;
    if (magnitude_is_small(m, &v)) return make_small(v);
    size_t limbs = (m->n + 7) / 8;
    term_t *p = d->hp;
    p[0] = make_header(m->negative ? T_BIG_NEG : T_BIG_POS, limbs);
    for (size_t i = 0; i < limbs; i++) {
        uint64_t limb = 0;
        size_t part = m->n - 8 * i < 8 ? m->n - 8 * i : 8;
        for (size_t k = part; k-- > 0;) limb = limb << 8 | m->s[8 * i + k];
        p[1 + i] = limb;
    }
    d->hp += 1 + limbs;
    return make_boxed(p);
}

static term_t decode_export(decoder_t *d) {
    export_head_t h;
    read_export(&d->r, &h);
    term_t m = decode_atom(d, &h.module), f = decode_atom(d, &h.function);
    if (m == TERM_NONE || f == TERM_NONE) return TERM_NONE;
    export_t *e;
    if (d->flags & ETF_SAFE) {
        e = export_find(d->vm, m, f, h.arity);
        if (e == NULL || !export_is_defined(e)) return TERM_NONE;
    } else if (!(e = export_get(d->vm, m, f, h.arity))) {
        d->no_memory = true;
        return TERM_NONE;
    }
    term_t *p = d->hp;
    d->hp += 2;
    p[0] = make_header(T_EXPORT_FUN, 1);
    p[1] = (term_t)(uintptr_t)e;
    return make_boxed(p);
}

/* All of a closure but its environment, which *env points to. */
static term_t decode_fun(decoder_t *d, term_t **env, size_t *num_free) {
    fun_head_t h;
    read_fun_head(d->vm, &d->r, &h);
    term_t m = decode_atom(d, &h.module);
    term_t pid = decode_thing(d, &h.pid, T_EXT_PID);
    if (m == TERM_NONE || pid == TERM_NONE) return TERM_NONE;
    fun_entry_t *e =
        fun_entry_get(d->vm, m, h.uniq, h.index, h.old_uniq, h.old_index, h.arity, h.num_free);
    if (!e) {
        d->no_memory = true;
        return TERM_NONE;
    }
    /* Code that would find another environment than it was compiled for must not run. */
    if (e->arity != h.arity || e->num_free != h.num_free) return TERM_NONE;
    fun_obj_t *f = (fun_obj_t *)d->hp;
    f->header = make_header(T_FUN, FUN_WORDS((size_t)h.num_free) - 1);
    f->entry = e;
    f->creator = pid;
    *env = f->env;
    *num_free = h.num_free;
    d->hp += FUN_WORDS((size_t)h.num_free);
    return make_boxed(f);
}

/* Chains n places, the last one to *next, which becomes the first. false: stopped. */
static inline bool chain(decoder_t *d, term_t *place, size_t n, uintptr_t *next) {
    if (n == 0) return true;
    for (size_t i = 0; i + 1 < n; i++) {
        place[i] = (uintptr_t)(place + i + 1);
        if (TERM_TICK(d->p, i + 1)) return false;
    }
    place[n - 1] = *next;
    *next = (uintptr_t)place;
    return true;
}

static bool open_map(decoder_t *d, size_t size, term_t *slot, uintptr_t *next) {
    if (d->nmaps == d->maps_cap) {
        size_t cap = d->maps_cap * 2;
        open_map_t *m = mem_alloc(d->vm, cap * sizeof *m);
        if (!m) {
            d->no_memory = true;
            return false;
        }
        memcpy(m, d->maps, d->nmaps * sizeof *m);
        if (d->maps != d->first) mem_free(d->vm, d->maps, d->maps_cap * sizeof *m);
        d->maps = m;
        d->maps_cap = cap;
    }
    open_map_t *m = &d->maps[d->nmaps++];
    *m = (open_map_t){.words = d->hp, .size = size, .slot = slot, .next = *next};
    if (size > MAP_FLAT_MAX) {
        term_t *cells = d->hp; /* key, value, key ... stand in a row */
        *next = MAP_END;
        d->hp += 2 * size;
        return chain(d, cells, 2 * size, next);
    }
    term_t *keys = d->hp + 1, *values = d->hp + size + 3;
    *next = (uintptr_t)keys;
    for (size_t i = 0; i < size; i++) {
        keys[i] = (uintptr_t)(values + i);
        values[i] = i + 1 < size ? (uintptr_t)(keys + i + 1) : MAP_END;
    }
    d->hp += FLAT_MAP_WORDS(size);
    return true;
}

/* Finishes the innermost map; false: a key is there twice, or no memory. */
static bool close_map(decoder_t *d, uintptr_t *next) {
    open_map_t *m = &d->maps[--d->nmaps];
    size_t n = m->size;
    *next = m->next;
    if (n > MAP_FLAT_MAX) {
        bool no_memory;
        *m->slot = hamt_from_cells(d->vm, d->p, m->words, n, &d->hp, &no_memory);
        d->no_memory |= no_memory;
        return *m->slot != TERM_NONE;
    }
    term_t *keys = m->words, *map = keys + n + 1;
    if (!map_sort_flat(d->vm, keys + 1, map + 2, n)) return false;
    keys[0] = make_header(T_TUPLE, n);
    map[0] = make_header(T_MAP, n + 1);
    map[1] = make_boxed(keys);
    *m->slot = make_boxed(map);
    return true;
}

static term_t body_build(decoder_t *d) {
    reader_t *r = &d->r;
    term_t result = 0;
    uintptr_t next = (uintptr_t)&result;
    for (;;) {
        while (UNLIKELY(next == MAP_END))
            if (!close_map(d, &next)) return TERM_NONE;
        if (next == 0) return result;
        if (TERM_TICK(d->p, ++d->terms)) return TERM_NONE;
        term_t *slot = (term_t *)next;
        term_t t;
        next = *slot;
        unsigned tag = get8(r);
        switch (tag) {
        case ETF_SMALL_INTEGER: t = make_small(get8(r)); break;
        case ETF_INTEGER: t = make_small((int32_t)get32(r)); break;
        case ETF_SMALL_BIG:
        case ETF_LARGE_BIG: {
            magnitude_t m;
            read_big(r, tag, &m);
            t = decode_big(d, &m);
            break;
        }
        case ETF_NEW_FLOAT:
        case ETF_FLOAT: {
            double v = 0;
            if (tag == ETF_FLOAT)
                read_float_text(r, &v);
            else
                read_float(r, &v);
            t = make_float(&d->hp, v);
            break;
        }
        case ETF_ATOM:
        case ETF_SMALL_ATOM:
        case ETF_ATOM_UTF8:
        case ETF_SMALL_ATOM_UTF8: {
            text_span_t a;
            r->p--;
            read_atom(r, &a);
            t = decode_atom(d, &a);
            break;
        }
        case ETF_SMALL_TUPLE:
        case ETF_LARGE_TUPLE: {
            size_t arity = tag == ETF_SMALL_TUPLE ? get8(r) : get32(r);
            term_t *p = d->hp;
            d->hp += 1 + arity;
            p[0] = make_header(T_TUPLE, arity);
            if (!chain(d, p + 1, arity, &next)) return TERM_NONE;
            t = make_boxed(p);
            break;
        }
        case ETF_NIL: t = TERM_NIL; break;
        case ETF_STRING: {
            size_t chars = get16(r);
            term_t *p = d->hp;
            t = chars ? make_cons(p) : TERM_NIL;
            for (size_t i = 0; i < chars; i++, p += 2) {
                p[0] = make_small(r->p[i]);
                p[1] = make_cons(p + 2);
            }
            if (chars) p[-1] = TERM_NIL;
            d->hp = p;
            r->p += chars;
            break;
        }
        case ETF_LIST: {
            size_t len = get32(r);
            if (len == 0) { /* what follows is the term itself */
                *slot = next;
                next = (uintptr_t)slot;
                continue;
            }
            term_t *p = d->hp, *last = p + 2 * (len - 1);
            d->hp += 2 * len;
            for (term_t *c = p; c < last; c += 2) {
                c[0] = (uintptr_t)(c + 2);
                c[1] = make_cons(c + 2);
                if (TERM_TICK(d->p, (size_t)(c - p) / 2 + 1)) return TERM_NONE;
            }
            last[0] = (uintptr_t)(last + 1);
            last[1] = next;
            next = (uintptr_t)p;
            t = make_cons(p);
            break;
        }
        case ETF_BINARY:
        case ETF_BIT_BINARY: {
            size_t size = get32(r);
            unsigned last = tag == ETF_BIT_BINARY ? get8(r) : 8;
            t = decode_binary(d, r->p, size, last);
            r->p += size;
            break;
        }
        case ETF_MAP: {
            size_t size = get32(r);
            if (size > 0) {
                if (!open_map(d, size, slot, &next)) return TERM_NONE;
                continue;
            }
            term_t *p = d->hp;
            d->hp += FLAT_MAP_WORDS(0);
            p[0] = make_header(T_TUPLE, 0);
            p[1] = make_header(T_MAP, 1);
            p[2] = make_boxed(p);
            t = make_boxed(p + 1);
            break;
        }
        case ETF_PID:
        case ETF_NEW_PID: {
            thing_t x;
            read_pid(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_PID);
            break;
        }
        case ETF_PORT:
        case ETF_NEW_PORT:
        case ETF_V4_PORT: {
            thing_t x;
            read_port(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_PORT);
            break;
        }
        case ETF_REFERENCE:
        case ETF_NEW_REFERENCE:
        case ETF_NEWER_REFERENCE: {
            thing_t x;
            read_ref(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_REF);
            break;
        }
        case ETF_EXPORT: t = decode_export(d); break;
        default: { /* ETF_NEW_FUN: the first pass let nothing else through */
            term_t *env = NULL;
            size_t num_free = 0;
            t = decode_fun(d, &env, &num_free);
            if (t != TERM_NONE && !chain(d, env, num_free, &next)) return TERM_NONE;
            break;
        }
        }
        if (UNLIKELY(t == TERM_NONE)) return TERM_NONE;
        *slot = t;
    }
}

static term_t body_decode(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, unsigned flags,
                          term_t **hp, off_heap_t **off, bool *no_memory) {
    decoder_t d = {.vm = vm, .p = p, .r = {b, b + n}, .hp = *hp, .flags = flags};
    off_heap_t *list = NULL;
    d.off = &list;
    d.maps = d.first;
    d.maps_cap = sizeof d.first / sizeof *d.first;
    term_t t = body_build(&d);
    if (d.maps != d.first) mem_free(vm, d.maps, d.maps_cap * sizeof *d.maps);
    *no_memory = d.no_memory;
    if (t == TERM_NONE) {
        off_heap_release(vm, list);
        return TERM_NONE;
    }
    *hp = d.hp;
    if (list) {
        off_heap_t *last = list;
        while (last->next) last = last->next;
        last->next = *off;
        *off = list;
    }
    return t;
}

/* ---- compressed terms ---- */

/* What zlib allocates, with the size in front: our allocator wants to be told. */
static voidpf zlib_alloc(voidpf vm, uInt items, uInt size) {
    size_t bytes = (size_t)items * size + 16;
    uint64_t *p = mem_alloc(vm, bytes);
    if (!p) return NULL;
    p[0] = bytes;
    return p + 2;
}
static void zlib_free(voidpf vm, voidpf q) {
    uint64_t *p = (uint64_t *)q - 2;
    mem_free(vm, p, p[0]);
}

typedef struct {
    const uint8_t *b; /* the term's bytes, without version */
    size_t n;
    uint8_t *buffer; /* to release, or NULL */
    size_t cap;
    size_t packed; /* bytes the compressed form took, heading included; 0: not compressed */
} body_t;

/* Bytes of output between ticks, and per reduction. */
#define INFLATE_PER_TICK 32768
#define INFLATE_PER_RED  128

/* Output grows with what really comes out, whatever size the heading promises. */
static bool body_inflate(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, body_t *body,
                         bool *no_memory) {
    reader_t r = {b, b + n};
    if (left(&r) < 6) return false;
    r.p += 2;
    size_t size = get32(&r), in = left(&r);
    if (in > UINT32_MAX) in = UINT32_MAX;
    if (size / 1100 > in) return false; /* deflate makes it 1032 times smaller at best */
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free, .opaque = vm};
    z.next_in = (Bytef *)(uintptr_t)r.p;
    z.avail_in = (uInt)in;
    if (inflateInit(&z) != Z_OK) {
        *no_memory = true;
        return false;
    }
    size_t cap = size < 4096 ? size : in * 4 < 4096 ? 4096 : in * 4;
    if (cap > size) cap = size;
    cap += 1; /* notices a byte too many */
    uint8_t *out = mem_alloc(vm, cap);
    int status = out ? Z_OK : Z_MEM_ERROR;
    while (status == Z_OK) {
        z.next_out = out + z.total_out;
        size_t room = cap - z.total_out;
        z.avail_out = room > INFLATE_PER_TICK ? INFLATE_PER_TICK : (uInt)room;
        if (p && bif_tick(p, z.avail_out / INFLATE_PER_RED)) break;
        status = inflate(&z, Z_NO_FLUSH);
        if (status != Z_OK || z.total_out < cap) {
            if (status == Z_OK && z.avail_in == 0 && z.avail_out > 0) status = Z_DATA_ERROR;
            continue;
        }
        if (cap > size) break; /* more than promised */
        size_t more = cap * 2 > size + 1 ? size + 1 : cap * 2;
        uint8_t *bigger = mem_realloc(vm, out, cap, more);
        if (!bigger) {
            status = Z_MEM_ERROR;
            break;
        }
        out = bigger;
        cap = more;
    }
    bool ok = status == Z_STREAM_END && z.total_out == size;
    *no_memory |= status == Z_MEM_ERROR;
    *body = (body_t){.b = out, .n = size, .buffer = out, .cap = cap, .packed = 6 + z.total_in};
    inflateEnd(&z);
    if (!ok && out) mem_free(vm, out, cap);
    return ok;
}

/* Checks the version byte and finds the term's own bytes. */
static bool body_open(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, body_t *body,
                      bool *no_memory) {
    *no_memory = false;
    if (n < 2 || b[0] != ETF_VERSION) return false;
    if (b[1] == ETF_COMPRESSED) return body_inflate(vm, p, b, n, body, no_memory);
    *body = (body_t){.b = b + 1, .n = n - 1};
    return true;
}
static void body_close(vm_t *vm, body_t *body) {
    if (body->buffer) mem_free(vm, body->buffer, body->cap);
}
static int64_t body_measure(vm_t *vm, proc_t *p, const body_t *body, size_t *used) {
    size_t taken = 0;
    int64_t words = body_size(vm, p, body->b, body->n, &taken);
    if (used) *used = body->packed ? body->packed : taken + 1;
    return words;
}

int64_t etf_decoded_size(vm_t *vm, const uint8_t *b, size_t n, size_t *used) {
    body_t body;
    bool no_memory;
    if (!body_open(vm, NULL, b, n, &body, &no_memory)) return -1;
    int64_t words = body_measure(vm, NULL, &body, used);
    body_close(vm, &body);
    return words;
}

term_t etf_decode(vm_t *vm, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                  off_heap_t **off) {
    body_t body;
    bool no_memory;
    if (!body_open(vm, NULL, b, n, &body, &no_memory)) return TERM_NONE;
    term_t t = body_decode(vm, NULL, body.b, body.n, flags, hp, off, &no_memory);
    body_close(vm, &body);
    return t;
}

static term_t decode_to(proc_t *p, proc_t *tick, const uint8_t *b, size_t n, unsigned flags,
                        size_t *used, bool *no_memory) {
    body_t body;
    if (!body_open(p->vm, tick, b, n, &body, no_memory)) return TERM_NONE;
    term_t t = TERM_NONE;
    int64_t words = body_measure(p->vm, tick, &body, used);
    /* A long BIF begins again before it takes much memory. */
    if (words >= 0 && !(tick && bif_begin(tick, (size_t)words / TERMS_PER_RED))) {
        term_t *hp = heap_alloc(p, (size_t)words);
        off_heap_t *old = p->off_heap;
        if (hp) {
            term_t *start = hp, *end = hp + words;
            t = body_decode(p->vm, tick, body.b, body.n, flags, &hp, &p->off_heap, no_memory);
            heap_release(p, t == TERM_NONE ? start : hp, end);
            for (off_heap_t *o = p->off_heap; o != old; o = o->next)
                if (header_type(o->header) == T_PROC_BIN) p->vheap += ((proc_bin_t *)o)->size;
        } else {
            *no_memory = true;
        }
    }
    body_close(p->vm, &body);
    return t;
}

term_t etf_decode_to(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used) {
    bool no_memory;
    return decode_to(p, NULL, b, n, flags, used, &no_memory);
}
term_t etf_decode_heap(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used,
                       bool *no_memory) {
    return decode_to(p, p, b, n, flags, used, no_memory);
}
