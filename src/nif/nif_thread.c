/* nif_thread.c: locks, conditions, thread-specific data and threads for native code, on POSIX
 * threads. A thread made here belongs to the VM of the thread that made it and keeps ling_run
 * waiting for it.
 */
#include <errno.h>
#include <ling/ling.h>
#include <pthread.h>

#include "nif/nif.h"

static char *name_copy(const char *name) { return strdup(name ? name : "(unnamed)"); }

/* ---- locks ---- */

struct ErlDrvMutex_ {
    pthread_mutex_t mutex;
    char *name;
};

ErlNifMutex *enif_mutex_create(char *name) {
    ErlNifMutex *m = malloc(sizeof *m);
    if (!m) return NULL;
    m->name = name_copy(name);
    if (m->name && pthread_mutex_init(&m->mutex, NULL) == 0) return m;
    free(m->name);
    free(m);
    return NULL;
}

void enif_mutex_destroy(ErlNifMutex *m) {
    if (!m) return;
    pthread_mutex_destroy(&m->mutex);
    free(m->name);
    free(m);
}

char *enif_mutex_name(ErlNifMutex *m) { return m->name; }
int enif_mutex_trylock(ErlNifMutex *m) { return pthread_mutex_trylock(&m->mutex); }
void enif_mutex_lock(ErlNifMutex *m) { pthread_mutex_lock(&m->mutex); }
void enif_mutex_unlock(ErlNifMutex *m) { pthread_mutex_unlock(&m->mutex); }

struct ErlDrvCond_ {
    pthread_cond_t cond;
    char *name;
};

ErlNifCond *enif_cond_create(char *name) {
    ErlNifCond *c = malloc(sizeof *c);
    if (!c) return NULL;
    c->name = name_copy(name);
    if (c->name && pthread_cond_init(&c->cond, NULL) == 0) return c;
    free(c->name);
    free(c);
    return NULL;
}

void enif_cond_destroy(ErlNifCond *c) {
    if (!c) return;
    pthread_cond_destroy(&c->cond);
    free(c->name);
    free(c);
}

char *enif_cond_name(ErlNifCond *c) { return c->name; }
void enif_cond_signal(ErlNifCond *c) { pthread_cond_signal(&c->cond); }
void enif_cond_broadcast(ErlNifCond *c) { pthread_cond_broadcast(&c->cond); }
void enif_cond_wait(ErlNifCond *c, ErlNifMutex *m) { pthread_cond_wait(&c->cond, &m->mutex); }

struct ErlDrvRWLock_ {
    pthread_rwlock_t lock;
    char *name;
};

ErlNifRWLock *enif_rwlock_create(char *name) {
    ErlNifRWLock *l = malloc(sizeof *l);
    if (!l) return NULL;
    l->name = name_copy(name);
    if (l->name && pthread_rwlock_init(&l->lock, NULL) == 0) return l;
    free(l->name);
    free(l);
    return NULL;
}

void enif_rwlock_destroy(ErlNifRWLock *l) {
    if (!l) return;
    pthread_rwlock_destroy(&l->lock);
    free(l->name);
    free(l);
}

char *enif_rwlock_name(ErlNifRWLock *l) { return l->name; }
int enif_rwlock_tryrlock(ErlNifRWLock *l) { return pthread_rwlock_tryrdlock(&l->lock); }
void enif_rwlock_rlock(ErlNifRWLock *l) { pthread_rwlock_rdlock(&l->lock); }
void enif_rwlock_runlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->lock); }
int enif_rwlock_tryrwlock(ErlNifRWLock *l) { return pthread_rwlock_trywrlock(&l->lock); }
void enif_rwlock_rwlock(ErlNifRWLock *l) { pthread_rwlock_wrlock(&l->lock); }
void enif_rwlock_rwunlock(ErlNifRWLock *l) { pthread_rwlock_unlock(&l->lock); }

/* ---- thread-specific data ---- */

int enif_tsd_key_create(char *name, ErlNifTSDKey *key) {
    pthread_key_t k;
    (void)name;
    int rc = pthread_key_create(&k, NULL);
    if (rc == 0) *key = (ErlNifTSDKey)k;
    return rc;
}

void enif_tsd_key_destroy(ErlNifTSDKey key) { pthread_key_delete((pthread_key_t)key); }
void enif_tsd_set(ErlNifTSDKey key, void *data) { pthread_setspecific((pthread_key_t)key, data); }
void *enif_tsd_get(ErlNifTSDKey key) { return pthread_getspecific((pthread_key_t)key); }

/* ---- threads ---- */

void nif_threads_begin(vm_t *vm) {
    if (!vm->locking) vm->locking = true; /* schedulers have set it, and read it without a lock */
}

struct ErlDrvTid_ {
    pthread_t thread;
    char *name;
    void *(*func)(void *);
    void *arg, *result;
    vm_t *vm;
};

/* Threads that were not made here have a tid, too. */
static _Thread_local struct ErlDrvTid_ foreign_tid;
static _Thread_local ErlNifTid this_tid;

ErlNifTid enif_thread_self(void) { return this_tid ? this_tid : &foreign_tid; }
int enif_equal_tids(ErlNifTid a, ErlNifTid b) { return a == b; }
char *enif_thread_name(ErlNifTid tid) { return tid->name; }

/* Also when the thread ends by enif_thread_exit. */
static void thread_over(void *arg) {
    ErlNifTid t = arg;
    if (t->vm) ling_unref(t->vm);
}

static void *thread_main(void *arg) {
    ErlNifTid t = arg;
    this_tid = t;
    nif_thread()->vm = t->vm;
    pthread_cleanup_push(thread_over, t);
    t->result = t->func(t->arg);
    pthread_cleanup_pop(1);
    return NULL;
}

ErlNifThreadOpts *enif_thread_opts_create(char *name) {
    ErlNifThreadOpts *o = malloc(sizeof *o);
    (void)name;
    if (o) o->suggested_stack_size = -1;
    return o;
}

void enif_thread_opts_destroy(ErlNifThreadOpts *o) { free(o); }

int enif_thread_create(char *name, ErlNifTid *tid, void *(*func)(void *), void *arg,
                       ErlNifThreadOpts *opts) {
    ErlNifTid t = calloc(1, sizeof *t);
    if (!t) return ENOMEM;
    t->name = name_copy(name);
    t->func = func;
    t->arg = arg;
    t->vm = nif_vm();
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    if (opts && opts->suggested_stack_size > 0) { /* in kilowords; too small ones are refused */
        size_t bytes = (size_t)opts->suggested_stack_size * 1024 * sizeof(void *);
        if (bytes < 64 * 1024) bytes = 64 * 1024;
        pthread_attr_setstacksize(&attr, bytes);
    }
    if (t->vm) {
        nif_threads_begin(t->vm);
        ling_ref(t->vm);
    }
    int rc = t->name ? pthread_create(&t->thread, &attr, thread_main, t) : ENOMEM;
    pthread_attr_destroy(&attr);
    if (rc == 0) {
        *tid = t;
        return 0;
    }
    if (t->vm) ling_unref(t->vm);
    free(t->name);
    free(t);
    return rc;
}

void enif_thread_exit(void *result) {
    if (this_tid) this_tid->result = result;
    pthread_exit(NULL);
}

int enif_thread_join(ErlNifTid t, void **result) {
    int rc = pthread_join(t->thread, NULL);
    if (rc != 0) return rc;
    if (result) *result = t->result;
    free(t->name);
    free(t);
    return 0;
}
