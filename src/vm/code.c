/* code.c: the tables of modules, exports and funs, and where code addresses belong.
 *
 * Exports, funs and module slots are made once and never move or die before the VM, so readers
 * follow pointers without a lock; writers take code_table's spin lock. Modules die by purge.c.
 * Relies on memory, atoms, and on the engine for the stubs. Any thread.
 */
#include "vm/code_table.h"
#include "vm/bif_tables.h"
#include "vm/hash.h"
#include "vm/literals.h"
#include "vm/nif.h"
#include "vm/sched.h"
#include "vm/trace.h"

enum { SLAB_BYTES = 8192 };

/* ---- slabs and pointer tables ---- under the lock */

static void *slab_alloc(vm_t *vm, size_t bytes, size_t slab_bytes) {
    struct code_table *t = vm->code;
    bytes = (bytes + 15) & ~(size_t)15;
    slab_t *s = t->slabs;
    if (s == NULL || s->bytes - s->used < bytes) {
        s = mem_alloc(vm, sizeof *s + slab_bytes);
        if (s == NULL) return NULL;
        s->next = t->slabs;
        s->bytes = slab_bytes;
        s->used = 0;
        t->slabs = s;
    }
    void *p = (char *)s->data + s->used;
    s->used += bytes;
    return memset(p, 0, bytes);
}

static ptr_table_t *table_new(vm_t *vm, size_t slots) {
    size_t bytes = sizeof(ptr_table_t) + slots * sizeof(void *);
    ptr_table_t *t = mem_calloc(vm, bytes);
    if (t == NULL) return NULL;
    t->bytes = bytes;
    t->mask = slots - 1;
    return t;
}

static void table_release(vm_t *vm, void *t) {
    if (t != NULL) mem_free(vm, t, ((ptr_table_t *)t)->bytes);
}

static void table_put(ptr_table_t *t, void *item, uint64_t hash) {
    size_t i = hash & t->mask;
    while (atomic_load_explicit(&t->slot[i], memory_order_relaxed) != NULL) i = (i + 1) & t->mask;
    atomic_store_explicit(&t->slot[i], item, memory_order_release);
    t->used++;
}

/* Makes room for n more. A reader still in the old table misses only what is added from now on. */
static bool table_reserve(vm_t *vm, _Atomic(ptr_table_t *) *table, size_t n,
                          uint64_t (*hash)(const void *)) {
    ptr_table_t *t = atomic_load_explicit(table, memory_order_relaxed);
    size_t slots = t->mask + 1;
    while (slots - slots / 4 < t->used + n) slots *= 2;
    if (slots == t->mask + 1) return true;
    ptr_table_t *bigger = table_new(vm, slots);
    if (bigger == NULL) return false;
    for (size_t i = 0; i <= t->mask; i++) {
        void *item = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
        if (item != NULL) table_put(bigger, item, hash(item));
    }
    atomic_store_explicit(table, bigger, memory_order_release);
    sched_defer_free(vm, t, table_release);
    return true;
}

/* ---- exports ---- */

static inline uint64_t mfa_hash(term_t m, term_t f, uint32_t arity) {
    return hash_mix((m >> IMMED_SHIFT) << 40 ^ (f >> IMMED_SHIFT) << 8 ^ arity);
}

static uint64_t export_hash(const void *item) {
    const export_t *e = item;
    return mfa_hash(e->module, e->function, e->arity);
}

static inline export_t *export_probe(vm_t *vm, term_t m, term_t f, uint32_t arity, uint64_t hash) {
    ptr_table_t *t = atomic_load_explicit(&vm->code->exports, memory_order_acquire);
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        export_t *e = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (e == NULL || (e->function == f && e->module == m && e->arity == arity)) return e;
    }
}

export_t *export_find(vm_t *vm, term_t m, term_t f, uint32_t arity) {
    return export_probe(vm, m, f, arity, mfa_hash(m, f, arity));
}

static export_t *export_add(vm_t *vm, term_t m, term_t f, uint32_t arity, uint64_t hash) {
    struct code_table *t = vm->code;
    if (!table_reserve(vm, &t->exports, 1, export_hash)) return NULL;
    export_t *e = slab_alloc(vm, sizeof *e, SLAB_BYTES);
    if (e == NULL) return NULL;
    e->module = m;
    e->function = f;
    e->arity = arity;
    engine_make_undefined_stub(e);
    table_put(atomic_load_explicit(&t->exports, memory_order_relaxed), e, hash);
    return e;
}

export_t *export_get(vm_t *vm, term_t m, term_t f, uint32_t arity) {
    uint64_t hash = mfa_hash(m, f, arity);
    export_t *e = export_probe(vm, m, f, arity, hash);
    if (LIKELY(e != NULL)) return e;
    spin_lock(vm, &vm->code->lock);
    e = export_probe(vm, m, f, arity, hash);
    if (e == NULL) e = export_add(vm, m, f, arity, hash);
    spin_unlock(vm, &vm->code->lock);
    return e;
}

bool export_is_defined(const export_t *e) {
    return e->bif != NULL || atomic_load_explicit(&e->code, memory_order_acquire) != e->stub;
}

/* All BIFs of all tables as exports. The first of two rows for one function wins. */
static bool bifs_register(vm_t *vm) {
    struct code_table *t = vm->code;
    size_t count = 0;
    for (const bif_def_t *const *table = bif_tables; *table != NULL; table++)
        for (const bif_def_t *b = *table; b->module != NULL; b++) count++;
    size_t slots = 256;
    while (slots < 2 * count) slots *= 2;
    ptr_table_t *exports = table_new(vm, slots);
    if (exports == NULL) return false;
    atomic_store_explicit(&t->exports, exports, memory_order_relaxed);
    size_t each = (sizeof(export_t) + 15) & ~(size_t)15;
    const char *module = NULL;
    term_t m = TERM_NONE;
    for (const bif_def_t *const *table = bif_tables; *table != NULL; table++) {
        for (const bif_def_t *b = *table; b->module != NULL; b++) {
            if (module == NULL || strcmp(module, b->module) != 0) {
                module = b->module;
                m = atom_from_string(vm, module);
            }
            term_t f = atom_from_string(vm, b->function);
            if (m == TERM_NONE || f == TERM_NONE) return false;
            uint64_t hash = mfa_hash(m, f, b->arity);
            if (export_probe(vm, m, f, b->arity, hash) != NULL) continue;
            export_t *e = slab_alloc(vm, sizeof *e, (count + 16) * each);
            if (e == NULL) return false;
            e->module = m;
            e->function = f;
            e->arity = b->arity;
            e->bif = b;
            engine_make_bif_stub(e);
            table_put(exports, e, hash);
        }
    }
    return true;
}

/* ---- funs ---- */

static uint64_t fun_key_hash(term_t module, const uint8_t uniq[16], uint32_t index) {
    uint64_t u;
    memcpy(&u, uniq, sizeof u);
    return hash_mix(u ^ module << 20 ^ index);
}

static uint64_t fun_hash(const void *item) {
    const fun_entry_t *f = item;
    return fun_key_hash(f->module, f->uniq, f->index);
}

/* Everything an external term says of a fun is part of the key: so no lie in one can change the
 * entry a module uses. */
fun_entry_t *fun_entry_get(vm_t *vm, term_t module, const uint8_t uniq[16], uint32_t index,
                           uint32_t old_uniq, uint32_t old_index, uint32_t arity,
                           uint32_t num_free) {
    struct code_table *t = vm->code;
    uint64_t hash = fun_key_hash(module, uniq, index);
    spin_lock(vm, &t->lock);
    ptr_table_t *funs = atomic_load_explicit(&t->funs, memory_order_relaxed);
    fun_entry_t *f;
    for (size_t i = hash & funs->mask;; i = (i + 1) & funs->mask) {
        f = atomic_load_explicit(&funs->slot[i], memory_order_relaxed);
        if (f == NULL ||
            (f->module == module && f->index == index && memcmp(f->uniq, uniq, 16) == 0 &&
             f->arity == arity && f->num_free == num_free && f->old_uniq == old_uniq &&
             f->old_index == old_index))
            break;
    }
    if (f == NULL && table_reserve(vm, &t->funs, 1, fun_hash)) {
        f = slab_alloc(vm, sizeof *f, SLAB_BYTES);
        if (f != NULL) {
            f->module = module;
            f->index = index;
            f->old_index = old_index;
            f->old_uniq = old_uniq;
            f->arity = arity;
            f->num_free = num_free;
            atomic_init(&f->function, TERM_NIL);
            memcpy(f->uniq, uniq, 16);
            engine_make_fun_stub(f);
            table_put(atomic_load_explicit(&t->funs, memory_order_relaxed), f, hash);
        }
    }
    spin_unlock(vm, &t->lock);
    return f;
}

void module_funs_attach(module_t *m) {
    if (m->fun_code == NULL) return;
    for (uint32_t i = 0; i < m->nfuns; i++) {
        m->funs[i]->owner = m;
        atomic_store_explicit(&m->funs[i]->code, m->fun_code[i], memory_order_release);
    }
}

/* Funs that a newer version took over (same file loaded again) are left alone. */
void module_funs_detach(module_t *m) {
    for (uint32_t i = 0; i < m->nfuns; i++)
        if (m->funs[i]->owner == m)
            atomic_store_explicit(&m->funs[i]->code, m->funs[i]->stub, memory_order_release);
}

/* ---- address lookup ---- */

static void ranges_release(vm_t *vm, void *r) {
    if (r != NULL) mem_free(vm, r, ((code_ranges_t *)r)->bytes);
}

/* Under the lock. add and drop may be NULL. */
static bool ranges_change(vm_t *vm, module_t *add, module_t *drop) {
    struct code_table *t = vm->code;
    code_ranges_t *old = atomic_load_explicit(&t->ranges, memory_order_relaxed);
    size_t count = old == NULL ? 0 : old->count, bytes = sizeof *old;
    bytes += (count + 1) * sizeof(code_range_t);
    code_ranges_t *r = mem_alloc(vm, bytes);
    if (r == NULL) return false;
    r->bytes = bytes;
    size_t n = 0;
    bool placed = add == NULL;
    for (size_t i = 0; i < count; i++) {
        if (!placed && (uintptr_t)add->code < old->range[i].start) {
            r->range[n++] =
                (code_range_t){(uintptr_t)add->code, (uintptr_t)(add->code + add->code_words), add};
            placed = true;
        }
        if (old->range[i].module != drop) r->range[n++] = old->range[i];
    }
    if (!placed)
        r->range[n++] =
            (code_range_t){(uintptr_t)add->code, (uintptr_t)(add->code + add->code_words), add};
    r->count = n;
    atomic_store_explicit(&t->ranges, r, memory_order_release);
    if (old != NULL) sched_defer_free(vm, old, ranges_release);
    return true;
}

bool code_ranges_remove(vm_t *vm, module_t *m) { return ranges_change(vm, NULL, m); }

const char *const code_preloaded[] = {"erts_code_purger",
                                      "erl_init",
                                      "init",
                                      "prim_buffer",
                                      "prim_eval",
                                      "prim_inet",
                                      "prim_file",
                                      "zlib",
                                      "socket_registry",
                                      "prim_socket",
                                      "prim_net",
                                      "prim_zip",
                                      "erl_prim_loader",
                                      "erlang",
                                      "erts_internal",
                                      "erl_tracer",
                                      "erts_literal_area_collector",
                                      "erts_dirty_process_signal_handler",
                                      "atomics",
                                      "counters",
                                      "persistent_term",
                                      NULL};

bool code_is_preloaded(vm_t *vm, term_t name) {
    const char *text = atom_name(vm, name);
    for (size_t i = 0; code_preloaded[i]; i++)
        if (strcmp(text, code_preloaded[i]) == 0) return true;
    return false;
}

static const code_range_t *range_at(vm_t *vm, const void *address) {
    const code_ranges_t *r = atomic_load_explicit(&vm->code->ranges, memory_order_acquire);
    uintptr_t a = (uintptr_t)address;
    if (r == NULL) return NULL;
    size_t lo = 0, hi = r->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->range[mid].end <= a)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < r->count && a >= r->range[lo].start ? &r->range[lo] : NULL;
}

const module_t *code_module_at(vm_t *vm, const void *address) {
    const code_range_t *r = range_at(vm, address);
    return r ? r->module : NULL;
}

bool code_lookup(vm_t *vm, const void *address, code_place_t *out) {
    const code_range_t *r = range_at(vm, address);
    if (!r) return false;
    uintptr_t a = (uintptr_t)address;
    const module_t *m = r->module;
    memset(out, 0, sizeof *out);
    out->module = m;
    out->file = TERM_NIL;
    /* The last function, and the last line, that starts at or before the address. */
    size_t first = 0, last = m->nfunctions;
    while (first < last) {
        size_t mid = (first + last) / 2;
        if ((uintptr_t)m->functions[mid].start <= a)
            first = mid + 1;
        else
            last = mid;
    }
    if (first == 0) return false;
    out->function = &m->functions[first - 1];
    size_t offset = (a - r->start) / sizeof(uint64_t);
    size_t begin = (size_t)(out->function->start - m->code);
    for (first = 0, last = m->nlines; first < last;) {
        size_t mid = (first + last) / 2;
        if (m->lines[mid].offset <= offset)
            first = mid + 1;
        else
            last = mid;
    }
    /* A line of the function before says nothing about this one. */
    if (first > 0 && m->lines[first - 1].offset >= begin && m->lines[first - 1].line != 0) {
        out->line = m->lines[first - 1].line;
        if (m->lines[first - 1].file < m->nfiles) out->file = m->files[m->lines[first - 1].file];
    }
    return true;
}

/* ---- modules ---- */

static uint64_t slot_hash(const void *item) {
    return hash_mix(((const module_slot_t *)item)->name);
}

module_slot_t *module_slot_find(vm_t *vm, term_t name) {
    ptr_table_t *t = atomic_load_explicit(&vm->code->modules, memory_order_acquire);
    for (size_t i = hash_mix(name) & t->mask;; i = (i + 1) & t->mask) {
        module_slot_t *s = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (s == NULL || s->name == name) return s;
    }
}

/* Under the lock. */
static module_slot_t *module_slot_get(vm_t *vm, term_t name) {
    struct code_table *t = vm->code;
    module_slot_t *s = module_slot_find(vm, name);
    if (s != NULL || !table_reserve(vm, &t->modules, 1, slot_hash)) return s;
    s = slab_alloc(vm, sizeof *s, SLAB_BYTES);
    if (s == NULL) return NULL;
    s->name = name;
    table_put(atomic_load_explicit(&t->modules, memory_order_relaxed), s, hash_mix(name));
    return s;
}

module_t *module_find(vm_t *vm, term_t name) {
    module_slot_t *s = module_slot_find(vm, name);
    return s == NULL ? NULL : atomic_load_explicit(&s->current, memory_order_acquire);
}

module_t *module_find_settled(vm_t *vm, term_t name) {
    module_t *m = module_find(vm, name);
    if (m != NULL) return m;
    spin_lock(vm, &vm->code->lock);
    m = module_find(vm, name);
    spin_unlock(vm, &vm->code->lock);
    return m;
}

module_t *module_find_old(vm_t *vm, term_t name) {
    module_slot_t *s = module_slot_find(vm, name);
    return s == NULL ? NULL : atomic_load_explicit(&s->old, memory_order_acquire);
}

module_t *module_find_on_load(vm_t *vm, term_t name) {
    module_slot_t *s = module_slot_find(vm, name);
    return s == NULL ? NULL : atomic_load_explicit(&s->on_load, memory_order_acquire);
}

/* Calls to functions of a version that nothing newer took over go to the error handler. */
static void exports_reset(module_t *m) {
    for (uint32_t i = 0; i < m->nexports; i++) {
        export_t *e = m->exports[i].entry;
        if (e->bif == NULL &&
            module_contains(m, atomic_load_explicit(&e->code, memory_order_relaxed)))
            atomic_store_explicit(&e->code, e->stub, memory_order_release);
    }
}

/* Under the lock: m, which is in the ranges, becomes the current version. */
static void make_current(module_slot_t *s, module_t *m) {
    module_t *before = atomic_load_explicit(&s->current, memory_order_relaxed);
    if (before != NULL) trace_module_gone(m->vm, before);
    for (uint32_t i = 0; i < m->nexports; i++) {
        export_t *e = m->exports[i].entry;
        if (e->bif == NULL)
            atomic_store_explicit(&e->code, m->exports[i].code, memory_order_release);
    }
    module_funs_attach(m);
    if (before != NULL) {
        exports_reset(before);
        atomic_store_explicit(&s->old, before, memory_order_release);
    }
    atomic_store_explicit(&s->current, m, memory_order_release);
    trace_module_loaded(m->vm, m);
}

int module_publish(vm_t *vm, module_t *m) {
    struct code_table *t = vm->code;
    int r = -2;
    spin_lock(vm, &t->lock);
    module_slot_t *s = module_slot_get(vm, m->name);
    if (s == NULL) goto done;
    if (atomic_load_explicit(&s->current, memory_order_relaxed) != NULL &&
        atomic_load_explicit(&s->old, memory_order_relaxed) != NULL) {
        r = -1;
    } else if (ranges_change(vm, m, NULL)) {
        make_current(s, m);
        r = 0;
    }
done:
    spin_unlock(vm, &t->lock);
    return r;
}

int module_set_on_load(vm_t *vm, module_t *m) {
    struct code_table *t = vm->code;
    int r = -2;
    spin_lock(vm, &t->lock);
    module_slot_t *s = module_slot_get(vm, m->name);
    if (s == NULL) goto done;
    if (atomic_load_explicit(&s->on_load, memory_order_relaxed) != NULL ||
        (atomic_load_explicit(&s->current, memory_order_relaxed) != NULL &&
         atomic_load_explicit(&s->old, memory_order_relaxed) != NULL)) {
        r = -1;
    } else if (ranges_change(vm, m, NULL)) {
        module_funs_attach(m);
        atomic_store_explicit(&s->on_load, m, memory_order_release);
        r = 0;
    }
done:
    spin_unlock(vm, &t->lock);
    return r;
}

int module_on_load_done(vm_t *vm, term_t name, bool keep) {
    struct code_table *t = vm->code;
    int r = -2;
    spin_lock(vm, &t->lock);
    module_slot_t *s = module_slot_find(vm, name);
    module_t *m = s == NULL ? NULL : atomic_load_explicit(&s->on_load, memory_order_relaxed);
    if (m == NULL) goto done;
    r = 0;
    if (!keep) goto done; /* a purge with PURGE_PREPARE_ON_LOAD follows */
    if (atomic_load_explicit(&s->current, memory_order_relaxed) != NULL &&
        atomic_load_explicit(&s->old, memory_order_relaxed) != NULL) {
        r = -1;
        goto done;
    }
    /* In this order: whoever looks without the lock finds it as one or the other. */
    make_current(s, m);
    atomic_store_explicit(&s->on_load, NULL, memory_order_release);
done:
    spin_unlock(vm, &t->lock);
    return r;
}

int module_delete(vm_t *vm, term_t name) {
    struct code_table *t = vm->code;
    int r = -2;
    spin_lock(vm, &t->lock);
    module_slot_t *s = module_slot_find(vm, name);
    module_t *m = s == NULL ? NULL : atomic_load_explicit(&s->current, memory_order_relaxed);
    if (s != NULL && atomic_load_explicit(&s->old, memory_order_relaxed) != NULL) r = -1;
    if (r == -1 || m == NULL) goto done;
    trace_module_gone(vm, m);
    exports_reset(m);
    atomic_store_explicit(&s->old, m, memory_order_release);
    atomic_store_explicit(&s->current, NULL, memory_order_release);
    r = 0;
done:
    spin_unlock(vm, &t->lock);
    return r;
}

void module_each(vm_t *vm, bool (*fn)(void *user, module_t *m, bool is_old), void *user) {
    ptr_table_t *t = atomic_load_explicit(&vm->code->modules, memory_order_acquire);
    for (size_t i = 0; i <= t->mask; i++) {
        module_slot_t *s = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (s == NULL) continue;
        module_t *m = atomic_load_explicit(&s->current, memory_order_acquire);
        if (m != NULL && !fn(user, m, false)) return;
        m = atomic_load_explicit(&s->old, memory_order_acquire);
        if (m != NULL && !fn(user, m, true)) return;
    }
}

/* Everything of m but its literals. */
static void module_release(vm_t *vm, void *ptr) {
    module_t *m = ptr;
    mem_free(vm, m->code, m->code_words * sizeof *m->code);
    mem_free(vm, m->functions, m->nfunctions * sizeof *m->functions);
    mem_free(vm, m->lines, m->nlines * sizeof *m->lines);
    mem_free(vm, m->files, m->nfiles * sizeof *m->files);
    mem_free(vm, m->exports, m->nexports * sizeof *m->exports);
    mem_free(vm, m->funs, m->nfuns * sizeof *m->funs);
    mem_free(vm, m->fun_code, m->nfuns * sizeof *m->fun_code);
    if (m->beam == NULL) mem_free(vm, m->strings, m->strings_size);
    mem_free(vm, m->beam, m->beam_size);
    mem_free(vm, m, sizeof *m);
}

void module_free(vm_t *vm, module_t *m) {
    if (m == NULL) return;
    if (m->literal_off_heap != NULL) off_heap_release(vm, m->literal_off_heap);
    if (m->literal_area != NULL) literal_free(vm, m->literal_area, m->literal_words);
    module_release(vm, m);
}

void module_retire(vm_t *vm, module_t *m, bool keep) {
    struct code_table *t = vm->code;
    literal_area_t *area = NULL;
    if (m->nif != NULL && !keep) vm->nif_ops->module_gone(vm, m);
    if (!keep && m->literal_area != NULL) {
        area = mem_alloc(vm, sizeof *area);
        if (area == NULL) keep = true;
    }
    spin_lock(vm, &t->lock);
    if (!keep && !code_ranges_remove(vm, m)) keep = true;
    for (uint32_t i = 0; i < m->nfuns; i++)
        if (m->funs[i]->owner == m) m->funs[i]->owner = NULL;
    if (keep) {
        m->next_range = t->zombies;
        t->zombies = m;
    }
    spin_unlock(vm, &t->lock);
    if (keep) {
        mem_free(vm, area, sizeof *area);
        return;
    }
    if (area != NULL) {
        *area = (literal_area_t){NULL, m->literal_area, m->literal_words, m->literal_off_heap};
        literals_retire(vm, area);
    }
    sched_defer_free(vm, m, module_release);
}

/* ---- literals ---- */

/* ---- life ---- */

bool code_init(vm_t *vm) {
    struct code_table *t = vm->code = mem_calloc(vm, sizeof *t);
    if (t == NULL) return false;
    ptr_table_t *funs = table_new(vm, 64), *modules = table_new(vm, 64);
    atomic_store_explicit(&t->funs, funs, memory_order_relaxed);
    atomic_store_explicit(&t->modules, modules, memory_order_relaxed);
    if (funs == NULL || modules == NULL || !literal_arena_init(vm) || !literals_init(vm) ||
        !bifs_register(vm)) {
        code_free(vm);
        return false;
    }
    return true;
}

static void version_free(vm_t *vm, module_t *m) {
    if (m == NULL) return;
    if (m->nif != NULL) vm->nif_ops->module_gone(vm, m);
    if (m->literal_off_heap != NULL) off_heap_release(vm, m->literal_off_heap);
    module_release(vm, m);
}

void code_free(vm_t *vm) {
    struct code_table *t = vm->code;
    if (t == NULL) return;
    ptr_table_t *modules = atomic_load_explicit(&t->modules, memory_order_relaxed);
    for (size_t i = 0; modules != NULL && i <= modules->mask; i++) {
        module_slot_t *s = atomic_load_explicit(&modules->slot[i], memory_order_relaxed);
        if (s == NULL) continue;
        version_free(vm, atomic_load_explicit(&s->current, memory_order_relaxed));
        version_free(vm, atomic_load_explicit(&s->old, memory_order_relaxed));
        version_free(vm, atomic_load_explicit(&s->on_load, memory_order_relaxed));
    }
    for (module_t *m = t->zombies, *next; m != NULL; m = next) {
        next = m->next_range;
        version_free(vm, m);
    }
    literals_free(vm);
    ranges_release(vm, atomic_load_explicit(&t->ranges, memory_order_relaxed));
    table_release(vm, atomic_load_explicit(&t->exports, memory_order_relaxed));
    table_release(vm, atomic_load_explicit(&t->funs, memory_order_relaxed));
    table_release(vm, modules);
    for (slab_t *s = t->slabs, *next; s != NULL; s = next) {
        next = s->next;
        mem_free(vm, s, sizeof *s + s->bytes);
    }
    literal_arena_free(vm);
    mem_free(vm, t, sizeof *t);
    vm->code = NULL;
}

int code_load_and_publish(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err) {
    module_t *m = load_beam(vm, bytes, size, err);
    if (m == NULL) return -1;
    const char *why;
    if (module_find(vm, m->name) != NULL && module_soft_purge(vm, m->name) == 0) {
        why = "a process runs the old version of this module";
    } else {
        switch (module_publish(vm, m)) {
        case 0: return 0;
        case -1: why = "there is an old version of this module: purge it first"; break;
        default: why = "out of memory";
        }
    }
    module_free(vm, m);
    memcpy(err->text, why, strlen(why) + 1);
    return -1;
}
