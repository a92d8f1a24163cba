/* host_uv_stream.c: standard input, output and error of the libuv host.
 *
 * Output is written at once with write(2), waiting where the descriptor does not take it: nothing
 * is lost when the program ends, output and error keep their order, and any thread may write.
 * Input is read by the loop: terminals, pipes and sockets as libuv streams, files and devices by
 * reads on libuv's thread pool. A stream whose reading is stopped keeps its handle, and a file read
 * that is under way is kept for the next reader: no byte is lost. Reading a pipe makes the
 * descriptor non-blocking; the old mode is put back at the end, for programs that share it.
 */
#include "host/uv/host_uv_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_CHUNK = 65536 };

/* A read of a file: outlives the stream where it cannot be cancelled. After it has come to its end
 * while nobody was reading, it waits for the next reader. */
typedef struct {
    uv_fs_t req;
    host_stream_t *stream; /* NULL: the stream is gone */
    bool done;             /* result is there */
    int64_t result;
    uint8_t data[FILE_CHUNK];
} file_read_t;

struct host_stream {
    uv_host_t *host;
    int which; /* also the descriptor */
    int fd_flags;
    host_read_fn fn; /* NULL: not reading */
    void *user;
    uv_stream_t *stream; /* a terminal, pipe or socket that has been read */
    file_read_t *read;   /* a file read that is under way or kept */
};

int uvh_write_all(int fd, const uint8_t *data, size_t len) {
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            /* Somebody who shares the descriptor made it non-blocking. */
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int uvh_stream_open(host_t *h, int which, host_stream_t **out) {
    uv_host_t *u = (uv_host_t *)h;
    if (which < HOST_STDIN || which > HOST_STDERR) return -EINVAL;
    if (u->streams[which]) {
        *out = u->streams[which];
        return 0;
    }
    host_stream_t *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->host = u;
    s->which = which;
    s->fd_flags = -1;
    u->streams[which] = s;
    *out = s;
    return 0;
}

int uvh_stream_write(host_t *h, host_stream_t *s, const uint8_t *data, size_t len,
                     host_written_fn fn, void *user) {
    (void)h;
    int r = uvh_write_all(s->which, data, len);
    if (fn) fn(user, r);
    return fn ? 0 : r;
}

void uvh_stream_flush(host_t *h, host_stream_t *s) { (void)h, (void)s; }

/* ---- reading ---- */

/* Gives handles and reads up. */
static void stream_stop(host_stream_t *s) {
    s->fn = NULL;
    if (s->stream) {
        uv_read_stop(s->stream);
        /* libuv closes the descriptor it was given: it was given a copy. */
        uvh_close(s->stream);
        s->stream = NULL;
        if (s->fd_flags >= 0) fcntl(s->which, F_SETFL, s->fd_flags);
    }
    if (s->read) {
        s->read->stream = NULL;
        if (s->read->done)
            free(s->read);
        else
            uv_cancel((uv_req_t *)&s->read->req);
        s->read = NULL;
    }
}

/* Hands bytes, the end (0) or an error to the reader, which may stop or close the stream. */
static void stream_deliver(host_stream_t *s, const uint8_t *data, int64_t n) {
    host_read_fn fn = s->fn;
    void *user = s->user;
    if (n <= 0) {
        stream_stop(s);
        data = NULL;
    }
    if (fn) fn(user, data, n);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    (void)handle;
    buf->base = malloc(suggested);
    buf->len = buf->base ? suggested : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    host_stream_t *s = stream->data;
    /* 0 is "try again"; a terminal or pipe whose other end is gone reports EIO as its end. */
    if (s && n != 0)
        stream_deliver(s, (const uint8_t *)buf->base, n == UV_EOF || n == UV_EIO ? 0 : n);
    free(buf->base);
}

static void on_file_read(uv_fs_t *req);

static int file_read_next(host_stream_t *s) {
    file_read_t *f = malloc(sizeof *f);
    if (!f) return -ENOMEM;
    f->stream = s;
    f->done = false;
    uv_buf_t buf = uv_buf_init((char *)f->data, sizeof f->data);
    /* offset -1: from where the descriptor stands. */
    int r = uv_fs_read(s->host->loop, &f->req, s->which, &buf, 1, -1, on_file_read);
    if (r < 0) {
        free(f);
        return r;
    }
    s->read = f;
    return 0;
}

/* Hands a finished read to the reader and begins the next one. */
static void file_read_deliver(host_stream_t *s) {
    file_read_t *f = s->read;
    uv_host_t *u = s->host;
    int which = s->which;
    s->read = NULL;
    stream_deliver(s, f->data, f->result);
    /* Only if the reader has not closed the stream, nor stopped. */
    if (f->result > 0 && u->streams[which] == s && s->fn && !s->read) {
        int r = file_read_next(s);
        if (r < 0) stream_deliver(s, NULL, r);
    }
    free(f);
}

static void on_file_read(uv_fs_t *req) {
    file_read_t *f = (file_read_t *)req;
    f->result = req->result;
    f->done = true;
    uv_fs_req_cleanup(req);
    if (!f->stream)
        free(f);
    else if (f->stream->fn)
        file_read_deliver(f->stream);
}

static int stream_start(host_stream_t *s) {
    uv_loop_t *loop = s->host->loop;
    int kind = uv_guess_handle(s->which);
    if (kind == UV_FILE) return file_read_next(s);
    if (kind != UV_TTY && kind != UV_NAMED_PIPE && kind != UV_TCP) return -EBADF;
    int fd = fcntl(s->which, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    s->fd_flags = fcntl(s->which, F_GETFL);
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tty_t tty;
        uv_pipe_t pipe;
        uv_tcp_t tcp;
    } *x = malloc(sizeof *x);
    if (!x) {
        close(fd);
        return -ENOMEM;
    }
    int r;
    bool has_handle = true, has_fd = true; /* what uv_close would close */
    if (kind == UV_TTY) {
        r = uv_tty_init(loop, &x->tty, fd, 1);
        has_handle = has_fd = r == 0;
    } else if (kind == UV_NAMED_PIPE) {
        uv_pipe_init(loop, &x->pipe, 0);
        r = uv_pipe_open(&x->pipe, fd);
        has_fd = r == 0;
    } else {
        uv_tcp_init(loop, &x->tcp);
        r = uv_tcp_open(&x->tcp, fd);
        has_fd = r == 0;
    }
    if (has_handle) x->handle.data = s;
    if (r == 0) r = uv_read_start(&x->stream, on_alloc, on_read);
    if (r) {
        if (!has_fd) close(fd);
        if (has_handle)
            uvh_close(x);
        else
            free(x);
        return r;
    }
    s->stream = &x->stream;
    return 0;
}

int uvh_stream_read(host_t *h, host_stream_t *s, host_read_fn fn, void *user) {
    uv_host_t *u = (uv_host_t *)h;
    if (!fn) {
        s->fn = NULL;
        if (s->stream) uv_read_stop(s->stream);
        return 0;
    }
    if (s->which != HOST_STDIN) return -EBADF;
    bool reading = s->fn != NULL;
    s->fn = fn;
    s->user = user;
    if (reading) return 0;
    if (s->read) {
        if (s->read->done) file_read_deliver(s);
        return 0;
    }
    int r = uvh_loop_start(u);
    if (r == 0) r = s->stream ? uv_read_start(s->stream, on_alloc, on_read) : stream_start(s);
    if (r) s->fn = NULL;
    return r;
}

void uvh_streams_stop(uv_host_t *u) {
    for (int i = 0; i < 3; i++)
        if (u->streams[i]) stream_stop(u->streams[i]);
}

void uvh_stream_close(host_t *h, host_stream_t *s) {
    uv_host_t *u = (uv_host_t *)h;
    stream_stop(s);
    u->streams[s->which] = NULL;
    free(s);
}
