/* bif_maps.c: the functions of module maps that are native, and the guard and internal functions on
 * maps. Thin: map.c does the work.
 *
 * Iteration: erts_internal:map_next(Place, Map, iterator) gives {K, V, {K, V, ... [Place|Map]}}, or
 * `none` at the end; with a list instead of `iterator` it puts pairs in front of the list and gives
 * [Place, Map | List] while there are more. maps:next/1 and maps:to_list/1 live on it. Lists of
 * large maps are made from behind, so that they come out in the iterator's order.
 */
#include "vm/map.h"
#include "vm/code.h"

/* Pairs handed out per call: each is paid for in reductions. */
#define ITERATOR_BATCH 64
#define LIST_BATCH     4000
#define PAIRS_PER_RED  8
#define PAIRS_PER_TICK 1024
#define PAIR_TICK(n)   BIF_TICK_EVERY(p, n, PAIRS_PER_TICK, PAIRS_PER_TICK / PAIRS_PER_RED)

static term_t badmap(proc_t *p, term_t t) { return bif_error2(p, A_badmap, t); }

static BIF(maps_get) {
    if (!is_map(a[1])) return badmap(p, a[1]);
    term_t v = map_get(p->vm, a[1], a[0]);
    return v != TERM_NONE ? v : bif_error2(p, A_badkey, a[0]);
}

static BIF(maps_find) {
    if (!is_map(a[1])) return badmap(p, a[1]);
    term_t v = map_get(p->vm, a[1], a[0]);
    if (v == TERM_NONE) return A_error;
    term_t *hp = heap_alloc(p, 3);
    if (!hp) return bif_oom(p);
    return tuple2(&hp, A_ok, v);
}

static BIF(maps_is_key) {
    if (!is_map(a[1])) return badmap(p, a[1]);
    return make_bool(map_get(p->vm, a[1], a[0]) != TERM_NONE);
}

static BIF(erlang_map_size) {
    return is_map(a[0]) ? make_small((int64_t)map_size(a[0])) : badmap(p, a[0]);
}

static BIF(maps_put) { return is_map(a[2]) ? map_put(p, a[2], a[0], a[1]) : badmap(p, a[2]); }

static BIF(maps_update) { return is_map(a[2]) ? map_update(p, a[2], a, 1, true) : badmap(p, a[2]); }

static BIF(maps_remove) { return is_map(a[1]) ? map_remove(p, a[1], a[0], NULL) : badmap(p, a[1]); }

static BIF(maps_take) {
    if (!is_map(a[1])) return badmap(p, a[1]);
    term_t value = TERM_NONE;
    term_t rest = map_remove(p, a[1], a[0], &value);
    if (rest == TERM_NONE) return TERM_NONE;
    if (value == TERM_NONE) return A_error;
    term_t *hp = heap_alloc(p, 3);
    if (!hp) return bif_oom(p);
    return tuple2(&hp, value, rest);
}

LONG_BIF(maps_merge) {
    if (!is_map(a[0])) return badmap(p, a[0]);
    if (!is_map(a[1])) return badmap(p, a[1]);
    bif_bump(p, (map_size(a[0]) + map_size(a[1])) % PAIRS_PER_TICK / PAIRS_PER_RED);
    return map_merge(p, a[0], a[1]);
}

/* Room for n pairs: the given place when it will do, else memory of its own (NULL: none). */
static term_t *pairs_room(proc_t *p, term_t *small, size_t n) {
    return n <= MAP_FLAT_MAX ? small : mem_alloc(p->vm, 2 * n * sizeof(term_t));
}
static void pairs_free(proc_t *p, const term_t *small, term_t *kv, size_t n) {
    if (kv != small) mem_free(p->vm, kv, 2 * n * sizeof(term_t));
}

LONG_BIF(maps_from_list) {
    size_t n = 0, i = 0;
    term_t l = a[0];
    for (; is_cons(l); l = cons_tail(l)) {
        if (!is_tuple_of(cons_head(l), 2)) return bif_badarg(p);
        if (PAIR_TICK(++n)) return TERM_NONE;
    }
    if (!is_nil(l)) return bif_badarg(p);
    if (bif_begin(p, n)) return TERM_NONE;
    bif_bump(p, n % PAIRS_PER_TICK / PAIRS_PER_RED);
    term_t small[2 * MAP_FLAT_MAX], *kv = pairs_room(p, small, n), r = TERM_NONE;
    if (!kv) return bif_oom(p);
    for (l = a[0]; is_cons(l); l = cons_tail(l)) {
        memcpy(kv + 2 * i, tuple_elems(cons_head(l)), 2 * sizeof *kv);
        if (PAIR_TICK(++i)) goto stop;
    }
    r = map_from_pairs_long(p, kv, n);
stop:
    pairs_free(p, small, kv, n);
    return r;
}

LONG_BIF(maps_from_keys) {
    int64_t len = list_length_long(p, a[0]);
    if (len < 0) return len == LIST_STOPPED ? TERM_NONE : bif_badarg(p);
    size_t n = (size_t)len, i = 0;
    if (bif_begin(p, n)) return TERM_NONE;
    bif_bump(p, n % PAIRS_PER_TICK / PAIRS_PER_RED);
    term_t small[2 * MAP_FLAT_MAX], *kv = pairs_room(p, small, n), r = TERM_NONE;
    if (!kv) return bif_oom(p);
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        kv[2 * i] = cons_head(l), kv[2 * i + 1] = a[1];
        if (PAIR_TICK(++i)) goto stop;
    }
    r = map_from_pairs_long(p, kv, n);
stop:
    pairs_free(p, small, kv, n);
    return r;
}

/* Keys or values as a list, in iteration order. */
static term_t list_one_side(proc_t *p, term_t map, bool values) {
    if (!is_map(map)) return badmap(p, map);
    size_t n = map_size(map), i = 0;
    if (bif_begin(p, n / PAIRS_PER_RED)) return TERM_NONE;
    bif_bump(p, n % PAIRS_PER_TICK / PAIRS_PER_RED);
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * n), k, v;
    if (!hp) return bif_oom(p);
    term_t list = make_cons(hp);
    map_iter_t it;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &k, &v)) {
        hp[0] = values ? v : k;
        hp[1] = make_cons(hp + 2);
        hp += 2;
        if (PAIR_TICK(++i)) return TERM_NONE;
    }
    hp[-1] = TERM_NIL;
    return list;
}
LONG_BIF(maps_keys) { return list_one_side(p, a[0], false); }
LONG_BIF(maps_values) { return list_one_side(p, a[0], true); }

/* {K, V, {K, V, ... rest}}. Large maps: at most a batch, but all keys of one place together. */
static term_t next_as_iterator(proc_t *p, term_t map, uint64_t place) {
    bool large = is_hamt(map);
    size_t left = map_size(map);
    size_t batch = large ? ITERATOR_BATCH : left;
    map_iter_t it;
    if (large)
        map_iter_seek(&it, map, place);
    else
        map_iter_init(&it, map);
    term_t result = A_none, *where = &result, k, v, last = TERM_NONE;
    bool more = map_iter_next(&it, &k, &v);
    for (size_t n = 0; more; n++) {
        if (n == batch) {
            uint64_t here = map_key_place(p->vm, k);
            if (here != map_key_place(p->vm, last)) {
                term_t *hp = heap_alloc(p, 2);
                if (!hp) return bif_oom(p);
                *where = cons(&hp, make_small((int64_t)here), map);
                break;
            }
            batch++;
        }
        term_t *hp = heap_alloc(p, 4);
        if (!hp) return bif_oom(p);
        *where = tuple3(&hp, k, v, A_none);
        where = hp - 1;
        last = k;
        more = map_iter_next(&it, &k, &v);
    }
    bif_bump(p, batch / PAIRS_PER_RED);
    return result;
}

static term_t next_as_list(proc_t *p, term_t map, uint64_t place, term_t list) {
    bool large = is_hamt(map);
    size_t batch = large ? LIST_BATCH : MAP_FLAT_MAX, n = 0;
    map_iter_t it;
    if (large && place != 0)
        map_iter_seek_back(&it, map, place);
    else
        map_iter_init_back(&it, map);
    term_t k, v, last = TERM_NONE;
    for (; map_iter_prev(&it, &k, &v); n++) {
        if (n >= batch && map_key_place(p->vm, k) != map_key_place(p->vm, last)) {
            bif_bump(p, n / PAIRS_PER_RED);
            term_t *hp = heap_alloc(p, 4);
            if (!hp) return bif_oom(p);
            uint64_t bound = map_key_place(p->vm, last);
            list = cons(&hp, map, list);
            return cons(&hp, make_small((int64_t)bound), list);
        }
        term_t *hp = heap_alloc(p, 5);
        if (!hp) return bif_oom(p);
        term_t pair = tuple2(&hp, k, v);
        list = cons(&hp, pair, list);
        last = k;
    }
    bif_bump(p, n / PAIRS_PER_RED);
    return list;
}

static BIF(internal_map_next) {
    if (!is_map(a[1]) || !is_small(a[0]) || small_value(a[0]) < 0) return bif_badarg(p);
    uint64_t place = (uint64_t)small_value(a[0]);
    if (place != 0 && map_size(a[1]) == 0) return bif_badarg(p);
    if (a[2] == A_iterator) return next_as_iterator(p, a[1], place);
    if (is_list(a[2])) return next_as_list(p, a[1], place, a[2]);
    return bif_badarg(p);
}

static BIF(internal_map_to_tuple_keys) {
    if (is_flat_map(a[0])) return flat_map_keys(a[0]);
    return is_map(a[0]) ? bif_badarg(p) : badmap(p, a[0]);
}

/* The children of a large map's first node, as a list; those that are no pairs as tuples of what
 * is below them would cost a copy of the map, so they are given as their numbers of children. */
static BIF(internal_map_hashmap_children) {
    if (!is_map(a[0])) return badmap(p, a[0]);
    if (is_flat_map(a[0])) return bif_badarg(p);
    const term_t *node = boxed_ptr(boxed_ptr(a[0])[2]);
    bool plain = header_type(node[0]) == T_TUPLE;
    size_t n = header_size(node[0]) - !plain;
    const term_t *c = node + (plain ? 1 : 2);
    term_t *hp = heap_alloc(p, 2 * n), list = TERM_NIL;
    if (!hp) return bif_oom(p);
    for (size_t i = n; i-- > 0;) {
        bool leaf = is_cons(c[i]);
        size_t below = leaf ? 0 : header_size(boxed_header(c[i]));
        list = cons(&hp, leaf ? c[i] : make_small((int64_t)below), list);
    }
    return list;
}

/* What kind of thing a term is, by OTP's names for its representations. */
static BIF(internal_term_type) {
    (void)p;
    term_t t = a[0];
    if (is_small(t)) return A_fixnum;
    if (is_atom(t)) return A_atom;
    if (is_nil(t)) return A_nil;
    if (is_cons(t)) return A_list;
    if (is_local_pid(t)) return A_pid;
    if (is_local_port(t)) return A_port;
    switch (boxed_type(t)) {
    case T_TUPLE: return A_tuple;
    case T_FUN: return A_fun_;
    case T_EXPORT_FUN: return A_export;
    case T_MAP: return A_flatmap;
    case T_HAMT: return A_hashmap;
    case T_SUB_BIN:
    case T_MATCH_CTX: return A_sub_binary;
    case T_HEAP_BIN: return A_heap_binary;
    case T_PROC_BIN: return A_refc_binary;
    case T_BIG_POS:
    case T_BIG_NEG: return A_bignum;
    case T_FLOAT: return A_hfloat;
    case T_REF:
    case T_MAGIC_REF: return A_reference;
    case T_EXT_PID: return A_external_pid;
    case T_EXT_PORT: return A_external_port;
    case T_EXT_REF: return A_external_reference;
    default: return bif_badarg(p);
    }
}

const bif_def_t bifs_maps[] = {
    {"erlang", "map_size", 1, erlang_map_size, BIF_GUARD},
    {"erlang", "map_get", 2, maps_get, BIF_GUARD},
    {"erlang", "is_map_key", 2, maps_is_key, BIF_GUARD},
    {"maps", "get", 2, maps_get, 0},
    {"maps", "find", 2, maps_find, 0},
    {"maps", "is_key", 2, maps_is_key, 0},
    {"maps", "put", 3, maps_put, 0},
    {"maps", "update", 3, maps_update, 0},
    {"maps", "remove", 2, maps_remove, 0},
    {"maps", "take", 2, maps_take, 0},
    {"maps", "merge", 2, maps_merge, BIF_LONG},
    {"maps", "keys", 1, maps_keys, BIF_LONG},
    {"maps", "values", 1, maps_values, BIF_LONG},
    {"maps", "from_list", 1, maps_from_list, BIF_LONG},
    {"maps", "from_keys", 2, maps_from_keys, BIF_LONG},
    {"erts_internal", "map_next", 3, internal_map_next, 0},
    {"erts_internal", "map_to_tuple_keys", 1, internal_map_to_tuple_keys, 0},
    {"erts_internal", "map_hashmap_children", 1, internal_map_hashmap_children, 0},
    {"erts_internal", "term_type", 1, internal_term_type, 0},
    {0}};
