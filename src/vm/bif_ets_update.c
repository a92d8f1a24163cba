/* bif_ets_update.c: ets:update_counter and ets:update_element. Relies on ets.h, arith.h.
 */
#include "vm/arith.h"
#include "vm/compare.h"
#include "vm/ets.h"

enum { UPDATE_SMALL = 32 };
typedef struct {
    proc_t *p;
    ets_t *t;
    ets_obj_t *o; /* NULL: the default is to be put in */
    uint64_t hash;
    term_t *elem; /* as they are to be, from index 1 */
    size_t arity;
    bool plain; /* in place: what changed are immediates in place of immediates */
    term_t small[UPDATE_SMALL];
} update_t;

static bool update_begin(update_t *u, proc_t *p, ets_t *t, const term_t *elems, size_t arity) {
    if (!elems) {
        const term_t *data = ets_obj_data(p, u->o);
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
    if (u->o) {
        ets_replace(p->vm, p->sched, u->t, u->o, o);
    } else {
        o->hash = u->hash;
        ets_put(p->vm, p->sched, u->t, o);
    }
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
    update_t u;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_WRITE, true, a[1], &u.hash);
    if (!t) return TERM_NONE;
    term_t result = TERM_NONE, ops = a[2], key = a[1];
    if (ets_is_bag(t)) {
        bif_badarg_cause(p, A_table_type);
        goto leave;
    }
    u.o = ets_find(vm, t, u.hash, key);
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
    ets_leave_key(vm, t, u.hash, true);
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
    update_t u;
    ets_t *t = ets_enter_key(p, a[0], ETS_NEED_WRITE, true, a[1], &u.hash);
    if (!t) return TERM_NONE;
    term_t result = TERM_NONE;
    if (ets_is_bag(t)) {
        bif_badarg(p);
    } else if (!(u.o = ets_find(vm, t, u.hash, a[1]))) {
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
    ets_leave_key(vm, t, u.hash, true);
    return result;
}
const bif_def_t bifs_ets_update[] = {{"ets", "update_counter", 3, ets_update_counter_3, 0},
                                     {"ets", "update_counter", 4, ets_update_counter_4, 0},
                                     {"ets", "update_element", 3, ets_update_element_3, 0},
                                     {0}};
