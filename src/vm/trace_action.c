/* trace_action.c: what the body of a match specification may do in a trace (match_spec.h,
 * trace_action): called by match_spec.c while it runs one. Words of the result must be the
 * process's or live as long as the call.
 */
#include "vm/copy.h"
#include "vm/engine.h"
#include "vm/io.h"
#include "vm/print.h"
#include "vm/proc_dump.h"
#include "vm/seq_trace.h"
#include "vm/trace.h"

/* A list of flags, or one flag. false: something else. */
static bool flags_of(term_t l, uint32_t *flags, term_t *tracer) {
    *flags = 0;
    *tracer = TERM_NONE;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t f = cons_head(l);
        if (is_tuple_of(f, 2) && tuple_elem(f, 1) == A_tracer) {
            *tracer = tuple_elem(f, 2);
            continue;
        }
        uint32_t n = is_atom(f) ? trace_flag_of(f) : 0;
        if (!n || n == TF_CPU_TS) return false;
        *flags |= n;
    }
    return is_nil(l);
}

static proc_t *process_of(proc_t *p, term_t who) {
    if (is_atom(who)) who = name_whereis(p->vm, who);
    if (who == p->pid) return p;
    return who != TERM_NONE && is_local_pid(who) ? proc_lookup(p->vm, who) : NULL;
}

/* Switches flags of q off and on; who is traced by nobody gets p's tracer. Was that a change? */
static bool change(proc_t *p, proc_t *q, uint32_t off, uint32_t on, term_t tracer) {
    const trace_t *mine = trace_of(p), *its = trace_of(q);
    uint32_t before = its ? its->flags : 0;
    bool other = tracer != TERM_NONE && its && its->tracer != tracer;
    if (other && tracer != q->pid && tracer_lives(p->vm, tracer, q->pid)) {
        trace_change(p->vm, q, false, TF_ALL, tracer);
        on |= before & ~off;
    }
    if (tracer == TERM_NONE) tracer = its ? its->tracer : mine ? mine->tracer : TERM_NIL;
    if (off) trace_change(p->vm, q, false, off, tracer);
    if (on && tracer_lives(p->vm, tracer, q->pid) && tracer != q->pid)
        trace_change(p->vm, q, true, on, tracer);
    its = trace_of(q);
    return other || (its ? its->flags : 0) != before;
}

static term_t switch_one(ms_trace_t *t, const term_t *a, size_t n, bool on) {
    proc_t *p = t->p, *q = n == 2 ? process_of(p, a[0]) : p;
    uint32_t flag = is_atom(a[n - 1]) ? trace_flag_of(a[n - 1]) : 0;
    if (flag == 0 || flag == TF_CPU_TS || !q) return A_EXIT;
    if (!t->test) change(p, q, on ? 0 : flag, on ? flag : 0, TERM_NONE);
    return A_true;
}

static term_t switch_many(ms_trace_t *t, const term_t *a, size_t n) {
    proc_t *p = t->p, *q = n == 3 ? process_of(p, a[0]) : p;
    uint32_t off, on;
    term_t tracer, none;
    if (!q || !flags_of(a[n - 2], &off, &none) || !flags_of(a[n - 1], &on, &tracer)) return A_EXIT;
    return make_bool(!t->test && change(p, q, off, on, tracer));
}

static term_t caller(ms_trace_t *t, bool line) {
    proc_t *p = t->p;
    term_t *hp = heap_alloc(p, 4 + 5 + 3);
    if (!hp) return A_undefined;
    term_t *end = hp + 4 + 5 + 3, r = A_undefined;
    code_place_t pl;
    if (!line)
        r = trace_mfa(p->vm, t->caller, &hp, A_undefined);
    else if (t->caller && code_lookup(p->vm, t->caller, &pl) && pl.function) {
        term_t where = A_undefined;
        if (pl.line) where = tuple2(&hp, pl.file, make_small(pl.line));
        r = tuple4(&hp, pl.module->name, pl.function->function, make_small(pl.function->arity),
                   where);
    }
    heap_release(p, hp, end);
    return r;
}

static term_t display(ms_trace_t *t, term_t v) {
    vm_t *vm = t->p->vm;
    text_t x;
    text_init(&x, vm);
    text_display(&x, v);
    text_str(&x, "\r\n");
    if (!x.failed) io_write(vm, HOST_STDOUT, x.data, x.len);
    text_free(&x);
    return A_true;
}

static term_t set_word(ms_trace_t *t, term_t v) {
    _Atomic(uint64_t) *tcw = &t->p->vm->trace->tcw;
    int64_t n;
    if (!term_to_int64(v, &n) || n < 0 || n > SMALL_MAX) return A_EXIT;
    if (t->test) return v;
    return make_small((int64_t)atomic_exchange_explicit(tcw, (uint64_t)n, memory_order_relaxed));
}

static term_t set_token(ms_trace_t *t, const term_t *a) {
    bool oom;
    if (t->test) return seq_accepts(a[0], a[1]) ? TERM_NIL : (term_t)A_EXIT;
    /* Unlike erlang:seq_trace/2 this makes a token to clear a flag of it. */
    if (a[1] == A_false && is_nil(seq_token(t->p))) seq_set(t->p, a[0], A_true, &oom);
    return seq_set(t->p, a[0], a[1], &oom) == TERM_NONE ? A_EXIT : A_true;
}

static term_t get_token(ms_trace_t *t) {
    term_t token = seq_token(t->p);
    if (is_nil(token)) return token;
    token = term_copy_to(t->p, token);
    return token == TERM_NONE ? TERM_NIL : token;
}

term_t trace_action(ms_trace_t *t, term_t name, const term_t *a, size_t n) {
    proc_t *p = t->p;
    switch (name) {
    case A_message: t->message = a[0]; return A_true;
    case A_return_trace: t->return_trace = true; return A_true;
    case A_exception_trace: t->exception_trace = true; return A_true;
    case A_enable_trace: return switch_one(t, a, n, true);
    case A_disable_trace: return switch_one(t, a, n, false);
    case A_trace: return switch_many(t, a, n);
    case A_silent:
        if (t->test || (a[0] != A_true && a[0] != A_false)) return A_true;
        change(p, p, a[0] == A_true ? 0 : TF_SILENT, a[0] == A_true ? TF_SILENT : 0, TERM_NONE);
        return A_true;
    case A_caller: return caller(t, false);
    case A_caller_line: return caller(t, true);
    case A_display: return display(t, a[0]);
    case A_process_dump: {
        term_t dump = process_dump(p);
        return dump == TERM_NONE ? (term_t)A_undefined : dump;
    }
    case A_get_tcw:
        return make_small((int64_t)atomic_load_explicit(&p->vm->trace->tcw, memory_order_relaxed));
    case A_set_tcw: return set_word(t, a[0]);
    case A_set_seq_token: return set_token(t, a);
    case A_get_seq_token: return get_token(t);
    case A_is_seq_trace: return make_bool(!is_nil(seq_token(p)));
    default: return A_false;
    }
}
