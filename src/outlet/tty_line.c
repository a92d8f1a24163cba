/* tty_line.c: see tty_line.h. The line may be longer than the terminal is wide; a place in it is a
 * number of columns from its beginning, which gives row and column. Terminals are taken to
 * understand the ANSI sequences for moving and erasing, as all in use do.
 */
#include "outlet/tty_line.h"

void tty_line_init(tty_line_t *l, vm_t *vm) { *l = (tty_line_t){.vm = vm, .column = 80}; }

void tty_line_free(tty_line_t *l) { mem_free(l->vm, l->ch, l->cap * sizeof *l->ch); }

/* ---- code points ---- */

static uint32_t next_char(const uint8_t *s, size_t n, size_t *used) {
    uint32_t c = s[0];
    unsigned more = c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? 2 : 1;
    *used = 1;
    if (c < 0xc2 || c >= 0xf8 || n <= more) return c;
    uint32_t v = c & (0x3f >> more);
    for (unsigned i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) return c;
        v = v << 6 | (s[i] & 0x3f);
    }
    *used = more + 1;
    return v;
}

static void put_char(text_t *out, uint32_t c) {
    if (c < 32 && c != '\t' && c != 27) { /* controls are shown as ^X */
        text_char(out, '^');
        text_char(out, (char)(c + 64));
    } else if (c == 127) {
        text_str(out, "^?");
    } else {
        text_utf8(out, c);
    }
}

/* Columns of a code point that is neither a tab nor part of an escape sequence. */
static unsigned width(uint32_t c) {
    if (c < 32 || c == 127) return 2;
    if (c < 0x300) return 1;
    if (c < 0x370 || (c >= 0x200b && c <= 0x200f) || (c >= 0xfe00 && c <= 0xfe0f) ||
        (c >= 0x20d0 && c <= 0x20ff))
        return 0; /* marks on the one before */
    if ((c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
        (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
        (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
        (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
        (c >= 0x20000 && c <= 0x3fffd))
        return 2;
    return 1;
}

/* Columns from the beginning of the line to a place in it. */
static size_t columns(const tty_line_t *l, size_t upto) {
    enum { PLAIN, ESCAPE, SEQUENCE } state = PLAIN;
    size_t col = 0;
    for (size_t i = 0; i < upto; i++) {
        uint32_t c = l->ch[i];
        if (state == ESCAPE) {
            state = c == '[' ? SEQUENCE : PLAIN;
        } else if (state == SEQUENCE) {
            if (c >= 0x40 && c <= 0x7e) state = PLAIN;
        } else if (c == 27) {
            state = ESCAPE;
        } else if (c == '\t') {
            col = (col | 7) + 1;
        } else {
            col += width(c);
        }
    }
    return col;
}

static unsigned wide(const tty_line_t *l) { return l->column ? l->column : 80; }

/* ---- the terminal ---- */

static void sequence(text_t *out, size_t n, char what) {
    if (n == 0) return;
    text_str(out, "\033[");
    text_uint(out, n);
    text_char(out, what);
}

static void go(const tty_line_t *l, size_t from, size_t to, text_t *out) {
    size_t w = wide(l), row = from / w, col = from % w, row2 = to / w, col2 = to % w;
    if (row > row2) sequence(out, row - row2, 'A');
    if (row < row2) sequence(out, row2 - row, 'B');
    if (col2 == 0 && col != 0)
        text_char(out, '\r');
    else if (col > col2)
        sequence(out, col - col2, 'D');
    else
        sequence(out, col2 - col, 'C');
}

/* Writes the line from a place to its end, where the cursor stays. A terminal that has just filled
 * its last column has not begun the next row yet. */
static void draw(const tty_line_t *l, size_t from, size_t to, text_t *out) {
    for (size_t i = from; i < to; i++) put_char(out, l->ch[i]);
    size_t end = columns(l, to);
    if (to > from && end && end % wide(l) == 0) text_str(out, " \r");
}

/* ---- the line ---- */

static bool room(tty_line_t *l, size_t more) {
    if (l->cap - l->len >= more) return true;
    size_t cap = l->cap ? l->cap : 128;
    while (cap - l->len < more) {
        if (cap > SIZE_MAX / 16) return false;
        cap *= 2;
    }
    uint32_t *ch = mem_realloc(l->vm, l->ch, l->cap * sizeof *ch, cap * sizeof *ch);
    if (!ch) return false;
    l->ch = ch;
    l->cap = cap;
    return true;
}

/* A newline ends the line; the cursor is behind all of it then. */
static void end_line(tty_line_t *l, text_t *out) {
    go(l, columns(l, l->pos), columns(l, l->len), out);
    text_char(out, '\n'); /* the terminal makes a carriage return of it, too */
    l->len = l->pos = 0;
}

bool tty_line_put(tty_line_t *l, const uint8_t *s, size_t n, text_t *out) {
    if (!room(l, n)) return false;
    size_t from = l->pos;
    for (size_t used; n; s += used, n -= used) {
        uint32_t c = next_char(s, n, &used);
        if (c == '\n' || c == '\r') {
            draw(l, from, l->pos, out);
            if (c == '\n')
                end_line(l, out);
            else
                text_char(out, '\r'), l->len = l->pos = 0;
            from = 0;
            continue;
        }
        if (c == 7) {
            text_char(out, 7);
            continue;
        }
        l->ch[l->pos++] = c;
        if (l->pos > l->len) l->len = l->pos;
    }
    draw(l, from, l->pos, out);
    return true;
}

bool tty_line_insert(tty_line_t *l, const uint8_t *s, size_t n, text_t *out) {
    size_t count = 0, used;
    if (memchr(s, '\n', n)) return tty_line_put(l, s, n, out);
    for (size_t i = 0; i < n; i += used, count++) next_char(s + i, n - i, &used);
    if (!room(l, count)) return false;
    memmove(l->ch + l->pos + count, l->ch + l->pos, (l->len - l->pos) * sizeof *l->ch);
    size_t at = l->pos;
    for (size_t i = 0; i < n; i += used) l->ch[at++] = next_char(s + i, n - i, &used);
    l->len += count;
    draw(l, l->pos, l->len, out);
    l->pos += count;
    go(l, columns(l, l->len), columns(l, l->pos), out);
    return true;
}

bool tty_line_move(tty_line_t *l, int n, text_t *out) {
    size_t to = n < 0 ? l->pos - ((size_t)-n < l->pos ? (size_t)-n : l->pos)
                      : l->pos + ((size_t)n < l->len - l->pos ? (size_t)n : l->len - l->pos);
    go(l, columns(l, l->pos), columns(l, to), out);
    l->pos = to;
    return true;
}

bool tty_line_delete(tty_line_t *l, int n, text_t *out) {
    size_t count;
    if (n < 0) {
        size_t before = l->pos;
        tty_line_move(l, n, out);
        count = before - l->pos;
    } else {
        count = (size_t)n < l->len - l->pos ? (size_t)n : l->len - l->pos;
    }
    if (count == 0) return true;
    memmove(l->ch + l->pos, l->ch + l->pos + count, (l->len - l->pos - count) * sizeof *l->ch);
    l->len -= count;
    draw(l, l->pos, l->len, out);
    text_str(out, "\033[J");
    go(l, columns(l, l->len), columns(l, l->pos), out);
    return true;
}
