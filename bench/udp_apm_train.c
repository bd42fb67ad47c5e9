/*
 * The library's echo server for trains of datagrams: apm_socket_begin_receive_train_from, callback, its end,
 * apm_socket_begin_send_train_to, callback, its end and again, with 8 such chains on one socket.
 * `udp_apm_train port workers` binds 127.0.0.1.
 */
#include <apm/apm.h>
#include <stdio.h>
#include <stdlib.h>

#include "echo_server.h"

#define CHAINS 8

struct chain {
    apm_endpoint peer;
    char buffer[APM_DATAGRAM_TRAIN_SIZE];
};

static apm_socket server_socket;
static apm_manual_reset_event end;

static void check(apm_error error, const char *what)
{
    if (error == APM_ERROR_SUCCESS)
        return;
    fprintf(stderr, "udp_apm_train: %s: %s\n", what, apm_error_message(error));
    exit(1);
}

static void on_received(apm_async_result result);

static void begin_receive(struct chain *chain)
{
    check(apm_socket_begin_receive_train_from(server_socket, chain->buffer, sizeof chain->buffer, on_received, chain,
                                              NULL),
          "receive");
}

static void on_sent(apm_async_result result)
{
    struct chain *chain = apm_async_result_async_state(result);
    check(apm_socket_end_send_train_to(server_socket, result, NULL), "send");
    begin_receive(chain);
}

static void on_received(apm_async_result result)
{
    struct chain *chain = apm_async_result_async_state(result);
    size_t each;
    size_t received;
    check(apm_socket_end_receive_train_from(server_socket, result, &chain->peer, &each, &received), "receive");
    check(
        apm_socket_begin_send_train_to(server_socket, chain->buffer, received, each, chain->peer, on_sent, chain, NULL),
        "send");
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    apm_endpoint local;
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
        struct chain *chain = malloc(sizeof *chain);
        if (!chain)
            echo_server_fail("malloc");
        begin_receive(chain);
    }
    return apm_manual_reset_event_wait_one(end, APM_TIMEOUT_INFINITE) == APM_ERROR_SUCCESS;
}
