/* packet.h: where a packet ends and what is in it, for all packet types of OTP. Foreign bytes:
 * every length is checked. No state, no allocation; any thread. packet.c, packet_http.c
 */
#ifndef LING_OUTLET_PACKET_H
#define LING_OUTLET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PACKET_RAW,
    PACKET_1,
    PACKET_2,
    PACKET_4,
    PACKET_ASN1,
    PACKET_SUNRM,
    PACKET_CDR,
    PACKET_FCGI,
    PACKET_TPKT,
    PACKET_LINE,
    PACKET_HTTP,  /* a request or status line */
    PACKET_HTTPH, /* a header field */
    PACKET_TLS
} packet_type_t;

typedef struct {
    uint32_t max;      /* bytes of a packet, its header not counted; 0: no limit */
    uint32_t line_max; /* a longer line comes in parts; 0: no limit */
    uint8_t delimiter; /* of lines */
} packet_limits_t;

/* Bytes of the first packet in data, its header included: they may be more than n. 0: more bytes
 * are needed to know; -1: no such packet. */
int64_t packet_length(packet_type_t type, const uint8_t *data, size_t n, const packet_limits_t *l);
/* Bytes of header that are no part of what a program gets (types 1, 2, 4). */
unsigned packet_header(packet_type_t type);

typedef struct {
    const uint8_t *s;
    size_t n;
} span_t;

/* ---- HTTP ---- one line, ended by LF or CR LF */
enum { HTTP_ERROR, HTTP_REQUEST, HTTP_RESPONSE, HTTP_HEADER, HTTP_END };
enum { HTTP_URI_ANY, HTTP_URI_ABSOLUTE, HTTP_URI_PATH, HTTP_URI_SCHEME, HTTP_URI_TEXT };
#define HTTP_NAME_MAX 50 /* longer field names are left as they are */

typedef struct {
    int kind;
    int32_t major, minor;
    /* request */
    span_t method;
    const char *known; /* the method's or field's name where it is one OTP has an atom for */
    int uri;
    bool https;
    span_t host, path; /* scheme and the rest; path alone; text */
    int32_t port;      /* 0: not given */
    /* response */
    int32_t status;
    span_t phrase;
    /* header */
    unsigned bit; /* number of a known field, 0 */
    span_t field, value;
    uint8_t name[HTTP_NAME_MAX]; /* the field's name in its usual form, field.n long if that fits */
} http_line_t;

void http_parse(const uint8_t *line, size_t n, bool header, http_line_t *out);

#endif
