/* etf.c: decoding of the external term format: the entry points, and terms that are compressed.
 *
 * Two passes over the bytes: etf_read.c checks and counts, etf_build.c makes the term. Called by
 * BIFs and by the loader, which has no process. Relies on zlib.
 */
#include "vm/etf_read.h"
#include "vm/zlib_memory.h"

/* ---- compressed terms ---- */

typedef struct {
    const uint8_t *b; /* the term's bytes, without version */
    size_t n;
    uint8_t *buffer; /* to release, or NULL */
    size_t cap;
    size_t packed; /* bytes the compressed form took, heading included; 0: not compressed */
} body_t;

/* Bytes of output between ticks, and per reduction. */
#define INFLATE_PER_TICK 32768
#define INFLATE_PER_RED  128

/* Output grows with what really comes out, whatever size the heading promises. */
static bool body_inflate(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, body_t *body,
                         bool *no_memory) {
    etf_reader_t r = {b, b + n};
    if (left(&r) < 6) return false;
    r.p += 2;
    size_t size = get32(&r), in = left(&r);
    if (in > UINT32_MAX) in = UINT32_MAX;
    if (size / 1100 > in) return false; /* deflate makes it 1032 times smaller at best */
    z_stream z = zlib_stream(vm);
    z.next_in = (Bytef *)(uintptr_t)r.p;
    z.avail_in = (uInt)in;
    if (inflateInit(&z) != Z_OK) {
        *no_memory = true;
        return false;
    }
    size_t cap = size < 4096 ? size : in * 4 < 4096 ? 4096 : in * 4;
    if (cap > size) cap = size;
    cap += 1; /* notices a byte too many */
    uint8_t *out = mem_alloc(vm, cap);
    int status = out ? Z_OK : Z_MEM_ERROR;
    while (status == Z_OK) {
        z.next_out = out + z.total_out;
        size_t room = cap - z.total_out;
        z.avail_out = room > INFLATE_PER_TICK ? INFLATE_PER_TICK : (uInt)room;
        if (p && bif_tick(p, z.avail_out / INFLATE_PER_RED)) break;
        status = inflate(&z, Z_NO_FLUSH);
        if (status != Z_OK || z.total_out < cap) {
            if (status == Z_OK && z.avail_in == 0 && z.avail_out > 0) status = Z_DATA_ERROR;
            continue;
        }
        if (cap > size) break; /* more than promised */
        size_t more = cap * 2 > size + 1 ? size + 1 : cap * 2;
        uint8_t *bigger = mem_realloc(vm, out, cap, more);
        if (!bigger) {
            status = Z_MEM_ERROR;
            break;
        }
        out = bigger;
        cap = more;
    }
    bool ok = status == Z_STREAM_END && z.total_out == size;
    *no_memory |= status == Z_MEM_ERROR;
    *body = (body_t){.b = out, .n = size, .buffer = out, .cap = cap, .packed = 6 + z.total_in};
    inflateEnd(&z);
    if (!ok && out) mem_free(vm, out, cap);
    return ok;
}

/* Checks the version byte and finds the term's own bytes. */
static bool body_open(vm_t *vm, proc_t *p, const uint8_t *b, size_t n, body_t *body,
                      bool *no_memory) {
    *no_memory = false;
    if (n < 2 || b[0] != ETF_VERSION) return false;
    if (b[1] == ETF_COMPRESSED) return body_inflate(vm, p, b, n, body, no_memory);
    *body = (body_t){.b = b + 1, .n = n - 1};
    return true;
}
static void body_close(vm_t *vm, body_t *body) {
    if (body->buffer) mem_free(vm, body->buffer, body->cap);
}
static int64_t body_measure(vm_t *vm, proc_t *p, const body_t *body, size_t *used) {
    size_t taken = 0;
    int64_t words = etf_body_size(vm, p, body->b, body->n, &taken);
    if (used) *used = body->packed ? body->packed : taken + 1;
    return words;
}

int64_t etf_decoded_size(vm_t *vm, const uint8_t *b, size_t n, size_t *used) {
    body_t body;
    bool no_memory;
    if (!body_open(vm, NULL, b, n, &body, &no_memory)) return -1;
    int64_t words = body_measure(vm, NULL, &body, used);
    body_close(vm, &body);
    return words;
}

term_t etf_decode(vm_t *vm, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                  off_heap_t **off) {
    body_t body;
    bool no_memory;
    if (!body_open(vm, NULL, b, n, &body, &no_memory)) return TERM_NONE;
    term_t t = etf_body_build(vm, NULL, body.b, body.n, flags, hp, off, &no_memory);
    body_close(vm, &body);
    return t;
}

static term_t decode_to(proc_t *p, proc_t *tick, const uint8_t *b, size_t n, unsigned flags,
                        size_t *used, bool *no_memory) {
    body_t body;
    if (!body_open(p->vm, tick, b, n, &body, no_memory)) return TERM_NONE;
    term_t t = TERM_NONE;
    int64_t words = body_measure(p->vm, tick, &body, used);
    /* A long BIF begins again before it takes much memory. */
    if (words >= 0 && !(tick && bif_begin(tick, (size_t)words / TERMS_PER_RED))) {
        term_t *hp = heap_alloc(p, (size_t)words);
        off_heap_t *old = p->off_heap;
        if (hp) {
            term_t *start = hp, *end = hp + words;
            t = etf_body_build(p->vm, tick, body.b, body.n, flags, &hp, &p->off_heap, no_memory);
            heap_release(p, t == TERM_NONE ? start : hp, end);
            for (off_heap_t *o = p->off_heap; o != old; o = o->next)
                if (header_type(o->header) == T_PROC_BIN) p->vheap += ((proc_bin_t *)o)->size;
        } else {
            *no_memory = true;
        }
    }
    body_close(p->vm, &body);
    return t;
}

term_t etf_decode_to(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used,
                     bool *no_memory) {
    bool unasked;
    return decode_to(p, NULL, b, n, flags, used, no_memory ? no_memory : &unasked);
}
term_t etf_decode_heap(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used,
                       bool *no_memory) {
    return decode_to(p, p, b, n, flags, used, no_memory);
}
