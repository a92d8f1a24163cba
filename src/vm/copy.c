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
 * Relies on the layouts of term.h. Any thread that may read the source.
 */
#include "vm/copy.h"
#include "vm/binary.h"
#include "vm/code.h"
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

/* ---- sizes ---- */

static inline size_t size_walk(vm_t *vm, term_t t, bool all) {
    uint64_t array[STACK_WORDS];
    wstack_t s;
    size_t size = 0;
    wstack_init(&s, vm, array, STACK_WORDS);
#define IS_LEAF(x) (is_immed(x) || (!all && is_literal(vm, x)))
    if (IS_LEAF(t)) return 0;
    for (;;) {
        const term_t *p;
        size_t n;
        if (is_cons(t)) {
            p = cons_ptr(t);
            size += 2;
            while (IS_LEAF(p[0])) {
                t = p[1];
                if (!is_cons(t) || (!all && is_literal(vm, t))) break;
                p = cons_ptr(t);
                size += 2;
            }
            if (IS_LEAF(p[0])) {
                if (IS_LEAF(p[1])) goto next;
                t = p[1];
                continue;
            }
            n = 2;
        } else {
            p = boxed_ptr(t);
            n = header_size(*p);
            switch (header_type(*p)) {
            case T_SUB_BIN:
            case T_MATCH_CTX: {
                part_t part = part_of(p);
                size += part_words(&part);
                goto next;
            }
            case T_FUN:
                size += n + 1;
                p += 3, n -= 2;
                break;
            case T_EXPORT_FUN: size += n + 1; goto next;
            default:
                size += n + 1;
                if (header_is_raw(*p)) goto next;
                p++;
                break;
            }
            while (n > 0 && IS_LEAF(*p)) p++, n--;
            if (n == 0) goto next;
        }
        if (n > 1) {
            if (!wstack_need(&s, 2)) {
                size = TERM_SIZE_UNKNOWN;
                break;
            }
            s.top[0] = (uintptr_t)(p + 1);
            s.top[1] = n - 1;
            s.top += 2;
        }
        t = *p;
        continue;
    next:
        do {
            if (wstack_is_empty(&s)) goto done;
            t = *(const term_t *)(uintptr_t)s.top[-2];
            if (--s.top[-1] == 0)
                s.top -= 2;
            else
                s.top[-2] += sizeof(term_t);
        } while (IS_LEAF(t));
    }
done:
    wstack_free(&s);
    return size;
#undef IS_LEAF
}

size_t term_size(vm_t *vm, term_t t) { return size_walk(vm, t, false); }
size_t term_flat_size(vm_t *vm, term_t t) { return size_walk(vm, t, true); }

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

/* Copies the object t points to, but not what its words point to; cells: the whole spine. */
static inline term_t object_copy(vm_t *vm, term_t t, term_t **hpp, off_heap_t **off, bool all) {
    term_t *hp = *hpp;
    if (is_cons(t)) {
        const term_t *src = cons_ptr(t);
        t = make_cons(hp);
        for (;;) {
            term_t tail = src[1];
            hp[0] = src[0];
            hp += 2;
            if (!is_cons(tail) || (!all && is_literal(vm, tail))) {
                hp[-1] = tail;
                break;
            }
            hp[-1] = make_cons(hp);
            src = cons_ptr(tail);
        }
        *hpp = hp;
        return t;
    }
    const term_t *src = boxed_ptr(t);
    size_t words = header_size(src[0]) + 1;
    t = make_boxed(hp);
    switch (header_type(src[0])) {
    case T_SUB_BIN:
    case T_MATCH_CTX: *hpp = part_copy(src, hp, off); return t;
    case T_PROC_BIN: *hpp = proc_bin_copy(src, hp, off); return t;
    case T_MAGIC_REF:
        atomic_fetch_add_explicit(&((const magic_ref_t *)src)->magic->refs, 1,
                                  memory_order_relaxed);
        memcpy(hp, src, sizeof(magic_ref_t));
        off_link(hp, off);
        break;
    default:
        for (size_t i = 0; i < words; i++) hp[i] = src[i];
        break;
    }
    *hpp = hp + words;
    return t;
}

static inline term_t copy_walk(vm_t *vm, term_t t, term_t **hpp, off_heap_t **off, bool all) {
    if (is_immed(t) || (!all && is_literal(vm, t))) return t;
    term_t *start = *hpp, *hp = start, *scan = start;
    term_t result = object_copy(vm, t, &hp, off, all);
    while (scan < hp) {
        term_t w = *scan;
        if (is_pointer(w)) {
            /* Not what is a literal, nor what points to the copy already (cells of a spine). */
            if ((uintptr_t)w - (uintptr_t)start >= (uintptr_t)hp - (uintptr_t)start &&
                (all || !is_literal(vm, w)))
                *scan = object_copy(vm, w, &hp, off, all);
        } else if (is_header(w) && header_is_raw(w)) {
            scan += header_size(w);
        }
        scan++;
    }
    *hpp = hp;
    return result;
}

term_t term_copy(vm_t *vm, term_t t, term_t **hp, off_heap_t **off) {
    return copy_walk(vm, t, hp, off, false);
}
term_t term_copy_all(vm_t *vm, term_t t, term_t **hp, off_heap_t **off) {
    return copy_walk(vm, t, hp, off, true);
}

term_t term_copy_to(proc_t *p, term_t t) {
    size_t size = term_size(p->vm, t);
    if (size == 0) return t;
    term_t *hp = size < TERM_SIZE_UNKNOWN ? heap_alloc(p, size) : NULL;
    if (!hp) return TERM_NONE;
    return term_copy(p->vm, t, &hp, &p->off_heap);
}
