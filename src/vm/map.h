/* map.h: maps: what instructions and other C code need. map.c (BIFs in bif_maps.c). */
#ifndef LING_VM_MAP_H
#define LING_VM_MAP_H
#include "vm/bif.h"
/* Value of key, or TERM_NONE. No allocation. */
term_t map_get(vm_t *vm, term_t map, term_t key);
/* map with n pairs (k,v,k,v ...) put in. exact: every key must exist, else TERM_NONE with
 * {badkey, K} raised; not exact: added. TERM_NONE also for no memory (raised). Later pairs win.
 * Result shares keys with map where the key set did not change. */
term_t map_update(proc_t *p, term_t map, const term_t *kv, size_t n, bool exact);
term_t map_put(proc_t *p, term_t map, term_t key, term_t value);
term_t map_remove(proc_t *p, term_t map, term_t key, term_t *value); /* map itself when missing */
/* From n pairs in any order; later ones win. */
term_t map_from_pairs(proc_t *p, const term_t *kv, size_t n);
/* The same for a long BIF, which gives way meanwhile: TERM_NONE also when it stopped. */
term_t map_from_pairs_long(proc_t *p, const term_t *kv, size_t n);
/* All pairs of both; those of b win. */
term_t map_merge(proc_t *p, term_t a, term_t b); /* only for a long BIF */
term_t map_empty(proc_t *p);
/* Iteration in unspecified but fixed order (flat: key order). Start with map_iter_init. The
 * iterator holds pointers into the map: no collection in between. */
typedef struct {
    term_t map;
    size_t index;
    int depth;
    struct {
        term_t node;
        uint32_t pos;
    } stack[16];
} map_iter_t;
void map_iter_init(map_iter_t *it, term_t map);
bool map_iter_next(map_iter_t *it, term_t *key, term_t *value);
/* The same from the last pair to the first. Do not mix with map_iter_next. */
void map_iter_init_back(map_iter_t *it, term_t map);
bool map_iter_prev(map_iter_t *it, term_t *key, term_t *value);
/* Large maps only: an iteration that goes on where one stopped. A place is a number below 2^60;
 * places grow in iteration order and keys whose hashes collide share one. seek goes on with the
 * first pair at that place or behind, seek_back (map_iter_prev) with the last one before it. Any
 * number is safe. */
uint64_t map_key_place(vm_t *vm, term_t key);
void map_iter_seek(map_iter_t *it, term_t map, uint64_t place);
void map_iter_seek_back(map_iter_t *it, term_t map, uint64_t place);
/* Term order and equality of two maps of the same size are compare.c's job with these iterators in
 * key order: writes the map's pairs sorted by term_cmp_exact into kv (2 * map_size terms). */
bool map_sorted_pairs(vm_t *vm, proc_t *tick, term_t map, term_t *kv);

/* ---- building inside given words: for decoders, which may have no process ---- */
#define FLAT_MAP_WORDS(n) (2 * (n) + 3)
/* Upper bound for a large map whose n pairs stand in n cons cells, cells included. */
#define HAMT_WORDS_MAX(n) (6 * (n) + 3)
/* Sorts the pairs of a flat map being built. false: a key is there twice. */
bool map_sort_flat(vm_t *vm, term_t *keys, term_t *values, size_t n);
/* Makes a large map (n > MAP_FLAT_MAX) of cells [Key|Value], n of them in a row, moving *hp by at
 * most HAMT_WORDS_MAX(n) - 2n. TERM_NONE: a key is there twice, or no memory (*no_memory). */
term_t hamt_from_cells(vm_t *vm, proc_t *tick, const term_t *cells, size_t n, term_t **hp,
                       bool *no_memory);
#endif
