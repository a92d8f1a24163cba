/* bif.h: how native functions callable from Erlang are written and declared.
 *
 * A BIF gets the process and its arguments and returns a term, or TERM_NONE after one of the calls
 * below. It allocates with heap_alloc (no term ever moves inside a BIF). Each C file that holds
 * BIFs has one table, ended by an all-zero row and named in bif_tables.c; the tables make the
 * export entries, the override of the stubs in OTP's modules, and the documentation.
 */
#ifndef LING_VM_BIF_H
#define LING_VM_BIF_H

#include "vm/heap.h"
#include "vm/atom.h"

typedef term_t (*bif_fn)(proc_t *p, term_t *a);

enum {
    BIF_GUARD = 1,     /* allowed in guards: fails by raising, has no side effect */
    BIF_DIRTY_CPU = 2, /* long: run on a dirty scheduler where there is one */
    BIF_DIRTY_IO = 4,  /* may block; looks at shared tables only between vm_enter and vm_leave */
    BIF_NIF = 8,       /* a native function of a module, called through nif_entry */
    BIF_LONG = 16,     /* a LONG_BIF: may begin again on a stack of its own */
    BIF_RAISES =
        32 /* never returns: its caller's frame is shown even where the call was its last */
};

typedef struct bif_def {
    const char *module, *function;
    uint32_t arity;
    bif_fn fn;
    uint32_t flags;
} bif_def_t;

#define BIF(name) term_t name(proc_t *p, term_t *a)

/* ---- giving way in the middle ---- fiber.c
 * A BIF whose work grows with its input is written as LONG_BIF(name), flagged BIF_LONG, and calls
 * bif_tick before each piece of work, with its cost in reductions; pieces that cost less than some
 * hundred reductions, so that short calls never tick. true: release what is held and return
 * TERM_NONE at once. That is either because the BIF is to begin again, with the same arguments, on
 * a stack where it can stop (so before the first tick nothing may have happened that matters), or
 * because the process was killed. While a BIF stands in a tick other processes run, no term
 * of its own process moves, and the thread may change: hold no lock, no pointer into a table. */
#define BIF_SHORT 256  /* reductions: what costs less is done at once, */
#define BIF_LARGE 1024 /* what costs more where it can give way, whatever is left of the slice */
COLD bool bif_pause(proc_t *p, size_t reds);
static inline bool bif_tick(proc_t *p, size_t reds) {
    if (UNLIKELY(p->reds <= 0 || reds >= (size_t)p->reds)) return bif_pause(p, reds);
    p->reds -= (int32_t)reds;
    return false;
}
/* The same before work that costs so much and cannot be undone well, a big allocation say: begins
 * again, or goes on; it charges nothing. */
COLD bool bif_begin_long(proc_t *p);
static inline bool bif_begin(proc_t *p, size_t reds) {
    return UNLIKELY(reds >= BIF_SHORT) &&
           (reds >= BIF_LARGE || p->reds <= 0 || reds >= (size_t)p->reds) && bif_begin_long(p);
}
/* Every so many rounds of a loop (a power of two) a tick; n counts from 1. p NULL: never. */
#define BIF_TICK_EVERY(p, n, rounds, reds)                                                         \
    (UNLIKELY(((n) & ((size_t)(rounds)-1)) == 0) && (p) != NULL && bif_tick(p, reds))
/* Calls fn where there is as much stack as a thread has: what libraries do by recursion. */
COLD void bif_deep(proc_t *p, void (*fn)(void *), void *arg);
/* On a stack of its own, where a tick gives way and comes back (or tells that p was killed). */
bool bif_can_pause(const proc_t *p);
/* mem_free of a block that may be big: its end first, in pieces with ticks, where it can pause. */
void bif_free(proc_t *p, void *block, size_t size);
COLD term_t bif_long_resume(proc_t *p);
COLD term_t bif_long_failed(proc_t *p, term_t *a, bif_fn body);
#define LONG_BIF(name)                                                                             \
    static term_t name##_body(proc_t *p, term_t *a);                                               \
    static BIF(name) {                                                                             \
        if (UNLIKELY(p->flags & PF_FIBER)) return bif_long_resume(p);                              \
        term_t r = name##_body(p, a);                                                              \
        return UNLIKELY(r == TERM_NONE) ? bif_long_failed(p, a, name##_body) : r;                  \
    }                                                                                              \
    static term_t name##_body(proc_t *p, term_t *a)

/* ---- failing ---- all return TERM_NONE */
COLD term_t bif_error(proc_t *p, term_t reason);             /* class error */
COLD term_t bif_raise(proc_t *p, int eclass, term_t reason); /* EXC_ERROR, EXC_EXIT, EXC_THROW */
static inline term_t bif_badarg(proc_t *p) { return bif_error(p, A_badarg); }
static inline term_t bif_badarith(proc_t *p) { return bif_error(p, A_badarith); }
static inline term_t bif_system_limit(proc_t *p) { return bif_error(p, A_system_limit); }
/* badarg with an error_info cause (#{cause => Cause}), as OTP attaches it. */
COLD term_t bif_badarg_cause(proc_t *p, term_t cause);
COLD term_t bif_error_cause(proc_t *p, term_t reason, term_t cause);
/* {Reason, Value}, as {badmap, M}. */
COLD term_t bif_error2(proc_t *p, term_t reason, term_t value);
/* No memory: the process is killed, nobody else notices. */
COLD term_t bif_oom(proc_t *p);

/* ---- continuing elsewhere ---- all return TERM_NONE */
struct export;
/* The process goes on in module:function/n with these arguments; what that returns is what the BIF
 * returns to its caller. */
COLD term_t bif_trap(proc_t *p, term_t m, term_t f, unsigned n, const term_t *args);
/* The BIF is called again, with these arguments, in the process's next time slice. Progress lives
 * in the arguments (a magic reference for native state). n must be the BIF's arity, or def another
 * BIF. */
COLD term_t bif_yield(proc_t *p, const bif_def_t *def, unsigned n, const term_t *args);
/* The BIF has long work to do: true: return TERM_NONE, it is called again with the same arguments
 * on a thread for such work (kind: BIF_DIRTY_CPU or BIF_DIRTY_IO); false: this is one, or there are
 * none: do it here, to the end. For BIFs that are long only sometimes; others are marked. */
bool bif_go_dirty(proc_t *p, unsigned kind);
/* The process goes on in e's code; how: EXC_TRAP or EXC_YIELD. */
COLD term_t bif_continue(proc_t *p, struct export *e, int how, unsigned n, const term_t *args);
/* The process sleeps until a signal arrives; then the BIF is called again with the same
 * arguments. */
COLD term_t bif_wait(proc_t *p);

/* ---- reductions ---- */
static inline void bif_bump(proc_t *p, size_t reds) {
    p->reds = reds >= (size_t)p->reds || p->reds < 0 ? 0 : p->reds - (int32_t)reds;
}
static inline bool bif_out_of_reds(const proc_t *p) { return p->reds <= 0; }

/* ---- small helpers shared by BIFs ---- bif_util.c */
static inline term_t make_bool(bool b) { return b ? A_true : A_false; }
/* A Unicode character, as lists of text have them. */
static inline bool is_code_point(term_t t) {
    int64_t c = is_small(t) ? small_value(t) : -1;
    return c >= 0 && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
}
/* Length of a proper list, or -1. */
int64_t list_length(term_t l);
/* The same with ticks; LIST_STOPPED: return TERM_NONE. */
#define CELLS_PER_RED  32
#define CELLS_PER_TICK 8192
enum { LIST_STOPPED = -2 };
int64_t list_length_long(proc_t *p, term_t l);
/* Turns a list of one's own round. in_place: all of it was made in this call of the BIF. Cells from
 * before a yield may have grown old since, and old cells must not be made to point to young ones;
 * so then it is a copy. TERM_NONE: no memory. */
term_t list_turn(proc_t *p, term_t l, bool in_place);
/* One of OTP's small integers, which are a bit shorter. */
static inline bool is_otp_small(term_t t) {
    return is_small(t) && small_value(t) >= -(1LL << 59) && small_value(t) < 1LL << 59;
}
/* Integers of any size out: false when t is no integer or does not fit. */
bool term_to_int64(term_t t, int64_t *out);
bool term_to_uint64(term_t t, uint64_t *out);
/* Integers in: a small or a bignum on the heap. TERM_NONE: no memory (call bif_oom). */
term_t int64_to_term(proc_t *p, int64_t v);
term_t uint64_to_term(proc_t *p, uint64_t v);
/* Terms from C memory. TERM_NONE: no memory. */
term_t bytes_to_list(proc_t *p, const uint8_t *s, size_t n, term_t tail);
term_t string_to_list(proc_t *p, const char *s);
term_t new_binary(proc_t *p, const uint8_t *s, size_t n); /* binary.c; s may be NULL: fill it */
term_t new_ref(proc_t *p);

#endif
