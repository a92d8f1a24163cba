/* nif_select.c: file descriptors of native code: whoever asked gets one message when a descriptor
 * is ready.
 *
 * A VM whose libraries select has a thread that sleeps in epoll; descriptors are armed for one
 * event by any thread and disarmed by that event. What is to be sent is made when it is asked for
 * and lies in an environment till then. A descriptor belongs to one resource object from its first
 * select until STOP. While something is armed ling_run keeps waiting.
 */
#include <errno.h>
#include <ling/ling.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nif/nif_resource.h"
#include "vm/sched.h"

/* What a descriptor can be watched for. epoll tells of errors without being asked to. */
enum { READ, WRITE, ERROR, DIRECTIONS };
static const struct {
    uint32_t epoll;
    unsigned flag;
    int cancelled;
    term_t ready;
} kinds[DIRECTIONS] = {
    {EPOLLIN, ERL_NIF_SELECT_READ, ERL_NIF_SELECT_READ_CANCELLED, A_ready_input},
    {EPOLLOUT, ERL_NIF_SELECT_WRITE, ERL_NIF_SELECT_WRITE_CANCELLED, A_ready_output},
    {EPOLLERR, ERL_NIF_SELECT_ERROR, ERL_NIF_SELECT_ERROR_CANCELLED, A_ready_error},
};

typedef struct watch {
    struct watch *next; /* in its bucket */
    int fd;
    bool always;     /* a file or device epoll does not know: can always be read and written */
    bool error_told; /* what else is armed waits for something new, however long the error stays */
    uint32_t number; /* tells a descriptor from one of the same number before */
    nif_resource_t *object;
    struct wanted {
        ErlNifEnv *env; /* of the message; NULL: not armed */
        ERL_NIF_TERM msg;
        ErlNifPid to;
    } wanted[DIRECTIONS];
} watch_t;

typedef struct nif_selector {
    vm_t *vm;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below and of epoll's arming */
    int epoll, stop;
    watch_t **buckets; /* of descriptors, by their lowest bits */
    size_t nbuckets;   /* a power of two; 0: none yet */
    size_t nwatches;
    uint32_t numbers;
} selector_t;

static const int failed = (int)(1u << 31);

/* ---- the thread ---- */

static uint32_t armed(const watch_t *w) {
    uint32_t events = 0;
    for (int d = 0; d < DIRECTIONS; d++)
        if (w->wanted[d].env) events |= kinds[d].epoll;
    return events;
}

/* The link that leads to a descriptor's watch, or to NULL at the end of its bucket. */
static watch_t **watch_link(selector_t *s, int fd) {
    watch_t **link = &s->buckets[(size_t)fd & (s->nbuckets - 1)];
    while (*link && (*link)->fd != fd) link = &(*link)->next;
    return link;
}
static watch_t *watch_find(selector_t *s, int fd) {
    return s->nbuckets ? *watch_link(s, fd) : NULL;
}

/* Room for one more. Under the mutex. */
static bool watches_grow(selector_t *s) {
    if (s->nwatches < s->nbuckets) return true;
    size_t n = s->nbuckets ? 2 * s->nbuckets : 64;
    watch_t **buckets = mem_calloc(s->vm, n * sizeof *buckets);
    if (!buckets) return s->nbuckets > 0; /* longer chains do, too */
    for (size_t i = 0; i < s->nbuckets; i++)
        for (watch_t *w = s->buckets[i], *next; w; w = next) {
            next = w->next;
            watch_t **link = &buckets[(size_t)w->fd & (n - 1)];
            w->next = *link;
            *link = w;
        }
    mem_free(s->vm, s->buckets, s->nbuckets * sizeof *s->buckets);
    s->buckets = buckets;
    s->nbuckets = n;
    return true;
}

/* Tells epoll what is armed now. Under the mutex. */
static bool arm(selector_t *s, watch_t *w, int op) {
    if (w->always) return true;
    struct epoll_event ev = {.events = armed(w) | (w->error_told ? EPOLLET : EPOLLONESHOT),
                             .data.u64 = (uint64_t)w->number << 32 | (uint32_t)w->fd};
    return epoll_ctl(s->epoll, op, w->fd, &ev) == 0;
}

/* Takes what is to be sent for a direction; NULL: it is not armed. Under the mutex. */
static ErlNifEnv *disarm(selector_t *s, watch_t *w, int d) {
    ErlNifEnv *env = w->wanted[d].env;
    w->wanted[d].env = NULL;
    if (env) ling_unref(s->vm);
    return env;
}

/* Takes what is to be sent for these events; false: nothing. An error is told to who asked for
 * errors, or else as if everything were ready. Under the mutex. */
static bool take(watch_t *w, uint32_t events, struct wanted out[DIRECTIONS]) {
    bool any = false;
    if (w->error_told) events &= ~(uint32_t)(EPOLLERR | EPOLLHUP);
    if (events & (EPOLLERR | EPOLLHUP)) {
        w->error_told = w->wanted[ERROR].env != NULL;
        events |= w->error_told ? EPOLLERR : EPOLLIN | EPOLLOUT;
    }
    for (int d = 0; d < DIRECTIONS; d++) {
        if (!(events & kinds[d].epoll) || !w->wanted[d].env) continue;
        out[d] = w->wanted[d];
        w->wanted[d].env = NULL;
        any = true;
    }
    return any;
}

static void tell(selector_t *s, struct wanted out[DIRECTIONS]) {
    for (int d = 0; d < DIRECTIONS; d++) {
        if (!out[d].env) continue;
        enif_send(NULL, &out[d].to, out[d].env, out[d].msg);
        enif_free_env(out[d].env);
        ling_unref(s->vm); /* after the message is on its way */
    }
}

static void ready(selector_t *s, uint64_t key, uint32_t events) {
    struct wanted out[DIRECTIONS] = {{0}};
    pthread_mutex_lock(&s->mutex);
    watch_t *w = watch_find(s, (int)(uint32_t)key);
    if (w && w->number == (uint32_t)(key >> 32)) {
        bool any = take(w, events, out);
        if (w->error_told ? any : armed(w) != 0) arm(s, w, EPOLL_CTL_MOD);
    }
    pthread_mutex_unlock(&s->mutex);
    tell(s, out);
}

static void *selector_main(void *arg) {
    selector_t *s = arg;
    struct epoll_event ev[32];
    nif_thread()->vm = s->vm;
    for (;;) {
        int n = epoll_wait(s->epoll, ev, 32, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.u64 == UINT64_MAX) return NULL;
            ready(s, ev[i].data.u64, ev[i].events);
        }
    }
}

static void selector_free(selector_t *s) {
    if (s->epoll >= 0) close(s->epoll);
    if (s->stop >= 0) close(s->stop);
    pthread_mutex_destroy(&s->mutex);
    mem_free(s->vm, s->buckets, s->nbuckets * sizeof *s->buckets);
    mem_free(s->vm, s, sizeof *s);
}

static selector_t *selector_new(vm_t *vm) {
    selector_t *s = mem_calloc(vm, sizeof *s);
    if (!s) return NULL;
    s->vm = vm;
    pthread_mutex_init(&s->mutex, NULL);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    if (s->epoll >= 0 && s->stop >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->stop, &ev) == 0) {
        nif_threads_begin(vm);
        if (pthread_create(&s->thread, NULL, selector_main, s) == 0) return s;
    }
    selector_free(s);
    return NULL;
}

/* The VM's; made when there is none and make says so. */
static selector_t *selector_of(vm_t *vm, bool make) {
    selector_t *s = atomic_load_explicit(&vm->nif->selector, memory_order_acquire);
    if (s || !make || vm->nif->closing) return s;
    selector_t *mine = selector_new(vm);
    if (!mine) return NULL;
    if (atomic_compare_exchange_strong_explicit(&vm->nif->selector, &s, mine, memory_order_acq_rel,
                                                memory_order_acquire))
        return mine;
    uint64_t one = 1; /* another thread was faster */
    (void)!write(mine->stop, &one, sizeof one);
    pthread_join(mine->thread, NULL);
    selector_free(mine);
    return s;
}

/* ---- asking ---- */

static void stop_called(nif_resource_t *r, int fd, int direct) {
    nif_env_block_t b;
    nif_env_open(&b, r->type->vm, r->type->lib, ENV_CALLBACK);
    nif_visit_t v = nif_enter(r->type->vm);
    r->type->stop(&b.env, r->data, fd, direct);
    nif_leave(v);
    nif_env_close(&b);
}

static void watch_free(selector_t *s, watch_t *w) {
    for (int d = 0; d < DIRECTIONS; d++) {
        ErlNifEnv *env = disarm(s, w, d);
        if (env) enif_free_env(env);
    }
    enif_release_resource(w->object->data);
    mem_free(s->vm, w, sizeof *w);
}

/* The descriptor is given up: stop may close it. */
static int stop(vm_t *vm, int fd, nif_resource_t *r) {
    selector_t *s = selector_of(vm, false);
    watch_t *w = NULL;
    if (s) {
        pthread_mutex_lock(&s->mutex);
        w = watch_find(s, fd);
        if (w && w->object != r) {
            pthread_mutex_unlock(&s->mutex);
            return failed | ERL_NIF_SELECT_FAILED;
        }
        if (w) {
            *watch_link(s, fd) = w->next;
            s->nwatches--;
            if (!w->always) epoll_ctl(s->epoll, EPOLL_CTL_DEL, fd, NULL);
        }
        pthread_mutex_unlock(&s->mutex);
    }
    stop_called(r, fd, 1);
    if (w) watch_free(s, w);
    return ERL_NIF_SELECT_STOP_CALLED;
}

static int cancel(vm_t *vm, int fd, unsigned flags) {
    selector_t *s = selector_of(vm, false);
    ErlNifEnv *env[DIRECTIONS] = {NULL};
    if (!s) return 0;
    pthread_mutex_lock(&s->mutex);
    watch_t *w = watch_find(s, fd);
    for (int d = 0; w && d < DIRECTIONS; d++)
        if (flags & kinds[d].flag) env[d] = disarm(s, w, d);
    if (w) arm(s, w, EPOLL_CTL_MOD);
    pthread_mutex_unlock(&s->mutex);
    int result = 0;
    for (int d = 0; d < DIRECTIONS; d++) {
        if (!env[d]) continue;
        enif_free_env(env[d]);
        result |= kinds[d].cancelled;
    }
    return result;
}

/* What will be sent, in an environment of its own. A custom message that has one already gives it
 * away. NULL: no memory. */
static ErlNifEnv *message(nif_resource_t *r, int d, bool custom, ERL_NIF_TERM msg,
                          ERL_NIF_TERM *out) {
    ErlNifEnv *env = enif_alloc_env();
    if (!env) return NULL;
    *out = enif_make_copy(env, msg);
    if (!custom)
        *out =
            enif_make_tuple4(env, A_select, enif_make_resource(env, r->data), *out, kinds[d].ready);
    if (!(env->state & ENV_OOM)) return env;
    enif_free_env(env);
    return NULL;
}

/* Under the mutex. The watch of fd, which is r's from now on; NULL and *result: it cannot be. */
static watch_t *watch_get(selector_t *s, int fd, nif_resource_t *r, int *result) {
    watch_t *w = watch_find(s, fd);
    *result = failed | ERL_NIF_SELECT_FAILED;
    if (w) return w->object == r ? w : NULL;
    w = watches_grow(s) ? mem_calloc(s->vm, sizeof *w) : NULL;
    if (!w) return NULL;
    w->fd = fd;
    w->number = ++s->numbers;
    w->object = r;
    if (!arm(s, w, EPOLL_CTL_ADD)) {
        w->always = errno == EPERM;
        if (!w->always) {
            if (errno == EBADF) *result = failed | ERL_NIF_SELECT_INVALID_EVENT;
            mem_free(s->vm, w, sizeof *w);
            return NULL;
        }
    }
    enif_keep_resource(r->data);
    watch_t **link = watch_link(s, fd);
    w->next = *link;
    *link = w;
    s->nwatches++;
    return w;
}

int enif_select_x(ErlNifEnv *env, ErlNifEvent fd, enum ErlNifSelectFlags flags, void *obj,
                  const ErlNifPid *pid, ERL_NIF_TERM msg, ErlNifEnv *msg_env) {
    nif_resource_t *r = resource_of(obj);
    vm_t *vm = r->type->vm;
    ErlNifPid to;
    if (fd < 0) return failed | ERL_NIF_SELECT_INVALID_EVENT;
    if (!r->type->stop) return failed | ERL_NIF_SELECT_FAILED;
    if (flags & ERL_NIF_SELECT_STOP) return stop(vm, fd, r);
    if (flags & ERL_NIF_SELECT_CANCEL) return cancel(vm, fd, flags);
    if (pid)
        to = *pid;
    else if (!env || !enif_self(env, &to))
        return failed | ERL_NIF_SELECT_FAILED;
    selector_t *s = selector_of(vm, true);
    if (!s) return failed | ERL_NIF_SELECT_FAILED;

    int result = 0;
    ErlNifEnv *made[DIRECTIONS] = {NULL}, *replaced[DIRECTIONS] = {NULL};
    ERL_NIF_TERM terms[DIRECTIONS];
    for (int d = 0; d < DIRECTIONS; d++) {
        if (!(flags & kinds[d].flag)) continue;
        made[d] = message(r, d, flags & ERL_NIF_SELECT_CUSTOM_MSG, msg, &terms[d]);
        if (!made[d]) result = failed | ERL_NIF_SELECT_FAILED;
    }
    pthread_mutex_lock(&s->mutex);
    watch_t *w = result == 0 ? watch_get(s, fd, r, &result) : NULL;
    for (int d = 0; w && d < DIRECTIONS; d++) {
        if (!made[d]) continue;
        replaced[d] = disarm(s, w, d);
        w->wanted[d].env = made[d];
        w->wanted[d].msg = terms[d];
        w->wanted[d].to = to;
        w->error_told = false;
        ling_ref(vm);
        made[d] = NULL;
    }
    struct wanted now[DIRECTIONS] = {{0}};
    if (w) result = arm(s, w, EPOLL_CTL_MOD) ? 0 : failed | ERL_NIF_SELECT_FAILED;
    if (w && w->always) take(w, EPOLLIN | EPOLLOUT, now);
    pthread_mutex_unlock(&s->mutex);
    tell(s, now);
    for (int d = 0; d < DIRECTIONS; d++) {
        if (made[d]) enif_free_env(made[d]);
        if (replaced[d]) enif_free_env(replaced[d]);
    }
    if (result == 0 && msg_env) enif_clear_env(msg_env);
    return result;
}

int enif_select(ErlNifEnv *env, ErlNifEvent fd, enum ErlNifSelectFlags flags, void *obj,
                const ErlNifPid *pid, ERL_NIF_TERM ref) {
    return enif_select_x(env, fd, flags, obj, pid, ref, NULL);
}

/* ---- the end ---- */

void nif_select_stop(vm_t *vm) {
    selector_t *s = atomic_exchange_explicit(&vm->nif->selector, NULL, memory_order_acq_rel);
    if (!s) return;
    uint64_t one = 1;
    (void)!write(s->stop, &one, sizeof one);
    pthread_join(s->thread, NULL);
    for (size_t i = 0; i < s->nbuckets; i++)
        while (s->buckets[i]) {
            watch_t *w = s->buckets[i];
            s->buckets[i] = w->next;
            stop_called(w->object, w->fd, 0);
            watch_free(s, w);
        }
    selector_free(s);
}
