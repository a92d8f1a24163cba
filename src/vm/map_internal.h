/* map_internal.h: how maps are built, for the files of map.h: map.c says what the parts are. */
#ifndef LING_VM_MAP_INTERNAL_H
#define LING_VM_MAP_INTERNAL_H

#include "vm/map.h"
#include "vm/compare.h"
#include "vm/hash.h"

#define HASH_BITS  60 /* a place must be a small integer */
#define LEVEL      4
#define SLOTS      16
#define TOP_SHIFT  (HASH_BITS - LEVEL)
#define MAX_DEPTH  (HASH_BITS / LEVEL)
#define ROOT_WORDS 3

#ifndef MAP_TEST_HASH
#define MAP_TEST_HASH(h) (h)
#endif
static inline uint64_t key_hash(vm_t *vm, term_t key) {
    return MAP_TEST_HASH(term_hash(vm, key)) >> (64 - HASH_BITS);
}

/* ---- the parts of a trie ---- */

static inline term_t hamt_node(term_t map) { return boxed_ptr(map)[2]; }
static inline bool is_collision(const term_t *node) { return header_type(node[0]) == T_TUPLE; }
static inline uint64_t node_info(const term_t *node) { return (uint64_t)small_value(node[1]); }
static inline unsigned node_shift(const term_t *node) { return (unsigned)(node_info(node) >> 16); }
static inline size_t node_count(const term_t *node) { return header_size(node[0]) - 1; }
static inline unsigned slot_bit(uint64_t hash, unsigned shift) {
    return 1u << ((hash >> shift) & (SLOTS - 1));
}
static inline unsigned bits_below(uint64_t bitmap, unsigned bit) {
    return (unsigned)__builtin_popcountll(bitmap & (bit - 1));
}
/* The level at which two different hashes part. */
static inline unsigned parting_shift(uint64_t a, uint64_t b) {
    return (63 - (unsigned)__builtin_clzll(a ^ b)) / LEVEL * LEVEL;
}
static inline term_t node_write_head(term_t *node, uint64_t bitmap, unsigned shift,
                                     size_t children) {
    node[0] = make_header(T_HAMT_NODE, children + 1);
    node[1] = make_small((int64_t)(bitmap | (uint64_t)shift << 16));
    return make_boxed(node);
}
static inline term_t root_write(term_t **hp, size_t size, term_t node) {
    term_t *r = *hp;
    r[0] = make_header(T_HAMT, 2), r[1] = make_small((int64_t)size), r[2] = node;
    *hp = r + ROOT_WORDS;
    return make_boxed(r);
}
/* Some leaf below t: all of them agree in the bits above t's level. */
static inline term_t any_leaf(term_t t) {
    while (!is_cons(t)) {
        const term_t *n = boxed_ptr(t);
        t = is_collision(n) ? n[1] : n[2];
    }
    return t;
}

/* ---- key order ---- */

static inline int key_cmp(vm_t *vm, term_t a, term_t b) {
    if (are_small(a, b)) return (int64_t)a < (int64_t)b ? -1 : a != b;
    return a == b ? 0 : term_cmp_exact(vm, a, b);
}

/* ---- what the files share ---- */

/* tick: the process of a long BIF, which gives way meanwhile, or NULL. */
#define ENTRY_TICK(n) BIF_TICK_EVERY(tick, n, 4096, 128)
#define HASH_TICK(n)  BIF_TICK_EVERY(tick, n, 1024, 200)
#define PUT_TICK(n)   BIF_TICK_EVERY(tick, n, 64, 64)

/* A flat map of pairs that are sorted and different. */
term_t flat_from_sorted(proc_t *p, const term_t *kv, size_t n);
/* Copy of a flat map, keys shared; its values may be changed. NULL: no memory, raised. */
term_t *flat_copy(proc_t *p, term_t map);
/* From many pairs: there may be fewer different keys than a trie must have. */
term_t map_from_many(proc_t *p, proc_t *tick, const term_t *kv, size_t n);
/* Of large maps. hamt_get: the value or TERM_NONE. */
term_t hamt_get(vm_t *vm, term_t map, term_t key);
term_t hamt_put(proc_t *p, term_t map, term_t key, term_t value, bool exact);
/* Writes all pairs of map, returns behind them; NULL: stopped. */
term_t *pairs_write(proc_t *tick, term_t map, term_t *kv);

#endif
