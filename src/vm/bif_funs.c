/* bif_funs.c: BIFs on funs: what they are made of, external funs from their names, and what counts
 * as a built-in function.
 */
#include "vm/bif.h"
#include "vm/code.h"

static const export_t *export_of(term_t fun) {
    return (const export_t *)(uintptr_t)boxed_ptr(fun)[1];
}
static const fun_entry_t *entry_of(term_t fun) {
    return ((const fun_obj_t *)boxed_ptr(fun))->entry;
}
static uint32_t fun_arity(term_t fun) {
    return is_export_fun(fun) ? export_of(fun)->arity : entry_of(fun)->arity;
}

static BIF(test_function_arity) {
    if (is_big(a[1]) && !big_is_neg(a[1])) return A_false;
    if (!is_small(a[1]) || small_value(a[1]) < 0) return bif_badarg(p);
    return make_bool(is_fun(a[0]) && fun_arity(a[0]) == small_value(a[1]));
}

static term_t closure_name(const fun_entry_t *e) {
    /* []: its module was never loaded. */
    return atomic_load_explicit(&e->function, memory_order_relaxed);
}

static BIF(fun_info_2) {
    term_t f = a[0], value;
    if (!is_fun(f)) return bif_badarg(p);
    const export_t *x = is_export_fun(f) ? export_of(f) : NULL;
    const fun_entry_t *e = x ? NULL : entry_of(f);
    switch (a[1]) {
    case A_type: value = x ? A_external : A_local; break;
    case A_module: value = x ? x->module : e->module; break;
    case A_name: value = x ? x->function : closure_name(e); break;
    case A_arity: value = make_small(fun_arity(f)); break;
    case A_env: {
        value = TERM_NIL;
        if (x) break;
        size_t n = fun_num_free(f);
        term_t *hp = heap_alloc(p, 2 * n);
        if (!hp && n > 0) return bif_oom(p);
        while (n-- > 0) value = cons(&hp, ((const fun_obj_t *)boxed_ptr(f))->env[n], value);
        break;
    }
    case A_index: value = x ? A_undefined : make_small(e->old_index); break;
    case A_new_index: value = x ? A_undefined : make_small(e->index); break;
    case A_uniq: value = x ? A_undefined : make_small(e->old_uniq); break;
    case A_new_uniq: value = x ? A_undefined : new_binary(p, e->uniq, sizeof e->uniq); break;
    case A_pid: value = x ? A_undefined : ((const fun_obj_t *)boxed_ptr(f))->creator; break;
    case A_refc: value = x ? A_undefined : make_small(2); break; /* entries live for ever */
    default: return bif_badarg(p);
    }
    term_t *hp = value == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, a[1], value) : bif_oom(p);
}

static BIF(fun_info_mfa_1) {
    if (!is_fun(a[0])) return bif_badarg(p);
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    if (is_export_fun(a[0])) {
        const export_t *x = export_of(a[0]);
        return tuple3(&hp, x->module, x->function, make_small(x->arity));
    }
    const fun_entry_t *e = entry_of(a[0]);
    return tuple3(&hp, e->module, closure_name(e), make_small(e->arity));
}

static BIF(make_fun_3) {
    if (!is_atom(a[0]) || !is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    int64_t arity = small_value(a[2]);
    if (arity < 0 || arity > 255) return bif_badarg(p);
    export_t *x = export_get(p->vm, a[0], a[1], (uint32_t)arity);
    term_t *hp = x ? heap_alloc(p, 2) : NULL;
    if (!hp) return bif_oom(p);
    hp[0] = make_header(T_EXPORT_FUN, 1);
    hp[1] = (uintptr_t)x;
    return make_boxed(hp);
}

/* What OTP has as Erlang functions of its module erlang, where we have BIFs. */
static bool is_erlang_code(const char *name, int64_t arity) {
    static const struct {
        const char *name;
        int arity;
    } functions[] = {
        {"alias", 0},
        {"atom_to_binary", 1},
        {"binary_to_atom", 1},
        {"binary_to_existing_atom", 1},
        {"get_cookie", 0},
        {"get_cookie", 1},
        {"group_leader", 2},
        {"halt", 0},
        {"halt", 1},
        {"is_alive", 0},
        {"localtime_to_universaltime", 1},
        {"memory", 0},
        {"memory", 1},
        {"process_flag", 3},
        {"setnode", 3},
        {"spawn", 1},
        {"spawn_link", 1},
        {"spawn_monitor", 1},
        {"spawn_monitor", 3},
        {"spawn_opt", 2},
        {"suspend_process", 1},
        {"suspend_process", 2},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (functions[i].arity == arity && strcmp(functions[i].name, name) == 0) return true;
    return false;
}

static BIF(is_builtin_3) {
    if (!is_atom(a[0]) || !is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    int64_t arity = small_value(a[2]);
    if (arity < 0 || arity > 255) return A_false;
    const export_t *x = export_find(p->vm, a[0], a[1], (uint32_t)arity);
    const char *name = atom_name(p->vm, a[1]);
    if (x && x->bif && a[0] != A_erlang)
        return make_bool(a[0] != A_os || arity > 0 || strcmp(name, "getenv") != 0);
    if (x && x->bif) return make_bool(!is_erlang_code(name, arity));
    /* What the compiler makes instructions of. */
    if (a[0] != A_erlang) return A_false;
    return make_bool((strcmp(name, "apply") == 0 && (arity == 2 || arity == 3)) ||
                     (strcmp(name, "yield") == 0 && arity == 0));
}

const bif_def_t bifs_funs[] = {{"erlang", "is_function", 2, test_function_arity, BIF_GUARD},
                               {"erlang", "fun_info", 2, fun_info_2, 0},
                               {"erlang", "fun_info_mfa", 1, fun_info_mfa_1, 0},
                               {"erlang", "make_fun", 3, make_fun_3, 0},
                               {"erlang", "is_builtin", 3, is_builtin_3, 0},
                               {0}};
