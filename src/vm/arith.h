/* arith.h: arithmetic on numbers of any kind: the cold half of the engine's operators, and the
 * operators as BIFs. arith.c (all kinds), bignum.c (limbs), float.c (text <-> double).
 * All return TERM_NONE after raising badarith (or system_limit, or bif_oom). */
#ifndef LING_VM_ARITH_H
#define LING_VM_ARITH_H
#include "vm/bif.h"
term_t arith_add(proc_t *p, term_t a, term_t b);
term_t arith_sub(proc_t *p, term_t a, term_t b);
term_t arith_mul(proc_t *p, term_t a, term_t b);
term_t arith_fdiv(proc_t *p, term_t a, term_t b); /* '/' */
term_t arith_div(proc_t *p, term_t a, term_t b);
term_t arith_rem(proc_t *p, term_t a, term_t b);
term_t arith_band(proc_t *p, term_t a, term_t b);
term_t arith_bor(proc_t *p, term_t a, term_t b);
term_t arith_bxor(proc_t *p, term_t a, term_t b);
term_t arith_bsl(proc_t *p, term_t a, term_t b);
term_t arith_bsr(proc_t *p, term_t a, term_t b);
term_t arith_bnot(proc_t *p, term_t a);
term_t arith_neg(proc_t *p, term_t a);
/* Integer to double as OTP rounds; false: too large. */
bool integer_to_double(term_t t, double *out);
/* Compare an integer with a float exactly, as OTP's ==. <0 0 >0 */
int integer_float_cmp(term_t i, double f);
int big_cmp(term_t a, term_t b); /* two integers, at least one big */
/* Integer from two's complement bytes (bit syntax, beam files), most significant first. */
term_t integer_from_bytes(proc_t *p, const uint8_t *be, size_t n, bool is_signed);
/* Low nbytes of an integer's two's complement, most significant first (bit syntax construction). */
void integer_to_bytes(term_t t, uint8_t *be, size_t nbytes);
/* Words a bignum of these bytes may take; and the same as integer_from_bytes into given words. */
term_t integer_from_bytes_at(term_t **hp, const uint8_t *be, size_t n, bool is_signed);
/* Decimal text in base 2..36 of an integer, written backwards from end; number of characters.
 * integer_text_max gives the room needed. */
size_t integer_text_max(term_t t, unsigned base);
size_t integer_to_text(vm_t *vm, term_t t, unsigned base, char *buf, size_t cap); /* 0: no memory */
/* Shortest text that reads back the same, as OTP 25's ~w / float_to_list(F, [short]). */
size_t float_to_short(double d, char buf[40]);
/* Text to double, exactly rounded. Returns bytes used, 0: no float there (Erlang syntax D.D[eD]),
 * *overflow where it is too large. */
size_t text_to_float(const char *s, size_t n, double *out, bool *overflow);
#endif
