/* print.c: terms as text.
 *
 * One walk with a work stack writes both the text for people (text_term) and what erlang:display/1
 * of OTP 25 shows (text_display); they differ in floats and in strings beyond ASCII. Relies on the
 * number conversions of arith.h and on map.h. Any thread that may read the term.
 */
#include "vm/print.h"
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/map.h"
#include "vm/utf8.h"
#include "vm/wstack.h"

/* ---- text ---- */

void text_init(text_t *t, vm_t *vm) {
    memset(t, 0, sizeof *t);
    t->vm = vm;
}

void text_free(text_t *t) {
    if (t->data) mem_free(t->vm, t->data, t->cap);
    t->data = NULL;
    t->len = t->cap = 0;
}

/* Room for n more bytes and a NUL, or NULL. */
static char *text_room(text_t *t, size_t n) {
    if (t->failed) return NULL;
    if (t->cap - t->len <= n) {
        size_t cap = t->cap * 2 + n + 64;
        char *p = mem_realloc(t->vm, t->data, t->cap, cap);
        if (!p) {
            t->failed = true;
            return NULL;
        }
        t->data = p;
        t->cap = cap;
    }
    return t->data + t->len;
}

void text_bytes(text_t *t, const void *s, size_t n) {
    char *p = text_room(t, n);
    if (!p) return;
    memcpy(p, s, n);
    p[n] = 0;
    t->len += n;
}
void text_str(text_t *t, const char *s) { text_bytes(t, s, strlen(s)); }
void text_char(text_t *t, char c) { text_bytes(t, &c, 1); }

void text_uint(text_t *t, uint64_t i) {
    char buf[20], *p = buf + sizeof buf;
    do *--p = (char)('0' + i % 10);
    while (i /= 10);
    text_bytes(t, p, (size_t)(buf + sizeof buf - p));
}
void text_utf8(text_t *t, uint32_t c) {
    uint8_t b[UTF8_MAX];
    text_bytes(t, b, utf8_write(b, c));
}

void text_int(text_t *t, int64_t i) {
    if (i < 0) text_char(t, '-');
    text_uint(t, i < 0 ? 0 - (uint64_t)i : (uint64_t)i);
}

/* ---- atoms ---- */

static bool is_lower(uint32_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}
static bool is_atom_char(uint32_t c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '@' || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}
/* The next character of valid UTF-8. */
static const uint8_t *utf8_next(const uint8_t *s, uint32_t *c) {
    *c = 0;
    return s + utf8_read(s, UTF8_MAX, c);
}

static bool is_reserved(const char *s, size_t n) {
    static const char words[] = " after and andalso band begin bnot bor bsl bsr bxor case catch "
                                "cond div end fun if let not of or orelse receive rem try when "
                                "xor ";
    char word[12] = {' '};
    if (n > 9) return false;
    memcpy(word + 1, s, n);
    word[n + 1] = ' ';
    return strstr(words, word) != NULL;
}

/* How an atom is shown: as it is, quoted where a program would have to, or as OTP's C code does,
 * which knows no reserved words and quotes what has a @. */
enum { PLAIN, QUOTED, DISPLAYED };

static void atom_write(text_t *t, term_t atom, int how) {
    const atom_text_t *a = atom_text(t->vm, atom);
    const uint8_t *s = a->name, *end = s + a->bytes, *next;
    uint32_t c;
    bool quote = false;
    if (how != PLAIN) {
        quote = s == end || (utf8_next(s, &c), !is_lower(c)) ||
                (how == QUOTED && is_reserved((const char *)s, a->bytes));
        for (const uint8_t *q = s; q < end && !quote;) {
            q = utf8_next(q, &c);
            quote = !is_atom_char(c) || (how == DISPLAYED && c == '@');
        }
    }
    if (!quote) {
        text_bytes(t, s, a->bytes);
        return;
    }
    text_char(t, '\'');
    for (; s < end; s = next) {
        static const char named[] = "btnvfr"; /* 8 ... 13 */
        next = utf8_next(s, &c);
        if (c == '\'' || c == '\\') {
            text_char(t, '\\');
            text_char(t, (char)c);
        } else if (c >= 8 && c <= 13) {
            text_char(t, '\\');
            text_char(t, named[c - 8]);
        } else if (c < ' ' || (c >= 0x80 && c < 0xa0)) {
            char octal[4] = {'\\', (char)('0' + (c >> 6)), (char)('0' + (c >> 3 & 7)),
                             (char)('0' + (c & 7))};
            text_bytes(t, octal, 4);
        } else {
            text_bytes(t, s, (size_t)(next - s));
        }
    }
    text_char(t, '\'');
}

void text_atom(text_t *t, term_t atom, bool quote) { atom_write(t, atom, quote ? QUOTED : PLAIN); }

/* ---- terms without subterms ---- */

/* As C's "%e": d.dddddde+dd, exactly rounded. The number is made an integer of decimal digits,
 * nine to a word, times a power of ten: m * 2^e is  m * 5^-e * 10^e  for negative e. */
static void text_exponential(text_t *t, double d) {
    enum { WORDS = 90, DIGITS = 6 };
    uint32_t w[WORDS], n = 0; /* lowest first */
    uint64_t bits, m;
    memcpy(&bits, &d, sizeof bits);
    int e = (int)(bits >> 52 & 0x7ff);
    m = bits & (((uint64_t)1 << 52) - 1);
    if (bits >> 63) text_char(t, '-');
    if (m == 0 && e == 0) {
        text_str(t, "0.000000e+00");
        return;
    }
    if (e == 0)
        e = 1;
    else
        m |= (uint64_t)1 << 52;
    e -= 1075;
    for (; m; m /= 1000000000) w[n++] = (uint32_t)(m % 1000000000);
    int exponent = e < 0 ? e : 0;
    for (int left = e < 0 ? -e : e; left > 0;) {
        uint64_t factor = 1, carry = 0;
        for (int i = 0; i < 13 && left > 0; i++, left--) factor *= e < 0 ? 5 : 2;
        for (uint32_t i = 0; i < n; i++) {
            carry += w[i] * factor;
            w[i] = (uint32_t)(carry % 1000000000);
            carry /= 1000000000;
        }
        for (; carry; carry /= 1000000000) w[n++] = (uint32_t)(carry % 1000000000);
    }
    char digits[WORDS * 9], *p = digits + sizeof digits;
    for (uint32_t i = 0; i < n; i++)
        for (int j = 0; j < 9; j++, w[i] /= 10) *--p = (char)('0' + w[i] % 10);
    while (*p == '0') p++;
    size_t len = (size_t)(digits + sizeof digits - p);
    exponent += (int)len - 1;
    char out[DIGITS + 1];
    for (size_t i = 0; i <= DIGITS; i++) out[i] = i < len ? p[i] : '0';
    bool up = false;
    if (len > DIGITS + 1) {
        size_t i = DIGITS + 2;
        while (i < len && p[i] == '0') i++;
        up = p[DIGITS + 1] > '5' || (p[DIGITS + 1] == '5' && (i < len || (out[DIGITS] & 1)));
    }
    for (int i = DIGITS; up && i >= 0; i--) {
        up = out[i] == '9';
        out[i] = up ? '0' : (char)(out[i] + 1);
    }
    if (up) { /* 9.999999... became 10 */
        out[0] = '1';
        exponent++;
    }
    text_char(t, out[0]);
    text_char(t, '.');
    text_bytes(t, out + 1, DIGITS);
    text_str(t, exponent < 0 ? "e-" : "e+");
    unsigned x = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (x < 10) text_char(t, '0');
    text_uint(t, x);
}

static void text_number(text_t *t, term_t n, bool display) {
    if (is_small(n)) {
        text_int(t, small_value(n));
    } else if (is_float(n)) {
        char buf[40];
        if (display)
            text_exponential(t, float_value(n));
        else
            text_bytes(t, buf, float_to_short(float_value(n), buf));
    } else {
        size_t max = integer_text_max(n, 10), len;
        char *p = text_room(t, max);
        if (!p) return;
        len = integer_to_text(t->vm, n, 10, p, max);
        if (len == 0) {
            t->failed = true;
            return;
        }
        memmove(p, p + max - len, len); /* it stands at the end of the room */
        p[len] = 0;
        t->len += len;
    }
}

/* The number that stands for another node: which one it was matters little to a reader. 0 is this
 * one, in whichever life. */
static void text_node(text_t *t, const ext_obj_t *e) {
    text_uint(t, e->node == A_nonode ? 0 : atom_index(e->node));
}

static void text_identity(text_t *t, term_t x) {
    const ext_obj_t *e = is_pointer(x) ? (const ext_obj_t *)boxed_ptr(x) : NULL;
    if (is_pid(x)) {
        text_char(t, '<');
        e ? text_node(t, e) : text_char(t, '0');
        text_char(t, '.');
        text_uint(t, e ? e->id[0] : pid_out_number(x));
        text_char(t, '.');
        text_uint(t, e ? e->id[1] : pid_out_serial(x));
    } else if (is_port(x)) {
        text_str(t, "#Port<");
        e ? text_node(t, e) : text_char(t, '0');
        text_char(t, '.');
        text_uint(t, e ? e->id[0] | (uint64_t)e->id[1] << 32 : port_number(x));
    } else {
        uint32_t w[3];
        const uint32_t *id = w;
        uint32_t n = 3;
        text_str(t, "#Ref<");
        if (is_local_ref(x)) {
            ref_id_to_words(ref_id(x), w);
            text_char(t, '0');
        } else {
            text_node(t, e);
            id = e->id, n = e->count;
        }
        while (n-- > 0) {
            text_char(t, '.');
            text_uint(t, id[n]);
        }
    }
    text_char(t, '>');
}

static void text_fun(text_t *t, term_t f, bool display) {
    int how = display ? DISPLAYED : QUOTED;
    if (is_export_fun(f)) {
        const export_t *e = (const export_t *)(uintptr_t)boxed_ptr(f)[1];
        text_str(t, "fun ");
        atom_write(t, e->module, how);
        text_char(t, ':');
        atom_write(t, e->function, how);
        text_char(t, '/');
        text_uint(t, e->arity);
        return;
    }
    const fun_entry_t *e = ((const fun_obj_t *)boxed_ptr(f))->entry;
    text_str(t, "#Fun<");
    atom_write(t, e->module, how);
    text_char(t, '.');
    text_uint(t, e->index);
    text_char(t, '.');
    text_uint(t, e->old_uniq);
    text_char(t, '>');
}

static uint8_t bits_byte(const bits_t *b, size_t i) {
    return b->bit_offset == 0 ? b->base[i] : (uint8_t)bits_get64(b->base, b->bit_offset + i * 8, 8);
}

static void text_bits(text_t *t, term_t bin) {
    bits_t b;
    if (!bits_of(bin, &b)) return;
    size_t n = b.bit_size / 8;
    unsigned rest = (unsigned)(b.bit_size & 7);
    bool printable = n > 0 && rest == 0;
    for (size_t i = 0; i < n && printable; i++)
        printable = bits_byte(&b, i) >= ' ' && bits_byte(&b, i) < 127;
    text_str(t, printable ? "<<\"" : "<<");
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bits_byte(&b, i);
        if (printable) {
            if (c == '"') text_char(t, '\\');
            text_char(t, (char)c);
        } else {
            if (i > 0) text_char(t, ',');
            text_uint(t, c);
        }
    }
    if (rest > 0) {
        if (n > 0) text_char(t, ',');
        text_uint(t, bits_get64(b.base, b.bit_offset + n * 8, rest));
        text_char(t, ':');
        text_uint(t, rest);
    }
    text_str(t, printable ? "\">>" : ">>");
}

/* Lists of Latin-1 text are shown as strings. */
static bool is_string(term_t l) {
    for (; is_cons(l); l = cons_tail(l)) {
        term_t h = cons_head(l);
        if (!is_small(h)) return false;
        int64_t c = small_value(h);
        if (!((c >= ' ' && c < 127) || (c >= 160 && c < 256) || c == '\n' || c == '\t' ||
              c == '\r'))
            return false;
    }
    return is_nil(l);
}

static void text_string(text_t *t, term_t l, bool display) {
    text_char(t, '"');
    for (; is_cons(l) && !t->failed; l = cons_tail(l)) {
        uint8_t c = (uint8_t)small_value(cons_head(l));
        if (c == '"') {
            text_str(t, "\\\"");
        } else if (c == '\n') {
            text_str(t, "\\n");
        } else if (!display) {
            text_utf8(t, c);
        } else {
            text_char(t, (char)c);
        }
    }
    text_char(t, '"');
}

static void text_leaf(text_t *t, term_t x, bool display) {
    if (is_number(x))
        text_number(t, x, display);
    else if (is_atom(x))
        atom_write(t, x, display ? DISPLAYED : QUOTED);
    else if (is_nil(x))
        text_str(t, "[]");
    else if (is_pid(x) || is_port(x) || is_ref(x))
        text_identity(t, x);
    else if (is_fun(x))
        text_fun(t, x, display);
    else if (is_bitstring(x))
        text_bits(t, x);
    else
        text_str(t, "#<internal>"); /* catch marks, match contexts: no program can show them */
}

/* ---- compound terms ---- */

/* Frames: a word and  count << 2 | kind. */
enum {
    F_LIST,  /* tail of a list whose head has just been written */
    F_TUPLE, /* pointer to elements still to be written */
    F_MAP,   /* an iterator lies below; count: pairs begun */
    F_VALUE  /* a map's value, "=>" before it */
};
#define ITER_WORDS ((sizeof(map_iter_t) + 7) / 8)

static bool frame_push(wstack_t *s, uint64_t word, uint64_t count, unsigned kind) {
    if (!wstack_need(s, 2)) return false;
    s->top[0] = word;
    s->top[1] = count << 2 | kind;
    s->top += 2;
    return true;
}

static void text_walk(text_t *t, term_t x, bool display) {
    uint64_t array[2 * ITER_WORDS + 128];
    wstack_t s;
    wstack_init(&s, t->vm, array, sizeof array / sizeof *array);
    for (;;) {
        bool ok = true;
        if (is_cons(x)) {
            if (!is_string(x)) {
                text_char(t, '[');
                if (!frame_push(&s, cons_tail(x), 0, F_LIST)) break;
                x = cons_head(x);
                continue;
            }
            text_string(t, x, display);
        } else if (is_tuple(x)) {
            text_char(t, '{');
            if (tuple_arity(x) > 0) {
                if (!frame_push(&s, (uintptr_t)(tuple_elems(x) + 1), tuple_arity(x) - 1, F_TUPLE))
                    break;
                x = tuple_elem(x, 1);
                continue;
            }
            text_char(t, '}');
        } else if (is_map(x)) {
            text_str(t, "#{");
            if (!wstack_need(&s, ITER_WORDS + 2)) break;
            map_iter_t it;
            map_iter_init(&it, x);
            memcpy(s.top, &it, sizeof it);
            s.top += ITER_WORDS;
            frame_push(&s, 0, 0, F_MAP);
        } else {
            text_leaf(t, x, display);
        }
        if (t->failed) break;
        /* What comes behind it. */
        for (bool ready = false; !ready;) {
            if (wstack_is_empty(&s)) goto done;
            uint64_t *word = s.top - 2, *info = s.top - 1;
            ready = true;
            switch (*info & 3) {
            case F_LIST:
                if (is_cons(*word)) {
                    text_char(t, ',');
                    x = cons_head(*word);
                    *word = cons_tail(*word);
                } else if (is_nil(*word)) {
                    text_char(t, ']');
                    s.top -= 2;
                    ready = false;
                } else {
                    text_char(t, '|');
                    x = *word;
                    *word = TERM_NIL;
                }
                break;
            case F_TUPLE:
                if (*info >> 2 == 0) {
                    text_char(t, '}');
                    s.top -= 2;
                    ready = false;
                } else {
                    text_char(t, ',');
                    x = *(const term_t *)(uintptr_t)*word;
                    *word += sizeof(term_t);
                    *info -= 1 << 2;
                }
                break;
            case F_MAP: {
                map_iter_t it;
                term_t value;
                memcpy(&it, word - ITER_WORDS, sizeof it);
                if (map_iter_next(&it, &x, &value)) {
                    if (*info >> 2 != 0) text_char(t, ',');
                    *info += 1 << 2;
                    memcpy(word - ITER_WORDS, &it, sizeof it);
                    ok = frame_push(&s, value, 0, F_VALUE);
                } else {
                    text_char(t, '}');
                    s.top -= 2 + ITER_WORDS;
                    ready = false;
                }
                break;
            }
            default:
                text_str(t, "=>");
                x = *word;
                s.top -= 2;
                break;
            }
        }
        if (!ok) break;
    }
    t->failed = true;
done:
    wstack_free(&s);
}

void text_term(text_t *t, term_t term) { text_walk(t, term, false); }
void text_display(text_t *t, term_t term) { text_walk(t, term, true); }
