/* pdict.c: process dictionaries: a hash table of terms beside the heap, one array of key/value
 * pairs, so that the collector can treat it as roots. Empty and deleted slots hold header words,
 * which are no terms. Owner only.
 */
#include "vm/compare.h"
#include "vm/hash.h"
#include "vm/heap.h"
#include "vm/proc_dict.h"
#include "vm/process.h"

struct proc_dict {
    uint32_t slots; /* a power of two */
    uint32_t used;  /* slots that are not empty: keys and deleted ones */
    uint32_t count; /* keys */
    term_t kv[];
};

#define EMPTY       TERM_NONE
#define DELETED     ((term_t)(1 << 8 | TERM_NONE))
#define FIRST_SLOTS 8

static size_t dict_bytes(uint32_t slots) {
    return sizeof(struct proc_dict) + (size_t)slots * 2 * sizeof(term_t);
}

/* The key's slot, or NULL. */
static term_t *find(proc_t *p, term_t key) {
    struct proc_dict *d = p->dict;
    if (!d) return NULL;
    for (uint32_t i = (uint32_t)term_hash(p->vm, key);; i++) {
        term_t *at = &d->kv[2 * (size_t)(i & (d->slots - 1))];
        if (at[0] == EMPTY) return NULL;
        if (at[0] != DELETED && term_eq(p->vm, at[0], key)) return at;
    }
}

/* Puts a key that is not there; there is an empty slot. */
static void add(vm_t *vm, struct proc_dict *d, term_t key, term_t value) {
    for (uint32_t i = (uint32_t)term_hash(vm, key);; i++) {
        term_t *at = &d->kv[2 * (size_t)(i & (d->slots - 1))];
        if (at[0] != EMPTY && at[0] != DELETED) continue;
        if (at[0] == EMPTY) d->used++;
        at[0] = key;
        at[1] = value;
        d->count++;
        return;
    }
}

static bool make_room(proc_t *p) {
    struct proc_dict *d = p->dict;
    if (d && (d->used + 1) * 4 <= d->slots * 3) return true;
    uint32_t slots = FIRST_SLOTS;
    while (d && slots < (d->count + 1) * 2) slots *= 2;
    struct proc_dict *n = mem_alloc(p->vm, dict_bytes(slots));
    if (!n) return d && d->used + 1 < d->slots;
    n->slots = slots;
    n->used = n->count = 0;
    for (size_t i = 0; i < 2 * (size_t)slots; i++) n->kv[i] = EMPTY;
    if (d) {
        for (size_t i = 0; i < d->slots; i++)
            if (d->kv[2 * i] != EMPTY && d->kv[2 * i] != DELETED)
                add(p->vm, n, d->kv[2 * i], d->kv[2 * i + 1]);
        mem_free(p->vm, d, dict_bytes(d->slots));
    }
    p->dict = n;
    return true;
}

term_t pdict_get(proc_t *p, term_t key) {
    term_t *at = find(p, key);
    return at ? at[1] : (term_t)A_undefined;
}

term_t pdict_put(proc_t *p, term_t key, term_t value) {
    term_t *at = find(p, key);
    if (at) {
        term_t old = at[1];
        at[1] = value;
        return old;
    }
    if (!make_room(p)) return TERM_NONE;
    add(p->vm, p->dict, key, value);
    return A_undefined;
}

term_t pdict_erase(proc_t *p, term_t key) {
    term_t *at = find(p, key);
    if (!at) return A_undefined;
    term_t old = at[1];
    at[0] = at[1] = DELETED;
    p->dict->count--;
    return old;
}

void pdict_free(proc_t *p) {
    if (!p->dict) return;
    mem_free(p->vm, p->dict, dict_bytes(p->dict->slots));
    p->dict = NULL;
}

term_t *pdict_roots(proc_t *p, size_t *n) {
    *n = p->dict ? 2 * (size_t)p->dict->slots : 0;
    return p->dict ? p->dict->kv : NULL;
}

size_t pdict_count(const proc_t *p) { return p->dict ? p->dict->count : 0; }

bool pdict_next(const proc_t *p, size_t *i, term_t *key, term_t *value) {
    for (; p->dict && *i < p->dict->slots; ++*i) {
        const term_t *at = &p->dict->kv[2 * *i];
        if (at[0] == EMPTY || at[0] == DELETED) continue;
        *key = at[0];
        *value = at[1];
        ++*i;
        return true;
    }
    return false;
}

term_t pdict_list(proc_t *p, proc_t *heap_of) {
    size_t n = pdict_count(p), i = 0;
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(heap_of, 5 * n), list = TERM_NIL, k, v;
    if (!hp) return TERM_NONE;
    while (pdict_next(p, &i, &k, &v)) {
        term_t pair = tuple2(&hp, k, v);
        list = cons(&hp, pair, list);
    }
    return list;
}
