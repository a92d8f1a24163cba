/* wstack.h: a work stack for walking terms without recursion.
 *
 * It starts in an array of the caller's C frame and moves to allocated memory when it grows. Walks
 * over terms must not fail for lack of memory as long as anything can be done: when the counted
 * allocator refuses (the VM's limit), a growth by a little is tried before giving up. A push that
 * cannot be done returns false and changes nothing. Used by compare, copy, hash and print only.
 */
#ifndef LING_VM_WSTACK_H
#define LING_VM_WSTACK_H

#include "vm/vm.h"

typedef struct {
    uint64_t *top; /* next free word */
    uint64_t *end;
    uint64_t *base;
    uint64_t *first; /* the caller's array: never freed */
    vm_t *vm;
} wstack_t;

static inline void wstack_init(wstack_t *s, vm_t *vm, uint64_t *array, size_t words) {
    s->top = s->base = s->first = array;
    s->end = array + words;
    s->vm = vm;
}
static inline void wstack_free(wstack_t *s) {
    if (UNLIKELY(s->base != s->first))
        mem_free(s->vm, s->base, (size_t)(s->end - s->base) * sizeof(uint64_t));
}
static inline bool wstack_is_empty(const wstack_t *s) { return s->top == s->base; }

COLD static bool wstack_grow(wstack_t *s, size_t words) {
    size_t used = (size_t)(s->top - s->base), old = (size_t)(s->end - s->base);
    size_t want = old * 2 + words, least = old + words + 64;
    uint64_t *p = mem_alloc(s->vm, want * sizeof(uint64_t));
    if (!p && want != least) p = mem_alloc(s->vm, (want = least) * sizeof(uint64_t));
    if (!p) return false;
    memcpy(p, s->base, used * sizeof(uint64_t));
    wstack_free(s);
    s->base = p;
    s->top = p + used;
    s->end = p + want;
    return true;
}
/* Room for that many words; false: no memory. */
static inline bool wstack_need(wstack_t *s, size_t words) {
    return LIKELY((size_t)(s->end - s->top) >= words) || wstack_grow(s, words);
}

#endif
