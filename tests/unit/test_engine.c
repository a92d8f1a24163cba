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

/* What sequences.def says fits the instructions as they are now. */
static void sequences_fit_instructions(void **state) {
    (void)state;
    for (size_t i = 0; i < op_sequence_count; i++) {
        const op_seq_t *q = &op_sequences[i];
        assert_in_range(q->n, 1, SEQ_MAX);
        assert_int_equal(op_by_handler((uint64_t)(uintptr_t)q->fn), op_parts[q->first].op);
        for (unsigned k = 0; k < q->n; k++) {
            const op_part_t *part = &op_parts[q->first + k];
            const op_info_t *op = &op_table[part->op];
            if (k + 1 < q->n) assert_null(strchr(op->sig, '*'));
            assert_null(strstr(op->name, "call_bif")); /* trace_code.c finds them by handler */
            assert_null(strstr(op->name, "setelement"));
            assert_true(part->mask < 1u << 4 * (op->words - 1));
            for (unsigned h = 0; h < 16; h++) /* what is not fixed is not said */
                if (!(part->mask >> h & 1))
                    assert_int_equal(part->word[h / 4] >> (16 * (h % 4)) & 0xffff, 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_match_operands),
                                       cmocka_unit_test(handlers_are_distinct),
                                       cmocka_unit_test(sequences_fit_instructions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
