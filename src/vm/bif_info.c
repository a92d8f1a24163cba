/* bif_info.c: what the machine says about itself: system_info, statistics, and the flags of the
 * whole system. What tells of its insides is in system_items.c and bif_memory.c.
 */
#include "vm/bif.h"
#include "vm/clock.h"
#include "vm/code.h"
#include "vm/engine.h"
#include "vm/ets.h"
#include "vm/info_terms.h"
#include "vm/map.h"
#include "vm/microstate.h"
#include "vm/port.h"
#include "vm/proc_options.h"
#include "vm/process.h"
#include "vm/seq_trace.h"
#include "vm/system_items.h"
#include "vm/trace.h"

#define OTP_RELEASE "25"

/* ---- system_info ---- */

static term_t sys_os_type(proc_t *p) { return pair(p, A_unix, A_linux); }
static term_t sys_os_version(proc_t *p) {
    term_t *hp = heap_alloc(p, 4);
    unsigned v[3] = {0, 0, 0};
    host_t *h = p->vm->host;
    if (h->ops->os_version) h->ops->os_version(h, v);
    return hp ? tuple3(&hp, make_small(v[0]), make_small(v[1]), make_small(v[2])) : TERM_NONE;
}
static term_t sys_otp_release(proc_t *p) { return string_to_list(p, OTP_RELEASE); }
static term_t sys_version(proc_t *p) { return string_to_list(p, ERTS_VERSION); }
static term_t sys_machine(proc_t *p) { return string_to_list(p, "BEAM"); }
static term_t sys_driver_version(proc_t *p) { return string_to_list(p, "3.3"); }
static term_t sys_nif_version(proc_t *p) { return string_to_list(p, "2.16"); }
static term_t sys_architecture(proc_t *p) { return string_to_list(p, "x86_64-pc-linux-gnu"); }
static term_t sys_system_version(proc_t *p) {
    return string_to_list(p, "Erlang/OTP " OTP_RELEASE " [erts-" ERTS_VERSION
                             "] [libling] [64-bit]\n");
}
static term_t sys_process_count(proc_t *p) { return make_small(proc_count(p->vm)); }
static term_t sys_process_limit(proc_t *p) { return make_small(proc_limit(p->vm)); }
static term_t sys_atom_count(proc_t *p) { return make_small((int64_t)atom_count(p->vm)); }
static term_t sys_atom_limit(proc_t *p) { return make_small((int64_t)atom_limit(p->vm)); }
static term_t sys_schedulers(proc_t *p) { return make_small(p->vm->nscheds); }
static term_t sys_dirty_cpu(proc_t *p) { return make_small(dirty_count(p->vm, DIRTY_CPU)); }
static term_t sys_dirty_io(proc_t *p) { return make_small(dirty_count(p->vm, DIRTY_IO)); }
static term_t sys_scheduler_id(proc_t *p) { return make_small(p->sched->id); }
static term_t sys_schedulers_state(proc_t *p) {
    term_t *hp = heap_alloc(p, 4), n = make_small(p->vm->nscheds);
    return hp ? tuple3(&hp, n, n, n) : TERM_NONE;
}
static term_t sys_bindings(proc_t *p) {
    size_t n = p->vm->nscheds;
    term_t *hp = heap_alloc(p, n + 1);
    if (!hp) return TERM_NONE;
    hp[0] = make_header(T_TUPLE, n);
    for (size_t i = 1; i <= n; i++) hp[i] = A_unbound;
    return make_boxed(hp);
}
static term_t sys_cpus(proc_t *p) {
    const host_ops_t *ops = p->vm->host->ops;
    unsigned n = ops->cpu_count ? ops->cpu_count(p->vm->host) : 0;
    return n ? make_small(n) : (term_t)A_unknown;
}
static term_t sys_start_time(proc_t *p) { return number(p, p->vm->start_ns); }
static term_t sys_end_time(proc_t *p) { return int64_to_term(p, CLOCK_END_NS); }
static term_t sys_time_correction(proc_t *p) {
    return make_bool(!p->vm->options.no_time_correction);
}
static term_t sys_time_offset(proc_t *p) { return clock_state(p->vm); }
static term_t sys_time_warp_mode(proc_t *p) {
    static const uint32_t modes[] = {A_no_time_warp, A_single_time_warp, A_multi_time_warp};
    return modes[p->vm->options.time_warp];
}
/* ---- what new processes have ---- */

#define USUAL(p, what) atomic_load_explicit(&sched_sys_state((p)->vm)->what, memory_order_relaxed)

static term_t sys_min_heap(proc_t *p) {
    return pair(p, A_min_heap_size, make_small(USUAL(p, min_heap)));
}
static term_t sys_min_bin_vheap(proc_t *p) {
    return pair(p, A_min_bin_vheap_size, make_small(USUAL(p, min_bin_vheap)));
}
static term_t sys_fullsweep(proc_t *p) {
    return pair(p, A_fullsweep_after, make_small(USUAL(p, fullsweep_after)));
}
static term_t max_heap_map(proc_t *p, uint64_t v) {
    term_t kv[] = {A_size,         make_small((uint32_t)v),
                   A_kill,         make_bool(!(v >> 32 & MAX_HEAP_NO_KILL)),
                   A_error_logger, make_bool(!(v >> 32 & MAX_HEAP_NO_LOG))};
    return map_from_pairs(p, kv, 3);
}
static term_t sys_max_heap(proc_t *p) { return max_heap_map(p, USUAL(p, max_heap)); }
static term_t sys_gc(proc_t *p) {
    term_t l = push(p, sys_fullsweep(p), TERM_NIL);
    l = push(p, sys_min_heap(p), l);
    l = push(p, sys_min_bin_vheap(p), l);
    return push_pair(p, A_max_heap_size, make_small((uint32_t)USUAL(p, max_heap)), l);
}
static term_t sys_requests_limit(proc_t *p) { return make_small(USUAL(p, requests_limit)); }

static term_t sys_heap_sizes(proc_t *p) {
    term_t list = TERM_NIL;
    size_t sizes[64], n = 0;
    for (size_t s = min_heap_step(1); n < 56; s = min_heap_step(s + 1)) sizes[n++] = s;
    while (n > 0) list = push(p, make_small((int64_t)sizes[--n]), list);
    return list;
}
static term_t sys_compiler(proc_t *p) {
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return TERM_NONE;
    return pair(p, A_gnuc, tuple3(&hp, make_small(12), make_small(2), make_small(0)));
}
static term_t seq_tracer(proc_t *p) {
    term_t t = atomic_load_explicit(&p->vm->trace->seq_tracer, memory_order_acquire);
    return tracer_lives(p->vm, t, A_undefined) ? tracer_term(p, t) : (term_t)A_false;
}
static term_t sys_seq_tracer(proc_t *p) { return pair(p, A_sequential_tracer, seq_tracer(p)); }
static term_t sys_trace_word(proc_t *p) {
    return make_small((int64_t)atomic_load_explicit(&p->vm->trace->tcw, memory_order_relaxed));
}
static term_t sys_logger(proc_t *p) {
    term_t logger =
        atomic_load_explicit(&sched_sys_state(p->vm)->system_logger, memory_order_relaxed);
    return logger ? logger : (term_t)A_logger;
}

static term_t sys_port_count(proc_t *p) { return make_small(outlet_count(p->vm)); }
static term_t sys_ets_count(proc_t *p) { return make_small((int64_t)ets_count(p->vm)); }

/* fn, or a constant. */
static const struct {
    uint32_t name;
    uint32_t value;
    term_t (*fn)(proc_t *p);
} system_items[] = {
    {A_os_type, 0, sys_os_type},
    {A_os_version, 0, sys_os_version},
    {A_otp_release, 0, sys_otp_release},
    {A_version, 0, sys_version},
    {A_machine, 0, sys_machine},
    {A_driver_version, 0, sys_driver_version},
    {A_nif_version, 0, sys_nif_version},
    {A_system_architecture, 0, sys_architecture},
    {A_system_version, 0, sys_system_version},
    {A_process_count, 0, sys_process_count},
    {A_process_limit, 0, sys_process_limit},
    {A_atom_count, 0, sys_atom_count},
    {A_atom_limit, 0, sys_atom_limit},
    {A_schedulers, 0, sys_schedulers},
    {A_schedulers_online, 0, sys_schedulers},
    {A_schedulers_state, 0, sys_schedulers_state},
    {A_scheduler_id, 0, sys_scheduler_id},
    {A_scheduler_bindings, 0, sys_bindings},
    {A_scheduler_bind_type, A_unbound, NULL},
    {A_dirty_cpu_schedulers, 0, sys_dirty_cpu},
    {A_dirty_cpu_schedulers_online, 0, sys_dirty_cpu},
    {A_dirty_io_schedulers, 0, sys_dirty_io},
    {A_logical_processors, 0, sys_cpus},
    {A_logical_processors_online, 0, sys_cpus},
    {A_logical_processors_available, 0, sys_cpus},
    {A_cpu_topology, A_undefined, NULL},
    {A_update_cpu_info, A_unchanged, NULL},
    {A_start_time, 0, sys_start_time},
    {A_end_time, 0, sys_end_time},
    {A_min_heap_size, 0, sys_min_heap},
    {A_min_bin_vheap_size, 0, sys_min_bin_vheap},
    {A_fullsweep_after, 0, sys_fullsweep},
    {A_max_heap_size, 0, sys_max_heap},
    {A_garbage_collection, 0, sys_gc},
    {A_heap_sizes, 0, sys_heap_sizes},
    {A_c_compiler_used, 0, sys_compiler},
    {A_sequential_tracer, 0, sys_seq_tracer},
    {A_system_logger, 0, sys_logger},
    {A_wordsize, 8 << SMALL_SHIFT, NULL},
    {A_port_count, 0, sys_port_count},
    {A_port_limit, 65536u << SMALL_SHIFT, NULL},
    {A_ets_count, 0, sys_ets_count},
    {A_ets_limit, 8192u << SMALL_SHIFT, NULL},
    {A_emu_flavor, A_emu, NULL},
    {A_emu_type, A_opt, NULL},
    {A_build_type, A_opt, NULL},
    {A_heap_type, A_private, NULL},
    {A_threads, A_true, NULL},
    {A_smp_support, A_true, NULL},
    {A_thread_pool_size, 0, NULL},
    {A_creation, 0, NULL},
    {A_compat_rel, 25u << SMALL_SHIFT, NULL},
    {A_debug_compiled, A_false, NULL},
    {A_break_ignored, A_false, NULL},
    {A_kernel_poll, A_true, NULL},
    {A_port_parallelism, A_false, NULL},
    {A_message_queue_data, A_on_heap, NULL},
    {A_multi_scheduling, A_enabled, NULL},
    {A_multi_scheduling_blockers, TERM_NIL, NULL},
    {A_normal_multi_scheduling_blockers, TERM_NIL, NULL},
    {A_modified_timing_level, A_undefined, NULL},
    {A_time_correction, 0, sys_time_correction},
    {A_time_offset, 0, sys_time_offset},
    {A_time_warp_mode, 0, sys_time_warp_mode},
    {A_tolerant_timeofday, A_enabled, NULL},
    {A_trace_control_word, 0, sys_trace_word},
    {A_dynamic_trace, A_none, NULL},
    {A_dynamic_trace_probes, A_false, NULL},
    {A_dist_buf_busy_limit, 1048576u << SMALL_SHIFT, NULL},
    {A_dist_ctrl, TERM_NIL, NULL},
    {A_delayed_node_table_gc, 60u << SMALL_SHIFT, NULL},
    {A_outstanding_system_requests_limit, 0, sys_requests_limit},
    {A_hipe_architecture, A_undefined, NULL},
    {A_taints, TERM_NIL, NULL},
    {A_eager_check_io, A_true, NULL},
    {A_ets_realloc_moves, A_false, NULL},
    {A_constant_pool_support, A_true, NULL},
    {A_beam_jump_table, A_true, NULL},
    {A_literal_test, A_range, NULL},
    {A_ets_always_compress, A_false, NULL},
    {A_cpu_quota, A_unknown, NULL},
};

static BIF(bif_system_info) {
    if (is_atom(a[0])) {
        for (size_t i = 0; i < sizeof system_items / sizeof *system_items; i++) {
            if (system_items[i].name != a[0]) continue;
            if (!system_items[i].fn) return system_items[i].value;
            return or_oom(p, system_items[i].fn(p));
        }
    }
    if (is_tuple_of(a[0], 2)) {
        term_t what = tuple_elem(a[0], 1), arg = tuple_elem(a[0], 2);
        if (what == A_wordsize && (arg == A_internal || arg == A_external)) return make_small(8);
    }
    return system_item(p, a[0]);
}

/* ---- system_flag ---- the old value */

/* A setting of sys_state_t; what it was. */
static term_t set_usual(_Atomic(uint32_t) *what, int64_t n, uint32_t most) {
    uint32_t value = n > most ? most : (uint32_t)n;
    return make_small(atomic_exchange_explicit(what, value, memory_order_relaxed));
}

static term_t max_heap_flag(proc_t *p, term_t v) {
    uint32_t size;
    uint16_t flags;
    if (!max_heap_from_term(p->vm, v, USUAL(p, min_heap), &size, &flags)) return bif_badarg(p);
    uint64_t old = atomic_exchange_explicit(&sched_sys_state(p->vm)->max_heap,
                                            (uint64_t)flags << 32 | size, memory_order_relaxed);
    return or_oom(p, max_heap_map(p, old));
}

/* Schedulers are threads of the host, which runs them where it likes. */
static term_t bind_type_flag(proc_t *p, term_t v) {
    static const uint32_t types[] = {A_no_spread,
                                     A_thread_spread,
                                     A_processor_spread,
                                     A_spread,
                                     A_no_node_thread_spread,
                                     A_no_node_processor_spread,
                                     A_thread_no_node_processor_spread,
                                     A_default_bind};
    if (v == A_unbound) return A_unbound;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == v) return bif_error(p, A_notsup);
    return bif_badarg(p);
}

static BIF(bif_system_flag) {
    term_t v = a[1];
    sys_state_t *sys = sched_sys_state(p->vm);
    int64_t n = 0;
    bool count = term_to_int64(v, &n) && n >= 0;
    switch (a[0]) {
    case A_system_logger: {
        if (!is_local_pid(v) && v != A_logger && v != A_undefined) return bif_badarg(p);
        term_t old = atomic_exchange_explicit(&sched_sys_state(p->vm)->system_logger,
                                              v == A_logger ? 0 : v, memory_order_relaxed);
        return old ? old : (term_t)A_logger;
    }
    case A_backtrace_depth: return count ? make_small(8) : bif_badarg(p);
    case A_fullsweep_after:
        return count ? set_usual(&sys->fullsweep_after, n, UINT16_MAX) : bif_badarg(p);
    case A_min_heap_size:
        if (!count || n > 1 << 30) return bif_badarg(p);
        return set_usual(&sys->min_heap, (int64_t)min_heap_step((size_t)n), UINT32_MAX);
    case A_min_bin_vheap_size:
        if (!count || n > 1 << 30) return bif_badarg(p);
        return set_usual(&sys->min_bin_vheap, (int64_t)min_heap_step((size_t)n), UINT32_MAX);
    case A_max_heap_size: return max_heap_flag(p, v);
    case A_multi_scheduling:
        if (v == A_block || v == A_block_normal) return A_blocked;
        return v == A_unblock || v == A_unblock_normal ? (term_t)A_enabled : bif_badarg(p);
    case A_schedulers_online:
        if (!count || n < 1 || n > p->vm->nscheds) return bif_badarg(p);
        return make_small(p->vm->nscheds);
    case A_dirty_cpu_schedulers_online:
        if (!count || n < 1 || n > p->vm->nscheds) return bif_badarg(p);
        return make_small(dirty_count(p->vm, DIRTY_CPU));
    case A_trace_control_word:
        if (!count || n > SMALL_MAX) return bif_badarg(p);
        return make_small((int64_t)atomic_exchange_explicit(&p->vm->trace->tcw, (uint64_t)n,
                                                            memory_order_relaxed));
    case A_outstanding_system_requests_limit:
        if (!count || n < 1 || n > 134217727) return bif_badarg(p);
        return set_usual(&sys->requests_limit, n, UINT32_MAX);
    case A_time_offset:
        return v == A_finalize ? clock_finalize(p->vm) : bif_badarg_cause(p, A_badopt);
    case A_scheduler_bind_type: return bind_type_flag(p, v);
    case A_cpu_topology: return v == A_undefined ? v : bif_badarg(p);
    case A_scheduler_wall_time: return wall_time_flag(p, v);
    case A_debug_flags: return A_true;
    case A_microstate_accounting: return microstate_flag(p, v);
    case A_sequential_tracer: {
        term_t old = seq_tracer(p), t = v == A_false ? 0 : tracer_of(p, v);
        if (old == TERM_NONE || t == TERM_NONE) return bif_oom(p);
        if (t != 0 && !tracer_lives(p->vm, t, A_undefined)) return bif_badarg(p);
        atomic_store_explicit(&p->vm->trace->seq_tracer, t, memory_order_release);
        return old;
    }
    case A_reset_seq_trace: seq_reset(p); return A_true;
    default: return bif_badarg_cause(p, A_badopt);
    }
}

/* ---- statistics ---- */

/* {Total, SinceLastCall}; *last is the total then. */
static term_t since_last(proc_t *p, _Atomic(uint64_t) *last, uint64_t now) {
    uint64_t before = atomic_exchange_explicit(last, now, memory_order_relaxed);
    term_t t = number(p, now), d = number(p, now - before);
    if (t == TERM_NONE || d == TERM_NONE) return TERM_NONE;
    return pair(p, t, d);
}

static term_t queue_lengths(proc_t *p, bool all) {
    sched_stats_t st;
    sched_stats(p->vm, &st);
    /* One list entry a scheduler; the queues are shared by stealing, so the sum stands first. */
    term_t l = all ? push(p, make_small(st.dirty_runnable[1]), TERM_NIL) : TERM_NIL;
    l = push(p, make_small(st.dirty_runnable[0]), l);
    for (unsigned i = 1; i < p->vm->nscheds; i++) l = push(p, make_small(0), l);
    return push(p, make_small(st.runnable), l);
}

static BIF(bif_statistics) {
    vm_t *vm = p->vm;
    sched_stats_t st;
    switch (a[0]) {
    case A_reductions:
    case A_exact_reductions:
        sched_stats(vm, &st);
        if (p->reds < SLICE_REDS) st.reductions += (uint64_t)(SLICE_REDS - p->reds);
        return or_oom(p,
                      since_last(p,
                                 a[0] == A_reductions ? &sched_sys_state(vm)->last_reductions
                                                      : &sched_sys_state(vm)->last_exact_reductions,
                                 st.reductions));
    case A_runtime: {
        const host_ops_t *ops = vm->host->ops;
        uint64_t ns = ops->cpu_ns ? ops->cpu_ns(vm->host) : vm_now(vm) - vm->start_ns;
        return or_oom(p, since_last(p, &sched_sys_state(vm)->last_runtime, ns / 1000000));
    }
    case A_wall_clock:
        return or_oom(p, since_last(p, &sched_sys_state(vm)->last_wall_clock,
                                    (vm_now(vm) - vm->start_ns) / 1000000));
    case A_context_switches:
        sched_stats(vm, &st);
        return or_oom(p, pair(p, number(p, st.switches), make_small(0)));
    case A_garbage_collection: {
        sched_stats(vm, &st);
        term_t n = number(p, st.gcs), w = number(p, st.gc_words), *hp = heap_alloc(p, 4);
        if (n == TERM_NONE || w == TERM_NONE || !hp) return bif_oom(p);
        return tuple3(&hp, n, w, make_small(0));
    }
    case A_io: {
        term_t in = pair(p, A_input, make_small(0)), out = pair(p, A_output, make_small(0));
        return in == TERM_NONE ? bif_oom(p) : or_oom(p, pair(p, in, out));
    }
    case A_run_queue:
    case A_total_run_queue_lengths:
    case A_total_run_queue_lengths_all: sched_stats(vm, &st); return make_small(st.runnable);
    case A_total_active_tasks:
    case A_total_active_tasks_all:
        sched_stats(vm, &st);
        return make_small(st.runnable + st.running);
    case A_run_queue_lengths:
    case A_active_tasks: return or_oom(p, queue_lengths(p, false));
    case A_run_queue_lengths_all:
    case A_active_tasks_all: return or_oom(p, queue_lengths(p, true));
    case A_scheduler_wall_time: return wall_times(p, false);
    case A_scheduler_wall_time_all: return wall_times(p, true);
    case A_run_queues: return run_queues(p);
    case A_microstate_accounting: return microstate_list(p);
    default: return bif_badarg(p);
    }
}

/* ---- fixed answers ---- */

static BIF(bif_undefined_0) {
    (void)p, (void)a;
    return A_undefined;
}
static BIF(bif_wall_time) { return wall_time_flag(p, a[0]); }
static BIF(bif_system_check) { return a[0] == A_schedulers ? (term_t)A_ok : bif_badarg(p); }
static BIF(bif_one) {
    (void)p, (void)a;
    return make_small(1);
}
/* There is no DTrace. */
static BIF(bif_dt_spread_tag) {
    return a[0] == A_true || a[0] == A_false ? (term_t)A_true : bif_badarg(p);
}
static BIF(bif_dt_restore_tag) { return a[0] == A_true ? a[0] : bif_badarg(p); }
static BIF(bif_same_1) {
    (void)p;
    return a[0];
}

/* ---- nodes ---- this node is never part of a network */

static term_t node_info(proc_t *p, term_t opts) {
    static const term_t keys[] = {A_connection_id, A_node_type}, values[] = {A_undefined, A_this};
    term_t kv[4];
    size_t n = 0, known = 0;
    if (!is_map(opts)) return bif_badarg(p);
    for (size_t i = 0; i < 2; i++) {
        term_t v = map_get(p->vm, opts, keys[i]);
        known += v == A_true || v == A_false;
        if (v == A_true) kv[n++] = keys[i], kv[n++] = values[i];
    }
    return known == map_size(opts) ? map_from_pairs(p, kv, n / 2) : bif_badarg(p);
}
/* [this] and [known] are this node, the others are empty. */
static bool node_kinds(term_t k, bool *this_node) {
    *this_node = false;
    if (is_atom(k)) {
        *this_node = k == A_this || k == A_known;
        return *this_node || k == A_visible || k == A_hidden || k == A_connected;
    }
    for (; is_cons(k); k = cons_tail(k)) {
        bool one;
        if (!is_atom(cons_head(k)) || !node_kinds(cons_head(k), &one)) return false;
        *this_node |= one;
    }
    return is_nil(k);
}
static BIF(bif_nodes_0) {
    (void)p, (void)a;
    return TERM_NIL;
}
static BIF(bif_nodes_1) {
    bool this_node;
    if (!node_kinds(a[0], &this_node)) return bif_badarg(p);
    return this_node ? or_oom(p, push(p, A_nonode, TERM_NIL)) : TERM_NIL;
}
static BIF(bif_nodes_2) {
    bool this_node;
    if (!node_kinds(a[0], &this_node)) return bif_badarg(p);
    term_t info = node_info(p, a[1]);
    if (info == TERM_NONE) return TERM_NONE;
    return this_node ? or_oom(p, push(p, pair(p, A_nonode, info), TERM_NIL)) : TERM_NIL;
}
static BIF(bif_is_alive) {
    (void)p, (void)a;
    return A_false;
}
static BIF(bif_get_cookie_0) {
    (void)p, (void)a;
    return A_nocookie;
}
static BIF(bif_get_cookie_1) { return is_atom(a[0]) ? (term_t)A_nocookie : bif_badarg(p); }

const bif_def_t bifs_info[] = {{"erlang", "system_info", 1, bif_system_info, 0},
                               {"erlang", "system_flag", 2, bif_system_flag, 0},
                               {"erlang", "statistics", 1, bif_statistics, 0},
                               {"erts_internal", "scheduler_wall_time", 1, bif_wall_time, 0},
                               {"erts_internal", "system_check", 1, bif_system_check, 0},
                               {"erts_internal", "no_aux_work_threads", 0, bif_one, 0},
                               {"erlang", "dt_get_tag", 0, bif_undefined_0, 0},
                               {"erlang", "dt_get_tag_data", 0, bif_undefined_0, 0},
                               {"erlang", "dt_put_tag", 1, bif_undefined_0, 0},
                               {"erlang", "dt_spread_tag", 1, bif_dt_spread_tag, 0},
                               {"erlang", "dt_restore_tag", 1, bif_dt_restore_tag, 0},
                               {"erlang", "dt_prepend_vm_tag_data", 1, bif_same_1, 0},
                               {"erlang", "dt_append_vm_tag_data", 1, bif_same_1, 0},
                               {"erlang", "nodes", 0, bif_nodes_0, 0},
                               {"erlang", "nodes", 1, bif_nodes_1, 0},
                               {"erlang", "nodes", 2, bif_nodes_2, 0},
                               {"erlang", "is_alive", 0, bif_is_alive, 0},
                               {"erlang", "get_cookie", 0, bif_get_cookie_0, 0},
                               {"erlang", "get_cookie", 1, bif_get_cookie_1, 0},
                               {"erts_internal", "get_creation", 0, bif_undefined_0, 0},
                               {0}};
