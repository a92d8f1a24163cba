/* re_error.c: what is wrong with a regular expression, in the words of OTP's PCRE 8.44, and where
 * that says it is. PCRE2 has other texts for many errors and counts places otherwise; the common
 * ones are made equal. Used by bif_re.c.
 */
#include "vm/re.h"

static const struct {
    uint8_t error; /* PCRE2's, less 100 */
    int8_t by;     /* PCRE 8 has the place this much further on */
    const char *text;
} error_texts[] = {
    {1, 0, "\\ at end of pattern"},
    {2, 0, "\\c at end of pattern"},
    {3, 0, "unrecognized character follows \\"},
    {4, 0, "numbers out of order in {} quantifier"},
    {5, 0, "number too big in {} quantifier"},
    {6, 0, "missing terminating ] for character class"},
    {7, 0, "invalid escape sequence in character class"},
    {8, 0, "range out of order in character class"},
    {9, 0, "nothing to repeat"},
    {10, 0, "internal error: unexpected repeat"},
    {11, 0, "unrecognized character after (? or (?-"},
    {12, 0, "POSIX named classes are supported only within a class"},
    {13, 0, "POSIX collating elements are not supported"},
    {14, 0, "missing )"},
    {15, 0, "reference to non-existent subpattern"},
    {18, 0, "missing ) after comment"},
    {19, -1, "regular expression is too complicated"},
    {20, 0, "regular expression is too large"},
    {22, 0, "unmatched parentheses"},
    {23, 0, "internal error: code overflow"},
    {24, 0, "malformed number or name after (?("},
    {25, 0, "lookbehind assertion is not fixed length"},
    {26, 1, "invalid condition (?(0)"},
    {27, 0, "conditional group contains more than two branches"},
    {28, 1, "assertion expected after (?( or (?(?C)"},
    {29, 1, "digit expected after (?+"},
    {30, 0, "unknown POSIX class name"},
    {34, 0, "character value in \\x{} or \\o{} is too large"},
    {36, 0, "\\C not allowed in lookbehind assertion"},
    {37, -1, "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u"},
    {38, 0, "number after (?C is > 255"},
    {39, 0, "closing ) for (?C expected"},
    {40, 0, "(*VERB) not recognized or malformed"},
    {41, 0, "unrecognized character after (?P"},
    {42, 0, "syntax error in subpattern name (missing terminator)"},
    {43, -1, "two named subpatterns have the same name"},
    {44, 0, "group name must start with a non-digit"},
    {46, 0, "malformed \\P or \\p sequence"},
    {47, -1, "unknown property name after \\P or \\p"},
    {48, 0, "subpattern name is too long (maximum 32 characters)"},
    {49, 0, "too many named subpatterns (maximum 10000)"},
    {50, -1, "invalid range in character class"},
    {51, -1, "octal value is greater than \\377 in 8-bit non-UTF-8 mode"},
    {54, 0, "DEFINE group contains more than one branch"},
    {55, -1, "missing opening brace after \\o"},
    {57, 0,
     "\\g is not followed by a braced, angle-bracketed, or quoted name/number or by a plain "
     "number"},
    {58, 0, "(?R or (?[+-]digits must be followed by )"},
    {60, 0, "(*VERB) not recognized or malformed"},
    {61, 0, "number is too big"},
    {62, 0, "subpattern name expected"},
    {64, 0, "non-octal character in \\o{} (closing brace missing?)"},
    {65, 0, "different names for subpatterns of the same number are not allowed"},
    {66, 0, "(*MARK) must have an argument"},
    {67, 0, "non-hex character in \\x{} (closing brace missing?)"},
    {68, 0, "\\c must be followed by an ASCII character"},
    {69, -1, "\\k is not followed by a braced, angle-bracketed, or quoted name"},
    {71, -1, "\\N is not supported in a class"},
    {73, 0, "disallowed Unicode code point (>= 0xd800 && <= 0xdfff)"},
    {74, 0, "setting UTF is disabled by the application"},
    {76, 0, "name is too long in (*MARK), (*PRUNE), (*SKIP), or (*THEN)"},
    {77, 0, "character value in \\u.... sequence is too large"},
    {78, 0, "digits missing in \\x{} or \\o{}"},
    {86, 0, "regular expression is too complicated"},
    {87, 0, "lookbehind assertion is not fixed length"},
    {93, -1, "PCRE does not support \\L, \\l, \\N{name}, \\U, or \\u"},
    {95, 0, "(*VERB) not recognized or malformed"},
    {97, 0, "regular expression is too large"},
    {98, 0, "assertion expected after (?( or (?(?C)"},
};

enum { NOTHING_TO_SAY = 0, MISSING_CLOSE = 14, NO_SUCH_GROUP = 15, NO_NAME = 62 };

static bool is_word(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The parenthesis that closes the group open begins with; n: none. */
static size_t group_end(const uint8_t *s, size_t n, size_t open) {
    size_t depth = 0;
    bool in_class = false;
    for (size_t i = open; i < n; i++) {
        if (s[i] == '\\')
            i++;
        else if (in_class)
            in_class = s[i] != ']';
        else if (s[i] == '[')
            in_class = true;
        else if (s[i] == '(')
            depth++;
        else if (s[i] == ')' && --depth == 0)
            return i;
    }
    return n;
}

/* Begins s at i with the text? */
static bool begins(const uint8_t *s, size_t n, size_t i, const char *text) {
    size_t len = strlen(text);
    return i <= n && n - i >= len && memcmp(s + i, text, len) == 0;
}

/* The source ends inside of "(?...": PCRE2 misses the parenthesis, PCRE 8 what comes first. */
static int unfinished(const uint8_t *s, size_t n) {
    size_t i = n;
    while (i > 0 && s[i - 1] != '(') i--;
    if (i == 0 || i >= n || s[i] != '?') return NOTHING_TO_SAY;
    i++;
    if (i < n && s[i] == 'P' && i + 1 == n) return 41;
    if (i < n && s[i] == 'C' && i + 1 == n) return 39;
    if (i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == 'R')) {
        for (i++; i < n && s[i] >= '0' && s[i] <= '9';) i++;
        return i == n ? 58 : NOTHING_TO_SAY;
    }
    while (i < n && memchr("imsxJUX-", s[i], 8)) i++;
    return i == n ? 11 : NOTHING_TO_SAY;
}

/* Where PCRE 8 stands when a group is not there: behind its name; behind the parenthesis of a
 * condition. */
static size_t reference_end(const uint8_t *s, size_t n, size_t at) {
    size_t i = at;
    for (size_t open = at + 1 < n ? at + 1 : n; open > 0 && at - open + 1 < 40; open--) {
        if (open - 1 < at && s[open - 1] == ')') break;
        if (!begins(s, n, open - 1, "(?(")) continue;
        while (i < n && s[i] != ')') i++;
        return i < n ? i + 1 : n;
    }
    while (i < n && memchr("({<'+-", s[i], 6)) i++;
    while (i < n && is_word(s[i])) i++;
    return i;
}

const char *re_error_text(int error, const uint8_t *s, size_t n, size_t *offset) {
    if (error < 0) return "invalid UTF-8 string";
    size_t at = *offset > n ? n : *offset;
    bool fixed = true;
    int e = error - 100;
    switch (e) {
    case MISSING_CLOSE:
        e = unfinished(s, n);
        if (e == NOTHING_TO_SAY) e = MISSING_CLOSE;
        break;
    case NO_NAME:
        if (at == n && n >= 3 && begins(s, n, n - 3, "(?<"))
            e = 24; /* (?< */
        else if (at == n && n >= 4 && begins(s, n, n - 4, "(?P<"))
            e = 42;
        else if (at == n && n >= 3 && begins(s, n, n - 3, "\\g{"))
            e = 57;
        if (e == 24) {
            *offset = n;
            return "unrecognized character after (?<";
        }
        break;
    case NO_SUCH_GROUP:
        if (at >= 2 && s[at - 1] == '0' && s[at - 2] == '(') {
            e = 26;
            fixed = false;
        } else if (at >= 2 && s[at - 1] == '0' && s[at - 2] == 'g') {
            *offset = at - 1;
            return "a numbered reference must not be zero";
        } else if (at >= 3 && s[at - 1] == '}' && s[at - 2] == '0' && s[at - 3] == '{') {
            *offset = at - 1;
            return "a numbered reference must not be zero";
        } else {
            at = reference_end(s, n, at);
        }
        break;
    case 25: /* lookbehind */
    case 27: /* three branches */ at = group_end(s, n, at); break;
    case 54: /* DEFINE */
        while (at > 0 && s[at] != '(') at--;
        if (at > 1 && s[at - 1] == '?') at -= 2;
        at = group_end(s, n, at);
        break;
    case 40:
    case 60:
    case 95: { /* "(*" begins a verb only before a letter or a colon */
        size_t i = at < n ? at : n - 1;
        while (i > 1 && !(s[i] == '*' && s[i - 1] == '(')) i--;
        uint8_t c = i + 1 < n ? s[i + 1] | 0x20 : 0;
        if (i + 1 < n && (s[i + 1] == ':' || (c >= 'a' && c <= 'z') || s[i + 1] >= 0xc0)) break;
        e = 9;
        at = i;
        break;
    }
    case 67: /* digits up to the end */
        if (at + 1 == n && s[at] != '}') at++;
        break;
    case 74: at = 0; break; /* (*UTF) */
    default: fixed = false;
    }
    for (size_t i = 0; i < sizeof error_texts / sizeof *error_texts; i++) {
        if (error_texts[i].error != e) continue;
        if (!fixed) at += (size_t)(int64_t)error_texts[i].by;
        *offset = at > n && at < n + 2 ? n : at > n ? 0 : at;
        return error_texts[i].text;
    }
    *offset = at;
    return "internal error";
}
