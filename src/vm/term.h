/* term.h: how an Erlang term is laid out in a 64-bit word and on a heap.
 *
 * This is the only file that knows the bits. Everything else uses its inline functions and
 * constants, so that the representation can change. It relies on nothing but C11 and may be
 * included by every layer below the public API.
 *
 * A term is one word; its low three bits say what it is:
 *
 *   000  small integer, 61 bits (so + - < and bit operations work on the tagged words themselves)
 *   001  cons: pointer to two words, head and tail
 *   010  boxed: pointer to a header word followed by the object's words
 *   011  immediate: the next three bits say atom, local pid, local port, nil or catch mark
 *   111  header word of a boxed object (never a term; also return addresses on a stack)
 *
 * A header is  size << 8 | type << 3 | 7,  where size counts the words that follow it. Types below
 * 16 hold only things the garbage collector may look at word by word (terms, or aligned pointers
 * and counts, which look like small integers); types from 16 on hold raw data it must skip.
 */
#ifndef LING_VM_TERM_H
#define LING_VM_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t term_t;

#define LIKELY(c)   __builtin_expect(!!(c), 1)
#define UNLIKELY(c) __builtin_expect(!!(c), 0)
#define COLD        __attribute__((noinline, cold))

enum { TAG_SMALL = 0, TAG_CONS = 1, TAG_BOXED = 2, TAG_IMMED = 3, TAG_HEADER = 7, TAG_MASK = 7 };

enum {
    IMMED_ATOM = 0 << 3 | TAG_IMMED,
    IMMED_PID = 1 << 3 | TAG_IMMED,
    IMMED_PORT = 2 << 3 | TAG_IMMED,
    IMMED_NIL = 3 << 3 | TAG_IMMED,
    IMMED_CATCH = 4 << 3 | TAG_IMMED,
    IMMED_MASK = 63,
    IMMED_SHIFT = 6
};

/* Boxed types. The order below 16 / from 16 on matters, see above. */
enum {
    T_TUPLE = 0,
    T_FUN = 1,        /* fun_obj_t: a closure */
    T_EXPORT_FUN = 2, /* [export_t *]: fun M:F/A */
    T_MAP = 3,        /* flat map: [keys tuple][values ...], keys sorted by term order */
    T_HAMT = 4,       /* large map's root: [size as small][node]; see map.c */
    T_HAMT_NODE = 5,  /* inner node: [bitmap as small][children ...]; see map.c */
    T_SUB_BIN = 6,    /* sub_bin_t */
    T_MATCH_CTX = 7,  /* match_ctx_t */
    T_RAW = 16,
    T_BIG_POS = 16, /* GMP limbs, least significant first, top limb not zero */
    T_BIG_NEG = 17,
    T_FLOAT = 18,
    T_HEAP_BIN = 19,  /* [size in bytes][bytes ...], at most HEAP_BIN_MAX bytes */
    T_PROC_BIN = 20,  /* proc_bin_t: reference to a shared binary */
    T_REF = 21,       /* ref_obj_t */
    T_MAGIC_REF = 22, /* magic_ref_t */
    T_EXT_PID = 23,   /* ext_obj_t: of another node (or another life of this one) */
    T_EXT_PORT = 24,
    T_EXT_REF = 25,
    T_NONE = 31
};

#define TERM_NONE                                                                                  \
    ((term_t)(T_NONE << 3 | TAG_HEADER)) /* "no term"; BIFs return it when they fail */
#define TERM_NIL ((term_t)IMMED_NIL)

/* ---- small integers ---- */
#define SMALL_SHIFT 3
#define SMALL_MAX   ((int64_t)((1LL << 60) - 1))
#define SMALL_MIN   ((int64_t)(-(1LL << 60)))
static inline bool is_small(term_t t) { return (t & TAG_MASK) == TAG_SMALL; }
static inline bool are_small(term_t a, term_t b) { return ((a | b) & TAG_MASK) == TAG_SMALL; }
static inline term_t make_small(int64_t i) { return (term_t)i << SMALL_SHIFT; }
static inline int64_t small_value(term_t t) { return (int64_t)t >> SMALL_SHIFT; }
static inline bool fits_small(int64_t i) { return i >= SMALL_MIN && i <= SMALL_MAX; }

/* ---- immediates ---- */
static inline bool is_immed_kind(term_t t, unsigned kind) { return (t & IMMED_MASK) == kind; }
static inline bool is_atom(term_t t) { return is_immed_kind(t, IMMED_ATOM); }
static inline term_t make_atom(uint32_t index) { return (term_t)index << IMMED_SHIFT | IMMED_ATOM; }
static inline uint32_t atom_index(term_t t) { return (uint32_t)(t >> IMMED_SHIFT); }
static inline bool is_nil(term_t t) { return t == TERM_NIL; }
static inline bool is_immed(term_t t) {
    return (t & TAG_MASK) == TAG_SMALL || (t & TAG_MASK) == TAG_IMMED;
}

/* A local pid: slot in the process table (28 bits) and how often the table went round (19 bits).
 * Outside (texts, external format) it is told as OTP tells it: a number of 15 bits and a serial of
 * 13 bits, in which the rounds follow. */
#define PID_SLOT_BITS    28
#define PID_SERIAL_BITS  19
#define PID_NUMBER_BITS  15
#define PORT_NUMBER_BITS 28
static inline bool is_local_pid(term_t t) { return is_immed_kind(t, IMMED_PID); }
static inline term_t make_pid(uint32_t slot, uint32_t serial) {
    return ((term_t)serial << PID_SLOT_BITS | slot) << IMMED_SHIFT | IMMED_PID;
}
static inline uint32_t pid_slot(term_t t) {
    return (uint32_t)(t >> IMMED_SHIFT) & ((1u << PID_SLOT_BITS) - 1);
}
static inline uint32_t pid_serial(term_t t) {
    return (uint32_t)(t >> (IMMED_SHIFT + PID_SLOT_BITS));
}
static inline uint32_t pid_out_number(term_t t) {
    return pid_slot(t) & ((1u << PID_NUMBER_BITS) - 1);
}
static inline uint32_t pid_out_serial(term_t t) {
    return pid_serial(t) << (PID_SLOT_BITS - PID_NUMBER_BITS) | pid_slot(t) >> PID_NUMBER_BITS;
}
static inline bool is_local_port(term_t t) { return is_immed_kind(t, IMMED_PORT); }
static inline term_t make_port(uint64_t number) { return number << IMMED_SHIFT | IMMED_PORT; }
static inline uint64_t port_number(term_t t) { return t >> IMMED_SHIFT; }

/* A catch mark in a stack frame: the address of the instruction to continue at. */
static inline bool is_catch(term_t t) { return is_immed_kind(t, IMMED_CATCH); }
static inline term_t make_catch(const void *ip) {
    return (term_t)(uintptr_t)ip << IMMED_SHIFT | IMMED_CATCH;
}
static inline void *catch_address(term_t t) { return (void *)(uintptr_t)(t >> IMMED_SHIFT); }

/* ---- headers ---- */
static inline term_t make_header(unsigned type, size_t words) {
    return (term_t)words << 8 | type << 3 | TAG_HEADER;
}
static inline bool is_header(term_t t) { return (t & TAG_MASK) == TAG_HEADER; }
static inline unsigned header_type(term_t h) { return (unsigned)(h >> 3) & 31; }
static inline size_t header_size(term_t h) { return (size_t)(h >> 8); }
static inline bool header_is_raw(term_t h) { return (h & (T_RAW << 3)) != 0; }

/* ---- conses ---- */
static inline bool is_cons(term_t t) { return (t & TAG_MASK) == TAG_CONS; }
static inline term_t *cons_ptr(term_t t) { return (term_t *)(uintptr_t)(t - TAG_CONS); }
static inline term_t make_cons(const term_t *p) { return (term_t)(uintptr_t)p + TAG_CONS; }
static inline term_t cons_head(term_t t) { return cons_ptr(t)[0]; }
static inline term_t cons_tail(term_t t) { return cons_ptr(t)[1]; }
static inline bool is_list(term_t t) { return is_cons(t) || is_nil(t); }
/* Writes a cell at *hp and moves *hp past it. */
static inline term_t cons(term_t **hp, term_t head, term_t tail) {
    term_t *p = *hp;
    p[0] = head;
    p[1] = tail;
    *hp = p + 2;
    return make_cons(p);
}

/* ---- boxed ---- */
static inline bool is_boxed(term_t t) { return (t & TAG_MASK) == TAG_BOXED; }
static inline term_t *boxed_ptr(term_t t) { return (term_t *)(uintptr_t)(t - TAG_BOXED); }
static inline term_t make_boxed(const void *p) { return (term_t)(uintptr_t)p + TAG_BOXED; }
static inline term_t boxed_header(term_t t) { return *boxed_ptr(t); }
/* A cons or boxed: tag 1 or 2. */
static inline bool is_pointer(term_t t) { return ((t - TAG_CONS) & (TAG_MASK - 1)) == 0; }
static inline bool is_boxed_type(term_t t, unsigned type) {
    return is_boxed(t) && (boxed_header(t) & 0xff) == (type << 3 | TAG_HEADER);
}
/* The boxed type of t, or T_NONE when t is no boxed term. */
static inline unsigned boxed_type(term_t t) {
    return is_boxed(t) ? header_type(boxed_header(t)) : (unsigned)T_NONE;
}

/* ---- tuples ---- */
static inline bool is_tuple(term_t t) { return is_boxed_type(t, T_TUPLE); }
static inline size_t tuple_arity(term_t t) { return header_size(boxed_header(t)); }
static inline bool is_tuple_of(term_t t, size_t arity) {
    return is_boxed(t) && boxed_header(t) == make_header(T_TUPLE, arity);
}
/* Elements count from 1, as in Erlang. */
static inline term_t tuple_elem(term_t t, size_t i) { return boxed_ptr(t)[i]; }
static inline term_t *tuple_elems(term_t t) { return boxed_ptr(t) + 1; }
static inline term_t tuple2(term_t **hp, term_t a, term_t b) {
    term_t *p = *hp;
    p[0] = make_header(T_TUPLE, 2), p[1] = a, p[2] = b;
    *hp = p + 3;
    return make_boxed(p);
}
static inline term_t tuple3(term_t **hp, term_t a, term_t b, term_t c) {
    term_t *p = *hp;
    p[0] = make_header(T_TUPLE, 3), p[1] = a, p[2] = b, p[3] = c;
    *hp = p + 4;
    return make_boxed(p);
}
static inline term_t tuple4(term_t **hp, term_t a, term_t b, term_t c, term_t d) {
    term_t *p = *hp;
    p[0] = make_header(T_TUPLE, 4), p[1] = a, p[2] = b, p[3] = c, p[4] = d;
    *hp = p + 5;
    return make_boxed(p);
}
static inline term_t tuple5(term_t **hp, term_t a, term_t b, term_t c, term_t d, term_t e) {
    term_t *p = *hp;
    p[0] = make_header(T_TUPLE, 5), p[1] = a, p[2] = b, p[3] = c, p[4] = d, p[5] = e;
    *hp = p + 6;
    return make_boxed(p);
}

/* ---- numbers ---- */
static inline bool is_float(term_t t) { return is_boxed_type(t, T_FLOAT); }
#define FLOAT_WORDS 2
static inline double float_value(term_t t) {
    double d;
    memcpy(&d, boxed_ptr(t) + 1, sizeof d);
    return d;
}
static inline term_t make_float(term_t **hp, double d) {
    term_t *p = *hp;
    p[0] = make_header(T_FLOAT, 1);
    memcpy(p + 1, &d, sizeof d);
    *hp = p + FLOAT_WORDS;
    return make_boxed(p);
}
static inline bool is_big(term_t t) {
    return is_boxed(t) && (boxed_header(t) & 0xf7) == (T_BIG_POS << 3 | TAG_HEADER);
}
static inline bool big_is_neg(term_t t) { return header_type(boxed_header(t)) == T_BIG_NEG; }
static inline size_t big_limbs(term_t t) { return header_size(boxed_header(t)); }
static inline uint64_t *big_data(term_t t) { return boxed_ptr(t) + 1; }
static inline bool is_integer(term_t t) { return is_small(t) || is_big(t); }
static inline bool is_number(term_t t) { return is_integer(t) || is_float(t); }

/* ---- objects on an off-heap list ----
 * They own a count of something outside the heap. `next` chains them per process (or per message
 * fragment), so that the collector can release what died. Both kinds have it at the same place. */
typedef struct off_heap {
    term_t header;
    struct off_heap *next;
} off_heap_t;

/* A shared binary's storage. Allocated and released by binary.c. */
typedef struct shared_bin {
    _Atomic(uint64_t) refs;
    size_t size;                          /* bytes allocated at data */
    uint8_t *data;                        /* usually just behind this struct */
    uint64_t flags;                       /* SHARED_BIN_* of binary.h */
    void (*destroy)(struct shared_bin *); /* for memory that is not ours; else NULL */
    void *owner;                          /* for destroy */
    void *vm;                             /* ling_vm_t that allocated it */
} shared_bin_t;

typedef struct {
    off_heap_t off;
    shared_bin_t *bin;
    uint8_t *data; /* into bin->data */
    size_t size;   /* bytes this term sees */
    size_t flags;  /* PROC_BIN_* of binary.h: writable (append optimisation) */
} proc_bin_t;
#define PROC_BIN_WORDS (sizeof(proc_bin_t) / sizeof(term_t))

#define HEAP_BIN_MAX   64
typedef struct {
    term_t header;
    size_t size;
    uint8_t data[];
} heap_bin_t;
#define HEAP_BIN_WORDS(bytes) (2 + ((bytes) + 7) / 8)

/* Part of a binary, in bits. Offsets and sizes are kept as smalls so that the collector can look
 * at them. orig is a T_HEAP_BIN or T_PROC_BIN term, never another sub-binary. */
typedef struct {
    term_t header;
    term_t bit_offset;
    term_t bit_size;
    term_t orig;
} sub_bin_t;
#define SUB_BIN_WORDS 4

/* A binary being matched. base is aligned to 8 (it looks like a small); offset and end are bit
 * positions from base, kept as smalls. After orig moved, the collector sets base again. */
typedef struct {
    term_t header;
    term_t orig;
    uint8_t *base;
    term_t offset;
    term_t end;
    term_t start; /* offset at the beginning of the match: bs_get_position counts from it */
} match_ctx_t;
#define MATCH_CTX_WORDS 6

static inline bool is_match_ctx(term_t t) { return is_boxed_type(t, T_MATCH_CTX); }

/* ---- references, pids and ports ---- */
typedef struct {
    term_t header;
    uint64_t id; /* unique in this VM, from vm_next_ref */
    term_t pid;  /* process behind an alias or a spawn/monitor reference; 0 where there is none */
} ref_obj_t;
#define REF_WORDS 3

/* A reference that keeps a native object alive (compiled patterns, prepared code, atomics ...). */
typedef struct magic {
    _Atomic(uint64_t) refs;
    void (*destroy)(struct magic *);
    void *vm;                /* ling_vm_t */
    uint64_t id;             /* the reference's id */
    struct magic *next;      /* of the published ones, magic.c */
    _Atomic(bool) published; /* can be found by its id */
} magic_t;
typedef struct {
    off_heap_t off;
    uint64_t id;
    magic_t *magic;
} magic_ref_t;
#define MAGIC_REF_WORDS 4

/* Pid, port or reference of another node. */
typedef struct {
    term_t header;
    term_t node; /* atom */
    uint32_t creation;
    uint32_t count; /* words used of id (references: 1..5) */
    uint32_t id[];  /* pid: id, serial. port: low, high. reference: first word first */
} ext_obj_t;
#define EXT_WORDS(count) (3 + ((count) + 1) / 2)

static inline bool is_ref(term_t t) {
    unsigned k = boxed_type(t);
    return k == T_REF || k == T_MAGIC_REF || k == T_EXT_REF;
}
static inline bool is_local_ref(term_t t) {
    unsigned k = boxed_type(t);
    return k == T_REF || k == T_MAGIC_REF;
}
static inline uint64_t ref_id(term_t t) {
    return boxed_type(t) == T_MAGIC_REF ? ((magic_ref_t *)boxed_ptr(t))->id
                                        : ((ref_obj_t *)boxed_ptr(t))->id;
}
static inline term_t make_ref(term_t **hp, uint64_t id, term_t pid) {
    ref_obj_t *r = (ref_obj_t *)*hp;
    r->header = make_header(T_REF, REF_WORDS - 1);
    r->id = id;
    r->pid = pid;
    *hp += REF_WORDS;
    return make_boxed(r);
}
enum { INT64_WORDS = 2 };
/* Any integer of a machine word; takes INT64_WORDS at *hp at most. */
static inline term_t int64_at(term_t **hp, int64_t v) {
    if (LIKELY(fits_small(v))) return make_small(v);
    term_t *p = *hp;
    p[0] = make_header(v < 0 ? T_BIG_NEG : T_BIG_POS, 1);
    p[1] = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    *hp += INT64_WORDS;
    return make_boxed(p);
}
static inline bool is_pid(term_t t) { return is_local_pid(t) || is_boxed_type(t, T_EXT_PID); }
static inline bool is_port(term_t t) { return is_local_port(t) || is_boxed_type(t, T_EXT_PORT); }

/* ---- funs ---- */
struct fun_entry; /* code.h */
struct export;    /* code.h */
typedef struct {
    term_t header;
    struct fun_entry *entry;
    term_t creator; /* pid */
    term_t env[];   /* header_size - 2 of them */
} fun_obj_t;
#define FUN_WORDS(nfree) (3 + (nfree))
static inline size_t fun_num_free(term_t t) { return header_size(boxed_header(t)) - 2; }
static inline bool is_closure(term_t t) { return is_boxed_type(t, T_FUN); }
static inline bool is_export_fun(term_t t) { return is_boxed_type(t, T_EXPORT_FUN); }
static inline bool is_fun(term_t t) { return is_closure(t) || is_export_fun(t); }

/* ---- maps and binaries: type tests ---- */
static inline bool is_flat_map(term_t t) { return is_boxed_type(t, T_MAP); }
static inline bool is_hamt(term_t t) { return is_boxed_type(t, T_HAMT); }
static inline bool is_map(term_t t) { return is_flat_map(t) || is_hamt(t); }
#define MAP_FLAT_MAX 32
static inline size_t flat_map_size(term_t t) { return header_size(boxed_header(t)) - 1; }
static inline term_t flat_map_keys(term_t t) { return boxed_ptr(t)[1]; } /* a tuple */
static inline term_t *flat_map_values(term_t t) { return boxed_ptr(t) + 2; }
static inline size_t map_size(term_t t) {
    return is_flat_map(t) ? flat_map_size(t) : (size_t)small_value(boxed_ptr(t)[1]);
}

static inline bool is_bitstring(term_t t) {
    unsigned k = boxed_type(t);
    return k == T_HEAP_BIN || k == T_PROC_BIN || k == T_SUB_BIN;
}
static inline bool is_binary(term_t t) {
    unsigned k = boxed_type(t);
    return k == T_HEAP_BIN || k == T_PROC_BIN ||
           (k == T_SUB_BIN && (small_value(((sub_bin_t *)boxed_ptr(t))->bit_size) & 7) == 0);
}

#endif
