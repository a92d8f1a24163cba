/* bif_ddll.c: module erl_ddll where every driver is linked in: none can be loaded or unloaded,
 * those that are there can be looked at and monitored. Relies on the drivers of outlet.c, which are
 * all registered before programs run.
 */
#include "outlet/outlet.h"
#include "vm/bif.h"
#include "vm/etf.h"
#include "vm/process.h"
#include "vm/print.h"

enum { NAME_MAX_BYTES = 255 };

typedef struct {
    char s[NAME_MAX_BYTES + 1];
    size_t n;
} name_t;

/* An atom's text, or a flat list of bytes. */
static bool read_name(proc_t *p, term_t t, name_t *name) {
    name->n = 0;
    if (is_atom(t)) {
        const atom_text_t *text = atom_text(p->vm, t);
        if (text->bytes > NAME_MAX_BYTES) return false;
        memcpy(name->s, text->name, text->bytes);
        name->n = text->bytes;
    }
    for (; is_cons(t); t = cons_tail(t)) {
        term_t c = cons_head(t);
        if (!is_small(c) || small_value(c) < 1 || small_value(c) > 255) return false;
        if (name->n == NAME_MAX_BYTES) return false;
        name->s[name->n++] = (char)small_value(c);
    }
    name->s[name->n] = 0;
    return is_atom(t) || (is_nil(t) && name->n > 0);
}

static const driver_t *find(proc_t *p, const name_t *n) { return driver_find(p->vm, n->s, n->n); }

static term_t error_of(proc_t *p, term_t why) {
    term_t *hp = why == TERM_NONE ? NULL : heap_alloc(p, 3);
    return hp ? tuple2(&hp, A_error, why) : bif_oom(p);
}

static bool is_when(term_t t) { return t == A_pending || t == A_pending_driver; }

/* Options of try_load (loading) and try_unload. *reload: one asks for that. */
static bool options_ok(term_t l, bool loading, bool *reload) {
    for (; is_cons(l); l = cons_tail(l)) {
        term_t o = cons_head(l);
        if (!loading && o == A_kill_ports) continue;
        if (!is_tuple_of(o, 2)) return false;
        term_t what = tuple_elem(o, 1), v = tuple_elem(o, 2);
        if (what == A_monitor && is_when(v)) continue;
        if (!loading) return false;
        if (what == A_reload && is_when(v)) {
            *reload = true;
        } else if (what == A_driver_options) {
            while (is_cons(v) && cons_head(v) == A_kill_ports) v = cons_tail(v);
            if (!is_nil(v)) return false;
        } else {
            return false;
        }
    }
    return is_nil(l);
}

static BIF(try_load) {
    name_t path, name;
    bool reload = false;
    if (!read_name(p, a[0], &path) || !read_name(p, a[1], &name) ||
        !options_ok(a[2], true, &reload))
        return bif_badarg(p);
    if (find(p, &name)) return error_of(p, A_linked_in_driver);
    if (reload) return error_of(p, A_not_loaded);
    term_t *hp = heap_alloc(p, 3); /* as where no such file is */
    return error_of(p, hp ? tuple2(&hp, A_open_error, make_small(-10)) : TERM_NONE);
}

static BIF(try_unload) {
    name_t name;
    bool reload;
    if (!read_name(p, a[0], &name) || !options_ok(a[1], false, &reload)) return bif_badarg(p);
    return error_of(p, find(p, &name) ? A_linked_in_driver : A_not_loaded);
}

static BIF(loaded_drivers) {
    term_t list = TERM_NIL, *hp;
    (void)a;
    for (const driver_t *d = driver_first(p->vm); d; d = d->next) {
        term_t s = string_to_list(p, d->name);
        hp = s == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        list = cons(&hp, s, list);
    }
    hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, A_ok, list) : bif_oom(p);
}

static BIF(info) {
    name_t name;
    if (!read_name(p, a[0], &name) || !find(p, &name)) return bif_badarg(p);
    switch (a[1]) {
    case A_processes:
    case A_driver_options:
    case A_port_count:
    case A_awaiting_load:
    case A_awaiting_unload: return A_linked_in_driver;
    case A_linked_in_driver: return A_true;
    case A_permanent: return A_false;
    default: return bif_badarg(p);
    }
}

/* What is asked for has happened already, one way or the other. */
static BIF(ddll_monitor) {
    name_t name;
    if (a[0] != A_driver || !is_tuple_of(a[1], 2) || !read_name(p, tuple_elem(a[1], 1), &name))
        return bif_badarg(p);
    term_t when = tuple_elem(a[1], 2);
    if (when != A_loaded && when != A_unloaded && when != A_unloaded_only) return bif_badarg(p);
    bool there = find(p, &name) != NULL;
    term_t ref = new_ref(p), text = string_to_list(p, name.s);
    term_t *hp = ref == TERM_NONE || text == TERM_NONE ? NULL : heap_alloc(p, 6);
    if (!hp) return bif_oom(p);
    term_t m = tuple5(&hp, there ? A_UP : A_DOWN, ref, A_driver, text,
                      there ? (term_t)A_permanent : (term_t)A_unloaded);
    return proc_send(p->vm, p, p->pid, m) ? ref : bif_oom(p);
}

static BIF(ddll_demonitor) { return is_ref(a[0]) ? (term_t)A_true : bif_badarg(p); }

static BIF(format_error_int) {
    static const struct {
        uint32_t reason;
        const char *text;
    } texts[] = {
        {A_inconsistent,
         "Driver name and/or driver options are inconsistent with currently loaded driver"},
        {A_linked_in_driver, "Driver is statically linked and cannot be loaded/unloaded"},
        {A_permanent, "DDLL driver is permanent an cannot be unloaded/loaded"},
        {A_not_loaded, "DDLL driver is not loaded"},
        {A_not_loaded_by_this_process, "DDLL driver was not loaded by this process"},
        {A_not_pending, "DDLL load not pending for this driver name"},
        {A_already_loaded, "DDLL driver is already loaded successfully"},
        {A_pending_reload, "Driver reloading is already pending"},
        {A_pending_process,
         "Driver is loaded by others when attempting option {reload, pending_driver}"},
        {A_bad_driver_name, "Bad driver name"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].reason == a[0]) {
            term_t s = string_to_list(p, texts[i].text);
            return s == TERM_NONE ? bif_oom(p) : s;
        }
    if (!is_tuple_of(a[0], 2) || tuple_elem(a[0], 1) != A_open_error ||
        !is_small(tuple_elem(a[0], 2)))
        return bif_badarg(p);
    /* Numbers mean something only to who tried to open a library, which nobody does here. */
    term_t s = string_to_list(p, small_value(tuple_elem(a[0], 2)) == -10
                                     ? "cannot open shared object file: No such file or directory"
                                     : "Unspecified error");
    return s == TERM_NONE ? bif_oom(p) : s;
}

const bif_def_t bifs_ddll[] = {{"erl_ddll", "try_load", 3, try_load, 0},
                               {"erl_ddll", "try_unload", 2, try_unload, 0},
                               {"erl_ddll", "loaded_drivers", 0, loaded_drivers, 0},
                               {"erl_ddll", "info", 2, info, 0},
                               {"erl_ddll", "monitor", 2, ddll_monitor, 0},
                               {"erl_ddll", "demonitor", 1, ddll_demonitor, 0},
                               {"erl_ddll", "format_error_int", 1, format_error_int, 0},
                               {0}};
