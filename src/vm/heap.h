/* heap.h: a process's heap: allocation and garbage collection.
 *
 * Heap and stack share one block: the heap grows up from p->heap, the stack down from p->hend.
 * Only the thread that runs the process touches them. BIFs allocate with heap_alloc, which never
 * moves a term: when the block is full it takes a fragment, folded in by the next collection.
 * So C code needs no rooting; the collector runs only where the engine asks for it.
 */
#ifndef LING_VM_HEAP_H
#define LING_VM_HEAP_H

#include "vm/proc.h"

/* Words kept free above the stack so that a call can always push a return address and a trap or
 * an error can always push a small frame. */
#define STACK_RESERVE 8

COLD term_t *heap_alloc_slow(proc_t *p, size_t words);

/* words consecutive words for new terms, or NULL when there is no memory (return bif_oom(p)).
 * All of them must be filled with valid terms before the BIF returns, unless the last ones are
 * given back with heap_release. */
static inline term_t *heap_alloc(proc_t *p, size_t words) {
    term_t *hp = p->htop;
    if (LIKELY((size_t)(p->sp - hp) >= words + STACK_RESERVE)) {
        p->htop = hp + words;
        return hp;
    }
    return heap_alloc_slow(p, words);
}
/* Gives back the end of the newest allocation: hp points to the first unused word, end behind its
 * last. */
void heap_release(proc_t *p, term_t *hp, term_t *end);

/* A fragment-backed object list. Allocates words in a fragment of their own: for big results. */
term_t *heap_fragment(proc_t *p, size_t words);

/* Collects. need: words that must be free afterwards. x[0..live-1] and extra[0..nextra-1] are roots
 * beside stack, dictionary and mailbox. false: no memory; the process is as before and must be
 * killed. */
bool gc_minor(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra, unsigned nextra);
bool gc_major(proc_t *p, size_t need, term_t *x, unsigned live, term_t *extra, unsigned nextra);
/* Moves the whole live heap to a block of just its size (hibernate). */
bool gc_hibernate(proc_t *p, term_t *x, unsigned live);

/* p, which does not run, leaves the literals that are to be given back: what it refers to of them
 * moves to its heap. *in_message: it has pointers into the message it looks at. false: no memory;
 * there may be references left. */
bool gc_leave_literals(proc_t *p, bool *in_message);

/* Shared binaries referred to since the last collection, in bytes, that make one worthwhile. */
#define GC_VHEAP_LIMIT (4u << 20)

/* Fragments hold more than is good: the engine collects at the next safe point. */
static inline bool gc_wanted(const proc_t *p) {
#ifdef LING_GC_STRESS
    return true;
#endif
    return p->frag_words > p->frag_limit || p->vheap > GC_VHEAP_LIMIT;
}

/* Would the next collection take long (about a millisecond)? By what it may have to copy. */
#define GC_LONG_WORDS (64u << 10)
bool gc_is_long(const proc_t *p);

/* First heap of a new process and release of everything at its end. */
bool heap_init(proc_t *p, size_t words);
void heap_free(proc_t *p);

/* Gives back the block a scheduler keeps for its next collection: when it goes idle or ends. */
void heap_spare_free(sched_t *s);

/* Puts an off-heap object (whose words were just written) on the process's list. */
static inline void off_heap_link(proc_t *p, void *obj) {
    off_heap_t *o = obj;
    o->next = p->off_heap;
    p->off_heap = o;
}
/* Releases what the objects of a list own. */
void off_heap_release(vm_t *vm, off_heap_t *list);

/* Sizes in words for process_info. */
size_t heap_block_words(const proc_t *p); /* young block */
size_t heap_used_words(const proc_t *p);
size_t heap_total_words(const proc_t *p);

/* What tracing and process_info(P, garbage_collection_info) tell of a heap, in OTP's order. */
typedef struct {
    term_t name;
    size_t value;
} gc_figure_t;
#define GC_FIGURES 11
void gc_figures(const proc_t *p, gc_figure_t out[GC_FIGURES]);
#define MIN_BIN_VHEAP 46422 /* OTP's default, only shown */

/* Next size of a heap block that holds at least this many words. */
size_t heap_next_size(size_t words);

#endif
