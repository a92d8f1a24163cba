/* bif_tuples.c: BIFs on tuples: their elements, tuples made of them and of lists. Sizes grow with
 * the input, so what copies whole tuples counts reductions or ticks.
 */
#include "vm/bif.h"
#include "vm/binary.h"

#define TUPLE_MAX    ((1 << 24) - 1) /* as OTP */

#define CELL_TICK(n) BIF_TICK_EVERY(p, n, CELLS_PER_TICK, CELLS_PER_TICK / CELLS_PER_RED)

/* Position 1..max. */
static bool position_of(term_t t, size_t max, size_t *out) {
    if (!is_small(t) || small_value(t) < 1 || (uint64_t)small_value(t) > max) return false;
    *out = (size_t)small_value(t);
    return true;
}

/* A tuple's words with the header written, or NULL. */
static term_t *tuple_alloc(proc_t *p, size_t arity) {
    term_t *t = heap_alloc(p, arity + 1);
    if (t) t[0] = make_header(T_TUPLE, arity);
    bif_bump(p, arity / 64);
    return t;
}

static BIF(tuple_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    return tuple_elem(a[1], i);
}

static BIF(tuple_setelement) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    size_t n = tuple_arity(a[1]);
    term_t *t = tuple_alloc(p, n);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(a[1]), n * sizeof *t);
    t[i] = a[2];
    return make_boxed(t);
}

static BIF(tuple_size_of) {
    return is_tuple(a[0]) ? make_small((int64_t)tuple_arity(a[0])) : bif_badarg(p);
}

static BIF(size_of) {
    if (is_tuple(a[0])) return make_small((int64_t)tuple_arity(a[0]));
    if (is_bitstring(a[0])) return make_small((int64_t)(bit_size_of(a[0]) / 8));
    return bif_badarg(p);
}

LONG_BIF(tuple_to_list) {
    if (!is_tuple(a[0])) return bif_badarg(p);
    size_t n = tuple_arity(a[0]);
    if (bif_begin(p, n / CELLS_PER_RED)) return TERM_NONE;
    term_t list = TERM_NIL, *hp = heap_alloc(p, 2 * n);
    if (!hp && n > 0) return bif_oom(p);
    for (size_t i = n; i >= 1; i--) {
        list = cons(&hp, tuple_elem(a[0], i), list);
        if (CELL_TICK(i)) return TERM_NONE;
    }
    bif_bump(p, n % CELLS_PER_TICK / CELLS_PER_RED);
    return list;
}

LONG_BIF(list_to_tuple) {
    int64_t n = list_length_long(p, a[0]);
    if (n == LIST_STOPPED) return TERM_NONE;
    if (n < 0 || n > TUPLE_MAX) return bif_badarg(p);
    if (bif_begin(p, (size_t)n / CELLS_PER_RED)) return TERM_NONE;
    term_t *t = tuple_alloc(p, (size_t)n), *q = t;
    if (!t) return bif_oom(p);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        *++q = cons_head(l);
        if (CELL_TICK((size_t)(q - t))) return TERM_NONE;
    }
    return make_boxed(t);
}

static term_t *tuple_filled(proc_t *p, term_t size, term_t value) {
    size_t n = 0;
    if (size != make_small(0) && !position_of(size, TUPLE_MAX, &n)) {
        bif_badarg(p);
        return NULL;
    }
    term_t *t = tuple_alloc(p, n);
    if (!t) {
        bif_oom(p);
        return NULL;
    }
    for (size_t i = 1; i <= n; i++) t[i] = value;
    return t;
}

static BIF(make_tuple_2) {
    term_t *t = tuple_filled(p, a[0], a[1]);
    return t ? make_boxed(t) : TERM_NONE;
}

static BIF(make_tuple_3) {
    term_t *t = tuple_filled(p, a[0], a[1]), l = a[2];
    if (!t) return TERM_NONE;
    size_t n = header_size(t[0]), i;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t x = cons_head(l);
        if (!is_tuple_of(x, 2) || !position_of(tuple_elem(x, 1), n, &i)) return bif_badarg(p);
        t[i] = tuple_elem(x, 2);
    }
    return is_nil(l) ? make_boxed(t) : bif_badarg(p);
}

/* tuple with value put in at position i. */
static term_t tuple_insert(proc_t *p, term_t tuple, size_t i, term_t value) {
    size_t n = tuple_arity(tuple);
    if (n >= TUPLE_MAX) return bif_badarg(p);
    term_t *t = tuple_alloc(p, n + 1);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(tuple), (i - 1) * sizeof *t);
    t[i] = value;
    memcpy(t + i + 1, tuple_elems(tuple) + i - 1, (n + 1 - i) * sizeof *t);
    return make_boxed(t);
}

static BIF(tuple_append_element) {
    if (!is_tuple(a[0])) return bif_badarg(p);
    return tuple_insert(p, a[0], tuple_arity(a[0]) + 1, a[1]);
}

static BIF(tuple_insert_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]) + 1, &i)) return bif_badarg(p);
    return tuple_insert(p, a[1], i, a[2]);
}

static BIF(tuple_delete_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    size_t n = tuple_arity(a[1]);
    term_t *t = tuple_alloc(p, n - 1);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(a[1]), (i - 1) * sizeof *t);
    memcpy(t + i, tuple_elems(a[1]) + i, (n - i) * sizeof *t);
    return make_boxed(t);
}

const bif_def_t bifs_tuples[] = {{"erlang", "element", 2, tuple_element, BIF_GUARD},
                                 {"erlang", "setelement", 3, tuple_setelement, 0},
                                 {"erlang", "tuple_size", 1, tuple_size_of, BIF_GUARD},
                                 {"erlang", "size", 1, size_of, BIF_GUARD},
                                 {"erlang", "tuple_to_list", 1, tuple_to_list, BIF_LONG},
                                 {"erlang", "list_to_tuple", 1, list_to_tuple, BIF_LONG},
                                 {"erlang", "make_tuple", 2, make_tuple_2, 0},
                                 {"erlang", "make_tuple", 3, make_tuple_3, 0},
                                 {"erlang", "append_element", 2, tuple_append_element, 0},
                                 {"erlang", "insert_element", 3, tuple_insert_element, 0},
                                 {"erlang", "delete_element", 2, tuple_delete_element, 0},
                                 {0}};
