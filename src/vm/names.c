/* names.c: registered names.
 *
 * An open-addressing table from atom to pid or port. Readers take no lock: a slot's name never
 * changes once it is set, its value is one atomic word (0: nobody now). Writers hold the lock; a
 * full table is replaced by a new one, the old one is freed when nobody can still be reading it.
 * p->name belongs to the lock, too.
 */
#include "vm/hash.h"
#include "vm/heap.h"
#include "vm/port.h"
#include "vm/process.h"
#include "vm/trace.h"

typedef struct {
    _Atomic(term_t) name;  /* 0: free */
    _Atomic(term_t) value; /* 0: the name is not registered */
} entry_t;

typedef struct {
    uint32_t mask;
    uint32_t used; /* slots whose name is set */
    entry_t entry[];
} names_t;

struct name_table {
    spin_t lock;
    uint32_t count; /* names registered */
    _Atomic(names_t *) names;
};

#define FIRST_SLOTS 64

static size_t names_bytes(uint32_t slots) { return sizeof(names_t) + slots * sizeof(entry_t); }

static names_t *names_new(vm_t *vm, uint32_t slots) {
    names_t *n = mem_calloc(vm, names_bytes(slots));
    if (n) n->mask = slots - 1;
    return n;
}

static void names_release(vm_t *vm, void *ptr) {
    names_t *n = ptr;
    mem_free(vm, n, names_bytes(n->mask + 1));
}

bool names_init(vm_t *vm) {
    struct name_table *t = mem_calloc(vm, sizeof *t);
    names_t *n = t ? names_new(vm, FIRST_SLOTS) : NULL;
    if (!n) {
        mem_free(vm, t, sizeof *t);
        return false;
    }
    atomic_flag_clear(&t->lock.held);
    atomic_store_explicit(&t->names, n, memory_order_relaxed);
    vm->names = t;
    return true;
}

void names_free(vm_t *vm) {
    struct name_table *t = vm->names;
    if (!t) return;
    names_release(vm, atomic_load_explicit(&t->names, memory_order_relaxed));
    mem_free(vm, t, sizeof *t);
    vm->names = NULL;
}

/* The slot of name, or the free one where it would go. */
static entry_t *find(names_t *n, term_t name) {
    for (uint32_t i = (uint32_t)hash_mix(name);; i++) {
        entry_t *e = &n->entry[i & n->mask];
        term_t there = atomic_load_explicit(&e->name, memory_order_acquire);
        if (there == name || there == 0) return e;
    }
}

term_t name_whereis(vm_t *vm, term_t name) {
    names_t *n = atomic_load_explicit(&vm->names->names, memory_order_acquire);
    entry_t *e = find(n, name);
    if (atomic_load_explicit(&e->name, memory_order_acquire) == 0) return TERM_NONE;
    term_t value = atomic_load_explicit(&e->value, memory_order_acquire);
    return value == 0 ? TERM_NONE : value;
}

/* Under the lock: the table with room for one more name, names nobody has left behind. */
static names_t *grown(vm_t *vm, struct name_table *t) {
    names_t *n = atomic_load_explicit(&t->names, memory_order_relaxed);
    if (n->used * 4 < (n->mask + 1) * 3) return n;
    uint32_t slots = FIRST_SLOTS;
    while (slots < 2 * (t->count + 1)) slots *= 2;
    names_t *next = names_new(vm, slots);
    if (!next) return n->used < n->mask ? n : NULL;
    for (uint32_t i = 0; i <= n->mask; i++) {
        term_t name = atomic_load_explicit(&n->entry[i].name, memory_order_relaxed);
        term_t value = atomic_load_explicit(&n->entry[i].value, memory_order_relaxed);
        if (name == 0 || value == 0) continue;
        entry_t *e = find(next, name);
        atomic_store_explicit(&e->name, name, memory_order_relaxed);
        atomic_store_explicit(&e->value, value, memory_order_relaxed);
        next->used++;
    }
    atomic_store_explicit(&t->names, next, memory_order_release);
    sched_defer_free(vm, n, names_release);
    return next;
}

/* own: where the process or port notes its name. */
static bool enter(vm_t *vm, term_t name, term_t value, term_t *own, _Atomic(uint32_t) *state) {
    struct name_table *t = vm->names;
    bool ok = false;
    spin_lock(vm, &t->lock);
    if (is_nil(*own) &&
        !(atomic_load_explicit(state, memory_order_seq_cst) & (PS_EXITING | PS_FREE))) {
        names_t *n = grown(vm, t);
        entry_t *e = n ? find(n, name) : NULL;
        if (e && atomic_load_explicit(&e->value, memory_order_relaxed) == 0) {
            atomic_store_explicit(&e->value, value, memory_order_release);
            if (atomic_load_explicit(&e->name, memory_order_relaxed) == 0) {
                atomic_store_explicit(&e->name, name, memory_order_release);
                n->used++;
            }
            *own = name;
            t->count++;
            ok = true;
        }
    }
    spin_unlock(vm, &t->lock);
    return ok;
}

bool name_register(vm_t *vm, term_t name, proc_t *p) {
    return enter(vm, name, p->pid, &p->name, &p->state);
}
bool name_register_port(vm_t *vm, term_t name, outlet_t *o) {
    port_parts_t parts = port_parts(o);
    return enter(vm, name, parts.port, parts.name, parts.state);
}

/* Under the lock. */
static void drop(struct name_table *t, entry_t *e) {
    atomic_store_explicit(&e->value, 0, memory_order_release);
    t->count--;
}

bool name_unregister(vm_t *vm, term_t name) {
    struct name_table *t = vm->names;
    bool ok = false;
    proc_t *told = NULL;
    outlet_t *port = NULL;
    spin_lock(vm, &t->lock);
    entry_t *e = find(atomic_load_explicit(&t->names, memory_order_relaxed), name);
    term_t value = atomic_load_explicit(&e->value, memory_order_relaxed);
    if (value != 0) {
        /* A process that ends gives its name up under the lock before it leaves the table. */
        proc_t *p = is_local_pid(value) ? proc_lookup(vm, value) : NULL;
        outlet_t *o = p ? NULL : outlet_lookup(vm, value);
        if (p) p->name = TERM_NIL;
        if (o) *port_parts(o).name = TERM_NIL;
        if (p && UNLIKELY(trace_of(p) != NULL)) told = p;
        port = o;
        drop(t, e);
        ok = true;
    }
    spin_unlock(vm, &t->lock);
    if (told) trace_proc(told, A_unregister, name);
    if (port) port_trace_name(port, A_unregister, name);
    return ok;
}

/* Which it was, or NIL. */
static term_t forget(vm_t *vm, term_t *own) {
    struct name_table *t = vm->names;
    if (!vm->threaded && is_nil(*own)) return TERM_NIL;
    spin_lock(vm, &t->lock);
    term_t name = *own;
    if (!is_nil(name)) {
        drop(t, find(atomic_load_explicit(&t->names, memory_order_relaxed), name));
        *own = TERM_NIL;
    }
    spin_unlock(vm, &t->lock);
    return name;
}

void name_forget(proc_t *p) {
    term_t name = forget(p->vm, &p->name);
    if (!is_nil(name) && UNLIKELY(trace_of(p) != NULL)) trace_proc(p, A_unregister, name);
}
void name_forget_port(outlet_t *o) {
    port_parts_t parts = port_parts(o);
    term_t name = forget(parts.vm, parts.name);
    if (!is_nil(name)) port_trace_name(o, A_unregister, name);
}

static term_t read_name(vm_t *vm, const term_t *own) {
    spin_lock(vm, &vm->names->lock);
    term_t name = *own;
    spin_unlock(vm, &vm->names->lock);
    return name;
}

term_t name_of(proc_t *p) { return read_name(p->vm, &p->name); }
term_t name_of_port(outlet_t *o) {
    port_parts_t parts = port_parts(o);
    return read_name(parts.vm, parts.name);
}

term_t names_list(proc_t *p) {
    struct name_table *t = p->vm->names;
    spin_lock(p->vm, &t->lock);
    term_t *hp = heap_alloc(p, 2 * (size_t)t->count + 1), *start = hp, list = TERM_NIL;
    names_t *n = atomic_load_explicit(&t->names, memory_order_relaxed);
    for (uint32_t i = 0; hp && i <= n->mask; i++)
        if (atomic_load_explicit(&n->entry[i].value, memory_order_relaxed) != 0)
            list = cons(&hp, atomic_load_explicit(&n->entry[i].name, memory_order_relaxed), list);
    spin_unlock(p->vm, &t->lock);
    if (!start) return TERM_NONE;
    heap_release(p, hp, hp + 1);
    return list;
}
