/* ling/version.h: the version of the headers; ling_version() gives that of the library. */
#ifndef LING_VERSION_H
#define LING_VERSION_H

#define LING_VERSION_MAJOR  0
#define LING_VERSION_MINOR  1
#define LING_VERSION_PATCH  0
#define LING_VERSION_STRING "0.1.0"
/* 0xMMmmpp, for comparison in #if. */
#define LING_VERSION_HEX (LING_VERSION_MAJOR << 16 | LING_VERSION_MINOR << 8 | LING_VERSION_PATCH)
/* The OTP release whose behaviour this VM follows. */
#define LING_OTP_RELEASE "25"

#endif
