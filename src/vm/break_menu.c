/* break_menu.c: what ^C leads to (erl(1), "BREAK"): somebody looks at processes, modules and tables
 * of a system that stands still, kills a process, or ends it all. A letter and the return key
 * choose; the end of the input and another ^C end the VM.
 */
#include "vm/break_menu.h"
#include <errno.h>
#include "timer/etimer.h"
#include "vm/crash_dump.h"
#include "vm/dump_text.h"
#include "vm/heap.h"
#include "vm/io.h"
#include "vm/port.h"
#include "vm/proc_dump.h"
#include "vm/process.h"
#include "vm/sched.h"

typedef struct {
    vm_t *vm;
    text_t text; /* not shown yet */
} menu_t;

static void show(menu_t *m) {
    if (m->text.len) io_write(m->vm, HOST_STDOUT, m->text.data, m->text.len);
    m->text.len = 0;
    m->text.failed = false;
}

static void show_some(menu_t *m) {
    if (m->text.len > 16384) show(m);
}

/* The first character of a line; negative: there is none any more. */
static int key(menu_t *m) {
    char line[64];
    show(m);
    int64_t n = m->vm->host->ops->console_read(m->vm->host, line, sizeof line);
    return n > 0 ? (unsigned char)line[0] : -1;
}

/* ---- processes ---- */

static void describe(menu_t *m, proc_t *p) {
    text_t *t = &m->text;
    proc_state_text(p, t);
    /* A dirty thread has it: nothing else about it stands still. */
    if (!(atomic_load_explicit(&p->state, memory_order_acquire) & PS_RUNNING)) proc_body_text(p, t);
}

static bool process(void *user, proc_t *p) {
    menu_t *m = user;
    describe(m, p);
    show_some(m);
    return true;
}

static void port(void *user, outlet_t *o) {
    menu_t *m = user;
    port_text(o, &m->text);
    show_some(m);
}

typedef struct {
    term_t *pid;
    uint32_t n, size;
} pids_t;

static bool add_pid(void *user, proc_t *p) {
    pids_t *l = user;
    if (l->n < l->size) l->pid[l->n++] = p->pid;
    return true;
}

/* One process after the other, the last in the table first. false: the input is at its end. */
static bool ask_for_each(menu_t *m, const pids_t *l) {
    vm_t *vm = m->vm;
    for (uint32_t i = l->n; i > 0; i--) {
        proc_t *p = proc_lookup(vm, l->pid[i - 1]);
        if (!p) continue;
        describe(m, p);
        text_str(&m->text, "(k)ill (n)ext (r)eturn:\n");
        int c = key(m);
        if (c < 0) return false;
        if (c != 'k' && c != 'n') break;
        if (c == 'k') proc_exit_signal(vm, l->pid[i - 1], l->pid[i - 1], A_kill, 0);
    }
    return true;
}

static bool kill_processes(menu_t *m) {
    vm_t *vm = m->vm;
    uint32_t size = proc_count(vm) + 16;
    pids_t l = {mem_alloc(vm, size * sizeof *l.pid), 0, size};
    if (!l.pid) return true;
    proc_each(vm, add_pid, &l);
    text_str(&m->text, "\n\nProcess Information\n\n"
                       "--------------------------------------------------\n");
    bool more = ask_for_each(m, &l);
    mem_free(vm, l.pid, size * sizeof *l.pid);
    return more;
}

/* ---- modules, tables, figures ---- */

static void object(menu_t *m, const ets_obj_t *o) {
    ets_obj_t *whole = (ets_obj_t *)(uintptr_t)o, *seen = ets_obj_open(m->vm, NULL, whole);
    if (seen) text_term(&m->text, ets_obj_term(seen));
    ets_obj_close(m->vm, NULL, whole, seen);
    text_char(&m->text, '\n');
    show_some(m);
}

static void objects(menu_t *m, const ets_t *e) {
    if (ets_is_tree(e)) {
        ets_walk_t w;
        ets_tree_seek(m->vm, e, &w, TERM_NONE, false, false);
        for (const ets_obj_t *o; (o = ets_tree_at(&w)) != NULL; ets_tree_step(&w, false))
            object(m, o);
        return;
    }
    size_t slot = 0;
    for (uint32_t k = 0; k < e->nshards; k++)
        for (size_t i = 0; i < e->shards[k].nbuckets; i++, slot++)
            for (const ets_obj_t *o = *ets_bucket(&e->shards[k], i); o; o = o->left) {
                if (o->dead) continue;
                text_uint(&m->text, slot);
                text_str(&m->text, ": ");
                object(m, o);
            }
}

static bool table(void *user, ets_t *e) {
    menu_t *m = user;
    dump_table_head(&m->text, e);
    objects(m, e);
    dump_table_end(&m->text, e);
    show_some(m);
    return true;
}

/* ---- the menu ---- */

static void halt(menu_t *m) {
    m->vm->halt_flush = false;
    sched_halt(m->vm, 0);
}

static void dump(menu_t *m) {
    static const char slogan[] = "Crash dump requested by user";
    io_say(m->vm, slogan, sizeof slogan - 1);
    crash_slogan(m->vm, slogan, sizeof slogan - 1);
    m->vm->halt_flush = false;
    sched_halt(m->vm, HALT_ABORT);
}

static const char menu[] = "BREAK: (a)bort (A)bort with dump (c)ontinue (p)roc info (i)nfo\n"
                           "       (l)oaded (v)ersion (k)ill (D)b-tables (d)istribution\n";

/* One choice. true: that was all. */
static bool choose(menu_t *m) {
    vm_t *vm = m->vm;
    text_t *t = &m->text;
    int c = key(m);
    switch (c) {
    case -1:
    case 'a': halt(m); break;
    case 'A': dump(m); break;
    case 'c': break;
    case 'p':
        proc_each(vm, process, m);
        outlet_each(vm, port, m);
        break;
    case 'i': dump_information(t, vm); break;
    case 'l': dump_modules(t, vm); break;
    case 'v': text_str(t, "Erlang (LING) emulator version " ERTS_VERSION "\n"); break;
    case 'k':
        if (!kill_processes(m)) halt(m);
        break;
    case 'D': ets_each(vm, table, m); break;
    case 'd': dump_distribution(t); break;
    case '\n': return false;
    default:
        text_str(t, "Invalid option '");
        text_char(t, (char)c);
        text_str(t, "'. Please enter one of the following:\n");
        text_str(t, menu);
        return false;
    }
    return true;
}

void break_menu(vm_t *vm) {
    host_t *h = vm->host;
    if (!h->ops->console_begin || h->ops->console_begin(h) != 0) return;
    menu_t m = {.vm = vm};
    text_init(&m.text, vm);
    sched_pause(vm);
    vm_visit_t v = vm_enter(vm);
    text_char(&m.text, '\n');
    text_str(&m.text, menu);
    while (!choose(&m)) {
    }
    show(&m);
    text_free(&m.text);
    vm_leave(vm, v);
    h->ops->console_end(h);
    sched_resume(vm);
}
