/* outlet.c: an outlet of our own: a driver in C behind Erlang ports. It says everything again in
 * capitals, a letter at a time on a timer, counts for port_control, and ends when it is told so.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <ling/outlet.h>

typedef struct {
    uint8_t text[256];
    size_t len, said;
} shout_t;

static int shout_open(ling_outlet_t *o, const ling_outlet_open_t *args, void *user, void **state) {
    (void)o, (void)args, (void)user;
    *state = calloc(1, sizeof(shout_t));
    return *state ? 0 : -ENOMEM;
}

static void shout_stop(ling_outlet_t *o) { free(ling_outlet_state(o)); }

/* port_command(Port, Text): the timer says it. An empty text ends the port. */
static int shout_output(ling_outlet_t *o, const uint8_t *data, size_t len) {
    shout_t *s = ling_outlet_state(o);
    if (len == 0) ling_outlet_eof(o);
    if (len > sizeof s->text - s->len) return -ENOSPC; /* the port ends with reason enospc */
    for (size_t i = 0; i < len; i++) s->text[s->len++] = (uint8_t)toupper(data[i]);
    ling_outlet_set_busy(o, 1); /* who sends more waits until this is said */
    ling_outlet_set_timer(o, 1000000);
    return 0;
}

static void shout_timeout(ling_outlet_t *o) {
    shout_t *s = ling_outlet_state(o);
    if (s->said < s->len) ling_outlet_new_data(o, s->text + s->said++, 1);
    if (s->said < s->len)
        ling_outlet_set_timer(o, 1000000);
    else
        ling_outlet_set_busy(o, 0);
}

/* port_control(Port, 1, []): how many letters were said. */
static int shout_control(ling_outlet_t *o, uint32_t op, const uint8_t *data, size_t len,
                         ling_outlet_reply_t *reply) {
    (void)data, (void)len;
    uint8_t n = (uint8_t)((shout_t *)ling_outlet_state(o))->said;
    return op == 1 ? ling_outlet_reply(reply, &n, 1) : LING_OUTLET_BADARG;
}

static const ling_outlet_driver_t shout = {
    .size = sizeof shout,
    .open = shout_open,
    .stop = shout_stop,
    .output = shout_output,
    .control = shout_control,
    .timeout = shout_timeout,
};

int main(void) {
    const char *paths[] = {BEAM_DIR};
    ling_options_t options = LING_OPTIONS_INIT;
    options.code_paths = paths;
    options.ncode_paths = 1;
    ling_vm_t *vm;
    if (ling_create(&vm, &options) != LING_OK) return 1;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t result;
    int rc = ling_register_outlet(vm, "shout", &shout, NULL, NULL);
    if (rc == LING_OK) rc = ling_call(vm, env, "shouter", "start", 0, NULL, LING_FOREVER, &result);
    if (rc != LING_OK) fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    ling_env_free(env);
    ling_destroy(vm);
    return rc != LING_OK;
}
