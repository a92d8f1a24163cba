/* hello.c: calls a function of stock OTP from C. The README shows this file. */
#include <stdio.h>
#include <ling/ling.h>

int main(void) {
    ling_vm_t *vm;
    if (ling_create(&vm, NULL) != LING_OK) return 1;
    ling_env_t *env = ling_env_new(vm); /* holds our terms */
    ling_term_t list, sorted;
    char text[64];
    ling_parse_term(env, "[3, 1, 2]", &list);
    int rc = ling_call(vm, env, "lists", "sort", 1, &list, LING_FOREVER, &sorted);
    if (rc == LING_OK) {
        ling_format_term(vm, sorted, text, sizeof text);
        printf("lists:sort([3,1,2]) = %s\n", text);
    } else {
        fprintf(stderr, "%s: %s\n", ling_strerror(rc), ling_errmsg(vm));
    }
    ling_env_free(env);
    ling_destroy(vm);
    return rc != LING_OK;
}
