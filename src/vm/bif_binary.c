/* bif_binary.c: BIFs on binaries: module binary, conversions between lists and binaries, iodata.
 *
 * Relies on binary.c and bits.c. Searching for one pattern is a scan for its first byte that turns
 * to Knuth-Morris-Pratt when that does not get ahead; several patterns run in an automaton
 * (Aho-Corasick, complete, over classes of bytes).
 */
#include "vm/binary.h"

/* Reductions for bytes that no tick charges. */
static inline void bump_bytes(proc_t *p, size_t n) { bif_bump(p, n / COPY_PER_RED); }

/* Arguments that are binaries, with whole bytes in a row. Release with bytes_done. */
typedef struct {
    const uint8_t *data;
    size_t n;
    uint8_t *tmp;
    size_t tmp_size;
} bytes_t;
/* false: raised (badarg or out of memory), or stopped. */
static bool get_bytes(proc_t *p, term_t t, bytes_t *b) {
    if (bytes_of_long(p, t, &b->data, &b->n, &b->tmp, &b->tmp_size)) return true;
    if (is_binary(t))
        bif_oom(p);
    else
        bif_badarg(p);
    return false;
}
static inline void bytes_done(proc_t *p, bytes_t *b) { mem_free(p->vm, b->tmp, b->tmp_size); }

static inline bool small_index(term_t t, size_t *out) {
    if (!is_small(t) || small_value(t) < 0) return false;
    *out = (size_t)small_value(t);
    return true;
}

/* {Pos, Len} with Pos and Len as OTP reads them (Len may be negative: before Pos), inside n. */
static bool range_in(term_t pos, term_t len, size_t n, size_t *start, size_t *count) {
    if (!are_small(pos, len) || small_value(pos) < 0) return false;
    int64_t a = small_value(pos), b = small_value(len);
    if (b < 0) {
        a += b;
        b = -b;
        if (a < 0) return false;
    }
    if ((size_t)a > n || (size_t)b > n - (size_t)a) return false;
    *start = (size_t)a;
    *count = (size_t)b;
    return true;
}

static term_t ok_or_oom(proc_t *p, term_t t) { return t == TERM_NONE ? bif_oom(p) : t; }

/* ---- lists to binaries ---- */

term_t iodata_fail(proc_t *p, int code) {
    return code == IODATA_NO_MEMORY ? bif_oom(p)
           : code == IODATA_TOO_BIG ? bif_system_limit(p)
           : code == IODATA_STOPPED ? TERM_NONE
                                    : bif_badarg(p);
}

static term_t iodata_to_bits(proc_t *p, term_t t, bool bits_ok) {
    size_t n;
    int r = iodata_bits_long(p->vm, p, t, bits_ok, &n);
    if (r != IODATA_OK) return iodata_fail(p, r);
    if (bif_begin(p, n / 8 / COPY_PER_RED)) return TERM_NONE;
    bump_bytes(p, n / 8 % COPY_PER_TICK);
    bs_builder_t b;
    term_t bin = bs_init(p, n, &b);
    if (bin == TERM_NONE) return bif_oom(p);
    r = iodata_copy_long(p->vm, p, t, b.data);
    return r == IODATA_OK ? bin : iodata_fail(p, r);
}

LONG_BIF(list_to_binary_1) {
    return is_list(a[0]) ? iodata_to_bits(p, a[0], false) : bif_badarg(p);
}
LONG_BIF(list_to_bitstring_1) {
    return is_list(a[0]) ? iodata_to_bits(p, a[0], true) : bif_badarg(p);
}
LONG_BIF(iolist_to_binary_1) {
    if (is_binary(a[0])) return a[0];
    return is_list(a[0]) ? iodata_to_bits(p, a[0], false) : bif_badarg(p);
}

LONG_BIF(iolist_size_1) {
    size_t n;
    int r = iodata_bits_long(p->vm, p, a[0], false, &n);
    if (r != IODATA_OK) return iodata_fail(p, r);
    return make_small((int64_t)(n / 8));
}

/* Binaries up to this size are copied together, larger ones go into the vector as they are. */
#define IOVEC_COPY_MAX 256

typedef struct {
    term_t *cells; /* cons cells, one behind the other; NULL while counting */
    size_t count;
    term_t buf; /* holds all the small pieces */
    uint8_t *data;
    size_t used; /* bytes of buf filled, or counted */
    size_t from; /* where the current run began */
    size_t rounds;
    bool stopped;
} iovec_t;

/* Ends a run of small pieces. false: no memory. */
static bool iovec_flush(proc_t *p, iovec_t *v) {
    if (v->used == v->from) return true;
    if (v->cells) {
        term_t t = bits_part(p, v->buf, v->from * 8, (v->used - v->from) * 8);
        if (t == TERM_NONE) return false;
        v->cells[2 * v->count] = t;
    }
    v->count++;
    v->from = v->used;
    return true;
}

static bool iovec_binary(proc_t *p, iovec_t *v, term_t t) {
    size_t n = bit_size_of(t) / 8;
    if (n > IOVEC_COPY_MAX) {
        if (!iovec_flush(p, v)) return false;
        if (v->cells) v->cells[2 * v->count] = t;
        v->count++;
        return true;
    }
    if (v->cells) {
        bits_t b;
        bits_of(t, &b);
        bits_copy(v->data, v->used * 8, b.base, b.bit_offset, b.bit_size);
    }
    v->used += n;
    return true;
}

/* Goes over iodata known to be good; the way back up from nested lists is kept in *stack, a
 * growing array. */
typedef struct {
    term_t *base;
    size_t n, cap;
} tails_t;
static bool tails_push(vm_t *vm, tails_t *s, term_t t) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        term_t *q = mem_realloc(vm, s->base, s->cap * sizeof *q, cap * sizeof *q);
        if (!q) return false;
        s->base = q;
        s->cap = cap;
    }
    s->base[s->n++] = t;
    return true;
}

static bool iovec_fill(proc_t *p, iovec_t *v, term_t t) {
    tails_t st = {NULL, 0, 0};
    bool ok = false;
    for (;;) {
        while (is_cons(t)) {
            term_t h = cons_head(t);
            t = cons_tail(t);
            if (BIF_TICK_EVERY(p, ++v->rounds, 2048, 128)) {
                v->stopped = true;
                goto done;
            }
            if (is_small(h)) {
                if (v->cells) v->data[v->used] = (uint8_t)small_value(h);
                v->used++;
            } else if (is_cons(h)) {
                if (!is_nil(t) && !tails_push(p->vm, &st, t)) goto done;
                t = h;
            } else if (!is_nil(h) && !iovec_binary(p, v, h)) {
                goto done;
            }
        }
        if (!is_nil(t) && !iovec_binary(p, v, t)) goto done;
        if (st.n == 0) break;
        t = st.base[--st.n];
    }
    ok = iovec_flush(p, v);
done:
    mem_free(p->vm, st.base, st.cap * sizeof(term_t));
    return ok;
}

LONG_BIF(iolist_to_iovec_1) {
    size_t n;
    int r = iodata_bits_long(p->vm, p, a[0], false, &n);
    if (r != IODATA_OK) return iodata_fail(p, r);
    if (n == 0) return TERM_NIL;
    term_t *hp;
    if (is_bitstring(a[0])) {
        if (!(hp = heap_alloc(p, 2))) return bif_oom(p);
        return cons(&hp, a[0], TERM_NIL);
    }
    iovec_t v = {0};
    if (!iovec_fill(p, &v, a[0])) return v.stopped ? TERM_NONE : bif_oom(p);
    if (bif_begin(p, v.used / COPY_PER_RED)) return TERM_NONE;
    size_t count = v.count;
    v = (iovec_t){.buf = binary_new(p, v.used, &v.data), .data = v.data};
    if (v.buf == TERM_NONE || !(hp = heap_alloc(p, 2 * count))) return bif_oom(p);
    for (size_t i = 0; i < count; i++) {
        hp[2 * i] = TERM_NIL;
        hp[2 * i + 1] = i + 1 < count ? make_cons(hp + 2 * i + 2) : TERM_NIL;
    }
    v.cells = hp;
    if (iovec_fill(p, &v, a[0])) return make_cons(hp);
    return v.stopped ? TERM_NONE : bif_oom(p);
}

/* ---- binaries to lists ---- */

/* List of n bytes at a bit offset, before tail. TERM_NONE: raised or stopped. */
static term_t bits_to_list(proc_t *p, const uint8_t *base, size_t off, size_t n, term_t tail) {
    enum { ROUND = 4096, PER_RED = 16 };
    if (n == 0) return tail;
    if (bif_begin(p, n / PER_RED)) return TERM_NONE;
    term_t *hp = heap_alloc(p, 2 * n), *c = hp;
    if (!hp) return bif_oom(p);
    base += off / 8;
    off &= 7;
    while (n > 0) {
        size_t k = n < ROUND ? n : ROUND;
        if (k < ROUND)
            bif_bump(p, k / PER_RED);
        else if (bif_tick(p, ROUND / PER_RED))
            return TERM_NONE;
        if (off == 0) {
            for (size_t i = 0; i < k; i++, c += 2) {
                c[0] = make_small(base[i]);
                c[1] = make_cons(c + 2);
            }
        } else {
            for (size_t i = 0; i < k; i++, c += 2) {
                c[0] = make_small((int64_t)bits_get64(base, off + 8 * i, 8));
                c[1] = make_cons(c + 2);
            }
        }
        base += k;
        n -= k;
    }
    c[-1] = tail;
    return make_cons(hp);
}

LONG_BIF(binary_to_list_1) {
    bits_t b;
    if (!bits_of(a[0], &b) || (b.bit_size & 7)) return bif_badarg(p);
    return bits_to_list(p, b.base, b.bit_offset, b.bit_size / 8, TERM_NIL);
}

LONG_BIF(binary_to_list_3) {
    bits_t b;
    size_t start, stop;
    if (!bits_of(a[0], &b) || !small_index(a[1], &start) || !small_index(a[2], &stop) ||
        start < 1 || start > b.bit_size / 8 || stop < start || stop > b.bit_size / 8)
        return bif_badarg(p);
    return bits_to_list(p, b.base, b.bit_offset + 8 * (start - 1), stop - start + 1, TERM_NIL);
}

LONG_BIF(bitstring_to_list_1) {
    bits_t b;
    if (!bits_of(a[0], &b)) return bif_badarg(p);
    size_t n = b.bit_size / 8;
    term_t tail = TERM_NIL;
    if (b.bit_size & 7) {
        term_t t = bits_part(p, a[0], n * 8, b.bit_size & 7);
        term_t *hp = t == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        tail = cons(&hp, t, TERM_NIL);
    }
    return bits_to_list(p, b.base, b.bit_offset, n, tail);
}

/* ---- parts ---- */

static BIF(byte_size_1) {
    if (!is_bitstring(a[0])) return bif_badarg(p);
    return make_small((int64_t)((bit_size_of(a[0]) + 7) / 8));
}

static BIF(bit_size_1) {
    if (!is_bitstring(a[0])) return bif_badarg(p);
    return make_small((int64_t)bit_size_of(a[0]));
}

static BIF(split_binary_2) {
    size_t pos;
    if (!is_bitstring(a[0]) || !small_index(a[1], &pos)) return bif_badarg(p);
    size_t n = bit_size_of(a[0]);
    if (pos > n / 8) return bif_badarg(p);
    term_t x = bits_part(p, a[0], 0, pos * 8);
    term_t y = x == TERM_NONE ? x : bits_part(p, a[0], pos * 8, n - pos * 8);
    term_t *hp = y == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, x, y) : bif_oom(p);
}

static term_t part(proc_t *p, term_t bin, term_t pos, term_t len) {
    size_t start, n;
    if (!is_bitstring(bin) || !range_in(pos, len, bit_size_of(bin) / 8, &start, &n))
        return bif_badarg(p);
    return ok_or_oom(p, bits_part(p, bin, start * 8, n * 8));
}
static BIF(binary_part_3) { return part(p, a[0], a[1], a[2]); }
static BIF(binary_part_2) {
    if (!is_tuple_of(a[1], 2)) return bif_badarg(p);
    return part(p, a[0], tuple_elem(a[1], 1), tuple_elem(a[1], 2));
}

static term_t byte_at(proc_t *p, term_t bin, size_t i, bool from_end) {
    bits_t b;
    if (!bits_of(bin, &b) || (b.bit_size & 7)) return bif_badarg(p);
    size_t n = b.bit_size / 8;
    if (i >= n) return bif_badarg(p);
    if (from_end) i = n - 1 - i;
    return make_small((int64_t)bits_get64(b.base, b.bit_offset + 8 * i, 8));
}
static BIF(binary_at_2) {
    size_t i;
    return small_index(a[1], &i) ? byte_at(p, a[0], i, false) : bif_badarg(p);
}
static BIF(binary_first_1) { return byte_at(p, a[0], 0, false); }
static BIF(binary_last_1) { return byte_at(p, a[0], 0, true); }

static term_t copy_times(proc_t *p, term_t bin, size_t times) {
    bits_t b;
    /* OTP does not look at odd bits when there is nothing to copy. */
    if (!bits_of(bin, &b) || ((b.bit_size & 7) && times)) return bif_badarg(p);
    size_t n = b.bit_size / 8, total;
    if (__builtin_mul_overflow(n, times, &total) || total > BITS_MAX / 8)
        return bif_system_limit(p);
    uint8_t *data;
    if (bif_begin(p, total / COPY_PER_RED)) return TERM_NONE;
    bump_bytes(p, total % COPY_PER_TICK);
    term_t t = binary_new(p, total, &data);
    if (t == TERM_NONE) return bif_oom(p);
    if (total == 0) return t;
    if (!bits_copy_long(p, data, 0, b.base, b.bit_offset, b.bit_size)) return TERM_NONE;
    for (size_t done = n; done < total;) { /* doubles what is there */
        size_t k = done < total - done ? done : total - done;
        if (!bits_copy_long(p, data + done, 0, data, 0, k * 8)) return TERM_NONE;
        done += k;
    }
    return t;
}
LONG_BIF(binary_copy_1) { return copy_times(p, a[0], 1); }
LONG_BIF(binary_copy_2) {
    size_t times;
    return small_index(a[1], &times) ? copy_times(p, a[0], times) : bif_badarg(p);
}

static BIF(binary_referenced_byte_size_1) {
    if (!is_bitstring(a[0])) return bif_badarg(p);
    term_t t = a[0];
    if (boxed_type(t) == T_SUB_BIN) t = ((sub_bin_t *)boxed_ptr(t))->orig;
    size_t n = boxed_type(t) == T_HEAP_BIN ? ((heap_bin_t *)boxed_ptr(t))->size
                                           : ((proc_bin_t *)boxed_ptr(t))->bin->size;
    return make_small((int64_t)n);
}

/* ---- unsigned integers ---- */

/* false: neither big nor little. */
static bool endianness(term_t t, unsigned *flags) {
    *flags = t == A_little ? BS_LITTLE : 0;
    return t == A_little || t == A_big;
}

static term_t decode_unsigned(proc_t *p, term_t bin, unsigned flags) {
    bits_t b;
    if (!bits_of(bin, &b) || (b.bit_size & 7)) return bif_badarg(p);
    bump_bytes(p, b.bit_size / 8);
    return ok_or_oom(p, bits_get_integer(p, b.base, b.bit_offset, b.bit_size, flags));
}
static BIF(binary_decode_unsigned_1) { return decode_unsigned(p, a[0], 0); }
static BIF(binary_decode_unsigned_2) {
    unsigned flags;
    return endianness(a[1], &flags) ? decode_unsigned(p, a[0], flags) : bif_badarg(p);
}

static size_t bytes_in(uint64_t v) { return v ? (71 - (size_t)__builtin_clzll(v)) / 8 : 1; }

static term_t encode_unsigned(proc_t *p, term_t v, unsigned flags) {
    size_t n;
    if (is_small(v) && small_value(v) >= 0)
        n = bytes_in((uint64_t)small_value(v));
    else if (is_big(v) && !big_is_neg(v))
        n = (big_limbs(v) - 1) * 8 + bytes_in(big_data(v)[big_limbs(v) - 1]);
    else
        return bif_badarg(p);
    bump_bytes(p, n);
    bs_builder_t b;
    term_t t = bs_init(p, n * 8, &b);
    if (t == TERM_NONE) return bif_oom(p);
    bs_put_integer(&b, v, n * 8, flags);
    return t;
}
static BIF(binary_encode_unsigned_1) { return encode_unsigned(p, a[0], 0); }
static BIF(binary_encode_unsigned_2) {
    unsigned flags;
    return endianness(a[1], &flags) ? encode_unsigned(p, a[0], flags) : bif_badarg(p);
}

/* ---- common prefix and suffix ---- */

static term_t longest_common(proc_t *p, term_t list, bool suffix) {
    bits_t first, b;
    if (!is_cons(list)) return bif_badarg(p);
    if (!bits_of(cons_head(list), &first) || (first.bit_size & 7)) return bif_badarg(p);
    size_t n = first.bit_size / 8, work = 0, count = 0;
    term_t l = cons_tail(list);
    for (; is_cons(l); l = cons_tail(l)) {
        if (BIF_TICK_EVERY(p, ++count, 2048, 128)) return TERM_NONE;
        if (!bits_of(cons_head(l), &b) || (b.bit_size & 7)) return bif_badarg(p);
        size_t m = b.bit_size / 8, i = 0;
        if (n > m) n = m;
        /* The place of byte i is x + step * i; both count in bits. */
        size_t x = first.bit_offset + (suffix ? first.bit_size - 8 : 0);
        size_t y = b.bit_offset + (suffix ? b.bit_size - 8 : 0), step = suffix ? -(size_t)8 : 8;
        for (; i < n && bits_get64(first.base, x, 8) == bits_get64(b.base, y, 8); i++) {
            x += step;
            y += step;
            if (BIF_TICK_EVERY(p, ++work, 32768, 128)) return TERM_NONE;
        }
        n = i;
    }
    if (!is_nil(l)) return bif_badarg(p);
    bump_bytes(p, work % 32768);
    return make_small((int64_t)n);
}
LONG_BIF(binary_longest_common_prefix_1) { return longest_common(p, a[0], false); }
LONG_BIF(binary_longest_common_suffix_1) { return longest_common(p, a[0], true); }

/* ---- searching ---- */

/* A compiled pattern. For one pattern: its bytes and, for KMP, the length of the longest border of
 * each prefix. For several: the automaton. Everything is in one block. */
typedef struct {
    magic_t magic;
    size_t size; /* of this block */
    /* one pattern (states == 0) */
    const uint8_t *pat;
    size_t n;
    uint32_t *border; /* n + 1 of them, or NULL: not made yet */
    /* several */
    uint32_t states, classes;
    uint8_t *class_of; /* 256: class of a byte; the last class is "in no pattern" */
    uint32_t *next;    /* states * classes */
    uint32_t *depth;   /* per state */
    uint32_t *out;     /* per state: length of the longest pattern that ends here, 0: none */
} pattern_t;

static void pattern_destroy(magic_t *m) {
    pattern_t *c = (pattern_t *)m;
    mem_free(m->vm, c, c->size);
}

/* A tick for some thousand steps of making or using an automaton. */
#define STEP_TICK(p, n) BIF_TICK_EVERY(p, n, 16384, 128)

/* false: stopped */
static bool borders(proc_t *p, const uint8_t *s, size_t n, uint32_t *border) {
    uint32_t k = 0;
    border[0] = border[1] = 0;
    for (size_t i = 1; i < n; i++) {
        while (k && s[i] != s[k]) k = border[k];
        if (s[i] == s[k]) k++;
        border[i + 1] = k;
        if (STEP_TICK(p, i)) return false;
    }
    return true;
}

static bool zero_long(proc_t *p, uint8_t *d, size_t n) {
    for (; n > COPY_PER_TICK; d += COPY_PER_TICK, n -= COPY_PER_TICK) {
        if (bif_tick(p, COPY_PER_TICK / COPY_PER_RED)) return false;
        memset(d, 0, COPY_PER_TICK);
    }
    memset(d, 0, n);
    return true;
}

/* NULL: no memory, or stopped. */
static pattern_t *pattern_new(proc_t *p, size_t size) {
    vm_t *vm = p->vm;
    pattern_t *c = mem_alloc(vm, size);
    if (!c) return NULL;
    if (!zero_long(p, (uint8_t *)c, size)) {
        mem_free(vm, c, size);
        return NULL;
    }
    magic_init(vm, &c->magic, pattern_destroy);
    c->size = size;
    return c;
}

static pattern_t *pattern_one(proc_t *p, const uint8_t *s, size_t n) {
    size_t head = (sizeof(pattern_t) + 7) & ~(size_t)7;
    size_t table = n > 1 && n < UINT32_MAX ? (n + 1) * sizeof(uint32_t) : 0;
    pattern_t *c = pattern_new(p, head + table + n);
    if (!c) return NULL;
    c->border = table ? (uint32_t *)((uint8_t *)c + head) : NULL;
    uint8_t *pat = (uint8_t *)c + head + table;
    c->pat = pat;
    c->n = n;
    if (!bits_copy_long(p, pat, 0, s, 0, n * 8) || (table && !borders(p, pat, n, c->border))) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    return c;
}

/* Reads one byte of a pattern in a list, wherever its bits are. */
static inline uint8_t bits_byte(const bits_t *b, size_t i) {
    return (uint8_t)bits_get64(b->base, b->bit_offset + 8 * i, 8);
}

/* Automaton for a checked list of patterns with total bytes. NULL: no memory, or stopped. */
static pattern_t *pattern_many(proc_t *p, term_t list, size_t total) {
    vm_t *vm = p->vm;
    size_t steps = 0;
    uint8_t class_of[256];
    bool used[256] = {false};
    bits_t b;
    for (term_t l = list; is_cons(l); l = cons_tail(l)) {
        bits_of(cons_head(l), &b);
        for (size_t i = 0; i < b.bit_size / 8; i++) {
            used[bits_byte(&b, i)] = true;
            if (STEP_TICK(p, ++steps)) return NULL;
        }
    }
    uint32_t classes = 0;
    for (int i = 0; i < 256; i++)
        if (used[i]) class_of[i] = (uint8_t)classes++;
    if (classes < 256) { /* all other bytes */
        for (int i = 0; i < 256; i++)
            if (!used[i]) class_of[i] = (uint8_t)classes;
        classes++;
    }
    size_t head = (sizeof(pattern_t) + 7) & ~(size_t)7, states = total + 1, cells;
    if (states > UINT32_MAX / 2 || __builtin_mul_overflow(states, (size_t)classes, &cells) ||
        cells > PTRDIFF_MAX / 8)
        return NULL;
    pattern_t *c = pattern_new(p, head + 256 + (cells + 2 * states) * sizeof(uint32_t));
    if (!c) return NULL;
    uint32_t *work = mem_alloc(vm, 2 * states * sizeof(uint32_t)); /* queue and fail links */
    if (!work) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    c->classes = classes;
    c->class_of = (uint8_t *)c + head;
    memcpy(c->class_of, class_of, 256);
    c->next = (uint32_t *)(c->class_of + 256);
    c->depth = c->next + cells;
    c->out = c->depth + states;
    bool stopped = false;
    uint32_t n = 1;
    for (term_t l = list; is_cons(l) && !stopped; l = cons_tail(l)) {
        bits_of(cons_head(l), &b);
        uint32_t s = 0, len = (uint32_t)(b.bit_size / 8);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t *e = &c->next[(size_t)s * classes + class_of[bits_byte(&b, i)]];
            if (!*e) {
                c->depth[n] = i + 1;
                *e = n++;
            }
            s = *e;
            if ((stopped = STEP_TICK(p, ++steps))) break;
        }
        c->out[s] = len;
    }
    /* Breadth first: a state's missing edges are those of the state its longest proper suffix
     * leads to, which is done already. 0 as an edge is the root in either sense. */
    uint32_t *queue = work, *fail = work + states, qh = 0, qt = 0;
    for (uint32_t k = 0; k < classes; k++)
        if (c->next[k]) {
            fail[c->next[k]] = 0;
            queue[qt++] = c->next[k];
        }
    while (qh < qt && !stopped) {
        stopped = BIF_TICK_EVERY(p, ++steps, 64, classes);
        uint32_t s = queue[qh++], f = fail[s];
        uint32_t *edge = c->next + (size_t)s * classes, *fedge = c->next + (size_t)f * classes;
        if (!c->out[s]) c->out[s] = c->out[f];
        for (uint32_t k = 0; k < classes; k++) {
            /* A real child is deeper by one; anything else was never set. */
            if (edge[k]) {
                fail[edge[k]] = fedge[k];
                queue[qt++] = edge[k];
            } else {
                edge[k] = fedge[k];
            }
        }
    }
    mem_free(vm, work, 2 * states * sizeof(uint32_t));
    if (stopped) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    c->states = n;
    return c;
}

enum { FOUND, NOT_FOUND, STOPPED };

/* The first position of the pattern from *pos on. */
static int find_one(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos) {
    size_t i = *pos, m = c->n;
    const uint8_t *pat = c->pat;
    if (m > n || i > n - m) return NOT_FOUND;
    size_t last = n - m, wasted = 0, tries = 0, next_tick = i + COPY_PER_TICK;
    for (;;) {
        size_t room = last - i + 1;
        const uint8_t *q = memchr(s + i, pat[0], room < COPY_PER_TICK ? room : COPY_PER_TICK);
        if (q || room <= COPY_PER_TICK) {
            if (!q) return NOT_FOUND;
            i = (size_t)(q - s);
            if (memcmp(q + 1, pat + 1, m - 1) == 0) {
                *pos = i;
                return FOUND;
            }
            if (++i > last) return NOT_FOUND;
            if (BIF_TICK_EVERY(p, ++tries, 4096, 128)) return STOPPED;
            /* How far a comparison got is not known; be pessimistic with long patterns only. */
            wasted += m < 16 ? 1 : m;
            if (c->border && wasted > 64 + 4 * (i - *pos)) break;
        } else {
            i += COPY_PER_TICK;
        }
        if (UNLIKELY(i >= next_tick)) {
            if (bif_tick(p, (i - next_tick + COPY_PER_TICK) / COPY_PER_RED)) return STOPPED;
            next_tick = i + COPY_PER_TICK;
        }
    }
    uint32_t k = 0;
    for (; i < n; i++) {
        while (k && s[i] != pat[k]) k = c->border[k];
        if (s[i] == pat[k]) k++;
        if (k == m) {
            *pos = i + 1 - m;
            return FOUND;
        }
        if (STEP_TICK(p, i)) return STOPPED;
    }
    return NOT_FOUND;
}

/* The leftmost match from *pos on, the longest of those that start there. */
static int find_many(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos,
                     size_t *len) {
    uint32_t st = 0;
    size_t best = SIZE_MAX, best_len = 0;
    for (size_t i = *pos; i < n; i++) {
        st = c->next[(size_t)st * c->classes + c->class_of[s[i]]];
        if (best != SIZE_MAX && i + 1 - c->depth[st] > best) break; /* can only start later */
        if (c->out[st]) {
            size_t start = i + 1 - c->out[st];
            if (start < best || (start == best && c->out[st] > best_len)) {
                best = start;
                best_len = c->out[st];
            }
        }
        if (STEP_TICK(p, i)) return STOPPED;
    }
    if (best == SIZE_MAX) return NOT_FOUND;
    *pos = best;
    *len = best_len;
    return FOUND;
}

static inline int find(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos,
                       size_t *len) {
    if (c->states) return find_many(p, c, s, n, pos, len);
    *len = c->n;
    return find_one(p, c, s, n, pos);
}

/* A pattern argument made ready: compiled before, or now (then owned: pattern_done releases). */
typedef struct {
    const pattern_t *use;
    pattern_t *own;
    pattern_t one; /* a single uncompiled pattern needs no block */
    bytes_t bytes;
} search_t;

static void search_done(proc_t *p, search_t *s) {
    if (s->own) magic_release(&s->own->magic);
    bytes_done(p, &s->bytes);
}

/* Compiles a binary or a list of binaries. NULL: raised. */
static pattern_t *compile(proc_t *p, term_t pat) {
    pattern_t *c;
    if (is_cons(pat)) {
        size_t total = 0, count = 0;
        term_t l = pat;
        for (; is_cons(l); l = cons_tail(l)) {
            term_t h = cons_head(l);
            if (!is_binary(h) || bit_size_of(h) == 0) break;
            total += bit_size_of(h) / 8;
            if (BIF_TICK_EVERY(p, ++count, 4096, 128)) return NULL;
        }
        if (!is_nil(l)) {
            bif_badarg(p);
            return NULL;
        }
        if (count > 1) {
            bump_bytes(p, total * 16 % COPY_PER_TICK);
            c = pattern_many(p, pat, total);
            if (!c) bif_oom(p);
            return c;
        }
        pat = cons_head(pat);
    }
    bytes_t b;
    if (!get_bytes(p, pat, &b)) return NULL;
    if (b.n == 0) {
        bif_badarg(p);
        c = NULL;
    } else {
        c = pattern_one(p, b.data, b.n);
        if (!c) bif_oom(p);
    }
    bytes_done(p, &b);
    return c;
}

static bool search_init(proc_t *p, term_t pat, search_t *s) {
    s->own = NULL;
    s->bytes = (bytes_t){0};
    if (is_tuple_of(pat, 2)) { /* {bm | ac, Ref} */
        term_t kind = tuple_elem(pat, 1), ref = tuple_elem(pat, 2);
        if ((kind == A_bm || kind == A_ac) && boxed_type(ref) == T_MAGIC_REF) {
            magic_t *m = ((magic_ref_t *)boxed_ptr(ref))->magic;
            if (m->destroy == pattern_destroy &&
                (((pattern_t *)m)->states != 0) == (kind == A_ac)) {
                s->use = (pattern_t *)m;
                return true;
            }
        }
        bif_badarg(p);
        return false;
    }
    if (is_cons(pat) && !is_nil(cons_tail(pat))) {
        s->use = s->own = compile(p, pat);
        return s->own != NULL;
    }
    if (is_cons(pat)) pat = cons_head(pat);
    if (!is_binary(pat) || bit_size_of(pat) == 0) {
        bif_badarg(p);
        return false;
    }
    if (bit_size_of(pat) > 16 * 8) { /* long enough to go wrong without KMP */
        s->use = s->own = compile(p, pat);
        return s->own != NULL;
    }
    if (!get_bytes(p, pat, &s->bytes)) return false;
    s->one = (pattern_t){.pat = s->bytes.data, .n = s->bytes.n};
    s->use = &s->one;
    return true;
}

LONG_BIF(binary_compile_pattern_1) {
    pattern_t *c = compile(p, a[0]);
    if (!c) return TERM_NONE;
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS + 3);
    if (!hp) {
        magic_release(&c->magic);
        return bif_oom(p);
    }
    term_t ref = magic_ref_put(p, hp, &c->magic);
    hp += MAGIC_REF_WORDS;
    return tuple2(&hp, c->states ? A_ac : A_bm, ref);
}

/* Options of match, matches and split. Only split knows the last three. */
typedef struct {
    size_t start, end;
    bool global, trim, trim_all;
} options_t;

static bool options_read(term_t l, size_t n, bool split, options_t *o) {
    *o = (options_t){.start = 0, .end = n};
    if (!is_list(l)) return false;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t t = cons_head(l);
        if (split && t == A_global) {
            o->global = true;
        } else if (split && t == A_trim) {
            o->trim = true;
        } else if (split && t == A_trim_all) {
            o->trim_all = true;
        } else {
            if (!is_tuple_of(t, 2) || tuple_elem(t, 1) != A_scope) return false;
            term_t s = tuple_elem(t, 2);
            size_t len;
            if (!is_tuple_of(s, 2) ||
                !range_in(tuple_elem(s, 1), tuple_elem(s, 2), n, &o->start, &len))
                return false;
            o->end = o->start + len;
        }
    }
    return true; /* an improper tail does not matter to OTP either */
}

/* Subject, options and pattern ready; false: raised, nothing to release. An empty subject makes
 * do without a good pattern, as in OTP. */
static bool begin(proc_t *p, term_t *a, term_t opts, bool split, bytes_t *b, options_t *o,
                  search_t *s, bool *empty) {
    *empty = false;
    if (!get_bytes(p, a[0], b)) return false;
    if (!options_read(opts, b->n, split, o)) {
        bif_badarg(p);
    } else if (b->n == 0) {
        *empty = true;
        return true;
    } else if (search_init(p, a[1], s)) {
        bump_bytes(p, (o->end - o->start) % COPY_PER_TICK);
        return true;
    }
    bytes_done(p, b);
    return false;
}

static term_t match(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, false, &b, &o, &s, &empty)) return TERM_NONE;
    term_t result = A_nomatch;
    size_t pos = o.start, len;
    if (!empty) {
        int found = find(p, s.use, b.data, o.end, &pos, &len);
        if (found == FOUND) {
            term_t *hp = heap_alloc(p, 3);
            result =
                hp ? tuple2(&hp, make_small((int64_t)pos), make_small((int64_t)len)) : bif_oom(p);
        } else if (found == STOPPED) {
            result = TERM_NONE;
        }
        search_done(p, &s);
    }
    bytes_done(p, &b);
    return result;
}
LONG_BIF(binary_match_2) { return match(p, a, TERM_NIL); }
LONG_BIF(binary_match_3) { return match(p, a, a[2]); }

/* Room for a cell and a tuple or a part; the list grows at its end. */
typedef struct {
    term_t first;
    term_t *tail;
} list_t;
static bool list_add(proc_t *p, list_t *l, term_t t) {
    term_t *hp = t == TERM_NONE ? NULL : heap_alloc(p, 2);
    if (!hp) return false;
    hp[0] = t;
    hp[1] = TERM_NIL;
    *l->tail = make_cons(hp);
    l->tail = hp + 1;
    return true;
}

static term_t matches(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, false, &b, &o, &s, &empty)) return TERM_NONE;
    list_t l = {TERM_NIL, &l.first};
    bool ok = true;
    if (!empty) {
        size_t pos = o.start, len, count = 0;
        while (ok && pos < o.end) {
            int found = find(p, s.use, b.data, o.end, &pos, &len);
            if (found == NOT_FOUND) break;
            if (found == STOPPED || BIF_TICK_EVERY(p, ++count, 1024, 128)) {
                ok = false;
                break;
            }
            term_t *hp = heap_alloc(p, 3);
            ok = hp &&
                 list_add(p, &l, tuple2(&hp, make_small((int64_t)pos), make_small((int64_t)len)));
            pos += len;
        }
        search_done(p, &s);
    }
    bytes_done(p, &b);
    return ok ? l.first : bif_oom(p);
}
LONG_BIF(binary_matches_2) { return matches(p, a, TERM_NIL); }
LONG_BIF(binary_matches_3) { return matches(p, a, a[2]); }

static term_t split(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, true, &b, &o, &s, &empty)) return TERM_NONE;
    list_t l = {TERM_NIL, &l.first};
    bool ok = true;
    size_t from = 0; /* where the next part begins */
    /* Empty parts that trim drops only if no other follows. */
    size_t pending = 0;
    term_t none = TERM_NONE;
    if (o.trim) { /* one empty binary serves for all of them */
        none = new_binary(p, NULL, 0);
        ok = none != TERM_NONE;
    }
    if (!empty) {
        size_t pos = o.start, len, count = 0;
        while (ok && pos < o.end) {
            int found = find(p, s.use, b.data, o.end, &pos, &len);
            if (found == NOT_FOUND) break;
            if (found == STOPPED || BIF_TICK_EVERY(p, ++count, 1024, 128)) {
                ok = false;
                break;
            }
            if (pos == from && o.trim_all) {
            } else if (pos == from && o.trim) {
                pending++;
            } else {
                for (; ok && pending; pending--) ok = list_add(p, &l, none);
                ok = ok && list_add(p, &l, bits_part(p, a[0], from * 8, (pos - from) * 8));
            }
            pos += len;
            from = pos;
            if (!o.global) break;
        }
        search_done(p, &s);
    }
    if (from < b.n || !(o.trim || o.trim_all)) {
        for (; ok && pending; pending--) ok = list_add(p, &l, none);
        ok = ok && list_add(p, &l, bits_part(p, a[0], from * 8, (b.n - from) * 8));
    }
    bytes_done(p, &b);
    return ok ? l.first : bif_oom(p);
}
LONG_BIF(binary_split_2) { return split(p, a, TERM_NIL); }
LONG_BIF(binary_split_3) { return split(p, a, a[2]); }

const bif_def_t bifs_binary[] = {
    {"erlang", "byte_size", 1, byte_size_1, BIF_GUARD},
    {"erlang", "bit_size", 1, bit_size_1, BIF_GUARD},
    {"erlang", "binary_part", 2, binary_part_2, BIF_GUARD},
    {"erlang", "binary_part", 3, binary_part_3, BIF_GUARD},
    {"erlang", "binary_to_list", 1, binary_to_list_1, BIF_LONG},
    {"erlang", "binary_to_list", 3, binary_to_list_3, BIF_LONG},
    {"erlang", "bitstring_to_list", 1, bitstring_to_list_1, BIF_LONG},
    {"erlang", "list_to_binary", 1, list_to_binary_1, BIF_LONG},
    {"erlang", "list_to_bitstring", 1, list_to_bitstring_1, BIF_LONG},
    {"erlang", "iolist_to_binary", 1, iolist_to_binary_1, BIF_LONG},
    {"erlang", "iolist_size", 1, iolist_size_1, BIF_LONG},
    {"erlang", "iolist_to_iovec", 1, iolist_to_iovec_1, BIF_LONG},
    {"erlang", "split_binary", 2, split_binary_2, 0},
    {"binary", "at", 2, binary_at_2, 0},
    {"binary", "first", 1, binary_first_1, 0},
    {"binary", "last", 1, binary_last_1, 0},
    {"binary", "part", 2, binary_part_2, 0},
    {"binary", "part", 3, binary_part_3, 0},
    {"binary", "copy", 1, binary_copy_1, BIF_LONG},
    {"binary", "copy", 2, binary_copy_2, BIF_LONG},
    {"binary", "list_to_bin", 1, list_to_binary_1, BIF_LONG},
    {"binary", "referenced_byte_size", 1, binary_referenced_byte_size_1, 0},
    {"binary", "encode_unsigned", 1, binary_encode_unsigned_1, 0},
    {"binary", "encode_unsigned", 2, binary_encode_unsigned_2, 0},
    {"binary", "decode_unsigned", 1, binary_decode_unsigned_1, 0},
    {"binary", "decode_unsigned", 2, binary_decode_unsigned_2, 0},
    {"binary", "longest_common_prefix", 1, binary_longest_common_prefix_1, BIF_LONG},
    {"binary", "longest_common_suffix", 1, binary_longest_common_suffix_1, BIF_LONG},
    {"binary", "compile_pattern", 1, binary_compile_pattern_1, BIF_LONG},
    {"binary", "match", 2, binary_match_2, BIF_LONG},
    {"binary", "match", 3, binary_match_3, BIF_LONG},
    {"binary", "matches", 2, binary_matches_2, BIF_LONG},
    {"binary", "matches", 3, binary_matches_3, BIF_LONG},
    {"binary", "split", 2, binary_split_2, BIF_LONG},
    {"binary", "split", 3, binary_split_3, BIF_LONG},
    {0},
};
