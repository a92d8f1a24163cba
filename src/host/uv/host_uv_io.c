/* host_uv_io.c: descriptors that never block, for ports: pipes of programs, and whatever {fd, In,
 * Out} names.
 *
 * Each is polled by the loop under a number of its own. A pipe or terminal of the program is opened
 * anew for that (/proc/self/fd), so that its old descriptor stays blocking for those who share it;
 * a socket cannot be, and gets its mode back at the end. Files and devices that cannot be polled
 * are written at once and read on libuv's thread pool. Writing to a pipe nobody reads gives EPIPE,
 * never a signal, whatever the program does about SIGPIPE.
 */
#include "host/uv/host_uv_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 65536, READS_AT_ONCE = 4 };

typedef struct chunk {
    struct chunk *next;
    size_t size, done;
    uint8_t data[];
} chunk_t;

typedef struct {
    uv_fs_t req;
    host_io_t *io; /* NULL: closed meanwhile */
    uint8_t data[READ_SIZE];
} file_read_t;

struct host_io {
    host_io_t *next, **link;
    uv_host_t *host;
    int fd;       /* ours */
    int shared;   /* the program's descriptor whose mode was changed, or -1 */
    int old_mode; /* of it */
    bool is_socket, is_file;
    bool reading, ended;
    bool in_callback, closed; /* freed when the callback returns */
    uv_poll_t *poll;
    int polled; /* events */
    chunk_t *first, **last;
    size_t queued;
    file_read_t *file;
    const host_io_events_t *ev;
    void *user;
};

/* ---- writing without SIGPIPE ---- */

static ssize_t write_pipe(int fd, const uint8_t *data, size_t n) {
    struct sigaction sa;
    if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN) return write(fd, data, n);
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t r = write(fd, data, n);
    int error = errno;
    if (r < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = error;
    return r;
}

/* Bytes written, 0: not now, or a negative errno value. */
static ssize_t write_some(host_io_t *io, const uint8_t *data, size_t n) {
    for (;;) {
        ssize_t r = io->is_socket ? send(io->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT)
                                  : write_pipe(io->fd, data, n);
        if (r >= 0) return r;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
        if (errno != EINTR) return -errno;
    }
}

static void queue_drop(host_io_t *io) {
    for (chunk_t *c = io->first, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    io->first = NULL;
    io->last = &io->first;
    io->queued = 0;
}

/* 0 or a negative errno value. */
static int queue_write(host_io_t *io) {
    while (io->first) {
        chunk_t *c = io->first;
        ssize_t r = write_some(io, c->data + c->done, c->size - c->done);
        if (r < 0) return (int)r;
        if (r == 0) return 0;
        c->done += (size_t)r;
        io->queued -= (size_t)r;
        if (c->done < c->size) continue;
        io->first = c->next;
        if (!io->first) io->last = &io->first;
        free(c);
    }
    return 0;
}

/* ---- polling ---- */

static void on_poll(uv_poll_t *handle, int status, int events);

static int poll_update(host_io_t *io) {
    int want = (io->reading && !io->ended && !io->is_file ? UV_READABLE : 0) |
               (io->first ? UV_WRITABLE : 0);
    if (want == io->polled) return 0;
    int r = 0;
    if (!io->poll) {
        uv_poll_t *p = malloc(sizeof *p);
        if (!p) return -ENOMEM;
        r = uv_poll_init(io->host->loop, p, io->fd);
        if (r) {
            free(p);
            return r;
        }
        p->data = io;
        io->poll = p;
    }
    io->polled = want;
    return want ? uv_poll_start(io->poll, want, on_poll) : uv_poll_stop(io->poll);
}

static void io_free(host_io_t *io) {
    *io->link = io->next;
    if (io->next) io->next->link = io->link;
    queue_drop(io);
    if (io->shared >= 0) fcntl(io->shared, F_SETFL, io->old_mode);
    close(io->fd);
    free(io);
}

/* false: the user closed it. */
static bool deliver(host_io_t *io, const uint8_t *data, int64_t n) {
    if (n <= 0) {
        io->ended = true;
        data = NULL;
    }
    bool nested = io->in_callback;
    io->in_callback = true;
    io->ev->data(io->user, data, n);
    io->in_callback = nested;
    if (!io->closed) return true;
    if (!nested) io_free(io);
    return false;
}

static bool read_ready(host_io_t *io) {
    for (int i = 0; i < READS_AT_ONCE && io->reading && !io->ended; i++) {
        ssize_t n = read(io->fd, io->host->io_buf, READ_SIZE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        /* A terminal whose other end is gone reports EIO as its end. */
        if (n < 0) n = errno == EIO ? 0 : -errno;
        if (!deliver(io, io->host->io_buf, n)) return false;
        if (n < READ_SIZE) break;
    }
    return true;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
    host_io_t *io = handle->data;
    if (!io) return;
    if (status < 0) { /* libuv has stopped polling; the calls themselves tell what is wrong */
        io->polled = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    if ((events & UV_WRITABLE) && io->first) {
        int r = queue_write(io);
        if (r < 0) queue_drop(io);
        io->in_callback = true;
        io->ev->written(io->user, io->queued, r);
        io->in_callback = false;
        if (io->closed) {
            io_free(io);
            return;
        }
    }
    if ((events & (UV_READABLE | UV_DISCONNECT)) && io->reading && !read_ready(io)) return;
    poll_update(io);
}

/* ---- files ---- */

static int file_read_next(host_io_t *io);

static void on_file_read(uv_fs_t *req) {
    file_read_t *f = (file_read_t *)req;
    host_io_t *io = f->io;
    int64_t n = req->result;
    uv_fs_req_cleanup(req);
    if (io) {
        io->file = NULL;
        if (deliver(io, f->data, n) && n > 0 && io->reading) {
            int r = file_read_next(io);
            if (r < 0) deliver(io, NULL, r);
        }
    }
    free(f);
}

static int file_read_next(host_io_t *io) {
    if (io->file) return 0;
    file_read_t *f = malloc(sizeof *f);
    if (!f) return -ENOMEM;
    f->io = io;
    uv_buf_t buf = uv_buf_init((char *)f->data, sizeof f->data);
    int r = uv_fs_read(io->host->loop, &f->req, io->fd, &buf, 1, -1, on_file_read);
    if (r < 0) {
        free(f);
        return r;
    }
    io->file = f;
    return 0;
}

/* ---- the operations ---- */

int uvh_io_adopt(uv_host_t *u, int fd, int direction, const host_io_events_t *ev, void *user,
                 host_io_t **out) {
    (void)direction;
    int r = uvh_loop_start(u);
    if (r < 0) return r;
    if (!u->io_buf) u->io_buf = malloc(READ_SIZE);
    host_io_t *io = u->io_buf ? calloc(1, sizeof *io) : NULL;
    if (!io) return -ENOMEM;
    io->host = u;
    io->fd = fd;
    io->shared = -1;
    io->last = &io->first;
    io->ev = ev;
    io->user = user;
    io->next = u->ios;
    if (io->next) io->next->link = &io->next;
    io->link = &u->ios;
    u->ios = io;
    *out = io;
    return 0;
}

int uvh_io_open(host_t *h, int fd, int direction, const host_io_events_t *ev, void *user,
                host_io_t **out) {
    uv_host_t *u = (uv_host_t *)h;
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    int mode = fcntl(fd, F_GETFL);
    if (mode < 0) return -errno;
    bool wrong =
        direction == HOST_IO_READ ? (mode & O_ACCMODE) == O_WRONLY : (mode & O_ACCMODE) == O_RDONLY;
    if (wrong) return -EBADF;
    int kind = uv_guess_handle(fd), own = -1;
    bool file = kind == UV_FILE || kind == UV_UNKNOWN_HANDLE, shared = false;
    if (!file && !S_ISSOCK(st.st_mode)) {
        char path[40];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        uvh_std_t std;
        uvh_std_hold(&std);
        own = open(path, (direction == HOST_IO_READ ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY |
                             O_CLOEXEC);
        uvh_std_free(&std);
    }
    if (own < 0) {
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (own < 0) return -errno;
        shared = !file && !(mode & O_NONBLOCK);
        if (shared) fcntl(fd, F_SETFL, mode | O_NONBLOCK);
    }
    int r = uvh_io_adopt(u, own, direction, ev, user, out);
    if (r < 0) {
        close(own);
        return r;
    }
    (*out)->is_file = file;
    (*out)->is_socket = S_ISSOCK(st.st_mode);
    if (shared) {
        (*out)->shared = fd;
        (*out)->old_mode = mode;
    }
    return 0;
}

int uvh_io_read(host_t *h, host_io_t *io, bool on) {
    (void)h;
    io->reading = on;
    if (io->ended) return 0;
    if (io->is_file) return on ? file_read_next(io) : 0;
    return poll_update(io);
}

int uvh_io_write(host_t *h, host_io_t *io, const uint8_t *data, size_t len, size_t *left) {
    (void)h;
    size_t done = 0;
    *left = io->queued;
    if (io->is_file) return uvh_write_all(io->fd, data, len);
    while (!io->first && done < len) {
        ssize_t r = write_some(io, data + done, len - done);
        if (r < 0) return (int)r;
        if (r == 0) break;
        done += (size_t)r;
    }
    if (done == len) return 0;
    chunk_t *c = malloc(sizeof *c + (len - done));
    if (!c) return -ENOMEM;
    *c = (chunk_t){.size = len - done};
    memcpy(c->data, data + done, len - done);
    *io->last = c;
    io->last = &c->next;
    io->queued += len - done;
    *left = io->queued;
    return poll_update(io);
}

static bool can_read(const host_io_t *io) { return io->reading && !io->ended && !io->is_file; }

/* Reads meanwhile, one descriptor a turn: a program may only take more when somebody takes what it
 * says. */
void uvh_io_flush(host_t *h, host_io_t *io) {
    uv_host_t *u = (uv_host_t *)h;
    while (io->first) {
        size_t n = 1, i = 1;
        for (host_io_t *r = u->ios; r; r = r->next) n += can_read(r);
        struct pollfd own, *set = malloc(n * sizeof *set);
        if (!set) set = &own, n = 1;
        set[0] = (struct pollfd){.fd = io->fd, .events = POLLOUT};
        for (host_io_t *r = u->ios; r && i < n; r = r->next)
            if (can_read(r)) set[i++] = (struct pollfd){.fd = r->fd, .events = POLLIN};
        poll(set, n, -1);
        host_io_t *readable = NULL;
        i = 1;
        for (host_io_t *r = u->ios; r && i < n && !readable; r = r->next)
            if (can_read(r) && set[i++].revents) readable = r;
        if (set != &own) free(set);
        if (readable) read_ready(readable);
        if (queue_write(io) < 0) queue_drop(io);
    }
}

void uvh_io_close(host_t *h, host_io_t *io) {
    (void)h;
    if (io->poll) {
        uv_poll_stop(io->poll);
        uvh_close(io->poll);
        io->poll = NULL;
    }
    if (io->file) {
        io->file->io = NULL;
        uv_cancel((uv_req_t *)&io->file->req);
        io->file = NULL;
    }
    io->closed = true;
    io->reading = false;
    if (!io->in_callback) io_free(io);
}

void uvh_ios_stop(uv_host_t *u) {
    for (host_io_t *io = u->ios; io; io = io->next) {
        if (io->poll) {
            uv_poll_stop(io->poll);
            uvh_close(io->poll);
            io->poll = NULL;
            io->polled = 0;
        }
        if (io->file) {
            io->file->io = NULL;
            uv_cancel((uv_req_t *)&io->file->req);
            io->file = NULL;
        }
    }
}
