/* beam_internal.h: what beam_file.c and beam_code.c share: the compact term format and errors. */
#ifndef LING_VM_BEAM_INTERNAL_H
#define LING_VM_BEAM_INTERNAL_H

#include "vm/beam_file.h"

/* ---- errors ---- the first ones return -1 */

/* "Code chunk, offset 77: ", then the format's text; each # stands for the next number. chunk may
 * be NULL. */
COLD int beam_error(beam_file_t *f, const char *chunk, const uint8_t *at, const char *format,
                    uint64_t a, uint64_t b);
COLD int beam_out_of_memory(beam_file_t *f);
/* More text behind it. */
COLD void beam_error_add(beam_file_t *f, const char *text);
COLD void beam_error_add_number(beam_file_t *f, uint64_t number);

/* ---- the compact term format ---- */

enum { TAG_U, TAG_I, TAG_A, TAG_X, TAG_Y, TAG_F, TAG_H, TAG_Z };
/* TAG_Z: what follows. */
enum { Z_LIST_TAG = 1, Z_FLOAT_REG = 2, Z_ALLOC_LIST = 3, Z_LITERAL = 4, Z_TYPED = 5 };

typedef struct {
    unsigned tag;
    uint64_t value;     /* TAG_I: two's complement */
    const uint8_t *big; /* not NULL: an integer of `value` bytes that fits no 64 bits */
} compact_t;

#define MAX_NUMBER 0x7fffffffu

/* The forms with two bytes of value and more behind the first one. */
COLD const uint8_t *compact_long(const uint8_t *p, const uint8_t *end, unsigned first,
                                 compact_t *out);

/* Reads one value; NULL: malformed or cut short. */
static inline const uint8_t *compact_read(const uint8_t *p, const uint8_t *end, compact_t *out) {
    if (UNLIKELY(p >= end)) return NULL;
    unsigned b = *p++;
    out->tag = b & 7;
    out->big = NULL;
    if (LIKELY((b & 8) == 0)) {
        out->value = b >> 4;
        return p;
    }
    if ((b & 16) == 0) {
        if (UNLIKELY(p >= end)) return NULL;
        out->value = (b & 0xe0) << 3 | *p;
        return p + 1;
    }
    return compact_long(p, end, b, out);
}

#endif
