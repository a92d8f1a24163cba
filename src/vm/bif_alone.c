/* bif_alone.c: what the BIFs of distribution and of the emulator's own debugging say on a machine
 * that has neither: no node is alive, no lock is counted, no driver or breakpoint is there. They
 * fail or answer as OTP's do then.
 */
#include "vm/bif.h"
#include "vm/bif_tables.h"

static BIF(no_arg_is_good) {
    (void)a;
    return bif_badarg(p);
}

/* Only the process that controls a connection may ask. */
static BIF(not_a_controller) {
    (void)a;
    return bif_error(p, A_notsup);
}

/* erts_internal:create_dist_channel/3 and its kind return what went wrong. */
static BIF(answers_badarg) {
    (void)p;
    (void)a;
    return A_badarg;
}

/* What a node of OTP 25 offers, demands, may add, refuses, and needs for order: no connection is
 * ever made with them here, but net_kernel asks. */
static BIF(dist_flags) {
    static const int64_t flags[] = {55966662588, 17239956, 55966662588, 8396866, 8192};
    term_t *hp = heap_alloc(p, 7), *tuple = hp;
    (void)a;
    if (!hp) return bif_oom(p);
    *hp++ = make_header(T_TUPLE, 6);
    *hp++ = A_erts_dflags;
    for (int i = 0; i < 5; i++) *hp++ = make_small(flags[i]);
    return make_boxed(tuple);
}

static BIF(answers_error) {
    (void)p;
    (void)a;
    return A_error;
}

static BIF(answers_false) {
    (void)p;
    (void)a;
    return A_false;
}

/* The states are those of OTP's own test suites, closed until they ask. */
static BIF(internal_state) {
    (void)a;
    return bif_error(p, A_undef);
}
static BIF(set_internal_state) {
    if (a[0] == A_available_internal_state && (a[1] == A_true || a[1] == A_false)) return A_false;
    return bif_error(p, A_undef);
}

static BIF(interpreter_size) {
    (void)p;
    (void)a;
    return make_small(0);
}

static BIF(warning_map) {
    static const term_t maps[] = {A_warning, A_info, A_error};
    (void)a;
    return maps[p->vm->options.warning_map];
}

const bif_def_t bifs_alone[] = {
    {"erlang", "setnode", 2, no_arg_is_good, 0},
    {"erlang", "setnode", 3, no_arg_is_good, 0},
    {"erlang", "dist_get_stat", 1, no_arg_is_good, 0},
    {"erlang", "dist_ctrl_put_data", 2, no_arg_is_good, 0},
    {"erlang", "dist_ctrl_input_handler", 2, not_a_controller, 0},
    {"erlang", "dist_ctrl_get_data", 1, not_a_controller, 0},
    {"erlang", "dist_ctrl_get_data_notification", 1, not_a_controller, 0},
    {"erlang", "dist_ctrl_get_opt", 2, not_a_controller, 0},
    {"erlang", "dist_ctrl_set_opt", 3, not_a_controller, 0},
    {"erts_internal", "create_dist_channel", 3, answers_badarg, 0},
    {"erts_internal", "new_connection", 1, no_arg_is_good, 0},
    {"erts_internal", "get_dflags", 0, dist_flags, 0},
    {"erts_internal", "abort_pending_connection", 2, no_arg_is_good, 0},
    {"erts_debug", "dist_ext_to_term", 2, no_arg_is_good, 0},
    {"erts_debug", "get_internal_state", 1, internal_state, 0},
    {"erts_debug", "set_internal_state", 2, set_internal_state, 0},
    {"erts_debug", "interpreter_size", 0, interpreter_size, 0},
    {"erts_debug", "disassemble", 1, answers_false, 0},
    {"erts_debug", "lcnt_control", 1, no_arg_is_good, 0},
    {"erts_debug", "lcnt_control", 2, no_arg_is_good, 0},
    {"erts_debug", "lcnt_collect", 0, answers_error, 0},
    {"erts_debug", "lcnt_clear", 0, answers_error, 0},
    {"error_logger", "warning_map", 0, warning_map, 0},
    {0},
};
