/* tty_line.h: the line that is being edited on a terminal, and what must be written to change it.
 * Pure: the bytes for the terminal go to a text. tty_line.c
 */
#ifndef LING_OUTLET_TTY_LINE_H
#define LING_OUTLET_TTY_LINE_H

#include "vm/print.h"

/* What was written since the last newline, as code points. */
typedef struct {
    vm_t *vm;
    uint32_t *ch;
    size_t len, cap;
    size_t pos;      /* of the cursor, in code points */
    unsigned column; /* of the terminal: how wide it is; 0: unknown, 80 */
} tty_line_t;

void tty_line_init(tty_line_t *l, vm_t *vm);
void tty_line_free(tty_line_t *l);
/* Each returns false where memory ran out. Texts are UTF-8; what is none is taken as Latin-1. */
bool tty_line_put(tty_line_t *l, const uint8_t *s, size_t n, text_t *out); /* over what is there */
bool tty_line_insert(tty_line_t *l, const uint8_t *s, size_t n, text_t *out);
/* n code points after the cursor, or -n before it. */
bool tty_line_delete(tty_line_t *l, int n, text_t *out);
bool tty_line_move(tty_line_t *l, int n, text_t *out);

#endif
