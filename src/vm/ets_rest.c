/* ets_rest.c: putting in and emptying: operations on many objects that are one step for everybody
 * else although they give way in the middle.
 *
 * insert_2 with a long list: first copies of all objects are made, which nobody sees and takes as
 * many slices as it takes. Then the list hangs at the table as its rest (ets_rest_t): from then on
 * it counts as put in. The process and whoever comes to the table put a part of it in, and only
 * when nothing is left does a visitor see the table. A process that is killed meanwhile leaves the
 * rest to them. Emptying a fixed table, whose objects are marked one by one, is done in the same
 * way.
 *
 * A rest is changed under the exclusive lock of its table only; it belongs to the table and the
 * process that began it, whoever lets go last frees it. Relies on ets.h.
 */
#include "vm/ets.h"
#include "vm/sched.h"

enum { REST_CHECK, REST_PUT, REST_CLEAR };
enum { STEP_OBJECTS = 1000, STEP_SLOTS = 500, STEP_REDS = 500, OBJECTS_PER_RED = 2 };
/* Copying: ticks by the words copied. */
enum { WORDS_PER_RED = 16, WORDS_PER_TICK = 4096 };

struct ets_rest {
    _Atomic(uint32_t) refs;
    uint8_t what;
    bool done;
    bool found;           /* REST_CHECK: one of the keys is there */
    ets_obj_t *list, *at; /* linked by left; REST_CHECK: the next one to look at */
    size_t slot;          /* REST_CLEAR: the next bucket */
};

term_t ets_again(proc_t *p) { return bif_yield(p, p->cur_bif, p->cur_bif->arity, p->sched->x); }

void ets_objects_free(vm_t *vm, sched_t *s, ets_obj_t *list) {
    while (list) {
        ets_obj_t *next = list->left;
        ets_obj_free(vm, s, list);
        list = next;
    }
}

/* ---- steps ---- table locked exclusively */

static void rest_release(vm_t *vm, ets_rest_t *r) {
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1) return;
    ets_objects_free(vm, sched_current(vm), r->list);
    mem_free(vm, r, sizeof *r);
}

static void rest_drop(vm_t *vm, ets_t *t) {
    ets_rest_t *r = t->rest;
    r->done = true;
    t->rest = NULL;
    t->odd &= (uint8_t)~ETS_REST;
    rest_release(vm, r);
}

ets_obj_t *ets_rest_take(vm_t *vm, ets_t *t) {
    ets_obj_t *list = t->rest->list;
    t->rest->list = NULL;
    rest_drop(vm, t);
    return list;
}

bool ets_rest_step(vm_t *vm, sched_t *s, ets_t *t) {
    ets_rest_t *r = t->rest;
    size_t n = STEP_OBJECTS;
    if (r->what == REST_CLEAR && !ets_mark_dead(vm, s, t, &r->slot, STEP_SLOTS)) return false;
    if (r->what == REST_CHECK) {
        for (; r->at && !r->found && n > 0; n--, r->at = r->at->left)
            r->found = ets_find(vm, t, r->at->hash, ets_obj_key(t, r->at)) != NULL;
        if (r->at && !r->found) return false;
        if (!r->found) r->what = REST_PUT;
    }
    if (r->what == REST_PUT) {
        for (; r->list && n > 0; n--) {
            ets_obj_t *o = r->list;
            r->list = o->left;
            ets_put(vm, s, t, o);
        }
        if (r->list) return false;
    }
    rest_drop(vm, t);
    return true;
}

/* ---- the process that wants it ---- on a stack on which it can give way */

/* Its own count is the caller's to drop. NULL: no memory. */
static ets_rest_t *rest_new(vm_t *vm, int what, ets_obj_t *list) {
    ets_rest_t *r = mem_calloc(vm, sizeof *r);
    if (!r) return NULL;
    atomic_init(&r->refs, 1);
    r->what = (uint8_t)what;
    r->list = r->at = list;
    return r;
}

/* Frees a list, giving way. false: killed, *list is left. */
static bool objects_free_all(proc_t *p, ets_obj_t **list) {
    for (size_t n = 0; *list;) {
        ets_obj_t *next = (*list)->left;
        ets_obj_free(p->vm, p->sched, *list);
        *list = next;
        if (++n % STEP_OBJECTS == 0 && bif_tick(p, STEP_REDS)) return false;
    }
    return true;
}

enum { RUN_DONE, RUN_GONE, RUN_KILLED };

/* Hangs r at the table, which is kept, as soon as no other rest hangs there, and sees it through.
 */
static int rest_run(proc_t *p, ets_t *t, ets_rest_t *r) {
    vm_t *vm = p->vm;
    for (bool mine = false;;) {
        ets_lock(vm, t, true);
        bool gone = (t->odd & ETS_DELETED) != 0;
        if (!mine && !gone && !t->rest) {
            atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
            t->rest = r;
            t->odd |= ETS_REST;
            mine = true;
        }
        if (t->rest) ets_rest_step(vm, p->sched, t);
        bool done = r->done;
        ets_unlock(vm, t, true);
        if (done) return RUN_DONE;
        if (gone) return RUN_GONE;
        if (bif_tick(p, STEP_REDS)) return RUN_KILLED;
    }
}

/* ---- putting in ---- */

/* Objects of a list of tuples linked by left: in its order, but for a bag, whose objects OTP puts
 * in from the last to the first. false: raised, or stopped. */
static bool objects_new(proc_t *p, const ets_t *t, term_t list, ets_obj_t **out, size_t *count) {
    ets_obj_t **last = out;
    size_t n = 0, words = 0;
    term_t l = list;
    *out = NULL;
    for (; is_cons(l) && ets_is_object(t, cons_head(l)); l = cons_tail(l))
        if (BIF_TICK_EVERY(p, ++n, CELLS_PER_TICK, CELLS_PER_TICK / CELLS_PER_RED)) return false;
    if (!is_nil(l)) return bif_badarg(p), false;
    *count = n;
    for (l = list; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        ets_obj_t *x = ets_obj_new(p->vm, p->sched, t, tuple_elems(o), tuple_arity(o));
        if (!x) bif_oom(p);
        words += x ? x->words : 0;
        if (!x || (words > WORDS_PER_TICK && bif_tick(p, WORDS_PER_TICK / WORDS_PER_RED))) {
            if (x) ets_obj_free(p->vm, p->sched, x);
            if (t->type != ETS_BAG) *last = NULL;
            if (x && p->sched->fiber) /* killed; else it begins again, on its own stack */
                ets_objects_leave(p, *out);
            else
                ets_objects_free(p->vm, p->sched, *out);
            return false;
        }
        if (words > WORDS_PER_TICK) words = 0;
        x->hash = ets_hash(p->vm, t, ets_obj_key(t, x));
        if (t->type == ETS_BAG) {
            x->left = *out;
            *out = x;
            continue;
        }
        *last = x;
        last = &x->left;
    }
    if (t->type != ETS_BAG) *last = NULL;
    return true;
}

/* All of the list in one go. TERM_NONE: raised, or the BIF begins again; the list is freed. */
static term_t put_now(proc_t *p, ets_t *t, term_t id, ets_obj_t *list, bool only_new) {
    vm_t *vm = p->vm;
    term_t result = A_true;
    uint64_t shards = 0;
    for (ets_obj_t *o = list; o; o = o->left) shards |= ets_shard_set(t, o->hash);
    if (!shards) shards = 1;
    ets_lock_some(vm, t, shards, true);
    if (UNLIKELY(t->odd != 0)) {
        bool deleted = (t->odd & ETS_DELETED) != 0;
        result = deleted ? bif_badarg_cause(p, A_id) : ets_again(p);
    } else if (UNLIKELY(ets_has_left_name(t, id))) {
        result = ets_again(p);
    }
    if (only_new)
        for (ets_obj_t *o = list; o && result == A_true; o = o->left)
            if (ets_find(vm, t, o->hash, ets_obj_key(t, o))) result = A_false;
    while (list && result == A_true) {
        ets_obj_t *next = list->left;
        ets_put(vm, p->sched, t, list);
        list = next;
    }
    ets_unlock_some(vm, t, shards, true);
    ets_objects_free(vm, p->sched, list);
    return result;
}

static term_t put_in_parts(proc_t *p, ets_t *t, term_t id, ets_obj_t *list, bool only_new) {
    ets_rest_t *r = rest_new(p->vm, only_new ? REST_CHECK : REST_PUT, list);
    if (!r) return put_now(p, t, id, list, only_new);
    int how = rest_run(p, t, r);
    term_t result = how == RUN_DONE ? make_bool(!r->found) : TERM_NONE;
    if (atomic_load_explicit(&r->refs, memory_order_acquire) == 1) { /* not put in */
        list = r->list;
        r->list = NULL;
        if (how == RUN_KILLED || !objects_free_all(p, &list)) ets_objects_leave(p, list);
    }
    if (how == RUN_GONE) bif_badarg_cause(p, A_id);
    rest_release(p->vm, r);
    return result;
}

static term_t put_list(proc_t *p, term_t id, term_t objects, bool only_new) {
    vm_t *vm = p->vm;
    ets_t *t = ets_enter_open(p, id, ETS_NEED_WRITE);
    if (!t) return TERM_NONE;
    ets_keep(t);
    term_t result = TERM_NONE;
    ets_obj_t *list;
    size_t n;
    if (objects_new(p, t, objects, &list, &n)) {
        if (bif_begin(p, n / OBJECTS_PER_RED)) {
            ets_objects_free(vm, p->sched, list);
        } else if (p->sched->fiber) {
            result = put_in_parts(p, t, id, list, only_new);
        } else {
            result = put_now(p, t, id, list, only_new);
            bif_bump(p, n / OBJECTS_PER_RED);
        }
    }
    ets_release(t);
    return result;
}

LONG_BIF(ets_insert_2) {
    vm_t *vm = p->vm;
    if (UNLIKELY(!is_tuple(a[1]))) return put_list(p, a[0], a[1], false);
    ets_t *t = ets_resolve(p, a[0]);
    if (UNLIKELY(!t)) return TERM_NONE;
    if (UNLIKELY(tuple_arity(a[1]) < t->keypos)) {
        if (!ets_enter_some(p, t, a[0], ETS_NEED_WRITE, 1, false)) return TERM_NONE;
        ets_unlock_some(vm, t, 1, false);
        return bif_badarg(p);
    }
    /* The copy is made before anybody has to wait. */
    uint64_t h = ets_hash(vm, t, tuple_elem(a[1], t->keypos));
    ets_obj_t *o = ets_obj_new(vm, p->sched, t, tuple_elems(a[1]), tuple_arity(a[1]));
    if (UNLIKELY(!o)) return bif_oom(p);
    o->hash = h;
    if (UNLIKELY(!ets_enter_some(p, t, a[0], ETS_NEED_WRITE, ets_shard_set(t, h), true))) {
        ets_obj_free(vm, p->sched, o);
        return TERM_NONE;
    }
    ets_put(vm, p->sched, t, o);
    ets_leave_key(vm, t, h, true);
    return A_true;
}

LONG_BIF(ets_insert_new_2) {
    term_t one[2] = {a[1], TERM_NIL};
    return put_list(p, a[0], is_tuple(a[1]) ? make_cons(one) : a[1], true);
}

/* ---- emptying ---- */

LONG_BIF(ets_internal_delete_all_2) {
    vm_t *vm = p->vm;
    ets_t *t = ets_enter(p, a[0], ETS_NEED_WRITE, true);
    if (!t) return TERM_NONE;
    size_t n = ets_size(t);
    term_t result = make_small((int64_t)n);
    bool marks = !ets_is_tree(t) && atomic_load_explicit(&t->fixed, memory_order_relaxed) != 0;
    if (!marks) {
        ets_t *corpse = ets_steal(vm, t);
        if (!corpse) ets_clear(vm, p->sched, t);
        ets_leave(vm, t, true);
        if (!corpse) bif_bump(p, n / OBJECTS_PER_RED);
        return ets_drain_start(p, corpse, result);
    }
    if (bif_begin(p, n / OBJECTS_PER_RED)) {
        ets_leave(vm, t, true);
        return TERM_NONE;
    }
    ets_rest_t *r = p->sched->fiber ? rest_new(vm, REST_CLEAR, NULL) : NULL;
    if (!r) {
        ets_clear(vm, p->sched, t);
        ets_leave(vm, t, true);
        bif_bump(p, n / OBJECTS_PER_RED);
        return result;
    }
    ets_keep(t);
    ets_leave(vm, t, true);
    int how = rest_run(p, t, r);
    if (how == RUN_GONE) result = bif_badarg_cause(p, A_id);
    if (how == RUN_KILLED) result = TERM_NONE;
    rest_release(vm, r);
    ets_release(t);
    return result;
}

const bif_def_t bifs_ets_rest[] = {
    {"ets", "insert", 2, ets_insert_2, BIF_LONG},
    {"ets", "insert_new", 2, ets_insert_new_2, BIF_LONG},
    {"ets", "internal_delete_all", 2, ets_internal_delete_all_2, BIF_LONG},
    {0}};
