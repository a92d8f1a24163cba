/* ets_store.h: what the files that keep a table's objects have in common: ets.c, ets_object.c,
 * ets_hash.c, ets_tree.c. Nobody else includes it; the table's lock is the caller's. */
#ifndef LING_VM_ETS_STORE_H
#define LING_VM_ETS_STORE_H
#include "vm/ets.h"

#define ETS_OBJ_WORDS (sizeof(ets_obj_t) / sizeof(term_t))

static inline bool ets_is_fixed(const ets_t *t) {
    return atomic_load_explicit(&t->fixed, memory_order_relaxed) != 0;
}
/* The counts have one writer at a time: no locked instruction is needed. */
static inline void ets_add(ets_shard_t *sh, size_t objects, size_t words) {
    size_t n = atomic_load_explicit(&sh->count, memory_order_relaxed),
           w = atomic_load_explicit(&sh->words, memory_order_relaxed);
    atomic_store_explicit(&sh->count, n + objects, memory_order_relaxed);
    atomic_store_explicit(&sh->words, w + words, memory_order_relaxed);
}
static inline void ets_count_in(ets_shard_t *sh, const ets_obj_t *o) {
    ets_add(sh, 1, ETS_OBJ_WORDS + ets_obj_room(o));
}
static inline void ets_count_out(ets_shard_t *sh, const ets_obj_t *o) {
    ets_add(sh, (size_t)-1, (size_t)0 - ETS_OBJ_WORDS - ets_obj_room(o));
}

/* Is o that object? 1, 0 or ETS_NO_MEMORY. */
int ets_obj_is(vm_t *vm, sched_t *s, ets_obj_t *o, term_t object);

bool ets_shard_init(vm_t *vm, ets_shard_t *sh); /* false: no memory; to be freed all the same */
void ets_shard_free(vm_t *vm, ets_shard_t *sh); /* all but objects */

#endif
