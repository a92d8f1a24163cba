/* purge.c: getting rid of old versions of modules, and finding out who still needs one.
 *
 * A purge has two halves with a check of all processes between them (erts_code_purger does it):
 * prepare makes the version's funs unreachable, so that no process can enter it any more; then each
 * process says whether it is still inside; complete frees it, abort gives the funs back. One purge
 * at a time. Used by bif_code.c and the embedder's API. Relies on code.c and the layout of a
 * process's heap and stack.
 */
#include "vm/code_table.h"
#include "vm/hash.h"
#include "vm/process.h"

/* ---- the protocol ---- */

static module_t *purging(vm_t *vm) {
    return atomic_load_explicit(&vm->code->purging, memory_order_acquire);
}

bool fun_is_being_purged(vm_t *vm, const fun_entry_t *f) {
    const module_t *m = purging(vm);
    return m != NULL && f->owner == m;
}

static int purge_prepare(vm_t *vm, term_t name, bool on_load) {
    struct code_table *t = vm->code;
    if (purging(vm) != NULL) return -1;
    module_t *m = on_load ? module_find_on_load(vm, name) : module_find_old(vm, name);
    if (m == NULL) return 0;
    t->purging_on_load = on_load;
    atomic_store_explicit(&t->purging, m, memory_order_release);
    module_funs_detach(m);
    return 1;
}

static int purge_finish(vm_t *vm, term_t name, bool complete, bool keep) {
    struct code_table *t = vm->code;
    module_t *m = purging(vm);
    if (m == NULL || m->name != name) return -1;
    if (!complete) {
        /* A newer version may have taken some of the funs meanwhile. */
        for (uint32_t i = 0; m->fun_code != NULL && i < m->nfuns; i++)
            if (m->funs[i]->owner == m)
                atomic_store_explicit(&m->funs[i]->code, m->fun_code[i], memory_order_release);
        atomic_store_explicit(&t->purging, NULL, memory_order_release);
        return 0;
    }
    module_slot_t *s = module_slot_find(vm, name);
    atomic_store_explicit(t->purging_on_load ? &s->on_load : &s->old, NULL, memory_order_release);
    atomic_store_explicit(&t->purging, NULL, memory_order_release);
    module_retire(vm, m, keep);
    return 1;
}

int code_purge(vm_t *vm, term_t name, int op, bool keep) {
    switch (op) {
    case PURGE_PREPARE: return purge_prepare(vm, name, false);
    case PURGE_PREPARE_ON_LOAD: return purge_prepare(vm, name, true);
    case PURGE_ABORT: return purge_finish(vm, name, false, false);
    case PURGE_COMPLETE: return purge_finish(vm, name, true, keep);
    default: return -1;
    }
}

bool module_purge_old(vm_t *vm, term_t name) {
    return code_purge(vm, name, PURGE_PREPARE, false) == 1 &&
           code_purge(vm, name, PURGE_COMPLETE, false) == 1;
}

typedef struct {
    const module_t *module;
    bool used;
} use_check_t;

static bool check_one(void *user, proc_t *p) {
    use_check_t *c = user;
    c->used = proc_uses_module(p, c->module);
    return !c->used;
}

int module_soft_purge(vm_t *vm, term_t name) {
    use_check_t c = {module_find_old(vm, name), false};
    if (c.module == NULL) return 1;
    if (purging(vm) != NULL) return 0;
    proc_each(vm, check_one, &c);
    return !c.used && module_purge_old(vm, name);
}

/* ---- does a process need a version? ---- */

static bool in_code(const module_t *m, uint64_t address) {
    return address - (uint64_t)(uintptr_t)m->code <= m->code_words * sizeof(uint64_t);
}

static bool stack_uses(const proc_t *p, const module_t *m) {
    for (const term_t *s = p->sp; s < p->hend; s++) {
        if ((*s & TAG_MASK) == TAG_HEADER) { /* return address */
            if (in_code(m, *s - TAG_HEADER)) return true;
        } else if (is_catch(*s) && in_code(m, (uint64_t)(uintptr_t)catch_address(*s))) {
            return true;
        }
    }
    return false;
}

static bool fun_uses(const term_t *object, const module_t *m) {
    return ((const fun_obj_t *)object)->entry->owner == m;
}

/* Is there a fun of m among these objects, dead or alive? */
static bool words_use(const term_t *w, const term_t *end, const module_t *m) {
    while (w < end) {
        if (!is_header(*w)) {
            w++;
            continue;
        }
        if (header_type(*w) == T_FUN && fun_uses(w, m)) return true;
        w += header_is_raw(*w) ? 1 + header_size(*w) : 1;
    }
    return false;
}

static bool signals_use(const signal_t *s, const module_t *m) {
    for (; s != NULL; s = s->next)
        if (words_use(s->data, s->data + s->used, m)) return true;
    return false;
}

/* A quick look at all words the process owns. It may be fooled by garbage, never the other way. */
static bool heap_may_use(proc_t *p, const module_t *m) {
    return words_use(p->heap, p->htop, m) ||
           (p->old_heap != NULL && words_use(p->old_heap, p->old_top, m)) ||
           signals_use(p->frags, m) || signals_use(p->mq.first, m) ||
           signals_use(atomic_load_explicit(&p->sig_in, memory_order_acquire), m);
}

/* The exact answer for a heap with such a fun: a walk from the roots. Garbage with a fun in it must
 * not get a process killed. Each object is visited once: seen is a set of their addresses. */
typedef struct {
    vm_t *vm;
    const module_t *module;
    term_t *stack; /* terms to look at */
    size_t depth, cap;
    uint64_t *seen;
    size_t seen_mask, seen_count;
    bool used; /* found one, or no memory to go on */
} walk_t;

static void walk_push(walk_t *k, term_t t) {
    if (!is_pointer(t) || is_literal(k->vm, t)) return;
    if (k->depth == k->cap) {
        size_t cap = k->cap == 0 ? 256 : k->cap * 2;
        term_t *stack = mem_realloc(k->vm, k->stack, k->cap * sizeof *stack, cap * sizeof *stack);
        if (stack == NULL) {
            k->used = true;
            return;
        }
        k->stack = stack;
        k->cap = cap;
    }
    k->stack[k->depth++] = t;
}

static void seen_put(uint64_t *seen, size_t mask, uint64_t key) {
    size_t i = hash_mix(key) & mask;
    while (seen[i] != 0) i = (i + 1) & mask;
    seen[i] = key;
}

/* false: was there already (or no memory). */
static bool seen_add(walk_t *k, term_t t) {
    if (k->seen == NULL || k->seen_count * 2 > k->seen_mask) {
        size_t slots = k->seen == NULL ? 1024 : (k->seen_mask + 1) * 2;
        uint64_t *seen = mem_calloc(k->vm, slots * sizeof *seen);
        if (seen == NULL) {
            k->used = true;
            return false;
        }
        for (size_t i = 0; k->seen != NULL && i <= k->seen_mask; i++)
            if (k->seen[i] != 0) seen_put(seen, slots - 1, k->seen[i]);
        if (k->seen != NULL) mem_free(k->vm, k->seen, (k->seen_mask + 1) * sizeof *seen);
        k->seen = seen;
        k->seen_mask = slots - 1;
    }
    for (size_t i = hash_mix(t) & k->seen_mask; k->seen[i] != 0; i = (i + 1) & k->seen_mask)
        if (k->seen[i] == t) return false;
    seen_put(k->seen, k->seen_mask, t);
    k->seen_count++;
    return true;
}

static void walk(walk_t *k) {
    while (k->depth > 0 && !k->used) {
        term_t t = k->stack[--k->depth];
        if (!seen_add(k, t)) continue;
        if (is_cons(t)) {
            walk_push(k, cons_head(t));
            walk_push(k, cons_tail(t));
            continue;
        }
        const term_t *object = boxed_ptr(t);
        if (header_is_raw(*object)) continue;
        if (header_type(*object) == T_FUN && fun_uses(object, k->module)) {
            k->used = true;
            return;
        }
        /* Pointers among the words look like small integers. */
        for (size_t i = 1; i <= header_size(*object); i++) walk_push(k, object[i]);
    }
}

static void walk_roots(void *user, term_t *terms, size_t n) {
    walk_t *k = user;
    for (size_t i = 0; i < n && !k->used; i++) {
        walk_push(k, terms[i]);
        walk(k);
    }
}

static void walk_signals(walk_t *k, signal_t *s) {
    for (; s != NULL && !k->used; s = s->next) {
        walk_roots(k, &s->term, 1);
        walk_roots(k, &s->from, 1);
    }
}

static bool fun_in_reach(proc_t *p, const module_t *m) {
    walk_t k = {.vm = p->vm, .module = m};
    for (term_t *s = p->sp; s < p->hend && !k.used; s++)
        if ((*s & TAG_MASK) != TAG_HEADER) walk_roots(&k, s, 1);
    walk_roots(&k, &p->fvalue, 1);
    walk_roots(&k, &p->ftrace, 1);
    walk_roots(&k, &p->group_leader, 1);
    size_t n = 0;
    term_t *dict = pdict_roots(p, &n);
    walk_roots(&k, dict, n);
    proc_ext_roots(p, walk_roots, &k);
    walk_signals(&k, p->mq.first);
    walk_signals(&k, atomic_load_explicit(&p->sig_in, memory_order_acquire));
    mem_free(p->vm, k.stack, k.cap * sizeof *k.stack);
    if (k.seen != NULL) mem_free(p->vm, k.seen, (k.seen_mask + 1) * sizeof *k.seen);
    return k.used;
}

static bool heap_uses(proc_t *p, const module_t *m) {
    return m->nfuns > 0 && heap_may_use(p, m) && fun_in_reach(p, m);
}

bool proc_uses_module(proc_t *p, const module_t *m) {
    return in_code(m, (uint64_t)(uintptr_t)p->ip) || stack_uses(p, m) || heap_uses(p, m);
}

bool proc_uses_old_code(proc_t *p, term_t module, bool in_bif) {
    /* A failed on_load function's version is purged by the same means as an old one. */
    const module_t *m = purging(p->vm);
    if (m == NULL || m->name != module) m = module_find_old(p->vm, module);
    if (m == NULL) return false;
    /* While p runs a BIF, p->ip only says where its time slice began. */
    return in_bif ? stack_uses(p, m) || heap_uses(p, m) : proc_uses_module(p, m);
}
