/*
 * Datagrams as .NET has them: the cases udp-* of its recorded behaviour about what is sent and received, and those of
 * other areas that are about UDP.
 */
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

/* -- What does not fit -------------------------------------------------------------------------------------------- */

TEST(a_datagram_is_cut_to_the_buffer_and_its_rest_is_lost_udp_001_udp_002)
{
    apm_endpoint sender_local;
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket sender = udp_bind(&sender_local);
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[8];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_send_to(sender, "01234567890123456789", 20, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_EQ(received, 8);
    CHECK_EQ(memcmp(buffer, "01234567", 8), 0);
    CHECK(apm_endpoint_equals(remote, sender_local));
    expect_nothing(socket);

    CHECK_SUCCESS(apm_socket_send_to(sender, "01234567890123456789", 20, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &remote, &received));
    CHECK_EQ(received, 8);
    CHECK_SUCCESS(apm_socket_connect(socket, sender_local));
    CHECK_SUCCESS(apm_socket_send_to(sender, "01234567890123456789", 20, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(apm_socket_receive(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 8);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

static size_t receive_message(apm_socket socket, struct operation *receive, char *buffer, size_t size,
                              apm_socket_flags *flags, apm_endpoint *remote, apm_ip_packet_information *packet)
{
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, size, 0, ON_CALLBACK(receive)));
    CHECK_SUCCESS(finish_receive_message_from(socket, receive, flags, remote, packet, &received));
    return received;
}

TEST(a_message_says_that_it_was_cut_and_where_it_came_in_udp_003)
{
    apm_endpoint local;
    apm_endpoint sender_local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    apm_socket sender = udp_bind(&sender_local);
    apm_ip_packet_information packet;
    apm_socket_flags flags;
    struct operation receive;
    char buffer[20];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, 8, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_send_to(sender, "01234567890123456789", 20, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(finish_receive_message_from(socket, &receive, &flags, &remote, &packet, &received));
    CHECK_EQ(received, 8);
    CHECK_EQ(flags, APM_SOCKET_FLAGS_TRUNCATED);
    CHECK_SUCCESS(apm_socket_send_to(sender, "01234567890123456789", 20, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_EQ(receive_message(socket, &receive, buffer, 20, &flags, &remote, &packet), 20);
    CHECK_EQ(flags, APM_SOCKET_FLAGS_NONE);
    CHECK(apm_ip_address_equals(packet.address, apm_ip_address_loopback()));
    CHECK_EQ(packet.interface_index, 1);
    CHECK(apm_endpoint_equals(remote, sender_local));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

TEST(an_empty_datagram_is_received_and_so_is_the_next_one_udp_005)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[8];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    send_text_to(local, "");
    CHECK_SUCCESS(finish_receive_from(socket, &receive, NULL, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    send_text_to(local, "hello");
    CHECK_SUCCESS(finish_receive_from(socket, &receive, NULL, &received));
    CHECK_EQ(received, 5);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_receive_of_nothing_waits_and_leaves_the_datagram_udp_006)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[8];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 0, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    send_text_to(local, "hello");
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_EQ(received, 0);
    CHECK(!apm_endpoint_is_null(remote));
    expect_text(socket, "hello");
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(more_than_65507_bytes_are_message_size_udp_007)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation send;
    uint8_t *data = calloc(1, 65508);
    size_t sent;

    CHECK(data);
    CHECK_SUCCESS(apm_socket_begin_send_to(socket, data, 65507, 0, local, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send_to(socket, &send, &sent));
    CHECK_EQ(sent, 65507);
    CHECK_SUCCESS(apm_socket_begin_send_to(socket, data, 65508, 0, local, ON_CALLBACK(&send)));
    CHECK_ERROR(finish_send_to(socket, &send, &sent), APM_ERROR_MESSAGE_SIZE);
    CHECK_EQ(sent, 0);
    free(data);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(datagrams_that_find_the_buffer_full_are_lost_and_the_sender_is_not_told_udp_025)
{
    enum { SENT = 1000 };
    static char data[1000];
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    apm_socket sender = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    size_t received = 0;

    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(socket, 4608 / 2));
    for (size_t i = 0; i < SENT; i++) {
        CHECK_SUCCESS(apm_socket_send_to(sender, data, sizeof data, APM_SOCKET_FLAGS_NONE, local, NULL));
    }
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, SHORT_WHILE_MS));
    while (apm_socket_receive(socket, data, sizeof data, APM_SOCKET_FLAGS_NONE, NULL) == APM_ERROR_SUCCESS) {
        received++;
    }
    CHECK(received > 0 && received < SENT);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

/* -- Who is there ------------------------------------------------------------------------------------------------- */

TEST(an_unconnected_socket_is_not_told_that_nobody_is_there_udp_008)
{
    apm_endpoint nobody = closed_endpoint();
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[3];

    CHECK_SUCCESS(apm_socket_send_to(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, nobody, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 3, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_send_to(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, nobody, NULL));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_receive_from(socket, &receive, NULL, NULL), APM_ERROR_OPERATION_ABORTED);
}

/* On the loopback device the answer that nobody is there comes before the send returns. */
TEST(a_connected_socket_is_told_once_by_the_next_operation_udp_009)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[3];
    size_t count = 99;

    CHECK_SUCCESS(apm_socket_connect(socket, closed_endpoint()));
    CHECK_SUCCESS(apm_socket_send(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 3, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_ERROR(finish_receive(socket, &receive, &count), APM_ERROR_CONNECTION_REFUSED);
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_socket_send(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_ERROR(apm_socket_send(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_socket_send(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_pending_receive_is_told_that_nobody_is_there_udp_010)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[3];

    CHECK_SUCCESS(apm_socket_connect(socket, closed_endpoint()));
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 3, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_send(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_ERROR(finish_receive(socket, &receive, NULL), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(broadcasts_are_to_be_allowed_first_udp_011)
{
    static const char *const addresses[] = {"127.255.255.255:9", "255.255.255.255:9"};
    bool enabled = true;

    enter_private_network();
    if (system("ip route add 255.255.255.255/32 dev lo") != 0) {
        SKIP("no route for broadcasts can be made");
    }
    for (size_t i = 0; i < 2; i++) {
        apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
        struct operation send;
        size_t sent;

        CHECK_SUCCESS(apm_socket_enable_broadcast(socket, &enabled));
        CHECK(!enabled);
        CHECK_SUCCESS(apm_socket_begin_send_to(socket, "abc", 3, 0, endpoint_of(addresses[i]), ON_CALLBACK(&send)));
        CHECK_ERROR(finish_send_to(socket, &send, NULL), APM_ERROR_ACCESS_DENIED);
        CHECK_SUCCESS(apm_socket_set_enable_broadcast(socket, true));
        CHECK_SUCCESS(apm_socket_begin_send_to(socket, "abc", 3, 0, endpoint_of(addresses[i]), ON_CALLBACK(&send)));
        CHECK_SUCCESS(finish_send_to(socket, &send, &sent));
        CHECK_EQ(sent, 3);
        CHECK_SUCCESS(apm_socket_close(socket));
    }
}

TEST(a_socket_may_send_to_itself_udp_023)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[8];
    size_t received;

    CHECK_SUCCESS(apm_socket_send_to(socket, "abc", 3, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_EQ(received, 3);
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(ipv6_names_the_sender_without_a_scope_on_loopback_udp_024)
{
    apm_endpoint any = {.address = apm_ip_address_ipv6_loopback()};
    apm_endpoint local;
    apm_endpoint sender_local;
    apm_endpoint remote;
    apm_socket socket = udp_bind_to(any, &local);
    apm_socket sender = udp_bind_to(any, &sender_local);
    struct operation receive;
    struct operation send;
    char buffer[8];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send_to(sender, "abc", 3, 0, local, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_SUCCESS(finish_send_to(sender, &send, NULL));
    CHECK_EQ(received, 3);
    CHECK(apm_endpoint_equals(remote, sender_local));
    CHECK_EQ(remote.address.scope_id, 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

TEST(datagrams_go_to_pending_receives_in_the_order_begun_udp_022)
{
    enum { COUNT = 4 };
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receives[COUNT];
    char buffers[COUNT][2];

    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffers[i], 2, 0, ON_CALLBACK(&receives[i])));
    }
    for (char c = '0'; c < '0' + COUNT; c++) {
        CHECK_SUCCESS(apm_socket_send_to(socket, &c, 1, APM_SOCKET_FLAGS_NONE, local, NULL));
    }
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_receive_from(socket, &receives[i], NULL, NULL));
        CHECK_EQ(buffers[i][0], '0' + (char)i);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(close_aborts_a_pending_receive_of_a_message_cls_006)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receive;
    char buffer[8];

    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, 8, 0, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_receive_message_from(socket, &receive, NULL, NULL, NULL, NULL), APM_ERROR_OPERATION_ABORTED);
}

TEST(operations_of_datagrams_that_can_end_at_once_call_back_on_a_pool_thread_iar_020_iar_021_iar_022_iar_023)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket socket = udp_bind(&local);
    struct operation connect;
    struct operation send;
    struct operation receive;
    char buffer[8];

    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_CALLBACK(&connect)));
    CHECK(!apm_async_result_completed_synchronously(connect.result));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    for (int i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_socket_begin_send_to(socket, "x", 1, 0, local, ON_CALLBACK(&send)));
        CHECK(!apm_async_result_completed_synchronously(send.result));
        CHECK_SUCCESS(finish_send_to(socket, &send, NULL));
    }
    await_available(socket, 1);
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, sizeof buffer, 0, ON_CALLBACK(&receive)));
    CHECK(!apm_async_result_completed_synchronously(receive.result));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, sizeof buffer, 0, ON_CALLBACK(&receive)));
    CHECK(!apm_async_result_completed_synchronously(receive.result));
    AWAIT(&receive);
    CHECK_SUCCESS(apm_socket_end_receive_message_from(socket, receive.result, NULL, NULL, NULL, NULL));
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
