/* bif_memory.c: see memory.h.
 *
 * A block of ours comes from the embedder's allocator one by one: what OTP's tools call a carrier
 * with one block. So all figures are under `sbcs` of one instance, whose carriers hold nothing
 * else. Heaps and binaries are counted where they are made (mem.c); for code, literals, atoms and
 * tables their owners are asked; `std_alloc` is what is left. There is no record of former sizes:
 * where OTP gives the largest since some time, it is what there is now.
 */
#include "vm/memory.h"
#include "vm/atom.h"
#include "vm/code.h"
#include "vm/dump_text.h"
#include "vm/ets.h"
#include "vm/info_terms.h"
#include "vm/process.h"

/* ---- what there is ---- */

static bool add_code(void *user, module_t *m, bool is_old) {
    uint64_t *bytes = user;
    (void)is_old;
    *bytes += sizeof *m + module_bytes(m);
    return true;
}

void memory_use(vm_t *vm, memory_use_t *out) {
    uint64_t blocks;
    memset(out, 0, sizeof *out);
    mem_counted(vm, MEM_HEAP, &blocks, &out->heaps);
    mem_counted(vm, MEM_BINARY, &blocks, &out->binaries);
    out->control = (uint64_t)proc_count(vm) * PROC_BLOCK_BYTES;
    module_each(vm, add_code, &out->code);
    out->literals = literal_bytes(vm);
    out->atoms = atom_memory(vm);
    out->tables = ets_memory(vm);
    out->total = atomic_load_explicit(&vm->memory_used, memory_order_relaxed);
    /* Other threads go on while this is read. */
    uint64_t least = memory_of_processes(out) + out->binaries;
    if (out->total < least) out->total = least;
}

/* ---- erlang:memory ---- */

static bool memory_item(const memory_use_t *m, term_t type, uint64_t *out) {
    switch (type) {
    case A_total: *out = m->total; return true;
    case A_processes:
    case A_processes_used: *out = memory_of_processes(m); return true;
    case A_system: *out = m->total - memory_of_processes(m); return true;
    case A_atom:
    case A_atom_used: *out = m->atoms; return true;
    case A_binary: *out = m->binaries; return true;
    case A_code: *out = m->code + m->literals; return true;
    case A_ets: *out = m->tables; return true;
    default: return false;
    }
}

static BIF(bif_memory_0) {
    static const uint32_t types[] = {A_total,     A_processes, A_processes_used, A_system, A_atom,
                                     A_atom_used, A_binary,    A_code,           A_ets};
    memory_use_t m;
    term_t l = TERM_NIL;
    (void)a;
    memory_use(p->vm, &m);
    for (size_t i = sizeof types / sizeof *types; i-- > 0;) {
        uint64_t bytes = 0;
        memory_item(&m, types[i], &bytes);
        l = push_pair(p, types[i], number(p, bytes), l);
    }
    return or_oom(p, l);
}

/* In the order asked for, as often as asked for. */
static BIF(bif_memory_1) {
    memory_use_t m;
    uint64_t bytes;
    memory_use(p->vm, &m);
    if (is_atom(a[0]))
        return memory_item(&m, a[0], &bytes) ? or_oom(p, number(p, bytes)) : bif_badarg(p);
    if (list_length(a[0]) < 0) return bif_badarg(p);
    term_t first = TERM_NIL, *last = &first;
    for (term_t l = a[0]; is_cons(l); l = cons_tail(l)) {
        if (!memory_item(&m, cons_head(l), &bytes)) return bif_badarg(p);
        term_t cell = push_pair(p, cons_head(l), number(p, bytes), TERM_NIL);
        if (cell == TERM_NONE) return bif_oom(p);
        *last = cell;
        last = &cons_ptr(cell)[1];
        bif_bump(p, 1);
    }
    return first;
}

/* ---- allocators ---- */

static const uint32_t allocators[] = {A_temp_alloc,   A_sl_alloc,    A_std_alloc, A_ll_alloc,
                                      A_eheap_alloc,  A_ets_alloc,   A_fix_alloc, A_literal_alloc,
                                      A_binary_alloc, A_driver_alloc};
enum { ALLOCATORS = sizeof allocators / sizeof *allocators };

static bool is_allocator(term_t name) {
    for (size_t i = 0; i < ALLOCATORS; i++)
        if (allocators[i] == name) return true;
    return false;
}

typedef struct {
    uint64_t blocks, bytes;
} figure_t;

/* What is a sum of its own counts as one block. */
static figure_t figure(vm_t *vm, term_t name) {
    memory_use_t m;
    figure_t f = {0, 0};
    memory_use(vm, &m);
    switch (name) {
    case A_eheap_alloc: mem_counted(vm, MEM_HEAP, &f.blocks, &f.bytes); return f;
    case A_binary_alloc: mem_counted(vm, MEM_BINARY, &f.blocks, &f.bytes); return f;
    case A_fix_alloc: return (figure_t){proc_count(vm), m.control};
    case A_ets_alloc: return (figure_t){ets_count(vm), m.tables};
    case A_literal_alloc: f.bytes = m.literals; break;
    case A_ll_alloc: f.bytes = m.code + m.atoms; break;
    case A_std_alloc: {
        uint64_t known =
            m.heaps + m.binaries + m.control + m.tables + m.literals + m.code + m.atoms;
        f.bytes = m.total > known ? m.total - known : 0;
        break;
    }
    default: return f;
    }
    f.blocks = f.bytes != 0;
    return f;
}

/* {Name, N, N, N}: now, the most since somebody asked, the most ever. */
static term_t triple(proc_t *p, term_t name, uint64_t n) {
    term_t x = number(p, n), *hp = x == TERM_NONE ? NULL : heap_alloc(p, 5);
    return hp ? tuple4(&hp, name, x, x, x) : TERM_NONE;
}

/* blocks and carriers of one kind; sizes_only: as allocator_sizes shows them. */
static term_t carriers(proc_t *p, term_t name, figure_t f, bool sizes_only) {
    term_t l = TERM_NIL;
    if (!sizes_only) {
        term_t n = number(p, f.blocks), bytes = number(p, f.bytes);
        l = push_pair(p, A_sys_alloc_carriers_size, bytes, l);
        l = push_pair(p, A_mseg_alloc_carriers_size, make_small(0), l);
        l = push(p, triple(p, A_carriers_size, f.bytes), l);
        l = push_pair(p, A_sys_alloc_carriers, n, l);
        l = push_pair(p, A_mseg_alloc_carriers, make_small(0), l);
        l = push(p, triple(p, A_carriers, f.blocks), l);
    } else {
        l = push(p, triple(p, A_carriers_size, f.bytes), l);
    }
    term_t blocks = TERM_NIL;
    if (f.blocks) {
        term_t one = push(p, triple(p, A_size, f.bytes), TERM_NIL);
        if (!sizes_only) one = push(p, triple(p, A_count, f.blocks), one);
        blocks = push_pair(p, name, one, TERM_NIL);
    }
    return push_pair(p, A_blocks, blocks, l);
}

static term_t options(proc_t *p) {
    term_t l = push_pair(p, A_as, A_undefined, TERM_NIL);
    l = push_pair(p, A_ramv, A_false, l);
    l = push_pair(p, A_atags, A_false, l);
    l = push_pair(p, A_t, A_false, l);
    return push_pair(p, A_e, A_true, l);
}

/* [{instance, 0, Props}] */
static term_t instance(proc_t *p, term_t props) {
    term_t *hp = props == TERM_NONE ? NULL : heap_alloc(p, 4);
    return hp ? push(p, tuple3(&hp, A_instance, make_small(0), props), TERM_NIL) : TERM_NONE;
}

static term_t one_allocator(proc_t *p, term_t name, bool sizes_only) {
    figure_t f = figure(p->vm, name), none = {0, 0};
    term_t l = TERM_NIL;
    if (!sizes_only) l = push_pair(p, A_calls, TERM_NIL, l); /* not counted */
    l = push_pair(p, A_sbcs, carriers(p, name, f, sizes_only), l);
    l = push_pair(p, A_mbcs, carriers(p, name, none, sizes_only), l);
    if (name == A_fix_alloc) {
        term_t bytes = number(p, f.bytes), *hp = bytes == TERM_NONE ? NULL : heap_alloc(p, 4);
        term_t types = hp ? push(p, tuple3(&hp, A_proc, bytes, bytes), TERM_NIL) : TERM_NONE;
        l = push_pair(p, A_fix_types, types, l);
    }
    if (!sizes_only) {
        term_t mine = string_to_list(p, "libling"), shape = string_to_list(p, "3.0"), *hp = NULL;
        if (mine != TERM_NONE && shape != TERM_NONE) hp = heap_alloc(p, 4);
        l = push_pair(p, A_options, options(p), l);
        l = hp ? push(p, tuple3(&hp, A_versions, mine, shape), l) : TERM_NONE;
    }
    return instance(p, l);
}

static term_t sys_options(proc_t *p) {
    term_t l = push_pair(p, A_m, A_undefined, TERM_NIL); /* the embedder's */
    return push_pair(p, A_e, A_true, l);
}

/* [{Name, 0, 0}, ...] */
static term_t never_called(proc_t *p, const uint32_t *names, size_t n) {
    term_t l = TERM_NIL;
    while (n-- > 0) {
        term_t *hp = heap_alloc(p, 4);
        l = hp ? push(p, tuple3(&hp, names[n], make_small(0), make_small(0)), l) : TERM_NONE;
    }
    return l;
}

/* There are no memory segments: nothing in them, nothing missed. */
static term_t segments(proc_t *p, bool sizes_only) {
    static const uint32_t calls[] = {A_mseg_alloc, A_mseg_dealloc, A_mseg_realloc};
    if (sizes_only) return instance(p, push(p, triple(p, A_segments_size, 0), TERM_NIL));
    term_t status = push(p, triple(p, A_segments_size, 0), TERM_NIL);
    status = push_pair(p, A_segments_watermark, make_small(0), status);
    status = push(p, triple(p, A_segments, 0), status);
    status = push_pair(p, A_cache_hits, make_small(0), status);
    status = push_pair(p, A_cached_segments, make_small(0), status);
    term_t kind = push_pair(p, A_calls, never_called(p, calls, 3), TERM_NIL);
    kind = push_pair(p, A_status, status, kind);
    kind = push_pair(p, A_name, string_to_list(p, "all memory"), kind);
    term_t l = push_pair(p, A_memkind, kind, TERM_NIL);
    l = push_pair(p, A_options, TERM_NIL, l);
    return instance(p, push_pair(p, A_version, string_to_list(p, "libling"), l));
}

/* Address space: of literals only. */
static term_t mapped(proc_t *p, bool sizes_only) {
    vm_t *vm = p->vm;
    term_t plain = TERM_NIL, literal = TERM_NIL;
    if (!sizes_only) {
        term_t sizes = push_pair(p, A_used, make_small(0), TERM_NIL);
        plain = push_pair(p, A_os, push_pair(p, A_sizes, sizes, TERM_NIL), plain);
        plain = push_pair(p, A_options, push_pair(p, A_scs, make_small(0), TERM_NIL), plain);
        sizes = push_pair(p, A_used, number(p, literal_bytes(vm)), TERM_NIL);
        sizes = push_pair(p, A_total, number(p, vm->literal_size), sizes);
        literal = push_pair(p, A_supercarrier, push_pair(p, A_sizes, sizes, TERM_NIL), literal);
        term_t scs = push_pair(p, A_scs, number(p, vm->literal_size), TERM_NIL);
        literal = push_pair(p, A_options, scs, literal);
    }
    return push_pair(p, A_default_mmap, plain, push_pair(p, A_literal_mmap, literal, TERM_NIL));
}

/* 0: there is no such allocator. */
static term_t allocator_info(proc_t *p, term_t name, bool sizes_only) {
    if (is_allocator(name)) return one_allocator(p, name, sizes_only);
    switch (name) {
    case A_sys_alloc:
        return instance(p,
                        sizes_only ? TERM_NIL : push_pair(p, A_options, sys_options(p), TERM_NIL));
    case A_mseg_alloc: return segments(p, sizes_only);
    case A_erts_mmap: return mapped(p, sizes_only);
    case A_test_alloc: return A_false;
    default: return 0;
    }
}

term_t memory_allocator_info(proc_t *p, term_t which, bool sizes_only) {
    if (is_atom(which)) {
        term_t info = allocator_info(p, which, sizes_only);
        return info ? or_oom(p, info) : bif_badarg(p);
    }
    term_t first = TERM_NIL, *last = &first;
    if (!is_cons(which) || list_length(which) < 0) return bif_badarg(p);
    for (; is_cons(which); which = cons_tail(which)) {
        term_t name = cons_head(which), info = allocator_info(p, name, sizes_only);
        if (!info) return bif_badarg(p);
        term_t cell = push_pair(p, name, info, TERM_NIL);
        if (cell == TERM_NONE) return bif_oom(p);
        *last = cell;
        last = &cons_ptr(cell)[1];
        bif_bump(p, 10);
    }
    return first;
}

static term_t names(proc_t *p, term_t tail) {
    for (size_t i = ALLOCATORS; i-- > 0;) tail = push(p, allocators[i], tail);
    return tail;
}
term_t memory_allocator_names(proc_t *p) { return or_oom(p, names(p, TERM_NIL)); }

/* {undefined, Version, Features, Settings}: memory is the embedder's. */
term_t memory_allocator(proc_t *p) {
    term_t settings = TERM_NIL;
    for (size_t i = ALLOCATORS; i-- > 0;)
        settings = push_pair(p, allocators[i], options(p), settings);
    settings = push_pair(p, A_sys_alloc, sys_options(p), settings);
    term_t features = push(p, A_sys_alloc, names(p, TERM_NIL)), *hp = NULL;
    if (settings != TERM_NONE && features != TERM_NONE) hp = heap_alloc(p, 5);
    return or_oom(p, hp ? tuple4(&hp, A_undefined, TERM_NIL, features, settings) : TERM_NONE);
}

/* ---- instrument ----
 * {Allocator, SchedulerId, Width, Start, Ref}: the answer comes as a message, as if from the only
 * thread with allocators, 0. Blocks have no tags and are not walked: all is said to be unscanned.
 */

static bool gather_args(term_t t, uint32_t *width, bool *here) {
    if (!is_tuple_of(t, 5)) return false;
    term_t id = tuple_elem(t, 2), w = tuple_elem(t, 3), start = tuple_elem(t, 4);
    if (!is_allocator(tuple_elem(t, 1)) || !is_small(id) || small_value(id) < 0) return false;
    if (!is_small(w) || small_value(w) < 1 || small_value(w) > 32) return false;
    if (!is_small(start) || small_value(start) < 1 || !is_ref(tuple_elem(t, 5))) return false;
    *width = (uint32_t)small_value(w);
    *here = small_value(id) == 0;
    return true;
}

static term_t answer(proc_t *p, term_t message) {
    if (message == TERM_NONE || !proc_send(p->vm, p, p->pid, message)) return bif_oom(p);
    return make_small(1);
}

/* {Ref, Unscanned, [{Origin, Type, Histogram}]} */
static BIF(bif_gather_alloc_histograms) {
    uint32_t width;
    bool here;
    if (!gather_args(a[0], &width, &here)) return bif_badarg(p);
    if (!here) return make_small(0);
    term_t bytes = number(p, figure(p->vm, tuple_elem(a[0], 1)).bytes);
    term_t *hp = bytes == TERM_NONE ? NULL : heap_alloc(p, 4);
    return answer(p, hp ? tuple3(&hp, tuple_elem(a[0], 5), bytes, TERM_NIL) : TERM_NONE);
}

/* {Ref, [{Allocator, InPool, Size, Unscanned, [{Type, Count, Size}], FreeBlocks}]} */
static BIF(bif_gather_carrier_info) {
    uint32_t width;
    bool here;
    if (!gather_args(a[0], &width, &here)) return bif_badarg(p);
    if (!here) return make_small(0);
    term_t name = tuple_elem(a[0], 1), list = TERM_NIL;
    figure_t f = figure(p->vm, name);
    if (f.bytes) {
        term_t bytes = number(p, f.bytes), *hp = NULL;
        if (bytes != TERM_NONE) hp = heap_alloc(p, 7 + width + 1);
        if (!hp) return bif_oom(p);
        term_t *t = hp + width + 1;
        hp[0] = make_header(T_TUPLE, width);
        for (uint32_t i = 1; i <= width; i++) hp[i] = make_small(0);
        term_t item[] = {make_header(T_TUPLE, 6), name, A_false, bytes, bytes, TERM_NIL,
                         make_boxed(hp)};
        memcpy(t, item, sizeof item);
        list = push(p, make_boxed(t), TERM_NIL);
    }
    return answer(p, pair(p, tuple_elem(a[0], 5), list));
}

const bif_def_t bifs_memory[] = {
    {"erlang", "memory", 0, bif_memory_0, 0},
    {"erlang", "memory", 1, bif_memory_1, 0},
    {"erts_internal", "gather_alloc_histograms", 1, bif_gather_alloc_histograms, 0},
    {"erts_internal", "gather_carrier_info", 1, bif_gather_carrier_info, 0},
    {0},
};
