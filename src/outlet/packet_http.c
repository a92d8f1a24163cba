/* packet_http.c: one line of HTTP/1 taken apart as OTP's http packets show it. See packet.h. */
#include "outlet/packet.h"

#include <string.h>

static const char *const methods[] = {"OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE"};

/* The number of a field is its place here, from 1. */
static const char *const fields[] = {"Cache-Control",
                                     "Connection",
                                     "Date",
                                     "Pragma",
                                     "Transfer-Encoding",
                                     "Upgrade",
                                     "Via",
                                     "Accept",
                                     "Accept-Charset",
                                     "Accept-Encoding",
                                     "Accept-Language",
                                     "Authorization",
                                     "From",
                                     "Host",
                                     "If-Modified-Since",
                                     "If-Match",
                                     "If-None-Match",
                                     "If-Range",
                                     "If-Unmodified-Since",
                                     "Max-Forwards",
                                     "Proxy-Authorization",
                                     "Range",
                                     "Referer",
                                     "User-Agent",
                                     "Age",
                                     "Location",
                                     "Proxy-Authenticate",
                                     "Public",
                                     "Retry-After",
                                     "Server",
                                     "Vary",
                                     "Warning",
                                     "Www-Authenticate",
                                     "Allow",
                                     "Content-Base",
                                     "Content-Encoding",
                                     "Content-Language",
                                     "Content-Length",
                                     "Content-Location",
                                     "Content-Md5",
                                     "Content-Range",
                                     "Content-Type",
                                     "Etag",
                                     "Expires",
                                     "Last-Modified",
                                     "Accept-Ranges",
                                     "Set-Cookie",
                                     "Set-Cookie2",
                                     "X-Forwarded-For",
                                     "Cookie",
                                     "Keep-Alive",
                                     "Proxy-Connection"};
enum { METHODS = sizeof methods / sizeof *methods, FIELDS = sizeof fields / sizeof *fields };

static bool is_space(uint8_t c) { return c == ' ' || c == '\t'; }
static bool is_token(uint8_t c) { return c > 32 && c < 128 && !strchr("()<>@,;:\\\"/[]?={}", c); }

static bool equals(span_t s, const char *name) {
    return strlen(name) == s.n && memcmp(s.s, name, s.n) == 0;
}

static span_t rest_of(span_t s, size_t n) { return (span_t){s.s + n, s.n - n}; }

static span_t skip_spaces(span_t s) {
    while (s.n && is_space(*s.s)) s = rest_of(s, 1);
    return s;
}

/* Takes digits off *s; the number is what fits 32 bits of it, as OTP has it. */
static size_t take_number(span_t *s, int32_t *out) {
    uint32_t v = 0;
    size_t n = 0;
    for (; n < s->n && s->s[n] >= '0' && s->s[n] <= '9'; n++)
        v = v * 10 + (uint32_t)(s->s[n] - '0');
    *out = (int32_t)v;
    *s = rest_of(*s, n);
    return n;
}

/* HTTP/Major.Minor at the beginning of *s. */
static bool take_version(span_t *s, http_line_t *o) {
    span_t v = *s;
    if (v.n < 5 || memcmp(v.s, "HTTP/", 5) != 0) return false;
    v = rest_of(v, 5);
    if (!take_number(&v, &o->major) || !v.n || *v.s != '.') return false;
    v = rest_of(v, 1);
    if (!take_number(&v, &o->minor)) return false;
    *s = v;
    return true;
}

static bool begins_with(span_t s, const char *prefix) {
    size_t n = strlen(prefix);
    if (s.n < n) return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = s.s[i] >= 'A' && s.s[i] <= 'Z' ? s.s[i] | 32 : s.s[i];
        if (c != (uint8_t)prefix[i]) return false;
    }
    return true;
}

static void parse_absolute(span_t s, http_line_t *o) {
    static const uint8_t root[] = "/";
    o->uri = HTTP_URI_ABSOLUTE;
    const uint8_t *slash = memchr(s.s, '/', s.n);
    size_t n = slash ? (size_t)(slash - s.s) : s.n;
    o->path = slash ? rest_of(s, n) : (span_t){root, 1};
    o->host = (span_t){s.s, n};
    const uint8_t *colon = memchr(s.s, ':', n);
    if (!colon) return;
    o->host.n = (size_t)(colon - s.s);
    span_t port = {colon + 1, n - o->host.n - 1};
    take_number(&port, &o->port);
    if (port.n) o->port = 0;
}

static void parse_uri(span_t s, http_line_t *o) {
    const uint8_t *colon;
    if (equals(s, "*")) {
        o->uri = HTTP_URI_ANY;
    } else if (*s.s == '/') {
        o->uri = HTTP_URI_PATH;
        o->path = s;
    } else if (begins_with(s, "http://")) {
        parse_absolute(rest_of(s, 7), o);
    } else if (begins_with(s, "https://")) {
        o->https = true;
        parse_absolute(rest_of(s, 8), o);
    } else if ((colon = memchr(s.s, ':', s.n))) {
        o->uri = HTTP_URI_SCHEME;
        o->host = (span_t){s.s, (size_t)(colon - s.s)};
        o->path = rest_of(s, o->host.n + 1);
    } else {
        o->uri = HTTP_URI_TEXT;
        o->path = s;
    }
}

static bool parse_request(span_t s, http_line_t *o) {
    size_t n = 0;
    while (n < s.n && is_token(s.s[n])) n++;
    if (n == 0 || n == s.n || !is_space(s.s[n])) return false;
    o->method = (span_t){s.s, n};
    for (int i = 0; i < METHODS; i++)
        if (equals(o->method, methods[i])) o->known = methods[i];
    s = skip_spaces(rest_of(s, n));
    n = 0;
    while (n < s.n && !is_space(s.s[n])) n++;
    if (n == 0) return false;
    parse_uri((span_t){s.s, n}, o);
    s = skip_spaces(rest_of(s, n));
    o->kind = HTTP_REQUEST;
    if (s.n == 0) {
        o->major = 0;
        o->minor = 9;
        return true;
    }
    return take_version(&s, o);
}

static bool parse_response(span_t s, http_line_t *o) {
    if (!take_version(&s, o) || !s.n || !is_space(*s.s)) return false;
    s = skip_spaces(s);
    take_number(&s, &o->status);
    if (s.n && !is_space(*s.s)) return false;
    o->phrase = skip_spaces(s);
    o->kind = HTTP_RESPONSE;
    return true;
}

static uint8_t upper(uint8_t c) { return c >= 'a' && c <= 'z' ? c - 32 : c; }
static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

static bool parse_header(span_t s, http_line_t *o) {
    size_t n = 0;
    while (n < s.n && is_token(s.s[n])) n++;
    if (n == s.n || s.s[n] != ':') return false;
    o->field = (span_t){s.s, n};
    o->value = skip_spaces(rest_of(s, n + 1));
    o->kind = HTTP_HEADER;
    if (n > HTTP_NAME_MAX) return true;
    bool big = true; /* first letters of words */
    for (size_t i = 0; i < n; i++) {
        if (big) {
            o->name[i] = upper(s.s[i]);
            big = false;
        } else {
            o->name[i] = lower(s.s[i]);
            big = s.s[i] == '-';
        }
    }
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!equals((span_t){o->name, n}, fields[i])) continue;
        o->bit = i + 1;
        o->known = fields[i];
    }
    return true;
}

void http_parse(const uint8_t *line, size_t n, bool header, http_line_t *o) {
    *o = (http_line_t){.kind = HTTP_ERROR};
    if (n && line[n - 1] == '\n') n--;
    if (n && line[n - 1] == '\r') n--;
    span_t s = {line, n};
    bool ok;
    if (header) {
        if (n == 0) {
            o->kind = HTTP_END;
            return;
        }
        ok = parse_header(s, o);
    } else {
        ok = n >= 5 && memcmp(line, "HTTP/", 5) == 0 ? parse_response(s, o) : parse_request(s, o);
    }
    if (!ok) o->kind = HTTP_ERROR;
}
