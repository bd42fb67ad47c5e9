/*
 * An echo server with TLS: tls_echo_server port certificate-file [key-file]
 *
 * The files are in PEM. Each connection is a chain of callbacks on the worker pool: handshake, read, write what came,
 * read again; when the peer has ended its stream in order, shutdown. A client that says nothing is given ten seconds.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct connection {
    apm_stream stream;
    char buffer[16384];
} connection;

static void finish(connection *c)
{
    apm_stream_close(c->stream); /* sends close_notify, and closes the socket when that is through */
    free(c);
}

static void on_written(apm_async_result result);

static void on_read(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    size_t size;

    if (apm_stream_end_read(c->stream, result, &size) || size == 0 ||
        apm_stream_begin_write(c->stream, c->buffer, size, on_written, c, NULL)) {
        finish(c);
    }
}

static void on_written(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);

    if (apm_stream_end_write(c->stream, result) ||
        apm_stream_begin_read(c->stream, c->buffer, sizeof c->buffer, on_read, c, NULL)) {
        finish(c);
    }
}

static void on_authenticated(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    apm_error error = apm_ssl_stream_end_authenticate_as_server(c->stream, result);

    if (error) {
        char text[256];
        size_t size = 0;

        if (apm_ssl_stream_error_text(c->stream, text, sizeof text, &size) == APM_ERROR_SUCCESS) {
            fprintf(stderr, "tls_echo_server: %s: %.*s\n", apm_error_name(error), (int)size, text);
        }
    }
    if (error || apm_stream_begin_read(c->stream, c->buffer, sizeof c->buffer, on_read, c, NULL)) {
        finish(c);
    }
}

/* Wraps a socket that has been accepted, and begins the handshake. */
static void serve(apm_socket socket, apm_ssl_context context)
{
    connection *c = malloc(sizeof *c);
    apm_stream inner;
    apm_async_result handshake;

    if (!c || apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner)) {
        apm_socket_close(socket);
        free(c);
        return;
    }
    if (apm_ssl_stream_create(inner, false, &c->stream)) {
        apm_stream_close(inner);
        free(c);
        return;
    }
    if (apm_ssl_stream_begin_authenticate_as_server(c->stream, context, on_authenticated, c, &handshake)) {
        finish(c);
        return;
    }
    if (apm_async_result_cancel_after(handshake, 10000)) {
        /* it has ended already, and the connection is the callback's */
    }
}

int main(int argc, char **argv)
{
    apm_ssl_server_authentication_options options = {0};
    apm_ssl_context context = APM_NULL_HANDLE;
    apm_tcp_listener listener = APM_NULL_HANDLE;
    apm_endpoint local;
    apm_socket socket;
    apm_error error;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "tls_echo_server port certificate-file [key-file]\n");
        return 2;
    }
    error = apm_x509_certificate_create_file(argv[2], argc > 3 ? argv[3] : NULL, NULL, &options.server_certificate);
    if (!error) {
        error = apm_ssl_context_create_server(&options, &context);
        apm_x509_certificate_close(options.server_certificate); /* the context has it */
    }
    if (error || (error = apm_endpoint_create(apm_ip_address_loopback(), (int)strtol(argv[1], NULL, 10), &local)) ||
        (error = apm_tcp_listener_create_endpoint(local, &listener)) || (error = apm_tcp_listener_start(listener)) ||
        (error = apm_tcp_listener_local_endpoint(listener, &local))) {
        fprintf(stderr, "tls_echo_server: %s\n", apm_error_message(error));
    } else {
        printf("Listening on port %d\n", local.port);
        fflush(stdout);
    }
    while (!error && (error = apm_tcp_listener_accept_socket(listener, &socket)) == APM_ERROR_SUCCESS) {
        serve(socket, context);
    }
    apm_tcp_listener_close(listener);
    apm_ssl_context_close(context);
    return apm_cleanup(1000) || error;
}
