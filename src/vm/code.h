/* code.h: modules, exports, funs and literals: what calls go through.
 *
 * A call to another module goes through an export entry, which never moves and lives as long as
 * the VM. entry->code is where the call jumps: the current version's function, a BIF's stub, or a
 * stub that loads the module or calls the error handler. Replacing a module is a release store
 * into its export entries, so readers take no lock. Each module has at most two versions: current
 * and old. code.c keeps the tables; load.c makes a module out of a beam file; purge.c gets rid of
 * old versions.
 */
#ifndef LING_VM_CODE_H
#define LING_VM_CODE_H

#include "vm/bif.h"

typedef struct module module_t;
typedef struct fun_entry fun_entry_t;

typedef struct export {
    _Atomic(const uint64_t *) code;
    const bif_def_t *bif; /* NULL: no BIF */
    term_t module, function;
    uint32_t arity;
    uint32_t traced;
    uint64_t stub[4]; /* instruction words: engine_make_stub */
    struct export *hash_next;
}
export_t;

/* What a closure points to. Shared by all closures made at one place of one module version, kept
 * for the life of the VM (a fun may outlive its code; calling it then raises undef/badfun). */
struct fun_entry {
    _Atomic(const uint64_t *) code; /* stub when the module version is gone */
    term_t module;
    uint32_t index; /* in the module's FunT */
    uint32_t old_index;
    uint32_t old_uniq;
    uint32_t arity; /* without the environment */
    uint32_t num_free;
    uint8_t uniq[16]; /* MD5 of the module */
    term_t function;  /* name of the lifted function */
    module_t *owner;  /* version that defines it now, or NULL */
    uint64_t stub[4];
    fun_entry_t *hash_next;
};

typedef struct code_function { /* sorted by address */
    const uint64_t *start;     /* the func_info instruction; the entry is FUNC_INFO_WORDS behind */
    term_t function;
    uint32_t arity;
} code_function_t;
#define FUNC_INFO_WORDS 4 /* handler, module, function, arity */

typedef struct {
    uint32_t offset; /* words from code start: where the instruction after `line` begins */
    uint32_t line;   /* 0: none */
    uint32_t file;   /* index into files; 0 is the module's own source */
} code_line_t;

struct module {
    term_t name;
    vm_t *vm;
    uint64_t *code;
    size_t code_words;
    code_function_t *functions;
    uint32_t nfunctions;
    code_line_t *lines; /* sorted by offset */
    uint32_t nlines;
    term_t *files; /* literal terms (strings as lists) */
    uint32_t nfiles;
    struct {
        export_t *entry;
        const uint64_t *code;
    } * exports;
    uint32_t nexports;
    fun_entry_t **funs;
    uint32_t nfuns;
    /* Literals: one area inside the arena. */
    term_t *literal_area;
    size_t literal_words;
    off_heap_t *literal_off_heap;
    term_t attributes, compile_info; /* literal terms */
    uint8_t md5[16];
    uint8_t *beam; /* the file's bytes where something still points into them (strings), or NULL */
    size_t beam_size;
    uint8_t *strings;
    size_t strings_size;
    const uint64_t *on_load; /* function to run before the module becomes current, or NULL */
    bool is_native_stub;
    module_t *next_range; /* code.c: module list for address lookup */
    void *nif;
};

/* ---- tables ---- code.c */
bool code_init(vm_t *vm);
void code_free(vm_t *vm);
/* The entry for M:F/A, made (undefined) when missing. NULL: no memory. Any thread. */
export_t *export_get(vm_t *vm, term_t m, term_t f, uint32_t arity);
export_t *export_find(vm_t *vm, term_t m, term_t f, uint32_t arity); /* NULL: none */
/* Defined: calling it would not go to the error handler. */
bool export_is_defined(const export_t *e);
fun_entry_t *fun_entry_get(vm_t *vm, term_t module, const uint8_t uniq[16], uint32_t index,
                           uint32_t old_uniq, uint32_t old_index, uint32_t arity,
                           uint32_t num_free);
/* Current (or old) version of a module, NULL: none. */
module_t *module_find(vm_t *vm, term_t name);
module_t *module_find_old(vm_t *vm, term_t name);
/* Makes m current; what was current becomes old. -1: there is an old version already (*m
 * untouched).
 */
int module_publish(vm_t *vm, module_t *m);
/* Current becomes old. false: there is an old one already, or no current one (*err tells). */
int module_delete(vm_t *vm, term_t name);
/* Frees a module version nobody refers to. */
void module_free(vm_t *vm, module_t *m);
/* Frees the old version (the caller has seen to it that no process uses it). */
bool module_purge_old(vm_t *vm, term_t name);

/* The function an address belongs to. */
typedef struct {
    const module_t *module;
    const code_function_t *function;
    uint32_t line; /* 0: unknown */
    term_t file;   /* list; NIL: unknown */
} code_place_t;
bool code_lookup(vm_t *vm, const void *address, code_place_t *out);
static inline bool module_contains(const module_t *m, const void *address) {
    return (uintptr_t)address - (uintptr_t)m->code < m->code_words * sizeof(uint64_t);
}
/* Calls fn for each module version until it returns false. */
void module_each(vm_t *vm, bool (*fn)(void *user, module_t *m, bool is_old), void *user);

/* ---- literals ---- code.c: an arena with its own address range, so that the collector tells
 * literals by one comparison. They are never moved or changed. */
static inline bool is_literal(const vm_t *vm, term_t t) {
    return (uintptr_t)t - vm->literal_base < vm->literal_size;
}
term_t *literal_alloc(vm_t *vm, size_t words); /* NULL: none left */
void literal_free(vm_t *vm, term_t *area, size_t words);
/* A deep copy as a literal. *words: size for literal_free. TERM_NONE: no memory. */
term_t literal_copy(vm_t *vm, term_t t, term_t **area, size_t *words, off_heap_t **off);

/* ---- loading ---- */
typedef struct load_error {
    char text[240]; /* names chunk and offset, opcode and release */
} load_error_t;
/* Makes a module of a beam file's bytes (not published). NULL with *err filled. Any scheduler. */
module_t *load_beam(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err); /* load.c */
/* load_beam + publish + run of on_load is the caller's job; finds the file on the code path. */
module_t *load_module_from_path(vm_t *vm, term_t name, load_error_t *err); /* codepath.c */

/* ---- engine's part ---- engine.c */
void engine_make_bif_stub(export_t *e);       /* stub that calls e->bif */
void engine_make_undefined_stub(export_t *e); /* stub that loads or calls the error handler */
void engine_make_fun_stub(fun_entry_t *f);    /* stub for a fun whose code is gone */

#endif
