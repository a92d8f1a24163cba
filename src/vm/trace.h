/* trace.h: tracing: who is told what about which process, and breakpoints in code.
 *
 * A process that is traced has a trace_t behind p->trace, NULL for all others: events on paths that
 * are slow anyway cost one test. A trace_t is never changed but replaced, under the lock of the
 * trace state, so that any process may switch tracing of any other; the old one is freed when every
 * scheduler has passed a quiescent point. Events are told by the thread that runs the traced
 * process (or handles its signals), straight into the tracer's queue: so they keep their order.
 *
 * Calls are seen by breakpoints (trace_code.c): the handler word at a function's entry, or the
 * address in an export entry, is replaced. trace.c: processes and events; trace_code.c: patterns,
 * breakpoints, call events, frames on the stack that watch returns; trace_time.c: call_time;
 * engine_trace.c: the instructions for it; bif_trace.c: the functions programs call.
 */
#ifndef LING_VM_TRACE_H
#define LING_VM_TRACE_H

#include "vm/code.h"
#include "vm/match_spec.h"
#include "vm/process.h"
#include "vm/tracer.h"

/* trace_t.flags */
enum {
    TF_SEND = 1 << 0,
    TF_RECEIVE = 1 << 1,
    TF_CALL = 1 << 2,
    TF_PROCS = 1 << 3,
    TF_RUNNING = 1 << 4,
    TF_EXITING = 1 << 5,
    TF_GC = 1 << 6,
    TF_PORTS = 1 << 7,
    TF_ARITY = 1 << 8,
    TF_RETURN_TO = 1 << 9,
    TF_SILENT = 1 << 10,
    TF_NOW_TS = 1 << 11,
    TF_STRICT_TS = 1 << 12,
    TF_MONO_TS = 1 << 13,
    TF_SCHED_ID = 1 << 14,
    TF_ON_SPAWN = 1 << 15,
    TF_ON_FIRST_SPAWN = 1 << 16,
    TF_ON_LINK = 1 << 17,
    TF_ON_FIRST_LINK = 1 << 18,
    TF_RUNNING_PROCS = 1 << 19,
    TF_RUNNING_PORTS = 1 << 20,
    TF_ALL = (1 << 21) - 1,
    TF_CPU_TS = 1 << 21 /* only while a list of flags is read */
};
#define TF_ANY_TS (TF_NOW_TS | TF_STRICT_TS | TF_MONO_TS)
/* What new ports can have, and what new processes cannot. */
#define TF_OF_PORTS                                                                                \
    (TF_SEND | TF_RECEIVE | TF_PORTS | TF_RUNNING_PORTS | TF_SILENT | TF_SCHED_ID | TF_ANY_TS)
#define TF_OF_PROCS (TF_ALL & ~(TF_PORTS | TF_RUNNING_PORTS))

struct ling_outlet; /* a port: vm/port.h */

typedef struct trace {
    uint32_t flags;
    term_t tracer; /* tracer.h */
} trace_t;

/* A match specification and its source, which trace_info shows. Counted. */
typedef struct trace_spec {
    _Atomic(uint32_t) refs;
    vm_t *vm;
    ms_t *ms;         /* NULL: [] or true, everything matches */
    signal_t *source; /* holds the source term */
} trace_spec_t;
trace_spec_t *trace_spec_new(proc_t *p, term_t source, ms_t *ms); /* takes ms; NULL: no memory */
void trace_spec_keep(trace_spec_t *s);
void trace_spec_release(trace_spec_t *s); /* NULL is fine */

typedef struct bp_table bp_table_t;
typedef struct call_time call_time_t;

/* vm->trace */
struct trace_state {
    spin_t lock;                           /* writers of every p->trace and of what follows */
    _Atomic(const trace_t *) new_procs;    /* flags of processes to come */
    _Atomic(const trace_t *) new_ports;    /* ... and of ports */
    _Atomic(trace_spec_t *) send, receive; /* patterns; NULL: all. Replaced like a trace_t */
    _Atomic(bool) send_off, receive_off;
    _Atomic(uint64_t) tcw;         /* trace control word */
    _Atomic(term_t) seq_tracer;    /* system_flag(sequential_tracer): a tracer or 0 */
    tracer_module_t *modules;      /* tracer modules there ever were, under lock */
    _Atomic(bp_table_t *) points;  /* trace_code.c, under the code lock */
    trace_spec_t *on_load;         /* pattern of modules to come */
    uint32_t on_load_kinds;        /* BP_*, 0: none */
    term_t on_load_meta;           /* its meta tracer */
    _Atomic(uint32_t) traced_bifs; /* so many exports of BIFs have breakpoints */
    call_time_t *times;            /* all there ever were: frames point to them */
    uint64_t return_code[4][2];    /* what trace frames return to: TRACE_FRAME_* */
};

bool trace_init(vm_t *vm);
void trace_free(vm_t *vm);

static inline const trace_t *trace_of(proc_t *p) {
    return atomic_load_explicit(&p->trace, memory_order_acquire);
}
static inline bool trace_wants(proc_t *p, uint32_t flags) {
    const trace_t *t = trace_of(p);
    return UNLIKELY(t != NULL) && (t->flags & flags);
}

/* Garbage a match specification left on p's heap: gone where nothing else was allocated. */
typedef struct {
    term_t *htop;
    signal_t *frags;
    off_heap_t *off;
} heap_mark_t;
static inline heap_mark_t heap_mark(const proc_t *p) {
    return (heap_mark_t){p->htop, p->frags, p->off_heap};
}
static inline void heap_back(proc_t *p, heap_mark_t m) {
    if (p->frags == m.frags && p->off_heap == m.off) p->htop = m.htop;
}

/* ---- switching ---- any thread */
enum { TRACE_DONE, TRACE_TAKEN /* it has another tracer */, TRACE_GONE, TRACE_NO_MEMORY };
/* Sets or clears flags of q. */
int trace_change(vm_t *vm, proc_t *q, bool on, uint32_t flags, term_t tracer);
int trace_change_port(vm_t *vm, struct ling_outlet *o, bool on, uint32_t flags, term_t tracer);
/* Of processes (or ports) to come; flags that mean nothing there are left out. */
bool trace_change_new(vm_t *vm, bool ports, bool on, uint32_t flags, term_t tracer);
/* What is asked for all new ports becomes o's. */
void trace_new_port(struct ling_outlet *o);
/* Number for a flag's atom, 0: none. */
uint32_t trace_flag_of(term_t atom);
term_t trace_flags_list(proc_t *p, uint32_t flags);
/* p is going: nobody will change its trace any more. Owner. */
void trace_forget(proc_t *p);
void trace_forget_port(struct ling_outlet *o);
/* t's tracer is gone: nobody else ever clears the flags. Unless *at is another one now. */
COLD void trace_lose(vm_t *vm, _Atomic(const trace_t *) *at, const trace_t *t);

/* ---- events ---- p's thread; cheap tests first, then these. COLD: not inlined */
COLD void trace_send(proc_t *p, term_t to, term_t msg, bool exists);
COLD void trace_receive(proc_t *p, term_t from, term_t msg);
COLD void trace_proc(proc_t *p, term_t what, term_t arg); /* register, link, exit ... */
/* parent has made child, which does not run yet. */
COLD void trace_spawn(proc_t *parent, proc_t *child, term_t m, term_t f, term_t args, bool link);
COLD void trace_sched(proc_t *p, bool in);
COLD void trace_sched_exit(proc_t *p, term_t tag); /* in_exiting, out_exiting, out_exited */
COLD void trace_gc(proc_t *p, bool major, bool start, size_t words);
/* Something else, to t's tracer or p's own. */
COLD void trace_emit_as(proc_t *p, const trace_t *t, const trace_event_t *e);
COLD void trace_emit(proc_t *p, const trace_event_t *e);
/* A time stamp as the flags ask for; at most 7 words of *hp. */
term_t trace_stamp(vm_t *vm, uint32_t flags, term_t **hp);
/* The same to a meta tracer: always with a time stamp. */
COLD void trace_emit_meta(proc_t *p, term_t tracer, const trace_event_t *e);

/* Where ip is: module, function, arity. ip may be a function's entry, a stub, a return address's
 * word before. */
bool trace_place(vm_t *vm, const uint64_t *ip, term_t mfa[3]);
/* Where p, which does not run, is or (in) will go on: {M, F, A} into hp (4 words), or unknown. */
term_t trace_where(proc_t *p, bool in, term_t **hp, term_t unknown);
/* {M, F, A} into hp (4 words), or the atom undefined where it is not known. */
term_t trace_mfa(vm_t *vm, const uint64_t *ip, term_t **hp, term_t unknown);

/* ---- breakpoints ---- trace_code.c */
enum {
    BP_GLOBAL = 1,
    BP_LOCAL = 2,
    BP_META = 4,
    BP_COUNT = 8,
    BP_TIME = 16,
    BP_COUNT_PAUSED = 32,
    BP_TIME_PAUSED = 64,
    BP_DEBUG = 128 /* erts_debug:breakpoint/2: calls go to the process's error handler */
};
enum { BP_SET, BP_CLEAR, BP_RESTART, BP_PAUSE };
typedef struct {
    term_t module, function; /* A_underscore: any */
    int64_t arity;           /* -1: any */
} bp_filter_t;
/* Number of functions it concerns, -1: no memory. spec: for BP_SET. */
int64_t trace_points_change(vm_t *vm, const bp_filter_t *f, uint32_t kinds, int how,
                            trace_spec_t *spec, term_t meta_tracer);
/* Under the code lock: m, loaded and not yet current, gets what on_load asks for and what traced
 * BIFs need; m stops being the current version: its breakpoints go. */
void trace_points_free(vm_t *vm);
void trace_module_loaded(vm_t *vm, module_t *m);
void trace_module_gone(vm_t *vm, module_t *m);
/* What trace_info says about M:F/A; NONE: no memory. */
term_t trace_point_info(proc_t *p, term_t m, term_t f, uint32_t arity, term_t item);

/* Frames on the stack that watch a return: the return address is the code of one of these, words
 * follow, then the frame that was there before. */
enum {
    TRACE_FRAME_RETURN,    /* M, F, arity, tracer (NIL: p's), flags; then emits return_from */
    TRACE_FRAME_RETURN_TO, /* nothing; emits return_to */
    TRACE_FRAME_TIME,      /* call_time_t of the caller, or 0 */
    TRACE_FRAME_BIF,       /* bytes of the frame to drop, address in the caller */
    TRACE_FRAMES
};
/* Is w, a return address on a stack, one of ours? */
static inline bool trace_is_frame(const vm_t *vm, term_t w) {
    return (uintptr_t)w - (uintptr_t)vm->trace->return_code < sizeof vm->trace->return_code;
}
/* An exception unwinds p's stack up to end (where the catch is, or the bottom): tells of functions
 * left and what time they took. to: the catch's function, NULL: there is none. */
COLD void trace_unwind(proc_t *p, const term_t *end, const uint64_t *to, int eclass, term_t reason);

/* ---- the engine's part ---- */
/* A breakpoint was hit; x: arguments. May push frames and collect. The handler of the instruction
 * that is really there; 0: look at the word again; 1: no memory; 2: x holds the arguments of the
 * error handler's breakpoint/3, which is to be called instead. */
uint64_t trace_local_call(proc_t *p, const uint64_t *ip, term_t *x);
/* Where the call goes on; NULL: no memory. */
const uint64_t *trace_export_call(proc_t *p, export_t *e, term_t *x);
/* The handler of an instruction, as if there were no breakpoint. */
uint64_t trace_original(vm_t *vm, const uint64_t *ip);
void trace_returned(proc_t *p, term_t value, const term_t *frame);
void trace_returned_to(proc_t *p);
/* trace_time.c; get, reset: under the code lock */
struct proc_ext;
call_time_t *trace_time_get(vm_t *vm, term_t m, term_t f, uint32_t arity); /* NULL: no memory */
void trace_time_reset(vm_t *vm, call_time_t *t);
void trace_time_add(vm_t *vm, call_time_t *t, term_t pid, uint64_t calls, uint64_t ns);
/* Charges what passed to the function that ran; then next runs (NULL: none that is timed). */
void trace_time_switch(proc_t *p, struct proc_ext *x, call_time_t *next);
term_t trace_time_info(proc_t *p, call_time_t *t); /* a list; NONE: no memory */
void trace_times_free(vm_t *vm);
void trace_time_pause(proc_t *p, bool in); /* p runs again, or stops running */
void trace_time_returned(proc_t *p, term_t prev);
/* engine_trace.c */
uint64_t engine_handler(int op);
void engine_trace_init(vm_t *vm);

#endif
