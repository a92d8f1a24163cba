/* bif_ets_info.c: ets:info and what tools ask about tables. Relies on ets.h.
 */
#include <math.h>
#include "vm/binary.h"
#include "vm/ets.h"
#include "vm/process.h"

static term_t fix_info(proc_t *p, ets_t *t, bool monotonic) {
    if (!t->fixes) return A_false;
    term_t list = TERM_NIL;
    ets_registry_lock(p->vm);
    for (ets_fix_t *f = t->fixes; f; f = f->next) {
        term_t *hp = heap_alloc(p, 5);
        if (!hp) {
            list = TERM_NONE;
            break;
        }
        term_t e = tuple2(&hp, f->pid, make_small((int64_t)f->count));
        list = cons(&hp, e, list);
    }
    ets_registry_unlock(p->vm);
    term_t when, *hp = list == TERM_NONE ? NULL : heap_alloc(p, 7);
    if (!hp) return TERM_NONE;
    if (monotonic) {
        when = make_small((int64_t)t->fix_mono_ns);
        term_t *end = hp + 7;
        when = tuple2(&hp, when, list);
        heap_release(p, hp, end);
        return when;
    }
    int64_t us = t->fix_wall_us;
    when = tuple3(&hp, make_small(us / 1000000000000), make_small(us / 1000000 % 1000000),
                  make_small(us % 1000000));
    return tuple2(&hp, when, list);
}

static term_t stats_info(proc_t *p, ets_t *t) {
    if (ets_is_tree(t)) return A_false;
    size_t least = SIZE_MAX, most = 0, sum = 0;
    double squares = 0;
    size_t buckets = ets_nbuckets(t);
    for (uint32_t k = 0; k < t->nshards; k++)
        for (size_t i = 0; i < t->shards[k].nbuckets; i++) {
            size_t n = 0;
            for (ets_obj_t *o = *ets_bucket(&t->shards[k], i); o; o = o->left) n++;
            if (n < least) least = n;
            if (n > most) most = n;
            sum += n;
            squares += (double)n * (double)n;
        }
    double n = (double)buckets, avg = (double)sum / n, var = squares / n - avg * avg;
    term_t *hp = heap_alloc(p, 9 + 3 * FLOAT_WORDS);
    if (!hp) return TERM_NONE;
    term_t *tuple = hp;
    hp += 9;
    tuple[0] = make_header(T_TUPLE, 8);
    tuple[1] = make_small((int64_t)buckets);
    tuple[2] = make_float(&hp, avg);
    tuple[3] = make_float(&hp, var > 0 ? sqrt(var) : 0);
    tuple[4] = make_float(&hp, sqrt(avg * (1 - 1 / n)));
    tuple[5] = make_small((int64_t)least);
    tuple[6] = make_small((int64_t)most);
    tuple[7] = make_small(0);
    tuple[8] = make_small(1);
    bif_bump(p, buckets / 8);
    return make_boxed(tuple);
}

/* {Address, Size, Count} of each shared binary. */
static term_t binaries_of(proc_t *p, const ets_obj_t *o, term_t list) {
    for (off_heap_t *x = o->off; x && list != TERM_NONE; x = x->next) {
        if (header_type(x->header) != T_PROC_BIN) continue;
        shared_bin_t *b = ((proc_bin_t *)x)->bin;
        term_t id = uint64_to_term(p, (uintptr_t)b), *hp = NULL;
        if (id != TERM_NONE) hp = heap_alloc(p, 6);
        if (!hp) return TERM_NONE;
        term_t e =
            tuple3(&hp, id, make_small((int64_t)b->size),
                   make_small((int64_t)atomic_load_explicit(&b->refs, memory_order_relaxed)));
        list = cons(&hp, e, list);
    }
    return list;
}
/* erts_internal:ets_lookup_binary_info/2: those of the objects with that key. */
static BIF(lookup_binary_info_2) {
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_READ, false, a[1], &h);
    if (!t) return TERM_NONE;
    term_t list = TERM_NIL;
    for (ets_obj_t *o = ets_find(p->vm, t, h, a[1]); o && list != TERM_NONE;
         o = ets_is_bag(t) ? ets_same_key(p->vm, t, o) : NULL)
        list = binaries_of(p, o, list);
    ets_leave_key(p->vm, t, h, false);
    return list == TERM_NONE ? bif_oom(p) : list;
}
static term_t binary_info(proc_t *p, ets_t *t) {
    term_t list = TERM_NIL;
    if (ets_is_tree(t)) {
        ets_walk_t w;
        for (ets_tree_seek(p->vm, t, &w, TERM_NONE, false, false); w.depth && list != TERM_NONE;
             ets_tree_step(&w, false))
            list = binaries_of(p, ets_tree_at(&w), list);
    } else {
        for (uint32_t k = 0; k < t->nshards; k++)
            for (size_t i = 0; i < t->shards[k].nbuckets; i++)
                for (ets_obj_t *o = *ets_bucket(&t->shards[k], i); o && list != TERM_NONE;
                     o = o->left)
                    list = binaries_of(p, o, list);
    }
    bif_bump(p, ets_size(t) / 8);
    return list;
}

/* TERM_NIL with *known false: no such item. TERM_NONE: no memory. */
static term_t info_item(proc_t *p, ets_t *t, term_t item, bool *known) {
    static const uint32_t types[] = {A_set, A_ordered_set, A_bag, A_duplicate_bag};
    static const uint32_t protections[] = {A_public, A_protected, A_private};
    *known = true;
    switch (item) {
    case A_id: return ets_ref(p, t);
    case A_decentralized_counters: return make_bool(t->decentralized_counters);
    case A_read_concurrency: return make_bool(t->read_concurrency);
    case A_write_concurrency: return t->write_concurrency;
    case A_compressed: return make_bool(t->compressed);
    case A_memory: return make_small((int64_t)ets_words(t));
    case A_owner: return atomic_load_explicit(&t->owner, memory_order_relaxed);
    case A_heir: return t->heir == A_none || proc_lookup(p->vm, t->heir) ? t->heir : (term_t)A_none;
    case A_name: return t->name;
    case A_size: return make_small((int64_t)ets_size(t));
    case A_node: return A_nonode;
    case A_named_table: return make_bool(t->named);
    case A_type: return types[t->type];
    case A_keypos: return make_small(t->keypos);
    case A_protection: return protections[t->protection];
    case A_fixed: return make_bool(t->fixed != 0);
    case A_safe_fixed: return fix_info(p, t, false);
    case A_safe_fixed_monotonic_time: return fix_info(p, t, true);
    case A_stats: return stats_info(p, t);
    case A_binary: return binary_info(p, t);
    default: *known = false; return TERM_NIL;
    }
}

static term_t no_info(proc_t *p, term_t cause) {
    if (cause == TERM_NONE) return TERM_NONE;
    return cause == A_id ? (term_t)A_undefined : bif_badarg_cause(p, A_type);
}

static BIF(ets_info_1) {
    static const uint32_t items[] = {A_id,
                                     A_decentralized_counters,
                                     A_read_concurrency,
                                     A_write_concurrency,
                                     A_compressed,
                                     A_memory,
                                     A_owner,
                                     A_heir,
                                     A_name,
                                     A_size,
                                     A_node,
                                     A_named_table,
                                     A_type,
                                     A_keypos,
                                     A_protection};
    term_t cause, list = TERM_NIL;
    ets_t *t = ets_enter_quiet(p, a[0], false, &cause);
    if (!t) return no_info(p, cause);
    for (size_t i = sizeof items / sizeof *items; i > 0 && list != TERM_NONE; i--) {
        bool known;
        term_t v = info_item(p, t, items[i - 1], &known);
        term_t *hp = v == TERM_NONE ? NULL : heap_alloc(p, 5);
        if (!hp) {
            list = TERM_NONE;
            break;
        }
        v = tuple2(&hp, items[i - 1], v);
        list = cons(&hp, v, list);
    }
    ets_leave(p->vm, t, false);
    return list == TERM_NONE ? bif_oom(p) : list;
}

static BIF(ets_info_2) {
    term_t cause;
    ets_t *t = ets_enter_quiet(p, a[0], false, &cause);
    if (!t) return no_info(p, cause);
    bool known;
    term_t v = info_item(p, t, a[1], &known);
    ets_leave(p->vm, t, false);
    if (!known) return bif_badarg(p);
    return v == TERM_NONE ? bif_oom(p) : v;
}
const bif_def_t bifs_ets_info[] = {
    {"ets", "info", 1, ets_info_1, 0},
    {"ets", "info", 2, ets_info_2, 0},
    {"erts_internal", "ets_lookup_binary_info", 2, lookup_binary_info_2, 0},
    {0}};
