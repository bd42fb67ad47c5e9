/*
 * TCP: echo, names, several addresses, accepts that receive, drains, and the start and the end of it all.
 */
#include <errno.h>
#include <string.h>

#include "torture.h"

static void echo(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair) && torture_converse(pair.client, pair.server)) {
        struct operation receive;
        struct operation disconnect;
        char byte;
        size_t received = 1;
        if (OK(apm_socket_begin_receive(pair.server, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)))) {
            if (!OK(apm_socket_shutdown(pair.client, APM_SOCKET_SHUTDOWN_SEND)))
                OK(apm_socket_close(pair.client));
            if (OK(finish_receive(pair.server, &receive, &received)))
                CHECK_EQ(received, 0);
        }
        if (OK(apm_socket_begin_disconnect(pair.server, false, ON_COMPLETION(&disconnect))))
            OK(finish_disconnect(pair.server, &disconnect));
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(echo_with_callbacks_bears_every_failing_call, echo)
TORTURE(echo_with_waits_bears_every_failing_call, echo, .flavour = "wait")
TORTURE(echo_by_looking_bears_every_failing_call, echo, .flavour = "poll")
TORTURE(echo_on_the_poll_engine_bears_every_failing_call, echo, .engine = "poll")
TORTURE(the_library_starts_and_ends_whichever_call_fails, echo, .from_the_start = true)
TORTURE(the_library_starts_and_ends_on_the_poll_engine_whichever_call_fails, echo, .from_the_start = true,
        .engine = "poll")
TORTURE(on_more_processors_than_are_counted_every_failing_call_is_borne, echo, .from_the_start = true,
        .condition = {"apm__os_processor_count", "sched_getaffinity", EINVAL})

/* -- Names -- */

static void look_up(void)
{
    apm_host_entry *entry;
    char name[256];
    if (OK(apm_dns_get_host_addresses("localhost", &entry)))
        apm_host_entry_free(entry);
    if (OK(apm_dns_get_host_name(name, sizeof name)))
        CHECK(strlen(name) > 0);
}

TORTURE(look_ups_bear_every_failing_call, look_up)

static void look_up_backwards(void)
{
    apm_host_entry *entry;
    if (OK(apm_dns_get_host_by_address("127.0.0.1", &entry)))
        apm_host_entry_free(entry);
}

/* A name that is found backwards, and forwards is not, is an entry without addresses. */
TORTURE(backward_look_ups_bear_every_failing_call, look_up_backwards, .borne = "apm__os_resolve")

static void connect_by_name(void)
{
    apm_socket listener;
    apm_socket client;
    apm_endpoint local;
    struct operation connect;
    if (!torture_listen(&listener, &local))
        return;
    if (OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                             &client))) {
        apm_socket server;
        if (OK(apm_socket_begin_connect_host(client, "localhost", local.port, ON_COMPLETION(&connect))) &&
            OK(finish_connect(client, &connect)) && OK(apm_socket_accept(listener, &server))) {
            if (torture_converse(client, server))
                torture_close(server);
        }
        torture_close(client);
    }
    torture_close(listener);
}

TORTURE(a_connect_by_name_bears_every_failing_call, connect_by_name)

/* The first addresses refuse, so that the socket's descriptor is replaced. */
static void connect_to_several(void)
{
    apm_socket listener;
    apm_socket client;
    apm_endpoint local;
    struct operation connect;
    const apm_ip_address addresses[] = {address_of("::1"), address_of("127.0.0.2"), address_of("127.0.0.1")};
    if (!torture_listen(&listener, &local))
        return;
    if (OK(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &client))) {
        apm_socket server;
        if (OK(apm_socket_set_ttl(client, 40)) &&
            OK(apm_socket_begin_connect_addresses(client, addresses, 3, local.port, ON_COMPLETION(&connect))) &&
            OK(finish_connect(client, &connect)) && OK(apm_socket_accept(listener, &server))) {
            if (torture_converse(client, server))
                torture_close(server);
        }
        torture_close(client);
    }
    torture_close(listener);
}

/* The next address is tried. */
TORTURE(a_connect_to_several_addresses_bears_every_failing_call, connect_to_several, .borne = "apm__os_socket_connect")

/* A socket that is used again has another descriptor, with the options of the old one. */
static void reconnect(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        torture_close(pair.server);
        if (OK(apm_socket_set_ttl(pair.client, 40)) && OK(apm_socket_disconnect(pair.client, true)) &&
            OK(apm_socket_connect(pair.client, local)) && OK(apm_socket_accept(listener, &pair.server)) &&
            torture_converse(pair.client, pair.server))
            torture_close(pair.server);
        torture_close(pair.client);
    }
    torture_close(listener);
}

/* What the new descriptor does not take of the options is left as it is on a new socket. */
TORTURE(a_connection_that_is_made_again_bears_every_failing_call, reconnect,
        .borne = "apm__os_socket_option apm__os_socket_set_option")

/* More than fits into small buffers, so that the sender waits, for which it is watched in a second direction. */
static void wait_both_ways(void)
{
    enum { SIZE = 300000, LOOK_MS = 500 };
    static uint8_t bytes[SIZE];
    static uint8_t heard[SIZE];
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    if (!torture_listen(&listener, &local))
        return;
    if (torture_connect(listener, local, &pair)) {
        apm_socket from = pair.server; /* which has not been watched for connecting */
        apm_socket to = pair.client;
        struct operation receive;
        struct operation send;
        char byte;
        if (OK(apm_socket_set_receive_timeout(to, LOOK_MS)) && OK(apm_socket_set_send_buffer_size(from, 4096)) &&
            OK(apm_socket_begin_receive(from, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)))) {
            if (OK(apm_socket_begin_send(from, bytes, SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)))) {
                size_t total = 0;
                size_t received = 1;
                bool sending = true;
                bool sent = true;
                while (total < SIZE && received > 0 && sent) {
                    apm_error error = apm_socket_receive(to, heard, SIZE - total, APM_SOCKET_FLAGS_NONE, &received);
                    if (error == APM_ERROR_TIMED_OUT)
                        received = 1; /* a look at the send */
                    else if (OK(error))
                        total += received;
                    else
                        received = 0;
                    if (sending && operation_wait(&send, 0)) {
                        sending = false;
                        sent = OK(finish_send(from, &send, NULL));
                    }
                }
                if (total < SIZE)
                    torture_close(from);
                if (sending)
                    OK(finish_send(from, &send, NULL));
            }
            torture_close(to);
            OK(finish_receive(from, &receive, NULL));
        }
        torture_close(from);
        torture_close(to);
    }
    torture_close(listener);
}

/* A receive that has timed out is what the scenario looks at the send for. */
TORTURE(a_send_that_waits_for_room_bears_every_failing_call, wait_both_ways, .borne = "apm__os_socket_receive")

/* -- Accepts that receive -- */

static void accept_with_data(void)
{
    apm_socket listener;
    apm_socket client;
    apm_socket accepted = APM_NULL_HANDLE;
    apm_endpoint local;
    struct operation accept;
    char bytes[8];
    size_t received = 0;
    if (!torture_listen(&listener, &local))
        return;
    if (OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                             &client))) {
        if (OK(apm_socket_begin_accept_receive(listener, bytes, sizeof bytes, ON_COMPLETION(&accept)))) {
            if (!OK(apm_socket_connect(client, local)) ||
                !OK(apm_socket_send(client, "data", 4, APM_SOCKET_FLAGS_NONE, NULL)))
                OK(apm_async_result_cancel(accept.result));
            AWAIT(&accept);
            if (OK(apm_socket_end_accept_receive(listener, accept.result, &accepted, &received)))
                torture_close(accepted);
        }
        torture_close(client);
    }
    torture_close(listener);
}

/* An error of the connection is left to its next receive, which there is not. */
TORTURE(an_accept_with_receive_bears_every_failing_call, accept_with_data,
        .borne = "apm__os_socket_receive apm__os_epoll_add")

static void accept_into_a_socket(void)
{
    apm_socket listener;
    apm_socket client = APM_NULL_HANDLE;
    apm_socket other = APM_NULL_HANDLE;
    apm_socket accepted;
    apm_endpoint local;
    struct operation accept;
    size_t received = 0;
    if (!torture_listen(&listener, &local))
        return;
    if (OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                             &client)) &&
        OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP,
                             &other)) &&
        OK(apm_socket_begin_accept_socket(listener, other, NULL, 0, ON_COMPLETION(&accept)))) {
        if (!OK(apm_socket_connect(client, local)))
            OK(apm_async_result_cancel(accept.result));
        AWAIT(&accept);
        if (OK(apm_socket_end_accept_receive(listener, accept.result, &accepted, &received)))
            torture_converse(client, accepted);
    }
    torture_close(client);
    torture_close(other);
    torture_close(listener);
}

TORTURE(an_accept_into_a_socket_bears_every_failing_call, accept_into_a_socket)

/* -- Serving -- */

static void drain(void)
{
    apm_socket listener;
    apm_endpoint local;
    socket_pair pair;
    size_t closed;
    apm_async_result result;
    if (!torture_listen(&listener, &local))
        return;
    if (OK(apm_socket_set_serialised(listener, true)) && torture_connect(listener, local, &pair)) {
        struct operation receive;
        char byte;
        if (OK(apm_socket_begin_receive(pair.server, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)))) {
            if (OK(apm_socket_begin_drain(listener, 20, NULL, NULL, &result))) {
                apm_error error = apm_socket_end_drain(listener, result, &closed);
                if (error != APM_ERROR_TIMED_OUT) /* the connection has been closed */
                    OK(error);
            } else {
                torture_close(pair.server);
            }
            AWAIT(&receive);
            apm_error error = apm_socket_end_receive(pair.server, receive.result, NULL);
            if (error != APM_ERROR_OPERATION_ABORTED && error != APM_ERROR_DISCONNECTING) /* what the drain does */
                OK(error);
        }
        torture_close(pair.client);
        torture_close(pair.server);
    }
    torture_close(listener);
}

TORTURE(a_drain_bears_every_failing_call, drain)

/* -- Clients and listeners -- */

static void client_and_listener(void)
{
    apm_tcp_listener listener;
    apm_tcp_client client;
    apm_tcp_client server;
    apm_endpoint local;
    struct operation accept;
    struct operation connect;
    bool pending;
    if (!OK(apm_tcp_listener_create_endpoint(loopback_endpoint(0), &listener)))
        return;
    if (OK(apm_tcp_listener_start(listener)) && OK(apm_tcp_listener_local_endpoint(listener, &local)) &&
        OK(apm_tcp_client_create(&client))) {
        if (OK(apm_tcp_listener_pending(listener, &pending)) &&
            OK(apm_tcp_listener_begin_accept_tcp_client(listener, ON_COMPLETION(&accept)))) {
            bool connected = OK(apm_tcp_client_begin_connect(client, "localhost", local.port, ON_COMPLETION(&connect)));
            if (connected) {
                AWAIT(&connect);
                connected = OK(apm_tcp_client_end_connect(client, connect.result));
            }
            if (!connected)
                OK(apm_async_result_cancel(accept.result));
            AWAIT(&accept);
            if (OK(apm_tcp_listener_end_accept_tcp_client(listener, accept.result, &server))) {
                apm_stream stream;
                apm_stream other;
                char bytes[4];
                if (connected && OK(apm_tcp_client_get_stream(client, &stream)) &&
                    OK(apm_tcp_client_get_stream(server, &other)) && OK(apm_stream_write(stream, "abcd", 4)))
                    OK(apm_stream_read_exactly(other, bytes, 4));
                OK(apm_tcp_client_close(server));
            }
        }
        OK(apm_tcp_client_close(client));
    }
    OK(apm_tcp_listener_close(listener));
}

/* Where there is no IPv6, a client is IPv4's. */
TORTURE(tcp_clients_and_listeners_bear_every_failing_call, client_and_listener,
        .borne = "apm__os_socket_create:EAFNOSUPPORT")
