/* engine_bifs.c: BIFs that are really about control flow or the heap: apply, hibernate, garbage
 * collection, stubs of native functions.
 */
#include "vm/engine.h"

/* Arguments of a list into x[0..]; their number, or -1: no proper list or too long. */
static int spread(term_t list, term_t *x) {
    int n = 0;
    for (; is_cons(list); list = cons_tail(list)) {
        if (n == MAX_ARITY) return -1;
        x[n++] = cons_head(list);
    }
    return is_nil(list) ? n : -1;
}

static term_t trap_to(proc_t *p, const uint64_t *code, unsigned live) {
    p->ip = code;
    p->arity = (uint16_t)live;
    p->fclass = EXC_TRAP;
    return TERM_NONE;
}

static BIF(apply_2) {
    term_t fun = a[0], args = a[1], *x = p->sched->x;
    int64_t n = list_length(args);
    if (n < 0 || n > MAX_ARITY) return bif_badarg(p);
    spread(args, x);
    const uint64_t *code = engine_fun_entry(p, fun, (unsigned)n, x);
    if (!code) {
        if (p->fclass == EXC_ERROR)
            error_fun_call(p, p->sched->bif_ip, op_by_handler(*p->sched->bif_ip) == OP_call_bif);
        return TERM_NONE;
    }
    return trap_to(p, code, (unsigned)n + (is_closure(fun) ? (unsigned)fun_num_free(fun) : 0));
}
static BIF(apply_3) {
    term_t m = a[0], f = a[1], args = a[2], *x = p->sched->x;
    int64_t n = list_length(args);
    if (!is_atom(m) || !is_atom(f) || n < 0 || n > MAX_ARITY) return bif_badarg(p);
    export_t *e = export_get(p->vm, m, f, (uint32_t)n);
    if (!e) return bif_oom(p);
    spread(args, x);
    const uint64_t *code = atomic_load_explicit(&e->code, memory_order_acquire);
    if (code == e->stub && e->bif && e->bif->flags & BIF_RAISES) { /* the caller's frame is shown */
        p->cur_bif = e->bif;
        return e->bif->fn(p, x);
    }
    return trap_to(p, code, (unsigned)n);
}

/* Throws the stack away, keeps the heap as small as it gets, and waits for a message; then
 * M:F(Args) runs. The waiting is done by the first call of the function: its arguments are saved on
 * the empty stack, the process sleeps unless a message is there. */
static BIF(hibernate_3) {
    term_t m = a[0], f = a[1], args = a[2], *x = p->sched->x;
    int64_t n = list_length(args);
    if (!is_atom(m) || !is_atom(f) || n < 0 || n > MAX_ARITY) return bif_badarg(p);
    export_t *e = export_get(p->vm, m, f, (uint32_t)n);
    if (!e) return bif_oom(p);
    spread(args, x);
    p->sp = p->hend;
    *--p->sp = (term_t)(uintptr_t)engine_exit_code(p->vm) + CALL_MARK;
    p->catches = 0;
    if (!gc_hibernate(p, x, (unsigned)n)) return bif_oom(p);
    p->sched->hibernating = true;
    return trap_to(p, atomic_load_explicit(&e->code, memory_order_acquire), (unsigned)n);
}

static BIF(garbage_collect_1) {
    if (a[0] != A_minor && a[0] != A_major) return bif_badarg(p);
    bool major = a[0] == A_major;
    if ((major ? heap_used_words(p) > GC_LONG_WORDS : gc_is_long(p)) &&
        bif_go_dirty(p, BIF_DIRTY_CPU))
        return TERM_NONE;
    bool ok = major ? gc_major(p, 0, a, 1, NULL, 0) : gc_minor(p, 0, a, 1, NULL, 0);
    return ok ? A_true : bif_oom(p);
}

static BIF(nif_error_1) { return bif_error(p, a[0]); }

const bif_def_t bifs_engine[] = {
    {"erlang", "apply", 2, apply_2, 0},
    {"erlang", "apply", 3, apply_3, 0},
    {"erlang", "hibernate", 3, hibernate_3, 0},
    {"erts_internal", "garbage_collect", 1, garbage_collect_1, 0},
    {"erlang", "nif_error", 1, nif_error_1, 0},
    {"erlang", "nif_error", 2, nif_error_1, 0},
    {0},
};
