/* env.c: where the host's terms live. */
#include "api/api.h"
#include "vm/copy.h"

static bool env_init_heap(ling_env_t *env) {
    return proc_init_detached(env->vm, env->p, sizeof(proc_t) + ENV_WORDS * sizeof(term_t));
}

ling_env_t *ling_env_new(ling_vm_t *vm) {
    size_t head = (sizeof(ling_env_t) + 15) & ~(size_t)15;
    size_t size = head + sizeof(proc_t) + ENV_WORDS * sizeof(term_t);
    ling_env_t *env = mem_alloc(vm, size);
    if (!env) return NULL;
    *env = (ling_env_t){.vm = vm, .p = (proc_t *)((char *)env + head), .size = size};
    if (env_init_heap(env)) return env;
    mem_free(vm, env, size);
    return NULL;
}

void ling_env_free(ling_env_t *env) {
    if (!env || env->size == 0 || env->lent) return;
    heap_free(env->p);
    mem_free(env->vm, env, env->size);
}

void ling_env_clear(ling_env_t *env) {
    if (!env || env->size == 0 || env->lent) return;
    heap_free(env->p);
    env_init_heap(env); /* cannot fail: the heap is in the block */
}

ling_vm_t *ling_env_vm(ling_env_t *env) { return env->vm; }

const char *ling_env_errmsg(ling_env_t *env) { return env->errmsg; }

bool env_init_on(ling_env_t *env, proc_t *p) {
    *env = (ling_env_t){.vm = p->vm, .p = p, .in_call = true};
    return true;
}

ling_term_t ling_copy(ling_env_t *env, ling_term_t term) {
    if (!env || !is_term(term)) return LING_NONE;
    return env->in_call ? term_copy_to(env->p, term) : term_copy_all_to(env->p, term);
}
