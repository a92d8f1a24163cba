/* bif_numbers.c: numbers to text and back, and the module math.
 *
 * The conversions collect text in one block (on the C stack where it is short), hand it to bignum.c
 * or float.c, and make a list or binary of the answer. All failures are plain badarg, as in OTP:
 * what was wrong with an argument is worked out from the arguments by erl_erts_errors. Called
 * through the table bifs_numbers only.
 */
#include <math.h>
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/bif_tables.h"

extern const bif_def_t bifs_numbers[];

/* Text up to this size is kept on the C stack. */
#define SHORT_TEXT 512

typedef struct {
    uint8_t *s;
    size_t n;
    size_t size; /* allocated; 0: local */
    uint8_t local[SHORT_TEXT];
} chars_t;

static bool chars_init(proc_t *p, chars_t *c, size_t cap) {
    c->n = 0;
    c->size = cap <= SHORT_TEXT ? 0 : cap;
    c->s = c->size ? mem_alloc(p->vm, c->size) : c->local;
    return c->s != NULL;
}
static void chars_free(proc_t *p, chars_t *c) {
    if (c->size) mem_free(p->vm, c->s, c->size);
}

/* Conses (not more than that) whose head is a small below 256, from t on; *rest: what follows. */
static size_t char_run(term_t t, term_t *rest) {
    size_t n = 0;
    for (; is_cons(t); t = cons_tail(t), n++) {
        term_t h = cons_head(t);
        if (!is_small(h) || (uint64_t)small_value(h) > 255) break;
    }
    *rest = t;
    return n;
}

static void copy_chars(uint8_t *to, term_t t, size_t n) {
    for (; n > 0; n--, t = cons_tail(t)) *to++ = (uint8_t)small_value(cons_head(t));
}

/* The whole of a proper list of bytes. False: no such list (*oom unset) or no memory. */
static bool chars_of_list(proc_t *p, term_t t, chars_t *c, bool *oom) {
    term_t rest;
    size_t n = char_run(t, &rest);
    *oom = false;
    if (!is_nil(rest)) return false;
    if (!chars_init(p, c, n)) {
        *oom = true;
        return false;
    }
    copy_chars(c->s, t, n);
    c->n = n;
    bif_bump(p, n / 64);
    return true;
}

/* Bytes of a binary, for reading; released by view_free. */
typedef struct {
    const uint8_t *s;
    size_t n;
    uint8_t *tmp;
    size_t tmp_size;
} view_t;
/* False: no binary (*oom unset) or no memory. */
static bool view_of_binary(proc_t *p, term_t t, view_t *v, bool *oom) {
    *oom = false;
    if (!is_binary(t)) return false;
    if (bytes_of(p->vm, t, &v->s, &v->n, &v->tmp, &v->tmp_size)) return true;
    *oom = true;
    return false;
}
static void view_free(proc_t *p, view_t *v) {
    if (v->tmp) mem_free(p->vm, v->tmp, v->tmp_size);
}

static term_t text_result(proc_t *p, const void *s, size_t n, bool as_list) {
    term_t t = as_list ? bytes_to_list(p, s, n, TERM_NIL) : new_binary(p, s, n);
    bif_bump(p, n / 64);
    return LIKELY(t != TERM_NONE) ? t : bif_oom(p);
}

static bool get_base(term_t t, unsigned *base) {
    if (!is_small(t) || small_value(t) < 2 || small_value(t) > 36) return false;
    *base = (unsigned)small_value(t);
    return true;
}

/* ---- integers to text ---- */

/* Larger integers take a millisecond and more, all of it in GMP: work for a dirty scheduler. */
#define DIRTY_LIMBS  2000
#define DIRTY_DIGITS 40000

static term_t from_integer(proc_t *p, term_t t, unsigned base, bool as_list) {
    if (!is_integer(t)) return bif_badarg(p);
    chars_t c;
    if (is_small(t)) { /* 60 digits and a sign at most */
        size_t n = integer_to_text(p->vm, t, base, (char *)c.local, 64);
        return text_result(p, c.local + 64 - n, n, as_list);
    }
    if (big_limbs(t) > DIRTY_LIMBS && bif_go_dirty(p, BIF_DIRTY_CPU)) return TERM_NONE;
    size_t cap = integer_text_max(t, base);
    if (!chars_init(p, &c, cap)) return bif_oom(p);
    size_t n = integer_to_text(p->vm, t, base, (char *)c.s, cap);
    size_t limbs = big_limbs(t);
    bif_bump(p, limbs * (limbs < 64 ? limbs : 64) / 64);
    term_t r = n ? text_result(p, c.s + cap - n, n, as_list) : bif_oom(p);
    chars_free(p, &c);
    return r;
}

static term_t from_integer_base(proc_t *p, term_t *a, bool as_list) {
    unsigned base;
    return get_base(a[1], &base) ? from_integer(p, a[0], base, as_list) : bif_badarg(p);
}

static BIF(integer_to_list_1) { return from_integer(p, a[0], 10, true); }
static BIF(integer_to_list_2) { return from_integer_base(p, a, true); }
static BIF(integer_to_binary_1) { return from_integer(p, a[0], 10, false); }
static BIF(integer_to_binary_2) { return from_integer_base(p, a, false); }

/* ---- text to integers ---- */

/* A digit's value; 99 for what is none in any base. */
static unsigned digit_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') return c - 'a' + 10u;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10u;
    return 99;
}

/* [+-]digits, all of it. s may be written to where digits is s (or apart from it). */
static term_t parse_integer(proc_t *p, const uint8_t *s, size_t n, unsigned base, uint8_t *digits) {
    bool neg = n > 0 && s[0] == '-';
    if (n > 0 && (s[0] == '-' || s[0] == '+')) s++, n--;
    if (n == 0) return bif_badarg(p);
    if (n <= 11) { /* 36^11 < 2^60 */
        int64_t v = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned d = digit_value(s[i]);
            if (d >= base) return bif_badarg(p);
            v = v * base + d;
        }
        return make_small(neg ? -v : v);
    }
    for (size_t i = 0; i < n; i++) {
        unsigned d = digit_value(s[i]);
        if (d >= base) return bif_badarg(p);
        digits[i] = (uint8_t)d;
    }
    return integer_from_digits(p, digits, n, base, neg);
}

static term_t integer_of_list(proc_t *p, term_t t, unsigned base) {
    chars_t c;
    bool oom;
    if (!chars_of_list(p, t, &c, &oom)) return oom ? bif_oom(p) : bif_badarg(p);
    term_t r = TERM_NONE;
    if (c.n <= DIRTY_DIGITS || !bif_go_dirty(p, BIF_DIRTY_CPU))
        r = parse_integer(p, c.s, c.n, base, c.s);
    chars_free(p, &c);
    return r;
}

static term_t integer_of_binary(proc_t *p, term_t t, unsigned base) {
    view_t v;
    chars_t c;
    bool oom;
    if (is_binary(t) && bit_size_of(t) / 8 > DIRTY_DIGITS && bif_go_dirty(p, BIF_DIRTY_CPU))
        return TERM_NONE;
    if (!view_of_binary(p, t, &v, &oom)) return oom ? bif_oom(p) : bif_badarg(p);
    term_t r;
    if (chars_init(p, &c, v.n)) {
        r = parse_integer(p, v.s, v.n, base, c.s);
        chars_free(p, &c);
    } else {
        r = bif_oom(p);
    }
    bif_bump(p, v.n / 64);
    view_free(p, &v);
    return r;
}

static BIF(list_to_integer_1) { return integer_of_list(p, a[0], 10); }
static BIF(list_to_integer_2) {
    unsigned base;
    return get_base(a[1], &base) ? integer_of_list(p, a[0], base) : bif_badarg(p);
}
static BIF(binary_to_integer_1) { return integer_of_binary(p, a[0], 10); }
static BIF(binary_to_integer_2) {
    unsigned base;
    return get_base(a[1], &base) ? integer_of_binary(p, a[0], base) : bif_badarg(p);
}

static term_t pair(proc_t *p, term_t x, term_t y) {
    term_t *hp = heap_alloc(p, 3);
    return LIKELY(hp) ? tuple2(&hp, x, y) : bif_oom(p);
}

/* {Int, Rest} | {error, no_integer | not_a_list}: as many digits as there are. */
static BIF(string_list_to_integer_1) {
    term_t t = a[0];
    if (!is_list(t)) return pair(p, A_error, A_not_a_list);
    size_t n = 0;
    term_t rest = t;
    for (; is_cons(rest); rest = cons_tail(rest), n++) {
        term_t h = cons_head(rest);
        bool sign = n == 0 && (h == make_small('-') || h == make_small('+'));
        bool digit = is_small(h) && small_value(h) >= '0' && small_value(h) <= '9';
        if (!sign && !digit) break;
    }
    bool sign = n > 0 && small_value(cons_head(t)) < '0';
    if (n == (size_t)sign) return pair(p, A_error, A_no_integer);
    chars_t c;
    if (!chars_init(p, &c, n)) return bif_oom(p);
    copy_chars(c.s, t, n);
    bif_bump(p, n / 64);
    term_t i = parse_integer(p, c.s, n, 10, c.s);
    chars_free(p, &c);
    return i == TERM_NONE ? i : pair(p, i, rest);
}

/* ---- floats to text ---- */

/* OTP's buffer is 256 bytes with the ending zero: longer results are badarg. */
#define FLOAT_TEXT       255
#define DECIMALS_LIMIT   253
#define SCIENTIFIC_LIMIT 249

static term_t from_float_default(proc_t *p, term_t t, bool as_list) {
    char buf[FLOAT_TEXT];
    if (!is_float(t)) return bif_badarg(p);
    size_t n = float_to_scientific(float_value(t), 20, buf, sizeof buf);
    return text_result(p, buf, n, as_list);
}

/* The last of decimals, scientific and short counts; compact is for decimals only. */
static term_t from_float(proc_t *p, term_t *a, bool as_list) {
    enum { SCIENTIFIC, DECIMALS, SHORT } form = SCIENTIFIC;
    int64_t digits = 20;
    bool compact = false;
    term_t o = a[1];
    for (; is_cons(o); o = cons_tail(o)) {
        term_t h = cons_head(o);
        if (h == A_compact) {
            compact = true;
        } else if (h == A_short) {
            form = SHORT;
        } else if (is_tuple_of(h, 2) && is_small(tuple_elem(h, 2))) {
            digits = small_value(tuple_elem(h, 2));
            if (tuple_elem(h, 1) == A_decimals) {
                form = DECIMALS; /* an impossible number does no harm if another follows */
            } else if (tuple_elem(h, 1) == A_scientific) {
                form = SCIENTIFIC;
            } else {
                return bif_badarg(p);
            }
        } else {
            return bif_badarg(p);
        }
    }
    if (!is_nil(o) || !is_float(a[0])) return bif_badarg(p);
    if (form == DECIMALS && (digits < 0 || digits > DECIMALS_LIMIT)) return bif_badarg(p);
    if (form == SCIENTIFIC) {
        if (digits > SCIENTIFIC_LIMIT) return bif_badarg(p);
        digits = (int32_t)digits;
        if (digits < 0) digits = 6; /* as printf takes a negative precision */
        if (digits > SCIENTIFIC_LIMIT) return bif_badarg(p);
    }
    char buf[FLOAT_TEXT];
    double d = float_value(a[0]);
    size_t n;
    switch (form) {
    case SHORT: n = float_to_short(d, buf); break;
    case DECIMALS: n = float_to_decimals(d, (unsigned)digits, compact, buf, sizeof buf); break;
    default: n = float_to_scientific(d, (unsigned)digits, buf, sizeof buf); break;
    }
    return n ? text_result(p, buf, n, as_list) : bif_badarg(p);
}

static BIF(float_to_list_1) { return from_float_default(p, a[0], true); }
static BIF(float_to_list_2) { return from_float(p, a, true); }
static BIF(float_to_binary_1) { return from_float_default(p, a[0], false); }
static BIF(float_to_binary_2) { return from_float(p, a, false); }

/* ---- text to floats ---- */

static term_t make_float_term(proc_t *p, double d) {
    term_t *hp = heap_alloc(p, FLOAT_WORDS);
    return LIKELY(hp) ? make_float(&hp, d) : bif_oom(p);
}

static term_t parse_float(proc_t *p, const uint8_t *s, size_t n) {
    double d;
    bool overflow;
    if (n == 0 || text_to_float((const char *)s, n, &d, &overflow) != n || overflow)
        return bif_badarg(p);
    return make_float_term(p, d);
}

static BIF(list_to_float_1) {
    chars_t c;
    bool oom;
    if (!chars_of_list(p, a[0], &c, &oom)) return oom ? bif_oom(p) : bif_badarg(p);
    term_t r = parse_float(p, c.s, c.n);
    chars_free(p, &c);
    return r;
}

static BIF(binary_to_float_1) {
    view_t v;
    bool oom;
    if (!view_of_binary(p, a[0], &v, &oom)) return oom ? bif_oom(p) : bif_badarg(p);
    term_t r = parse_float(p, v.s, v.n);
    bif_bump(p, v.n / 64);
    view_free(p, &v);
    return r;
}

/* {Float, Rest} | {error, no_float | not_a_list} */
static BIF(string_list_to_float_1) {
    term_t t = a[0], rest;
    if (!is_list(t)) return pair(p, A_error, A_not_a_list);
    size_t n = 0;
    for (rest = t; is_cons(rest); rest = cons_tail(rest), n++) {
        term_t h = cons_head(rest);
        if (!is_small(h) || (uint64_t)small_value(h) > 127 ||
            !strchr("0123456789+-.,eE", (int)small_value(h)) || small_value(h) == 0)
            break;
    }
    chars_t c;
    if (!chars_init(p, &c, n)) return bif_oom(p);
    copy_chars(c.s, t, n);
    bif_bump(p, n / 64);
    double d;
    bool overflow;
    size_t used = text_to_float((const char *)c.s, n, &d, &overflow);
    chars_free(p, &c);
    if (used == 0 || overflow) return pair(p, A_error, A_no_float);
    for (rest = t; used > 0; used--) rest = cons_tail(rest);
    term_t f = make_float_term(p, d);
    return f == TERM_NONE ? f : pair(p, f, rest);
}

/* ---- math ---- */

/* false: raised. */
static bool math_arg(proc_t *p, term_t t, double *d) {
    if (is_float(t)) {
        *d = float_value(t);
        return true;
    }
    if (!is_integer(t)) return bif_badarg(p), false;
    if (!integer_to_double(t, d)) return bif_badarith(p), false;
    return true;
}
static term_t math_result(proc_t *p, double d) {
    return isfinite(d) ? make_float_term(p, d) : bif_badarith(p);
}
static term_t math1(proc_t *p, term_t *a, double (*f)(double)) {
    double x;
    return math_arg(p, a[0], &x) ? math_result(p, f(x)) : TERM_NONE;
}
static term_t math2(proc_t *p, term_t *a, double (*f)(double, double)) {
    double x, y;
    if (!math_arg(p, a[0], &x) || !math_arg(p, a[1], &y)) return TERM_NONE;
    return math_result(p, f(x, y));
}

/* clang-format off */
#define MATH(T1, T2) \
    T1(cos) T1(cosh) T1(sin) T1(sinh) T1(tan) T1(tanh) T1(acos) T1(acosh) T1(asin) T1(asinh) \
    T1(atan) T1(atanh) T1(erf) T1(erfc) T1(exp) T1(log) T1(log2) T1(log10) T1(sqrt) T1(floor) \
    T1(ceil) T2(atan2) T2(pow) T2(fmod)
/* clang-format on */
#define MATH_FN1(name)                                                                             \
    static BIF(math_##name) { return math1(p, a, name); }
#define MATH_FN2(name)                                                                             \
    static BIF(math_##name) { return math2(p, a, name); }
MATH(MATH_FN1, MATH_FN2)
#define MATH_ROW1(name) {"math", #name, 1, math_##name, 0},
#define MATH_ROW2(name) {"math", #name, 2, math_##name, 0},

const bif_def_t bifs_numbers[] = {{"erlang", "integer_to_list", 1, integer_to_list_1, 0},
                                  {"erlang", "integer_to_list", 2, integer_to_list_2, 0},
                                  {"erlang", "integer_to_binary", 1, integer_to_binary_1, 0},
                                  {"erlang", "integer_to_binary", 2, integer_to_binary_2, 0},
                                  {"erlang", "list_to_integer", 1, list_to_integer_1, 0},
                                  {"erlang", "list_to_integer", 2, list_to_integer_2, 0},
                                  {"erlang", "binary_to_integer", 1, binary_to_integer_1, 0},
                                  {"erlang", "binary_to_integer", 2, binary_to_integer_2, 0},
                                  {"erlang", "float_to_list", 1, float_to_list_1, 0},
                                  {"erlang", "float_to_list", 2, float_to_list_2, 0},
                                  {"erlang", "float_to_binary", 1, float_to_binary_1, 0},
                                  {"erlang", "float_to_binary", 2, float_to_binary_2, 0},
                                  {"erlang", "list_to_float", 1, list_to_float_1, 0},
                                  {"erlang", "binary_to_float", 1, binary_to_float_1, 0},
                                  {"string", "list_to_integer", 1, string_list_to_integer_1, 0},
                                  {"string", "list_to_float", 1, string_list_to_float_1, 0},
                                  MATH(MATH_ROW1, MATH_ROW2){0}};
