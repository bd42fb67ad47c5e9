/*
 * Datagram sockets as .NET has them: the cases udp-* of its recorded behaviour about states, binding, connecting,
 * families, groups and streams, and those of other areas that are about UDP.
 */
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "support_datagram.h"

/* -- States and arguments ----------------------------------------------------------------------------------------- */

TEST(a_receive_with_an_endpoint_needs_a_bound_socket_udp_013)
{
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_endpoint remote;
    struct operation receive;
    char buffer[8];

    CHECK_ERROR(apm_socket_begin_receive_from(socket, buffer, 8, 0, ON_CALLBACK(&receive)),
                APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(receive.result));
    CHECK_ERROR(apm_socket_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &remote, NULL),
                APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_receive_message_from(socket, buffer, 8, 0, ON_CALLBACK(&receive)),
                APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_receive(socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
}

TEST(arguments_of_datagrams_are_checked_by_begin_and_addresses_by_the_system_io_022)
{
    apm_endpoint local;
    apm_endpoint none = {0};
    apm_socket socket = udp_bind(&local);
    struct operation operation;
    char buffer[10];
    size_t too_much = (size_t)INT_MAX + 1;
    size_t sent = 99;

    CHECK_ERROR(apm_socket_begin_send_to(socket, NULL, 10, 0, local, ON_CALLBACK(&operation)), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_send_to(socket, buffer, 10, 0, none, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_send_to(socket, buffer, too_much, 0, local, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_begin_send_to(socket, "x", 1, 0, endpoint_of("[::1]:9"), ON_CALLBACK(&operation)));
    CHECK_ERROR(finish_send_to(socket, &operation, &sent), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    CHECK_EQ(sent, 0);
    CHECK_SUCCESS(apm_socket_begin_send_to(socket, "x", 1, 0, loopback_endpoint(0), ON_CALLBACK(&operation)));
    CHECK_ERROR(finish_send_to(socket, &operation, NULL), APM_ERROR_INVALID_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_receive_from(socket, NULL, 10, 0, ON_CALLBACK(&operation)), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_receive_from(socket, buffer, too_much, 0, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_receive_message_from(socket, NULL, 10, 0, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(available_is_the_size_of_the_first_datagram_udp_017)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    size_t available;

    send_text_to(local, "12345");
    send_text_to(local, "1234567");
    CHECK_SUCCESS(apm_socket_available(socket, &available));
    CHECK_EQ(available, 5);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_new_datagram_socket_is_neither_bound_nor_connected_and_has_the_defaults_opt_002)
{
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;
    apm_endpoint endpoint;
    size_t available;
    bool flag;
    int number;

    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_SUCCESS(apm_socket_socket_type(socket, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_DGRAM);
    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_UDP);
    CHECK_SUCCESS(apm_socket_available(socket, &available));
    CHECK_EQ(available, 0);
    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_enable_broadcast(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_multicast_loopback(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &flag));
    CHECK(!flag);
    CHECK_ERROR(apm_socket_no_delay(socket, &flag), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* What the system gives to a new datagram socket. */
static int raw_option(int name)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
    int value = -1;
    socklen_t size = sizeof value;

    CHECK(descriptor >= 0);
    CHECK_EQ(getsockopt(descriptor, SOL_SOCKET, name, &value, &size), 0);
    raw_close(descriptor);
    return value;
}

TEST(a_new_datagram_socket_has_the_options_that_net_gives_it_opt_002)
{
    apm_socket socket;
    apm_linger_option linger;
    bool flag;
    int number;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_socket_blocking(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_dont_fragment(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_exclusive_address_use(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_linger_state(socket, &linger));
    CHECK(!linger.enabled);
    CHECK_EQ(linger.linger_time, 0);
    CHECK_SUCCESS(apm_socket_ttl(socket, &number));
    CHECK_EQ(number, 64);
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &number));
    CHECK_EQ(number, raw_option(SO_RCVBUF));
    CHECK_SUCCESS(apm_socket_send_buffer_size(socket, &number));
    CHECK_EQ(number, raw_option(SO_SNDBUF));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* -- Connected, and Poll ------------------------------------------------------------------------------------------ */

/* A socket that is connected to a port at which nobody is, and has sent there, so that it has a pending error. */
static apm_socket refused_create(void)
{
    apm_endpoint nobody;
    apm_socket socket = udp_bind(&nobody);
    bool failed = false;

    CHECK_SUCCESS(apm_socket_close(socket));
    socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_SUCCESS(apm_socket_connect(socket, nobody));
    CHECK_SUCCESS(apm_socket_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_poll(socket, PATIENCE_MS * 1000LL, APM_SELECT_MODE_SELECT_ERROR, &failed));
    CHECK(failed);
    return socket;
}

TEST(connected_is_true_from_a_connect_on_opt_009)
{
    apm_endpoint local;
    apm_socket bound = udp_bind(&local);
    apm_socket connected = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    apm_socket refused = refused_create();
    apm_endpoint listening;
    apm_socket tcp = tcp_create();
    struct operation connect;
    int listener = raw_listen(1, &listening);

    CHECK(!apm_socket_connected(bound));
    CHECK_SUCCESS(apm_socket_connect(connected, local));
    CHECK(apm_socket_connected(connected));
    CHECK_ERROR(apm_socket_send(refused, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_CONNECTION_REFUSED);
    CHECK(apm_socket_connected(refused)); /* it is, and may find somebody the next time */

    CHECK_SUCCESS(apm_socket_begin_connect(tcp, listening, ON_COMPLETION(&connect)));
    AWAIT(&connect);
    CHECK(apm_socket_connected(tcp));
    CHECK_SUCCESS(apm_socket_end_connect(tcp, connect.result));
    CHECK(apm_socket_connected(tcp));
    raw_close(listener);
    CHECK_SUCCESS(apm_socket_close(bound));
    CHECK_SUCCESS(apm_socket_close(connected));
    CHECK_SUCCESS(apm_socket_close(refused));
    CHECK_SUCCESS(apm_socket_close(tcp));
}

static void check_poll(apm_socket socket, bool read, bool write, bool error)
{
    const bool expected[] = {[APM_SELECT_MODE_SELECT_READ] = read,
                             [APM_SELECT_MODE_SELECT_WRITE] = write,
                             [APM_SELECT_MODE_SELECT_ERROR] = error};

    for (int mode = 0; mode < 3; mode++) {
        bool ready = !expected[mode];

        CHECK_SUCCESS(apm_socket_poll(socket, 0, (apm_select_mode)mode, &ready));
        CHECK_EQ(ready, expected[mode]);
    }
}

TEST(poll_of_a_datagram_socket_pol_005)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    apm_socket refused;
    bool ready = false;

    check_poll(socket, false, true, false);
    send_text_to(local, "");
    CHECK_SUCCESS(apm_socket_poll(socket, PATIENCE_MS * 1000LL, APM_SELECT_MODE_SELECT_READ, &ready));
    CHECK(ready);
    check_poll(socket, true, true, false);
    CHECK_SUCCESS(apm_socket_close(socket));
    refused = refused_create();
    check_poll(refused, false, true, true);
    CHECK_SUCCESS(apm_socket_close(refused));
}

TEST(a_port_is_shared_only_where_both_sockets_ask_for_it_udp_012)
{
    for (int sharing = 0; sharing < 3; sharing++) { /* neither, the second, both */
        apm_socket first = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
        apm_socket second = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
        apm_endpoint local;
        bool shared;

        CHECK_SUCCESS(apm_socket_set_reuse_address(first, sharing == 2));
        CHECK_SUCCESS(apm_socket_set_reuse_address(second, sharing >= 1));
        CHECK_SUCCESS(apm_socket_reuse_address(second, &shared));
        CHECK_EQ(shared, sharing >= 1);
        CHECK_SUCCESS(apm_socket_bind(first, loopback_endpoint(0)));
        CHECK_SUCCESS(apm_socket_local_endpoint(first, &local));
        CHECK_ERROR(apm_socket_bind(second, local),
                    sharing == 2 ? APM_ERROR_SUCCESS : APM_ERROR_ADDRESS_ALREADY_IN_USE);
        CHECK_SUCCESS(apm_socket_close(first));
        CHECK_SUCCESS(apm_socket_close(second));
    }
}

TEST(an_unconnected_socket_receives_from_anybody_and_sends_to_nobody_udp_028)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation operation;
    char buffer[8];
    size_t count;

    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)));
    send_text_to(local, "abc");
    CHECK_SUCCESS(finish_receive(socket, &operation, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_socket_begin_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)));
    CHECK_ERROR(finish_send(socket, &operation, NULL), APM_ERROR_DESTINATION_ADDRESS_REQUIRED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* -- Connected ---------------------------------------------------------------------------------------------------- */

TEST(a_connect_of_datagrams_records_the_peer_and_succeeds_con_014)
{
    apm_endpoint nobody = closed_endpoint();
    apm_endpoint remote;
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect(socket, nobody, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, nobody));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(an_empty_send_is_an_empty_datagram_io_038)
{
    apm_endpoint local;
    apm_socket peer = udp_bind(&local);
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    struct operation send;
    size_t sent = 99;

    CHECK_SUCCESS(apm_socket_connect(socket, local));
    CHECK_SUCCESS(apm_socket_begin_send(socket, "", 0, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send(socket, &send, &sent));
    CHECK_EQ(sent, 0);
    expect_text(peer, "");
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(peer));
}

TEST(a_connected_socket_hears_its_peer_only_and_may_send_to_others_udp_016)
{
    apm_endpoint local;
    apm_endpoint peer_local;
    apm_endpoint other_local;
    apm_socket socket = udp_bind(&local);
    apm_socket peer = udp_bind(&peer_local);
    apm_socket other = udp_bind(&other_local);
    struct operation receive;
    char buffer[8];
    size_t count;

    CHECK_SUCCESS(apm_socket_connect(socket, peer_local));
    CHECK_SUCCESS(apm_socket_send_to(other, "other", 5, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(apm_socket_send_to(peer, "abc", 3, APM_SOCKET_FLAGS_NONE, local, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive(socket, &receive, &count));
    CHECK_EQ(count, 3);
    expect_nothing(socket);
    CHECK_SUCCESS(apm_socket_send_to(socket, "0123", 4, APM_SOCKET_FLAGS_NONE, other_local, &count));
    CHECK_EQ(count, 4);
    expect_text(other, "0123");
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(peer));
    CHECK_SUCCESS(apm_socket_close(other));
}

TEST(a_disconnected_socket_may_be_connected_to_nobody_udp_021)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_endpoint any = {.address = apm_ip_address_any()};
    apm_socket peer = udp_bind(&local);
    apm_socket socket = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);

    CHECK_SUCCESS(apm_socket_connect(socket, local));
    CHECK_SUCCESS(apm_socket_disconnect(socket, true));
    CHECK_SUCCESS(apm_socket_connect(socket, any));
    CHECK_ERROR(apm_socket_remote_endpoint(socket, &remote), APM_ERROR_NOT_CONNECTED);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(peer));
}

/* -- Families ----------------------------------------------------------------------------------------------------- */

TEST(a_dual_mode_socket_shows_ipv4_as_mapped_and_takes_it_as_it_is_udp_018)
{
    apm_endpoint any = {.address = apm_ip_address_ipv6_any()};
    apm_endpoint sender_local;
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket sender = udp_bind(&sender_local);
    apm_socket socket;
    struct operation receive;
    apm_endpoint expected = {.address = apm_ip_address_map_to_ipv6(sender_local.address), .port = sender_local.port};
    char buffer[8];
    size_t count;

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP, &socket));
    CHECK_SUCCESS(apm_socket_bind(socket, any));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_send_to(sender, "abc", 3, APM_SOCKET_FLAGS_NONE, loopback_endpoint(local.port), NULL));
    CHECK_SUCCESS(finish_receive_from(socket, &receive, &remote, &count));
    CHECK_EQ(count, 3);
    CHECK(apm_endpoint_equals(remote, expected));
    CHECK_SUCCESS(apm_socket_send_to(socket, "ok", 2, APM_SOCKET_FLAGS_NONE, sender_local, &count));
    CHECK_EQ(count, 2);
    expect_text(sender, "ok");
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

TEST(a_member_of_a_group_receives_what_is_sent_to_it_udp_019)
{
    apm_multicast_option option = {.group = address_of("239.1.2.3"), .local_address = apm_ip_address_loopback()};
    apm_endpoint any = {.address = apm_ip_address_any()};
    apm_endpoint group = {.address = option.group};
    apm_endpoint local;
    apm_socket socket;
    apm_socket sender;
    size_t sent;

    enter_private_network();
    socket = udp_bind_to(any, &local);
    sender = udp_create(APM_ADDRESS_FAMILY_INTER_NETWORK);
    group.port = local.port;
    CHECK_SUCCESS(apm_socket_add_membership(socket, option));
    CHECK_SUCCESS(apm_socket_set_multicast_interface_address(sender, apm_ip_address_loopback()));
    CHECK_SUCCESS(apm_socket_send_to(sender, "hello!", 6, APM_SOCKET_FLAGS_NONE, group, &sent));
    CHECK_EQ(sent, 6);
    expect_text(socket, "hello!");
    CHECK_ERROR(apm_socket_add_membership(socket, option), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK_SUCCESS(apm_socket_drop_membership(socket, option));
    CHECK_ERROR(apm_socket_drop_membership(socket, option), APM_ERROR_ADDRESS_NOT_AVAILABLE);
    CHECK_SUCCESS(apm_socket_send_to(sender, "hello!", 6, APM_SOCKET_FLAGS_NONE, group, NULL));
    expect_nothing(socket);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(sender));
}

/* -- Streams ------------------------------------------------------------------------------------------------------ */

TEST(a_stream_receives_messages_without_a_sender_udp_004)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    apm_endpoint any = {.address = apm_ip_address_any()};
    apm_endpoint remote;
    char buffer[8];
    size_t received;

    raw_write(pair.peer, "abc", 3);
    await_available(pair.socket, 3);
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(pair.socket, buffer, 8, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive_message_from(pair.socket, &receive, NULL, &remote, NULL, &received));
    CHECK_EQ(received, 3);
    CHECK(apm_endpoint_equals(remote, any));
    peered_socket_close(pair);
}

TEST(a_stream_receives_from_nobody_in_particular_udp_027)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    apm_endpoint any = {.address = apm_ip_address_any()};
    apm_endpoint remote;
    char buffer[8];
    size_t received;

    raw_write(pair.peer, "abc", 3);
    await_available(pair.socket, 3);
    CHECK_SUCCESS(apm_socket_begin_receive_from(pair.socket, buffer, 8, 0, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive_from(pair.socket, &receive, &remote, &received));
    CHECK_EQ(received, 3);
    CHECK(apm_endpoint_equals(remote, any));
    peered_socket_close(pair);
}

TEST(a_stream_sends_to_its_peer_whatever_the_endpoint_udp_026)
{
    peered_socket pair = peered_socket_create();
    apm_socket unconnected = tcp_create();
    apm_endpoint peer;
    struct operation send;
    char buffer[6];
    size_t sent;

    CHECK_SUCCESS(apm_socket_remote_endpoint(pair.socket, &peer));
    CHECK_SUCCESS(apm_socket_begin_send_to(pair.socket, "abc", 3, 0, peer, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send_to(pair.socket, &send, &sent));
    CHECK_EQ(sent, 3);
    CHECK_SUCCESS(apm_socket_begin_send_to(pair.socket, "def", 3, 0, loopback_endpoint(9), ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send_to(pair.socket, &send, &sent));
    CHECK_EQ(sent, 3);
    raw_read_exactly(pair.peer, buffer, 6);
    CHECK_EQ(memcmp(buffer, "abcdef", 6), 0);
    CHECK_SUCCESS(apm_socket_begin_send_to(unconnected, "abc", 3, 0, loopback_endpoint(9), ON_CALLBACK(&send)));
    CHECK_ERROR(finish_send_to(unconnected, &send, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(unconnected));
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
