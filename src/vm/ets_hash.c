/* ets_hash.c: objects in buckets: sets and bags (see ets.h).
 *
 * Buckets chain objects; objects with equal keys stand next to each other, newest first. Growing
 * splits one bucket at a time and keeps that order. While a table is fixed its buckets stay as they
 * are and deleted objects keep their places as dead ones. Relies on hash.h, compare.h.
 */
#include "vm/ets_store.h"
#include "vm/compare.h"
#include "vm/hash.h"
#include "vm/sched.h"

/* 64 small integers in a row get hashes that differ in the last six bits only: tables by number
 * are mostly used in order, and so neighbours share cache lines. Whatever the pattern of the
 * numbers, they are spread: each row of 64 has a place of its own. */
static inline uint64_t key_hash(vm_t *vm, term_t key) {
    if (LIKELY(is_small(key))) {
        uint64_t i = (uint64_t)small_value(key), h = hash_mix((i >> 6) ^ vm->salt);
        return h ^ (i & 63);
    }
    return term_hash(vm, key);
}

static inline size_t bucket_index(const ets_t *t, uint64_t hash) {
    size_t i = (size_t)hash & (2 * t->base - 1);
    return i < t->nbuckets ? i : i - t->base;
}

static inline ets_obj_t **chain_find(vm_t *vm, const ets_t *t, uint64_t hash, term_t key) {
    ets_obj_t **link = ets_bucket(t, bucket_index(t, hash));
    for (; *link; link = &(*link)->left)
        if ((*link)->hash == hash && term_eq(vm, ets_obj_key(t, *link), key)) break;
    return link;
}

/* One more bucket: takes its part of the one it is split from. */
static void bucket_split(vm_t *vm, ets_t *t) {
    size_t n = t->nbuckets;
    if (n == 2 * t->base) t->base = n;
    if (n == t->base) { /* the first of a new segment */
        unsigned k = 64 - (unsigned)__builtin_clzll(n >> ETS_FIRST_LOG);
        if (k >= ETS_SEGMENTS) return;
        if (!t->seg[k]) t->seg[k] = mem_alloc(vm, n * sizeof(ets_obj_t *));
        if (!t->seg[k]) { /* longer chains will do */
            if (n > (size_t)1 << ETS_FIRST_LOG) t->base = n / 2;
            return;
        }
    }
    t->nbuckets = n + 1;
    ets_obj_t **low = ets_bucket(t, n - t->base), **high = ets_bucket(t, n), *o = *low;
    size_t mask = 2 * t->base - 1;
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

static void bucket_merge(vm_t *vm, ets_t *t) {
    size_t n = t->nbuckets - 1;
    ets_obj_t *o = *ets_bucket(t, n), **link = ets_bucket(t, n - t->base);
    if (o) {
        while (*link) link = &(*link)->left;
        *link = o;
    }
    t->nbuckets = n;
    if ((n & (n - 1)) == 0) {
        unsigned k = 64 - (unsigned)__builtin_clzll(n >> ETS_FIRST_LOG);
        mem_free(vm, t->seg[k], n * sizeof(ets_obj_t *));
        t->seg[k] = NULL;
        if (n > (size_t)1 << ETS_FIRST_LOG) t->base = n / 2;
    }
}

static inline void grow(vm_t *vm, ets_t *t) {
    if (t->count > t->nbuckets && !ets_is_fixed(t)) bucket_split(vm, t);
}
static inline void shrink(vm_t *vm, ets_t *t) {
    if (t->count >= t->nbuckets / 8 || ets_is_fixed(t)) return;
    for (int i = 0; i < 8 && t->nbuckets > (size_t)1 << ETS_FIRST_LOG; i++) bucket_merge(vm, t);
}

/* Takes the object out of its chain, or marks it where the table is fixed. */
static void unlink_at(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link) {
    ets_obj_t *o = *link;
    ets_count_out(t, o);
    if (UNLIKELY(ets_is_fixed(t))) {
        o->dead = true;
        if (t->ndead == t->dead_room) {
            size_t room = t->dead_room ? 2 * t->dead_room : 16;
            size_t *d =
                mem_realloc(vm, t->dead_buckets, t->dead_room * sizeof *d, room * sizeof *d);
            if (!d) {
                t->dead_lost = true;
                return;
            }
            t->dead_buckets = d;
            t->dead_room = room;
        }
        t->dead_buckets[t->ndead++] = bucket_index(t, o->hash);
        return;
    }
    *link = o->left;
    ets_obj_free(vm, s, o);
}

static void purge_bucket(vm_t *vm, sched_t *s, ets_t *t, size_t i) {
    ets_obj_t **link = ets_bucket(t, i);
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

void ets_hash_purge(vm_t *vm, ets_t *t) {
    sched_t *s = sched_current(vm);
    if (t->dead_lost)
        for (size_t i = 0; i < t->nbuckets; i++) purge_bucket(vm, s, t, i);
    else
        for (size_t i = 0; i < t->ndead; i++) purge_bucket(vm, s, t, t->dead_buckets[i]);
    t->dead_lost = false;
    t->ndead = 0;
    if (t->dead_buckets) mem_free(vm, t->dead_buckets, t->dead_room * sizeof(size_t));
    t->dead_buckets = NULL;
    t->dead_room = 0;
}

static void put_at(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link, ets_obj_t *o) {
    ets_obj_t *old = *link;
    if (old->dead) {
        t->count++;
        t->words += ETS_OBJ_WORDS + ets_obj_room(o);
    } else {
        t->words += ets_obj_room(o);
        t->words -= ets_obj_room(old);
    }
    o->left = old->left;
    *link = o;
    ets_obj_free(vm, s, old);
}

void ets_hash_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    term_t key = ets_obj_key(t, o);
    o->hash = key_hash(vm, key);
    ets_obj_t **link = chain_find(vm, t, o->hash, key);
    if (*link && t->type == ETS_SET) {
        put_at(vm, s, t, link, o);
        return;
    }
    if (*link && t->type == ETS_BAG) {
        ets_obj_t **l = link;
        for (; *l && (*l)->hash == o->hash && term_eq(vm, ets_obj_key(t, *l), key);
             l = &(*l)->left) {
            if (!term_eq(vm, ets_obj_term(*l), ets_obj_term(o))) continue;
            if (!(*l)->dead) {
                ets_obj_free(vm, s, o);
                return;
            }
            put_at(vm, s, t, l, o);
            return;
        }
    }
    if (!*link) link = ets_bucket(t, bucket_index(t, o->hash));
    o->left = *link;
    *link = o;
    ets_count_in(t, o);
    grow(vm, t);
}

static ets_obj_t *hash_live(vm_t *vm, const ets_t *t, ets_obj_t *o, uint64_t hash, term_t key) {
    for (; o && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key); o = o->left)
        if (!o->dead) return o;
    return NULL;
}

ets_obj_t *ets_same_key(vm_t *vm, const ets_t *t, const ets_obj_t *o) {
    return hash_live(vm, t, o->left, o->hash, ets_obj_key(t, o));
}

static ets_obj_t *bucket_first_live(const ets_t *t, size_t i) {
    for (; i < t->nbuckets; i++)
        for (ets_obj_t *o = *ets_bucket(t, i); o; o = o->left)
            if (!o->dead) return o;
    return NULL;
}

ets_obj_t *ets_hash_next(vm_t *vm, const ets_t *t, term_t key, bool *known) {
    *known = true;
    if (key == TERM_NONE) return bucket_first_live(t, 0);
    uint64_t hash = key_hash(vm, key);
    ets_obj_t *o = *chain_find(vm, t, hash, key);
    if (!o) {
        *known = false;
        return NULL;
    }
    while (o && ((o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) || o->dead)) o = o->left;
    return o ? o : bucket_first_live(t, bucket_index(t, hash) + 1);
}
ets_obj_t *ets_hash_find(vm_t *vm, const ets_t *t, term_t key) {
    uint64_t hash = key_hash(vm, key);
    ets_obj_t *o = *chain_find(vm, t, hash, key);
    if (!o || LIKELY(!o->dead)) return o;
    return hash_live(vm, t, o, hash, key);
}

static ets_obj_t **link_of(const ets_t *t, ets_obj_t *o) {
    ets_obj_t **link = ets_bucket(t, bucket_index(t, o->hash));
    while (*link != o) link = &(*link)->left;
    return link;
}

void ets_hash_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o) {
    o->hash = old->hash;
    put_at(vm, s, t, link_of(t, old), o);
}

size_t ets_hash_erase(vm_t *vm, sched_t *s, ets_t *t, term_t key) {
    uint64_t hash = key_hash(vm, key);
    ets_obj_t **link = chain_find(vm, t, hash, key), *o;
    size_t n = 0;
    if (ets_is_bag(t)) {
        while ((o = *link) != NULL && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) {
            if (!o->dead) {
                unlink_at(vm, s, t, link);
                n++;
            }
            if (*link == o) link = &o->left; /* it stays, dead */
        }
    } else if (*link && !(*link)->dead) {
        unlink_at(vm, s, t, link);
        n = 1;
    }
    if (n) shrink(vm, t);
    return n;
}

int64_t ets_hash_erase_object(vm_t *vm, sched_t *s, ets_t *t, term_t object) {
    term_t key = tuple_elem(object, t->keypos);
    int64_t n = 0;
    int same = 0;
    uint64_t hash = key_hash(vm, key);
    ets_obj_t **link = chain_find(vm, t, hash, key), *o;
    while ((o = *link) != NULL && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) {
        if (!o->dead && (same = ets_obj_is(vm, s, o, object)) > 0) {
            unlink_at(vm, s, t, link);
            n++;
        }
        if (same < 0) return same;
        if (*link == o) link = &o->left;
    }
    if (n) shrink(vm, t);
    return n;
}

void ets_hash_erase_one(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    unlink_at(vm, s, t, link_of(t, o));
}

bool ets_hash_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    if (!t->nbuckets || !t->seg[0]) return true; /* there was no memory to make the table */
    /* From the last bucket down; nobody else looks into the table. */
    while (n > 0) {
        ets_obj_t **b = ets_bucket(t, t->nbuckets - 1), *o = *b;
        while (o && n > 0) {
            ets_obj_t *next = o->left;
            ets_obj_free(vm, s, o);
            o = next;
            n--;
        }
        *b = o;
        if (o) return false;
        if (n > 0) n--;
        if (--t->nbuckets == 0) break;
    }
    return t->nbuckets == 0;
}

bool ets_mark_dead(vm_t *vm, sched_t *s, ets_t *t, size_t *slot, size_t slots) {
    for (; *slot < t->nbuckets && slots > 0; slots--, ++*slot) {
        ets_obj_t **l = ets_bucket(t, *slot), *o;
        while ((o = *l) != NULL) {
            if (!o->dead) unlink_at(vm, s, t, l);
            if (*l == o) l = &o->left; /* it stays, dead; else the fixation is over */
        }
    }
    return *slot >= t->nbuckets;
}
