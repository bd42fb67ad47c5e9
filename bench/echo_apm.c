/*
 * The library's echo server, in the style of the .NET guide: BeginReceive, callback, EndReceive, BeginSend, callback,
 * EndSend, BeginReceive. `echo_apm port workers [buffer_bytes]` listens on 127.0.0.1.
 *
 * With ECHO_STUCK=1 in the environment a message that begins with "STUCK" blocks its callback for a second.
 */
#include <apm/apm.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "echo_server.h"

struct connection {
    apm_socket socket;
    char buffer[];
};

static size_t buffer_bytes;
static bool blocks_on_stuck;
static apm_manual_reset_event end;

static void begin_receive(struct connection *connection);

static void finish(struct connection *connection)
{
    apm_socket_close(connection->socket);
    free(connection);
}

static void on_sent(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    if (apm_socket_end_send(connection->socket, result, NULL) != APM_ERROR_SUCCESS)
        finish(connection);
    else
        begin_receive(connection);
}

static void on_received(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    size_t received;
    apm_error error = apm_socket_end_receive(connection->socket, result, &received);
    if (error != APM_ERROR_SUCCESS || received == 0) {
        finish(connection);
        return;
    }
    if (blocks_on_stuck && received >= 5 && memcmp(connection->buffer, "STUCK", 5) == 0)
        thrd_sleep(&(struct timespec){.tv_sec = 1}, NULL);
    error = apm_socket_begin_send(connection->socket, connection->buffer, received, APM_SOCKET_FLAGS_NONE, on_sent,
                                  connection, NULL);
    if (error != APM_ERROR_SUCCESS)
        finish(connection);
}

static void begin_receive(struct connection *connection)
{
    apm_error error = apm_socket_begin_receive(connection->socket, connection->buffer, buffer_bytes,
                                               APM_SOCKET_FLAGS_NONE, on_received, connection, NULL);
    if (error != APM_ERROR_SUCCESS)
        finish(connection);
}

static void on_accepted(apm_async_result result)
{
    apm_socket listener = apm_async_result_socket(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(listener, result, &accepted);
    /* The next accept first, so that another worker can have it while this one serves the connection. */
    if (apm_socket_begin_accept(listener, on_accepted, NULL, NULL) != APM_ERROR_SUCCESS)
        apm_manual_reset_event_set(end);
    if (error != APM_ERROR_SUCCESS)
        return;
    struct connection *connection = malloc(sizeof *connection + buffer_bytes);
    if (!connection) {
        apm_socket_close(accepted);
        return;
    }
    connection->socket = accepted;
    begin_receive(connection);
}

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "echo_apm: %s: %s\n", what, apm_error_message(error));
    exit(1);
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    const char *stuck = getenv("ECHO_STUCK");
    apm_socket listener;
    apm_endpoint local;
    buffer_bytes = server.buffer_bytes;
    blocks_on_stuck = stuck && strcmp(stuck, "1") == 0;
    check(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, server.workers), "min threads");
    check(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, server.workers), "max threads");
    check(apm_manual_reset_event_create(false, &end), "event");
    check(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener),
          "socket");
    check(apm_endpoint_create(apm_ip_address_loopback(), server.port, &local), "endpoint");
    check(apm_socket_bind(listener, local), "bind");
    check(apm_socket_set_no_delay(listener, true), "no delay"); /* accepted sockets inherit it */
    check(apm_socket_listen(listener, 4096), "listen");
    check(apm_socket_local_endpoint(listener, &local), "local endpoint");
    server.port = local.port;
    echo_server_announce(&server);
    check(apm_socket_begin_accept(listener, on_accepted, NULL, NULL), "accept");
    return apm_manual_reset_event_wait_one(end, APM_TIMEOUT_INFINITE) == APM_ERROR_SUCCESS;
}
