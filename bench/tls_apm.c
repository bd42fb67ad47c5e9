/*
 * The library's TLS echo server: the chain of callbacks of examples/tls_echo_server.c. `tls_apm port workers
 * certificate key` listens on 127.0.0.1.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

#include "echo_server.h"
#include "tls_server.h"

struct connection {
    apm_stream stream;
    char buffer[TLS_BUFFER_BYTES];
};

static apm_ssl_context context;
static apm_manual_reset_event end;

static void begin_read(struct connection *connection);

static void finish(struct connection *connection)
{
    apm_stream_close(connection->stream);
    free(connection);
}

static void on_written(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    if (apm_stream_end_write(connection->stream, result) != APM_ERROR_SUCCESS)
        finish(connection);
    else
        begin_read(connection);
}

static void on_read(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    size_t size;
    if (apm_stream_end_read(connection->stream, result, &size) != APM_ERROR_SUCCESS || size == 0 ||
        apm_stream_begin_write(connection->stream, connection->buffer, size, on_written, connection, NULL) !=
            APM_ERROR_SUCCESS)
        finish(connection);
}

static void begin_read(struct connection *connection)
{
    if (apm_stream_begin_read(connection->stream, connection->buffer, sizeof connection->buffer, on_read, connection,
                              NULL) != APM_ERROR_SUCCESS)
        finish(connection);
}

static void on_authenticated(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    if (apm_ssl_stream_end_authenticate_as_server(connection->stream, result) != APM_ERROR_SUCCESS)
        finish(connection);
    else
        begin_read(connection);
}

static void serve(apm_socket socket)
{
    struct connection *connection = malloc(sizeof *connection);
    apm_stream inner;
    if (connection == NULL ||
        apm_network_stream_create(socket, APM_FILE_ACCESS_READ_WRITE, true, &inner) != APM_ERROR_SUCCESS) {
        apm_socket_close(socket);
        free(connection);
        return;
    }
    if (apm_ssl_stream_create(inner, false, &connection->stream) != APM_ERROR_SUCCESS) {
        apm_stream_close(inner);
        free(connection);
        return;
    }
    if (apm_ssl_stream_begin_authenticate_as_server(connection->stream, context, on_authenticated, connection, NULL) !=
        APM_ERROR_SUCCESS)
        finish(connection);
}

static void on_accepted(apm_async_result result)
{
    apm_socket listener = apm_async_result_socket(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(listener, result, &accepted);
    if (apm_socket_begin_accept(listener, on_accepted, NULL, NULL) != APM_ERROR_SUCCESS)
        apm_manual_reset_event_set(end);
    if (error == APM_ERROR_SUCCESS)
        serve(accepted);
}

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "tls_apm: %s: %s\n", what, apm_error_message(error));
    exit(1);
}

int main(int argument_count, char **arguments)
{
    struct tls_arguments asked = tls_arguments_parse(argument_count, arguments);
    apm_ssl_server_authentication_options options = {.enabled_ssl_protocols = APM_SSL_PROTOCOLS_TLS12};
    apm_socket listener;
    apm_endpoint local;
    check(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, asked.workers), "min threads");
    check(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, asked.workers), "max threads");
    check(apm_x509_certificate_create_file(asked.certificate, asked.key, NULL, &options.server_certificate),
          "certificate");
    check(apm_ssl_context_create_server(&options, &context), "context");
    check(apm_manual_reset_event_create(false, &end), "event");
    check(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener),
          "socket");
    check(apm_endpoint_create(apm_ip_address_loopback(), asked.port, &local), "endpoint");
    check(apm_socket_bind(listener, local), "bind");
    check(apm_socket_set_no_delay(listener, true), "no delay"); /* accepted sockets inherit it */
    check(apm_socket_listen(listener, 4096), "listen");
    check(apm_socket_local_endpoint(listener, &local), "local endpoint");
    echo_server_announce(&(struct echo_server){.port = (uint16_t)local.port});
    check(apm_socket_begin_accept(listener, on_accepted, NULL, NULL), "accept");
    return apm_manual_reset_event_wait_one(end, APM_TIMEOUT_INFINITE) == APM_ERROR_SUCCESS;
}
