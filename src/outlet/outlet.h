/* outlet.h: ports, as the files that make them see them (the machine sees vm/port.h). An outlet is
 * a port: an instance of a driver.
 *
 * One thread runs all outlets: the one that polls the host. Everything processes want of a port is
 * a signal in one queue of the VM; with scheduler threads the polling thread takes it from there,
 * with none it is handled at once. So drivers need no locks, order between a process and a port is
 * kept, and whoever wants an answer waits for a SIG_REPLY (proc_ext.h). Any thread may look a port
 * up; but for the fields marked, only the polling thread touches one.
 */
#ifndef LING_OUTLET_OUTLET_H
#define LING_OUTLET_OUTLET_H

#include <ling/outlet.h>
#include "vm/bif.h"
#include "vm/link.h"
#include "vm/port.h"
#include "vm/print.h"
#include "vm/sysmon.h"
#include "timer/etimer.h"

/* ---- requests: kind SIG_PORT, the operation in flags, the port in to ----
 * Bytes stand in data: their number in data[0], they themselves behind it. */
enum {
    PORT_OPEN,    /* data[0]: open_args_t *, ref; answer: port or an atom */
    PORT_COMMAND, /* bytes; term: the owner the sender claims, or NIL (port_command) */
    PORT_CONTROL, /* bytes, term: operation; ref; answer: binary, list or badarg */
    PORT_CALL,    /* the same; answer: {ok, Term} or badarg */
    PORT_CLOSE,   /* ref; answer: true */
    PORT_CONNECT, /* term: pid; ref; answer: true or badarg */
    PORT_INFO,    /* term: item or NIL; ref */
    PORT_SET_DATA,
    PORT_GET_DATA,     /* ref; answer: {ok, Data} */
    PORT_WAIT,         /* from is suspended until the port is not busy; data[0]: a reply or NULL */
    PORT_BANG_CLOSE,   /* term: claimed owner */
    PORT_BANG_CONNECT, /* term: claimed owner; data[0]: new owner */
    PORT_BADSIG,       /* from sent something that is no request */
    PORT_POST          /* bytes from any thread */
};

/* outlet_t.state. Closed has the bit of an exiting process: names.c looks at both alike. */
enum { OUTLET_CLOSED = PS_EXITING, OUTLET_BUSY = 64 };

/* {packet, N}, {line, L} and the stream being put together: frame.c */
typedef struct {
    uint8_t packet; /* 0, 1, 2, 4 */
    bool binary;
    uint32_t line;
    uint8_t *buf; /* part of a packet or line */
    size_t len, cap;
} frame_t;

typedef struct driver driver_t;

struct ling_outlet {
    vm_t *vm;
    term_t port;
    /* Any thread. */
    _Atomic(uint32_t) state;
    _Atomic(size_t) unhandled;           /* bytes of commands on their way here */
    size_t msgq_high;                    /* where they make the port busy; set once */
    bool soft_busy;                      /* set once */
    _Atomic(const struct trace *) trace; /* vm/trace.h; NULL: nobody traces it */
    term_t name;                         /* registered name or NIL; names.c's lock */
    /* Polling thread. */
    outlet_t *next, **link; /* list of all that have not been stopped */
    outlet_t *due;          /* list of those to look at again: port_due */
    const driver_t *driver;
    void *state_of_driver;
    term_t owner;
    relation_t *links, *monitored_by, *monitors;
    signal_t *waiting;                 /* PORT_WAIT, newest first */
    signal_t *pending, **pending_last; /* what came while busy, oldest first */
    signal_t *data;                    /* port_set_data, or NULL: undefined */
    signal_t *closer;                  /* PORT_CLOSE, answered when the driver has stopped */
    etimer_t *timer;
    frame_t frame;
    size_t queued, high, low; /* limits 0: disabled */
    uint64_t bytes_in, bytes_out;
    int64_t os_pid; /* -1: none */
    uint32_t refs;
    bool input, output, eof, exit_status, parallelism;
    bool said_busy;  /* ling_outlet_set_busy */
    bool full;       /* queued went over high and not yet below low */
    bool opening;    /* open is running: an exit is put off */
    bool exit_early; /* ... and there was one */
    bool closing;    /* port_exit is running */
    bool is_due, stopped;
    bool finishing; /* finish said that output is on its way */
    bool finished;  /* ... and it is out, or was before finish returned */
    term_t early_reason;
    term_t runs, runs_op; /* port_runs; NONE: it does not, or that it stops is told */
    uint64_t runs_since;
    size_t title_bytes;
    char *title; /* port_info(Port, name) */
};

/* open_port's arguments in C, made by open.c on the caller's thread. */
typedef struct open_args {
    ling_outlet_open_t pub;
    int kind;
    size_t high, low, msgq_high;
    bool parallelism;
    struct chunk *chunks; /* memory behind the strings */
    vm_t *vm;
} open_args_t;
enum { OPEN_SPAWN, OPEN_DRIVER, OPEN_EXECUTABLE, OPEN_FD };

/* open.c: NULL and *error (an atom; NONE: no memory) where name or options are wrong. */
open_args_t *open_args_parse(vm_t *vm, term_t name, term_t options, term_t *error);
void open_args_free(open_args_t *a);

/* ---- outlet.c: table, drivers, queue ---- */
/* All ports as a list on p's heap; NONE: no memory. */
term_t outlet_list(proc_t *p);
/* Brackets around what a device brings: while inside, nothing is stopped. */
void outlet_enter(vm_t *vm);
void outlet_leave(vm_t *vm);
/* The same around what a device brings for o, which tracers hear of: the port runs. */
void outlet_enter_of(outlet_t *o);
void outlet_leave_of(outlet_t *o);
/* The same for functions drivers call wherever they are: what is left waits for outlets_poll. */
void outlet_leave_later(vm_t *vm);

/* For drivers: *held says whether the port keeps the VM running for this reason; now it shall or
 * not. */
static inline void outlet_hold(outlet_t *o, bool *held, bool now) {
    if (*held == now) return;
    *held = now;
    if (now)
        ling_outlet_ref(o);
    else
        ling_outlet_unref(o);
}

struct driver {
    struct driver *next;
    const ling_outlet_driver_t *def;
    void *user;
    ling_destroy_fn destroy;
    size_t bytes;
    char name[];
};
/* The driver of that name (n bytes), or NULL. */
const driver_t *driver_find(vm_t *vm, const char *name, size_t n);
/* All of them hang together by next. */
const driver_t *driver_first(vm_t *vm);
/* The drivers behind {fd, ...} and programs have no name one could ask for. */
extern const ling_outlet_driver_t driver_fd, driver_spawn;
/* Known as tty_sl, ram_file_drv and trace_file_drv in every VM. */
extern const ling_outlet_driver_t driver_tty, driver_ram_file, driver_trace_file;

/* outlet.c, for port.c */
outlet_t *outlet_new(vm_t *vm, const open_args_t *a, const driver_t *d, term_t owner,
                     term_t *error);
void outlet_unlist(outlet_t *o); /* out of the table: nobody finds it */
void outlet_due(outlet_t *o);    /* port_due as soon as no driver function runs */
void outlet_free(outlet_t *o);   /* after stop */

/* port.c: what a signal does to a port. Takes sig. */
void port_handle(outlet_t *o, signal_t *sig);
void port_open(vm_t *vm, signal_t *sig);
/* The port ends with that reason. */
void port_exit(outlet_t *o, term_t reason);
/* What waited until no function of a driver is on the stack: stops a closed port (or lets its
 * output finish), handles what came while the port was busy. */
void port_due(outlet_t *o);
/* The latter alone. false: nothing could be done. */
bool port_go_on(outlet_t *o);
/* Answers sig with a term, where it wants an answer. Takes sig. */
void port_answer(vm_t *vm, term_t port, signal_t *sig, term_t answer);

/* port_trace.c: what tracers are told about ports. Polling thread. */
static inline bool port_traced(outlet_t *o) {
    return UNLIKELY(atomic_load_explicit(&o->trace, memory_order_relaxed) != NULL);
}
COLD void port_trace_open(outlet_t *o);                           /* before the driver's open */
COLD void port_trace_event(outlet_t *o, term_t what, term_t arg); /* of the flag ports */
/* The port runs for an operation a process asks for, or 0 (then op says more: input, timeout or
 * proc_sig); it stops running, which is told before an answer goes out. Where port_observed. */
COLD void port_runs(outlet_t *o, term_t what, term_t op);
COLD void port_stops(outlet_t *o);
static inline bool port_observed(outlet_t *o) {
    return port_traced(o) || sysmon_watches(o->vm, WATCH_PORTS | WATCH_SCHEDULE);
}
term_t port_trace_operation(const signal_t *sig);
/* {From, {What, Bytes}}, {From, {What, {Op, Bytes}}}: from's command, control, call. */
COLD void port_trace_bytes(outlet_t *o, term_t from, term_t what, const signal_t *sig);
/* {From, close}, {From, {connect, Pid}} and timeout (from NIL). */
COLD void port_trace_receive(outlet_t *o, term_t from, term_t what);
COLD void port_trace_send(outlet_t *o, term_t to, term_t msg);
/* {Port, {What, Bytes}}: answer of control or call. */
COLD void port_trace_answer(outlet_t *o, term_t to, term_t what, const uint8_t *data, size_t n);

/* info.c: the answer to port_info as a signal's term; NULL: no memory. */
signal_t *port_info_signal(outlet_t *o, term_t item);

/* frame.c: messages to the owner, packets and lines. 0 or negative errno. */
int frame_bytes(outlet_t *o, const uint8_t *data, size_t n);
int frame_end(outlet_t *o); /* the end of the stream: a line that has no end */
void frame_free(outlet_t *o);
static inline size_t port_nbytes(const signal_t *sig) { return (size_t)sig->data[0]; }
/* A PORT_* request with room for n bytes. */
signal_t *port_request(vm_t *vm, sched_t *s, int op, size_t n);

#endif
