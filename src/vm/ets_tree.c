/* ets_tree.c: objects in an AVL tree: ordered sets (see ets.h). Where a walk needs the way back it
 * keeps a path, whose length is bounded by the tree's height. Relies on compare.h.
 */
#include "vm/ets_store.h"
#include "vm/code.h"
#include "vm/compare.h"

/* term_cmp, with a short way for what keys mostly are: small integers, and tuples that differ in
 * one or an atom. */
static inline int key_cmp(vm_t *vm, term_t a, term_t b) {
    if (LIKELY(are_small(a, b))) return (int64_t)a < (int64_t)b ? -1 : a != b;
    if (is_tuple(a) && is_boxed(b) && boxed_header(a) == boxed_header(b)) {
        const term_t *x = boxed_ptr(a), *y = boxed_ptr(b);
        size_t n = header_size(*x), i = 1;
        while (i <= n && x[i] == y[i]) i++;
        if (i > n) return 0;
        if (are_small(x[i], y[i])) return (int64_t)x[i] < (int64_t)y[i] ? -1 : 1;
        if (is_atom(x[i]) && is_atom(y[i])) return atom_compare(vm, x[i], y[i]);
    }
    return a == b ? 0 : term_cmp_slow(vm, a, b);
}

static inline int level_of(const ets_obj_t *n) { return n ? n->level : 0; }
static inline void level_set(ets_obj_t *n) {
    int a = level_of(n->left), b = level_of(n->right);
    n->level = (uint8_t)((a > b ? a : b) + 1);
}
static ets_obj_t *rotate_right(ets_obj_t *n) {
    ets_obj_t *l = n->left;
    n->left = l->right;
    l->right = n;
    level_set(n);
    level_set(l);
    return l;
}
static ets_obj_t *rotate_left(ets_obj_t *n) {
    ets_obj_t *r = n->right;
    n->right = r->left;
    r->left = n;
    level_set(n);
    level_set(r);
    return r;
}
static ets_obj_t *balance(ets_obj_t *n) {
    int a = level_of(n->left), b = level_of(n->right);
    if (a > b + 1) {
        if (level_of(n->left->left) < level_of(n->left->right)) n->left = rotate_left(n->left);
        return rotate_right(n);
    }
    if (b > a + 1) {
        if (level_of(n->right->right) < level_of(n->right->left)) n->right = rotate_right(n->right);
        return rotate_left(n);
    }
    level_set(n);
    return n;
}

typedef struct {
    ets_obj_t **link[96];
    int depth;
} links_t;

/* The link that holds key's node, or where it would be; the links above it in l. */
static ets_obj_t **tree_link(vm_t *vm, ets_t *t, term_t key, links_t *l) {
    ets_obj_t **link = &t->root;
    l->depth = 0;
    while (*link) {
        int c = key_cmp(vm, key, ets_obj_key(t, *link));
        if (c == 0) break;
        l->link[l->depth++] = link;
        link = c < 0 ? &(*link)->left : &(*link)->right;
    }
    return link;
}

static void rebalance(links_t *l) {
    while (l->depth-- > 0) {
        ets_obj_t **link = l->link[l->depth];
        uint8_t level = (*link)->level;
        ets_obj_t *n = balance(*link);
        *link = n;
        if (n->level == level) break;
    }
}

static void node_swap(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link, ets_obj_t *o) {
    ets_obj_t *old = *link;
    o->left = old->left;
    o->right = old->right;
    o->level = old->level;
    *link = o;
    ets_add(&t->one, 0, ets_obj_room(o) - ets_obj_room(old));
    ets_obj_free(vm, s, old);
}

void ets_tree_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    links_t l;
    ets_obj_t **link = tree_link(vm, t, ets_obj_key(t, o), &l);
    if (*link) {
        node_swap(vm, s, t, link, o);
        return;
    }
    o->left = o->right = NULL;
    o->level = 1;
    *link = o;
    ets_count_in(&t->one, o);
    rebalance(&l);
}

static void tree_remove(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link, links_t *l) {
    ets_obj_t *o = *link;
    ets_count_out(&t->one, o);
    if (!o->left || !o->right) {
        *link = o->left ? o->left : o->right;
    } else {
        /* The next greater one takes its place. */
        int at = l->depth;
        l->link[l->depth++] = link;
        ets_obj_t **down = &o->right;
        while ((*down)->left) {
            l->link[l->depth++] = down;
            down = &(*down)->left;
        }
        ets_obj_t *n = *down;
        *down = n->right;
        n->left = o->left;
        n->right = o->right;
        n->level = o->level;
        *link = n;
        if (l->depth > at + 1) l->link[at + 1] = &n->right;
    }
    rebalance(l);
    ets_obj_free(vm, s, o);
}

void ets_tree_seek(vm_t *vm, const ets_t *t, ets_walk_t *w, term_t key, bool equal, bool back) {
    int found = 0;
    ets_obj_t *n = t->root;
    w->depth = 0;
    while (n) {
        int c = key == TERM_NONE ? (back ? 1 : -1) : key_cmp(vm, key, ets_obj_key(t, n));
        w->path[w->depth++] = n;
        if (c == 0 && equal) return;
        if (back ? c > 0 : c < 0) {
            found = w->depth;
            n = back ? n->right : n->left;
        } else {
            n = back ? n->left : n->right;
        }
    }
    w->depth = found;
}

void ets_tree_step(ets_walk_t *w, bool back) {
    ets_obj_t *n = w->path[w->depth - 1], *down = back ? n->left : n->right;
    if (down) {
        for (; down; down = back ? down->right : down->left) w->path[w->depth++] = down;
        return;
    }
    for (w->depth--; w->depth > 0; w->depth--) {
        ets_obj_t *up = w->path[w->depth - 1];
        if ((back ? up->right : up->left) == n) return;
        n = up;
    }
}
ets_obj_t *ets_tree_find(vm_t *vm, const ets_t *t, term_t key) {
    ets_obj_t *n = t->root;
    while (n) {
        int c = key_cmp(vm, key, ets_obj_key(t, n));
        if (c == 0) break;
        n = c < 0 ? n->left : n->right;
    }
    return n;
}

void ets_tree_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o) {
    links_t l;
    node_swap(vm, s, t, tree_link(vm, t, ets_obj_key(t, old), &l), o);
}

size_t ets_tree_erase(vm_t *vm, sched_t *s, ets_t *t, term_t key) {
    links_t l;
    ets_obj_t **link = tree_link(vm, t, key, &l);
    if (!*link) return 0;
    tree_remove(vm, s, t, link, &l);
    return 1;
}

int64_t ets_tree_erase_object(vm_t *vm, sched_t *s, ets_t *t, term_t object) {
    links_t l;
    ets_obj_t **link = tree_link(vm, t, tuple_elem(object, t->keypos), &l);
    int same = *link ? ets_obj_is(vm, s, *link, object) : 0;
    if (same > 0) tree_remove(vm, s, t, link, &l);
    return same;
}

bool ets_tree_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    /* A left child is turned up until there is none: no stack is needed. */
    ets_obj_t *o = t->root;
    while (o && n > 0) {
        ets_obj_t *l = o->left;
        if (l) {
            o->left = l->right;
            l->right = o;
            o = l;
            continue;
        }
        l = o->right;
        ets_obj_free(vm, s, o);
        o = l;
        n--;
    }
    t->root = o;
    return o == NULL;
}
