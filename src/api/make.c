/* make.c: building terms. All return LING_NONE (which is the machine's TERM_NONE) on failure. */
#include <math.h>
#include <stdarg.h>
#include "api/api.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/map.h"
#include "vm/utf8.h"

_Static_assert(LING_NONE == TERM_NONE, "the public value of no term");

ling_term_t ling_make_int(ling_env_t *env, int64_t value) {
    if (fits_small(value)) return make_small(value);
    return env ? int64_to_term(env->p, value) : LING_NONE;
}
ling_term_t ling_make_uint(ling_env_t *env, uint64_t value) {
    if (value <= INT64_MAX) return ling_make_int(env, (int64_t)value);
    return env ? uint64_to_term(env->p, value) : LING_NONE;
}

ling_term_t ling_make_float(ling_env_t *env, double value) {
    if (!env || !isfinite(value)) return LING_NONE;
    term_t *hp = heap_alloc(env->p, FLOAT_WORDS);
    return hp ? make_float(&hp, value) : LING_NONE;
}

ling_term_t ling_make_atom(ling_env_t *env, const char *utf8) {
    return env && utf8 ? atom_from_string(env->vm, utf8) : LING_NONE;
}
ling_term_t ling_make_atom_n(ling_env_t *env, const char *utf8, size_t bytes) {
    if (!env || (bytes && !utf8)) return LING_NONE;
    return atom_intern(env->vm, (const uint8_t *)(bytes ? utf8 : ""), bytes);
}
ling_term_t ling_make_bool(ling_env_t *env, int value) {
    (void)env;
    return make_bool(value);
}

ling_term_t ling_make_binary(ling_env_t *env, const void *bytes, size_t size) {
    if (!env || (size && !bytes)) return LING_NONE;
    return new_binary(env->p, size ? bytes : NULL, size);
}

ling_term_t ling_make_string_n(ling_env_t *env, const char *utf8, size_t bytes) {
    const uint8_t *s = (const uint8_t *)utf8;
    if (bytes && !utf8) return LING_NONE;
    size_t count = 0, used;
    uint32_t c;
    for (size_t i = 0; i < bytes; i += used, count++)
        if ((used = utf8_read(s + i, bytes - i, &c)) == 0) return LING_NONE;
    if (count == 0) return TERM_NIL;
    term_t *hp = env ? heap_alloc(env->p, 2 * count) : NULL;
    if (!hp) return LING_NONE;
    term_t list = make_cons(hp);
    for (size_t i = 0; i < bytes; i += used, hp += 2) {
        used = utf8_read(s + i, bytes - i, &c);
        hp[0] = make_small(c);
        hp[1] = i + used < bytes ? make_cons(hp + 2) : TERM_NIL;
    }
    return list;
}
ling_term_t ling_make_string(ling_env_t *env, const char *utf8) {
    return utf8 ? ling_make_string_n(env, utf8, strlen(utf8)) : LING_NONE;
}

ling_term_t ling_make_nil(ling_env_t *env) {
    (void)env;
    return TERM_NIL;
}

ling_term_t ling_make_cons(ling_env_t *env, ling_term_t head, ling_term_t tail) {
    if (!env || !is_term(head) || !is_term(tail)) return LING_NONE;
    term_t *hp = heap_alloc(env->p, 2);
    return hp ? cons(&hp, head, tail) : LING_NONE;
}

static bool all_terms(const ling_term_t *t, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!is_term(t[i])) return false;
    return true;
}

ling_term_t ling_make_list(ling_env_t *env, const ling_term_t *elements, size_t count) {
    if (count == 0) return TERM_NIL;
    if (!env || !elements || !all_terms(elements, count)) return LING_NONE;
    term_t *hp = heap_alloc(env->p, 2 * count);
    if (!hp) return LING_NONE;
    term_t list = make_cons(hp);
    for (size_t i = 0; i < count; i++, hp += 2) {
        hp[0] = elements[i];
        hp[1] = i + 1 < count ? make_cons(hp + 2) : TERM_NIL;
    }
    return list;
}

ling_term_t ling_make_tuple(ling_env_t *env, const ling_term_t *elements, size_t count) {
    if (!env || (count && !elements) || count > (1u << 24) - 1) return LING_NONE;
    if (!all_terms(elements, count)) return LING_NONE;
    term_t *hp = heap_alloc(env->p, 1 + count);
    if (!hp) return LING_NONE;
    hp[0] = make_header(T_TUPLE, count);
    if (count) memcpy(hp + 1, elements, count * sizeof(term_t));
    return make_boxed(hp);
}

ling_term_t ling_make_tuple_of(ling_env_t *env, size_t count, ...) {
    if (count > 255) return LING_NONE;
    ling_term_t t[255];
    va_list ap;
    va_start(ap, count);
    for (size_t i = 0; i < count; i++) t[i] = va_arg(ap, ling_term_t);
    va_end(ap);
    return ling_make_tuple(env, t, count);
}

ling_term_t ling_make_map(ling_env_t *env, const ling_term_t *keys, const ling_term_t *values,
                          size_t count) {
    if (!env || (count && (!keys || !values))) return LING_NONE;
    if (count == 0) return map_empty(env->p);
    if (!all_terms(keys, count) || !all_terms(values, count)) return LING_NONE;
    if (count > SIZE_MAX / (2 * sizeof(term_t))) return LING_NONE;
    size_t bytes = 2 * count * sizeof(term_t);
    term_t *kv = mem_alloc(env->vm, bytes);
    if (!kv) return LING_NONE;
    for (size_t i = 0; i < count; i++) kv[2 * i] = keys[i], kv[2 * i + 1] = values[i];
    term_t map = map_from_pairs(env->p, kv, count);
    mem_free(env->vm, kv, bytes);
    return map;
}

ling_term_t ling_map_put(ling_env_t *env, ling_term_t map, ling_term_t key, ling_term_t value) {
    if (!env || !is_map(map) || !is_term(key) || !is_term(value)) return LING_NONE;
    return map_put(env->p, map, key, value);
}

ling_term_t ling_make_ref(ling_env_t *env) { return env ? new_ref(env->p) : LING_NONE; }

int ling_decode(ling_env_t *env, const void *bytes, size_t size, ling_term_t *term) {
    *term = LING_NONE;
    if (!env || (size && !bytes)) return LING_EINVAL;
    bool no_memory;
    *term = etf_decode_to(env->p, bytes, size, 0, NULL, &no_memory);
    return *term != TERM_NONE ? LING_OK : no_memory ? LING_ENOMEM : LING_EINVAL;
}

int ling_encode(ling_env_t *env, ling_term_t term, void **bytes, size_t *size) {
    uint8_t *out;
    size_t len, cap;
    *bytes = NULL;
    *size = 0;
    if (!env || !is_term(term)) return LING_EINVAL;
    if (etf_encode(env->vm, term, &out, &len, &cap) != 0) return LING_ENOMEM;
    uint8_t *fit = len == cap ? out : mem_realloc(env->vm, out, cap, len);
    if (!fit) {
        mem_free(env->vm, out, cap);
        return LING_ENOMEM;
    }
    *bytes = fit;
    *size = len;
    return LING_OK;
}

void ling_release(ling_vm_t *vm, void *bytes, size_t size) { mem_free(vm, bytes, size); }
