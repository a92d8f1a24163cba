/* bif_process_info.c: what process_info tells of a process. Each item is a function of the process
 * and of whoever wants to know: the owner of a process answers for it (signal_handle.c), onto its
 * own heap.
 */
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/copy.h"
#include "vm/engine.h"
#include "vm/info_terms.h"
#include "vm/io.h"
#include "vm/link.h"
#include "vm/map.h"
#include "vm/proc_dict.h"
#include "vm/proc_dump.h"
#include "vm/proc_ext.h"
#include "vm/process.h"
#include "vm/seq_trace.h"
#include "vm/trace.h"

#define TRACE_MAX 8 /* frames current_stacktrace shows */

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
    return p->ext
               ? p->ext->min_bin_vheap
               : atomic_load_explicit(&sched_sys_state(p->vm)->min_bin_vheap, memory_order_relaxed);
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
        if (!proc_lookup(p->vm, r->other)) continue;
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
    const trace_t *t = trace_of(p);
    (void)out;
    return make_small(t ? t->flags : 0);
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

const bif_def_t bifs_process_info[] = {
    {"erlang", "process_info", 1, bif_process_info_1, 0},
    {"erlang", "process_info", 2, bif_process_info_2, 0},
    {"erts_internal", "process_display", 2, bif_process_display, 0},
    {0}};
