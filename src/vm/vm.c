/* vm.c: making and ending a VM. Each subsystem is set up in the order of what it needs and released
 * in reverse; a failure half-way releases what is there.
 */
#include <stdlib.h>
#include "timer/etimer.h"
#include "vm/clock.h"
#include "vm/codepath.h"
#include "vm/crash_dump.h"
#include "vm/engine.h"
#include "vm/ets.h"
#include "vm/io.h"
#include "vm/magic.h"
#include "vm/os_signal.h"
#include "vm/nif.h"
#include "vm/port.h"
#include "vm/process.h"
#include "vm/re.h"
#include "vm/shared.h"
#include "vm/sysmon.h"
#include "vm/trace.h"

static void *default_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
    (void)user, (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

typedef struct {
    bool (*init)(vm_t *vm);
    void (*free)(vm_t *vm);
} part_t;

static bool procs_init(vm_t *vm) { return proc_table_init(vm, vm->options.max_processes); }
static const part_t parts[] = {
    {clock_init, clock_free},
    {atom_init, atom_free},
    {sched_init, sched_free},
    {magics_init, magics_free},
    {engine_init, NULL},
    {nif_init_part, nif_free_part},
    {trace_init, trace_free},
    {sysmon_init, sysmon_free},
    {code_init, code_free},
    {code_path_init, code_path_free},
    {procs_init, proc_table_free},
    {names_init, names_free},
    {etimer_init, etimer_free},
    {persistent_init, persistent_free},
    {ets_init, ets_free},
    {re_init, re_free},
    {io_init, io_free},
    {os_signal_init, os_signal_free},
    {outlets_init, outlets_free},
    {NULL, crash_dump_free},
};
enum { PARTS = sizeof parts / sizeof *parts };

static void destroy(vm_t *vm, size_t made) {
    while (made-- > 0)
        if (parts[made].free) parts[made].free(vm);
    vm->alloc(vm->alloc_user, vm, sizeof *vm, 0);
}

vm_t *vm_create(const vm_options_t *o) {
    vm_alloc_fn alloc = o->alloc ? o->alloc : default_alloc;
    vm_t *vm = alloc(o->alloc_user, NULL, 0, sizeof *vm);
    if (!vm) return NULL;
    memset(vm, 0, sizeof *vm);
    vm->options = *o;
    vm->alloc = alloc;
    vm->alloc_user = o->alloc_user;
    vm->host = o->host;
    vm->memory_limit = o->memory_limit;
    atomic_store_explicit(&vm->memory_used, sizeof *vm, memory_order_relaxed);
    vm->nthreads = o->schedulers;
    vm->nscheds = o->schedulers ? o->schedulers : 1;
    if (!o->deterministic) o->host->ops->entropy(o->host, &vm->salt, sizeof vm->salt);
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].init && !parts[i].init(vm)) {
            destroy(vm, i + 1); /* every free copes with a half-made part */
            return NULL;
        }
    return vm;
}

void vm_destroy(vm_t *vm) {
    if (!vm) return;
    if (vm->nthreads) sched_stop(vm);
    destroy(vm, PARTS);
}
