/* boot.c: a program that boots OTP inside itself, starts an application of its own (tally) and
 * talks with it from its own loop.
 */
#include <stdio.h>
#include <ling/ling.h>

typedef struct {
    ling_vm_t *vm;
    int asked, answered, ready;
} host_t;

static void show(host_t *host, ling_term_t message) {
    char text[200];
    ling_format_term(host->vm, message, text, sizeof text);
    printf("from OTP: %s\n", text);
}

/* What Erlang processes send to `host`. */
static void on_message(ling_env_t *env, ling_term_t message, void *user) {
    host_t *host = user;
    (void)env;
    show(host, message);
    if (ling_is_atom_named(host->vm, message, "ready"))
        host->ready = 1;
    else
        host->answered++;
}

static int tell(host_t *host, ling_env_t *env, const char *message) {
    ling_term_t term;
    int rc = ling_parse_term(env, message, &term);
    if (rc == LING_OK) rc = ling_send(host->vm, ling_make_atom(env, "clerk"), term);
    return rc;
}

static int run(host_t *host) {
    static const char *const argv[] = {
        "-noshell", "-pa", BEAM_DIR "/tally", "-kernel", "logger_level",
        "error",    "-s",  "tally_host",
    };
    static const char *const messages[] = {"{count, apple}", "{count, pear}", "{count, apple}",
                                           "stop"};
    ling_vm_t *vm = host->vm;
    ling_term_t pid;
    int rc = ling_boot(vm, argv, sizeof argv / sizeof *argv);
    if (rc == LING_OK) rc = ling_mailbox_open(vm, on_message, host, NULL, &pid);
    if (rc == LING_OK) rc = ling_set_name(vm, "host", pid);
    if (rc != LING_OK) return rc;
    ling_env_t *env = ling_env_new(vm);
    if (!env) return LING_ENOMEM;
    ling_ref(vm); /* until OTP says that it has ended */
    while ((rc = ling_run(vm, LING_RUN_ONCE)) >= 0) {
        /* The program's own work would be here. */
        if (!host->ready || host->asked > host->answered) continue;
        if (host->asked < (int)(sizeof messages / sizeof *messages)) {
            int sent = tell(host, env, messages[host->asked++]);
            if (sent != LING_OK) fprintf(stderr, "%s\n", ling_strerror(sent));
        }
    }
    ling_env_free(env);
    return rc;
}

int main(void) {
    host_t host = {0};
    int rc = ling_create(&host.vm, NULL);
    if (rc != LING_OK) {
        fprintf(stderr, "no VM: %s\n", ling_strerror(rc));
        return 1;
    }
    rc = run(&host);
    if (rc == LING_EHALTED)
        printf("OTP ended with status %d\n", ling_halt_status(host.vm));
    else
        fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(host.vm));
    ling_flush(host.vm);
    ling_destroy(host.vm);
    return rc != LING_EHALTED;
}
