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
/* Words a bignum of n bytes may take; and the same as integer_from_bytes into given words. Moves
 * *hp past what it used. */
static inline size_t integer_words(size_t nbytes) { return 1 + (nbytes + 7) / 8; }
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
/* As printf's %.*f and %.*e would, exactly rounded. Returns the length (no NUL), 0: does not fit.
 */
size_t float_to_fixed(double d, unsigned decimals, char *buf, size_t cap);
size_t float_to_scientific(double d, unsigned decimals, char *buf, size_t cap);
/* As OTP 25's float_to_list(F, [{decimals, D}]), with and without compact. */
size_t float_to_decimals(double d, unsigned decimals, bool compact, char *buf, size_t cap);

/* ---- bignum.c, for arith.c and bif_numbers.c ---- */
/* OTP 25's limit on the size of an integer, found by trying: 2^33554367 is fine, twice that not. */
#define BIG_LIMBS_MAX 524287
/* Magnitude and sign of an integer. d points to at least one limb; n 0: zero. */
typedef struct {
    const uint64_t *d;
    size_t n;
    bool neg;
    uint64_t one; /* storage for a small's magnitude */
} num_t;
void num_load(num_t *x, term_t t);
/* Makes a term of words hp[1 .. n], written by the caller into words allocated up to end: drops
 * high zero limbs, gives back what is not needed, raises system_limit where it is too big. */
term_t big_finish(proc_t *p, term_t *hp, size_t n, bool neg, term_t *end);
term_t int128_to_term(proc_t *p, __int128 v);
term_t double_to_integer(proc_t *p, double d);             /* d: finite and integral */
term_t big_add(proc_t *p, const num_t *a, const num_t *b); /* any integers, as all below */
term_t big_mul(proc_t *p, const num_t *a, const num_t *b);
term_t big_div(proc_t *p, const num_t *a, const num_t *b, bool want_rem); /* b not zero */
typedef enum { BIT_AND, BIT_OR, BIT_XOR } bit_op_t;
term_t big_bitop(proc_t *p, const num_t *a, const num_t *b, bit_op_t op);
term_t big_shift_left(proc_t *p, const num_t *a, uint64_t n);
term_t big_shift_right(proc_t *p, const num_t *a, uint64_t n);
/* Integer from digit values (each below base), most significant first, n > 0. digits is scratch. */
term_t integer_from_digits(proc_t *p, uint8_t *digits, size_t n, unsigned base, bool neg);
#endif
