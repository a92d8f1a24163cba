/* bif_info.c: what the machine says about processes and itself: process_info, system_info,
 * statistics, memory, and the flags of the whole system. Values that describe BEAM's own internals
 * (allocators, scheduler topology) are OTP's defaults or undefined; docs/differences.md lists them.
 */
#include "outlet/outlet.h"
#include "vm/bif.h"
#include "vm/binary.h"
#include "vm/clock.h"
#include "vm/code.h"
#include "vm/copy.h"
#include "vm/engine.h"
#include "vm/ets.h"
#include "vm/io.h"
#include "vm/link.h"
#include "vm/map.h"
#include "vm/proc_dict.h"
#include "vm/proc_dump.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/seq_trace.h"
#include "vm/system_items.h"
#include "vm/trace.h"

#define OTP_RELEASE "25"
#define TRACE_MAX   8 /* frames current_stacktrace shows */

/* ---- small builders ---- TERM_NONE goes through */

static term_t pair(proc_t *p, term_t a, term_t b) {
    if (b == TERM_NONE) return TERM_NONE;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, a, b) : TERM_NONE;
}
static term_t push(proc_t *p, term_t head, term_t tail) {
    if (head == TERM_NONE || tail == TERM_NONE) return TERM_NONE;
    term_t *hp = heap_alloc(p, 2);
    return hp ? cons(&hp, head, tail) : TERM_NONE;
}
static term_t number(proc_t *p, uint64_t n) {
    return LIKELY(n <= (uint64_t)SMALL_MAX) ? make_small((int64_t)n) : uint64_to_term(p, n);
}
static term_t or_oom(proc_t *p, term_t t) { return t == TERM_NONE ? bif_oom(p) : t; }

/* ---- where a process is ---- */

/* Addresses of a process's frames, newest first. */
static unsigned places(proc_t *p, const uint64_t **at, unsigned max) {
    unsigned n = 0;
    const uint64_t *ip = p->ip;
    if (atomic_load_explicit(&p->state, memory_order_relaxed) & PS_RUNNING &&
        p->sched->current == p)
        ip = p->sched->bif_ip; /* p->ip is where its slice began */
    code_place_t pl;
    if (ip && n < max && code_lookup(p->vm, ip, &pl) && pl.function) at[n++] = ip;
    const term_t *from = p->sp;
    term_t before = TERM_NONE;
    if (p->flags & PF_SAVED_ARGS) from += p->arity;
    for (const term_t *s = from; s < p->hend && n < max; s++) {
        if (!is_header(*s)) continue;
        if (*s == before) continue; /* a recursion counts once, as in OTP */
        before = *s;
        const uint64_t *ret = (const uint64_t *)(uintptr_t)(*s - CALL_MARK);
        if (ret != engine_exit_code(p->vm) && !trace_is_frame(p->vm, *s)) at[n++] = ret - 1;
    }
    return n;
}

static bool first_place(proc_t *p, code_place_t *pl) {
    const uint64_t *at;
    return places(p, &at, 1) == 1 && code_lookup(p->vm, at, pl) && pl->function;
}

static term_t mfa(proc_t *p, term_t m, term_t f, uint32_t arity) {
    term_t *hp = heap_alloc(p, 4);
    return hp ? tuple3(&hp, m, f, make_small(arity)) : TERM_NONE;
}

/* {M, F, A, [{file, F}, {line, L}]} */
static term_t location(proc_t *out, const code_place_t *pl) {
    term_t info = TERM_NIL;
    if (pl->line) {
        term_t line = pair(out, A_line, make_small(pl->line));
        info = push(out, pair(out, A_file, pl->file), push(out, line, TERM_NIL));
        if (info == TERM_NONE) return TERM_NONE;
    }
    term_t *hp = heap_alloc(out, 5);
    return hp ? tuple4(&hp, pl->module->name, pl->function->function,
                       make_small(pl->function->arity), info)
              : TERM_NONE;
}

static term_t current_function(proc_t *p, proc_t *out) {
    code_place_t pl;
    if (first_place(p, &pl))
        return mfa(out, pl.module->name, pl.function->function, pl.function->arity);
    return mfa(out, p->init_m, p->init_f, p->init_a);
}

static term_t current_location(proc_t *p, proc_t *out) {
    code_place_t pl;
    if (first_place(p, &pl)) return location(out, &pl);
    term_t *hp = heap_alloc(out, 5);
    return hp ? tuple4(&hp, p->init_m, p->init_f, make_small(p->init_a), TERM_NIL) : TERM_NONE;
}

static term_t current_stacktrace(proc_t *p, proc_t *out) {
    const uint64_t *at[TRACE_MAX];
    unsigned n = places(p, at, TRACE_MAX);
    term_t list = TERM_NIL;
    while (n-- > 0) {
        code_place_t pl;
        if (code_lookup(p->vm, at[n], &pl) && pl.function)
            list = push(out, location(out, &pl), list);
    }
    return list;
}

/* ---- items of process_info ---- */

static term_t item_status(proc_t *p, proc_t *out) {
    uint32_t st = atomic_load_explicit(&p->state, memory_order_relaxed);
    (void)out;
    if (st & PS_EXITING || p->flags & PF_EXIT_PENDING) return A_exiting;
    if (st & PS_SUSPENDED) return A_suspended;
    if (st & PS_RUNNING && p->sched->current == p) return A_running;
    return st & PS_RUNNABLE ? A_runnable : A_waiting;
}

static term_t item_messages(proc_t *p, proc_t *out) {
    size_t words = 0, n = 0;
    for (signal_t *m = p->mq.first; m; m = m->next, n++)
        words += 2 + (is_immed(m->term) ? 0 : term_size(p->vm, m->term));
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(out, words);
    if (!hp) return TERM_NONE;
    term_t *cell = hp, list = make_cons(hp);
    hp += 2 * n;
    for (signal_t *m = p->mq.first; m; m = m->next, cell += 2) {
        cell[0] = is_immed(m->term) ? m->term : term_copy(p->vm, m->term, &hp, &out->off_heap);
        cell[1] = m->next ? make_cons(cell + 2) : TERM_NIL;
    }
    bif_bump(out, words / 16);
    return list;
}

static term_t item_dictionary(proc_t *p, proc_t *out) {
    if (p == out) return pdict_list(p, p);
    size_t i = 0;
    term_t list = TERM_NIL, k, v;
    while (pdict_next(p, &i, &k, &v)) {
        k = is_immed(k) ? k : term_copy_to(out, k);
        v = is_immed(v) ? v : term_copy_to(out, v);
        if (k == TERM_NONE) return TERM_NONE;
        list = push(out, pair(out, k, v), list);
    }
    return list;
}

static term_t max_heap_size(proc_t *p, proc_t *out) {
    term_t kv[] = {A_size,         make_small(p->max_heap),
                   A_kill,         make_bool(!(p->max_heap_flags & MAX_HEAP_NO_KILL)),
                   A_error_logger, make_bool(!(p->max_heap_flags & MAX_HEAP_NO_LOG))};
    return map_from_pairs(out, kv, 3);
}

static uint32_t min_bin_vheap(const proc_t *p) {
    return p->ext ? p->ext->min_bin_vheap : MIN_BIN_VHEAP;
}

static term_t item_garbage_collection(proc_t *p, proc_t *out) {
    term_t l = push(out, pair(out, A_minor_gcs, make_small(p->gen_gcs)), TERM_NIL);
    l = push(out, pair(out, A_fullsweep_after, make_small(p->fullsweep_after)), l);
    l = push(out, pair(out, A_min_heap_size, make_small(p->min_heap)), l);
    l = push(out, pair(out, A_min_bin_vheap_size, make_small(min_bin_vheap(p))), l);
    return push(out, pair(out, A_max_heap_size, max_heap_size(p, out)), l);
}

static term_t item_garbage_collection_info(proc_t *p, proc_t *out) {
    gc_figure_t rows[GC_FIGURES];
    gc_figures(p, rows);
    term_t l = TERM_NIL;
    for (size_t i = 0; i < GC_FIGURES; i++)
        l = push(out, pair(out, rows[i].name, make_small((int64_t)rows[i].value)), l);
    return l;
}

static term_t item_suspending(proc_t *p, proc_t *out) {
    term_t l = TERM_NIL;
    if (!p->ext) return l;
    for (relation_t *r = relation_first(p->ext->suspends); r;
         r = relation_next(p->ext->suspends, r->key)) {
        term_t *hp = heap_alloc(out, 4);
        if (!hp) return TERM_NONE;
        l = push(out, tuple3(&hp, r->other, r->tag, make_small(0)), l);
    }
    return l;
}

/* {Id, Size, References} of each shared binary it refers to. */
static term_t item_binary(proc_t *p, proc_t *out) {
    term_t l = TERM_NIL;
    const off_heap_t *lists[] = {p->off_heap, p->old_off_heap};
    for (int i = 0; i < 2; i++)
        for (const off_heap_t *o = lists[i]; o; o = o->next) {
            if (header_type(o->header) != T_PROC_BIN) continue;
            const proc_bin_t *b = (const proc_bin_t *)o;
            term_t id = number(out, (uint64_t)(uintptr_t)b->bin);
            term_t *hp = heap_alloc(out, 4);
            if (!hp || id == TERM_NONE) return TERM_NONE;
            uint64_t refs = atomic_load_explicit(&b->bin->refs, memory_order_relaxed);
            term_t t =
                tuple3(&hp, id, make_small((int64_t)b->bin->size), make_small((int64_t)refs));
            l = push(out, t, l);
        }
    return l;
}

static term_t item_magic_ref(proc_t *p, proc_t *out) {
    (void)p, (void)out;
    return TERM_NIL;
}

static size_t process_bytes(const proc_t *p) {
    size_t n = p->block_size + (p->inline_heap ? 0 : heap_block_words(p) * sizeof(term_t));
    n += ((size_t)(p->old_end - p->old_heap) + p->frag_words) * sizeof(term_t);
    for (const signal_t *m = p->mq.first; m; m = m->next) n += sizeof *m + m->size * sizeof(term_t);
    return n + 2 * pdict_count(p) * sizeof(term_t);
}

static term_t item_max_heap_size(proc_t *p, proc_t *out) { return max_heap_size(p, out); }
static term_t item_initial_call(proc_t *p, proc_t *out) {
    return mfa(out, p->init_m, p->init_f, p->init_a);
}
static term_t item_memory(proc_t *p, proc_t *out) { return number(out, process_bytes(p)); }
static term_t item_reductions(proc_t *p, proc_t *out) {
    uint64_t n = p->total_reds;
    if (p->sched->current == p && p->reds < SLICE_REDS) n += (uint64_t)(SLICE_REDS - p->reds);
    return number(out, n);
}
static term_t item_total_heap_size(proc_t *p, proc_t *out) {
    (void)out;
    return make_small((int64_t)heap_total_words(p));
}
static term_t item_heap_size(proc_t *p, proc_t *out) {
    (void)out;
    return make_small((int64_t)heap_block_words(p));
}
static term_t item_stack_size(proc_t *p, proc_t *out) {
    (void)out;
    return make_small(p->hend - p->sp);
}
static term_t item_priority(proc_t *p, proc_t *out) {
    static const uint32_t name[] = {A_max, A_high, A_normal, A_low};
    (void)out;
    return name[p->prio];
}
/* Plain values. */
#define ITEM(name, value)                                                                          \
    static term_t item_##name(proc_t *p, proc_t *out) {                                            \
        (void)p, (void)out;                                                                        \
        return (value);                                                                            \
    }
ITEM(message_queue_len, make_small(p->mq.len))
ITEM(trap_exit, make_bool(p->flags &PF_TRAP_EXIT))
ITEM(error_handler, proc_error_handler(p))
ITEM(group_leader, p->group_leader)
ITEM(message_queue_data, p->flags &PF_OFF_HEAP_MSGS ? A_off_heap : A_on_heap)
ITEM(catchlevel, make_small(p->catches))
ITEM(min_heap_size, make_small(p->min_heap))
ITEM(min_bin_vheap_size, make_small(min_bin_vheap(p)))
ITEM(fullsweep_after, make_small(p->fullsweep_after))
ITEM(parent, p->parent)
ITEM(last_calls, A_false)
ITEM(registered_name, name_of(p))

typedef struct {
    uint32_t name;
    term_t (*fn)(proc_t *p, proc_t *out);
} info_item_t;

/* What process_info/1 shows comes first, in its order. */
#define SUMMARY_ITEMS 17
static term_t item_sequential_trace_token(proc_t *p, proc_t *out) {
    return term_copy_to(out, seq_token(p));
}
static term_t item_trace(proc_t *p, proc_t *out) { /* its flags: bits nobody but the VM reads */
    (void)p, (void)out;
    return make_small(0);
}
static const info_item_t info_items[] = {
    {A_registered_name, item_registered_name},
    {A_current_function, current_function},
    {A_initial_call, item_initial_call},
    {A_status, item_status},
    {A_message_queue_len, item_message_queue_len},
    {A_links, list_links},
    {A_dictionary, item_dictionary},
    {A_trap_exit, item_trap_exit},
    {A_error_handler, item_error_handler},
    {A_priority, item_priority},
    {A_group_leader, item_group_leader},
    {A_total_heap_size, item_total_heap_size},
    {A_heap_size, item_heap_size},
    {A_stack_size, item_stack_size},
    {A_reductions, item_reductions},
    {A_garbage_collection, item_garbage_collection},
    {A_suspending, item_suspending},
    {A_messages, item_messages},
    {A_monitors, list_monitors},
    {A_monitored_by, list_monitored_by},
    {A_current_location, current_location},
    {A_current_stacktrace, current_stacktrace},
    {A_message_queue_data, item_message_queue_data},
    {A_memory, item_memory},
    {A_catchlevel, item_catchlevel},
    {A_min_heap_size, item_min_heap_size},
    {A_min_bin_vheap_size, item_min_bin_vheap_size},
    {A_max_heap_size, item_max_heap_size},
    {A_fullsweep_after, item_fullsweep_after},
    {A_garbage_collection_info, item_garbage_collection_info},
    {A_parent, item_parent},
    {A_binary, item_binary},
    {A_magic_ref, item_magic_ref},
    {A_last_calls, item_last_calls},
    {A_sequential_trace_token, item_sequential_trace_token},
    {A_backtrace, proc_backtrace},
    {A_trace, item_trace},
};
#define INFO_ITEMS (sizeof info_items / sizeof *info_items)

static const info_item_t *find_item(term_t name) {
    for (size_t i = 0; i < INFO_ITEMS; i++)
        if (info_items[i].name == name) return &info_items[i];
    return NULL;
}

static term_t item_pair(const info_item_t *it, proc_t *p, proc_t *out) {
    return pair(out, it->name, it->fn(p, out));
}

term_t process_info_term(proc_t *p, proc_t *out, term_t items, bool *bad) {
    *bad = false;
    if (items == A_all) { /* process_info/1 */
        term_t l = TERM_NIL;
        for (size_t i = SUMMARY_ITEMS; i-- > 0;) {
            if (info_items[i].name == A_registered_name && is_nil(name_of(p))) continue;
            l = push(out, item_pair(&info_items[i], p, out), l);
        }
        return l;
    }
    if (is_atom(items)) {
        const info_item_t *it = find_item(items);
        *bad = !it;
        if (!it) return TERM_NONE;
        /* A name that does not exist is not even a pair. */
        if (it->name == A_registered_name && is_nil(name_of(p))) return TERM_NIL;
        return item_pair(it, p, out);
    }
    term_t first = TERM_NIL, *last = &first;
    for (; is_cons(items); items = cons_tail(items)) {
        const info_item_t *it = find_item(cons_head(items));
        *bad = !it;
        if (!it) return TERM_NONE;
        term_t cell = push(out, item_pair(it, p, out), TERM_NIL);
        if (cell == TERM_NONE) return TERM_NONE;
        *last = cell;
        last = &cons_ptr(cell)[1];
    }
    *bad = !is_nil(items);
    return *bad ? TERM_NONE : first;
}

static bool items_ok(term_t items) {
    if (is_atom(items)) return find_item(items) != NULL;
    for (; is_cons(items); items = cons_tail(items))
        if (!find_item(cons_head(items))) return false;
    return is_nil(items);
}

/* A process in native code may never be back to answer. What application masters ask of all
 * processes when they end can be told without it, if nothing it was sent waits to change that.
 * NONE: ask it. */
static term_t info_of_dirty(proc_t *p, proc_t *q, term_t items) {
    uint32_t st = atomic_load_explicit(&q->state, memory_order_seq_cst);
    if (LIKELY(!(st & PS_DIRTY))) return TERM_NONE;
    if (st & PS_DOOMED) return A_undefined;
    if (items != A_group_leader || proc_has_signals(q)) return TERM_NONE;
    term_t leader = __atomic_load_n(&q->group_leader, __ATOMIC_RELAXED);
    if (!is_local_pid(leader)) return TERM_NONE;
    term_t *hp = heap_alloc(p, 3);
    return hp ? tuple2(&hp, A_group_leader, leader) : bif_oom(p);
}

/* Only the atom `all` that process_info/1 passes on is not a user's. */
static term_t info_of(proc_t *p, term_t pid, term_t items) {
    vm_t *vm = p->vm;
    bool waiting, bad;
    term_t r = proc_await(p, &waiting);
    if (waiting) return bif_wait(p);
    if (r != TERM_NONE) return r;
    proc_t *q = pid == p->pid ? p : proc_lookup(vm, pid);
    if (!q) return A_undefined;
    if (q == p || !vm->threaded) {
        /* What was sent to it before has happened. */
        if (!proc_fetch_signals(q)) return q == p ? bif_wait(p) : (term_t)A_undefined;
        return or_oom(p, process_info_term(q, p, items, &bad));
    }
    term_t known = info_of_dirty(p, q, items);
    if (known != TERM_NONE) return known;
    signal_t *sig = signal_new_whole(vm, p->sched, SIG_PROCESS_INFO, items, 0);
    if (!sig) return bif_oom(p);
    sig->from = p->pid;
    sig->ref = proc_ask(p);
    if (sig->ref == 0) {
        signal_free(vm, p->sched, sig);
        return bif_oom(p);
    }
    proc_signal(vm, q, sig);
    return bif_wait(p);
}

static BIF(bif_process_info_1) {
    return is_local_pid(a[0]) ? info_of(p, a[0], A_all) : bif_badarg(p);
}
static BIF(bif_process_info_2) {
    if (!is_local_pid(a[0]) || !items_ok(a[1])) return bif_badarg(p);
    return info_of(p, a[0], a[1]);
}
/* To standard error; what went wrong is returned. */
static BIF(bif_process_display) {
    if (a[1] != A_backtrace) return A_badopt;
    if (!is_local_pid(a[0])) return A_badarg;
    term_t r = info_of(p, a[0], A_backtrace);
    if (r == TERM_NONE || !is_tuple(r)) return r == A_undefined ? (term_t)A_badarg : r;
    bits_t text; /* a new binary: whole bytes */
    bits_of(tuple_elem(r, 2), &text);
    io_say(p->vm, (const char *)text.base, text.bit_size / 8);
    return A_true;
}

/* ---- memory ---- */

typedef struct {
    size_t processes;
    uint32_t n;
} sum_t;
static bool add_process(void *user, proc_t *p) {
    sum_t *s = user;
    (void)p;
    s->n++;
    return true;
}

static bool add_code(void *user, module_t *m, bool is_old) {
    (void)is_old;
    *(size_t *)user += m->code_words * sizeof *m->code + m->strings_size +
                       m->nlines * sizeof *m->lines + m->nfunctions * sizeof *m->functions;
    return true;
}
/* With all literals, those of persistent terms included. */
static size_t code_bytes(vm_t *vm) {
    size_t n = literal_bytes(vm);
    module_each(vm, add_code, &n);
    return n;
}

/* Bytes of one kind. Only the total is measured; processes are counted by their blocks. */
static bool memory_of(proc_t *p, term_t type, size_t *out) {
    vm_t *vm = p->vm;
    size_t total = atomic_load_explicit(&vm->memory_used, memory_order_relaxed);
    size_t atoms = atom_count(vm) * 64;
    size_t procs = 0;
    if (!vm->threaded) {
        sum_t s = {0};
        proc_each(vm, add_process, &s);
        procs = s.n * (size_t)PROC_BLOCK_BYTES;
    } else {
        procs = proc_count(vm) * (size_t)PROC_BLOCK_BYTES;
    }
    if (procs > total) procs = total;
    switch (type) {
    case A_total: *out = total; return true;
    case A_processes:
    case A_processes_used: *out = procs; return true;
    case A_system: *out = total - procs; return true;
    case A_atom:
    case A_atom_used: *out = atoms; return true;
    case A_ets: *out = ets_memory(p->vm); return true;
    case A_code: *out = code_bytes(vm); return true;
    case A_binary: *out = 0; return true;
    default: return false;
    }
}

static term_t memory_list(proc_t *p, const term_t *types, size_t n) {
    term_t l = TERM_NIL;
    while (n-- > 0) {
        size_t bytes;
        if (!memory_of(p, types[n], &bytes)) return bif_badarg(p);
        l = push(p, pair(p, types[n], make_small((int64_t)bytes)), l);
    }
    return or_oom(p, l);
}
static BIF(bif_memory_0) {
    static const uint32_t all[] = {A_total,     A_processes, A_processes_used, A_system, A_atom,
                                   A_atom_used, A_binary,    A_code,           A_ets};
    term_t types[sizeof all / sizeof *all];
    (void)a;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) types[i] = all[i];
    return memory_list(p, types, sizeof all / sizeof *all);
}
static BIF(bif_memory_1) {
    size_t bytes, n = 0;
    term_t types[16];
    if (is_atom(a[0])) {
        if (!memory_of(p, a[0], &bytes)) return bif_badarg(p);
        return make_small((int64_t)bytes);
    }
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        if (n == sizeof types / sizeof *types || !is_atom(cons_head(l))) return bif_badarg(p);
        types[n++] = cons_head(l);
    }
    return list_length(a[0]) < 0 ? bif_badarg(p) : memory_list(p, types, n);
}

/* ---- system_info ---- */

static term_t sys_os_type(proc_t *p) { return pair(p, A_unix, A_linux); }
static term_t sys_os_version(proc_t *p) {
    term_t *hp = heap_alloc(p, 4);
    unsigned v[3] = {0, 0, 0};
    host_t *h = p->vm->host;
    if (h->ops->os_version) h->ops->os_version(h, v);
    return hp ? tuple3(&hp, make_small(v[0]), make_small(v[1]), make_small(v[2])) : TERM_NONE;
}
static term_t sys_otp_release(proc_t *p) { return string_to_list(p, OTP_RELEASE); }
static term_t sys_version(proc_t *p) { return string_to_list(p, ERTS_VERSION); }
static term_t sys_machine(proc_t *p) { return string_to_list(p, "BEAM"); }
static term_t sys_driver_version(proc_t *p) { return string_to_list(p, "3.3"); }
static term_t sys_nif_version(proc_t *p) { return string_to_list(p, "2.16"); }
static term_t sys_architecture(proc_t *p) { return string_to_list(p, "x86_64-pc-linux-gnu"); }
static term_t sys_system_version(proc_t *p) {
    return string_to_list(p, "Erlang/OTP " OTP_RELEASE " [erts-" ERTS_VERSION
                             "] [libling] [64-bit]\n");
}
static term_t sys_process_count(proc_t *p) { return make_small(proc_count(p->vm)); }
static term_t sys_process_limit(proc_t *p) { return make_small(proc_limit(p->vm)); }
static term_t sys_atom_count(proc_t *p) { return make_small((int64_t)atom_count(p->vm)); }
static term_t sys_atom_limit(proc_t *p) { return make_small((int64_t)atom_limit(p->vm)); }
static term_t sys_schedulers(proc_t *p) { return make_small(p->vm->nscheds); }
static term_t sys_dirty_cpu(proc_t *p) { return make_small(dirty_count(p->vm, DIRTY_CPU)); }
static term_t sys_dirty_io(proc_t *p) { return make_small(dirty_count(p->vm, DIRTY_IO)); }
static term_t sys_scheduler_id(proc_t *p) { return make_small(p->sched->id); }
static term_t sys_schedulers_state(proc_t *p) {
    term_t *hp = heap_alloc(p, 4), n = make_small(p->vm->nscheds);
    return hp ? tuple3(&hp, n, n, n) : TERM_NONE;
}
static term_t sys_bindings(proc_t *p) {
    size_t n = p->vm->nscheds;
    term_t *hp = heap_alloc(p, n + 1);
    if (!hp) return TERM_NONE;
    hp[0] = make_header(T_TUPLE, n);
    for (size_t i = 1; i <= n; i++) hp[i] = A_unbound;
    return make_boxed(hp);
}
static term_t sys_cpus(proc_t *p) {
    const host_ops_t *ops = p->vm->host->ops;
    unsigned n = ops->cpu_count ? ops->cpu_count(p->vm->host) : 0;
    return n ? make_small(n) : (term_t)A_unknown;
}
static term_t sys_start_time(proc_t *p) { return number(p, p->vm->start_ns); }
static term_t sys_end_time(proc_t *p) { return int64_to_term(p, INT64_MAX / 2); }
static term_t sys_time_correction(proc_t *p) {
    return make_bool(!p->vm->options.no_time_correction);
}
static term_t sys_time_offset(proc_t *p) { return clock_state(p->vm); }
static term_t sys_time_warp_mode(proc_t *p) {
    static const uint32_t modes[] = {A_no_time_warp, A_single_time_warp, A_multi_time_warp};
    return modes[p->vm->options.time_warp];
}
static term_t sys_min_heap(proc_t *p) {
    uint32_t n = p->vm->options.min_heap_size ? p->vm->options.min_heap_size : DEFAULT_MIN_HEAP;
    return pair(p, A_min_heap_size, make_small(n));
}
static term_t sys_min_bin_vheap(proc_t *p) {
    return pair(p, A_min_bin_vheap_size, make_small(MIN_BIN_VHEAP));
}
static term_t sys_fullsweep(proc_t *p) {
    return pair(p, A_fullsweep_after, make_small(UINT16_MAX));
}
static term_t sys_max_heap(proc_t *p) {
    term_t kv[] = {A_size, make_small(0), A_kill, A_true, A_error_logger, A_true};
    return map_from_pairs(p, kv, 3);
}
static term_t sys_gc(proc_t *p) {
    term_t l = push(p, sys_fullsweep(p), TERM_NIL);
    l = push(p, sys_min_heap(p), l);
    l = push(p, sys_min_bin_vheap(p), l);
    return push(p, pair(p, A_max_heap_size, make_small(0)), l);
}
static term_t sys_heap_sizes(proc_t *p) {
    term_t list = TERM_NIL;
    size_t sizes[64], n = 0;
    for (size_t s = min_heap_step(1); n < 56; s = min_heap_step(s + 1)) sizes[n++] = s;
    while (n > 0) list = push(p, make_small((int64_t)sizes[--n]), list);
    return list;
}
static term_t sys_compiler(proc_t *p) {
    term_t *hp = heap_alloc(p, 4);
    if (!hp) return TERM_NONE;
    return pair(p, A_gnuc, tuple3(&hp, make_small(12), make_small(2), make_small(0)));
}
static term_t seq_tracer(proc_t *p) {
    term_t t = atomic_load_explicit(&p->vm->trace->seq_tracer, memory_order_acquire);
    return tracer_lives(p->vm, t, A_undefined) ? tracer_term(p, t) : (term_t)A_false;
}
static term_t sys_seq_tracer(proc_t *p) { return pair(p, A_sequential_tracer, seq_tracer(p)); }
static term_t sys_trace_word(proc_t *p) {
    return make_small((int64_t)atomic_load_explicit(&p->vm->trace->tcw, memory_order_relaxed));
}
static term_t sys_logger(proc_t *p) {
    term_t logger =
        atomic_load_explicit(&sched_sys_state(p->vm)->system_logger, memory_order_relaxed);
    return logger ? logger : (term_t)A_logger;
}

static term_t sys_port_count(proc_t *p) { return make_small(outlet_count(p->vm)); }
static term_t sys_ets_count(proc_t *p) { return make_small((int64_t)ets_count(p->vm)); }

/* fn, or a constant. */
static const struct {
    uint32_t name;
    uint32_t value;
    term_t (*fn)(proc_t *p);
} system_items[] = {
    {A_os_type, 0, sys_os_type},
    {A_os_version, 0, sys_os_version},
    {A_otp_release, 0, sys_otp_release},
    {A_version, 0, sys_version},
    {A_machine, 0, sys_machine},
    {A_driver_version, 0, sys_driver_version},
    {A_nif_version, 0, sys_nif_version},
    {A_system_architecture, 0, sys_architecture},
    {A_system_version, 0, sys_system_version},
    {A_process_count, 0, sys_process_count},
    {A_process_limit, 0, sys_process_limit},
    {A_atom_count, 0, sys_atom_count},
    {A_atom_limit, 0, sys_atom_limit},
    {A_schedulers, 0, sys_schedulers},
    {A_schedulers_online, 0, sys_schedulers},
    {A_schedulers_state, 0, sys_schedulers_state},
    {A_scheduler_id, 0, sys_scheduler_id},
    {A_scheduler_bindings, 0, sys_bindings},
    {A_scheduler_bind_type, A_unbound, NULL},
    {A_dirty_cpu_schedulers, 0, sys_dirty_cpu},
    {A_dirty_cpu_schedulers_online, 0, sys_dirty_cpu},
    {A_dirty_io_schedulers, 0, sys_dirty_io},
    {A_logical_processors, 0, sys_cpus},
    {A_logical_processors_online, 0, sys_cpus},
    {A_logical_processors_available, 0, sys_cpus},
    {A_cpu_topology, A_undefined, NULL},
    {A_update_cpu_info, A_unchanged, NULL},
    {A_start_time, 0, sys_start_time},
    {A_end_time, 0, sys_end_time},
    {A_min_heap_size, 0, sys_min_heap},
    {A_min_bin_vheap_size, 0, sys_min_bin_vheap},
    {A_fullsweep_after, 0, sys_fullsweep},
    {A_max_heap_size, 0, sys_max_heap},
    {A_garbage_collection, 0, sys_gc},
    {A_heap_sizes, 0, sys_heap_sizes},
    {A_c_compiler_used, 0, sys_compiler},
    {A_sequential_tracer, 0, sys_seq_tracer},
    {A_system_logger, 0, sys_logger},
    {A_wordsize, 8 << SMALL_SHIFT, NULL},
    {A_port_count, 0, sys_port_count},
    {A_port_limit, 65536u << SMALL_SHIFT, NULL},
    {A_ets_count, 0, sys_ets_count},
    {A_ets_limit, 8192u << SMALL_SHIFT, NULL},
    {A_emu_flavor, A_emu, NULL},
    {A_emu_type, A_opt, NULL},
    {A_build_type, A_opt, NULL},
    {A_heap_type, A_private, NULL},
    {A_threads, A_true, NULL},
    {A_smp_support, A_true, NULL},
    {A_thread_pool_size, 0, NULL},
    {A_creation, 0, NULL},
    {A_compat_rel, 25u << SMALL_SHIFT, NULL},
    {A_debug_compiled, A_false, NULL},
    {A_break_ignored, A_false, NULL},
    {A_kernel_poll, A_true, NULL},
    {A_port_parallelism, A_false, NULL},
    {A_message_queue_data, A_on_heap, NULL},
    {A_multi_scheduling, A_enabled, NULL},
    {A_multi_scheduling_blockers, TERM_NIL, NULL},
    {A_normal_multi_scheduling_blockers, TERM_NIL, NULL},
    {A_modified_timing_level, A_undefined, NULL},
    {A_time_correction, 0, sys_time_correction},
    {A_time_offset, 0, sys_time_offset},
    {A_time_warp_mode, 0, sys_time_warp_mode},
    {A_tolerant_timeofday, A_enabled, NULL},
    {A_trace_control_word, 0, sys_trace_word},
    {A_dynamic_trace, A_none, NULL},
    {A_dynamic_trace_probes, A_false, NULL},
    {A_dist_buf_busy_limit, 1048576u << SMALL_SHIFT, NULL},
    {A_dist_ctrl, TERM_NIL, NULL},
    {A_delayed_node_table_gc, 60u << SMALL_SHIFT, NULL},
    {A_outstanding_system_requests_limit, 4u << SMALL_SHIFT, NULL},
    {A_hipe_architecture, A_undefined, NULL},
    {A_taints, TERM_NIL, NULL},
    {A_alloc_util_allocators, TERM_NIL, NULL},
    {A_eager_check_io, A_true, NULL},
    {A_ets_realloc_moves, A_false, NULL},
    {A_constant_pool_support, A_true, NULL},
    {A_beam_jump_table, A_true, NULL},
    {A_literal_test, A_range, NULL},
};

static BIF(bif_system_info) {
    if (is_atom(a[0])) {
        for (size_t i = 0; i < sizeof system_items / sizeof *system_items; i++) {
            if (system_items[i].name != a[0]) continue;
            if (!system_items[i].fn) return system_items[i].value;
            return or_oom(p, system_items[i].fn(p));
        }
    }
    if (is_tuple_of(a[0], 2)) {
        term_t what = tuple_elem(a[0], 1), arg = tuple_elem(a[0], 2);
        if (what == A_wordsize && (arg == A_internal || arg == A_external)) return make_small(8);
    }
    return system_item(p, a[0]);
}

/* ---- system_flag ---- the old value; what it sets has no effect but for system_logger */

static BIF(bif_system_flag) {
    term_t v = a[1];
    int64_t n = 0;
    bool count = term_to_int64(v, &n) && n >= 0;
    switch (a[0]) {
    case A_system_logger: {
        if (!is_local_pid(v) && v != A_logger && v != A_undefined) return bif_badarg(p);
        term_t old = atomic_exchange_explicit(&sched_sys_state(p->vm)->system_logger,
                                              v == A_logger ? 0 : v, memory_order_relaxed);
        return old ? old : (term_t)A_logger;
    }
    case A_backtrace_depth: return count ? make_small(8) : bif_badarg(p);
    case A_fullsweep_after: return count ? make_small(UINT16_MAX) : bif_badarg(p);
    case A_min_heap_size: return count ? make_small(DEFAULT_MIN_HEAP) : bif_badarg(p);
    case A_min_bin_vheap_size: return count ? make_small(MIN_BIN_VHEAP) : bif_badarg(p);
    case A_max_heap_size: return or_oom(p, sys_max_heap(p));
    case A_multi_scheduling:
        if (v == A_block || v == A_block_normal) return A_blocked;
        return v == A_unblock || v == A_unblock_normal ? (term_t)A_enabled : bif_badarg(p);
    case A_schedulers_online:
        if (!count || n < 1 || n > p->vm->nscheds) return bif_badarg(p);
        return make_small(p->vm->nscheds);
    case A_dirty_cpu_schedulers_online:
        if (!count || n < 1 || n > p->vm->nscheds) return bif_badarg(p);
        return make_small(dirty_count(p->vm, DIRTY_CPU));
    case A_trace_control_word:
        if (!count || n > SMALL_MAX) return bif_badarg(p);
        return make_small((int64_t)atomic_exchange_explicit(&p->vm->trace->tcw, (uint64_t)n,
                                                            memory_order_relaxed));
    case A_outstanding_system_requests_limit: return count && n ? make_small(4) : bif_badarg(p);
    case A_time_offset:
        return v == A_finalize ? clock_finalize(p->vm) : bif_badarg_cause(p, A_badopt);
    case A_scheduler_bind_type: return A_unbound;
    case A_cpu_topology: return A_undefined;
    case A_scheduler_wall_time: return wall_time_flag(p, v);
    case A_debug_flags: return A_true;
    case A_microstate_accounting:
        return v == A_true || v == A_false ? (term_t)A_false
               : v == A_reset              ? (term_t)A_true
                                           : bif_badarg(p);
    case A_sequential_tracer: {
        term_t old = seq_tracer(p), t = v == A_false ? 0 : tracer_of(p, v);
        if (old == TERM_NONE || t == TERM_NONE) return bif_oom(p);
        if (t != 0 && !tracer_lives(p->vm, t, A_undefined)) return bif_badarg(p);
        atomic_store_explicit(&p->vm->trace->seq_tracer, t, memory_order_release);
        return old;
    }
    case A_reset_seq_trace:
        if (v != A_true) return bif_badarg(p);
        seq_reset(p);
        return A_true;
    default: return bif_badarg_cause(p, A_badopt);
    }
}

/* ---- statistics ---- */

/* {Total, SinceLastCall}; *last is the total then. */
static term_t since_last(proc_t *p, _Atomic(uint64_t) *last, uint64_t now) {
    uint64_t before = atomic_exchange_explicit(last, now, memory_order_relaxed);
    term_t t = number(p, now), d = number(p, now - before);
    if (t == TERM_NONE || d == TERM_NONE) return TERM_NONE;
    return pair(p, t, d);
}

static term_t queue_lengths(proc_t *p, bool all) {
    sched_stats_t st;
    sched_stats(p->vm, &st);
    /* One list entry a scheduler; the queues are shared by stealing, so the sum stands first. */
    term_t l = all ? push(p, make_small(st.dirty_runnable[1]), TERM_NIL) : TERM_NIL;
    l = push(p, make_small(st.dirty_runnable[0]), l);
    for (unsigned i = 1; i < p->vm->nscheds; i++) l = push(p, make_small(0), l);
    return push(p, make_small(st.runnable), l);
}

static BIF(bif_statistics) {
    vm_t *vm = p->vm;
    sched_stats_t st;
    switch (a[0]) {
    case A_reductions:
    case A_exact_reductions:
        sched_stats(vm, &st);
        if (p->reds < SLICE_REDS) st.reductions += (uint64_t)(SLICE_REDS - p->reds);
        return or_oom(p,
                      since_last(p,
                                 a[0] == A_reductions ? &sched_sys_state(vm)->last_reductions
                                                      : &sched_sys_state(vm)->last_exact_reductions,
                                 st.reductions));
    case A_runtime: {
        const host_ops_t *ops = vm->host->ops;
        uint64_t ns = ops->cpu_ns ? ops->cpu_ns(vm->host) : vm_now(vm) - vm->start_ns;
        return or_oom(p, since_last(p, &sched_sys_state(vm)->last_runtime, ns / 1000000));
    }
    case A_wall_clock:
        return or_oom(p, since_last(p, &sched_sys_state(vm)->last_wall_clock,
                                    (vm_now(vm) - vm->start_ns) / 1000000));
    case A_context_switches:
        sched_stats(vm, &st);
        return or_oom(p, pair(p, number(p, st.switches), make_small(0)));
    case A_garbage_collection: {
        sched_stats(vm, &st);
        term_t n = number(p, st.gcs), w = number(p, st.gc_words), *hp = heap_alloc(p, 4);
        if (n == TERM_NONE || w == TERM_NONE || !hp) return bif_oom(p);
        return tuple3(&hp, n, w, make_small(0));
    }
    case A_io: {
        term_t in = pair(p, A_input, make_small(0)), out = pair(p, A_output, make_small(0));
        return in == TERM_NONE ? bif_oom(p) : or_oom(p, pair(p, in, out));
    }
    case A_run_queue:
    case A_total_run_queue_lengths:
    case A_total_run_queue_lengths_all: sched_stats(vm, &st); return make_small(st.runnable);
    case A_total_active_tasks:
    case A_total_active_tasks_all:
        sched_stats(vm, &st);
        return make_small(st.runnable + st.running);
    case A_run_queue_lengths:
    case A_active_tasks: return or_oom(p, queue_lengths(p, false));
    case A_run_queue_lengths_all:
    case A_active_tasks_all: return or_oom(p, queue_lengths(p, true));
    case A_scheduler_wall_time: return wall_times(p, false);
    case A_scheduler_wall_time_all: return wall_times(p, true);
    case A_run_queues: return run_queues(p);
    case A_microstate_accounting: return A_undefined;
    default: return bif_badarg(p);
    }
}

/* ---- fixed answers ---- */

static BIF(bif_undefined_0) {
    (void)p, (void)a;
    return A_undefined;
}
static BIF(bif_wall_time) { return wall_time_flag(p, a[0]); }
static BIF(bif_system_check) { return a[0] == A_schedulers ? (term_t)A_ok : bif_badarg(p); }
static BIF(bif_one) {
    (void)p, (void)a;
    return make_small(1);
}
/* There is no DTrace. */
static BIF(bif_dt_spread_tag) {
    return a[0] == A_true || a[0] == A_false ? (term_t)A_true : bif_badarg(p);
}
static BIF(bif_dt_restore_tag) { return a[0] == A_true ? a[0] : bif_badarg(p); }
static BIF(bif_same_1) {
    (void)p;
    return a[0];
}
static BIF(bif_false_any) {
    (void)p, (void)a;
    return A_false;
}

/* ---- nodes ---- this node is never part of a network */

static term_t node_info(proc_t *p, term_t opts) {
    static const term_t keys[] = {A_connection_id, A_node_type}, values[] = {A_undefined, A_this};
    term_t kv[4];
    size_t n = 0, known = 0;
    if (!is_map(opts)) return bif_badarg(p);
    for (size_t i = 0; i < 2; i++) {
        term_t v = map_get(p->vm, opts, keys[i]);
        known += v == A_true || v == A_false;
        if (v == A_true) kv[n++] = keys[i], kv[n++] = values[i];
    }
    return known == map_size(opts) ? map_from_pairs(p, kv, n / 2) : bif_badarg(p);
}
/* [this] and [known] are this node, the others are empty. */
static bool node_kinds(term_t k, bool *this_node) {
    *this_node = false;
    if (is_atom(k)) {
        *this_node = k == A_this || k == A_known;
        return *this_node || k == A_visible || k == A_hidden || k == A_connected;
    }
    for (; is_cons(k); k = cons_tail(k)) {
        bool one;
        if (!is_atom(cons_head(k)) || !node_kinds(cons_head(k), &one)) return false;
        *this_node |= one;
    }
    return is_nil(k);
}
static BIF(bif_nodes_0) {
    (void)p, (void)a;
    return TERM_NIL;
}
static BIF(bif_nodes_1) {
    bool this_node;
    if (!node_kinds(a[0], &this_node)) return bif_badarg(p);
    return this_node ? or_oom(p, push(p, A_nonode, TERM_NIL)) : TERM_NIL;
}
static BIF(bif_nodes_2) {
    bool this_node;
    if (!node_kinds(a[0], &this_node)) return bif_badarg(p);
    term_t info = node_info(p, a[1]);
    if (info == TERM_NONE) return TERM_NONE;
    return this_node ? or_oom(p, push(p, pair(p, A_nonode, info), TERM_NIL)) : TERM_NIL;
}
static BIF(bif_is_alive) {
    (void)p, (void)a;
    return A_false;
}
static BIF(bif_get_cookie_0) {
    (void)p, (void)a;
    return A_nocookie;
}
static BIF(bif_get_cookie_1) { return is_atom(a[0]) ? (term_t)A_nocookie : bif_badarg(p); }

const bif_def_t bifs_info[] = {{"erlang", "process_info", 1, bif_process_info_1, 0},
                               {"erlang", "process_info", 2, bif_process_info_2, 0},
                               {"erts_internal", "process_display", 2, bif_process_display, 0},
                               {"erlang", "memory", 0, bif_memory_0, 0},
                               {"erlang", "memory", 1, bif_memory_1, 0},
                               {"erlang", "system_info", 1, bif_system_info, 0},
                               {"erlang", "system_flag", 2, bif_system_flag, 0},
                               {"erlang", "statistics", 1, bif_statistics, 0},
                               {"erts_internal", "scheduler_wall_time", 1, bif_wall_time, 0},
                               {"erts_internal", "system_check", 1, bif_system_check, 0},
                               {"erts_internal", "no_aux_work_threads", 0, bif_one, 0},
                               {"erts_internal", "gather_alloc_histograms", 1, bif_false_any, 0},
                               {"erts_internal", "gather_carrier_info", 1, bif_false_any, 0},
                               {"erlang", "dt_get_tag", 0, bif_undefined_0, 0},
                               {"erlang", "dt_get_tag_data", 0, bif_undefined_0, 0},
                               {"erlang", "dt_put_tag", 1, bif_undefined_0, 0},
                               {"erlang", "dt_spread_tag", 1, bif_dt_spread_tag, 0},
                               {"erlang", "dt_restore_tag", 1, bif_dt_restore_tag, 0},
                               {"erlang", "dt_prepend_vm_tag_data", 1, bif_same_1, 0},
                               {"erlang", "dt_append_vm_tag_data", 1, bif_same_1, 0},
                               {"erlang", "nodes", 0, bif_nodes_0, 0},
                               {"erlang", "nodes", 1, bif_nodes_1, 0},
                               {"erlang", "nodes", 2, bif_nodes_2, 0},
                               {"erlang", "is_alive", 0, bif_is_alive, 0},
                               {"erlang", "get_cookie", 0, bif_get_cookie_0, 0},
                               {"erlang", "get_cookie", 1, bif_get_cookie_1, 0},
                               {"erts_internal", "get_creation", 0, bif_undefined_0, 0},
                               {0}};
