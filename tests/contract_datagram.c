/*
 * Datagrams: to and from endpoints, in order, of every size, and how what is pending ends.
 */
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

enum { MANY = 40, LARGEST = 65507 };

CONTRACT_TEST(a_datagram_comes_with_its_sender)
{
    apm_endpoint first_local;
    apm_endpoint second_local;
    apm_endpoint remote;
    apm_socket first = udp_bind(&first_local);
    apm_socket second = udp_bind(&second_local);
    char buffer[16];
    size_t count = 99;

    CHECK_SUCCESS(send_to_at_once(first, "hello", 5, second_local, &count));
    CHECK_EQ(count, 5);
    CHECK_SUCCESS(receive_from_at_once(second, buffer, sizeof buffer, &remote, &count));
    CHECK_EQ(count, 5);
    CHECK_EQ(memcmp(buffer, "hello", 5), 0);
    CHECK(apm_endpoint_equals(remote, first_local));
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
}

CONTRACT_TEST(a_pending_receive_gets_the_datagram_that_comes)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[16];
    size_t received;

    CHECK_SUCCESS(
        apm_socket_begin_receive_from(socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    send_text_to(local, "later");
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_EQ(received, 5);
    CHECK(apm_ip_address_equals(remote.address, apm_ip_address_loopback()));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* More than go into one system call, of every kind of receive in turn. */
CONTRACT_TEST(datagrams_go_to_many_pending_receives_in_the_order_begun)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    apm_socket sender = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct operation receives[MANY];
    uint32_t numbers[MANY] = {0};

    for (size_t i = 0; i < MANY; i++) {
        if (i % 3 == 0) {
            CHECK_SUCCESS(apm_socket_begin_receive_from(socket, &numbers[i], 4, 0, ON_COMPLETION(&receives[i])));
        } else if (i % 3 == 1) {
            CHECK_SUCCESS(
                apm_socket_begin_receive_message_from(socket, &numbers[i], 4, 0, ON_COMPLETION(&receives[i])));
        } else {
            CHECK_SUCCESS(apm_socket_begin_receive(socket, &numbers[i], 4, 0, ON_COMPLETION(&receives[i])));
        }
    }
    for (uint32_t i = 0; i < MANY; i++) {
        CHECK_SUCCESS(apm_socket_send_to(sender, &i, 4, APM_SOCKET_FLAGS_NONE, local, NULL));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        apm_ip_packet_information packet;
        size_t received = 0;

        if (i % 3 == 0) {
            CHECK_SUCCESS(finish_receive_from(socket, &receives[i], NULL, &received));
        } else if (i % 3 == 1) {
            CHECK_SUCCESS(finish_receive_message_from(socket, &receives[i], NULL, NULL, &packet, &received));
            CHECK(apm_ip_address_equals(packet.address, apm_ip_address_loopback()));
        } else {
            CHECK_SUCCESS(finish_receive(socket, &receives[i], &received));
        }
        CHECK_EQ(received, 4);
        CHECK_EQ(numbers[i], i);
    }
    CHECK_SUCCESS(apm_socket_close(sender));
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(sends_leave_in_the_order_begun)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    apm_socket sender = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct operation sends[MANY];
    uint32_t numbers[MANY];

    for (uint32_t i = 0; i < MANY; i++) {
        numbers[i] = i;
        CHECK_SUCCESS(apm_socket_begin_send_to(sender, &numbers[i], 4, 0, local, ON_COMPLETION(&sends[i])));
    }
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number;
        size_t count;

        CHECK_SUCCESS(finish_send_to(sender, &sends[i], &count));
        CHECK_EQ(count, 4);
        CHECK_SUCCESS(apm_socket_receive_from(socket, &number, 4, APM_SOCKET_FLAGS_NONE, NULL, &count));
        CHECK_EQ(number, i);
    }
    CHECK_SUCCESS(apm_socket_close(sender));
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(the_largest_datagram_arrives_and_a_larger_one_is_message_size)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    uint8_t *sent = malloc(LARGEST + 1);
    uint8_t *received = malloc(LARGEST + 1);
    size_t count = 99;

    CHECK(sent && received);
    pattern_fill(sent, LARGEST + 1, 0);
    CHECK_ERROR(send_to_at_once(socket, sent, LARGEST + 1, local, &count), APM_ERROR_MESSAGE_SIZE);
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(send_to_at_once(socket, sent, LARGEST, local, &count));
    CHECK_EQ(count, LARGEST);
    CHECK_SUCCESS(receive_from_at_once(socket, received, LARGEST + 1, NULL, &count));
    CHECK_EQ(count, LARGEST);
    pattern_check(received, LARGEST, 0);
    free(sent);
    free(received);
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(a_message_tells_whether_it_was_cut_and_where_it_came_in)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};

    for (size_t i = 0; i < 2; i++) {
        apm_endpoint any = {.address = address_of(hosts[i])};
        apm_endpoint local;
        apm_endpoint remote;
        apm_socket socket = udp_bind_to(any, &local);
        struct operation receive;
        apm_ip_packet_information packet;
        apm_socket_flags flags;
        char buffer[4];
        size_t received;

        CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, 4, 0, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(apm_socket_send_to(socket, "0123456789", 10, APM_SOCKET_FLAGS_NONE, local, NULL));
        CHECK_SUCCESS(finish_receive_message_from(socket, &receive, &flags, &remote, &packet, &received));
        CHECK_EQ(received, 4);
        CHECK_EQ(flags, APM_SOCKET_FLAGS_TRUNCATED);
        CHECK(apm_endpoint_equals(remote, local));
        CHECK(apm_ip_address_equals(packet.address, local.address));
        CHECK_EQ(packet.interface_index, 1);
        CHECK_SUCCESS(apm_socket_send_to(socket, "0123", 4, APM_SOCKET_FLAGS_NONE, local, NULL));
        CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, 4, 0, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(finish_receive_message_from(socket, &receive, &flags, NULL, NULL, &received));
        CHECK_EQ(received, 4);
        CHECK_EQ(flags, APM_SOCKET_FLAGS_NONE);
        CHECK_SUCCESS(apm_socket_close(socket));
    }
}

/* -- How what is pending ends ------------------------------------------------------------------------------------- */

struct pending {
    apm_socket socket;
    struct operation receive_from;
    struct operation message;
    struct operation receive;
    char buffers[3][4];
};

static void begin_pending(struct pending *pending, apm_endpoint *local)
{
    pending->socket = udp_bind(local);
    CHECK_SUCCESS(apm_socket_begin_receive_from(pending->socket, pending->buffers[0], 4, APM_SOCKET_FLAGS_NONE,
                                                ON_COMPLETION(&pending->receive_from)));
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(pending->socket, pending->buffers[1], 4, APM_SOCKET_FLAGS_NONE,
                                                        ON_COMPLETION(&pending->message)));
    CHECK_SUCCESS(apm_socket_begin_receive(pending->socket, pending->buffers[2], 4, APM_SOCKET_FLAGS_NONE,
                                           ON_COMPLETION(&pending->receive)));
    CHECK_PENDING(&pending->receive_from);
}

static void check_ended(struct pending *pending, apm_error error)
{
    apm_endpoint remote = loopback_endpoint(1);
    apm_ip_packet_information packet = {.interface_index = 9};
    apm_socket_flags flags = APM_SOCKET_FLAGS_PEEK;
    size_t received = 99;

    CHECK_ERROR(finish_receive_from(pending->socket, &pending->receive_from, &remote, &received), error);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_EQ(received, 0);
    remote = loopback_endpoint(1);
    received = 99;
    CHECK_ERROR(finish_receive_message_from(pending->socket, &pending->message, &flags, &remote, &packet, &received),
                error);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_EQ(received, 0);
    CHECK_EQ(flags, APM_SOCKET_FLAGS_NONE);
    CHECK_EQ(packet.interface_index, 0);
    CHECK_ERROR(finish_receive(pending->socket, &pending->receive, &received), error);
}

CONTRACT_TEST(close_ends_pending_receives_of_datagrams)
{
    struct pending pending;
    apm_endpoint local;

    begin_pending(&pending, &local);
    CHECK_SUCCESS(apm_socket_close(pending.socket));
    check_ended(&pending, APM_ERROR_OPERATION_ABORTED);
}

CONTRACT_TEST(deadlines_end_pending_receives_of_datagrams)
{
    struct pending pending;
    apm_endpoint local;

    begin_pending(&pending, &local);
    CHECK_SUCCESS(apm_async_result_cancel_after(pending.receive.result, 1));
    CHECK_SUCCESS(apm_async_result_cancel_after(pending.message.result, 1));
    CHECK_SUCCESS(apm_async_result_cancel_after(pending.receive_from.result, 1));
    check_ended(&pending, APM_ERROR_TIMED_OUT);
    send_text_to(local, "still");
    expect_text(pending.socket, "still");
    CHECK_SUCCESS(apm_socket_close(pending.socket));
}

CONTRACT_TEST(cancel_of_one_of_several_receives_leaves_the_datagrams_to_the_others)
{
    struct pending pending;
    apm_endpoint local;
    size_t received;

    begin_pending(&pending, &local);
    CHECK_SUCCESS(apm_async_result_cancel(pending.receive_from.result));
    CHECK_ERROR(finish_receive_from(pending.socket, &pending.receive_from, NULL, NULL), APM_ERROR_OPERATION_ABORTED);
    send_text_to(local, "one");
    send_text_to(local, "two");
    CHECK_SUCCESS(finish_receive_message_from(pending.socket, &pending.message, NULL, NULL, NULL, &received));
    CHECK_SUCCESS(finish_receive(pending.socket, &pending.receive, &received));
    CHECK_EQ(memcmp(pending.buffers[1], "one", 3), 0);
    CHECK_EQ(memcmp(pending.buffers[2], "two", 3), 0);
    CHECK_SUCCESS(apm_socket_close(pending.socket));
}

CONTRACT_TEST(a_disconnect_of_datagrams_ends_pending_receives_and_the_socket_stays_usable)
{
    apm_endpoint local;
    apm_endpoint peer_local;
    apm_socket peer = udp_bind(&peer_local);
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    struct operation disconnect;
    char buffer[4];

    CHECK_SUCCESS(apm_socket_connect(socket, peer_local));
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_begin_disconnect(socket, true, ON_COMPLETION(&disconnect)));
    CHECK_SUCCESS(finish_disconnect(socket, &disconnect));
    CHECK_ERROR(finish_receive(socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK(!apm_socket_connected(socket));
    CHECK_ERROR(apm_socket_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_DESTINATION_ADDRESS_REQUIRED);
    CHECK_SUCCESS(send_to_at_once(socket, "again", 5, peer_local, NULL));
    expect_text(peer, "again");
    CHECK_SUCCESS(apm_socket_connect(socket, peer_local));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(peer));
}

struct closing {
    apm_socket socket;
    apm_error error;
    bool message;
};

static void receive_until_closed(void *argument)
{
    struct closing *closing = argument;
    char buffer[4];

    closing->error = closing->message
                         ? apm_socket_receive_message_from(closing->socket, buffer, 4, NULL, NULL, NULL, NULL)
                         : apm_socket_receive_from(closing->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL);
}

TEST(close_ends_a_synchronous_receive_of_a_datagram_with_connection_aborted)
{
    for (int message = 0; message < 2; message++) {
        apm_endpoint local;
        struct closing closing = {.socket = udp_bind(&local), .message = message};
        struct thread thread;
        struct apm_thread_pool_statistics statistics = {0};
        apm_thread_pool pool = APM_NULL_HANDLE;

        thread_start(&thread, receive_until_closed, &closing);
        while (statistics.pending_receives == 0) {
            CHECK_SUCCESS(apm_thread_pool_statistics(pool, &statistics));
        }
        CHECK_SUCCESS(apm_socket_close(closing.socket));
        thread_join(&thread);
        CHECK_ERROR(closing.error, APM_ERROR_CONNECTION_ABORTED);
    }
}

TEST(synchronous_calls_of_datagrams_set_what_they_give_and_time_out)
{
    apm_endpoint local;
    apm_endpoint remote = loopback_endpoint(1);
    apm_socket socket = udp_bind(&local);
    apm_ip_packet_information packet = {.interface_index = 9};
    apm_socket_flags flags = APM_SOCKET_FLAGS_NONE;
    char buffer[8];
    size_t received = 99;

    expect_nothing(socket);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, SHORT_WHILE_MS));
    CHECK_ERROR(apm_socket_receive_message_from(socket, buffer, 8, &flags, &remote, &packet, &received),
                APM_ERROR_TIMED_OUT);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_EQ(received, 0);
    CHECK_EQ(packet.interface_index, 0);
    CHECK_SUCCESS(apm_socket_send_to(socket, "peek", 4, APM_SOCKET_FLAGS_NONE, local, NULL));
    flags = APM_SOCKET_FLAGS_PEEK;
    CHECK_SUCCESS(apm_socket_receive_message_from(socket, buffer, 2, &flags, &remote, &packet, &received));
    CHECK_EQ(received, 2);
    CHECK_EQ(flags, APM_SOCKET_FLAGS_TRUNCATED);
    CHECK(apm_endpoint_equals(remote, local));
    expect_text(socket, "peek");
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
