/* test_numbers.c: bignums, float text and the number BIFs. What can be checked against the C
 * library (strtod, snprintf, 128-bit integers) or by algebra is checked here with many operands;
 * tests/erl/numbers_t.erl compares the rest with stock erl. */
#include "fixture.h"
#include <gmp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "vm/arith.h"
#include "vm/bif_tables.h"
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/float_table.h"

static vm_t *vm;
static proc_t *p;

static int setup(void **state) {
    (void)state;
    vm = fixture_vm();
    p = fixture_proc(vm);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    fixture_free(vm);
    return 0;
}

/* ---- random operands ---- */

static uint64_t seed = 88172645463325252ULL;
static uint64_t rnd(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1dULL;
}
static double rnd_double(void) {
    for (;;) {
        uint64_t b = rnd();
        double d;
        memcpy(&d, &b, sizeof d);
        if (isfinite(d)) return d;
    }
}
/* An integer of up to n bytes, often with runs of zeros or ones. */
static term_t rnd_int(size_t n) {
    uint8_t b[512];
    size_t len = 1 + rnd() % n;
    uint64_t kind = rnd() % 4;
    for (size_t i = 0; i < len; i++)
        b[i] = kind == 0 && i ? 0 : kind == 1 && i ? 0xff : (uint8_t)rnd();
    return integer_from_bytes(p, b, len, true);
}

/* ---- helpers ---- */

static term_t call(const char *m, const char *f, unsigned n, term_t a, term_t b) {
    term_t x[2] = {a, b};
    for (const bif_def_t *const *t = bif_tables; *t; t++)
        for (const bif_def_t *d = *t; d->module; d++)
            if (d->arity == n && !strcmp(d->function, f) && !strcmp(d->module, m))
                return d->fn(p, x);
    fail_msg("no BIF %s:%s/%u", m, f, n);
    return TERM_NONE;
}
static term_t small(int64_t i) { return make_small(i); }
static term_t flt(double d) {
    term_t *hp = heap_alloc(p, FLOAT_WORDS);
    assert_non_null(hp);
    return make_float(&hp, d);
}
static term_t list(const char *s) { return string_to_list(p, s); }
static term_t parse(const char *s) { return call("erlang", "list_to_integer", 1, list(s), 0); }

static void check_eq(term_t a, term_t b) {
    assert_int_not_equal(a, TERM_NONE);
    assert_int_not_equal(b, TERM_NONE);
    assert_true(term_eq(vm, a, b));
}
static void check_text(term_t t, const char *want) {
    char buf[1200];
    assert_true(is_integer(t));
    size_t n = integer_to_text(vm, t, 10, buf, sizeof buf);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(buf + sizeof buf - n, want, n);
}
static void check_error(term_t r, term_t reason) {
    assert_int_equal(r, TERM_NONE);
    assert_int_equal(p->fclass, EXC_ERROR);
    assert_int_equal(p->fvalue, reason);
}
/* Every integer has one form: no bignum where a small does, no high zero limb. */
static term_t canonical(term_t t) {
    assert_true(is_integer(t));
    if (is_big(t)) {
        size_t n = big_limbs(t);
        const uint64_t *d = big_data(t);
        assert_true(n > 0 && d[n - 1] != 0);
        if (n == 1) assert_true(d[0] > (uint64_t)SMALL_MAX + big_is_neg(t));
    }
    return t;
}

/* ---- integers ---- */

static __int128 value128(term_t t) {
    uint8_t b[16];
    integer_to_bytes(t, b, 16);
    unsigned __int128 v = 0;
    for (int i = 0; i < 16; i++) v = v << 8 | b[i];
    return (__int128)v;
}

static void test_against_128_bits(void **state) {
    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t n = i & 1 ? 8 : 7; /* products stay below 2^127 */
        term_t a = rnd_int(n), b = rnd_int(n);
        __int128 x = value128(a), y = value128(b);
        assert_true(value128(canonical(arith_add(p, a, b))) == x + y);
        assert_true(value128(canonical(arith_sub(p, a, b))) == x - y);
        assert_true(value128(canonical(arith_mul(p, a, b))) == x * y);
        assert_true(value128(canonical(arith_band(p, a, b))) == (x & y));
        assert_true(value128(canonical(arith_bor(p, a, b))) == (x | y));
        assert_true(value128(canonical(arith_bxor(p, a, b))) == (x ^ y));
        assert_true(value128(canonical(arith_bnot(p, a))) == ~x);
        assert_true(value128(canonical(arith_neg(p, a))) == -x);
        if (y != 0) {
            assert_true(value128(canonical(arith_div(p, a, b))) == x / y);
            assert_true(value128(canonical(arith_rem(p, a, b))) == x % y);
        }
        int s = (int)(rnd() % 63);
        assert_true(value128(canonical(arith_bsl(p, a, small(s)))) == x * ((__int128)1 << s));
        assert_true(value128(canonical(arith_bsr(p, a, small(s)))) == x >> s);
        int c = term_cmp(vm, a, b);
        assert_int_equal((c > 0) - (c < 0), (x > y) - (x < y));
        if ((i & 1023) == 0) { /* no collector here: start with an empty heap now and then */
            fixture_free(vm);
            setup(NULL);
        }
    }
}

static void test_laws(void **state) {
    (void)state;
    for (int i = 0; i < 3000; i++) {
        term_t a = rnd_int(i % 10 ? 60 : 500), b = rnd_int(i % 7 ? 40 : 500), c = rnd_int(30);
        check_eq(canonical(arith_sub(p, arith_add(p, a, b), b)), a);
        check_eq(canonical(arith_mul(p, arith_add(p, a, b), c)),
                 canonical(arith_add(p, arith_mul(p, a, c), arith_mul(p, b, c))));
        check_eq(canonical(arith_sub(p, arith_bor(p, a, b), arith_band(p, a, b))),
                 canonical(arith_bxor(p, a, b)));
        check_eq(arith_bnot(p, arith_bnot(p, a)), a);
        check_eq(arith_mul(p, a, a), arith_mul(p, a, arith_sub(p, arith_add(p, a, b), b)));
        if (b != small(0)) {
            term_t q = canonical(arith_div(p, a, b)), r = canonical(arith_rem(p, a, b));
            check_eq(arith_add(p, arith_mul(p, q, b), r), a);
            term_t zero = small(0);
            assert_true(r == zero || (term_cmp(vm, r, zero) < 0) == (term_cmp(vm, a, zero) < 0));
        }
        int64_t s = (int64_t)(rnd() % 700);
        term_t up = canonical(arith_bsl(p, a, small(s)));
        check_eq(arith_bsr(p, up, small(s)), a);
        check_eq(arith_bsl(p, up, small(-s)), a);
        /* Shifting right is division rounded down. */
        term_t unit = arith_bsl(p, small(1), small(s)), down = canonical(arith_bsr(p, a, small(s)));
        term_t rest = arith_sub(p, a, arith_mul(p, down, unit));
        assert_true(term_cmp(vm, rest, small(0)) >= 0 && term_cmp(vm, rest, unit) < 0);
    }
}

static void test_edges(void **state) {
    (void)state;
    check_text(arith_add(p, small(SMALL_MAX), small(1)), "1152921504606846976");
    check_text(arith_sub(p, small(SMALL_MIN), small(1)), "-1152921504606846977");
    assert_int_equal(arith_neg(p, arith_neg(p, small(SMALL_MIN))), small(SMALL_MIN));
    check_text(arith_div(p, small(SMALL_MIN), small(-1)), "1152921504606846976");
    assert_int_equal(arith_rem(p, small(SMALL_MIN), small(-1)), small(0));
    check_text(arith_mul(p, small(SMALL_MIN), small(SMALL_MIN)),
               "1329227995784915872903807060280344576");
    assert_int_equal(arith_rem(p, small(-7), small(3)), small(-1));
    assert_int_equal(arith_div(p, small(-7), small(3)), small(-2));
    term_t big = arith_bsl(p, small(1), small(70));
    assert_int_equal(arith_bsl(p, small(0), big), small(0));
    assert_int_equal(arith_bsr(p, small(-5), big), small(-1));
    assert_int_equal(arith_bsr(p, big, big), small(0));
    check_error(arith_bsl(p, small(1), big), A_system_limit);
    check_error(arith_bsr(p, small(1), arith_neg(p, big)), A_system_limit);
    check_error(arith_div(p, small(1), small(0)), A_badarith);
    check_error(arith_rem(p, big, small(0)), A_badarith);
    check_error(arith_fdiv(p, small(1), flt(-0.0)), A_badarith);
    check_error(arith_add(p, A_true, small(1)), A_badarith);
    check_error(arith_bsl(p, small(0), flt(1)), A_badarith);
    check_error(arith_mul(p, flt(1e308), small(10)), A_badarith);
    check_error(arith_add(p, arith_bsl(p, small(1), small(1024)), flt(1)), A_badarith);
    check_error(call("erlang", "abs", 1, A_true, 0), A_badarg);
    check_error(call("erlang", "float", 1, arith_bsl(p, small(1), small(1024)), 0), A_badarg);
    check_text(call("erlang", "trunc", 1, flt(-1e22), 0), "-10000000000000000000000");
    assert_int_equal(call("erlang", "round", 1, flt(-2.5), 0), small(-3));
    assert_int_equal(call("erlang", "floor", 1, flt(-0.5), 0), small(-1));
    assert_int_equal(call("erlang", "ceil", 1, flt(-0.5), 0), small(0));
}

static void test_limit(void **state) {
    (void)state;
    const int64_t n = (int64_t)BIG_LIMBS_MAX * 64;
    term_t top = arith_bsl(p, small(1), small(n - 1));
    assert_true(is_big(top) && big_limbs(top) == BIG_LIMBS_MAX);
    check_error(arith_bsl(p, small(1), small(n)), A_system_limit);
    check_error(arith_add(p, top, top), A_system_limit);
    check_error(arith_mul(p, top, small(2)), A_system_limit);
    check_error(arith_mul(p, top, top), A_system_limit);
    term_t most = arith_add(p, arith_sub(p, top, small(1)), top);
    assert_true(is_big(most));
    check_error(arith_add(p, most, small(1)), A_system_limit);
    check_error(arith_bnot(p, most), A_system_limit);
    assert_true(is_big(arith_neg(p, most)));
    assert_int_equal(arith_bsr(p, top, small(n - 1)), small(1));
}

static void test_bytes(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t b[80], back[80];
        size_t n = rnd() % 80, zeros = rnd() % 12;
        for (size_t k = 0; k < n; k++) b[k] = (uint8_t)rnd();
        if (i % 3 == 0 && zeros <= n) memset(b, i & 1 ? 0xff : 0, zeros);
        if (i % 4 == 0 && zeros <= n) memset(b + n - zeros, 0, zeros);
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            term_t t = canonical(integer_from_bytes(p, b, n, is_signed));
            integer_to_bytes(t, back, n);
            assert_memory_equal(b, back, n);
            bool neg = is_signed && n && (b[0] & 0x80);
            assert_int_equal(neg, term_cmp(vm, t, small(0)) < 0);
            uint8_t wide[96];
            integer_to_bytes(t, wide, n + 16);
            for (int k = 0; k < 16; k++) assert_int_equal(wide[k], neg ? 0xff : 0);
        }
    }
}

static void test_integer_text(void **state) {
    (void)state;
    for (int i = 0; i < 4000; i++) {
        term_t t = rnd_int(i % 50 ? 60 : 500);
        term_t base = small(2 + i % 35);
        check_eq(canonical(call("erlang", "list_to_integer", 2,
                                call("erlang", "integer_to_list", 2, t, base), base)),
                 t);
        check_eq(canonical(call("erlang", "binary_to_integer", 2,
                                call("erlang", "integer_to_binary", 2, t, base), base)),
                 t);
    }
    check_text(parse("-000000000000000000000000000000000000000012"), "-12");
    check_text(parse("123456789012345678901234567890"), "123456789012345678901234567890");
    assert_int_equal(parse("1152921504606846975"), small(SMALL_MAX));
    assert_int_equal(parse("-1152921504606846976"), small(SMALL_MIN));
    assert_true(is_big(parse("1152921504606846976")));
    const char *bad[] = {"", "+", "-", "--1", " 1", "1 ", "1_0", "a", "12345678901234567890a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) check_error(parse(bad[i]), A_badarg);
    check_error(call("erlang", "list_to_integer", 2, list("1"), small(37)), A_badarg);
    check_error(call("erlang", "integer_to_list", 2, small(1), small(1)), A_badarg);
    /* Long text, beyond any local buffer. */
    size_t n = 100000;
    char *s = malloc(n + 1);
    memset(s, '7', n);
    s[n] = 0;
    term_t t = parse(s), l = call("erlang", "integer_to_list", 1, t, 0);
    for (size_t i = 0; i < n; i++, l = cons_tail(l)) assert_int_equal(cons_head(l), small('7'));
    assert_int_equal(l, TERM_NIL);
    free(s);
}

/* ---- floats ---- */

static void test_power_table(void **state) {
    (void)state;
    for (int e = POW10_MIN; e <= POW10_MAX; e++) {
        const uint64_t *row = pow10_table[e - POW10_MIN];
        mp_limb_t ten[24] = {1}, low[28], high[28], bound[28];
        mp_size_t n = 1;
        for (int i = 0; i < abs(e); i++) {
            mp_limb_t c = mpn_mul_1(ten, ten, n, 10);
            if (c) ten[n++] = c;
        }
        int log = (int)((int64_t)n * 64 - __builtin_clzll(ten[n - 1])); /* bits of 10^|e| */
        assert_true(row[0] >> 63);
        mp_limb_t t[2] = {row[1], row[0]}, t1[3];
        t1[2] = mpn_add_1(t1, t, 2, 1);
        memset(bound, 0, sizeof bound);
        if (e >= 0) { /* t <= 10^e * 2^(128 - log) < t + 1 */
            int up = 128 - log;
            memset(low, 0, sizeof low);
            memcpy(low, ten, (size_t)n * 8);
            if (up < 0) { /* compare at the higher precision */
                memset(high, 0, sizeof high);
                memcpy(high + -up / 64, t, 16);
                if (-up % 64) mpn_lshift(high, high, 27, (unsigned)(-up % 64));
                memcpy(bound + -up / 64, t1, 24);
                if (-up % 64) mpn_lshift(bound, bound, 27, (unsigned)(-up % 64));
            } else {
                if (up >= 64)
                    memmove(low + up / 64, low, 8 * (size_t)n),
                        memset(low, 0, 8 * (size_t)(up / 64));
                if (up % 64) mpn_lshift(low, low, 27, (unsigned)(up % 64));
                memset(high, 0, sizeof high);
                memcpy(high, t, 16);
                memcpy(bound, t1, 24);
            }
            assert_true(mpn_cmp(high, low, 27) <= 0 && mpn_cmp(low, bound, 27) < 0);
        } else { /* t * 10^-e <= 2^(127 + log) < (t + 1) * 10^-e */
            memset(low, 0, sizeof low);
            memset(high, 0, sizeof high);
            bound[(127 + log) / 64] = 1ULL << (127 + log) % 64;
            if (n >= 2)
                mpn_mul(low, ten, n, t, 2);
            else
                mpn_mul(low, t, 2, ten, n);
            if (n >= 3)
                mpn_mul(high, ten, n, t1, 3);
            else
                mpn_mul(high, t1, 3, ten, n);
            assert_true(mpn_cmp(low, bound, 27) <= 0 && mpn_cmp(bound, high, 27) < 0);
        }
    }
}

static void check_read(const char *s) {
    double got, want = strtod(s, NULL);
    bool overflow;
    assert_int_equal(text_to_float(s, strlen(s), &got, &overflow), strlen(s));
    assert_int_equal(overflow, isinf(want) != 0);
    if (!overflow && memcmp(&got, &want, sizeof got)) fail_msg("%s: %a, not %a", s, got, want);
}

static void test_reading_floats(void **state) {
    (void)state;
    char s[1300];
    for (int i = 0; i < 60000; i++) {
        double d = rnd_double();
        snprintf(s, sizeof s, "%.*e", 1 + (int)(rnd() % 30), d);
        check_read(s);
        if (i % 20 == 0) { /* just at and just above the middle between two doubles */
            long double mid = ((long double)d + (long double)nextafter(d, INFINITY)) / 2;
            int n = snprintf(s, sizeof s, "%.1100Le", mid);
            check_read(s);
            s[strcspn(s, "e") - 1] = '1';
            assert_true(n < (int)sizeof s);
            check_read(s);
        }
    }
    const char *edge[] = {"0.0",
                          "-0.0",
                          "1.7976931348623157e308",
                          "1.7976931348623158e308",
                          "1.7976931348623159e308",
                          "2.4703282292062327208e-324",
                          "2.4703282292062327209e-324",
                          "2.2250738585072011e-308",
                          "9007199254740993.0",
                          "9007199254740992.999999999999999999999999",
                          "9007199254740993.00000000000000000000000000001",
                          "0.0e99999999999999999999",
                          "1.0e99999999999999999999",
                          "1.0e-99999999999999999999",
                          "000001.0e00005"};
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++) check_read(edge[i]);
    static const struct {
        const char *s;
        size_t used;
    } part[] = {{"", 0},      {"1", 0},     {"1.", 0},    {".5", 0},     {"-", 0},     {"1e5", 0},
                {"1.5x", 3},  {"1.5e", 3},  {"1.5e+", 3}, {"1.5e+x", 3}, {"1,5e3", 5}, {"+1.5-", 4},
                {"1.5.5", 3}, {"--1.5", 0}, {" 1.5", 0},  {"1.5e3e3", 5}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        double d;
        bool overflow;
        assert_int_equal(text_to_float(part[i].s, strlen(part[i].s), &d, &overflow), part[i].used);
    }
}

static void test_writing_floats(void **state) {
    (void)state;
    char got[800], want[800];
    for (int i = 0; i < 40000; i++) {
        double d = i % 3 ? rnd_double() : (double)(int64_t)rnd() / 65536;
        unsigned n = (unsigned)(rnd() % 254);
        size_t len = float_to_fixed(d, n, got, sizeof got);
        assert_int_equal(len, snprintf(want, sizeof want, "%.*f", (int)n, d));
        assert_memory_equal(got, want, len);
        len = float_to_scientific(d, n, got, sizeof got);
        assert_int_equal(len, snprintf(want, sizeof want, "%.*e", (int)n, d));
        assert_memory_equal(got, want, len);
        /* The shortest text reads back the same, and one digit less does not. */
        len = float_to_short(d, got);
        assert_true(len > 0 && len <= 25);
        double back;
        bool overflow;
        assert_int_equal(text_to_float(got, len, &back, &overflow), len);
        assert_memory_equal(&back, &d, sizeof d);
        int digits = 0;
        bool started = false;
        for (size_t k = 0; k < len && got[k] != 'e'; k++)
            if (got[k] >= '0' && got[k] <= '9' && (started || got[k] != '0'))
                started = true, digits++;
        got[len] = 0;
        if (strchr(got, 'e') && digits > 2) {
            snprintf(want, sizeof want, "%.*e", digits - 2, d);
            assert_true(strtod(want, NULL) != d);
        }
    }
    static const struct {
        double d;
        const char *s;
    } row[] = {{0.0, "0.0"},
               {-0.0, "-0.0"},
               {100.0, "100.0"},
               {1000.0, "1.0e3"},
               {123456.0, "123456.0"},
               {0.0001, "0.0001"},
               {0.00001, "1.0e-5"},
               {1e22, "1.0e22"},
               {9007199254740991.0, "9007199254740991.0"},
               {9007199254740992.0, "9.007199254740992e15"},
               {5e-324, "5.0e-324"},
               {1.7976931348623157e308, "1.7976931348623157e308"},
               {-0.0123, "-0.0123"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        size_t len = float_to_short(row[i].d, got);
        assert_int_equal(len, strlen(row[i].s));
        assert_memory_equal(got, row[i].s, len);
    }
    /* Too little room is refused, never overrun. */
    assert_int_equal(float_to_fixed(1e300, 10, got, 255), 0);
    assert_int_equal(float_to_fixed(1.5, 2, got, 4), 4);
    assert_int_equal(float_to_fixed(1.5, 2, got, 3), 0);
    assert_int_equal(float_to_scientific(-1.5, 2, got, 8), 0);
}

static void test_compare_mixed(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double d = trunc(ldexp((double)(int64_t)rnd(), (int)(rnd() % 900) - 60));
        term_t t = call("erlang", "trunc", 1, flt(d), 0);
        canonical(t);
        assert_int_equal(integer_float_cmp(t, d), 0);
        assert_true(integer_float_cmp(arith_add(p, t, small(1)), d) > 0);
        assert_true(integer_float_cmp(arith_sub(p, t, small(1)), d) < 0);
        double up = nextafter(d, INFINITY), back;
        assert_true(integer_float_cmp(t, up) < 0);
        assert_true(integer_to_double(t, &back) && back == d);
    }
    assert_int_equal(integer_float_cmp(small(0), -0.0), 0);
    assert_true(integer_float_cmp(small(SMALL_MAX), 0x1p60) < 0);
    assert_int_equal(integer_float_cmp(small(SMALL_MIN), -0x1p60), 0);
    term_t huge = arith_bsl(p, small(1), small(5000));
    double d;
    assert_true(integer_float_cmp(huge, 1.7e308) > 0);
    assert_true(integer_float_cmp(arith_neg(p, huge), -1.7e308) < 0);
    assert_false(integer_to_double(huge, &d));
}

/* With too little memory each operation fails as a whole, and its scratch memory is returned. */
static void test_no_memory(void **state) {
    (void)state;
    term_t a = arith_bsl(p, small(12345), small(200000)), base = small(10);
    term_t b = arith_bsl(p, small(777), small(90000));
    term_t text = call("erlang", "integer_to_list", 2, a, base);
    term_t bin = call("erlang", "integer_to_binary", 2, a, base);
    unsigned failed = 0, done = 0;
    for (size_t extra = 0; extra < 1500000; extra += 1 + extra / 8) {
        for (int op = 0; op < 9; op++) {
            vm->memory_limit = vm->memory_used + extra + 1;
            size_t before = vm->memory_used;
            uint32_t words = p->frag_words;
            term_t r;
            switch (op) {
            case 0: r = arith_mul(p, a, b); break;
            case 1: r = arith_div(p, a, b); break;
            case 2: r = arith_rem(p, a, b); break;
            case 3: r = arith_add(p, a, b); break;
            case 4: r = arith_bsr(p, a, small(7)); break;
            case 5: r = call("erlang", "list_to_integer", 2, text, base); break;
            case 6: r = call("erlang", "binary_to_integer", 2, bin, base); break;
            case 7: r = call("erlang", "integer_to_list", 2, a, base); break;
            default: r = call("erlang", "integer_to_binary", 2, a, base); break;
            }
            vm->memory_limit = 0;
            if (r == TERM_NONE) {
                failed++;
                assert_int_equal(p->fclass, EXC_OOM);
                /* What is still held is heap. */
                if (p->frag_words == words) assert_int_equal(vm->memory_used, before);
            } else {
                done++;
                if (op == 5 || op == 6) check_eq(r, a);
            }
        }
    }
    assert_true(failed > 100 && done > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_128_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_laws, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_integer_text, setup, teardown),
        cmocka_unit_test(test_power_table),
        cmocka_unit_test(test_reading_floats),
        cmocka_unit_test(test_writing_floats),
        cmocka_unit_test_setup_teardown(test_compare_mixed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
