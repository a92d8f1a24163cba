/* proc_options.c: reading the options that spawning, process flags and system flags have in common,
 * and those that spawning and monitoring share. Called by BIFs; changes nothing.
 */
#include "vm/proc_options.h"
#include "vm/bif.h"
#include "vm/link.h"
#include "vm/map.h"
#include "vm/process.h"

/* kill and error_logger are as for the whole system unless said otherwise. */
bool max_heap_from_term(vm_t *vm, term_t v, uint32_t min_heap, uint32_t *size, uint16_t *flags) {
    uint64_t usual =
        atomic_load_explicit(&sched_sys_state(vm)->max_heap, memory_order_relaxed) >> 32;
    term_t words = v, kill = make_bool(!(usual & MAX_HEAP_NO_KILL));
    term_t logger = make_bool(!(usual & MAX_HEAP_NO_LOG));
    if (is_map(v)) {
        words = map_get(vm, v, A_size);
        term_t k = map_get(vm, v, A_kill), l = map_get(vm, v, A_error_logger);
        if (k != TERM_NONE) kill = k;
        if (l != TERM_NONE) logger = l;
    }
    int64_t n;
    if (words == TERM_NONE || !term_to_int64(words, &n) || n < 0) return false;
    if (kill != A_true && kill != A_false) return false;
    if (logger != A_true && logger != A_false) return false;
    if (n != 0 && n < min_heap) return false;
    *size = n > UINT32_MAX ? 0 : (uint32_t)n;
    *flags = (kill == A_true ? 0 : MAX_HEAP_NO_KILL) | (logger == A_true ? 0 : MAX_HEAP_NO_LOG);
    return true;
}

bool words_from_term(term_t v, uint32_t *out) {
    int64_t n;
    if (!term_to_int64(v, &n) || n < 0) return false;
    *out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    return true;
}

bool priority_from_term(term_t v, uint8_t *prio) {
    switch (v) {
    case A_max: *prio = PRIO_MAX; return true;
    case A_high: *prio = PRIO_HIGH; return true;
    case A_normal: *prio = PRIO_NORMAL; return true;
    case A_low: *prio = PRIO_LOW; return true;
    default: return false;
    }
}

bool monitor_opts_from_term(term_t l, uint32_t *alias, term_t *tag) {
    *alias = 0;
    *tag = TERM_NONE;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        if (!is_tuple_of(o, 2)) return false;
        term_t v = tuple_elem(o, 2);
        if (tuple_elem(o, 1) == A_tag) {
            *tag = v;
        } else if (tuple_elem(o, 1) == A_alias) {
            switch (v) {
            case A_explicit_unalias: *alias = REL_ALIAS; break;
            case A_demonitor: *alias = REL_ALIAS | REL_ALIAS_WATCH; break;
            case A_reply_demonitor: *alias = REL_ALIAS | REL_ALIAS_WATCH | REL_ALIAS_ONCE; break;
            default: return false;
            }
        } else {
            return false;
        }
    }
    return is_nil(l);
}
