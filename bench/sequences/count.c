/* count.c: which instructions follow which, counted while a program runs. Part of ling-run when it
 * is built with -DLING_COUNT=ON; see sequences.py. Writes to the file the variable COUNT names:
 * lines of a count and the instructions that ran one behind the other in memory, each with the
 * operand words a handler may have built in (name|word=hex...).
 */
#include <stdio.h>
#include <stdlib.h>
#include "vm/engine.h"

enum { RUN = 24, RUNS = 1 << 18, PARTS = 1 << 16 };
typedef struct {
    uint64_t word[8];
    uint32_t op, used;
} part_t;
typedef struct {
    uint32_t part[RUN];
    uint64_t count;
} run_t;

static part_t *parts;
static run_t *runs;
static uint32_t current[RUN];
static int length;
static const uint64_t *expected;
static uint64_t total;

static bool is_packed(char c) { return c == 'x' || c == 'y' || c == 'u'; }

/* The words that hold registers and sizes: the packed ones first, then others by their letter. */
static uint64_t words_of(const uint64_t *ip, unsigned op, part_t *p) {
    unsigned packed = 0, w = 1;
    uint64_t mask = 0;
    for (const char *s = op_table[op].sig; *s; s++) packed += is_packed(*s);
    for (; w < 1 + (packed + 3) / 4; w++) mask |= 1u << w;
    for (const char *s = op_table[op].sig; *s && *s != '*'; s++) {
        if (is_packed(*s)) continue;
        if (w < 8 &&
            ((((*s == 'S' || *s == 'D') && (ip[w] & 7) == 7)) || (op == OP_test_heap && *s == 'n')))
            mask |= 1u << w;
        w++;
    }
    for (unsigned i = 0; i < 8; i++) p->word[i] = mask >> i & 1 ? ip[i] : 0;
    return mask;
}

static uint32_t part_of(const uint64_t *ip, unsigned op) {
    part_t p = {{0}, op, 1};
    uint64_t mask = words_of(ip, op, &p), h = op * 0x9E3779B97F4A7C15ull;
    p.used |= (uint32_t)mask << 1;
    for (int i = 1; i < 8; i++) h = (h ^ p.word[i]) * 0xC2B2AE3D27D4EB4Full, h ^= h >> 31;
    uint32_t i = (uint32_t)(h >> 40) & (PARTS - 1);
    while (parts[i].used && memcmp(&parts[i], &p, sizeof p) != 0) i = (i + 1) & (PARTS - 1);
    parts[i] = p;
    return i + 1;
}

static void end_run(void) {
    if (length == 0) return;
    uint64_t h = 0;
    for (int i = length; i < RUN; i++) current[i] = 0;
    for (int i = 0; i < RUN; i++) h = (h ^ current[i]) * 0x9E3779B97F4A7C15ull, h ^= h >> 29;
    uint32_t i = (uint32_t)(h >> 40) & (RUNS - 1);
    for (int tries = 0; tries < 64; tries++, i = (i + 1) & (RUNS - 1)) {
        if (runs[i].count && memcmp(runs[i].part, current, sizeof current) != 0) continue;
        memcpy(runs[i].part, current, sizeof current);
        runs[i].count++;
        break;
    }
    length = 0;
}

static void count(const uint64_t *ip) {
    /* Handlers' addresses are looked up once each. */
    static struct {
        uint64_t word;
        int op;
    } known[4096];
    uint32_t k = (uint32_t)(*ip * 0x9E3779B97F4A7C15ull >> 52);
    while (known[k].word && known[k].word != *ip) k = (k + 1) & 4095;
    if (!known[k].word) known[k].word = *ip, known[k].op = op_by_handler(*ip);
    int op = known[k].op;
    total++;
    if (ip != expected || length == RUN) end_run();
    expected = NULL;
    if (op < 0) {
        end_run();
        return;
    }
    current[length++] = part_of(ip, (unsigned)op);
    const char *sig = op_table[op].sig;
    size_t words = op_table[op].words;
    if (*sig && sig[strlen(sig) - 1] == '*') words += ip[words - 1];
    expected = ip + words;
}

static void write_counts(void) {
    FILE *f = fopen(getenv("COUNT"), "w");
    if (!f) return;
    fprintf(f, "total %lu\n", (unsigned long)total);
    for (int i = 0; i < RUNS; i++) {
        if (runs[i].count <= total / 400000) continue;
        fprintf(f, "%lu", (unsigned long)runs[i].count);
        for (int j = 0; j < RUN && runs[i].part[j]; j++) {
            const part_t *p = &parts[runs[i].part[j] - 1];
            fprintf(f, " %s", op_table[p->op].name);
            for (int w = 1; w < 8; w++)
                if (p->used >> (w + 1) & 1) fprintf(f, "|%d=%lx", w, (unsigned long)p->word[w]);
        }
        fprintf(f, "\n");
    }
    fclose(f);
}

__attribute__((constructor)) static void count_init(void) {
    if (!getenv("COUNT")) return;
    parts = calloc(PARTS, sizeof *parts);
    runs = calloc(RUNS, sizeof *runs);
    if (!parts || !runs) return;
    engine_count = count;
    atexit(write_counts);
}
