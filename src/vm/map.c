/* map.c: maps.
 *
 * Up to MAP_FLAT_MAX keys a map is flat: T_MAP [keys tuple][values ...], keys sorted by
 * term_cmp_exact; maps of the same shape share the tuple. Larger ones are hash tries:
 *
 *   root       T_HAMT       [number of pairs][node]
 *   node       T_HAMT_NODE  [bitmap | shift << 16][a child for each bit set]
 *   leaf       cons         [Key|Value]
 *   collision  T_TUPLE      leaves whose hashes are the same, sorted by key
 *
 * A node looks at four bits of the hash, those from its shift on. Levels at which all keys below
 * agree have no node: each node has at least two children, so n pairs take at most HAMT_WORDS_MAX
 * words whatever the hashes are, and the shape depends on the key set alone. So does the choice of
 * flat or trie: a trie that shrinks to MAP_FLAT_MAX pairs becomes flat. Equality relies on both.
 * Iteration goes by rising hash, so a hash is a place to continue an iteration at.
 *
 * Here: building, looking up and changing. Iteration is in map_iter.c, merging in map_merge.c.
 *
 * Relies on compare.h, hash.h and heap.h. Called by instructions, BIFs and decoders.
 */
#include "vm/map_internal.h"

/* Where key stands, or would have to, among n sorted keys `step` words apart. */
static size_t key_position(vm_t *vm, const term_t *keys, size_t step, size_t n, term_t key,
                           bool *found) {
    size_t lo = 0, hi = n;
    *found = false;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = key_cmp(vm, keys[mid * step], key);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Puts a pair among n sorted ones; returns the new number. The last of equal keys wins. */
static size_t pair_insert(vm_t *vm, term_t *kv, size_t n, term_t key, term_t value) {
    bool found;
    /* What comes in is often sorted already. */
    size_t i = n;
    if (n > 0) {
        int c = key_cmp(vm, kv[2 * n - 2], key);
        if (c == 0)
            i = n - 1, found = true;
        else if (c < 0)
            found = false;
        else
            i = key_position(vm, kv, 2, n, key, &found);
    } else {
        found = false;
    }
    if (found) {
        kv[2 * i] = key; /* may be 0.0 instead of -0.0 */
        kv[2 * i + 1] = value;
        return n;
    }
    memmove(kv + 2 * i + 2, kv + 2 * i, (n - i) * 2 * sizeof *kv);
    kv[2 * i] = key;
    kv[2 * i + 1] = value;
    return n + 1;
}

/* ---- flat maps ---- */

/* Index of key, or -1. */
static inline ptrdiff_t flat_find(vm_t *vm, term_t map, term_t key) {
    const term_t *keys = tuple_elems(flat_map_keys(map));
    size_t n = flat_map_size(map);
    for (size_t i = 0; i < n; i++)
        if (keys[i] == key) return (ptrdiff_t)i;
    if (is_immed(key)) return -1;
    for (size_t i = 0; i < n; i++)
        if ((keys[i] & TAG_MASK) == (key & TAG_MASK) && term_eq_slow(vm, keys[i], key))
            return (ptrdiff_t)i;
    return -1;
}

/* A flat map of pairs that are sorted and different. */
term_t flat_from_sorted(proc_t *p, const term_t *kv, size_t n) {
    term_t *keys = heap_alloc(p, FLAT_MAP_WORDS(n));
    if (UNLIKELY(keys == NULL)) return bif_oom(p);
    term_t *m = keys + n + 1;
    keys[0] = make_header(T_TUPLE, n);
    m[0] = make_header(T_MAP, n + 1);
    m[1] = make_boxed(keys);
    for (size_t i = 0; i < n; i++) {
        keys[1 + i] = kv[2 * i];
        m[2 + i] = kv[2 * i + 1];
    }
    return make_boxed(m);
}

/* Copy of a flat map, keys shared; *values to change. NULL: no memory, raised. */
term_t *flat_copy(proc_t *p, term_t map) {
    size_t n = flat_map_size(map);
    term_t *m = heap_alloc(p, n + 2);
    if (UNLIKELY(m == NULL)) {
        bif_oom(p);
        return NULL;
    }
    memcpy(m, boxed_ptr(map), (n + 2) * sizeof *m);
    return m;
}

term_t map_empty(proc_t *p) { return flat_from_sorted(p, NULL, 0); }

bool map_sort_flat(vm_t *vm, term_t *keys, term_t *values, size_t n) {
    for (size_t i = 1; i < n; i++) {
        term_t k = keys[i], v = values[i];
        int c = key_cmp(vm, keys[i - 1], k);
        if (c < 0) continue;
        bool found;
        size_t at = key_position(vm, keys, 1, i, k, &found);
        if (found) return false;
        memmove(keys + at + 1, keys + at, (i - at) * sizeof *keys);
        memmove(values + at + 1, values + at, (i - at) * sizeof *values);
        keys[at] = k;
        values[at] = v;
    }
    return true;
}

/* ---- building a trie of many pairs ---- */

typedef struct {
    uint64_t hash;
    uint64_t item; /* number of the pair, later the leaf */
} entry_t;

/* Stable sort by hash; tmp has room for n. Returns which of the two holds the result; NULL:
 * stopped. */
static entry_t *entries_sort(proc_t *tick, entry_t *e, entry_t *tmp, size_t n) {
    enum { RUN = 8 };
    for (size_t lo = 0; lo < n; lo += RUN) {
        size_t hi = lo + RUN < n ? lo + RUN : n;
        for (size_t i = lo + 1; i < hi; i++) {
            entry_t x = e[i];
            size_t j = i;
            for (; j > lo && e[j - 1].hash > x.hash; j--) e[j] = e[j - 1];
            e[j] = x;
        }
        if (HASH_TICK(lo + RUN)) return NULL;
    }
    for (size_t width = RUN; width < n; width *= 2) {
        for (size_t lo = 0; lo < n; lo += 2 * width) {
            size_t mid = lo + width < n ? lo + width : n;
            size_t hi = mid + width < n ? mid + width : n;
            size_t i = lo, j = mid;
            for (size_t k = lo; k < hi; k++) {
                tmp[k] = i < mid && (j >= hi || e[i].hash <= e[j].hash) ? e[i++] : e[j++];
                if (ENTRY_TICK(k + 1)) return NULL;
            }
        }
        entry_t *t = e;
        e = tmp, tmp = t;
    }
    return e;
}

/* Pairs that entries refer to: kv[2 * item] the key. Of equal keys the last stays. Entries of
 * equal hash end up sorted by key. Returns how many are left; 0: stopped. */
static size_t entries_unique(vm_t *vm, proc_t *tick, entry_t *e, size_t n, const term_t *kv) {
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        size_t first = out;
        uint64_t h = e[i].hash;
        for (; i < n && e[i].hash == h; i++) {
            if (ENTRY_TICK(i + 1)) return 0;
            entry_t x = e[i];
            size_t j = out;
            int c = 1;
            while (j > first && (c = key_cmp(vm, kv[2 * e[j - 1].item], kv[2 * x.item])) > 0) j--;
            if (c == 0) {
                e[j - 1] = x;
            } else {
                memmove(e + j + 1, e + j, (out - j) * sizeof *e);
                e[j] = x;
                out++;
            }
        }
    }
    return out;
}

/* The node for n > MAP_FLAT_MAX entries, sorted by hash, different, item a leaf. TERM_NONE:
 * stopped. */
static term_t trie_build(proc_t *tick, const entry_t *e, size_t n, term_t **hpp) {
    struct {
        term_t *child; /* next one to be written */
        size_t pos, end;
        unsigned shift;
    } stack[MAX_DEPTH + 1];
    int depth = 0;
    term_t *hp = *hpp;
    term_t result = TERM_NONE;
    term_t *where = &result;
    size_t from = 0, to = n, steps = 0;
    for (;;) {
        uint64_t first = e[from].hash, last = e[to - 1].hash;
        if (to - from == 1) {
            *where = e[from].item;
        } else if (first == last) {
            *where = make_boxed(hp);
            *hp++ = make_header(T_TUPLE, to - from);
            for (size_t i = from; i < to; i++) *hp++ = e[i].item;
        } else {
            unsigned shift = parting_shift(first, last);
            uint64_t bitmap = 0;
            for (size_t i = from; i < to; i++) {
                bitmap |= slot_bit(e[i].hash, shift);
                if (ENTRY_TICK(++steps)) return TERM_NONE;
            }
            size_t count = (size_t)__builtin_popcountll(bitmap);
            *where = node_write_head(hp, bitmap, shift, count);
            stack[depth].child = hp + 2;
            stack[depth].pos = from;
            stack[depth].end = to;
            stack[depth].shift = shift;
            depth++;
            hp += 2 + count;
        }
        while (depth > 0 && stack[depth - 1].pos == stack[depth - 1].end) depth--;
        if (depth == 0) break;
        unsigned shift = stack[depth - 1].shift;
        from = stack[depth - 1].pos;
        to = from + 1;
        uint64_t prefix = e[from].hash >> shift;
        while (to < stack[depth - 1].end && e[to].hash >> shift == prefix) {
            to++;
            if (ENTRY_TICK(++steps)) return TERM_NONE;
        }
        stack[depth - 1].pos = to;
        where = stack[depth - 1].child++;
    }
    *hpp = hp;
    return result;
}

/* Numbers and hashes of n keys that are two words apart; false: stopped. */
static bool entries_fill(vm_t *vm, proc_t *tick, entry_t *e, size_t n, const term_t *keys) {
    for (size_t i = 0; i < n; i++) {
        e[i].hash = key_hash(vm, keys[2 * i]);
        e[i].item = i;
        if (HASH_TICK(i + 1)) return false;
    }
    return true;
}

term_t hamt_from_cells(vm_t *vm, proc_t *tick, const term_t *cells, size_t n, term_t **hp,
                       bool *no_memory) {
    size_t bytes = 2 * n * sizeof(entry_t);
    entry_t *e = mem_alloc(vm, bytes), *s = NULL;
    *no_memory = e == NULL;
    if (e == NULL) return TERM_NONE;
    if (entries_fill(vm, tick, e, n, cells)) s = entries_sort(tick, e, e + n, n);
    term_t result = TERM_NONE;
    if (s && entries_unique(vm, tick, s, n, cells) == n) {
        for (size_t i = 0; i < n; i++) {
            s[i].item = make_cons(cells + 2 * s[i].item);
            if (ENTRY_TICK(i + 1)) goto done;
        }
        term_t *root = *hp;
        *hp += ROOT_WORDS;
        term_t node = trie_build(tick, s, n, hp);
        if (node != TERM_NONE) result = root_write(&root, n, node);
    }
done:
    mem_free(vm, e, bytes);
    return result;
}

/* The trie of m entries. TERM_NONE: raised, or stopped. */
static term_t map_from_entries(proc_t *p, proc_t *tick, entry_t *s, size_t m, const term_t *kv) {
    term_t *hp = heap_alloc(p, HAMT_WORDS_MAX(m));
    if (UNLIKELY(hp == NULL)) return bif_oom(p);
    term_t *end = hp + HAMT_WORDS_MAX(m);
    for (size_t i = 0; i < m; i++) {
        const term_t *pair = kv + 2 * s[i].item;
        s[i].item = cons(&hp, pair[0], pair[1]);
        if (HASH_TICK(i + 1)) return TERM_NONE;
    }
    term_t node = trie_build(tick, s, m, &hp);
    if (node == TERM_NONE) return TERM_NONE;
    term_t result = root_write(&hp, m, node);
    heap_release(p, hp, end);
    return result;
}

/* From many pairs: there may be fewer different keys than a trie must have. */
term_t map_from_many(proc_t *p, proc_t *tick, const term_t *kv, size_t n) {
    vm_t *vm = p->vm;
    size_t bytes = 2 * n * sizeof(entry_t);
    entry_t *e = mem_alloc(vm, bytes), *s = NULL;
    if (UNLIKELY(e == NULL)) return bif_oom(p);
    if (entries_fill(vm, tick, e, n, kv)) s = entries_sort(tick, e, e + n, n);
    size_t m = s ? entries_unique(vm, tick, s, n, kv) : 0;
    term_t result = TERM_NONE;
    if (m > MAP_FLAT_MAX) {
        result = map_from_entries(p, tick, s, m, kv);
    } else if (m > 0) {
        term_t sorted[2 * MAP_FLAT_MAX];
        for (size_t i = 0; i < m; i++)
            pair_insert(vm, sorted, i, kv[2 * s[i].item], kv[2 * s[i].item + 1]);
        result = flat_from_sorted(p, sorted, m);
    }
    mem_free(vm, e, bytes);
    return result;
}

static term_t from_pairs(proc_t *p, proc_t *tick, const term_t *kv, size_t n) {
    if (n > MAP_FLAT_MAX) return map_from_many(p, tick, kv, n);
    term_t sorted[2 * MAP_FLAT_MAX];
    size_t m = 0;
    for (size_t i = 0; i < n; i++) m = pair_insert(p->vm, sorted, m, kv[2 * i], kv[2 * i + 1]);
    return flat_from_sorted(p, sorted, m);
}
term_t map_from_pairs(proc_t *p, const term_t *kv, size_t n) { return from_pairs(p, NULL, kv, n); }
term_t map_from_pairs_long(proc_t *p, const term_t *kv, size_t n) {
    return from_pairs(p, p, kv, n);
}

/* ---- lookup ---- */

static COLD term_t collision_get(vm_t *vm, const term_t *node, term_t key) {
    size_t n = header_size(node[0]);
    for (size_t i = 1; i <= n; i++)
        if (term_eq(vm, cons_head(node[i]), key)) return cons_tail(node[i]);
    return TERM_NONE;
}

term_t hamt_get(vm_t *vm, term_t map, term_t key) {
    uint64_t h = key_hash(vm, key);
    term_t t = hamt_node(map);
    for (;;) {
        if (is_cons(t)) return term_eq(vm, cons_head(t), key) ? cons_tail(t) : TERM_NONE;
        const term_t *node = boxed_ptr(t);
        if (UNLIKELY(is_collision(node))) return collision_get(vm, node, key);
        uint64_t info = node_info(node);
        unsigned bit = slot_bit(h, (unsigned)(info >> 16));
        if (!(info & bit)) return TERM_NONE;
        t = node[2 + bits_below(info, bit)];
    }
}

term_t map_get(vm_t *vm, term_t map, term_t key) {
    if (LIKELY(is_flat_map(map))) {
        ptrdiff_t i = flat_find(vm, map, key);
        return i < 0 ? TERM_NONE : flat_map_values(map)[i];
    }
    return hamt_get(vm, map, key);
}

/* ---- changing one pair of a trie ---- */

typedef struct {
    const term_t *node[MAX_DEPTH + 1];
    unsigned pos[MAX_DEPTH + 1]; /* child gone to */
    unsigned depth;
    bool skipped; /* some level above was not looked at: the keys there may differ from ours */
    term_t end;   /* leaf or collision arrived at; TERM_NONE: an empty slot of the last node */
} path_t;

static void path_find(path_t *path, term_t map, uint64_t hash) {
    term_t t = hamt_node(map);
    unsigned expected = TOP_SHIFT;
    path->depth = 0;
    path->skipped = false;
    while (!is_cons(t) && !is_collision(boxed_ptr(t))) {
        const term_t *node = boxed_ptr(t);
        uint64_t info = node_info(node);
        unsigned shift = (unsigned)(info >> 16), bit = slot_bit(hash, shift);
        unsigned pos = bits_below(info, bit);
        path->skipped |= shift != expected;
        expected = shift - LEVEL;
        path->node[path->depth] = node;
        path->pos[path->depth] = pos;
        path->depth++;
        if (!(info & bit)) {
            path->end = TERM_NONE;
            return;
        }
        t = node[2 + pos];
    }
    path->end = t;
}

/* Words for copies of the first n nodes of a path and a new root. */
static size_t path_words(const path_t *path, unsigned n) {
    size_t words = ROOT_WORDS;
    for (unsigned i = 0; i < n; i++) words += header_size(path->node[i][0]) + 1;
    return words;
}

/* Copies the first n nodes of a path, the last of them with child in it, and makes a root. */
static term_t path_rebuild(const path_t *path, unsigned n, term_t child, size_t size, term_t **hp) {
    while (n-- > 0) {
        const term_t *node = path->node[n];
        size_t words = header_size(node[0]) + 1;
        memcpy(*hp, node, words * sizeof *node);
        (*hp)[2 + path->pos[n]] = child;
        child = make_boxed(*hp);
        *hp += words;
    }
    return root_write(hp, size, child);
}

/* Index of key in a collision from 1 on, or where it belongs. */
static size_t collision_position(vm_t *vm, const term_t *node, term_t key, bool *found) {
    size_t n = header_size(node[0]), i = 1;
    *found = false;
    for (; i <= n; i++) {
        int c = key_cmp(vm, cons_head(node[i]), key);
        if (c >= 0) {
            *found = c == 0;
            break;
        }
    }
    return i;
}

/* Copy of the words of from with one more in place i (header not counted in n). */
static term_t *words_insert(term_t *to, const term_t *from, size_t n, size_t i, term_t word) {
    memcpy(to, from, i * sizeof *to);
    to[i] = word;
    memcpy(to + i + 1, from + i, (n - i) * sizeof *to);
    return to + n + 1;
}
static term_t *words_remove(term_t *to, const term_t *from, size_t n, size_t i) {
    memcpy(to, from, i * sizeof *to);
    memcpy(to + i, from + i + 1, (n - i - 1) * sizeof *to);
    return to + n - 1;
}

term_t hamt_put(proc_t *p, term_t map, term_t key, term_t value, bool exact) {
    vm_t *vm = p->vm;
    uint64_t h = key_hash(vm, key);
    size_t size = map_size(map);
    path_t path;
    path_find(&path, map, h);
    term_t end = path.end;
    term_t *hp;

    /* The key is there. */
    if (end != TERM_NONE && is_cons(end) && term_eq(vm, cons_head(end), key)) {
        if (cons_tail(end) == value) return map;
        if (!(hp = heap_alloc(p, 2 + path_words(&path, path.depth)))) return bif_oom(p);
        /* The new key stays, as in OTP: 0.0 and -0.0 are the same key here and look different. */
        term_t leaf = cons(&hp, key, value);
        return path_rebuild(&path, path.depth, leaf, size, &hp);
    }
    if (end != TERM_NONE && !is_cons(end)) {
        const term_t *c = boxed_ptr(end);
        size_t n = header_size(c[0]);
        bool found;
        size_t i = collision_position(vm, c, key, &found);
        bool same = found || key_hash(vm, cons_head(c[1])) == h;
        if (same) {
            if (found && cons_tail(c[i]) == value) return map;
            if (!found && exact) return bif_error2(p, A_badkey, key);
            hp = heap_alloc(p, 2 + n + 2 + path_words(&path, path.depth));
            if (!hp) return bif_oom(p);
            term_t *copy = hp;
            term_t *end_hp = hp + 2 + n + 2 + path_words(&path, path.depth);
            if (found) {
                memcpy(copy, c, (n + 1) * sizeof *c);
                hp += n + 1;
            } else {
                hp = words_insert(copy, c, n + 1, i, TERM_NIL);
                copy[0] = make_header(T_TUPLE, n + 1);
            }
            copy[i] = cons(&hp, key, value);
            term_t r = path_rebuild(&path, path.depth, make_boxed(copy), size + !found, &hp);
            heap_release(p, hp, end_hp);
            return r;
        }
    }
    if (exact) return bif_error2(p, A_badkey, key);

    /* A free slot, and all levels above agree. */
    if (end == TERM_NONE && !path.skipped) {
    free_slot:;
        const term_t *node = path.node[path.depth - 1];
        unsigned pos = path.pos[path.depth - 1], shift = node_shift(node);
        size_t n = node_count(node);
        hp = heap_alloc(p, 2 + n + 3 + path_words(&path, path.depth - 1));
        if (!hp) return bif_oom(p);
        term_t leaf = cons(&hp, key, value);
        term_t *copy = hp;
        hp = words_insert(copy, node, n + 2, pos + 2, leaf);
        term_t t =
            node_write_head(copy, (node_info(node) & 0xffff) | slot_bit(h, shift), shift, n + 1);
        return path_rebuild(&path, path.depth - 1, t, size + 1, &hp);
    }

    /* Somewhere on the way our hash parts from those there. */
    term_t other =
        end != TERM_NONE ? any_leaf(end) : any_leaf(make_boxed(path.node[path.depth - 1]));
    uint64_t h2 = key_hash(vm, cons_head(other));
    if (h2 == h) { /* second key of that hash */
        if (!(hp = heap_alloc(p, 2 + 3 + path_words(&path, path.depth)))) return bif_oom(p);
        term_t leaf = cons(&hp, key, value);
        bool first = key_cmp(vm, key, cons_head(end)) < 0;
        term_t c = first ? tuple2(&hp, leaf, end) : tuple2(&hp, end, leaf);
        return path_rebuild(&path, path.depth, c, size + 1, &hp);
    }
    unsigned shift = parting_shift(h, h2), at = 0;
    while (at < path.depth && node_shift(path.node[at]) > shift) at++;
    if (at < path.depth && node_shift(path.node[at]) == shift) goto free_slot;
    term_t below = at < path.depth ? make_boxed(path.node[at]) : end;
    if (!(hp = heap_alloc(p, 2 + 4 + path_words(&path, at)))) return bif_oom(p);
    term_t leaf = cons(&hp, key, value);
    unsigned ours = slot_bit(h, shift), theirs = slot_bit(h2, shift);
    term_t *node = hp;
    hp += 4;
    node[2] = ours < theirs ? leaf : below;
    node[3] = ours < theirs ? below : leaf;
    term_t t = node_write_head(node, ours | theirs, shift, 2);
    return path_rebuild(&path, at, t, size + 1, &hp);
}

/* All pairs but one, as a flat map. */
static term_t hamt_shrink(proc_t *p, term_t map, term_t without) {
    term_t kv[2 * MAP_FLAT_MAX];
    map_iter_t it;
    term_t k, v;
    size_t n = 0;
    map_iter_init(&it, map);
    while (map_iter_next(&it, &k, &v))
        if (k != without) n = pair_insert(p->vm, kv, n, k, v);
    return flat_from_sorted(p, kv, n);
}

static term_t hamt_remove(proc_t *p, term_t map, term_t key, term_t *value) {
    vm_t *vm = p->vm;
    path_t path;
    path_find(&path, map, key_hash(vm, key));
    term_t end = path.end;
    if (end == TERM_NONE) return map;
    size_t size = map_size(map), i = 0;
    term_t leaf = end;
    if (!is_cons(end)) {
        bool found;
        i = collision_position(vm, boxed_ptr(end), key, &found);
        if (!found) return map;
        leaf = boxed_ptr(end)[i];
    } else if (!term_eq(vm, cons_head(end), key)) {
        return map;
    }
    if (value) *value = cons_tail(leaf);
    if (size - 1 <= MAP_FLAT_MAX) return hamt_shrink(p, map, cons_head(leaf));

    /* What stays of the node the leaf was in takes its place. */
    bool in_node = is_cons(end);
    const term_t *node = in_node ? path.node[path.depth - 1] : boxed_ptr(end);
    unsigned above = in_node ? path.depth - 1 : path.depth;
    if (in_node) i = path.pos[above] + 2;
    size_t words = header_size(node[0]) + 1, first = in_node ? 2 : 1;
    bool single = words - first == 2;
    term_t *hp = heap_alloc(p, (single ? 0 : words - 1) + path_words(&path, above));
    if (!hp) return bif_oom(p);
    term_t child;
    if (single) {
        child = node[first + (i == first)];
    } else {
        term_t *copy = hp;
        hp = words_remove(copy, node, words, i);
        if (in_node) {
            unsigned shift = node_shift(node);
            uint64_t gone = slot_bit(key_hash(vm, key), shift);
            child = node_write_head(copy, (node_info(node) & 0xffff) & ~gone, shift, words - 3);
        } else {
            copy[0] = make_header(T_TUPLE, words - 2);
            child = make_boxed(copy);
        }
    }
    return path_rebuild(&path, above, child, size - 1, &hp);
}

/* ---- changing maps of either kind ---- */

/* A flat map with a key it has not. */
static term_t flat_add(proc_t *p, term_t map, term_t key, term_t value) {
    vm_t *vm = p->vm;
    size_t n = flat_map_size(map);
    const term_t *keys = boxed_ptr(flat_map_keys(map)), *old = boxed_ptr(map);
    if (UNLIKELY(n == MAP_FLAT_MAX)) {
        term_t kv[2 * MAP_FLAT_MAX + 2];
        for (size_t i = 0; i < n; i++) kv[2 * i] = keys[1 + i], kv[2 * i + 1] = old[2 + i];
        kv[2 * n] = key, kv[2 * n + 1] = value;
        return map_from_many(p, NULL, kv, n + 1);
    }
    bool found;
    size_t at = key_position(vm, keys + 1, 1, n, key, &found);
    term_t *k = heap_alloc(p, FLAT_MAP_WORDS(n + 1));
    if (UNLIKELY(k == NULL)) return bif_oom(p);
    term_t *m = words_insert(k, keys, n + 1, at + 1, key);
    k[0] = make_header(T_TUPLE, n + 1);
    words_insert(m, old, n + 2, at + 2, value);
    m[0] = make_header(T_MAP, n + 2);
    m[1] = make_boxed(k);
    return make_boxed(m);
}

static inline term_t flat_put(proc_t *p, term_t map, term_t key, term_t value, bool exact) {
    ptrdiff_t i = flat_find(p->vm, map, key);
    if (LIKELY(i >= 0)) {
        if (flat_map_values(map)[i] == value) return map;
        term_t *m = flat_copy(p, map);
        if (UNLIKELY(m == NULL)) return TERM_NONE;
        m[2 + i] = value;
        return make_boxed(m);
    }
    return exact ? bif_error2(p, A_badkey, key) : flat_add(p, map, key, value);
}

term_t map_put(proc_t *p, term_t map, term_t key, term_t value) {
    return is_flat_map(map) ? flat_put(p, map, key, value, false)
                            : hamt_put(p, map, key, value, false);
}

/* map with n more pairs, by building it anew. */
static term_t map_rebuild_with(proc_t *p, proc_t *tick, term_t map, const term_t *kv, size_t n) {
    size_t total = map_size(map) + n, bytes = 2 * total * sizeof(term_t);
    term_t *all = mem_alloc(p->vm, bytes);
    if (UNLIKELY(all == NULL)) return bif_oom(p);
    term_t *q = pairs_write(tick, map, all), r = TERM_NONE;
    if (q) {
        memcpy(q, kv, 2 * n * sizeof *kv);
        r = from_pairs(p, tick, all, total);
    }
    mem_free(p->vm, all, bytes);
    return r;
}

static term_t flat_update(proc_t *p, term_t map, const term_t *kv, size_t n, bool exact) {
    vm_t *vm = p->vm;
    if (flat_map_size(map) == 0 && !exact) return map_from_pairs(p, kv, n);
    /* As long as keys are found only values change. */
    term_t *m = flat_copy(p, map);
    if (UNLIKELY(m == NULL)) return TERM_NONE;
    size_t size = flat_map_size(map), i = 0;
    for (; i < n; i++) {
        ptrdiff_t at = flat_find(vm, map, kv[2 * i]);
        if (at < 0) break;
        m[2 + at] = kv[2 * i + 1];
    }
    if (i == n) return make_boxed(m);
    heap_release(p, m, m + size + 2);
    if (exact) return bif_error2(p, A_badkey, kv[2 * i]);
    if (n > MAP_FLAT_MAX) return map_rebuild_with(p, NULL, map, kv, n);
    term_t all[4 * MAP_FLAT_MAX];
    pairs_write(NULL, map, all);
    for (i = 0; i < n; i++) size = pair_insert(vm, all, size, kv[2 * i], kv[2 * i + 1]);
    return size <= MAP_FLAT_MAX ? flat_from_sorted(p, all, size)
                                : map_from_many(p, NULL, all, size);
}

term_t map_update(proc_t *p, term_t map, const term_t *kv, size_t n, bool exact) {
    if (LIKELY(is_flat_map(map)))
        return n == 1 ? flat_put(p, map, kv[0], kv[1], exact) : flat_update(p, map, kv, n, exact);
    if (!exact && n > 16 && n > map_size(map) / 8) return map_rebuild_with(p, NULL, map, kv, n);
    for (size_t i = 0; i < n && map != TERM_NONE; i++)
        map = hamt_put(p, map, kv[2 * i], kv[2 * i + 1], exact);
    return map;
}

term_t map_remove(proc_t *p, term_t map, term_t key, term_t *value) {
    if (!is_flat_map(map)) return hamt_remove(p, map, key, value);
    ptrdiff_t at = flat_find(p->vm, map, key);
    if (at < 0) return map;
    if (value) *value = flat_map_values(map)[at];
    size_t n = flat_map_size(map), i = (size_t)at;
    term_t *k = heap_alloc(p, FLAT_MAP_WORDS(n - 1));
    if (UNLIKELY(k == NULL)) return bif_oom(p);
    term_t *m = words_remove(k, boxed_ptr(flat_map_keys(map)), n + 1, i + 1);
    k[0] = make_header(T_TUPLE, n - 1);
    words_remove(m, boxed_ptr(map), n + 2, i + 2);
    m[0] = make_header(T_MAP, n);
    m[1] = make_boxed(k);
    return make_boxed(m);
}
