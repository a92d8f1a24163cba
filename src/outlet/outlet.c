/* outlet.c: the table of ports, the registry of drivers, and the queue of what processes want of
 * ports. See outlet.h for who runs what.
 *
 * Port numbers only grow; the low bits are the slot in the table, so a port that is gone is never
 * mistaken for another. Readers take no lock: a slot is one atomic pointer, an outlet's block is
 * released when nobody can be reading it (sched_defer_free).
 */
#include "outlet/outlet.h"

#include <errno.h>
#include "vm/heap.h"
#include "vm/microstate.h"
#include "vm/process.h"
#include "vm/trace.h"

#define CHUNK_SLOTS 1024
#define CHUNKS      (OUTLET_LIMIT / CHUNK_SLOTS)

typedef struct {
    _Atomic(outlet_t *) slot[CHUNK_SLOTS];
} slots_t;

struct outlets {
    _Atomic(signal_t *) inbox;  /* newest first; pushed by whoever runs processes */
    _Atomic(signal_t *) posted; /* newest first; any thread */
    _Atomic(slots_t *) chunk[CHUNKS];
    _Atomic(uint32_t) count;
    /* Polling thread. */
    uint64_t next; /* number of the next port */
    outlet_t *all, *due;
    driver_t *drivers;
    uint32_t refs;
    unsigned depth; /* driver functions and device callbacks on the stack */
};

/* ---- life ---- */

bool outlets_init(vm_t *vm) {
    struct outlets *t = mem_calloc(vm, sizeof *t);
    vm->outlets = t;
    return t && ling_register_outlet(vm, "tty_sl", &driver_tty, NULL, NULL) == LING_OK &&
           ling_register_outlet(vm, "ram_file_drv", &driver_ram_file, NULL, NULL) == LING_OK &&
           ling_register_outlet(vm, "trace_file_drv", &driver_trace_file, NULL, NULL) == LING_OK;
}

static void drop_signals(vm_t *vm, signal_t *sig) {
    for (signal_t *next; sig; sig = next) {
        next = sig->next;
        if (sig->kind == SIG_PORT && sig->flags == PORT_OPEN)
            open_args_free((open_args_t *)(uintptr_t)sig->data[0]);
        if (sig->kind == SIG_PORT && sig->flags == PORT_WAIT)
            signal_free(vm, sched_current(vm), (signal_t *)(uintptr_t)sig->data[0]);
        signal_free(vm, sched_current(vm), sig);
    }
}

void outlets_free(vm_t *vm) {
    struct outlets *t = vm->outlets;
    if (!t) return;
    t->depth = 1; /* what drivers still ask for is not handled */
    while (t->all) {
        outlet_t *o = t->all;
        atomic_store_explicit(&o->state, OUTLET_CLOSED, memory_order_relaxed);
        if (!o->stopped && o->driver->def->stop) o->driver->def->stop(o);
        outlet_free(o);
    }
    drop_signals(vm, atomic_load_explicit(&t->inbox, memory_order_relaxed));
    drop_signals(vm, atomic_load_explicit(&t->posted, memory_order_relaxed));
    for (driver_t *d = t->drivers, *next; d; d = next) {
        next = d->next;
        if (d->destroy) d->destroy(d->user);
        mem_free(vm, d, d->bytes);
    }
    for (int i = 0; i < CHUNKS; i++)
        mem_free(vm, atomic_load_explicit(&t->chunk[i], memory_order_relaxed), sizeof(slots_t));
    mem_free(vm, t, sizeof *t);
    vm->outlets = NULL;
}

/* ---- drivers ---- */

const driver_t *driver_find(vm_t *vm, const char *name, size_t n) {
    for (driver_t *d = vm->outlets->drivers; d; d = d->next)
        if (strlen(d->name) == n && memcmp(d->name, name, n) == 0) return d;
    return NULL;
}

const driver_t *driver_first(vm_t *vm) { return vm->outlets->drivers; }

int ling_register_outlet(ling_vm_t *vm, const char *name, const ling_outlet_driver_t *driver,
                         void *user, ling_destroy_fn destroy) {
    if (!name || !*name || strchr(name, ' ') || !driver ||
        driver->size < sizeof(ling_outlet_driver_t) || !driver->open)
        return LING_EINVAL;
    size_t n = strlen(name) + 1;
    if (driver_find(vm, name, n - 1)) return LING_EINVAL;
    driver_t *d = mem_alloc(vm, sizeof *d + n);
    if (!d) return LING_ENOMEM;
    *d = (driver_t){vm->outlets->drivers, driver, user, destroy, sizeof *d + n};
    memcpy(d->name, name, n);
    vm->outlets->drivers = d;
    return LING_OK;
}

/* ---- table ---- */

static _Atomic(outlet_t *) *slot_of(struct outlets *t, uint64_t number) {
    uint32_t slot = (uint32_t)number % OUTLET_LIMIT;
    slots_t *c = atomic_load_explicit(&t->chunk[slot / CHUNK_SLOTS], memory_order_acquire);
    return c ? &c->slot[slot % CHUNK_SLOTS] : NULL;
}

outlet_t *outlet_lookup(vm_t *vm, term_t port) {
    if (!is_local_port(port)) return NULL;
    _Atomic(outlet_t *) *at = slot_of(vm->outlets, port_number(port));
    outlet_t *o = at ? atomic_load_explicit(at, memory_order_acquire) : NULL;
    return o && o->port == port ? o : NULL;
}

void outlet_each(vm_t *vm, void (*fn)(void *user, outlet_t *o), void *user) {
    for (uint64_t i = 0; i < OUTLET_LIMIT; i++) {
        _Atomic(outlet_t *) *at = slot_of(vm->outlets, i);
        if (!at) {
            i |= CHUNK_SLOTS - 1; /* a chunk that is not there */
            continue;
        }
        outlet_t *o = atomic_load_explicit(at, memory_order_acquire);
        if (o) fn(user, o);
    }
}

port_parts_t port_parts(outlet_t *o) {
    return (port_parts_t){o->vm, o->port, &o->name, &o->state, &o->trace};
}

uint32_t outlet_count(vm_t *vm) {
    return atomic_load_explicit(&vm->outlets->count, memory_order_relaxed);
}

/* The next free slot and its number. NULL: none; *error says why. */
static _Atomic(outlet_t *) *slot_take(vm_t *vm, uint64_t *number, term_t *error) {
    struct outlets *t = vm->outlets;
    *error = A_system_limit;
    if (outlet_count(vm) >= OUTLET_LIMIT) return NULL;
    for (;;) {
        uint64_t n = t->next++ & ((1u << PORT_NUMBER_BITS) - 1);
        uint32_t c = (uint32_t)(n % OUTLET_LIMIT) / CHUNK_SLOTS;
        if (!atomic_load_explicit(&t->chunk[c], memory_order_relaxed)) {
            slots_t *s = mem_calloc(vm, sizeof *s);
            *error = TERM_NONE;
            if (!s) return NULL;
            atomic_store_explicit(&t->chunk[c], s, memory_order_release);
        }
        _Atomic(outlet_t *) *at = slot_of(t, n);
        if (atomic_load_explicit(at, memory_order_relaxed)) continue;
        *number = n;
        return at;
    }
}

static void count_add(vm_t *vm, uint32_t n) {
    struct outlets *t = vm->outlets;
    atomic_store_explicit(&t->count, outlet_count(vm) + n, memory_order_relaxed);
}

outlet_t *outlet_new(vm_t *vm, const open_args_t *a, const driver_t *d, term_t owner,
                     term_t *error) {
    struct outlets *t = vm->outlets;
    uint64_t number;
    _Atomic(outlet_t *) *at = slot_take(vm, &number, error);
    if (!at) return NULL;
    *error = TERM_NONE;
    const char *title = a->kind == OPEN_EXECUTABLE ? a->pub.name : a->pub.command;
    size_t n = strlen(title) + 1;
    outlet_t *o = mem_calloc(vm, sizeof *o);
    char *copy = o ? mem_alloc(vm, n) : NULL;
    relation_t *link = copy ? relation_new(vm, sched_current(vm), owner, owner, 0) : NULL;
    if (!link) {
        mem_free(vm, copy, n);
        mem_free(vm, o, sizeof *o);
        return NULL;
    }
    memcpy(copy, title, n);
    *o = (outlet_t){
        .vm = vm,
        .port = make_port(number),
        .msgq_high = a->msgq_high,
        .soft_busy = d->def->flags & LING_OUTLET_SOFT_BUSY,
        .name = TERM_NIL,
        .runs = TERM_NONE,
        .driver = d,
        .owner = owner,
        .frame = {.packet = (uint8_t)a->pub.packet, .line = a->pub.line, .binary = a->pub.binary},
        .high = a->high,
        .low = a->low,
        .os_pid = -1,
        .input = a->pub.input,
        .output = a->pub.output,
        .eof = a->pub.eof,
        .exit_status = a->pub.exit_status,
        .parallelism = a->parallelism,
        .title_bytes = n,
        .title = copy,
    };
    o->pending_last = &o->pending;
    relation_insert(&o->links, link);
    o->next = t->all;
    if (o->next) o->next->link = &o->next;
    o->link = &t->all;
    t->all = o;
    count_add(vm, 1);
    trace_new_port(o);
    atomic_store_explicit(at, o, memory_order_release);
    return o;
}

void outlet_unlist(outlet_t *o) {
    atomic_store_explicit(slot_of(o->vm->outlets, port_number(o->port)), NULL,
                          memory_order_release);
    count_add(o->vm, (uint32_t)-1);
}

static void free_block(vm_t *vm, void *o) { mem_free(vm, o, sizeof(outlet_t)); }

static void relations_free(vm_t *vm, relation_t **root) {
    relation_t *r;
    while ((r = relation_pop(root))) relation_free(vm, sched_current(vm), r);
}

void outlet_free(outlet_t *o) {
    vm_t *vm = o->vm;
    *o->link = o->next;
    if (o->next) o->next->link = o->link;
    vm->outlets->refs -= o->refs;
    relations_free(vm, &o->links);
    relations_free(vm, &o->monitored_by);
    relations_free(vm, &o->monitors);
    drop_signals(vm, o->waiting);
    drop_signals(vm, o->pending);
    signal_free(vm, sched_current(vm), o->data);
    signal_free(vm, sched_current(vm), o->closer);
    frame_free(o);
    mem_free(vm, o->title, o->title_bytes);
    if (o->timer && vm->timers) etimer_stop(vm, o->timer);
    if (!(atomic_load_explicit(&o->state, memory_order_relaxed) & OUTLET_CLOSED)) {
        /* Its open failed; erlang:ports/0 may have shown it meanwhile, and somebody named it. */
        atomic_fetch_or_explicit(&o->state, OUTLET_CLOSED, memory_order_seq_cst);
        name_forget_port(o);
        outlet_unlist(o);
    }
    trace_forget_port(o);
    sched_defer_free(vm, o, free_block);
}

term_t outlet_list(proc_t *p) {
    vm_t *vm = p->vm;
    term_t list = TERM_NIL;
    for (uint32_t c = CHUNKS; c-- > 0;) {
        slots_t *s = atomic_load_explicit(&vm->outlets->chunk[c], memory_order_acquire);
        for (uint32_t i = s ? CHUNK_SLOTS : 0; i-- > 0;) {
            outlet_t *o = atomic_load_explicit(&s->slot[i], memory_order_acquire);
            if (!o) continue;
            term_t *hp = heap_alloc(p, 2);
            if (!hp) return TERM_NONE;
            list = cons(&hp, o->port, list);
        }
        if (s) bif_bump(p, CHUNK_SLOTS / 64);
    }
    return list;
}

/* ---- the queue ---- */

signal_t *port_request(vm_t *vm, sched_t *s, int op, size_t n) {
    signal_t *sig = signal_new(vm, s, SIG_PORT, 1 + n / 8 + 1);
    if (!sig) return NULL;
    sig->flags = (uint8_t)op;
    sig->data[0] = n;
    return sig;
}

static void push(_Atomic(signal_t *) *box, signal_t *sig) {
    sig->next = atomic_load_explicit(box, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(box, &sig->next, sig, memory_order_seq_cst,
                                                  memory_order_relaxed)) {
    }
}

/* All of a box, oldest first. */
static signal_t *take_all(_Atomic(signal_t *) *box, bool shared) {
    signal_t *in = atomic_load_explicit(box, memory_order_relaxed), *list = NULL;
    if (!in) return NULL;
    if (shared)
        in = atomic_exchange_explicit(box, NULL, memory_order_seq_cst);
    else
        atomic_store_explicit(box, NULL, memory_order_relaxed);
    for (signal_t *next; in; in = next) {
        next = in->next;
        in->next = list;
        list = in;
    }
    return list;
}

static bool is_empty(_Atomic(signal_t *) *box) {
    return atomic_load_explicit(box, memory_order_seq_cst) == NULL;
}

static void handle(vm_t *vm, signal_t *sig) {
    if (sig->kind == SIG_PORT && sig->flags == PORT_OPEN) {
        port_open(vm, sig);
        return;
    }
    outlet_t *o = outlet_lookup(vm, sig->to);
    if (o && vm->threaded && sig->kind == SIG_PORT && sig->flags == PORT_COMMAND)
        atomic_fetch_sub_explicit(&o->unhandled, port_nbytes(sig), memory_order_relaxed);
    if (o)
        port_handle(o, sig);
    else
        signal_undeliverable(vm, sig->to, sig);
}

/* Handles what is queued, and what that leads to. */
static void drain(vm_t *vm) {
    struct outlets *t = vm->outlets;
    vm_visit_t v = vm_enter(vm);
    bool counted = microstates_on(vm);
    int state = counted ? microstate_change(vm, microstate_of_poller(vm), MS_PORT) : MS_OTHER;
    t->depth++;
    for (;;) {
        signal_t *list = take_all(&t->inbox, vm->threaded), *next;
        if (!list) list = take_all(&t->posted, true);
        if (!list && !t->due) break;
        for (; list; list = next) {
            next = list->next;
            handle(vm, list);
        }
        while (t->due) {
            outlet_t *o = t->due;
            t->due = o->due;
            o->is_due = false;
            port_due(o);
        }
    }
    t->depth--;
    if (UNLIKELY(counted)) microstate_change(vm, microstate_of_poller(vm), state);
    vm_leave(vm, v);
}

void outlet_signal(vm_t *vm, term_t port, signal_t *sig) {
    struct outlets *t = vm->outlets;
    sig->to = port;
    if (!vm->threaded) {
        sig->next = atomic_load_explicit(&t->inbox, memory_order_relaxed);
        atomic_store_explicit(&t->inbox, sig, memory_order_relaxed);
        if (t->depth == 0) drain(vm);
        return;
    }
    push(&t->inbox, sig);
    vm->host->ops->wake(vm->host);
}

signal_t *port_command_new(vm_t *vm, sched_t *s, size_t n) {
    return port_request(vm, s, PORT_COMMAND, n);
}

void outlet_command(outlet_t *o, signal_t *sig) {
    if (o->vm->threaded)
        atomic_fetch_add_explicit(&o->unhandled, port_nbytes(sig), memory_order_relaxed);
    outlet_signal(o->vm, o->port, sig);
}

int ling_outlet_post(ling_vm_t *vm, ling_term_t port, const void *data, size_t len) {
    if (!is_local_port(port)) return LING_EINVAL;
    signal_t *sig = port_request(vm, NULL, PORT_POST, len);
    if (!sig) return LING_ENOMEM;
    if (len) memcpy(port_bytes(sig), data, len);
    sig->to = port;
    push(&vm->outlets->posted, sig);
    vm->host->ops->wake(vm->host);
    return LING_OK;
}

static bool is_due(vm_t *vm) {
    struct outlets *t = vm->outlets;
    return t->due || !is_empty(&t->inbox) || !is_empty(&t->posted);
}

void outlets_poll(vm_t *vm) {
    if (vm->outlets->depth == 0 && is_due(vm)) drain(vm);
}

bool outlets_pending(vm_t *vm) {
    struct outlets *t = vm->outlets;
    return t->refs > 0 || is_due(vm);
}

void outlets_flush(vm_t *vm) {
    outlets_poll(vm);
    vm->outlets->depth++;
    for (outlet_t *o = vm->outlets->all; o; o = o->next) {
        if (o->stopped || !o->driver->def->flush) continue;
        do /* what waits for the queue to get shorter comes next */
            o->driver->def->flush(o);
        while (port_go_on(o));
    }
    vm->outlets->depth--;
}

void outlet_enter(vm_t *vm) { vm->outlets->depth++; }
void outlet_leave(vm_t *vm) {
    vm->outlets->depth--;
    outlets_poll(vm);
}

void outlet_enter_of(outlet_t *o) {
    outlet_enter(o->vm);
    if (port_observed(o)) port_runs(o, make_small(0), A_input);
}
void outlet_leave_of(outlet_t *o) {
    if (port_observed(o)) port_stops(o);
    outlet_leave(o->vm);
}

void outlet_leave_later(vm_t *vm) {
    if (--vm->outlets->depth == 0 && is_due(vm)) vm->host->ops->wake(vm->host);
}

void outlet_due(outlet_t *o) {
    struct outlets *t = o->vm->outlets;
    if (o->is_due || o->stopped) return;
    o->is_due = true;
    o->due = t->due;
    t->due = o;
    /* Outside of everything (a device's own callback) the polling loop has to look. */
    if (t->depth == 0) o->vm->host->ops->wake(o->vm->host);
}

void ling_outlet_ref(ling_outlet_t *o) {
    o->refs++;
    o->vm->outlets->refs++;
}

void ling_outlet_unref(ling_outlet_t *o) {
    if (o->refs == 0) return;
    o->refs--;
    o->vm->outlets->refs--;
}
