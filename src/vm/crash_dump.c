/* crash_dump.c: the crash dump of a VM that was halted with a slogan, in the format OTP's
 * crashdump_viewer reads ("How to interpret the Erlang crash dumps" in the ERTS User's Guide).
 *
 * Terms of stacks, messages and dictionaries are given as external terms: one heap entry for each
 * root, numbered instead of addressed. All goes through a buffer to the host's file; when that
 * fails or the size limit is reached, the rest is left out. Needs little memory; where an entry
 * finds none it is left out.
 */
#include "vm/crash_dump.h"
#include "host/host_file.h"
#include "vm/dump_text.h"
#include "vm/engine.h"
#include "vm/errno_name.h"
#include "vm/etf.h"
#include "vm/ets.h"
#include "vm/io.h"
#include "vm/link.h"
#include "vm/print.h"
#include "vm/proc_dict.h"
#include "vm/proc_dump.h"
#include "vm/process.h"

struct crash {
    spin_t lock;
    char *slogan;
    size_t len;
    bool written;
};

typedef struct {
    vm_t *vm;
    host_file_t *file;
    uint64_t left;  /* bytes that may still be written */
    int error;      /* a negative errno value: nothing more is written */
    text_t text;    /* not written yet */
    uint64_t roots; /* heap entries so far */
    text_t heap;    /* heap entries of this process */
} dump_t;

/* ---- output ---- */

static void flush(dump_t *d) {
    host_t *h = d->vm->host;
    size_t n = d->text.len < d->left ? d->text.len : (size_t)d->left;
    for (size_t at = 0; at < n && !d->error;) {
        host_iov_t iov = {(uint8_t *)d->text.data + at, n - at};
        int64_t wrote = h->ops->files->write(h, d->file, &iov, 1);
        if (wrote <= 0) d->error = wrote < 0 ? (int)wrote : -1;
        if (wrote > 0) at += (size_t)wrote;
    }
    d->left -= n;
    d->text.len = 0;
    d->text.failed = false;
}

static void flush_some(dump_t *d) {
    if (d->text.len > 60000) flush(d);
}

static void line(dump_t *d, const char *name, uint64_t value) { dump_line(&d->text, name, value); }

static void line_text(dump_t *d, const char *name, const char *value) {
    dump_line_text(&d->text, name, value);
}

static void hex(text_t *t, uint64_t n) {
    char buf[17];
    size_t at = sizeof buf;
    do {
        buf[--at] = "0123456789ABCDEF"[n & 15];
        n >>= 4;
    } while (n);
    text_bytes(t, buf + at, sizeof buf - at);
}

static void address(text_t *t, const void *p) {
    text_str(t, "0x");
    hex(t, (uint64_t)(uintptr_t)p);
}

static void base64(text_t *t, const uint8_t *s, size_t n) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)s[i] << 16;
        if (i + 1 < n) v |= (uint32_t)s[i + 1] << 8;
        if (i + 2 < n) v |= s[i + 2];
        char q[4] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]};
        if (i + 1 >= n) q[2] = '=';
        if (i + 2 >= n) q[3] = '=';
        text_bytes(t, q, 4);
    }
}

/* ---- terms ---- */

/* A term where one stands; what has no short form becomes a heap entry. */
static void put_term(dump_t *d, term_t t) {
    if (is_nil(t)) {
        text_char(&d->text, 'N');
    } else if (is_small(t)) {
        text_char(&d->text, 'I');
        text_int(&d->text, small_value(t));
    } else if (is_atom(t)) {
        const atom_text_t *a = atom_text(d->vm, t);
        text_char(&d->text, 'A');
        hex(&d->text, a->bytes);
        text_char(&d->text, ':');
        text_bytes(&d->text, a->name, a->bytes);
    } else if (is_local_pid(t)) {
        text_char(&d->text, 'P');
        text_term(&d->text, t);
    } else {
        etf_out_t out;
        etf_out_init(&out, d->vm);
        if (etf_encode_out(&out, t, &(etf_options_t)ETF_DEFAULTS) == ETF_OK) {
            hex(&d->heap, ++d->roots);
            text_str(&d->heap, ":E");
            hex(&d->heap, out.len);
            text_char(&d->heap, ':');
            base64(&d->heap, out.data, out.len);
            text_char(&d->heap, '\n');
            text_char(&d->text, 'H');
            hex(&d->text, d->roots);
        } else {
            text_str(&d->text, "SNo memory to show this term");
        }
        etf_out_free(&out);
    }
}

static void place(dump_t *d, const uint64_t *ip) {
    address(&d->text, ip);
    text_str(&d->text, " (");
    place_text(&d->text, d->vm, ip);
    text_char(&d->text, ')');
}

/* ---- the parts ---- */

static void general(dump_t *d, const struct crash *c) {
    vm_t *vm = d->vm;
    host_t *h = vm->host;
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t s = h->ops->wall_ns(h) / 1000000000;
    s += h->ops->local_offset(h, s, NULL);
    int64_t day = s / 86400, z = day + 719468, era = z / 146097;
    int64_t doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    char clock[] = "00:00:00";
    for (int i = 0, part[] = {(int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60)}; i < 3;
         i++) {
        clock[3 * i] = (char)('0' + part[i] / 10);
        clock[3 * i + 1] = (char)('0' + part[i] % 10);
    }
    text_t *t = &d->text;
    text_str(t, "=erl_crash_dump:0.5\n");
    text_str(t, days[day % 7]);
    text_char(t, ' ');
    text_str(t, months[month - 1]);
    text_str(t, mp >= 0 && doy - (153 * mp + 2) / 5 + 1 < 10 ? "  " : " ");
    text_int(t, doy - (153 * mp + 2) / 5 + 1);
    text_char(t, ' ');
    text_str(t, clock);
    text_char(t, ' ');
    text_int(t, year);
    text_str(t, "\nSlogan: ");
    text_bytes(t, c->slogan, c->len);
    text_str(t, "\nSystem version: Erlang/OTP 25 [erts-13.1] [libling] [64-bit] [smp:");
    text_uint(t, vm->nscheds);
    text_str(t, "]\nTaints: \n");
    line(d, "Atoms: ", atom_count(vm));
    line_text(d, "Calling Thread: ", "main");
    text_str(t, "=memory\n");
    size_t total = atomic_load_explicit(&vm->memory_used, memory_order_relaxed);
    size_t tables = ets_memory(vm);
    line(d, "total: ", total);
    line(d, "processes: ", total > tables ? total - tables : 0);
    line(d, "ets: ", tables);
}

static bool is_stack_mark(term_t t) { return (t & TAG_MASK) == TAG_HEADER; }

static bool summary(void *user, proc_t *p) {
    dump_t *d = user;
    text_t *t = &d->text;
    proc_state_text(p, t);
    if (atomic_load_explicit(&p->state, memory_order_acquire) & PS_RUNNING)
        return true; /* a dirty thread has it */
    proc_origin_text(p, t);
    proc_relations_text(p, t);
    proc_size_text(p, t);
    line(d, "Memory: ", p->block_size + 8 * (uint64_t)heap_total_words(p));
    text_str(t, "Program counter: ");
    place(d, p->ip);
    line(d, "\narity = ", p->flags & PF_SAVED_ARGS ? p->arity : 0);
    flush_some(d);
    return true;
}

static void section(dump_t *d, const char *name, const proc_t *p) {
    text_str(&d->text, name);
    text_term(&d->text, p->pid);
    text_char(&d->text, '\n');
}

/* Registers saved for the next slice come first; then frames with their return addresses. */
static void stack(dump_t *d, proc_t *p) {
    section(d, "=proc_stack:", p);
    unsigned y = 0;
    for (term_t *s = p->sp; s < p->hend; s++) {
        if (is_stack_mark(*s)) {
            address(&d->text, s);
            text_str(&d->text, ":SReturn addr ");
            const uint64_t *back = (const uint64_t *)(uintptr_t)(*s - TAG_HEADER);
            place(d, back == engine_exit_code(d->vm) ? back : back - 1);
            y = 0;
        } else {
            text_char(&d->text, 'y');
            text_uint(&d->text, y++);
            text_char(&d->text, ':');
            if (is_catch(*s))
                text_str(&d->text, "SCatch");
            else
                put_term(d, *s);
        }
        text_char(&d->text, '\n');
        flush_some(d);
    }
}

static bool details(void *user, proc_t *p) {
    dump_t *d = user;
    if (atomic_load_explicit(&p->state, memory_order_acquire) & PS_RUNNING) return true;
    d->heap.len = 0;
    if (msg_queue_len(&p->mq)) section(d, "=proc_messages:", p);
    for (signal_t *m = p->mq.first; m; m = m->next) {
        put_term(d, m->term);
        text_str(&d->text, ":N\n");
        flush_some(d);
    }
    if (pdict_count(p)) section(d, "=proc_dictionary:", p);
    term_t pair[3] = {make_header(T_TUPLE, 2)};
    for (size_t i = 0; pdict_next(p, &i, &pair[1], &pair[2]);) {
        put_term(d, make_boxed(pair));
        text_char(&d->text, '\n');
        flush_some(d);
    }
    stack(d, p);
    section(d, "=proc_heap:", p);
    text_bytes(&d->text, d->heap.data, d->heap.len);
    flush_some(d);
    return !d->error;
}

static bool table(void *user, ets_t *e) {
    dump_t *d = user;
    dump_table_head(&d->text, e);
    dump_table_end(&d->text, e);
    flush_some(d);
    return !d->error;
}

static bool loaded(void *user, module_t *m, bool is_old) {
    dump_t *d = user;
    if (is_old) return true;
    text_str(&d->text, "=mod:");
    text_str(&d->text, atom_name(d->vm, m->name));
    line(d, "\nCurrent size: ", dump_module_bytes(m));
    module_t *old = module_find_old(d->vm, m->name);
    if (old) line(d, "Old size: ", dump_module_bytes(old));
    flush_some(d);
    return !d->error;
}

static void atoms(dump_t *d) {
    text_str(&d->text, "=atoms\n");
    for (uint64_t i = atom_count(d->vm); i > 0 && !d->error; i--) {
        text_atom(&d->text, make_atom((uint32_t)(i - 1)), true);
        text_char(&d->text, '\n');
        flush_some(d);
    }
}

/* ---- who comes here ---- */

void crash_slogan(vm_t *vm, const char *text, size_t len) {
    struct crash *c = mem_calloc(vm, sizeof *c);
    char *copy = c ? mem_alloc(vm, len + 1) : NULL;
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = 0;
        c->slogan = copy;
        c->len = len;
        struct crash *none = NULL;
        if (atomic_compare_exchange_strong(&vm->crash, &none, c)) return;
        mem_free(vm, copy, len + 1);
    }
    mem_free(vm, c, sizeof *c);
}

void crash_dump_free(vm_t *vm) {
    struct crash *c = atomic_load(&vm->crash);
    if (!c) return;
    mem_free(vm, c->slogan, c->len + 1);
    mem_free(vm, c, sizeof *c);
    atomic_store(&vm->crash, NULL);
}

static void say(vm_t *vm, const char *a, const char *b, const char *c) {
    text_t t;
    text_init(&t, vm);
    text_str(&t, a);
    text_str(&t, b);
    text_str(&t, c);
    if (!t.failed) io_say(vm, t.data, t.len);
    text_free(&t);
}

void crash_dump(vm_t *vm) {
    struct crash *c = atomic_load(&vm->crash);
    const char *path = vm->options.crash_dump;
    if (!c || c->written || !path || !vm->host->ops->files) return;
    c->written = true;
    host_t *h = vm->host;
    dump_t d = {.vm = vm, .left = vm->options.crash_dump_bytes};
    if (!d.left) d.left = UINT64_MAX;
    say(vm, "\nCrash dump is being written to: ", path, "...");
    d.error = h->ops->files->open(h, path, HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE,
                                  0640, &d.file);
    if (d.error) {
        say(vm, "failed: ", errno_name(d.error), "\n");
        return;
    }
    text_init(&d.text, vm);
    text_init(&d.heap, vm);
    general(&d, c);
    proc_each(vm, summary, &d);
    ets_each(vm, table, &d);
    text_str(&d.text, "=node:'nonode@nohost'\n=no_distribution\n=loaded_modules\n");
    dump_code_size(&d.text, vm);
    module_each(vm, loaded, &d);
    proc_each(vm, details, &d);
    atoms(&d);
    text_str(&d.text, "=end\n");
    flush(&d);
    int closed = h->ops->files->close(h, d.file);
    if (!d.error) d.error = closed;
    text_free(&d.text);
    text_free(&d.heap);
    if (d.error)
        say(vm, "failed: ", errno_name(d.error), "\n");
    else
        say(vm, "done\n", "", "");
}
