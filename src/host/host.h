/* host.h: everything the machine asks of what it stands on.
 *
 * A host is a table of operations plus a pointer, chosen when a VM is created. All nondeterminism
 * (clocks, entropy, device bytes, threads) enters here, so a VM on the simulated host repeats
 * itself exactly from its seed. No layer above includes libuv, Xen or operating system headers.
 *
 * Thread rule: clocks, local times, os_pid, entropy, pages_*, wake, unpark, thread_*, files,
 * file_*, dir_list, env_*, lib_* and log may be called from any thread, and so may stream_write and
 * stream_flush on standard output and error. Everything else only from the thread that polls (the
 * one inside ling_run, or the loop's thread).
 */
#ifndef LING_HOST_H
#define LING_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_FOREVER UINT64_MAX

typedef struct host host_t;
typedef struct host_thread host_thread_t;
typedef struct host_parker host_parker_t;
typedef struct host_stream host_stream_t;
typedef struct host_io host_io_t;       /* a descriptor that never blocks */
typedef struct host_child host_child_t; /* a program that was started */

/* What a stream tells its user. Runs on the polling thread. data is only valid during the call;
 * len 0 with data NULL: end of file; negative len: an error, a negative errno value. */
typedef void (*host_read_fn)(void *user, const uint8_t *data, int64_t len);
/* A write has been handed to the system (status 0) or failed (negative errno). */
typedef void (*host_written_fn)(void *user, int status);

enum { HOST_STDIN = 0, HOST_STDOUT = 1, HOST_STDERR = 2 };
enum { HOST_LOG_DEBUG, HOST_LOG_INFO, HOST_LOG_WARNING, HOST_LOG_ERROR };

/* Signals of the operating system, and what happens when one comes. */
enum {
    HOST_SIGNAL_HUP,
    HOST_SIGNAL_QUIT,
    HOST_SIGNAL_ABRT,
    HOST_SIGNAL_ALRM,
    HOST_SIGNAL_TERM,
    HOST_SIGNAL_USR1,
    HOST_SIGNAL_USR2,
    HOST_SIGNAL_CHLD,
    HOST_SIGNAL_STOP,
    HOST_SIGNAL_TSTP,
    HOST_SIGNAL_INT,
    HOST_SIGNALS
};
enum { HOST_SIGNAL_DEFAULT, HOST_SIGNAL_IGNORE, HOST_SIGNAL_HANDLE };
/* Who uses a host_io_t. Both run on the polling thread, may be called from within io_read and may
 * close the descriptor. data is as host_read_fn; after the end or an error nothing more comes.
 * written: so many bytes of what was queued are left; status negative: they are lost. */
typedef struct {
    host_read_fn data;
    void (*written)(void *user, size_t left, int status);
} host_io_events_t;
/* A program ended: its exit status, or 128 + the number of the signal that ended it. */
typedef void (*host_exit_fn)(void *user, int status);

/* A program to start. */
typedef struct {
    const char *file;        /* its path */
    const char *const *argv; /* argv[0] included, NULL at the end */
    const char *const *env;  /* "NAME=value" ..., NULL at the end */
    const char *cd;          /* NULL: where we are */
    bool read, write;        /* make descriptors for its output, its input */
    bool stderr_too;         /* its standard error goes where its output goes */
    bool high;               /* they are its descriptors 4 and 3, not 1 and 0 */
} host_program_t;

enum { HOST_IO_READ = 1, HOST_IO_WRITE = 2 };
enum { HOST_TTY_RAW, HOST_TTY_RESTORE };

typedef struct host_ops {
    const char *name; /* "uv", "sim" ... */

    /* ---- clocks, entropy ---- */
    uint64_t (*monotonic_ns)(host_t *h); /* never goes back */
    int64_t (*wall_ns)(host_t *h);       /* since 1970-01-01 UTC */
    void (*entropy)(host_t *h, void *buf, size_t len);

    /* ---- memory by the page ----
     * reserve gives address space that reads as zero and costs memory only where it is touched;
     * NULL when there is none. */
    void *(*pages_reserve)(host_t *h, size_t bytes);
    void (*pages_release)(host_t *h, void *base, size_t bytes);
    /* Gives the memory behind a page-aligned part back; it reads as zero afterwards. */
    void (*pages_discard)(host_t *h, void *base, size_t bytes);

    /* ---- waiting ----
     * wait runs pending device callbacks, and sleeps until the deadline (in monotonic_ns time; 0:
     * only look; HOST_FOREVER: no deadline), a device event, or wake. A wake that comes before the
     * wait is not lost. Returns false when nothing can ever happen any more (simulated host). */
    bool (*wait)(host_t *h, uint64_t deadline_ns);
    void (*wake)(host_t *h);

    unsigned (*cpu_count)(host_t *h); /* processors; NULL: not known */

    /* ---- threads (may be NULL as a group: then only 0 schedulers are possible) ---- */
    int (*thread_start)(host_t *h, host_thread_t **out, void (*main)(void *), void *arg);
    void (*thread_join)(host_t *h, host_thread_t *t);
    host_parker_t *(*parker_new)(host_t *h); /* NULL: no memory */
    void (*parker_free)(host_t *h, host_parker_t *k);
    /* Sleeps until unpark or the deadline; an unpark that came first makes it return at once. */
    void (*park)(host_t *h, host_parker_t *k, uint64_t deadline_ns);
    void (*unpark)(host_t *h, host_parker_t *k);
    void (*yield)(host_t *h);

    /* ---- files ---- host_file.h; NULL: none */
    const struct host_file_ops *files;
    /* Whole files by name, blocking. 0 or a negative errno value. load's memory is given back with
     * file_free. */
    int (*file_load)(host_t *h, const char *path, uint8_t **data, size_t *len);
    void (*file_free)(host_t *h, uint8_t *data, size_t len);
    /* Calls fn for each name in a directory, without "." and ".."; stops when fn returns false. */
    int (*dir_list)(host_t *h, const char *path, bool (*fn)(void *user, const char *name),
                    void *user);
    /* Value of an environment variable, or NULL. Valid as long as nobody changes the environment.
     */
    const char *(*env_get)(host_t *h, const char *name);
    /* Calls fn with "NAME=value" for each variable; stops when fn returns false. */
    void (*env_each)(host_t *h, bool (*fn)(void *user, const char *entry), void *user);

    /* ---- streams: standard input, output, error ---- */
    int (*stream_open)(host_t *h, int which, host_stream_t **out);
    /* Starts (fn) or stops (NULL) reading. What came meanwhile may be handed over at once. */
    int (*stream_read)(host_t *h, host_stream_t *s, host_read_fn fn, void *user);
    /* Copies the bytes before it returns (or writes them: standard output and error are written
     * synchronously, in order). fn may be NULL; it may be called before this returns. */
    int (*stream_write)(host_t *h, host_stream_t *s, const uint8_t *data, size_t len,
                        host_written_fn fn, void *user);
    /* Blocks until all that was written is out. */
    void (*stream_flush)(host_t *h, host_stream_t *s);
    void (*stream_close)(host_t *h, host_stream_t *s);

    /* ---- shared libraries (NULL as a group where there are none) ----
     * NULL with a text in err when it fails. Any thread. */
    void *(*lib_open)(host_t *h, const char *path, char *err, size_t err_size);
    void *(*lib_symbol)(host_t *h, void *lib, const char *name, char *err, size_t err_size);
    void (*lib_close)(host_t *h, void *lib);
    /* ---- descriptors, programs, terminals ---- (NULL as a group: ports cannot use them)
     * 0 or a negative errno value. io_open takes a descriptor of the program's own, for one
     * direction; it stays open when the host_io_t is closed. */
    int (*io_open)(host_t *h, int fd, int direction, const host_io_events_t *ev, void *user,
                   host_io_t **out);
    /* Starts or stops reading. */
    int (*io_read)(host_t *h, host_io_t *io, bool on);
    /* Writes what goes at once and keeps a copy of the rest, *left bytes in all. */
    int (*io_write)(host_t *h, host_io_t *io, const uint8_t *data, size_t len, size_t *left);
    void (*io_flush)(host_t *h, host_io_t *io); /* blocks until all is out */
    void (*io_close)(host_t *h, host_io_t *io); /* what is queued is lost; no event follows */
    /* from, to: descriptors for the program's output and input, NULL where not asked for. */
    int (*child_start)(host_t *h, const host_program_t *what, host_exit_fn fn,
                       const host_io_events_t *ev, void *user, host_child_t **child,
                       host_io_t **from, host_io_t **to);
    int64_t (*child_pid)(host_t *h, host_child_t *c);
    void (*child_forget)(host_t *h, host_child_t *c); /* fn is not called any more */
    /* Size of the terminal behind a descriptor; -ENOTTY. */
    int (*tty_size)(host_t *h, int fd, int *columns, int *rows);
    /* Every key at once and no echo, or as it was before. The host restores it at its end, too. */
    int (*tty_mode)(host_t *h, int fd, int mode);

    /* ---- somebody at standard input, asked by the machine itself ---- (NULL as a group)
     * From begin to end the terminal, if there is one, is as the program found it. read blocks
     * until a line is there; 0: the end, -EINTR: SIGINT came, which begin lets end it. */
    int (*console_begin)(host_t *h);
    int64_t (*console_read)(host_t *h, char *buf, size_t size);
    void (*console_end)(host_t *h);

    void (*log)(host_t *h, int level, const char *text, size_t len);

    /* ---- signals of the operating system (NULL: there are none) ----
     * From now on a signal is handled as the system does, is ignored, or makes fn run on the
     * polling thread. 0 or a negative errno value (some cannot be changed). */
    int (*signal_set)(host_t *h, int which, int action, void (*fn)(void *user, int which),
                      void *user);

    /* ---- facts about the surroundings ---- */
    /* Seconds local time is east of UTC at a time given in seconds since 1970 UTC; *dst (may be
     * NULL): whether daylight saving time is in force then. */
    int32_t (*local_offset)(host_t *h, int64_t utc_seconds, bool *dst);
    /* The other way: UTC seconds of a local time (given as seconds since 1970, as if it were UTC).
     * dst: 1, 0 by the clock with or without daylight saving time, whatever is in force; -1 by what
     * is in force then. Times that exist twice or not at all are decided as the C library does.
     * false: there is no such time. */
    bool (*local_to_utc)(host_t *h, int64_t local_seconds, int dst, int64_t *utc_seconds);
    /* Processor time the program has used, ns. */
    uint64_t (*cpu_ns)(host_t *h);
    uint64_t (*os_pid)(host_t *h);
    /* The system's version in three numbers; may be NULL: zeros. */
    void (*os_version)(host_t *h, unsigned version[3]);

    /* Gives the host back; no callback runs afterwards. */
    void (*destroy)(host_t *h);
} host_ops_t;

/* Every host begins with its table. */
struct host {
    const host_ops_t *ops;
};

#endif
