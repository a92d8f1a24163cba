/* map_iter.c: going through the pairs of a map, forwards, backwards, from a place on, in key order.
 *
 * Relies on map_internal.h. Called by BIFs, encoders, printers and compare.c.
 */
#include "vm/map_internal.h"

static inline term_t *children(term_t t, uint32_t *n) {
    term_t *node = boxed_ptr(t);
    if (is_collision(node)) {
        *n = (uint32_t)header_size(node[0]);
        return node + 1;
    }
    *n = (uint32_t)node_count(node);
    return node + 2;
}

void map_iter_init(map_iter_t *it, term_t map) {
    it->map = map;
    it->index = 0;
    it->depth = 0;
    if (is_flat_map(map)) return;
    it->stack[0].node = hamt_node(map);
    it->stack[0].pos = 0;
    it->depth = 1;
}

bool map_iter_next(map_iter_t *it, term_t *key, term_t *value) {
    if (is_flat_map(it->map)) {
        if (it->index >= flat_map_size(it->map)) return false;
        *key = tuple_elems(flat_map_keys(it->map))[it->index];
        *value = flat_map_values(it->map)[it->index++];
        return true;
    }
    while (it->depth > 0) {
        uint32_t n, pos = it->stack[it->depth - 1].pos;
        const term_t *c = children(it->stack[it->depth - 1].node, &n);
        if (pos == n) {
            it->depth--;
            continue;
        }
        it->stack[it->depth - 1].pos = pos + 1;
        if (is_cons(c[pos])) {
            it->index++;
            *key = cons_head(c[pos]);
            *value = cons_tail(c[pos]);
            return true;
        }
        it->stack[it->depth].node = c[pos];
        it->stack[it->depth].pos = 0;
        it->depth++;
    }
    return false;
}

/* Backwards, pos counts the children not yet visited. */
static void iter_push_back(map_iter_t *it, term_t node) {
    uint32_t n;
    children(node, &n);
    it->stack[it->depth].node = node;
    it->stack[it->depth].pos = n;
    it->depth++;
}

void map_iter_init_back(map_iter_t *it, term_t map) {
    it->map = map;
    it->depth = 0;
    it->index = map_size(map);
    if (!is_flat_map(map)) iter_push_back(it, hamt_node(map));
}

bool map_iter_prev(map_iter_t *it, term_t *key, term_t *value) {
    if (is_flat_map(it->map)) {
        if (it->index == 0) return false;
        *key = tuple_elems(flat_map_keys(it->map))[--it->index];
        *value = flat_map_values(it->map)[it->index];
        return true;
    }
    while (it->depth > 0) {
        uint32_t n, pos = it->stack[it->depth - 1].pos;
        const term_t *c = children(it->stack[it->depth - 1].node, &n);
        if (pos == 0) {
            it->depth--;
            continue;
        }
        it->stack[it->depth - 1].pos = --pos;
        if (is_cons(c[pos])) {
            *key = cons_head(c[pos]);
            *value = cons_tail(c[pos]);
            return true;
        }
        iter_push_back(it, c[pos]);
    }
    return false;
}

uint64_t map_key_place(vm_t *vm, term_t key) { return key_hash(vm, key); }

/* Both seeks follow the place's own slots as far as there are any; the first level without stands
 * between what is before the place and what is behind. Where a place is no key's hash, levels
 * without a node are not compared: the iteration then starts somewhere near. */
void map_iter_seek(map_iter_t *it, term_t map, uint64_t place) {
    map_iter_init(it, map);
    if (is_flat_map(map)) return;
    term_t t = hamt_node(map);
    for (it->depth = 0; !is_cons(t); it->depth++) {
        const term_t *node = boxed_ptr(t);
        it->stack[it->depth].node = t;
        it->stack[it->depth].pos = 0;
        if (is_collision(node)) {
            it->depth++;
            return;
        }
        uint64_t info = node_info(node);
        unsigned bit = slot_bit(place, (unsigned)(info >> 16)), pos = bits_below(info, bit);
        it->stack[it->depth].pos = pos;
        if (!(info & bit)) {
            it->depth++;
            return;
        }
        it->stack[it->depth].pos = pos + 1;
        t = node[2 + pos];
    }
    it->stack[it->depth - 1].pos--; /* the leaf itself */
}

void map_iter_seek_back(map_iter_t *it, term_t map, uint64_t place) {
    map_iter_init_back(it, map);
    if (is_flat_map(map)) return;
    term_t t = hamt_node(map);
    for (it->depth = 0; !is_cons(t); it->depth++) {
        const term_t *node = boxed_ptr(t);
        if (is_collision(node)) return;
        uint64_t info = node_info(node);
        unsigned bit = slot_bit(place, (unsigned)(info >> 16)), pos = bits_below(info, bit);
        it->stack[it->depth].node = t;
        it->stack[it->depth].pos = pos;
        if (!(info & bit)) {
            it->depth++;
            return;
        }
        t = node[2 + pos];
    }
}

/* ---- all pairs ---- */

term_t *pairs_write(proc_t *tick, term_t map, term_t *kv) {
    size_t n = 0;
    map_iter_t it;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &kv[0], &kv[1])) {
        kv += 2;
        if (HASH_TICK(++n)) return NULL;
    }
    return kv;
}

/* ---- pairs in key order ---- */

static void pair_swap(term_t *kv, size_t i, size_t j) {
    term_t k = kv[2 * i], v = kv[2 * i + 1];
    kv[2 * i] = kv[2 * j], kv[2 * i + 1] = kv[2 * j + 1];
    kv[2 * j] = k, kv[2 * j + 1] = v;
}

static void heap_sift(vm_t *vm, term_t *kv, size_t i, size_t n) {
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= n) return;
        if (c + 1 < n && key_cmp(vm, kv[2 * c], kv[2 * c + 2]) < 0) c++;
        if (key_cmp(vm, kv[2 * i], kv[2 * c]) >= 0) return;
        pair_swap(kv, i, c);
        i = c;
    }
}

bool map_sorted_pairs(vm_t *vm, proc_t *tick, term_t map, term_t *kv) {
    size_t n = map_size(map);
    if (!pairs_write(tick, map, kv)) return false;
    if (is_flat_map(map)) return true;
    for (size_t i = n / 2; i-- > 0;) { /* heap sort: needs no memory */
        heap_sift(vm, kv, i, n);
        if (BIF_TICK_EVERY(tick, i + 1, 64, 128)) return false;
    }
    for (size_t end = n; end > 1;) {
        pair_swap(kv, 0, --end);
        heap_sift(vm, kv, 0, end);
        if (BIF_TICK_EVERY(tick, end, 64, 256)) return false;
    }
    return true;
}
