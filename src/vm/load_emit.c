/* load_emit.c: how the loader writes instructions: operands, calls, guards and arithmetic, tests,
 * selections, each in the most special form its operands have. For load_ops.c and load_bits.c.
 */
#include "vm/binary.h"
#include "vm/load_internal.h"

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
term_t load_const(loader_t *l, const beam_arg_t *a) {
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

void emit_word(loader_t *l, uint64_t w) {
    uint64_t *p = load_push(l, &l->code, sizeof w, 1);
    if (p) *p = w;
}
void emit_handler(loader_t *l, int op) {
    op_start_t *s = load_push(l, &l->starts, sizeof *s, 1);
    if (s) *s = (op_start_t){.word = (uint32_t)l->code.len, .op = (unsigned)op};
    emit_word(l, (uint64_t)(uintptr_t)op_table[op].fn);
}
static void note_label(loader_t *l, const beam_arg_t *a, size_t word) {
    if (a->kind != ARG_LABEL || a->value == 0) return;
    fixup_t *f = load_push(l, &l->fixups, sizeof *f, 1);
    if (f) *f = (fixup_t){(uint32_t)word, (uint32_t)a->value};
}
void emit_label(loader_t *l, const beam_arg_t *a) {
    note_label(l, a, l->code.len);
    emit_word(l, 0);
}
static uint64_t source_word(loader_t *l, const beam_arg_t *a) {
    if (is_x(a)) return a->value * sizeof(term_t) << 8 | REG_X;
    if (is_y(a)) return a->value * sizeof(term_t) << 8 | REG_Y;
    return load_const(l, a);
}
void emit_source(loader_t *l, const beam_arg_t *a) { emit_word(l, source_word(l, a)); }

void emit_args(loader_t *l, int op, const beam_arg_t *args) {
    enum { MOST = 24 }; /* no signature is longer */
    emit_handler(l, op);
    if (!load_room(l, &l->code, sizeof(uint64_t), MOST)) return;
    const char *sig = op_table[op].sig;
    uint64_t *const begin = (uint64_t *)l->code.data + l->code.len, *w = begin;
    uint64_t packed = 0;
    unsigned n = 0;
    for (const char *s = sig; *s && *s != '*'; s++) {
        if (*s != 'x' && *s != 'y' && *s != 'u') continue;
        const beam_arg_t *a = &args[s - sig];
        uint64_t v = *s == 'u' ? a->value : a->value * sizeof(term_t);
        if (v > UINT16_MAX) load_fail(l, "an operand is too large");
        packed |= v << (16 * (n % 4));
        if (++n % 4 == 0) {
            *w++ = packed;
            packed = 0;
        }
    }
    if (n % 4 != 0) *w++ = packed;
    for (const char *s = sig; *s && *s != '*'; s++) {
        const beam_arg_t *a = &args[s - sig];
        switch (*s) {
        case 'S':
        case 'D': *w++ = source_word(l, a); break;
        case 'f':
            note_label(l, a, l->code.len + (size_t)(w - begin));
            *w++ = 0;
            break;
        case 'c': *w++ = a->kind == ARG_U ? a->value : load_const(l, a); break;
        case 'n':
        case 'E':
        case 'B':
        case 'F': *w++ = a->value; break;
        default: break;
        }
    }
    l->code.len += (size_t)(w - begin);
}

/* ---- calls ---- */

static export_t *import_entry(loader_t *l, uint64_t index) {
    const beam_import_t *i = &l->f.imports[index];
    export_t *e = export_get(l->vm, l->f.atoms[i->module], l->f.atoms[i->function], i->arity);
    if (!e) l->oom = true;
    return e;
}

beam_arg_t bif_pointer(const bif_def_t *bif) {
    bool dirty = bif->flags & (BIF_DIRTY_CPU | BIF_DIRTY_IO);
    return arg_ptr((const void *)(uintptr_t)(dirty ? dirty_gate : bif->fn));
}

void emit_call_ext(loader_t *l, const beam_arg_t *a, unsigned opcode) {
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
    return load_fail(l, text);
}

void emit_bif(loader_t *l, const beam_arg_t *f, uint64_t import, const beam_arg_t *s,
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
void emit_gc_bif(loader_t *l, const beam_arg_t *a, unsigned nargs) {
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

beam_arg_t in_register(loader_t *l, const beam_arg_t *a) {
    if (is_x(a) || is_y(a)) return *a;
    EMIT(move_cx, arg_x(X_REGS), *a);
    return arg_x(X_REGS);
}
bool emit_test(loader_t *l, unsigned opcode, const beam_arg_t *a) {
    for (size_t i = 0; i < sizeof test_forms / sizeof *test_forms; i++) {
        if (test_forms[i].opcode != opcode) continue;
        beam_arg_t w[] = {in_register(l, &a[1]), a[0]};
        emit_args(l, is_x(&w[0]) ? test_forms[i].x : test_forms[i].y, w);
        return true;
    }
    return false;
}
void emit_compare(loader_t *l, unsigned opcode, const beam_arg_t *a) {
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
static void emit_pairs(loader_t *l, const uint64_t *v, const uint32_t *lab, size_t n) {
    for (size_t i = 0; i < n; i++) {
        emit_word(l, v[i]);
        emit_label(l, &(beam_arg_t){.kind = ARG_LABEL, .value = lab[i]});
    }
}
#define LINEAR_MAX 5
void emit_select(loader_t *l, const beam_arg_t *src, const beam_arg_t *f, const beam_arg_t *list,
                 size_t nlist, bool arity) {
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
        v[i] = arity ? make_header(T_TUPLE, a->value) : load_const(l, a);
        lab[i] = (uint32_t)list[2 * i + 1].value;
        if (!arity && !is_imm(a)) immediates = false;
        if (arity || !is_small_arg(a)) smalls = false;
    }
    beam_arg_t count = arg_u(n);
    if (arity) {
        EMIT(select_arity, *src, *f, count);
        emit_pairs(l, v, lab, n);
        goto done;
    }
    if (!immediates) {
        EMIT(select_slow, *src, *f, count);
        emit_pairs(l, v, lab, n);
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
                emit_label(l, &to);
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
    emit_pairs(l, v, lab, n);
done:
    mem_free(l->vm, v, (n + 1) * sizeof *v);
    mem_free(l->vm, lab, (n + 1) * sizeof *lab);
}
