/* bif_packet.c: erlang:decode_packet/3 on packet.c. */
#include "outlet/packet.h"
#include "vm/binary.h"
#include "vm/heap.h"

/* Where the bytes of a binary argument are, and what to cut sub-binaries from. */
typedef struct {
    proc_t *p;
    term_t bin;
    const uint8_t *data;
    size_t n;
    uint8_t *copy; /* of bytes that are not aligned; NULL */
    size_t copy_size;
    bool as_binary;
    bool failed;
} source_t;

static term_t failed(source_t *s) {
    s->failed = true;
    return TERM_NIL;
}

static term_t part(source_t *s, size_t from, size_t n) {
    term_t t = bits_part(s->p, s->bin, from * 8, n * 8);
    return t == TERM_NONE ? failed(s) : t;
}

/* Behind from, with the bits behind the last byte. */
static term_t tail(source_t *s, size_t from) {
    term_t t = bits_part(s->p, s->bin, from * 8, bit_size_of(s->bin) - from * 8);
    return t == TERM_NONE ? failed(s) : t;
}

static term_t text(source_t *s, const uint8_t *data, size_t n) {
    term_t t = s->as_binary ? new_binary(s->p, data, n) : bytes_to_list(s->p, data, n, TERM_NIL);
    return t == TERM_NONE ? failed(s) : t;
}

static term_t span_text(source_t *s, span_t x) { return text(s, x.s, x.n); }

static term_t tuple(source_t *s, unsigned n, const term_t *e) {
    term_t *hp = heap_alloc(s->p, n + 1);
    if (!hp) return failed(s);
    hp[0] = make_header(T_TUPLE, n);
    for (unsigned i = 0; i < n; i++) hp[i + 1] = e[i];
    return make_boxed(hp);
}
#define TUPLE(s, ...)                                                                              \
    tuple(s, sizeof((term_t[]){__VA_ARGS__}) / sizeof(term_t), (term_t[]){__VA_ARGS__})

static term_t atom(source_t *s, const char *name) {
    term_t a = atom_from_string(s->p->vm, name);
    return a == TERM_NONE ? failed(s) : a;
}

static term_t uri_term(source_t *s, const http_line_t *h) {
    switch (h->uri) {
    case HTTP_URI_ANY: return atom(s, "*");
    case HTTP_URI_PATH: return TUPLE(s, A_abs_path, span_text(s, h->path));
    case HTTP_URI_SCHEME: return TUPLE(s, A_scheme, span_text(s, h->host), span_text(s, h->path));
    case HTTP_URI_ABSOLUTE:
        return TUPLE(s, A_absoluteURI, h->https ? A_https : A_http, span_text(s, h->host),
                     h->port ? make_small(h->port) : (term_t)A_undefined, span_text(s, h->path));
    default: return span_text(s, h->path);
    }
}

static term_t http_term(source_t *s, size_t n, bool header) {
    http_line_t h;
    http_parse(s->data, n, header, &h);
    switch (h.kind) {
    case HTTP_END: return A_http_eoh;
    case HTTP_REQUEST:
        return TUPLE(s, A_http_request, h.known ? atom(s, h.known) : span_text(s, h.method),
                     uri_term(s, &h), TUPLE(s, make_small(h.major), make_small(h.minor)));
    case HTTP_RESPONSE:
        return TUPLE(s, A_http_response, TUPLE(s, make_small(h.major), make_small(h.minor)),
                     make_small(h.status), span_text(s, h.phrase));
    case HTTP_HEADER: {
        span_t usual = {h.field.n <= HTTP_NAME_MAX ? h.name : h.field.s, h.field.n};
        return TUPLE(s, A_http_header, make_small(h.bit),
                     h.known ? atom(s, h.known) : span_text(s, usual), span_text(s, h.field),
                     span_text(s, h.value));
    }
    default: return TUPLE(s, A_http_error, text(s, s->data, n));
    }
}

static term_t tls_term(source_t *s, size_t n) {
    const uint8_t *d = s->data;
    if (!((d[0] & 0x80) && d[2] == 1))
        return TUPLE(s, A_ssl_tls, TERM_NIL, make_small(d[0]),
                     TUPLE(s, make_small(d[1]), make_small(d[2])), part(s, 5, n - 5));
    /* A client hello of version 2 looks like one of version 3. */
    uint8_t *out;
    term_t bin = binary_new(s->p, n - 5 + 6, &out);
    if (bin == TERM_NONE) return failed(s);
    size_t len = n - 5 + 2;
    out[0] = 1;
    out[1] = (uint8_t)(len >> 16);
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
    memcpy(out + 4, d + 3, n - 3);
    return TUPLE(s, A_ssl_tls, TERM_NIL, make_small(22),
                 TUPLE(s, make_small(d[3]), make_small(d[4])), bin);
}

static bool type_of(term_t t, packet_type_t *type, bool *binary) {
    *binary = false;
    switch (t) {
    case (term_t)0 << SMALL_SHIFT:
    case A_raw: *type = PACKET_RAW; return true;
    case (term_t)1 << SMALL_SHIFT: *type = PACKET_1; return true;
    case (term_t)2 << SMALL_SHIFT: *type = PACKET_2; return true;
    case (term_t)4 << SMALL_SHIFT: *type = PACKET_4; return true;
    case A_asn1: *type = PACKET_ASN1; return true;
    case A_sunrm: *type = PACKET_SUNRM; return true;
    case A_cdr: *type = PACKET_CDR; return true;
    case A_fcgi: *type = PACKET_FCGI; return true;
    case A_tpkt: *type = PACKET_TPKT; return true;
    case A_line: *type = PACKET_LINE; return true;
    case A_http_bin: *binary = true; /* fall through */
    case A_http: *type = PACKET_HTTP; return true;
    case A_httph_bin: *binary = true; /* fall through */
    case A_httph: *type = PACKET_HTTPH; return true;
    case A_ssl_tls: *type = PACKET_TLS; return true;
    default: return false;
    }
}

static bool read_limits(term_t list, packet_type_t type, packet_limits_t *l) {
    for (; is_cons(list); list = cons_tail(list)) {
        term_t o = cons_head(list);
        uint64_t v;
        if (!is_tuple_of(o, 2) || !term_to_uint64(tuple_elem(o, 2), &v) || v > UINT32_MAX)
            return false;
        switch (tuple_elem(o, 1)) {
        case A_packet_size: l->max = (uint32_t)v; break;
        case A_line_length: l->line_max = (uint32_t)v; break;
        case A_line_delimiter:
            if (v > 255 || type != PACKET_LINE) return false;
            l->delimiter = (uint8_t)v;
            break;
        default: return false;
        }
    }
    return is_nil(list);
}

static term_t decode(source_t *s, packet_type_t type, const packet_limits_t *l) {
    int64_t len = packet_length(type, s->data, s->n, l);
    if (len < 0) return TUPLE(s, A_error, A_invalid);
    if (len == 0) return TUPLE(s, A_more, A_undefined);
    if ((uint64_t)len > s->n) return TUPLE(s, A_more, make_small(len));
    size_t n = (size_t)len, head = packet_header(type);
    term_t packet;
    switch (type) {
    case PACKET_HTTP: packet = http_term(s, n, false); break;
    case PACKET_HTTPH: packet = http_term(s, n, true); break;
    case PACKET_TLS: packet = tls_term(s, n); break;
    case PACKET_FCGI: packet = part(s, 0, n - s->data[6]); break; /* without its padding */
    default: packet = part(s, head, n - head); break;
    }
    bif_bump(s->p, 1 + n / 256);
    return TUPLE(s, A_ok, packet, tail(s, n));
}

static BIF(decode_packet_3) {
    source_t s = {.p = p, .bin = a[1]};
    packet_type_t type;
    packet_limits_t limits = {.delimiter = '\n'};
    bits_t bits;
    if (!type_of(a[0], &type, &s.as_binary)) return bif_badarg_cause(p, A_badopt);
    if (!bits_of(a[1], &bits) || !read_limits(a[2], type, &limits)) return bif_badarg(p);
    s.n = bits.bit_size / 8;
    s.data = bits.base;
    if (bits.bit_offset) {
        s.copy_size = s.n;
        s.copy = mem_alloc(p->vm, s.copy_size);
        if (s.n && !s.copy) return bif_oom(p);
        bits_copy(s.copy, 0, bits.base, bits.bit_offset, s.n * 8);
        s.data = s.copy;
    }
    term_t t = decode(&s, type, &limits);
    mem_free(p->vm, s.copy, s.copy_size);
    return s.failed ? bif_oom(p) : t;
}

const bif_def_t bifs_packet[] = {
    {"erlang", "decode_packet", 3, decode_packet_3, 0},
    {0},
};
