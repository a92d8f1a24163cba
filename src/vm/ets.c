/* ets.c: tables as wholes: locks, registry, owners, fixation, life and end (see ets.h). What is in
 * them: ets_object.c, ets_hash.c, ets_tree.c. Relies on hash.h, process.h. Called by the BIFs of
 * tables and, at a process's end, by process.c.
 */
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/ets_store.h"
#include "vm/hash.h"
#include "vm/magic.h"
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

void ets_hold(ets_t *t) { atomic_fetch_add_explicit(&t->fixed, 1, memory_order_relaxed); }

void ets_unhold(vm_t *vm, ets_t *t) {
    if (atomic_fetch_sub_explicit(&t->fixed, 1, memory_order_relaxed) == 1 &&
        (t->ndead || t->dead_lost))
        ets_hash_purge(vm, t);
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

bool ets_drain(vm_t *vm, sched_t *s, ets_t *t, size_t n) {
    if (!ETS_KIND(t, drain, vm, s, t, n)) return false;
    t->count = t->words = 0;
    return true;
}

size_t ets_clear(vm_t *vm, sched_t *s, ets_t *t) {
    size_t n = t->count;
    if (ets_is_tree(t)) {
        while (!ets_drain(vm, s, t, SIZE_MAX)) {
        }
    } else if (ets_is_fixed(t)) {
        size_t slot = 0;
        ets_mark_dead(vm, s, t, &slot, SIZE_MAX);
    } else {
        content_free(vm, s, t);
        t->nbuckets = t->base = (size_t)1 << ETS_FIRST_LOG;
    }
    return n;
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
