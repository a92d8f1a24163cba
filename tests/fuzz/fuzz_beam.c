/* fuzz_beam.c: libFuzzer target: arbitrary bytes as a beam file. Its chunks and all instructions
 * are read, then it is loaded (not run): no input may crash, leak or read beyond its end. */
#include "fixture.h"
#include "vm/beam_file.h"
#include "vm/code.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A VM for many inputs: atoms are never freed, so a new one comes before the table is full. */
static vm_t *vm;
static unsigned uses;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (vm != NULL && ++uses % 4096 == 0) {
        fixture_free(vm);
        vm = NULL;
    }
    if (vm == NULL && (vm = fixture_vm()) == NULL) return 0;
    beam_file_t f;
    volatile uint64_t sum = 0; /* looks at what was found, so that the sanitizer sees it */
    if (beam_file_open(&f, vm, bytes, size) == 0) {
        beam_cursor_t c;
        beam_cursor_init(&c, &f);
        while (beam_next(&c) > 0) {
            for (unsigned i = 0; i < c.op.nargs; i++) {
                const beam_arg_t *a = &c.op.arg[i];
                if (a->kind == ARG_BIG) sum += a->big[0] + a->big[a->value - 1];
                if (a->kind == ARG_LITERAL) sum += f.literals[a->value].data[0];
                if (a->kind == ARG_LIST)
                    for (uint64_t k = 0; k < a->value; k++) sum += c.op.list[a->list + k].kind;
            }
        }
        beam_cursor_free(&c);
    }
    beam_file_close(&f);
    uint8_t md5[16];
    beam_module_md5(bytes, size, md5);
    load_error_t err;
    module_t *m = load_beam(vm, bytes, size, &err);
    if (m != NULL) module_free(vm, m);
    return 0;
}
