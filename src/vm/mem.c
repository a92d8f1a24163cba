/* mem.c: memory of a VM: the embedder's allocator with a limit, per-scheduler pools of small
 * blocks, and spin locks. Any thread may call it; it relies on nothing but vm_t.
 */
#include <stdlib.h>
#include "vm/fiber.h"
#include "vm/heap.h"
#include "vm/sched.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POOLS 0 /* blocks must really die so that the sanitizer sees late uses */
#else
#define POOLS 1
#endif
#else
#define POOLS 1
#endif

/* Atomic even without scheduler threads: the host's other threads send messages. */
static void count_up(vm_t *vm, size_t n) {
    atomic_fetch_add_explicit(&vm->memory_used, n, memory_order_relaxed);
}

static void count_down(vm_t *vm, size_t n) { count_up(vm, (size_t)0 - n); }

static bool over_limit(vm_t *vm, size_t more) {
    return vm->memory_limit != 0 &&
           atomic_load_explicit(&vm->memory_used, memory_order_relaxed) + more > vm->memory_limit;
}

void *mem_alloc(vm_t *vm, size_t size) {
    if (size == 0 || size > PTRDIFF_MAX || over_limit(vm, size)) return NULL;
    void *p = vm->alloc(vm->alloc_user, NULL, 0, size);
    if (p) count_up(vm, size);
    return p;
}

void *mem_calloc(vm_t *vm, size_t size) {
    void *p = mem_alloc(vm, size);
    return p ? memset(p, 0, size) : NULL;
}

void *mem_realloc(vm_t *vm, void *old, size_t old_size, size_t new_size) {
    if (!old) return mem_alloc(vm, new_size);
    if (new_size == 0 || new_size > PTRDIFF_MAX) return NULL;
    if (new_size > old_size && over_limit(vm, new_size - old_size)) return NULL;
    void *p = vm->alloc(vm->alloc_user, old, old_size, new_size);
    if (p) count_up(vm, new_size - old_size);
    return p;
}

void mem_free(vm_t *vm, void *p, size_t size) {
    if (!p) return;
    vm->alloc(vm->alloc_user, p, size, 0);
    count_down(vm, size);
}

/* ---- pools ---- */
enum { POOL_CLASSES = 16 };
static const uint16_t pool_size[POOL_CLASSES] = {32,  48,  64,  80,  96,  128,  160,  192,
                                                 256, 320, 448, 640, 768, 1024, 1536, 2048};
#define POOL_MAX 2048
/* Class by size in 16-byte steps would be a table of 128 entries; two compares do as well. */
static int pool_class(size_t size) {
    int c = size <= 96 ? 0 : size <= 256 ? 5 : 9;
    while (pool_size[c] < size) c++;
    return c;
}
#define POOL_KEEP_BYTES (1u << 20) /* a scheduler keeps at most this much of a class */

void *pool_alloc(vm_t *vm, sched_t *s, size_t size) {
    if (!POOLS || size > POOL_MAX) return mem_alloc(vm, size);
    int c = pool_class(size);
    if (s && LIKELY(s->pools[c] != NULL)) {
        void *p = s->pools[c];
        s->pools[c] = *(void **)p;
        s->pool_count[c]--;
        return p;
    }
    return mem_alloc(vm, pool_size[c]);
}

void pool_free(vm_t *vm, sched_t *s, void *p, size_t size) {
    if (!p) return;
    if (!POOLS || size > POOL_MAX) {
        mem_free(vm, p, size);
        return;
    }
    int c = pool_class(size);
    if (s && s->pool_count[c] < POOL_KEEP_BYTES / pool_size[c]) {
        *(void **)p = s->pools[c];
        s->pools[c] = p;
        s->pool_count[c]++;
        return;
    }
    mem_free(vm, p, pool_size[c]);
}

void pool_drain(vm_t *vm, sched_t *s) {
    heap_spare_free(s);
    fiber_spare_free(s);
    for (int c = 0; c < POOL_CLASSES; c++)
        while (s->pools[c]) {
            void *p = s->pools[c];
            s->pools[c] = *(void **)p;
            s->pool_count[c]--;
            mem_free(vm, p, pool_size[c]);
        }
}

/* ---- locks ---- */
void spin_lock(vm_t *vm, spin_t *l) {
    if (!vm->locking) return;
    unsigned tries = 0;
    while (atomic_flag_test_and_set_explicit(&l->held, memory_order_acquire)) {
        if (++tries > 100) {
            vm->host->ops->yield(vm->host);
            tries = 0;
        }
    }
}

void spin_unlock(vm_t *vm, spin_t *l) {
    if (vm->locking) atomic_flag_clear_explicit(&l->held, memory_order_release);
}
