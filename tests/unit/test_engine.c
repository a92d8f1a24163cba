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

/* What sequences.def says fits the instructions as they are now, and is a tree. */
static void sequences_fit_instructions(void **state) {
    (void)state;
    size_t ended = 0, end[SEQ_MAX];
    for (size_t i = 0; i < op_part_count; i++) {
        const op_part_t *part = &op_parts[i];
        const op_info_t *op = &op_table[part->op];
        assert_in_range(part->depth, 0, SEQ_MAX - 1);
        end[part->depth] = i + part->size;
        if (part->depth > 0) {
            assert_int_equal(op_parts[i - 1].depth + 1 >= part->depth, true);
            assert_true(end[part->depth] <= end[part->depth - 1]);
        }
        /* What is not followed by one of its own is followed by a sibling, or ends with its
         * parent. */
        size_t next = end[part->depth];
        assert_true(next <= op_part_count);
        assert_true(next == op_part_count || op_parts[next].depth <= part->depth);
        if (part->size == 1) assert_int_not_equal(part->ends, 0);
        if (part->ends != 0) {
            assert_int_equal(part->ends, ++ended);
            const op_seq_t *q = &op_sequences[part->ends - 1];
            const op_part_t *root = part;
            while (root->depth != 0) root--;
            assert_int_equal(q->op, root->op);
            assert_int_equal(op_by_handler((uint64_t)(uintptr_t)q->fn), root->op);
        }
        if (part->size > 1) assert_null(strchr(op->sig, '*'));
        assert_null(strstr(op->name, "call_bif")); /* trace_code.c finds them by handler */
        assert_null(strstr(op->name, "setelement"));
        assert_true(part->mask < 1u << 4 * (op->words - 1));
        for (unsigned h = 0; h < 16; h++) /* what is not fixed is not said */
            if (!(part->mask >> h & 1))
                assert_int_equal(part->word[h / 4] >> (16 * (h % 4)) & 0xffff, 0);
    }
    assert_int_equal(ended, op_sequence_count);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_match_operands),
                                       cmocka_unit_test(handlers_are_distinct),
                                       cmocka_unit_test(sequences_fit_instructions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
