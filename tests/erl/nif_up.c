/* nif_up.c: a library with a life: VERSION 1 and 2 support upgrading, 0 does not. It tells the
 * process registered as nif_up_owner what happens to it.
 */
#include <erl_nif.h>

typedef struct {
    int value;
} priv_t;

static ErlNifResourceType *numbers;

static void tell(ErlNifEnv *env, const char *what, int n) {
    ErlNifPid owner;
    ErlNifEnv *e = enif_alloc_env();
    if (enif_whereis_pid(env, enif_make_atom(env, "nif_up_owner"), &owner))
        enif_send(
            env, &owner, e,
            enif_make_tuple2(e, enif_make_atom(e, "nif_up"),
                             enif_make_tuple3(e, enif_make_atom(e, what), enif_make_int(e, VERSION),
                                              enif_make_int(e, n))));
    enif_free_env(e);
}

static ERL_NIF_TERM value(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc, (void)argv;
    return enif_make_int(env, ((priv_t *)enif_priv_data(env))->value);
}

static ERL_NIF_TERM make(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    int *n = enif_alloc_resource(numbers, sizeof *n);
    if (!enif_get_int(env, argv[0], n)) *n = 0;
    ERL_NIF_TERM t = enif_make_resource(env, n);
    enif_release_resource(n);
    return t;
}

static ERL_NIF_TERM get(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    void *obj;
    if (!enif_get_resource(env, argv[0], numbers, &obj)) return enif_make_badarg(env);
    return enif_make_int(env, *(int *)obj);
}

static void on_dtor(ErlNifEnv *env, void *obj) { tell(env, "dtor", *(int *)obj); }

static int open_types(ErlNifEnv *env) {
    numbers = enif_open_resource_type(env, NULL, "numbers", on_dtor,
                                      ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER, NULL);
    return numbers ? 0 : 1;
}

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    priv_t *p = enif_alloc(sizeof *p);
    if (!enif_get_int(env, info, &p->value)) {
        enif_free(p);
        return 9;
    }
    *priv = p;
    tell(env, "load", p->value);
    return open_types(env);
}

#if VERSION
static int upgrade(ErlNifEnv *env, void **priv, void **old_priv, ERL_NIF_TERM info) {
    priv_t *p = enif_alloc(sizeof *p);
    (void)old_priv;
    if (!enif_get_int(env, info, &p->value)) return 9;
    *priv = p;
    tell(env, "upgrade", p->value);
    return open_types(env);
}
#else
#define upgrade NULL
#endif

static void unload(ErlNifEnv *env, void *priv) {
    tell(env, "unload", ((priv_t *)priv)->value);
    enif_free(priv);
}

static ErlNifFunc functions[] = {{"value", 0, value, 0}, {"make", 1, make, 0}, {"get", 1, get, 0}};

ERL_NIF_INIT(nif_up, functions, load, NULL, upgrade, unload)
