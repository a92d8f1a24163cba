/* prim_file.h: what the two files of the native half of prim_file share. */
#ifndef LING_NIF_PRIM_FILE_H
#define LING_NIF_PRIM_FILE_H

#include "nif/lib/lib.h"

/* clang-format off */
#define FILE_ATOMS(A) \
    A(ok) A(error) A(eof) A(bof) A(cur) A(read) A(write) A(append) A(exclusive) A(sync) \
    A(directory) A(skip_type_check) A(normal) A(random) A(sequential) A(will_need) \
    A(dont_need) A(no_reuse) A(file_info) A(regular) A(symlink) A(device) A(other) A(none) \
    A(read_write)
/* clang-format on */

/* Private data. Files outlive neither it nor the host. */
typedef struct {
    host_t *host;
    ErlNifResourceType *type;
    ErlNifPid janitor; /* closes the files of dead owners */
    bool has_janitor;
#define FIELD(atom) ERL_NIF_TERM atom;
    FILE_ATOMS(FIELD)
#undef FIELD
    ERL_NIF_TERM more; /* continue */
} file_lib_t;

ERL_NIF_TERM file_error(ErlNifEnv *env, int error);       /* {error, Name}; error may be negative */
ERL_NIF_TERM file_result(ErlNifEnv *env, int r);          /* ok, or {error, Name} where r < 0 */
ERL_NIF_TERM file_ok(ErlNifEnv *env, ERL_NIF_TERM value); /* {ok, Value} */
ERL_NIF_TERM file_info_term(ErlNifEnv *env, const host_file_info_t *info);

/* A name as prim_file:internal_name2native makes it: bytes and one NUL. 0 or an errno value. The
 * pointer is valid during the call. */
int file_path(ErlNifEnv *env, ERL_NIF_TERM t, const char **out);

#define FILE_NAME_NIF(name) ERL_NIF_TERM name(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
FILE_NAME_NIF(file_make_hard_link);
FILE_NAME_NIF(file_make_soft_link);
FILE_NAME_NIF(file_rename);
FILE_NAME_NIF(file_read_info);
FILE_NAME_NIF(file_set_permissions);
FILE_NAME_NIF(file_set_owner);
FILE_NAME_NIF(file_set_time);
FILE_NAME_NIF(file_read_link);
FILE_NAME_NIF(file_list_dir);
FILE_NAME_NIF(file_make_dir);
FILE_NAME_NIF(file_del_file);
FILE_NAME_NIF(file_del_dir);
FILE_NAME_NIF(file_get_device_cwd);
FILE_NAME_NIF(file_set_cwd);
FILE_NAME_NIF(file_get_cwd);
FILE_NAME_NIF(file_altname);

#endif
