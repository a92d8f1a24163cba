/* test_beam_file.c: the reader of beam files: what it accepts, what it refuses and how it says so,
 * and that no bytes at all make it read beyond the file (run it with the address sanitizer). */
#include <stdio.h>
#include <glob.h>
#include <zlib.h>
#include "fixture.h"
#include "vm/beam_file.h"
#include "beam_build.h"

static vm_t *vm;
static bytes_t file;
static const beam_opts_t plain = {0};

static int setup(void **state) {
    (void)state;
    vm = fixture_vm();
    return vm == NULL;
}
static int teardown(void **state) {
    (void)state;
    fixture_free(vm);
    return 0;
}

/* A copy on the C heap of exactly the file's size, so that the sanitizer sees every step too far.
 */
static uint8_t *exact(const uint8_t *b, size_t n) {
    uint8_t *c = malloc(n > 0 ? n : 1);
    memcpy(c, b, n);
    return c;
}

/* Opens and decodes; returns the number of instructions, -1 with the message in *err. */
static int run(const uint8_t *bytes, size_t n, load_error_t *err) {
    beam_file_t f;
    uint8_t *copy = exact(bytes, n);
    int count = -1;
    if (beam_file_open(&f, vm, copy, n) == 0) {
        beam_cursor_t c;
        beam_cursor_init(&c, &f);
        int r;
        count = 0;
        while ((r = beam_next(&c)) > 0) count++;
        if (r < 0) count = -1;
        beam_cursor_free(&c);
    }
    *err = f.err;
    beam_file_close(&f);
    free(copy);
    return count;
}

/* Decodes a body of one instruction and hands it out. */
static uint8_t *open_copy;
static beam_file_t one_file;
static beam_cursor_t one_cursor;

static int one_open(const void *body, size_t n) {
    make_beam(&file, &plain, body, n);
    open_copy = exact(file.b, file.n);
    if (beam_file_open(&one_file, vm, open_copy, file.n) != 0) return -1;
    beam_cursor_init(&one_cursor, &one_file);
    for (int i = 0; i < 4; i++) {
        int r = beam_next(&one_cursor);
        if (r != 1) return r;
    }
    return 1;
}
static void one_close(void) {
    beam_cursor_free(&one_cursor);
    beam_file_close(&one_file);
    free(open_copy);
}
#define ONE(body) one_open(body, sizeof body - 1)

static void expect_error(const void *body, size_t n, const char *text) {
    assert_int_equal(one_open(body, n), -1);
    if (strstr(one_file.err.text, text) == NULL)
        fail_msg("\"%s\" has no \"%s\"", one_file.err.text, text);
    one_close();
}
#define REFUSED(body, text) expect_error(body, sizeof body - 1, text)

static void test_minimal(void **state) {
    (void)state;
    assert_int_equal(ONE("\x13"), 1);
    assert_int_equal(one_file.natoms, 9);
    assert_string_equal(atom_name(vm, one_file.atoms[1]), "m");
    assert_int_equal(one_file.nexports, 1);
    assert_int_equal(one_file.exports[0].label, 2);
    assert_int_equal(one_file.nimports, 1);
    assert_int_equal(one_file.nlambdas, 1);
    assert_int_equal(one_file.nliterals, 1);
    assert_int_equal(one_file.literals[0].size, 2);
    assert_int_equal(one_file.strings_size, 4);
    assert_int_equal(one_file.nlines, 3);
    assert_int_equal(one_file.lines[1].line, 5);
    assert_int_equal(one_file.lines[1].file, 0);
    assert_int_equal(one_file.lines[2].line, 1000);
    assert_int_equal(one_file.lines[2].file, 1);
    assert_string_equal(atom_name(vm, one_file.files[1]), "x.hrl");
    assert_int_equal(one_cursor.op.opcode, 19);
    assert_int_equal(beam_next(&one_cursor), 0);
    assert_int_equal(beam_next(&one_cursor), 0);
    one_close();
}

static void test_long_atom_table(void **state) {
    (void)state;
    load_error_t err;
    beam_opts_t o = {.long_atoms = true};
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), 4);
}

static void test_missing_chunks(void **state) {
    (void)state;
    static const char *const required[] = {"AtU8", "Code", "ImpT", "ExpT"};
    static const char *const optional[] = {"StrT", "FunT", "LitT", "Line"};
    load_error_t err;
    for (size_t i = 0; i < 4; i++) {
        beam_opts_t o = {.without = required[i]};
        make_beam(&file, &o, (const uint8_t *)"\x13", 1);
        assert_int_equal(run(file.b, file.n, &err), -1);
        assert_non_null(strstr(err.text, required[i]));
        assert_non_null(strstr(err.text, "missing"));
        o.without = optional[i];
        make_beam(&file, &o, (const uint8_t *)"\x99\x20\x13", 3); /* line 2; return */
        assert_int_equal(run(file.b, file.n, &err), 5);
    }
}

static void test_literals(void **state) {
    (void)state;
    static bytes_t table, packed;
    load_error_t err;
    table.n = packed.n = 0;
    put32(&table, 2), put32(&table, 2), put(&table, "\x83j", 2);
    put32(&table, 3), put(&table, "\x83\x61\7", 3);
    uLongf n = sizeof packed.b;
    compress(packed.b, &n, table.b, table.n);
    packed.n = n;
    beam_opts_t o = {.literal_size = (uint32_t)table.n, .literal = &packed};
    make_beam(&file, &o, (const uint8_t *)"\x40\x47\x10\3\x13", 5); /* move literal 1, x0 */
    assert_int_equal(run(file.b, file.n, &err), 5);
    /* wrong claims */
    o.literal_size = (uint32_t)table.n + 1;
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    assert_non_null(strstr(err.text, "LitT chunk"));
    o.literal_size = (uint32_t)table.n - 1;
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    o.literal_size = 0xffffffff;
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    assert_non_null(strstr(err.text, "cannot come out of"));
    /* a literal that goes on behind the table, one that is no term */
    table.n = 0;
    put32(&table, 1), put32(&table, 3), put(&table, "\x83j", 2);
    o = (beam_opts_t){.literal = &table};
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    table.n = 0;
    put32(&table, 1), put32(&table, 2), put(&table, "\x82j", 2);
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    assert_non_null(strstr(err.text, "no external term"));
}

static void test_opcodes(void **state) {
    (void)state;
    REFUSED("\xbc", "opcode 188 (get_record_elements) of OTP 29; this VM knows up to 184");
    REFUSED("\xc8", "opcode 200 of an unknown release; this VM knows up to 184");
    REFUSED("\x1b\0\0\0\0", "opcode 27 (m_plus) of OTP 6 is obsolete");
    REFUSED("\0", "opcode 0");
}

/* Integers of all lengths, as move's source. */
static void expect_int(const void *body, size_t n, int64_t value) {
    assert_int_equal(one_open(body, n), 1);
    assert_int_equal(one_cursor.op.arg[0].kind, ARG_INT);
    assert_int_equal((int64_t)one_cursor.op.arg[0].value, value);
    assert_int_equal(one_cursor.op.arg[1].kind, ARG_X);
    one_close();
}
#define INT(bytes, value) expect_int("\x40" bytes "\x33", sizeof bytes + 1, value)

static void test_integers(void **state) {
    (void)state;
    INT("\x01", 0);
    INT("\xf1", 15);
    INT("\x09\x10", 16);
    INT("\xe9\xff", 2047);
    INT("\x19\xff\xff", -1);
    INT("\x19\x08\x00", 2048);
    INT("\x19\x80\x00", -32768);
    INT("\x39\xff\x00\x00", -65536);
    INT("\xd9\x7f\xff\xff\xff\xff\xff\xff\xff", INT64_MAX);
    INT("\xd9\x80\0\0\0\0\0\0\0", INT64_MIN);
    INT("\xf9\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", INT64_MAX); /* 9 bytes, one too many */
    INT("\xf9\0\xff\xff\xff\xff\xff\xff\xff\xff\xfe", -2);
    assert_int_equal(ONE("\x40\xf9\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x33"), 1);
    assert_int_equal(one_cursor.op.arg[0].kind, ARG_BIG);
    assert_int_equal(one_cursor.op.arg[0].value, 9);
    assert_int_equal(one_cursor.op.arg[0].big[0], 0);
    assert_int_equal(one_cursor.op.arg[0].big[8], 0xff);
    one_close();
    /* 300 bytes: the count 291 takes two bytes itself */
    uint8_t big[310] = {0x40, 0xf9, 0x28, 0x23};
    memset(big + 4, 0x55, 300);
    big[304] = 0x33;
    assert_int_equal(one_open(big, 305), 1);
    assert_int_equal(one_cursor.op.arg[0].kind, ARG_BIG);
    assert_int_equal(one_cursor.op.arg[0].value, 300);
    one_close();
    REFUSED("\x40\xf9\x28\x23\x55", "malformed operand"); /* cut short */
    REFUSED("\x40\xf9\x01\x55\x33", "malformed operand"); /* count of a wrong kind */
}

static void test_operands(void **state) {
    (void)state;
    /* move typed x2, y1 */
    assert_int_equal(ONE("\x40\x57\x23\x50\x14"), 1);
    assert_int_equal(one_cursor.op.arg[0].kind, ARG_X);
    assert_int_equal(one_cursor.op.arg[0].value, 2);
    assert_int_equal(one_cursor.op.arg[1].kind, ARG_Y);
    one_close();
    /* test_heap {words 2, floats 3, funs 1}, 1 */
    assert_int_equal(ONE("\x10\x37\x30\x00\x20\x10\x30\x20\x10\x10"), 1);
    assert_int_equal(one_cursor.op.arg[0].kind, ARG_ALLOC);
    assert_int_equal(one_cursor.op.arg[0].value, 2 + 3 * FLOAT_WORDS + FUN_WORDS(0));
    one_close();
    /* fadd without fail label, fr1, fr2, fr0 */
    assert_int_equal(ONE("\x62\x05\x27\x10\x27\x20\x27\0"), 1);
    assert_int_equal(one_cursor.op.arg[1].kind, ARG_FR);
    one_close();
    /* select_val x0, label 3, [integer -> 2, nil -> 3] */
    assert_int_equal(ONE("\x3b\3\x35\x17\x40\x42\x25\2\x35"), 1);
    assert_int_equal(one_cursor.op.arg[2].value, 4);
    assert_int_equal(one_cursor.op.list[0].kind, ARG_ATOM);
    assert_int_equal(one_cursor.op.list[0].value, A_integer);
    assert_int_equal(one_cursor.op.list[2].kind, ARG_NIL);
    assert_int_equal(one_cursor.op.list[3].value, 3);
    one_close();
    /* nil is no operand of move's destination; nor is a number a source */
    REFUSED("\x40\3\2", "operand 2 is of a wrong kind in move");
    REFUSED("\x40\x10\3", "operand 1 is of a wrong kind in move");
    REFUSED("\x40\x92\3", "atom 9 out of range (8 atoms) in move");
    REFUSED("\x40\x47\x10\3", "literal 1 out of range (1 literals) in move");
    REFUSED("\x3d\x45", "label 4 out of range (4 labels) in jump");
    REFUSED("\x3d\5", "out of range in jump"); /* label 0 */
    assert_int_equal(ONE("\x40\x6b\0\3"), 1);  /* x 768 */
    assert_int_equal(one_cursor.op.arg[0].value, 768);
    one_close();
    REFUSED("\x40\x8b\0\3", "malformed operand in move"); /* x 1024 */
    REFUSED("\x01\x40", "out of range in label");
    REFUSED("\x3b\3\x35\x17\x30\x42\x25\2", "malformed operand in select_val"); /* odd list */
    REFUSED("\x3b\3\x35\x17\x20\x42\5", "malformed operand in select_val");     /* label 0 */
    REFUSED("\x3b\3\x35\x17\x20\x35\x35", "wrong kind at place 0 of a list in select_val");
    REFUSED("\x07\x00\x10", "out of range in call_ext"); /* import 1 */
    REFUSED("\x07\x10\x00", "out of range in call_ext"); /* arity 1 of m:f/0 */
    REFUSED("\x67\x10", "out of range in make_fun2");
    REFUSED("\xab\0\3\x17\x10\3", "fun takes 0 free variables, not 1 in make_fun3");
    REFUSED("\x84\5\3\x08\x20\x10",
            "out of range in bs_match_string"); /* 32 bits at 1 of 4 bytes */
    assert_int_equal(ONE("\x84\5\3\x08\x20\0"), 1);
    one_close();
    REFUSED("\x99\x30", "out of range in line");
    REFUSED("\x3b\3\x35\x17\xe8\xff\x42\x25", "malformed operand"); /* list longer than the code */
}

static void test_new_instructions(void **state) {
    (void)state;
    /* update_record copy, 3, x0, x1, [2, x2] */
    assert_int_equal(ONE("\xb5\x72\x30\3\x13\x17\x20\x20\x23"), 1);
    assert_int_equal(one_cursor.op.nlist, 2);
    one_close();
    /* bs_match label 3, x0, [ensure_at_least 8 1, '=:=' nil 8 97, integer 1 nil 8 1 x1, skip 8] */
    assert_int_equal(
        ONE("\xb6\x35\3\x17\xf0\x52\x80\x10\x62\2\x80\x08\x61\x42\x10\2\x80\x10\x13\x82"
            "\x80"),
        1);
    assert_int_equal(one_cursor.op.nlist, 15);
    one_close();
    REFUSED("\xb6\x35\3\x17\x20\x52\x80", "malformed operand in bs_match"); /* one argument short */
    REFUSED("\xb6\x35\3\x17\x20\x12\x80", "malformed operand in bs_match"); /* no such command */
    /* executable_line, debug_line */
    assert_int_equal(ONE("\xb7\x10\x20"), 1);
    one_close();
    assert_int_equal(ONE("\xb8\x72\x10\x20\x10"), 1);
    one_close();
    /* bs_create_bin: string of 4 bytes at 0; at 1 it goes too far */
    assert_int_equal(ONE("\xb1\5\0\0\x80\3\x17\x60\x32\x10\x80\2\0\x41"), 1);
    one_close();
    REFUSED("\xb1\5\0\0\x80\3\x17\x60\x32\x10\x80\2\x10\x41", "in bs_create_bin");
}

static void test_function_count(void **state) {
    (void)state;
    load_error_t err;
    beam_opts_t o = {.functions = 2};
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    assert_non_null(strstr(err.text, "1 functions where the header says 2"));
    o.functions = 0x10000000;
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    o = (beam_opts_t){.labels = 0xffffff};
    make_beam(&file, &o, (const uint8_t *)"\x13", 1);
    assert_int_equal(run(file.b, file.n, &err), -1);
    assert_non_null(strstr(err.text, "Code chunk"));
}

static const uint8_t rich_body[] =
    "\x99\x10\x40\x47\0\3\x3b\3\x35\x17\x40\x42\x25\2\x35\x10\x37\x30\x00\x20\x10\x30\x20\x10\x10"
    "\xb6\x35\3\x17\xf0\x52\x80\x10\x62\2\x80\x08\x61\x42\x10\2\x80\x10\x13\x82\x80\1\x30\x13";

static void test_cut_short(void **state) {
    (void)state;
    load_error_t err;
    make_beam(&file, &plain, rich_body, sizeof rich_body - 1);
    size_t n = file.n;
    assert_true(run(file.b, n, &err) > 4);
    for (size_t i = 0; i < n; i++) assert_int_equal(run(file.b, i, &err), -1);
    assert_true(run(file.b, n + 9, &err) > 5); /* what follows the form does not matter */
}

static void test_damage(void **state) {
    (void)state;
    load_error_t err;
    make_beam(&file, &plain, rich_body, sizeof rich_body - 1);
    static bytes_t bad;
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        bad = file;
        for (int k = 0; k <= round % 4; k++) {
            seed = seed * 1664525 + 1013904223;
            bad.b[(seed >> 8) % bad.n] = (uint8_t)(seed >> 24);
        }
        run(bad.b, bad.n, &err);
    }
}

static void test_installed(void **state) {
    (void)state;
    glob_t g;
    if (glob("/usr/lib/erlang/lib/stdlib-*/ebin/*.beam", 0, NULL, &g) != 0) skip();
    for (size_t i = 0; i < g.gl_pathc; i++) {
        FILE *h = fopen(g.gl_pathv[i], "rb");
        assert_non_null(h);
        static uint8_t bytes[4 << 20];
        size_t n = fread(bytes, 1, sizeof bytes, h);
        fclose(h);
        load_error_t err;
        if (run(bytes, n, &err) <= 0) fail_msg("%s: %s", g.gl_pathv[i], err.text);
    }
    globfree(&g);
}

static void test_chunk(void **state) {
    (void)state;
    make_beam(&file, &plain, (const uint8_t *)"\x13", 1);
    beam_blob_t b;
    assert_true(beam_chunk(file.b, file.n, "StrT", &b));
    assert_int_equal(b.size, 4);
    assert_memory_equal(b.data, "abcd", 4);
    assert_false(beam_chunk(file.b, file.n, "Nope", &b));
    assert_false(beam_chunk(file.b, 11, "StrT", &b));
    uint8_t md5[16];
    assert_true(beam_module_md5(file.b, file.n, md5));
    assert_int_equal(ONE("\x13"), 1);
    assert_memory_equal(md5, one_file.md5, 16);
    one_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),        cmocka_unit_test(test_long_atom_table),
        cmocka_unit_test(test_missing_chunks), cmocka_unit_test(test_literals),
        cmocka_unit_test(test_opcodes),        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_operands),       cmocka_unit_test(test_new_instructions),
        cmocka_unit_test(test_function_count), cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_damage),         cmocka_unit_test(test_installed),
        cmocka_unit_test(test_chunk),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
