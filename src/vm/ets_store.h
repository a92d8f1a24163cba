/* ets_store.h: what the files that keep a table's objects have in common: ets.c, ets_object.c,
 * ets_hash.c, ets_tree.c. Nobody else includes it; the table's lock is the caller's. */
#ifndef LING_VM_ETS_STORE_H
#define LING_VM_ETS_STORE_H
#include "vm/ets.h"

#define ETS_OBJ_WORDS (sizeof(ets_obj_t) / sizeof(term_t))

static inline bool ets_is_fixed(const ets_t *t) {
    return atomic_load_explicit(&t->fixed, memory_order_relaxed) != 0;
}
static inline void ets_count_in(ets_t *t, const ets_obj_t *o) {
    t->count++;
    t->words += ETS_OBJ_WORDS + ets_obj_room(o);
}
static inline void ets_count_out(ets_t *t, const ets_obj_t *o) {
    t->count--;
    t->words -= ETS_OBJ_WORDS + ets_obj_room(o);
}

/* Is o that object? 1, 0 or ETS_NO_MEMORY. */
int ets_obj_is(vm_t *vm, sched_t *s, ets_obj_t *o, term_t object);

/* The end of all fixation: dead objects go. */
void ets_hash_purge(vm_t *vm, ets_t *t);

#endif
