/* ling_erl.c: `erl` on libling: boots the OTP installation of this machine, unmodified. Stands on
 * the public API; the command line is read in erl_flags.c.
 */
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>
#include <ling/ling.h>
#include "erl_flags.h"
#include "runner.h"

/* ROOT/erts-VERSION/bin, the last where there are several; "" where there is none. */
static void find_bindir(const char *root, char *bindir, size_t size) {
    char pattern[PATH_MAX];
    glob_t found;
    bindir[0] = 0;
    snprintf(pattern, sizeof pattern, "%s/erts-*/bin", root);
    if (glob(pattern, 0, NULL, &found) == 0)
        snprintf(bindir, size, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* PATH: bindir comes first, and root's bin where bindir was not on it. */
static void set_path(const char *root, const char *bindir) {
    const char *path = getenv("PATH"), *at = path ? path : "";
    size_t n = strlen(bindir), size = n + strlen(root) + strlen(at) + sizeof ":/bin:";
    char *out = malloc(size);
    if (!out) return;
    int len = snprintf(out, size, strstr(at, bindir) ? "%s" : "%s:%s/bin", bindir, root);
    if (!*at) out[len++] = ':';
    for (size_t part; *at; at += part + (at[part] == ':')) {
        part = strcspn(at, ":");
        if (part != n || memcmp(at, bindir, n) != 0)
            len += snprintf(out + len, size - (size_t)len, ":%.*s", (int)part, at);
    }
    out[len] = 0;
    setenv("PATH", out, 1);
    free(out);
}

/* What erl's start script leaves in the environment, for programs OTP starts (heart, inet_gethost,
 * slave nodes), which are on the PATH. */
static void set_environment(const char *root, const char *bindir, const char *progname) {
    setenv("ROOTDIR", root, 1);
    setenv("BINDIR", bindir, 1);
    setenv("EMU", "beam", 1);
    setenv("PROGNAME", progname, 1);
    set_path(root, bindir);
}

static void show(const erl_flags_t *f, const char *program) {
    switch (f->show) {
    case SHOW_NAME_EXIT: printf("%s\n", program); return;
    case SHOW_COMMAND_EXIT:
        printf("\"%s\" ", program);
        for (size_t i = 0; i < f->emu.n; i++) printf("\"%s\" ", f->emu.at[i]);
        for (size_t i = 0; i < f->init.n; i++) printf("\"%s\" ", f->init.at[i]);
        printf("\n");
        return;
    default: break;
    }
    for (size_t i = 0; i < f->emu.n; i++) printf("%s\n", f->emu.at[i]);
    for (size_t i = 0; i < f->init.n; i++) printf("%s\n", f->init.at[i]);
}

/* As a daemon: without a terminal, in a session of its own. 0 in the child. */
static int detach(void) {
    pid_t pid = fork();
    if (pid != 0) return pid < 0 ? 1 : -1;
    setsid();
    FILE *const streams[] = {stdin, stdout, stderr};
    for (size_t i = 0; i < 3; i++)
        if (!freopen("/dev/null", i ? "w" : "r", streams[i])) return 1;
    return 0;
}

static long cpu_count(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 1024 ? 1024 : n;
}

static int has_flag(const erl_flags_t *f, const char *flag) {
    for (size_t i = 0; i < f->init.n && strcmp(f->init.at[i], "-extra") != 0; i++)
        if (strcmp(f->init.at[i], flag) == 0) return 1;
    return 0;
}

/* How the program has to end: with native code still running, or as by abort(). */
enum { END, END_AT_ONCE, END_ABORT };

static int run(const erl_flags_t *f, const char *root, int *how) {
    ling_options_t o = LING_OPTIONS_INIT;
    static const int breaks[] = {LING_BREAK_MENU, LING_BREAK_MENU, LING_BREAK_IGNORE,
                                 LING_BREAK_NONE};
    o.os_signals = 1;
    o.break_key = breaks[f->break_key];
    /* As erl(1) has it: no dump where a time limit of 0 seconds leaves none for it, which is the
     * default with heart. */
    const char *dump = getenv("ERL_CRASH_DUMP"), *seconds = getenv("ERL_CRASH_DUMP_SECONDS");
    const char *bytes = getenv("ERL_CRASH_DUMP_BYTES");
    if (seconds ? strtol(seconds, NULL, 10) != 0 : !has_flag(f, "-heart"))
        o.crash_dump = dump ? dump : "erl_crash.dump";
    if (bytes) {
        o.crash_dump_bytes = strtoull(bytes, NULL, 10);
        if (o.crash_dump_bytes == 0) o.crash_dump = NULL;
    }
    ling_vm_t *vm;
    o.otp_root = root;
    o.schedulers = f->schedulers ? f->schedulers : (unsigned)cpu_count();
    o.max_processes = f->max_processes;
    o.min_heap_words = f->min_heap_words;
    o.dirty_cpu = f->dirty_cpu;
    o.dirty_io = f->dirty_io;
    o.unicode_printable = f->unicode_printable;
    o.warning_map = f->warning_map;
    o.time_warp = f->time_warp;
    o.no_time_correction = f->no_time_correction;
    int rc = ling_create(&vm, &o);
    if (rc != LING_OK) {
        fprintf(stderr, "ling-erl: cannot create a VM: %s\n", ling_strerror(rc));
        return 1;
    }
    int status = 1;
    /* init's arguments begin behind the `--` that ends the emulator's. */
    rc = ling_boot(vm, (const char *const *)f->init.at + 1, f->init.n - 1);
    if (rc == LING_OK) {
        ling_ref(vm); /* only halt ends it, however little there is to do */
        while ((rc = ling_run(vm, LING_RUN_DEFAULT)) == LING_EINTR) {
        }
    }
    int halted = rc == LING_EHALTED ? ling_halt_status(vm) : 0;
    if (rc == LING_EHALTED)
        status = halted & 255;
    else
        fprintf(stderr, "ling-erl: %s\n", *ling_errmsg(vm) ? ling_errmsg(vm) : ling_strerror(rc));
    ling_flush(vm);
    *how = ling_abandon(vm) ? END_AT_ONCE : END;
    if (halted == LING_HALT_ABORT) *how = END_ABORT;
    return status;
}

/* +Bc: ^C is a key, which OTP's shell takes to interrupt what it evaluates. */
static int take_break_key(struct termios *before) {
    if (tcgetattr(STDIN_FILENO, before) < 0) return 0;
    struct termios t = *before;
    t.c_cc[VINTR] = _POSIX_VDISABLE;
    return tcsetattr(STDIN_FILENO, TCSANOW, &t) == 0;
}

int ling_erl_main(int argc, char **argv) {
    char root[PATH_MAX] = "", bindir[PATH_MAX];
    const char *slash = strrchr(argv[0], '/'), *progname = slash ? slash + 1 : argv[0];
    erl_flags_t f;
    ling_find_otp(root, sizeof root);
    find_bindir(root, bindir, sizeof bindir);
    int status = erl_flags_parse(&f, argc, argv, root, bindir, progname);
    if (status < 0 && f.show != SHOW_NOTHING) show(&f, progname);
    if (status < 0 && f.show > SHOW_ARGS) status = 0;
    if (status < 0 && (f.show_version || f.emu_version)) {
        const char *erts = strstr(bindir, "/erts-");
        fprintf(stderr, "Erlang (SMP,ASYNC_THREADS) (LING) emulator version %.*s\n",
                erts ? (int)strcspn(erts + 6, "/") : 0, erts ? erts + 6 : "");
        status = 0;
    }
    if (status < 0 && !*root) {
        fputs("ling-erl: no OTP installation was found (ERL_ROOTDIR, or `erl` on PATH)\n", stderr);
        status = 1;
    }
    if (status < 0 && f.detached) {
        status = detach();
        if (status < 0)
            status = 0; /* the parent */
        else if (status == 0)
            status = -1;
    }
    if (status < 0) {
        set_environment(root, bindir, progname);
        signal(SIGPIPE, SIG_IGN);
        struct termios terminal;
        int taken = f.break_key == BREAK_KEY_SHELL && take_break_key(&terminal);
        int how = END;
        status = run(&f, root, &how);
        if (taken) tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
        if (how == END_ABORT) abort();
        if (how == END_AT_ONCE) {
            fflush(NULL);
            _exit(status);
        }
    }
    erl_flags_free(&f);
    return status;
}
