/*
 * The handshakes and the shutdown of streams of TLS, as the program begins and ends them: apm/ssl_stream.h. Any thread.
 */
#include <string.h>

#include "begin.h"
#include "ssl_stream.h"

/* Begins a handshake; a null context is the default one of clients. */
static apm_error authenticate(apm_stream handle, apm_ssl_context context, struct apm__ssl_beginning *beginning,
                              apm_async_callback *callback, void *state, apm_async_result *result)
{
    struct apm__stream *stream;
    bool as_server = beginning->kind == APM__OPERATION_AUTHENTICATE_AS_SERVER;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__ssl_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    if (as_server || !apm_ssl_context_is_null(context))
        error = apm__ssl_context_hold(context, &beginning->context);
    if (error == APM_ERROR_SUCCESS && beginning->context && beginning->context->is_server != as_server)
        error = APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS && strlen(beginning->host) >= APM__HOST_NAME_SIZE)
        error = APM_ERROR_ARGUMENT;
    if (error == APM_ERROR_SUCCESS)
        error = apm__ssl_begin(stream, beginning, callback, state, result);
    if (!beginning->used)
        apm__ssl_context_release(beginning->context);
    apm__stream_release(stream);
    return error;
}

apm_error apm_ssl_stream_begin_authenticate_as_client(apm_stream stream, apm_ssl_context context,
                                                      const char *target_host, apm_async_callback *callback,
                                                      void *state, apm_async_result *result)
{
    struct apm__ssl_beginning beginning = {.kind = APM__OPERATION_AUTHENTICATE_AS_CLIENT,
                                           .host = target_host ? target_host : ""};
    return authenticate(stream, context, &beginning, callback, state, result);
}

apm_error apm_ssl_stream_begin_authenticate_as_server(apm_stream stream, apm_ssl_context context,
                                                      apm_async_callback *callback, void *state,
                                                      apm_async_result *result)
{
    struct apm__ssl_beginning beginning = {.kind = APM__OPERATION_AUTHENTICATE_AS_SERVER, .host = ""};
    return authenticate(stream, context, &beginning, callback, state, result);
}

static apm_error end(apm_stream stream, apm_async_result result, enum apm__operation_kind kind)
{
    struct apm__operation *operation;
    apm_error error = apm__operation_end(result, kind, stream.bits, &operation);
    if (error != APM_ERROR_SUCCESS)
        return apm__end_refusal(stream.bits, error);
    error = operation->error;
    apm__operation_release(operation);
    return error;
}

apm_error apm_ssl_stream_end_authenticate_as_client(apm_stream stream, apm_async_result result)
{
    return end(stream, result, APM__OPERATION_AUTHENTICATE_AS_CLIENT);
}

apm_error apm_ssl_stream_end_authenticate_as_server(apm_stream stream, apm_async_result result)
{
    return end(stream, result, APM__OPERATION_AUTHENTICATE_AS_SERVER);
}

apm_error apm_ssl_stream_authenticate_as_client(apm_stream stream, apm_ssl_context context, const char *target_host)
{
    apm_async_result result;
    apm_error error = apm_ssl_stream_begin_authenticate_as_client(stream, context, target_host, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? apm_ssl_stream_end_authenticate_as_client(stream, result) : error;
}

apm_error apm_ssl_stream_authenticate_as_server(apm_stream stream, apm_ssl_context context)
{
    apm_async_result result;
    apm_error error = apm_ssl_stream_begin_authenticate_as_server(stream, context, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? apm_ssl_stream_end_authenticate_as_server(stream, result) : error;
}

apm_error apm_ssl_stream_begin_shutdown(apm_stream handle, apm_async_callback *callback, void *state,
                                        apm_async_result *result)
{
    struct apm__ssl_beginning beginning = {.kind = APM__OPERATION_SHUTDOWN};
    struct apm__stream *stream;
    if (result)
        *result = (apm_async_result)APM_NULL_HANDLE;
    apm_error error = apm__ssl_hold(handle, &stream);
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm__ssl_begin(stream, &beginning, callback, state, result);
    apm__stream_release(stream);
    return error;
}

apm_error apm_ssl_stream_end_shutdown(apm_stream stream, apm_async_result result)
{
    apm_error error = end(stream, result, APM__OPERATION_SHUTDOWN);
    return error == APM_ERROR_OPERATION_ABORTED && apm__stream_is_closed(stream) ? APM_ERROR_OBJECT_DISPOSED : error;
}

apm_error apm_ssl_stream_shutdown(apm_stream stream)
{
    apm_async_result result;
    apm_error error = apm_ssl_stream_begin_shutdown(stream, NULL, NULL, &result);
    return error == APM_ERROR_SUCCESS ? apm_ssl_stream_end_shutdown(stream, result) : error;
}
