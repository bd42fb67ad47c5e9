/*
 * Reading files whole. See file_bytes.h.
 */
#include "file_bytes.h"

#include <stdint.h>

#include "os.h"

enum { MODE_OPEN = 3, ACCESS_READ = 1, SIZE_MAX_READ = 16 << 20 };

/* Reads up to `size` bytes, or to the end if that comes before. */
static apm_error read_up_to(apm__os_file file, bool seekable, unsigned char *bytes, size_t size, size_t *done)
{
    apm_error error = APM_ERROR_SUCCESS;
    size_t part = 1;
    *done = 0;
    while (error == APM_ERROR_SUCCESS && part > 0 && *done < size) {
        error = apm__os_file_read(file, seekable, (int64_t)*done, bytes + *done, size - *done, &part);
        if (error == APM_ERROR_SUCCESS)
            *done += part;
    }
    return error;
}

apm_error apm__file_bytes_read(const char *path, void **bytes, size_t *size)
{
    apm__os_file file;
    bool seekable;
    int64_t length = 0;
    *bytes = NULL;
    *size = 0;
    apm_error error = apm__os_file_open(path, MODE_OPEN, ACCESS_READ, &file, &seekable);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = seekable ? apm__os_file_length(file, &length) : APM_ERROR_IO;
    if (error == APM_ERROR_SUCCESS && (length < 0 || length > SIZE_MAX_READ))
        error = APM_ERROR_IO;
    if (error == APM_ERROR_SUCCESS) {
        *bytes = apm__os_allocate((size_t)length + 1);
        error = *bytes ? read_up_to(file, seekable, *bytes, (size_t)length, size) : APM_ERROR_OUT_OF_MEMORY;
    }
    apm__os_file_close(file);
    if (error != APM_ERROR_SUCCESS) {
        apm__file_bytes_free(*bytes, (size_t)length);
        *bytes = NULL;
        *size = 0;
    }
    return error;
}

void apm__file_bytes_free(void *bytes, size_t size)
{
    volatile unsigned char *wiped = bytes; /* so that the compiler does not leave it out */
    for (size_t i = 0; bytes && i < size; i++)
        wiped[i] = 0;
    apm__os_free(bytes);
}

apm_error apm__file_bytes_read_system_roots(void **bytes, size_t *size)
{
    /* Where distributions keep them. */
    static const char *const paths[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                        "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    apm_error error = APM_ERROR_FILE_NOT_FOUND;
    const char *named = apm__os_environment("SSL_CERT_FILE"); /* as OpenSSL has it, and so .NET */
    if (named)
        return apm__file_bytes_read(named, bytes, size);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && error == APM_ERROR_FILE_NOT_FOUND; i++)
        error = apm__file_bytes_read(paths[i], bytes, size);
    return error == APM_ERROR_FILE_NOT_FOUND ? APM_ERROR_SUCCESS : error;
}
