/* bif_unicode.c: characters: unicode:characters_to_binary/2, characters_to_list/2 for UTF-8 and
 * Latin-1, and file names as the host wants them.
 *
 * Relies on binary.c. Other encodings are the business of OTP's Erlang half (module unicode), to
 * which the BIFs trap. File names are UTF-8.
 */
#include "vm/binary.h"
#include "vm/utf8.h"
#include "vm/wstack.h"

static inline bool is_continuation(uint8_t b) { return (b & 0xc0) == 0x80; }

/* Bytes of the character a byte starts; 0: it starts none. Leads that cannot be part of a good
 * character count by their bits, as in OTP: that decides between error and incomplete. */
static inline unsigned lead_length(uint8_t b) {
    return b < 0x80 ? 1 : b < 0xc0 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf8 ? 4 : 0;
}

static inline uint32_t decode(const uint8_t *s, unsigned len) {
    switch (len) {
    case 1: return s[0];
    case 2: return (uint32_t)(s[0] & 31) << 6 | (s[1] & 63);
    case 3: return (uint32_t)(s[0] & 15) << 12 | (uint32_t)(s[1] & 63) << 6 | (s[2] & 63);
    default:
        return (uint32_t)(s[0] & 7) << 18 | (uint32_t)(s[1] & 63) << 12 |
               (uint32_t)(s[2] & 63) << 6 | (s[3] & 63);
    }
}

enum { CHAR_OK, CHAR_ERROR, CHAR_INCOMPLETE, CHAR_STOPPED };
/* The character at s; n >= 1 bytes are there. */
static int char_check(const uint8_t *s, size_t n, unsigned *len) {
    unsigned k = lead_length(s[0]);
    if (k == 0) return CHAR_ERROR;
    for (unsigned i = 1; i < k; i++) {
        if (i == n) return CHAR_INCOMPLETE;
        if (!is_continuation(s[i])) return CHAR_ERROR;
    }
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = decode(s, k);
    if (c < least[k] || !is_unicode(c)) return CHAR_ERROR;
    *len = k;
    return CHAR_OK;
}

/* Bytes looked at, or characters written, between ticks. */
#define BYTES        32768
#define CHARS        4096
#define CHAR_TICK(n) BIF_TICK_EVERY(p, n, CHARS, CHARS / 32)

/* How many bytes of s are whole good characters, and why it stops there; *why is CHAR_STOPPED when
 * a long BIF, p's, is to stop. */
static size_t utf8_prefix(proc_t *p, const uint8_t *s, size_t n, int *why) {
    size_t i = 0, next_tick = BYTES;
    while (i < n) {
        if (UNLIKELY(i >= next_tick)) {
            if (bif_tick(p, (i - next_tick + BYTES) >> 8)) {
                *why = CHAR_STOPPED;
                return 0;
            }
            next_tick = i + BYTES;
        }
        if (s[i] < 0x80) {
            uint64_t w;
            while (n - i >= 8 && i < next_tick &&
                   (memcpy(&w, s + i, 8), (w & 0x8080808080808080u) == 0))
                i += 8;
            while (i < n && i < next_tick && s[i] < 0x80) i++;
            continue;
        }
        unsigned len;
        int r = char_check(s + i, n - i, &len);
        if (r != CHAR_OK) {
            *why = r;
            return i;
        }
        i += len;
    }
    *why = CHAR_OK;
    return n;
}

/* false: stopped */
static bool count_high(proc_t *p, const bits_t *b, size_t *out) {
    size_t n = b->bit_size / 8, high = 0;
    for (size_t from = 0; from < n; from += BYTES) {
        size_t to = n - from < BYTES ? n : from + BYTES;
        if (from && bif_tick(p, BYTES / 256)) return false;
        if (b->bit_offset == 0) {
            for (size_t i = from; i < to; i++) high += b->base[i] >> 7;
        } else {
            for (size_t i = from; i < to; i++)
                high += bits_get64(b->base, b->bit_offset + 8 * i, 1);
        }
    }
    *out = high;
    return true;
}

/* Is c a character in this encoding? */
static inline bool char_ok(term_t c, bool latin1) {
    if (!is_small(c)) return false;
    uint64_t v = (uint64_t)small_value(c);
    return latin1 ? v < 256 : is_unicode(v);
}

/* A run of good characters at the front of a list, up to where the next tick is due: their number
 * is added to *cells, their bytes to *n. Returns what is behind it. */
static inline term_t skip_chars(term_t t, bool latin1, size_t *cells, size_t *n) {
    size_t i = *cells, last = i | (CHARS - 1), bytes = 0;
    for (; i + 1 < last && is_cons(t) && char_ok(cons_head(t), latin1); i++, t = cons_tail(t)) {
        uint64_t c = (uint64_t)small_value(cons_head(t));
        bytes += 1 + (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
    }
    *cells = i;
    *n += bytes;
    return t;
}

/* Checks the form of chardata (what is in it may still be wrong) and bounds the UTF-8 bytes it
 * makes; exact where all of it is good. */
static int chardata_size(proc_t *p, term_t t, bool latin1, size_t *out) {
    uint64_t room[64];
    wstack_t st;
    wstack_init(&st, p->vm, room, 64);
    size_t n = 0, cells = 0, high = 0;
    int r = IODATA_BAD;
    bits_t b;
    for (;;) {
        while (is_cons(t = skip_chars(t, latin1, &cells, &n))) {
            term_t h = cons_head(t);
            t = cons_tail(t);
            if (CHAR_TICK(++cells)) {
                r = IODATA_STOPPED;
                goto done;
            }
            if (is_small(h)) {
                n += char_ok(h, latin1) ? bs_utf8_size(h) : 0;
            } else if (is_big(h)) {
                goto stop; /* the conversion will not get past it, and OTP looks no further */
            } else if (is_cons(h)) {
                if (!is_nil(t)) {
                    if (!wstack_need(&st, 1)) {
                        r = IODATA_NO_MEMORY;
                        goto done;
                    }
                    *st.top++ = t;
                }
                t = h;
            } else if (!is_nil(h)) {
                if (!bits_of(h, &b) || (b.bit_size & 7)) goto done;
                if (latin1 && !count_high(p, &b, &high)) {
                    r = IODATA_STOPPED;
                    goto done;
                }
                n += b.bit_size / 8 + high;
            }
        }
        if (!is_nil(t)) {
            if (!bits_of(t, &b) || (b.bit_size & 7)) goto done;
            if (latin1 && !count_high(p, &b, &high)) {
                r = IODATA_STOPPED;
                goto done;
            }
            n += b.bit_size / 8 + high;
        }
        if (n > BITS_MAX / 8) {
            r = IODATA_TOO_BIG;
            goto done;
        }
        if (wstack_is_empty(&st)) break;
        t = *--st.top;
    }
stop:
    *out = n;
    r = IODATA_OK;
done:
    wstack_free(&st);
    return r;
}

/* A conversion under way. */
typedef struct {
    proc_t *p;
    bool latin1;
    uint8_t *dst;
    size_t n;        /* bytes in dst */
    uint8_t left[4]; /* beginning of a character, of binaries before this one */
    unsigned nleft;
    size_t bad;  /* where in the binary just read the error is, in bytes */
    bool failed; /* no memory (raised), or stopped */
} conv_t;

/* Takes in a binary; CHAR_ERROR leaves c->bad. CHAR_STOPPED: stopped. */
static int conv_binary(conv_t *c, term_t t) {
    bits_t b;
    bits_of(t, &b);
    size_t n = b.bit_size / 8, from = 0;
    if (n == 0) return CHAR_OK;
    if (c->latin1) {
        uint8_t *d = c->dst + c->n;
        for (size_t i = 0; i < n; i++) {
            d += utf8_write(d, (uint32_t)bits_get64(b.base, b.bit_offset + 8 * i, 8));
            if (BIF_TICK_EVERY(c->p, i + 1, 8192, 128)) return CHAR_STOPPED;
        }
        c->n = (size_t)(d - c->dst);
        return CHAR_OK;
    }
    if (c->nleft) {
        unsigned len, need = lead_length(c->left[0]) - c->nleft;
        unsigned k = n < need ? (unsigned)n : need;
        for (unsigned i = 0; i < k; i++)
            c->left[c->nleft + i] = (uint8_t)bits_get64(b.base, b.bit_offset + 8 * i, 8);
        if (k < need) { /* looked at only when it is complete, as in OTP */
            c->nleft += k;
            return CHAR_OK;
        }
        if (char_check(c->left, c->nleft + k, &len) != CHAR_OK) {
            c->bad = 0;
            return CHAR_ERROR;
        }
        memcpy(c->dst + c->n, c->left, len);
        c->n += len;
        c->nleft = 0;
        from = k;
    }
    if (from == n) return CHAR_OK;
    uint8_t *d = c->dst + c->n;
    if (!bits_copy_long(c->p, d, 0, b.base, b.bit_offset + 8 * from, (n - from) * 8))
        return CHAR_STOPPED;
    int why;
    size_t good = utf8_prefix(c->p, d, n - from, &why);
    c->n += good;
    if (why == CHAR_STOPPED) return why;
    /* A character cut off by the end is looked at when it is complete, as in OTP. */
    if (why == CHAR_ERROR && n - from - good < lead_length(d[good])) why = CHAR_INCOMPLETE;
    if (why == CHAR_ERROR) {
        c->bad = from + good;
        return why;
    }
    if (why == CHAR_INCOMPLETE) {
        c->nleft = (unsigned)(n - from - good);
        memcpy(c->left, d + good, c->nleft);
    }
    return CHAR_OK;
}

/* [head | tail], or TERM_NONE. */
static term_t new_cons(conv_t *c, term_t head, term_t tail) {
    term_t *hp = head == TERM_NONE ? NULL : heap_alloc(c->p, 2);
    if (!hp) c->failed = true;
    return hp ? cons(&hp, head, tail) : TERM_NONE;
}

static term_t rest_of_binary(conv_t *c, term_t bin) {
    term_t t = bits_part(c->p, bin, c->bad * 8, bit_size_of(bin) - c->bad * 8);
    if (t == TERM_NONE) c->failed = true;
    return t;
}

/* Takes in a run of characters as skip_chars finds them. */
static inline term_t take_chars(conv_t *c, term_t t, size_t *cells) {
    size_t i = *cells, last = i | (CHARS - 1);
    const bool latin1 = c->latin1;
    if (!c->dst) return t; /* there is no good one */
    uint8_t *d = c->dst + c->n;
    for (; i + 1 < last && is_cons(t) && char_ok(cons_head(t), latin1); i++, t = cons_tail(t))
        d += utf8_write(d, (uint32_t)small_value(cons_head(t)));
    *cells = i;
    c->n = (size_t)(d - c->dst);
    return t;
}

/* Converts checked chardata. TERM_NONE: all of it was taken in; else what was not. */
static term_t conv_run(conv_t *c, term_t t) {
    uint64_t room[64];
    wstack_t st;
    wstack_init(&st, c->p->vm, room, 64);
    term_t rest = TERM_NONE;
    proc_t *p = c->p;
    size_t cells = 0;
    int r;
    for (;;) {
        while (is_cons(t = c->nleft ? t : take_chars(c, t, &cells))) {
            term_t h = cons_head(t), tail = cons_tail(t);
            if (CHAR_TICK(++cells)) {
                c->failed = true;
                goto stop;
            }
            if (is_integer(h)) {
                if (c->nleft || !char_ok(h, c->latin1)) {
                    rest = t;
                    goto stop;
                }
                c->n += utf8_write(c->dst + c->n, (uint32_t)small_value(h));
            } else if (is_cons(h)) {
                /* Every tail is kept, empty ones too: the rest is built from them. */
                if (!wstack_need(&st, 1)) {
                    c->failed = true;
                    goto stop;
                }
                *st.top++ = tail;
                t = h;
                continue;
            } else if (!is_nil(h) && (r = conv_binary(c, h)) != CHAR_OK) {
                c->failed = r == CHAR_STOPPED;
                if (r == CHAR_ERROR) rest = new_cons(c, rest_of_binary(c, h), tail);
                if (r == CHAR_ERROR || c->failed) goto stop;
            }
            t = tail;
        }
        if (!is_nil(t) && (r = conv_binary(c, t)) != CHAR_OK) {
            c->failed = r == CHAR_STOPPED;
            if (r == CHAR_ERROR) rest = rest_of_binary(c, t);
            if (r == CHAR_ERROR || c->failed) goto stop;
        }
        if (wstack_is_empty(&st)) goto stop;
        t = *--st.top;
    }
stop:
    if (rest != TERM_NONE && !c->failed) {
        while (!wstack_is_empty(&st) && !c->failed) rest = new_cons(c, rest, *--st.top);
        if (c->nleft && !c->failed) {
            rest = new_cons(c, rest, TERM_NIL);
            rest = new_cons(c, new_binary(c->p, c->left, c->nleft), rest);
        }
    }
    wstack_free(&st);
    return rest;
}

/* {error, Converted, Rest} or {incomplete, Converted, Bytes}. */
static term_t conv_result(conv_t *c, term_t converted, term_t rest) {
    term_t tag = A_error;
    unsigned len;
    if (rest == TERM_NONE) {
        if (char_check(c->left, c->nleft, &len) == CHAR_INCOMPLETE) tag = A_incomplete;
        rest = new_binary(c->p, c->left, c->nleft);
    }
    term_t *hp = NULL;
    if (rest != TERM_NONE && converted != TERM_NONE) hp = heap_alloc(c->p, 4);
    return hp ? tuple3(&hp, tag, converted, rest) : bif_oom(c->p);
}

/* false: another encoding. */
static bool encoding_of(term_t t, bool *latin1) {
    *latin1 = t == A_latin1;
    return *latin1 || t == A_utf8 || t == A_unicode;
}

/* Copy of what has been converted, where less came out than was thought. */
static term_t converted_binary(conv_t *c) {
    uint8_t *d;
    term_t t = binary_new(c->p, c->n, &d);
    if (t == TERM_NONE || !bits_copy_long(c->p, d, 0, c->dst, 0, c->n * 8)) return TERM_NONE;
    return t;
}

/* Nothing to convert in this binary? CHAR_OK, CHAR_ERROR or CHAR_STOPPED. */
static int binary_is_utf8(proc_t *p, const bits_t *b, bool latin1) {
    int why = CHAR_ERROR;
    size_t high = 0;
    if (latin1) return !count_high(p, b, &high) ? CHAR_STOPPED : high ? CHAR_ERROR : CHAR_OK;
    if (b->bit_offset == 0) utf8_prefix(p, b->base, b->bit_size / 8, &why);
    return why;
}

LONG_BIF(characters_to_binary_2) {
    bool latin1;
    if (!encoding_of(a[1], &latin1))
        return bif_trap(p, A_unicode, A_characters_to_binary_int, 2, a);
    bits_t b;
    term_t data = a[0];
    if (is_cons(data) && is_nil(cons_tail(data)) && is_binary(cons_head(data)))
        data = cons_head(data); /* shows in what is left after an error */
    if (is_binary(data)) {      /* often there is nothing to do */
        bits_of(data, &b);
        bif_bump(p, b.bit_size / 8 % BYTES >> 10);
        int why = binary_is_utf8(p, &b, latin1);
        if (why == CHAR_OK) return data;
        if (why == CHAR_STOPPED) return TERM_NONE;
    }
    size_t size;
    int r = chardata_size(p, data, latin1, &size);
    if (r != IODATA_OK) return iodata_fail(p, r);
    if (bif_begin(p, size >> 8)) return TERM_NONE;
    bif_bump(p, size % BYTES >> 8);
    conv_t c = {.p = p, .latin1 = latin1};
    term_t bin = binary_new(p, size, &c.dst);
    if (bin == TERM_NONE) return bif_oom(p);
    term_t rest = conv_run(&c, data);
    if (c.failed) return bif_oom(p);
    if (rest == TERM_NONE && c.nleft == 0) return bin;
    return conv_result(&c, converted_binary(&c), rest);
}

/* List of good UTF-8. TERM_NONE: no memory, or stopped. */
static term_t utf8_to_list(proc_t *p, const uint8_t *s, size_t n) {
    size_t chars = 0;
    for (size_t i = 0; i < n;) {
        size_t to = n - i < BYTES ? n : i + BYTES;
        for (; i < to; i++) chars += !is_continuation(s[i]);
        if (i < n && bif_tick(p, BYTES / 256)) return TERM_NONE;
    }
    if (chars == 0) return TERM_NIL;
    if (bif_begin(p, chars / 32)) return TERM_NONE;
    term_t *hp = heap_alloc(p, 2 * chars), *q = hp;
    if (!hp) return TERM_NONE;
    for (size_t i = 0; i < n;) {
        unsigned len = lead_length(s[i]);
        q[0] = make_small(decode(s + i, len));
        q[1] = make_cons(q + 2);
        q += 2;
        i += len;
        if (CHAR_TICK((size_t)(q - hp) / 2)) return TERM_NONE;
    }
    q[-1] = TERM_NIL;
    return make_cons(hp);
}

LONG_BIF(characters_to_list_2) {
    bool latin1;
    if (!encoding_of(a[1], &latin1)) return bif_trap(p, A_unicode, A_characters_to_list_int, 2, a);
    bits_t b;
    term_t l = a[0];
    size_t work = 0;
    while (is_cons(l) && char_ok(cons_head(l), latin1)) {
        l = cons_tail(l);
        if (CHAR_TICK(++work)) return TERM_NONE;
    }
    bif_bump(p, work % CHARS >> 5);
    if (is_nil(l)) return a[0]; /* flat and good already */
    if (!latin1 && bits_of(a[0], &b) && ((b.bit_offset | b.bit_size) & 7) == 0) {
        int why;
        bif_bump(p, b.bit_size / 8 % BYTES >> 6);
        utf8_prefix(p, b.base, b.bit_size / 8, &why);
        if (why == CHAR_STOPPED) return TERM_NONE;
        if (why == CHAR_OK) {
            term_t t = utf8_to_list(p, b.base, b.bit_size / 8);
            return t == TERM_NONE ? bif_oom(p) : t;
        }
    }
    size_t size;
    int r = chardata_size(p, a[0], latin1, &size);
    if (r != IODATA_OK) return iodata_fail(p, r);
    if (bif_begin(p, size >> 8)) return TERM_NONE;
    bif_bump(p, size % BYTES >> 6);
    conv_t c = {.p = p, .latin1 = latin1};
    if (size && !(c.dst = mem_alloc(p->vm, size))) return bif_oom(p);
    term_t rest = conv_run(&c, a[0]);
    term_t list = c.failed ? TERM_NONE : utf8_to_list(p, c.dst, c.n);
    mem_free(p->vm, c.dst, size);
    if (list == TERM_NONE) return bif_oom(p);
    if (rest == TERM_NONE && c.nleft == 0) return list;
    return conv_result(&c, list, rest);
}

LONG_BIF(bin_is_7bit_1) {
    bits_t b;
    if (!bits_of(a[0], &b) || (b.bit_size & 7)) return A_false;
    bif_bump(p, b.bit_size / 8 % BYTES >> 10);
    if (b.bit_offset) {
        int why = binary_is_utf8(p, &b, true);
        return why == CHAR_STOPPED ? TERM_NONE : make_bool(why == CHAR_OK);
    }
    size_t n = b.bit_size / 8, i = 0;
    uint64_t w;
    for (; n - i >= 8; i += 8) {
        memcpy(&w, b.base + i, 8);
        if (w & 0x8080808080808080u) return A_false;
        if (BIF_TICK_EVERY(p, i / 8 + 1, 8192, 128)) return TERM_NONE;
    }
    for (; i < n; i++)
        if (b.base[i] & 0x80) return A_false;
    return A_true;
}

/* ---- file names ---- */

/* A name as a binary that ends in a zero byte, which may be nowhere else. */
static BIF(internal_name2native_1) {
    term_t t = a[0], bin;
    uint8_t *d;
    if (is_binary(t)) {
        bits_t b;
        bits_of(t, &b);
        size_t n = b.bit_size / 8;
        bin = binary_new(p, n + 1, &d);
        if (bin == TERM_NONE) return bif_oom(p);
        bits_copy(d, 0, b.base, b.bit_offset, b.bit_size);
        d[n] = 0;
        return memchr(d, 0, n) ? bif_badarg(p) : bin;
    }
    if (!is_list(t)) return bif_badarg(p);
    /* Characters in lists in lists; once to count, once to write. */
    uint64_t room[64];
    wstack_t st;
    size_t n = 0;
    d = NULL;
    bin = TERM_NONE;
    for (int pass = 0; pass < 2; pass++) {
        wstack_init(&st, p->vm, room, 64);
        t = a[0];
        for (;;) {
            while (is_cons(t)) {
                term_t h = cons_head(t), tail = cons_tail(t);
                if (is_small(h) && h != make_small(0) && bs_is_char(h)) {
                    if (d)
                        d += utf8_write(d, (uint32_t)small_value(h));
                    else
                        n += bs_utf8_size(h);
                } else if (is_cons(h)) {
                    if (!wstack_need(&st, 1)) {
                        wstack_free(&st);
                        return bif_oom(p);
                    }
                    *st.top++ = tail;
                    t = h;
                    continue;
                } else if (!is_nil(h)) {
                    t = A_badarg;
                    break;
                }
                t = tail;
            }
            if (!is_nil(t)) {
                wstack_free(&st);
                return bif_badarg(p);
            }
            if (wstack_is_empty(&st)) break;
            t = *--st.top;
        }
        wstack_free(&st);
        if (!d) {
            bin = binary_new(p, n + 1, &d);
            if (bin == TERM_NONE) return bif_oom(p);
            d[n] = 0;
        }
    }
    bif_bump(p, n >> 8);
    return bin;
}

/* A name from the host as a list; {error, warning} where it is no UTF-8. */
static BIF(internal_native2name_1) {
    const uint8_t *s;
    uint8_t *tmp;
    size_t n, tmp_size;
    if (!bytes_of(p->vm, a[0], &s, &n, &tmp, &tmp_size))
        return is_binary(a[0]) ? bif_oom(p) : bif_badarg(p);
    int why;
    term_t t;
    utf8_prefix(p, s, n, &why);
    if (why == CHAR_OK) {
        t = utf8_to_list(p, s, n);
    } else {
        term_t *hp = heap_alloc(p, 3);
        t = hp ? tuple2(&hp, A_error, A_warning) : TERM_NONE;
    }
    mem_free(p->vm, tmp, tmp_size);
    return t == TERM_NONE ? bif_oom(p) : t;
}

static BIF(is_translatable_1) {
    const uint8_t *s;
    uint8_t *tmp;
    size_t n, tmp_size;
    if (!bytes_of(p->vm, a[0], &s, &n, &tmp, &tmp_size))
        return is_binary(a[0]) ? bif_oom(p) : bif_badarg(p);
    int why;
    utf8_prefix(p, s, n, &why);
    mem_free(p->vm, tmp, tmp_size);
    return make_bool(why == CHAR_OK);
}

/* Composed characters, as a list. Only hosts with decomposed names ask for it. */
static BIF(internal_normalize_utf8_1) {
    if (is_translatable_1(p, a) != A_true) return is_binary(a[0]) ? bif_badarg(p) : TERM_NONE;
    return bif_trap(p, A_unicode, A_characters_to_nfc_list, 1, a);
}

static BIF(native_name_encoding_0) {
    (void)p;
    (void)a;
    return A_utf8;
}

static BIF(printable_range_0) {
    (void)a;
    return p->vm->options.unicode_printable ? A_unicode : A_latin1;
}

const bif_def_t bifs_unicode[] = {
    {"unicode", "characters_to_binary", 2, characters_to_binary_2, BIF_LONG},
    {"unicode", "characters_to_list", 2, characters_to_list_2, BIF_LONG},
    {"unicode", "bin_is_7bit", 1, bin_is_7bit_1, BIF_LONG},
    {"prim_file", "internal_name2native", 1, internal_name2native_1, 0},
    {"prim_file", "internal_native2name", 1, internal_native2name_1, 0},
    {"prim_file", "internal_normalize_utf8", 1, internal_normalize_utf8_1, 0},
    {"prim_file", "is_translatable", 1, is_translatable_1, 0},
    {"file", "native_name_encoding", 0, native_name_encoding_0, 0},
    {"io", "printable_range", 0, printable_range_0, 0},
    {0},
};
