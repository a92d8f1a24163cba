/* nif_map.c: maps: looking into them, making new ones, and iterators.
 *
 * An iterator stands on a place from 0 (before the first pair) to size + 1 (behind the last). A
 * large map's pairs are copied to an array when the iteration starts, so that it can go both ways.
 */
#include "nif/nif.h"
#include "vm/map.h"
#include "vm/sched.h"

int enif_get_map_size(ErlNifEnv *env, ERL_NIF_TERM map, size_t *size) {
    (void)env;
    if (!is_map(map)) return 0;
    *size = map_size(map);
    return 1;
}

/* The key's value; TERM_NONE: no map, or no such key. */
static term_t find(ErlNifEnv *env, term_t map, term_t key) {
    if (!is_map(map)) return TERM_NONE;
    vm_visit_t v = vm_enter(env->vm);
    term_t value = map_get(env->vm, map, key);
    vm_leave(env->vm, v);
    return value;
}

int enif_get_map_value(ErlNifEnv *env, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM *value) {
    term_t t = find(env, map, key);
    if (t == TERM_NONE) return 0;
    *value = t;
    return 1;
}

static int result(ErlNifEnv *env, vm_visit_t v, term_t map, ERL_NIF_TERM *out) {
    vm_leave(env->vm, v);
    if (map == TERM_NONE) {
        nif_oom(env);
        return 0;
    }
    *out = map;
    return 1;
}

ERL_NIF_TERM enif_make_new_map(ErlNifEnv *env) { return nif_made(env, map_empty(env->p)); }

int enif_make_map_put(ErlNifEnv *env, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM value,
                      ERL_NIF_TERM *out) {
    if (!is_map(map)) return 0;
    vm_visit_t v = vm_enter(env->vm);
    return result(env, v, map_put(env->p, map, key, value), out);
}

int enif_make_map_update(ErlNifEnv *env, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM value,
                         ERL_NIF_TERM *out) {
    if (find(env, map, key) == TERM_NONE) return 0;
    return enif_make_map_put(env, map, key, value, out);
}

int enif_make_map_remove(ErlNifEnv *env, ERL_NIF_TERM map, ERL_NIF_TERM key, ERL_NIF_TERM *out) {
    if (!is_map(map)) return 0;
    vm_visit_t v = vm_enter(env->vm);
    return result(env, v, map_remove(env->p, map, key, NULL), out);
}

int enif_make_map_from_arrays(ErlNifEnv *env, ERL_NIF_TERM keys[], ERL_NIF_TERM values[], size_t n,
                              ERL_NIF_TERM *out) {
    term_t *kv = n ? mem_alloc(env->vm, 2 * n * sizeof *kv) : NULL;
    if (n && !kv) {
        nif_oom(env);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        kv[2 * i] = keys[i];
        kv[2 * i + 1] = values[i];
    }
    vm_visit_t v = vm_enter(env->vm);
    int ok = result(env, v, map_from_pairs(env->p, kv, n), out);
    mem_free(env->vm, kv, 2 * n * sizeof *kv);
    return ok && map_size(*out) == n; /* fewer: a key was there twice */
}

/* ---- iterators ---- */

int enif_map_iterator_create(ErlNifEnv *env, ERL_NIF_TERM map, ErlNifMapIterator *iter,
                             ErlNifMapIteratorEntry entry) {
    if (!is_map(map) || (entry != ERL_NIF_MAP_ITERATOR_FIRST && entry != ERL_NIF_MAP_ITERATOR_LAST))
        return 0;
    *iter = (ErlNifMapIterator){.map = map, .size = map_size(map)};
    iter->idx = entry == ERL_NIF_MAP_ITERATOR_FIRST ? 1 : iter->size;
    if (is_flat_map(map)) return 1;
    term_t *kv = iter->u.hash.kv = mem_alloc(env->vm, 2 * iter->size * sizeof *kv);
    if (!kv) return 0;
    map_iter_t it;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &kv[0], &kv[1])) kv += 2;
    return 1;
}

void enif_map_iterator_destroy(ErlNifEnv *env, ErlNifMapIterator *iter) {
    if (is_flat_map(iter->map)) return;
    mem_free(env->vm, iter->u.hash.kv, 2 * iter->size * sizeof(term_t));
    iter->u.hash.kv = NULL;
}

static int on_pair(const ErlNifMapIterator *iter) {
    return iter->idx > 0 && iter->idx <= iter->size;
}

int enif_map_iterator_is_head(ErlNifEnv *env, ErlNifMapIterator *iter) {
    return (void)env, iter->idx == 0 || iter->size == 0;
}

int enif_map_iterator_is_tail(ErlNifEnv *env, ErlNifMapIterator *iter) {
    return (void)env, iter->idx > iter->size;
}

int enif_map_iterator_next(ErlNifEnv *env, ErlNifMapIterator *iter) {
    (void)env;
    if (iter->idx <= iter->size) iter->idx++;
    return on_pair(iter);
}

int enif_map_iterator_prev(ErlNifEnv *env, ErlNifMapIterator *iter) {
    (void)env;
    if (iter->idx > 0) iter->idx--;
    return on_pair(iter);
}

int enif_map_iterator_get_pair(ErlNifEnv *env, ErlNifMapIterator *iter, ERL_NIF_TERM *key,
                               ERL_NIF_TERM *value) {
    (void)env;
    if (!on_pair(iter)) return 0;
    size_t i = iter->idx - 1;
    if (is_flat_map(iter->map)) {
        *key = tuple_elems(flat_map_keys(iter->map))[i];
        *value = flat_map_values(iter->map)[i];
    } else {
        *key = iter->u.hash.kv[2 * i];
        *value = iter->u.hash.kv[2 * i + 1];
    }
    return 1;
}
