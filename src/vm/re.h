/* re.h: compiled regular expressions and how they are run. re_code.c on PCRE2; bif_re.c makes
 * module re of it. Nothing else sees PCRE2.
 */
#ifndef LING_VM_RE_H
#define LING_VM_RE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "vm/binary.h"

/* What tells one compiled pattern from another: a block of bytes with options and source. It is
 * also the binary inside {re_pattern, ...}, so a pattern can be stored and sent anywhere; where it
 * comes back from outside, it is compiled again. */
enum { RE_KEY_HEAD = 24, RE_KEY_MIN = 72 }; /* above HEAP_BIN_MAX: always a shared binary */
static inline size_t re_key_size(size_t source) {
    return source + RE_KEY_HEAD < RE_KEY_MIN ? RE_KEY_MIN : source + RE_KEY_HEAD;
}
/* Fills the head and the padding of a key whose source is in place. newline, bsr: PCRE2's values,
 * 0: the default. */
void re_key_fill(uint8_t *key, size_t source, uint32_t options, unsigned newline, unsigned bsr);
static inline uint8_t *re_key_source(uint8_t *key) { return key + RE_KEY_HEAD; }
/* Writes other newline settings into a key. */
void re_key_set_newline(uint8_t *key, unsigned newline, unsigned bsr);

typedef struct re_code re_code_t;
struct re_code {
    _Atomic(uint64_t) refs;
    vm_t *vm;
    pcre2_code *code;
    _Atomic(pcre2_code *) watched; /* the same with callouts, made when first needed */
    _Atomic(uint32_t) jit;         /* JIT_* of re_code.c */
    _Atomic(uint32_t) uses;        /* until there is native code */
    uint32_t captures;             /* groups, without the whole match */
    uint32_t names, name_size;
    const uint8_t *name_table; /* names entries: number (two bytes, big endian), name, NUL */
    bool utf, crlf;
    bool dupnames; /* the option, not (?J) */
    bool bytewise; /* \C: captures may be parts of characters */
    bool pieces;   /* a long subject may be searched piece by piece */
    bool cached;   /* in the cache (which holds a count) */
    re_code_t *hash_next, *newer, *older;
    uint64_t hash;
    size_t key_size;
    uint8_t key[];
};

/* The code for a key, with a count for the caller. NULL: *error is PCRE2's error (and *offset where
 * in the source), or 0 for no memory, or -1 where this is no key. */
re_code_t *re_code_get(proc_t *p, const uint8_t *key, size_t size, int *error, size_t *offset);
void re_code_release(re_code_t *c);
/* The text and place OTP's PCRE has for an error of re_code_get. */
const char *re_error_text(int error, const uint8_t *source, size_t n, size_t *offset);

/* The binary for {re_pattern, ...}; TERM_NONE: no memory. Refers to the code itself, so that
 * running it needs no search: re_code_of gives it (without a count), or NULL. */
term_t re_code_binary(proc_t *p, re_code_t *c);
re_code_t *re_code_of(term_t t);

/* What a run needs besides the code; kept by the VM between runs. */
typedef struct re_run {
    struct re_run *next;
    vm_t *vm;
    pcre2_general_context *general;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    proc_t *p;         /* who runs it, while it runs */
    uint64_t since;    /* ns: until when the time has been charged; 0: from the next look on */
    uint32_t callouts; /* so far */
    uint32_t pairs;    /* room in data */
    size_t bytes;      /* allocated for data */
} re_run_t;
re_run_t *re_run_get(vm_t *vm, uint32_t captures); /* NULL: no memory */
void re_run_put(re_run_t *r);

typedef struct {
    int64_t match, depth; /* limits, -1: the default */
} re_limits_t;
/* The process is to give up, as bif_tick says. */
#define RE_STOPPED PCRE2_ERROR_CALLOUT
/* One search, for a LONG_BIF: gives way in the middle where it backtracks a lot. Result and offsets
 * (pcre2_get_ovector_pointer(r->data)) as pcre2_match has them. The subject is good UTF-8 where the
 * pattern is UTF. */
int re_run_match(proc_t *p, re_run_t *r, re_code_t *c, const uint8_t *s, size_t n, size_t start,
                 uint32_t options, re_limits_t limits);

/* Options of module re. */
typedef struct {
    uint32_t compile, run; /* PCRE2's bits */
    uint8_t newline, bsr;  /* PCRE2's values, 0: not given */
    bool compile_only, run_only, global, report, unicode;
    bool inconsistent; /* newline or bsr options that exclude each other */
    re_limits_t limits;
    size_t offset;
    term_t capture, type; /* capture: TERM_NONE where not given */
    term_t listed;        /* the type last given with one, which counts for global */
} re_options_t;
bool re_options_parse(term_t list, re_options_t *o); /* false: no such options */

bool re_init(vm_t *vm);
void re_free(vm_t *vm);

#endif
