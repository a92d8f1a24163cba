/* etf.h: the external term format. etf.c. Hostile input is refused, never trusted; iterative. */
#ifndef LING_VM_ETF_H
#define LING_VM_ETF_H
#include "vm/code.h"
/* Heap words the encoded term needs and its encoded length; -1: malformed. With the version byte.
 * *used: bytes taken. */
int64_t etf_decoded_size(vm_t *vm, const uint8_t *b, size_t n, size_t *used);
enum { ETF_SAFE = 1 }; /* no new atoms, no new external funs */
/* Decodes into words given by the caller (as many as etf_decoded_size said), moving *hp; off-heap
 * objects go on *off. TERM_NONE: malformed (or unsafe, or no memory). Compressed terms are
 * inflated. */
term_t etf_decode(vm_t *vm, const uint8_t *b, size_t n, unsigned flags, term_t **hp,
                  off_heap_t **off);
/* Into a process heap. TERM_NONE: malformed; nothing raised. */
term_t etf_decode_to(proc_t *p, const uint8_t *b, size_t n, unsigned flags, size_t *used);
/* Encodes (with version byte). 0 and memory to release with mem_free(*out, *cap); -1: no memory. */
int etf_encode(vm_t *vm, term_t t, uint8_t **out, size_t *len, size_t *cap);
#endif
