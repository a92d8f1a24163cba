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
/* Term order and equality of two maps of the same size are compare.c's job with these iterators in
 * key order: writes the map's pairs sorted by term_cmp_exact into kv (2 * map_size terms). */
void map_sorted_pairs(vm_t *vm, term_t map, term_t *kv);
#endif
