/* drv_trace_file.c: the driver trace_file_drv: what dbg:trace_port(file, ...) writes trace messages
 * with. Each output becomes a record of a zero byte, its length in 32 bits, and the bytes, as
 * dbg:trace_client reads them. Records are collected in memory until there are many, or control 'f'
 * or the end asks for them; the files are the host's. Polling thread only.
 *
 * The command is "trace_file_drv n NAME", or "trace_file_drv w SIZE COUNT MS LEN n NAME" for files
 * that take turns: their names are the first LEN bytes of NAME, a number, and the rest. A file is
 * full when it has SIZE bytes (0: never) or is MS milliseconds old (0: never). Numbers go from 0 to
 * COUNT in a circle, one of them is always missing: behind it is the oldest.
 */
#include <errno.h>
#include "host/host_file.h"
#include "outlet/outlet.h"

enum { BUFFER = 16 << 10, HEADER = 5 };

typedef struct {
    vm_t *vm;
    host_file_t *file;
    uint64_t in_file; /* bytes, those in buf included */
    uint64_t size, count, ms;
    uint64_t number; /* of the file */
    size_t head;     /* bytes of the name before the number */
    bool wraps;
    size_t used; /* of buf */
    uint8_t buf[BUFFER];
    size_t path_bytes;
    char *path;   /* room for the number */
    size_t nname; /* behind it the name without one */
} trace_file_t;

static const host_file_ops_t *files(const trace_file_t *f) { return f->vm->host->ops->files; }

/* ---- names ---- */

static size_t put_number(char *to, uint64_t n) {
    char digits[20];
    size_t k = 0, len;
    do digits[k++] = (char)('0' + n % 10);
    while (n /= 10);
    for (len = k; k > 0; k--) *to++ = digits[k - 1];
    return len;
}

/* The path of the file with that number. */
static const char *path_of(trace_file_t *f, uint64_t number) {
    const char *name = f->path + f->path_bytes - f->nname - 1;
    if (!f->wraps) return name;
    memcpy(f->path, name, f->head);
    size_t n = f->head + put_number(f->path + f->head, number);
    memcpy(f->path + n, name + f->head, f->nname - f->head + 1);
    return f->path;
}

/* ---- writing ---- */

static int write_all(trace_file_t *f, const uint8_t *data, size_t n) {
    while (n > 0) {
        host_iov_t iov = {(uint8_t *)(uintptr_t)data, n};
        int64_t r = files(f)->write(f->vm->host, f->file, &iov, 1);
        if (r <= 0) return r < 0 ? (int)r : -EIO;
        data += r;
        n -= (size_t)r;
    }
    return 0;
}

static int write_out(trace_file_t *f) {
    size_t n = f->used;
    f->used = 0;
    return n ? write_all(f, f->buf, n) : 0;
}

static int add(trace_file_t *f, const uint8_t *data, size_t n) {
    f->in_file += n;
    if (n > BUFFER - f->used) {
        int r = write_out(f);
        if (r != 0) return r;
        if (n > BUFFER) return write_all(f, data, n);
    }
    if (n) memcpy(f->buf + f->used, data, n);
    f->used += n;
    return 0;
}

static int open_file(trace_file_t *f) {
    f->in_file = 0;
    return files(f)->open(f->vm->host, path_of(f, f->number),
                          HOST_FILE_WRITE | HOST_FILE_CREATE | HOST_FILE_TRUNCATE, 0666, &f->file);
}

/* The next file; the one that was written COUNT files ago goes. */
static int wrap(trace_file_t *f) {
    int r = write_out(f);
    files(f)->close(f->vm->host, f->file);
    f->file = NULL;
    if (r != 0) return r;
    f->number = (f->number + 1) % (f->count + 1);
    files(f)->remove(f->vm->host, path_of(f, (f->number + 1) % (f->count + 1)));
    return open_file(f);
}

/* ---- the driver ---- */

/* A decimal number and the space behind it. */
static bool number_of(const char **s, uint64_t *n) {
    const char *p = *s;
    for (*n = 0; *p >= '0' && *p <= '9'; p++) {
        if (*n > UINT32_MAX) return false;
        *n = *n * 10 + (uint64_t)(*p - '0');
    }
    if (p == *s || *p != ' ') return false;
    *s = p + 1;
    return true;
}

static bool parse(trace_file_t *f, const char *command, const char **name) {
    uint64_t head;
    const char *s = strchr(command, ' ');
    if (!s) return false;
    s++;
    if (strncmp(s, "w ", 2) == 0) {
        s += 2;
        if (!number_of(&s, &f->size) || !number_of(&s, &f->count) || !number_of(&s, &f->ms) ||
            !number_of(&s, &head) || f->count < 2)
            return false;
        f->wraps = true;
        f->head = head;
    }
    if (strncmp(s, "n ", 2) != 0 || !s[2]) return false;
    *name = s + 2;
    return !f->wraps || f->head < strlen(*name); /* the rest is never empty */
}

static void release(trace_file_t *f) {
    mem_free(f->vm, f->path, f->path_bytes);
    mem_free(f->vm, f, sizeof *f);
}

static void set_timer(outlet_t *o, const trace_file_t *f) {
    if (f->ms) ling_outlet_set_timer(o, (int64_t)f->ms * 1000000);
}

static int open(outlet_t *o, const ling_outlet_open_t *args, void *user, void **state) {
    (void)user;
    vm_t *vm = o->vm;
    const char *name;
    trace_file_t *f = mem_calloc(vm, sizeof *f);
    if (!f) return -ENOMEM;
    f->vm = vm;
    int r = LING_OUTLET_BADARG;
    if (parse(f, args->command, &name)) {
        f->nname = strlen(name);
        f->path_bytes = 2 * (f->nname + 1) + 20;
        f->path = mem_alloc(vm, f->path_bytes);
        r = f->path ? -ENOTSUP : -ENOMEM;
        if (f->path && files(f)) {
            memcpy(f->path + f->path_bytes - f->nname - 1, name, f->nname + 1);
            r = open_file(f);
        }
    }
    if (r != 0) {
        release(f);
        return r;
    }
    set_timer(o, f);
    *state = f;
    return 0;
}

static void flush(outlet_t *o) {
    trace_file_t *f = ling_outlet_state(o);
    if (f->file) write_out(f);
}

static void stop(outlet_t *o) {
    trace_file_t *f = ling_outlet_state(o);
    flush(o);
    if (f->file) files(f)->close(f->vm->host, f->file);
    release(f);
}

static int output(outlet_t *o, const uint8_t *data, size_t n) {
    trace_file_t *f = ling_outlet_state(o);
    uint8_t head[HEADER] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                            (uint8_t)n};
    if (!f->file || n == 0) return 0; /* without a file the port is about to end */
    int r = n > UINT32_MAX ? -EFBIG : add(f, head, sizeof head);
    if (r == 0) r = add(f, data, n);
    if (r == 0 && f->size && f->in_file >= f->size) r = wrap(f);
    return r;
}

static int control(outlet_t *o, uint32_t op, const uint8_t *data, size_t n,
                   ling_outlet_reply_t *reply) {
    (void)data, (void)n;
    trace_file_t *f = ling_outlet_state(o);
    if (op != 'f' || !f->file) return LING_OUTLET_BADARG;
    int r = write_out(f);
    if (r != 0) ling_outlet_exit(o, r);
    return ling_outlet_reply(reply, "", 1) == LING_OK ? 0 : -ENOMEM;
}

static void timeout(outlet_t *o) {
    trace_file_t *f = ling_outlet_state(o);
    int r = wrap(f);
    if (r != 0)
        ling_outlet_exit(o, r);
    else
        set_timer(o, f);
}

const ling_outlet_driver_t driver_trace_file = {
    .size = sizeof(ling_outlet_driver_t),
    .open = open,
    .stop = stop,
    .output = output,
    .control = control,
    .timeout = timeout,
    .flush = flush,
};
