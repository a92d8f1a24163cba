/* nif.c: the end of what src/nif keeps in a VM. Called by vm.c. */
#include "vm/nif.h"

bool nif_init_part(vm_t *vm) {
    (void)vm;
    return true;
}

void nif_free_part(vm_t *vm) {
    if (vm->nif_ops) vm->nif_ops->vm_gone(vm);
}
