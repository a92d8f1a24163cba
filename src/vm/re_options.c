/* re_options.c: the option lists of re:compile/2 and re:run/3. Used by bif_re.c. */
#include "vm/re.h"

/* Several newline options are put together as the bits PCRE 8 has for them: cr and lf are crlf, any
 * and cr are anycrlf; other mixtures it does not take. */
static const struct {
    uint8_t bits, value;
} newlines[] = {{1, PCRE2_NEWLINE_CR},
                {2, PCRE2_NEWLINE_LF},
                {3, PCRE2_NEWLINE_CRLF},
                {4, PCRE2_NEWLINE_ANY},
                {5, PCRE2_NEWLINE_ANYCRLF}};
enum { NEWLINES = sizeof newlines / sizeof *newlines };

static bool add_newline(re_options_t *o, uint8_t value) {
    uint8_t bits = 0;
    for (size_t i = 0; i < NEWLINES; i++)
        if (newlines[i].value == value || newlines[i].value == o->newline) bits |= newlines[i].bits;
    o->newline = 0;
    for (size_t i = 0; i < NEWLINES; i++)
        if (newlines[i].bits == bits) o->newline = newlines[i].value;
    if (!o->newline) o->inconsistent = true;
    return true;
}
static bool add_bsr(re_options_t *o, uint8_t value) {
    if (o->bsr && o->bsr != value) o->inconsistent = true;
    o->bsr = value;
    return true;
}

static bool plain_option(term_t t, re_options_t *o) {
    uint32_t c = 0;
    switch (t) {
    case A_unicode:
        o->unicode = true;
        c = PCRE2_UTF;
        break;
    case A_caseless: c = PCRE2_CASELESS; break;
    case A_dollar_endonly: c = PCRE2_DOLLAR_ENDONLY; break;
    case A_dotall: c = PCRE2_DOTALL; break;
    case A_extended: c = PCRE2_EXTENDED; break;
    case A_firstline: c = PCRE2_FIRSTLINE; break;
    case A_multiline: c = PCRE2_MULTILINE; break;
    case A_no_auto_capture: c = PCRE2_NO_AUTO_CAPTURE; break;
    case A_dupnames: c = PCRE2_DUPNAMES; break;
    case A_ungreedy: c = PCRE2_UNGREEDY; break;
    case A_no_start_optimize: c = PCRE2_NO_START_OPTIMIZE; break;
    case A_ucp: c = PCRE2_UCP; break;
    case A_never_utf: c = PCRE2_NEVER_UTF; break;
    case A_anchored: /* the next three: for compiling and running */
        o->compile |= PCRE2_ANCHORED;
        o->run |= PCRE2_ANCHORED;
        return true;
    case A_bsr_anycrlf: return add_bsr(o, PCRE2_BSR_ANYCRLF);
    case A_bsr_unicode: return add_bsr(o, PCRE2_BSR_UNICODE);
    default:
        o->run_only = true;
        switch (t) {
        case A_global: o->global = true; return true;
        case A_report_errors: o->report = true; return true;
        case A_notbol: o->run |= PCRE2_NOTBOL; return true;
        case A_noteol: o->run |= PCRE2_NOTEOL; return true;
        case A_notempty: o->run |= PCRE2_NOTEMPTY; return true;
        case A_notempty_atstart: o->run |= PCRE2_NOTEMPTY_ATSTART; return true;
        default: return false;
        }
    }
    o->compile |= c;
    o->compile_only = true;
    return true;
}

/* A number as OTP reads it here: not negative, 31 bits. */
static bool option_number(term_t t, int64_t *out) {
    *out = is_small(t) ? small_value(t) : -1;
    return *out >= 0 && *out <= INT32_MAX;
}

static bool tuple_option(term_t t, re_options_t *o) {
    if (is_tuple_of(t, 3)) {
        if (tuple_elem(t, 1) != A_capture) return false;
        o->run_only = true;
        o->capture = tuple_elem(t, 2);
        o->type = o->listed = tuple_elem(t, 3);
        return true;
    }
    if (!is_tuple_of(t, 2)) return false;
    term_t v = tuple_elem(t, 2);
    int64_t n;
    switch (tuple_elem(t, 1)) {
    case A_newline:
        switch (v) {
        case A_cr: return add_newline(o, PCRE2_NEWLINE_CR);
        case A_lf: return add_newline(o, PCRE2_NEWLINE_LF);
        case A_crlf: return add_newline(o, PCRE2_NEWLINE_CRLF);
        case A_any: return add_newline(o, PCRE2_NEWLINE_ANY);
        case A_anycrlf: return add_newline(o, PCRE2_NEWLINE_ANYCRLF);
        default: return false;
        }
    case A_offset:
        if (!option_number(v, &n)) return false;
        o->offset = (size_t)n;
        break;
    case A_match_limit:
        if (!option_number(v, &o->limits.match)) return false;
        break;
    case A_match_limit_recursion:
        if (!option_number(v, &o->limits.depth)) return false;
        break;
    case A_capture:
        o->capture = v;
        o->type = A_index;
        break;
    default: return false;
    }
    o->run_only = true;
    return true;
}

bool re_options_parse(term_t l, re_options_t *o) {
    memset(o, 0, sizeof *o);
    o->limits.match = o->limits.depth = -1;
    o->capture = TERM_NONE;
    o->type = o->listed = A_index;
    for (; is_cons(l); l = cons_tail(l)) {
        term_t t = cons_head(l);
        if (!(is_atom(t) ? plain_option(t, o) : tuple_option(t, o))) return false;
    }
    return is_nil(l);
}
