/* drv_io.c: the drivers behind {fd, In, Out} and programs. Both are two descriptors the host reads
 * and writes; a program also ends. Packet headers of output are made here, those of input taken off
 * in frame.c.
 */
#include <errno.h>
#include "outlet/outlet.h"
#include "vm/io.h"

typedef struct {
    outlet_t *o;
    vm_t *vm;
    host_io_t *in, *out; /* NULL: not that way, or over */
    host_child_t *child; /* NULL: none, or it has ended */
    unsigned packet;
    bool eof;          /* in has ended */
    bool wants_status; /* exit_status was asked for and has not come */
    int status;
    bool holds_in, holds_out; /* it keeps the VM running */
} io_port_t;

static inline const host_ops_t *ops(const io_port_t *d) { return d->vm->host->ops; }

static void in_close(io_port_t *d) {
    if (d->in) ops(d)->io_close(d->vm->host, d->in);
    d->in = NULL;
}

static void out_close(io_port_t *d) {
    if (d->out) ops(d)->io_close(d->vm->host, d->out);
    d->out = NULL;
    outlet_hold(d->o, &d->holds_out, false);
}

/* Nothing more comes: the status first, then the end. */
static void at_end(io_port_t *d, bool has_status) {
    outlet_hold(d->o, &d->holds_in, false);
    if (has_status) ling_outlet_exit_status(d->o, d->status);
    ling_outlet_eof(d->o);
}

static void on_data(void *user, const uint8_t *data, int64_t len) {
    io_port_t *d = user;
    outlet_enter_of(d->o);
    if (len > 0) {
        int r = ling_outlet_new_data(d->o, data, (size_t)len);
        if (r < 0) ling_outlet_exit(d->o, r);
    } else if (len < 0) {
        ling_outlet_exit(d->o, (int)len);
    } else {
        d->eof = true;
        in_close(d);
        if (!d->wants_status) {
            at_end(d, false);
        } else if (!d->child) {
            d->wants_status = false;
            at_end(d, true);
        }
    }
    outlet_leave_of(d->o);
}

static void on_written(void *user, size_t left, int status) {
    io_port_t *d = user;
    vm_t *vm = d->vm;
    outlet_enter(vm);
    outlet_hold(d->o, &d->holds_out, left > 0);
    ling_outlet_set_queued(d->o, left);
    if (status < 0) ling_outlet_exit(d->o, status);
    if (left == 0) ling_outlet_finished(d->o);
    outlet_leave(vm);
}

static void on_exit(void *user, int status) {
    io_port_t *d = user;
    outlet_enter_of(d->o);
    d->child = NULL;
    d->status = status;
    /* What it has written comes first. A port that only writes ends here. */
    if (d->wants_status && (d->eof || !d->in)) {
        d->wants_status = false;
        at_end(d, true);
    }
    outlet_leave_of(d->o);
}

static const host_io_events_t events = {on_data, on_written};

static io_port_t *io_new(outlet_t *o, const ling_outlet_open_t *a) {
    vm_t *vm = ling_outlet_vm(o);
    io_port_t *d = mem_calloc(vm, sizeof *d);
    if (!d) return NULL;
    d->o = o;
    d->vm = vm;
    d->packet = a->packet;
    return d;
}

static void io_stop(ling_outlet_t *o) {
    io_port_t *d = ling_outlet_state(o);
    vm_t *vm = d->vm;
    in_close(d);
    out_close(d);
    if (d->child) ops(d)->child_forget(vm->host, d->child);
    mem_free(vm, d, sizeof *d);
}

static int io_start(io_port_t *d) {
    if (!d->in) return 0;
    int r = ops(d)->io_read(d->vm->host, d->in, true);
    if (r == 0) outlet_hold(d->o, &d->holds_in, true);
    return r;
}

static int io_output(ling_outlet_t *o, const uint8_t *data, size_t len) {
    io_port_t *d = ling_outlet_state(o);
    if (!d->out) return 0;
    uint8_t head[4];
    size_t left;
    int r = 0;
    if (d->packet) {
        if (d->packet < 4 && len >> (8 * d->packet)) return -EINVAL;
        if (len > UINT32_MAX) return -EINVAL;
        for (unsigned i = 0; i < d->packet; i++)
            head[i] = (uint8_t)(len >> (8 * (d->packet - 1 - i)));
        r = ops(d)->io_write(d->vm->host, d->out, head, d->packet, &left);
    }
    if (r == 0) r = ops(d)->io_write(d->vm->host, d->out, data, len, &left);
    if (r < 0) return r;
    outlet_hold(d->o, &d->holds_out, left > 0);
    ling_outlet_set_queued(o, left);
    return 0;
}

static int io_finish(ling_outlet_t *o) {
    io_port_t *d = ling_outlet_state(o);
    in_close(d);
    outlet_hold(d->o, &d->holds_in, false);
    return !d->holds_out;
}

static void io_flush(ling_outlet_t *o) {
    io_port_t *d = ling_outlet_state(o);
    if (!d->out) return;
    ops(d)->io_flush(d->vm->host, d->out);
    outlet_hold(d->o, &d->holds_out, false);
    ling_outlet_set_queued(o, 0);
}

/* ---- descriptors ---- */

static int fd_open(ling_outlet_t *o, const ling_outlet_open_t *a, void *user, void **state) {
    (void)user;
    io_port_t *d = io_new(o, a);
    if (!d) return -ENOMEM;
    *state = d;
    const host_ops_t *h = ops(d);
    int r = h->io_open ? 0 : -ENOTSUP;
    /* A descriptor that is not there makes a port on which nothing comes and goes. */
    if (r == 0 && a->input) r = h->io_open(d->vm->host, a->fd_in, HOST_IO_READ, &events, d, &d->in);
    if (r == -EBADF) r = 0;
    if (r == 0 && a->output)
        r = h->io_open(d->vm->host, a->fd_out, HOST_IO_WRITE, &events, d, &d->out);
    if (r == -EBADF) r = 0;
    if (r == 0) r = io_start(d);
    if (r < 0) {
        outlet_hold(d->o, &d->holds_in, false);
        io_stop(o);
    }
    return r;
}

/* The terminal's size, asked for by OTP's `user`: control 100 with tty_sl's number added. */
#define GET_WINSIZE (0x018b0900 + 100)

static int fd_control(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                      ling_outlet_reply_t *reply) {
    (void)data, (void)len;
    io_port_t *d = ling_outlet_state(o);
    if (op != GET_WINSIZE) return LING_OUTLET_BADARG;
    int size[2];
    if (!ops(d)->tty_size || ops(d)->tty_size(d->vm->host, 0, &size[0], &size[1]) < 0)
        return LING_OUTLET_BADARG;
    uint32_t words[2] = {(uint32_t)size[0], (uint32_t)size[1]}; /* native order */
    return ling_outlet_reply(reply, words, sizeof words) < 0 ? -ENOMEM : 0;
}

const ling_outlet_driver_t driver_fd = {
    .size = sizeof driver_fd,
    .flags = LING_OUTLET_CONTROL_LIST,
    .open = fd_open,
    .stop = io_stop,
    .output = io_output,
    .control = fd_control,
    .finish = io_finish,
    .flush = io_flush,
};

/* ---- programs ---- */

/* The environment of a new program: ours with what os:putenv changed, then the port's changes. */
typedef struct {
    vm_t *vm;
    const ling_outlet_open_t *a;
    char **v;
    size_t n, cap;
    uint32_t *by_name; /* of the changes: place + 1 of the last one with a name, by its hash */
    size_t slots;      /* a power of two, more than twice as many as changes; 0: there are none */
    bool failed;
} env_t;

/* The slot where a name is, or would be. */
static uint32_t *env_slot(const env_t *e, const char *name, size_t nlen) {
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < nlen; i++) h = (h ^ (uint8_t)name[i]) * 1099511628211u;
    for (size_t i = (size_t)(h ^ h >> 32);; i++) {
        uint32_t *slot = &e->by_name[i & (e->slots - 1)];
        const char *there = *slot ? e->a->env[*slot - 1].name : NULL;
        if (!there || (strncmp(there, name, nlen) == 0 && there[nlen] == 0)) return slot;
    }
}

/* The last change of a name counts. */
static bool env_index(env_t *e) {
    if (e->a->nenv == 0) return true;
    for (e->slots = 16; e->slots <= 2 * e->a->nenv;) e->slots *= 2;
    e->by_name = mem_calloc(e->vm, e->slots * sizeof *e->by_name);
    if (!e->by_name) return false;
    for (size_t i = 0; i < e->a->nenv; i++) {
        const char *name = e->a->env[i].name;
        *env_slot(e, name, strlen(name)) = (uint32_t)i + 1;
    }
    return true;
}

static void env_add(env_t *e, const char *name, size_t nlen, const char *value) {
    size_t vlen = strlen(value);
    if (e->n + 1 >= e->cap) {
        size_t cap = e->cap ? 2 * e->cap : 64;
        char **v = mem_realloc(e->vm, e->v, e->cap * sizeof *v, cap * sizeof *v);
        if (!v) {
            e->failed = true;
            return;
        }
        e->v = v;
        e->cap = cap;
    }
    char *s = mem_alloc(e->vm, nlen + vlen + 2);
    if (!s) {
        e->failed = true;
        return;
    }
    memcpy(s, name, nlen);
    s[nlen] = '=';
    memcpy(s + nlen + 1, value, vlen + 1);
    e->v[e->n++] = s;
}

static bool env_entry(void *user, const char *name, size_t nlen, const char *value) {
    env_t *e = user;
    if (e->slots && *env_slot(e, name, nlen)) return true;
    env_add(e, name, nlen, value);
    return !e->failed;
}

static bool env_make(env_t *e) {
    if (!env_index(e)) return false;
    io_env_each(e->vm, env_entry, e);
    for (size_t i = 0; i < e->a->nenv && !e->failed; i++) {
        const ling_outlet_env_t *x = &e->a->env[i];
        size_t nlen = strlen(x->name);
        if (x->value && *env_slot(e, x->name, nlen) == i + 1) env_add(e, x->name, nlen, x->value);
    }
    if (e->v) e->v[e->n] = NULL; /* env_add keeps room for it */
    return !e->failed;
}

static void env_free(env_t *e) {
    mem_free(e->vm, e->by_name, e->slots * sizeof *e->by_name);
    for (size_t i = 0; i < e->n; i++) mem_free(e->vm, e->v[i], strlen(e->v[i]) + 1);
    mem_free(e->vm, e->v, e->cap * sizeof *e->v);
}

static int start(io_port_t *d, const ling_outlet_open_t *a, const char *file,
                 const char *const *argv) {
    env_t e = {.vm = d->vm, .a = a};
    int r = env_make(&e) ? 0 : -ENOMEM;
    if (r == 0) {
        static const char *const nothing[] = {NULL};
        host_program_t what = {
            .file = file,
            .argv = argv,
            .env = e.v ? (const char *const *)e.v : nothing,
            .cd = a->cd,
            .read = a->input,
            .write = a->output,
            .stderr_too = a->stderr_to_stdout,
            .high = !a->use_stdio,
        };
        r = ops(d)->child_start(d->vm->host, &what, on_exit, &events, d, &d->child, &d->in,
                                &d->out);
    }
    env_free(&e);
    return r;
}

static int start_shell(io_port_t *d, const ling_outlet_open_t *a) {
    size_t n = strlen(a->command) + 6;
    char *line = mem_alloc(d->vm, n);
    if (!line) return -ENOMEM;
    memcpy(line, "exec ", 5);
    memcpy(line + 5, a->command, n - 5);
    const char *argv[] = {"sh", "-c", line, NULL};
    int r = start(d, a, "/bin/sh", argv);
    mem_free(d->vm, line, n);
    return r;
}

static int start_file(io_port_t *d, const ling_outlet_open_t *a) {
    size_t n = a->nargs + 2, path_bytes = strlen(a->name) + 3;
    const char **argv = mem_alloc(d->vm, n * sizeof *argv);
    char *path = mem_alloc(d->vm, path_bytes);
    int r = -ENOMEM;
    if (argv && path) {
        /* No search along PATH: a plain name is a file here. */
        memcpy(path, "./", 3);
        memcpy(path + (strchr(a->name, '/') ? 0 : 2), a->name, strlen(a->name) + 1);
        argv[0] = a->arg0 ? a->arg0 : a->name;
        for (size_t i = 0; i < a->nargs; i++) argv[i + 1] = a->args[i];
        argv[n - 1] = NULL;
        r = start(d, a, path, argv);
    }
    mem_free(d->vm, path, path_bytes);
    mem_free(d->vm, argv, n * sizeof *argv);
    return r;
}

static int spawn_open(ling_outlet_t *o, const ling_outlet_open_t *a, void *user, void **state) {
    (void)user;
    io_port_t *d = io_new(o, a);
    if (!d) return -ENOMEM;
    *state = d;
    int r = -ENOTSUP;
    if (ops(d)->child_start) r = a->is_executable ? start_file(d, a) : start_shell(d, a);
    if (r == 0) {
        d->wants_status = a->exit_status;
        ling_outlet_set_os_pid(o, ops(d)->child_pid(d->vm->host, d->child));
        r = io_start(d);
        /* Only writing, its end may still be news. */
        if (r == 0 && d->wants_status) outlet_hold(d->o, &d->holds_in, true);
    }
    if (r < 0) {
        outlet_hold(d->o, &d->holds_in, false);
        io_stop(o);
    }
    return r;
}

const ling_outlet_driver_t driver_spawn = {
    .size = sizeof driver_spawn,
    .open = spawn_open,
    .stop = io_stop,
    .output = io_output,
    .finish = io_finish,
    .flush = io_flush,
};
