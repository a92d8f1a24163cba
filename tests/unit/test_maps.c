/* test_maps.c: maps against a plain model, with good hashes and with hashes made so weak that
 * collision nodes and long common prefixes are everywhere. Includes map.c to get at its hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static unsigned long long test_mask = ~0ull;
#define MAP_TEST_HASH(h) ((h)&test_mask)
#include "../../src/vm/map.c"
#include "../../src/vm/map_iter.c"
#include "../../src/vm/map_merge.c"
#include "fixture.h"

enum { KEYS = 300 };

/* Top bits none, few with a gap, only low ones, all. */
static const unsigned long long masks[] = {~0ull,
                                           0,
                                           0xf000000000000000ull,
                                           0x3000000000000030ull,
                                           0x00000000000001f0ull,
                                           0xf0000f0000f00f00ull};

static uint64_t random_state;
static uint64_t random_next(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 33;
}

typedef struct {
    vm_t *vm;
    proc_t *p;
    term_t key[KEYS];   /* different terms of all kinds */
    term_t twin[KEYS];  /* equal terms at other addresses */
    term_t value[KEYS]; /* what the map should have; TERM_NONE: nothing */
} model_t;

static term_t make_key(proc_t *p, int i) {
    term_t *hp = heap_alloc(p, 16);
    term_t *end = hp + 16, t;
    assert_non_null(hp);
    switch (i % 7) {
    case 0: t = make_small(i - KEYS / 2); break;
    case 1: t = make_atom((uint32_t)i); break;
    case 2: t = make_float(&hp, i); break; /* equal in value to no integer key with the same i */
    case 3: {
        hp[0] = make_header(i & 1 ? T_BIG_POS : T_BIG_NEG, 2);
        hp[1] = (uint64_t)i, hp[2] = 1;
        t = make_boxed(hp);
        hp += 3;
        break;
    }
    case 4: t = tuple2(&hp, make_small(i % 5), make_small(i)); break;
    case 5: {
        t = cons(&hp, make_small(i), TERM_NIL);
        t = cons(&hp, A_ok, t);
        break;
    }
    default: t = make_pid((uint32_t)i, 0); break;
    }
    heap_release(p, hp, end);
    return t;
}

static int setup(void **state) {
    model_t *m = calloc(1, sizeof *m);
    m->vm = fixture_vm();
    m->p = fixture_proc(m->vm);
    for (int i = 0; i < KEYS; i++) {
        m->key[i] = make_key(m->p, i);
        m->twin[i] = make_key(m->p, i);
        m->value[i] = TERM_NONE;
    }
    test_mask = ~0ull;
    random_state = 42;
    *state = m;
    return 0;
}
static int teardown(void **state) {
    model_t *m = *state;
    fixture_free(m->vm);
    free(m);
    return 0;
}

/* The invariants map.c opens with. */
static size_t check_node(vm_t *vm, term_t t, uint64_t *least, unsigned above) {
    if (is_cons(t)) {
        uint64_t h = key_hash(vm, cons_head(t));
        assert_true(h >= *least);
        *least = h;
        return 1;
    }
    const term_t *n = boxed_ptr(t);
    size_t count = 0;
    if (is_collision(n)) {
        size_t size = header_size(n[0]);
        assert_true(size >= 2);
        for (size_t i = 1; i <= size; i++) {
            assert_true(is_cons(n[i]));
            assert_true(key_hash(vm, cons_head(n[i])) == key_hash(vm, cons_head(n[1])));
            if (i > 1) assert_true(term_cmp_exact(vm, cons_head(n[i - 1]), cons_head(n[i])) < 0);
        }
        *least = key_hash(vm, cons_head(n[1]));
        return size;
    }
    assert_int_equal(header_type(n[0]), T_HAMT_NODE);
    unsigned shift = node_shift(n);
    assert_true(shift < above && shift % LEVEL == 0);
    assert_true(node_count(n) >= 2);
    assert_int_equal(__builtin_popcountll(node_info(n) & 0xffff), node_count(n));
    for (size_t i = 0; i < node_count(n); i++) {
        uint64_t h = key_hash(vm, cons_head(any_leaf(n[2 + i])));
        assert_int_equal(bits_below(node_info(n) & 0xffff, slot_bit(h, shift)), i);
        assert_true(node_info(n) & slot_bit(h, shift));
        count += check_node(vm, n[2 + i], least, shift);
    }
    return count;
}

static void check(model_t *m, term_t map) {
    assert_true(is_map(map));
    size_t n = 0;
    for (int i = 0; i < KEYS; i++) {
        n += m->value[i] != TERM_NONE;
        assert_true(map_get(m->vm, map, m->twin[i]) == m->value[i]);
    }
    assert_int_equal(map_size(map), n);
    assert_true(is_flat_map(map) == (n <= MAP_FLAT_MAX));
    if (is_flat_map(map)) {
        const term_t *k = tuple_elems(flat_map_keys(map));
        assert_true(is_tuple_of(flat_map_keys(map), n));
        for (size_t i = 1; i < n; i++) assert_true(term_cmp_exact(m->vm, k[i - 1], k[i]) < 0);
    } else {
        uint64_t least = 0;
        assert_int_equal(check_node(m->vm, hamt_node(map), &least, HASH_BITS), n);
    }
}

static int index_of(model_t *m, term_t key) {
    for (int i = 0; i < KEYS; i++)
        if (term_eq(m->vm, m->key[i], key)) return i;
    return -1;
}

static void check_iteration(model_t *m, term_t map) {
    map_iter_t it, back;
    term_t k, v, seen[KEYS];
    size_t n = 0;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &k, &v)) {
        assert_true(m->value[index_of(m, k)] == v);
        seen[n++] = k;
    }
    assert_int_equal(n, map_size(map));
    map_iter_init_back(&back, map);
    for (size_t i = n; i-- > 0;) {
        assert_true(map_iter_prev(&back, &k, &v));
        assert_true(k == seen[i]);
    }
    assert_false(map_iter_prev(&back, &k, &v));
    term_t *kv = malloc(2 * n * sizeof *kv + 1);
    map_sorted_pairs(m->vm, NULL, map, kv);
    for (size_t i = 0; i < n; i++) {
        assert_true(map_get(m->vm, map, kv[2 * i]) == kv[2 * i + 1]);
        if (i > 0) assert_true(term_cmp_exact(m->vm, kv[2 * i - 2], kv[2 * i]) < 0);
    }
    free(kv);
    if (is_flat_map(map)) return;
    for (size_t i = 0; i < n; i++) {
        uint64_t place = map_key_place(m->vm, seen[i]);
        size_t first = i;
        while (first > 0 && map_key_place(m->vm, seen[first - 1]) == place) first--;
        map_iter_seek(&it, map, place);
        for (size_t j = first; j < n; j++) {
            assert_true(map_iter_next(&it, &k, &v));
            assert_true(k == seen[j]);
        }
        assert_false(map_iter_next(&it, &k, &v));
        map_iter_seek_back(&back, map, place);
        for (size_t j = first; j-- > 0;) {
            assert_true(map_iter_prev(&back, &k, &v));
            assert_true(k == seen[j]);
        }
        assert_false(map_iter_prev(&back, &k, &v));
        /* Any place is safe. */
        map_iter_seek(&it, map, place ^ random_next());
        while (map_iter_next(&it, &k, &v)) assert_true(index_of(m, k) >= 0);
    }
}

/* The same map from its pairs in some other order, some of them twice. */
static void check_rebuilt(model_t *m, term_t map) {
    term_t kv[4 * KEYS];
    size_t n = 0;
    for (int i = 0; i < KEYS; i++) {
        if (m->value[i] == TERM_NONE) continue;
        if (random_next() % 8 == 0) kv[2 * n] = m->twin[i], kv[2 * n + 1] = A_false, n++;
    }
    size_t fixed = n;
    for (int i = 0; i < KEYS; i++) {
        if (m->value[i] == TERM_NONE) continue;
        size_t at = fixed + random_next() % (n - fixed + 1);
        kv[2 * n] = kv[2 * at], kv[2 * n + 1] = kv[2 * at + 1];
        kv[2 * at] = m->key[i], kv[2 * at + 1] = m->value[i];
        n++;
    }
    term_t other = map_from_pairs(m->p, kv, n);
    check(m, other);
    assert_true(term_eq(m->vm, map, other));
    assert_true(term_hash(m->vm, map) == term_hash(m->vm, other));
}

static term_t random_value(void) { return make_small((int64_t)random_next() % 1000); }

static void random_walk(model_t *m, int steps, unsigned grow) {
    term_t map = map_empty(m->p);
    for (int i = 0; i < KEYS; i++) m->value[i] = TERM_NONE;
    check(m, map);
    for (int s = 0; s < steps; s++) {
        int i = (int)(random_next() % KEYS);
        term_t old = m->value[i], before = map, v = random_value();
        switch (random_next() % 8) {
        case 0:
        case 1:
        case 2: /* tends to where there are `grow` keys */
            if (map_size(map) > grow) goto removal;
            map = map_put(m->p, map, m->twin[i], v);
            m->value[i] = v;
            break;
        case 3:
        case 4:
        removal:;
            term_t value = TERM_NONE;
            map = map_remove(m->p, map, m->twin[i], &value);
            assert_true(value == old);
            if (old == TERM_NONE) assert_true(map == before);
            m->value[i] = TERM_NONE;
            break;
        case 5: {
            term_t kv[2] = {m->twin[i], v};
            term_t r = map_update(m->p, map, kv, 1, true);
            if (old == TERM_NONE) {
                assert_true(r == TERM_NONE && m->p->fclass == EXC_ERROR);
                assert_true(is_tuple_of(m->p->fvalue, 2));
                assert_true(tuple_elem(m->p->fvalue, 1) == A_badkey);
                assert_true(tuple_elem(m->p->fvalue, 2) == m->twin[i]);
            } else {
                map = r;
                m->value[i] = v;
                if (is_flat_map(map)) assert_true(flat_map_keys(map) == flat_map_keys(before));
            }
            break;
        }
        case 6: { /* several at once, present or not */
            term_t kv[2 * 40];
            size_t n = 1 + random_next() % (random_next() % 8 == 0 ? 40 : 4);
            if (map_size(map) > grow) n = 1;
            for (size_t k = 0; k < n; k++) {
                i = (int)(random_next() % KEYS);
                kv[2 * k] = m->twin[i];
                kv[2 * k + 1] = m->value[i] = random_value();
            }
            map = map_update(m->p, map, kv, n, false);
            break;
        }
        default: { /* several at once that are all there */
            term_t kv[2 * KEYS];
            size_t n = 0;
            for (i = 0; i < KEYS; i++)
                if (m->value[i] != TERM_NONE && random_next() % 3 == 0) {
                    kv[2 * n] = m->twin[i];
                    kv[2 * n + 1] = m->value[i] = random_value();
                    n++;
                }
            map = map_update(m->p, map, kv, n, true);
            break;
        }
        }
        check(m, map);
        if (s % 50 == 0) check_rebuilt(m, map);
        if (s % 200 == 0) check_iteration(m, map);
    }
    check_iteration(m, map);
}

static void test_small(void **state) { random_walk(*state, 3000, 20); }
static void test_around_limit(void **state) { random_walk(*state, 3000, MAP_FLAT_MAX); }
static void test_large(void **state) { random_walk(*state, 3000, 200); }

static void test_weak_hashes(void **state) {
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        test_mask = masks[i];
        random_walk(*state, 800, MAP_FLAT_MAX + 2);
        random_walk(*state, 500, 150);
    }
}

static void test_merge(void **state) {
    model_t *m = *state;
    static const int sizes[] = {0, 1, 5, 31, 32, 33, 40, 100, 280};
    enum { N = sizeof sizes / sizeof *sizes };
    for (size_t w = 0; w < sizeof masks / sizeof *masks; w++) {
        test_mask = masks[w];
        for (int x = 0; x < N * N; x++) {
            term_t part[2];
            for (int i = 0; i < KEYS; i++) m->value[i] = TERM_NONE;
            for (int k = 0; k < 2; k++) {
                part[k] = map_empty(m->p);
                int n = sizes[k ? x / N : x % N], from = (int)(random_next() % KEYS);
                for (int j = 0; j < n; j++) {
                    int i = (from + j) % KEYS;
                    term_t v = make_small(1000 * k + i);
                    part[k] = map_put(m->p, part[k], k ? m->twin[i] : m->key[i], v);
                    m->value[i] = v;
                }
            }
            term_t r = map_merge(m->p, part[0], part[1]);
            check(m, r);
            check_rebuilt(m, r);
        }
    }
}

/* Maps made from one another share most of their parts. */
static void test_merge_related(void **state) {
    model_t *m = *state;
    for (size_t w = 0; w < sizeof masks / sizeof *masks; w++) {
        test_mask = masks[w];
        for (int round = 0; round < 60; round++) {
            term_t part[2] = {map_empty(m->p)};
            for (int i = 0; i < KEYS; i++) {
                m->value[i] = i % 3 ? make_small(i) : TERM_NONE;
                if (i % 3) part[0] = map_put(m->p, part[0], m->key[i], make_small(i));
            }
            part[1] = part[0];
            int changes = round < 30 ? round / 3 : (round - 29) * 5;
            for (int j = 0; j < changes; j++) {
                int k = (int)(random_next() % 2), i = (int)(random_next() % KEYS);
                if (random_next() % 2)
                    part[k] = map_remove(m->p, part[k], m->key[i], NULL);
                else
                    part[k] = map_put(m->p, part[k], m->twin[i], make_small(1000 * k + i));
            }
            for (int i = 0; i < KEYS; i++) {
                m->value[i] = map_get(m->vm, part[1], m->key[i]);
                if (m->value[i] == TERM_NONE) m->value[i] = map_get(m->vm, part[0], m->key[i]);
            }
            term_t r = map_merge(m->p, part[0], part[1]);
            if (changes == 0) assert_true(r == part[1]);
            check(m, r);
            check_rebuilt(m, r);
            /* Once more: nothing new, so nothing is made. */
            assert_true(map_merge(m->p, r, part[1]) == r);
            assert_true(map_merge(m->p, part[1], r) == r);
        }
    }
}

/* What a decoder uses: cells in a row, twice the same key refused. */
static void test_cells(void **state) {
    model_t *m = *state;
    for (size_t w = 0; w < sizeof masks / sizeof *masks; w++) {
        test_mask = masks[w];
        for (size_t n = MAP_FLAT_MAX + 1; n < KEYS; n += 13) {
            size_t words = HAMT_WORDS_MAX(n);
            term_t *cells = heap_alloc(m->p, words), *hp = cells + 2 * n, *end = cells + words;
            for (int i = 0; i < KEYS; i++) {
                m->value[i] = (size_t)i < n ? make_small(i) : TERM_NONE;
                if ((size_t)i >= n) continue;
                cells[2 * i] = m->key[i];
                cells[2 * i + 1] = make_small(i);
            }
            bool no_memory;
            term_t t = hamt_from_cells(m->vm, NULL, cells, n, &hp, &no_memory);
            assert_true(t != TERM_NONE && hp <= end);
            heap_release(m->p, hp, end);
            check(m, t);
            check_rebuilt(m, t);
            cells = heap_alloc(m->p, words);
            hp = cells + 2 * n;
            end = cells + words;
            for (size_t i = 0; i < n; i++) cells[2 * i] = m->key[i], cells[2 * i + 1] = A_ok;
            cells[2 * (n / 2)] = m->twin[n - 1];
            assert_true(hamt_from_cells(m->vm, NULL, cells, n, &hp, &no_memory) == TERM_NONE);
            assert_false(no_memory);
            heap_release(m->p, cells, end);
        }
    }
}

static void test_sort_flat(void **state) {
    model_t *m = *state;
    for (int round = 0; round < 300; round++) {
        term_t k[MAP_FLAT_MAX], v[MAP_FLAT_MAX];
        size_t n = random_next() % (MAP_FLAT_MAX + 1);
        int from = (int)(random_next() % KEYS);
        for (size_t i = 0; i < n; i++) {
            size_t at = random_next() % (i + 1);
            k[i] = k[at], v[i] = v[at];
            k[at] = m->key[(from + (int)i) % KEYS];
            v[at] = m->twin[(from + (int)i) % KEYS];
        }
        assert_true(map_sort_flat(m->vm, k, v, n));
        for (size_t i = 0; i < n; i++) {
            assert_true(term_eq(m->vm, k[i], v[i]));
            if (i > 0) assert_true(term_cmp_exact(m->vm, k[i - 1], k[i]) < 0);
        }
        if (n < 2) continue;
        k[random_next() % (n - 1)] = k[n - 1];
        assert_false(map_sort_flat(m->vm, k, v, n));
    }
}

static void test_many(void **state) {
    model_t *m = *state;
    enum { N = 50000 };
    term_t *kv = malloc(2 * N * sizeof *kv);
    for (int i = 0; i < N; i++) kv[2 * i] = make_small(i), kv[2 * i + 1] = make_small(-i);
    term_t bulk = map_from_pairs(m->p, kv, N), one = map_empty(m->p);
    for (int i = N; i-- > 0;) one = map_put(m->p, one, kv[2 * i], kv[2 * i + 1]);
    uint64_t least = 0;
    assert_int_equal(check_node(m->vm, hamt_node(one), &least, HASH_BITS), N);
    assert_true(term_eq(m->vm, bulk, one));
    for (int i = 0; i < N; i += 2) one = map_remove(m->p, one, make_small(i), NULL);
    assert_int_equal(map_size(one), N / 2);
    for (int i = 0; i < N; i++)
        assert_true(map_get(m->vm, one, make_small(i)) == (i % 2 ? make_small(-i) : TERM_NONE));
    for (int i = 1; i < N; i += 2) one = map_remove(m->p, one, make_small(i), NULL);
    assert_int_equal(map_size(one), 0);
    /* Many pairs, few keys. */
    for (int i = 0; i < N; i++) kv[2 * i] = make_small(i % 20), kv[2 * i + 1] = make_small(i);
    one = map_from_pairs(m->p, kv, N);
    assert_true(is_flat_map(one) && flat_map_size(one) == 20);
    assert_true(map_get(m->vm, one, make_small(3)) == make_small(N - 20 + 3));
    free(kv);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_small, setup, teardown),
        cmocka_unit_test_setup_teardown(test_around_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weak_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge_related, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sort_flat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
