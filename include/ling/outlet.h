/* ling/outlet.h: outlets: drivers in C behind Erlang ports.
 *
 * A driver is a table of functions registered under a name. open_port({spawn, "Name ..."}, Opts) or
 * open_port({spawn_driver, ...}, Opts) then makes a port: an instance of the driver, an outlet.
 * libling's own drivers (fd, spawn, tty_sl, ram_file) stand on this interface alone.
 *
 * Threads. All functions of a driver run on one thread: the VM's owner, inside ling_run or
 * ling_call (or the loop's thread, with ling_uv_attach). So a driver needs no locks. The functions
 * below are called on that thread too, except those marked "any thread". A driver's function must
 * not block, and must not call ling_run, ling_call or ling_destroy.
 *
 * Order. What a process sends to a port (commands, control, links, exit signals) arrives in the
 * order it was sent, and so does what a port sends to a process.
 *
 * Errors are 0 or a negative errno value, whose POSIX name Erlang code sees (-ENOENT: enoent).
 *
 * See docs/outlets.md for a guide.
 */
#ifndef LING_OUTLET_H
#define LING_OUTLET_H

#include <ling/ling.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One port. Valid from the driver's open until its stop returns. */
typedef struct ling_outlet ling_outlet_t;

/* What open, control or call returns beside errno values: the caller gets badarg. */
#define LING_OUTLET_BADARG (-100000)

/* A change of a program's environment; value NULL: the variable is removed. */
typedef struct ling_outlet_env {
    const char *name, *value;
} ling_outlet_env_t;

/* What open_port was asked for. Only valid during the call of open. */
typedef struct ling_outlet_open {
    size_t size;
    const char *name;     /* the driver's name, or the path of spawn_executable */
    const char *command;  /* all of {spawn, Command}: the driver's name, then its arguments */
    int input, output;    /* whether data may go that way; both unless `in` or `out` was given */
    int fd_in, fd_out;    /* of {fd, In, Out}, else -1 */
    unsigned packet;      /* 0, 1, 2 or 4 */
    unsigned line;        /* {line, N}, else 0 */
    int binary;           /* data goes to the owner as binaries, else as lists */
    int eof, exit_status; /* the options of that name */
    int use_stdio;        /* 0: nouse_stdio */
    int stderr_to_stdout; /* the option of that name */
    const char *cd;       /* {cd, Dir} or NULL */
    const struct ling_outlet_env *env; /* {env, ...}, nenv of them */
    size_t nenv;
    const char *arg0;        /* {arg0, ...} or NULL */
    const char *const *args; /* {args, ...}, nargs of them */
    size_t nargs;
    int is_executable; /* {spawn_executable, ...} */
} ling_outlet_open_t;

/* The answer of control and call, made with ling_outlet_reply. */
typedef struct ling_outlet_reply ling_outlet_reply_t;

enum {
    /* port_command(Port, Data, [force]) may reach output although the port is busy. */
    LING_OUTLET_SOFT_BUSY = 1,
    /* port_control answers with a list, even where open_port was asked for binaries. */
    LING_OUTLET_CONTROL_LIST = 2
};

/* A driver. Functions that are NULL are not supported (control and call: badarg). All get the
 * outlet; what open left in *state comes with ling_outlet_state. */
typedef struct ling_outlet_driver {
    size_t size; /* sizeof(ling_outlet_driver_t) */
    unsigned flags;
    /* Makes an instance. *state is the driver's own. 0; negative errno (nothing is left open then):
     * open_port raises its name; LING_OUTLET_BADARG. */
    int (*open)(ling_outlet_t *o, const ling_outlet_open_t *args, void *user, void **state);
    /* The port is over: frees what open made. Nothing is called afterwards. */
    void (*stop)(ling_outlet_t *o);
    /* Bytes from Erlang (port_command, Port ! {Owner, {command, Data}}). 0; a negative errno value:
     * the port ends with its name as reason. */
    int (*output)(ling_outlet_t *o, const uint8_t *data, size_t len);
    /* port_control. op is what Erlang code gave, data its bytes. */
    int (*control)(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                   ling_outlet_reply_t *reply);
    /* port_call: data and reply are terms in the external format (ling_decode, ling_encode). */
    int (*call)(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                ling_outlet_reply_t *reply);
    /* Bytes another thread gave to ling_outlet_post. NULL: they go to the owner as
     * ling_outlet_new_data does it. */
    void (*new_data)(ling_outlet_t *o, const uint8_t *data, size_t len);
    /* The port has a new owner (port_connect); open implies the first attach. */
    void (*attach)(ling_outlet_t *o, ling_term_t owner);
    void (*detach)(ling_outlet_t *o, ling_term_t owner);
    /* The time of ling_outlet_set_timer has come. */
    void (*timeout)(ling_outlet_t *o);
    /* Closing (port_close, {Owner, close}): output may still be on its way. true: stop me now;
     * false: the port is gone for Erlang, stop is called after ling_outlet_finished (which may be
     * called here, too). NULL: true. */
    int (*finish)(ling_outlet_t *o);
    /* The VM halts with flush: blocks until all output is out. */
    void (*flush)(ling_outlet_t *o);
    /* A process watched with ling_outlet_monitor has ended. */
    void (*process_exit)(ling_outlet_t *o, ling_term_t pid);
} ling_outlet_driver_t;

/* Makes a driver known under a name. The table must stay valid as long as the VM; destroy(user)
 * (may be NULL) is called when the VM ends. LING_EINVAL: a bad table or name, or the name is taken
 * (by one of libling's own drivers, too); LING_ENOMEM. Owner. */
LING_API int ling_register_outlet(ling_vm_t *vm, const char *name,
                                  const ling_outlet_driver_t *driver, void *user,
                                  ling_destroy_fn destroy);

/* ---- the outlet ---- */

LING_API void *ling_outlet_state(const ling_outlet_t *o); /* what open left in *state */
LING_API ling_vm_t *ling_outlet_vm(const ling_outlet_t *o);
/* The port as a term, valid for ever; its owner (the connected process). */
LING_API ling_term_t ling_outlet_port(const ling_outlet_t *o);
LING_API ling_term_t ling_outlet_owner(const ling_outlet_t *o);

/* ---- to Erlang ---- */

/* Bytes from the device: packets and lines are put together as open_port was asked, and the owner
 * gets {Port, {data, Data}}. The bytes are copied. 0; -ENOMEM: some of them are lost, and the
 * outlet should end with ling_outlet_exit. */
LING_API int ling_outlet_new_data(ling_outlet_t *o, const uint8_t *data, size_t len);
/* The device has nothing more: {Port, eof} where that was asked for (the port stays open), else the
 * port ends with reason normal. */
LING_API void ling_outlet_eof(ling_outlet_t *o);
/* {Port, {exit_status, Status}} where that was asked for. */
LING_API void ling_outlet_exit_status(ling_outlet_t *o, int status);
/* {Port, Term} to the owner. The term is copied. LING_ENOMEM. */
LING_API int ling_outlet_notify(ling_outlet_t *o, ling_term_t term);
/* A message of any form to any local process; copied. LING_ENOMEM, LING_EINVAL. */
LING_API int ling_outlet_send(ling_outlet_t *o, ling_term_t to, ling_term_t message);
/* Appends bytes to the answer of control or call. LING_ENOMEM. */
LING_API int ling_outlet_reply(ling_outlet_reply_t *reply, const void *data, size_t len);
/* The port ends: links and monitors get the reason (a negative errno value's name; 0: normal). stop
 * is called before control returns to ling_run, after the driver's running function. */
LING_API void ling_outlet_exit(ling_outlet_t *o, int error);

/* Bytes from any thread: copied, and handed to new_data on the VM's thread. port: what
 * ling_outlet_port said. A port that is gone swallows them. LING_EINVAL: no local port;
 * LING_ENOMEM. Any thread. */
LING_API int ling_outlet_post(ling_vm_t *vm, ling_term_t port, const void *data, size_t len);

/* ---- back-pressure ---- */

/* A busy port's output is not called; processes that send to it are suspended until it is free.
 * What they sent then comes to output in order, once no function of a driver runs. */
LING_API void ling_outlet_set_busy(ling_outlet_t *o, int busy);
/* Bytes of output not yet out, for port_info(Port, queue_size). Beyond the port's high limit
 * (busy_limits_port, 8192) the port becomes busy, below the low one (4096) it is free again. */
LING_API void ling_outlet_set_queued(ling_outlet_t *o, size_t bytes);
/* Output that was under way when finish returned false is out (or lost). */
LING_API void ling_outlet_finished(ling_outlet_t *o);

/* ---- the rest ---- */

/* Calls timeout once, that many nanoseconds from now; a second call replaces the first;
 * LING_FOREVER stops it. LING_ENOMEM. */
LING_API int ling_outlet_set_timer(ling_outlet_t *o, int64_t ns);
/* Counts what keeps ling_run from returning because of this outlet: a device that may bring
 * something. An outlet begins with 0; what is left is dropped when it stops. */
LING_API void ling_outlet_ref(ling_outlet_t *o);
LING_API void ling_outlet_unref(ling_outlet_t *o);
/* process_exit is called when the process ends (at once where it is gone). LING_ENOMEM,
 * LING_EINVAL: no local process. */
LING_API int ling_outlet_monitor(ling_outlet_t *o, ling_term_t pid);
/* process_exit is not called for it any more. LING_EINVAL: it was not watched. */
LING_API int ling_outlet_demonitor(ling_outlet_t *o, ling_term_t pid);
/* The operating system's process behind the outlet, for port_info(Port, os_pid). */
LING_API void ling_outlet_set_os_pid(ling_outlet_t *o, int64_t pid);

#ifdef __cplusplus
}
#endif
#endif
