/*
 * Connecting in every state of a socket, as .NET does: the cases con-021 to con-045 of its recorded behaviour.
 */
#include <string.h>

#include "support.h"

/* -- Wrong states and arguments ---------------------------------------------------------------------------------- */

TEST(a_connected_socket_refuses_to_connect_and_stays_usable_con_021_con_022)
{
    apm_endpoint other;
    int other_listener = raw_listen(4, &other);
    peered_socket pair = peered_socket_create();
    apm_endpoint same;
    struct operation connect;
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_remote_endpoint(pair.socket, &same));
    CHECK_ERROR(apm_socket_begin_connect(pair.socket, same, ON_CALLBACK(&connect)), APM_ERROR_IS_CONNECTED);
    CHECK_ERROR(apm_socket_begin_connect(pair.socket, other, ON_CALLBACK(&connect)), APM_ERROR_IS_CONNECTED);
    CHECK(apm_async_result_is_null(connect.result));
    CHECK_ERROR(apm_socket_connect(pair.socket, other), APM_ERROR_IS_CONNECTED);
    send_all(pair.socket, "x", 1);
    raw_read_exactly(pair.peer, &byte, 1);
    peered_socket_close(pair);
    raw_close(other_listener);
}

TEST(a_second_connect_while_one_is_pending_ends_with_already_in_progress_con_023)
{
    apm_socket socket;
    struct operation first;
    struct operation second;

    enter_private_network();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.5:80"), ON_CALLBACK(&first)));
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.6:80"), ON_CALLBACK(&second)));
    CHECK_ERROR(finish_connect(socket, &second), APM_ERROR_ALREADY_IN_PROGRESS);
    CHECK(!apm_async_result_is_completed(first.result));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_connect(socket, &first), APM_ERROR_OPERATION_ABORTED);
}

TEST(a_listener_does_not_connect_con_024)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation connect;

    CHECK_ERROR(apm_socket_begin_connect(listener, local, ON_CALLBACK(&connect)), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_connect(listener, local), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(begin_connect_checks_its_arguments_con_025)
{
    apm_socket socket = tcp_create();
    apm_ip_address loopback = apm_ip_address_loopback();
    apm_endpoint none = {.port = 80};
    struct operation connect;
    char name[258];

    CHECK_ERROR(apm_socket_begin_connect(socket, none, ON_CALLBACK(&connect)), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_connect_host(socket, NULL, 80, ON_CALLBACK(&connect)), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_connect_host(socket, "", 80, ON_CALLBACK(&connect)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_connect_host(socket, "localhost", 65536, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_connect_host(socket, "localhost", -1, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, &loopback, 1, -1, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_connect_addresses(socket, &loopback, 1, 65536, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    memset(name, 'a', 256);
    name[256] = '\0';
    CHECK_ERROR(apm_socket_begin_connect_host(socket, name, 80, ON_CALLBACK(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_async_result_is_null(connect.result));
    check_unconnected_and_close(socket);
}

TEST(an_endpoint_of_another_family_is_not_supported_con_026)
{
    apm_socket four;
    apm_socket six;
    struct operation connect;

    enter_private_network();
    four = tcp_create();
    six = tcp_create_ipv6();
    CHECK_ERROR(apm_socket_begin_connect(four, endpoint_of("[::1]:80"), ON_CALLBACK(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_begin_connect(six, endpoint_of("127.0.0.1:80"), ON_CALLBACK(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(tcp_connect(six, endpoint_of("[::ffff:127.0.0.1]:80")), APM_ERROR_NETWORK_UNREACHABLE);
    CHECK_ERROR(apm_socket_connect(four, endpoint_of("[::1]:80")), APM_ERROR_ADDRESS_FAMILY_NOT_SUPPORTED);
    check_unconnected_and_close(four);
    check_unconnected_and_close(six);
}

TEST(a_dual_mode_socket_connects_to_an_ipv4_listener_con_027)
{
    apm_endpoint local;
    apm_endpoint endpoint;
    apm_socket listener = tcp_listen(&local);
    apm_socket socket;
    apm_socket accepted;
    apm_address_family family;
    apm_ip_address mapped = apm_ip_address_map_to_ipv6(apm_ip_address_loopback());

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    CHECK_SUCCESS(tcp_connect(socket, local));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_ip_address_equals(endpoint.address, mapped));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK(apm_ip_address_equals(endpoint.address, mapped));
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted));
    CHECK_SUCCESS(apm_socket_remote_endpoint(accepted, &endpoint));
    CHECK(apm_ip_address_equals(endpoint.address, apm_ip_address_loopback()));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(a_socket_bound_first_keeps_its_local_endpoint_con_030)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    uint16_t port;

    CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
    port = local_port(socket);
    CHECK(port != 0);
    CHECK_SUCCESS(tcp_connect(socket, local));
    CHECK_EQ(local_port(socket), port);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

TEST(a_closed_socket_does_not_connect_con_033)
{
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_begin_connect(socket, loopback_endpoint(80), ON_CALLBACK(&connect)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_connect(socket, loopback_endpoint(80)), APM_ERROR_OBJECT_DISPOSED);
}

TEST(close_aborts_a_pending_connect_con_034)
{
    apm_socket socket;
    struct operation connect;

    enter_private_network();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.5:80"), ON_CALLBACK(&connect)));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_OPERATION_ABORTED);
}

TEST(sends_and_receives_begun_while_a_connect_is_pending_stay_pending_con_045)
{
    apm_socket socket;
    struct operation connect;
    struct operation send;
    struct operation receive;
    uint8_t buffer[4];

    enter_private_network();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.5:80"), ON_CALLBACK(&connect)));
    CHECK_SUCCESS(apm_socket_begin_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK(!operation_wait(&send, 500));
    CHECK(!apm_async_result_is_completed(receive.result));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_send(socket, &send, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_receive(socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
}

/* -- Many and odd ones ------------------------------------------------------------------------------------------- */

TEST(a_bound_socket_connects_to_itself_con_039)
{
    apm_socket socket = tcp_create();
    apm_endpoint local;
    uint8_t byte = 0;

    CHECK_SUCCESS(apm_socket_bind(socket, loopback_endpoint(0)));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &local));
    CHECK_SUCCESS(tcp_connect(socket, local));
    send_all(socket, "\t", 1);
    receive_exactly(socket, &byte, 1);
    CHECK_EQ(byte, 9);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_hundred_connects_begun_at_once_all_succeed_con_044)
{
    enum { COUNT = 100 };
    apm_endpoint local;
    int listener = raw_listen(COUNT, &local);
    apm_socket sockets[COUNT];
    struct operation connects[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        sockets[i] = tcp_create();
        CHECK_SUCCESS(apm_socket_begin_connect(sockets[i], local, ON_CALLBACK(&connects[i])));
    }
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(finish_connect(sockets[i], &connects[i]));
        CHECK_SUCCESS(apm_socket_close(sockets[i]));
    }
    raw_close(listener);
}

LIBRARY_TEST_MAIN()
