/* two_vms.c: two VMs in one program, each in a thread of its own. They share nothing. */
#include <pthread.h>
#include <stdio.h>
#include <ling/ling.h>

typedef struct {
    const char *call;
    char answer[200];
} job_t;

static void *run(void *arg) {
    job_t *job = arg;
    ling_vm_t *vm;
    snprintf(job->answer, sizeof job->answer, "failed");
    if (ling_create(&vm, NULL) != LING_OK) return NULL;
    ling_env_t *env = ling_env_new(vm);
    ling_term_t m, f, args, result;
    const char *module, *function;
    if (ling_parse_call(env, job->call, &m, &f, &args) == LING_OK &&
        ling_get_atom(vm, m, &module, NULL) == LING_OK &&
        ling_get_atom(vm, f, &function, NULL) == LING_OK) {
        ling_term_t argv[8];
        size_t argc = 0;
        while (argc < 8 && ling_get_cons(args, &argv[argc], &args) == LING_OK) argc++;
        if (ling_call(vm, env, module, function, argc, argv, LING_FOREVER, &result) == LING_OK)
            ling_format_term(vm, result, job->answer, sizeof job->answer);
    }
    ling_env_free(env);
    ling_destroy(vm);
    return NULL;
}

int main(void) {
    job_t jobs[2] = {{.call = "lists:reverse([1, 2, 3])"}, {.call = "lists:seq(1, 10, 3)"}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) return 1;
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        printf("%s = %s\n", jobs[i].call, jobs[i].answer);
    }
    return 0;
}
