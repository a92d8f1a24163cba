/* compare.c: equality and order of terms, as OTP 25 defines them.
 *
 * Both walks keep what is left to compare in frames on a wstack: two arrays of words and how many
 * of them remain. A frame leaves the stack before its last pair is looked at, so a list, or terms
 * nested in the last element, need no room however long; only nesting through heads and inner
 * elements does. Where even that memory cannot be had (thousands of levels and no memory left) the
 * two subterms the walk stands at count as different and are ordered by address: nobody crashes,
 * the answer for that pair of terms is wrong. Any thread may call these functions.
 */
#include "vm/compare.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/map.h"
#include "vm/wstack.h"

enum { STACK_WORDS = 3 * 48 };

/* ---- equality ---- */

/* Two terms with no subterms (or opaque ones): bits, numbers, references. */
static bool leaf_eq(vm_t *vm, term_t a, term_t b, unsigned ka, unsigned kb) {
    switch (ka) {
    case T_FLOAT: return kb == T_FLOAT && float_value(a) == float_value(b); /* 0.0 =:= -0.0 */
    case T_BIG_POS:
    case T_BIG_NEG:
        return boxed_header(a) == boxed_header(b) &&
               memcmp(big_data(a), big_data(b), big_limbs(a) * sizeof(uint64_t)) == 0;
    case T_HEAP_BIN:
        if (kb == T_HEAP_BIN) { /* keys of maps often are */
            const heap_bin_t *x = (const heap_bin_t *)boxed_ptr(a);
            const heap_bin_t *y = (const heap_bin_t *)boxed_ptr(b);
            return x->size == y->size && memcmp(x->data, y->data, x->size) == 0;
        } /* fall through */
    case T_PROC_BIN:
    case T_SUB_BIN: {
        bits_t x, y;
        if (kb != T_HEAP_BIN && kb != T_PROC_BIN && kb != T_SUB_BIN) return false;
        if (bit_size_of(a) != bit_size_of(b) || !bits_of(a, &x) || !bits_of(b, &y)) return false;
        if (((x.bit_offset | y.bit_offset | x.bit_size) & 7) == 0)
            return memcmp(x.base, y.base, x.bit_size / 8) == 0;
        return bits_cmp(x.base, x.bit_offset, y.base, y.bit_offset, x.bit_size) == 0;
    }
    case T_REF:
    case T_MAGIC_REF:
        if (kb == T_REF || kb == T_MAGIC_REF) return ref_id(a) == ref_id(b);
        return false;
    case T_EXT_REF:
        if (kb != T_EXT_REF) return false;
        return term_cmp_slow(vm, a, b) == 0; /* they may differ in trailing zero words */
    case T_EXT_PID:
    case T_EXT_PORT: {
        const ext_obj_t *x = (const ext_obj_t *)boxed_ptr(a), *y = (const ext_obj_t *)boxed_ptr(b);
        return ka == kb && x->node == y->node && x->creation == y->creation &&
               x->id[0] == y->id[0] && x->id[1] == y->id[1];
    }
    case T_EXPORT_FUN: return ka == kb && boxed_ptr(a)[1] == boxed_ptr(b)[1];
    default: return false;
    }
}

bool term_eq_slow(vm_t *vm, term_t a, term_t b) {
    uint64_t array[STACK_WORDS];
    wstack_t s;
    bool equal = false;
    wstack_init(&s, vm, array, STACK_WORDS);
    for (;;) {
        if (a == b) goto next;
        if (((a ^ b) & TAG_MASK) != 0 || !is_pointer(a)) goto done;
        const term_t *pa, *pb;
        size_t n;
        if (is_cons(a)) {
            pa = cons_ptr(a), pb = cons_ptr(b);
            while (pa[0] == pb[0]) { /* equal heads, as in strings */
                a = pa[1], b = pb[1];
                if (a == b) goto next;
                if (!is_cons(a) || !is_cons(b)) break;
                pa = cons_ptr(a), pb = cons_ptr(b);
            }
            if (pa[0] == pb[0]) continue; /* the tails are no lists */
            if (!is_pointer(pa[0]) || !is_pointer(pb[0])) goto done;
            n = 2;
        } else {
            term_t ha = boxed_header(a);
            unsigned ka = header_type(ha);
            switch (ka) {
            case T_FUN:
                /* The creator is no part of a fun's value. */
                if (ha != boxed_header(b) || boxed_ptr(a)[1] != boxed_ptr(b)[1]) goto done;
                n = header_size(ha) - 2;
                pa = boxed_ptr(a) + 3, pb = boxed_ptr(b) + 3;
                break;
            case T_TUPLE:
            case T_MAP:  /* keys are sorted: equal maps have equal words */
            case T_HAMT: /* a set of keys has just one shape of tree */
            case T_HAMT_NODE:
                if (ha != boxed_header(b)) goto done;
                n = header_size(ha);
                pa = boxed_ptr(a) + 1, pb = boxed_ptr(b) + 1;
                break;
            default:
                if (!leaf_eq(vm, a, b, ka, boxed_type(b))) goto done;
                goto next;
            }
            while (n > 0 && pa[0] == pb[0]) n--, pa++, pb++;
            if (n == 0) goto next;
            if (!is_pointer(pa[0]) || !is_pointer(pb[0])) goto done;
        }
        /* pa[0] and pb[0] have to be looked at, n - 1 more pairs later. */
        if (n > 1) {
            if (!wstack_need(&s, 3)) goto done;
            s.top[0] = (uintptr_t)(pa + 1);
            s.top[1] = (uintptr_t)(pb + 1);
            s.top[2] = n - 1;
            s.top += 3;
        }
        a = pa[0], b = pb[0];
        continue;
    next:
        if (wstack_is_empty(&s)) break;
        pa = (const term_t *)(uintptr_t)s.top[-3];
        pb = (const term_t *)(uintptr_t)s.top[-2];
        a = *pa, b = *pb;
        if (--s.top[-1] == 0) {
            s.top -= 3;
        } else {
            s.top[-3] = (uintptr_t)(pa + 1);
            s.top[-2] = (uintptr_t)(pb + 1);
        }
    }
    equal = true;
done:
    wstack_free(&s);
    return equal;
}

/* ---- order ---- */

/* number < atom < reference < fun < port < pid < tuple < map < nil < list < bit string */
static unsigned rank_of(term_t t) {
    if (is_small(t)) return 0;
    if (is_cons(t)) return 9;
    if (is_atom(t)) return 1;
    if (is_nil(t)) return 8;
    if (is_local_pid(t)) return 5;
    if (is_local_port(t)) return 4;
    switch (boxed_type(t)) {
    case T_BIG_POS:
    case T_BIG_NEG:
    case T_FLOAT: return 0;
    case T_REF:
    case T_MAGIC_REF:
    case T_EXT_REF: return 2;
    case T_FUN:
    case T_EXPORT_FUN: return 3;
    case T_EXT_PORT: return 4;
    case T_EXT_PID: return 5;
    case T_TUPLE: return 6;
    case T_MAP:
    case T_HAMT: return 7;
    case T_HEAP_BIN:
    case T_PROC_BIN:
    case T_SUB_BIN: return 10;
    default: return 11; /* inner nodes of maps: never compared */
    }
}

static int order_of(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int number_cmp(term_t a, term_t b, bool exact) {
    bool fa = is_float(a), fb = is_float(b);
    if (fa && fb) {
        double x = float_value(a), y = float_value(b);
        return x < y ? -1 : x > y;
    }
    if (fa || fb) {
        if (exact) return fa ? 1 : -1; /* as keys, integers come before all floats */
        return fa ? -integer_float_cmp(b, float_value(a)) : integer_float_cmp(a, float_value(b));
    }
    if (are_small(a, b)) return (int64_t)a < (int64_t)b ? -1 : a != b;
    return big_cmp(a, b);
}

/* What identifies a pid, port or reference, local or not. */
typedef struct {
    term_t node;
    uint32_t creation;
    unsigned count;
    uint32_t id[5];
} identity_t;

static void identity_of(term_t t, identity_t *out) {
    memset(out, 0, sizeof *out);
    out->node = A_nonode;
    if (is_local_pid(t)) {
        out->id[0] = pid_out_number(t), out->id[1] = pid_out_serial(t);
    } else if (is_local_port(t)) {
        out->id[0] = (uint32_t)port_number(t), out->id[1] = (uint32_t)(port_number(t) >> 32);
    } else if (is_local_ref(t)) {
        ref_id_to_words(ref_id(t), out->id);
    } else {
        const ext_obj_t *e = (const ext_obj_t *)boxed_ptr(t);
        out->node = e->node;
        out->creation = e->creation;
        for (unsigned i = 0; i < e->count && i < 5; i++) out->id[i] = e->id[i];
    }
}

static int node_cmp(vm_t *vm, const identity_t *a, const identity_t *b) {
    int c = atom_compare(vm, a->node, b->node);
    return c != 0 ? c : order_of(a->creation, b->creation);
}

/* Pids are ordered by number first, ports and references by node first. */
static int identity_cmp(vm_t *vm, term_t ta, term_t tb, bool node_first) {
    identity_t a, b;
    int c = 0;
    identity_of(ta, &a);
    identity_of(tb, &b);
    if (node_first) c = node_cmp(vm, &a, &b);
    for (unsigned i = 5; c == 0 && i-- > 0;) c = order_of(a.id[i], b.id[i]);
    return c != 0 || node_first ? c : node_cmp(vm, &a, &b);
}

static int bitstring_cmp(term_t a, term_t b) {
    bits_t x, y;
    if (!bits_of(a, &x) || !bits_of(b, &y)) return order_of(a, b);
    size_t n = x.bit_size < y.bit_size ? x.bit_size : y.bit_size;
    int c;
    if (((x.bit_offset | y.bit_offset | n) & 7) == 0)
        c = memcmp(x.base, y.base, n / 8);
    else
        c = bits_cmp(x.base, x.bit_offset, y.base, y.bit_offset, n);
    return c != 0 ? c : order_of(x.bit_size, y.bit_size);
}

static int export_cmp(vm_t *vm, term_t a, term_t b) {
    const export_t *x = (const export_t *)(uintptr_t)boxed_ptr(a)[1];
    const export_t *y = (const export_t *)(uintptr_t)boxed_ptr(b)[1];
    int c = atom_compare(vm, x->module, y->module);
    if (c == 0) c = atom_compare(vm, x->function, y->function);
    return c != 0 ? c : order_of(x->arity, y->arity);
}

/* All of two closures but their environments. */
static int closure_cmp(vm_t *vm, term_t a, term_t b) {
    const fun_entry_t *x = ((const fun_obj_t *)boxed_ptr(a))->entry;
    const fun_entry_t *y = ((const fun_obj_t *)boxed_ptr(b))->entry;
    int c = atom_compare(vm, x->module, y->module);
    if (c == 0) c = order_of(x->index, y->index);
    if (c == 0) c = order_of(x->old_uniq, y->old_uniq);
    return c != 0 ? c : order_of(fun_num_free(a), fun_num_free(b));
}

/* Two large maps of one size being compared. What decides between them is the least key only one
 * of them has; where the keys are the same, the least key whose values differ. Which keys those
 * are is found by hash; their order takes comparisons of terms, which may hold such maps again:
 * each is made by the walk itself, which comes back here with the result. */
typedef struct hamt_walk {
    struct hamt_walk *older;
    size_t bytes;
    int step; /* what the result to come is of: STEP_* */
    int min_c, c;
    unsigned exact; /* for the values */
    map_iter_t ia, ib;
    term_t key, min_key, min_a;
    size_t na, nb, i;
    term_t *a, *b; /* keys only one of them has */
    term_t keys[];
} hamt_walk_t;

enum { STEP_START, STEP_MIN_A, STEP_MIN_B, STEP_FINAL, STEP_VALUE, STEP_KEY };

typedef struct {
    vm_t *vm;
    hamt_walk_t *hamt; /* innermost one */
    wstack_t s;
} walk_t;

/* A frame: pointers to what comes next on both sides, and a count with these flags. */
enum {
    FRAME_EXACT = 1, /* compare as map keys */
    FRAME_HAMT = 2,  /* no words: the innermost hamt_walk waits for a result */
    FRAME_SHIFT = 2
};

static bool frame_push(walk_t *w, const term_t *pa, const term_t *pb, size_t n, unsigned flags) {
    if (n == 0) return true;
    if (!wstack_need(&w->s, 3)) return false;
    w->s.top[0] = (uintptr_t)pa;
    w->s.top[1] = (uintptr_t)pb;
    w->s.top[2] = (uint64_t)n << FRAME_SHIFT | flags;
    w->s.top += 3;
    return true;
}

static void hamt_drop(walk_t *w) {
    hamt_walk_t *h = w->hamt;
    w->hamt = h->older;
    mem_free(w->vm, h, h->bytes);
}

/* Takes keys that are in both lists out of both. */
static void keys_unite(vm_t *vm, term_t *a, size_t *na, term_t *b, size_t *nb) {
    size_t m = 0;
    for (size_t i = 0; i < *na; i++) {
        size_t j = 0;
        while (j < *nb && !term_eq(vm, a[i], b[j])) j++;
        if (j == *nb)
            a[m++] = a[i];
        else
            b[j] = b[--*nb];
    }
    *na = m;
}

/* Sorts out the keys only one map has. Both are visited by rising hash. */
static void hamt_differences(vm_t *vm, hamt_walk_t *h) {
    term_t ka, kb, v;
    bool more_a = map_iter_next(&h->ia, &ka, &v), more_b = map_iter_next(&h->ib, &kb, &v);
    while (more_a && more_b) {
        uint64_t place_a = map_key_place(vm, ka), place_b = map_key_place(vm, kb);
        if (place_a == place_b && term_eq(vm, ka, kb)) {
            more_a = map_iter_next(&h->ia, &ka, &v);
            more_b = map_iter_next(&h->ib, &kb, &v);
        } else if (place_a != place_b) {
            if (place_a < place_b) {
                h->a[h->na++] = ka;
                more_a = map_iter_next(&h->ia, &ka, &v);
            } else {
                h->b[h->nb++] = kb;
                more_b = map_iter_next(&h->ib, &kb, &v);
            }
        } else { /* several keys of one hash */
            size_t na = 0, nb = 0;
            do h->a[h->na + na++] = ka;
            while ((more_a = map_iter_next(&h->ia, &ka, &v)) && map_key_place(vm, ka) == place_a);
            do h->b[h->nb + nb++] = kb;
            while ((more_b = map_iter_next(&h->ib, &kb, &v)) && map_key_place(vm, kb) == place_a);
            keys_unite(vm, h->a + h->na, &na, h->b + h->nb, &nb);
            h->na += na;
            h->nb += nb;
        }
    }
    for (; more_a; more_a = map_iter_next(&h->ia, &ka, &v)) h->a[h->na++] = ka;
    for (; more_b; more_b = map_iter_next(&h->ib, &kb, &v)) h->b[h->nb++] = kb;
}

COLD static bool hamt_push(walk_t *w, term_t a, term_t b, unsigned exact) {
    size_t n = map_size(a), bytes = sizeof(hamt_walk_t) + 2 * n * sizeof(term_t);
    if (!wstack_need(&w->s, 3)) return false;
    hamt_walk_t *h = mem_alloc(w->vm, bytes);
    if (!h) return false;
    h->bytes = bytes;
    h->older = w->hamt;
    w->hamt = h;
    h->exact = exact;
    h->step = STEP_START;
    h->na = h->nb = 0;
    h->a = h->keys, h->b = h->keys + n;
    map_iter_init(&h->ia, a);
    map_iter_init(&h->ib, b);
    hamt_differences(w->vm, h);
    if (h->na == 0) {
        map_iter_init(&h->ia, a);
        map_iter_init(&h->ib, b);
    }
    h->min_c = 0;
    return frame_push(w, NULL, NULL, 1, FRAME_HAMT);
}

/* Goes on with the result c of the last comparison asked for. true: compare *a and *b now; false:
 * done, *c is the order of the maps. */
COLD static bool hamt_resume(hamt_walk_t *h, int *c, term_t *a, term_t *b, unsigned *exact) {
    *exact = FRAME_EXACT;
    switch (h->step) {
    case STEP_START:
        if (h->na == 0) break;
        h->min_key = h->a[0];
        h->i = 0;
        h->step = STEP_MIN_A; /* fall through */
    case STEP_MIN_A:
        if (*c > 0) h->min_key = h->a[h->i];
        if (++h->i < h->na) {
            *a = h->min_key, *b = h->a[h->i];
            return true;
        }
        h->min_a = h->min_key;
        h->min_key = h->b[0];
        h->i = 0;
        *c = 0;
        h->step = STEP_MIN_B; /* fall through */
    case STEP_MIN_B:
        if (*c > 0) h->min_key = h->b[h->i];
        if (++h->i < h->nb) {
            *a = h->min_key, *b = h->b[h->i];
            return true;
        }
        h->step = STEP_FINAL;
        *a = h->min_a, *b = h->min_key;
        return true;
    case STEP_FINAL: return false;
    case STEP_VALUE:
        if (*c == 0) break;
        if (h->min_c != 0) {
            h->c = *c;
            h->step = STEP_KEY;
            *a = h->key, *b = h->min_key;
            return true;
        }
        h->min_key = h->key;
        h->min_c = *c;
        break;
    default: /* STEP_KEY */
        if (*c < 0) {
            h->min_key = h->key;
            h->min_c = h->c;
        }
        break;
    }
    term_t key;
    while (map_iter_next(&h->ia, &h->key, a) && map_iter_next(&h->ib, &key, b)) {
        if (*a == *b) continue;
        h->step = STEP_VALUE;
        *exact = h->exact;
        return true;
    }
    *c = h->min_c;
    return false;
}

static int compare(vm_t *vm, term_t a, term_t b, unsigned exact) {
    uint64_t array[STACK_WORDS];
    walk_t w = {.vm = vm, .hamt = NULL};
    int c = 0;
    wstack_init(&w.s, vm, array, STACK_WORDS);
    for (;;) {
        if (a == b) goto next;
        if (are_small(a, b)) {
            c = (int64_t)a < (int64_t)b ? -1 : 1;
            goto done;
        }
        if (is_atom(a) && is_atom(b)) {
            c = atom_compare(vm, a, b);
            goto done;
        }
        if (is_cons(a) && is_cons(b)) {
            const term_t *pa = cons_ptr(a), *pb = cons_ptr(b);
            while (pa[0] == pb[0]) {
                a = pa[1], b = pb[1];
                if (a == b) goto next;
                if (!is_cons(a) || !is_cons(b)) break;
                pa = cons_ptr(a), pb = cons_ptr(b);
            }
            if (pa[0] == pb[0]) continue;
            a = pa[0], b = pb[0];
            /* Where the heads differ at once, as in strings, the tails do not matter. */
            if (!are_small(a, b) && !frame_push(&w, pa + 1, pb + 1, 1, exact)) goto lost;
            continue;
        }
        if (is_boxed(a) && is_boxed(b) && boxed_header(a) == boxed_header(b) &&
            boxed_type(a) == T_TUPLE) {
            size_t n = tuple_arity(a);
            const term_t *pa = tuple_elems(a), *pb = tuple_elems(b);
            while (n > 0 && pa[0] == pb[0]) n--, pa++, pb++;
            if (n == 0) goto next;
            a = pa[0], b = pb[0];
            if (n > 1 && !are_small(a, b) && !frame_push(&w, pa + 1, pb + 1, n - 1, exact))
                goto lost;
            continue;
        }
        unsigned ra = rank_of(a), rb = rank_of(b);
        if (ra != rb) {
            c = ra < rb ? -1 : 1;
            goto done;
        }
        switch (ra) {
        case 0: c = number_cmp(a, b, exact); break;
        case 2:
        case 4: c = identity_cmp(vm, a, b, true); break;
        case 3:
            if (is_closure(a) != is_closure(b)) {
                c = is_closure(a) ? -1 : 1;
            } else if (!is_closure(a)) {
                c = export_cmp(vm, a, b);
            } else {
                c = closure_cmp(vm, a, b);
                if (c == 0 &&
                    !frame_push(&w, boxed_ptr(a) + 3, boxed_ptr(b) + 3, fun_num_free(a), exact))
                    goto lost;
            }
            break;
        case 5: c = identity_cmp(vm, a, b, false); break;
        case 6: c = order_of(tuple_arity(a), tuple_arity(b)); break; /* the same: seen above */
        case 7:
            c = order_of(map_size(a), map_size(b));
            if (c != 0) break;
            if (is_hamt(a)) {
                if (!hamt_push(&w, a, b, exact)) goto lost;
                break;
            }
            if (!frame_push(&w, flat_map_values(a), flat_map_values(b), flat_map_size(a), exact) ||
                !frame_push(&w, boxed_ptr(a) + 1, boxed_ptr(b) + 1, 1, FRAME_EXACT))
                goto lost;
            break;
        case 10: c = bitstring_cmp(a, b); break;
        default: c = order_of(a, b); break;
        }
        if (c != 0) goto done;
    next:
        c = 0;
    resume:
        if (wstack_is_empty(&w.s)) goto finish;
        uint64_t *top = w.s.top;
        const term_t *pa = (const term_t *)(uintptr_t)top[-3];
        const term_t *pb = (const term_t *)(uintptr_t)top[-2];
        uint64_t count = top[-1];
        if (UNLIKELY(count & FRAME_HAMT)) {
            if (hamt_resume(w.hamt, &c, &a, &b, &exact)) continue;
            hamt_drop(&w);
            w.s.top -= 3;
            if (c != 0) goto done;
            goto resume;
        }
        a = *pa, b = *pb;
        exact = count & FRAME_EXACT;
        if (count >> FRAME_SHIFT == 1) {
            w.s.top -= 3;
        } else {
            top[-3] = (uintptr_t)(pa + 1);
            top[-2] = (uintptr_t)(pb + 1);
            top[-1] = count - (1 << FRAME_SHIFT);
        }
        continue;
    done:
        /* A difference: decides it all, but for large maps on the way. */
        while (!wstack_is_empty(&w.s) && !(w.s.top[-1] & FRAME_HAMT)) w.s.top -= 3;
        goto resume;
    }
lost:
    c = a < b ? -1 : 1;
finish:
    while (w.hamt) hamt_drop(&w);
    wstack_free(&w.s);
    return c;
}

/* Past what lists begin alike with. true: *c is the order, as with most strings; false: that of *a
 * and *b still has to be found. */
static inline bool skip_common(term_t *a, term_t *b, int *c) {
    while (is_cons(*a) && is_cons(*b)) {
        const term_t *pa = cons_ptr(*a), *pb = cons_ptr(*b);
        if (pa[0] != pb[0]) {
            *c = (int64_t)pa[0] < (int64_t)pb[0] ? -1 : 1;
            return are_small(pa[0], pb[0]);
        }
        *a = pa[1], *b = pb[1];
        *c = 0;
        if (*a == *b) return true;
    }
    return false;
}

int term_cmp_slow(vm_t *vm, term_t a, term_t b) {
    int c;
    if (is_big(a) && is_big(b)) return big_cmp(a, b);
    return skip_common(&a, &b, &c) ? c : compare(vm, a, b, 0);
}
int term_cmp_exact(vm_t *vm, term_t a, term_t b) {
    int c;
    if (a == b) return 0;
    if (skip_common(&a, &b, &c)) return c;
    return compare(vm, a, b, FRAME_EXACT);
}
