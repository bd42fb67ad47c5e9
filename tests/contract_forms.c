/*
 * Forms of connect and close that say the same as others in other words.
 */
#include <sys/socket.h>

#include "support.h"

CONTRACT_TEST(an_address_and_a_port_are_connected_to)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_ip_address no_address = {0};
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_ERROR(apm_socket_begin_connect_address(socket, local.address, 65536, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_async_result_is_null(connect.result));
    CHECK_ERROR(apm_socket_begin_connect_address(socket, local.address, -1, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_connect_address(socket, no_address, 0, ON_COMPLETION(&connect)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_connect_address(socket, address_of("::1"), 1, ON_COMPLETION(&connect)),
                APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_socket_connect_address(socket, address_of("::1"), 1), APM_ERROR_NOT_SUPPORTED);
    CHECK_SUCCESS(apm_socket_begin_connect_address(socket, local.address, local.port, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_connect_address(socket, local.address, local.port), APM_ERROR_OBJECT_DISPOSED);

    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_connect_address(socket, local.address, local.port));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(the_first_endpoint_of_a_list_that_accepts_is_connected_to_synchronously)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_endpoint list[2] = {closed_endpoint(), local};
    apm_socket socket = tcp_create();
    apm_endpoint remote;

    CHECK_ERROR(apm_socket_connect_endpoints(socket, NULL, 0), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_connect_endpoints(socket, list, 0), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_connect_endpoints(socket, list, 2));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK_EQ(remote.port, local.port);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(a_close_with_the_time_out_0_resets_and_any_other_delivers)
{
    const int timeouts[] = {0, -1, 1, 5000};

    for (size_t i = 0; i < 4; i++) {
        peered_socket pair = peered_socket_create();

        send_all(pair.socket, "abc", 3);
        CHECK_ERROR(apm_socket_close_timeout(pair.socket, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
        CHECK(apm_socket_connected(pair.socket));
        CHECK_SUCCESS(apm_socket_close_timeout(pair.socket, timeouts[i]));
        CHECK_SUCCESS(apm_socket_close_timeout(pair.socket, timeouts[i]));
        stream_end end = raw_read_to_end(pair.peer);
        CHECK_EQ(end.reset, timeouts[i] == 0);
        CHECK(end.reset || end.bytes == 3);
        raw_close(pair.peer);
    }
    CHECK_ERROR(apm_socket_close_timeout((apm_socket)APM_NULL_HANDLE, 0), APM_ERROR_ARGUMENT_NULL);
}

LIBRARY_TEST_MAIN()
