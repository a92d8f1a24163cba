/* nif.h: what the machine knows of native implemented functions; the rest is in src/nif, above it.
 *
 * A function of a module is taken over by two stores into its code: the address of an export_t of
 * its own (whose bif is the native function's definition) goes into the unused bits of the arity in
 * its func_info, and the entry's handler becomes nif_entry. So local and external calls, funs and
 * apply reach it alike, each module version has its own, and other functions pay nothing.
 */
#ifndef LING_VM_NIF_H
#define LING_VM_NIF_H

#include "vm/code.h"

/* What src/nif does for the machine; vm->nif_ops, NULL where there are no NIFs. */
typedef struct nif_ops {
    /* Libraries are loaded, and versions that have one purged, by one process at a time: load and
     * upgrade see the libraries and types of the versions before. false: somebody else does it,
     * try again later. Whoever has got it gives it back before it gives way. */
    bool (*seize)(vm_t *vm);
    void (*release)(vm_t *vm);
    /* m, whose nif is set, is out of the tables and nobody runs it. The VM may be ending. By who
     * has seized it, or while no other thread runs processes. */
    void (*module_gone)(vm_t *vm, module_t *m);
    /* [{Function, Arity}] on p's heap; TERM_NONE: no memory. */
    term_t (*functions)(proc_t *p, const module_t *m);
    /* The process that a resource object's monitor (nif_monitor.c) watches has ended. */
    void (*process_gone)(vm_t *vm, void *monitor, term_t pid);
    /* Does the module have what a tracer module must have: enabled/3 and trace/5, native? */
    bool (*is_tracer)(vm_t *vm, term_t module);
    /* Calls names[0] or, where there is none, names[1] of a tracer module with n arguments and, for
     * options not NULL, a map of that many pairs. An atom, or TERM_NONE. */
    term_t (*tracer_call)(vm_t *vm, term_t module, const term_t names[2], const term_t *args,
                          unsigned n, const term_t *options, size_t noptions);
    /* Last call, after all modules and processes are gone. */
    void (*vm_gone)(vm_t *vm);
} nif_ops_t;

bool nif_init_part(vm_t *vm);
void nif_free_part(vm_t *vm);

/* The arity in a func_info word and what may share it. */
#define FUNC_ARITY(word) ((word)&0xff)
#define FUNC_NIF(word)   ((export_t *)(uintptr_t)((word) >> 8))

/* Calls of the function whose entry (behind its func_info) is at code go to e->bif. e lives as long
 * as the code. engine_core.c. */
void engine_take_over(uint64_t *code, export_t *e);
/* Code of NIF_STUB_WORDS words that calls e->bif, as if it were a function of e->module; e->code is
 * set to it. For native functions that no module declares. */
enum { NIF_STUB_WORDS = FUNC_INFO_WORDS + 1 };
void engine_make_nif_stub(export_t *e, uint64_t *stub);
/* The module a process that goes on at ip is about to call a native function of, TERM_NONE: none.
 */
term_t engine_nif_module(const uint64_t *ip);

#endif
