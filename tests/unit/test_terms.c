/* test_terms.c: atoms, order, hashes, copies and text of terms, and their BIFs. What stock OTP 25
 * makes of several hundred terms is in test_terms_data.h (made by test_terms_gen.erl). */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include "vm/arith.h"
#include "vm/bif_tables.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/etf.h"
#include "vm/hash.h"
#include "vm/map.h"
#include "vm/print.h"

static const struct {
    const char *etf;
    int bytes;
    uint32_t phash2, phash;
    int rank, key_rank;
    const char *text; /* NULL: not compared */
} rows[] = {
#include "test_terms_data.h"
};
enum { ROWS = sizeof rows / sizeof *rows };

static vm_t *vm;
static proc_t *p;
static term_t terms[ROWS];

static int setup(void **state) {
    (void)state;
    vm = fixture_vm();
    p = fixture_proc(vm);
    for (int i = 0; i < ROWS; i++) {
        terms[i] =
            etf_decode_to(p, (const uint8_t *)rows[i].etf, (size_t)rows[i].bytes, 0, NULL, NULL);
        if (terms[i] == TERM_NONE) fail_msg("row %d (%s) does not decode", i, rows[i].text);
    }
    return 0;
}
static int teardown(void **state) {
    (void)state;
    fixture_free(vm);
    return 0;
}

static term_t atom(const char *s) { return atom_from_string(vm, s); }
static int sign(int i) { return (i > 0) - (i < 0); }

/* ---- BIFs by name ---- */

static term_t call(const char *m, const char *f, unsigned n, term_t a, term_t b, term_t c) {
    term_t x[3] = {a, b, c};
    for (const bif_def_t *const *t = bif_tables; *t; t++)
        for (const bif_def_t *d = *t; d->module; d++)
            if (d->arity == n && !strcmp(d->function, f) && !strcmp(d->module, m))
                return d->fn(p, x);
    fail_msg("no BIF %s:%s/%u", m, f, n);
    return TERM_NONE;
}
#define CALL0(f)           call("erlang", f, 0, 0, 0, 0)
#define CALL1(f, a)        call("erlang", f, 1, a, 0, 0)
#define CALL2(f, a, b)     call("erlang", f, 2, a, b, 0)
#define CALL3(f, a, b, c)  call("erlang", f, 3, a, b, c)
#define LISTS2(f, a, b)    call("lists", f, 2, a, b, 0)
#define LISTS3(f, a, b, c) call("lists", f, 3, a, b, c)

static void assert_text(term_t t, const char *expected) {
    text_t text;
    assert_int_not_equal(t, TERM_NONE);
    text_init(&text, vm);
    text_term(&text, t);
    assert_false(text.failed);
    assert_string_equal(text.data, expected);
    text_free(&text);
}
static void assert_fails(term_t t, term_t reason) {
    assert_int_equal(t, TERM_NONE);
    assert_int_equal(p->fclass, EXC_ERROR);
    assert_int_equal(p->fvalue, reason);
}

/* Terms from text: the Erlang subset  atoms integers [..|..] {..} "..". */
static term_t read_term(const char **s) {
    term_t items[300], tail = TERM_NIL;
    size_t n = 0;
    while (**s == ' ' || **s == ',') ++*s;
    if (**s == '[' || **s == '{') {
        char close = *(*s)++ == '[' ? ']' : '}';
        while (**s != close && **s != '|') items[n++] = read_term(s);
        if (**s == '|') {
            ++*s;
            tail = read_term(s);
        }
        ++*s;
        term_t *hp = heap_alloc(p, 2 * n + 1);
        if (close == ']') {
            hp[0] = TERM_NIL;
            hp++;
            while (n-- > 0) tail = cons(&hp, items[n], tail);
            return tail;
        }
        for (size_t i = 1; i <= n; i++) hp[i] = items[i - 1];
        for (size_t i = n + 1; i <= 2 * n; i++) hp[i] = TERM_NIL;
        hp[0] = make_header(T_TUPLE, n);
        return make_boxed(hp);
    }
    if (**s == '"') {
        const char *e = strchr(*s + 1, '"');
        term_t l = bytes_to_list(p, (const uint8_t *)*s + 1, (size_t)(e - *s - 1), TERM_NIL);
        *s = e + 1;
        return l;
    }
    if ((**s >= '0' && **s <= '9') || **s == '-') {
        char *e;
        double d = strtod(*s, &e);
        bool is_double = memchr(*s, '.', (size_t)(e - *s)) != NULL;
        long long v = is_double ? 0 : strtoll(*s, &e, 10);
        *s = e;
        if (!is_double) return int64_to_term(p, v);
        term_t *hp = heap_alloc(p, FLOAT_WORDS);
        return make_float(&hp, d);
    }
    const char *e = *s;
    while ((*e >= 'a' && *e <= 'z') || (*e >= '0' && *e <= '9') || *e == '_') e++;
    term_t t = atom_intern(vm, (const uint8_t *)*s, (size_t)(e - *s));
    *s = e;
    return t;
}
static term_t T(const char *s) { return read_term(&s); }

/* ---- atoms ---- */

static void test_atoms(void **state) {
    (void)state;
    assert_int_equal(atom("ok"), A_ok);
    assert_int_equal(atom("+"), A_plus);
    assert_int_equal(atom(""), A_empty);
    for (uint32_t i = 0; i < ATOM_PREDEFINED; i++) {
        term_t a = make_atom(i);
        assert_int_equal(atom_find(vm, (const uint8_t *)atom_name(vm, a), atom_text(vm, a)->bytes),
                         a);
    }
    assert_int_equal(atom_find(vm, (const uint8_t *)"no such atom", 12), TERM_NONE);
    size_t before = atom_count(vm);
    for (int i = 0; i < 50000; i++) {
        char name[32];
        snprintf(name, sizeof name, "atom_%d", i);
        term_t a = atom(name);
        assert_true(is_atom(a));
        assert_int_equal(atom(name), a);
        assert_string_equal(atom_name(vm, a), name);
    }
    assert_int_equal(atom_count(vm), before + 50000);
    assert_int_equal(atom("atom_0"), make_atom((uint32_t)before));

    uint8_t big[ATOM_MAX_BYTES + 8];
    for (size_t i = 0; i < sizeof big; i += 4) memcpy(big + i, "\xf0\x9f\x98\x80", 4);
    term_t a = atom_intern(vm, big, ATOM_MAX_BYTES);
    assert_true(is_atom(a));
    assert_int_equal(atom_text(vm, a)->chars, 255);
    assert_int_equal(atom_text(vm, a)->latin1, 0);
    assert_int_equal(atom_intern(vm, big, ATOM_MAX_BYTES + 4), TERM_NONE);
    memset(big, 'x', sizeof big);
    assert_true(is_atom(atom_intern(vm, big, 255)));
    assert_int_equal(atom_intern(vm, big, 256), TERM_NONE);
    static const char *const bad[] = {
        "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80", "\xe0\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(atom(bad[i]), TERM_NONE);
    assert_int_equal(atom_intern_latin1(vm, (const uint8_t *)"\xe5", 1), atom("\xc3\xa5"));
    assert_int_equal(atom_text(vm, atom("\xc3\xa5"))->latin1, 1);
    assert_true(atom_compare(vm, atom("a"), atom("ab")) < 0);
    assert_true(atom_compare(vm, atom("abcde"), atom("abcd")) > 0);
    assert_true(atom_compare(vm, atom("\xc3\xbf"), atom("z")) > 0);
    assert_int_equal(atom_compare(vm, A_ok, A_ok), 0);
}

/* ---- the table from OTP ---- */

static void test_hashes(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        if (term_phash2(vm, terms[i]) != rows[i].phash2)
            fail_msg("phash2 of row %d (%s)", i, rows[i].text);
        if (term_phash(vm, terms[i]) != rows[i].phash)
            fail_msg("phash of row %d (%s)", i, rows[i].text);
    }
}

static void test_order(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < ROWS; j++) {
            term_t a = terms[i], b = terms[j];
            if (sign(term_cmp(vm, a, b)) != sign(rows[i].rank - rows[j].rank))
                fail_msg("order of rows %d and %d: %s, %s", i, j, rows[i].text, rows[j].text);
            int exact = sign(rows[i].key_rank - rows[j].key_rank);
            if (sign(term_cmp_exact(vm, a, b)) != exact)
                fail_msg("key order of rows %d and %d: %s, %s", i, j, rows[i].text, rows[j].text);
            if (term_eq(vm, a, b) != (exact == 0))
                fail_msg("equality of rows %d and %d: %s, %s", i, j, rows[i].text, rows[j].text);
            if (exact == 0 && term_hash(vm, a) != term_hash(vm, b))
                fail_msg("internal hash of rows %d and %d", i, j);
        }
}

static void test_text(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        text_t t;
        text_init(&t, vm);
        text_term(&t, terms[i]);
        assert_false(t.failed);
        text_free(&t);
        text_display(&t, terms[i]);
        if (rows[i].text && strcmp(t.data, rows[i].text) != 0)
            fail_msg("text of row %d: %s, expected %s", i, t.data, rows[i].text);
        text_free(&t);
    }
    assert_text(T("{1.5,\"abc\",[x|y]}"), "{1.5,\"abc\",[x|y]}");
}

static void test_copies(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        size_t size = term_size(vm, terms[i]);
        term_t *buf = malloc((size + 1) * sizeof(term_t)), *hp = buf;
        off_heap_t *off = NULL;
        term_t t = term_copy(vm, terms[i], &hp, &off);
        assert_int_equal(hp - buf, size);
        assert_true(is_immed(t) || t != terms[i]);
        assert_true(term_eq(vm, t, terms[i]));
        assert_int_equal(term_hash(vm, t), term_hash(vm, terms[i]));
        assert_int_equal(term_phash2(vm, t), rows[i].phash2);
        off_heap_release(vm, off);
        free(buf);
        assert_int_equal(term_size(vm, terms[i]), term_flat_size(vm, terms[i]));
    }
}

static int magic_destroyed;
static void magic_destroy(magic_t *m) {
    magic_destroyed++;
    mem_free(m->vm, m, sizeof *m);
}

static void test_copies_of_shared_things(void **state) {
    (void)state;
    /* A buffer somebody else can see is not appended to in place any more. */
    uint8_t *data;
    term_t bin = binary_new(p, 200, &data), buf[64], *hp = buf, c;
    off_heap_t *off = NULL;
    for (int i = 0; i < 200; i++) data[i] = (uint8_t)i;
    proc_bin_t *pb = (proc_bin_t *)boxed_ptr(bin);
    pb->flags |= PROC_BIN_WRITABLE;
    c = term_copy(vm, bin, &hp, &off);
    assert_true(term_eq(vm, bin, c));
    assert_int_equal(pb->flags & PROC_BIN_WRITABLE, 0);
    assert_int_equal(((proc_bin_t *)boxed_ptr(c))->flags & PROC_BIN_WRITABLE, 0);
    assert_int_equal(pb->bin->refs, 2);
    /* A long part keeps the buffer, a short one does not. */
    term_t part = bits_part(p, bin, 9, 900);
    assert_int_equal(term_size(vm, part), SUB_BIN_WORDS + PROC_BIN_WORDS);
    c = term_copy(vm, part, &hp, &off);
    assert_true(term_eq(vm, part, c));
    assert_int_equal(pb->bin->refs, 3);
    /* A match context becomes what is left to match. */
    match_ctx_t *m = (match_ctx_t *)heap_alloc(p, MATCH_CTX_WORDS);
    m->header = make_header(T_MATCH_CTX, MATCH_CTX_WORDS - 1);
    m->orig = bin;
    m->base = pb->data;
    m->start = make_small(0);
    m->offset = make_small(8 * 3);
    m->end = make_small(8 * 150);
    term_t left = bits_part(p, bin, 8 * 3, 8 * 147);
    assert_int_equal(term_size(vm, make_boxed(m)), term_size(vm, left));
    c = term_copy(vm, make_boxed(m), &hp, &off);
    assert_true(term_eq(vm, c, left));
    m->end = make_small(8 * 5 + 3);
    left = bits_part(p, bin, 8 * 3, 19);
    hp = buf + 40;
    assert_int_equal(term_size(vm, make_boxed(m)), SUB_BIN_WORDS + HEAP_BIN_WORDS(3));
    c = term_copy(vm, make_boxed(m), &hp, &off);
    assert_int_equal(hp - buf, 40 + SUB_BIN_WORDS + HEAP_BIN_WORDS(3));
    assert_true(term_eq(vm, c, left));
    off_heap_release(vm, off);
    assert_int_equal(pb->bin->refs, 1);
    /* A magic reference holds its object. */
    magic_t *obj = mem_alloc(vm, sizeof *obj);
    magic_init(vm, obj, magic_destroy);
    magic_ref_t src = {{make_header(T_MAGIC_REF, MAGIC_REF_WORDS - 1), NULL}, obj->id, obj};
    hp = buf, off = NULL;
    c = term_copy(vm, make_boxed(&src), &hp, &off);
    assert_true(term_eq(vm, c, make_boxed(&src)));
    assert_int_equal(obj->refs, 2);
    magic_release(obj);
    off_heap_release(vm, off);
    assert_int_equal(magic_destroyed, 1);
}

/* A bit string equal to t, at bit 3 of a longer binary. */
static term_t unaligned(term_t t) {
    bits_t b;
    uint8_t *data;
    assert_true(bits_of(t, &b));
    term_t bin = binary_new(p, b.bit_size / 8 + 80, &data);
    memset(data, 0xa5, b.bit_size / 8 + 80);
    bits_copy(data, 3, b.base, b.bit_offset, b.bit_size);
    return bits_part(p, bin, 3, b.bit_size);
}

static void test_unaligned(void **state) {
    (void)state;
    for (int i = 0; i < ROWS; i++) {
        if (!is_bitstring(terms[i])) continue;
        term_t u = unaligned(terms[i]);
        assert_int_equal(term_phash2(vm, u), rows[i].phash2);
        assert_int_equal(term_phash(vm, u), rows[i].phash);
        assert_int_equal(term_hash(vm, u), term_hash(vm, terms[i]));
        assert_true(term_eq(vm, u, terms[i]));
        for (int j = 0; j < ROWS; j++)
            if (sign(term_cmp(vm, u, terms[j])) != sign(rows[i].rank - rows[j].rank))
                fail_msg("order of unaligned %s and %s", rows[i].text, rows[j].text);
        size_t size = term_size(vm, u);
        term_t c = term_copy_to(p, u);
        assert_true(term_eq(vm, c, u));
        assert_true(size <= HEAP_BIN_WORDS(HEAP_BIN_MAX) + SUB_BIN_WORDS);
        text_t t;
        text_init(&t, vm);
        text_display(&t, u);
        if (rows[i].text) assert_string_equal(t.data, rows[i].text);
        text_free(&t);
    }
}

/* ---- deep and long terms ---- */

enum { DEEP = 1000000 };

static term_t nest(int kind, term_t core) {
    for (int i = 0; i < DEEP; i++) {
        term_t *hp = heap_alloc(p, 3);
        switch (kind) {
        case 0: core = cons(&hp, core, TERM_NIL), *hp = TERM_NIL; break;      /* [[[]]] */
        case 1: core = cons(&hp, make_small(i), core), *hp = TERM_NIL; break; /* long list */
        case 2: core = tuple2(&hp, core, A_ok); break;
        default: core = tuple2(&hp, A_ok, core); break;
        }
    }
    return core;
}

static void test_deep(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        term_t a = nest(kind, TERM_NIL), b = nest(kind, TERM_NIL), c = nest(kind, make_small(7));
        assert_true(term_eq(vm, a, b));
        assert_false(term_eq(vm, a, c));
        assert_int_equal(term_cmp(vm, a, b), 0);
        assert_true(term_cmp(vm, a, c) > 0);
        assert_true(term_cmp(vm, c, a) < 0);
        assert_int_equal(term_hash(vm, a), term_hash(vm, b));
        assert_int_equal(term_phash2(vm, a), term_phash2(vm, b));
        assert_int_equal(term_phash(vm, a), term_phash(vm, b));
        size_t size = term_size(vm, a);
        assert_int_equal(size, kind < 2 ? 2 * DEEP : 3 * DEEP);
        term_t d = term_copy_to(p, a);
        assert_true(term_eq(vm, a, d));
        text_t t;
        text_init(&t, vm);
        text_term(&t, a);
        assert_false(t.failed);
        assert_true(t.len > DEEP);
        text_free(&t);
    }
}

/* Large maps as keys and values of large maps, thousands of levels. */
static void test_deep_maps(void **state) {
    (void)state;
    for (int as_key = 0; as_key < 2; as_key++) {
        term_t m[3] = {TERM_NIL, TERM_NIL, A_ok};
        for (int level = 0; level < 3000; level++)
            for (int k = 0; k < 3; k++) {
                term_t kv[2 * 34];
                for (int i = 0; i < 34; i++) kv[2 * i] = kv[2 * i + 1] = make_small(i);
                kv[66 + !as_key] = m[k];
                m[k] = map_from_pairs(p, kv, 34);
                assert_true(is_hamt(m[k]));
            }
        assert_true(term_eq(vm, m[0], m[1]));
        assert_false(term_eq(vm, m[0], m[2]));
        assert_int_equal(term_cmp(vm, m[0], m[1]), 0);
        assert_true(term_cmp(vm, m[0], m[2]) > 0);
        assert_true(term_cmp(vm, m[2], m[0]) < 0);
        assert_int_equal(term_phash2(vm, m[0]), term_phash2(vm, m[1]));
        term_t c = term_copy_to(p, m[0]);
        assert_true(term_eq(vm, c, m[1]));
    }
}

/* ---- BIFs ---- */

static void test_tuple_bifs(void **state) {
    (void)state;
    term_t t = T("{a,b}");
    assert_text(CALL3("setelement", make_small(2), t, T("x")), "{a,x}");
    assert_text(t, "{a,b}");
    assert_fails(CALL3("setelement", make_small(3), t, A_ok), A_badarg);
    assert_fails(CALL3("setelement", make_small(0), t, A_ok), A_badarg);
    assert_fails(CALL3("setelement", make_small(1), A_ok, A_ok), A_badarg);
    assert_text(CALL2("element", make_small(2), t), "b");
    assert_fails(CALL2("element", T("1.0"), t), A_badarg);
    assert_text(CALL2("make_tuple", make_small(3), T("x")), "{x,x,x}");
    assert_text(CALL2("make_tuple", make_small(0), T("x")), "{}");
    assert_fails(CALL2("make_tuple", make_small(-1), T("x")), A_badarg);
    assert_fails(CALL2("make_tuple", make_small(1 << 24), T("x")), A_badarg);
    assert_text(CALL3("make_tuple", make_small(3), T("x"), T("[{2,y},{2,z},{1,q}]")), "{q,z,x}");
    assert_fails(CALL3("make_tuple", make_small(3), T("x"), T("[{4,y}]")), A_badarg);
    assert_fails(CALL3("make_tuple", make_small(3), T("x"), T("[{1,y}|foo]")), A_badarg);
    assert_fails(CALL3("make_tuple", make_small(3), T("x"), T("[{1,y,z}]")), A_badarg);
    assert_text(CALL2("append_element", t, T("c")), "{a,b,c}");
    assert_fails(CALL2("append_element", A_ok, T("c")), A_badarg);
    assert_text(CALL3("insert_element", make_small(1), t, T("x")), "{x,a,b}");
    assert_text(CALL3("insert_element", make_small(2), t, T("x")), "{a,x,b}");
    assert_text(CALL3("insert_element", make_small(3), t, T("x")), "{a,b,x}");
    assert_text(CALL3("insert_element", make_small(1), T("{}"), T("x")), "{x}");
    assert_fails(CALL3("insert_element", make_small(4), t, T("x")), A_badarg);
    assert_text(CALL2("delete_element", make_small(1), t), "{b}");
    assert_text(CALL2("delete_element", make_small(2), t), "{a}");
    assert_fails(CALL2("delete_element", make_small(3), t), A_badarg);
    assert_text(CALL1("tuple_to_list", T("{1,{2},c}")), "[1,{2},c]");
    assert_text(CALL1("tuple_to_list", T("{}")), "[]");
    assert_text(CALL1("list_to_tuple", T("[1,2]")), "{1,2}");
    assert_text(CALL1("list_to_tuple", TERM_NIL), "{}");
    assert_fails(CALL1("list_to_tuple", T("[1|2]")), A_badarg);
    assert_int_equal(CALL1("size", t), make_small(2));
    assert_int_equal(CALL1("tuple_size", t), make_small(2));
    assert_fails(CALL1("tuple_size", A_ok), A_badarg);
    assert_fails(CALL1("hd", TERM_NIL), A_badarg);
    assert_int_equal(CALL1("length", T("[a,b,c]")), make_small(3));
    assert_fails(CALL1("length", T("[a|b]")), A_badarg);
}

static void test_type_bifs(void **state) {
    (void)state;
    assert_int_equal(CALL1("is_boolean", A_true), A_true);
    assert_int_equal(CALL1("is_boolean", A_ok), A_false);
    assert_int_equal(CALL2("is_record", T("{a,b}"), T("a")), A_true);
    assert_int_equal(CALL2("is_record", T("{}"), T("a")), A_false);
    assert_fails(CALL2("is_record", T("{a,b}"), T("\"a\"")), A_badarg);
    assert_int_equal(CALL3("is_record", T("{a,b}"), T("a"), make_small(2)), A_true);
    assert_int_equal(CALL3("is_record", T("{a,b}"), T("a"), make_small(-2)), A_false);
    assert_fails(CALL3("is_record", T("{a,b}"), T("a"), T("x")), A_badarg);
    term_t f = CALL3("make_fun", T("a"), T("b"), make_small(2));
    assert_text(f, "fun a:b/2");
    assert_fails(CALL3("make_fun", T("a"), T("b"), make_small(256)), A_badarg);
    assert_fails(CALL3("make_fun", T("a"), make_small(1), make_small(1)), A_badarg);
    assert_int_equal(CALL2("is_function", f, make_small(2)), A_true);
    assert_int_equal(CALL2("is_function", f, make_small(1)), A_false);
    assert_fails(CALL2("is_function", A_ok, make_small(-1)), A_badarg);
    assert_text(CALL2("fun_info", f, T("module")), "{module,a}");
    assert_text(CALL2("fun_info", f, T("type")), "{type,external}");
    assert_text(CALL2("fun_info", f, T("env")), "{env,[]}");
    assert_text(CALL2("fun_info", f, T("index")), "{index,undefined}");
    assert_fails(CALL2("fun_info", f, T("nonsense")), A_badarg);
    assert_fails(CALL2("fun_info", A_ok, T("type")), A_badarg);
    assert_text(CALL1("fun_info_mfa", f), "{a,b,2}");
    assert_text(CALL1("fun_to_list", f), "\"fun a:b/2\"");
    assert_int_equal(CALL3("is_builtin", T("lists"), T("member"), make_small(2)), A_true);
    assert_int_equal(CALL3("is_builtin", T("erlang"), T("apply"), make_small(3)), A_true);
    assert_int_equal(CALL3("is_builtin", T("lists"), T("map"), make_small(2)), A_false);
    assert_int_equal(CALL2("and", A_true, A_false), A_false);
    assert_fails(CALL2("and", A_false, A_ok), A_badarg);
    assert_fails(CALL1("not", A_ok), A_badarg);
    assert_int_equal(CALL2("xor", A_true, A_false), A_true);
    assert_int_equal(CALL2("=<", make_small(1), T("1.0")), A_true);
    assert_int_equal(CALL2("=:=", make_small(1), T("1.0")), A_false);
    assert_int_equal(CALL2("==", make_small(1), T("1.0")), A_true);
    assert_int_equal(call("erts_internal", "cmp_term", 2, make_small(5), T("1.0"), 0),
                     make_small(-1));
}

static void test_atom_bifs(void **state) {
    (void)state;
    term_t big = TERM_NIL, u;
    assert_int_equal(CALL1("list_to_atom", T("\"abc\"")), atom("abc"));
    assert_int_equal(CALL1("list_to_atom", T("[229,97,8364,128512]")),
                     atom("\xc3\xa5"
                          "a"
                          "\xe2\x82\xac\xf0\x9f\x98\x80"));
    assert_text(CALL1("atom_to_list", atom("\xc3\xa5"
                                           "a"
                                           "\xe2\x82\xac\xf0\x9f\x98\x80")),
                "[229,97,8364,128512]");
    assert_text(CALL1("atom_to_list", A_empty), "[]");
    assert_fails(CALL1("atom_to_list", make_small(1)), A_badarg);
    assert_fails(CALL1("list_to_atom", T("[a]")), A_badarg);
    assert_fails(CALL1("list_to_atom", T("[97|98]")), A_badarg);
    assert_fails(CALL1("list_to_atom", T("[55296]")), A_badarg);
    assert_fails(CALL1("list_to_atom", T("[1114112]")), A_badarg);
    assert_fails(CALL1("list_to_atom", A_ok), A_badarg);
    for (int i = 0; i < 256; i++) {
        if (i == 255) assert_true(is_atom(CALL1("list_to_atom", big)));
        term_t *hp = heap_alloc(p, 2);
        big = cons(&hp, make_small('a'), big);
    }
    assert_fails(CALL1("list_to_atom", big), A_system_limit);
    assert_fails(CALL1("list_to_existing_atom", big), A_badarg);
    assert_fails(CALL1("list_to_existing_atom", T("\"never seen\"")), A_badarg);
    assert_int_equal(CALL1("list_to_existing_atom", T("\"ok\"")), A_ok);
    u = new_binary(p,
                   (const uint8_t *)"\xc3\xa5"
                                    "a",
                   3);
    assert_int_equal(CALL2("binary_to_atom", u, A_utf8), atom("\xc3\xa5"
                                                              "a"));
    assert_text(CALL2("atom_to_binary",
                      atom("\xc3\xa5"
                           "a"),
                      A_latin1),
                "<<229,97>>");
    assert_text(CALL2("atom_to_binary",
                      atom("\xc3\xa5"
                           "a"),
                      A_unicode),
                "<<195,165,97>>");
    assert_text(CALL1("atom_to_binary", atom("\xc3\xa5"
                                             "a")),
                "<<195,165,97>>");
    assert_fails(CALL2("atom_to_binary", atom("\xe2\x82\xac"), A_latin1), A_badarg);
    assert_fails(CALL2("atom_to_binary", A_ok, T("foo")), A_badarg);
    u = new_binary(p,
                   (const uint8_t *)"\xe5"
                                    "a",
                   2);
    assert_fails(CALL2("binary_to_atom", u, A_utf8), A_badarg);
    assert_int_equal(CALL2("binary_to_atom", u, A_latin1), atom("\xc3\xa5"
                                                                "a"));
    assert_int_equal(CALL2("binary_to_atom", unaligned(u), A_latin1), atom("\xc3\xa5"
                                                                           "a"));
    assert_fails(CALL2("binary_to_atom", u, T("foo")), A_badarg);
    assert_fails(CALL2("binary_to_atom", A_ok, A_utf8), A_badarg);
    uint8_t *data;
    u = binary_new(p, 256, &data);
    memset(data, 'a', 256);
    assert_fails(CALL1("binary_to_atom", u), A_system_limit);
    assert_fails(CALL2("binary_to_atom", u, A_latin1), A_system_limit);
    assert_fails(CALL1("binary_to_existing_atom", u), A_badarg);
    u = new_binary(p, (const uint8_t *)"neither seen", 12);
    assert_fails(CALL2("binary_to_existing_atom", u, A_latin1), A_badarg);
}

static void test_hash_bifs(void **state) {
    (void)state;
    term_t a = T("a"), all = make_small((int64_t)1 << 32);
    assert_int_equal(CALL2("phash", a, make_small(1)), make_small(1));
    assert_int_equal(CALL2("phash", a, all), make_small(98));
    assert_int_equal(CALL2("phash2", a, all), make_small(97));
    assert_int_equal(CALL1("phash2", a), make_small(97));
    assert_int_equal(CALL2("phash2", a, make_small(1)), make_small(0));
    assert_fails(CALL2("phash2", a, make_small(0)), A_badarg);
    assert_fails(CALL2("phash2", a, make_small(((int64_t)1 << 32) + 1)), A_badarg);
    assert_fails(CALL2("phash", a, a), A_badarg);
    assert_int_equal(CALL1("phash2", T("0.0")), make_small(20875736));
    assert_int_equal(CALL1("phash2", T("-0.0")), make_small(20875736));
}

static void test_identity_bifs(void **state) {
    (void)state;
    static const struct {
        const char *bif, *text;
        bool good;
    } cases[] = {
        {"list_to_pid", "<0.1.2>", true},
        {"list_to_pid", "<0.32767.8191>", true},
        {"list_to_pid", "<0.32768.0>", false},
        {"list_to_pid", "<0.1.8192>", false}, /* of a round that has not been */
        {"list_to_pid", "<0.1.2", false},
        {"list_to_pid", "<1.1.2>", false},
        {"list_to_pid", "<0.a.2>", false},
        {"list_to_pid", "<0.1>", false},
        {"list_to_pid", " <0.1.2>", false},
        {"list_to_pid", "<0.1.2> ", false},
        {"list_to_pid", "<0.99999999999.2>", false},
        {"list_to_pid", "<0.-1.0>", false},
        {"list_to_pid", "", false},
        {"list_to_pid", "<0..2>", false},
        {"list_to_ref", "#Ref<0.1.2.3>", true},
        {"list_to_ref", "#Ref<0.1.2>", false},
        {"list_to_ref", "#Ref<0.1.2.3.4>", false},
        {"list_to_ref", "#Ref<1.2.3.4>", false},
        {"list_to_ref", "#Ref<0.1.2.262144>", false},
        {"list_to_ref", "#Ref<0.1.2.3", false},
        {"list_to_ref", "#Ref<0.1.4294967296.3>", false},
        {"list_to_port", "#Port<0.1>", true},
        {"list_to_port", "#Port<0.268435455>", true},
        {"list_to_port", "#Port<0.268435456>", false},
        {"list_to_port", "#Port<0.1", false},
        {"list_to_port", "#Port<1.1>", false},
        {"list_to_port", "#Port<0.1.2>", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        term_t t = CALL1(cases[i].bif, string_to_list(p, cases[i].text));
        if (cases[i].good)
            assert_text(t, cases[i].text);
        else
            assert_fails(t, A_badarg);
    }
    assert_fails(CALL1("list_to_pid", A_ok), A_badarg);
    assert_fails(CALL1("list_to_pid", T("[60|61]")), A_badarg);
    assert_text(CALL1("pid_to_list", make_pid(3 << 15 | 17, 1)), "\"<0.17.8195>\"");
    assert_fails(CALL1("pid_to_list", A_ok), A_badarg);
    term_t r = CALL0("make_ref"), r2 = CALL0("make_ref");
    assert_false(term_eq(vm, r, r2));
    assert_true(term_cmp(vm, r, r2) < 0);
    assert_true(term_eq(vm, r, CALL1("list_to_ref", CALL1("ref_to_list", r))));
    assert_int_equal(CALL0("node"), A_nonode);
    assert_int_equal(CALL1("node", r), A_nonode);
    assert_fails(CALL1("node", A_ok), A_badarg);
}

static void test_list_bifs(void **state) {
    (void)state;
    assert_text(LISTS2("reverse", T("[1,2,3]"), TERM_NIL), "[3,2,1]");
    assert_text(LISTS2("reverse", T("[1,2]"), T("a")), "[2,1|a]");
    assert_text(LISTS2("reverse", TERM_NIL, T("a")), "a");
    assert_fails(LISTS2("reverse", T("[1|2]"), TERM_NIL), A_badarg);
    assert_int_equal(LISTS2("member", T("a"), T("[b,a|c]")), A_true);
    assert_int_equal(LISTS2("member", T("{1}"), T("[{1}]")), A_true);
    assert_int_equal(LISTS2("member", T("1"), T("[1.0]")), A_false);
    assert_int_equal(LISTS2("member", T("0.0"), T("[-0.0]")), A_true);
    assert_fails(LISTS2("member", T("a"), T("[b|c]")), A_badarg);
    assert_fails(LISTS2("member", T("a"), T("b")), A_badarg);
    assert_text(LISTS3("keyfind", T("a"), make_small(1), T("[x,{a}|foo]")), "{a}");
    assert_text(LISTS3("keyfind", T("1"), make_small(2), T("[{1},{a,1.0}]")), "{a,1.0}");
    assert_text(LISTS3("keyfind", T("1.0"), make_small(1), T("[{2},{1}]")), "{1}");
    assert_text(LISTS3("keyfind", T("x"), make_small(1), TERM_NIL), "false");
    assert_text(LISTS3("keyfind", T("\"k\""), make_small(1), T("[{a},{1},{\"k\",v}]")),
                "{\"k\",v}");
    assert_fails(LISTS3("keyfind", T("a"), make_small(0), TERM_NIL), A_badarg);
    assert_fails(LISTS3("keyfind", T("a"), make_small(1), T("[x|foo]")), A_badarg);
    assert_text(LISTS3("keysearch", T("a"), make_small(1), T("[{a,b}]")), "{value,{a,b}}");
    assert_text(LISTS3("keysearch", T("a"), make_small(2), T("[{a}]")), "false");
    assert_text(LISTS3("keymember", T("a"), make_small(1), T("[{a}]")), "true");
    assert_fails(LISTS3("keymember", T("a"), make_small(1), T("a")), A_badarg);
    assert_text(CALL2("++", T("[1,2]"), T("[3]")), "[1,2,3]");
    assert_text(CALL2("++", T("[1]"), T("x")), "[1|x]");
    assert_text(CALL2("++", TERM_NIL, T("x")), "x");
    assert_fails(CALL2("++", T("[a|b]"), TERM_NIL), A_badarg);
    assert_text(CALL2("--", T("[1,2,3,1,1.0]"), T("[1,1.0,1,1]")), "[2,3]");
    assert_text(CALL2("--", T("[a,b,a,c,a]"), T("[a,x,a]")), "[b,c,a]");
    assert_fails(CALL2("--", T("[]"), T("[a|b]")), A_badarg);
    assert_fails(CALL2("--", T("a"), TERM_NIL), A_badarg);
    assert_fails(CALL2("subtract", T("[a|b]"), TERM_NIL), A_badarg);
    /* Long lists: against the obvious way. */
    enum { N = 500 };
    int left[N], gone[N], nleft = 0, ngone = 0;
    unsigned long x = 1;
    for (int round = 0; round < 20; round++) {
        term_t l = TERM_NIL, r = TERM_NIL, expected = TERM_NIL;
        int take[N / 2];
        nleft = ngone = 0;
        for (int i = 0; i < N; i++) left[nleft++] = (int)((x = x * 1103515245 + 12345) >> 16) % 100;
        for (int i = 0; i < N / 2; i++)
            take[ngone++] = (int)((x = x * 1103515245 + 12345) >> 16) % 120;
        for (int i = nleft; i-- > 0;) {
            term_t *hp = heap_alloc(p, 4);
            term_t key = tuple2(&hp, make_small(left[i]), make_small(left[i] + 1));
            *hp = TERM_NIL;
            hp = heap_alloc(p, 2);
            l = cons(&hp, left[i] % 2 ? key : make_small(left[i]), l);
        }
        for (int i = ngone; i-- > 0;) {
            term_t *hp = heap_alloc(p, 4);
            term_t key = tuple2(&hp, make_small(take[i]), make_small(take[i] + 1));
            *hp = TERM_NIL;
            hp = heap_alloc(p, 2);
            r = cons(&hp, take[i] % 2 ? key : make_small(take[i]), r);
        }
        memset(gone, 0, sizeof gone);
        for (int i = 0; i < ngone; i++)
            for (int j = 0; j < nleft; j++)
                if (!gone[j] && left[j] == take[i]) {
                    gone[j] = 1;
                    break;
                }
        for (int i = nleft; i-- > 0;) {
            if (gone[i]) continue;
            term_t *hp = heap_alloc(p, 4);
            term_t key = tuple2(&hp, make_small(left[i]), make_small(left[i] + 1));
            *hp = TERM_NIL;
            hp = heap_alloc(p, 2);
            expected = cons(&hp, left[i] % 2 ? key : make_small(left[i]), expected);
        }
        assert_true(term_eq(vm, CALL2("--", l, r), expected));
    }
}

static void test_debug_bifs(void **state) {
    (void)state;
    term_t t = T("{a,b}"), *hp = heap_alloc(p, 4);
    term_t l = cons(&hp, t, TERM_NIL);
    l = cons(&hp, t, l);
    assert_int_equal(call("erts_debug", "flat_size", 1, l, 0, 0), make_small(10));
    assert_int_equal(call("erts_debug", "size_shared", 1, l, 0, 0), make_small(7));
    assert_int_equal(call("erts_debug", "same", 2, t, t, 0), A_true);
    assert_int_equal(call("erts_debug", "same", 2, t, T("{a,b}"), 0), A_false);
    assert_int_equal(call("erts_debug", "size_shared", 1, A_ok, 0, 0), make_small(0));
}

/* Memory that fails: walks over deep terms must end without harm. */
static void test_no_memory(void **state) {
    (void)state;
    term_t a = nest(0, TERM_NIL), b = nest(0, TERM_NIL);
    text_t t;
    uint32_t h;
    size_t limit = vm->memory_limit;
    vm->memory_limit = 1;
    term_eq(vm, a, b);
    term_cmp(vm, a, b);
    assert_int_equal(term_hash(vm, a), term_hash(vm, b));
    assert_false(term_phash2_try(vm, NULL, a, &h));
    assert_false(term_phash_try(vm, NULL, a, &h));
    assert_int_equal(term_size(vm, a), TERM_SIZE_UNKNOWN);
    assert_int_equal(term_copy_to(p, a), TERM_NONE);
    text_init(&t, vm);
    text_term(&t, a);
    assert_true(t.failed);
    text_free(&t);
    assert_int_equal(call("erts_debug", "size_shared", 1, a, 0, 0), TERM_NONE);
    vm->memory_limit = limit;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_atoms),     cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_order),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_copies),    cmocka_unit_test(test_copies_of_shared_things),
        cmocka_unit_test(test_unaligned), cmocka_unit_test(test_deep),
        cmocka_unit_test(test_deep_maps), cmocka_unit_test(test_tuple_bifs),
        cmocka_unit_test(test_type_bifs), cmocka_unit_test(test_atom_bifs),
        cmocka_unit_test(test_hash_bifs), cmocka_unit_test(test_identity_bifs),
        cmocka_unit_test(test_list_bifs), cmocka_unit_test(test_debug_bifs),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
