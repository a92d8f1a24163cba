/* host_uv_tty.c: the mode and size of terminals, and the console: asking somebody at standard input
 * while all else stands still. Polling thread only.
 *
 * SIGINT belongs to the console from begin to end. Its handler knows nothing but a descriptor, the
 * one piece of state that is not the host's: only one VM of a program has the signals.
 */
#include "host/uv/host_uv_priv.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct uv_tty_saved {
    struct uv_tty_saved *next;
    int fd;
    struct termios mode; /* as it was found */
    struct termios now;
};

int uvh_tty_size(host_t *h, int fd, int *columns, int *rows) {
    (void)h;
    struct winsize w;
    if (ioctl(fd, TIOCGWINSZ, &w) < 0) return -errno;
    *columns = w.ws_col;
    *rows = w.ws_row;
    return 0;
}

int uvh_tty_mode(host_t *h, int fd, int mode) {
    uv_host_t *u = (uv_host_t *)h;
    struct uv_tty_saved *s = u->tty;
    while (s && s->fd != fd) s = s->next;
    if (mode == HOST_TTY_RESTORE) {
        if (s) {
            s->now = s->mode;
            tcsetattr(fd, TCSADRAIN, &s->mode);
        }
        return 0;
    }
    struct termios t;
    if (tcgetattr(fd, &t) < 0) return -errno;
    if (!s) {
        s = malloc(sizeof *s);
        if (!s) return -ENOMEM;
        *s = (struct uv_tty_saved){u->tty, fd, t, t};
        u->tty = s;
    }
    t = s->mode;
    /* Keys as they come; ^C and its like still make signals. */
    t.c_iflag &= ~(tcflag_t)(ISTRIP | INLCR);
    t.c_iflag |= ICRNL;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
#ifdef VDSUSP
    t.c_cc[VDSUSP] = 0;
#endif
    s->now = t;
    return tcsetattr(fd, TCSADRAIN, &t) < 0 ? -errno : 0;
}

void uvh_tty_restore(uv_host_t *u) {
    for (struct uv_tty_saved *s = u->tty, *next; s; s = next) {
        next = s->next;
        tcsetattr(s->fd, TCSADRAIN, &s->mode);
        free(s);
    }
    u->tty = NULL;
}

/* ---- the console ---- */

static volatile sig_atomic_t interrupt_fd;

static void on_interrupt(int number) {
    int error = errno;
    uint64_t one = 1;
    (void)number;
    if (write(interrupt_fd, &one, sizeof one) < 0) errno = EAGAIN; /* it is readable already */
    errno = error;
}

struct uv_console {
    int fd; /* readable: SIGINT came */
    struct sigaction before;
};

int uvh_console_begin(host_t *h) {
    uv_host_t *u = (uv_host_t *)h;
    struct uv_console *c = malloc(sizeof *c);
    if (!c) return -ENOMEM;
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0) {
        free(c);
        return -errno;
    }
    interrupt_fd = c->fd;
    struct sigaction sa = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &sa, &c->before);
    for (struct uv_tty_saved *s = u->tty; s; s = s->next) tcsetattr(s->fd, TCSADRAIN, &s->mode);
    u->console = c;
    return 0;
}

int64_t uvh_console_read(host_t *h, char *buf, size_t size) {
    uv_host_t *u = (uv_host_t *)h;
    for (;;) {
        struct pollfd p[2] = {{.fd = u->console->fd, .events = POLLIN},
                              {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR) return -errno;
        if (p[0].revents) return -EINTR;
        if (!p[1].revents) continue;
        ssize_t n = read(STDIN_FILENO, buf, size);
        if (n >= 0) return n;
        if (errno != EINTR && errno != EAGAIN) return -errno;
    }
}

void uvh_console_end(host_t *h) {
    uv_host_t *u = (uv_host_t *)h;
    struct uv_console *c = u->console;
    sigaction(SIGINT, &c->before, NULL);
    for (struct uv_tty_saved *s = u->tty; s; s = s->next) tcsetattr(s->fd, TCSADRAIN, &s->now);
    close(c->fd);
    free(c);
    u->console = NULL;
}
