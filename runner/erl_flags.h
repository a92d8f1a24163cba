/* erl_flags.h: the command line of `erl`: what belongs to the emulator, what to init. */
#ifndef LING_ERL_FLAGS_H
#define LING_ERL_FLAGS_H

#include <stddef.h>

/* A list of strings that belong to it, ended by NULL. */
typedef struct {
    char **at;
    size_t n, size;
} strings_t;
void strings_add(strings_t *l, const char *text);
void strings_free(strings_t *l);

typedef struct {
    strings_t emu;  /* the emulator's flags as given, with '-' for '+' */
    strings_t init; /* what init gets: `-- -root R ...` */
    enum { SHOW_NOTHING, SHOW_ARGS, SHOW_ARGS_EXIT, SHOW_NAME_EXIT, SHOW_COMMAND_EXIT } show;
    int show_version; /* erl -version */
    int detached;
    /* What the emulator's flags ask for; 0 or NULL: not given. */
    unsigned schedulers, max_processes, max_ports, min_heap_words, dirty_cpu, dirty_io;
    int unicode_printable, warning_map;
    int time_warp, no_time_correction; /* +C (LING_TIME_...), +c */
    int emu_version;                   /* +V */
    enum { BREAK_KEY_MENU, BREAK_KEY_SHELL, BREAK_KEY_IGNORE, BREAK_KEY_END } break_key; /* +B */
} erl_flags_t;

/* Reads argv and the environment's ERL_AFLAGS, ERL_FLAGS, ERL_ZFLAGS and ERL_OTP25_FLAGS, as
 * erlexec does; -env changes the environment. root and bindir may be "". Returns -1, or the exit
 * status after a message on standard error. erl_flags_free in both cases. */
int erl_flags_parse(erl_flags_t *f, int argc, char **argv, const char *root, const char *bindir,
                    const char *progname);
void erl_flags_free(erl_flags_t *f);

#endif
