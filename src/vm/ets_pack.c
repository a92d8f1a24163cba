/* ets_pack.c: objects of compressed tables: the words of an object written in as few bytes as each
 * needs. Small numbers, atoms, headers and pointers between neighbours take one to three bytes
 * instead of eight; raw data (large integers, floats, bytes) stays as it is.
 *
 * A packed object keeps its key as a term in the place where tables look for keys; the rest of its
 * data are bytes. What refers to something outside that is counted (binaries, magic references) is
 * not packed, nor is what would not become smaller. Relies on ets.h; the table's lock is the
 * caller's.
 *
 * Each word is a number in base 128, least significant digits first, by its two low bits:
 *   0  a word with tag 0 (small integers, aligned pointers to what never moves), zigzag
 *   1  a pointer within the object: distance in words, zigzag, and whether it is a cons
 *   2  the header of raw data, which follows; or (bit 2 set) any other word, which follows
 *   3  any other word whose low bits are these: immediates and headers
 */
#include "vm/copy.h"
#include "vm/ets_store.h"

enum { KEYPOS_MAX = 4 };

static inline uint64_t zigzag(int64_t v) { return (uint64_t)v << 1 ^ (uint64_t)(v >> 63); }
static inline int64_t zagzig(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }

typedef struct {
    uint8_t *at; /* NULL: only counts */
    size_t n;
} sink_t;

static void put_number(sink_t *s, uint64_t v) {
    for (;; v >>= 7) {
        if (s->at) s->at[s->n] = (uint8_t)(v > 127 ? v | 128 : v);
        s->n++;
        if (v <= 127) return;
    }
}
static void put_words(sink_t *s, const term_t *w, size_t n) {
    if (s->at) memcpy(s->at + s->n, w, n * sizeof *w);
    s->n += n * sizeof *w;
}

static void pack(sink_t *s, const term_t *data, size_t words) {
    for (size_t i = 0; i < words; i++) {
        term_t w = data[i];
        if (is_pointer(w) && (uintptr_t)w - (uintptr_t)data < words * sizeof(term_t)) {
            int64_t to = (int64_t)(((uintptr_t)w - (uintptr_t)data) / sizeof(term_t));
            put_number(s, (zigzag(to - (int64_t)i) << 1 | is_cons(w)) << 2 | 1);
        } else if (is_header(w) && header_is_raw(w)) {
            put_number(s, (w >> 3) << 3 | 2);
            put_words(s, data + i + 1, header_size(w));
            i += header_size(w);
        } else if ((w & TAG_MASK) == TAG_SMALL) {
            put_number(s, zigzag((int64_t)w >> 3) << 2);
        } else if ((w & 3) == 3) {
            put_number(s, w);
        } else { /* a literal */
            put_number(s, 4 | 2);
            put_words(s, &w, 1);
        }
    }
}

static uint64_t get_number(const uint8_t **at) {
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t b = *(*at)++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
}

void ets_unpack(const ets_obj_t *o, term_t *hp) {
    const uint8_t *at = (const uint8_t *)(o->data + o->packed);
    for (size_t i = 0; i < o->words; i++) {
        uint64_t v = get_number(&at);
        switch (v & 3) {
        case 0: hp[i] = (term_t)zagzig(v >> 2) << SMALL_SHIFT; break;
        case 1: {
            term_t *to = hp + ((int64_t)i + zagzig(v >> 3));
            hp[i] = v & 4 ? make_cons(to) : make_boxed(to);
            break;
        }
        case 2: {
            size_t n = 1;
            if (!(v & 4)) {
                hp[i] = (v >> 3) << 3 | TAG_HEADER;
                n = header_size(hp[i++]);
            }
            memcpy(hp + i, at, n * sizeof(term_t));
            at += n * sizeof(term_t);
            i += n - 1;
            break;
        }
        default: hp[i] = v; break;
        }
    }
}

size_t ets_obj_room(const ets_obj_t *o) { return o->packed ? (size_t)o->data[0] : o->words; }

ets_obj_t *ets_obj_pack(vm_t *vm, sched_t *s, const ets_t *t, ets_obj_t *o) {
    if (t->keypos > KEYPOS_MAX || o->off) return o;
    if (t->type == ETS_BAG && o->words > ETS_BAG_PACKED) return o;
    term_t key = ets_obj_key(t, o);
    size_t key_words = term_size(vm, key), head = t->keypos + 1 + key_words;
    sink_t count = {NULL, 0};
    pack(&count, o->data, o->words);
    size_t words = head + (count.n + sizeof(term_t) - 1) / sizeof(term_t);
    if (words >= o->words || head > UINT16_MAX) return o;
    ets_obj_t *n = ets_obj_alloc(vm, s, words);
    if (!n) return o;
    n->words = o->words;
    n->packed = (uint16_t)head;
    n->data[0] = words;
    for (size_t i = 1; i < t->keypos; i++) n->data[i] = TERM_NIL;
    term_t *hp = n->data + t->keypos + 1;
    n->data[t->keypos] = is_immed(key) ? key : term_copy(vm, key, &hp, &n->off);
    sink_t out = {(uint8_t *)(n->data + head), 0};
    pack(&out, o->data, o->words);
    ets_obj_free(vm, s, o);
    return n;
}

ets_obj_t *ets_obj_open(vm_t *vm, sched_t *s, ets_obj_t *o) {
    if (LIKELY(!o->packed)) return o;
    ets_obj_t *n = ets_obj_alloc(vm, s, o->words);
    if (!n) return NULL;
    n->words = o->words;
    ets_unpack(o, n->data);
    return n;
}

term_t ets_obj_view(const ets_obj_t *o, term_t *room) {
    if (!o->packed) return ets_obj_term(o);
    ets_unpack(o, room);
    return make_boxed(room);
}

void ets_obj_close(vm_t *vm, sched_t *s, ets_obj_t *o, ets_obj_t *opened) {
    if (opened && opened != o) ets_obj_free(vm, s, opened);
}
