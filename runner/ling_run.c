/* ling_run.c: the command line that hosts one VM: runs a module's main/1 or start/0, evaluates
 * calls, checks modules. Stands on the public API alone.
 */
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <ling/ling.h>
#include "runner.h"

enum { EXIT_CRASH = 1, EXIT_USAGE = 2 };

static const char usage_text[] =
    "usage: ling-run [options] FILE.beam|MODULE [args...]\n"
    "       ling-run [options] -e 'MODULE:FUNCTION(LITERAL, ...)' ...\n"
    "Runs main/1 with the list of arguments if the module exports it, else start/0.\n"
    "  -pa DIR          look for modules in DIR first\n"
    "  -pz DIR          look for modules in DIR last\n"
    "  -p               print the value returned\n"
    "  -e CALL          evaluate a call with literal arguments and print its value; repeatable\n"
    "  --check          report what the module may reach and this VM does not have\n"
    "  --schedulers N   run Erlang code on N threads (0: on the main thread, the default)\n"
    "  --dirty-cpu N, --dirty-io N  threads for long and for blocking native code, at most\n"
    "  --max-processes N  how many processes there may be at once (default 262144)\n"
    "  --host uv|sim    real system (uv) or simulated host with virtual time (sim)\n"
    "  --seed N         seed of the simulated host\n"
    "  --time-warp no|single|multi  how Erlang time follows the wall clock (default no)\n"
    "  --no-time-correction  Erlang time is the wall clock's\n"
    "  --memory MB      limit of the VM's memory\n"
    "  --otp-root DIR   where OTP's lib directory is (default: ERL_ROOTDIR, or `erl` on PATH)\n"
    "  --stats          print figures to standard error at the end\n"
    "  --version        print versions\n"
    "  --help           this text\n"
    "Exit status: 0; 1 uncaught exception; 2 bad usage; N for halt(N).\n";

typedef struct {
    ling_options_t vm;
    const char *pa[64], *pz[64], *calls[64];
    size_t npa, npz, ncalls;
    int print, check, stats;
    const char *target;
    char **args;
    int nargs;
} options_t;

static int usage(const char *why, const char *what) {
    fprintf(stderr, "ling-run: %s%s%s\n%s", why, what ? " " : "", what ? what : "", usage_text);
    return EXIT_USAGE;
}

static int complain(ling_vm_t *vm, int rc, const char *what) {
    const char *more = ling_errmsg(vm);
    fprintf(stderr, "ling-run: %s: %s\n", what, *more ? more : ling_strerror(rc));
    return EXIT_CRASH;
}

/* ---- options ---- */

/* Long options may be written with one dash, as erl's are (-pa). -1: go on; else exit status. */
static int parse_options(options_t *o, int argc, char **argv) {
    enum {
        PA = 256,
        PZ,
        CHECK,
        SCHEDULERS,
        PROCESSES,
        DIRTY_CPU,
        DIRTY_IO,
        HOST,
        SEED,
        MEMORY,
        TIME_WARP,
        NO_CORRECTION,
        ROOT,
        STATS,
        VERSION,
        HELP
    };
    static const struct option longs[] = {
        {"pa", required_argument, NULL, PA},
        {"pz", required_argument, NULL, PZ},
        {"check", no_argument, NULL, CHECK},
        {"schedulers", required_argument, NULL, SCHEDULERS},
        {"dirty-cpu", required_argument, NULL, DIRTY_CPU},
        {"dirty-io", required_argument, NULL, DIRTY_IO},
        {"max-processes", required_argument, NULL, PROCESSES},
        {"host", required_argument, NULL, HOST},
        {"seed", required_argument, NULL, SEED},
        {"memory", required_argument, NULL, MEMORY},
        {"time-warp", required_argument, NULL, TIME_WARP},
        {"no-time-correction", no_argument, NULL, NO_CORRECTION},
        {"otp-root", required_argument, NULL, ROOT},
        {"stats", no_argument, NULL, STATS},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c; (c = getopt_long_only(argc, argv, "+pe:h", longs, NULL)) != -1;) {
        char *end = NULL;
        switch (c) {
        case PA:
            if (o->npa == 64) return usage("too many -pa", NULL);
            o->pa[o->npa++] = optarg;
            break;
        case PZ:
            if (o->npz == 64) return usage("too many -pz", NULL);
            o->pz[o->npz++] = optarg;
            break;
        case 'p': o->print = 1; break;
        case 'e':
            if (o->ncalls == 64) return usage("too many -e", NULL);
            o->calls[o->ncalls++] = optarg;
            break;
        case CHECK: o->check = 1; break;
        case SCHEDULERS: {
            unsigned long n = strtoul(optarg, &end, 10);
            if (*end || end == optarg || n > 1024) return usage("bad --schedulers", optarg);
            o->vm.schedulers = (unsigned)n;
            break;
        }
        case DIRTY_CPU:
        case DIRTY_IO: {
            unsigned long n = strtoul(optarg, &end, 10);
            if (*end || end == optarg || n < 1 || n > 1024)
                return usage(c == DIRTY_CPU ? "bad --dirty-cpu" : "bad --dirty-io", optarg);
            *(c == DIRTY_CPU ? &o->vm.dirty_cpu : &o->vm.dirty_io) = (unsigned)n;
            break;
        }
        case PROCESSES: {
            unsigned long n = strtoul(optarg, &end, 10);
            if (*end || end == optarg || n < 1024 || n > 1u << 27)
                return usage("bad --max-processes", optarg);
            o->vm.max_processes = (unsigned)n;
            break;
        }
        case HOST:
            if (strcmp(optarg, "uv") != 0 && strcmp(optarg, "sim") != 0)
                return usage("bad --host", optarg);
            o->vm.host = *optarg == 'u' ? LING_HOST_UV : LING_HOST_SIM;
            break;
        case SEED:
            o->vm.seed = strtoull(optarg, &end, 0);
            if (*end || end == optarg) return usage("bad --seed", optarg);
            break;
        case MEMORY: {
            unsigned long long mb = strtoull(optarg, &end, 10);
            if (*end || end == optarg || mb > SIZE_MAX >> 20) return usage("bad --memory", optarg);
            o->vm.memory_limit = (size_t)mb << 20;
            break;
        }
        case TIME_WARP:
            if (strcmp(optarg, "no") == 0)
                o->vm.time_warp = LING_TIME_NO_WARP;
            else if (strcmp(optarg, "single") == 0)
                o->vm.time_warp = LING_TIME_SINGLE_WARP;
            else if (strcmp(optarg, "multi") == 0)
                o->vm.time_warp = LING_TIME_MULTI_WARP;
            else
                return usage("bad --time-warp", optarg);
            break;
        case NO_CORRECTION: o->vm.no_time_correction = 1; break;
        case ROOT: o->vm.otp_root = optarg; break;
        case STATS: o->stats = 1; break;
        case VERSION:
            printf("ling-run %s (OTP %s)\n", LING_VERSION_STRING, LING_OTP_RELEASE);
            return 0;
        case 'h':
        case HELP: fputs(usage_text, stdout); return 0;
        default: return usage("unknown or incomplete option", argv[optind - 1]);
        }
    }
    o->target = optind < argc ? argv[optind] : NULL;
    o->args = argv + optind + 1;
    o->nargs = argc - optind - 1;
    if (!o->target && o->ncalls == 0) return usage("no module given", NULL);
    if (o->target && o->ncalls) return usage("-e takes no module; unexpected", o->target);
    if (o->vm.host == LING_HOST_SIM && o->vm.schedulers)
        return usage("--host sim runs with 0 schedulers", NULL);
    return -1;
}

/* ---- running ---- */

/* Runs ling_boot:main(M, F, Args, Print) and gives the exit status. */
static int run_main(ling_vm_t *vm, ling_env_t *env, ling_term_t m, ling_term_t f, ling_term_t args,
                    int print) {
    ling_term_t argv[] = {m, f, args, ling_make_bool(env, print)}, result;
    int rc = ling_call(vm, env, "ling_boot", "main", 4, argv, LING_FOREVER, &result);
    int64_t status = EXIT_CRASH;
    if (rc == LING_EHALTED) return ling_halt_status(vm) & 255;
    if (rc != LING_OK) return complain(vm, rc, "stopped");
    if (ling_get_int(result, &status) == LING_OK) return (int)status;
    /* {crash, Class, Reason, Stack}: there was no OTP to format it with. */
    size_t n = (size_t)ling_format_term(vm, result, NULL, 0) + 1;
    char *text = malloc(n);
    if (text && ling_format_term(vm, result, text, n) > 0) fprintf(stderr, "ling-run: %s\n", text);
    free(text);
    return EXIT_CRASH;
}

static int run_calls(ling_vm_t *vm, ling_env_t *env, const options_t *o) {
    int status = 0;
    for (size_t i = 0; i < o->ncalls && status == 0; i++) {
        ling_term_t m, f, args;
        int rc = ling_parse_call(env, o->calls[i], &m, &f, &args);
        if (rc != LING_OK) {
            const char *why = ling_env_errmsg(env);
            fprintf(stderr, "ling-run: -e: %s: %s\n", *why ? why : ling_strerror(rc), o->calls[i]);
            return EXIT_USAGE;
        }
        status = run_main(vm, env, m, f, args, 1);
        ling_env_clear(env);
    }
    return status;
}

/* The target's module: a file (something with .beam or a slash) or a name. 0 or exit status. */
static int load_target(ling_vm_t *vm, const char *target, char *module, size_t size) {
    size_t n = strlen(target);
    int rc;
    if (strchr(target, '/') || (n > 5 && strcmp(target + n - 5, ".beam") == 0)) {
        /* Modules beside the file are found, too. */
        char dir[PATH_MAX], *slash;
        snprintf(dir, sizeof dir, "%s", target);
        slash = strrchr(dir, '/');
        if (slash) {
            slash[slash == dir] = 0;
            ling_add_path(vm, dir, 1);
        }
        ling_term_t name;
        rc = ling_load_file(vm, target, &name);
        const char *text;
        if (rc == LING_OK && ling_get_atom(vm, name, &text, NULL) == LING_OK)
            snprintf(module, size, "%s", text);
    } else {
        rc = ling_load_module(vm, target);
        snprintf(module, size, "%s", target);
    }
    return rc == LING_OK ? 0 : complain(vm, rc, target);
}

/* An argument as a string; its bytes where it is no UTF-8. */
static ling_term_t make_arg(ling_env_t *env, const char *arg) {
    ling_term_t s = ling_make_string(env, arg);
    if (s != LING_NONE) return s;
    s = ling_make_nil(env);
    for (size_t i = strlen(arg); i > 0; i--)
        s = ling_make_cons(env, ling_make_int(env, (unsigned char)arg[i - 1]), s);
    return s;
}

static int run_target(ling_vm_t *vm, ling_env_t *env, const options_t *o) {
    char module[1024];
    int status = load_target(vm, o->target, module, sizeof module);
    if (status) return status;
    ling_term_t m = ling_make_atom(env, module), args = ling_make_nil(env), list = args;
    const char *function = "start";
    int has_main = ling_exports(vm, module, "main", 1);
    if (has_main == 1) {
        function = "main";
        for (int i = o->nargs; i > 0; i--) {
            list = ling_make_cons(env, make_arg(env, o->args[i - 1]), list);
        }
        args = ling_make_cons(env, list, args);
    } else if (ling_exports(vm, module, "start", 0) != 1) {
        fprintf(stderr, "ling-run: %s exports neither main/1 nor start/0\n", module);
        return EXIT_CRASH;
    }
    return run_main(vm, env, m, ling_make_atom(env, function), args, o->print);
}

/* ---- --check ---- */

static void print_report(void *user, const char *module, const char *text) {
    (void)user;
    printf("%s: %s\n", module, text);
}

static int check_target(ling_vm_t *vm, const options_t *o) {
    char name[PATH_MAX], *base, *dot;
    size_t n = strlen(o->target);
    snprintf(name, sizeof name, "%s", o->target);
    if (strchr(o->target, '/') || (n > 5 && strcmp(o->target + n - 5, ".beam") == 0)) {
        char dir[PATH_MAX];
        snprintf(dir, sizeof dir, "%s", o->target);
        ling_add_path(vm, dirname(dir), 1);
        base = basename(name);
        dot = strrchr(base, '.');
        if (dot) *dot = 0;
    } else {
        base = name;
    }
    size_t modules;
    int reports = ling_check(vm, base, print_report, NULL, &modules);
    if (reports < 0) return complain(vm, reports, o->target);
    printf("%zu modules looked at, %d things missing\n", modules, reports);
    return reports ? EXIT_CRASH : 0;
}

/* ---- figures ---- */

static void print_stats(ling_vm_t *vm) {
    ling_stats_t s = {.size = sizeof s};
    struct rusage u;
    if (ling_stats(vm, &s) != LING_OK) return;
    getrusage(RUSAGE_SELF, &u);
    fprintf(stderr,
            "memory %.1f MB in the VM, %.1f MB resident at most\n"
            "processes %llu, atoms %llu, modules %llu, timers %llu, schedulers %llu\n"
            "reductions %llu, up %.3f s, CPU %.3f s user %.3f s system\n",
            (double)s.memory / 1e6, (double)u.ru_maxrss / 1e3, (unsigned long long)s.processes,
            (unsigned long long)s.atoms, (unsigned long long)s.modules,
            (unsigned long long)s.timers, (unsigned long long)s.schedulers,
            (unsigned long long)s.reductions, (double)s.uptime_ns / 1e9,
            (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
            (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6);
    if (s.trace) fprintf(stderr, "trace %016llx\n", (unsigned long long)s.trace);
}

/* SIGINT is waited for by a thread of their own, since the VM cannot be called from a
 * signal handler. The first asks the VM to stop; the second, or a VM that does not, ends it. */
static sigset_t wanted_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    return set;
}
typedef struct {
    pthread_t thread;
    pthread_mutex_t lock;
    ling_vm_t *vm; /* NULL once it is being destroyed */
} watcher_t;

static void *wait_for_signals(void *arg) {
    watcher_t *w = arg;
    sigset_t set = wanted_signals();
    struct timespec grace = {5, 0};
    int number;
    if (sigwait(&set, &number) != 0) return NULL;
    pthread_mutex_lock(&w->lock);
    if (w->vm) ling_interrupt(w->vm);
    pthread_mutex_unlock(&w->lock);
    sigtimedwait(&set, NULL, &grace);
    _exit(EXIT_CRASH);
}

int main(int argc, char **argv) {
    const char *name = argc ? strrchr(argv[0], '/') : NULL;
    name = name ? name + 1 : argc ? argv[0] : "";
    if (strcmp(name, "ling-erl") == 0) return ling_erl_main(argc, argv);
    options_t o = {.vm = LING_OPTIONS_INIT};
    o.vm.os_signals = 1;
    int status = parse_options(&o, argc, argv);
    if (status >= 0) return status;
    signal(SIGPIPE, SIG_IGN);
    sigset_t set = wanted_signals(); /* blocked in all threads the VM starts, too */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ling_vm_t *vm;
    int rc = ling_create(&vm, &o.vm);
    if (rc != LING_OK) {
        fprintf(stderr, "ling-run: cannot create a VM: %s\n", ling_strerror(rc));
        return EXIT_CRASH;
    }
    ling_add_path(vm, ".", 1);
    for (size_t i = o.npa; i > 0; i--) ling_add_path(vm, o.pa[i - 1], 1);
    for (size_t i = 0; i < o.npz; i++) ling_add_path(vm, o.pz[i], 0);
    watcher_t watcher = {.lock = PTHREAD_MUTEX_INITIALIZER, .vm = vm};
    int watched = pthread_create(&watcher.thread, NULL, wait_for_signals, &watcher) == 0;
    ling_env_t *env = ling_env_new(vm);
    if (!env) {
        status = complain(vm, LING_ENOMEM, "start");
    } else {
        status = o.check    ? check_target(vm, &o)
                 : o.ncalls ? run_calls(vm, env, &o)
                            : run_target(vm, env, &o);
    }
    ling_flush(vm);
    fflush(stdout);
    if (o.stats) print_stats(vm);
    ling_env_free(env);
    pthread_mutex_lock(&watcher.lock);
    watcher.vm = NULL;
    pthread_mutex_unlock(&watcher.lock);
    fflush(NULL);
    if (ling_abandon(vm)) _exit(status);
    if (watched) {
        pthread_cancel(watcher.thread);
        pthread_join(watcher.thread, NULL);
    }
    return status;
}
