/* purge.c: getting rid of old versions of modules, and finding out who still needs one.
 *
 * A purge has two halves with a check of all processes between them (erts_code_purger does it):
 * prepare makes the version's funs unreachable, so that no process can enter it any more; then each
 * process says whether it is still inside; complete frees it, abort gives the funs back. One purge
 * at a time. Used by bif_code.c and the embedder's API. Relies on code.c and the layout of a
 * process's stack.
 */
#include "vm/code_table.h"
#include "vm/nif.h"
#include "vm/process.h"

/* ---- the protocol ---- */

static module_t *purging(vm_t *vm) {
    return atomic_load_explicit(&vm->code->purging, memory_order_acquire);
}

bool fun_is_being_purged(vm_t *vm, const fun_entry_t *f) {
    const module_t *m = purging(vm);
    return m != NULL && f->owner == m;
}

static int purge_prepare(vm_t *vm, term_t name, bool on_load) {
    struct code_table *t = vm->code;
    if (purging(vm) != NULL) return -1;
    module_t *m = on_load ? module_find_on_load(vm, name) : module_find_old(vm, name);
    if (m == NULL) return 0;
    t->purging_on_load = on_load;
    atomic_store_explicit(&t->purging, m, memory_order_release);
    /* The lock: a newer version may be taking over funs at this moment. */
    spin_lock(vm, &t->lock);
    module_funs_detach(m);
    spin_unlock(vm, &t->lock);
    return 1;
}

static int purge_finish(vm_t *vm, term_t name, bool complete, bool keep) {
    struct code_table *t = vm->code;
    module_t *m = purging(vm);
    if (m == NULL || m->name != name) return -1;
    if (!complete) {
        /* A newer version may have taken some of the funs meanwhile. */
        spin_lock(vm, &t->lock);
        for (uint32_t i = 0; m->fun_code != NULL && i < m->nfuns; i++)
            if (m->funs[i]->owner == m)
                atomic_store_explicit(&m->funs[i]->code, m->fun_code[i], memory_order_release);
        spin_unlock(vm, &t->lock);
        atomic_store_explicit(&t->purging, NULL, memory_order_release);
        return 0;
    }
    module_slot_t *s = module_slot_find(vm, name);
    atomic_store_explicit(t->purging_on_load ? &s->on_load : &s->old, NULL, memory_order_release);
    atomic_store_explicit(&t->purging, NULL, memory_order_release);
    module_retire(vm, m, keep);
    return 1;
}

int code_purge(vm_t *vm, term_t name, int op, bool keep) {
    switch (op) {
    case PURGE_PREPARE: return purge_prepare(vm, name, false);
    case PURGE_PREPARE_ON_LOAD: return purge_prepare(vm, name, true);
    case PURGE_ABORT: return purge_finish(vm, name, false, false);
    case PURGE_COMPLETE: return purge_finish(vm, name, true, keep);
    default: return -1;
    }
}

bool module_purge_old(vm_t *vm, term_t name) {
    return code_purge(vm, name, PURGE_PREPARE, false) == 1 &&
           code_purge(vm, name, PURGE_COMPLETE, false) == 1;
}

typedef struct {
    const module_t *module;
    bool used;
} use_check_t;

static bool check_one(void *user, proc_t *p) {
    use_check_t *c = user;
    c->used = proc_uses_module(p, c->module);
    return !c->used;
}

int module_soft_purge(vm_t *vm, term_t name) {
    use_check_t c = {module_find_old(vm, name), false};
    if (c.module == NULL) return 1;
    if (purging(vm) != NULL) return 0;
    proc_each(vm, check_one, &c);
    return !c.used && module_purge_old(vm, name);
}

/* ---- does a process need a version? ---- */

static bool in_code(const module_t *m, uint64_t address) {
    return address - (uint64_t)(uintptr_t)m->code <= m->code_words * sizeof(uint64_t);
}

static bool stack_uses(const proc_t *p, const module_t *m) {
    for (const term_t *s = p->sp; s < p->hend; s++) {
        if ((*s & TAG_MASK) == TAG_HEADER) { /* return address */
            if (in_code(m, *s - TAG_HEADER)) return true;
        } else if (is_catch(*s) && in_code(m, (uint64_t)(uintptr_t)catch_address(*s))) {
            return true;
        }
    }
    return false;
}

/* Native code that waits for its turn is in no function of the module. */
static bool native_next(const proc_t *p, const module_t *m) {
    return m->nif != NULL && engine_nif_module(p->ip) == m->name;
}

/* A fun does not hold its module back, as in OTP: calling it when the code is gone is an error. */
bool proc_uses_module(proc_t *p, const module_t *m) {
    return in_code(m, (uint64_t)(uintptr_t)p->ip) || native_next(p, m) || stack_uses(p, m);
}

bool proc_uses_old_code(proc_t *p, term_t module, bool in_bif) {
    /* A failed on_load function's version is purged by the same means as an old one. */
    const module_t *m = purging(p->vm);
    if (m == NULL || m->name != module) m = module_find_old(p->vm, module);
    if (m == NULL) return false;
    /* While p runs a BIF, p->ip only says where its time slice began. */
    return in_bif ? stack_uses(p, m) : proc_uses_module(p, m);
}
