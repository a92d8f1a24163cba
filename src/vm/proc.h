/* proc.h: a process and what travels between processes.
 *
 * A process's fields are touched only by the thread that runs it, except those marked atomic and
 * those under a lock. Everything another process wants of it is a signal in its in-queue.
 */
#ifndef LING_VM_PROC_H
#define LING_VM_PROC_H

#include "vm/vm.h"

/* ---- signals ----
 * A signal carries its terms in its own words. A message that has been received becomes a heap
 * fragment of the receiver as it is; a fragment a BIF allocated is the same struct. */
enum {
    SIG_MESSAGE,
    SIG_EXIT,   /* term: reason, from: sender; flags SIGF_LINK, SIGF_KILL ... */
    SIG_LINK,   /* from */
    SIG_UNLINK, /* from, ref: id to acknowledge */
    SIG_UNLINK_ACK,
    SIG_MONITOR,       /* from watches us, ref */
    SIG_DEMONITOR,     /* from, ref */
    SIG_DOWN,          /* ref, term: reason, from */
    SIG_GROUP_LEADER,  /* term */
    SIG_PROCESS_INFO,  /* from, ref, term: list of items */
    SIG_IS_ALIVE,      /* from, ref */
    SIG_ALIAS_MESSAGE, /* a message sent to alias ref: dropped where the alias is gone */
    SIG_SYSTEM_TASK,   /* term: request, from: who is told the result */
    SIG_SUSPEND,       /* from, ref: 0 or what the reply carries */
    SIG_RESUME,        /* from */
    SIG_REPLY,         /* ref, term: answer to a BIF that waits (proc_await) */
    SIG_TIMEOUT,       /* the receive timeout p->timer stands for fired */
    SIG_CALL,          /* native: fn(p, sig) runs in the receiver, p NULL: it is gone; takes sig */
    SIG_PORT,          /* a request to a port: outlet/outlet.h; to: the port */
    SIG_LITERALS,      /* a request to leave literals: literals.c */
    SIG_FRAGMENT       /* not a signal: a heap fragment */
};

struct signal {
    signal_t *next;
    off_heap_t *off_heap; /* objects inside data that own something */
    term_t term;
    term_t from;
    uint64_t ref;
    union {
        void (*fn)(proc_t *p, signal_t *s); /* SIG_CALL */
        term_t to;                          /* on its way to a port */
    };
    uint32_t size; /* words allocated in data */
    uint32_t used;
    uint8_t kind;
    uint8_t flags;
    term_t data[];
};

/* A signal with room for that many words, or NULL. s: the calling scheduler or NULL. */
signal_t *signal_new(vm_t *vm, sched_t *s, int kind, size_t words);
/* With a deep copy of term inside (literals of the VM are not copied). */
signal_t *signal_new_copy(vm_t *vm, sched_t *s, int kind, term_t term);
/* With the bytes as a binary or list for its term and extra words of room behind; *end is set
 * behind the bytes. */
signal_t *signal_new_bytes(vm_t *vm, sched_t *s, int kind, const uint8_t *data, size_t n,
                           bool binary, size_t extra, term_t **end);
void signal_free(vm_t *vm, sched_t *s, signal_t *sig); /* releases off-heap objects too */

/* ---- mailbox ---- the private list; mailbox.c. Names and meaning are LING's. */
typedef struct {
    signal_t *first;
    signal_t **last; /* link that is NULL: where the next message goes */
    signal_t **save; /* link to the message a receive looks at */
    uint32_t len;
    uint8_t nmarks;
    uint8_t next_mark;
    struct {
        uint64_t id; /* reference the marker is bound to, 0: reserved only */
        signal_t **pos;
    } mark[2];
} msg_queue_t;

void msg_queue_init(msg_queue_t *q);
static inline signal_t *msg_queue_current(msg_queue_t *q) { return *q->save; } /* NULL at the end */
static inline void msg_queue_next(msg_queue_t *q) { q->save = &(*q->save)->next; }
static inline void msg_queue_reset(msg_queue_t *q) { q->save = &q->first; }
static inline uint32_t msg_queue_len(const msg_queue_t *q) { return q->len; }
/* Takes the current message out and returns it; the queue starts from the beginning again. */
signal_t *msg_queue_drop(msg_queue_t *q);
/* The end of the list as a position; messages that arrive later come after it. */
void msg_queue_mark(msg_queue_t *q, int slot, uint64_t id);
/* Starts looking at the position marked for id; false (and no change) where there is none. */
bool msg_queue_restore(msg_queue_t *q, uint64_t id);
void msg_queue_unmark(msg_queue_t *q, uint64_t id);
static inline void msg_queue_push(msg_queue_t *q, signal_t *m) { /* owner only */
    m->next = NULL;
    *q->last = m;
    q->last = &m->next;
    q->len++;
}

/* ---- links and monitors ---- nodes of per-process search trees; link.c */
typedef struct relation {
    struct relation *left, *right;
    uint64_t key;   /* links: the other's pid word; monitors: the reference id */
    term_t other;   /* pid (or port) at the other end */
    term_t name;    /* monitors: registered name it was asked for by, or NIL */
    term_t tag;     /* monitors: 'DOWN' or a user's tag (a term in frag) */
    uint32_t flags; /* REL_* of link.h */
    signal_t *frag; /* holds tag where it is no immediate */
} relation_t;

/* ---- states ---- */
enum {
    PS_RUNNABLE = 1, /* in a run queue */
    PS_RUNNING = 2,  /* a scheduler has it */
    PS_EXITING = 4,
    PS_SUSPENDED = 8, /* suspend_process: suspended > 0 */
    PS_FREE = 16,     /* out of the table */
    PS_SYSTEM = 32,   /* system process: not counted, not killed */
    PS_DIRTY = 128,   /* with PS_RUNNING: a dirty thread has it */
    PS_DOOMED = 256   /* with PS_DIRTY: a kill signal waits for the native code to be done */
};

/* p->flags, owner only */
enum {
    PF_TRAP_EXIT = 1,
    PF_OFF_HEAP_MSGS = 2,
    PF_TIMER_SET = 4, /* receive timeout running (p->timer), or it is infinity */
    PF_TIMED_OUT = 8,
    PF_HIBERNATED = 16,
    PF_NEED_MAJOR = 32, /* next collection looks at everything */
    PF_SENSITIVE = 64,
    PF_SAVED_ARGS = 128,   /* p->arity words of X registers are saved on the stack */
    PF_EXIT_PENDING = 256, /* exit_reason is set: the engine must end the process */
    PF_DIST_FLUSH = 512,
    PF_BIF_WAIT = 1024,      /* re-executing a BIF that waited */
    PF_OOM = 2048,           /* killed for lack of memory */
    PF_TASKS = 4096,         /* system tasks wait in ext until the process does not run */
    PF_DIRTY_GC = 8192,      /* goes on with a collection, on a dirty scheduler */
    PF_SAVED_FLOATS = 16384, /* float registers are in ext */
    PF_TRACE_FRAMES = 32768, /* frames that watch returns may be on the stack: trace.h */
    PF_SEQ_TRACE = 65536,    /* has a sequential trace token, or a message in its queue has */
    PF_FIBER = 1 << 20,      /* stopped in the middle of a BIF: no collection until it is done */
    PF_RUN_ON = 1 << 21,     /* the BIF that runs is not to give way */
    PF_GONE = 1 << 22,       /* ends, and is not in the process table any more */
    PF_ETS_SUPER = 1 << 24   /* protection of tables does not count: bif_debug.c */
};

enum { PRIO_MAX, PRIO_HIGH, PRIO_NORMAL, PRIO_LOW, PRIO_LEVELS };

/* Exception classes as BIFs and the engine set them in p->fclass. */
enum {
    EXC_ERROR,
    EXC_EXIT,
    EXC_THROW,
    EXC_TRAP,
    EXC_YIELD,
    EXC_WAIT,
    EXC_DIRTY,
    EXC_OOM,
    EXC_AGAIN
};

struct proc {
    /* -- hot: heap and stack -- */
    term_t *htop;
    term_t *sp;         /* top of stack */
    term_t *heap;       /* young block */
    term_t *hend;       /* its end, bottom of stack */
    const uint64_t *ip; /* where to go on; see PF_SAVED_ARGS */
    int32_t reds;       /* left in this slice */
    uint16_t arity;     /* X registers saved on the stack while it does not run */
    uint16_t catches;   /* how many catch marks are on the stack (saturates never: 2^16 nested) */
    uint32_t flags;
    uint8_t prio;
    uint8_t fclass;
    uint8_t inline_heap; /* heap is the one in this block */
    vm_t *vm;
    sched_t *sched; /* runs it, or ran it last */
    term_t pid;

    _Atomic(const struct trace *) trace; /* NULL: not traced; trace.h */

    /* -- mailbox -- */
    msg_queue_t mq;
    _Atomic(signal_t *) sig_in; /* newest first; lock-free push by anyone */
    _Atomic(uint32_t) state;    /* PS_* */
    uint32_t timer_gen;         /* numbers receive timeouts */
    proc_t *rq_next;            /* run queue link, under its lock */

    /* -- garbage collection -- */
    term_t *heap_end;   /* end of the young block's memory: hend, or some slack behind it */
    term_t *high_water; /* survivors of the last collection end here */
    term_t *old_heap, *old_top, *old_end;
    signal_t *frags; /* fragments and received messages */
    off_heap_t *off_heap, *old_off_heap;
    uint32_t frag_words, frag_limit;
    uint32_t min_heap, max_heap; /* words; max 0: none */
    uint16_t fullsweep_after;
    uint16_t max_heap_flags;
    uint32_t block_size; /* bytes of this block, inline heap included */
    uint64_t vheap;      /* bytes of shared binaries referred to since the last collection */
    uint64_t old_vheap, old_vheap_limit; /* the same for the old generation */
    size_t old_limit; /* words in the old generation at which a major collection is due */
    uint32_t gc_mark; /* total_reds (low bits) at the last collection: two in one slice? */
    uint16_t gen_gcs; /* minor collections since the last major one */
    bool grow_young;  /* the last collection left little room */

    /* -- exceptions -- */
    term_t fvalue; /* reason */
    term_t ftrace; /* raw stack trace, NIL or a raw list for raise/3 */

    /* -- relations -- */
    relation_t *links, *monitors, *monitored_by;
    term_t name; /* registered name or NIL */
    term_t group_leader;
    struct proc_dict *dict;
    struct proc_ext *ext; /* rare: aliases, suspends, spawn requests, trace, timers; proc_ext.h */
    signal_t *timer;      /* receive timeout: the signal it will send, or NULL */
    void *timer_handle;   /* etimer_t of it */

    /* -- origin -- */
    term_t init_m, init_f;
    uint32_t init_a;
    uint32_t suspended;
    term_t parent;
    uint64_t total_reds;
    const struct bif_def *cur_bif; /* BIF that raised: for the stack trace */
    term_t cause;                  /* error_info cause atom/term a BIF set, or NONE */
    term_t heap0[];                /* first heap */
};

/* It has been killed in native code, which may never come back: it no longer counts as alive. */
static inline bool proc_is_doomed(const proc_t *p) {
    return atomic_load_explicit(&p->state, memory_order_acquire) & PS_DOOMED;
}

#endif
