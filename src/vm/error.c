/* error.c: exceptions: raising them, finding their handler, stack traces.
 *
 * A stack trace is first kept raw: a tuple with the class, the first frame's name and arguments
 * and up to eight return addresses (they look like small integers). It becomes the list programs
 * see only where somebody asks (build_stacktrace), which most catches never do.
 */
#include "vm/compare.h"
#include "vm/engine.h"
#include "vm/logger.h"
#include "vm/nif.h"
#include "vm/map.h"
#include "vm/print.h"
#include "vm/trace.h"

#define TRACE_DEPTH 8

/* Raw stack trace: tuple elements. */
enum { RAW_CLASS = 1, RAW_MODULE, RAW_FUNCTION, RAW_ARGS, RAW_INFO, RAW_PCS };

/* ---- raising from C ---- */

term_t bif_raise(proc_t *p, int eclass, term_t reason) {
    p->fclass = (uint8_t)eclass;
    p->fvalue = reason;
    return TERM_NONE;
}
term_t bif_error(proc_t *p, term_t reason) { return bif_raise(p, EXC_ERROR, reason); }
term_t bif_oom(proc_t *p) { return bif_raise(p, EXC_OOM, A_system_limit); }

term_t bif_error_cause(proc_t *p, term_t reason, term_t cause) {
    p->cause = cause;
    return bif_error(p, reason);
}
term_t bif_badarg_cause(proc_t *p, term_t cause) { return bif_error_cause(p, A_badarg, cause); }

term_t bif_error2(proc_t *p, term_t reason, term_t value) {
    term_t *hp = heap_alloc(p, 3);
    if (!hp) return bif_oom(p);
    return bif_error(p, tuple2(&hp, reason, value));
}

/* ---- going on elsewhere ---- */

term_t bif_continue(proc_t *p, export_t *e, int how, unsigned n, const term_t *args) {
    if (!e) return bif_oom(p);
    term_t *x = p->sched->x;
    memmove(x, args, n * sizeof(term_t));
    p->ip = atomic_load_explicit(&e->code, memory_order_acquire);
    p->arity = (uint16_t)n;
    p->fclass = (uint8_t)how;
    return TERM_NONE;
}
term_t bif_trap(proc_t *p, term_t m, term_t f, unsigned n, const term_t *args) {
    return bif_continue(p, export_get(p->vm, m, f, n), EXC_TRAP, n, args);
}
term_t bif_yield(proc_t *p, const bif_def_t *def, unsigned n, const term_t *args) {
    term_t m = atom_from_string(p->vm, def->module), f = atom_from_string(p->vm, def->function);
    if (m == TERM_NONE || f == TERM_NONE) return bif_oom(p);
    export_t *e = export_get(p->vm, m, f, n);
    bif_continue(p, e, EXC_YIELD, n, args);
    if (e && e->bif) p->ip = e->stub; /* not through a breakpoint again */
    return TERM_NONE;
}
term_t bif_wait(proc_t *p) {
    p->fclass = EXC_WAIT;
    return TERM_NONE;
}

/* ---- raw traces ---- */

static term_t list_of(proc_t *p, const term_t *a, unsigned n) {
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * n), l = TERM_NIL;
    if (!hp) return TERM_NIL;
    for (unsigned i = n; i > 0; i--) l = cons(&hp, a[i - 1], l);
    return l;
}

/* pc: an address inside the failing instruction's function, or NULL; twice: its frame is shown
 * twice; from: where the callers' part of the stack begins. m NIL: no named first frame. */
static void make_raw_from(proc_t *p, const uint64_t *pc, bool twice, const term_t *from, term_t m,
                          term_t f, term_t args, term_t info) {
    uint64_t pcs[TRACE_DEPTH];
    unsigned n = 0, max = is_nil(m) ? TRACE_DEPTH : TRACE_DEPTH - 1;
    term_t before = TERM_NONE;
    if (pc && !code_module_at(p->vm, pc)) pc = NULL; /* the entry of a BIF */
    if (pc && n < max) pcs[n++] = (uint64_t)(uintptr_t)pc;
    if (pc && twice) pcs[n++] = (uint64_t)(uintptr_t)pc;
    for (const term_t *s = from; s < p->hend && n < max; s++)
        if (is_header(*s) && *s != before) { /* a recursion counts once, as in OTP */
            const uint64_t *ret = CODE(*s - CALL_MARK);
            before = *s;
            /* The call instruction ends where the return goes to. */
            if (ret != engine_exit_code(p->vm) && !trace_is_frame(p->vm, *s))
                pcs[n++] = (uint64_t)(uintptr_t)(ret - 1);
        }
    size_t words = RAW_PCS + n;
    term_t *t = heap_alloc(p, words);
    if (!t) {
        p->ftrace = TERM_NIL;
        return;
    }
    t[0] = make_header(T_TUPLE, words - 1);
    t[RAW_CLASS] = make_small(p->fclass);
    t[RAW_MODULE] = m;
    t[RAW_FUNCTION] = f;
    t[RAW_ARGS] = args;
    t[RAW_INFO] = info;
    memcpy(t + RAW_PCS, pcs, n * sizeof(uint64_t));
    p->ftrace = make_boxed(t);
}

static void make_raw(proc_t *p, const uint64_t *pc, term_t m, term_t f, term_t args, term_t info) {
    make_raw_from(p, pc, false, p->sp, m, f, args, info);
}

void error_function_clause(proc_t *p, const uint64_t *func_info, term_t *x) {
    p->fclass = EXC_ERROR;
    p->fvalue = A_function_clause;
    p->cur_bif = NULL;
    term_t args = list_of(p, x, (unsigned)FUNC_ARITY(func_info[3]));
    make_raw(p, NULL, func_info[1], func_info[2], args, make_small((int64_t)(uintptr_t)func_info));
}

void error_undef(proc_t *p, const export_t *e, term_t *x) {
    p->fclass = EXC_ERROR;
    p->fvalue = A_undef;
    p->cur_bif = NULL;
    make_raw(p, NULL, e->module, e->function, list_of(p, x, e->arity), TERM_NIL);
}

/* A closure whose code is gone: its frame is {Fun, Args, []}. */
void error_undef_fun(proc_t *p, term_t fun, term_t args) {
    p->fclass = EXC_ERROR;
    p->fvalue = A_undef;
    p->cur_bif = NULL;
    make_raw(p, NULL, fun, TERM_NIL, args, TERM_NIL);
}

/* A fun that cannot be called. Unless the call was its last, OTP has pushed the return address by
 * then and shows the caller twice. */
void error_fun_call(proc_t *p, const uint64_t *ip, bool returns) {
    make_raw_from(p, ip, returns, p->sp, TERM_NIL, TERM_NIL, TERM_NIL, TERM_NIL);
}

/* M:F(...) where M or F is no atom: the first frame is that of apply/3. */
void error_apply(proc_t *p, const uint64_t *ip, term_t *x, unsigned n) {
    term_t all[] = {x[n], x[n + 1], list_of(p, x, n)};
    term_t args = list_of(p, all, 3), *hp = heap_alloc(p, 3);
    term_t info = hp ? tuple2(&hp, A_erl_erts_errors, A_true) : TERM_NIL;
    make_raw(p, ip, A_erlang, A_apply, args, info);
}

/* Which module formats the errors of a BIF. */
static term_t error_module(const char *m) {
    static const char *const stdlib[] = {"binary", "ets", "io",      "lists", "maps",
                                         "math",   "re",  "unicode", "string"};
    for (size_t i = 0; i < sizeof stdlib / sizeof *stdlib; i++)
        if (strcmp(m, stdlib[i]) == 0) return A_erl_stdlib_errors;
    if (strcmp(m, "os") == 0 || strcmp(m, "file") == 0) return A_erl_kernel_errors;
    return A_erl_erts_errors;
}

/* ---- finding the handler ---- */

/* To OTP's logger, or to the host where there is none. */
static void report_crash(proc_t *p) {
    vm_t *vm = p->vm;
    if (vm->quiet) return;
    term_t *hp = vm->use_error_handler ? heap_alloc(p, 4) : NULL;
    if (hp) {
        term_t args = cons(&hp, p->fvalue, TERM_NIL);
        args = cons(&hp, p->pid, args);
        if (logger_error(p, "Error in process ~p with exit value:~n~p~n", args)) return;
    }
    text_t t;
    text_init(&t, vm);
    text_str(&t, "Error in process ");
    text_term(&t, p->pid);
    text_str(&t, " with exit value:\n");
    text_term(&t, p->fvalue);
    text_str(&t, "\n");
    if (!t.failed) vm->host->ops->log(vm->host, HOST_LOG_ERROR, t.data, t.len);
    text_free(&t);
}

static void exit_reason(proc_t *p) {
    if (p->fclass == EXC_EXIT) return;
    term_t trace = error_stacktrace(p, p->ftrace), reason = p->fvalue;
    term_t *hp = heap_alloc(p, 6), *end = hp ? hp + 6 : NULL;
    if (!hp) return;
    if (p->fclass == EXC_THROW) reason = tuple2(&hp, A_nocatch, reason);
    p->fvalue = tuple2(&hp, reason, trace);
    heap_release(p, hp, end);
    report_crash(p);
}

/* The failing function's frame (of erlang:error/2,3 called as a fun the first on the stack), with
 * args (NONE: its arity) and an error_info map (NIL: none). */
static bool raw_with_info(proc_t *p, const uint64_t *ip, term_t args, term_t map) {
    code_place_t pl;
    const term_t *from = p->sp;
    while (!code_lookup(p->vm, ip, &pl)) {
        while (from < p->hend && !is_header(*from)) from++;
        if (from == p->hend) return false;
        ip = CODE(*from++ - CALL_MARK) - 1;
    }
    if (!pl.function) return false;
    term_t info = make_small((int64_t)(uintptr_t)ip);
    if (!is_nil(map)) {
        term_t *hp = heap_alloc(p, 3);
        if (hp) info = tuple2(&hp, info, map);
    }
    if (args == TERM_NONE) args = make_small(pl.function->arity);
    make_raw_from(p, NULL, false, from, pl.module->name, pl.function->function, args, info);
    return true;
}

/* After erlang:error(Reason, Args, Options): the frame shows Args, its location the error_info of
 * the options; options that are wrong count for nothing. */
static bool raw_with_args(proc_t *p, const uint64_t *ip, term_t args) {
    term_t map = TERM_NIL, l = p->sched->error_options;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        if (!is_tuple_of(o, 2) || tuple_elem(o, 1) != A_error_info || !is_map(tuple_elem(o, 2)))
            break;
        map = tuple_elem(o, 2);
    }
    if (!is_nil(l)) map = TERM_NIL;
    return raw_with_info(p, ip, p->sched->error_no_args ? TERM_NONE : args, map);
}

/* Building a binary failed: the cause says which segment and why. */
static bool raw_with_segment(proc_t *p, const uint64_t *ip) {
    term_t kv[] = {A_cause, p->cause, A_function, A_format_bs_fail, A_module, A_erl_erts_errors};
    term_t map = map_from_pairs(p, kv, 3);
    return map != TERM_NONE && raw_with_info(p, ip, TERM_NONE, map);
}

/* BIFs here that OTP has written in Erlang: where they are called last, the caller's frame is gone
 * when they fail. */
static bool is_erlang_in_otp(const bif_def_t *b) {
    static const char *const names[] = {"spawn1",
                                        "spawn_link1",
                                        "spawn_monitor",
                                        "spawn_opt2",
                                        "spawn_request",
                                        "halt0",
                                        "halt1",
                                        "suspend_process",
                                        "send_nosuspend",
                                        "set_cookie",
                                        "purge_module",
                                        "port_command",
                                        "port_connect",
                                        "port_control",
                                        "port_call",
                                        "port_close",
                                        "port_info",
                                        "open_port",
                                        "memory",
                                        "process_flag3",
                                        "group_leader2",
                                        "binary_to_atom1",
                                        "binary_to_existing_atom1",
                                        "atom_to_binary1",
                                        "check_process_code2",
                                        "convert_time_unit3",
                                        "garbage_collect1",
                                        "garbage_collect2",
                                        "load_module2"};
    if (strcmp(b->module, "erlang") != 0) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]), d = names[i][n - 1] >= '0' && names[i][n - 1] <= '9';
        if (strlen(b->function) == n - d && memcmp(b->function, names[i], n - d) == 0 &&
            (!d || b->arity == (uint32_t)(names[i][n - 1] - '0')))
            return true;
    }
    return false;
}

/* X + 1 and X - 1 are an instruction of OTP's that names no BIF when it fails. */
static bool is_increment(int op, const uint64_t *ip) {
    bool plus = op == OP_add_xi || op == OP_add_yi || op == OP_add_xiy || op == OP_add_SS;
    if (!plus && op != OP_sub_xi && op != OP_sub_yi && op != OP_sub_SS) return false;
    term_t c = op == OP_add_SS || op == OP_sub_SS ? W1(3) : W1(2);
    const int64_t otp_min = -(1LL << 59), otp_max = (1LL << 59) - 1;
    return is_small(c) && small_value(c) >= otp_min + !plus && small_value(c) <= otp_max;
}

const uint64_t *error_unwind(proc_t *p, const uint64_t *ip, term_t *x) {
    term_t *args = p->sched->guard_args, user_args = p->sched->error_args;
    p->sched->guard_args = NULL;
    p->sched->error_args = TERM_NONE;
    if (p->fclass == EXC_OOM) {
        p->flags |= PF_OOM;
        p->fvalue = A_killed;
        p->ftrace = TERM_NONE;
        return NULL;
    }
    if (p->ftrace == TERM_NONE) {
        const bif_def_t *b = p->cur_bif;
        int op = b ? op_by_handler(trace_original(p->vm, ip)) : -1;
        if (b && is_increment(op, ip)) b = NULL;
        if (b && b->flags & BIF_NIF) {
            term_t f = atom_from_string(p->vm, b->function);
            term_t m = atom_from_string(p->vm, b->module);
            make_raw(p, NULL, m, f, list_of(p, x, b->arity), TERM_NIL);
        } else if (b && p->fclass == EXC_ERROR) {
            term_t list = list_of(p, args ? args : x, b->arity);
            term_t info = p->cause == TERM_NONE ? A_true : p->cause;
            term_t m = atom_from_string(p->vm, b->module), f = atom_from_string(p->vm, b->function);
            if (op == OP_send) f = A_send;
            bool last = op == OP_call_bif_last || op == OP_call_bif_only;
            term_t *hp = heap_alloc(p, 3);
            if (hp) info = tuple2(&hp, error_module(b->module), info);
            make_raw(p, last && is_erlang_in_otp(b) ? NULL : ip, m, f, list, info);
        } else if (user_args != TERM_NONE     ? !raw_with_args(p, ip, user_args)
                   : is_tuple_of(p->cause, 4) ? !raw_with_segment(p, ip)
                                              : true) {
            make_raw(p, ip, TERM_NIL, TERM_NIL, TERM_NIL, TERM_NIL);
        }
    }
    p->cause = TERM_NONE;
    p->cur_bif = NULL;

    if (p->catches > 0) {
        term_t *frame = p->sp;
        for (term_t *s = p->sp; s < p->hend; s++) {
            if (is_header(*s))
                frame = s + 1;
            else if (is_catch(*s)) {
                static const uint32_t class_atom[] = {A_error, A_exit, A_throw};
                if (UNLIKELY(p->flags & PF_TRACE_FRAMES))
                    trace_unwind(p, s, catch_address(*s), p->fclass, p->fvalue);
                p->sp = frame;
                x[0] = TERM_NONE;
                x[1] = class_atom[p->fclass];
                x[2] = p->fvalue;
                x[3] = p->ftrace;
                p->fvalue = TERM_NIL;
                p->ftrace = TERM_NONE;
                return catch_address(*s);
            }
        }
    }
    if (UNLIKELY(p->flags & PF_TRACE_FRAMES)) trace_unwind(p, p->hend, NULL, p->fclass, p->fvalue);
    exit_reason(p);
    p->ftrace = TERM_NONE;
    return NULL;
}

/* ---- the list programs see ---- */

static term_t make_frame(proc_t *p, term_t m, term_t f, term_t args, term_t loc) {
    if (is_fun(m)) {
        term_t *h = heap_alloc(p, 4);
        return h ? tuple3(&h, m, args, loc) : TERM_NIL;
    }
    term_t *hp = heap_alloc(p, 5);
    return hp ? tuple4(&hp, m, f, args, loc) : TERM_NIL;
}

static term_t place_info(proc_t *p, const code_place_t *pl) {
    if (pl->line == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * (3 + 2));
    if (!hp) return TERM_NIL;
    term_t line = tuple2(&hp, A_line, make_small(pl->line));
    term_t file = tuple2(&hp, A_file, pl->file);
    term_t l = cons(&hp, line, TERM_NIL);
    return cons(&hp, file, l);
}

static term_t error_info(proc_t *p, term_t module_cause) {
    term_t module = tuple_elem(module_cause, 1), cause = tuple_elem(module_cause, 2);
    if (is_small(module)) { /* an address and a map given by the program */
        code_place_t pl;
        term_t *h = heap_alloc(p, 5);
        if (!h) return TERM_NIL;
        term_t given = tuple2(&h, A_error_info, cause), tail = cons(&h, given, TERM_NIL);
        if (!code_lookup(p->vm, (void *)(uintptr_t)small_value(module), &pl) || pl.line == 0)
            return tail;
        h = heap_alloc(p, 10);
        if (!h) return tail;
        term_t line = tuple2(&h, A_line, make_small(pl.line));
        term_t file = tuple2(&h, A_file, pl.file);
        tail = cons(&h, line, tail);
        return cons(&h, file, tail);
    }
    term_t kv[4] = {A_module, module, A_cause, cause};
    term_t map = map_from_pairs(p, kv, cause == A_true ? 1 : 2);
    term_t *hp = map == TERM_NONE ? NULL : heap_alloc(p, 5);
    if (!hp) return TERM_NIL;
    term_t pair = tuple2(&hp, A_error_info, map);
    return cons(&hp, pair, TERM_NIL);
}

/* The raw trace for raising again with p->fclass: of another exception, or a list of frames (kept
 * as {Class, List}). */
term_t error_trace_again(proc_t *p, term_t trace) {
    term_t class = make_small(p->fclass);
    if (is_tuple(trace)) {
        if (tuple_elem(trace, RAW_CLASS) == class) return trace;
        size_t n = tuple_arity(trace) + 1;
        term_t *t = heap_alloc(p, n);
        if (!t) return trace;
        memcpy(t, boxed_ptr(trace), n * sizeof(term_t));
        t[RAW_CLASS] = class;
        return make_boxed(t);
    }
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, class, trace) : TERM_NIL;
}

static bool is_raw(term_t t) {
    return is_tuple(t) && tuple_arity(t) >= RAW_PCS - 1 && is_small(tuple_elem(t, RAW_CLASS));
}

term_t error_stacktrace(proc_t *p, term_t raw) {
    if (is_tuple_of(raw, 2)) return tuple_elem(raw, 2); /* error_trace_again */
    if (!is_raw(raw)) return raw == TERM_NONE ? TERM_NIL : raw;
    size_t n = tuple_arity(raw);
    term_t frames[TRACE_DEPTH + 1];
    size_t count = 0;
    term_t m = tuple_elem(raw, RAW_MODULE);
    if (!is_nil(m)) {
        term_t info = tuple_elem(raw, RAW_INFO), loc = TERM_NIL;
        if (is_tuple(info))
            loc = error_info(p, info);
        else if (is_small(info)) {
            code_place_t pl;
            if (code_lookup(p->vm, (void *)(uintptr_t)small_value(info), &pl))
                loc = place_info(p, &pl);
        }
        frames[count++] =
            make_frame(p, m, tuple_elem(raw, RAW_FUNCTION), tuple_elem(raw, RAW_ARGS), loc);
    }
    for (size_t i = RAW_PCS; i <= n && count < TRACE_DEPTH; i++) {
        code_place_t pl;
        if (!code_lookup(p->vm, (void *)(uintptr_t)tuple_elem(raw, i), &pl) || !pl.function)
            continue;
        frames[count++] = make_frame(p, pl.module->name, pl.function->function,
                                     make_small(pl.function->arity), place_info(p, &pl));
    }
    return list_of(p, frames, (unsigned)count);
}

/* ---- erlang:error/1,2,3, exit/1, throw/1, raise/3 ---- */

static BIF(error_1) {
    p->cur_bif = NULL;
    return bif_error(p, a[0]);
}

/* The caller's own frame, with these arguments instead of its arity. */
static term_t error_with_args(proc_t *p, term_t reason, term_t args, term_t options) {
    p->cur_bif = NULL;
    p->sched->error_args = is_cons(args) || is_nil(args) ? args : TERM_NIL;
    p->sched->error_no_args = p->sched->error_args != args;
    p->sched->error_options = options;
    return bif_error(p, reason);
}
static BIF(error_2) { return error_with_args(p, a[0], a[1], TERM_NIL); }
static BIF(error_3) { return error_with_args(p, a[0], a[1], a[2]); }
static BIF(exit_1) {
    p->cur_bif = NULL;
    return bif_raise(p, EXC_EXIT, a[0]);
}
static BIF(throw_1) {
    p->cur_bif = NULL;
    return bif_raise(p, EXC_THROW, a[0]);
}

/* A frame raise/3 accepts: {M,F,ArityOrArgs} or with a location list; {Fun,Args}. */
static bool valid_frame(term_t t) {
    if (!is_tuple(t)) return false;
    size_t n = tuple_arity(t);
    if (is_fun(tuple_elem(t, 1))) {
        return (n == 2 || (n == 3 && list_length(tuple_elem(t, 3)) >= 0)) &&
               list_length(tuple_elem(t, 2)) >= 0;
    }
    if (n != 3 && n != 4) return false;
    if (!is_atom(tuple_elem(t, 1)) || !is_atom(tuple_elem(t, 2))) return false;
    term_t args = tuple_elem(t, 3);
    if (!(is_small(args) && small_value(args) >= 0) && list_length(args) < 0) return false;
    return n == 3 || list_length(tuple_elem(t, 4)) >= 0;
}
static BIF(raise_3) {
    int c = a[0] == A_error ? EXC_ERROR : a[0] == A_exit ? EXC_EXIT : EXC_THROW;
    if (c == EXC_THROW && a[0] != A_throw) return A_badarg;
    int64_t n = list_length(a[2]);
    if (n < 0) return A_badarg;
    for (term_t l = a[2]; is_cons(l); l = cons_tail(l))
        if (!valid_frame(cons_head(l))) return A_badarg;
    /* Frames of three elements get an empty location; at most TRACE_DEPTH are kept. */
    term_t frames[TRACE_DEPTH];
    unsigned k = 0;
    for (term_t l = a[2]; is_cons(l) && k < TRACE_DEPTH; l = cons_tail(l)) {
        term_t f = cons_head(l);
        if (tuple_arity(f) == 3 && !is_fun(tuple_elem(f, 1)))
            f = make_frame(p, tuple_elem(f, 1), tuple_elem(f, 2), tuple_elem(f, 3), TERM_NIL);
        frames[k++] = f;
    }
    p->cur_bif = NULL;
    bif_raise(p, c, a[1]);
    p->ftrace = error_trace_again(p, list_of(p, frames, k));
    return TERM_NONE;
}

const bif_def_t bifs_error[] = {
    {"erlang", "error", 1, error_1, BIF_RAISES},
    {"erlang", "error", 2, error_2, BIF_RAISES},
    {"erlang", "error", 3, error_3, BIF_RAISES},
    {"erlang", "exit", 1, exit_1, BIF_RAISES},
    {"erlang", "throw", 1, throw_1, BIF_RAISES},
    {"erlang", "raise", 3, raise_3, 0},
    {0},
};
