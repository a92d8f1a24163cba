/* ets_store.h: what the files that keep tables have in common: ets.c, ets_owner.c, ets_object.c,
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

/* Bags compare objects when one is put in, which cannot fail: what is packed there is so small that
 * it can be unpacked on the stack. */
enum { ETS_BAG_PACKED = 512 };
/* A bag's object, at room where it is packed. */
term_t ets_obj_view(const ets_obj_t *o, term_t *room);

/* Is o that object? 1, 0 or ETS_NO_MEMORY. */
int ets_obj_is(vm_t *vm, sched_t *s, ets_obj_t *o, term_t object);

bool ets_shard_init(vm_t *vm, ets_shard_t *sh); /* false: no memory; to be freed all the same */
void ets_shard_free(vm_t *vm, ets_shard_t *sh); /* all but objects */

/* ---- registry ---- ets.c, ets_owner.c */
enum { ETS_REG_BUCKETS = 256 };

/* What a process has to do with tables. */
struct ets_owner {
    ets_owner_t *next;
    term_t pid;
    ets_t *tables;
    ets_fix_t *fixes;
    ets_t *corpses; /* what is left of tables that it deleted, seen by nobody else */
};

struct ets_tables {
    spin_t lock;
    size_t count;
    ets_t *all;
    ets_t *by_id[ETS_REG_BUCKETS];
    _Atomic(ets_t *) by_name[ETS_REG_BUCKETS];
    _Atomic(uint64_t) name_changes; /* odd while by_name is being changed */
    _Atomic(ets_owner_t *) owners[ETS_REG_BUCKETS];
};

static inline size_t ets_reg_slot(uint64_t w) {
    return (size_t)hash_mix(w) & (ETS_REG_BUCKETS - 1);
}
/* Registry locked, all of these. */
bool ets_own(vm_t *vm, term_t pid, ets_t *t); /* false: no memory */
void ets_disown(vm_t *vm, ets_t *t);
void ets_fix_free(vm_t *vm, ets_fix_t *f);
void ets_owners_free(vm_t *vm); /* the VM ends */

#endif
