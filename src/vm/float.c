/* float.c: doubles as text and text as doubles.
 *
 * Four ways out: the shortest text that reads back the same (Schubfach, after R. Giulietti's
 * paper), and the three fixed forms of float_to_list, from exact big-integer digits. One way in,
 * exactly rounded: small numbers by one double operation, most others by a 128-bit product with
 * error bounds, the undecided rest by big integers. Pure functions: no process, no memory, no libc
 * formatting; big integers are bounded and live on the C stack. Any thread.
 */
#include <gmp.h>
#include <math.h>
#include "vm/arith.h"
#include "vm/float_table.h"

typedef unsigned __int128 u128;

static uint64_t double_bits(double d) {
    uint64_t b;
    memcpy(&b, &d, sizeof b);
    return b;
}

/* |d| = *m * 2^*e, with *m below 2^53; d is finite. */
static void double_split(double d, uint64_t *m, int *e) {
    uint64_t b = double_bits(d), frac = b & ((1ULL << 52) - 1);
    int exp = (int)(b >> 52 & 0x7ff);
    *m = exp ? frac | 1ULL << 52 : frac;
    *e = (exp ? exp : 1) - 1075;
}

static bool is_negative(double d) { return double_bits(d) >> 63; }

/* floor(log2(10^e)) and floor(log10(2^e)), exact over the range of doubles. */
static int log2_pow10(int e) { return (e * 1741647) >> 19; }
static int log10_pow2(int e) { return (int)(((int64_t)e * 661971961083LL) >> 41); }
/* floor(log10(3/4 * 2^e)) */
static int log10_three_quarters_pow2(int e) {
    return (int)(((int64_t)e * 661971961083LL - 274743187321LL) >> 41);
}

/* ---- shortest digits ---- */

static uint64_t mul_high(uint64_t a, uint64_t b) { return (uint64_t)((u128)a * b >> 64); }

/* g * cp / 2^127 with the lowest bit set where the rest is not zero ("round to odd"). */
static uint64_t round_to_odd(uint64_t g1, uint64_t g0, uint64_t cp) {
    const uint64_t mask = (1ULL << 63) - 1;
    uint64_t x1 = mul_high(g0, cp), y0 = g1 * cp, y1 = mul_high(g1, cp);
    uint64_t z = (y0 >> 1) + x1;
    uint64_t w = y1 + (z >> 63);
    return w | ((z & mask) + mask) >> 63;
}

/* The shortest decimal f * 10^*k in the interval that rounds to m * 2^q; among those the closest.
 */
static uint64_t shortest_decimal(uint64_t m, int q, int *k) {
    uint64_t odd = m & 1;
    bool irregular = m == 1ULL << 52 && q > -1074; /* the neighbour below is closer */
    uint64_t cb = 4 * m, cbr = cb + 2, cbl = irregular ? cb - 1 : cb - 2;
    *k = irregular ? log10_three_quarters_pow2(q) : log10_pow2(q);
    int h = q + log2_pow10(-*k) + 2;
    const uint64_t *row = pow10_table[-*k - POW10_MIN];
    u128 g = (((u128)row[0] << 64 | row[1]) >> 2) + 1;
    uint64_t g1 = (uint64_t)(g >> 63), g0 = (uint64_t)g & ((1ULL << 63) - 1);
    uint64_t vb = round_to_odd(g1, g0, cb << h);
    uint64_t vbl = round_to_odd(g1, g0, cbl << h);
    uint64_t vbr = round_to_odd(g1, g0, cbr << h);
    uint64_t s = vb >> 2;
    if (s >= 10) { /* one digit less? */
        uint64_t low = s / 10 * 10, high = low + 10;
        bool low_in = vbl + odd <= low << 2, high_in = (high << 2) + odd <= vbr;
        if (low_in != high_in) return low_in ? low : high;
    }
    uint64_t t = s + 1;
    bool s_in = vbl + odd <= s << 2, t_in = (t << 2) + odd <= vbr;
    if (s_in != t_in) return s_in ? s : t;
    int64_t cmp = (int64_t)(vb - ((s + t) << 1));
    return cmp < 0 || (cmp == 0 && (s & 1) == 0) ? s : t;
}

static unsigned put_uint(char *buf, uint64_t v) {
    char tmp[20];
    unsigned n = 0;
    do tmp[n++] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    for (unsigned i = 0; i < n; i++) buf[i] = tmp[n - 1 - i];
    return n;
}

/* Plain or scientific notation, whichever is shorter; plain wins a tie, but a number of 2^53 or
 * more is always scientific, since its last plain digits would mean nothing. */
size_t float_to_short(double d, char buf[40]) {
    char *s = buf;
    if (is_negative(d)) *s++ = '-';
    double a = fabs(d);
    if (a == 0) {
        memcpy(s, "0.0", 3);
        return (size_t)(s + 3 - buf);
    }
    uint64_t m;
    int q, k;
    double_split(a, &m, &q);
    uint64_t f = shortest_decimal(m, q, &k);
    while (f % 10 == 0) f /= 10, k++;
    char digits[20], exp_text[8];
    int n = (int)put_uint(digits, f);
    int exp = k + n - 1; /* of the first digit */
    unsigned exp_len = put_uint(exp_text, (uint64_t)(exp < 0 ? -exp : exp));
    int plain = exp < 0 ? n + 1 - exp : n <= exp + 1 ? exp + 3 : n + 1;
    int scientific = (n == 1 ? 3 : n + 1) + 1 + (exp < 0) + (int)exp_len;
    if (a >= 0x1p53 || plain > scientific) {
        *s++ = digits[0];
        *s++ = '.';
        if (n == 1) *s++ = '0';
        memcpy(s, digits + 1, (size_t)n - 1);
        s += n - 1;
        *s++ = 'e';
        if (exp < 0) *s++ = '-';
        memcpy(s, exp_text, exp_len);
        s += exp_len;
    } else if (exp < 0) {
        *s++ = '0';
        *s++ = '.';
        memset(s, '0', (size_t)(-exp - 1));
        s += -exp - 1;
        memcpy(s, digits, (size_t)n);
        s += n;
    } else {
        int whole = exp + 1, have = n < whole ? n : whole;
        memcpy(s, digits, (size_t)have);
        memset(s + have, '0', (size_t)(whole - have));
        s += whole;
        *s++ = '.';
        if (n > whole) {
            memcpy(s, digits + whole, (size_t)(n - whole));
            s += n - whole;
        } else {
            *s++ = '0';
        }
    }
    return (size_t)(s - buf);
}

/* ---- exact digits ---- */

/* Room for the largest double times 10^600, and for the smallest one's divisor when reading. */
#define NUM_LIMBS  80
#define NUM_DIGITS 1400

/* A natural number on the C stack. */
typedef struct {
    mp_limb_t d[NUM_LIMBS];
    mp_size_t n; /* 0: zero; top limb not zero otherwise */
} nat_t;

static void nat_trim(nat_t *x) {
    while (x->n > 0 && x->d[x->n - 1] == 0) x->n--;
}

static void nat_set(nat_t *x, uint64_t v) {
    x->d[0] = v;
    x->n = v != 0;
}

static void nat_mul_pow10(nat_t *x, unsigned e) {
    while (e > 0 && x->n > 0) {
        unsigned step = e < 19 ? e : 19;
        mp_limb_t f = 1;
        for (unsigned i = 0; i < step; i++) f *= 10;
        mp_limb_t carry = mpn_mul_1(x->d, x->d, x->n, f);
        if (carry) x->d[x->n++] = carry;
        e -= step;
    }
}

static void nat_shift_left(nat_t *x, unsigned bits) {
    if (x->n == 0 || bits == 0) return;
    mp_size_t words = bits / 64;
    unsigned rest = bits % 64;
    memmove(x->d + words, x->d, (size_t)x->n * sizeof(mp_limb_t));
    memset(x->d, 0, (size_t)words * sizeof(mp_limb_t));
    x->n += words;
    if (rest) {
        mp_limb_t carry = mpn_lshift(x->d + words, x->d + words, x->n - words, rest);
        if (carry) x->d[x->n++] = carry;
    }
}

static size_t nat_bits(const nat_t *x) {
    return x->n ? (size_t)x->n * 64 - (size_t)__builtin_clzll(x->d[x->n - 1]) : 0;
}

static void nat_add_one(nat_t *x) {
    if (x->n == 0)
        nat_set(x, 1);
    else if (mpn_add_1(x->d, x->d, x->n, 1))
        x->d[x->n++] = 1;
}

static int nat_cmp(const nat_t *a, const nat_t *b) {
    if (a->n != b->n) return a->n < b->n ? -1 : 1;
    return a->n ? mpn_cmp(a->d, b->d, a->n) : 0;
}

/* q = a / b, a = the rest */
static void nat_divide(nat_t *a, const nat_t *b, nat_t *q) {
    if (a->n < b->n) {
        q->n = 0;
        return;
    }
    mpn_tdiv_qr(q->d, a->d, 0, a->d, a->n, b->d, b->n);
    q->n = a->n - b->n + 1;
    nat_trim(q);
    a->n = b->n;
    nat_trim(a);
}

/* d * 10^e as decimal digits (values, no leading zero; none for 0), rounded half to even as printf
 * does. Returns how many. */
static size_t scaled_digits(double d, int e, uint8_t digits[NUM_DIGITS]) {
    uint64_t m;
    int q;
    double_split(d, &m, &q);
    nat_t num, den, quot;
    nat_set(&num, m);
    nat_set(&den, 1);
    if (e > 0) nat_mul_pow10(&num, (unsigned)e);
    if (e < 0) nat_mul_pow10(&den, (unsigned)-e);
    if (q > 0) nat_shift_left(&num, (unsigned)q);
    if (q < 0) nat_shift_left(&den, (unsigned)-q);
    nat_divide(&num, &den, &quot);
    nat_shift_left(&num, 1);
    int c = nat_cmp(&num, &den);
    if (c > 0 || (c == 0 && quot.n && (quot.d[0] & 1))) nat_add_one(&quot);
    if (quot.n == 0) return 0;
    size_t n = mpn_get_str(digits, 10, quot.d, quot.n), zeros = 0;
    while (zeros < n && digits[zeros] == 0) zeros++;
    if (zeros) memmove(digits, digits + zeros, n - zeros);
    return n - zeros;
}

static void put_digits(char *to, const uint8_t *digits, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = (char)('0' + digits[i]);
}

/* More decimals than this are not asked for: OTP's limit is 253. */
#define DECIMALS_MAX 300

size_t float_to_fixed(double d, unsigned decimals, char *buf, size_t cap) {
    if (decimals > DECIMALS_MAX) return 0;
    uint8_t digits[NUM_DIGITS];
    size_t n = scaled_digits(d, (int)decimals, digits);
    size_t whole = n > decimals ? n - decimals : 1, neg = is_negative(d);
    size_t len = neg + whole + (decimals ? decimals + 1 : 0);
    if (len > cap) return 0;
    char *s = buf;
    if (neg) *s++ = '-';
    if (n > decimals)
        put_digits(s, digits, whole);
    else
        *s = '0';
    s += whole;
    if (decimals) {
        size_t have = n > decimals ? decimals : n;
        *s++ = '.';
        memset(s, '0', decimals - have);
        put_digits(s + (decimals - have), digits + (n - have), have);
    }
    return len;
}

size_t float_to_scientific(double d, unsigned decimals, char *buf, size_t cap) {
    if (decimals > DECIMALS_MAX) return 0;
    uint8_t digits[NUM_DIGITS];
    size_t want = decimals + 1;
    int exp = 0;
    if (d == 0) {
        memset(digits, 0, want);
    } else {
        /* Guess the first digit's exponent from the binary one, correct where the guess, or the
         * rounding, made a digit too many or too few. */
        uint64_t m;
        int q;
        double_split(d, &m, &q);
        exp = log10_pow2(q + 63 - __builtin_clzll(m));
        for (;;) {
            size_t n = scaled_digits(d, (int)decimals - exp, digits);
            if (n == want) break;
            exp += n > want ? 1 : -1;
        }
    }
    char exp_text[8];
    unsigned exp_len = put_uint(exp_text, (uint64_t)(exp < 0 ? -exp : exp));
    size_t neg = is_negative(d), pad = exp_len < 2;
    size_t len = neg + 1 + (decimals ? decimals + 1 : 0) + 2 + pad + exp_len;
    if (len > cap) return 0;
    char *s = buf;
    if (neg) *s++ = '-';
    put_digits(s++, digits, 1);
    if (decimals) {
        *s++ = '.';
        put_digits(s, digits + 1, decimals);
        s += decimals;
    }
    *s++ = 'e';
    *s++ = exp < 0 ? '-' : '+';
    if (pad) *s++ = '0';
    memcpy(s, exp_text, exp_len);
    return len;
}

/* OTP rounds numbers up to 2^53 with up to 18 decimals in double arithmetic, half up; only others
 * exactly. Its compact drops zeros at the end even where there is no point (1.0e22 with no
 * decimals becomes "1") in the second case; the results are the same here. */
size_t float_to_decimals(double d, unsigned decimals, bool compact, char *buf, size_t cap) {
    double a = fabs(d);
    size_t len;
    if (decimals > 18 || a > 0x1p53) {
        len = float_to_fixed(d, decimals, buf, cap);
        if (len == 0 || !compact) return len;
        while (len > 1 && buf[len - 1] == '0') len--;
        if (buf[len - 1] == '.') buf[len++] = '0';
        return len;
    }
    double unit = 1;
    for (unsigned i = 0; i < decimals; i++) unit *= 10;
    uint64_t whole = (uint64_t)a;
    double scaled = (a - (double)whole) * unit;
    uint64_t part = (uint64_t)scaled;
    if (scaled - (double)part >= 0.5) part++;
    if (part >= (uint64_t)unit) whole++, part -= (uint64_t)unit;
    char tmp[48], *s = tmp;
    if (is_negative(d)) *s++ = '-';
    s += put_uint(s, whole);
    if (decimals) {
        *s++ = '.';
        char *first = s;
        for (unsigned i = decimals; i-- > 0; part /= 10) s[i] = (char)('0' + part % 10);
        s += decimals;
        if (compact)
            while (s > first + 1 && s[-1] == '0') s--;
    }
    len = (size_t)(s - tmp);
    if (len > cap) return 0;
    memcpy(buf, tmp, len);
    return len;
}

/* ---- text to double ---- */

/* v * 2^e to the nearest double, ties to even; v has more than 64 bits. May be infinite. */
static double round_u128(u128 v, int e) {
    uint64_t high = (uint64_t)(v >> 64);
    int lead = 127 - __builtin_clzll(high); /* number of the top bit */
    int top = lead + e, keep = top >= -1022 ? 53 : 53 - (-1022 - top);
    if (keep < 0) return 0;
    if (top > 1023) return INFINITY;
    int shift = lead + 1 - keep;
    u128 m = shift < 128 ? v >> shift : 0, half = (u128)1 << (shift - 1);
    u128 rest = shift < 128 ? v & ((half << 1) - 1) : v;
    if (rest > half || (rest == half && (m & 1))) m++;
    return ldexp((double)(uint64_t)m, e + shift);
}

/* Top 128 bits of x, lowest bit set where anything below is not zero; *e: what to scale by. */
static u128 nat_top(const nat_t *x, bool sticky, int *e) {
    nat_t y;
    memcpy(y.d, x->d, (size_t)x->n * sizeof(mp_limb_t));
    y.n = x->n;
    int bits = (int)nat_bits(&y);
    unsigned up = bits % 64 ? 64 - (unsigned)bits % 64 : 0;
    if (y.n < 2) up += 64;
    nat_shift_left(&y, up);
    u128 v = (u128)y.d[y.n - 1] << 64 | y.d[y.n - 2];
    for (mp_size_t i = 0; i < y.n - 2 && !sticky; i++) sticky = y.d[i] != 0;
    *e = bits - 128;
    return v | sticky;
}

/* Digits that decide a rounding: no boundary between doubles has more than 767. */
#define READ_DIGITS 780

/* digits (values) * 10^exp, exactly. */
static double read_exact(uint8_t *digits, size_t n, int exp) {
    nat_t num, den, quot;
    int e;
    num.n = mpn_set_str(num.d, digits, n, 10);
    nat_trim(&num);
    if (exp >= 0) {
        nat_mul_pow10(&num, (unsigned)exp);
        u128 v = nat_top(&num, false, &e);
        return round_u128(v, e);
    }
    nat_set(&den, 1);
    nat_mul_pow10(&den, (unsigned)-exp);
    int up = (int)nat_bits(&den) - (int)nat_bits(&num) + 130;
    if (up < 0) up = 0;
    nat_shift_left(&num, (unsigned)up);
    nat_divide(&num, &den, &quot);
    u128 v = nat_top(&quot, num.n != 0, &e);
    return round_u128(v, e - up);
}

/* w * 10^exp where more (not zero) digits follow w if cut; false: too close to call. */
static bool read_fast(uint64_t w, int exp, bool cut, double *out) {
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!cut && w <= 1ULL << 53 && exp >= -22 && exp <= 22) {
        *out = exp < 0 ? (double)w / exact[-exp] : (double)w * exact[exp];
        return true;
    }
    /* The true value lies in [low, high] * 2^e; if both ends round alike, so does it. */
    const uint64_t *row = pow10_table[exp - POW10_MIN];
    unsigned up = (unsigned)__builtin_clzll(w);
    w <<= up;
    u128 low = (u128)w * row[0] + ((u128)w * row[1] >> 64), high = low + 2;
    if (cut) high += (((u128)row[0] << up) | (up ? row[1] >> (64 - up) : 0)) + 2;
    if (high < low) return false;
    int e = 64 + log2_pow10(exp) - 127 - (int)up;
    *out = round_u128(low, e);
    return *out == round_u128(high, e);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* [+-]D+[.,]D+([eE][+-]?D+)?; the comma is OTP's. */
size_t text_to_float(const char *s, size_t n, double *out, bool *overflow) {
    size_t i = 0;
    *overflow = false;
    bool neg = n > 0 && s[0] == '-';
    if (n > 0 && (s[0] == '-' || s[0] == '+')) i++;
    size_t start = i;
    while (i < n && is_digit(s[i])) i++;
    size_t point = i;
    if (i == start || i >= n || (s[i] != '.' && s[i] != ',')) return 0;
    i++;
    while (i < n && is_digit(s[i])) i++;
    size_t end = i; /* of the digits */
    if (end == point + 1) return 0;
    int64_t exp = 0;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        size_t k = i + 1;
        bool exp_neg = k < n && s[k] == '-';
        if (k < n && (s[k] == '-' || s[k] == '+')) k++;
        if (k < n && is_digit(s[k])) {
            for (; k < n && is_digit(s[k]); k++)
                if (exp < INT64_MAX / 100) exp = exp * 10 + (s[k] - '0');
            if (exp_neg) exp = -exp;
            i = k;
        }
    }
    /* The significant digits, at first 19 of them. */
    size_t z = start;
    while (z < end && (s[z] == '0' || z == point)) z++;
    while (end > z && (s[end - 1] == '0' || end - 1 == point)) end--;
    double value = 0;
    if (z < end) {
        uint64_t w = 0;
        unsigned taken = 0;
        size_t k = z;
        for (; k < end && taken < 19; k++)
            if (k != point) w = w * 10 + (uint64_t)(s[k] - '0'), taken++;
        bool cut = k < end;
        /* Exponent of the digit taken last. */
        exp += k <= point ? (int64_t)(point - k) : -(int64_t)(k - point - 1);
        int64_t top = exp + taken;
        if (top > 309) {
            value = INFINITY;
        } else if (top >= -324 && !read_fast(w, (int)exp, cut, &value)) {
            uint8_t digits[READ_DIGITS + 1];
            size_t nd = 0;
            size_t j = z;
            for (; j < end && nd < READ_DIGITS; j++)
                if (j != point) digits[nd++] = (uint8_t)(s[j] - '0');
            int exact_exp = (int)exp + (int)taken - (int)nd;
            if (j < end) {
                digits[nd++] = 1; /* something follows; what, no longer matters */
                exact_exp--;
            }
            value = read_exact(digits, nd, exact_exp);
        }
    }
    *overflow = isinf(value);
    *out = neg ? -value : value;
    return i;
}
