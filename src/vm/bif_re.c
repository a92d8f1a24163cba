/* bif_re.c: module re: options, captures and the loop over a subject. The patterns are re_code.c's.
 *
 * OTP hands what is awkward (lists with `unicode`, `global`) to Erlang halves in re.erl. Here
 * `global` and lists of captured characters are made natively when subject and pattern are
 * binaries (or bytes); the halves get the rest, and everything that fails, so that errors look as
 * OTP's. A long search yields between pieces of the subject, one that backtracks a lot anywhere.
 */
#include "vm/re.h"
#include "vm/utf8.h"

/* ---- compiling ---- */

enum { KEY_ON_STACK = 512 };

enum { SOURCE_OK, SOURCE_BAD, SOURCE_OOM, SOURCE_ERROR };
/* Finds or makes the code for a pattern's text. SOURCE_ERROR: *text and *at say what is wrong. */
static int code_of_source(proc_t *p, term_t source, const re_options_t *o, re_code_t **code,
                          const char **text, size_t *at) {
    uint8_t local[KEY_ON_STACK], *key = local;
    size_t nbits;
    int r = iodata_bits(p->vm, source, false, &nbits), error;
    if (r != IODATA_OK) return r == IODATA_NO_MEMORY ? SOURCE_OOM : SOURCE_BAD;
    size_t n = nbits / 8, size = re_key_size(n);
    if (size > sizeof local && !(key = mem_alloc(p->vm, size))) return SOURCE_OOM;
    r = iodata_copy(p->vm, source, re_key_source(key));
    if (r != IODATA_OK) {
        r = SOURCE_OOM;
        goto done;
    }
    bif_bump(p, n / 64);
    re_key_fill(key, n, o->compile, o->newline, o->bsr);
    *code = re_code_get(p, key, size, &error, at);
    r = *code ? SOURCE_OK : error == 0 ? SOURCE_OOM : SOURCE_ERROR;
    if (o->inconsistent && !(r == SOURCE_ERROR && error < 0)) {
        if (r == SOURCE_OK) re_code_release(*code);
        r = SOURCE_ERROR;
        *text = "inconsistent NEWLINE options";
        *at = 0;
    } else if (r == SOURCE_ERROR) {
        *text = re_error_text(error, re_key_source(key), n, at);
    }
done:
    if (key != local) mem_free(p->vm, key, size);
    return r;
}

/* {Text, Position} */
static term_t error_tuple(proc_t *p, const char *text, size_t at) {
    term_t s = string_to_list(p, text), *hp = heap_alloc(p, 3);
    return s != TERM_NONE && hp ? tuple2(&hp, s, make_small((int64_t)at)) : TERM_NONE;
}
static term_t pattern_tuple(proc_t *p, re_code_t *c, bool unicode, bool crlf) {
    term_t bin = re_code_binary(p, c), *hp = heap_alloc(p, 6);
    if (bin == TERM_NONE || !hp) return TERM_NONE;
    return tuple5(&hp, A_re_pattern, make_small(c->captures), make_small(unicode), make_small(crlf),
                  bin);
}
static term_t pair_or_oom(proc_t *p, term_t tag, term_t value) {
    term_t *hp = value != TERM_NONE ? heap_alloc(p, 3) : NULL;
    return hp ? tuple2(&hp, tag, value) : bif_oom(p);
}

static term_t re_compile(proc_t *p, term_t source, term_t opts) {
    re_options_t o;
    re_code_t *c;
    const char *text;
    size_t at;
    if (!re_options_parse(opts, &o) || o.run_only) return bif_badarg_cause(p, A_badopt);
    if (o.unicode && !is_bitstring(source)) {
        term_t args[] = {source, opts};
        return bif_trap(p, A_re, A_ucompile, 2, args);
    }
    switch (code_of_source(p, source, &o, &c, &text, &at)) {
    case SOURCE_OK: break;
    case SOURCE_BAD: return bif_badarg(p);
    case SOURCE_OOM: return bif_oom(p);
    default: return pair_or_oom(p, A_error, error_tuple(p, text, at));
    }
    term_t t = pattern_tuple(p, c, o.unicode, c->crlf);
    re_code_release(c);
    return pair_or_oom(p, A_ok, t);
}
static BIF(compile_1) { return re_compile(p, a[0], TERM_NIL); }
static BIF(compile_2) { return re_compile(p, a[0], a[1]); }

static BIF(version_0) {
    uint8_t s[64];
    (void)a;
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) > (int)sizeof s) return bif_badarg(p);
    pcre2_config(PCRE2_CONFIG_VERSION, s);
    term_t t = new_binary(p, s, strlen((char *)s));
    return t == TERM_NONE ? bif_oom(p) : t;
}

/* ---- compiled patterns as arguments ---- */

/* The code of {re_pattern, ...}, with a count in *owned where the term does not hold it. newline
 * settings given at run time replace those of the pattern. NULL: *oom or no such pattern. */
static re_code_t *code_of_pattern(proc_t *p, term_t t, unsigned newline, unsigned bsr,
                                  re_code_t **owned, bool *oom) {
    *owned = NULL;
    *oom = false;
    if (!is_tuple_of(t, 5) || tuple_elem(t, 1) != A_re_pattern || !is_small(tuple_elem(t, 2)) ||
        !is_small(tuple_elem(t, 3)) || !is_small(tuple_elem(t, 4)))
        return NULL;
    re_code_t *c = re_code_of(tuple_elem(t, 5));
    if (LIKELY(c && !newline && !bsr)) return c;
    const uint8_t *data;
    uint8_t *tmp, *key;
    size_t n, tmp_size, at;
    int error;
    if (!bytes_of(p->vm, tuple_elem(t, 5), &data, &n, &tmp, &tmp_size)) return NULL;
    if (n < RE_KEY_MIN) {
        c = NULL;
    } else if (!newline && !bsr) {
        c = re_code_get(p, data, n, &error, &at);
        *oom = !c && error == 0;
    } else {
        c = NULL;
        key = mem_alloc(p->vm, n);
        *oom = !key;
        if (key) {
            memcpy(key, data, n);
            re_key_set_newline(key, newline, bsr);
            c = re_code_get(p, key, n, &error, &at);
            *oom = !c && error == 0;
            mem_free(p->vm, key, n);
        }
    }
    mem_free(p->vm, tmp, tmp_size);
    return *owned = c;
}

static inline const uint8_t *name_entry(const re_code_t *c, uint32_t i) {
    return c->name_table + (size_t)i * c->name_size;
}
static inline int32_t name_group(const re_code_t *c, uint32_t i) {
    const uint8_t *e = name_entry(c, i);
    return e[0] << 8 | e[1];
}

/* Has the entry the name of the one before? */
static bool name_repeats(const re_code_t *c, uint32_t i) {
    return i > 0 && i < c->names &&
           strcmp((const char *)name_entry(c, i - 1) + 2, (const char *)name_entry(c, i) + 2) == 0;
}

static BIF(inspect_2) {
    re_code_t *owned;
    bool oom;
    re_code_t *c = code_of_pattern(p, a[0], 0, 0, &owned, &oom);
    term_t r = TERM_NONE, l = TERM_NIL;
    if (oom) return bif_oom(p);
    if (!c) return bif_badarg(p);
    if (a[1] != A_namelist) {
        bif_badarg(p);
        goto done;
    }
    for (uint32_t i = c->names; i > 0; i--) {
        if (c->dupnames && name_repeats(c, i - 1)) continue;
        const char *s = (const char *)name_entry(c, i - 1) + 2;
        term_t b = new_binary(p, (const uint8_t *)s, strlen(s)), *hp = heap_alloc(p, 2);
        if (b == TERM_NONE || !hp) {
            bif_oom(p);
            goto done;
        }
        l = cons(&hp, b, l);
    }
    r = pair_or_oom(p, A_namelist, l);
done:
    if (owned) re_code_release(owned);
    return r;
}

/* ---- what to capture ---- */

enum { CAPTURE_ALL, CAPTURE_BUT_FIRST, CAPTURE_FIRST, CAPTURE_NONE, CAPTURE_LIST };
enum { VALUES_ON_STACK = 16 };

typedef struct {
    int what;
    term_t type; /* A_index, A_binary, A_list */
    size_t n, room;
    int32_t *group, local[VALUES_ON_STACK]; /* as name_find says; -1: no such group */
} capture_t;

/* The group of a name. Of several: with the option dupnames -2 less the first entry's index (the
 * first that is set counts); else, after (?J), the one PCRE 8's search of the sorted table finds.
 */
static int32_t name_find(const re_code_t *c, const uint8_t *name, size_t n) {
    for (uint32_t low = 0, high = c->names; low < high;) {
        uint32_t mid = (low + high) / 2;
        const uint8_t *e = name_entry(c, mid) + 2;
        int order = strncmp((const char *)name, (const char *)e, n);
        if (order == 0 && e[n] != 0) order = -1;
        if (order == 0 && !c->dupnames) return name_group(c, mid);
        if (order == 0) {
            while (name_repeats(c, mid)) mid--;
            return name_repeats(c, mid + 1) ? -2 - (int32_t)mid : name_group(c, mid);
        }
        if (order > 0)
            low = mid + 1;
        else
            high = mid;
    }
    return -1;
}

enum { CAP_OK, CAP_BAD, CAP_OOM };
static int value_parse(proc_t *p, const re_code_t *c, term_t t, int32_t *group) {
    uint8_t name[128];
    size_t nbits;
    *group = -1;
    if (is_small(t)) {
        if (small_value(t) < 0 || small_value(t) > INT32_MAX) return CAP_BAD;
        if (small_value(t) <= (int64_t)c->captures) *group = (int32_t)small_value(t);
        return CAP_OK;
    }
    if (is_atom(t)) {
        const atom_text_t *s = atom_text(p->vm, t);
        if (s->bytes < sizeof name) *group = name_find(c, s->name, s->bytes);
        return CAP_OK;
    }
    if (!is_list(t) && !is_binary(t)) return CAP_BAD;
    int r = iodata_bits(p->vm, t, false, &nbits);
    if (r != IODATA_OK) return r == IODATA_NO_MEMORY ? CAP_OOM : CAP_BAD;
    if (nbits / 8 >= sizeof name) return CAP_OK; /* longer than any name */
    r = iodata_copy(p->vm, t, name);
    if (r != IODATA_OK) return CAP_OOM;
    *group = name_find(c, name, nbits / 8);
    return CAP_OK;
}

static int capture_room(proc_t *p, capture_t *k, size_t n) {
    k->n = k->room = n;
    k->group = n <= VALUES_ON_STACK ? k->local : mem_alloc(p->vm, n * sizeof *k->group);
    return k->group ? CAP_OK : CAP_OOM;
}
static void capture_done(proc_t *p, capture_t *k) {
    if (k->group && k->group != k->local) mem_free(p->vm, k->group, k->room * sizeof *k->group);
}

static int capture_parse(proc_t *p, const re_code_t *c, const re_options_t *o, capture_t *k) {
    term_t s = o->capture;
    k->group = NULL;
    k->n = 0;
    k->type = o->global ? o->listed : o->type;
    if (k->type != A_index && k->type != A_binary && k->type != A_list) return CAP_BAD;
    k->what = CAPTURE_ALL;
    if (s == TERM_NONE || s == A_all) return CAP_OK;
    k->what = s == A_all_but_first           ? CAPTURE_BUT_FIRST
              : s == A_first                 ? CAPTURE_FIRST
              : s == A_none || s == TERM_NIL ? CAPTURE_NONE
                                             : CAPTURE_LIST;
    if (k->what != CAPTURE_LIST) return CAP_OK;
    if (s == A_all_names) {
        if (c->names == 0) k->what = CAPTURE_NONE;
        if (capture_room(p, k, c->names) != CAP_OK) return CAP_OOM;
        k->n = 0;
        for (uint32_t i = 0; i < c->names; i++) {
            if (c->dupnames && name_repeats(c, i)) continue;
            const char *name = (const char *)name_entry(c, i) + 2;
            /* re:grun/3 goes by the names. */
            k->group[k->n++] = o->global || c->dupnames
                                   ? name_find(c, (const uint8_t *)name, strlen(name))
                                   : name_group(c, i);
        }
        return CAP_OK;
    }
    int64_t n = list_length(s);
    if (n < 0) return CAP_BAD;
    if (capture_room(p, k, (size_t)n) != CAP_OK) return CAP_OOM;
    for (size_t i = 0; is_cons(s); s = cons_tail(s), i++) {
        int r = value_parse(p, c, cons_head(s), &k->group[i]);
        if (r != CAP_OK) {
            capture_done(p, k);
            return r;
        }
    }
    return CAP_OK;
}

/* ---- results ---- */

/* What a run works on. */
typedef struct {
    re_code_t *code;
    term_t bin; /* the subject: a binary that begins at a byte */
    const uint8_t *s;
    size_t n;
    bool unicode, crlf; /* as {re_pattern, ...} says */
    capture_t capture;
} subject_t;

/* Characters of good UTF-8, or bytes, as a list. */
static term_t chars_to_list(proc_t *p, const uint8_t *s, size_t n, bool utf) {
    if (!utf) return bytes_to_list(p, s, n, TERM_NIL);
    size_t chars = 0;
    for (size_t i = 0; i < n; i++) chars += (s[i] & 0xc0) != 0x80;
    if (chars == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * chars), list = make_cons(hp);
    if (!hp) return TERM_NONE;
    while (chars-- > 0) {
        uint32_t c = *s++;
        int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        if (more) c &= 0x3fu >> more;
        for (; more > 0; more--) c = c << 6 | (*s++ & 0x3f);
        hp[0] = make_small(c);
        hp[1] = chars ? make_cons(hp + 2) : TERM_NIL;
        hp += 2;
    }
    return list;
}

static term_t value_term(proc_t *p, const subject_t *u, size_t from, size_t to) {
    bool set = from != PCRE2_UNSET;
    size_t n = set && to > from ? to - from : 0;
    if (u->capture.type == A_binary)
        return n ? bits_part(p, u->bin, from * 8, n * 8) : new_binary(p, NULL, 0);
    return n ? chars_to_list(p, u->s + from, n, u->unicode) : TERM_NIL;
}

/* The group that a wanted value means in this match. */
static inline size_t group_of(const re_code_t *c, int32_t group, const size_t *ov, size_t n) {
    if (group >= -1) return group < 0 ? SIZE_MAX : (size_t)group;
    uint32_t first = (uint32_t)(-2 - group), i = first;
    do {
        size_t g = (size_t)name_group(c, i);
        if (g < n && ov[2 * g] != PCRE2_UNSET) return g;
    } while (name_repeats(c, ++i));
    return (size_t)name_group(c, first);
}

/* The list of captured values of a match with rc groups. TERM_NONE: no memory. */
static term_t match_term(proc_t *p, const subject_t *u, const size_t *ov, int rc) {
    const capture_t *k = &u->capture;
    size_t skip = k->what == CAPTURE_BUT_FIRST;
    size_t n = k->what == CAPTURE_LIST ? k->n : k->what == CAPTURE_FIRST ? 1 : (size_t)rc - skip;
    bool index = k->type == A_index;
    term_t list = TERM_NIL, *hp = NULL;
    if (n == 0) return list;
    if (!(hp = heap_alloc(p, n * (index ? 5 : 2)))) return TERM_NONE;
    /* The cells first, so that they hold terms at all times. */
    term_t *cell = hp;
    for (size_t i = n; i > 0; i--) list = cons(&hp, TERM_NIL, list);
    cell += 2 * n;
    for (size_t i = 0; i < n; i++) {
        size_t g = i + skip;
        cell -= 2;
        if (k->what == CAPTURE_LIST) g = group_of(u->code, k->group[i], ov, (size_t)rc);
        size_t from = PCRE2_UNSET, to = PCRE2_UNSET;
        if (g < (size_t)rc) from = ov[2 * g], to = ov[2 * g + 1];
        if (index) {
            cell[0] = from == PCRE2_UNSET ? tuple2(&hp, make_small(-1), make_small(0))
                                          : tuple2(&hp, make_small((int64_t)from),
                                                   make_small((int64_t)(to - from)));
        } else {
            term_t t =
                value_term(p, u, from == PCRE2_UNSET ? 0 : from, from == PCRE2_UNSET ? 0 : to);
            if (t == TERM_NONE) return t;
            cell[0] = t;
        }
    }
    return list;
}

/* ---- searching ---- */

/* A subject this much longer than a piece is searched piece by piece: a piece ends where the
 * engine would have to look behind its end (partial matching), and the next begins where that
 * attempt began. */
enum { PIECE = 64 << 10, PIECES_FROM = 256 << 10 };
/* Bytes searched per reduction. */
enum { BYTES_PER_RED = 128 };

enum { FOUND_YIELD = -1000 };
/* As pcre2_match from *from on, which moves over what no match begins in. FOUND_YIELD: out of
 * reductions, go on at *from. */
static int search(proc_t *p, re_run_t *r, subject_t *u, size_t *from, uint32_t options,
                  re_limits_t limits) {
    size_t piece = PIECE;
    bool pieces = u->code->pieces && !(options & (PCRE2_ANCHORED | PCRE2_NOTEMPTY_ATSTART));
    while (pieces && u->n - *from > PIECES_FROM && u->n - *from > piece) {
        if (bif_out_of_reds(p) && piece == PIECE) return FOUND_YIELD;
        size_t end = *from + piece;
        if (u->code->utf)
            while ((u->s[end] & 0xc0) == 0x80) end--;
        int rc =
            re_run_match(p, r, u->code, u->s, end, *from, options | PCRE2_PARTIAL_HARD, limits);
        bif_bump(p, piece / BYTES_PER_RED);
        if (rc == PCRE2_ERROR_NOMATCH) {
            *from = end;
            piece = PIECE;
        } else if (rc == PCRE2_ERROR_PARTIAL) {
            size_t at = pcre2_get_ovector_pointer(r->data)[0];
            piece = at > *from ? PIECE : piece * 2;
            *from = at;
        } else {
            return rc;
        }
    }
    int rc = re_run_match(p, r, u->code, u->s, u->n, *from, options, limits);
    size_t to = rc > 0 ? pcre2_get_ovector_pointer(r->data)[1] : u->n;
    bif_bump(p, 1 + (to > *from ? to - *from : 0) / BYTES_PER_RED);
    return rc;
}

/* How a search that found nothing ends: nomatch, {error, Which}, or badarg. */
static term_t not_found(proc_t *p, int rc, bool report) {
    switch (rc) {
    case PCRE2_ERROR_NOMATCH: return A_nomatch;
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT: return report ? pair_or_oom(p, A_error, A_match_limit) : A_nomatch;
    case PCRE2_ERROR_DEPTHLIMIT:
        return report ? pair_or_oom(p, A_error, A_match_limit_recursion) : A_nomatch;
    case PCRE2_ERROR_NOMEMORY: return bif_oom(p);
    case RE_STOPPED: return TERM_NONE;
    case PCRE2_ERROR_RECURSELOOP: return A_nomatch;
    default: return bif_badarg(p);
    }
}

/* The position one character (or line end) on. */
static size_t forward(const subject_t *u, size_t at) {
    const uint8_t *s = u->s;
    if (u->crlf && u->n - at >= 2 && s[at] == '\r' && s[at + 1] == '\n') return at + 2;
    if (!u->unicode || s[at] < 0xc0) return at + 1;
    return at + (s[at] < 0xe0 ? 2 : s[at] < 0xf0 ? 3 : 4);
}

/* Where a search that yielded goes on, in its term {From, Moved, Found}. */
typedef struct {
    size_t from;
    bool moved;   /* this search has begun before from */
    bool yielded; /* found is from an earlier call */
    term_t found; /* the matches so far, newest first */
} progress_t;

static bool found_push(proc_t *p, subject_t *u, re_run_t *r, int rc, progress_t *g) {
    if (u->capture.what == CAPTURE_NONE) {
        g->found = A_match;
        return true;
    }
    term_t t = match_term(p, u, pcre2_get_ovector_pointer(r->data), rc);
    term_t *hp = t != TERM_NONE ? heap_alloc(p, 2) : NULL;
    if (!hp) return false;
    g->found = cons(&hp, t, g->found);
    return true;
}

/* All matches, as the loop of re.erl finds them: after an empty one, a longer one at the same place
 * is tried. TERM_NONE without an exception: yield. */
static term_t search_all(proc_t *p, re_run_t *r, subject_t *u, const re_options_t *o, progress_t *g,
                         bool *yield) {
    while (g->from <= u->n) {
        if (bif_out_of_reds(p)) {
            *yield = true;
            return TERM_NONE;
        }
        size_t start = g->from;
        int rc = search(p, r, u, &g->from, o->run, o->limits);
        g->moved |= g->from != start;
        if (rc == FOUND_YIELD) {
            *yield = true;
            return TERM_NONE;
        }
        if (rc < 0) {
            term_t t = not_found(p, rc, o->report);
            if (t != A_nomatch) return t;
            break;
        }
        size_t *ov = pcre2_get_ovector_pointer(r->data), at = ov[0], to = ov[1];
        if (!found_push(p, u, r, rc, g)) return bif_oom(p);
        size_t next = to;
        if (to <= at) {
            next = at < u->n ? forward(u, at) : u->n + 1;
            rc = PCRE2_ERROR_NOMATCH;
            if (!g->moved) /* else nothing matches at from */
                rc = re_run_match(p, r, u->code, u->s, u->n, g->from,
                                  o->run | PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED, o->limits);
            if (rc > 0) {
                if (!found_push(p, u, r, rc, g)) return bif_oom(p);
                if (ov[1] > ov[0]) next = at + (ov[1] - ov[0]);
            } else {
                term_t t = not_found(p, rc, o->report);
                if (t != A_nomatch) return t;
            }
        }
        g->from = next > g->from ? next : g->from + 1; /* with \K it might go back */
        g->moved = false;
    }
    if (g->found == TERM_NIL) return A_nomatch;
    if (g->found == A_match) return A_match;
    term_t l = list_turn(p, g->found, !g->yielded);
    return pair_or_oom(p, A_match, l);
}

static term_t search_one(proc_t *p, re_run_t *r, subject_t *u, const re_options_t *o, progress_t *g,
                         bool *yield) {
    int rc = search(p, r, u, &g->from, o->run, o->limits);
    if (rc == FOUND_YIELD) {
        *yield = true;
        return TERM_NONE;
    }
    if (rc < 0) return not_found(p, rc, o->report);
    if (u->capture.what == CAPTURE_NONE) return A_match;
    return pair_or_oom(p, A_match, match_term(p, u, pcre2_get_ovector_pointer(r->data), rc));
}

/* ---- the subject ---- */

static bool utf8_good(const uint8_t *s, size_t n) {
    if (n == 0) return true;
    const uint8_t *end = s + n;
    while (s < end) {
        uint64_t w[2];
        while (end - s >= 16) {
            memcpy(w, s, 16);
            if ((w[0] | w[1]) & 0x8080808080808080u) break;
            s += 16;
        }
        while (s < end && *s < 0x80) s++;
        if (s == end) break;
        uint32_t c;
        unsigned used = utf8_read(s, (size_t)(end - s), &c);
        if (used == 0) return false;
        s += used;
    }
    return true;
}

/* Makes a subject a binary that begins at a byte, and finds its bytes. false: raised. */
static bool subject_bytes(proc_t *p, term_t t, subject_t *u) {
    bits_t b;
    if (bits_of(t, &b)) {
        if (b.bit_size & 7) return bif_badarg(p), false;
        u->n = b.bit_size / 8;
        if (LIKELY(b.bit_offset == 0)) {
            u->bin = t;
            u->s = b.base;
            return true;
        }
        uint8_t *data;
        u->bin = binary_new(p, u->n, &data);
        if (u->bin == TERM_NONE) return bif_oom(p), false;
        bits_copy(data, 0, b.base, b.bit_offset, b.bit_size);
        u->s = data;
        return true;
    }
    size_t nbits;
    int r = is_list(t) ? iodata_bits(p->vm, t, false, &nbits) : IODATA_BAD;
    uint8_t *data = NULL;
    if (r == IODATA_OK) {
        u->n = nbits / 8;
        u->bin = binary_new(p, u->n, &data);
        r = u->bin == TERM_NONE ? IODATA_NO_MEMORY : iodata_copy(p->vm, t, data);
    }
    if (r != IODATA_OK) return iodata_fail(p, r), false;
    bif_bump(p, u->n / BYTES_PER_RED);
    u->s = data;
    return true;
}

/* ---- re:run ---- */

extern const bif_def_t bifs_re[];
enum { DEF_CONTINUE = 0 };

/* Runs with everything known; subject is a binary from a byte on, or (first call) anything.
 * check: the subject's UTF-8 is not known to be
 * good. *bad: badarg was raised before anything was done. */
static term_t run_code(proc_t *p, term_t subject, re_code_t *c, bool unicode, bool crlf,
                       term_t opts, const re_options_t *o, progress_t *g, bool check, bool *bad) {
    subject_t u = {.code = c, .unicode = unicode, .crlf = crlf};
    term_t result = TERM_NONE;
    bool yield = false;
    *bad = false;
    switch (capture_parse(p, c, o, &u.capture)) {
    case CAP_BAD: *bad = true; return bif_badarg(p);
    case CAP_OOM: return bif_oom(p);
    default: break;
    }
    re_run_t *r = NULL;
    if (!subject_bytes(p, subject, &u)) {
        *bad = p->fclass == EXC_ERROR;
        goto done;
    }
    if (check && c->utf) {
        bif_bump(p, u.n / (16 * BYTES_PER_RED));
        if (!utf8_good(u.s, u.n) || (g->from < u.n && (u.s[g->from] & 0xc0) == 0x80)) {
            *bad = true;
            bif_badarg(p);
            goto done;
        }
    }
    if (g->from > u.n) {
        if (o->global)
            result = A_nomatch;
        else
            bif_badarg(p);
        goto done;
    }
    if (!(r = re_run_get(p->vm, c->captures))) {
        bif_oom(p);
        goto done;
    }
    result = o->global ? search_all(p, r, &u, o, g, &yield) : search_one(p, r, &u, o, g, &yield);
    if (yield) {
        term_t keep = pattern_tuple(p, c, unicode, crlf);
        term_t *hp = keep != TERM_NONE ? heap_alloc(p, 4) : NULL;
        if (!hp) {
            bif_oom(p);
            goto done;
        }
        term_t state = tuple3(&hp, make_small((int64_t)g->from), make_bool(g->moved), g->found);
        term_t args[] = {u.bin, keep, opts, state};
        bif_yield(p, &bifs_re[DEF_CONTINUE], 4, args);
    }
done:
    if (r) re_run_put(r);
    capture_done(p, &u.capture);
    return result;
}

/* What is known of the pattern by now: a compiled one may be anchored, so that running it need not
 * be told. */
static void options_settle(re_options_t *o, bool compiled_here) {
    if (compiled_here) o->run &= ~PCRE2_ANCHORED;
}

LONG_BIF(run_continue_4) {
    re_options_t o;
    re_code_t *owned = NULL;
    bool oom = false, bad;
    progress_t g = {.yielded = true};
    if (!re_options_parse(a[2], &o) || !is_tuple_of(a[3], 3) || !is_small(tuple_elem(a[3], 1)) ||
        small_value(tuple_elem(a[3], 1)) < 0 || !is_binary(a[0]))
        return bif_badarg(p);
    /* The pattern has been compiled with these already. */
    re_code_t *c = code_of_pattern(p, a[1], 0, 0, &owned, &oom);
    if (!c) return oom ? bif_oom(p) : bif_badarg(p);
    g.from = (size_t)small_value(tuple_elem(a[3], 1));
    g.moved = tuple_elem(a[3], 2) == A_true;
    g.found = tuple_elem(a[3], 3);
    /* No check of UTF-8: Erlang code that calls this by hand gets what it asks for, so look. */
    options_settle(&o, o.compile_only);
    term_t r = run_code(p, a[0], c, tuple_elem(a[1], 3) != make_small(0),
                        tuple_elem(a[1], 4) != make_small(0), a[2], &o, &g, false, &bad);
    if (owned) re_code_release(owned);
    return r;
}

static term_t trap3(proc_t *p, term_t function, term_t a, term_t b, term_t c) {
    term_t args[] = {a, b, c};
    return bif_trap(p, A_re, function, 3, args);
}

/* Gives a run with `global` to re:grun/3. original: the pattern's text, TERM_NONE where it was
 * compiled before. */
static term_t trap_grun(proc_t *p, term_t subject, term_t pattern, term_t opts, term_t original) {
    term_t *hp = heap_alloc(p, 4);
    if (!hp || pattern == TERM_NONE) return bif_oom(p);
    term_t t =
        original == TERM_NONE ? tuple2(&hp, opts, A_false) : tuple3(&hp, opts, A_true, original);
    if (original == TERM_NONE) heap_release(p, hp, hp + 1);
    return trap3(p, A_grun, subject, pattern, t);
}

static term_t re_run(proc_t *p, term_t subject, term_t re, term_t opts, bool check) {
    re_options_t o;
    re_code_t *c, *owned = NULL;
    term_t original = TERM_NONE, result;
    bool unicode, crlf, bad, compiled = is_tuple_of(re, 5);
    if (!re_options_parse(opts, &o)) return bif_badarg_cause(p, A_badopt);
    bool listed = o.capture != TERM_NONE && o.type == A_list;
    if (compiled) {
        bool oom;
        if (o.compile_only) return bif_badarg(p);
        if (is_small(tuple_elem(re, 3)) && tuple_elem(re, 3) != make_small(0) && is_list(subject) &&
            tuple_elem(re, 1) == A_re_pattern)
            return o.global ? trap_grun(p, subject, re, opts, TERM_NONE)
                            : trap3(p, A_urun, subject, re, opts);
        if (o.inconsistent) return bif_badarg(p);
        c = code_of_pattern(p, re, o.newline, o.bsr, &owned, &oom);
        if (oom) return bif_oom(p);
        if (!c && o.global && tuple_elem(re, 1) == A_re_pattern && is_small(tuple_elem(re, 2)) &&
            is_small(tuple_elem(re, 3)) && is_small(tuple_elem(re, 4)) &&
            is_binary(tuple_elem(re, 5)))
            return trap_grun(p, subject, re, opts, TERM_NONE);
        if (!c) return bif_badarg(p);
        unicode = tuple_elem(re, 3) != make_small(0);
        crlf = tuple_elem(re, 4) != make_small(0);
    } else {
        const char *text;
        size_t at;
        if (!is_binary(re) && !is_list(re)) return bif_badarg(p);
        if (o.unicode && !(is_bitstring(subject) && is_bitstring(re)))
            return trap3(p, A_urun, subject, re, opts);
        switch (code_of_source(p, re, &o, &owned, &text, &at)) {
        case SOURCE_OK: break;
        case SOURCE_BAD: return bif_badarg(p);
        case SOURCE_OOM: return bif_oom(p);
        default:
            if (!o.report) return bif_badarg(p);
            return pair_or_oom(p, A_error, pair_or_oom(p, A_compile, error_tuple(p, text, at)));
        }
        c = owned;
        unicode = o.unicode;
        crlf = c->crlf;
        original = re;
    }
    options_settle(&o, !compiled);
    progress_t g = {.from = o.offset, .found = TERM_NIL};
    /* Parts of characters are no characters: the Erlang halves say so. */
    bad = unicode && listed && c->bytewise;
    result = bad ? TERM_NONE : run_code(p, subject, c, unicode, crlf, opts, &o, &g, check, &bad);
    if (result == TERM_NONE && bad) {
        /* The Erlang halves make the same error, with the places OTP's have. */
        if (o.global) {
            term_t pattern = compiled ? re : pattern_tuple(p, c, unicode, crlf);
            trap_grun(p, subject, pattern, opts, original);
        } else if (unicode && listed) {
            trap3(p, A_urun, subject, re, opts);
        }
    }
    if (owned) re_code_release(owned);
    return result;
}

LONG_BIF(run_2) { return re_run(p, a[0], a[1], TERM_NIL, true); }
LONG_BIF(run_3) { return re_run(p, a[0], a[1], a[2], true); }
LONG_BIF(internal_run_4) {
    if (a[3] != A_true && a[3] != A_false) return bif_badarg(p);
    return re_run(p, a[0], a[1], a[2], a[3] == A_true);
}

const bif_def_t bifs_re[] = {
    [DEF_CONTINUE] = {"erts_internal", "re_run_continue", 4, run_continue_4, BIF_LONG},
    {"re", "version", 0, version_0, 0},
    {"re", "compile", 1, compile_1, 0},
    {"re", "compile", 2, compile_2, 0},
    {"re", "run", 2, run_2, BIF_LONG},
    {"re", "run", 3, run_3, BIF_LONG},
    {"re", "internal_run", 4, internal_run_4, BIF_LONG},
    {"re", "inspect", 2, inspect_2, 0},
    {0},
};
