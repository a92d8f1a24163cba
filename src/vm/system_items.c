/* system_items.c: items of system_info/1 and statistics/1 that tell of the machine's insides: what
 * OTP's tools print. Shapes are OTP's; where this machine has no such part the figure is 0 or the
 * list short. Called by bif_info.c for items it does not know.
 */
#include "vm/system_items.h"
#include "vm/atom.h"
#include "vm/bif_tables.h"
#include "vm/code.h"
#include "vm/ets.h"
#include "vm/process.h"
#include "vm/sched_internal.h"

/* ---- lists in progress: TERM_NONE stays ---- */

static term_t put(proc_t *p, term_t head, term_t tail) {
    term_t *hp = head == TERM_NONE || tail == TERM_NONE ? NULL : heap_alloc(p, 2);
    return hp ? cons(&hp, head, tail) : TERM_NONE;
}
static term_t put_pair(proc_t *p, term_t a, term_t b, term_t tail) {
    term_t *hp = b == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? put(p, tuple2(&hp, a, b), tail) : TERM_NONE;
}

/* ---- system_info ---- */

static term_t allocated_areas(proc_t *p) {
    static const uint32_t none[] = {
        A_sys_misc,   A_static,         A_module_table,   A_export_table,   A_export_list,
        A_fun_table,  A_module_refs,    A_register_table, A_external_alloc, A_dist_table,
        A_node_table, A_bits_bufs_size, A_bif_timer,      A_port_table};
    term_t l = TERM_NIL;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        l = put_pair(p, none[i], make_small(0), l);
    size_t atoms = atom_count(p->vm) * (sizeof(atom_text_t) + sizeof(void *));
    l = put_pair(p, A_ets_misc, uint64_to_term(p, ets_memory(p->vm)), l);
    l = put_pair(p, A_process_table, make_small((int64_t)proc_limit(p->vm) * 8), l);
    l = put_pair(p, A_loaded_code, make_small(0), l);
    term_t *hp = heap_alloc(p, 4), size = make_small((int64_t)atoms);
    l = hp ? put(p, tuple3(&hp, A_atom_space, size, size), l) : TERM_NONE;
    return put_pair(p, A_atom_table, uint64_to_term(p, atoms), l);
}

static term_t check_io(proc_t *p) {
    term_t l = put_pair(p, A_poll_threads, make_small(1), TERM_NIL);
    l = put_pair(p, A_active_fds, make_small(0), l);
    l = put_pair(p, A_max_fds, make_small(0), l);
    l = put_pair(p, A_fallback, A_false, l);
    l = put_pair(p, A_concurrent_updates, A_true, l);
    l = put_pair(p, A_batch_updates, A_false, l);
    l = put_pair(p, A_pending_updates, make_small(0), l);
    l = put_pair(p, A_lazy_updates, A_false, l);
    l = put_pair(p, A_total_poll_set_size, make_small(0), l);
    l = put_pair(p, A_memory_size, make_small(0), l);
    l = put_pair(p, A_kernel_poll, A_epoll, l);
    l = put_pair(p, A_primary, A_epoll, l);
    return put(p, put_pair(p, A_name, A_erts_poll, l), TERM_NIL);
}

/* {Module, Function, Arity} of all native functions. */
static term_t native_functions(proc_t *p) {
    term_t l = TERM_NIL;
    for (size_t i = 0; bif_tables[i]; i++)
        for (const bif_def_t *d = bif_tables[i]; d->module && l != TERM_NONE; d++) {
            term_t m = atom_from_string(p->vm, d->module);
            term_t f = atom_from_string(p->vm, d->function), *hp = NULL;
            if (m != TERM_NONE && f != TERM_NONE) hp = heap_alloc(p, 4);
            l = hp ? put(p, tuple3(&hp, m, f, make_small(d->arity)), l) : TERM_NONE;
        }
    return l;
}

static term_t all_schedulers_state(proc_t *p) {
    static const uint32_t kinds[] = {A_dirty_io, A_dirty_cpu, A_normal};
    const unsigned n[] = {dirty_count(p->vm, DIRTY_IO), dirty_count(p->vm, DIRTY_CPU),
                          p->vm->nscheds};
    term_t l = TERM_NIL;
    for (int i = 0; i < 3; i++) {
        term_t *hp = heap_alloc(p, 5), x = make_small(n[i]);
        l = hp ? put(p, tuple4(&hp, kinds[i], x, x, x), l) : TERM_NONE;
    }
    return l;
}

/* No allocator of OTP's: {undefined, Version, Features, Settings}. */
static term_t allocator(proc_t *p) {
    term_t *hp = heap_alloc(p, 5);
    return hp ? tuple4(&hp, A_undefined, TERM_NIL, TERM_NIL, TERM_NIL) : TERM_NONE;
}

static bool is_allocator(term_t name) {
    static const uint32_t names[] = {A_binary_alloc, A_driver_alloc,  A_eheap_alloc, A_ets_alloc,
                                     A_fix_alloc,    A_literal_alloc, A_ll_alloc,    A_sl_alloc,
                                     A_std_alloc,    A_sys_alloc,     A_temp_alloc,  A_mseg_alloc,
                                     A_erts_mmap,    A_test_alloc};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] == name) return true;
    return false;
}

static term_t clock_source(proc_t *p, bool wall) {
    const host_ops_t *ops = p->vm->host->ops;
    uint64_t now = wall ? (uint64_t)ops->wall_ns(p->vm->host) : vm_host_now(p->vm);
    term_t l = put_pair(p, A_time, uint64_to_term(p, now), TERM_NIL);
    l = put_pair(p, A_parallel, A_yes, l);
    if (!wall) l = put_pair(p, A_extended, A_no, l);
    l = put_pair(p, A_resolution, make_small(1000000000), l);
    l = put_pair(p, A_clock_id, wall ? A_CLOCK_REALTIME : A_CLOCK_MONOTONIC, l);
    return put_pair(p, A_function, A_clock_gettime, l);
}

static term_t or_oom(proc_t *p, term_t t) { return t == TERM_NONE ? bif_oom(p) : t; }

term_t system_item(proc_t *p, term_t item) {
    if (is_tuple_of(item, 2)) {
        term_t what = tuple_elem(item, 1), arg = tuple_elem(item, 2);
        bool alloc = what == A_allocator || what == A_allocator_sizes;
        if (alloc && is_allocator(arg)) return A_false; /* "disabled" */
        if (what == A_cpu_topology && (arg == A_defined || arg == A_detected || arg == A_used))
            return A_undefined;
        return bif_badarg(p);
    }
    switch (item) {
    case A_allocated_areas: return or_oom(p, allocated_areas(p));
    case A_allocator: return or_oom(p, allocator(p));
    case A_check_io: return or_oom(p, check_io(p));
    case A_snifs: return or_oom(p, native_functions(p));
    case A_all_schedulers_state: return or_oom(p, all_schedulers_state(p));
    case A_schedulers_active: return make_small(p->vm->nscheds);
    case A_context_reductions: return make_small(SLICE_REDS);
    case A_lock_checking:
    case A_lock_counting: return A_false;
    case A_os_monotonic_time_source: return or_oom(p, clock_source(p, false));
    case A_os_system_time_source: return or_oom(p, clock_source(p, true));
    default: return bif_badarg(p);
    }
}

/* ---- statistics ---- */

term_t run_queues(proc_t *p) {
    vm_t *vm = p->vm;
    sched_stats_t st;
    term_t *hp = heap_alloc(p, vm->nscheds + 3), *tuple = hp;
    if (!hp) return bif_oom(p);
    sched_stats(vm, &st);
    *hp++ = make_header(T_TUPLE, vm->nscheds + 2);
    *hp++ = make_small(st.runnable); /* the queues are shared by stealing: their sum stands first */
    for (unsigned i = 1; i < vm->nscheds; i++) *hp++ = make_small(0);
    *hp++ = make_small(st.dirty_runnable[0]);
    *hp = make_small(st.dirty_runnable[1]);
    return make_boxed(tuple);
}

/* ---- scheduler_wall_time ---- */

/* Scheduler i of all, ordinary ones first, then the dirty pools; NULL: there are no more. */
static struct sched_priv *nth(vm_t *vm, unsigned i) {
    unsigned cpu = dirty_count(vm, DIRTY_CPU);
    if (i < vm->nscheds) return vm->scheds[i]->priv;
    i -= vm->nscheds;
    return i < cpu ? dirty_priv(vm, DIRTY_CPU, i) : dirty_priv(vm, DIRTY_IO, i - cpu);
}

/* Nanoseconds it has slept so far, and the time that is true for. */
static uint64_t slept(vm_t *vm, const struct sched_priv *q, uint64_t *now) {
    uint64_t idle = atomic_load_explicit(&q->idle, memory_order_acquire);
    *now = vm_host_now(vm);
    return (idle & 1 ? (idle - 1) + 2 * *now : idle) / 2;
}

term_t wall_time_flag(proc_t *p, term_t on) {
    sys_state_t *sys = sched_sys_state(p->vm);
    if (on != A_true && on != A_false) return bif_badarg(p);
    uint64_t now = vm_host_now(p->vm);
    /* Who asks twice takes back twice. */
    uint32_t users = atomic_load_explicit(&sys->wall_time_users, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&sys->wall_time_users, &users,
                                                  on == A_true ? users + 1 : users - (users > 0),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    struct sched_priv *q;
    if (on == A_true ? users == 0 : users == 1) {
        for (unsigned i = 0; (q = nth(p->vm, i)) != NULL; i++)
            atomic_store_explicit(&q->idle_before, slept(p->vm, q, &now), memory_order_relaxed);
        atomic_store_explicit(&sys->wall_time_from, on == A_true ? now : 0, memory_order_relaxed);
    }
    return make_bool(users > 0);
}

term_t wall_times(proc_t *p, bool all) {
    vm_t *vm = p->vm;
    uint64_t now = vm_host_now(vm),
             from =
                 atomic_load_explicit(&sched_sys_state(vm)->wall_time_from, memory_order_relaxed);
    unsigned n = vm->nscheds + dirty_count(vm, DIRTY_CPU);
    if (all) n += dirty_count(vm, DIRTY_IO);
    if (!from) return A_undefined;
    term_t l = TERM_NIL;
    for (unsigned i = n; i > 0; i--) {
        const struct sched_priv *q = nth(vm, i - 1);
        uint64_t active = 0, idle = q ? slept(vm, q, &now) : 0, total = now > from ? now - from : 0;
        if (q && (i <= vm->nscheds || q->parker)) { /* else it has no thread yet */
            uint64_t before = atomic_load_explicit(&q->idle_before, memory_order_relaxed);
            active = idle - before < total ? total - (idle - before) : 0;
        }
        term_t x = uint64_to_term(p, active), y = uint64_to_term(p, total), *hp = NULL;
        if (x != TERM_NONE && y != TERM_NONE) hp = heap_alloc(p, 4);
        l = hp ? put(p, tuple3(&hp, make_small(i), x, y), l) : TERM_NONE;
    }
    return or_oom(p, l);
}
