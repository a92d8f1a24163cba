/* fixture.h: a VM on the simulated host and a process to hang terms on, for unit tests. */
#ifndef LING_TESTS_FIXTURE_H
#define LING_TESTS_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "vm/heap.h"
#include "vm/process.h"

vm_t *fixture_vm(void);               /* 0 schedulers, simulated host */
vm_t *fixture_vm_threads(unsigned n); /* n schedulers, libuv host */
proc_t *fixture_proc(vm_t *vm);       /* a process that never runs; its sched is set */
void fixture_free(vm_t *vm);
#endif
