/* uv_attach.c: a VM inside a libuv loop of the program. Needs nothing of the VM but what any
 * foreign loop would use: a descriptor, the next timeout, and ling_run(LING_RUN_NOWAIT).
 */
#include <ling/uv.h>
#include "api/api.h"

typedef struct uv_attachment {
    vm_t *vm;
    vm_alloc_fn alloc; /* taken from the VM: the handles may close after it is gone */
    void *alloc_user;
    ling_uv_stop_fn stop;
    void *user;
    uv_poll_t poll;   /* the VM's descriptor: device events, wake-ups */
    uv_timer_t timer; /* the VM's next timeout */
    uv_idle_t idle;   /* active while there is work now, so that the loop does not sleep */
    uv_check_t check; /* after polling: runs the VM */
    int open_handles;
    bool stopped;
} uv_attachment_t;

static void on_closed(uv_handle_t *h) {
    uv_attachment_t *a = h->data;
    if (--a->open_handles == 0) a->alloc(a->alloc_user, a, sizeof *a, 0);
}

static void on_idle(uv_idle_t *h) { (void)h; }

static void arm(uv_attachment_t *a, int left);

static void run(uv_attachment_t *a) {
    if (a->vm->api->running || a->vm->api->attachment != a) return;
    int rc = ling_run(a->vm, LING_RUN_NOWAIT);
    if (a->vm->api->attachment != a) return; /* a callback detached it */
    arm(a, rc);
    if (rc != 1 && !a->stopped) {
        a->stopped = true;
        if (a->stop) a->stop(a->vm, rc, a->user);
    } else if (rc == 1) {
        a->stopped = false;
    }
}

static void on_poll(uv_poll_t *h, int status, int events) {
    (void)status, (void)events;
    run(h->data);
}
static void on_timer(uv_timer_t *h) { run(h->data); }
static void on_check(uv_check_t *h) {
    uv_attachment_t *a = h->data;
    if (uv_is_active((uv_handle_t *)&a->idle)) run(a);
}

/* Gets ready to be called when the VM has something to do. */
static void arm(uv_attachment_t *a, int left) {
    int64_t ns = left < 0 ? LING_FOREVER : ling_next_timeout(a->vm);
    if (ns == 0)
        uv_idle_start(&a->idle, on_idle);
    else
        uv_idle_stop(&a->idle);
    if (ns > 0 && ns != LING_FOREVER)
        uv_timer_start(&a->timer, on_timer, (uint64_t)(ns + 999999) / 1000000, 0);
    else
        uv_timer_stop(&a->timer);
    /* A VM with nothing left does not keep the loop alive. */
    if (left == 1)
        uv_ref((uv_handle_t *)&a->poll);
    else
        uv_unref((uv_handle_t *)&a->poll);
}

int ling_uv_attach(ling_vm_t *vm, uv_loop_t *loop, ling_uv_stop_fn stop, void *user) {
    if (vm->api->attachment) return api_fail(vm, LING_EBUSY, "attached already");
    int fd = ling_backend_fd(vm);
    if (fd < 0) return api_fail(vm, LING_ENOSYS, "the VM's host has no descriptor");
    uv_attachment_t *a = vm->alloc(vm->alloc_user, NULL, 0, sizeof *a);
    if (!a) return api_fail(vm, LING_ENOMEM, NULL);
    memset(a, 0, sizeof *a);
    a->alloc = vm->alloc;
    a->alloc_user = vm->alloc_user;
    a->vm = vm;
    a->stop = stop;
    a->user = user;
    int rc = uv_poll_init(loop, &a->poll, fd);
    if (rc < 0) {
        a->alloc(a->alloc_user, a, sizeof *a, 0);
        return api_fail(vm, LING_ENOSYS, "uv_poll_init: %s", uv_strerror(rc));
    }
    uv_timer_init(loop, &a->timer);
    uv_idle_init(loop, &a->idle);
    uv_check_init(loop, &a->check);
    a->poll.data = a->timer.data = a->idle.data = a->check.data = a;
    a->open_handles = 4;
    uv_poll_start(&a->poll, UV_READABLE, on_poll);
    uv_check_start(&a->check, on_check);
    uv_unref((uv_handle_t *)&a->check);
    vm->api->attachment = a;
    uv_idle_start(&a->idle, on_idle); /* the first round runs the VM */
    return LING_OK;
}

int ling_uv_detach(ling_vm_t *vm) {
    uv_attachment_t *a = vm->api->attachment;
    if (!a) return api_fail(vm, LING_EINVAL, "not attached");
    vm->api->attachment = NULL;
    uv_handle_t *handles[] = {(uv_handle_t *)&a->poll, (uv_handle_t *)&a->timer,
                              (uv_handle_t *)&a->idle, (uv_handle_t *)&a->check};
    for (int i = 0; i < 4; i++) uv_close(handles[i], on_closed);
    return LING_OK;
}
