/* bif_match_spec.c: match specifications without a table: ets:match_spec_compile/1 and its kin,
 * erlang:match_spec_test/3. Relies on match_spec.h.
 */
#include "vm/binary.h"
#include "vm/copy.h"
#include "vm/match_spec.h"

static BIF(ets_match_spec_compile_1) {
    bool oom;
    ms_t *ms = ms_compile(p, a[0], MS_TABLE, NULL, &oom);
    if (!ms) return oom ? bif_oom(p) : bif_badarg(p);
    term_t ref = ms_ref(p, ms);
    return ref == TERM_NONE ? bif_oom(p) : ref;
}
static BIF(ets_is_compiled_ms_1) {
    (void)p;
    return make_bool(ms_of(a[0]) != NULL);
}

static BIF(ets_match_spec_run_r_3);
static const bif_def_t run_def = {"ets", "match_spec_run_r", 3, ets_match_spec_run_r_3, 0};

static BIF(ets_match_spec_run_r_3) {
    ms_t *ms = ms_of(a[1]);
    ms_run_t r;
    if (!ms || !is_list(a[0])) return bif_badarg(p);
    if (!ms_begin(&r, p, ms)) return bif_oom(p);
    term_t l = a[0], out = a[2];
    size_t budget = p->reds > 400 ? (size_t)p->reds : 400, n = 0;
    for (; is_cons(l) && n < budget; l = cons_tail(l), n++) {
        term_t v = ms_match(&r, cons_head(l), NULL);
        if (v == TERM_NONE) {
            if (r.oom) break;
            continue;
        }
        term_t *hp = heap_alloc(p, 2);
        if (!hp) {
            r.oom = true;
            break;
        }
        out = cons(&hp, v, out);
    }
    bool oom = r.oom;
    ms_end(&r);
    bif_bump(p, n);
    if (oom) return bif_oom(p);
    if (is_nil(l)) return out;
    if (!is_cons(l)) return bif_badarg(p);
    term_t args[3] = {l, a[1], out};
    return bif_yield(p, &run_def, 3, args);
}

/* What comes before the tail of an improper list; TERM_NONE: no memory. */
static term_t proper_part(proc_t *p, term_t l) {
    size_t n = 0;
    term_t t = l, out = TERM_NIL, *end = &out;
    for (; is_cons(t); t = cons_tail(t)) n++;
    if (is_nil(t)) return l;
    term_t *hp = heap_alloc(p, 2 * n);
    if (!hp) return TERM_NONE;
    for (; is_cons(l); l = cons_tail(l), hp += 2) {
        hp[0] = cons_head(l);
        hp[1] = TERM_NIL;
        *end = make_cons(hp);
        end = hp + 1;
    }
    return out;
}

static BIF(erlang_match_spec_test_3) {
    bool trace = a[2] == A_trace, oom;
    if (a[2] != A_table && !trace) return bif_badarg(p);
    if (trace && !is_list(a[0])) return bif_badarg(p);
    term_t errors, *hp;
    ms_t *ms = ms_compile(p, a[1], trace ? MS_TRACE : MS_TABLE, &errors, &oom);
    if (oom) return bif_oom(p);
    if (!ms) {
        hp = heap_alloc(p, 3);
        return hp ? tuple2(&hp, A_error, errors) : bif_oom(p);
    }
    term_t v = TERM_NONE, flags = TERM_NIL;
    ms_trace_t mt = {.p = p, .message = A_true, .test = true};
    if (trace) {
        term_t args = proper_part(p, a[0]);
        if (args != TERM_NONE)
            v = ms_run_trace(p, ms, args, &mt) ? term_copy_to(p, mt.message) : (term_t)A_false;
        oom = v == TERM_NONE;
    } else {
        ms_run_t r;
        oom = !ms_begin(&r, p, ms);
        if (!oom) {
            v = ms_match(&r, a[0], NULL);
            oom = r.oom;
        }
        ms_end(&r);
        if (v == TERM_NONE) v = A_false;
    }
    ms_release(ms);
    hp = oom ? NULL : heap_alloc(p, 5 + 4);
    if (!hp) return bif_oom(p);
    term_t *end = hp + 5 + 4;
    if (mt.exception_trace) flags = cons(&hp, A_exception_trace, flags);
    if (mt.return_trace) flags = cons(&hp, A_return_trace, flags);
    term_t result = tuple4(&hp, A_ok, v, flags, TERM_NIL);
    heap_release(p, hp, end);
    return result;
}
const bif_def_t bifs_match_spec[] = {{"ets", "is_compiled_ms", 1, ets_is_compiled_ms_1, 0},
                                     {"ets", "match_spec_compile", 1, ets_match_spec_compile_1, 0},
                                     {"ets", "match_spec_run_r", 3, ets_match_spec_run_r_3, 0},
                                     {"erlang", "match_spec_test", 3, erlang_match_spec_test_3, 0},
                                     {0}};
