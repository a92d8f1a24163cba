/* fixture.c: see fixture.h. */
#include "fixture.h"
#include <stdlib.h>
#include "host/sim/host_sim.h"
#include "host/uv/host_uv.h"

static vm_t *make_vm(host_t *host, unsigned schedulers) {
    assert_non_null(host);
    vm_options_t o = {.host = host, .schedulers = schedulers, .deterministic = true};
    vm_t *vm = vm_create(&o);
    assert_non_null(vm);
    return vm;
}

vm_t *fixture_vm(void) { return make_vm(host_sim_create(1, NULL), 0); }

vm_t *fixture_vm_threads(unsigned n) {
    int err = 0;
    return make_vm(host_uv_create(&err), n);
}

proc_t *fixture_proc(vm_t *vm) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    term_t err;
    term_t pid = proc_spawn(vm, NULL, A_erlang, A_self, TERM_NIL, &o, NULL, &err);
    assert_int_not_equal(pid, TERM_NONE);
    proc_t *p = proc_lookup(vm, pid);
    assert_non_null(p);
    p->sched = vm->scheds[0];
    return p;
}

void fixture_free(vm_t *vm) {
    host_t *h = vm->host;
    vm_destroy(vm);
    h->ops->destroy(h);
}
