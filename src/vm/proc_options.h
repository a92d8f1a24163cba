/* proc_options.h: options of processes that several BIFs take. proc_options.c.
 *
 * Each function reads one value and returns false, with undefined results, when it is none. They
 * allocate nothing; any thread.
 */
#ifndef LING_VM_PROC_OPTIONS_H
#define LING_VM_PROC_OPTIONS_H

#include "vm/vm.h"

/* A number of words or rounds; what is above 32 bits counts as the largest there is. */
bool words_from_term(term_t v, uint32_t *out);
/* PRIO_*. */
bool priority_from_term(term_t v, uint8_t *prio);
/* max_heap_size: a number of words, 0 or at least min_heap, or a map. *flags: MAX_HEAP_*. */
bool max_heap_from_term(vm_t *vm, term_t v, uint32_t min_heap, uint32_t *size, uint16_t *flags);
/* Options of monitor/3 and {monitor, Opts}. *alias: REL_* for the alias (0: none); *tag: TERM_NONE
 * where there is none. */
bool monitor_opts_from_term(term_t l, uint32_t *alias, term_t *tag);

#endif
