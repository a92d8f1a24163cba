/* hash.h: hashes of terms. hash.c. Iterative. */
#ifndef LING_VM_HASH_H
#define LING_VM_HASH_H
#include "vm/atom.h"
uint32_t term_phash2(vm_t *vm,
                     term_t t); /* erlang:phash2/1 before the range is applied: OTP's value */
uint32_t term_phash(vm_t *vm, term_t t); /* erlang:phash/2's hash: OTP's value */
/* The same where the caller can deal with it: false: no memory to walk so deep a term. p: the
 * process of a long BIF, which gives way meanwhile (false: stopped), or NULL. */
bool term_phash2_try(vm_t *vm, proc_t *p, term_t t, uint32_t *out);
bool term_phash_try(vm_t *vm, proc_t *p, term_t t, uint32_t *out);
uint64_t term_hash_slow(vm_t *vm, term_t t);
/* Internal hash for maps and tables: equal (=:=) terms have equal hashes; salted, fast. */
static inline uint64_t hash_mix(uint64_t x) {
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return x;
}
static inline uint64_t term_hash(vm_t *vm, term_t t) {
    return is_immed(t) ? hash_mix(t ^ vm->salt) : term_hash_slow(vm, t);
}
#endif
