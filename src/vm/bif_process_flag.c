/* bif_process_flag.c: process_flag: what a process may set of itself. Those flags that only come
 * back when asked for are remembered in the rare part of a process (proc_ext.h).
 */
#include "vm/bif.h"
#include "vm/map.h"
#include "vm/proc_ext.h"
#include "vm/proc_options.h"
#include "vm/process.h"

static term_t max_heap_term(proc_t *p) {
    term_t kv[] = {A_size,         make_small(p->max_heap),
                   A_kill,         make_bool(!(p->max_heap_flags & MAX_HEAP_NO_KILL)),
                   A_error_logger, make_bool(!(p->max_heap_flags & MAX_HEAP_NO_LOG))};
    return map_from_pairs(p, kv, 3);
}
static term_t priority_term(const proc_t *p) {
    static const uint32_t name[] = {A_max, A_high, A_normal, A_low};
    return name[p->prio];
}

/* Flags kept only to be given back: they live in the rare part. */
static term_t flag_ext(proc_t *p, term_t flag, term_t v) {
    proc_ext_t *x = proc_ext_get(p);
    uint32_t n = 0;
    if (!x) return bif_oom(p);
    term_t old;
    switch (flag) {
    case A_error_handler:
        if (!is_atom(v)) return bif_badarg(p);
        old = x->error_handler;
        x->error_handler = v;
        return old;
    case A_min_bin_vheap_size:
        if (!words_from_term(v, &n)) return bif_badarg(p);
        old = make_small(x->min_bin_vheap);
        x->min_bin_vheap = n;
        return old;
    case A_save_calls:
        if (!words_from_term(v, &n) || n > 10000) return bif_badarg_cause(p, A_none);
        old = make_small(x->save_calls);
        x->save_calls = n;
        return old;
    default: /* scheduler: binding is not supported; remembered */
        if (!words_from_term(v, &n) || n > p->vm->nscheds) return bif_badarg(p);
        old = make_small(x->scheduler);
        x->scheduler = n;
        return old;
    }
}

static term_t flag_monitor_nodes(proc_t *p, term_t on) {
    proc_ext_t *x = proc_ext_get(p);
    if (!x) return bif_oom(p);
    if (on != A_true && on != A_false) return bif_badarg(p);
    uint32_t old = x->monitor_nodes;
    x->monitor_nodes = on == A_true ? old + 1 : 0;
    return make_small(old);
}

static BIF(bif_process_flag_2) {
    term_t v = a[1], old;
    uint32_t n;
    switch (a[0]) {
    case A_trap_exit:
        if (v != A_true && v != A_false) return bif_badarg(p);
        /* As in OTP, exit signals not handled yet meet the new setting. */
        old = make_bool(p->flags & PF_TRAP_EXIT);
        p->flags = v == A_true ? p->flags | PF_TRAP_EXIT : p->flags & ~(uint32_t)PF_TRAP_EXIT;
        return old;
    case A_priority: {
        uint8_t prio;
        if (!priority_from_term(v, &prio)) return bif_badarg(p);
        old = priority_term(p);
        p->prio = prio;
        return old;
    }
    case A_min_heap_size:
        if (!words_from_term(v, &n)) return bif_badarg(p);
        if (p->max_heap && n > p->max_heap) return bif_badarg(p);
        old = make_small(p->min_heap);
        p->min_heap = (uint32_t)min_heap_step(n);
        return old;
    case A_max_heap_size: {
        uint32_t size;
        uint16_t flags;
        if (!max_heap_from_term(p->vm, v, p->min_heap, &size, &flags)) return bif_badarg(p);
        old = max_heap_term(p);
        if (old == TERM_NONE) return TERM_NONE;
        p->max_heap = size;
        p->max_heap_flags = flags;
        return old;
    }
    case A_fullsweep_after:
        if (!words_from_term(v, &n)) return bif_badarg(p);
        old = make_small(p->fullsweep_after);
        p->fullsweep_after = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
        return old;
    case A_message_queue_data:
        if (v != A_off_heap && v != A_on_heap) return bif_badarg(p);
        old = p->flags & PF_OFF_HEAP_MSGS ? A_off_heap : A_on_heap;
        p->flags &= ~(uint32_t)PF_OFF_HEAP_MSGS;
        if (v == A_off_heap) p->flags |= PF_OFF_HEAP_MSGS;
        return old;
    case A_sensitive:
        if (v != A_true && v != A_false) return bif_badarg(p);
        old = make_bool(p->flags & PF_SENSITIVE);
        p->flags &= ~(uint32_t)PF_SENSITIVE;
        if (v == A_true) p->flags |= PF_SENSITIVE;
        return old;
    case A_error_handler:
    case A_min_bin_vheap_size:
    case A_save_calls:
    case A_scheduler: return flag_ext(p, a[0], v);
    case A_monitor_nodes: return flag_monitor_nodes(p, v);
    default:
        if (is_tuple_of(a[0], 2) && tuple_elem(a[0], 1) == A_monitor_nodes)
            return flag_monitor_nodes(p, v);
        return bif_badarg_cause(p, A_badopt);
    }
}
/* erts_internal:process_flag(Pid, Flag, Value): old value, badarg or badtype. */
static term_t flag_of_other(proc_t *p, term_t *a) {
    uint32_t n;
    if (!is_local_pid(a[0]) || !proc_lookup(p->vm, a[0])) return A_badtype;
    if (a[1] != A_save_calls || !words_from_term(a[2], &n) || n > 10000) return A_badarg;
    return make_small(0); /* calls are never saved */
}
static BIF(bif_internal_process_flag) { return flag_of_other(p, a); }
static BIF(bif_process_flag_3) {
    term_t r = flag_of_other(p, a);
    if (r == A_badtype) return bif_badarg_cause(p, A_badtype);
    return r == A_badarg ? bif_badarg(p) : r;
}

const bif_def_t bifs_process_flag[] = {
    {"erlang", "process_flag", 2, bif_process_flag_2, 0},
    {"erlang", "process_flag", 3, bif_process_flag_3, 0},
    {"erts_internal", "process_flag", 3, bif_internal_process_flag, 0},
    {0}};
