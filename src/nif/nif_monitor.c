/* nif_monitor.c: resource objects that watch processes.
 *
 * A monitor is shared by its object (a list, under the VM's monitor lock) and by the watched
 * process, whose tree of watchers has a node with REL_NATIVE that points to it. Either side may end
 * it: the process by ending (down is called), the object by enif_demonitor_process or by being
 * destroyed (the node goes with a signal). Signals of kind SIG_CALL carry it over.
 */
#include "nif/nif_resource.h"
#include "vm/link.h"
#include "vm/sched.h"

struct nif_monitor {
    nif_monitor_t *before, *after; /* all of the VM */
    nif_monitor_t *next;           /* of the object */
    nif_resource_t *object;        /* NULL: the object's side has ended */
    vm_t *vm;
    uint64_t id;
    term_t pid;
    _Atomic(uint32_t) refs;
};

static void monitor_release(nif_monitor_t *m) {
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
    vm_t *vm = m->vm;
    spin_lock(vm, &vm->nif->monitor_lock);
    if (m->before)
        m->before->after = m->after;
    else
        vm->nif->monitors = m->after;
    if (m->after) m->after->before = m->before;
    spin_unlock(vm, &vm->nif->monitor_lock);
    mem_free(vm, m, sizeof *m);
}

void nif_monitors_free(vm_t *vm) {
    for (nif_monitor_t *m = vm->nif->monitors, *after; m; m = after) {
        after = m->after;
        mem_free(vm, m, sizeof *m);
    }
    vm->nif->monitors = NULL;
}

static nif_monitor_t *list_take(nif_resource_t *r, uint64_t id) {
    for (nif_monitor_t **link = &r->monitors; *link; link = &(*link)->next) {
        nif_monitor_t *m = *link;
        if (m->id != id) continue;
        *link = m->next;
        m->object = NULL;
        return m;
    }
    return NULL;
}

/* An object whose destructor runs has no counts left: it must not get one again. */
static bool object_try_keep(nif_resource_t *r) {
    uint64_t n = atomic_load_explicit(&r->magic.refs, memory_order_relaxed);
    do {
        if (n == 0) return false;
    } while (!atomic_compare_exchange_weak_explicit(&r->magic.refs, &n, n + 1, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return true;
}

static void to_monitor(uint64_t id, ErlNifMonitor *out) {
    memset(out, 0, sizeof *out);
    memcpy(out->data, &id, sizeof id);
}

static uint64_t monitor_id(const ErlNifMonitor *m) {
    uint64_t id;
    memcpy(&id, m->data, sizeof id);
    return id;
}

/* The watched process is gone: tells the object, if it still wants to know. Takes a count of m. */
void nif_process_gone(vm_t *vm, void *monitor, term_t pid) {
    nif_monitor_t *m = monitor;
    spin_lock(vm, &vm->nif->monitor_lock);
    nif_resource_t *r = m->object;
    bool was_listed = r != NULL;
    if (r) list_take(r, m->id);
    if (r && !object_try_keep(r)) r = NULL;
    spin_unlock(vm, &vm->nif->monitor_lock);
    if (r) {
        ErlNifPid who = {pid};
        ErlNifMonitor mon;
        to_monitor(m->id, &mon);
        nif_env_block_t b;
        nif_env_open(&b, vm, r->type->lib, ENV_CALLBACK);
        nif_visit_t v = nif_enter(vm);
        r->type->down(&b.env, r->data, &who, &mon);
        nif_leave(v);
        nif_env_close(&b);
        enif_release_resource(r->data);
    }
    if (was_listed) monitor_release(m); /* the object's */
    monitor_release(m);
}

/* In the watched process; p NULL: it is gone. */
static void begin(proc_t *p, signal_t *sig) {
    nif_monitor_t *m = (nif_monitor_t *)(uintptr_t)sig->from;
    if (!p) {
        vm_t *vm = m->vm;
        signal_free(vm, sched_current(vm), sig);
        nif_process_gone(vm, m, m->pid);
        return;
    }
    relation_t *r = relation_from_signal(sig, m->id, TERM_NIL, REL_NATIVE);
    r->tag = (term_t)(uintptr_t)m; /* looks like a small */
    relation_insert(&p->monitored_by, r);
}

static void end(proc_t *p, signal_t *sig) {
    nif_monitor_t *m = (nif_monitor_t *)(uintptr_t)sig->from;
    vm_t *vm = m->vm;
    relation_t *r = p ? relation_remove(&p->monitored_by, m->id) : NULL;
    if (r) {
        relation_free(vm, sched_current(vm), r);
        monitor_release(m); /* the node's */
    }
    monitor_release(m); /* the signal's */
    signal_free(vm, sched_current(vm), sig);
}

static bool send_call(vm_t *vm, nif_monitor_t *m, void (*fn)(proc_t *, signal_t *)) {
    signal_t *sig = signal_new(vm, sched_current(vm), SIG_CALL, 0);
    if (!sig) return false;
    sig->fn = fn;
    sig->from = (term_t)(uintptr_t)m;
    signal_send(vm, m->pid, sig);
    return true;
}

int enif_monitor_process(ErlNifEnv *env, void *obj, const ErlNifPid *target, ErlNifMonitor *mon) {
    nif_resource_t *r = resource_of(obj);
    vm_t *vm = r->type->vm;
    (void)env;
    if (!r->type->down) return -1;
    if (!is_local_pid(target->pid) || vm->nif->closing || !nif_may_signal(vm)) return 1;
    nif_monitor_t *m = mem_alloc(vm, sizeof *m);
    if (!m) return 1;
    *m = (nif_monitor_t){.object = r, .vm = vm, .id = vm_next_ref(vm), .pid = target->pid};
    atomic_init(&m->refs, 2); /* the object's, and the signal's, which becomes the node's */
    spin_lock(vm, &vm->nif->monitor_lock);
    m->after = vm->nif->monitors;
    if (m->after) m->after->before = m;
    vm->nif->monitors = m;
    spin_unlock(vm, &vm->nif->monitor_lock);
    to_monitor(m->id, mon ? mon : &(ErlNifMonitor){{0}});
    vm_visit_t v = vm_enter(vm);
    int rc = proc_lookup(vm, target->pid) ? 0 : 1;
    if (rc == 0) {
        spin_lock(vm, &vm->nif->monitor_lock);
        m->next = r->monitors;
        r->monitors = m;
        spin_unlock(vm, &vm->nif->monitor_lock);
        if (!send_call(vm, m, begin)) {
            spin_lock(vm, &vm->nif->monitor_lock);
            list_take(r, m->id);
            spin_unlock(vm, &vm->nif->monitor_lock);
            rc = 1;
        }
    }
    if (rc != 0) {
        monitor_release(m);
        monitor_release(m);
    }
    vm_leave(vm, v);
    return rc;
}

/* Takes the object's count of m. Where no signal can be sent (no memory, a thread that may not) the
 * node stays until the process ends, with nobody to tell. */
static void forget(vm_t *vm, nif_monitor_t *m) {
    vm_visit_t v = vm_enter(vm);
    if (vm->nif->closing || !nif_may_signal(vm) || !send_call(vm, m, end)) monitor_release(m);
    vm_leave(vm, v);
}

int enif_demonitor_process(ErlNifEnv *env, void *obj, const ErlNifMonitor *mon) {
    nif_resource_t *r = resource_of(obj);
    vm_t *vm = r->type->vm;
    (void)env;
    spin_lock(vm, &vm->nif->monitor_lock);
    nif_monitor_t *m = list_take(r, monitor_id(mon));
    spin_unlock(vm, &vm->nif->monitor_lock);
    if (!m) return 1;
    forget(vm, m);
    return 0;
}

void nif_monitors_end(nif_resource_t *r) {
    vm_t *vm = r->type->vm;
    for (;;) {
        spin_lock(vm, &vm->nif->monitor_lock);
        nif_monitor_t *m = r->monitors;
        if (m) list_take(r, m->id);
        spin_unlock(vm, &vm->nif->monitor_lock);
        if (!m) return;
        forget(vm, m);
    }
}

int enif_compare_monitors(const ErlNifMonitor *a, const ErlNifMonitor *b) {
    uint64_t x = monitor_id(a), y = monitor_id(b);
    return x < y ? -1 : x > y;
}

ERL_NIF_TERM enif_make_monitor_term(ErlNifEnv *env, const ErlNifMonitor *mon) {
    term_t *hp = heap_alloc(env->p, REF_WORDS);
    return hp ? make_ref(&hp, monitor_id(mon), 0) : nif_oom(env);
}
