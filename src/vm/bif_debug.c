/* bif_debug.c: BIFs of OTP's own tests and tools: what maps and the engine are made of, what
 * terms take and share, calls that stay on a dirty scheduler, tables seen past their protection.
 * Nothing else calls these.
 */
#include "vm/atom.h"
#include "vm/bif_tables.h"
#include "vm/clock.h"
#include "vm/code.h"
#include "vm/copy.h"
#include "vm/ets.h"
#include "vm/hash.h"
#include "vm/map.h"
#include "vm/sched.h"
#include "vm/wstack.h"

/* ---- erts_debug:map_info/1 ---- */

enum { SLOTS = 16, DEPTH_MAX = 16 };

/* {Name, Sum, {...}} of SLOTS counts. */
static term_t counts(proc_t *p, term_t name, const size_t *n) {
    term_t *hp = heap_alloc(p, 4 + 1 + SLOTS), *all = hp;
    size_t sum = 0;
    if (!hp) return TERM_NONE;
    *hp++ = make_header(T_TUPLE, SLOTS);
    for (int i = 0; i < SLOTS; i++) {
        *hp++ = make_small((int64_t)n[i]);
        sum += n[i];
    }
    return tuple3(&hp, name, make_small((int64_t)sum), make_boxed(all));
}

/* Of a large map: nodes by number of children, pairs by depth. Nodes with equal hashes are arrays.
 */
static BIF(map_info) {
    if (!is_map(a[0])) return bif_error2(p, A_badmap, a[0]);
    if (!is_hamt(a[0])) return bif_badarg(p);
    size_t nodes[SLOTS] = {0}, leafs[SLOTS] = {0}, arrays = 0, looked = 0;
    struct {
        const term_t *next, *end;
    } stack[DEPTH_MAX + 1];
    int depth = 0, deepest = 0;
    term_t t = boxed_ptr(a[0])[2];
    for (;;) {
        if (is_cons(t)) {
            leafs[depth < SLOTS ? depth : SLOTS - 1]++;
            if (depth > deepest) deepest = depth;
        } else {
            const term_t *node = boxed_ptr(t);
            bool array = header_type(*node) == T_TUPLE;
            size_t n = header_size(*node) - !array;
            if (array)
                arrays++;
            else
                nodes[n - 1]++;
            stack[depth].next = node + 1 + !array;
            stack[depth].end = stack[depth].next + n;
            depth++;
        }
        looked++;
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].end) depth--;
        if (depth == 0) break;
        t = *stack[depth - 1].next++;
    }
    bif_bump(p, looked / 16);
    term_t l = counts(p, A_leafs, leafs), b = l == TERM_NONE ? l : counts(p, A_bitmaps, nodes);
    term_t *hp = b == TERM_NONE ? NULL : heap_alloc(p, 3 + 4 + 4 * 2);
    if (!hp) return bif_oom(p);
    term_t d = tuple2(&hp, A_depth, make_small(deepest + 1));
    term_t x = tuple3(&hp, A_arrays, make_small((int64_t)arrays), TERM_NIL);
    term_t list = cons(&hp, l, TERM_NIL);
    list = cons(&hp, b, list);
    list = cons(&hp, x, list);
    return cons(&hp, d, list);
}

/* ---- erts_debug:instructions/0 ---- */

static const char *const op_names[] = {
#define OP(name, sig, words) #name,
#include "vm/ops.def"
#undef OP
#undef BODY
};

static BIF(instructions) {
    term_t list = TERM_NIL;
    (void)a;
    for (size_t i = sizeof op_names / sizeof *op_names; i > 0; i--) {
        term_t s = string_to_list(p, op_names[i - 1]), *hp = NULL;
        if (s != TERM_NONE) hp = heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        list = cons(&hp, s, list);
    }
    return list;
}

/* ---- erts_debug:dirty_cpu/2, dirty_io/2, dirty/3 ---- */

enum { COPIES = 1000 };

/* Sleeps on this very thread, as native code that takes long does. */
static term_t stay(proc_t *p, uint64_t ms) {
    const host_ops_t *ops = p->vm->host->ops;
    uint64_t until = vm_now(p->vm) + ms * 1000000;
    host_parker_t *k = ops->parker_new ? ops->parker_new(p->vm->host) : NULL;
    if (ops->parker_new && !k) return bif_oom(p);
    if (k) {
        while (vm_now(p->vm) < until) ops->park(p->vm->host, k, clock_host_time(p->vm, until));
        ops->parker_free(p->vm->host, k);
    }
    return A_ok;
}

static term_t dirty_test(proc_t *p, term_t type, term_t arg) {
    static const term_t kinds[] = {A_normal, A_dirty_cpu, A_dirty_io};
    if (type == A_scheduler && arg == A_type) return kinds[p->sched->dirty];
    if (type == A_wait && is_small(arg) && small_value(arg) >= 0 && small_value(arg) < 1 << 30)
        return stay(p, (uint64_t)small_value(arg));
    if (type != A_copy) return bif_badarg(p);
    term_t list = TERM_NIL;
    for (int i = 0; i < COPIES; i++) {
        term_t t = term_copy_to(p, arg), *hp = t == TERM_NONE ? NULL : heap_alloc(p, 2);
        if (!hp) return bif_oom(p);
        list = cons(&hp, t, list);
    }
    return list;
}

static BIF(dirty_2) { return dirty_test(p, a[0], a[1]); }

static BIF(dirty_3) {
    switch (a[0]) {
    case A_dirty_cpu:
        if (bif_go_dirty(p, BIF_DIRTY_CPU)) return TERM_NONE;
        break;
    case A_dirty_io:
        if (bif_go_dirty(p, BIF_DIRTY_IO)) return TERM_NONE;
        break;
    case A_normal: break;
    default: return bif_badarg(p);
    }
    return dirty_test(p, a[1], a[2]);
}

/* ---- sizes: erts_debug:same/2, flat_size/1, size_shared/1, copy_shared/2 ---- */

static BIF(debug_same) {
    (void)p;
    return make_bool(a[0] == a[1]);
}

static BIF(debug_flat_size) {
    size_t n = term_flat_size(p->vm, a[0]);
    if (n == TERM_SIZE_UNKNOWN) return bif_oom(p);
    bif_bump(p, n / 64);
    return make_small((int64_t)n);
}

/* Objects seen already: a set of addresses. */
typedef struct {
    vm_t *vm;
    term_t *slot;
    size_t mask, used;
} seen_t;

static bool seen_init(seen_t *s, vm_t *vm, size_t cap) {
    s->vm = vm;
    s->slot = mem_calloc(vm, cap * sizeof *s->slot);
    s->mask = cap - 1;
    s->used = 0;
    return s->slot != NULL;
}
static void seen_free(seen_t *s) {
    if (s->slot) mem_free(s->vm, s->slot, (s->mask + 1) * sizeof *s->slot);
}
/* 1: new, 0: seen before, -1: no memory. */
static int seen_add(seen_t *s, term_t t) {
    if (s->used > s->mask / 2) {
        seen_t bigger;
        if (!seen_init(&bigger, s->vm, (s->mask + 1) * 2)) return -1;
        for (size_t i = 0; i <= s->mask; i++)
            if (s->slot[i]) seen_add(&bigger, s->slot[i]);
        seen_free(s);
        *s = bigger;
    }
    size_t i = hash_mix(t) & s->mask;
    for (; s->slot[i]; i = (i + 1) & s->mask)
        if (s->slot[i] == t) return 0;
    s->slot[i] = t;
    s->used++;
    return 1;
}

/* Words of a term in which each shared object counts once, literals none. */
static BIF(debug_size_shared) {
    vm_t *vm = p->vm;
    uint64_t array[128];
    wstack_t s;
    seen_t seen;
    size_t size = 0;
    term_t t = a[0];
    bool ok = seen_init(&seen, vm, 256);
    wstack_init(&s, vm, array, 128);
    while (ok) {
        const term_t *q = NULL;
        size_t n = 0;
        if (is_pointer(t) && !is_literal(vm, t)) {
            int is_new = seen_add(&seen, t);
            if (is_new < 0) ok = false;
            if (is_new > 0) {
                if (is_cons(t)) {
                    q = cons_ptr(t), n = 2;
                    size += 2;
                } else {
                    term_t h = boxed_header(t);
                    size += header_size(h) + 1;
                    q = boxed_ptr(t) + 1;
                    if (!header_is_raw(h)) n = header_size(h);
                    if (header_type(h) == T_FUN) q += 2, n -= 2;
                    if (header_type(h) == T_EXPORT_FUN) n = 0;
                }
            }
        }
        if (n > 0 && ok) {
            ok = wstack_need(&s, 2);
            if (!ok) break;
            s.top[0] = (uintptr_t)q;
            s.top[1] = n;
            s.top += 2;
        }
        if (wstack_is_empty(&s)) break;
        t = *(const term_t *)(uintptr_t)s.top[-2];
        s.top[-2] += sizeof(term_t);
        if (--s.top[-1] == 0) s.top -= 2;
    }
    wstack_free(&s);
    seen_free(&seen);
    if (!ok) return bif_oom(p);
    bif_bump(p, size / 16);
    return make_small((int64_t)size);
}

static BIF(debug_copy_shared) {
    term_t t = term_copy_to(p, a[0]);
    return t == TERM_NONE ? bif_oom(p) : t;
}

/* ---- erts_internal:ets_super_user/1 ---- */

/* From now on the process reads and writes tables whatever their protection says. */
static BIF(ets_super_user) {
    if (a[0] != A_true && a[0] != A_false) return bif_badarg(p);
    p->flags = a[0] == A_true ? p->flags | PF_ETS_SUPER : p->flags & ~(uint32_t)PF_ETS_SUPER;
    return A_ok;
}

const bif_def_t bifs_debug[] = {{"erts_debug", "map_info", 1, map_info, 0},
                                {"erts_debug", "same", 2, debug_same, 0},
                                {"erts_debug", "flat_size", 1, debug_flat_size, 0},
                                {"erts_debug", "size_shared", 1, debug_size_shared, 0},
                                {"erts_debug", "copy_shared", 2, debug_copy_shared, 0},
                                {"erts_debug", "instructions", 0, instructions, 0},
                                {"erts_debug", "dirty_cpu", 2, dirty_2, BIF_DIRTY_CPU},
                                {"erts_debug", "dirty_io", 2, dirty_2, BIF_DIRTY_IO},
                                {"erts_debug", "dirty", 3, dirty_3, 0},
                                {"erts_internal", "ets_super_user", 1, ets_super_user, 0},
                                {0}};
