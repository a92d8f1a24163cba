/* box.c: what crosses between the VM and its host: signals from any thread in, results and messages
 * to the host out. Both boxes are lock-free stacks that the owner empties at once.
 */
#include "api/api.h"
#include "vm/copy.h"

void box_push(_Atomic(signal_t *) *box, signal_t *s) {
    signal_t *top = atomic_load_explicit(box, memory_order_relaxed);
    do s->next = top;
    while (!atomic_compare_exchange_weak_explicit(box, &top, s, memory_order_release,
                                                  memory_order_relaxed));
}

signal_t *box_take(_Atomic(signal_t *) *box) {
    if (box_is_empty(box)) return NULL;
    signal_t *s = atomic_exchange_explicit(box, NULL, memory_order_acquire), *list = NULL;
    while (s) {
        signal_t *next = s->next;
        s->next = list;
        list = s;
        s = next;
    }
    return list;
}

/* A message or reply: from holds the receiver. */
static void deliver_in(vm_t *vm, signal_t *s) {
    term_t to = s->from;
    vm_visit_t v = vm_enter(vm);
    if (is_atom(to)) to = name_whereis(vm, to);
    s->from = TERM_NIL;
    s->next = NULL;
    if (is_local_pid(to))
        signal_send(vm, to, s);
    else
        signal_free(vm, NULL, s);
    vm_leave(vm, v);
}

static void deliver_mail(vm_t *vm, signal_t *s) {
    mailbox_t *box = vm->api->mailboxes;
    while (box && box->id != s->ref) box = box->next;
    ling_env_t *env = box ? ling_env_new(vm) : NULL;
    if (env) {
        box->in_callback = env->lent = true;
        box->fn(env, s->term, box->user);
        box->in_callback = env->lent = false;
    }
    ling_env_free(env);
    signal_free(vm, NULL, s);
}

static void deliver_result(vm_t *vm, signal_t *s) {
    for (call_t *c = vm->api->calls; c; c = c->next)
        if (c->id == s->ref && !c->outcome) {
            c->outcome = s;
            return;
        }
    signal_free(vm, NULL, s);
}

bool box_deliver(vm_t *vm) {
    api_state_t *api = vm->api;
    signal_t *in = box_take(&api->inbox), *out = box_take(&api->outbox), *next;
    bool any = in || out;
    for (; in; in = next) {
        next = in->next;
        deliver_in(vm, in);
    }
    for (; out; out = next) {
        next = out->next;
        out->next = NULL;
        if (out->flags & BOX_MAIL)
            deliver_mail(vm, out);
        else
            deliver_result(vm, out);
    }
    return any;
}

void box_free(vm_t *vm) {
    signal_t *lists[] = {box_take(&vm->api->inbox), box_take(&vm->api->outbox)};
    for (int i = 0; i < 2; i++)
        for (signal_t *s = lists[i], *next; s; s = next) {
            next = s->next;
            signal_free(vm, NULL, s);
        }
}
