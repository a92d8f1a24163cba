/* test_process.c: the process table, names, relations, exits, and life without memory. */
#include "fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include "host/sim/host_sim.h"
#include "vm/link.h"
#include "vm/proc_dict.h"

static proc_t *new_proc(vm_t *vm) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    term_t err, pid = proc_spawn(vm, NULL, A_erlang, A_self, TERM_NIL, &o, NULL, &err);
    return pid == TERM_NONE ? NULL : proc_lookup(vm, pid);
}
static vm_t *small_vm(uint32_t max_processes) {
    vm_options_t o = {
        .host = host_sim_create(1, NULL), .deterministic = true, .max_processes = max_processes};
    vm_t *vm = vm_create(&o);
    assert_non_null(vm);
    return vm;
}
/* Ends a process that is in the run queue, by a signal, as a scheduler would. */
static void end(vm_t *vm, proc_t *p, term_t reason) {
    assert_true(proc_exit_signal(vm, make_pid(99999, 9), p->pid, reason, 0));
    assert_int_equal(vm_run(vm, VM_RUN_DEFAULT), 0);
}
static size_t messages(proc_t *p) {
    assert_true(proc_fetch_signals(p));
    return msg_queue_len(&p->mq);
}

/* A process that waits for ever: spawned, and kept from the run queue. */
static proc_t *sleeper(vm_t *vm) {
    proc_t *p = new_proc(vm);
    assert_non_null(p);
    p->suspended = 1;
    atomic_fetch_or(&p->state, PS_SUSPENDED);
    assert_int_equal(vm_run(vm, VM_RUN_DEFAULT), 0);
    return p;
}

static void test_table(void **state) {
    (void)state;
    vm_t *vm = small_vm(100);
    assert_int_equal(proc_limit(vm), 100);
    static term_t pids[100];
    for (int i = 0; i < 100; i++) {
        proc_t *p = new_proc(vm);
        assert_non_null(p);
        pids[i] = p->pid;
        assert_int_equal(pid_slot(p->pid), i);
        assert_int_equal(pid_serial(p->pid), 0);
    }
    spawn_opts_t o = SPAWN_DEFAULTS;
    term_t err = TERM_NONE;
    assert_int_equal(proc_spawn(vm, NULL, A_erlang, A_self, TERM_NIL, &o, NULL, &err), TERM_NONE);
    assert_int_equal(err, A_system_limit);
    assert_int_equal(proc_spawn(vm, NULL, A_erlang, A_self, A_ok, &o, NULL, &err), TERM_NONE);
    assert_int_equal(err, A_badarg);
    /* All run and end; old pids mean nobody, new ones differ. */
    assert_int_equal(vm_run(vm, VM_RUN_DEFAULT), 0);
    assert_int_equal(proc_count(vm), 0);
    for (int i = 0; i < 100; i++) assert_null(proc_lookup(vm, pids[i]));
    proc_t *p = new_proc(vm);
    assert_int_equal(pid_slot(p->pid), 0);
    assert_int_equal(pid_serial(p->pid), 1);
    assert_null(proc_lookup(vm, pids[0]));
    assert_ptr_equal(proc_lookup(vm, p->pid), p);
    assert_null(proc_lookup(vm, make_pid(1 << 27, 0)));
    fixture_free(vm);
}

static void test_names(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    enum { N = 500 };
    static proc_t *p[N];
    static term_t name[N];
    char text[16];
    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "name%d", i);
        name[i] = atom_from_string(vm, text);
        p[i] = sleeper(vm);
        assert_true(name_register(vm, name[i], p[i]));
        assert_false(name_register(vm, name[i], p[i]));
    }
    for (int i = 0; i < N; i++) assert_int_equal(name_whereis(vm, name[i]), p[i]->pid);
    assert_int_equal(name_whereis(vm, A_undefined), TERM_NONE);
    for (int i = 0; i < N; i += 2) assert_true(name_unregister(vm, name[i]));
    assert_false(name_unregister(vm, name[0]));
    for (int i = 0; i < N; i++)
        assert_int_equal(name_whereis(vm, name[i]), i % 2 ? p[i]->pid : TERM_NONE);
    assert_int_equal(name_of(p[0]), TERM_NIL);
    assert_true(name_register(vm, name[0], p[2]));
    end(vm, p[2], A_kill);
    assert_int_equal(name_whereis(vm, name[0]), TERM_NONE);
    /* Registering and unregistering for ever does not fill the table. */
    for (int i = 0; i < 100000; i++) {
        assert_true(name_register(vm, name[i % 7 * 2], p[4]));
        assert_true(name_unregister(vm, name[i % 7 * 2]));
    }
    fixture_free(vm);
}

static int depth_of(relation_t *r, int depth) {
    if (!r) return depth;
    int a = depth_of(r->left, depth + 1), b = depth_of(r->right, depth + 1);
    return a > b ? a : b;
}

static void test_treap(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    enum { N = 100000 };
    relation_t *root = NULL;
    for (uint64_t i = 1; i <= N; i++) {
        relation_t *r = relation_new(vm, NULL, i * 3, TERM_NIL, 0);
        assert_true(relation_insert(&root, r));
    }
    relation_t *twice = relation_new(vm, NULL, 300, TERM_NIL, 0);
    assert_false(relation_insert(&root, twice));
    relation_free(vm, NULL, twice);
    assert_int_equal(relation_count(root), N);
    assert_true(depth_of(root, 0) < 60); /* balanced although keys came in order */
    uint64_t last = 0;
    for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) {
        assert_true(r->key == last + 3);
        last = r->key;
    }
    for (uint64_t i = 1; i <= N; i++) {
        assert_null(relation_find(root, i * 3 + 1));
        relation_t *r = relation_find(root, i * 3);
        assert_non_null(r);
        if (i % 3 == 0) relation_free(vm, NULL, relation_remove(&root, r->key));
    }
    assert_null(relation_remove(&root, 9));
    last = 0;
    size_t n = 0;
    for (relation_t *r; (r = relation_pop(&root)); n++) {
        assert_true(r->key > last);
        last = r->key;
        relation_free(vm, NULL, r);
    }
    assert_int_equal(n, N - N / 3);
    fixture_free(vm);
}

/* LING's interface: monitors stack, each costs the same however many there are. */
static void test_monitors(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *a = sleeper(vm), *b = sleeper(vm);
    enum { N = 1000 };
    for (uint64_t i = 1; i <= N; i++) assert_int_equal(monitor(vm, 5000 + i, a->pid, b->pid), 0);
    assert_int_equal(relation_count(a->monitors), N);
    assert_int_equal(relation_count(b->monitored_by), N);
    for (uint64_t i = 1; i <= N; i += 2) assert_int_equal(demonitor(vm, 5000 + i, a->pid), 0);
    assert_int_equal(demonitor(vm, 5001, a->pid), -1);
    assert_int_equal(relation_count(b->monitored_by), N / 2);
    term_t l = list_monitors(a, a);
    assert_int_equal(list_length(l), N / 2);
    assert_true(is_tuple_of(cons_head(l), 2));
    assert_int_equal(tuple_elem(cons_head(l), 2), b->pid);
    assert_int_equal(list_length(list_monitored_by(b, b)), N / 2);
    term_t late = b->pid;
    notify_monitors_N(b, b->pid, A_normal);
    assert_int_equal(messages(a), N / 2);
    assert_null(a->monitors);
    term_t m = msg_queue_current(&a->mq)->term;
    assert_true(is_tuple_of(m, 5));
    assert_int_equal(tuple_elem(m, 1), A_DOWN);
    assert_int_equal(tuple_elem(m, 4), late);
    assert_int_equal(tuple_elem(m, 5), A_normal);
    /* Nobody there. */
    assert_int_equal(monitor(vm, 9001, a->pid, make_pid(77, 7)), 0);
    assert_int_equal(messages(a), N / 2 + 1);
    assert_int_equal(monitor(vm, 9002, make_pid(77, 7), a->pid), -1);
    fixture_free(vm);
}

/* The watcher ends first: its watch goes. */
static void test_exits(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *a = sleeper(vm), *b = sleeper(vm), *c = sleeper(vm);
    assert_int_equal(monitor(vm, 1, a->pid, c->pid), 0);
    assert_int_equal(monitor(vm, 2, b->pid, c->pid), 0);
    assert_int_equal(relation_count(c->monitored_by), 2);
    end(vm, a, A_kill);
    assert_int_equal(relation_count(c->monitored_by), 1);
    end(vm, c, A_ok);
    assert_int_equal(messages(b), 1);
    assert_int_equal(tuple_elem(msg_queue_current(&b->mq)->term, 5), A_ok);
    assert_int_equal(proc_count(vm), 1);
    fixture_free(vm);
}

static void test_dictionary(void **state) {
    (void)state;
    vm_t *vm = fixture_vm();
    proc_t *p = sleeper(vm);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(pdict_put(p, make_small(i), make_small(-i)), A_undefined);
    for (int i = 0; i < 5000; i++) assert_int_equal(pdict_get(p, make_small(i)), make_small(-i));
    assert_int_equal(pdict_put(p, make_small(7), A_ok), make_small(-7));
    for (int i = 0; i < 5000; i += 2) pdict_erase(p, make_small(i));
    assert_int_equal(pdict_count(p), 2500);
    assert_int_equal(pdict_get(p, make_small(8)), A_undefined);
    assert_int_equal(pdict_get(p, make_small(7)), A_ok);
    /* Coming and going for ever does not grow it. */
    for (int i = 0; i < 100000; i++) {
        pdict_put(p, make_small(10000 + i), A_true);
        pdict_erase(p, make_small(10000 + i));
    }
    size_t roots;
    pdict_roots(p, &roots);
    assert_true(roots <= 2 * 16384);
    assert_int_equal(list_length(pdict_list(p, p)), 2500);
    fixture_free(vm);
}

/* A counting allocator that fails the k-th request. */
typedef struct {
    long left; /* requests until one fails; < 0: never */
    size_t out;
    bool failed, once;
} failing_t;
static void *failing_alloc(void *user, void *ptr, size_t old_size, size_t new_size) {
    failing_t *f = user;
    if (new_size == 0) {
        if (ptr) f->out -= old_size;
        free(ptr);
        return NULL;
    }
    if (f->left >= 0 && (f->left == 0 || --f->left == 0)) {
        f->failed = true;
        if (f->once) f->left = -1;
        if (new_size > old_size) return NULL;
    }
    void *p = realloc(ptr, new_size);
    if (p) f->out += new_size - old_size;
    return p;
}

/* Spawns, watches, links and ends; whatever fails must fail cleanly. */
static void little_program(vm_t *vm) {
    proc_t *a = new_proc(vm), *b = new_proc(vm);
    if (!a || !b) return;
    term_t pa = a->pid, pb = b->pid;
    term_t cells[2] = {A_ok, TERM_NIL};
    monitor(vm, vm_next_ref(vm), pa, pb);
    signal_t *link = signal_new(vm, NULL, SIG_LINK, 0);
    if (link) {
        link->from = pa;
        signal_send(vm, pb, link);
    }
    proc_send(vm, a, pb, make_cons(cells));
    pdict_put(a, A_true, A_false);
    name_register(vm, A_main, b);
    proc_timer_set(a, 1000000);
    proc_exit_signal(vm, pa, pb, make_cons(cells), 0);
    vm_run(vm, VM_RUN_DEFAULT);
    assert_null(proc_lookup(vm, pa));
    assert_null(proc_lookup(vm, pb));
}

static void with_failures(bool once) {
    for (long k = 1;; k++) {
        failing_t f = {.left = k, .once = once};
        host_t *host = host_sim_create(1, NULL);
        vm_options_t o = {.host = host,
                          .deterministic = true,
                          .max_processes = 64,
                          .alloc = failing_alloc,
                          .alloc_user = &f};
        vm_t *vm = vm_create(&o);
        if (vm) {
            little_program(vm);
            vm_destroy(vm);
        }
        assert_int_equal(f.out, 0);
        host->ops->destroy(host);
        if (!f.failed) break;
        assert_true(k < 100000);
    }
}
static void test_one_failure(void **state) {
    (void)state;
    with_failures(true);
}
static void test_failures_from_then_on(void **state) {
    (void)state;
    with_failures(false);
}

/* Watchers hear of an end even when there is no memory left at all. */
static void test_notify_without_memory(void **state) {
    (void)state;
    failing_t f = {.left = -1};
    host_t *host = host_sim_create(1, NULL);
    vm_options_t o = {
        .host = host, .deterministic = true, .alloc = failing_alloc, .alloc_user = &f};
    vm_t *vm = vm_create(&o);
    enum { N = 200 };
    static proc_t *w[N];
    proc_t *p = sleeper(vm);
    for (int i = 0; i < N; i++) {
        w[i] = sleeper(vm);
        assert_int_equal(monitor(vm, vm_next_ref(vm), w[i]->pid, p->pid), 0);
    }
    pool_drain(vm, vm->scheds[0]);
    f.left = 0;
    notify_monitors_N(p, p->pid, A_normal);
    f.left = -1;
    /* The news came; a watcher without memory for the message ends instead of never knowing. */
    for (int i = 0; i < N; i++)
        assert_true(w[i]->mq.len == 1 || (w[i]->flags & PF_EXIT_PENDING && w[i]->flags & PF_OOM));
    assert_int_equal(vm_run(vm, VM_RUN_DEFAULT), 0);
    vm_destroy(vm);
    assert_int_equal(f.out, 0);
    host->ops->destroy(host);
}

/* Many processes on several threads, created and ended by all of them. */
static void test_threads(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 4; n *= 2) {
        vm_t *vm = fixture_vm_threads(n);
        for (int round = 0; round < 5; round++) {
            spawn_opts_t o = SPAWN_DEFAULTS;
            term_t err;
            for (int i = 0; i < 200; i++)
                assert_int_not_equal(
                    proc_spawn(vm, NULL, A_erlang, A_self, TERM_NIL, &o, NULL, &err), TERM_NONE);
            assert_int_equal(vm_run(vm, VM_RUN_DEFAULT), 0);
            assert_int_equal(proc_count(vm), 0);
        }
        fixture_free(vm);
    }
}

/* ---- memory others may still read ---- */

static void count_freed(vm_t *vm, void *counter) {
    (void)vm;
    ++*(int *)counter;
}

/* What is let go of while there is no memory is given back all the same. */
static void test_deferred_without_memory(void **state) {
    (void)state;
    vm_t *vm = fixture_vm_threads(2);
    int freed = 0;
    vm->memory_limit = 1;
    for (int i = 0; i < 100; i++) sched_defer_free(vm, &freed, count_freed);
    vm->memory_limit = 0;
    fixture_free(vm);
    assert_int_equal(freed, 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_deferred_without_memory),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_treap),
        cmocka_unit_test(test_monitors),
        cmocka_unit_test(test_exits),
        cmocka_unit_test(test_dictionary),
        cmocka_unit_test(test_one_failure),
        cmocka_unit_test(test_failures_from_then_on),
        cmocka_unit_test(test_notify_without_memory),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
