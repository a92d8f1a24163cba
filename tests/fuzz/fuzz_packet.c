/* fuzz_packet.c: arbitrary bytes as what a device brings to a port with {packet, N} or {line, L},
 * and as packets for erlang:decode_packet. However the bytes are cut, the port's owner gets the
 * same messages; what is found in a line of HTTP lies inside of it.
 */
#include <stdlib.h>
#include "fixture.h"
#include "outlet/outlet.h"
#include "outlet/packet.h"
#include "vm/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static vm_t *vm;
static proc_t *p;

/* The messages of a stream that comes in pieces of step bytes, newest first. */
static signal_t *messages(const frame_t *how, const uint8_t *data, size_t n, size_t step) {
    outlet_t o = {.vm = vm, .port = make_port(1), .owner = p->pid, .frame = *how};
    for (size_t at = 0; at < n; at += step)
        if (frame_bytes(&o, data + at, n - at < step ? n - at : step) != 0) abort();
    if (frame_end(&o) != 0) abort();
    frame_free(&o);
    return atomic_exchange(&p->sig_in, NULL);
}

static void check_frames(const frame_t *how, const uint8_t *data, size_t n, size_t step) {
    signal_t *a = messages(how, data, n, n + 1), *b = messages(how, data, n, step), *next;
    for (; a && b; a = next) {
        next = a->next;
        if (!term_eq(vm, a->term, b->term)) abort();
        signal_t *after = b->next;
        signal_free(vm, p->sched, a);
        signal_free(vm, p->sched, b);
        b = after;
    }
    if (a || b) abort();
}

static void check_span(span_t s, const uint8_t *data, size_t n) {
    if (s.n && (s.s < data || s.n > n || s.s + s.n > data + n)) abort();
}

static void check_packet(packet_type_t type, const uint8_t *data, size_t n,
                         const packet_limits_t *l) {
    int64_t len = packet_length(type, data, n, l);
    if (len < -1) abort();
    if ((type != PACKET_HTTP && type != PACKET_HTTPH) || len <= 0) return;
    if ((uint64_t)len > n) abort();
    http_line_t h;
    http_parse(data, (size_t)len, type == PACKET_HTTPH, &h);
    if (h.kind == HTTP_ERROR || h.kind == HTTP_END) return;
    check_span(h.method, data, n);
    check_span(h.host, data, n);
    check_span(h.phrase, data, n);
    check_span(h.field, data, n);
    check_span(h.value, data, n);
    if (h.uri != HTTP_URI_ABSOLUTE) check_span(h.path, data, n); /* else it may be a "/" of ours */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    if (!vm) {
        vm = fixture_vm();
        p = fixture_proc(vm);
    }
    uint8_t kind = data[0], limit = data[1];
    frame_t how = {.binary = kind & 4};
    if ((kind & 3) == 3)
        how.line = limit ? limit : 1;
    else
        how.packet = (uint8_t)(1 << (kind & 3));
    size_t step = 1 + (data[2] & 15), n = size - 3;
    check_frames(&how, data + 3, n, step);
    packet_limits_t l = {.max = limit & 1 ? limit : 0,
                         .line_max = limit & 2 ? limit : 0,
                         .delimiter = limit & 4 ? limit : '\n'};
    for (packet_type_t type = PACKET_RAW; type <= PACKET_TLS; type++)
        check_packet(type, data + 3, n, &l);
    return 0;
}
