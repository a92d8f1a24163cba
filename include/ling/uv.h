/* ling/uv.h: a VM inside a libuv loop that the program runs anyway.
 *
 *   ling_uv_attach(vm, uv_default_loop(), NULL, NULL);
 *   uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *   ling_uv_detach(vm);
 */
#ifndef LING_UV_H
#define LING_UV_H

#include <ling/ling.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called once, inside the loop, when the VM has stopped: status 0 nothing is left to do,
 * LING_EHALTED or LING_EINTR. After 0 the VM goes on by itself when something comes up again. */
typedef void (*ling_uv_stop_fn)(ling_vm_t *vm, int status, void *user);

/* Makes the loop run the VM: from now on its owner is the loop's thread, and nobody calls ling_run
 * (ling_call is allowed, outside of callbacks). The loop stays alive as long as the VM has
 * something to do. stop may be NULL. Errors: LING_ENOSYS (the VM's host has no descriptor),
 * LING_EBUSY (attached already), LING_ENOMEM. */
LING_API int ling_uv_attach(ling_vm_t *vm, uv_loop_t *loop, ling_uv_stop_fn stop, void *user);

/* Takes the VM out of the loop again. Its handles close in the loop's next rounds: run the loop
 * once more before closing it. Not from a callback of the VM. ling_destroy detaches, too.
 * LING_EINVAL: not attached. */
LING_API int ling_uv_detach(ling_vm_t *vm);

#ifdef __cplusplus
}
#endif
#endif
