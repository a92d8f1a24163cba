/* host_sim.c: the simulated host. See host_sim.h.
 *
 * Relies on the C library for memory and, where the options allow it, for reading real files; on
 * nothing else: what it answers depends on the seed and the script alone. Files are in
 * host_sim_file.c.
 */
#include "host/sim/host_sim_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- trace ---- */

static uint64_t mix(uint64_t x) {
    x ^= x >> 31;
    x *= 0x9fb21c651e98df25u;
    return x ^ x >> 28;
}

void sim_trace(sim_host_t *s, int op, uint64_t value) {
    s->trace = mix(s->trace + (uint64_t)op * 0x9e3779b97f4a7c15u) ^ mix(value + s->trace);
}

void sim_trace_bytes(sim_host_t *s, int op, const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++) hash = (hash ^ p[i]) * 0x100000001b3u;
    sim_trace(s, op, hash + len);
}

bool sim_fails(sim_host_t *s, int what) { return s->fail[what] && --s->fail[what] == 0; }

struct sim_io_state **host_sim_io_state(host_t *h) {
    return &((sim_host_t *)h)->io;
}
void host_sim_note(host_t *h, const void *data, size_t len) {
    sim_trace_bytes((sim_host_t *)h, OP_EVENT, data, len);
}
bool host_sim_fails(host_t *h, int what) { return sim_fails((sim_host_t *)h, what); }

/* ---- clocks, entropy ---- */

static uint64_t sim_monotonic_ns(host_t *h) {
    sim_host_t *s = (sim_host_t *)h;
    s->now += (uint64_t)s->options.clock_step_ns;
    sim_trace(s, OP_CLOCK, s->now);
    return s->now;
}

static unsigned sim_cpu_count(host_t *h) {
    (void)h;
    return 1;
}

static int64_t sim_wall_ns(host_t *h) {
    sim_host_t *s = (sim_host_t *)h;
    s->now += (uint64_t)s->options.clock_step_ns;
    sim_trace(s, OP_WALL, s->now);
    return s->options.wall_ns + (int64_t)(s->now - s->options.start_ns);
}

static int32_t sim_local_offset(host_t *h, int64_t utc_seconds, bool *dst) {
    (void)utc_seconds;
    if (dst) *dst = false;
    return ((sim_host_t *)h)->options.utc_offset;
}

static bool sim_local_to_utc(host_t *h, int64_t local_seconds, int dst, int64_t *utc_seconds) {
    *utc_seconds = local_seconds - sim_local_offset(h, 0, NULL) - (dst > 0 ? 3600 : 0);
    return true;
}

/* The program's processor time is the time that passed. */
static uint64_t sim_cpu_ns(host_t *h) {
    sim_host_t *s = (sim_host_t *)h;
    return s->now - s->options.start_ns;
}

static uint64_t sim_os_pid(host_t *h) {
    (void)h;
    return 1;
}

static uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

static uint64_t random_next(sim_host_t *s) {
    uint64_t *r = s->random;
    uint64_t result = rotl(r[1] * 5, 7) * 9, t = r[1] << 17;
    r[2] ^= r[0], r[3] ^= r[1], r[1] ^= r[2], r[0] ^= r[3];
    r[2] ^= t;
    r[3] = rotl(r[3], 45);
    return result;
}

static void sim_entropy(host_t *h, void *buf, size_t len) {
    sim_host_t *s = (sim_host_t *)h;
    uint8_t *p = buf;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t x = random_next(s);
        memcpy(p + i, &x, len - i < 8 ? len - i : 8);
    }
    sim_trace_bytes(s, OP_ENTROPY, buf, len);
}

/* ---- pages ---- */

static void *sim_pages_reserve(host_t *h, size_t bytes) {
    sim_host_t *s = (sim_host_t *)h;
    sim_trace(s, OP_RESERVE, bytes);
    if (sim_fails(s, HOST_SIM_FAIL_PAGES)) return NULL;
    if (s->options.page_limit && bytes > s->options.page_limit - s->pages) return NULL;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (p == MAP_FAILED) return NULL;
    s->pages += bytes;
    return p;
}

static void sim_pages_release(host_t *h, void *base, size_t bytes) {
    sim_host_t *s = (sim_host_t *)h;
    if (!base) return;
    sim_trace(s, OP_RELEASE, bytes);
    s->pages -= bytes;
    munmap(base, bytes);
}

static void sim_pages_discard(host_t *h, void *base, size_t bytes) {
    (void)h;
    madvise(base, bytes, MADV_DONTNEED);
}

/* ---- waiting ---- */

/* Hands the reader what has arrived. The reader may stop in between. */
static bool input_deliver(sim_host_t *s) {
    host_stream_t *in = &s->streams[HOST_STDIN];
    bool any = false;
    while (in->fn && s->input && s->input->at <= s->now) {
        sim_input_t *i = s->input;
        s->input = i->next;
        if (!s->input) s->input_last = &s->input;
        host_read_fn fn = in->fn;
        sim_trace_bytes(s, OP_READ, i->data, i->len);
        if (i->len == 0) in->fn = NULL;
        fn(in->user, i->len ? i->data : NULL, (int64_t)i->len);
        free(i);
        any = true;
    }
    return any;
}

static bool events_run(sim_host_t *s) {
    bool any = input_deliver(s);
    /* What an event schedules for now runs in the next wait: no endless loop in here. */
    sim_event_t *due = s->events, **last = &due;
    while (*last && (*last)->at <= s->now) last = &(*last)->next;
    s->events = *last;
    *last = NULL;
    for (sim_event_t *next; due; due = next) {
        next = due->next;
        sim_trace(s, OP_EVENT, due->at);
        due->fn(due->user);
        free(due);
        any = true;
    }
    return any;
}

static bool sim_wait(host_t *h, uint64_t deadline_ns) {
    sim_host_t *s = (sim_host_t *)h;
    sim_trace(s, OP_WAIT, deadline_ns);
    bool any = events_run(s);
    if (s->woken || any || deadline_ns == 0) {
        s->woken = false;
        return true;
    }
    uint64_t next = deadline_ns;
    if (s->events && s->events->at < next) next = s->events->at;
    if (s->streams[HOST_STDIN].fn && s->input && s->input->at < next) next = s->input->at;
    if (next == HOST_FOREVER) return false;
    if (next > s->now) s->now = next;
    events_run(s);
    s->woken = false;
    return true;
}

static void sim_wake(host_t *h) {
    sim_host_t *s = (sim_host_t *)h;
    sim_trace(s, OP_WAKE, 0);
    s->woken = true;
}

/* ---- environment ---- */

static char **env_find(sim_host_t *s, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < s->env_count; i++)
        if (strncmp(s->env[i], name, n) == 0 && s->env[i][n] == '=') return &s->env[i];
    return NULL;
}

static const char *sim_env_get(host_t *h, const char *name) {
    sim_host_t *s = (sim_host_t *)h;
    sim_trace_bytes(s, OP_ENV, name, strlen(name));
    char **e = env_find(s, name);
    return e ? *e + strlen(name) + 1 : NULL;
}

static void sim_env_each(host_t *h, bool (*fn)(void *user, const char *entry), void *user) {
    sim_host_t *s = (sim_host_t *)h;
    for (size_t i = 0; i < s->env_count; i++)
        if (!fn(user, s->env[i])) return;
}

/* ---- streams, log ---- */

static int sim_stream_open(host_t *h, int which, host_stream_t **out) {
    sim_host_t *s = (sim_host_t *)h;
    if (which < HOST_STDIN || which > HOST_STDERR) return -EINVAL;
    s->streams[which].which = which;
    *out = &s->streams[which];
    return 0;
}

static int sim_stream_read(host_t *h, host_stream_t *st, host_read_fn fn, void *user) {
    (void)h;
    if (st->which != HOST_STDIN) return -EBADF;
    st->fn = fn;
    st->user = user;
    return 0;
}

static bool text_add(sim_text_t *t, const void *data, size_t len) {
    if (len == 0) return true;
    if (t->len + len + 1 > t->cap) {
        size_t cap = (t->len + len + 1) * 2;
        char *p = realloc(t->data, cap);
        if (!p) return false;
        t->data = p;
        t->cap = cap;
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = 0;
    return true;
}

static int sim_stream_write(host_t *h, host_stream_t *st, const uint8_t *data, size_t len,
                            host_written_fn fn, void *user) {
    sim_host_t *s = (sim_host_t *)h;
    int r = 0;
    sim_trace(s, OP_WRITE, (uint64_t)st->which);
    sim_trace_bytes(s, OP_WRITE, data, len);
    if (sim_fails(s, HOST_SIM_FAIL_WRITE))
        r = -EIO;
    else if (!text_add(&s->output[st->which], data, len))
        r = -ENOMEM;
    if (fn) fn(user, r);
    return fn ? 0 : r;
}

static void sim_stream_flush(host_t *h, host_stream_t *st) { (void)h, (void)st; }

static void sim_stream_close(host_t *h, host_stream_t *st) {
    (void)h;
    st->fn = NULL;
}

static void sim_log(host_t *h, int level, const char *text, size_t len) {
    (void)level;
    sim_host_t *s = (sim_host_t *)h;
    text_add(&s->output[HOST_SIM_LOG], text, len);
    text_add(&s->output[HOST_SIM_LOG], "\n", 1);
}

/* ---- script ---- */

void host_sim_set_wall(host_t *h, int64_t by_ns) { ((sim_host_t *)h)->options.wall_ns += by_ns; }

int host_sim_env_set(host_t *h, const char *name, const char *value) {
    sim_host_t *s = (sim_host_t *)h;
    size_t n = strlen(name) + strlen(value) + 2;
    char *entry = malloc(n);
    if (!entry) return -ENOMEM;
    snprintf(entry, n, "%s=%s", name, value);
    char **e = env_find(s, name);
    if (e) {
        free(*e);
        *e = entry;
        return 0;
    }
    char **env = realloc(s->env, (s->env_count + 1) * sizeof *env);
    if (!env) {
        free(entry);
        return -ENOMEM;
    }
    s->env = env;
    s->env[s->env_count++] = entry;
    return 0;
}

int host_sim_input(host_t *h, uint64_t at_ns, const void *data, size_t len) {
    sim_host_t *s = (sim_host_t *)h;
    sim_input_t *i = malloc(sizeof *i + len);
    if (!i) return -ENOMEM;
    i->next = NULL;
    i->at = at_ns;
    i->len = len;
    if (len) memcpy(i->data, data, len);
    *s->input_last = i;
    s->input_last = &i->next;
    return 0;
}

int host_sim_at(host_t *h, uint64_t at_ns, void (*fn)(void *user), void *user) {
    sim_host_t *s = (sim_host_t *)h;
    sim_event_t *e = malloc(sizeof *e);
    if (!e) return -ENOMEM;
    *e = (sim_event_t){NULL, at_ns, fn, user};
    sim_event_t **link = &s->events;
    while (*link && (*link)->at <= at_ns) link = &(*link)->next;
    e->next = *link;
    *link = e;
    return 0;
}

void host_sim_fail(host_t *h, int what, uint64_t k) { ((sim_host_t *)h)->fail[what] = k; }

const char *host_sim_output(host_t *h, int which, size_t *len) {
    sim_text_t *t = &((sim_host_t *)h)->output[which];
    if (len) *len = t->len;
    return t->data ? t->data : "";
}

void host_sim_output_clear(host_t *h, int which) {
    sim_text_t *t = &((sim_host_t *)h)->output[which];
    t->len = 0;
    if (t->data) t->data[0] = 0;
}

uint64_t host_sim_now(host_t *h) { return ((sim_host_t *)h)->now; }
void host_sim_advance(host_t *h, uint64_t ns) { ((sim_host_t *)h)->now += ns; }
uint64_t host_sim_trace(host_t *h) { return ((sim_host_t *)h)->trace; }
size_t host_sim_pages(host_t *h) { return ((sim_host_t *)h)->pages; }
size_t host_sim_files_open(host_t *h) { return ((sim_host_t *)h)->files_open; }

/* ---- life ---- */

static void sim_destroy(host_t *h) {
    sim_host_t *s = (sim_host_t *)h;
    sim_tree_free(&s->tree);
    for (sim_event_t *e = s->events, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    for (sim_input_t *i = s->input, *next; i; i = next) {
        next = i->next;
        free(i);
    }
    for (size_t i = 0; i < s->env_count; i++) free(s->env[i]);
    free(s->env);
    for (int i = 0; i < 4; i++) free(s->output[i].data);
    sim_io_free(h);
    free(s);
}

static const host_ops_t sim_ops = {
    .name = "sim",
    .monotonic_ns = sim_monotonic_ns,
    .cpu_count = sim_cpu_count,
    .wall_ns = sim_wall_ns,
    .entropy = sim_entropy,
    .pages_reserve = sim_pages_reserve,
    .pages_release = sim_pages_release,
    .pages_discard = sim_pages_discard,
    .wait = sim_wait,
    .wake = sim_wake,
    .files = &sim_files,
    .file_load = sim_file_load,
    .file_free = sim_file_free,
    .dir_list = sim_dir_list,
    .env_get = sim_env_get,
    .env_each = sim_env_each,
    .stream_open = sim_stream_open,
    .stream_read = sim_stream_read,
    .stream_write = sim_stream_write,
    .stream_flush = sim_stream_flush,
    .stream_close = sim_stream_close,
    .io_open = sim_io_open,
    .io_read = sim_io_read,
    .io_write = sim_io_write,
    .io_flush = sim_io_flush,
    .io_close = sim_io_close,
    .child_start = sim_child_start,
    .child_pid = sim_child_pid,
    .child_forget = sim_child_forget,
    .tty_size = sim_tty_size,
    .tty_mode = sim_tty_mode,
    .log = sim_log,
    .local_offset = sim_local_offset,
    .local_to_utc = sim_local_to_utc,
    .cpu_ns = sim_cpu_ns,
    .os_pid = sim_os_pid,
    .destroy = sim_destroy,
};

host_t *host_sim_create(uint64_t seed, const host_sim_options_t *options) {
    sim_host_t *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->base.ops = &sim_ops;
    if (options) s->options = *options;
    if (!s->options.start_ns) s->options.start_ns = 1000000000u;
    if (!s->options.wall_ns) s->options.wall_ns = 1767225600000000000;
    if (!s->options.clock_step_ns) s->options.clock_step_ns = 100;
    if (s->options.clock_step_ns < 0) s->options.clock_step_ns = 0;
    s->now = s->options.start_ns;
    s->input_last = &s->input;
    if (!sim_tree_init(&s->tree, s->options.real_files, sim_seconds(s))) {
        sim_tree_free(&s->tree);
        free(s);
        return NULL;
    }
    /* splitmix64 spreads the seed: no state is all zero. */
    for (int i = 0; i < 4; i++) {
        uint64_t x = (seed += 0x9e3779b97f4a7c15u);
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        s->random[i] = x ^ x >> 31;
    }
    return &s->base;
}
