/* dump_text.c: see dump_text.h. */
#include "vm/dump_text.h"
#include "timer/etimer.h"
#include "vm/code.h"
#include "vm/memory.h"
#include "vm/port.h"
#include "vm/process.h"
#include "vm/sched.h"

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

uint64_t module_bytes(const module_t *m) {
    return m->code_words * sizeof *m->code + m->nfunctions * sizeof *m->functions +
           m->nlines * sizeof *m->lines + m->nfiles * sizeof *m->files +
           m->nexports * sizeof *m->exports + m->nfuns * (sizeof *m->funs + sizeof *m->fun_code) +
           (m->beam ? m->beam_size : m->strings_size);
}

uint64_t dump_module_bytes(const module_t *m) {
    return 8 * (uint64_t)(m->code_words + m->literal_words);
}

void dump_distribution(text_t *t) { text_str(t, "=node:'nonode@nohost'\n=no_distribution\n"); }

static bool add_module(void *user, module_t *m, bool is_old) {
    text_t *t = user;
    if (is_old) return true;
    text_str(t, atom_name(t->vm, m->name));
    text_char(t, ' ');
    text_uint(t, dump_module_bytes(m));
    module_t *old = module_find_old(t->vm, m->name);
    if (old) {
        text_str(t, " (");
        text_uint(t, dump_module_bytes(old));
        text_str(t, " old)");
    }
    text_char(t, '\n');
    return true;
}

void dump_modules(text_t *t, vm_t *vm) {
    dump_code_size(t, vm);
    module_each(vm, add_module, t);
}

static bool count_module(void *user, module_t *m, bool is_old) {
    (void)m;
    if (!is_old) ++*(uint64_t *)user;
    return true;
}

void dump_information(text_t *t, vm_t *vm) {
    uint64_t modules = 0;
    memory_use_t m;
    memory_use(vm, &m);
    module_each(vm, count_module, &modules);
    dump_line(t, "=memory\ntotal: ", m.total);
    dump_line(t, "processes: ", memory_of_processes(&m));
    dump_line(t, "processes_used: ", memory_of_processes(&m));
    dump_line(t, "system: ", m.total - memory_of_processes(&m));
    dump_line(t, "atom: ", m.atoms);
    dump_line(t, "atom_used: ", m.atoms);
    dump_line(t, "binary: ", m.binaries);
    dump_line(t, "code: ", m.code + m.literals);
    dump_line(t, "ets: ", m.tables);
    dump_line(t, "=index_table:atom_tab\nlimit: ", atom_limit(vm));
    dump_line(t, "entries: ", atom_count(vm));
    dump_line(t, "=index_table:module_code\nentries: ", modules);
    dump_line(t, "=process_table\nlimit: ", proc_limit(vm));
    dump_line(t, "entries: ", proc_count(vm));
    dump_line(t, "=port_table\nlimit: ", OUTLET_LIMIT);
    dump_line(t, "entries: ", outlet_count(vm));
    dump_line(t, "=ets_tables\nentries: ", ets_count(vm));
    dump_line(t, "=timers\nentries: ", etimer_count(vm));
    sched_stats_t s;
    sched_stats(vm, &s);
    dump_line(t, "=schedulers\nthreads: ", vm->nthreads);
    dump_line(t, "runnable: ", s.runnable);
    dump_line(t, "reductions: ", s.reductions);
    dump_line(t, "switches: ", s.switches);
    dump_line(t, "collections: ", s.gcs);
    dump_line(t, "words reclaimed: ", s.gc_words);
    dump_line(t, "dirty CPU running: ", s.dirty_running[0]);
    dump_line(t, "dirty I/O running: ", s.dirty_running[1]);
}
