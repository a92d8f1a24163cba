/* beam_file.c: reads a .beam file: checks it and hands out its parts. See beam_file.h.
 *
 * The bytes are foreign: nothing in them is believed before it is checked. Relies on the atom
 * table, mem_alloc and zlib. Called by load.c, by the code BIFs and by tools; any thread.
 *
 * Order in this file: error texts; the compact term format; chunks; one reader per chunk; the
 * instruction stream.
 */
#include "vm/beam_file.h"
#include "vm/md5.h"
#include "vm/sched.h"
#include <zlib.h>

#define MAX_OPCODE  184 /* what this VM executes */
#define FORM_HEADER 12  /* FOR1, size, BEAM */
#define MAX_Y_REGS  4096
#define MAX_NUMBER  0x7fffffffu
#define MAX_NEED    (1u << 26) /* words one instruction may ask for */

/* ---- error texts ---- */

typedef struct {
    char *text;
    size_t used, size;
} text_t;

static void text_add(text_t *t, const char *s, size_t n) {
    size_t room = t->size - 1 - t->used;
    if (n > room) n = room;
    memcpy(t->text + t->used, s, n);
    t->used += n;
    t->text[t->used] = 0;
}

static void text_number(text_t *t, uint64_t v) {
    char digits[20];
    size_t n = 0;
    do {
        digits[sizeof digits - ++n] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    text_add(t, digits + sizeof digits - n, n);
}

/* "Code chunk, offset 77: ", then the format's text; each # stands for the next number. */
static COLD int beam_error(beam_file_t *f, const char *chunk, const uint8_t *at, const char *format,
                           uint64_t a, uint64_t b) {
    text_t t = {f->err.text, 0, sizeof f->err.text};
    uint64_t numbers[2] = {a, b};
    size_t next = 0;
    if (chunk != NULL) {
        text_add(&t, chunk, strlen(chunk));
        text_add(&t, " chunk, ", 8);
    }
    text_add(&t, "offset ", 7);
    /* Inflated literals have no place of their own in the file. */
    bool inside = (uintptr_t)at - (uintptr_t)f->bytes <= f->size;
    if (!inside) text_add(&t, "(inflated) ", 11);
    text_number(&t, (size_t)((uintptr_t)at -
                             (uintptr_t)(inside ? f->bytes : (const uint8_t *)f->inflated)));
    text_add(&t, ": ", 2);
    for (const char *c = format; *c != 0; c++) {
        if (*c == '#' && next < 2)
            text_number(&t, numbers[next++]);
        else
            text_add(&t, c, 1);
    }
    return -1;
}

static COLD int out_of_memory(beam_file_t *f) {
    text_t t = {f->err.text, 0, sizeof f->err.text};
    text_add(&t, "out of memory", 13);
    return -1;
}

/* ---- opcodes ---- */

static const beam_opcode_t opcodes[] = {
#define OP(number, name, arity, release, operands) [number] = {#name, arity, release, false},
#define GONE(number, name, arity, release)         [number] = {#name, arity, release, true},
#define LATER(number, name, arity, release)        [number] = {#name, arity, release, false},
#include "vm/opcodes.def"
#undef OP
#undef GONE
#undef LATER
};

static const char operands_of[MAX_OPCODE + 1][BEAM_MAX_ARGS + 1] = {
#define OP(number, name, arity, release, operands) [number] = operands,
#define GONE(number, name, arity, release)
#define LATER(number, name, arity, release)
#include "vm/opcodes.def"
#undef OP
#undef GONE
#undef LATER
};

const beam_opcode_t *beam_opcode(unsigned number) {
    if (number >= sizeof opcodes / sizeof *opcodes || opcodes[number].name == NULL) return NULL;
    return &opcodes[number];
}

static COLD int opcode_error(beam_file_t *f, const uint8_t *at, unsigned number) {
    const beam_opcode_t *o = beam_opcode(number);
    beam_error(f, "Code", at, "opcode #", number, 0);
    text_t t = {f->err.text, strlen(f->err.text), sizeof f->err.text};
    if (o != NULL) {
        text_add(&t, " (", 2);
        text_add(&t, o->name, strlen(o->name));
        text_add(&t, ") of OTP ", 9);
        text_number(&t, o->release);
    }
    if (o != NULL && o->obsolete) {
        const char *s = " is obsolete: compile the module again with OTP 24 or later";
        text_add(&t, s, strlen(s));
    } else {
        const char *s = "; this VM knows up to ";
        if (o == NULL) text_add(&t, " of an unknown release", 22);
        text_add(&t, s, strlen(s));
        text_number(&t, MAX_OPCODE);
    }
    return -1;
}

/* ---- the compact term format ---- */

enum { TAG_U, TAG_I, TAG_A, TAG_X, TAG_Y, TAG_F, TAG_H, TAG_Z };
enum { Z_LIST_TAG = 1, Z_FLOAT_REG = 2, Z_ALLOC_LIST = 3, Z_LITERAL = 4, Z_TYPED = 5 };

typedef struct {
    unsigned tag;
    uint64_t value;     /* TAG_I: two's complement */
    const uint8_t *big; /* not NULL: an integer of `value` bytes that fits no 64 bits */
} compact_t;

/* The rarer forms: a value of two bytes and more behind the first one. */
static COLD const uint8_t *compact_long(const uint8_t *p, const uint8_t *end, unsigned first,
                                        compact_t *out) {
    size_t n = (first >> 5) + 2;
    if (n == 9) { /* the number of bytes follows, less 9 */
        if (p >= end || (*p & 7) != TAG_U) return NULL;
        unsigned b = *p++;
        if ((b & 8) == 0) {
            n += b >> 4;
        } else if ((b & 16) == 0) {
            if (p >= end) return NULL;
            n += (size_t)(b >> 5) << 8 | *p++;
        } else {
            /* two bytes of count already mean a number of 64 kB: more is nonsense but for the
             * form with exactly 2 bytes */
            if (b >> 5 != 0 || end - p < 2) return NULL;
            n += (size_t)p[0] << 8 | p[1];
            p += 2;
        }
    }
    if (n > (size_t)(end - p)) return NULL;
    const uint8_t *digits = p;
    p += n;
    bool negative = digits[0] >= 0x80;
    uint8_t fill = negative ? 0xff : 0;
    if (out->tag != TAG_I) {
        if (negative) return NULL;
        while (n > 0 && *digits == 0) digits++, n--;
        if (n > 8) return NULL;
    } else {
        while (n > 8 && digits[0] == fill && (digits[1] & 0x80) == (fill & 0x80)) digits++, n--;
        if (n > 8) {
            out->big = digits;
            out->value = n;
            return p;
        }
    }
    uint64_t v = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | digits[i];
    out->value = v;
    return p;
}

static inline const uint8_t *compact_read(const uint8_t *p, const uint8_t *end, compact_t *out) {
    if (UNLIKELY(p >= end)) return NULL;
    unsigned b = *p++;
    out->tag = b & 7;
    out->big = NULL;
    if (LIKELY((b & 8) == 0)) {
        out->value = b >> 4;
        return p;
    }
    if ((b & 16) == 0) {
        if (UNLIKELY(p >= end)) return NULL;
        out->value = (b & 0xe0) << 3 | *p;
        return p + 1;
    }
    return compact_long(p, end, b, out);
}

/* ---- chunks ---- */

static inline uint32_t read_u32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Size of the form's chunks behind its header, or -1. */
static int64_t form_size(const uint8_t *bytes, size_t size) {
    if (size < FORM_HEADER || memcmp(bytes, "FOR1", 4) != 0 || memcmp(bytes + 8, "BEAM", 4) != 0)
        return -1;
    uint64_t n = read_u32(bytes + 4);
    if (n < 4 || n > size - 8) return -1;
    return (int64_t)n - 4;
}

/* The chunk at *pos (moved behind it). 1, 0 at the end, -1 malformed. */
static int next_chunk(const uint8_t **pos, const uint8_t *end, const uint8_t **id,
                      beam_blob_t *out) {
    const uint8_t *p = *pos;
    size_t left = (size_t)(end - p);
    if (left == 0) return 0;
    if (left < 8) return -1;
    uint32_t n = read_u32(p + 4);
    if (n > left - 8) return -1;
    *id = p;
    out->data = p + 8;
    out->size = n;
    size_t padded = 8 + (((size_t)n + 3) & ~(size_t)3);
    *pos = p + (padded < left ? padded : left);
    return 1;
}

bool beam_chunk(const uint8_t *bytes, size_t size, const char id[4], beam_blob_t *out) {
    int64_t n = form_size(bytes, size);
    if (n < 0) return false;
    const uint8_t *pos = bytes + FORM_HEADER, *end = pos + n, *name;
    while (next_chunk(&pos, end, &name, out) > 0)
        if (memcmp(name, id, 4) == 0) return true;
    return false;
}

/* The chunks the loader looks at, in the order the module's MD5 takes them up to Meta. */
enum {
    CHUNK_ATOMS,
    CHUNK_CODE,
    CHUNK_STRINGS,
    CHUNK_IMPORTS,
    CHUNK_EXPORTS,
    CHUNK_LAMBDAS,
    CHUNK_LITERALS,
    CHUNK_META,
    CHUNK_LINES,
    CHUNK_ATTRIBUTES,
    CHUNK_COMPILE_INFO,
    CHUNKS
};
static const char chunk_names[CHUNKS][5] = {"AtU8", "Code", "StrT", "ImpT", "ExpT", "FunT",
                                            "LitT", "Meta", "Line", "Attr", "CInf"};

/* What module_info(md5) says: all that decides the module's behaviour, without line numbers. The
 * old unique number of a fun depends on the compiler's moods and counts as zero. */
static void module_md5(const beam_blob_t *chunk, uint8_t out[16]) {
    md5_ctx_t ctx;
    md5_init(&ctx);
    for (int i = CHUNK_ATOMS; i <= CHUNK_META; i++) {
        const uint8_t *p = chunk[i].data;
        size_t n = chunk[i].size;
        if (p == NULL) continue;
        if (i == CHUNK_LAMBDAS && n >= 4) {
            static const uint8_t zero[4] = {0};
            md5_update(&ctx, p, 4);
            for (p += 4, n -= 4; n >= 24; p += 24, n -= 24) {
                md5_update(&ctx, p, 20);
                md5_update(&ctx, zero, 4);
            }
        }
        if (n > 0) md5_update(&ctx, p, n);
    }
    md5_final(&ctx, out);
}

bool beam_module_md5(const uint8_t *bytes, size_t size, uint8_t out[16]) {
    beam_blob_t chunk[CHUNKS];
    memset(chunk, 0, sizeof chunk);
    int64_t n = form_size(bytes, size);
    if (n < 0) return false;
    const uint8_t *pos = bytes + FORM_HEADER, *end = pos + n, *name;
    beam_blob_t c;
    int r;
    while ((r = next_chunk(&pos, end, &name, &c)) > 0)
        for (int i = 0; i <= CHUNK_META; i++)
            if (chunk[i].data == NULL && memcmp(name, chunk_names[i], 4) == 0) chunk[i] = c;
    if (r < 0 || chunk[CHUNK_ATOMS].data == NULL || chunk[CHUNK_CODE].data == NULL ||
        chunk[CHUNK_IMPORTS].data == NULL || chunk[CHUNK_EXPORTS].data == NULL)
        return false;
    module_md5(chunk, out);
    return true;
}

/* ---- readers, one per chunk ---- */

static int read_atoms(beam_file_t *f, beam_blob_t c) {
    const uint8_t *p = c.data, *end = p + c.size;
    if (c.size < 4) return beam_error(f, "AtU8", p, "too short", 0, 0);
    int64_t count = (int32_t)read_u32(p);
    bool long_lengths = count < 0; /* OTP 28: lengths are compact numbers */
    if (long_lengths) count = -count;
    p += 4;
    if (count == 0 || count > end - p)
        return beam_error(f, "AtU8", c.data, "# atoms in # bytes", (uint64_t)count, c.size);
    f->natoms = (uint32_t)count + 1;
    f->atoms = mem_alloc(f->vm, f->natoms * sizeof *f->atoms);
    if (f->atoms == NULL) return out_of_memory(f);
    f->atoms[0] = TERM_NIL;
    for (uint32_t i = 1; i < f->natoms; i++) {
        const uint8_t *at = p;
        size_t n;
        if (p >= end) return beam_error(f, "AtU8", at, "ends at atom #", i, 0);
        if (long_lengths) {
            compact_t v;
            p = compact_read(p, end, &v);
            if (p == NULL || v.tag != TAG_U || v.value > ATOM_MAX_BYTES)
                return beam_error(f, "AtU8", at, "bad length of atom #", i, 0);
            n = v.value;
        } else {
            n = *p++;
        }
        if (n > (size_t)(end - p)) return beam_error(f, "AtU8", at, "ends in atom #", i, 0);
        f->atoms[i] = atom_intern(f->vm, p, n);
        if (f->atoms[i] == TERM_NONE)
            return beam_error(f, "AtU8", at,
                              "atom # is no UTF-8, too long, or the atom table is full", i, 0);
        p += n;
    }
    return 0;
}

static int check_atom(beam_file_t *f, const char *chunk, const uint8_t *at, uint32_t atom) {
    if (LIKELY(atom - 1 < f->natoms - 1)) return 0;
    return beam_error(f, chunk, at, "atom # out of range (# atoms)", atom, f->natoms - 1);
}

/* Reads the count a table starts with and allocates its rows. */
static int table_start(beam_file_t *f, const char *chunk, beam_blob_t c, size_t row, size_t row_out,
                       uint32_t *count, void **rows) {
    if (c.size < 4) return beam_error(f, chunk, c.data, "too short", 0, 0);
    uint32_t n = read_u32(c.data);
    if (n > (c.size - 4) / row)
        return beam_error(f, chunk, c.data, "# entries in # bytes", n, c.size);
    if (n == 0) return 0;
    *rows = mem_alloc(f->vm, n * row_out);
    if (*rows == NULL) return out_of_memory(f);
    *count = n;
    return 0;
}

static int read_imports(beam_file_t *f, beam_blob_t c) {
    void *rows = NULL;
    if (table_start(f, "ImpT", c, 12, sizeof *f->imports, &f->nimports, &rows) != 0) return -1;
    f->imports = rows;
    const uint8_t *p = c.data + 4;
    for (uint32_t i = 0; i < f->nimports; i++, p += 12) {
        beam_import_t *e = &f->imports[i];
        e->module = read_u32(p);
        e->function = read_u32(p + 4);
        e->arity = read_u32(p + 8);
        if (check_atom(f, "ImpT", p, e->module) != 0 || check_atom(f, "ImpT", p, e->function) != 0)
            return -1;
        if (e->arity > MAX_ARITY)
            return beam_error(f, "ImpT", p, "arity # of import #", e->arity, i);
    }
    return 0;
}

static int check_function(beam_file_t *f, const char *chunk, const uint8_t *p, uint32_t name,
                          uint32_t arity, uint32_t label) {
    if (check_atom(f, chunk, p, name) != 0) return -1;
    if (arity > MAX_ARITY) return beam_error(f, chunk, p, "arity #", arity, 0);
    if (label == 0 || label >= f->nlabels)
        return beam_error(f, chunk, p, "label # out of range (# labels)", label, f->nlabels);
    return 0;
}

static int read_exports(beam_file_t *f, beam_blob_t c) {
    void *rows = NULL;
    if (table_start(f, "ExpT", c, 12, sizeof *f->exports, &f->nexports, &rows) != 0) return -1;
    f->exports = rows;
    const uint8_t *p = c.data + 4;
    for (uint32_t i = 0; i < f->nexports; i++, p += 12) {
        beam_export_t *e = &f->exports[i];
        e->function = read_u32(p);
        e->arity = read_u32(p + 4);
        e->label = read_u32(p + 8);
        if (check_function(f, "ExpT", p, e->function, e->arity, e->label) != 0) return -1;
    }
    return 0;
}

static int read_lambdas(beam_file_t *f, beam_blob_t c) {
    void *rows = NULL;
    if (table_start(f, "FunT", c, 24, sizeof *f->lambdas, &f->nlambdas, &rows) != 0) return -1;
    f->lambdas = rows;
    const uint8_t *p = c.data + 4;
    for (uint32_t i = 0; i < f->nlambdas; i++, p += 24) {
        beam_lambda_t *e = &f->lambdas[i];
        e->function = read_u32(p);
        e->arity = read_u32(p + 4);
        e->label = read_u32(p + 8);
        e->index = read_u32(p + 12);
        e->num_free = read_u32(p + 16);
        e->old_uniq = read_u32(p + 20);
        if (check_function(f, "FunT", p, e->function, e->arity, e->label) != 0) return -1;
        if (e->num_free > e->arity)
            return beam_error(f, "FunT", p, "# free variables in a function of arity #",
                              e->num_free, e->arity);
    }
    return 0;
}

/* zlib wants memory without saying its size when it gives it back: kept in front of the block. */
static voidpf z_alloc(voidpf opaque, uInt items, uInt size) {
    size_t n = (size_t)items * size + 16;
    size_t *p = mem_alloc(opaque, n);
    if (p == NULL) return NULL;
    *p = n;
    return (char *)p + 16;
}

static void z_free(voidpf opaque, voidpf p) {
    char *block = (char *)p - 16;
    size_t n;
    memcpy(&n, block, sizeof n);
    mem_free(opaque, block, n);
}

/* Inflates exactly `want` bytes. 0, 1: malformed, -1: no memory. */
static int inflate_all(vm_t *vm, const uint8_t *in, size_t n, uint8_t *out, size_t want) {
    z_stream z;
    memset(&z, 0, sizeof z);
    z.zalloc = z_alloc;
    z.zfree = z_free;
    z.opaque = vm;
    z.next_in = (Bytef *)(uintptr_t)in; /* zlib does not write there */
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)want;
    int r = inflateInit(&z);
    if (r == Z_OK) {
        r = inflate(&z, Z_FINISH);
        inflateEnd(&z);
    }
    if (r == Z_MEM_ERROR) return -1;
    return r == Z_STREAM_END && z.avail_out == 0 ? 0 : 1;
}

static int read_literals(beam_file_t *f, beam_blob_t c) {
    const uint8_t *p = c.data, *end = p + c.size;
    if (c.size < 8) return beam_error(f, "LitT", p, "too short", 0, 0);
    uint64_t want = read_u32(p);
    p += 4;
    if (want != 0) {
        /* Deflate makes at most about 1030 bytes out of one: a bigger claim is a lie. */
        if (want > (uint64_t)c.size * 1040 + 64)
            return beam_error(f, "LitT", c.data, "# bytes cannot come out of #", want, c.size);
        f->inflated = mem_alloc(f->vm, want);
        if (f->inflated == NULL) return out_of_memory(f);
        f->inflated_size = want;
        int r = inflate_all(f->vm, p, (size_t)(end - p), f->inflated, want);
        if (r < 0) return out_of_memory(f);
        if (r > 0) return beam_error(f, "LitT", c.data, "cannot be inflated to # bytes", want, 0);
        p = f->inflated;
        end = p + want;
    }
    beam_blob_t table = {p, (uint32_t)(end - p)};
    void *rows = NULL;
    if (table_start(f, "LitT", table, 4, sizeof *f->literals, &f->nliterals, &rows) != 0) return -1;
    f->literals = rows;
    p += 4;
    for (uint32_t i = 0; i < f->nliterals; i++) {
        if (end - p < 4) return beam_error(f, "LitT", p, "ends at literal #", i, 0);
        uint32_t n = read_u32(p);
        if (n > (size_t)(end - p) - 4 || n < 2 || p[4] != 131)
            return beam_error(f, "LitT", p, "literal # of # bytes is no external term", i, n);
        f->literals[i].data = p + 4;
        f->literals[i].size = n;
        p += 4 + n;
    }
    return 0;
}

/* Entry 0 of lines and files is always there: no line, the module's own source. */
static int no_lines(beam_file_t *f) {
    f->lines = mem_calloc(f->vm, sizeof *f->lines);
    f->files = mem_alloc(f->vm, sizeof *f->files);
    if (f->lines != NULL) f->nlines = 1;
    if (f->files == NULL || f->lines == NULL) {
        if (f->files != NULL) f->nfiles = 1;
        return out_of_memory(f);
    }
    f->nfiles = 1;
    f->files[0] = TERM_NIL;
    return 0;
}

static int read_lines(beam_file_t *f, beam_blob_t c) {
    const uint8_t *p = c.data, *end = p + c.size;
    if (c.size < 20) return beam_error(f, "Line", p, "too short", 0, 0);
    if (read_u32(p) != 0) return no_lines(f); /* a later format: run without line numbers */
    uint64_t nlines = (uint64_t)read_u32(p + 12) + 1, nfiles = (uint64_t)read_u32(p + 16) + 1;
    p += 20;
    if (nlines - 1 > (size_t)(end - p) || nfiles - 1 > (size_t)(end - p) / 2)
        return beam_error(f, "Line", c.data, "# lines of # files do not fit", nlines - 1,
                          nfiles - 1);
    f->lines = mem_alloc(f->vm, nlines * sizeof *f->lines);
    if (f->lines == NULL) return out_of_memory(f);
    f->nlines = (uint32_t)nlines;
    f->files = mem_alloc(f->vm, nfiles * sizeof *f->files);
    if (f->files == NULL) return out_of_memory(f);
    f->nfiles = (uint32_t)nfiles;
    f->lines[0] = (beam_line_t){0, 0};
    uint32_t file = 0;
    for (uint32_t i = 1; i < f->nlines;) {
        compact_t v;
        const uint8_t *at = p;
        p = compact_read(p, end, &v);
        if (p == NULL || v.big != NULL)
            return beam_error(f, "Line", at, "bad entry at line #", i, 0);
        if (v.tag == TAG_A) {
            if (v.value >= f->nfiles)
                return beam_error(f, "Line", at, "file # out of range (# files)", v.value,
                                  f->nfiles);
            file = (uint32_t)v.value;
        } else if (v.tag == TAG_I && v.value <= MAX_NUMBER) {
            f->lines[i].file = file;
            f->lines[i].line = (uint32_t)v.value;
            i++;
        } else {
            return beam_error(f, "Line", at, "bad entry at line #", i, 0);
        }
    }
    f->files[0] = TERM_NIL;
    for (uint32_t i = 1; i < f->nfiles; i++) {
        if (end - p < 2) return beam_error(f, "Line", p, "ends at file name #", i, 0);
        size_t n = (size_t)p[0] << 8 | p[1];
        if (n > (size_t)(end - p) - 2) return beam_error(f, "Line", p, "ends in file name #", i, 0);
        term_t name = atom_intern(f->vm, p + 2, n);
        if (name == TERM_NONE) name = atom_intern_latin1(f->vm, p + 2, n);
        /* A name too long for an atom: the lines stay, the file is said to be the module's own. */
        f->files[i] = name == TERM_NONE ? TERM_NIL : name;
        p += 2 + n;
    }
    return 0;
}

static int read_code(beam_file_t *f, beam_blob_t c) {
    if (c.size < 20) return beam_error(f, "Code", c.data, "too short", 0, 0);
    uint32_t header = read_u32(c.data);
    if (header < 16 || header > c.size - 4)
        return beam_error(f, "Code", c.data, "header of # bytes", header, 0);
    if (read_u32(c.data + 4) != 0)
        return beam_error(f, "Code", c.data + 4, "instruction set version #, not 0",
                          read_u32(c.data + 4), 0);
    f->max_opcode = read_u32(c.data + 8);
    f->nlabels = read_u32(c.data + 12);
    f->nfunctions = read_u32(c.data + 16);
    f->code = c.data + 4 + header;
    f->code_size = c.size - 4 - header;
    f->code_offset = (uint32_t)(f->code - f->bytes);
    /* Each label and each function takes at least two bytes; label 0 is never defined. */
    if (f->nlabels > f->code_size / 2 + 2 || f->nfunctions > f->code_size / 4)
        return beam_error(f, "Code", c.data + 12, "# labels and # functions do not fit", f->nlabels,
                          f->nfunctions);
    return 0;
}

int beam_file_open(beam_file_t *f, vm_t *vm, const uint8_t *bytes, size_t size) {
    memset(f, 0, sizeof *f);
    f->vm = vm;
    f->bytes = bytes;
    f->size = size;
    int64_t form = form_size(bytes, size);
    if (form < 0) return beam_error(f, NULL, bytes, "no beam file, or cut short", 0, 0);

    beam_blob_t chunk[CHUNKS], c;
    memset(chunk, 0, sizeof chunk);
    const uint8_t *pos = bytes + FORM_HEADER, *end = pos + form, *name, *at = pos;
    int r;
    while ((r = next_chunk(&pos, end, &name, &c)) > 0) {
        for (int i = 0; i < CHUNKS; i++)
            if (chunk[i].data == NULL && memcmp(name, chunk_names[i], 4) == 0) chunk[i] = c;
        at = pos;
    }
    if (r < 0) return beam_error(f, NULL, at, "chunk goes beyond the end", 0, 0);
    static const uint8_t required[] = {CHUNK_ATOMS, CHUNK_CODE, CHUNK_IMPORTS, CHUNK_EXPORTS};
    for (size_t i = 0; i < sizeof required; i++)
        if (chunk[required[i]].data == NULL)
            return beam_error(f, chunk_names[required[i]], bytes, "missing", 0, 0);

    if (read_atoms(f, chunk[CHUNK_ATOMS]) != 0 || read_code(f, chunk[CHUNK_CODE]) != 0 ||
        read_imports(f, chunk[CHUNK_IMPORTS]) != 0 || read_exports(f, chunk[CHUNK_EXPORTS]) != 0)
        return -1;
    if (chunk[CHUNK_LAMBDAS].data != NULL && read_lambdas(f, chunk[CHUNK_LAMBDAS]) != 0) return -1;
    if (chunk[CHUNK_LITERALS].data != NULL && read_literals(f, chunk[CHUNK_LITERALS]) != 0)
        return -1;
    if ((chunk[CHUNK_LINES].data != NULL ? read_lines(f, chunk[CHUNK_LINES]) : no_lines(f)) != 0)
        return -1;
    f->strings = chunk[CHUNK_STRINGS].data;
    f->strings_size = chunk[CHUNK_STRINGS].size;
    f->attributes = chunk[CHUNK_ATTRIBUTES].data;
    f->attributes_size = chunk[CHUNK_ATTRIBUTES].size;
    f->compile_info = chunk[CHUNK_COMPILE_INFO].data;
    f->compile_info_size = chunk[CHUNK_COMPILE_INFO].size;
    module_md5(chunk, f->md5);
    return 0;
}

void beam_file_close(beam_file_t *f) {
    vm_t *vm = f->vm;
    mem_free(vm, f->atoms, f->natoms * sizeof *f->atoms);
    mem_free(vm, f->imports, f->nimports * sizeof *f->imports);
    mem_free(vm, f->exports, f->nexports * sizeof *f->exports);
    mem_free(vm, f->lambdas, f->nlambdas * sizeof *f->lambdas);
    mem_free(vm, f->literals, f->nliterals * sizeof *f->literals);
    mem_free(vm, f->lines, f->nlines * sizeof *f->lines);
    mem_free(vm, f->files, f->nfiles * sizeof *f->files);
    mem_free(vm, f->inflated, f->inflated_size);
    load_error_t err = f->err;
    memset(f, 0, sizeof *f);
    f->vm = vm;
    f->err = err;
}

/* ---- the instruction stream ---- */

#define K(kind) (1u << (kind))
enum {
    K_REG = K(ARG_X) | K(ARG_Y),
    K_SRC = K_REG | K(ARG_INT) | K(ARG_BIG) | K(ARG_ATOM) | K(ARG_NIL) | K(ARG_LITERAL),
    K_NUM = K(ARG_U) | K(ARG_INT)
};

/* Kinds a letter of opcodes.def allows. */
static const uint16_t letter_kinds[128] = {
    ['u'] = K(ARG_U),
    ['q'] = K(ARG_U),
    ['v'] = K(ARG_U),
    ['H'] = K(ARG_U) | K(ARG_ALLOC),
    ['L'] = K(ARG_U),
    ['j'] = K(ARG_LABEL),
    ['f'] = K(ARG_LABEL),
    ['m'] = K(ARG_LABEL) | K(ARG_ATOM),
    ['A'] = K(ARG_ATOM),
    ['s'] = K_SRC,
    ['z'] = K_SRC | K(ARG_U),
    ['r'] = K_REG,
    ['d'] = K_REG,
    ['y'] = K(ARG_Y),
    ['R'] = K(ARG_FR),
    ['p'] = K(ARG_FR) | K_REG | K(ARG_LITERAL),
    ['P'] = K(ARG_FR) | K_REG,
    ['I'] = K(ARG_U),
    ['F'] = K(ARG_U),
    ['k'] = K(ARG_U) | K(ARG_ATOM),
    ['l'] = K(ARG_U),
    ['S'] = K(ARG_U),
    ['1'] = K(ARG_LIST),
    ['2'] = K(ARG_LIST),
    ['3'] = K(ARG_LIST),
    ['4'] = K(ARG_LIST),
    ['5'] = K(ARG_LIST),
    ['6'] = K(ARG_LIST),
    ['7'] = K(ARG_LIST),
    ['8'] = K(ARG_LIST),
    ['9'] = K(ARG_LIST),
};

/* Kinds of a list's elements at even and odd places. Lists 7 and 8 have an inner structure,
 * checked apart. */
static const uint16_t list_kinds[10][2] = {
    [1] = {K(ARG_INT) | K(ARG_BIG) | K(ARG_ATOM) | K(ARG_NIL) | K(ARG_LITERAL), K(ARG_LABEL)},
    [2] = {K_NUM, K(ARG_LABEL)},
    [3] = {K_SRC, K_SRC},
    [4] = {K_SRC, K_SRC},
    [5] = {K_SRC, K_REG},
    [6] = {K(ARG_Y), K(ARG_Y)},
    [7] = {K_SRC | K(ARG_U), K_SRC | K(ARG_U)},
    [8] = {K_SRC | K(ARG_U), K_SRC | K(ARG_U)},
    [9] = {K_NUM, K_SRC},
};

static COLD int operand_error(beam_cursor_t *c, const uint8_t *at, const char *why, uint64_t a,
                              uint64_t b) {
    beam_file_t *f = c->file;
    beam_error(f, "Code", at, why, a, b);
    text_t t = {f->err.text, strlen(f->err.text), sizeof f->err.text};
    text_add(&t, " in ", 4);
    const char *name = opcodes[c->op.opcode].name;
    text_add(&t, name, strlen(name));
    return -1;
}

/* Number behind an extended tag. */
static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, uint64_t *out) {
    compact_t v;
    p = compact_read(p, end, &v);
    if (p == NULL || v.tag != TAG_U) return NULL;
    *out = v.value;
    return p;
}

static const uint8_t *bad_operand(beam_cursor_t *c, const uint8_t *at) {
    operand_error(c, at, "malformed operand", 0, 0);
    return NULL;
}

/* words + 2 per float + the words of an empty closure per fun */
static const uint8_t *read_alloc_list(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                      beam_arg_t *a) {
    uint64_t count, what, n, need = 0;
    const uint8_t *at = p;
    p = read_number(p, end, &count);
    if (p == NULL || count > 3) return bad_operand(c, at);
    while (count-- > 0) {
        if ((p = read_number(p, end, &what)) == NULL || (p = read_number(p, end, &n)) == NULL ||
            what > 2 || n > MAX_NEED)
            return bad_operand(c, at);
        need += n * (what == 0 ? 1 : what == 1 ? FLOAT_WORDS : FUN_WORDS(0));
    }
    a->kind = ARG_ALLOC;
    a->value = need;
    return p;
}

/* Behind tag z with number `what`, everything but a list. */
static const uint8_t *read_extended(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                    uint64_t what, beam_arg_t *a) {
    const uint8_t *at = p;
    uint64_t n;
    switch (what) {
    case Z_FLOAT_REG:
        p = read_number(p, end, &n);
        if (p == NULL || n >= FLOAT_REGS) return bad_operand(c, at);
        a->kind = ARG_FR;
        a->value = n;
        return p;
    case Z_ALLOC_LIST: return read_alloc_list(c, p, end, a);
    case Z_LITERAL:
        p = read_number(p, end, &n);
        if (p == NULL) return bad_operand(c, at);
        if (n >= c->file->nliterals) {
            operand_error(c, at, "literal # out of range (# literals)", n, c->file->nliterals);
            return NULL;
        }
        a->kind = ARG_LITERAL;
        a->value = n;
        return p;
    case Z_TYPED: {
        /* A register and what the compiler knows of its type; we do without. */
        compact_t v;
        p = compact_read(p, end, &v);
        if (p == NULL || (v.tag != TAG_X && v.tag != TAG_Y) ||
            v.value >= (v.tag == TAG_X ? X_REGS : MAX_Y_REGS))
            return bad_operand(c, at);
        a->kind = v.tag == TAG_X ? ARG_X : ARG_Y;
        a->value = v.value;
        p = read_number(p, end, &n);
        return p != NULL ? p : bad_operand(c, at);
    }
    default: return bad_operand(c, at);
    }
}

/* One operand. A list's elements are left to the caller: value is their number. NULL: error. */
static inline const uint8_t *read_operand(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                          beam_arg_t *a) {
    compact_t v;
    const uint8_t *at = p;
    p = compact_read(p, end, &v);
    if (UNLIKELY(p == NULL)) return bad_operand(c, at);
    a->value = v.value;
    switch (v.tag) {
    case TAG_U: a->kind = ARG_U; return p;
    case TAG_X:
        if (UNLIKELY(v.value >= X_REGS)) break;
        a->kind = ARG_X;
        return p;
    case TAG_Y:
        if (UNLIKELY(v.value >= MAX_Y_REGS)) break;
        a->kind = ARG_Y;
        return p;
    case TAG_A:
        if (v.value == 0) {
            a->kind = ARG_NIL;
            return p;
        }
        if (UNLIKELY(v.value >= c->file->natoms)) {
            operand_error(c, at, "atom # out of range (# atoms)", v.value, c->file->natoms - 1);
            return NULL;
        }
        a->kind = ARG_ATOM;
        a->value = c->file->atoms[v.value];
        return p;
    case TAG_F:
        if (UNLIKELY(v.value >= c->file->nlabels)) {
            operand_error(c, at, "label # out of range (# labels)", v.value, c->file->nlabels);
            return NULL;
        }
        a->kind = ARG_LABEL;
        return p;
    case TAG_I:
        a->kind = v.big != NULL ? ARG_BIG : ARG_INT;
        a->big = v.big;
        return p;
    case TAG_H:
        if (v.value > 0x10ffff) break;
        a->kind = ARG_INT;
        return p;
    default:
        if (v.value == Z_LIST_TAG) {
            uint64_t n;
            p = read_number(p, end, &n);
            if (p == NULL || n > (size_t)(end - p)) break;
            a->kind = ARG_LIST;
            a->value = n;
            return p;
        }
        return read_extended(c, p, end, v.value, a);
    }
    return bad_operand(c, at);
}

static bool list_reserve(beam_cursor_t *c, uint64_t n) {
    beam_op_t *op = &c->op;
    if (n <= op->list_cap) return true;
    /* n is bounded by the code's size, so this cannot overflow. */
    uint32_t cap = op->list_cap * 2;
    if (cap < n) cap = (uint32_t)n;
    if (cap < 32) cap = 32;
    beam_arg_t *list =
        mem_realloc(c->file->vm, op->list, op->list_cap * sizeof *list, cap * sizeof *list);
    if (list == NULL) {
        out_of_memory(c->file);
        return false;
    }
    op->list = list;
    op->list_cap = cap;
    return true;
}

static bool string_in_range(const beam_file_t *f, uint64_t offset, uint64_t bytes) {
    return offset <= f->strings_size && bytes <= f->strings_size - offset;
}

/* Segments of bs_create_bin: type, segment number, unit, flags, value, size. */
static bool create_bin_ok(const beam_file_t *f, const beam_arg_t *e, uint64_t n) {
    if (n % 6 != 0) return false;
    for (; n > 0; n -= 6, e += 6) {
        if (e[0].kind != ARG_ATOM || e[1].kind != ARG_U || e[2].kind != ARG_U ||
            (e[3].kind != ARG_NIL && e[3].kind != ARG_LITERAL) || e[2].value > 256)
            return false;
        if (e[0].value == A_string) {
            if (e[4].kind != ARG_U || (K_NUM & K(e[5].kind)) == 0 || e[5].value > MAX_NUMBER ||
                !string_in_range(f, e[4].value, e[5].value * e[2].value / 8))
                return false;
        } else if ((K_SRC & K(e[4].kind)) == 0 || (K_SRC & K(e[5].kind)) == 0) {
            return false;
        }
    }
    return true;
}

/* Commands of bs_match: each an atom and its arguments. n: number, s: small register count or
 * NIL, f: flags, r: register, v: number of any size. */
static bool match_command_ok(const beam_arg_t *e, const char *args) {
    for (; *args != 0; args++, e++) {
        bool number = (K_NUM & K(e->kind)) != 0;
        switch (*args) {
        case 'n':
            if (!number || e->value > MAX_NUMBER) return false;
            break;
        case 's':
            if (e->kind != ARG_NIL && (!number || e->value > X_REGS)) return false;
            break;
        case 'f':
            if (e->kind != ARG_NIL && e->kind != ARG_LITERAL) return false;
            break;
        case 'r':
            if ((K_REG & K(e->kind)) == 0) return false;
            break;
        default:
            if (!number && e->kind != ARG_BIG) return false;
        }
    }
    return true;
}

static bool match_commands_ok(const beam_arg_t *e, uint64_t n) {
    while (n > 0) {
        if (e->kind != ARG_ATOM) return false;
        const char *args;
        switch (e->value) {
        case A_ensure_at_least: args = "nn"; break;
        case A_ensure_exactly: args = "n"; break;
        case A_integer:
        case A_binary: args = "sfnnr"; break;
        case A_skip: args = "n"; break;
        case A_get_tail: args = "snr"; break;
        case A_exact_eq: args = "snv"; break;
        default: return false;
        }
        size_t len = strlen(args);
        if (n - 1 < len || !match_command_ok(e + 1, args)) return false;
        e += 1 + len;
        n -= 1 + len;
    }
    return true;
}

/* The elements of the list a (its count is read) behind p. */
static const uint8_t *read_list(beam_cursor_t *c, const uint8_t *p, const uint8_t *end,
                                unsigned type, beam_arg_t *a) {
    beam_op_t *op = &c->op;
    const uint8_t *at = p;
    uint64_t n = a->value;
    uint32_t first = op->nlist;
    bool paired = type != 4 && type != 6 && type < 7;
    if ((paired || type == 9) && n % 2 != 0) return bad_operand(c, at);
    if (type == 4 && op->opcode == 157 && n == 0) return bad_operand(c, at);
    if (!list_reserve(c, first + n)) return NULL;
    a->list = first;
    beam_arg_t *e = op->list + first;
    const uint16_t even = list_kinds[type][0], odd = list_kinds[type][1];
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *place = p;
        p = read_operand(c, p, end, &e[i]);
        if (UNLIKELY(p == NULL)) return NULL;
        unsigned allowed = i & 1 ? odd : even;
        if (UNLIKELY((allowed & K(e[i].kind)) == 0)) {
            operand_error(c, place, "operand of a wrong kind at place # of a list", i, 0);
            return NULL;
        }
        if ((type == 1 || type == 2) && (i & 1) != 0 && e[i].value == 0)
            return bad_operand(c, place);
        if ((type == 2 || type == 9) && (i & 1) == 0 && e[i].value > MAX_NUMBER)
            return bad_operand(c, place);
    }
    op->nlist = first + (uint32_t)n;
    if ((type == 7 && !create_bin_ok(c->file, e, n)) || (type == 8 && !match_commands_ok(e, n)))
        return bad_operand(c, at);
    return p;
}

/* What the letter asks beyond the kind. i: place of the operand. false: refused. */
static bool operand_ok(beam_cursor_t *c, char letter, unsigned i) {
    beam_file_t *f = c->file;
    beam_op_t *op = &c->op;
    beam_arg_t *a = &op->arg[i];
    switch (letter) {
    case 'u': return a->value <= MAX_NUMBER;
    case 'q': return a->value <= MAX_ARITY;
    case 'v': return a->value <= X_REGS;
    case 'H': return a->value <= MAX_NEED;
    case 'L': return a->value != 0 && a->value < f->nlabels;
    case 'j': return a->value != 0;
    case 'z': return a->kind != ARG_U || a->value <= MAX_NUMBER;
    case 'I': {
        if (a->value >= f->nimports) return false;
        unsigned arity = f->imports[a->value].arity;
        switch (op->opcode) {
        case 9: return arity == 0;
        case 10:
        case 124: return arity == 1;
        case 11:
        case 125: return arity == 2;
        case 152: return arity == 3;
        default: return arity == op->arg[0].value; /* call_ext and its kin */
        }
    }
    case 'F': return a->value < f->nlambdas;
    case 'k': return a->kind == ARG_ATOM || a->value < f->nlambdas;
    case 'l':
        if (f->nlines == 1) a->value = 0; /* stripped: the instructions stay */
        return a->value < f->nlines;
    case 'S': { /* the size stands before it: in bits, for bs_put_string in bytes */
        uint64_t size = op->arg[i - 1].value;
        return string_in_range(f, a->value, op->opcode == 92 ? size : (size + 7) / 8);
    }
    default: return true;
    }
}

void beam_cursor_init(beam_cursor_t *c, beam_file_t *f) {
    memset(c, 0, sizeof *c);
    c->file = f;
    c->pos = f->code;
}

void beam_cursor_free(beam_cursor_t *c) {
    if (c->file != NULL) mem_free(c->file->vm, c->op.list, c->op.list_cap * sizeof *c->op.list);
    c->op.list = NULL;
    c->op.list_cap = 0;
}

static COLD int at_end(beam_cursor_t *c) {
    beam_file_t *f = c->file;
    if (c->nfunctions != f->nfunctions)
        return beam_error(f, "Code", c->pos, "# functions where the header says #", c->nfunctions,
                          f->nfunctions);
    return 0;
}

int beam_next(beam_cursor_t *c) {
    beam_file_t *f = c->file;
    beam_op_t *op = &c->op;
    const uint8_t *p = c->pos, *end = f->code + f->code_size;
    if (op->opcode == 3) return at_end(c);
    if (UNLIKELY(p >= end)) return beam_error(f, "Code", p, "ends without int_code_end", 0, 0);
    unsigned opcode = *p;
    if (UNLIKELY(opcode == 0 || opcode > MAX_OPCODE || opcodes[opcode].obsolete))
        return opcode_error(f, p, opcode);
    op->offset = (uint32_t)(p - f->bytes);
    op->opcode = opcode;
    op->nlist = 0;
    p++;
    const char *letters = operands_of[opcode];
    unsigned i;
    for (i = 0; letters[i] != 0; i++) {
        beam_arg_t *a = &op->arg[i];
        const uint8_t *at = p;
        p = read_operand(c, p, end, a);
        if (UNLIKELY(p == NULL)) return -1;
        char letter = letters[i];
        if (UNLIKELY((letter_kinds[(unsigned char)letter] & K(a->kind)) == 0))
            return operand_error(c, at, "operand # is of a wrong kind", i + 1, 0);
        if (a->kind == ARG_LIST) {
            p = read_list(c, p, end, (unsigned)(letter - '0'), a);
            if (UNLIKELY(p == NULL)) return -1;
        } else if (UNLIKELY(!operand_ok(c, letter, i))) {
            return operand_error(c, at, "operand # (value #) is out of range", i + 1, a->value);
        }
    }
    op->nargs = i;
    if (opcode == 2 && ++c->nfunctions > f->nfunctions)
        return beam_error(f, "Code", p, "more than the # functions the header says", f->nfunctions,
                          0);
    if (opcode == 171 && op->arg[2].value != f->lambdas[op->arg[0].value].num_free)
        return operand_error(c, c->pos, "fun takes # free variables, not #",
                             f->lambdas[op->arg[0].value].num_free, op->arg[2].value);
    c->pos = p;
    return 1;
}
