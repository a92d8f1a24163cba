/* bif_lists.c: BIFs on lists: reverse, member, key search, ++ and --.
 *
 * Relies on compare.h and, for long subtractions, hash.h. All work in one pass over the list and
 * count a reduction for some ten elements, as OTP does.
 */
#include "vm/bif.h"
#include "vm/compare.h"
#include "vm/hash.h"

static void bump_elements(proc_t *p, size_t n) { bif_bump(p, n / 16); }

static term_t *cells_alloc(proc_t *p, size_t n) {
    return n <= SIZE_MAX / 64 ? heap_alloc(p, 2 * n) : NULL;
}

static BIF(lists_reverse) {
    term_t tail = a[1];
    int64_t n = list_length(a[0]);
    if (n <= 0) return n < 0 ? bif_badarg(p) : tail;
    term_t *hp = cells_alloc(p, (size_t)n);
    if (!hp) return bif_oom(p);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) tail = cons(&hp, cons_head(l), tail);
    bump_elements(p, (size_t)n);
    return tail;
}

static BIF(lists_member) {
    term_t x = a[0], l = a[1];
    size_t n = 0;
    bool found = false;
    if (is_immed(x)) {
        for (; is_cons(l) && !found; l = cons_tail(l), n++) found = cons_head(l) == x;
    } else {
        for (; is_cons(l) && !found; l = cons_tail(l), n++) found = term_eq(p->vm, cons_head(l), x);
    }
    bump_elements(p, n);
    if (found) return A_true;
    return is_nil(l) ? A_false : bif_badarg(p);
}

/* ---- key search ---- the first tuple whose element at the position == the key */

/* The tuple; NIL: none; TERM_NONE: raised. */
static term_t key_search(proc_t *p, term_t key, term_t pos, term_t l) {
    vm_t *vm = p->vm;
    size_t n = 0;
    /* A position of 60 bits or more is a bignum to OTP, and no position. */
    if (!is_small(pos) || small_value(pos) < 1 || small_value(pos) >= 1LL << 59)
        return bif_badarg(p);
    size_t at = (size_t)small_value(pos);
    /* Such a key is == to nothing but itself. */
    bool by_word = is_immed(key) && !is_small(key);
    for (; is_cons(l); l = cons_tail(l), n++) {
        term_t t = cons_head(l);
        if (!is_tuple(t) || tuple_arity(t) < at) continue;
        term_t x = tuple_elem(t, at);
        if (x != key) {
            if (by_word || is_atom(x) || are_small(x, key)) continue;
            if (term_cmp(vm, x, key) != 0) continue;
        }
        bump_elements(p, n);
        return t;
    }
    bump_elements(p, n);
    return is_nil(l) ? TERM_NIL : bif_badarg(p);
}

static BIF(lists_keyfind) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    return is_nil(t) ? A_false : t;
}
static BIF(lists_keymember) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    return t == TERM_NONE ? t : make_bool(!is_nil(t));
}
static BIF(lists_keysearch) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    if (t == TERM_NONE || is_nil(t)) return is_nil(t) ? A_false : t;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, A_value, t) : bif_oom(p);
}

/* ---- ++ ---- */

static BIF(list_append) {
    int64_t n = list_length(a[0]);
    if (n <= 0) return n < 0 ? bif_badarg(p) : a[1];
    term_t *hp = cells_alloc(p, (size_t)n);
    if (!hp) return bif_oom(p);
    term_t list = make_cons(hp);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l), hp += 2) {
        hp[0] = cons_head(l);
        hp[1] = make_cons(hp + 2);
    }
    hp[-1] = a[1];
    bump_elements(p, (size_t)n);
    return list;
}

/* ---- -- ---- each element on the right takes the first equal one away on the left */

/* What is still to be taken away: few elements in an array, many in a hash table. */
typedef struct {
    term_t term;
    uint32_t hash;
    uint32_t count; /* equal ones; 0: free */
} slot_t;

enum { FEW = 16 };

typedef struct {
    vm_t *vm;
    size_t left; /* elements in all */
    size_t n;    /* few: those in use */
    term_t few[FEW];
    slot_t *slot;
    size_t mask;
} bag_t;

static slot_t *bag_slot(bag_t *b, term_t x) {
    uint32_t h = (uint32_t)(term_hash(b->vm, x) >> 16);
    size_t i = h & b->mask;
    /* Slots whose count came down to 0 again keep their term: only never used ones end a chain. */
    for (;; i = (i + 1) & b->mask) {
        slot_t *s = &b->slot[i];
        if (s->term == TERM_NONE) {
            s->hash = h;
            return s;
        }
        if (s->hash == h && term_eq(b->vm, s->term, x)) return s;
    }
}

static bool bag_init(bag_t *b, vm_t *vm, term_t l, size_t n) {
    b->vm = vm;
    b->left = n;
    b->n = 0;
    b->slot = NULL;
    if (n <= FEW) {
        for (; is_cons(l); l = cons_tail(l)) b->few[b->n++] = cons_head(l);
        return true;
    }
    size_t cap = 64;
    if (n > UINT32_MAX / 2) return false;
    while (cap < 2 * n) cap *= 2;
    b->slot = mem_alloc(vm, cap * sizeof(slot_t));
    if (!b->slot) return false;
    b->mask = cap - 1;
    for (size_t i = 0; i < cap; i++) b->slot[i] = (slot_t){TERM_NONE, 0, 0};
    for (; is_cons(l); l = cons_tail(l)) {
        slot_t *s = bag_slot(b, cons_head(l));
        s->term = cons_head(l);
        s->count++;
    }
    return true;
}

static void bag_free(bag_t *b) {
    if (b->slot) mem_free(b->vm, b->slot, (b->mask + 1) * sizeof(slot_t));
}

/* Takes an element equal to x out; false: there is none. */
static bool bag_take(bag_t *b, term_t x) {
    if (!b->slot) {
        for (size_t i = 0; i < b->n; i++) {
            if (!term_eq(b->vm, b->few[i], x)) continue;
            b->few[i] = b->few[--b->n];
            b->left--;
            return true;
        }
        return false;
    }
    slot_t *s = bag_slot(b, x);
    if (s->count == 0) return false;
    s->count--;
    b->left--;
    return true;
}

static BIF(list_subtract) {
    int64_t n = list_length(a[0]), m = list_length(a[1]);
    if (n < 0 || m < 0) return bif_badarg(p);
    if (n == 0 || m == 0) return a[0];
    bag_t bag;
    term_t *hp = cells_alloc(p, (size_t)n);
    if (!hp) return bif_oom(p);
    if (!bag_init(&bag, p->vm, a[1], (size_t)m)) {
        heap_release(p, hp, hp + 2 * n);
        return bif_oom(p);
    }
    term_t *end = hp + 2 * n, result = TERM_NIL, *last = &result, l = a[0];
    for (; is_cons(l) && bag.left > 0; l = cons_tail(l)) {
        term_t x = cons_head(l);
        if (bag_take(&bag, x)) continue;
        *last = make_cons(hp);
        hp[0] = x;
        last = hp + 1;
        hp += 2;
    }
    *last = l; /* the rest stays as it is */
    bag_free(&bag);
    heap_release(p, hp, end);
    bump_elements(p, (size_t)n + (size_t)m);
    return result;
}

const bif_def_t bifs_lists[] = {
    {"lists", "reverse", 2, lists_reverse, 0},     {"lists", "member", 2, lists_member, 0},
    {"lists", "keyfind", 3, lists_keyfind, 0},     {"lists", "keymember", 3, lists_keymember, 0},
    {"lists", "keysearch", 3, lists_keysearch, 0}, {"erlang", "++", 2, list_append, 0},
    {"erlang", "append", 2, list_append, 0},       {"erlang", "--", 2, list_subtract, 0},
    {"erlang", "subtract", 2, list_subtract, 0},   {0},
};
