/* fiber.c: BIFs that give way in the middle, on a stack of their own. See fiber.h.
 *
 * Relies on nothing but a few instructions that change the stack, written here for x86-64; on
 * other machines no BIF gives way within, ticks only count. A fiber belongs to its process and may
 * be continued by another thread than the one it began on: after a tick p->sched may be another.
 */
#include "vm/fiber.h"
#include "vm/proc_ext.h"
#include "vm/sched.h"

#if defined(__x86_64__)
#define HAVE_FIBERS 1
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* What is not touched costs no memory where the allocator gets blocks of this size from the
 * system. BIFs do not recurse; the host's signal handlers may run here, too. */
#define FIBER_BYTES (256u << 10)
#define FIBER_ARGS  8
/* Words a switch takes off a stack that has never run, so that its function starts aligned. */
#define INITIAL_FRAME 11

typedef struct fiber {
    void *sp; /* of whichever side does not run */
    proc_t *p;
    bif_fn body;
    term_t args[FIBER_ARGS];
    term_t result;
    bool done, cancelled;
    int32_t held;         /* reductions of this slice its BIF does not see yet */
    uint64_t since;       /* when the slice began on this stack, by the clock */
    void (*call)(void *); /* for the scheduler's stack, before the fiber goes on */
    void *call_arg;
    unsigned live; /* X registers in x */
    term_t x[X_REGS];
#ifdef FIBER_ASAN
    void *fake; /* the fiber's, while it does not run */
    const void *back_bottom;
    size_t back_size;
#endif
#ifdef FIBER_TSAN
    void *tsan, *back_tsan;
#endif
    uint64_t stack[];
} fiber_t;

#define STACK_BYTES (FIBER_BYTES - sizeof(fiber_t))

#ifdef HAVE_FIBERS
/* Saves what a function must preserve on the stack, the stack pointer in *save, goes to the stack
 * `to`, and returns there. A stack never run before starts its function with arg. */
void ling_fiber_switch(void **save, void *to, void *arg);
__asm__(".text\n"
        ".p2align 4\n"
        ".globl ling_fiber_switch\n"
        ".hidden ling_fiber_switch\n"
        ".type ling_fiber_switch, @function\n"
        "ling_fiber_switch:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    subq $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    ldmxcsr (%rsp)\n"
        "    fldcw 4(%rsp)\n"
        "    addq $8, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    movq %rdx, %rdi\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size ling_fiber_switch, .-ling_fiber_switch\n"
        ".previous\n");

/* ---- both ways ---- */

static void enter_once(fiber_t *f) {
#ifdef FIBER_TSAN
    f->back_tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(f->tsan, 0);
#endif
#ifdef FIBER_ASAN
    void *fake;
    __sanitizer_start_switch_fiber(&fake, f->stack, STACK_BYTES);
#endif
    proc_t *p = f->p;
    p->flags &= ~(uint32_t)PF_FIBER;
    p->sched->fiber = f;
    ling_fiber_switch(&f->sp, f->sp, f);
    p->sched->fiber = NULL;
    if (!f->done) p->flags |= PF_FIBER;
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

static void enter(fiber_t *f) {
    for (enter_once(f); f->call; enter_once(f)) {
        void (*call)(void *) = f->call;
        f->call = NULL;
        call(f->call_arg);
    }
}

static void leave(fiber_t *f) {
#ifdef FIBER_TSAN
    __tsan_switch_to_fiber(f->back_tsan, 0);
#endif
#ifdef FIBER_ASAN
    __sanitizer_start_switch_fiber(f->done ? NULL : &f->fake, f->back_bottom, f->back_size);
#endif
    ling_fiber_switch(&f->sp, f->sp, NULL);
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(f->fake, &f->back_bottom, &f->back_size);
#endif
}

static void fiber_main(void *arg) {
    fiber_t *f = arg;
#ifdef FIBER_ASAN
    __sanitizer_finish_switch_fiber(NULL, &f->back_bottom, &f->back_size);
#endif
    f->result = f->body(f->p, f->args);
    f->done = true;
    leave(f); /* for good */
}

/* ---- the slice ----
 * What a reduction of a BIF costs depends on caches and on pages not touched before: by a factor of
 * ten and more. So the BIF is given its reductions in portions, and after each the clock is asked.
 */

#define PORTION  512
#define SLICE_NS 1000000u

static void slice_begin(fiber_t *f) {
    proc_t *p = f->p;
    f->since = vm_host_now(p->vm);
    f->held = p->reds > PORTION ? p->reds - PORTION : 0;
    p->reds -= f->held;
}

/* The next portion; false: the slice is over. */
static bool slice_more(fiber_t *f) {
    if (f->held == 0 || vm_host_now(f->p->vm) - f->since >= SLICE_NS) return false;
    int32_t n = f->held < PORTION ? f->held : PORTION;
    f->held -= n;
    f->p->reds += n;
    return true;
}

static void slice_end(fiber_t *f) {
    bool goes_on = f->done && vm_host_now(f->p->vm) - f->since < SLICE_NS;
    f->p->reds = goes_on ? f->p->reds + f->held : 0;
    f->held = 0;
}

/* ---- life ---- */

void fiber_spare_free(sched_t *s) {
    if (s->fiber_spare) mem_free(s->vm, s->fiber_spare, FIBER_BYTES);
    s->fiber_spare = NULL;
}

static fiber_t *fiber_new(proc_t *p, bif_fn body, const term_t *a) {
    sched_t *s = p->sched;
    unsigned arity = p->cur_bif->arity;
    if (arity > FIBER_ARGS || !proc_ext_get(p)) return NULL;
    fiber_t *f = s->fiber_spare ? s->fiber_spare : mem_alloc(p->vm, FIBER_BYTES);
    if (!f) return NULL;
    s->fiber_spare = NULL;
    f->p = p;
    f->body = body;
    memcpy(f->args, a, arity * sizeof(term_t));
    f->done = f->cancelled = false;
    f->call = NULL;
    f->live = 0;
    uint64_t *top = (uint64_t *)((uintptr_t)((char *)f + FIBER_BYTES) & ~(uintptr_t)15);
    uint64_t *sp = top - INITIAL_FRAME;
    memset(sp, 0, INITIAL_FRAME * sizeof *sp);
    sp[7] = (uint64_t)(uintptr_t)fiber_main; /* returned to; the word above is its caller: none */
    __asm__("stmxcsr %0\n fnstcw %1" : "=m"(*(uint32_t *)sp), "=m"(*((uint16_t *)sp + 2)));
    f->sp = sp;
#ifdef FIBER_TSAN
    f->tsan = __tsan_create_fiber(0);
#endif
    return f;
}

static void fiber_free(proc_t *p, fiber_t *f) {
    p->ext->fiber = NULL;
#ifdef FIBER_TSAN
    __tsan_destroy_fiber(f->tsan);
#endif
    sched_t *s = p->sched;
#ifdef FIBER_ASAN
    ASAN_UNPOISON_MEMORY_REGION(f->stack, STACK_BYTES);
#endif
    if (f->cancelled || s->fiber_spare) {
        mem_free(p->vm, f, FIBER_BYTES);
    } else {
        s->fiber_spare = f;
    }
}

void fiber_cancel(proc_t *p) {
    fiber_t *f = p->ext->fiber;
    f->cancelled = true;
    f->held = 0;
    enter(f);
    fiber_free(p, f);
}

/* ---- what a BIF's wrapper does ---- */

/* A BIF returned no term. If it gave up on the scheduler's stack it begins again on its own, in the
 * next slice. */
term_t bif_long_failed(proc_t *p, term_t *a, bif_fn body) {
    if (!p->sched->give_up) return TERM_NONE;
    p->sched->give_up = false;
    p->cause = TERM_NONE;
    fiber_t *f = fiber_new(p, body, a);
    if (!f) { /* no memory for that: without giving way, then */
        p->flags |= PF_RUN_ON;
        term_t r = body(p, a);
        p->flags &= ~(uint32_t)PF_RUN_ON;
        return r;
    }
    p->ext->fiber = f;
    p->flags |= PF_FIBER;
    p->fclass = EXC_AGAIN;
    return TERM_NONE;
}

term_t bif_long_resume(proc_t *p) {
    fiber_t *f = p->ext->fiber;
    slice_begin(f);
    enter(f);
    slice_end(f);
    if (!f->done) {
        p->fclass = EXC_AGAIN;
        return TERM_NONE;
    }
    term_t r = f->result;
    fiber_free(p, f);
    return r;
}

/* On the scheduler's stack: only a BIF that said it can begin again, called by the engine, does. */
static bool give_up(proc_t *p) {
    p->reds = 0;
    return p->sched->give_up =
               !(p->flags & PF_RUN_ON) && p->cur_bif && (p->cur_bif->flags & BIF_LONG);
}

void bif_deep(proc_t *p, void (*fn)(void *), void *arg) {
    fiber_t *f = p->sched->fiber;
    if (!f) {
        fn(arg);
        return;
    }
    f->call = fn;
    f->call_arg = arg;
    leave(f);
}

bool bif_pause(proc_t *p, size_t reds) {
    fiber_t *f = p->sched->fiber;
    if (!f) return give_up(p);
    for (bool fresh = false; !f->cancelled; fresh = true) {
        while (p->reds <= (int64_t)reds && slice_more(f)) {
        }
        if (p->reds > (int64_t)reds) {
            p->reds -= (int32_t)reds;
            break;
        }
        p->reds = 0;
        if (fresh) break; /* it costs more than a slice */
        leave(f);
    }
    return f->cancelled;
}

bool bif_begin_long(proc_t *p) {
    const fiber_t *f = p->sched->fiber;
    return f ? f->cancelled : give_up(p);
}

#else

void fiber_spare_free(sched_t *s) { (void)s; }
void fiber_cancel(proc_t *p) { (void)p; }
term_t bif_long_failed(proc_t *p, term_t *a, bif_fn body) {
    (void)p, (void)a, (void)body;
    return TERM_NONE;
}
term_t bif_long_resume(proc_t *p) { return bif_oom(p); }
void bif_deep(proc_t *p, void (*fn)(void *), void *arg) {
    (void)p;
    fn(arg);
}
bool bif_pause(proc_t *p, size_t reds) {
    bif_bump(p, reds);
    return false;
}
bool bif_begin_long(proc_t *p) {
    (void)p;
    return false;
}

#endif

/* ---- big blocks ---- */

/* Giving a block back to the system takes a while for each of its pages. */
#define FREE_PIECE      ((size_t)1 << 20)
#define FREE_PIECE_REDS 500

bool bif_can_pause(const proc_t *p) {
    const fiber_t *f = p ? p->sched->fiber : NULL;
    return f && !f->cancelled;
}

void bif_free(proc_t *p, void *block, size_t size) {
    while (size > 2 * FREE_PIECE && bif_can_pause(p) && !bif_tick(p, FREE_PIECE_REDS)) {
        void *rest = mem_realloc(p->vm, block, size, size - FREE_PIECE);
        if (!rest) break;
        block = rest;
        size -= FREE_PIECE;
    }
    mem_free(p->vm, block, size);
}

/* ---- X registers ---- */

void fiber_save(proc_t *p, const term_t *x, unsigned live) {
    fiber_t *f = p->ext->fiber;
    f->live = live;
    memcpy(f->x, x, live * sizeof(term_t));
}

void fiber_restore(proc_t *p, term_t *x) {
    fiber_t *f = p->ext->fiber;
    memcpy(x, f->x, f->live * sizeof(term_t));
}
