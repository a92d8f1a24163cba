/* info.c: what port_info tells. Polling thread only. */
#include "outlet/outlet.h"

#include "vm/process.h"

/* Items in the order port_info(Port) lists them; the rest only on request. */
static const term_t listed[] = {A_registered_name, A_name,  A_links,  A_id,
                                A_connected,       A_input, A_output, A_os_pid};

static size_t list_words(relation_t *r, bool tuples) {
    return relation_count(r) * (tuples ? 5 : 2);
}

static size_t item_words(outlet_t *o, term_t item) {
    switch (item) {
    case A_name: return 3 + 2 * o->title_bytes;
    case A_links: return 3 + list_words(o->links, false);
    case A_monitors: return 3 + list_words(o->monitors, true);
    case A_monitored_by: return 3 + list_words(o->monitored_by, false);
    default: return 3 + 2; /* a number of any size */
    }
}

static term_t number(term_t **hp, uint64_t n) {
    if (n <= (uint64_t)SMALL_MAX) return make_small((int64_t)n);
    term_t *p = *hp;
    p[0] = make_header(T_BIG_POS, 1);
    p[1] = n;
    *hp += 2;
    return make_boxed(p);
}

static term_t others(term_t **hp, relation_t *root, bool tuples) {
    term_t list = TERM_NIL;
    for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) {
        term_t what = tuples ? tuple2(hp, A_process, r->other) : r->other;
        list = cons(hp, what, list);
    }
    return list;
}

static size_t memory_of(const outlet_t *o) {
    size_t n = sizeof *o + o->title_bytes + o->frame.cap;
    for (const signal_t *s = o->pending; s; s = s->next) n += sizeof *s + s->size * 8;
    return n;
}

/* {Item, Value}; NIL: nothing to tell. */
static term_t item_term(outlet_t *o, term_t item, term_t **hp) {
    term_t value;
    switch (item) {
    case A_registered_name:
        value = name_of_port(o);
        if (is_nil(value)) return TERM_NIL;
        break;
    case A_name:
        value = TERM_NIL;
        for (size_t i = o->title_bytes - 1; i-- > 0;)
            value = cons(hp, make_small((uint8_t)o->title[i]), value);
        break;
    case A_links: value = others(hp, o->links, false); break;
    case A_monitors: value = others(hp, o->monitors, true); break;
    case A_monitored_by: value = others(hp, o->monitored_by, false); break;
    case A_id: value = make_small((int64_t)(port_number(o->port) << 3)); break;
    case A_connected: value = o->owner; break;
    case A_input: value = number(hp, o->bytes_in); break;
    case A_output: value = number(hp, o->bytes_out); break;
    case A_os_pid: value = o->os_pid < 0 ? (term_t)A_undefined : make_small(o->os_pid); break;
    case A_locking: value = A_port_level; break;
    case A_memory: value = make_small((int64_t)memory_of(o)); break;
    case A_parallelism: value = make_bool(o->parallelism); break;
    case A_queue_size: value = number(hp, o->queued); break;
    default: return TERM_NONE;
    }
    return tuple2(hp, item, value);
}

signal_t *port_info_signal(outlet_t *o, term_t item) {
    enum { N = sizeof listed / sizeof *listed };
    size_t words = 0;
    if (!is_nil(item))
        words = item_words(o, item);
    else
        for (int i = 0; i < N; i++) words += 2 + item_words(o, listed[i]);
    signal_t *sig = signal_new(o->vm, sched_current(o->vm), SIG_REPLY, words);
    if (!sig) return NULL;
    term_t *hp = sig->data;
    if (!is_nil(item)) {
        sig->term = item_term(o, item, &hp);
        if (sig->term == TERM_NONE) sig->term = A_badarg;
    } else {
        sig->term = TERM_NIL;
        for (int i = N; i-- > 0;) {
            term_t t = item_term(o, listed[i], &hp);
            if (!is_nil(t)) sig->term = cons(&hp, t, sig->term);
        }
    }
    sig->used = (uint32_t)(hp - sig->data);
    return sig;
}

/* ---- text ---- */

static void text_line(text_t *t, const char *name, uint64_t value) {
    text_str(t, name);
    text_uint(t, value);
    text_char(t, '\n');
}

void port_text(outlet_t *o, text_t *t) {
    uint32_t st = atomic_load_explicit(&o->state, memory_order_relaxed);
    text_str(t, "=port:");
    text_term(t, o->port);
    text_str(t, st & OUTLET_BUSY ? "\nState: CONNECTED|BUSY" : "\nState: CONNECTED");
    if (o->frame.binary) text_str(t, "|BINARY_IO");
    if (o->eof) text_str(t, "|SOFT_EOF");
    text_line(t, "\nSlot: ", port_number(o->port) % OUTLET_LIMIT);
    text_str(t, "Connected: ");
    text_term(t, o->owner);
    bool any = false;
    for (relation_t *r = relation_first(o->links); r; r = relation_next(o->links, r->key)) {
        text_str(t, any ? ", " : "\nLinks: ");
        text_term(t, r->other);
        any = true;
    }
    text_str(t, o->driver->def == &driver_fd      ? "\nPort is UNIX fd not opened by emulator: "
                : o->driver->def == &driver_spawn ? "\nPort controls external process: "
                                                  : "\nPort controls linked-in driver: ");
    text_bytes(t, o->title, o->title_bytes - 1);
    text_line(t, "\nInput: ", o->bytes_in);
    text_line(t, "Output: ", o->bytes_out);
    text_line(t, "Queue: ", o->queued);
}
