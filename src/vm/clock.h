/* clock.h: Erlang monotonic time and the time offset, made of the host's two clocks.
 *
 * vm_now (vm.h) is Erlang monotonic time: what timers, timestamps and programs go by. It runs with
 * the host's monotonic clock but where the wall clock is to be followed. Any thread.
 */
#ifndef LING_VM_CLOCK_H
#define LING_VM_CLOCK_H

#include "vm/vm.h"

/* vm_options_t.time_warp: modes as OTP documents them */
enum {
    TIME_NO_WARP,     /* the offset is fixed; the clock runs up to 1 % wrong to follow the wall */
    TIME_SINGLE_WARP, /* the same from clock_finalize on; until then nothing is followed */
    TIME_MULTI_WARP   /* the offset follows, the clock runs right */
};

bool clock_init(vm_t *vm);
void clock_free(vm_t *vm);

int64_t clock_offset(vm_t *vm); /* system time - monotonic time */
int64_t clock_system_ns(vm_t *vm);
/* Microseconds since 1970, later with every call: erlang:now/0. */
int64_t clock_unique_us(vm_t *vm);

/* Where monotonic time ends, ns and ms: no timer beyond. */
#define CLOCK_END_MS INT64_C(9223372036000)
#define CLOCK_END_NS (CLOCK_END_MS * 1000000)

/* When the host's monotonic clock will be there: for waiting. 0 and HOST_FOREVER stay. A wait that
 * ends too early is repeated by who waits. */
uint64_t clock_host_time(vm_t *vm, uint64_t when);

/* Compares with the wall clock if that is due. May send signals: no lock is held. */
void clock_check(vm_t *vm);
static inline void clock_look(vm_t *vm, uint64_t now) {
    if (UNLIKELY(now >= atomic_load_explicit(&vm->clock_due, memory_order_relaxed)))
        clock_check(vm);
}

term_t clock_state(vm_t *vm); /* preliminary, final or volatile */
/* Ends the preliminary phase; the state before. */
term_t clock_finalize(vm_t *vm);

/* pid is told when the offset changes, by a message from its monitor ref_id (REL_TIME). false: no
 * memory. */
bool clock_watch(vm_t *vm, sched_t *s, uint64_t ref_id, term_t pid);
void clock_unwatch(vm_t *vm, sched_t *s, uint64_t ref_id);

#endif
