/*
 * Certificates: a certificate with those that were sent or stored behind it, and, where it is one's own, its private
 * key. A handle names something that never changes, and may be used by any number of contexts and connections at once.
 *
 * Every function may be called on any thread. Unless a function says otherwise its errors include
 * APM_ERROR_ARGUMENT_NULL for a null handle or a NULL pointer that is needed, APM_ERROR_ARGUMENT for a handle that was
 * never issued, APM_ERROR_OBJECT_DISPOSED for a certificate that is closed, APM_ERROR_OUT_OF_MEMORY, and
 * APM_ERROR_INVALID_OPERATION in a child process after fork. In a library that was built without TLS no certificate
 * can be made: APM_ERROR_NOT_SUPPORTED.
 */
#ifndef APM_X509_CERTIFICATE_H
#define APM_X509_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "apm/error.h"
#include "apm/export.h"
#include "apm/handle.h"

APM_BEGIN_DECLARATIONS

/*
 * Makes a certificate of bytes in memory: one in DER, or one or more in PEM, of which the first is the certificate and
 * the others stand behind it. The key is in DER or PEM, and may be encrypted with `password`; without one it is looked
 * for in `certificate`, if that is PEM, and a certificate without a key is made if there is none. The copies of the key
 * that the library makes are wiped when they are given back.
 *
 * `key` and `password` may be NULL.
 *
 * Errors   APM_ERROR_CRYPTOGRAPHIC the bytes are no certificate or no key, the password is wrong, or the key is that of
 *          another certificate; APM_ERROR_NOT_SUPPORTED the library was built without TLS.
 * .NET     X509Certificate2.CreateFromPem, CreateFromEncryptedPem, new X509Certificate2(byte[])
 */
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_create(const void *certificate, size_t certificate_size,
                                                             const void *key, size_t key_size, const char *password,
                                                             apm_x509_certificate *created);

/*
 * The same of files, which are read whole. `key_file` and `password` may be NULL.
 *
 * Blocks   for as long as reading takes.
 * Errors   those of apm_x509_certificate_create; APM_ERROR_FILE_NOT_FOUND; APM_ERROR_ACCESS_DENIED; APM_ERROR_IO, also
 *          for a file of more than 16 MiB; APM_ERROR_ARGUMENT `certificate_file` is empty.
 * .NET     X509Certificate2.CreateFromPemFile, CreateFromEncryptedPemFile
 */
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_create_file(const char *certificate_file, const char *key_file,
                                                                  const char *password, apm_x509_certificate *created);

/*
 * Closes the certificate. Contexts that were made with it keep what they need. Closing again succeeds and does nothing.
 *
 * Errors   APM_ERROR_ARGUMENT_NULL, APM_ERROR_ARGUMENT.
 * .NET     X509Certificate2.Dispose()
 */
APM_API apm_error apm_x509_certificate_close(apm_x509_certificate certificate);

/* Whether there is a private key; false for anything that is not an open certificate. .NET: HasPrivateKey */
APM_API bool apm_x509_certificate_has_private_key(apm_x509_certificate certificate);

/*
 * How many certificates there are: 1, and those behind it.
 *
 * .NET     X509Chain.ChainElements.Count
 */
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_count(apm_x509_certificate certificate, size_t *count);

/*
 * Who a certificate is of, and who issued it, as text such as `CN=example.org, O=Example`. `index` is 0 for the
 * certificate and more for those behind it. *size is the length of the text; no more than `capacity` bytes are copied,
 * and no zero byte after them. `text` may be NULL if `capacity` is 0.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE there is no certificate of that index; APM_ERROR_ARGUMENT_NULL.
 * .NET     X509Certificate.Subject, X509Certificate.Issuer
 */
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_subject(apm_x509_certificate certificate, size_t index,
                                                              char *text, size_t capacity, size_t *size);
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_issuer(apm_x509_certificate certificate, size_t index, char *text,
                                                             size_t capacity, size_t *size);

/*
 * The bytes of a certificate, in DER. *size is their number; no more than `capacity` bytes are copied. `buffer` may be
 * NULL if `capacity` is 0.
 *
 * Errors   APM_ERROR_ARGUMENT_OUT_OF_RANGE there is no certificate of that index; APM_ERROR_ARGUMENT_NULL.
 * .NET     X509Certificate.GetRawCertData()
 */
APM_API APM_MUST_CHECK apm_error apm_x509_certificate_raw_cert_data(apm_x509_certificate certificate, size_t index,
                                                                    void *buffer, size_t capacity, size_t *size);

APM_END_DECLARATIONS

#endif
