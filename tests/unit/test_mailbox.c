/* test_mailbox.c: the mailbox: order, positions, markers, and the lock-free queue before it. */
#include "fixture.h"
#include "vm/mailbox.h"

typedef struct {
    vm_t *vm;
    proc_t *p;
    msg_queue_t q;
} box_t;

static int setup(void **state) {
    static box_t b;
    b.vm = fixture_vm();
    b.p = fixture_proc(b.vm);
    msg_queue_init(&b.q);
    *state = &b;
    return 0;
}
static int teardown(void **state) {
    box_t *b = *state;
    msg_queue_free(b->vm, NULL, &b->q);
    fixture_free(b->vm);
    return 0;
}

static void put(box_t *b, int64_t i) {
    assert_int_equal(msg_queue_push_N(b->vm, NULL, &b->q, make_small(i)), 0);
}
/* Takes the message a receive looks at. */
static int64_t take(box_t *b) {
    signal_t *m = msg_queue_drop(&b->q);
    int64_t i = small_value(m->term);
    signal_free(b->vm, NULL, m);
    return i;
}
/* Receives i: looks from the current position on. */
static bool receive(box_t *b, int64_t i) {
    for (signal_t *m; (m = msg_queue_current(&b->q)); msg_queue_next(&b->q))
        if (m->term == make_small(i)) {
            assert_int_equal(take(b), i);
            return true;
        }
    msg_queue_reset(&b->q);
    return false;
}

static void test_fifo(void **state) {
    box_t *b = *state;
    assert_null(msg_queue_current(&b->q));
    for (int i = 0; i < 1000; i++) put(b, i);
    assert_int_equal(msg_queue_len(&b->q), 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(take(b), i);
    assert_int_equal(msg_queue_len(&b->q), 0);
    assert_null(msg_queue_current(&b->q));
    put(b, 7);
    assert_int_equal(take(b), 7);
}

static void test_selective(void **state) {
    box_t *b = *state;
    for (int i = 0; i < 10; i++) put(b, i);
    assert_true(receive(b, 9)); /* the last one: the end moves */
    put(b, 10);
    assert_true(receive(b, 0));
    assert_true(receive(b, 5));
    assert_false(receive(b, 5));
    assert_true(receive(b, 10));
    for (int i = 1; i < 9; i++)
        if (i != 5) assert_true(receive(b, i));
    assert_int_equal(msg_queue_len(&b->q), 0);
}

/* A position at the end sees what comes later. */
static void test_waiting_at_the_end(void **state) {
    box_t *b = *state;
    put(b, 1);
    put(b, 2);
    msg_queue_next(&b->q);
    msg_queue_next(&b->q);
    assert_null(msg_queue_current(&b->q));
    put(b, 3);
    assert_int_equal(msg_queue_current(&b->q)->term, make_small(3));
    assert_int_equal(take(b), 3); /* taken from the end, and appended again */
    put(b, 4);
    assert_true(receive(b, 4));
    assert_true(receive(b, 1));
    assert_true(receive(b, 2));
}

static void test_markers(void **state) {
    box_t *b = *state;
    for (int i = 0; i < 100; i++) put(b, i);
    msg_queue_mark(&b->q, 0, 77);
    assert_false(msg_queue_restore(&b->q, 78));
    assert_true(msg_queue_restore(&b->q, 77));
    assert_null(msg_queue_current(&b->q));
    put(b, 1000);
    assert_true(msg_queue_restore(&b->q, 77));
    assert_int_equal(msg_queue_current(&b->q)->term, make_small(1000));
    /* The message before the marker goes: the marker stays where it was in the order. */
    msg_queue_reset(&b->q);
    assert_true(receive(b, 99));
    assert_true(msg_queue_restore(&b->q, 77));
    assert_int_equal(msg_queue_current(&b->q)->term, make_small(1000));
    /* Two markers; all messages go. */
    msg_queue_mark(&b->q, 1, 88);
    msg_queue_reset(&b->q);
    while (msg_queue_len(&b->q)) take(b);
    put(b, 5);
    assert_true(msg_queue_restore(&b->q, 88));
    assert_int_equal(msg_queue_current(&b->q)->term, make_small(5));
    assert_true(msg_queue_restore(&b->q, 77));
    assert_int_equal(msg_queue_current(&b->q)->term, make_small(5));
    msg_queue_unmark(&b->q, 77);
    assert_false(msg_queue_restore(&b->q, 77));
    assert_true(msg_queue_restore(&b->q, 88));
    msg_queue_unmark(&b->q, 88);
    msg_queue_reset(&b->q);
    assert_int_equal(take(b), 5);
}

/* Against a model: an array of what should be there, pseudo-random operations. */
static void test_random(void **state) {
    box_t *b = *state;
    static int64_t model[4096];
    size_t n = 0;
    int64_t next = 0;
    uint32_t seed = 12345;
    for (int step = 0; step < 200000; step++) {
        seed = seed * 1103515245u + 12345u;
        uint32_t r = seed >> 8;
        if (n < 4000 && (n == 0 || r % 5 < 3)) {
            model[n++] = next;
            put(b, next++);
        } else {
            size_t at = (r >> 4) % n;
            msg_queue_reset(&b->q);
            assert_true(receive(b, model[at]));
            memmove(model + at, model + at + 1, (n - at - 1) * sizeof *model);
            n--;
        }
        assert_int_equal(msg_queue_len(&b->q), n);
    }
}

static void test_roots(void **state) {
    box_t *b = *state;
    region_t regs[4];
    for (int i = 0; i < 6; i++) put(b, i);
    assert_int_equal(msg_queue_fill_root_regs(&b->q, regs, 4), 6);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(*regs[i].starts, make_small(i));
        assert_ptr_equal(regs[i].ends, regs[i].starts + 1);
    }
}

/* From other processes and with terms: through proc_send into the process's own queue. */
static void test_send(void **state) {
    box_t *b = *state;
    term_t *hp = heap_alloc(b->p, 100), list = TERM_NIL;
    for (int i = 20; i > 0; i--) list = cons(&hp, make_small(i), list);
    heap_release(b->p, hp, hp + 60);
    assert_true(proc_send(b->vm, NULL, b->p->pid, list));
    assert_true(proc_send(b->vm, NULL, b->p->pid, A_ok));
    assert_true(proc_fetch_signals(b->p));
    assert_int_equal(msg_queue_len(&b->p->mq), 2);
    signal_t *m = msg_queue_drop(&b->p->mq);
    assert_int_equal(m->used, 40);
    assert_int_equal(m->size, m->used);
    term_t got = proc_take_message(b->p, m);
    for (int i = 1; i <= 20; i++, got = cons_tail(got))
        assert_int_equal(cons_head(got), make_small(i));
    assert_true(is_nil(got));
    m = msg_queue_drop(&b->p->mq);
    assert_int_equal(proc_take_message(b->p, m), A_ok);
    assert_true(proc_send(b->vm, NULL, make_pid(1000000, 3), A_ok)); /* nobody: swallowed */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_selective, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_markers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
