/* nif_api.h: what the public API (src/api) asks of src/nif, without erl_nif.h. */
#ifndef LING_NIF_NIF_API_H
#define LING_NIF_NIF_API_H
#include "vm/vm.h"
int nif_init(vm_t *vm);
int nif_register_entry(vm_t *vm, const void *entry);
void nif_closing(vm_t *vm);
#endif
