/* compare.h: order and equality of terms. compare.c. No recursion on depth, no allocation that can
 * fail visibly: the work stack spills to a vm-independent malloc-free scheme (see compare.c). */
#ifndef LING_VM_COMPARE_H
#define LING_VM_COMPARE_H
#include "vm/atom.h"

bool term_eq_slow(vm_t *vm, term_t a, term_t b);
/* a =:= b */
static inline bool term_eq(vm_t *vm, term_t a, term_t b) {
    return a == b || (is_pointer(a) && is_pointer(b) && term_eq_slow(vm, a, b));
}
/* Standard order, 1 == 1.0: <0, 0, >0. */
int term_cmp_slow(vm_t *vm, term_t a, term_t b);
static inline int term_cmp(vm_t *vm, term_t a, term_t b) {
    if (LIKELY(are_small(a, b))) return (int64_t)a < (int64_t)b ? -1 : a != b;
    return a == b ? 0 : term_cmp_slow(vm, a, b);
}
/* Order of map keys: as term_cmp, but an integer sorts before any float (1 < 1.0, not equal). */
int term_cmp_exact(vm_t *vm, term_t a, term_t b);
#endif
