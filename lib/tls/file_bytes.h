/*
 * Files that are read whole: certificates and keys. Any thread; blocks as long as reading takes.
 */
#ifndef APM__FILE_BYTES_H
#define APM__FILE_BYTES_H

#include <stddef.h>

#include "apm/error.h"

/* *bytes are for apm__file_bytes_free. FILE_NOT_FOUND, ACCESS_DENIED, OUT_OF_MEMORY; IO, also for more than 16 MiB. */
apm_error apm__file_bytes_read(const char *path, void **bytes, size_t *size);

/* Wipes them, since they may be a key. `bytes` may be NULL. */
void apm__file_bytes_free(void *bytes, size_t size);

/* What the system trusts, in PEM; nothing, and success, if there is no such file. */
apm_error apm__file_bytes_read_system_roots(void **bytes, size_t *size);

#endif
