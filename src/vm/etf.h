/* etf.h: the external term format. Decoding (etf.c, etf_read.c, etf_build.c) refuses hostile input;
 * encoding is in etf_encode.c. Both are iterative. */
#ifndef LING_VM_ETF_H
#define LING_VM_ETF_H
#include "vm/code.h"

/* ---- decoding ---- */
/* Heap words the encoded term needs (an upper bound) and its encoded length; -1: malformed, or no
 * memory to inflate it. With the version byte. *used (may be NULL): bytes taken. */
int64_t etf_decoded_size(vm_t *vm, const uint8_t *b, size_t n, size_t *used);
enum { ETF_SAFE = 1 }; /* no new atoms, no new external funs */
/* Decodes into words given by the caller (as many as etf_decoded_size said), moving *hp; off-heap
 * objects go on *off. TERM_NONE: malformed (or unsafe, or no memory): *off is as before and the
 * words hold nothing. Compressed terms are inflated. */
term_t etf_decode(vm_t *vm, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                  off_heap_t **off);
/* Into a process heap; the second is for long BIFs, which give way meanwhile. TERM_NONE:
 * malformed, stopped, or no memory (*no_memory, the first's may be NULL); nothing raised. */
term_t etf_decode_to(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used,
                     bool *no_memory);
term_t etf_decode_heap(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used,
                       bool *no_memory);

/* ---- encoding ---- */
/* A place in the output where the bytes of a large binary belong that was left out. */
typedef struct {
    size_t at;
    term_t bin;
    size_t bytes; /* its first ones */
} etf_cut_t;

typedef struct {
    unsigned minor_version; /* 0: floats as text; 2: atoms in UTF-8; default 1 */
    bool deterministic;     /* large maps in key order */
    bool cut;               /* leave large binaries out, see etf_cut_t */
    bool sizing; /* for external_size: sizes are OTP's estimate, cut_bytes has the rest */
} etf_options_t;
#define ETF_DEFAULTS                                                                               \
    { .minor_version = 1 }

/* A growing output; starts in an array of its own. */
typedef struct {
    vm_t *vm;
    proc_t *p; /* a long BIF's process, which gives way meanwhile, or NULL */
    uint8_t *data;
    size_t len, cap;
    etf_cut_t *cuts;
    size_t ncuts, cuts_cap, cut_bytes;
    uint8_t first[1024];
} etf_out_t;
void etf_out_init(etf_out_t *o, vm_t *vm);
void etf_out_free(etf_out_t *o);

enum { ETF_OK = 0, ETF_NO_MEMORY = -1, ETF_TOO_LARGE = -2, ETF_STOPPED = -3 };
/* Appends the version byte and the term. */
int etf_encode_out(etf_out_t *o, term_t t, const etf_options_t *opts);
/* Encodes (with version byte). 0 and memory to release with mem_free(*out, *cap); -1: no memory. */
int etf_encode(vm_t *vm, term_t t, uint8_t **out, size_t *len, size_t *cap);

/* ---- references in words ---- as OTP shows them: #Ref<0.w2.w1.w0>, w0 of 18 bits */
static inline void ref_id_to_words(uint64_t id, uint32_t w[3]) {
    w[0] = (uint32_t)id & 0x3ffff;
    w[1] = (uint32_t)(id >> 18);
    w[2] = (uint32_t)(id >> 50);
}
/* false: no reference of this machine has such words. */
static inline bool ref_id_from_words(const uint32_t w[3], uint64_t *id) {
    *id = w[0] | (uint64_t)w[1] << 18 | (uint64_t)w[2] << 50;
    return w[0] <= 0x3ffff && w[2] < 1 << 14;
}

/* Tags of the format. */
enum {
    ETF_VERSION = 131,
    ETF_NEW_FLOAT = 70,
    ETF_BIT_BINARY = 77,
    ETF_COMPRESSED = 80,
    ETF_NEW_PID = 88,
    ETF_NEW_PORT = 89,
    ETF_NEWER_REFERENCE = 90,
    ETF_SMALL_INTEGER = 97,
    ETF_INTEGER = 98,
    ETF_FLOAT = 99,
    ETF_ATOM = 100,
    ETF_REFERENCE = 101,
    ETF_PORT = 102,
    ETF_PID = 103,
    ETF_SMALL_TUPLE = 104,
    ETF_LARGE_TUPLE = 105,
    ETF_NIL = 106,
    ETF_STRING = 107,
    ETF_LIST = 108,
    ETF_BINARY = 109,
    ETF_SMALL_BIG = 110,
    ETF_LARGE_BIG = 111,
    ETF_NEW_FUN = 112,
    ETF_EXPORT = 113,
    ETF_NEW_REFERENCE = 114,
    ETF_SMALL_ATOM = 115,
    ETF_MAP = 116,
    ETF_ATOM_UTF8 = 118,
    ETF_SMALL_ATOM_UTF8 = 119,
    ETF_V4_PORT = 120
};
#endif
