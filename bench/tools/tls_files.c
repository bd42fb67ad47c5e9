/*
 * Owns the reading of certificates for the tools, and the wording of what is wrong with them.
 */
#include "tls_files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command_line.h"

void tls_check(apm_error error, const char *what)
{
    if (error == APM_ERROR_NOT_SUPPORTED)
        command_line_fail("the library was built without TLS");
    if (error != APM_ERROR_SUCCESS)
        command_line_fail("%s: %s (%s)", what, apm_error_message(error), apm_error_name(error));
}

/* The library says that one of the files cannot be read; this says which one, and why. */
static void check_file(const char *file)
{
    FILE *stream = fopen(file, "rb");

    if (stream == NULL)
        command_line_fail("%s: %s", file, strerror(errno));
    fclose(stream);
}

static apm_x509_certificate read_files(const char *file, const char *key_file, const char *password, const char *wrong)
{
    const char *read = key_file != NULL ? key_file : file;
    apm_x509_certificate certificate;
    apm_error error;

    check_file(read);
    error = apm_x509_certificate_create_file(file, key_file, password, &certificate);
    if (error == APM_ERROR_CRYPTOGRAPHIC)
        command_line_fail("%s: %s", read, wrong);
    tls_check(error, read);
    return certificate;
}

apm_x509_certificate tls_read_certificate(const char *file)
{
    return read_files(file, NULL, NULL, "this is no certificate");
}

apm_x509_certificate tls_read_identity(const char *file, const char *key_file, const char *password)
{
    apm_x509_certificate certificate = read_files(file, NULL, password,
                                                  password == NULL
                                                      ? "this is no certificate, or its key needs --password"
                                                      : "this is no certificate, or the password is wrong");

    if (key_file != NULL) {
        apm_x509_certificate_close(certificate);
        certificate = read_files(file, key_file, password,
                                 password == NULL
                                     ? "this is no key, or that of another certificate, or needs --password"
                                     : "this is no key, or that of another certificate, or the password "
                                       "is wrong");
    }
    if (!apm_x509_certificate_has_private_key(certificate))
        command_line_fail("%s: it has no private key; --key FILE names it", file);
    return certificate;
}
