/*
 * .NET's recorded behaviour: what errors say, where .NET has overloads with an `out SocketError`, exceptions with codes
 * of the system, and numbers of its own.
 */
#include <errno.h>

#include "support.h"

TEST(end_gives_the_error_and_the_number_of_bytes_io_029)
{
    peered_socket pair = peered_socket_create();
    apm_async_result none = APM_NULL_HANDLE;
    struct operation receive;
    uint8_t buffer[8];
    size_t received = 99;

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);

    CHECK_ERROR(apm_socket_end_receive(pair.socket, none, &received), APM_ERROR_ARGUMENT_NULL);
    CHECK_EQ(received, 0);

    received = 99;
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(received, 0);
    raw_close(pair.peer);
}

TEST(a_receive_that_cannot_be_says_so_by_end_and_so_does_one_that_is_reset_io_028)
{
    apm_socket unconnected = tcp_create();
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[8];
    size_t received = 99;

    /* .NET's overload returns no result and calls no callback here. */
    CHECK_SUCCESS(
        apm_socket_begin_receive(unconnected, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_ERROR(finish_receive(unconnected, &receive, &received), APM_ERROR_NOT_CONNECTED);
    CHECK_EQ(latch_count(&receive.called), 1);
    CHECK_EQ(received, 0);

    received = 99;
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    raw_reset(pair.peer);
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_CONNECTION_RESET);
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_SUCCESS(apm_socket_close(unconnected));
}

TEST(an_error_has_the_number_of_socket_error_and_the_code_of_the_system_opt_037)
{
    apm_socket socket = tcp_create();
    uint8_t byte;
    size_t received;
    apm_error error = apm_socket_connect(socket, closed_endpoint());

    CHECK_EQ(apm_native_error_code(), ECONNREFUSED);
    CHECK_EQ(error, 10061);
    CHECK_STR(apm_error_name(error), "ConnectionRefused");
    CHECK_SUCCESS(apm_socket_close(socket));

    socket = tcp_create();
    error = apm_socket_receive(socket, &byte, 1, APM_SOCKET_FLAGS_NONE, &received);
    CHECK_EQ(apm_native_error_code(), ENOTCONN);
    CHECK_EQ(error, 10057);
    CHECK_STR(apm_error_name(error), "NotConnected");
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(an_unknown_name_is_an_error_without_a_code_of_the_system_dns_014)
{
    apm_host_entry *entry;
    apm_error error;

    enter_private_network_with_names();
    error = apm_dns_get_host_addresses("unknown.example", &entry);
    CHECK_EQ(apm_native_error_code(), 0); /* where .NET has -131073 */
    CHECK_EQ(error, 11001);
    CHECK_STR(apm_error_name(error), "HostNotFound");
    CHECK(entry == NULL);
}

LIBRARY_TEST_MAIN()
