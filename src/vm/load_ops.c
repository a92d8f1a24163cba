/* load_ops.c: generic instructions become the engine's own.
 *
 * Instructions are taken label by label into a small buffer, where neighbours can be seen and
 * fused; then each is written in the most special form its operands have.
 */
#include "vm/load_internal.h"
#include "vm/print.h"
#include "vm/proc_ext.h"

/* ---- one instruction at a time ---- */

void emit_move(loader_t *l, const beam_arg_t *s, const beam_arg_t *d) {
    if (is_x(s) && is_x(d))
        EMIT(move_xx, *s, *d);
    else if (is_x(s))
        EMIT(move_xy, *s, *d);
    else if (is_y(s) && is_x(d))
        EMIT(move_yx, *s, *d);
    else if (is_y(s))
        EMIT(move_yy, *s, *d);
    else if (is_x(d))
        EMIT(move_cx, *d, *s);
    else
        EMIT(move_cy, *d, *s);
}

static void set_line(loader_t *l, uint64_t index) {
    const beam_line_t none = {0, 0};
    const beam_line_t *src = index < l->f.nlines ? &l->f.lines[index] : &none;
    uint32_t offset = (uint32_t)l->code.len;
    code_line_t *last = l->lines.len ? (code_line_t *)l->lines.data + l->lines.len - 1 : NULL;
    if (!last || last->offset != offset) last = load_push(l, &l->lines, sizeof *last, 1);
    if (last) *last = (code_line_t){offset, src->line, src->file};
}

/* Looks at the instruction and the next ones; writes them as one where there is a form for that.
 * Returns how many were taken, 0: none. */
static size_t emit_fused(loader_t *l, size_t i) {
    const gen_op_t *o = op_at(l, i), *o2 = op_at(l, i + 1);
    if (!o2) return 0;
    const beam_arg_t *a = args_of(l, o), *b = args_of(l, o2);
    switch (o->opcode) {
    case BO_move:
        if (o2->opcode == BO_move) {
            if (is_x(&a[0]) && is_y(&a[1]) && is_x(&b[0]) && is_y(&b[1]))
                EMIT(move_xy2, a[0], a[1], b[0], b[1]);
            else if (is_y(&a[0]) && is_x(&a[1]) && is_y(&b[0]) && is_x(&b[1]))
                EMIT(move_yx2, a[0], a[1], b[0], b[1]);
            else if (is_x(&a[0]) && is_x(&a[1]) && is_x(&b[0]) && is_x(&b[1]))
                EMIT(move_xx2, a[0], a[1], b[0], b[1]);
            else
                return 0;
            return 2;
        }
        return 0;
    case BO_call_fun:
    case BO_call_fun2: { /* in tail position it must not grow the stack */
        const gen_op_t *o3 = op_at(l, i + 2);
        beam_arg_t fun = o->opcode == BO_call_fun ? arg_x((unsigned)a[0].value) : a[2];
        beam_arg_t arity = o->opcode == BO_call_fun ? a[0] : a[1];
        if (o2->opcode == BO_return) {
            EMIT(call_fun_last, arity, arg_u(0), fun);
            return 2;
        }
        if (o2->opcode != BO_deallocate || !o3 || o3->opcode != BO_return) return 0;
        EMIT(call_fun_last, arity, arg_u(b[0].value * sizeof(term_t)), fun);
        return 3;
    }
    case BO_is_tuple:
        if (o2->opcode == BO_test_arity && same_reg(&a[1], &b[1]) && a[0].value == b[0].value) {
            const beam_arg_t w[] = {b[1], b[0], header_arg(b[2].value)};
            emit_args(l, XY(is_tuple_of, &b[1]), w);
            return 2;
        }
        return 0;
    case BO_get_tuple_element: {
        if (o2->opcode != BO_get_tuple_element || !is_x(&a[0]) || !is_x(&a[2]) || !is_x(&b[2]) ||
            !same_reg(&a[0], &b[0]) || same_reg(&a[0], &a[2]) || b[1].value != a[1].value + 1 ||
            a[1].value > 1000)
            return 0;
        beam_arg_t off = arg_u((a[1].value + 1) * sizeof(term_t));
        const gen_op_t *o3 = op_at(l, i + 2);
        const beam_arg_t *c = o3 ? args_of(l, o3) : NULL;
        if (o3 && o3->opcode == BO_get_tuple_element && same_reg(&a[0], &c[0]) && is_x(&c[2]) &&
            c[1].value == a[1].value + 2 && !same_reg(&a[0], &b[2])) {
            EMIT(get_tuple_element3, a[0], off, a[2], b[2], c[2]);
            return 3;
        }
        EMIT(get_tuple_element2, a[0], off, a[2], b[2]);
        return 2;
    }
    case BO_is_ge:
        if (o2->opcode == BO_is_ge && a[0].value == b[0].value && is_x(&a[1]) &&
            is_small_arg(&a[2]) && is_small_arg(&b[1]) && same_reg(&a[1], &b[2])) {
            EMIT(is_in_range, a[1], a[0], a[2], b[1]);
            return 2;
        }
        if (o2->opcode == BO_is_ge && a[0].value == b[0].value && is_x(&a[2]) &&
            is_small_arg(&a[1]) && is_small_arg(&b[2]) && same_reg(&a[2], &b[1])) {
            EMIT(is_in_range, a[2], a[0], b[2], a[1]);
            return 2;
        }
        return 0;
    default: return 0;
    }
}

static void start_function(loader_t *l, const beam_arg_t *a) {
    code_function_t *fn = load_push(l, &l->functions, sizeof *fn, 1);
    if (!fn) return;
    fn->start = (const uint64_t *)(uintptr_t)l->code.len;
    fn->function = a[1].value;
    fn->arity = (uint32_t)a[2].value;
    EMIT(func_info, a[0], a[1], a[2]);
    export_t *e = export_find(l->vm, a[0].value, a[1].value, fn->arity);
    l->body_export = e && e->bif ? e : NULL;
}

COLD static void no_translation(loader_t *l, unsigned opcode) {
    text_t t;
    text_init(&t, l->vm);
    text_str(&t, "chunk Code: instruction ");
    text_str(&t, beam_opcode(opcode)->name);
    text_str(&t, " has no translation");
    text_char(&t, 0);
    load_fail(l, t.failed ? "chunk Code: an instruction has no translation" : t.data);
    text_free(&t);
}

/* A process that changes its scheduler between two calls takes only so many along. */
static void note_floats(loader_t *l, const beam_arg_t *a, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        if (a[i].kind == ARG_FR && a[i].value >= SAVED_FLOATS)
            atomic_store_explicit(&l->vm->many_floats, true, memory_order_relaxed);
}

static void emit_one(loader_t *l, const gen_op_t *o) {
    const beam_arg_t *a = args_of(l, o);
    const uint64_t word = sizeof(term_t);
    if (o->opcode >= BO_fmove && o->opcode <= BO_fnegate) note_floats(l, a, o->nargs);
    switch (o->opcode) {
    case BO_label: {
        uint64_t n = a[0].value;
        if (l->labels[n]) load_fail(l, "chunk Code: a label is defined twice");
        l->labels[n] = (uint32_t)l->code.len + 1;
        if (l->body_export && l->functions.len &&
            (size_t)(uintptr_t)((code_function_t *)l->functions.data)[l->functions.len - 1].start +
                    FUNC_INFO_WORDS ==
                l->code.len) {
            EMIT(call_bif_only, arg_ptr(l->body_export), bif_pointer(l->body_export->bif));
            l->body_export = NULL;
        }
        break;
    }
    case BO_func_info: start_function(l, a); break;
    case BO_line: set_line(l, a[0].value); break;
    case BO_executable_line:
    case BO_debug_line:
    case BO_nif_start: break;
    /* calls */
    case BO_call: EMIT(call, a[1]); break;
    case BO_call_last: EMIT(call_last, arg_u(a[2].value * word), a[1]); break;
    case BO_call_only: EMIT(call_only, a[1]); break;
    case BO_call_ext:
    case BO_call_ext_last:
    case BO_call_ext_only: emit_call_ext(l, a, o->opcode); break;
    case BO_apply: EMIT(apply, a[0]); break;
    case BO_apply_last: EMIT(apply_last, a[0], arg_u(a[1].value * word)); break;
    case BO_call_fun: EMIT(call_fun2_x, a[0], arg_x((unsigned)a[0].value)); break;
    case BO_call_fun2:
        if (is_x(&a[2]))
            EMIT(call_fun2_x, a[1], a[2]);
        else if (is_y(&a[2]))
            EMIT(call_fun2_y, a[1], a[2]);
        else
            EMIT(call_fun2, a[1], a[2]);
        break;
    case BO_make_fun3: {
        size_t n = a[2].value;
        const beam_arg_t *list = list_of(l, &a[2]);
        EMIT(make_fun, a[1], arg_ptr(l->m->funs[a[0].value]), arg_u(n));
        for (size_t i = 0; i < n; i++) emit_source(l, &list[i]);
        break;
    }
    case BO_make_fun2: {
        fun_entry_t *f = l->m->funs[a[0].value];
        /* No room is promised for it, unlike with make_fun3. */
        EMIT(test_heap, arg_u(f->num_free), arg_u(FUN_WORDS(f->num_free)));
        EMIT(make_fun, arg_x(0), arg_ptr(f), arg_u(f->num_free));
        for (uint32_t i = 0; i < f->num_free; i++)
            emit_source(l, &(beam_arg_t){.kind = ARG_X, .value = i});
        break;
    }
    case BO_return: emit0(l, OP_return_); break;
    case BO_deallocate: EMIT(deallocate, arg_u(a[0].value * word)); break;
    /* frames */
    case BO_allocate: EMIT(allocate, arg_u(a[0].value * word), a[1]); break;
    case BO_allocate_heap: EMIT(allocate_heap, arg_u(a[0].value * word), a[2], a[1]); break;
    case BO_allocate_zero:
    case BO_allocate_heap_zero:
        if (o->opcode == BO_allocate_zero)
            EMIT(allocate, arg_u(a[0].value * word), a[1]);
        else
            EMIT(allocate_heap, arg_u(a[0].value * word), a[2], a[1]);
        EMIT(init_yregs, arg_u(a[0].value));
        for (uint64_t i = 0; i < a[0].value; i++)
            emit_source(l, &(beam_arg_t){.kind = ARG_Y, .value = i});
        break;
    case BO_test_heap: EMIT(test_heap, a[1], a[0]); break;
    case BO_init: EMIT(init_y, a[0]); break;
    case BO_init_yregs: {
        size_t n = a[0].value;
        const beam_arg_t *y = list_of(l, &a[0]);
        if (n == 1)
            EMIT(init_y, y[0]);
        else if (n == 2)
            EMIT(init_y2, y[0], y[1]);
        else if (n == 3)
            EMIT(init_y3, y[0], y[1], y[2]);
        else {
            EMIT(init_yregs, arg_u(n));
            for (size_t i = 0; i < n; i++) emit_source(l, &y[i]);
        }
        break;
    }
    case BO_trim: EMIT(trim, arg_u(a[0].value * word)); break;
    /* moves */
    case BO_move: emit_move(l, &a[0], &a[1]); break;
    case BO_swap:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(swap_xx, a[0], a[1]);
        else
            EMIT(swap_DD, a[0], a[1]);
        break;
    case BO_jump: EMIT(jump, a[0]); break;
    /* lists and tuples */
    case BO_get_list:
        if (is_x(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(get_list_x, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_list_xxy, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_x(&a[2]))
            EMIT(get_list_xyx, a[0], a[1], a[2]);
        else if (is_y(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(get_list_yxx, a[0], a[1], a[2]);
        else if (is_y(&a[0]) && is_x(&a[1]))
            EMIT(get_list_yxy, a[0], a[1], a[2]);
        else
            EMIT(get_list_S, a[0], a[1], a[2]);
        break;
    case BO_get_hd:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_hd_x, a[0], a[1]);
        else
            EMIT(get_hd_S, a[0], a[1]);
        break;
    case BO_get_tl:
        if (is_x(&a[0]) && is_x(&a[1]))
            EMIT(get_tl_x, a[0], a[1]);
        else
            EMIT(get_tl_S, a[0], a[1]);
        break;
    case BO_get_tuple_element: {
        beam_arg_t off = arg_u((a[1].value + 1) * word);
        if (off.value <= UINT16_MAX && is_x(&a[0]) && is_x(&a[2]))
            EMIT(get_tuple_element_xx, a[0], off, a[2]);
        else if (off.value <= UINT16_MAX && is_x(&a[0]) && is_y(&a[2]))
            EMIT(get_tuple_element_xy, a[0], off, a[2]);
        else if (off.value <= UINT16_MAX && is_y(&a[0]) && is_x(&a[2]))
            EMIT(get_tuple_element_yx, a[0], off, a[2]);
        else
            EMIT(get_tuple_element_S, a[0], arg_u(a[1].value + 1), a[2]);
        break;
    }
    case BO_set_tuple_element:
        if (is_x(&a[0]) && is_x(&a[1]) && a[2].value < 1000)
            EMIT(set_tuple_element_xx, a[0], a[1], arg_u((a[2].value + 1) * word));
        else
            EMIT(set_tuple_element, a[0], a[1], a[2]);
        break;
    case BO_put_list:
        if (is_x(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xxx, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_const(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xcx, a[0], a[2], a[1]);
        else if (is_y(&a[0]) && is_x(&a[1]) && is_x(&a[2]))
            EMIT(put_list_yxx, a[0], a[1], a[2]);
        else if (is_x(&a[0]) && is_y(&a[1]) && is_x(&a[2]))
            EMIT(put_list_xyx, a[0], a[1], a[2]);
        else
            EMIT(put_list_SSD, a[0], a[1], a[2]);
        break;
    case BO_put_tuple2: {
        size_t n = a[1].value;
        const beam_arg_t *e = list_of(l, &a[1]);
        if (is_x(&a[0]) && n >= 2 && n <= 4) {
            if (n == 2 && is_x(&e[0]) && is_x(&e[1]))
                EMIT(put_tuple2_2xxx, e[0], e[1], a[0]);
            else if (n == 2 && is_y(&e[0]) && is_x(&e[1]))
                EMIT(put_tuple2_2yxx, e[0], e[1], a[0]);
            else if (n == 2)
                EMIT(put_tuple2_2, a[0], e[0], e[1]);
            else if (n == 3)
                EMIT(put_tuple2_3, a[0], e[0], e[1], e[2]);
            else
                EMIT(put_tuple2_4, a[0], e[0], e[1], e[2], e[3]);
            break;
        }
        EMIT(put_tuple2, a[0], arg_u(n));
        for (size_t i = 0; i < n; i++) emit_source(l, &e[i]);
        break;
    }
    case BO_update_record: { /* Hint Size Src Dst List */
        size_t n = a[4].value;
        const beam_arg_t *e = list_of(l, &a[4]);
        EMIT(update_record, a[1], a[2], a[3], arg_u(n));
        for (size_t i = 0; i < n; i += 2) {
            emit_word(l, e[i].value);
            emit_source(l, &e[i + 1]);
        }
        break;
    }
    /* tests */
    case BO_is_function2: EMIT(is_function2, a[1], a[2], a[0]); break;
    case BO_test_arity: {
        beam_arg_t w[] = {in_register(l, &a[1]), a[0], header_arg(a[2].value)};
        emit_args(l, XY(test_arity, &w[0]), w);
        break;
    }
    case BO_is_tagged_tuple: {
        beam_arg_t w[] = {in_register(l, &a[1]), a[0], header_arg(a[2].value), a[3]};
        emit_args(l, XY(is_tagged_tuple, &w[0]), w);
        break;
    }
    case BO_is_eq_exact:
    case BO_is_ne_exact:
    case BO_is_eq:
    case BO_is_ne:
    case BO_is_lt:
    case BO_is_ge: emit_compare(l, o->opcode, a); break;
    case BO_select_val: emit_select(l, &a[0], &a[1], list_of(l, &a[2]), a[2].value, false); break;
    case BO_select_tuple_arity:
        emit_select(l, &a[0], &a[1], list_of(l, &a[2]), a[2].value, true);
        break;
    /* BIFs */
    case BO_bif0: emit_bif(l, &(beam_arg_t){.kind = ARG_LABEL}, a[0].value, NULL, &a[1]); break;
    case BO_bif1: emit_bif(l, &a[0], a[1].value, &a[2], &a[3]); break;
    case BO_bif2: emit_bif(l, &a[0], a[1].value, &a[2], &a[4]); break;
    case BO_gc_bif1: emit_gc_bif(l, a, 1); break;
    case BO_gc_bif2: emit_gc_bif(l, a, 2); break;
    case BO_gc_bif3: emit_gc_bif(l, a, 3); break;
    /* floats */
    case BO_fclearerror:
    case BO_fcheckerror: break;
    case BO_fmove:
        if (a[0].kind == ARG_FR && a[1].kind == ARG_FR)
            EMIT(fmove_ff, arg_u(a[0].value), arg_u(a[1].value));
        else if (a[0].kind == ARG_FR && is_x(&a[1]))
            EMIT(fmove_fx, arg_u(a[0].value), a[1]);
        else if (a[0].kind == ARG_FR)
            EMIT(fmove_fD, arg_u(a[0].value), a[1]);
        else if (is_x(&a[0]))
            EMIT(fmove_xf, a[0], arg_u(a[1].value));
        else if (is_y(&a[0]))
            EMIT(fmove_yf, a[0], arg_u(a[1].value));
        else
            EMIT(fmove_Sf, arg_u(a[1].value), a[0]);
        break;
    case BO_fconv: EMIT(fconv, arg_u(a[1].value), a[0]); break;
    case BO_fadd: EMIT(fadd, a[1], a[2], a[3]); break;
    case BO_fsub: EMIT(fsub, a[1], a[2], a[3]); break;
    case BO_fmul: EMIT(fmul, a[1], a[2], a[3]); break;
    case BO_fdiv: EMIT(fdiv, a[1], a[2], a[3], a[0]); break;
    case BO_fnegate: EMIT(fnegate, a[1], a[2]); break;
    /* exceptions */
    case BO_catch: EMIT(catch_, a[0], a[1]); break;
    case BO_try: EMIT(catch_, a[0], a[1]); break;
    case BO_catch_end: EMIT(catch_end, a[0]); break;
    case BO_try_end: EMIT(try_end, a[0]); break;
    case BO_try_case: EMIT(try_case, a[0]); break;
    case BO_try_case_end: EMIT(try_case_end, a[0]); break;
    case BO_raise: EMIT(raise_, a[0], a[1]); break;
    case BO_raw_raise: emit0(l, OP_raw_raise); break;
    case BO_build_stacktrace: emit0(l, OP_build_stacktrace); break;
    case BO_badmatch: EMIT(badmatch, a[0]); break;
    case BO_case_end: EMIT(case_end, a[0]); break;
    case BO_badrecord: EMIT(badrecord, a[0]); break;
    case BO_if_end: emit0(l, OP_if_end); break;
    /* messages */
    case BO_send: emit0(l, OP_send); break;
    case BO_loop_rec: EMIT(loop_rec, a[0], a[1]); break;
    case BO_loop_rec_end: EMIT(loop_rec_end, a[0]); break;
    case BO_remove_message: emit0(l, OP_remove_message); break;
    case BO_timeout: emit0(l, OP_timeout); break;
    case BO_wait: EMIT(wait, a[0]); break;
    case BO_wait_timeout: EMIT(wait_timeout, a[0], a[1]); break;
    case BO_recv_mark:
    case BO_recv_set: break;
    case BO_recv_marker_reserve: EMIT(recv_marker_reserve, a[0]); break;
    case BO_recv_marker_bind: EMIT(recv_marker_bind, a[0], a[1]); break;
    case BO_recv_marker_clear: EMIT(recv_marker_clear, a[0]); break;
    case BO_recv_marker_use: EMIT(recv_marker_use, a[0]); break;
    /* maps */
    case BO_put_map_assoc:
    case BO_put_map_exact: { /* Fail Map Dst Live List */
        size_t n = a[4].value;
        const beam_arg_t *e = list_of(l, &a[4]);
        if (o->opcode == BO_put_map_exact && n == 2 && is_x(&a[1]) && is_x(&a[2]) &&
            is_imm(&e[0])) {
            EMIT(put_map_exact1_x, a[1], a[2], a[3], a[0], e[0], e[1], arg_u(0));
            break;
        }
        const beam_arg_t w[] = {a[3], a[0], a[1], a[2], arg_u(n / 2 * 3)};
        emit_args(l, o->opcode == BO_put_map_exact ? OP_put_map_exact : OP_put_map_assoc, w);
        for (size_t i = 0; i < n; i++) {
            emit_source(l, &e[i]);
            if (i % 2 == 1) emit_word(l, 0);
        }
        break;
    }
    case BO_has_map_fields: {
        size_t n = a[2].value;
        const beam_arg_t *e = list_of(l, &a[2]);
        EMIT(has_map_fields, a[0], a[1], arg_u(2 * n));
        for (size_t i = 0; i < n; i++) {
            emit_source(l, &e[i]);
            emit_word(l, 0);
        }
        break;
    }
    case BO_get_map_elements: {
        size_t n = a[2].value;
        const beam_arg_t *e = list_of(l, &a[2]);
        bool simple = is_x(&a[1]);
        for (size_t i = 0; i < n; i += 2)
            if (!is_imm(&e[i]) || (i + 2 < n && same_reg(&a[1], &e[i + 1]))) simple = false;
        if (simple) { /* key by key; the last may overwrite the map */
            for (size_t i = 0; i < n; i += 2)
                if (is_x(&e[i + 1]))
                    EMIT(get_map_element_xcx, a[1], e[i + 1], a[0], e[i], arg_u(0));
                else
                    EMIT(get_map_element_xcy, a[1], e[i + 1], a[0], e[i], arg_u(0));
            break;
        }
        EMIT(get_map_elements, a[0], a[1], arg_u(n / 2 * 3));
        for (size_t i = 0; i < n; i++) {
            emit_source(l, &e[i]);
            if (i % 2 == 1) emit_word(l, 0);
        }
        break;
    }
    case BO_on_load:
        l->on_load_word = (uint32_t)l->code.len + 1;
        emit0(l, OP_on_load);
        break;
    default:
        if (!emit_bits(l, o, a) && !emit_test(l, o->opcode, a)) no_translation(l, o->opcode);
        break;
    }
}

static void flush_ops(loader_t *l) {
    for (size_t i = 0; i < l->ops.len && !l->oom;) {
        size_t taken = emit_fused(l, i);
        if (taken == 0) {
            emit_one(l, op_at(l, i));
            taken = 1;
        }
        i += taken;
    }
    l->ops.len = l->args.len = 0;
}

static void take_op(loader_t *l, const beam_op_t *op) {
    gen_op_t *o = load_push(l, &l->ops, sizeof *o, 1);
    if (!o) return;
    *o = (gen_op_t){(uint16_t)op->opcode, (uint16_t)op->nargs, (uint32_t)l->args.len};
    beam_arg_t *a = load_push(l, &l->args, sizeof *a, op->nargs + op->nlist);
    if (!a) return;
    for (unsigned i = 0; i < op->nargs; i++) a[i] = op->arg[i];
    if (op->nlist) memcpy(a + op->nargs, op->list, op->nlist * sizeof *a);
    for (unsigned i = 0; i < op->nargs; i++)
        if (a[i].kind == ARG_LIST) a[i].list += (uint32_t)(l->args.len - op->nlist);
}

bool load_code(loader_t *l) {
    beam_cursor_t c;
    beam_cursor_init(&c, &l->f);
    int r;
    while ((r = beam_next(&c)) == 1 && !l->oom && !l->area_full) {
        if (c.op.opcode == BO_label) flush_ops(l);
        take_op(l, &c.op);
        if (c.op.opcode == BO_label || c.op.opcode == BO_func_info) flush_ops(l);
    }
    flush_ops(l);
    beam_cursor_free(&c);
    if (r < 0) return load_fail(l, l->f.err.text);
    /* Something to land on behind the last function, for look-ups of return addresses. */
    emit0(l, OP_process_exit);
    if (!l->oom && !seq_use(l->vm, l->code.data, l->starts.data, l->starts.len)) l->oom = true;
    return !l->oom && !l->area_full && !l->err->text[0];
}
