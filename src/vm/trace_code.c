/* trace_code.c: breakpoints: setting them, and what happens when a call hits one (see trace.h).
 *
 * A local breakpoint replaces the handler word of a function's first instruction; the original one
 * is in the point's bp_t, found by address in a table that is never changed but replaced. A global
 * one puts a stub into the export entry. A BIF is called without its export entry by instructions
 * that know its function: those of a traced BIF are replaced, too (patch_bif_calls). All changes
 * are made under the code lock; readers take none: who still finds the old word in a function whose
 * point is gone looks at the word again.
 */
#include "vm/trace.h"
#include "vm/binary.h"
#include "vm/code_table.h"
#include "vm/copy.h"
#include "vm/engine.h"
#include "vm/hash.h"
#include "vm/heap.h"
#include "vm/proc_ext.h"

typedef struct bp {
    const uint64_t *at;     /* the entry; for exports the export_t's address */
    export_t *export;       /* NULL: local */
    const module_t *module; /* NULL: a BIF */
    uint64_t original;      /* handler (local) */
    const uint64_t *target; /* the export's code */
    term_t m, f;
    uint32_t arity;
    _Atomic(uint32_t) kinds; /* BP_*; 0: to be dropped */
    _Atomic(trace_spec_t *) spec, meta_spec;
    _Atomic(term_t) meta; /* tracer */
    _Atomic(uint64_t) count;
    _Atomic(call_time_t *) time;
} bp_t;

struct bp_table {
    size_t bytes, mask, used;
    bp_t *slot[];
};

/* ---- the table ---- */

static inline bp_t *find(const bp_table_t *t, const void *at) {
    if (!t) return NULL;
    for (size_t i = hash_mix((uintptr_t)at >> 3) & t->mask;; i = (i + 1) & t->mask)
        if (!t->slot[i] || t->slot[i]->at == at) return t->slot[i];
}
static inline bp_table_t *points(vm_t *vm) {
    return atomic_load_explicit(&vm->trace->points, memory_order_acquire);
}
static void put(bp_table_t *t, bp_t *b) {
    size_t i = hash_mix((uintptr_t)b->at >> 3) & t->mask;
    while (t->slot[i]) i = (i + 1) & t->mask;
    t->slot[i] = b;
    t->used++;
}
static bp_table_t *table_new(vm_t *vm, size_t n) {
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    bp_table_t *t = mem_calloc(vm, sizeof *t + slots * sizeof(bp_t *));
    if (!t) return NULL;
    t->bytes = sizeof *t + slots * sizeof(bp_t *);
    t->mask = slots - 1;
    return t;
}
static void table_release(vm_t *vm, void *t) { mem_free(vm, t, ((bp_table_t *)t)->bytes); }
static void bp_release(vm_t *vm, void *ptr) {
    bp_t *b = ptr;
    trace_spec_release(atomic_load_explicit(&b->spec, memory_order_relaxed));
    trace_spec_release(atomic_load_explicit(&b->meta_spec, memory_order_relaxed));
    mem_free(vm, b, sizeof *b);
}
static void spec_release(vm_t *vm, void *s) {
    (void)vm;
    trace_spec_release(s);
}
static void set_spec(vm_t *vm, _Atomic(trace_spec_t *) *at, trace_spec_t *s) {
    trace_spec_keep(s);
    trace_spec_t *old = atomic_exchange_explicit(at, s, memory_order_acq_rel);
    if (old) sched_defer_free(vm, old, spec_release);
}

static uint32_t kinds_of(const bp_t *b) {
    return atomic_load_explicit(&b->kinds, memory_order_relaxed);
}

/* ---- words in code ---- */

static void store_word(const uint64_t *at, uint64_t w) {
    __atomic_store_n((uint64_t *)(uintptr_t)at, w, __ATOMIC_RELEASE);
}

/* The instructions that call a BIF, with and without a look at its export, and those that stand for
 * setelement/3. No sequence of instructions contains them. */
static const struct {
    int direct, setelement, traced, export_at;
} bif_calls[] = {{OP_call_bif, OP_setelement, OP_call_bif_traced, 1},
                 {OP_call_bif_only, OP_setelement_only, OP_call_bif_only_traced, 1},
                 {OP_call_bif_last, OP_setelement_last, OP_call_bif_last_traced, 2}};
enum { BIF_CALLS = sizeof bif_calls / sizeof *bif_calls };

static bool is_setelement(const export_t *e) {
    return e->module == A_erlang && e->function == A_setelement && e->arity == 3;
}

/* In OTP calls of these are instructions, which nobody is told of. */
static bool is_apply(const export_t *e) {
    return e->module == A_erlang && e->function == A_apply && (e->arity == 2 || e->arity == 3);
}

/* Each pair of a handler and the export of a traced BIF is such an instruction: no operand looks
 * like a handler. */
static void patch_bif_calls(vm_t *vm, module_t *m) {
    uint64_t direct[BIF_CALLS], setelement[BIF_CALLS], traced[BIF_CALLS];
    for (int k = 0; k < BIF_CALLS; k++) {
        direct[k] = engine_handler(bif_calls[k].direct);
        setelement[k] = engine_handler(bif_calls[k].setelement);
        traced[k] = engine_handler(bif_calls[k].traced);
    }
    bp_table_t *t = points(vm);
    for (size_t i = 0; i + 2 < m->code_words; i++) {
        uint64_t w = m->code[i];
        for (int k = 0; k < BIF_CALLS; k++) {
            if (LIKELY(w != direct[k] && w != setelement[k] && w != traced[k])) continue;
            const export_t *e = (export_t *)(uintptr_t)m->code[i + bif_calls[k].export_at];
            const bp_t *b = find(t, e);
            bool on = b && b->export && b->export->bif && kinds_of(b) && !is_apply(e);
            if (on == (w == traced[k])) continue;
            store_word(m->code + i, on ? traced[k] : is_setelement(e) ? setelement[k] : direct[k]);
        }
    }
}

static bool patch_version(void *user, module_t *m, bool is_old) {
    (void)is_old;
    patch_bif_calls(user, m);
    return true;
}

/* Puts the breakpoint into the code. It is in the table. */
static void arm(bp_t *b) {
    export_t *e = b->export;
    if (!e) {
        store_word(b->at, engine_handler(OP_breakpoint));
        return;
    }
    if (e->stub[2] == 0) { /* its first one; nobody is there yet */
        e->stub[3] = (uint64_t)(uintptr_t)e;
        store_word(e->stub + 2, engine_handler(OP_export_break));
    }
    atomic_store_explicit(&e->code, e->stub + 2, memory_order_release);
}
static void disarm(bp_t *b) {
    if (!b->export) {
        /* A native function may have taken the entry over meanwhile. */
        if (HANDLER_AT(b->at) == engine_handler(OP_breakpoint)) store_word(b->at, b->original);
    } else if (atomic_load_explicit(&b->export->code, memory_order_relaxed) == b->export->stub + 2)
        atomic_store_explicit(&b->export->code, b->target, memory_order_release);
}

/* ---- changing ---- under the code lock */

typedef struct {
    vm_t *vm;
    const bp_filter_t *filter;
    uint32_t kinds;
    int how;
    trace_spec_t *spec;
    term_t meta;
    bp_table_t *old;
    bp_t **fresh; /* points to be added */
    size_t nfresh, room;
    size_t dropped;
    bool bifs, oom;
    int64_t count;
} change_t;

static bp_t *bp_new(change_t *c, const void *at, term_t m, term_t f, uint32_t arity) {
    if (c->nfresh == c->room) {
        size_t room = c->room ? 2 * c->room : 16;
        bp_t **v = mem_realloc(c->vm, c->fresh, c->room * sizeof *v, room * sizeof *v);
        if (!v) return NULL;
        c->fresh = v;
        c->room = room;
    }
    bp_t *b = mem_calloc(c->vm, sizeof *b);
    if (!b) return NULL;
    b->at = at;
    b->m = m;
    b->f = f;
    b->arity = arity;
    atomic_init(&b->meta, TERM_NIL);
    return c->fresh[c->nfresh++] = b;
}

static void set_kinds(bp_t *b, uint32_t kinds) {
    atomic_store_explicit(&b->kinds, kinds, memory_order_release);
}

/* Counts and times begin again at nothing. What of kinds_of that ends. */
static uint32_t counts_restart(vm_t *vm, bp_t *b, uint32_t kinds) {
    uint32_t ends = 0;
    if (kinds & BP_COUNT) {
        atomic_store_explicit(&b->count, 0, memory_order_relaxed);
        ends |= BP_COUNT_PAUSED;
    }
    if (kinds & BP_TIME) {
        trace_time_reset(vm, b->time);
        ends |= BP_TIME_PAUSED;
    }
    return ends;
}

/* What the change does to a point, new ones included. */
static void change_point(change_t *c, bp_t *b, uint32_t kinds) {
    vm_t *vm = c->vm;
    uint32_t now = kinds_of(b);
    switch (c->how) {
    case BP_SET:
        if (kinds & (BP_LOCAL | BP_GLOBAL)) {
            now &= ~(uint32_t)(BP_LOCAL | BP_GLOBAL);
            set_spec(vm, &b->spec, c->spec);
        }
        if (kinds & BP_META) {
            set_spec(vm, &b->meta_spec, c->spec);
            atomic_store_explicit(&b->meta, c->meta, memory_order_release);
        }
        now &= ~counts_restart(vm, b, kinds);
        now |= kinds;
        break;
    case BP_CLEAR:
        if (kinds & (BP_LOCAL | BP_GLOBAL)) set_spec(vm, &b->spec, NULL);
        if (kinds & BP_META) set_spec(vm, &b->meta_spec, NULL);
        if (kinds & BP_TIME && now & BP_TIME) trace_time_reset(vm, b->time);
        now &= ~kinds;
        if (kinds & BP_COUNT) now &= ~(uint32_t)BP_COUNT_PAUSED;
        if (kinds & BP_TIME) now &= ~(uint32_t)BP_TIME_PAUSED;
        break;
    case BP_RESTART: now &= ~counts_restart(vm, b, kinds); break;
    default:
        if (kinds & BP_COUNT & now) now |= BP_COUNT_PAUSED;
        if (kinds & BP_TIME & now) now |= BP_TIME_PAUSED;
    }
    set_kinds(b, now);
    if (now == 0) c->dropped++;
}

static void at_point(change_t *c, const void *at, export_t *e, const module_t *module, term_t m,
                     term_t f, uint32_t arity, uint32_t kinds) {
    bp_t *b = find(c->old, at);
    if (b && kinds_of(b) == 0) b = NULL; /* dropped in a change that had no memory */
    if (!b) {
        if (c->how != BP_SET || !kinds) return;
        b = bp_new(c, at, m, f, arity);
        if (!b) {
            c->oom = true;
            return;
        }
        b->export = e;
        b->module = module;
        if (e)
            b->target = e->bif ? e->stub : atomic_load_explicit(&e->code, memory_order_relaxed);
        else
            b->original = *b->at;
    }
    if (kinds & BP_TIME && c->how == BP_SET && !b->time &&
        !(b->time = trace_time_get(c->vm, m, f, arity))) {
        c->oom = true;
        if (kinds_of(b) == 0) c->nfresh--, mem_free(c->vm, b, sizeof *b);
        return;
    }
    if (e && e->bif) c->bifs = true;
    change_point(c, b, kinds);
}

static bool wanted(const bp_filter_t *f, term_t function, uint32_t arity) {
    return (f->function == A_underscore || f->function == function) &&
           (f->arity < 0 || f->arity == (int64_t)arity);
}

/* A function of a module. What is a BIF of ours is reached through its export. */
static bool is_bif(vm_t *vm, term_t m, term_t f, uint32_t arity) {
    export_t *e = export_find(vm, m, f, arity);
    return e && e->bif;
}

static bool one_module(void *user, module_t *m, bool is_old) {
    change_t *c = user;
    if (is_old || (c->filter->module != A_underscore && c->filter->module != m->name)) return true;
    const uint32_t in_code = c->kinds & ~(uint32_t)BP_GLOBAL;
    if (c->kinds & BP_GLOBAL) {
        for (uint32_t i = 0; i < m->nexports; i++) {
            export_t *e = m->exports[i].entry;
            if (e->bif || !wanted(c->filter, e->function, e->arity)) continue;
            c->count++;
            at_point(c, e, e, m, m->name, e->function, e->arity, BP_GLOBAL);
            /* A function is traced in one way: local goes. */
            bp_t *b = find(c->old, m->exports[i].code);
            if (b && kinds_of(b) & BP_LOCAL && c->how == BP_SET) {
                set_kinds(b, kinds_of(b) & ~(uint32_t)BP_LOCAL);
                if (kinds_of(b) == 0) c->dropped++;
            }
        }
        return true;
    }
    for (uint32_t i = 0; i < m->nfunctions; i++) {
        const code_function_t *f = m->functions + i;
        if (!wanted(c->filter, f->function, f->arity) ||
            is_bif(c->vm, m->name, f->function, f->arity))
            continue;
        c->count++;
        at_point(c, f->start + FUNC_INFO_WORDS, NULL, m, m->name, f->function, f->arity, in_code);
        if (!(c->kinds & BP_LOCAL)) continue;
        export_t *e = export_find(c->vm, m->name, f->function, f->arity);
        bp_t *b = e ? find(c->old, e) : NULL;
        if (b && kinds_of(b) && (c->how == BP_SET || c->how == BP_CLEAR)) {
            set_kinds(b, 0);
            c->dropped++;
        }
    }
    return true;
}

static void all_bifs(change_t *c) {
    ptr_table_t *t = atomic_load_explicit(&c->vm->code->exports, memory_order_acquire);
    for (size_t i = 0; i <= t->mask; i++) {
        export_t *e = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        if (!e || !e->bif) continue;
        if (c->filter->module != A_underscore && c->filter->module != e->module) continue;
        if (!wanted(c->filter, e->function, e->arity)) continue;
        c->count++;
        at_point(c, e, e, NULL, e->module, e->function, e->arity, c->kinds);
    }
}

/* Puts the new points in and takes the dropped ones out. */
static bool commit(change_t *c) {
    vm_t *vm = c->vm;
    struct trace_state *ts = vm->trace;
    bp_table_t *old = c->old, *t = NULL;
    size_t n = (old ? old->used : 0) + c->nfresh;
    if (c->nfresh || c->dropped) {
        if (n && !(t = table_new(vm, n))) {
            for (size_t i = 0; i < c->nfresh; i++) bp_release(vm, c->fresh[i]);
            c->nfresh = 0;
            for (size_t i = 0; old && i <= old->mask; i++)
                if (old->slot[i] && kinds_of(old->slot[i]) == 0) disarm(old->slot[i]);
            return false;
        }
        for (size_t i = 0; old && i <= old->mask; i++) {
            bp_t *b = old->slot[i];
            if (!b) continue;
            if (kinds_of(b))
                put(t, b);
            else
                disarm(b);
        }
        for (size_t i = 0; i < c->nfresh; i++) put(t, c->fresh[i]);
        if (t && t->used == 0) {
            table_release(vm, t);
            t = NULL;
        }
        atomic_store_explicit(&ts->points, t, memory_order_release);
        for (size_t i = 0; i < c->nfresh; i++) arm(c->fresh[i]);
    }
    if (c->bifs) {
        uint32_t bifs = 0;
        t = points(vm);
        for (size_t i = 0; t && i <= t->mask; i++)
            if (t->slot[i] && t->slot[i]->export && t->slot[i]->export->bif) bifs++;
        atomic_store_explicit(&ts->traced_bifs, bifs, memory_order_relaxed);
        module_each(vm, patch_version, vm);
    }
    if (!(c->nfresh || c->dropped)) return true;
    for (size_t i = 0; old && i <= old->mask; i++)
        if (old->slot[i] && kinds_of(old->slot[i]) == 0)
            sched_defer_free(vm, old->slot[i], bp_release);
    if (old) sched_defer_free(vm, old, table_release);
    return true;
}

int64_t trace_points_change(vm_t *vm, const bp_filter_t *f, uint32_t kinds, int how,
                            trace_spec_t *spec, term_t meta_tracer) {
    change_t c = {
        .vm = vm, .filter = f, .kinds = kinds, .how = how, .spec = spec, .meta = meta_tracer};
    spin_lock(vm, &vm->code->lock);
    c.old = points(vm);
    module_each(vm, one_module, &c);
    if (kinds != BP_DEBUG) all_bifs(&c);
    bool ok = commit(&c) && !c.oom;
    spin_unlock(vm, &vm->code->lock);
    mem_free(vm, c.fresh, c.room * sizeof *c.fresh);
    return ok ? c.count : -1;
}

/* ---- modules come and go ---- under the code lock */

void trace_module_gone(vm_t *vm, module_t *m) {
    bp_table_t *t = points(vm);
    if (LIKELY(!t)) return;
    change_t c = {.vm = vm, .old = t};
    for (size_t i = 0; i <= t->mask; i++) {
        bp_t *b = t->slot[i];
        if (!b || b->module != m) continue;
        set_kinds(b, 0);
        c.dropped++;
    }
    if (c.dropped) commit(&c);
}

void trace_module_loaded(vm_t *vm, module_t *m) {
    struct trace_state *ts = vm->trace;
    if (UNLIKELY(ts->on_load_kinds)) {
        bp_filter_t all = {m->name, A_underscore, -1};
        change_t c = {.vm = vm,
                      .filter = &all,
                      .kinds = ts->on_load_kinds,
                      .spec = ts->on_load,
                      .meta = ts->on_load_meta,
                      .old = points(vm)};
        one_module(&c, m, false);
        commit(&c);
        mem_free(vm, c.fresh, c.room * sizeof *c.fresh);
    }
    if (UNLIKELY(atomic_load_explicit(&ts->traced_bifs, memory_order_relaxed)))
        patch_bif_calls(vm, m);
}

void trace_points_free(vm_t *vm) {
    struct trace_state *ts = vm->trace;
    bp_table_t *t = points(vm);
    for (size_t i = 0; t && i <= t->mask; i++)
        if (t->slot[i]) bp_release(vm, t->slot[i]);
    if (t) table_release(vm, t);
    trace_spec_release(ts->on_load);
    trace_times_free(vm);
}

uint64_t trace_original(vm_t *vm, const uint64_t *ip) {
    uint64_t w = HANDLER_AT(ip);
    if (LIKELY(w != engine_handler(OP_breakpoint))) return w;
    const bp_t *b = find(points(vm), ip);
    return b ? b->original : HANDLER_AT(ip);
}

/* ---- frames ---- */

static const uint8_t frame_words[TRACE_FRAMES] = {6, 1, 2, 3};

static term_t frame_mark(const vm_t *vm, int kind) {
    return (term_t)(uintptr_t)vm->trace->return_code[kind] + CALL_MARK;
}
static int frame_kind(const vm_t *vm, term_t w) {
    for (int i = 0; i < TRACE_FRAMES; i++)
        if (w == frame_mark(vm, i)) return i;
    return -1;
}
/* Is there a frame of that kind above the caller's own? */
static bool has_frame(const proc_t *p, int kind) {
    for (const term_t *s = p->sp; s < p->hend;) {
        int k = frame_kind(p->vm, *s);
        if (k == kind) return true;
        if (k < 0 || k == TRACE_FRAME_BIF) return false;
        s += frame_words[k];
    }
    return false;
}
/* Where the function that has just been entered will return to; NULL: nowhere. */
static const uint64_t *caller_address(const proc_t *p) {
    for (const term_t *s = p->sp; s < p->hend; s++) {
        if (!is_header(*s) || trace_is_frame(p->vm, *s)) continue;
        return CODE(*s - CALL_MARK) - 1;
    }
    return NULL;
}

enum { FRAME_EXCEPTION = 1 };
static void push_return(proc_t *p, const bp_t *b, term_t tracer, bool exception) {
    p->sp -= frame_words[TRACE_FRAME_RETURN];
    p->sp[0] = frame_mark(p->vm, TRACE_FRAME_RETURN);
    p->sp[1] = b->m;
    p->sp[2] = b->f;
    p->sp[3] = make_small(b->arity);
    p->sp[4] = tracer;
    p->sp[5] = make_small(exception ? FRAME_EXCEPTION : 0);
    p->flags |= PF_TRACE_FRAMES;
}

/* ---- a call ---- */

static bool matches(proc_t *p, trace_spec_t *spec, term_t args, ms_trace_t *mt) {
    *mt = (ms_trace_t){.p = p, .message = A_true, .caller = caller_address(p)};
    return !spec || !spec->ms || ms_run_trace(p, spec->ms, args, mt);
}

static term_t call_mfa(const bp_t *b, term_t args, bool arity, term_t **hp) {
    return tuple3(hp, b->m, b->f, arity ? make_small(b->arity) : args);
}

/* A matched call of a traced process; before: its trace when the call was made, which counts even
 * where the specification has switched it off. */
static void tell_call(proc_t *p, const bp_t *b, term_t args, const ms_trace_t *mt, term_t meta,
                      const trace_t *before) {
    term_t words[4], *hp = words;
    term_t result = mt->message == A_true ? TERM_NONE : mt->message;
    trace_event_t e = {TF_CALL, A_call, TERM_NIL, TERM_NONE, result};
    if (mt->message == A_false) return;
    if (!is_nil(meta)) {
        e.data = call_mfa(b, args, false, &hp);
        trace_emit_meta(p, meta, &e);
        return;
    }
    const trace_t *now = trace_of(p);
    trace_t t = {now ? now->flags : before->flags, before->tracer};
    if (t.flags & TF_SILENT) return;
    e.data = call_mfa(b, args, t.flags & TF_ARITY, &hp);
    trace_emit_as(p, &t, &e);
}

/* Arguments as a list in cells. A match context becomes the binary that is left of it, on the
 * heap. */
static term_t args_list(proc_t *p, const bp_t *b, const term_t *x, term_t *cells) {
    term_t list = TERM_NIL, *hp = cells;
    for (unsigned i = b->arity; i > 0; i--) {
        term_t v = x[i - 1];
        if (UNLIKELY(is_match_ctx(v))) v = bs_get_tail(p, (match_ctx_t *)boxed_ptr(v));
        list = cons(&hp, v == TERM_NONE ? (term_t)A_undefined : v, list);
    }
    return list;
}

/* false: no memory. */
static bool call_seen(proc_t *p, bp_t *b, term_t *x) {
    vm_t *vm = p->vm;
    uint32_t kinds = kinds_of(b);
    const trace_t *t = trace_of(p);
    trace_t before = t ? *t : (trace_t){0, TERM_NIL};
    bool traced = t && (t->flags & TF_CALL) && t->tracer != p->pid;
    term_t meta = kinds & BP_META ? atomic_load_explicit(&b->meta, memory_order_acquire) : TERM_NIL;
    if ((kinds & (BP_COUNT | BP_COUNT_PAUSED)) == BP_COUNT)
        atomic_fetch_add_explicit(&b->count, 1, memory_order_relaxed);
    bool told = traced && kinds & (BP_LOCAL | BP_GLOBAL),
         meta_told = !is_nil(meta) && meta != p->pid;
    bool timed = traced && (kinds & (BP_TIME | BP_TIME_PAUSED)) == BP_TIME;
    if (!told && !meta_told && !timed) return true;

    int returns = 0, meta_returns = 0; /* 1: normal ones, 2: exceptions too */
    bool return_to = false;
    if (told || meta_told) {
        term_t cells[2 * MAX_ARITY];
        heap_mark_t mark = heap_mark(p);
        term_t args = args_list(p, b, x, cells);
        ms_trace_t mt;
        if (told && matches(p, atomic_load_explicit(&b->spec, memory_order_acquire), args, &mt)) {
            tell_call(p, b, args, &mt, TERM_NIL, &before);
            returns = mt.exception_trace ? 2 : mt.return_trace;
            t = trace_of(p);
            return_to = t && kinds & BP_LOCAL && t->flags & TF_RETURN_TO;
        }
        if (meta_told &&
            matches(p, atomic_load_explicit(&b->meta_spec, memory_order_acquire), args, &mt)) {
            tell_call(p, b, args, &mt, meta, &before);
            meta_returns = mt.exception_trace ? 2 : mt.return_trace;
        }
        heap_back(p, mark);
    }
    if (!returns && !meta_returns && !return_to && !timed) return true;
    enum { MOST = 2 * 6 + 1 + 2 };
    if ((size_t)(p->sp - p->htop) < MOST + STACK_RESERVE &&
        !gc_minor(p, MOST + STACK_RESERVE, x, b->arity, NULL, 0))
        return false;
    if (return_to && !has_frame(p, TRACE_FRAME_RETURN_TO)) {
        *--p->sp = frame_mark(vm, TRACE_FRAME_RETURN_TO);
        p->flags |= PF_TRACE_FRAMES;
    }
    if (returns) push_return(p, b, TERM_NIL, returns == 2);
    if (meta_returns) push_return(p, b, meta, meta_returns == 2);
    proc_ext_t *ext = timed ? proc_ext_get(p) : NULL;
    if (ext) {
        call_time_t *outer = ext->timed;
        trace_time_switch(p, ext, b->time);
        trace_time_add(vm, b->time, p->pid, 1, 0);
        if (!has_frame(p, TRACE_FRAME_TIME)) {
            p->sp -= 2;
            p->sp[0] = frame_mark(vm, TRACE_FRAME_TIME);
            p->sp[1] = (term_t)(uintptr_t)outer;
            p->flags |= PF_TRACE_FRAMES;
        }
    }
    return true;
}

/* Module, function and argument list of the call become the arguments. false: no memory. */
static bool debugger_call(proc_t *p, const bp_t *b, term_t *x) {
    term_t *cells = heap_alloc(p, 2 * b->arity);
    if (!cells && b->arity > 0) return false;
    for (unsigned i = 0; i < 2 * b->arity; i++) cells[i] = TERM_NIL;
    term_t args = args_list(p, b, x, cells);
    x[0] = b->m, x[1] = b->f, x[2] = args;
    return true;
}

uint64_t trace_local_call(proc_t *p, const uint64_t *ip, term_t *x) {
    bp_t *b = find(points(p->vm), ip);
    if (UNLIKELY(!b)) return 0;
    p->sched->bif_ip = ip;                    /* where p is, for who asks meanwhile */
    if (UNLIKELY(p->sched->bp_again == ip)) { /* the same instruction, after a collection */
        p->sched->bp_again = NULL;
        return b->original;
    }
    if (UNLIKELY(!call_seen(p, b, x))) return 1;
    if (LIKELY(!(kinds_of(b) & BP_DEBUG))) return b->original;
    return debugger_call(p, b, x) ? 2 : 1;
}

const uint64_t *trace_export_call(proc_t *p, export_t *e, term_t *x) {
    bp_t *b = find(points(p->vm), e);
    if (UNLIKELY(!b)) return atomic_load_explicit(&e->code, memory_order_acquire);
    return call_seen(p, b, x) ? b->target : NULL;
}

/* ---- returns ---- */

static void tell_return(proc_t *p, const term_t *frame, term_t tag, term_t value) {
    term_t words[4], *hp = words, mfa = tuple3(&hp, frame[0], frame[1], frame[2]);
    trace_event_t e = {TF_CALL, tag, mfa, value, TERM_NONE};
    if (!is_nil(frame[3])) {
        trace_emit_meta(p, frame[3], &e);
    } else {
        const trace_t *t = trace_of(p);
        if (t && (t->flags & (TF_CALL | TF_SILENT)) == TF_CALL) trace_emit(p, &e);
    }
}
void trace_returned(proc_t *p, term_t value, const term_t *frame) {
    tell_return(p, frame, A_return_from, value);
}

static void tell_return_to(proc_t *p, const uint64_t *to) {
    term_t words[4], *hp = words;
    const trace_t *t = trace_of(p);
    if (t && (t->flags & (TF_CALL | TF_RETURN_TO | TF_SILENT)) == (TF_CALL | TF_RETURN_TO))
        trace_emit(p, &(trace_event_t){TF_CALL, A_return_to, trace_mfa(p->vm, to, &hp, A_undefined),
                                       TERM_NONE, TERM_NONE});
}
void trace_returned_to(proc_t *p) { tell_return_to(p, caller_address(p)); }

void trace_unwind(proc_t *p, const term_t *end, const uint64_t *to, int eclass, term_t reason) {
    static const uint32_t class_atom[] = {A_error, A_exit, A_throw};
    int return_to = 0; /* 1: back to the frame that follows, 2: and this is it */
    for (const term_t *s = p->sp; s < end;) {
        int k = is_header(*s) ? frame_kind(p->vm, *s) : -1;
        if (k == TRACE_FRAME_RETURN && s[5] == make_small(FRAME_EXCEPTION)) {
            term_t words[3], *hp = words, value = tuple2(&hp, class_atom[eclass], reason);
            tell_return(p, s + 1, A_exception_from, value);
        } else if (k == TRACE_FRAME_RETURN_TO) {
            return_to = 1;
        } else if (k == TRACE_FRAME_TIME) {
            trace_time_returned(p, s[1]);
        } else if (is_header(*s) && k < 0) {
            return_to = return_to == 1 ? 2 : 0; /* a caller that did not catch is not told of */
        }
        s += k < 0 || k == TRACE_FRAME_BIF ? 1 : frame_words[k];
    }
    if (return_to && to) tell_return_to(p, to);
}

/* ---- what trace_info says ---- */

static term_t spec_source(proc_t *p, trace_spec_t *s) {
    return s ? term_copy_to(p, s->source->term) : TERM_NIL;
}

/* value of one item; NONE: no memory */
static term_t info_item(proc_t *p, bp_t *code, bp_t *exp, term_t item, bool in_all) {
    bp_t *main = exp && kinds_of(exp) & (BP_GLOBAL | BP_LOCAL) ? exp : code;
    bp_t *rest = code ? code : exp;
    uint32_t mk = main ? kinds_of(main) : 0, rk = rest ? kinds_of(rest) : 0;
    term_t meta = rk & BP_META ? atomic_load_explicit(&rest->meta, memory_order_acquire) : TERM_NIL;
    switch (item) {
    case A_traced: return mk & BP_GLOBAL ? A_global : mk & BP_LOCAL ? A_local : A_false;
    case A_match_spec:
        if (!(mk & (BP_GLOBAL | BP_LOCAL))) return A_false;
        return spec_source(p, atomic_load_explicit(&main->spec, memory_order_acquire));
    case A_meta:
        if (rk & BP_META)
            return tracer_lives(p->vm, meta, A_undefined) ? tracer_term(p, meta) : TERM_NIL;
        return in_all || (!mk && !rk) ? (term_t)A_false : TERM_NIL;
    case A_meta_match_spec:
        if (!(rk & BP_META)) return A_false;
        return spec_source(p, atomic_load_explicit(&rest->meta_spec, memory_order_acquire));
    case A_call_count:
        if (!(rk & BP_COUNT)) return A_false;
        return make_small((int64_t)atomic_load_explicit(&rest->count, memory_order_relaxed));
    case A_call_time: return rk & BP_TIME ? trace_time_info(p, rest->time) : (term_t)A_false;
    default: return TERM_NONE;
    }
}

term_t trace_point_info(proc_t *p, term_t m, term_t f, uint32_t arity, term_t item) {
    vm_t *vm = p->vm;
    bp_table_t *t = points(vm);
    export_t *e = export_find(vm, m, f, arity);
    module_t *mod = module_find(vm, m);
    const code_function_t *fn = NULL;
    for (uint32_t i = 0; mod && i < mod->nfunctions && !fn; i++)
        if (mod->functions[i].function == f && mod->functions[i].arity == arity)
            fn = mod->functions + i;
    if (!fn && !(e && e->bif)) return A_undefined;
    bp_t *exp = e ? find(t, e) : NULL;
    bp_t *code = fn ? find(t, fn->start + FUNC_INFO_WORDS) : NULL;
    if (exp && !kinds_of(exp)) exp = NULL;
    if (code && !(kinds_of(code) & ~(uint32_t)BP_DEBUG)) code = NULL;
    if (item != A_all) return info_item(p, code, exp, item, false);
    if (!exp && !code) return A_false;
    static const uint32_t items[] = {A_call_count, A_call_time,  A_meta_match_spec,
                                     A_meta,       A_match_spec, A_traced};
    term_t list = TERM_NIL;
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        term_t v = info_item(p, code, exp, items[i], true);
        term_t *hp = v == TERM_NONE ? NULL : heap_alloc(p, 5);
        if (!hp) return TERM_NONE;
        term_t pair = tuple2(&hp, items[i], v);
        list = cons(&hp, pair, list);
    }
    return list;
}
