/* test_engine.c: the instruction table agrees with itself. */
#include "fixture.h"
#include "vm/engine.h"

/* The size written in ops.def is what the loader writes for the operand letters. */
static void sizes_match_operands(void **state) {
    (void)state;
    for (int i = 0; i < OP_COUNT; i++) {
        unsigned packed = 0, full = 0;
        for (const char *s = op_table[i].sig; *s; s++) {
            if (strchr("xyu", *s))
                packed++;
            else if (strchr("SDfcnEBF", *s))
                full++;
            else
                assert_int_equal(*s, '*');
        }
        if (op_table[i].words != 1 + (packed + 3) / 4 + full) fail_msg("%s", op_table[i].name);
    }
}

static void handlers_are_distinct(void **state) {
    (void)state;
    for (int i = 0; i < OP_COUNT; i++)
        assert_int_equal(op_by_handler((uint64_t)(uintptr_t)op_table[i].fn), i);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_match_operands),
                                       cmocka_unit_test(handlers_are_distinct)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
