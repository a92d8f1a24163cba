/* link.c: the trees of links and monitors, and LING's monitor interface on top. See link.h. Relies
 * on signals (process.h) to reach the other end.
 */
#include "vm/link.h"
#include "vm/hash.h"
#include "vm/heap.h"
#include "vm/nif.h"
#include "vm/process.h"
#include <limits.h>

_Static_assert(sizeof(relation_t) == sizeof(signal_t), "they are turned into each other");

relation_t *relation_new(vm_t *vm, sched_t *s, uint64_t key, term_t other, uint32_t flags) {
    relation_t *r = pool_alloc(vm, s, sizeof *r);
    if (!r) return NULL;
    *r = (relation_t){.key = key, .other = other, .name = TERM_NIL, .tag = A_DOWN, .flags = flags};
    return r;
}

void relation_free(vm_t *vm, sched_t *s, relation_t *r) {
    if (!r) return;
    if (UNLIKELY(r->frag != NULL)) signal_free(vm, s, r->frag);
    pool_free(vm, s, r, sizeof *r);
}

relation_t *relation_from_signal(signal_t *sig, uint64_t key, term_t other, uint32_t flags) {
    relation_t *r = (relation_t *)sig;
    *r = (relation_t){.key = key, .other = other, .name = TERM_NIL, .tag = A_DOWN, .flags = flags};
    return r;
}

signal_t *signal_from_relation(relation_t *r, int kind) {
    signal_t *sig = (signal_t *)r;
    memset(sig, 0, sizeof *sig);
    sig->kind = (uint8_t)kind;
    sig->term = sig->from = TERM_NIL;
    return sig;
}

/* ---- treaps ---- */

/* Keys come in sequence; one multiplication would leave a pattern, and with it deep trees. */
static inline uint64_t rank(const relation_t *r) { return hash_mix(hash_mix(r->key)); }

relation_t *relation_find(relation_t *n, uint64_t key) {
    while (n && n->key != key) n = key < n->key ? n->left : n->right;
    return n;
}

bool relation_insert(relation_t **root, relation_t *r) {
    uint64_t mine = rank(r);
    relation_t **at = root;
    while (*at && rank(*at) >= mine) {
        if ((*at)->key == r->key) return false;
        at = r->key < (*at)->key ? &(*at)->left : &(*at)->right;
    }
    if (relation_find(*at, r->key)) return false;
    /* r takes this place; what was below is split at its key. */
    relation_t *n = *at, **below = &r->left, **above = &r->right;
    *at = r;
    while (n) {
        if (n->key < r->key) {
            *below = n;
            below = &n->right;
            n = n->right;
        } else {
            *above = n;
            above = &n->left;
            n = n->left;
        }
    }
    *below = *above = NULL;
    return true;
}

/* Puts the merged children of *at in its place and returns it. */
static relation_t *take_out(relation_t **at) {
    relation_t *r = *at, *a = r->left, *b = r->right;
    while (a && b) {
        if (rank(a) > rank(b)) {
            *at = a;
            at = &a->right;
            a = a->right;
        } else {
            *at = b;
            at = &b->left;
            b = b->left;
        }
    }
    *at = a ? a : b;
    r->left = r->right = NULL;
    return r;
}

relation_t *relation_remove(relation_t **root, uint64_t key) {
    relation_t **at = root;
    while (*at && (*at)->key != key) at = key < (*at)->key ? &(*at)->left : &(*at)->right;
    return *at ? take_out(at) : NULL;
}

relation_t *relation_pop(relation_t **root) {
    relation_t **at = root;
    if (!*at) return NULL;
    while ((*at)->left) at = &(*at)->left;
    return take_out(at);
}

relation_t *relation_first(relation_t *n) {
    while (n && n->left) n = n->left;
    return n;
}

relation_t *relation_next(relation_t *n, uint64_t key) {
    relation_t *best = NULL;
    while (n) {
        if (n->key > key) {
            best = n;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

size_t relation_count(relation_t *root) {
    size_t n = 0;
    for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) n++;
    return n;
}

/* ---- LING's interface ---- */

int monitor(vm_t *vm, uint64_t ref_id, term_t pid1, term_t pid2) {
    proc_t *p = proc_lookup(vm, pid1);
    if (!p) return -1;
    sched_t *s = sched_current(vm);
    relation_t *r = relation_new(vm, s, ref_id, pid2, REL_MONITOR);
    signal_t *sig = r ? signal_new(vm, s, SIG_MONITOR, 0) : NULL;
    if (!sig) {
        relation_free(vm, s, r);
        return -1;
    }
    relation_insert(&p->monitors, r);
    sig->from = pid1;
    sig->ref = ref_id;
    signal_send(vm, pid2, sig);
    return 0;
}

int demonitor(vm_t *vm, uint64_t ref_id, term_t pid1) {
    proc_t *p = proc_lookup(vm, pid1);
    relation_t *r = p ? relation_find(p->monitors, ref_id) : NULL;
    if (!r || !(r->flags & REL_MONITOR)) return -1;
    proc_unwatch(p, r);
    return 0;
}

int monitors_notify(proc_t *p, term_t late, term_t reason, int n) {
    vm_t *vm = p->vm;
    sched_t *s = sched_current(vm);
    relation_t *r;
    for (; n > 0 && (r = relation_pop(&p->monitored_by)); n--) {
        term_t to = r->other;
        uint64_t ref = r->key;
        if (UNLIKELY(r->flags & REL_NATIVE)) {
            vm->nif_ops->process_gone(vm, (void *)(uintptr_t)r->tag, late);
            relation_free(vm, s, r);
            continue;
        }
        if (!is_local_port(to) && !proc_lookup(vm, to)) {
            relation_free(vm, s, r);
            continue;
        }
        signal_t *sig = signal_new_reason(vm, s, SIG_DOWN, reason, DOWN_WORDS);
        if (sig) {
            relation_free(vm, s, r);
        } else {
            /* No memory: the node itself carries the news; a compound reason is lost. */
            sig = signal_from_relation(r, SIG_DOWN);
            sig->term = is_pointer(reason) ? A_system_limit : reason;
        }
        sig->from = late;
        sig->ref = ref;
        signal_send(vm, to, sig);
    }
    return n;
}
int notify_monitors_N(proc_t *p, term_t late, term_t reason) {
    monitors_notify(p, late, reason, INT_MAX);
    return 0;
}

/* One pass counts, one builds: from the back, so that the list comes in order of keys. */
static term_t list_relations(relation_t *root, uint32_t with, uint32_t without, bool as_monitors,
                             proc_t *heap_of) {
    size_t n = 0, words = 0;
    for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) {
        if ((r->flags & with) != with || (r->flags & without)) continue;
        n++;
        words += 2;
        if (as_monitors) words += 3 + (is_nil(r->name) ? 0 : 3);
    }
    if (n == 0) return TERM_NIL;
    term_t *hp = heap_alloc(heap_of, words);
    if (!hp) return TERM_NONE;
    term_t *cell = hp;
    hp += 2 * n;
    term_t list = make_cons(cell);
    for (relation_t *r = relation_first(root); r; r = relation_next(root, r->key)) {
        if ((r->flags & with) != with || (r->flags & without)) continue;
        term_t what = r->other;
        if (as_monitors) {
            if (!is_nil(r->name)) what = tuple2(&hp, r->name, A_nonode);
            term_t kind = r->flags & REL_PORT ? A_port : A_process;
            if (r->flags & REL_TIME) kind = A_time_offset;
            what = tuple2(&hp, kind, what);
        }
        cell[0] = what;
        cell[1] = --n ? make_cons(cell + 2) : TERM_NIL;
        cell += 2;
    }
    return list;
}

term_t list_monitored_by(proc_t *p, proc_t *heap_of) {
    return list_relations(p->monitored_by, 0, REL_NATIVE, false, heap_of);
}
term_t list_monitors(proc_t *p, proc_t *heap_of) {
    return list_relations(p->monitors, REL_MONITOR, 0, true, heap_of);
}
term_t list_links(proc_t *p, proc_t *heap_of) {
    return list_relations(p->links, 0, REL_UNLINKING, false, heap_of);
}
