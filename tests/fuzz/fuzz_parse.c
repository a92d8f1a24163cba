/* fuzz_parse.c: the reader of literals (src/api/parse.c): any text gives a term or an error, and
 * what was read can be printed.
 */
#include <stdlib.h>
#include <string.h>
#include <ling/ling.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ling_vm_t *vm;
    if (!vm) {
        ling_options_t o = LING_OPTIONS_INIT;
        o.host = LING_HOST_SIM;
        o.otp_root = "";
        o.no_console = 1;
        o.memory_limit = (size_t)256 << 20;
        if (ling_create(&vm, &o) != LING_OK) abort();
    }
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t t, m, f;
    if (ling_parse_term(env, text, &t) == LING_OK) {
        if (ling_type(t) == LING_TYPE_NONE) abort();
        ling_format_term(vm, t, NULL, 0);
    }
    ling_parse_call(env, text, &m, &f, &t);
    ling_env_free(env);
    free(text);
    return 0;
}
