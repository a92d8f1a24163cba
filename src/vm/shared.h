/* shared.h: persistent terms: values all processes see without a copy. bif_shared.c.
 *
 * A value is a literal. Readers take no lock. A value that was replaced or erased is given back
 * when no process refers to it any more (literals.h). */
#ifndef LING_VM_SHARED_H
#define LING_VM_SHARED_H
#include "vm/vm.h"
bool persistent_init(vm_t *vm); /* false: no memory */
void persistent_free(vm_t *vm);
#endif
