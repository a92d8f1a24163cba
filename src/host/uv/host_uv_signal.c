/* host_uv_signal.c: signals of the operating system on the host's loop. Polling thread only. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include "host/uv/host_uv_priv.h"

typedef struct {
    uv_signal_t handle; /* first: freed by uvh_close */
    void (*fn)(void *user, int which);
    void *user;
    int which;
} watch_t;

static const int numbers[HOST_SIGNALS] = {
    [HOST_SIGNAL_HUP] = SIGHUP,   [HOST_SIGNAL_QUIT] = SIGQUIT, [HOST_SIGNAL_ABRT] = SIGABRT,
    [HOST_SIGNAL_ALRM] = SIGALRM, [HOST_SIGNAL_TERM] = SIGTERM, [HOST_SIGNAL_USR1] = SIGUSR1,
    [HOST_SIGNAL_USR2] = SIGUSR2, [HOST_SIGNAL_CHLD] = SIGCHLD, [HOST_SIGNAL_STOP] = SIGSTOP,
    [HOST_SIGNAL_TSTP] = SIGTSTP, [HOST_SIGNAL_INT] = SIGINT,
};

static void on_signal(uv_signal_t *handle, int number) {
    watch_t *w = (watch_t *)handle;
    (void)number;
    if (!handle->data) return;
    w->fn(w->user, w->which);
}

static void unwatch(uv_host_t *u, int which) {
    if (!u->signals[which]) return;
    uvh_close(u->signals[which]);
    u->signals[which] = NULL;
}

int uvh_signal_set(host_t *h, int which, int action, void (*fn)(void *user, int which),
                   void *user) {
    uv_host_t *u = (uv_host_t *)h;
    unwatch(u, which);
    if (action != HOST_SIGNAL_HANDLE) {
        /* SIGCHLD stays with libuv, which waits for children by it. */
        if (which == HOST_SIGNAL_CHLD) return 0;
        struct sigaction sa = {.sa_handler = action == HOST_SIGNAL_IGNORE ? SIG_IGN : SIG_DFL};
        return sigaction(numbers[which], &sa, NULL) == 0 ? 0 : -errno;
    }
    int r = uvh_loop_start(u);
    if (r) return r;
    watch_t *w = calloc(1, sizeof *w);
    if (!w) return -ENOMEM;
    *w = (watch_t){.fn = fn, .user = user, .which = which};
    r = uv_signal_init(u->loop, &w->handle);
    if (r) {
        free(w);
        return r;
    }
    w->handle.data = u;
    r = uv_signal_start(&w->handle, on_signal, numbers[which]);
    if (r) {
        uvh_close(w);
        return r;
    }
    uv_unref((uv_handle_t *)&w->handle);
    u->signals[which] = w;
    return 0;
}

void uvh_signals_stop(uv_host_t *u) {
    for (int i = 0; i < HOST_SIGNALS; i++) unwatch(u, i);
}
