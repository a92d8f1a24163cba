/* host_sim_priv.h: what the files of the simulated host share. */
#ifndef LING_HOST_SIM_PRIV_H
#define LING_HOST_SIM_PRIV_H

#include "host/sim/host_sim.h"
#include "host/sim/sim_tree.h"

typedef struct sim_event {
    struct sim_event *next;
    uint64_t at;
    void (*fn)(void *user);
    void *user;
} sim_event_t;

typedef struct sim_input {
    struct sim_input *next;
    uint64_t at;
    size_t len; /* 0: end of input */
    uint8_t data[];
} sim_input_t;

typedef struct {
    char *data;
    size_t len, cap;
} sim_text_t;

struct host_stream {
    int which;
    host_read_fn fn;
    void *user;
};

typedef struct {
    host_t base;
    host_sim_options_t options;
    uint64_t now;
    uint64_t random[4]; /* xoshiro256** state */
    uint64_t trace;
    bool woken;
    sim_tree_t tree;
    char **env; /* NULL-ended */
    size_t env_count;
    sim_event_t *events; /* by time */
    sim_input_t *input, **input_last;
    host_stream_t streams[3];
    sim_text_t output[4];
    uint64_t fail[HOST_SIM_FAILS];
    size_t pages, files_open;
    struct sim_io_state *io; /* host_sim_io.c */
} sim_host_t;

enum {
    OP_CLOCK = 1,
    OP_WALL,
    OP_ENTROPY,
    OP_RESERVE,
    OP_RELEASE,
    OP_WAIT,
    OP_WAKE,
    OP_FILE,
    OP_DIR,
    OP_ENV,
    OP_READ,
    OP_WRITE,
    OP_EVENT
};

/* What goes through the table becomes part of the hash. */
void sim_trace(sim_host_t *s, int op, uint64_t value);
void sim_trace_bytes(sim_host_t *s, int op, const void *data, size_t len);
/* It is this call's turn to fail. */
bool sim_fails(sim_host_t *s, int what);
/* The wall clock, without charge. */
int64_t sim_seconds(const sim_host_t *s);

/* host_sim_file.c */
extern const host_file_ops_t sim_files;
int sim_file_load(host_t *h, const char *path, uint8_t **data, size_t *len);
void sim_file_free(host_t *h, uint8_t *data, size_t len);
int sim_dir_list(host_t *h, const char *path, bool (*fn)(void *user, const char *name), void *user);

/* host_sim.c, for host_sim_io.c */
struct sim_io_state **host_sim_io_state(host_t *h);
void host_sim_note(host_t *h, const void *data, size_t len); /* into the trace */
bool host_sim_fails(host_t *h, int what);

int sim_io_open(host_t *h, int fd, int direction, const host_io_events_t *ev, void *user,
                host_io_t **out);
int sim_io_read(host_t *h, host_io_t *io, bool on);
int sim_io_write(host_t *h, host_io_t *io, const uint8_t *data, size_t len, size_t *left);
void sim_io_flush(host_t *h, host_io_t *io);
void sim_io_close(host_t *h, host_io_t *io);
int sim_child_start(host_t *h, const host_program_t *what, host_exit_fn fn,
                    const host_io_events_t *ev, void *user, host_child_t **child, host_io_t **from,
                    host_io_t **to);
int64_t sim_child_pid(host_t *h, host_child_t *c);
void sim_child_forget(host_t *h, host_child_t *c);
int sim_tty_size(host_t *h, int fd, int *columns, int *rows);
int sim_tty_mode(host_t *h, int fd, int mode);
void sim_io_free(host_t *h);

#endif
