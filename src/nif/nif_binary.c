/* nif_binary.c: memory and binaries: enif_alloc, binaries made and inspected, I/O lists, external
 * terms.
 *
 * An ErlNifBinary that native code may write to owns a count of a shared binary (ref_bin); one that
 * was inspected points into a term and owns nothing. Copies that inspecting needs (unaligned parts,
 * I/O lists) are binaries on the environment's heap.
 */
#include "nif/nif.h"
#include "vm/etf.h"
#include "vm/sched.h"

/* ---- memory ---- the C library's: blocks may outlive the VM and move between threads and VMs */

void *enif_alloc(size_t size) { return malloc(size ? size : 1); }
void *enif_realloc(void *ptr, size_t size) { return realloc(ptr, size ? size : 1); }
void enif_free(void *ptr) { free(ptr); }

/* ---- binaries of native code ---- */

static void own(ErlNifBinary *bin, shared_bin_t *b, size_t size) {
    bin->size = size;
    bin->data = b->data;
    bin->ref_bin = b;
}

int enif_alloc_binary(size_t size, ErlNifBinary *bin) {
    vm_t *vm = nif_vm();
    shared_bin_t *b = vm ? shared_bin_new(vm, size) : NULL;
    if (!b) return 0;
    own(bin, b, size);
    return 1;
}

int enif_realloc_binary(ErlNifBinary *bin, size_t size) {
    shared_bin_t *b = bin->ref_bin;
    if (b && size <= b->size && size >= b->size / 2) {
        bin->size = size;
        return 1;
    }
    ErlNifBinary bigger;
    vm_t *vm = b ? b->vm : nif_vm();
    shared_bin_t *to = vm ? shared_bin_new(vm, size) : NULL;
    if (!to) return 0;
    own(&bigger, to, size);
    if (size && bin->size) memcpy(to->data, bin->data, size < bin->size ? size : bin->size);
    enif_release_binary(bin);
    *bin = bigger;
    return 1;
}

void enif_release_binary(ErlNifBinary *bin) {
    shared_bin_t *b = bin->ref_bin;
    bin->ref_bin = NULL;
    if (b) shared_bin_release(b);
}

/* ---- terms ---- */

ERL_NIF_TERM enif_make_binary(ErlNifEnv *env, ErlNifBinary *bin) {
    shared_bin_t *b = bin->ref_bin;
    if (!b) return nif_made(env, new_binary(env->p, bin->data, bin->size));
    bin->ref_bin = NULL;
    if (bin->size > HEAP_BIN_MAX)
        return nif_made(env, binary_from_shared(env->p, b, 0, bin->size)); /* takes the count */
    /* The bytes stay readable as long as the term. */
    uint8_t *data;
    term_t t = binary_new(env->p, bin->size, &data);
    if (t != TERM_NONE) {
        memcpy(data, b->data, bin->size);
        bin->data = data;
    }
    shared_bin_release(b);
    return nif_made(env, t);
}

unsigned char *enif_make_new_binary(ErlNifEnv *env, size_t size, ERL_NIF_TERM *term) {
    uint8_t *data;
    term_t t = binary_new(env->p, size, &data);
    *term = nif_made(env, t);
    return t == TERM_NONE ? NULL : data;
}

ERL_NIF_TERM enif_make_sub_binary(ErlNifEnv *env, ERL_NIF_TERM bin, size_t pos, size_t size) {
    size_t bytes = is_bitstring(bin) ? bit_size_of(bin) / 8 : 0;
    if (!is_bitstring(bin) || pos > bytes || size > bytes - pos) return enif_make_badarg(env);
    return nif_made(env, bits_part(env->p, bin, pos * 8, size * 8));
}

int enif_inspect_binary(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifBinary *bin) {
    bits_t b;
    if (!bits_of(t, &b) || (b.bit_size & 7)) return 0;
    bin->size = b.bit_size / 8;
    bin->ref_bin = NULL;
    bin->data = (unsigned char *)b.base;
    if (b.bit_offset == 0 || bin->size == 0) return 1;
    uint8_t *copy;
    if (binary_new(env->p, bin->size, &copy) == TERM_NONE) {
        nif_oom(env);
        return 0;
    }
    bits_copy(copy, 0, b.base, b.bit_offset, b.bit_size);
    bin->data = copy;
    return 1;
}

int enif_inspect_iolist_as_binary(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifBinary *bin) {
    if (is_boxed(t)) return enif_inspect_binary(env, t, bin);
    size_t bits;
    uint8_t *data;
    if (!is_list(t)) return 0;
    int r = iodata_bits(env->vm, t, false, &bits);
    if (r == IODATA_OK && binary_new(env->p, bits / 8, &data) == TERM_NONE) r = IODATA_NO_MEMORY;
    if (r == IODATA_OK) r = iodata_copy(env->vm, t, data);
    if (r == IODATA_NO_MEMORY) nif_oom(env);
    if (r != IODATA_OK) return 0;
    *bin = (ErlNifBinary){.size = bits / 8, .data = data};
    return 1;
}

/* ---- external terms ---- */

int enif_term_to_binary(ErlNifEnv *env, ERL_NIF_TERM t, ErlNifBinary *bin) {
    etf_options_t options = ETF_DEFAULTS;
    etf_out_t out;
    etf_out_init(&out, env->vm);
    vm_visit_t v = vm_enter(env->vm); /* atoms */
    int ok = etf_encode_out(&out, t, &options) == ETF_OK;
    vm_leave(env->vm, v);
    shared_bin_t *b = ok ? shared_bin_new(env->vm, out.len) : NULL;
    if (b) {
        memcpy(b->data, out.data, out.len);
        own(bin, b, out.len);
    }
    etf_out_free(&out);
    return b != NULL;
}

size_t enif_binary_to_term(ErlNifEnv *env, const unsigned char *data, size_t size,
                           ERL_NIF_TERM *term, unsigned options) {
    size_t used;
    if (options & ~(unsigned)ERL_NIF_BIN2TERM_SAFE) return 0;
    unsigned flags = options & ERL_NIF_BIN2TERM_SAFE ? ETF_SAFE : 0;
    vm_visit_t v = vm_enter(env->vm); /* atoms, exports, funs */
    term_t t = etf_decode_to(env->p, data, size, flags, &used, NULL);
    vm_leave(env->vm, v);
    if (t == TERM_NONE) return 0;
    *term = t;
    return used;
}
