/* nif_resource.h: resource types and objects, for the files of src/nif that call their callbacks.
 */
#ifndef LING_NIF_NIF_RESOURCE_H
#define LING_NIF_NIF_RESOURCE_H

#include "nif/nif.h"

struct enif_resource_type_t {
    vm_t *vm;
    ErlNifResourceType *next;  /* of a VM's, or of what a library that loads has opened */
    ErlNifResourceType *taken; /* opened: the type to take over; NULL: this one is new */
    term_t module, name;
    nif_lib_t *lib;         /* whose code the callbacks are */
    _Atomic(uint32_t) refs; /* objects, and one while a loaded library has it */
    ErlNifResourceDtor *dtor;
    ErlNifResourceStop *stop;
    ErlNifResourceDown *down;
    ErlNifResourceDynCall *dyncall;
};

typedef struct nif_monitor nif_monitor_t;

typedef struct {
    magic_t magic; /* first */
    ErlNifResourceType *type;
    size_t size;
    nif_monitor_t *monitors; /* under monitor_lock */
    _Alignas(16) unsigned char data[];
} nif_resource_t;

static inline nif_resource_t *resource_of(void *obj) {
    return (nif_resource_t *)((char *)obj - offsetof(nif_resource_t, data));
}
/* The object behind a term, whatever its type; NULL: none. */
nif_resource_t *nif_resource_from_term(term_t t);
/* nif_monitor.c: r, which is being destroyed, watches nobody any more. */
void nif_monitors_end(nif_resource_t *r);

#endif
