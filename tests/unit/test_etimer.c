/* test_etimer.c: the timer wheel on virtual time, against a plain list as the model. */
#include "fixture.h"
#include <stdlib.h>
#include "host/sim/host_sim.h"
#include "timer/etimer.h"

#define S  1000000000ull
#define MS 1000000ull

typedef struct {
    uint64_t when, seq;
    enum { NEW, RUNNING, FIRED, STOPPED } state;
    etimer_t *handle;
    bool anywhere; /* not bound to the thread that polls */
} model_t;

static uint64_t now, last_when, last_seq, rng;
static bool polling = true;

static uint64_t rnd(void) {
    rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
    return rng;
}

static void fire(vm_t *vm, void *user) {
    (void)vm;
    model_t *m = user;
    assert_int_equal(m->state, RUNNING);
    assert_true(m->when <= now);
    assert_true(polling || m->anywhere);
    /* In order of time, then of arrival. */
    assert_true(m->when > last_when || (m->when == last_when && m->seq >= last_seq));
    last_when = m->when;
    last_seq = m->seq;
    m->state = FIRED;
}

static uint64_t model_closest(const model_t *m, size_t n, bool all) {
    uint64_t min = HOST_FOREVER;
    for (size_t i = 0; i < n; i++)
        if (m[i].state == RUNNING && m[i].when < min && (all || m[i].anywhere)) min = m[i].when;
    return min;
}

/* What a scheduler does. */
static size_t expired_anywhere(vm_t *vm) {
    last_when = last_seq = 0;
    polling = false;
    size_t fired = etimer_expired_anywhere(vm, now);
    polling = true;
    return fired;
}

/* An hour of random timers: none early, none forgotten, the closest time right. */
static void test_random_hour(void **state) {
    (void)state;
    enum { MAX = 20000 };
    vm_t *vm = fixture_vm();
    model_t *m = calloc(MAX, sizeof *m);
    size_t n = 0, fired = 0, stopped = 0;
    rng = 88172645463325252u;
    now = host_sim_now(vm->host);
    uint64_t end = now + 3600 * S;
    while (now < end) {
        for (size_t k = rnd() % 4; k > 0 && n < MAX; k--, n++) {
            uint64_t d = rnd() >> (22 + rnd() % 41);
            if (rnd() % 4 == 0) d -= d % MS;
            m[n] = (model_t){now + d, n, RUNNING, NULL, rnd() % 2};
            m[n].handle =
                (m[n].anywhere ? etimer_start_anywhere : etimer_start)(vm, m[n].when, fire, &m[n]);
            assert_non_null(m[n].handle);
        }
        for (size_t k = rnd() % 3; k > 0 && n; k--) {
            model_t *x = &m[rnd() % n];
            assert_int_equal(etimer_stop(vm, x->handle), x->state == RUNNING);
            if (x->state == RUNNING) x->state = STOPPED, stopped++;
        }
        uint64_t closest = etimer_closest_timeout(vm);
        if (rnd() % 32 == 0) assert_true(closest == model_closest(m, n, true));
        if (closest != HOST_FOREVER && closest > now && rnd() % 2)
            now = closest;
        else
            now += rnd() >> (24 + rnd() % 40);
        if (rnd() % 2) {
            fired += expired_anywhere(vm);
            if (rnd() % 32 == 0) assert_true(model_closest(m, n, false) > now);
            if (rnd() % 2) continue; /* nobody polls for a while */
        }
        last_when = last_seq = 0;
        fired += etimer_expired(vm, now);
        if (rnd() % 32 == 0) assert_true(model_closest(m, n, true) > now);
    }
    assert_int_equal(fired + stopped + etimer_count(vm), n);
    for (size_t i = 0; i < n; i++) etimer_stop(vm, m[i].handle);
    assert_int_equal(etimer_count(vm), 0);
    assert_true(etimer_closest_timeout(vm) == HOST_FOREVER);
    free(m);
    fixture_free(vm);
}

static void test_exact(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    uint64_t base = host_sim_now(vm->host);
    static const uint64_t far[] = {0,       1,     999,    65535,    65536,     MS,
                                   50 * MS, S - 1, 17 * S, 1100 * S, 86400 * S, 366 * 86400 * S};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        model_t m = {base + far[i], 0, RUNNING, NULL, false};
        m.handle = etimer_start(vm, m.when, fire, &m);
        assert_true(etimer_closest_timeout(vm) == m.when);
        if (far[i]) {
            now = m.when - 1;
            last_when = last_seq = 0;
            assert_int_equal(etimer_expired(vm, now), 0);
            assert_int_equal(m.state, RUNNING);
            assert_true(etimer_closest_timeout(vm) == m.when);
        }
        now = m.when;
        assert_int_equal(etimer_expired(vm, now), 1);
        assert_int_equal(m.state, FIRED);
        assert_false(etimer_stop(vm, m.handle));
    }
    fixture_free(vm);
}

/* Timers started, stopped and fired by timers. */
static struct {
    vm_t *vm;
    etimer_t *other;
    int count;
} chain;

static void chain_fire(vm_t *vm, void *user) {
    (void)user;
    chain.count++;
    if (chain.other) {
        assert_true(etimer_stop(vm, chain.other));
        chain.other = NULL;
    }
    /* Due at once, but not in this round: a timer that restarts itself cannot stop the machine. */
    if (chain.count < 3) assert_non_null(etimer_start(vm, 0, chain_fire, NULL));
}

static void test_reentrant(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    uint64_t base = host_sim_now(vm->host);
    chain.count = 0;
    assert_non_null(etimer_start(vm, base + 10, chain_fire, NULL));
    chain.other = etimer_start(vm, base + 20, chain_fire, NULL);
    assert_int_equal(etimer_expired(vm, base + 30), 1);
    assert_int_equal(chain.count, 1);
    assert_true(etimer_closest_timeout(vm) <= base + 30);
    assert_int_equal(etimer_expired(vm, base + 30), 1);
    assert_int_equal(etimer_expired(vm, base + 30), 1);
    assert_int_equal(etimer_expired(vm, base + 30), 0);
    assert_int_equal(chain.count, 3);
    fixture_free(vm);
}

static void test_messages(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = fixture_proc(vm), *q = fixture_proc(vm);
    uint64_t ref = vm_next_ref(vm);
    int64_t left;
    assert_int_equal(etimer_add(vm, ref, 5 * MS, p->pid, A_ok, p, 1), 0);
    assert_int_equal(etimer_read(vm, ref, &left), 0);
    assert_true(left > 4 * (int64_t)MS && left <= 5 * (int64_t)MS);
    host_sim_advance(vm->host, 5 * MS);
    assert_int_equal(etimer_expired(vm, vm_now(vm)), 1);
    assert_int_equal(etimer_cancel(vm, ref, &left), -1);
    assert_true(proc_fetch_signals(p));
    signal_t *s = msg_queue_current(&p->mq);
    assert_non_null(s);
    assert_true(is_tuple_of(s->term, 3));
    assert_true(tuple_elem(s->term, 1) == A_timeout);
    assert_true(ref_id(tuple_elem(s->term, 2)) == ref);
    assert_true(tuple_elem(s->term, 3) == A_ok);

    /* Only the receiver's own timers go with it. */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(etimer_add(vm, vm_next_ref(vm), S, p->pid, A_ok, p, 0), 0);
        if (i % 10 == 0)
            assert_int_equal(etimer_add(vm, vm_next_ref(vm), S, q->pid, A_ok, p, 0), 0);
    }
    assert_int_equal(etimer_count(vm), 1100);
    etimer_cancel_by_receiver(vm, p->pid);
    assert_int_equal(etimer_count(vm), 100);
    /* A name nobody has, a process that is gone: the message vanishes. */
    assert_int_equal(etimer_add(vm, vm_next_ref(vm), S, A_error, A_ok, p, 0), 0);
    assert_int_equal(etimer_add(vm, vm_next_ref(vm), S, make_pid(12345, 7), A_ok, p, 0), 0);
    assert_int_equal(etimer_count(vm), 101);
    host_sim_advance(vm->host, 2 * S);
    assert_int_equal(etimer_expired(vm, vm_now(vm)), 101);
    assert_true(etimer_closest_timeout(vm) == HOST_FOREVER);
    fixture_free(vm);
}

static void test_million(void **state) {
    (void)state;
    enum { N = 1000000 };
    vm_t *vm = fixture_vm();
    model_t *m = calloc(N, sizeof *m);
    rng = 12345;
    now = host_sim_now(vm->host);
    for (size_t i = 0; i < N; i++) {
        m[i] = (model_t){now + rnd() % (100 * S), i, RUNNING, NULL, false};
        m[i].handle = etimer_start(vm, m[i].when, fire, &m[i]);
        assert_non_null(m[i].handle);
    }
    for (size_t i = 0; i < N; i += 2) {
        assert_true(etimer_stop(vm, m[i].handle));
        m[i].state = STOPPED;
    }
    last_when = last_seq = 0;
    size_t fired = 0;
    while (etimer_count(vm)) {
        now = etimer_closest_timeout(vm) + MS;
        fired += etimer_expired(vm, now);
    }
    assert_int_equal(fired, N / 2);
    free(m);
    fixture_free(vm);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),     cmocka_unit_test(test_random_hour),
        cmocka_unit_test(test_reentrant), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
