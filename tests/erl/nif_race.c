/* nif_race.c: a library that takes its time to load, and tells the process registered as
 * nif_race_owner when load, upgrade and unload begin and end. What the version before keeps must
 * stay while upgrade runs.
 */
#include <erl_nif.h>
#include <unistd.h>

enum { ALIVE = 4711, TAKES_US = 20000 };
typedef struct {
    int number;
} priv_t;

static ErlNifResourceType *things;

static void tell(ErlNifEnv *env, const char *what, int n) {
    ErlNifPid owner;
    ErlNifEnv *e = enif_alloc_env();
    if (enif_whereis_pid(env, enif_make_atom(env, "nif_race_owner"), &owner))
        enif_send(env, &owner, e,
                  enif_make_tuple3(e, enif_make_atom(e, "nif_race"), enif_make_atom(e, what),
                                   enif_make_int(e, n)));
    enif_free_env(e);
}

static int open_type(ErlNifEnv *env) {
    things = enif_open_resource_type(env, NULL, "things", NULL,
                                     ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER, NULL);
    return things ? 0 : 1;
}

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    (void)info;
    tell(env, "load", 0);
    usleep(TAKES_US);
    priv_t *p = enif_alloc(sizeof *p);
    p->number = ALIVE;
    *priv = p;
    int r = open_type(env);
    tell(env, "loaded", 0);
    return r;
}

static int upgrade(ErlNifEnv *env, void **priv, void **old_priv, ERL_NIF_TERM info) {
    (void)info;
    tell(env, "upgrade", 0);
    usleep(TAKES_US);
    const priv_t *old = *old_priv;
    priv_t *p = enif_alloc(sizeof *p);
    p->number = ALIVE;
    *priv = p;
    int r = open_type(env);
    tell(env, "upgraded", old->number == ALIVE);
    return r;
}

static void unload(ErlNifEnv *env, void *priv) {
    ((priv_t *)priv)->number = 0;
    enif_free(priv);
    tell(env, "unload", 0);
}

static ERL_NIF_TERM ready(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc, (void)argv;
    return enif_make_int(env, ((priv_t *)enif_priv_data(env))->number == ALIVE);
}

static ErlNifFunc functions[] = {{"ready", 0, ready, 0}};

ERL_NIF_INIT(nif_race, functions, load, NULL, upgrade, unload)
