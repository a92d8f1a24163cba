/* drv_ram_file.c: the driver ram_file_drv: a file in memory, behind OTP's module ram_file
 * (file:open(Data, [ram])). A request is a byte that says what, then 32 or 64 bit numbers, then
 * data; the answer is a message {Port, {data, [Kind | ...]}}.
 */
#include <errno.h>
#include "outlet/outlet.h"
#include "vm/errno_name.h"
#include "vm/process.h"
#include "vm/zlib_memory.h"

enum {
    OP_OPEN = 1,
    OP_READ = 2,
    OP_SEEK = 3,
    OP_WRITE = 4,
    OP_FSYNC = 9,
    OP_TRUNCATE = 14,
    OP_PREAD = 17,
    OP_PWRITE = 18,
    OP_FDATASYNC = 19,
    OP_GET = 30,
    OP_COMPRESS = 33,
    OP_UNCOMPRESS = 34,
    OP_SIZE = 37,
    OP_ADVISE = 38,
    OP_ALLOCATE = 39
};
enum { MODE_READ = 1, MODE_WRITE = 2 };
enum { SEEK_FROM_START, SEEK_FROM_HERE, SEEK_FROM_END };
enum { SAYS_OK, SAYS_ERROR, SAYS_DATA, SAYS_NUMBER };

#define SIZE_LIMIT INT32_MAX /* numbers of 32 bits in all answers */

typedef struct {
    outlet_t *o;
    uint8_t *data;
    size_t size, cap;
    size_t pos;
    unsigned mode; /* 0: not open yet */
} ram_t;

/* ---- answers ---- */

/* [Kind, head ... | body]; body: bytes in the port's form. */
static int answer(ram_t *f, uint8_t kind, const uint8_t *head, size_t nhead, const uint8_t *body,
                  size_t nbody) {
    term_t *hp;
    bool binary = f->o->frame.binary && body;
    signal_t *sig = signal_new_bytes(f->o->vm, sched_current(f->o->vm), SIG_MESSAGE, body, nbody,
                                     binary, 2 * (nhead + 1) + 6, &hp);
    if (!sig) return -ENOMEM;
    term_t list = sig->term;
    for (size_t i = nhead; i-- > 0;) list = cons(&hp, make_small(head[i]), list);
    list = cons(&hp, make_small(kind), list);
    term_t data = tuple2(&hp, A_data, list);
    sig->term = tuple2(&hp, f->o->port, data);
    sig->used = (uint32_t)(hp - sig->data);
    if (port_traced(f->o)) port_trace_send(f->o, f->o->owner, sig->term);
    signal_send(f->o->vm, f->o->owner, sig);
    return 0;
}

static int say_ok(ram_t *f) { return answer(f, SAYS_OK, NULL, 0, NULL, 0); }

static int say_error(ram_t *f, int error) {
    const char *name = errno_name(error);
    return answer(f, SAYS_ERROR, (const uint8_t *)name, strlen(name), NULL, 0);
}

static void put32(uint8_t *p, size_t n) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(n >> (24 - 8 * i));
}

static int say_number(ram_t *f, size_t n) {
    uint8_t b[4];
    put32(b, n);
    return answer(f, SAYS_NUMBER, b, 4, NULL, 0);
}

static int say_data(ram_t *f, size_t at, size_t n) {
    uint8_t b[4];
    if (at > f->size) at = f->size;
    if (n > f->size - at) n = f->size - at;
    put32(b, n);
    static const uint8_t none[1];
    f->pos = at + n;
    return answer(f, SAYS_DATA, b, 4, f->data ? f->data + at : none, n);
}

/* ---- the file ---- */

static bool grow(ram_t *f, size_t size) {
    if (size <= f->cap) return true;
    size_t cap = f->cap ? f->cap : 256;
    while (cap < size) cap *= 2;
    uint8_t *data = mem_realloc(f->o->vm, f->data, f->cap, cap);
    if (!data) return false;
    f->data = data;
    f->cap = cap;
    return true;
}

/* 0 or a negative errno value. */
static int write_at(ram_t *f, size_t at, const uint8_t *data, size_t n) {
    if (!(f->mode & MODE_WRITE)) return -EBADF;
    if (n > SIZE_LIMIT || at > SIZE_LIMIT - n) return -ENOMEM;
    if (!grow(f, at + n)) return -ENOMEM;
    if (at > f->size) memset(f->data + f->size, 0, at - f->size);
    memcpy(f->data + at, data, n);
    if (at + n > f->size) f->size = at + n;
    return 0;
}

static int64_t get32(const uint8_t *p) {
    return (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
}

static int open_file(ram_t *f, const uint8_t *d, size_t n) {
    if (n < 4) return say_error(f, EINVAL);
    if (n - 4 > SIZE_LIMIT || !grow(f, n - 4)) return say_error(f, ENOMEM);
    f->mode = (unsigned)get32(d);
    if (n > 4) memcpy(f->data, d + 4, n - 4);
    f->size = n - 4;
    f->pos = 0;
    return say_number(f, 0);
}

static int seek(ram_t *f, int64_t offset, int64_t whence) {
    int64_t base = whence == SEEK_FROM_HERE  ? (int64_t)f->pos
                   : whence == SEEK_FROM_END ? (int64_t)f->size
                                             : 0;
    if (whence < SEEK_FROM_START || whence > SEEK_FROM_END || base + offset < 0 ||
        base + offset > UINT32_MAX)
        return say_error(f, EINVAL);
    f->pos = (size_t)(base + offset);
    return say_number(f, f->pos);
}

static int truncate_here(ram_t *f) {
    if (!(f->mode & MODE_WRITE)) return say_error(f, EACCES);
    if (f->pos > f->size) {
        if (f->pos > SIZE_LIMIT || !grow(f, f->pos)) return say_error(f, ENOMEM);
        memset(f->data + f->size, 0, f->pos - f->size);
    }
    f->size = f->pos;
    return say_ok(f);
}

/* ---- gzip ---- the whole content, in place */

static int gzip(ram_t *f, bool compress) {
    ram_t to = {.o = f->o};
    z_stream z = zlib_stream(f->o->vm);
    int r = compress ? deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                                    Z_DEFAULT_STRATEGY)
                     : inflateInit2(&z, 15 + 16);
    if (r != Z_OK) return say_error(f, ENOMEM);
    static const uint8_t none[1];
    z.next_in = f->data ? f->data : (uint8_t *)(uintptr_t)none;
    z.avail_in = (uInt)f->size;
    int error = 0;
    do {
        if (to.size > SIZE_LIMIT / 2 || !grow(&to, to.size + 4096)) {
            error = ENOMEM;
            break;
        }
        z.next_out = to.data + to.size;
        z.avail_out = (uInt)(to.cap - to.size);
        r = compress ? deflate(&z, Z_FINISH) : inflate(&z, Z_NO_FLUSH);
        to.size = to.cap - z.avail_out;
    } while (r == Z_OK && (compress || z.avail_in || z.avail_out == 0));
    if (compress)
        deflateEnd(&z);
    else
        inflateEnd(&z);
    if (!error && r != Z_STREAM_END) error = EINVAL;
    ram_t *gone = error ? &to : f;
    mem_free(f->o->vm, gone->data, gone->cap);
    if (error) return say_error(f, error);
    f->data = to.data;
    f->cap = to.cap;
    f->size = to.size;
    f->pos = 0;
    return say_number(f, f->size);
}

/* ---- the driver ---- */

/* Bytes a request has behind its operation, at least. */
static size_t arguments(uint8_t op) {
    switch (op) {
    case OP_READ:
    case OP_PWRITE: return 4;
    case OP_SEEK:
    case OP_PREAD: return 8;
    case OP_ALLOCATE: return 16;
    case OP_ADVISE: return 20;
    default: return 0;
    }
}

static int request(ram_t *f, uint8_t op, const uint8_t *d, size_t n) {
    if (op == OP_OPEN) return open_file(f, d, n);
    if (!f->mode) return say_error(f, EBADF);
    if (n < arguments(op)) return say_error(f, EINVAL);
    int r;
    switch (op) {
    case OP_READ:
    case OP_PREAD: {
        bool here = op == OP_READ;
        int64_t at = here ? (int64_t)f->pos : get32(d), size = get32(here ? d : d + 4);
        size_t pos = f->pos;
        if (at < 0 || size < 0) return say_error(f, EINVAL);
        if (!(f->mode & MODE_READ)) return say_error(f, EBADF);
        r = say_data(f, (size_t)at, (size_t)size);
        if (!here) f->pos = pos;
        return r;
    }
    case OP_SEEK: return seek(f, get32(d), get32(d + 4));
    case OP_WRITE:
        r = write_at(f, f->pos, d, n);
        if (r == 0) f->pos += n;
        return r < 0 ? say_error(f, r) : say_number(f, n);
    case OP_PWRITE:
        if (get32(d) < 0) return say_error(f, EINVAL);
        r = write_at(f, (size_t)get32(d), d + 4, n - 4);
        return r < 0 ? say_error(f, r) : say_number(f, n - 4);
    case OP_FSYNC:
    case OP_FDATASYNC: return say_ok(f);
    case OP_TRUNCATE: return truncate_here(f);
    case OP_GET: {
        size_t pos = f->pos;
        r = say_data(f, 0, f->size);
        f->pos = pos;
        return r;
    }
    case OP_SIZE: return say_number(f, f->size);
    case OP_ADVISE:
        return get32(d + 16) >= 0 && get32(d + 16) <= 5 ? say_ok(f) : say_error(f, EINVAL);
    case OP_ALLOCATE: return say_ok(f); /* memory is taken when it is written */
    case OP_COMPRESS: return gzip(f, true);
    case OP_UNCOMPRESS: return gzip(f, false);
    default: return say_error(f, EINVAL);
    }
}

static int ram_open(ling_outlet_t *o, const ling_outlet_open_t *a, void *user, void **state) {
    (void)a, (void)user;
    ram_t *f = mem_calloc(ling_outlet_vm(o), sizeof *f);
    if (!f) return -ENOMEM;
    f->o = o;
    *state = f;
    return 0;
}

static void ram_stop(ling_outlet_t *o) {
    ram_t *f = ling_outlet_state(o);
    mem_free(o->vm, f->data, f->cap);
    mem_free(o->vm, f, sizeof *f);
}

static int ram_output(ling_outlet_t *o, const uint8_t *data, size_t len) {
    ram_t *f = ling_outlet_state(o);
    return len ? request(f, data[0], data + 1, len - 1) : say_error(f, EINVAL);
}

const ling_outlet_driver_t driver_ram_file = {
    .size = sizeof driver_ram_file,
    .open = ram_open,
    .stop = ram_stop,
    .output = ram_output,
};
