/* nif_ioq.c: I/O vectors and queues: binaries put in a row without copying.
 *
 * A piece is part of a shared binary, of which it owns a count. Bytes of heap binaries are copied
 * when they have to outlive the call. Vectors made with an environment live on its heap and borrow
 * their binaries from the terms they were made of; those made without one own everything.
 */
#include "nif/nif.h"

/* ---- vectors ---- */

enum { IOV_OWNED = 1 }; /* flags: enif_free_iovec has work to do */

/* The bytes of an element of the list. *bin: the shared binary they are in, or NULL; *counted: with
 * a count for the caller. false: not made of whole bytes, or no memory. */
static bool element_bytes(ErlNifEnv *env, term_t t, SysIOVec *iov, shared_bin_t **bin,
                          bool *counted) {
    ErlNifBinary b;
    bits_t bits;
    *bin = NULL;
    *counted = false;
    if (!bits_of(t, &bits) || (bits.bit_size & 7)) return false;
    if (bits.bit_offset == 0) {
        term_t orig = boxed_type(t) == T_SUB_BIN ? ((sub_bin_t *)boxed_ptr(t))->orig : t;
        if (boxed_type(orig) == T_PROC_BIN) *bin = ((proc_bin_t *)boxed_ptr(orig))->bin;
        *iov = (SysIOVec){(void *)(uintptr_t)bits.base, bits.bit_size / 8};
        return true;
    }
    if (env) {
        if (!enif_inspect_binary(env, t, &b)) return false;
    } else {
        if (!enif_alloc_binary(bits.bit_size / 8, &b)) return false;
        bits_copy(b.data, 0, bits.base, bits.bit_offset, bits.bit_size);
        *bin = b.ref_bin;
        *counted = true;
    }
    *iov = (SysIOVec){(void *)b.data, b.size};
    return true;
}

/* A list of binaries, as erlang:iolist_to_iovec/1 gives it. How many of at most max; -1: bad. */
static int64_t list_count(term_t t, size_t max, term_t *tail) {
    int64_t n = 0;
    for (; is_cons(t) && (size_t)n < max; t = cons_tail(t), n++)
        if (!is_binary(cons_head(t))) return -1;
    *tail = t;
    return is_list(t) ? n : -1;
}

static void iovec_drop(ErlNifIOVec *v) {
    for (int i = 0; i < v->iovcnt; i++) shared_bin_release(v->ref_bins[i]);
}

/* Fills v, whose arrays have room for n. own: takes counts and copies what has none. */
static bool iovec_fill(ErlNifEnv *env, ErlNifIOVec *v, term_t t, int n, bool own) {
    v->iovcnt = 0;
    v->size = 0;
    for (int i = 0; i < n; i++, t = cons_tail(t)) {
        SysIOVec *iov = &v->iov[i];
        shared_bin_t *b;
        bool counted;
        if (!element_bytes(env, cons_head(t), iov, &b, &counted)) return false;
        if (own && !b) {
            ErlNifBinary copy;
            if (!enif_alloc_binary(iov->iov_len, &copy)) return false;
            memcpy(copy.data, iov->iov_base, iov->iov_len);
            iov->iov_base = (void *)copy.data;
            b = copy.ref_bin;
        } else if (own && !counted) {
            shared_bin_keep(b);
        }
        v->ref_bins[i] = b;
        v->size += iov->iov_len;
        v->iovcnt = i + 1;
    }
    return true;
}

/* The vector without an environment: one block with its arrays. */
static ErlNifIOVec *iovec_new(size_t n) {
    size_t extra = n > ERL_NIF_IOVEC_SIZE ? n * (sizeof(SysIOVec) + sizeof(void *)) : 0;
    ErlNifIOVec *v = malloc(sizeof *v + extra);
    if (!v) return NULL;
    v->flags = IOV_OWNED;
    v->iov = extra ? (SysIOVec *)(v + 1) : v->small_iov;
    v->ref_bins = extra ? (void **)(v->iov + n) : v->small_ref_bin;
    return v;
}

static bool heap_bytes(ErlNifEnv *env, size_t n, void *out) {
    uint8_t *data;
    if (binary_new(env->p, n + 16, &data) == TERM_NONE) {
        nif_oom(env);
        return false;
    }
    *(void **)out = (void *)(((uintptr_t)data + 15) & ~(uintptr_t)15);
    return true;
}

int enif_inspect_iovec(ErlNifEnv *env, size_t max_elements, ERL_NIF_TERM t, ERL_NIF_TERM *tail,
                       ErlNifIOVec **iovec) {
    int64_t n = list_count(t, max_elements ? max_elements : 1, tail);
    if (n < 0) return 0;
    ErlNifIOVec *v = *iovec;
    if (!env) {
        v = iovec_new((size_t)n);
        if (!v) return 0;
        if (!iovec_fill(NULL, v, t, (int)n, true)) {
            iovec_drop(v);
            free(v);
            return 0;
        }
        *iovec = v;
        return 1;
    }
    if (!v && !heap_bytes(env, sizeof *v, &v)) return 0;
    v->flags = 0;
    v->iov = v->small_iov;
    v->ref_bins = v->small_ref_bin;
    if (n > ERL_NIF_IOVEC_SIZE && (!heap_bytes(env, (size_t)n * sizeof *v->iov, &v->iov) ||
                                   !heap_bytes(env, (size_t)n * sizeof(void *), &v->ref_bins)))
        return 0;
    if (!iovec_fill(env, v, t, (int)n, false)) return 0;
    *iovec = v;
    return 1;
}

void enif_free_iovec(ErlNifIOVec *v) {
    if (!v || !(v->flags & IOV_OWNED)) return;
    iovec_drop(v);
    free(v);
}

/* ---- queues ---- */

/* iov and bins are parallel arrays with room for cap; first..first+count-1 are in use, so that the
 * iov part can be shown as it is. */
struct erts_io_queue {
    SysIOVec *iov;
    shared_bin_t **bins;
    size_t cap, first, count;
    size_t size;
};

ErlNifIOQueue *enif_ioq_create(ErlNifIOQueueOpts opts) {
    return opts == ERL_NIF_IOQ_NORMAL ? calloc(1, sizeof(ErlNifIOQueue)) : NULL;
}

void enif_ioq_destroy(ErlNifIOQueue *q) {
    for (size_t i = 0; i < q->count; i++) shared_bin_release(q->bins[q->first + i]);
    free(q->iov);
    free(q->bins);
    free(q);
}

static bool queue_room(ErlNifIOQueue *q, size_t n) {
    if (q->first + q->count + n <= q->cap) return true;
    if (q->count + n <= q->cap / 2) {
        memmove(q->iov, q->iov + q->first, q->count * sizeof *q->iov);
        memmove(q->bins, q->bins + q->first, q->count * sizeof *q->bins);
        q->first = 0;
        return true;
    }
    size_t cap = 2 * (q->count + n) + 8;
    SysIOVec *iov = malloc(cap * sizeof *iov);
    shared_bin_t **bins = malloc(cap * sizeof *bins);
    if (!iov || !bins) {
        free(iov);
        free(bins);
        return false;
    }
    if (q->count) {
        memcpy(iov, q->iov + q->first, q->count * sizeof *iov);
        memcpy(bins, q->bins + q->first, q->count * sizeof *bins);
    }
    free(q->iov);
    free(q->bins);
    q->iov = iov;
    q->bins = bins;
    q->cap = cap;
    q->first = 0;
    return true;
}

/* Takes a count of b. There is room. */
static void queue_put(ErlNifIOQueue *q, shared_bin_t *b, void *data, size_t size) {
    size_t at = q->first + q->count++;
    q->iov[at] = (SysIOVec){data, size};
    q->bins[at] = b;
    q->size += size;
}

int enif_ioq_enq_binary(ErlNifIOQueue *q, ErlNifBinary *bin, size_t skip) {
    if (skip > bin->size || !queue_room(q, 1)) return 0;
    ErlNifBinary own = *bin;
    if (!own.ref_bin) { /* it belongs to a term */
        if (!enif_alloc_binary(bin->size, &own)) return 0;
        memcpy(own.data, bin->data, bin->size);
    }
    bin->ref_bin = NULL;
    if (skip == own.size)
        enif_release_binary(&own);
    else
        queue_put(q, own.ref_bin, own.data + skip, own.size - skip);
    return 1;
}

int enif_ioq_enqv(ErlNifIOQueue *q, ErlNifIOVec *v, size_t skip) {
    if (skip > v->size || !queue_room(q, (size_t)v->iovcnt)) return 0;
    size_t before = q->count;
    for (int i = 0; i < v->iovcnt; i++) {
        SysIOVec iov = v->iov[i];
        shared_bin_t *b = v->ref_bins[i];
        if (iov.iov_len <= skip) {
            skip -= iov.iov_len;
            continue;
        }
        iov.iov_base = (char *)iov.iov_base + skip;
        iov.iov_len -= skip;
        skip = 0;
        if (b) {
            shared_bin_keep(b);
        } else {
            ErlNifBinary copy;
            if (!enif_alloc_binary(iov.iov_len, &copy)) { /* all or nothing */
                while (q->count > before) {
                    size_t at = q->first + --q->count;
                    q->size -= q->iov[at].iov_len;
                    shared_bin_release(q->bins[at]);
                }
                return 0;
            }
            memcpy(copy.data, iov.iov_base, iov.iov_len);
            iov.iov_base = (void *)copy.data;
            b = copy.ref_bin;
        }
        queue_put(q, b, iov.iov_base, iov.iov_len);
    }
    return 1;
}

size_t enif_ioq_size(ErlNifIOQueue *q) { return q->size; }

int enif_ioq_deq(ErlNifIOQueue *q, size_t count, size_t *size) {
    if (count > q->size) return 0;
    q->size -= count;
    while (count > 0) {
        SysIOVec *iov = &q->iov[q->first];
        if (iov->iov_len > count) {
            iov->iov_base = (char *)iov->iov_base + count;
            iov->iov_len -= count;
            break;
        }
        count -= iov->iov_len;
        shared_bin_release(q->bins[q->first]);
        q->first++;
        q->count--;
    }
    if (q->count == 0) q->first = 0;
    if (size) *size = q->size;
    return 1;
}

SysIOVec *enif_ioq_peek(ErlNifIOQueue *q, int *iovlen) {
    if (iovlen) *iovlen = (int)q->count;
    return q->count ? q->iov + q->first : NULL;
}

int enif_ioq_peek_head(ErlNifEnv *env, ErlNifIOQueue *q, size_t *size, ERL_NIF_TERM *head) {
    if (q->count == 0) return 0;
    SysIOVec *iov = &q->iov[q->first];
    shared_bin_t *b = q->bins[q->first];
    if (size) *size = iov->iov_len;
    shared_bin_keep(b);
    size_t offset = (size_t)((uint8_t *)iov->iov_base - b->data);
    *head = nif_made(env, binary_from_shared(env->p, b, offset, iov->iov_len));
    return 1;
}
