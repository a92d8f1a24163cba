/* bif_ets.c: the functions of module ets that are about a table, or about one key of it: making and
 * giving away, looking up, taking out, going from key to key. Relies on ets.h; changing parts of
 * objects is in bif_ets_update.c, whole tables in bif_ets_select.c, info in bif_ets_info.c, putting
 * in in ets_rest.c.
 */
#include "vm/ets.h"
#include "vm/compare.h"
#include "vm/copy.h"
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
static const bif_def_t drain_def = {"erts_internal", "ets_drain", 2, drain_2, 0};

/* Frees what a table held that is gone, in portions. a[0]: its reference; a[1]: the result. */
static BIF(drain_2) {
    ets_t *t = ets_gone(a[0]);
    if (!t) return bif_badarg(p);
    if (ets_drain(p->vm, p->sched, t, DRAIN_STEP)) {
        ets_corpse_done(p, t);
        return a[1];
    }
    bif_bump(p, DRAIN_STEP / 4);
    return bif_yield(p, &drain_def, 2, a);
}
term_t ets_drain_start(proc_t *p, ets_t *corpse, term_t result) {
    if (!corpse) return result;
    term_t args[2] = {ets_ref(p, corpse), result};
    /* Where there is no memory for the reference or the record, it goes at once. */
    if (args[0] == TERM_NONE || !ets_corpse_keep(p, corpse)) ets_release(corpse);
    return args[0] == TERM_NONE ? result : drain_2(p, args);
}

enum { PURGE_STEP = 2000 };
static BIF(purge_2);
static const bif_def_t purge_def = {"erts_internal", "ets_purge", 2, purge_2, 0};

/* Takes dead objects out, in portions. a[0]: the table; a[1]: the result. */
static BIF(purge_2) {
    term_t cause;
    ets_t *t = ets_enter_quiet(p, a[0], true, &cause);
    if (!t) return cause == TERM_NONE ? TERM_NONE : a[1];
    bool done = ets_purge(p->vm, p->sched, t, PURGE_STEP);
    ets_leave(p->vm, t, true);
    if (done) return a[1];
    bif_bump(p, PURGE_STEP / 4);
    return bif_yield(p, &purge_def, 2, a);
}
term_t ets_purge_start(proc_t *p, ets_t *t, term_t result) {
    term_t args[2] = {ets_ref(p, t), result};
    return args[0] == TERM_NONE ? result : bif_yield(p, &purge_def, 2, args);
}

static BIF(ets_delete_1) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    ets_t *corpse = ets_kill(p->vm, t);
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
    if (!ok) return bif_badarg(p);
    if (done) return A_true;
    return on ? bif_oom(p) : ets_purge_start(p, t, A_true);
}

static BIF(ets_whereis_1) {
    term_t cause;
    if (!is_atom(a[0])) return bif_badarg(p);
    ets_t *t = ets_peek(p, a[0], &cause);
    if (!t) return cause == TERM_NONE ? TERM_NONE : (term_t)A_undefined;
    term_t ref = ets_ref(p, t);
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
/* ---- looking up ---- */

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
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_READ, false, a[1], &h);
    if (UNLIKELY(!t)) return TERM_NONE;
    ets_obj_t *o = ets_find(p->vm, t, h, a[1]);
    term_t list = o ? objects_with_key(p, t, o) : TERM_NIL;
    ets_leave_key(p->vm, t, h, false);
    return UNLIKELY(list == TERM_NONE) ? bif_oom(p) : list;
}

static BIF(ets_member_2) {
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_READ, false, a[1], &h);
    if (UNLIKELY(!t)) return TERM_NONE;
    term_t r = make_bool(ets_find(p->vm, t, h, a[1]) != NULL);
    ets_leave_key(p->vm, t, h, false);
    return r;
}

static BIF(ets_lookup_element_3) {
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_READ, false, a[1], &h);
    if (UNLIKELY(!t)) return TERM_NONE;
    term_t r;
    ets_obj_t *o;
    if (UNLIKELY(!is_small(a[2]) || small_value(a[2]) < 1)) {
        r = bif_badarg(p);
    } else if (UNLIKELY(!(o = ets_find(p->vm, t, h, a[1])))) {
        r = bif_badarg_cause(p, A_badkey);
    } else {
        size_t pos = (size_t)small_value(a[2]);
        r = TERM_NIL;
        for (;;) {
            const term_t *data = ets_obj_data(p, o);
            if (UNLIKELY(!data)) {
                r = bif_oom(p);
                break;
            }
            if (UNLIKELY(pos > header_size(data[0]))) {
                r = bif_badarg(p);
                break;
            }
            term_t v = o->packed ? data[pos] : ets_term_to_heap(p, data[pos]);
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
    ets_leave_key(p->vm, t, h, false);
    return r;
}

/* ---- taking out ---- */

static BIF(ets_delete_2) {
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_WRITE, true, a[1], &h);
    if (UNLIKELY(!t)) return TERM_NONE;
    bif_bump(p, ets_erase(p->vm, p->sched, t, h, a[1]) / 4);
    ets_leave_key(p->vm, t, h, true);
    return A_true;
}

static BIF(ets_delete_object_2) {
    vm_t *vm = p->vm;
    ets_t *t = ets_resolve(p, a[0]);
    if (!t) return TERM_NONE;
    bool ok = ets_is_object(t, a[1]);
    uint64_t h = ok ? ets_hash(vm, t, tuple_elem(a[1], t->keypos)) : 0;
    if (!ets_enter_some(p, t, a[0], ETS_NEED_WRITE, ets_shard_set(t, h), true)) return TERM_NONE;
    int64_t n = ok ? ets_erase_object(vm, p->sched, t, h, a[1]) : 0;
    ets_leave_key(vm, t, h, true);
    if (n < 0) return bif_oom(p);
    bif_bump(p, (size_t)n / 4);
    return ok ? (term_t)A_true : bif_badarg(p);
}

static BIF(ets_take_2) {
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_WRITE, true, a[1], &h);
    if (!t) return TERM_NONE;
    ets_obj_t *o = ets_find(p->vm, t, h, a[1]);
    term_t list = o ? objects_with_key(p, t, o) : TERM_NIL;
    if (o && list != TERM_NONE) ets_erase(p->vm, p->sched, t, h, a[1]);
    ets_leave_key(p->vm, t, h, true);
    return list == TERM_NONE ? bif_oom(p) : list;
}
/* ---- one after the other ---- */

/* A key of the table, of which some shards are locked for reading. */
static term_t key_of(proc_t *p, ets_t *t, ets_obj_t *o, uint64_t shards) {
    term_t k = o ? ets_term_to_heap(p, ets_obj_key(t, o)) : (term_t)A_end_of_table;
    ets_unlock_some(p->vm, t, shards, false);
    return k == TERM_NONE ? bif_oom(p) : k;
}

/* The first one in the shards from i on. */
static term_t key_from(proc_t *p, ets_t *t, uint32_t i) {
    for (; i < t->nshards; i++) {
        uint64_t shard = UINT64_C(1) << i;
        ets_lock_some(p->vm, t, shard, false);
        if (t->odd) { /* it was not when the BIF began */
            ets_unlock_some(p->vm, t, shard, false);
            return ets_again(p);
        }
        ets_obj_t *o = ets_shard_first(&t->shards[i]);
        if (o) return key_of(p, t, o, shard);
        ets_unlock_some(p->vm, t, shard, false);
    }
    return A_end_of_table;
}

static term_t end_key(proc_t *p, term_t id, bool back) {
    ets_t *t = ets_resolve(p, id);
    if (!t || !ets_enter_some(p, t, id, ETS_NEED_READ, 1, false)) return TERM_NONE;
    if (ets_is_tree(t)) {
        ets_walk_t w;
        ets_tree_seek(p->vm, t, &w, TERM_NONE, false, back);
        return key_of(p, t, ets_tree_at(&w), 1);
    }
    ets_obj_t *o = ets_shard_first(&t->shards[0]);
    if (o || t->nshards == 1) return key_of(p, t, o, 1);
    ets_unlock_some(p->vm, t, 1, false);
    return key_from(p, t, 1);
}
static BIF(ets_first_1) { return end_key(p, a[0], false); }
static BIF(ets_last_1) { return end_key(p, a[0], true); }

static term_t other_key(proc_t *p, term_t *a, bool back) {
    vm_t *vm = p->vm;
    uint64_t h;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_READ, false, a[1], &h);
    if (!t) return TERM_NONE;
    uint64_t shard = ets_shard_set(t, h);
    if (ets_is_tree(t)) {
        ets_walk_t w;
        ets_tree_seek(vm, t, &w, a[1], false, back);
        return key_of(p, t, ets_tree_at(&w), shard);
    }
    bool known;
    ets_obj_t *o = ets_hash_next(vm, t, h, a[1], &known);
    if (o) return key_of(p, t, o, shard);
    ets_unlock_some(vm, t, shard, false);
    return known ? key_from(p, t, ets_shard(t, h)->number) : bif_badarg(p);
}
static BIF(ets_next_2) { return other_key(p, a, false); }
static BIF(ets_prev_2) { return other_key(p, a, true); }

static BIF(ets_slot_2) {
    ets_t *t = ets_enter(p, a[0], ETS_NEED_READ, false);
    if (!t) return TERM_NONE;
    term_t list = TERM_NIL;
    size_t n = ets_is_tree(t) ? ets_size(t) : ets_nbuckets(t);
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
        const ets_shard_t *sh = t->shards;
        for (; i >= sh->nbuckets; sh++) i -= sh->nbuckets;
        o = *ets_bucket(sh, i);
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
const bif_def_t bifs_ets[] = {{"ets", "new", 2, ets_new_2, 0},
                              {"ets", "delete", 1, ets_delete_1, 0},
                              {"ets", "delete", 2, ets_delete_2, 0},
                              {"ets", "delete_object", 2, ets_delete_object_2, 0},
                              {"ets", "first", 1, ets_first_1, 0},
                              {"ets", "give_away", 3, ets_give_away_3, 0},
                              {"ets", "internal_request_all", 0, ets_internal_request_all_0, 0},
                              {"ets", "last", 1, ets_last_1, 0},
                              {"ets", "lookup", 2, ets_lookup_2, 0},
                              {"ets", "lookup_element", 3, ets_lookup_element_3, 0},
                              {"ets", "member", 2, ets_member_2, 0},
                              {"ets", "next", 2, ets_next_2, 0},
                              {"erts_internal", "ets_raw_first", 1, ets_first_1, 0},
                              {"erts_internal", "ets_raw_next", 2, ets_next_2, 0},
                              {"ets", "prev", 2, ets_prev_2, 0},
                              {"ets", "rename", 2, ets_rename_2, 0},
                              {"ets", "safe_fixtable", 2, ets_safe_fixtable_2, 0},
                              {"ets", "setopts", 2, ets_setopts_2, 0},
                              {"ets", "slot", 2, ets_slot_2, 0},
                              {"ets", "take", 2, ets_take_2, 0},
                              {"ets", "whereis", 1, ets_whereis_1, 0},
                              {"erts_internal", "ets_drain", 2, drain_2, 0},
                              {"erts_internal", "ets_purge", 2, purge_2, 0},
                              {0}};
