/*
 * The library's echo server for datagrams: BeginReceiveFrom, callback, EndReceiveFrom, BeginSendTo, callback, EndSendTo
 * and again, with as many such chains on one socket as go into one system call. `udp_apm port workers [buffer_bytes]`
 * binds 127.0.0.1.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

#include "echo_server.h"

#define CHAINS 32

struct chain {
    apm_endpoint peer;
    char buffer[];
};

static apm_socket server_socket;
static size_t buffer_bytes;
static apm_manual_reset_event end;

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "udp_apm: %s: %s\n", what, apm_error_message(error));
    exit(1);
}

static void on_received(apm_async_result result);

static void begin_receive(struct chain *chain)
{
    check(apm_socket_begin_receive_from(server_socket, chain->buffer, buffer_bytes, APM_SOCKET_FLAGS_NONE, on_received,
                                        chain, NULL),
          "receive");
}

static void on_sent(apm_async_result result)
{
    struct chain *chain = apm_async_result_async_state(result);
    check(apm_socket_end_send_to(server_socket, result, NULL), "send");
    begin_receive(chain);
}

static void on_received(apm_async_result result)
{
    struct chain *chain = apm_async_result_async_state(result);
    size_t received;
    check(apm_socket_end_receive_from(server_socket, result, &chain->peer, &received), "receive");
    check(apm_socket_begin_send_to(server_socket, chain->buffer, received, APM_SOCKET_FLAGS_NONE, chain->peer, on_sent,
                                   chain, NULL),
          "send");
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    apm_endpoint local;
    buffer_bytes = server.buffer_bytes;
    check(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, server.workers), "min threads");
    check(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, server.workers), "max threads");
    check(apm_manual_reset_event_create(false, &end), "event");
    check(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP,
                            &server_socket),
          "socket");
    check(apm_endpoint_create(apm_ip_address_loopback(), server.port, &local), "endpoint");
    check(apm_socket_bind(server_socket, local), "bind");
    check(apm_socket_local_endpoint(server_socket, &local), "local endpoint");
    server.port = local.port;
    echo_server_announce(&server);
    for (int i = 0; i < CHAINS; i++) {
        struct chain *chain = malloc(sizeof *chain + buffer_bytes);
        if (!chain)
            echo_server_fail("malloc");
        begin_receive(chain);
    }
    return apm_manual_reset_event_wait_one(end, APM_TIMEOUT_INFINITE) == APM_ERROR_SUCCESS;
}
