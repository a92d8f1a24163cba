/* break_menu.h: the menu somebody at the terminal gets with ^C. break_menu.c */
#ifndef LING_VM_BREAK_MENU_H
#define LING_VM_BREAK_MENU_H

#include "vm/vm.h"

/* Shows the menu and does what is asked, while no scheduler runs a process. It may halt the VM. On
 * the thread in vm_run, between two processes. */
void break_menu(vm_t *vm);

#endif
