/* host_uv.h: the host on libuv, for Linux. The only header of src/host that names libuv. */
#ifndef LING_HOST_UV_H
#define LING_HOST_UV_H

#include <uv.h>
#include "host/host.h"

/* loop NULL: a loop of its own, made when it is first needed. Otherwise wait runs that loop, and
 * the loop must outlive the host. *err (may be NULL): negative errno where the result is NULL. */
host_t *host_uv_create(uv_loop_t *loop, int *err);

/* The loop, made if need be; NULL: it could not be made. Its uv_backend_fd becomes readable after
 * wake and when a device has something; wait(0) then sees to it. */
uv_loop_t *host_uv_loop(host_t *h);

/* Attached, the host never waits: the user runs the loop, and the loop calls run(user) after wake,
 * after device callbacks and when deadline(user) is reached (now or earlier: on each turn of the
 * loop). deadline is asked after each run; HOST_FOREVER: nothing is due. The loop stays alive while
 * something is due or a stream is being read, not merely because it is attached. Only on the loop's
 * thread. -EBUSY: attached already, or the host has another loop. */
int host_uv_attach(host_t *h, uv_loop_t *loop, void (*run)(void *user),
                   uint64_t (*deadline)(void *user), void *user);
/* Stops reading, too. The handles' memory goes when the loop next runs. */
void host_uv_detach(host_t *h);

#endif
