/* nif_print.c: enif_snprintf and its relatives: the C library's formats, and %T for a term as
 * erlang:display/1 writes it.
 */
#include "nif/nif.h"
#include "vm/print.h"
#include "vm/sched.h"

/* What has been written so far: to a buffer (like snprintf) or a file. */
typedef struct {
    char *buf;
    size_t size, used; /* used may be beyond size */
    FILE *file;
    bool failed;
} out_t;

static void put(out_t *o, const char *s, size_t n) {
    if (o->file) {
        o->failed |= fwrite(s, 1, n, o->file) != n;
    } else if (o->used < o->size) {
        size_t room = o->size - o->used;
        memcpy(o->buf + o->used, s, n < room ? n : room);
    }
    o->used += n;
}

static void put_term(out_t *o, term_t term) {
    vm_t *vm = nif_vm();
    if (!vm) return;
    text_t text;
    text_init(&text, vm);
    vm_visit_t v = vm_enter(vm);
    text_display(&text, term);
    vm_leave(vm, v);
    if (!text.failed) put(o, text.data, text.len);
    text_free(&text);
}

/* What a length modifier says of an integer's type. */
enum { LEN_INT, LEN_LONG, LEN_LONG_LONG, LEN_SIZE, LEN_MAX, LEN_DIFF };

static int length_modifier(const char **f) {
    switch (**f) {
    case 'h':
        while (**f == 'h') (*f)++;
        return LEN_INT;
    case 'l':
        if (*++*f != 'l') return LEN_LONG;
        ++*f;
        return LEN_LONG_LONG;
    case 'L':
    case 'q': ++*f; return LEN_LONG_LONG;
    case 'z': ++*f; return LEN_SIZE;
    case 'j': ++*f; return LEN_MAX;
    case 't': ++*f; return LEN_DIFF;
    case 'b': /* erts: bpd is a word's size */
        if ((*f)[1] == 'p') {
            *f += 2;
            return LEN_SIZE;
        }
        return LEN_INT;
    default: return LEN_INT;
    }
}

/* One conversion: spec is "%..." without modifiers and type. */
static void convert(out_t *o, char *spec, size_t n, int length, char type, int *stars, int nstars,
                    va_list *args) {
    char *out;
    int len;
#define FORMAT(mod, value)                                                                         \
    do {                                                                                           \
        memcpy(spec + n, mod, sizeof mod);                                                         \
        n += sizeof mod - 1;                                                                       \
        spec[n++] = type;                                                                          \
        spec[n] = 0;                                                                               \
        len = nstars == 2   ? asprintf(&out, spec, stars[0], stars[1], value)                      \
              : nstars == 1 ? asprintf(&out, spec, stars[0], value)                                \
                            : asprintf(&out, spec, value);                                         \
    } while (0)
    switch (type) {
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
        if (length == LEN_INT)
            FORMAT("", va_arg(*args, int));
        else
            FORMAT("ll", va_arg(*args, long long)); /* all of 64 bits */
        break;
    case 'c': FORMAT("", va_arg(*args, int)); break;
    case 's': FORMAT("", va_arg(*args, const char *)); break;
    case 'p': FORMAT("", va_arg(*args, void *)); break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
        if (length == LEN_LONG_LONG)
            FORMAT("L", va_arg(*args, long double));
        else
            FORMAT("", va_arg(*args, double));
        break;
    default: put(o, spec, n); return;
    }
#undef FORMAT
    if (len < 0) {
        o->failed = true;
        return;
    }
    put(o, out, (size_t)len);
    free(out);
}

static void format(out_t *o, const char *f, va_list *args) {
    while (*f) {
        const char *percent = strchr(f, '%');
        if (!percent) percent = f + strlen(f);
        if (percent > f) put(o, f, (size_t)(percent - f));
        f = percent;
        if (!*f) return;
        f++;
        if (*f == '%') {
            put(o, f++, 1);
            continue;
        }
        char spec[64] = "%";
        size_t n = 1;
        int stars[2], nstars = 0;
        while (*f && strchr("-+ #0123456789.*'", *f)) {
            if (*f == '*' && nstars < 2) stars[nstars++] = va_arg(*args, int);
            if (n < sizeof spec - 8) spec[n++] = *f;
            f++;
        }
        int length = length_modifier(&f);
        if (!*f) return;
        char type = *f++;
        if (type == 'T')
            put_term(o, va_arg(*args, ERL_NIF_TERM));
        else
            convert(o, spec, n, length, type, stars, nstars, args);
    }
}

int enif_vsnprintf(char *buf, size_t size, const char *fmt, va_list args) {
    out_t o = {.buf = buf, .size = size};
    va_list copy;
    va_copy(copy, args);
    format(&o, fmt, &copy);
    va_end(copy);
    if (size) buf[o.used < size ? o.used : size - 1] = 0;
    return o.failed ? -1 : (int)o.used;
}

int enif_snprintf(char *buf, size_t size, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = enif_vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}

int enif_vfprintf(FILE *file, const char *fmt, va_list args) {
    out_t o = {.file = file};
    va_list copy;
    va_copy(copy, args);
    format(&o, fmt, &copy);
    va_end(copy);
    return o.failed ? -1 : (int)o.used;
}

int enif_fprintf(FILE *file, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = enif_vfprintf(file, fmt, args);
    va_end(args);
    return n;
}
