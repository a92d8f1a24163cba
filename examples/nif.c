/* nif.c: a NIF library as one writes it for OTP, linked into the program instead of loaded from a
 * file. The same file compiles to primes.so for stock erl (without STATIC_ERLANG_NIF and main).
 */
#define STATIC_ERLANG_NIF
#include <erl_nif.h>
#include <ling/ling.h>
#include <stdio.h>

/* ---- the library ---- a resource: the last number given out */

static ErlNifResourceType *numbers;

static ERL_NIF_TERM new_primes(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    unsigned from;
    if (!enif_get_uint(env, argv[0], &from)) return enif_make_badarg(env);
    unsigned *last = enif_alloc_resource(numbers, sizeof *last);
    *last = from;
    ERL_NIF_TERM t = enif_make_resource(env, last);
    enif_release_resource(last); /* the term keeps it */
    return t;
}

static int is_prime(unsigned n) {
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0) return 0;
    return n > 1;
}

static ERL_NIF_TERM next_prime(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    void *obj;
    if (!enif_get_resource(env, argv[0], numbers, &obj)) return enif_make_badarg(env);
    unsigned *last = obj;
    while (!is_prime(++*last)) {
    }
    return enif_make_uint(env, *last);
}

static void gone(ErlNifEnv *env, void *obj) {
    (void)env;
    printf("destroyed at %u\n", *(unsigned *)obj);
}

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    (void)priv, (void)info;
    numbers = enif_open_resource_type(env, NULL, "numbers", gone, ERL_NIF_RT_CREATE, NULL);
    return numbers ? 0 : 1;
}

static ErlNifFunc functions[] = {{"new", 1, new_primes, 0},
                                 {"next", 1, next_prime, ERL_NIF_DIRTY_JOB_CPU_BOUND}};
ERL_NIF_INIT(primes, functions, load, NULL, NULL, NULL)

/* ---- the program ---- */

int main(void) {
    ling_vm_t *vm;
    ling_options_t o = LING_OPTIONS_INIT;
    static const char *const paths[] = {BEAM_DIR};
    o.code_paths = paths;
    o.ncode_paths = 1;
    if (ling_create(&vm, &o) != LING_OK) return 1;
    ling_register_nif(vm, primes_nif_init());
    ling_env_t *env = ling_env_new(vm);
    ling_term_t from = ling_make_int(env, 1000000), args[2] = {ling_make_int(env, 5)}, result;
    char text[200];
    int rc = ling_call(vm, env, "primes", "new", 1, &from, LING_FOREVER, &args[1]);
    if (rc == LING_OK) rc = ling_call(vm, env, "primes", "take", 2, args, LING_FOREVER, &result);
    if (rc == LING_OK) {
        ling_format_term(vm, result, text, sizeof text);
        printf("primes: %s\n", text);
    } else {
        fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    }
    ling_env_free(env);
    ling_destroy(vm);
    return rc != LING_OK;
}
