/* bif_io.c: what touches the outside in the bare mode: display, halt, the operating system's
 * environment, and ling_io, the private console of the built-in I/O server.
 *
 * Standard output and error are written synchronously by any thread. Standard input may only be
 * read by the polling thread, so processes leave a note of who wants to read and io_poll acts on
 * it. The environment the host gives is never changed: os:putenv writes to a table of the VM's own
 * that hides it.
 */
#include <errno.h>

#include "vm/binary.h"
#include "vm/crash_dump.h"
#include "vm/errno_name.h"
#include "vm/io.h"
#include "vm/print.h"
#include "vm/process.h"
#include "vm/utf8.h"
#include "vm/wstack.h"

typedef struct env_entry {
    struct env_entry *next;
    size_t size;       /* bytes of this block */
    const char *value; /* NULL: unset */
    char name[];
} env_entry_t;

struct io_state {
    host_stream_t *out[3]; /* standard output and error; NULL: cannot be opened */
    host_stream_t *in;     /* polling thread only */
    term_t reading;        /* who gets what in brings now, or NIL; polling thread only */
    spin_t lock;           /* for all below */
    term_t reader;         /* who wants input, or NIL */
    bool changed;          /* reader was set and io_poll has not seen it */
    env_entry_t *env;
};

/* ---- life ---- */

bool io_init(vm_t *vm) {
    struct io_state *io = mem_calloc(vm, sizeof *io);
    if (!io) return false;
    const host_ops_t *ops = vm->host->ops;
    atomic_flag_clear(&io->lock.held);
    io->reading = io->reader = TERM_NIL;
    for (int i = HOST_STDOUT; i <= HOST_STDERR; i++)
        if (ops->stream_open(vm->host, i, &io->out[i]) != 0) io->out[i] = NULL;
    vm->io = io;
    return true;
}

void io_free(vm_t *vm) {
    struct io_state *io = vm->io;
    if (!io) return;
    const host_ops_t *ops = vm->host->ops;
    for (int i = HOST_STDOUT; i <= HOST_STDERR; i++) {
        if (!io->out[i]) continue;
        ops->stream_flush(vm->host, io->out[i]);
        ops->stream_close(vm->host, io->out[i]);
    }
    if (io->in) ops->stream_close(vm->host, io->in);
    for (env_entry_t *e = io->env, *next; e; e = next) {
        next = e->next;
        mem_free(vm, e, e->size);
    }
    mem_free(vm, io, sizeof *io);
    vm->io = NULL;
}

/* 0 or a negative errno value. */
int io_write(vm_t *vm, int which, const void *data, size_t n) {
    host_stream_t *s = vm->io->out[which];
    return s ? vm->host->ops->stream_write(vm->host, s, data, n, NULL, NULL) : -EBADF;
}

void io_say(vm_t *vm, const char *text, size_t n) { (void)io_write(vm, HOST_STDERR, text, n); }

/* ---- input ---- */

/* {ling_io, data, Bin}, {ling_io, eof} or {ling_io, error, Reason}. */
static signal_t *input_message(vm_t *vm, sched_t *s, const uint8_t *data, int64_t len) {
    term_t *hp;
    signal_t *sig =
        signal_new_bytes(vm, s, SIG_MESSAGE, data, len > 0 ? (size_t)len : 0, len > 0, 4, &hp);
    if (!sig) return NULL;
    if (len > 0)
        sig->term = tuple3(&hp, A_ling_io, A_data, sig->term);
    else if (len == 0)
        sig->term = tuple2(&hp, A_ling_io, A_END_OF_FILE);
    else
        sig->term = tuple3(&hp, A_ling_io, A_error, errno_atom(vm, (int)-len));
    sig->from = TERM_NIL;
    sig->used = (uint32_t)(hp - sig->data);
    return sig;
}

static void input_stop(vm_t *vm) {
    struct io_state *io = vm->io;
    spin_lock(vm, &io->lock);
    if (io->reader == io->reading) io->reader = TERM_NIL;
    spin_unlock(vm, &io->lock);
    io->reading = TERM_NIL;
    vm->host->ops->stream_read(vm->host, io->in, NULL, NULL);
}

static void on_input(void *user, const uint8_t *data, int64_t len) {
    vm_t *vm = user;
    struct io_state *io = vm->io;
    sched_t *s = vm->threaded ? sched_current(vm) : vm->scheds[0];
    vm_visit_t visit = vm_enter(vm);
    proc_t *to = proc_lookup(vm, io->reading);
    signal_t *sig = to ? input_message(vm, s, data, len) : NULL;
    if (sig) proc_signal(vm, to, sig);
    vm_leave(vm, visit);
    if (!to || len <= 0) input_stop(vm);
    /* This may come from io_poll, just before the wait: somebody has become runnable. */
    vm->host->ops->wake(vm->host);
}

void io_poll(vm_t *vm) {
    struct io_state *io = vm->io;
    spin_lock(vm, &io->lock);
    bool changed = io->changed;
    term_t reader = io->reader;
    io->changed = false;
    spin_unlock(vm, &io->lock);
    if (!changed || reader == io->reading) return;
    const host_ops_t *ops = vm->host->ops;
    io->reading = reader;
    if (is_nil(reader)) {
        if (io->in) ops->stream_read(vm->host, io->in, NULL, NULL);
        return;
    }
    int r = io->in ? 0 : ops->stream_open(vm->host, HOST_STDIN, &io->in);
    if (r == 0) r = ops->stream_read(vm->host, io->in, on_input, vm);
    if (r < 0 && io->in)
        on_input(vm, NULL, r);
    else if (r < 0)
        io->reading = TERM_NIL;
}

int io_pending(vm_t *vm) {
    struct io_state *io = vm->io;
    spin_lock(vm, &io->lock);
    term_t reader = io->reader;
    spin_unlock(vm, &io->lock);
    if (is_nil(reader)) return 0;
    vm_visit_t visit = vm_enter(vm);
    bool alive = proc_lookup(vm, reader) != NULL;
    vm_leave(vm, visit);
    return alive;
}

static void reader_set(vm_t *vm, term_t reader) {
    struct io_state *io = vm->io;
    spin_lock(vm, &io->lock);
    io->reader = reader;
    io->changed = true;
    spin_unlock(vm, &io->lock);
    if (vm->threaded) vm->host->ops->wake(vm->host);
}

static BIF(ling_io_read_start_0) {
    (void)a;
    reader_set(p->vm, p->pid);
    return A_ok;
}

static BIF(ling_io_read_start_1) {
    if (!is_local_pid(a[0])) return bif_badarg(p);
    reader_set(p->vm, a[0]);
    return A_ok;
}

static BIF(ling_io_read_stop_0) {
    (void)a;
    reader_set(p->vm, TERM_NIL);
    return A_ok;
}

typedef struct {
    vm_t *vm;
    int which, error;
    size_t n;
    size_t used;
    uint8_t *buf; /* gathers small pieces, so that one request is one write */
    size_t cap;
} out_t;

static void out_flush(out_t *o) {
    if (o->used && !o->error) o->error = io_write(o->vm, o->which, o->buf, o->used);
    o->used = 0;
}

static void out_piece(void *user, const uint8_t *data, size_t n) {
    out_t *o = user;
    o->n += n;
    if (n > o->cap - o->used) out_flush(o);
    if (n > o->cap) {
        if (!o->error) o->error = io_write(o->vm, o->which, data, n);
        return;
    }
    memcpy(o->buf + o->used, data, n);
    o->used += n;
}

static term_t write_result(proc_t *p, int r) {
    if (r == 0) return A_ok;
    term_t *hp = heap_alloc(p, 3);
    if (!hp) return bif_oom(p);
    return tuple2(&hp, A_error, errno_atom(p->vm, -r));
}

/* ling_io:write(1 | 2, iodata()) -> ok | {error, Reason}. */
static BIF(ling_io_write_2) {
    if (a[0] != make_small(HOST_STDOUT) && a[0] != make_small(HOST_STDERR)) return bif_badarg(p);
    int which = (int)small_value(a[0]);
    size_t nbits;
    int code = iodata_bits(p->vm, a[1], false, &nbits); /* all is checked before anything is out */
    if (code != IODATA_OK) return iodata_fail(p, code);
    uint8_t buf[4096];
    out_t o = {.vm = p->vm, .which = which, .buf = buf, .cap = sizeof buf};
    code = iodata_walk(p->vm, a[1], out_piece, &o);
    out_flush(&o);
    bif_bump(p, o.n / 256);
    if (code != IODATA_OK) return iodata_fail(p, code);
    return write_result(p, o.error);
}

/* ---- display ----
 * As OTP 25: lines end with a carriage return, too; terms go to standard output, strings to
 * standard error. */

static term_t display_text(proc_t *p, int which, text_t *t, term_t result) {
    bool failed = t->failed;
    if (!failed) io_write(p->vm, which, t->data, t->len);
    bif_bump(p, t->len / 64);
    text_free(t);
    return failed ? bif_oom(p) : result;
}

static BIF(display_1) {
    text_t t;
    text_init(&t, p->vm);
    text_display(&t, a[0]);
    text_str(&t, "\r\n");
    return display_text(p, HOST_STDOUT, &t, A_true);
}

static BIF(display_nl_0) {
    (void)a;
    io_write(p->vm, HOST_STDERR, "\r\n", 2);
    return A_true;
}

/* A flat list of characters, printed as far as the first zero. */
static BIF(display_string_1) {
    text_t t;
    text_init(&t, p->vm);
    bool zero = false;
    term_t l = a[0];
    for (; is_cons(l) && is_code_point(cons_head(l)); l = cons_tail(l)) {
        zero = zero || cons_head(l) == make_small(0);
        if (zero) continue;
        if (cons_head(l) == make_small('\n')) text_char(&t, '\r');
        text_utf8(&t, (uint32_t)small_value(cons_head(l)));
    }
    if (!is_nil(l)) {
        text_free(&t);
        return bif_badarg(p);
    }
    return display_text(p, HOST_STDERR, &t, A_true);
}

/* erts_debug:display/1: shows the term and returns what was shown. */
static BIF(erts_debug_display_1) {
    text_t t;
    text_init(&t, p->vm);
    text_display(&t, a[0]);
    text_char(&t, '\n');
    term_t l = t.failed ? TERM_NONE : bytes_to_list(p, (const uint8_t *)t.data, t.len, TERM_NIL);
    if (l == TERM_NONE) {
        text_free(&t);
        return bif_oom(p);
    }
    t.len--;
    text_str(&t, "\r\n");
    return display_text(p, HOST_STDOUT, &t, l);
}

/* ---- halt ---- */

static term_t halt_with(proc_t *p, term_t status, term_t options) {
    bool flush = true;
    for (; is_cons(options); options = cons_tail(options)) {
        term_t o = cons_head(options);
        if (!is_tuple_of(o, 2) || tuple_elem(o, 1) != A_flush ||
            (tuple_elem(o, 2) != A_true && tuple_elem(o, 2) != A_false))
            return bif_badarg(p);
        flush = tuple_elem(o, 2) == A_true;
    }
    if (!is_nil(options)) return bif_badarg(p);
    int code;
    if (is_small(status) && small_value(status) >= 0) {
        code = (int)(small_value(status) & INT32_MAX);
    } else if (is_big(status) && !big_is_neg(status)) {
        code = (int)(big_data(status)[0] & INT32_MAX);
    } else if (status == A_abort) {
        code = HALT_ABORT;
    } else if (is_list(status)) {
        /* A slogan: OTP writes a crash dump with it and ends with status 1. */
        text_t t;
        text_init(&t, p->vm);
        term_t l = status;
        for (; is_cons(l) && is_code_point(cons_head(l)); l = cons_tail(l))
            text_utf8(&t, (uint32_t)small_value(cons_head(l)));
        text_char(&t, '\n');
        if (is_nil(l) && !t.failed) {
            io_say(p->vm, t.data, t.len);
            crash_slogan(p->vm, t.data, t.len - 1);
        }
        text_free(&t);
        if (!is_nil(l)) return bif_badarg(p);
        code = 1;
    } else {
        return bif_badarg(p);
    }
    if (is_atom(status) || is_list(status)) flush = false;
    if (!atomic_load(&p->vm->halting)) {
        p->vm->halt_flush = flush;
        sched_halt(p->vm, code);
    }
    return bif_wait(p); /* never returns */
}

static BIF(halt_0) {
    (void)a;
    return halt_with(p, make_small(0), TERM_NIL);
}
static BIF(halt_1) { return halt_with(p, a[0], TERM_NIL); }
static BIF(halt_2) { return halt_with(p, a[0], a[1]); }

/* ---- environment ---- */

/* Characters, nested lists allowed as in file names, to UTF-8. name: '=' is not allowed. The text
 * gets a zero byte at its end. false: raised, t is released. */
static bool env_text(proc_t *p, term_t l, bool name, text_t *t) {
    text_init(t, p->vm);
    uint64_t words[64];
    wstack_t stack;
    wstack_init(&stack, p->vm, words, 64);
    bool good = is_list(l), memory = true;
    size_t n = 0;
    while (good) {
        if (is_nil(l)) {
            if (wstack_is_empty(&stack)) break;
            l = *--stack.top;
            continue;
        }
        if (!is_cons(l)) {
            good = false;
            break;
        }
        n++;
        term_t head = cons_head(l);
        l = cons_tail(l);
        if (is_list(head)) {
            if (!is_nil(l)) {
                if (!wstack_need(&stack, 1)) {
                    good = memory = false;
                    break;
                }
                *stack.top++ = l;
            }
            l = head;
        } else if (is_code_point(head) && head != make_small(0) &&
                   !(name && head == make_small('='))) {
            text_utf8(t, (uint32_t)small_value(head));
        } else {
            good = false;
        }
    }
    wstack_free(&stack);
    bif_bump(p, n / 64);
    text_char(t, 0);
    if (good && !t->failed) return true;
    if (t->failed || !memory)
        bif_oom(p);
    else
        bif_badarg(p);
    text_free(t);
    return false;
}

/* UTF-8 as a list of characters; what is no UTF-8 as bytes. TERM_NONE: no memory. */
static term_t utf8_to_list(proc_t *p, const char *text, size_t n) {
    const uint8_t *s = (const uint8_t *)text;
    size_t chars = 0;
    uint32_t c;
    for (size_t i = 0, used; i < n; i += used, chars++)
        if ((used = utf8_read(s + i, n - i, &c)) == 0) return bytes_to_list(p, s, n, TERM_NIL);
    if (chars == n) return bytes_to_list(p, s, n, TERM_NIL);
    term_t *hp = heap_alloc(p, 2 * chars);
    if (!hp) return TERM_NONE;
    term_t list = make_cons(hp);
    for (size_t i = 0; i < n; hp += 2) {
        i += utf8_read(s + i, n - i, &c);
        hp[0] = make_small(c);
        hp[1] = make_cons(hp + 2);
    }
    hp[-1] = TERM_NIL;
    return list;
}

/* Under the lock. */
static env_entry_t *env_find(struct io_state *io, const char *name) {
    env_entry_t *e = io->env;
    while (e && strcmp(e->name, name) != 0) e = e->next;
    return e;
}

/* value NULL: unset. false: no memory. */
static bool env_set(vm_t *vm, const char *name, const char *value) {
    struct io_state *io = vm->io;
    size_t nlen = strlen(name) + 1, vlen = value ? strlen(value) + 1 : 0;
    env_entry_t *e = mem_alloc(vm, sizeof *e + nlen + vlen);
    if (!e) return false;
    e->size = sizeof *e + nlen + vlen;
    memcpy(e->name, name, nlen);
    e->value = value ? memcpy(e->name + nlen, value, vlen) : NULL;
    spin_lock(vm, &io->lock);
    env_entry_t *old = env_find(io, name);
    if (old) {
        env_entry_t **link = &io->env;
        while (*link != old) link = &(*link)->next;
        *link = old->next;
    }
    e->next = io->env;
    io->env = e;
    spin_unlock(vm, &io->lock);
    if (old) mem_free(vm, old, old->size);
    return true;
}

static BIF(os_getenv_1) {
    text_t name;
    if (!env_text(p, a[0], true, &name)) return TERM_NONE;
    vm_t *vm = p->vm;
    term_t result = A_false;
    spin_lock(vm, &vm->io->lock);
    env_entry_t *e = env_find(vm->io, name.data);
    if (e && e->value) result = utf8_to_list(p, e->value, strlen(e->value));
    spin_unlock(vm, &vm->io->lock);
    if (!e) {
        const char *value = vm->host->ops->env_get(vm->host, name.data);
        if (value) result = utf8_to_list(p, value, strlen(value));
    }
    text_free(&name);
    return result == TERM_NONE ? bif_oom(p) : result;
}

bool io_getenv(vm_t *vm, const char *name, char *out, size_t *size) {
    bool there = false;
    size_t room = *size;
    spin_lock(vm, &vm->io->lock);
    env_entry_t *e = env_find(vm->io, name);
    const char *value = e ? e->value : vm->host->ops->env_get(vm->host, name);
    if (value) {
        *size = strlen(value);
        if (*size < room) memcpy(out, value, *size + 1);
        there = true;
    }
    spin_unlock(vm, &vm->io->lock);
    return there;
}

static BIF(os_putenv_2) {
    text_t name, value;
    if (!env_text(p, a[0], true, &name)) return TERM_NONE;
    if (!env_text(p, a[1], false, &value)) {
        text_free(&name);
        return TERM_NONE;
    }
    bool ok = env_set(p->vm, name.data, value.data);
    text_free(&name);
    text_free(&value);
    return ok ? A_true : bif_oom(p);
}

static BIF(os_unsetenv_1) {
    text_t name;
    if (!env_text(p, a[0], true, &name)) return TERM_NONE;
    bool ok = env_set(p->vm, name.data, NULL);
    text_free(&name);
    return ok ? A_true : bif_oom(p);
}

/* os:env(): [{Name, Value}]; os:getenv(): ["Name=Value"]. */
typedef struct {
    proc_t *p;
    term_t list;
    bool pairs, failed;
} env_walk_t;

static void env_collect(env_walk_t *w, const char *name, size_t nlen, const char *value) {
    proc_t *p = w->p;
    term_t v = utf8_to_list(p, value, strlen(value)), n = TERM_NIL, item = TERM_NONE;
    if (w->pairs) {
        n = utf8_to_list(p, name, nlen);
        term_t *hp = n == TERM_NONE ? NULL : heap_alloc(p, 3);
        if (hp) item = tuple2(&hp, n, v == TERM_NONE ? TERM_NIL : v);
    } else {
        text_t t;
        text_init(&t, p->vm);
        text_bytes(&t, name, nlen);
        text_char(&t, '=');
        text_str(&t, value);
        if (!t.failed) item = utf8_to_list(p, t.data, t.len);
        text_free(&t);
    }
    term_t *hp = item == TERM_NONE || v == TERM_NONE ? NULL : heap_alloc(p, 2);
    if (hp)
        w->list = cons(&hp, item, w->list);
    else
        w->failed = true;
}

typedef struct {
    vm_t *vm;
    io_env_fn fn;
    void *user;
    bool going;
} env_each_t;

static bool env_each_host(void *user, const char *entry) {
    env_each_t *w = user;
    const char *eq = entry[0] ? strchr(entry + 1, '=') : NULL;
    if (!eq) return true;
    size_t n = (size_t)(eq - entry);
    env_entry_t *e = w->vm->io->env;
    while (e && !(strncmp(e->name, entry, n) == 0 && e->name[n] == 0)) e = e->next;
    if (!e) w->going = w->fn(w->user, entry, n, eq + 1);
    return w->going;
}

void io_env_each(vm_t *vm, io_env_fn fn, void *user) {
    env_each_t w = {vm, fn, user, true};
    spin_lock(vm, &vm->io->lock);
    vm->host->ops->env_each(vm->host, env_each_host, &w);
    for (env_entry_t *e = vm->io->env; e && w.going; e = e->next)
        if (e->value) w.going = fn(user, e->name, strlen(e->name), e->value);
    spin_unlock(vm, &vm->io->lock);
}

static bool env_item(void *user, const char *name, size_t nlen, const char *value) {
    env_walk_t *w = user;
    env_collect(w, name, nlen, value);
    return !w->failed;
}

static term_t env_all(proc_t *p, bool pairs) {
    env_walk_t w = {.p = p, .list = TERM_NIL, .pairs = pairs};
    io_env_each(p->vm, env_item, &w);
    bif_bump(p, 100);
    return w.failed ? bif_oom(p) : w.list;
}

static BIF(os_env_0) {
    (void)a;
    return env_all(p, true);
}
static BIF(os_getenv_0) {
    (void)a;
    return env_all(p, false);
}

/* ---- the rest of os ---- */

static BIF(os_getpid_0) {
    (void)a;
    text_t t;
    text_init(&t, p->vm);
    text_uint(&t, p->vm->host->ops->os_pid(p->vm->host));
    term_t l = t.failed ? TERM_NONE : bytes_to_list(p, (const uint8_t *)t.data, t.len, TERM_NIL);
    text_free(&t);
    return l == TERM_NONE ? bif_oom(p) : l;
}

/* Signals are the host program's: a library does not touch them. Valid requests are accepted and
 * nothing is ever delivered. */
const bif_def_t bifs_io[] = {
    {"erlang", "display", 1, display_1, 0},
    {"erlang", "display_nl", 0, display_nl_0, 0},
    {"erlang", "display_string", 1, display_string_1, 0},
    {"erts_debug", "display", 1, erts_debug_display_1, 0},
    {"erlang", "halt", 0, halt_0, 0},
    {"erlang", "halt", 1, halt_1, 0},
    {"erlang", "halt", 2, halt_2, 0},
    {"os", "getenv", 0, os_getenv_0, 0},
    {"os", "getenv", 1, os_getenv_1, 0},
    {"os", "putenv", 2, os_putenv_2, 0},
    {"os", "unsetenv", 1, os_unsetenv_1, 0},
    {"os", "env", 0, os_env_0, 0},
    {"os", "getpid", 0, os_getpid_0, 0},
    {"ling_io", "write", 2, ling_io_write_2, 0},
    {"ling_io", "read_start", 0, ling_io_read_start_0, 0},
    {"ling_io", "read_start", 1, ling_io_read_start_1, 0},
    {"ling_io", "read_stop", 0, ling_io_read_stop_0, 0},
    {0},
};
