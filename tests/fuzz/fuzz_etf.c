/* fuzz_etf.c: arbitrary bytes as an external term. What can be read must be written and read again
 * to an equal term. */
#include <stdlib.h>
#include "fixture.h"
#include "vm/compare.h"
#include "vm/etf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A VM for a number of inputs: making one takes longer than reading most of them. */
static vm_t *vm;
static proc_t *p;
static unsigned uses;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (vm && (++uses % 64 == 0 ||
               atomic_load_explicit(&vm->memory_used, memory_order_relaxed) > 64u << 20)) {
        fixture_free(vm);
        vm = NULL;
    }
    if (!vm) {
        vm = fixture_vm();
        p = fixture_proc(vm);
        vm->memory_limit = 256u << 20;
    }
    size_t used = 0;
    for (unsigned flags = 0; flags <= ETF_SAFE; flags++) {
        term_t t = etf_decode_to(p, data, size, flags, &used, NULL);
        if (t == TERM_NONE) continue;
        uint8_t *out = NULL;
        size_t len, cap, again = 0;
        if (used > size || etf_encode(vm, t, &out, &len, &cap) != 0) abort();
        term_t u = etf_decode_to(p, out, len, 0, &again, NULL);
        if (u == TERM_NONE || again != len || !term_eq(vm, t, u)) abort();
        mem_free(vm, out, cap);
    }
    return 0;
}
