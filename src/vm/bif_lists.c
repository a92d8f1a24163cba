/* bif_lists.c: BIFs on lists: reverse, member, key search, ++ and --.
 *
 * Relies on compare.h and, for long subtractions, hash.h. All work in one pass over the list and
 * count a reduction for some ten elements, as OTP does.
 */
#include "vm/bif.h"
#include "vm/compare.h"
#include "vm/hash.h"

/* Elements handled per reduction, and between ticks. */
#define PER_RED  16
#define PER_TICK 4096
#define TICK(n)  BIF_TICK_EVERY(p, n, PER_TICK, PER_TICK / PER_RED)
/* What the ticks have not charged. */
static void bump_rest(proc_t *p, size_t n) { bif_bump(p, n % PER_TICK / PER_RED); }

/* Length of a list, n; false: raised or stopped. Cells for a copy are still to be allocated. */
static bool list_measure(proc_t *p, term_t l, size_t *n) {
    int64_t len = list_length_long(p, l);
    if (len < 0) {
        if (len != LIST_STOPPED) bif_badarg(p);
        return false;
    }
    *n = (size_t)len;
    return !bif_begin(p, *n / PER_RED);
}

static term_t *cells_alloc(proc_t *p, size_t n) {
    return n <= SIZE_MAX / 64 ? heap_alloc(p, 2 * n) : NULL;
}

LONG_BIF(lists_reverse) {
    term_t tail = a[1];
    size_t n, i = 0;
    if (!list_measure(p, a[0], &n)) return TERM_NONE;
    if (n == 0) return tail;
    term_t *hp = cells_alloc(p, n);
    if (!hp) return bif_oom(p);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        tail = cons(&hp, cons_head(l), tail);
        if (TICK(++i)) return TERM_NONE;
    }
    bump_rest(p, n);
    return tail;
}

LONG_BIF(lists_member) {
    term_t x = a[0], l = a[1];
    size_t n = 0;
    bool found = false, by_word = is_immed(x);
    for (; is_cons(l); l = cons_tail(l)) {
        found = by_word ? cons_head(l) == x : term_eq(p->vm, cons_head(l), x);
        if (found) break;
        if (TICK(++n)) return TERM_NONE;
    }
    bump_rest(p, n);
    if (found) return A_true;
    return is_nil(l) ? A_false : bif_badarg(p);
}

/* ---- key search ---- the first tuple whose element at the position == the key */

/* The tuple; NIL: none; TERM_NONE: raised or stopped. */
static term_t key_search(proc_t *p, term_t key, term_t pos, term_t l) {
    vm_t *vm = p->vm;
    size_t n = 0;
    /* A position of 60 bits or more is a bignum to OTP, and no position. */
    if (!is_small(pos) || small_value(pos) < 1 || small_value(pos) >= 1LL << 59)
        return bif_badarg(p);
    size_t at = (size_t)small_value(pos);
    /* Such a key is == to nothing but itself. */
    bool by_word = is_immed(key) && !is_small(key);
    for (; is_cons(l); l = cons_tail(l)) {
        if (TICK(++n)) return TERM_NONE;
        term_t t = cons_head(l);
        if (!is_tuple(t) || tuple_arity(t) < at) continue;
        term_t x = tuple_elem(t, at);
        if (x != key) {
            if (by_word || is_atom(x) || are_small(x, key)) continue;
            if (term_cmp(vm, x, key) != 0) continue;
        }
        bump_rest(p, n);
        return t;
    }
    bump_rest(p, n);
    return is_nil(l) ? TERM_NIL : bif_badarg(p);
}

LONG_BIF(lists_keyfind) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    return is_nil(t) ? A_false : t;
}
LONG_BIF(lists_keymember) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    return t == TERM_NONE ? t : make_bool(!is_nil(t));
}
LONG_BIF(lists_keysearch) {
    term_t t = key_search(p, a[0], a[1], a[2]);
    if (t == TERM_NONE || is_nil(t)) return is_nil(t) ? A_false : t;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, A_value, t) : bif_oom(p);
}

/* ---- ++ ---- */

LONG_BIF(list_append) {
    size_t n, i = 0;
    if (!list_measure(p, a[0], &n)) return TERM_NONE;
    if (n == 0) return a[1];
    term_t *hp = cells_alloc(p, n);
    if (!hp) return bif_oom(p);
    term_t list = make_cons(hp);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l), hp += 2) {
        hp[0] = cons_head(l);
        hp[1] = make_cons(hp + 2);
        if (TICK(++i)) return TERM_NONE;
    }
    hp[-1] = a[1];
    bump_rest(p, n);
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

/* An element looked up in a large table is likely not to be in any cache. */
#define HASH_TICK(n) BIF_TICK_EVERY(p, n, 1024, 1024 / 4)

typedef struct {
    proc_t *p;
    size_t left; /* elements in all */
    size_t n;    /* few: those in use */
    term_t few[FEW];
    slot_t *slot;
    size_t mask;
} bag_t;

static slot_t *bag_slot(bag_t *b, term_t x) {
    uint32_t h = (uint32_t)(term_hash(b->p->vm, x) >> 16);
    size_t i = h & b->mask;
    /* Slots whose count came down to 0 again keep their term: only never used ones end a chain. */
    for (;; i = (i + 1) & b->mask) {
        slot_t *s = &b->slot[i];
        if (s->term == TERM_NONE) {
            s->hash = h;
            return s;
        }
        if (s->hash == h && term_eq(b->p->vm, s->term, x)) return s;
    }
}

static void bag_free(bag_t *b) {
    if (b->slot) mem_free(b->p->vm, b->slot, (b->mask + 1) * sizeof(slot_t));
}

enum { BAG_OK, BAG_NO_MEMORY, BAG_STOPPED };
static int bag_init(bag_t *b, proc_t *p, term_t l, size_t n) {
    b->p = p;
    b->left = n;
    b->n = 0;
    b->slot = NULL;
    if (n <= FEW) {
        for (; is_cons(l); l = cons_tail(l)) b->few[b->n++] = cons_head(l);
        return BAG_OK;
    }
    size_t cap = 64;
    if (n > UINT32_MAX / 2) return BAG_NO_MEMORY;
    while (cap < 2 * n) cap *= 2;
    b->slot = mem_alloc(p->vm, cap * sizeof(slot_t));
    if (!b->slot) return BAG_NO_MEMORY;
    b->mask = cap - 1;
    for (size_t i = 0; i < cap;) {
        b->slot[i] = (slot_t){TERM_NONE, 0, 0};
        if (TICK(++i)) goto stop;
    }
    for (size_t i = 0; is_cons(l); l = cons_tail(l)) {
        slot_t *s = bag_slot(b, cons_head(l));
        s->term = cons_head(l);
        s->count++;
        if (HASH_TICK(++i)) goto stop;
    }
    return BAG_OK;
stop:
    bag_free(b);
    return BAG_STOPPED;
}

/* Takes an element equal to x out; false: there is none. */
static bool bag_take(bag_t *b, term_t x) {
    if (!b->slot) {
        for (size_t i = 0; i < b->n; i++) {
            if (!term_eq(b->p->vm, b->few[i], x)) continue;
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

LONG_BIF(list_subtract) {
    size_t n, m, i = 0;
    if (!list_measure(p, a[0], &n) || !list_measure(p, a[1], &m)) return TERM_NONE;
    if (n == 0 || m == 0) return a[0];
    bag_t bag;
    term_t *hp = cells_alloc(p, n);
    if (!hp) return bif_oom(p);
    int r = bag_init(&bag, p, a[1], m);
    if (r != BAG_OK) {
        heap_release(p, hp, hp + 2 * n);
        return r == BAG_STOPPED ? TERM_NONE : bif_oom(p);
    }
    term_t *end = hp + 2 * n, result = TERM_NIL, *last = &result, l = a[0];
    bool stopped = false;
    for (; is_cons(l) && bag.left > 0; l = cons_tail(l)) {
        term_t x = cons_head(l);
        if ((stopped = HASH_TICK(++i))) break;
        if (bag_take(&bag, x)) continue;
        *last = make_cons(hp);
        hp[0] = x;
        last = hp + 1;
        hp += 2;
    }
    *last = l; /* the rest stays as it is */
    bag_free(&bag);
    heap_release(p, hp, end);
    bump_rest(p, n + m);
    return stopped ? TERM_NONE : result;
}

const bif_def_t bifs_lists[] = {
    {"lists", "reverse", 2, lists_reverse, BIF_LONG},
    {"lists", "member", 2, lists_member, BIF_LONG},
    {"lists", "keyfind", 3, lists_keyfind, BIF_LONG},
    {"lists", "keymember", 3, lists_keymember, BIF_LONG},
    {"lists", "keysearch", 3, lists_keysearch, BIF_LONG},
    {"erlang", "++", 2, list_append, BIF_LONG},
    {"erlang", "append", 2, list_append, BIF_LONG},
    {"erlang", "--", 2, list_subtract, BIF_LONG},
    {"erlang", "subtract", 2, list_subtract, BIF_LONG},
    {0},
};
