/* beam_build.h: writes beam files byte by byte, for tests. The module m exports f/0, whose body the
 * test gives; label 1 is the function, 2 its entry, 3 free. Atoms: 1 m, 2 f, 3 string, 4 integer,
 * 5 ensure_at_least, 6 '=:=', 7 copy, 8 skip. Literal 0 is the empty list. One import, m:f/0; one
 * fun, f/0 without free variables; the string table holds "abcd". */
#ifndef LING_TEST_BEAM_BUILD_H
#define LING_TEST_BEAM_BUILD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t b[65536];
    size_t n;
} bytes_t;

static inline void put(bytes_t *o, const void *p, size_t n) {
    memcpy(o->b + o->n, p, n);
    o->n += n;
}
static inline void put8(bytes_t *o, unsigned v) {
    uint8_t c = (uint8_t)v;
    put(o, &c, 1);
}
static inline void put32(bytes_t *o, uint32_t v) {
    uint8_t c[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(o, c, 4);
}
static inline void put_chunk(bytes_t *o, const char *id, const bytes_t *c) {
    put(o, id, 4);
    put32(o, (uint32_t)c->n);
    put(o, c->b, c->n);
    while (o->n % 4 != 0) put8(o, 0);
}

/* What make_beam leaves out or does otherwise. */
typedef struct {
    const char *without;    /* this chunk */
    bool long_atoms;        /* OTP 28's AtU8 */
    uint32_t labels;        /* 0: 4 */
    uint32_t functions;     /* 0: 1 */
    uint32_t literal_size;  /* claim of LitT; 0: not compressed */
    const bytes_t *literal; /* whole LitT behind the claim */
} beam_opts_t;

static const char *const beam_atoms[] = {"m",   "f",    "string", "integer", "ensure_at_least",
                                         "=:=", "copy", "skip"};

static inline bool wanted(const beam_opts_t *o, const char *id) {
    return o->without == NULL || strcmp(o->without, id) != 0;
}

/* The file in *o. body: what stands between the function's entry and int_code_end. */
static inline void make_beam(bytes_t *o, const beam_opts_t *opts, const uint8_t *body, size_t n) {
    static bytes_t c;
    o->n = 0;
    put(o, "FOR1\0\0\0\0BEAM", 12);
    c.n = 0;
    int32_t natoms = sizeof beam_atoms / sizeof *beam_atoms;
    put32(&c, (uint32_t)(opts->long_atoms ? -natoms : natoms));
    for (int i = 0; i < natoms; i++) {
        size_t len = strlen(beam_atoms[i]);
        put8(&c, (unsigned)(opts->long_atoms ? len << 4 : len));
        put(&c, beam_atoms[i], len);
    }
    if (wanted(opts, "AtU8")) put_chunk(o, "AtU8", &c);
    c.n = 0;
    put32(&c, 16), put32(&c, 0), put32(&c, 184);
    put32(&c, opts->labels != 0 ? opts->labels : 4);
    put32(&c, opts->functions != 0 ? opts->functions : 1);
    put(&c, "\1\x10\2\x12\x22\0\1\x20", 8); /* label 1; func_info m f 0; label 2 */
    put(&c, body, n);
    put8(&c, 3);
    if (wanted(opts, "Code")) put_chunk(o, "Code", &c);
    c.n = 0;
    put(&c, "abcd", 4);
    if (wanted(opts, "StrT")) put_chunk(o, "StrT", &c);
    c.n = 0;
    put32(&c, 1), put32(&c, 1), put32(&c, 2), put32(&c, 0);
    if (wanted(opts, "ImpT")) put_chunk(o, "ImpT", &c);
    c.n = 0;
    put32(&c, 1), put32(&c, 2), put32(&c, 0), put32(&c, 2);
    if (wanted(opts, "ExpT")) put_chunk(o, "ExpT", &c);
    c.n = 0;
    put32(&c, 1), put32(&c, 2), put32(&c, 0), put32(&c, 2), put32(&c, 0), put32(&c, 0);
    put32(&c, 7);
    if (wanted(opts, "FunT")) put_chunk(o, "FunT", &c);
    c.n = 0;
    put32(&c, opts->literal_size);
    if (opts->literal != NULL)
        put(&c, opts->literal->b, opts->literal->n);
    else
        put32(&c, 1), put32(&c, 2), put(&c, "\x83j", 2);
    if (wanted(opts, "LitT")) put_chunk(o, "LitT", &c);
    c.n = 0;
    /* two lines: 5 of the own file, 1000 of "x.hrl" */
    put32(&c, 0), put32(&c, 0), put32(&c, 3), put32(&c, 2), put32(&c, 1);
    put(&c, "\x51\x12\x69\xe8\0\5x.hrl", 11);
    if (wanted(opts, "Line")) put_chunk(o, "Line", &c);
    uint32_t size = (uint32_t)o->n - 8;
    o->b[4] = (uint8_t)(size >> 24), o->b[5] = (uint8_t)(size >> 16);
    o->b[6] = (uint8_t)(size >> 8), o->b[7] = (uint8_t)size;
}

#endif
