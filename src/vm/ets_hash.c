/* ets_hash.c: objects in buckets: sets and bags (see ets.h).
 *
 * Buckets chain objects; objects with equal keys stand next to each other, newest first. Growing
 * splits one bucket at a time and keeps that order. While a table is fixed its buckets stay as they
 * are and deleted objects keep their places as dead ones. All of this is done within one shard of
 * the table, which the caller has locked. Relies on compare.h.
 */
#include "vm/ets_store.h"
#include "vm/compare.h"
#include "vm/sched.h"

static inline size_t bucket_index(const ets_shard_t *sh, uint64_t hash) {
    size_t i = (size_t)hash & (2 * sh->base - 1);
    return i < sh->nbuckets ? i : i - sh->base;
}

static inline ets_obj_t **chain_find(vm_t *vm, const ets_t *t, const ets_shard_t *sh, uint64_t hash,
                                     term_t key) {
    ets_obj_t **link = ets_bucket(sh, bucket_index(sh, hash));
    for (; *link; link = &(*link)->left)
        if ((*link)->hash == hash && term_eq(vm, ets_obj_key(t, *link), key)) break;
    return link;
}

/* ---- shards ---- */

bool ets_shard_init(vm_t *vm, ets_shard_t *sh) {
    size_t n = (size_t)1 << ETS_FIRST_LOG;
    sh->nbuckets = sh->base = n;
    sh->seg[0] = mem_calloc(vm, n * sizeof(ets_obj_t *));
    if (!sh->seg[0]) sh->nbuckets = 0;
    atomic_init(&sh->words, sh->nbuckets);
    return sh->seg[0] != NULL;
}

void ets_shard_free(vm_t *vm, ets_shard_t *sh) {
    for (size_t k = 0; k < ETS_SEGMENTS && sh->seg[k]; k++) {
        mem_free(vm, sh->seg[k],
                 sizeof(ets_obj_t *) << (k == 0 ? ETS_FIRST_LOG : ETS_FIRST_LOG + k - 1));
        sh->seg[k] = NULL;
    }
    if (sh->dead_buckets) mem_free(vm, sh->dead_buckets, sh->dead_room * sizeof(size_t));
    sh->dead_buckets = NULL;
    sh->ndead = sh->dead_room = 0;
    sh->dead_lost = false;
}

size_t ets_nbuckets(const ets_t *t) {
    size_t n = 0;
    for (uint32_t i = 0; i < t->nshards; i++) n += t->shards[i].nbuckets;
    return n;
}

/* One more bucket: takes its part of the one it is split from. */
static void bucket_split(vm_t *vm, ets_shard_t *sh) {
    size_t n = sh->nbuckets;
    if (n == 2 * sh->base) sh->base = n;
    if (n == sh->base) { /* the first of a new segment */
        unsigned k = 64 - (unsigned)__builtin_clzll(n >> ETS_FIRST_LOG);
        if (k >= ETS_SEGMENTS) return;
        if (!sh->seg[k]) sh->seg[k] = mem_alloc(vm, n * sizeof(ets_obj_t *));
        if (!sh->seg[k]) { /* longer chains will do */
            if (n > (size_t)1 << ETS_FIRST_LOG) sh->base = n / 2;
            return;
        }
    }
    sh->nbuckets = n + 1;
    ets_add(sh, 0, 1);
    ets_obj_t **low = ets_bucket(sh, n - sh->base), **high = ets_bucket(sh, n), *o = *low;
    size_t mask = 2 * sh->base - 1;
    for (; o; o = o->left) {
        if (((size_t)o->hash & mask) == n) {
            *high = o;
            high = &o->left;
        } else {
            *low = o;
            low = &o->left;
        }
    }
    *low = *high = NULL;
}

static void bucket_merge(vm_t *vm, ets_shard_t *sh) {
    size_t n = sh->nbuckets - 1;
    ets_obj_t *o = *ets_bucket(sh, n), **link = ets_bucket(sh, n - sh->base);
    if (o) {
        while (*link) link = &(*link)->left;
        *link = o;
    }
    sh->nbuckets = n;
    ets_add(sh, 0, (size_t)-1);
    if ((n & (n - 1)) == 0) {
        unsigned k = 64 - (unsigned)__builtin_clzll(n >> ETS_FIRST_LOG);
        mem_free(vm, sh->seg[k], n * sizeof(ets_obj_t *));
        sh->seg[k] = NULL;
        if (n > (size_t)1 << ETS_FIRST_LOG) sh->base = n / 2;
    }
}

static inline size_t objects_in(const ets_shard_t *sh) {
    return atomic_load_explicit(&sh->count, memory_order_relaxed);
}
/* Places keep their meaning while somebody goes through the table, and while dead objects wait. */
static inline bool stays(const ets_t *t, const ets_shard_t *sh) {
    return ets_is_fixed(t) || sh->ndead || sh->dead_lost;
}
static inline void grow(vm_t *vm, ets_t *t, ets_shard_t *sh) {
    if (objects_in(sh) > sh->nbuckets && !stays(t, sh)) bucket_split(vm, sh);
}
static inline void shrink(vm_t *vm, ets_t *t, ets_shard_t *sh) {
    if (objects_in(sh) >= sh->nbuckets / 8 || stays(t, sh)) return;
    for (int i = 0; i < 8 && sh->nbuckets > (size_t)1 << ETS_FIRST_LOG; i++) bucket_merge(vm, sh);
}

/* ---- fixation ---- */

static void dead_note(vm_t *vm, ets_shard_t *sh, size_t bucket) {
    if (sh->ndead && sh->dead_buckets[sh->ndead - 1] == bucket) return;
    if (sh->ndead == sh->dead_room) {
        size_t room = sh->dead_room ? 2 * sh->dead_room : 16;
        size_t *d = mem_realloc(vm, sh->dead_buckets, sh->dead_room * sizeof *d, room * sizeof *d);
        if (!d) {
            sh->dead_lost = true;
            return;
        }
        sh->dead_buckets = d;
        sh->dead_room = room;
    }
    sh->dead_buckets[sh->ndead++] = bucket;
}

/* Takes the object out of its chain, or marks it where the table is fixed. */
static void unlink_at(vm_t *vm, sched_t *s, ets_t *t, ets_shard_t *sh, ets_obj_t **link) {
    ets_obj_t *o = *link;
    ets_count_out(sh, o);
    if (UNLIKELY(ets_is_fixed(t))) {
        o->dead = true;
        dead_note(vm, sh, bucket_index(sh, o->hash));
        return;
    }
    *link = o->left;
    ets_obj_free(vm, s, o);
}

static void purge_bucket(vm_t *vm, sched_t *s, ets_shard_t *sh, size_t i) {
    ets_obj_t **link = ets_bucket(sh, i);
    while (*link) {
        ets_obj_t *o = *link;
        if (o->dead) {
            *link = o->left;
            ets_obj_free(vm, s, o);
        } else {
            link = &o->left;
        }
    }
}

/* Those in n buckets; false: there are more. */
static bool shard_purge(vm_t *vm, sched_t *s, ets_shard_t *sh, size_t *n) {
    if (sh->dead_lost)
        for (size_t i = 0; i < sh->nbuckets; i++) purge_bucket(vm, s, sh, i);
    sh->dead_lost = false;
    for (; sh->ndead > 0 && *n > 0; --*n) purge_bucket(vm, s, sh, sh->dead_buckets[--sh->ndead]);
    if (sh->ndead) return false;
    if (sh->dead_buckets) mem_free(vm, sh->dead_buckets, sh->dead_room * sizeof(size_t));
    sh->dead_buckets = NULL;
    sh->dead_room = 0;
    return true;
}

bool ets_purge(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    if (ets_is_fixed(t)) return true;
    for (uint32_t i = 0; i < t->nshards; i++)
        if (!shard_purge(vm, s, &t->shards[i], &n)) return false;
    return true;
}

/* What the end of fixation has left: a little of it by everyone who writes. */
static inline void purge_some(vm_t *vm, sched_t *s, ets_t *t, ets_shard_t *sh) {
    size_t n = 8;
    if (UNLIKELY(sh->ndead != 0) && !ets_is_fixed(t)) shard_purge(vm, s, sh, &n);
}

/* ---- objects ---- */

static void put_at(vm_t *vm, sched_t *s, ets_shard_t *sh, ets_obj_t **link, ets_obj_t *o) {
    ets_obj_t *old = *link;
    if (old->dead)
        ets_count_in(sh, o);
    else
        ets_add(sh, 0, ets_obj_room(o) - ets_obj_room(old));
    o->left = old->left;
    *link = o;
    ets_obj_free(vm, s, old);
}

/* Where an object equal to o, which is seen as term, hangs among those with its key, the first of
 * which is at link; NULL: nowhere. room: for those that are packed. */
static inline ets_obj_t **bag_same(vm_t *vm, const ets_t *t, ets_obj_t **link, const ets_obj_t *o,
                                   term_t term, term_t *room) {
    term_t key = ets_obj_key(t, o);
    for (ets_obj_t **l = link; *l && (*l)->hash == o->hash && term_eq(vm, ets_obj_key(t, *l), key);
         l = &(*l)->left)
        if (term_eq(vm, room ? ets_obj_view(*l, room) : ets_obj_term(*l), term)) return l;
    return NULL;
}
COLD static ets_obj_t **packed_same(vm_t *vm, const ets_t *t, ets_obj_t **link,
                                    const ets_obj_t *o) {
    term_t mine[ETS_BAG_PACKED], other[ETS_BAG_PACKED];
    return bag_same(vm, t, link, o, ets_obj_view(o, mine), other);
}

void ets_hash_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    term_t key = ets_obj_key(t, o);
    ets_shard_t *sh = ets_shard(t, o->hash);
    purge_some(vm, s, t, sh);
    ets_obj_t **link = chain_find(vm, t, sh, o->hash, key);
    if (*link && t->type == ETS_SET) {
        put_at(vm, s, sh, link, o);
        return;
    }
    if (*link && t->type == ETS_BAG) {
        ets_obj_t **same = UNLIKELY(t->compressed)
                               ? packed_same(vm, t, link, o)
                               : bag_same(vm, t, link, o, ets_obj_term(o), NULL);
        if (same && !(*same)->dead) {
            ets_obj_free(vm, s, o);
            return;
        }
        if (same) {
            put_at(vm, s, sh, same, o);
            return;
        }
    }
    if (!*link) link = ets_bucket(sh, bucket_index(sh, o->hash));
    o->left = *link;
    *link = o;
    ets_count_in(sh, o);
    grow(vm, t, sh);
}

static ets_obj_t *hash_live(vm_t *vm, const ets_t *t, ets_obj_t *o, uint64_t hash, term_t key) {
    for (; o && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key); o = o->left)
        if (!o->dead) return o;
    return NULL;
}

ets_obj_t *ets_hash_find(vm_t *vm, const ets_t *t, uint64_t hash, term_t key) {
    ets_obj_t *o = *chain_find(vm, t, ets_shard(t, hash), hash, key);
    if (!o || LIKELY(!o->dead)) return o;
    return hash_live(vm, t, o, hash, key);
}

ets_obj_t *ets_same_key(vm_t *vm, const ets_t *t, const ets_obj_t *o) {
    return hash_live(vm, t, o->left, o->hash, ets_obj_key(t, o));
}

size_t ets_run_left(vm_t *vm, const ets_t *t, const ets_obj_t *o) {
    term_t key = ets_obj_key(t, o);
    uint64_t hash = o->hash;
    size_t n = 0;
    for (; o && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key); o = o->left) n++;
    return n;
}
ets_obj_t *ets_run_at(vm_t *vm, const ets_t *t, uint64_t hash, term_t key, size_t left) {
    ets_obj_t *o = *chain_find(vm, t, ets_shard(t, hash), hash, key);
    for (size_t n = o ? ets_run_left(vm, t, o) : 0; n > left; n--) o = o->left;
    return o;
}

static ets_obj_t *first_live(const ets_shard_t *sh, size_t i) {
    for (; i < sh->nbuckets; i++)
        for (ets_obj_t *o = *ets_bucket(sh, i); o; o = o->left)
            if (!o->dead) return o;
    return NULL;
}
ets_obj_t *ets_shard_first(const ets_shard_t *sh) { return first_live(sh, 0); }

ets_obj_t *ets_hash_next(vm_t *vm, const ets_t *t, uint64_t hash, term_t key, bool *known) {
    const ets_shard_t *sh = ets_shard(t, hash);
    ets_obj_t *o = *chain_find(vm, t, sh, hash, key);
    /* What is only dead is gone, unless the table is fixed. */
    *known = o && atomic_load_explicit(&t->fixed, memory_order_relaxed);
    for (ets_obj_t *x = o; x && !*known && x->hash == hash && term_eq(vm, ets_obj_key(t, x), key);
         x = x->left)
        *known = !x->dead;
    if (!*known) return NULL;
    while (o && ((o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) || o->dead)) o = o->left;
    return o ? o : first_live(sh, bucket_index(sh, hash) + 1);
}

static ets_obj_t **link_of(const ets_shard_t *sh, ets_obj_t *o) {
    ets_obj_t **link = ets_bucket(sh, bucket_index(sh, o->hash));
    while (*link != o) link = &(*link)->left;
    return link;
}

void ets_hash_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o) {
    ets_shard_t *sh = ets_shard(t, old->hash);
    o->hash = old->hash;
    put_at(vm, s, sh, link_of(sh, old), o);
}

size_t ets_hash_erase(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash, term_t key) {
    ets_shard_t *sh = ets_shard(t, hash);
    purge_some(vm, s, t, sh);
    ets_obj_t **link = chain_find(vm, t, sh, hash, key), *o;
    size_t n = 0;
    if (ets_is_bag(t)) {
        while ((o = *link) != NULL && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) {
            if (!o->dead) {
                unlink_at(vm, s, t, sh, link);
                n++;
            }
            if (*link == o) link = &o->left; /* it stays, dead */
        }
    } else if (*link && !(*link)->dead) {
        unlink_at(vm, s, t, sh, link);
        n = 1;
    }
    if (n) shrink(vm, t, sh);
    return n;
}

int64_t ets_hash_erase_object(vm_t *vm, sched_t *s, ets_t *t, uint64_t hash, term_t object) {
    term_t key = tuple_elem(object, t->keypos);
    ets_shard_t *sh = ets_shard(t, hash);
    int64_t n = 0;
    int same = 0;
    ets_obj_t **link = chain_find(vm, t, sh, hash, key), *o;
    while ((o = *link) != NULL && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) {
        if (!o->dead && (same = ets_obj_is(vm, s, o, object)) > 0) {
            unlink_at(vm, s, t, sh, link);
            n++;
        }
        if (same < 0) return same;
        if (*link == o) link = &o->left;
    }
    if (n) shrink(vm, t, sh);
    return n;
}

void ets_hash_erase_one(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    ets_shard_t *sh = ets_shard(t, o->hash);
    unlink_at(vm, s, t, sh, link_of(sh, o));
}

/* ---- all of them ---- */

/* From the last bucket down; nobody else looks into the table. */
static bool shard_drain(vm_t *vm, sched_t *s, ets_shard_t *sh, size_t *n) {
    for (; sh->nbuckets; sh->nbuckets--) {
        ets_obj_t **b = ets_bucket(sh, sh->nbuckets - 1), *o = *b;
        while (o && *n > 0) {
            ets_obj_t *next = o->left;
            ets_obj_free(vm, s, o);
            o = next;
            --*n;
        }
        *b = o;
        if (*n == 0) return false;
        --*n;
    }
    ets_add(sh, (size_t)0 - objects_in(sh), 0);
    return true;
}
bool ets_hash_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    for (uint32_t i = 0; i < t->nshards; i++)
        if (!shard_drain(vm, s, &t->shards[i], &n)) return false;
    return true;
}

bool ets_mark_dead(vm_t *vm, sched_t *s, ets_t *t, size_t *place, size_t slots) {
    size_t i = ets_place_shard(*place), b = ets_place_bucket(*place);
    for (; i < t->nshards; i++, b = 0) {
        ets_shard_t *sh = &t->shards[i];
        for (; b < sh->nbuckets; b++, slots--) {
            *place = ets_place(i, b);
            if (slots == 0) return false;
            ets_obj_t **l = ets_bucket(sh, b), *o;
            while ((o = *l) != NULL) {
                if (!o->dead) unlink_at(vm, s, t, sh, l);
                if (*l == o) l = &o->left; /* it stays, dead; else the fixation is over */
            }
        }
    }
    *place = ets_place(i, 0);
    return true;
}
