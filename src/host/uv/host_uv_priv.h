/* host_uv_priv.h: what the files of the libuv host share. */
#ifndef LING_HOST_UV_PRIV_H
#define LING_HOST_UV_PRIV_H

#include <stdatomic.h>
#include "host/uv/host_uv.h"

typedef struct {
    host_t base;
    uv_loop_t *loop;   /* NULL until needed */
    bool watched;      /* host_uv_loop was asked: somebody may poll its descriptor */
    uv_async_t *async; /* wake; with timer, made when the loop is first used */
    uv_poll_t *timer;  /* on timer_fd */
    int timer_fd;
    uint64_t armed;      /* what timer_fd is set to */
    _Atomic(bool) woken; /* wake was called and wait has not seen it */
    bool wakeable;       /* async is there; under wake_lock */
    uv_mutex_t wake_lock;
    void *signals[HOST_SIGNALS]; /* watched ones: host_uv_signal.c */
    host_stream_t *streams[3];   /* opened ones, by HOST_STDIN ... */
    host_io_t *ios;              /* all that are open */
    host_child_t *children;      /* all that have not been reaped */
    uint8_t *io_buf;             /* what is read, before it is handed on */
    struct uv_tty_saved *tty;    /* terminals whose mode was changed */
    struct uv_console *console;  /* between console_begin and console_end */
} uv_host_t;

int uvh_loop_start(uv_host_t *u);

/* Around whatever opens descriptors: nothing gets the number of a standard one that a program was
 * started without. libuv does not take that, and others would write to it. Meanwhile these are
 * /dev/null, also for a program that is started. */
typedef struct {
    int fd[3], n;
} uvh_std_t;
void uvh_std_hold(uvh_std_t *std);
void uvh_std_free(uvh_std_t *std);

/* Stops all reading. */
void uvh_streams_stop(uv_host_t *u);
/* Closes a handle that is memory of its own. */
void uvh_close(void *handle);

int uvh_signal_set(host_t *h, int which, int action, void (*fn)(void *user, int which), void *user);
void uvh_signals_stop(uv_host_t *u);

int uvh_stream_open(host_t *h, int which, host_stream_t **out);
int uvh_stream_read(host_t *h, host_stream_t *s, host_read_fn fn, void *user);
int uvh_stream_write(host_t *h, host_stream_t *s, const uint8_t *data, size_t len,
                     host_written_fn fn, void *user);
void uvh_stream_flush(host_t *h, host_stream_t *s);
void uvh_stream_close(host_t *h, host_stream_t *s);

extern const struct host_file_ops uvh_files;
int uvh_file_load(host_t *h, const char *path, uint8_t **data, size_t *len);
void uvh_file_free(host_t *h, uint8_t *data, size_t len);
int uvh_dir_list(host_t *h, const char *path, bool (*fn)(void *user, const char *name), void *user);
int uvh_io_open(host_t *h, int fd, int direction, const host_io_events_t *ev, void *user,
                host_io_t **out);
int uvh_io_read(host_t *h, host_io_t *io, bool on);
int uvh_io_write(host_t *h, host_io_t *io, const uint8_t *data, size_t len, size_t *left);
void uvh_io_flush(host_t *h, host_io_t *io);
void uvh_io_close(host_t *h, host_io_t *io);
/* For a descriptor of our own, which is closed with the host_io_t. */
int uvh_io_adopt(uv_host_t *u, int fd, int direction, const host_io_events_t *ev, void *user,
                 host_io_t **out);
/* Takes all of them out of the loop. */
void uvh_ios_stop(uv_host_t *u);

int uvh_child_start(host_t *h, const host_program_t *what, host_exit_fn fn,
                    const host_io_events_t *ev, void *user, host_child_t **child, host_io_t **from,
                    host_io_t **to);
int64_t uvh_child_pid(host_t *h, host_child_t *c);
void uvh_child_forget(host_t *h, host_child_t *c);
void uvh_children_stop(uv_host_t *u);

int uvh_tty_size(host_t *h, int fd, int *columns, int *rows);
int uvh_tty_mode(host_t *h, int fd, int mode);
void uvh_tty_restore(uv_host_t *u);
int uvh_console_begin(host_t *h);
int64_t uvh_console_read(host_t *h, char *buf, size_t size);
void uvh_console_end(host_t *h);

/* Blocking write of everything. 0 or a negative errno value. */
int uvh_write_all(int fd, const uint8_t *data, size_t len);

#endif
