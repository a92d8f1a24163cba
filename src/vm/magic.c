/* magic.c: native objects behind references, and finding them again by number (see magic.h).
 *
 * Published objects hang in a hash table that holds no counts. Its lock guards buckets and chains;
 * an object whose count has reached 0 may still hang there until its releaser gets the lock, so a
 * finder takes a count only where there is one already. Relies on nothing but memory.
 */
#include "vm/magic.h"
#include "vm/hash.h"

enum { FIRST_BUCKETS = 64 };

struct magic_table {
    spin_t lock;
    size_t count, nbuckets; /* a power of two */
    magic_t **buckets;
};

bool magics_init(vm_t *vm) {
    struct magic_table *t = mem_calloc(vm, sizeof *t);
    vm->magics = t;
    if (!t) return false;
    t->buckets = mem_calloc(vm, FIRST_BUCKETS * sizeof(magic_t *));
    t->nbuckets = FIRST_BUCKETS;
    return t->buckets != NULL;
}

void magics_free(vm_t *vm) {
    struct magic_table *t = vm->magics;
    if (!t) return;
    mem_free(vm, t->buckets, t->nbuckets * sizeof(magic_t *));
    mem_free(vm, t, sizeof *t);
    vm->magics = NULL;
}

static magic_t **bucket_of(magic_t **buckets, size_t n, uint64_t id) {
    return &buckets[(size_t)hash_mix(id) & (n - 1)];
}

void magic_init(vm_t *vm, magic_t *m, void (*destroy)(magic_t *)) {
    atomic_init(&m->refs, 1);
    atomic_init(&m->published, false);
    m->destroy = destroy;
    m->vm = vm;
    m->id = vm_next_ref(vm);
    m->next = NULL;
}

/* Nobody holds a count any more. */
COLD static void withdraw(magic_t *m) {
    vm_t *vm = m->vm;
    struct magic_table *t = vm->magics;
    spin_lock(vm, &t->lock);
    magic_t **link = bucket_of(t->buckets, t->nbuckets, m->id);
    while (*link != m) link = &(*link)->next;
    *link = m->next;
    t->count--;
    spin_unlock(vm, &t->lock);
}

void magic_release(magic_t *m) {
    vm_t *vm = m->vm;
    if (!vm->locking) { /* the locked instruction is spared */
        uint64_t n = atomic_load_explicit(&m->refs, memory_order_relaxed) - 1;
        atomic_store_explicit(&m->refs, n, memory_order_relaxed);
        if (n > 0) return;
    } else if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (UNLIKELY(atomic_load_explicit(&m->published, memory_order_relaxed))) withdraw(m);
    m->destroy(m);
}

/* Twice as many buckets, allocated outside the lock. */
static void table_grow(vm_t *vm, struct magic_table *t, size_t n) {
    magic_t **old, **more = mem_calloc(vm, 2 * n * sizeof(magic_t *));
    if (!more) return; /* longer chains will do */
    spin_lock(vm, &t->lock);
    if (t->nbuckets == n) {
        old = t->buckets;
        for (size_t i = 0; i < n; i++)
            for (magic_t *m = old[i], *next; m; m = next) {
                magic_t **to = bucket_of(more, 2 * n, m->id);
                next = m->next;
                m->next = *to;
                *to = m;
            }
        t->buckets = more;
        t->nbuckets = 2 * n;
    } else { /* somebody was quicker */
        old = more;
        n *= 2;
    }
    spin_unlock(vm, &t->lock);
    mem_free(vm, old, n * sizeof(magic_t *));
}

void magic_publish(magic_t *m) {
    vm_t *vm = m->vm;
    struct magic_table *t = vm->magics;
    if (atomic_load_explicit(&m->published, memory_order_relaxed)) return;
    spin_lock(vm, &t->lock);
    if (!atomic_load_explicit(&m->published, memory_order_relaxed)) {
        magic_t **link = bucket_of(t->buckets, t->nbuckets, m->id);
        m->next = *link;
        *link = m;
        t->count++;
        atomic_store_explicit(&m->published, true, memory_order_relaxed);
    }
    size_t n = t->count > t->nbuckets ? t->nbuckets : 0;
    spin_unlock(vm, &t->lock);
    if (n) table_grow(vm, t, n);
}

magic_t *magic_find(vm_t *vm, uint64_t id) {
    struct magic_table *t = vm->magics;
    spin_lock(vm, &t->lock);
    magic_t *m = *bucket_of(t->buckets, t->nbuckets, id);
    while (m && m->id != id) m = m->next;
    uint64_t refs = m ? atomic_load_explicit(&m->refs, memory_order_relaxed) : 0;
    while (refs > 0 && !atomic_compare_exchange_weak_explicit(
                           &m->refs, &refs, refs + 1, memory_order_relaxed, memory_order_relaxed)) {
    }
    spin_unlock(vm, &t->lock);
    return refs > 0 ? m : NULL;
}

term_t magic_ref_outside(term_t *hp, magic_t *m, off_heap_t **off) {
    magic_ref_t *r = (magic_ref_t *)hp;
    r->off.header = make_header(T_MAGIC_REF, MAGIC_REF_WORDS - 1);
    r->off.next = *off;
    *off = &r->off;
    r->id = m->id;
    r->magic = m;
    return make_boxed(r);
}
