/* system_items.h: items of system_info/1 and statistics/1 of the machine's insides. For bif_info.c.
 */
#ifndef LING_VM_SYSTEM_ITEMS_H
#define LING_VM_SYSTEM_ITEMS_H
#include "vm/bif.h"
/* As a BIF does: the value, or TERM_NONE with badarg raised. */
term_t system_item(proc_t *p, term_t item);
term_t run_queues(proc_t *p);
term_t wall_time_flag(proc_t *p, term_t on); /* what it was */
term_t wall_times(proc_t *p, bool all);
#endif
