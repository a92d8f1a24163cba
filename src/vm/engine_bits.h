/* engine_bits.h: numbers that load_bits.c writes into bit string instructions and engine_bits.c
 * reads.
 */
#ifndef LING_VM_ENGINE_BITS_H
#define LING_VM_ENGINE_BITS_H

/* Commands of bs_match (OTP 26), each followed by its operands. */
enum {
    BSM_ENSURE_AT_LEAST, /* bits, unit */
    BSM_ENSURE_EXACTLY,  /* bits */
    BSM_BINARY,          /* bits, destination */
    BSM_INTEGER,         /* bits, flags, destination */
    BSM_SKIP,            /* bits */
    BSM_GET_TAIL,        /* destination */
    BSM_EQUAL            /* bits, value */
};

/* Words of a bs_create_bin segment: kind atom, segment number, unit, flags, value (strings: their
 * address), size. Above the segment's number: the bits of a number whose size is a constant, if
 * they are no more than 64; else 0. */
#define BSC_WORDS      6
#define BSC_BITS_SHIFT 32

/* Instead of a number of live registers: unknown. */
#define NO_LIVE 0xffff

/* Kinds of bs_put. */
enum { BSP_INTEGER, BSP_FLOAT, BSP_BINARY, BSP_UTF8, BSP_UTF16, BSP_UTF32 };

#endif
