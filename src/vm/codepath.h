/* codepath.h: where modules come from when they are called for the first time: the modules built
 * into the library, directories added by the user, the library folders of an OTP installation.
 * codepath.c. Any thread.
 */
#ifndef LING_VM_CODEPATH_H
#define LING_VM_CODEPATH_H

#include "vm/code.h"

/* Beam files that are part of the library (src/lib). Ended by a row of zeros. */
typedef struct {
    const char *name;
    const uint8_t *data;
    size_t size;
} lib_module_t;
extern const lib_module_t lib_modules[];

#endif
