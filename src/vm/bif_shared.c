/* bif_shared.c: what all processes of a VM share without messages: persistent terms, atomics,
 * counters and unique integers.
 *
 * Persistent terms: a table of pointers to entries with open addressing. Readers load the table and
 * its slots with acquire order and take no lock; writers take a spin lock. Entries never change;
 * replaced and erased ones, and tables outgrown, are freed when no reader can be looking at them
 * any more, the terms when no process refers to them (literals.c). Processes see the values, not
 * the pairs or the keys, so an immediate value costs nobody anything.
 *
 * Atomics and counters are magic references to arrays of 64-bit words. Counters with
 * write_concurrency are such an array too. Relies on code.h (literals), map.c, hash.h, compare.h.
 */
#include "vm/shared.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/hash.h"
#include "vm/literals.h"
#include "vm/map.h"
#include "vm/sched.h"

/* ---- persistent terms ---- */

typedef struct pt_entry {
    uint64_t hash;
    term_t pair; /* {Key, Value}, a literal */
    size_t words;
    literal_area_t *area;
} pt_entry_t;

typedef _Atomic(pt_entry_t *) pt_slot_t;
typedef struct pt_table {
    size_t mask;
    size_t taken; /* slots that are not empty; writers only */
    pt_slot_t slot[];
} pt_table_t;

struct persistent {
    _Atomic(pt_table_t *) table;
    spin_t lock;
    _Atomic(size_t) count, words;
};

/* A slot whose entry was erased: a search goes on behind it. */
#define PT_ERASED ((pt_entry_t *)(uintptr_t)1)
static inline bool is_entry(const pt_entry_t *e) { return e != NULL && e != PT_ERASED; }

static size_t table_bytes(size_t slots) { return sizeof(pt_table_t) + slots * sizeof(pt_slot_t); }

static pt_table_t *table_new(vm_t *vm, size_t slots) {
    pt_table_t *t = mem_calloc(vm, table_bytes(slots));
    if (t) t->mask = slots - 1;
    return t;
}

bool persistent_init(vm_t *vm) {
    struct persistent *pt = mem_calloc(vm, sizeof *pt);
    pt_table_t *t = table_new(vm, 64);
    if (!pt || !t) {
        if (pt) mem_free(vm, pt, sizeof *pt);
        if (t) mem_free(vm, t, table_bytes(64));
        return false;
    }
    atomic_init(&pt->table, t);
    vm->persistent = pt;
    return true;
}

static void entry_free(vm_t *vm, void *ptr) { mem_free(vm, ptr, sizeof(pt_entry_t)); }
static void entry_free_all(vm_t *vm, pt_entry_t *e) {
    off_heap_release(vm, e->area->off_heap);
    literal_free(vm, e->area->start, e->words);
    mem_free(vm, e->area, sizeof *e->area);
    entry_free(vm, e);
}

/* e is in no table any more. */
static void entry_retire(vm_t *vm, pt_entry_t *e) {
    if (is_immed(tuple_elem(e->pair, 2)))
        literals_retire_unseen(vm, e->area);
    else
        literals_retire(vm, e->area);
    sched_defer_free(vm, e, entry_free);
}

static void table_free(vm_t *vm, void *ptr) {
    pt_table_t *t = ptr;
    mem_free(vm, t, table_bytes(t->mask + 1));
}

void persistent_free(vm_t *vm) {
    struct persistent *pt = vm->persistent;
    if (!pt) return;
    pt_table_t *t = atomic_load_explicit(&pt->table, memory_order_relaxed);
    for (size_t i = 0; i <= t->mask; i++) {
        pt_entry_t *e = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
        if (is_entry(e)) entry_free_all(vm, e);
    }
    table_free(vm, t);
    mem_free(vm, pt, sizeof *pt);
    vm->persistent = NULL;
}

static pt_table_t *table_of(vm_t *vm) {
    return atomic_load_explicit(&vm->persistent->table, memory_order_acquire);
}

/* The slot that holds key, or NULL. *e is what was seen there. */
static pt_slot_t *slot_find(vm_t *vm, pt_table_t *t, uint64_t hash, term_t key, pt_entry_t **e) {
    for (size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
        *e = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (*e == NULL) return NULL;
        if (*e != PT_ERASED && (*e)->hash == hash && term_eq(vm, tuple_elem((*e)->pair, 1), key))
            return &t->slot[i];
    }
}

static void slot_add(pt_table_t *t, pt_entry_t *e) {
    size_t i = e->hash & t->mask;
    while (atomic_load_explicit(&t->slot[i], memory_order_relaxed) != NULL) i = (i + 1) & t->mask;
    atomic_store_explicit(&t->slot[i], e, memory_order_release);
    t->taken++;
}

/* A table with room for one more. NULL: no memory. Under the lock. */
static pt_table_t *table_with_room(vm_t *vm) {
    struct persistent *pt = vm->persistent;
    pt_table_t *t = atomic_load_explicit(&pt->table, memory_order_relaxed);
    if (t->taken < (t->mask + 1) / 4 * 3) return t;
    size_t count = atomic_load_explicit(&pt->count, memory_order_relaxed), slots = t->mask + 1;
    pt_table_t *bigger = table_new(vm, count > slots / 3 ? slots * 2 : slots);
    if (!bigger) return NULL;
    for (size_t i = 0; i <= t->mask; i++) {
        pt_entry_t *e = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
        if (is_entry(e)) slot_add(bigger, e);
    }
    atomic_store_explicit(&pt->table, bigger, memory_order_release);
    sched_defer_free(vm, t, table_free);
    return bigger;
}

static void account(struct persistent *pt, const pt_entry_t *e, bool add) {
    size_t words = e->words + sizeof *e / sizeof(term_t);
    if (add) {
        atomic_fetch_add_explicit(&pt->count, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&pt->words, words, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&pt->count, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&pt->words, words, memory_order_relaxed);
    }
}

/* {Key, Value} as an entry; NULL: no memory. */
static pt_entry_t *entry_new(vm_t *vm, uint64_t hash, term_t key, term_t value) {
    term_t words[3], *hp = words;
    pt_entry_t *e = mem_calloc(vm, sizeof *e);
    literal_area_t *area = mem_calloc(vm, sizeof *area);
    if (e && area) {
        e->pair =
            literal_copy(vm, tuple2(&hp, key, value), &area->start, &e->words, &area->off_heap);
        e->hash = hash;
        e->area = area;
        area->words = e->words;
        if (e->pair != TERM_NONE) return e;
    }
    if (e) entry_free(vm, e);
    if (area) mem_free(vm, area, sizeof *area);
    return NULL;
}

static BIF(persistent_put) {
    vm_t *vm = p->vm;
    struct persistent *pt = vm->persistent;
    uint64_t hash = term_hash(vm, a[0]);
    pt_entry_t *seen;
    if (slot_find(vm, table_of(vm), hash, a[0], &seen) &&
        term_eq(vm, tuple_elem(seen->pair, 2), a[1]))
        return A_ok;
    pt_entry_t *e = entry_new(vm, hash, a[0], a[1]);
    if (!e) return bif_oom(p);
    bif_bump(p, e->words / 16);
    spin_lock(vm, &pt->lock);
    pt_table_t *t = atomic_load_explicit(&pt->table, memory_order_relaxed);
    pt_slot_t *slot = slot_find(vm, t, hash, a[0], &seen);
    if (slot) {
        account(pt, seen, false);
        atomic_store_explicit(slot, e, memory_order_release);
    } else if ((t = table_with_room(vm)) != NULL) {
        slot_add(t, e);
    }
    if (t) account(pt, e, true);
    spin_unlock(vm, &pt->lock);
    if (slot) {
        entry_retire(vm, seen);
        if (UNLIKELY(literals_are_many(vm))) bif_bump(p, SLICE_REDS);
    }
    if (t) return A_ok;
    entry_free_all(vm, e);
    return bif_oom(p);
}

static term_t persistent_find(vm_t *vm, term_t key) {
    pt_entry_t *e;
    return slot_find(vm, table_of(vm), term_hash(vm, key), key, &e) ? tuple_elem(e->pair, 2)
                                                                    : TERM_NONE;
}
static BIF(persistent_get_1) {
    term_t v = persistent_find(p->vm, a[0]);
    return v != TERM_NONE ? v : bif_badarg(p);
}
static BIF(persistent_get_2) {
    term_t v = persistent_find(p->vm, a[0]);
    return v != TERM_NONE ? v : a[1];
}

static BIF(persistent_get_0) {
    (void)a;
    pt_table_t *t = table_of(p->vm);
    term_t list = TERM_NIL;
    for (size_t i = 0; i <= t->mask; i++) {
        pt_entry_t *e = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (!is_entry(e)) continue;
        term_t key = term_copy_all_to(p, tuple_elem(e->pair, 1));
        term_t *hp = key == TERM_NONE ? NULL : heap_alloc(p, 5);
        if (!hp) return bif_oom(p);
        term_t pair = tuple2(&hp, key, tuple_elem(e->pair, 2));
        list = cons(&hp, pair, list);
    }
    bif_bump(p, t->mask / 8);
    return list;
}

/* Under the lock. */
static void slot_erase(struct persistent *pt, pt_slot_t *slot, const pt_entry_t *e) {
    account(pt, e, false);
    atomic_store_explicit(slot, PT_ERASED, memory_order_release);
}

static BIF(persistent_erase) {
    struct persistent *pt = p->vm->persistent;
    uint64_t hash = term_hash(p->vm, a[0]);
    pt_entry_t *e;
    spin_lock(p->vm, &pt->lock);
    pt_slot_t *slot = slot_find(p->vm, table_of(p->vm), hash, a[0], &e);
    if (slot) slot_erase(pt, slot, e);
    spin_unlock(p->vm, &pt->lock);
    if (slot) entry_retire(p->vm, e);
    return make_bool(slot != NULL);
}

/* One after the other: areas are not handed on under the lock. */
static BIF(persistent_erase_all) {
    (void)a;
    vm_t *vm = p->vm;
    struct persistent *pt = vm->persistent;
    pt_table_t *before = NULL;
    for (size_t i = 0;; i++) {
        spin_lock(vm, &pt->lock);
        pt_table_t *t = table_of(vm);
        pt_entry_t *e = NULL;
        if (t != before) i = 0;
        before = t;
        for (; i <= t->mask; i++) {
            e = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
            if (is_entry(e)) break;
        }
        bool found = i <= t->mask;
        if (found) slot_erase(pt, &t->slot[i], e);
        spin_unlock(vm, &pt->lock);
        if (!found) return A_true;
        entry_retire(vm, e);
    }
}

static BIF(persistent_info) {
    (void)a;
    struct persistent *pt = p->vm->persistent;
    size_t words = atomic_load_explicit(&pt->words, memory_order_relaxed);
    size_t count = atomic_load_explicit(&pt->count, memory_order_relaxed);
    term_t kv[] = {A_count, make_small((int64_t)count), A_memory,
                   make_small((int64_t)(words * sizeof(term_t)))};
    return map_from_pairs(p, kv, 2);
}

/* ---- atomics and counters ---- */

typedef struct {
    magic_t magic;
    uint64_t size;
    bool is_signed, is_counters;
    _Atomic(uint64_t) word[];
} array_t;

static size_t array_bytes(uint64_t size) { return sizeof(array_t) + size * sizeof(uint64_t); }
static void array_destroy(magic_t *m) {
    array_t *x = (array_t *)m;
    mem_free(m->vm, x, array_bytes(x->size));
}

static term_t array_new(proc_t *p, term_t size, bool is_signed, bool is_counters) {
    if (is_big(size) && !big_is_neg(size)) return bif_system_limit(p);
    if (!is_small(size) || small_value(size) <= 0) return bif_badarg(p);
    uint64_t n = (uint64_t)small_value(size);
    if (n > SIZE_MAX / 16) return bif_system_limit(p);
    array_t *x = mem_calloc(p->vm, array_bytes(n));
    term_t *hp = x ? heap_alloc(p, MAGIC_REF_WORDS) : NULL;
    if (!hp) {
        if (x) mem_free(p->vm, x, array_bytes(n));
        return bif_oom(p);
    }
    x->size = n;
    x->is_signed = is_signed;
    x->is_counters = is_counters;
    magic_init(p->vm, &x->magic, array_destroy);
    bif_bump(p, n / 512);
    return magic_ref_put(p, hp, &x->magic);
}

static array_t *array_of(term_t t, bool is_counters) {
    if (!is_boxed_type(t, T_MAGIC_REF)) return NULL;
    magic_t *m = ((magic_ref_t *)boxed_ptr(t))->magic;
    if (m->destroy != array_destroy) return NULL;
    array_t *x = (array_t *)m;
    return x->is_counters == is_counters ? x : NULL;
}

/* The word that index i of t means; NULL: badarg. */
static _Atomic(uint64_t) *word_of(array_t *x, term_t i) {
    if (x == NULL || !is_small(i)) return NULL;
    uint64_t n = (uint64_t)small_value(i) - 1;
    return n < x->size ? &x->word[n] : NULL;
}
static term_t word_to_term(proc_t *p, const array_t *x, uint64_t v) {
    term_t t = x->is_signed ? int64_to_term(p, (int64_t)v) : uint64_to_term(p, v);
    return t == TERM_NONE ? bif_oom(p) : t;
}
static bool term_to_word(const array_t *x, term_t t, uint64_t *v) {
    return x->is_signed ? term_to_int64(t, (int64_t *)v) : term_to_uint64(t, v);
}
/* An increment wraps, so both ranges will do. */
static bool term_to_step(term_t t, uint64_t *v) {
    return term_to_int64(t, (int64_t *)v) || term_to_uint64(t, v);
}

static term_t array_get(proc_t *p, array_t *x, term_t i) {
    _Atomic(uint64_t) *w = word_of(x, i);
    return w ? word_to_term(p, x, atomic_load(w)) : bif_badarg(p);
}
static term_t array_put(proc_t *p, array_t *x, term_t i, term_t value) {
    _Atomic(uint64_t) *w = word_of(x, i);
    uint64_t v;
    if (!w || !term_to_word(x, value, &v)) return bif_badarg(p);
    atomic_store(w, v);
    return A_ok;
}
static term_t array_add(proc_t *p, array_t *x, term_t i, term_t step) {
    _Atomic(uint64_t) *w = word_of(x, i);
    uint64_t v;
    if (!w || !term_to_step(step, &v)) return bif_badarg(p);
    atomic_fetch_add(w, v);
    return A_ok;
}

static BIF(internal_atomics_new) {
    if (is_big(a[1])) return bif_system_limit(p);
    return is_small(a[1]) ? array_new(p, a[0], small_value(a[1]) & 1, false) : bif_badarg(p);
}
static BIF(atomics_get) { return array_get(p, array_of(a[0], false), a[1]); }
static BIF(atomics_put) { return array_put(p, array_of(a[0], false), a[1], a[2]); }
static BIF(atomics_add) { return array_add(p, array_of(a[0], false), a[1], a[2]); }

static BIF(atomics_add_get) {
    array_t *x = array_of(a[0], false);
    _Atomic(uint64_t) *w = word_of(x, a[1]);
    uint64_t v;
    if (!w || !term_to_step(a[2], &v)) return bif_badarg(p);
    return word_to_term(p, x, atomic_fetch_add(w, v) + v);
}
static BIF(atomics_exchange) {
    array_t *x = array_of(a[0], false);
    _Atomic(uint64_t) *w = word_of(x, a[1]);
    uint64_t v;
    if (!w || !term_to_word(x, a[2], &v)) return bif_badarg(p);
    return word_to_term(p, x, atomic_exchange(w, v));
}
static BIF(atomics_compare_exchange) {
    array_t *x = array_of(a[0], false);
    _Atomic(uint64_t) *w = word_of(x, a[1]);
    uint64_t expected, v;
    if (!w || !term_to_word(x, a[2], &expected) || !term_to_word(x, a[3], &v)) return bif_badarg(p);
    return atomic_compare_exchange_strong(w, &expected, v) ? A_ok : word_to_term(p, x, expected);
}

/* Bytes as OTP counts them. */
static term_t array_memory(const array_t *x) { return make_small((int64_t)(40 + 8 * x->size)); }

static BIF(atomics_info) {
    array_t *x = array_of(a[0], false);
    if (!x) return bif_badarg(p);
    term_t max = x->is_signed ? int64_to_term(p, INT64_MAX) : uint64_to_term(p, UINT64_MAX);
    term_t min = x->is_signed ? int64_to_term(p, INT64_MIN) : make_small(0);
    if (max == TERM_NONE || min == TERM_NONE) return bif_oom(p);
    term_t kv[] = {A_size,         make_small((int64_t)x->size), A_max, max, A_min, min, A_memory,
                   array_memory(x)};
    return map_from_pairs(p, kv, 4);
}

static BIF(internal_counters_new) { return array_new(p, a[0], true, true); }
static BIF(internal_counters_get) { return array_get(p, array_of(a[0], true), a[1]); }
static BIF(internal_counters_add) { return array_add(p, array_of(a[0], true), a[1], a[2]); }
static BIF(internal_counters_put) { return array_put(p, array_of(a[0], true), a[1], a[2]); }
static BIF(internal_counters_info) {
    array_t *x = array_of(a[0], true);
    if (!x) return bif_badarg(p);
    term_t kv[] = {A_size, make_small((int64_t)x->size), A_memory, array_memory(x)};
    return map_from_pairs(p, kv, 2);
}

/* ---- unique integers ---- */

static int64_t counter_next(vm_t *vm, _Atomic(int64_t) *c) {
    if (vm->threaded) return atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
    int64_t v = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, v + 1, memory_order_relaxed);
    return v;
}

static term_t unique_integer(proc_t *p, bool positive, bool monotonic) {
    vm_t *vm = p->vm;
    int64_t n = counter_next(vm, monotonic ? &vm->next_unique_mono : &vm->next_unique);
    /* As OTP: from the least small integer of its own on, or from 1 on. */
    term_t t = int64_to_term(p, positive ? n + 1 : n - (1LL << 59));
    return t == TERM_NONE ? bif_oom(p) : t;
}
static BIF(unique_integer_0) {
    (void)a;
    return unique_integer(p, false, false);
}
static BIF(unique_integer_1) {
    bool positive = false, monotonic = false;
    term_t l = a[0];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_positive)
            positive = true;
        else if (cons_head(l) == A_monotonic)
            monotonic = true;
        else
            return bif_badarg(p);
    }
    return is_nil(l) ? unique_integer(p, positive, monotonic) : bif_badarg(p);
}

const bif_def_t bifs_shared[] = {
    {"persistent_term", "put", 2, persistent_put, 0},
    {"persistent_term", "get", 0, persistent_get_0, 0},
    {"persistent_term", "get", 1, persistent_get_1, 0},
    {"persistent_term", "get", 2, persistent_get_2, 0},
    {"persistent_term", "erase", 1, persistent_erase, 0},
    {"persistent_term", "info", 0, persistent_info, 0},
    {"erts_internal", "erase_persistent_terms", 0, persistent_erase_all, 0},
    {"erts_internal", "atomics_new", 2, internal_atomics_new, 0},
    {"atomics", "get", 2, atomics_get, 0},
    {"atomics", "put", 3, atomics_put, 0},
    {"atomics", "add", 3, atomics_add, 0},
    {"atomics", "add_get", 3, atomics_add_get, 0},
    {"atomics", "exchange", 3, atomics_exchange, 0},
    {"atomics", "compare_exchange", 4, atomics_compare_exchange, 0},
    {"atomics", "info", 1, atomics_info, 0},
    {"erts_internal", "counters_new", 1, internal_counters_new, 0},
    {"erts_internal", "counters_get", 2, internal_counters_get, 0},
    {"erts_internal", "counters_add", 3, internal_counters_add, 0},
    {"erts_internal", "counters_put", 3, internal_counters_put, 0},
    {"erts_internal", "counters_info", 1, internal_counters_info, 0},
    {"erlang", "unique_integer", 0, unique_integer_0, 0},
    {"erlang", "unique_integer", 1, unique_integer_1, 0},
    {0}};
