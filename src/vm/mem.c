/* mem.c: memory of a VM: the embedder's allocator with a limit, per-scheduler pools of small
 * blocks, and spin locks. Any thread may call it; it relies on nothing but vm_t.
 */
#include <stdlib.h>
#include "vm/fiber.h"
#include "vm/heap.h"
#include "vm/sched_internal.h"

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

/* ---- kinds ----
 * One word counts blocks and bytes, in units of 16: one addition, whose carries cancel out when the
 * words of all threads are added up. A scheduler has its own; without scheduler threads, and for
 * threads that are none, there is the VM's. */
enum { UNIT = 16, UNIT_BITS = 36 };
#define UNITS_SHORT (UINT64_C(1) << 32) /* units that may be missing for a moment: 64 GB */

static void count_kind(vm_t *vm, int kind, uint64_t much) {
    sched_t *s = vm->threaded ? sched_current(vm) : NULL;
    if (!s) {
        atomic_fetch_add_explicit(&vm->memory_kinds[kind], much, memory_order_relaxed);
        return;
    }
    _Atomic(uint64_t) *mine = &s->priv->memory_kinds[kind];
    atomic_store_explicit(mine, atomic_load_explicit(mine, memory_order_relaxed) + much,
                          memory_order_relaxed);
}
static uint64_t block_of(size_t size) {
    return (UINT64_C(1) << UNIT_BITS) + (size + UNIT - 1) / UNIT;
}

void *mem_alloc_as(vm_t *vm, int kind, size_t size) {
    void *p = mem_alloc(vm, size);
    if (p) count_kind(vm, kind, block_of(size));
    return p;
}

void mem_free_as(vm_t *vm, int kind, void *p, size_t size) {
    if (!p) return;
    mem_free(vm, p, size);
    count_kind(vm, kind, 0 - block_of(size));
}

void mem_counted(vm_t *vm, int kind, uint64_t *blocks, uint64_t *bytes) {
    uint64_t sum = atomic_load_explicit(&vm->memory_kinds[kind], memory_order_relaxed);
    const struct sched_priv *q;
    for (unsigned i = 0; (q = sched_priv_at(vm, i)) != NULL; i++)
        sum += atomic_load_explicit(&q->memory_kinds[kind], memory_order_relaxed);
    /* What one thread has counted and another released while this was read may be missing, of the
     * blocks or of the bytes alone: never less than nothing. */
    const uint64_t top = UINT64_C(1) << UNIT_BITS;
    uint64_t units = sum & (top - 1);
    if (units >= top - UNITS_SHORT) {
        units = 0;
        sum += UNITS_SHORT; /* the blocks had to lend one */
    }
    *blocks = (int64_t)sum < 0 ? 0 : sum >> UNIT_BITS;
    *bytes = units * UNIT;
}

/* ---- pools ---- */
/* X(size of the class's blocks, how many steps of 16 bytes it is for) */
#define CLASSES(X)                                                                                 \
    X(32, 3)                                                                                       \
    X(48, 1)                                                                                       \
    X(64, 1)                                                                                       \
    X(80, 1)                                                                                       \
    X(96, 1)                                                                                       \
    X(128, 2)                                                                                      \
    X(160, 2)                                                                                      \
    X(192, 2)                                                                                      \
    X(256, 4)                                                                                      \
    X(320, 4)                                                                                      \
    X(448, 8)                                                                                      \
    X(640, 12)                                                                                     \
    X(768, 8)                                                                                      \
    X(1024, 16)                                                                                    \
    X(1536, 32)                                                                                    \
    X(2048, 32)
enum { POOL_CLASSES = 16, POOL_MAX = 2048 };
#define POOL_KEEP_BYTES (1u << 20) /* a scheduler keeps at most this much of a class */
typedef struct {
    uint16_t size;
    uint16_t keep; /* blocks a scheduler keeps at most */
} pool_class_t;
static const pool_class_t pool_class[POOL_CLASSES] = {
#define X(size, steps) {(size), POOL_KEEP_BYTES / (size)},
    CLASSES(X)
#undef X
};
/* The class by the size in steps, rounded up. */
enum {
#define X(size, steps) CLASS_##size,
    CLASSES(X)
#undef X
};
#define STEPS_1(c)  c,
#define STEPS_2(c)  c, c,
#define STEPS_3(c)  c, c, c,
#define STEPS_4(c)  STEPS_2(c) STEPS_2(c)
#define STEPS_8(c)  STEPS_4(c) STEPS_4(c)
#define STEPS_12(c) STEPS_8(c) STEPS_4(c)
#define STEPS_16(c) STEPS_8(c) STEPS_8(c)
#define STEPS_32(c) STEPS_16(c) STEPS_16(c)
static const uint8_t class_by_steps[POOL_MAX / 16 + 1] = {
#define X(size, steps) STEPS_##steps(CLASS_##size)
    CLASSES(X)
#undef X
};
static inline unsigned class_of(size_t size) { return class_by_steps[(size + 15) / 16]; }

void *pool_alloc(vm_t *vm, sched_t *s, size_t size) {
    if (!POOLS || UNLIKELY(size > POOL_MAX)) return mem_alloc(vm, size);
    unsigned c = class_of(size);
    if (LIKELY(s != NULL) && LIKELY(s->pools[c] != NULL)) {
        void *p = s->pools[c];
        s->pools[c] = *(void **)p;
        s->pool_count[c]--;
        return p;
    }
    return mem_alloc(vm, pool_class[c].size);
}

void pool_free(vm_t *vm, sched_t *s, void *p, size_t size) {
    if (!p) return;
    if (!POOLS || UNLIKELY(size > POOL_MAX)) {
        mem_free(vm, p, size);
        return;
    }
    unsigned c = class_of(size);
    if (LIKELY(s != NULL) && LIKELY(s->pool_count[c] < pool_class[c].keep)) {
        *(void **)p = s->pools[c];
        s->pools[c] = p;
        s->pool_count[c]++;
        return;
    }
    mem_free(vm, p, pool_class[c].size);
}

void pool_drain(vm_t *vm, sched_t *s) {
    heap_spare_free(s);
    fiber_spare_free(s);
    for (int c = 0; c < POOL_CLASSES; c++)
        while (s->pools[c]) {
            void *p = s->pools[c];
            s->pools[c] = *(void **)p;
            s->pool_count[c]--;
            mem_free(vm, p, pool_class[c].size);
        }
}

/* ---- locks ---- */
void spin_wait(vm_t *vm, spin_t *l) {
    unsigned tries = 0;
    do {
        if (++tries > 100) {
            vm->host->ops->yield(vm->host);
            tries = 0;
        }
    } while (atomic_flag_test_and_set_explicit(&l->held, memory_order_acquire));
}
