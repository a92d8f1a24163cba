/* ets_lock.c: the locks of tables' shards, for many readers or one writer (see ets.h). Called only
 * where the VM has threads; who waits looks again and then lets others have the processor. No lock
 * is held while a process gives way, so waits are short.
 */
#include "vm/ets.h"
#include "vm/sched.h"

#define RW_WRITER 1u
#define RW_READER 2u

static void relax(vm_t *vm, unsigned *tries) {
    if (++*tries < 64) return;
    vm->host->ops->yield(vm->host);
    *tries = 0;
}

/* The running scheduler's word, or NULL: it says with the lock's own count that it reads. */
static _Atomic(uint32_t) *reader_of(vm_t *vm, ets_t *t) {
    sched_t *s = t->readers ? sched_current(vm) : NULL;
    return s && !s->dirty ? &t->readers[s->id - 1].number : NULL;
}

/* Either the reader sees that there is a writer, or the writer sees the reader's word. */
static void lock_read(vm_t *vm, ets_t *t, ets_shard_t *sh) {
    _Atomic(uint32_t) *mine = reader_of(vm, t);
    for (unsigned tries = 0;;) {
        if (mine) {
            atomic_store_explicit(mine, sh->number, memory_order_seq_cst);
            if (!(atomic_load_explicit(&sh->rw, memory_order_seq_cst) & RW_WRITER)) return;
            atomic_store_explicit(mine, 0, memory_order_release);
        } else {
            uint32_t was = atomic_fetch_add_explicit(&sh->rw, RW_READER, memory_order_acquire);
            if (!(was & RW_WRITER)) return;
            atomic_fetch_sub_explicit(&sh->rw, RW_READER, memory_order_relaxed);
        }
        while (atomic_load_explicit(&sh->rw, memory_order_relaxed) & RW_WRITER) relax(vm, &tries);
    }
}

static void lock_write(vm_t *vm, ets_t *t, ets_shard_t *sh) {
    unsigned tries = 0;
    while (atomic_fetch_or_explicit(&sh->rw, RW_WRITER, memory_order_seq_cst) & RW_WRITER)
        while (atomic_load_explicit(&sh->rw, memory_order_relaxed) & RW_WRITER) relax(vm, &tries);
    while (atomic_load_explicit(&sh->rw, memory_order_acquire) != RW_WRITER) relax(vm, &tries);
    for (unsigned i = 0; t->readers && i < vm->nscheds; i++)
        while (atomic_load_explicit(&t->readers[i].number, memory_order_seq_cst) == sh->number)
            relax(vm, &tries);
}

static void unlock_one(vm_t *vm, ets_t *t, ets_shard_t *sh, bool exclusive) {
    _Atomic(uint32_t) *mine;
    if (exclusive)
        atomic_fetch_and_explicit(&sh->rw, ~RW_WRITER, memory_order_release);
    else if ((mine = reader_of(vm, t)) != NULL)
        atomic_store_explicit(mine, 0, memory_order_release);
    else
        atomic_fetch_sub_explicit(&sh->rw, RW_READER, memory_order_release);
}

/* A scheduler can say of one shard only that it reads it: of several one is a writer. */
static inline bool as_writer(uint64_t shards, bool exclusive) {
    return exclusive || (shards & (shards - 1)) != 0;
}

/* In order, so that two who want several never wait for each other. */
void ets_lock_slow(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive) {
    if (t->nshards < 64) shards &= (UINT64_C(1) << t->nshards) - 1;
    for (exclusive = as_writer(shards, exclusive); shards; shards &= shards - 1) {
        ets_shard_t *sh = &t->shards[__builtin_ctzll(shards)];
        exclusive ? lock_write(vm, t, sh) : lock_read(vm, t, sh);
    }
}

void ets_unlock_slow(vm_t *vm, ets_t *t, uint64_t shards, bool exclusive) {
    if (t->nshards < 64) shards &= (UINT64_C(1) << t->nshards) - 1;
    for (exclusive = as_writer(shards, exclusive); shards; shards &= shards - 1)
        unlock_one(vm, t, &t->shards[__builtin_ctzll(shards)], exclusive);
}
