/* host_uv_child.c: programs started for ports, on uv_spawn.
 *
 * libuv reaps them: the loop has to run for that, and it handles SIGCHLD from the first program on.
 * A program is a process group of its own, so that ^C on a terminal is not for it. It is never
 * killed: its input ends when its port does.
 */
#include "host/uv/host_uv_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct host_child {
    uv_process_t process; /* first: freed as a handle */
    host_child_t *next, **link;
    host_exit_fn fn; /* NULL: nobody wants to know */
    void *user;
};

static void unlist(host_child_t *c) {
    if (!c->link) return;
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    c->link = NULL;
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal) {
    host_child_t *c = (host_child_t *)process;
    host_exit_fn fn = c->fn;
    void *user = c->user;
    c->fn = NULL;
    unlist(c);
    if (fn) fn(user, signal ? 128 + signal : (int)status);
    uvh_close(process);
}

/* ---- what a program inherits ----
 * Only the descriptors it is given, whatever the program around the VM has open and in whichever
 * thread. Marking others for closing is done in the child, before libuv gives it its own; the
 * parent's descriptors stay as they are. */

static _Thread_local bool spawning;

static void mark_descriptors(void) {
    if (!spawning || syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
    long max = sysconf(_SC_OPEN_MAX); /* a kernel before 5.11 */
    for (int fd = 3; fd < max && fd < 65536; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, mark_descriptors); }

static int spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *o) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    spawning = true;
    int r = uv_spawn(loop, process, o);
    spawning = false;
    return r;
}

static int check_file(const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) return -errno;
    return access(path, X_OK) < 0 ? -errno : 0;
}

static int child_start(host_t *h, const host_program_t *what, host_exit_fn fn,
                       const host_io_events_t *ev, void *user, host_child_t **child,
                       host_io_t **from, host_io_t **to) {
    uv_host_t *u = (uv_host_t *)h;
    int r = 0;
    int out[2] = {-1, -1}, in[2] = {-1, -1}; /* the program's output and input */
    host_child_t *c = calloc(1, sizeof *c);
    if (!c) return -ENOMEM;
    if (what->read && pipe2(out, O_CLOEXEC) < 0) r = -errno;
    if (r == 0 && what->write && pipe2(in, O_CLOEXEC) < 0) r = -errno;
    if (r == 0 && out[0] >= 0) {
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        r = uvh_io_adopt(u, out[0], HOST_IO_READ, ev, user, from);
    }
    if (r == 0 && in[1] >= 0) {
        fcntl(in[1], F_SETFL, O_NONBLOCK);
        r = uvh_io_adopt(u, in[1], HOST_IO_WRITE, ev, user, to);
    }
    if (r == 0) {
        uv_stdio_container_t io[5];
        for (int i = 0; i < 5; i++) {
            io[i].flags = i < 3 ? UV_INHERIT_FD : UV_IGNORE;
            io[i].data.fd = i;
        }
        int in_at = what->high ? 3 : 0, out_at = what->high ? 4 : 1;
        if (in[0] >= 0) {
            io[in_at].flags = UV_INHERIT_FD;
            io[in_at].data.fd = in[0];
        } else if (!what->high) {
            io[0].flags = UV_IGNORE; /* /dev/null */
        }
        if (out[1] >= 0) {
            io[out_at].flags = UV_INHERIT_FD;
            io[out_at].data.fd = out[1];
            if (what->stderr_too) io[2].data.fd = out[1];
        }
        uv_process_options_t o = {
            .exit_cb = on_child_exit,
            .file = what->file,
            .args = (char **)(uintptr_t)what->argv,
            .env = (char **)(uintptr_t)what->env,
            .cwd = what->cd,
            .flags = UV_PROCESS_DETACHED,
            .stdio_count = what->high ? 5 : 3,
            .stdio = io,
        };
        r = spawn(u->loop, &c->process, &o);
        if (r < 0) {
            uvh_close(&c->process);
            c = NULL;
        }
    }
    if (in[0] >= 0) close(in[0]);
    if (out[1] >= 0) close(out[1]);
    if (r < 0) {
        free(c);
        if (*from)
            uvh_io_close(h, *from);
        else if (out[0] >= 0)
            close(out[0]);
        if (*to)
            uvh_io_close(h, *to);
        else if (in[1] >= 0)
            close(in[1]);
        *from = *to = NULL;
        return r;
    }
    c->fn = fn;
    c->user = user;
    c->next = u->children;
    if (c->next) c->next->link = &c->next;
    c->link = &u->children;
    u->children = c;
    *child = c;
    return 0;
}

int uvh_child_start(host_t *h, const host_program_t *what, host_exit_fn fn,
                    const host_io_events_t *ev, void *user, host_child_t **child, host_io_t **from,
                    host_io_t **to) {
    *from = *to = NULL;
    *child = NULL;
    int r = uvh_loop_start((uv_host_t *)h);
    if (r == 0) r = check_file(what->file);
    if (r < 0) return r;
    uvh_std_t std;
    uvh_std_hold(&std);
    r = child_start(h, what, fn, ev, user, child, from, to);
    uvh_std_free(&std);
    return r;
}

int64_t uvh_child_pid(host_t *h, host_child_t *c) {
    (void)h;
    return c->process.pid;
}

/* It is still reaped; only it no longer keeps the loop alive. */
void uvh_child_forget(host_t *h, host_child_t *c) {
    (void)h;
    c->fn = NULL;
    uv_unref((uv_handle_t *)&c->process);
}

void uvh_children_stop(uv_host_t *u) {
    while (u->children) {
        host_child_t *c = u->children;
        unlist(c);
        c->fn = NULL;
        uvh_close(&c->process);
    }
}
