/* bif_tables.c: the list of all BIF tables. Each is defined in the C file of its subject; the order
 * does not matter. Used when a VM is created (exports) and by tools that report what exists. */
#include "vm/bif_tables.h"

#define TABLES(T)                                                                                  \
    T(bifs_terms)        /* bif_terms.c: comparison, type tests, hashes */                         \
    T(bifs_tuples)       /* bif_tuples.c */                                                        \
    T(bifs_atoms)        /* bif_atoms.c */                                                         \
    T(bifs_identity)     /* bif_identity.c: pids, ports, references */                             \
    T(bifs_funs)         /* bif_funs.c */                                                          \
    T(bifs_lists)        /* bif_lists.c */                                                         \
    T(bifs_arith)        /* arith.c: operators */                                                  \
    T(bifs_numbers)      /* bif_numbers.c: conversions, math */                                    \
    T(bifs_binary)       /* bif_binary.c */                                                        \
    T(bifs_search)       /* bif_search.c: binary:match and its kin */                              \
    T(bifs_unicode)      /* bif_unicode.c */                                                       \
    T(bifs_digest)       /* bif_digest.c: md5, crc32, adler32 */                                   \
    T(bifs_maps)         /* bif_maps.c */                                                          \
    T(bifs_etf)          /* bif_etf.c */                                                           \
    T(bifs_code)         /* bif_code.c */                                                          \
    T(bifs_process)      /* bif_process.c: sending, names, dictionary, who is there */             \
    T(bifs_spawn)        /* bif_spawn.c */                                                         \
    T(bifs_link)         /* bif_link.c: links, monitors, aliases */                                \
    T(bifs_process_flag) /* bif_process_flag.c */                                                  \
    T(bifs_suspend)      /* bif_suspend.c: suspending, system tasks */                             \
    T(bifs_process_info) /* bif_process_info.c */                                                  \
    T(bifs_info)         /* bif_info.c: system_info, system_flag, statistics, nodes */             \
    T(bifs_memory)       /* bif_memory.c: memory, instrument */                                    \
    T(bifs_time)         /* bif_time.c: clocks, timers */                                          \
    T(bifs_error)        /* error.c: raise, error, exit, throw */                                  \
    T(bifs_sysmon)       /* sysmon.c: system_monitor, system_profile */                            \
    T(bifs_trace)        /* bif_trace.c: trace, trace_pattern, trace_info */                       \
    T(bifs_seq_trace)    /* seq_trace.c */                                                         \
    T(bifs_io)           /* bif_io.c: console of the bare mode, display, halt, os */               \
    T(bifs_os_signal)    /* os_signal.c */                                                         \
    T(bifs_shared)       /* bif_shared.c: persistent_term, atomics, counters */                    \
    T(bifs_re)           /* bif_re.c: regular expressions */                                       \
    T(bifs_port)         /* outlet/bif_port.c: ports */                                            \
    T(bifs_packet)       /* outlet/bif_packet.c: decode_packet */                                  \
    T(bifs_ets)          /* bif_ets.c: tables, their keys */                                       \
    T(bifs_ets_info)     /* bif_ets_info.c */                                                      \
    T(bifs_ets_update)   /* bif_ets_update.c */                                                    \
    T(bifs_ets_select)   /* bif_ets_select.c: whole tables */                                      \
    T(bifs_match_spec)   /* bif_match_spec.c */                                                    \
    T(bifs_ets_rest)     /* ets_rest.c: tables: many objects at once */                            \
    T(bifs_ddll)         /* outlet/bif_ddll.c: erl_ddll */                                         \
    T(bifs_debug)        /* bif_debug.c: for tests and tools */                                    \
    T(bifs_alone)        /* bif_alone.c: distribution and debugging where there is none */         \
    T(bifs_engine)       /* engine_bifs.c: apply, hibernate, garbage_collect ... */

#define EXTERN(name) extern const bif_def_t name[];
TABLES(EXTERN)

#define ROW(name) name,
const bif_def_t *const bif_tables[] = {TABLES(ROW) NULL};
