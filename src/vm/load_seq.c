/* load_seq.c: gives instructions the handlers of sequences.def where they are such a sequence.
 *
 * Works on a module's finished code, before it is visible to anyone. Only words with handlers
 * change: each instruction keeps its place and its operands. So sequences may overlap: an
 * instruction in the middle of one begins its own, for those who jump there.
 */
#include "vm/load_seq.h"
#include "vm/engine.h"

/* Sequences are found by their first part: the instruction, and where its first operands are fixed,
 * those. */
#define BUCKETS   1024
#define FIRST_TWO 3u /* mask: the first two 16-bit pieces */
static unsigned bucket_of(uint32_t op, uint64_t operands) {
    uint64_t h =
        (op + 1) * 0x9E3779B97F4A7C15ull + (operands & 0xffffffffu) * 0xC2B2AE3D27D4EB4Full;
    return (unsigned)(h >> 54);
}
static bool first_is_fixed(const op_part_t *p) { return (p->mask & FIRST_TWO) == FIRST_TWO; }

/* The instruction at code is this part. */
static bool part_fits(const op_part_t *p, uint32_t op, const uint64_t *code) {
    if (p->op != op) return false;
    for (unsigned i = 0, mask = p->mask; mask != 0; i++, mask >>= 4) {
        static const uint64_t bits[4] = {0, 0xffff, 0xffff0000, 0xffffffff};
        uint64_t m = bits[mask & 3] | bits[mask >> 2 & 3] << 32;
        if ((code[1 + i] & m) != p->word[i]) return false;
    }
    return true;
}
static bool fits(const op_seq_t *q, const uint64_t *code, const op_start_t *s, size_t n) {
    if (q->n > n) return false;
    for (unsigned i = 0; i < q->n; i++)
        if (!part_fits(&op_parts[q->first + i], s[i].op, code + s[i].word)) return false;
    return true;
}
/* What a part costs where its operands are fetched, in thirds of a jump. */
static unsigned parts_cost(const op_seq_t *q) {
    unsigned cost = 3;
    for (unsigned i = 0; i < q->n; i++) {
        const op_part_t *p = &op_parts[q->first + i];
        if (p->mask == 0 && op_table[p->op].words > 1) cost++;
    }
    return cost;
}

bool seq_use(vm_t *vm, uint64_t *code, op_start_t *s, size_t n) {
#ifdef LING_COUNT
    n = 0; /* instructions are counted one by one */
#endif
    uint16_t first[BUCKETS] = {0}; /* 1 + the last sequence in it */
    uint16_t *next = mem_alloc(vm, op_sequence_count * sizeof *next);
    if (!next) return false;
    for (size_t i = 0; i < op_sequence_count; i++) {
        const op_part_t *p = &op_parts[op_sequences[i].first];
        unsigned b = bucket_of(p->op, first_is_fixed(p) ? p->word[0] : UINT32_MAX);
        next[i] = first[b];
        first[b] = (uint16_t)(i + 1);
    }
    /* From the end: the cheapest way from here on. What is behind an instruction that never goes on
     * there adds the same to all ways. */
    for (size_t i = n; i-- > 0;) {
        const op_seq_t *best = NULL;
        s[i].cost = 4 + (i + 1 < n ? s[i + 1].cost : 0);
        uint64_t operands[2] = {UINT32_MAX, op_table[s[i].op].words > 1 ? code[s[i].word + 1] : 0};
        for (unsigned w = 0; w < 2; w++)
            for (unsigned k = first[bucket_of(s[i].op, operands[w])]; k != 0; k = next[k - 1]) {
                const op_seq_t *q = &op_sequences[k - 1];
                if (!fits(q, code, s + i, n - i)) continue;
                unsigned cost = parts_cost(q) + (i + q->n < n ? s[i + q->n].cost : 0);
                if (cost >= s[i].cost) continue;
                s[i].cost = cost;
                best = q;
            }
        if (best) code[s[i].word] = (uint64_t)(uintptr_t)best->fn;
    }
    mem_free(vm, next, op_sequence_count * sizeof *next);
    return true;
}
