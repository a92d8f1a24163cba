/* parse.c: reads Erlang literals, as the scanner and parser of OTP would read them: numbers,
 * atoms, strings, binaries, lists, tuples, maps, fun M:F/A. One pass with a stack of open brackets,
 * so depth costs memory only. Text is foreign: every step is bounded by its end.
 */
#include <gmp.h>
#include <stdio.h>
#include "api/api.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/map.h"
#include "vm/utf8.h"

typedef enum { IN_LIST, IN_TAIL, IN_TUPLE, IN_KEY, IN_VALUE } place_t;
typedef struct {
    place_t place;
    size_t first; /* its first value on the stack */
} open_t;

typedef struct {
    ling_env_t *env;
    const char *start, *s;
    int error;
    term_t *values;
    size_t nvalues, values_cap;
    open_t *open;
    size_t nopen, open_cap;
    uint8_t *bytes; /* text of a string, atom or binary being read */
    size_t nbytes, bytes_cap;
} parser_t;

static bool fail(parser_t *r, const char *why) {
    if (r->error == LING_OK) {
        r->error = LING_EPARSE;
        snprintf(r->env->errmsg, sizeof r->env->errmsg, "%s at character %zu", why,
                 (size_t)(r->s - r->start) + 1);
    }
    return false;
}
static bool no_memory(parser_t *r) {
    r->error = LING_ENOMEM;
    return false;
}

static bool grow(parser_t *r, void **block, size_t *cap, size_t need, size_t each) {
    if (need <= *cap) return true;
    size_t want = *cap ? *cap * 2 : 32;
    if (want < need) want = need;
    void *p = mem_realloc(r->env->vm, *block, *cap * each, want * each);
    if (!p) return no_memory(r);
    *block = p;
    *cap = want;
    return true;
}
static bool push_value(parser_t *r, term_t t) {
    if (t == TERM_NONE) return no_memory(r);
    if (!grow(r, (void **)&r->values, &r->values_cap, r->nvalues + 1, sizeof(term_t))) return false;
    r->values[r->nvalues++] = t;
    return true;
}
static bool push_open(parser_t *r, place_t place) {
    if (!grow(r, (void **)&r->open, &r->open_cap, r->nopen + 1, sizeof(open_t))) return false;
    r->open[r->nopen++] = (open_t){place, r->nvalues};
    return true;
}
static bool push_byte(parser_t *r, uint8_t b) {
    if (!grow(r, (void **)&r->bytes, &r->bytes_cap, r->nbytes + 1, 1)) return false;
    r->bytes[r->nbytes++] = b;
    return true;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static bool is_name(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '@';
}

static void skip_space(parser_t *r) {
    for (;;) {
        while (*r->s == ' ' || *r->s == '\t' || *r->s == '\n' || *r->s == '\r') r->s++;
        if (*r->s != '%') return;
        while (*r->s && *r->s != '\n') r->s++;
    }
}
static bool accept(parser_t *r, const char *token) {
    skip_space(r);
    size_t n = strlen(token);
    if (strncmp(r->s, token, n) != 0) return false;
    r->s += n;
    return true;
}
static bool expect(parser_t *r, const char *token, const char *why) {
    return accept(r, token) || fail(r, why);
}

/* ---- numbers ---- */

static int digit_value(char c) {
    if (is_digit(c)) return c - '0';
    if (is_lower(c)) return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    return 99;
}

/* Digits in r->bytes as values. */
static term_t digits_to_term(parser_t *r, int base, bool negative) {
    proc_t *p = r->env->p;
    size_t i = 0;
    while (i + 1 < r->nbytes && r->bytes[i] == 0) i++;
    size_t n = r->nbytes - i;
    if (n <= 11) { /* 36^11 < 2^60 */
        int64_t v = 0;
        for (; i < r->nbytes; i++) v = v * base + r->bytes[i];
        return make_small(negative ? -v : v);
    }
    /* A digit of base 36 is less than 6 bits. */
    size_t limbs = n * 6 / 64 + 2;
    term_t *hp = heap_alloc(p, limbs + 1), *end = hp + limbs + 1;
    if (!hp) return TERM_NONE;
    mp_size_t got = mpn_set_str((mp_limb_t *)(hp + 1), r->bytes + i, n, base);
    while (got > 0 && hp[got] == 0) got--;
    if (got <= 1) {
        uint64_t v = got ? hp[1] : 0;
        if (v <= (uint64_t)SMALL_MAX || (negative && v == (uint64_t)SMALL_MAX + 1)) {
            heap_release(p, hp, end);
            return make_small(negative ? -(int64_t)v : (int64_t)v);
        }
    }
    hp[0] = make_header(negative ? T_BIG_NEG : T_BIG_POS, (size_t)got);
    heap_release(p, hp + 1 + got, end);
    return make_boxed(hp);
}

static bool read_digits(parser_t *r, int base) {
    r->nbytes = 0;
    while (digit_value(*r->s) < base || (*r->s == '_' && digit_value(r->s[1]) < base)) {
        if (*r->s == '_') r->s++;
        if (!push_byte(r, (uint8_t)digit_value(*r->s))) return false;
        r->s++;
    }
    return r->nbytes > 0 || fail(r, "digits expected");
}

/* A float's text, without underscores, read by the machine's own function. */
static bool read_float(parser_t *r, const char *from, bool negative) {
    r->nbytes = 0;
    const char *s = from;
    for (; is_digit(*s) || *s == '_' || *s == '.' || *s == 'e' || *s == 'E' ||
           ((*s == '-' || *s == '+') && (s[-1] == 'e' || s[-1] == 'E'));
         s++) {
        if (*s == '.' && !is_digit(s[1])) break;
        if ((*s == 'e' || *s == 'E') && !is_digit(s[1]) &&
            !((s[1] == '-' || s[1] == '+') && is_digit(s[2])))
            break;
        if (*s != '_' && !push_byte(r, (uint8_t)*s)) return false;
    }
    double d;
    bool overflow = false;
    size_t used = text_to_float((const char *)r->bytes, r->nbytes, &d, &overflow);
    if (overflow || used == 0 || used != r->nbytes) return fail(r, "bad float");
    r->s = s;
    term_t *hp = heap_alloc(r->env->p, FLOAT_WORDS);
    return push_value(r, hp ? make_float(&hp, negative ? -d : d) : TERM_NONE);
}

static bool read_number(parser_t *r, bool negative) {
    const char *from = r->s;
    if (!read_digits(r, 10)) return false;
    if (*r->s == '.' && is_digit(r->s[1])) return read_float(r, from, negative);
    int base = 10;
    if (*r->s == '#') {
        base = 0;
        for (size_t i = 0; i < r->nbytes && base < 100; i++) base = base * 10 + r->bytes[i];
        if (base < 2 || base > 36) return fail(r, "base must be 2 to 36");
        r->s++;
        if (!read_digits(r, base)) return false;
    }
    if (is_name(*r->s)) return fail(r, "bad number");
    return push_value(r, digits_to_term(r, base, negative));
}

/* ---- characters ---- */

static bool push_utf8(parser_t *r, uint32_t c) {
    uint8_t b[UTF8_MAX];
    unsigned n = utf8_write(b, c);
    for (unsigned i = 0; i < n; i++)
        if (!push_byte(r, b[i])) return false;
    return true;
}

static bool read_escape(parser_t *r, uint32_t *out) {
    char c = *r->s;
    if (c == 0) return fail(r, "unfinished escape");
    if (c >= '0' && c <= '7') {
        uint32_t v = 0;
        for (int i = 0; i < 3 && *r->s >= '0' && *r->s <= '7'; i++)
            v = v * 8 + (uint32_t)(*r->s++ - '0');
        *out = v;
        return true;
    }
    r->s++;
    if (c == 'x') {
        bool braces = *r->s == '{';
        uint32_t v = 0;
        int n = 0;
        if (braces) r->s++;
        for (; digit_value(*r->s) < 16 && (braces || n < 2) && v <= 0x10ffff; n++)
            v = v * 16 + (uint32_t)digit_value(*r->s++);
        if (n == 0 || (braces && *r->s != '}') || (!braces && n != 2) || !is_unicode(v))
            return fail(r, "bad \\x escape");
        if (braces) r->s++;
        *out = v;
        return true;
    }
    if (c == '^') {
        if (*r->s < '@' || *r->s > '_') return fail(r, "bad control escape");
        *out = (uint32_t)*r->s++ & 31;
        return true;
    }
    static const char from[] = "nrtvbfesd", to[] = "\n\r\t\v\b\f\033 \177";
    const char *at = strchr(from, c);
    *out = at ? (uint32_t)to[at - from] : (uint8_t)c;
    return true;
}

/* Text up to the quote, as UTF-8 in r->bytes (which is not emptied first). */
static bool read_quoted(parser_t *r, char quote) {
    while (*r->s != quote) {
        if (*r->s == 0) return fail(r, "unfinished quotes");
        if (*r->s != '\\') {
            if (!push_byte(r, (uint8_t)*r->s++)) return false;
            continue;
        }
        r->s++;
        if (*r->s == '\n') {
            r->s++;
            continue;
        }
        uint32_t c;
        if (!read_escape(r, &c) || !push_utf8(r, c)) return false;
    }
    r->s++;
    return true;
}

/* One or more strings side by side. */
static bool read_strings(parser_t *r) {
    r->nbytes = 0;
    do {
        if (!read_quoted(r, '"')) return false;
    } while (accept(r, "\""));
    return true;
}

static bool read_char(parser_t *r) {
    uint32_t c;
    if (*r->s == '\\') {
        r->s++;
        if (!read_escape(r, &c)) return false;
        return push_value(r, make_small(c));
    }
    /* One code point of UTF-8. */
    term_t list = TERM_NONE;
    size_t n = 1;
    if (*r->s == 0) return fail(r, "character expected");
    while (((uint8_t)r->s[n] & 0xc0) == 0x80 && n < 4) n++;
    if ((uint8_t)*r->s < 0x80) n = 1;
    list = ling_make_string_n(r->env, r->s, n);
    if (!is_cons(list)) return fail(r, "bad UTF-8");
    r->s += n;
    return push_value(r, cons_head(list));
}

/* ---- atoms ---- */

static const char *const reserved[] = {
    "after", "and",    "andalso", "band", "begin", "bnot", "bor", "bsl", "bsr", "bxor",
    "case",  "catch",  "cond",    "div",  "end",   "fun",  "if",  "let", "not", "of",
    "or",    "orelse", "receive", "rem",  "try",   "when", "xor", NULL};

static term_t read_atom(parser_t *r) {
    skip_space(r);
    r->nbytes = 0;
    if (*r->s == '\'') {
        r->s++;
        if (!read_quoted(r, '\'')) return TERM_NONE;
    } else {
        const char *from = r->s;
        if (!is_lower(*r->s)) {
            fail(r, "atom expected");
            return TERM_NONE;
        }
        while (is_name(*r->s)) r->s++;
        for (const char *const *w = reserved; *w; w++)
            if (strlen(*w) == (size_t)(r->s - from) &&
                strncmp(*w, from, (size_t)(r->s - from)) == 0) {
                r->s = from;
                fail(r, "reserved word");
                return TERM_NONE;
            }
        for (const char *c = from; c < r->s; c++)
            if (!push_byte(r, (uint8_t)*c)) return TERM_NONE;
    }
    term_t a = atom_intern(r->env->vm, r->bytes ? r->bytes : (const uint8_t *)"", r->nbytes);
    if (a == TERM_NONE) fail(r, "not an atom's name");
    return a;
}

/* fun M:F/A */
static bool read_fun(parser_t *r) {
    term_t m = read_atom(r);
    if (m == TERM_NONE || !expect(r, ":", "':' expected")) return false;
    term_t f = read_atom(r);
    if (f == TERM_NONE || !expect(r, "/", "'/' expected")) return false;
    skip_space(r);
    if (!read_number(r, false)) return false;
    term_t a = r->values[--r->nvalues];
    if (!is_small(a) || small_value(a) > MAX_ARITY) return fail(r, "bad arity");
    vm_visit_t v = vm_enter(r->env->vm);
    export_t *e = export_get(r->env->vm, m, f, (uint32_t)small_value(a));
    vm_leave(r->env->vm, v);
    term_t *hp = e ? heap_alloc(r->env->p, 2) : NULL;
    if (!hp) return no_memory(r);
    hp[0] = make_header(T_EXPORT_FUN, 1);
    hp[1] = (term_t)(uintptr_t)e;
    return push_value(r, make_boxed(hp));
}

/* ---- binaries ---- segments: integers with an optional size, strings, strings /utf8 */

static bool push_bits(parser_t *r, uint64_t v, unsigned n, size_t *nbits) {
    while (n > 0) {
        if (*nbits % 8 == 0 && !push_byte(r, 0)) return false;
        unsigned room = 8 - *nbits % 8, take = n < room ? n : room;
        uint64_t part = v >> (n - take) & ((1u << take) - 1);
        r->bytes[*nbits / 8] |= (uint8_t)(part << (room - take));
        n -= take;
        *nbits += take;
    }
    return true;
}

static bool read_string_segment(parser_t *r, uint8_t **bin, size_t *bin_cap, size_t *nbits) {
    /* The text goes to r->bytes, which holds the binary so far: put that aside. */
    uint8_t *outer = r->bytes;
    size_t outer_n = r->nbytes, outer_cap = r->bytes_cap;
    r->bytes = *bin;
    r->bytes_cap = *bin_cap;
    bool ok = read_strings(r);
    uint8_t *text = r->bytes;
    size_t n = r->nbytes;
    *bin = text;
    *bin_cap = r->bytes_cap;
    r->bytes = outer;
    r->nbytes = outer_n;
    r->bytes_cap = outer_cap;
    if (!ok) return false;
    bool utf8 = accept(r, "/utf8");
    for (size_t i = 0; i < n; i++) {
        uint32_t c = text[i];
        if (!utf8 && c >= 0x80) { /* the low byte of the code point */
            size_t more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
            c &= 0x3fu >> more;
            for (size_t k = 0; k < more && i + 1 < n; k++) c = c << 6 | (text[++i] & 0x3f);
        }
        if (!push_bits(r, c & 0xff, 8, nbits)) return false;
    }
    return true;
}

static bool read_int_segment(parser_t *r, size_t *nbits) {
    uint8_t *outer = r->bytes;
    size_t outer_n = r->nbytes, outer_cap = r->bytes_cap;
    bool negative = accept(r, "-");
    skip_space(r);
    r->bytes = NULL;
    r->nbytes = r->bytes_cap = 0;
    bool ok = *r->s == '$'      ? (r->s++, read_char(r))
              : is_digit(*r->s) ? read_number(r, negative)
                                : fail(r, "integer or string expected");
    unsigned size = 8;
    if (ok && accept(r, ":")) {
        skip_space(r);
        ok = read_number(r, false);
        if (ok) {
            term_t n = r->values[--r->nvalues];
            if (!is_small(n) || small_value(n) < 0 || small_value(n) > 4096)
                ok = fail(r, "bad size");
            else
                size = (unsigned)small_value(n);
        }
    }
    mem_free(r->env->vm, r->bytes, r->bytes_cap);
    r->bytes = outer;
    r->nbytes = outer_n;
    r->bytes_cap = outer_cap;
    if (!ok) return false;
    term_t t = r->values[--r->nvalues];
    if (!is_integer(t)) return fail(r, "integer expected");
    uint8_t be[513];
    size_t n = (size + 7) / 8;
    integer_to_bytes(t, be, n);
    for (size_t i = 0; i < n; i++) {
        unsigned take = i == 0 && size % 8 ? size % 8 : 8;
        if (!push_bits(r, be[i] & ((1u << take) - 1), take, nbits)) return false;
    }
    return true;
}

static bool read_binary(parser_t *r) {
    uint8_t *text = NULL;
    size_t text_cap = 0, nbits = 0;
    bool ok = true;
    r->nbytes = 0;
    if (!accept(r, ">>")) {
        do {
            ok = accept(r, "\"") ? read_string_segment(r, &text, &text_cap, &nbits)
                                 : read_int_segment(r, &nbits);
        } while (ok && accept(r, ","));
        ok = ok && expect(r, ">>", "'>>' expected");
    }
    mem_free(r->env->vm, text, text_cap);
    if (!ok) return false;
    term_t t = new_binary(r->env->p, r->nbytes ? r->bytes : NULL, r->nbytes);
    if (t != TERM_NONE && nbits % 8) t = bits_part(r->env->p, t, 0, nbits);
    return push_value(r, t);
}

/* ---- terms ---- */

/* Makes one term of the values from first on. */
static bool close_list(parser_t *r, size_t first, term_t tail) {
    size_t n = r->nvalues - first;
    term_t list = tail;
    if (n) {
        term_t *hp = heap_alloc(r->env->p, 2 * n);
        if (!hp) return no_memory(r);
        for (size_t i = 0; i < n; i++) {
            hp[2 * i] = r->values[first + i];
            hp[2 * i + 1] = i + 1 < n ? make_cons(hp + 2 * (i + 1)) : tail;
        }
        list = make_cons(hp);
    }
    r->nvalues = first;
    return push_value(r, list);
}
static bool close_tuple(parser_t *r, size_t first) {
    term_t t = ling_make_tuple(r->env, r->values + first, r->nvalues - first);
    r->nvalues = first;
    return push_value(r, t);
}
static bool close_map(parser_t *r, size_t first) {
    size_t n = (r->nvalues - first) / 2;
    term_t t = n ? map_from_pairs(r->env->p, r->values + first, n) : map_empty(r->env->p);
    r->nvalues = first;
    return push_value(r, t);
}

/* Reads a whole scalar (pushes it; *opened false) or an opening bracket. */
static bool read_begin(parser_t *r, bool *opened) {
    skip_space(r);
    *opened = false;
    char c = *r->s;
    if (is_digit(c)) return read_number(r, false);
    if (strncmp(r->s, "fun", 3) == 0 && !is_name(r->s[3])) {
        r->s += 3;
        return read_fun(r);
    }
    if (is_lower(c) || c == '\'') {
        term_t a = read_atom(r);
        return a != TERM_NONE && push_value(r, a);
    }
    r->s++;
    switch (c) {
    case '-':
    case '+':
        skip_space(r);
        if (!is_digit(*r->s)) return fail(r, "number expected");
        return read_number(r, c == '-');
    case '$': return read_char(r);
    case '"': {
        if (!read_strings(r)) return false;
        term_t t = ling_make_string_n(r->env, (const char *)r->bytes, r->nbytes);
        if (t == TERM_NONE) return fail(r, "bad UTF-8 in string");
        return push_value(r, t);
    }
    case '[':
        if (accept(r, "]")) return push_value(r, TERM_NIL);
        *opened = true;
        return push_open(r, IN_LIST);
    case '{':
        if (accept(r, "}")) return push_value(r, ling_make_tuple(r->env, NULL, 0));
        *opened = true;
        return push_open(r, IN_TUPLE);
    case '#':
        if (!expect(r, "{", "'{' expected")) return false;
        if (accept(r, "}")) return push_value(r, map_empty(r->env->p));
        *opened = true;
        return push_open(r, IN_KEY);
    case '<':
        if (*r->s != '<') break;
        r->s++;
        return read_binary(r);
    default: break;
    }
    r->s--;
    return fail(r, c ? "no literal" : "end of text");
}

/* After a value: the bracket around it goes on (true) or closes (*closed). */
static bool read_after(parser_t *r, bool *closed) {
    open_t *o = &r->open[r->nopen - 1];
    size_t first = o->first;
    *closed = false;
    switch (o->place) {
    case IN_LIST:
        if (accept(r, ",")) return true;
        if (accept(r, "|")) {
            o->place = IN_TAIL;
            return true;
        }
        if (!expect(r, "]", "',' or ']' expected")) return false;
        r->nopen--;
        *closed = true;
        return close_list(r, first, TERM_NIL);
    case IN_TAIL: {
        if (!expect(r, "]", "']' expected")) return false;
        term_t tail = r->values[--r->nvalues];
        r->nopen--;
        *closed = true;
        return close_list(r, first, tail);
    }
    case IN_TUPLE:
        if (accept(r, ",")) return true;
        if (!expect(r, "}", "',' or '}' expected")) return false;
        r->nopen--;
        *closed = true;
        return close_tuple(r, first);
    case IN_KEY: o->place = IN_VALUE; return expect(r, "=>", "'=>' expected");
    case IN_VALUE:
        o->place = IN_KEY;
        if (accept(r, ",")) return true;
        if (!expect(r, "}", "',' or '}' expected")) return false;
        r->nopen--;
        *closed = true;
        return close_map(r, first);
    }
    return false;
}

static term_t read_term(parser_t *r) {
    size_t base = r->nopen;
    for (;;) {
        bool opened, closed = true;
        if (!read_begin(r, &opened)) return TERM_NONE;
        if (opened) continue;
        while (closed && r->nopen > base)
            if (!read_after(r, &closed)) return TERM_NONE;
        if (closed && r->nopen == base) return r->values[--r->nvalues];
    }
}

static bool read_end(parser_t *r) {
    accept(r, ".");
    skip_space(r);
    return *r->s == 0 || fail(r, "more text after the term");
}

static void parser_init(parser_t *r, ling_env_t *env, const char *text) {
    *r = (parser_t){.env = env, .start = text, .s = text};
    env->errmsg[0] = 0;
}
static int parser_done(parser_t *r) {
    vm_t *vm = r->env->vm;
    mem_free(vm, r->values, r->values_cap * sizeof(term_t));
    mem_free(vm, r->open, r->open_cap * sizeof(open_t));
    mem_free(vm, r->bytes, r->bytes_cap);
    return r->error;
}

int ling_parse_term(ling_env_t *env, const char *text, ling_term_t *term) {
    parser_t r;
    *term = TERM_NONE;
    if (!env || !text) return LING_EINVAL;
    parser_init(&r, env, text);
    *term = read_term(&r);
    if (*term != TERM_NONE && !read_end(&r)) *term = TERM_NONE;
    return parser_done(&r);
}

int ling_parse_call(ling_env_t *env, const char *text, ling_term_t *module, ling_term_t *function,
                    ling_term_t *args) {
    parser_t r;
    *module = *function = *args = TERM_NONE;
    if (!env || !text) return LING_EINVAL;
    parser_init(&r, env, text);
    *module = read_atom(&r);
    if (*module != TERM_NONE && expect(&r, ":", "':' expected")) *function = read_atom(&r);
    if (*function != TERM_NONE && expect(&r, "(", "'(' expected")) {
        if (accept(&r, ")")) {
            *args = TERM_NIL;
        } else {
            bool more = true;
            while (more) {
                term_t t = read_term(&r);
                if (t == TERM_NONE || !push_value(&r, t)) break;
                more = accept(&r, ",");
            }
            if (r.error == LING_OK && expect(&r, ")", "',' or ')' expected") &&
                close_list(&r, 0, TERM_NIL))
                *args = r.values[0];
        }
    }
    if (r.error == LING_OK) read_end(&r);
    return parser_done(&r);
}
