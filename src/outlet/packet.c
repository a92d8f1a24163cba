/* packet.c: where packets end. See packet.h. */
#include "outlet/packet.h"

#include <string.h>

static uint32_t get16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t get32(const uint8_t *p) { return get16(p) << 16 | get16(p + 2); }
static uint32_t get32_little(const uint8_t *p) {
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static int64_t checked(uint32_t head, uint64_t body, const packet_limits_t *l) {
    if (l->max && body > l->max) return -1;
    return head + body > INT32_MAX ? -1 : (int64_t)(head + body);
}

/* BER: a tag of any length, a length of up to four bytes. */
static int64_t asn1_length(const uint8_t *p, size_t n, const packet_limits_t *l) {
    size_t at = 0;
    if (n < 2) return 0;
    if ((p[at++] & 0x1f) == 0x1f) {
        while (at < n && (p[at] & 0x80)) at++;
        at++;
    }
    if (at >= n) return 0;
    uint32_t len = p[at++];
    if (len & 0x80) {
        unsigned bytes = len & 0x7f;
        if (n - at < bytes) return 0;
        if (bytes > 4) return -1;
        len = 0;
        for (unsigned i = 0; i < bytes; i++) len = len << 8 | p[at++];
    }
    return at > INT32_MAX ? -1 : checked((uint32_t)at, len, l);
}

static int64_t line_length(const uint8_t *p, size_t n, const packet_limits_t *l) {
    const uint8_t *end = memchr(p, l->delimiter, n);
    size_t len = end ? (size_t)(end - p) + 1 : n;
    if (l->max && len > l->max) return -1;
    if (l->line_max && len > l->line_max) return l->line_max;
    if (end || (l->line_max && len == l->line_max)) return (int64_t)len;
    return 0;
}

/* A header field goes on in the next line where that begins with a space; so its end shows only
 * there. The limit, of lines where there is none of packets, is an error here. */
static int64_t http_length(const uint8_t *p, size_t n, bool header, const packet_limits_t *l) {
    size_t limit = l->max ? l->max : l->line_max, at = 0;
    for (;;) {
        const uint8_t *nl = memchr(p + at, '\n', n - at);
        if (!nl) return limit && n >= limit ? -1 : 0;
        at = (size_t)(nl - p) + 1;
        bool empty = at == 1 || (at == 2 && p[0] == '\r');
        if (!header || empty) break;
        if (at == n) return limit && n >= limit ? -1 : 0;
        if (p[at] != ' ' && p[at] != '\t') break;
    }
    return limit && at > limit ? -1 : (int64_t)at;
}

static int64_t tls_length(const uint8_t *p, size_t n, const packet_limits_t *l) {
    if (n < 5) return 0;
    if ((p[0] & 0x80) && p[2] == 1) { /* a client hello of version 2 */
        uint32_t len = get16(p) & 0x7fff;
        return len < 3 ? -1 : checked(5, len - 3, l);
    }
    return checked(5, get16(p + 3), l);
}

int64_t packet_length(packet_type_t type, const uint8_t *p, size_t n, const packet_limits_t *l) {
    switch (type) {
    case PACKET_RAW: return (int64_t)n;
    case PACKET_1: return n < 1 ? 0 : checked(1, p[0], l);
    case PACKET_2: return n < 2 ? 0 : checked(2, get16(p), l);
    case PACKET_4: return n < 4 ? 0 : checked(4, get32(p), l);
    case PACKET_ASN1: return asn1_length(p, n, l);
    case PACKET_SUNRM: return n < 4 ? 0 : checked(4, get32(p) & 0x7fffffff, l);
    case PACKET_CDR:
        if (n < 12) return 0;
        if (memcmp(p, "GIOP", 4) != 0) return -1;
        return checked(12, p[6] & 1 ? get32_little(p + 8) : get32(p + 8), l);
    case PACKET_FCGI:
        if (n < 8) return 0;
        return p[0] == 1 ? checked(8, get16(p + 4) + p[6], l) : -1;
    case PACKET_TPKT:
        if (n < 4) return 0;
        return p[0] == 3 && get16(p + 2) >= 4 ? checked(4, get16(p + 2) - 4, l) : -1;
    case PACKET_LINE: return line_length(p, n, l);
    case PACKET_HTTP: return http_length(p, n, false, l);
    case PACKET_HTTPH: return http_length(p, n, true, l);
    default: return tls_length(p, n, l);
    }
}

unsigned packet_header(packet_type_t type) {
    return type == PACKET_1 ? 1 : type == PACKET_2 ? 2 : type == PACKET_4 ? 4 : 0;
}
