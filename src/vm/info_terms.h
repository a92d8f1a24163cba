/* info_terms.h: building the small lists and pairs that process_info, system_info and their kin
 * return. TERM_NONE, no memory, goes through all of them.
 */
#ifndef LING_VM_INFO_TERMS_H
#define LING_VM_INFO_TERMS_H

#include "vm/bif.h"

static inline term_t pair(proc_t *p, term_t a, term_t b) {
    if (a == TERM_NONE || b == TERM_NONE) return TERM_NONE;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, a, b) : TERM_NONE;
}
static inline term_t push(proc_t *p, term_t head, term_t tail) {
    if (head == TERM_NONE || tail == TERM_NONE) return TERM_NONE;
    term_t *hp = heap_alloc(p, 2);
    return hp ? cons(&hp, head, tail) : TERM_NONE;
}
static inline term_t push_pair(proc_t *p, term_t a, term_t b, term_t tail) {
    return push(p, pair(p, a, b), tail);
}
static inline term_t number(proc_t *p, uint64_t n) {
    return LIKELY(n <= (uint64_t)SMALL_MAX) ? make_small((int64_t)n) : uint64_to_term(p, n);
}
static inline term_t or_oom(proc_t *p, term_t t) { return t == TERM_NONE ? bif_oom(p) : t; }

#endif
