/* dump_text.c: see dump_text.h. */
#include "vm/dump_text.h"
#include "vm/code.h"

void dump_line(text_t *t, const char *name, uint64_t value) {
    text_str(t, name);
    text_uint(t, value);
    text_char(t, '\n');
}

void dump_line_text(text_t *t, const char *name, const char *value) {
    text_str(t, name);
    text_str(t, value);
    text_char(t, '\n');
}

void dump_table_head(text_t *t, ets_t *e) {
    vm_t *vm = t->vm;
    text_str(t, "=ets:");
    text_term(t, atomic_load_explicit(&e->owner, memory_order_relaxed));
    dump_line(t, "\nSlot: ", (uint64_t)(uintptr_t)e);
    dump_line_text(t, "Table: ", atom_name(vm, e->name));
    dump_line_text(t, "Name: ", atom_name(vm, e->name));
    if (e->type == ETS_ORDERED_SET)
        dump_line(t, "Ordered set (AVL tree), Elements: ", ets_size(e));
    else
        dump_line(t, "Buckets: ", ets_nbuckets(e));
    dump_line_text(
        t, "Fixed: ", atomic_load_explicit(&e->fixed, memory_order_relaxed) ? "true" : "false");
}

void dump_table_end(text_t *t, ets_t *e) {
    static const char *const types[] = {"set", "ordered_set", "bag", "duplicate_bag"};
    static const char *const rights[] = {"public", "protected", "private"};
    dump_line(t, "Objects: ", ets_size(e));
    dump_line(t, "Words: ", ets_words(e));
    dump_line_text(t, "Type: ", types[e->type]);
    dump_line_text(t, "Protection: ", rights[e->protection]);
    dump_line_text(t, "Compressed: ", e->compressed ? "true" : "false");
    dump_line_text(t, "Write Concurrency: ", e->write_concurrency == A_false ? "false" : "true");
    dump_line_text(t, "Read Concurrency: ", e->read_concurrency ? "true" : "false");
}

static bool add_bytes(void *user, module_t *m, bool is_old) {
    ((uint64_t *)user)[is_old] += 8 * (uint64_t)m->code_words;
    return true;
}

void dump_code_size(text_t *t, vm_t *vm) {
    uint64_t bytes[2] = {0, 0};
    module_each(vm, add_bytes, bytes);
    dump_line(t, "Current code: ", bytes[0]);
    dump_line(t, "Old code: ", bytes[1]);
}

uint64_t dump_module_bytes(const module_t *m) {
    return 8 * (uint64_t)(m->code_words + m->literal_words);
}
