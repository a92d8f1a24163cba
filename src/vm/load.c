/* load.c: makes a module out of a beam file: its literals, tables and code.
 *
 * The file has been checked by beam_file.c, so operands are what their opcodes allow. Addresses of
 * labels are filled in at the end, when the code has its final place. Nothing is visible to others
 * until module_publish.
 */
#include "vm/etf.h"
#include "vm/load_internal.h"
#include "vm/proc_ext.h"

/* ---- growing ---- */

bool load_grow(loader_t *l, vec_t *v, size_t elem, size_t n) {
    size_t cap = v->cap ? v->cap * 2 : 64;
    while (cap < v->len + n) cap *= 2;
    void *p = mem_realloc(l->vm, v->data, v->cap * elem, cap * elem);
    if (!p) {
        l->oom = true;
        return false;
    }
    v->data = p;
    v->cap = cap;
    return true;
}
static void vec_free(loader_t *l, vec_t *v, size_t elem) {
    mem_free(l->vm, v->data, v->cap * elem);
}

bool load_fail(loader_t *l, const char *text) {
    if (!l->err->text[0]) {
        size_t n = strlen(text);
        if (n >= sizeof l->err->text) n = sizeof l->err->text - 1;
        memcpy(l->err->text, text, n);
        l->err->text[n] = 0;
    }
    return false;
}
/* ---- literals ---- */

static bool decode_into_area(loader_t *l, const uint8_t *b, size_t n, term_t *out) {
    *out = etf_decode(l->vm, b, n, 0, &l->area_top, &l->m->literal_off_heap);
    return *out != TERM_NONE;
}

static bool make_literals(loader_t *l, size_t spare) {
    beam_file_t *f = &l->f;
    size_t words = spare;
    for (uint32_t i = 0; i < f->nliterals; i++) {
        int64_t n = etf_decoded_size(l->vm, f->literals[i].data, f->literals[i].size, NULL);
        if (n < 0) return load_fail(l, "chunk LitT: a literal is malformed");
        words += (size_t)n;
    }
    beam_blob_t meta[2] = {{f->attributes, f->attributes_size},
                           {f->compile_info, f->compile_info_size}};
    for (int i = 0; i < 2; i++)
        if (meta[i].data) {
            int64_t n = etf_decoded_size(l->vm, meta[i].data, meta[i].size, NULL);
            if (n < 0)
                return load_fail(l,
                                 i ? "chunk CInf: malformed term" : "chunk Attr: malformed term");
            words += (size_t)n;
        }
    for (uint32_t i = 1; i < f->nfiles; i++)
        words += 2 * (size_t)atom_text(l->vm, f->files[i])->chars;
    const char *own = atom_name(l->vm, f->atoms[1]);
    words += 2 * (strlen(own) + 4);

    l->area = literal_alloc(l->vm, words);
    l->literals = mem_calloc(l->vm, (f->nliterals + 1) * sizeof(term_t));
    l->m->files = mem_calloc(l->vm, (f->nfiles + 1) * sizeof(term_t));
    l->m->nfiles = f->nfiles + 1; /* with the array, so that a failure gives both back */
    if (!l->area || !l->literals || !l->m->files) {
        if (l->area) literal_free(l->vm, l->area, words);
        l->area = NULL;
        l->oom = true;
        return false;
    }
    l->m->literal_area = l->area;
    l->m->literal_words = words;
    l->area_top = l->area;
    l->area_end = l->area + words;
    l->m->attributes = l->m->compile_info = TERM_NIL;
    for (uint32_t i = 0; i < f->nliterals; i++)
        if (!decode_into_area(l, f->literals[i].data, f->literals[i].size, &l->literals[i]))
            return load_fail(l, "chunk LitT: a literal cannot be decoded");
    term_t *to[2] = {&l->m->attributes, &l->m->compile_info};
    for (int i = 0; i < 2; i++)
        if (meta[i].data && !decode_into_area(l, meta[i].data, meta[i].size, to[i]))
            return load_fail(l, "chunk Attr or CInf: a term cannot be decoded");
    /* File names as strings; the first is the module's own source. */
    term_t s = TERM_NIL;
    static const char ext[] = "lre.";
    for (int i = 0; i < 4; i++) s = cons(&l->area_top, make_small(ext[i]), s);
    for (size_t i = strlen(own); i > 0; i--)
        s = cons(&l->area_top, make_small((uint8_t)own[i - 1]), s);
    l->m->files[0] = s;
    for (uint32_t i = 1; i < f->nfiles; i++) {
        const atom_text_t *t = atom_text(l->vm, f->files[i]);
        s = t->bytes ? TERM_NIL : l->m->files[0]; /* no name: the module's own source */
        for (size_t k = t->bytes; k > 0;) {       /* UTF-8 backwards */
            uint32_t ch = 0;
            unsigned shift = 0;
            k--;
            while (k > 0 && (t->name[k] & 0xc0) == 0x80) {
                ch |= (uint32_t)(t->name[k] & 0x3f) << shift;
                shift += 6;
                k--;
            }
            ch |= (uint32_t)(shift == 0    ? t->name[k]
                             : shift == 6  ? t->name[k] & 0x1f
                             : shift == 12 ? t->name[k] & 0x0f
                                           : t->name[k] & 0x07)
                  << shift;
            s = cons(&l->area_top, make_small(ch), s);
        }
        l->m->files[i] = s;
    }
    return true;
}

/* ---- the parts of a module ---- */

static bool make_tables(loader_t *l) {
    beam_file_t *f = &l->f;
    module_t *m = l->m;
    if (f->strings_size) {
        m->strings = mem_alloc(l->vm, f->strings_size);
        if (!m->strings) return !(l->oom = true);
        m->strings_size = f->strings_size;
        memcpy(m->strings, f->strings, f->strings_size);
    }
    if (f->nlambdas) {
        m->funs = mem_calloc(l->vm, f->nlambdas * sizeof *m->funs);
        m->fun_code = mem_calloc(l->vm, f->nlambdas * sizeof *m->fun_code);
        m->nfuns = f->nlambdas;
        if (!m->funs || !m->fun_code) return !(l->oom = true);
        for (uint32_t i = 0; i < f->nlambdas; i++) {
            const beam_lambda_t *x = &f->lambdas[i];
            fun_entry_t *e = fun_entry_get(l->vm, m->name, f->md5, i, x->old_uniq, x->index,
                                           x->arity - x->num_free, x->num_free);
            if (!e) return !(l->oom = true);
            /* Another scheduler may be loading the same file. */
            atomic_store_explicit(&e->function, f->atoms[x->function], memory_order_relaxed);
            m->funs[i] = e;
        }
    }
    l->labels = mem_calloc(l->vm, (f->nlabels + 1) * sizeof *l->labels);
    return l->labels || !(l->oom = true);
}

static const uint64_t *label_code(loader_t *l, uint32_t label) {
    if (label > l->f.nlabels || l->labels[label] == 0) {
        load_fail(l, "chunk Code: a label that is used is not defined");
        return NULL;
    }
    return l->m->code + l->labels[label] - 1;
}

static bool finish(loader_t *l) {
    vm_t *vm = l->vm;
    module_t *m = l->m;
    m->code_words = l->code.len;
    m->code = mem_alloc(vm, m->code_words * sizeof *m->code);
    if (!m->code) return !(l->oom = true);
    memcpy(m->code, l->code.data, m->code_words * sizeof *m->code);
    const fixup_t *fx = l->fixups.data;
    for (size_t i = 0; i < l->fixups.len; i++) {
        const uint64_t *to = label_code(l, fx[i].label);
        if (!to) return false;
        m->code[fx[i].word] = (uint64_t)(uintptr_t)to;
    }
    m->nfunctions = (uint32_t)l->functions.len;
    if (m->nfunctions) {
        m->functions = mem_alloc(vm, m->nfunctions * sizeof *m->functions);
        if (!m->functions) return !(l->oom = true);
        memcpy(m->functions, l->functions.data, m->nfunctions * sizeof *m->functions);
        for (uint32_t i = 0; i < m->nfunctions; i++)
            m->functions[i].start = m->code + (uintptr_t)m->functions[i].start;
    }
    m->nlines = code_is_preloaded(vm, m->name) ? 0 : (uint32_t)l->lines.len;
    if (m->nlines) {
        m->lines = mem_alloc(vm, m->nlines * sizeof *m->lines);
        if (!m->lines) return !(l->oom = true);
        memcpy(m->lines, l->lines.data, m->nlines * sizeof *m->lines);
    }
    for (uint32_t i = 0; i < m->nfuns; i++)
        if (!(m->fun_code[i] = label_code(l, l->f.lambdas[i].label))) return false;
    m->nexports = l->f.nexports;
    if (m->nexports) {
        m->exports = mem_calloc(vm, m->nexports * sizeof *m->exports);
        if (!m->exports) return !(l->oom = true);
    }
    for (uint32_t i = 0; i < m->nexports; i++) {
        const beam_export_t *x = &l->f.exports[i];
        m->exports[i].entry = export_get(vm, m->name, l->f.atoms[x->function], x->arity);
        if (!m->exports[i].entry) return !(l->oom = true);
        if (!(m->exports[i].code = label_code(l, x->label))) return false;
    }
    if (l->on_load_word) {
        /* The instruction stands in the function to run. */
        for (uint32_t i = 0; i < m->nfunctions; i++)
            if (m->functions[i].start <= m->code + l->on_load_word - 1)
                m->on_load = m->functions[i].start + FUNC_INFO_WORDS;
    }
    memcpy(m->md5, l->f.md5, sizeof m->md5);
    return true;
}

/* ---- loading ---- */

static module_t *load_once(loader_t *l, size_t spare) {
    vm_t *vm = l->vm;
    l->m = mem_calloc(vm, sizeof *l->m);
    bool ok = l->m != NULL;
    if (ok) {
        l->m->vm = vm;
        l->m->name = l->f.atoms[1];
        ok = make_literals(l, spare) && make_tables(l) && load_code(l) && finish(l);
    } else {
        l->oom = true;
    }
    mem_free(vm, l->labels, (l->f.nlabels + 1) * sizeof *l->labels);
    mem_free(vm, l->literals, (l->f.nliterals + 1) * sizeof(term_t));
    vec_free(l, &l->code, sizeof(uint64_t));
    vec_free(l, &l->fixups, sizeof(fixup_t));
    vec_free(l, &l->starts, sizeof(op_start_t));
    vec_free(l, &l->lines, sizeof(code_line_t));
    vec_free(l, &l->functions, sizeof(code_function_t));
    vec_free(l, &l->ops, sizeof(gen_op_t));
    vec_free(l, &l->args, sizeof(beam_arg_t));
    if (ok) return l->m;
    if (l->m) module_free(vm, l->m);
    return NULL;
}

module_t *load_beam(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err) {
    beam_file_t file;
    err->text[0] = 0;
    if (beam_file_open(&file, vm, bytes, size) != 0) {
        *err = file.err;
        beam_file_close(&file);
        return NULL;
    }
    module_t *m = NULL;
    for (size_t spare = 64;; spare *= 16) {
        loader_t l = {.vm = vm, .f = file, .err = err};
        m = load_once(&l, spare);
        file = l.f;
        if (m || !l.area_full || l.oom) {
            if (!m && l.oom) load_fail(&l, "out of memory");
            if (!m && !err->text[0]) load_fail(&l, "too many large integers");
            break;
        }
    }
    beam_file_close(&file);
    return m;
}
