/*
 * Handles of certificates: apm/x509_certificate.h. Any thread. See x509_certificate.h.
 *
 * The slot's references: the program's, which close drops, and those of calls in progress. The last one gives its
 * holder's share of the certificate back.
 */
#include "x509_certificate.h"

#include <string.h>

#include "file_bytes.h"
#include "os.h"

struct holder {
    struct apm__slot slot;                    /* first: the table's view */
    struct apm__tls_certificate *certificate; /* immutable while the handle lives */
};

struct apm__slot_table apm__x509_certificates = APM__SLOT_TABLE(APM__KIND_X509_CERTIFICATE, struct holder, NULL);

static void release(struct holder *holder)
{
    if (!apm__slot_release(&holder->slot))
        return;
    apm__tls_certificate_destroy(holder->certificate);
    holder->certificate = NULL;
    apm__slot_free(&apm__x509_certificates, &holder->slot);
}

void apm__x509_certificate_release(struct apm__slot *slot)
{
    release((struct holder *)slot);
}

static apm_error hold(apm_x509_certificate handle, struct holder **holder)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_acquire(&apm__x509_certificates, handle.bits, APM__SLOT_CLOSED, &slot);
    *holder = (struct holder *)slot;
    return error;
}

/* Gives the certificate, whose holder is the handle from then on, a handle. */
static apm_error publish(struct apm__tls_certificate *certificate, apm_x509_certificate *handle)
{
    struct holder *holder = (struct holder *)apm__slot_allocate(&apm__x509_certificates);
    if (!holder) {
        apm__tls_certificate_destroy(certificate);
        return APM_ERROR_OUT_OF_MEMORY;
    }
    holder->certificate = certificate;
    apm__slot_publish(&holder->slot, 1, 0);
    handle->bits = apm__slot_handle(&holder->slot);
    apm__tls_join_cleanup();
    return APM_ERROR_SUCCESS;
}

apm_error apm__x509_certificate_share(const struct apm__tls_certificate *certificate, apm_x509_certificate *handle)
{
    *handle = (apm_x509_certificate)APM_NULL_HANDLE;
    return certificate ? publish(apm__tls_certificate_retain(certificate), handle) : APM_ERROR_SUCCESS;
}

apm_error apm__x509_certificate_take(apm_x509_certificate handle, struct apm__tls_certificate **certificate)
{
    struct holder *holder;
    *certificate = NULL;
    if (apm_x509_certificate_is_null(handle))
        return APM_ERROR_SUCCESS;
    apm_error error = hold(handle, &holder);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *certificate = apm__tls_certificate_retain(holder->certificate);
    release(holder);
    return APM_ERROR_SUCCESS;
}

/* -- Making and closing -------------------------------------------------------------------------------------------- */

apm_error apm_x509_certificate_create(const void *certificate, size_t certificate_size, const void *key,
                                      size_t key_size, const char *password, apm_x509_certificate *created)
{
    struct apm__tls_certificate *made;
    if (!created)
        return APM_ERROR_ARGUMENT_NULL;
    *created = (apm_x509_certificate)APM_NULL_HANDLE;
    if (!certificate)
        return APM_ERROR_ARGUMENT_NULL;
    if (apm__process_is_forked_child())
        return APM_ERROR_INVALID_OPERATION;
    if (certificate_size >= SIZE_MAX / 2 || key_size >= SIZE_MAX / 2)
        return APM_ERROR_CRYPTOGRAPHIC;
    struct apm__tls_bytes bytes = {certificate, certificate_size};
    struct apm__tls_bytes of_key = {key, key_size};
    apm_error error = apm__tls_certificate_create(bytes, of_key, password, &made);
    return error == APM_ERROR_SUCCESS ? publish(made, created) : error;
}

apm_error apm_x509_certificate_create_file(const char *certificate_file, const char *key_file, const char *password,
                                           apm_x509_certificate *created)
{
    void *certificate;
    void *key = NULL;
    size_t certificate_size;
    size_t key_size = 0;
    if (!created)
        return APM_ERROR_ARGUMENT_NULL;
    *created = (apm_x509_certificate)APM_NULL_HANDLE;
    if (!certificate_file)
        return APM_ERROR_ARGUMENT_NULL;
    if (certificate_file[0] == '\0')
        return APM_ERROR_ARGUMENT;
    apm_error error = apm__file_bytes_read(certificate_file, &certificate, &certificate_size);
    if (error == APM_ERROR_SUCCESS && key_file)
        error = apm__file_bytes_read(key_file, &key, &key_size);
    if (error == APM_ERROR_SUCCESS)
        error = apm_x509_certificate_create(certificate, certificate_size, key, key_size, password, created);
    apm__file_bytes_free(certificate, certificate_size);
    apm__file_bytes_free(key, key_size);
    return error;
}

static bool fits_any(const struct apm__slot *slot, const void *context)
{
    (void)slot;
    (void)context;
    return true;
}

apm_error apm_x509_certificate_close(apm_x509_certificate handle)
{
    struct apm__slot *slot;
    apm_error error = apm__slot_mark(&apm__x509_certificates, handle.bits, APM__SLOT_CLOSED, fits_any, NULL, &slot);
    if (error != APM_ERROR_SUCCESS)
        return error == APM_ERROR_OBJECT_DISPOSED ? APM_ERROR_SUCCESS : error;
    release((struct holder *)slot); /* the program's reference */
    return APM_ERROR_SUCCESS;
}

/* -- Properties ---------------------------------------------------------------------------------------------------- */

bool apm_x509_certificate_has_private_key(apm_x509_certificate handle)
{
    struct holder *holder;
    if (hold(handle, &holder) != APM_ERROR_SUCCESS)
        return false;
    bool has = apm__tls_certificate_has_key(holder->certificate);
    release(holder);
    return has;
}

apm_error apm_x509_certificate_count(apm_x509_certificate handle, size_t *count)
{
    struct holder *holder;
    if (!count)
        return APM_ERROR_ARGUMENT_NULL;
    *count = 0;
    apm_error error = hold(handle, &holder);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *count = apm__tls_certificate_count(holder->certificate);
    release(holder);
    return APM_ERROR_SUCCESS;
}

static apm_error name(apm_x509_certificate handle, size_t index, bool of_issuer, char *text, size_t capacity,
                      size_t *size)
{
    struct holder *holder;
    char whole[1024];
    if (!size)
        return APM_ERROR_ARGUMENT_NULL;
    *size = 0;
    if (!text && capacity > 0)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = hold(handle, &holder);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (!apm__tls_certificate_name(holder->certificate, index, of_issuer, whole, sizeof whole))
        error = APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    release(holder);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *size = strlen(whole);
    if (capacity > 0)
        memcpy(text, whole, capacity < *size ? capacity : *size);
    return APM_ERROR_SUCCESS;
}

apm_error apm_x509_certificate_subject(apm_x509_certificate certificate, size_t index, char *text, size_t capacity,
                                       size_t *size)
{
    return name(certificate, index, false, text, capacity, size);
}

apm_error apm_x509_certificate_issuer(apm_x509_certificate certificate, size_t index, char *text, size_t capacity,
                                      size_t *size)
{
    return name(certificate, index, true, text, capacity, size);
}

apm_error apm_x509_certificate_raw_cert_data(apm_x509_certificate handle, size_t index, void *buffer, size_t capacity,
                                             size_t *size)
{
    struct holder *holder;
    if (!size)
        return APM_ERROR_ARGUMENT_NULL;
    *size = 0;
    if (!buffer && capacity > 0)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = hold(handle, &holder);
    if (error != APM_ERROR_SUCCESS)
        return error;
    const void *bytes = apm__tls_certificate_der(holder->certificate, index, size);
    if (bytes && capacity > 0)
        memcpy(buffer, bytes, capacity < *size ? capacity : *size);
    error = bytes ? APM_ERROR_SUCCESS : APM_ERROR_ARGUMENT_OUT_OF_RANGE;
    release(holder);
    return error;
}
