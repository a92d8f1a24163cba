/* host_sim_io.c: descriptors and programs of the simulated host. Standard input is what
 * host_sim_input scripted, standard output and error are kept; programs are C functions of the
 * script (host_sim_program). Whatever happens to one happens in an event at its time, inside wait.
 *
 * A program that was started stays until the host is destroyed, so that events may refer to it.
 */
#include "host/sim/host_sim_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct piece {
    struct piece *next;
    size_t len;
    uint8_t data[];
} piece_t;

typedef struct {
    piece_t *first, **last;
    size_t bytes;
} pieces_t;

/* Which of the two ways a host_io_t goes: standard streams by number, or a program. */
struct host_io {
    host_t *host;
    int fd; /* 0..2, or -1 */
    host_stream_t *stream;
    host_sim_program_t *program;
    const host_io_events_t *ev;
    void *user;
    bool reading, ended;
};

typedef struct known {
    struct known *next;
    char *path;
    host_sim_program_fn fn;
    void *user;
} known_t;

struct host_sim_program {
    host_sim_program_t *next;
    host_t *host;
    const known_t *what;
    int64_t pid;
    char **argv, **env;
    host_io_t *from, *to; /* NULL: closed */
    bool had_from, had_to;
    pieces_t in, out; /* on the way to the program, from it */
    bool started, stalled, told_end, ended, said_end, due;
    int status;
    host_exit_fn fn;
    void *user;
};

typedef struct sim_io_state {
    known_t *known;
    host_sim_program_t *programs;
    int64_t pids;
} state_t;

static state_t *state_of(host_t *h) {
    struct sim_io_state **at = host_sim_io_state(h);
    if (!*at) *at = calloc(1, sizeof **at);
    return *at;
}

static bool add(pieces_t *q, const void *data, size_t len) {
    piece_t *p = malloc(sizeof *p + len);
    if (!p) return false;
    p->next = NULL;
    p->len = len;
    memcpy(p->data, data, len);
    if (!q->last) q->last = &q->first;
    *q->last = p;
    q->last = &p->next;
    q->bytes += len;
    return true;
}

static piece_t *take(pieces_t *q) {
    piece_t *p = q->first;
    if (!p) return NULL;
    q->first = p->next;
    if (!q->first) q->last = &q->first;
    q->bytes -= p->len;
    return p;
}

static void drop(pieces_t *q) {
    for (piece_t *p; (p = take(q));) free(p);
}

/* ---- programs ---- */

static void tick(void *user);

static void look(host_sim_program_t *p) {
    if (p->due) return;
    p->due = host_sim_at(p->host, host_sim_now(p->host), tick, p) == 0;
}

static void input_to_program(host_sim_program_t *p) {
    bool any = false;
    while (!p->stalled && !p->ended && p->in.first) {
        piece_t *x = take(&p->in);
        any = true;
        p->what->fn(p, x->data, (int64_t)x->len, p->what->user);
        free(x);
    }
    if (p->ended && p->in.bytes) { /* nobody reads any more */
        drop(&p->in);
        if (p->to) p->to->ev->written(p->to->user, 0, -EPIPE);
    } else if (any && p->to) {
        p->to->ev->written(p->to->user, p->in.bytes, 0);
    }
    if (p->had_to && !p->to && !p->in.first && !p->told_end && !p->ended && !p->stalled) {
        p->told_end = true;
        p->what->fn(p, NULL, 0, p->what->user);
    }
}

static void output_to_us(host_sim_program_t *p) {
    while (p->from && p->from->reading && p->out.first) {
        piece_t *x = take(&p->out);
        p->from->ev->data(p->from->user, x->data, (int64_t)x->len);
        free(x);
    }
}

static void tick(void *user) {
    host_sim_program_t *p = user;
    p->due = false;
    if (!p->started) {
        p->started = true;
        p->what->fn(p, NULL, -1, p->what->user);
    }
    input_to_program(p);
    output_to_us(p);
    if (!p->ended || (p->out.first && p->from)) return;
    if (p->from && p->from->reading && !p->from->ended) {
        p->from->ended = true;
        p->from->ev->data(p->from->user, NULL, 0);
    }
    if (p->said_end) return;
    p->said_end = true;
    if (p->fn) p->fn(p->user, p->status);
}

int host_sim_program(host_t *h, const char *path, host_sim_program_fn fn, void *user) {
    state_t *s = state_of(h);
    known_t *k = s ? calloc(1, sizeof *k) : NULL;
    char *copy = k ? strdup(path) : NULL;
    if (!copy) {
        free(k);
        return -ENOMEM;
    }
    *k = (known_t){s->known, copy, fn, user};
    s->known = k;
    return 0;
}

const char *const *host_sim_program_argv(host_sim_program_t *p) {
    return (const char *const *)p->argv;
}
const char *const *host_sim_program_env(host_sim_program_t *p) {
    return (const char *const *)p->env;
}

void host_sim_program_write(host_sim_program_t *p, const void *data, size_t len) {
    if (p->ended || !p->had_from || !len) return;
    host_sim_note(p->host, data, len);
    add(&p->out, data, len);
    look(p);
}

void host_sim_program_exit(host_sim_program_t *p, int status) {
    if (p->ended) return;
    p->ended = true;
    p->status = status;
    look(p);
}

void host_sim_program_stall(host_sim_program_t *p, bool stalled) {
    p->stalled = stalled;
    if (!stalled) look(p);
}

static void strings_free(char **v) {
    for (char **s = v; s && *s; s++) free(*s);
    free(v);
}

static char **strings_copy(const char *const *v) {
    size_t n = 0;
    while (v[n]) n++;
    char **out = calloc(n + 1, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        out[i] = strdup(v[i]);
        if (!out[i]) {
            strings_free(out);
            return NULL;
        }
    }
    return out;
}

static host_io_t *io_new(host_t *h, const host_io_events_t *ev, void *user) {
    host_io_t *io = calloc(1, sizeof *io);
    if (io) *io = (host_io_t){.host = h, .fd = -1, .ev = ev, .user = user};
    return io;
}

int sim_child_start(host_t *h, const host_program_t *what, host_exit_fn fn,
                    const host_io_events_t *ev, void *user, host_child_t **child, host_io_t **from,
                    host_io_t **to) {
    state_t *s = state_of(h);
    *from = *to = NULL;
    *child = NULL;
    if (!s) return -ENOMEM;
    if (host_sim_fails(h, HOST_SIM_FAIL_CHILD)) return -EAGAIN;
    known_t *k = s->known;
    while (k && strcmp(k->path, what->file) != 0) k = k->next;
    if (!k) return -ENOENT;
    host_sim_program_t *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    *p = (host_sim_program_t){.host = h,
                              .what = k,
                              .pid = ++s->pids + 1,
                              .argv = strings_copy(what->argv),
                              .env = strings_copy(what->env),
                              .had_from = what->read,
                              .had_to = what->write,
                              .fn = fn,
                              .user = user};
    if (what->read) p->from = io_new(h, ev, user);
    if (what->write) p->to = io_new(h, ev, user);
    if (!p->argv || !p->env || (what->read && !p->from) || (what->write && !p->to)) {
        strings_free(p->argv);
        strings_free(p->env);
        free(p->from);
        free(p->to);
        free(p);
        return -ENOMEM;
    }
    if (p->from) p->from->program = p;
    if (p->to) p->to->program = p;
    p->next = s->programs;
    s->programs = p;
    look(p);
    *child = (host_child_t *)p;
    *from = p->from;
    *to = p->to;
    return 0;
}

int64_t sim_child_pid(host_t *h, host_child_t *c) {
    (void)h;
    return ((host_sim_program_t *)c)->pid;
}
void sim_child_forget(host_t *h, host_child_t *c) {
    (void)h;
    ((host_sim_program_t *)c)->fn = NULL;
}

/* ---- descriptors ---- */

static void on_input(void *user, const uint8_t *data, int64_t len) {
    host_io_t *io = user;
    io->ev->data(io->user, data, len);
}

int sim_io_open(host_t *h, int fd, int direction, const host_io_events_t *ev, void *user,
                host_io_t **out) {
    if (fd < HOST_STDIN || fd > HOST_STDERR || (direction == HOST_IO_READ) != (fd == HOST_STDIN))
        return -EBADF;
    host_io_t *io = io_new(h, ev, user);
    if (!io) return -ENOMEM;
    io->fd = fd;
    h->ops->stream_open(h, fd, &io->stream);
    *out = io;
    return 0;
}

int sim_io_read(host_t *h, host_io_t *io, bool on) {
    io->reading = on;
    if (io->fd >= 0) return h->ops->stream_read(h, io->stream, on ? on_input : NULL, io);
    if (on) look(io->program);
    return 0;
}

int sim_io_write(host_t *h, host_io_t *io, const uint8_t *data, size_t len, size_t *left) {
    *left = 0;
    if (io->fd >= 0) return h->ops->stream_write(h, io->stream, data, len, NULL, NULL);
    host_sim_program_t *p = io->program;
    *left = p->in.bytes;
    host_sim_note(h, data, len);
    if (host_sim_fails(h, HOST_SIM_FAIL_WRITE)) return -EIO;
    if (p->ended) return -EPIPE;
    if (len && !add(&p->in, data, len)) return -ENOMEM;
    look(p);
    *left = p->in.bytes; /* it reads when its event comes */
    return 0;
}

/* A stalled program would never take it. */
void sim_io_flush(host_t *h, host_io_t *io) {
    (void)h;
    if (io->program) input_to_program(io->program);
}

void sim_io_close(host_t *h, host_io_t *io) {
    host_sim_program_t *p = io->program;
    if (p && p->from == io) p->from = NULL;
    if (p && p->to == io) {
        p->to = NULL;
        look(p);
    }
    if (io->fd == HOST_STDIN) h->ops->stream_read(h, io->stream, NULL, NULL);
    free(io);
}

int sim_tty_size(host_t *h, int fd, int *columns, int *rows) {
    (void)h, (void)fd, (void)columns, (void)rows;
    return -ENOTTY;
}
int sim_tty_mode(host_t *h, int fd, int mode) {
    (void)h, (void)fd, (void)mode;
    return -ENOTTY;
}

void sim_io_free(host_t *h) {
    state_t *s = *host_sim_io_state(h);
    if (!s) return;
    for (host_sim_program_t *p = s->programs, *next; p; p = next) {
        next = p->next;
        drop(&p->in);
        drop(&p->out);
        strings_free(p->argv);
        strings_free(p->env);
        free(p);
    }
    for (known_t *k = s->known, *next; k; k = next) {
        next = k->next;
        free(k->path);
        free(k);
    }
    free(s);
}
