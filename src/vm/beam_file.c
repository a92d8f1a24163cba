/* beam_file.c: reads a .beam file: checks its chunks and hands out its parts. See beam_file.h.
 *
 * The bytes are foreign: nothing in them is believed before it is checked. The instructions are
 * read by beam_code.c. Relies on the atom table, mem_alloc and zlib. Called by load.c, by the code
 * BIFs and by tools; any thread.
 */
#include "vm/beam_internal.h"
#include "vm/md5.h"
#include "vm/sched.h"
#include "vm/zlib_memory.h"

#define FORM_HEADER 12 /* FOR1, size, BEAM */

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

COLD int beam_error(beam_file_t *f, const char *chunk, const uint8_t *at, const char *format,
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

COLD void beam_error_add(beam_file_t *f, const char *text) {
    text_t t = {f->err.text, strlen(f->err.text), sizeof f->err.text};
    text_add(&t, text, strlen(text));
}

COLD void beam_error_add_number(beam_file_t *f, uint64_t number) {
    text_t t = {f->err.text, strlen(f->err.text), sizeof f->err.text};
    text_number(&t, number);
}

COLD int beam_out_of_memory(beam_file_t *f) {
    f->err.text[0] = 0;
    beam_error_add(f, "out of memory");
    return -1;
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
    md5_t ctx;
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
    if (f->atoms == NULL) return beam_out_of_memory(f);
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
    if (*rows == NULL) return beam_out_of_memory(f);
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

/* Inflates exactly `want` bytes. 0, 1: malformed, -1: no memory. */
static int inflate_all(vm_t *vm, const uint8_t *in, size_t n, uint8_t *out, size_t want) {
    z_stream z = zlib_stream(vm);
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
        if (f->inflated == NULL) return beam_out_of_memory(f);
        f->inflated_size = want;
        int r = inflate_all(f->vm, p, (size_t)(end - p), f->inflated, want);
        if (r < 0) return beam_out_of_memory(f);
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
        return beam_out_of_memory(f);
    }
    f->nfiles = 1;
    f->files[0] = TERM_NIL;
    return 0;
}

/* A file name as an atom: of one too long for that, the end. */
static term_t file_name(vm_t *vm, const uint8_t *name, size_t n) {
    term_t atom = atom_intern(vm, name, n);
    while (atom == TERM_NONE && n > ATOM_MAX_CHARS) {
        size_t cut = n - ATOM_MAX_CHARS;
        while (cut < n && (name[cut] & 0xc0) == 0x80) cut++; /* not inside a character */
        name += cut;
        n -= cut;
        atom = atom_intern(vm, name, n);
    }
    return atom != TERM_NONE ? atom : atom_intern_latin1(vm, name, n);
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
    if (f->lines == NULL) return beam_out_of_memory(f);
    f->nlines = (uint32_t)nlines;
    f->files = mem_alloc(f->vm, nfiles * sizeof *f->files);
    if (f->files == NULL) return beam_out_of_memory(f);
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
        f->files[i] = file_name(f->vm, p + 2, n);
        if (f->files[i] == TERM_NONE) return beam_out_of_memory(f);
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
