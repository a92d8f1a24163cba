/* map_merge.c: all pairs of two maps; where both have a key the second one's pair is taken.
 *
 * Two flat maps are merged as the sorted arrays they are. Two tries are gone through together:
 * where only one has something at a place it is taken over as it is, and where both have the same
 * nodes nothing is done, so merging a map with one made from it costs what they differ in.
 *
 * Relies on map_internal.h. Called by maps:merge/2.
 */
#include "vm/map_internal.h"

static term_t flat_merge(proc_t *p, term_t a, term_t b) {
    size_t na = flat_map_size(a), nb = flat_map_size(b);
    const term_t *ka = tuple_elems(flat_map_keys(a)), *kb = tuple_elems(flat_map_keys(b));
    const term_t *va = flat_map_values(a), *vb = flat_map_values(b);
    if (nb == 0 || na == 0) return na == 0 ? b : a;
    if (flat_map_keys(a) == flat_map_keys(b)) return b;
    term_t kv[4 * MAP_FLAT_MAX];
    size_t i = 0, j = 0, n = 0;
    bool zeros = false; /* 0.0 meets -0.0: the key of b stays */
    while (i < na || j < nb) {
        int c = i == na ? 1 : j == nb ? -1 : key_cmp(p->vm, ka[i], kb[j]);
        if (c == 0 && ka[i] != kb[j] && is_float(ka[i])) zeros |= float_value(ka[i]) == 0;
        kv[2 * n] = c < 0 ? ka[i] : kb[j];
        kv[2 * n + 1] = c < 0 ? va[i] : vb[j];
        i += c <= 0;
        j += c >= 0;
        n++;
    }
    if (n > MAP_FLAT_MAX) return map_from_many(p, NULL, kv, n);
    if (n == nb) return b;
    if (n > na || zeros) return flat_from_sorted(p, kv, n);
    term_t *m = flat_copy(p, a);
    if (UNLIKELY(m == NULL)) return TERM_NONE;
    for (i = 0; i < n; i++) m[2 + i] = kv[2 * i + 1];
    return make_boxed(m);
}

/* ---- tries ---- */

/* Below the lowest level of nodes: where leaves and collisions are. */
#define NO_SHIFT (-LEVEL)

/* One of the two at some level: a node, or something that stands in one slot of a node which
 * is not there. */
typedef struct {
    unsigned bits;
    const term_t *child; /* the next one */
    term_t only;         /* what child points to where there is no node */
} side_t;

typedef struct {
    side_t a, b;
    unsigned bits;           /* slots of either that are still to be done */
    int shift;               /* level of the node being made */
    term_t *node;            /* which is this, */
    unsigned filled;         /* with so many children */
    term_t whole_a, whole_b; /* the nodes themselves; TERM_NONE: not there */
    bool is_a, is_b;         /* all children up to now are those of a, of b */
} level_t;

typedef struct {
    vm_t *vm;
    term_t *hp;
    size_t doubles; /* keys that both have */
    int depth;
    level_t level[MAX_DEPTH + 1];
} merge_t;

static int shift_of(term_t t) {
    return is_cons(t) || is_collision(boxed_ptr(t)) ? NO_SHIFT : (int)node_shift(boxed_ptr(t));
}

static void side_set(side_t *s, term_t t, int t_shift, int shift, uint64_t hash) {
    if (t_shift == shift) {
        s->bits = (unsigned)node_info(boxed_ptr(t)) & 0xffff;
        s->child = boxed_ptr(t) + 2;
    } else {
        s->bits = slot_bit(hash, (unsigned)shift);
        s->only = t;
        s->child = &s->only;
    }
}

/* Leaves of a collision, or the one leaf. */
static const term_t *leaves(const term_t *t, size_t *n) {
    if (is_cons(*t)) {
        *n = 1;
        return t;
    }
    *n = header_size(boxed_ptr(*t)[0]);
    return boxed_ptr(*t) + 1;
}

/* Leaves that all have the same hash. */
static term_t leaves_merge(merge_t *m, term_t a, term_t b) {
    size_t na, nb, n = 0, i = 0, j = 0;
    const term_t *la = leaves(&a, &na), *lb = leaves(&b, &nb);
    term_t *node = m->hp;
    bool is_a = true;
    while (i < na || j < nb) {
        int c = i == na ? 1 : j == nb ? -1 : key_cmp(m->vm, cons_head(la[i]), cons_head(lb[j]));
        node[++n] = c < 0 ? la[i] : lb[j];
        is_a = is_a && i < na && node[n] == la[i];
        i += c <= 0;
        j += c >= 0;
        m->doubles += c == 0;
    }
    if (n == nb) return b;
    if (is_a) return a;
    node[0] = make_header(T_TUPLE, n);
    m->hp += 1 + n;
    return make_boxed(node);
}

/* What a and b make together, which agree in all levels from `above` on. TERM_NONE: a node, now the
 * deepest level. */
static term_t step(merge_t *m, term_t a, term_t b, int above) {
    if (is_cons(a) && is_cons(b) && term_eq(m->vm, cons_head(a), cons_head(b))) {
        m->doubles++;
        return b;
    }
    int sa = shift_of(a), sb = shift_of(b), shift = sa > sb ? sa : sb;
    uint64_t ha = 0, hb = 0;
    if (sa != sb || sa != above - LEVEL) {
        ha = key_hash(m->vm, cons_head(any_leaf(a)));
        hb = key_hash(m->vm, cons_head(any_leaf(b)));
        int parting = ha == hb ? NO_SHIFT : (int)parting_shift(ha, hb);
        if (parting > shift) shift = parting;
    }
    if (shift == NO_SHIFT) return leaves_merge(m, a, b);
    level_t *l = &m->level[m->depth++];
    side_set(&l->a, a, sa, shift, ha);
    side_set(&l->b, b, sb, shift, hb);
    l->bits = l->a.bits | l->b.bits;
    l->shift = shift;
    l->filled = 0;
    l->node = m->hp;
    l->whole_a = sa == shift && l->bits == l->a.bits ? a : TERM_NONE;
    l->whole_b = sb == shift && l->bits == l->b.bits ? b : TERM_NONE;
    l->is_a = l->whole_a != TERM_NONE;
    l->is_b = l->whole_b != TERM_NONE;
    size_t n = (size_t)__builtin_popcount(l->bits);
    node_write_head(l->node, l->bits, (unsigned)shift, n);
    m->hp += 2 + n;
    return TERM_NONE;
}

/* How many pairs there are below t, a part of map. Wrong when stopped: a later tick tells, too. */
static size_t pairs_below(proc_t *tick, term_t map, term_t t) {
    if (is_cons(t)) return 1;
    map_iter_t it;
    map_iter_init(&it, map);
    it.stack[0].node = t;
    size_t n = 0;
    term_t k, v;
    while (map_iter_next(&it, &k, &v))
        if (HASH_TICK(++n)) break;
    return n;
}

/* A child of the deepest level is there. */
static void child_set(level_t *l, term_t t) {
    l->is_a = l->is_a && l->a.child[-1] == t;
    l->is_b = l->is_b && l->b.child[-1] == t;
    l->node[2 + l->filled++] = t;
}

/* The deepest level is done: the node made, or the one it is the same as. */
static term_t level_end(merge_t *m) {
    level_t *l = &m->level[--m->depth];
    if (!l->is_a && !l->is_b) return make_boxed(l->node);
    m->hp = l->node; /* none of its children is new, so nothing stands behind it */
    return l->is_b ? l->whole_b : l->whole_a;
}

/* The node for all of two tries. TERM_NONE: stopped. */
static term_t nodes_merge(proc_t *tick, merge_t *m, term_t a, term_t b) {
    size_t steps = 0;
    term_t t = step(m, hamt_node(a), hamt_node(b), HASH_BITS);
    while (m->depth > 0) {
        level_t *l = &m->level[m->depth - 1];
        if (t != TERM_NONE) child_set(l, t);
        if (l->bits == 0) {
            t = level_end(m);
            continue;
        }
        unsigned bit = l->bits & -l->bits;
        l->bits &= ~bit;
        term_t x = l->a.bits & bit ? *l->a.child++ : TERM_NONE;
        term_t y = l->b.bits & bit ? *l->b.child++ : TERM_NONE;
        if (HASH_TICK(++steps)) return TERM_NONE;
        if (x == TERM_NONE || y == TERM_NONE) {
            t = x == TERM_NONE ? y : x;
        } else if (x == y) {
            m->doubles += pairs_below(tick, a, x);
            t = x;
        } else {
            t = step(m, x, y, l->shift);
        }
    }
    return t;
}

static term_t trie_merge(proc_t *p, term_t a, term_t b) {
    size_t n = map_size(a) + map_size(b), words = HAMT_WORDS_MAX(n) - 2 * n;
    if (bif_begin(p, n / 8)) return TERM_NONE;
    merge_t m = {.vm = p->vm};
    term_t *hp = heap_alloc(p, words);
    if (UNLIKELY(hp == NULL)) return bif_oom(p);
    m.hp = hp + ROOT_WORDS;
    term_t node = nodes_merge(p, &m, a, b), result = TERM_NONE;
    if (node == hamt_node(b))
        m.hp = hp, result = b;
    else if (node == hamt_node(a))
        m.hp = hp, result = a;
    else if (node != TERM_NONE)
        result = root_write(&(term_t *){hp}, n - m.doubles, node);
    heap_release(p, m.hp, hp + words);
    return result;
}

term_t map_merge(proc_t *p, term_t a, term_t b) {
    if (a == b) return a;
    if (is_flat_map(a) && is_flat_map(b)) return flat_merge(p, a, b);
    size_t na = map_size(a), nb = map_size(b), n = 0;
    proc_t *tick = p;
    map_iter_t it;
    term_t k, v;
    if (is_flat_map(b) || nb <= na / 8) {
        map_iter_init(&it, b);
        while (a != TERM_NONE && map_iter_next(&it, &k, &v))
            a = PUT_TICK(++n) ? TERM_NONE : hamt_put(p, a, k, v, false);
        return a;
    }
    if (is_flat_map(a) || na <= nb / 8) {
        map_iter_init(&it, a);
        while (b != TERM_NONE && map_iter_next(&it, &k, &v)) {
            if (PUT_TICK(++n)) return TERM_NONE;
            if (hamt_get(p->vm, b, k) == TERM_NONE) b = hamt_put(p, b, k, v, false);
        }
        return b;
    }
    return trie_merge(p, a, b);
}
