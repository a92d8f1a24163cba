/* print.h: terms as text, as erlang:display/1 and crash reports show them (~p-like, one line).
 * print.c. Iterative. */
#ifndef LING_VM_PRINT_H
#define LING_VM_PRINT_H
#include "vm/atom.h"
/* A growing text. Memory trouble sets failed and is otherwise ignored. */
typedef struct {
    vm_t *vm;
    char *data;
    size_t len, cap;
    bool failed;
} text_t;
void text_init(text_t *t, vm_t *vm);
void text_free(text_t *t);
void text_bytes(text_t *t, const void *s, size_t n);
void text_str(text_t *t, const char *s);
void text_char(text_t *t, char c);
void text_utf8(text_t *t, uint32_t c); /* a code point */
void text_int(text_t *t, int64_t i);
void text_uint(text_t *t, uint64_t i);
/* UTF-8, floats in their shortest form: for people and for the embedder. */
void text_term(text_t *t, term_t term);
/* To the byte what erlang:display/1 writes: floats as %e, strings in Latin-1. (Large maps are shown
 * as maps, where OTP 25 shows its tree.) */
void text_display(text_t *t, term_t term);
void text_atom(text_t *t, term_t atom, bool quote); /* quoted where Erlang needs it */
#endif
