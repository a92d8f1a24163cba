/* load.c: loading modules on the host's request. */
#include "api/api.h"
#include "vm/codepath.h"

int ling_add_path(ling_vm_t *vm, const char *directory, int front) {
    if (!directory || !*directory) return api_fail(vm, LING_EINVAL, NULL);
    return code_path_add(vm, directory, front) ? LING_OK : api_fail(vm, LING_ENOMEM, NULL);
}

/* ling_boot:Function(Module), for what only a process can do. */
static int in_process(vm_t *vm, const char *function, term_t module) {
    term_t cell[2] = {module, TERM_NIL};
    term_t boot = atom_from_string(vm, "ling_boot"), f = atom_from_string(vm, function);
    if (boot == TERM_NONE || f == TERM_NONE) return api_fail(vm, LING_ENOMEM, NULL);
    int rc;
    signal_t *s = api_call(vm, boot, f, make_cons(cell), LING_FOREVER, &rc);
    if (!s) return rc;
    if (!is_tuple_of(s->term, 2)) {
        rc = LING_EEXCEPTION;
        api_set_exception(vm, s->term);
    } else if (tuple_elem(s->term, 2) == A_false) {
        rc = LING_EOLDCODE;
    }
    signal_free(vm, NULL, s);
    return rc;
}

/* Makes room for a new version when there are two already. */
static int purge_old(vm_t *vm, term_t name) {
    if (vm->nthreads) return in_process(vm, "soft_purge", name);
    return module_soft_purge(vm, name) == 1 ? LING_OK : LING_EOLDCODE;
}

static int publish(vm_t *vm, module_t *m) {
    term_t name = m->name;
    const char *text = atom_name(vm, name);
    for (int tries = 0;; tries++) {
        int rc = m->on_load ? module_set_on_load(vm, m) : module_publish(vm, m);
        if (rc == 0) break;
        int error = rc == -1 && tries == 0 ? purge_old(vm, name) : LING_ENOMEM;
        if (error == LING_OK) continue;
        module_free(vm, m);
        if (error == LING_EOLDCODE)
            return api_fail(vm, error, "a process still runs the old version of %s", text);
        return error == LING_EEXCEPTION ? error : api_fail(vm, error, NULL);
    }
    return m->on_load ? in_process(vm, "on_load", name) : LING_OK;
}

static int load(vm_t *vm, const void *bytes, size_t size, ling_term_t *module) {
    load_error_t err;
    err.text[0] = 0;
    if (module) *module = LING_NONE;
    if (api_is_inside(vm)) return api_fail(vm, LING_EBUSY, NULL);
    module_t *m = load_beam(vm, bytes, size, &err);
    if (!m) return api_fail_load(vm, LING_EBADFILE, &err);
    term_t name = m->name;
    int rc = publish(vm, m);
    if (rc == LING_OK && module) *module = name;
    return rc;
}

int ling_load(ling_vm_t *vm, const void *bytes, size_t size, ling_term_t *module) {
    if (!bytes) return api_fail(vm, LING_EINVAL, NULL);
    return load(vm, bytes, size, module);
}

int ling_load_file(ling_vm_t *vm, const char *path, ling_term_t *module) {
    uint8_t *data;
    size_t size;
    if (module) *module = LING_NONE;
    if (!path) return api_fail(vm, LING_EINVAL, NULL);
    int e = vm->host->ops->file_load(vm->host, path, &data, &size);
    if (e < 0) return api_fail(vm, LING_ENOENT, "%s: %s", path, strerror(-e));
    int rc = load(vm, data, size, module);
    vm->host->ops->file_free(vm->host, data, size);
    return rc;
}

int ling_load_module(ling_vm_t *vm, const char *name) {
    term_t atom = name ? atom_from_string(vm, name) : TERM_NONE;
    if (atom == TERM_NONE)
        return api_fail(vm, LING_EINVAL, "not a module's name: %s", name ? name : "NULL");
    if (module_find(vm, atom)) return LING_OK;
    code_file_t file;
    if (!code_path_find(vm, atom, &file, NULL, 0))
        return api_fail(vm, LING_ENOENT, "module %s is not on the code path%s", name,
                        code_path_root(vm) ? "" : " (and there is no OTP root)");
    term_t found;
    int rc = load(vm, file.data, file.size, &found);
    code_file_release(vm, &file);
    if (rc == LING_OK && found != atom)
        return api_fail(vm, LING_EBADFILE, "the file of module %s holds module %s", name,
                        atom_name(vm, found));
    return rc;
}

int ling_exports(ling_vm_t *vm, const char *module, const char *function, unsigned arity) {
    if (!function) return api_fail(vm, LING_EINVAL, NULL);
    int rc = ling_load_module(vm, module);
    if (rc != LING_OK) return rc;
    term_t m = atom_from_string(vm, module);
    term_t f = atom_find(vm, (const uint8_t *)function, strlen(function));
    const export_t *e = f == TERM_NONE ? NULL : export_find(vm, m, f, arity);
    return e && export_is_defined(e);
}
