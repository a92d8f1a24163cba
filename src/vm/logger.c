/* logger.c: what the machine has to report goes to the process that OTP's logger has set with
 * system_flag(system_logger, Pid), or is registered as `logger`. Relies on the map builder and
 * sends like any process. Called by the thread that runs p.
 */
#include "vm/logger.h"
#include "vm/bif.h"
#include "vm/map.h"
#include "vm/process.h"

static term_t destination(vm_t *vm) {
    term_t logger = atomic_load_explicit(&sched_sys_state(vm)->system_logger, memory_order_relaxed);
    return logger ? logger : name_whereis(vm, A_logger);
}

bool logger_error(proc_t *p, const char *format, term_t args) {
    vm_t *vm = p->vm;
    if (!vm->use_error_handler) return false;
    term_t to = destination(vm);
    if (to == A_undefined) return true; /* OTP was told to keep silent */
    if (!is_local_pid(to) || !proc_lookup(vm, to)) return false;
    const term_t tags[] = {A_emulator, A_true, A_tag, A_error};
    term_t text = string_to_list(p, format), tagged = map_from_pairs(p, tags, 2);
    term_t now = int64_to_term(p, vm->host->ops->wall_ns(vm->host) / 1000);
    if (text == TERM_NONE || tagged == TERM_NONE || now == TERM_NONE) return false;
    const term_t about[] = {A_error_logger, tagged,          A_pid,  p->pid,
                            A_gl,           p->group_leader, A_time, now};
    term_t meta = map_from_pairs(p, about, 4);
    term_t *hp = meta == TERM_NONE ? NULL : heap_alloc(p, 6);
    if (!hp) return false;
    return proc_send(vm, p, to, tuple5(&hp, A_log, A_error, text, args, meta));
}
