/* magic.h: native objects behind references, and finding them again by number. magic.c.
 *
 * A magic reference holds a count of its object. Bytes and text do not: once a reference has been
 * written as such (external format, ref_to_list) its object can be found by the reference's number
 * as long as something else keeps it alive.
 */
#ifndef LING_VM_MAGIC_H
#define LING_VM_MAGIC_H
#include "vm/vm.h"

bool magics_init(vm_t *vm);
void magics_free(vm_t *vm);

/* Sets up the object's head: one count, which the caller holds, and a number of its own. */
void magic_init(vm_t *vm, magic_t *m, void (*destroy)(magic_t *));
/* Drops a count; the last one destroys the object. Any thread. */
void magic_release(magic_t *m);
/* The reference is about to be written as bytes or text. The caller holds a count. Without memory
 * nothing happens: what is read back is then a plain reference. */
void magic_publish(magic_t *m);
/* The living object with that number that was published, with one more count, or NULL. */
magic_t *magic_find(vm_t *vm, uint64_t id);
/* A reference to m in MAGIC_REF_WORDS words at hp, on the list *off; takes m's count. */
term_t magic_ref_outside(term_t *hp, magic_t *m, off_heap_t **off);

#endif
