/*
 * Properties and options as in .NET: the cases opt-* of its recorded behaviour that the headers can express.
 */
#include "support.h"

static void check_new_socket(apm_socket socket, apm_address_family expected_family, bool expected_dual_mode)
{
    apm_address_family family;
    apm_socket_type type;
    apm_protocol_type protocol;
    apm_linger_option linger;
    apm_endpoint endpoint;
    size_t available = 99;
    int number = 99;
    bool flag = true;

    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, expected_family);
    CHECK_SUCCESS(apm_socket_socket_type(socket, &type));
    CHECK_EQ(type, APM_SOCKET_TYPE_STREAM);
    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_TCP);
    CHECK_SUCCESS(apm_socket_available(socket, &available));
    CHECK_EQ(available, 0);
    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &flag));
    CHECK_EQ(flag, expected_dual_mode);
    CHECK_SUCCESS(apm_socket_linger_state(socket, &linger));
    CHECK(!linger.enabled);
    CHECK_EQ(linger.linger_time, 0);
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_no_delay(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_reuse_address(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_exclusive_address_use(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_blocking(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_dont_fragment(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_enable_broadcast(socket, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_socket_multicast_loopback(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_ttl(socket, &number));
    CHECK_EQ(number, 64);
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &number));
    CHECK(number > 0);
    CHECK_SUCCESS(apm_socket_send_buffer_size(socket, &number));
    CHECK(number > 0);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_new_socket_has_the_properties_that_net_gives_it_opt_001_opt_003)
{
    apm_socket dual;

    check_new_socket(tcp_create(), APM_ADDRESS_FAMILY_INTER_NETWORK, false);
    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &dual));
    check_new_socket(dual, APM_ADDRESS_FAMILY_INTER_NETWORK_V6, true);
}

static void check_local_address(apm_socket socket, apm_ip_address expected)
{
    apm_endpoint local;

    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    CHECK(apm_ip_address_equals(local.address, expected));
    CHECK(local.port != 0);
}

TEST(the_local_endpoint_is_known_from_bind_and_settled_by_connect_opt_005)
{
    apm_endpoint any = {.address = apm_ip_address_any()};
    apm_endpoint remote;
    int raw_listener = raw_listen(4, &remote);
    apm_socket listener = tcp_create();
    apm_socket bound = tcp_create();
    apm_socket unbound = tcp_create();

    CHECK_SUCCESS(apm_socket_bind(listener, any));
    check_local_address(listener, apm_ip_address_any());
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    check_local_address(listener, apm_ip_address_any());
    CHECK_SUCCESS(apm_socket_bind(bound, any));
    check_local_address(bound, apm_ip_address_any());
    CHECK_SUCCESS(apm_socket_connect(bound, remote));
    check_local_address(bound, apm_ip_address_loopback());
    CHECK_SUCCESS(apm_socket_connect(unbound, remote));
    check_local_address(unbound, apm_ip_address_loopback());
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(bound));
    CHECK_SUCCESS(apm_socket_close(unbound));
    raw_close(raw_listener);
}

TEST(the_remote_endpoint_is_none_until_connected_and_not_connected_after_a_reset_opt_006)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket listener = tcp_listen(&local);
    peered_socket closed = peered_socket_create();
    peered_socket reset = peered_socket_create();
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_remote_endpoint(listener, &remote));
    CHECK(apm_endpoint_is_null(remote));
    CHECK_SUCCESS(apm_socket_remote_endpoint(closed.socket, &remote));
    CHECK(apm_ip_address_is_loopback(remote.address));
    raw_close(closed.peer);
    CHECK_SUCCESS(apm_socket_receive(closed.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_SUCCESS(apm_socket_remote_endpoint(closed.socket, &remote));
    CHECK(apm_ip_address_is_loopback(remote.address));
    CHECK_SUCCESS(apm_socket_shutdown(closed.socket, APM_SOCKET_SHUTDOWN_RECEIVE));
    CHECK_SUCCESS(apm_socket_remote_endpoint(closed.socket, &remote));
    CHECK(apm_ip_address_is_loopback(remote.address));
    raw_reset(reset.peer);
    CHECK_ERROR(apm_socket_receive(reset.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_ERROR(apm_socket_remote_endpoint(reset.socket, &remote), APM_ERROR_NOT_CONNECTED);
    CHECK(apm_endpoint_is_null(remote));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(closed.socket));
    CHECK_SUCCESS(apm_socket_close(reset.socket));
}

TEST(connected_tells_the_truth_after_shutdown_reset_time_out_and_disconnect_opt_008)
{
    peered_socket pair = peered_socket_create();
    peered_socket reset = peered_socket_create();
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 1));
    CHECK_ERROR(apm_socket_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_TIMED_OUT);
    CHECK(apm_socket_connected(pair.socket));

    /* .NET says false after the shutdown of one direction, although the other goes on. */
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK(apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_RECEIVE));
    CHECK(!apm_socket_connected(pair.socket));
    raw_reset(reset.peer);
    CHECK_ERROR(apm_socket_receive(reset.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK(!apm_socket_connected(reset.socket));
    peered_socket_close(pair);
    CHECK_SUCCESS(apm_socket_close(reset.socket));
}

TEST(is_bound_is_true_from_bind_connect_or_accept_opt_010)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket client = tcp_create();
    apm_socket failed = tcp_create();
    apm_socket accepted;

    CHECK(apm_socket_is_bound(listener));
    CHECK(!apm_socket_is_bound(client));
    CHECK_SUCCESS(apm_socket_connect(client, local));
    CHECK(apm_socket_is_bound(client));
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
    CHECK(apm_socket_is_bound(accepted));
    CHECK_ERROR(apm_socket_connect(failed, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK(!apm_socket_is_bound(failed));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(failed));
}

TEST(available_counts_what_can_be_read_opt_011)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket fresh = tcp_create();
    peered_socket pair = peered_socket_create();
    size_t available = 99;

    CHECK_SUCCESS(apm_socket_available(fresh, &available));
    CHECK_EQ(available, 0);
    CHECK_ERROR(apm_socket_available(listener, &available), APM_ERROR_INVALID_ARGUMENT);
    CHECK_EQ(available, 0);
    raw_write(pair.peer, "0123456789", 10);
    await_available(pair.socket, 10);
    CHECK_SUCCESS(apm_socket_available(pair.socket, &available));
    CHECK_EQ(available, 10);
    CHECK_ERROR(apm_socket_available(pair.socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(fresh));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    raw_close(pair.peer);
}

TEST(no_delay_buffer_sizes_and_linger_are_set_and_read_opt_013_opt_014)
{
    apm_socket socket = tcp_create();
    apm_linger_option linger = {.enabled = true, .linger_time = 65536};
    int size = 0;
    bool flag = false;

    CHECK_SUCCESS(apm_socket_set_no_delay(socket, true));
    CHECK_SUCCESS(apm_socket_no_delay(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(socket, 8192));
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &size));
    CHECK_EQ(size, 16384);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(socket, 8192));
    CHECK_SUCCESS(apm_socket_send_buffer_size(socket, &size));
    CHECK_EQ(size, 16384);
    CHECK_SUCCESS(apm_socket_set_receive_buffer_size(socket, 0));
    CHECK_SUCCESS(apm_socket_receive_buffer_size(socket, &size));
    CHECK_EQ(size, 2304);
    CHECK_ERROR(apm_socket_set_receive_buffer_size(socket, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_set_send_buffer_size(socket, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_set_linger_state(socket, linger), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    linger.linger_time = -1;
    CHECK_ERROR(apm_socket_set_linger_state(socket, linger), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    linger.linger_time = 3;
    CHECK_SUCCESS(apm_socket_set_linger_state(socket, linger));
    linger.linger_time = 0;
    CHECK_SUCCESS(apm_socket_linger_state(socket, &linger));
    CHECK(linger.enabled);
    CHECK_EQ(linger.linger_time, 3);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(time_outs_are_set_and_read_and_minus_1_is_0_opt_015)
{
    apm_socket socket = tcp_create();
    int timeout_ms = 99;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, 1500));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 1500);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(socket, -1));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 0);
    CHECK_ERROR(apm_socket_set_receive_timeout(socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_set_send_timeout(socket, INT32_MAX));
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &timeout_ms));
    CHECK_EQ(timeout_ms, INT32_MAX);
    CHECK_ERROR(apm_socket_set_send_timeout(socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(dual_mode_is_for_ipv6_sockets_that_are_not_bound_opt_017)
{
    apm_socket four = tcp_create();
    apm_socket six;
    bool dual_mode = true;

    CHECK_SUCCESS(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK_V6, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &six));
    CHECK_SUCCESS(apm_socket_dual_mode(four, &dual_mode));
    CHECK(!dual_mode);
    CHECK_ERROR(apm_socket_set_dual_mode(four, true), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_set_dual_mode(six, true));
    CHECK_SUCCESS(apm_socket_dual_mode(six, &dual_mode));
    CHECK(dual_mode);
    CHECK_SUCCESS(apm_socket_bind(six, endpoint_of("[::1]:0")));
    CHECK_ERROR(apm_socket_set_dual_mode(six, false), APM_ERROR_INVALID_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(four));
    CHECK_SUCCESS(apm_socket_close(six));
}

TEST(reuse_address_lets_two_sockets_listen_on_one_port_opt_020_opt_030)
{
    apm_socket first = tcp_create();
    apm_socket second = tcp_create();
    apm_socket third = tcp_create();
    apm_endpoint local;
    bool reuse = true;

    CHECK_SUCCESS(apm_socket_set_reuse_address(first, true));
    CHECK_SUCCESS(apm_socket_reuse_address(first, &reuse));
    CHECK(reuse);
    CHECK_SUCCESS(apm_socket_set_reuse_address(second, true));
    CHECK_SUCCESS(apm_socket_bind(first, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_listen(first, 4));
    CHECK_SUCCESS(apm_socket_local_endpoint(first, &local));
    CHECK_SUCCESS(apm_socket_bind(second, local));
    CHECK_SUCCESS(apm_socket_listen(second, 4));

    /* The option stands for both of the system's; the library's own one does not show. */
    CHECK_ERROR(apm_socket_bind(third, local), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK_SUCCESS(apm_socket_bind(third, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_reuse_address(third, &reuse));
    CHECK(!reuse);
    CHECK_ERROR(apm_socket_bind(third, loopback_endpoint(0)), APM_ERROR_INVALID_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
    CHECK_SUCCESS(apm_socket_close(third));
}

TEST(combinations_that_do_not_exist_are_refused_opt_035)
{
    apm_socket socket = {1};
    apm_protocol_type protocol;

    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, (apm_protocol_type)17, &socket),
        APM_ERROR_PROTOCOL_NOT_SUPPORTED);
    CHECK(apm_socket_is_null(socket));
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_UNSPECIFIED, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket),
        APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, NULL),
        APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(
        apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_TCP, &socket),
        APM_ERROR_PROTOCOL_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_create(APM_ADDRESS_FAMILY_UNIX, APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket),
                APM_ERROR_PROTOCOL_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_create_from_handle(-1, &socket), APM_ERROR_ARGUMENT);
    CHECK(apm_socket_is_null(socket));
    CHECK_SUCCESS(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_STREAM,
                                    APM_PROTOCOL_TYPE_UNSPECIFIED, &socket));
    CHECK_SUCCESS(apm_socket_protocol_type(socket, &protocol));
    CHECK_EQ(protocol, APM_PROTOCOL_TYPE_UNSPECIFIED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
