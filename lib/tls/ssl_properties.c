/*
 * What has come of a handshake: the properties of apm/ssl_stream.h. Any thread.
 *
 * What was agreed on is written before the phase becomes OPEN and never changes afterwards, so it is read without the
 * lock once `opened` has been seen under it.
 */
#include <string.h>

#include "ssl_stream.h"
#include "x509_certificate.h"

/* Holds a stream whose handshake has succeeded. */
static apm_error hold_open(apm_stream handle, struct apm__stream **stream, struct apm__ssl **ssl)
{
    *ssl = NULL;
    apm_error error = apm__ssl_hold(handle, stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *ssl = (*stream)->own;
    apm__os_mutex_lock(&(*stream)->lock);
    bool opened = (*ssl)->opened;
    apm__os_mutex_unlock(&(*stream)->lock);
    if (opened)
        return APM_ERROR_SUCCESS;
    apm__stream_release(*stream);
    return APM_ERROR_INVALID_OPERATION;
}

bool apm_ssl_stream_is_authenticated(apm_stream handle)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (hold_open(handle, &stream, &ssl) != APM_ERROR_SUCCESS)
        return false;
    apm__stream_release(stream);
    return true;
}

bool apm_ssl_stream_is_server(apm_stream handle)
{
    struct apm__stream *stream;
    if (apm__ssl_hold(handle, &stream) != APM_ERROR_SUCCESS)
        return false;
    const struct apm__ssl *ssl = stream->own;
    apm__os_mutex_lock(&stream->lock);
    bool is_server = ssl->is_server;
    apm__os_mutex_unlock(&stream->lock);
    apm__stream_release(stream);
    return is_server;
}

bool apm_ssl_stream_is_mutually_authenticated(apm_stream handle)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (hold_open(handle, &stream, &ssl) != APM_ERROR_SUCCESS)
        return false;
    bool mutual = ssl->remote && ssl->local;
    apm__stream_release(stream);
    return mutual;
}

bool apm_ssl_stream_is_resumed(apm_stream handle)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (hold_open(handle, &stream, &ssl) != APM_ERROR_SUCCESS)
        return false;
    bool resumed = ssl->agreement.resumed;
    apm__stream_release(stream);
    return resumed;
}

apm_error apm_ssl_stream_ssl_protocol(apm_stream handle, apm_ssl_protocols *protocol)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (!protocol)
        return APM_ERROR_ARGUMENT_NULL;
    *protocol = APM_SSL_PROTOCOLS_NONE;
    apm_error error = hold_open(handle, &stream, &ssl);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *protocol = ssl->agreement.protocol;
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}

apm_error apm_ssl_stream_negotiated_cipher_suite(apm_stream handle, uint16_t *suite)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (!suite)
        return APM_ERROR_ARGUMENT_NULL;
    *suite = 0;
    apm_error error = hold_open(handle, &stream, &ssl);
    if (error != APM_ERROR_SUCCESS)
        return error;
    *suite = ssl->agreement.suite;
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}

/* -- Texts --------------------------------------------------------------------------------------------------------- */

static void copy_text(const char *source, char *text, size_t capacity, size_t *size)
{
    *size = strlen(source);
    if (capacity > 0)
        memcpy(text, source, capacity < *size ? capacity : *size);
}

static const char *application_protocol(const struct apm__ssl *ssl)
{
    return ssl->application_protocol;
}

static const char *host(const struct apm__ssl *ssl)
{
    return ssl->host;
}

static const char *suite_name(const struct apm__ssl *ssl)
{
    return ssl->agreement.suite_name;
}

/* Answers with a text of a stream whose handshake has succeeded. */
static apm_error give_text(apm_stream handle, const char *(*text_of)(const struct apm__ssl *ssl), char *text,
                           size_t capacity, size_t *size)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (!size)
        return APM_ERROR_ARGUMENT_NULL;
    *size = 0;
    if (!text && capacity > 0)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = hold_open(handle, &stream, &ssl);
    if (error != APM_ERROR_SUCCESS)
        return error;
    copy_text(text_of(ssl), text, capacity, size);
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}

apm_error apm_ssl_stream_negotiated_application_protocol(apm_stream handle, char *text, size_t capacity, size_t *size)
{
    return give_text(handle, application_protocol, text, capacity, size);
}

apm_error apm_ssl_stream_target_host_name(apm_stream handle, char *text, size_t capacity, size_t *size)
{
    return give_text(handle, host, text, capacity, size);
}

apm_error apm_ssl_stream_negotiated_cipher_suite_name(apm_stream handle, char *text, size_t capacity, size_t *size)
{
    return give_text(handle, suite_name, text, capacity, size);
}

apm_error apm_ssl_stream_error_text(apm_stream handle, char *text, size_t capacity, size_t *size)
{
    struct apm__stream *stream;
    if (!size)
        return APM_ERROR_ARGUMENT_NULL;
    *size = 0;
    if (!text && capacity > 0)
        return APM_ERROR_ARGUMENT_NULL;
    apm_error error = apm__ssl_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    const struct apm__ssl *ssl = stream->own;
    apm__os_mutex_lock(&stream->lock);
    copy_text(ssl->text, text, capacity, size);
    apm__os_mutex_unlock(&stream->lock);
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}

/* -- Certificates -------------------------------------------------------------------------------------------------- */

apm_error apm_ssl_stream_remote_certificate(apm_stream handle, apm_x509_certificate *certificate)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (!certificate)
        return APM_ERROR_ARGUMENT_NULL;
    *certificate = (apm_x509_certificate)APM_NULL_HANDLE;
    apm_error error = hold_open(handle, &stream, &ssl);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__x509_certificate_share(ssl->remote, certificate);
    apm__stream_release(stream);
    return error;
}

apm_error apm_ssl_stream_local_certificate(apm_stream handle, apm_x509_certificate *certificate)
{
    struct apm__stream *stream;
    struct apm__ssl *ssl;
    if (!certificate)
        return APM_ERROR_ARGUMENT_NULL;
    *certificate = (apm_x509_certificate)APM_NULL_HANDLE;
    apm_error error = hold_open(handle, &stream, &ssl);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__x509_certificate_share(ssl->local, certificate);
    apm__stream_release(stream);
    return error;
}

apm_error apm_ssl_stream_policy_errors(apm_stream handle, apm_ssl_policy_errors *errors,
                                       apm_x509_chain_status_flags *chain_status)
{
    struct apm__stream *stream;
    if (chain_status)
        *chain_status = APM_X509_CHAIN_STATUS_FLAGS_NO_ERROR;
    if (!errors)
        return APM_ERROR_ARGUMENT_NULL;
    *errors = APM_SSL_POLICY_ERRORS_NONE;
    apm_error error = apm__ssl_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    const struct apm__ssl *ssl = stream->own;
    apm__os_mutex_lock(&stream->lock);
    *errors = ssl->errors;
    if (chain_status)
        *chain_status = ssl->chain_status;
    apm__os_mutex_unlock(&stream->lock);
    apm__stream_release(stream);
    return APM_ERROR_SUCCESS;
}
