/* system_items.c: items of system_info/1 and statistics/1 that tell of the machine's insides: what
 * OTP's tools print. Shapes are OTP's; where this machine has no such part the figure is 0 or the
 * list short. Called by bif_info.c for items it does not know.
 */
#include "vm/system_items.h"
#include "vm/atom.h"
#include "vm/bif_tables.h"
#include "vm/binary.h"
#include "vm/dump_text.h"
#include "vm/info_terms.h"
#include "vm/memory.h"
#include "vm/port.h"
#include "vm/proc_dump.h"
#include "vm/process.h"
#include "vm/sched_internal.h"

/* ---- system_info ---- */

/* Areas of BEAM's that are none of ours are empty. */
static term_t allocated_areas(proc_t *p) {
    vm_t *vm = p->vm;
    memory_use_t m;
    memory_use(vm, &m);
    uint64_t names = (uint64_t)atom_count(vm) * sizeof(void *);
    const struct {
        uint32_t name;
        uint64_t bytes;
    } areas[] = {
        {A_sys_misc, 0},
        {A_static, sizeof *vm},
        {A_atom_space, m.atoms > names ? m.atoms - names : 0},
        {A_atom_table, names},
        {A_module_table, 0},
        {A_export_table, 0},
        {A_export_list, 0},
        {A_register_table, 0},
        {A_fun_table, 0},
        {A_module_refs, 0},
        {A_loaded_code, m.code},
        {A_dist_table, 0},
        {A_node_table, 0},
        {A_bits_bufs_size, 0},
        {A_bif_timer, 0},
        {A_process_table, (uint64_t)proc_limit(vm) * sizeof(void *)},
        {A_port_table, (uint64_t)OUTLET_LIMIT * sizeof(void *)},
        {A_ets_misc, m.tables},
        {A_external_alloc, m.code},
    };
    term_t l = TERM_NIL;
    for (size_t i = sizeof areas / sizeof *areas; i-- > 0;) {
        term_t bytes = number(p, areas[i].bytes), *hp;
        if (areas[i].name != A_atom_space) {
            l = push_pair(p, areas[i].name, bytes, l);
            continue;
        }
        hp = bytes == TERM_NONE ? NULL : heap_alloc(p, 4);
        l = hp ? push(p, tuple3(&hp, A_atom_space, bytes, bytes), l) : TERM_NONE;
    }
    return l;
}

static term_t check_io(proc_t *p) {
    term_t l = push_pair(p, A_poll_threads, make_small(1), TERM_NIL);
    l = push_pair(p, A_active_fds, make_small(0), l);
    l = push_pair(p, A_max_fds, make_small(0), l);
    l = push_pair(p, A_fallback, A_false, l);
    l = push_pair(p, A_concurrent_updates, A_true, l);
    l = push_pair(p, A_batch_updates, A_false, l);
    l = push_pair(p, A_pending_updates, make_small(0), l);
    l = push_pair(p, A_lazy_updates, A_false, l);
    l = push_pair(p, A_total_poll_set_size, make_small(0), l);
    l = push_pair(p, A_memory_size, make_small(0), l);
    l = push_pair(p, A_kernel_poll, A_epoll, l);
    l = push_pair(p, A_primary, A_epoll, l);
    return push(p, push_pair(p, A_name, A_erts_poll, l), TERM_NIL);
}

/* {Module, Function, Arity} of all native functions. */
static term_t native_functions(proc_t *p) {
    term_t l = TERM_NIL;
    for (size_t i = 0; bif_tables[i]; i++)
        for (const bif_def_t *d = bif_tables[i]; d->module && l != TERM_NONE; d++) {
            term_t m = atom_from_string(p->vm, d->module);
            term_t f = atom_from_string(p->vm, d->function), *hp = NULL;
            if (m != TERM_NONE && f != TERM_NONE) hp = heap_alloc(p, 4);
            l = hp ? push(p, tuple3(&hp, m, f, make_small(d->arity)), l) : TERM_NONE;
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
        l = hp ? push(p, tuple4(&hp, kinds[i], x, x, x), l) : TERM_NONE;
    }
    return l;
}

/* ---- texts ---- what the break menu shows */

static term_t text_binary(proc_t *p, text_t *t) {
    uint8_t *data;
    term_t b = t->failed ? TERM_NONE : binary_new(p, t->len, &data);
    if (b != TERM_NONE && t->len) memcpy(data, t->data, t->len);
    text_free(t);
    return or_oom(p, b);
}

static bool add_process(void *user, proc_t *p) {
    text_t *t = user;
    /* Of one that may be running on another thread, only what stands still. */
    proc_state_text(p, t);
    if (!p->vm->threaded) proc_body_text(p, t);
    return true;
}
static void add_port(void *user, outlet_t *o) { port_text(o, user); }

static term_t text_item(proc_t *p, term_t item) {
    text_t t;
    text_init(&t, p->vm);
    switch (item) {
    case A_info: dump_information(&t, p->vm); break;
    case A_loaded: dump_modules(&t, p->vm); break;
    case A_procs:
        proc_each(p->vm, add_process, &t);
        if (!p->vm->threaded) outlet_each(p->vm, add_port, &t);
        break;
    default: dump_distribution(&t); break;
    }
    bif_bump(p, t.len / 16);
    return text_binary(p, &t);
}

/* ---- how it was built and started ---- */

static term_t compile_info(proc_t *p) {
    term_t l = push_pair(p, A_config_h, TERM_NIL, TERM_NIL);
    l = push_pair(p, A_cflags, TERM_NIL, l);
    return push_pair(p, A_ldflags, TERM_NIL, l);
}

static term_t thread_library(proc_t *p) {
    static const char *const facts[][2] = {{"64-bit native atomics", "C11"},
                                           {"32-bit native atomics", "C11"},
                                           {"Native spinlocks", "C11"}};
    term_t l = TERM_NIL;
    for (int i = 2; i >= 0; i--)
        l = push_pair(p, string_to_list(p, facts[i][0]), string_to_list(p, facts[i][1]), l);
    return l;
}

/* The emulator and its arguments; bare, it has none. */
static term_t emu_args(proc_t *p) {
    term_t first = push(p, string_to_list(p, "ling"), TERM_NIL), *last = &cons_ptr(first)[1];
    if (first == TERM_NONE || !p->vm->boot_args) return first;
    for (term_t l = p->vm->boot_args; is_cons(l); l = cons_tail(l)) {
        bits_t b;
        bits_of(cons_head(l), &b);
        term_t cell = push(p, bytes_to_list(p, b.base, b.bit_size / 8, TERM_NIL), TERM_NIL);
        if (cell == TERM_NONE) return TERM_NONE;
        *last = cell;
        last = &cons_ptr(cell)[1];
    }
    return first;
}

/* Each scheduler reads for itself. */
static term_t reader_groups(proc_t *p) {
    term_t l = TERM_NIL;
    for (unsigned i = p->vm->nscheds + 1; i > 0; i--)
        l = push_pair(p, make_small(i - 1), make_small(i), l);
    return l;
}

static term_t clock_source(proc_t *p, bool wall) {
    const host_ops_t *ops = p->vm->host->ops;
    uint64_t now = wall ? (uint64_t)ops->wall_ns(p->vm->host) : vm_host_now(p->vm);
    term_t l = push_pair(p, A_time, uint64_to_term(p, now), TERM_NIL);
    l = push_pair(p, A_parallel, A_yes, l);
    if (!wall) l = push_pair(p, A_extended, A_no, l);
    l = push_pair(p, A_resolution, make_small(1000000000), l);
    l = push_pair(p, A_clock_id, wall ? A_CLOCK_REALTIME : A_CLOCK_MONOTONIC, l);
    return push_pair(p, A_function, A_clock_gettime, l);
}

term_t system_item(proc_t *p, term_t item) {
    if (is_tuple_of(item, 2)) {
        term_t what = tuple_elem(item, 1), arg = tuple_elem(item, 2);
        if (what == A_allocator || what == A_allocator_sizes)
            return memory_allocator_info(p, arg, what == A_allocator_sizes);
        if (what == A_cpu_topology && (arg == A_defined || arg == A_detected || arg == A_used))
            return A_undefined;
        return bif_badarg(p);
    }
    switch (item) {
    case A_allocated_areas: return or_oom(p, allocated_areas(p));
    case A_allocator: return memory_allocator(p);
    case A_alloc_util_allocators: return memory_allocator_names(p);
    case A_dist:
    case A_info:
    case A_loaded:
    case A_procs: return text_item(p, item);
    case A_compile_info: return or_oom(p, compile_info(p));
    case A_ethread_info: return or_oom(p, thread_library(p));
    case A_emu_args: return or_oom(p, emu_args(p));
    case A_reader_groups_map: return or_oom(p, reader_groups(p));
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
        for (unsigned i = 0; (q = sched_priv_at(p->vm, i)) != NULL; i++)
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
        const struct sched_priv *q = sched_priv_at(vm, i - 1);
        uint64_t active = 0, idle = q ? slept(vm, q, &now) : 0, total = now > from ? now - from : 0;
        if (q && (i <= vm->nscheds ||
                  atomic_load_explicit(&q->started,
                                       memory_order_relaxed))) { /* else it has no thread yet */
            uint64_t before = atomic_load_explicit(&q->idle_before, memory_order_relaxed);
            active = idle - before < total ? total - (idle - before) : 0;
        }
        term_t x = uint64_to_term(p, active), y = uint64_to_term(p, total), *hp = NULL;
        if (x != TERM_NONE && y != TERM_NONE) hp = heap_alloc(p, 4);
        l = hp ? push(p, tuple3(&hp, make_small(i), x, y), l) : TERM_NONE;
    }
    return or_oom(p, l);
}
