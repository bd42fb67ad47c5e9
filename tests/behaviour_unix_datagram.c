/*
 * Datagrams of unix domain sockets as in .NET: the case uds-007 of its recorded behaviour, and what it was asked beside
 * that.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"
#include "support_datagram.h"

static apm_socket create(void)
{
    apm_socket socket;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UNSPECIFIED, &socket));
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_set_send_timeout(socket, PATIENCE_MS));
    return socket;
}

static apm_socket bind_to(apm_endpoint local)
{
    apm_socket socket = create();

    CHECK_SUCCESS(apm_socket_bind(socket, local));
    return socket;
}

static apm_error send_text(apm_socket socket, const char *text, apm_endpoint remote)
{
    size_t sent = 99;
    apm_error error = send_to_at_once(socket, text, strlen(text), remote, &sent);

    CHECK_EQ(sent, error == APM_ERROR_SUCCESS ? strlen(text) : 0);
    return error;
}

static void expect_from(apm_socket socket, const char *text, apm_endpoint expected)
{
    char buffer[64];
    apm_endpoint remote;
    size_t received;

    CHECK_SUCCESS(receive_from_at_once(socket, buffer, sizeof buffer, &remote, &received));
    CHECK_EQ(received, strlen(text));
    CHECK_EQ(memcmp(buffer, text, received), 0);
    CHECK(apm_endpoint_equals(remote, expected));
}

/* Two sockets that send to each other, of which the second has begun to receive before. */
static void check_exchange(apm_endpoint here, apm_endpoint there)
{
    apm_socket first = bind_to(here);
    apm_socket second = bind_to(there);
    struct operation receive;
    apm_endpoint remote;
    char buffer[8];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_from(second, buffer, sizeof buffer, 0, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(send_text(first, "abc", there));
    CHECK_SUCCESS(finish_receive_from(second, &receive, &remote, &received));
    CHECK_EQ(received, 3);
    CHECK(apm_endpoint_equals(remote, here));
    CHECK_SUCCESS(send_text(second, "reply", remote));
    expect_from(first, "reply", there);
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
    CHECK(!unix_file_exists(here));
}

CONTRACT_TEST(datagrams_go_from_path_to_path_uds_007)
{
    apm_endpoint missing = unix_endpoint("missing");

    check_exchange(unix_endpoint("here"), unix_endpoint("there"));

    apm_socket socket = create();
    CHECK_ERROR(send_text(socket, "abc", missing), APM_ERROR_ADDRESS_NOT_AVAILABLE);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(datagrams_go_to_abstract_names)
{
    check_exchange(unix_abstract_endpoint(), unix_abstract_endpoint());
}

TEST(a_sender_without_a_name_is_shown_as_such)
{
    apm_endpoint local = unix_endpoint("named");
    apm_socket receiver = bind_to(local);
    apm_socket sender = create();
    apm_endpoint nobody = {.address.family = APM_ADDRESS_FAMILY_UNIX};
    apm_async_result result;
    char buffer[8];

    CHECK_ERROR(apm_socket_begin_receive_from(sender, buffer, 8, 0, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(send_text(sender, "abcd", local));
    CHECK(apm_socket_is_bound(sender));
    expect_from(receiver, "abcd", nobody);
    CHECK_SUCCESS(apm_socket_close(sender));
    CHECK_SUCCESS(apm_socket_close(receiver));
}

TEST(a_message_of_the_unix_domain_says_that_it_was_cut_and_not_where_it_came_in)
{
    apm_endpoint local = unix_endpoint("messages");
    apm_socket socket = bind_to(local);
    struct operation receive;
    apm_socket_flags flags;
    apm_endpoint remote;
    apm_ip_packet_information packet;
    char buffer[8];
    size_t received;

    for (size_t room = 2; room <= 4; room++) {
        CHECK_SUCCESS(send_text(socket, "abc", local));
        CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, room, 0, ON_CALLBACK(&receive)));
        CHECK_SUCCESS(finish_receive_message_from(socket, &receive, &flags, &remote, &packet, &received));
        CHECK_EQ(received, room < 3 ? room : 3);
        CHECK_EQ(flags, room < 3 ? APM_SOCKET_FLAGS_TRUNCATED : APM_SOCKET_FLAGS_NONE);
        CHECK(apm_endpoint_equals(remote, local));
        CHECK(apm_ip_packet_information_equals(packet, (apm_ip_packet_information){0}));
    }
    /* One that finds less room without asking is cut, too; and a receive of nothing leaves it. */
    CHECK_SUCCESS(send_text(socket, "abc", local));
    CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, 0, 0, &remote, &received));
    CHECK_EQ(received, 0);
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, 2, 0, &remote, &received));
    CHECK_EQ(received, 2);
    expect_nothing(socket);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(what_is_no_datagram_socket_of_the_unix_domain_takes_no_datagram)
{
    apm_endpoint stream = unix_endpoint("stream");
    apm_endpoint plain = unix_endpoint("plain");
    char path[APM_ENDPOINT_TEXT_SIZE];
    apm_socket listener = unix_listen(stream, 1);
    socket_pair pair = unix_pair_create();
    apm_socket datagrams = create();
    apm_socket inet = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);

    CHECK_SUCCESS(apm_endpoint_format(plain, path, sizeof path));
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    close(file);
    CHECK_ERROR(send_text(datagrams, "a", plain), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(send_text(datagrams, "a", stream), APM_ERROR_PROTOCOL_TYPE);
    CHECK_ERROR(send_text(datagrams, "a", loopback_endpoint(5)), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(send_text(inet, "a", stream), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    CHECK_ERROR(send_text(pair.client, "a", stream), APM_ERROR_IS_CONNECTED);
    CHECK_ERROR(apm_socket_listen(datagrams, 1), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(datagrams));
    CHECK_SUCCESS(apm_socket_close(inet));
    CHECK_SUCCESS(apm_socket_close(listener));
    socket_pair_close(pair);
}

/* -- Peers --------------------------------------------------------------------------------------------------------- */

TEST(a_connected_datagram_socket_of_the_unix_domain_has_a_peer_until_that_is_closed)
{
    apm_endpoint local = unix_endpoint("peer");
    apm_socket peer = bind_to(local);
    apm_socket socket = create();
    apm_endpoint remote;
    size_t count = 99;
    char buffer[8];

    CHECK_ERROR(apm_socket_connect(socket, unix_endpoint("missing")), APM_ERROR_ADDRESS_NOT_AVAILABLE);
    CHECK_SUCCESS(apm_socket_connect(socket, local));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_send(socket, "hello", 5, 0, NULL));
    CHECK_SUCCESS(apm_socket_send(socket, "", 0, 0, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_socket_receive(peer, buffer, sizeof buffer, 0, &count));
    CHECK_EQ(count, 5);
    CHECK_SUCCESS(apm_socket_receive(peer, buffer, sizeof buffer, 0, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_socket_close(peer));
    CHECK_ERROR(apm_socket_send(socket, "hello", 5, 0, NULL), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(apm_socket_send(socket, "hello", 5, 0, NULL), APM_ERROR_NOT_CONNECTED);
    CHECK(!apm_socket_connected(socket));

    peer = bind_to(local);
    CHECK_SUCCESS(apm_socket_connect(socket, local));
    CHECK_SUCCESS(apm_socket_disconnect(socket, true));
    CHECK(!apm_socket_connected(socket));
    CHECK_ERROR(apm_socket_send(socket, "hello", 5, 0, NULL), APM_ERROR_NOT_CONNECTED);
    CHECK_SUCCESS(apm_socket_close(peer));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* Sends by a raw socket until the receiver has no room; returns how many datagrams went. */
static size_t fill(apm_endpoint remote)
{
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    apm_socket_address address;
    size_t count = 0;

    CHECK_SUCCESS(apm_endpoint_serialize(remote, &address));
    CHECK_EQ(connect(sender, (const struct sockaddr *)(const void *)address.buffer, (socklen_t)address.size), 0);
    while (send(sender, "x", 1, 0) == 1) {
        count++;
    }
    close(sender);
    return count;
}

static void drain(apm_socket socket, size_t count)
{
    char buffer[8];

    while (count-- > 0) {
        CHECK_SUCCESS(apm_socket_receive(socket, buffer, sizeof buffer, 0, NULL));
    }
}

TEST(a_send_to_a_peer_without_room_waits_for_it_and_one_to_anybody_else_would_block)
{
    apm_endpoint local = unix_endpoint("full");
    apm_socket receiver = bind_to(local);
    apm_socket connected = create();
    apm_socket stranger = create();
    struct operation send;
    struct operation send_to;
    apm_async_result result;
    size_t sent = 99;

    CHECK_SUCCESS(apm_socket_connect(connected, local));
    size_t count = fill(local);
    CHECK_ERROR(send_text(stranger, "y", local), APM_ERROR_WOULD_BLOCK);
    CHECK_EQ(apm_native_error_code(), 11);
    CHECK_SUCCESS(apm_socket_begin_send(connected, "y", 1, 0, ON_CALLBACK(&send)));
    CHECK_SUCCESS(apm_socket_begin_send_to(connected, "z", 1, 0, local, ON_CALLBACK(&send_to)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_begin_send(connected, "!", 1, 0, NULL, NULL, &result));
    CHECK_SUCCESS(apm_async_result_cancel(result));
    CHECK_ERROR(apm_socket_end_send(connected, result, &sent), APM_ERROR_OPERATION_ABORTED);
    drain(receiver, count);
    expect_text(receiver, "y");
    expect_text(receiver, "z");
    CHECK_SUCCESS(finish_send(connected, &send, &sent));
    CHECK_EQ(sent, 1);
    CHECK_SUCCESS(finish_send_to(connected, &send_to, &sent));
    CHECK_EQ(sent, 1);
    CHECK_SUCCESS(send_text(stranger, "y", local));
    expect_text(receiver, "y");
    CHECK_SUCCESS(apm_socket_close(connected));
    CHECK_SUCCESS(apm_socket_close(stranger));
    CHECK_SUCCESS(apm_socket_close(receiver));
}

TEST(a_large_datagram_of_the_unix_domain_arrives_whole_and_one_beyond_the_buffer_is_message_size)
{
    apm_endpoint local = unix_endpoint("large");
    apm_socket socket = bind_to(local);
    apm_endpoint remote;
    static uint8_t data[100000];
    static uint8_t seen[sizeof data];
    uint8_t *block = big_block_create();
    size_t count;

    pattern_fill(data, sizeof data, 0);
    CHECK_ERROR(apm_socket_send_to(socket, block, BIG_BLOCK_SIZE, 0, local, &count), APM_ERROR_MESSAGE_SIZE);
    CHECK_SUCCESS(apm_socket_send_to(socket, data, sizeof data, 0, local, &count));
    CHECK_EQ(count, sizeof data);
    CHECK_SUCCESS(apm_socket_receive_from(socket, seen, sizeof seen, 0, &remote, &count));
    CHECK_EQ(count, sizeof seen);
    pattern_check(seen, sizeof seen, 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    free(block);
}

/* -- Many, and their end ------------------------------------------------------------------------------------------- */

enum { MANY = 70 };

CONTRACT_TEST(datagrams_of_the_unix_domain_go_to_pending_receives_in_the_order_begun_and_close_ends_the_rest)
{
    static struct operation receives[MANY];
    static char buffers[MANY][8];
    apm_endpoint local = unix_abstract_endpoint();
    apm_socket socket = bind_to(local);
    apm_socket sender = create();
    apm_endpoint remote;
    size_t received;

    for (size_t i = 0; i < MANY; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffers[i], 8, 0, ON_COMPLETION(&receives[i])));
    }
    CHECK_SUCCESS(apm_socket_connect(sender, local));
    for (size_t i = 0; i < MANY / 2; i++) {
        CHECK_SUCCESS(apm_socket_send(sender, &(char){(char)i}, 1, 0, NULL));
    }
    for (size_t i = 0; i < MANY / 2; i++) {
        CHECK_SUCCESS(finish_receive_from(socket, &receives[i], &remote, &received));
        CHECK_EQ(received, 1);
        CHECK_EQ(buffers[i][0], i);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
    for (size_t i = MANY / 2; i < MANY; i++) {
        CHECK_ERROR(finish_receive_from(socket, &receives[i], &remote, &received), APM_ERROR_OPERATION_ABORTED);
        CHECK(apm_endpoint_is_null(remote));
    }
    CHECK_SUCCESS(apm_socket_close(sender));
}

TEST(a_descriptor_of_datagrams_of_the_unix_domain_is_adopted_and_carries_no_descriptors)
{
    int ends[2];
    apm_socket first;
    apm_socket second;
    apm_socket_type type;
    apm_socket taken;
    char buffer[8];
    size_t received;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    CHECK_SUCCESS(apm_socket_create_from_handle(ends[0], &first));
    CHECK_SUCCESS(apm_socket_create_from_handle(ends[1], &second));
    CHECK_SUCCESS(apm_socket_socket_type(first, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_DGRAM);
    CHECK(apm_socket_connected(first));
    CHECK_SUCCESS(apm_socket_send(first, "abc", 3, 0, NULL));
    CHECK_SUCCESS(apm_socket_receive(second, buffer, sizeof buffer, 0, &received));
    CHECK_EQ(received, 3);
    CHECK_ERROR(apm_socket_hand_over(first, second), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_take_over(second, &taken), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
}

LIBRARY_TEST_MAIN()
