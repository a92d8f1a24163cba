/* bif_identity.c: BIFs on pids, ports and references: their text (and that of funs), reading it
 * again, new references, whose node they are of.
 *
 * Relies on print.h for the text and on the tables of processes and magic references.
 */
#include "vm/bif.h"
#include "vm/binary.h"
#include "vm/etf.h"
#include "vm/print.h"
#include "vm/process.h"
#include "vm/utf8.h"

static term_t text_list(proc_t *p, term_t t, bool (*test)(term_t)) {
    text_t text;
    if (!test(t)) return bif_badarg(p);
    text_init(&text, p->vm);
    text_display(&text, t);
    term_t list = TERM_NONE;
    /* Names in funs are UTF-8: the list is of characters. */
    size_t chars = 0;
    for (size_t i = 0; i < text.len; i++) chars += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    term_t *hp = text.failed ? NULL : heap_alloc(p, 2 * chars);
    if (hp) {
        list = make_cons(hp);
        uint32_t c = 0;
        for (size_t i = 0; i < text.len; hp += 2) {
            i += utf8_read((const uint8_t *)text.data + i, text.len - i, &c);
            hp[0] = make_small(c);
            hp[1] = make_cons(hp + 2);
        }
        hp[-1] = TERM_NIL;
    }
    text_free(&text);
    return list == TERM_NONE ? bif_oom(p) : list;
}

static BIF(pid_to_list) { return text_list(p, a[0], is_pid); }
static BIF(port_to_list) { return text_list(p, a[0], is_port); }
static BIF(ref_to_list) {
    if (is_boxed_type(a[0], T_MAGIC_REF)) magic_publish(((magic_ref_t *)boxed_ptr(a[0]))->magic);
    return text_list(p, a[0], is_ref);
}
static BIF(fun_to_list) { return text_list(p, a[0], is_fun); }

/* Reads  prefix 0.N.N... >  with `count` numbers behind the 0; false: something else. */
static bool read_identity(term_t l, const char *prefix, unsigned count, uint64_t *out) {
    char buf[80];
    size_t n = 0;
    for (; is_cons(l) && n < sizeof buf - 1; l = cons_tail(l)) {
        term_t h = cons_head(l);
        if (!is_small(h) || small_value(h) < 1 || small_value(h) > 127) return false;
        buf[n++] = (char)small_value(h);
    }
    buf[n] = 0;
    if (!is_nil(l) || strncmp(buf, prefix, strlen(prefix)) != 0) return false;
    const char *s = buf + strlen(prefix);
    for (unsigned i = 0; i <= count; i++, s++) {
        uint64_t v = 0;
        if (*s < '0' || *s > '9') return false;
        for (; *s >= '0' && *s <= '9'; s++) {
            v = v * 10 + (uint64_t)(*s - '0');
            if (v >= (uint64_t)1 << 59) return false;
        }
        if (*s != (i == count ? '>' : '.')) return false;
        if (i == 0 && v != 0) return false; /* no other node is known here */
        if (i > 0) out[i - 1] = v;
    }
    return *s == 0;
}

static BIF(list_to_pid) {
    uint64_t n[2];
    if (!read_identity(a[0], "<", 2, n)) return bif_badarg(p);
    term_t pid = proc_pid_from(p->vm, n[0], n[1]);
    return pid == TERM_NONE ? bif_badarg(p) : pid;
}
static BIF(list_to_port) {
    uint64_t n[1];
    if (!read_identity(a[0], "#Port<", 1, n) || n[0] >> PORT_NUMBER_BITS) return bif_badarg(p);
    return make_port(n[0]);
}
static BIF(list_to_ref) {
    uint64_t n[3], id;
    if (!read_identity(a[0], "#Ref<", 3, n)) return bif_badarg(p);
    if ((n[0] | n[1] | n[2]) >> 32) return bif_badarg(p);
    uint32_t w[3] = {(uint32_t)n[2], (uint32_t)n[1], (uint32_t)n[0]};
    if (!ref_id_from_words(w, &id)) return bif_badarg(p);
    term_t *hp = heap_alloc(p, MAGIC_REF_WORDS);
    if (!hp) return bif_oom(p);
    magic_t *m = magic_find(p->vm, id);
    if (m) return magic_ref_put(p, hp, m);
    term_t *end = hp + MAGIC_REF_WORDS, ref = make_ref(&hp, id, 0);
    heap_release(p, hp, end);
    return ref;
}

static BIF(make_ref_0) {
    (void)a;
    term_t t = new_ref(p);
    return t == TERM_NONE ? bif_oom(p) : t;
}

static BIF(node_0) {
    (void)p, (void)a;
    return A_nonode;
}
static BIF(node_1) {
    if (is_local_pid(a[0]) || is_local_port(a[0]) || is_local_ref(a[0])) return A_nonode;
    switch (boxed_type(a[0])) {
    case T_EXT_PID:
    case T_EXT_PORT:
    case T_EXT_REF: return ((const ext_obj_t *)boxed_ptr(a[0]))->node;
    default: return bif_badarg(p);
    }
}

const bif_def_t bifs_identity[] = {{"erlang", "pid_to_list", 1, pid_to_list, 0},
                                   {"erlang", "list_to_pid", 1, list_to_pid, 0},
                                   {"erlang", "port_to_list", 1, port_to_list, 0},
                                   {"erlang", "list_to_port", 1, list_to_port, 0},
                                   {"erlang", "ref_to_list", 1, ref_to_list, 0},
                                   {"erlang", "list_to_ref", 1, list_to_ref, 0},
                                   {"erlang", "make_ref", 0, make_ref_0, 0},
                                   {"erlang", "node", 0, node_0, BIF_GUARD},
                                   {"erlang", "node", 1, node_1, BIF_GUARD},
                                   {"erlang", "fun_to_list", 1, fun_to_list, 0},
                                   {0}};
