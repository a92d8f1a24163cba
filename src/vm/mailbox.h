/* mailbox.h: the rest of LING's msg_queue interface; the hot part is in proc.h. */
#ifndef LING_VM_MAILBOX_H
#define LING_VM_MAILBOX_H

#include "timer/etimer.h" /* region_t */
#include "vm/proc.h"

/* Takes the message *at out, keeping every position valid, and returns it. */
signal_t *msg_queue_unlink(msg_queue_t *q, signal_t **at);
/* m takes the place of the message *at, which is no longer in the queue. */
void msg_queue_replace(msg_queue_t *q, signal_t **at, signal_t *m);
/* A receive is over without taking a message (timeout): the next one starts at the beginning. */
void msg_queue_done(msg_queue_t *q);
/* Appends a copy of t. 0; -1: no memory. */
int msg_queue_push_N(vm_t *vm, sched_t *s, msg_queue_t *q, term_t t);
/* The messages' terms as roots, as many as fit; returns how many there are. Messages live outside
 * the heap, so the collector does not need them. */
int msg_queue_fill_root_regs(msg_queue_t *q, region_t *regs, int nr_expected);
/* Frees all messages. */
void msg_queue_free(vm_t *vm, sched_t *s, msg_queue_t *q);

#endif
