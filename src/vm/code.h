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
    uint64_t stub[4]; /* instruction words: of the stub, and of a breakpoint (trace_code.c) */
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
    uint8_t uniq[16];         /* MD5 of the module */
    _Atomic(term_t) function; /* name of the lifted function; NIL: not loaded yet */
    module_t *owner;          /* version that defines it now, or NULL */
    uint64_t stub[4];
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
    const uint64_t **fun_code; /* where each fun starts: stored into funs when m is published */
    uint32_t nfuns;
    /* Literals: one area inside the arena. */
    term_t *literal_area;
    size_t literal_words;
    off_heap_t *literal_off_heap;
    term_t attributes, compile_info; /* literal terms */
    uint8_t md5[16];
    uint8_t *beam; /* the file's bytes where something still points into them (strings), or NULL */
    size_t beam_size;
    uint8_t *strings; /* inside beam, or a block of its own where beam is NULL */
    size_t strings_size;
    const uint64_t *on_load; /* function to run before the module becomes current, or NULL */
    bool is_native_stub;
    module_t *next_range;          /* code.c: module list for address lookup */
    _Atomic(struct nif_lib *) nif; /* its native library, src/nif */
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
/* The same for who may be in its code already: functions can be called before it is current. */
module_t *module_find_settled(vm_t *vm, term_t name);
module_t *module_find_old(vm_t *vm, term_t name);
/* Makes m current; what was current becomes old. -1: there are a current and an old version
 * already; -2: no memory (m untouched in both cases). */
int module_publish(vm_t *vm, module_t *m);
/* m waits for its on_load function: its code can run and be looked up, but calls still go to the
 * current version. 0 or -1, -2 as above. module_on_load_done makes it current (0; -1 there is an
 * old version already) or, failed, leaves it to a purge. */
int module_set_on_load(vm_t *vm, module_t *m);
module_t *module_find_on_load(vm_t *vm, term_t name);
int module_on_load_done(vm_t *vm, term_t name, bool keep);
/* Current becomes old. 0, -1: there is an old one already, -2: there is no current one. */
int module_delete(vm_t *vm, term_t name);
/* Frees a module version nobody refers to and nobody ever ran. Any of its arrays may be NULL; each
 * is a block of mem_alloc as long as its count says. */
void module_free(vm_t *vm, module_t *m);
/* Frees the old version (the caller has seen to it that no process uses it). Its literals are given
 * back later, when no process refers to them any more (literals.h). */
bool module_purge_old(vm_t *vm, term_t name);

/* ---- purging ---- purge.c: the protocol of erts_code_purger */
enum { PURGE_PREPARE, PURGE_PREPARE_ON_LOAD, PURGE_ABORT, PURGE_COMPLETE };
/* 1 true, 0 false, -1 not in this state (badarg). Between prepare and complete or abort, funs of
 * that version do not run. keep: complete takes the version out of the tables but keeps its memory
 * for the life of the VM, where the caller cannot know that nothing runs in it. */
int code_purge(vm_t *vm, term_t name, int op, bool keep);
/* f belongs to the version that is being purged: its caller has to wait until that is decided. */
bool fun_is_being_purged(vm_t *vm, const fun_entry_t *f);
/* Does p, which must not run meanwhile unless by the calling thread, still need m: a return
 * address, a catch, the place to go on, or a fun within reach? */
bool proc_uses_module(proc_t *p, const module_t *m);
/* The same for the old version of a module (or the one being purged): check_process_code, asked by
 * the thread that runs p. in_bif: by a BIF p calls; else p->ip must be the place to go on. */
bool proc_uses_old_code(proc_t *p, term_t module, bool in_bif);
/* Purges the old version where no process uses it. 1: done or there is none; 0: in use. Only while
 * no other thread runs processes. */
int module_soft_purge(vm_t *vm, term_t name);

/* The function an address belongs to. */
typedef struct {
    const module_t *module;
    const code_function_t *function;
    uint32_t line; /* 0: unknown */
    term_t file;   /* list; NIL: unknown */
} code_place_t;
/* Modules OTP's own machine has inside it: they cannot be replaced, and their frames in stack
 * traces have no lines. Ends with NULL. */
extern const char *const code_preloaded[];
bool code_is_preloaded(vm_t *vm, term_t name);

/* The module whose code an address is in, or NULL. */
const module_t *code_module_at(vm_t *vm, const void *address);
/* For a return address ask for the word before it. The answer is good as long as the module. */
bool code_lookup(vm_t *vm, const void *address, code_place_t *out);
static inline bool module_contains(const module_t *m, const void *address) {
    return (uintptr_t)address - (uintptr_t)m->code < m->code_words * sizeof(uint64_t);
}
/* Calls fn for each module version until it returns false. */
void module_each(vm_t *vm, bool (*fn)(void *user, module_t *m, bool is_old), void *user);

/* ---- literals ---- literal_arena.c: an arena with its own address range, so that the collector
 * tells literals by one comparison. They are never moved or changed. */
static inline bool is_literal(const vm_t *vm, term_t t) {
    return (uintptr_t)t - vm->literal_base < vm->literal_size;
}
term_t *literal_alloc(vm_t *vm, size_t words); /* NULL: none left */
void literal_free(vm_t *vm, term_t *area, size_t words);
size_t literal_bytes(vm_t *vm); /* all that is handed out */
/* A deep copy as a literal. *words: size for literal_free. TERM_NONE: no memory. */
term_t literal_copy(vm_t *vm, term_t t, term_t **area, size_t *words, off_heap_t **off);

/* ---- loading ---- */
typedef struct load_error {
    char text[240]; /* names chunk and offset, opcode and release */
} load_error_t;
/* Makes a module of a beam file's bytes (not published). NULL with *err filled. Any scheduler. */
module_t *load_beam(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err); /* load.c */
/* The current version of a module, found on the code path and made current if there is none. One
 * with an on_load function is only put up (module_set_on_load); running it is the caller's job.
 * NULL with *err filled. */
module_t *load_module_from_path(vm_t *vm, term_t name, load_error_t *err); /* codepath.c */
bool code_is_builtin(vm_t *vm, term_t name); /* one of src/lib; codepath.c */

/* For embedders: load_beam and module_publish, after a soft purge of an old version in the way. An
 * on_load function is not run. 0, or -1 with *err filled. */
int code_load_and_publish(vm_t *vm, const uint8_t *bytes, size_t size, load_error_t *err);

/* ---- engine's part ---- engine_core.c */
void engine_make_bif_stub(export_t *e);       /* stub that calls e->bif */
void engine_make_undefined_stub(export_t *e); /* stub that loads or calls the error handler */
void engine_make_fun_stub(fun_entry_t *f);    /* stub for a fun whose code is gone */

#endif
