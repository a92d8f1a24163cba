/* load_internal.h: the loader as its own files see it. load.c: the parts of a module; load_ops.c:
 * one instruction after the other; load_emit.c: how instructions, calls, tests and selections are
 * written; load_bits.c: those on bit strings.
 */
#ifndef LING_VM_LOAD_INTERNAL_H
#define LING_VM_LOAD_INTERNAL_H

#include "vm/beam_file.h"
#include "vm/engine.h"
#include "vm/load_seq.h"

enum {
#define OP(number, name, arity, release, operands) BO_##name = (number),
#define GONE(...)
#define LATER(...)
#include "vm/opcodes.def"
#undef OP
#undef GONE
#undef LATER
};

typedef struct {
    uint32_t word, label;
} fixup_t;

typedef struct {
    uint16_t opcode, nargs;
    uint32_t arg; /* first one in loader's args */
} gen_op_t;

/* A growing array. */
typedef struct {
    void *data;
    size_t len, cap; /* elements */
} vec_t;

typedef struct {
    vm_t *vm;
    beam_file_t f;
    module_t *m;
    vec_t code;                         /* uint64_t */
    vec_t fixups;                       /* fixup_t */
    vec_t starts;                       /* op_start_t: of each instruction */
    vec_t lines;                        /* code_line_t */
    vec_t functions;                    /* code_function_t, start as word offset */
    vec_t ops;                          /* gen_op_t: since the last label */
    vec_t args;                         /* beam_arg_t: theirs */
    uint32_t *labels;                   /* word offset + 1 */
    term_t *literals;                   /* as terms */
    term_t *area, *area_top, *area_end; /* literal area */
    bool area_full; /* big integers of the code did not fit: once more with a larger area */
    bool oom;
    const bif_def_t *body_bif; /* the function that comes next is this BIF's stub */
    export_t *body_export;
    uint32_t on_load_word; /* + 1 */
    load_error_t *err;
} loader_t;

/* ---- load.c ---- */

/* Makes room for n more elements of elem bytes; false: no memory, which is noted. */
bool load_grow(loader_t *l, vec_t *v, size_t elem, size_t n);
static inline bool load_room(loader_t *l, vec_t *v, size_t elem, size_t n) {
    return LIKELY(v->len + n <= v->cap) || load_grow(l, v, elem, n);
}
/* n more elements of elem bytes, not yet filled; NULL: no memory. */
static inline void *load_push(loader_t *l, vec_t *v, size_t elem, size_t n) {
    if (!load_room(l, v, elem, n)) return NULL;
    void *at = (char *)v->data + v->len * elem;
    v->len += n;
    return at;
}
/* Notes why the file cannot be loaded, unless that is known already. false. */
bool load_fail(loader_t *l, const char *text);

/* ---- operands ---- */

static inline beam_arg_t arg_u(uint64_t v) { return (beam_arg_t){.kind = ARG_U, .value = v}; }
static inline beam_arg_t arg_ptr(const void *p) { return arg_u((uint64_t)(uintptr_t)p); }
static inline beam_arg_t arg_x(unsigned n) { return (beam_arg_t){.kind = ARG_X, .value = n}; }
static inline bool is_x(const beam_arg_t *a) { return a->kind == ARG_X; }
static inline bool is_y(const beam_arg_t *a) { return a->kind == ARG_Y; }
static inline bool same_reg(const beam_arg_t *a, const beam_arg_t *b) {
    return (a->kind == ARG_X || a->kind == ARG_Y) && a->kind == b->kind && a->value == b->value;
}
static inline bool is_small_arg(const beam_arg_t *a) {
    return a->kind == ARG_INT && fits_small((int64_t)a->value);
}
/* A constant that is an immediate. */
static inline bool is_imm(const beam_arg_t *a) {
    return is_small_arg(a) || a->kind == ARG_ATOM || a->kind == ARG_NIL;
}
static inline bool is_const(const beam_arg_t *a) {
    return a->kind == ARG_INT || a->kind == ARG_BIG || a->kind == ARG_ATOM || a->kind == ARG_NIL ||
           a->kind == ARG_LITERAL;
}
static inline beam_arg_t header_arg(uint64_t arity) { return arg_u(make_header(T_TUPLE, arity)); }
/* The form of an instruction for a register of this kind. */
#define XY(name, reg) (is_x(reg) ? OP_##name##_x : OP_##name##_y)

static inline gen_op_t *op_at(loader_t *l, size_t i) {
    return i < l->ops.len ? (gen_op_t *)l->ops.data + i : NULL;
}
static inline const beam_arg_t *args_of(loader_t *l, const gen_op_t *o) {
    return (beam_arg_t *)l->args.data + o->arg;
}
/* Elements of an operand that is a list. */
static inline const beam_arg_t *list_of(loader_t *l, const beam_arg_t *a) {
    return (beam_arg_t *)l->args.data + a->list;
}

/* ---- load_emit.c ---- */

term_t load_const(loader_t *l, const beam_arg_t *a);
void emit_word(loader_t *l, uint64_t w);
void emit_handler(loader_t *l, int op);
void emit_label(loader_t *l, const beam_arg_t *a);
void emit_source(loader_t *l, const beam_arg_t *a);
/* An instruction with its operands in the order of its letters. */
void emit_args(loader_t *l, int op, const beam_arg_t *args);
#define EMIT(op, ...)                                                                              \
    do {                                                                                           \
        const beam_arg_t emit_list[] = {__VA_ARGS__};                                              \
        emit_args(l, OP_##op, emit_list);                                                          \
    } while (0)
static inline void emit0(loader_t *l, int op) { emit_handler(l, op); }
/* What the code calls for a BIF. */
beam_arg_t bif_pointer(const bif_def_t *bif);
void emit_call_ext(loader_t *l, const beam_arg_t *a, unsigned opcode);
void emit_bif(loader_t *l, const beam_arg_t *f, uint64_t import, const beam_arg_t *s,
              const beam_arg_t *d);
void emit_gc_bif(loader_t *l, const beam_arg_t *a, unsigned nargs);
/* A test's source as a register: constants (the compiler rarely leaves one) go through a scratch
 * register behind the last X. */
beam_arg_t in_register(loader_t *l, const beam_arg_t *a);
bool emit_test(loader_t *l, unsigned opcode, const beam_arg_t *a);
void emit_compare(loader_t *l, unsigned opcode, const beam_arg_t *a);
void emit_select(loader_t *l, const beam_arg_t *src, const beam_arg_t *f, const beam_arg_t *list,
                 size_t nlist, bool arity);

/* ---- load_bits.c ---- */

/* false: not an instruction on bit strings. */
bool emit_bits(loader_t *l, const gen_op_t *o, const beam_arg_t *a);

/* ---- load_ops.c ---- */

void emit_move(loader_t *l, const beam_arg_t *s, const beam_arg_t *d);
/* All code of the file into l->code; false: why is noted. */
bool load_code(loader_t *l);

#endif
