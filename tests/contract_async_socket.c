/*
 * CAsyncSocket: notifications, when they come and when they come again. What each member refuses is in
 * contract_async_socket_members.c.
 */
#include "support_compat.h"

#include <sys/socket.h>

static apm_event_queue queue_create(void)
{
    apm_event_queue queue;

    CHECK_SUCCESS(apm_event_queue_create(0, &queue));
    return queue;
}

static void pair_close(struct counted *client, struct counted *server, apm_event_queue queue)
{
    apm_async_socket_destroy(&client->socket);
    apm_async_socket_destroy(&server->socket);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(connect_and_accept_are_notified_and_then_that_both_can_send)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;

    counted_pair(&client, &server, queue);
    CHECK_EQ(client.connect, 1);
    CHECK_EQ(client.send, 1);
    CHECK_EQ(server.send, 1);
    pump_a_while(queue);
    CHECK_EQ(client.receive + server.receive + client.close + server.close, 0);
    CHECK_EQ(client.send + server.send, 2);
    pair_close(&client, &server, queue);
}

TEST(receive_is_notified_again_only_after_a_receive)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    char buffer[8];

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "abcdef", 6, 0), 6);
    PUMP_UNTIL(queue, server.receive == 1);
    CHECK_EQ(apm_async_socket_send(&client.socket, "gh", 2, 0), 2);
    pump_a_while(queue);
    CHECK_EQ(server.receive, 1);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, 3, 0), 3);
    PUMP_UNTIL(queue, server.receive == 2);
    pump_a_while(queue);
    CHECK_EQ(server.receive, 2);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, sizeof buffer, 0), 5);
    CHECK_EQ(memcmp(buffer, "defgh", 5), 0);
    pump_a_while(queue);
    CHECK_EQ(server.receive, 2);
    CHECK_WSA_RESULT(apm_async_socket_receive(&server.socket, buffer, sizeof buffer, 0), APM_WSAEWOULDBLOCK);
    CHECK_EQ(apm_async_socket_send(&client.socket, "i", 1, 0), 1);
    PUMP_UNTIL(queue, server.receive == 3);
    pair_close(&client, &server, queue);
}

TEST(receive_is_not_notified_if_the_program_was_quicker)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    char byte;

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    while (apm_async_socket_receive(&server.socket, &byte, 1, 0) != 1) { /* without pumping */
        CHECK_EQ(apm_async_socket_get_last_error(), APM_WSAEWOULDBLOCK);
    }
    pump_a_while(queue);
    CHECK_EQ(server.receive, 0);
    CHECK_EQ(apm_async_socket_send(&client.socket, "b", 1, 0), 1);
    PUMP_UNTIL(queue, server.receive == 1);
    pair_close(&client, &server, queue);
}

TEST(peeking_leaves_the_data_and_has_it_notified_again)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    char buffer[4];

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "abc", 3, 0), 3);
    PUMP_UNTIL(queue, server.receive == 1);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, 4, APM_SOCKET_FLAGS_PEEK), 3);
    PUMP_UNTIL(queue, server.receive == 2);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, 4, 0), 3);
    pair_close(&client, &server, queue);
}

TEST(close_is_notified_once_and_after_all_data_has_been_read)
{
    enum { SIZE = 300000 };
    static uint8_t block[SIZE];
    apm_event_queue queue = queue_create();
    struct counted client, server;
    size_t sent = 0;

    counted_pair(&client, &server, queue);
    server.reads = true;
    server.buffer_size = 1000;
    while (sent < SIZE) {
        int got = apm_async_socket_send(&client.socket, block + sent, (int)(SIZE - sent), 0);

        if (got < 0) {
            CHECK_EQ(apm_async_socket_get_last_error(), APM_WSAEWOULDBLOCK);
            CHECK_SUCCESS(apm_event_queue_pump(queue, PATIENCE_MS, NULL));
        } else {
            sent += (size_t)got;
        }
    }
    apm_async_socket_close(&client.socket);
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(server.close_error, 0);
    CHECK_EQ(server.received_at_close, SIZE);
    pump_a_while(queue);
    CHECK_EQ(server.close, 1);
    pair_close(&client, &server, queue);
}

TEST(close_waits_for_data_that_nobody_reads_yet)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    char buffer[8];

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "last", 4, 0), 4);
    apm_async_socket_close(&client.socket);
    PUMP_UNTIL(queue, server.receive == 1);
    pump_a_while(queue);
    CHECK_EQ(server.close, 0);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, sizeof buffer, 0), 4);
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(apm_async_socket_receive(&server.socket, buffer, sizeof buffer, 0), 0);
    pair_close(&client, &server, queue);
}

TEST(reset_is_notified_as_a_close_with_its_error)
{
    apm_event_queue queue = queue_create();
    struct counted listener, server;
    apm_endpoint local;
    char byte;
    int peer;

    counted_initialize(&listener, queue);
    counted_initialize(&server, queue);
    local = counted_listen(&listener);
    peer = raw_connect(local);
    PUMP_UNTIL(queue, listener.accept == 1);
    CHECK(apm_async_socket_accept(&listener.socket, &server.socket, NULL));
    raw_reset(peer);
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(server.close_error, APM_WSAECONNRESET);
    CHECK_WSA_RESULT(apm_async_socket_receive(&server.socket, &byte, 1, 0), APM_WSAECONNRESET);
    pair_close(&listener, &server, queue);
}

TEST(reset_is_an_error_and_no_end_also_for_a_program_that_does_not_pump)
{
    for (int round = 0; round < 50; round++) {
        apm_event_queue queue = queue_create();
        struct counted listener, server;
        apm_endpoint local;
        char byte;
        int peer, got;

        counted_initialize(&listener, queue);
        counted_initialize(&server, queue);
        local = counted_listen(&listener);
        peer = raw_connect(local);
        PUMP_UNTIL(queue, listener.accept == 1);
        CHECK(apm_async_socket_accept(&listener.socket, &server.socket, NULL));
        raw_reset(peer);
        while ((got = apm_async_socket_receive(&server.socket, &byte, 1, 0)) < 0 &&
               apm_async_socket_get_last_error() == APM_WSAEWOULDBLOCK) {
            sched_yield();
        }
        CHECK_EQ(got, -1);
        CHECK_EQ(apm_async_socket_get_last_error(), APM_WSAECONNRESET);
        PUMP_UNTIL(queue, server.close == 1);
        CHECK_EQ(server.close_error, APM_WSAECONNRESET);
        pair_close(&listener, &server, queue);
    }
}

TEST(failed_connect_is_notified_with_its_error_and_may_be_tried_again)
{
    apm_event_queue queue = queue_create();
    struct counted client, listener;
    apm_endpoint closed = closed_endpoint();

    counted_initialize(&client, queue);
    counted_initialize(&listener, queue);
    CHECK(apm_async_socket_create(&client.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, closed), APM_WSAEWOULDBLOCK);
    PUMP_UNTIL(queue, client.connect == 1);
    CHECK_EQ(client.connect_error, APM_WSAECONNREFUSED);
    CHECK_EQ(client.send, 0);
    CHECK_WSA(apm_async_socket_connect_endpoint(&client.socket, counted_listen(&listener)), APM_WSAEWOULDBLOCK);
    PUMP_UNTIL(queue, client.connect == 2 && client.send == 1);
    CHECK_EQ(client.connect_error, 0);
    pair_close(&client, &listener, queue);
}

TEST(name_that_does_not_exist_is_the_error_of_on_connect)
{
    apm_event_queue queue;
    struct counted client;

    enter_private_network_with_names();
    queue = queue_create();
    counted_initialize(&client, queue);
    CHECK(apm_async_socket_create(&client.socket, 0, APM_SOCKET_TYPE_STREAM, APM_FD_ALL, NULL));
    CHECK_WSA(apm_async_socket_connect(&client.socket, "nobody.example", 80), APM_WSAEWOULDBLOCK);
    PUMP_UNTIL(queue, client.connect == 1);
    CHECK_EQ(client.connect_error, APM_WSAHOST_NOT_FOUND);
    apm_async_socket_destroy(&client.socket);
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(send_is_notified_after_a_send_that_would_block_and_loses_nothing)
{
    enum { BLOCK = 100000 };
    static uint8_t block[BLOCK];
    apm_event_queue queue = queue_create();
    struct counted client, server;
    size_t sent = 0;
    int got;

    counted_pair(&client, &server, queue);
    while ((got = apm_async_socket_send(&client.socket, block, BLOCK, 0)) >= 0) {
        sent += (size_t)got;
    }
    CHECK_EQ(apm_async_socket_get_last_error(), APM_WSAEWOULDBLOCK);
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, block, 1, 0), APM_WSAEWOULDBLOCK);
    CHECK_EQ(client.send, 1);
    server.reads = true;
    server.buffer_size = 65536;
    CHECK(apm_async_socket_async_select(&server.socket, APM_FD_ALL));
    PUMP_UNTIL(queue, client.send == 2);
    CHECK_EQ(apm_async_socket_send(&client.socket, block, 10, 0), 10);
    sent += 10;
    PUMP_UNTIL(queue, server.received == sent);
    pump_a_while(queue);
    CHECK_EQ(client.send, 2);
    pair_close(&client, &server, queue);
}

TEST(what_send_has_taken_is_sent_although_the_socket_is_closed)
{
    enum { BLOCK = 100000 };
    static uint8_t block[BLOCK];
    apm_event_queue queue = queue_create();
    struct counted client, server;
    size_t sent = 0;
    int got;

    counted_pair(&client, &server, queue);
    while ((got = apm_async_socket_send(&client.socket, block, BLOCK, 0)) >= 0) {
        sent += (size_t)got;
    }
    apm_async_socket_close(&client.socket);
    server.reads = true;
    server.buffer_size = 65536;
    CHECK(apm_async_socket_async_select(&server.socket, APM_FD_ALL));
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(server.close_error, 0);
    CHECK_EQ(server.received_at_close, sent);
    CHECK_EQ(client.send, 1);
    pair_close(&client, &server, queue);
}

TEST(shut_down_of_sending_lets_what_was_taken_go_first)
{
    enum { BLOCK = 100000 };
    static uint8_t block[BLOCK];
    apm_event_queue queue = queue_create();
    struct counted client, server;
    size_t sent = 0;
    int got;

    counted_pair(&client, &server, queue);
    while ((got = apm_async_socket_send(&client.socket, block, BLOCK, 0)) >= 0) {
        sent += (size_t)got;
    }
    CHECK(apm_async_socket_shut_down(&client.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_WSA_RESULT(apm_async_socket_send(&client.socket, block, 1, 0), APM_WSAESHUTDOWN);
    server.reads = true;
    server.buffer_size = 65536;
    CHECK(apm_async_socket_async_select(&server.socket, APM_FD_ALL));
    PUMP_UNTIL(queue, server.close == 1);
    CHECK_EQ(server.received_at_close, sent);
    CHECK_EQ(apm_async_socket_send(&server.socket, "x", 1, 0), 1); /* the other direction goes on */
    PUMP_UNTIL(queue, client.receive == 1);
    pair_close(&client, &server, queue);
}

TEST(accept_is_notified_for_each_connection_and_again_only_after_an_accept)
{
    apm_event_queue queue = queue_create();
    struct counted listener, server;
    apm_endpoint local, peer;
    int peers[3];

    counted_initialize(&listener, queue);
    counted_initialize(&server, queue);
    local = counted_listen(&listener);
    for (int i = 0; i < 3; i++) {
        peers[i] = raw_connect(local);
    }
    PUMP_UNTIL(queue, listener.accept == 1);
    pump_a_while(queue);
    CHECK_EQ(listener.accept, 1);
    for (int i = 0; i < 3; i++) {
        PUMP_UNTIL(queue, listener.accept == i + 1);
        CHECK(apm_async_socket_accept(&listener.socket, &server.socket, &peer));
        CHECK(apm_ip_address_is_loopback(peer.address));
        apm_async_socket_close(&server.socket);
    }
    pump_a_while(queue);
    CHECK_EQ(listener.accept, 3);
    CHECK_WSA(apm_async_socket_accept(&listener.socket, &server.socket, &peer), APM_WSAEWOULDBLOCK);
    for (int i = 0; i < 3; i++) {
        raw_close(peers[i]);
    }
    pair_close(&listener, &server, queue);
}

TEST(closing_a_listener_closes_the_connection_that_nobody_has_accepted)
{
    apm_event_queue queue = queue_create();
    struct counted listener;
    int peer;

    for (int pumped = 0; pumped < 2; pumped++) {
        counted_initialize(&listener, queue);
        peer = raw_connect(counted_listen(&listener));
        if (pumped) {
            PUMP_UNTIL(queue, listener.accept == 1);
        }
        apm_async_socket_close(&listener.socket);
        (void)raw_read_to_end(peer);
        raw_close(peer);
        pump_a_while(queue);
        CHECK_EQ(listener.accept, pumped);
    }
    CHECK_SUCCESS(apm_event_queue_close(queue));
}

TEST(urgent_data_is_notified_and_received_out_of_band)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    char byte = 0;
    uint32_t mark;

    counted_pair(&client, &server, queue);
    for (int i = 1; i <= 2; i++) {
        CHECK_EQ(apm_async_socket_send(&client.socket, "!", 1, APM_SOCKET_FLAGS_OUT_OF_BAND), 1);
        PUMP_UNTIL(queue, server.urgent == i);
        CHECK(apm_async_socket_io_ctl(&server.socket, APM_SIOCATMARK, &mark));
        CHECK_EQ(apm_async_socket_receive(&server.socket, &byte, 1, APM_SOCKET_FLAGS_OUT_OF_BAND), 1);
        CHECK_EQ(byte, '!');
    }
    CHECK_WSA_RESULT(apm_async_socket_receive(&server.socket, &byte, 1, APM_SOCKET_FLAGS_OUT_OF_BAND),
                     APM_WSAEINVAL);
    CHECK_EQ(apm_async_socket_send(&client.socket, "abc", 3, 0), 3);
    PUMP_UNTIL(queue, server.receive >= 1);
    pair_close(&client, &server, queue);
}

TEST(async_select_chooses_the_events_and_notifies_what_holds)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;

    counted_pair(&client, &server, queue);
    CHECK(apm_async_socket_async_select(&server.socket, 0));
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    pump_a_while(queue);
    CHECK_EQ(server.receive, 0);
    CHECK(apm_async_socket_async_select(&server.socket, APM_FD_READ | APM_FD_WRITE));
    PUMP_UNTIL(queue, server.receive == 1 && server.send == 2);
    CHECK(apm_async_socket_async_select(&server.socket, APM_FD_WRITE));
    PUMP_UNTIL(queue, server.send == 3);
    pair_close(&client, &server, queue);
}

/* -- Closing ------------------------------------------------------------------------------------------------------ */

static void close_in_handler(apm_async_socket *socket, int error)
{
    struct counted *counted = socket->state;

    (void)error;
    counted->receive++;
    apm_async_socket_close(socket);
}

static const apm_async_socket_handlers closing_handlers = {
    .on_receive = close_in_handler, .on_send = close_in_handler, .on_close = close_in_handler};

TEST(socket_may_be_closed_in_its_handler_and_is_not_notified_afterwards)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;

    counted_pair(&client, &server, queue);
    server.socket.handlers = &closing_handlers;
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    PUMP_UNTIL(queue, server.receive == 1);
    pump_a_while(queue);
    CHECK_EQ(server.receive, 1);
    CHECK(apm_socket_is_null(apm_async_socket_handle(&server.socket)));
    CHECK(apm_async_socket_create(&server.socket, 0, APM_SOCKET_TYPE_STREAM, 0, NULL)); /* the object is as new */
    pair_close(&client, &server, queue);
}

TEST(message_in_the_queue_is_not_delivered_after_close)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    apm_event_message message;
    apm_socket closed;
    size_t count = 0;

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    while (count == 0) { /* until the notification is in the queue */
        CHECK_SUCCESS(apm_event_queue_count(queue, &count));
        sched_yield();
    }
    closed = apm_async_socket_handle(&server.socket);
    apm_async_socket_close(&server.socket);
    memset(&server, 0xee, sizeof server); /* the object's memory is the program's */
    while (apm_event_queue_get(queue, SHORT_WHILE_MS, &message) == APM_ERROR_SUCCESS) {
        CHECK(message.w_param != closed.bits); /* the client gets the end of its connection */
    }
    memset(&server, 0, sizeof server);
    pair_close(&client, &server, queue);
}

TEST(notifications_come_as_messages_that_a_loop_of_the_program_dispatches)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;
    apm_event_message message;

    counted_pair(&client, &server, queue);
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    CHECK_SUCCESS(apm_event_queue_get(queue, PATIENCE_MS, &message));
    CHECK_EQ(message.message, APM_EVENT_MESSAGE_SOCKET_NOTIFY);
    CHECK_EQ(message.w_param, apm_async_socket_handle(&server.socket).bits);
    CHECK_EQ(message.l_param, APM_FD_READ);
    CHECK_EQ(server.receive, 0);
    CHECK_SUCCESS(apm_event_queue_dispatch(&message));
    CHECK_EQ(server.receive, 1);
    CHECK_SUCCESS(apm_event_queue_dispatch(&message)); /* once more is once too often, and does nothing */
    CHECK_EQ(server.receive, 1);
    pair_close(&client, &server, queue);
}

TEST(queue_may_be_closed_before_its_sockets)
{
    apm_event_queue queue = queue_create();
    struct counted client, server;

    counted_pair(&client, &server, queue);
    CHECK_SUCCESS(apm_event_queue_close(queue));
    CHECK_EQ(apm_async_socket_send(&client.socket, "a", 1, 0), 1);
    apm_async_socket_close(&client.socket);
    apm_async_socket_close(&server.socket);
}

LIBRARY_TEST_MAIN()
