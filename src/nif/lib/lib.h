/* lib.h: the native halves of OTP's preloaded modules, and what they share. They are ordinary
 * libraries on erl_nif.h; the one thing they know beyond it is their VM's host. Each has one
 * constant table of functions and keeps its atoms and resource types in its private data, so that
 * several VMs can use it.
 */
#ifndef LING_NIF_LIB_H
#define LING_NIF_LIB_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <erl_nif.h>
#include "host/host_file.h"

/* nif_static.c lists these. */
ErlNifEntry *prim_file_nif_init(void);
ErlNifEntry *prim_buffer_nif_init(void);
ErlNifEntry *zlib_nif_init(void);
ErlNifEntry *erl_tracer_nif_init(void);

/* host.c: the host of the VM an environment belongs to. */
host_t *lib_host(ErlNifEnv *env);

/* load, upgrade and unload of a library whose load_as(env, &priv, info, how) makes the private data
 * and opens the resource type. */
#define LIB_LOADS                                                                                  \
    static int load(ErlNifEnv *env, void **priv, ERL_NIF_TERM info) {                              \
        return load_as(env, priv, info, ERL_NIF_RT_CREATE);                                        \
    }                                                                                              \
    static int upgrade(ErlNifEnv *env, void **priv, void **old, ERL_NIF_TERM info) {               \
        (void)old;                                                                                 \
        return load_as(env, priv, info, ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER);                  \
    }                                                                                              \
    static void unload(ErlNifEnv *env, void *priv) {                                               \
        (void)env;                                                                                 \
        enif_free(priv);                                                                           \
    }

/* The entry of a library; entries are constant, the API's type is not. */
#define LIB_ENTRY(module, functions, load, upgrade, unload)                                        \
    static const ErlNifEntry entry = {ERL_NIF_MAJOR_VERSION,                                       \
                                      ERL_NIF_MINOR_VERSION,                                       \
                                      #module,                                                     \
                                      sizeof(functions) / sizeof *(functions),                     \
                                      (ErlNifFunc *)(functions),                                   \
                                      load,                                                        \
                                      NULL,                                                        \
                                      upgrade,                                                     \
                                      unload,                                                      \
                                      ERL_NIF_VM_VARIANT,                                          \
                                      1,                                                           \
                                      sizeof(ErlNifResourceTypeInit),                              \
                                      ERL_NIF_MIN_ERTS_VERSION};                                   \
    ErlNifEntry *module##_nif_init(void) { return (ErlNifEntry *)&entry; }

#endif
