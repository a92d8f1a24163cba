/* load_seq.c: gives instructions the handlers of sequences.def where they are such a sequence.
 *
 * Works on a module's finished code, before it is visible to anyone. Only words with handlers
 * change: each instruction keeps its place and its operands. So sequences may overlap: an
 * instruction in the middle of one begins its own, for those who jump there.
 */
#include "vm/load_seq.h"
#include "vm/engine.h"

/* Sequences are the ways from the roots of a tree; roots are found by the instruction, and where
 * its first operands are fixed, those. */
#define BUCKETS   1024
#define FIRST_TWO 3u /* mask: the first two 16-bit pieces */
static unsigned bucket_of(uint32_t op, uint64_t operands) {
    uint64_t h =
        (op + 1) * 0x9E3779B97F4A7C15ull + (operands & 0xffffffffu) * 0xC2B2AE3D27D4EB4Full;
    return (unsigned)(h >> 54);
}
static bool first_is_fixed(const op_part_t *p) { return (p->mask & FIRST_TWO) == FIRST_TWO; }

/* The operands of the instruction at code are those of this part. */
static inline bool operands_fit(const op_part_t *p, const uint64_t *code) {
#define LOW(n)  ((n)&1 ? 0xffffull : 0) | ((n)&2 ? 0xffff0000ull : 0)
#define HALF(n) (LOW(n)) | (LOW((n) >> 2)) << 32
#define FOUR(n) HALF(n), HALF((n) + 1), HALF((n) + 2), HALF((n) + 3)
    static const uint64_t bits[16] = {FOUR(0), FOUR(4), FOUR(8), FOUR(12)};
    for (unsigned i = 0, mask = p->mask; mask != 0; i++, mask >>= 4)
        if ((code[1 + i] & bits[mask & 15]) != p->word[i]) return false;
    return true;
}

/* The cheapest sequence below this root that the first of the n instructions can begin, whose cost
 * is made what it then is; what a part costs where its operands are fetched, in thirds of a jump.
 */
static unsigned best_below(const op_part_t *root, const uint64_t *code, op_start_t *s, size_t n,
                           unsigned best) {
    uint32_t cost[SEQ_MAX + 1]; /* of so many parts */
    cost[0] = 3;
    const op_part_t *end = root + root->size;
    for (const op_part_t *p = root; p != end;) {
        size_t at = p->depth;
        if (at >= n || p->op != s[at].op || !operands_fit(p, code + s[at].word)) {
            p += p->size;
            continue;
        }
        cost[at + 1] = cost[at] + (p->mask == 0 && op_table[p->op].words > 1);
        if (p->ends != 0) {
            uint32_t all = cost[at + 1] + (at + 1 < n ? s[at + 1].cost : 0);
            if (all < s->cost) {
                s->cost = all;
                best = p->ends;
            }
        }
        p++;
    }
    return best;
}

bool seq_use(vm_t *vm, uint64_t *code, op_start_t *s, size_t n) {
#ifdef LING_COUNT
    n = 0; /* instructions are counted one by one */
#endif
    typedef struct {
        uint16_t root, next; /* next: 1 + another in the same bucket */
    } entry_t;
    uint16_t first[BUCKETS] = {0}; /* 1 + the last entry in it */
    entry_t *entry = mem_alloc(vm, op_sequence_count * sizeof *entry);
    if (!entry) return false;
    for (size_t root = 0, i = 0; root < op_part_count; root += op_parts[root].size) {
        const op_part_t *p = &op_parts[root];
        unsigned b = bucket_of(p->op, first_is_fixed(p) ? p->word[0] : UINT32_MAX);
        entry[i] = (entry_t){.root = (uint16_t)root, .next = first[b]};
        first[b] = (uint16_t)++i;
    }
    /* From the end: the cheapest way from here on. What is behind an instruction that never goes on
     * there adds the same to all ways. */
    for (size_t i = n; i-- > 0;) {
        unsigned best = 0;
        s[i].cost = 4 + (i + 1 < n ? s[i + 1].cost : 0);
        uint64_t operands[2] = {UINT32_MAX, op_table[s[i].op].words > 1 ? code[s[i].word + 1] : 0};
        for (unsigned w = 0; w < 2; w++)
            for (unsigned k = first[bucket_of(s[i].op, operands[w])]; k != 0; k = entry[k - 1].next)
                best = best_below(&op_parts[entry[k - 1].root], code, s + i, n - i, best);
        if (best) code[s[i].word] = (uint64_t)(uintptr_t)op_sequences[best - 1].fn;
    }
    mem_free(vm, entry, op_sequence_count * sizeof *entry);
    return true;
}
