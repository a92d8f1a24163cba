/* bif_search.c: binary:compile_pattern, match, matches and split.
 *
 * Searching for one pattern is a scan for its first byte that turns to Knuth-Morris-Pratt when that
 * does not get ahead; several patterns run in an automaton (Aho-Corasick, complete, over classes of
 * bytes).
 */
#include "vm/bif_bytes.h"

enum { FIRST_MAX = 4 };

/* A compiled pattern. For one pattern: its bytes and, for KMP, the length of the longest border of
 * each prefix. For several: the automaton. Everything is in one block. */
typedef struct {
    magic_t magic;
    size_t size; /* of this block */
    /* one pattern (states == 0) */
    const uint8_t *pat;
    size_t n;
    uint32_t *border; /* n + 1 of them, or NULL: not made yet */
    /* several */
    uint32_t states;
    uint32_t width;    /* words of a state's row: ROW_EDGES and one for each class */
    uint8_t *class_of; /* 256: class of a byte; the last class is "in no pattern" */
    uint32_t *rows;
    uint8_t first[FIRST_MAX]; /* what patterns begin with, where that is few different bytes */
    uint32_t nfirst;          /* 0: many */
} pattern_t;
/* A state's row, and a state is where its row begins: the length of the longest pattern that ends
 * there (0: none), how many bytes lead there, and where each class of bytes leads to. */
enum { ROW_OUT, ROW_DEPTH, ROW_EDGES };

static void pattern_destroy(magic_t *m) {
    pattern_t *c = (pattern_t *)m;
    mem_free(m->vm, c, c->size);
}

/* A tick for some thousand steps of making or using an automaton. */
#define STEPS_PER_TICK  16384
#define STEPS_PER_RED   128
#define STEP_TICK(p, n) BIF_TICK_EVERY(p, n, STEPS_PER_TICK, STEPS_PER_TICK / STEPS_PER_RED)

/* false: stopped */
static bool borders(proc_t *p, const uint8_t *s, size_t n, uint32_t *border) {
    uint32_t k = 0;
    border[0] = border[1] = 0;
    for (size_t i = 1; i < n; i++) {
        while (k && s[i] != s[k]) k = border[k];
        if (s[i] == s[k]) k++;
        border[i + 1] = k;
        if (STEP_TICK(p, i)) return false;
    }
    return true;
}

static bool zero_long(proc_t *p, uint8_t *d, size_t n) {
    for (; n > COPY_PER_TICK; d += COPY_PER_TICK, n -= COPY_PER_TICK) {
        if (bif_tick(p, COPY_PER_TICK / COPY_PER_RED)) return false;
        memset(d, 0, COPY_PER_TICK);
    }
    memset(d, 0, n);
    return true;
}

/* NULL: no memory, or stopped. */
static pattern_t *pattern_new(proc_t *p, size_t size) {
    vm_t *vm = p->vm;
    pattern_t *c = mem_alloc(vm, size);
    if (!c) return NULL;
    if (!zero_long(p, (uint8_t *)c, size)) {
        mem_free(vm, c, size);
        return NULL;
    }
    magic_init(vm, &c->magic, pattern_destroy);
    c->size = size;
    return c;
}

static pattern_t *pattern_one(proc_t *p, const uint8_t *s, size_t n) {
    size_t head = (sizeof(pattern_t) + 7) & ~(size_t)7;
    size_t table = n > 1 && n < UINT32_MAX ? (n + 1) * sizeof(uint32_t) : 0;
    pattern_t *c = pattern_new(p, head + table + n);
    if (!c) return NULL;
    c->border = table ? (uint32_t *)((uint8_t *)c + head) : NULL;
    uint8_t *pat = (uint8_t *)c + head + table;
    c->pat = pat;
    c->n = n;
    if (!bits_copy_long(p, pat, 0, s, 0, n * 8) || (table && !borders(p, pat, n, c->border))) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    return c;
}

/* Reads one byte of a pattern in a list, wherever its bits are. */
static inline uint8_t bits_byte(const bits_t *b, size_t i) {
    return (uint8_t)bits_get64(b->base, b->bit_offset + 8 * i, 8);
}

/* Automaton for a checked list of patterns with total bytes. NULL: no memory, or stopped. */
static pattern_t *pattern_many(proc_t *p, term_t list, size_t total) {
    vm_t *vm = p->vm;
    size_t steps = 0;
    uint8_t class_of[256];
    bool used[256] = {false};
    bits_t b;
    for (term_t l = list; is_cons(l); l = cons_tail(l)) {
        bits_of(cons_head(l), &b);
        for (size_t i = 0; i < b.bit_size / 8; i++) {
            used[bits_byte(&b, i)] = true;
            if (STEP_TICK(p, ++steps)) return NULL;
        }
    }
    uint32_t classes = 0;
    for (int i = 0; i < 256; i++)
        if (used[i]) class_of[i] = (uint8_t)classes++;
    if (classes < 256) { /* all other bytes */
        for (int i = 0; i < 256; i++)
            if (!used[i]) class_of[i] = (uint8_t)classes;
        classes++;
    }
    size_t head = (sizeof(pattern_t) + 7) & ~(size_t)7, states = total + 1, cells;
    uint32_t width = ROW_EDGES + classes;
    if (__builtin_mul_overflow(states, (size_t)width, &cells) || cells > UINT32_MAX) return NULL;
    pattern_t *c = pattern_new(p, head + 256 + cells * sizeof(uint32_t));
    if (!c) return NULL;
    uint32_t *work = mem_alloc(vm, 2 * states * sizeof(uint32_t)); /* queue and fail links */
    if (!work) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    c->width = width;
    c->class_of = (uint8_t *)c + head;
    memcpy(c->class_of, class_of, 256);
    uint32_t *rows = c->rows = (uint32_t *)(c->class_of + 256);
    bool stopped = false;
    uint32_t n = 1; /* states are counted here; the last pass makes places of their numbers */
    for (term_t l = list; is_cons(l) && !stopped; l = cons_tail(l)) {
        bits_of(cons_head(l), &b);
        uint32_t s = 0, len = (uint32_t)(b.bit_size / 8);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t *e = &rows[(size_t)s * width + ROW_EDGES + class_of[bits_byte(&b, i)]];
            if (!*e) {
                rows[(size_t)n * width + ROW_DEPTH] = i + 1;
                *e = n++;
            }
            s = *e;
            if ((stopped = STEP_TICK(p, ++steps))) break;
        }
        rows[(size_t)s * width + ROW_OUT] = len;
    }
    for (unsigned i = 0; i < 256; i++) {
        if (!used[i] || !rows[ROW_EDGES + class_of[i]]) continue;
        if (c->nfirst == FIRST_MAX) {
            c->nfirst = 0;
            break;
        }
        c->first[c->nfirst++] = (uint8_t)i;
    }
    /* Breadth first: a state's missing edges are those of the state its longest proper suffix
     * leads to, which is done already. 0 as an edge is the root in either sense. */
    uint32_t *queue = work, *fail = work + states, qh = 0, qt = 0;
    for (uint32_t k = ROW_EDGES; k < width; k++)
        if (rows[k]) {
            fail[rows[k]] = 0;
            queue[qt++] = rows[k];
        }
    while (qh < qt && !stopped) {
        stopped = BIF_TICK_EVERY(p, ++steps, 64, classes);
        uint32_t s = queue[qh++], f = fail[s];
        uint32_t *row = rows + (size_t)s * width, *frow = rows + (size_t)f * width;
        if (!row[ROW_OUT]) row[ROW_OUT] = frow[ROW_OUT];
        for (uint32_t k = ROW_EDGES; k < width; k++) {
            /* A real child is deeper by one; anything else was never set. */
            if (row[k]) {
                fail[row[k]] = frow[k];
                queue[qt++] = row[k];
            } else {
                row[k] = frow[k];
            }
        }
    }
    mem_free(vm, work, 2 * states * sizeof(uint32_t));
    for (uint32_t i = 0; i < n && !stopped; i++) {
        stopped = BIF_TICK_EVERY(p, i + 1, 256, classes);
        for (uint32_t k = ROW_EDGES; k < width; k++) rows[(size_t)i * width + k] *= width;
    }
    if (stopped) {
        pattern_destroy(&c->magic);
        return NULL;
    }
    c->states = n;
    return c;
}

enum { FOUND, NOT_FOUND, STOPPED };

/* The first position of the pattern from *pos on. */
static int find_one(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos) {
    size_t i = *pos, m = c->n;
    const uint8_t *pat = c->pat;
    if (m > n || i > n - m) return NOT_FOUND;
    size_t last = n - m, wasted = 0, tries = 0, next_tick = i + COPY_PER_TICK;
    for (;;) {
        size_t room = last - i + 1;
        const uint8_t *q = memchr(s + i, pat[0], room < COPY_PER_TICK ? room : COPY_PER_TICK);
        if (q || room <= COPY_PER_TICK) {
            if (!q) return NOT_FOUND;
            i = (size_t)(q - s);
            if (memcmp(q + 1, pat + 1, m - 1) == 0) {
                *pos = i;
                return FOUND;
            }
            if (++i > last) return NOT_FOUND;
            if (BIF_TICK_EVERY(p, ++tries, 4096, 128)) return STOPPED;
            /* How far a comparison got is not known; be pessimistic with long patterns only. */
            wasted += m < 16 ? 1 : m;
            if (c->border && wasted > 64 + 4 * (i - *pos)) break;
        } else {
            i += COPY_PER_TICK;
        }
        if (UNLIKELY(i >= next_tick)) {
            if (bif_tick(p, (i - next_tick + COPY_PER_TICK) / COPY_PER_RED)) return STOPPED;
            next_tick = i + COPY_PER_TICK;
        }
    }
    uint32_t k = 0;
    for (; i < n; i++) {
        while (k && s[i] != pat[k]) k = c->border[k];
        if (s[i] == pat[k]) k++;
        if (k == m) {
            *pos = i + 1 - m;
            return FOUND;
        }
        if (STEP_TICK(p, i)) return STOPPED;
    }
    return NOT_FOUND;
}

typedef uint8_t chunk_t __attribute__((vector_size(16)));

/* The first place from i on where a pattern may begin, or end. */
static size_t find_first(const pattern_t *c, const uint8_t *s, size_t i, size_t end) {
    if (c->nfirst) {
        chunk_t want[FIRST_MAX];
        for (unsigned k = 0; k < FIRST_MAX; k++)
            want[k] = c->first[k < c->nfirst ? k : 0] - (chunk_t){0};
        for (; end - i >= sizeof(chunk_t); i += sizeof(chunk_t)) {
            chunk_t x;
            uint64_t hit[2];
            memcpy(&x, s + i, sizeof x);
            x = (chunk_t)((x == want[0]) | (x == want[1]) | (x == want[2]) | (x == want[3]));
            memcpy(hit, &x, sizeof hit);
            if (hit[0] | hit[1]) break;
        }
    }
    const uint32_t *root = c->rows + ROW_EDGES;
    while (i < end && root[c->class_of[s[i]]] == 0) i++;
    return i;
}

/* The leftmost match from *pos on, the longest of those that start there. */
static int find_many(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos,
                     size_t *len) {
    const uint32_t *rows = c->rows;
    size_t best = SIZE_MAX, best_len = 0, state = 0, i = *pos;
    while (i < n) {
        size_t end = n - i < STEPS_PER_TICK ? n : i + STEPS_PER_TICK;
        while (i < end) {
            if (state == 0) {
                if (best != SIZE_MAX) goto found; /* another can only start later */
                i = find_first(c, s, i, end);
                if (i == end) break;
            }
            state = rows[state + ROW_EDGES + c->class_of[s[i++]]];
            if (best != SIZE_MAX && i - rows[state + ROW_DEPTH] > best) goto found;
            size_t out = rows[state + ROW_OUT];
            if (out == 0) continue;
            if (i - out < best || (i - out == best && out > best_len)) {
                best = i - out;
                best_len = out;
            }
        }
        if (i < n && bif_tick(p, STEPS_PER_TICK / STEPS_PER_RED)) return STOPPED;
    }
    if (best == SIZE_MAX) return NOT_FOUND;
found:
    *pos = best;
    *len = best_len;
    return FOUND;
}

static inline int find(proc_t *p, const pattern_t *c, const uint8_t *s, size_t n, size_t *pos,
                       size_t *len) {
    if (c->states) return find_many(p, c, s, n, pos, len);
    *len = c->n;
    return find_one(p, c, s, n, pos);
}

/* A pattern argument made ready: compiled before, or now (then owned: pattern_done releases). */
typedef struct {
    const pattern_t *use;
    pattern_t *own;
    pattern_t one; /* a single uncompiled pattern needs no block */
    bytes_t bytes;
} search_t;

static void search_done(proc_t *p, search_t *s) {
    if (s->own) magic_release(&s->own->magic);
    bytes_done(p, &s->bytes);
}

/* Compiles a binary or a list of binaries. NULL: raised. */
static pattern_t *compile(proc_t *p, term_t pat) {
    pattern_t *c;
    if (is_cons(pat)) {
        size_t total = 0, count = 0;
        term_t l = pat;
        for (; is_cons(l); l = cons_tail(l)) {
            term_t h = cons_head(l);
            if (!is_binary(h) || bit_size_of(h) == 0) break;
            total += bit_size_of(h) / 8;
            if (BIF_TICK_EVERY(p, ++count, 4096, 128)) return NULL;
        }
        if (!is_nil(l)) {
            bif_badarg(p);
            return NULL;
        }
        if (count > 1) {
            bump_bytes(p, total * 16 % COPY_PER_TICK);
            c = pattern_many(p, pat, total);
            if (!c) bif_oom(p);
            return c;
        }
        pat = cons_head(pat);
    }
    bytes_t b;
    if (!get_bytes(p, pat, &b)) return NULL;
    if (b.n == 0) {
        bif_badarg(p);
        c = NULL;
    } else {
        c = pattern_one(p, b.data, b.n);
        if (!c) bif_oom(p);
    }
    bytes_done(p, &b);
    return c;
}

static bool search_init(proc_t *p, term_t pat, search_t *s) {
    s->own = NULL;
    s->bytes = (bytes_t){0};
    if (is_tuple_of(pat, 2)) { /* {bm | ac, Ref} */
        term_t kind = tuple_elem(pat, 1), ref = tuple_elem(pat, 2);
        if ((kind == A_bm || kind == A_ac) && boxed_type(ref) == T_MAGIC_REF) {
            magic_t *m = ((magic_ref_t *)boxed_ptr(ref))->magic;
            if (m->destroy == pattern_destroy &&
                (((pattern_t *)m)->states != 0) == (kind == A_ac)) {
                s->use = (pattern_t *)m;
                return true;
            }
        }
        bif_badarg(p);
        return false;
    }
    if (is_cons(pat) && !is_nil(cons_tail(pat))) {
        s->use = s->own = compile(p, pat);
        return s->own != NULL;
    }
    if (is_cons(pat)) pat = cons_head(pat);
    if (!is_binary(pat) || bit_size_of(pat) == 0) {
        bif_badarg(p);
        return false;
    }
    if (bit_size_of(pat) > 16 * 8) { /* long enough to go wrong without KMP */
        s->use = s->own = compile(p, pat);
        return s->own != NULL;
    }
    if (!get_bytes(p, pat, &s->bytes)) return false;
    s->one = (pattern_t){.pat = s->bytes.data, .n = s->bytes.n};
    s->use = &s->one;
    return true;
}

LONG_BIF(binary_compile_pattern_1) {
    pattern_t *c = compile(p, a[0]);
    if (!c) return TERM_NONE;
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS + 3);
    if (!hp) {
        magic_release(&c->magic);
        return bif_oom(p);
    }
    term_t ref = magic_ref_put(p, hp, &c->magic);
    hp += MAGIC_REF_WORDS;
    return tuple2(&hp, c->states ? A_ac : A_bm, ref);
}

/* Options of match, matches and split. Only split knows the last three. */
typedef struct {
    size_t start, end;
    bool global, trim, trim_all;
} options_t;

static bool options_read(term_t l, size_t n, bool split, options_t *o) {
    *o = (options_t){.start = 0, .end = n};
    if (!is_list(l)) return false;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t t = cons_head(l);
        if (split && t == A_global) {
            o->global = true;
        } else if (split && t == A_trim) {
            o->trim = true;
        } else if (split && t == A_trim_all) {
            o->trim_all = true;
        } else {
            if (!is_tuple_of(t, 2) || tuple_elem(t, 1) != A_scope) return false;
            term_t s = tuple_elem(t, 2);
            size_t len;
            if (!is_tuple_of(s, 2) ||
                !range_in(tuple_elem(s, 1), tuple_elem(s, 2), n, &o->start, &len))
                return false;
            o->end = o->start + len;
        }
    }
    return true; /* an improper tail does not matter to OTP either */
}

/* Subject, options and pattern ready; false: raised, nothing to release. An empty subject or the
 * scope {0, 0} makes do without a good pattern, as in OTP. */
static bool begin(proc_t *p, term_t *a, term_t opts, bool split, bytes_t *b, options_t *o,
                  search_t *s, bool *empty) {
    *empty = false;
    if (!get_bytes(p, a[0], b)) return false;
    if (!options_read(opts, b->n, split, o)) {
        bif_badarg(p);
    } else if (b->n == 0 || (o->start == 0 && o->end == 0)) {
        *empty = true;
        return true;
    } else if (search_init(p, a[1], s)) {
        bump_bytes(p, (o->end - o->start) % COPY_PER_TICK);
        return true;
    }
    bytes_done(p, b);
    return false;
}

static term_t match(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, false, &b, &o, &s, &empty)) return TERM_NONE;
    term_t result = A_nomatch;
    size_t pos = o.start, len;
    if (!empty) {
        int found = find(p, s.use, b.data, o.end, &pos, &len);
        if (found == FOUND) {
            term_t *hp = heap_alloc(p, 3);
            result =
                hp ? tuple2(&hp, make_small((int64_t)pos), make_small((int64_t)len)) : bif_oom(p);
        } else if (found == STOPPED) {
            result = TERM_NONE;
        }
        search_done(p, &s);
    }
    bytes_done(p, &b);
    return result;
}
LONG_BIF(binary_match_2) { return match(p, a, TERM_NIL); }
LONG_BIF(binary_match_3) { return match(p, a, a[2]); }

/* Room for a cell and a tuple or a part; the list grows at its end. */
typedef struct {
    term_t first;
    term_t *tail;
} list_t;
static bool list_add(proc_t *p, list_t *l, term_t t) {
    term_t *hp = t == TERM_NONE ? NULL : heap_alloc(p, 2);
    if (!hp) return false;
    hp[0] = t;
    hp[1] = TERM_NIL;
    *l->tail = make_cons(hp);
    l->tail = hp + 1;
    return true;
}

static term_t matches(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, false, &b, &o, &s, &empty)) return TERM_NONE;
    list_t l = {TERM_NIL, &l.first};
    bool ok = true;
    if (!empty) {
        size_t pos = o.start, len, count = 0;
        while (ok && pos < o.end) {
            int found = find(p, s.use, b.data, o.end, &pos, &len);
            if (found == NOT_FOUND) break;
            if (found == STOPPED || BIF_TICK_EVERY(p, ++count, 1024, 128)) {
                ok = false;
                break;
            }
            term_t *hp = heap_alloc(p, 3);
            ok = hp &&
                 list_add(p, &l, tuple2(&hp, make_small((int64_t)pos), make_small((int64_t)len)));
            pos += len;
        }
        search_done(p, &s);
    }
    bytes_done(p, &b);
    return ok ? l.first : bif_oom(p);
}
LONG_BIF(binary_matches_2) { return matches(p, a, TERM_NIL); }
LONG_BIF(binary_matches_3) { return matches(p, a, a[2]); }

static term_t split(proc_t *p, term_t *a, term_t opts) {
    bytes_t b;
    options_t o;
    search_t s;
    bool empty;
    if (!begin(p, a, opts, true, &b, &o, &s, &empty)) return TERM_NONE;
    list_t l = {TERM_NIL, &l.first};
    bool ok = true;
    size_t from = 0; /* where the next part begins */
    /* Empty parts that trim drops only if no other follows. */
    size_t pending = 0;
    term_t none = TERM_NONE;
    if (o.trim) { /* one empty binary serves for all of them */
        none = new_binary(p, NULL, 0);
        ok = none != TERM_NONE;
    }
    if (!empty) {
        size_t pos = o.start, len, count = 0;
        while (ok && pos < o.end) {
            int found = find(p, s.use, b.data, o.end, &pos, &len);
            if (found == NOT_FOUND) break;
            if (found == STOPPED || BIF_TICK_EVERY(p, ++count, 1024, 128)) {
                ok = false;
                break;
            }
            if (pos == from && o.trim_all) {
            } else if (pos == from && o.trim) {
                pending++;
            } else {
                for (; ok && pending; pending--) ok = list_add(p, &l, none);
                ok = ok && list_add(p, &l, bits_part(p, a[0], from * 8, (pos - from) * 8));
            }
            pos += len;
            from = pos;
            if (!o.global) break;
        }
        search_done(p, &s);
    }
    if (from < b.n || !(o.trim || o.trim_all)) {
        for (; ok && pending; pending--) ok = list_add(p, &l, none);
        ok = ok && list_add(p, &l, bits_part(p, a[0], from * 8, (b.n - from) * 8));
    }
    bytes_done(p, &b);
    return ok ? l.first : bif_oom(p);
}
LONG_BIF(binary_split_2) { return split(p, a, TERM_NIL); }
LONG_BIF(binary_split_3) { return split(p, a, a[2]); }

const bif_def_t bifs_search[] = {
    {"binary", "compile_pattern", 1, binary_compile_pattern_1, BIF_LONG},
    {"binary", "match", 2, binary_match_2, BIF_LONG},
    {"binary", "match", 3, binary_match_3, BIF_LONG},
    {"binary", "matches", 2, binary_matches_2, BIF_LONG},
    {"binary", "matches", 3, binary_matches_3, BIF_LONG},
    {"binary", "split", 2, binary_split_2, BIF_LONG},
    {"binary", "split", 3, binary_split_3, BIF_LONG},
    {0},
};
