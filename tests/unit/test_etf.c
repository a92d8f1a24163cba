/* test_etf.c: the external term format: bytes as stock OTP 25 writes them come back unchanged,
 * what OTP refuses is refused, every truncation is refused, and nothing leaks when memory runs
 * out on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>
#include "fixture.h"
#include "vm/etf.h"
#include "vm/compare.h"
#include "vm/map.h"

typedef struct {
    size_t n;
    const char *s;
} bytes_t;
#define B(text)                                                                                    \
    { sizeof text - 1, text }
#define NODE "\x64\0\x0dnonode@nohost"

/* Written by term_to_binary/1 of OTP 25. */
static const bytes_t same[] = {
    B("\x83\x61\x00"),
    B("\x83\x61\xff"),
    B("\x83\x62\x00\x00\x01\x00"),
    B("\x83\x62\xff\xff\xff\xff"),
    B("\x83\x62\x80\x00\x00\x00"),
    B("\x83\x6e\x04\x00\x00\x00\x00\x80"),
    B("\x83\x6e\x04\x01\x01\x00\x00\x80"),
    B("\x83\x6e\x08\x00\xff\xff\xff\xff\xff\xff\xff\x0f"),
    B("\x83\x6e\x08\x00\x00\x00\x00\x00\x00\x00\x00\x10"),
    B("\x83\x6e\x08\x01\x00\x00\x00\x00\x00\x00\x00\x10"),
    B("\x83\x6e\x08\x01\x01\x00\x00\x00\x00\x00\x00\x10"),
    B("\x83\x6e\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
    B("\x83\x46\x3f\xf8\x00\x00\x00\x00\x00\x00"),
    B("\x83\x46\x80\x00\x00\x00\x00\x00\x00\x00"),
    B("\x83\x64\x00\x00"),
    B("\x83\x64\x00\x01\x61"),
    B("\x83\x64\x00\x01\xe9"),
    B("\x83\x77\x03\xe2\x82\xac"),
    B("\x83\x68\x00"),
    B("\x83\x68\x02\x61\x01\x61\x02"),
    B("\x83\x6a"),
    B("\x83\x6b\x00\x03\x61\x62\x63"),
    B("\x83\x6c\x00\x00\x00\x02\x61\x01\x62\x00\x00\x01\x00\x6a"),
    B("\x83\x6c\x00\x00\x00\x01\x61\x01\x61\x02"),
    B("\x83\x6d\x00\x00\x00\x00"),
    B("\x83\x6d\x00\x00\x00\x02\x01\x02"),
    B("\x83\x4d\x00\x00\x00\x01\x03\x20"),
    B("\x83\x4d\x00\x00\x00\x02\x01\x03\x80"),
    B("\x83\x74\x00\x00\x00\x00"),
    B("\x83\x74\x00\x00\x00\x03\x61\x01\x61\x03\x64\x00\x01\x61\x61\x02\x64\x00\x01\x62\x61\x01"),
    B("\x83\x58" NODE "\0\0\0\x09\0\0\0\0\0\0\0\0"),
    B("\x83\x59" NODE "\0\0\0\x00\0\0\0\0"),
    B("\x83\x5a\0\x03" NODE "\0\0\0\0\0\0\xdc\x7d\x23\xdc\0\x01\0\0\x30\x3e"),
    B("\x83\x58\x64\0\x01\x61\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\x01"),
    B("\x83\x58" NODE "\0\0\0\x09\0\0\0\0\0\0\0\x07"),
    B("\x83\x59\x64\0\x01\x61\0\0\0\x01\0\0\0\x01"),
    B("\x83\x78\x64\0\x01\x61\xff\xff\xff\xff\xff\0\0\x01\0\0\0\x01"),
    B("\x83\x5a\0\x00\x64\0\x01\x61\0\0\0\x01"),
    B("\x83\x5a\0\x05\x64\0\x01\x61\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05"),
    B("\x83\x71\x64\0\x05lists\x64\0\x03map\x61\x02"),
    B("\x83\x70\0\0\0\x68\x01\x53\xce\x8b\x79\x11\x61\x8d\x75\x0e\xbf\x34\x32\xb5\x0d\xa7\x78\0\0\0"
      "\0\0\0\0\x01\x64\0\x01\x65\x61\0\x62\x02\x9e\x74\x5b\x58" NODE "\0\0\0\x09\0\0\0\0\0\0\0\0"
      "\x5a\0\x03" NODE "\0\0\0\0\0\0\xdc\x80\x23\xdd\0\x01\0\0\x30\x3e"),
};

/* Read by OTP 25 as the second one. */
static const bytes_t other[][2] = {
    {B("\x83\x61\x01\x00"), B("\x83\x61\x01")}, /* bytes behind the term */
    {B("\x83\x76\x00\x02\xc3\xa9"), B("\x83\x64\x00\x01\xe9")},
    {B("\x83\x73\x01\xe9"), B("\x83\x64\x00\x01\xe9")},
    {B("\x83\x77\x00"), B("\x83\x64\x00\x00")},
    {B("\x83\x6e\x00\x00"), B("\x83\x61\x00")},
    {B("\x83\x6e\x00\x01"), B("\x83\x61\x00")},
    {B("\x83\x6e\x01\x02\x05"), B("\x83\x62\xff\xff\xff\xfb")},
    {B("\x83\x6e\x03\x00\x05\x00\x00"), B("\x83\x61\x05")},
    {B("\x83\x6f\x00\x00\x00\x01\x00\x05"), B("\x83\x61\x05")},
    {B("\x83\x69\x00\x00\x00\x00"), B("\x83\x68\x00")},
    {B("\x83\x6b\x00\x00"), B("\x83\x6a")},
    {B("\x83\x6c\x00\x00\x00\x00\x6a"), B("\x83\x6a")},
    {B("\x83\x6c\x00\x00\x00\x00\x61\x01"), B("\x83\x61\x01")},
    {B("\x83\x4d\x00\x00\x00\x00\x00"), B("\x83\x6d\x00\x00\x00\x00")},
    {B("\x83\x4d\x00\x00\x00\x01\x08\xff"), B("\x83\x6d\x00\x00\x00\x01\xff")},
    {B("\x83\x4d\x00\x00\x00\x01\x03\xff"), B("\x83\x4d\x00\x00\x00\x01\x03\xe0")},
    {B("\x83\x74\x00\x00\x00\x02\x61\x02\x61\x01\x61\x01\x61\x02"),
     B("\x83\x74\x00\x00\x00\x02\x61\x01\x61\x02\x61\x02\x61\x01")},
    {B("\x83\x63"
       "1.50000000000000000000e+00\0\0\0\0\0"),
     B("\x83\x46\x3f\xf8\x00\x00\x00\x00\x00\x00")},
    {B("\x83\x63"
       "+1,50000000000000000000e+00\0\0\0\0"),
     B("\x83\x46\x3f\xf8\x00\x00\x00\x00\x00\x00")},
    {B("\x83\x67\x64\0\x01\x61\0\0\0\x01\0\0\0\0\x01"),
     B("\x83\x58\x64\0\x01\x61\0\0\0\x01\0\0\0\0\0\0\0\x01")},
    {B("\x83\x67" NODE "\0\0\0\x01\0\0\0\0\0"), B("\x83\x58" NODE "\0\0\0\x01\0\0\0\0\0\0\0\0")},
    {B("\x83\x66\x64\0\x01\x61\0\0\0\x01\x01"), B("\x83\x59\x64\0\x01\x61\0\0\0\x01\0\0\0\x01")},
    {B("\x83\x65\x64\0\x01\x61\0\0\0\x01\x01"),
     B("\x83\x5a\0\x01\x64\0\x01\x61\0\0\0\x01\0\0\0\x01")},
    {B("\x83\x72\0\x01\x64\0\x01\x61\x01\0\0\0\x01"),
     B("\x83\x5a\0\x01\x64\0\x01\x61\0\0\0\x01\0\0\0\x01")},
    {B("\x83\x5a\0\x01" NODE "\0\0\0\0\0\0\0\x01"),
     B("\x83\x5a\0\x03" NODE "\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0")},
    {B("\x83\x71\x64\0\x01\x61\x64\0\x01\x62\x62\0\0\0\x03"),
     B("\x83\x71\x64\0\x01\x61\x64\0\x01\x62\x61\x03")},
};

/* badarg on OTP 25. */
static const bytes_t bad[] = {
    B(""),
    B("\x83"),
    B("\x82\x61\x01"),
    B("\x83\x77\x01\xc3"),
    B("\x83\x77\x02\xc0\x80"),
    B("\x83\x77\x03\xed\xa0\x80"),
    B("\x83\x4d\x00\x00\x00\x00\x01"),
    B("\x83\x4d\x00\x00\x00\x01\x00\xff"),
    B("\x83\x4d\x00\x00\x00\x01\x09\xff"),
    B("\x83\x74\x00\x00\x00\x02\x61\x01\x61\x01\x61\x01\x61\x02"),
    B("\x83\x46\x7f\xf0\x00\x00\x00\x00\x00\x00"),
    B("\x83\x46\x7f\xf8\x00\x00\x00\x00\x00\x00"),
    B("\x83\x63"
      "1.5x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("\x83\x63"
      " 1.5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("\x83\x63"
      "1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("\x83\x63"
      "1.5e999\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("\x83\x75\0\0\0\0\x58"),
    B("\x83\x52\x00"),
    B("\x83\x83\x61\x01"),
    B("\x83\x79\0\0\0\0\x61\x01"),
    B("\x83\x70\0\0\0\0"),
    B("\x83\x71\x61\x01\x64\0\x01\x62\x61\x02"),
    B("\x83\x58\x61\x01\xff\xff\xff\xff\0\0\0\0\0\0\0\0"),
    B("\x83\x58" NODE "\xff\xff\xff\xff\0\0\0\0\0\0\0\0"),
    B("\x83\x78" NODE "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
    B("\x83\x5a\0\x06\x64\0\x01\x61\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("\x83\x5a\0\x04" NODE "\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04"),
    B("\x83\x5a\0\x03" NODE "\0\0\0\0\0\xff\0\x01\0\0\0\x02\0\0\0\x03"),
    /* Sizes the input cannot hold. */
    B("\x83\x6c\xff\xff\xff\xff\x61\x01\x6a"),
    B("\x83\x69\xff\xff\xff\xff\x61\x01\x6a"),
    B("\x83\x74\xff\xff\xff\xff\x61\x01\x6a"),
    B("\x83\x6d\xff\xff\xff\xff\x61\x01\x6a"),
    B("\x83\x6f\xff\xff\xff\xff\x00\x01\x6a"),
    B("\x83\x6c\x80\x00\x00\x00\x6c\x80\x00\x00\x00\x6c\x80\x00\x00\x00\x6c\x80\x00\x00\x00"),
    B("\x83\x50\xff\xff\xff\xff\x78\x9c\x4b\x64\x05\x00\x00\xc9\x00\x67"),
    B("\x83\x50\x00\x00\x00\x03\x78\x9c\x4b\x64\x05\x00\x00\xc9\x00\x67"),
    B("\x83\x50\x00\x00\x00\x01\x78\x9c\x4b\x64\x05\x00\x00\xc9\x00\x67"),
    B("\x83\x50\x00\x00\x00\x02\x78\x9c\x4b\x64\x05\x00\x00\xc9\x00"),
};

typedef struct {
    vm_t *vm;
    proc_t *p;
} fixture_t;

static int setup(void **state) {
    fixture_t *f = malloc(sizeof *f);
    f->vm = fixture_vm();
    f->p = fixture_proc(f->vm);
    *state = f;
    return 0;
}
static int teardown(void **state) {
    fixture_t *f = *state;
    fixture_free(f->vm);
    free(f);
    return 0;
}

static term_t decode(fixture_t *f, const void *b, size_t n, size_t *used) {
    /* A copy of just that size: reading behind it is noticed. */
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, b, n);
    term_t t = etf_decode_to(f->p, copy, n, 0, used, NULL);
    free(copy);
    return t;
}

static void check_encodes_to(fixture_t *f, term_t t, const void *b, size_t n) {
    uint8_t *out;
    size_t len, cap;
    assert_int_equal(etf_encode(f->vm, t, &out, &len, &cap), 0);
    assert_int_equal(len, n);
    assert_memory_equal(out, b, n);
    mem_free(f->vm, out, cap);
}

static void test_same(void **state) {
    fixture_t *f = *state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        size_t used = 0;
        term_t t = decode(f, same[i].s, same[i].n, &used);
        assert_true(t != TERM_NONE);
        assert_int_equal(used, same[i].n);
        check_encodes_to(f, t, same[i].s, same[i].n);
        for (size_t n = 0; n < same[i].n; n++)
            assert_true(decode(f, same[i].s, n, &used) == TERM_NONE);
    }
}

static void test_other(void **state) {
    fixture_t *f = *state;
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        term_t t = decode(f, other[i][0].s, other[i][0].n, NULL);
        assert_true(t != TERM_NONE);
        check_encodes_to(f, t, other[i][1].s, other[i][1].n);
    }
}

static void test_bad(void **state) {
    fixture_t *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(decode(f, bad[i].s, bad[i].n, NULL) == TERM_NONE);
}

static void test_compressed(void **state) {
    fixture_t *f = *state;
    enum { N = 100000 };
    uint8_t *plain = malloc(N), *packed = malloc(N + 100);
    memset(plain, 0, N);
    plain[0] = ETF_BINARY;
    plain[1] = 0, plain[2] = (N - 5) >> 16, plain[3] = (N - 5) >> 8 & 255, plain[4] = (N - 5) & 255;
    uLongf len = N;
    assert_int_equal(compress(packed + 6, &len, plain, N), Z_OK);
    packed[0] = ETF_VERSION, packed[1] = ETF_COMPRESSED;
    packed[2] = 0, packed[3] = N >> 16, packed[4] = N >> 8 & 255, packed[5] = N & 255;
    size_t used = 0;
    term_t t = decode(f, packed, len + 6, &used);
    assert_true(is_binary(t));
    assert_int_equal(used, len + 6);
    for (size_t n = 0; n < len + 6; n++) assert_true(decode(f, packed, n, &used) == TERM_NONE);
    for (int d = -1; d <= 1; d += 2) { /* a size that is not quite true */
        packed[5] = (uint8_t)(N + d);
        assert_true(decode(f, packed, len + 6, &used) == TERM_NONE);
    }
    free(plain);
    free(packed);
}

/* Deep terms, both ways, need no C stack. */
static void test_deep(void **state) {
    fixture_t *f = *state;
    enum { DEEP = 1000000 };
    static const char *const unit[] = {"\x68\x01", "\x6c\0\0\0\x01", "\x6c\0\0\0\x01\x61\x01",
                                       "\x74\0\0\0\x01\x61\x01", "\x74\0\0\0\x01"};
    static const size_t size[] = {2, 5, 7, 7, 5};
    for (int k = 0; k < 5; k++) {
        /* A map as a key has to be compared with nothing, so depth costs nothing there. */
        size_t levels = DEEP, per = size[k] + (k == 1 || k == 4);
        uint8_t *b = malloc(levels * per + 3), *q = b;
        *q++ = ETF_VERSION;
        for (size_t i = 0; i < levels; i++, q += size[k]) memcpy(q, unit[k], size[k]);
        *q++ = ETF_NIL;
        if (k == 1 || k == 4)
            for (size_t i = 0; i < levels; i++) *q++ = ETF_NIL;
        size_t n = (size_t)(q - b), used;
        term_t t = etf_decode_to(f->p, b, n, 0, &used, NULL);
        assert_true(t != TERM_NONE && used == n);
        /* [1|[1|...]] is written as one list. */
        if (k != 2) check_encodes_to(f, t, b, n);
        free(b);
    }
}

static void test_large_map(void **state) {
    fixture_t *f = *state;
    for (int n = 33; n < 2000; n += 97) {
        uint8_t *b = malloc((size_t)n * 15 + 6), *q = b;
        *q++ = ETF_VERSION, *q++ = ETF_MAP, *q++ = 0, *q++ = 0;
        *q++ = (uint8_t)(n >> 8), *q++ = (uint8_t)n;
        for (int i = 0; i < n; i++) {
            *q++ = ETF_INTEGER, *q++ = 0, *q++ = 0, *q++ = (uint8_t)(i >> 8), *q++ = (uint8_t)i;
            *q++ = ETF_SMALL_TUPLE, *q++ = 1, *q++ = ETF_MAP;
            *q++ = 0, *q++ = 0, *q++ = 0, *q++ = 1, *q++ = ETF_NIL, *q++ = ETF_NIL;
        }
        term_t t = decode(f, b, (size_t)(q - b), NULL);
        assert_true(is_hamt(t));
        assert_int_equal(map_size(t), n);
        for (int i = 0; i < n; i++) assert_true(is_tuple(map_get(f->vm, t, make_small(i))));
        uint8_t *out;
        size_t len, cap;
        assert_int_equal(etf_encode(f->vm, t, &out, &len, &cap), 0);
        assert_true(term_eq(f->vm, t, decode(f, out, len, NULL)));
        mem_free(f->vm, out, cap);
        b[10] = 1; /* keys 0 and 1 are the same now */
        assert_true(decode(f, b, (size_t)(q - b), NULL) == TERM_NONE);
        free(b);
    }
}

static void test_safe(void **state) {
    fixture_t *f = *state;
    static const char unknown[] = "\x83\x64\0\x08zzqqxxyy", ok[] = "\x83\x64\0\x02ok";
    const uint8_t *b = (const uint8_t *)unknown;
    assert_true(etf_decode_to(f->p, b, sizeof unknown - 1, ETF_SAFE, NULL, NULL) == TERM_NONE);
    assert_true(etf_decode_to(f->p, (const uint8_t *)ok, sizeof ok - 1, ETF_SAFE, NULL, NULL) ==
                A_ok);
    term_t t = etf_decode_to(f->p, b, sizeof unknown - 1, 0, NULL, NULL);
    assert_true(is_atom(t));
    assert_true(etf_decode_to(f->p, b, sizeof unknown - 1, ETF_SAFE, NULL, NULL) == t);
    static const char fun[] = "\x83\x71\x64\0\x02ok\x64\0\x05\x65rror\x61\x09";
    assert_true(etf_decode_to(f->p, (const uint8_t *)fun, sizeof fun - 1, ETF_SAFE, NULL, NULL) ==
                TERM_NONE);
}

/* Memory runs out at the k-th request, for every k. */
static void test_no_memory(void **state) {
    fixture_t *f = *state;
    enum { N = 40 };
    uint8_t b[16 + N * 100], *q = b;
    *q++ = ETF_VERSION, *q++ = ETF_MAP, *q++ = 0, *q++ = 0, *q++ = 0, *q++ = N;
    for (int i = 0; i < N; i++) {
        *q++ = ETF_SMALL_INTEGER, *q++ = (uint8_t)i;
        *q++ = ETF_BINARY, *q++ = 0, *q++ = 0, *q++ = 0, *q++ = 80;
        memset(q, i, 80);
        q += 80;
    }
    size_t n = (size_t)(q - b);
    int failed = 0;
    for (size_t room = 0;; room += 64) {
        proc_t *p = f->p;
        size_t before = atomic_load(&f->vm->memory_used);
        f->vm->memory_limit = before + room;
        bool no_memory = false;
        off_heap_t *off = p->off_heap;
        term_t t = etf_decode_heap(p, b, n, 0, NULL, &no_memory);
        f->vm->memory_limit = 0;
        if (t != TERM_NONE) break;
        assert_true(no_memory);
        assert_ptr_equal(p->off_heap, off);
        failed++;
    }
    assert_true(failed > 10);
}

static void test_float_text(void **state) {
    fixture_t *f = *state;
    static const struct {
        double d;
        const char *text;
    } cases[] = {
        {1.5, "1.50000000000000000000e+00"},
        {-0.0, "-0.00000000000000000000e+00"},
        {0.1, "1.00000000000000005551e-01"},
        {5e-324, "4.94065645841246544177e-324"},
        {1.7976931348623157e308, "1.79769313486231570815e+308"},
        {2.2250738585072014e-308, "2.22507385850720138309e-308"},
        {1e22, "1.00000000000000000000e+22"},
        {1e23, "9.99999999999999916114e+22"},
        {9007199254740993.0, "9.00719925474099200000e+15"},
        {999999999999999.9, "9.99999999999999875000e+14"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        term_t *hp = heap_alloc(f->p, FLOAT_WORDS);
        const etf_options_t opts = {.minor_version = 0};
        etf_out_t o;
        etf_out_init(&o, f->vm);
        assert_int_equal(etf_encode_out(&o, make_float(&hp, cases[i].d), &opts), ETF_OK);
        assert_int_equal(o.len, 33);
        assert_string_equal((char *)o.data + 2, cases[i].text);
        term_t t = decode(f, o.data, o.len, NULL);
        assert_true(is_float(t) && float_value(t) == cases[i].d);
        etf_out_free(&o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_map, setup, teardown),
        cmocka_unit_test_setup_teardown(test_safe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_float_text, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
