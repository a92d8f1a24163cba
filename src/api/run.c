/* run.c: running a VM from the host's loop or as the host's loop. */
#include "api/api.h"
#include "vm/clock.h"

static bool take_interrupt(vm_t *vm) {
    return atomic_load_explicit(&vm->api->interrupted, memory_order_relaxed) &&
           atomic_exchange_explicit(&vm->api->interrupted, false, memory_order_acquire);
}

static bool boxes_empty(vm_t *vm) {
    return box_is_empty(&vm->api->inbox) && box_is_empty(&vm->api->outbox);
}

int api_run_step(vm_t *vm, int mode) {
    bool any = box_deliver(vm);
    if (take_interrupt(vm)) return api_fail(vm, LING_EINTR, NULL);
    int left = vm_run(vm, any ? VM_RUN_NOWAIT : mode);
    /* What was said before a halt still arrives. */
    box_deliver(vm);
    if (left == 2) return api_fail(vm, LING_EHALTED, NULL);
    if (take_interrupt(vm)) return api_fail(vm, LING_EINTR, NULL);
    return left != 0 || !boxes_empty(vm);
}

/* Nothing is left inside: waits for another thread of the host. */
int api_wait(vm_t *vm) {
    if (!boxes_empty(vm)) return LING_OK;
    if (!vm->host->ops->wait(vm->host, HOST_FOREVER))
        return api_fail(vm, LING_EIDLE, "no process can run, no timer is set");
    return LING_OK;
}

static bool is_expecting(vm_t *vm) {
    return atomic_load_explicit(&vm->api->refs, memory_order_relaxed) > 0 ||
           atomic_load_explicit(&vm->api->reply_due, memory_order_relaxed) > 0;
}

int ling_run(ling_vm_t *vm, ling_run_mode_t mode) {
    api_state_t *api = vm->api;
    if (api_is_inside(vm)) return api_fail(vm, LING_EBUSY, NULL);
    api->running = true;
    int rc;
    do {
        rc = api_run_step(vm, mode == LING_RUN_NOWAIT ? VM_RUN_NOWAIT : VM_RUN_ONCE);
        if (rc == 0 && is_expecting(vm)) {
            rc = 1;
            if (mode != LING_RUN_NOWAIT) {
                int waited = api_wait(vm);
                if (waited < 0) rc = waited;
            }
        }
    } while (mode == LING_RUN_DEFAULT && rc == 1);
    api->running = false;
    return rc;
}

void ling_ref(ling_vm_t *vm) { atomic_fetch_add_explicit(&vm->api->refs, 1, memory_order_relaxed); }
void ling_unref(ling_vm_t *vm) {
    atomic_fetch_sub_explicit(&vm->api->refs, 1, memory_order_relaxed);
    vm->host->ops->wake(vm->host);
}

int64_t ling_next_timeout(ling_vm_t *vm) {
    if (!boxes_empty(vm)) return 0;
    uint64_t when = vm_next_deadline(vm);
    if (when == HOST_FOREVER) return LING_FOREVER;
    when = clock_host_time(vm, when);
    uint64_t now = vm_host_now(vm);
    return when <= now ? 0 : when - now > INT64_MAX ? LING_FOREVER : (int64_t)(when - now);
}

void ling_wakeup(ling_vm_t *vm) { vm->host->ops->wake(vm->host); }

void ling_interrupt(ling_vm_t *vm) {
    atomic_store_explicit(&vm->api->interrupted, true, memory_order_release);
    vm->host->ops->wake(vm->host);
}

int ling_halt_status(ling_vm_t *vm) { return vm->halt_status; }
