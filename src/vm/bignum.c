/* bignum.c: integers too big for a word.
 *
 * A bignum is sign and magnitude: GMP limbs in a boxed object on the process heap. The sums are
 * GMP's mpn functions on those limbs; results are written straight into freshly allocated heap
 * words, and what turns out not to be needed is given back. Operands come as num_t, so smalls and
 * bignums mix freely. Relies on the heap and GMP only; arith.c decides what is called for which
 * operands, other files use the conversions declared in arith.h.
 */
#include <gmp.h>
#include <math.h>
#include "vm/arith.h"

_Static_assert(sizeof(mp_limb_t) == 8 && GMP_NAIL_BITS == 0, "limbs are 64-bit words");

/* Limbs of scratch kept on the C stack before asking for memory. */
#define SCRATCH_LIMBS 64

typedef struct {
    mp_limb_t *d;
    size_t size; /* bytes from mem_alloc; 0: local */
    mp_limb_t local[SCRATCH_LIMBS];
} scratch_t;

static bool scratch_init(proc_t *p, scratch_t *s, size_t limbs) {
    s->d = s->local;
    s->size = 0;
    if (limbs <= SCRATCH_LIMBS) return true;
    s->size = limbs * sizeof(mp_limb_t);
    s->d = mem_alloc(p->vm, s->size);
    return s->d != NULL;
}

static void scratch_free(proc_t *p, scratch_t *s) {
    if (s->size) mem_free(p->vm, s->d, s->size);
}

static mp_ptr limbs(const uint64_t *d) { return (mp_ptr)(uintptr_t)d; }

static uint64_t magnitude(int64_t v) { return v < 0 ? 0 - (uint64_t)v : (uint64_t)v; }

void num_load(num_t *x, term_t t) {
    if (is_small(t)) {
        int64_t v = small_value(t);
        x->one = magnitude(v);
        x->d = &x->one;
        x->n = v != 0;
        x->neg = v < 0;
    } else {
        x->d = big_data(t);
        x->n = big_limbs(t);
        x->neg = big_is_neg(t);
    }
}

/* Whether a one-limb magnitude is a small with that sign. */
static bool limb_fits_small(uint64_t m, bool neg) { return m <= (uint64_t)SMALL_MAX + neg; }

static term_t small_from_limb(uint64_t m, bool neg) {
    return make_small(neg ? -(int64_t)m : (int64_t)m);
}

/* Big enough that its cost should count: a reduction for each few hundred limbs touched. */
static void bump_limbs(proc_t *p, size_t n) {
    if (n >= 256) bif_bump(p, n / 256);
}

term_t big_finish(proc_t *p, term_t *hp, size_t n, bool neg, term_t *end) {
    while (n > 0 && hp[n] == 0) n--;
    if (n == 0 || (n == 1 && limb_fits_small(hp[1], neg))) {
        term_t t = n == 0 ? make_small(0) : small_from_limb(hp[1], neg);
        heap_release(p, hp, end);
        return t;
    }
    if (UNLIKELY(n > BIG_LIMBS_MAX)) {
        heap_release(p, hp, end);
        return bif_system_limit(p);
    }
    hp[0] = make_header(neg ? T_BIG_NEG : T_BIG_POS, n);
    if (hp + 1 + n != end) heap_release(p, hp + 1 + n, end);
    return make_boxed(hp);
}

term_t int128_to_term(proc_t *p, __int128 v) {
    if (v >= SMALL_MIN && v <= SMALL_MAX) return make_small((int64_t)v);
    bool neg = v < 0;
    unsigned __int128 m = neg ? 0 - (unsigned __int128)v : (unsigned __int128)v;
    size_t n = (m >> 64) != 0 ? 2 : 1;
    term_t *hp = heap_alloc(p, n + 1);
    if (UNLIKELY(!hp)) return bif_oom(p);
    hp[0] = make_header(neg ? T_BIG_NEG : T_BIG_POS, n);
    hp[1] = (uint64_t)m;
    if (n == 2) hp[2] = (uint64_t)(m >> 64);
    return make_boxed(hp);
}

/* ---- sums ---- */

static int magnitude_cmp(const num_t *a, const num_t *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return a->n == 0 ? 0 : mpn_cmp(limbs(a->d), limbs(b->d), (mp_size_t)a->n);
}

term_t big_add(proc_t *p, const num_t *a, const num_t *b) {
    if (a->n < b->n) {
        const num_t *t = a;
        a = b, b = t;
    }
    term_t *hp = heap_alloc(p, a->n + 2);
    if (UNLIKELY(!hp)) return bif_oom(p);
    term_t *end = hp + a->n + 2;
    bump_limbs(p, a->n);
    if (a->n == 0) return big_finish(p, hp, 0, false, end);
    if (a->neg == b->neg || b->n == 0) {
        mp_limb_t carry = 0;
        if (b->n == 0)
            memcpy(hp + 1, a->d, a->n * sizeof *hp);
        else
            carry = mpn_add(hp + 1, limbs(a->d), (mp_size_t)a->n, limbs(b->d), (mp_size_t)b->n);
        hp[a->n + 1] = carry;
        return big_finish(p, hp, a->n + 1, a->neg, end);
    }
    int c = magnitude_cmp(a, b);
    if (c == 0) return big_finish(p, hp, 0, false, end);
    if (c < 0) {
        const num_t *t = a;
        a = b, b = t;
    }
    mpn_sub(hp + 1, limbs(a->d), (mp_size_t)a->n, limbs(b->d), (mp_size_t)b->n);
    return big_finish(p, hp, a->n, a->neg, end);
}

term_t big_mul(proc_t *p, const num_t *a, const num_t *b) {
    if (a->n < b->n) {
        const num_t *t = a;
        a = b, b = t;
    }
    if (b->n == 0) return make_small(0);
    size_t n = a->n + b->n;
    if (UNLIKELY(n - 1 > BIG_LIMBS_MAX)) return bif_system_limit(p);
    term_t *hp = heap_alloc(p, n + 1);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, n * (b->n < 64 ? b->n : 64) / 8);
    if (b->n == 1)
        hp[n] = mpn_mul_1(hp + 1, limbs(a->d), (mp_size_t)a->n, b->d[0]);
    else if (a->d == b->d && a->n == b->n)
        mpn_sqr(hp + 1, limbs(a->d), (mp_size_t)a->n);
    else
        mpn_mul(hp + 1, limbs(a->d), (mp_size_t)a->n, limbs(b->d), (mp_size_t)b->n);
    return big_finish(p, hp, n, a->neg != b->neg, hp + n + 1);
}

term_t big_div(proc_t *p, const num_t *a, const num_t *b, bool want_rem) {
    bool neg = want_rem ? a->neg : a->neg != b->neg;
    if (magnitude_cmp(a, b) < 0) {
        if (!want_rem) return make_small(0);
        term_t *hp = heap_alloc(p, a->n + 1);
        if (UNLIKELY(!hp)) return bif_oom(p);
        memcpy(hp + 1, a->d, a->n * sizeof *hp);
        return big_finish(p, hp, a->n, neg, hp + a->n + 1);
    }
    size_t nq = a->n - b->n + 1, nr = b->n;
    size_t n = want_rem ? nr : nq, other = want_rem ? nq : nr;
    if (nr == 1 && want_rem) {
        mp_limb_t r = mpn_mod_1(limbs(a->d), (mp_size_t)a->n, b->d[0]);
        bump_limbs(p, a->n);
        return int128_to_term(p, neg ? -(__int128)r : (__int128)r);
    }
    scratch_t s;
    if (UNLIKELY(!scratch_init(p, &s, other))) return bif_oom(p);
    term_t *hp = heap_alloc(p, n + 1);
    if (UNLIKELY(!hp)) {
        scratch_free(p, &s);
        return bif_oom(p);
    }
    size_t inner = nq < nr ? nq : nr;
    bump_limbs(p, a->n * (inner < 64 ? inner : 64) / 4);
    if (nr == 1)
        mpn_divrem_1(hp + 1, 0, limbs(a->d), (mp_size_t)a->n, b->d[0]);
    else
        mpn_tdiv_qr(want_rem ? s.d : hp + 1, want_rem ? hp + 1 : s.d, 0, limbs(a->d),
                    (mp_size_t)a->n, limbs(b->d), (mp_size_t)b->n);
    scratch_free(p, &s);
    return big_finish(p, hp, n, neg, hp + n + 1);
}

/* ---- bits ---- */

/* Operands and result are two's complement, made from and turned back into magnitudes limb by limb:
 * -m is ~m + 1, the 1 travelling upwards as a carry. */
term_t big_bitop(proc_t *p, const num_t *a, const num_t *b, bit_op_t op) {
    size_t n = (a->n > b->n ? a->n : b->n) + 1;
    term_t *hp = heap_alloc(p, n + 1);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, n);
    bool neg;
    switch (op) {
    case BIT_AND: neg = a->neg && b->neg; break;
    case BIT_OR: neg = a->neg || b->neg; break;
    default: neg = a->neg != b->neg; break;
    }
    uint64_t carry_a = a->neg, carry_b = b->neg, carry_r = neg;
    uint64_t mask_a = 0 - (uint64_t)a->neg, mask_b = 0 - (uint64_t)b->neg;
    uint64_t mask_r = 0 - (uint64_t)neg;
    for (size_t i = 0; i < n; i++) {
        uint64_t x = ((i < a->n ? a->d[i] : 0) ^ mask_a) + carry_a;
        carry_a = carry_a && x == 0;
        uint64_t y = ((i < b->n ? b->d[i] : 0) ^ mask_b) + carry_b;
        carry_b = carry_b && y == 0;
        uint64_t r = op == BIT_AND ? x & y : op == BIT_OR ? x | y : x ^ y;
        r = (r ^ mask_r) + carry_r;
        carry_r = carry_r && r == 0;
        hp[i + 1] = r;
    }
    return big_finish(p, hp, n, neg, hp + n + 1);
}

term_t big_shift_left(proc_t *p, const num_t *a, uint64_t n) {
    if (a->n == 0) return make_small(0);
    uint64_t words = n / 64;
    unsigned bits = (unsigned)(n % 64);
    if (words + a->n > BIG_LIMBS_MAX) return bif_system_limit(p);
    size_t len = a->n + (size_t)words + 1;
    term_t *hp = heap_alloc(p, len + 1);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, len);
    memset(hp + 1, 0, (size_t)words * sizeof *hp);
    term_t *to = hp + 1 + words;
    if (bits) {
        to[a->n] = mpn_lshift(to, limbs(a->d), (mp_size_t)a->n, bits);
    } else {
        memcpy(to, a->d, a->n * sizeof *hp);
        to[a->n] = 0;
    }
    return big_finish(p, hp, len, a->neg, hp + len + 1);
}

/* Rounds towards minus infinity, as shifting two's complement does. */
term_t big_shift_right(proc_t *p, const num_t *a, uint64_t n) {
    if (n / 64 >= a->n) return make_small(a->neg ? -1 : 0);
    size_t words = (size_t)(n / 64), len = a->n - words;
    unsigned bits = (unsigned)(n % 64);
    term_t *hp = heap_alloc(p, len + 2);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, len);
    mp_limb_t lost = 0;
    if (bits)
        lost = mpn_rshift(hp + 1, limbs(a->d) + words, (mp_size_t)len, bits);
    else
        memcpy(hp + 1, a->d + words, len * sizeof *hp);
    hp[len + 1] = 0;
    if (a->neg) {
        for (size_t i = 0; i < words && !lost; i++) lost = a->d[i];
        if (lost) hp[len + 1] = mpn_add_1(hp + 1, hp + 1, (mp_size_t)len, 1);
    }
    return big_finish(p, hp, len + 1, a->neg, hp + len + 2);
}

/* ---- comparing ---- */

int big_cmp(term_t a, term_t b) {
    num_t x, y;
    num_load(&x, a);
    num_load(&y, b);
    if (x.neg != y.neg) return x.neg ? -1 : 1;
    int c = magnitude_cmp(&x, &y);
    return x.neg ? -c : c;
}

static unsigned limb_bits(uint64_t w) { return 64 - (unsigned)__builtin_clzll(w); }

int integer_float_cmp(term_t i, double f) {
    if (is_small(i)) {
        int64_t v = small_value(i);
        if (f >= 0x1p60) return -1;
        if (f < -0x1p60) return 1;
        int64_t whole = (int64_t)f;
        if (v != whole) return v < whole ? -1 : 1;
        double rest = f - (double)whole; /* exact: whole is f without its fraction */
        return rest > 0 ? -1 : rest < 0;
    }
    /* |i| is at least 2^60 here, so a float of the same length has no fraction. */
    bool neg = big_is_neg(i);
    if ((f < 0) != neg) return neg ? -1 : 1;
    int up = neg ? -1 : 1, exp;
    double m = frexp(fabs(f), &exp);
    size_t n = big_limbs(i);
    const uint64_t *d = big_data(i);
    int64_t len = (int64_t)(n - 1) * 64 + limb_bits(d[n - 1]);
    if (m == 0 || len != exp) return m == 0 || len > exp ? up : -up;
    uint64_t want = (uint64_t)ldexp(m, 64), have = d[n - 1];
    unsigned shift = 64 - limb_bits(have);
    if (shift) have = have << shift | (n > 1 ? d[n - 2] >> (64 - shift) : 0);
    if (have != want) return have > want ? up : -up;
    if (n > 1 && (shift ? d[n - 2] << shift : d[n - 2]) != 0) return up;
    for (size_t k = 0; k + 2 < n; k++)
        if (d[k] != 0) return up;
    return 0;
}

/* ---- doubles ---- */

/* Adds up limb by limb from the low end, each step rounding, as OTP 25 does: the last bit may
 * differ from the nearest double, and programs compare such results. */
bool integer_to_double(term_t t, double *out) {
    if (is_small(t)) {
        *out = (double)small_value(t);
        return true;
    }
    size_t n = big_limbs(t);
    if (n > 16) return false;
    const uint64_t *d = big_data(t);
    double sum = 0, unit = 1;
    for (size_t i = 0; i < n; i++) {
        sum += (double)d[i] * unit;
        unit *= 0x1p64;
    }
    *out = big_is_neg(t) ? -sum : sum;
    return isfinite(sum);
}

term_t double_to_integer(proc_t *p, double d) {
    if (d < 0x1p60 && d >= -0x1p60) return make_small((int64_t)d);
    int exp;
    uint64_t m = (uint64_t)ldexp(frexp(fabs(d), &exp), 53);
    uint64_t shift = (uint64_t)(exp - 53); /* at least 8 */
    num_t x = {.d = &m, .n = 1, .neg = d < 0};
    return big_shift_left(p, &x, shift);
}

/* ---- bytes ---- */

term_t integer_from_bytes_at(term_t **hp, const uint8_t *be, size_t n, bool is_signed) {
    bool neg = is_signed && n > 0 && (be[0] & 0x80);
    uint8_t fill = neg ? 0xff : 0;
    while (n > 0 && be[0] == fill) be++, n--;
    if (n == 0) return make_small(neg ? -1 : 0);
    if (n <= 8) {
        uint64_t v = neg ? ~(uint64_t)0 : 0;
        for (size_t i = 0; i < n; i++) v = v << 8 | be[i];
        if (neg ? v >= (uint64_t)SMALL_MIN : v <= (uint64_t)SMALL_MAX)
            return (term_t)(v << SMALL_SHIFT);
    }
    term_t *w = *hp + 1;
    size_t len = (n + 7) / 8;
    uint64_t carry = neg;
    for (size_t i = 0; i < len; i++) {
        uint64_t v = neg ? ~(uint64_t)0 : 0;
        size_t left = n - i * 8;
        if (left >= 8) {
            memcpy(&v, be + left - 8, 8);
            v = __builtin_bswap64(v);
        } else {
            for (size_t k = 0; k < left; k++) v = v << 8 | be[k];
        }
        if (neg) {
            v = ~v + carry;
            carry = carry && v == 0;
        }
        w[i] = v;
    }
    if (carry) w[len++] = carry; /* minus a power of 2^64: its fill bytes were dropped above */
    while (len > 0 && w[len - 1] == 0) len--;
    if (len == 1 && limb_fits_small(w[0], neg)) return small_from_limb(w[0], neg);
    (*hp)[0] = make_header(neg ? T_BIG_NEG : T_BIG_POS, len);
    term_t t = make_boxed(*hp);
    *hp += len + 1;
    return t;
}

term_t integer_from_bytes(proc_t *p, const uint8_t *be, size_t n, bool is_signed) {
    if (n <= 7 || (n == 8 && !is_signed && be[0] < 0x10)) {
        term_t *none = NULL; /* surely a small: nothing is written */
        return integer_from_bytes_at(&none, be, n, is_signed);
    }
    size_t words = integer_words(n);
    if (UNLIKELY(words > BIG_LIMBS_MAX + 2)) return bif_system_limit(p);
    term_t *hp = heap_alloc(p, words);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, words);
    term_t *at = hp, t = integer_from_bytes_at(&at, be, n, is_signed);
    if (at != hp + words) heap_release(p, at, hp + words);
    if (UNLIKELY(is_big(t) && big_limbs(t) > BIG_LIMBS_MAX)) return bif_system_limit(p);
    return t;
}

void integer_to_bytes(term_t t, uint8_t *be, size_t nbytes) {
    num_t x;
    num_load(&x, t);
    uint64_t carry = x.neg, mask = 0 - (uint64_t)x.neg;
    uint8_t *at = be + nbytes;
    for (size_t i = 0; nbytes > 0; i++) {
        uint64_t v = ((i < x.n ? x.d[i] : 0) ^ mask) + carry;
        carry = carry && v == 0;
        if (nbytes >= 8) {
            v = __builtin_bswap64(v);
            memcpy(at - 8, &v, 8);
            at -= 8, nbytes -= 8;
        } else {
            for (; nbytes > 0; nbytes--, v >>= 8) *--at = (uint8_t)v;
        }
    }
}

/* ---- text ---- */

static const char digit_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

size_t integer_text_max(term_t t, unsigned base) {
    num_t x;
    num_load(&x, t);
    return 2 + (x.n ? mpn_sizeinbase(limbs(x.d), (mp_size_t)x.n, (int)base) : 1);
}

size_t integer_to_text(vm_t *vm, term_t t, unsigned base, char *buf, size_t cap) {
    char *end = buf + cap, *s = end;
    if (is_small(t)) {
        int64_t v = small_value(t);
        uint64_t m = magnitude(v);
        if (base == 10) /* the compiler turns this division into a multiplication */
            do *--s = (char)('0' + m % 10);
            while ((m /= 10) != 0);
        else
            do *--s = digit_chars[m % base];
            while ((m /= base) != 0);
        if (v < 0) *--s = '-';
        return (size_t)(end - s);
    }
    /* mpn_get_str destroys its operand and wants a limb more. */
    size_t n = big_limbs(t), bytes = (n + 1) * sizeof(mp_limb_t);
    mp_limb_t local[SCRATCH_LIMBS + 1];
    mp_limb_t *d = n <= SCRATCH_LIMBS ? local : mem_alloc(vm, bytes);
    if (!d) return 0;
    memcpy(d, big_data(t), n * sizeof *d);
    size_t room = mpn_sizeinbase(d, (mp_size_t)n, (int)base);
    unsigned char *raw = (unsigned char *)end - room;
    size_t len = mpn_get_str(raw, (int)base, d, (mp_size_t)n);
    if (d != local) mem_free(vm, d, bytes);
    /* It writes from the start of the room; the text belongs at the end. */
    if (len < room) memmove(end - len, raw, len);
    s = end - len;
    for (char *c = s; c < end; c++) *c = digit_chars[(unsigned char)*c];
    while (s < end - 1 && *s == '0') s++;
    if (big_is_neg(t)) *--s = '-';
    return (size_t)(end - s);
}

/* log2(base) * 2^16, rounded up: how many bits a digit takes. */
static uint64_t digit_bits(unsigned base) { return (uint64_t)ceil(log2((double)base) * 65536.0); }

term_t integer_from_digits(proc_t *p, uint8_t *digits, size_t n, unsigned base, bool neg) {
    while (n > 1 && digits[0] == 0) digits++, n--;
    uint64_t bits = digit_bits(base);
    if (n * bits < 60 << 16) {
        uint64_t m = 0;
        for (size_t i = 0; i < n; i++) m = m * base + digits[i];
        return small_from_limb(m, neg);
    }
    if (n > (uint64_t)BIG_LIMBS_MAX * 64) return bif_system_limit(p);
    size_t words = (size_t)(n * bits >> 16) / 64 + 3;
    if (words > BIG_LIMBS_MAX + 16) return bif_system_limit(p);
    term_t *hp = heap_alloc(p, words + 1);
    if (UNLIKELY(!hp)) return bif_oom(p);
    bump_limbs(p, n * (words < 64 ? words : 64) / 16);
    size_t len = (size_t)mpn_set_str(hp + 1, digits, n, (int)base);
    return big_finish(p, hp, len, neg, hp + words + 1);
}
