/*
 * Datagrams: to and from endpoints, with packet information, in batches, by UdpClient, and multicast.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "torture.h"

static bool open_socket(apm_socket *socket, apm_endpoint *local)
{
    if (!OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, socket)))
        return false;
    if (OK(apm_socket_set_receive_timeout(*socket, PATIENCE_MS)) &&
        OK(apm_socket_bind(*socket, loopback_endpoint(0))) && OK(apm_socket_local_endpoint(*socket, local)))
        return true;
    torture_close(*socket);
    return false;
}

static void talk(apm_socket one, apm_endpoint one_local, apm_socket other, apm_endpoint other_local)
{
    struct operation receive;
    char bytes[8];
    size_t count;
    apm_endpoint remote;
    apm_ip_packet_information packet;
    if (!OK(apm_socket_begin_receive_from(other, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive))))
        return;
    bool sent = OK(apm_socket_send_to(one, "ping", 4, APM_SOCKET_FLAGS_NONE, other_local, &count));
    if (!sent)
        OK(apm_async_result_cancel(receive.result));
    AWAIT(&receive);
    if (OK(apm_socket_end_receive_from(other, receive.result, &remote, &count))) {
        CHECK_EQ(remote.port, one_local.port);
        CHECK_EQ(count, 4);
    }
    apm_error error = apm_socket_begin_receive_message_from(one, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE,
                                                            ON_COMPLETION(&receive));
    if (!OK(error))
        return;
    if (!OK(apm_socket_send_to(other, "pong", 4, APM_SOCKET_FLAGS_NONE, one_local, &count)))
        OK(apm_async_result_cancel(receive.result));
    AWAIT(&receive);
    OK(apm_socket_end_receive_message_from(one, receive.result, NULL, &remote, &packet, &count));
}

static void to_and_from(void)
{
    apm_socket one;
    apm_socket other;
    apm_endpoint one_local;
    apm_endpoint other_local;
    if (!open_socket(&one, &one_local))
        return;
    if (open_socket(&other, &other_local)) {
        talk(one, one_local, other, other_local);
        if (OK(apm_socket_connect(one, other_local)))
            OK(apm_socket_disconnect(one, true));
        torture_close(other);
    }
    torture_close(one);
}

TORTURE(datagrams_bear_every_failing_call, to_and_from)
TORTURE(datagrams_on_the_poll_engine_bear_every_failing_call, to_and_from, .engine = "poll", .flavour = "wait")

/* -- Batches -- */

enum { BATCH = 3 };

/* A server whose callbacks, which follow one another on one thread, answer. */
struct server {
    apm_socket socket;
    struct latch done; /* receives that have ended, and sends that have */
    struct latch held;
    struct latch released;
    char bytes[BATCH][8];
};

static void on_answered(apm_async_result result)
{
    struct server *server = apm_async_result_async_state(result);
    OK(apm_socket_end_send_to(server->socket, result, NULL));
    latch_add(&server->done, 1);
}

static void on_asked(apm_async_result result)
{
    struct server *server = apm_async_result_async_state(result);
    apm_endpoint remote;
    apm_error error = apm_socket_end_receive_from(server->socket, result, &remote, NULL);
    if (error == APM_ERROR_OPERATION_ABORTED || !OK(error) ||
        !OK(apm_socket_begin_send_to(server->socket, "answer", 6, APM_SOCKET_FLAGS_NONE, remote, on_answered, server,
                                     NULL)))
        latch_add(&server->done, 1);
}

static void hold(void *state)
{
    struct server *server = state;
    latch_add(&server->held, 1);
    LATCH_AWAIT(&server->released, 1);
}

static void batch(void)
{
    static struct server server;
    apm_socket client;
    apm_endpoint local;
    apm_endpoint client_local;
    size_t begun = 0;
    latch_init(&server.done);
    latch_init(&server.held);
    latch_init(&server.released);
    CHECK_SUCCESS(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, 1));
    if (!open_socket(&server.socket, &local))
        return;
    if (open_socket(&client, &client_local)) {
        while (begun < BATCH && OK(apm_socket_begin_receive_from(server.socket, server.bytes[begun], 8,
                                                                 APM_SOCKET_FLAGS_NONE, on_asked, &server, NULL)))
            begun++;
        /* The worker is held until all questions are there. */
        CHECK_SUCCESS(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, 1));
        bool held = OK(apm_thread_pool_queue_user_work_item((apm_thread_pool)APM_NULL_HANDLE, hold, &server, false));
        if (held)
            LATCH_AWAIT(&server.held, 1);
        bool asked = begun == BATCH;
        for (int i = 0; i < BATCH && asked; i++)
            asked = OK(apm_socket_send_to(client, "ask", 3, APM_SOCKET_FLAGS_NONE, local, NULL));
        latch_add(&server.released, 1);
        if (asked && held)
            LATCH_AWAIT(&server.done, 1); /* a failure may be one question's only */
        if (asked && held && !faults_fired())
            LATCH_AWAIT(&server.done, BATCH);
        torture_close(client);
    }
    torture_close(server.socket);
    LATCH_AWAIT(&server.done, begun);
    CHECK_SUCCESS(apm_thread_pool_set_max_threads((apm_thread_pool)APM_NULL_HANDLE, 64));
}

TORTURE(batches_of_datagrams_bear_every_failing_call, batch)

/* -- Clients -- */

static void udp_client(void)
{
    apm_udp_client one;
    apm_udp_client other;
    apm_endpoint local;
    apm_endpoint remote;
    uint8_t *datagram;
    size_t size;
    if (!OK(apm_udp_client_create_endpoint(loopback_endpoint(0), &one)))
        return;
    if (OK(apm_udp_client_create_endpoint(loopback_endpoint(0), &other))) {
        struct operation receive;
        if (OK(apm_socket_local_endpoint(apm_udp_client_client(one), &local)) &&
            OK(apm_udp_client_begin_receive(one, ON_COMPLETION(&receive)))) {
            if (!OK(apm_udp_client_connect(other, local)) || !OK(apm_udp_client_send(other, "hello", 5, NULL)))
                OK(apm_async_result_cancel(receive.result));
            AWAIT(&receive);
            if (OK(apm_udp_client_end_receive(one, receive.result, &remote, &datagram, &size))) {
                CHECK_EQ(size, 5);
                apm_udp_client_free_datagram(datagram);
            }
        }
        OK(apm_udp_client_close(other));
    }
    OK(apm_udp_client_close(one));
}

/* A datagram is handed out in a larger block than it needs, if that cannot be made smaller. */
TORTURE(udp_clients_bear_every_failing_call, udp_client, .borne = "apm__os_resize")

/* -- Trains -- */

static void receive_train(apm_socket one, apm_socket other, apm_endpoint local)
{
    static uint8_t train[APM_DATAGRAM_TRAIN_SIZE];
    struct operation receive;
    size_t size;
    size_t count;
    if (!OK(apm_socket_begin_receive_train_from(one, train, sizeof train, ON_COMPLETION(&receive))))
        return;
    if (!OK(apm_socket_send_train_to(other, "firstsecond", 11, 6, local, &count)))
        OK(apm_async_result_cancel(receive.result));
    AWAIT(&receive);
    if (OK(apm_socket_end_receive_train_from(one, receive.result, NULL, &size, &count)))
        CHECK(size <= 6 && count >= size);
}

/* One of the sockets comes from elsewhere, and may receive trains already. */
static void trains(void)
{
    apm_socket one;
    apm_socket other;
    apm_endpoint local;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(descriptor >= 0);
    if (!OK(apm_socket_create_from_handle(descriptor, &one))) {
        close(descriptor);
        return;
    }
    if (open_socket(&other, &local)) {
        if (OK(apm_socket_bind(one, loopback_endpoint(0))) && OK(apm_socket_local_endpoint(one, &local)))
            receive_train(one, other, local);
        torture_close(other);
    }
    torture_close(one);
}

TORTURE(trains_of_datagrams_bear_every_failing_call, trains,
        .borne = "apm__os_socket_join:ENOPROTOOPT apm__os_socket_send_train:EMSGSIZE apm__os_socket_option")

/* -- Multicast, on the loopback device -- */

static void multicast(void)
{
    apm_socket socket;
    const apm_multicast_option group = {.group = address_of("239.1.2.3"), .local_address = address_of("127.0.0.1")};
    int hops;
    if (!OK(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket)))
        return;
    if (OK(apm_socket_add_membership(socket, group)))
        OK(apm_socket_drop_membership(socket, group));
    if (OK(apm_socket_add_source_membership(socket, group, address_of("127.0.0.1"))))
        OK(apm_socket_drop_source_membership(socket, group, address_of("127.0.0.1")));
    OK(apm_socket_multicast_time_to_live(socket, &hops));
    OK(apm_socket_set_multicast_time_to_live(socket, 2));
    OK(apm_socket_set_multicast_interface(socket, 1));
    OK(apm_socket_set_multicast_interface_address(socket, address_of("127.0.0.1")));
    torture_close(socket);
}

TORTURE(multicast_bears_every_failing_call, multicast)
