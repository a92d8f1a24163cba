/* beam_file.h: reads a .beam file: checks it and hands out its parts. beam_file.c (chunks),
 * beam_code.c (instructions)
 *
 * Input is hostile: every length, count, index and operand is checked here, against the file and
 * against each other (label, atom, literal, import, fun and string indices are in range; operand
 * kinds are ones the opcode may have), so load.c may rely on them. Left to load.c: that a label is
 * defined once and at all, what a literal holds, which registers are live. Files of OTP 24 to 28.
 * Nothing is copied but what must be (inflated literals); the bytes must outlive the beam_file_t.
 * Which operands an instruction has, in letters: opcodes.def.
 */
#ifndef LING_VM_BEAM_FILE_H
#define LING_VM_BEAM_FILE_H

#include "vm/code.h"

typedef struct {
    uint32_t function, arity, label;
} beam_export_t; /* function: atom number */
typedef struct {
    uint32_t module, function, arity;
} beam_import_t;
typedef struct {
    uint32_t function, arity, label, index, num_free, old_uniq; /* arity counts free variables */
} beam_lambda_t;
typedef struct {
    const uint8_t *data;
    uint32_t size;
} beam_blob_t;
typedef struct {
    uint32_t file, line;
} beam_line_t;

typedef struct beam_file {
    const uint8_t *bytes;
    size_t size;
    vm_t *vm;
    term_t *atoms; /* 1..natoms-1; 0 is NIL. atoms[1] is the module */
    uint32_t natoms;
    beam_import_t *imports;
    uint32_t nimports;
    beam_export_t *exports;
    uint32_t nexports;
    beam_lambda_t *lambdas;
    uint32_t nlambdas;
    beam_blob_t *literals;
    uint32_t nliterals; /* external terms, with version byte */
    beam_line_t *lines;
    uint32_t nlines; /* entry 0: no line */
    term_t *files;
    uint32_t nfiles; /* entry 0: NIL (the module's source); atoms */
    const uint8_t *strings;
    uint32_t strings_size;
    const uint8_t *attributes;
    uint32_t attributes_size; /* external terms; NULL: none */
    const uint8_t *compile_info;
    uint32_t compile_info_size;
    const uint8_t *code;
    uint32_t code_size;   /* instructions */
    uint32_t code_offset; /* of code in the file, for messages */
    uint32_t nlabels, nfunctions, max_opcode;
    uint8_t md5[16];
    void *inflated;
    size_t inflated_size;
    load_error_t err;
} beam_file_t;

/* Operand kinds after decoding. Type information of registers is stripped. */
enum {
    ARG_U,
    ARG_INT,
    ARG_BIG,
    ARG_ATOM,
    ARG_NIL,
    ARG_X,
    ARG_Y,
    ARG_LABEL,
    ARG_FR,
    ARG_LITERAL,
    ARG_LIST,
    ARG_ALLOC
};
typedef struct {
    uint8_t kind;
    uint64_t value; /* ARG_INT: int64_t bits (fits 64 bit, maybe not a small); ARG_ATOM: the term;
                       ARG_LITERAL: index; ARG_LIST: number of elements; ARG_ALLOC: words wanted
                       (heap words + 2 per float + FUN_WORDS(0) per fun); label, register: number */
    union {
        const uint8_t *big; /* ARG_BIG: two's complement, big endian, value = number of bytes */
        uint32_t list;      /* ARG_LIST: index of the first element in beam_op_t.list */
    };
} beam_arg_t;

#define BEAM_MAX_ARGS 8
typedef struct {
    unsigned opcode;
    unsigned nargs;
    beam_arg_t arg[BEAM_MAX_ARGS];
    beam_arg_t *list; /* elements of extended lists; owned by the cursor */
    uint32_t nlist, list_cap;
    uint32_t offset; /* of the instruction in the file */
} beam_op_t;

typedef struct {
    beam_file_t *file;
    const uint8_t *pos;
    beam_op_t op;
    uint32_t nfunctions; /* func_info instructions so far */
} beam_cursor_t;

/* 0, or -1 with f->err. Everything f got is released by beam_file_close in both cases. */
int beam_file_open(beam_file_t *f, vm_t *vm, const uint8_t *bytes, size_t size);
void beam_file_close(beam_file_t *f);
void beam_cursor_init(beam_cursor_t *c, beam_file_t *f);
/* 1: c->op holds the next instruction; 0: int_code_end has been reached (it is not handed out); -1:
 * error in file->err. */
int beam_next(beam_cursor_t *c);
void beam_cursor_free(beam_cursor_t *c);
/* Bytes of a chunk by its four-letter name; false: none. Works on any well-framed file. */
bool beam_chunk(const uint8_t *bytes, size_t size, const char id[4], beam_blob_t *out);
/* The module's MD5 without the rest of the work; false: not a beam file. */
bool beam_module_md5(const uint8_t *bytes, size_t size, uint8_t out[16]);
/* Name and arity of an opcode, the OTP release that introduced it; NULL: unknown number. */
typedef struct {
    const char *name;
    uint8_t arity;
    uint8_t release;
    bool obsolete;
} beam_opcode_t;
const beam_opcode_t *beam_opcode(unsigned number);

#endif
