/* bif_terms.c: BIFs on terms of all kinds: comparison, type tests, hashes, and the few that are
 * operators on booleans and lists.
 *
 * Relies on compare.h and hash.h. Tuples, atoms, funs, and pids and their kin have files of their
 * own.
 */
#include "vm/bif.h"
#include "vm/compare.h"
#include "vm/hash.h"

/* ---- comparison ---- */

static BIF(op_eq) { return make_bool(term_cmp(p->vm, a[0], a[1]) == 0); }
static BIF(op_ne) { return make_bool(term_cmp(p->vm, a[0], a[1]) != 0); }
static BIF(op_lt) { return make_bool(term_cmp(p->vm, a[0], a[1]) < 0); }
static BIF(op_le) { return make_bool(term_cmp(p->vm, a[0], a[1]) <= 0); }
static BIF(op_gt) { return make_bool(term_cmp(p->vm, a[0], a[1]) > 0); }
static BIF(op_ge) { return make_bool(term_cmp(p->vm, a[0], a[1]) >= 0); }
static BIF(op_exact_eq) { return make_bool(term_eq(p->vm, a[0], a[1])); }
static BIF(op_exact_ne) { return make_bool(!term_eq(p->vm, a[0], a[1])); }
static BIF(internal_cmp_term) {
    int c = term_cmp_exact(p->vm, a[0], a[1]);
    return make_small((c > 0) - (c < 0));
}

/* ---- booleans ---- */

static bool is_bool(term_t t) { return t == A_true || t == A_false; }

static BIF(bool_not) { return is_bool(a[0]) ? make_bool(a[0] == A_false) : bif_badarg(p); }
static BIF(bool_and) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] == A_true && a[1] == A_true);
}
static BIF(bool_or) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] == A_true || a[1] == A_true);
}
static BIF(bool_xor) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] != a[1]);
}

/* ---- type tests ---- */

#define TYPE_TEST(name, test)                                                                      \
    static BIF(name) {                                                                             \
        (void)p;                                                                                   \
        return make_bool(test(a[0]));                                                              \
    }
TYPE_TEST(test_atom, is_atom)
TYPE_TEST(test_binary, is_binary)
TYPE_TEST(test_bitstring, is_bitstring)
TYPE_TEST(test_boolean, is_bool)
TYPE_TEST(test_float, is_float)
TYPE_TEST(test_function, is_fun)
TYPE_TEST(test_integer, is_integer)
TYPE_TEST(test_list, is_list)
TYPE_TEST(test_map, is_map)
TYPE_TEST(test_number, is_number)
TYPE_TEST(test_pid, is_pid)
TYPE_TEST(test_port, is_port)
TYPE_TEST(test_reference, is_ref)
TYPE_TEST(test_tuple, is_tuple)

static BIF(test_record) {
    if (!is_atom(a[1])) return bif_badarg(p);
    return make_bool(is_tuple(a[0]) && tuple_arity(a[0]) > 0 && tuple_elem(a[0], 1) == a[1]);
}
static BIF(test_record_size) {
    if (!is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    return make_bool(is_tuple(a[0]) && tuple_arity(a[0]) > 0 && tuple_elem(a[0], 1) == a[1] &&
                     (int64_t)tuple_arity(a[0]) == small_value(a[2]));
}

/* ---- lists ---- */

static BIF(list_hd) { return is_cons(a[0]) ? cons_head(a[0]) : bif_badarg(p); }
static BIF(list_tl) { return is_cons(a[0]) ? cons_tail(a[0]) : bif_badarg(p); }

LONG_BIF(length_of) {
    int64_t n = list_length_long(p, a[0]);
    if (n < 0) return n == LIST_STOPPED ? TERM_NONE : bif_badarg(p);
    bif_bump(p, (size_t)n % CELLS_PER_TICK / CELLS_PER_RED);
    return make_small(n);
}

/* ---- tuples ---- */

/* ---- atoms ---- */

/* ---- hashes ---- */

/* A range of 1..2^32. */
static bool hash_range(term_t t, uint64_t *range) {
    return term_to_uint64(t, range) && *range > 0 && *range <= (uint64_t)1 << 32;
}

LONG_BIF(phash_2) {
    uint64_t range;
    uint32_t h;
    if (!hash_range(a[1], &range)) return bif_badarg(p);
    if (!term_phash_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small((int64_t)(1 + h % range));
}
LONG_BIF(phash2_1) {
    uint32_t h;
    if (!term_phash2_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small(h & ((1 << 27) - 1));
}
LONG_BIF(phash2_2) {
    uint64_t range;
    uint32_t h;
    if (!hash_range(a[1], &range)) return bif_badarg(p);
    if (!term_phash2_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small((int64_t)(h % range));
}

/* ---- pids, references, ports ---- */

/* ---- funs ---- */

/* ---- erts_debug ---- */

const bif_def_t bifs_terms[] = {{"erlang", "==", 2, op_eq, BIF_GUARD},
                                {"erlang", "/=", 2, op_ne, BIF_GUARD},
                                {"erlang", "<", 2, op_lt, BIF_GUARD},
                                {"erlang", "=<", 2, op_le, BIF_GUARD},
                                {"erlang", ">", 2, op_gt, BIF_GUARD},
                                {"erlang", ">=", 2, op_ge, BIF_GUARD},
                                {"erlang", "=:=", 2, op_exact_eq, BIF_GUARD},
                                {"erlang", "=/=", 2, op_exact_ne, BIF_GUARD},
                                {"erts_internal", "cmp_term", 2, internal_cmp_term, 0},
                                {"erlang", "not", 1, bool_not, BIF_GUARD},
                                {"erlang", "and", 2, bool_and, BIF_GUARD},
                                {"erlang", "or", 2, bool_or, BIF_GUARD},
                                {"erlang", "xor", 2, bool_xor, BIF_GUARD},
                                {"erlang", "is_atom", 1, test_atom, BIF_GUARD},
                                {"erlang", "is_binary", 1, test_binary, BIF_GUARD},
                                {"erlang", "is_bitstring", 1, test_bitstring, BIF_GUARD},
                                {"erlang", "is_boolean", 1, test_boolean, BIF_GUARD},
                                {"erlang", "is_float", 1, test_float, BIF_GUARD},
                                {"erlang", "is_function", 1, test_function, BIF_GUARD},
                                {"erlang", "is_integer", 1, test_integer, BIF_GUARD},
                                {"erlang", "is_list", 1, test_list, BIF_GUARD},
                                {"erlang", "is_map", 1, test_map, BIF_GUARD},
                                {"erlang", "is_number", 1, test_number, BIF_GUARD},
                                {"erlang", "is_pid", 1, test_pid, BIF_GUARD},
                                {"erlang", "is_port", 1, test_port, BIF_GUARD},
                                {"erlang", "is_record", 2, test_record, BIF_GUARD},
                                {"erlang", "is_record", 3, test_record_size, BIF_GUARD},
                                {"erlang", "is_reference", 1, test_reference, BIF_GUARD},
                                {"erlang", "is_tuple", 1, test_tuple, BIF_GUARD},
                                {"erlang", "hd", 1, list_hd, BIF_GUARD},
                                {"erlang", "tl", 1, list_tl, BIF_GUARD},
                                {"erlang", "length", 1, length_of, BIF_GUARD | BIF_LONG},
                                {"erlang", "phash", 2, phash_2, BIF_LONG},
                                {"erlang", "phash2", 1, phash2_1, BIF_LONG},
                                {"erlang", "phash2", 2, phash2_2, BIF_LONG},
                                {0}};
