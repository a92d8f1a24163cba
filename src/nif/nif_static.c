/* nif_static.c: the native libraries that are part of libling, by their init functions (what
 * ERL_NIF_INIT makes with STATIC_ERLANG_NIF defined). load_nif of the module uses them.
 */
#include "nif/lib/lib.h"
#include "nif/nif.h"

const nif_init_fn nif_statics[] = {prim_file_nif_init, prim_buffer_nif_init, zlib_nif_init,
                                   erl_tracer_nif_init, NULL};
