/* bif_link.c: the BIFs that connect processes and ports: links, monitors and aliases. Each changes
 * the caller's own side (link.h) and tells the other by a signal; what that does there is in
 * signal_handle.c.
 */
#include "vm/bif.h"
#include "vm/clock.h"
#include "vm/copy.h"
#include "vm/link.h"
#include "vm/mailbox.h"
#include "vm/port.h"
#include "vm/proc_options.h"
#include "vm/process.h"
#include "vm/trace.h"

/* ---- links ---- */

/* Who traps exits has the message at once: unlinking behind it does not take it away. */
static term_t link_refused(proc_t *p, term_t other, term_t why) {
    if (!(p->flags & PF_TRAP_EXIT)) return bif_error(p, why);
    term_t *hp = heap_alloc(p, 4);
    if (!hp || !proc_send(p->vm, NULL, p->pid, tuple3(&hp, A_EXIT, other, why))) return bif_oom(p);
    return A_true;
}

static BIF(bif_link) {
    vm_t *vm = p->vm;
    term_t other = a[0];
    if (UNLIKELY(trace_of(p) != NULL) && (is_pid(other) || is_port(other)))
        trace_proc(p, A_link, other);
    if (other == p->pid) return A_true;
    if (is_local_pid(other) || is_local_port(other)) {
        relation_t *r = relation_find(p->links, other);
        if (r && !(r->flags & REL_UNLINKING)) return A_true;
        bool live =
            is_local_pid(other) ? proc_lookup(vm, other) != NULL : outlet_lookup(vm, other) != NULL;
        if (!live) return link_refused(p, other, A_noproc);
        signal_t *sig = signal_new(vm, p->sched, SIG_LINK, 0);
        if (!sig) return bif_oom(p);
        sig->from = p->pid;
        if (r) {
            r->flags &= ~(uint32_t)REL_UNLINKING;
        } else {
            r = relation_new(vm, p->sched, other, other, 0);
            if (!r) {
                signal_free(vm, p->sched, sig);
                return bif_oom(p);
            }
            relation_insert(&p->links, r);
        }
        signal_send(vm, other, sig);
        return A_true;
    }
    if (!is_pid(other) && !is_port(other)) return bif_badarg(p);
    /* Another node, or another life of this one. */
    return link_refused(p, other, is_former(other) ? A_noproc : A_noconnection);
}

static BIF(bif_unlink) {
    vm_t *vm = p->vm;
    term_t other = a[0];
    if (!is_pid(other) && !is_port(other)) return bif_badarg(p);
    if (UNLIKELY(trace_of(p) != NULL)) trace_proc(p, A_unlink, other);
    relation_t *r = is_boxed(other) ? NULL : relation_find(p->links, other);
    if (!r || (r->flags & REL_UNLINKING)) return A_true;
    signal_t *sig = signal_new(vm, p->sched, SIG_UNLINK, 0);
    if (!sig) return bif_oom(p);
    uint64_t id = vm_next_ref(vm);
    r->flags |= REL_UNLINKING;
    r->tag = make_small((int64_t)id);
    sig->from = p->pid;
    sig->ref = id;
    signal_send(vm, other, sig);
    return A_true;
}

/* ---- monitors and aliases ---- */

static term_t ref_of(proc_t *p, uint64_t id, bool alias) {
    term_t *hp = heap_alloc(p, REF_WORDS);
    return hp ? make_ref(&hp, id, alias ? p->pid : 0) : bif_oom(p);
}

/* other is NIL where a name stands for nobody. */
static term_t watch(proc_t *p, term_t other, term_t name, uint32_t alias, term_t tag,
                    uint32_t kind) {
    vm_t *vm = p->vm;
    uint64_t id = vm_next_ref(vm);
    uint32_t flags = REL_MONITOR | (alias ? alias | REL_OWN_REF : 0) | kind;
    term_t ref = ref_of(p, id, alias != 0);
    if (ref == TERM_NONE) return TERM_NONE;
    if (other == p->pid) return ref; /* never triggers, and its alias is none */
    relation_t *r = relation_new(vm, p->sched, id, other, flags);
    if (!r) return bif_oom(p);
    r->name = name;
    if (kind == REL_TIME) r->tag = A_CHANGE;
    if (tag != TERM_NONE) {
        r->tag = tag;
        if (!is_immed(tag)) {
            r->frag = signal_new_whole(vm, p->sched, SIG_FRAGMENT, tag, 0);
            if (!r->frag) {
                relation_free(vm, p->sched, r);
                return bif_oom(p);
            }
            r->tag = r->frag->term;
        }
    }
    if (kind == REL_TIME) {
        if (!clock_watch(vm, p->sched, id, p->pid)) {
            relation_free(vm, p->sched, r);
            return bif_oom(p);
        }
        relation_insert(&p->monitors, r);
        return ref;
    }
    signal_t *sig = signal_new(vm, p->sched, SIG_MONITOR, 0);
    if (!sig) {
        relation_free(vm, p->sched, r);
        return bif_oom(p);
    }
    relation_insert(&p->monitors, r);
    sig->from = p->pid;
    sig->ref = id;
    signal_send(vm, other, sig);
    return ref;
}

static term_t watch_what(proc_t *p, term_t type, term_t what, uint32_t alias, term_t tag) {
    if (type == A_port) {
        term_t name = what;
        if (is_tuple_of(what, 2)) {
            name = tuple_elem(what, 1);
            if (tuple_elem(what, 2) != A_nonode) return bif_badarg(p);
        } else if (is_port(what)) {
            return watch(p, what, TERM_NIL, alias, tag, REL_PORT);
        }
        if (!is_atom(name)) return bif_badarg(p);
        term_t port = name_whereis(p->vm, name);
        return watch(p, port != TERM_NONE && is_local_port(port) ? port : TERM_NIL, name, alias,
                     tag, REL_PORT);
    }
    if (type == A_time_offset) {
        if (what != A_clock_service) return bif_badarg(p);
        return watch(p, A_clock_service, TERM_NIL, alias, tag, REL_TIME);
    }
    if (type != A_process) return bif_badarg_cause(p, A_badtype);
    if (is_local_pid(what)) return watch(p, what, TERM_NIL, alias, tag, 0);
    term_t name = what;
    if (is_tuple_of(what, 2)) {
        name = tuple_elem(what, 1);
        if (tuple_elem(what, 2) != A_nonode) return bif_badarg(p);
    } else if (is_pid(what)) {
        return watch(p, what, TERM_NIL, alias, tag, 0);
    }
    if (!is_atom(name)) return bif_badarg(p);
    term_t pid = name_whereis(p->vm, name);
    return watch(p, pid != TERM_NONE && is_local_pid(pid) ? pid : TERM_NIL, name, alias, tag, 0);
}

static BIF(bif_monitor_2) { return watch_what(p, a[0], a[1], 0, TERM_NONE); }
static BIF(bif_monitor_3) {
    uint32_t alias;
    term_t tag;
    if (!monitor_opts_from_term(a[2], &alias, &tag)) return bif_badarg_cause(p, A_badopt);
    return watch_what(p, a[0], a[1], alias, tag);
}

/* Takes the first {_, Ref, _, _, _} out of the mailbox. */
static void flush_down(proc_t *p, uint64_t id) {
    size_t looked = 0;
    for (signal_t **at = &p->mq.first; *at; at = &(*at)->next, looked++) {
        term_t m = (*at)->term;
        if (!is_tuple_of(m, 5)) continue;
        term_t r = tuple_elem(m, 2);
        if (!is_local_ref(r) || ref_id(r) != id) continue;
        signal_free(p->vm, p->sched, msg_queue_unlink(&p->mq, at));
        break;
    }
    bif_bump(p, looked / 8);
}

/* true: there was such a watch. */
static bool unwatch(proc_t *p, term_t ref, bool flush) {
    if (!is_local_ref(ref)) return false;
    uint64_t id = ref_id(ref);
    relation_t *r = relation_find(p->monitors, id);
    if (!r || !(r->flags & REL_MONITOR)) return false;
    bool tells_often = r->flags & REL_TIME;
    proc_unwatch(p, r);
    if (flush && tells_often) flush_down(p, id);
    return true;
}

static BIF(bif_demonitor_1) {
    if (!is_ref(a[0])) return bif_badarg(p);
    unwatch(p, a[0], false);
    return A_true;
}
static BIF(bif_demonitor_2) {
    bool flush = false, info = false;
    term_t l = a[1];
    if (!is_ref(a[0])) return bif_badarg(p);
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_flush)
            flush = true;
        else if (cons_head(l) == A_info)
            info = true;
        else
            return bif_badarg(p);
    }
    if (!is_nil(l)) return bif_badarg(p);
    if (unwatch(p, a[0], flush)) return A_true;
    /* The watch has ended: if it was by 'DOWN', that is in the mailbox already. */
    if (flush && is_local_ref(a[0])) flush_down(p, ref_id(a[0]));
    return make_bool(!info);
}

static term_t alias_new(proc_t *p, uint32_t flags) {
    uint64_t id = vm_next_ref(p->vm);
    term_t ref = ref_of(p, id, true);
    if (ref == TERM_NONE) return TERM_NONE;
    relation_t *r = relation_new(p->vm, p->sched, id, p->pid, flags | REL_OWN_REF);
    if (!r) return bif_oom(p);
    relation_insert(&p->monitors, r);
    return ref;
}
static BIF(bif_alias_0) {
    (void)a;
    return alias_new(p, REL_ALIAS);
}
static BIF(bif_alias_1) {
    uint32_t flags = REL_ALIAS;
    term_t l = a[0];
    for (; is_cons(l); l = cons_tail(l)) {
        if (cons_head(l) == A_reply)
            flags |= REL_ALIAS_ONCE;
        else if (cons_head(l) == A_explicit_unalias)
            flags &= ~(uint32_t)REL_ALIAS_ONCE;
        else
            return bif_badarg(p);
    }
    return is_nil(l) ? alias_new(p, flags) : bif_badarg(p);
}
static BIF(bif_unalias) {
    if (!is_ref(a[0])) return bif_badarg(p);
    if (!is_local_ref(a[0])) return A_false;
    relation_t *r = relation_find(p->monitors, ref_id(a[0]));
    if (!r || !(r->flags & REL_ALIAS)) return A_false;
    r->flags &= ~(uint32_t)(REL_ALIAS | REL_ALIAS_ONCE | REL_ALIAS_WATCH);
    if (!(r->flags & REL_MONITOR))
        relation_free(p->vm, p->sched, relation_remove(&p->monitors, r->key));
    return A_true;
}

const bif_def_t bifs_link[] = {{"erlang", "link", 1, bif_link, 0},
                               {"erlang", "unlink", 1, bif_unlink, 0},
                               {"erlang", "monitor", 2, bif_monitor_2, 0},
                               {"erlang", "monitor", 3, bif_monitor_3, 0},
                               {"erlang", "demonitor", 1, bif_demonitor_1, 0},
                               {"erlang", "demonitor", 2, bif_demonitor_2, 0},
                               {"erlang", "alias", 0, bif_alias_0, 0},
                               {"erlang", "alias", 1, bif_alias_1, 0},
                               {"erlang", "unalias", 1, bif_unalias, 0},
                               {0}};
