/*
 * Connecting by name, and disconnecting, as .NET does: the cases con-016 to con-047 of its recorded behaviour.
 */
#include <string.h>

#include "support.h"

static apm_error connect_to_host(apm_socket socket, const char *host, int port)
{
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect_host(socket, host, port, ON_CALLBACK(&connect)));
    return finish_connect(socket, &connect);
}

/* -- Names ------------------------------------------------------------------------------------------------------- */

TEST(an_unknown_name_is_host_not_found_con_016_con_028)
{
    apm_socket socket;

    enter_private_network_with_names();
    socket = tcp_create();
    CHECK_ERROR(connect_to_host(socket, "nobody.example", 80), APM_ERROR_HOST_NOT_FOUND);
    CHECK_ERROR(apm_socket_connect_host(socket, "nobody.example", 80), APM_ERROR_HOST_NOT_FOUND);
    CHECK(!apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_host_is_an_address_or_localhost_or_a_name_con_018_con_028)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "ok.example"};
    apm_endpoint local;
    int listener;

    enter_private_network_with_names();
    listener = raw_listen(8, &local);
    for (size_t i = 0; i < 3; i++) {
        apm_socket socket = tcp_create();
        apm_endpoint remote;

        CHECK_SUCCESS(connect_to_host(socket, hosts[i], local.port));
        CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
        CHECK(apm_endpoint_equals(remote, local));
        CHECK_SUCCESS(apm_socket_close(socket));
    }
    raw_close(listener);
}

TEST(a_name_with_both_families_connects_where_somebody_listens_con_036)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_socket four;
    apm_socket dual;
    int listener;

    enter_private_network_with_names();
    listener = raw_listen(4, &local);
    four = tcp_create();
    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &dual));
    CHECK_SUCCESS(connect_to_host(four, "dual.example", local.port));
    CHECK_SUCCESS(connect_to_host(dual, "dual.example", local.port));
    CHECK_SUCCESS(apm_socket_remote_endpoint(dual, &remote));
    CHECK(apm_ip_address_equals(remote.address, apm_ip_address_map_to_ipv6(apm_ip_address_loopback())));
    CHECK_EQ(remote.port, local.port);
    CHECK_SUCCESS(apm_socket_close(four));
    CHECK_SUCCESS(apm_socket_close(dual));
    raw_close(listener);
}

TEST(a_name_with_two_addresses_connects_to_the_one_that_listens_con_037)
{
    apm_socket listener;
    apm_socket socket;
    apm_endpoint remote;

    enter_private_network_with_names();
    listener = tcp_create();
    CHECK_SUCCESS(apm_socket_bind(listener, endpoint_of("127.0.0.2:0")));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    socket = tcp_create();
    CHECK_SUCCESS(connect_to_host(socket, "multi.example", local_port(listener)));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_ip_address_equals(remote.address, address_of("127.0.0.2")));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(close_while_the_look_up_runs_aborts_the_connect_at_once_con_047)
{
    apm_socket socket;
    struct operation connect;
    int64_t start;

    /* .NET's callback waits for the answer, which takes 900 ms. */
    enter_private_network_with_names();
    socket = tcp_create();
    start = harness_now_ms();
    CHECK_SUCCESS(apm_socket_begin_connect_host(socket, "slow.example", 80, ON_CALLBACK(&connect)));
    CHECK_PENDING(&connect);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_OPERATION_ABORTED);
    CHECK(harness_now_ms() - start < 800);
}

/* -- Disconnect -------------------------------------------------------------------------------------------------- */

TEST(disconnect_for_reuse_lets_the_socket_connect_again_con_040)
{
    apm_endpoint local;
    apm_endpoint endpoint;
    char text[APM_ENDPOINT_TEXT_SIZE];
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation operation;
    int first;
    int second;
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_connect(socket, local));
    first = raw_accept(listener);
    CHECK_SUCCESS(apm_socket_begin_disconnect(socket, true, ON_CALLBACK(&operation)));
    CHECK_SUCCESS(finish_disconnect(socket, &operation));
    CHECK(!apm_socket_connected(socket));
    CHECK_ORDERLY_END(first, 0);
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    CHECK_STR(text, "0.0.0.0:0");
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_CALLBACK(&operation)));
    CHECK_SUCCESS(finish_connect(socket, &operation));
    second = raw_accept(listener);
    send_all(socket, "x", 1);
    raw_read_exactly(second, &byte, 1);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(first);
    raw_close(second);
    raw_close(listener);
}

TEST(disconnect_without_reuse_leaves_a_socket_that_cannot_connect_con_041)
{
    apm_endpoint local;
    apm_endpoint endpoint;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation operation;
    int peer;

    CHECK_SUCCESS(apm_socket_connect(socket, local));
    peer = raw_accept(listener);
    CHECK_SUCCESS(apm_socket_begin_disconnect(socket, false, ON_CALLBACK(&operation)));
    CHECK_SUCCESS(finish_disconnect(socket, &operation));
    CHECK(!apm_socket_connected(socket));
    CHECK_ORDERLY_END(peer, 0);
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_CALLBACK(&operation)));
    CHECK_ERROR(finish_connect(socket, &operation), APM_ERROR_IS_CONNECTED);
    CHECK_ERROR(apm_socket_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    CHECK(apm_endpoint_is_null(endpoint));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(peer);
    raw_close(listener);
}

TEST(disconnect_of_an_unconnected_socket_fails_and_of_a_listener_ends_its_listening_con_042)
{
    apm_endpoint local;
    apm_socket unconnected = tcp_create();
    apm_socket listener = tcp_listen(&local);
    apm_socket client = tcp_create();
    struct operation operation;

    CHECK_ERROR(apm_socket_begin_disconnect(unconnected, false, ON_CALLBACK(&operation)), APM_ERROR_NOT_CONNECTED);
    CHECK_ERROR(apm_socket_disconnect(unconnected, false), APM_ERROR_NOT_CONNECTED);
    CHECK_SUCCESS(apm_socket_begin_disconnect(listener, false, ON_CALLBACK(&operation)));
    CHECK_SUCCESS(finish_disconnect(listener, &operation));
    CHECK_ERROR(apm_socket_connect(client, local), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_socket_close(unconnected));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(client));
}

LIBRARY_TEST_MAIN()
