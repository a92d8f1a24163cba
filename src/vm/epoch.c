/* epoch.c: when memory that readers without locks may still see is given back.
 *
 * Each scheduler publishes the global epoch it has seen between two processes, visitors (vm_enter:
 * threads that are no scheduler) for the length of their visit. What was unlinked in epoch e is
 * freed once nobody active is at e or before. With 0 threads everything is freed at once.
 *
 * Relies on the schedulers' own parts (sched_internal.h). Any thread.
 */
#include "vm/sched.h"
#include "vm/sched_internal.h"

void deferred_init(deferred_list_t *l) {
    l->first = NULL;
    l->last = &l->first;
    l->count = 0;
}

static void deferred_put(deferred_list_t *l, deferred_t *d) {
    d->next = NULL;
    *l->last = d;
    l->last = &d->next;
    l->count++;
}

static uint64_t oldest_epoch(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    uint64_t oldest = UINT64_MAX;
    for (unsigned i = 0; i < vm->nscheds; i++) {
        uint64_t e = atomic_load_explicit(&vm->scheds[i]->priv->epoch, memory_order_seq_cst);
        if (e && e < oldest) oldest = e;
    }
    for (unsigned i = 0; i < VISITORS; i++) {
        uint64_t e = atomic_load_explicit(&sh->visit[i], memory_order_seq_cst);
        if (e && e < oldest) oldest = e;
    }
    return dirty_oldest_epoch(sh, oldest);
}

/* ---- notes ---- */

void notes_init(sched_shared_t *sh) {
    for (int i = 0; i < SPARE_NOTES; i++) {
        sh->spares[i].next = sh->spare;
        sh->spare = &sh->spares[i];
    }
}

/* NULL: no memory, and all spare ones are in use. */
static deferred_t *note_new(vm_t *vm) {
    deferred_t *d = pool_alloc(vm, sched_current(vm), sizeof *d);
    if (d) {
        *d = (deferred_t){.place = NOTE_POOLED};
        return d;
    }
    sched_shared_t *sh = sched_shared(vm);
    spin_lock(vm, &sh->lock);
    d = sh->spare;
    if (d) sh->spare = d->next;
    spin_unlock(vm, &sh->lock);
    if (d) *d = (deferred_t){.place = NOTE_SPARE};
    return d;
}

static void note_free(vm_t *vm, deferred_t *d) {
    if (d->place == NOTE_INSIDE) return;
    if (d->place == NOTE_POOLED) {
        pool_free(vm, sched_current(vm), d, sizeof *d);
        return;
    }
    sched_shared_t *sh = sched_shared(vm);
    spin_lock(vm, &sh->lock);
    d->next = sh->spare;
    sh->spare = d;
    spin_unlock(vm, &sh->lock);
}

void deferred_run(vm_t *vm, deferred_list_t *l, uint64_t before) {
    while (l->first && l->first->epoch < before) {
        deferred_t d = *l->first, *node = l->first;
        l->first = d.next;
        if (!l->first) l->last = &l->first;
        l->count--;
        note_free(vm, node);
        d.fn(vm, d.ptr);
    }
}

static void defer(vm_t *vm, deferred_t *d) {
    sched_t *s = sched_current(vm);
    sched_shared_t *sh = sched_shared(vm);
    d->epoch = atomic_fetch_add_explicit(&sh->epoch, 1, memory_order_seq_cst);
    if (s && !s->dirty) { /* a dirty one may sleep for long */
        deferred_put(&s->priv->deferred, d);
        return;
    }
    spin_lock(vm, &sh->lock);
    deferred_put(&sh->foreign, d);
    atomic_store_explicit(&sh->nforeign, sh->foreign.count, memory_order_relaxed);
    spin_unlock(vm, &sh->lock);
}

void sched_defer_free(vm_t *vm, void *ptr, void (*fn)(vm_t *vm, void *ptr)) {
    if (!vm->threaded) {
        fn(vm, ptr);
        return;
    }
    deferred_t *d = note_new(vm);
    /* Without a note the block stays allocated: better than freeing it too early. */
    if (!d) return;
    d->ptr = ptr;
    d->fn = fn;
    defer(vm, d);
}

uint64_t sched_epoch_begin(vm_t *vm) {
    return atomic_fetch_add_explicit(&sched_shared(vm)->epoch, 1, memory_order_seq_cst);
}

bool sched_epoch_is_over(vm_t *vm, uint64_t epoch) {
    return !vm->threaded || oldest_epoch(vm) > epoch;
}

void sched_defer_proc(proc_t *p, void (*fn)(vm_t *vm, void *ptr)) {
    /* The first heap is dead and nobody else ever looks there. */
    deferred_t *d = (deferred_t *)p->heap0;
    *d = (deferred_t){.ptr = p, .fn = fn, .place = NOTE_INSIDE};
    defer(p->vm, d);
}

void epoch_reclaim(sched_t *s) {
    vm_t *vm = s->vm;
    sched_shared_t *sh = s->priv->shared;
    deferred_list_t *mine = &s->priv->deferred;
    spin_lock(vm, &sh->lock);
    if (sh->foreign.first) { /* nobody else would ever look after these */
        *mine->last = sh->foreign.first;
        mine->last = sh->foreign.last;
        mine->count += sh->foreign.count;
        deferred_init(&sh->foreign);
        atomic_store_explicit(&sh->nforeign, 0, memory_order_relaxed);
    }
    spin_unlock(vm, &sh->lock);
    deferred_run(vm, mine, oldest_epoch(vm));
}

COLD void epoch_reclaim_foreign(vm_t *vm) {
    sched_shared_t *sh = sched_shared(vm);
    deferred_list_t l;
    deferred_init(&l);
    uint64_t before = oldest_epoch(vm);
    spin_lock(vm, &sh->lock);
    while (sh->foreign.first && sh->foreign.first->epoch < before) {
        deferred_t *d = sh->foreign.first;
        sh->foreign.first = d->next;
        if (!sh->foreign.first) sh->foreign.last = &sh->foreign.first;
        sh->foreign.count--;
        deferred_put(&l, d);
    }
    atomic_store_explicit(&sh->nforeign, sh->foreign.count, memory_order_relaxed);
    spin_unlock(vm, &sh->lock);
    deferred_run(vm, &l, before);
}

/* Whoever frees looks at the announcements after it has raised the epoch;
 * an announcement it missed therefore reads the raised one here and is repeated. */
void epoch_announce(sched_shared_t *sh, _Atomic(uint64_t) *mine) {
    uint64_t e = atomic_load_explicit(&sh->epoch, memory_order_seq_cst), now;
    for (;; e = now) {
        atomic_store_explicit(mine, e, memory_order_seq_cst);
        now = atomic_load_explicit(&sh->epoch, memory_order_seq_cst);
        if (now == e) return;
    }
}

vm_visit_t vm_enter(vm_t *vm) {
    vm_visit_t none = {-1};
    sched_t *s = sched_current(vm);
    if (!vm->threaded || (s && !s->detached)) return none;
    sched_shared_t *sh = sched_shared(vm);
    for (;;) {
        for (int i = 0; i < VISITORS; i++) {
            uint64_t unused = 0;
            if (atomic_compare_exchange_strong_explicit(
                    &sh->visit[i], &unused, 1, memory_order_seq_cst, memory_order_relaxed)) {
                epoch_announce(sh, &sh->visit[i]);
                return (vm_visit_t){i};
            }
        }
        vm->host->ops->yield(vm->host);
    }
}

void vm_leave(vm_t *vm, vm_visit_t v) {
    if (v.slot >= 0)
        atomic_store_explicit(&sched_shared(vm)->visit[v.slot], 0, memory_order_release);
}
