/* host.c: the one step from a native library to the machine. */
#include "nif/lib/lib.h"
#include "nif/nif.h"

host_t *lib_host(ErlNifEnv *env) { return env->vm->host; }
