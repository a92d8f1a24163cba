/* code_table.h: the tables behind code.h. Only code.c, purge.c and literal_arena.c look inside. */
#ifndef LING_VM_CODE_TABLE_H
#define LING_VM_CODE_TABLE_H

#include "vm/code.h"

/* An open-addressing table of pointers to things that never move or die while the VM lives. Grows
 * by being replaced, so readers need no lock. */
typedef struct {
    size_t bytes, mask, used;
    _Atomic(void *) slot[];
} ptr_table_t;

typedef struct {
    term_t name;
    _Atomic(module_t *) current, old, on_load;
} module_slot_t;

/* Code addresses in order, replaced as a whole. */
typedef struct {
    uintptr_t start, end;
    module_t *module;
} code_range_t;
typedef struct {
    size_t bytes, count;
    code_range_t range[];
} code_ranges_t;

/* Blocks that exports, funs and module slots are cut from. */
typedef struct slab {
    struct slab *next;
    size_t bytes, used;
    max_align_t data[];
} slab_t;

typedef struct free_literals { /* in the arena itself, by address */
    size_t words;
    struct free_literals *next;
} free_literals_t;

struct code_table {
    spin_t lock; /* writers of the tables, of ranges and of module slots */
    _Atomic(ptr_table_t *) exports, funs, modules;
    _Atomic(code_ranges_t *) ranges;
    slab_t *slabs;
    module_t *zombies; /* out of the tables, but code that may run: kept till the end */

    /* The version a purge is at work on, and its name. */
    _Atomic(module_t *) purging;
    bool purging_on_load;

    spin_t literal_lock;
    size_t literal_top;            /* words of the arena used so far */
    size_t literal_live;           /* words handed out now */
    free_literals_t *literal_free; /* in the order of addresses */
    free_literals_t *literal_at;   /* one of them, or NULL: where the next search begins */
};

/* literal_arena.c: reserves the arena's address range; false: the host has none. Gives it back. */
bool literal_arena_init(vm_t *vm);
void literal_arena_free(vm_t *vm);

module_slot_t *module_slot_find(vm_t *vm, term_t name);
/* Takes a version's address range out of the lookup table. false: no memory. */
bool code_ranges_remove(vm_t *vm, module_t *m);
/* Releases a version that is in no table any more and that may have run; keep: not its memory. */
void module_retire(vm_t *vm, module_t *m, bool keep);
/* Calls to funs of this version go to their stubs; restore: to its code again. */
void module_funs_detach(module_t *m);
void module_funs_attach(module_t *m);

#endif
