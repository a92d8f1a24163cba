/* erl_flags.c: reads a command line as `erl` does: options that begin with '-' are init's but for a
 * few, those that begin with '+' the emulator's, which are checked against one table. The emulator
 * refuses what OTP 25's refuses; what has no meaning here is accepted and does nothing.
 */
#include "erl_flags.h"
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <ling/ling.h>

/* ---- lists of strings ---- */

static void *or_die(void *p) {
    if (p) return p;
    fputs("ling-erl: no memory\n", stderr);
    exit(1);
}

void strings_add(strings_t *l, const char *text) {
    if (l->n + 1 >= l->size) {
        l->size = l->size ? 2 * l->size : 16;
        l->at = or_die(realloc(l->at, l->size * sizeof *l->at));
    }
    l->at[l->n++] = or_die(strdup(text));
    l->at[l->n] = NULL;
}

void strings_free(strings_t *l) {
    for (size_t i = 0; i < l->n; i++) free(l->at[i]);
    free(l->at);
    *l = (strings_t){0};
}

/* ---- words of a text, as a shell would see them ---- */

typedef struct {
    char *text;
    size_t n, size;
} word_t;

static void word_char(word_t *w, char c) {
    if (w->n + 1 >= w->size) {
        w->size = w->size ? 2 * w->size : 64;
        w->text = or_die(realloc(w->text, w->size));
    }
    w->text[w->n++] = c;
    w->text[w->n] = 0;
}

static int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Quotes and backslashes work as in a shell; with comments, '#' begins one at a word's start. */
static void split(strings_t *out, const char *s, int comments) {
    word_t w = {0};
    for (;;) {
        while (is_space(*s)) s++;
        if (!*s) break;
        if (comments && *s == '#') {
            s += strcspn(s, "\n");
            continue;
        }
        w.n = 0;
        word_char(&w, 0);
        w.n = 0;
        while (*s && !is_space(*s)) {
            if (*s == '\'') {
                for (s++; *s && *s != '\''; s++) word_char(&w, *s);
                s += *s != 0;
            } else if (*s == '"') {
                for (s++; *s && *s != '"'; s++) {
                    if (*s == '\\' && s[1] && strchr("\"\\$`\n", s[1])) s++;
                    word_char(&w, *s);
                }
                s += *s != 0;
            } else {
                if (*s == '\\' && s[1]) s++;
                word_char(&w, *s++);
            }
        }
        strings_add(out, w.text);
    }
    free(w.text);
}

static int read_words(strings_t *out, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) {
        char cwd[PATH_MAX];
        int e = errno;
        fprintf(stderr, "Failed to open arguments file \"%s\" at \"%s\": %s\n", path,
                getcwd(cwd, sizeof cwd) ? cwd : "?", strerror(e));
        return 1;
    }
    word_t text = {0};
    word_char(&text, 0);
    text.n = 0;
    for (int c; (c = getc(f)) != EOF;) word_char(&text, (char)c);
    fclose(f);
    split(out, text.text, 1);
    free(text.text);
    return -1;
}

/* ---- what is given: command line, environment and files in one list ---- */

/* Replaces -args_file by the file's words; `--` ends each insertion. */
static int expand_files(strings_t *out, const strings_t *in, int depth, int *inserted) {
    for (size_t i = 0; i < in->n; i++) {
        if (strcmp(in->at[i], "-extra") == 0) {
            while (i < in->n) strings_add(out, in->at[i++]);
            break;
        }
        if (strcmp(in->at[i], "-args_file") != 0) {
            strings_add(out, in->at[i]);
            continue;
        }
        strings_t words = {0};
        int status = 1;
        if (i + 1 == in->n)
            fputs("Missing argument(s) for '-args_file'.\n", stderr);
        else if (depth == 0)
            fprintf(stderr, "Too many arguments files inside each other: \"%s\"\n", in->at[i + 1]);
        else
            status = read_words(&words, in->at[++i]);
        if (status < 0) status = expand_files(out, &words, depth - 1, inserted);
        strings_free(&words);
        if (status >= 0) return status;
        strings_add(out, "--");
        *inserted = 1;
    }
    return -1;
}

static size_t find(const strings_t *l, const char *text) {
    size_t i = 0;
    while (i < l->n && strcmp(l->at[i], text) != 0) i++;
    return i;
}

/* Order: ERL_OTP25_FLAGS, ERL_AFLAGS, what is given, ERL_FLAGS, ERL_ZFLAGS, and last what follows
 * -extra. */
static int gather(strings_t *out, int argc, char **argv) {
    static const char *const before[] = {"ERL_OTP25_FLAGS", "ERL_AFLAGS"};
    static const char *const behind[] = {"ERL_FLAGS", "ERL_ZFLAGS"};
    strings_t all = {0}, given = {0};
    int inserted = 0;
    for (int i = 1; i < argc; i++) strings_add(&given, argv[i]);
    size_t extra = find(&given, "-extra");
    for (size_t i = 0; i < 2; i++) {
        const char *flags = getenv(before[i]);
        if (!flags || !*flags) continue;
        split(&all, flags, 0);
        strings_add(&all, "--");
        inserted = 1;
    }
    for (size_t i = 0; i < extra; i++) strings_add(&all, given.at[i]);
    for (size_t i = 0; i < 2; i++) {
        const char *flags = getenv(behind[i]);
        if (!flags || !*flags) continue;
        strings_add(&all, "--");
        split(&all, flags, 0);
        inserted = 1;
    }
    int status = expand_files(out, &all, 16, &inserted);
    if (inserted) strings_add(out, "--");
    for (size_t i = extra; i < given.n; i++) strings_add(out, given.at[i]);
    strings_free(&all);
    strings_free(&given);
    return status;
}

/* ---- the emulator's flags ---- */

enum { BARE, NUMBER, LOOSE, CHOICE, SCHEDULERS, ANY };
/* name is what follows the '+'; its value follows at once or is the next word. NUMBER: a decimal
 * number from min to max. LOOSE: as atoi reads it. CHOICE: one of the words in choices. */
typedef struct {
    const char *name;
    int kind;
    long min, max;
    const char *choices;
    const char *complaint; /* before the value */
} flag_t;

#define BOOLS       "true false"
#define WAITS       "none very_short short medium long very_long"
#define WAKEUPS     "very_low low medium high very_high"
#define MAX_THREADS 1024
#define MAX_TABLE   134217727

/* First letters of what follows +M: allocators, and switches for all of them. */
#define ALLOCATORS "BDEFHILMRSTXYdelu"

/* A longer name comes before its beginnings. */
static const flag_t flags[] = {
    {"A", LOOSE, 0, MAX_THREADS, NULL, "bad number of async threads"},
    {"a", NUMBER, 16, 8192, NULL, "bad stack size for async threads"},
    {"Bc", BARE, 0, 0, NULL, NULL},
    {"Bd", BARE, 0, 0, NULL, NULL},
    {"Bi", BARE, 0, 0, NULL, NULL},
    {"C", CHOICE, 0, 0, "no_time_warp single_time_warp multi_time_warp", "Invalid time warp mode:"},
    {"dcg", NUMBER, 0, LONG_MAX, NULL, "bad decentralized counter groups limit:"},
    {"d", BARE, 0, 0, NULL, NULL},
    {"e", LOOSE, LONG_MIN, LONG_MAX, NULL, NULL},
    {"hmaxel", CHOICE, 0, 0, BOOLS, "bad max heap error logger"},
    {"hmaxk", CHOICE, 0, 0, BOOLS, "bad max heap kill"},
    {"hmax", NUMBER, 0, LONG_MAX, NULL, "bad max heap size"},
    {"hmbs", NUMBER, 1, LONG_MAX, NULL, "bad minimum binary virtual heap size"},
    {"hms", NUMBER, 1, LONG_MAX, NULL, "bad heap size"},
    {"hmqd", CHOICE, 0, 0, "on_heap off_heap", "Invalid message_queue_data flag:"},
    {"hpds", NUMBER, 1, LONG_MAX, NULL, "bad initial process dictionary size"},
    {"h", NUMBER, 1, LONG_MAX, NULL, "bad heap size"},
    {"H", BARE, 0, 0, NULL, NULL},
    {"IOPp", NUMBER, 0, 100, NULL, "bad I/O pollsets percentage:"},
    {"IOPt", NUMBER, 0, 100, NULL, "bad I/O poll threads percentage:"},
    {"IOp", NUMBER, 1, MAX_THREADS, NULL, "bad I/O pollset number:"},
    {"IOt", NUMBER, 1, MAX_THREADS, NULL, "bad I/O poll threads number:"},
    {"IOs", CHOICE, 0, 0, BOOLS, "bad +IOs boolean argument:"},
    {"i", ANY, 0, 0, NULL, NULL},
    {"JPperf", CHOICE, 0, 0, BOOLS " map dump", "bad +JPperf support flag"},
    {"JDdump", CHOICE, 0, 0, BOOLS, "bad +JDdump flag"},
    {"K", ANY, 0, 0, NULL, NULL},
    {"L", BARE, 0, 0, NULL, NULL},
    {"M", ANY, 0, 0, NULL, NULL},
    {"n", CHOICE, 0, 0, "s a d", "bad -n option"},
    {"pc", CHOICE, 0, 0, "latin1 unicode", "bad range of printable characters:"},
    {"P", NUMBER, 1024, MAX_TABLE, "legacy", "bad number of processes"},
    {"Q", NUMBER, 1024, MAX_TABLE, "legacy", "bad number of ports"},
    {"R", NUMBER, 23, 25, NULL, "bad compatibility release number"},
    {"rg", NUMBER, 0, LONG_MAX, NULL, "bad reader groups limit:"},
    {"r", BARE, 0, 0, NULL, NULL},
    {"SDPcpu", SCHEDULERS, 0, 100, NULL, "bad dirty CPU schedulers percentage specifier"},
    {"SDcpu", SCHEDULERS, 1, MAX_THREADS, NULL, "bad amount of dirty CPU schedulers"},
    {"SDio", NUMBER, 1, MAX_THREADS, NULL, "bad number of dirty I/O schedulers"},
    {"SP", SCHEDULERS, 0, LONG_MAX, NULL, "bad schedulers percentage specifier"},
    {"S", SCHEDULERS, LONG_MIN, MAX_THREADS, NULL, "bad amount of schedulers"},
    {"sbt", CHOICE, 0, 0, "u ns ts ps s nnts nnps tnnps db", "bad scheduler bind type"},
    {"sbwtdcpu", CHOICE, 0, 0, WAITS, "bad dirty CPU scheduler busy wait threshold:"},
    {"sbwtdio", CHOICE, 0, 0, WAITS, "bad dirty IO scheduler busy wait threshold:"},
    {"sbwt", CHOICE, 0, 0, WAITS, "bad scheduler busy wait threshold:"},
    {"scl", CHOICE, 0, 0, BOOLS, "bad scheduler compact load value '"},
    {"sct", ANY, 0, 0, NULL, NULL},
    {"secio", ANY, 0, 0, NULL, NULL},
    {"sfwi", LOOSE, LONG_MIN, LONG_MAX, NULL, NULL},
    {"spp", CHOICE, 0, 0, BOOLS, "bad port parallelism scheduling hint"},
    {"ssrct", BARE, 0, 0, NULL, NULL},
    {"sssdcpu", NUMBER, 20, 8192, NULL, "bad stack size for dirty CPU scheduler threads"},
    {"sssdio", NUMBER, 20, 8192, NULL, "bad stack size for dirty IO scheduler threads"},
    {"sss", NUMBER, 20, 8192, NULL, "bad stack size for scheduler threads"},
    {"stbt", CHOICE, 0, 0, "u ns ts ps s nnts nnps tnnps db", "bad scheduler bind type"},
    {"sub", CHOICE, 0, 0, BOOLS, "bad scheduler utilization balancing  value '"},
    {"swct", CHOICE, 0, 0, "very_lazy lazy medium eager very_eager",
     "scheduler wake cleanup threshold:"},
    {"swtdcpu", CHOICE, 0, 0, WAKEUPS, "dirty CPU scheduler wakeup threshold:"},
    {"swtdio", CHOICE, 0, 0, WAKEUPS, "dirty IO scheduler wakeup threshold:"},
    {"swt", CHOICE, 0, 0, WAKEUPS, "scheduler wakeup threshold:"},
    {"sws", CHOICE, 0, 0, "default legacy proposal", "scheduler wakeup strategy:"},
    {"T", LOOSE, 0, 9, NULL, "bad modified timing level"},
    {"t", NUMBER, 8192, INT_MAX, NULL, "bad atom table size"},
    {"V", BARE, 0, 0, NULL, NULL},
    {"v", BARE, 0, 0, NULL, NULL},
    {"W", CHOICE, 0, 0, "i w e", "unrecognized warning_map option"},
    {"zdbbl", NUMBER, 1, 2097151, NULL, "Invalid dbbl limit:"},
    {"zdntgc", NUMBER, 0, 100000000, "infinity", "Invalid delayed node table gc:"},
    {"zebwt", CHOICE, 0, 0, WAITS, "Invalid ets busy wait threshold:"},
    {"zosrl", NUMBER, 1, MAX_TABLE, NULL, "Invalid outstanding requests limit"},
};

static const char *const usage_text =
    "Usage: ling-erl [-version] [-sname NAME | -name NAME] [-noshell] [-noinput] [-env VAR VALUE]\n"
    "  [-pa DIR ...] [-eval EXPR] [-s MOD FUN ARGS] [-boot FILE] [-config FILE] [-args_file FILE]\n"
    "  [+S SCHEDULERS] [+P PROCESSES] [+Q PORTS] [other flags of erl(1)] [-extra ARGS ...]\n";

static int refuse(const char *what, const char *value) {
    fprintf(stderr, "%s%s%s\n%s", what, *value ? " " : "", value, usage_text);
    return 1;
}

static int is_choice(const char *choices, const char *value) {
    size_t n = strlen(value);
    for (const char *c = choices; c && *c; c += strspn(c, " ")) {
        size_t len = strcspn(c, " ");
        if (len == n && strncmp(c, value, n) == 0) return 1;
        c += len;
    }
    return 0;
}

static int in_range(const flag_t *f, const char *value) {
    char *end;
    errno = 0;
    long n = strtol(value, &end, 10);
    if (f->kind == NUMBER && (*end || end == value)) return 0;
    return errno == 0 && n >= f->min && n <= f->max;
}

/* "N", "N:M" or ":M"; M must not be more than N. */
static int schedulers_good(const flag_t *f, const char *value, long *total) {
    char *end = (char *)(uintptr_t)value;
    long n = 0, online = 0;
    errno = 0;
    if (*value != ':') n = strtol(value, &end, 10);
    if ((end == value && *value != ':') || (*end && *end != ':')) return 0;
    if (*end == ':' && end[1]) {
        const char *second = end + 1;
        online = strtol(second, &end, 10);
        if (*end || end == second) return 0;
    }
    if (errno || n > f->max || online > f->max || (*value != ':' && n < f->min)) return 0;
    *total = n;
    return !(n > 0 && online > n);
}

static long cpu_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : n;
}

static void apply(erl_flags_t *out, const flag_t *f, const char *value, long total) {
    unsigned number = (unsigned)strtoul(value, NULL, 10);
    if (strcmp(f->name, "S") == 0) {
        long n = total > 0 ? total : cpu_count() + total;
        out->schedulers = n < 1 ? 1 : (unsigned)n;
    } else if (strcmp(f->name, "SP") == 0) {
        long n = (cpu_count() * total + 99) / 100;
        if (total) out->schedulers = n > MAX_THREADS ? MAX_THREADS : (unsigned)n;
    } else if (strcmp(f->name, "P") == 0) {
        out->max_processes = number;
    } else if (strcmp(f->name, "Q") == 0) {
        out->max_ports = number;
    } else if (strcmp(f->name, "hms") == 0 || strcmp(f->name, "h") == 0) {
        out->min_heap_words = number;
    } else if (strcmp(f->name, "SDcpu") == 0) {
        out->dirty_cpu = total > 0 ? (unsigned)total : 0;
    } else if (strcmp(f->name, "SDio") == 0) {
        out->dirty_io = number;
    } else if (strcmp(f->name, "pc") == 0) {
        out->unicode_printable = *value == 'u';
    } else if (strcmp(f->name, "C") == 0) {
        out->time_warp = *value == 's'   ? LING_TIME_SINGLE_WARP
                         : *value == 'm' ? LING_TIME_MULTI_WARP
                                         : LING_TIME_NO_WARP;
    } else if (strcmp(f->name, "W") == 0) {
        out->warning_map = *value == 'i' ? 1 : *value == 'e' ? 2 : 0;
    } else if (f->name[0] == 'B') {
        out->break_key = f->name[1] == 'c'   ? BREAK_KEY_SHELL
                         : f->name[1] == 'i' ? BREAK_KEY_IGNORE
                                             : BREAK_KEY_END;
    } else if (strcmp(f->name, "V") == 0) {
        out->emu_version = 1;
    }
}

static const flag_t *find_flag(const char *name) {
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        size_t n = strlen(flags[i].name);
        if (strncmp(name, flags[i].name, n) != 0) continue;
        if (flags[i].kind != BARE || !name[n]) return &flags[i];
    }
    return NULL;
}

/* Flags whose rules are not those of the table. -1: not one of them. */
static int special_flag(const char *name) {
    char text[160];
    if (name[0] == 'c' && !name[1]) return 0; /* +c: its value, if any, is the next word */
    if (strncmp(name, "fn", 2) == 0) {
        const char *mode = name + 2;
        if (*mode && strchr("ula", *mode) && (!mode[1] || (strchr("wie", mode[1]) && !mode[2])))
            return 0;
        snprintf(text, sizeof text,
                 "bad filename encoding %.40s, can be (l,u or a, optionally followed by w, i or e)",
                 *mode ? mode : "--");
        return refuse(text, "");
    }
    if (name[0] == 'B') {
        if (!name[1]) return 0;
        snprintf(text, sizeof text, "Missing argument(s) for '-%.40s'.", name);
        return refuse(text, "");
    }
    if (strncmp(name, "IO", 2) == 0) {
        snprintf(text, sizeof text, "Missing argument(s) for '+%.40s'.", name);
        return refuse(text, "");
    }
    return -1;
}

/* One flag; next: the word behind it or NULL. *used: whether next is its value. -1 or status. */
static int take_flag(erl_flags_t *out, const char *name, const char *next, int *used) {
    char text[160];
    *used = 0;
    const flag_t *f = find_flag(name);
    if (!f) {
        if (name[0] == 'c' && !name[1]) {
            *used = next && is_choice(BOOLS, next);
            out->no_time_correction = !(*used && *next == 't');
        }
        if (strcmp(name, "B") == 0) out->break_key = BREAK_KEY_END;
        int status = special_flag(name);
        if (status >= 0) return status ? status : -1;
        if (name[0] == 's' || name[0] == 'z') {
            snprintf(text, sizeof text,
                     name[0] == 's' ? "bad scheduling option -%.40s" : "bad -z option -%.40s",
                     name);
            return refuse(text, "");
        }
        snprintf(text, sizeof text, "ling-erl unknown flag -%.40s", name);
        return refuse(text, "");
    }
    if (f->kind == BARE) {
        apply(out, f, "", 0);
        return -1;
    }
    const char *value = name + strlen(f->name);
    if (f->name[0] == 'M' && (!*value || !strchr(ALLOCATORS, *value) || !value[1]))
        return refuse("bad \"M\" parameter", "");
    /* An allocator's switch is part of the word, its value the next one. */
    if (f->name[0] == 'M' || !*value) {
        if (!next) {
            snprintf(text, sizeof text, "Missing argument(s) for '+%.40s'.", name);
            return refuse(text, "");
        }
        value = next;
        *used = 1;
    }
    long total = 0;
    int good = 1;
    switch (f->kind) {
    case NUMBER: good = is_choice(f->choices, value) || in_range(f, value); break;
    case LOOSE: good = in_range(f, value); break;
    case CHOICE: good = is_choice(f->choices, value); break;
    case SCHEDULERS: good = schedulers_good(f, value, &total); break;
    default: break;
    }
    if (!good && total > 0) {
        snprintf(text, sizeof text,
                 "bad amount of schedulers online %ld (total amount of schedulers %ld)",
                 strtol(strchr(value, ':') + 1, NULL, 10), total);
        return refuse(text, "");
    }
    if (!good && strcmp(f->name, "sbt") == 0) {
        snprintf(text, sizeof text, "setting scheduler bind type '%.20s' failed: invalid type",
                 value);
        return refuse(text, "");
    }
    if (!good && f->complaint[strlen(f->complaint) - 1] == '\'') {
        snprintf(text, sizeof text, "%s%.20s'", f->complaint, value);
        return refuse(text, "");
    }
    if (!good) return refuse(f->complaint ? f->complaint : "bad value", value);
    apply(out, f, value, total);
    return -1;
}

/* ---- the whole line ---- */

static int missing(const char *flag) {
    char text[160];
    snprintf(text, sizeof text, "Missing argument(s) for '%.60s'.", flag);
    return refuse(text, "");
}

static int show_manual(char **page) {
    execvp("man", page);
    perror("man");
    return 1;
}

/* Options of the starter itself and those it writes in another way; else init's. */
static int take_option(erl_flags_t *f, const strings_t *in, size_t *i) {
    static const struct {
        const char *name, *init;
    } longer[] = {
        {"-noinput", "-noshell -noinput"},
        {"-detached", "-noshell -noinput"},
        {"-compile", "-noshell -noinput -s c lc_batch"},
        {"-make", "-noshell -noinput -s make all_or_nothing -s erlang halt"},
    };
    const char *name = in->at[*i];
    size_t left = in->n - *i - 1;
    for (size_t k = 0; k < sizeof longer / sizeof *longer; k++) {
        if (strcmp(name, longer[k].name) != 0) continue;
        split(&f->init, longer[k].init, 0);
        if (strcmp(name, "-detached") == 0) f->detached = 1;
        if (k >= 2) { /* ^C ends a compilation */
            strings_add(&f->emu, "-B");
            f->break_key = BREAK_KEY_END;
        }
        return -1;
    }
    if (strcmp(name, "-env") == 0) {
        if (left < 2) return missing(name);
        if (setenv(in->at[*i + 1], in->at[*i + 2], 1) != 0)
            return refuse("bad environment variable", in->at[*i + 1]);
        *i += 2;
    } else if (strcmp(name, "-emu_args") == 0) {
        f->show = SHOW_ARGS;
    } else if (strcmp(name, "-emu_args_exit") == 0) {
        f->show = SHOW_ARGS_EXIT;
    } else if (strcmp(name, "-emu_name_exit") == 0) {
        f->show = SHOW_NAME_EXIT;
    } else if (strcmp(name, "-emu_qouted_cmd_exit") == 0) {
        f->show = SHOW_COMMAND_EXIT;
    } else if (strcmp(name, "-version") == 0) {
        f->show_version = 1;
    } else if (strcmp(name, "-man") == 0) {
        return show_manual(in->at + *i);
    } else if (strcmp(name, "-smp") == 0 && left && strcmp(in->at[*i + 1], "disable") == 0) {
        return refuse("Argument '-smp disable' not supported. Use \"+S 1\" instead.", "");
    } else {
        strings_add(&f->init, name);
    }
    return -1;
}

/* + flags: checked at once where they are, since the emulator sees them in this order. */
static int take_plus(erl_flags_t *f, const strings_t *in, size_t *i) {
    const char *name = in->at[*i] + 1;
    const char *next = *i + 1 < in->n ? in->at[*i + 1] : NULL;
    char flag[4096];
    int used;
    int status = take_flag(f, name, next, &used);
    if (status >= 0) return status;
    snprintf(flag, sizeof flag, "-%s", name);
    strings_add(&f->emu, flag);
    if (used) strings_add(&f->emu, in->at[++*i]);
    return -1;
}

int erl_flags_parse(erl_flags_t *f, int argc, char **argv, const char *root, const char *bindir,
                    const char *progname) {
    *f = (erl_flags_t){0};
    strings_t in = {0};
    const char *home = getenv("HOME");
    const char *const own[] = {"--",     "-root", root,    "-bindir",         bindir, "-progname",
                               progname, "--",    "-home", home ? home : "/", "--"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) strings_add(&f->init, own[i]);
    int status = gather(&in, argc, argv);
    for (size_t i = 0; i < in.n && status < 0; i++) {
        if (strcmp(in.at[i], "-extra") == 0) {
            while (i < in.n) strings_add(&f->init, in.at[i++]);
        } else if (in.at[i][0] == '+') {
            status = take_plus(f, &in, &i);
        } else {
            status = take_option(f, &in, &i);
        }
    }
    strings_free(&in);
    return status;
}

void erl_flags_free(erl_flags_t *f) {
    strings_free(&f->emu);
    strings_free(&f->init);
}
