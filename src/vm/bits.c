/* bits.c: copying, comparing, reading and writing bits in memory at any bit offset.
 *
 * Bits are numbered from the most significant bit of the first byte, as in the bit syntax. No byte
 * outside the ones that hold the named bits is read or written, and bits beside them in a shared
 * byte are kept. Relies on nothing; any thread may call it. */
#include "vm/binary.h"

static inline uint64_t load64_be(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}
static inline void store64_be(uint8_t *p, uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, sizeof v);
}
static inline uint64_t load32_be(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

/* n bytes (1..8) as a number, most significant first. Two loads may overlap: the bytes both see
 * land on the same bits. */
static inline uint64_t load_bytes(const uint8_t *p, unsigned n) {
    if (n == 8) return load64_be(p);
    if (n >= 4) return load32_be(p) << (8 * (n - 4)) | load32_be(p + n - 4);
    uint64_t v = p[0];
    if (n >= 2) v = v << 8 | p[1];
    if (n >= 3) v = v << 8 | p[2];
    return v;
}

uint64_t bits_get64(const uint8_t *p, size_t off, unsigned nbits) {
    if (nbits == 0) return 0;
    p += off >> 3;
    unsigned shift = (unsigned)off & 7, end = shift + nbits;
    uint64_t mask = nbits == 64 ? ~(uint64_t)0 : ((uint64_t)1 << nbits) - 1;
    if (LIKELY(end <= 64)) {
        unsigned n = (end + 7) / 8;
        return load_bytes(p, n) >> (n * 8 - end) & mask;
    }
    /* Nine bytes. */
    return (load64_be(p) << (end - 64) | p[8] >> (72 - end)) & mask;
}

/* Writes the top nbits (1..8) of b's low byte over the bits of *p that start at bit shift. */
static inline void put_in_byte(uint8_t *p, unsigned shift, unsigned nbits, unsigned b) {
    unsigned mask = (0xff00u >> nbits & 0xff) >> shift;
    *p = (uint8_t)((*p & ~mask) | (b >> shift & mask));
}

void bits_put64(uint8_t *p, size_t off, unsigned nbits, uint64_t v) {
    if (nbits == 0) return;
    p += off >> 3;
    unsigned shift = (unsigned)off & 7;
    v <<= 64 - nbits; /* what is to be written is at the top now */
    if (shift == 0 && nbits == 64) {
        store64_be(p, v);
        return;
    }
    if (shift) {
        unsigned n = 8 - shift < nbits ? 8 - shift : nbits;
        put_in_byte(p, shift, n, (unsigned)(v >> 56));
        v <<= n;
        nbits -= n;
        p++;
    }
    while (nbits >= 8) {
        *p++ = (uint8_t)(v >> 56);
        v <<= 8;
        nbits -= 8;
    }
    if (nbits) put_in_byte(p, 0, nbits, (unsigned)(v >> 56));
}

void bits_copy(uint8_t *dst, size_t dst_off, const uint8_t *src, size_t src_off, size_t nbits) {
    if (nbits == 0) return;
    dst += dst_off >> 3;
    src += src_off >> 3;
    unsigned d = (unsigned)dst_off & 7, s = (unsigned)src_off & 7;
    if (d) { /* up to the next byte of dst */
        unsigned n = 8 - d < nbits ? 8 - d : (unsigned)nbits;
        put_in_byte(dst, d, n, (unsigned)bits_get64(src, s, n) << (8 - n));
        nbits -= n;
        dst++;
        s += n;
        src += s >> 3;
        s &= 7;
    }
    if (s == 0) {
        memcpy(dst, src, nbits >> 3);
        dst += nbits >> 3;
        src += nbits >> 3;
    } else {
        while (nbits >= 64) { /* reads 9 bytes, the last holds wanted bits as s != 0 */
            store64_be(dst, load64_be(src) << s | src[8] >> (8 - s));
            dst += 8;
            src += 8;
            nbits -= 64;
        }
        while (nbits >= 8) {
            *dst++ = (uint8_t)(src[0] << s | src[1] >> (8 - s));
            src++;
            nbits -= 8;
        }
    }
    unsigned rest = (unsigned)nbits & 7;
    if (rest) put_in_byte(dst, 0, rest, (unsigned)bits_get64(src, s, rest) << (8 - rest));
}

int bits_cmp(const uint8_t *a, size_t a_off, const uint8_t *b, size_t b_off, size_t nbits) {
    if (((a_off | b_off) & 7) == 0) {
        a += a_off >> 3;
        b += b_off >> 3;
        int r = nbits >= 8 ? memcmp(a, b, nbits >> 3) : 0;
        if (r) return r;
        a_off = b_off = nbits & ~(size_t)7;
        nbits &= 7;
    }
    while (nbits) {
        unsigned n = nbits > 64 ? 64 : (unsigned)nbits;
        uint64_t x = bits_get64(a, a_off, n), y = bits_get64(b, b_off, n);
        if (x != y) return x < y ? -1 : 1;
        a_off += n;
        b_off += n;
        nbits -= n;
    }
    return 0;
}
