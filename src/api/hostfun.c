/* hostfun.c: C functions of the host as Erlang functions, and the functions of module ling_host
 * that ling_boot uses. A registered function is a BIF whose definition lies in a host_fun_t; the
 * engine leaves a pointer to the definition in p->cur_bif.
 */
#include "api/api.h"
#include "nif/nif_api.h"
#include "vm/copy.h"

enum { RAISED = -1000 }; /* what ling_raise returns */

int ling_raise(ling_env_t *env, int exception_class, ling_term_t reason) {
    if (!env || !env->in_call) return LING_EINVAL;
    if (!is_term(reason)) return LING_ENOMEM;
    static const int classes[] = {EXC_ERROR, EXC_EXIT, EXC_THROW};
    bif_raise(env->p, classes[exception_class < 0 || exception_class > 2 ? 0 : exception_class],
              reason);
    env->raised = true;
    return RAISED;
}

ling_term_t ling_self(ling_env_t *env) { return env && env->in_call ? env->p->pid : LING_NONE; }

static term_t fail(const ling_env_t *env, int rc) {
    proc_t *p = env->p;
    switch (rc) {
    case RAISED: return env->raised ? TERM_NONE : bif_badarg(p);
    case LING_EINVAL: return bif_badarg(p);
    case LING_ENOMEM: return bif_oom(p);
    case LING_ELIMIT: return bif_system_limit(p);
    default: {
        term_t text = string_to_list(p, ling_strerror(rc));
        return text == TERM_NONE ? bif_oom(p) : bif_error2(p, A_ling, text);
    }
    }
}

static BIF(call_sync) {
    const host_fun_t *h = (const host_fun_t *)p->cur_bif;
    ling_env_t env;
    env_init_on(&env, p);
    term_t result = LING_NONE;
    int rc = h->fn(&env, h->def.arity, a, &result, h->user);
    if (rc != LING_OK) return fail(&env, rc);
    return is_term(result) ? result : bif_oom(p);
}

/* The caller goes on in ling_boot:async(Id, Args), which makes an alias, calls start and waits. */
static BIF(call_async) {
    const host_fun_t *h = (const host_fun_t *)p->cur_bif;
    term_t args = TERM_NIL;
    term_t *hp = heap_alloc(p, 2 * (size_t)h->def.arity + 2);
    if (!hp) return bif_oom(p);
    term_t *end = hp + 2 * (size_t)h->def.arity + 2;
    for (unsigned i = h->def.arity; i > 0; i--) args = cons(&hp, a[i - 1], args);
    heap_release(p, hp, end);
    term_t m = atom_from_string(p->vm, "ling_boot");
    if (m == TERM_NONE) return bif_oom(p);
    term_t to[2] = {make_small((int64_t)h->id), args};
    return bif_trap(p, m, A_async, 2, to);
}

/* ling_host:start(Id, Alias, Args) */
static BIF(host_start) {
    vm_t *vm = p->vm;
    host_fun_t *h = vm->hostfuns ? (host_fun_t *)vm->hostfuns : NULL;
    while (h && make_small((int64_t)h->id) != a[0]) h = h->next;
    if (!h || !h->async_fn || !is_local_ref(a[1])) return bif_badarg(p);
    term_t argv[MAX_ARITY];
    size_t argc = 0;
    for (term_t l = a[2]; is_cons(l) && argc < MAX_ARITY; l = cons_tail(l))
        argv[argc++] = cons_head(l);
    if (argc != h->def.arity) return bif_badarg(p);
    ling_env_t env;
    env_init_on(&env, p);
    /* Counted first: the reply may come from another thread before the function returns. */
    atomic_fetch_add_explicit(&vm->api->reply_due, 1, memory_order_relaxed);
    int rc = h->async_fn(&env, (ling_token_t){p->pid, ref_id(a[1])}, argc, argv, h->user);
    if (rc == LING_OK) return A_ok;
    atomic_fetch_sub_explicit(&vm->api->reply_due, 1, memory_order_relaxed);
    return fail(&env, rc);
}

static term_t push_out(proc_t *p, term_t id, term_t term, uint8_t flags) {
    vm_t *vm = p->vm;
    uint64_t number;
    if (!term_to_uint64(id, &number)) return bif_badarg(p);
    signal_t *s = signal_new_whole(vm, p->sched, SIG_MESSAGE, term, 0);
    if (!s) return bif_oom(p);
    s->ref = number;
    s->flags = flags;
    box_push(&vm->api->outbox, s);
    /* Without threads the owner is just running us and looks when we sleep. */
    if (vm->nthreads) vm->host->ops->wake(vm->host);
    return A_ok;
}
/* ling_host:result(Id, Outcome), ling_host:deliver(Id, Message) */
static BIF(host_result) { return push_out(p, a[0], a[1], BOX_RESULT); }
static BIF(host_deliver) { return push_out(p, a[0], a[1], BOX_MAIL); }

static const bif_def_t bifs_host[] = {
    {"ling_host", "start", 3, host_start, 0},
    {"ling_host", "result", 2, host_result, 0},
    {"ling_host", "deliver", 2, host_deliver, 0},
    {0},
};

static bool define(vm_t *vm, const bif_def_t *def) {
    term_t m = atom_from_string(vm, def->module), f = atom_from_string(vm, def->function);
    if (m == TERM_NONE || f == TERM_NONE) return false;
    export_t *e = export_get(vm, m, f, def->arity);
    if (!e) return false;
    e->bif = def;
    engine_make_bif_stub(e);
    return true;
}

bool hostfun_init(vm_t *vm) {
    const bif_def_t *const tables[] = {bifs_host, bifs_sys};
    for (int i = 0; i < 2; i++)
        for (const bif_def_t *d = tables[i]; d->module; d++)
            if (!define(vm, d)) return false;
    return true;
}

void hostfun_free(vm_t *vm) {
    for (host_fun_t *h; (h = (host_fun_t *)vm->hostfuns) != NULL;) {
        vm->hostfuns = (struct host_funs *)h->next;
        if (h->destroy) h->destroy(h->user);
        mem_free(vm, h, h->size);
    }
}

static int add(vm_t *vm, const char *module, const char *function, unsigned arity, uint32_t flags,
               ling_function_t fn, ling_async_function_t async_fn, void *user,
               ling_destroy_fn destroy) {
    if (!module || !function || arity > MAX_ARITY || (!fn && !async_fn))
        return api_fail(vm, LING_EINVAL, NULL);
    size_t nm = strlen(module) + 1, nf = strlen(function) + 1;
    size_t size = sizeof(host_fun_t) + nm + nf;
    host_fun_t *h = mem_calloc(vm, size);
    if (!h) return api_fail(vm, LING_ENOMEM, NULL);
    memcpy(h->names, module, nm);
    memcpy(h->names + nm, function, nf);
    h->def = (bif_def_t){h->names, h->names + nm, arity, fn ? call_sync : call_async, flags};
    h->id = atomic_fetch_add_explicit(&vm->api->next_id, 1, memory_order_relaxed) + 1;
    h->fn = fn;
    h->async_fn = async_fn;
    h->user = user;
    h->destroy = destroy;
    h->size = size;
    if (!define(vm, &h->def)) {
        mem_free(vm, h, size);
        return api_fail(vm, LING_ENOMEM, "no memory, or a name that is no atom");
    }
    h->next = (host_fun_t *)vm->hostfuns;
    vm->hostfuns = (struct host_funs *)h;
    return LING_OK;
}

int ling_register(ling_vm_t *vm, const char *module, const char *function, unsigned arity,
                  ling_function_t fn, void *user, ling_destroy_fn destroy) {
    return add(vm, module, function, arity, 0, fn, NULL, user, destroy);
}
int ling_register_dirty(ling_vm_t *vm, int kind, const char *module, const char *function,
                        unsigned arity, ling_function_t fn, void *user, ling_destroy_fn destroy) {
    if (kind != LING_DIRTY_CPU && kind != LING_DIRTY_IO) return api_fail(vm, LING_EINVAL, NULL);
    uint32_t flag = kind == LING_DIRTY_CPU ? BIF_DIRTY_CPU : BIF_DIRTY_IO;
    return add(vm, module, function, arity, flag, fn, NULL, user, destroy);
}
int ling_register_async(ling_vm_t *vm, const char *module, const char *function, unsigned arity,
                        ling_async_function_t fn, void *user, ling_destroy_fn destroy) {
    return add(vm, module, function, arity, 0, NULL, fn, user, destroy);
}

int ling_register_nif(ling_vm_t *vm, const void *entry) {
    switch (nif_register_entry(vm, entry)) {
    case 0: return LING_OK;
    case -1: return api_fail(vm, LING_ENOMEM, NULL);
    default: return api_fail(vm, LING_EINVAL, "no ErlNifEntry of this version of the NIF API");
    }
}

/* ---- replies ---- {Alias, ok, Value} or {Alias, Class, Reason} to the alias */

static int reply(vm_t *vm, ling_token_t token, term_t what, term_t value) {
    if (!is_term(value)) return LING_ENOMEM;
    signal_t *s = signal_new_whole(vm, NULL, SIG_ALIAS_MESSAGE, value, REF_WORDS + 4);
    if (!s) return LING_ENOMEM;
    term_t *hp = s->data + s->used;
    term_t ref = make_ref(&hp, token.reference, token.process);
    s->term = tuple3(&hp, ref, what, s->term);
    s->used = (uint32_t)(hp - s->data);
    s->ref = token.reference;
    s->from = token.process;
    box_push(&vm->api->inbox, s);
    int64_t due = atomic_load_explicit(&vm->api->reply_due, memory_order_relaxed);
    while (due > 0 &&
           !atomic_compare_exchange_weak_explicit(&vm->api->reply_due, &due, due - 1,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
    vm->host->ops->wake(vm->host);
    return LING_OK;
}

int ling_reply(ling_vm_t *vm, ling_token_t token, ling_term_t value) {
    return reply(vm, token, A_ok, value);
}
int ling_reply_raise(ling_vm_t *vm, ling_token_t token, int exception_class, ling_term_t reason) {
    term_t names[] = {A_error, A_exit, A_throw};
    return reply(vm, token, names[exception_class < 0 || exception_class > 2 ? 0 : exception_class],
                 reason);
}
