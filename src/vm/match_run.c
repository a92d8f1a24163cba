/* match_run.c: runs compiled match specifications on a term (see match_spec.h, match_program.h).
 * Relies on ets.h for objects of tables, map.h, copy.h; trace_action.c for the trace dialect.
 */
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/map.h"
#include "vm/match_program.h"

bool ms_begin(ms_run_t *r, proc_t *p, const ms_t *ms) {
    r->p = p;
    r->ms = ms;
    r->trace = NULL;
    r->oom = false;
    r->stack = r->small;
    r->stack_words = ms->nvars + ms->depth;
    if (r->stack_words <= sizeof r->small / sizeof *r->small) return true;
    r->stack = mem_alloc(p->vm, r->stack_words * sizeof(term_t));
    return r->stack != NULL;
}
void ms_end(ms_run_t *r) {
    if (r->stack && r->stack != r->small)
        mem_free(r->p->vm, r->stack, r->stack_words * sizeof(term_t));
}

/* {is_record, T, Name, Size} */
static bool run_record(term_t *a, term_t *out) {
    if (!is_atom(a[1]) || !is_otp_small(a[2])) return false;
    *out = make_bool(is_tuple(a[0]) && (int64_t)tuple_arity(a[0]) == small_value(a[2]) &&
                     tuple_arity(a[0]) > 0 && tuple_elem(a[0], 1) == a[1]);
    return true;
}

/* n booleans; false: some are none. */
static bool run_bools(const term_t *a, size_t n, bool all, term_t *out) {
    bool some = false, every = true;
    for (size_t i = 0; i < n; i++) {
        if (a[i] != A_true && a[i] != A_false) return false;
        if (a[i] == A_true)
            some = true;
        else
            every = false;
    }
    *out = make_bool(all ? every : some);
    return true;
}

static term_t copy_word(ms_run_t *r, term_t t) {
    if (is_immed(t)) return t;
    t = term_copy_to(r->p, t);
    if (t == TERM_NONE) r->oom = true;
    return t;
}

term_t ms_match(ms_run_t *r, term_t obj, const ets_obj_t *o) {
    proc_t *p = r->p;
    vm_t *vm = p->vm;
    term_t *var = r->stack, *base = r->stack + r->ms->nvars, *sp = base;
    const uint64_t *code = r->ms->code, *ip = code, *next = NULL;
    bool body = false;
    term_t cur = obj, t;
    for (;;) {
        switch (*ip) {
        case OP_CLAUSE:
            next = ip[1] ? code + ip[1] : NULL;
            body = false;
            cur = obj;
            sp = base;
            ip += 2;
            continue;
        case OP_TUPLE:
            if (!is_tuple_of(cur, ip[1])) goto fail;
            *sp++ = (uintptr_t)boxed_ptr(cur);
            ip += 2;
            continue;
        case OP_CONS:
            if (!is_cons(cur)) goto fail;
            *sp++ = (uintptr_t)cons_ptr(cur);
            ip += 1;
            continue;
        case OP_MAP:
            if (!is_map(cur) || map_size(cur) < ip[1]) goto fail;
            *sp++ = cur;
            ip += 2;
            continue;
        case OP_ELEM:
            cur = ((const term_t *)(uintptr_t)sp[-1])[ip[1]];
            ip += 2;
            continue;
        case OP_KEY:
            cur = map_get(vm, sp[-1], ip[1]);
            if (cur == TERM_NONE) goto fail;
            ip += 2;
            continue;
        case OP_POP:
            sp--;
            ip++;
            continue;
        case OP_BIND:
            var[ip[1]] = cur;
            ip += 2;
            continue;
        case OP_EQ_VAR:
            if (!term_eq(vm, var[ip[1]], cur)) goto fail;
            ip += 2;
            continue;
        case OP_EQ:
            if (cur != ip[1]) goto fail;
            ip += 2;
            continue;
        case OP_EQ_TERM:
            if (!term_eq(vm, cur, ip[1])) goto fail;
            ip += 2;
            continue;
        case OP_EQ_BITS:
            if (!is_float(cur) || boxed_ptr(cur)[1] != boxed_ptr(ip[1])[1]) goto fail;
            ip += 2;
            continue;

        case OP_GUARD:
            if (*--sp != A_true) goto fail;
            ip++;
            continue;
        case OP_BODY:
            body = true;
            ip++;
            continue;
        case OP_DROP:
            sp--;
            ip++;
            continue;
        case OP_RETURN: return sp[-1];
        case OP_IMMED:
        case OP_CONST:
            *sp++ = ip[1];
            ip += 2;
            continue;
        case OP_CONST_COPY: t = ip[1]; goto copied;
        case OP_VAR:
            *sp++ = var[ip[1]];
            ip += 2;
            continue;
        case OP_VAR_COPY:
            t = var[ip[1]];
        copied:
            *sp = copy_word(r, t);
            if (r->oom) return TERM_NONE;
            sp++;
            ip += 2;
            continue;
        case OP_OBJECT:
            *sp++ = obj;
            ip++;
            continue;
        case OP_OBJECT_COPY:
            if (o) {
                *sp = ets_obj_copy(p, o);
                if (*sp == TERM_NONE) r->oom = true;
            } else {
                *sp = copy_word(r, obj);
            }
            if (r->oom) return TERM_NONE;
            sp++;
            ip++;
            continue;
        case OP_ALL: {
            size_t n = ip[1];
            term_t list = TERM_NIL;
            for (size_t i = n; i > 0; i--) {
                t = copy_word(r, var[ip[1 + i]]);
                term_t *hp = r->oom ? NULL : heap_alloc(p, 2);
                if (!hp) {
                    r->oom = true;
                    return TERM_NONE;
                }
                list = cons(&hp, t, list);
            }
            *sp++ = list;
            ip += 2 + n;
            continue;
        }
        case OP_REVERSE:
            for (size_t i = 0, n = ip[1]; i < n / 2; i++) {
                t = sp[-1 - (ptrdiff_t)i];
                sp[-1 - (ptrdiff_t)i] = sp[(ptrdiff_t)i - (ptrdiff_t)n];
                sp[(ptrdiff_t)i - (ptrdiff_t)n] = t;
            }
            ip += 2;
            continue;
        case OP_COPY:
            sp[-1] = copy_word(r, sp[-1]);
            if (r->oom) return TERM_NONE;
            ip++;
            continue;
        case OP_SELF:
            *sp++ = p->pid;
            ip++;
            continue;
        case OP_CALL: {
            size_t n = ip[2];
            const bif_def_t *caller = p->cur_bif;
            p->cur_bif = NULL; /* not one that could stop in the middle */
            t = ((const bif_def_t *)(uintptr_t)ip[1])->fn(p, sp - n);
            p->cur_bif = caller;
            if (UNLIKELY(t == TERM_NONE)) {
                p->cause = TERM_NONE;
                p->fvalue = TERM_NIL; /* it may refer to the object */
                if (p->fclass == EXC_OOM) {
                    r->oom = true;
                    return TERM_NONE;
                }
                if (!body) goto fail;
                t = A_EXIT;
            }
            sp -= n;
            *sp++ = t;
            ip += 3;
            continue;
        }
        case OP_ACTION: {
            size_t n = ip[2];
            t = trace_action(r->trace, ip[1], sp - n, n);
            sp -= n;
            *sp++ = t;
            ip += 3;
            continue;
        }
        case OP_RECORD:
            if (!run_record(sp - 3, &t)) {
                if (!body) goto fail;
                t = A_EXIT;
            }
            sp -= 2;
            sp[-1] = t;
            ip++;
            continue;
        case OP_MK_TUPLE: {
            size_t n = ip[1];
            term_t *hp = heap_alloc(p, n + 1);
            if (!hp) {
                r->oom = true;
                return TERM_NONE;
            }
            hp[0] = make_header(T_TUPLE, n);
            sp -= n;
            for (size_t i = 0; i < n; i++) hp[i + 1] = sp[i];
            *sp++ = make_boxed(hp);
            ip += 2;
            continue;
        }
        case OP_MK_CONS:
        case OP_MK_CONS_UP: {
            term_t *hp = heap_alloc(p, 2);
            if (!hp) {
                r->oom = true;
                return TERM_NONE;
            }
            sp--;
            sp[-1] = *ip == OP_MK_CONS ? cons(&hp, sp[0], sp[-1]) : cons(&hp, sp[-1], sp[0]);
            ip++;
            continue;
        }
        case OP_MK_MAP: {
            size_t n = ip[1];
            sp -= 2 * n;
            t = map_from_pairs(p, sp, n);
            if (t == TERM_NONE) {
                r->oom = true;
                return TERM_NONE;
            }
            *sp++ = t;
            ip += 2;
            continue;
        }
        case OP_AND:
        case OP_OR:
            if (!run_bools(sp - ip[1], ip[1], *ip == OP_AND, &t)) {
                if (!body) goto fail;
                t = A_EXIT;
            }
            sp -= ip[1];
            *sp++ = t;
            ip += 2;
            continue;
        case OP_ANDALSO:
        case OP_ORELSE:
            t = sp[-1];
            if (t != A_true && t != A_false) {
                if (!body) goto fail;
                sp[-1] = A_EXIT;
                ip = code + ip[1];
            } else if (t == (*ip == OP_ANDALSO ? A_false : A_true)) {
                ip = code + ip[1];
            } else {
                sp--;
                ip += 2;
            }
            continue;
        default: return TERM_NONE;
        }
    fail:
        if (!next) return TERM_NONE;
        ip = next;
    }
}

bool ms_run_trace(proc_t *p, const ms_t *ms, term_t args, ms_trace_t *t) {
    ms_run_t r;
    bool matched = false;
    if (ms_begin(&r, p, ms)) {
        r.trace = t;
        matched = ms_match(&r, args, NULL) != TERM_NONE && !r.oom;
    }
    ms_end(&r);
    return matched;
}
