/* io.h: the console of the bare mode and what else the machine keeps of its surroundings. bif_io.c.
 */
#ifndef LING_VM_IO_H
#define LING_VM_IO_H

#include "vm/vm.h"

bool io_init(vm_t *vm);
void io_free(vm_t *vm);
/* Writes to standard error. Any thread. */
void io_say(vm_t *vm, const char *text, size_t n);
/* Starts and stops reading as processes asked for. Polling thread only, before it waits. */
void io_poll(vm_t *vm);
/* Readers that may still bring something: 0 or 1. Polling thread only. */
int io_pending(vm_t *vm);
/* The environment as Erlang code sees it, variable by variable, until fn returns false. Any thread;
 * fn must not block. */
typedef bool (*io_env_fn)(void *user, const char *name, size_t name_len, const char *value);
void io_env_each(vm_t *vm, io_env_fn fn, void *user);
/* One variable, copied to out with its NUL if that fits into *size bytes; *size: its length then.
 * false: not set. Any thread. */
bool io_getenv(vm_t *vm, const char *name, char *out, size_t *size);
/* 0, or an error of the host. */
int io_write(vm_t *vm, int which, const void *data, size_t n);

#endif
