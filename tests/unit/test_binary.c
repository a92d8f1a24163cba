/* test_binary.c: bits in memory against a bit-by-bit model, storage of binaries and its counts,
 * matching, building, appending, iodata, MD5. */
#include "fixture.h"
#include <string.h>
#include "vm/binary.h"
#include "vm/md5.h"

typedef struct {
    vm_t *vm;
    proc_t *p;
} env_t;

static int setup(void **state) {
    static env_t e;
    e.vm = fixture_vm();
    e.p = fixture_proc(e.vm);
    *state = &e;
    return e.p ? 0 : -1;
}
static int teardown(void **state) {
    fixture_free(((env_t *)*state)->vm);
    return 0;
}

static uint64_t random_state = 42;
static unsigned rnd(unsigned n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

static unsigned get_bit(const uint8_t *p, size_t i) { return p[i / 8] >> (7 - i % 8) & 1; }
static void set_bit(uint8_t *p, size_t i, unsigned v) {
    p[i / 8] = (uint8_t)((p[i / 8] & ~(0x80u >> i % 8)) | (v ? 0x80u >> i % 8 : 0));
}
static void fill(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)rnd(256);
}

static void test_bits(void **state) {
    (void)state;
    uint8_t a[64], b[64], want[64];
    for (int round = 0; round < 20000; round++) {
        fill(a, sizeof a);
        fill(b, sizeof b);
        size_t n = rnd(300), from = rnd(200), to = rnd(200);
        memcpy(want, b, sizeof b);
        for (size_t i = 0; i < n; i++) set_bit(want, to + i, get_bit(a, from + i));
        bits_copy(b, to, a, from, n);
        assert_memory_equal(b, want, sizeof b);
        assert_int_equal(bits_cmp(a, from, b, to, n), 0);
        if (n) {
            size_t k = rnd((unsigned)n);
            set_bit(b, to + k, !get_bit(b, to + k));
            int less = get_bit(a, from + k) == 0;
            assert_true(less ? bits_cmp(a, from, b, to, n) < 0 : bits_cmp(a, from, b, to, n) > 0);
        }
        unsigned w = rnd(65);
        uint64_t v = 0,
                 x = (uint64_t)rnd(1u << 30) << 40 ^ (uint64_t)rnd(1u << 30) << 15 ^ rnd(999);
        for (unsigned i = 0; i < w; i++) v = v << 1 | get_bit(a, from + i);
        assert_true(bits_get64(a, from, w) == v);
        memcpy(want, b, sizeof b);
        for (unsigned i = 0; i < w; i++) set_bit(want, to + i, (unsigned)(x >> (w - 1 - i)) & 1);
        bits_put64(b, to, w, x);
        assert_memory_equal(b, want, sizeof b);
    }
}

static void test_storage(void **state) {
    env_t *e = *state;
    uint8_t *d;
    term_t t = binary_new(e->p, 64, &d);
    assert_int_equal(boxed_type(t), T_HEAP_BIN);
    assert_int_equal(((uintptr_t)d & 7), 0);
    uint64_t before = e->p->vheap;
    t = binary_new(e->p, 65, &d);
    assert_int_equal(boxed_type(t), T_PROC_BIN);
    assert_int_equal(((uintptr_t)d & 15), 0);
    assert_true(e->p->vheap - before == 65);
    assert_ptr_equal(e->p->off_heap, boxed_ptr(t));
    fill(d, 65);
    /* Small byte parts are copied, others refer to the original, never to a part. */
    term_t small = bits_part(e->p, t, 8, 24);
    assert_int_equal(boxed_type(small), T_HEAP_BIN);
    assert_memory_equal(((heap_bin_t *)boxed_ptr(small))->data, d + 1, 3);
    term_t sub = bits_part(e->p, t, 3, 500), subsub = bits_part(e->p, sub, 7, 400);
    assert_int_equal(boxed_type(subsub), T_SUB_BIN);
    sub_bin_t *s = (sub_bin_t *)boxed_ptr(subsub);
    assert_true(s->orig == t);
    assert_int_equal(small_value(s->bit_offset), 10);
    assert_true(bits_part(e->p, t, 0, 65 * 8) == t);
    assert_true(bits_part(e->p, sub, 0, 500) == sub);
    bits_t b;
    assert_true(bits_of(subsub, &b));
    assert_int_equal(bits_cmp(b.base, b.bit_offset, d, 10, 400), 0);
    assert_false(bits_of(A_ok, &b));
    /* Bytes of an unaligned part come as a copy. */
    const uint8_t *q;
    uint8_t *tmp;
    size_t n, tmp_size;
    assert_true(bytes_of(e->vm, subsub, &q, &n, &tmp, &tmp_size));
    assert_int_equal(n, 50);
    assert_non_null(tmp);
    assert_int_equal(bits_cmp(q, 0, d, 10, 400), 0);
    mem_free(e->vm, tmp, tmp_size);
    assert_false(bytes_of(e->vm, bits_part(e->p, t, 0, 9), &q, &n, &tmp, &tmp_size));
}

static int destroyed;
static void destroy(shared_bin_t *b) {
    assert_int_equal(*(int *)b->owner, 77);
    destroyed++;
}
static void test_foreign(void **state) {
    env_t *e = *state;
    static uint8_t data[200];
    static int owner = 77;
    size_t before = atomic_load(&e->vm->memory_used);
    shared_bin_t *b = shared_bin_new_foreign(e->vm, data, sizeof data, destroy, &owner);
    shared_bin_keep(b);
    shared_bin_release(b);
    assert_int_equal(destroyed, 0);
    shared_bin_release(b);
    assert_int_equal(destroyed, 1);
    assert_true(atomic_load(&e->vm->memory_used) == before);
    assert_null(shared_bin_new(e->vm, SIZE_MAX - 8));
    assert_true(binary_new(e->p, (size_t)1 << 62, &(uint8_t *){NULL}) == TERM_NONE);
}

static const uint8_t *data_of(term_t t, size_t *bits) {
    bits_t b;
    assert_true(bits_of(t, &b));
    assert_int_equal(b.bit_offset, 0);
    *bits = b.bit_size;
    return b.base;
}

static term_t append_bits(proc_t *p, term_t bin, uint64_t v, unsigned n) {
    bs_segment_t seg[2] = {{.kind = A_append, .unit = 1, .value = bin, .size = A_all, .segment = 1},
                           {.kind = A_integer,
                            .unit = 1,
                            .value = make_small((int64_t)v),
                            .size = make_small(n),
                            .segment = 2}};
    term_t t = bs_create(p, seg, 2);
    assert_true(t != TERM_NONE);
    return t;
}

static void test_append(void **state) {
    env_t *e = *state;
    static uint8_t want[8192];
    size_t nbits = 0, bits, moves = 0;
    term_t t = bs_init_writable(e->p, make_small(0));
    assert_true(is_bitstring(t) && bit_size_of(t) == 0);
    const uint8_t *last = data_of(t, &bits);
    for (int i = 0; i < 8000; i++) {
        unsigned n = rnd(3) ? 8 : rnd(9);
        uint64_t v = rnd(256);
        bits_put64(want, nbits, n, v);
        nbits += n;
        t = append_bits(e->p, t, v, n);
        const uint8_t *now = data_of(t, &bits);
        assert_int_equal(bits, nbits);
        moves += now != last;
        last = now;
    }
    assert_int_equal(bits_cmp(last, 0, want, 0, nbits), 0);
    assert_in_range(moves, 1, 8); /* doubling, not copying each time */

    /* Appending twice to the same part: the second one must not spoil the first. */
    term_t x = append_bits(e->p, t, 0xaaaa, 16), y = append_bits(e->p, t, 0x5555, 16);
    term_t z = append_bits(e->p, x, 1, 1);
    const uint8_t *d = data_of(x, &bits);
    assert_true(bits_get64(d, bits - 16, 16) == 0xaaaa);
    d = data_of(y, &bits);
    assert_true(bits_get64(d, bits - 16, 16) == 0x5555);
    assert_true(data_of(z, &bits) == data_of(x, &bits));
    assert_int_equal(bits_cmp(d, 0, want, 0, nbits), 0);
    /* Storage that somebody else sees is not extended in place. */
    proc_bin_t *pb = (proc_bin_t *)boxed_ptr(((sub_bin_t *)boxed_ptr(z))->orig);
    shared_bin_keep(pb->bin);
    term_t other = append_bits(e->p, z, 1, 1);
    assert_true(data_of(other, &bits) != data_of(z, &bits));
    shared_bin_release(pb->bin);
    /* Part of one bit offset. */
    term_t part = bits_part(e->p, other, 5, bit_size_of(other) - 5);
    term_t longer = append_bits(e->p, part, 3, 2);
    bits_t b;
    assert_true(bits_of(longer, &b));
    assert_int_equal(b.bit_size, bit_size_of(other) - 3);
    assert_int_equal(bits_cmp(b.base, b.bit_offset, want, 5, nbits - 5), 0);
    /* Small ones stay small. */
    assert_int_equal(boxed_type(append_bits(e->p, new_binary(e->p, want, 10), 1, 8)), T_HEAP_BIN);
}

static void test_match(void **state) {
    env_t *e = *state;
    shared_bin_t *s = shared_bin_new(e->vm, 200);
    fill(s->data, 200);
    /* Data at an odd address: the base is aligned and the offset makes up for it. */
    term_t t = binary_from_shared(e->p, s, 3, 150);
    match_ctx_t *c = (match_ctx_t *)boxed_ptr(bs_start_match(e->p, t));
    assert_int_equal((uintptr_t)c->base & 7, 0);
    assert_true(bs_get_integer(e->p, c, 8, 0) == make_small(s->data[3]));
    assert_true(bs_get_integer(e->p, c, 16, BS_LITTLE) == make_small(s->data[4] | s->data[5] << 8));
    bits_t b;
    assert_true(bits_of(bs_get_binary(e->p, c, 803), &b));
    assert_int_equal(bits_cmp(b.base, b.bit_offset, s->data, 48, 803), 0);
    assert_true(bits_of(bs_get_tail(e->p, c), &b));
    assert_int_equal(b.bit_size, 147 * 8 - 803);
    assert_int_equal(bits_cmp(b.base, b.bit_offset, s->data, 48 + 803, b.bit_size), 0);
    term_t before = c->offset;
    assert_true(bs_get_binary(e->p, c, b.bit_size + 1) == TERM_NONE);
    assert_true(bs_get_integer(e->p, c, SIZE_MAX, 0) == TERM_NONE);
    assert_true(bs_get_float(e->p, c, 24, 0) == TERM_NONE);
    assert_true(c->offset == before);
    assert_true(bs_start_match(e->p, A_ok) == TERM_NONE);
    /* Large integers: one limb too large for a small, and many. */
    uint8_t ff[40];
    memset(ff, 0xff, sizeof ff);
    c = (match_ctx_t *)boxed_ptr(bs_start_match(e->p, new_binary(e->p, ff, 40)));
    term_t big = bs_get_integer(e->p, c, 64, 0);
    assert_true(is_big(big) && big_limbs(big) == 1 && big_data(big)[0] == UINT64_MAX);
    assert_true(bs_get_integer(e->p, c, 130, BS_SIGNED) == make_small(-1));
    big = bs_get_integer(e->p, c, 65, 0);
    assert_true(is_big(big) && big_limbs(big) == 2 && big_data(big)[1] == 1);
    assert_true(bs_get_integer(e->p, c, 61, 0) != TERM_NONE);
    assert_true(bs_get_integer(e->p, c, 1, 0) == TERM_NONE);
}

typedef struct {
    uint8_t data[4096];
    size_t n;
} sink_t;
static void sink(void *user, const uint8_t *s, size_t n) {
    sink_t *k = user;
    assert_true(n <= sizeof k->data - k->n);
    memcpy(k->data + k->n, s, n);
    k->n += n;
}

static void test_iodata(void **state) {
    env_t *e = *state;
    uint8_t raw[300], want[4096];
    fill(raw, sizeof raw);
    term_t bin = new_binary(e->p, raw, 300), odd = bits_part(e->p, bin, 4, 1600);
    term_t *hp = heap_alloc(e->p, 40), *end = hp + 40;
    term_t inner = cons(&hp, make_small(1), cons(&hp, bin, odd));
    term_t list = cons(&hp, make_small(255), cons(&hp, inner, cons(&hp, TERM_NIL, odd)));
    term_t bad = cons(&hp, inner, cons(&hp, make_small(256), TERM_NIL));
    term_t improper = cons(&hp, make_small(7), make_small(7));
    heap_release(e->p, hp, end);
    size_t n;
    assert_int_equal(iodata_bits(e->vm, list, false, &n), IODATA_OK);
    assert_int_equal(n, 8 * (1 + 1 + 300 + 200 + 200));
    assert_int_equal(iodata_copy(e->vm, list, want), IODATA_OK);
    static sink_t k;
    assert_int_equal(iodata_walk(e->vm, list, sink, &k), IODATA_OK);
    assert_int_equal(k.n * 8, n);
    assert_memory_equal(k.data, want, k.n);
    assert_int_equal(want[0], 255);
    assert_memory_equal(want + 2, raw, 300);
    assert_int_equal(iodata_bits(e->vm, bad, false, &n), IODATA_BAD);
    assert_int_equal(iodata_bits(e->vm, improper, false, &n), IODATA_BAD);
    assert_int_equal(iodata_bits(e->vm, A_ok, false, &n), IODATA_BAD);
    /* A million deep. */
    term_t deep = TERM_NIL;
    for (int i = 0; i < 1000000; i++) {
        term_t *cell = heap_alloc(e->p, 2);
        assert_non_null(cell);
        cell[0] = deep;
        cell[1] = inner;
        deep = make_cons(cell);
        if (i > 20) cell[1] = TERM_NIL;
    }
    assert_int_equal(iodata_bits(e->vm, deep, false, &n), IODATA_OK);
    assert_int_equal(n, 21 * 8 * 501);
}

static void test_md5(void **state) {
    (void)state;
    static const struct {
        const char *text, *digest;
    } known[] = {
        /* RFC 1321, A.5 */
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t out[16];
        char hex[33];
        size_t n = strlen(known[i].text);
        for (size_t cut = 0; cut <= n; cut++) {
            md5_t m;
            md5_init(&m);
            md5_update(&m, (const uint8_t *)known[i].text, cut);
            md5_update(&m, (const uint8_t *)known[i].text + cut, n - cut);
            md5_final(&m, out);
            for (int k = 0; k < 16; k++) {
                hex[2 * k] = "0123456789abcdef"[out[k] >> 4];
                hex[2 * k + 1] = "0123456789abcdef"[out[k] & 15];
            }
            hex[32] = 0;
            assert_string_equal(hex, known[i].digest);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test_setup_teardown(test_storage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append, setup, teardown),
        cmocka_unit_test_setup_teardown(test_match, setup, teardown),
        cmocka_unit_test_setup_teardown(test_iodata, setup, teardown),
        cmocka_unit_test(test_md5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
