/* etf_read.c: the first pass over the bytes of an external term: checks everything and counts heap
 * words.
 *
 * It needs no memory and no stack: a count of terms still to come is enough, and each of them takes
 * a byte, so sizes that the input cannot hold are refused at once. Relies on the atom table and
 * the process table (is it a pid of this node?) and on arith.h (floats as text).
 */
#include <math.h>
#include "vm/etf_read.h"
#include "vm/arith.h"
#include "vm/map.h"
#include "vm/process.h"
#include "vm/utf8.h"

static bool utf8_is_valid(const uint8_t *s, size_t n, size_t *chars) {
    uint32_t c;
    *chars = 0;
    for (size_t i = 0, used; i < n; i += used, ++*chars)
        if ((used = utf8_read(s + i, n - i, &c)) == 0) return false;
    return true;
}

static bool check_atom(etf_reader_t *r, etf_text_span_t *a) {
    size_t chars = 0;
    if (!etf_read_atom(r, a)) return false;
    if (!a->utf8) return a->n <= ATOM_MAX_CHARS;
    return utf8_is_valid(a->s, a->n, &chars) && chars <= ATOM_MAX_CHARS;
}

/* The node and creation at the end of what names a thing of a node: is it this one? */
static bool is_this_node(vm_t *vm, const etf_text_span_t *node, uint32_t creation) {
    const atom_text_t *t = atom_text(vm, A_nonode);
    return creation == 0 && node->n == t->bytes && memcmp(node->s, t->name, node->n) == 0;
}

/* What the forms before OTP 23 had room for. */
enum { OLD_CREATION_MAX = 3, OLD_REF_WORD_MAX = (1 << 18) - 1 };

static bool read_creation(etf_reader_t *r, bool old, uint32_t *creation) {
    if (left(r) < (old ? 1u : 4u)) return false;
    *creation = old ? get8(r) : get32(r);
    return !old || *creation <= OLD_CREATION_MAX;
}

bool etf_read_pid(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t) {
    if (!check_atom(r, &t->node) || left(r) < 8) return false;
    t->count = 2;
    t->id[0] = get32(r);
    t->id[1] = get32(r);
    if (!read_creation(r, tag == ETF_PID, &t->creation)) return false;
    t->local = is_this_node(vm, &t->node, t->creation);
    return !t->local || proc_pid_from(vm, t->id[0], t->id[1]) != TERM_NONE;
}

bool etf_read_port(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t) {
    if (!check_atom(r, &t->node) || left(r) < (tag == ETF_V4_PORT ? 8u : 4u)) return false;
    uint64_t number = tag == ETF_V4_PORT ? get64(r) : get32(r);
    t->count = 2;
    t->id[0] = (uint32_t)number;
    t->id[1] = (uint32_t)(number >> 32);
    if (!read_creation(r, tag == ETF_PORT, &t->creation)) return false;
    t->local = is_this_node(vm, &t->node, t->creation);
    return !t->local || number < 1ull << PORT_NUMBER_BITS;
}

bool etf_read_ref(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t) {
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
static bool read_int32(etf_reader_t *r, uint32_t *v) {
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

bool etf_read_fun_head(vm_t *vm, etf_reader_t *r, etf_fun_head_t *f) {
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
    return (tag == ETF_PID || tag == ETF_NEW_PID) && etf_read_pid(vm, r, tag, &f->pid);
}

bool etf_read_export(etf_reader_t *r, etf_export_head_t *e) {
    return check_atom(r, &e->module) && check_atom(r, &e->function) && read_int32(r, &e->arity) &&
           e->arity <= 255;
}

bool etf_read_big(etf_reader_t *r, unsigned tag, etf_magnitude_t *m) {
    if (left(r) < (tag == ETF_LARGE_BIG ? 5u : 2u)) return false;
    m->n = tag == ETF_LARGE_BIG ? get32(r) : get8(r);
    m->negative = get8(r) != 0;
    if (left(r) < m->n) return false;
    m->s = r->p;
    r->p += m->n;
    while (m->n > 0 && m->s[m->n - 1] == 0) m->n--;
    return true;
}

/* A float as 31 characters: Erlang's syntax, a sign allowed, zeros behind. */
bool etf_read_float_text(etf_reader_t *r, double *d) {
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

bool etf_read_float(etf_reader_t *r, double *d) {
    if (left(r) < 8) return false;
    uint64_t bits = get64(r);
    memcpy(d, &bits, sizeof *d);
    return isfinite(*d);
}

/* ---- the first pass ---- */

int64_t etf_body_size(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, size_t *used) {
    etf_reader_t r = {b, b + n};
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
            etf_magnitude_t m;
            int64_t v;
            if (!etf_read_big(&r, tag, &m)) return -1;
            if (!etf_magnitude_is_small(&m, &v)) words += 1 + (m.n + 7) / 8;
            break;
        }
        case ETF_NEW_FLOAT:
        case ETF_FLOAT: {
            double d;
            if (!(tag == ETF_FLOAT ? etf_read_float_text(&r, &d) : etf_read_float(&r, &d)))
                return -1;
            words += FLOAT_WORDS;
            break;
        }
        case ETF_ATOM:
        case ETF_SMALL_ATOM:
        case ETF_ATOM_UTF8:
        case ETF_SMALL_ATOM_UTF8: {
            etf_text_span_t a;
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
            etf_thing_t t;
            if (!etf_read_pid(vm, &r, tag, &t)) return -1;
            if (!t.local) words += EXT_WORDS(2);
            break;
        }
        case ETF_PORT:
        case ETF_NEW_PORT:
        case ETF_V4_PORT: {
            etf_thing_t t;
            if (!etf_read_port(vm, &r, tag, &t)) return -1;
            if (!t.local) words += EXT_WORDS(2);
            break;
        }
        case ETF_REFERENCE:
        case ETF_NEW_REFERENCE:
        case ETF_NEWER_REFERENCE: {
            etf_thing_t t;
            if (!etf_read_ref(vm, &r, tag, &t)) return -1;
            words += t.local ? MAGIC_REF_WORDS : EXT_WORDS(t.count);
            break;
        }
        case ETF_EXPORT: {
            etf_export_head_t e;
            if (!etf_read_export(&r, &e)) return -1;
            words += 2;
            break;
        }
        case ETF_NEW_FUN: {
            etf_fun_head_t f;
            if (!etf_read_fun_head(vm, &r, &f)) return -1;
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
