/*
 * Whether a connect succeeds, as in .NET: the cases con-001 to con-043 of its recorded behaviour about refusals,
 * networks and lists of addresses.
 */
#include "support.h"

static apm_error connect_to_addresses(apm_socket socket, const apm_ip_address *addresses, size_t count, int port)
{
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect_addresses(socket, addresses, count, port, ON_CALLBACK(&connect)));
    return finish_connect(socket, &connect);
}

/* -- Refusal and retry ------------------------------------------------------------------------------------------- */

TEST(a_closed_port_refuses_con_001_con_003)
{
    apm_endpoint closed = closed_endpoint();
    apm_endpoint six = {.address = apm_ip_address_ipv6_loopback(), .port = closed.port};
    apm_socket four_socket = tcp_create();
    apm_socket six_socket = tcp_create_ipv6();

    CHECK_ERROR(tcp_connect(four_socket, closed), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(tcp_connect(six_socket, six), APM_ERROR_CONNECTION_REFUSED);
    check_unconnected_and_close(four_socket);
    check_unconnected_and_close(six_socket);
}

TEST(after_a_refusal_the_socket_connects_elsewhere_and_then_is_connected_con_004)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation third;

    CHECK_ERROR(tcp_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(tcp_connect(socket, local));
    CHECK_ERROR(apm_socket_begin_connect(socket, local, ON_CALLBACK(&third)), APM_ERROR_IS_CONNECTED);
    CHECK(apm_async_result_is_null(third.result));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(after_a_refusal_the_socket_connects_synchronously_con_005)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();

    CHECK_ERROR(apm_socket_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK_EQ(apm_native_error_code(), 111);
    CHECK_SUCCESS(apm_socket_connect(socket, local));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(after_a_refusal_the_socket_looks_new_con_043)
{
    apm_socket socket = tcp_create();
    apm_endpoint endpoint;

    CHECK_ERROR(tcp_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_close(socket));
}

/* -- No way ------------------------------------------------------------------------------------------------------ */

TEST(a_full_backlog_keeps_a_connect_pending_until_it_times_out_con_007)
{
    apm_endpoint local;
    apm_socket first;
    apm_socket second;
    apm_socket third;
    struct operation connect;
    int listener;

    /* The system admits one connection more than the backlog. */
    enter_private_network();
    listener = raw_listen(1, &local);
    first = tcp_create();
    second = tcp_create();
    third = tcp_create();
    CHECK_SUCCESS(tcp_connect(first, local));
    CHECK_SUCCESS(tcp_connect(second, local));
    CHECK_SUCCESS(apm_socket_begin_connect(third, local, ON_CALLBACK(&connect)));
    CHECK_PENDING(&connect);
    CHECK_ERROR(finish_connect(third, &connect), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_socket_close(first));
    CHECK_SUCCESS(apm_socket_close(second));
    check_unconnected_and_close(third);
    raw_close(listener);
}

static const struct {
    const char *endpoint;
    apm_error error;
} unreachable[] = {
    {"192.0.2.1:80", APM_ERROR_NETWORK_UNREACHABLE},
    {"198.51.100.1:80", APM_ERROR_HOST_UNREACHABLE},
    {"198.51.100.129:80", APM_ERROR_ACCESS_DENIED},
    {"198.51.100.200:80", APM_ERROR_INVALID_ARGUMENT},
};

TEST(unreachable_networks_fail_at_end_con_008_con_009_con_011)
{
    enter_private_network();
    for (size_t i = 0; i < sizeof unreachable / sizeof unreachable[0]; i++) {
        apm_socket socket = tcp_create();

        CHECK_ERROR(tcp_connect(socket, endpoint_of(unreachable[i].endpoint)), unreachable[i].error);
        check_unconnected_and_close(socket);
    }
}

TEST(unreachable_networks_fail_synchronously_con_012)
{
    enter_private_network();
    for (size_t i = 0; i < sizeof unreachable / sizeof unreachable[0]; i++) {
        apm_socket socket = tcp_create();

        CHECK_ERROR(apm_socket_connect(socket, endpoint_of(unreachable[i].endpoint)), unreachable[i].error);
        check_unconnected_and_close(socket);
    }
}

TEST(unreachable_ipv6_networks_fail_at_end_con_013)
{
    apm_socket socket;

    enter_private_network();
    socket = tcp_create_ipv6();
    CHECK_ERROR(tcp_connect(socket, endpoint_of("[2001:db8:1::1]:80")), APM_ERROR_HOST_UNREACHABLE);
    CHECK_ERROR(tcp_connect(socket, endpoint_of("[2001:db8:2::1]:80")), APM_ERROR_NETWORK_UNREACHABLE);
    check_unconnected_and_close(socket);
}

TEST(special_addresses_behave_as_the_system_has_it_con_029)
{
    apm_endpoint local;
    apm_socket socket;
    int listener;

    enter_private_network();
    listener = raw_listen(4, &local);
    socket = tcp_create();
    CHECK_SUCCESS(tcp_connect(socket, (apm_endpoint){.address = apm_ip_address_any(), .port = local.port}));
    CHECK_SUCCESS(apm_socket_close(socket));
    socket = tcp_create();
    CHECK_ERROR(tcp_connect(socket, loopback_endpoint(0)), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(tcp_connect(socket, (apm_endpoint){.address = apm_ip_address_broadcast(), .port = 80}),
                APM_ERROR_NETWORK_UNREACHABLE);
    check_unconnected_and_close(socket);
    raw_close(listener);
}

/* -- Lists of addresses ------------------------------------------------------------------------------------------ */

TEST(a_list_connects_to_the_first_address_that_listens_con_019)
{
    apm_ip_address addresses[2] = {address_of("127.0.0.9"), apm_ip_address_loopback()};
    apm_endpoint local;
    apm_endpoint remote;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();

    CHECK_SUCCESS(connect_to_addresses(socket, addresses, 2, local.port));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(a_list_is_checked_and_fails_as_its_last_address_con_020)
{
    apm_ip_address addresses[2] = {address_of("127.0.0.9"), apm_ip_address_loopback()};
    apm_ip_address six = apm_ip_address_ipv6_loopback();
    uint16_t port = closed_endpoint().port;
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_ERROR(connect_to_addresses(socket, addresses, 2, port), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, addresses, 0, port, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, &six, 1, port, ON_CALLBACK(&connect)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, NULL, 1, port, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, addresses, 2, 70000, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    check_unconnected_and_close(socket);
}

TEST(options_survive_a_failed_attempt_of_a_list_con_038)
{
    apm_ip_address addresses[2] = {address_of("127.0.0.9"), apm_ip_address_loopback()};
    apm_linger_option linger = {.enabled = true, .linger_time = 7};
    apm_endpoint local;
    int listener = raw_listen(4, &local);

    for (int synchronous = 0; synchronous < 2; synchronous++) {
        apm_socket socket = tcp_create();
        apm_linger_option linger_after = {false, 0};
        bool no_delay = false;

        CHECK_SUCCESS(apm_socket_set_no_delay(socket, true));
        CHECK_SUCCESS(apm_socket_set_linger_state(socket, linger));
        CHECK_SUCCESS(synchronous ? apm_socket_connect_addresses(socket, addresses, 2, local.port)
                                  : connect_to_addresses(socket, addresses, 2, local.port));
        CHECK_SUCCESS(apm_socket_no_delay(socket, &no_delay));
        CHECK_SUCCESS(apm_socket_linger_state(socket, &linger_after));
        CHECK(no_delay);
        CHECK(linger_after.enabled);
        CHECK_EQ(linger_after.linger_time, 7);
        CHECK_SUCCESS(apm_socket_close(socket));
    }
    raw_close(listener);
}

TEST(a_socket_whose_handle_has_been_read_may_try_again_after_a_failure_con_038_con_046)
{
    apm_ip_address addresses[2] = {address_of("127.0.0.9"), apm_ip_address_loopback()};
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    intptr_t before = -1;
    intptr_t after = -1;

    /* .NET refuses all of these attempts but the first. */
    CHECK_SUCCESS(apm_socket_handle(socket, &before));
    CHECK_ERROR(tcp_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(tcp_connect(socket, closed_endpoint()), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(connect_to_addresses(socket, addresses, 2, local.port));
    CHECK_SUCCESS(apm_socket_handle(socket, &after));
    CHECK_EQ(after, before);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

LIBRARY_TEST_MAIN()
