/* etf_build.c: the second pass over the bytes of an external term: builds the term in words that
 * are there already; the places still to be filled are chained through themselves.
 *
 * The first pass (etf_read.c) has checked the bytes, so it can fail only for lack of memory (shared
 * binaries, large maps, new atoms) or where new atoms and funs are not wanted. Relies on map.c,
 * atom.c, code.c (funs), binary.c.
 */
#include "vm/etf_read.h"
#include "vm/binary.h"
#include "vm/map.h"
#include "vm/process.h"

/* A map whose pairs are being read. */
typedef struct {
    term_t *words; /* flat: keys tuple, then the map; large: its cells */
    size_t size;
    term_t *slot;   /* where the map itself goes */
    uintptr_t next; /* place to fill after it */
} open_map_t;

typedef struct {
    vm_t *vm;
    proc_t *p; /* gives way meanwhile, or NULL */
    size_t terms;
    etf_reader_t r;
    term_t *hp;
    off_heap_t **off;
    unsigned flags;
    bool no_memory;
    open_map_t *maps;
    size_t nmaps, maps_cap;
    open_map_t first[8];
} decoder_t;

/* Instead of a place: the innermost open map has all its pairs. */
#define MAP_END ((uintptr_t)1)

static term_t decode_atom(decoder_t *d, const etf_text_span_t *a) {
    uint8_t utf8[2 * ATOM_MAX_CHARS];
    const uint8_t *s = a->s;
    size_t n = a->n;
    if (!a->utf8) {
        size_t i = 0;
        while (i < n && s[i] < 0x80) i++;
        if (i < n) {
            memcpy(utf8, s, i);
            size_t k = i;
            for (; i < n; i++) {
                if (s[i] >= 0x80) utf8[k++] = (uint8_t)(0xc0 | s[i] >> 6);
                utf8[k++] = s[i] < 0x80 ? s[i] : (uint8_t)(0x80 | (s[i] & 0x3f));
            }
            s = utf8;
            n = k;
        }
    }
    if (d->flags & ETF_SAFE) return atom_find(d->vm, s, n);
    term_t t = atom_intern(d->vm, s, n);
    if (t == TERM_NONE) d->no_memory = true;
    return t;
}

static term_t decode_thing(decoder_t *d, const etf_thing_t *t, unsigned type) {
    if (t->local) {
        if (type == T_EXT_PID) return proc_pid_from(d->vm, t->id[0], t->id[1]);
        if (type == T_EXT_PORT) return make_port(t->id[0] | (uint64_t)t->id[1] << 32);
        uint64_t id = 0;
        ref_id_from_words(t->id, &id);
        magic_t *m = t->count == 3 ? magic_find(d->vm, id) : NULL;
        if (m) {
            term_t *at = d->hp;
            d->hp += MAGIC_REF_WORDS;
            return magic_ref_outside(at, m, d->off);
        }
        return make_ref(&d->hp, id, t->count == 5 ? make_pid(t->id[3], t->id[4]) : 0);
    }
    term_t node = decode_atom(d, &t->node);
    if (node == TERM_NONE) return TERM_NONE;
    ext_obj_t *e = (ext_obj_t *)d->hp;
    size_t words = EXT_WORDS(t->count);
    e->header = make_header(type, words - 1);
    e->node = node;
    e->creation = t->creation;
    e->count = t->count;
    memcpy(e->id, t->id, t->count * sizeof *t->id);
    if (t->count & 1) e->id[t->count] = 0;
    d->hp += words;
    return make_boxed(e);
}

static term_t decode_binary(decoder_t *d, const uint8_t *s, size_t size, unsigned last) {
    term_t bin;
    if (size <= HEAP_BIN_MAX) {
        uint8_t *to;
        bin = heap_bin_at(d->hp, size, &to);
        memcpy(to, s, size);
        d->hp += HEAP_BIN_WORDS(size);
    } else {
        shared_bin_t *sb = shared_bin_new(d->vm, size);
        if (!sb) {
            d->no_memory = true;
            return TERM_NONE;
        }
        if (!bits_copy_long(d->p, sb->data, 0, s, 0, size * 8)) {
            shared_bin_release(sb);
            return TERM_NONE;
        }
        bin = proc_bin_outside(d->hp, sb, d->off);
        d->hp += PROC_BIN_WORDS;
    }
    if (size == 0 || last == 8) return bin;
    sub_bin_t *sub = (sub_bin_t *)d->hp;
    sub->header = make_header(T_SUB_BIN, SUB_BIN_WORDS - 1);
    sub->bit_offset = make_small(0);
    sub->bit_size = make_small((int64_t)((size - 1) * 8 + last));
    sub->orig = bin;
    d->hp += SUB_BIN_WORDS;
    return make_boxed(sub);
}

static term_t decode_big(decoder_t *d, const etf_magnitude_t *m) {
    int64_t v;
    if (etf_magnitude_is_small(m, &v)) return make_small(v);
    size_t limbs = (m->n + 7) / 8;
    term_t *p = d->hp;
    p[0] = make_header(m->negative ? T_BIG_NEG : T_BIG_POS, limbs);
    for (size_t i = 0; i < limbs; i++) {
        uint64_t limb = 0;
        size_t part = m->n - 8 * i < 8 ? m->n - 8 * i : 8;
        for (size_t k = part; k-- > 0;) limb = limb << 8 | m->s[8 * i + k];
        p[1 + i] = limb;
    }
    d->hp += 1 + limbs;
    return make_boxed(p);
}

static term_t decode_export(decoder_t *d) {
    etf_export_head_t h;
    etf_read_export(&d->r, &h);
    term_t m = decode_atom(d, &h.module), f = decode_atom(d, &h.function);
    if (m == TERM_NONE || f == TERM_NONE) return TERM_NONE;
    export_t *e;
    if (d->flags & ETF_SAFE) {
        e = export_find(d->vm, m, f, h.arity);
        if (e == NULL || !export_is_defined(e)) return TERM_NONE;
    } else if (!(e = export_get(d->vm, m, f, h.arity))) {
        d->no_memory = true;
        return TERM_NONE;
    }
    term_t *p = d->hp;
    d->hp += 2;
    p[0] = make_header(T_EXPORT_FUN, 1);
    p[1] = (term_t)(uintptr_t)e;
    return make_boxed(p);
}

/* All of a closure but its environment, which *env points to. */
static term_t decode_fun(decoder_t *d, term_t **env, size_t *num_free) {
    etf_fun_head_t h;
    etf_read_fun_head(d->vm, &d->r, &h);
    term_t m = decode_atom(d, &h.module);
    term_t pid = decode_thing(d, &h.pid, T_EXT_PID);
    if (m == TERM_NONE || pid == TERM_NONE) return TERM_NONE;
    fun_entry_t *e =
        fun_entry_get(d->vm, m, h.uniq, h.index, h.old_uniq, h.old_index, h.arity, h.num_free);
    if (!e) {
        d->no_memory = true;
        return TERM_NONE;
    }
    /* Code that would find another environment than it was compiled for must not run. */
    if (e->arity != h.arity || e->num_free != h.num_free) return TERM_NONE;
    fun_obj_t *f = (fun_obj_t *)d->hp;
    f->header = make_header(T_FUN, FUN_WORDS((size_t)h.num_free) - 1);
    f->entry = e;
    f->creator = pid;
    *env = f->env;
    *num_free = h.num_free;
    d->hp += FUN_WORDS((size_t)h.num_free);
    return make_boxed(f);
}

/* Chains n places, the last one to *next, which becomes the first. false: stopped. */
static inline bool chain(decoder_t *d, term_t *place, size_t n, uintptr_t *next) {
    if (n == 0) return true;
    for (size_t i = 0; i + 1 < n; i++) {
        place[i] = (uintptr_t)(place + i + 1);
        if (TERM_TICK(d->p, i + 1)) return false;
    }
    place[n - 1] = *next;
    *next = (uintptr_t)place;
    return true;
}

static bool open_map(decoder_t *d, size_t size, term_t *slot, uintptr_t *next) {
    if (d->nmaps == d->maps_cap) {
        size_t cap = d->maps_cap * 2;
        open_map_t *m = mem_alloc(d->vm, cap * sizeof *m);
        if (!m) {
            d->no_memory = true;
            return false;
        }
        memcpy(m, d->maps, d->nmaps * sizeof *m);
        if (d->maps != d->first) mem_free(d->vm, d->maps, d->maps_cap * sizeof *m);
        d->maps = m;
        d->maps_cap = cap;
    }
    open_map_t *m = &d->maps[d->nmaps++];
    *m = (open_map_t){.words = d->hp, .size = size, .slot = slot, .next = *next};
    if (size > MAP_FLAT_MAX) {
        term_t *cells = d->hp; /* key, value, key ... stand in a row */
        *next = MAP_END;
        d->hp += 2 * size;
        return chain(d, cells, 2 * size, next);
    }
    term_t *keys = d->hp + 1, *values = d->hp + size + 3;
    *next = (uintptr_t)keys;
    for (size_t i = 0; i < size; i++) {
        keys[i] = (uintptr_t)(values + i);
        values[i] = i + 1 < size ? (uintptr_t)(keys + i + 1) : MAP_END;
    }
    d->hp += FLAT_MAP_WORDS(size);
    return true;
}

/* Finishes the innermost map; false: a key is there twice, or no memory. */
static bool close_map(decoder_t *d, uintptr_t *next) {
    open_map_t *m = &d->maps[--d->nmaps];
    size_t n = m->size;
    *next = m->next;
    if (n > MAP_FLAT_MAX) {
        bool no_memory;
        *m->slot = hamt_from_cells(d->vm, d->p, m->words, n, &d->hp, &no_memory);
        d->no_memory |= no_memory;
        return *m->slot != TERM_NONE;
    }
    term_t *keys = m->words, *map = keys + n + 1;
    if (!map_sort_flat(d->vm, keys + 1, map + 2, n)) return false;
    keys[0] = make_header(T_TUPLE, n);
    map[0] = make_header(T_MAP, n + 1);
    map[1] = make_boxed(keys);
    *m->slot = make_boxed(map);
    return true;
}

static term_t body_build(decoder_t *d) {
    etf_reader_t *r = &d->r;
    term_t result = 0;
    uintptr_t next = (uintptr_t)&result;
    for (;;) {
        while (UNLIKELY(next == MAP_END))
            if (!close_map(d, &next)) return TERM_NONE;
        if (next == 0) return result;
        if (TERM_TICK(d->p, ++d->terms)) return TERM_NONE;
        term_t *slot = (term_t *)next;
        term_t t;
        next = *slot;
        unsigned tag = get8(r);
        switch (tag) {
        case ETF_SMALL_INTEGER: t = make_small(get8(r)); break;
        case ETF_INTEGER: t = make_small((int32_t)get32(r)); break;
        case ETF_SMALL_BIG:
        case ETF_LARGE_BIG: {
            etf_magnitude_t m;
            etf_read_big(r, tag, &m);
            t = decode_big(d, &m);
            break;
        }
        case ETF_NEW_FLOAT:
        case ETF_FLOAT: {
            double v = 0;
            if (tag == ETF_FLOAT)
                etf_read_float_text(r, &v);
            else
                etf_read_float(r, &v);
            t = make_float(&d->hp, v);
            break;
        }
        case ETF_ATOM:
        case ETF_SMALL_ATOM:
        case ETF_ATOM_UTF8:
        case ETF_SMALL_ATOM_UTF8: {
            etf_text_span_t a;
            r->p--;
            etf_read_atom(r, &a);
            t = decode_atom(d, &a);
            break;
        }
        case ETF_SMALL_TUPLE:
        case ETF_LARGE_TUPLE: {
            size_t arity = tag == ETF_SMALL_TUPLE ? get8(r) : get32(r);
            term_t *p = d->hp;
            d->hp += 1 + arity;
            p[0] = make_header(T_TUPLE, arity);
            if (!chain(d, p + 1, arity, &next)) return TERM_NONE;
            t = make_boxed(p);
            break;
        }
        case ETF_NIL: t = TERM_NIL; break;
        case ETF_STRING: {
            size_t chars = get16(r);
            term_t *p = d->hp;
            t = chars ? make_cons(p) : TERM_NIL;
            for (size_t i = 0; i < chars; i++, p += 2) {
                p[0] = make_small(r->p[i]);
                p[1] = make_cons(p + 2);
            }
            if (chars) p[-1] = TERM_NIL;
            d->hp = p;
            r->p += chars;
            break;
        }
        case ETF_LIST: {
            size_t len = get32(r);
            if (len == 0) { /* what follows is the term itself */
                *slot = next;
                next = (uintptr_t)slot;
                continue;
            }
            term_t *p = d->hp, *last = p + 2 * (len - 1);
            d->hp += 2 * len;
            for (term_t *c = p; c < last; c += 2) {
                c[0] = (uintptr_t)(c + 2);
                c[1] = make_cons(c + 2);
                if (TERM_TICK(d->p, (size_t)(c - p) / 2 + 1)) return TERM_NONE;
            }
            last[0] = (uintptr_t)(last + 1);
            last[1] = next;
            next = (uintptr_t)p;
            t = make_cons(p);
            break;
        }
        case ETF_BINARY:
        case ETF_BIT_BINARY: {
            size_t size = get32(r);
            unsigned last = tag == ETF_BIT_BINARY ? get8(r) : 8;
            t = decode_binary(d, r->p, size, last);
            r->p += size;
            break;
        }
        case ETF_MAP: {
            size_t size = get32(r);
            if (size > 0) {
                if (!open_map(d, size, slot, &next)) return TERM_NONE;
                continue;
            }
            term_t *p = d->hp;
            d->hp += FLAT_MAP_WORDS(0);
            p[0] = make_header(T_TUPLE, 0);
            p[1] = make_header(T_MAP, 1);
            p[2] = make_boxed(p);
            t = make_boxed(p + 1);
            break;
        }
        case ETF_PID:
        case ETF_NEW_PID: {
            etf_thing_t x;
            etf_read_pid(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_PID);
            break;
        }
        case ETF_PORT:
        case ETF_NEW_PORT:
        case ETF_V4_PORT: {
            etf_thing_t x;
            etf_read_port(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_PORT);
            break;
        }
        case ETF_REFERENCE:
        case ETF_NEW_REFERENCE:
        case ETF_NEWER_REFERENCE: {
            etf_thing_t x;
            etf_read_ref(d->vm, r, tag, &x);
            t = decode_thing(d, &x, T_EXT_REF);
            break;
        }
        case ETF_EXPORT: t = decode_export(d); break;
        default: { /* ETF_NEW_FUN: the first pass let nothing else through */
            term_t *env = NULL;
            size_t num_free = 0;
            t = decode_fun(d, &env, &num_free);
            if (t != TERM_NONE && !chain(d, env, num_free, &next)) return TERM_NONE;
            break;
        }
        }
        if (UNLIKELY(t == TERM_NONE)) return TERM_NONE;
        *slot = t;
    }
}

term_t etf_body_build(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                      off_heap_t **off, bool *no_memory) {
    decoder_t d = {.vm = vm, .p = p, .r = {b, b + n}, .hp = *hp, .flags = flags};
    off_heap_t *list = NULL;
    d.off = &list;
    d.maps = d.first;
    d.maps_cap = sizeof d.first / sizeof *d.first;
    term_t t = body_build(&d);
    if (d.maps != d.first) mem_free(vm, d.maps, d.maps_cap * sizeof *d.maps);
    *no_memory = d.no_memory;
    if (t == TERM_NONE) {
        off_heap_release(vm, list);
        return TERM_NONE;
    }
    *hp = d.hp;
    if (list) {
        off_heap_t *last = list;
        while (last->next) last = last->next;
        last->next = *off;
        *off = list;
    }
    return t;
}
