/* fuzz_calls.c: functions in C that take terms of many forms, called with arbitrary ones: regular
 * expressions, match specifications, packets, external terms, texts, compressed data ... The first
 * byte of the input says which function, the rest is its argument list in the external format. A
 * call may do all but crash, leak, or leave the VM unusable.
 */
#include <stdlib.h>
#include <string.h>
#include <ling/ling.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MS INT64_C(1000000)

/* corpus.py reads this table; new ones go to its end. */
static const struct {
    const char *module, *function;
    unsigned arity;
} calls[] = {
    {"re", "run", 3},
    {"re", "compile", 2},
    {"re", "inspect", 2},
    {"ets", "match_spec_compile", 1},
    {"ets", "test_ms", 2},
    {"erlang", "match_spec_test", 3},
    {"erlang", "decode_packet", 3},
    {"erlang", "binary_to_term", 2},
    {"erlang", "term_to_binary", 2},
    {"erlang", "external_size", 2},
    {"zlib", "uncompress", 1},
    {"zlib", "gunzip", 1},
    {"unicode", "characters_to_binary", 3},
    {"unicode", "characters_to_list", 2},
    {"binary", "match", 3},
    {"binary", "matches", 3},
    {"binary", "split", 3},
    {"binary", "replace", 4},
    {"binary", "longest_common_prefix", 1},
    {"binary", "decode_unsigned", 2},
    {"binary", "part", 3},
    {"erlang", "iolist_to_iovec", 1},
    {"erlang", "list_to_bitstring", 1},
    {"erlang", "split_binary", 2},
    {"erlang", "binary_to_float", 1},
    {"erlang", "binary_to_integer", 2},
    {"erlang", "list_to_integer", 2},
    {"erlang", "float_to_list", 2},
    {"erlang", "float_to_binary", 2},
    {"erlang", "integer_to_binary", 2},
    {"erlang", "list_to_pid", 1},
    {"erlang", "list_to_ref", 1},
    {"erlang", "list_to_port", 1},
    {"erlang", "binary_to_existing_atom", 2},
    {"erlang", "phash2", 2},
    {"erlang", "phash", 2},
    {"erlang", "crc32_combine", 3},
    {"erlang", "adler32_combine", 3},
    {"erlang", "universaltime_to_localtime", 1},
    {"erlang", "localtime_to_universaltime", 2},
    {"erlang", "insert_element", 3},
    {"erlang", "make_tuple", 3},
    {"erlang", "convert_time_unit", 3},
    {"erlang", "process_info", 2},
    {"erlang", "system_info", 1},
    {"erlang", "spawn_opt", 4},
    {"erlang", "trace_pattern", 3},
    {"erlang", "trace", 3},
    {"erlang", "system_monitor", 1},
    {"erlang", "process_flag", 2},
    {"erlang", "raise", 3},
    {"erlang", "apply", 3},
    {"erlang", "bsl", 2},
    {"erlang", "*", 2},
    {"erlang", "div", 2},
    {"erlang", "rem", 2},
    {"erlang", "send", 3},
    {"erlang", "start_timer", 4},
    {"erlang", "monitor", 3},
    {"erlang", "alias", 1},
    {"maps", "merge", 2},
    {"maps", "from_list", 1},
    {"maps", "from_keys", 2},
    {"maps", "take", 2},
    {"lists", "keyfind", 3},
    {"lists", "keymember", 3},
    {"lists", "reverse", 2},
    {"erlang", "++", 2},
    {"erlang", "--", 2},
    {"ets", "new", 2},
    {"ets", "select", 2},
    {"ets", "insert", 2},
    {"ets", "update_counter", 4},
    {"persistent_term", "put", 2},
    {"persistent_term", "erase", 1},
    {"counters", "new", 2},
    {"atomics", "new", 2},
    {"io_lib", "format", 2},
    {"io_lib", "fread", 2},
    {"erl_scan", "string", 3},
    {"string", "to_float", 1},
    {"base64", "decode", 1},
    {"erlang", "fun_info", 2},
    {"erlang", "make_fun", 3},
    {"code", "get_chunk", 2},
    {"code", "module_md5", 1},
    {"erlang", "load_module", 2},
    {"erlang", "memory", 1},
    {"erlang", "statistics", 1},
    {"erlang", "system_flag", 2},
    {"seq_trace", "set_token", 2},
    {"erts_debug", "flat_size", 1},
    {"erts_debug", "size_shared", 1},
    {"erlang", "list_to_atom", 1},
    {"math", "pow", 2},
};
#define CALLS (sizeof calls / sizeof *calls)

static ling_vm_t *vm;
static unsigned uses;

static void no_log(void *user, int level, const char *text, size_t length) {
    (void)user, (void)level, (void)text, (void)length;
}

static void vm_new(void) {
    ling_options_t o = LING_OPTIONS_INIT;
    o.memory_limit = (size_t)128 << 20;
    o.log = no_log;
    o.no_console = 1;
    if (ling_create(&vm, &o) != LING_OK) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    if (vm && ++uses % 2048 == 0) {
        ling_destroy(vm);
        vm = NULL;
    }
    if (!vm) vm_new();
    ling_env_t *env = ling_env_new(vm);
    if (!env) abort();
    ling_term_t args, argv[4], result;
    const char *m = calls[data[0] % CALLS].module, *f = calls[data[0] % CALLS].function;
    unsigned arity = calls[data[0] % CALLS].arity;
    if (ling_decode(env, data + 1, size - 1, &args) == LING_OK) {
        for (unsigned i = 0; i < arity; i++)
            if (ling_get_cons(args, &argv[i], &args) != LING_OK) argv[i] = ling_make_nil(env);
        int rc = ling_call(vm, env, m, f, arity, argv, 300 * MS, &result);
        if (rc == LING_OK || rc == LING_EEXCEPTION) ling_format_term(vm, result, NULL, 0);
        if (uses % 16 == 0) {
            argv[0] = ling_make_int(NULL, -7);
            rc = ling_call(vm, env, "erlang", "abs", 1, argv, 10000 * MS, &result);
            if (rc != LING_OK || result != ling_make_int(NULL, 7)) abort();
        }
    }
    ling_env_free(env);
    return 0;
}
