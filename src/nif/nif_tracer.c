/* nif_tracer.c: calls of tracer modules, whose functions are native ones (erl_tracer(3)). They run
 * in an environment of their own: the traced process may be anywhere, in a collection too. What
 * they return is looked at as an atom only. Called by vm/tracer.c, in any thread that runs
 * processes or ports.
 */
#include "nif/nif.h"
#include "vm/code.h"
#include "vm/map.h"

static const nif_fun_t *find(vm_t *vm, term_t module, term_t name, uint32_t arity) {
    module_t *m = module_find(vm, module);
    if (!m || !m->nif) return NULL;
    for (uint32_t i = 0; i < m->nexports; i++) {
        const export_t *e = m->exports[i].entry;
        if (e->function != name || e->arity != arity) continue;
        const export_t *native =
            FUNC_NIF(__atomic_load_n(&m->exports[i].code[-1], __ATOMIC_ACQUIRE));
        return native ? (const nif_fun_t *)native->bif : NULL;
    }
    return NULL;
}

bool nif_is_tracer(vm_t *vm, term_t module) {
    return find(vm, module, A_enabled, 3) && find(vm, module, A_trace, 5);
}

term_t nif_tracer_call(vm_t *vm, term_t module, const term_t names[2], const term_t *args,
                       unsigned n, const term_t *options, size_t noptions) {
    unsigned arity = n + (options != NULL);
    const nif_fun_t *f = find(vm, module, names[0], arity);
    if (!f) f = find(vm, module, names[1], arity);
    if (!f) return TERM_NONE;
    term_t a[5];
    nif_env_block_t b;
    nif_env_open(&b, vm, f->lib, ENV_CALLBACK);
    memcpy(a, args, n * sizeof *a);
    term_t result = TERM_NONE;
    if (!options || (a[n] = map_from_pairs(b.env.p, options, noptions)) != TERM_NONE) {
        nif_visit_t v = nif_enter(vm);
        result = f->fn(&b.env, (int)arity, a);
        nif_leave(v);
    }
    nif_env_close(&b);
    return is_atom(result) ? result : TERM_NONE;
}
