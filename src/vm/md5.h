/* md5.h: the MD5 digest (RFC 1321). md5.c; relies on nothing, any thread. */
#ifndef LING_VM_MD5_H
#define LING_VM_MD5_H
#include <stddef.h>
#include <stdint.h>
/* Erlang programs hold one in a binary (md5_init/0): no pointers in it, no padding. */
typedef struct {
    uint32_t state[4];
    uint64_t count; /* bytes so far */
    uint8_t block[64];
} md5_t;
void md5_init(md5_t *m);
void md5_update(md5_t *m, const uint8_t *s, size_t n);
void md5_final(md5_t *m, uint8_t out[16]);
void md5_bytes(const uint8_t *s, size_t n, uint8_t out[16]);
#endif
