/* ling/ling.h: the public interface of libling, an Erlang/OTP-compatible virtual machine as a
 * library.
 *
 * A VM is an object: a program may have several, each on a thread of its own. No function exits,
 * aborts or installs signal handlers; none keeps state outside its VM. (libuv handles SIGCHLD from
 * the first program a port starts.)
 *
 * Results. Functions that may fail return 0 (LING_OK) or a negative LING_E... code;
 * ling_strerror gives its name in words and ling_errmsg(vm) what was special about the last
 * failure.
 *
 * Threads. A VM has an owner: the thread that uses it. Calls on one VM must not overlap, except
 * those marked "any thread". Two VMs have nothing in common. An env is used by one thread at a
 * time. On another thread than the owner's, what may make atoms (ling_make_atom, ling_parse_...,
 * ling_decode) needs a VM with scheduler threads.
 *
 * Terms. A ling_term_t is an Erlang value that lives in an env (or, inside a host function, on the
 * heap of the calling process). It is valid until its env is cleared or freed (in a host function:
 * until that returns) and never moves meanwhile. Numbers that fit 61 bits, atoms, local pids and []
 * need no env and stay valid as long as the VM. Terms never belong to two VMs.
 *
 * Callbacks run on the owner's thread inside ling_run or ling_call, except host functions of a VM
 * with scheduler threads, which run on those. A callback must not call ling_run, ling_call,
 * ling_load or ling_destroy of the same VM (LING_EBUSY; ling_destroy does nothing but log that); it
 * may build terms, send and spawn.
 */
#ifndef LING_LING_H
#define LING_LING_H

#include <stddef.h>
#include <stdint.h>
#include <ling/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LING_API __attribute__((visibility("default")))
#else
#define LING_API
#endif

typedef struct ling_vm ling_vm_t;
typedef struct ling_env ling_env_t;
typedef uint64_t ling_term_t;

/* "No term": what functions that make terms return when they fail. Given to one as an argument, it
 * makes that fail too, so a nested construction needs one check at its end. */
#define LING_NONE ((ling_term_t)255)

/* ---- errors ---- */

enum {
    LING_OK = 0,
    LING_ENOMEM = -1,     /* the allocator or the memory limit said no */
    LING_EINVAL = -2,     /* an argument is not what the function takes */
    LING_ENOENT = -3,     /* no such file, module, process, key */
    LING_EBADFILE = -4,   /* not a .beam file this VM can load */
    LING_ETYPE = -5,      /* the term is of another type */
    LING_ERANGE = -6,     /* the number or text does not fit */
    LING_EEXCEPTION = -7, /* Erlang code raised an exception */
    LING_ETIMEDOUT = -8,
    LING_EINTR = -9,     /* ling_interrupt */
    LING_EHALTED = -10,  /* Erlang code called halt: see ling_halt_status */
    LING_EBUSY = -11,    /* not from inside a callback */
    LING_EIDLE = -12,    /* nothing can ever happen any more (simulated host) */
    LING_ELIMIT = -13,   /* a system limit: processes, atoms */
    LING_EPARSE = -14,   /* no Erlang literal */
    LING_ENOSYS = -15,   /* the host cannot do that */
    LING_EOLDCODE = -16, /* the module's old version is still in use */
    LING_EHOST = -17     /* the host could not be created */
};

/* A short text for an error code; never NULL, static. Any thread. */
LING_API const char *ling_strerror(int error);

/* What was special about this VM's last failed call, or "". Valid until the next call on it. */
LING_API const char *ling_errmsg(ling_vm_t *vm);

/* The library's version as LING_VERSION_HEX. Any thread. */
LING_API unsigned ling_version(void);

/* ---- a VM and its options ---- */

/* The allocator: new_size 0 frees ptr; ptr NULL allocates; otherwise reallocates. old_size is what
 * was asked for ptr. NULL: no memory (the VM copes). Called from any thread the VM runs on. */
typedef void *(*ling_alloc_fn)(void *user, void *ptr, size_t old_size, size_t new_size);

enum { LING_LOG_DEBUG, LING_LOG_INFO, LING_LOG_WARNING, LING_LOG_ERROR };
/* A line for the log, no newline at its end. Any thread the VM runs on. */
typedef void (*ling_log_fn)(void *user, int level, const char *text, size_t length);

enum {
    LING_HOST_UV,    /* Linux, with a libuv loop of the VM's own */
    LING_HOST_SIM,   /* simulated: virtual time, everything from the seed, 0 schedulers */
    LING_HOST_CUSTOM /* options.custom_host, a host_t of src/host/host.h */
};

enum {
    LING_BREAK_NONE,  /* it is the program's */
    LING_BREAK_MENU,  /* the menu erl(1) calls BREAK, on standard output and input: ling_run blocks
                       * and all of the VM waits until somebody has chosen */
    LING_BREAK_IGNORE /* SIGINT, SIGQUIT and SIGTSTP do nothing */
};

/* When the wall clock is set while the VM runs; the modes of OTP's guide "Time and Time Correction
 * in Erlang". */
enum {
    LING_TIME_NO_WARP,     /* Erlang time follows by running up to 1 % faster or slower */
    LING_TIME_SINGLE_WARP, /* the same once erlang:system_flag(time_offset, finalize) was called;
                            * until then it does not follow */
    LING_TIME_MULTI_WARP   /* Erlang system time follows at once, monotonic time never does */
};

/* All fields may stay zero but size. New ones are added at the end. Strings are copied. */
typedef struct ling_options {
    size_t size; /* sizeof(ling_options_t) */

    ling_alloc_fn alloc; /* NULL: malloc and free */
    void *alloc_user;
    size_t memory_limit; /* bytes of all allocations together; 0: none */

    unsigned schedulers;     /* 0: Erlang code runs inside ling_run; N: on N threads */
    unsigned max_processes;  /* 0: 262,144 */
    unsigned min_heap_words; /* of a new process; 0: 233, as erl */

    int host;      /* LING_HOST_... */
    uint64_t seed; /* of the simulated host */
    void *custom_host;

    /* Where an OTP installation is, the directory that has lib/stdlib-*: NULL finds it by
     * ling_find_otp, "" is none. */
    const char *otp_root;
    const char *const *code_paths; /* directories with .beam files, searched first */
    size_t ncode_paths;

    ling_log_fn log; /* NULL: warnings and errors to standard error */
    void *log_user;

    int no_console; /* do not start `user`, `standard_error`, `init` and `code_server`, the small
                     * stand-ins for OTP's (then nobody answers io:format) */

    /* With schedulers: how many threads there may be for functions that take long, and for such
     * that may block (ling_register_dirty). 0: as many as schedulers, and 10. Started when needed.
     */
    unsigned dirty_cpu, dirty_io;

    /* A file for a crash dump, written when the VM is halted with a slogan (erlang:halt("text"));
     * crashdump_viewer reads it. NULL: none. crash_dump_bytes: at most so many; 0: no limit. */
    const char *crash_dump;
    uint64_t crash_dump_bytes;

    int os_signals; /* the VM may take signals of the operating system: SIGTERM, SIGQUIT and SIGUSR1
                     * become messages to erl_signal_server (without one, the first two halt the
                     * VM), and os:set_signal/2 works. Only one VM of a program should. */

    int unicode_printable; /* what io:printable_range/0 says: 0 latin1, else unicode (erl +pc) */
    int warning_map; /* what error_logger makes of warnings: 0 warning, 1 info, 2 error (erl +W) */

    int break_key; /* with os_signals: what SIGINT (^C on a terminal) does: LING_BREAK_... */

    int time_warp;          /* LING_TIME_... (erl +C) */
    int no_time_correction; /* Erlang time is the wall clock's, held where that goes back (erl +c
                             * false) */
} ling_options_t;

#ifdef __cplusplus
#define LING_OPTIONS_INIT                                                                          \
    { sizeof(ling_options_t) }
#else
#define LING_OPTIONS_INIT                                                                          \
    { .size = sizeof(ling_options_t) }
#endif

/* Makes a VM. options may be NULL. Errors: LING_EINVAL, LING_ENOMEM, LING_EHOST; *vm is NULL then.
 * The caller becomes its owner. Nothing runs until ling_run or ling_call, except scheduler threads,
 * which start at once. */
LING_API int ling_create(ling_vm_t **vm, const ling_options_t *options);

/* Ends a VM: stops its threads, drops processes without running them, calls the destructors of what
 * was registered, frees all memory. All envs must have been freed. NULL is allowed. Owner, not
 * from a callback; no other thread may be inside a call on it. It waits for native code that runs
 * on dirty threads, for ever where that never comes back (the opening of a pipe nobody writes). */
LING_API void ling_destroy(ling_vm_t *vm);

/* For a program that ends now: as ling_destroy, but does not wait for native code. 0: the VM is
 * destroyed. 1: it is left as it is, with threads in native code; only the terminal's mode has been
 * restored. Then nothing may be done with it, and the program has to end by _exit, because what
 * atexit functions and destructors take away may still be in use. Owner, not from a callback. */
LING_API int ling_abandon(ling_vm_t *vm);

/* Writes the root of an OTP installation to buf, as a string: the environment's ERL_ROOTDIR, or
 * where the `erl` on PATH belongs to. LING_ENOENT: none; LING_ERANGE: buf is too small. Any thread.
 */
LING_API int ling_find_otp(char *buf, size_t size);

/* Starts the OTP installation of this VM, unmodified: loads its preloaded modules and makes process
 * 0, which boots as `erl` would with these arguments ("-noshell", "-eval", "..." and so on: what
 * comes after the emulator's own flags; -root, -bindir, -progname and -home are added where they
 * are missing). The rest happens in ling_run, until it returns LING_EHALTED. It must come before
 * anything that starts a process, and the VM has no stand-ins for OTP's servers then (no_console).
 * The strings are copied. Errors: LING_ENOENT (no installation), LING_EBADFILE, LING_EINVAL
 * (processes run already), LING_ENOMEM. Behaviour: init(3) and erl(1) of OTP. */
LING_API int ling_boot(ling_vm_t *vm, const char *const *argv, size_t argc);

/* ---- code ---- */

/* Adds a directory with .beam files, to be searched before all others (front),
 * or after OTP's folders, as erl's -pa and -pz. The directory is not looked at until a module is
 * needed. The string is copied. Errors: LING_ENOMEM, LING_EINVAL (no or an empty string). */
LING_API int ling_add_path(ling_vm_t *vm, const char *directory, int front);

/* Loads a module from memory or from a file; what was current becomes old, and an older version is
 * purged if no process uses it. The bytes are copied. With a module named, *module (may be NULL) is
 * its name. Errors: LING_EBADFILE (ling_errmsg names chunk and offset), LING_ENOENT, LING_ENOMEM,
 * LING_EOLDCODE, LING_EEXCEPTION (its on_load function said no). Not from a callback. */
LING_API int ling_load(ling_vm_t *vm, const void *bytes, size_t size, ling_term_t *module);
LING_API int ling_load_file(ling_vm_t *vm, const char *path, ling_term_t *module);

/* Loads a module by name from the code path, if it is not loaded. Errors as above. */
LING_API int ling_load_module(ling_vm_t *vm, const char *name);

/* Looks at everything a module may reach by the imports of its code, without running or loading
 * anything, and calls report for each thing this VM lacks: one line, "MODULE: unknown opcode ...",
 * "MODULE: BIF m:f/1 does not exist yet", "MODULE: m:f/1 is undefined", "MODULE: not found".
 * *modules: how many modules were looked at. Returns how many reports were made, or an error. */
typedef void (*ling_check_fn)(void *user, const char *module, const char *text);
LING_API int ling_check(ling_vm_t *vm, const char *module, ling_check_fn report, void *user,
                        size_t *modules);

/* 1: the module (loaded, or found on the path and then loaded) exports that function; 0: it does
 * not; else an error of ling_load_module. */
LING_API int ling_exports(ling_vm_t *vm, const char *module, const char *function, unsigned arity);

/* ---- envs: where the host's terms live ---- */

/* An env, or NULL: no memory. Free it before the VM is destroyed. Any thread. */
LING_API ling_env_t *ling_env_new(ling_vm_t *vm);
LING_API void ling_env_free(ling_env_t *env); /* NULL is allowed */
/* Forgets all its terms and keeps a little memory for the next ones. */
LING_API void ling_env_clear(ling_env_t *env);
/* The VM it was made for. */
LING_API ling_vm_t *ling_env_vm(ling_env_t *env);
/* What was wrong with the text of this env's last ling_parse_..., or "". */
LING_API const char *ling_env_errmsg(ling_env_t *env);

/* ---- making terms ---- LING_NONE: no memory, or an argument is LING_NONE or not possible. env may
 * be NULL for booleans, [] and integers that fit 60 bits and a sign. */

LING_API ling_term_t ling_make_int(ling_env_t *env, int64_t value);
LING_API ling_term_t ling_make_uint(ling_env_t *env, uint64_t value);
LING_API ling_term_t ling_make_float(ling_env_t *env, double value); /* finite */
LING_API ling_term_t ling_make_atom(ling_env_t *env, const char *utf8);
LING_API ling_term_t ling_make_atom_n(ling_env_t *env, const char *utf8, size_t bytes);
LING_API ling_term_t ling_make_bool(ling_env_t *env, int value);
LING_API ling_term_t ling_make_binary(ling_env_t *env, const void *bytes, size_t size);
/* A list of the text's code points: what Erlang calls a string. Invalid UTF-8: LING_NONE. */
LING_API ling_term_t ling_make_string(ling_env_t *env, const char *utf8);
LING_API ling_term_t ling_make_string_n(ling_env_t *env, const char *utf8, size_t bytes);
LING_API ling_term_t ling_make_nil(ling_env_t *env);
LING_API ling_term_t ling_make_cons(ling_env_t *env, ling_term_t head, ling_term_t tail);
LING_API ling_term_t ling_make_list(ling_env_t *env, const ling_term_t *elements, size_t count);
LING_API ling_term_t ling_make_tuple(ling_env_t *env, const ling_term_t *elements, size_t count);
/* {a, b ...} of as many terms as count says. */
LING_API ling_term_t ling_make_tuple_of(ling_env_t *env, size_t count, ...);
/* From count keys and values; of equal keys the last one wins. */
LING_API ling_term_t ling_make_map(ling_env_t *env, const ling_term_t *keys,
                                   const ling_term_t *values, size_t count);
/* The map with that pair in it, in the place of one with an equal key. */
LING_API ling_term_t ling_map_put(ling_env_t *env, ling_term_t map, ling_term_t key,
                                  ling_term_t value);
/* A new reference, as erlang:make_ref/0. */
LING_API ling_term_t ling_make_ref(ling_env_t *env);
/* A copy in env of a term of the same VM that lives elsewhere. */
LING_API ling_term_t ling_copy(ling_env_t *env, ling_term_t term);

/* Reads one Erlang literal: integers (16#ff, $c), floats, atoms, strings, binaries (<<1,2,"ab">>),
 * lists, tuples, maps, to any depth. A period at the end is allowed. Errors: LING_EPARSE
 * (ling_env_errmsg says where), LING_ENOMEM. */
LING_API int ling_parse_term(ling_env_t *env, const char *text, ling_term_t *term);
/* Reads a call with literal arguments, "lists:sort([3,1,2])". args: a list. Errors as above. */
LING_API int ling_parse_call(ling_env_t *env, const char *text, ling_term_t *module,
                             ling_term_t *function, ling_term_t *args);
/* The external term format (term_to_binary). Errors: LING_EINVAL (malformed; hostile input is
 * refused), LING_ENOMEM. */
LING_API int ling_decode(ling_env_t *env, const void *bytes, size_t size, ling_term_t *term);
/* The same the other way. *bytes is to be released with ling_release(vm, *bytes, *size).
 * Errors: LING_ENOMEM, LING_EINVAL (LING_NONE). */
LING_API int ling_encode(ling_env_t *env, ling_term_t term, void **bytes, size_t *size);
LING_API void ling_release(ling_vm_t *vm, void *bytes, size_t size);

/* ---- reading terms ---- LING_ETYPE when the term is of another type. */

typedef enum {
    LING_TYPE_NONE,
    LING_TYPE_INTEGER,
    LING_TYPE_FLOAT,
    LING_TYPE_ATOM,
    LING_TYPE_BINARY,
    LING_TYPE_BITSTRING, /* not a whole number of bytes */
    LING_TYPE_NIL,
    LING_TYPE_CONS,
    LING_TYPE_TUPLE,
    LING_TYPE_MAP,
    LING_TYPE_FUN,
    LING_TYPE_PID,
    LING_TYPE_PORT,
    LING_TYPE_REFERENCE
} ling_type_t;

LING_API ling_type_t ling_type(ling_term_t term);
LING_API int ling_is_int(ling_term_t term); /* of any size */
LING_API int ling_is_float(ling_term_t term);
LING_API int ling_is_atom(ling_term_t term);
LING_API int ling_is_binary(ling_term_t term);
LING_API int ling_is_list(ling_term_t term); /* [] or a cell */
LING_API int ling_is_tuple(ling_term_t term);
LING_API int ling_is_map(ling_term_t term);
LING_API int ling_is_pid(ling_term_t term);
/* The atom with that name? */
LING_API int ling_is_atom_named(ling_vm_t *vm, ling_term_t term, const char *utf8);

LING_API int ling_get_int(ling_term_t term, int64_t *value);   /* LING_ERANGE: does not fit */
LING_API int ling_get_uint(ling_term_t term, uint64_t *value); /* the same; it is negative */
/* Integers too; LING_ERANGE: too large for a float. */
LING_API int ling_get_double(ling_term_t term, double *value);
/* *utf8 belongs to the VM, ends with NUL, and stays valid as long as it. bytes may be NULL. */
LING_API int ling_get_atom(ling_vm_t *vm, ling_term_t term, const char **utf8, size_t *bytes);
/* *bytes points into the term. (A part of a binary that does not begin at a byte is copied to the
 * env first: LING_ENOMEM.) */
LING_API int ling_get_binary(ling_env_t *env, ling_term_t term, const void **bytes, size_t *size);
/* *elements points into the term. */
LING_API int ling_get_tuple(ling_term_t term, const ling_term_t **elements, size_t *count);
LING_API int ling_get_cons(ling_term_t term, ling_term_t *head, ling_term_t *tail);
/* Number of elements, or LING_ETYPE for no proper list. */
LING_API int64_t ling_list_length(ling_term_t term);
/* The text of a string (list of code points), binary, or deep list of both as UTF-8 with a NUL
 * behind it; as binaries count, bytes are taken as they are. *length: without the NUL. LING_ERANGE:
 * buf is too small (*length says what is needed, without the NUL); LING_ETYPE: no text. */
LING_API int ling_get_text(ling_vm_t *vm, ling_term_t term, char *buf, size_t size, size_t *length);
LING_API int ling_map_size(ling_term_t term, size_t *count);
/* LING_ENOENT: it has no such key. */
LING_API int ling_map_get(ling_vm_t *vm, ling_term_t map, ling_term_t key, ling_term_t *value);
/* Calls fn for each pair until it returns non-zero, and returns that (or 0, or LING_ETYPE). Keys
 * come in no particular order. */
typedef int (*ling_pair_fn)(void *user, ling_term_t key, ling_term_t value);
LING_API int ling_map_each(ling_term_t map, ling_pair_fn fn, void *user);
/* a =:= b, and the standard order of terms (<0, 0, >0). */
LING_API int ling_equal(ling_vm_t *vm, ling_term_t a, ling_term_t b);
LING_API int ling_compare(ling_vm_t *vm, ling_term_t a, ling_term_t b);
/* Writes the term as erlang:display/1 would, cut at size - 1 bytes, with a NUL behind it. Returns
 * the length of the whole text, or LING_ENOMEM. */
LING_API int64_t ling_format_term(ling_vm_t *vm, ling_term_t term, char *buf, size_t size);

/* ---- processes ---- */

/* Starts a process at module:function(args...) and gives its pid (may be NULL). The terms are
 * copied. It runs when the VM does. Errors: LING_ENOMEM, LING_ELIMIT, LING_EINVAL. */
LING_API int ling_spawn(ling_vm_t *vm, const char *module, const char *function, size_t argc,
                        const ling_term_t *argv, ling_term_t *pid);

/* Sends a message, copied, to a local pid or a registered name (an atom); a process that does not
 * exist swallows it, as in Erlang. Messages of one thread arrive in order. Any thread. Errors:
 * LING_ENOMEM, LING_EINVAL (not a local pid or atom). */
LING_API int ling_send(ling_vm_t *vm, ling_term_t to, ling_term_t message);

/* The pid or port registered under a name, LING_NONE: none. */
LING_API ling_term_t ling_whereis(ling_vm_t *vm, const char *name);
/* 1: the pid of a process that has not ended; 0: anything else. */
LING_API int ling_is_alive(ling_vm_t *vm, ling_term_t pid);
/* Registers a process; LING_EINVAL: dead, or it or the name is taken. */
LING_API int ling_set_name(ling_vm_t *vm, const char *name, ling_term_t pid);

#define LING_FOREVER INT64_MAX

/* Runs module:function(args...) in a process of its own and the VM with it until that is done;
 * other processes run meanwhile. 0: *result is the value, in env. LING_EEXCEPTION: *result is
 * {Class, Reason, Stacktrace} with Class error, exit or throw, and ling_errmsg a text of it; a
 * process that was killed counts as exit. LING_ETIMEDOUT (after timeout_ns), LING_EINTR: the
 * process is killed. LING_EHALTED, LING_EIDLE, LING_ENOMEM, LING_ELIMIT, LING_EBUSY. result may be
 * NULL. */
LING_API int ling_call(ling_vm_t *vm, ling_env_t *env, const char *module, const char *function,
                       size_t argc, const ling_term_t *argv, int64_t timeout_ns,
                       ling_term_t *result);

/* ---- C functions that Erlang code calls ---- */

/* module:function/arity in C. Builds *result in env (the caller's heap: no copy) and returns 0; or
 * returns what ling_raise gave, or any LING_E... (LING_EINVAL raises badarg, LING_ELIMIT
 * system_limit, LING_ENOMEM kills the process, others raise {ling, Error text}). It must not block:
 * it holds a scheduler. */
typedef int (*ling_function_t)(ling_env_t *env, size_t argc, const ling_term_t *argv,
                               ling_term_t *result, void *user);
typedef void (*ling_destroy_fn)(void *user);

/* Registers such a function, replacing one of that name, also one of an Erlang module. destroy (may
 * be NULL) is called with user when the VM is destroyed. At most 255 arguments. Errors:
 * LING_ENOMEM, LING_EINVAL. */
LING_API int ling_register(ling_vm_t *vm, const char *module, const char *function, unsigned arity,
                           ling_function_t fn, void *user, ling_destroy_fn destroy);

enum { LING_DIRTY_CPU = 1, LING_DIRTY_IO };
/* The same for a function that takes long (LING_DIRTY_CPU: more than a millisecond or so) or may
 * block (LING_DIRTY_IO: files, sockets, locks). With schedulers it runs on a thread of a pool for
 * such work while others run; several calls may run at once, so it must be thread-safe. With 0
 * schedulers it runs in place and holds up everything. The calling process handles signals when it
 * is done; ling_destroy waits for it. Errors: as ling_register, LING_EINVAL also for a bad kind.
 * What OTP calls a dirty NIF. */
LING_API int ling_register_dirty(ling_vm_t *vm, int kind, const char *module, const char *function,
                                 unsigned arity, ling_function_t fn, void *user,
                                 ling_destroy_fn destroy);

/* Makes a NIF library that is linked into the program known: entry is its ErlNifEntry (what the
 * function ERL_NIF_INIT makes returns, compiled with STATIC_ERLANG_NIF). erlang:load_nif/2 of the
 * module it names uses it, whatever path it is given. The entry must outlive the VM. Errors:
 * LING_ENOMEM, LING_EINVAL (another version of the NIF API). */
LING_API int ling_register_nif(ling_vm_t *vm, const void *entry);

enum { LING_ERROR, LING_EXIT, LING_THROW };
/* In a host function: `return ling_raise(env, LING_ERROR, reason)`. */
LING_API int ling_raise(ling_env_t *env, int exception_class, ling_term_t reason);
/* In a host function: the calling process; LING_NONE elsewhere. */
LING_API ling_term_t ling_self(ling_env_t *env);

/* Names one waiting call of an asynchronous function. */
typedef struct {
    uint64_t process, reference;
} ling_token_t;
/* Like ling_function_t, but the caller's process sleeps until ling_reply(token) comes. Returns 0,
 * or an error, which is raised at once (then no reply may follow). argv is only valid during the
 * call: ling_copy what is needed later. Registering it: errors as ling_register. */
typedef int (*ling_async_function_t)(ling_env_t *env, ling_token_t token, size_t argc,
                                     const ling_term_t *argv, void *user);
LING_API int ling_register_async(ling_vm_t *vm, const char *module, const char *function,
                                 unsigned arity, ling_async_function_t fn, void *user,
                                 ling_destroy_fn destroy);
/* Ends a call that waits: its value, copied; a second reply, or one to a process that died, does
 * nothing. ling_reply_raise makes the call raise. Any thread. Errors: LING_ENOMEM. */
LING_API int ling_reply(ling_vm_t *vm, ling_token_t token, ling_term_t value);
LING_API int ling_reply_raise(ling_vm_t *vm, ling_token_t token, int exception_class,
                              ling_term_t reason);

/* ---- messages to the host ---- */

/* Makes a pid that stands for the host: what processes send to it reaches fn, in order, on the
 * owner's thread inside ling_run or ling_call. message lives in env, which is only valid during the
 * call. destroy (may be NULL) is called with user when the mailbox is closed. Errors: LING_ENOMEM,
 * LING_ELIMIT. */
typedef void (*ling_message_fn)(ling_env_t *env, ling_term_t message, void *user);
LING_API int ling_mailbox_open(ling_vm_t *vm, ling_message_fn fn, void *user,
                               ling_destroy_fn destroy, ling_term_t *pid);
/* Its process ends; messages on the way are dropped. LING_ENOENT: no mailbox has that pid. Not from
 * the mailbox's own callback (LING_EBUSY). */
LING_API int ling_mailbox_close(ling_vm_t *vm, ling_term_t pid);

/* ---- running ---- */

typedef enum {
    LING_RUN_DEFAULT, /* until nothing is left to do, or interrupted, or halted */
    LING_RUN_ONCE,    /* waits for something to do if there is nothing, then does it */
    LING_RUN_NOWAIT   /* does what there is to do now */
} ling_run_mode_t;

/* Runs processes, timers, device events and the host's callbacks. With scheduler threads, processes
 * run without it, but devices, callbacks and timers need it. 1: something is left to do, now or
 * later (a timer, an open device, a waiting call, ling_ref); 0: nothing is. Errors: LING_EINTR,
 * LING_EHALTED, LING_EBUSY. Owner. */
LING_API int ling_run(ling_vm_t *vm, ling_run_mode_t mode);

/* Keeps ling_run(LING_RUN_DEFAULT) from returning although nothing is left, because another thread
 * will send something. Counted. Any thread. */
LING_API void ling_ref(ling_vm_t *vm);
LING_API void ling_unref(ling_vm_t *vm);

/* For a foreign loop: a descriptor that becomes readable when ling_run(LING_RUN_NOWAIT) has
 * something to do (LING_ENOSYS: the host has none), and the nanoseconds after which it has even
 * without that: 0: now, LING_FOREVER: never. Ask again after each ling_run. */
LING_API int ling_backend_fd(ling_vm_t *vm);
LING_API int64_t ling_next_timeout(ling_vm_t *vm);

/* Makes a ling_run that waits, or the next one, look again. Any thread. */
LING_API void ling_wakeup(ling_vm_t *vm);
/* Makes the current ling_run or ling_call, or the next one, return LING_EINTR soon, even while
 * Erlang code is busy. Any thread; also from a signal handler of a program whose VM has 0
 * schedulers. */
LING_API void ling_interrupt(ling_vm_t *vm);

/* The status given to halt, after LING_EHALTED: 0 to 2^31 - 1, or LING_HALT_ABORT for halt(abort),
 * of which & 255 makes 134, what a shell shows of a program that ended by abort(). */
#define LING_HALT_ABORT (-122)
LING_API int ling_halt_status(ling_vm_t *vm);
/* Waits until what Erlang code has written to standard output and error is out. */
LING_API void ling_flush(ling_vm_t *vm);

/* ---- figures ---- */

typedef struct ling_stats {
    size_t size; /* sizeof(ling_stats_t), set by the caller */
    uint64_t memory, memory_limit;
    uint64_t processes, max_processes;
    uint64_t atoms, modules, timers;
    uint64_t schedulers; /* threads */
    uint64_t reductions; /* as far as schedulers have added them up */
    uint64_t uptime_ns;
    uint64_t trace; /* hash of all that went through the simulated host; 0 on others */
} ling_stats_t;
/* Fills the fields up to stats->size. LING_EINVAL: size is too small. */
LING_API int ling_stats(ling_vm_t *vm, ling_stats_t *stats);

#ifdef __cplusplus
}
#endif
#endif
