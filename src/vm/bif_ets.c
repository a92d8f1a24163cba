/* bif_ets.c: the functions of module ets that are native, and erlang:match_spec_test/3.
 *
 * Functions that look at a whole table do so in portions: when the process's time is up they go on
 * in another BIF, which gets what has been found so far and the place where to go on. Meanwhile a
 * hash table is held (ets_hold), so that places keep their meaning. Relies on ets.h, match_spec.h.
 */
#include <math.h>
#include "vm/arith.h"
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/match_spec.h"
#include "vm/process.h"

/* ---- tables ---- */

static bool bool_of(term_t t, bool *out) {
    *out = t == A_true;
    return t == A_true || t == A_false;
}

static bool option_of(term_t o, ets_options_t *x) {
    switch (o) {
    case A_set: x->type = ETS_SET; return true;
    case A_ordered_set: x->type = ETS_ORDERED_SET; return true;
    case A_bag: x->type = ETS_BAG; return true;
    case A_duplicate_bag: x->type = ETS_DUPLICATE_BAG; return true;
    case A_public: x->protection = ETS_PUBLIC; return true;
    case A_protected: x->protection = ETS_PROTECTED; return true;
    case A_private: x->protection = ETS_PRIVATE; return true;
    case A_named_table: x->named = true; return true;
    case A_compressed: x->compressed = true; return true;
    default: break;
    }
    if (is_tuple_of(o, 3) && tuple_elem(o, 1) == A_heir && is_local_pid(tuple_elem(o, 2))) {
        x->heir = tuple_elem(o, 2);
        x->heir_data = tuple_elem(o, 3);
        return true;
    }
    if (!is_tuple_of(o, 2)) return false;
    term_t v = tuple_elem(o, 2);
    switch (tuple_elem(o, 1)) {
    case A_keypos:
        if (!is_small(v) || small_value(v) < 1 || small_value(v) > UINT32_MAX) return false;
        x->keypos = (uint32_t)small_value(v);
        return true;
    case A_heir: x->heir = A_none; return v == A_none;
    case A_read_concurrency: return bool_of(v, &x->read_concurrency);
    case A_decentralized_counters:
        x->decentralized_counters = v;
        return v == A_true || v == A_false;
    case A_write_concurrency:
        x->write_concurrency = v;
        return v == A_true || v == A_false || v == A_auto;
    default: return false;
    }
}

static BIF(ets_new_2) {
    ets_options_t o = {.name = a[0],
                       .protection = ETS_PROTECTED,
                       .keypos = 1,
                       .write_concurrency = A_false,
                       .decentralized_counters = TERM_NONE,
                       .heir = A_none,
                       .heir_data = A_none};
    term_t l = a[1];
    if (!is_atom(a[0])) return bif_badarg(p);
    for (; is_cons(l); l = cons_tail(l))
        if (!option_of(cons_head(l), &o)) return bif_badarg(p);
    return is_nil(l) ? ets_create(p, &o) : bif_badarg(p);
}

enum { DRAIN_STEP = 8000 };
static BIF(drain_2);
static BIF(scan_4);
static const bif_def_t drain_def = {"erts_internal", "ets_drain", 2, drain_2, 0};
static const bif_def_t scan_def = {"erts_internal", "ets_scan", 4, scan_4, 0};

/* Frees what a table held that is gone, in portions. a[0]: its reference; a[1]: the result. */
static BIF(drain_2) {
    ets_t *t = ets_gone(a[0]);
    if (!t) return bif_badarg(p);
    if (ets_drain(p->vm, p->sched, t, DRAIN_STEP)) return a[1];
    bif_bump(p, DRAIN_STEP / 4);
    return bif_yield(p, &drain_def, 2, a);
}
term_t ets_drain_start(proc_t *p, ets_t *corpse, term_t result) {
    if (!corpse) return result;
    term_t args[2] = {ets_ref(p, corpse), result};
    ets_release(corpse); /* where there is no memory for the reference, it goes at once */
    return args[0] == TERM_NONE ? result : drain_2(p, args);
}

static BIF(ets_delete_1) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    ets_t *corpse = ets_kill(p->vm, t);
    if (p->vm->threaded) ets_release(t);
    return ets_drain_start(p, corpse, A_true);
}

static BIF(ets_rename_2) {
    if (!is_atom(a[1])) return bif_badarg(p);
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    bool ok = ets_rename(p->vm, t, a[1]);
    term_t id = ok ? ets_id(p, t) : TERM_NONE;
    ets_leave(p->vm, t, true);
    if (!ok) return bif_badarg(p);
    return id == TERM_NONE ? bif_oom(p) : id;
}

static BIF(ets_give_away_3) {
    vm_t *vm = p->vm;
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    term_t result = A_true;
    if (!is_local_pid(a[1]))
        result = bif_badarg(p);
    else if (atomic_load_explicit(&t->owner, memory_order_relaxed) != p->pid)
        result = bif_badarg_cause(p, A_not_owner);
    else if (a[1] == p->pid)
        result = bif_badarg_cause(p, A_owner);
    else if (!ets_set_owner(vm, t, a[1]))
        result = bif_badarg(p);
    else if (!ets_send_transfer(p, vm, t, a[1], p->pid, a[2]))
        result = bif_oom(p);
    ets_leave(vm, t, true);
    return result;
}

static BIF(ets_setopts_2) {
    bool has_heir = false, has_protection = false, list = !is_tuple(a[1]);
    ets_options_t o = {.heir = A_none, .heir_data = A_none};
    for (term_t l = a[1]; !is_nil(l); l = cons_tail(l)) {
        if (list && !is_cons(l)) return bif_badarg(p);
        term_t x = list ? cons_head(l) : l;
        if (is_tuple_of(x, 2) && tuple_elem(x, 1) == A_protection && !has_protection) {
            term_t v = tuple_elem(x, 2);
            if (v != A_public && v != A_protected && v != A_private) return bif_badarg(p);
            option_of(v, &o);
            has_protection = true;
        } else if (is_tuple(x) && tuple_arity(x) >= 2 && tuple_elem(x, 1) == A_heir && !has_heir) {
            if (!option_of(x, &o)) return bif_badarg(p);
            has_heir = true;
        } else {
            return bif_badarg(p);
        }
        if (!list) break;
    }
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    term_t result = A_true;
    if (atomic_load_explicit(&t->owner, memory_order_relaxed) != p->pid) {
        result = bif_badarg_cause(p, A_not_owner);
    } else {
        if (has_heir && !ets_set_heir(p->vm, t, o.heir, o.heir_data)) result = bif_oom(p);
        if (has_protection) t->protection = o.protection;
    }
    ets_leave(p->vm, t, true);
    return result;
}

static BIF(ets_safe_fixtable_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, true);
    if (!t) return TERM_NONE;
    bool on, ok = bool_of(a[1], &on), done = ok && ets_fix(p, t, on);
    ets_leave(p->vm, t, true);
    return !ok ? bif_badarg(p) : !done ? bif_oom(p) : (term_t)A_true;
}

static BIF(ets_whereis_1) {
    term_t cause;
    if (!is_atom(a[0])) return bif_badarg(p);
    ets_t *t = ets_enter_quiet(p, a[0], false, &cause);
    if (!t) return cause == TERM_NONE ? TERM_NONE : (term_t)A_undefined;
    term_t ref = ets_ref(p, t);
    ets_leave(p->vm, t, false);
    return ref == TERM_NONE ? bif_oom(p) : ref;
}

/* ets:all/0 asks for one message {Ref, Tables} per scheduler. */
static BIF(ets_internal_request_all_0) {
    (void)a;
    term_t ref = new_ref(p), list = ref == TERM_NONE ? TERM_NONE : ets_all(p);
    if (list == TERM_NONE) return bif_oom(p);
    for (unsigned i = 0; i < p->vm->nscheds; i++) {
        term_t *hp = heap_alloc(p, 3);
        if (!hp || !proc_send(p->vm, NULL, p->pid, tuple2(&hp, ref, i == 0 ? list : TERM_NIL)))
            return bif_oom(p);
    }
    return ref;
}

/* ---- info ---- */

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
    for (size_t i = 0; i < t->nbuckets; i++) {
        size_t n = 0;
        for (ets_obj_t *o = *ets_bucket(t, i); o; o = o->left) n++;
        if (n < least) least = n;
        if (n > most) most = n;
        sum += n;
        squares += (double)n * (double)n;
    }
    double n = (double)t->nbuckets, avg = (double)sum / n, var = squares / n - avg * avg;
    term_t *hp = heap_alloc(p, 9 + 3 * FLOAT_WORDS);
    if (!hp) return TERM_NONE;
    term_t *tuple = hp;
    hp += 9;
    tuple[0] = make_header(T_TUPLE, 8);
    tuple[1] = make_small((int64_t)t->nbuckets);
    tuple[2] = make_float(&hp, avg);
    tuple[3] = make_float(&hp, var > 0 ? sqrt(var) : 0);
    tuple[4] = make_float(&hp, sqrt(avg * (1 - 1 / n)));
    tuple[5] = make_small((int64_t)least);
    tuple[6] = make_small((int64_t)most);
    tuple[7] = make_small(0);
    tuple[8] = make_small(1);
    bif_bump(p, t->nbuckets / 8);
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
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    term_t list = TERM_NIL;
    for (ets_obj_t *o = ets_find(p->vm, t, a[1]); o && list != TERM_NONE;
         o = ets_is_bag(t) ? ets_same_key(p->vm, t, o) : NULL)
        list = binaries_of(p, o, list);
    ets_leave(p->vm, t, false);
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
        for (size_t i = 0; i < t->nbuckets; i++)
            for (ets_obj_t *o = *ets_bucket(t, i); o && list != TERM_NONE; o = o->left)
                list = binaries_of(p, o, list);
    }
    bif_bump(p, t->count / 8);
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
    case A_memory:
        return make_small((int64_t)(sizeof *t / sizeof(term_t) + t->nbuckets + t->words));
    case A_owner: return atomic_load_explicit(&t->owner, memory_order_relaxed);
    case A_heir: return t->heir == A_none || proc_lookup(p->vm, t->heir) ? t->heir : (term_t)A_none;
    case A_name: return t->name;
    case A_size: return make_small((int64_t)t->count);
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

/* ---- looking up ---- */

static term_t term_to_heap(proc_t *p, term_t t) {
    return LIKELY(is_immed(t)) ? t : term_copy_to(p, t);
}

/* All objects from o on with its key, oldest first. TERM_NONE: no memory. */
static term_t objects_with_key(proc_t *p, const ets_t *t, ets_obj_t *o) {
    term_t list = TERM_NIL;
    while (o) {
        term_t *hp = heap_alloc(p, o->words + 2);
        if (UNLIKELY(!hp)) return TERM_NONE;
        term_t x = ets_obj_copy_at(p, o, hp);
        hp += o->words;
        list = cons(&hp, x, list);
        if (LIKELY(!ets_is_bag(t))) break;
        bif_bump(p, 1);
        o = ets_same_key(p->vm, t, o);
    }
    return list;
}

static BIF(ets_lookup_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (UNLIKELY(!t)) return TERM_NONE;
    ets_obj_t *o = ets_find(p->vm, t, a[1]);
    term_t list = o ? objects_with_key(p, t, o) : TERM_NIL;
    ets_leave(p->vm, t, false);
    return UNLIKELY(list == TERM_NONE) ? bif_oom(p) : list;
}

static BIF(ets_member_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (UNLIKELY(!t)) return TERM_NONE;
    term_t r = make_bool(ets_find(p->vm, t, a[1]) != NULL);
    ets_leave(p->vm, t, false);
    return r;
}

/* An object's tuple, on the process's heap where it is packed. NULL: no memory. */
static const term_t *obj_data(proc_t *p, const ets_obj_t *o) {
    if (LIKELY(!o->packed)) return o->data;
    term_t t = ets_obj_copy(p, o);
    return t == TERM_NONE ? NULL : boxed_ptr(t);
}

static BIF(ets_lookup_element_3) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (UNLIKELY(!t)) return TERM_NONE;
    term_t r;
    ets_obj_t *o;
    if (UNLIKELY(!is_small(a[2]) || small_value(a[2]) < 1)) {
        r = bif_badarg(p);
    } else if (UNLIKELY(!(o = ets_find(p->vm, t, a[1])))) {
        r = bif_badarg_cause(p, A_badkey);
    } else {
        size_t pos = (size_t)small_value(a[2]);
        r = TERM_NIL;
        for (;;) {
            const term_t *data = obj_data(p, o);
            if (UNLIKELY(!data)) {
                r = bif_oom(p);
                break;
            }
            if (UNLIKELY(pos > header_size(data[0]))) {
                r = bif_badarg(p);
                break;
            }
            term_t v = o->packed ? data[pos] : term_to_heap(p, data[pos]);
            if (v != TERM_NONE && !ets_is_bag(t)) {
                r = v;
                break;
            }
            term_t *hp = v == TERM_NONE ? NULL : heap_alloc(p, 2);
            if (UNLIKELY(!hp)) {
                r = bif_oom(p);
                break;
            }
            r = cons(&hp, v, r);
            o = ets_same_key(p->vm, t, o);
            if (!o) break;
        }
    }
    ets_leave(p->vm, t, false);
    return r;
}

/* ---- taking out ---- */

static BIF(ets_delete_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (UNLIKELY(!t)) return TERM_NONE;
    bif_bump(p, ets_erase(p->vm, p->sched, t, a[1]) / 4);
    ets_leave(p->vm, t, true);
    return A_true;
}

static BIF(ets_delete_object_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    bool ok = ets_is_object(t, a[1]);
    int64_t n = ok ? ets_erase_object(p->vm, p->sched, t, a[1]) : 0;
    ets_leave(p->vm, t, true);
    if (n < 0) return bif_oom(p);
    bif_bump(p, (size_t)n / 4);
    return ok ? (term_t)A_true : bif_badarg(p);
}

static BIF(ets_take_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    ets_obj_t *o = ets_find(p->vm, t, a[1]);
    term_t list = o ? objects_with_key(p, t, o) : TERM_NIL;
    if (o && list != TERM_NONE) ets_erase(p->vm, p->sched, t, a[1]);
    ets_leave(p->vm, t, true);
    return list == TERM_NONE ? bif_oom(p) : list;
}

/* ---- changing ---- */

enum { UPDATE_SMALL = 32 };
typedef struct {
    proc_t *p;
    ets_t *t;
    ets_obj_t *o; /* NULL: the default is to be put in */
    term_t *elem; /* as they are to be, from index 1 */
    size_t arity;
    bool plain; /* in place: what changed are immediates in place of immediates */
    term_t small[UPDATE_SMALL];
} update_t;

static bool update_begin(update_t *u, proc_t *p, ets_t *t, const term_t *elems, size_t arity) {
    if (!elems) {
        const term_t *data = obj_data(p, u->o);
        if (!data) return bif_oom(p), false;
        elems = data + 1;
        arity = header_size(data[0]);
    }
    u->p = p;
    u->t = t;
    u->arity = arity;
    u->plain = !u->o || !u->o->packed;
    u->elem = u->small;
    if (arity >= UPDATE_SMALL) {
        u->elem = mem_alloc(p->vm, (arity + 1) * sizeof(term_t));
        if (!u->elem) return bif_oom(p), false;
    }
    memcpy(u->elem + 1, elems, arity * sizeof(term_t));
    return true;
}
static void update_set(update_t *u, size_t pos, term_t v) {
    if (!is_immed(v) || !is_immed(u->elem[pos])) u->plain = false;
    u->elem[pos] = v;
}
/* false: no memory, raised. */
static bool update_commit(update_t *u) {
    proc_t *p = u->p;
    if (u->o && u->plain) {
        memcpy(u->o->data + 1, u->elem + 1, u->arity * sizeof(term_t));
        return true;
    }
    ets_obj_t *o = ets_obj_new(p->vm, p->sched, u->t, u->elem + 1, u->arity);
    if (!o) return bif_oom(p), false;
    if (u->o)
        ets_replace(p->vm, p->sched, u->t, u->o, o);
    else
        ets_put(p->vm, p->sched, u->t, o);
    return true;
}
static void update_end(update_t *u) {
    if (u->elem != u->small) mem_free(u->p->vm, u->elem, (u->arity + 1) * sizeof(term_t));
}

/* One operation of update_counter: the new value, TERM_NONE: raised. */
static term_t counter_step(update_t *u, term_t op) {
    proc_t *p = u->p;
    term_t pos = make_small((int64_t)u->t->keypos + 1), step = op;
    bool bounded = false;
    if (is_tuple(op)) {
        size_t n = tuple_arity(op);
        if (n != 2 && n != 4) return bif_badarg(p);
        pos = tuple_elem(op, 1);
        step = tuple_elem(op, 2);
        bounded = n == 4;
        if (bounded && (!is_integer(tuple_elem(op, 3)) || !is_integer(tuple_elem(op, 4))))
            return bif_badarg(p);
    }
    if (!is_integer(step) || !is_small(pos)) return bif_badarg(p);
    if (pos == make_small(u->t->keypos)) return bif_badarg_cause(p, A_keypos);
    if (small_value(pos) < 1 || (size_t)small_value(pos) > u->arity)
        return bif_badarg_cause(p, A_position);
    size_t i = (size_t)small_value(pos);
    if (!is_integer(u->elem[i])) return bif_badarg(p);
    term_t v = arith_add(p, u->elem[i], step);
    if (v == TERM_NONE) return TERM_NONE;
    if (bounded) {
        int c = term_cmp(p->vm, v, tuple_elem(op, 3));
        bool down = term_cmp(p->vm, step, make_small(0)) < 0;
        if (down ? c < 0 : c > 0) v = tuple_elem(op, 4);
    }
    update_set(u, i, v);
    return v;
}

static term_t update_counter(proc_t *p, term_t *a, term_t fallback) {
    vm_t *vm = p->vm;
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    update_t u;
    term_t result = TERM_NONE, ops = a[2], key = a[1];
    if (ets_is_bag(t)) {
        bif_badarg_cause(p, A_table_type);
        goto leave;
    }
    u.o = ets_find(vm, t, key);
    if (UNLIKELY(fallback != TERM_NONE) &&
        !(u.o ? is_tuple(fallback) : ets_is_object(t, fallback))) {
        bif_badarg(p);
        goto leave;
    }
    if (u.o) {
        if (!update_begin(&u, p, t, NULL, 0)) goto leave;
    } else if (fallback != TERM_NONE) {
        if (!update_begin(&u, p, t, tuple_elems(fallback), tuple_arity(fallback))) goto leave;
        u.elem[t->keypos] = key;
    } else {
        bif_badarg_cause(p, A_badkey);
        goto leave;
    }
    if (is_list(ops)) {
        term_t list = TERM_NIL;
        int64_t n = list_length(ops);
        term_t *cells = n > 0 ? heap_alloc(p, 2 * (size_t)n) : NULL, *at = cells;
        if (n < 0) {
            bif_badarg(p);
            goto end;
        }
        if (n > 0) {
            if (!cells) {
                bif_oom(p);
                goto end;
            }
            for (int64_t i = 0; i < 2 * n; i++) cells[i] = TERM_NIL;
            list = make_cons(cells);
        }
        for (term_t l = ops; is_cons(l); l = cons_tail(l), at += 2) {
            term_t v = is_tuple(cons_head(l)) ? counter_step(&u, cons_head(l)) : bif_badarg(p);
            if (v == TERM_NONE) goto end;
            at[0] = v;
            at[1] = is_cons(cons_tail(l)) ? make_cons(at + 2) : TERM_NIL;
        }
        bif_bump(p, (size_t)n);
        result = list;
    } else {
        result = counter_step(&u, ops);
        if (result == TERM_NONE) goto end;
    }
    if (!update_commit(&u)) result = TERM_NONE;
end:
    update_end(&u);
leave:
    ets_leave(vm, t, true);
    return result;
}
static BIF(ets_update_counter_3) { return update_counter(p, a, TERM_NONE); }
static BIF(ets_update_counter_4) { return update_counter(p, a, a[3]); }

static bool element_step(update_t *u, term_t op) {
    proc_t *p = u->p;
    if (!is_tuple_of(op, 2) || !is_small(tuple_elem(op, 1))) return bif_badarg(p), false;
    int64_t pos = small_value(tuple_elem(op, 1));
    if (pos == u->t->keypos) return bif_badarg_cause(p, A_keypos), false;
    if (pos < 1 || (size_t)pos > u->arity) return bif_badarg(p), false;
    update_set(u, (size_t)pos, tuple_elem(op, 2));
    return true;
}

static BIF(ets_update_element_3) {
    vm_t *vm = p->vm;
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    update_t u;
    term_t result = TERM_NONE;
    if (ets_is_bag(t)) {
        bif_badarg(p);
    } else if (!(u.o = ets_find(vm, t, a[1]))) {
        result = A_false;
    } else if (update_begin(&u, p, t, NULL, 0)) {
        bool ok = true;
        if (is_list(a[2])) {
            ok = list_length(a[2]) >= 0;
            if (!ok) bif_badarg(p);
            for (term_t l = a[2]; ok && is_cons(l); l = cons_tail(l))
                ok = element_step(&u, cons_head(l));
        } else {
            ok = element_step(&u, a[2]);
        }
        if (ok && update_commit(&u)) result = A_true;
        update_end(&u);
    }
    ets_leave(vm, t, true);
    return result;
}

/* ---- one after the other ---- */

static term_t key_of(proc_t *p, ets_t *t, ets_obj_t *o) {
    term_t k = o ? term_to_heap(p, ets_obj_key(t, o)) : (term_t)A_end_of_table;
    ets_leave(p->vm, t, false);
    return k == TERM_NONE ? bif_oom(p) : k;
}

static term_t end_key(proc_t *p, term_t id, bool back) {
    ets_t *t = ets_enter(p, id, ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    bool known;
    if (!ets_is_tree(t)) return key_of(p, t, ets_hash_next(p->vm, t, TERM_NONE, &known));
    ets_walk_t w;
    ets_tree_seek(p->vm, t, &w, TERM_NONE, false, back);
    return key_of(p, t, ets_tree_at(&w));
}
static BIF(ets_first_1) { return end_key(p, a[0], false); }
static BIF(ets_last_1) { return end_key(p, a[0], true); }

static term_t other_key(proc_t *p, term_t *a, bool back) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    if (!ets_is_tree(t)) {
        bool known;
        ets_obj_t *o = ets_hash_next(p->vm, t, a[1], &known);
        if (known) return key_of(p, t, o);
        ets_leave(p->vm, t, false);
        return bif_badarg(p);
    }
    ets_walk_t w;
    ets_tree_seek(p->vm, t, &w, a[1], false, back);
    return key_of(p, t, ets_tree_at(&w));
}
static BIF(ets_next_2) { return other_key(p, a, false); }
static BIF(ets_prev_2) { return other_key(p, a, true); }

static BIF(ets_slot_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    term_t list = TERM_NIL;
    size_t n = ets_is_tree(t) ? t->count : t->nbuckets;
    size_t i = is_small(a[1]) && small_value(a[1]) >= 0 ? (size_t)small_value(a[1]) : SIZE_MAX;
    ets_obj_t *o = NULL;
    ets_walk_t w;
    if (i > n) {
        list = bif_badarg(p);
    } else if (i == n) {
        list = A_end_of_table;
    } else if (ets_is_tree(t)) {
        ets_tree_seek(p->vm, t, &w, TERM_NONE, false, false);
        bif_bump(p, i / 8);
        while (i-- > 0) ets_tree_step(&w, false);
        o = ets_tree_at(&w);
    } else {
        o = *ets_bucket(t, i);
    }
    for (; o; o = ets_is_tree(t) ? NULL : o->left) {
        if (o->dead && !ets_is_tree(t)) continue;
        term_t x = ets_obj_copy(p, o), *hp = x == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) {
            list = bif_oom(p);
            break;
        }
        list = cons(&hp, x, list);
    }
    ets_leave(p->vm, t, false);
    return list;
}

/* ---- whole tables ---- */

enum { SCAN_LIST, SCAN_CHUNK, SCAN_COUNT, SCAN_DELETE, SCAN_REPLACE };

typedef struct {
    ets_t *t;
    ms_t *ms;
    int what;
    bool back;
    size_t limit; /* SCAN_CHUNK */
    term_t list;  /* results, last one first */
    size_t count; /* of results, or of objects counted, deleted or replaced */
    size_t slot;  /* hash tables: bucket to go on with */
    term_t key;   /* trees: the last one seen; TERM_NONE: none yet */
} scan_t;

enum { SCAN_DONE, SCAN_LIMIT, SCAN_YIELD, SCAN_NO_MEMORY };

/* What goes on in other time slices. */
typedef struct {
    magic_t magic;
    ets_t *t; /* both counted */
    ms_t *ms;
    int what;
    bool back, held;
    size_t limit;
} trav_t;

static void trav_unhold(trav_t *v) {
    vm_t *vm = v->magic.vm;
    if (!v->held) return;
    v->held = false;
    ets_lock(vm, v->t, true);
    if (!(v->t->odd & ETS_DELETED)) ets_unhold(vm, v->t);
    ets_unlock(vm, v->t, true);
}
static void trav_destroy(magic_t *m) {
    trav_t *v = (trav_t *)m;
    trav_unhold(v);
    ets_release(v->t);
    ms_release(v->ms);
    mem_free(m->vm, v, sizeof *v);
}

static bool scan_replace(proc_t *p, scan_t *s, ets_obj_t **o, term_t v) {
    vm_t *vm = p->vm;
    ets_t *t = s->t;
    if (!ets_is_object(t, v)) return true;
    term_t key = tuple_elem(v, t->keypos);
    if (ets_is_tree(t) ? term_cmp(vm, key, ets_obj_key(t, *o)) != 0
                       : !term_eq(vm, key, ets_obj_key(t, *o)))
        return true;
    ets_obj_t *n = ets_obj_new(vm, p->sched, t, tuple_elems(v), tuple_arity(v));
    if (!n) return false;
    ets_replace(vm, p->sched, t, *o, n);
    *o = n;
    s->count++;
    return true;
}

/* Runs the program on one object. *o: NULL afterwards where it is to be deleted. false: no memory.
 */
static bool scan_object(ms_run_t *r, scan_t *s, ets_obj_t **o) {
    proc_t *p = r->p;
    ets_obj_t *seen = ets_obj_open(p->vm, p->sched, *o);
    if (!seen) return false;
    term_t v = ms_match(r, ets_obj_term(seen), seen);
    ets_obj_close(p->vm, p->sched, *o, seen);
    if (v == TERM_NONE) return !r->oom;
    switch (s->what) {
    case SCAN_LIST:
    case SCAN_CHUNK: {
        term_t *hp = heap_alloc(p, 2);
        if (!hp) return false;
        s->list = cons(&hp, v, s->list);
        s->count++;
        return true;
    }
    case SCAN_COUNT: s->count += v == A_true; return true;
    case SCAN_DELETE:
        if (v == A_true) {
            s->count++;
            *o = NULL;
        }
        return true;
    default: return scan_replace(p, s, o, v);
    }
}

static int scan_hash(ms_run_t *r, scan_t *s, size_t *budget) {
    proc_t *p = r->p;
    ets_t *t = s->t;
    while (s->slot < t->nbuckets) {
        ets_obj_t *o = *ets_bucket(t, s->slot), *next;
        size_t n = 0;
        for (; o; o = next) {
            next = o->left;
            if (o->dead) continue;
            ets_obj_t *was = o;
            n++;
            if (!scan_object(r, s, &o)) return SCAN_NO_MEMORY;
            if (!o) ets_erase_one(p->vm, p->sched, t, was);
        }
        s->slot++;
        if (s->what == SCAN_CHUNK && s->count >= s->limit) return SCAN_LIMIT;
        n += s->slot % 8 == 0;
        if (*budget <= n) {
            *budget = 0;
            if (s->slot < t->nbuckets) return SCAN_YIELD;
            break;
        }
        *budget -= n;
    }
    return SCAN_DONE;
}

static int scan_tree(ms_run_t *r, scan_t *s, size_t *budget) {
    proc_t *p = r->p;
    vm_t *vm = p->vm;
    ets_t *t = s->t;
    /* A list is put together from its end. */
    bool back = s->back != (s->what == SCAN_LIST);
    ets_walk_t w;
    ets_obj_t *o, *was;
    ets_tree_seek(vm, t, &w, s->key, false, back);
    while ((was = o = ets_tree_at(&w)) != NULL) {
        if (!scan_object(r, s, &o)) return SCAN_NO_MEMORY;
        bool limit = s->what == SCAN_CHUNK && s->count >= s->limit, yield = --*budget == 0;
        if (limit || yield) {
            s->key = term_to_heap(p, ets_obj_key(t, o ? o : was));
            if (s->key == TERM_NONE) return SCAN_NO_MEMORY;
        }
        if (!o) { /* deleted: the path is gone, too */
            ets_tree_step(&w, back);
            o = ets_tree_at(&w);
            ets_erase_one(vm, p->sched, t, was);
            if (o)
                ets_tree_seek(vm, t, &w, ets_obj_key(t, o), true, back);
            else
                w.depth = 0;
        } else {
            w.path[w.depth - 1] = o;
            ets_tree_step(&w, back);
        }
        if (limit) return SCAN_LIMIT;
        if (yield) {
            *budget = 0;
            return SCAN_YIELD;
        }
    }
    return SCAN_DONE;
}

/* Only objects with these keys. */
static int scan_keys(ms_run_t *r, scan_t *s, term_t *keys, size_t n) {
    proc_t *p = r->p;
    vm_t *vm = p->vm;
    ets_t *t = s->t;
    for (size_t i = 1; i < n; i++) /* in order; there are only a few */
        for (size_t k = i; k > 0 && term_cmp(vm, keys[k - 1], keys[k]) > 0; k--) {
            term_t key = keys[k];
            keys[k] = keys[k - 1];
            keys[k - 1] = key;
        }
    bool back = s->back != (s->what == SCAN_LIST);
    for (size_t i = 0; i < n; i++) {
        size_t at = back ? n - 1 - i : i;
        if (ets_is_tree(t) && at > 0 && term_cmp(vm, keys[at - 1], keys[at]) == 0) continue;
        ets_obj_t *o = ets_find(vm, t, keys[at]), *next;
        for (; o; o = next) {
            ets_obj_t *was = o;
            next = ets_is_bag(t) ? ets_same_key(vm, t, o) : NULL;
            if (!scan_object(r, s, &o)) return SCAN_NO_MEMORY;
            if (!o) ets_erase_one(vm, p->sched, t, was);
            bif_bump(p, 1);
        }
    }
    return SCAN_DONE;
}

static term_t list_reverse(term_t l, term_t tail) { /* in place: the cells are our own */
    while (is_cons(l)) {
        term_t next = cons_tail(l);
        cons_ptr(l)[1] = tail;
        tail = l;
        l = next;
    }
    return tail;
}

/* What select/3 and its like return: state says how the scan ended. */
static term_t chunk_result(proc_t *p, scan_t *s, int state) {
    ets_t *t = s->t;
    if (s->count == 0) return A_end_of_table;
    term_t all = list_reverse(s->list, TERM_NIL), rest = TERM_NIL, *hp;
    size_t left = 0;
    if (s->count > s->limit) {
        term_t cell = all;
        for (size_t i = 1; i < s->limit; i++) cell = cons_tail(cell);
        rest = cons_tail(cell);
        cons_ptr(cell)[1] = TERM_NIL;
        left = s->count - s->limit;
    }
    bool over = left == 0 && (state == SCAN_DONE || (!ets_is_tree(t) && s->slot >= t->nbuckets));
    term_t cont = A_end_of_table;
    if (!over) {
        term_t tab = ets_ref(p, t), ms;
        atomic_fetch_add_explicit(&((magic_t *)s->ms)->refs, 1, memory_order_relaxed);
        ms = ms_ref(p, s->ms);
        hp = tab == TERM_NONE || ms == TERM_NONE ? NULL : heap_alloc(p, ets_is_tree(t) ? 9 : 7);
        if (!hp) return bif_oom(p);
        cont = make_boxed(hp);
        if (ets_is_tree(t)) {
            const term_t e[] = {make_header(T_TUPLE, 8),       tab, s->key, TERM_NIL,
                                make_small((int64_t)s->limit), ms,  rest,   make_small(s->back),
                                make_small((int64_t)left)};
            memcpy(hp, e, sizeof e);
        } else {
            const term_t e[] = {make_header(T_TUPLE, 6),       tab, make_small((int64_t)s->slot),
                                make_small((int64_t)s->limit), ms,  rest,
                                make_small((int64_t)left)};
            memcpy(hp, e, sizeof e);
        }
    }
    hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, all, cont) : bif_oom(p);
}

/* Goes on until it is done or time is up. The table is locked and entered; the caller leaves it.
 * v: the state where this is not the first slice. */
static term_t scan_run(proc_t *p, scan_t *s, trav_t *v, term_t vref) {
    ms_run_t r;
    int state;
    if (!ms_begin(&r, p, s->ms)) return bif_oom(p);
    size_t budget = p->reds > 400 ? (size_t)p->reds : 400, begin = budget;
    state = ets_is_tree(s->t) ? scan_tree(&r, s, &budget) : scan_hash(&r, s, &budget);
    ms_end(&r);
    bif_bump(p, begin - budget);
    if (state == SCAN_NO_MEMORY) return bif_oom(p);
    if (state != SCAN_YIELD) {
        if (s->what == SCAN_LIST) return s->list;
        if (s->what == SCAN_CHUNK) return chunk_result(p, s, state);
        return make_small((int64_t)s->count);
    }
    term_t args[4] = {vref, s->list, make_small((int64_t)s->slot), make_small((int64_t)s->count)};
    if (ets_is_tree(s->t)) {
        term_t *hp = heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        args[2] = cons(&hp, s->key, TERM_NIL);
    }
    if (!v) {
        term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
        if (!hp) return bif_oom(p);
        v = mem_calloc(p->vm, sizeof *v);
        if (!v) {
            hp[0] = make_header(T_TUPLE, MAGIC_REF_WORDS - 1);
            for (size_t i = 1; i < MAGIC_REF_WORDS; i++) hp[i] = TERM_NIL;
            return bif_oom(p);
        }
        magic_init(p->vm, &v->magic, trav_destroy);
        v->t = s->t;
        v->ms = s->ms;
        atomic_fetch_add_explicit(&s->t->magic.refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&((magic_t *)s->ms)->refs, 1, memory_order_relaxed);
        v->what = s->what;
        v->back = s->back;
        v->limit = s->limit;
        if (!ets_is_tree(s->t)) {
            ets_hold(s->t);
            v->held = true;
        }
        args[0] = magic_ref_put(p, hp, &v->magic);
    }
    return bif_yield(p, &scan_def, 4, args);
}

static bool scan_writes(int what) { return what == SCAN_DELETE || what == SCAN_REPLACE; }

static BIF(scan_4) {
    magic_t *m = is_boxed_type(a[0], T_MAGIC_REF) ? ((magic_ref_t *)boxed_ptr(a[0]))->magic : NULL;
    if (!m || m->destroy != trav_destroy || !is_small(a[3])) return bif_badarg(p);
    trav_t *v = (trav_t *)m;
    bool exclusive = scan_writes(v->what);
    ets_lock(p->vm, v->t, exclusive);
    if (UNLIKELY(v->t->odd != 0)) {
        bool deleted = (v->t->odd & ETS_DELETED) != 0;
        ets_unlock(p->vm, v->t, exclusive);
        if (deleted) return bif_badarg_cause(p, A_id);
        ets_lock(p->vm, v->t, true);
        if (v->t->rest) ets_rest_step(p->vm, p->sched, v->t);
        ets_unlock(p->vm, v->t, true);
        return bif_yield(p, &scan_def, 4, a);
    }
    scan_t s = {.t = v->t,
                .ms = v->ms,
                .what = v->what,
                .back = v->back,
                .limit = v->limit,
                .list = a[1],
                .count = (size_t)small_value(a[3]),
                .slot = is_small(a[2]) ? (size_t)small_value(a[2]) : 0,
                .key = is_cons(a[2]) ? cons_head(a[2]) : TERM_NONE};
    term_t result = scan_run(p, &s, v, a[0]);
    ets_unlock(p->vm, v->t, exclusive);
    if (result != TERM_NONE || p->fclass != EXC_YIELD) trav_unhold(v);
    return result;
}

static term_t scan_start(proc_t *p, term_t id, term_t spec, int what, bool back, term_t limit) {
    vm_t *vm = p->vm;
    bool exclusive = scan_writes(what), oom = false, never;
    ets_t *t = ets_enter(p, id, exclusive ? ETS_NEED_WRITE : ETS_NEED_READ, exclusive);
    if (!t) return TERM_NONE;
    term_t result = TERM_NONE, *keys = NULL;
    size_t nkeys = 0, room = 0;
    scan_t s = {.t = t, .what = what, .back = back, .list = TERM_NIL, .key = TERM_NONE};
    if (what == SCAN_CHUNK) {
        if (!is_small(limit) || small_value(limit) < 1) {
            bif_badarg(p);
            goto leave;
        }
        s.limit = (size_t)small_value(limit);
    }
    if (what == SCAN_REPLACE && t->type == ETS_BAG) {
        bif_badarg_cause(p, A_table_type);
        goto leave;
    }
    if (is_nil(spec) && what != SCAN_REPLACE) { /* no clause matches nothing */
        result = what == SCAN_LIST    ? TERM_NIL
                 : what == SCAN_CHUNK ? (term_t)A_end_of_table
                                      : make_small(0);
        goto leave;
    }
    s.ms = ms_compile(p, spec, MS_TABLE, NULL, &oom);
    if (!s.ms) {
        oom ? bif_oom(p) : bif_badarg(p);
        goto leave;
    }
    if (what == SCAN_REPLACE && !ms_keeps_key(vm, spec, t->keypos)) {
        bif_badarg(p);
        goto leave;
    }
    keys = ms_keys(vm, spec, t->keypos, &nkeys, &room, &never, &oom);
    if (oom) {
        bif_oom(p);
    } else if (keys || never) {
        ms_run_t r;
        if (ms_begin(&r, p, s.ms) && scan_keys(&r, &s, keys, nkeys) == SCAN_DONE) {
            s.slot = t->nbuckets;
            result = what == SCAN_LIST    ? s.list
                     : what == SCAN_CHUNK ? chunk_result(p, &s, SCAN_DONE)
                                          : make_small((int64_t)s.count);
        } else {
            bif_oom(p);
        }
        ms_end(&r);
    } else {
        result = scan_run(p, &s, NULL, TERM_NONE);
    }
leave:
    if (keys) mem_free(vm, keys, room * sizeof *keys);
    if (s.ms) ms_release(s.ms);
    ets_leave(vm, t, exclusive);
    return result;
}

/* [{Pattern, [], [Body]}] */
static term_t spec_of(proc_t *p, term_t pattern, term_t body) {
    term_t *hp = heap_alloc(p, 8);
    if (!hp) return TERM_NONE;
    term_t b = cons(&hp, body, TERM_NIL), clause = tuple3(&hp, pattern, TERM_NIL, b);
    return cons(&hp, clause, TERM_NIL);
}
static term_t match_start(proc_t *p, term_t *a, term_t body, int what) {
    term_t spec = spec_of(p, a[1], body);
    if (spec == TERM_NONE) return bif_oom(p);
    return scan_start(p, a[0], spec, what, false, what == SCAN_CHUNK ? a[2] : TERM_NIL);
}

static BIF(ets_select_2) { return scan_start(p, a[0], a[1], SCAN_LIST, false, TERM_NIL); }
static BIF(ets_select_3) { return scan_start(p, a[0], a[1], SCAN_CHUNK, false, a[2]); }
static BIF(ets_select_reverse_2) { return scan_start(p, a[0], a[1], SCAN_LIST, true, TERM_NIL); }
static BIF(ets_select_reverse_3) { return scan_start(p, a[0], a[1], SCAN_CHUNK, true, a[2]); }
static BIF(ets_select_count_2) { return scan_start(p, a[0], a[1], SCAN_COUNT, false, TERM_NIL); }
static BIF(ets_internal_select_delete_2) {
    return scan_start(p, a[0], a[1], SCAN_DELETE, false, TERM_NIL);
}
static BIF(ets_select_replace_2) {
    return scan_start(p, a[0], a[1], SCAN_REPLACE, false, TERM_NIL);
}
static BIF(ets_match_2) { return match_start(p, a, A_dollar_dollar, SCAN_LIST); }
static BIF(ets_match_3) { return match_start(p, a, A_dollar_dollar, SCAN_CHUNK); }
static BIF(ets_match_object_2) { return match_start(p, a, A_dollar_underscore, SCAN_LIST); }
static BIF(ets_match_object_3) { return match_start(p, a, A_dollar_underscore, SCAN_CHUNK); }

/* select/1, match/1, match_object/1, select_reverse/1: the next portion. */
static BIF(ets_select_1) {
    vm_t *vm = p->vm;
    if (a[0] == A_end_of_table) return a[0];
    bool tree = is_tuple_of(a[0], 8);
    if (!tree && !is_tuple_of(a[0], 6)) return bif_badarg(p);
    const term_t *e = boxed_ptr(a[0]);
    term_t limit = tree ? e[4] : e[3], rest = tree ? e[6] : e[5];
    ms_t *ms = ms_of(tree ? e[5] : e[4]);
    int64_t left = list_length(rest);
    if (!ms || left < 0 || !is_small(limit) || small_value(limit) < 1 ||
        (!tree && (!is_small(e[2]) || small_value(e[2]) < 0)))
        return bif_badarg(p);
    ets_t *t = ets_enter(p, e[1], ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    term_t result;
    if (ets_is_tree(t) != tree) {
        result = bif_badarg(p);
    } else {
        scan_t s = {.t = t,
                    .ms = ms,
                    .what = SCAN_CHUNK,
                    .back = tree && e[7] == make_small(1),
                    .limit = (size_t)small_value(limit),
                    .list = TERM_NIL,
                    .slot = tree ? 0 : (size_t)small_value(e[2]),
                    .key = tree ? e[2] : TERM_NONE};
        result = A_true;
        for (; is_cons(rest); rest = cons_tail(rest)) { /* what was found before, newest first */
            term_t *hp = heap_alloc(p, 2);
            if (!hp) {
                result = bif_oom(p);
                break;
            }
            s.list = cons(&hp, cons_head(rest), s.list);
            s.count++;
        }
        if (result != TERM_NONE)
            result = s.count >= s.limit ? chunk_result(p, &s, SCAN_LIMIT)
                                        : scan_run(p, &s, NULL, TERM_NONE);
    }
    ets_leave(vm, t, false);
    return result;
}

/* ---- match specifications without a table ---- */

static BIF(ets_match_spec_compile_1) {
    bool oom;
    ms_t *ms = ms_compile(p, a[0], MS_TABLE, NULL, &oom);
    if (!ms) return oom ? bif_oom(p) : bif_badarg(p);
    term_t ref = ms_ref(p, ms);
    return ref == TERM_NONE ? bif_oom(p) : ref;
}
static BIF(ets_is_compiled_ms_1) {
    (void)p;
    return make_bool(ms_of(a[0]) != NULL);
}

static BIF(ets_match_spec_run_r_3);
static const bif_def_t run_def = {"ets", "match_spec_run_r", 3, ets_match_spec_run_r_3, 0};

static BIF(ets_match_spec_run_r_3) {
    ms_t *ms = ms_of(a[1]);
    ms_run_t r;
    if (!ms || !is_list(a[0])) return bif_badarg(p);
    if (!ms_begin(&r, p, ms)) return bif_oom(p);
    term_t l = a[0], out = a[2];
    size_t budget = p->reds > 400 ? (size_t)p->reds : 400, n = 0;
    for (; is_cons(l) && n < budget; l = cons_tail(l), n++) {
        term_t v = ms_match(&r, cons_head(l), NULL);
        if (v == TERM_NONE) {
            if (r.oom) break;
            continue;
        }
        term_t *hp = heap_alloc(p, 2);
        if (!hp) {
            r.oom = true;
            break;
        }
        out = cons(&hp, v, out);
    }
    bool oom = r.oom;
    ms_end(&r);
    bif_bump(p, n);
    if (oom) return bif_oom(p);
    if (is_nil(l)) return out;
    if (!is_cons(l)) return bif_badarg(p);
    term_t args[3] = {l, a[1], out};
    return bif_yield(p, &run_def, 3, args);
}

/* What comes before the tail of an improper list; TERM_NONE: no memory. */
static term_t proper_part(proc_t *p, term_t l) {
    size_t n = 0;
    term_t t = l, out = TERM_NIL, *end = &out;
    for (; is_cons(t); t = cons_tail(t)) n++;
    if (is_nil(t)) return l;
    term_t *hp = heap_alloc(p, 2 * n);
    if (!hp) return TERM_NONE;
    for (; is_cons(l); l = cons_tail(l), hp += 2) {
        hp[0] = cons_head(l);
        hp[1] = TERM_NIL;
        *end = make_cons(hp);
        end = hp + 1;
    }
    return out;
}

static BIF(erlang_match_spec_test_3) {
    bool trace = a[2] == A_trace, oom;
    if (a[2] != A_table && !trace) return bif_badarg(p);
    if (trace && !is_list(a[0])) return bif_badarg(p);
    term_t errors, *hp;
    ms_t *ms = ms_compile(p, a[1], trace ? MS_TRACE : MS_TABLE, &errors, &oom);
    if (oom) return bif_oom(p);
    if (!ms) {
        hp = heap_alloc(p, 3);
        return hp ? tuple2(&hp, A_error, errors) : bif_oom(p);
    }
    term_t v = TERM_NONE, flags = TERM_NIL;
    ms_trace_t mt = {.p = p, .message = A_true, .test = true};
    if (trace) {
        term_t args = proper_part(p, a[0]);
        if (args != TERM_NONE)
            v = ms_run_trace(p, ms, args, &mt) ? term_copy_to(p, mt.message) : (term_t)A_false;
        oom = v == TERM_NONE;
    } else {
        ms_run_t r;
        oom = !ms_begin(&r, p, ms);
        if (!oom) {
            v = ms_match(&r, a[0], NULL);
            oom = r.oom;
        }
        ms_end(&r);
        if (v == TERM_NONE) v = A_false;
    }
    ms_release(ms);
    hp = oom ? NULL : heap_alloc(p, 5 + 4);
    if (!hp) return bif_oom(p);
    term_t *end = hp + 5 + 4;
    if (mt.exception_trace) flags = cons(&hp, A_exception_trace, flags);
    if (mt.return_trace) flags = cons(&hp, A_return_trace, flags);
    term_t result = tuple4(&hp, A_ok, v, flags, TERM_NIL);
    heap_release(p, hp, end);
    return result;
}

const bif_def_t bifs_ets[] = {
    {"ets", "new", 2, ets_new_2, 0},
    {"ets", "delete", 1, ets_delete_1, 0},
    {"ets", "delete", 2, ets_delete_2, 0},
    {"ets", "delete_object", 2, ets_delete_object_2, 0},
    {"ets", "first", 1, ets_first_1, 0},
    {"ets", "give_away", 3, ets_give_away_3, 0},
    {"ets", "info", 1, ets_info_1, 0},
    {"ets", "info", 2, ets_info_2, 0},
    {"ets", "internal_request_all", 0, ets_internal_request_all_0, 0},
    {"ets", "internal_select_delete", 2, ets_internal_select_delete_2, 0},
    {"ets", "is_compiled_ms", 1, ets_is_compiled_ms_1, 0},
    {"ets", "last", 1, ets_last_1, 0},
    {"ets", "lookup", 2, ets_lookup_2, 0},
    {"ets", "lookup_element", 3, ets_lookup_element_3, 0},
    {"ets", "match", 1, ets_select_1, 0},
    {"ets", "match", 2, ets_match_2, 0},
    {"ets", "match", 3, ets_match_3, 0},
    {"ets", "match_object", 1, ets_select_1, 0},
    {"ets", "match_object", 2, ets_match_object_2, 0},
    {"ets", "match_object", 3, ets_match_object_3, 0},
    {"ets", "match_spec_compile", 1, ets_match_spec_compile_1, 0},
    {"ets", "match_spec_run_r", 3, ets_match_spec_run_r_3, 0},
    {"ets", "member", 2, ets_member_2, 0},
    {"ets", "next", 2, ets_next_2, 0},
    {"erts_internal", "ets_lookup_binary_info", 2, lookup_binary_info_2, 0},
    {"erts_internal", "ets_raw_first", 1, ets_first_1, 0},
    {"erts_internal", "ets_raw_next", 2, ets_next_2, 0},
    {"ets", "prev", 2, ets_prev_2, 0},
    {"ets", "rename", 2, ets_rename_2, 0},
    {"ets", "safe_fixtable", 2, ets_safe_fixtable_2, 0},
    {"ets", "select", 1, ets_select_1, 0},
    {"ets", "select", 2, ets_select_2, 0},
    {"ets", "select", 3, ets_select_3, 0},
    {"ets", "select_count", 2, ets_select_count_2, 0},
    {"ets", "select_replace", 2, ets_select_replace_2, 0},
    {"ets", "select_reverse", 1, ets_select_1, 0},
    {"ets", "select_reverse", 2, ets_select_reverse_2, 0},
    {"ets", "select_reverse", 3, ets_select_reverse_3, 0},
    {"ets", "setopts", 2, ets_setopts_2, 0},
    {"ets", "slot", 2, ets_slot_2, 0},
    {"ets", "take", 2, ets_take_2, 0},
    {"ets", "update_counter", 3, ets_update_counter_3, 0},
    {"ets", "update_counter", 4, ets_update_counter_4, 0},
    {"ets", "update_element", 3, ets_update_element_3, 0},
    {"ets", "whereis", 1, ets_whereis_1, 0},
    {"erlang", "match_spec_test", 3, erlang_match_spec_test_3, 0},
    {"erts_internal", "ets_drain", 2, drain_2, 0},
    {"erts_internal", "ets_scan", 4, scan_4, 0},
    {0}};
