/* engine_arith.c: instructions that compute: integer and float arithmetic, and BIFs used as
 * expressions and guards. See engine.h.
 */
#include <math.h>
#include "vm/binary.h"
#include "vm/engine.h"
#include "vm/map.h"

/* ---- the slow path of all arithmetic ----
 * bif_args: operands. All forms have the same head: H(3) live, W1(0) fail, W1(1) the operator's
 * export entry. arg[2]: destination operand, arg[3]: where to go on. */
DEFINE_SLOW(arith_slow) {
    uint64_t dst = p->sched->arg[2], next = p->sched->arg[3];
    export_t *e = (export_t *)(uintptr_t)W1(1);
    SAVE();
    p->cur_bif = e->bif;
    p->cause = TERM_NONE;
    term_t r = e->bif->fn(p, p->sched->bif_args);
    if (UNLIKELY(r == TERM_NONE)) {
        p->sched->guard_args = p->sched->bif_args; /* the stack trace shows the operands */
        GO_OR_RAISE(W1(0));
    }
    RESTORE();
    if (UNLIKELY(gc_wanted(p))) {
        p->sched->result = r;
        if (!gc_minor(p, STACK_RESERVE, x, H(3), &p->sched->result, 1)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        RESTORE();
        r = p->sched->result;
    }
    DEST(dst) = r;
    GO(CODE(next));
}
#define ARITH_SLOW(a, b, dst, name, slow)                                                          \
    do {                                                                                           \
        uint64_t *arg = p->sched->arg;                                                             \
        p->sched->bif_args[0] = (a), p->sched->bif_args[1] = (b);                                  \
        arg[2] = (dst), arg[3] = (uint64_t)(uintptr_t)(ip + SIZE_##name);                          \
        SLOW(slow);                                                                                \
    } while (0)
#define DST_X ((uint64_t)H(0) << 8 | REG_X)

/* Two floats are common enough to be worth a path of their own before the general one. */
#define FLOAT_MAX_VALUE 1.7976931348623157e308
#define FLOAT_SLOW(name, op)                                                                       \
    DEFINE_SLOW(name) {                                                                            \
        term_t a = p->sched->bif_args[0], b = p->sched->bif_args[1];                               \
        if (LIKELY(is_float(a) && is_float(b) &&                                                   \
                   (size_t)(sp - hp) >= FLOAT_WORDS + STACK_RESERVE)) {                            \
            double r = float_value(a) op float_value(b);                                           \
            if (LIKELY(fabs(r) <= FLOAT_MAX_VALUE)) {                                              \
                hp[0] = make_header(T_FLOAT, 1);                                                   \
                memcpy(hp + 1, &r, sizeof r);                                                      \
                DEST(p->sched->arg[2]) = make_boxed(hp);                                           \
                hp += FLOAT_WORDS;                                                                 \
                GO(CODE(p->sched->arg[3]));                                                        \
            }                                                                                      \
        }                                                                                          \
        SLOW(arith_slow);                                                                          \
    }
FLOAT_SLOW(add_slow, +)
FLOAT_SLOW(sub_slow, -)
FLOAT_SLOW(mul_slow, *)
#define band_slow arith_slow
#define bor_slow  arith_slow
#define bxor_slow arith_slow
#define bsl_slow  arith_slow
#define bsr_slow  arith_slow
#define div_slow  arith_slow
#define rem_slow  arith_slow
#define neg_slow  arith_slow
#define bnot_slow arith_slow

/* The forms of an operator by the kinds of its operands; the destination is an X register. quick:
 * sets r and is true where the result is a small. */
#define ARITH_SS(name, quick)                                                                      \
    DEFINE_OP(name##_SS) {                                                                         \
        term_t a = SOURCE(W1(2)), b = SOURCE(W1(3));                                               \
        int64_t r;                                                                                 \
        if (LIKELY(quick)) {                                                                       \
            DEST(W1(4)) = (term_t)r;                                                               \
            NEXT(name##_SS);                                                                       \
        }                                                                                          \
        ARITH_SLOW(a, b, W1(4), name##_SS, name##_slow);                                           \
    }
#define ARITH_FORM(name, form, first, second, quick)                                               \
    DEFINE_OP(name##_##form) {                                                                     \
        term_t a = (first), b = (second);                                                          \
        int64_t r;                                                                                 \
        if (LIKELY(quick)) {                                                                       \
            X(0) = (term_t)r;                                                                      \
            NEXT(name##_##form);                                                                   \
        }                                                                                          \
        ARITH_SLOW(a, b, DST_X, name##_##form, name##_slow);                                       \
    }
#define ARITH_XI(name, quick) ARITH_FORM(name, xi, X(1), W1(2), quick)
#define ARITH_XX(name, quick) ARITH_FORM(name, xx, X(1), X(2), quick)
#define SMALL_OP(expr)        (are_small(a, b) && (r = (int64_t)(expr), true))
#define I(t)                  ((int64_t)(t))

#define Q_ADD                 (are_small(a, b) && !__builtin_add_overflow(I(a), I(b), &r))
#define Q_SUB                 (are_small(a, b) && !__builtin_sub_overflow(I(a), I(b), &r))
#define Q_MUL                 (are_small(a, b) && !__builtin_mul_overflow(I(a), small_value(b), &r))
ARITH_XI(add, is_small(a) && !__builtin_add_overflow(I(a), I(b), &r))
ARITH_FORM(add, ix, W1(2), X(1), is_small(b) && !__builtin_add_overflow(I(a), I(b), &r))
ARITH_FORM(add, yi, Y(1), W1(2), is_small(a) && !__builtin_add_overflow(I(a), I(b), &r))
ARITH_FORM(add, xy, X(1), Y(2), Q_ADD)
ARITH_FORM(add, yx, Y(1), X(2), Q_ADD)
ARITH_XX(add, Q_ADD)
ARITH_SS(add, Q_ADD)
ARITH_XI(sub, is_small(a) && !__builtin_sub_overflow(I(a), I(b), &r))
ARITH_FORM(sub, ix, W1(2), X(1), is_small(b) && !__builtin_sub_overflow(I(a), I(b), &r))
ARITH_FORM(sub, yi, Y(1), W1(2), is_small(a) && !__builtin_sub_overflow(I(a), I(b), &r))
ARITH_FORM(sub, xy, X(1), Y(2), Q_SUB)
ARITH_FORM(sub, yx, Y(1), X(2), Q_SUB)
ARITH_XX(sub, Q_SUB)
ARITH_SS(sub, Q_SUB)
ARITH_XI(mul, is_small(a) && !__builtin_mul_overflow(I(a), small_value(b), &r))
ARITH_XX(mul, Q_MUL)
ARITH_SS(mul, Q_MUL)
ARITH_XI(band, is_small(a) && (r = I(a & b), true))
ARITH_XX(band, SMALL_OP(a &b))
ARITH_SS(band, SMALL_OP(a &b))
ARITH_SS(bor, SMALL_OP(a | b))
ARITH_XX(bxor, SMALL_OP(a ^ b))
ARITH_SS(bxor, SMALL_OP(a ^ b))

static inline bool quick_bsl(term_t a, term_t b, int64_t *r) {
    if (!are_small(a, b)) return false;
    int64_t n = small_value(b), v = I(a);
    if (n < 0 || n > 59) return false;
    *r = (int64_t)((uint64_t)v << n);
    return *r >> n == v;
}
static inline bool quick_bsr(term_t a, term_t b, int64_t *r) {
    if (!are_small(a, b)) return false;
    int64_t n = small_value(b);
    if (n < 0) return false;
    *r = (I(a) >> (n > 60 ? 60 : n)) & ~(int64_t)TAG_MASK;
    return true;
}
ARITH_SS(bsl, quick_bsl(a, b, &r))
ARITH_SS(bsr, quick_bsr(a, b, &r))
ARITH_XI(bsr, quick_bsr(a, b, &r))

/* The smallest small divided by -1 is the one quotient that does not fit. */
static inline bool quick_div(term_t a, term_t b, int64_t *r) {
    if (!are_small(a, b) || b == 0) return false;
    int64_t q = small_value(a) / small_value(b);
    *r = (int64_t)make_small(q);
    return fits_small(q);
}
ARITH_SS(div, quick_div(a, b, &r))
ARITH_SS(rem, are_small(a, b) && b != 0 && (r = I(a) % I(b), true))
ARITH_XI(rem, is_small(a) && b != 0 && (r = I(a) % I(b), true))
/* Operators without a quick form. */
DEFINE_OP(arith_SS) { ARITH_SLOW(SOURCE(W1(2)), SOURCE(W1(3)), W1(4), arith_SS, arith_slow); }
ARITH_SS(neg, is_small(a) && a != make_small(SMALL_MIN) && (r = -I(a), (void)b, true))
ARITH_SS(bnot, is_small(a) && (r = I(~a) & ~(int64_t)TAG_MASK, (void)b, true))

/* ---- BIFs in expressions ---- */

#define EXPORT(w) ((export_t *)(uintptr_t)(w))
/* Calls one; nothing it allocates may use what an earlier test_heap reserved, so these are only
 * BIFs that do not allocate (bif1, bif2) or that the compiler treats as allocating (gc_bif). */
#define EXPR_BIF(nargs, fail, e, live, dst, next)                                                  \
    do {                                                                                           \
        p->cur_bif = (e)->bif;                                                                     \
        p->cause = TERM_NONE;                                                                      \
        SAVE();                                                                                    \
        term_t r = (e)->bif->fn(p, p->sched->bif_args);                                            \
        if (UNLIKELY(r == TERM_NONE)) {                                                            \
            p->sched->guard_args = p->sched->bif_args;                                             \
            GO_OR_RAISE(fail);                                                                     \
        }                                                                                          \
        RESTORE();                                                                                 \
        if ((live) >= 0 && UNLIKELY(gc_wanted(p))) {                                               \
            p->sched->result = r;                                                                  \
            if (!gc_minor(p, STACK_RESERVE, x, (unsigned)(live), &p->sched->result, 1)) {          \
                p->fclass = EXC_OOM;                                                               \
                RAISE();                                                                           \
            }                                                                                      \
            RESTORE();                                                                             \
            r = p->sched->result;                                                                  \
        }                                                                                          \
        DEST(dst) = r;                                                                             \
        GO(next);                                                                                  \
    } while (0)

DEFINE_OP(bif0) { EXPR_BIF(0, 0, EXPORT(W0(0)), -1, W0(1), ip + SIZE_bif0); }
DEFINE_OP(bif1) {
    p->sched->bif_args[0] = SOURCE(W0(2));
    EXPR_BIF(1, W0(0), EXPORT(W0(1)), -1, W0(3), ip + SIZE_bif1);
}
DEFINE_OP(bif2) {
    p->sched->bif_args[0] = SOURCE(W0(2));
    p->sched->bif_args[1] = SOURCE(W0(3));
    EXPR_BIF(2, W0(0), EXPORT(W0(1)), -1, W0(4), ip + SIZE_bif2);
}
DEFINE_OP(gc_bif1) {
    p->sched->bif_args[0] = SOURCE(W1(2));
    EXPR_BIF(1, W1(0), EXPORT(W1(1)), (int)H(0), W1(3), ip + SIZE_gc_bif1);
}
DEFINE_OP(gc_bif2) {
    p->sched->bif_args[0] = SOURCE(W1(2));
    p->sched->bif_args[1] = SOURCE(W1(3));
    EXPR_BIF(2, W1(0), EXPORT(W1(1)), (int)H(0), W1(4), ip + SIZE_gc_bif2);
}
DEFINE_OP(gc_bif3) {
    p->sched->bif_args[0] = SOURCE(W1(2));
    p->sched->bif_args[1] = SOURCE(W1(3));
    p->sched->bif_args[2] = SOURCE(W1(4));
    EXPR_BIF(3, W1(0), EXPORT(W1(1)), (int)H(0), W1(5), ip + SIZE_gc_bif3);
}

/* A failed inlined BIF: reports it as the BIF itself would. arg[0]: fail address, arg[1]: name,
 * arg[2]: arity, arg[3]: reason; operands in bif_args. */
DEFINE_SLOW(inline_bif_failed) {
    uint64_t *arg = p->sched->arg;
    if (arg[0]) GO(CODE(arg[0]));
    export_t *e = export_get(p->vm, A_erlang, arg[1], (uint32_t)arg[2]);
    SAVE();
    if (!e) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    p->cur_bif = e->bif;
    p->fclass = EXC_ERROR;
    p->cause = TERM_NONE;
    p->fvalue = arg[3];
    p->sched->guard_args = p->sched->bif_args;
    RAISE();
}
#define INLINE_FAIL(fail, name, arity, reason)                                                     \
    do {                                                                                           \
        uint64_t *arg = p->sched->arg;                                                             \
        arg[0] = (fail), arg[1] = (name), arg[2] = (arity), arg[3] = (reason);                     \
        SLOW(inline_bif_failed);                                                                   \
    } while (0)

DEFINE_OP(self) {
    DEST(W0(0)) = p->pid;
    NEXT(self);
}
DEFINE_OP(hd) {
    term_t t = SOURCE(W0(1));
    if (LIKELY(is_cons(t))) {
        DEST(W0(2)) = cons_head(t);
        NEXT(hd);
    }
    p->sched->bif_args[0] = t;
    INLINE_FAIL(W0(0), A_hd, 1, A_badarg);
}
DEFINE_OP(tl) {
    term_t t = SOURCE(W0(1));
    if (LIKELY(is_cons(t))) {
        DEST(W0(2)) = cons_tail(t);
        NEXT(tl);
    }
    p->sched->bif_args[0] = t;
    INLINE_FAIL(W0(0), A_tl, 1, A_badarg);
}
DEFINE_OP(element_ci) {
    term_t t = SOURCE(W0(1));
    uint64_t i = W0(3);
    if (LIKELY(is_tuple(t) && i - 1 < tuple_arity(t))) {
        DEST(W0(2)) = tuple_elem(t, i);
        NEXT(element_ci);
    }
    p->sched->bif_args[0] = make_small((int64_t)i);
    p->sched->bif_args[1] = t;
    INLINE_FAIL(W0(0), A_element, 2, A_badarg);
}
DEFINE_OP(element_SS) {
    term_t i = SOURCE(W0(1)), t = SOURCE(W0(2));
    if (LIKELY(is_small(i) && is_tuple(t) && (uint64_t)small_value(i) - 1 < tuple_arity(t))) {
        DEST(W0(3)) = tuple_elem(t, (size_t)small_value(i));
        NEXT(element_SS);
    }
    p->sched->bif_args[0] = i;
    p->sched->bif_args[1] = t;
    INLINE_FAIL(W0(0), A_element, 2, A_badarg);
}
DEFINE_OP(tuple_size) {
    term_t t = SOURCE(W0(1));
    if (LIKELY(is_tuple(t))) {
        DEST(W0(2)) = make_small((int64_t)tuple_arity(t));
        NEXT(tuple_size);
    }
    p->sched->bif_args[0] = t;
    INLINE_FAIL(W0(0), A_tuple_size, 1, A_badarg);
}
DEFINE_OP(byte_size) {
    term_t t = SOURCE(W0(1));
    if (LIKELY(is_bitstring(t))) {
        DEST(W0(2)) = make_small((int64_t)((bit_size_of(t) + 7) / 8));
        NEXT(byte_size);
    }
    p->sched->bif_args[0] = t;
    INLINE_FAIL(W0(0), A_byte_size, 1, A_badarg);
}
DEFINE_SLOW(map_get_failed) {
    term_t m = p->sched->bif_args[1], k = p->sched->bif_args[0];
    if (p->sched->arg[0]) GO(CODE(p->sched->arg[0]));
    SAVE();
    export_t *e = export_get(p->vm, A_erlang, A_map_get, 2);
    if (is_map(m))
        bif_error2(p, A_badkey, k);
    else
        bif_error2(p, A_badmap, m);
    p->cur_bif = e ? e->bif : NULL;
    p->sched->guard_args = p->sched->bif_args;
    RAISE();
}
DEFINE_OP(map_get_) {
    term_t k = SOURCE(W0(1)), m = SOURCE(W0(2));
    if (LIKELY(is_map(m))) {
        SAVE();
        term_t v = map_get(p->vm, m, k);
        RESTORE();
        if (LIKELY(v != TERM_NONE)) {
            DEST(W0(3)) = v;
            NEXT(map_get_);
        }
    }
    p->sched->bif_args[0] = k;
    p->sched->bif_args[1] = m;
    p->sched->arg[0] = W0(0);
    SLOW(map_get_failed);
}
DEFINE_SLOW(is_map_key_failed) {
    if (p->sched->arg[0]) GO(CODE(p->sched->arg[0]));
    SAVE();
    bif_error2(p, A_badmap, p->sched->bif_args[1]);
    export_t *e = export_get(p->vm, A_erlang, A_is_map_key, 2);
    p->cur_bif = e ? e->bif : NULL;
    p->sched->guard_args = p->sched->bif_args;
    RAISE();
}
DEFINE_OP(is_map_key_) {
    term_t k = SOURCE(W0(1)), m = SOURCE(W0(2));
    if (LIKELY(is_map(m))) {
        SAVE();
        bool has = map_get(p->vm, m, k) != TERM_NONE;
        RESTORE();
        DEST(W0(3)) = has ? A_true : A_false;
        NEXT(is_map_key_);
    }
    p->sched->bif_args[0] = k;
    p->sched->bif_args[1] = m;
    p->sched->arg[0] = W0(0);
    SLOW(is_map_key_failed);
}
/* =:= and friends used as values; n: 0 =:=, 1 =/=, 2 ==, 3 /=, 4 <, 5 >=, 6 =<, 7 > */
DEFINE_OP(bool_op) {
    term_t a = SOURCE(W0(1)), b = SOURCE(W0(2));
    vm_t *vm = p->vm;
    bool r = false;
    SAVE();
    switch (W0(0)) {
    case 0: r = term_eq(vm, a, b); break;
    case 1: r = !term_eq(vm, a, b); break;
    case 2: r = term_cmp(vm, a, b) == 0; break;
    case 3: r = term_cmp(vm, a, b) != 0; break;
    case 4: r = term_cmp(vm, a, b) < 0; break;
    case 5: r = term_cmp(vm, a, b) >= 0; break;
    case 6: r = term_cmp(vm, a, b) <= 0; break;
    default: r = term_cmp(vm, a, b) > 0; break;
    }
    RESTORE();
    DEST(W0(3)) = r ? A_true : A_false;
    NEXT(bool_op);
}
DEFINE_OP(length_) {
    term_t l = SOURCE(W1(1)), t = l;
    int64_t n = 0;
    while (is_cons(t)) {
        n++;
        t = cons_tail(t);
    }
    if (LIKELY(is_nil(t))) {
        reds -= n >> 4;
        DEST(W1(2)) = make_small(n);
        NEXT(length_);
    }
    p->sched->bif_args[0] = l;
    INLINE_FAIL(W1(0), A_length, 1, A_badarg);
}

/* ---- floats ---- */

/* The float registers lie right before the X registers. */
_Static_assert(offsetof(sched_t, x) == offsetof(sched_t, fr) + FLOAT_REGS * sizeof(double), "FR");
#define FR(i) (((double *)x)[(int)H(i) - FLOAT_REGS])
DEFINE_OP(fmove_Sf) {
    FR(0) = float_value(SOURCE(W1(0)));
    NEXT(fmove_Sf);
}
DEFINE_OP(fmove_fD) {
    hp[0] = make_header(T_FLOAT, 1);
    double d = FR(0);
    memcpy(hp + 1, &d, sizeof d);
    DEST(W1(0)) = make_boxed(hp);
    hp += FLOAT_WORDS;
    NEXT(fmove_fD);
}
DEFINE_OP(fmove_ff) {
    FR(1) = FR(0);
    NEXT(fmove_ff);
}
DEFINE_SLOW(badarith_slow) { ERROR(A_badarith); }
DEFINE_SLOW(fconv_slow) {
    if (!is_big(SOURCE(W1(0))) || !integer_to_double(SOURCE(W1(0)), &FR(0))) SLOW(badarith_slow);
    NEXT(fconv);
}
DEFINE_OP(fconv) {
    term_t t = SOURCE(W1(0));
    if (LIKELY(is_small(t)))
        FR(0) = (double)small_value(t);
    else if (is_float(t))
        FR(0) = float_value(t);
    else
        SLOW(fconv_slow);
    NEXT(fconv);
}

#define FLOAT_OP(name, op)                                                                         \
    DEFINE_OP(name) {                                                                              \
        double r = FR(0) op FR(1);                                                                 \
        if (UNLIKELY(!(fabs(r) <= 1.7976931348623157e308))) SLOW(badarith_slow);                   \
        FR(2) = r;                                                                                 \
        NEXT(name);                                                                                \
    }
FLOAT_OP(fadd, +)
FLOAT_OP(fsub, -)
FLOAT_OP(fmul, *)
DEFINE_OP(fdiv) {
    double r = FR(0) / FR(1);
    if (UNLIKELY(!(fabs(r) <= 1.7976931348623157e308))) SLOW(badarith_slow);
    FR(2) = r;
    NEXT(fdiv);
}
DEFINE_OP(fnegate) {
    FR(1) = -FR(0);
    NEXT(fnegate);
}
