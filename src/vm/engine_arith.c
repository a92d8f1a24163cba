/* engine_arith.c: instructions that compute: integer and float arithmetic, and BIFs used as
 * expressions and guards. See engine.h.
 */
#include "vm/binary.h"
#include "vm/engine_ops.h"
#include "vm/map.h"

/* ---- the slow paths of arithmetic ---- see engine_ops.h for what they are given */

COLD OP_CC int arith_slow(OP_ARGS) {
    uint64_t dst = p->sched->arg[2], next = p->sched->arg[3];
    export_t *e = (export_t *)(uintptr_t)W1(1);
    SAVE();
    p->cur_bif = e->bif;
    p->cause = TERM_NONE;
    term_t r = e->bif->fn(p, p->sched->bif_args);
    if (UNLIKELY(r == TERM_NONE)) {
        /* The stack trace shows the operands; a guard that fails leaves no trace. */
        if (!W1(0)) p->sched->guard_args = p->sched->bif_args;
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
/* Two floats are common enough to be worth a path of their own before the general one. */
#define FLOAT_SLOW(name, op)                                                                       \
    COLD OP_CC int name(OP_ARGS) {                                                                 \
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
/* Operators without a quick form. */
DEFINE_OP(arith_SS) { ARITH_SLOW(SOURCE(W1(2)), SOURCE(W1(3)), W1(4), arith_SS, arith_slow); }

/* ---- BIFs in expressions ---- */

/* Calls one; nothing it allocates may use what an earlier test_heap reserved, so these are only
 * BIFs that do not allocate (bif1, bif2) or that the compiler treats as allocating (gc_bif). */
#define EXPR_BIF(nargs, fail, e, live, dst, next)                                                  \
    do {                                                                                           \
        p->cur_bif = (e)->bif;                                                                     \
        p->cause = TERM_NONE;                                                                      \
        SAVE();                                                                                    \
        term_t r = (e)->bif->fn(p, p->sched->bif_args);                                            \
        if (UNLIKELY(r == TERM_NONE)) {                                                            \
            if (!(fail)) p->sched->guard_args = p->sched->bif_args;                                \
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
COLD OP_CC int inline_bif_failed(OP_ARGS) {
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
/* A long list: the BIF gives way while it counts. */
DEFINE_SLOW(length_long) {
    const export_t *e = export_get(p->vm, A_erlang, A_length, 1);
    p->cur_bif = e->bif;
    p->cause = TERM_NONE;
    SAVE();
    term_t r = e->bif->fn(p, p->sched->bif_args);
    RESTORE();
    if (r == TERM_NONE) {
        if (p->fclass == EXC_AGAIN) {
            p->sched->arg[1] = H(0);
            SLOW(engine_again);
        }
        if (!W1(0)) p->sched->guard_args = p->sched->bif_args;
        GO_OR_RAISE(W1(0));
    }
    DEST(W1(2)) = r;
    NEXT(length_);
}
DEFINE_OP(length_) {
    term_t l = SOURCE(W1(1)), t = l;
    int64_t n = 0;
    while (is_cons(t)) {
        t = cons_tail(t);
        if (UNLIKELY(++n >= CELLS_PER_TICK)) {
            p->sched->bif_args[0] = l;
            SLOW(length_long);
        }
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

COLD OP_CC int badarith_slow(OP_ARGS) { ERROR(A_badarith); }
COLD OP_CC int fconv_slow(OP_ARGS) {
    if (!is_big(SOURCE(W1(0))) || !integer_to_double(SOURCE(W1(0)), &FR(0))) SLOW(badarith_slow);
    NEXT(fconv);
}
