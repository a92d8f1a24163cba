/* engine_proc.c: instructions for exceptions, messages and maps. See engine.h. */
#include "vm/binary.h"
#include "vm/engine_ops.h"
#include "vm/map.h"
#include "vm/seq_trace.h"
#include "vm/trace.h"

/* ---- catch and try ----
 * The mark in a Y register holds the address to continue at. A handler finds x0 = NONE, x1 class,
 * x2 reason, x3 raw stack trace (error_unwind). */

/* What exceptions leave on a heap that is full goes to fragments, and a loop that only catches asks
 * for no room, so it is here that it is collected. */
#define CATCH_ROOM 48
static inline bool is_full_of_traces(const proc_t *p) {
    return p->frag_words > p->frag_limit ||
           (p->frag_words > 0 && (size_t)(p->sp - p->htop) < CATCH_ROOM);
}

DEFINE_OP(catch_) {
    Y(0) = make_catch(CODE(W1(0)));
    p->catches++;
    NEXT(catch_);
}
/* What `catch Expr` is for an exception. */
DEFINE_SLOW(caught) {
    SAVE();
    term_t value = x[2];
    p->catches--;
    Y(0) = TERM_NIL;
    if (x[1] == A_error) {
        term_t trace = error_stacktrace(p, x[3]);
        term_t *h = heap_alloc(p, 3);
        if (!h) goto oom;
        value = tuple2(&h, value, trace);
    }
    if (x[1] != A_throw) {
        term_t *h = heap_alloc(p, 3);
        if (!h) goto oom;
        value = tuple2(&h, A_EXIT, value);
    }
    x[0] = value;
    if ((gc_wanted(p) || is_full_of_traces(p)) && !gc_minor(p, CATCH_ROOM, x, 1, NULL, 0)) goto oom;
    RESTORE();
    NEXT(catch_end);
oom:
    p->fclass = EXC_OOM;
    RAISE();
}
DEFINE_OP(catch_end) {
    if (UNLIKELY(x[0] == TERM_NONE)) SLOW(caught);
    p->catches--;
    Y(0) = TERM_NIL;
    NEXT(catch_end);
}
DEFINE_OP(try_end) {
    p->catches--;
    Y(0) = TERM_NIL;
    NEXT(try_end);
}
DEFINE_OP(try_case) {
    SAVE();
    if (UNLIKELY(is_full_of_traces(p))) {
        x[0] = TERM_NIL;
        p->sched->arg[0] = CATCH_ROOM;
        p->sched->arg[1] = 4;
        SLOW(engine_collect); /* and then this again */
    }
    p->catches--;
    Y(0) = TERM_NIL;
    x[0] = x[1];
    x[1] = x[2];
    x[2] = x[3];
    NEXT(try_case);
}

/* {Reason, Value} as an error. */
DEFINE_SLOW(error_with_value) {
    term_t reason = p->sched->arg[0], value = p->sched->arg[1];
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    bif_error2(p, reason, value);
    RAISE();
}
#define ERROR2(reason, value)                                                                      \
    do {                                                                                           \
        p->sched->arg[0] = (reason);                                                               \
        p->sched->arg[1] = (value);                                                                \
        SLOW(error_with_value);                                                                    \
    } while (0)
DEFINE_OP(try_case_end) { ERROR2(A_try_clause, SOURCE(W0(0))); }
DEFINE_OP(badmatch) { ERROR2(A_badmatch, SOURCE(W0(0))); }
DEFINE_OP(case_end) { ERROR2(A_case_clause, SOURCE(W0(0))); }
DEFINE_OP(badrecord) { ERROR2(A_badrecord, SOURCE(W0(0))); }
DEFINE_OP(if_end) { ERROR(A_if_clause); }

static int raw_class(term_t trace) {
    if (is_tuple(trace) && tuple_arity(trace) >= 1 && is_small(tuple_elem(trace, 1)))
        return (int)small_value(tuple_elem(trace, 1));
    return EXC_ERROR;
}
/* raise Trace Value: the compiler's way to let an exception go on. */
DEFINE_OP(raise_) {
    term_t trace = SOURCE(W0(0)), value = SOURCE(W0(1));
    p->fclass = (uint8_t)raw_class(trace);
    p->fvalue = value;
    p->ftrace = trace;
    p->cur_bif = NULL;
    SAVE();
    RAISE();
}
/* x0 class, x1 reason, x2 raw trace. */
DEFINE_OP(raw_raise) {
    term_t c = x[0];
    if (c != A_error && c != A_exit && c != A_throw) {
        x[0] = A_badarg;
        NEXT(raw_raise);
    }
    p->fclass = c == A_error ? EXC_ERROR : c == A_exit ? EXC_EXIT : EXC_THROW;
    p->fvalue = x[1];
    p->cur_bif = NULL;
    SAVE();
    p->ftrace = error_trace_again(p, x[2]);
    RAISE();
}
DEFINE_OP(build_stacktrace) {
    SAVE();
    x[0] = error_stacktrace(p, x[0]);
    RESTORE();
    NEXT(build_stacktrace);
}

/* ---- messages ---- */

DEFINE_SLOW(send_slow) {
    SAVE();
    term_t r = proc_send_any(p, x[0], x[1]);
    RESTORE();
    if (r == TERM_NONE) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    if (r == A_badarg) {
        p->fclass = EXC_ERROR;
        p->fvalue = A_badarg;
        p->cause = TERM_NONE;
        export_t *e = export_get(p->vm, A_erlang, A_bang, 2);
        p->cur_bif = e ? e->bif : NULL;
        RAISE();
    }
    x[0] = x[1];
    NEXT(send);
}
DEFINE_OP(send) {
    if (UNLIKELY(!is_local_pid(x[0]))) SLOW(send_slow);
    SAVE();
    bool ok = proc_send(p->vm, p, x[0], x[1]);
    RESTORE();
    if (UNLIKELY(!ok)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    x[0] = x[1];
    reds -= 3;
    NEXT(send);
}

DEFINE_SLOW(loop_rec_fetch) {
    p->ip = ip; /* who asks whether old code is in use looks here */
    SAVE();
    if (!proc_fetch_signals(p)) STOP(RUN_EXIT);
    RESTORE();
    if (msg_queue_current(&p->mq)) GO(ip);
    GO(CODE(W0(0)));
}
DEFINE_OP(loop_rec) {
    signal_t *m = msg_queue_current(&p->mq);
    if (LIKELY(m != NULL)) {
        DEST(W0(1)) = m->term;
        NEXT(loop_rec);
    }
    if (proc_has_signals(p)) SLOW(loop_rec_fetch);
    GO(CODE(W0(0)));
}
/* Looking through a long queue takes time like anything else. */
DEFINE_SLOW(loop_rec_preempt) {
    p->reds = 0;
    p->ip = CODE(W0(0));
    p->arity = 0;
    p->flags |= PF_SAVED_ARGS;
    p->htop = hp, p->sp = sp;
    STOP(RUN_YIELD);
}
DEFINE_OP(loop_rec_end) {
    msg_queue_next(&p->mq);
    if (UNLIKELY(--reds <= 0)) SLOW(loop_rec_preempt);
    GO(CODE(W0(0)));
}

/* The message's words become a heap fragment where they are: registers point into them. */
DEFINE_OP(remove_message) {
    signal_t *m = msg_queue_drop(&p->mq);
    if (UNLIKELY(p->flags & (PF_TIMER_SET | PF_TIMED_OUT | PF_SEQ_TRACE))) {
        SAVE();
        if (p->flags & PF_SEQ_TRACE) seq_received(p, m);
        proc_timer_cancel(p);
        RESTORE();
        p->flags &= ~(uint32_t)(PF_TIMER_SET | PF_TIMED_OUT);
    }
    if (m->used == 0) {
        signal_free(p->vm, p->sched, m);
    } else {
        m->kind = SIG_FRAGMENT;
        m->next = p->frags;
        p->frags = m;
        p->frag_words += m->used;
        m->size = m->used; /* not to be allocated from: its words are the sender's exact size */
        if (UNLIKELY(m->off_heap != NULL)) {
            off_heap_t *o = m->off_heap;
            for (;; o = o->next) {
                if (header_type(o->header) == T_PROC_BIN) p->vheap += ((proc_bin_t *)o)->size;
                if (!o->next) break;
            }
            o->next = p->off_heap;
            p->off_heap = m->off_heap;
            m->off_heap = NULL;
        }
    }
    NEXT(remove_message);
}
DEFINE_OP(timeout) {
    if (p->flags & PF_TIMER_SET) {
        SAVE();
        proc_timer_cancel(p);
        RESTORE();
    }
    p->flags &= ~(uint32_t)(PF_TIMER_SET | PF_TIMED_OUT);
    if (UNLIKELY(trace_of(p) != NULL)) trace_receive(p, A_clock_service, A_timeout);
    msg_queue_reset(&p->mq);
    NEXT(timeout);
}
static OP_CC int do_wait(OP_ARGS) {
    p->ip = ip;
    p->arity = 0;
    p->flags &= ~(uint32_t)PF_SAVED_ARGS;
    SAVE();
    STOP(RUN_WAIT);
}
/* Signals have come: take them and go on at ip, where the receive begins again. A receive without
 * clauses begins with the wait itself, so this is the only place that takes them then. */
DEFINE_SLOW(wait_fetch) {
    p->ip = ip;
    SAVE();
    if (!proc_fetch_signals(p)) STOP(RUN_EXIT);
    RESTORE();
    GO(ip);
}
DEFINE_OP(wait) {
    ip = CODE(W0(0));
    if (proc_has_signals(p)) SLOW(wait_fetch);
    SLOW(do_wait);
}
DEFINE_SLOW(bad_timeout) { ERROR(A_timeout_value); }
DEFINE_OP(wait_timeout) {
    if (p->flags & PF_TIMED_OUT) NEXT(wait_timeout);
    if (!(p->flags & PF_TIMER_SET)) {
        term_t t = SOURCE(W0(1));
        if (t == 0) {
            if (!proc_has_signals(p)) NEXT(wait_timeout);
        } else if (is_small(t)) {
            int64_t ms = small_value(t);
            if (ms < 0 || ms > UINT32_MAX) SLOW(bad_timeout);
            SAVE();
            bool ok = proc_timer_set(p, (uint64_t)ms * 1000000);
            RESTORE();
            if (!ok) {
                p->fclass = EXC_OOM;
                RAISE();
            }
            p->flags |= PF_TIMER_SET;
        } else if (t == A_infinity) {
            /* The register is not looked at again: it may be an X register, and those are anybody's
             * while the process waits. */
            p->flags |= PF_TIMER_SET;
        } else {
            SLOW(bad_timeout);
        }
    }
    ip = CODE(W0(0));
    if (proc_has_signals(p)) SLOW(wait_fetch);
    SLOW(do_wait);
}

/* ---- receive markers: where in the queue messages after the making of a reference begin ---- */

DEFINE_OP(recv_marker_reserve) {
    p->ip = ip;
    SAVE();
    if (proc_has_signals(p)) proc_fetch_signals(p); /* a due exit is noticed at the next fetch */
    RESTORE();
    int slot = p->mq.next_mark;
    p->mq.next_mark = (uint8_t)((slot + 1) % (int)(sizeof p->mq.mark / sizeof *p->mq.mark));
    msg_queue_mark(&p->mq, slot, 0);
    DEST(W0(0)) = make_small(slot);
    NEXT(recv_marker_reserve);
}
DEFINE_OP(recv_marker_bind) {
    term_t slot = SOURCE(W0(0)), ref = SOURCE(W0(1));
    if (is_small(slot) && is_local_ref(ref)) p->mq.mark[small_value(slot)].id = ref_id(ref);
    NEXT(recv_marker_bind);
}
DEFINE_OP(recv_marker_clear) {
    term_t r = SOURCE(W0(0));
    if (is_local_ref(r)) msg_queue_unmark(&p->mq, ref_id(r));
    NEXT(recv_marker_clear);
}
DEFINE_OP(recv_marker_use) {
    term_t r = SOURCE(W0(0));
    if (is_local_ref(r)) msg_queue_restore(&p->mq, ref_id(r));
    NEXT(recv_marker_use);
}

/* ---- maps ---- */

/* Pairs of an instruction's list (of triples: key, value, slot) are put together in the scheduler's
 * scratch words, in portions. */
#define MAP_CHUNK 64
/* Little room is left: a map just made may lie in a fragment already, and as long as nothing makes
 * room each further one would, the slow way. */
#define MAP_ROOM (2 + MAP_FLAT_MAX + STACK_RESERVE)
static inline bool is_full(const proc_t *p) { return (size_t)(p->sp - p->htop) < MAP_ROOM; }
DEFINE_SLOW(put_map) {
    bool exact = p->sched->arg[0] != 0;
    size_t n = W1(3);
    const uint64_t *list = ip + SIZE_put_map_assoc;
    term_t map = SOURCE(W1(1));
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    if (!is_map(map)) {
        bif_error2(p, A_badmap, map);
        GO_OR_RAISE(W1(0));
    }
    for (size_t i = 0; i < n;) {
        term_t *kv = p->sched->scratch;
        size_t k = 0;
        for (; k < MAP_CHUNK && i < n; i += 3, k += 2) {
            kv[k] = SOURCE(list[i]);
            kv[k + 1] = SOURCE(list[i + 1]);
        }
        map = map_update(p, map, kv, k / 2, exact);
        if (map == TERM_NONE) GO_OR_RAISE(W1(0));
    }
    if (UNLIKELY(gc_wanted(p) || is_full(p))) {
        p->sched->result = map;
        if (!gc_minor(p, MAP_ROOM, x, H(0), &p->sched->result, 1)) {
            p->fclass = EXC_OOM;
            RAISE();
        }
        map = p->sched->result;
    }
    RESTORE();
    DEST(W1(2)) = map;
    GO(list + n);
}
COLD OP_CC int put_map_assoc_slow(OP_ARGS) {
    p->sched->arg[0] = 0;
    SLOW(put_map);
}
COLD OP_CC int put_map_exact_slow(OP_ARGS) {
    p->sched->arg[0] = 1;
    SLOW(put_map);
}
COLD OP_CC int put_map_exact1_slow(OP_ARGS) {
    term_t map = X(0), *kv = p->sched->scratch;
    kv[0] = W1(1), kv[1] = SOURCE(W1(2));
    SAVE();
    p->cur_bif = NULL;
    p->cause = TERM_NONE;
    if (!is_map(map)) {
        bif_error2(p, A_badmap, map);
        GO_OR_RAISE(W1(0));
    }
    map = map_update(p, map, kv, 1, true);
    if (map == TERM_NONE) GO_OR_RAISE(W1(0));
    p->sched->result = map;
    if (UNLIKELY(gc_wanted(p) || is_full(p)) &&
        !gc_minor(p, MAP_ROOM, x, H(2), &p->sched->result, 1)) {
        p->fclass = EXC_OOM;
        RAISE();
    }
    RESTORE();
    X(1) = p->sched->result;
    NEXT(put_map_exact1_x);
}

static inline term_t lookup(vm_t *vm, term_t map, term_t key, const uint64_t *slot) {
    if (LIKELY(is_flat_map(map))) {
        term_t *m = boxed_ptr(map);
        size_t i = map_slot(m, key, slot);
        if (LIKELY(i > 0)) return m[i];
        if (is_immed(key)) return TERM_NONE;
    }
    return map_get(vm, map, key);
}
/* Keys in pairs of the key and its slot. */
DEFINE_OP(has_map_fields) {
    term_t map = SOURCE(W0(1));
    size_t n = W0(2);
    const uint64_t *list = ip + SIZE_has_map_fields;
    SAVE();
    for (size_t i = 0; i < n; i += 2)
        if (lookup(p->vm, map, SOURCE(list[i]), &list[i + 1]) == TERM_NONE) {
            RESTORE();
            GO(CODE(W0(0)));
        }
    RESTORE();
    GO(list + n);
}
/* Triples of key, destination and slot. The source may be one of the destinations, but then it is
 * the last one. */
DEFINE_OP(get_map_elements) {
    term_t map = SOURCE(W0(1));
    size_t n = W0(2);
    const uint64_t *list = ip + SIZE_get_map_elements;
    SAVE();
    for (size_t i = 0; i < n; i += 3) {
        term_t v = lookup(p->vm, map, SOURCE(list[i]), &list[i + 2]);
        if (v == TERM_NONE) {
            RESTORE();
            GO(CODE(W0(0)));
        }
        DEST(list[i + 1]) = v;
    }
    RESTORE();
    GO(list + n);
}
#define GET_ELEMENT_SLOW(name, dst)                                                                \
    COLD OP_CC int name##_slow(OP_ARGS) {                                                          \
        SAVE();                                                                                    \
        term_t v = map_get(p->vm, X(0), W1(1));                                                    \
        RESTORE();                                                                                 \
        if (v == TERM_NONE) GO(CODE(W1(0)));                                                       \
        dst = v;                                                                                   \
        NEXT(name);                                                                                \
    }
GET_ELEMENT_SLOW(get_map_element_xcx, X(1))
GET_ELEMENT_SLOW(get_map_element_xcy, Y(1))

/* ---- records and leftovers ---- */

DEFINE_OP(update_record) {
    size_t size = W0(0), n = W0(3);
    const uint64_t *list = ip + SIZE_update_record;
    const term_t *src = boxed_ptr(SOURCE(W0(1)));
    for (size_t i = 0; i <= size; i++) hp[i] = src[i];
    for (size_t i = 0; i < n; i += 2) hp[list[i]] = SOURCE(list[i + 1]);
    DEST(W0(2)) = make_boxed(hp);
    hp += size + 1;
    GO(list + n);
}
/* A module's on_load function is called by whoever loads it; in place it does nothing. */
DEFINE_OP(on_load) { NEXT(on_load); }
