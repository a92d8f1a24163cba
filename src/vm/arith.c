/* arith.c: the operators on numbers of every kind, and the number BIFs allowed in guards.
 *
 * The engine does sums of smalls itself and comes here for everything else; so the common cases
 * here are floats and results just beyond a small. Integers of any size go to bignum.c as num_t.
 * Floats are never infinite or not-a-number: a result that would be raises badarith. Called by the
 * engine, by other BIFs, and through the table bifs_arith.
 */
#include <math.h>
#include "vm/arith.h"
#include "vm/bif_tables.h"

extern const bif_def_t bifs_arith[];

/* A result, unless it is none. */
static term_t float_result(proc_t *p, double d) {
    if (UNLIKELY(!isfinite(d))) return bif_badarith(p);
    term_t *hp = heap_alloc(p, FLOAT_WORDS);
    if (UNLIKELY(!hp)) return bif_oom(p);
    return make_float(&hp, d);
}

/* A number as a double; false: no number, or an integer too large for one. */
static bool to_double(term_t t, double *d) {
    if (is_float(t)) {
        *d = float_value(t);
        return true;
    }
    return is_integer(t) && integer_to_double(t, d);
}

static bool are_integers(term_t a, term_t b) { return is_integer(a) && is_integer(b); }

static bool to_doubles(term_t a, term_t b, double *x, double *y) {
    return to_double(a, x) && to_double(b, y);
}

term_t arith_add(proc_t *p, term_t a, term_t b) {
    double x, y;
    if (are_small(a, b)) return int128_to_term(p, (__int128)small_value(a) + small_value(b));
    if (are_integers(a, b)) {
        num_t m, n;
        num_load(&m, a);
        num_load(&n, b);
        return big_add(p, &m, &n);
    }
    if (!to_doubles(a, b, &x, &y)) return bif_badarith(p);
    return float_result(p, x + y);
}

term_t arith_sub(proc_t *p, term_t a, term_t b) {
    double x, y;
    if (are_small(a, b)) return int128_to_term(p, (__int128)small_value(a) - small_value(b));
    if (are_integers(a, b)) {
        num_t m, n;
        num_load(&m, a);
        num_load(&n, b);
        n.neg = !n.neg;
        return big_add(p, &m, &n);
    }
    if (!to_doubles(a, b, &x, &y)) return bif_badarith(p);
    return float_result(p, x - y);
}

term_t arith_mul(proc_t *p, term_t a, term_t b) {
    double x, y;
    if (are_small(a, b)) return int128_to_term(p, (__int128)small_value(a) * small_value(b));
    if (are_integers(a, b)) {
        num_t m, n;
        num_load(&m, a);
        num_load(&n, b);
        return big_mul(p, &m, &n);
    }
    if (!to_doubles(a, b, &x, &y)) return bif_badarith(p);
    return float_result(p, x * y);
}

term_t arith_fdiv(proc_t *p, term_t a, term_t b) {
    double x, y;
    if (!to_doubles(a, b, &x, &y) || y == 0) return bif_badarith(p);
    return float_result(p, x / y);
}

static term_t divide(proc_t *p, term_t a, term_t b, bool want_rem) {
    if (!are_integers(a, b) || b == make_small(0)) return bif_badarith(p);
    if (are_small(a, b)) {
        int64_t x = small_value(a), y = small_value(b);
        return want_rem ? make_small(x % y) : int128_to_term(p, x / y);
    }
    num_t m, n;
    num_load(&m, a);
    num_load(&n, b);
    return big_div(p, &m, &n, want_rem);
}

term_t arith_div(proc_t *p, term_t a, term_t b) { return divide(p, a, b, false); }
term_t arith_rem(proc_t *p, term_t a, term_t b) { return divide(p, a, b, true); }

static term_t bit_op(proc_t *p, term_t a, term_t b, bit_op_t op) {
    if (!are_integers(a, b)) return bif_badarith(p);
    num_t m, n;
    num_load(&m, a);
    num_load(&n, b);
    return big_bitop(p, &m, &n, op);
}

/* The tag of a small is zero, so the words can be combined as they are. */
term_t arith_band(proc_t *p, term_t a, term_t b) {
    return are_small(a, b) ? a & b : bit_op(p, a, b, BIT_AND);
}
term_t arith_bor(proc_t *p, term_t a, term_t b) {
    return are_small(a, b) ? a | b : bit_op(p, a, b, BIT_OR);
}
term_t arith_bxor(proc_t *p, term_t a, term_t b) {
    return are_small(a, b) ? a ^ b : bit_op(p, a, b, BIT_XOR);
}

/* Shifts by any count; a bignum count is as good as the largest one. */
static term_t shift(proc_t *p, term_t a, term_t count, bool left) {
    if (!are_integers(a, count)) return bif_badarith(p);
    uint64_t n;
    if (is_small(count)) {
        int64_t c = small_value(count);
        if (c < 0) left = !left;
        n = (uint64_t)(c < 0 ? -c : c);
    } else {
        if (big_is_neg(count)) left = !left;
        n = UINT64_MAX / 2;
    }
    if (is_small(a)) {
        int64_t v = small_value(a);
        if (!left) return make_small(v >> (n < 63 ? n : 63));
        if (n < 64) return int128_to_term(p, (__int128)v * ((__int128)1 << n));
    }
    num_t m;
    num_load(&m, a);
    return left ? big_shift_left(p, &m, n) : big_shift_right(p, &m, n);
}

term_t arith_bsl(proc_t *p, term_t a, term_t b) { return shift(p, a, b, true); }
term_t arith_bsr(proc_t *p, term_t a, term_t b) { return shift(p, a, b, false); }

term_t arith_bnot(proc_t *p, term_t a) {
    if (is_small(a)) return make_small(~small_value(a));
    if (!is_big(a)) return bif_badarith(p);
    const uint64_t one = 1;
    num_t m, n = {.d = &one, .n = 1, .neg = true}; /* ~a = -a - 1 */
    num_load(&m, a);
    m.neg = !m.neg;
    return big_add(p, &m, &n);
}

static term_t negate(proc_t *p, term_t a) {
    if (is_small(a)) return int128_to_term(p, -(__int128)small_value(a));
    num_t m, zero;
    num_load(&m, a);
    num_load(&zero, make_small(0));
    m.neg = !m.neg;
    return big_add(p, &m, &zero);
}

term_t arith_neg(proc_t *p, term_t a) {
    if (is_integer(a)) return negate(p, a);
    if (is_float(a)) return float_result(p, -float_value(a));
    return bif_badarith(p);
}

/* ---- BIFs ---- */

static BIF(add_2) { return arith_add(p, a[0], a[1]); }
static BIF(sub_2) { return arith_sub(p, a[0], a[1]); }
static BIF(mul_2) { return arith_mul(p, a[0], a[1]); }
static BIF(fdiv_2) { return arith_fdiv(p, a[0], a[1]); }
static BIF(div_2) { return arith_div(p, a[0], a[1]); }
static BIF(rem_2) { return arith_rem(p, a[0], a[1]); }
static BIF(band_2) { return arith_band(p, a[0], a[1]); }
static BIF(bor_2) { return arith_bor(p, a[0], a[1]); }
static BIF(bxor_2) { return arith_bxor(p, a[0], a[1]); }
static BIF(bsl_2) { return arith_bsl(p, a[0], a[1]); }
static BIF(bsr_2) { return arith_bsr(p, a[0], a[1]); }
static BIF(bnot_1) { return arith_bnot(p, a[0]); }
static BIF(neg_1) { return arith_neg(p, a[0]); }
static BIF(plus_1) { return is_number(a[0]) ? a[0] : bif_badarith(p); }

/* -0.0 stays as it is, as in OTP 25. */
static BIF(abs_1) {
    term_t t = a[0];
    if (is_small(t)) return small_value(t) < 0 ? negate(p, t) : t;
    if (is_big(t)) return big_is_neg(t) ? negate(p, t) : t;
    if (is_float(t)) return float_value(t) < 0 ? float_result(p, -float_value(t)) : t;
    return bif_badarg(p);
}

static BIF(float_1) {
    double d;
    if (is_float(a[0])) return a[0];
    if (!to_double(a[0], &d)) return bif_badarg(p);
    return float_result(p, d);
}

/* Float to integer by one of the libm roundings; integers stay. */
static term_t rounded(proc_t *p, term_t t, double (*f)(double)) {
    if (is_integer(t)) return t;
    if (!is_float(t)) return bif_badarg(p);
    return double_to_integer(p, f(float_value(t)));
}
static BIF(round_1) { return rounded(p, a[0], round); } /* half away from zero */
static BIF(trunc_1) { return rounded(p, a[0], trunc); }
static BIF(floor_1) { return rounded(p, a[0], floor); }
static BIF(ceil_1) { return rounded(p, a[0], ceil); }

const bif_def_t bifs_arith[] = {{"erlang", "+", 1, plus_1, BIF_GUARD},
                                {"erlang", "+", 2, add_2, BIF_GUARD},
                                {"erlang", "-", 1, neg_1, BIF_GUARD},
                                {"erlang", "-", 2, sub_2, BIF_GUARD},
                                {"erlang", "*", 2, mul_2, BIF_GUARD},
                                {"erlang", "/", 2, fdiv_2, BIF_GUARD},
                                {"erlang", "div", 2, div_2, BIF_GUARD},
                                {"erlang", "rem", 2, rem_2, BIF_GUARD},
                                {"erlang", "band", 2, band_2, BIF_GUARD},
                                {"erlang", "bor", 2, bor_2, BIF_GUARD},
                                {"erlang", "bxor", 2, bxor_2, BIF_GUARD},
                                {"erlang", "bnot", 1, bnot_1, BIF_GUARD},
                                {"erlang", "bsl", 2, bsl_2, BIF_GUARD},
                                {"erlang", "bsr", 2, bsr_2, BIF_GUARD},
                                {"erlang", "abs", 1, abs_1, BIF_GUARD},
                                {"erlang", "float", 1, float_1, BIF_GUARD},
                                {"erlang", "round", 1, round_1, BIF_GUARD},
                                {"erlang", "trunc", 1, trunc_1, BIF_GUARD},
                                {"erlang", "floor", 1, floor_1, BIF_GUARD},
                                {"erlang", "ceil", 1, ceil_1, BIF_GUARD},
                                {0}};
