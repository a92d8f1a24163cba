/* utf8.h: characters of UTF-8, one at a time. Surrogates and what lies above U+10FFFF are no
 * characters. What goes over long texts, or has to tell malformed from unfinished, has loops of its
 * own (bif_unicode.c, bs.c).
 */
#ifndef LING_VM_UTF8_H
#define LING_VM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX 4 /* bytes a character takes */

static inline bool is_unicode(uint64_t c) { return c < 0xd800 || (c >= 0xe000 && c <= 0x10ffff); }

/* Reads the character at s, of which n > 0 bytes are there: how many it takes, 0: malformed or not
 * whole. */
static inline unsigned utf8_read(const uint8_t *s, size_t n, uint32_t *c) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80) return *c = s[0], 1;
    unsigned len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < len) return 0;
    uint32_t v = s[0] & (0x7fu >> len);
    for (unsigned i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        v = v << 6 | (s[i] & 0x3f);
    }
    return v >= least[len] && is_unicode(v) ? (*c = v, len) : 0;
}

/* Writes a character to s, where UTF8_MAX bytes fit: how many it takes. */
static inline unsigned utf8_write(uint8_t *s, uint32_t c) {
    if (c < 0x80) {
        s[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (uint8_t)(0xc0 | c >> 6);
        s[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (uint8_t)(0xe0 | c >> 12);
        s[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        s[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    s[0] = (uint8_t)(0xf0 | c >> 18);
    s[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    s[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    s[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

#endif
