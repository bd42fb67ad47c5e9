/*
 * What the tools have in common where TLS is asked for: certificates out of files, and what is said when that, or TLS
 * itself, is not to be had. Single threaded: called before a tool starts its work.
 */
#ifndef BENCH_TOOLS_TLS_FILES_H
#define BENCH_TOOLS_TLS_FILES_H

#include <apm/apm.h>

/* Both exit with a message that names the file where it cannot be read or is not what it should be. */

/* Reads a certificate, or several of them in PEM. */
apm_x509_certificate tls_read_certificate(const char *file);

/* The same with the key of the first one: of `key_file`, or of `file` where that is NULL. `password` may be NULL. */
apm_x509_certificate tls_read_identity(const char *file, const char *key_file, const char *password);

/* Exits with "program: what: the error" if it is one, or with a message that there is no TLS in this build. */
void tls_check(apm_error error, const char *what);

#endif
