/* binary.h: binaries, bit strings, matching and building. binary.c (storage, sub-binaries),
 * bits.c (bits in memory), bs.c (the bit syntax instructions). */
#ifndef LING_VM_BINARY_H
#define LING_VM_BINARY_H
#include "vm/bif.h"
#include "vm/magic.h"

/* ---- storage ---- NULL / TERM_NONE: no memory, nothing raised */
enum { SHARED_BIN_FOREIGN = 1 };
enum { PROC_BIN_WRITABLE = 1 }; /* size may grow in place: this is the last appender */
shared_bin_t *shared_bin_new(vm_t *vm, size_t size); /* one count */
static inline void shared_bin_keep(shared_bin_t *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
}
void shared_bin_release(shared_bin_t *b);
/* Over memory that is not ours: destroy(b) is called when the last count goes (it must not free b
 * itself; b->owner is for it). */
shared_bin_t *shared_bin_new_foreign(vm_t *vm, uint8_t *data, size_t size,
                                     void (*destroy)(shared_bin_t *), void *owner);
/* A reference to m in MAGIC_REF_WORDS words of p's at hp; the count it owns is given by the caller.
 */
static inline term_t magic_ref_put(proc_t *p, term_t *hp, magic_t *m) {
    magic_ref_t *r = (magic_ref_t *)hp;
    r->off.header = make_header(T_MAGIC_REF, MAGIC_REF_WORDS - 1);
    r->id = m->id;
    r->magic = m;
    off_heap_link(p, r);
    return make_boxed(r);
}
/* A heap binary of n bytes, *data to fill, in HEAP_BIN_WORDS(n) words at hp. */
static inline term_t heap_bin_at(term_t *hp, size_t n, uint8_t **data) {
    heap_bin_t *hb = (heap_bin_t *)hp;
    hb->header = make_header(T_HEAP_BIN, HEAP_BIN_WORDS(n) - 1);
    hb->size = n;
    if (n) hp[HEAP_BIN_WORDS(n) - 1] = 0; /* the bytes behind the last are never undefined */
    *data = hb->data;
    return make_boxed(hb);
}
/* All of b as a binary in PROC_BIN_WORDS words at hp, outside of a process heap; on the list *off,
 * takes b's count. */
static inline term_t proc_bin_outside(term_t *hp, shared_bin_t *b, off_heap_t **off) {
    proc_bin_t *pb = (proc_bin_t *)hp;
    pb->off.header = make_header(T_PROC_BIN, PROC_BIN_WORDS - 1);
    pb->off.next = *off;
    pb->bin = b;
    pb->data = b->data;
    pb->size = b->size;
    pb->flags = 0;
    *off = &pb->off;
    return make_boxed(pb);
}
/* New binary of n bytes with *data to fill; heap binary or shared. */
term_t binary_new(proc_t *p, size_t n, uint8_t **data);
term_t binary_from_shared(proc_t *p, shared_bin_t *b, size_t offset,
                          size_t size); /* takes one count, also when it fails */
/* Empty writable binary (T_PROC_BIN) with b->size bytes to grow into; takes one count. */
term_t binary_writable(proc_t *p, shared_bin_t *b);
/* Sub-binary of a heap or proc binary, always T_SUB_BIN. */
term_t bits_sub(proc_t *p, term_t orig, size_t bit_offset, size_t bit_size);
/* Part of a binary or bit string, in bits; small whole-byte parts may be copied. */
term_t bits_part(proc_t *p, term_t bin, size_t bit_offset, size_t bit_size);

/* ---- looking inside ---- */
typedef struct {
    const uint8_t *base; /* any alignment */
    size_t bit_offset;   /* 0..7 */
    size_t bit_size;
} bits_t;
/* false: t is no bit string. */
bool bits_of(term_t t, bits_t *out);
/* Bytes of a binary. Not byte-aligned ones are copied to *tmp (free with mem_free(*tmp,
 * *tmp_size)); false: no binary or no memory (*tmp is NULL then). */
bool bytes_of(vm_t *vm, term_t t, const uint8_t **data, size_t *n, uint8_t **tmp, size_t *tmp_size);
/* The same for a long BIF, which gives way meanwhile; false also when it is to return TERM_NONE. */
bool bytes_of_long(proc_t *p, term_t t, const uint8_t **data, size_t *n, uint8_t **tmp,
                   size_t *tmp_size);
static inline size_t bit_size_of(term_t t) {
    switch (boxed_type(t)) {
    case T_HEAP_BIN: return ((heap_bin_t *)boxed_ptr(t))->size * 8;
    case T_PROC_BIN: return ((proc_bin_t *)boxed_ptr(t))->size * 8;
    default: return (size_t)small_value(((sub_bin_t *)boxed_ptr(t))->bit_size);
    }
}
/* More bits than this are refused with system_limit. */
#define BITS_MAX ((size_t)1 << 56)

/* ---- iodata ---- byte lists nested with binaries. bits_ok: bit strings of any size allowed. A
 * binary alone is iodata, too. */
enum { IODATA_OK, IODATA_BAD, IODATA_NO_MEMORY, IODATA_TOO_BIG, IODATA_STOPPED };
/* A long BIF gives itself as p and gives way meanwhile (IODATA_STOPPED: return TERM_NONE); others
 * give NULL. */
int iodata_bits_long(vm_t *vm, proc_t *p, term_t t, bool bits_ok, size_t *nbits);
/* Writes the bits of valid iodata (iodata_bits said so) from dst on. */
int iodata_copy_long(vm_t *vm, proc_t *p, term_t t, uint8_t *dst);
/* Calls fn with the bytes, piece by piece; what came before an error has been given to fn. */
typedef void (*iodata_fn)(void *user, const uint8_t *data, size_t n);
int iodata_walk_long(vm_t *vm, proc_t *p, term_t t, iodata_fn fn, void *user);
static inline int iodata_bits(vm_t *vm, term_t t, bool bits_ok, size_t *nbits) {
    return iodata_bits_long(vm, NULL, t, bits_ok, nbits);
}
static inline int iodata_copy(vm_t *vm, term_t t, uint8_t *dst) {
    return iodata_copy_long(vm, NULL, t, dst);
}
static inline int iodata_walk(vm_t *vm, term_t t, iodata_fn fn, void *user) {
    return iodata_walk_long(vm, NULL, t, fn, user);
}
/* Raises what the code says: badarg, system_limit or out of memory; nothing where it stopped. */
term_t iodata_fail(proc_t *p, int code);

/* ---- bits in memory ---- bits.c; offsets are in bits from the pointers */
void bits_copy(uint8_t *dst, size_t dst_off, const uint8_t *src, size_t src_off, size_t nbits);
int bits_cmp(const uint8_t *a, size_t a_off, const uint8_t *b, size_t b_off, size_t nbits);
/* bits_copy for many bits; p gives way meanwhile. false: stopped. */
bool bits_copy_long(proc_t *p, uint8_t *dst, size_t dst_off, const uint8_t *src, size_t src_off,
                    size_t nbits);
#define COPY_PER_RED  256 /* bytes copied or looked at once */
#define COPY_PER_TICK (32u << 10)
/* Up to 64 bits, big endian. */
uint64_t bits_get64(const uint8_t *p, size_t off, unsigned nbits);
void bits_put64(uint8_t *p, size_t off, unsigned nbits, uint64_t v);

/* ---- matching ---- bs.c. All "get" functions move ctx forward on success and return TERM_NONE
 * without raising when the match fails. (No memory: TERM_NONE with p->fclass == EXC_OOM.) */
enum { BS_LITTLE = 2, BS_SIGNED = 4, BS_NATIVE = 16 }; /* flag bits as in the instructions */
/* Context for a bit string or a context; TERM_NONE: neither. */
term_t bs_start_match(proc_t *p, term_t t);
/* An integer from nbits at a bit offset, any size. TERM_NONE: no memory. */
term_t bits_get_integer(proc_t *p, const uint8_t *base, size_t off, size_t nbits, unsigned flags);
term_t bs_get_integer(proc_t *p, match_ctx_t *ctx, size_t nbits, unsigned flags);
term_t bs_get_float(proc_t *p, match_ctx_t *ctx, size_t nbits, unsigned flags);
term_t bs_get_binary(proc_t *p, match_ctx_t *ctx, size_t nbits); /* bit string of nbits */
term_t bs_get_tail(proc_t *p, match_ctx_t *ctx);                 /* the rest; ctx stays */
bool bs_match_string(match_ctx_t *ctx, size_t nbits, const uint8_t *s);
term_t bs_get_utf8(match_ctx_t *ctx); /* small, or TERM_NONE */
term_t bs_get_utf16(match_ctx_t *ctx, unsigned flags);
term_t bs_get_utf32(match_ctx_t *ctx, unsigned flags);
/* ---- building ---- */
/* One segment of bs_create_bin. kind: the segment type's atom (A_integer, A_float, A_binary,
 * A_utf8, A_utf16, A_utf32, A_append, A_private_append, A_string). size: term (A_all, a small, a
 * bignum; A_undefined for utf); for A_string: str/nbytes. */
typedef struct {
    term_t kind;
    uint32_t unit, flags;
    term_t value, size;
    const uint8_t *str;
    uint32_t segment; /* number for error_info */
} bs_segment_t;
/* The binary or bit string, or TERM_NONE with badarg/system_limit raised (with OTP 25's error_info
 * cause {Segment, Type, Error, Value}). For A_string size is a small, in bytes. Appending to a
 * writable binary is amortised O(1). */
term_t bs_create(proc_t *p, bs_segment_t *seg, size_t n);
term_t bs_init_writable(proc_t *p, term_t size);

/* The pieces, also for the instructions of older compilers (bs_init2, bs_append, bs_put_*). The
 * builder says where the next bits go; nothing may collect between bs_init/bs_append and the last
 * put. */
typedef struct {
    uint8_t *data;
    size_t off; /* bits */
} bs_builder_t;
/* New bit string of nbits. TERM_NONE: no memory, nothing raised. */
term_t bs_init(proc_t *p, size_t nbits, bs_builder_t *b);
/* bin made longer by extra bits. TERM_NONE: raised badarg (no bit string, not a multiple of unit),
 * system_limit or out of memory. */
term_t bs_append(proc_t *p, term_t bin, size_t extra, unsigned unit, bs_builder_t *b);
/* Puts return false where the value does not fit the type; nothing raised. They move b->off. */
bool bs_put_integer(bs_builder_t *b, term_t v, size_t nbits, unsigned flags);
bool bs_put_float(bs_builder_t *b, term_t v, size_t nbits, unsigned flags);
bool bs_put_binary(bs_builder_t *b, term_t v, size_t nbits); /* the first nbits of v */
bool bs_put_binary_all(bs_builder_t *b, term_t v, unsigned unit);
void bs_put_string(bs_builder_t *b, const uint8_t *s, size_t nbytes);
bool bs_put_utf8(bs_builder_t *b, term_t v);
bool bs_put_utf16(bs_builder_t *b, term_t v, unsigned flags);
bool bs_put_utf32(bs_builder_t *b, term_t v, unsigned flags);
/* Bytes a value takes; some number for what is no character (the put will refuse it). */
size_t bs_utf8_size(term_t v);
size_t bs_utf16_size(term_t v);
bool bs_is_char(term_t v); /* a Unicode scalar value */
#endif
