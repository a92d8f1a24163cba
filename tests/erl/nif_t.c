/* nif_t.c: the native half of nif_t.erl: each function shows a part of the NIF API. Compiled once,
 * loaded by stock erl and by ling-run.
 */
#include <erl_nif.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define NIF(name) static ERL_NIF_TERM name(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
#define UNUSED    (void)env, (void)argc, (void)argv
#define ATOM(s)   enif_make_atom(env, s)
#define INT(i)    enif_make_int(env, (int)(i))
#define BADARG    enif_make_badarg(env)

typedef struct {
    int number;
    ErlNifPid owner;
    ErlNifMonitor monitor;
    int fd[2];
} object_t;

static ErlNifResourceType *objects, *quiet;

/* ---- reading ---- */

NIF(type) { return UNUSED, INT(enif_term_type(env, argv[0])); }

NIF(tests) {
    UNUSED;
    return enif_make_list(env, 12, INT(enif_is_atom(env, argv[0])),
                          INT(enif_is_binary(env, argv[0])), INT(enif_is_empty_list(env, argv[0])),
                          INT(enif_is_exception(env, argv[0])), INT(enif_is_fun(env, argv[0])),
                          INT(enif_is_list(env, argv[0])), INT(enif_is_map(env, argv[0])),
                          INT(enif_is_number(env, argv[0])), INT(enif_is_pid(env, argv[0])),
                          INT(enif_is_port(env, argv[0])), INT(enif_is_ref(env, argv[0])),
                          INT(enif_is_tuple(env, argv[0])));
}

NIF(numbers) {
    UNUSED;
    int i = -1;
    unsigned u = 0;
    long l = -1;
    unsigned long ul = 0;
    double d = 0;
    int a = enif_get_int(env, argv[0], &i), b = enif_get_uint(env, argv[0], &u);
    int c = enif_get_long(env, argv[0], &l), e = enif_get_ulong(env, argv[0], &ul);
    int f = enif_get_double(env, argv[0], &d);
    return enif_make_list(env, 5, a ? INT(i) : ATOM("no"), b ? enif_make_uint(env, u) : ATOM("no"),
                          c ? enif_make_long(env, l) : ATOM("no"),
                          e ? enif_make_ulong(env, ul) : ATOM("no"),
                          f ? enif_make_double(env, d) : ATOM("no"));
}

NIF(atom) {
    UNUSED;
    char buf[300];
    unsigned len = 0;
    int n = enif_get_atom_length(env, argv[0], &len, ERL_NIF_LATIN1);
    int small = enif_get_atom(env, argv[0], buf, 4, ERL_NIF_LATIN1);
    int all = enif_get_atom(env, argv[0], buf, sizeof buf, ERL_NIF_LATIN1);
    return enif_make_tuple(env, 5, INT(n), INT(len), INT(small), INT(all),
                           all ? enif_make_string(env, buf, ERL_NIF_LATIN1) : ATOM("none"));
}

/* make_atom("text", How) */
NIF(make_atom) {
    UNUSED;
    char buf[600];
    int how, n = enif_get_string(env, argv[0], buf, sizeof buf, ERL_NIF_LATIN1);
    ERL_NIF_TERM t;
    if (n <= 0 || !enif_get_int(env, argv[1], &how)) return BADARG;
    switch (how) {
    case 0: return enif_make_atom(env, buf);
    case 1: return enif_make_atom_len(env, buf, (size_t)n - 1);
    default: return enif_make_existing_atom(env, buf, &t, ERL_NIF_LATIN1) ? t : INT(0);
    }
}

NIF(string) {
    UNUSED;
    char buf[100];
    unsigned size;
    if (!enif_get_uint(env, argv[1], &size) || size > sizeof buf) return BADARG;
    memset(buf, '#', sizeof buf);
    int n = enif_get_string(env, argv[0], buf, size, ERL_NIF_LATIN1);
    if (n == 0) return INT(0);
    return enif_make_tuple2(env, INT(n), enif_make_string(env, buf, ERL_NIF_LATIN1));
}

NIF(tuple) {
    UNUSED;
    int n;
    const ERL_NIF_TERM *t;
    if (!enif_get_tuple(env, argv[0], &n, &t)) return BADARG;
    return enif_make_list_from_array(env, t, (unsigned)n);
}

NIF(list) {
    UNUSED;
    unsigned n = 0;
    ERL_NIF_TERM all = argv[0], head, reversed = 0, copy = enif_make_list(env, 0);
    int ok = enif_get_list_length(env, all, &n), rev = enif_make_reverse_list(env, all, &reversed);
    while (enif_get_list_cell(env, all, &head, &all)) copy = enif_make_list_cell(env, head, copy);
    return enif_make_tuple5(env, INT(ok), INT(n), rev ? reversed : ATOM("no"), copy, all);
}

/* ---- binaries ---- */

NIF(inspect) {
    UNUSED;
    ErlNifBinary b;
    int how;
    if (!enif_get_int(env, argv[1], &how)) return BADARG;
    int ok = how ? enif_inspect_iolist_as_binary(env, argv[0], &b)
                 : enif_inspect_binary(env, argv[0], &b);
    if (!ok) return ATOM("no");
    unsigned sum = 0;
    for (size_t i = 0; i < b.size; i++) sum = sum * 31 + b.data[i];
    return enif_make_tuple3(env, INT(b.size), enif_make_uint(env, sum), enif_make_binary(env, &b));
}

/* A binary of n bytes, made by growing or shrinking one of m. */
NIF(binary) {
    UNUSED;
    unsigned long m, n;
    ErlNifBinary b;
    if (!enif_get_ulong(env, argv[0], &m) || !enif_get_ulong(env, argv[1], &n)) return BADARG;
    if (!enif_alloc_binary(m, &b)) return BADARG;
    for (size_t i = 0; i < m; i++) b.data[i] = (unsigned char)i;
    if (!enif_realloc_binary(&b, n)) return BADARG;
    for (size_t i = m; i < n; i++) b.data[i] = 'x';
    ERL_NIF_TERM t = enif_make_binary(env, &b), again;
    unsigned char first = n ? b.data[0] : 0; /* still readable */
    unsigned char *p = enif_make_new_binary(env, n, &again);
    if (n) memset(p, 'y', n);
    enif_release_binary(&b);
    return enif_make_tuple3(env, INT(first), t, again);
}

NIF(sub_binary) {
    UNUSED;
    unsigned long pos, size;
    if (!enif_get_ulong(env, argv[1], &pos) || !enif_get_ulong(env, argv[2], &size)) return BADARG;
    return enif_make_sub_binary(env, argv[0], pos, size);
}

NIF(etf) {
    UNUSED;
    ErlNifBinary b;
    ERL_NIF_TERM back;
    if (!enif_term_to_binary(env, argv[0], &b)) return BADARG;
    size_t used = enif_binary_to_term(env, b.data, b.size, &back, 0);
    size_t bad = enif_binary_to_term(env, b.data, b.size - 1, &back, 0);
    used = used == b.size;
    enif_binary_to_term(env, b.data, b.size, &back, ERL_NIF_BIN2TERM_SAFE);
    ERL_NIF_TERM bin = enif_make_binary(env, &b);
    return enif_make_tuple4(env, INT(used), INT(bad), back, bin);
}

/* ---- maps ---- */

NIF(map) {
    UNUSED;
    size_t size = 0;
    ERL_NIF_TERM v, put = 0, updated = 0, removed = 0, m = argv[0];
    ERL_NIF_TERM no = ATOM("no");
    int ok = enif_get_map_size(env, m, &size), got = enif_get_map_value(env, m, argv[1], &v);
    int a = enif_make_map_put(env, m, argv[1], argv[2], &put);
    int b = enif_make_map_update(env, m, argv[1], argv[2], &updated);
    int c = enif_make_map_remove(env, m, argv[1], &removed);
    return enif_make_list(env, 6, INT(ok), INT(size), got ? v : no, a ? put : no, b ? updated : no,
                          c ? removed : no);
}

NIF(map_from) {
    UNUSED;
    ERL_NIF_TERM keys[100], values[100], head, list = argv[0], m;
    size_t n = 0;
    while (n < 100 && enif_get_list_cell(env, list, &head, &list)) {
        keys[n] = head;
        values[n] = INT(n);
        n++;
    }
    return enif_make_map_from_arrays(env, keys, values, n, &m) ? m : ATOM("duplicate");
}

/* All pairs, forwards and backwards. */
NIF(map_iterate) {
    UNUSED;
    ErlNifMapIterator it;
    ERL_NIF_TERM k, v, there = enif_make_list(env, 0), back = there;
    if (!enif_map_iterator_create(env, argv[0], &it, ERL_NIF_MAP_ITERATOR_FIRST)) return BADARG;
    int edges = enif_map_iterator_is_head(env, &it) * 1000;
    while (enif_map_iterator_get_pair(env, &it, &k, &v)) {
        there = enif_make_list_cell(env, enif_make_tuple2(env, k, v), there);
        enif_map_iterator_next(env, &it);
    }
    edges += enif_map_iterator_is_tail(env, &it) * 100;
    edges += enif_map_iterator_next(env, &it) * 10;
    enif_map_iterator_destroy(env, &it);
    if (!enif_map_iterator_create(env, argv[0], &it, ERL_NIF_MAP_ITERATOR_LAST)) return BADARG;
    while (enif_map_iterator_get_pair(env, &it, &k, &v)) {
        back = enif_make_list_cell(env, enif_make_tuple2(env, k, v), back);
        enif_map_iterator_prev(env, &it);
    }
    edges += enif_map_iterator_is_head(env, &it);
    enif_map_iterator_destroy(env, &it);
    return enif_make_tuple3(env, INT(edges), there, back);
}

/* ---- raising and going on ---- */

NIF(raise_it) {
    UNUSED;
    ERL_NIF_TERM r, e = enif_raise_exception(env, argv[0]);
    if (!enif_is_exception(env, e) || !enif_has_pending_exception(env, &r) ||
        enif_compare(r, argv[0]) != 0)
        return ATOM("wrong");
    return e;
}

NIF(count) {
    int n;
    if (!enif_get_int(env, argv[0], &n)) return BADARG;
    if (n == 0) return enif_make_tuple_from_array(env, argv, (unsigned)argc);
    if (n == -1) return enif_raise_exception(env, ATOM("below"));
    ERL_NIF_TERM next[3] = {INT(n > 0 ? n - 1 : n + 1), argv[1], argv[1]};
    enif_consume_timeslice(env, 50);
    int flags = n % 3 == 0   ? 0
                : n % 3 == 1 ? ERL_NIF_DIRTY_JOB_CPU_BOUND
                             : ERL_NIF_DIRTY_JOB_IO_BOUND;
    return enif_schedule_nif(env, "count_on", flags, count, argc, next);
}

/* Stays on a dirty scheduler until it is released; elsewhere (where there is none) it would block
 * everybody, and says so. */
static _Atomic(int) gate;
NIF(block) {
    UNUSED;
    (void)argv;
    if (enif_thread_type() < ERL_NIF_THR_DIRTY_CPU_SCHEDULER) return ATOM("not_dirty");
    while (atomic_load(&gate) == 0) usleep(1000);
    return ATOM("released");
}
NIF(release) {
    UNUSED;
    int on;
    if (!enif_get_int(env, argv[0], &on)) return BADARG;
    atomic_store(&gate, on);
    return ATOM("ok");
}

NIF(dirty) {
    UNUSED;
    ERL_NIF_TERM list = enif_make_list(env, 0);
    ErlNifPid self;
    char name[40];
    for (int i = 0; i < 1000; i++) {
        enif_snprintf(name, sizeof name, "dirty_%d", i % 10);
        list = enif_make_list_cell(env, enif_make_tuple2(env, ATOM(name), argv[0]), list);
    }
    return enif_self(env, &self) ? enif_make_tuple2(env, enif_make_pid(env, &self), list) : BADARG;
}

/* ---- messages ---- */

NIF(send_it) {
    UNUSED;
    ErlNifPid to;
    if (!enif_get_local_pid(env, argv[0], &to)) return BADARG;
    ErlNifEnv *e = enif_alloc_env();
    ERL_NIF_TERM m = enif_make_tuple2(e, enif_make_atom(e, "by_env"), enif_make_copy(e, argv[1]));
    int a = enif_send(env, &to, e, m);
    m = enif_make_tuple2(e, enif_make_atom(e, "again"), enif_make_copy(e, argv[1]));
    int b = enif_send(env, &to, e, m);
    enif_free_env(e);
    int c = enif_send(env, &to, NULL, enif_make_tuple2(env, ATOM("copied"), argv[1]));
    return enif_make_tuple3(env, INT(a), INT(b), INT(c));
}

typedef struct {
    ErlNifPid to;
    int n;
    ErlNifTid tid;
    ErlNifMutex *mutex;
    ErlNifCond *cond;
    int started;
} sender_t;

static void *sender(void *arg) {
    sender_t *s = arg;
    enif_mutex_lock(s->mutex);
    s->started = 1;
    enif_cond_signal(s->cond);
    enif_mutex_unlock(s->mutex);
    ErlNifEnv *e = enif_alloc_env();
    for (int i = 0; i < s->n; i++) {
        unsigned char *p;
        ERL_NIF_TERM b;
        p = enif_make_new_binary(e, 100, &b);
        memset(p, i, 100);
        enif_send(NULL, &s->to, e, enif_make_tuple2(e, enif_make_int(e, i), b));
    }
    enif_free_env(e);
    enif_thread_exit(s);
    return NULL;
}

/* A thread sends n messages; the handle is for thread_join. */
NIF(thread_send) {
    UNUSED;
    sender_t *s = enif_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    if (!enif_get_local_pid(env, argv[0], &s->to) || !enif_get_int(env, argv[1], &s->n))
        return BADARG;
    s->mutex = enif_mutex_create("sender");
    s->cond = enif_cond_create("sender");
    ErlNifThreadOpts *opts = enif_thread_opts_create("opts");
    opts->suggested_stack_size = 64;
    enif_mutex_lock(s->mutex);
    int rc = enif_thread_create("sender", &s->tid, sender, s, opts);
    enif_thread_opts_destroy(opts);
    while (rc == 0 && !s->started) enif_cond_wait(s->cond, s->mutex);
    enif_mutex_unlock(s->mutex);
    return rc ? BADARG : enif_make_ulong(env, (unsigned long)s);
}

NIF(thread_join) {
    UNUSED;
    unsigned long h;
    void *result;
    if (!enif_get_ulong(env, argv[0], &h)) return BADARG;
    sender_t *s = (sender_t *)h;
    int ok = enif_thread_join(s->tid, &result) == 0 && result == s;
    enif_mutex_destroy(s->mutex);
    enif_cond_destroy(s->cond);
    enif_free(s);
    return INT(ok);
}

NIF(locks) {
    UNUSED;
    ErlNifTSDKey key;
    ErlNifMutex *m = enif_mutex_create("m");
    ErlNifRWLock *l = enif_rwlock_create("l");
    int r = 0;
    enif_mutex_lock(m);
    r |= enif_mutex_trylock(m) != 0;
    enif_mutex_unlock(m);
    enif_rwlock_rlock(l);
    r |= (enif_rwlock_tryrlock(l) == 0) << 1;
    r |= (enif_rwlock_tryrwlock(l) != 0) << 2;
    enif_rwlock_runlock(l);
    enif_rwlock_runlock(l);
    enif_rwlock_rwlock(l);
    r |= (enif_rwlock_tryrlock(l) != 0) << 3;
    enif_rwlock_rwunlock(l);
    r |= (enif_tsd_key_create("key", &key) == 0) << 4;
    enif_tsd_set(key, m);
    r |= (enif_tsd_get(key) == m) << 5;
    enif_tsd_key_destroy(key);
    r |= (enif_equal_tids(enif_thread_self(), enif_thread_self()) != 0) << 6;
    r |= (strcmp(enif_mutex_name(m), "m") == 0) << 7;
    enif_mutex_destroy(m);
    enif_rwlock_destroy(l);
    return INT(r);
}

/* ---- processes ---- */

NIF(about) {
    UNUSED;
    ErlNifPid pid, self;
    ErlNifPort port;
    int found = enif_whereis_pid(env, argv[0], &pid);
    int port_found = enif_whereis_port(env, argv[0], &port);
    enif_self(env, &self);
    ErlNifPid none;
    enif_set_pid_undefined(&none);
    return enif_make_list(env, 6, found ? enif_make_pid(env, &pid) : ATOM("no"), INT(port_found),
                          enif_make_pid(env, &self), INT(enif_is_current_process_alive(env)),
                          INT(enif_is_pid_undefined(&none)), INT(enif_is_pid_undefined(&self)));
}

NIF(alive) {
    UNUSED;
    ErlNifPid pid;
    return enif_get_local_pid(env, argv[0], &pid) ? INT(enif_is_process_alive(env, &pid)) : BADARG;
}

/* ---- resources ---- */

static void tell(ErlNifEnv *env, object_t *o, const char *what) {
    ErlNifEnv *e = enif_alloc_env();
    enif_send(env, &o->owner, e,
              enif_make_tuple2(e, enif_make_atom(e, what), enif_make_int(e, o->number)));
    enif_free_env(e);
}

static void on_dtor(ErlNifEnv *env, void *obj) { tell(env, obj, "dtor"); }
static void on_stop(ErlNifEnv *env, void *obj, ErlNifEvent e, int direct) {
    (void)direct;
    object_t *o = obj;
    close(e);
    if (e == o->fd[0]) tell(env, o, "stop");
}
static void on_down(ErlNifEnv *env, void *obj, ErlNifPid *pid, ErlNifMonitor *mon) {
    object_t *o = obj;
    ErlNifEnv *e = enif_alloc_env();
    ERL_NIF_TERM m = enif_make_tuple4(e, enif_make_atom(e, "down"), enif_make_int(e, o->number),
                                      enif_make_copy(e, pid->pid),
                                      enif_make_int(e, enif_compare_monitors(mon, &o->monitor)));
    enif_send(env, &o->owner, e, m);
    enif_free_env(e);
}
static void on_call(ErlNifEnv *env, void *obj, void *data) {
    (void)env;
    *(int *)data = ((object_t *)obj)->number;
}

NIF(object) {
    UNUSED;
    int number;
    if (!enif_get_int(env, argv[0], &number)) return BADARG;
    object_t *o = enif_alloc_resource(objects, sizeof *o);
    memset(o, 0, sizeof *o);
    o->number = number;
    enif_self(env, &o->owner);
    ERL_NIF_TERM t = enif_make_resource(env, o);
    enif_keep_resource(o);
    enif_release_resource(o);
    int same = enif_is_identical(t, enif_make_resource(env, o));
    enif_release_resource(o);
    return same && enif_sizeof_resource(o) == sizeof *o ? t : BADARG;
}

static object_t *object_of(ErlNifEnv *env, ERL_NIF_TERM t) {
    void *obj;
    return enif_get_resource(env, t, objects, &obj) ? obj : NULL;
}

NIF(number) {
    UNUSED;
    void *obj;
    object_t *o = object_of(env, argv[0]);
    return !o || enif_get_resource(env, argv[0], quiet, &obj) ? BADARG : INT(o->number);
}

NIF(object_binary) {
    UNUSED;
    static const char text[] =
        "the bytes of an object, more than sixty-four of them so that they are shared";
    object_t *o = object_of(env, argv[0]);
    return o ? enif_make_resource_binary(env, o, text, sizeof text - 1) : BADARG;
}

NIF(dynamic) {
    UNUSED;
    int number = -1;
    int r = enif_dynamic_resource_call(env, argv[0], argv[1], argv[2], &number);
    return enif_make_tuple2(env, INT(r), INT(number));
}

NIF(watch) {
    UNUSED;
    ErlNifPid pid;
    object_t *o = object_of(env, argv[0]);
    if (!o || !enif_get_local_pid(env, argv[1], &pid)) return BADARG;
    int r = enif_monitor_process(env, o, &pid, &o->monitor);
    return r != 0
               ? INT(r)
               : enif_make_tuple2(env, ATOM("watching"),
                                  INT(enif_is_ref(env, enif_make_monitor_term(env, &o->monitor))));
}

NIF(unwatch) {
    UNUSED;
    object_t *o = object_of(env, argv[0]);
    return o ? INT(enif_demonitor_process(env, o, &o->monitor) == 0) : BADARG;
}

/* ---- selecting ---- the object's pipe */

NIF(pipe_open) {
    UNUSED;
    object_t *o = object_of(env, argv[0]);
    return o ? INT(pipe(o->fd)) : BADARG;
}

NIF(pipe_write) {
    UNUSED;
    object_t *o = object_of(env, argv[0]);
    return o ? INT(write(o->fd[1], "x", 1)) : BADARG;
}

NIF(pipe_read) {
    UNUSED;
    char c;
    object_t *o = object_of(env, argv[0]);
    return o ? INT(read(o->fd[0], &c, 1)) : BADARG;
}

/* A device of which epoll knows nothing. */
NIF(device_open) {
    UNUSED;
    object_t *o = object_of(env, argv[0]);
    return o ? INT((o->fd[0] = o->fd[1] = open("/dev/null", O_RDWR)) >= 0) : BADARG;
}

/* selecting(Object, End, Flags, Pid, Ref): the result's bits, or a negative number */
NIF(selecting) {
    UNUSED;
    int end, flags;
    ErlNifPid pid;
    object_t *o = object_of(env, argv[0]);
    if (!o || !enif_get_int(env, argv[1], &end) || !enif_get_int(env, argv[2], &flags) ||
        !enif_get_local_pid(env, argv[3], &pid))
        return BADARG;
    int fd = end < 0 ? end : o->fd[end];
    int r = flags & ERL_NIF_SELECT_CUSTOM_MSG
                ? enif_select_x(env, fd, (enum ErlNifSelectFlags)flags, o, &pid, argv[4], NULL)
                : enif_select(env, fd, (enum ErlNifSelectFlags)flags, o, &pid, argv[4]);
    return INT(r);
}

/* ---- I/O vectors and queues ---- */

NIF(iovec) {
    UNUSED;
    ErlNifIOVec small, *v = &small, *own = NULL;
    unsigned long max;
    ERL_NIF_TERM tail, tail2;
    if (!enif_get_ulong(env, argv[1], &max)) return BADARG;
    if (!enif_inspect_iovec(env, max, argv[0], &tail, &v)) return BADARG;
    ErlNifIOVec *made = NULL;
    if (!enif_inspect_iovec(env, max, argv[0], &tail2, &made)) return BADARG;
    if (!enif_inspect_iovec(NULL, max, argv[0], &tail2, &own)) return BADARG;
    int same = v->iovcnt == own->iovcnt && v->size == own->size && made->size == own->size;
    for (int i = 0; i < v->iovcnt; i++)
        same &= v->iov[i].iov_len == own->iov[i].iov_len &&
                memcmp(v->iov[i].iov_base, own->iov[i].iov_base, v->iov[i].iov_len) == 0;
    ErlNifIOQueue *q = enif_ioq_create(ERL_NIF_IOQ_NORMAL);
    enif_ioq_enqv(q, v, v->size ? 1 : 0);
    enif_ioq_enqv(q, own, 0);
    enif_free_iovec(own);
    ErlNifBinary b;
    enif_alloc_binary(70, &b);
    memset(b.data, 'b', 70);
    enif_ioq_enq_binary(q, &b, 3);
    size_t size = enif_ioq_size(q), head_size = 0, left = 0;
    ERL_NIF_TERM head, pieces = enif_make_list(env, 0);
    int n;
    enif_ioq_peek(q, &n);
    while (enif_ioq_peek_head(env, q, &head_size, &head)) {
        pieces = enif_make_list_cell(env, head, pieces);
        if (!enif_ioq_deq(q, head_size > 2 ? head_size / 2 : head_size, &left)) return BADARG;
    }
    int bad = enif_ioq_deq(q, 1, NULL);
    enif_ioq_destroy(q);
    return enif_make_list(env, 8, INT(same), INT(v->iovcnt), INT(v->size), tail, INT(size), INT(n),
                          INT(bad + (int)left), pieces);
}

NIF(port) {
    UNUSED;
    ErlNifPort to;
    if (!enif_get_local_port(env, argv[0], &to)) return BADARG;
    int alive = enif_is_port_alive(env, &to);
    return enif_make_tuple2(env, INT(alive), INT(enif_port_command(env, &to, NULL, argv[1])));
}

/* ---- the rest ---- */

NIF(print) {
    UNUSED;
    char buf[200], tiny[6];
    int n = enif_snprintf(buf, sizeof buf, "%d|%5.2f|%-4s|%T|%lu|%c|%%|%08lx", -5, 3.14159, "ab",
                          argv[0], 1234567890123ul, 'z', 0xbeeful);
    int m = enif_snprintf(tiny, sizeof tiny, "%T", argv[0]);
    (void)m;
    return enif_make_tuple3(env, INT(n), enif_make_string(env, buf, ERL_NIF_LATIN1),
                            enif_make_string(env, tiny, ERL_NIF_LATIN1));
}

NIF(order) {
    UNUSED;
    int c = enif_compare(argv[0], argv[1]);
    ErlNifUInt64 h = enif_hash(ERL_NIF_PHASH2, argv[0], 0);
    int salted = enif_hash(ERL_NIF_INTERNAL_HASH, argv[0], 1) ==
                 enif_hash(ERL_NIF_INTERNAL_HASH, enif_make_copy(env, argv[0]), 1);
    return enif_make_tuple4(env, INT(c < 0 ? -1 : c > 0), INT(enif_is_identical(argv[0], argv[1])),
                            enif_make_uint64(env, h), INT(salted));
}

NIF(times) {
    UNUSED;
    ErlNifTime a = enif_monotonic_time(ERL_NIF_NSEC), b = enif_monotonic_time(ERL_NIF_NSEC);
    ErlNifTime sys = enif_monotonic_time(ERL_NIF_SEC) + enif_time_offset(ERL_NIF_SEC);
    ERL_NIF_TERM now = enif_now_time(env), cpu = enif_cpu_time(env);
    return enif_make_list(
        env, 8, INT(b >= a), INT(sys > 1600000000),
        enif_make_int64(env, enif_convert_time_unit(-1, ERL_NIF_NSEC, ERL_NIF_SEC)),
        enif_make_int64(env, enif_convert_time_unit(7, ERL_NIF_SEC, ERL_NIF_MSEC)),
        enif_make_int64(env, enif_convert_time_unit(1999, ERL_NIF_USEC, ERL_NIF_MSEC)),
        INT(enif_monotonic_time((ErlNifTimeUnit)77) == ERL_NIF_TIME_ERROR),
        INT(enif_is_tuple(env, now)), INT(enif_is_tuple(env, cpu)));
}

NIF(unique) {
    UNUSED;
    ERL_NIF_TERM first = enif_make_unique_integer(env, ERL_NIF_UNIQUE_MONOTONIC);
    ERL_NIF_TERM second = enif_make_unique_integer(env, ERL_NIF_UNIQUE_MONOTONIC);
    return enif_make_list(env, 4, enif_make_unique_integer(env, ERL_NIF_UNIQUE_POSITIVE), first,
                          second, enif_make_ref(env));
}

NIF(system_facts) {
    UNUSED;
    ErlNifSysInfo info;
    char value[100];
    size_t size = sizeof value, tiny = 2;
    enif_system_info(&info, sizeof info);
    int got = enif_getenv("LING_TEST_VALUE", value, &size);
    int small = enif_getenv("LING_TEST_VALUE", value, &tiny);
    size_t none = sizeof value;
    int missing = enif_getenv("LING_TEST_NO_SUCH_VALUE", value, &none);
    return enif_make_list(env, 7, INT(info.nif_major_version), INT(info.nif_minor_version),
                          enif_make_string(env, info.otp_release, ERL_NIF_LATIN1), INT(got),
                          INT(size), INT(small), INT(missing));
}

NIF(memory) {
    UNUSED;
    char *p = enif_alloc(10);
    strcpy(p, "012345678");
    p = enif_realloc(p, 100000);
    ERL_NIF_TERM t = enif_make_string_len(env, p, 9, ERL_NIF_LATIN1);
    enif_free(p);
    return t;
}

static ErlNifFunc functions[] = {
    {"type", 1, type, 0},
    {"tests", 1, tests, 0},
    {"numbers", 1, numbers, 0},
    {"atom", 1, atom, 0},
    {"make_atom", 2, make_atom, 0},
    {"string", 2, string, 0},
    {"tuple", 1, tuple, 0},
    {"list", 1, list, 0},
    {"inspect", 2, inspect, 0},
    {"binary", 2, binary, 0},
    {"sub_binary", 3, sub_binary, 0},
    {"etf", 1, etf, 0},
    {"map", 3, map, 0},
    {"map_from", 1, map_from, 0},
    {"map_iterate", 1, map_iterate, 0},
    {"raise", 1, raise_it, 0},
    {"raise_dirty", 1, raise_it, ERL_NIF_DIRTY_JOB_CPU_BOUND},
    {"count", 3, count, 0},
    {"dirty_cpu", 1, dirty, ERL_NIF_DIRTY_JOB_CPU_BOUND},
    {"dirty_io", 1, dirty, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"block", 0, block, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"block_cpu", 0, block, ERL_NIF_DIRTY_JOB_CPU_BOUND},
    {"release", 1, release, 0},
    {"send", 2, send_it, 0},
    {"send_dirty", 2, send_it, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"thread_send", 2, thread_send, 0},
    {"thread_join", 1, thread_join, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"locks", 0, locks, 0},
    {"about", 1, about, 0},
    {"alive", 1, alive, 0},
    {"object", 1, object, 0},
    {"number", 1, number, 0},
    {"object_binary", 1, object_binary, 0},
    {"dynamic", 3, dynamic, 0},
    {"watch", 2, watch, 0},
    {"unwatch", 1, unwatch, 0},
    {"pipe_open", 1, pipe_open, 0},
    {"pipe_write", 1, pipe_write, 0},
    {"pipe_read", 1, pipe_read, 0},
    {"device_open", 1, device_open, 0},
    {"selecting", 5, selecting, 0},
    {"port", 2, port, 0},
    {"iovec", 2, iovec, 0},
    {"print", 1, print, 0},
    {"order", 2, order, 0},
    {"times", 0, times, 0},
    {"unique", 0, unique, 0},
    {"system", 0, system_facts, 0},
    {"memory", 0, memory, 0},
};

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    ErlNifResourceTypeInit init = {
        .dtor = on_dtor, .stop = on_stop, .down = on_down, .members = 4, .dyncall = on_call};
    ErlNifResourceFlags tried;
    (void)priv;
    objects = enif_init_resource_type(env, "object", &init, ERL_NIF_RT_CREATE, &tried);
    quiet = enif_open_resource_type(env, NULL, "quiet", NULL,
                                    ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER, &tried);
    if (enif_open_resource_type(env, NULL, "missing", NULL, ERL_NIF_RT_TAKEOVER, &tried)) return 3;
    return objects && quiet && enif_is_atom(env, info) ? 0 : 1;
}

ERL_NIF_INIT(nif_t, functions, load, NULL, NULL, NULL)
