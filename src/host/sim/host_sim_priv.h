/* host_sim_priv.h: what the files of the simulated host share. */
#ifndef LING_HOST_SIM_PRIV_H
#define LING_HOST_SIM_PRIV_H

#include "host/sim/host_sim.h"

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
