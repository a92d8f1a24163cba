/* crash_dump.h: the file that says what a VM was doing when it was halted with a slogan.
 * crash_dump.c.
 */
#ifndef LING_VM_CRASH_DUMP_H
#define LING_VM_CRASH_DUMP_H

#include "vm/vm.h"

/* Notes why the VM ends; the first reason stays. Before sched_halt. Any thread. */
void crash_slogan(vm_t *vm, const char *text, size_t len);
/* Writes the dump where vm_options_t.crash_dump says, once, if there is a slogan. On the thread in
 * vm_run, when no scheduler runs a process any more (dirty ones may). */
void crash_dump(vm_t *vm);
void crash_dump_free(vm_t *vm);

#endif
