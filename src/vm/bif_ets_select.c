/* bif_ets_select.c: functions of module ets that run a match specification over a whole table.
 *
 * They do so in portions: when the process's time is up they go on in another BIF, which gets what
 * has been found so far and the place where to go on. Meanwhile a hash table is held (ets_hold), so
 * that places keep their meaning. In a table of several shards one after the other is locked, else
 * the whole table for as long as a portion takes. Relies on ets.h, match_spec.h.
 */
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/magic.h"
#include "vm/match_spec.h"

static BIF(scan_4);
static const bif_def_t scan_def = {"erts_internal", "ets_scan", 4, scan_4, 0};

enum { SCAN_LIST, SCAN_CHUNK, SCAN_COUNT, SCAN_DELETE, SCAN_REPLACE };

typedef struct {
    ets_t *t;
    ms_t *ms;
    int what;
    bool back;
    size_t limit; /* SCAN_CHUNK */
    term_t list;  /* results, last one first */
    size_t count; /* of results, or of objects counted, deleted or replaced */
    size_t place; /* hash tables: where to go on */
    term_t key;   /* trees: the last one seen; TERM_NONE: none yet. Hash tables, in the middle of a
                   * bucket: of the objects with this key `left` are still to be seen */
    size_t left;
    bool only;   /* objects with that key, and no others */
    bool slices; /* this is not the first one */
    bool unhold; /* it is held, but there was no memory to go on */
} scan_t;

enum { SCAN_DONE, SCAN_LIMIT, SCAN_YIELD, SCAN_AGAIN, SCAN_NO_MEMORY };

static bool scan_writes(int what) { return what == SCAN_DELETE || what == SCAN_REPLACE; }

/* A table of several shards is locked where it is looked at only. false: it is not to be used now.
 */
static bool part_lock(proc_t *p, scan_t *s, uint64_t shards) {
    ets_t *t = s->t;
    if (LIKELY(t->nshards == 1)) return true;
    ets_lock_some(p->vm, t, shards, scan_writes(s->what));
    if (LIKELY(t->odd == 0)) return true;
    ets_unlock_some(p->vm, t, shards, scan_writes(s->what));
    return false;
}
static void part_unlock(proc_t *p, scan_t *s, uint64_t shards) {
    if (s->t->nshards > 1) ets_unlock_some(p->vm, s->t, shards, scan_writes(s->what));
}
/* The table is there and may be used: locked where it has one shard only. */
static ets_t *scan_enter(proc_t *p, term_t id, int what) {
    ets_t *t = ets_resolve(p, id);
    int need = scan_writes(what) ? ETS_NEED_WRITE : ETS_NEED_READ;
    bool exclusive = scan_writes(what) && t && t->nshards == 1;
    if (!t || !ets_enter_some(p, t, id, need, 1, exclusive)) return NULL;
    if (t->nshards > 1) ets_unlock_some(p->vm, t, 1, exclusive);
    return t;
}
static void scan_leave(proc_t *p, scan_t *s) {
    vm_t *vm = p->vm;
    if (LIKELY(s->t->nshards == 1)) ets_unlock(vm, s->t, scan_writes(s->what));
    if (UNLIKELY(s->unhold)) {
        ets_lock(vm, s->t, true);
        ets_unhold(vm, s->t);
        ets_unlock(vm, s->t, true);
    }
}

/* What goes on in other time slices. */
typedef struct {
    magic_t magic;
    ets_t *t; /* both counted */
    ms_t *ms;
    int what;
    bool back, held, only;
    size_t limit;
} trav_t;

static bool trav_unhold(trav_t *v) {
    vm_t *vm = v->magic.vm;
    bool clean = true;
    if (!v->held) return true;
    v->held = false;
    ets_lock(vm, v->t, true);
    if (!(v->t->odd & ETS_DELETED)) clean = ets_unhold(vm, v->t);
    ets_unlock(vm, v->t, true);
    return clean;
}
static void trav_destroy(magic_t *m) {
    trav_t *v = (trav_t *)m;
    trav_unhold(v);
    ets_release(v->t);
    ms_release(v->ms);
    mem_free(m->vm, v, sizeof *v);
}

/* Its reference. TERM_NONE: no memory. */
static term_t trav_new(proc_t *p, const scan_t *s, bool held) {
    trav_t *v = mem_calloc(p->vm, sizeof *v);
    term_t *hp = v ? heap_alloc(p, MAGIC_REF_WORDS) : NULL;
    if (!hp) {
        if (v) mem_free(p->vm, v, sizeof *v);
        return TERM_NONE;
    }
    magic_init(p->vm, &v->magic, trav_destroy);
    v->t = s->t;
    v->ms = s->ms;
    ets_keep(v->t);
    atomic_fetch_add_explicit(&((magic_t *)s->ms)->refs, 1, memory_order_relaxed);
    v->what = s->what;
    v->back = s->back;
    v->only = s->only;
    v->held = held;
    v->limit = s->limit;
    return magic_ref_put(p, hp, &v->magic);
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

/* A bucket from o on, or the rest of the objects with o's key. Adds to *n; SCAN_YIELD: when that is
 * the budget. */
static int scan_chain(ms_run_t *r, scan_t *s, ets_obj_t *o, size_t *n, size_t budget) {
    proc_t *p = r->p;
    vm_t *vm = p->vm;
    for (size_t left = s->only && o ? ets_run_left(vm, s->t, o) : SIZE_MAX; o && left > 0; left--) {
        ets_obj_t *next = o->left, *was = o;
        if (!o->dead) {
            if (!scan_object(r, s, &o)) return SCAN_NO_MEMORY;
            if (!o) ets_erase_one(vm, p->sched, s->t, was);
        }
        o = next;
        if (++*n < budget || !o || left == 1) continue;
        s->left = ets_run_left(vm, s->t, o);
        s->key = ets_term_to_heap(p, ets_obj_key(s->t, o));
        return s->key == TERM_NONE ? SCAN_NO_MEMORY : SCAN_YIELD;
    }
    return SCAN_DONE;
}

/* Where a scan stopped in the middle of a bucket. */
static ets_obj_t *scan_resume(vm_t *vm, scan_t *s) {
    ets_obj_t *o = ets_run_at(vm, s->t, ets_hash(vm, s->t, s->key), s->key, s->left);
    s->key = TERM_NONE;
    return o;
}

/* The buckets of a shard, which is locked. SCAN_DONE: all of them are done. */
static int scan_shard(ms_run_t *r, scan_t *s, const ets_shard_t *sh, size_t *budget) {
    vm_t *vm = r->p->vm;
    size_t base = ets_place(sh->number - 1, 0), b = s->place - base;
    while (b < sh->nbuckets) {
        size_t n = 0;
        ets_obj_t *o = s->key != TERM_NONE ? scan_resume(vm, s) : *ets_bucket(sh, b);
        int state = scan_chain(r, s, o, &n, *budget);
        if (state != SCAN_DONE) {
            if (state == SCAN_YIELD) *budget = 0;
            return state;
        }
        if (s->only) {
            s->place = base + sh->nbuckets;
            *budget -= n < *budget ? n : *budget;
            return SCAN_DONE;
        }
        s->place = base + ++b;
        if (s->what == SCAN_CHUNK && s->count >= s->limit) return SCAN_LIMIT;
        n += b % 8 == 0;
        if (*budget <= n) {
            *budget = 0;
            return SCAN_YIELD;
        }
        *budget -= n;
    }
    return SCAN_DONE;
}

/* Where the portion ends within a shard, the table is held before the shard is let go: so its
 * places still mean the same when the scan goes on. (Other shards are left or not begun.) */
static int scan_hash(ms_run_t *r, scan_t *s, size_t *budget, bool *held) {
    proc_t *p = r->p;
    ets_t *t = s->t;
    int state = SCAN_DONE;
    for (size_t i; state == SCAN_DONE && (i = ets_place_shard(s->place)) < t->nshards;) {
        const ets_shard_t *sh = &t->shards[i];
        if (!part_lock(p, s, UINT64_C(1) << i)) return SCAN_YIELD;
        state = scan_shard(r, s, sh, budget);
        if (ets_place_bucket(s->place) >= sh->nbuckets) {
            s->place = ets_place(s->only ? t->nshards : i + 1, 0);
        } else if (state == SCAN_YIELD && !*held) {
            ets_hold(t);
            *held = true;
        }
        part_unlock(p, s, UINT64_C(1) << i);
    }
    return state == SCAN_YIELD && ets_place_shard(s->place) >= t->nshards ? SCAN_DONE : state;
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
            s->key = ets_term_to_heap(p, ets_obj_key(t, o ? o : was));
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
    bool back = s->back != (s->what == SCAN_LIST), ok = true;
    uint64_t shards = 0;
    for (size_t i = 0; i < n; i++) shards |= ets_shard_set(t, ets_hash(vm, t, keys[i]));
    if (n == 0) return SCAN_DONE;
    if (!part_lock(p, s, shards)) return SCAN_AGAIN;
    for (size_t i = 0; i < n && ok; i++) {
        size_t at = back ? n - 1 - i : i;
        if (ets_is_tree(t) && at > 0 && term_cmp(vm, keys[at - 1], keys[at]) == 0) continue;
        ets_obj_t *o = ets_find(vm, t, ets_hash(vm, t, keys[at]), keys[at]), *next;
        for (; o && ok; o = next) {
            ets_obj_t *was = o;
            next = ets_is_bag(t) ? ets_same_key(vm, t, o) : NULL;
            ok = scan_object(r, s, &o);
            if (!o) ets_erase_one(vm, p->sched, t, was);
            bif_bump(p, 1);
        }
    }
    part_unlock(p, s, shards);
    return ok ? SCAN_DONE : SCAN_NO_MEMORY;
}

/* What select/3 and its like return: state says how the scan ended. */
static term_t chunk_result(proc_t *p, scan_t *s, int state) {
    ets_t *t = s->t;
    if (s->count == 0) return A_end_of_table;
    term_t all = list_turn(p, s->list, !s->slices), rest = TERM_NIL, *hp;
    if (all == TERM_NONE) return bif_oom(p);
    size_t left = 0;
    if (s->count > s->limit) {
        term_t cell = all;
        for (size_t i = 1; i < s->limit; i++) cell = cons_tail(cell);
        rest = cons_tail(cell);
        cons_ptr(cell)[1] = TERM_NIL;
        left = s->count - s->limit;
    }
    bool over = left == 0 && (state == SCAN_DONE ||
                              (!ets_is_tree(t) && ets_place_shard(s->place) >= t->nshards));
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
            const term_t e[] = {make_header(T_TUPLE, 6),       tab, make_small((int64_t)s->place),
                                make_small((int64_t)s->limit), ms,  rest,
                                make_small((int64_t)left)};
            memcpy(hp, e, sizeof e);
        }
    }
    hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, all, cont) : bif_oom(p);
}

/* Goes on until it is done or time is up. The table is entered; the caller leaves it.
 * v: the state where this is not the first slice. */
static term_t scan_run(proc_t *p, scan_t *s, trav_t *v, term_t vref) {
    ms_run_t r;
    int state;
    if (!ms_begin(&r, p, s->ms)) return bif_oom(p);
    size_t budget = p->reds > 400 ? (size_t)p->reds : 400, begin = budget;
    bool held = v && v->held;
    state = ets_is_tree(s->t) ? scan_tree(&r, s, &budget) : scan_hash(&r, s, &budget, &held);
    if (v) v->held = held;
    ms_end(&r);
    bif_bump(p, begin - budget);
    if (state == SCAN_NO_MEMORY) return bif_oom(p);
    if (state != SCAN_YIELD) {
        if (s->what == SCAN_LIST) return s->list;
        if (s->what == SCAN_CHUNK) return chunk_result(p, s, state);
        return make_small((int64_t)s->count);
    }
    term_t args[4] = {vref, s->list, make_small((int64_t)s->place), make_small((int64_t)s->count)};
    if (ets_is_tree(s->t)) {
        term_t *hp = heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        args[2] = cons(&hp, s->key, TERM_NIL);
    } else if (s->key != TERM_NONE) {
        term_t *hp = heap_alloc(p, 4);
        if (!hp) {
            s->unhold = held && !v;
            return bif_oom(p);
        }
        args[2] = tuple3(&hp, args[2], s->key, make_small((int64_t)s->left));
    }
    if (!v) {
        s->unhold = held;
        args[0] = trav_new(p, s, held);
        if (args[0] == TERM_NONE) return bif_oom(p);
        s->unhold = false;
    }
    return bif_yield(p, &scan_def, 4, args);
}

static BIF(scan_4) {
    magic_t *m = is_boxed_type(a[0], T_MAGIC_REF) ? ((magic_ref_t *)boxed_ptr(a[0]))->magic : NULL;
    if (!m || m->destroy != trav_destroy || !is_small(a[3])) return bif_badarg(p);
    trav_t *v = (trav_t *)m;
    vm_t *vm = p->vm;
    bool whole = v->t->nshards == 1, exclusive = whole && scan_writes(v->what);
    ets_lock_some(vm, v->t, 1, exclusive);
    if (UNLIKELY(v->t->odd != 0)) {
        bool deleted = (v->t->odd & ETS_DELETED) != 0;
        ets_unlock_some(vm, v->t, 1, exclusive);
        if (deleted) return bif_badarg_cause(p, A_id);
        ets_lock(vm, v->t, true);
        if (v->t->rest) ets_rest_step(vm, p->sched, v->t);
        ets_unlock(vm, v->t, true);
        return bif_yield(p, &scan_def, 4, a);
    }
    if (!whole) ets_unlock_some(vm, v->t, 1, exclusive);
    scan_t s = {.t = v->t,
                .ms = v->ms,
                .what = v->what,
                .back = v->back,
                .limit = v->limit,
                .list = a[1],
                .count = (size_t)small_value(a[3]),
                .place = is_small(a[2]) ? (size_t)small_value(a[2]) : 0,
                .key = is_cons(a[2]) ? cons_head(a[2]) : TERM_NONE,
                .only = v->only,
                .slices = true};
    if (is_tuple_of(a[2], 3)) { /* in the middle of a bucket */
        s.place = (size_t)small_value(tuple_elem(a[2], 1));
        s.key = tuple_elem(a[2], 2);
        s.left = (size_t)small_value(tuple_elem(a[2], 3));
    }
    term_t result = scan_run(p, &s, v, a[0]);
    scan_leave(p, &s);
    if (result == TERM_NONE && p->fclass == EXC_YIELD) return TERM_NONE;
    return trav_unhold(v) || result == TERM_NONE ? result : ets_purge_start(p, v->t, result);
}

static term_t scan_start(proc_t *p, term_t id, term_t spec, int what, bool back, term_t limit) {
    vm_t *vm = p->vm;
    bool oom = false, never;
    ets_t *t = scan_enter(p, id, what);
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
    if (is_nil(spec)) { /* no clause matches nothing */
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
    } else if (keys && nkeys == 1 && ets_is_bag(t)) { /* there may be many */
        s.only = true;
        s.key = keys[0];
        s.left = SMALL_MAX;
        s.place = ets_place(ets_shard(t, ets_hash(vm, t, keys[0]))->number - 1, 0);
        result = scan_run(p, &s, NULL, TERM_NONE);
    } else if (keys || never) {
        ms_run_t r;
        int state = SCAN_NO_MEMORY;
        if (ms_begin(&r, p, s.ms)) state = scan_keys(&r, &s, keys, nkeys);
        ms_end(&r);
        if (state == SCAN_DONE) {
            s.place = ets_place(t->nshards, 0);
            result = what == SCAN_LIST    ? s.list
                     : what == SCAN_CHUNK ? chunk_result(p, &s, SCAN_DONE)
                                          : make_small((int64_t)s.count);
        } else {
            result = state == SCAN_AGAIN ? ets_again(p) : bif_oom(p);
        }
    } else {
        result = scan_run(p, &s, NULL, TERM_NONE);
    }
leave:
    if (keys) mem_free(vm, keys, room * sizeof *keys);
    if (s.ms) ms_release(s.ms);
    scan_leave(p, &s);
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
    ets_t *t = scan_enter(p, e[1], SCAN_CHUNK);
    if (!t) return TERM_NONE;
    term_t result;
    scan_t s = {.t = t,
                .ms = ms,
                .what = SCAN_CHUNK,
                .back = tree && e[7] == make_small(1),
                .limit = (size_t)small_value(limit),
                .list = TERM_NIL,
                .place = tree ? 0 : (size_t)small_value(e[2]),
                .key = tree ? e[2] : TERM_NONE};
    if (ets_is_tree(t) != tree) {
        result = bif_badarg(p);
    } else {
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
    scan_leave(p, &s);
    return result;
}
const bif_def_t bifs_ets_select[] = {
    {"ets", "internal_select_delete", 2, ets_internal_select_delete_2, 0},
    {"ets", "match", 1, ets_select_1, 0},
    {"ets", "match", 2, ets_match_2, 0},
    {"ets", "match", 3, ets_match_3, 0},
    {"ets", "match_object", 1, ets_select_1, 0},
    {"ets", "match_object", 2, ets_match_object_2, 0},
    {"ets", "match_object", 3, ets_match_object_3, 0},
    {"ets", "select", 1, ets_select_1, 0},
    {"ets", "select", 2, ets_select_2, 0},
    {"ets", "select", 3, ets_select_3, 0},
    {"ets", "select_count", 2, ets_select_count_2, 0},
    {"ets", "select_replace", 2, ets_select_replace_2, 0},
    {"ets", "select_reverse", 1, ets_select_1, 0},
    {"ets", "select_reverse", 2, ets_select_reverse_2, 0},
    {"ets", "select_reverse", 3, ets_select_reverse_3, 0},
    {"erts_internal", "ets_scan", 4, scan_4, 0},
    {0}};
