/* tracer.c: the native half of erl_tracer: the tracer module the machine uses where a process or
 * port is named as tracer. Events become messages {trace, Tracee, Tag, Data, ...} to it; a port
 * gets them in the external format.
 */
#include "nif/lib/lib.h"

typedef struct {
    ERL_NIF_TERM ok, trace, trace_ts, trace_status, remove, discard, seq_trace;
    ERL_NIF_TERM extra, match_spec_result, scheduler_id, timestamp;
    ERL_NIF_TERM cpu_timestamp, monotonic, strict_monotonic;
} tracer_lib_t;

typedef struct {
    bool is_pid;
    ErlNifPid pid;
    ErlNifPort port;
} tracer_t;

static bool tracer_of(ErlNifEnv *env, ERL_NIF_TERM t, tracer_t *out) {
    out->is_pid = enif_get_local_pid(env, t, &out->pid);
    return out->is_pid || enif_get_local_port(env, t, &out->port);
}

static bool tracer_alive(ErlNifEnv *env, tracer_t *t) {
    return t->is_pid ? enif_is_process_alive(env, &t->pid) : enif_is_port_alive(env, &t->port);
}

/* Nobody traces itself. */
static ERL_NIF_TERM enabled(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    const tracer_lib_t *lib = enif_priv_data(env);
    tracer_t to;
    if (tracer_of(env, argv[1], &to) && tracer_alive(env, &to))
        return enif_is_identical(argv[1], argv[2]) ? lib->discard : lib->trace;
    return enif_is_identical(argv[0], lib->trace_status) ? lib->remove : lib->discard;
}

static bool stamp_of(ErlNifEnv *env, ERL_NIF_TERM kind, ERL_NIF_TERM *out) {
    const tracer_lib_t *lib = enif_priv_data(env);
    if (enif_is_identical(kind, lib->timestamp)) {
        *out = enif_now_time(env);
    } else if (enif_is_identical(kind, lib->cpu_timestamp)) {
        *out = enif_cpu_time(env);
    } else if (enif_is_identical(kind, lib->monotonic)) {
        *out = enif_make_int64(env, enif_monotonic_time(ERL_NIF_NSEC));
    } else if (enif_is_identical(kind, lib->strict_monotonic)) {
        ERL_NIF_TERM time = enif_make_int64(env, enif_monotonic_time(ERL_NIF_NSEC));
        *out = enif_make_tuple2(env, time, enif_make_unique_integer(env, ERL_NIF_UNIQUE_MONOTONIC));
    } else {
        return false;
    }
    return true;
}

static void deliver(ErlNifEnv *env, tracer_t *to, ERL_NIF_TERM message) {
    if (to->is_pid) {
        enif_send(env, &to->pid, NULL, message);
        return;
    }
    ErlNifBinary b;
    if (!enif_term_to_binary(env, message, &b)) return;
    enif_port_command(env, &to->port, NULL, enif_make_binary(env, &b));
}

/* trace(Tag, Tracer, Tracee, Data, Options). */
static ERL_NIF_TERM trace(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
    (void)argc;
    const tracer_lib_t *lib = enif_priv_data(env);
    const ERL_NIF_TERM options[] = {lib->extra, lib->match_spec_result, lib->scheduler_id};
    ERL_NIF_TERM t[8], value;
    tracer_t to;
    unsigned n = 1;
    if (!tracer_of(env, argv[1], &to)) return lib->ok;
    bool map = enif_is_map(env, argv[4]);
    bool stamped = map && enif_get_map_value(env, argv[4], lib->timestamp, &value);
    ERL_NIF_TERM stamp = 0;
    if (stamped && !stamp_of(env, value, &stamp)) return lib->ok;
    /* A sequential trace says of itself what it is, unless it has more to say. */
    if (enif_is_identical(argv[0], lib->seq_trace) &&
        !(map && enif_get_map_value(env, argv[4], lib->extra, &value))) {
        t[0] = lib->seq_trace;
        t[n++] = argv[2];
    } else {
        t[0] = stamped ? lib->trace_ts : lib->trace;
        t[n++] = argv[2];
        t[n++] = argv[0];
    }
    t[n++] = argv[3];
    for (int i = 0; map && i < 3; i++)
        if (enif_get_map_value(env, argv[4], options[i], &value)) t[n++] = value;
    if (stamped) t[n++] = stamp;
    deliver(env, &to, enif_make_tuple_from_array(env, t, n));
    return lib->ok;
}

static const ErlNifFunc functions[] = {
    {"enabled", 3, enabled, 0},
    {"trace", 5, trace, 0},
};

static int load_as(ErlNifEnv *env, void **priv, ERL_NIF_TERM info, ErlNifResourceFlags how) {
    (void)info, (void)how;
    tracer_lib_t *lib = enif_alloc(sizeof *lib);
    if (!lib) return -1;
    const struct {
        ERL_NIF_TERM *to;
        const char *name;
    } atoms[] = {{&lib->ok, "ok"},
                 {&lib->trace, "trace"},
                 {&lib->trace_ts, "trace_ts"},
                 {&lib->trace_status, "trace_status"},
                 {&lib->remove, "remove"},
                 {&lib->discard, "discard"},
                 {&lib->seq_trace, "seq_trace"},
                 {&lib->extra, "extra"},
                 {&lib->match_spec_result, "match_spec_result"},
                 {&lib->scheduler_id, "scheduler_id"},
                 {&lib->timestamp, "timestamp"},
                 {&lib->cpu_timestamp, "cpu_timestamp"},
                 {&lib->monotonic, "monotonic"},
                 {&lib->strict_monotonic, "strict_monotonic"}};
    for (size_t i = 0; i < sizeof atoms / sizeof *atoms; i++)
        *atoms[i].to = enif_make_atom(env, atoms[i].name);
    *priv = lib;
    return 0;
}

LIB_LOADS
LIB_ENTRY(erl_tracer, functions, load, upgrade, unload)
