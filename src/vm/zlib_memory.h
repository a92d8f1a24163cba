/* zlib_memory.h: zlib on a VM's memory. zlib gives memory back without saying how much it was, and
 * our allocator wants to be told, so the size stands in front of the block.
 */
#ifndef LING_VM_ZLIB_MEMORY_H
#define LING_VM_ZLIB_MEMORY_H

#include <zlib.h>
#include "vm/vm.h"

enum { ZLIB_FRONT = 16 }; /* bytes for the size, so many that what follows is aligned */

static inline voidpf zlib_take(voidpf vm, uInt items, uInt size) {
    size_t bytes = ZLIB_FRONT + (size_t)items * size;
    size_t *block = mem_alloc((vm_t *)vm, bytes);
    if (!block) return NULL;
    *block = bytes;
    return (char *)block + ZLIB_FRONT;
}
static inline void zlib_give(voidpf vm, voidpf p) {
    size_t *block = (size_t *)((char *)p - ZLIB_FRONT);
    mem_free((vm_t *)vm, block, *block);
}

/* For deflateInit and its kin. */
static inline z_stream zlib_stream(vm_t *vm) {
    return (z_stream){.zalloc = zlib_take, .zfree = zlib_give, .opaque = vm};
}

#endif
