/* codepath.c: finds a module's file by its name and loads it. Relies on the host's file
 * operations, the loader (load.c) and the module tables (code.c). Called by the engine when a
 * module is missing, by the code BIFs and by the API.
 */
#include "vm/codepath.h"

typedef struct dir {
    _Atomic(struct dir *) next;
    size_t size; /* of this block */
    char name[]; /* with NUL, without a slash at its end */
} dir_t;

/* Lists only grow, so readers need no lock. */
struct code_path {
    _Atomic(dir_t *) front, otp, back;
    _Atomic(bool) otp_listed;
    /* One bit an atom: not in OTP's folders, which do not change. Made under the lock, read
     * without. */
    _Atomic(uint64_t) *_Atomic missing;
    size_t missing_size;
    dir_t *root; /* a list of one; replaced roots stay on it until the VM ends */
    spin_t lock, load_lock;
};
/* Atoms beyond this many are looked for again each time: 32 kB of bits are enough. */
#define MISSING_ATOMS (256u * 1024)

static struct code_path *path_of(vm_t *vm) {
    if (vm->path) return vm->path;
    struct code_path *p = mem_calloc(vm, sizeof *p);
    if (p) vm->path = p;
    return p;
}

static dir_t *dir_new(vm_t *vm, const char *name, size_t len, const char *tail) {
    while (len > 1 && name[len - 1] == '/') len--;
    size_t tail_len = strlen(tail), size = sizeof(dir_t) + len + tail_len + 1;
    dir_t *d = mem_alloc(vm, size);
    if (!d) return NULL;
    atomic_init(&d->next, NULL);
    d->size = size;
    memcpy(d->name, name, len);
    memcpy(d->name + len, tail, tail_len + 1);
    return d;
}

static void list_push(_Atomic(dir_t *) *list, dir_t *d) {
    atomic_store_explicit(&d->next, atomic_load_explicit(list, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(list, d, memory_order_release);
}

static void list_append(_Atomic(dir_t *) *list, dir_t *d) {
    for (dir_t *last; (last = atomic_load_explicit(list, memory_order_relaxed)) != NULL;)
        list = &last->next;
    atomic_store_explicit(list, d, memory_order_release);
}

static void list_free(vm_t *vm, dir_t *d) {
    while (d) {
        dir_t *next = atomic_load_explicit(&d->next, memory_order_relaxed);
        mem_free(vm, d, d->size);
        d = next;
    }
}

bool code_path_init(vm_t *vm) { return path_of(vm) != NULL; }

bool code_path_add(vm_t *vm, const char *directory, bool front) {
    struct code_path *p = path_of(vm);
    dir_t *d = p ? dir_new(vm, directory, strlen(directory), "") : NULL;
    if (!d) return false;
    spin_lock(vm, &p->lock);
    if (front)
        list_push(&p->front, d);
    else
        list_append(&p->back, d);
    spin_unlock(vm, &p->lock);
    return true;
}

bool code_path_set_root(vm_t *vm, const char *root) {
    struct code_path *p = path_of(vm);
    if (!p) return false;
    dir_t *d = root && *root ? dir_new(vm, root, strlen(root), "") : NULL;
    if (root && *root && !d) return false;
    spin_lock(vm, &p->lock);
    if (d) atomic_store_explicit(&d->next, p->root, memory_order_relaxed);
    p->root = d ? d : p->root;
    spin_unlock(vm, &p->lock);
    return true;
}

const char *code_path_root(vm_t *vm) {
    return vm->path && vm->path->root ? vm->path->root->name : NULL;
}

void code_path_free(vm_t *vm) {
    struct code_path *p = vm->path;
    if (!p) return;
    list_free(vm, p->front);
    list_free(vm, p->otp);
    list_free(vm, p->back);
    list_free(vm, p->root);
    mem_free(vm, (void *)p->missing, p->missing_size);
    mem_free(vm, p, sizeof *p);
    vm->path = NULL;
}

/* ---- OTP's folders ---- */

/* Applications searched first; what is not named comes after these. */
static const char *const first_apps[] = {"stdlib", "kernel", "erts", "compiler", NULL};

static int app_rank(const char *name) {
    for (int i = 0; first_apps[i]; i++) {
        size_t n = strlen(first_apps[i]);
        if (strncmp(name, first_apps[i], n) == 0 && (name[n] == '-' || name[n] == 0)) return i;
    }
    return 1000;
}

/* Numbers in names compare by value, so that of two versions the newer is first. */
static int name_cmp(const char *a, const char *b) {
    while (*a && *b) {
        if (*a >= '0' && *a <= '9' && *b >= '0' && *b <= '9') {
            uint64_t x = 0, y = 0;
            while (*a >= '0' && *a <= '9') x = x * 10 + (uint64_t)(*a++ - '0');
            while (*b >= '0' && *b <= '9') y = y * 10 + (uint64_t)(*b++ - '0');
            if (x != y) return x < y ? 1 : -1;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++, b++;
        }
    }
    return (*a != 0) - (*b != 0);
}

typedef struct {
    vm_t *vm;
    const char *lib; /* ROOT/lib */
    dir_t *list;     /* sorted; names are whole paths */
    size_t skip;     /* length of lib and its slash */
    bool failed;
} listing_t;

static bool list_app(void *user, const char *name) {
    listing_t *l = user;
    size_t n = strlen(name);
    if (n == 0 || n > 200 || name[0] == '.') return true;
    char tail[220] = "/";
    memcpy(tail + 1, name, n);
    memcpy(tail + 1 + n, "/ebin", 6);
    dir_t *d = dir_new(l->vm, l->lib, strlen(l->lib), tail);
    if (!d) {
        l->failed = true;
        return false;
    }
    int rank = app_rank(name);
    dir_t *before = NULL, *at = l->list;
    while (at) {
        int r = app_rank(at->name + l->skip);
        if (r > rank || (r == rank && name_cmp(at->name + l->skip, d->name + l->skip) > 0)) break;
        before = at;
        at = atomic_load_explicit(&at->next, memory_order_relaxed);
    }
    atomic_store_explicit(&d->next, at, memory_order_relaxed);
    if (before)
        atomic_store_explicit(&before->next, d, memory_order_relaxed);
    else
        l->list = d;
    return true;
}

/* Lists ROOT/lib once. Not under the lock, since it reads directories: two threads may both do it,
 * and the second throws its list away. */
static void list_otp(vm_t *vm, struct code_path *p) {
    if (atomic_load_explicit(&p->otp_listed, memory_order_acquire) || !p->root) return;
    dir_t *lib = dir_new(vm, p->root->name, strlen(p->root->name), "/lib");
    if (!lib) return;
    listing_t l = {.vm = vm, .lib = lib->name, .skip = strlen(lib->name) + 1};
    vm->host->ops->dir_list(vm->host, lib->name, list_app, &l);
    mem_free(vm, lib, lib->size);
    spin_lock(vm, &p->lock);
    if (!l.failed && !atomic_load_explicit(&p->otp_listed, memory_order_relaxed)) {
        atomic_store_explicit(&p->otp, l.list, memory_order_release);
        atomic_store_explicit(&p->otp_listed, true, memory_order_release);
        l.list = NULL;
    }
    spin_unlock(vm, &p->lock);
    list_free(vm, l.list);
}

void code_path_prepare(vm_t *vm) {
    if (vm->path) list_otp(vm, vm->path);
}

static bool is_missing(struct code_path *p, term_t module) {
    uint32_t i = atom_index(module);
    _Atomic(uint64_t) *missing = atomic_load_explicit(&p->missing, memory_order_acquire);
    return missing && i < MISSING_ATOMS &&
           (atomic_load_explicit(&missing[i / 64], memory_order_relaxed) >> (i % 64) & 1);
}

static void set_missing(vm_t *vm, struct code_path *p, term_t module) {
    uint32_t i = atom_index(module);
    if (i >= MISSING_ATOMS || !atomic_load_explicit(&p->otp_listed, memory_order_relaxed)) return;
    spin_lock(vm, &p->lock);
    _Atomic(uint64_t) *missing = atomic_load_explicit(&p->missing, memory_order_relaxed);
    if (!missing && (missing = mem_calloc(vm, MISSING_ATOMS / 8)) != NULL) {
        p->missing_size = MISSING_ATOMS / 8;
        atomic_store_explicit(&p->missing, missing, memory_order_release);
    }
    if (missing)
        atomic_fetch_or_explicit(&missing[i / 64], (uint64_t)1 << (i % 64), memory_order_relaxed);
    spin_unlock(vm, &p->lock);
}

void code_path_each(vm_t *vm, bool (*fn)(void *user, const char *directory), void *user) {
    struct code_path *p = vm->path;
    if (!p) return;
    list_otp(vm, p);
    dir_t *lists[] = {atomic_load_explicit(&p->front, memory_order_acquire),
                      atomic_load_explicit(&p->otp, memory_order_acquire),
                      atomic_load_explicit(&p->back, memory_order_acquire)};
    for (int i = 0; i < 3; i++)
        for (dir_t *d = lists[i]; d; d = atomic_load_explicit(&d->next, memory_order_acquire))
            if (!fn(user, d->name)) return;
}

/* ---- finding ---- */

#define PATH_MAX_BYTES 4096

static bool find_in(vm_t *vm, dir_t *d, const char *file, size_t file_len, code_file_t *out,
                    char *path, size_t path_size) {
    char name[PATH_MAX_BYTES];
    for (; d; d = atomic_load_explicit(&d->next, memory_order_acquire)) {
        size_t n = strlen(d->name);
        if (n + 1 + file_len + 1 > sizeof name) continue;
        memcpy(name, d->name, n);
        name[n] = '/';
        memcpy(name + n + 1, file, file_len + 1);
        uint8_t *data = NULL;
        if (vm->host->ops->file_load(vm->host, name, &data, &out->size) != 0) continue;
        out->data = data;
        out->is_builtin = false;
        if (path && path_size) {
            n += 1 + file_len;
            if (n >= path_size) n = path_size - 1;
            memcpy(path, name, n);
            path[n] = 0;
        }
        return true;
    }
    return false;
}

static const lib_module_t *find_builtin(vm_t *vm, term_t module) {
    for (const lib_module_t *m = lib_modules; m->name; m++)
        if (strcmp(m->name, atom_name(vm, module)) == 0) return m;
    return NULL;
}

bool code_is_builtin(vm_t *vm, term_t name) { return find_builtin(vm, name) != NULL; }

bool code_path_find(vm_t *vm, term_t module, code_file_t *out, char *path, size_t path_size) {
    const atom_text_t *text = atom_text(vm, module);
    const char *name = (const char *)text->name;
    const lib_module_t *builtin = find_builtin(vm, module);
    if (builtin) {
        *out = (code_file_t){builtin->data, builtin->size, true};
        if (path && path_size) path[0] = 0;
        return true;
    }
    struct code_path *p = vm->path;
    /* A name with a slash would leave the directory; with NUL it would be another name. */
    if (!p || memchr(name, '/', text->bytes) || memchr(name, 0, text->bytes)) return false;
    char file[ATOM_MAX_BYTES + 6];
    memcpy(file, name, text->bytes);
    memcpy(file + text->bytes, ".beam", 6);
    size_t n = text->bytes + 5u;
    if (find_in(vm, atomic_load_explicit(&p->front, memory_order_acquire), file, n, out, path,
                path_size))
        return true;
    if (!is_missing(p, module)) {
        list_otp(vm, p);
        if (find_in(vm, atomic_load_explicit(&p->otp, memory_order_acquire), file, n, out, path,
                    path_size))
            return true;
        set_missing(vm, p, module);
    }
    return find_in(vm, atomic_load_explicit(&p->back, memory_order_acquire), file, n, out, path,
                   path_size);
}

void code_file_release(vm_t *vm, code_file_t *file) {
    if (!file->is_builtin && file->data)
        vm->host->ops->file_free(vm->host, (uint8_t *)(uintptr_t)file->data, file->size);
    file->data = NULL;
}

/* ---- loading ---- */

static void error_text(load_error_t *err, const char *a, const char *b, const char *c) {
    size_t at = 0;
    const char *const parts[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        for (const char *s = parts[i]; *s && at < sizeof err->text - 1;) err->text[at++] = *s++;
    err->text[at] = 0;
}

/* Preloaded modules of OTP with a native half: booting calls their on_load/0, an ordinary function.
 * Loaded on demand, they need it as any other module's. */
static void on_load_of_preloaded(vm_t *vm, module_t *m) {
    static const char *const native[] = {"prim_file", "prim_buffer", "zlib", "erl_tracer"};
    bool known = false;
    for (size_t i = 0; i < sizeof native / sizeof *native; i++)
        known = known || strcmp(atom_name(vm, m->name), native[i]) == 0;
    for (uint32_t i = 0; known && !m->on_load && i < m->nexports; i++)
        if (m->exports[i].entry->function == A_on_load && m->exports[i].entry->arity == 0)
            m->on_load = m->exports[i].code;
}

module_t *load_module_from_path(vm_t *vm, term_t name, load_error_t *err) {
    code_file_t file;
    if (!path_of(vm)) {
        error_text(err, "no memory", "", "");
        return NULL;
    }
    if (!code_path_find(vm, name, &file, NULL, 0)) {
        error_text(err, "module ", atom_name(vm, name),
                   code_path_root(vm) ? " is not on the code path"
                                      : " is not on the code path (and no OTP root is set)");
        return NULL;
    }
    module_t *m = load_beam(vm, file.data, file.size, err);
    code_file_release(vm, &file);
    if (m && m->name != name) {
        error_text(err, "the file of module ", atom_name(vm, name), " holds another module");
        module_free(vm, m);
        return NULL;
    }
    if (!m) return NULL;
    on_load_of_preloaded(vm, m);
    /* Two schedulers may load the same module at once: the second result goes away. */
    spin_lock(vm, &vm->path->load_lock);
    module_t *current = module_find(vm, name);
    if (!current) current = module_find_on_load(vm, name);
    bool published =
        !current && (m->on_load ? module_set_on_load(vm, m) : module_publish(vm, m)) == 0;
    spin_unlock(vm, &vm->path->load_lock);
    if (published) return m;
    module_free(vm, m);
    if (!current) error_text(err, "no memory for module ", atom_name(vm, name), "");
    return current;
}
