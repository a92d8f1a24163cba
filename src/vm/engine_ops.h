/* engine_ops.h: what the frequent instructions do, written so that several can stand in one
 * handler.
 *
 * DO_name is the body of instruction `name`: it uses the operands at ip and either leaves (GO,
 * SLOW) or falls out at its end, which means: go on behind this instruction. engine_seq.c makes of
 * each body its plain handler, and handlers of whole sequences (sequences.def) in which ip moves
 * from one to the next. As each part still has all of its own words in the code, a slow path in the
 * middle, a collection or an exception sees the instruction it belongs to and nothing else.
 *
 * Only engine_*.c includes this.
 */
#ifndef LING_VM_ENGINE_OPS_H
#define LING_VM_ENGINE_OPS_H

#include <math.h>
#include "vm/engine.h"
#include "vm/binary.h"
#include "vm/engine_bits.h"

/* ---- calls ---- */

#define NEED_ROOM(words, live_x)                                                                   \
    do {                                                                                           \
        if (NO_ROOM((size_t)(words) * sizeof(term_t))) {                                           \
            p->sched->arg[0] = (words);                                                            \
            p->sched->arg[1] = (live_x);                                                           \
            SLOW(engine_collect);                                                                  \
        }                                                                                          \
    } while (0)
#define ENTER(target)                                                                              \
    do {                                                                                           \
        ip = (target);                                                                             \
        if (UNLIKELY(--reds <= 0)) SLOW(engine_preempt);                                           \
        GO(ip);                                                                                    \
    } while (0)
#define ENTER_EXPORT(entry)                                                                        \
    do {                                                                                           \
        export_t *ee = (entry);                                                                    \
        ip = atomic_load_explicit(&ee->code, memory_order_acquire);                                \
        if (UNLIKELY(--reds <= 0)) {                                                               \
            p->sched->arg[0] = (uint64_t)(uintptr_t)ee;                                            \
            SLOW(engine_preempt_export);                                                           \
        }                                                                                          \
        GO(ip);                                                                                    \
    } while (0)
#define EXPORT(w) ((export_t *)(uintptr_t)(w))
#define POP(off)  (sp = (term_t *)((char *)sp + (off)))
#define RETURN                                                                                     \
    do {                                                                                           \
        const uint64_t *to = CODE(*sp++ - CALL_MARK);                                              \
        GO(to);                                                                                    \
    } while (0)

#define DO_call                                                                                    \
    PUSH_RETURN(ip + SIZE_call);                                                                   \
    ENTER(CODE(W0(0)))
#define DO_call_last                                                                               \
    POP(H(0));                                                                                     \
    ENTER(CODE(W1(0)))
#define DO_call_only ENTER(CODE(W0(0)))
#define DO_call_ext                                                                                \
    PUSH_RETURN(ip + SIZE_call_ext);                                                               \
    ENTER_EXPORT(EXPORT(W0(0)))
#define DO_call_ext_last                                                                           \
    POP(H(0));                                                                                     \
    ENTER_EXPORT(EXPORT(W1(0)))
#define DO_call_ext_only ENTER_EXPORT(EXPORT(W0(0)))
#define DO_return_       RETURN
#define DO_deallocate    POP(H(0))
#define DO_jump          GO(CODE(W0(0)))

/* ---- calls of BIFs ---- */

OP_CC int bif_no_result(OP_ARGS); /* arg[2]: where to return to, arg[3]: the export */
OP_CC int bif_collect(OP_ARGS);   /* arg[2]: the same */
/* Calls the BIF of entry e. back: where to go on, NULL: return to the caller. */
#define CALL_BIF(entry, function, back_ip)                                                         \
    do {                                                                                           \
        const uint64_t *back = (back_ip);                                                          \
        p->sched->arg[3] = (uint64_t)(uintptr_t)(entry);                                           \
        p->sched->bif_ip = ip;                                                                     \
        p->cur_bif = (entry)->bif;                                                                 \
        p->cause = TERM_NONE;                                                                      \
        reds--;                                                                                    \
        SAVE();                                                                                    \
        term_t bif_result = (function)(p, x);                                                      \
        RESTORE();                                                                                 \
        if (UNLIKELY(bif_result == TERM_NONE)) {                                                   \
            p->sched->arg[2] = (uint64_t)(uintptr_t)back;                                          \
            SLOW(bif_no_result);                                                                   \
        }                                                                                          \
        x[0] = bif_result;                                                                         \
        if (UNLIKELY(gc_wanted(p))) {                                                              \
            p->sched->arg[2] = (uint64_t)(uintptr_t)back;                                          \
            SLOW(bif_collect);                                                                     \
        }                                                                                          \
        if (!back) back = CODE(*sp++ - CALL_MARK);                                                 \
        GO(back);                                                                                  \
    } while (0)
#define BIF_FN(w)        ((bif_fn)(uintptr_t)(w))

#define DO_call_bif      CALL_BIF(EXPORT(W0(0)), BIF_FN(W0(1)), ip + SIZE_call_bif)
#define DO_call_bif_only CALL_BIF(EXPORT(W0(0)), BIF_FN(W0(1)), NULL)
/* The frame goes only after the call: until then a failing BIF's caller is still on the stack. */
#define DO_call_bif_last                                                                           \
    do {                                                                                           \
        export_t *e = EXPORT(W1(0));                                                               \
        p->sched->arg[3] = (uint64_t)(uintptr_t)e;                                                 \
        p->sched->bif_ip = ip;                                                                     \
        p->cur_bif = e->bif;                                                                       \
        p->cause = TERM_NONE;                                                                      \
        reds--;                                                                                    \
        SAVE();                                                                                    \
        term_t r = BIF_FN(W1(1))(p, x);                                                            \
        RESTORE();                                                                                 \
        p->sched->arg[2] = 0;                                                                      \
        if (UNLIKELY(r == TERM_NONE)) {                                                            \
            if (p->fclass >= EXC_TRAP && p->fclass < EXC_OOM && !p->sched->hibernating) POP(H(0)); \
            SLOW(bif_no_result);                                                                   \
        }                                                                                          \
        x[0] = r;                                                                                  \
        POP(H(0));                                                                                 \
        if (UNLIKELY(gc_wanted(p))) {                                                              \
            SAVE();                                                                                \
            SLOW(bif_collect);                                                                     \
        }                                                                                          \
        RETURN;                                                                                    \
    } while (0)

/* setelement/3: the compiler makes record updates of it. All but the plain case is the BIF's. */
#define SETELEMENT(slow, leave)                                                                    \
    do {                                                                                           \
        term_t t = x[1];                                                                           \
        uint64_t at = x[0] >> SMALL_SHIFT;                                                         \
        if (UNLIKELY(!is_small(x[0]) || !is_tuple(t) || at - 1 >= tuple_arity(t))) SLOW(slow);     \
        const term_t *from = boxed_ptr(t);                                                         \
        size_t n = tuple_arity(t) + 1;                                                             \
        NEED_ROOM(n, 3);                                                                           \
        term_t value = x[2];                                                                       \
        SHORT_LOOP                                                                                 \
        for (size_t i = 0; i < n; i++) hp[i] = from[i];                                            \
        hp[at] = value;                                                                            \
        x[0] = make_boxed(hp);                                                                     \
        hp += n;                                                                                   \
        reds--;                                                                                    \
        leave;                                                                                     \
    } while (0)
#define DO_setelement      SETELEMENT(op_call_bif, (void)0)
#define DO_setelement_only SETELEMENT(op_call_bif_only, RETURN)
#define DO_setelement_last SETELEMENT(op_call_bif_last, POP(H(0)); RETURN)

/* Fun calls: the quick way is a closure with as many arguments; its environment goes behind them.
 * All others go to fun_slow: arg[0] fun, arg[1] arity, arg[2] where to return to, or NULL and
 * arg[3] bytes of frame to pop. */
OP_CC int fun_slow(OP_ARGS);
OP_CC int fun_preempt(OP_ARGS); /* arg[1]: live registers */
#define FUN_BODY(fun_term, nargs, back, frame, adjust_stack)                                       \
    do {                                                                                           \
        term_t cf = (fun_term);                                                                    \
        uint64_t cn = (nargs);                                                                     \
        if (LIKELY(is_closure(cf) && ((fun_obj_t *)boxed_ptr(cf))->entry->arity == cn)) {          \
            const fun_obj_t *cl = (fun_obj_t *)boxed_ptr(cf);                                      \
            const term_t *from = cl->env, *end = &cl->creator + header_size(cl->header) - 1;       \
            const fun_entry_t *fe = cl->entry;                                                     \
            SHORT_LOOP                                                                             \
            for (term_t *to = x + cn; from < end;) *to++ = *from++;                                \
            adjust_stack;                                                                          \
            ip = atomic_load_explicit(&fe->code, memory_order_acquire);                            \
            if (UNLIKELY(--reds <= 0)) {                                                           \
                p->sched->arg[1] = cn + fun_num_free(cf);                                          \
                SLOW(fun_preempt);                                                                 \
            }                                                                                      \
            GO(ip);                                                                                \
        }                                                                                          \
        uint64_t *arg = p->sched->arg;                                                             \
        arg[0] = cf, arg[1] = cn;                                                                  \
        arg[2] = (uint64_t)(uintptr_t)(back), arg[3] = (frame);                                    \
        SLOW(fun_slow);                                                                            \
    } while (0)
#define FUN_CALL(fun_term, nargs, name)                                                            \
    FUN_BODY(fun_term, nargs, ip + SIZE_##name, 0, PUSH_RETURN(ip + SIZE_##name))
#define DO_call_fun2     FUN_CALL(SOURCE(W1(0)), H(0), call_fun2)
#define DO_call_fun2_x   FUN_CALL(X(1), H(0), call_fun2_x)
#define DO_call_fun2_y   FUN_CALL(Y(1), H(0), call_fun2_y)
#define DO_call_fun_last FUN_BODY(SOURCE(W1(0)), H(0), NULL, H(1), POP(H(1)))

/* ---- frames ---- */

#define NEED_FRAME(bytes, live_x)                                                                  \
    do {                                                                                           \
        if (NO_ROOM(bytes)) {                                                                      \
            p->sched->arg[0] = (bytes) / sizeof(term_t);                                           \
            p->sched->arg[1] = (live_x);                                                           \
            SLOW(engine_collect);                                                                  \
        }                                                                                          \
        sp = (term_t *)((char *)sp - (bytes));                                                     \
    } while (0)
#define DO_allocate NEED_FRAME((size_t)H(0), H(1))
#define DO_allocate_heap                                                                           \
    NEED_ROOM(H(0) / sizeof(term_t) + W1(0), H(1));                                                \
    sp = (term_t *)((char *)sp - H(0))
#define DO_test_heap NEED_ROOM(W1(0), H(0))
#define DO_trim      POP(H(0))
#define DO_init_y    Y(0) = TERM_NIL
#define DO_init_y2   Y(0) = Y(1) = TERM_NIL
#define DO_init_y3   Y(0) = Y(1) = Y(2) = TERM_NIL

/* ---- moves ---- */

#define DO_move_xx X(1) = X(0)
#define DO_move_xy Y(1) = X(0)
#define DO_move_yx X(1) = Y(0)
#define DO_move_yy Y(1) = Y(0)
#define DO_move_cx X(0) = W1(0)
#define DO_move_cy Y(0) = W1(0)
#define DO_move_xy2                                                                                \
    Y(1) = X(0);                                                                                   \
    Y(3) = X(2)
#define DO_move_yx2                                                                                \
    X(1) = Y(0);                                                                                   \
    X(3) = Y(2)
#define DO_move_xx2                                                                                \
    X(1) = X(0);                                                                                   \
    X(3) = X(2)
#define DO_swap_xx                                                                                 \
    do {                                                                                           \
        term_t t = X(0);                                                                           \
        X(0) = X(1);                                                                               \
        X(1) = t;                                                                                  \
    } while (0)
#define DO_swap_DD                                                                                 \
    do {                                                                                           \
        term_t t = DEST(W0(0));                                                                    \
        DEST(W0(0)) = DEST(W0(1));                                                                 \
        DEST(W0(1)) = t;                                                                           \
    } while (0)

/* ---- lists and tuples ---- */

#define GET_LIST(cell, head, tail)                                                                 \
    do {                                                                                           \
        const term_t *c = cons_ptr(cell);                                                          \
        term_t h = c[0], t = c[1];                                                                 \
        head = h;                                                                                  \
        tail = t;                                                                                  \
    } while (0)
#define DO_get_list_x   GET_LIST(X(0), X(1), X(2))
#define DO_get_list_xxy GET_LIST(X(0), X(1), Y(2))
#define DO_get_list_xyx GET_LIST(X(0), Y(1), X(2))
#define DO_get_list_yxx GET_LIST(Y(0), X(1), X(2))
#define DO_get_list_yxy GET_LIST(Y(0), X(1), Y(2))
#define DO_get_list_S   GET_LIST(SOURCE(W0(0)), DEST(W0(1)), DEST(W0(2)))
#define DO_get_hd_x     X(1) = cons_head(X(0))
#define DO_get_tl_x     X(1) = cons_tail(X(0))
#define DO_get_hd_S     DEST(W0(1)) = cons_head(SOURCE(W0(0)))
#define DO_get_tl_S     DEST(W0(1)) = cons_tail(SOURCE(W0(0)))

/* Element operands are byte offsets from the header word. */
#define ELEMENT(t, off)         AT((char *)(uintptr_t)(t)-TAG_BOXED, off)
#define DO_get_tuple_element_xx X(2) = ELEMENT(X(0), H(1))
#define DO_get_tuple_element_xy Y(2) = ELEMENT(X(0), H(1))
#define DO_get_tuple_element_yx X(2) = ELEMENT(Y(0), H(1))
#define DO_get_tuple_element_S  DEST(W1(1)) = ELEMENT(SOURCE(W1(0)), H(0) * sizeof(term_t))
#define DO_get_tuple_element2                                                                      \
    do {                                                                                           \
        const term_t *e = &ELEMENT(X(0), H(1));                                                    \
        term_t a = e[0], b = e[1];                                                                 \
        X(2) = a;                                                                                  \
        X(3) = b;                                                                                  \
    } while (0)
#define DO_get_tuple_element3                                                                      \
    do {                                                                                           \
        const term_t *e = &ELEMENT(X(0), H(1));                                                    \
        term_t a = e[0], b = e[1], c = e[2];                                                       \
        X(2) = a;                                                                                  \
        X(3) = b;                                                                                  \
        X(4) = c;                                                                                  \
    } while (0)

#define DO_set_tuple_element    ELEMENT(DEST(W0(1)), (W0(2) + 1) * sizeof(term_t)) = SOURCE(W0(0))
#define DO_set_tuple_element_xx ELEMENT(X(1), H(2)) = X(0)

#define PUT_LIST(head, tail, dst)                                                                  \
    do {                                                                                           \
        hp[0] = (head), hp[1] = (tail);                                                            \
        dst = make_cons(hp);                                                                       \
        hp += 2;                                                                                   \
    } while (0)
#define DO_put_list_xxx PUT_LIST(X(0), X(1), X(2))
#define DO_put_list_xcx PUT_LIST(X(0), W1(0), X(1))
#define DO_put_list_yxx PUT_LIST(Y(0), X(1), X(2))
#define DO_put_list_xyx PUT_LIST(X(0), Y(1), X(2))
#define DO_put_list_SSD PUT_LIST(SOURCE(W0(0)), SOURCE(W0(1)), DEST(W0(2)))

#define PUT_TUPLE(n, dst, ...)                                                                     \
    do {                                                                                           \
        hp[0] = make_header(T_TUPLE, n);                                                           \
        __VA_ARGS__;                                                                               \
        dst = make_boxed(hp);                                                                      \
        hp += (n) + 1;                                                                             \
    } while (0)
#define ELEM(i)            hp[i] = SOURCE(W1((i)-1))
#define DO_put_tuple2_2xxx PUT_TUPLE(2, X(2), (hp[1] = X(0), hp[2] = X(1)))
#define DO_put_tuple2_2yxx PUT_TUPLE(2, X(2), (hp[1] = Y(0), hp[2] = X(1)))
#define DO_put_tuple2_2    PUT_TUPLE(2, X(0), (ELEM(1), ELEM(2)))
#define DO_put_tuple2_3    PUT_TUPLE(3, X(0), (ELEM(1), ELEM(2), ELEM(3)))
#define DO_put_tuple2_4    PUT_TUPLE(4, X(0), (ELEM(1), ELEM(2), ELEM(3), ELEM(4)))

#define DO_put_tuple2                                                                              \
    do {                                                                                           \
        size_t n = W0(1);                                                                          \
        hp[0] = make_header(T_TUPLE, n);                                                           \
        SHORT_LOOP                                                                                 \
        for (size_t i = 0; i < n; i++) hp[1 + i] = SOURCE(ip[SIZE_put_tuple2 + i]);                \
        DEST(W0(0)) = make_boxed(hp);                                                              \
        hp += n + 1;                                                                               \
        GO(ip + SIZE_put_tuple2 + n);                                                              \
    } while (0)
#define DO_make_fun                                                                                \
    do {                                                                                           \
        size_t n = W0(2);                                                                          \
        fun_obj_t *f = (fun_obj_t *)hp;                                                            \
        f->header = make_header(T_FUN, 2 + n);                                                     \
        f->entry = (fun_entry_t *)(uintptr_t)W0(1);                                                \
        f->creator = p->pid;                                                                       \
        SHORT_LOOP                                                                                 \
        for (size_t i = 0; i < n; i++) f->env[i] = SOURCE(ip[SIZE_make_fun + i]);                  \
        hp += FUN_WORDS(n);                                                                        \
        DEST(W0(0)) = make_boxed(f);                                                               \
        GO(ip + SIZE_make_fun + n);                                                                \
    } while (0)

/* ---- type tests ---- */

#define TYPE_TEST(value, holds)                                                                    \
    do {                                                                                           \
        term_t t = (value);                                                                        \
        if (!(holds)) GO(CODE(W1(0)));                                                             \
    } while (0)
#define DO_is_integer_x       TYPE_TEST(X(0), is_small(t) || is_big(t))
#define DO_is_integer_y       TYPE_TEST(Y(0), is_small(t) || is_big(t))
#define DO_is_float_x         TYPE_TEST(X(0), is_float(t))
#define DO_is_float_y         TYPE_TEST(Y(0), is_float(t))
#define DO_is_number_x        TYPE_TEST(X(0), is_number(t))
#define DO_is_number_y        TYPE_TEST(Y(0), is_number(t))
#define DO_is_atom_x          TYPE_TEST(X(0), is_atom(t))
#define DO_is_atom_y          TYPE_TEST(Y(0), is_atom(t))
#define DO_is_boolean_x       TYPE_TEST(X(0), t == A_true || t == A_false)
#define DO_is_boolean_y       TYPE_TEST(Y(0), t == A_true || t == A_false)
#define DO_is_pid_x           TYPE_TEST(X(0), is_pid(t))
#define DO_is_pid_y           TYPE_TEST(Y(0), is_pid(t))
#define DO_is_reference_x     TYPE_TEST(X(0), is_ref(t))
#define DO_is_reference_y     TYPE_TEST(Y(0), is_ref(t))
#define DO_is_port_x          TYPE_TEST(X(0), is_port(t))
#define DO_is_port_y          TYPE_TEST(Y(0), is_port(t))
#define DO_is_nil_x           TYPE_TEST(X(0), t == TERM_NIL)
#define DO_is_nil_y           TYPE_TEST(Y(0), t == TERM_NIL)
#define DO_is_list_x          TYPE_TEST(X(0), is_list(t))
#define DO_is_list_y          TYPE_TEST(Y(0), is_list(t))
#define DO_is_nonempty_list_x TYPE_TEST(X(0), is_cons(t))
#define DO_is_nonempty_list_y TYPE_TEST(Y(0), is_cons(t))
#define DO_is_tuple_x         TYPE_TEST(X(0), is_tuple(t))
#define DO_is_tuple_y         TYPE_TEST(Y(0), is_tuple(t))
#define DO_is_map_x           TYPE_TEST(X(0), is_map(t))
#define DO_is_map_y           TYPE_TEST(Y(0), is_map(t))
#define DO_is_binary_x        TYPE_TEST(X(0), is_binary(t))
#define DO_is_binary_y        TYPE_TEST(Y(0), is_binary(t))
#define DO_is_bitstr_x        TYPE_TEST(X(0), is_bitstring(t))
#define DO_is_bitstr_y        TYPE_TEST(Y(0), is_bitstring(t))
#define DO_is_function_x      TYPE_TEST(X(0), is_fun(t))
#define DO_is_function_y      TYPE_TEST(Y(0), is_fun(t))
#define DO_test_arity_x       TYPE_TEST(X(0), boxed_header(t) == W1(1))
#define DO_test_arity_y       TYPE_TEST(Y(0), boxed_header(t) == W1(1))
#define DO_is_tuple_of_x      TYPE_TEST(X(0), is_boxed(t) && boxed_header(t) == W1(1))
#define DO_is_tuple_of_y      TYPE_TEST(Y(0), is_boxed(t) && boxed_header(t) == W1(1))
#define IS_TAGGED(t)          (is_boxed(t) && boxed_header(t) == W1(1) && boxed_ptr(t)[1] == W1(2))
#define DO_is_tagged_tuple_x  TYPE_TEST(X(0), IS_TAGGED(t))
#define DO_is_tagged_tuple_y  TYPE_TEST(Y(0), IS_TAGGED(t))

/* ---- comparisons ---- arg[0], arg[1]: the terms, arg[2]: the fail address, arg[3]: where to go on
 * when the test holds */

OP_CC int slow_lt(OP_ARGS);
OP_CC int slow_ge(OP_ARGS);
OP_CC int slow_eq(OP_ARGS);
OP_CC int slow_ne(OP_ARGS);
OP_CC int slow_eq_exact(OP_ARGS);
OP_CC int slow_ne_exact(OP_ARGS);
OP_CC int slow_in_range(OP_ARGS);
#define TO_SLOW(fn, a, b, fail, name)                                                              \
    do {                                                                                           \
        uint64_t *arg = p->sched->arg;                                                             \
        arg[0] = (a), arg[1] = (b), arg[2] = (fail);                                               \
        arg[3] = (uint64_t)(uintptr_t)(ip + SIZE_##name);                                          \
        SLOW(fn);                                                                                  \
    } while (0)

#define DO_is_eq_exact_xc                                                                          \
    if (X(0) != W1(1)) GO(CODE(W1(0)))
#define DO_is_eq_exact_yc                                                                          \
    if (Y(0) != W1(1)) GO(CODE(W1(0)))
#define DO_is_ne_exact_xc                                                                          \
    if (X(0) == W1(1)) GO(CODE(W1(0)))
#define EQ_EXACT(first, second, fail, name)                                                        \
    do {                                                                                           \
        term_t a = (first), b = (second);                                                          \
        if (a != b) {                                                                              \
            if (LIKELY(!is_pointer(a) || !is_pointer(b))) GO(CODE(fail));                          \
            TO_SLOW(slow_eq_exact, a, b, fail, name);                                              \
        }                                                                                          \
    } while (0)
#define NE_EXACT(first, second, fail, name)                                                        \
    do {                                                                                           \
        term_t a = (first), b = (second);                                                          \
        if (a == b) GO(CODE(fail));                                                                \
        if (UNLIKELY(is_pointer(a) && is_pointer(b))) TO_SLOW(slow_ne_exact, a, b, fail, name);    \
    } while (0)
#define DO_is_eq_exact_xx EQ_EXACT(X(0), X(1), W1(0), is_eq_exact_xx)
#define DO_is_eq_exact_SS EQ_EXACT(SOURCE(W0(0)), SOURCE(W0(1)), W0(2), is_eq_exact_SS)
#define DO_is_ne_exact_xx NE_EXACT(X(0), X(1), W1(0), is_ne_exact_xx)
#define DO_is_ne_exact_SS NE_EXACT(SOURCE(W0(0)), SOURCE(W0(1)), W0(2), is_ne_exact_SS)
#define DO_is_eq_SS                                                                                \
    do {                                                                                           \
        term_t a = SOURCE(W0(0)), b = SOURCE(W0(1));                                               \
        if (a != b) {                                                                              \
            if (is_immed(a) && is_immed(b)) GO(CODE(W0(2)));                                       \
            TO_SLOW(slow_eq, a, b, W0(2), is_eq_SS);                                               \
        }                                                                                          \
    } while (0)
#define DO_is_ne_SS                                                                                \
    do {                                                                                           \
        term_t a = SOURCE(W0(0)), b = SOURCE(W0(1));                                               \
        if (a == b) GO(CODE(W0(2)));                                                               \
        if (!is_immed(a) || !is_immed(b)) TO_SLOW(slow_ne, a, b, W0(2), is_ne_SS);                 \
    } while (0)
/* Small integers compare as the words they are. */
#define ORDER(first, second, are, cmp, fail, slow, name)                                           \
    do {                                                                                           \
        term_t a = (first), b = (second);                                                          \
        if (UNLIKELY(!(are))) TO_SLOW(slow, a, b, fail, name);                                     \
        if (!((int64_t)a cmp(int64_t) b)) GO(CODE(fail));                                          \
    } while (0)
#define DO_is_lt_xi ORDER(X(0), W1(1), is_small(a), <, W1(0), slow_lt, is_lt_xi)
#define DO_is_lt_ix ORDER(W1(1), X(0), is_small(b), <, W1(0), slow_lt, is_lt_ix)
#define DO_is_lt_xx ORDER(X(0), X(1), are_small(a, b), <, W1(0), slow_lt, is_lt_xx)
#define DO_is_lt_SS                                                                                \
    ORDER(SOURCE(W0(0)), SOURCE(W0(1)), are_small(a, b), <, W0(2), slow_lt, is_lt_SS)
#define DO_is_ge_xi ORDER(X(0), W1(1), is_small(a), >=, W1(0), slow_ge, is_ge_xi)
#define DO_is_ge_ix ORDER(W1(1), X(0), is_small(b), >=, W1(0), slow_ge, is_ge_ix)
#define DO_is_ge_xx ORDER(X(0), X(1), are_small(a, b), >=, W1(0), slow_ge, is_ge_xx)
#define DO_is_ge_SS                                                                                \
    ORDER(SOURCE(W0(0)), SOURCE(W0(1)), are_small(a, b), >=, W0(2), slow_ge, is_ge_SS)
/* x >= Low, High >= x with the same fail label. */
#define DO_is_in_range                                                                             \
    do {                                                                                           \
        term_t t = X(0);                                                                           \
        if (UNLIKELY(!is_small(t))) SLOW(slow_in_range);                                           \
        if ((int64_t)t < (int64_t)W1(1) || (int64_t)t > (int64_t)W1(2)) GO(CODE(W1(0)));           \
    } while (0)

/* ---- selection ---- tables of (value, address) pairs; n: number of pairs */

static inline const uint64_t *select_linear(const uint64_t *pair, size_t n, term_t v,
                                            const uint64_t *fail) {
    for (size_t i = 0; i < n; i++, pair += 2)
        if (pair[0] == v) return CODE(pair[1]);
    return fail;
}
/* Sorted by the word. */
static inline const uint64_t *select_binary(const uint64_t *pair, size_t n, term_t v,
                                            const uint64_t *fail) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (pair[2 * mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && pair[2 * lo] == v ? CODE(pair[2 * lo + 1]) : fail;
}
#define DO_select_lin   GO(select_linear(ip + SIZE_select_lin, W0(2), SOURCE(W0(0)), CODE(W0(1))))
#define DO_select_x_lin GO(select_linear(ip + SIZE_select_x_lin, W1(1), X(0), CODE(W1(0))))
#define DO_select_bin   GO(select_binary(ip + SIZE_select_bin, W0(2), SOURCE(W0(0)), CODE(W0(1))))
#define DO_select_x_bin GO(select_binary(ip + SIZE_select_x_bin, W1(1), X(0), CODE(W1(0))))
/* Dense values: c is the first, one address for each. The difference of two words is eight times
 * that of the numbers: just the offset of the address. Other kinds of terms give odd offsets. */
#define DO_select_x_jump                                                                           \
    do {                                                                                           \
        uint64_t off = X(0) - W1(1);                                                               \
        if (off >= W1(2) * 8 || (off & TAG_MASK)) GO(CODE(W1(0)));                                 \
        GO(CODE(AT(ip + SIZE_select_x_jump, off)));                                                \
    } while (0)
#define DO_select_S_jump                                                                           \
    do {                                                                                           \
        uint64_t off = SOURCE(W0(0)) - W0(2);                                                      \
        if (off >= W0(3) * 8 || (off & TAG_MASK)) GO(CODE(W0(1)));                                 \
        GO(CODE(AT(ip + SIZE_select_S_jump, off)));                                                \
    } while (0)
#define DO_select_arity                                                                            \
    do {                                                                                           \
        term_t t = SOURCE(W0(0));                                                                  \
        if (!is_boxed(t)) GO(CODE(W0(1)));                                                         \
        GO(select_linear(ip + SIZE_select_arity, W0(2), boxed_header(t), CODE(W0(1))));            \
    } while (0)

/* ---- integer arithmetic ----
 * All forms have the same head: H(3) live, W1(0) fail, W1(1) the operator's export entry. The forms
 * differ in the kinds of operands; quick sets r and is true where the result is a small. The slow
 * ones find the operands in bif_args, in arg[2] the destination, in arg[3] where to go on. */

OP_CC int arith_slow(OP_ARGS);
OP_CC int add_slow(OP_ARGS);
OP_CC int sub_slow(OP_ARGS);
OP_CC int mul_slow(OP_ARGS);
#define band_slow arith_slow
#define bor_slow  arith_slow
#define bxor_slow arith_slow
#define bsl_slow  arith_slow
#define bsr_slow  arith_slow
#define div_slow  arith_slow
#define rem_slow  arith_slow
#define neg_slow  arith_slow
#define bnot_slow arith_slow
#define ARITH_SLOW(a, b, dst, name, slow)                                                          \
    do {                                                                                           \
        uint64_t *arg = p->sched->arg;                                                             \
        p->sched->bif_args[0] = (a), p->sched->bif_args[1] = (b);                                  \
        arg[2] = (dst), arg[3] = (uint64_t)(uintptr_t)(ip + SIZE_##name);                          \
        SLOW(slow);                                                                                \
    } while (0)
#define ARITH_SS(name, quick)                                                                      \
    do {                                                                                           \
        term_t a = SOURCE(W1(2)), b = SOURCE(W1(3));                                               \
        int64_t r;                                                                                 \
        if (UNLIKELY(!(quick))) ARITH_SLOW(a, b, W1(4), name##_SS, name##_slow);                   \
        DEST(W1(4)) = (term_t)r;                                                                   \
    } while (0)
#define ARITH_FORM(name, form, dst, mark, first, second, quick)                                    \
    do {                                                                                           \
        term_t a = (first), b = (second);                                                          \
        int64_t r;                                                                                 \
        if (UNLIKELY(!(quick)))                                                                    \
            ARITH_SLOW(a, b, (uint64_t)H(0) << 8 | (mark), name##_##form, name##_slow);            \
        dst = (term_t)r;                                                                           \
    } while (0)
#define ARITH_X(name, form, first, second, quick)                                                  \
    ARITH_FORM(name, form, X(0), REG_X, first, second, quick)
#define ARITH_Y(name, form, first, second, quick)                                                  \
    ARITH_FORM(name, form, Y(0), REG_Y, first, second, quick)
#define I(t)           ((int64_t)(t))
#define SMALL_OP(expr) (are_small(a, b) && (r = (int64_t)(expr), true))
#define ADD_FITS       (!__builtin_add_overflow(I(a), I(b), &r))
#define SUB_FITS       (!__builtin_sub_overflow(I(a), I(b), &r))
#define MUL_FITS       (!__builtin_mul_overflow(I(a), small_value(b), &r))
#define DO_add_xi      ARITH_X(add, xi, X(1), W1(2), is_small(a) && ADD_FITS)
#define DO_add_ix      ARITH_X(add, ix, W1(2), X(1), is_small(b) && ADD_FITS)
#define DO_add_xiy     ARITH_Y(add, xiy, X(1), W1(2), is_small(a) && ADD_FITS)
#define DO_add_yi      ARITH_X(add, yi, Y(1), W1(2), is_small(a) && ADD_FITS)
#define DO_add_xy      ARITH_X(add, xy, X(1), Y(2), are_small(a, b) && ADD_FITS)
#define DO_add_yx      ARITH_X(add, yx, Y(1), X(2), are_small(a, b) && ADD_FITS)
#define DO_add_xx      ARITH_X(add, xx, X(1), X(2), are_small(a, b) && ADD_FITS)
#define DO_add_SS      ARITH_SS(add, are_small(a, b) && ADD_FITS)
#define DO_sub_xi      ARITH_X(sub, xi, X(1), W1(2), is_small(a) && SUB_FITS)
#define DO_sub_ix      ARITH_X(sub, ix, W1(2), X(1), is_small(b) && SUB_FITS)
#define DO_sub_yi      ARITH_X(sub, yi, Y(1), W1(2), is_small(a) && SUB_FITS)
#define DO_sub_xy      ARITH_X(sub, xy, X(1), Y(2), are_small(a, b) && SUB_FITS)
#define DO_sub_yx      ARITH_X(sub, yx, Y(1), X(2), are_small(a, b) && SUB_FITS)
#define DO_sub_xx      ARITH_X(sub, xx, X(1), X(2), are_small(a, b) && SUB_FITS)
#define DO_sub_SS      ARITH_SS(sub, are_small(a, b) && SUB_FITS)
#define DO_mul_xi      ARITH_X(mul, xi, X(1), W1(2), is_small(a) && MUL_FITS)
#define DO_mul_xx      ARITH_X(mul, xx, X(1), X(2), are_small(a, b) && MUL_FITS)
#define DO_mul_SS      ARITH_SS(mul, are_small(a, b) && MUL_FITS)
#define DO_band_xi     ARITH_X(band, xi, X(1), W1(2), is_small(a) && (r = I(a & b), true))
#define DO_band_xx     ARITH_X(band, xx, X(1), X(2), SMALL_OP(a &b))
#define DO_band_SS     ARITH_SS(band, SMALL_OP(a &b))
#define DO_bor_SS      ARITH_SS(bor, SMALL_OP(a | b))
#define DO_bxor_xx     ARITH_X(bxor, xx, X(1), X(2), SMALL_OP(a ^ b))
#define DO_bxor_SS     ARITH_SS(bxor, SMALL_OP(a ^ b))

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
/* The smallest small divided by -1 is the one quotient that does not fit. */
static inline bool quick_div(term_t a, term_t b, int64_t *r) {
    if (!are_small(a, b) || b == 0) return false;
    int64_t q = small_value(a) / small_value(b);
    *r = (int64_t)make_small(q);
    return fits_small(q);
}
#define DO_bsl_SS ARITH_SS(bsl, quick_bsl(a, b, &r))
#define DO_bsr_SS ARITH_SS(bsr, quick_bsr(a, b, &r))
#define DO_bsr_xi ARITH_X(bsr, xi, X(1), W1(2), quick_bsr(a, b, &r))
#define DO_div_SS ARITH_SS(div, quick_div(a, b, &r))
#define DO_rem_SS ARITH_SS(rem, are_small(a, b) && b != 0 && (r = I(a) % I(b), true))
#define DO_rem_xi ARITH_X(rem, xi, X(1), W1(2), is_small(a) && b != 0 && (r = I(a) % I(b), true))
#define DO_neg_SS                                                                                  \
    ARITH_SS(neg, is_small(a) && a != make_small(SMALL_MIN) && (r = -I(a), (void)b, true))
#define DO_bnot_SS ARITH_SS(bnot, is_small(a) && (r = I(~a) & ~(int64_t)TAG_MASK, (void)b, true))

/* ---- comparisons as values ---- c: the two results, first that for true */

/* The slow ways find the terms in arg[0] and arg[1]. */
OP_CC int bool_exact_slow(OP_ARGS);
OP_CC int bool_equal_slow(OP_ARGS);
OP_CC int bool_less_slow(OP_ARGS);
#define BOOL_BODY(quick, holds, name)                                                              \
    do {                                                                                           \
        term_t a = SOURCE(W0(0)), b = SOURCE(W0(1));                                               \
        if (UNLIKELY(!(quick))) TO_SLOW(name##_slow, a, b, 0, name);                               \
        DEST(W0(2)) = (holds) ? W0(3) : W0(4);                                                     \
    } while (0)
#define DO_bool_exact BOOL_BODY(!is_pointer(a) || !is_pointer(b), a == b, bool_exact)
#define DO_bool_equal BOOL_BODY(is_immed(a) && is_immed(b), a == b, bool_equal)
#define DO_bool_less  BOOL_BODY(are_small(a, b), I(a) < I(b), bool_less)

/* ---- BIFs in expressions ---- */

/* A failed one. arg[0]: fail address, arg[1]: name, arg[2]: arity, arg[3]: reason; operands in
 * bif_args. */
OP_CC int inline_bif_failed(OP_ARGS);
#define INLINE_FAIL(fail, name, arity, reason)                                                     \
    do {                                                                                           \
        uint64_t *arg = p->sched->arg;                                                             \
        arg[0] = (fail), arg[1] = (name), arg[2] = (arity), arg[3] = (reason);                     \
        SLOW(inline_bif_failed);                                                                   \
    } while (0)

#define DO_self DEST(W0(0)) = p->pid
#define DO_hd                                                                                      \
    do {                                                                                           \
        term_t t = SOURCE(W0(1));                                                                  \
        if (UNLIKELY(!is_cons(t))) {                                                               \
            p->sched->bif_args[0] = t;                                                             \
            INLINE_FAIL(W0(0), A_hd, 1, A_badarg);                                                 \
        }                                                                                          \
        DEST(W0(2)) = cons_head(t);                                                                \
    } while (0)
#define DO_tl                                                                                      \
    do {                                                                                           \
        term_t t = SOURCE(W0(1));                                                                  \
        if (UNLIKELY(!is_cons(t))) {                                                               \
            p->sched->bif_args[0] = t;                                                             \
            INLINE_FAIL(W0(0), A_tl, 1, A_badarg);                                                 \
        }                                                                                          \
        DEST(W0(2)) = cons_tail(t);                                                                \
    } while (0)
#define DO_element_ci                                                                              \
    do {                                                                                           \
        term_t t = SOURCE(W0(1));                                                                  \
        uint64_t at = W0(3);                                                                       \
        if (UNLIKELY(!is_tuple(t) || at - 1 >= tuple_arity(t))) {                                  \
            p->sched->bif_args[0] = make_small((int64_t)at);                                       \
            p->sched->bif_args[1] = t;                                                             \
            INLINE_FAIL(W0(0), A_element, 2, A_badarg);                                            \
        }                                                                                          \
        DEST(W0(2)) = tuple_elem(t, at);                                                           \
    } while (0)
#define DO_element_SS                                                                              \
    do {                                                                                           \
        term_t at = SOURCE(W0(1)), t = SOURCE(W0(2));                                              \
        if (UNLIKELY(!is_small(at) || !is_tuple(t) ||                                              \
                     (uint64_t)small_value(at) - 1 >= tuple_arity(t))) {                           \
            p->sched->bif_args[0] = at;                                                            \
            p->sched->bif_args[1] = t;                                                             \
            INLINE_FAIL(W0(0), A_element, 2, A_badarg);                                            \
        }                                                                                          \
        DEST(W0(3)) = tuple_elem(t, (size_t)small_value(at));                                      \
    } while (0)
#define DO_tuple_size                                                                              \
    do {                                                                                           \
        term_t t = SOURCE(W0(1));                                                                  \
        if (UNLIKELY(!is_tuple(t))) {                                                              \
            p->sched->bif_args[0] = t;                                                             \
            INLINE_FAIL(W0(0), A_tuple_size, 1, A_badarg);                                         \
        }                                                                                          \
        DEST(W0(2)) = make_small((int64_t)tuple_arity(t));                                         \
    } while (0)

/* ---- floats ---- */

/* The float registers lie right before the X registers. */
_Static_assert(offsetof(sched_t, x) == offsetof(sched_t, fr) + FLOAT_REGS * sizeof(double), "FR");
#define FR(i)           (((double *)x)[(int)H(i) - FLOAT_REGS])
#define FLOAT_MAX_VALUE 1.7976931348623157e308
OP_CC int fconv_slow(OP_ARGS);
OP_CC int badarith_slow(OP_ARGS);
#define PUT_FLOAT(dst)                                                                             \
    do {                                                                                           \
        hp[0] = make_header(T_FLOAT, 1);                                                           \
        double d = FR(0);                                                                          \
        memcpy(hp + 1, &d, sizeof d);                                                              \
        dst = make_boxed(hp);                                                                      \
        hp += FLOAT_WORDS;                                                                         \
    } while (0)
#define DO_fmove_Sf FR(0) = float_value(SOURCE(W1(0)))
#define DO_fmove_xf FR(1) = float_value(X(0))
#define DO_fmove_yf FR(1) = float_value(Y(0))
#define DO_fmove_fD PUT_FLOAT(DEST(W1(0)))
#define DO_fmove_fx PUT_FLOAT(X(1))
#define DO_fmove_ff FR(1) = FR(0)
#define DO_fconv                                                                                   \
    do {                                                                                           \
        term_t t = SOURCE(W1(0));                                                                  \
        if (LIKELY(is_small(t)))                                                                   \
            FR(0) = (double)small_value(t);                                                        \
        else if (is_float(t))                                                                      \
            FR(0) = float_value(t);                                                                \
        else                                                                                       \
            SLOW(fconv_slow);                                                                      \
    } while (0)
#define FLOAT_OP(op)                                                                               \
    do {                                                                                           \
        double r = FR(0) op FR(1);                                                                 \
        if (UNLIKELY(!(fabs(r) <= FLOAT_MAX_VALUE))) SLOW(badarith_slow);                          \
        FR(2) = r;                                                                                 \
    } while (0)
#define DO_fadd    FLOAT_OP(+)
#define DO_fsub    FLOAT_OP(-)
#define DO_fmul    FLOAT_OP(*)
#define DO_fdiv    FLOAT_OP(/)
#define DO_fnegate FR(1) = -FR(0)

/* ---- maps ---- */

/* Where a key stands in a flat map's words; 0: nowhere, or not as the same word. An instruction
 * keeps where it was last: programs meet maps of one shape at one place, and maps updated in place
 * share their keys. Other schedulers may write there too, each a valid guess. */
static inline size_t map_slot(const term_t *m, term_t key, const uint64_t *slot) {
    size_t n = header_size(m[0]) - 1;
    const term_t *keys = boxed_ptr(m[1]) - 1; /* keys[2]: the first, whose value is m[2] */
    size_t i = __atomic_load_n(slot, __ATOMIC_RELAXED);
    if (LIKELY(i - 2 < n && keys[i] == key)) return i;
    SHORT_LOOP
    for (i = n + 1; i > 1; i--)
        if (keys[i] == key) {
            __atomic_store_n((uint64_t *)(uintptr_t)slot, i, __ATOMIC_RELAXED);
            return i;
        }
    return 0;
}
OP_CC int get_map_element_xcx_slow(OP_ARGS);
OP_CC int get_map_element_xcy_slow(OP_ARGS);
OP_CC int put_map_assoc_slow(OP_ARGS);
OP_CC int put_map_exact_slow(OP_ARGS);
OP_CC int put_map_exact1_slow(OP_ARGS);
/* One constant immediate key, and its slot. */
#define GET_MAP_ELEMENT(dst, name)                                                                 \
    do {                                                                                           \
        term_t map = X(0);                                                                         \
        if (UNLIKELY(!is_flat_map(map))) SLOW(name##_slow);                                        \
        const term_t *m = boxed_ptr(map);                                                          \
        size_t i = map_slot(m, W1(1), ip + SIZE_##name - 1);                                       \
        if (i == 0) GO(CODE(W1(0)));                                                               \
        dst = m[i];                                                                                \
    } while (0)
#define DO_get_map_element_xcx GET_MAP_ELEMENT(X(1), get_map_element_xcx)
#define DO_get_map_element_xcy GET_MAP_ELEMENT(Y(1), get_map_element_xcy)
/* Values of keys that are there: a copy with the same keys. */
#define HAS_ROOM(words) ((size_t)(sp - hp) >= (words) + STACK_RESERVE)
#define DO_put_map_exact1_x                                                                        \
    do {                                                                                           \
        term_t map = X(0);                                                                         \
        if (UNLIKELY(!is_flat_map(map))) SLOW(put_map_exact1_slow);                                \
        const term_t *m = boxed_ptr(map);                                                          \
        size_t n = header_size(m[0]) + 1, i = map_slot(m, W1(1), ip + SIZE_put_map_exact1_x - 1);  \
        if (UNLIKELY(i == 0 || !HAS_ROOM(n))) SLOW(put_map_exact1_slow);                           \
        term_t v = SOURCE(W1(2));                                                                  \
        SHORT_LOOP                                                                                 \
        for (size_t j = 0; j < n; j++) hp[j] = m[j];                                               \
        hp[i] = v;                                                                                 \
        X(1) = make_boxed(hp);                                                                     \
        hp += n;                                                                                   \
    } while (0)
/* Triples of key, value and slot. */
#define PUT_MAP(name)                                                                              \
    do {                                                                                           \
        term_t map = SOURCE(W1(1));                                                                \
        if (UNLIKELY(!is_flat_map(map))) SLOW(name##_slow);                                        \
        const term_t *m = boxed_ptr(map);                                                          \
        size_t n = header_size(m[0]) + 1;                                                          \
        if (UNLIKELY(!HAS_ROOM(n))) SLOW(name##_slow);                                             \
        SHORT_LOOP                                                                                 \
        for (size_t j = 0; j < n; j++) hp[j] = m[j];                                               \
        const uint64_t *kvs = ip + SIZE_##name, *end = kvs + W1(3);                                \
        for (; kvs < end; kvs += 3) {                                                              \
            size_t i = map_slot(m, SOURCE(kvs[0]), &kvs[2]);                                       \
            if (UNLIKELY(i == 0)) SLOW(name##_slow);                                               \
            hp[i] = SOURCE(kvs[1]);                                                                \
        }                                                                                          \
        DEST(W1(2)) = make_boxed(hp);                                                              \
        hp += n;                                                                                   \
        GO(end);                                                                                   \
    } while (0)
#define DO_put_map_assoc PUT_MAP(put_map_assoc)
#define DO_put_map_exact PUT_MAP(put_map_exact)

/* ---- matching bits ---- */

static inline match_ctx_t *ctx_of(term_t t) { return (match_ctx_t *)boxed_ptr(t); }
/* Bits left; offsets are kept as smalls, and so is this. */
static inline uint64_t left_of(const match_ctx_t *c) { return c->end - c->offset; }
#define BITS(n) ((uint64_t)(n) << SMALL_SHIFT)

/* The next eight bits, which are there. */
static inline unsigned next_byte(const match_ctx_t *c) {
    uint64_t off = c->offset >> SMALL_SHIFT;
    const uint8_t *b = c->base + (off >> 3);
    unsigned shift = off & 7, v = b[0];
    if (UNLIKELY(shift != 0)) v = ((v << 8 | b[1]) >> (8 - shift)) & 0xff;
    return v;
}

OP_CC int start_match_xx(OP_ARGS);
OP_CC int bs_get_fixed_slow(OP_ARGS);
OP_CC int bs_get_utf8_slow(OP_ARGS);
/* Loops over a binary come here with the context they had. */
#define DO_bs_start_match_xx                                                                       \
    do {                                                                                           \
        term_t t = X(0);                                                                           \
        if (UNLIKELY(!is_match_ctx(t))) SLOW(start_match_xx);                                      \
        X(1) = t;                                                                                  \
    } while (0)
#define DO_bs_get_integer8                                                                         \
    do {                                                                                           \
        match_ctx_t *c = ctx_of(X(0));                                                             \
        if (UNLIKELY(left_of(c) < BITS(8))) GO(CODE(W1(0)));                                       \
        unsigned v = next_byte(c);                                                                 \
        c->offset += BITS(8);                                                                      \
        X(1) = make_small((int64_t)v);                                                             \
    } while (0)
static inline uint64_t big_endian64(const uint8_t *b) {
    uint64_t v;
    memcpy(&v, b, 8);
    return __builtin_bswap64(v);
}
/* At most 56 bits, big endian, unsigned or signed. Eight bytes are read at once where they are
 * there. */
#define DO_bs_get_integer_fixed                                                                    \
    do {                                                                                           \
        match_ctx_t *c = ctx_of(X(0));                                                             \
        if (UNLIKELY(left_of(c) < BITS(H(2)))) GO(CODE(W1(0)));                                    \
        if (UNLIKELY(left_of(c) < BITS(64))) SLOW(bs_get_fixed_slow);                              \
        uint64_t off = c->offset >> SMALL_SHIFT;                                                   \
        uint64_t v = big_endian64(c->base + (off >> 3)) << (off & 7);                              \
        v = H(3) & BS_SIGNED ? (uint64_t)((int64_t)v >> (64 - H(2))) : v >> (64 - H(2));           \
        c->offset += BITS(H(2));                                                                   \
        X(1) = make_small((int64_t)v);                                                             \
    } while (0)
#define DO_bs_get_position_xx (X(1) = ctx_of(X(0))->offset)
#define DO_bs_set_position_xx (ctx_of(X(0))->offset = X(1))
/* The unit is a power of two; the operand is one less. */
#define DO_bs_test_unit_x                                                                          \
    if (left_of(ctx_of(X(0))) & BITS(H(1))) GO(CODE(W1(0)))
/* A byte of ASCII. */
#define DO_bs_get_utf8_xx                                                                          \
    do {                                                                                           \
        match_ctx_t *c = ctx_of(X(0));                                                             \
        if (UNLIKELY(left_of(c) < BITS(8))) GO(CODE(W1(0)));                                       \
        unsigned v = next_byte(c);                                                                 \
        if (v >= 0x80) SLOW(bs_get_utf8_slow);                                                     \
        c->offset += BITS(8);                                                                      \
        X(1) = make_small((int64_t)v);                                                             \
    } while (0)
#define DO_bs_test_tail                                                                            \
    if (left_of(ctx_of(SOURCE(W0(1)))) != BITS(W0(2))) GO(CODE(W0(0)))
/* One byte. */
#define DO_bs_match_string8                                                                        \
    do {                                                                                           \
        match_ctx_t *c = ctx_of(X(0));                                                             \
        if (UNLIKELY(left_of(c) < BITS(8))) GO(CODE(W1(0)));                                       \
        if (next_byte(c) != H(1)) GO(CODE(W1(0)));                                                 \
        c->offset += BITS(8);                                                                      \
    } while (0)

#endif
