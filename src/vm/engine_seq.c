/* engine_seq.c: handlers made of the bodies in engine_ops.h: one of each, and those of
 * sequences.def: instructions that often follow each other, which then cost one jump, and
 * instructions with fixed registers, whose operands need not be fetched.
 */
#include "vm/engine_ops.h"

/* Operands: those of a part that are fixed are constants of its handler. */
#undef H
#undef WORD
#define H(i)                                                                                       \
    ((fixed >> (i)&1) ? (uint16_t)(word[(i) / 4] >> (16 * ((i) % 4)))                              \
                      : ((const uint16_t *)(ip + 1))[i])
#define WORD(i) ((fixed >> (4 * ((i)-1) & 15) & 15) == 15 && (i) <= 4 ? word[(i)-1] : ip[i])

#define PART(op, mask, ...)                                                                        \
    {                                                                                              \
        enum { fixed = (mask) };                                                                   \
        static const uint64_t word[8] = {__VA_ARGS__};                                             \
        (void)word;                                                                                \
        DO_##op;                                                                                   \
        ip += SIZE_##op;                                                                           \
    }
#define OP(name, sig, words)
#define BODY(name, sig, words)                                                                     \
    DEFINE_OP(name) {                                                                              \
        PART(name, 0, 0)                                                                           \
        GO(ip);                                                                                    \
    }
#include "vm/ops.def"
#undef OP

#define P                                   PART
#define N(op, mask, depth, size, ends, ...) PART(op, mask, __VA_ARGS__)
#define SEQ(number, first, parts)                                                                  \
    static OP_CC int seq_##number(OP_ARGS) { parts GO(ip); }
#include "vm/sequences.def"
#undef SEQ
#undef N
#undef P

/* ---- tables ---- */

#define P(op, mask, ...)
#define N(op, mask, depth, size, ends, ...)                                                        \
    {OP_##op, (mask), (size), (ends), (depth), {__VA_ARGS__}},
#define SEQ(number, first, parts) parts
const op_part_t op_parts[] = {
#include "vm/sequences.def"
};
#undef SEQ
#undef N
#undef P
const size_t op_part_count = sizeof op_parts / sizeof *op_parts;
const op_seq_t op_sequences[] = {
#define SEQ(number, first, parts) {seq_##number, OP_##first},
#include "vm/sequences.def"
#undef SEQ
};
const size_t op_sequence_count = sizeof op_sequences / sizeof *op_sequences;

const op_info_t op_table[OP_COUNT] = {
#define OP(name, sig, words) {op_##name, #name, sig, words},
#include "vm/ops.def"
#undef OP
};

int op_by_handler(uint64_t word) {
    for (int i = 0; i < OP_COUNT; i++)
        if ((uint64_t)(uintptr_t)op_table[i].fn == word) return i;
    for (size_t i = 0; i < op_sequence_count; i++)
        if ((uint64_t)(uintptr_t)op_sequences[i].fn == word) return (int)op_sequences[i].op;
    return -1;
}
