/* binary.c: storage of binaries: heap binaries, shared binaries and parts of both, and walking of
 * iodata.
 *
 * Relies on the process heap and the VM's memory. Everything that makes or looks into a binary
 * calls it. Storage of a shared binary never moves while somebody refers to it: a match context or
 * a driver may keep the address.
 */
#include "vm/binary.h"
#include "vm/wstack.h"

/* Data starts here, so that it is aligned to 16. */
#define SHARED_HEAD ((sizeof(shared_bin_t) + 15) & ~(size_t)15)

/* ---- shared binaries ---- */

shared_bin_t *shared_bin_new(vm_t *vm, size_t size) {
    if (size > BITS_MAX / 8) return NULL; /* sizes in bits stay far from overflow */
    shared_bin_t *b = mem_alloc_as(vm, MEM_BINARY, SHARED_HEAD + size);
    if (!b) return NULL;
    atomic_init(&b->refs, 1);
    b->size = size;
    b->data = (uint8_t *)b + SHARED_HEAD;
    b->flags = 0;
    b->destroy = NULL;
    b->owner = NULL;
    b->vm = vm;
    return b;
}

shared_bin_t *shared_bin_new_foreign(vm_t *vm, uint8_t *data, size_t size,
                                     void (*destroy)(shared_bin_t *), void *owner) {
    shared_bin_t *b = shared_bin_new(vm, 0);
    if (!b) return NULL;
    b->data = data;
    b->size = size;
    b->flags = SHARED_BIN_FOREIGN;
    b->destroy = destroy;
    b->owner = owner;
    return b;
}

/* Takes one count off; true when it was the last. With one thread the locked instruction is
 * spared. */
static inline bool drop_count(vm_t *vm, _Atomic(uint64_t) *refs) {
    if (!vm->locking) {
        uint64_t n = atomic_load_explicit(refs, memory_order_relaxed) - 1;
        atomic_store_explicit(refs, n, memory_order_relaxed);
        return n == 0;
    }
    return atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel) == 1;
}

void shared_bin_release(shared_bin_t *b) {
    vm_t *vm = b->vm;
    if (!drop_count(vm, &b->refs)) return;
    if (b->destroy) b->destroy(b);
    mem_free_as(vm, MEM_BINARY, b, SHARED_HEAD + (b->flags & SHARED_BIN_FOREIGN ? 0 : b->size));
}

/* ---- terms ---- */

static inline term_t proc_bin_at(proc_t *p, term_t *hp, shared_bin_t *b, size_t offset, size_t size,
                                 size_t flags) {
    proc_bin_t *pb = (proc_bin_t *)hp;
    pb->off.header = make_header(T_PROC_BIN, PROC_BIN_WORDS - 1);
    pb->bin = b;
    pb->data = b->data + offset;
    pb->size = size;
    pb->flags = flags;
    off_heap_link(p, pb);
    p->vheap += size;
    return make_boxed(pb);
}

term_t binary_new(proc_t *p, size_t n, uint8_t **data) {
    if (n <= HEAP_BIN_MAX) {
        term_t *hp = heap_alloc(p, HEAP_BIN_WORDS(n));
        return hp ? heap_bin_at(hp, n, data) : TERM_NONE;
    }
    shared_bin_t *b = shared_bin_new(p->vm, n);
    if (!b) return TERM_NONE;
    *data = b->data;
    return binary_from_shared(p, b, 0, n);
}

term_t new_binary(proc_t *p, const uint8_t *s, size_t n) {
    uint8_t *data;
    term_t t = binary_new(p, n, &data);
    if (t != TERM_NONE && s && n) memcpy(data, s, n);
    return t;
}

term_t binary_from_shared(proc_t *p, shared_bin_t *b, size_t offset, size_t size) {
    term_t *hp = heap_alloc(p, PROC_BIN_WORDS);
    if (!hp) {
        shared_bin_release(b);
        return TERM_NONE;
    }
    return proc_bin_at(p, hp, b, offset, size, 0);
}

term_t binary_writable(proc_t *p, shared_bin_t *b) {
    term_t *hp = heap_alloc(p, PROC_BIN_WORDS);
    if (!hp) {
        shared_bin_release(b);
        return TERM_NONE;
    }
    p->vheap += b->size;
    return proc_bin_at(p, hp, b, 0, 0, PROC_BIN_WRITABLE);
}

term_t bits_sub(proc_t *p, term_t orig, size_t bit_offset, size_t bit_size) {
    sub_bin_t *s = (sub_bin_t *)heap_alloc(p, SUB_BIN_WORDS);
    if (!s) return TERM_NONE;
    s->header = make_header(T_SUB_BIN, SUB_BIN_WORDS - 1);
    s->bit_offset = make_small((int64_t)bit_offset);
    s->bit_size = make_small((int64_t)bit_size);
    s->orig = orig;
    return make_boxed(s);
}

term_t bits_part(proc_t *p, term_t bin, size_t bit_offset, size_t bit_size) {
    const uint8_t *base;
    switch (boxed_type(bin)) {
    case T_HEAP_BIN: {
        heap_bin_t *hb = (heap_bin_t *)boxed_ptr(bin);
        if (bit_offset == 0 && bit_size == hb->size * 8) return bin;
        base = hb->data;
        break;
    }
    case T_PROC_BIN: {
        proc_bin_t *pb = (proc_bin_t *)boxed_ptr(bin);
        /* A writable one may still grow: the part must not. */
        if (bit_offset == 0 && bit_size == pb->size * 8 && !(pb->flags & PROC_BIN_WRITABLE))
            return bin;
        base = pb->data;
        break;
    }
    default: {
        sub_bin_t *s = (sub_bin_t *)boxed_ptr(bin);
        if (bit_offset == 0 && make_small((int64_t)bit_size) == s->bit_size) return bin;
        bit_offset += (size_t)small_value(s->bit_offset);
        bin = s->orig;
        base = boxed_type(bin) == T_HEAP_BIN ? ((heap_bin_t *)boxed_ptr(bin))->data
                                             : ((proc_bin_t *)boxed_ptr(bin))->data;
    }
    }
    /* Small whole-byte parts are copied: they keep nothing alive and are faster to read. */
    if (((bit_offset | bit_size) & 7) == 0 && bit_size <= HEAP_BIN_MAX * 8) {
        size_t n = bit_size / 8;
        term_t *hp = heap_alloc(p, HEAP_BIN_WORDS(n));
        if (!hp) return TERM_NONE;
        uint8_t *data;
        term_t t = heap_bin_at(hp, n, &data);
        memcpy(data, base + bit_offset / 8, n);
        return t;
    }
    return bits_sub(p, bin, bit_offset, bit_size);
}

/* ---- looking inside ---- */

bool bits_of(term_t t, bits_t *out) {
    size_t off = 0;
    unsigned k = boxed_type(t);
    if (k == T_SUB_BIN) {
        sub_bin_t *s = (sub_bin_t *)boxed_ptr(t);
        off = (size_t)small_value(s->bit_offset);
        out->bit_size = (size_t)small_value(s->bit_size);
        t = s->orig;
        if (boxed_type(t) == T_HEAP_BIN)
            out->base = ((heap_bin_t *)boxed_ptr(t))->data + (off >> 3);
        else
            out->base = ((proc_bin_t *)boxed_ptr(t))->data + (off >> 3);
        out->bit_offset = off & 7;
        return true;
    }
    out->bit_offset = 0;
    if (k == T_HEAP_BIN) {
        heap_bin_t *hb = (heap_bin_t *)boxed_ptr(t);
        out->base = hb->data;
        out->bit_size = hb->size * 8;
        return true;
    }
    if (k == T_PROC_BIN) {
        proc_bin_t *pb = (proc_bin_t *)boxed_ptr(t);
        out->base = pb->data;
        out->bit_size = pb->size * 8;
        return true;
    }
    return false;
}

static bool bytes_get(vm_t *vm, proc_t *p, term_t t, const uint8_t **data, size_t *n, uint8_t **tmp,
                      size_t *tmp_size) {
    bits_t b;
    *tmp = NULL;
    *tmp_size = 0;
    if (!bits_of(t, &b) || (b.bit_size & 7)) return false;
    *n = b.bit_size / 8;
    *data = b.base;
    if (b.bit_offset == 0 || *n == 0) return true;
    *tmp = mem_alloc(vm, *n);
    if (!*tmp) return false;
    if (!bits_copy_long(p, *tmp, 0, b.base, b.bit_offset, b.bit_size)) {
        mem_free(vm, *tmp, *n);
        *tmp = NULL;
        return false;
    }
    *tmp_size = *n;
    *data = *tmp;
    return true;
}

bool bytes_of(vm_t *vm, term_t t, const uint8_t **data, size_t *n, uint8_t **tmp,
              size_t *tmp_size) {
    return bytes_get(vm, NULL, t, data, n, tmp, tmp_size);
}

bool bytes_of_long(proc_t *p, term_t t, const uint8_t **data, size_t *n, uint8_t **tmp,
                   size_t *tmp_size) {
    return bytes_get(p->vm, p, t, data, n, tmp, tmp_size);
}

/* ---- iodata ---- */

/* The three walks have the same shape: go down the tails; where a head is a list, its own tail
 * waits on the stack. */

#define CELLS     4096 /* between ticks */
#define CELL_TICK BIF_TICK_EVERY(p, ++cells, CELLS, CELLS / 32)

int iodata_bits_long(vm_t *vm, proc_t *p, term_t t, bool bits_ok, size_t *nbits) {
    uint64_t room[64];
    wstack_t st;
    wstack_init(&st, vm, room, 64);
    size_t n = 0, cells = 0;
    int r = IODATA_BAD;
    for (;;) {
        while (is_cons(t)) {
            term_t h = cons_head(t);
            t = cons_tail(t);
            if (CELL_TICK) {
                r = IODATA_STOPPED;
                goto done;
            }
            if (is_small(h)) {
                if (UNLIKELY(h > make_small(255))) goto done; /* negative ones are large, too */
                n += 8;
            } else if (is_cons(h)) {
                if (!is_nil(t)) {
                    if (!wstack_need(&st, 1)) {
                        r = IODATA_NO_MEMORY;
                        goto done;
                    }
                    *st.top++ = t;
                }
                t = h;
            } else if (!is_nil(h)) {
                if (!is_bitstring(h)) goto done;
                size_t k = bit_size_of(h);
                if ((k & 7) && !bits_ok) goto done;
                n += k;
                if (UNLIKELY(n > BITS_MAX)) {
                    r = IODATA_TOO_BIG;
                    goto done;
                }
            }
        }
        if (!is_nil(t)) {
            if (!is_bitstring(t)) goto done;
            size_t k = bit_size_of(t);
            if ((k & 7) && !bits_ok) goto done;
            n += k;
            if (n > BITS_MAX) {
                r = IODATA_TOO_BIG;
                goto done;
            }
        }
        if (wstack_is_empty(&st)) break;
        t = *--st.top;
    }
    *nbits = n;
    r = IODATA_OK;
done:
    wstack_free(&st);
    return r;
}

bool bits_copy_long(proc_t *p, uint8_t *dst, size_t dst_off, const uint8_t *src, size_t src_off,
                    size_t nbits) {
    for (; p && nbits > COPY_PER_TICK * 8u; nbits -= COPY_PER_TICK * 8u) {
        if (bif_tick(p, COPY_PER_TICK / COPY_PER_RED)) return false;
        bits_copy(dst, dst_off, src, src_off, COPY_PER_TICK * 8u);
        dst += COPY_PER_TICK;
        src += COPY_PER_TICK;
    }
    bits_copy(dst, dst_off, src, src_off, nbits);
    return true;
}

static inline bool put_bits(proc_t *p, uint8_t *dst, size_t *off, term_t t) {
    bits_t b;
    bits_of(t, &b);
    size_t at = *off;
    *off += b.bit_size;
    if (UNLIKELY(b.bit_size > COPY_PER_TICK * 8u))
        return bits_copy_long(p, dst, at, b.base, b.bit_offset, b.bit_size);
    if (LIKELY(((at | b.bit_offset | b.bit_size) & 7) == 0))
        memcpy(dst + at / 8, b.base, b.bit_size / 8);
    else
        bits_copy(dst, at, b.base, b.bit_offset, b.bit_size);
    return true;
}

int iodata_copy_long(vm_t *vm, proc_t *p, term_t t, uint8_t *dst) {
    uint64_t room[64];
    wstack_t st;
    wstack_init(&st, vm, room, 64);
    size_t off = 0, cells = 0;
    int r = IODATA_STOPPED;
    for (;;) {
        while (is_cons(t)) {
            term_t h = cons_head(t);
            t = cons_tail(t);
            if (CELL_TICK) goto done;
            if (is_small(h)) {
                if (LIKELY((off & 7) == 0))
                    dst[off / 8] = (uint8_t)small_value(h);
                else
                    bits_put64(dst, off, 8, (uint64_t)small_value(h));
                off += 8;
            } else if (is_cons(h)) {
                if (!is_nil(t)) {
                    if (!wstack_need(&st, 1)) {
                        r = IODATA_NO_MEMORY;
                        goto done;
                    }
                    *st.top++ = t;
                }
                t = h;
            } else if (!is_nil(h) && !put_bits(p, dst, &off, h)) {
                goto done;
            }
        }
        if (!is_nil(t) && !put_bits(p, dst, &off, t)) goto done;
        if (wstack_is_empty(&st)) break;
        t = *--st.top;
    }
    r = IODATA_OK;
done:
    wstack_free(&st);
    return r;
}

typedef struct {
    proc_t *p;
    iodata_fn fn;
    void *user;
    size_t used;
    uint8_t buf[512];
} chunks_t;

static void chunk_flush(chunks_t *c) {
    if (c->used) c->fn(c->user, c->buf, c->used);
    c->used = 0;
}

/* Bytes of a binary that need not be moved, a piece at a time where there are many. */
static bool chunk_direct(chunks_t *c, const uint8_t *s, size_t n) {
    for (; c->p && n > COPY_PER_TICK; s += COPY_PER_TICK, n -= COPY_PER_TICK) {
        if (bif_tick(c->p, COPY_PER_TICK / COPY_PER_RED)) return false;
        c->fn(c->user, s, COPY_PER_TICK);
    }
    c->fn(c->user, s, n);
    return true;
}

/* Bytes of a binary; IODATA_BAD: not whole bytes, or no binary. */
static int chunk_binary(chunks_t *c, term_t t) {
    bits_t b;
    if (!bits_of(t, &b) || (b.bit_size & 7)) return IODATA_BAD;
    size_t n = b.bit_size / 8, off = b.bit_offset;
    if (off == 0) {
        if (n <= sizeof c->buf - c->used) {
            memcpy(c->buf + c->used, b.base, n);
            c->used += n;
            return IODATA_OK;
        }
        chunk_flush(c);
        return chunk_direct(c, b.base, n) ? IODATA_OK : IODATA_STOPPED;
    }
    for (size_t rounds = 1; n; rounds++) {
        size_t k = sizeof c->buf - c->used;
        if (k > n) k = n;
        bits_copy(c->buf + c->used, 0, b.base, off, k * 8);
        c->used += k;
        off += k * 8;
        n -= k;
        if (c->used == sizeof c->buf) chunk_flush(c);
        if (BIF_TICK_EVERY(c->p, rounds, 128, 128)) return IODATA_STOPPED;
    }
    return IODATA_OK;
}

int iodata_walk_long(vm_t *vm, proc_t *p, term_t t, iodata_fn fn, void *user) {
    uint64_t room[64];
    wstack_t st;
    wstack_init(&st, vm, room, 64);
    size_t cells = 0;
    chunks_t c;
    c.p = p;
    c.fn = fn;
    c.user = user;
    c.used = 0;
    int r = IODATA_BAD;
    for (;;) {
        while (is_cons(t)) {
            term_t h = cons_head(t);
            t = cons_tail(t);
            if (CELL_TICK) {
                r = IODATA_STOPPED;
                goto done;
            }
            if (is_small(h)) {
                if (h > make_small(255)) goto done;
                if (c.used == sizeof c.buf) chunk_flush(&c);
                c.buf[c.used++] = (uint8_t)small_value(h);
            } else if (is_cons(h)) {
                if (!is_nil(t)) {
                    if (!wstack_need(&st, 1)) {
                        r = IODATA_NO_MEMORY;
                        goto done;
                    }
                    *st.top++ = t;
                }
                t = h;
            } else if (!is_nil(h)) {
                int k = chunk_binary(&c, h);
                if (k != IODATA_OK) {
                    r = k;
                    goto done;
                }
            }
        }
        if (!is_nil(t)) {
            int k = chunk_binary(&c, t);
            if (k != IODATA_OK) {
                r = k;
                goto done;
            }
        }
        if (wstack_is_empty(&st)) break;
        t = *--st.top;
    }
    chunk_flush(&c);
    r = IODATA_OK;
done:
    wstack_free(&st);
    return r;
}
