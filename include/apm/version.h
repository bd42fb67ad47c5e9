/*
 * The library's version: of the headers a program was compiled with, and of the library it runs with.
 */
#ifndef APM_VERSION_H
#define APM_VERSION_H

#include "apm/export.h"

#define APM_VERSION_MAJOR 0
#define APM_VERSION_MINOR 1
#define APM_VERSION_PATCH 0
#define APM_VERSION_STRING "0.1.0"

APM_BEGIN_DECLARATIONS

/* The version of the library that runs, such as "0.1.0". The string is static. */
APM_API const char *apm_version(void);

APM_END_DECLARATIONS

#endif
