/* bif_binary.c: BIFs on binaries: conversions between lists and binaries, iodata, parts, unsigned
 * integers, common prefixes. Searching is in bif_search.c. Relies on binary.c and bits.c.
 */
#include "vm/bif_bytes.h"

static inline bool small_index(term_t t, size_t *out) {
    if (!is_small(t) || small_value(t) < 0) return false;
    *out = (size_t)small_value(t);
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
#define IOVEC_SMALL 256 /* as OTP has it: the cuts can be seen */

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

static void iovec_copy(iovec_t *v, term_t t, size_t n) {
    if (v->cells) {
        bits_t b;
        bits_of(t, &b);
        bits_copy(v->data, v->used * 8, b.base, b.bit_offset, n * 8);
    }
    v->used += n;
}

/* A binary that is not small stands for itself, but a short run before it is filled up first. */
static bool iovec_binary(proc_t *p, iovec_t *v, term_t t) {
    size_t n = bit_size_of(t) / 8, run = v->used - v->from;
    size_t fill = run > 0 && run < IOVEC_SMALL ? IOVEC_SMALL - run : 0;
    if (n < IOVEC_SMALL || n - fill < IOVEC_SMALL) {
        iovec_copy(v, t, n);
        return true;
    }
    if (fill > 0) iovec_copy(v, t, fill);
    if (!iovec_flush(p, v)) return false;
    if (v->cells) {
        if (fill > 0) t = bits_part(p, t, fill * 8, (n - fill) * 8);
        if (t == TERM_NONE) return false;
        v->cells[2 * v->count] = t;
    }
    v->count++;
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

/* The n bytes of b that have i others before them, or behind them for a suffix. */
static uint64_t bytes_at(const bits_t *b, bool suffix, size_t i, unsigned n) {
    size_t at = suffix ? b->bit_size - 8 * (i + n) : 8 * i;
    return bits_get64(b->base, b->bit_offset + at, 8 * n);
}

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
        for (; n - i >= 8 && bytes_at(&first, suffix, i, 8) == bytes_at(&b, suffix, i, 8); i += 8)
            if (BIF_TICK_EVERY(p, ++work, 4096, 128)) return TERM_NONE;
        while (i < n && bytes_at(&first, suffix, i, 1) == bytes_at(&b, suffix, i, 1)) i++;
        n = i;
    }
    if (!is_nil(l)) return bif_badarg(p);
    bump_bytes(p, 8 * (work % 4096));
    return make_small((int64_t)n);
}
LONG_BIF(binary_longest_common_prefix_1) { return longest_common(p, a[0], false); }
LONG_BIF(binary_longest_common_suffix_1) { return longest_common(p, a[0], true); }

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
    {0},
};
