/* bif_bytes.h: arguments of BIFs that are whole bytes, and ranges in them. */
#ifndef LING_VM_BIF_BYTES_H
#define LING_VM_BIF_BYTES_H

#include "vm/binary.h"

/* Reductions for bytes that no tick charges. */
static inline void bump_bytes(proc_t *p, size_t n) { bif_bump(p, n / COPY_PER_RED); }

/* Arguments that are binaries, with whole bytes in a row. Release with bytes_done. */
typedef struct {
    const uint8_t *data;
    size_t n;
    uint8_t *tmp;
    size_t tmp_size;
} bytes_t;
/* false: raised (badarg or out of memory), or stopped. */
static inline bool get_bytes(proc_t *p, term_t t, bytes_t *b) {
    if (bytes_of_long(p, t, &b->data, &b->n, &b->tmp, &b->tmp_size)) return true;
    if (is_binary(t))
        bif_oom(p);
    else
        bif_badarg(p);
    return false;
}
static inline void bytes_done(proc_t *p, bytes_t *b) { mem_free(p->vm, b->tmp, b->tmp_size); }

/* {Pos, Len} with Pos and Len as OTP reads them (Len may be negative: before Pos), inside n. */
static inline bool range_in(term_t pos, term_t len, size_t n, size_t *start, size_t *count) {
    if (!are_small(pos, len) || small_value(pos) < 0) return false;
    int64_t a = small_value(pos), b = small_value(len);
    if (b < 0) {
        a += b;
        b = -b;
        if (a < 0) return false;
    }
    if ((size_t)a > n || (size_t)b > n - (size_t)a) return false;
    *start = (size_t)a;
    *count = (size_t)b;
    return true;
}

#endif
