/* beam_code.c: the instructions of a beam file, one after the other, decoded and checked: the Code
 * chunk's part of beam_file.h. opcodes.def says what each may have as operands.
 */
#include "vm/beam_internal.h"
#include "vm/sched.h"

#define MAX_OPCODE   184 /* what this VM executes */
#define INT_CODE_END 3
#define MAX_Y_REGS   4096
#define MAX_NEED     (1u << 26) /* words one instruction may ask for */

/* ---- opcodes ---- */

static const beam_opcode_t opcodes[] = {
#define OP(number, name, arity, release, operands) [number] = {#name, arity, release, false},
#define GONE(number, name, arity, release)         [number] = {#name, arity, release, true},
#define LATER(number, name, arity, release)        [number] = {#name, arity, release, false},
#include "vm/opcodes.def"
#undef OP
#undef GONE
#undef LATER
};

static const char operands_of[MAX_OPCODE + 1][BEAM_MAX_ARGS + 1] = {
#define OP(number, name, arity, release, operands) [number] = operands,
#define GONE(number, name, arity, release)
#define LATER(number, name, arity, release)
#include "vm/opcodes.def"
#undef OP
#undef GONE
#undef LATER
};

const beam_opcode_t *beam_opcode(unsigned number) {
    if (number >= sizeof opcodes / sizeof *opcodes || opcodes[number].name == NULL) return NULL;
    return &opcodes[number];
}

static COLD int opcode_error(beam_file_t *f, const uint8_t *at, unsigned number) {
    const beam_opcode_t *o = beam_opcode(number);
    beam_error(f, "Code", at, "opcode #", number, 0);
    if (o != NULL) {
        beam_error_add(f, " (");
        beam_error_add(f, o->name);
        beam_error_add(f, ") of OTP ");
        beam_error_add_number(f, o->release);
    } else {
        beam_error_add(f, " of an unknown release");
    }
    if (o != NULL && o->obsolete) {
        beam_error_add(f, " is obsolete: compile the module again with OTP 24 or later");
    } else {
        beam_error_add(f, "; this VM knows up to ");
        beam_error_add_number(f, MAX_OPCODE);
    }
    return -1;
}

/* ---- integers and other long values ---- */

COLD const uint8_t *compact_long(const uint8_t *p, const uint8_t *end, unsigned first,
                                 compact_t *out) {
    size_t n = (first >> 5) + 2;
    if (n == 9) { /* the number of bytes follows, less 9 */
        if (p >= end || (*p & 7) != TAG_U) return NULL;
        unsigned b = *p++;
        if ((b & 8) == 0) {
            n += b >> 4;
        } else if ((b & 16) == 0) {
            if (p >= end) return NULL;
            n += (size_t)(b >> 5) << 8 | *p++;
        } else {
            /* two bytes of count already mean a number of 64 kB: more is nonsense but for the
             * form with exactly 2 bytes */
            if (b >> 5 != 0 || end - p < 2) return NULL;
            n += (size_t)p[0] << 8 | p[1];
            p += 2;
        }
    }
    if (n > (size_t)(end - p)) return NULL;
    const uint8_t *digits = p;
    p += n;
    bool negative = digits[0] >= 0x80;
    uint8_t fill = negative ? 0xff : 0;
    if (out->tag != TAG_I) {
        if (negative) return NULL;
        while (n > 0 && *digits == 0) digits++, n--;
        if (n > 8) return NULL;
    } else {
        while (n > 8 && digits[0] == fill && (digits[1] & 0x80) == (fill & 0x80)) digits++, n--;
        if (n > 8) {
            out->big = digits;
            out->value = n;
            return p;
        }
    }
    uint64_t v = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | digits[i];
    out->value = v;
    return p;
}

/* ---- the instruction stream ---- */

#define K(kind) (1u << (kind))
enum {
    K_REG = K(ARG_X) | K(ARG_Y),
    K_SRC = K_REG | K(ARG_INT) | K(ARG_BIG) | K(ARG_ATOM) | K(ARG_NIL) | K(ARG_LITERAL),
    K_NUM = K(ARG_U) | K(ARG_INT)
};

/* Kinds a letter of opcodes.def allows. */
static const uint16_t letter_kinds[128] = {
    ['u'] = K(ARG_U),
    ['q'] = K(ARG_U),
    ['v'] = K(ARG_U),
    ['H'] = K(ARG_U) | K(ARG_ALLOC),
    ['L'] = K(ARG_U),
    ['j'] = K(ARG_LABEL),
    ['f'] = K(ARG_LABEL),
    ['m'] = K(ARG_LABEL) | K(ARG_ATOM),
    ['A'] = K(ARG_ATOM),
    ['s'] = K_SRC,
    ['z'] = K_SRC | K(ARG_U),
    ['r'] = K_REG,
    ['d'] = K_REG,
    ['y'] = K(ARG_Y),
    ['R'] = K(ARG_FR),
    ['p'] = K(ARG_FR) | K_REG | K(ARG_LITERAL),
    ['P'] = K(ARG_FR) | K_REG,
    ['I'] = K(ARG_U),
    ['F'] = K(ARG_U),
    ['k'] = K(ARG_U) | K(ARG_ATOM),
    ['l'] = K(ARG_U),
    ['S'] = K(ARG_U),
    ['1'] = K(ARG_LIST),
    ['2'] = K(ARG_LIST),
    ['3'] = K(ARG_LIST),
    ['4'] = K(ARG_LIST),
    ['5'] = K(ARG_LIST),
    ['6'] = K(ARG_LIST),
    ['7'] = K(ARG_LIST),
    ['8'] = K(ARG_LIST),
    ['9'] = K(ARG_LIST),
};

/* Kinds of a list's elements at even and odd places. Lists 7 and 8 have an inner structure,
 * checked apart. */
static const uint16_t list_kinds[10][2] = {
    [1] = {K(ARG_INT) | K(ARG_BIG) | K(ARG_ATOM) | K(ARG_NIL) | K(ARG_LITERAL), K(ARG_LABEL)},
    [2] = {K_NUM, K(ARG_LABEL)},
    [3] = {K_SRC, K_SRC},
    [4] = {K_SRC, K_SRC},
    [5] = {K_SRC, K_REG},
    [6] = {K(ARG_Y), K(ARG_Y)},
    [7] = {K_SRC | K(ARG_U), K_SRC | K(ARG_U)},
    [8] = {K_SRC | K(ARG_U), K_SRC | K(ARG_U)},
    [9] = {K_NUM, K_SRC},
};

static COLD int operand_error(beam_cursor_t *c, const uint8_t *at, const char *why, uint64_t a,
                              uint64_t b) {
    beam_file_t *f = c->file;
    beam_error(f, "Code", at, why, a, b);
    beam_error_add(f, " in ");
    beam_error_add(f, opcodes[c->op.opcode].name);
    return -1;
}

/* Number behind an extended tag. */
static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, uint64_t *out) {
    compact_t v;
    p = compact_read(p, end, &v);
    if (p == NULL || v.tag != TAG_U) return NULL;
    *out = v.value;
    return p;
}

static const uint8_t *bad_operand(beam_cursor_t *c, const uint8_t *at) {
    operand_error(c, at, "malformed operand", 0, 0);
    return NULL;
}

/* words + 2 per float + the words of an empty closure per fun */
static const uint8_t *read_alloc_list(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                      beam_arg_t *a) {
    uint64_t count, what, n, need = 0;
    const uint8_t *at = p;
    p = read_number(p, end, &count);
    if (p == NULL || count > 3) return bad_operand(c, at);
    while (count-- > 0) {
        if ((p = read_number(p, end, &what)) == NULL || (p = read_number(p, end, &n)) == NULL ||
            what > 2 || n > MAX_NEED)
            return bad_operand(c, at);
        need += n * (what == 0 ? 1 : what == 1 ? FLOAT_WORDS : FUN_WORDS(0));
    }
    a->kind = ARG_ALLOC;
    a->value = need;
    return p;
}

/* Behind tag z with number `what`, everything but a list. */
static const uint8_t *read_extended(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                    uint64_t what, beam_arg_t *a) {
    const uint8_t *at = p;
    uint64_t n;
    switch (what) {
    case Z_FLOAT_REG:
        p = read_number(p, end, &n);
        if (p == NULL || n >= FLOAT_REGS) return bad_operand(c, at);
        a->kind = ARG_FR;
        a->value = n;
        return p;
    case Z_ALLOC_LIST: return read_alloc_list(c, p, end, a);
    case Z_LITERAL:
        p = read_number(p, end, &n);
        if (p == NULL) return bad_operand(c, at);
        if (n >= c->file->nliterals) {
            operand_error(c, at, "literal # out of range (# literals)", n, c->file->nliterals);
            return NULL;
        }
        a->kind = ARG_LITERAL;
        a->value = n;
        return p;
    case Z_TYPED: {
        /* A register and what the compiler knows of its type; we do without. */
        compact_t v;
        p = compact_read(p, end, &v);
        if (p == NULL || (v.tag != TAG_X && v.tag != TAG_Y) ||
            v.value >= (v.tag == TAG_X ? X_REGS : MAX_Y_REGS))
            return bad_operand(c, at);
        a->kind = v.tag == TAG_X ? ARG_X : ARG_Y;
        a->value = v.value;
        p = read_number(p, end, &n);
        return p != NULL ? p : bad_operand(c, at);
    }
    default: return bad_operand(c, at);
    }
}

/* One operand. A list's elements are left to the caller: value is their number. NULL: error. */
static inline const uint8_t *read_operand(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                          beam_arg_t *a) {
    compact_t v;
    const uint8_t *at = p;
    p = compact_read(p, end, &v);
    if (UNLIKELY(p == NULL)) return bad_operand(c, at);
    a->value = v.value;
    switch (v.tag) {
    case TAG_U: a->kind = ARG_U; return p;
    case TAG_X:
        if (UNLIKELY(v.value >= X_REGS)) break;
        a->kind = ARG_X;
        return p;
    case TAG_Y:
        if (UNLIKELY(v.value >= MAX_Y_REGS)) break;
        a->kind = ARG_Y;
        return p;
    case TAG_A:
        if (v.value == 0) {
            a->kind = ARG_NIL;
            return p;
        }
        if (UNLIKELY(v.value >= c->file->natoms)) {
            operand_error(c, at, "atom # out of range (# atoms)", v.value, c->file->natoms - 1);
            return NULL;
        }
        a->kind = ARG_ATOM;
        a->value = c->file->atoms[v.value];
        return p;
    case TAG_F:
        if (UNLIKELY(v.value >= c->file->nlabels)) {
            operand_error(c, at, "label # out of range (# labels)", v.value, c->file->nlabels);
            return NULL;
        }
        a->kind = ARG_LABEL;
        return p;
    case TAG_I:
        a->kind = v.big != NULL ? ARG_BIG : ARG_INT;
        a->big = v.big;
        return p;
    case TAG_H:
        if (v.value > 0x10ffff) break;
        a->kind = ARG_INT;
        return p;
    default:
        if (v.value == Z_LIST_TAG) {
            uint64_t n;
            p = read_number(p, end, &n);
            if (p == NULL || n > (size_t)(end - p)) break;
            a->kind = ARG_LIST;
            a->value = n;
            return p;
        }
        return read_extended(c, p, end, v.value, a);
    }
    return bad_operand(c, at);
}

static bool list_reserve(beam_cursor_t *c, uint64_t n) {
    beam_op_t *op = &c->op;
    if (op->list != NULL && n <= op->list_cap) return true;
    /* n is bounded by the code's size, so this cannot overflow. */
    uint32_t cap = op->list_cap * 2;
    if (cap < n) cap = (uint32_t)n;
    if (cap < 32) cap = 32;
    beam_arg_t *list =
        mem_realloc(c->file->vm, op->list, op->list_cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) {
        beam_out_of_memory(c->file);
        return false;
    }
    op->list = list;
    op->list_cap = cap;
    return true;
}

static bool string_in_range(const beam_file_t *f, uint64_t offset, uint64_t bytes) {
    return offset <= f->strings_size && bytes <= f->strings_size - offset;
}

/* Segments of bs_create_bin: type, segment number, unit, flags, value, size. */
static bool create_bin_ok(const beam_file_t *f, const beam_arg_t *e, uint64_t n) {
    if (n % 6 != 0) return false;
    for (; n > 0; n -= 6, e += 6) {
        if (e[0].kind != ARG_ATOM || e[1].kind != ARG_U || e[2].kind != ARG_U ||
            (e[3].kind != ARG_NIL && e[3].kind != ARG_LITERAL) || e[2].value > 256)
            return false;
        if (e[0].value == A_string) {
            if (e[4].kind != ARG_U || (K_NUM & K(e[5].kind)) == 0 || e[5].value > MAX_NUMBER ||
                !string_in_range(f, e[4].value, e[5].value * e[2].value / 8))
                return false;
        } else if ((K_SRC & K(e[4].kind)) == 0 || (K_SRC & K(e[5].kind)) == 0) {
            return false;
        }
    }
    return true;
}

/* Commands of bs_match: each an atom and its arguments. n: number, s: small register count or
 * NIL, f: flags, r: register, v: number of any size. */
static bool match_command_ok(const beam_arg_t *e, const char *args) {
    for (; *args != 0; args++, e++) {
        bool number = (K_NUM & K(e->kind)) != 0;
        switch (*args) {
        case 'n':
            if (!number || e->value > MAX_NUMBER) return false;
            break;
        case 's':
            if (e->kind != ARG_NIL && (!number || e->value > X_REGS)) return false;
            break;
        case 'f':
            if (e->kind != ARG_NIL && e->kind != ARG_LITERAL) return false;
            break;
        case 'r':
            if ((K_REG & K(e->kind)) == 0) return false;
            break;
        default:
            if (!number && e->kind != ARG_BIG) return false;
        }
    }
    return true;
}

static bool match_commands_ok(const beam_arg_t *e, uint64_t n) {
    while (n > 0) {
        if (e->kind != ARG_ATOM) return false;
        const char *args;
        switch (e->value) {
        case A_ensure_at_least: args = "nn"; break;
        case A_ensure_exactly: args = "n"; break;
        case A_integer:
        case A_binary: args = "sfnnr"; break;
        case A_skip: args = "n"; break;
        case A_get_tail: args = "snr"; break;
        case A_exact_eq: args = "snv"; break;
        default: return false;
        }
        size_t len = strlen(args);
        if (n - 1 < len || !match_command_ok(e + 1, args)) return false;
        e += 1 + len;
        n -= 1 + len;
    }
    return true;
}

/* The elements of the list a (its count is read) behind p. */
static const uint8_t *read_list(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                unsigned type, beam_arg_t *a) {
    beam_op_t *op = &c->op;
    const uint8_t *at = p;
    uint64_t n = a->value;
    uint32_t first = op->nlist;
    bool paired = type != 4 && type != 6 && type < 7;
    if ((paired || type == 9) && n % 2 != 0) return bad_operand(c, at);
    if (type == 4 && op->opcode == 157 && n == 0) return bad_operand(c, at);
    if (!list_reserve(c, first + n)) return NULL;
    a->list = first;
    beam_arg_t *e = op->list + first;
    const uint16_t even = list_kinds[type][0], odd = list_kinds[type][1];
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *place = p;
        p = read_operand(c, p, end, &e[i]);
        if (UNLIKELY(p == NULL)) return NULL;
        unsigned allowed = i & 1 ? odd : even;
        if (UNLIKELY((allowed & K(e[i].kind)) == 0)) {
            operand_error(c, place, "operand of a wrong kind at place # of a list", i, 0);
            return NULL;
        }
        if ((type == 1 || type == 2) && (i & 1) != 0 && e[i].value == 0)
            return bad_operand(c, place);
        if ((type == 2 || type == 9) && (i & 1) == 0 && e[i].value > MAX_NUMBER)
            return bad_operand(c, place);
    }
    op->nlist = first + (uint32_t)n;
    if ((type == 7 && !create_bin_ok(c->file, e, n)) || (type == 8 && !match_commands_ok(e, n)))
        return bad_operand(c, at);
    return p;
}

/* What the letter asks beyond the kind. i: place of the operand. false: refused. */
static bool operand_ok(beam_cursor_t *c, char letter, unsigned i) {
    beam_file_t *f = c->file;
    beam_op_t *op = &c->op;
    beam_arg_t *a = &op->arg[i];
    switch (letter) {
    case 'u': return a->value <= MAX_NUMBER;
    case 'q': return a->value <= MAX_ARITY;
    case 'v': return a->value <= X_REGS;
    case 'H': return a->value <= MAX_NEED;
    case 'L': return a->value != 0 && a->value < f->nlabels;
    case 'j': return a->value != 0;
    case 'z': return a->kind != ARG_U || a->value <= MAX_NUMBER;
    case 'I': {
        if (a->value >= f->nimports) return false;
        unsigned arity = f->imports[a->value].arity;
        switch (op->opcode) {
        case 9: return arity == 0;
        case 10:
        case 124: return arity == 1;
        case 11:
        case 125: return arity == 2;
        case 152: return arity == 3;
        default: return arity == op->arg[0].value; /* call_ext and its kin */
        }
    }
    case 'F': return a->value < f->nlambdas;
    case 'k': return a->kind == ARG_ATOM || a->value < f->nlambdas;
    case 'l':
        if (f->nlines == 1) a->value = 0; /* stripped: the instructions stay */
        return a->value < f->nlines;
    case 'S': { /* the size stands before it: in bits, for bs_put_string in bytes */
        uint64_t size = op->arg[i - 1].value;
        return string_in_range(f, a->value, op->opcode == 92 ? size : (size + 7) / 8);
    }
    default: return true;
    }
}

void beam_cursor_init(beam_cursor_t *c, beam_file_t *f) {
    memset(c, 0, sizeof *c);
    c->file = f;
    c->pos = f->code;
}

void beam_cursor_free(beam_cursor_t *c) {
    if (c->file != NULL) mem_free(c->file->vm, c->op.list, c->op.list_cap * sizeof *c->op.list);
    c->op.list = NULL;
    c->op.list_cap = 0;
}

static COLD int at_end(beam_cursor_t *c) {
    beam_file_t *f = c->file;
    if (c->nfunctions != f->nfunctions)
        return beam_error(f, "Code", c->pos, "# functions where the header says #", c->nfunctions,
                          f->nfunctions);
    return 0;
}

int beam_next(beam_cursor_t *c) {
    beam_file_t *f = c->file;
    beam_op_t *op = &c->op;
    const uint8_t *p = c->pos, *end = f->code + f->code_size;
    if (op->opcode == INT_CODE_END) return at_end(c);
    if (UNLIKELY(p >= end)) return beam_error(f, "Code", p, "ends without int_code_end", 0, 0);
    unsigned opcode = *p;
    if (UNLIKELY(opcode == 0 || opcode > MAX_OPCODE || opcodes[opcode].obsolete))
        return opcode_error(f, p, opcode);
    op->offset = (uint32_t)(p - f->bytes);
    op->opcode = opcode;
    op->nlist = 0;
    p++;
    const char *letters = operands_of[opcode];
    unsigned i;
    for (i = 0; letters[i] != 0; i++) {
        beam_arg_t *a = &op->arg[i];
        const uint8_t *at = p;
        p = read_operand(c, p, end, a);
        if (UNLIKELY(p == NULL)) return -1;
        char letter = letters[i];
        if (UNLIKELY((letter_kinds[(unsigned char)letter] & K(a->kind)) == 0))
            return operand_error(c, at, "operand # is of a wrong kind", i + 1, 0);
        if (a->kind == ARG_LIST) {
            p = read_list(c, p, end, (unsigned)(letter - '0'), a);
            if (UNLIKELY(p == NULL)) return -1;
        } else if (UNLIKELY(!operand_ok(c, letter, i))) {
            return operand_error(c, at, "operand # (value #) is out of range", i + 1, a->value);
        }
    }
    op->nargs = i;
    if (opcode == 2 && ++c->nfunctions > f->nfunctions)
        return beam_error(f, "Code", p, "more than the # functions the header says", f->nfunctions,
                          0);
    if (opcode == 171 && op->arg[2].value != f->lambdas[op->arg[0].value].num_free)
        return operand_error(c, c->pos, "fun takes # free variables, not #",
                             f->lambdas[op->arg[0].value].num_free, op->arg[2].value);
    c->pos = p;
    return opcode == INT_CODE_END ? at_end(c) : 1;
}
