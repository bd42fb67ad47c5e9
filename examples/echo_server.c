/*
 * The smallest decent echo server: echo_server port
 *
 * Each connection is a chain of callbacks on the worker pool: receive, send what came, receive again. Once a Begin has
 * succeeded the connection is the next callback's, which may run before Begin has returned; so nothing follows it.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

typedef struct connection {
    apm_socket socket;
    char buffer[4096];
} connection;

static void finish(connection *c)
{
    apm_socket_close(c->socket);
    free(c);
}

static void on_sent(apm_async_result result);

static void on_received(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);
    size_t size;

    if (apm_socket_end_receive(c->socket, result, &size) || size == 0 ||
        apm_socket_begin_send(c->socket, c->buffer, size, APM_SOCKET_FLAGS_NONE, on_sent, c, NULL)) {
        finish(c);
    }
}

static void on_sent(apm_async_result result)
{
    connection *c = apm_async_result_async_state(result);

    if (apm_socket_end_send(c->socket, result, NULL) ||
        apm_socket_begin_receive(c->socket, c->buffer, sizeof c->buffer, APM_SOCKET_FLAGS_NONE, on_received, c, NULL)) {
        finish(c);
    }
}

int main(int argc, char **argv)
{
    long port = argc == 2 ? strtol(argv[1], NULL, 10) : -1;
    apm_error error;
    apm_endpoint local;
    apm_socket listener = APM_NULL_HANDLE;
    connection *c = NULL;

    if ((error = apm_endpoint_create(apm_ip_address_loopback(), (int)port, &local)) ||
        (error = apm_socket_create(local.address.family, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener)) ||
        (error = apm_socket_bind(listener, local)) || (error = apm_socket_listen(listener, -1))) {
        fprintf(stderr, "echo_server: %s\n", apm_error_message(error));
    }
    while (!error && (c = malloc(sizeof *c)) != NULL) {
        while ((error = apm_socket_accept(listener, &c->socket)) == APM_ERROR_TOO_MANY_OPEN_SOCKETS) {
            thrd_sleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* until others have closed theirs */
        }
        if (error || apm_socket_begin_receive(c->socket, c->buffer, sizeof c->buffer, APM_SOCKET_FLAGS_NONE,
                                              on_received, c, NULL)) {
            finish(c);
        }
    }
    apm_socket_close(listener);
    return apm_cleanup(1000) || error || c == NULL;
}
