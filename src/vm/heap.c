/* heap.c: allocation on process heaps and the garbage collector.
 *
 * A copying collector with two generations. The young block holds the heap (growing up) and the
 * stack (growing down). What was there when the last collection ended (below high_water) and is
 * still alive goes to the old generation; what is newer is copied to a new young block and gets its
 * second chance. A major collection does the same and empties the old generation into a new one.
 * Copying is Cheney's: the to-spaces are their own work lists, so depth costs nothing.
 *
 * What is not in the young block, not in the old one and no literal can only be in a fragment (a
 * message received or a BIF's overflow): it moves to the young block and all fragments are
 * released. The one exception is the message a `receive` is looking at, which is still the
 * queue's: pointers into it are left alone.
 *
 * Literals stay where they are, but for a process that is asked to leave some (literals.c): the
 * areas it turns out to use are copied, and those copies are one more space survivors come from.
 */
#include "vm/heap.h"
#include "vm/binary.h"
#include "vm/code.h"
#include "vm/literals.h"
#include "vm/process.h"
#include "vm/microstate.h"
#include "vm/trace.h"

/* A process that collects more than once in a slice allocates fast: its young block doubles, up to
 * what fits a second-level cache; beyond that it grows only as survivors demand. */
#define YOUNG_CACHE_WORDS (32 * 1024)
#define FRAG_LIMIT_MIN    512

size_t heap_next_size(size_t words) {
    size_t n = 48;
    while (n < words && n < (1u << 20)) n += n / 2 + 16;
    while (n < words) n += n / 4;
    return (n + 7) & ~(size_t)7;
}

size_t heap_block_words(const proc_t *p) { return (size_t)(p->hend - p->heap); }
size_t heap_used_words(const proc_t *p) {
    return (size_t)(p->htop - p->heap) + (size_t)(p->old_top - p->old_heap) + p->frag_words;
}
size_t heap_total_words(const proc_t *p) {
    return heap_block_words(p) + (size_t)(p->old_end - p->old_heap) + p->frag_words;
}

static void set_frag_limit(proc_t *p) {
    size_t n = heap_block_words(p);
    p->frag_limit = (uint32_t)(n < FRAG_LIMIT_MIN ? FRAG_LIMIT_MIN : n > 1u << 30 ? 1u << 30 : n);
}

bool heap_init(proc_t *p, size_t words) {
    size_t inline_words = (p->block_size - offsetof(proc_t, heap0)) / sizeof(term_t);
    if (words <= inline_words) {
        p->heap = p->heap0;
        p->hend = p->heap0 + inline_words;
        p->inline_heap = 1;
    } else {
        p->heap = mem_alloc_as(p->vm, MEM_HEAP, words * sizeof(term_t));
        if (!p->heap) return false;
        p->hend = p->heap + words;
        p->inline_heap = 0;
    }
    p->htop = p->high_water = p->heap;
    p->sp = p->heap_end = p->hend;
    p->old_heap = p->old_top = p->old_end = NULL;
    p->frags = NULL;
    p->frag_words = 0;
    p->off_heap = p->old_off_heap = NULL;
    set_frag_limit(p);
    return true;
}

void off_heap_release(vm_t *vm, off_heap_t *o) {
    (void)vm;
    while (o) {
        off_heap_t *next = o->next;
        if (header_type(o->header) == T_PROC_BIN)
            shared_bin_release(((proc_bin_t *)o)->bin);
        else
            magic_release(((magic_ref_t *)o)->magic);
        o = next;
    }
}

/* A scheduler keeps the last young block that was left, so that a process that collects all the
 * time goes to and fro between two blocks that stay in the cache instead of asking the system for
 * fresh pages. Small ones are not worth it. */
#define SPARE_MIN_WORDS 512
#define SPARE_MAX_WORDS (4u << 20)

void heap_spare_free(sched_t *s) {
    if (s->spare) mem_free_as(s->vm, MEM_HEAP, s->spare, s->spare_words * sizeof(term_t));
    s->spare = NULL;
    s->spare_words = 0;
}

static size_t young_capacity(const proc_t *p) { return (size_t)(p->heap_end - p->heap); }

static void young_free(proc_t *p, term_t *heap, size_t words, bool is_inline) {
    if (is_inline) return;
    sched_t *s = p->sched;
    if (s && words >= SPARE_MIN_WORDS && words <= SPARE_MAX_WORDS && words >= s->spare_words) {
        heap_spare_free(s);
        s->spare = heap;
        s->spare_words = words;
        return;
    }
    mem_free_as(p->vm, MEM_HEAP, heap, words * sizeof(term_t));
}

/* *words may become more: the spare block is taken as it is where it is not far too large. */
static term_t *young_alloc(proc_t *p, size_t *words) {
    sched_t *s = p->sched;
    if (s->spare && s->spare_words >= *words && s->spare_words / 2 <= *words) {
        term_t *block = s->spare;
        *words = s->spare_words;
        s->spare = NULL;
        s->spare_words = 0;
        return block;
    }
    term_t *block = mem_alloc_as(p->vm, MEM_HEAP, *words * sizeof(term_t));
    if (!block && s->spare) { /* memory is short */
        heap_spare_free(s);
        block = mem_alloc_as(p->vm, MEM_HEAP, *words * sizeof(term_t));
    }
    return block;
}

static void frags_free(proc_t *p) {
    signal_t *f = p->frags;
    while (f) {
        signal_t *next = f->next;
        f->off_heap = NULL; /* its objects are on the process's list */
        signal_free(p->vm, p->sched, f);
        f = next;
    }
    p->frags = NULL;
    p->frag_words = 0;
}

void heap_free(proc_t *p) {
    off_heap_release(p->vm, p->off_heap);
    off_heap_release(p->vm, p->old_off_heap);
    p->off_heap = p->old_off_heap = NULL;
    frags_free(p);
    young_free(p, p->heap, young_capacity(p), p->inline_heap);
    if (p->old_heap)
        mem_free_as(p->vm, MEM_HEAP, p->old_heap,
                    (size_t)(p->old_end - p->old_heap) * sizeof(term_t));
    p->heap = p->htop = p->hend = p->sp = p->old_heap = p->old_top = p->old_end = NULL;
}

/* ---- allocation ---- */

/* A fragment with so much room, of which words are used. */
static term_t *fragment_new(proc_t *p, size_t room, size_t words) {
    signal_t *f = signal_new(p->vm, p->sched, SIG_FRAGMENT, room);
    if (!f) return NULL;
    f->used = (uint32_t)words;
    f->next = p->frags;
    p->frags = f;
    p->frag_words += (uint32_t)words;
    return f->data;
}

term_t *heap_fragment(proc_t *p, size_t words) {
    return words > UINT32_MAX / 2 ? NULL : fragment_new(p, words, words);
}

/* The block is full. Small requests share a fragment, so that a BIF that conses cell by cell does
 * not make a fragment for each. */
COLD term_t *heap_alloc_slow(proc_t *p, size_t words) {
    signal_t *f = p->frags;
    if (f && f->kind == SIG_FRAGMENT && f->size - f->used >= words) {
        term_t *hp = f->data + f->used;
        f->used += (uint32_t)words;
        p->frag_words += (uint32_t)words;
        return hp;
    }
    if (words > 256) return heap_fragment(p, words);
    size_t room = p->frag_words < 240 ? 240 : p->frag_words > 32768 ? 32768 : p->frag_words;
    return fragment_new(p, room < words ? words : room, words);
}

void heap_release(proc_t *p, term_t *hp, term_t *end) {
    if (hp == end) return;
    if (end == p->htop) {
        p->htop = hp;
        return;
    }
    signal_t *f = p->frags;
    if (f && end == f->data + f->used) {
        f->used -= (uint32_t)(end - hp);
        p->frag_words -= (uint32_t)(end - hp);
        return;
    }
    /* Something else was allocated since: leave a raw object that covers the words. */
    *hp = make_header(T_HEAP_BIN, (size_t)(end - hp) - 1);
    if (end - hp > 1) hp[1] = 0;
}

/* ---- collection ---- */

/* A process leaves literals: by their areas' numbers, what it refers to, and copies of that. */
typedef struct {
    bool found, in_message;
    bool used[LITERALS_LEAVING];
    term_t *copy[LITERALS_LEAVING];
} gc_leave_t;

typedef struct {
    proc_t *p;
    gc_leave_t *leave;
    uintptr_t young, young_size; /* from-space: the used part of the young block */
    uintptr_t mature_size;       /* bytes below high_water */
    uintptr_t old, old_size;     /* old generation, used part */
    uintptr_t lit, lit_size;
    uintptr_t msg, msg_size; /* the message under inspection */
    term_t *young_top;       /* to-spaces */
    term_t *old_top;
} gc_t;

static inline term_t gc_move(gc_t *g, term_t t, bool to_old) {
    term_t *from, *to = to_old ? g->old_top : g->young_top, *end;
    term_t moved;
    if (is_cons(t)) {
        from = cons_ptr(t);
        to[0] = from[0];
        to[1] = from[1];
        end = to + 2;
        moved = make_cons(to);
        from[0] = TERM_NONE; /* forwarding: no term has this value */
        from[1] = moved;
    } else {
        from = boxed_ptr(t);
        size_t n = header_size(*from) + 1;
        for (size_t i = 0; i < n; i++) to[i] = from[i];
        end = to + n;
        moved = make_boxed(to);
        from[0] = moved; /* forwarding: not a header */
    }
    if (to_old)
        g->old_top = end;
    else
        g->young_top = end;
    return moved;
}

/* How pointers are followed; constants to each collection. */
enum { HOW_MAJOR = 1 /* the old generation moves, too */, HOW_LEAVE = 2 /* g->leave is there */ };

/* t points to a literal. What is copied of a literal that leaves is an object like any other. */
COLD static bool gc_stays(gc_t *g, term_t *t) {
    vm_t *vm = g->p->vm;
    int i = literal_leaving(vm, *t);
    if (i < 0) return true;
    g->leave->found = g->leave->used[i] = true;
    if (!g->leave->copy[i]) return true;
    size_t words;
    off_heap_t *off;
    *t += (uintptr_t)g->leave->copy[i] - (uintptr_t)literal_leaving_area(vm, i, &words, &off);
    return false;
}

/* Where the object behind a pointer is now. */
static inline term_t gc_forward(gc_t *g, term_t t, const unsigned how) {
    if (!is_pointer(t)) return t;
    uintptr_t a = (uintptr_t)(t & ~(term_t)TAG_MASK);
    bool to_old;
    if (LIKELY(a - g->young < g->young_size))
        to_old = a - g->young < g->mature_size;
    else if (a - g->old < g->old_size) {
        if (!(how & HOW_MAJOR)) return t;
        to_old = true;
    } else if (how & HOW_LEAVE) {
        if (a - g->msg < g->msg_size) {
            g->leave->in_message = true;
            return t;
        }
        if (a - g->lit < g->lit_size && gc_stays(g, &t)) return t;
        a = (uintptr_t)(t & ~(term_t)TAG_MASK);
        to_old = false;
    } else if (a - g->lit < g->lit_size || a - g->msg < g->msg_size)
        return t;
    else
        to_old = false;
    term_t *from = (term_t *)a;
    if (is_cons(t)) {
        if (from[0] == TERM_NONE) return from[1];
    } else if (!is_header(from[0]))
        return from[0];
    return gc_move(g, t, to_old);
}

static inline void gc_roots(gc_t *g, term_t *t, size_t n, const unsigned how) {
    for (size_t i = 0; i < n; i++) t[i] = gc_forward(g, t[i], how);
}

COLD static void gc_fix_ctx(match_ctx_t *ctx) {
    /* The data of a heap binary moved with it; that of a shared one stays where it was. */
    if (boxed_type(ctx->orig) == T_HEAP_BIN) ctx->base = ((heap_bin_t *)boxed_ptr(ctx->orig))->data;
}

/* Scans words [scan, top): returns when all of them point to where things are now. top moves. */
static inline term_t *gc_scan(gc_t *g, term_t *scan, term_t *const *top, const unsigned how) {
    while (scan < *top) {
        term_t w = *scan;
        if (is_pointer(w)) {
            *scan++ = gc_forward(g, w, how);
        } else if (!is_header(w)) {
            scan++;
        } else if (header_is_raw(w)) {
            scan += header_size(w) + 1;
        } else if (UNLIKELY(header_type(w) == T_MATCH_CTX)) {
            match_ctx_t *ctx = (match_ctx_t *)scan;
            ctx->orig = gc_forward(g, ctx->orig, how);
            gc_fix_ctx(ctx);
            scan += MATCH_CTX_WORDS;
        } else {
            scan++;
        }
    }
    return scan;
}

typedef struct {
    gc_t *g;
    unsigned how;
} ext_roots_t;
static void ext_root(void *user, term_t *t, size_t n) {
    ext_roots_t *e = user;
    gc_roots(e->g, t, n, e->how);
}

/* Sorts a list of off-heap objects by their fate: released, young or old. */
static void gc_off_heap(gc_t *g, off_heap_t *o, uintptr_t old_base, uintptr_t old_size) {
    proc_t *p = g->p;
    while (o) {
        off_heap_t *next = o->next;
        if (is_header(o->header)) { /* nobody moved it: dead */
            o->next = NULL;
            off_heap_release(p->vm, o);
        } else {
            off_heap_t *now = (off_heap_t *)boxed_ptr(o->header);
            bool old = (uintptr_t)now - old_base < old_size;
            off_heap_t **list = old ? &p->old_off_heap : &p->off_heap;
            now->next = *list;
            *list = now;
            if (old && header_type(now->header) == T_PROC_BIN)
                p->old_vheap += ((proc_bin_t *)now)->size;
        }
        o = next;
    }
}

enum gc_mode {
    GC_MINOR,   /* mature words go to the old generation, which stays where it is */
    GC_MAJOR,   /* mature and old words go to a new old generation */
    GC_COLLAPSE /* everything goes to the new young block */
};

/* new_words: memory of the new young block, enough if everything survives. size: how much of it is
 * to be used, unless survivors, stack and need want more. */
static inline __attribute__((always_inline)) bool
gc_run(proc_t *p, size_t new_words, size_t size, size_t need, size_t old_words, term_t *x,
       unsigned live, term_t *extra, unsigned nextra, enum gc_mode mode, gc_leave_t *leave) {
    vm_t *vm = p->vm;
    const unsigned how = (mode == GC_MAJOR ? HOW_MAJOR : 0) | (leave ? HOW_LEAVE : 0);
    size_t stack = (size_t)(p->hend - p->sp);
    size_t before = heap_used_words(p);
    term_t *block = young_alloc(p, &new_words);
    if (!block) return false;
    term_t *new_old = NULL;
    if (old_words) {
        new_old = mem_alloc_as(vm, MEM_HEAP, old_words * sizeof(term_t));
        if (!new_old) {
            mem_free_as(vm, MEM_HEAP, block, new_words * sizeof(term_t));
            return false;
        }
    }
    const bool collapse = mode == GC_COLLAPSE;
    gc_t g = {.p = p,
              .leave = leave,
              .young = (uintptr_t)p->heap,
              .young_size = (uintptr_t)p->htop - (uintptr_t)p->heap,
              .mature_size = collapse ? 0 : (uintptr_t)p->high_water - (uintptr_t)p->heap,
              .old = (uintptr_t)p->old_heap,
              .old_size = collapse ? 0 : (uintptr_t)p->old_top - (uintptr_t)p->old_heap,
              .lit = vm->literal_base,
              .lit_size = vm->literal_size,
              .young_top = block,
              .old_top = new_old ? new_old : p->old_top};
    signal_t *cur = msg_queue_current(&p->mq);
    if (cur) {
        g.msg = (uintptr_t)cur->data;
        g.msg_size = cur->used * sizeof(term_t);
    }
    term_t *old_base = g.old_top, *old_scan = g.old_top;

    gc_roots(&g, p->sp, stack, how); /* in place: it moves when the survivors are known */
    gc_roots(&g, x, live, how);
    gc_roots(&g, extra, nextra, how);
    gc_roots(&g, &p->fvalue, 1, how);
    gc_roots(&g, &p->ftrace, 1, how);
    gc_roots(&g, &p->cause, 1, how);
    gc_roots(&g, &p->group_leader, 1, how);
    size_t n = 0;
    term_t *dict = pdict_roots(p, &n);
    gc_roots(&g, dict, n, how);
    ext_roots_t er = {&g, how};
    proc_ext_roots(p, ext_root, &er);

    term_t *scan = block;
    do {
        scan = gc_scan(&g, scan, &g.young_top, how);
        old_scan = gc_scan(&g, old_scan, &g.old_top, how);
    } while (scan < g.young_top);

    off_heap_t *young_list = p->off_heap, *old_list = p->old_off_heap;
    uintptr_t moved_old = (uintptr_t)g.old_top - (uintptr_t)old_base;
    p->off_heap = NULL;
    if (mode != GC_MINOR) {
        p->old_off_heap = NULL;
        p->old_vheap = 0;
        gc_off_heap(&g, old_list, (uintptr_t)old_base, moved_old);
    }
    gc_off_heap(&g, young_list, (uintptr_t)old_base, moved_old);

    size_t least = (size_t)(g.young_top - block) + stack + need + STACK_RESERVE;
    if (size < least) size = least;
    if (size > new_words) size = new_words;
    term_t *new_sp = block + size - stack;
    memcpy(new_sp, p->sp, stack * sizeof(term_t));
    frags_free(p);
    young_free(p, p->heap, young_capacity(p), p->inline_heap);
    p->inline_heap = 0;
    if (mode != GC_MINOR && p->old_heap) {
        mem_free_as(vm, MEM_HEAP, p->old_heap, (size_t)(p->old_end - p->old_heap) * sizeof(term_t));
        p->old_heap = p->old_top = p->old_end = NULL;
    }
    if (new_old) {
        p->old_heap = new_old;
        p->old_end = new_old + old_words;
    }
    if (p->old_heap) p->old_top = g.old_top;
    p->heap = block;
    p->htop = p->high_water = g.young_top;
    p->hend = block + size;
    p->heap_end = block + new_words;
    p->sp = new_sp;
    p->vheap = 0;
    set_frag_limit(p);
    size_t after = heap_used_words(p);
    sched_count(&p->sched->gc_count, 1);
    if (after < before) sched_count(&p->sched->gc_words, before - after);
    return true;
}

/* How much the next young block is to hold. One that is full twice in a slice grows even if little
 * survives, but not so far that it brings the process near a limit of its own. */
static size_t young_size(proc_t *p) {
    size_t cur = heap_block_words(p), size = cur;
    bool is_churning = p->gc_mark == (uint32_t)p->total_reds && cur < YOUNG_CACHE_WORDS &&
                       (p->max_heap == 0 || cur <= p->max_heap / 8);
    if (p->grow_young || is_churning) size = cur * 2;
    p->gc_mark = (uint32_t)p->total_reds;
    if (size < p->min_heap) size = p->min_heap;
    return size == cur ? cur : heap_next_size(size);
}

/* Its memory: also if everything survives. Slack keeps that from growing by a little each time. */
static size_t young_memory(const proc_t *p, size_t size, size_t worst) {
    size_t have = p->inline_heap ? 0 : young_capacity(p), want = size > worst ? size : worst;
    if (want <= have && have <= 2 * want) return have;
    return heap_next_size(want + want / 8);
}

/* Less than a third of the block free: the next one is larger. */
static void after_gc(proc_t *p, size_t need) {
    p->grow_young = (size_t)(p->sp - p->htop) < need + heap_block_words(p) / 3;
}

/* The process's own limit. Over it, it is killed just as if there were no memory. */
static bool within_limit(const proc_t *p) {
    return p->max_heap == 0 || (p->max_heap_flags & MAX_HEAP_NO_KILL) ||
           heap_total_words(p) <= p->max_heap;
}

/* What could survive into the young block, and what must be free in it then. */
static size_t young_worst(const proc_t *p, size_t need) {
    return (size_t)(p->htop - p->high_water) + p->frag_words + (size_t)(p->hend - p->sp) + need +
           STACK_RESERVE;
}

static bool is_major_due(const proc_t *p) {
    size_t mature = (size_t)(p->high_water - p->heap);
    size_t old_used = (size_t)(p->old_top - p->old_heap);
    return (p->flags & PF_NEED_MAJOR) || p->gen_gcs >= p->fullsweep_after ||
           p->old_vheap > p->old_vheap_limit ||
           (p->old_heap &&
            (old_used + mature > p->old_limit || mature > (size_t)(p->old_end - p->old_top)));
}

bool gc_is_long(const proc_t *p) {
    size_t young = (size_t)(p->htop - p->heap) + p->frag_words;
    size_t old = (size_t)(p->old_top - p->old_heap);
    return young > GC_LONG_WORDS || (young + old > GC_LONG_WORDS && is_major_due(p));
}

static bool minor(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra,
                  unsigned nextra) {
    size_t mature = (size_t)(p->high_water - p->heap);
    size_t old_words = 0;
    if (!p->old_heap && mature) p->old_limit = old_words = heap_next_size(mature * 2);
    size_t size = young_size(p);
    if (!gc_run(p, young_memory(p, size, young_worst(p, need)), size, need, old_words, x, live,
                extra, nextra, GC_MINOR, NULL))
        return false;
    p->gen_gcs++;
    after_gc(p, need);
    return within_limit(p);
}

static void after_major(proc_t *p, size_t need) {
    p->flags &= ~(uint32_t)PF_NEED_MAJOR;
    p->gen_gcs = 0;
    /* What did survive decides when the next major collection is due. */
    size_t live_old = (size_t)(p->old_top - p->old_heap);
    p->old_limit = 2 * live_old + 256;
    if (p->old_limit > (size_t)(p->old_end - p->old_heap))
        p->old_limit = (size_t)(p->old_end - p->old_heap);
    p->old_vheap_limit = 2 * p->old_vheap + (64u << 20);
    after_gc(p, need);
}

static bool major(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra,
                  unsigned nextra) {
    size_t mature = (size_t)(p->high_water - p->heap);
    size_t old_used = (size_t)(p->old_top - p->old_heap);
    /* Twice what could survive; what is never touched costs only address space. */
    size_t old_words = mature + old_used ? heap_next_size(2 * (mature + old_used)) : 0;
    size_t size = young_size(p);
    if (!gc_run(p, young_memory(p, size, young_worst(p, need)), size, need, old_words, x, live,
                extra, nextra, GC_MAJOR, NULL))
        return false;
    after_major(p, need);
    /* A young block far too large for what is in it is copied once more, into a small one. */
    size_t used = (size_t)(p->htop - p->heap) + (size_t)(p->hend - p->sp) + need + STACK_RESERVE;
    if (heap_block_words(p) > YOUNG_CACHE_WORDS && used < heap_block_words(p) / 8) {
        p->high_water = p->heap; /* nothing is mature: all of it stays young */
        size = heap_next_size(used * 2);
        if (gc_run(p, size, size, need, 0, x, live, extra, nextra, GC_MINOR, NULL))
            after_gc(p, need);
    }
    return within_limit(p);
}

static bool collapse(proc_t *p, term_t *x, unsigned live) {
    size_t stack = (size_t)(p->hend - p->sp) + STACK_RESERVE;
    size_t all = heap_used_words(p) + stack;
    if (!gc_run(p, all, all, 0, 0, x, live, NULL, 0, GC_COLLAPSE, NULL)) return false;
    size_t used = (size_t)(p->htop - p->heap) + stack;
    if (!gc_run(p, used, used, 0, 0, x, live, NULL, 0, GC_COLLAPSE, NULL)) return false;
    p->high_water = p->heap; /* it starts young again */
    p->gen_gcs = 0;
    p->grow_young = false;
    return true;
}

/* ---- leaving literals ---- */

/* What the objects in the copy of an area own. They go on the process's list. */
static void adopt_copy(proc_t *p, term_t *copy, const term_t *area, off_heap_t *off) {
    for (; off; off = off->next) {
        off_heap_t *mine = (off_heap_t *)(copy + ((const term_t *)off - area));
        if (header_type(mine->header) == T_PROC_BIN)
            shared_bin_keep(((proc_bin_t *)mine)->bin);
        else
            atomic_fetch_add_explicit(&((magic_ref_t *)mine)->magic->refs, 1, memory_order_relaxed);
        mine->next = p->off_heap;
        p->off_heap = mine;
    }
}

/* Copies the areas in use, as they are: pointers in the copies still point to the areas, as do the
 * process's. */
static bool copy_areas(proc_t *p, gc_leave_t *l, size_t *total) {
    vm_t *vm = p->vm;
    size_t words;
    off_heap_t *off;
    *total = 0;
    for (int i = 0; i < LITERALS_LEAVING; i++) {
        if (!l->used[i]) continue;
        const term_t *area = literal_leaving_area(vm, i, &words, &off);
        l->copy[i] = mem_alloc(vm, words * sizeof(term_t));
        if (!l->copy[i]) return false;
        memcpy(l->copy[i], area, words * sizeof(term_t));
        *total += words;
    }
    for (int i = 0; i < LITERALS_LEAVING; i++) {
        if (!l->copy[i]) continue;
        const term_t *area = literal_leaving_area(vm, i, &words, &off);
        adopt_copy(p, l->copy[i], area, off);
    }
    return true;
}

static void free_areas(proc_t *p, gc_leave_t *l) {
    size_t words;
    off_heap_t *off;
    for (int i = 0; i < LITERALS_LEAVING; i++) {
        if (!l->copy[i]) continue;
        (void)literal_leaving_area(p->vm, i, &words, &off);
        mem_free(p->vm, l->copy[i], words * sizeof(term_t));
    }
}

/* First a major collection that only looks whether there are such references: mostly there are
 * none. Then one that takes what is used of the areas, from copies of them, since others still read
 * them; all goes to the young block, in which no pointer need be remembered. Its block is for the
 * worst case, so what survived moves once more. */
bool gc_leave_literals(proc_t *p, bool *in_message) {
    gc_leave_t l;
    memset(&l, 0, sizeof l);
    size_t mature = (size_t)(p->high_water - p->heap);
    size_t old_used = (size_t)(p->old_top - p->old_heap);
    size_t old_words = mature + old_used ? heap_next_size(2 * (mature + old_used)) : 0;
    /* What the process itself does decides how its heap grows, not how often it is asked. */
    size_t size = heap_block_words(p);
    bool grow_young = p->grow_young;
    if (!gc_run(p, young_memory(p, size, young_worst(p, 0)), size, 0, old_words, NULL, 0, NULL, 0,
                GC_MAJOR, &l))
        return false;
    after_major(p, 0);
    p->grow_young = grow_young;
    *in_message = l.in_message;
    if (!l.found) return true;
    size_t areas;
    off_heap_t *mine = p->off_heap;
    bool ok = copy_areas(p, &l, &areas);
    if (ok) {
        size_t all = heap_used_words(p) + (size_t)(p->hend - p->sp) + STACK_RESERVE + areas;
        ok = gc_run(p, all, all, 0, 0, NULL, 0, NULL, 0, GC_COLLAPSE, &l);
        for (off_heap_t *o = p->off_heap, *next; !ok && o != mine; o = next) {
            next = o->next;
            o->next = NULL;
            off_heap_release(p->vm, o);
            p->off_heap = next;
        }
    }
    free_areas(p, &l);
    if (!ok) return false;
    p->gen_gcs = 0;
    size_t used = (size_t)(p->htop - p->heap) + (size_t)(p->hend - p->sp) + STACK_RESERVE;
    if (used < heap_block_words(p) / 2) {
        size = heap_next_size(used + used / 2);
        (void)gc_run(p, size, size, 0, 0, NULL, 0, NULL, 0, GC_COLLAPSE, NULL);
    }
    after_gc(p, 0);
    return true;
}

/* ---- with the events a tracer may want ---- */

static inline bool is_watched(proc_t *p) {
    return UNLIKELY(trace_of(p) != NULL) || sysmon_watches(p->vm, WATCH_GC | WATCH_STATES);
}

typedef struct {
    size_t words;
    uint64_t ns;
    int state; /* microstate of the thread before */
} gc_begin_t;
COLD static gc_begin_t tell_begin(proc_t *p, bool is_major, size_t need) {
    trace_gc(p, is_major, true, need);
    return (gc_begin_t){heap_used_words(p), vm_now(p->vm), microstate_enter(p->vm, MS_GC)};
}
COLD static void tell_end(proc_t *p, bool is_major, gc_begin_t b) {
    size_t after = heap_used_words(p);
    microstate_enter(p->vm, b.state);
    trace_gc(p, is_major, false, b.words > after ? b.words - after : 0);
    if (sysmon_watches(p->vm, WATCH_GC)) sysmon_collected(p, b.ns);
}

bool gc_major(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra, unsigned nextra) {
    if (LIKELY(!is_watched(p))) return major(p, need, x, live, extra, nextra);
    gc_begin_t b = tell_begin(p, true, need);
    bool ok = major(p, need, x, live, extra, nextra);
    tell_end(p, true, b);
    return ok;
}

bool gc_minor(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra, unsigned nextra) {
    if (is_major_due(p)) return gc_major(p, need, x, live, extra, nextra);
    if (LIKELY(!is_watched(p))) return minor(p, need, x, live, extra, nextra);
    gc_begin_t b = tell_begin(p, false, need);
    bool ok = minor(p, need, x, live, extra, nextra);
    tell_end(p, false, b);
    return ok;
}

bool gc_hibernate(proc_t *p, term_t *x, unsigned live) {
    if (LIKELY(!is_watched(p))) return collapse(p, x, live);
    gc_begin_t b = tell_begin(p, true, 0);
    bool ok = collapse(p, x, live);
    tell_end(p, true, b);
    return ok;
}

void gc_figures(const proc_t *p, gc_figure_t out[GC_FIGURES]) {
    const gc_figure_t rows[GC_FIGURES] = {
        {A_bin_old_vheap_block_size, MIN_BIN_VHEAP},
        {A_bin_old_vheap_size, p->old_vheap / 8},
        {A_bin_vheap_block_size, MIN_BIN_VHEAP},
        {A_bin_vheap_size, p->vheap / 8},
        {A_heap_size, (size_t)(p->htop - p->heap)},
        {A_old_heap_size, (size_t)(p->old_top - p->old_heap)},
        {A_stack_size, (size_t)(p->hend - p->sp)},
        {A_recent_size, (size_t)(p->high_water - p->heap)},
        {A_mbuf_size, p->frag_words},
        {A_heap_block_size, heap_block_words(p)},
        {A_old_heap_block_size, (size_t)(p->old_end - p->old_heap)},
    };
    memcpy(out, rows, sizeof rows);
}
