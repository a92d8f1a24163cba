/* proc_dump.c: a process as readable text: process_info(P, backtrace), erlang:process_display/2 and
 * {process_dump} of match specifications. The caller owns p, or nothing else runs.
 */
#include "vm/proc_dump.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/engine.h"
#include "vm/heap.h"
#include "vm/link.h"
#include "vm/print.h"
#include "vm/proc_dict.h"
#include "vm/process.h"
#include "vm/trace.h"

#define VALUE_MAX 2000 /* bytes of one value that are shown */
#define QUEUE_MAX 100  /* messages that are shown */

static void put_hex(text_t *t, uint64_t n) {
    char s[18] = "0x";
    for (int i = 0; i < 16; i++) s[2 + i] = "0123456789abcdef"[n >> (60 - 4 * i) & 15];
    text_bytes(t, s, sizeof s);
}

void place_text(text_t *t, vm_t *vm, const uint64_t *ip) {
    code_place_t pl;
    term_t mfa[3];
    if (!trace_place(vm, ip, mfa)) {
        text_str(t, ip == vm->exit_code ? "<terminate process normally>" : "unknown function");
        return;
    }
    text_atom(t, mfa[0], true);
    text_char(t, ':');
    text_atom(t, mfa[1], true);
    text_char(t, '/');
    text_int(t, small_value(mfa[2]));
    if (!code_lookup(vm, ip, &pl) || !pl.function) return;
    text_str(t, " + ");
    text_uint(t, (uint64_t)(ip - pl.function->start) * sizeof *ip);
}

static void put_value(text_t *t, term_t v) {
    size_t from = t->len;
    if (is_catch(v))
        text_str(t, "Catch");
    else
        text_term(t, v);
    if (t->failed || t->len - from <= VALUE_MAX) return;
    t->len = from + VALUE_MAX;
    while (t->len > from && (t->data[t->len] & 0xc0) == 0x80) t->len--; /* whole characters */
    text_str(t, "...");
}

void proc_backtrace_text(proc_t *p, text_t *t) {
    vm_t *vm = p->vm;
    const uint64_t *ip = p->ip;
    bool running = atomic_load_explicit(&p->state, memory_order_relaxed) & PS_RUNNING &&
                   p->sched->current == p;
    if (running) ip = p->sched->bif_ip;
    text_str(t, "Program counter: ");
    put_hex(t, (uintptr_t)ip);
    text_str(t, " (");
    place_text(t, vm, ip);
    text_str(t, ")\n");
    const term_t *s = p->sp;
    if (p->flags & PF_SAVED_ARGS) {
        text_str(t, "arity = ");
        text_uint(t, p->arity);
        text_char(t, '\n');
        for (unsigned i = 0; i < p->arity; i++, s++) {
            text_str(t, "   ");
            put_value(t, *s);
            text_char(t, '\n');
        }
    }
    unsigned y = 0;
    for (; s < p->hend && !t->failed; s++) {
        text_char(t, '\n');
        put_hex(t, (uintptr_t)s);
        if (is_header(*s)) {
            const uint64_t *ret = (const uint64_t *)(uintptr_t)(*s - CALL_MARK);
            text_str(t, " Return addr ");
            put_hex(t, (uintptr_t)ret);
            text_str(t, " (");
            if (trace_is_frame(vm, *s))
                text_str(t, "<trace>");
            else
                place_text(t, vm, ret == vm->exit_code ? ret : ret - 1);
            text_char(t, ')');
            y = 0;
            continue;
        }
        text_str(t, " y(");
        text_uint(t, y++);
        text_str(t, ")     ");
        put_value(t, *s);
    }
    text_char(t, '\n');
}

static void put_line(text_t *t, const char *what, uint64_t n) {
    text_str(t, what);
    text_uint(t, n);
    text_char(t, '\n');
}

void proc_state_text(const proc_t *p, text_t *t) {
    uint32_t st = atomic_load_explicit(&p->state, memory_order_acquire);
    text_str(t, "=proc:");
    text_term(t, p->pid);
    text_str(t, "\nState: ");
    text_str(t, st & (PS_EXITING | PS_FREE)                 ? "Exiting\n"
                : st & PS_SUSPENDED                         ? "Suspended\n"
                : st & PS_RUNNING                           ? "Running\n"
                : st & PS_RUNNABLE || (p->flags & PF_TASKS) ? "Scheduled\n"
                                                            : "Waiting\n");
}

void proc_origin_text(proc_t *p, text_t *t) {
    if (!is_nil(p->name)) {
        text_str(t, "Name: ");
        text_atom(t, p->name, true);
        text_char(t, '\n');
    }
    text_str(t, "Spawned as: ");
    text_atom(t, p->init_m, true);
    text_char(t, ':');
    text_atom(t, p->init_f, true);
    text_char(t, '/');
    text_uint(t, p->init_a);
    text_str(t, "\nSpawned by: ");
    text_term(t, p->parent);
    text_char(t, '\n');
    put_line(t, "Message queue length: ", p->mq.len);
    put_line(t, "Heap fragment data: ", p->frag_words);
}

void proc_size_text(proc_t *p, text_t *t) {
    put_line(t, "Reductions: ", p->total_reds);
    put_line(t, "Stack+heap: ", heap_block_words(p));
    put_line(t, "OldHeap: ", (size_t)(p->old_end - p->old_heap));
    put_line(t, "Heap unused: ", (size_t)(p->sp - p->htop));
    put_line(t, "OldHeap unused: ", (size_t)(p->old_end - p->old_top));
}

void proc_relations_text(proc_t *p, text_t *t) {
    bool any = false;
    for (relation_t *r = relation_first(p->links); r; r = relation_next(p->links, r->key)) {
        if (r->flags & REL_UNLINKING) continue;
        text_str(t, any ? ", " : "Link list: [");
        text_term(t, r->other);
        any = true;
    }
    for (int watched = 0; watched < 2; watched++) {
        relation_t *root = watched ? p->monitored_by : p->monitors;
        for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) {
            if (!watched && !(r->flags & REL_MONITOR)) continue;
            text_str(t, any ? ", " : "Link list: [");
            text_str(t, watched ? "{from," : "{to,");
            text_term(t, r->other);
            text_str(t, ",#Ref<0.");
            uint32_t w[3];
            ref_id_to_words(r->key, w);
            for (int i = 2; i >= 0; i--) {
                text_uint(t, w[i]);
                text_char(t, i ? '.' : '>');
            }
            text_char(t, '}');
            any = true;
        }
    }
    if (any) text_str(t, "]\n");
}

/* Of a long queue the beginning. */
static void put_queue(text_t *t, const proc_t *p) {
    unsigned n = 0;
    for (const signal_t *m = p->mq.first; m && n < QUEUE_MAX; m = m->next, n++) {
        text_str(t, n ? "," : "Message queue: [");
        put_value(t, m->term);
    }
    if (n) text_str(t, p->mq.len > n ? ",...]\n" : "]\n");
}

static void put_dictionary(text_t *t, const proc_t *p) {
    term_t key, value;
    bool any = false;
    for (size_t i = 0; pdict_next(p, &i, &key, &value); any = true) {
        text_str(t, any ? ",{" : "Dictionary: [{");
        put_value(t, key);
        text_char(t, ',');
        put_value(t, value);
        text_char(t, '}');
    }
    if (any) text_str(t, "]\n");
}

void proc_body_text(proc_t *p, text_t *t) {
    proc_origin_text(p, t);
    put_queue(t, p);
    proc_relations_text(p, t);
    put_dictionary(t, p);
    proc_size_text(p, t);
    put_line(t, "Memory: ", p->block_size + 8 * (uint64_t)heap_total_words(p));
    text_str(t, "Stack dump:\n");
    proc_backtrace_text(p, t);
}

void proc_dump_text(proc_t *p, text_t *t) {
    proc_state_text(p, t);
    proc_body_text(p, t);
}

static term_t as_binary(proc_t *p, proc_t *out, void (*write)(proc_t *, text_t *)) {
    text_t t;
    text_init(&t, p->vm);
    write(p, &t);
    term_t b = t.failed ? TERM_NONE : new_binary(out, (const uint8_t *)t.data, t.len);
    text_free(&t);
    return b;
}

term_t proc_backtrace(proc_t *p, proc_t *out) { return as_binary(p, out, proc_backtrace_text); }
term_t process_dump(proc_t *p) { return as_binary(p, p, proc_dump_text); }
