/* link.h: links, monitors and aliases: what connects two processes.
 *
 * Each end keeps a node of its own in a search tree of its own process, so the cost of a relation
 * depends on how many that process has and on nothing else. The trees are treaps whose priority is
 * a hash of the key: balanced without rebalancing data, walked without recursion. Only the thread
 * that runs a process touches its trees.
 */
#ifndef LING_VM_LINK_H
#define LING_VM_LINK_H

#include "vm/proc.h"

/* relation_t.flags */
enum {
    REL_MONITOR = 1,     /* monitors: the watch is on (else the node is only an alias) */
    REL_ALIAS = 2,       /* messages to the reference are taken */
    REL_ALIAS_WATCH = 4, /* the alias ends with the monitor */
    REL_ALIAS_ONCE = 8,  /* the alias and the monitor end with the first message to it */
    REL_OWN_REF = 16,    /* the reference carries the owner's pid (it was made as an alias) */
    REL_UNLINKING = 32,  /* links: gone for the owner, tag is the id of the acknowledgement */
    REL_PORT = 64,       /* monitors: of a port */
    REL_TIME = 256,      /* monitors: of the time offset, clock.h */
    REL_NATIVE = 128     /* monitored_by: the watcher is a native object, tag points to it */
};

/* ---- trees ---- */
relation_t *relation_new(vm_t *vm, sched_t *s, uint64_t key, term_t other, uint32_t flags);
void relation_free(vm_t *vm, sched_t *s, relation_t *r);
relation_t *relation_find(relation_t *root, uint64_t key); /* NULL: none */
/* false (and r is still the caller's): the key is there already. */
bool relation_insert(relation_t **root, relation_t *r);
relation_t *relation_remove(relation_t **root, uint64_t key); /* the node taken out, or NULL */
relation_t *relation_pop(relation_t **root);                  /* the smallest key's, or NULL */
/* In order of keys: start with relation_first, go on with relation_next. */
relation_t *relation_first(relation_t *root);
relation_t *relation_next(relation_t *root, uint64_t key); /* smallest key above */
size_t relation_count(relation_t *root);

/* A signal's block becomes a node and the other way round, so that setting up and breaking a
 * relation cannot run out of memory at the far end. Such signals have no words of their own. */
relation_t *relation_from_signal(signal_t *sig, uint64_t key, term_t other, uint32_t flags);
signal_t *signal_from_relation(relation_t *r, int kind);

/* ---- LING's interface ----
 * pid1 watches pid2 under ref_id. pid1's owner calls. 0; -1: no memory, or pid1 does not live. A
 * dead pid2 answers with 'DOWN' noproc. */
int monitor(vm_t *vm, uint64_t ref_id, term_t pid1, term_t pid2);
/* 0; -1: no such monitor. */
int demonitor(vm_t *vm, uint64_t ref_id, term_t pid1);
/* Tells everybody who watches p that late (p's pid) ended with reason. Lack of memory costs only
 * the reason's details. 0 always. */
int notify_monitors_N(proc_t *p, term_t late, term_t reason);
/* The same, at most n of them; how many more there might have been. */
int monitors_notify(proc_t *p, term_t late, term_t reason, int n);
/* Lists for process_info, on heap_of's heap: pids that watch p (p's owner calls); what p watches:
 * {process, Pid | {Name, Node}}. TERM_NONE: no memory. */
term_t list_monitored_by(proc_t *p, proc_t *heap_of);
term_t list_monitors(proc_t *p, proc_t *heap_of);
term_t list_links(proc_t *p, proc_t *heap_of);

#endif
