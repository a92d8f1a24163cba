/* test_ets.c: tables below the BIFs: objects with off-heap parts, growing and shrinking, dead
 * objects of fixed tables, the tree's order and balance, deep and long match specifications. */
#include "fixture.h"
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/match_spec.h"

/* write: A_true: in shards, as with several schedulers. */
static ets_t *table_new(proc_t *p, int type, term_t write) {
    ets_options_t o = {.name = A_ok,
                       .type = (uint8_t)type,
                       .keypos = 1,
                       .write_concurrency = write,
                       .heir = A_none,
                       .heir_data = A_none};
    unsigned threads = p->vm->nthreads;
    if (write == A_true) p->vm->nthreads = 2;
    term_t id = ets_create(p, &o);
    p->vm->nthreads = threads;
    assert_true(id != TERM_NONE);
    ets_t *t = ets_enter(p, id, ETS_NEED_WRITE, true);
    assert_non_null(t);
    return t;
}

static void put(proc_t *p, ets_t *t, term_t key, term_t value) {
    term_t elems[2] = {key, value};
    ets_obj_t *o = ets_obj_new(p->vm, p->sched, t, elems, 2);
    assert_non_null(o);
    o->hash = ets_hash(p->vm, t, key);
    ets_put(p->vm, p->sched, t, o);
}

static ets_obj_t *find(vm_t *vm, ets_t *t, term_t key) {
    return ets_find(vm, t, ets_hash(vm, t, key), key);
}
static size_t erase(proc_t *p, ets_t *t, term_t key) {
    return ets_erase(p->vm, p->sched, t, ets_hash(p->vm, t, key), key);
}

static size_t chain_count(ets_t *t) {
    size_t n = 0;
    for (uint32_t k = 0; k < t->nshards; k++)
        for (size_t i = 0; i < t->shards[k].nbuckets; i++)
            for (ets_obj_t *o = *ets_bucket(&t->shards[k], i); o; o = o->left) n += !o->dead;
    return n;
}

enum { MANY = 20000 };

static void grow_and_shrink(term_t write) {
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    ets_t *t = table_new(p, ETS_SET, write);
    size_t words = ets_words(t), buckets = ets_nbuckets(t);
    assert_int_equal(t->nshards > 1, write == A_true);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) put(p, t, make_small((int64_t)i * (round ? 64 : 1)), A_ok);
        assert_int_equal(ets_size(t), MANY);
        assert_int_equal(chain_count(t), MANY);
        assert_true(ets_nbuckets(t) >= MANY - 1);
        for (uint32_t k = 0; k < t->nshards; k++) { /* each has its part */
            size_t n = atomic_load(&t->shards[k].count);
            assert_true(n > MANY / t->nshards / 2 && n < 2 * MANY / t->nshards);
        }
        for (int i = 0; i < MANY; i++) {
            term_t k = make_small((int64_t)i * (round ? 64 : 1));
            assert_int_equal(erase(p, t, k), 1);
            assert_null(find(vm, t, k));
            if (i % 1000 == 0) assert_int_equal(chain_count(t), MANY - 1 - i);
        }
        assert_int_equal(ets_size(t), 0);
        assert_int_equal(ets_words(t), words);
        assert_int_equal(ets_nbuckets(t), buckets);
    }
    ets_leave(vm, t, true);
    fixture_free(vm);
}
static void test_grow_and_shrink(void **state) {
    (void)state;
    grow_and_shrink(A_false);
    grow_and_shrink(A_true);
}

static ets_obj_t *first_from(ets_t *t, uint32_t shard) {
    ets_obj_t *o = NULL;
    for (; !o && shard < t->nshards; shard++) o = ets_shard_first(&t->shards[shard]);
    return o;
}

static void dead_objects(term_t write) {
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    ets_t *t = table_new(p, ETS_DUPLICATE_BAG, write);
    for (int i = 0; i < 1000; i++) put(p, t, make_small(i / 4), make_small(i));
    size_t buckets = ets_nbuckets(t);
    assert_true(ets_fix(p, t, true));
    bool known;
    ets_obj_t *o = first_from(t, 0);
    size_t seen = 0;
    while (o) {
        term_t key = ets_obj_key(t, o);
        seen++;
        bool old = small_value(key) < 5000;
        assert_int_equal(erase(p, t, key), old ? 4 : 1);
        if (old) put(p, t, make_small(5000 + (int64_t)seen), A_ok);
        uint64_t h = ets_hash(vm, t, key);
        o = ets_hash_next(vm, t, h, key, &known);
        assert_true(known);
        if (!o) o = first_from(t, ets_shard(t, h)->number);
    }
    assert_true(seen >= 250);
    assert_int_equal(ets_nbuckets(t), buckets);
    assert_int_equal(ets_size(t), chain_count(t));
    assert_true(ets_fix(p, t, false));
    assert_int_equal(ets_size(t), chain_count(t));
    for (uint32_t k = 0; k < t->nshards; k++) assert_int_equal(t->shards[k].ndead, 0);
    ets_leave(vm, t, true);
    fixture_free(vm);
}
static void test_dead_objects(void **state) {
    (void)state;
    dead_objects(A_false);
    dead_objects(A_true);
}

/* Height of a subtree; checks order and balance on the way. Trees of tests are low. */
static int tree_check(vm_t *vm, const ets_t *t, const ets_obj_t *n) {
    if (!n) return 0;
    int a = tree_check(vm, t, n->left), b = tree_check(vm, t, n->right);
    if (n->left) assert_true(term_cmp(vm, ets_obj_key(t, n->left), ets_obj_key(t, n)) < 0);
    if (n->right) assert_true(term_cmp(vm, ets_obj_key(t, n->right), ets_obj_key(t, n)) > 0);
    assert_true(a - b >= -1 && a - b <= 1);
    assert_int_equal(n->level, (a > b ? a : b) + 1);
    return n->level;
}

static void test_tree(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    ets_t *t = table_new(p, ETS_ORDERED_SET, A_true);
    uint64_t r = 42;
    static bool in[2000];
    size_t count = 0;
    memset(in, 0, sizeof in);
    for (int i = 0; i < 20000; i++) {
        r = r * 6364136223846793005u + 1442695040888963407u;
        size_t k = (r >> 33) % 2000;
        if ((r >> 60) < 9) {
            count += !in[k];
            in[k] = true;
            put(p, t, make_small((int64_t)k), make_small(i));
        } else {
            assert_int_equal(erase(p, t, make_small((int64_t)k)), in[k]);
            count -= in[k];
            in[k] = false;
        }
        if (i % 97 == 0) tree_check(vm, t, t->root);
        assert_int_equal(ets_size(t), count);
    }
    for (int back = 0; back < 2; back++)
        for (int64_t from = -1; from <= 2000; from += 13) {
            ets_walk_t w;
            int64_t k = from;
            ets_tree_seek(vm, t, &w, make_small(from), false, back);
            for (int steps = 0; steps < 5; steps++) {
                do k += back ? -1 : 1;
                while (k >= 0 && k < 2000 && !in[k]);
                ets_obj_t *o = ets_tree_at(&w);
                if (k < 0 || k >= 2000) {
                    assert_null(o);
                    break;
                }
                assert_non_null(o);
                assert_true(ets_obj_key(t, o) == make_small(k));
                ets_tree_step(&w, back);
            }
        }
    assert_int_equal(ets_clear(vm, p->sched, t), count);
    assert_null(t->root);
    ets_leave(vm, t, true);
    fixture_free(vm);
}

static void test_off_heap(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    ets_t *t = table_new(p, ETS_SET, A_true);
    uint8_t *data;
    term_t big = binary_new(p, 1000, &data);
    memset(data, 7, 1000);
    shared_bin_t *bin = ((proc_bin_t *)boxed_ptr(big))->bin;
    term_t part = bits_sub(p, big, 3, 900), *hp = heap_alloc(p, 3);
    term_t pair = tuple2(&hp, big, part);
    for (int i = 0; i < 10; i++) put(p, t, make_small(i), pair);
    assert_int_equal(atomic_load(&bin->refs), 21);
    term_t copy = ets_obj_copy(p, find(vm, t, make_small(3)));
    assert_int_equal(atomic_load(&bin->refs), 23);
    assert_true(term_eq(vm, tuple_elem(copy, 2), pair));
    for (int i = 0; i < 5; i++) put(p, t, make_small(i), A_ok);
    assert_int_equal(atomic_load(&bin->refs), 13);
    ets_clear(vm, p->sched, t);
    assert_int_equal(atomic_load(&bin->refs), 3);
    ets_leave(vm, t, true);
    fixture_free(vm);
}

/* [{Head, [], [Body]}] run on obj. */
static term_t match_once(proc_t *p, term_t head, term_t body, term_t obj) {
    term_t *hp = heap_alloc(p, 8);
    term_t b = cons(&hp, body, TERM_NIL), clause = tuple3(&hp, head, TERM_NIL, b);
    term_t spec = cons(&hp, clause, TERM_NIL);
    bool oom;
    ms_t *ms = ms_compile(p, spec, MS_TABLE, NULL, &oom);
    assert_false(oom);
    if (!ms) return TERM_NONE;
    ms_run_t r;
    assert_true(ms_begin(&r, p, ms));
    term_t v = ms_match(&r, obj, NULL);
    assert_false(r.oom);
    ms_end(&r);
    ms_release(ms);
    return v;
}

static void test_deep_specs(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    term_t var = atom_from_string(vm, "$1"), deep_var = var, deep = A_ok, wide = TERM_NIL,
           wide_ok = TERM_NIL, deep_tuple = var, deep_call = var;
    for (int i = 0; i < 100000; i++) {
        term_t *hp = heap_alloc(p, 16), *end = hp + 16;
        deep_var = cons(&hp, deep_var, TERM_NIL);
        deep = cons(&hp, deep, TERM_NIL);
        wide = cons(&hp, var, wide);
        wide_ok = cons(&hp, A_ok, wide_ok);
        deep_tuple = tuple2(&hp, deep_tuple, A_ok);
        deep_call = tuple2(&hp, A_hd, deep_call);
        heap_release(p, hp, end);
    }
    assert_true(match_once(p, deep_var, var, deep) == A_ok);
    assert_true(term_eq(vm, match_once(p, var, deep_var, A_ok), deep));
    assert_true(match_once(p, wide, var, wide_ok) == A_ok);
    assert_true(term_eq(vm, match_once(p, var, wide, A_ok), wide_ok));
    assert_true(match_once(p, deep_tuple, var, deep) == TERM_NONE);
    assert_true(match_once(p, var, deep_call, deep) == A_ok);
    assert_true(match_once(p, var, deep_tuple, A_ok) == TERM_NONE); /* is no call */
    fixture_free(vm);
}

/* ---- owners ---- */

/* The table moves to the owner it has: its record must not go away in between, memory or not. */
static void test_same_owner(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm);
    ets_t *t = table_new(p, ETS_SET, A_false);
    vm->memory_limit = 1;
    assert_true(ets_set_owner(vm, t, p->pid));
    vm->memory_limit = 0;
    put(p, t, A_ok, A_ok);
    ets_leave(vm, t, true);
    fixture_free(vm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow_and_shrink),
        cmocka_unit_test(test_dead_objects),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_off_heap),
        cmocka_unit_test(test_deep_specs),
        cmocka_unit_test(test_same_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
