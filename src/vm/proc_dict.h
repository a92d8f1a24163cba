/* proc_dict.h: walking a process dictionary; get, put and erase are in process.h. Owner only. */
#ifndef LING_VM_PROC_DICT_H
#define LING_VM_PROC_DICT_H

#include "vm/proc.h"

size_t pdict_count(const proc_t *p);
/* The next pair from slot *i on (start with 0); false: no more. */
bool pdict_next(const proc_t *p, size_t *i, term_t *key, term_t *value);
/* [{Key, Value}] on heap_of's heap, sharing the values. TERM_NONE: no memory. */
term_t pdict_list(proc_t *p, proc_t *heap_of);

#endif
