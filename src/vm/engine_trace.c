/* engine_trace.c: the instructions of breakpoints and of frames that watch a return (trace.h). None
 * of them is in code nobody traces.
 */
#include "vm/trace.h"
#include "vm/engine.h"
#include "vm/proc_ext.h"

void engine_trace_init(vm_t *vm) {
    static const int op[TRACE_FRAMES] = {[TRACE_FRAME_RETURN] = OP_trace_return,
                                         [TRACE_FRAME_RETURN_TO] = OP_trace_return_to,
                                         [TRACE_FRAME_TIME] = OP_trace_time,
                                         [TRACE_FRAME_BIF] = OP_trace_bif_done};
    for (int i = 0; i < TRACE_FRAMES; i++) vm->trace->return_code[i][0] = engine_handler(op[i]);
}

DEFINE_SLOW(no_memory) {
    p->fclass = EXC_OOM;
    RAISE();
}

/* In the place of a function's first instruction. */
DEFINE_OP(breakpoint) {
    SAVE();
    uint64_t h = trace_local_call(p, ip, x);
    RESTORE();
    if (UNLIKELY(h == 1)) SLOW(no_memory);
    if (UNLIKELY(h == 0)) GO(ip);
    if (UNLIKELY(h == 2)) {
        export_t *e = export_get(p->vm, proc_error_handler(p), A_breakpoint, 3);
        if (UNLIKELY(!e)) SLOW(no_memory);
        GO(atomic_load_explicit(&e->code, memory_order_acquire));
    }
    TAIL return ((op_fn)(uintptr_t)h)(p, ip, x, hp, sp, reds);
}
/* What an export entry points to. */
DEFINE_OP(export_break) {
    SAVE();
    const uint64_t *to = trace_export_call(p, (export_t *)(uintptr_t)W0(0), x);
    RESTORE();
    if (UNLIKELY(!to)) SLOW(no_memory);
    GO(to);
}

/* Calls of a traced BIF: through its export entry, as of any function. */
DEFINE_OP(call_bif_traced) {
    PUSH_RETURN(ip + SIZE_call_bif_traced);
    GO(atomic_load_explicit(&((export_t *)(uintptr_t)W0(0))->code, memory_order_acquire));
}
/* The caller's frame stays until the BIF is done, as in the instructions these stand for. */
#define PUSH_BIF_FRAME(bytes)                                                                      \
    (sp -= 3, sp[0] = (term_t)(uintptr_t)p->vm->trace->return_code[TRACE_FRAME_BIF] + CALL_MARK,   \
     sp[1] = make_small(bytes), sp[2] = (term_t)(uintptr_t)(ip + 1) + CALL_MARK)
DEFINE_OP(call_bif_last_traced) {
    PUSH_BIF_FRAME(H(0));
    GO(atomic_load_explicit(&((export_t *)(uintptr_t)W1(0))->code, memory_order_acquire));
}
DEFINE_OP(call_bif_only_traced) {
    PUSH_BIF_FRAME(0);
    GO(atomic_load_explicit(&((export_t *)(uintptr_t)W0(0))->code, memory_order_acquire));
}
DEFINE_OP(trace_bif_done) {
    sp = (term_t *)((char *)(sp + 2) + small_value(sp[0]));
    const uint64_t *to = CODE(*sp++ - CALL_MARK);
    GO(to);
}

/* ---- returns ---- x0: the value */

DEFINE_OP(trace_return) {
    SAVE();
    trace_returned(p, x[0], sp);
    sp += 5;
    const uint64_t *to = CODE(*sp++ - CALL_MARK);
    GO(to);
}
DEFINE_OP(trace_return_to) {
    SAVE();
    trace_returned_to(p);
    const uint64_t *to = CODE(*sp++ - CALL_MARK);
    GO(to);
}
DEFINE_OP(trace_time) {
    trace_time_returned(p, sp[0]);
    sp++;
    const uint64_t *to = CODE(*sp++ - CALL_MARK);
    GO(to);
}
