/* error.c: error codes as text, and the message of a VM's last failure. */
#include <stdarg.h>
#include <stdio.h>
#include "api/api.h"
#include "vm/print.h"

unsigned ling_version(void) { return LING_VERSION_HEX; }

const char *ling_strerror(int error) {
    switch (error) {
    case LING_OK: return "success";
    case LING_ENOMEM: return "out of memory";
    case LING_EINVAL: return "invalid argument";
    case LING_ENOENT: return "not found";
    case LING_EBADFILE: return "not a loadable .beam file";
    case LING_ETYPE: return "term of another type";
    case LING_ERANGE: return "does not fit";
    case LING_EEXCEPTION: return "Erlang exception";
    case LING_ETIMEDOUT: return "timed out";
    case LING_EINTR: return "interrupted";
    case LING_EHALTED: return "halted";
    case LING_EBUSY: return "not possible from inside a callback";
    case LING_EIDLE: return "nothing can ever happen any more";
    case LING_ELIMIT: return "system limit reached";
    case LING_EPARSE: return "not an Erlang literal";
    case LING_ENOSYS: return "the host cannot do that";
    case LING_EOLDCODE: return "old version of the module still in use";
    case LING_EHOST: return "the host could not be created";
    default: return "unknown error";
    }
}

static void text_drop(vm_t *vm) {
    api_state_t *api = vm->api;
    mem_free(vm, api->text, api->text_size);
    api->text = NULL;
}

const char *ling_errmsg(ling_vm_t *vm) {
    return !vm || !vm->api ? "" : vm->api->text ? vm->api->text : vm->errmsg;
}

int api_fail(vm_t *vm, int error, const char *format, ...) {
    if (vm->nthreads && sched_is_here(vm)) return error; /* the message is the owner's */
    text_drop(vm);
    vm->errmsg[0] = 0;
    if (format) {
        va_list ap;
        va_start(ap, format);
        vsnprintf(vm->errmsg, sizeof vm->errmsg, format, ap);
        va_end(ap);
    }
    return error;
}

int api_fail_load(vm_t *vm, int error, const load_error_t *err) {
    /* The loader's text for it: the file may be good. */
    if (strcmp(err->text, "out of memory") == 0) error = LING_ENOMEM;
    return api_fail(vm, error, "%s", err->text);
}

/* ---- exceptions ---- */

/* A list of characters as text; false: it is something else. */
static bool text_string(text_t *t, term_t s) {
    if (!is_cons(s)) return false;
    for (term_t l = s; is_cons(l); l = cons_tail(l))
        if (!is_small(cons_head(l)) || small_value(cons_head(l)) < 32 ||
            small_value(cons_head(l)) > 126)
            return false;
    for (; is_cons(s); s = cons_tail(s)) text_char(t, (char)small_value(cons_head(s)));
    return true;
}

/* {M, F, Arity or Args, [{file, F}, {line, L}]} */
static void text_frame(text_t *t, term_t frame) {
    if (!is_tuple_of(frame, 4)) return;
    term_t arity = tuple_elem(frame, 3);
    text_str(t, "\n  in ");
    text_term(t, tuple_elem(frame, 1));
    text_char(t, ':');
    text_term(t, tuple_elem(frame, 2));
    if (is_list(arity)) {
        text_char(t, '(');
        for (const char *comma = ""; is_cons(arity); arity = cons_tail(arity), comma = ",") {
            text_str(t, comma);
            text_term(t, cons_head(arity));
        }
        text_char(t, ')');
    } else {
        text_char(t, '/');
        text_term(t, arity);
    }
    term_t file = TERM_NONE, line = TERM_NONE;
    for (term_t l = tuple_elem(frame, 4); is_cons(l); l = cons_tail(l)) {
        term_t e = cons_head(l);
        if (is_tuple_of(e, 2) && tuple_elem(e, 1) == A_file) file = tuple_elem(e, 2);
        if (is_tuple_of(e, 2) && tuple_elem(e, 1) == A_line) line = tuple_elem(e, 2);
    }
    if (file == TERM_NONE || line == TERM_NONE) return;
    text_str(t, " (");
    if (!text_string(t, file)) text_term(t, file);
    text_str(t, ", line ");
    text_term(t, line);
    text_char(t, ')');
}

void api_set_exception(vm_t *vm, term_t outcome) {
    text_drop(vm);
    vm->errmsg[0] = 0;
    if (!is_tuple_of(outcome, 3)) return;
    text_t t;
    text_init(&t, vm);
    text_str(&t, "exception ");
    text_term(&t, tuple_elem(outcome, 1));
    text_str(&t, ": ");
    text_term(&t, tuple_elem(outcome, 2));
    for (term_t l = tuple_elem(outcome, 3); is_cons(l); l = cons_tail(l))
        text_frame(&t, cons_head(l));
    text_char(&t, 0);
    if (!t.failed) {
        api_state_t *api = vm->api;
        api->text = mem_alloc(vm, t.len);
        api->text_size = t.len;
        if (api->text)
            memcpy(api->text, t.data, t.len);
        else
            snprintf(vm->errmsg, sizeof vm->errmsg, "%s", t.data);
    }
    text_free(&t);
}
