/* nif_static.c: the native libraries that are part of libling, by their init functions (what
 * ERL_NIF_INIT makes with STATIC_ERLANG_NIF defined). load_nif of the module uses them.
 */
#include "nif/nif.h"

const nif_init_fn nif_statics[] = {NULL};
