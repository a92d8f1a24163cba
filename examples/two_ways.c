/* two_ways.c: C calls Erlang, Erlang calls C (at once, and with an answer that comes later from
 * another thread), and Erlang sends messages to C.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <ling/ling.h>

/* host:price(Item): answers at once, in the process that called. */
static int price(ling_env_t *env, size_t argc, const ling_term_t *argv, ling_term_t *result,
                 void *user) {
    (void)argc, (void)user;
    const char *item;
    if (ling_get_atom(ling_env_vm(env), argv[0], &item, NULL) != LING_OK) return LING_EINVAL;
    if (strcmp(item, "apple") == 0)
        *result = ling_make_int(env, 30);
    else if (strcmp(item, "melon") == 0)
        *result = ling_make_int(env, 250);
    else
        return ling_raise(env, LING_ERROR,
                          ling_make_tuple_of(env, 2, ling_make_atom(env, "no_price"), argv[0]));
    return LING_OK;
}

/* host:stock(Item): a thread looks it up; the caller's process sleeps meanwhile. */
typedef struct {
    ling_vm_t *vm;
    ling_token_t token;
    pthread_t thread;
    int apples;
} lookup_t;

static void *look_up(void *arg) {
    lookup_t *l = arg;
    usleep(10000);
    /* Numbers and atoms need no env, so this thread has none. */
    if (l->apples)
        ling_reply(l->vm, l->token, ling_make_int(NULL, 7));
    else
        ling_reply_raise(l->vm, l->token, LING_ERROR, ling_make_bool(NULL, 0));
    return NULL;
}

static int stock(ling_env_t *env, ling_token_t token, size_t argc, const ling_term_t *argv,
                 void *user) {
    (void)argc;
    lookup_t *l = user;
    if (l->thread) pthread_join(l->thread, NULL);
    l->vm = ling_env_vm(env);
    l->token = token;
    l->apples = ling_is_atom_named(l->vm, argv[0], "apple");
    return pthread_create(&l->thread, NULL, look_up, l) == 0 ? LING_OK : LING_ELIMIT;
}

static void on_message(ling_env_t *env, ling_term_t message, void *user) {
    char text[200];
    ling_format_term(ling_env_vm(env), message, text, sizeof text);
    printf("message for C: %s\n", text);
    (*(int *)user)++;
}

static int failed(ling_vm_t *vm, int rc, const char *what) {
    fprintf(stderr, "%s: %s %s\n", what, ling_strerror(rc), ling_errmsg(vm));
    return 1;
}

int main(int argc, char **argv) {
    ling_vm_t *vm;
    lookup_t lookup = {0};
    int messages = 0, rc;
    ling_options_t options = LING_OPTIONS_INIT;
    const char *path = argc > 1 ? argv[1] : BEAM_DIR;
    options.code_paths = &path;
    options.ncode_paths = 1;
    if ((rc = ling_create(&vm, &options)) != LING_OK) return 1;
    ling_env_t *env = ling_env_new(vm);
    ling_register(vm, "host", "price", 1, price, NULL, NULL);
    ling_register_async(vm, "host", "stock", 1, stock, &lookup, NULL);

    /* C calls Erlang, which calls C. */
    ling_term_t args[2], result;
    ling_parse_term(env, "[{apple, 3}, {melon, 2}]", &args[0]);
    rc = ling_call(vm, env, "shop", "total", 1, args, LING_FOREVER, &result);
    if (rc != LING_OK) return failed(vm, rc, "total");
    int64_t total;
    ling_get_int(result, &total);
    printf("total: %lld\n", (long long)total);

    /* An exception is a value, too. */
    ling_parse_term(env, "[{cherry, 1}]", &args[0]);
    rc = ling_call(vm, env, "shop", "total", 1, args, LING_FOREVER, &result);
    printf("cherries: %s\n", ling_strerror(rc));

    /* Processes that work while C runs the loop. */
    if (ling_mailbox_open(vm, on_message, &messages, NULL, &args[0]) != LING_OK) return 1;
    args[1] = ling_make_atom(env, "apple");
    ling_spawn(vm, "shop", "order", 2, args, NULL);
    while (messages < 1 && ling_run(vm, LING_RUN_ONCE) >= 0) {
    }
    args[1] = ling_make_atom(env, "melon");
    ling_spawn(vm, "shop", "order", 2, args, NULL);
    while (messages < 2 && ling_run(vm, LING_RUN_ONCE) >= 0) {
    }

    pthread_join(lookup.thread, NULL);
    ling_env_free(env);
    ling_destroy(vm);
    return messages != 2;
}
