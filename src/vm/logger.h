/* logger.h: reports of the machine itself, for OTP's logger. logger.c */
#ifndef LING_VM_LOGGER_H
#define LING_VM_LOGGER_H

#include "vm/proc.h"

/* Sends {log, error, Format, Args, Metadata} about p to the system logger, as OTP's emulator does
 * for a process that crashed. args is a list on p's heap. false: nobody takes it (no OTP is running
 * or it has no logger yet, or no memory): the caller says it to the host. */
bool logger_error(proc_t *p, const char *format, term_t args);

#endif
