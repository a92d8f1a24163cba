/* nif_select.c: file descriptors of native code watched by the VM's loop. No host can do it yet:
 * asking fails as documented.
 */
#include "nif/nif.h"

int enif_select_x(ErlNifEnv *env, ErlNifEvent e, enum ErlNifSelectFlags flags, void *obj,
                  const ErlNifPid *pid, ERL_NIF_TERM msg, ErlNifEnv *msg_env) {
    (void)env, (void)e, (void)flags, (void)obj, (void)pid, (void)msg, (void)msg_env;
    return (int)(1u << 31) | ERL_NIF_SELECT_FAILED;
}

int enif_select(ErlNifEnv *env, ErlNifEvent e, enum ErlNifSelectFlags flags, void *obj,
                const ErlNifPid *pid, ERL_NIF_TERM ref) {
    return enif_select_x(env, e, flags, obj, pid, ref, NULL);
}
