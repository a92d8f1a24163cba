/* load_bits.c: the loader's instructions that match and build bit strings. For load_ops.c. */
#include "vm/binary.h"
#include "vm/engine_bits.h"
#include "vm/load_internal.h"

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

static const uint8_t *load_string(loader_t *l, uint64_t offset) {
    return l->m->strings ? l->m->strings + offset : (const uint8_t *)"";
}

/* The bits of a segment of constant size, at most a word of them; else 0. */
static uint64_t fixed_bits(const beam_arg_t *s) {
    bool numeric = s[0].value == A_integer || s[0].value == A_float;
    if (!numeric || s[5].kind != ARG_INT) return 0;
    uint64_t bits;
    if (__builtin_mul_overflow(s[5].value, s[2].value, &bits) || bits > 64) return 0;
    return bits;
}

static void emit_create_bin(loader_t *l, const beam_arg_t *a, const beam_arg_t *list) {
    size_t n = a[5].value / 6;
    EMIT(bs_create_bin, a[2], a[3], a[0], arg_u(a[1].value), a[4], arg_u(n * BSC_WORDS));
    for (size_t i = 0; i < n; i++) {
        const beam_arg_t *s = &list[6 * i];
        emit_word(l, s[0].value);
        emit_word(l, (uint32_t)s[1].value | fixed_bits(s) << BSC_BITS_SHIFT);
        emit_word(l, s[2].value);
        emit_word(l, segment_flags(l, &s[3]));
        if (s[0].value == A_string) {
            emit_word(l, (uint64_t)(uintptr_t)load_string(l, s[4].value));
            emit_word(l, make_small((int64_t)s[5].value));
        } else {
            emit_source(l, &s[4]);
            emit_source(l, &s[5]);
        }
    }
}

static void emit_bs_match(loader_t *l, const beam_arg_t *a, const beam_arg_t *c, size_t n) {
    EMIT(bs_match, a[0], a[1], arg_u(0));
    size_t count_word = l->code.len - 1, first = l->code.len;
    for (size_t i = 0; i < n;) {
        term_t cmd = c[i].value;
        if (cmd == A_ensure_at_least) {
            emit_word(l, BSM_ENSURE_AT_LEAST);
            emit_word(l, c[i + 1].value);
            emit_word(l, c[i + 2].value);
            i += 3;
        } else if (cmd == A_ensure_exactly) {
            emit_word(l, BSM_ENSURE_EXACTLY);
            emit_word(l, c[i + 1].value);
            i += 2;
        } else if (cmd == A_binary || cmd == A_integer) {
            /* Live, Flags, Size, Unit, Dst */
            emit_word(l, cmd == A_binary ? BSM_BINARY : BSM_INTEGER);
            emit_word(l, c[i + 3].value * c[i + 4].value);
            if (cmd == A_integer) emit_word(l, segment_flags(l, &c[i + 2]));
            emit_source(l, &c[i + 5]);
            i += 6;
        } else if (cmd == A_skip) {
            emit_word(l, BSM_SKIP);
            emit_word(l, c[i + 1].value);
            i += 2;
        } else if (cmd == A_get_tail) {
            /* Live, Unit, Dst */
            emit_word(l, BSM_GET_TAIL);
            emit_source(l, &c[i + 3]);
            i += 4;
        } else { /* '=:=' Live, Size, Value */
            emit_word(l, BSM_EQUAL);
            emit_word(l, c[i + 2].value);
            beam_arg_t v = c[i + 3]; /* the value is written as a plain number */
            if (v.kind == ARG_U) v.kind = ARG_INT;
            emit_source(l, &v);
            i += 4;
        }
    }
    if (!l->oom) ((uint64_t *)l->code.data)[count_word] = l->code.len - first;
}

bool emit_bits(loader_t *l, const gen_op_t *o, const beam_arg_t *a) {
    switch (o->opcode) {
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
    case BO_bs_test_unit: {
        uint64_t unit = a[2].value;
        if (is_x(&a[1]) && unit > 0 && (unit & (unit - 1)) == 0)
            EMIT(bs_test_unit_x, a[1], arg_u(unit - 1), a[0]);
        else
            EMIT(bs_test_unit, a[0], a[1], a[2]);
        break;
    }
    case BO_bs_match_string: {
        const uint8_t *s = load_string(l, a[3].value);
        if (a[2].value == 8 && is_x(&a[1]))
            EMIT(bs_match_string8, a[1], arg_u(*s), a[0], arg_u(0));
        else
            EMIT(bs_match_string, a[0], a[1], a[2], arg_ptr(s));
        break;
    }
    case BO_bs_get_utf8:
        if (is_x(&a[1]) && is_x(&a[4]))
            EMIT(bs_get_utf8_xx, a[1], a[4], a[0]);
        else
            EMIT(bs_get_utf8, a[0], a[1], a[4]);
        break;
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
    case BO_bs_get_position:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(bs_get_position_xx, a[0], a[1]);
        else
            EMIT(bs_get_position, a[0], a[1]);
        break;
    case BO_bs_set_position:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(bs_set_position_xx, a[0], a[1]);
        else
            EMIT(bs_set_position, a[0], a[1]);
        break;
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
    case BO_bs_put_string: EMIT(bs_put_string, a[0], arg_ptr(load_string(l, a[1].value))); break;
    case BO_bs_utf8_size: EMIT(bs_utf_size, arg_u(8), a[1], a[2]); break;
    case BO_bs_utf16_size: EMIT(bs_utf_size, arg_u(16), a[1], a[2]); break;
    case BO_bs_add: EMIT(bs_add, a[3], a[0], a[1], a[2], a[4]); break;
    case BO_bs_init_writable: emit0(l, OP_bs_init_writable); break;
    default: return false;
    }
    return true;
}
