/* errno_name.h: names of the operating system's error numbers, as they appear in Erlang
 * ({error, enoent}). errno_name.c */
#ifndef LING_VM_ERRNO_NAME_H
#define LING_VM_ERRNO_NAME_H

#include "vm/atom.h"

/* "enoent" for ENOENT (or -ENOENT, as the host's operations return it); "unknown" for what has no
 * name. Any thread. */
const char *errno_name(int number);
/* The same as an atom; error where there is no room for it. */
term_t errno_atom(vm_t *vm, int number);

#endif
