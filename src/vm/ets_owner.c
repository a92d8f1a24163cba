/* ets_owner.c: what processes have to do with tables: who owns and who fixes them, and what becomes
 * of tables when their owner ends (see ets.h). Relies on process.h; the registry's lock guards all
 * records. Called by ets.c, by the BIFs of tables and, at a process's end, by process.c.
 */
#include "vm/code.h"
#include "vm/ets_store.h"
#include "vm/magic.h"
#include "vm/process.h"

/* ---- owners ---- registry locked */

static ets_owner_t *owner_find(vm_t *vm, term_t pid) {
    ets_owner_t *o =
        atomic_load_explicit(&vm->ets->owners[ets_reg_slot(pid)], memory_order_relaxed);
    while (o && o->pid != pid) o = o->next;
    return o;
}

static ets_owner_t *owner_get(vm_t *vm, term_t pid) {
    ets_owner_t *o = owner_find(vm, pid);
    if (o) return o;
    o = mem_calloc(vm, sizeof *o);
    if (!o) return NULL;
    _Atomic(ets_owner_t *) *slot = &vm->ets->owners[ets_reg_slot(pid)];
    o->pid = pid;
    o->next = atomic_load_explicit(slot, memory_order_relaxed);
    atomic_store_explicit(slot, o, memory_order_seq_cst);
    return o;
}

static void owner_drop(vm_t *vm, ets_owner_t *o) {
    if (o->tables || o->fixes || o->corpses) return;
    _Atomic(ets_owner_t *) *slot = &vm->ets->owners[ets_reg_slot(o->pid)];
    ets_owner_t *head = atomic_load_explicit(slot, memory_order_relaxed);
    if (head == o) {
        atomic_store_explicit(slot, o->next, memory_order_relaxed);
    } else {
        while (head->next != o) head = head->next;
        head->next = o->next;
    }
    mem_free(vm, o, sizeof *o);
}

/* At the head of one of o's lists. */
static void owned_link(ets_t **list, ets_t *t) {
    t->owned_next = *list;
    t->owned_prev = list;
    if (*list) (*list)->owned_prev = &t->owned_next;
    *list = t;
}
static void owned_unlink(ets_t *t) {
    *t->owned_prev = t->owned_next;
    if (t->owned_next) t->owned_next->owned_prev = t->owned_prev;
    t->owned_prev = NULL;
}
/* A record that may have nothing left to tell. */
static void owner_look(vm_t *vm, term_t pid) {
    ets_owner_t *o = owner_find(vm, pid);
    if (o) owner_drop(vm, o);
}

bool ets_own(vm_t *vm, term_t pid, ets_t *t) {
    ets_owner_t *o = owner_get(vm, pid);
    if (o) owned_link(&o->tables, t);
    return o != NULL;
}
void ets_disown(vm_t *vm, ets_t *t) {
    owned_unlink(t);
    owner_look(vm, t->owner);
}

/* ---- fixation ---- */

void ets_hold(ets_t *t) { atomic_fetch_add_explicit(&t->fixed, 1, memory_order_relaxed); }

enum { UNHOLD_BUCKETS = 2000 };

bool ets_unhold(vm_t *vm, ets_t *t) {
    if (atomic_fetch_sub_explicit(&t->fixed, 1, memory_order_relaxed) > 1) return true;
    return ets_purge(vm, sched_current(vm), t, UNHOLD_BUCKETS);
}

void ets_fix_free(vm_t *vm, ets_fix_t *f) {
    ets_fix_t **link = &f->table->fixes;
    while (*link != f) link = &(*link)->next;
    *link = f->next;
    *f->owner_prev = f->owner_next;
    if (f->owner_next) f->owner_next->owner_prev = f->owner_prev;
    owner_look(vm, f->pid);
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
        if (--f->count == 0) ets_fix_free(vm, f);
        ets_registry_unlock(vm);
        return ets_unhold(vm, t);
    }
    ets_registry_unlock(vm);
    return ok;
}

/* ---- giving away ---- */

bool ets_set_owner(vm_t *vm, ets_t *t, term_t to) {
    ets_registry_lock(vm);
    ets_owner_t *o = owner_get(vm, to);
    /* The new owner is on record before its life is asked for, and its end looks at the records
     * after it is marked: one of the two sees the other. */
    atomic_thread_fence(memory_order_seq_cst);
    proc_t *q = o && is_local_pid(to) ? proc_lookup(vm, to) : NULL;
    bool ok = q && !(atomic_load_explicit(&q->state, memory_order_seq_cst) & PS_EXITING);
    if (ok) {
        term_t from = atomic_load_explicit(&t->owner, memory_order_relaxed);
        owned_unlink(t);
        owned_link(&o->tables, t); /* before the old record goes: it may be the same */
        atomic_store_explicit(&t->owner, to, memory_order_relaxed);
        owner_look(vm, from);
    } else if (o) {
        owner_drop(vm, o);
    }
    ets_registry_unlock(vm);
    return ok;
}

bool ets_send_transfer(proc_t *from, vm_t *vm, ets_t *t, term_t to, term_t from_pid, term_t gift) {
    /* {'ETS-TRANSFER', Id, FromPid, Gift}, put together outside any heap. */
    term_t words[5 + MAGIC_REF_WORDS], id = atomic_load_explicit(&t->name, memory_order_relaxed);
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

/* ---- what is left of deleted tables ----
 * A process that deletes a large table frees it over several slices. Should it be killed meanwhile,
 * that goes on at its end. */

bool ets_corpse_keep(proc_t *p, ets_t *corpse) {
    ets_registry_lock(p->vm);
    ets_owner_t *o = owner_get(p->vm, p->pid);
    if (o) owned_link(&o->corpses, corpse);
    ets_registry_unlock(p->vm);
    return o != NULL;
}

void ets_corpse_done(proc_t *p, ets_t *corpse) {
    if (!corpse->owned_prev) return;
    ets_registry_lock(p->vm);
    owned_unlink(corpse);
    owner_look(p->vm, p->pid);
    ets_registry_unlock(p->vm);
    ets_release(corpse);
}

void ets_objects_leave(proc_t *p, ets_obj_t *list) {
    ets_t *c = list ? ets_corpse(p->vm, ETS_ORDERED_SET, 1) : NULL;
    if (c) c->junk = list;
    if (c && ets_corpse_keep(p, c)) return;
    if (c)
        ets_release(c);
    else
        ets_objects_free(p->vm, p->sched, list);
}

void ets_owners_free(vm_t *vm) {
    for (size_t i = 0; i < ETS_REG_BUCKETS; i++) { /* of processes that were just ending */
        ets_owner_t *o = atomic_load_explicit(&vm->ets->owners[i], memory_order_relaxed), *next;
        for (; o; o = next) {
            next = o->next;
            while (o->corpses) {
                ets_t *c = o->corpses;
                owned_unlink(c);
                ets_release(c);
            }
            mem_free(vm, o, sizeof *o);
        }
    }
}

/* A table of a process that ends, locked exclusively, which ends here. */
static void owner_exit_table(proc_t *p, ets_t *t) {
    vm_t *vm = p->vm;
    if (t->heir != A_none && t->heir != p->pid && ets_set_owner(vm, t, t->heir)) {
        ets_send_transfer(p, vm, t, t->heir, p->pid, t->gift ? t->gift->term : (term_t)A_none);
        ets_unlock(vm, t, true);
        return;
    }
    ets_t *corpse = ets_kill(vm, t);
    if (corpse && !ets_corpse_keep(p, corpse)) ets_release(corpse); /* no memory to go by steps */
}

static void owner_exit_fix(proc_t *p, ets_t *t) {
    vm_t *vm = p->vm;
    uint64_t n = 0;
    ets_registry_lock(vm);
    ets_fix_t *f = t->fixes;
    while (f && f->pid != p->pid) f = f->next;
    if (f) {
        n = f->count;
        ets_fix_free(vm, f);
    }
    ets_registry_unlock(vm);
    while (n-- > 0) ets_unhold(vm, t);
    ets_unlock(vm, t, true);
}

enum { EXIT_OBJECTS = 8000, EXIT_TABLES = 100 };

bool ets_owner_exit(proc_t *p) {
    vm_t *vm = p->vm;
    if (!vm->ets ||
        !atomic_load_explicit(&vm->ets->owners[ets_reg_slot(p->pid)], memory_order_seq_cst))
        return true;
    for (int i = 0; i < EXIT_TABLES; i++) {
        bool fix = false;
        ets_registry_lock(vm);
        ets_owner_t *o = owner_find(vm, p->pid);
        ets_t *corpse = o ? o->corpses : NULL, *t = o ? o->tables : NULL;
        if (!t && o && o->fixes) {
            t = o->fixes->table;
            fix = true;
        }
        if (t && !corpse) ets_keep(t);
        ets_registry_unlock(vm);
        if (corpse) {
            if (!ets_drain(vm, p->sched, corpse, EXIT_OBJECTS)) return false;
            ets_corpse_done(p, corpse);
            continue;
        }
        if (!t) return true;
        ets_lock(vm, t, true);
        if (t->odd & ETS_DELETED) /* somebody was quicker */
            ets_unlock(vm, t, true);
        else if (fix)
            owner_exit_fix(p, t);
        else if (atomic_load_explicit(&t->owner, memory_order_relaxed) != p->pid)
            ets_unlock(vm, t, true);
        else
            owner_exit_table(p, t);
        ets_release(t);
    }
    return false;
}
