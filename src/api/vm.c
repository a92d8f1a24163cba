/* vm.c: making a VM out of the public options, and its end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <ling/uv.h>
#include "api/api.h"
#include "nif/nif_api.h"
#include "host/sim/host_sim.h"
#include "host/uv/host_uv.h"
#include "vm/codepath.h"
#include "vm/os_signal.h"

/* ---- finding OTP ---- */

static int copy_out(char *buf, size_t size, const char *path) {
    size_t n = strlen(path);
    if (n >= size) return LING_ERANGE;
    memcpy(buf, path, n + 1);
    return LING_OK;
}

/* ROOT/erts-VSN may have a lib of its own. */
static int is_otp_root(const char *path) {
    char lib[4200];
    const char *name = strrchr(path, '/');
    if (name && strncmp(name, "/erts-", 6) == 0) return 0;
    snprintf(lib, sizeof lib, "%s/lib", path);
    return access(lib, X_OK) == 0;
}

/* ROOT/bin/erl, ROOT/erts-VSN/bin/erl or a link to one of them. */
static int root_of_erl(const char *erl, char *buf, size_t size) {
    char *real = realpath(erl, NULL);
    if (!real) return LING_ENOENT;
    int rc = LING_ENOENT;
    for (int up = 0; up < 3 && rc == LING_ENOENT; up++) {
        char *slash = strrchr(real, '/');
        if (!slash || slash == real) break;
        *slash = 0;
        if (up > 0 && is_otp_root(real)) rc = copy_out(buf, size, real);
    }
    /* A program in /usr/bin that is a script of its own: the usual place beside it. */
    if (rc == LING_OK && strcmp(buf, "/usr") == 0)
        rc = is_otp_root("/usr/lib/erlang") ? copy_out(buf, size, "/usr/lib/erlang") : LING_ENOENT;
    free(real);
    return rc;
}

int ling_find_otp(char *buf, size_t size) {
    const char *root = getenv("ERL_ROOTDIR");
    if (root && *root && is_otp_root(root)) return copy_out(buf, size, root);
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t n = strcspn(path, ":");
        char erl[4200];
        if (n && n < 4096) {
            snprintf(erl, sizeof erl, "%.*s/erl", (int)n, path);
            if (access(erl, X_OK) == 0) {
                int rc = root_of_erl(erl, buf, size);
                if (rc != LING_ENOENT) return rc;
            }
        }
        path += n + (path[n] == ':');
    }
    return LING_ENOENT;
}

/* ---- life ---- */

#define YEAR_2026 (INT64_C(1767225600) * 1000000000)

static int make_host(const ling_options_t *o, host_t **host) {
    *host = NULL;
    switch (o->host) {
    case LING_HOST_UV: *host = host_uv_create(NULL); break;
    case LING_HOST_SIM: {
        /* Seeds of random numbers come from the clock: it must tell one seed from another. */
        host_sim_options_t so = {.real_files = true,
                                 .wall_ns = YEAR_2026 + (int64_t)(o->seed % 1000000) * 1000};
        *host = host_sim_create(o->seed, &so);
        if (*host) host_sim_input(*host, 0, NULL, 0); /* standard input is empty */
        break;
    }
    case LING_HOST_CUSTOM:
        *host = o->custom_host;
        if (!*host) return LING_EINVAL;
        break;
    default: return LING_EINVAL;
    }
    return *host ? LING_OK : LING_EHOST;
}

/* The api_state_t whose table a host has been given. */
static api_state_t *api_of(host_t *h) {
    return (api_state_t *)(uintptr_t)((const char *)h->ops - offsetof(api_state_t, host_ops));
}

static void log_to_user(host_t *h, int level, const char *text, size_t length) {
    api_state_t *api = api_of(h);
    api->log(api->log_user, level, text, length);
}

static void write_all(int fd, const uint8_t *data, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno != EINTR) return;
        if (n > 0) data += n, len -= (size_t)n;
    }
}

/* The simulated host keeps what is written; here people want to see it. */
static int write_through(host_t *h, host_stream_t *st, const uint8_t *data, size_t len,
                         host_written_fn fn, void *user) {
    int rc = api_of(h)->real_ops->stream_write(h, st, data, len, fn, user);
    for (int which = HOST_STDOUT; which <= HOST_STDERR; which++) {
        size_t n;
        const char *text = host_sim_output(h, which, &n);
        if (n) write_all(which, (const uint8_t *)text, n);
        host_sim_output_clear(h, which);
    }
    return rc;
}

/* Puts our own functions before some of the host's. */
static void wrap_host(vm_t *vm, const ling_options_t *o) {
    api_state_t *api = vm->api;
    api->real_ops = vm->host->ops;
    if (o->host == LING_HOST_CUSTOM) return;
    api->host_ops = *vm->host->ops;
    if (o->host == LING_HOST_SIM) api->host_ops.stream_write = write_through;
    if (o->log) api->host_ops.log = log_to_user;
    vm->host->ops = &api->host_ops;
}

static int set_paths(vm_t *vm, const ling_options_t *o) {
    char root[4096];
    const char *otp = o->otp_root;
    if (!otp) otp = ling_find_otp(root, sizeof root) == LING_OK ? root : "";
    if (!code_path_set_root(vm, otp)) return LING_ENOMEM;
    for (size_t i = o->ncode_paths; i > 0; i--)
        if (!code_path_add(vm, o->code_paths[i - 1], true)) return LING_ENOMEM;
    return LING_OK;
}

static bool api_init(vm_t *vm, const ling_options_t *o) {
    api_state_t *api = mem_calloc(vm, sizeof *api);
    if (!api) return false;
    vm->api = api;
    api->own_host = o->host != LING_HOST_CUSTOM;
    api->user = TERM_NONE;
    api->no_console = o->no_console;
    api->log = o->log;
    api->log_user = o->log_user;
    if (o->crash_dump) {
        size_t n = strlen(o->crash_dump) + 1;
        vm->options.crash_dump = NULL; /* the caller's string goes away */
        if (!(api->crash_dump = mem_alloc(vm, n))) return false;
        vm->options.crash_dump = memcpy(api->crash_dump, o->crash_dump, n);
    }
    wrap_host(vm, o);
    return hostfun_init(vm) && nif_init(vm) == 0;
}

int ling_create(ling_vm_t **out, const ling_options_t *options) {
    ling_options_t o = LING_OPTIONS_INIT;
    if (!out) return LING_EINVAL;
    *out = NULL;
    if (options) {
        if (options->size < sizeof(size_t)) return LING_EINVAL;
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    }
    if (o.host == LING_HOST_SIM && o.schedulers) return LING_EINVAL;
    if (o.time_warp < 0 || o.time_warp > LING_TIME_MULTI_WARP) return LING_EINVAL;
    for (size_t i = 0; i < o.ncode_paths; i++)
        if (!o.code_paths || !o.code_paths[i]) return LING_EINVAL;
    if (o.schedulers > 1024 || o.dirty_cpu > 1024 || o.dirty_io > 1024) return LING_EINVAL;
    host_t *host;
    int rc = make_host(&o, &host);
    if (rc != LING_OK) return rc;
    vm_options_t vo = {
        .alloc = o.alloc,
        .alloc_user = o.alloc_user,
        .host = host,
        .schedulers = o.schedulers,
        .unicode_printable = o.unicode_printable != 0,
        .warning_map = o.warning_map > 0 && o.warning_map < 3 ? (uint8_t)o.warning_map : 0,
        .break_key = o.break_key > 0 && o.break_key <= LING_BREAK_IGNORE ? (uint8_t)o.break_key : 0,
        .time_warp = (uint8_t)o.time_warp,
        .no_time_correction = o.no_time_correction != 0,
        .crash_dump = o.crash_dump,
        .crash_dump_bytes = o.crash_dump_bytes,
        .dirty_cpu = o.dirty_cpu,
        .dirty_io = o.dirty_io,
        .memory_limit = o.memory_limit,
        .max_processes = o.max_processes,
        .min_heap_size = o.min_heap_words,
    };
    vm_t *vm = vm_create(&vo);
    if (!vm) {
        if (o.host != LING_HOST_CUSTOM) host->ops->destroy(host);
        return LING_ENOMEM;
    }
    rc = api_init(vm, &o) ? set_paths(vm, &o) : LING_ENOMEM;
    if (rc == LING_OK && o.os_signals) os_signal_enable(vm);
    if (rc == LING_OK && o.schedulers && sched_start(vm) != 0) rc = LING_EHOST;
    if (rc != LING_OK) {
        ling_destroy(vm);
        return rc;
    }
    *out = vm;
    return LING_OK;
}

void ling_destroy(ling_vm_t *vm) {
    if (!vm) return;
    api_state_t *api = vm->api;
    host_t *host = vm->host;
    if (api && api_is_inside(vm)) {
        static const char text[] = "ling_destroy from inside a callback does nothing";
        host->ops->log(host, HOST_LOG_ERROR, text, sizeof text - 1);
        return;
    }
    if (api && api->attachment) ling_uv_detach(vm); /* its handles may close later */
    bool own_host = !api || api->own_host;
    if (vm->nthreads) sched_stop(vm);
    if (api) api->running = true; /* for what destructors ask */
    nif_closing(vm);
    if (api) {
        /* What a destructor calls may look at the list. */
        for (mailbox_t *box; (box = api->mailboxes) != NULL;) {
            api->mailboxes = box->next;
            if (box->destroy) box->destroy(box->user);
            mem_free(vm, box, sizeof *box);
        }
        box_free(vm);
        hostfun_free(vm);
        host->ops = api->real_ops;
        vm->boot_args = 0;
        if (api->boot_off_heap) off_heap_release(vm, api->boot_off_heap);
        mem_free(vm, api->text, api->text_size);
        vm->options.crash_dump = NULL;
        if (api->crash_dump) mem_free(vm, api->crash_dump, strlen(api->crash_dump) + 1);
        mem_free(vm, api, sizeof *api);
        vm->api = NULL;
    }
    vm_destroy(vm);
    if (own_host) host->ops->destroy(host);
}

int ling_abandon(ling_vm_t *vm) {
    if (vm && vm->api && api_is_inside(vm)) return 1;
    if (!vm || sched_settle(vm)) {
        ling_destroy(vm);
        return 0;
    }
    const host_ops_t *ops = vm->host->ops;
    if (ops->tty_mode) ops->tty_mode(vm->host, HOST_STDIN, HOST_TTY_RESTORE);
    return 1;
}

/* ---- for foreign loops ---- */

int ling_backend_fd(ling_vm_t *vm) {
    uv_loop_t *loop = NULL;
    if (strcmp(vm->host->ops->name, "uv") == 0) loop = host_uv_loop(vm->host);
    return loop ? uv_backend_fd(loop) : api_fail(vm, LING_ENOSYS, "the host has no descriptor");
}

void ling_flush(ling_vm_t *vm) {
    for (int which = HOST_STDOUT; which <= HOST_STDERR; which++) {
        host_stream_t *s;
        if (vm->host->ops->stream_open(vm->host, which, &s) != 0) continue;
        vm->host->ops->stream_flush(vm->host, s); /* the stream is the console's: left open */
    }
}

/* ---- figures ---- */

static bool count_module(void *user, module_t *m, bool is_old) {
    (void)m;
    *(uint64_t *)user += !is_old;
    return true;
}

int ling_stats(ling_vm_t *vm, ling_stats_t *stats) {
    size_t size = stats->size;
    if (size < sizeof(size_t)) return api_fail(vm, LING_EINVAL, NULL);
    ling_stats_t s = {
        .size = size,
        .memory = atomic_load_explicit(&vm->memory_used, memory_order_relaxed),
        .memory_limit = vm->memory_limit,
        .processes = proc_count(vm),
        .max_processes = proc_limit(vm),
        .atoms = atom_count(vm),
        .timers = etimer_count(vm),
        .schedulers = vm->nthreads,
        .trace = strcmp(vm->host->ops->name, "sim") == 0 ? host_sim_trace(vm->host) : 0,
        .uptime_ns = vm_now(vm) - vm->start_ns,
    };
    module_each(vm, count_module, &s.modules);
    sched_stats_t ss;
    sched_stats(vm, &ss);
    s.reductions = ss.reductions;
    memcpy(stats, &s, size < sizeof s ? size : sizeof s);
    return LING_OK;
}
