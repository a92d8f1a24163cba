/* os_signal.h: signals of the operating system as messages: os:set_signal/2, erl_signal_server.
 * os_signal.c.
 */
#ifndef LING_VM_OS_SIGNAL_H
#define LING_VM_OS_SIGNAL_H

#include "vm/vm.h"

bool os_signal_init(vm_t *vm);
void os_signal_free(vm_t *vm);
/* Tells the host what processes asked for. Polling thread only, before it waits. */
void os_signal_poll(vm_t *vm);
/* Somebody waits for os_signal_poll. Polling thread. */
bool os_signal_is_due(vm_t *vm);
/* SIGINT came and the break menu is due; forgets it. Polling thread only. */
bool os_signal_break_asked(vm_t *vm);
/* Allows os:set_signal/2 to reach the host (without it, it changes nothing), and lets SIGTERM,
 * SIGQUIT and SIGUSR1 be messages from now on, as at OTP's start; SIGINT
 * is what vm_options_t.break_key says. Any thread. */
void os_signal_enable(vm_t *vm);

#endif
