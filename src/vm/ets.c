/* ets.c: tables: registry, owners and fixation, objects, hash tables and trees (see ets.h).
 *
 * Hash tables chain objects in buckets; objects with equal keys stand next to each other, newest
 * first. Growing splits one bucket at a time and keeps that order. While a table is fixed its
 * buckets stay as they are and deleted objects keep their places as dead ones.
 *
 * Trees are AVL trees; where a walk needs the way back it keeps a path, whose length is bounded by
 * the tree's height. Relies on copy.h, hash.h, compare.h, process.h. Called by bif_ets.c and, at a
 * process's end, by process.c.
 */
#include "vm/ets.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/hash.h"
#include "vm/process.h"

enum { REG_BUCKETS = 256 };

/* What a process has to do with tables. */
struct ets_owner {
    ets_owner_t *next;
    term_t pid;
    ets_t *tables;
    ets_fix_t *fixes;
};

struct ets_tables {
    spin_t lock;
    size_t count;
    ets_t *all;
    ets_t *by_id[REG_BUCKETS], *by_name[REG_BUCKETS];
    _Atomic(ets_owner_t *) owners[REG_BUCKETS];
};

bool ets_init(vm_t *vm) {
    vm->ets = mem_calloc(vm, sizeof *vm->ets);
    return vm->ets != NULL;
}

static size_t hash_word(uint64_t w) { return (size_t)hash_mix(w) & (REG_BUCKETS - 1); }
static ets_t **id_slot(vm_t *vm, uint64_t id) { return &vm->ets->by_id[hash_word(id)]; }
static ets_t **name_slot(vm_t *vm, term_t name) { return &vm->ets->by_name[hash_word(name)]; }

void ets_registry_lock(vm_t *vm) { spin_lock(vm, &vm->ets->lock); }
void ets_registry_unlock(vm_t *vm) { spin_unlock(vm, &vm->ets->lock); }
size_t ets_count(vm_t *vm) { return vm->ets ? vm->ets->count : 0; }

/* ---- locks and counts ---- */

#define RW_WRITER 1u
#define RW_READER 2u

static void relax(vm_t *vm, unsigned *tries) {
    if (++*tries < 64) return;
    vm->host->ops->yield(vm->host);
    *tries = 0;
}

void ets_lock(vm_t *vm, ets_t *t, bool exclusive) {
    if (LIKELY(!vm->threaded)) return;
    unsigned tries = 0;
    if (exclusive) {
        while (atomic_fetch_or_explicit(&t->rw, RW_WRITER, memory_order_acquire) & RW_WRITER)
            relax(vm, &tries);
        while (atomic_load_explicit(&t->rw, memory_order_acquire) != RW_WRITER) relax(vm, &tries);
        return;
    }
    while (atomic_fetch_add_explicit(&t->rw, RW_READER, memory_order_acquire) & RW_WRITER) {
        atomic_fetch_sub_explicit(&t->rw, RW_READER, memory_order_relaxed);
        while (atomic_load_explicit(&t->rw, memory_order_relaxed) & RW_WRITER) relax(vm, &tries);
    }
}

void ets_unlock(vm_t *vm, ets_t *t, bool exclusive) {
    if (LIKELY(!vm->threaded)) return;
    if (exclusive)
        atomic_fetch_and_explicit(&t->rw, ~RW_WRITER, memory_order_release);
    else
        atomic_fetch_sub_explicit(&t->rw, RW_READER, memory_order_release);
}

void ets_keep(ets_t *t) { atomic_fetch_add_explicit(&t->magic.refs, 1, memory_order_relaxed); }
void ets_release(ets_t *t) { magic_release(&t->magic); }

void ets_leave_threaded(vm_t *vm, ets_t *t, bool exclusive) {
    ets_unlock(vm, t, exclusive);
    ets_release(t);
}

/* All objects, and all segments but the first, which is left empty. */
static void content_free(vm_t *vm, sched_t *s, ets_t *t) {
    if (UNLIKELY(t->rest != NULL)) ets_rest_drop(vm, t);
    while (!ets_drain(vm, s, t, SIZE_MAX)) {
    }
    for (size_t k = 1; k < ETS_SEGMENTS && t->seg[k]; k++) {
        mem_free(vm, t->seg[k], sizeof(ets_obj_t *) << (ETS_FIRST_LOG + k - 1));
        t->seg[k] = NULL;
    }
    if (t->dead_buckets) mem_free(vm, t->dead_buckets, t->dead_room * sizeof(size_t));
    t->dead_buckets = NULL;
    t->ndead = t->dead_room = 0;
    t->dead_lost = false;
}

static void table_destroy(magic_t *m) {
    ets_t *t = (ets_t *)m;
    vm_t *vm = m->vm;
    content_free(vm, sched_current(vm), t);
    mem_free(vm, t->seg[0], sizeof(ets_obj_t *) << ETS_FIRST_LOG);
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

/* By name or by a reference that came from outside. One count is taken when threaded. */
static ets_t *registry_find(vm_t *vm, term_t id) {
    ets_t *t;
    ets_registry_lock(vm);
    if (is_atom(id)) {
        for (t = *name_slot(vm, id); t && t->name != id; t = t->name_next) {
        }
    } else {
        uint64_t n = ref_id(id);
        for (t = *id_slot(vm, n); t && t->magic.id != n; t = t->id_next) {
        }
    }
    if (t && vm->threaded) ets_keep(t);
    ets_registry_unlock(vm);
    return t;
}

/* The table is gone, or the rest of an operation is to be done first. */
COLD static ets_t *enter_odd(proc_t *p, ets_t *t, bool exclusive, term_t *cause) {
    vm_t *vm = p->vm;
    if (!exclusive) {
        ets_unlock(vm, t, false);
        ets_lock(vm, t, true);
    }
    bool done = !(t->odd & ETS_REST) || ets_rest_step(vm, p->sched, t);
    bool deleted = (t->odd & ETS_DELETED) != 0;
    if (!exclusive) {
        ets_unlock(vm, t, true);
        ets_lock(vm, t, false);
    }
    if (done && t->odd == 0) return t; /* it may have changed between the locks */
    ets_leave(vm, t, exclusive);
    if (deleted) return NULL;
    ets_again(p);
    *cause = TERM_NONE;
    return NULL;
}

ets_t *ets_enter_quiet(proc_t *p, term_t id, bool exclusive, term_t *cause) {
    vm_t *vm = p->vm;
    ets_t *t;
    *cause = A_id;
    if (LIKELY(is_boxed_type(id, T_MAGIC_REF))) {
        t = table_of_magic(id);
        if (t && UNLIKELY(vm->threaded)) ets_keep(t);
        if (!t) *cause = A_type;
    } else if (is_atom(id)) {
        t = registry_find(vm, id);
    } else {
        t = is_boxed_type(id, T_REF) ? registry_find(vm, id) : NULL;
        if (!t) *cause = A_type;
    }
    if (UNLIKELY(!t)) return NULL;
    ets_lock(vm, t, exclusive);
    if (LIKELY(t->odd == 0)) return t;
    return enter_odd(p, t, exclusive, cause);
}

ets_t *ets_enter(proc_t *p, term_t id, int need, bool exclusive) {
    term_t cause;
    ets_t *t = ets_enter_quiet(p, id, exclusive, &cause);
    if (UNLIKELY(!t)) {
        if (cause != TERM_NONE) bif_badarg_cause(p, cause);
        return NULL;
    }
    if (LIKELY(t->protection == ETS_PUBLIC || need == ETS_NEED_NONE ||
               (need == ETS_NEED_READ && t->protection == ETS_PROTECTED) ||
               atomic_load_explicit(&t->owner, memory_order_relaxed) == p->pid ||
               (p->flags & PF_ETS_SUPER)))
        return t;
    ets_leave(p->vm, t, exclusive);
    bif_badarg_cause(p, A_access);
    return NULL;
}

term_t ets_ref(proc_t *p, ets_t *t) {
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
    if (!hp) return TERM_NONE;
    ets_keep(t);
    return magic_ref_put(p, hp, &t->magic);
}
term_t ets_id(proc_t *p, ets_t *t) { return t->named ? t->name : ets_ref(p, t); }

/* ---- owners ---- registry locked */

static ets_owner_t *owner_find(vm_t *vm, term_t pid) {
    ets_owner_t *o = atomic_load_explicit(&vm->ets->owners[hash_word(pid)], memory_order_relaxed);
    while (o && o->pid != pid) o = o->next;
    return o;
}

static ets_owner_t *owner_get(vm_t *vm, term_t pid) {
    ets_owner_t *o = owner_find(vm, pid);
    if (o) return o;
    o = mem_calloc(vm, sizeof *o);
    if (!o) return NULL;
    _Atomic(ets_owner_t *) *slot = &vm->ets->owners[hash_word(pid)];
    o->pid = pid;
    o->next = atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(slot, o, memory_order_seq_cst);
    return o;
}

static void owner_drop(vm_t *vm, ets_owner_t *o) {
    if (o->tables || o->fixes) return;
    _Atomic(ets_owner_t *) *slot = &vm->ets->owners[hash_word(o->pid)];
    ets_owner_t *head = atomic_load_explicit(slot, memory_order_relaxed);
    if (head == o) {
        atomic_store_explicit(slot, o->next, memory_order_relaxed);
    } else {
        while (head->next != o) head = head->next;
        head->next = o->next;
    }
    mem_free(vm, o, sizeof *o);
}

static void owned_link(ets_owner_t *o, ets_t *t) {
    t->owned_next = o->tables;
    t->owned_prev = &o->tables;
    if (o->tables) o->tables->owned_prev = &t->owned_next;
    o->tables = t;
}
static void owned_unlink(vm_t *vm, ets_t *t) {
    *t->owned_prev = t->owned_next;
    if (t->owned_next) t->owned_next->owned_prev = t->owned_prev;
    ets_owner_t *o = owner_find(vm, t->owner);
    if (o) owner_drop(vm, o);
}

/* ---- fixation ---- */

static inline bool is_fixed(const ets_t *t) {
    return atomic_load_explicit(&t->fixed, memory_order_relaxed) != 0;
}

void ets_hold(ets_t *t) { atomic_fetch_add_explicit(&t->fixed, 1, memory_order_relaxed); }

static void purge_dead(vm_t *vm, ets_t *t);

void ets_unhold(vm_t *vm, ets_t *t) {
    if (atomic_fetch_sub_explicit(&t->fixed, 1, memory_order_relaxed) == 1 &&
        (t->ndead || t->dead_lost))
        purge_dead(vm, t);
}

static void fix_free(vm_t *vm, ets_fix_t *f) { /* registry locked */
    ets_fix_t **link = &f->table->fixes;
    while (*link != f) link = &(*link)->next;
    *link = f->next;
    *f->owner_prev = f->owner_next;
    if (f->owner_next) f->owner_next->owner_prev = f->owner_prev;
    ets_owner_t *o = owner_find(vm, f->pid);
    if (o) owner_drop(vm, o);
    mem_free(vm, f, sizeof *f);
}

bool ets_fix(proc_t *p, ets_t *t, bool on) {
    vm_t *vm = p->vm;
    bool ok = true;
    ets_registry_lock(vm);
    ets_fix_t *f = t->fixes;
    while (f && f->pid != p->pid) f = f->next;
    if (on) {
        if (!f) {
            ets_owner_t *o = owner_get(vm, p->pid);
            f = o ? mem_calloc(vm, sizeof *f) : NULL;
            if (f) {
                f->table = t;
                f->pid = p->pid;
                if (!t->fixes) {
                    t->fix_mono_ns = vm_now(vm);
                    t->fix_wall_us = vm->host->ops->wall_ns(vm->host) / 1000;
                }
                f->next = t->fixes;
                t->fixes = f;
                f->owner_next = o->fixes;
                f->owner_prev = &o->fixes;
                if (o->fixes) o->fixes->owner_prev = &f->owner_next;
                o->fixes = f;
            } else {
                if (o) owner_drop(vm, o);
                ok = false;
            }
        }
        if (f) {
            f->count++;
            ets_hold(t);
        }
    } else if (f) {
        if (--f->count == 0) fix_free(vm, f);
        ets_registry_unlock(vm);
        ets_unhold(vm, t);
        return true;
    }
    ets_registry_unlock(vm);
    return ok;
}

/* ---- life ---- */

static bool name_taken(vm_t *vm, term_t name) {
    ets_t *t = *name_slot(vm, name);
    while (t && t->name != name) t = t->name_next;
    return t != NULL;
}
static void name_link(vm_t *vm, ets_t *t) {
    ets_t **slot = name_slot(vm, t->name);
    t->name_next = *slot;
    *slot = t;
}
static void name_unlink(vm_t *vm, ets_t *t) {
    ets_t **link = name_slot(vm, t->name);
    while (*link != t) link = &(*link)->name_next;
    *link = t->name_next;
}

bool ets_rename(vm_t *vm, ets_t *t, term_t name) {
    bool ok = true;
    ets_registry_lock(vm);
    if (t->named) {
        ok = !name_taken(vm, name);
        if (ok) {
            name_unlink(vm, t);
            t->name = name;
            name_link(vm, t);
        }
    } else {
        t->name = name;
    }
    ets_registry_unlock(vm);
    return ok;
}

bool ets_set_heir(vm_t *vm, ets_t *t, term_t heir, term_t data) {
    signal_t *gift = NULL;
    if (heir != A_none) {
        gift = signal_new_copy(vm, NULL, SIG_MESSAGE, data);
        if (!gift) return false;
    }
    if (t->gift) signal_free(vm, NULL, t->gift);
    t->gift = gift;
    t->heir = heir;
    return true;
}

term_t ets_create(proc_t *p, const ets_options_t *o) {
    vm_t *vm = p->vm;
    ets_t *t = mem_calloc(vm, sizeof *t);
    if (!t) return bif_oom(p);
    magic_init(vm, &t->magic, table_destroy);
    t->name = o->name;
    t->named = o->named;
    t->compressed = o->compressed;
    t->read_concurrency = o->read_concurrency;
    t->write_concurrency = o->write_concurrency;
    /* Shown by info/1,2 only, as OTP decides it. */
    bool by_default = o->type == ETS_ORDERED_SET || o->write_concurrency == A_auto;
    t->decentralized_counters =
        o->write_concurrency != A_false &&
        (o->decentralized_counters == TERM_NONE ? by_default : o->decentralized_counters == A_true);
    t->type = o->type;
    t->protection = o->protection;
    t->keypos = o->keypos;
    atomic_init(&t->owner, p->pid);
    t->heir = A_none;
    bool ok = ets_set_heir(vm, t, o->heir, o->heir_data);
    if (ok && !ets_is_tree(t)) {
        t->nbuckets = t->base = (size_t)1 << ETS_FIRST_LOG;
        t->seg[0] = mem_calloc(vm, sizeof(ets_obj_t *) << ETS_FIRST_LOG);
        ok = t->seg[0] != NULL;
    }
    term_t id = ok ? ets_id(p, t) : TERM_NONE;
    if (id == TERM_NONE) {
        ets_release(t);
        return bif_oom(p);
    }
    ets_registry_lock(vm);
    bool taken = t->named && name_taken(vm, t->name);
    ets_owner_t *owner = taken ? NULL : owner_get(vm, p->pid);
    if (owner) {
        owned_link(owner, t);
        if (t->named) name_link(vm, t);
        ets_t **slot = id_slot(vm, t->magic.id);
        t->id_next = *slot;
        *slot = t;
        t->next = vm->ets->all;
        if (t->next) t->next->prev = t;
        vm->ets->all = t;
        vm->ets->count++;
    }
    ets_registry_unlock(vm);
    if (owner) return id;
    t->odd |= ETS_DELETED;
    ets_release(t);
    return taken ? bif_badarg_cause(p, A_already_exists) : bif_oom(p);
}

/* Registry locked. */
static void registry_remove(vm_t *vm, ets_t *t) {
    owned_unlink(vm, t);
    if (t->named) name_unlink(vm, t);
    ets_t **link = id_slot(vm, t->magic.id);
    while (*link != t) link = &(*link)->id_next;
    *link = t->id_next;
    if (t->prev)
        t->prev->next = t->next;
    else
        vm->ets->all = t->next;
    if (t->next) t->next->prev = t->prev;
    vm->ets->count--;
    while (t->fixes) fix_free(vm, t->fixes);
}

ets_t *ets_kill(vm_t *vm, ets_t *t) {
    t->odd |= ETS_DELETED;
    /* Objects may hold references of their own table: it would never end by itself. */
    if (t->rest) ets_rest_drop(vm, t);
    ets_t *corpse = ets_steal(vm, t);
    if (!corpse) content_free(vm, sched_current(vm), t);
    ets_registry_lock(vm);
    registry_remove(vm, t);
    ets_registry_unlock(vm);
    ets_unlock(vm, t, true);
    ets_release(t); /* the registry's */
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
    mem_free(vm, vm->ets, sizeof *vm->ets);
    vm->ets = NULL;
}

bool ets_set_owner(vm_t *vm, ets_t *t, term_t to) {
    ets_registry_lock(vm);
    ets_owner_t *o = owner_get(vm, to);
    /* The new owner is on record before its life is asked for, and its end looks at the records
     * after it is marked: one of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    proc_t *q = o && is_local_pid(to) ? proc_lookup(vm, to) : NULL;
    bool ok = q && !(atomic_load_explicit(&q->state, memory_order_seq_cst) & PS_EXITING);
    if (ok) {
        owned_unlink(vm, t);
        o = owner_get(vm, to); /* may have been the old one's, now empty */
        atomic_store_explicit(&t->owner, to, memory_order_relaxed);
        if (o) owned_link(o, t);
    } else if (o) {
        owner_drop(vm, o);
    }
    ets_registry_unlock(vm);
    return ok;
}

bool ets_send_transfer(proc_t *from, vm_t *vm, ets_t *t, term_t to, term_t from_pid, term_t gift) {
    /* {'ETS-TRANSFER', Id, FromPid, Gift}, put together outside any heap. */
    term_t words[5 + MAGIC_REF_WORDS], id = t->name;
    magic_ref_t *r = (magic_ref_t *)(words + 5);
    if (!t->named) {
        r->off.header = make_header(T_MAGIC_REF, MAGIC_REF_WORDS - 1);
        r->off.next = NULL;
        r->id = t->magic.id;
        r->magic = &t->magic;
        id = make_boxed(r);
    }
    term_t *hp = words;
    return proc_send(vm, from, to, tuple4(&hp, A_ETS_TRANSFER, id, from_pid, gift));
}

void ets_owner_exit(proc_t *p) {
    vm_t *vm = p->vm;
    if (!vm->ets ||
        !atomic_load_explicit(&vm->ets->owners[hash_word(p->pid)], memory_order_seq_cst))
        return;
    for (;;) {
        bool fix = false;
        ets_registry_lock(vm);
        ets_owner_t *o = owner_find(vm, p->pid);
        ets_t *t = o ? o->tables : NULL;
        if (!t && o && o->fixes) {
            t = o->fixes->table;
            fix = true;
        }
        if (t) ets_keep(t);
        ets_registry_unlock(vm);
        if (!t) return;
        ets_lock(vm, t, true);
        if (t->odd & ETS_DELETED) { /* somebody was quicker */
            ets_unlock(vm, t, true);
            ets_release(t);
            continue;
        }
        if (fix) {
            uint64_t n = 0;
            ets_registry_lock(vm);
            ets_fix_t *f = t->fixes;
            while (f && f->pid != p->pid) f = f->next;
            if (f) {
                n = f->count;
                fix_free(vm, f);
            }
            ets_registry_unlock(vm);
            while (n-- > 0) ets_unhold(vm, t);
            ets_unlock(vm, t, true);
        } else if (atomic_load_explicit(&t->owner, memory_order_relaxed) != p->pid) {
            ets_unlock(vm, t, true);
        } else if (t->heir != A_none && t->heir != p->pid && ets_set_owner(vm, t, t->heir)) {
            ets_send_transfer(p, vm, t, t->heir, p->pid, t->gift ? t->gift->term : (term_t)A_none);
            ets_unlock(vm, t, true);
        } else {
            ets_t *corpse = ets_kill(vm, t);
            if (corpse) ets_release(corpse);
        }
        ets_release(t);
    }
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

size_t ets_memory(vm_t *vm) {
    size_t n = 0;
    if (!vm->ets) return 0;
    ets_registry_lock(vm);
    for (ets_t *t = vm->ets->all; t; t = t->next)
        n += sizeof *t + t->words * sizeof(term_t) + t->nbuckets * sizeof(ets_obj_t *);
    ets_registry_unlock(vm);
    return n;
}

/* ---- objects ---- */

#define OBJ_WORDS (sizeof(ets_obj_t) / sizeof(term_t))
static inline size_t obj_bytes(size_t words) { return sizeof(ets_obj_t) + words * sizeof(term_t); }

ets_obj_t *ets_obj_alloc(vm_t *vm, sched_t *s, size_t words) {
    ets_obj_t *o = words > UINT32_MAX ? NULL : pool_alloc(vm, s, obj_bytes(words));
    if (UNLIKELY(!o)) return NULL;
    o->off = NULL;
    o->words = (uint32_t)words;
    o->level = 1;
    o->dead = false;
    o->packed = 0;
    return o;
}

ets_obj_t *ets_obj_new(vm_t *vm, sched_t *s, const ets_t *t, const term_t *elems, size_t n) {
    size_t words = n + 1;
    for (size_t i = 0; i < n; i++)
        if (!is_immed(elems[i])) words += term_size(vm, elems[i]);
    ets_obj_t *o = ets_obj_alloc(vm, s, words);
    if (UNLIKELY(!o)) return NULL;
    term_t *hp = o->data + n + 1;
    o->data[0] = make_header(T_TUPLE, n);
    for (size_t i = 0; i < n; i++) {
        term_t e = elems[i];
        o->data[i + 1] = is_immed(e) ? e : term_copy(vm, e, &hp, &o->off);
    }
    return UNLIKELY(t->compressed) ? ets_obj_pack(vm, s, t, o) : o;
}

void ets_obj_free(vm_t *vm, sched_t *s, ets_obj_t *o) {
    if (UNLIKELY(o->off != NULL)) off_heap_release(vm, o->off);
    pool_free(vm, s, o, obj_bytes(ets_obj_room(o)));
}

COLD static void off_objects_adopt(proc_t *p, term_t *obj) {
    if (header_type(*obj) == T_PROC_BIN) {
        proc_bin_t *b = (proc_bin_t *)obj;
        shared_bin_keep(b->bin);
        p->vheap += b->size;
        off_heap_link(p, b);
    } else if (header_type(*obj) == T_MAGIC_REF) {
        atomic_fetch_add_explicit(&((magic_ref_t *)obj)->magic->refs, 1, memory_order_relaxed);
        off_heap_link(p, obj);
    }
}

term_t ets_obj_copy_at(proc_t *p, const ets_obj_t *o, term_t *hp) {
    const term_t *src = o->data, *end = src + o->words;
    uintptr_t delta = (uintptr_t)hp - (uintptr_t)src;
    term_t tuple = make_boxed(hp);
    if (UNLIKELY(o->packed)) {
        ets_unpack(o, hp);
        return tuple;
    }
    while (src < end) {
        term_t w = *src++;
        if (is_pointer(w)) {
            if ((uintptr_t)w - (uintptr_t)o->data < (uintptr_t)end - (uintptr_t)o->data) w += delta;
        } else if (is_header(w) && header_is_raw(w)) {
            term_t *obj = hp;
            *hp++ = w;
            for (size_t n = header_size(w); n > 0; n--) *hp++ = *src++;
            if (UNLIKELY(o->off != NULL)) off_objects_adopt(p, obj);
            continue;
        }
        *hp++ = w;
    }
    return tuple;
}

term_t ets_obj_copy(proc_t *p, const ets_obj_t *o) {
    term_t *hp = heap_alloc(p, o->words);
    return hp ? ets_obj_copy_at(p, o, hp) : TERM_NONE;
}

static inline void count_in(ets_t *t, const ets_obj_t *o) {
    t->count++;
    t->words += OBJ_WORDS + ets_obj_room(o);
}
static inline void count_out(ets_t *t, const ets_obj_t *o) {
    t->count--;
    t->words -= OBJ_WORDS + ets_obj_room(o);
}

/* ---- hash tables ---- */

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
    if (t->count > t->nbuckets && !is_fixed(t)) bucket_split(vm, t);
}
static inline void shrink(vm_t *vm, ets_t *t) {
    if (t->count >= t->nbuckets / 8 || is_fixed(t)) return;
    for (int i = 0; i < 8 && t->nbuckets > (size_t)1 << ETS_FIRST_LOG; i++) bucket_merge(vm, t);
}

/* Takes the object out of its chain, or marks it where the table is fixed. */
static void unlink_at(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link) {
    ets_obj_t *o = *link;
    count_out(t, o);
    if (UNLIKELY(is_fixed(t))) {
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

static void purge_dead(vm_t *vm, ets_t *t) {
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
        t->words += OBJ_WORDS + ets_obj_room(o);
    } else {
        t->words += ets_obj_room(o);
        t->words -= ets_obj_room(old);
    }
    o->left = old->left;
    *link = o;
    ets_obj_free(vm, s, old);
}

static void hash_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
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
    count_in(t, o);
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

/* ---- trees ---- */

/* term_cmp, with a short way for what keys mostly are: small integers, and tuples that differ in
 * one or an atom. */
static inline int key_cmp(vm_t *vm, term_t a, term_t b) {
    if (LIKELY(are_small(a, b))) return (int64_t)a < (int64_t)b ? -1 : a != b;
    if (is_tuple(a) && is_boxed(b) && boxed_header(a) == boxed_header(b)) {
        const term_t *x = boxed_ptr(a), *y = boxed_ptr(b);
        size_t n = header_size(*x), i = 1;
        while (i <= n && x[i] == y[i]) i++;
        if (i > n) return 0;
        if (are_small(x[i], y[i])) return (int64_t)x[i] < (int64_t)y[i] ? -1 : 1;
        if (is_atom(x[i]) && is_atom(y[i])) return atom_compare(vm, x[i], y[i]);
    }
    return a == b ? 0 : term_cmp_slow(vm, a, b);
}

static inline int level_of(const ets_obj_t *n) { return n ? n->level : 0; }
static inline void level_set(ets_obj_t *n) {
    int a = level_of(n->left), b = level_of(n->right);
    n->level = (uint8_t)((a > b ? a : b) + 1);
}
static ets_obj_t *rotate_right(ets_obj_t *n) {
    ets_obj_t *l = n->left;
    n->left = l->right;
    l->right = n;
    level_set(n);
    level_set(l);
    return l;
}
static ets_obj_t *rotate_left(ets_obj_t *n) {
    ets_obj_t *r = n->right;
    n->right = r->left;
    r->left = n;
    level_set(n);
    level_set(r);
    return r;
}
static ets_obj_t *balance(ets_obj_t *n) {
    int a = level_of(n->left), b = level_of(n->right);
    if (a > b + 1) {
        if (level_of(n->left->left) < level_of(n->left->right)) n->left = rotate_left(n->left);
        return rotate_right(n);
    }
    if (b > a + 1) {
        if (level_of(n->right->right) < level_of(n->right->left)) n->right = rotate_right(n->right);
        return rotate_left(n);
    }
    level_set(n);
    return n;
}

typedef struct {
    ets_obj_t **link[96];
    int depth;
} links_t;

/* The link that holds key's node, or where it would be; the links above it in l. */
static ets_obj_t **tree_link(vm_t *vm, ets_t *t, term_t key, links_t *l) {
    ets_obj_t **link = &t->root;
    l->depth = 0;
    while (*link) {
        int c = key_cmp(vm, key, ets_obj_key(t, *link));
        if (c == 0) break;
        l->link[l->depth++] = link;
        link = c < 0 ? &(*link)->left : &(*link)->right;
    }
    return link;
}

static void rebalance(links_t *l) {
    while (l->depth-- > 0) {
        ets_obj_t **link = l->link[l->depth];
        uint8_t level = (*link)->level;
        ets_obj_t *n = balance(*link);
        *link = n;
        if (n->level == level) break;
    }
}

static void node_swap(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link, ets_obj_t *o) {
    ets_obj_t *old = *link;
    o->left = old->left;
    o->right = old->right;
    o->level = old->level;
    *link = o;
    t->words += ets_obj_room(o);
    t->words -= ets_obj_room(old);
    ets_obj_free(vm, s, old);
}

static void tree_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    links_t l;
    ets_obj_t **link = tree_link(vm, t, ets_obj_key(t, o), &l);
    if (*link) {
        node_swap(vm, s, t, link, o);
        return;
    }
    o->left = o->right = NULL;
    o->level = 1;
    *link = o;
    count_in(t, o);
    rebalance(&l);
}

static void tree_remove(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t **link, links_t *l) {
    ets_obj_t *o = *link;
    count_out(t, o);
    if (!o->left || !o->right) {
        *link = o->left ? o->left : o->right;
    } else {
        /* The next greater one takes its place. */
        int at = l->depth;
        l->link[l->depth++] = link;
        ets_obj_t **down = &o->right;
        while ((*down)->left) {
            l->link[l->depth++] = down;
            down = &(*down)->left;
        }
        ets_obj_t *n = *down;
        *down = n->right;
        n->left = o->left;
        n->right = o->right;
        n->level = o->level;
        *link = n;
        if (l->depth > at + 1) l->link[at + 1] = &n->right;
    }
    rebalance(l);
    ets_obj_free(vm, s, o);
}

void ets_tree_seek(vm_t *vm, const ets_t *t, ets_walk_t *w, term_t key, bool equal, bool back) {
    int found = 0;
    ets_obj_t *n = t->root;
    w->depth = 0;
    while (n) {
        int c = key == TERM_NONE ? (back ? 1 : -1) : key_cmp(vm, key, ets_obj_key(t, n));
        w->path[w->depth++] = n;
        if (c == 0 && equal) return;
        if (back ? c > 0 : c < 0) {
            found = w->depth;
            n = back ? n->right : n->left;
        } else {
            n = back ? n->left : n->right;
        }
    }
    w->depth = found;
}

void ets_tree_step(ets_walk_t *w, bool back) {
    ets_obj_t *n = w->path[w->depth - 1], *down = back ? n->left : n->right;
    if (down) {
        for (; down; down = back ? down->right : down->left) w->path[w->depth++] = down;
        return;
    }
    for (w->depth--; w->depth > 0; w->depth--) {
        ets_obj_t *up = w->path[w->depth - 1];
        if ((back ? up->right : up->left) == n) return;
        n = up;
    }
}

/* ---- both ---- */

ets_obj_t *ets_find(vm_t *vm, const ets_t *t, term_t key) {
    if (ets_is_tree(t)) {
        ets_obj_t *n = t->root;
        while (n) {
            int c = key_cmp(vm, key, ets_obj_key(t, n));
            if (c == 0) break;
            n = c < 0 ? n->left : n->right;
        }
        return n;
    }
    uint64_t hash = key_hash(vm, key);
    ets_obj_t *o = *chain_find(vm, t, hash, key);
    if (!o || LIKELY(!o->dead)) return o;
    return hash_live(vm, t, o, hash, key);
}

void ets_put(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    if (ets_is_tree(t))
        tree_put(vm, s, t, o);
    else
        hash_put(vm, s, t, o);
}

static ets_obj_t **link_of(const ets_t *t, ets_obj_t *o) {
    ets_obj_t **link = ets_bucket(t, bucket_index(t, o->hash));
    while (*link != o) link = &(*link)->left;
    return link;
}

void ets_replace(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *old, ets_obj_t *o) {
    if (ets_is_tree(t)) {
        links_t l;
        node_swap(vm, s, t, tree_link(vm, t, ets_obj_key(t, old), &l), o);
    } else {
        o->hash = old->hash;
        put_at(vm, s, t, link_of(t, old), o);
    }
}

size_t ets_erase(vm_t *vm, sched_t *s, ets_t *t, term_t key) {
    if (ets_is_tree(t)) {
        links_t l;
        ets_obj_t **link = tree_link(vm, t, key, &l);
        if (!*link) return 0;
        tree_remove(vm, s, t, link, &l);
        return 1;
    }
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

/* 1: o is that object, 0: not, ETS_NO_MEMORY. */
static int is_that(vm_t *vm, sched_t *s, ets_obj_t *o, term_t object) {
    ets_obj_t *seen = ets_obj_open(vm, s, o);
    if (!seen) return ETS_NO_MEMORY;
    bool same = term_eq(vm, ets_obj_term(seen), object);
    ets_obj_close(vm, s, o, seen);
    return same;
}

int64_t ets_erase_object(vm_t *vm, sched_t *s, ets_t *t, term_t object) {
    term_t key = tuple_elem(object, t->keypos);
    int64_t n = 0;
    int same = 0;
    if (ets_is_tree(t)) {
        links_t l;
        ets_obj_t **link = tree_link(vm, t, key, &l);
        if (*link) same = is_that(vm, s, *link, object);
        if (same > 0) tree_remove(vm, s, t, link, &l);
        return same;
    }
    uint64_t hash = key_hash(vm, key);
    ets_obj_t **link = chain_find(vm, t, hash, key), *o;
    while ((o = *link) != NULL && o->hash == hash && term_eq(vm, ets_obj_key(t, o), key)) {
        if (!o->dead && (same = is_that(vm, s, o, object)) > 0) {
            unlink_at(vm, s, t, link);
            n++;
        }
        if (same < 0) return same;
        if (*link == o) link = &o->left;
    }
    if (n) shrink(vm, t);
    return n;
}

void ets_erase_one(vm_t *vm, sched_t *s, ets_t *t, ets_obj_t *o) {
    if (ets_is_tree(t)) {
        links_t l;
        ets_obj_t **link = tree_link(vm, t, ets_obj_key(t, o), &l);
        tree_remove(vm, s, t, link, &l);
    } else {
        unlink_at(vm, s, t, link_of(t, o));
    }
}

bool ets_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    if (ets_is_tree(t)) {
        /* A left child is turned up until there is none: no stack is needed. */
        ets_obj_t *o = t->root;
        while (o && n > 0) {
            ets_obj_t *l = o->left;
            if (l) {
                o->left = l->right;
                l->right = o;
                o = l;
                continue;
            }
            l = o->right;
            ets_obj_free(vm, s, o);
            o = l;
            n--;
        }
        t->root = o;
        if (o) return false;
    } else if (t->nbuckets && t->seg[0]) { /* (no segment: there was no memory to make the table) */
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
        if (t->nbuckets) return false;
    }
    t->count = t->words = 0;
    return true;
}

ets_t *ets_steal(vm_t *vm, ets_t *t) {
    ets_t *c = mem_calloc(vm, sizeof *c);
    ets_obj_t **first = NULL;
    if (!c) return NULL;
    if (!ets_is_tree(t)) {
        first = mem_calloc(vm, sizeof(ets_obj_t *) << ETS_FIRST_LOG);
        if (!first) {
            mem_free(vm, c, sizeof *c);
            return NULL;
        }
    }
    magic_init(vm, &c->magic, table_destroy);
    c->odd = ETS_DELETED;
    c->type = t->type;
    c->keypos = t->keypos;
    c->heir = A_none;
    c->root = t->root;
    c->nbuckets = t->nbuckets;
    c->base = t->base;
    memcpy(c->seg, t->seg, sizeof c->seg);
    c->dead_buckets = t->dead_buckets;
    c->dead_room = t->dead_room;
    t->root = NULL;
    memset(t->seg, 0, sizeof t->seg);
    t->seg[0] = first;
    t->nbuckets = t->base = first ? (size_t)1 << ETS_FIRST_LOG : 0;
    t->dead_buckets = NULL;
    t->ndead = t->dead_room = 0;
    t->dead_lost = false;
    t->count = t->words = 0;
    return c;
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

size_t ets_clear(vm_t *vm, sched_t *s, ets_t *t) {
    size_t n = t->count;
    if (ets_is_tree(t)) {
        while (!ets_drain(vm, s, t, SIZE_MAX)) {
        }
    } else if (is_fixed(t)) {
        size_t slot = 0;
        ets_mark_dead(vm, s, t, &slot, SIZE_MAX);
    } else {
        content_free(vm, s, t);
        t->nbuckets = t->base = (size_t)1 << ETS_FIRST_LOG;
    }
    return n;
}
