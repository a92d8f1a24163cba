/* codepath.h: where modules come from when they are called for the first time: the modules built
 * into the library, directories added by the user, the library folders of an OTP installation.
 * codepath.c. Any thread; directories are never removed.
 *
 * Order: built in; directories added in front; stdlib, kernel, erts, compiler and the other
 * applications of the OTP root; directories added at the end.
 */
#ifndef LING_VM_CODEPATH_H
#define LING_VM_CODEPATH_H

#include "vm/code.h"

/* Beam files that are part of the library (src/lib). Ended by a row of zeros. */
typedef struct {
    const char *name;
    const uint8_t *data;
    size_t size;
} lib_module_t;
extern const lib_module_t lib_modules[];

/* Made by vm_create (no thread runs yet). false: no memory. */
bool code_path_init(vm_t *vm);
/* false: no memory. */
bool code_path_add(vm_t *vm, const char *directory, bool front);
/* The directory that has lib/ in it; NULL or "": none. Its folders are listed at the first need. */
bool code_path_set_root(vm_t *vm, const char *root);
const char *code_path_root(vm_t *vm); /* NULL: none */
/* Lists OTP's folders now. */
void code_path_prepare(vm_t *vm);
void code_path_free(vm_t *vm);
/* Calls fn for each directory in order until it returns false (lists OTP's folders if needed). */
void code_path_each(vm_t *vm, bool (*fn)(void *user, const char *directory), void *user);

/* The bytes of a module's file. */
typedef struct {
    const uint8_t *data;
    size_t size;
    bool is_builtin; /* data is constant */
} code_file_t;
/* false: nowhere on the path (or no memory). path (may be NULL): where it was found, cut to fit. */
bool code_path_find(vm_t *vm, term_t module, code_file_t *file, char *path, size_t path_size);
void code_file_release(vm_t *vm, code_file_t *file);

#endif
