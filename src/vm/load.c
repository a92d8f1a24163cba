/* load.c: makes a module out of a beam file: generic instructions become the engine's own.
 *
 * The file has been checked by beam_file.c, so operands are what their opcodes allow. Instructions
 * are taken label by label into a small buffer, where neighbours can be seen and fused; then each
 * is written in the most special form its operands have. Addresses of labels are filled in at the
 * end, when the code has its final place. Nothing is visible to others until module_publish.
 */
#include "vm/beam_file.h"
#include "vm/binary.h"
#include "vm/engine.h"
#include "vm/engine_bits.h"
#include "vm/etf.h"
#include "vm/load_seq.h"
#include "vm/print.h"
#include "vm/proc_ext.h"

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

/* ---- growing ---- */

static void *vec_push(loader_t *l, vec_t *v, size_t elem, size_t n) {
    if (v->len + n > v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        while (cap < v->len + n) cap *= 2;
        void *p = mem_realloc(l->vm, v->data, v->cap * elem, cap * elem);
        if (!p) {
            l->oom = true;
            return NULL;
        }
        v->data = p;
        v->cap = cap;
    }
    void *at = (char *)v->data + v->len * elem;
    v->len += n;
    return at;
}
static void vec_free(loader_t *l, vec_t *v, size_t elem) {
    mem_free(l->vm, v->data, v->cap * elem);
}

static bool fail(loader_t *l, const char *text) {
    if (!l->err->text[0]) {
        size_t n = strlen(text);
        if (n >= sizeof l->err->text) n = sizeof l->err->text - 1;
        memcpy(l->err->text, text, n);
        l->err->text[n] = 0;
    }
    return false;
}

/* ---- operands ---- */

static beam_arg_t arg_u(uint64_t v) { return (beam_arg_t){.kind = ARG_U, .value = v}; }
static beam_arg_t arg_ptr(const void *p) { return arg_u((uint64_t)(uintptr_t)p); }
static beam_arg_t arg_x(unsigned n) { return (beam_arg_t){.kind = ARG_X, .value = n}; }
static bool is_x(const beam_arg_t *a) { return a->kind == ARG_X; }
static bool is_y(const beam_arg_t *a) { return a->kind == ARG_Y; }
static bool same_reg(const beam_arg_t *a, const beam_arg_t *b) {
    return (a->kind == ARG_X || a->kind == ARG_Y) && a->kind == b->kind && a->value == b->value;
}
static bool is_small_arg(const beam_arg_t *a) {
    return a->kind == ARG_INT && fits_small((int64_t)a->value);
}
/* A constant that is an immediate. */
static bool is_imm(const beam_arg_t *a) {
    return is_small_arg(a) || a->kind == ARG_ATOM || a->kind == ARG_NIL;
}
static bool is_const(const beam_arg_t *a) {
    return a->kind == ARG_INT || a->kind == ARG_BIG || a->kind == ARG_ATOM || a->kind == ARG_NIL ||
           a->kind == ARG_LITERAL;
}

static term_t big_literal(loader_t *l, const beam_arg_t *a) {
    uint8_t buf[8];
    const uint8_t *be = a->big;
    size_t n = (size_t)a->value;
    if (a->kind == ARG_INT) {
        for (int i = 0; i < 8; i++) buf[i] = (uint8_t)(a->value >> (56 - 8 * i));
        be = buf, n = 8;
    }
    if ((size_t)(l->area_end - l->area_top) < n / 8 + 3) {
        l->area_full = true;
        return TERM_NIL;
    }
    return integer_from_bytes_at(&l->area_top, be, n, true);
}
static term_t const_term(loader_t *l, const beam_arg_t *a) {
    switch (a->kind) {
    case ARG_ATOM: return a->value;
    case ARG_NIL: return TERM_NIL;
    case ARG_LITERAL: return l->literals[a->value];
    case ARG_INT:
        if (fits_small((int64_t)a->value)) return make_small((int64_t)a->value);
        return big_literal(l, a);
    case ARG_BIG: return big_literal(l, a);
    default: return TERM_NIL;
    }
}

/* ---- writing ---- */

static void put_word(loader_t *l, uint64_t w) {
    uint64_t *p = vec_push(l, &l->code, sizeof w, 1);
    if (p) *p = w;
}
static void put_handler(loader_t *l, int op) {
    op_start_t *s = vec_push(l, &l->starts, sizeof *s, 1);
    if (s) *s = (op_start_t){.word = (uint32_t)l->code.len, .op = (unsigned)op};
    put_word(l, (uint64_t)(uintptr_t)op_table[op].fn);
}
static void put_label(loader_t *l, const beam_arg_t *a) {
    if (a->kind == ARG_LABEL && a->value != 0) {
        fixup_t *f = vec_push(l, &l->fixups, sizeof *f, 1);
        if (f) *f = (fixup_t){(uint32_t)l->code.len, (uint32_t)a->value};
    }
    put_word(l, 0);
}
static void put_source(loader_t *l, const beam_arg_t *a) {
    if (is_x(a))
        put_word(l, a->value * sizeof(term_t) << 8 | REG_X);
    else if (is_y(a))
        put_word(l, a->value * sizeof(term_t) << 8 | REG_Y);
    else
        put_word(l, const_term(l, a));
}

/* Writes an instruction with its operands in the order of its letters. */
static void emit_args(loader_t *l, int op, const beam_arg_t *args) {
    const char *sig = op_table[op].sig;
    put_handler(l, op);
    uint64_t packed = 0;
    unsigned n = 0;
    for (const char *s = sig; *s && *s != '*'; s++) {
        if (*s != 'x' && *s != 'y' && *s != 'u') continue;
        const beam_arg_t *a = &args[s - sig];
        uint64_t v = *s == 'u' ? a->value : a->value * sizeof(term_t);
        if (v > UINT16_MAX) fail(l, "an operand is too large");
        packed |= v << (16 * (n % 4));
        if (++n % 4 == 0) {
            put_word(l, packed);
            packed = 0;
        }
    }
    if (n % 4 != 0) put_word(l, packed);
    for (const char *s = sig; *s && *s != '*'; s++) {
        const beam_arg_t *a = &args[s - sig];
        switch (*s) {
        case 'S':
        case 'D': put_source(l, a); break;
        case 'f': put_label(l, a); break;
        case 'c': put_word(l, a->kind == ARG_U ? a->value : const_term(l, a)); break;
        case 'n':
        case 'E':
        case 'B':
        case 'F': put_word(l, a->value); break;
        default: break;
        }
    }
}
#define EMIT(op, ...)                                                                              \
    do {                                                                                           \
        const beam_arg_t emit_list[] = {__VA_ARGS__};                                              \
        emit_args(l, OP_##op, emit_list);                                                          \
    } while (0)
static void emit0(loader_t *l, int op) { put_handler(l, op); }

/* ---- calls ---- */

static export_t *import_entry(loader_t *l, uint64_t index) {
    const beam_import_t *i = &l->f.imports[index];
    export_t *e = export_get(l->vm, l->f.atoms[i->module], l->f.atoms[i->function], i->arity);
    if (!e) l->oom = true;
    return e;
}

/* What the code calls for a BIF. */
static beam_arg_t bif_pointer(const bif_def_t *bif) {
    bool dirty = bif->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO);
    return arg_ptr((const void *)(uintptr_t)(dirty ? dirty_gate : bif->fn));
}

static void emit_call_ext(loader_t *l, const beam_arg_t *a, unsigned opcode) {
    export_t *e = import_entry(l, a[1].value);
    if (!e) return;
    beam_arg_t entry = arg_ptr(e);
    if (e->bif) {
        beam_arg_t fn = bif_pointer(e->bif);
        bool set = e->module == A_erlang && e->function == A_setelement && e->arity == 3;
        if (opcode == BO_call_ext) {
            const beam_arg_t w[] = {entry, fn};
            emit_args(l, set ? OP_setelement : OP_call_bif, w);
        } else if (opcode == BO_call_ext_only) {
            const beam_arg_t w[] = {entry, fn};
            emit_args(l, set ? OP_setelement_only : OP_call_bif_only, w);
        } else {
            const beam_arg_t w[] = {arg_u(a[2].value * sizeof(term_t)), entry, fn};
            emit_args(l, set ? OP_setelement_last : OP_call_bif_last, w);
        }
    } else if (opcode == BO_call_ext) {
        EMIT(call_ext, entry);
    } else if (opcode == BO_call_ext_only) {
        EMIT(call_ext_only, entry);
    } else {
        EMIT(call_ext_last, arg_u(a[2].value * sizeof(term_t)), entry);
    }
}

/* ---- BIFs as expressions ---- */

typedef struct {
    term_t name;
    uint8_t arity;
    int ss, xi, xx, ix, xy, yx, yi, xiy; /* OP_*, 0: no such form */
} arith_form_t;
static const arith_form_t arith_forms[] = {
    {A_plus, 2, OP_add_SS, OP_add_xi, OP_add_xx, OP_add_ix, OP_add_xy, OP_add_yx, OP_add_yi,
     OP_add_xiy},
    {A_minus, 2, OP_sub_SS, OP_sub_xi, OP_sub_xx, OP_sub_ix, OP_sub_xy, OP_sub_yx, OP_sub_yi, 0},
    {A_times, 2, OP_mul_SS, OP_mul_xi, OP_mul_xx, 0, 0, 0, 0, 0},
    {A_band, 2, OP_band_SS, OP_band_xi, OP_band_xx, 0, 0, 0, 0, 0},
    {A_bor, 2, OP_bor_SS, 0, 0, 0, 0, 0, 0, 0},
    {A_bxor, 2, OP_bxor_SS, 0, OP_bxor_xx, 0, 0, 0, 0, 0},
    {A_bsl, 2, OP_bsl_SS, 0, 0, 0, 0, 0, 0, 0},
    {A_bsr, 2, OP_bsr_SS, OP_bsr_xi, 0, 0, 0, 0, 0, 0},
    {A_div, 2, OP_div_SS, 0, 0, 0, 0, 0, 0, 0},
    {A_rem, 2, OP_rem_SS, OP_rem_xi, 0, 0, 0, 0, 0, 0},
    {A_fdiv, 2, OP_arith_SS, 0, 0, 0, 0, 0, 0, 0},
    {A_minus, 1, OP_neg_SS, 0, 0, 0, 0, 0, 0, 0},
    {A_bnot, 1, OP_bnot_SS, 0, 0, 0, 0, 0, 0, 0},
};

static bool emit_arith(loader_t *l, export_t *e, const beam_arg_t *fail_label, uint64_t live,
                       const beam_arg_t *args, const beam_arg_t *dst) {
    if (e->module != A_erlang) return false;
    for (size_t i = 0; i < sizeof arith_forms / sizeof *arith_forms; i++) {
        const arith_form_t *form = &arith_forms[i];
        if (form->name != e->function || form->arity != e->arity) continue;
        beam_arg_t zero = arg_u(0), entry = arg_ptr(e), lv = arg_u(live);
        beam_arg_t second = form->arity == 2 ? args[1] : (beam_arg_t){.kind = ARG_INT, .value = 0};
        const beam_arg_t *one = &args[0], *two = &second;
        const beam_arg_t *reg1 = one, *reg2 = two, *constant = NULL;
        int op = 0;
        if (!is_x(dst)) {
            if (is_y(dst) && is_x(one) && is_small_arg(two))
                op = form->xiy, constant = two, reg2 = &zero;
        } else if (is_x(one) && is_small_arg(two)) {
            op = form->xi, constant = two, reg2 = &zero;
        } else if (is_y(one) && is_small_arg(two)) {
            op = form->yi, constant = two, reg2 = &zero;
        } else if (is_small_arg(one) && is_x(two)) {
            op = form->ix, constant = one, reg1 = two, reg2 = &zero;
        } else if (is_x(one) && is_x(two)) {
            op = form->xx;
        } else if (is_x(one) && is_y(two)) {
            op = form->xy;
        } else if (is_y(one) && is_x(two)) {
            op = form->yx;
        }
        if (form->arity == 2 && op) {
            const beam_arg_t w[] = {
                *dst, *reg1, *reg2, lv, *fail_label, entry, constant ? *constant : zero};
            emit_args(l, op, w);
        } else {
            const beam_arg_t w[] = {zero,  zero,    zero,   lv,  *fail_label,
                                    entry, args[0], second, *dst};
            emit_args(l, form->ss, w);
        }
        return true;
    }
    return false;
}

/* A comparison whose result is a value. Three instructions serve all eight. */
static bool emit_bool(loader_t *l, term_t name, const beam_arg_t *s, const beam_arg_t *d) {
    static const struct {
        uint32_t name;
        int op;
        bool swap, negate;
    } forms[] = {
        {A_exact_eq, OP_bool_exact, false, false}, {A_exact_ne, OP_bool_exact, false, true},
        {A_eq, OP_bool_equal, false, false},       {A_ne, OP_bool_equal, false, true},
        {A_lt, OP_bool_less, false, false},        {A_ge, OP_bool_less, false, true},
        {A_gt, OP_bool_less, true, false},         {A_le, OP_bool_less, true, true}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (forms[i].name != name) continue;
        bool swap = forms[i].swap, negate = forms[i].negate;
        const beam_arg_t w[] = {s[swap], s[!swap], *d, arg_u(negate ? A_false : A_true),
                                arg_u(negate ? A_true : A_false)};
        emit_args(l, forms[i].op, w);
        return true;
    }
    return false;
}

/* The forms that need no call. fail, arguments, destination. */
static bool emit_inline_bif(loader_t *l, export_t *e, const beam_arg_t *f, const beam_arg_t *s,
                            const beam_arg_t *d) {
    if (e->module != A_erlang) return false;
    term_t name = e->function;
    if (e->arity == 0) {
        if (name != A_self) return false;
        EMIT(self, *d);
    } else if (e->arity == 1) {
        if (name == A_hd)
            EMIT(hd, *f, s[0], *d);
        else if (name == A_tl)
            EMIT(tl, *f, s[0], *d);
        else if (name == A_tuple_size)
            EMIT(tuple_size, *f, s[0], *d);
        else
            return false;
    } else if (e->arity == 2) {
        if (emit_bool(l, name, s, d)) return true;
        if (name == A_element && s[0].kind == ARG_INT && (int64_t)s[0].value > 0)
            EMIT(element_ci, *f, s[1], *d, arg_u(s[0].value));
        else if (name == A_element)
            EMIT(element_SS, *f, s[0], s[1], *d);
        else if (name == A_map_get)
            EMIT(map_get_, *f, s[0], s[1], *d);
        else if (name == A_is_map_key)
            EMIT(is_map_key_, *f, s[0], s[1], *d);
        else
            return false;
    } else {
        return false;
    }
    return true;
}

static bool need_bif(loader_t *l, export_t *e) {
    if (e->bif) return true;
    const char *m = atom_name(l->vm, e->module), *f = atom_name(l->vm, e->function);
    char text[160];
    size_t n = 0;
    const char *parts[] = {"chunk Code: ", m, ":", f, " is used as a guard BIF but does not exist"};
    for (size_t i = 0; i < 5; i++)
        for (const char *c = parts[i]; *c && n < sizeof text - 1; c++) text[n++] = *c;
    text[n] = 0;
    return fail(l, text);
}

static void emit_bif(loader_t *l, const beam_arg_t *f, uint64_t import, const beam_arg_t *s,
                     const beam_arg_t *d) {
    export_t *e = import_entry(l, import);
    if (!e || emit_inline_bif(l, e, f, s, d)) return;
    if (!need_bif(l, e)) return;
    beam_arg_t entry = arg_ptr(e);
    if (e->arity == 0)
        EMIT(bif0, entry, *d);
    else if (e->arity == 1)
        EMIT(bif1, *f, entry, s[0], *d);
    else
        EMIT(bif2, *f, entry, s[0], s[1], *d);
}
static void emit_gc_bif(loader_t *l, const beam_arg_t *a, unsigned nargs) {
    export_t *e = import_entry(l, a[2].value);
    if (!e) return;
    const beam_arg_t *s = a + 3, *d = a + 3 + nargs;
    if (emit_arith(l, e, &a[0], a[1].value, s, d)) return;
    if (!need_bif(l, e)) return;
    if (e->module == A_erlang && e->arity == 1 && e->function == A_length) {
        EMIT(length_, a[1], a[0], s[0], *d);
        return;
    }
    if (e->module == A_erlang && e->arity == 1 && e->function == A_byte_size) {
        EMIT(byte_size, a[0], s[0], *d);
        return;
    }
    beam_arg_t entry = arg_ptr(e);
    if (nargs == 1)
        EMIT(gc_bif1, a[1], a[0], entry, s[0], *d);
    else if (nargs == 2)
        EMIT(gc_bif2, a[1], a[0], entry, s[0], s[1], *d);
    else
        EMIT(gc_bif3, a[1], a[0], entry, s[0], s[1], s[2], *d);
}

/* ---- tests ---- */

typedef struct {
    uint16_t opcode;
    int x, y;
} test_form_t;
#define TEST(name)                                                                                 \
    { BO_##name, OP_##name##_x, OP_##name##_y }
static const test_form_t test_forms[] = {
    TEST(is_integer), TEST(is_float),     TEST(is_number), TEST(is_atom),
    TEST(is_boolean), TEST(is_pid),       TEST(is_port),   TEST(is_nonempty_list),
    TEST(is_nil),     TEST(is_reference), TEST(is_list),   TEST(is_tuple),
    TEST(is_map),     TEST(is_binary),    TEST(is_bitstr), TEST(is_function)};
#undef TEST

/* A test's source as a register: constants (the compiler rarely leaves one) go through a scratch
 * register behind the last X. */
static beam_arg_t in_register(loader_t *l, const beam_arg_t *a) {
    if (is_x(a) || is_y(a)) return *a;
    EMIT(move_cx, arg_x(X_REGS), *a);
    return arg_x(X_REGS);
}
static bool emit_test(loader_t *l, unsigned opcode, const beam_arg_t *a) {
    for (size_t i = 0; i < sizeof test_forms / sizeof *test_forms; i++) {
        if (test_forms[i].opcode != opcode) continue;
        beam_arg_t w[] = {in_register(l, &a[1]), a[0]};
        emit_args(l, is_x(&w[0]) ? test_forms[i].x : test_forms[i].y, w);
        return true;
    }
    return false;
}
#define XY(name, reg) (is_x(reg) ? OP_##name##_x : OP_##name##_y)

static beam_arg_t header_arg(uint64_t arity) { return arg_u(make_header(T_TUPLE, arity)); }

static void emit_compare(loader_t *l, unsigned opcode, const beam_arg_t *a) {
    const beam_arg_t *f = &a[0], *s = &a[1], *t = &a[2];
    switch (opcode) {
    case BO_is_eq_exact:
        if (is_x(s) && is_imm(t))
            EMIT(is_eq_exact_xc, *s, *f, *t);
        else if (is_y(s) && is_imm(t))
            EMIT(is_eq_exact_yc, *s, *f, *t);
        else if (is_x(s) && is_x(t))
            EMIT(is_eq_exact_xx, *s, *t, *f);
        else
            EMIT(is_eq_exact_SS, *s, *t, *f);
        break;
    case BO_is_ne_exact:
        if (is_x(s) && is_imm(t))
            EMIT(is_ne_exact_xc, *s, *f, *t);
        else if (is_x(s) && is_x(t))
            EMIT(is_ne_exact_xx, *s, *t, *f);
        else
            EMIT(is_ne_exact_SS, *s, *t, *f);
        break;
    case BO_is_eq: EMIT(is_eq_SS, *s, *t, *f); break;
    case BO_is_ne: EMIT(is_ne_SS, *s, *t, *f); break;
    case BO_is_lt:
        if (is_x(s) && is_small_arg(t))
            EMIT(is_lt_xi, *s, *f, *t);
        else if (is_small_arg(s) && is_x(t))
            EMIT(is_lt_ix, *t, *f, *s);
        else if (is_x(s) && is_x(t))
            EMIT(is_lt_xx, *s, *t, *f);
        else
            EMIT(is_lt_SS, *s, *t, *f);
        break;
    default:
        if (is_x(s) && is_small_arg(t))
            EMIT(is_ge_xi, *s, *f, *t);
        else if (is_small_arg(s) && is_x(t))
            EMIT(is_ge_ix, *t, *f, *s);
        else if (is_x(s) && is_x(t))
            EMIT(is_ge_xx, *s, *t, *f);
        else
            EMIT(is_ge_SS, *s, *t, *f);
        break;
    }
}

/* ---- selection ---- */

static void sort_pairs(uint64_t *v, uint32_t *lab, size_t n) { /* shell sort: no recursion */
    for (size_t gap = n / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < n; i++) {
            uint64_t tv = v[i];
            uint32_t tl = lab[i];
            size_t j = i;
            for (; j >= gap && v[j - gap] > tv; j -= gap) v[j] = v[j - gap], lab[j] = lab[j - gap];
            v[j] = tv, lab[j] = tl;
        }
}
static void put_pairs(loader_t *l, const uint64_t *v, const uint32_t *lab, size_t n) {
    for (size_t i = 0; i < n; i++) {
        put_word(l, v[i]);
        put_label(l, &(beam_arg_t){.kind = ARG_LABEL, .value = lab[i]});
    }
}
#define LINEAR_MAX 5
static void emit_select(loader_t *l, const beam_arg_t *src, const beam_arg_t *f,
                        const beam_arg_t *list, size_t nlist, bool arity) {
    size_t n = nlist / 2;
    uint64_t *v = mem_alloc(l->vm, (n + 1) * sizeof *v);
    uint32_t *lab = mem_alloc(l->vm, (n + 1) * sizeof *lab);
    if (!v || !lab) {
        l->oom = true;
        goto done;
    }
    bool immediates = true, smalls = n > 0;
    for (size_t i = 0; i < n; i++) {
        const beam_arg_t *a = &list[2 * i];
        v[i] = arity ? make_header(T_TUPLE, a->value) : const_term(l, a);
        lab[i] = (uint32_t)list[2 * i + 1].value;
        if (!arity && !is_imm(a)) immediates = false;
        if (arity || !is_small_arg(a)) smalls = false;
    }
    beam_arg_t count = arg_u(n);
    if (arity) {
        EMIT(select_arity, *src, *f, count);
        put_pairs(l, v, lab, n);
        goto done;
    }
    if (!immediates) {
        EMIT(select_slow, *src, *f, count);
        put_pairs(l, v, lab, n);
        goto done;
    }
    if (smalls && n > 3) {
        int64_t lo = (int64_t)v[0], hi = lo;
        for (size_t i = 1; i < n; i++) {
            if ((int64_t)v[i] < lo) lo = (int64_t)v[i];
            if ((int64_t)v[i] > hi) hi = (int64_t)v[i];
        }
        uint64_t range = (((uint64_t)hi - (uint64_t)lo) >> SMALL_SHIFT) + 1;
        if (range <= 4 * n + 8) {
            beam_arg_t first = arg_u((uint64_t)lo), cells = arg_u(range);
            if (is_x(src))
                EMIT(select_x_jump, *src, *f, first, cells);
            else
                EMIT(select_S_jump, *src, *f, first, cells);
            for (uint64_t k = 0; k < range; k++) {
                beam_arg_t to = *f;
                for (size_t i = 0; i < n; i++)
                    if (v[i] == (uint64_t)lo + (k << SMALL_SHIFT)) {
                        to.value = lab[i];
                        break;
                    }
                put_label(l, &to);
            }
            goto done;
        }
    }
    if (n > LINEAR_MAX) {
        sort_pairs(v, lab, n);
        if (is_x(src))
            EMIT(select_x_bin, *src, *f, count);
        else
            EMIT(select_bin, *src, *f, count);
    } else if (is_x(src)) {
        EMIT(select_x_lin, *src, *f, count);
    } else {
        EMIT(select_lin, *src, *f, count);
    }
    put_pairs(l, v, lab, n);
done:
    mem_free(l->vm, v, (n + 1) * sizeof *v);
    mem_free(l->vm, lab, (n + 1) * sizeof *lab);
}

/* ---- bit strings ---- */

static uint64_t segment_flags(loader_t *l, const beam_arg_t *a) {
    uint64_t flags = 0;
    if (a->kind != ARG_LITERAL) return a->kind == ARG_U || a->kind == ARG_INT ? a->value : 0;
    for (term_t t = l->literals[a->value]; is_cons(t); t = cons_tail(t)) {
        term_t f = cons_head(t);
        if (f == A_little || f == A_native || f == A_native_endian)
            flags |= BS_LITTLE;
        else if (f == A_signed)
            flags |= BS_SIGNED;
    }
    return flags;
}
/* The machines this runs on are little-endian. */
static uint64_t match_flags(uint64_t flags) {
    return (flags & BS_NATIVE ? flags | BS_LITTLE : flags) & (BS_LITTLE | BS_SIGNED);
}

static void emit_get_integer(loader_t *l, const beam_arg_t *a) {
    uint64_t flags = match_flags(a[5].value);
    if (is_x(&a[1]) && is_x(&a[6]) && a[3].kind == ARG_INT && a[3].value <= 56 &&
        a[4].value <= 56 && a[3].value * a[4].value <= 56 && a[3].value * a[4].value > 0) {
        uint64_t bits = a[3].value * a[4].value;
        if (bits == 8 && !(flags & BS_SIGNED)) {
            EMIT(bs_get_integer8, a[1], a[6], a[0], arg_u(0));
            return;
        }
        if (!(flags & BS_LITTLE) || bits <= 8) {
            EMIT(bs_get_integer_fixed, a[1], a[6], arg_u(bits), arg_u(flags), a[0]);
            return;
        }
    }
    EMIT(bs_get_integer, a[4], arg_u(flags), a[0], a[1], a[3], a[6]);
}

static const uint8_t *string_at(loader_t *l, uint64_t offset) {
    return l->m->strings ? l->m->strings + offset : (const uint8_t *)"";
}

static void emit_create_bin(loader_t *l, const beam_arg_t *a, const beam_arg_t *list) {
    size_t n = a[5].value / 6;
    EMIT(bs_create_bin, a[2], a[3], a[0], arg_u(a[1].value), a[4], arg_u(n * BSC_WORDS));
    for (size_t i = 0; i < n; i++) {
        const beam_arg_t *s = &list[6 * i];
        put_word(l, s[0].value);
        put_word(l, s[1].value);
        put_word(l, s[2].value);
        put_word(l, segment_flags(l, &s[3]));
        if (s[0].value == A_string) {
            put_word(l, (uint64_t)(uintptr_t)string_at(l, s[4].value));
            put_word(l, make_small((int64_t)s[5].value));
        } else {
            put_source(l, &s[4]);
            put_source(l, &s[5]);
        }
    }
}

static void emit_bs_match(loader_t *l, const beam_arg_t *a, const beam_arg_t *c, size_t n) {
    EMIT(bs_match, a[0], a[1], arg_u(0));
    size_t count_word = l->code.len - 1, first = l->code.len;
    for (size_t i = 0; i < n;) {
        term_t cmd = c[i].value;
        if (cmd == A_ensure_at_least) {
            put_word(l, BSM_ENSURE_AT_LEAST);
            put_word(l, c[i + 1].value);
            put_word(l, c[i + 2].value);
            i += 3;
        } else if (cmd == A_ensure_exactly) {
            put_word(l, BSM_ENSURE_EXACTLY);
            put_word(l, c[i + 1].value);
            i += 2;
        } else if (cmd == A_binary || cmd == A_integer) {
            /* Live, Flags, Size, Unit, Dst */
            put_word(l, cmd == A_binary ? BSM_BINARY : BSM_INTEGER);
            put_word(l, c[i + 3].value * c[i + 4].value);
            if (cmd == A_integer) put_word(l, segment_flags(l, &c[i + 2]));
            put_source(l, &c[i + 5]);
            i += 6;
        } else if (cmd == A_skip) {
            put_word(l, BSM_SKIP);
            put_word(l, c[i + 1].value);
            i += 2;
        } else if (cmd == A_get_tail) {
            /* Live, Unit, Dst */
            put_word(l, BSM_GET_TAIL);
            put_source(l, &c[i + 3]);
            i += 4;
        } else { /* '=:=' Live, Size, Value */
            put_word(l, BSM_EQUAL);
            put_word(l, c[i + 2].value);
            beam_arg_t v = c[i + 3]; /* the value is written as a plain number */
            if (v.kind == ARG_U) v.kind = ARG_INT;
            put_source(l, &v);
            i += 4;
        }
    }
    if (!l->oom) ((uint64_t *)l->code.data)[count_word] = l->code.len - first;
}

/* ---- one instruction at a time ---- */

static gen_op_t *op_at(loader_t *l, size_t i) {
    return i < l->ops.len ? (gen_op_t *)l->ops.data + i : NULL;
}
static const beam_arg_t *args_of(loader_t *l, const gen_op_t *o) {
    return (beam_arg_t *)l->args.data + o->arg;
}
/* Elements of an operand that is a list. */
static const beam_arg_t *list_of(loader_t *l, const beam_arg_t *a) {
    return (beam_arg_t *)l->args.data + a->list;
}

static void emit_move(loader_t *l, const beam_arg_t *s, const beam_arg_t *d) {
    if (is_x(s) && is_x(d))
        EMIT(move_xx, *s, *d);
    else if (is_x(s))
        EMIT(move_xy, *s, *d);
    else if (is_y(s) && is_x(d))
        EMIT(move_yx, *s, *d);
    else if (is_y(s))
        EMIT(move_yy, *s, *d);
    else if (is_x(d))
        EMIT(move_cx, *d, *s);
    else
        EMIT(move_cy, *d, *s);
}

static void set_line(loader_t *l, uint64_t index) {
    const beam_line_t none = {0, 0};
    const beam_line_t *src = index < l->f.nlines ? &l->f.lines[index] : &none;
    uint32_t offset = (uint32_t)l->code.len;
    code_line_t *last = l->lines.len ? (code_line_t *)l->lines.data + l->lines.len - 1 : NULL;
    if (!last || last->offset != offset) last = vec_push(l, &l->lines, sizeof *last, 1);
    if (last) *last = (code_line_t){offset, src->line, src->file};
}

/* Looks at the instruction and the next ones; writes them as one where there is a form for that.
 * Returns how many were taken, 0: none. */
static size_t emit_fused(loader_t *l, size_t i) {
    const gen_op_t *o = op_at(l, i), *o2 = op_at(l, i + 1);
    if (!o2) return 0;
    const beam_arg_t *a = args_of(l, o), *b = args_of(l, o2);
    switch (o->opcode) {
    case BO_move:
        if (o2->opcode == BO_move) {
            if (is_x(&a[0]) && is_y(&a[1]) && is_x(&b[0]) && is_y(&b[1]))
                EMIT(move_xy2, a[0], a[1], b[0], b[1]);
            else if (is_y(&a[0]) && is_x(&a[1]) && is_y(&b[0]) && is_x(&b[1]))
                EMIT(move_yx2, a[0], a[1], b[0], b[1]);
            else if (is_x(&a[0]) && is_x(&a[1]) && is_x(&b[0]) && is_x(&b[1]))
                EMIT(move_xx2, a[0], a[1], b[0], b[1]);
            else
                return 0;
            return 2;
        }
        return 0;
    case BO_call_fun:
    case BO_call_fun2: { /* in tail position it must not grow the stack */
        const gen_op_t *o3 = op_at(l, i + 2);
        beam_arg_t fun = o->opcode == BO_call_fun ? arg_x((unsigned)a[0].value) : a[2];
        beam_arg_t arity = o->opcode == BO_call_fun ? a[0] : a[1];
        if (o2->opcode == BO_return) {
            EMIT(call_fun_last, arity, arg_u(0), fun);
            return 2;
        }
        if (o2->opcode != BO_deallocate || !o3 || o3->opcode != BO_return) return 0;
        EMIT(call_fun_last, arity, arg_u(b[0].value * sizeof(term_t)), fun);
        return 3;
    }
    case BO_is_tuple:
        if (o2->opcode == BO_test_arity && same_reg(&a[1], &b[1]) && a[0].value == b[0].value) {
            const beam_arg_t w[] = {b[1], b[0], header_arg(b[2].value)};
            emit_args(l, XY(is_tuple_of, &b[1]), w);
            return 2;
        }
        return 0;
    case BO_get_tuple_element: {
        if (o2->opcode != BO_get_tuple_element || !is_x(&a[0]) || !is_x(&a[2]) || !is_x(&b[2]) ||
            !same_reg(&a[0], &b[0]) || same_reg(&a[0], &a[2]) || b[1].value != a[1].value + 1 ||
            a[1].value > 1000)
            return 0;
        beam_arg_t off = arg_u((a[1].value + 1) * sizeof(term_t));
        const gen_op_t *o3 = op_at(l, i + 2);
        const beam_arg_t *c = o3 ? args_of(l, o3) : NULL;
        if (o3 && o3->opcode == BO_get_tuple_element && same_reg(&a[0], &c[0]) && is_x(&c[2]) &&
            c[1].value == a[1].value + 2 && !same_reg(&a[0], &b[2])) {
            EMIT(get_tuple_element3, a[0], off, a[2], b[2], c[2]);
            return 3;
        }
        EMIT(get_tuple_element2, a[0], off, a[2], b[2]);
        return 2;
    }
    case BO_is_ge:
        if (o2->opcode == BO_is_ge && a[0].value == b[0].value && is_x(&a[1]) &&
            is_small_arg(&a[2]) && is_small_arg(&b[1]) && same_reg(&a[1], &b[2])) {
            EMIT(is_in_range, a[1], a[0], a[2], b[1]);
            return 2;
        }
        if (o2->opcode == BO_is_ge && a[0].value == b[0].value && is_x(&a[2]) &&
            is_small_arg(&a[1]) && is_small_arg(&b[2]) && same_reg(&a[2], &b[1])) {
            EMIT(is_in_range, a[2], a[0], b[2], a[1]);
            return 2;
        }
        return 0;
    default: return 0;
    }
}

static void start_function(loader_t *l, const beam_arg_t *a) {
    code_function_t *fn = vec_push(l, &l->functions, sizeof *fn, 1);
    if (!fn) return;
    fn->start = (const uint64_t *)(uintptr_t)l->code.len;
    fn->function = a[1].value;
    fn->arity = (uint32_t)a[2].value;
    EMIT(func_info, a[0], a[1], a[2]);
    export_t *e = export_find(l->vm, a[0].value, a[1].value, fn->arity);
    l->body_export = e && e->bif ? e : NULL;
}

COLD static void no_translation(loader_t *l, unsigned opcode) {
    text_t t;
    text_init(&t, l->vm);
    text_str(&t, "chunk Code: instruction ");
    text_str(&t, beam_opcode(opcode)->name);
    text_str(&t, " has no translation");
    text_char(&t, 0);
    fail(l, t.failed ? "chunk Code: an instruction has no translation" : t.data);
    text_free(&t);
}

/* A process that changes its scheduler between two calls takes only so many along. */
static void note_floats(loader_t *l, const beam_arg_t *a, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (a[i].kind == ARG_FR && a[i].value >= SAVED_FLOATS)
            atomic_store_explicit(&l->vm->many_floats, true, memory_order_relaxed);
}

static void emit_one(loader_t *l, const gen_op_t *o) {
    const beam_arg_t *a = args_of(l, o);
    const uint64_t word = sizeof(term_t);
    if (o->opcode >= BO_fmove && o->opcode <= BO_fnegate) note_floats(l, a, o->nargs);
    switch (o->opcode) {
    case BO_label: {
        uint64_t n = a[0].value;
        if (l->labels[n]) fail(l, "chunk Code: a label is defined twice");
        l->labels[n] = (uint32_t)l->code.len + 1;
        if (l->body_export && l->functions.len &&
            (size_t)(uintptr_t)((code_function_t *)l->functions.data)[l->functions.len - 1].start +
                    FUNC_INFO_WORDS ==
                l->code.len) {
            EMIT(call_bif_only, arg_ptr(l->body_export), bif_pointer(l->body_export->bif));
            l->body_export = NULL;
        }
        break;
    }
    case BO_func_info: start_function(l, a); break;
    case BO_line: set_line(l, a[0].value); break;
    case BO_executable_line:
    case BO_debug_line:
    case BO_nif_start: break;
    /* calls */
    case BO_call: EMIT(call, a[1]); break;
    case BO_call_last: EMIT(call_last, arg_u(a[2].value * word), a[1]); break;
    case BO_call_only: EMIT(call_only, a[1]); break;
    case BO_call_ext:
    case BO_call_ext_last:
    case BO_call_ext_only: emit_call_ext(l, a, o->opcode); break;
    case BO_apply: EMIT(apply, a[0]); break;
    case BO_apply_last: EMIT(apply_last, a[0], arg_u(a[1].value * word)); break;
    case BO_call_fun: EMIT(call_fun2_x, a[0], arg_x((unsigned)a[0].value)); break;
    case BO_call_fun2:
        if (is_x(&a[2]))
            EMIT(call_fun2_x, a[1], a[2]);
        else if (is_y(&a[2]))
            EMIT(call_fun2_y, a[1], a[2]);
        else
            EMIT(call_fun2, a[1], a[2]);
        break;
    case BO_make_fun3: {
        size_t n = a[2].value;
        const beam_arg_t *list = list_of(l, &a[2]);
        EMIT(make_fun, a[1], arg_ptr(l->m->funs[a[0].value]), arg_u(n));
        for (size_t i = 0; i < n; i++) put_source(l, &list[i]);
        break;
    }
    case BO_make_fun2: {
        fun_entry_t *f = l->m->funs[a[0].value];
        /* No room is promised for it, unlike with make_fun3. */
        EMIT(test_heap, arg_u(f->num_free), arg_u(FUN_WORDS(f->num_free)));
        EMIT(make_fun, arg_x(0), arg_ptr(f), arg_u(f->num_free));
        for (uint32_t i = 0; i < f->num_free; i++)
            put_source(l, &(beam_arg_t){.kind = ARG_X, .value = i});
        break;
    }
    case BO_return: emit0(l, OP_return_); break;
    case BO_deallocate: EMIT(deallocate, arg_u(a[0].value * word)); break;
    /* frames */
    case BO_allocate: EMIT(allocate, arg_u(a[0].value * word), a[1]); break;
    case BO_allocate_heap: EMIT(allocate_heap, arg_u(a[0].value * word), a[2], a[1]); break;
    case BO_allocate_zero:
    case BO_allocate_heap_zero:
        if (o->opcode == BO_allocate_zero)
            EMIT(allocate, arg_u(a[0].value * word), a[1]);
        else
            EMIT(allocate_heap, arg_u(a[0].value * word), a[2], a[1]);
        EMIT(init_yregs, arg_u(a[0].value));
        for (uint64_t i = 0; i < a[0].value; i++)
            put_source(l, &(beam_arg_t){.kind = ARG_Y, .value = i});
        break;
    case BO_test_heap: EMIT(test_heap, a[1], a[0]); break;
    case BO_init: EMIT(init_y, a[0]); break;
    case BO_init_yregs: {
        size_t n = a[0].value;
        const beam_arg_t *y = list_of(l, &a[0]);
        if (n == 1)
            EMIT(init_y, y[0]);
        else if (n == 2)
            EMIT(init_y2, y[0], y[1]);
        else if (n == 3)
            EMIT(init_y3, y[0], y[1], y[2]);
        else {
            EMIT(init_yregs, arg_u(n));
            for (size_t i = 0; i < n; i++) put_source(l, &y[i]);
        }
        break;
    }
    case BO_trim: EMIT(trim, arg_u(a[0].value * word)); break;
    /* moves */
    case BO_move: emit_move(l, &a[0], &a[1]); break;
    case BO_swap:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(swap_xx, a[0], a[1]);
        else
            EMIT(swap_DD, a[0], a[1]);
        break;
    case BO_jump: EMIT(jump, a[0]); break;
    /* lists and tuples */
    case BO_get_list:
        if (is_x(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(get_list_x, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_list_xxy, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_x(&a[2]))
            EMIT(get_list_xyx, a[0], a[1], a[2]);
        else if (is_y(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(get_list_yxx, a[0], a[1], a[2]);
        else if (is_y(&a[0]) && is_x(&a[1]))
            EMIT(get_list_yxy, a[0], a[1], a[2]);
        else
            EMIT(get_list_S, a[0], a[1], a[2]);
        break;
    case BO_get_hd:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_hd_x, a[0], a[1]);
        else
            EMIT(get_hd_S, a[0], a[1]);
        break;
    case BO_get_tl:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_tl_x, a[0], a[1]);
        else
            EMIT(get_tl_S, a[0], a[1]);
        break;
    case BO_get_tuple_element: {
        beam_arg_t off = arg_u((a[1].value + 1) * word);
        if (off.value <= UINT16_MAX && is_x(&a[0]) && is_x(&a[2]))
            EMIT(get_tuple_element_xx, a[0], off, a[2]);
        else if (off.value <= UINT16_MAX && is_x(&a[0]) && is_y(&a[2]))
            EMIT(get_tuple_element_xy, a[0], off, a[2]);
        else if (off.value <= UINT16_MAX && is_y(&a[0]) && is_x(&a[2]))
            EMIT(get_tuple_element_yx, a[0], off, a[2]);
        else
            EMIT(get_tuple_element_S, a[0], arg_u(a[1].value + 1), a[2]);
        break;
    }
    case BO_set_tuple_element:
        if (is_x(&a[0]) && is_x(&a[1]) && a[2].value < 1000)
            EMIT(set_tuple_element_xx, a[0], a[1], arg_u((a[2].value + 1) * word));
        else
            EMIT(set_tuple_element, a[0], a[1], a[2]);
        break;
    case BO_put_list:
        if (is_x(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xxx, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_const(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xcx, a[0], a[2], a[1]);
        else if (is_y(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(put_list_yxx, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_y(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xyx, a[0], a[1], a[2]);
        else
            EMIT(put_list_SSD, a[0], a[1], a[2]);
        break;
    case BO_put_tuple2: {
        size_t n = a[1].value;
        const beam_arg_t *e = list_of(l, &a[1]);
        if (is_x(&a[0]) && n >= 2 && n <= 4) {
            if (n == 2 && is_x(&e[0]) && is_x(&e[1]))
                EMIT(put_tuple2_2xxx, e[0], e[1], a[0]);
            else if (n == 2 && is_y(&e[0]) && is_x(&e[1]))
                EMIT(put_tuple2_2yxx, e[0], e[1], a[0]);
            else if (n == 2)
                EMIT(put_tuple2_2, a[0], e[0], e[1]);
            else if (n == 3)
                EMIT(put_tuple2_3, a[0], e[0], e[1], e[2]);
            else
                EMIT(put_tuple2_4, a[0], e[0], e[1], e[2], e[3]);
            break;
        }
        EMIT(put_tuple2, a[0], arg_u(n));
        for (size_t i = 0; i < n; i++) put_source(l, &e[i]);
        break;
    }
    case BO_update_record: { /* Hint Size Src Dst List */
        size_t n = a[4].value;
        const beam_arg_t *e = list_of(l, &a[4]);
        EMIT(update_record, a[1], a[2], a[3], arg_u(n));
        for (size_t i = 0; i < n; i += 2) {
            put_word(l, e[i].value);
            put_source(l, &e[i + 1]);
        }
        break;
    }
    /* tests */
    case BO_is_function2: EMIT(is_function2, a[1], a[2], a[0]); break;
    case BO_test_arity: {
        beam_arg_t w[] = {in_register(l, &a[1]), a[0], header_arg(a[2].value)};
        emit_args(l, XY(test_arity, &w[0]), w);
        break;
    }
    case BO_is_tagged_tuple: {
        beam_arg_t w[] = {in_register(l, &a[1]), a[0], header_arg(a[2].value), a[3]};
        emit_args(l, XY(is_tagged_tuple, &w[0]), w);
        break;
    }
    case BO_is_eq_exact:
    case BO_is_ne_exact:
    case BO_is_eq:
    case BO_is_ne:
    case BO_is_lt:
    case BO_is_ge: emit_compare(l, o->opcode, a); break;
    case BO_select_val: emit_select(l, &a[0], &a[1], list_of(l, &a[2]), a[2].value, false); break;
    case BO_select_tuple_arity:
        emit_select(l, &a[0], &a[1], list_of(l, &a[2]), a[2].value, true);
        break;
    /* BIFs */
    case BO_bif0: emit_bif(l, &(beam_arg_t){.kind = ARG_LABEL}, a[0].value, NULL, &a[1]); break;
    case BO_bif1: emit_bif(l, &a[0], a[1].value, &a[2], &a[3]); break;
    case BO_bif2: emit_bif(l, &a[0], a[1].value, &a[2], &a[4]); break;
    case BO_gc_bif1: emit_gc_bif(l, a, 1); break;
    case BO_gc_bif2: emit_gc_bif(l, a, 2); break;
    case BO_gc_bif3: emit_gc_bif(l, a, 3); break;
    /* floats */
    case BO_fclearerror:
    case BO_fcheckerror: break;
    case BO_fmove:
        if (a[0].kind == ARG_FR && a[1].kind == ARG_FR)
            EMIT(fmove_ff, arg_u(a[0].value), arg_u(a[1].value));
        else if (a[0].kind == ARG_FR && is_x(&a[1]))
            EMIT(fmove_fx, arg_u(a[0].value), a[1]);
        else if (a[0].kind == ARG_FR)
            EMIT(fmove_fD, arg_u(a[0].value), a[1]);
        else if (is_x(&a[0]))
            EMIT(fmove_xf, a[0], arg_u(a[1].value));
        else if (is_y(&a[0]))
            EMIT(fmove_yf, a[0], arg_u(a[1].value));
        else
            EMIT(fmove_Sf, arg_u(a[1].value), a[0]);
        break;
    case BO_fconv: EMIT(fconv, arg_u(a[1].value), a[0]); break;
    case BO_fadd: EMIT(fadd, a[1], a[2], a[3]); break;
    case BO_fsub: EMIT(fsub, a[1], a[2], a[3]); break;
    case BO_fmul: EMIT(fmul, a[1], a[2], a[3]); break;
    case BO_fdiv: EMIT(fdiv, a[1], a[2], a[3], a[0]); break;
    case BO_fnegate: EMIT(fnegate, a[1], a[2]); break;
    /* exceptions */
    case BO_catch: EMIT(catch_, a[0], a[1]); break;
    case BO_try: EMIT(catch_, a[0], a[1]); break;
    case BO_catch_end: EMIT(catch_end, a[0]); break;
    case BO_try_end: EMIT(try_end, a[0]); break;
    case BO_try_case: EMIT(try_case, a[0]); break;
    case BO_try_case_end: EMIT(try_case_end, a[0]); break;
    case BO_raise: EMIT(raise_, a[0], a[1]); break;
    case BO_raw_raise: emit0(l, OP_raw_raise); break;
    case BO_build_stacktrace: emit0(l, OP_build_stacktrace); break;
    case BO_badmatch: EMIT(badmatch, a[0]); break;
    case BO_case_end: EMIT(case_end, a[0]); break;
    case BO_badrecord: EMIT(badrecord, a[0]); break;
    case BO_if_end: emit0(l, OP_if_end); break;
    /* messages */
    case BO_send: emit0(l, OP_send); break;
    case BO_loop_rec: EMIT(loop_rec, a[0], a[1]); break;
    case BO_loop_rec_end: EMIT(loop_rec_end, a[0]); break;
    case BO_remove_message: emit0(l, OP_remove_message); break;
    case BO_timeout: emit0(l, OP_timeout); break;
    case BO_wait: EMIT(wait, a[0]); break;
    case BO_wait_timeout: EMIT(wait_timeout, a[0], a[1]); break;
    case BO_recv_mark:
    case BO_recv_set: break;
    case BO_recv_marker_reserve: EMIT(recv_marker_reserve, a[0]); break;
    case BO_recv_marker_bind: EMIT(recv_marker_bind, a[0], a[1]); break;
    case BO_recv_marker_clear: EMIT(recv_marker_clear, a[0]); break;
    case BO_recv_marker_use: EMIT(recv_marker_use, a[0]); break;
    /* maps */
    case BO_put_map_assoc:
    case BO_put_map_exact: { /* Fail Map Dst Live List */
        size_t n = a[4].value;
        const beam_arg_t *e = list_of(l, &a[4]);
        if (o->opcode == BO_put_map_exact && n == 2 && is_x(&a[1]) && is_x(&a[2]) &&
            is_imm(&e[0])) {
            EMIT(put_map_exact1_x, a[1], a[2], a[3], a[0], e[0], e[1], arg_u(0));
            break;
        }
        const beam_arg_t w[] = {a[3], a[0], a[1], a[2], arg_u(n / 2 * 3)};
        emit_args(l, o->opcode == BO_put_map_exact ? OP_put_map_exact : OP_put_map_assoc, w);
        for (size_t i = 0; i < n; i++) {
            put_source(l, &e[i]);
            if (i % 2 == 1) put_word(l, 0);
        }
        break;
    }
    case BO_has_map_fields: {
        size_t n = a[2].value;
        const beam_arg_t *e = list_of(l, &a[2]);
        EMIT(has_map_fields, a[0], a[1], arg_u(2 * n));
        for (size_t i = 0; i < n; i++) {
            put_source(l, &e[i]);
            put_word(l, 0);
        }
        break;
    }
    case BO_get_map_elements: {
        size_t n = a[2].value;
        const beam_arg_t *e = list_of(l, &a[2]);
        bool simple = is_x(&a[1]);
        for (size_t i = 0; i < n; i += 2)
            if (!is_imm(&e[i]) || (i + 2 < n && same_reg(&a[1], &e[i + 1]))) simple = false;
        if (simple) { /* key by key; the last may overwrite the map */
            for (size_t i = 0; i < n; i += 2)
                if (is_x(&e[i + 1]))
                    EMIT(get_map_element_xcx, a[1], e[i + 1], a[0], e[i], arg_u(0));
                else
                    EMIT(get_map_element_xcy, a[1], e[i + 1], a[0], e[i], arg_u(0));
            break;
        }
        EMIT(get_map_elements, a[0], a[1], arg_u(n / 2 * 3));
        for (size_t i = 0; i < n; i++) {
            put_source(l, &e[i]);
            if (i % 2 == 1) put_word(l, 0);
        }
        break;
    }
    /* matching bits */
    case BO_bs_start_match3:
        if (is_x(&a[1]) && is_x(&a[3])) {
            EMIT(bs_start_match_xx, a[1], a[3], a[2], a[0]);
            break;
        }
        EMIT(bs_start_match, a[0], a[2], a[1], a[3]);
        break;
    case BO_bs_start_match4:
        if (a[0].kind == ARG_ATOM && a[0].value == A_resume) { /* known to be a context */
            if (!same_reg(&a[2], &a[3])) emit_move(l, &a[2], &a[3]);
            break;
        }
        if (is_x(&a[2]) && is_x(&a[3])) {
            EMIT(bs_start_match_xx, a[2], a[3], a[1], a[0]);
            break;
        }
        EMIT(bs_start_match, a[0], a[1], a[2], a[3]);
        break;
    case BO_bs_get_integer2: emit_get_integer(l, a); break;
    case BO_bs_get_float2:
        EMIT(bs_get_float, a[4], arg_u(match_flags(a[5].value)), a[0], a[1], a[3], a[6]);
        break;
    case BO_bs_get_binary2: EMIT(bs_get_binary, a[4], a[5], a[0], a[1], a[3], a[6]); break;
    case BO_bs_skip_bits2: EMIT(bs_skip_bits, a[3], a[0], a[1], a[2]); break;
    case BO_bs_test_tail2: EMIT(bs_test_tail, a[0], a[1], a[2]); break;
    case BO_bs_test_unit: EMIT(bs_test_unit, a[0], a[1], a[2]); break;
    case BO_bs_match_string: {
        const uint8_t *s = string_at(l, a[3].value);
        if (a[2].value == 8 && is_x(&a[1]))
            EMIT(bs_match_string8, a[1], arg_u(*s), a[0], arg_u(0));
        else
            EMIT(bs_match_string, a[0], a[1], a[2], arg_ptr(s));
        break;
    }
    case BO_bs_get_utf8: EMIT(bs_get_utf8, a[0], a[1], a[4]); break;
    case BO_bs_skip_utf8: EMIT(bs_get_utf8, a[0], a[1], arg_x(X_REGS)); break;
    case BO_bs_get_utf16:
        EMIT(bs_get_utf16, arg_u(match_flags(a[3].value)), a[0], a[1], a[4]);
        break;
    case BO_bs_skip_utf16:
        EMIT(bs_get_utf16, arg_u(match_flags(a[3].value)), a[0], a[1], arg_x(X_REGS));
        break;
    case BO_bs_get_utf32:
        EMIT(bs_get_utf32, arg_u(match_flags(a[3].value)), a[0], a[1], a[4]);
        break;
    case BO_bs_skip_utf32:
        EMIT(bs_get_utf32, arg_u(match_flags(a[3].value)), a[0], a[1], arg_x(X_REGS));
        break;
    case BO_bs_get_tail: EMIT(bs_get_tail, a[2], a[0], a[1]); break;
    case BO_bs_get_position: EMIT(bs_get_position, a[0], a[1]); break;
    case BO_bs_set_position: EMIT(bs_set_position, a[0], a[1]); break;
    case BO_bs_match: emit_bs_match(l, a, list_of(l, &a[2]), a[2].value); break;
    /* building bits */
    case BO_bs_create_bin: emit_create_bin(l, a, list_of(l, &a[5])); break;
    case BO_bs_init2: /* Fail Size Words Live Flags Dst */
    case BO_bs_init_bits: {
        beam_arg_t size =
            a[1].kind == ARG_U ? (beam_arg_t){.kind = ARG_INT, .value = a[1].value} : a[1];
        EMIT(bs_init, arg_u(o->opcode == BO_bs_init2 ? 8 : 1), a[3], a[0], a[2], size, a[5]);
        break;
    }
    case BO_bs_append: /* Fail Size Extra Live Unit Bin Flags Dst */
        EMIT(bs_append, arg_u(1), a[3], a[4], a[0], a[2], a[1], a[5], a[7]);
        break;
    case BO_bs_private_append: /* Fail Size Unit Bin Flags Dst */
        EMIT(bs_append, arg_u(1), arg_u(NO_LIVE), a[2], a[0], arg_u(0), a[1], a[3], a[5]);
        break;
    case BO_bs_put_integer: /* Fail Size Unit Flags Src */
    case BO_bs_put_float:
    case BO_bs_put_binary: {
        int kind = o->opcode == BO_bs_put_integer ? BSP_INTEGER
                   : o->opcode == BO_bs_put_float ? BSP_FLOAT
                                                  : BSP_BINARY;
        EMIT(bs_put, arg_u((uint64_t)kind), a[2], arg_u(match_flags(a[3].value)), a[0], a[1], a[4]);
        break;
    }
    case BO_bs_put_utf8:
    case BO_bs_put_utf16:
    case BO_bs_put_utf32: {
        int kind = o->opcode == BO_bs_put_utf8    ? BSP_UTF8
                   : o->opcode == BO_bs_put_utf16 ? BSP_UTF16
                                                  : BSP_UTF32;
        beam_arg_t zero = {.kind = ARG_INT, .value = 0};
        EMIT(bs_put, arg_u((uint64_t)kind), arg_u(1), arg_u(match_flags(a[1].value)), a[0], zero,
             a[2]);
        break;
    }
    case BO_bs_put_string: EMIT(bs_put_string, a[0], arg_ptr(string_at(l, a[1].value))); break;
    case BO_bs_utf8_size: EMIT(bs_utf_size, arg_u(8), a[1], a[2]); break;
    case BO_bs_utf16_size: EMIT(bs_utf_size, arg_u(16), a[1], a[2]); break;
    case BO_bs_add: EMIT(bs_add, a[3], a[0], a[1], a[2], a[4]); break;
    case BO_bs_init_writable: emit0(l, OP_bs_init_writable); break;
    case BO_on_load:
        l->on_load_word = (uint32_t)l->code.len + 1;
        emit0(l, OP_on_load);
        break;
    default:
        if (!emit_test(l, o->opcode, a)) no_translation(l, o->opcode);
        break;
    }
}

static void flush_ops(loader_t *l) {
    for (size_t i = 0; i < l->ops.len && !l->oom;) {
        size_t taken = emit_fused(l, i);
        if (taken == 0) {
            emit_one(l, op_at(l, i));
            taken = 1;
        }
        i += taken;
    }
    l->ops.len = l->args.len = 0;
}

static void take_op(loader_t *l, const beam_op_t *op) {
    gen_op_t *o = vec_push(l, &l->ops, sizeof *o, 1);
    if (!o) return;
    *o = (gen_op_t){(uint16_t)op->opcode, (uint16_t)op->nargs, (uint32_t)l->args.len};
    beam_arg_t *a = vec_push(l, &l->args, sizeof *a, op->nargs + op->nlist);
    if (!a) return;
    memcpy(a, op->arg, op->nargs * sizeof *a);
    if (op->nlist) memcpy(a + op->nargs, op->list, op->nlist * sizeof *a);
    for (unsigned i = 0; i < op->nargs; i++)
        if (a[i].kind == ARG_LIST) a[i].list += (uint32_t)(l->args.len - op->nlist);
}

static bool translate(loader_t *l) {
    beam_cursor_t c;
    beam_cursor_init(&c, &l->f);
    int r;
    while ((r = beam_next(&c)) == 1 && !l->oom && !l->area_full) {
        if (c.op.opcode == BO_label) flush_ops(l);
        take_op(l, &c.op);
        if (c.op.opcode == BO_label || c.op.opcode == BO_func_info) flush_ops(l);
    }
    flush_ops(l);
    beam_cursor_free(&c);
    if (r < 0) return fail(l, l->f.err.text);
    /* Something to land on behind the last function, for look-ups of return addresses. */
    emit0(l, OP_process_exit);
    if (!l->oom && !seq_use(l->vm, l->code.data, l->starts.data, l->starts.len)) l->oom = true;
    return !l->oom && !l->area_full && !l->err->text[0];
}

/* ---- literals ---- */

static bool decode_into_area(loader_t *l, const uint8_t *b, size_t n, term_t *out) {
    *out = etf_decode(l->vm, b, n, 0, &l->area_top, &l->m->literal_off_heap);
    return *out != TERM_NONE;
}

static bool make_literals(loader_t *l, size_t spare) {
    beam_file_t *f = &l->f;
    size_t words = spare;
    for (uint32_t i = 0; i < f->nliterals; i++) {
        int64_t n = etf_decoded_size(l->vm, f->literals[i].data, f->literals[i].size, NULL);
        if (n < 0) return fail(l, "chunk LitT: a literal is malformed");
        words += (size_t)n;
    }
    beam_blob_t meta[2] = {{f->attributes, f->attributes_size},
                           {f->compile_info, f->compile_info_size}};
    for (int i = 0; i < 2; i++)
        if (meta[i].data) {
            int64_t n = etf_decoded_size(l->vm, meta[i].data, meta[i].size, NULL);
            if (n < 0)
                return fail(l, i ? "chunk CInf: malformed term" : "chunk Attr: malformed term");
            words += (size_t)n;
        }
    for (uint32_t i = 1; i < f->nfiles; i++)
        words += 2 * (size_t)atom_text(l->vm, f->files[i])->chars;
    const char *own = atom_name(l->vm, f->atoms[1]);
    words += 2 * (strlen(own) + 4);

    l->area = literal_alloc(l->vm, words);
    l->literals = mem_calloc(l->vm, (f->nliterals + 1) * sizeof(term_t));
    l->m->files = mem_calloc(l->vm, (f->nfiles + 1) * sizeof(term_t));
    l->m->nfiles = f->nfiles + 1; /* with the array, so that a failure gives both back */
    if (!l->area || !l->literals || !l->m->files) {
        if (l->area) literal_free(l->vm, l->area, words);
        l->area = NULL;
        l->oom = true;
        return false;
    }
    l->m->literal_area = l->area;
    l->m->literal_words = words;
    l->area_top = l->area;
    l->area_end = l->area + words;
    l->m->attributes = l->m->compile_info = TERM_NIL;
    for (uint32_t i = 0; i < f->nliterals; i++)
        if (!decode_into_area(l, f->literals[i].data, f->literals[i].size, &l->literals[i]))
            return fail(l, "chunk LitT: a literal cannot be decoded");
    term_t *to[2] = {&l->m->attributes, &l->m->compile_info};
    for (int i = 0; i < 2; i++)
        if (meta[i].data && !decode_into_area(l, meta[i].data, meta[i].size, to[i]))
            return fail(l, "chunk Attr or CInf: a term cannot be decoded");
    /* File names as strings; the first is the module's own source. */
    term_t s = TERM_NIL;
    static const char ext[] = "lre.";
    for (int i = 0; i < 4; i++) s = cons(&l->area_top, make_small(ext[i]), s);
    for (size_t i = strlen(own); i > 0; i--)
        s = cons(&l->area_top, make_small((uint8_t)own[i - 1]), s);
    l->m->files[0] = s;
    for (uint32_t i = 1; i < f->nfiles; i++) {
        const atom_text_t *t = atom_text(l->vm, f->files[i]);
        s = TERM_NIL;
        for (size_t k = t->bytes; k > 0;) { /* UTF-8 backwards */
            uint32_t ch = 0;
            unsigned shift = 0;
            k--;
            while (k > 0 && (t->name[k] & 0xc0) == 0x80) {
                ch |= (uint32_t)(t->name[k] & 0x3f) << shift;
                shift += 6;
                k--;
            }
            ch |= (uint32_t)(shift == 0    ? t->name[k]
                             : shift == 6  ? t->name[k] & 0x1f
                             : shift == 12 ? t->name[k] & 0x0f
                                           : t->name[k] & 0x07)
                  << shift;
            s = cons(&l->area_top, make_small(ch), s);
        }
        l->m->files[i] = s;
    }
    return true;
}

/* ---- the parts of a module ---- */

static bool make_tables(loader_t *l) {
    beam_file_t *f = &l->f;
    module_t *m = l->m;
    if (f->strings_size) {
        m->strings = mem_alloc(l->vm, f->strings_size);
        if (!m->strings) return !(l->oom = true);
        m->strings_size = f->strings_size;
        memcpy(m->strings, f->strings, f->strings_size);
    }
    if (f->nlambdas) {
        m->funs = mem_calloc(l->vm, f->nlambdas * sizeof *m->funs);
        m->fun_code = mem_calloc(l->vm, f->nlambdas * sizeof *m->fun_code);
        m->nfuns = f->nlambdas;
        if (!m->funs || !m->fun_code) return !(l->oom = true);
        for (uint32_t i = 0; i < f->nlambdas; i++) {
            const beam_lambda_t *x = &f->lambdas[i];
            fun_entry_t *e = fun_entry_get(l->vm, m->name, f->md5, i, x->old_uniq, x->index,
                                           x->arity - x->num_free, x->num_free);
            if (!e) return !(l->oom = true);
            /* Another scheduler may be loading the same file. */
            atomic_store_explicit(&e->function, f->atoms[x->function], memory_order_relaxed);
            m->funs[i] = e;
        }
    }
    l->labels = mem_calloc(l->vm, (f->nlabels + 1) * sizeof *l->labels);
    return l->labels || !(l->oom = true);
}

static const uint64_t *label_code(loader_t *l, uint32_t label) {
    if (label > l->f.nlabels || l->labels[label] == 0) {
        fail(l, "chunk Code: a label that is used is not defined");
        return NULL;
    }
    return l->m->code + l->labels[label] - 1;
}

static bool finish(loader_t *l) {
    vm_t *vm = l->vm;
    module_t *m = l->m;
    m->code_words = l->code.len;
    m->code = mem_alloc(vm, m->code_words * sizeof *m->code);
    if (!m->code) return !(l->oom = true);
    memcpy(m->code, l->code.data, m->code_words * sizeof *m->code);
    const fixup_t *fx = l->fixups.data;
    for (size_t i = 0; i < l->fixups.len; i++) {
        const uint64_t *to = label_code(l, fx[i].label);
        if (!to) return false;
        m->code[fx[i].word] = (uint64_t)(uintptr_t)to;
    }
    m->nfunctions = (uint32_t)l->functions.len;
    if (m->nfunctions) {
        m->functions = mem_alloc(vm, m->nfunctions * sizeof *m->functions);
        if (!m->functions) return !(l->oom = true);
        memcpy(m->functions, l->functions.data, m->nfunctions * sizeof *m->functions);
        for (uint32_t i = 0; i < m->nfunctions; i++)
            m->functions[i].start = m->code + (uintptr_t)m->functions[i].start;
    }
    m->nlines = code_is_preloaded(vm, m->name) ? 0 : (uint32_t)l->lines.len;
    if (m->nlines) {
        m->lines = mem_alloc(vm, m->nlines * sizeof *m->lines);
        if (!m->lines) return !(l->oom = true);
        memcpy(m->lines, l->lines.data, m->nlines * sizeof *m->lines);
    }
    for (uint32_t i = 0; i < m->nfuns; i++)
        if (!(m->fun_code[i] = label_code(l, l->f.lambdas[i].label))) return false;
    m->nexports = l->f.nexports;
    if (m->nexports) {
        m->exports = mem_calloc(vm, m->nexports * sizeof *m->exports);
        if (!m->exports) return !(l->oom = true);
    }
    for (uint32_t i = 0; i < m->nexports; i++) {
        const beam_export_t *x = &l->f.exports[i];
        m->exports[i].entry = export_get(vm, m->name, l->f.atoms[x->function], x->arity);
        if (!m->exports[i].entry) return !(l->oom = true);
        if (!(m->exports[i].code = label_code(l, x->label))) return false;
    }
    if (l->on_load_word) {
        /* The instruction stands in the function to run. */
        for (uint32_t i = 0; i < m->nfunctions; i++)
            if (m->functions[i].start <= m->code + l->on_load_word - 1)
                m->on_load = m->functions[i].start + FUNC_INFO_WORDS;
    }
    memcpy(m->md5, l->f.md5, sizeof m->md5);
    return true;
}

/* ---- loading ---- */

static module_t *load_once(loader_t *l, size_t spare) {
    vm_t *vm = l->vm;
    l->m = mem_calloc(vm, sizeof *l->m);
    bool ok = l->m != NULL;
    if (ok) {
        l->m->vm = vm;
        l->m->name = l->f.atoms[1];
        ok = make_literals(l, spare) && make_tables(l) && translate(l) && finish(l);
    } else {
        l->oom = true;
    }
    mem_free(vm, l->labels, (l->f.nlabels + 1) * sizeof *l->labels);
    mem_free(vm, l->literals, (l->f.nliterals + 1) * sizeof(term_t));
    vec_free(l, &l->code, sizeof(uint64_t));
    vec_free(l, &l->fixups, sizeof(fixup_t));
    vec_free(l, &l->starts, sizeof(op_start_t));
    vec_free(l, &l->lines, sizeof(code_line_t));
    vec_free(l, &l->functions, sizeof(code_function_t));
    vec_free(l, &l->ops, sizeof(gen_op_t));
    vec_free(l, &l->args, sizeof(beam_arg_t));
    if (ok) return l->m;
    if (l->m) module_free(vm, l->m);
    return NULL;
}

module_t *load_beam(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err) {
    beam_file_t file;
    err->text[0] = 0;
    if (beam_file_open(&file, vm, bytes, size) != 0) {
        *err = file.err;
        beam_file_close(&file);
        return NULL;
    }
    module_t *m = NULL;
    for (size_t spare = 64;; spare *= 16) {
        loader_t l = {.vm = vm, .f = file, .err = err};
        m = load_once(&l, spare);
        file = l.f;
        if (m || !l.area_full || l.oom) {
            if (!m && l.oom) fail(&l, "out of memory");
            if (!m && !err->text[0]) fail(&l, "too many large integers");
            break;
        }
    }
    beam_file_close(&file);
    return m;
}
