/* host_uv.c: the host on libuv: clocks, pages, threads, and the loop.
 *
 * The loop and its handles are made when something first waits or reads, so that a VM that only
 * computes pays nothing for them. Sleeping is exact: deadlines go to a timerfd (libuv's own timers
 * count milliseconds) that the loop polls. Each handle is memory of its own that goes with the
 * handle's close callback.
 *
 * Relies on libuv, Linux and the C library; streams are in host_uv_stream.c, files in
 * host_uv_file.c. Callers: through the table of host.h, and host_uv.h.
 */
#include "host/uv/host_uv_priv.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- shared libraries ---- */

static void *lib_result(void *result, char *err, size_t err_size) {
    const char *why = result ? NULL : dlerror();
    if (!result) snprintf(err, err_size, "%s", why ? why : "unknown error");
    return result;
}

static void *uvh_lib_open(host_t *h, const char *path, char *err, size_t err_size) {
    (void)h;
    return lib_result(dlopen(path, RTLD_NOW | RTLD_LOCAL), err, err_size);
}

static void *uvh_lib_symbol(host_t *h, void *lib, const char *name, char *err, size_t err_size) {
    (void)h;
    dlerror();
    return lib_result(dlsym(lib, name), err, err_size);
}

static void uvh_lib_close(host_t *h, void *lib) {
    (void)h;
    dlclose(lib);
}

/* ---- clocks, entropy ---- */

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t uvh_monotonic_ns(host_t *h) {
    (void)h;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t uvh_wall_ns(host_t *h) {
    (void)h;
    return (int64_t)clock_ns(CLOCK_REALTIME);
}

static uint64_t uvh_cpu_ns(host_t *h) {
    (void)h;
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static uint64_t uvh_os_pid(host_t *h) {
    (void)h;
    return (uint64_t)getpid();
}

/* localtime_r need not read TZ by itself; once for all VMs of the program. */
static uv_once_t zone_once = UV_ONCE_INIT;

static int32_t uvh_local_offset(host_t *h, int64_t utc_seconds, bool *dst) {
    (void)h;
    time_t t = (time_t)utc_seconds;
    struct tm tm;
    uv_once(&zone_once, tzset);
    if (!localtime_r(&t, &tm)) {
        if (dst) *dst = false;
        return 0;
    }
    if (dst) *dst = tm.tm_isdst > 0;
    return (int32_t)tm.tm_gmtoff;
}

static bool uvh_local_to_utc(host_t *h, int64_t local_seconds, int dst, int64_t *utc_seconds) {
    (void)h;
    time_t t = (time_t)local_seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm)) return false;
    tm.tm_isdst = dst;
    tm.tm_wday = -1; /* -1 may be a time: then this is filled in */
    t = mktime(&tm);
    *utc_seconds = t;
    return t != (time_t)-1 || tm.tm_wday >= 0;
}

static void uvh_entropy(host_t *h, void *buf, size_t len) {
    (void)h;
    uint8_t *p = buf;
    while (len) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            /* A kernel without getrandom: addresses and clocks are better than nothing. */
            uint64_t x = clock_ns(CLOCK_MONOTONIC) ^ (uint64_t)(uintptr_t)&x;
            for (; len; len--, p++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                *p = (uint8_t)(x >> 32);
            }
            return;
        }
        p += n;
        len -= (size_t)n;
    }
}

/* ---- pages ---- */

static void *uvh_pages_reserve(host_t *h, size_t bytes) {
    (void)h;
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void uvh_pages_release(host_t *h, void *base, size_t bytes) {
    (void)h;
    if (base) munmap(base, bytes);
}

static void uvh_pages_discard(host_t *h, void *base, size_t bytes) {
    (void)h;
    madvise(base, bytes, MADV_DONTNEED);
}

/* ---- the loop ---- */

static void close_free(uv_handle_t *handle) { free(handle); }

void uvh_close(void *handle) {
    uv_handle_t *x = handle;
    if (!x) return;
    x->data = NULL; /* callbacks that still come find no host */
    uv_close(x, close_free);
}

/* That the loop turned is all there is to it. */
static void on_async(uv_async_t *handle) { (void)handle; }

static void on_timer(uv_poll_t *handle, int status, int events) {
    (void)status, (void)events;
    uv_host_t *u = handle->data;
    if (!u) return;
    uint64_t ticks;
    if (read(u->timer_fd, &ticks, sizeof ticks) < 0) return; /* armed anew meanwhile */
    u->armed = HOST_FOREVER;
}

static int loop_make(uv_host_t *u) {
    int r;
    if (!u->loop) {
        uv_loop_t *loop = malloc(sizeof *loop);
        if (!loop) return -ENOMEM;
        r = uv_loop_init(loop);
        if (r) {
            free(loop);
            return r;
        }
        u->loop = loop;
    }
    u->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (u->timer_fd < 0) return -errno;
    uv_async_t *async = malloc(sizeof *async);
    uv_poll_t *timer = malloc(sizeof *timer);
    r = async && timer ? uv_async_init(u->loop, async, on_async) : -ENOMEM;
    if (r) {
        free(async);
        free(timer);
        goto fail;
    }
    r = uv_poll_init(u->loop, timer, u->timer_fd);
    if (r) {
        free(timer);
        uvh_close(async);
        goto fail;
    }
    timer->data = u;
    r = uv_poll_start(timer, UV_READABLE, on_timer);
    if (r) {
        uvh_close(timer);
        uvh_close(async);
        goto fail;
    }
    uv_unref((uv_handle_t *)timer);
    uv_unref((uv_handle_t *)async);
    u->timer = timer;
    u->async = async;
    u->armed = HOST_FOREVER;
    uv_mutex_lock(&u->wake_lock);
    u->wakeable = true;
    uv_mutex_unlock(&u->wake_lock);
    return 0;
fail:
    close(u->timer_fd);
    u->timer_fd = -1;
    return r;
}

void uvh_std_hold(uvh_std_t *std) {
    for (std->n = 0; std->n < 3; std->n++) {
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd > STDERR_FILENO) close(fd);
        if (fd < 0 || fd > STDERR_FILENO) return;
        std->fd[std->n] = fd;
    }
}

void uvh_std_free(uvh_std_t *std) {
    while (std->n > 0) close(std->fd[--std->n]);
}

/* Makes the loop, the wake-up handle and the timer. 0 or a negative errno value. */
int uvh_loop_start(uv_host_t *u) {
    if (u->async) return 0;
    uvh_std_t std;
    uvh_std_hold(&std);
    int r = loop_make(u);
    uvh_std_free(&std);
    return r;
}

/* Takes all handles out of the loop. Other threads may be in wake. */
static void loop_stop(uv_host_t *u) {
    if (!u->async) return;
    uvh_streams_stop(u);
    uvh_signals_stop(u);
    uvh_ios_stop(u);
    uvh_children_stop(u);
    uv_mutex_lock(&u->wake_lock);
    u->wakeable = false;
    uv_mutex_unlock(&u->wake_lock);
    /* libuv wants the poll handle stopped before its descriptor goes. */
    uv_poll_stop(u->timer);
    uvh_close(u->timer);
    uvh_close(u->async);
    u->timer = NULL;
    u->async = NULL;
    close(u->timer_fd);
    u->timer_fd = -1;
}

/* Sets the timer to a time (HOST_FOREVER: off). */
static void timer_arm(uv_host_t *u, uint64_t when) {
    if (when == u->armed) return;
    struct itimerspec spec = {{0, 0}, {0, 0}};
    if (when != HOST_FOREVER && when / 1000000000u < INT32_MAX) {
        spec.it_value.tv_sec = (time_t)(when / 1000000000u);
        spec.it_value.tv_nsec = (long)(when % 1000000000u);
        if (when == 0) spec.it_value.tv_nsec = 1; /* all zero would disarm */
    }
    timerfd_settime(u->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    u->armed = when;
}

static bool uvh_wait(host_t *h, uint64_t deadline_ns) {
    uv_host_t *u = (uv_host_t *)h;
    bool woken = atomic_exchange(&u->woken, false);
    bool look = woken || deadline_ns == 0 || deadline_ns <= uvh_monotonic_ns(h);
    if (look) {
        /* Only where there is something to look at; a descriptor somebody watches (host_uv_loop)
         * has to be emptied of wake-ups, too. */
        if (u->loop && (u->watched || uv_loop_alive(u->loop))) {
            if (u->async) uv_ref((uv_handle_t *)u->async);
            uv_run(u->loop, UV_RUN_NOWAIT);
            if (u->async) uv_unref((uv_handle_t *)u->async);
        }
        return true;
    }
    if (uvh_loop_start(u) != 0) {
        /* No loop to sleep in: short naps, so that nothing is lost but time. */
        struct timespec nap = {0, 1000000};
        nanosleep(&nap, NULL);
        return true;
    }
    /* A wake before the loop was there only set the flag. */
    if (atomic_exchange(&u->woken, false)) return true;
    timer_arm(u, deadline_ns);
    uv_ref((uv_handle_t *)u->async); /* keeps the loop waiting */
    uv_run(u->loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)u->async);
    atomic_store(&u->woken, false);
    return true;
}

static void uvh_wake(host_t *h) {
    uv_host_t *u = (uv_host_t *)h;
    /* Many wakes before the poller looks cost one system call. */
    if (atomic_exchange(&u->woken, true)) return;
    uv_mutex_lock(&u->wake_lock);
    if (u->wakeable) uv_async_send(u->async);
    uv_mutex_unlock(&u->wake_lock);
}

uv_loop_t *host_uv_loop(host_t *h) {
    uv_host_t *u = (uv_host_t *)h;
    if (uvh_loop_start(u) != 0) return NULL;
    u->watched = true;
    return u->loop;
}

/* ---- threads ---- */

struct host_thread {
    uv_thread_t id;
    void (*main)(void *);
    void *arg;
};

static void thread_main(void *arg) {
    host_thread_t *t = arg;
    t->main(t->arg);
}

static int uvh_thread_start(host_t *h, host_thread_t **out, void (*main)(void *), void *arg) {
    (void)h;
    host_thread_t *t = malloc(sizeof *t);
    if (!t) return -ENOMEM;
    t->main = main;
    t->arg = arg;
    int r = uv_thread_create(&t->id, thread_main, t);
    if (r) {
        free(t);
        return r;
    }
    *out = t;
    return 0;
}

static void uvh_thread_join(host_t *h, host_thread_t *t) {
    (void)h;
    uv_thread_join(&t->id);
    free(t);
}

/* state: an unpark of a thread that is awake costs one exchange. */
enum { PARKER_IDLE, PARKER_SLEEPING, PARKER_TOKEN };
struct host_parker {
    _Atomic(int) state;
    uv_mutex_t lock;
    uv_cond_t wake;
};

static host_parker_t *uvh_parker_new(host_t *h) {
    (void)h;
    host_parker_t *k = malloc(sizeof *k);
    if (!k) return NULL;
    atomic_init(&k->state, PARKER_IDLE);
    if (uv_mutex_init(&k->lock)) {
        free(k);
        return NULL;
    }
    if (uv_cond_init(&k->wake)) {
        uv_mutex_destroy(&k->lock);
        free(k);
        return NULL;
    }
    return k;
}

static void uvh_parker_free(host_t *h, host_parker_t *k) {
    (void)h;
    if (!k) return;
    uv_cond_destroy(&k->wake);
    uv_mutex_destroy(&k->lock);
    free(k);
}

static void uvh_park(host_t *h, host_parker_t *k, uint64_t deadline_ns) {
    int expected = PARKER_IDLE;
    if (!atomic_compare_exchange_strong(&k->state, &expected, PARKER_SLEEPING)) {
        atomic_store(&k->state, PARKER_IDLE); /* there was a token */
        return;
    }
    uv_mutex_lock(&k->lock);
    while (atomic_load(&k->state) == PARKER_SLEEPING) {
        if (deadline_ns == HOST_FOREVER) {
            uv_cond_wait(&k->wake, &k->lock);
            continue;
        }
        uint64_t now = uvh_monotonic_ns(h);
        if (now >= deadline_ns) break;
        uv_cond_timedwait(&k->wake, &k->lock, deadline_ns - now);
    }
    atomic_store(&k->state, PARKER_IDLE);
    uv_mutex_unlock(&k->lock);
}

static void uvh_unpark(host_t *h, host_parker_t *k) {
    (void)h;
    if (atomic_exchange(&k->state, PARKER_TOKEN) != PARKER_SLEEPING) return;
    /* The sleeper holds the lock until it sleeps: the signal cannot come too early. */
    uv_mutex_lock(&k->lock);
    uv_cond_signal(&k->wake);
    uv_mutex_unlock(&k->lock);
}

static void uvh_yield(host_t *h) {
    (void)h;
    struct timespec none = {0, 0};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &none, NULL);
}

static void uvh_os_version(host_t *h, unsigned version[3]) {
    (void)h;
    uv_utsname_t u;
    version[0] = version[1] = version[2] = 0;
    if (uv_os_uname(&u) != 0) return;
    const char *s = u.release;
    for (int i = 0; i < 3 && *s >= '0' && *s <= '9'; i++) {
        unsigned v = 0;
        for (; *s >= '0' && *s <= '9'; s++)
            if (v < 100000000) v = v * 10 + (unsigned)(*s - '0');
        version[i] = v;
        if (*s == '.') s++;
    }
}

static unsigned uvh_cpu_count(host_t *h) {
    (void)h;
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

/* ---- environment, log ---- */

static const char *uvh_env_get(host_t *h, const char *name) {
    (void)h;
    return getenv(name);
}

static void uvh_env_each(host_t *h, bool (*fn)(void *user, const char *entry), void *user) {
    (void)h;
    for (char **e = environ; e && *e; e++)
        if (!fn(user, *e)) return;
}

static void uvh_log(host_t *h, int level, const char *text, size_t len) {
    (void)h;
    static const char *const names[] = {"debug", "info", "warning", "error"};
    char line[1024];
    int n = snprintf(line, sizeof line, "ling %s: %.*s\n",
                     level >= 0 && level <= HOST_LOG_ERROR ? names[level] : "?",
                     len > 960 ? 960 : (int)len, text);
    if (n > 0) uvh_write_all(STDERR_FILENO, (const uint8_t *)line, (size_t)n);
}

/* ---- life ---- */

static void uvh_destroy(host_t *h) {
    uv_host_t *u = (uv_host_t *)h;
    for (int i = 0; i < 3; i++)
        if (u->streams[i]) uvh_stream_close(h, u->streams[i]);
    loop_stop(u);
    if (u->loop) {
        /* The close callbacks run, and reads that cannot be cancelled come to their end. */
        uv_run(u->loop, UV_RUN_DEFAULT);
        uv_loop_close(u->loop);
        free(u->loop);
    }
    uvh_tty_restore(u);
    uv_mutex_destroy(&u->wake_lock);
    free(u->io_buf);
    free(u);
}

static const host_ops_t uv_ops = {
    .name = "uv",
    .monotonic_ns = uvh_monotonic_ns,
    .wall_ns = uvh_wall_ns,
    .entropy = uvh_entropy,
    .pages_reserve = uvh_pages_reserve,
    .pages_release = uvh_pages_release,
    .pages_discard = uvh_pages_discard,
    .wait = uvh_wait,
    .wake = uvh_wake,
    .thread_start = uvh_thread_start,
    .thread_join = uvh_thread_join,
    .parker_new = uvh_parker_new,
    .parker_free = uvh_parker_free,
    .park = uvh_park,
    .unpark = uvh_unpark,
    .yield = uvh_yield,
    .cpu_count = uvh_cpu_count,
    .os_version = uvh_os_version,
    .files = &uvh_files,
    .file_load = uvh_file_load,
    .file_free = uvh_file_free,
    .dir_list = uvh_dir_list,
    .env_get = uvh_env_get,
    .env_each = uvh_env_each,
    .stream_open = uvh_stream_open,
    .stream_read = uvh_stream_read,
    .stream_write = uvh_stream_write,
    .stream_flush = uvh_stream_flush,
    .stream_close = uvh_stream_close,
    .signal_set = uvh_signal_set,
    .io_open = uvh_io_open,
    .io_read = uvh_io_read,
    .io_write = uvh_io_write,
    .io_flush = uvh_io_flush,
    .io_close = uvh_io_close,
    .child_start = uvh_child_start,
    .child_pid = uvh_child_pid,
    .child_forget = uvh_child_forget,
    .tty_size = uvh_tty_size,
    .tty_mode = uvh_tty_mode,
    .console_begin = uvh_console_begin,
    .console_read = uvh_console_read,
    .console_end = uvh_console_end,
    .log = uvh_log,
    .local_offset = uvh_local_offset,
    .local_to_utc = uvh_local_to_utc,
    .cpu_ns = uvh_cpu_ns,
    .os_pid = uvh_os_pid,
    .lib_open = uvh_lib_open,
    .lib_symbol = uvh_lib_symbol,
    .lib_close = uvh_lib_close,
    .destroy = uvh_destroy,
};

host_t *host_uv_create(int *err) {
    uv_host_t *u = calloc(1, sizeof *u);
    if (!u || uv_mutex_init(&u->wake_lock)) {
        free(u);
        if (err) *err = -ENOMEM;
        return NULL;
    }
    u->base.ops = &uv_ops;
    u->timer_fd = -1;
    u->armed = HOST_FOREVER;
    if (err) *err = 0;
    return &u->base;
}
