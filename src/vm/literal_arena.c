/* literal_arena.c: the arena of literals: an address range of its own, of which areas are handed
 * out and taken back. Who may still refer to an area is not asked here (literals.c).
 *
 * Free areas are a list in the arena itself, in the order of addresses, joined where they touch;
 * the pages inside large ones go back to the host. Relies on the host's pages. Any thread, under a
 * spin lock of its own.
 */
#include "vm/code_table.h"
#include "vm/copy.h"

/* With AddressSanitizer reading what has been given back is found. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LITERALS_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LITERALS_ASAN 1
#endif
#ifdef LITERALS_ASAN
#include <sanitizer/asan_interface.h>
#define LITERALS_USABLE(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#define LITERALS_GONE(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#elif defined(LING_GC_STRESS)
#define LITERALS_USABLE(p, n) ((void)0)
#define LITERALS_GONE(p, n)   memset(p, 0x77, n) /* as words: headers of no object */
#else
#define LITERALS_USABLE(p, n) ((void)0)
#define LITERALS_GONE(p, n)   ((void)0)
#endif

enum { LITERAL_UNIT = 2 /* words: room for a free_literals_t */ };

/* Rounded up to what the free list can hold. */
static size_t literal_units(size_t words) {
    return words == 0 ? LITERAL_UNIT : (words + LITERAL_UNIT - 1) / LITERAL_UNIT * LITERAL_UNIT;
}

/* Free blocks looked at before new memory is taken: there may be very many. */
enum { REUSE_LOOKS = 64 };

/* From the next block that is large enough, from where the last search or free ended; NULL: none is
 * among so many. Locked. */
static term_t *literal_reuse(struct code_table *t, size_t words, size_t looks) {
    free_literals_t *before = looks < SIZE_MAX ? t->literal_at : NULL;
    for (; looks > 0; looks--) {
        free_literals_t **link = before ? &before->next : &t->literal_free, *f = *link;
        if (f == NULL) {
            if (before == NULL || looks == SIZE_MAX) break;
            before = NULL; /* round once: what is left of the looks ends it */
            continue;
        }
        if (f->words < words) {
            before = f;
            if (looks == SIZE_MAX) looks++;
            continue;
        }
        term_t *area = (term_t *)f;
        if (f->words > words) { /* the rest stays in its place of the list */
            free_literals_t *rest = (free_literals_t *)(area + words);
            LITERALS_USABLE(rest, sizeof *rest);
            rest->words = f->words - words;
            rest->next = f->next;
            *link = rest;
        } else {
            *link = f->next;
        }
        t->literal_at = before;
        return area;
    }
    t->literal_at = before;
    return NULL;
}

term_t *literal_alloc(vm_t *vm, size_t words) {
    struct code_table *t = vm->code;
    if (words > vm->literal_size / sizeof(term_t)) return NULL;
    words = literal_units(words);
    if (vm->memory_limit != 0 &&
        atomic_load_explicit(&vm->memory_used, memory_order_relaxed) + words * sizeof(term_t) >
            vm->memory_limit)
        return NULL;
    term_t *area;
    spin_lock(vm, &t->literal_lock);
    area = literal_reuse(t, words, REUSE_LOOKS);
    if (area == NULL && words <= vm->literal_size / sizeof(term_t) - t->literal_top) {
        area = (term_t *)vm->literal_base + t->literal_top;
        t->literal_top += words;
    }
    if (area == NULL) area = literal_reuse(t, words, SIZE_MAX);
    if (area != NULL) {
        LITERALS_USABLE(area, words * sizeof(term_t));
        t->literal_live += words;
        atomic_fetch_add_explicit(&vm->memory_used, words * sizeof(term_t), memory_order_relaxed);
    }
    spin_unlock(vm, &t->literal_lock);
    return area;
}

/* Gives whole pages inside a big free block back; its head keeps the list entry. */
static void literal_discard(vm_t *vm, free_literals_t *f) {
    enum { PAGE = 4096, WORTH = 16 * PAGE };
    uintptr_t start = ((uintptr_t)(f + 1) + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    uintptr_t end = (uintptr_t)((term_t *)f + f->words) & ~(uintptr_t)(PAGE - 1);
    if (end > start && end - start >= WORTH && vm->host->ops->pages_discard != NULL)
        vm->host->ops->pages_discard(vm->host, (void *)start, end - start);
}

void literal_free(vm_t *vm, term_t *area, size_t words) {
    struct code_table *t = vm->code;
    if (area == NULL) return;
    words = literal_units(words);
    spin_lock(vm, &t->literal_lock);
    t->literal_live -= words;
    atomic_fetch_sub_explicit(&vm->memory_used, words * sizeof(term_t), memory_order_relaxed);
    /* Areas that leave together come in the order of their addresses. */
    free_literals_t *f = (free_literals_t *)area, *before = t->literal_at;
    if (before >= f) before = NULL;
    free_literals_t *after = before ? before->next : t->literal_free;
    while (after != NULL && after < f) {
        before = after;
        after = after->next;
    }
    f->words = words;
    f->next = after;
    if (before == NULL)
        t->literal_free = f;
    else
        before->next = f;
    if (after != NULL && (term_t *)f + f->words == (term_t *)after) {
        f->words += after->words;
        f->next = after->next;
    }
    if (before != NULL && (term_t *)before + before->words == (term_t *)f) {
        before->words += f->words;
        before->next = f->next;
        f = before;
    }
    t->literal_at = f;
    literal_discard(vm, f);
    LITERALS_GONE(f + 1, f->words * sizeof(term_t) - sizeof *f);
    spin_unlock(vm, &t->literal_lock);
}

size_t literal_bytes(vm_t *vm) {
    struct code_table *t = vm->code;
    spin_lock(vm, &t->literal_lock);
    size_t words = t->literal_live;
    spin_unlock(vm, &t->literal_lock);
    return words * sizeof(term_t);
}

term_t literal_copy(vm_t *vm, term_t t, term_t **area, size_t *words, off_heap_t **off) {
    *area = NULL;
    *words = 0;
    if (is_immed(t)) return t;
    /* Other literals inside are copied too: they may be freed before this one. */
    size_t n = term_flat_size(vm, t);
    term_t *hp = literal_alloc(vm, n);
    if (hp == NULL) return TERM_NONE;
    *area = hp;
    *words = n;
    return term_copy_all(vm, t, &hp, off);
}

bool literal_arena_init(vm_t *vm) {
    if (vm->host->ops->pages_reserve == NULL) return false;
    for (size_t size = (size_t)1 << 30; size >= (size_t)1 << 24; size /= 4) {
        void *base = vm->host->ops->pages_reserve(vm->host, size);
        if (base == NULL) continue;
        vm->literal_base = (uintptr_t)base;
        vm->literal_size = size;
        return true;
    }
    return false;
}

void literal_arena_free(vm_t *vm) {
    struct code_table *t = vm->code;
    if (vm->literal_size != 0) {
        atomic_fetch_sub_explicit(&vm->memory_used, t->literal_live * sizeof(term_t),
                                  memory_order_relaxed);
        LITERALS_USABLE((void *)vm->literal_base, t->literal_top * sizeof(term_t));
        vm->host->ops->pages_release(vm->host, (void *)vm->literal_base, vm->literal_size);
    }
    vm->literal_base = 0;
    vm->literal_size = 0;
}
