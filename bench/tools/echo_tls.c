/*
 * Owns the context of apm-echo's connections with TLS, and their handshakes.
 */
#include <stdio.h>

#include "command_line.h"
#include "echo.h"
#include "tls_files.h"

/* How long a handshake may take: who says nothing holds nothing. */
#define HANDSHAKE_MS 10000

#define TEXT_BYTES 256

static apm_ssl_context context; /* immutable after echo_tls_init */

void echo_tls_init(const char *certificate_file, const char *key_file, const char *password)
{
    apm_ssl_server_authentication_options options = {
        .server_certificate = tls_read_identity(certificate_file, key_file, password)};

    tls_check(apm_ssl_context_create_server(&options, &context), certificate_file);
    apm_x509_certificate_close(options.server_certificate);
}

void echo_tls_fini(void)
{
    if (!apm_ssl_context_is_null(context))
        apm_ssl_context_close(context);
}

apm_error echo_tls_begin(apm_socket socket, apm_stream *stream, apm_async_callback *callback, void *state)
{
    apm_stream inner;
    apm_async_result handshake;
    apm_error error = apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner);

    *stream = (apm_stream)APM_NULL_HANDLE;
    if (error != APM_ERROR_SUCCESS)
        return error;
    error = apm_ssl_stream_create(inner, false, stream);
    if (error != APM_ERROR_SUCCESS) {
        apm_stream_close(inner);
        return error;
    }
    error = apm_ssl_stream_begin_authenticate_as_server(*stream, context, callback, state, &handshake);
    /* It may have ended by now, and then needs no deadline. */
    if (error == APM_ERROR_SUCCESS &&
        apm_async_result_cancel_after(handshake, HANDSHAKE_MS) == APM_ERROR_OUT_OF_MEMORY)
        (void)!apm_async_result_cancel(handshake);
    return error;
}

apm_error echo_tls_end(apm_stream stream, apm_async_result result)
{
    apm_error error = apm_ssl_stream_end_authenticate_as_server(stream, result);
    char text[TEXT_BYTES];
    size_t size;

    if (error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_OBJECT_DISPOSED)
        return error;
    if (atomic_fetch_add_explicit(&echo_counts.failed_handshakes, 1, memory_order_relaxed) == 0 &&
        apm_ssl_stream_error_text(stream, text, sizeof text, &size) == APM_ERROR_SUCCESS && size > 0)
        fprintf(stderr, "%s: the first handshake that failed: %.*s\n", command_line_program(),
                (int)(size < sizeof text ? size : sizeof text), text);
    return error;
}
