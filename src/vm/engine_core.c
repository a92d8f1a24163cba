/* engine_core.c: entering and leaving the engine, calls of BIFs, apply and funs, entries that are
 * no code, and the slow paths of comparisons. The plain instructions are in engine_ops.h; see
 * engine.h for the form all are written in.
 */
#include "vm/engine_ops.h"
#include "vm/fiber.h"
#include "vm/proc_ext.h"
#include "vm/nif.h"

/* ---- entering and leaving ---- */

#ifdef LING_COUNT
void (*engine_count)(const uint64_t *ip);
#endif

/* The process came to this dirty scheduler for a long collection. Where that fails the instruction
 * tries again itself and says so. */
COLD static void collect_first(sched_t *s, proc_t *p, unsigned live) {
    p->flags &= ~(uint32_t)PF_DIRTY_GC;
    if (p->flags & PF_SAVED_FLOATS) {
        p->flags &= ~(uint32_t)PF_SAVED_FLOATS;
        memcpy(s->fr, p->ext->floats, sizeof p->ext->floats);
    }
    if (!s->dirty) return; /* suspended in between */
    (void)gc_minor(p, STACK_RESERVE, s->x, live, NULL, 0);
    p->reds = 0;
}

int engine_run(sched_t *s, proc_t *p) {
    term_t *x = s->x;
    p->sched = s;
    s->current = p;
    p->reds = SLICE_REDS;
    if (UNLIKELY(proc_has_signals(p)) && !proc_fetch_signals(p)) {
        s->current = NULL;
        return RUN_EXIT;
    }
    if (p->flags & PF_SAVED_ARGS) {
        unsigned n = p->arity;
        for (unsigned i = 0; i < n; i++) x[i] = p->sp[i];
        p->sp += n;
        p->flags &= ~(uint32_t)PF_SAVED_ARGS;
        if (UNLIKELY(p->flags & PF_DIRTY_GC)) collect_first(s, p, n);
    } else if (UNLIKELY(p->flags & PF_FIBER)) {
        fiber_restore(p, x);
    }
#ifdef ENGINE_TRAMPOLINE
    do {
#ifdef LING_COUNT
        if (engine_count) engine_count(p->ip);
#endif
    } while (((op_fn)(uintptr_t)HANDLER_AT(p->ip))(p, p->ip, x, p->htop, p->sp, p->reds));
#else
    ((op_fn)(uintptr_t)HANDLER_AT(p->ip))(p, p->ip, x, p->htop, p->sp, p->reds);
#endif
    s->current = NULL;
    return s->run_result;
}

/* The slice is over. ip is a function entry (its func_info stands before it), arg[1] the number of
 * live registers. They go on the process's own stack, where the collector sees them. */
static OP_CC int preempt(OP_ARGS) {
    unsigned live = (unsigned)p->sched->arg[1];
    (void)reds;
    p->reds = 0;
    if ((size_t)(sp - hp) < live + STACK_RESERVE) {
        p->htop = hp, p->sp = sp;
        if (!gc_minor(p, live + STACK_RESERVE, x, live, NULL, 0)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        hp = p->htop, sp = p->sp;
    }
    sp -= live;
    for (unsigned i = 0; i < live; i++) sp[i] = x[i];
    p->arity = (uint16_t)live;
    p->flags |= PF_SAVED_ARGS;
    p->ip = ip;
    p->htop = hp, p->sp = sp;
    STOP(RUN_YIELD);
}

COLD OP_CC int engine_preempt(OP_ARGS) {
    p->sched->arg[1] = FUNC_ARITY(ip[-1]); /* last word of func_info */
    SLOW(preempt);
}

COLD OP_CC int engine_preempt_export(OP_ARGS) {
    export_t *e = (export_t *)(uintptr_t)p->sched->arg[0];
    p->sched->arg[1] = e->arity;
    SLOW(preempt);
}

/* The collection would keep others waiting: it is done on a dirty scheduler, and the process goes
 * on at ip with arg[1] live registers. false: it has to be done here. */
COLD static bool dirty_collect(proc_t *p, const uint64_t *ip, term_t *x) {
    sched_t *s = p->sched;
    unsigned live = (unsigned)s->arg[1];
    if (s->dirty || (size_t)(p->sp - p->htop) < live ||
        atomic_load_explicit(&p->vm->many_floats, memory_order_relaxed))
        return false;
    proc_ext_t *ext = proc_ext_get(p);
    if (!ext || !bif_go_dirty(p, BIF_DIRTY_CPU)) return false;
    memcpy(ext->floats, s->fr, sizeof ext->floats);
    for (unsigned i = 0; i < live; i++) *(p->sp - live + i) = x[i];
    p->sp -= live;
    p->arity = (uint16_t)live;
    p->ip = ip;
    p->flags |= PF_SAVED_ARGS | PF_SAVED_FLOATS | PF_DIRTY_GC;
    return true;
}

/* Makes room and repeats the instruction. */
static inline uint64_t handler(int op);
COLD OP_CC int engine_collect(OP_ARGS) {
    uint64_t need = p->sched->arg[0];
    unsigned live = (unsigned)p->sched->arg[1];
    SAVE();
    if (UNLIKELY(gc_is_long(p)) && dirty_collect(p, ip, x)) STOP(RUN_DIRTY);
    if (!gc_minor(p, need + STACK_RESERVE, x, live, NULL, 0)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    if (HANDLER_AT(ip) == handler(OP_breakpoint)) p->sched->bp_again = ip; /* told already */
    GO(ip);
}

COLD OP_CC int engine_raise(OP_ARGS) {
    (void)hp, (void)sp, (void)reds;
    const uint64_t *to = error_unwind(p, ip, x);
    if (!to) STOP(RUN_EXIT);
    RESTORE();
    GO(to);
}

DEFINE_OP(process_exit) {
    (void)ip;
    SAVE();
    if (!dirty_is_over(p)) p->fvalue = A_normal;
    STOP(RUN_EXIT);
}

/* ---- calls of BIFs ---- */

/* erlang:hibernate/3 has emptied the stack: save the arguments and sleep until there is a message.
 */
static COLD OP_CC int hibernate(OP_ARGS) {
    unsigned live = p->arity;
    p->sched->hibernating = false;
    sp -= live; /* gc_hibernate leaves STACK_RESERVE words; more arguments need more */
    if (sp < hp + STACK_RESERVE) {
        sp += live;
        p->htop = hp, p->sp = sp;
        if (!gc_minor(p, live + STACK_RESERVE, x, live, NULL, 0)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        hp = p->htop, sp = p->sp - live;
    }
    for (unsigned i = 0; i < live; i++) sp[i] = x[i];
    p->flags |= PF_SAVED_ARGS;
    SAVE();
    msg_queue_reset(&p->mq);
    STOP(msg_queue_current(&p->mq) ? RUN_YIELD : RUN_WAIT);
}

/* A BIF stopped in the middle: the instruction at ip, for which arg[1] X registers live, is
 * repeated when the process runs again. Nothing is collected until then. Float registers are not
 * kept, as OTP does not keep them here: compilers leave none alive across a BIF, only across
 * test_heap. */
COLD OP_CC int engine_again(OP_ARGS) {
    fiber_save(p, x, (unsigned)p->sched->arg[1]);
    p->htop = hp, p->sp = sp, p->reds = 0;
    p->arity = 0;
    p->ip = ip;
    STOP(RUN_YIELD);
}

/* A BIF call came back without a result: arg[2] is where a normal return would go on (NULL: the
 * caller on the stack), ip the calling instruction. */
COLD OP_CC int bif_no_result(OP_ARGS) {
    const uint64_t *back = CODE(p->sched->arg[2]);
    switch (p->fclass) {
    case EXC_TRAP:
        if (UNLIKELY(p->sched->hibernating)) SLOW(hibernate);
        if (back) PUSH_RETURN(back);
        ip = p->ip;
        if (UNLIKELY(--reds <= 0)) {
            p->sched->arg[1] = p->arity;
            SLOW(preempt);
        }
        GO(ip);
    case EXC_YIELD:
        if (back) PUSH_RETURN(back);
        p->sched->arg[1] = p->arity;
        ip = p->ip;
        SLOW(preempt);
    case EXC_WAIT:
    case EXC_DIRTY: { /* sleep or go elsewhere, then run the same BIF with the same arguments */
        int why = p->fclass == EXC_WAIT ? RUN_WAIT : RUN_DIRTY;
        export_t *e = (export_t *)(uintptr_t)p->sched->arg[3];
        unsigned live = e->arity;
        if (back) PUSH_RETURN(back);
        if ((size_t)(sp - hp) < live + STACK_RESERVE) {
            p->htop = hp, p->sp = sp;
            if (!gc_minor(p, live + STACK_RESERVE, x, live, NULL, 0)) {
                p->fclass = EXC_OOM;
                RAISE();
            }
            hp = p->htop, sp = p->sp;
        }
        sp -= live;
        for (unsigned i = 0; i < live; i++) sp[i] = x[i];
        p->arity = (uint16_t)live;
        p->flags |= PF_SAVED_ARGS;
        p->ip = e->stub; /* not through a breakpoint again */
        SAVE();
        STOP(why);
    }
    case EXC_AGAIN:
        p->sched->arg[1] = ((export_t *)(uintptr_t)p->sched->arg[3])->arity;
        SLOW(engine_again);
    default: RAISE();
    }
}

/* After a BIF that left much behind: collect, x0 is the only live register, go on at arg[2]. */
COLD OP_CC int bif_collect(OP_ARGS) {
    const uint64_t *back = CODE(p->sched->arg[2]);
    (void)hp, (void)reds;
    if (UNLIKELY(gc_is_long(p))) {
        p->sched->arg[1] = 1;
        if (!back) p->sp = sp + 1;
        if (dirty_collect(p, back ? back : CODE(*sp - CALL_MARK), x)) STOP(RUN_DIRTY);
        p->sp = sp;
    }
    if (!gc_minor(p, STACK_RESERVE, x, 1, NULL, 0)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    if (!back) back = CODE(*sp++ - CALL_MARK);
    GO(back);
}

/* What the export entry of a BIF points to: reached by apply, funs and processes starting in one.
 */
DEFINE_OP(bif_entry) {
    export_t *e = EXPORT(W0(0));
    CALL_BIF(e, e->bif->fn, NULL);
}

DEFINE_OP(bif_entry_dirty) { CALL_BIF(EXPORT(W0(0)), dirty_gate, NULL); }

/* At the entry of a function that a native one has taken over. */
DEFINE_OP(nif_entry) {
    export_t *e = FUNC_NIF(__atomic_load_n(&ip[-1], __ATOMIC_ACQUIRE));
    bool dirty = e->bif->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO);
    CALL_BIF(e, dirty ? dirty_gate : e->bif->fn, NULL);
}

/* ---- apply and funs ---- */

static COLD OP_CC int apply_slow(OP_ARGS) {
    SAVE();
    if (p->fclass == EXC_ERROR) error_apply(p, ip, x, H(0));
    RAISE();
}
/* x[0..n-1] arguments, x[n] module, x[n+1] function. */
static inline export_t *apply_target(proc_t *p, term_t *x, unsigned n) {
    term_t m = x[n], f = x[n + 1];
    if (!is_atom(m) || !is_atom(f)) {
        p->fclass = EXC_ERROR, p->fvalue = A_badarg, p->cause = TERM_NONE, p->cur_bif = NULL;
        return NULL;
    }
    export_t *e = export_get(p->vm, m, f, n);
    if (!e) p->fclass = EXC_OOM;
    return e;
}
DEFINE_OP(apply) {
    export_t *e = apply_target(p, x, H(0));
    if (UNLIKELY(!e)) SLOW(apply_slow);
    PUSH_RETURN(ip + SIZE_apply);
    ENTER_EXPORT(e);
}
/* error/1..3, exit/1 and throw/1 applied last: the caller's frame stays, as it does in OTP. */
static COLD OP_CC int apply_raises(OP_ARGS) {
    export_t *e = (export_t *)(uintptr_t)p->sched->arg[0];
    p->sched->bif_ip = ip;
    p->cur_bif = e->bif;
    p->cause = TERM_NONE;
    SAVE();
    e->bif->fn(p, x);
    RAISE();
}
DEFINE_OP(apply_last) {
    export_t *e = apply_target(p, x, H(0));
    if (UNLIKELY(!e)) SLOW(apply_slow);
    if (UNLIKELY(atomic_load_explicit(&e->code, memory_order_acquire) == e->stub) && e->bif &&
        e->bif->flags & BIF_RAISES) {
        p->sched->arg[0] = (uint64_t)(uintptr_t)e;
        SLOW(apply_raises);
    }
    sp = (term_t *)((char *)sp + H(1));
    ENTER_EXPORT(e);
}

COLD static void fun_error(proc_t *p, term_t fun, unsigned arity, term_t *x) {
    p->fclass = EXC_ERROR, p->cause = TERM_NONE, p->cur_bif = NULL;
    bool is_fun_term = is_fun(fun);
    term_t *hp = heap_alloc(p, 2 * arity + 6), *end = hp ? hp + 2 * arity + 6 : NULL;
    if (!hp) {
        p->fclass = EXC_OOM;
        return;
    }
    if (is_fun_term) {
        term_t args = TERM_NIL;
        for (unsigned i = arity; i > 0; i--) args = cons(&hp, x[i - 1], args);
        term_t pair = tuple2(&hp, fun, args);
        p->fvalue = tuple2(&hp, A_badarity, pair);
    } else {
        p->fvalue = tuple2(&hp, A_badfun, fun);
    }
    heap_release(p, hp, end);
}

const uint64_t *engine_fun_entry(proc_t *p, term_t fun, unsigned arity, term_t *x) {
    if (LIKELY(is_closure(fun))) {
        fun_obj_t *f = (fun_obj_t *)boxed_ptr(fun);
        size_t nfree = header_size(f->header) - 2;
        if (LIKELY(f->entry->arity == arity)) {
            SHORT_LOOP
            for (size_t i = 0; i < nfree; i++) x[arity + i] = f->env[i];
            return atomic_load_explicit(&f->entry->code, memory_order_acquire);
        }
    } else if (is_export_fun(fun)) {
        export_t *e = (export_t *)(uintptr_t)boxed_ptr(fun)[1];
        if (LIKELY(e->arity == arity)) return atomic_load_explicit(&e->code, memory_order_acquire);
    }
    fun_error(p, fun, arity, x);
    return NULL;
}

static COLD OP_CC int fun_raise(OP_ARGS) {
    /* htop may have moved while the error term was built. */
    (void)hp, (void)reds;
    p->sp = sp;
    if (p->fclass == EXC_ERROR) error_fun_call(p, ip, p->sched->arg[2] != 0);
    RAISE();
}
/* Fun calls are preempted like others; an export stub has no func_info before it, so the number of
 * live registers is taken from the fun. */
COLD OP_CC int fun_preempt(OP_ARGS) { SLOW(preempt); }
/* What is called is no closure of that arity: the function of an export fun, or an error. */
COLD OP_CC int fun_slow(OP_ARGS) {
    uint64_t *arg = p->sched->arg;
    SAVE();
    const uint64_t *to = engine_fun_entry(p, arg[0], (unsigned)arg[1], x);
    if (UNLIKELY(!to)) SLOW(fun_raise);
    if (arg[2])
        PUSH_RETURN(arg[2]);
    else
        POP(arg[3]);
    ip = to;
    if (UNLIKELY(--reds <= 0)) SLOW(fun_preempt);
    GO(ip);
}

/* ---- entries that are no code ---- */

DEFINE_OP(func_info) {
    SAVE();
    error_function_clause(p, ip, x);
    RAISE();
}

/* A module that cannot be loaded is an undefined function to the caller, as in OTP. Where OTP runs,
 * its code server loads all but what is part of the library. */
COLD static void load_missing(vm_t *vm, term_t module) {
    load_error_t err = {{0}};
    if (vm->use_error_handler && !code_is_builtin(vm, module)) return;
    load_module_from_path(vm, module, &err);
}

/* Who takes over a call to a function that is not there; NULL: nobody. */
COLD static export_t *undefined_handler(proc_t *p, term_t module) {
    vm_t *vm = p->vm;
    term_t handler = proc_error_handler(p);
    export_t *h = export_find(vm, handler, A_undefined_function, 3);
    if (vm->use_error_handler && h && export_is_defined(h) && module != handler) return h;
    if (!module_find_on_load(vm, module)) return NULL;
    return export_get(vm, A_ling_on_load, A_call, 3);
}

/* A function that is not there: load its module, or raise undef. */
DEFINE_OP(undefined_entry) {
    export_t *e = EXPORT(W0(0));
    SAVE();
    vm_t *vm = p->vm;
    /* It may have come meanwhile: this process may have slept with the stub as its next step. */
    const uint64_t *to = atomic_load_explicit(&e->code, memory_order_acquire);
    if (to != e->stub) GO(to);
    if (!module_find(vm, e->module) && !module_find_on_load(vm, e->module))
        load_missing(vm, e->module);
    /* Whoever loaded it, also between the look above and this one. */
    to = atomic_load_explicit(&e->code, memory_order_acquire);
    if (to != e->stub) GO(to);
    export_t *h = undefined_handler(p, e->module);
    if (h) {
        unsigned n = e->arity;
        term_t *c = heap_alloc(p, 2 * n + 1);
        if (!c) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        term_t args = TERM_NIL, *end = c + 2 * n + 1;
        for (unsigned i = n; i > 0; i--) args = cons(&c, x[i - 1], args);
        heap_release(p, c, end);
        x[0] = e->module, x[1] = e->function, x[2] = args;
        RESTORE();
        ENTER_EXPORT(h);
    }
    error_undef(p, e, x);
    RAISE();
}

/* The closure that was called: its environment is behind its arguments. */
COLD static bool fun_of_call(proc_t *p, fun_entry_t *f, term_t *x, term_t *fun, term_t *args) {
    unsigned n = f->arity, nfree = f->num_free;
    term_t *hp = heap_alloc(p, FUN_WORDS(nfree) + 2 * n);
    if (!hp) return false;
    fun_obj_t *o = (fun_obj_t *)hp;
    o->header = make_header(T_FUN, 2 + nfree);
    o->entry = f;
    o->creator = p->pid;
    memcpy(o->env, x + n, nfree * sizeof(term_t));
    *fun = make_boxed(o);
    hp += FUN_WORDS(nfree);
    term_t list = TERM_NIL;
    for (unsigned i = n; i > 0; i--) list = cons(&hp, x[i - 1], list);
    *args = list;
    return true;
}
/* A closure whose code has been purged: the error handler's undefined_lambda tries to reload it. */
DEFINE_OP(fun_gone) {
    fun_entry_t *f = (fun_entry_t *)(uintptr_t)W0(0);
    SAVE();
    if (!module_find(p->vm, f->module)) load_missing(p->vm, f->module);
    const uint64_t *to = atomic_load_explicit(&f->code, memory_order_acquire);
    if (to != f->stub) GO(to);
    if (UNLIKELY(fun_is_being_purged(p->vm, f))) { /* wait until that is decided, then again */
        p->sched->arg[1] = f->arity + f->num_free;
        SLOW(preempt);
    }
    term_t fun, args;
    if (!fun_of_call(p, f, x, &fun, &args)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    export_t *h = export_find(p->vm, proc_error_handler(p), A_undefined_lambda, 3);
    if (module_find(p->vm, f->module)) { /* loaded, but it has no such fun */
        fun_error(p, TERM_NONE, 0, x);
        if (p->fclass == EXC_ERROR) tuple_elems(p->fvalue)[1] = fun;
    } else if (p->vm->use_error_handler && h && export_is_defined(h)) {
        x[0] = f->module, x[1] = fun, x[2] = args;
        RESTORE();
        ENTER_EXPORT(h);
    } else {
        error_undef_fun(p, fun, args);
    }
    RAISE();
}

/* ---- frames, lists and tuples ---- */

DEFINE_OP(init_yregs) {
    size_t n = W0(0);
    for (size_t i = 0; i < n; i++) DEST(ip[SIZE_init_yregs + i]) = TERM_NIL;
    GO(ip + SIZE_init_yregs + n);
}

DEFINE_OP(is_function2) {
    term_t t = SOURCE(W0(0)), n = SOURCE(W0(1));
    bool yes = false;
    if (is_small(n) && is_closure(t))
        yes = ((fun_obj_t *)boxed_ptr(t))->entry->arity == (uint64_t)small_value(n);
    else if (is_small(n) && is_export_fun(t))
        yes = EXPORT(boxed_ptr(t)[1])->arity == (uint64_t)small_value(n);
    if (yes) NEXT(is_function2);
    GO(CODE(W0(2)));
}

/* ---- comparisons ---- */

static inline int compare(vm_t *vm, term_t a, term_t b) {
    if (is_float(a) && is_float(b)) {
        double x = float_value(a), y = float_value(b);
        return x < y ? -1 : x > y;
    }
    return term_cmp(vm, a, b);
}
#define COMPARE_SLOW(fn, cond)                                                                     \
    COLD OP_CC int fn(OP_ARGS) {                                                                   \
        uint64_t *arg = p->sched->arg;                                                             \
        int c = compare(p->vm, arg[0], arg[1]);                                                    \
        GO(CODE((cond) ? arg[3] : arg[2]));                                                        \
    }
COMPARE_SLOW(slow_lt, c < 0)
COMPARE_SLOW(slow_ge, c >= 0)
COMPARE_SLOW(slow_eq, c == 0)
COMPARE_SLOW(slow_ne, c != 0)
COLD OP_CC int slow_eq_exact(OP_ARGS) {
    uint64_t *arg = p->sched->arg;
    GO(CODE(term_eq_slow(p->vm, arg[0], arg[1]) ? arg[3] : arg[2]));
}
COLD OP_CC int slow_ne_exact(OP_ARGS) {
    uint64_t *arg = p->sched->arg;
    GO(CODE(!term_eq_slow(p->vm, arg[0], arg[1]) ? arg[3] : arg[2]));
}
#define BOOL_SLOW(name, holds)                                                                     \
    COLD OP_CC int name##_slow(OP_ARGS) {                                                          \
        term_t a = p->sched->arg[0], b = p->sched->arg[1];                                         \
        DEST(W0(2)) = (holds) ? W0(3) : W0(4);                                                     \
        NEXT(name);                                                                                \
    }
BOOL_SLOW(bool_exact, term_eq(p->vm, a, b))
BOOL_SLOW(bool_equal, compare(p->vm, a, b) == 0)
BOOL_SLOW(bool_less, compare(p->vm, a, b) < 0)
COLD OP_CC int slow_in_range(OP_ARGS) {
    term_t t = X(0);
    bool in = term_cmp(p->vm, t, W1(1)) >= 0 && term_cmp(p->vm, W1(2), t) >= 0;
    if (in) NEXT(is_in_range);
    GO(CODE(W1(0)));
}
/* Values that are no immediates (floats, big integers). */
DEFINE_OP(select_slow) {
    term_t v = SOURCE(W0(0));
    const uint64_t *pair = ip + SIZE_select_slow;
    for (size_t i = 0; i < W0(2); i++, pair += 2)
        if (term_eq(p->vm, v, pair[0])) GO(CODE(pair[1]));
    GO(CODE(W0(1)));
}

/* ---- stubs ---- */

static inline uint64_t handler(int op) { return (uint64_t)(uintptr_t)op_table[op].fn; }

void engine_make_bif_stub(export_t *e) {
    bool dirty = e->bif->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO);
    e->stub[0] = handler(dirty ? OP_bif_entry_dirty : OP_bif_entry);
    e->stub[1] = (uint64_t)(uintptr_t)e;
    atomic_store_explicit(&e->code, e->stub, memory_order_release);
}
void engine_make_undefined_stub(export_t *e) {
    e->stub[0] = handler(OP_undefined_entry);
    e->stub[1] = (uint64_t)(uintptr_t)e;
    atomic_store_explicit(&e->code, e->stub, memory_order_release);
}
void engine_make_fun_stub(fun_entry_t *f) {
    f->stub[0] = handler(OP_fun_gone);
    f->stub[1] = (uint64_t)(uintptr_t)f;
    atomic_store_explicit(&f->code, f->stub, memory_order_release);
}

/* Word by word, in this order: who sees the handler finds the export. The export's stub calls the
 * function again after it has waited. */
void engine_take_over(uint64_t *code, export_t *e) {
    uint64_t arity = FUNC_ARITY(code[-1]);
    engine_make_bif_stub(e);
    __atomic_store_n(&code[-1], (uint64_t)(uintptr_t)e << 8 | arity, __ATOMIC_RELEASE);
    __atomic_store_n(&code[0], handler(OP_nif_entry), __ATOMIC_RELEASE);
    atomic_store_explicit(&e->code, code, memory_order_release);
}
void engine_make_nif_stub(export_t *e, uint64_t *stub) {
    stub[0] = handler(OP_func_info);
    stub[1] = e->module;
    stub[2] = e->function;
    stub[3] = e->arity;
    engine_take_over(stub + FUNC_INFO_WORDS, e);
}
term_t engine_nif_module(const uint64_t *ip) {
    if (!ip) return TERM_NONE;
    const export_t *e = NULL;
    uint64_t h = HANDLER_AT(ip);
    if (h == handler(OP_nif_entry)) e = FUNC_NIF(ip[-1]);
    if (h == handler(OP_bif_entry) || h == handler(OP_bif_entry_dirty)) e = EXPORT(ip[1]);
    return e && e->bif->flags & BIF_NIF ? e->module : TERM_NONE;
}

static const uint64_t *exit_code(vm_t *vm) { return vm->exit_code; }
const uint64_t *engine_exit_code(vm_t *vm) { return exit_code(vm); }

uint64_t engine_handler(int op) { return handler(op); }

bool engine_init(vm_t *vm) {
    vm->exit_code[0] = handler(OP_process_exit);
    return true;
}
