/* seq_trace.c: sequential tracing (seq_trace.h) and its BIFs. Owner only. */
#include "vm/seq_trace.h"
#include "vm/bif.h"
#include "vm/copy.h"
#include "vm/proc_ext.h"
#include "vm/trace.h"

enum { SEQ_SEND = 1, SEQ_RECEIVE = 2, SEQ_PRINT = 4, SEQ_NOW = 8, SEQ_STRICT = 16, SEQ_MONO = 32 };
#define SEQ_STAMPS (SEQ_NOW | SEQ_STRICT | SEQ_MONO)
enum { TOKEN_FLAGS = 1, TOKEN_LABEL, TOKEN_SERIAL, TOKEN_FROM, TOKEN_LAST };

static const struct {
    uint32_t name, flag;
} flags[] = {{A_send, SEQ_SEND},
             {A_receive_, SEQ_RECEIVE},
             {A_print, SEQ_PRINT},
             {A_timestamp, SEQ_NOW},
             {A_strict_monotonic_timestamp, SEQ_STRICT},
             {A_monotonic_timestamp, SEQ_MONO}};
static uint32_t flag_of(term_t name) {
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].name == name) return flags[i].flag;
    return 0;
}

term_t seq_token(const proc_t *p) {
    return p->ext && p->ext->token ? p->ext->token->term : TERM_NIL;
}
static uint32_t token_flags(term_t token) {
    return (uint32_t)small_value(tuple_elem(token, TOKEN_FLAGS));
}

void seq_forget(proc_t *p) {
    if (!p->ext || !p->ext->token) return;
    signal_free(p->vm, sched_current(p->vm), p->ext->token);
    p->ext->token = NULL;
}

/* A copy of token, or of nothing where it is NIL. */
static bool token_set(proc_t *p, term_t token) {
    if (is_nil(token)) {
        seq_forget(p);
        if (p->mq.len == 0) p->flags &= ~(uint32_t)PF_SEQ_TRACE;
        return true;
    }
    proc_ext_t *x = proc_ext_get(p);
    signal_t *s = x ? signal_new_whole(p->vm, sched_current(p->vm), SIG_FRAGMENT, token, 0) : NULL;
    if (!s) return false;
    seq_forget(p);
    x->token = s;
    p->flags |= PF_SEQ_TRACE;
    return true;
}

/* ---- telling ---- */

static void tell(proc_t *p, term_t token, term_t what, term_t to, term_t msg) {
    vm_t *vm = p->vm;
    term_t tracer = atomic_load_explicit(&vm->trace->seq_tracer, memory_order_relaxed);
    if (tracer == p->pid || tracer == 0) return;
    term_t words[32], *hp = words;
    term_t serial = tuple2(&hp, tuple_elem(token, TOKEN_LAST), tuple_elem(token, TOKEN_SERIAL));
    term_t info = tuple5(&hp, what, serial, tuple_elem(token, TOKEN_FROM), to, msg);
    uint32_t f = token_flags(token);
    uint32_t stamps = f & SEQ_NOW      ? TF_NOW_TS
                      : f & SEQ_STRICT ? TF_STRICT_TS
                      : f & SEQ_MONO   ? TF_MONO_TS
                                       : 0;
    tracer_tell(vm, tracer, tuple_elem(token, TOKEN_LABEL), stamps,
                &(trace_event_t){0, A_seq_trace, info, TERM_NONE, TERM_NONE});
}

/* A number as it fits OTP's small integers. */
static term_t serial_term(uint64_t n) { return make_small((int64_t)(n << 4) >> 4); }

static void count(proc_t *p, term_t token) {
    term_t *e = boxed_ptr(token);
    e[TOKEN_SERIAL] = serial_term(++p->ext->seq_clock);
    e[TOKEN_LAST] = serial_term(p->ext->seq_last);
    e[TOKEN_FROM] = p->pid;
}

void seq_sent(proc_t *p, term_t to, term_t msg) {
    term_t token = seq_token(p);
    if (is_nil(token)) return;
    count(p, token);
    if (token_flags(token) & SEQ_SEND) tell(p, token, A_send, to, msg);
}

signal_t *seq_send(proc_t *p, term_t to, term_t msg, int kind) {
    vm_t *vm = p->vm;
    term_t token = seq_token(p);
    if (is_nil(token)) return signal_new_copy(vm, p->sched, kind, msg);
    seq_sent(p, to, msg);
    size_t words = is_immed(msg) ? 0 : term_size(vm, msg);
    signal_t *sig = signal_new(vm, p->sched, kind, words + term_size(vm, token));
    if (!sig) return NULL;
    term_t *hp = sig->data;
    sig->term = words ? term_copy(vm, msg, &hp, &sig->off_heap) : msg;
    sig->from = term_copy(vm, token, &hp, &sig->off_heap);
    sig->used = (uint32_t)(hp - sig->data);
    sig->flags = SIGF_TOKEN;
    return sig;
}

signal_t *seq_exit(proc_t *p, term_t to, term_t reason) {
    vm_t *vm = p->vm;
    term_t token = seq_token(p), words[4], *hp = words;
    count(p, token);
    if (token_flags(token) & SEQ_SEND)
        tell(p, token, A_send, to, tuple3(&hp, A_EXIT, p->pid, reason));
    size_t n = term_size(vm, token);
    signal_t *sig = signal_new_reason(vm, sched_current(vm), SIG_EXIT, reason, n + EXIT_WORDS);
    if (!sig) return NULL;
    hp = sig->data + sig->used;
    sig->ref = term_copy(vm, token, &hp, &sig->off_heap);
    sig->used = (uint32_t)(hp - sig->data);
    sig->flags = SIGF_TOKEN;
    return sig;
}

/* p gets a token that came with a message. false: no memory. */
static bool token_take(proc_t *p, term_t token) {
    if (!token_set(p, token)) return false;
    proc_ext_t *x = p->ext;
    x->seq_last = (uint64_t)small_value(tuple_elem(token, TOKEN_SERIAL));
    if ((int64_t)(x->seq_clock - x->seq_last) < 0) x->seq_clock = x->seq_last;
    return true;
}

/* Messages of the machine itself leave the token alone, others without one take it away. */
void seq_received(proc_t *p, signal_t *m) {
    if (!(m->flags & SIGF_TOKEN)) {
        if (!(m->flags & SIGF_PLAIN) && !is_nil(m->from)) token_set(p, TERM_NIL);
        return;
    }
    term_t token = m->from;
    m->flags &= (uint8_t)~SIGF_TOKEN;
    if (!token_take(p, token)) return; /* no memory: the chain ends here */
    if (token_flags(token) & SEQ_RECEIVE) tell(p, token, A_receive_, p->pid, m->term);
}

/* A list of the options in the simple functions' names. */
static term_t simple_options(const spawn_opts_t *o, term_t **hp) {
    term_t l = o->monitor ? cons(hp, A_monitor, TERM_NIL) : TERM_NIL;
    return o->link ? cons(hp, A_link, l) : l;
}

/* The parent's request and the child's answer count as messages, also where the parent waits for
 * the answer. Then OTP takes the answer's number in the form of a term for the number itself. */
void seq_spawned(proc_t *parent, proc_t *child, term_t m, term_t f, uint32_t arity, term_t args,
                 const spawn_opts_t *o) {
    vm_t *vm = parent->vm;
    seq_spawn_t *q = o->seq;
    bool is_request = q && q->is_request;
    term_t token = seq_token(parent), words[64], *hp = words;
    if (is_nil(token)) return;
    uint32_t set = token_flags(token);
    term_t ref = q && q->is_request ? q->ref : make_ref(&hp, vm_next_ref(vm), 0);
    term_t tag = is_request ? q->tag : (term_t)A_spawn_reply;
    term_t options = q && !is_nil(q->options) ? q->options : simple_options(o, &hp);
    term_t mfa;
    if (is_request) {
        args = cons(&hp, tuple3(&hp, m, f, args), TERM_NIL);
        mfa = tuple3(&hp, A_erts_internal, A_spawn_init, make_small(1));
    } else {
        mfa = tuple3(&hp, m, f, make_small(arity));
    }
    term_t *t = hp;
    hp += 9;
    t[0] = make_header(T_TUPLE, 8);
    t[1] = A_spawn_request, t[2] = ref, t[3] = parent->pid, t[4] = child->group_leader;
    t[5] = mfa, t[6] = options, t[7] = tag, t[8] = args;
    count(parent, token);
    if (set & SEQ_SEND) tell(parent, token, A_send, child->pid, make_boxed(t));
    if (!token_take(child, token)) return;
    if (set & SEQ_RECEIVE) tell(child, token, A_receive_, child->pid, make_boxed(t));
    term_t answer = tuple4(&hp, tag, ref, A_ok, child->pid);
    if (is_request) {
        q->answer = seq_send(child, parent->pid, answer, SIG_MESSAGE);
        return;
    }
    token = seq_token(child);
    count(child, token);
    if (set & SEQ_SEND) tell(child, token, A_send, parent->pid, answer);
    if (set & SEQ_RECEIVE) tell(parent, token, A_receive_, parent->pid, answer);
    parent->ext->seq_clock = parent->ext->seq_last = child->ext->seq_clock << 4 | 15;
}

static void reset_one(proc_t *p, signal_t *sig) {
    for (signal_t *m = p->mq.first; m; m = m->next) m->flags &= (uint8_t)~SIGF_TOKEN;
    token_set(p, TERM_NIL);
    signal_free(p->vm, sched_current(p->vm), sig);
}
static bool ask_reset(void *user, proc_t *p) {
    vm_t *vm = user;
    signal_t *sig = signal_new(vm, sched_current(vm), SIG_CALL, 0);
    if (!sig) return false;
    sig->fn = reset_one;
    proc_signal(vm, p, sig);
    return true;
}
void seq_reset(proc_t *p) {
    for (signal_t *m = p->mq.first; m; m = m->next) m->flags &= (uint8_t)~SIGF_TOKEN;
    token_set(p, TERM_NIL);
    proc_each(p->vm, ask_reset, p->vm);
}

/* ---- setting ---- */

static bool is_token(term_t t) {
    return is_tuple_of(t, 5) && is_small(tuple_elem(t, TOKEN_FLAGS)) &&
           is_small(tuple_elem(t, TOKEN_SERIAL)) && is_pid(tuple_elem(t, TOKEN_FROM)) &&
           is_small(tuple_elem(t, TOKEN_LAST));
}

/* The token with one element changed; a new one where there was none. */
static bool element_set(proc_t *p, unsigned i, term_t v) {
    term_t words[6], token = seq_token(p), *hp = words;
    term_t t = tuple5(&hp, 0, 0, 0, p->pid, 0);
    if (!is_nil(token)) memcpy(words, boxed_ptr(token), sizeof words);
    words[i] = v;
    return token_set(p, t);
}

static term_t serial_of(proc_t *p, term_t token) {
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, tuple_elem(token, TOKEN_LAST), tuple_elem(token, TOKEN_SERIAL))
              : TERM_NONE;
}

bool seq_accepts(term_t what, term_t value) {
    if (flag_of(what)) return value == A_true || value == A_false;
    if (what == A_serial)
        return is_tuple_of(value, 2) && is_small(tuple_elem(value, 1)) &&
               is_small(tuple_elem(value, 2));
    return what == A_label;
}

term_t seq_set(proc_t *p, term_t what, term_t value, bool *oom) {
    term_t token = seq_token(p), old;
    uint32_t flag = flag_of(what);
    *oom = false;
    if (flag) {
        if (value != A_true && value != A_false) return TERM_NONE;
        uint32_t now = is_nil(token) ? 0 : token_flags(token);
        old = make_bool(now & flag);
        if (is_nil(token) && value == A_false) return old;
        if (flag & SEQ_STAMPS && value == A_true) now &= ~(uint32_t)SEQ_STAMPS;
        now = value == A_true ? now | flag : now & ~flag;
        *oom = !element_set(p, TOKEN_FLAGS, make_small(now));
    } else if (what == A_label) {
        old = is_nil(token) ? 0 : term_copy_to(p, tuple_elem(token, TOKEN_LABEL));
        *oom = old == TERM_NONE || !element_set(p, TOKEN_LABEL, value);
    } else if (what == A_serial) {
        if (!is_tuple_of(value, 2) || !is_small(tuple_elem(value, 1)) ||
            !is_small(tuple_elem(value, 2)))
            return TERM_NONE;
        if (is_nil(token) && !element_set(p, TOKEN_FLAGS, 0)) {
            *oom = true;
            return TERM_NONE;
        }
        old = serial_of(p, seq_token(p));
        if (old == TERM_NONE) {
            *oom = true;
            return old;
        }
        p->ext->seq_last = (uint64_t)small_value(tuple_elem(value, 1));
        p->ext->seq_clock = (uint64_t)small_value(tuple_elem(value, 2));
        term_t *e = boxed_ptr(seq_token(p));
        e[TOKEN_LAST] = tuple_elem(value, 1);
        e[TOKEN_SERIAL] = tuple_elem(value, 2);
    } else if (what == A_sequential_trace_token) {
        if (!is_nil(value) && !is_token(value)) return TERM_NONE;
        old = is_nil(token) ? token : term_copy_to(p, token);
        *oom = old == TERM_NONE || !token_set(p, value);
    } else {
        return TERM_NONE;
    }
    return *oom ? TERM_NONE : old;
}

/* ---- BIFs ---- */

static BIF(seq_trace_2) {
    bool oom;
    term_t old = seq_set(p, a[0], a[1], &oom);
    if (old != TERM_NONE) return old;
    return oom ? bif_oom(p) : bif_badarg(p);
}

static BIF(seq_trace_info_1) {
    term_t token = seq_token(p), v;
    if (!is_atom(a[0])) return bif_badarg(p);
    uint32_t flag = flag_of(a[0]);
    if (flag) {
        v = make_bool(!is_nil(token) && token_flags(token) & flag);
    } else if (a[0] == A_label || a[0] == A_serial) {
        if (is_nil(token)) return TERM_NIL;
        v = a[0] == A_serial ? serial_of(p, token)
                             : term_copy_to(p, tuple_elem(token, TOKEN_LABEL));
        if (v == TERM_NONE) return bif_oom(p);
    } else if (a[0] == A_spawn && is_nil(token)) { /* as OTP has it */
        v = A_false;
    } else {
        return bif_badarg(p);
    }
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, a[0], v) : bif_oom(p);
}

static term_t print(proc_t *p, term_t msg) {
    term_t token = seq_token(p);
    if (is_nil(token) || !(token_flags(token) & SEQ_PRINT)) return A_false;
    count(p, token);
    tell(p, token, A_print, TERM_NIL, msg);
    return A_true;
}
static BIF(seq_trace_print_1) { return print(p, a[0]); }
static BIF(seq_trace_print_2) {
    term_t token = seq_token(p);
    if (is_nil(token)) return A_false;
    if (!is_atom(a[0]) && !is_small(a[0])) return bif_badarg(p);
    return tuple_elem(token, TOKEN_LABEL) != a[0] ? (term_t)A_false : print(p, a[1]);
}

const bif_def_t bifs_seq_trace[] = {
    {"erlang", "seq_trace", 2, seq_trace_2, 0},
    {"erlang", "seq_trace_info", 1, seq_trace_info_1, 0},
    {"erlang", "seq_trace_print", 1, seq_trace_print_1, 0},
    {"erlang", "seq_trace_print", 2, seq_trace_print_2, 0},
    {0},
};
