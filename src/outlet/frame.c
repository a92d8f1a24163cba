/* frame.c: bytes from a device as messages to a port's owner: packets put together, lines cut,
 * binaries and lists made. Packets sent by a peer are foreign data: their length is believed only
 * as far as bytes really come.
 */
#include "outlet/outlet.h"

#include <errno.h>
#include "vm/binary.h"
#include "vm/heap.h"
#include "vm/process.h"

/* {Port, {data, Data}}, {Port, {data, {eol | noeol, Data}}} */
static int say(outlet_t *o, const uint8_t *data, size_t n, term_t line) {
    term_t *hp;
    signal_t *sig = signal_new_bytes(o->vm, sched_current(o->vm), SIG_MESSAGE, data, n,
                                     o->frame.binary, 9, &hp);
    if (!sig) return -ENOMEM;
    if (line != TERM_NONE) sig->term = tuple2(&hp, line, sig->term);
    term_t body = tuple2(&hp, A_data, sig->term);
    sig->term = tuple2(&hp, o->port, body);
    sig->used = (uint32_t)(hp - sig->data);
    if (port_traced(o)) port_trace_send(o, o->owner, sig->term);
    signal_send(o->vm, o->owner, sig);
    return 0;
}

static int keep(outlet_t *o, const uint8_t *data, size_t n) {
    frame_t *f = &o->frame;
    if (f->cap - f->len < n) {
        size_t cap = f->cap ? f->cap : 256;
        while (cap - f->len < n) {
            if (cap > SIZE_MAX / 2) return -ENOMEM;
            cap *= 2;
        }
        uint8_t *buf = mem_realloc(o->vm, f->buf, f->cap, cap);
        if (!buf) return -ENOMEM;
        f->buf = buf;
        f->cap = cap;
    }
    memcpy(f->buf + f->len, data, n);
    f->len += n;
    return 0;
}

void frame_free(outlet_t *o) {
    mem_free(o->vm, o->frame.buf, o->frame.cap);
    o->frame.buf = NULL;
    o->frame.len = o->frame.cap = 0;
}

/* A large buffer is given back once it is empty. */
static void emptied(outlet_t *o) {
    o->frame.len = 0;
    if (o->frame.cap > 65536) frame_free(o);
}

static int line_bytes(outlet_t *o, const uint8_t *data, size_t n) {
    frame_t *f = &o->frame;
    int r = 0;
    while (n && r == 0) {
        size_t room = f->line - f->len, look = n < room + 1 ? n : room + 1;
        const uint8_t *nl = memchr(data, '\n', look);
        if (nl) {
            size_t k = (size_t)(nl - data);
            if (f->len) {
                r = keep(o, data, k);
                if (r == 0) r = say(o, f->buf, f->len, A_eol);
                emptied(o);
            } else {
                r = say(o, data, k, A_eol);
            }
            data += k + 1;
            n -= k + 1;
        } else if (n > room) { /* longer than a line: its part, and on */
            r = keep(o, data, room);
            if (r == 0) r = say(o, f->buf, f->len, A_noeol);
            emptied(o);
            data += room;
            n -= room;
        } else {
            return keep(o, data, n);
        }
    }
    return r;
}

static uint64_t packet_length(const uint8_t *head, unsigned n) {
    uint64_t len = 0;
    for (unsigned i = 0; i < n; i++) len = len << 8 | head[i];
    return len;
}

static int packet_bytes(outlet_t *o, const uint8_t *data, size_t n) {
    frame_t *f = &o->frame;
    const unsigned head = f->packet;
    int r = 0;
    while (n && r == 0) {
        if (f->len == 0) { /* whole packets straight from what came */
            uint64_t len = n >= head ? packet_length(data, head) : UINT64_MAX;
            if (n >= head && n - head >= len) {
                r = say(o, data + head, (size_t)len, TERM_NONE);
                data += head + len;
                n -= head + (size_t)len;
                continue;
            }
        }
        size_t want = head;
        if (f->len >= head) want += (size_t)packet_length(f->buf, head);
        size_t take = want - f->len < n ? want - f->len : n;
        r = keep(o, data, take);
        data += take;
        n -= take;
        if (r == 0 && f->len >= head && f->len == head + packet_length(f->buf, head)) {
            r = say(o, f->buf + head, f->len - head, TERM_NONE);
            emptied(o);
        }
    }
    return r;
}

int frame_bytes(outlet_t *o, const uint8_t *data, size_t n) {
    o->bytes_in += n;
    if (n == 0) return 0;
    if (o->frame.line) return line_bytes(o, data, n);
    if (o->frame.packet) return packet_bytes(o, data, n);
    return say(o, data, n, TERM_NONE);
}

int frame_end(outlet_t *o) {
    int r = 0;
    if (o->frame.line && o->frame.len) r = say(o, o->frame.buf, o->frame.len, A_noeol);
    emptied(o);
    return r;
}

/* ---- for drivers ---- */

static bool is_open(const outlet_t *o) {
    return !(atomic_load_explicit(&o->state, memory_order_relaxed) & OUTLET_CLOSED);
}

int ling_outlet_new_data(ling_outlet_t *o, const uint8_t *data, size_t len) {
    if (!is_open(o)) return 0;
    vm_visit_t v = vm_enter(o->vm);
    int r = frame_bytes(o, data, len);
    vm_leave(o->vm, v);
    return r;
}

int ling_outlet_notify(ling_outlet_t *o, ling_term_t term) {
    if (!is_open(o)) return LING_OK;
    if (is_header(term)) return LING_ENOMEM;
    signal_t *sig = signal_new_reason(o->vm, sched_current(o->vm), SIG_MESSAGE, term, 3);
    if (!sig) return LING_ENOMEM;
    term_t *hp = sig->data + sig->used;
    sig->term = tuple2(&hp, o->port, sig->term);
    sig->used = (uint32_t)(hp - sig->data);
    if (port_traced(o)) port_trace_send(o, o->owner, sig->term);
    signal_send(o->vm, o->owner, sig);
    return LING_OK;
}

int ling_outlet_send(ling_outlet_t *o, ling_term_t to, ling_term_t message) {
    if (!is_local_pid(to)) return LING_EINVAL;
    if (is_header(message)) return LING_ENOMEM;
    if (port_traced(o)) port_trace_send(o, to, message);
    return proc_send(o->vm, NULL, to, message) ? LING_OK : LING_ENOMEM;
}

void ling_outlet_eof(ling_outlet_t *o) {
    if (!is_open(o)) return;
    vm_visit_t v = vm_enter(o->vm);
    frame_end(o);
    vm_leave(o->vm, v);
    if (!o->eof)
        ling_outlet_exit(o, 0);
    else if (ling_outlet_notify(o, A_END_OF_FILE) != LING_OK)
        ling_outlet_exit(o, -ENOMEM); /* who waits for it would wait for ever */
}

void ling_outlet_exit_status(ling_outlet_t *o, int status) {
    if (!o->exit_status) return;
    term_t words[3], *hp = words;
    term_t message = tuple2(&hp, A_exit_status, make_small(status));
    if (ling_outlet_notify(o, message) != LING_OK) ling_outlet_exit(o, -ENOMEM);
}
