/* dump_text.h: tables and modules as lines of text, the way crash dumps and the break menu show
 * them. dump_text.c. For a VM whose schedulers stand still.
 */
#ifndef LING_VM_DUMP_TEXT_H
#define LING_VM_DUMP_TEXT_H

#include "vm/code.h"
#include "vm/ets.h"
#include "vm/print.h"

/* =ets:OWNER and what the table is; before its objects, and behind them. */
void dump_table_head(text_t *t, ets_t *e);
void dump_table_end(text_t *t, ets_t *e);
/* Memory of all modules: current, old. */
void dump_code_size(text_t *t, vm_t *vm);
uint64_t dump_module_bytes(const module_t *m);
/* What of a module is not literals. */
uint64_t module_bytes(const module_t *m);
void dump_distribution(text_t *t);
void dump_modules(text_t *t, vm_t *vm);
void dump_information(text_t *t, vm_t *vm); /* memory and tables: the menu's (i)nfo */
void dump_line(text_t *t, const char *name, uint64_t value);
void dump_line_text(text_t *t, const char *name, const char *value);

#endif
