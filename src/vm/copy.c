/* copy.c: deep copies of terms: messages, table entries, literals.
 *
 * A copy has two parts. term_size adds up what is needed; it walks with a work stack. term_copy
 * needs none: it copies the outermost object and then reads over the words it has written; each
 * that still points to the source is replaced by a copy of what it points to, written at the end
 * (as Cheney's collector does). The spine of a list is copied in one go, so that its cells are
 * neighbours. Sharing inside the term is not kept.
 *
 * Both parts must agree on the size of each object: small parts of binaries become binaries of
 * their own, and match contexts (which never leave a process) what is left to match.
 *
 * What lives on a process's heap or in a message refers to literals; what is kept anywhere else
 * (tables, timers, ports, match specifications, the host) is copied whole, so that literals can be
 * given back by asking processes alone (literals.c).
 *
 * Relies on the layouts of term.h. Any thread that may read the source.
 */
#include "vm/copy.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/literals.h"
#include "vm/sched.h"
#include "vm/wstack.h"

enum { STACK_WORDS = 2 * 64 };

/* What a sub-binary or match context shows: bits from the start of orig's data. */
typedef struct {
    term_t orig;
    size_t offset, size; /* in bits */
} part_t;

static part_t part_of(const term_t *obj) {
    part_t part;
    if (header_type(obj[0]) == T_SUB_BIN) {
        const sub_bin_t *s = (const sub_bin_t *)obj;
        part.orig = s->orig;
        part.offset = (size_t)small_value(s->bit_offset);
        part.size = (size_t)small_value(s->bit_size);
        return part;
    }
    const match_ctx_t *m = (const match_ctx_t *)obj;
    const uint8_t *data = is_boxed_type(m->orig, T_PROC_BIN)
                              ? ((proc_bin_t *)boxed_ptr(m->orig))->data
                              : ((heap_bin_t *)boxed_ptr(m->orig))->data;
    part.orig = m->orig;
    part.offset = (size_t)((m->base - data) * 8 + small_value(m->offset));
    part.size = (size_t)(small_value(m->end) - small_value(m->offset));
    return part;
}

/* Parts of at most 64 bytes are copied as such: a big buffer is not kept for them. */
static bool part_is_small(const part_t *part) { return part->size <= HEAP_BIN_MAX * 8; }

static size_t part_words(const part_t *part) {
    if (!part_is_small(part)) return SUB_BIN_WORDS + PROC_BIN_WORDS;
    size_t words = HEAP_BIN_WORDS((part->size + 7) / 8);
    return part->size & 7 ? words + SUB_BIN_WORDS : words;
}

/* ---- what is done with literals ---- */

enum which {
    SHARE, /* they are referred to */
    NOTE,  /* the same while areas leave: copying a reference to one is noted (literals.c) */
    ALL,   /* copied like anything else */
    LEAVE  /* copied where their area is about to be given back, else referred to */
};

static inline __attribute__((always_inline)) bool shares(vm_t *vm, term_t t, const enum which w) {
    if (w == ALL || !is_literal(vm, t)) return false;
    if (w == LEAVE) return literal_leaving(vm, t) < 0;
    if (w == NOTE) literal_copied(vm, t);
    return true;
}

/* ---- sizes ---- */

/* Always inline, here and below: `w` is a constant to each. *met: a literal that leaves is in t. */
static inline __attribute__((always_inline)) size_t size_walk(vm_t *vm, term_t t,
                                                              const enum which w, bool *met) {
    uint64_t array[STACK_WORDS];
    wstack_t s;
    size_t size = 0;
#define IS_LEAF(x) (!is_pointer(x) || shares(vm, x, w))
    if (IS_LEAF(t)) return 0;
    wstack_init(&s, vm, array, STACK_WORDS);
    for (;;) {
        /* t is no leaf; what it holds is from p to end, */
        const term_t *p, *end;
        if (w == LEAVE && is_literal(vm, t)) *met = true;
        if (is_cons(t)) {
            p = cons_ptr(t);
            size += 2;
            while (IS_LEAF(p[0])) {
                t = p[1];
                if (!is_cons(t) || shares(vm, t, w)) break;
                p = cons_ptr(t);
                size += 2;
            }
            end = p + 2;
        } else {
            p = boxed_ptr(t);
            size_t n = header_size(*p) + 1;
            unsigned type = header_type(*p);
            end = p + n;
            p++;
            if (UNLIKELY(type == T_SUB_BIN || type == T_MATCH_CTX)) {
                part_t part = part_of(p - 1);
                n = part_words(&part);
                p = end;
            } else if (UNLIKELY(type == T_EXPORT_FUN || type >= T_RAW)) {
                p = end;
            } else if (UNLIKELY(type == T_FUN)) {
                p += 2;
            }
            size += n;
        }
        /* and what that points to comes next. */
        for (;; p++) {
            if (p == end) {
                if (wstack_is_empty(&s)) goto done;
                s.top -= 2;
                p = (const term_t *)(uintptr_t)s.top[0];
                end = (const term_t *)(uintptr_t)s.top[1];
            }
            t = *p;
            if (IS_LEAF(t)) continue;
            if (is_cons(t) || !header_is_raw(boxed_header(t))) break;
            if (w == LEAVE && is_literal(vm, t)) *met = true;
            size += header_size(boxed_header(t)) + 1;
        }
        if (++p != end) {
            if (!wstack_need(&s, 2)) {
                size = TERM_SIZE_UNKNOWN;
                break;
            }
            s.top[0] = (uintptr_t)p;
            s.top[1] = (uintptr_t)end;
            s.top += 2;
        }
    }
done:
    wstack_free(&s);
    return size;
#undef IS_LEAF
}

static COLD __attribute__((noinline)) size_t term_size_noted(vm_t *vm, term_t t) {
    return size_walk(vm, t, NOTE, NULL);
}
/* Whoever copies has asked for the size first, so it is enough to look here. */
size_t term_size(vm_t *vm, term_t t) {
    if (UNLIKELY(atomic_load_explicit(&vm->literals_leave, memory_order_relaxed)))
        return term_size_noted(vm, t);
    return size_walk(vm, t, SHARE, NULL);
}
size_t term_flat_size(vm_t *vm, term_t t) { return size_walk(vm, t, ALL, NULL); }
COLD size_t term_leaving_size(vm_t *vm, term_t t, bool *met) {
    return size_walk(vm, t, LEAVE, met);
}

/* ---- copies ---- */

/* From now on somebody else sees the buffer: nobody may append to it in place. */
static void proc_bin_share(proc_bin_t *b) {
    if (b->flags & PROC_BIN_WRITABLE) b->flags &= ~(size_t)PROC_BIN_WRITABLE;
    shared_bin_keep(b->bin);
}

static inline void off_link(void *obj, off_heap_t **off) {
    off_heap_t *o = obj;
    o->next = *off;
    *off = o;
}

static term_t *proc_bin_copy(const term_t *src, term_t *hp, off_heap_t **off) {
    proc_bin_share((proc_bin_t *)(uintptr_t)src);
    memcpy(hp, src, sizeof(proc_bin_t));
    off_link(hp, off);
    return hp + PROC_BIN_WORDS;
}

/* A part of a binary at hp; returns behind it. */
COLD static term_t *part_copy(const term_t *src, term_t *hp, off_heap_t **off) {
    part_t part = part_of(src);
    term_t *sub = NULL;
    if ((part.size & 7) != 0 || !part_is_small(&part)) {
        sub = hp;
        hp += SUB_BIN_WORDS;
        sub_bin_t *s = (sub_bin_t *)sub;
        s->header = make_header(T_SUB_BIN, SUB_BIN_WORDS - 1);
        s->bit_offset = make_small(part_is_small(&part) ? 0 : (int64_t)part.offset);
        s->bit_size = make_small((int64_t)part.size);
        s->orig = make_boxed(hp);
    }
    if (!part_is_small(&part)) return proc_bin_copy(boxed_ptr(part.orig), hp, off);
    size_t bytes = (part.size + 7) / 8, words = HEAP_BIN_WORDS(bytes);
    heap_bin_t *b = (heap_bin_t *)hp;
    const uint8_t *data = is_boxed_type(part.orig, T_PROC_BIN)
                              ? ((proc_bin_t *)boxed_ptr(part.orig))->data
                              : ((heap_bin_t *)boxed_ptr(part.orig))->data;
    hp[words - 1] = 0; /* padding; the size of an empty one is set below */
    b->header = make_header(T_HEAP_BIN, words - 1);
    b->size = bytes;
    if (((part.offset | part.size) & 7) == 0)
        memcpy(b->data, data + part.offset / 8, bytes);
    else
        bits_copy(b->data, 0, data, part.offset, part.size);
    return hp + words;
}

/* An object that owns something, or a part of a binary; returns behind it. */
COLD static term_t *special_copy(const term_t *src, term_t *hp, off_heap_t **off) {
    switch (header_type(src[0])) {
    case T_SUB_BIN:
    case T_MATCH_CTX: return part_copy(src, hp, off);
    case T_PROC_BIN: return proc_bin_copy(src, hp, off);
    default: /* T_MAGIC_REF */
        atomic_fetch_add_explicit(&((const magic_ref_t *)src)->magic->refs, 1,
                                  memory_order_relaxed);
        memcpy(hp, src, sizeof(magic_ref_t));
        off_link(hp, off);
        return hp + header_size(src[0]) + 1;
    }
}

static inline __attribute__((always_inline)) term_t
copy_walk(vm_t *vm, term_t t, term_t **hpp, off_heap_t **off, const enum which w) {
    if (!is_pointer(t) || shares(vm, t, w)) return t;
    term_t *const start = *hpp;
    term_t *hp = start, *scan = start;
    const term_t result = is_cons(t) ? make_cons(hp) : make_boxed(hp);
    for (;;) {
        /* The object t points to, but not what its words point to; of cells the whole spine. */
        if (is_cons(t)) {
            const term_t *src = cons_ptr(t);
            for (;;) {
                term_t tail = src[1];
                hp[0] = src[0];
                hp += 2;
                if (!is_cons(tail) || shares(vm, tail, w)) {
                    hp[-1] = tail;
                    break;
                }
                hp[-1] = make_cons(hp);
                src = cons_ptr(tail);
            }
        } else {
            const uint32_t special =
                1u << T_SUB_BIN | 1u << T_MATCH_CTX | 1u << T_PROC_BIN | 1u << T_MAGIC_REF;
            const term_t *src = boxed_ptr(t);
            size_t n = header_size(src[0]);
            if (UNLIKELY(special >> header_type(src[0]) & 1)) {
                hp = special_copy(src, hp, off);
            } else if (n <= 3) { /* most are so small */
                hp[0] = src[0];
                if (n > 0) hp[1] = src[1];
                if (n > 1) hp[2] = src[2];
                if (n > 2) hp[3] = src[3];
                hp += n + 1;
            } else {
                memcpy(hp, src, (n + 1) * sizeof(term_t));
                hp += n + 1;
            }
        }
        /* What was written is read: the next word that still points to the source. */
        for (;; scan++) {
            if (scan == hp) {
                *hpp = hp;
                return result;
            }
            t = *scan;
            if (is_pointer(t)) {
                /* Not what is a literal, nor what points to the copy already (cells of a spine). */
                if ((uintptr_t)t - (uintptr_t)start >= (uintptr_t)hp - (uintptr_t)start &&
                    !shares(vm, t, w))
                    break;
            } else if (is_header(t) && header_is_raw(t)) {
                scan += header_size(t);
            }
        }
        *scan++ = is_cons(t) ? make_cons(hp) : make_boxed(hp);
    }
}

term_t term_copy(vm_t *vm, term_t t, term_t **hp, off_heap_t **off) {
    return copy_walk(vm, t, hp, off, SHARE);
}
term_t term_copy_all(vm_t *vm, term_t t, term_t **hp, off_heap_t **off) {
    return copy_walk(vm, t, hp, off, ALL);
}
COLD term_t term_copy_leaving(vm_t *vm, term_t t, term_t **hp, off_heap_t **off) {
    return copy_walk(vm, t, hp, off, LEAVE);
}

term_t term_copy_to(proc_t *p, term_t t) {
    size_t size = term_size(p->vm, t);
    if (size == 0) return t;
    term_t *hp = size < TERM_SIZE_UNKNOWN ? heap_alloc(p, size) : NULL;
    if (!hp) return TERM_NONE;
    return term_copy(p->vm, t, &hp, &p->off_heap);
}

term_t term_copy_all_to(proc_t *p, term_t t) {
    if (is_immed(t)) return t;
    size_t size = term_flat_size(p->vm, t);
    term_t *hp = size < TERM_SIZE_UNKNOWN ? heap_alloc(p, size) : NULL;
    if (!hp) return TERM_NONE;
    return term_copy_all(p->vm, t, &hp, &p->off_heap);
}

signal_t *signal_new_whole(vm_t *vm, sched_t *s, int kind, term_t term, size_t extra) {
    size_t words = is_immed(term) ? 0 : term_flat_size(vm, term);
    signal_t *sig = words < TERM_SIZE_UNKNOWN ? signal_new(vm, s, kind, words + extra) : NULL;
    if (!sig) return NULL;
    term_t *hp = sig->data;
    sig->term = term_copy_all(vm, term, &hp, &sig->off_heap);
    sig->used = (uint32_t)(hp - sig->data);
    return sig;
}

COLD signal_t *signal_whole_reason(vm_t *vm, signal_t *sig) {
    if (sig->kind != SIG_EXIT && sig->kind != SIG_DOWN) return sig;
    sched_t *s = sched_current(vm);
    signal_t *copy = signal_new_whole(vm, s, sig->kind, sig->term, 0);
    if (!copy) {
        sig->term = A_system_limit;
        return sig;
    }
    copy->from = sig->from;
    copy->ref = sig->ref;
    copy->flags = sig->flags;
    signal_free(vm, s, sig);
    return copy;
}
