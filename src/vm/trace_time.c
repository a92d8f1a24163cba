/* trace_time.c: what call_time counts: calls and time of each function by process (trace.h). The
 * tables live as long as the VM, for frames on stacks refer to them; each has a lock of its own,
 * the list of them is under the code lock. Called by trace_code.c and the scheduler.
 */
#include "vm/trace.h"
#include "vm/hash.h"
#include "vm/heap.h"
#include "vm/proc_ext.h"

/* Time of one function, by process. */
typedef struct {
    term_t pid; /* 0: free */
    uint64_t calls, ns;
} call_time_row_t;
struct call_time {
    call_time_t *next;
    term_t m, f;
    uint32_t arity;
    spin_t lock;
    size_t used, room; /* room is a power of two, or 0 */
    call_time_row_t *rows;
};

call_time_t *trace_time_get(vm_t *vm, term_t m, term_t f, uint32_t arity) {
    for (call_time_t *t = vm->trace->times; t; t = t->next)
        if (t->m == m && t->f == f && t->arity == arity) return t;
    call_time_t *t = mem_calloc(vm, sizeof *t);
    if (!t) return NULL;
    atomic_flag_clear(&t->lock.held);
    t->m = m;
    t->f = f;
    t->arity = arity;
    t->next = vm->trace->times;
    vm->trace->times = t;
    return t;
}
void trace_time_reset(vm_t *vm, call_time_t *t) {
    if (!t) return;
    spin_lock(vm, &t->lock);
    mem_free(vm, t->rows, t->room * sizeof *t->rows);
    t->rows = NULL;
    t->used = t->room = 0;
    spin_unlock(vm, &t->lock);
}

void trace_times_free(vm_t *vm) {
    for (call_time_t *c = vm->trace->times, *next; c; c = next) {
        next = c->next;
        mem_free(vm, c->rows, c->room * sizeof *c->rows);
        mem_free(vm, c, sizeof *c);
    }
}

void trace_time_add(vm_t *vm, call_time_t *t, term_t pid, uint64_t calls, uint64_t ns) {
    spin_lock(vm, &t->lock);
    if (2 * (t->used + 1) > t->room) {
        size_t room = t->room ? 2 * t->room : 8;
        call_time_row_t *rows = mem_calloc(vm, room * sizeof *rows);
        if (!rows) goto done; /* no memory: this call is not counted */
        for (size_t i = 0; i < t->room; i++) {
            if (!t->rows[i].pid) continue;
            size_t k = hash_mix(t->rows[i].pid) & (room - 1);
            while (rows[k].pid) k = (k + 1) & (room - 1);
            rows[k] = t->rows[i];
        }
        mem_free(vm, t->rows, t->room * sizeof *rows);
        t->rows = rows;
        t->room = room;
    }
    size_t k = hash_mix(pid) & (t->room - 1);
    while (t->rows[k].pid && t->rows[k].pid != pid) k = (k + 1) & (t->room - 1);
    if (!t->rows[k].pid) {
        t->rows[k].pid = pid;
        t->used++;
    }
    t->rows[k].calls += calls;
    t->rows[k].ns += ns;
done:
    spin_unlock(vm, &t->lock);
}

/* Charges what passed to the function that ran; then next runs (NULL: none that is timed). */
void trace_time_switch(proc_t *p, proc_ext_t *x, call_time_t *next) {
    uint64_t now = vm_now(p->vm);
    if (x->timed) trace_time_add(p->vm, x->timed, p->pid, 0, now - x->timed_since);
    x->timed = next;
    x->timed_since = now;
}
void trace_time_returned(proc_t *p, term_t prev) {
    if (p->ext) trace_time_switch(p, p->ext, (call_time_t *)(uintptr_t)prev);
}
void trace_time_pause(proc_t *p, bool in) {
    proc_ext_t *x = p->ext;
    if (!x || !x->timed) return;
    if (in)
        x->timed_since = vm_now(p->vm);
    else
        trace_time_switch(p, x, x->timed);
}

term_t trace_time_info(proc_t *p, call_time_t *t) {
    vm_t *vm = p->vm;
    term_t list = TERM_NIL;
    spin_lock(vm, &t->lock);
    size_t n = t->used;
    term_t *hp = n ? heap_alloc(p, 7 * n) : NULL;
    if (n && !hp) list = TERM_NONE;
    for (size_t i = 0; hp && i < t->room; i++) {
        const call_time_row_t *r = t->rows + i;
        if (!r->pid) continue;
        uint64_t us = r->ns / 1000;
        term_t e = tuple4(&hp, r->pid, make_small((int64_t)r->calls),
                          make_small((int64_t)(us / 1000000)), make_small((int64_t)(us % 1000000)));
        list = cons(&hp, e, list);
    }
    spin_unlock(vm, &t->lock);
    return list;
}
