/* match_program.h: what a match specification is compiled to: match_spec.c makes it, match_run.c
 * runs it, match_keys.c says what it means for keys. For these files only.
 *
 * Program: per clause  CLAUSE, then the head, the guards, the body, RETURN. The head works on
 * a current term; where it goes down into a tuple, cell or map it pushes what it needs to come
 * back. Guards and body are a stack machine. Words that must end up on the process's heap (parts of
 * the object, constants) are copied when they are pushed for a constructor or as the result; as
 * arguments of functions they are used where they are. */
#ifndef LING_VM_MATCH_PROGRAM_H
#define LING_VM_MATCH_PROGRAM_H
#include "vm/match_spec.h"

enum {
    OP_CLAUSE, /* address of the next clause, 0: none */
    OP_TUPLE,  /* arity: pushes the elements */
    OP_CONS,   /* pushes the cell */
    OP_MAP,    /* least size: pushes the map */
    OP_ELEM,   /* index from the pushed words */
    OP_KEY,    /* key: its value from the pushed map */
    OP_POP,
    OP_BIND,    /* variable */
    OP_EQ_VAR,  /* variable */
    OP_EQ,      /* word */
    OP_EQ_TERM, /* constant */
    OP_EQ_BITS, /* float: the same bits */

    OP_GUARD, /* top must be true */
    OP_BODY,  /* from here on what fails has the value 'EXIT' */
    OP_DROP,  /* top goes */
    OP_RETURN,
    OP_IMMED, /* word */
    OP_CONST, /* constant */
    OP_CONST_COPY,
    OP_VAR,
    OP_VAR_COPY,
    OP_OBJECT,
    OP_OBJECT_COPY,
    OP_ALL,     /* count, registers: '$$' */
    OP_REVERSE, /* count: so many words, the last one first */
    OP_COPY,    /* top may be part of the object */
    OP_CALL,    /* bif, arity */
    OP_ACTION,  /* name, arguments: of the trace dialect */
    OP_SELF,
    OP_RECORD,     /* is_record/3 */
    OP_MK_TUPLE,   /* arity */
    OP_MK_CONS,    /* tail below head */
    OP_MK_CONS_UP, /* head below tail */
    OP_MK_MAP,     /* pairs */
    OP_AND,        /* n */
    OP_OR,         /* n */
    OP_ANDALSO,    /* where to go with false */
    OP_ORELSE
};

struct ms {
    magic_t magic;
    uint64_t *code;
    size_t code_room;
    size_t nvars;
    size_t depth;   /* words the stack needs */
    term_t *consts; /* one block */
    size_t const_words;
    off_heap_t *off;
};

/* Number of a variable '$N', or -1. */
int64_t ms_variable_number(vm_t *vm, term_t t);

#endif
