/* ets.c: tables as wholes: registry, life and end (see ets.h). Their locks: ets_lock.c; what is in
 * them: ets_object.c, ets_hash.c, ets_tree.c; what processes have to do with them: ets_owner.c.
 * Called by the BIFs of tables.
 */
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/ets_store.h"
#include "vm/hash.h"
#include "vm/magic.h"
#include "vm/process.h"

bool ets_init(vm_t *vm) {
    vm->ets = mem_calloc(vm, sizeof *vm->ets);
    return vm->ets != NULL;
}

static ets_t **id_slot(vm_t *vm, uint64_t id) { return &vm->ets->by_id[ets_reg_slot(id)]; }
static _Atomic(ets_t *) *name_slot(vm_t *vm, term_t name) {
    return &vm->ets->by_name[ets_reg_slot(name)];
}

void ets_registry_lock(vm_t *vm) { spin_lock(vm, &vm->ets->lock); }
void ets_registry_unlock(vm_t *vm) { spin_unlock(vm, &vm->ets->lock); }
size_t ets_count(vm_t *vm) {
    if (!vm->ets) return 0;
    ets_registry_lock(vm);
    size_t n = vm->ets->count;
    ets_registry_unlock(vm);
    return n;
}

/* ---- counts ---- */

void ets_keep(ets_t *t) { atomic_fetch_add_explicit(&t->magic.refs, 1, memory_order_relaxed); }
void ets_release(ets_t *t) { magic_release(&t->magic); }

static void release_later(vm_t *vm, void *t) {
    (void)vm;
    ets_release(t);
}

/* All objects and buckets. */
static void content_free(vm_t *vm, sched_t *s, ets_t *t) {
    if (UNLIKELY(t->rest != NULL)) ets_objects_free(vm, s, ets_rest_take(vm, t));
    while (!ets_drain(vm, s, t, SIZE_MAX)) {
    }
    for (uint32_t i = 0; i < t->nshards; i++) ets_shard_free(vm, &t->shards[i]);
}

static void table_destroy(magic_t *m) {
    ets_t *t = (ets_t *)m;
    vm_t *vm = m->vm;
    content_free(vm, sched_current(vm), t);
    if (t->shards != &t->one) mem_free(vm, t->shards, t->nshards * sizeof *t->shards);
    if (t->readers) mem_free(vm, t->readers, vm->nscheds * sizeof *t->readers);
    if (t->gift) signal_free(vm, NULL, t->gift);
    mem_free(vm, t, sizeof *t);
}

static ets_t *table_of_magic(term_t id) {
    magic_t *m = ((magic_ref_t *)boxed_ptr(id))->magic;
    return m->destroy == table_destroy ? (ets_t *)m : NULL;
}

ets_t *ets_gone(term_t ref) {
    ets_t *t = is_boxed_type(ref, T_MAGIC_REF) ? table_of_magic(ref) : NULL;
    return t && (t->odd & ETS_DELETED) && t->name == 0 ? t : NULL; /* real ones have names */
}

static ets_t *name_find(vm_t *vm, term_t name) {
    ets_t *t = atomic_load_explicit(name_slot(vm, name), memory_order_acquire);
    while (t && atomic_load_explicit(&t->name, memory_order_relaxed) != name)
        t = atomic_load_explicit(&t->name_next, memory_order_acquire);
    return t;
}

/* Without the lock: what is found is true if nobody changed the names meanwhile. */
static ets_t *named_table(vm_t *vm, term_t name) {
    _Atomic(uint64_t) *changes = &vm->ets->name_changes;
    uint64_t before = atomic_load_explicit(changes, memory_order_acquire);
    ets_t *t = name_find(vm, name);
    if (LIKELY(!vm->threaded)) return t;
    /* (Loads before this one are acquires: it comes after them.) */
    uint64_t after = atomic_load_explicit(changes, memory_order_relaxed);
    if (LIKELY(after == before && !(before & 1))) return t;
    ets_registry_lock(vm);
    t = name_find(vm, name);
    ets_registry_unlock(vm);
    return t;
}

/* By a reference that came from outside. */
static ets_t *numbered_table(vm_t *vm, term_t ref) {
    uint64_t n = ref_id(ref);
    ets_registry_lock(vm);
    ets_t *t = *id_slot(vm, n);
    while (t && t->magic.id != n) t = t->id_next;
    ets_registry_unlock(vm);
    return t;
}

/* The reference in the process's hands, or the registry's count (given up by sched_defer_free)
 * keeps what is found. */
static inline ets_t *table_of(vm_t *vm, term_t id, term_t *cause) {
    ets_t *t;
    *cause = A_id;
    if (LIKELY(is_boxed_type(id, T_MAGIC_REF))) {
        t = table_of_magic(id);
        if (UNLIKELY(!t)) *cause = A_type;
        return t;
    }
    if (is_atom(id)) return named_table(vm, id);
    t = is_boxed_type(id, T_REF) ? numbered_table(vm, id) : NULL;
    if (!t) *cause = A_type;
    return t;
}

/* The table is gone, or the rest of an operation is to be done first. Takes the lock away where
 * there is no table. */
COLD static bool enter_odd(proc_t *p, ets_t *t, uint64_t shards, bool exclusive, term_t *cause) {
    vm_t *vm = p->vm;
    bool done = false, deleted;
    ets_unlock_some(vm, t, shards, exclusive);
    ets_lock(vm, t, true);
    deleted = (t->odd & ETS_DELETED) != 0;
    if (!deleted) done = !(t->odd & ETS_REST) || ets_rest_step(vm, p->sched, t);
    ets_unlock(vm, t, true);
    if (done) {
        ets_lock_some(vm, t, shards, exclusive);
        if (t->odd == 0) return true; /* it may have changed between the locks */
        deleted = (t->odd & ETS_DELETED) != 0;
        ets_unlock_some(vm, t, shards, exclusive);
    }
    if (deleted) return false;
    ets_again(p);
    *cause = TERM_NONE;
    return false;
}

static inline bool may_enter(proc_t *p, const ets_t *t, int need) {
    return LIKELY(t->protection == ETS_PUBLIC || need == ETS_NEED_NONE ||
                  (need == ETS_NEED_READ && t->protection == ETS_PROTECTED) ||
                  atomic_load_explicit(&t->owner, memory_order_relaxed) == p->pid ||
                  (p->flags & PF_ETS_SUPER));
}

/* t is locked or NULL. */
COLD static void *may_not(proc_t *p, ets_t *t, uint64_t shards, bool exclusive, term_t cause) {
    if (t) {
        ets_unlock_some(p->vm, t, shards, exclusive);
        cause = A_access;
    }
    if (cause != TERM_NONE) bif_badarg_cause(p, cause);
    return NULL;
}

/* Some shards of t, which was found by id: false, not locked: see *cause. */
static inline bool lock_found(proc_t *p, ets_t *t, term_t id, uint64_t shards, bool exclusive,
                              term_t *cause) {
    ets_lock_some(p->vm, t, shards, exclusive);
    if (UNLIKELY(t->odd != 0) && !enter_odd(p, t, shards, exclusive, cause)) return false;
    if (LIKELY(!ets_has_left_name(t, id))) return true;
    ets_unlock_some(p->vm, t, shards, exclusive);
    ets_again(p);
    *cause = TERM_NONE;
    return false;
}

ets_t *ets_enter_quiet(proc_t *p, term_t id, bool exclusive, term_t *cause) {
    ets_t *t = table_of(p->vm, id, cause);
    return LIKELY(t != NULL) && lock_found(p, t, id, ETS_ALL, exclusive, cause) ? t : NULL;
}

ets_t *ets_enter(proc_t *p, term_t id, int need, bool exclusive) {
    term_t cause;
    ets_t *t = ets_enter_quiet(p, id, exclusive, &cause);
    return t && may_enter(p, t, need) ? t : may_not(p, t, ETS_ALL, exclusive, cause);
}

ets_t *ets_resolve(proc_t *p, term_t id) {
    term_t cause;
    ets_t *t = table_of(p->vm, id, &cause);
    return LIKELY(t != NULL) ? t : may_not(p, NULL, 0, false, cause);
}

static inline bool enter_some(proc_t *p, ets_t *t, term_t id, int need, uint64_t shards,
                              bool exclusive) {
    term_t cause = A_id;
    if (UNLIKELY(!lock_found(p, t, id, shards, exclusive, &cause)))
        return may_not(p, NULL, 0, exclusive, cause);
    return may_enter(p, t, need) || may_not(p, t, shards, exclusive, cause);
}
bool ets_enter_some(proc_t *p, ets_t *t, term_t id, int need, uint64_t shards, bool exclusive) {
    return enter_some(p, t, id, need, shards, exclusive);
}

ets_t *ets_enter_key(proc_t *p, term_t id, int need, bool exclusive, term_t key, uint64_t *hash) {
    term_t cause;
    ets_t *t = table_of(p->vm, id, &cause);
    if (UNLIKELY(!t)) return may_not(p, NULL, 0, exclusive, cause);
    *hash = ets_hash(p->vm, t, key);
    return enter_some(p, t, id, need, ets_shard_set(t, *hash), exclusive) ? t : NULL;
}

ets_t *ets_peek(proc_t *p, term_t id, term_t *cause) {
    ets_t *t = table_of(p->vm, id, cause);
    if (!t || !lock_found(p, t, id, 1, false, cause)) return NULL;
    ets_unlock_some(p->vm, t, 1, false);
    return t;
}

ets_t *ets_enter_open(proc_t *p, term_t id, int need) {
    ets_t *t = ets_resolve(p, id);
    if (!t || !enter_some(p, t, id, need, 1, false)) return NULL;
    ets_unlock_some(p->vm, t, 1, false);
    return t;
}

term_t ets_ref(proc_t *p, ets_t *t) {
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
    if (!hp) return TERM_NONE;
    ets_keep(t);
    return magic_ref_put(p, hp, &t->magic);
}
term_t ets_id(proc_t *p, ets_t *t) {
    return t->named ? atomic_load_explicit(&t->name, memory_order_relaxed) : ets_ref(p, t);
}

/* ---- life ---- */

/* Names: the registry is locked. */
static void names_change(vm_t *vm) {
    _Atomic(uint64_t) *changes = &vm->ets->name_changes;
    uint64_t n = atomic_load_explicit(changes, memory_order_relaxed);
    atomic_store_explicit(changes, n + 1, memory_order_seq_cst);
}
static void name_link(vm_t *vm, ets_t *t) {
    _Atomic(ets_t *) *slot = name_slot(vm, t->name);
    ets_t *first = atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(&t->name_next, first, memory_order_release);
    atomic_store_explicit(slot, t, memory_order_release);
}
static void name_unlink(vm_t *vm, ets_t *t) {
    _Atomic(ets_t *) *link = name_slot(vm, t->name);
    ets_t *at;
    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != t) link = &at->name_next;
    at = atomic_load_explicit(&t->name_next, memory_order_relaxed);
    atomic_store_explicit(link, at, memory_order_release);
}

bool ets_rename(vm_t *vm, ets_t *t, term_t name) {
    bool ok = true;
    ets_registry_lock(vm);
    if (t->named) {
        ok = !name_find(vm, name);
        if (ok) {
            names_change(vm);
            name_unlink(vm, t);
            atomic_store_explicit(&t->name, name, memory_order_release);
            name_link(vm, t);
            names_change(vm);
        }
    } else {
        atomic_store_explicit(&t->name, name, memory_order_relaxed);
    }
    ets_registry_unlock(vm);
    return ok;
}

bool ets_set_heir(vm_t *vm, ets_t *t, term_t heir, term_t data) {
    signal_t *gift = NULL;
    if (heir != A_none) {
        gift = signal_new_whole(vm, NULL, SIG_MESSAGE, data, 0);
        if (!gift) return false;
    }
    if (t->gift) signal_free(vm, NULL, t->gift);
    t->gift = gift;
    t->heir = heir;
    return true;
}

/* How many shards: with few schedulers two seldom meet in one, and a table should stay small. */
static uint32_t shards_wanted(vm_t *vm, const ets_options_t *o) {
    uint32_t n = 16;
    if (vm->nthreads < 2 || o->type == ETS_ORDERED_SET || o->write_concurrency == A_false) return 1;
    while (n < 8 * vm->nscheds && n < ETS_SHARDS_MAX) n *= 2;
    return n;
}

/* Table's type is set. false: no memory; it is to be destroyed all the same. */
static bool shards_new(vm_t *vm, ets_t *t, uint32_t n) {
    t->shards = &t->one;
    t->nshards = 1;
    if (n > 1) {
        ets_shard_t *block = mem_calloc(vm, n * sizeof *block);
        if (!block) return false;
        t->shards = block;
        t->nshards = n;
    }
    bool ok = true;
    for (uint32_t i = 0; i < n; i++) {
        t->shards[i].number = i + 1;
        if (!ets_is_tree(t) && !ets_shard_init(vm, &t->shards[i])) ok = false;
    }
    return ok;
}

term_t ets_create(proc_t *p, const ets_options_t *o) {
    vm_t *vm = p->vm;
    ets_t *t = mem_calloc(vm, sizeof *t);
    if (!t) return bif_oom(p);
    magic_init(vm, &t->magic, table_destroy);
    atomic_init(&t->name, o->name);
    t->named = o->named;
    t->compressed = o->compressed;
    t->read_concurrency = o->read_concurrency;
    t->write_concurrency = o->write_concurrency;
    /* Shown by info/1,2 only, as OTP decides it: each shard has counts of its own anyway. */
    bool by_default = o->type == ETS_ORDERED_SET || o->write_concurrency == A_auto;
    t->decentralized_counters =
        o->write_concurrency != A_false &&
        (o->decentralized_counters == TERM_NONE ? by_default : o->decentralized_counters == A_true);
    t->type = o->type;
    t->protection = o->protection;
    t->keypos = o->keypos;
    atomic_init(&t->owner, p->pid);
    t->heir = A_none;
    bool ok = shards_new(vm, t, shards_wanted(vm, o));
    ok = ets_set_heir(vm, t, o->heir, o->heir_data) && ok;
    if (ok && t->read_concurrency && vm->nthreads > 1) {
        t->readers = mem_calloc(vm, vm->nscheds * sizeof *t->readers);
        ok = t->readers != NULL;
    }
    term_t id = ok ? ets_id(p, t) : TERM_NONE;
    if (id == TERM_NONE) {
        ets_release(t);
        return bif_oom(p);
    }
    ets_registry_lock(vm);
    bool taken = t->named && name_find(vm, o->name);
    bool owned = !taken && ets_own(vm, p->pid, t);
    if (owned) {
        if (t->named) {
            names_change(vm);
            name_link(vm, t);
            names_change(vm);
        }
        ets_t **slot = id_slot(vm, t->magic.id);
        t->id_next = *slot;
        *slot = t;
        t->next = vm->ets->all;
        if (t->next) t->next->prev = t;
        vm->ets->all = t;
        vm->ets->count++;
    }
    ets_registry_unlock(vm);
    if (owned) return id;
    t->odd |= ETS_DELETED;
    ets_release(t);
    return taken ? bif_badarg_cause(p, A_already_exists) : bif_oom(p);
}

/* Registry locked. */
static void registry_remove(vm_t *vm, ets_t *t) {
    ets_disown(vm, t);
    if (t->named) {
        names_change(vm);
        name_unlink(vm, t);
        names_change(vm);
    }
    ets_t **link = id_slot(vm, t->magic.id);
    while (*link != t) link = &(*link)->id_next;
    *link = t->id_next;
    if (t->prev)
        t->prev->next = t->next;
    else
        vm->ets->all = t->next;
    if (t->next) t->next->prev = t->prev;
    vm->ets->count--;
    while (t->fixes) ets_fix_free(vm, t->fixes);
}

bool ets_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    for (ets_obj_t *o; (o = t->junk) != NULL && n > 0; n--) {
        t->junk = o->left;
        ets_obj_free(vm, s, o);
    }
    if (t->junk) return false;
    if (!ets_is_tree(t)) return ets_hash_drain(vm, s, t, n);
    if (!ets_tree_drain(vm, s, t, n)) return false;
    atomic_store_explicit(&t->one.count, 0, memory_order_relaxed);
    atomic_store_explicit(&t->one.words, 0, memory_order_relaxed);
    return true;
}

size_t ets_clear(vm_t *vm, sched_t *s, ets_t *t) {
    size_t n = ets_size(t);
    if (ets_is_tree(t)) {
        while (!ets_drain(vm, s, t, SIZE_MAX)) {
        }
    } else {
        /* While it is fixed its objects stay as dead ones. */
        size_t place = 0;
        while (!ets_mark_dead(vm, s, t, &place, SIZE_MAX)) {
        }
    }
    return n;
}

ets_t *ets_kill(vm_t *vm, ets_t *t) {
    t->odd |= ETS_DELETED;
    /* Objects may hold references of their own table: it would never end by itself. */
    ets_t *corpse = ets_steal(vm, t);
    if (!corpse)
        content_free(vm, sched_current(vm), t);
    else if (t->rest)
        corpse->junk = ets_rest_take(vm, t);
    ets_registry_lock(vm);
    registry_remove(vm, t);
    ets_registry_unlock(vm);
    ets_unlock(vm, t, true);
    sched_defer_free(vm, t, release_later); /* the registry's count */
    return corpse;
}

void ets_free(vm_t *vm) {
    if (!vm->ets) return;
    while (vm->ets->all) {
        ets_t *t = vm->ets->all;
        t->odd |= ETS_DELETED;
        registry_remove(vm, t);
        content_free(vm, NULL, t);
        ets_release(t);
    }
    ets_owners_free(vm);
    mem_free(vm, vm->ets, sizeof *vm->ets);
    vm->ets = NULL;
}

/* What a shard holds changes places with what another one holds; locks and numbers stay. */
static void shard_swap(ets_shard_t *a, ets_shard_t *b) {
    ets_shard_t was;
    memcpy(&was, a, sizeof was);
#define SWAP(field)                                                                                \
    memcpy(&a->field, &b->field, sizeof a->field);                                                 \
    memcpy(&b->field, &was.field, sizeof b->field);
    SWAP(nbuckets)
    SWAP(base) SWAP(dead_buckets) SWAP(ndead) SWAP(dead_room) SWAP(dead_lost) SWAP(seg)
#undef SWAP
}

ets_t *ets_corpse(vm_t *vm, uint8_t type, uint32_t nshards) {
    ets_t *c = mem_calloc(vm, sizeof *c);
    if (!c) return NULL;
    magic_init(vm, &c->magic, table_destroy);
    c->odd = ETS_DELETED;
    c->type = type;
    c->keypos = 1;
    c->heir = A_none;
    if (shards_new(vm, c, nshards)) return c;
    ets_release(c);
    return NULL;
}

ets_t *ets_steal(vm_t *vm, ets_t *t) {
    ets_t *c = ets_corpse(vm, t->type, t->nshards);
    if (!c) return NULL;
    c->root = t->root;
    t->root = NULL;
    for (uint32_t i = 0; i < t->nshards; i++) {
        shard_swap(&t->shards[i], &c->shards[i]);
        atomic_store_explicit(&t->shards[i].count, 0, memory_order_relaxed);
        atomic_store_explicit(&t->shards[i].words, t->shards[i].nbuckets, memory_order_relaxed);
    }
    return c;
}

term_t ets_all(proc_t *p) {
    vm_t *vm = p->vm;
    term_t list = TERM_NIL;
    ets_registry_lock(vm);
    for (ets_t *t = vm->ets->all; t; t = t->next) {
        term_t id = ets_id(p, t), *hp = id == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) {
            list = TERM_NONE;
            break;
        }
        list = cons(&hp, id, list);
    }
    ets_registry_unlock(vm);
    return list;
}

void ets_each(vm_t *vm, bool (*fn)(void *user, ets_t *t), void *user) {
    ets_registry_lock(vm);
    for (ets_t *t = vm->ets->all; t && fn(user, t); t = t->next) {
    }
    ets_registry_unlock(vm);
}

size_t ets_words(const ets_t *t) {
    size_t n = sizeof *t;
    if (t->nshards > 1) n += t->nshards * sizeof *t->shards;
    n /= sizeof(term_t);
    for (uint32_t i = 0; i < t->nshards; i++)
        n += atomic_load_explicit(&t->shards[i].words, memory_order_relaxed);
    return n;
}

size_t ets_memory(vm_t *vm) {
    size_t n = 0;
    if (!vm->ets) return 0;
    ets_registry_lock(vm);
    for (ets_t *t = vm->ets->all; t; t = t->next) n += ets_words(t) * sizeof(term_t);
    ets_registry_unlock(vm);
    return n;
}
