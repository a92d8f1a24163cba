/* atom.c: the atom table: texts by number, and an index by text.
 *
 * Numbers lead to texts through chunks of pointers that never move, so reading takes no lock. The
 * index is an open-addressing table of numbers; a bigger one replaces it when it fills up, and the
 * old one is kept until the VM ends because a reader may still be in it. (All old ones together are
 * smaller than the new one.) Adding an atom takes a spin lock. Any thread may call any function.
 * Relies on mem.c only.
 */
#include "vm/atom.h"
#include "vm/hash.h"
#include "vm/utf8.h"

enum {
    CHUNK_BITS = 11,
    CHUNK_SIZE = 1 << CHUNK_BITS,
    ATOM_LIMIT = 1048576,
    CHUNKS = ATOM_LIMIT / CHUNK_SIZE,
    ARENA_BYTES = 8192,
    /* An index slot: number + 1 in the low bits, the upper bits tell most other texts apart. */
    SLOT_BITS = 21,
    SLOT_MASK = (1 << SLOT_BITS) - 1
};
_Static_assert((int)ATOM_PREDEFINED <= (int)CHUNK_SIZE, "predefined atoms must fit one chunk");
_Static_assert(ATOM_LIMIT < SLOT_MASK, "slots must hold all numbers");

typedef struct atom_index {
    struct atom_index *older;
    uint32_t mask;
    _Atomic(uint32_t) slot[];
} atom_index_t;

/* Texts of atoms made at run time lie in blocks like this one. */
typedef struct atom_arena {
    struct atom_arena *next;
    size_t bytes;
    uint64_t data[];
} atom_arena_t;

typedef _Atomic(const atom_text_t *) text_ptr_t;

struct atom_table {
    _Atomic(text_ptr_t *) chunk[CHUNKS];
    _Atomic(atom_index_t *) index;
    _Atomic(uint32_t) count;
    uint64_t salt;
    spin_t lock;
    uint8_t *arena_pos, *arena_end;
    atom_arena_t *arenas;
    uint8_t *predefined; /* one block for all of atoms.def */
    size_t predefined_bytes;
};

static const struct {
    const char *text;
    uint32_t bytes;
} predefined[] = {
#define ATOM(id)        {#id, sizeof #id - 1},
#define ATOM2(id, text) {text, sizeof text - 1},
#include "vm/atoms.def"
#undef ATOM
#undef ATOM2
};

static size_t text_size(size_t bytes) {
    return (offsetof(atom_text_t, name) + bytes + 1 + 7) & ~(size_t)7;
}

static uint64_t index_hash(uint64_t salt, const uint8_t *s, size_t n) {
    uint64_t h = salt ^ n * 0x9e3779b97f4a7c15u;
    uint64_t w;
    for (; n >= 8; n -= 8, s += 8) {
        memcpy(&w, s, 8);
        h = hash_mix(h ^ w) * 0xff51afd7ed558ccdu;
    }
    w = 0;
    for (size_t i = 0; i < n; i++) w |= (uint64_t)s[i] << (8 * i);
    return hash_mix(hash_mix(h ^ w) * 0xff51afd7ed558ccdu);
}

/* Counts characters; false: malformed or too long. */
static bool text_check(const uint8_t *s, size_t bytes, uint32_t *chars, bool *latin1) {
    uint32_t n = 0, c;
    *latin1 = true;
    if (bytes > ATOM_MAX_BYTES) return false;
    for (size_t i = 0; i < bytes; n++) {
        unsigned used = utf8_read(s + i, bytes - i, &c);
        if (used == 0) return false;
        if (c > 255) *latin1 = false;
        i += used;
    }
    *chars = n;
    return n <= ATOM_MAX_CHARS;
}

/* The hash value OTP gives an atom, as phash and phash2 show it: the PJW hash, where a character
 * of Latin-1 that takes two bytes counts as one, as long as it is not the text's last. */
static uint32_t pjw_hash(const uint8_t *s, size_t n) {
    uint32_t h = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t v = s[i];
        if (i + 1 < n && (v & 0xfe) == 0xc2 && (s[i + 1] & 0xc0) == 0x80)
            v = (uint8_t)(v << 6) | (s[++i] & 0x3f);
        h = (h << 4) + v;
        uint32_t high = h & 0xf0000000;
        h ^= high >> 24;
        h ^= high;
    }
    return h;
}

static void text_fill(atom_text_t *t, const uint8_t *s, size_t bytes, uint32_t chars, bool latin1) {
    uint8_t first[4] = {0};
    memcpy(first, s, bytes < 4 ? bytes : 4);
    t->hash = pjw_hash(s, bytes);
    t->bytes = (uint16_t)bytes;
    t->chars = (uint16_t)chars;
    t->latin1 = latin1;
    t->order =
        (uint32_t)first[0] << 24 | (uint32_t)first[1] << 16 | (uint32_t)first[2] << 8 | first[3];
    memcpy(t->name, s, bytes);
    t->name[bytes] = 0;
}

const atom_text_t *atom_text(const vm_t *vm, term_t atom) {
    uint32_t i = atom_index(atom);
    text_ptr_t *chunk =
        atomic_load_explicit(&vm->atoms->chunk[i >> CHUNK_BITS], memory_order_acquire);
    return atomic_load_explicit(&chunk[i & (CHUNK_SIZE - 1)], memory_order_relaxed);
}

/* The number of that text, or -1. */
static int64_t index_find(const vm_t *vm, uint64_t h, const uint8_t *s, size_t bytes) {
    const atom_index_t *ix = atomic_load_explicit(&vm->atoms->index, memory_order_acquire);
    uint32_t tag = (uint32_t)(h >> 32) & ~(uint32_t)SLOT_MASK;
    for (uint32_t i = (uint32_t)h & ix->mask;; i = (i + 1) & ix->mask) {
        uint32_t slot = atomic_load_explicit(&ix->slot[i], memory_order_acquire);
        if (slot == 0) return -1;
        if ((slot & ~(uint32_t)SLOT_MASK) != tag) continue;
        uint32_t number = (slot & SLOT_MASK) - 1;
        const atom_text_t *t = atom_text(vm, make_atom(number));
        if (t->bytes == bytes && memcmp(t->name, s, bytes) == 0) return number;
    }
}

static void index_put(atom_index_t *ix, uint64_t h, uint32_t number) {
    uint32_t i = (uint32_t)h & ix->mask;
    while (atomic_load_explicit(&ix->slot[i], memory_order_relaxed) != 0) i = (i + 1) & ix->mask;
    uint32_t slot = ((uint32_t)(h >> 32) & ~(uint32_t)SLOT_MASK) | (number + 1);
    atomic_store_explicit(&ix->slot[i], slot, memory_order_release);
}

static size_t index_bytes(uint32_t slots) {
    return sizeof(atom_index_t) + slots * sizeof(_Atomic(uint32_t));
}

static atom_index_t *index_new(vm_t *vm, uint32_t slots, atom_index_t *older) {
    atom_index_t *ix = mem_calloc(vm, index_bytes(slots));
    if (!ix) return NULL;
    ix->mask = slots - 1;
    ix->older = older;
    return ix;
}

/* Under the lock. */
static bool index_grow(vm_t *vm, struct atom_table *at) {
    atom_index_t *old = atomic_load_explicit(&at->index, memory_order_relaxed);
    atom_index_t *ix = index_new(vm, (old->mask + 1) * 2, old);
    if (!ix) return false;
    uint32_t count = atomic_load_explicit(&at->count, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        const atom_text_t *t = atom_text(vm, make_atom(i));
        index_put(ix, index_hash(at->salt, t->name, t->bytes), i);
    }
    atomic_store_explicit(&at->index, ix, memory_order_release);
    return true;
}

static text_ptr_t *chunk_new(vm_t *vm, struct atom_table *at, uint32_t number) {
    text_ptr_t *chunk = mem_calloc(vm, CHUNK_SIZE * sizeof *chunk);
    if (chunk) {
        atomic_store_explicit(&at->chunk[number >> CHUNK_BITS], chunk, memory_order_release);
    }
    return chunk;
}

bool atom_init(vm_t *vm) {
    struct atom_table *at = mem_calloc(vm, sizeof *at);
    if (!at) return false;
    vm->atoms = at;
    at->salt = vm->salt;
    for (size_t i = 0; i < ATOM_PREDEFINED; i++)
        at->predefined_bytes += text_size(predefined[i].bytes);
    at->predefined = mem_alloc(vm, at->predefined_bytes);
    text_ptr_t *chunk = chunk_new(vm, at, 0);
    atom_index_t *ix = index_new(vm, 4096, NULL);
    atomic_store_explicit(&at->index, ix, memory_order_relaxed);
    if (!at->predefined || !chunk || !ix) {
        atom_free(vm);
        return false;
    }
    uint8_t *pos = at->predefined;
    for (uint32_t i = 0; i < ATOM_PREDEFINED; i++) { /* all of them are ASCII */
        atom_text_t *t = (atom_text_t *)(void *)pos;
        const uint8_t *s = (const uint8_t *)predefined[i].text;
        text_fill(t, s, predefined[i].bytes, predefined[i].bytes, true);
        atomic_store_explicit(&chunk[i], t, memory_order_relaxed);
        index_put(ix, index_hash(at->salt, s, t->bytes), i);
        pos += text_size(t->bytes);
    }
    atomic_store_explicit(&at->count, ATOM_PREDEFINED, memory_order_release);
    return true;
}

size_t atom_memory(vm_t *vm) {
    struct atom_table *at = vm->atoms;
    size_t n = sizeof *at + at->predefined_bytes;
    spin_lock(vm, &at->lock);
    for (const atom_arena_t *a = at->arenas; a; a = a->next) n += a->bytes;
    for (const atom_index_t *ix = atomic_load_explicit(&at->index, memory_order_relaxed); ix;
         ix = ix->older)
        n += index_bytes(ix->mask + 1);
    spin_unlock(vm, &at->lock);
    size_t chunks = (atom_count(vm) + CHUNK_SIZE - 1) / CHUNK_SIZE;
    return n + chunks * CHUNK_SIZE * sizeof(text_ptr_t);
}

void atom_free(vm_t *vm) {
    struct atom_table *at = vm->atoms;
    if (!at) return;
    atom_index_t *ix = atomic_load_explicit(&at->index, memory_order_relaxed);
    while (ix) {
        atom_index_t *older = ix->older;
        mem_free(vm, ix, index_bytes(ix->mask + 1));
        ix = older;
    }
    for (size_t i = 0; i < CHUNKS; i++) {
        text_ptr_t *chunk = atomic_load_explicit(&at->chunk[i], memory_order_relaxed);
        if (!chunk) break;
        mem_free(vm, chunk, CHUNK_SIZE * sizeof *chunk);
    }
    while (at->arenas) {
        atom_arena_t *next = at->arenas->next;
        mem_free(vm, at->arenas, at->arenas->bytes);
        at->arenas = next;
    }
    if (at->predefined) mem_free(vm, at->predefined, at->predefined_bytes);
    mem_free(vm, at, sizeof *at);
    vm->atoms = NULL;
}

/* Room for a text, under the lock. */
static atom_text_t *arena_alloc(vm_t *vm, struct atom_table *at, size_t bytes) {
    if ((size_t)(at->arena_end - at->arena_pos) < bytes) {
        atom_arena_t *a = mem_alloc(vm, ARENA_BYTES);
        if (!a) return NULL;
        a->next = at->arenas;
        a->bytes = ARENA_BYTES;
        at->arenas = a;
        at->arena_pos = (uint8_t *)a->data;
        at->arena_end = (uint8_t *)a + ARENA_BYTES;
    }
    atom_text_t *t = (atom_text_t *)(void *)at->arena_pos;
    at->arena_pos += bytes;
    return t;
}

/* Under the lock. */
static term_t atom_add(vm_t *vm, uint64_t h, const uint8_t *s, size_t bytes, uint32_t chars,
                       bool latin1) {
    struct atom_table *at = vm->atoms;
    uint32_t number = atomic_load_explicit(&at->count, memory_order_relaxed);
    if (number >= ATOM_LIMIT) return TERM_NONE;
    atom_index_t *ix = atomic_load_explicit(&at->index, memory_order_relaxed);
    if (number >= ix->mask / 2 && !index_grow(vm, at)) {
        /* A full index would make a search endless; a well-filled one is only slow. */
        if (number >= ix->mask - ix->mask / 8) return TERM_NONE;
    }
    text_ptr_t *chunk =
        atomic_load_explicit(&at->chunk[number >> CHUNK_BITS], memory_order_relaxed);
    if (!chunk && !(chunk = chunk_new(vm, at, number))) return TERM_NONE;
    atom_text_t *t = arena_alloc(vm, at, text_size(bytes));
    if (!t) return TERM_NONE;
    text_fill(t, s, bytes, chars, latin1);
    atomic_store_explicit(&chunk[number & (CHUNK_SIZE - 1)], t, memory_order_release);
    atomic_store_explicit(&at->count, number + 1, memory_order_release);
    index_put(atomic_load_explicit(&at->index, memory_order_relaxed), h, number);
    return make_atom(number);
}

term_t atom_find(vm_t *vm, const uint8_t *utf8, size_t bytes) {
    if (bytes > ATOM_MAX_BYTES) return TERM_NONE;
    int64_t i = index_find(vm, index_hash(vm->atoms->salt, utf8, bytes), utf8, bytes);
    return i < 0 ? TERM_NONE : make_atom((uint32_t)i);
}

term_t atom_intern(vm_t *vm, const uint8_t *utf8, size_t bytes) {
    if (bytes > ATOM_MAX_BYTES) return TERM_NONE;
    uint64_t h = index_hash(vm->atoms->salt, utf8, bytes);
    int64_t i = index_find(vm, h, utf8, bytes);
    if (LIKELY(i >= 0)) return make_atom((uint32_t)i);
    uint32_t chars;
    bool latin1;
    if (!text_check(utf8, bytes, &chars, &latin1)) return TERM_NONE;
    spin_lock(vm, &vm->atoms->lock);
    i = index_find(vm, h, utf8, bytes); /* somebody else may have been first */
    term_t t = i >= 0 ? make_atom((uint32_t)i) : atom_add(vm, h, utf8, bytes, chars, latin1);
    spin_unlock(vm, &vm->atoms->lock);
    return t;
}

term_t atom_from_string(vm_t *vm, const char *s) {
    return atom_intern(vm, (const uint8_t *)s, strlen(s));
}

term_t atom_intern_latin1(vm_t *vm, const uint8_t *s, size_t chars) {
    uint8_t buf[2 * ATOM_MAX_CHARS];
    size_t n = 0;
    if (chars > ATOM_MAX_CHARS) return TERM_NONE;
    for (size_t i = 0; i < chars; i++) {
        if (s[i] < 0x80) {
            buf[n++] = s[i];
        } else {
            buf[n++] = (uint8_t)(0xc0 | s[i] >> 6);
            buf[n++] = (uint8_t)(0x80 | (s[i] & 0x3f));
        }
    }
    return atom_intern(vm, buf, n);
}

size_t atom_count(const vm_t *vm) {
    return atomic_load_explicit(&vm->atoms->count, memory_order_relaxed);
}

size_t atom_limit(const vm_t *vm) {
    (void)vm;
    return ATOM_LIMIT;
}

/* UTF-8 sorts by bytes as its code points do. */
int atom_compare(const vm_t *vm, term_t a, term_t b) {
    if (a == b) return 0;
    const atom_text_t *x = atom_text(vm, a), *y = atom_text(vm, b);
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    size_t n = x->bytes < y->bytes ? x->bytes : y->bytes;
    int c = memcmp(x->name, y->name, n);
    if (c != 0) return c < 0 ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}
