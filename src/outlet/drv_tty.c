/* drv_tty.c: the driver tty_sl: a terminal whose line is edited by OTP's shell (user_drv). Opening
 * fails where standard input or output is no terminal, or one that cannot move its cursor; OTP then
 * falls back to the fd driver by itself.
 */
#include <errno.h>
#include "outlet/outlet.h"
#include "outlet/tty_line.h"
#include "vm/io.h"

enum { IN = 0, OUT = 1 };
enum { OP_PUTC, OP_MOVE, OP_INSC, OP_DELC, OP_BEEP, OP_PUTC_SYNC };

#define MAGIC 0x018b0900
enum { GET_WINSIZE = MAGIC + 100, GET_UNICODE = MAGIC + 101, SET_UNICODE = MAGIC + 102 };

typedef struct {
    outlet_t *o;
    vm_t *vm;
    host_io_t *in, *out;
    tty_line_t line;
    bool unicode;
    bool raw;  /* the mode was changed */
    bool sync; /* ok is due when all is out */
    bool holds_in, holds_out;
} tty_t;

static inline const host_ops_t *ops(const tty_t *d) { return d->vm->host->ops; }

static void tty_written(tty_t *d, size_t left) {
    outlet_hold(d->o, &d->holds_out, left > 0);
    ling_outlet_set_queued(d->o, left);
    if (left || !d->sync) return;
    d->sync = false;
    ling_outlet_notify(d->o, A_ok);
}

static void on_data(void *user, const uint8_t *data, int64_t len) {
    tty_t *d = user;
    outlet_enter_of(d->o);
    if (len > 0) {
        int r = ling_outlet_new_data(d->o, data, (size_t)len);
        if (r < 0) ling_outlet_exit(d->o, r);
    } else {
        outlet_hold(d->o, &d->holds_in, false);
        ling_outlet_eof(d->o);
    }
    outlet_leave_of(d->o);
}

static void on_written(void *user, size_t left, int status) {
    tty_t *d = user;
    vm_t *vm = d->vm;
    outlet_enter(vm);
    tty_written(d, left);
    if (status < 0) ling_outlet_exit(d->o, status);
    if (left == 0) ling_outlet_finished(d->o);
    outlet_leave(vm);
}

static const host_io_events_t events = {on_data, on_written};

static void tty_stop(ling_outlet_t *o) {
    tty_t *d = ling_outlet_state(o);
    vm_t *vm = d->vm;
    if (d->in) ops(d)->io_close(vm->host, d->in);
    if (d->out) ops(d)->io_close(vm->host, d->out);
    if (d->raw) ops(d)->tty_mode(vm->host, IN, HOST_TTY_RESTORE);
    tty_line_free(&d->line);
    mem_free(vm, d, sizeof *d);
}

/* TERM says what the terminal is. */
static bool is_term(void *user, const char *name, size_t n, const char *value) {
    if (n == 4 && memcmp(name, "TERM", 4) == 0)
        *(bool *)user = *value && strcmp(value, "dumb") != 0;
    return true;
}

static int tty_open(ling_outlet_t *o, const ling_outlet_open_t *a, void *user, void **state) {
    (void)a, (void)user;
    vm_t *vm = ling_outlet_vm(o);
    const host_ops_t *h = vm->host->ops;
    int columns, rows;
    bool good = false;
    io_env_each(vm, is_term, &good);
    if (!good || !h->tty_size || h->tty_size(vm->host, IN, &columns, &rows) < 0 ||
        h->tty_size(vm->host, OUT, &columns, &rows) < 0)
        return -EINVAL;
    tty_t *d = mem_calloc(vm, sizeof *d);
    if (!d) return -ENOMEM;
    d->o = o;
    d->vm = vm;
    d->unicode = true;
    tty_line_init(&d->line, vm);
    *state = d;
    int r = h->io_open(vm->host, IN, HOST_IO_READ, &events, d, &d->in);
    if (r == 0) r = h->io_open(vm->host, OUT, HOST_IO_WRITE, &events, d, &d->out);
    if (r == 0) r = h->tty_mode(vm->host, IN, HOST_TTY_RAW);
    d->raw = r == 0;
    if (r == 0) r = h->io_read(vm->host, d->in, true);
    if (r == 0)
        outlet_hold(d->o, &d->holds_in, true);
    else
        tty_stop(o);
    return r;
}

static int tty_output(ling_outlet_t *o, const uint8_t *data, size_t len) {
    tty_t *d = ling_outlet_state(o);
    const host_ops_t *h = ops(d);
    if (len == 0) return 0;
    int columns, rows;
    if (h->tty_size(d->vm->host, OUT, &columns, &rows) == 0) d->line.column = (unsigned)columns;
    int16_t n = len >= 3 ? (int16_t)(data[1] << 8 | data[2]) : 0;
    text_t out;
    text_init(&out, d->vm);
    bool ok = true;
    switch (data[0]) {
    case OP_PUTC_SYNC: d->sync = true; /* fall through */
    case OP_PUTC: ok = tty_line_put(&d->line, data + 1, len - 1, &out); break;
    case OP_MOVE: ok = tty_line_move(&d->line, n, &out); break;
    case OP_INSC: ok = tty_line_insert(&d->line, data + 1, len - 1, &out); break;
    case OP_DELC: ok = tty_line_delete(&d->line, n, &out); break;
    case OP_BEEP: text_char(&out, 7); break;
    default: break;
    }
    int r = ok && !out.failed ? 0 : -ENOMEM;
    size_t left = 0;
    if (r == 0) r = h->io_write(d->vm->host, d->out, (const uint8_t *)out.data, out.len, &left);
    text_free(&out);
    if (r == 0) tty_written(d, left);
    return r;
}

static int tty_control(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                       ling_outlet_reply_t *reply) {
    tty_t *d = ling_outlet_state(o);
    int columns, rows;
    uint8_t was = d->unicode;
    switch (op) {
    case GET_WINSIZE: {
        if (ops(d)->tty_size(d->vm->host, OUT, &columns, &rows) < 0) return LING_OUTLET_BADARG;
        uint32_t words[2] = {(uint32_t)columns, (uint32_t)rows}; /* native order */
        return ling_outlet_reply(reply, words, sizeof words);
    }
    case SET_UNICODE:
        if (len > 0) d->unicode = data[0] != 0;
        /* fall through */
    case GET_UNICODE: return ling_outlet_reply(reply, &was, 1);
    default: return LING_OUTLET_BADARG;
    }
}

static int tty_finish(ling_outlet_t *o) {
    tty_t *d = ling_outlet_state(o);
    if (d->in) ops(d)->io_close(d->vm->host, d->in);
    d->in = NULL;
    outlet_hold(d->o, &d->holds_in, false);
    return !d->holds_out;
}

static void tty_flush(ling_outlet_t *o) {
    tty_t *d = ling_outlet_state(o);
    ops(d)->io_flush(d->vm->host, d->out);
    tty_written(d, 0);
}

const ling_outlet_driver_t driver_tty = {
    .size = sizeof driver_tty,
    .flags = LING_OUTLET_CONTROL_LIST,
    .open = tty_open,
    .stop = tty_stop,
    .output = tty_output,
    .control = tty_control,
    .finish = tty_finish,
    .flush = tty_flush,
};
