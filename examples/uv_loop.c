/* uv_loop.c: a VM inside a libuv loop that the program runs for its own purposes. */
#include <stdio.h>
#include <ling/uv.h>

static void on_tick(ling_env_t *env, ling_term_t message, void *user) {
    (void)user;
    char text[100];
    ling_format_term(ling_env_vm(env), message, text, sizeof text);
    printf("from Erlang: %s\n", text);
}

static int timer_ticks;
static void on_timer(uv_timer_t *t) {
    if (++timer_ticks == 3) uv_close((uv_handle_t *)t, NULL);
}

static void on_stop(ling_vm_t *vm, int status, void *user) {
    (void)vm, (void)user;
    printf("the VM has nothing left to do (%d)\n", status);
}

int main(int argc, char **argv) {
    uv_loop_t *loop = uv_default_loop();
    uv_timer_t timer;
    uv_timer_init(loop, &timer);
    uv_timer_start(&timer, on_timer, 1, 1);

    ling_vm_t *vm;
    ling_options_t options = LING_OPTIONS_INIT;
    const char *path = argc > 1 ? argv[1] : BEAM_DIR;
    options.code_paths = &path;
    options.ncode_paths = 1;
    if (ling_create(&vm, &options) != LING_OK) return 1;
    ling_term_t args[2];
    ling_mailbox_open(vm, on_tick, NULL, NULL, &args[0]);
    args[1] = ling_make_int(NULL, 3);
    ling_spawn(vm, "ticker", "start", 2, args, NULL);

    if (ling_uv_attach(vm, loop, on_stop, NULL) != LING_OK) return 1;
    uv_run(loop, UV_RUN_DEFAULT); /* returns when neither the VM nor the loop has work left */
    ling_uv_detach(vm);
    uv_run(loop, UV_RUN_DEFAULT); /* closes what the VM had in the loop */
    printf("the program's own timer: %d ticks\n", timer_ticks);
    ling_destroy(vm);
    return uv_loop_close(loop) != 0;
}
