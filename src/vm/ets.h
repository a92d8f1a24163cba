/* ets.h: tables shared between processes: their life, their objects, and how objects are found.
 * ets.c, ets_lock.c, ets_owner.c, ets_object.c, ets_hash.c, ets_tree.c; the functions programs call
 * are in bif_ets*.c and ets_rest.c, patterns in match_spec.c.
 *
 * A table is a magic object: its reference leads straight to it, and it lives as long as anybody
 * holds one. A table that has been deleted has no objects and answers as if it were not there.
 *
 * An object is one block: the tuple and all it refers to (but literals). So a lookup is one copy
 * of words, with the pointers into the block moved.
 *
 * With scheduler threads each table has a lock for readers or one writer. Tables of buckets with
 * write_concurrency are divided into shards by the hash of the key, each with a lock, buckets and
 * counts of its own: who wants one key takes one (ets_enter_key), who wants the whole table takes
 * all of them in order (ets_enter). Whatever belongs to the whole table (owner, protection, rest,
 * end) is changed with all shards locked and so may be read with any of them. With read_concurrency
 * readers put the number of the lock into a word of their scheduler, where writers look for it.
 *
 * What belongs to several tables (names, who owns and fixes what) is under the registry's lock,
 * which may be taken inside a table's lock but never around it. A table found in the registry stays
 * allocated until the BIF ends: the registry lets go of it by sched_defer_free.
 */
#ifndef LING_VM_ETS_H
#define LING_VM_ETS_H
#include "vm/bif.h"
#include "vm/copy.h"
#include "vm/hash.h"

typedef struct ets_obj {
    struct ets_obj *left; /* hash tables: next in the bucket */
    union {
        struct ets_obj *right;
        uint64_t hash;
    };
    off_heap_t *off;
    uint32_t words;
    uint8_t level;   /* of a tree's node */
    bool dead;       /* deleted while the table was fixed: only keeps its place */
    uint16_t packed; /* not 0: words of data in front of the bytes the tuple is packed in */
    term_t data[];   /* the tuple, then what it refers to; packed: ets_pack.c */
} ets_obj_t;

enum { ETS_SET, ETS_ORDERED_SET, ETS_BAG, ETS_DUPLICATE_BAG };
enum { ETS_PUBLIC, ETS_PROTECTED, ETS_PRIVATE };

#define ETS_SEGMENTS   36
#define ETS_FIRST_LOG  4 /* buckets of the first segment, as a power of two */
#define ETS_SHARDS_MAX 64

enum { ETS_DELETED = 1, ETS_REST = 2 };

typedef struct ets_fix ets_fix_t;
typedef struct ets_rest ets_rest_t;
typedef struct ets_owner ets_owner_t;

/* All of a table of buckets, or the part of it whose keys have certain hashes. A tree has one, too,
 * for its lock and counts. Under the lock, but for the counts, which anybody may read.
 *
 * Linear hashing: the number of buckets follows the number of objects one by one. Segment 0
 * has the first buckets, each later one as many as all before it. */
typedef struct ets_shard {
    _Atomic(uint32_t) rw;         /* 1: a writer has it or waits; else 2 for each reader */
    uint32_t number;              /* 1.. */
    _Atomic(size_t) count, words; /* objects that are not dead; words of objects and buckets */
    size_t nbuckets, base;        /* base <= nbuckets < 2 * base, a power of two */
    size_t *dead_buckets;         /* where dead objects wait for the end of fixation */
    size_t ndead, dead_room;
    bool dead_lost; /* the list above is not complete */
    ets_obj_t **seg[ETS_SEGMENTS];
    uint64_t space[3]; /* whole cache lines */
} ets_shard_t;

/* Where a scheduler says which lock of a table it has for reading: the shard's number or 0. */
typedef struct {
    _Atomic(uint32_t) number;
    uint32_t space[15];
} ets_reader_t;

typedef struct ets_table {
    magic_t magic;
    uint8_t odd; /* ETS_DELETED, ETS_REST: not to be used as it is */
    bool named;
    bool compressed, read_concurrency, decentralized_counters;
    uint8_t type, protection;
    uint32_t keypos;
    uint32_t nshards; /* a power of two */
    term_t write_concurrency;
    _Atomic(term_t) name;
    _Atomic(term_t) owner;
    term_t heir;             /* pid, or A_none */
    signal_t *gift;          /* heir data: its term */
    _Atomic(uint64_t) fixed; /* how many want the buckets to stay as they are */
    ets_fix_t *fixes;        /* by process; registry's lock */
    uint64_t fix_mono_ns;
    int64_t fix_wall_us;

    ets_rest_t *rest; /* of an operation on many objects, or NULL */

    ets_obj_t *root;       /* ordered_set */
    ets_obj_t *junk;       /* of a deleted one: objects that were never in it, linked by left */
    ets_shard_t *shards;   /* nshards of them: &one, or in a block of their own */
    ets_reader_t *readers; /* read_concurrency: one for each scheduler; NULL: none */
    ets_shard_t one;

    /* Registry. */
    struct ets_table *id_next, *prev, *next, *owned_next, **owned_prev;
    _Atomic(struct ets_table *) name_next;
} ets_t;

static inline bool ets_is_tree(const ets_t *t) { return t->type == ETS_ORDERED_SET; }
static inline bool ets_is_bag(const ets_t *t) { return t->type >= ETS_BAG; }

static inline ets_shard_t *ets_shard(const ets_t *t, uint64_t hash) {
    if (LIKELY(t->nshards == 1)) return (ets_shard_t *)&t->one;
    return &t->shards[(hash ^ hash >> 48) & (t->nshards - 1)];
}
/* Of all shards; exact with the whole table locked. */
static inline size_t ets_size(const ets_t *t) {
    size_t n = 0;
    for (uint32_t i = 0; i < t->nshards; i++)
        n += atomic_load_explicit(&t->shards[i].count, memory_order_relaxed);
    return n;
}
size_t ets_words(const ets_t *t);
size_t ets_nbuckets(const ets_t *t); /* table locked */

bool ets_init(vm_t *vm);
void ets_free(vm_t *vm);
/* A process ends: its tables go to heirs or away. false: a part of it; to be called again. */
bool ets_owner_exit(proc_t *p);
size_t ets_count(vm_t *vm);
/* Calls fn for each table until it returns false. For a VM that is not running. */
void ets_each(vm_t *vm, bool (*fn)(void *user, ets_t *t), void *user);
size_t ets_memory(vm_t *vm); /* bytes */

/* ---- getting at a table ---- */
enum { ETS_NEED_NONE, ETS_NEED_READ, ETS_NEED_WRITE };
/* The table, all of it locked (exclusive: for a writer), or NULL with badarg and its cause raised.
 */
ets_t *ets_enter(proc_t *p, term_t id, int need, bool exclusive);
/* The same without raising: NULL where there is none; *cause A_type or A_id, or TERM_NONE: the BIF
 * is called again, return TERM_NONE. */
ets_t *ets_enter_quiet(proc_t *p, term_t id, bool exclusive, term_t *cause);
static inline void ets_leave(vm_t *vm, ets_t *t, bool exclusive);
/* Only the shard of a key; *hash is the key's as the functions on objects want it. */
ets_t *ets_enter_key(proc_t *p, term_t id, int need, bool exclusive, term_t key, uint64_t *hash);
/* The same in two steps: the table, not locked, whose type and keypos one may read (NULL: raised),
 * then some of its shards. false: raised; not locked. */
ets_t *ets_resolve(proc_t *p, term_t id);
bool ets_enter_some(proc_t *p, ets_t *t, term_t id, int need, uint64_t shards, bool exclusive);
static inline void ets_leave_key(vm_t *vm, ets_t *t, uint64_t hash, bool exclusive);
/* A table that was found by id was renamed before it was locked; none is while part of it is
 * locked. */
static inline bool ets_has_left_name(const ets_t *t, term_t id) {
    return is_atom(id) && atomic_load_explicit(&t->name, memory_order_relaxed) != id;
}
/* The table, not locked, after the checks of ets_enter (peek: of ets_enter_quiet). It stays
 * allocated until the process is put aside or gives way. */
ets_t *ets_enter_open(proc_t *p, term_t id, int need);
ets_t *ets_peek(proc_t *p, term_t id, term_t *cause);

/* Locking a table one has found before: all of it, the shards in a set, or one shard. */
void ets_lock_slow(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive);
void ets_unlock_slow(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive);
#define ETS_ALL (~UINT64_C(0))
static inline void ets_lock_some(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive) {
    if (UNLIKELY(vm->threaded)) ets_lock_slow(vm, t, shards, exclusive);
}
static inline void ets_unlock_some(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive) {
    if (UNLIKELY(vm->threaded)) ets_unlock_slow(vm, t, shards, exclusive);
}
static inline uint64_t ets_shard_set(const ets_t *t, uint64_t hash) {
    return UINT64_C(1) << (ets_shard(t, hash)->number - 1);
}
static inline void ets_lock(vm_t *vm, ets_t *t, bool exclusive) {
    ets_lock_some(vm, t, ETS_ALL, exclusive);
}
static inline void ets_unlock(vm_t *vm, ets_t *t, bool exclusive) {
    ets_unlock_some(vm, t, ETS_ALL, exclusive);
}
static inline void ets_leave(vm_t *vm, ets_t *t, bool exclusive) { ets_unlock(vm, t, exclusive); }
static inline void ets_leave_key(vm_t *vm, ets_t *t, uint64_t hash, bool exclusive) {
    if (UNLIKELY(vm->threaded)) ets_unlock_slow(vm, t, ets_shard_set(t, hash), exclusive);
}
void ets_keep(ets_t *t);    /* one more count */
void ets_release(ets_t *t); /* drops a count */

/* The reference of a table, on p's heap. TERM_NONE: no memory. */
term_t ets_ref(proc_t *p, ets_t *t);
term_t ets_id(proc_t *p, ets_t *t); /* name of a named table, else the reference */

/* ---- life ---- */
typedef struct {
    term_t name;
    bool named, compressed, read_concurrency;
    term_t decentralized_counters; /* true, false or TERM_NONE: as the type and the rest say */
    uint8_t type, protection;
    uint32_t keypos;
    term_t write_concurrency, heir, heir_data;
} ets_options_t;
/* A new table owned by p, its id on p's heap. TERM_NONE: raised. */
term_t ets_create(proc_t *p, const ets_options_t *o);
/* Takes a table (locked exclusively, which ends here) out of the registry and marks it deleted. Its
 * objects are in the result, a table nobody else knows; NULL: they are freed already. */
ets_t *ets_kill(vm_t *vm, ets_t *t);
/* All objects of a table (locked exclusively) as a table nobody else knows. NULL: no memory. */
ets_t *ets_steal(vm_t *vm, ets_t *t);
/* Such a table, with nothing in it. */
ets_t *ets_corpse(vm_t *vm, uint8_t type, uint32_t nshards);
/* Such a table is p's to free, p's end included, and its count is taken over (false: no memory);
 * there is nothing left of it. ets_owner.c */
bool ets_corpse_keep(proc_t *p, ets_t *corpse);
void ets_corpse_done(proc_t *p, ets_t *corpse);
/* Frees objects linked by left at p's end: it has been killed. */
void ets_objects_leave(proc_t *p, ets_obj_t *list);
void ets_objects_free(vm_t *vm, sched_t *s, ets_obj_t *list); /* at once */
/* The table behind such a table's reference; NULL: it is none. */
ets_t *ets_gone(term_t ref);
/* Frees what such a table holds (NULL: nothing) in portions; what the BIF returns then. bif_ets.c
 */
term_t ets_drain_start(proc_t *p, ets_t *gone, term_t result);
/* Frees about n objects of a table nobody else uses any more; true: none are left. */
bool ets_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n);
/* Table locked exclusively. false: name taken. */
bool ets_rename(vm_t *vm, ets_t *t, term_t name);
/* To process `to` (locked exclusively). false: it does not live. Sends no message. */
bool ets_set_owner(vm_t *vm, ets_t *t, term_t to);
bool ets_send_transfer(proc_t *from, vm_t *vm, ets_t *t, term_t to, term_t from_pid, term_t gift);
bool ets_set_heir(vm_t *vm, ets_t *t, term_t heir, term_t data); /* false: no memory */
/* p fixes the table (locked exclusively), false: no memory; or takes one fixation back, false: as
 * ets_unhold. */
bool ets_fix(proc_t *p, ets_t *t, bool on);
/* Fixation that no process is named for: while a traversal waits. Taken with the shard that is
 * being looked at locked (any way), given back with the table locked exclusively. */
void ets_hold(ets_t *t);
/* false: dead objects are left: for ets_purge_start, or whoever writes next. */
bool ets_unhold(vm_t *vm, ets_t *t);
/* Takes dead objects out of n buckets of a table (locked exclusively); false: there are more. */
bool ets_purge(vm_t *vm, sched_t *s, ets_t *t, size_t n);
/* Goes on with that in portions; what the BIF returns then. bif_ets.c */
term_t ets_purge_start(proc_t *p, ets_t *t, term_t result);
struct ets_fix {
    ets_t *table;
    term_t pid;
    uint64_t count;
    ets_fix_t *next;                     /* of the table */
    ets_fix_t *owner_next, **owner_prev; /* of the process */
};
void ets_registry_lock(vm_t *vm);
void ets_registry_unlock(vm_t *vm);
/* Tables of the VM, in a list on p's heap. TERM_NONE: no memory. */
term_t ets_all(proc_t *p);

/* ---- operations on many objects ---- ets_rest.c
 * They are one step for everybody else although they take several time slices: while one is going
 * on, whoever comes to the table does a part of it, and gives way until it is done. */
/* A step, as ets_enter with a table (locked exclusively) does it. false: there is more to do. */
bool ets_rest_step(vm_t *vm, sched_t *s, ets_t *t);
/* Nothing of it: the table goes (locked exclusively). Its objects, linked by left. */
ets_obj_t *ets_rest_take(vm_t *vm, ets_t *t);
/* Empties a fixed table that is locked exclusively: `slots` buckets from *place on. true: done. */
bool ets_mark_dead(vm_t *vm, sched_t *s, ets_t *t, size_t *place, size_t slots);
/* The running BIF is called again in the process's next slice. */
term_t ets_again(proc_t *p);

/* ---- objects ---- */
/* From the elements of a tuple, for table t; NULL: no memory. */
ets_obj_t *ets_obj_new(vm_t *vm, sched_t *s, const ets_t *t, const term_t *elems, size_t n);
ets_obj_t *ets_obj_alloc(vm_t *vm, sched_t *s, size_t words); /* data is not set */
void ets_obj_free(vm_t *vm, sched_t *s, ets_obj_t *o);
/* Objects of compressed tables: takes o and gives it back packed, or as it is. */
ets_obj_t *ets_obj_pack(vm_t *vm, sched_t *s, const ets_t *t, ets_obj_t *o);
void ets_unpack(const ets_obj_t *o, term_t *hp);
size_t ets_obj_room(const ets_obj_t *o); /* words of data */
/* o, or where it is packed a copy that is not; NULL: no memory. Ends with ets_obj_close. */
ets_obj_t *ets_obj_open(vm_t *vm, sched_t *s, ets_obj_t *o);
void ets_obj_close(vm_t *vm, sched_t *s, ets_obj_t *o, ets_obj_t *opened);
/* Not of a packed one, nor is its arity. */
static inline term_t ets_obj_term(const ets_obj_t *o) { return make_boxed(o->data); }
static inline term_t ets_obj_key(const ets_t *t, const ets_obj_t *o) { return o->data[t->keypos]; }
static inline size_t ets_obj_arity(const ets_obj_t *o) { return header_size(o->data[0]); }
/* Copies to o->words words at hp. */
term_t ets_obj_copy_at(proc_t *p, const ets_obj_t *o, term_t *hp);
/* The same on p's heap; TERM_NONE: no memory. */
term_t ets_obj_copy(proc_t *p, const ets_obj_t *o);

static inline bool ets_is_object(const ets_t *t, term_t o) {
    return is_tuple(o) && tuple_arity(o) >= t->keypos;
}

/* ---- a table's objects ---- in ets_hash.c or ets_tree.c */
#define ETS_KIND(t, call, ...)                                                                     \
    (ets_is_tree(t) ? ets_tree_##call(__VA_ARGS__) : ets_hash_##call(__VA_ARGS__))
ets_obj_t *ets_hash_find(vm_t *vm, const ets_t *t, uint64_t hash, term_t key);
ets_obj_t *ets_tree_find(vm_t *vm, const ets_t *t, term_t key);
void ets_hash_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o);
void ets_tree_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o);
void ets_hash_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o);
void ets_tree_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o);
size_t ets_hash_erase(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash, term_t key);
size_t ets_tree_erase(vm_t *vm, sched_t *s, ets_t *t, term_t key);
int64_t ets_hash_erase_object(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash, term_t object);
int64_t ets_tree_erase_object(vm_t *vm, sched_t *s, ets_t *t, term_t object);
void ets_hash_erase_one(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o);
bool ets_hash_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n);
bool ets_tree_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n);

/* Of a key; 0 for a tree.
 *
 * 64 small integers in a row get hashes that differ in the last six bits only: tables by number
 * are mostly used in order, and so neighbours share cache lines. Whatever the pattern of the
 * numbers, they are spread: each row of 64 has a place of its own. */
static inline uint64_t ets_hash(vm_t *vm, const ets_t *t, term_t key) {
    if (ets_is_tree(t)) return 0;
    if (LIKELY(is_small(key))) {
        uint64_t i = (uint64_t)small_value(key), h = hash_mix((i >> 6) ^ vm->salt);
        return h ^ (i & 63);
    }
    return term_hash(vm, key);
}
/* First object with that key that is not dead; bags: others follow by ets_same_key. */
static inline ets_obj_t *ets_find(vm_t *vm, const ets_t *t, uint64_t hash, term_t key) {
    return ets_is_tree(t) ? ets_tree_find(vm, t, key) : ets_hash_find(vm, t, hash, key);
}
ets_obj_t *ets_same_key(vm_t *vm, const ets_t *t, const ets_obj_t *o);
/* Puts o, whose hash is set, in, in place of what it replaces; bags drop it where it is there
 * already. */
static inline void ets_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    ETS_KIND(t, put, vm, s, t, o);
}
/* Puts o (same key) where old is. */
static inline void ets_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o) {
    ETS_KIND(t, replace, vm, s, t, old, o);
}
/* All objects with that key. Number. */
static inline size_t ets_erase(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash, term_t key) {
    return ets_is_tree(t) ? ets_tree_erase(vm, s, t, key) : ets_hash_erase(vm, s, t, hash, key);
}
/* Those that are equal to this one. Number or ETS_NO_MEMORY. */
enum { ETS_NO_MEMORY = -1 };
static inline int64_t ets_erase_object(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash,
                                       term_t object) {
    return ets_is_tree(t) ? ets_tree_erase_object(vm, s, t, object)
                          : ets_hash_erase_object(vm, s, t, hash, object);
}
/* One object found by a traversal. */
static inline void ets_erase_one(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    if (ets_is_tree(t))
        ets_tree_erase(vm, s, t, ets_obj_key(t, o));
    else
        ets_hash_erase_one(vm, s, t, o);
}
/* Number of objects there were. The table is empty afterwards. */
size_t ets_clear(vm_t *vm, sched_t *s, ets_t *t);

/* An object's tuple, on p's heap where it is packed. NULL: no memory. */
const term_t *ets_obj_data(proc_t *p, const ets_obj_t *o);
static inline term_t ets_term_to_heap(proc_t *p, term_t t) {
    return LIKELY(is_immed(t)) ? t : term_copy_to(p, t);
}

/* ---- traversal ---- */
/* Buckets: i < nbuckets. */
static inline ets_obj_t **ets_bucket(const ets_shard_t *sh, size_t i) {
    size_t high = i >> ETS_FIRST_LOG;
    if (high == 0) return &sh->seg[0][i];
    unsigned k = 64 - (unsigned)__builtin_clzll(high);
    return &sh->seg[k][i - ((size_t)1 << (ETS_FIRST_LOG + k - 1))];
}
/* A place in a table of buckets: index of the shard, and bucket in it. */
#define ETS_PLACE_BITS 40
static inline size_t ets_place(size_t shard, size_t bucket) {
    return shard << ETS_PLACE_BITS | bucket;
}
static inline size_t ets_place_shard(size_t place) { return place >> ETS_PLACE_BITS; }
static inline size_t ets_place_bucket(size_t place) {
    return place & (((size_t)1 << ETS_PLACE_BITS) - 1);
}
/* In the key's shard: the first object with another key after those with this one; NULL: there is
 * none. *known: key is there. */
ets_obj_t *ets_hash_next(vm_t *vm, const ets_t *t, uint64_t hash, term_t key, bool *known);
ets_obj_t *ets_shard_first(const ets_shard_t *sh);
/* A place among the objects of one key, dead ones included: o is followed by how many, and o itself
 * counts; and back. It keeps its meaning while the table is held: new ones come before the others.
 */
size_t ets_run_left(vm_t *vm, const ets_t *t, const ets_obj_t *o);
ets_obj_t *ets_run_at(vm_t *vm, const ets_t *t, uint64_t hash, term_t key, size_t left);

/* Trees: a walk that lasts until the table changes. */
typedef struct {
    ets_obj_t *path[96];
    int depth;
} ets_walk_t;
/* To the first object whose key is greater (back: less) than key, or equal where `equal`; key
 * TERM_NONE: the first (last) of all. */
void ets_tree_seek(vm_t *vm, const ets_t *t, ets_walk_t *w, term_t key, bool equal, bool back);
static inline ets_obj_t *ets_tree_at(const ets_walk_t *w) {
    return w->depth ? w->path[w->depth - 1] : NULL;
}
void ets_tree_step(ets_walk_t *w, bool back);

#endif
