/* test_code.c: the tables of exports, funs, modules and literals: modules made by hand come, are
 * replaced, deleted and purged; who uses them is found out. Nothing is run. */
#include "fixture.h"
#include "vm/code.h"

static vm_t *vm;

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

static term_t atom(const char *s) { return atom_from_string(vm, s); }

static void test_exports(void **state) {
    (void)state;
    export_t *e = export_get(vm, atom("no_module"), atom("f"), 2);
    assert_non_null(e);
    assert_ptr_equal(export_get(vm, atom("no_module"), atom("f"), 2), e);
    assert_ptr_equal(export_find(vm, atom("no_module"), atom("f"), 2), e);
    assert_null(export_find(vm, atom("no_module"), atom("f"), 3));
    assert_false(export_is_defined(e));
    export_t *b = export_find(vm, A_erlang, A_module_loaded, 1);
    assert_non_null(b);
    assert_non_null(b->bif);
    assert_true(export_is_defined(b));
    /* Growth moves nothing. */
    static export_t *many[20000];
    for (uint32_t i = 0; i < 20000; i++) many[i] = export_get(vm, A_ok, A_error, i);
    for (uint32_t i = 0; i < 20000; i++)
        assert_ptr_equal(export_find(vm, A_ok, A_error, i), many[i]);
    assert_ptr_equal(export_find(vm, A_erlang, A_module_loaded, 1), b);
}

static void test_funs(void **state) {
    (void)state;
    uint8_t uniq[16] = {1, 2, 3};
    fun_entry_t *f = fun_entry_get(vm, A_ok, uniq, 0, 7, 0, 1, 2);
    assert_ptr_equal(fun_entry_get(vm, A_ok, uniq, 0, 7, 0, 1, 2), f);
    assert_ptr_equal(atomic_load(&f->code), f->stub);
    /* Whoever says otherwise of the same fun gets another entry. */
    assert_ptr_not_equal(fun_entry_get(vm, A_ok, uniq, 0, 7, 0, 2, 2), f);
    assert_ptr_not_equal(fun_entry_get(vm, A_ok, uniq, 0, 7, 0, 1, 3), f);
    assert_ptr_not_equal(fun_entry_get(vm, A_ok, uniq, 1, 7, 0, 1, 2), f);
    uniq[9] = 1;
    assert_ptr_not_equal(fun_entry_get(vm, A_ok, uniq, 0, 7, 0, 1, 2), f);
}

enum { WORDS = 40 };

/* A module with functions f/0 at word 0, g/1 at 20, one fun, lines 3 at 6 and 9 at 26. only: the
 * one function it exports, or NULL for both. */
static module_t *make_module(const char *name, uint8_t version, const char *only) {
    module_t *m = mem_calloc(vm, sizeof *m);
    m->name = atom(name);
    m->vm = vm;
    m->code_words = WORDS;
    m->code = mem_calloc(vm, WORDS * sizeof *m->code);
    m->md5[0] = version;
    m->nfunctions = 2;
    m->functions = mem_calloc(vm, 2 * sizeof *m->functions);
    m->functions[0] = (code_function_t){m->code, atom("f"), 0};
    m->functions[1] = (code_function_t){m->code + 20, atom("g"), 1};
    m->nlines = 2;
    m->lines = mem_calloc(vm, 2 * sizeof *m->lines);
    m->lines[0] = (code_line_t){6, 3, 0};
    m->lines[1] = (code_line_t){26, 9, 0};
    m->nfiles = 1;
    m->files = mem_calloc(vm, sizeof *m->files);
    m->files[0] = A_ok; /* anything */
    m->nexports = only != NULL ? 1 : 2;
    m->exports = mem_calloc(vm, m->nexports * sizeof *m->exports);
    uint32_t n = 0;
    for (uint32_t i = 0; i < 2; i++) {
        if (only != NULL && m->functions[i].function != atom(only)) continue;
        m->exports[n].entry = export_get(vm, m->name, m->functions[i].function, i);
        m->exports[n++].code = m->functions[i].start + FUNC_INFO_WORDS;
    }
    m->nfuns = 1;
    m->funs = mem_calloc(vm, sizeof *m->funs);
    m->fun_code = mem_calloc(vm, sizeof *m->fun_code);
    m->funs[0] = fun_entry_get(vm, m->name, m->md5, 0, 0, 0, 0, 1);
    m->fun_code[0] = m->code + 24;
    m->literal_words = 10;
    m->literal_area = literal_alloc(vm, 10);
    return m;
}

static void test_versions(void **state) {
    (void)state;
    term_t name = atom("versions");
    module_t *one = make_module("versions", 1, NULL), *two = make_module("versions", 2, "f"),
             *three = make_module("versions", 3, NULL);
    export_t *f = export_get(vm, name, atom("f"), 0), *g = export_get(vm, name, atom("g"), 1);
    assert_null(module_find(vm, name));
    assert_int_equal(module_delete(vm, name), -2);

    assert_int_equal(module_publish(vm, one), 0);
    assert_ptr_equal(module_find(vm, name), one);
    assert_ptr_equal(atomic_load(&f->code), one->code + FUNC_INFO_WORDS);
    assert_ptr_equal(atomic_load(&g->code), one->code + 20 + FUNC_INFO_WORDS);
    fun_entry_t *fun = one->funs[0];
    assert_ptr_equal(atomic_load(&fun->code), one->code + 24);

    /* The next version does not export g. */
    assert_int_equal(module_publish(vm, two), 0);
    assert_ptr_equal(module_find(vm, name), two);
    assert_ptr_equal(module_find_old(vm, name), one);
    assert_ptr_equal(atomic_load(&f->code), two->code + FUNC_INFO_WORDS);
    assert_false(export_is_defined(g));
    assert_ptr_equal(atomic_load(&fun->code), one->code + 24);

    assert_int_equal(module_publish(vm, three), -1);
    assert_int_equal(module_delete(vm, name), -1);

    /* A purge that is given up, and one that is not. */
    assert_int_equal(code_purge(vm, name, PURGE_COMPLETE, false), -1);
    assert_int_equal(code_purge(vm, name, PURGE_PREPARE_ON_LOAD, false), 0);
    assert_int_equal(code_purge(vm, name, PURGE_PREPARE, false), 1);
    assert_int_equal(code_purge(vm, name, PURGE_PREPARE, false), -1);
    assert_true(fun_is_being_purged(vm, fun));
    assert_ptr_equal(atomic_load(&fun->code), fun->stub);
    assert_int_equal(code_purge(vm, name, PURGE_ABORT, false), 0);
    assert_ptr_equal(atomic_load(&fun->code), one->code + 24);
    const uint64_t *old_code = one->code;
    code_place_t place;
    assert_true(code_lookup(vm, old_code + 1, &place));
    assert_true(module_purge_old(vm, name));
    assert_false(module_purge_old(vm, name));
    assert_null(module_find_old(vm, name));
    assert_ptr_equal(atomic_load(&fun->code), fun->stub);
    assert_null(fun->owner);
    assert_false(code_lookup(vm, old_code + 1, &place));

    assert_int_equal(module_publish(vm, three), 0);
    assert_true(export_is_defined(g));
    assert_int_equal(module_soft_purge(vm, name), 1);
    assert_int_equal(module_delete(vm, name), 0);
    assert_null(module_find(vm, name));
    assert_ptr_equal(module_find_old(vm, name), three);
    assert_false(export_is_defined(f));
    assert_false(export_is_defined(g));
    assert_int_equal(module_soft_purge(vm, name), 1);
}

/* The same file loaded again: its funs go over to the new version and stay when the old one goes.
 */
static void test_same_version(void **state) {
    (void)state;
    module_t *one = make_module("same", 1, NULL), *two = make_module("same", 1, NULL);
    assert_int_equal(module_publish(vm, one), 0);
    assert_int_equal(module_publish(vm, two), 0);
    fun_entry_t *fun = two->funs[0];
    assert_ptr_equal(fun, one->funs[0]);
    assert_ptr_equal(atomic_load(&fun->code), two->code + 24);
    assert_true(module_purge_old(vm, atom("same")));
    assert_ptr_equal(atomic_load(&fun->code), two->code + 24);
    assert_ptr_equal(fun->owner, two);
}

static void test_on_load(void **state) {
    (void)state;
    term_t name = atom("onl");
    module_t *one = make_module("onl", 1, NULL), *two = make_module("onl", 2, NULL);
    export_t *f = export_get(vm, name, atom("f"), 0);
    assert_int_equal(module_set_on_load(vm, one), 0);
    assert_null(module_find(vm, name));
    assert_false(export_is_defined(f));
    code_place_t place;
    assert_true(code_lookup(vm, one->code, &place));
    assert_int_equal(module_set_on_load(vm, two), -1);
    assert_int_equal(module_on_load_done(vm, name, true), 0);
    assert_ptr_equal(module_find(vm, name), one);
    assert_true(export_is_defined(f));
    /* A failed one leaves the current version as it is. */
    assert_int_equal(module_set_on_load(vm, two), 0);
    assert_int_equal(module_on_load_done(vm, name, false), 0);
    assert_int_equal(code_purge(vm, name, PURGE_PREPARE_ON_LOAD, false), 1);
    assert_int_equal(code_purge(vm, name, PURGE_COMPLETE, false), 1);
    assert_null(module_find_on_load(vm, name));
    assert_ptr_equal(module_find(vm, name), one);
    assert_ptr_equal(atomic_load(&f->code), one->code + FUNC_INFO_WORDS);
}

static void test_lookup(void **state) {
    (void)state;
    static module_t *m[50];
    char name[8] = "look00";
    for (int i = 0; i < 50; i++) {
        name[4] = (char)('0' + i / 10), name[5] = (char)('0' + i % 10);
        m[i] = make_module(name, 1, NULL);
        assert_int_equal(module_publish(vm, m[i]), 0);
    }
    for (int i = 0; i < 50; i++) {
        code_place_t p;
        assert_true(code_lookup(vm, m[i]->code + 5, &p));
        assert_ptr_equal(p.module, m[i]);
        assert_int_equal(p.function->function, atom("f"));
        assert_int_equal(p.line, 0);
        assert_true(code_lookup(vm, m[i]->code + 6, &p));
        assert_int_equal(p.line, 3);
        assert_int_equal(p.file, A_ok);
        assert_true(code_lookup(vm, m[i]->code + 21, &p));
        assert_int_equal(p.function->arity, 1);
        assert_int_equal(p.line, 0); /* line 3 belongs to f */
        assert_true(code_lookup(vm, m[i]->code + WORDS - 1, &p));
        assert_int_equal(p.line, 9);
    }
    code_place_t p;
    assert_false(code_lookup(vm, &p, &p));
    assert_false(code_lookup(vm, NULL, &p));
}

static void test_literals(void **state) {
    (void)state;
    size_t before = vm->memory_used;
    term_t *a = literal_alloc(vm, 5), *b = literal_alloc(vm, 100), *c = literal_alloc(vm, 7);
    assert_non_null(a);
    assert_true(is_literal(vm, make_boxed(a)));
    assert_true(is_literal(vm, make_cons(c)));
    assert_false(is_literal(vm, make_boxed(&before)));
    literal_free(vm, b, 100);
    term_t *d = literal_alloc(vm, 60); /* out of b's place */
    assert_ptr_equal(d, b);
    literal_free(vm, a, 5);
    literal_free(vm, d, 60);
    literal_free(vm, c, 7);
    /* All joined up again: one block takes their place. */
    term_t *e = literal_alloc(vm, 6 + 100 + 8);
    assert_ptr_equal(e, a);
    literal_free(vm, e, 6 + 100 + 8);
    assert_int_equal(vm->memory_used, before);
    assert_null(literal_alloc(vm, SIZE_MAX / 8));
    assert_null(literal_alloc(vm, vm->literal_size));
    /* A big one gives its pages back and they read as zero. */
    size_t big = (4u << 20) / sizeof(term_t);
    term_t *g = literal_alloc(vm, big);
    assert_non_null(g);
    g[big / 2] = 1;
    literal_free(vm, g, big);
    g = literal_alloc(vm, big);
    assert_int_equal(g[big / 2], 0);
    literal_free(vm, g, big);
}

static void test_literal_copy(void **state) {
    (void)state;
    term_t heap[5], *hp = heap, *area;
    off_heap_t *off = NULL;
    size_t words;
    term_t t = tuple2(&hp, A_ok, cons(&hp, A_error, TERM_NIL));
    term_t l = literal_copy(vm, t, &area, &words, &off);
    assert_true(is_literal(vm, l));
    assert_true(is_tuple_of(l, 2));
    assert_int_equal(words, 5);
    assert_true(is_literal(vm, tuple_elem(l, 2)));
    literal_free(vm, area, words);
    assert_int_equal(literal_copy(vm, A_ok, &area, &words, &off), A_ok);
    assert_null(area);
}

/* Code and heap of a process as the purger sees it. */
static void test_uses(void **state) {
    (void)state;
    module_t *m = make_module("uses", 1, NULL);
    assert_int_equal(module_publish(vm, m), 0);
    proc_t *p = fixture_proc(vm);
    assert_false(proc_uses_module(p, m));
    const uint64_t *ip = p->ip;
    p->ip = m->code + 8;
    assert_true(proc_uses_module(p, m));
    p->ip = ip;
    *--p->sp = (term_t)(uintptr_t)(m->code + 9) + TAG_HEADER;
    assert_true(proc_uses_module(p, m));
    *p->sp = make_catch(m->code + 9);
    assert_true(proc_uses_module(p, m));
    *p->sp = A_ok;
    assert_false(proc_uses_module(p, m));
    assert_int_equal(module_delete(vm, m->name), 0);
    assert_int_equal(module_soft_purge(vm, m->name), 1);
    p->sp++;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exports),  cmocka_unit_test(test_funs),
        cmocka_unit_test(test_versions), cmocka_unit_test(test_same_version),
        cmocka_unit_test(test_on_load),  cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_literals), cmocka_unit_test(test_literal_copy),
        cmocka_unit_test(test_uses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
