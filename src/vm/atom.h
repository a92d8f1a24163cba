/* atom.h: the atom table.
 *
 * Atoms are numbers into a per-VM table that only grows (until atom_limit). Names are UTF-8, at
 * most 255 characters. The atoms the machine itself uses have fixed numbers (atoms.def), so that
 * they are compile-time constants: A_ok, A_true ... Reading needs no lock; any thread.
 */
#ifndef LING_VM_ATOM_H
#define LING_VM_ATOM_H

#include "vm/vm.h"

enum {
#define ATOM(id)        ATOM_INDEX_##id,
#define ATOM2(id, text) ATOM_INDEX_##id,
#include "vm/atoms.def"
#undef ATOM
#undef ATOM2
    ATOM_PREDEFINED
};
/* Constants A_ok ... : an enum cannot hold 64-bit values in C11, and make_atom is no constant
 * expression; these all fit in 31 bits. */
enum {
#define ATOM(id)        A_##id = ATOM_INDEX_##id << IMMED_SHIFT | IMMED_ATOM,
#define ATOM2(id, text) A_##id = ATOM_INDEX_##id << IMMED_SHIFT | IMMED_ATOM,
#include "vm/atoms.def"
#undef ATOM
#undef ATOM2
    A_end_of_predefined
};

#define ATOM_MAX_CHARS 255
#define ATOM_MAX_BYTES (4 * ATOM_MAX_CHARS)

typedef struct atom_text {
    uint32_t hash; /* OTP's atom hash value (phash uses it) */
    uint16_t bytes;
    uint16_t chars;  /* code points */
    uint32_t latin1; /* all code points below 256 */
    uint32_t order;  /* first four bytes, big endian: speeds up comparison */
    uint8_t name[];  /* UTF-8, NUL behind it */
} atom_text_t;

bool atom_init(vm_t *vm); /* false: no memory */
void atom_free(vm_t *vm);
/* The atom with that UTF-8 name; TERM_NONE: too long, not UTF-8, table full or no memory. */
term_t atom_intern(vm_t *vm, const uint8_t *utf8, size_t bytes);
term_t atom_from_string(vm_t *vm, const char *s);
term_t atom_intern_latin1(vm_t *vm, const uint8_t *s, size_t chars);
/* The existing atom, or TERM_NONE. */
term_t atom_find(vm_t *vm, const uint8_t *utf8, size_t bytes);
const atom_text_t *atom_text(const vm_t *vm, term_t atom);
static inline const char *atom_name(const vm_t *vm, term_t atom) {
    return (const char *)atom_text(vm, atom)->name;
}
size_t atom_count(const vm_t *vm);
size_t atom_memory(vm_t *vm); /* bytes of the table and of all texts */
size_t atom_limit(const vm_t *vm);
int atom_compare(const vm_t *vm, term_t a, term_t b); /* by code points, as OTP orders atoms */

#endif
