/* check.c: ling_check: what a module may reach by the calls in its code, and what of that this VM
 * does not have. Works on the files alone: nothing is loaded or run. Follows functions, not whole
 * modules; calls of computed names are not seen.
 */
#include <stdio.h>
#include "api/api.h"
#include "vm/beam_file.h"
#include "vm/codepath.h"

typedef struct {
    term_t name;
    uint32_t arity, label;
    uint32_t refs, nrefs; /* part of the module's refs */
    bool is_stub;         /* calls nif_error: the real function is native */
    bool seen;
} function_t;

/* What a function mentions: an import or a label of its own module. */
typedef struct {
    bool is_import;
    uint32_t index;
} ref_t;

typedef struct checked {
    struct checked *next;
    term_t name;
    bool found, readable;
    code_file_t file;
    beam_file_t beam;
    function_t *functions;
    size_t nfunctions, functions_cap;
    ref_t *refs;
    size_t nrefs, refs_cap;
    uint32_t *by_label; /* function number + 1 of each entry label */
} checked_t;

typedef struct {
    checked_t *module;
    uint32_t function;
} todo_t;

typedef struct {
    vm_t *vm;
    ling_check_fn report;
    void *user;
    int reports;
    bool no_memory;
    checked_t *modules;
    size_t nmodules;
    todo_t *todo;
    size_t ntodo, todo_cap;
} check_t;

static void say(check_t *k, term_t module, const char *text) {
    k->reports++;
    if (k->report) k->report(k->user, atom_name(k->vm, module), text);
}

static bool grow(check_t *k, void **block, size_t *cap, size_t need, size_t each) {
    if (need <= *cap) return true;
    size_t want = *cap ? *cap * 2 : 64;
    void *p = mem_realloc(k->vm, *block, *cap * each, want * each);
    if (!p) {
        k->no_memory = true;
        return false;
    }
    *block = p;
    *cap = want;
    return true;
}

/* ---- reading one module ---- */

enum {
    OP_LABEL = 1,
    OP_FUNC_INFO = 2,
    OP_CALL = 4,
    OP_CALL_LAST = 5,
    OP_CALL_ONLY = 6,
    OP_CALL_EXT = 7,
    OP_CALL_EXT_LAST = 8,
    OP_BIF0 = 9,
    OP_BIF1 = 10,
    OP_BIF2 = 11,
    OP_CALL_EXT_ONLY = 78,
    OP_MAKE_FUN2 = 103,
    OP_GC_BIF1 = 124,
    OP_GC_BIF2 = 125,
    OP_GC_BIF3 = 152,
    OP_MAKE_FUN3 = 171
};

static void add_ref(check_t *k, checked_t *m, bool is_import, uint64_t index) {
    if (m->nfunctions == 0 ||
        !grow(k, (void **)&m->refs, &m->refs_cap, m->nrefs + 1, sizeof(ref_t)))
        return;
    m->refs[m->nrefs++] = (ref_t){is_import, (uint32_t)index};
    function_t *f = &m->functions[m->nfunctions - 1];
    f->nrefs++;
    if (!is_import || index >= m->beam.nimports) return;
    const beam_import_t *i = &m->beam.imports[index];
    if (m->beam.atoms[i->module] == A_erlang && m->beam.atoms[i->function] == A_nif_error)
        f->is_stub = true;
}

static void read_op(check_t *k, checked_t *m, const beam_op_t *op, bool *entry_next) {
    const beam_arg_t *a = op->arg;
    switch (op->opcode) {
    case OP_FUNC_INFO: {
        if (!grow(k, (void **)&m->functions, &m->functions_cap, m->nfunctions + 1,
                  sizeof(function_t)))
            return;
        m->functions[m->nfunctions++] = (function_t){
            .name = a[1].value, .arity = (uint32_t)a[2].value, .refs = (uint32_t)m->nrefs};
        *entry_next = true;
        return;
    }
    case OP_LABEL:
        if (*entry_next && a[0].value <= m->beam.nlabels) {
            m->functions[m->nfunctions - 1].label = (uint32_t)a[0].value;
            m->by_label[a[0].value] = (uint32_t)m->nfunctions;
        }
        *entry_next = false;
        return;
    case OP_CALL:
    case OP_CALL_LAST:
    case OP_CALL_ONLY: add_ref(k, m, false, a[1].value); return;
    case OP_CALL_EXT:
    case OP_CALL_EXT_LAST:
    case OP_CALL_EXT_ONLY:
    case OP_BIF1:
    case OP_BIF2: add_ref(k, m, true, a[1].value); return;
    case OP_BIF0: add_ref(k, m, true, a[0].value); return;
    case OP_GC_BIF1:
    case OP_GC_BIF2:
    case OP_GC_BIF3: add_ref(k, m, true, a[2].value); return;
    case OP_MAKE_FUN2:
    case OP_MAKE_FUN3:
        if (a[0].value < m->beam.nlambdas) add_ref(k, m, false, m->beam.lambdas[a[0].value].label);
        return;
    default: return;
    }
}

static void read_code(check_t *k, checked_t *m) {
    size_t n = ((size_t)m->beam.nlabels + 1) * sizeof(uint32_t);
    m->by_label = mem_calloc(k->vm, n);
    if (!m->by_label) {
        k->no_memory = true;
        return;
    }
    beam_cursor_t c;
    beam_cursor_init(&c, &m->beam);
    bool entry_next = false;
    int rc = 0;
    while (!k->no_memory && (rc = beam_next(&c)) > 0) read_op(k, m, &c.op, &entry_next);
    if (rc < 0)
        say(k, m->name, m->beam.err.text);
    else
        m->readable = true;
    beam_cursor_free(&c);
}

static checked_t *read_module(check_t *k, term_t name) {
    for (checked_t *m = k->modules; m; m = m->next)
        if (m->name == name) return m;
    checked_t *m = mem_calloc(k->vm, sizeof *m);
    if (!m) {
        k->no_memory = true;
        return NULL;
    }
    m->name = name;
    m->next = k->modules;
    k->modules = m;
    m->found = code_path_find(k->vm, name, &m->file, NULL, 0);
    if (!m->found) return m;
    k->nmodules++;
    if (beam_file_open(&m->beam, k->vm, m->file.data, m->file.size) == 0)
        read_code(k, m);
    else
        say(k, name, m->beam.err.text);
    return m;
}

static void free_modules(check_t *k) {
    for (checked_t *m = k->modules, *next; m; m = next) {
        next = m->next;
        mem_free(k->vm, m->by_label, ((size_t)m->beam.nlabels + 1) * sizeof(uint32_t));
        mem_free(k->vm, m->functions, m->functions_cap * sizeof(function_t));
        mem_free(k->vm, m->refs, m->refs_cap * sizeof(ref_t));
        if (m->found) {
            beam_file_close(&m->beam);
            code_file_release(k->vm, &m->file);
        }
        mem_free(k->vm, m, sizeof *m);
    }
}

/* ---- following calls ---- */

static bool is_bif(check_t *k, term_t m, term_t f, uint32_t arity) {
    const export_t *e = export_find(k->vm, m, f, arity);
    return e && e->bif;
}

static void visit(check_t *k, checked_t *m, uint32_t number) {
    function_t *f = &m->functions[number];
    if (f->seen || !grow(k, (void **)&k->todo, &k->todo_cap, k->ntodo + 1, sizeof(todo_t))) return;
    f->seen = true;
    if (is_bif(k, m->name, f->name, f->arity)) return;
    k->todo[k->ntodo++] = (todo_t){m, number};
}

static void say_missing(check_t *k, term_t module, const char *format, term_t f, uint32_t arity) {
    char text[2 * ATOM_MAX_BYTES + 64];
    snprintf(text, sizeof text, format, atom_name(k->vm, module), atom_name(k->vm, f), arity);
    say(k, module, text);
}

static void visit_import(check_t *k, const checked_t *from, const beam_import_t *i) {
    term_t m = from->beam.atoms[i->module], f = from->beam.atoms[i->function];
    if (is_bif(k, m, f, i->arity)) return;
    checked_t *to = read_module(k, m);
    if (!to) return;
    for (uint32_t e = 0; to->found && e < to->beam.nexports; e++) {
        const beam_export_t *x = &to->beam.exports[e];
        if (to->beam.atoms[x->function] != f || x->arity != i->arity) continue;
        uint32_t n = to->by_label && x->label <= to->beam.nlabels ? to->by_label[x->label] : 0;
        if (n) visit(k, to, n - 1);
        return;
    }
    if (to->found && !to->readable) return; /* said already */
    /* module_info is made by the loader where an old compiler left it out. */
    if (to->found && f == A_module_info) return;
    /* Once for each: a pseudo function remembers it. */
    for (size_t n = 0; n < to->nfunctions; n++)
        if (to->functions[n].name == f && to->functions[n].arity == i->arity &&
            to->functions[n].label == 0)
            return;
    if (!grow(k, (void **)&to->functions, &to->functions_cap, to->nfunctions + 1,
              sizeof(function_t)))
        return;
    to->functions[to->nfunctions++] = (function_t){.name = f, .arity = i->arity, .seen = true};
    say_missing(k, m,
                to->found ? "%s:%s/%u is undefined" : "no module %s on the code path for %s/%u", f,
                i->arity);
}

static void follow(check_t *k) {
    while (k->ntodo > 0 && !k->no_memory) {
        todo_t t = k->todo[--k->ntodo];
        const function_t f = t.module->functions[t.function];
        if (f.is_stub) {
            say_missing(k, t.module->name, "BIF %s:%s/%u does not exist yet", f.name, f.arity);
            continue;
        }
        for (uint32_t r = 0; r < f.nrefs; r++) {
            ref_t ref = t.module->refs[f.refs + r];
            if (ref.is_import) {
                if (ref.index < t.module->beam.nimports)
                    visit_import(k, t.module, &t.module->beam.imports[ref.index]);
            } else if (ref.index <= t.module->beam.nlabels && t.module->by_label[ref.index]) {
                visit(k, t.module, t.module->by_label[ref.index] - 1);
            }
        }
    }
}

int ling_check(ling_vm_t *vm, const char *module, ling_check_fn report, void *user,
               size_t *modules) {
    check_t k = {.vm = vm, .report = report, .user = user};
    if (modules) *modules = 0;
    term_t name = module ? atom_from_string(vm, module) : TERM_NONE;
    if (name == TERM_NONE)
        return api_fail(vm, LING_EINVAL, "not a module's name: %s", module ? module : "NULL");
    checked_t *m = read_module(&k, name);
    if (m && !m->found) {
        free_modules(&k);
        return api_fail(vm, LING_ENOENT, "module %s is not on the code path", module);
    }
    if (m)
        for (uint32_t n = 0; n < m->nfunctions; n++) visit(&k, m, n);
    follow(&k);
    if (modules) *modules = k.nmodules;
    free_modules(&k);
    mem_free(vm, k.todo, k.todo_cap * sizeof(todo_t));
    return k.no_memory ? api_fail(vm, LING_ENOMEM, NULL) : k.reports;
}
