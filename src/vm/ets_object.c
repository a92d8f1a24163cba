/* ets_object.c: objects of tables: one block of words each, made from terms and copied to heaps
 * (see ets.h). Packed ones: ets_pack.c. Relies on copy.h, binary.h.
 */
#include "vm/binary.h"
#include "vm/compare.h"
#include "vm/copy.h"
#include "vm/ets_store.h"

static inline size_t obj_bytes(size_t words) { return sizeof(ets_obj_t) + words * sizeof(term_t); }

ets_obj_t *ets_obj_alloc(vm_t *vm, sched_t *s, size_t words) {
    ets_obj_t *o = words > UINT32_MAX ? NULL : pool_alloc(vm, s, obj_bytes(words));
    if (UNLIKELY(!o)) return NULL;
    o->off = NULL;
    o->words = (uint32_t)words;
    o->level = 1;
    o->dead = false;
    o->packed = 0;
    return o;
}

ets_obj_t *ets_obj_new(vm_t *vm, sched_t *s, const ets_t *t, const term_t *elems, size_t n) {
    size_t words = n + 1;
    for (size_t i = 0; i < n; i++)
        if (!is_immed(elems[i])) words += term_flat_size(vm, elems[i]);
    ets_obj_t *o = ets_obj_alloc(vm, s, words);
    if (UNLIKELY(!o)) return NULL;
    term_t *hp = o->data + n + 1;
    o->data[0] = make_header(T_TUPLE, n);
    for (size_t i = 0; i < n; i++) {
        term_t e = elems[i];
        o->data[i + 1] = is_immed(e) ? e : term_copy_all(vm, e, &hp, &o->off);
    }
    return UNLIKELY(t->compressed) ? ets_obj_pack(vm, s, t, o) : o;
}

void ets_obj_free(vm_t *vm, sched_t *s, ets_obj_t *o) {
    if (UNLIKELY(o->off != NULL)) off_heap_release(vm, o->off);
    pool_free(vm, s, o, obj_bytes(ets_obj_room(o)));
}

COLD static void off_objects_adopt(proc_t *p, term_t *obj) {
    if (header_type(*obj) == T_PROC_BIN) {
        proc_bin_t *b = (proc_bin_t *)obj;
        shared_bin_keep(b->bin);
        p->vheap += b->size;
        off_heap_link(p, b);
    } else if (header_type(*obj) == T_MAGIC_REF) {
        atomic_fetch_add_explicit(&((magic_ref_t *)obj)->magic->refs, 1, memory_order_relaxed);
        off_heap_link(p, obj);
    }
}

term_t ets_obj_copy_at(proc_t *p, const ets_obj_t *o, term_t *hp) {
    const term_t *src = o->data, *end = src + o->words;
    uintptr_t delta = (uintptr_t)hp - (uintptr_t)src;
    term_t tuple = make_boxed(hp);
    if (UNLIKELY(o->packed)) {
        ets_unpack(o, hp);
        return tuple;
    }
    while (src < end) {
        term_t w = *src++;
        if (is_pointer(w)) {
            if ((uintptr_t)w - (uintptr_t)o->data < (uintptr_t)end - (uintptr_t)o->data) w += delta;
        } else if (is_header(w) && header_is_raw(w)) {
            term_t *obj = hp;
            *hp++ = w;
            for (size_t n = header_size(w); n > 0; n--) *hp++ = *src++;
            if (UNLIKELY(o->off != NULL)) off_objects_adopt(p, obj);
            continue;
        }
        *hp++ = w;
    }
    return tuple;
}

term_t ets_obj_copy(proc_t *p, const ets_obj_t *o) {
    term_t *hp = heap_alloc(p, o->words);
    return hp ? ets_obj_copy_at(p, o, hp) : TERM_NONE;
}

const term_t *ets_obj_data(proc_t *p, const ets_obj_t *o) {
    if (LIKELY(!o->packed)) return o->data;
    term_t t = ets_obj_copy(p, o);
    return t == TERM_NONE ? NULL : boxed_ptr(t);
}

int ets_obj_is(vm_t *vm, sched_t *s, ets_obj_t *o, term_t object) {
    ets_obj_t *seen = ets_obj_open(vm, s, o);
    if (!seen) return ETS_NO_MEMORY;
    bool same = term_eq(vm, ets_obj_term(seen), object);
    ets_obj_close(vm, s, o, seen);
    return same;
}
