/* engine.h: what the files that define instructions share.
 *
 * An instruction is one C function in tail-call form: it gets the machine's state in its
 * parameters (which the calling convention keeps in registers) and ends by jumping to the next
 * instruction's function. Operands are reached only through the macros here, so that the same
 * source can be compiled as stencils later. Slow paths are separate cold functions of the same
 * form, so that a hot instruction needs no stack frame of its own.
 *
 * Three builds of the same source: with guaranteed tail calls (clang >= 19), with the compiler's
 * ordinary sibling calls (gcc, optimised), and with a trampoline (any C11 compiler).
 */
#ifndef LING_VM_ENGINE_H
#define LING_VM_ENGINE_H

#include "vm/arith.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/process.h"

/* The sanitizers' code for stack frames does not go with preserve_none. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ENGINE_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ENGINE_SANITIZED 1
#endif
#if defined(__clang__) && defined(__has_attribute) && !defined(ENGINE_SANITIZED)
#if __has_attribute(preserve_none) && __has_attribute(musttail) && defined(__x86_64__)
#define ENGINE_TAIL_CALLS 1
#endif
#endif
#ifdef LING_COUNT /* bench/sequences: each instruction is seen */
#undef ENGINE_TAIL_CALLS
#define ENGINE_TRAMPOLINE 1
extern void (*engine_count)(const uint64_t *ip);
#endif
#if defined(ENGINE_TAIL_CALLS)
#define OP_CC __attribute__((preserve_none))
#define TAIL  __attribute__((musttail))
#else
#define OP_CC
#define TAIL
#if (!defined(__OPTIMIZE__) || defined(ENGINE_SANITIZED)) && !defined(ENGINE_TRAMPOLINE)
#define ENGINE_TRAMPOLINE 1
#endif
#endif

/* Every instruction has all the parameters, used or not. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

/* ip: this instruction. x: X registers (the scheduler's). hp: heap top. sp: stack top. */
#define OP_ARGS proc_t *p, const uint64_t *ip, term_t *x, term_t *hp, term_t *sp, int64_t reds
typedef OP_CC int (*op_fn)(OP_ARGS);

enum {
#define OP(name, sig, words) OP_##name,
#include "vm/ops.def"
#undef OP
    OP_COUNT
};
enum {
#define OP(name, sig, words) SIZE_##name = (words),
#include "vm/ops.def"
#undef OP
};
#define OP(name, sig, words) OP_CC int op_##name(OP_ARGS);
#include "vm/ops.def"
#undef OP

typedef struct {
    op_fn fn;
    const char *name, *sig;
    uint32_t words;
} op_info_t;
extern const op_info_t op_table[OP_COUNT];
/* Handlers of several instructions that stand behind each other, or of one with certain registers:
 * the first one's word holds it, all of them keep their own words. sequences.def has them; their
 * parts are a tree, of which a node comes before those below it. */
typedef struct {
    uint16_t op;
    uint16_t mask;  /* which 16-bit pieces of the words behind the handler must be as in word */
    uint16_t size;  /* nodes in this one's subtree, itself included */
    uint16_t ends;  /* 1 + the sequence whose last part this is, or 0 */
    uint16_t depth; /* parts before it */
    uint64_t word[4];
} op_part_t;
typedef struct {
    op_fn fn;
    uint32_t op; /* of the first part */
} op_seq_t;
#define SEQ_MAX 8
extern const op_part_t op_parts[];
extern const size_t op_part_count;
extern const op_seq_t op_sequences[];
extern const size_t op_sequence_count;
/* Which instruction a handler address belongs to, of a sequence the first one; -1: none. */
int op_by_handler(uint64_t word);

#define DEFINE_OP(name)   OP_CC int op_##name(OP_ARGS)
#define DEFINE_SLOW(name) static COLD OP_CC int name(OP_ARGS)
/* Loops over a handful of words: neither unrolled nor vectorised. */
#if defined(__clang__)
#define SHORT_LOOP _Pragma("clang loop vectorize(disable) unroll(disable)")
#else
#define SHORT_LOOP
#endif

/* The handler an instruction word holds. Breakpoints change it while other threads run the code:
 * who reads the old word runs the old handler. */
#if defined(__SANITIZE_THREAD__)
#define ENGINE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ENGINE_TSAN 1
#endif
#endif
#ifdef ENGINE_TSAN
#define HANDLER_AT(ip) __atomic_load_n((ip), __ATOMIC_ACQUIRE)
#else
#define HANDLER_AT(ip) (*(ip))
#endif

/* ---- going on ---- */
#ifdef ENGINE_TRAMPOLINE
#define GO(where)                                                                                  \
    do {                                                                                           \
        p->ip = (where);                                                                           \
        p->htop = hp, p->sp = sp, p->reds = (int32_t)reds;                                         \
        (void)x;                                                                                   \
        return 1;                                                                                  \
    } while (0)
#else
#define GO(where)                                                                                  \
    do {                                                                                           \
        const uint64_t *go_ip = (where);                                                           \
        TAIL return ((op_fn)(uintptr_t)HANDLER_AT(go_ip))(p, go_ip, x, hp, sp, reds);              \
    } while (0)
#endif
#define NEXT(name) GO(ip + SIZE_##name)
#define SLOW(fn)   TAIL return fn(p, ip, x, hp, sp, reds)
#define STOP(why)                                                                                  \
    do {                                                                                           \
        p->sched->run_result = (why);                                                              \
        return 0;                                                                                  \
    } while (0)
/* Around calls of C functions that look at the process or allocate. */
#define SAVE()    (p->htop = hp, p->sp = sp, p->reds = (int32_t)reds)
#define RESTORE() (hp = p->htop, sp = p->sp, reds = p->reds)
/* Class and reason are set in p: find a handler. */
#define RAISE() SLOW(engine_raise)
#define ERROR(reason)                                                                              \
    do {                                                                                           \
        p->fclass = EXC_ERROR, p->fvalue = (reason), p->cause = TERM_NONE, p->cur_bif = NULL;      \
        SAVE();                                                                                    \
        RAISE();                                                                                   \
    } while (0)
#define GO_OR_RAISE(fail)                                                                          \
    do {                                                                                           \
        const uint64_t *gor = (const uint64_t *)(uintptr_t)(fail);                                 \
        if (gor && p->fclass != EXC_OOM) {                                                         \
            p->fvalue = TERM_NIL; /* the reason's room on the heap is used again at once */        \
            GO(gor);                                                                               \
        }                                                                                          \
        RAISE();                                                                                   \
    } while (0)

/* ---- operands ---- H: i-th 16-bit field; W1, W2, W3: i-th full word behind none, one, two words
 * of such fields. */
#define H(i)          (((const uint16_t *)(ip + 1))[i])
#define WORD(i)       (ip[i])
#define W0(i)         WORD(1 + (i))
#define W1(i)         WORD(2 + (i))
#define W2(i)         WORD(3 + (i))
#define AT(base, off) (*(term_t *)((char *)(base) + (off)))
#define X(i)          AT(x, H(i))
#define Y(i)          AT(sp, H(i))
#define CODE(w)       ((const uint64_t *)(uintptr_t)(w))
/* Sources and destinations of any kind: a term, or a register: offset << 8 | y << 3 | 7. */
#define REG_X              0x07u
#define REG_Y              0x0fu
#define SOURCE(w)          (LIKELY(((w)&TAG_MASK) != TAG_HEADER) ? (term_t)(w) : DEST(w))
#define DEST(w)            AT((w)&8 ? sp : x, (w) >> 8)

#define CALL_MARK          ((uint64_t)TAG_HEADER) /* return addresses carry it on the stack */
#define PUSH_RETURN(where) (*--sp = (term_t)(uintptr_t)(where) + CALL_MARK)

/* Too little room for so many bytes? Built with LING_GC_STRESS every second question is answered
 * with yes, so that each instruction that may collect does: what is not a root dies at once. */
#ifdef LING_GC_STRESS
#define GC_STRESS (p->sched->stress = !p->sched->stress)
#else
#define GC_STRESS false
#endif
#define NO_ROOM(bytes)                                                                             \
    UNLIKELY((size_t)((char *)sp - (char *)hp) < (bytes) + STACK_RESERVE * sizeof(term_t) ||       \
             GC_STRESS)

OP_CC int engine_raise(OP_ARGS);
OP_CC int engine_preempt(OP_ARGS);        /* at function entry ip: registers by its arity */
OP_CC int engine_preempt_export(OP_ARGS); /* the same for export sched->arg[0] */
OP_CC int
    engine_collect(OP_ARGS); /* room for sched->arg[0] words, arg[1] live X, then repeats ip */

OP_CC int engine_again(OP_ARGS); /* a BIF stopped in the middle; arg[1]: live X */

/* error.c: finds the handler of the exception in p. Returns where to go on, p->sp and X registers
 * set; NULL: none, p->fvalue is the exit reason. ip: the failing instruction. */
const uint64_t *error_unwind(proc_t *p, const uint64_t *ip, term_t *x);
/* Stack trace as a list. May set nothing on lack of memory (NIL). */
term_t error_stacktrace(proc_t *p, term_t raw);
term_t error_trace_again(proc_t *p, term_t trace);
void error_function_clause(proc_t *p, const uint64_t *func_info, term_t *x);
void error_undef(proc_t *p, const export_t *e, term_t *x);
void error_undef_fun(proc_t *p, term_t fun, term_t args);
void error_fun_call(proc_t *p, const uint64_t *ip, bool returns);
void error_apply(proc_t *p, const uint64_t *ip, term_t *x, unsigned n);

/* Entry of a fun call: arguments in x[0..arity-1]; puts the environment behind them. Returns the
 * code to run, or NULL with badfun/badarity raised in p. arity_out for preemption. */
const uint64_t *engine_fun_entry(proc_t *p, term_t fun, unsigned arity, term_t *x);
/* The bottom frame of every process. */
const uint64_t *engine_exit_code(vm_t *vm);

/* Debugging aid: names of instructions from a code address on, as text. */
#endif
