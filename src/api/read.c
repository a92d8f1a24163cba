/* read.c: looking into terms. */
#include "api/api.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/map.h"
#include "vm/print.h"
#include "vm/utf8.h"

ling_type_t ling_type(ling_term_t t) {
    if (!is_term(t)) return LING_TYPE_NONE;
    if (is_small(t)) return LING_TYPE_INTEGER;
    if (is_cons(t)) return LING_TYPE_CONS;
    if (is_nil(t)) return LING_TYPE_NIL;
    if (is_atom(t)) return LING_TYPE_ATOM;
    if (is_local_pid(t)) return LING_TYPE_PID;
    if (is_local_port(t)) return LING_TYPE_PORT;
    switch (boxed_type(t)) {
    case T_TUPLE: return LING_TYPE_TUPLE;
    case T_FUN:
    case T_EXPORT_FUN: return LING_TYPE_FUN;
    case T_MAP:
    case T_HAMT: return LING_TYPE_MAP;
    case T_SUB_BIN: return bit_size_of(t) % 8 ? LING_TYPE_BITSTRING : LING_TYPE_BINARY;
    case T_HEAP_BIN:
    case T_PROC_BIN: return LING_TYPE_BINARY;
    case T_BIG_POS:
    case T_BIG_NEG: return LING_TYPE_INTEGER;
    case T_FLOAT: return LING_TYPE_FLOAT;
    case T_REF:
    case T_MAGIC_REF:
    case T_EXT_REF: return LING_TYPE_REFERENCE;
    case T_EXT_PID: return LING_TYPE_PID;
    case T_EXT_PORT: return LING_TYPE_PORT;
    default: return LING_TYPE_NONE;
    }
}

int ling_is_int(ling_term_t t) { return is_integer(t); }
int ling_is_float(ling_term_t t) { return is_float(t); }
int ling_is_atom(ling_term_t t) { return is_atom(t); }
int ling_is_binary(ling_term_t t) { return ling_type(t) == LING_TYPE_BINARY; }
int ling_is_list(ling_term_t t) { return is_list(t); }
int ling_is_tuple(ling_term_t t) { return is_tuple(t); }
int ling_is_map(ling_term_t t) { return is_map(t); }
int ling_is_pid(ling_term_t t) { return is_pid(t); }
int ling_is_atom_named(ling_vm_t *vm, ling_term_t t, const char *utf8) {
    return is_atom(t) && utf8 && strcmp(atom_name(vm, t), utf8) == 0;
}

int ling_get_int(ling_term_t t, int64_t *value) {
    if (!is_integer(t)) return LING_ETYPE;
    return term_to_int64(t, value) ? LING_OK : LING_ERANGE;
}
int ling_get_uint(ling_term_t t, uint64_t *value) {
    if (!is_integer(t)) return LING_ETYPE;
    return term_to_uint64(t, value) ? LING_OK : LING_ERANGE;
}
int ling_get_double(ling_term_t t, double *value) {
    if (is_float(t)) {
        *value = float_value(t);
        return LING_OK;
    }
    if (!is_integer(t)) return LING_ETYPE;
    return integer_to_double(t, value) ? LING_OK : LING_ERANGE;
}

int ling_get_atom(ling_vm_t *vm, ling_term_t t, const char **utf8, size_t *bytes) {
    if (!is_atom(t)) return LING_ETYPE;
    const atom_text_t *text = atom_text(vm, t);
    *utf8 = (const char *)text->name;
    if (bytes) *bytes = text->bytes;
    return LING_OK;
}

int ling_get_binary(ling_env_t *env, ling_term_t t, const void **bytes, size_t *size) {
    bits_t b;
    if (ling_type(t) != LING_TYPE_BINARY || !bits_of(t, &b)) return LING_ETYPE;
    if (b.bit_offset && !env) return LING_EINVAL;
    *size = b.bit_size / 8;
    if (b.bit_offset == 0) {
        *bytes = b.base;
        return LING_OK;
    }
    uint8_t *data;
    if (binary_new(env->p, *size, &data) == TERM_NONE) return LING_ENOMEM;
    bits_copy(data, 0, b.base, b.bit_offset, b.bit_size);
    *bytes = data;
    return LING_OK;
}

int ling_get_tuple(ling_term_t t, const ling_term_t **elements, size_t *count) {
    if (!is_tuple(t)) return LING_ETYPE;
    *elements = tuple_elems(t);
    *count = tuple_arity(t);
    return LING_OK;
}

int ling_get_cons(ling_term_t t, ling_term_t *head, ling_term_t *tail) {
    if (!is_cons(t)) return LING_ETYPE;
    *head = cons_head(t);
    *tail = cons_tail(t);
    return LING_OK;
}

int64_t ling_list_length(ling_term_t t) {
    int64_t n = is_list(t) ? list_length(t) : -1;
    return n < 0 ? LING_ETYPE : n;
}

/* ---- text ---- */

typedef struct {
    char *buf;
    size_t size, len;
} out_t;
static void out_byte(out_t *o, uint8_t b) {
    if (o->len < o->size) o->buf[o->len] = (char)b;
    o->len++;
}
static bool out_char(out_t *o, int64_t c) {
    uint8_t b[UTF8_MAX];
    if (c < 0 || !is_unicode((uint64_t)c)) return false;
    unsigned n = utf8_write(b, (uint32_t)c);
    for (unsigned i = 0; i < n; i++) out_byte(o, b[i]);
    return true;
}

int ling_get_text(ling_vm_t *vm, ling_term_t term, char *buf, size_t size, size_t *length) {
    /* Tails to come back to, when heads are lists themselves. */
    term_t *stack = NULL;
    size_t depth = 0, cap = 0;
    int rc = LING_ETYPE;
    out_t o = {buf, size, 0};
    term_t t = term;
    if (!is_list(t) && ling_type(t) != LING_TYPE_BINARY) return LING_ETYPE;
    for (;;) {
        bits_t b;
        if (is_cons(t)) {
            term_t head = cons_head(t);
            if (is_small(head)) {
                if (!out_char(&o, small_value(head))) goto done;
                t = cons_tail(t);
                continue;
            }
            if (depth == cap) {
                size_t want = cap ? 2 * cap : 32;
                term_t *more = mem_realloc(vm, stack, cap * sizeof(term_t), want * sizeof(term_t));
                if (!more) {
                    rc = LING_ENOMEM;
                    goto done;
                }
                stack = more;
                cap = want;
            }
            stack[depth++] = cons_tail(t);
            t = head;
            continue;
        }
        if (!is_nil(t)) {
            if (ling_type(t) != LING_TYPE_BINARY || !bits_of(t, &b)) goto done;
            for (size_t i = 0; i < b.bit_size; i += 8)
                out_byte(&o, (uint8_t)bits_get64(b.base, b.bit_offset + i, 8));
        }
        if (depth == 0) break;
        t = stack[--depth];
    }
    if (length) *length = o.len;
    rc = o.len < size ? LING_OK : LING_ERANGE;
    if (size) buf[o.len < size ? o.len : size - 1] = 0;
done:
    mem_free(vm, stack, cap * sizeof(term_t));
    return rc;
}

int64_t ling_format_term(ling_vm_t *vm, ling_term_t term, char *buf, size_t size) {
    if (!is_term(term)) return LING_EINVAL;
    text_t t;
    text_init(&t, vm);
    text_term(&t, term);
    int64_t len = t.failed ? LING_ENOMEM : (int64_t)t.len;
    if (!t.failed && size) {
        size_t n = t.len < size ? t.len : size - 1;
        if (n) memcpy(buf, t.data, n);
        buf[n] = 0;
    }
    text_free(&t);
    return len;
}

/* ---- maps, order ---- */

int ling_map_size(ling_term_t t, size_t *count) {
    if (!is_map(t)) return LING_ETYPE;
    *count = map_size(t);
    return LING_OK;
}

int ling_map_get(ling_vm_t *vm, ling_term_t map, ling_term_t key, ling_term_t *value) {
    if (!is_map(map)) return LING_ETYPE;
    *value = map_get(vm, map, key);
    return *value == TERM_NONE ? LING_ENOENT : LING_OK;
}

int ling_map_each(ling_term_t map, ling_pair_fn fn, void *user) {
    if (!is_map(map)) return LING_ETYPE;
    map_iter_t it;
    term_t key, value;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &key, &value)) {
        int rc = fn(user, key, value);
        if (rc) return rc;
    }
    return LING_OK;
}

int ling_equal(ling_vm_t *vm, ling_term_t a, ling_term_t b) { return term_eq(vm, a, b); }
int ling_compare(ling_vm_t *vm, ling_term_t a, ling_term_t b) { return term_cmp(vm, a, b); }
