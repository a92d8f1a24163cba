/* match_keys.c: what a match specification says about keys: which ones it can match, and whether
 * its bodies keep them (see match_spec.h). Looks at the specification, not at the program.
 */
#include "vm/compare.h"
#include "vm/match_program.h"

/* Only one term can match t: no variable, wildcard or map in it. Terms with very many parts are
 * not looked through. */
static bool is_ground(vm_t *vm, term_t t) {
    term_t stack[64];
    size_t n = 0, seen = 0;
    stack[n++] = t;
    while (n > 0) {
        t = stack[--n];
        if (++seen > 1000 || is_map(t)) return false;
        if (is_atom(t) && (t == A_underscore || ms_variable_number(vm, t) >= 0)) return false;
        if (is_cons(t)) {
            if (n + 2 > 64) return false;
            stack[n++] = cons_tail(t);
            stack[n++] = cons_head(t);
        } else if (is_tuple(t)) {
            size_t m = tuple_arity(t);
            if (n + m > 64) return false;
            for (size_t i = 1; i <= m; i++) stack[n++] = tuple_elem(t, i);
        }
    }
    return true;
}

term_t *ms_keys(vm_t *vm, term_t spec, uint32_t keypos, size_t *n, size_t *room, bool *never,
                bool *oom) {
    size_t count = 0;
    *n = *room = 0;
    *oom = *never = false;
    for (term_t l = spec; is_cons(l); l = cons_tail(l)) {
        term_t head = tuple_elem(cons_head(l), 1);
        if (is_atom(head) && (head == A_underscore || ms_variable_number(vm, head) >= 0))
            return NULL;
        if (!is_tuple(head) || tuple_arity(head) < keypos) continue; /* matches nothing */
        if (!is_ground(vm, tuple_elem(head, keypos))) return NULL;
        if (++count > 64) return NULL;
    }
    *never = count == 0;
    if (count == 0) return NULL;
    term_t *keys = mem_alloc(vm, count * sizeof *keys);
    if (!keys) {
        *oom = true;
        return NULL;
    }
    *room = count;
    for (term_t l = spec; is_cons(l); l = cons_tail(l)) {
        term_t head = tuple_elem(cons_head(l), 1);
        if (!is_tuple(head) || tuple_arity(head) < keypos) continue;
        term_t key = tuple_elem(head, keypos);
        size_t i = 0;
        while (i < *n && !term_eq(vm, keys[i], key)) i++;
        if (i == *n) keys[(*n)++] = key;
    }
    return keys;
}

/* Does the body's expression build just what the head's key pattern says? */
static bool rebuilds(vm_t *vm, term_t pattern, term_t expr) {
    term_t stack[64];
    size_t n = 0, seen = 0;
    stack[n++] = pattern;
    stack[n++] = expr;
    while (n > 0) {
        term_t e = stack[--n], t = stack[--n];
        if (++seen > 1000 || n + 4 > 64) return false;
        if (is_tuple_of(e, 2) && tuple_elem(e, 1) == A_const) {
            if (!is_ground(vm, t) || !term_eq(vm, t, tuple_elem(e, 2))) return false;
        } else if (is_tuple(t)) {
            if (!is_tuple_of(e, 1) || !is_tuple(tuple_elem(e, 1))) return false;
            e = tuple_elem(e, 1);
            size_t m = tuple_arity(t);
            if (tuple_arity(e) != m || n + 2 * m > 64) return false;
            for (size_t i = 1; i <= m; i++) {
                stack[n++] = tuple_elem(t, i);
                stack[n++] = tuple_elem(e, i);
            }
        } else if (is_cons(t)) {
            if (!is_cons(e)) return false;
            stack[n++] = cons_tail(t);
            stack[n++] = cons_tail(e);
            stack[n++] = cons_head(t);
            stack[n++] = cons_head(e);
        } else if (t == A_underscore || is_tuple(e) || !term_eq(vm, t, e)) {
            return false;
        }
    }
    return true;
}

bool ms_keeps_key(vm_t *vm, term_t spec, uint32_t keypos) {
    for (term_t l = spec; is_cons(l); l = cons_tail(l)) {
        term_t head = tuple_elem(cons_head(l), 1), body = tuple_elem(cons_head(l), 3);
        if (!is_cons(body) || !is_nil(cons_tail(body))) return false;
        term_t e = cons_head(body), key;
        if (e == A_dollar_underscore) continue;
        if (!is_tuple(e) || tuple_arity(e) == 0) return false;
        if (is_tuple_of(e, 2) && tuple_elem(e, 1) == A_const) {
            /* A constant: its key stands for itself. */
            term_t v = tuple_elem(e, 2);
            if (!is_tuple(v) || tuple_arity(v) < keypos || !is_tuple(head) ||
                tuple_arity(head) < keypos || !is_ground(vm, tuple_elem(head, keypos)) ||
                !term_eq(vm, tuple_elem(head, keypos), tuple_elem(v, keypos)))
                return false;
            continue;
        }
        if (!is_tuple_of(e, 1) || !is_tuple(tuple_elem(e, 1))) return false;
        e = tuple_elem(e, 1);
        if (tuple_arity(e) < keypos) return false;
        key = tuple_elem(e, keypos);
        if (is_tuple_of(key, 3) && tuple_elem(key, 1) == A_element &&
            tuple_elem(key, 2) == make_small(keypos) && tuple_elem(key, 3) == A_dollar_underscore)
            continue;
        if (!is_tuple(head) || tuple_arity(head) < keypos ||
            !rebuilds(vm, tuple_elem(head, keypos), key))
            return false;
    }
    return true;
}
