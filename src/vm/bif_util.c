/* bif_util.c: small helpers of all BIFs (declared in bif.h): lengths of lists, integers and strings
 * in and out. Relies on the process heap only. */
#include "vm/bif.h"

int64_t list_length(term_t l) {
    int64_t n = 0;
    for (; is_cons(l); l = cons_tail(l)) n++;
    return is_nil(l) ? n : -1;
}

int64_t list_length_long(proc_t *p, term_t l) {
    int64_t n = 0;
    while (is_cons(l)) {
        l = cons_tail(l);
        if (BIF_TICK_EVERY(p, (size_t)++n, CELLS_PER_TICK, CELLS_PER_TICK / CELLS_PER_RED))
            return LIST_STOPPED;
    }
    return is_nil(l) ? n : -1;
}

term_t list_turn(proc_t *p, term_t l, bool in_place) {
    term_t out = TERM_NIL;
    if (in_place) {
        while (is_cons(l)) {
            term_t next = cons_tail(l);
            cons_ptr(l)[1] = out;
            out = l;
            l = next;
        }
        return out;
    }
    size_t n = (size_t)list_length(l);
    term_t *hp = n ? heap_alloc(p, 2 * n) : NULL;
    if (n && !hp) return TERM_NONE;
    for (; is_cons(l); l = cons_tail(l)) out = cons(&hp, cons_head(l), out);
    return out;
}

bool term_to_int64(term_t t, int64_t *out) {
    if (is_small(t)) return *out = small_value(t), true;
    if (!is_big(t) || big_limbs(t) != 1) return false;
    uint64_t v = big_data(t)[0];
    if (big_is_neg(t)) {
        if (v > (uint64_t)INT64_MAX + 1) return false;
        *out = (int64_t)(0 - v);
    } else {
        if (v > INT64_MAX) return false;
        *out = (int64_t)v;
    }
    return true;
}

bool term_to_uint64(term_t t, uint64_t *out) {
    if (is_small(t)) return *out = (uint64_t)small_value(t), small_value(t) >= 0;
    if (!is_big(t) || big_is_neg(t) || big_limbs(t) != 1) return false;
    return *out = big_data(t)[0], true;
}

static term_t one_limb(proc_t *p, unsigned type, uint64_t limb) {
    term_t *hp = heap_alloc(p, 2);
    if (!hp) return TERM_NONE;
    hp[0] = make_header(type, 1);
    hp[1] = limb;
    return make_boxed(hp);
}

term_t int64_to_term(proc_t *p, int64_t v) {
    if (LIKELY(fits_small(v))) return make_small(v);
    return v < 0 ? one_limb(p, T_BIG_NEG, 0 - (uint64_t)v) : one_limb(p, T_BIG_POS, (uint64_t)v);
}

term_t uint64_to_term(proc_t *p, uint64_t v) {
    if (LIKELY(v <= (uint64_t)SMALL_MAX)) return make_small((int64_t)v);
    return one_limb(p, T_BIG_POS, v);
}

term_t bytes_to_list(proc_t *p, const uint8_t *s, size_t n, term_t tail) {
    if (n == 0) return tail;
    if (n > SIZE_MAX / (4 * sizeof(term_t))) return TERM_NONE;
    term_t *hp = heap_alloc(p, 2 * n);
    if (!hp) return TERM_NONE;
    term_t list = make_cons(hp);
    for (size_t i = 0; i < n; i++, hp += 2) {
        hp[0] = make_small(s[i]);
        hp[1] = make_cons(hp + 2);
    }
    hp[-1] = tail;
    return list;
}

term_t string_to_list(proc_t *p, const char *s) {
    return bytes_to_list(p, (const uint8_t *)s, strlen(s), TERM_NIL);
}

term_t new_ref(proc_t *p) {
    term_t *hp = heap_alloc(p, REF_WORDS);
    return hp ? make_ref(&hp, vm_next_ref(p->vm), 0) : TERM_NONE;
}
