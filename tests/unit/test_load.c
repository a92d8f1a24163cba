/* test_load.c: instructions that the installed compiler does not emit: OTP 26's bs_match and
 * update_record, written by hand, loaded and run. */
#include "fixture.h"
#include "beam_build.h"
#include "vm/binary.h"
#include "vm/print.h"

/* Loads m with this body and literal, runs m:f() and compares what it returns. */
static void runs_to(const char *body, size_t n, const char *literal, size_t nliteral,
                    const char *result) {
    static bytes_t file, lit;
    lit.n = 0;
    put32(&lit, 1), put32(&lit, (uint32_t)nliteral), put(&lit, literal, nliteral);
    make_beam(&file, &(beam_opts_t){.literal = &lit}, (const uint8_t *)body, n);
    vm_t *vm = fixture_vm();
    load_error_t err;
    if (code_load_and_publish(vm, file.b, file.n, &err) != 0) fail_msg("%s", err.text);
    sched_t *s = vm->scheds[0];
    proc_t *p = fixture_proc(vm);
    export_t *e = export_find(vm, atom_from_string(vm, "m"), atom_from_string(vm, "f"), 0);
    assert_non_null(e);
    p->ip = atomic_load(&e->code);
    p->flags &= ~(uint32_t)PF_SAVED_ARGS;
    p->sp = p->hend;
    *--p->sp = (term_t)(uintptr_t)vm->exit_code + TAG_HEADER;
    assert_int_equal(engine_run(s, p), RUN_EXIT);
    text_t t;
    text_init(&t, vm);
    text_term(&t, s->x[0]);
    text_char(&t, 0);
    assert_string_equal(t.data, result);
    text_free(&t);
    fixture_free(vm);
}
#define RUNS_TO(body, literal, result)                                                             \
    runs_to(body, sizeof body - 1, literal, sizeof literal - 1, result)

/* move literal, x0; bs_start_match3 label 3, x0, 1, x0; ...; label 3: {error} is x0 = copy */
#define START                                                                                      \
    "\x40\x47\x00\x03"                                                                             \
    "\xa6\x35\x03\x10\x03"
#define FINISH                                                                                     \
    "\x13"                                                                                         \
    "\x01\x30"                                                                                     \
    "\x40\x72\x03"                                                                                 \
    "\x13"

static void bs_match_runs(void **state) {
    (void)state;
    /* ensure_at_least 24 1, '=:=' nil 8 97, integer 1 nil 16 1 x1; move x1 x0; return */
    static const char body[] = START "\xb6\x35\x03\x17\xd0"
                                     "\x52\x08\x18\x10"
                                     "\x62\x02\x80\x08\x61"
                                     "\x42\x10\x02\x08\x10\x10\x13"
                                     "\x40\x13\x03" FINISH;
    RUNS_TO(body, "\x83m\0\0\0\4abcd", "25187");
    RUNS_TO(body, "\x83m\0\0\0\4xbcd", "copy");
    RUNS_TO(body, "\x83m\0\0\0\2ab", "copy");
}

static void update_record_runs(void **state) {
    (void)state;
    /* move literal, x0; test_heap 4 1; update_record copy 3 x0 x0 [2, {atom,f}]; return */
    static const char body[] = "\x40\x47\x00\x03"
                               "\x10\x40\x10"
                               "\xb5\x72\x30\x03\x03\x17\x20\x20\x22"
                               "\x13";
    RUNS_TO(body, "\x83h\3a\1a\2a\3", "{1,f,3}");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bs_match_runs),
                                       cmocka_unit_test(update_record_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
