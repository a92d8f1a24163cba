/* match_spec.c: compiles match specifications to programs (see match_spec.h, match_program.h).
 *
 * Compiling keeps what is to be done on a stack of its own, so nesting costs no C stack. Relies on
 * map.h, copy.h; functions are the BIFs of module erlang. Called by the BIFs of tables and of
 * tracing.
 */
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/map.h"
#include "vm/match_program.h"
#include "vm/print.h"

/* ---- growing arrays ---- */

typedef struct {
    uint64_t *at;
    size_t n, room;
} vec_t;

static bool vec_push(vm_t *vm, vec_t *v, uint64_t w) {
    if (UNLIKELY(v->n == v->room)) {
        size_t room = v->room ? 2 * v->room : 64;
        uint64_t *at = mem_realloc(vm, v->at, v->room * sizeof *at, room * sizeof *at);
        if (!at) return false;
        v->at = at;
        v->room = room;
    }
    v->at[v->n++] = w;
    return true;
}
static void vec_free(vm_t *vm, vec_t *v) {
    if (v->at) mem_free(vm, v->at, v->room * sizeof *v->at);
}

/* ---- compiler ---- */

typedef struct {
    proc_t *p;
    vm_t *vm;
    vec_t code;
    vec_t todo;  /* work left: kind and two words each */
    vec_t vars;  /* by register: number << 32 | VAR_BOUND in this clause */
    vec_t fix;   /* places in code that hold terms to be copied */
    vec_t jumps; /* places in code of jumps to the end of their expression */
    size_t depth, max_depth;
    bool no_memory, bad, bad_head, trace, in_guard;
    unsigned flags; /* MS_* */
    bool reverse;   /* todo_args */
    term_t *errors;
} comp_t;

static void push(comp_t *c, vec_t *v, uint64_t w) {
    if (!vec_push(c->vm, v, w)) c->no_memory = true;
}
static void emit(comp_t *c, uint64_t w) { push(c, &c->code, w); }
static void emit2(comp_t *c, uint64_t op, uint64_t w) {
    emit(c, op);
    emit(c, w);
}
static void emit_const(comp_t *c, int op, term_t t) {
    emit(c, (uint64_t)op);
    push(c, &c->fix, c->code.n);
    emit(c, t);
}
static void todo(comp_t *c, uint64_t kind, uint64_t x, uint64_t y) {
    push(c, &c->todo, kind);
    push(c, &c->todo, x);
    push(c, &c->todo, y);
}
static void deeper(comp_t *c, int64_t n) {
    c->depth = (size_t)((int64_t)c->depth + n);
    if (c->depth > c->max_depth) c->max_depth = c->depth;
}

#define ERROR_BYTES 99 /* no more of a text is told, as in OTP */

/* What is wrong is told as text; the first text_* calls are the caller's. */
COLD static void error_add(comp_t *c, text_t *x) {
    c->bad = true;
    if (c->errors) {
        size_t n = x->len < ERROR_BYTES ? x->len : ERROR_BYTES;
        term_t s =
            x->failed ? TERM_NONE : bytes_to_list(c->p, (const uint8_t *)x->data, n, TERM_NIL);
        term_t *hp = s == TERM_NONE ? NULL : heap_alloc(c->p, 5);
        if (hp) {
            term_t e = tuple2(&hp, A_error, s);
            *c->errors = cons(&hp, e, *c->errors);
        } else {
            c->no_memory = true;
        }
    }
    text_free(x);
}
COLD static void error_text(comp_t *c, const char *before, term_t t, const char *behind) {
    text_t x;
    text_init(&x, c->vm);
    text_str(&x, before);
    if (t != TERM_NONE) text_display(&x, t);
    text_str(&x, behind);
    error_add(c, &x);
}
COLD static void error_form(comp_t *c, const char *form, const char *how, term_t call) {
    text_t x;
    text_init(&x, c->vm);
    text_str(&x, "Special form '");
    text_str(&x, form);
    text_str(&x, "' ");
    text_str(&x, how);
    if (call != TERM_NONE) {
        text_display(&x, call);
        text_str(&x, ".");
    }
    error_add(c, &x);
}

int64_t ms_variable_number(vm_t *vm, term_t t) {
    const atom_text_t *x = atom_text(vm, t);
    if (x->bytes < 2 || x->bytes > 10 || x->name[0] != '$') return -1;
    if (x->name[1] == '0' && x->bytes > 2) return -1;
    int64_t n = 0;
    for (unsigned i = 1; i < x->bytes; i++) {
        if (x->name[i] < '0' || x->name[i] > '9') return -1;
        n = n * 10 + x->name[i] - '0';
    }
    return n <= 100000000 ? n : -1;
}

#define VAR_BOUND 1u
static int64_t var_find(comp_t *c, int64_t number) {
    for (size_t i = 0; i < c->vars.n; i++)
        if (c->vars.at[i] >> 32 == (uint64_t)number) return (int64_t)i;
    return -1;
}

enum { HEAD_TERM, HEAD_OP, HEAD_POP, HEAD_KEY };

static bool is_proper(term_t l) {
    while (is_cons(l)) l = cons_tail(l);
    return is_nil(l);
}

/* Whether t is a variable: binds it, or compares with what it is bound to. */
static bool head_variable(comp_t *c, term_t t) {
    int64_t n = ms_variable_number(c->vm, t);
    if (n < 0) return false;
    int64_t i = var_find(c, n);
    if (i >= 0 && (c->vars.at[i] & VAR_BOUND)) {
        emit2(c, OP_EQ_VAR, (uint64_t)i);
        return true;
    }
    if (i < 0) {
        i = (int64_t)c->vars.n;
        push(c, &c->vars, (uint64_t)n << 32);
        if (c->no_memory) return true;
    }
    c->vars.at[i] |= VAR_BOUND;
    emit2(c, OP_BIND, (uint64_t)i);
    return true;
}

static void head_cons(comp_t *c, term_t t) {
    emit(c, OP_CONS);
    deeper(c, 1);
    todo(c, HEAD_TERM, cons_tail(t), 0);
    todo(c, HEAD_POP, 0, 0);
    todo(c, HEAD_OP, OP_ELEM, 1);
    todo(c, HEAD_TERM, cons_head(t), 0);
    todo(c, HEAD_OP, OP_ELEM, 0);
}

static void head_tuple(comp_t *c, term_t t) {
    size_t n = tuple_arity(t);
    emit2(c, OP_TUPLE, n);
    deeper(c, 1);
    if (n == 0) todo(c, HEAD_POP, 0, 0);
    for (size_t i = n; i > 0; i--) {
        term_t e = tuple_elem(t, i);
        if (e == A_underscore && i < n) continue;
        todo(c, HEAD_TERM, e, 0);
        if (i == n) todo(c, HEAD_POP, 0, 0);
        todo(c, HEAD_OP, OP_ELEM, i);
    }
}

static void head_map(comp_t *c, term_t t) {
    map_iter_t it;
    term_t k, v;
    emit2(c, OP_MAP, map_size(t));
    deeper(c, 1);
    todo(c, HEAD_POP, 0, 0);
    map_iter_init(&it, t);
    while (map_iter_next(&it, &k, &v)) {
        bool any = k == A_underscore;
        if (!any && !(is_atom(k) && ms_variable_number(c->vm, k) >= 0)) {
            todo(c, HEAD_TERM, v, 0);
            todo(c, HEAD_KEY, k, 0);
            continue;
        }
        c->bad_head = true;
        if (any)
            error_text(c, "Underscore found in map key.", TERM_NONE, "");
        else
            error_text(c, "Variable found in map key.", TERM_NONE, "");
    }
}

static void compile_head(comp_t *c, term_t head) {
    size_t start = c->todo.n;
    c->depth = 0;
    todo(c, HEAD_TERM, head, 0);
    while (!c->no_memory && c->todo.n > start) {
        c->todo.n -= 3;
        uint64_t *w = c->todo.at + c->todo.n;
        term_t t = w[1];
        switch (w[0]) {
        case HEAD_OP: emit2(c, t, w[2]); continue;
        case HEAD_POP:
            emit(c, OP_POP);
            deeper(c, -1);
            continue;
        case HEAD_KEY:
            if (is_immed(t))
                emit2(c, OP_KEY, t);
            else
                emit_const(c, OP_KEY, t);
            continue;
        default: break;
        }
        if (t == A_underscore || (is_atom(t) && head_variable(c, t))) continue;
        if (is_immed(t)) {
            emit2(c, OP_EQ, t);
        } else if (is_cons(t)) {
            if (c->trace && t == head && !is_proper(t)) {
                c->bad_head = true;
                error_text(c, "Match expression part ", t, " is not a proper list.");
                return;
            }
            head_cons(c, t);
        } else if (is_tuple(t)) {
            head_tuple(c, t);
        } else if (is_map(t)) {
            head_map(c, t);
        } else {
            emit_const(c, is_float(t) ? OP_EQ_BITS : OP_EQ_TERM, t);
        }
    }
}

typedef struct {
    uint32_t name;
    uint8_t arity;
} guard_fun_t;
/* What OTP 25 allows, no more. */
static const guard_fun_t guard_funs[] = {
    {A_is_atom, 1},    {A_is_binary, 1}, {A_is_float, 1},    {A_is_function, 1},
    {A_is_integer, 1}, {A_is_list, 1},   {A_is_map, 1},      {A_is_map_key, 2},
    {A_is_number, 1},  {A_is_pid, 1},    {A_is_port, 1},     {A_is_reference, 1},
    {A_is_tuple, 1},   {A_abs, 1},       {A_binary_part, 2}, {A_binary_part, 3},
    {A_bit_size, 1},   {A_byte_size, 1}, {A_element, 2},     {A_float, 1},
    {A_hd, 1},         {A_length, 1},    {A_map_get, 2},     {A_map_size, 1},
    {A_node, 0},       {A_node, 1},      {A_round, 1},       {A_size, 1},
    {A_tl, 1},         {A_trunc, 1},     {A_plus, 1},        {A_plus, 2},
    {A_minus, 1},      {A_minus, 2},     {A_times, 2},       {A_fdiv, 2},
    {A_div, 2},        {A_rem, 2},       {A_band, 2},        {A_bor, 2},
    {A_bxor, 2},       {A_bnot, 1},      {A_bsl, 2},         {A_bsr, 2},
    {A_eq, 2},         {A_ne, 2},        {A_exact_eq, 2},    {A_exact_ne, 2},
    {A_lt, 2},         {A_gt, 2},        {A_le, 2},          {A_ge, 2},
    {A_not, 1},        {A_xor, 2},
};

static const bif_def_t *guard_fun(comp_t *c, term_t f, size_t arity) {
    for (size_t i = 0; i < sizeof guard_funs / sizeof *guard_funs; i++)
        if (guard_funs[i].name == f && guard_funs[i].arity == arity) {
            export_t *e = export_find(c->vm, A_erlang, f, (uint32_t)arity);
            return e ? e->bif : NULL;
        }
    return NULL;
}

/* EX_TERM: an expression to be used in place; EX_COPY: for a result. Else what comes when its
 * arguments are on the stack. */
enum { EX_TERM, EX_COPY, EX_OP, EX_OP_N, EX_CALL, EX_ACTION, EX_JUMP, EX_LABEL, EX_REVERSE };

/* OTP begins with the last one: that shows where they have effects, and in what errors are told
 * first. Where neither matters they come in the order in which they are needed. */
static void todo_args(comp_t *c, term_t tuple, size_t from, uint64_t how) {
    size_t n = tuple_arity(tuple);
    if (!c->reverse) {
        for (size_t i = n; i >= from; i--) todo(c, how, tuple_elem(tuple, i), 0);
        return;
    }
    if (n > from) todo(c, EX_REVERSE, n - from + 1, 0);
    for (size_t i = from; i <= n; i++) todo(c, how, tuple_elem(tuple, i), 0);
}

/* A list's elements: the tail first, which needs less of the stack; or as OTP does, the head. */
static void todo_list(comp_t *c, term_t l) {
    size_t n = 0, at;
    for (term_t t = l; is_cons(t) && !c->no_memory; t = cons_tail(t), n++) {
        todo(c, EX_OP, c->reverse ? OP_MK_CONS_UP : OP_MK_CONS, 1);
        if (!c->reverse) todo(c, EX_COPY, cons_head(t), 0);
    }
    term_t end = l;
    while (is_cons(end)) end = cons_tail(end);
    todo(c, EX_COPY, end, 0);
    if (!c->reverse) return;
    at = c->todo.n;
    for (size_t i = 0; i < n && !c->no_memory; i++) todo(c, EX_COPY, TERM_NIL, 0);
    for (; n > 0 && !c->no_memory; l = cons_tail(l)) c->todo.at[at + 3 * --n + 1] = cons_head(l);
}

static void emit_action(comp_t *c, term_t t, term_t f, size_t argc) {
    todo(c, EX_ACTION, f, argc);
    todo_args(c, t, 2, EX_TERM);
}

/* What only the trace dialect has: least and most arguments, whether it is allowed in guards, and
 * where it is not: nobody calls a function when a message is sent, and when one comes it is not
 * said that the receiver itself is at work. */
enum { NOT_RECEIVE = MS_RECEIVE, ONLY_CALL = MS_SEND | MS_RECEIVE };
static const struct {
    uint32_t name;
    uint8_t least, most;
    bool guard;
    uint8_t not_in; /* MS_* */
} actions[] = {
    {A_message, 1, 1, false, 0},
    {A_return_trace, 0, 0, false, 0},
    {A_exception_trace, 0, 0, false, 0},
    {A_process_dump, 0, 0, false, NOT_RECEIVE},
    {A_enable_trace, 1, 2, false, NOT_RECEIVE},
    {A_disable_trace, 1, 2, false, NOT_RECEIVE},
    {A_trace, 2, 3, false, NOT_RECEIVE},
    {A_silent, 1, 1, false, NOT_RECEIVE},
    {A_caller, 0, 0, false, ONLY_CALL},
    {A_caller_line, 0, 0, false, ONLY_CALL},
    {A_display, 1, 1, false, 0},
    {A_get_seq_token, 0, 0, false, NOT_RECEIVE},
    {A_set_seq_token, 2, 2, false, NOT_RECEIVE},
    {A_is_seq_trace, 0, 0, true, NOT_RECEIVE},
};
static void compile_action(comp_t *c, term_t t, term_t f, size_t argc) {
    size_t i = 0;
    while (actions[i].name != f) i++;
    const char *name = atom_name(c->vm, f);
    if (!c->trace || actions[i].not_in & c->flags)
        error_form(c, f == A_set_seq_token ? "set_seq_trace" : name, "used in wrong dialect.",
                   TERM_NONE);
    else if (c->in_guard && !actions[i].guard)
        error_form(c, f == A_set_seq_token ? "set_seq_trace" : name, "called in guard context.",
                   TERM_NONE);
    else if (argc > actions[i].most && actions[i].most == 0)
        error_form(c, name, "called with arguments in ", t);
    else if (argc < actions[i].least || argc > actions[i].most)
        error_form(c, name, "called with wrong number of arguments in ", t);
    else
        emit_action(c, t, f, argc);
}

static void compile_call(comp_t *c, term_t t, bool copy) {
    size_t n = tuple_arity(t);
    term_t f = n ? tuple_elem(t, 1) : TERM_NIL;
    if (n == 1 && is_tuple(f)) { /* {{...}} */
        todo(c, EX_OP_N, OP_MK_TUPLE, tuple_arity(f));
        todo_args(c, f, 1, EX_COPY);
        return;
    }
    if (n == 0 || !is_atom(f) || ms_variable_number(c->vm, f) >= 0) {
        error_text(c, "", t,
                   " is neither a function call, nor a tuple (tuples are written {{ ... }}).");
        return;
    }
    size_t argc = n - 1;
    const bif_def_t *bif;
    switch (f) {
    case A_const:
        if (argc != 1) {
            error_form(c, "const", "called with more than one argument in ", t);
            return;
        }
        t = tuple_elem(t, 2);
        deeper(c, 1);
        if (is_immed(t))
            emit2(c, OP_IMMED, t);
        else
            emit_const(c, copy ? OP_CONST_COPY : OP_CONST, t);
        return;
    case A_and:
    case A_or:
    case A_andalso:
    case A_orelse:
        if (argc == 0) {
            error_form(c, atom_name(c->vm, f), "called without arguments in ", t);
            return;
        }
        if (f == A_and || f == A_or) {
            todo(c, EX_OP_N, f == A_and ? OP_AND : OP_OR, argc);
            todo_args(c, t, 2, EX_TERM);
            return;
        }
        todo(c, EX_LABEL, argc - 1, 0);
        todo(c, copy ? EX_COPY : EX_TERM, tuple_elem(t, n), 0);
        for (size_t i = n - 1; i > 1; i--) {
            todo(c, EX_JUMP, f == A_andalso ? OP_ANDALSO : OP_ORELSE, 0);
            todo(c, EX_TERM, tuple_elem(t, i), 0);
        }
        return;
    case A_self:
        if (argc != 0) {
            error_form(c, "self", "called with arguments in ", t);
            return;
        }
        emit(c, OP_SELF);
        deeper(c, 1);
        return;
    case A_is_record:
        if (argc != 3) break;
        todo(c, EX_OP, OP_RECORD, 2);
        todo_args(c, t, 2, EX_TERM);
        return;
    case A_message:
    case A_return_trace:
    case A_exception_trace:
    case A_process_dump:
    case A_enable_trace:
    case A_disable_trace:
    case A_trace:
    case A_silent:
    case A_caller:
    case A_caller_line:
    case A_display:
    case A_get_seq_token:
    case A_is_seq_trace:
    case A_set_seq_token: compile_action(c, t, f, argc); return;
    case A_get_tcw:
    case A_set_tcw:
        if (!c->trace || argc != (f == A_set_tcw) || (f == A_set_tcw && c->in_guard)) break;
        emit_action(c, t, f, argc);
        return;
    default:
        bif = guard_fun(c, f, argc);
        if (!bif) break;
        if (copy) todo(c, EX_OP, OP_COPY, 0);
        todo(c, EX_CALL, (uintptr_t)bif, argc);
        todo_args(c, t, 2, EX_TERM);
        return;
    }
    text_t x;
    text_init(&x, c->vm);
    text_str(&x, "Function ");
    text_display(&x, f);
    text_str(&x, "/");
    text_uint(&x, argc);
    text_str(&x, (f == A_get_tcw && argc == 0) || (f == A_set_tcw && argc == 1)
                     ? " cannot be called in this context."
                     : " does_not_exist.");
    error_add(c, &x);
}

/* '$$': the registers of the clause's variables, by their numbers. */
static void compile_all(comp_t *c) {
    size_t place, first;
    emit2(c, OP_ALL, 0);
    place = c->code.n - 1;
    first = c->code.n;
    for (size_t i = 0; i < c->vars.n && !c->no_memory; i++) {
        if (!(c->vars.at[i] & VAR_BOUND)) continue;
        emit(c, i);
        if (c->no_memory) return;
        for (size_t k = c->code.n - 1;
             k > first && c->vars.at[c->code.at[k - 1]] > c->vars.at[c->code.at[k]]; k--) {
            uint64_t r = c->code.at[k];
            c->code.at[k] = c->code.at[k - 1];
            c->code.at[k - 1] = r;
        }
    }
    if (!c->no_memory) c->code.at[place] = c->code.n - first;
}

static void compile_leaf(comp_t *c, term_t t, bool copy) {
    deeper(c, 1);
    if (!is_immed(t)) {
        emit_const(c, copy ? OP_CONST_COPY : OP_CONST, t);
        return;
    }
    if (t == A_dollar_underscore) {
        emit(c, copy ? OP_OBJECT_COPY : OP_OBJECT);
        return;
    }
    if (t == A_dollar_dollar) {
        compile_all(c);
        return;
    }
    int64_t n = is_atom(t) ? ms_variable_number(c->vm, t) : -1;
    if (n < 0) {
        emit2(c, OP_IMMED, t);
        return;
    }
    int64_t i = var_find(c, n);
    if (i < 0 || !(c->vars.at[i] & VAR_BOUND)) {
        text_t x;
        text_init(&x, c->vm);
        text_str(&x, "Variable ");
        text_str(&x, atom_name(c->vm, t));
        text_str(&x, " is unbound.");
        error_add(c, &x);
        i = 0;
    }
    emit2(c, copy ? OP_VAR_COPY : OP_VAR, (uint64_t)i);
}

/* An expression of a guard or body: leaves one word on the stack. */
static void compile_expr(comp_t *c, term_t expr, bool for_result) {
    size_t start = c->todo.n;
    todo(c, for_result ? EX_COPY : EX_TERM, expr, 0);
    while (!c->no_memory && c->todo.n > start) {
        c->todo.n -= 3;
        uint64_t kind = c->todo.at[c->todo.n], x = c->todo.at[c->todo.n + 1],
                 y = c->todo.at[c->todo.n + 2];
        bool copy = kind == EX_COPY;
        switch (kind) {
        case EX_OP:
            emit(c, x);
            deeper(c, -(int64_t)y);
            continue;
        case EX_OP_N:
            emit2(c, x, y);
            deeper(c, 1 - (int64_t)(x == OP_MK_MAP ? 2 * y : y));
            continue;
        case EX_CALL:
            emit2(c, OP_CALL, x);
            emit(c, y);
            deeper(c, 1 - (int64_t)y);
            continue;
        case EX_ACTION:
            emit2(c, OP_ACTION, x);
            emit(c, y);
            deeper(c, 1 - (int64_t)y);
            continue;
        case EX_REVERSE: emit2(c, OP_REVERSE, x); continue;
        case EX_JUMP:
            emit2(c, x, 0);
            push(c, &c->jumps, c->code.n - 1);
            deeper(c, -1);
            continue;
        case EX_LABEL:
            for (; x > 0; x--) c->code.at[c->jumps.at[--c->jumps.n]] = c->code.n;
            continue;
        default: break;
        }
        term_t t = x;
        if (is_cons(t)) {
            todo_list(c, t);
        } else if (is_tuple(t)) {
            compile_call(c, t, copy);
        } else if (is_map(t)) {
            map_iter_t it;
            term_t k, v;
            todo(c, EX_OP_N, OP_MK_MAP, map_size(t));
            map_iter_init(&it, t);
            while (map_iter_next(&it, &k, &v)) {
                todo(c, EX_COPY, v, 0);
                todo(c, EX_COPY, k, 0);
            }
        } else {
            compile_leaf(c, t, copy);
        }
    }
}

/* The arguments of a call may be written as a tuple too. */
static term_t head_of(comp_t *c, term_t head) {
    if (!c->trace || !is_tuple(head)) return head;
    size_t n = tuple_arity(head);
    term_t l = TERM_NIL, *hp = n ? heap_alloc(c->p, 2 * n) : NULL;
    if (n && !hp) c->no_memory = true;
    for (; hp && n > 0; n--) l = cons(&hp, tuple_elem(head, n), l);
    return l;
}

static void compile_clause(comp_t *c, term_t clause, bool last) {
    term_t guards = tuple_elem(clause, 2), body = tuple_elem(clause, 3);
    for (size_t i = 0; i < c->vars.n; i++) c->vars.at[i] &= ~(uint64_t)VAR_BOUND;
    emit2(c, OP_CLAUSE, 0);
    size_t place = c->code.n - 1;
    compile_head(c, head_of(c, tuple_elem(clause, 1)));
    c->depth = 0;
    if (c->bad_head) return;
    if (!is_list(guards)) {
        error_text(c, "Match expression is not a list.", TERM_NONE, "");
    } else {
        c->in_guard = true;
        for (; is_cons(guards) && !c->no_memory; guards = cons_tail(guards)) {
            compile_expr(c, cons_head(guards), false);
            emit(c, OP_GUARD);
            c->depth = 0;
        }
        if (!c->no_memory && !is_nil(guards))
            error_text(c, "Match expression is not a proper list.", TERM_NONE, "");
    }
    c->in_guard = false;
    emit(c, OP_BODY);
    if (c->trace && is_nil(body)) {
        emit2(c, OP_IMMED, A_true);
        emit(c, OP_RETURN);
        deeper(c, 1);
    } else if (!is_cons(body)) {
        error_text(c, "Body clause does not return anything.", TERM_NONE, "");
    } else {
        for (; is_cons(body) && !c->no_memory; body = cons_tail(body)) {
            bool final = is_nil(cons_tail(body));
            /* What a trace's body says is only in its actions. */
            compile_expr(c, cons_head(body), final && !c->trace);
            emit(c, final ? OP_RETURN : OP_DROP);
            c->depth = 0;
        }
        if (!c->no_memory && !is_nil(body))
            error_text(c, "Match expression is not a proper list.", TERM_NONE, "");
    }
    if (!c->no_memory && !last) c->code.at[place] = c->code.n;
}

static void ms_destroy(magic_t *m) {
    ms_t *ms = (ms_t *)m;
    vm_t *vm = m->vm;
    if (ms->off) off_heap_release(vm, ms->off);
    if (ms->consts) mem_free(vm, ms->consts, ms->const_words * sizeof(term_t));
    if (ms->code) mem_free(vm, ms->code, ms->code_room * sizeof(uint64_t));
    mem_free(vm, ms, sizeof *ms);
}
void ms_release(ms_t *ms) { magic_release(&ms->magic); }

/* The program's constants become its own. */
static ms_t *ms_make(comp_t *c) {
    vm_t *vm = c->vm;
    ms_t *ms = mem_calloc(vm, sizeof *ms);
    if (!ms) return NULL;
    size_t words = 0;
    for (size_t i = 0; i < c->fix.n; i++) words += term_flat_size(vm, c->code.at[c->fix.at[i]]);
    if (words >= TERM_SIZE_UNKNOWN ||
        (words && !(ms->consts = mem_alloc(vm, words * sizeof(term_t))))) {
        mem_free(vm, ms, sizeof *ms);
        return NULL;
    }
    ms->const_words = words;
    term_t *hp = ms->consts;
    for (size_t i = 0; i < c->fix.n; i++) {
        term_t *t = &c->code.at[c->fix.at[i]];
        *t = term_copy_all(vm, *t, &hp, &ms->off);
    }
    magic_init(vm, &ms->magic, ms_destroy);
    ms->code = c->code.at;
    ms->code_room = c->code.room;
    ms->nvars = c->vars.n;
    ms->depth = c->max_depth + 1;
    c->code.at = NULL;
    return ms;
}

static ms_t *comp_end(comp_t *c, bool *oom) {
    ms_t *ms = NULL;
    if (!c->no_memory && !c->bad) {
        ms = ms_make(c);
        if (!ms) c->no_memory = true;
    }
    *oom = c->no_memory;
    vec_t *all[] = {&c->code, &c->todo, &c->vars, &c->fix, &c->jumps};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vec_free(c->vm, all[i]);
    return ms;
}

/* The shape of all clauses comes before what is in them. */
static bool check_clauses(comp_t *c, term_t spec) {
    for (term_t l = spec; is_cons(l); l = cons_tail(l)) {
        if (!is_tuple_of(cons_head(l), 3)) {
            error_text(c, "Match program part is not a tuple of arity 3.", TERM_NONE, "");
            return false;
        }
        term_t head = tuple_elem(cons_head(l), 1);
        if (c->trace && is_cons(head) && !is_proper(head)) {
            error_text(c, "Match expression part ", head, " is not a proper list.");
            return false;
        }
    }
    for (; c->trace && is_cons(spec); spec = cons_tail(spec)) {
        term_t head = tuple_elem(cons_head(spec), 1);
        if (!is_list(head) && !is_tuple(head) && head != A_underscore &&
            !(is_atom(head) && ms_variable_number(c->vm, head) >= 0)) {
            error_text(c, "Match head is invalid in this context.", TERM_NONE, "");
            return false;
        }
    }
    return true;
}

static void compile_spec(comp_t *c, term_t spec) {
    if (!is_cons(spec)) {
        error_text(c, "Match programs are not in a list.", TERM_NONE, "");
    } else if (!is_proper(spec)) {
        error_text(c, "Match programs are not in a proper list.", TERM_NONE, "");
    } else {
        bool shape = check_clauses(c, spec);
        for (; shape && is_cons(spec) && !c->no_memory && !c->bad; spec = cons_tail(spec))
            compile_clause(c, cons_head(spec), is_nil(cons_tail(spec)));
    }
}

ms_t *ms_compile(proc_t *p, term_t spec, unsigned flags, term_t *errors, bool *oom) {
    const comp_t empty = {
        .p = p, .vm = p->vm, .errors = errors, .flags = flags, .trace = flags != MS_TABLE};
    comp_t c = empty;
    if (errors) *errors = TERM_NIL;
    c.reverse = c.trace;
    compile_spec(&c, spec);
    if (c.bad && errors && !c.reverse && !c.no_memory) { /* again, for the order of errors */
        comp_end(&c, oom);
        c = empty;
        *errors = TERM_NIL;
        c.reverse = true;
        compile_spec(&c, spec);
    }
    if (errors && is_cons(*errors)) { /* the first one first */
        term_t l = TERM_NIL, e = *errors;
        while (is_cons(e)) {
            term_t next = cons_tail(e);
            cons_ptr(e)[1] = l;
            l = e;
            e = next;
        }
        *errors = l;
    }
    return comp_end(&c, oom);
}

term_t ms_ref(proc_t *p, ms_t *ms) {
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
    if (!hp) {
        ms_release(ms);
        return TERM_NONE;
    }
    return magic_ref_put(p, hp, &ms->magic);
}

ms_t *ms_of(term_t ref) {
    if (!is_boxed_type(ref, T_MAGIC_REF)) return NULL;
    magic_t *m = ((magic_ref_t *)boxed_ptr(ref))->magic;
    return m->destroy == ms_destroy ? (ms_t *)m : NULL;
}
