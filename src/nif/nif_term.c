/* nif_term.c: reading and making terms: atoms, numbers, tuples, lists, strings, references,
 * comparing and hashing. Native code calls these through erl_nif.h.
 */
#include "nif/nif.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/hash.h"
#include "vm/sched.h"

/* What looks at shared tables (atoms) does so as a visitor: a thread in native I/O holds nothing
 * there otherwise. */
#define VISIT(vm, what)                                                                            \
    do {                                                                                           \
        vm_visit_t visit = vm_enter(vm);                                                           \
        what;                                                                                      \
        vm_leave(vm, visit);                                                                       \
    } while (0)

/* ---- what is it? ---- */

int enif_is_atom(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_atom(t); }
int enif_is_binary(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_binary(t); }
int enif_is_ref(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_ref(t); }
int enif_is_fun(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_fun(t); }
int enif_is_pid(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_pid(t); }
int enif_is_port(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_port(t); }
int enif_is_empty_list(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_nil(t); }
int enif_is_list(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_list(t); }
int enif_is_tuple(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_tuple(t); }
int enif_is_number(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_number(t); }
int enif_is_map(ErlNifEnv *env, ERL_NIF_TERM t) { return (void)env, is_map(t); }

ErlNifTermType enif_term_type(ErlNifEnv *env, ERL_NIF_TERM t) {
    (void)env;
    if (is_atom(t)) return ERL_NIF_TERM_TYPE_ATOM;
    if (is_bitstring(t)) return ERL_NIF_TERM_TYPE_BITSTRING;
    if (is_float(t)) return ERL_NIF_TERM_TYPE_FLOAT;
    if (is_fun(t)) return ERL_NIF_TERM_TYPE_FUN;
    if (is_integer(t)) return ERL_NIF_TERM_TYPE_INTEGER;
    if (is_list(t)) return ERL_NIF_TERM_TYPE_LIST;
    if (is_map(t)) return ERL_NIF_TERM_TYPE_MAP;
    if (is_pid(t)) return ERL_NIF_TERM_TYPE_PID;
    if (is_port(t)) return ERL_NIF_TERM_TYPE_PORT;
    if (is_ref(t)) return ERL_NIF_TERM_TYPE_REFERENCE;
    if (is_tuple(t)) return ERL_NIF_TERM_TYPE_TUPLE;
    return ERL_NIF_TERM_TYPE__MISSING_DEFAULT_CASE__READ_THE_MANUAL;
}

/* ---- numbers ---- */

int enif_get_long(ErlNifEnv *env, ERL_NIF_TERM t, long *out) {
    int64_t v;
    (void)env;
    if (!term_to_int64(t, &v)) return 0;
    *out = v;
    return 1;
}

int enif_get_ulong(ErlNifEnv *env, ERL_NIF_TERM t, unsigned long *out) {
    uint64_t v;
    (void)env;
    if (!term_to_uint64(t, &v)) return 0;
    *out = v;
    return 1;
}

int enif_get_int(ErlNifEnv *env, ERL_NIF_TERM t, int *out) {
    (void)env;
    if (!is_small(t) || small_value(t) != (int)small_value(t)) return 0;
    *out = (int)small_value(t);
    return 1;
}

int enif_get_uint(ErlNifEnv *env, ERL_NIF_TERM t, unsigned *out) {
    (void)env;
    if (!is_small(t) || small_value(t) != (int64_t)(unsigned)small_value(t)) return 0;
    *out = (unsigned)small_value(t);
    return 1;
}

int enif_get_double(ErlNifEnv *env, ERL_NIF_TERM t, double *out) {
    (void)env;
    if (!is_float(t)) return 0;
    *out = float_value(t);
    return 1;
}

ERL_NIF_TERM enif_make_int(ErlNifEnv *env, int i) { return (void)env, make_small(i); }
ERL_NIF_TERM enif_make_uint(ErlNifEnv *env, unsigned i) { return (void)env, make_small(i); }
ERL_NIF_TERM enif_make_long(ErlNifEnv *env, long i) {
    return nif_made(env, int64_to_term(env->p, i));
}
ERL_NIF_TERM enif_make_ulong(ErlNifEnv *env, unsigned long i) {
    return nif_made(env, uint64_to_term(env->p, i));
}

ERL_NIF_TERM enif_make_double(ErlNifEnv *env, double d) {
    if (d - d != 0) return enif_make_badarg(env); /* infinite or no number */
    term_t *hp = heap_alloc(env->p, FLOAT_WORDS);
    return hp ? make_float(&hp, d) : nif_oom(env);
}

/* ---- atoms ---- the API's strings are Latin-1 */

enum { ATOM_BUFFER = 2 * ATOM_MAX_CHARS };

/* Latin-1 as UTF-8. false: too long for an atom. */
static bool latin1_name(const char *name, size_t len, uint8_t *out, size_t *bytes) {
    if (len > ATOM_MAX_CHARS) return false;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        if (c >= 128) out[n++] = (uint8_t)(0xc0 | c >> 6), c = 0x80 | (c & 0x3f);
        out[n++] = c;
    }
    *bytes = n;
    return true;
}

ERL_NIF_TERM enif_make_atom_len(ErlNifEnv *env, const char *name, size_t len) {
    if (len > ATOM_MAX_CHARS) return enif_make_badarg(env);
    term_t t;
    VISIT(env->vm, t = atom_intern_latin1(env->vm, (const uint8_t *)name, len));
    return nif_made(env, t);
}

ERL_NIF_TERM enif_make_atom(ErlNifEnv *env, const char *name) {
    return enif_make_atom_len(env, name, strlen(name));
}

int enif_make_existing_atom_len(ErlNifEnv *env, const char *name, size_t len, ERL_NIF_TERM *atom,
                                ErlNifCharEncoding encoding) {
    uint8_t text[ATOM_BUFFER];
    size_t bytes;
    if (encoding != ERL_NIF_LATIN1 || !latin1_name(name, len, text, &bytes)) return 0;
    term_t t;
    VISIT(env->vm, t = atom_find(env->vm, text, bytes));
    if (t == TERM_NONE) return 0;
    *atom = t;
    return 1;
}

int enif_make_existing_atom(ErlNifEnv *env, const char *name, ERL_NIF_TERM *atom,
                            ErlNifCharEncoding encoding) {
    return enif_make_existing_atom_len(env, name, strlen(name), atom, encoding);
}

int enif_get_atom_length(ErlNifEnv *env, ERL_NIF_TERM t, unsigned *len,
                         ErlNifCharEncoding encoding) {
    const atom_text_t *a;
    if (encoding != ERL_NIF_LATIN1 || !is_atom(t)) return 0;
    VISIT(env->vm, a = atom_text(env->vm, t)); /* the text stays */
    if (!a->latin1) return 0;
    *len = a->chars;
    return 1;
}

int enif_get_atom(ErlNifEnv *env, ERL_NIF_TERM t, char *buf, unsigned size,
                  ErlNifCharEncoding encoding) {
    const atom_text_t *a;
    if (encoding != ERL_NIF_LATIN1 || !is_atom(t)) return 0;
    VISIT(env->vm, a = atom_text(env->vm, t));
    if (!a->latin1 || a->chars >= size) return 0;
    const uint8_t *s = a->name;
    unsigned len = a->chars;
    for (unsigned i = 0; i < len; i++, s++) {
        if (*s < 128) {
            buf[i] = (char)*s;
        } else {
            buf[i] = (char)((s[0] & 3) << 6 | (s[1] & 0x3f));
            s++;
        }
    }
    buf[len] = 0;
    return (int)len + 1;
}

/* ---- tuples ---- */

int enif_get_tuple(ErlNifEnv *env, ERL_NIF_TERM t, int *arity, const ERL_NIF_TERM **array) {
    (void)env;
    if (!is_tuple(t)) return 0;
    *arity = (int)tuple_arity(t);
    *array = tuple_elems(t);
    return 1;
}

ERL_NIF_TERM enif_make_tuple_from_array(ErlNifEnv *env, const ERL_NIF_TERM array[], unsigned n) {
    term_t *hp = heap_alloc(env->p, (size_t)n + 1);
    if (!hp) return nif_oom(env);
    hp[0] = make_header(T_TUPLE, n);
    if (n) memcpy(hp + 1, array, n * sizeof *array);
    return make_boxed(hp);
}

ERL_NIF_TERM enif_make_tuple(ErlNifEnv *env, unsigned n, ...) {
    term_t *hp = heap_alloc(env->p, (size_t)n + 1);
    if (!hp) return nif_oom(env);
    va_list args;
    va_start(args, n);
    hp[0] = make_header(T_TUPLE, n);
    for (unsigned i = 1; i <= n; i++) hp[i] = va_arg(args, ERL_NIF_TERM);
    va_end(args);
    return make_boxed(hp);
}

/* ---- lists ---- */

int enif_get_list_cell(ErlNifEnv *env, ERL_NIF_TERM t, ERL_NIF_TERM *head, ERL_NIF_TERM *tail) {
    (void)env;
    if (!is_cons(t)) return 0;
    *head = cons_head(t);
    *tail = cons_tail(t);
    return 1;
}

int enif_get_list_length(ErlNifEnv *env, ERL_NIF_TERM t, unsigned *len) {
    (void)env;
    int64_t n = list_length(t);
    if (n < 0) return 0;
    *len = (unsigned)n;
    return 1;
}

ERL_NIF_TERM enif_make_list_cell(ErlNifEnv *env, ERL_NIF_TERM head, ERL_NIF_TERM tail) {
    term_t *hp = heap_alloc(env->p, 2);
    return hp ? cons(&hp, head, tail) : nif_oom(env);
}

ERL_NIF_TERM enif_make_list_from_array(ErlNifEnv *env, const ERL_NIF_TERM array[], unsigned n) {
    term_t *hp = n ? heap_alloc(env->p, 2 * (size_t)n) : NULL, list = TERM_NIL;
    if (n && !hp) return nif_oom(env);
    for (unsigned i = n; i > 0; i--) list = cons(&hp, array[i - 1], list);
    return list;
}

ERL_NIF_TERM enif_make_list(ErlNifEnv *env, unsigned n, ...) {
    term_t *hp = n ? heap_alloc(env->p, 2 * (size_t)n) : NULL;
    if (!n) return TERM_NIL;
    if (!hp) return nif_oom(env);
    term_t list = make_cons(hp);
    va_list args;
    va_start(args, n);
    for (unsigned i = 0; i < n; i++, hp += 2) {
        hp[0] = va_arg(args, ERL_NIF_TERM);
        hp[1] = make_cons(hp + 2);
    }
    va_end(args);
    hp[-1] = TERM_NIL;
    return list;
}

int enif_make_reverse_list(ErlNifEnv *env, ERL_NIF_TERM t, ERL_NIF_TERM *list) {
    int64_t n = list_length(t);
    if (n < 0) return 0;
    term_t *hp = n ? heap_alloc(env->p, 2 * (size_t)n) : NULL, result = TERM_NIL;
    if (n && !hp) {
        nif_oom(env);
        return 0;
    }
    for (; is_cons(t); t = cons_tail(t)) result = cons(&hp, cons_head(t), result);
    *list = result;
    return 1;
}

ERL_NIF_TERM enif_make_string_len(ErlNifEnv *env, const char *s, size_t len,
                                  ErlNifCharEncoding encoding) {
    if (encoding != ERL_NIF_LATIN1) return enif_make_badarg(env);
    return nif_made(env, bytes_to_list(env->p, (const uint8_t *)s, len, TERM_NIL));
}

ERL_NIF_TERM enif_make_string(ErlNifEnv *env, const char *s, ErlNifCharEncoding encoding) {
    return enif_make_string_len(env, s, strlen(s), encoding);
}

int enif_get_string(ErlNifEnv *env, ERL_NIF_TERM t, char *buf, unsigned size,
                    ErlNifCharEncoding encoding) {
    (void)env;
    if (encoding != ERL_NIF_LATIN1 || size < 1) return 0;
    unsigned n = 0;
    for (; is_cons(t); t = cons_tail(t)) {
        term_t c = cons_head(t);
        bool is_char = is_small(c) && small_value(c) >= 0 && small_value(c) <= 255;
        if (!is_char || n == size - 1) {
            buf[n] = 0;
            return is_char ? -(int)size : 0; /* as much as fits */
        }
        buf[n++] = (char)small_value(c);
    }
    buf[n] = 0;
    return is_nil(t) ? (int)n + 1 : 0;
}

/* ---- references, copies, order ---- */

ERL_NIF_TERM enif_make_ref(ErlNifEnv *env) { return nif_made(env, new_ref(env->p)); }

ERL_NIF_TERM enif_make_copy(ErlNifEnv *env, ERL_NIF_TERM t) {
    bool own = env->p->pid == TERM_NIL; /* no process: what it holds nobody asks for */
    return nif_made(env, own ? term_copy_all_to(env->p, t) : term_copy_to(env->p, t));
}

int enif_is_identical(ERL_NIF_TERM a, ERL_NIF_TERM b) {
    vm_t *vm = nif_vm();
    int same;
    VISIT(vm, same = term_eq(vm, a, b));
    return same;
}

int enif_compare(ERL_NIF_TERM a, ERL_NIF_TERM b) {
    vm_t *vm = nif_vm();
    int order;
    VISIT(vm, order = term_cmp(vm, a, b));
    return order;
}

ErlNifUInt64 enif_hash(ErlNifHash type, ERL_NIF_TERM t, ErlNifUInt64 salt) {
    vm_t *vm = nif_vm();
    uint64_t h;
    if (type == ERL_NIF_PHASH2) {
        VISIT(vm, h = term_phash2(vm, t) & ((1u << 27) - 1));
        return h;
    }
    VISIT(vm, h = term_hash(vm, t));
    return hash_mix(h ^ hash_mix(salt + 1)) >> 32;
}

ERL_NIF_TERM enif_make_unique_integer(ErlNifEnv *env, ErlNifUniqueInteger properties) {
    vm_t *vm = env->vm;
    int64_t n = properties & ERL_NIF_UNIQUE_MONOTONIC
                    ? atomic_fetch_add_explicit(&vm->next_unique_mono, 1, memory_order_relaxed)
                    : atomic_fetch_add_explicit(&vm->next_unique, 1, memory_order_relaxed);
    /* The numbers erlang:unique_integer/1 gives. */
    n = properties & ERL_NIF_UNIQUE_POSITIVE ? n + 1 : n - (1LL << 59);
    return nif_made(env, int64_to_term(env->p, n));
}
