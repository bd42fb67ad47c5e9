/*
 * Raw sockets: ICMP over the loopback device, as .NET was seen to have it when asked.
 */
#include <string.h>

#include "support.h"
#include "support_datagram.h"

enum { ECHO = 8, ECHO_REPLY = 0, ECHO_V6 = 128, ECHO_REPLY_V6 = 129, HEADER_SIZE = 20, MESSAGE_SIZE = 8 };

/* A raw socket of a network of the test's own, or none if the system does not allow that. */
static apm_socket create(apm_address_family family, apm_protocol_type protocol)
{
    apm_socket socket;
    apm_error error = apm_socket_create(family, APM_SOCKET_TYPE_RAW, protocol, &socket);

    if (error == APM_ERROR_ACCESS_DENIED) {
        SKIP("raw sockets are not allowed");
    }
    CHECK_SUCCESS(error);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, PATIENCE_MS));
    return socket;
}

/* An echo request, with its checksum. */
static void make_request(uint8_t message[MESSAGE_SIZE])
{
    const uint8_t request[MESSAGE_SIZE] = {ECHO, 0, 0, 0, 0x12, 0x34, 0, 1};
    unsigned sum = 0;

    memcpy(message, request, sizeof request);
    for (size_t i = 0; i < sizeof request; i += 2) {
        sum += (unsigned)request[i] << 8 | request[i + 1];
    }
    sum = ~sum & 0xffff;
    message[2] = (uint8_t)(sum >> 8);
    message[3] = (uint8_t)sum;
}

/* The request itself comes to every raw socket of the protocol, and then the answer. */
static void expect_message(apm_socket socket, uint8_t expected_type)
{
    struct operation receive;
    apm_endpoint remote;
    uint8_t buffer[64];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, sizeof buffer, 0, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &received));
    CHECK_EQ(received, HEADER_SIZE + MESSAGE_SIZE);
    CHECK_EQ(buffer[HEADER_SIZE], expected_type);
    CHECK(apm_endpoint_equals(remote, loopback_endpoint(0)));
}

CONTRACT_TEST(a_raw_socket_asks_for_an_echo_and_gets_it)
{
    uint8_t message[MESSAGE_SIZE];
    apm_endpoint local;
    apm_async_result result;
    apm_socket_type type;
    apm_protocol_type protocol;
    size_t sent;

    enter_private_network();
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_ICMP);
    CHECK_ERROR(apm_socket_begin_receive_from(socket, message, 8, 0, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    make_request(message);
    CHECK_SUCCESS(send_to_at_once(socket, message, sizeof message, loopback_endpoint(0), &sent));
    CHECK_EQ(sent, sizeof message);
    CHECK(apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    CHECK_EQ(local.port, APM_PROTOCOL_TYPE_ICMP); /* that is what the system shows */
    CHECK_SUCCESS(apm_socket_socket_type(socket, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_RAW);
    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_ICMP);
    expect_message(socket, ECHO);
    expect_message(socket, ECHO_REPLY);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_message_of_a_raw_socket_says_where_it_came_in)
{
    uint8_t message[MESSAGE_SIZE];
    uint8_t buffer[64];
    struct operation receive;
    apm_socket_flags flags;
    apm_endpoint remote;
    apm_ip_packet_information packet;
    size_t received;

    enter_private_network();
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_ICMP);
    CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, buffer, HEADER_SIZE, 0, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    make_request(message);
    CHECK_SUCCESS(apm_socket_send_to(socket, message, sizeof message, 0, loopback_endpoint(77), NULL));
    CHECK_SUCCESS(finish_receive_message_from(socket, &receive, &flags, &remote, &packet, &received));
    CHECK_EQ(received, HEADER_SIZE);
    CHECK_EQ(flags, APM_SOCKET_FLAGS_TRUNCATED);
    CHECK(apm_ip_address_equals(packet.address, apm_ip_address_loopback()));
    CHECK_EQ(packet.interface_index, 1);
    expect_message(socket, ECHO_REPLY);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_connected_raw_socket_sends_to_its_peer)
{
    uint8_t message[MESSAGE_SIZE];
    uint8_t buffer[64];
    size_t received;

    enter_private_network();
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_ICMP);
    CHECK_SUCCESS(apm_socket_connect(socket, loopback_endpoint(0)));
    CHECK(apm_socket_connected(socket));
    make_request(message);
    CHECK_SUCCESS(apm_socket_send(socket, message, sizeof message, 0, NULL));
    CHECK_SUCCESS(apm_socket_receive(socket, buffer, sizeof buffer, 0, &received));
    CHECK_EQ(received, HEADER_SIZE + MESSAGE_SIZE);
    expect_message(socket, ECHO_REPLY);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_raw_socket_of_ipv6_gets_the_message_without_a_header)
{
    /* The system makes the checksum. */
    const uint8_t message[MESSAGE_SIZE] = {ECHO_V6, 0, 0, 0, 0x12, 0x34, 0, 1};
    apm_endpoint remote = {.address = apm_ip_address_ipv6_loopback()};
    apm_endpoint sender;
    uint8_t buffer[64];
    size_t received;

    enter_private_network();
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_PROTOCOL_TYPE_ICMP_V6);
    CHECK_SUCCESS(apm_socket_send_to(socket, message, sizeof message, 0, remote, NULL));
    for (uint8_t type = ECHO_V6; type <= ECHO_REPLY_V6; type++) {
        CHECK_SUCCESS(apm_socket_receive_from(socket, buffer, sizeof buffer, 0, &sender, &received));
        CHECK_EQ(received, MESSAGE_SIZE);
        CHECK_EQ(buffer[0], type);
        CHECK(apm_endpoint_equals(sender, remote));
    }
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(the_descriptor_of_a_raw_socket_is_adopted_and_one_needs_a_protocol)
{
    uint8_t message[MESSAGE_SIZE];
    intptr_t handle;
    apm_socket adopted;
    apm_socket none;
    apm_socket_type type;

    enter_private_network();
    apm_socket socket = create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_PROTOCOL_TYPE_ICMP);
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_RAW, APM_PROTOCOL_TYPE_UNSPECIFIED, &none),
        APM_ERROR_PROTOCOL_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_release_handle(socket, &handle));
    CHECK_SUCCESS(apm_socket_create_from_handle(handle, &adopted));
    CHECK_SUCCESS(apm_socket_socket_type(adopted, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_RAW);
    make_request(message);
    CHECK_SUCCESS(apm_socket_send_to(adopted, message, sizeof message, 0, loopback_endpoint(0), NULL));
    expect_message(adopted, ECHO);
    CHECK_SUCCESS(apm_socket_close(adopted));
}

LIBRARY_TEST_MAIN()
