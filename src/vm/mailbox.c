/* mailbox.c: the private list of messages a process has received; LING's msg_queue interface. Only
 * the process's owner calls it.
 *
 * Positions (where a receive looks, where a marker stands, where the next message goes) are
 * addresses of links, so that a position at the end stays good when messages are appended. Whoever
 * takes a message out moves the positions that were its own link.
 */
#include "vm/mailbox.h"

#define MARKS ((int)(sizeof((msg_queue_t *)0)->mark / sizeof((msg_queue_t *)0)->mark[0]))

void msg_queue_init(msg_queue_t *q) {
    memset(q, 0, sizeof *q);
    q->last = q->save = &q->first;
}

signal_t *msg_queue_unlink(msg_queue_t *q, signal_t **at) {
    signal_t *m = *at;
    *at = m->next;
    if (q->last == &m->next) q->last = at;
    if (q->save == &m->next) q->save = at;
    if (q->nmarks)
        for (int i = 0; i < MARKS; i++)
            if (q->mark[i].pos == &m->next) q->mark[i].pos = at;
    q->len--;
    m->next = NULL;
    return m;
}

void msg_queue_replace(msg_queue_t *q, signal_t **at, signal_t *m) {
    signal_t *old = *at;
    m->next = old->next;
    *at = m;
    if (q->last == &old->next) q->last = &m->next;
    if (q->save == &old->next) q->save = &m->next;
    for (int i = 0; i < MARKS; i++)
        if (q->mark[i].pos == &old->next) q->mark[i].pos = &m->next;
    old->next = NULL;
}

signal_t *msg_queue_drop(msg_queue_t *q) {
    signal_t *m = msg_queue_unlink(q, q->save);
    q->save = &q->first;
    return m;
}

void msg_queue_done(msg_queue_t *q) { msg_queue_reset(q); }

void msg_queue_mark(msg_queue_t *q, int slot, uint64_t id) {
    if (slot < 0 || slot >= MARKS) return;
    if (!q->mark[slot].pos) q->nmarks++;
    q->mark[slot].id = id;
    q->mark[slot].pos = q->last;
}

bool msg_queue_restore(msg_queue_t *q, uint64_t id) {
    for (int i = 0; i < MARKS; i++)
        if (q->mark[i].pos && q->mark[i].id == id && id != 0) {
            q->save = q->mark[i].pos;
            return true;
        }
    return false;
}

void msg_queue_unmark(msg_queue_t *q, uint64_t id) {
    for (int i = 0; i < MARKS; i++)
        if (q->mark[i].pos && q->mark[i].id == id) {
            q->mark[i].id = 0;
            q->mark[i].pos = NULL;
            q->nmarks--;
        }
}

int msg_queue_push_N(vm_t *vm, sched_t *s, msg_queue_t *q, term_t t) {
    signal_t *m = signal_new_copy(vm, s, SIG_MESSAGE, t);
    if (!m) return -1;
    msg_queue_push(q, m);
    return 0;
}

int msg_queue_fill_root_regs(msg_queue_t *q, region_t *regs, int nr_expected) {
    int n = 0;
    for (signal_t *m = q->first; m; m = m->next, n++)
        if (n < nr_expected) regs[n] = (region_t){&m->term, &m->term + 1};
    return n;
}

void msg_queue_free(vm_t *vm, sched_t *s, msg_queue_t *q) {
    signal_t *m = q->first;
    while (m) {
        signal_t *next = m->next;
        signal_free(vm, s, m);
        m = next;
    }
    msg_queue_init(q);
}
