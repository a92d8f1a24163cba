/* port.h: what the machine asks of ports. src/outlet has them and defines these functions (but for
 * names.c's); what its own files share, and the port itself, is in outlet/outlet.h.
 *
 * Any thread may look a port up. What a process wants of one is a signal of kind SIG_PORT, handled
 * by the thread that polls the host.
 */
#ifndef LING_VM_PORT_H
#define LING_VM_PORT_H

#include "vm/print.h"

typedef struct ling_outlet outlet_t;

/* ---- life ---- by vm.c and the thread in vm_run */
bool outlets_init(vm_t *vm);
void outlets_free(vm_t *vm);
/* Handles what is queued and stops what is over. Polling thread, before and after it waits. */
void outlets_poll(vm_t *vm);
/* Something may still come from a port or is queued for one. Polling thread. */
bool outlets_pending(vm_t *vm);
/* Blocks until all output is out. Polling thread. */
void outlets_flush(vm_t *vm);

/* ---- the table ---- */
#define OUTLET_LIMIT 65536
/* The open port behind a local port term, or NULL. Good like a process of proc_lookup. */
outlet_t *outlet_lookup(vm_t *vm, term_t port);
uint32_t outlet_count(vm_t *vm);
/* Calls fn for each open port. Polling thread. */
void outlet_each(vm_t *vm, void (*fn)(void *user, outlet_t *o), void *user);
/* The port as lines of text, for the break menu and dumps. Polling thread. */
void port_text(outlet_t *o, text_t *t);

/* ---- signals ---- */
/* Gives sig to the port (open or not). Any thread. Takes sig. */
void outlet_signal(vm_t *vm, term_t port, signal_t *sig);
/* What Port ! Msg does. false: no memory. */
bool outlet_bang(proc_t *from, term_t port, term_t msg);
/* Answers a request for a port that is gone. Takes sig. */
void port_undeliverable(vm_t *vm, term_t dead, signal_t *sig);
/* A request with room for n bytes of output. The sender is in from, and in term where the port is
 * to check that it is its owner, NIL where not. NULL: no memory. */
signal_t *port_command_new(vm_t *vm, sched_t *s, size_t n);
static inline uint8_t *port_bytes(signal_t *sig) { return (uint8_t *)(sig->data + 1); }
/* Gives such a request to an open port, busy or not. Any thread. Takes sig. */
void outlet_command(outlet_t *o, signal_t *sig);

/* ---- names and tracing ---- a port has what a process has for them */
typedef struct {
    vm_t *vm;
    term_t port;
    term_t *name;                         /* registered name or NIL; names.c's lock */
    _Atomic(uint32_t) *state;             /* has PS_EXITING once it is closed */
    _Atomic(const struct trace *) *trace; /* trace.h; NULL: nobody traces it */
} port_parts_t;
port_parts_t port_parts(outlet_t *o);
/* names.c; as those of processes in process.h. */
bool name_register_port(vm_t *vm, term_t name, outlet_t *o);
void name_forget_port(outlet_t *o);
term_t name_of_port(outlet_t *o);
/* A name was given or taken, by whatever thread: whoever traces the port is told. */
COLD void port_trace_name(outlet_t *o, term_t what, term_t name);

#endif
