/* load_seq.h: where a module's instructions get the handlers of sequences.def. For load.c. */
#ifndef LING_VM_LOAD_SEQ_H
#define LING_VM_LOAD_SEQ_H

#include "vm/vm.h"

/* An instruction in code that is being made. */
typedef struct {
    uint32_t word; /* its handler's, an index into the code */
    uint32_t op;
    uint32_t cost; /* scratch */
} op_start_t;

/* Puts in the handlers of sequences. start: all instructions in order. false: no memory. */
bool seq_use(vm_t *vm, uint64_t *code, op_start_t *start, size_t n);

#endif
