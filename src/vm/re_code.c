/* re_code.c: regular expressions on PCRE2: compiling, the cache of compiled patterns, running.
 *
 * PCRE2 speaks OTP's dialect but for details that are evened out here: character classes are those
 * of Latin-1, unknown escapes mean the character itself, errors have the texts of OTP's PCRE 8.44.
 * All memory is the VM's, but for the pages PCRE2's JIT takes for code and stacks. A pattern gets
 * native code at its second use, or at once for a long subject. Used by bif_re.c only.
 */
#include "vm/re.h"

enum { TABLES_SIZE = 1088, BUCKETS = 256, CACHE_MAX = 200, RUNS_KEPT = 16 };
enum { JIT_NO, JIT_COMPILING, JIT_READY, JIT_NEVER };
enum { JIT_LONG = 1024 }; /* subjects from here on are worth native code at first use */
enum { JIT_STACK_MIN = 64 << 10, JIT_STACK_MAX = 8 << 20 };
enum { HEAP_LIMIT_KB = 256 << 10 }; /* backtracking memory of one match without the JIT */
/* A search that backtracks more than this is done again by code that can stop in the middle. That
 * code has callouts everywhere, which make it some ten times slower and keep PCRE2 from seeing
 * early that there is no match, so it must be the exception. */
enum { MATCH_ONCE = 20000, MATCH_ONCE_PER_BYTE = 4 };
enum { CALLOUTS_PER_LOOK = 16, NS_PER_RED = 250 };
enum { EVASIONS_MAX = 64 };      /* changes of one source to please PCRE2 */
enum { NEST_MAX = 799 };         /* parentheses in parentheses; as OTP's PCRE */
enum { KEEP_BYTES = 256 << 10 }; /* a run block that grew beyond is not kept */

struct re_state {
    spin_t lock; /* of all below */
    uint32_t count;
    re_code_t *bucket[BUCKETS];
    re_code_t *newest, *oldest;
    re_run_t *runs;
    uint32_t runs_kept;
    uint8_t tables[TABLES_SIZE];
};

/* ---- memory for PCRE2: the size is kept in front ---- */

typedef union {
    size_t size;
    max_align_t align;
} block_t;

static void *code_malloc(size_t size, void *vm) {
    if (size > SIZE_MAX - sizeof(block_t)) return NULL;
    block_t *b = mem_alloc(vm, size + sizeof *b);
    if (!b) return NULL;
    b->size = size + sizeof *b;
    return b + 1;
}
static void code_free(void *p, void *vm) {
    if (p) mem_free(vm, (block_t *)p - 1, ((block_t *)p - 1)->size);
}
/* The same for a run block, which knows how much it has. */
static void *run_malloc(size_t size, void *run) {
    re_run_t *r = run;
    block_t *b = code_malloc(size, r->vm);
    if (b) r->bytes += size;
    return b;
}
static void run_free(void *p, void *run) {
    re_run_t *r = run;
    if (!p) return;
    r->bytes -= ((block_t *)p - 1)->size - sizeof(block_t);
    code_free(p, r->vm);
}

/* ---- character tables: ISO 8859-1, in PCRE2's layout ---- */

enum { TAB_LOWER = 0, TAB_FLIP = 256, TAB_CLASSES = 512, TAB_TYPES = 832 };
enum { /* bit maps of 32 bytes, in this order */
       CLASS_SPACE,
       CLASS_XDIGIT,
       CLASS_DIGIT,
       CLASS_UPPER,
       CLASS_LOWER,
       CLASS_WORD,
       CLASS_GRAPH,
       CLASS_PRINT,
       CLASS_PUNCT,
       CLASS_CNTRL
};
enum { TYPE_SPACE = 1, TYPE_LETTER = 2, TYPE_LOWER = 4, TYPE_DIGIT = 8, TYPE_WORD = 16 };

static void tables_fill(uint8_t *t) {
    memset(t, 0, TABLES_SIZE);
    for (unsigned c = 0; c < 256; c++) {
        bool upper = (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
        bool paired = upper || (c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7);
        bool lower =
            (paired && !upper) || c == 0xaa || c == 0xb5 || c == 0xba || c == 0xdf || c == 0xff;
        bool digit = c >= '0' && c <= '9', space = (c >= 9 && c <= 13) || c == ' ';
        bool cntrl = c < 32 || (c >= 0x7f && c < 0xa0), graph = !cntrl && c != ' ';
        bool alpha = upper || lower, word = alpha || digit || c == '_';
        bool xdigit = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        bool in[] = {[CLASS_SPACE] = space,
                     [CLASS_XDIGIT] = xdigit,
                     [CLASS_DIGIT] = digit,
                     [CLASS_UPPER] = upper,
                     [CLASS_LOWER] = lower,
                     [CLASS_WORD] = word,
                     [CLASS_GRAPH] = graph,
                     [CLASS_PRINT] = graph || c == ' ',
                     [CLASS_PUNCT] = graph && !alpha && !digit,
                     [CLASS_CNTRL] = cntrl};
        t[TAB_LOWER + c] = (uint8_t)(upper ? c + 32 : c);
        t[TAB_FLIP + c] = (uint8_t)(paired ? c ^ 32 : c);
        for (unsigned i = 0; i < sizeof in; i++)
            if (in[i]) t[TAB_CLASSES + 32 * i + c / 8] |= (uint8_t)(1 << (c & 7));
        t[TAB_TYPES + c] =
            (uint8_t)((space ? TYPE_SPACE : 0) | (alpha ? TYPE_LETTER : 0) |
                      (lower ? TYPE_LOWER : 0) | (digit ? TYPE_DIGIT : 0) | (word ? TYPE_WORD : 0));
    }
}

/* ---- the VM's part, made at first use ---- */

bool re_init(vm_t *vm) {
    atomic_init(&vm->re, NULL);
    return true;
}

static struct re_state *state_of(vm_t *vm) {
    struct re_state *st = atomic_load_explicit(&vm->re, memory_order_acquire), *none = NULL;
    if (LIKELY(st != NULL)) return st;
    st = mem_calloc(vm, sizeof *st);
    if (!st) return NULL;
    tables_fill(st->tables);
    if (atomic_compare_exchange_strong(&vm->re, &none, st)) return st;
    mem_free(vm, st, sizeof *st); /* another thread was first */
    return none;
}

static void run_destroy(re_run_t *r) {
    if (r->stack) pcre2_jit_stack_free(r->stack);
    if (r->context) pcre2_match_context_free(r->context);
    if (r->data) pcre2_match_data_free(r->data);
    if (r->general) pcre2_general_context_free(r->general);
    mem_free(r->vm, r, sizeof *r);
}

void re_free(vm_t *vm) {
    struct re_state *st = atomic_load_explicit(&vm->re, memory_order_acquire);
    if (!st) return;
    for (re_code_t *c = st->newest, *next; c; c = next) {
        next = c->older;
        re_code_release(c);
    }
    for (re_run_t *r = st->runs, *next; r; r = next) {
        next = r->next;
        run_destroy(r);
    }
    mem_free(vm, st, sizeof *st);
}

/* ---- keys ---- */

static const char key_magic[8] = "ling re1";

void re_key_fill(uint8_t *key, size_t source, uint32_t options, unsigned newline, unsigned bsr) {
    uint64_t n = source;
    memcpy(key, key_magic, 8);
    memcpy(key + 8, &options, 4);
    key[12] = (uint8_t)newline;
    key[13] = (uint8_t)bsr;
    key[14] = key[15] = 0;
    memcpy(key + 16, &n, 8);
    size_t end = RE_KEY_HEAD + source, size = re_key_size(source);
    memset(key + end, 0, size - end);
}
void re_key_set_newline(uint8_t *key, unsigned newline, unsigned bsr) {
    if (newline) key[12] = (uint8_t)newline;
    if (bsr) key[13] = (uint8_t)bsr;
}

#define OPTIONS_ALLOWED                                                                            \
    (PCRE2_UTF | PCRE2_ANCHORED | PCRE2_CASELESS | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL |           \
     PCRE2_EXTENDED | PCRE2_FIRSTLINE | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_DUPNAMES | \
     PCRE2_UNGREEDY | PCRE2_NO_START_OPTIMIZE | PCRE2_UCP | PCRE2_NEVER_UTF)

static bool key_split(const uint8_t *key, size_t size, uint32_t *options, size_t *source) {
    uint64_t n;
    if (size < RE_KEY_MIN || memcmp(key, key_magic, 8) != 0) return false;
    memcpy(options, key + 8, 4);
    memcpy(&n, key + 16, 8);
    *source = n;
    return n <= size && re_key_size(n) == size && (*options & ~OPTIONS_ALLOWED) == 0 &&
           key[12] <= PCRE2_NEWLINE_ANYCRLF && key[13] <= PCRE2_BSR_ANYCRLF;
}

static uint64_t key_hash(const uint8_t *key, size_t size) {
    uint64_t h = size * 0x9e3779b97f4a7c15u, w;
    for (; size >= 8; key += 8, size -= 8) {
        memcpy(&w, key, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 29;
    }
    w = 0;
    memcpy(&w, key, size);
    h = (h ^ w) * 0xff51afd7ed558ccdu;
    return h ^ h >> 32;
}

/* ---- compiling ---- */

/* What PCRE 8 takes otherwise is put in PCRE2's way in a copy of the source. */
typedef struct {
    uint8_t *s; /* NULL: no copy yet */
    size_t n, room;
} copy_t;
static bool copy_make(vm_t *vm, copy_t *c, const uint8_t *s, size_t n) {
    if (c->s) return true;
    c->room = 2 * n + 1; /* at most a byte more for each */
    c->s = mem_alloc(vm, c->room);
    if (!c->s) return false;
    c->n = n;
    memcpy(c->s, s, n);
    return true;
}
static void copy_insert(copy_t *c, size_t at, uint8_t byte) {
    memmove(c->s + at + 1, c->s + at, c->n - at);
    c->s[at] = byte;
    c->n++;
}
static void copy_delete(copy_t *c, size_t at) {
    memmove(c->s + at, c->s + at + 1, c->n - at - 1);
    c->n--;
}

/* PCRE2 calls it (*UTF); PCRE 8 also knows (*UTF8). Only at the beginning. */
static bool utf8_verb(vm_t *vm, const uint8_t *s, size_t n, copy_t *copy) {
    size_t i = 0;
    while (n - i > 6 && s[i] == '(' && s[i + 1] == '*') {
        if (memcmp(s + i, "(*UTF8)", 7) == 0) {
            if (!copy_make(vm, copy, s, n)) return false;
            copy_delete(copy, i + 5);
            return true;
        }
        const uint8_t *end = memchr(s + i, ')', n - i);
        if (!end) break;
        i = (size_t)(end - s) + 1;
    }
    return true;
}

/* Changes what made PCRE2 fail at offset but means something to PCRE 8; false: it does not (or no
 * memory). *moved: by how much what follows moved. */
static bool evade(vm_t *vm, int error, const uint8_t *s, size_t n, size_t offset, copy_t *copy,
                  int *moved) {
    size_t k = offset;
    switch (error) {
    case PCRE2_ERROR_CLASS_INVALID_RANGE: /* [\w-.]: the hyphen is a hyphen */
        if (k >= n || s[k] != '-' || copy->n > 2 * n || !copy_make(vm, copy, s, n)) return false;
        copy_insert(copy, k, '\\');
        *moved = 1;
        return copy->n < copy->room;
    case PCRE2_ERROR_ESCAPE_INVALID_IN_CLASS: /* [\R]: the letter itself */
        if (k >= n || !memchr("ABCGKRXZkz", s[k], 10)) return false;
        break;
    case PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE: /* \8 where there are no eight groups */
        while (k > 0 && s[k - 1] >= '0' && s[k - 1] <= '9') k--;
        if (k >= n || (s[k] != '8' && s[k] != '9')) return false;
        break;
    default: return false;
    }
    if (k == 0 || s[k - 1] != '\\' || !copy_make(vm, copy, s, n)) return false;
    copy_delete(copy, k - 1);
    *moved = -1;
    return true;
}

static bool contains(const uint8_t *s, size_t n, char a, char b) {
    for (size_t i = 0; i + 1 < n; i++)
        if (s[i] == (uint8_t)a && s[i + 1] == (uint8_t)b) return true;
    return false;
}

static pcre2_code *compile_here(struct re_state *st, vm_t *vm, const uint8_t *key, const uint8_t *s,
                                size_t n, uint32_t options, int *error, size_t *offset) {
    *error = 0;
    *offset = 0;
    pcre2_general_context *g = pcre2_general_context_create(code_malloc, code_free, vm);
    pcre2_compile_context *cc = g ? pcre2_compile_context_create(g) : NULL;
    pcre2_code *code = NULL;
    uint32_t extra = PCRE2_EXTRA_ALLOW_LOOKAROUND_BSK;
    copy_t copy = {0};
    if (!cc || !utf8_verb(vm, s, n, &copy)) goto done;
    pcre2_set_character_tables(cc, st->tables);
    pcre2_set_newline(cc, key[12] ? key[12] : PCRE2_NEWLINE_LF);
    pcre2_set_bsr(cc, key[13] ? key[13] : PCRE2_BSR_UNICODE);
    pcre2_set_parens_nest_limit(cc, NEST_MAX);
    pcre2_set_compile_extra_options(cc, extra);
    int moved = copy.s ? -1 : 0, by = 0;
    for (int tries = 0;; tries++) {
        const uint8_t *source = copy.s ? copy.s : s;
        size_t len = copy.s ? copy.n : n;
        code = pcre2_compile(source, len, options, error, offset, cc);
        if (!code && *error == PCRE2_ERROR_UNKNOWN_ESCAPE) {
            /* PCRE 8 takes the character itself. */
            pcre2_set_compile_extra_options(cc, extra | PCRE2_EXTRA_BAD_ESCAPE_IS_LITERAL);
            code = pcre2_compile(source, len, options, error, offset, cc);
        }
        if (code || tries == EVASIONS_MAX) break;
        if (!evade(vm, *error, source, len, *offset, &copy, &by)) break;
        moved += by;
    }
    if (!code && *error == PCRE2_ERROR_HEAP_FAILED) *error = 0;
    if (!code && moved) {
        int64_t at = (int64_t)*offset - moved;
        *offset = at < 0 ? 0 : (size_t)at;
    }
done:
    mem_free(vm, copy.s, copy.room);
    if (cc) pcre2_compile_context_free(cc);
    if (g) pcre2_general_context_free(g);
    return code;
}

/* PCRE2's compilers recurse. */
typedef struct {
    struct re_state *st;
    vm_t *vm;
    const uint8_t *key, *s;
    size_t n;
    uint32_t options;
    uint32_t jit; /* modes, 0: none */
    int *error;
    size_t *offset;
    pcre2_code *code;
} compile_t;
static void compile_call(void *arg) {
    compile_t *x = arg;
    x->code = compile_here(x->st, x->vm, x->key, x->s, x->n, x->options, x->error, x->offset);
    /* Without native code it runs all the same. */
    if (x->code && x->jit) pcre2_jit_compile(x->code, x->jit);
}
static pcre2_code *compile(proc_t *p, compile_t x) {
    bif_deep(p, compile_call, &x);
    return x.code;
}

/* PCRE2 10.42's native code forgets starting points for lazy repeats in atomic groups: (?>a+?)b
 * does not find aab. */
static bool jit_errs(const uint8_t *s, size_t n, uint32_t options) {
    bool lazy = (options & PCRE2_UNGREEDY) || contains(s, n, '+', '?') ||
                contains(s, n, '*', '?') || contains(s, n, '?', '?') || contains(s, n, '}', '?') ||
                contains(s, n, '?', 'U');
    return lazy && contains(s, n, '?', '>');
}

static re_code_t *code_new(proc_t *p, struct re_state *st, const uint8_t *key, size_t size,
                           int *error, size_t *offset) {
    uint32_t options, nl, all;
    size_t n;
    *error = -1;
    if (!key_split(key, size, &options, &n)) return NULL;
    const uint8_t *s = key + RE_KEY_HEAD;
    vm_t *vm = p->vm;
    pcre2_code *code = compile(p, (compile_t){.st = st,
                                              .vm = vm,
                                              .key = key,
                                              .s = s,
                                              .n = n,
                                              .options = options,
                                              .error = error,
                                              .offset = offset});
    if (!code) return NULL;
    re_code_t *c = mem_calloc(vm, sizeof *c + size);
    if (!c) {
        pcre2_code_free(code);
        *error = 0;
        return NULL;
    }
    atomic_init(&c->refs, 1);
    atomic_init(&c->jit, jit_errs(s, n, options) ? JIT_NEVER : JIT_NO);
    c->vm = vm;
    c->code = code;
    memcpy(c->key, key, size);
    c->key_size = size;
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &c->captures);
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &c->names);
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &c->name_size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &c->name_table);
    pcre2_pattern_info(code, PCRE2_INFO_NEWLINE, &nl);
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &all);
    c->utf = (all & PCRE2_UTF) != 0;
    c->crlf = nl == PCRE2_NEWLINE_CRLF || nl == PCRE2_NEWLINE_ANY || nl == PCRE2_NEWLINE_ANYCRLF;
    c->dupnames = (options & PCRE2_DUPNAMES) != 0;
    c->bytewise = contains(s, n, '\\', 'C');
    /* \G, verbs and firstline look at where the search began. */
    c->pieces = !(all & (PCRE2_ANCHORED | PCRE2_FIRSTLINE)) && !contains(s, n, '(', '*') &&
                !contains(s, n, '\\', 'G') && !contains(s, n, '\\', 'K');
    return c;
}

static void cache_unlink(struct re_state *st, re_code_t *c) {
    re_code_t **link = &st->bucket[c->hash % BUCKETS];
    while (*link != c) link = &(*link)->hash_next;
    *link = c->hash_next;
    *(c->newer ? &c->newer->older : &st->newest) = c->older;
    *(c->older ? &c->older->newer : &st->oldest) = c->newer;
    st->count--;
}
static void cache_first(struct re_state *st, re_code_t *c) {
    c->newer = NULL;
    c->older = st->newest;
    *(c->older ? &c->older->newer : &st->oldest) = c;
    st->newest = c;
}

/* With a count for the caller. */
static re_code_t *cache_find(struct re_state *st, uint64_t hash, const uint8_t *key, size_t size) {
    for (re_code_t *c = st->bucket[hash % BUCKETS]; c; c = c->hash_next)
        if (c->hash == hash && c->key_size == size && memcmp(c->key, key, size) == 0) {
            if (st->newest != c) {
                c->newer->older = c->older;
                *(c->older ? &c->older->newer : &st->oldest) = c->newer;
                cache_first(st, c);
            }
            atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
            return c;
        }
    return NULL;
}

re_code_t *re_code_get(proc_t *p, const uint8_t *key, size_t size, int *error, size_t *offset) {
    vm_t *vm = p->vm;
    struct re_state *st = state_of(vm);
    *error = 0;
    *offset = 0;
    if (!st) return NULL;
    uint64_t hash = key_hash(key, size);
    spin_lock(vm, &st->lock);
    re_code_t *c = cache_find(st, hash, key, size), *other, *old = NULL;
    spin_unlock(vm, &st->lock);
    if (c) return c;
    c = code_new(p, st, key, size, error, offset);
    if (!c) return NULL;
    c->hash = hash;
    spin_lock(vm, &st->lock);
    other = cache_find(st, hash, key, size);
    if (!other) {
        c->hash_next = st->bucket[hash % BUCKETS];
        st->bucket[hash % BUCKETS] = c;
        cache_first(st, c);
        atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
        if (++st->count > CACHE_MAX) cache_unlink(st, old = st->oldest);
    }
    spin_unlock(vm, &st->lock);
    if (old) re_code_release(old);
    if (!other) return c;
    re_code_release(c); /* another thread compiled the same */
    return other;
}

void re_code_release(re_code_t *c) {
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1) return;
    pcre2_code_free(atomic_load_explicit(&c->watched, memory_order_relaxed));
    pcre2_code_free(c->code);
    mem_free(c->vm, c, sizeof *c + c->key_size);
}

/* ---- the pattern as a binary ---- */

static void pattern_destroy(shared_bin_t *b) { re_code_release(b->owner); }

term_t re_code_binary(proc_t *p, re_code_t *c) {
    shared_bin_t *b = shared_bin_new_foreign(p->vm, c->key, c->key_size, pattern_destroy, c);
    if (!b) return TERM_NONE;
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return binary_from_shared(p, b, 0, c->key_size);
}

re_code_t *re_code_of(term_t t) {
    if (!is_boxed_type(t, T_PROC_BIN)) return NULL;
    proc_bin_t *pb = (proc_bin_t *)boxed_ptr(t);
    if (pb->bin->destroy != pattern_destroy || pb->data != pb->bin->data ||
        pb->size != pb->bin->size)
        return NULL;
    return pb->bin->owner;
}

/* ---- running ---- */

/* Charges the time since the last look. Nobody else touches r while it runs. */
static int on_callout(pcre2_callout_block *block, void *arg) {
    re_run_t *r = arg;
    proc_t *p = r->p;
    (void)block;
    if (++r->callouts % CALLOUTS_PER_LOOK) return 0;
    host_t *h = r->vm->host;
    uint64_t now = h->ops->monotonic_ns(h);
    int32_t cost = 1, left = p->reds;
    if (r->since) cost += (int32_t)((now - r->since) / NS_PER_RED % INT32_MAX);
    if (bif_tick(p, (size_t)cost)) return RE_STOPPED;
    r->since = p->reds == left - cost ? now : h->ops->monotonic_ns(h); /* it may have slept */
    return 0;
}

static bool run_prepare(re_run_t *r, uint32_t pairs) {
    if (!r->general) r->general = pcre2_general_context_create(run_malloc, run_free, r);
    if (!r->general) return false;
    if (!r->context) {
        r->context = pcre2_match_context_create(r->general);
        if (!r->context) return false;
        pcre2_set_heap_limit(r->context, HEAP_LIMIT_KB);
        pcre2_set_callout(r->context, on_callout, r);
    }
    if (r->data && r->pairs >= pairs) return true;
    if (r->data) pcre2_match_data_free(r->data);
    r->data = pcre2_match_data_create(pairs, r->general);
    r->pairs = pairs;
    return r->data != NULL;
}

re_run_t *re_run_get(vm_t *vm, uint32_t captures) {
    struct re_state *st = state_of(vm);
    if (!st) return NULL;
    spin_lock(vm, &st->lock);
    re_run_t *r = st->runs;
    if (r) {
        st->runs = r->next;
        st->runs_kept--;
    }
    spin_unlock(vm, &st->lock);
    if (!r) {
        r = mem_calloc(vm, sizeof *r);
        if (!r) return NULL;
        r->vm = vm;
    }
    if (LIKELY(r->data && r->pairs > captures)) return r;
    if (run_prepare(r, captures < 16 ? 16 : captures + 1)) return r;
    run_destroy(r);
    return NULL;
}

void re_run_put(re_run_t *r) {
    struct re_state *st = state_of(r->vm);
    bool keep = r->bytes <= KEEP_BYTES;
    if (keep) {
        spin_lock(r->vm, &st->lock);
        keep = st->runs_kept < RUNS_KEPT;
        if (keep) {
            r->next = st->runs;
            st->runs = r;
            st->runs_kept++;
        }
        spin_unlock(r->vm, &st->lock);
    }
    if (!keep) run_destroy(r);
}

/* One thread makes native code; the others go without it meanwhile. */
typedef struct {
    pcre2_code *code;
    uint32_t modes;
    bool ok;
} native_t;
static void native_call(void *arg) {
    native_t *x = arg;
    x->ok = pcre2_jit_compile(x->code, x->modes) == 0;
}
static uint32_t native_modes(const re_code_t *c) {
    return PCRE2_JIT_COMPLETE | (c->pieces ? PCRE2_JIT_PARTIAL_HARD : 0);
}
static COLD bool jit_prepare(proc_t *p, re_code_t *c, size_t n) {
    uint32_t no = JIT_NO;
    if (atomic_load_explicit(&c->jit, memory_order_acquire) != JIT_NO) return false;
    if (n < JIT_LONG && atomic_fetch_add_explicit(&c->uses, 1, memory_order_relaxed) == 0)
        return false;
    if (!atomic_compare_exchange_strong(&c->jit, &no, JIT_COMPILING)) return false;
    native_t x = {.code = c->code, .modes = native_modes(c)};
    bif_deep(p, native_call, &x);
    atomic_store_explicit(&c->jit, x.ok ? JIT_READY : JIT_NEVER, memory_order_release);
    return x.ok;
}

/* The code with callouts; without memory for it the one without. */
static COLD pcre2_code *watched_get(proc_t *p, re_code_t *c) {
    pcre2_code *w = atomic_load_explicit(&c->watched, memory_order_acquire), *none = NULL;
    uint32_t options;
    size_t n, offset;
    int error;
    if (w || !key_split(c->key, c->key_size, &options, &n)) return w;
    bool native = atomic_load_explicit(&c->jit, memory_order_relaxed) != JIT_NEVER;
    w = compile(p, (compile_t){.st = state_of(c->vm),
                               .vm = c->vm,
                               .key = c->key,
                               .s = c->key + RE_KEY_HEAD,
                               .n = n,
                               .options = options | PCRE2_AUTO_CALLOUT,
                               .jit = native ? native_modes(c) : 0,
                               .error = &error,
                               .offset = &offset});
    if (!w) return c->code;
    if (atomic_compare_exchange_strong(&c->watched, &none, w)) return w;
    pcre2_code_free(w); /* another thread was first */
    return none;
}

#define JIT_OPTIONS                                                                                \
    (PCRE2_NOTBOL | PCRE2_NOTEOL | PCRE2_NOTEMPTY | PCRE2_NOTEMPTY_ATSTART | PCRE2_PARTIAL_HARD)

typedef struct {
    const uint8_t *s;
    size_t n, start;
    uint32_t options;
} where_t;

/* Native code runs in 32 KB of the thread's stack and gets a stack of its own when that is full.
 * How much it backtracks is counted, the depth is not. */
static int match_native(re_run_t *r, pcre2_code *code, const where_t *w) {
    int rc = pcre2_jit_match(code, w->s, w->n, w->start, w->options, r->data, r->context);
    if (LIKELY(rc != PCRE2_ERROR_JIT_STACKLIMIT) || r->stack) return rc;
    r->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, r->general);
    if (!r->stack) return rc;
    pcre2_jit_stack_assign(r->context, NULL, r->stack);
    return pcre2_jit_match(code, w->s, w->n, w->start, w->options, r->data, r->context);
}

static int match(re_run_t *r, pcre2_code *code, const where_t *w, bool native, uint32_t limit) {
    pcre2_set_match_limit(r->context, limit);
    int rc = native ? match_native(r, code, w) : PCRE2_ERROR_JIT_BADOPTION;
    if (LIKELY(rc != PCRE2_ERROR_JIT_STACKLIMIT && rc != PCRE2_ERROR_JIT_BADOPTION)) return rc;
    return pcre2_match(code, w->s, w->n, w->start, w->options | PCRE2_NO_JIT | PCRE2_NO_UTF_CHECK,
                       r->data, r->context);
}

/* What backtracked too much, again. */
static COLD int match_long(proc_t *p, re_run_t *r, re_code_t *c, const where_t *w, bool native,
                           int64_t limit) {
    uint32_t all;
    pcre2_config(PCRE2_CONFIG_MATCHLIMIT, &all);
    if (limit >= 0) all = (uint32_t)limit;
    return match(r, watched_get(p, c), w, native, all);
}

int re_run_match(proc_t *p, re_run_t *r, re_code_t *c, const uint8_t *s, size_t n, size_t start,
                 uint32_t options, re_limits_t limits) {
    where_t w = {s, n, start, options};
    bool native = (options & ~JIT_OPTIONS) == 0 && limits.match < 0 && limits.depth < 0 &&
                  (LIKELY(atomic_load_explicit(&c->jit, memory_order_acquire) == JIT_READY) ||
                   jit_prepare(p, c, n - start));
    r->p = p; /* the pattern may have callouts of its own */
    r->since = 0;
    size_t once = MATCH_ONCE + MATCH_ONCE_PER_BYTE * (n - start);
    if (once > INT32_MAX) once = INT32_MAX;
    if (UNLIKELY(limits.depth >= 0)) pcre2_set_depth_limit(r->context, (uint32_t)limits.depth);
    bool limited = limits.match >= 0 && (size_t)limits.match <= once;
    int rc = match(r, c->code, &w, native, limited ? (uint32_t)limits.match : (uint32_t)once);
    if (UNLIKELY(rc == PCRE2_ERROR_MATCHLIMIT) && !limited)
        rc = match_long(p, r, c, &w, native, limits.match);
    if (UNLIKELY(limits.depth >= 0)) {
        uint32_t depth;
        pcre2_config(PCRE2_CONFIG_DEPTHLIMIT, &depth);
        pcre2_set_depth_limit(r->context, depth);
    }
    return rc;
}
