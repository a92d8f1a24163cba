/* oom.c: runs an Erlang test module again and again with an allocator that fails: each time at
 * places of the program (call stacks) where it has not failed before, until no run finds another.
 * The VM may end processes or refuse; it must not crash, hang or lose memory, and has to be usable
 * afterwards.
 *
 *   oom [--host sim|uv] [--schedulers N] [--depth N] [--runs N] [--seconds N] [--seed N] [-pa DIR]
 *       MODULE
 *
 * Stacks are found by frame pointers, so it is built with the sanitizers only. What the module
 * prints goes to standard output, figures to standard error.
 */
#include <pthread.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <ling/ling.h>

#define SECOND INT64_C(1000000000)
enum { PLACES = 1 << 20, IDLE_RUNS = 3 };

static struct {
    pthread_mutex_t lock;
    _Atomic(bool) armed;
    uint64_t count, failed; /* requests of this run while armed */
    uint64_t next;          /* none fails before this one */
    uint64_t longest;       /* requests of a run */
    size_t used, blocks;
    uint64_t place[PLACES]; /* stacks that have failed, of all runs; 0: free */
    size_t nplaces;
    uint64_t random;
    unsigned depth;
} mem = {.lock = PTHREAD_MUTEX_INITIALIZER, .depth = 9, .random = 1};

static uint64_t random_next(void) {
    mem.random ^= mem.random << 13;
    mem.random ^= mem.random >> 7;
    mem.random ^= mem.random << 17;
    return mem.random;
}

/* Of the return addresses above; a stack's end, or another one below, ends it. */
__attribute__((no_sanitize("address", "undefined"))) static uint64_t stack_hash(void) {
    uintptr_t *frame = __builtin_frame_address(0);
    uint64_t h = 1469598103934665603u;
    for (unsigned i = 0; i < mem.depth; i++) {
        h = (h ^ frame[1]) * 1099511628211u;
        uintptr_t *up = (uintptr_t *)frame[0];
        if (up <= frame || (uintptr_t)up - (uintptr_t)frame > 32768 || (uintptr_t)up % 8) break;
        frame = up;
    }
    return h | 1;
}

/* Was it there already? */
static bool place_known(uint64_t h) {
    size_t i = (h >> 20) % PLACES;
    while (mem.place[i] && mem.place[i] != h) i = (i + 1) % PLACES;
    if (mem.place[i]) return true;
    if (mem.nplaces == PLACES / 2) return true;
    mem.place[i] = h;
    mem.nplaces++;
    return false;
}

static bool fails(void) {
    if (!mem.armed || ++mem.count < mem.next || place_known(stack_hash())) return false;
    mem.failed++;
    mem.next = mem.count + random_next() % 100;
    return true;
}

/* ---- what hosts and native code ask of the C library (linked with --wrap) ---- */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

__attribute__((noinline)) static bool fails_now(void) {
    if (!mem.armed) return false;
    pthread_mutex_lock(&mem.lock);
    bool r = fails();
    pthread_mutex_unlock(&mem.lock);
    return r;
}
void *__wrap_malloc(size_t size) { return fails_now() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t n, size_t size) { return fails_now() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *ptr, size_t size) {
    return fails_now() ? NULL : __real_realloc(ptr, size);
}

/* ---- the VM's allocator ---- */
__attribute__((noinline)) static void *failing_alloc(void *user, void *ptr, size_t old_size,
                                                     size_t new_size) {
    (void)user;
    pthread_mutex_lock(&mem.lock);
    if (new_size == 0) {
        if (ptr) mem.blocks--;
        mem.used -= old_size;
    } else if (!fails()) {
        mem.blocks += !ptr;
        mem.used += new_size - old_size;
        pthread_mutex_unlock(&mem.lock);
        return __real_realloc(ptr, new_size);
    }
    pthread_mutex_unlock(&mem.lock);
    if (new_size == 0) free(ptr);
    return NULL;
}

static void no_log(void *user, int level, const char *text, size_t length) {
    (void)user, (void)level, (void)text, (void)length;
}

static void arm(bool on, bool anywhere) {
    pthread_mutex_lock(&mem.lock);
    mem.armed = on;
    if (on) {
        mem.longest = mem.count > mem.longest ? mem.count : mem.longest;
        mem.count = mem.failed = 0;
        mem.next = anywhere ? 0 : random_next() % (mem.longest + 1);
    }
    pthread_mutex_unlock(&mem.lock);
}

typedef struct {
    ling_options_t o;
    const char *module;
    uint64_t wrong;
    bool warm;     /* runs the module before, with memory */
    bool anywhere; /* the first new place fails, else the first one after some request */
} job_t;

static int run(job_t *j, char *text, size_t size) {
    ling_vm_t *vm;
    int rc = ling_create(&vm, &j->o);
    if (rc != LING_OK) return rc;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t nil = ling_make_nil(NULL), result;
    ling_load_module(vm, j->module); /* so that it can be asked what it exports */
    bool main1 = ling_exports(vm, j->module, "main", 1) == 1;
    int64_t timeout = (j->o.host == LING_HOST_SIM ? 10000 : 10) * SECOND;
    rc = LING_OK;
    if (j->warm) /* what it needs is loaded then */
        rc = ling_call(vm, env, j->module, main1 ? "main" : "start", main1, &nil, timeout, &result);
    arm(true, j->anywhere);
    if (rc != LING_EHALTED)
        rc = ling_call(vm, env, j->module, main1 ? "main" : "start", main1, &nil, timeout, &result);
    arm(false, false);
    *text = 0;
    if (rc == LING_EEXCEPTION) ling_format_term(vm, result, text, size);
    if (rc != LING_EHALTED) {
        ling_term_t n = ling_make_int(NULL, 7);
        int after = ling_call(vm, env, "erlang", "abs", 1, &n, 100 * SECOND, &result);
        if (after != LING_OK) {
            fprintf(stderr, "%s: unusable afterwards: %s\n", j->module, ling_strerror(after));
            j->wrong++;
        }
    }
    ling_env_free(env);
    ling_destroy(vm);
    if (mem.used || mem.blocks) {
        fprintf(stderr, "%s: %zu bytes in %zu blocks lost\n", j->module, mem.used, mem.blocks);
        j->wrong++;
        mem.used = mem.blocks = 0;
        __lsan_do_recoverable_leak_check();
    }
    return rc;
}

int main(int argc, char **argv) {
    const char *paths[8];
    job_t j = {.o = LING_OPTIONS_INIT};
    j.o.host = LING_HOST_SIM;
    j.o.alloc = failing_alloc;
    j.o.log = no_log;
    j.o.code_paths = paths;
    uint64_t runs = 1000, total = 0;
    time_t end = 0;
    bool show = getenv("OOM_VERBOSE") != NULL;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
        if (a[0] != '-') {
            j.module = a;
            continue;
        }
        i++;
        if (strcmp(a, "--host") == 0)
            j.o.host = strcmp(v, "uv") == 0 ? LING_HOST_UV : LING_HOST_SIM;
        else if (strcmp(a, "--schedulers") == 0)
            j.o.schedulers = (unsigned)atoi(v);
        else if (strcmp(a, "--depth") == 0)
            mem.depth = (unsigned)atoi(v);
        else if (strcmp(a, "--runs") == 0)
            runs = strtoull(v, NULL, 10);
        else if (strcmp(a, "--seconds") == 0)
            end = time(NULL) + atoi(v);
        else if (strcmp(a, "--seed") == 0)
            mem.random = strtoull(v, NULL, 10) * 2 + 1;
        else if (strcmp(a, "-pa") == 0 && j.o.ncode_paths < 8)
            paths[j.o.ncode_paths++] = v;
        else
            j.module = NULL, i = argc;
    }
    if (!j.module) {
        fprintf(stderr, "usage: oom [--host sim|uv] [--schedulers N] [--depth N] [--runs N] "
                        "[--seconds N] [--seed N] [-pa DIR] MODULE\n");
        return 2;
    }
    uint64_t n = 0;
    for (int idle = 0; n < runs && idle < IDLE_RUNS && (!end || time(NULL) < end); n++) {
        char text[400];
        alarm(300);
        j.warm = n % 3 != 0;
        j.anywhere = idle > 0 || n % 4 == 0;
        int rc = run(&j, text, sizeof text);
        total += mem.failed;
        idle = mem.failed ? 0 : idle + 1;
        if (show)
            fprintf(stderr, "%s: run %d, %d of %d failed: %s %s\n", j.module, (int)n,
                    (int)mem.failed, (int)mem.count, ling_strerror(rc), text);
    }
    fprintf(stderr, "%s: %d runs, %d requests failed, %d wrong\n", j.module, (int)n, (int)total,
            (int)j.wrong);
    return j.wrong != 0;
}
