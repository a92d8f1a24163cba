/* etf_read.h: reading the pieces of the external term format: what the two passes over the bytes of
 * a term share. Used by etf.c, etf_read.c, etf_build.c only.
 *
 * The readers check that the input holds what they take, and what a piece may be; false: it does
 * not, or the piece is none. The second pass need not look at that: it reads what the first has
 * checked.
 */
#ifndef LING_VM_ETF_READ_H
#define LING_VM_ETF_READ_H

#include "vm/bif.h"
#include "vm/etf.h"

/* What is left of the input. The getters do not check. */
typedef struct {
    const uint8_t *p, *end;
} etf_reader_t;

static inline size_t left(const etf_reader_t *r) { return (size_t)(r->end - r->p); }
static inline uint32_t get8(etf_reader_t *r) { return *r->p++; }
static inline uint32_t get16(etf_reader_t *r) {
    const uint8_t *b = r->p;
    r->p += 2;
    return (uint32_t)b[0] << 8 | b[1];
}
static inline uint32_t get32(etf_reader_t *r) {
    const uint8_t *b = r->p;
    r->p += 4;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}
static inline uint64_t get64(etf_reader_t *r) {
    uint64_t high = get32(r);
    return high << 32 | get32(r);
}

/* An atom's text in the input. */
typedef struct {
    const uint8_t *s;
    size_t n;
    bool utf8;
} etf_text_span_t;

/* Reads tag and text; false: no atom, or one that cannot be. */
static inline bool etf_read_atom(etf_reader_t *r, etf_text_span_t *a) {
    if (left(r) < 2) return false;
    unsigned tag = get8(r);
    a->utf8 = tag == ETF_ATOM_UTF8 || tag == ETF_SMALL_ATOM_UTF8;
    if (tag == ETF_SMALL_ATOM || tag == ETF_SMALL_ATOM_UTF8) {
        a->n = get8(r);
    } else {
        if ((tag != ETF_ATOM && tag != ETF_ATOM_UTF8) || left(r) < 2) return false;
        a->n = get16(r);
    }
    if (left(r) < a->n) return false;
    a->s = r->p;
    r->p += a->n;
    return true;
}

/* A pid, port or reference. */
typedef struct {
    etf_text_span_t node;
    uint32_t creation;
    uint32_t count;
    uint32_t id[5];
    bool local;
} etf_thing_t;
bool etf_read_pid(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t);
bool etf_read_port(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t);
bool etf_read_ref(vm_t *vm, etf_reader_t *r, unsigned tag, etf_thing_t *t);

/* All of a fun but its environment. */
typedef struct {
    uint32_t arity, index, num_free, old_index, old_uniq;
    const uint8_t *uniq;
    etf_text_span_t module;
    etf_thing_t pid;
} etf_fun_head_t;
bool etf_read_fun_head(vm_t *vm, etf_reader_t *r, etf_fun_head_t *f);

typedef struct {
    etf_text_span_t module, function;
    uint32_t arity;
} etf_export_head_t;
bool etf_read_export(etf_reader_t *r, etf_export_head_t *e);

/* Magnitude of a bignum: its bytes without leading zeros, least significant first. */
typedef struct {
    const uint8_t *s;
    size_t n;
    bool negative;
} etf_magnitude_t;
bool etf_read_big(etf_reader_t *r, unsigned tag, etf_magnitude_t *m);
static inline bool etf_magnitude_is_small(const etf_magnitude_t *m, int64_t *v) {
    if (m->n > 8) return false;
    uint64_t u = 0;
    for (size_t i = m->n; i-- > 0;) u = u << 8 | m->s[i];
    if (u > (uint64_t)SMALL_MAX + m->negative) return false;
    *v = m->negative ? -(int64_t)u : (int64_t)u;
    return true;
}

bool etf_read_float(etf_reader_t *r, double *d);
bool etf_read_float_text(etf_reader_t *r, double *d);

/* Terms looked at per reduction, and between ticks. */
#define TERMS_PER_RED   16
#define TERMS_PER_TICK  2048
#define TERM_TICK(p, n) BIF_TICK_EVERY(p, n, TERMS_PER_TICK, TERMS_PER_TICK / TERMS_PER_RED)

/* ---- the two passes ---- p: gives way meanwhile, or NULL */

/* etf_read.c: checks a term without its version byte. Heap words it needs (an upper bound) and in
 * *used its bytes; -1: malformed, or stopped. */
int64_t etf_body_size(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, size_t *used);
/* etf_build.c: makes the term that etf_body_size has checked, in words of the caller, as
 * etf_decode does. */
term_t etf_body_build(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                      off_heap_t **off, bool *no_memory);

#endif
