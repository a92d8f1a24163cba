/* open.c: the arguments of open_port, from terms to C. Runs on the caller's thread and looks at
 * nothing but the terms.
 */
#include "outlet/outlet.h"

#include "vm/binary.h"
#include "vm/print.h"
#include "vm/wstack.h"

#define HIGH_DEFAULT 8192
#define LOW_DEFAULT  4096
#define ITEMS_MAX    65536 /* arguments, environment changes */

/* Memory that lives as long as the arguments. */
struct chunk {
    struct chunk *next;
    size_t size;
    char data[];
};

static void *chunk_alloc(open_args_t *a, size_t n) {
    struct chunk *c = mem_alloc(a->vm, sizeof *c + n);
    if (!c) return NULL;
    c->next = a->chunks;
    c->size = sizeof *c + n;
    a->chunks = c;
    return c->data;
}

void open_args_free(open_args_t *a) {
    if (!a) return;
    vm_t *vm = a->vm;
    for (struct chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        mem_free(vm, c, c->size);
    }
    mem_free(vm, a, sizeof *a);
}

/* ---- texts: as file names: nested lists of characters, atoms, binaries with raw bytes ---- */

enum { TEXT_OK, TEXT_BAD, TEXT_NO_MEMORY, TEXT_NOT_HERE };

static int list_text(vm_t *vm, term_t l, text_t *t) {
    uint64_t words[32];
    wstack_t stack;
    wstack_init(&stack, vm, words, 32);
    int r = TEXT_OK;
    for (;;) {
        if (is_nil(l)) {
            if (wstack_is_empty(&stack)) break;
            l = *--stack.top;
            continue;
        }
        if (!is_cons(l)) {
            r = TEXT_BAD;
            break;
        }
        term_t head = cons_head(l);
        l = cons_tail(l);
        if (is_code_point(head) && head != make_small(0)) {
            text_utf8(t, (uint32_t)small_value(head));
        } else if (is_list(head)) {
            if (!wstack_need(&stack, 1)) {
                r = TEXT_NO_MEMORY;
                break;
            }
            *stack.top++ = l;
            l = head;
        } else {
            r = TEXT_BAD;
            break;
        }
    }
    wstack_free(&stack);
    return r;
}

/* Text with a zero byte behind it; *out stays as long as a. */
static int read_text(open_args_t *a, term_t term, const char **out) {
    vm_t *vm = a->vm;
    text_t t;
    text_init(&t, vm);
    int r = TEXT_OK;
    const uint8_t *data;
    uint8_t *tmp;
    size_t n, tmp_size;
    if (is_atom(term)) {
        text_str(&t, atom_name(vm, term));
    } else if (is_list(term)) {
        r = list_text(vm, term, &t);
    } else if (bytes_of(vm, term, &data, &n, &tmp, &tmp_size)) {
        if (memchr(data, 0, n)) r = TEXT_BAD;
        text_bytes(&t, data, n);
        mem_free(vm, tmp, tmp_size);
    } else {
        r = TEXT_BAD;
    }
    text_char(&t, 0);
    if (r == TEXT_OK && t.failed) r = TEXT_NO_MEMORY;
    char *copy = r == TEXT_OK ? chunk_alloc(a, t.len) : NULL;
    if (r == TEXT_OK && !copy) r = TEXT_NO_MEMORY;
    if (copy) memcpy(copy, t.data, t.len);
    *out = copy;
    text_free(&t);
    return r;
}

/* ---- options ---- */

static int read_args(open_args_t *a, term_t list) {
    int64_t n = list_length(list);
    if (n < 0 || n > ITEMS_MAX) return TEXT_BAD;
    const char **v = chunk_alloc(a, (size_t)n * sizeof *v + 1);
    if (!v) return TEXT_NO_MEMORY;
    for (int64_t i = 0; i < n; i++, list = cons_tail(list)) {
        int r = read_text(a, cons_head(list), &v[i]);
        if (r != TEXT_OK) return r;
    }
    a->pub.args = v;
    a->pub.nargs = (size_t)n;
    return TEXT_OK;
}

static int read_env(open_args_t *a, term_t list) {
    int64_t n = list_length(list);
    if (n < 0 || n > ITEMS_MAX) return TEXT_BAD;
    ling_outlet_env_t *v = chunk_alloc(a, (size_t)n * sizeof *v + 1);
    if (!v) return TEXT_NO_MEMORY;
    for (int64_t i = 0; i < n; i++, list = cons_tail(list)) {
        term_t pair = cons_head(list);
        if (!is_tuple_of(pair, 2) || !is_list(tuple_elem(pair, 1))) return TEXT_BAD;
        int r = read_text(a, tuple_elem(pair, 1), &v[i].name);
        if (r != TEXT_OK) return r;
        if (strchr(v[i].name, '=')) return TEXT_BAD;
        v[i].value = NULL;
        if (tuple_elem(pair, 2) == A_false) continue;
        if (!is_list(tuple_elem(pair, 2))) return TEXT_BAD;
        r = read_text(a, tuple_elem(pair, 2), &v[i].value);
        if (r != TEXT_OK) return r;
    }
    a->pub.env = v;
    a->pub.nenv = (size_t)n;
    return TEXT_OK;
}

static int read_limits(term_t t, size_t *low, size_t *high) {
    if (t == A_disabled) {
        *low = *high = 0;
        return TEXT_OK;
    }
    uint64_t l, h;
    if (!is_tuple_of(t, 2) || !term_to_uint64(tuple_elem(t, 1), &l) ||
        !term_to_uint64(tuple_elem(t, 2), &h) || l > INT64_MAX || h > INT64_MAX)
        return TEXT_BAD;
    if (l > h) l = h;
    *low = l ? l : 1;
    *high = h ? h : 1;
    return TEXT_OK;
}

static int read_option(open_args_t *a, term_t o) {
    ling_outlet_open_t *p = &a->pub;
    if (is_tuple_of(o, 2)) {
        term_t what = tuple_elem(o, 1), value = tuple_elem(o, 2);
        int64_t n;
        switch (what) {
        case A_packet:
            if (p->line || !term_to_int64(value, &n) || (n != 1 && n != 2 && n != 4)) break;
            p->packet = (unsigned)n;
            return TEXT_OK;
        case A_line:
            if (p->packet || !term_to_int64(value, &n) || n <= 0 || n > INT32_MAX) break;
            p->line = (unsigned)n;
            return TEXT_OK;
        case A_cd: {
            int r = read_text(a, value, &p->cd);
            return r == TEXT_BAD ? TEXT_NOT_HERE : r;
        }
        case A_env: return read_env(a, value);
        case A_args: return a->kind == OPEN_EXECUTABLE ? read_args(a, value) : TEXT_NOT_HERE;
        case A_arg0:
            return a->kind == OPEN_EXECUTABLE ? read_text(a, value, &p->arg0) : TEXT_NOT_HERE;
        case A_parallelism:
            if (value != A_true && value != A_false) break;
            a->parallelism = value == A_true;
            return TEXT_OK;
        case A_busy_limits_port: return read_limits(value, &a->low, &a->high);
        case A_busy_limits_msgq: {
            size_t low;
            return read_limits(value, &low, &a->msgq_high);
        }
        default: break;
        }
        return TEXT_BAD;
    }
    switch (o) {
    case A_stream: p->packet = 0; break;
    case A_use_stdio: p->use_stdio = 1; break;
    case A_nouse_stdio: p->use_stdio = 0; break;
    case A_hide: break; /* a window of another system */
    case A_overlapped_io: break;
    case A_exit_status: p->exit_status = 1; break;
    case A_END_OF_FILE: p->eof = 1; break;
    case A_stderr_to_stdout: p->stderr_to_stdout = 1; break;
    case A_in: p->input = 1; break;
    case A_out: p->output = 1; break;
    case A_binary: p->binary = 1; break;
    default: return TEXT_BAD;
    }
    return TEXT_OK;
}

/* badarg, einval or NONE (no memory); A_ok. */
static term_t read_name(open_args_t *a, term_t name) {
    if (is_tuple_of(name, 3) && tuple_elem(name, 1) == A_fd) {
        int64_t in, out;
        if (!is_small(tuple_elem(name, 2)) || !is_small(tuple_elem(name, 3))) return A_badarg;
        in = small_value(tuple_elem(name, 2));
        out = small_value(tuple_elem(name, 3));
        if (in < 0 || in > INT32_MAX || out < 0 || out > INT32_MAX) return A_einval;
        a->kind = OPEN_FD;
        a->pub.fd_in = (int)in;
        a->pub.fd_out = (int)out;
        a->pub.name = "fd";
        char *text = chunk_alloc(a, 32);
        if (!text) return TERM_NONE;
        text_t t;
        text_init(&t, a->vm);
        text_int(&t, in);
        text_char(&t, '/');
        text_int(&t, out);
        text_char(&t, 0);
        bool ok = !t.failed && t.len <= 32;
        if (ok) memcpy(text, t.data, t.len);
        text_free(&t);
        a->pub.command = text;
        return ok ? (term_t)A_ok : TERM_NONE;
    }
    if (!is_tuple_of(name, 2)) return A_badarg;
    switch (tuple_elem(name, 1)) {
    case A_spawn: a->kind = OPEN_SPAWN; break;
    case A_spawn_driver: a->kind = OPEN_DRIVER; break;
    case A_spawn_executable: a->kind = OPEN_EXECUTABLE; break;
    default: return A_badarg;
    }
    int r = read_text(a, tuple_elem(name, 2), &a->pub.command);
    if (r == TEXT_NO_MEMORY) return TERM_NONE;
    if (r != TEXT_OK || a->pub.command[0] == 0) return A_badarg;
    a->pub.name = a->pub.command;
    a->pub.is_executable = a->kind == OPEN_EXECUTABLE;
    return A_ok;
}

open_args_t *open_args_parse(vm_t *vm, term_t name, term_t options, term_t *error) {
    open_args_t *a = mem_calloc(vm, sizeof *a);
    *error = TERM_NONE;
    if (!a) return NULL;
    a->vm = vm;
    a->pub.size = sizeof a->pub;
    a->pub.fd_in = a->pub.fd_out = -1;
    a->pub.use_stdio = 1;
    a->high = a->msgq_high = HIGH_DEFAULT;
    a->low = LOW_DEFAULT;
    term_t r = read_name(a, name);
    /* A bad option is told before a bad name, but what options may be depends on the name. */
    int o = TEXT_OK;
    for (; is_cons(options) && o == TEXT_OK; options = cons_tail(options))
        o = read_option(a, cons_head(options));
    if (o == TEXT_BAD)
        r = A_badopt;
    else if (o == TEXT_NO_MEMORY)
        r = TERM_NONE;
    else if (o == TEXT_NOT_HERE)
        r = A_badarg;
    else if (!is_nil(options))
        r = A_badopt;
    if (r != A_ok) {
        *error = r;
        open_args_free(a);
        return NULL;
    }
    if (!a->pub.input && !a->pub.output) a->pub.input = a->pub.output = 1;
    return a;
}
