/*
 * errno to apm_error: the one place where POSIX's codes are translated, for the os_*.c files only.
 */
#ifndef APM__OS_POSIX_ERROR_H
#define APM__OS_POSIX_ERROR_H

#include "apm/error.h"
#include "os.h"

/* Translates the code as .NET does and keeps it as the thread's native error. */
APM__COLD apm_error apm__os_translate(int code);

/* The same for errno, if `failed`; otherwise success. */
apm_error apm__os_outcome(int failed);

#endif
