/* bif_terms.c: BIFs on terms of all kinds: comparison, type tests, tuples, atoms, hashes, the text
 * of pids, references, ports and funs, and what erts_debug tells of a term.
 *
 * Relies on compare.h, hash.h, copy.h, print.h and the atom table.
 */
#include "vm/bif.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/etf.h"
#include "vm/hash.h"
#include "vm/map.h"
#include "vm/print.h"
#include "vm/process.h"
#include "vm/wstack.h"

#define TUPLE_MAX ((1 << 24) - 1) /* as OTP */

/* ---- comparison ---- */

static BIF(op_eq) { return make_bool(term_cmp(p->vm, a[0], a[1]) == 0); }
static BIF(op_ne) { return make_bool(term_cmp(p->vm, a[0], a[1]) != 0); }
static BIF(op_lt) { return make_bool(term_cmp(p->vm, a[0], a[1]) < 0); }
static BIF(op_le) { return make_bool(term_cmp(p->vm, a[0], a[1]) <= 0); }
static BIF(op_gt) { return make_bool(term_cmp(p->vm, a[0], a[1]) > 0); }
static BIF(op_ge) { return make_bool(term_cmp(p->vm, a[0], a[1]) >= 0); }
static BIF(op_exact_eq) { return make_bool(term_eq(p->vm, a[0], a[1])); }
static BIF(op_exact_ne) { return make_bool(!term_eq(p->vm, a[0], a[1])); }
static BIF(internal_cmp_term) {
    int c = term_cmp_exact(p->vm, a[0], a[1]);
    return make_small((c > 0) - (c < 0));
}

/* ---- booleans ---- */

static bool is_bool(term_t t) { return t == A_true || t == A_false; }

static BIF(bool_not) { return is_bool(a[0]) ? make_bool(a[0] == A_false) : bif_badarg(p); }
static BIF(bool_and) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] == A_true && a[1] == A_true);
}
static BIF(bool_or) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] == A_true || a[1] == A_true);
}
static BIF(bool_xor) {
    if (!is_bool(a[0]) || !is_bool(a[1])) return bif_badarg(p);
    return make_bool(a[0] != a[1]);
}

/* ---- type tests ---- */

#define TYPE_TEST(name, test)                                                                      \
    static BIF(name) {                                                                             \
        (void)p;                                                                                   \
        return make_bool(test(a[0]));                                                              \
    }
TYPE_TEST(test_atom, is_atom)
TYPE_TEST(test_binary, is_binary)
TYPE_TEST(test_bitstring, is_bitstring)
TYPE_TEST(test_boolean, is_bool)
TYPE_TEST(test_float, is_float)
TYPE_TEST(test_function, is_fun)
TYPE_TEST(test_integer, is_integer)
TYPE_TEST(test_list, is_list)
TYPE_TEST(test_map, is_map)
TYPE_TEST(test_number, is_number)
TYPE_TEST(test_pid, is_pid)
TYPE_TEST(test_port, is_port)
TYPE_TEST(test_reference, is_ref)
TYPE_TEST(test_tuple, is_tuple)

static const export_t *export_of(term_t fun) {
    return (const export_t *)(uintptr_t)boxed_ptr(fun)[1];
}
static const fun_entry_t *entry_of(term_t fun) {
    return ((const fun_obj_t *)boxed_ptr(fun))->entry;
}
static uint32_t fun_arity(term_t fun) {
    return is_export_fun(fun) ? export_of(fun)->arity : entry_of(fun)->arity;
}

static BIF(test_function_arity) {
    if (is_big(a[1]) && !big_is_neg(a[1])) return A_false;
    if (!is_small(a[1]) || small_value(a[1]) < 0) return bif_badarg(p);
    return make_bool(is_fun(a[0]) && fun_arity(a[0]) == small_value(a[1]));
}

static BIF(test_record) {
    if (!is_atom(a[1])) return bif_badarg(p);
    return make_bool(is_tuple(a[0]) && tuple_arity(a[0]) > 0 && tuple_elem(a[0], 1) == a[1]);
}
static BIF(test_record_size) {
    if (!is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    return make_bool(is_tuple(a[0]) && tuple_arity(a[0]) > 0 && tuple_elem(a[0], 1) == a[1] &&
                     (int64_t)tuple_arity(a[0]) == small_value(a[2]));
}

/* ---- lists ---- */

static BIF(list_hd) { return is_cons(a[0]) ? cons_head(a[0]) : bif_badarg(p); }
static BIF(list_tl) { return is_cons(a[0]) ? cons_tail(a[0]) : bif_badarg(p); }
#define CELL_TICK(n) BIF_TICK_EVERY(p, n, CELLS_PER_TICK, CELLS_PER_TICK / CELLS_PER_RED)

LONG_BIF(length_of) {
    int64_t n = list_length_long(p, a[0]);
    if (n < 0) return n == LIST_STOPPED ? TERM_NONE : bif_badarg(p);
    bif_bump(p, (size_t)n % CELLS_PER_TICK / CELLS_PER_RED);
    return make_small(n);
}

/* ---- tuples ---- */

/* Position 1..max. */
static bool position_of(term_t t, size_t max, size_t *out) {
    if (!is_small(t) || small_value(t) < 1 || (uint64_t)small_value(t) > max) return false;
    *out = (size_t)small_value(t);
    return true;
}

/* A tuple's words with the header written, or NULL. */
static term_t *tuple_alloc(proc_t *p, size_t arity) {
    term_t *t = heap_alloc(p, arity + 1);
    if (t) t[0] = make_header(T_TUPLE, arity);
    bif_bump(p, arity / 64);
    return t;
}

static BIF(tuple_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    return tuple_elem(a[1], i);
}

static BIF(tuple_setelement) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    size_t n = tuple_arity(a[1]);
    term_t *t = tuple_alloc(p, n);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(a[1]), n * sizeof *t);
    t[i] = a[2];
    return make_boxed(t);
}

static BIF(tuple_size_of) {
    return is_tuple(a[0]) ? make_small((int64_t)tuple_arity(a[0])) : bif_badarg(p);
}

static BIF(size_of) {
    if (is_tuple(a[0])) return make_small((int64_t)tuple_arity(a[0]));
    if (is_bitstring(a[0])) return make_small((int64_t)(bit_size_of(a[0]) / 8));
    return bif_badarg(p);
}

LONG_BIF(tuple_to_list) {
    if (!is_tuple(a[0])) return bif_badarg(p);
    size_t n = tuple_arity(a[0]);
    if (bif_begin(p, n / CELLS_PER_RED)) return TERM_NONE;
    term_t list = TERM_NIL, *hp = heap_alloc(p, 2 * n);
    if (!hp && n > 0) return bif_oom(p);
    for (size_t i = n; i >= 1; i--) {
        list = cons(&hp, tuple_elem(a[0], i), list);
        if (CELL_TICK(i)) return TERM_NONE;
    }
    bif_bump(p, n % CELLS_PER_TICK / CELLS_PER_RED);
    return list;
}

LONG_BIF(list_to_tuple) {
    int64_t n = list_length_long(p, a[0]);
    if (n == LIST_STOPPED) return TERM_NONE;
    if (n < 0 || n > TUPLE_MAX) return bif_badarg(p);
    if (bif_begin(p, (size_t)n / CELLS_PER_RED)) return TERM_NONE;
    term_t *t = tuple_alloc(p, (size_t)n), *q = t;
    if (!t) return bif_oom(p);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        *++q = cons_head(l);
        if (CELL_TICK((size_t)(q - t))) return TERM_NONE;
    }
    return make_boxed(t);
}

static term_t *tuple_filled(proc_t *p, term_t size, term_t value) {
    size_t n = 0;
    if (size != make_small(0) && !position_of(size, TUPLE_MAX, &n)) {
        bif_badarg(p);
        return NULL;
    }
    term_t *t = tuple_alloc(p, n);
    if (!t) {
        bif_oom(p);
        return NULL;
    }
    for (size_t i = 1; i <= n; i++) t[i] = value;
    return t;
}

static BIF(make_tuple_2) {
    term_t *t = tuple_filled(p, a[0], a[1]);
    return t ? make_boxed(t) : TERM_NONE;
}

static BIF(make_tuple_3) {
    term_t *t = tuple_filled(p, a[0], a[1]), l = a[2];
    if (!t) return TERM_NONE;
    size_t n = header_size(t[0]), i;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t x = cons_head(l);
        if (!is_tuple_of(x, 2) || !position_of(tuple_elem(x, 1), n, &i)) return bif_badarg(p);
        t[i] = tuple_elem(x, 2);
    }
    return is_nil(l) ? make_boxed(t) : bif_badarg(p);
}

/* tuple with value put in at position i. */
static term_t tuple_insert(proc_t *p, term_t tuple, size_t i, term_t value) {
    size_t n = tuple_arity(tuple);
    if (n >= TUPLE_MAX) return bif_badarg(p);
    term_t *t = tuple_alloc(p, n + 1);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(tuple), (i - 1) * sizeof *t);
    t[i] = value;
    memcpy(t + i + 1, tuple_elems(tuple) + i - 1, (n + 1 - i) * sizeof *t);
    return make_boxed(t);
}

static BIF(tuple_append_element) {
    if (!is_tuple(a[0])) return bif_badarg(p);
    return tuple_insert(p, a[0], tuple_arity(a[0]) + 1, a[1]);
}

static BIF(tuple_insert_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]) + 1, &i)) return bif_badarg(p);
    return tuple_insert(p, a[1], i, a[2]);
}

static BIF(tuple_delete_element) {
    size_t i;
    if (!is_tuple(a[1]) || !position_of(a[0], tuple_arity(a[1]), &i)) return bif_badarg(p);
    size_t n = tuple_arity(a[1]);
    term_t *t = tuple_alloc(p, n - 1);
    if (!t) return bif_oom(p);
    memcpy(t + 1, tuple_elems(a[1]), (i - 1) * sizeof *t);
    memcpy(t + i, tuple_elems(a[1]) + i, (n - i) * sizeof *t);
    return make_boxed(t);
}

/* ---- atoms ---- */

static BIF(atom_to_list) {
    if (!is_atom(a[0])) return bif_badarg(p);
    const atom_text_t *t = atom_text(p->vm, a[0]);
    if (t->chars == t->bytes) {
        term_t list = bytes_to_list(p, t->name, t->bytes, TERM_NIL);
        return list == TERM_NONE ? bif_oom(p) : list;
    }
    term_t *hp = heap_alloc(p, 2 * (size_t)t->chars), list = TERM_NIL;
    if (!hp) return bif_oom(p);
    uint32_t c = 0;
    unsigned shift = 0;
    for (size_t i = t->bytes; i-- > 0;) { /* backwards: continuation bytes come first */
        c |= (uint32_t)(t->name[i] & 0x3f) << shift;
        shift += 6;
        if ((t->name[i] & 0xc0) == 0x80) continue;
        if (t->name[i] >= 0x80) {
            static const uint32_t mask[] = {0, 0, 0x7ff, 0xffff, 0x1fffff};
            c &= mask[shift / 6];
        } else {
            c = t->name[i];
        }
        list = cons(&hp, make_small(c), list);
        c = shift = 0;
    }
    return list;
}

static size_t utf8_encode(uint32_t c, uint8_t *s) {
    if (c < 0x80) return s[0] = (uint8_t)c, 1;
    unsigned n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned i = n; i-- > 1; c >>= 6) s[i] = (uint8_t)(0x80 | (c & 0x3f));
    s[0] = (uint8_t)(0xf00u >> n | c);
    return n;
}

/* Text of an atom to be, as UTF-8 in buf; 0 or the reason it cannot be one. */
static term_t list_to_text(term_t l, uint8_t *buf, size_t *len) {
    size_t chars = 0;
    *len = 0;
    for (; is_cons(l); l = cons_tail(l)) {
        if (++chars > ATOM_MAX_CHARS) return A_system_limit;
        term_t h = cons_head(l);
        if (!is_small(h) || small_value(h) < 0 || small_value(h) > 0x10ffff) return A_badarg;
        uint32_t c = (uint32_t)small_value(h);
        if (c >= 0xd800 && c < 0xe000) return A_badarg;
        *len += utf8_encode(c, buf + *len);
    }
    return is_nil(l) ? 0 : A_badarg;
}

/* For text that is known to be good. */
static term_t text_to_atom(proc_t *p, const uint8_t *s, size_t len) {
    term_t atom = atom_intern(p->vm, s, len);
    return atom == TERM_NONE ? bif_system_limit(p) : atom; /* the table is full */
}
static term_t text_to_existing(proc_t *p, const uint8_t *s, size_t len) {
    term_t atom = atom_find(p->vm, s, len);
    return atom == TERM_NONE ? bif_badarg(p) : atom;
}

static BIF(list_to_atom) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = list_to_text(a[0], buf, &len);
    return reason ? bif_error(p, reason) : text_to_atom(p, buf, len);
}
static BIF(list_to_existing_atom) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = list_to_text(a[0], buf, &len);
    return reason ? bif_badarg(p) : text_to_existing(p, buf, len);
}

static bool is_utf8_name(term_t t) { return t == A_utf8 || t == A_unicode; }

static term_t atom_to_bin(proc_t *p, term_t atom, term_t encoding) {
    if (!is_atom(atom)) return bif_badarg(p);
    const atom_text_t *t = atom_text(p->vm, atom);
    term_t bin;
    if (is_utf8_name(encoding)) {
        bin = new_binary(p, t->name, t->bytes);
    } else if (encoding == A_latin1 && t->latin1) {
        uint8_t buf[ATOM_MAX_CHARS];
        size_t n = 0;
        for (size_t i = 0; i < t->bytes; n++) {
            uint8_t c = t->name[i++];
            if (c >= 0x80) c = (uint8_t)(c << 6) | (t->name[i++] & 0x3f);
            buf[n] = c;
        }
        bin = new_binary(p, buf, n);
    } else {
        return bif_badarg(p);
    }
    return bin == TERM_NONE ? bif_oom(p) : bin;
}

static BIF(atom_to_binary_1) { return atom_to_bin(p, a[0], A_utf8); }
static BIF(atom_to_binary_2) { return atom_to_bin(p, a[0], a[1]); }

/* As list_to_text. What is longer than an atom's text is found out before it is checked. */
static term_t bytes_to_text(const uint8_t *s, size_t n, bool latin1, uint8_t *buf, size_t *len) {
    size_t chars = 0;
    *len = 0;
    if (n > (latin1 ? ATOM_MAX_CHARS : ATOM_MAX_BYTES)) return A_system_limit;
    if (latin1) {
        for (size_t i = 0; i < n; i++) *len += utf8_encode(s[i], buf + *len);
        return 0;
    }
    for (size_t i = 0; i < n;) {
        if (++chars > ATOM_MAX_CHARS) return A_system_limit;
        unsigned k = s[i] < 0x80 ? 1 : s[i] < 0xc2 ? 0 : s[i] < 0xe0 ? 2 : s[i] < 0xf0 ? 3 : 4;
        if (k == 0 || s[i] > 0xf4 || n - i < k) return A_badarg;
        uint32_t c = k == 1 ? s[i] : s[i] & (0x7fu >> k);
        for (unsigned j = 1; j < k; j++) {
            if ((s[i + j] & 0xc0) != 0x80) return A_badarg;
            c = c << 6 | (s[i + j] & 0x3f);
        }
        if (k == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) return A_badarg;
        if (k == 4 && (c < 0x10000 || c > 0x10ffff)) return A_badarg;
        i += k;
    }
    memcpy(buf, s, n);
    *len = n;
    return 0;
}

static term_t binary_to_text(proc_t *p, term_t bin, term_t encoding, uint8_t *buf, size_t *len) {
    const uint8_t *s;
    size_t n, tmp_size;
    uint8_t *tmp = NULL;
    if (!is_binary(bin) || (!is_utf8_name(encoding) && encoding != A_latin1)) return A_badarg;
    if (bit_size_of(bin) / 8 > ATOM_MAX_BYTES) return A_system_limit;
    if (!bytes_of(p->vm, bin, &s, &n, &tmp, &tmp_size)) return TERM_NONE;
    term_t reason = bytes_to_text(s, n, encoding == A_latin1, buf, len);
    if (tmp) mem_free(p->vm, tmp, tmp_size);
    return reason;
}

static term_t bin_to_atom(proc_t *p, term_t bin, term_t encoding, bool existing) {
    uint8_t buf[ATOM_MAX_BYTES];
    size_t len;
    term_t reason = binary_to_text(p, bin, encoding, buf, &len);
    if (reason == TERM_NONE) return bif_oom(p);
    if (existing) return reason ? bif_badarg(p) : text_to_existing(p, buf, len);
    return reason ? bif_error(p, reason) : text_to_atom(p, buf, len);
}

static BIF(binary_to_atom_1) { return bin_to_atom(p, a[0], A_utf8, false); }
static BIF(binary_to_atom_2) { return bin_to_atom(p, a[0], a[1], false); }
static BIF(binary_to_existing_atom_1) { return bin_to_atom(p, a[0], A_utf8, true); }
static BIF(binary_to_existing_atom_2) { return bin_to_atom(p, a[0], a[1], true); }

/* ---- hashes ---- */

/* A range of 1..2^32. */
static bool hash_range(term_t t, uint64_t *range) {
    return term_to_uint64(t, range) && *range > 0 && *range <= (uint64_t)1 << 32;
}

LONG_BIF(phash_2) {
    uint64_t range;
    uint32_t h;
    if (!hash_range(a[1], &range)) return bif_badarg(p);
    if (!term_phash_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small((int64_t)(1 + h % range));
}
LONG_BIF(phash2_1) {
    uint32_t h;
    if (!term_phash2_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small(h & ((1 << 27) - 1));
}
LONG_BIF(phash2_2) {
    uint64_t range;
    uint32_t h;
    if (!hash_range(a[1], &range)) return bif_badarg(p);
    if (!term_phash2_try(p->vm, p, a[0], &h)) return bif_oom(p);
    return make_small((int64_t)(h % range));
}

/* ---- pids, references, ports ---- */

static term_t text_list(proc_t *p, term_t t, bool (*test)(term_t)) {
    text_t text;
    if (!test(t)) return bif_badarg(p);
    text_init(&text, p->vm);
    text_display(&text, t);
    term_t list = TERM_NONE;
    /* Names in funs are UTF-8: the list is of characters. */
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++) chars += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    term_t *hp = text.failed ? NULL : heap_alloc(p, 2 * chars);
    if (hp) {
        list = make_cons(hp);
        for (size_t i = 0; i < text.len; hp += 2) {
            uint8_t c = (uint8_t)text.data[i++];
            uint32_t v = c < 0x80 ? c : c < 0xe0 ? c & 0x1f : c < 0xf0 ? c & 0x0f : c & 0x07;
            while (i < text.len && ((uint8_t)text.data[i] & 0xc0) == 0x80)
                v = v << 6 | ((uint8_t)text.data[i++] & 0x3f);
            hp[0] = make_small(v);
            hp[1] = make_cons(hp + 2);
        }
        hp[-1] = TERM_NIL;
    }
    text_free(&text);
    return list == TERM_NONE ? bif_oom(p) : list;
}

static BIF(pid_to_list) { return text_list(p, a[0], is_pid); }
static BIF(port_to_list) { return text_list(p, a[0], is_port); }
static BIF(ref_to_list) {
    if (is_boxed_type(a[0], T_MAGIC_REF)) magic_publish(((magic_ref_t *)boxed_ptr(a[0]))->magic);
    return text_list(p, a[0], is_ref);
}
static BIF(fun_to_list) { return text_list(p, a[0], is_fun); }

/* Reads  prefix 0.N.N... >  with `count` numbers behind the 0; false: something else. */
static bool read_identity(term_t l, const char *prefix, unsigned count, uint64_t *out) {
    char buf[80];
    size_t n = 0;
    for (; is_cons(l) && n < sizeof buf - 1; l = cons_tail(l)) {
        term_t h = cons_head(l);
        if (!is_small(h) || small_value(h) < 1 || small_value(h) > 127) return false;
        buf[n++] = (char)small_value(h);
    }
    buf[n] = 0;
    if (!is_nil(l) || strncmp(buf, prefix, strlen(prefix)) != 0) return false;
    const char *s = buf + strlen(prefix);
    for (unsigned i = 0; i <= count; i++, s++) {
        uint64_t v = 0;
        if (*s < '0' || *s > '9') return false;
        for (; *s >= '0' && *s <= '9'; s++) {
            v = v * 10 + (uint64_t)(*s - '0');
            if (v >= (uint64_t)1 << 59) return false;
        }
        if (*s != (i == count ? '>' : '.')) return false;
        if (i == 0 && v != 0) return false; /* no other node is known here */
        if (i > 0) out[i - 1] = v;
    }
    return *s == 0;
}

static BIF(list_to_pid) {
    uint64_t n[2];
    if (!read_identity(a[0], "<", 2, n)) return bif_badarg(p);
    term_t pid = proc_pid_from(p->vm, n[0], n[1]);
    return pid == TERM_NONE ? bif_badarg(p) : pid;
}
static BIF(list_to_port) {
    uint64_t n[1];
    if (!read_identity(a[0], "#Port<", 1, n) || n[0] >> PORT_NUMBER_BITS) return bif_badarg(p);
    return make_port(n[0]);
}
static BIF(list_to_ref) {
    uint64_t n[3], id;
    if (!read_identity(a[0], "#Ref<", 3, n)) return bif_badarg(p);
    if ((n[0] | n[1] | n[2]) >> 32) return bif_badarg(p);
    uint32_t w[3] = {(uint32_t)n[2], (uint32_t)n[1], (uint32_t)n[0]};
    if (!ref_id_from_words(w, &id)) return bif_badarg(p);
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
    if (!hp) return bif_oom(p);
    magic_t *m = magic_find(p->vm, id);
    if (m) return magic_ref_put(p, hp, m);
    term_t *end = hp + MAGIC_REF_WORDS, ref = make_ref(&hp, id, 0);
    heap_release(p, hp, end);
    return ref;
}

static BIF(make_ref_0) {
    (void)a;
    term_t t = new_ref(p);
    return t == TERM_NONE ? bif_oom(p) : t;
}

static BIF(node_0) {
    (void)p, (void)a;
    return A_nonode;
}
static BIF(node_1) {
    if (is_local_pid(a[0]) || is_local_port(a[0]) || is_local_ref(a[0])) return A_nonode;
    switch (boxed_type(a[0])) {
    case T_EXT_PID:
    case T_EXT_PORT:
    case T_EXT_REF: return ((const ext_obj_t *)boxed_ptr(a[0]))->node;
    default: return bif_badarg(p);
    }
}

/* ---- funs ---- */

static term_t closure_name(const fun_entry_t *e) {
    /* []: its module was never loaded. */
    return atomic_load_explicit(&e->function, memory_order_relaxed);
}

static BIF(fun_info_2) {
    term_t f = a[0], value;
    if (!is_fun(f)) return bif_badarg(p);
    const export_t *x = is_export_fun(f) ? export_of(f) : NULL;
    const fun_entry_t *e = x ? NULL : entry_of(f);
    switch (a[1]) {
    case A_type: value = x ? A_external : A_local; break;
    case A_module: value = x ? x->module : e->module; break;
    case A_name: value = x ? x->function : closure_name(e); break;
    case A_arity: value = make_small(fun_arity(f)); break;
    case A_env: {
        value = TERM_NIL;
        if (x) break;
        size_t n = fun_num_free(f);
        term_t *hp = heap_alloc(p, 2 * n);
        if (!hp && n > 0) return bif_oom(p);
        while (n-- > 0) value = cons(&hp, ((const fun_obj_t *)boxed_ptr(f))->env[n], value);
        break;
    }
    case A_index: value = x ? A_undefined : make_small(e->old_index); break;
    case A_new_index: value = x ? A_undefined : make_small(e->index); break;
    case A_uniq: value = x ? A_undefined : make_small(e->old_uniq); break;
    case A_new_uniq: value = x ? A_undefined : new_binary(p, e->uniq, sizeof e->uniq); break;
    case A_pid: value = x ? A_undefined : ((const fun_obj_t *)boxed_ptr(f))->creator; break;
    case A_refc: value = x ? A_undefined : make_small(2); break; /* entries live for ever */
    default: return bif_badarg(p);
    }
    term_t *hp = value == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, a[1], value) : bif_oom(p);
}

static BIF(fun_info_mfa_1) {
    if (!is_fun(a[0])) return bif_badarg(p);
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return bif_oom(p);
    if (is_export_fun(a[0])) {
        const export_t *x = export_of(a[0]);
        return tuple3(&hp, x->module, x->function, make_small(x->arity));
    }
    const fun_entry_t *e = entry_of(a[0]);
    return tuple3(&hp, e->module, closure_name(e), make_small(e->arity));
}

static BIF(make_fun_3) {
    if (!is_atom(a[0]) || !is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    int64_t arity = small_value(a[2]);
    if (arity < 0 || arity > 255) return bif_badarg(p);
    export_t *x = export_get(p->vm, a[0], a[1], (uint32_t)arity);
    term_t *hp = x ? heap_alloc(p, 2) : NULL;
    if (!hp) return bif_oom(p);
    hp[0] = make_header(T_EXPORT_FUN, 1);
    hp[1] = (uintptr_t)x;
    return make_boxed(hp);
}

/* What OTP has as Erlang functions of its module erlang, where we have BIFs. */
static bool is_erlang_code(const char *name, int64_t arity) {
    static const struct {
        const char *name;
        int arity;
    } functions[] = {
        {"alias", 0},
        {"atom_to_binary", 1},
        {"binary_to_atom", 1},
        {"binary_to_existing_atom", 1},
        {"get_cookie", 0},
        {"get_cookie", 1},
        {"group_leader", 2},
        {"halt", 0},
        {"halt", 1},
        {"is_alive", 0},
        {"localtime_to_universaltime", 1},
        {"memory", 0},
        {"memory", 1},
        {"process_flag", 3},
        {"setnode", 3},
        {"spawn", 1},
        {"spawn_link", 1},
        {"spawn_monitor", 1},
        {"spawn_monitor", 3},
        {"spawn_opt", 2},
        {"suspend_process", 1},
        {"suspend_process", 2},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (functions[i].arity == arity && strcmp(functions[i].name, name) == 0) return true;
    return false;
}

static BIF(is_builtin_3) {
    if (!is_atom(a[0]) || !is_atom(a[1]) || !is_otp_small(a[2])) return bif_badarg(p);
    int64_t arity = small_value(a[2]);
    if (arity < 0 || arity > 255) return A_false;
    const export_t *x = export_find(p->vm, a[0], a[1], (uint32_t)arity);
    const char *name = atom_name(p->vm, a[1]);
    if (x && x->bif && a[0] != A_erlang)
        return make_bool(a[0] != A_os || arity > 0 || strcmp(name, "getenv") != 0);
    if (x && x->bif) return make_bool(!is_erlang_code(name, arity));
    /* What the compiler makes instructions of. */
    if (a[0] != A_erlang) return A_false;
    return make_bool((strcmp(name, "apply") == 0 && (arity == 2 || arity == 3)) ||
                     (strcmp(name, "yield") == 0 && arity == 0));
}

/* ---- erts_debug ---- */

static BIF(debug_same) {
    (void)p;
    return make_bool(a[0] == a[1]);
}

static BIF(debug_flat_size) {
    size_t n = term_flat_size(p->vm, a[0]);
    if (n == TERM_SIZE_UNKNOWN) return bif_oom(p);
    bif_bump(p, n / 64);
    return make_small((int64_t)n);
}

/* Objects seen already: a set of addresses. */
typedef struct {
    vm_t *vm;
    term_t *slot;
    size_t mask, used;
} seen_t;

static bool seen_init(seen_t *s, vm_t *vm, size_t cap) {
    s->vm = vm;
    s->slot = mem_calloc(vm, cap * sizeof *s->slot);
    s->mask = cap - 1;
    s->used = 0;
    return s->slot != NULL;
}
static void seen_free(seen_t *s) {
    if (s->slot) mem_free(s->vm, s->slot, (s->mask + 1) * sizeof *s->slot);
}
/* 1: new, 0: seen before, -1: no memory. */
static int seen_add(seen_t *s, term_t t) {
    if (s->used > s->mask / 2) {
        seen_t bigger;
        if (!seen_init(&bigger, s->vm, (s->mask + 1) * 2)) return -1;
        for (size_t i = 0; i <= s->mask; i++)
            if (s->slot[i]) seen_add(&bigger, s->slot[i]);
        seen_free(s);
        *s = bigger;
    }
    size_t i = hash_mix(t) & s->mask;
    for (; s->slot[i]; i = (i + 1) & s->mask)
        if (s->slot[i] == t) return 0;
    s->slot[i] = t;
    s->used++;
    return 1;
}

/* Words of a term in which each shared object counts once, literals none. */
static BIF(debug_size_shared) {
    vm_t *vm = p->vm;
    uint64_t array[128];
    wstack_t s;
    seen_t seen;
    size_t size = 0;
    term_t t = a[0];
    bool ok = seen_init(&seen, vm, 256);
    wstack_init(&s, vm, array, 128);
    while (ok) {
        const term_t *q = NULL;
        size_t n = 0;
        if (is_pointer(t) && !is_literal(vm, t)) {
            int is_new = seen_add(&seen, t);
            if (is_new < 0) ok = false;
            if (is_new > 0) {
                if (is_cons(t)) {
                    q = cons_ptr(t), n = 2;
                    size += 2;
                } else {
                    term_t h = boxed_header(t);
                    size += header_size(h) + 1;
                    q = boxed_ptr(t) + 1;
                    if (!header_is_raw(h)) n = header_size(h);
                    if (header_type(h) == T_FUN) q += 2, n -= 2;
                    if (header_type(h) == T_EXPORT_FUN) n = 0;
                }
            }
        }
        if (n > 0 && ok) {
            ok = wstack_need(&s, 2);
            if (!ok) break;
            s.top[0] = (uintptr_t)q;
            s.top[1] = n;
            s.top += 2;
        }
        if (wstack_is_empty(&s)) break;
        t = *(const term_t *)(uintptr_t)s.top[-2];
        s.top[-2] += sizeof(term_t);
        if (--s.top[-1] == 0) s.top -= 2;
    }
    wstack_free(&s);
    seen_free(&seen);
    if (!ok) return bif_oom(p);
    bif_bump(p, size / 16);
    return make_small((int64_t)size);
}

static BIF(debug_copy_shared) {
    term_t t = term_copy_to(p, a[0]);
    return t == TERM_NONE ? bif_oom(p) : t;
}

const bif_def_t bifs_terms[] = {
    {"erlang", "==", 2, op_eq, BIF_GUARD},
    {"erlang", "/=", 2, op_ne, BIF_GUARD},
    {"erlang", "<", 2, op_lt, BIF_GUARD},
    {"erlang", "=<", 2, op_le, BIF_GUARD},
    {"erlang", ">", 2, op_gt, BIF_GUARD},
    {"erlang", ">=", 2, op_ge, BIF_GUARD},
    {"erlang", "=:=", 2, op_exact_eq, BIF_GUARD},
    {"erlang", "=/=", 2, op_exact_ne, BIF_GUARD},
    {"erts_internal", "cmp_term", 2, internal_cmp_term, 0},
    {"erlang", "not", 1, bool_not, BIF_GUARD},
    {"erlang", "and", 2, bool_and, BIF_GUARD},
    {"erlang", "or", 2, bool_or, BIF_GUARD},
    {"erlang", "xor", 2, bool_xor, BIF_GUARD},
    {"erlang", "is_atom", 1, test_atom, BIF_GUARD},
    {"erlang", "is_binary", 1, test_binary, BIF_GUARD},
    {"erlang", "is_bitstring", 1, test_bitstring, BIF_GUARD},
    {"erlang", "is_boolean", 1, test_boolean, BIF_GUARD},
    {"erlang", "is_float", 1, test_float, BIF_GUARD},
    {"erlang", "is_function", 1, test_function, BIF_GUARD},
    {"erlang", "is_function", 2, test_function_arity, BIF_GUARD},
    {"erlang", "is_integer", 1, test_integer, BIF_GUARD},
    {"erlang", "is_list", 1, test_list, BIF_GUARD},
    {"erlang", "is_map", 1, test_map, BIF_GUARD},
    {"erlang", "is_number", 1, test_number, BIF_GUARD},
    {"erlang", "is_pid", 1, test_pid, BIF_GUARD},
    {"erlang", "is_port", 1, test_port, BIF_GUARD},
    {"erlang", "is_record", 2, test_record, BIF_GUARD},
    {"erlang", "is_record", 3, test_record_size, BIF_GUARD},
    {"erlang", "is_reference", 1, test_reference, BIF_GUARD},
    {"erlang", "is_tuple", 1, test_tuple, BIF_GUARD},
    {"erlang", "hd", 1, list_hd, BIF_GUARD},
    {"erlang", "tl", 1, list_tl, BIF_GUARD},
    {"erlang", "length", 1, length_of, BIF_GUARD | BIF_LONG},
    {"erlang", "element", 2, tuple_element, BIF_GUARD},
    {"erlang", "setelement", 3, tuple_setelement, 0},
    {"erlang", "tuple_size", 1, tuple_size_of, BIF_GUARD},
    {"erlang", "size", 1, size_of, BIF_GUARD},
    {"erlang", "tuple_to_list", 1, tuple_to_list, BIF_LONG},
    {"erlang", "list_to_tuple", 1, list_to_tuple, BIF_LONG},
    {"erlang", "make_tuple", 2, make_tuple_2, 0},
    {"erlang", "make_tuple", 3, make_tuple_3, 0},
    {"erlang", "append_element", 2, tuple_append_element, 0},
    {"erlang", "insert_element", 3, tuple_insert_element, 0},
    {"erlang", "delete_element", 2, tuple_delete_element, 0},
    {"erlang", "atom_to_list", 1, atom_to_list, 0},
    {"erlang", "list_to_atom", 1, list_to_atom, 0},
    {"erlang", "list_to_existing_atom", 1, list_to_existing_atom, 0},
    {"erlang", "atom_to_binary", 1, atom_to_binary_1, 0},
    {"erlang", "atom_to_binary", 2, atom_to_binary_2, 0},
    {"erlang", "binary_to_atom", 1, binary_to_atom_1, 0},
    {"erlang", "binary_to_atom", 2, binary_to_atom_2, 0},
    {"erlang", "binary_to_existing_atom", 1, binary_to_existing_atom_1, 0},
    {"erlang", "binary_to_existing_atom", 2, binary_to_existing_atom_2, 0},
    {"erlang", "phash", 2, phash_2, BIF_LONG},
    {"erlang", "phash2", 1, phash2_1, BIF_LONG},
    {"erlang", "phash2", 2, phash2_2, BIF_LONG},
    {"erlang", "pid_to_list", 1, pid_to_list, 0},
    {"erlang", "list_to_pid", 1, list_to_pid, 0},
    {"erlang", "port_to_list", 1, port_to_list, 0},
    {"erlang", "list_to_port", 1, list_to_port, 0},
    {"erlang", "ref_to_list", 1, ref_to_list, 0},
    {"erlang", "list_to_ref", 1, list_to_ref, 0},
    {"erlang", "make_ref", 0, make_ref_0, 0},
    {"erlang", "node", 0, node_0, BIF_GUARD},
    {"erlang", "node", 1, node_1, BIF_GUARD},
    {"erlang", "fun_info", 2, fun_info_2, 0},
    {"erlang", "fun_info_mfa", 1, fun_info_mfa_1, 0},
    {"erlang", "fun_to_list", 1, fun_to_list, 0},
    {"erlang", "make_fun", 3, make_fun_3, 0},
    {"erlang", "is_builtin", 3, is_builtin_3, 0},
    {"erts_debug", "same", 2, debug_same, 0},
    {"erts_debug", "flat_size", 1, debug_flat_size, 0},
    {"erts_debug", "size_shared", 1, debug_size_shared, 0},
    {"erts_debug", "copy_shared", 2, debug_copy_shared, 0},
    {0},
};
