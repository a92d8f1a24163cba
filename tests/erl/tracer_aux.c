/* tracer_aux.c: tracer modules for tracer_module_t.erl, after erl_tracer(3). Built twice: with the
 * two functions each has to have, and (EVERY) with those for single kinds of events, too.
 *
 * The state is {Pid, Answers}: Answers is a map from tags to what enabled says of them; for others
 * it is trace. What there is to tell goes to Pid as {Function, Tag, Tracee, Data, Options}.
 */
#include <erl_nif.h>
#include <unistd.h>

static ERL_NIF_TERM answer(ErlNifEnv *env, const ERL_NIF_TERM argv[]) {
    const ERL_NIF_TERM *state;
    ERL_NIF_TERM value;
    ErlNifPid pid;
    int n;
    if (enif_is_identical(argv[1], argv[2]) || !enif_get_tuple(env, argv[1], &n, &state) || n != 2)
        return enif_make_atom(env, "remove");
    if (!enif_get_local_pid(env, state[0], &pid) || !enif_is_process_alive(env, &pid))
        return enif_make_atom(env, "remove");
    if (enif_get_map_value(env, state[1], argv[0], &value)) return value;
    return enif_make_atom(env, "trace");
}

static ERL_NIF_TERM tell(ErlNifEnv *env, const char *function, const ERL_NIF_TERM argv[]) {
    const ERL_NIF_TERM *state;
    ErlNifPid pid;
    int n;
    if (!enif_get_tuple(env, argv[1], &n, &state) || !enif_get_local_pid(env, state[0], &pid))
        return enif_make_badarg(env);
    enif_send(
        env, &pid, NULL,
        enif_make_tuple5(env, enif_make_atom(env, function), argv[0], argv[2], argv[3], argv[4]));
    return enif_make_atom(env, "ok");
}

#define ENABLED(name)                                                                              \
    static ERL_NIF_TERM name(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {                \
        (void)argc;                                                                                \
        return answer(env, argv);                                                                  \
    }
#define TRACE(name)                                                                                \
    static ERL_NIF_TERM name(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {                \
        (void)argc;                                                                                \
        return tell(env, #name, argv);                                                             \
    }
ENABLED(enabled)
TRACE(trace)

static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {
    (void)env, (void)priv, (void)info;
    return 0;
}

#ifdef EVERY
TRACE(trace_send)
TRACE(trace_receive)
TRACE(trace_call)
TRACE(trace_procs)
TRACE(trace_running_procs)
TRACE(trace_running_ports)
TRACE(trace_ports)
TRACE(trace_garbage_collection)

static ErlNifFunc functions[] = {
    {"enabled", 3, enabled, 0},
    {"enabled_send", 3, enabled, 0},
    {"enabled_receive", 3, enabled, 0},
    {"enabled_call", 3, enabled, 0},
    {"enabled_procs", 3, enabled, 0},
    {"enabled_running_procs", 3, enabled, 0},
    {"enabled_running_ports", 3, enabled, 0},
    {"enabled_ports", 3, enabled, 0},
    {"enabled_garbage_collection", 3, enabled, 0},
    {"trace", 5, trace, 0},
    {"trace_send", 5, trace_send, 0},
    {"trace_receive", 5, trace_receive, 0},
    {"trace_call", 5, trace_call, 0},
    {"trace_procs", 5, trace_procs, 0},
    {"trace_running_procs", 5, trace_running_procs, 0},
    {"trace_running_ports", 5, trace_running_ports, 0},
    {"trace_ports", 5, trace_ports, 0},
    {"trace_garbage_collection", 5, trace_garbage_collection, 0},
};
ERL_NIF_INIT(tracer_every_aux, functions, load, NULL, NULL, NULL)
#else
/* Holds its scheduler for some milliseconds, for sysmon_t.erl. */
static ERL_NIF_TERM nap(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    int ms = 0;
    (void)argc;
    enif_get_int(env, argv[0], &ms);
    usleep((useconds_t)ms * 1000);
    return argv[0];
}

static ErlNifFunc functions[] = {
    {"enabled", 3, enabled, 0}, {"trace", 5, trace, 0}, {"nap", 1, nap, 0}};
ERL_NIF_INIT(tracer_two_aux, functions, load, NULL, NULL, NULL)
#endif
