/* bif_tables.h: all BIFs there are: a NULL-ended array of tables, each ended by an all-zero row. */
#ifndef LING_VM_BIF_TABLES_H
#define LING_VM_BIF_TABLES_H
#include "vm/bif.h"
extern const bif_def_t *const bif_tables[];
#endif
