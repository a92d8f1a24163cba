/* host_sim.h: the simulated host: no thread, no real clock, no device. Two runs with the same seed
 * and the same script are equal to the last bit; host_sim_trace tells whether they were.
 *
 * Time stands still but for a small charge per reading of the clock, and jumps when the machine
 * waits. One thread only. Used by tests and by deterministic runs.
 */
#ifndef LING_HOST_SIM_H
#define LING_HOST_SIM_H

#include "host/host.h"

typedef struct {
    uint64_t start_ns; /* monotonic clock at the beginning; 0: 1 s */
    int64_t wall_ns;   /* wall clock at the beginning; 0: 2026-01-01 00:00:00 UTC */
    int64_t
        clock_step_ns;  /* charge per reading, so that busy waiting ends; 0: 100, negative: none */
    int32_t utc_offset; /* seconds east */
    bool real_files;    /* names that are not here are looked up in the real file system, which is
                         * never written to */
    size_t page_limit;  /* bytes pages_reserve gives at most; 0: no limit */
    size_t file_chunk;  /* bytes a read or write of an open file moves at most; 0: no limit */
} host_sim_options_t;

/* NULL: no memory. options may be NULL. */
host_t *host_sim_create(uint64_t seed, const host_sim_options_t *options);

/* ---- script ---- 0 or a negative errno value; data is copied */
/* A file by its path; directories are made, what is there is replaced. */
int host_sim_file_add(host_t *h, const char *path, const void *data, size_t len);
int host_sim_env_set(host_t *h, const char *name, const char *value);
/* Bytes that arrive on standard input at a time (in order of the calls); len 0: its end. */
int host_sim_input(host_t *h, uint64_t at_ns, const void *data, size_t len);
/* Calls fn(user) inside wait when the clock reaches a time. A device, as far as the machine can
 * tell. Equal times: in order of the calls. */
int host_sim_at(host_t *h, uint64_t at_ns, void (*fn)(void *user), void *user);

/* Sets the wall clock forward or back. */
void host_sim_set_wall(host_t *h, int64_t by_ns);

/* A program that child_start finds under a path. fn is called inside wait: at its start (data NULL,
 * len -1), with what it reads, at the end of its input (len 0). It answers with the functions
 * below, at once or later (host_sim_at), until it has ended. */
typedef struct host_sim_program host_sim_program_t;
typedef void (*host_sim_program_fn)(host_sim_program_t *p, const uint8_t *data, int64_t len,
                                    void *user);
int host_sim_program(host_t *h, const char *path, host_sim_program_fn fn, void *user);
const char *const *host_sim_program_argv(host_sim_program_t *p);
const char *const *host_sim_program_env(host_sim_program_t *p);
void host_sim_program_write(host_sim_program_t *p, const void *data, size_t len);
void host_sim_program_exit(host_sim_program_t *p, int status);
/* While it is stalled it does not read: what is written to it stays queued. */
void host_sim_program_stall(host_sim_program_t *p, bool stalled);

/* ---- faults ---- the k-th call from now on (1: the next) fails, then no more; 0: none. FILE: all
 * that looks at files (-EIO); WRITE: streams (-EIO) and what changes files (-ENOSPC). */
enum {
    HOST_SIM_FAIL_PAGES,
    HOST_SIM_FAIL_FILE,
    HOST_SIM_FAIL_WRITE,
    HOST_SIM_FAIL_CHILD,
    HOST_SIM_FAILS
};
void host_sim_fail(host_t *h, int what, uint64_t k);

/* ---- looking ---- */
/* What was written to HOST_STDOUT or HOST_STDERR so far, or logged (HOST_SIM_LOG). Valid until the
 * next write. */
enum { HOST_SIM_LOG = 3 };
const char *host_sim_output(host_t *h, int which, size_t *len);
void host_sim_output_clear(host_t *h, int which);
uint64_t host_sim_now(host_t *h); /* free of charge */
void host_sim_advance(host_t *h, uint64_t ns);
/* A hash of everything that went through the table so far. */
uint64_t host_sim_trace(host_t *h);
/* Bytes of pages that are reserved and not released; blocks of files not freed. For leak tests. */
size_t host_sim_pages(host_t *h);
size_t host_sim_files_open(host_t *h);

#endif
