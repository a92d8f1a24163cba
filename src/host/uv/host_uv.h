/* host_uv.h: the host on libuv, for Linux. The only header of src/host that names libuv. */
#ifndef LING_HOST_UV_H
#define LING_HOST_UV_H

#include <uv.h>
#include "host/host.h"

/* A host with a loop of its own, made when it is first needed. *err (may be NULL): negative errno
 * where the result is NULL. */
host_t *host_uv_create(int *err);

/* The loop, made if need be; NULL: it could not be made. Its uv_backend_fd becomes readable after
 * wake and when a device has something; wait(0) then sees to it. */
uv_loop_t *host_uv_loop(host_t *h);

#endif
