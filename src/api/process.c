/* process.c: the host starts processes, sends to them, calls functions, has mailboxes. */
#include "api/api.h"
#include "vm/copy.h"

/* ---- the console ---- */

/* Processes that stand for what a booted OTP has: see src/lib. The first is the group leader. */
static const struct {
    const char *name, *module, *function;
    int fd; /* 0: no argument */
} servers[] = {
    {"user", "ling_user", "server", 1},
    {"standard_error", "ling_user", "server", 2},
    {"init", "ling_sys", "init", 0},
    {"code_server", "ling_sys", "code_server", 0},
    {"file_server_2", "ling_sys", "file_server", 0},
    {"erl_prim_loader", "ling_sys", "prim_loader", 0},
};

static int start_server(vm_t *vm, int i, term_t *pid) {
    spawn_opts_t o = SPAWN_DEFAULTS;
    term_t cell[2] = {make_small(servers[i].fd), TERM_NIL}, err = TERM_NONE;
    term_t name = atom_from_string(vm, servers[i].name);
    term_t m = atom_from_string(vm, servers[i].module),
           f = atom_from_string(vm, servers[i].function);
    if (name == TERM_NONE || m == TERM_NONE || f == TERM_NONE) return LING_ENOMEM;
    if (name_whereis(vm, name) != TERM_NONE) return LING_OK;
    o.group_leader = vm->api->user; /* NONE for the first */
    vm_visit_t v = vm_enter(vm);
    *pid = proc_spawn(vm, NULL, m, f, servers[i].fd ? make_cons(cell) : TERM_NIL, &o, NULL, &err);
    proc_t *p = *pid == TERM_NONE ? NULL : proc_lookup(vm, *pid);
    if (p) name_register(vm, name, p);
    vm_leave(vm, v);
    return p ? LING_OK : err == A_system_limit ? LING_ELIMIT : LING_ENOMEM;
}

int api_start_console(vm_t *vm) {
    api_state_t *api = vm->api;
    if (api->no_console || api->started) return LING_OK;
    for (int i = 0; i < (int)(sizeof servers / sizeof *servers); i++) {
        term_t pid = TERM_NONE;
        int rc = start_server(vm, i, &pid);
        if (rc != LING_OK) return rc;
        if (i == 0 && pid != TERM_NONE) api->user = pid;
    }
    api->started = true;
    return LING_OK;
}

/* ---- spawn, send ---- */

int api_spawn(vm_t *vm, term_t m, term_t f, term_t args, term_t *pid) {
    int rc = api_start_console(vm);
    if (rc != LING_OK) return api_fail(vm, rc, "the built-in servers could not be started");
    spawn_opts_t o = SPAWN_DEFAULTS;
    term_t err = TERM_NONE;
    if (vm->api->user != TERM_NONE) o.group_leader = vm->api->user;
    vm_visit_t v = vm_enter(vm);
    *pid = proc_spawn(vm, NULL, m, f, args, &o, NULL, &err);
    vm_leave(vm, v);
    if (*pid != TERM_NONE) return LING_OK;
    if (err == A_system_limit) return api_fail(vm, LING_ELIMIT, "too many processes");
    return api_fail(vm, err == A_badarg ? LING_EINVAL : LING_ENOMEM, NULL);
}

/* module, function and arguments of a public call as terms; args in a temporary env. */
static int mfa(vm_t *vm, const char *module, const char *function, size_t argc,
               const ling_term_t *argv, ling_env_t **env, term_t out[3]) {
    *env = NULL;
    if (!module || !function || argc > MAX_ARITY || (argc && !argv))
        return api_fail(vm, LING_EINVAL, NULL);
    for (size_t i = 0; i < argc; i++)
        if (!is_term(argv[i])) return api_fail(vm, LING_EINVAL, "argument %zu is no term", i + 1);
    *env = ling_env_new(vm);
    if (!*env) return api_fail(vm, LING_ENOMEM, NULL);
    out[0] = atom_from_string(vm, module);
    out[1] = atom_from_string(vm, function);
    out[2] = ling_make_list(*env, argv, argc);
    if (out[0] != TERM_NONE && out[1] != TERM_NONE && out[2] != TERM_NONE) return LING_OK;
    ling_env_free(*env);
    return api_fail(vm, LING_ENOMEM, "no memory, or a name that is no atom");
}

int ling_spawn(ling_vm_t *vm, const char *module, const char *function, size_t argc,
               const ling_term_t *argv, ling_term_t *pid) {
    ling_env_t *env;
    term_t t[3], made;
    int rc = mfa(vm, module, function, argc, argv, &env, t);
    if (rc != LING_OK) return rc;
    rc = api_spawn(vm, t[0], t[1], t[2], &made);
    ling_env_free(env);
    if (rc == LING_OK) vm->host->ops->wake(vm->host);
    if (pid) *pid = rc == LING_OK ? made : LING_NONE;
    return rc;
}

int ling_send(ling_vm_t *vm, ling_term_t to, ling_term_t message) {
    if (!is_local_pid(to) && !is_atom(to)) return LING_EINVAL;
    if (!is_term(message)) return LING_EINVAL;
    signal_t *s = signal_new_whole(vm, NULL, SIG_MESSAGE, message, 0);
    if (!s) return LING_ENOMEM;
    s->from = to;
    box_push(&vm->api->inbox, s);
    vm->host->ops->wake(vm->host);
    return LING_OK;
}

ling_term_t ling_whereis(ling_vm_t *vm, const char *name) {
    if (!name) return LING_NONE;
    term_t atom = atom_find(vm, (const uint8_t *)name, strlen(name));
    vm_visit_t v = vm_enter(vm);
    term_t pid = atom == TERM_NONE ? TERM_NONE : name_whereis(vm, atom);
    vm_leave(vm, v);
    return pid;
}

int ling_is_alive(ling_vm_t *vm, ling_term_t pid) {
    vm_visit_t v = vm_enter(vm);
    int alive = is_local_pid(pid) && proc_lookup(vm, pid) != NULL;
    vm_leave(vm, v);
    return alive;
}

int ling_set_name(ling_vm_t *vm, const char *name, ling_term_t pid) {
    term_t atom = name ? atom_from_string(vm, name) : TERM_NONE;
    if (atom == TERM_NONE || atom == A_undefined || !is_local_pid(pid))
        return api_fail(vm, LING_EINVAL, "not a name, or not a local process");
    vm_visit_t v = vm_enter(vm);
    proc_t *p = proc_lookup(vm, pid);
    bool done = p && name_register(vm, atom, p);
    vm_leave(vm, v);
    if (done) return LING_OK;
    return api_fail(vm, LING_EINVAL, p ? "the name or the process is taken" : "no such process");
}

static void kill_process(vm_t *vm, term_t pid) {
    vm_visit_t v = vm_enter(vm);
    proc_exit_signal(vm, pid, pid, A_kill, SIGF_KILL);
    vm_leave(vm, v);
}

/* ---- calls ---- */

static void deadline_passed(vm_t *vm, void *user) {
    (void)vm;
    *(bool *)user = true;
}

signal_t *api_call(vm_t *vm, term_t m, term_t f, term_t args, int64_t timeout_ns, int *error) {
    api_state_t *api = vm->api;
    signal_t *outcome = NULL;
    if (api_is_inside(vm)) {
        *error = api_fail(vm, LING_EBUSY, NULL);
        return NULL;
    }
    call_t call = {.next = api->calls};
    call.id = atomic_fetch_add_explicit(&api->next_id, 1, memory_order_relaxed) + 1;
    term_t cells[8], *hp = cells, list = TERM_NIL, boot = atom_from_string(vm, "ling_boot");
    list = cons(&hp, args, list);
    list = cons(&hp, f, list);
    list = cons(&hp, m, list);
    list = cons(&hp, make_small((int64_t)call.id), list);
    term_t pid;
    *error = boot == TERM_NONE ? api_fail(vm, LING_ENOMEM, NULL)
                               : api_spawn(vm, boot, A_call, list, &pid);
    if (*error != LING_OK) return NULL;

    bool late = false;
    etimer_t *timer = NULL;
    if (timeout_ns != LING_FOREVER) {
        uint64_t when = vm_now(vm) + (uint64_t)(timeout_ns < 0 ? 0 : timeout_ns);
        timer = etimer_start(vm, when, deadline_passed, &late);
        if (!timer) *error = api_fail(vm, LING_ENOMEM, NULL);
    }
    api->calls = &call;
    api->running = true;
    while (*error == LING_OK && !call.outcome) {
        if (late) {
            *error = api_fail(vm, LING_ETIMEDOUT, NULL);
        } else {
            int rc = api_run_step(vm, VM_RUN_ONCE);
            if (rc < 0)
                *error = rc;
            else if (!call.outcome && !ling_is_alive(vm, pid) && !box_deliver(vm) && !call.outcome)
                /* ling_boot:call always tells the outcome, unless it is killed itself. */
                *error = api_fail(vm, LING_ENOMEM, "the process that called was killed");
            else if (rc == 0 && !call.outcome && !late)
                *error = api_wait(vm);
        }
    }
    api->running = false;
    api->calls = call.next;
    outcome = call.outcome;
    if (timer && !late) etimer_stop(vm, timer);
    if (outcome) {
        *error = LING_OK;
    } else if (*error != LING_EHALTED) {
        term_t stop = atom_from_string(vm, "stop");
        vm_visit_t v = vm_enter(vm);
        if (stop == TERM_NONE || !proc_send(vm, NULL, pid, stop)) kill_process(vm, pid);
        vm_leave(vm, v);
    }
    return outcome;
}

int ling_call(ling_vm_t *vm, ling_env_t *env, const char *module, const char *function, size_t argc,
              const ling_term_t *argv, int64_t timeout_ns, ling_term_t *result) {
    ling_env_t *tmp;
    term_t t[3], out;
    if (result) *result = LING_NONE;
    int rc = mfa(vm, module, function, argc, argv, &tmp, t);
    if (rc != LING_OK) return rc;
    signal_t *s = api_call(vm, t[0], t[1], t[2], timeout_ns, &rc);
    ling_env_free(tmp);
    if (!s) return rc;
    bool ok = is_tuple_of(s->term, 2);
    if (!ok) {
        rc = LING_EEXCEPTION;
        api_set_exception(vm, s->term);
    }
    if (result && env) {
        out = ling_copy(env, ok ? tuple_elem(s->term, 2) : s->term);
        if (out == LING_NONE) rc = api_fail(vm, LING_ENOMEM, NULL);
        *result = out;
    }
    signal_free(vm, NULL, s);
    return rc;
}

/* ---- mailboxes ---- */

int ling_mailbox_open(ling_vm_t *vm, ling_message_fn fn, void *user, ling_destroy_fn destroy,
                      ling_term_t *pid) {
    if (pid) *pid = LING_NONE;
    if (!pid || !fn) return api_fail(vm, LING_EINVAL, NULL);
    term_t boot = atom_from_string(vm, "ling_boot"), name = atom_from_string(vm, "mailbox");
    mailbox_t *box = mem_calloc(vm, sizeof *box);
    if (!box || boot == TERM_NONE || name == TERM_NONE) {
        mem_free(vm, box, sizeof *box);
        return api_fail(vm, LING_ENOMEM, NULL);
    }
    box->id = atomic_fetch_add_explicit(&vm->api->next_id, 1, memory_order_relaxed) + 1;
    box->fn = fn;
    box->user = user;
    box->destroy = destroy;
    term_t cell[2] = {make_small((int64_t)box->id), TERM_NIL};
    int rc = api_spawn(vm, boot, name, make_cons(cell), &box->pid);
    if (rc != LING_OK) {
        mem_free(vm, box, sizeof *box);
        return rc;
    }
    box->next = vm->api->mailboxes;
    vm->api->mailboxes = box;
    *pid = box->pid;
    return LING_OK;
}

int ling_mailbox_close(ling_vm_t *vm, ling_term_t pid) {
    for (mailbox_t **at = &vm->api->mailboxes, *box; (box = *at) != NULL; at = &box->next) {
        if (box->pid != pid) continue;
        if (box->in_callback) return api_fail(vm, LING_EBUSY, NULL);
        *at = box->next;
        kill_process(vm, pid);
        if (box->destroy) box->destroy(box->user);
        mem_free(vm, box, sizeof *box);
        return LING_OK;
    }
    return api_fail(vm, LING_ENOENT, "no mailbox has that pid");
}
