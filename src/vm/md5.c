/* md5.c: the MD5 digest, after RFC 1321. Used by erlang:md5 and for the identity of modules. */
#include "vm/md5.h"
#include <string.h>

/* floor(2^32 * |sin(i + 1)|) */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t shifts[4][4] = {
    {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline uint32_t rotate(uint32_t v, unsigned n) { return v << n | v >> (32 - n); }

static inline uint32_t load_le(const uint8_t *s) {
    return (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}
static inline void store_le(uint8_t *d, uint32_t v) {
    d[0] = (uint8_t)v;
    d[1] = (uint8_t)(v >> 8);
    d[2] = (uint8_t)(v >> 16);
    d[3] = (uint8_t)(v >> 24);
}

static void block(uint32_t state[4], const uint8_t *s) {
    uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++) w[i] = load_le(s + 4 * i);
#pragma GCC unroll 64
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned g;
        if (i < 16) {
            f = (b & c) | (~b & d);
            g = i;
        } else if (i < 32) {
            f = (d & b) | (~d & c);
            g = (5 * i + 1) & 15;
        } else if (i < 48) {
            f = b ^ c ^ d;
            g = (3 * i + 5) & 15;
        } else {
            f = c ^ (b | ~d);
            g = (7 * i) & 15;
        }
        uint32_t next = b + rotate(a + f + sines[i] + w[g], shifts[i / 16][i & 3]);
        a = d;
        d = c;
        c = b;
        b = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_init(md5_t *m) {
    memset(m, 0, sizeof *m);
    m->state[0] = 0x67452301;
    m->state[1] = 0xefcdab89;
    m->state[2] = 0x98badcfe;
    m->state[3] = 0x10325476;
}

void md5_update(md5_t *m, const uint8_t *s, size_t n) {
    size_t used = (size_t)m->count & 63;
    m->count += n;
    if (used) {
        size_t k = 64 - used < n ? 64 - used : n;
        memcpy(m->block + used, s, k);
        if (used + k < 64) return;
        block(m->state, m->block);
        s += k;
        n -= k;
    }
    for (; n >= 64; n -= 64, s += 64) block(m->state, s);
    if (n) memcpy(m->block, s, n);
}

void md5_final(md5_t *m, uint8_t out[16]) {
    static const uint8_t pad[64] = {0x80};
    uint64_t bits = m->count * 8;
    uint8_t length[8];
    store_le(length, (uint32_t)bits);
    store_le(length + 4, (uint32_t)(bits >> 32));
    md5_update(m, pad, 1 + ((119 - (size_t)(m->count & 63)) & 63));
    md5_update(m, length, 8);
    for (int i = 0; i < 4; i++) store_le(out + 4 * i, m->state[i]);
}

void md5_bytes(const uint8_t *s, size_t n, uint8_t out[16]) {
    md5_t m;
    md5_init(&m);
    md5_update(&m, s, n);
    md5_final(&m, out);
}
