/*
 * Connect in all its forms: success, refusal, silence, unknown names, lists of addresses, IPv6 and dual mode.
 */
#include <string.h>

#include "support.h"

CONTRACT_TEST(connect_to_a_listener_succeeds_and_fills_the_properties)
{
    apm_endpoint local;
    apm_endpoint remote;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK(apm_socket_is_bound(socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    CHECK(local_port(socket) != 0);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(connect_to_a_closed_port_is_refused_and_the_socket_may_try_again)
{
    apm_endpoint local;
    apm_endpoint closed = closed_endpoint();
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation connect;

    for (int i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_socket_begin_connect(socket, closed, ON_COMPLETION(&connect)));
        CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_CONNECTION_REFUSED);
        CHECK(!apm_socket_connected(socket));
    }
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(connect_to_an_address_that_drops_packets_times_out)
{
    apm_socket socket;
    struct operation connect;

    enter_private_network();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of("203.0.113.5:80"), ON_COMPLETION(&connect)));
    CHECK_PENDING(&connect);
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_TIMED_OUT);
    CHECK(!apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(connect_to_unreachable_networks_gives_what_the_system_says)
{
    static const struct {
        const char *endpoint;
        apm_error error;
    } cases[] = {
        {"192.0.2.1:80", APM_ERROR_NETWORK_UNREACHABLE},
        {"198.51.100.1:80", APM_ERROR_HOST_UNREACHABLE},
        {"198.51.100.129:80", APM_ERROR_ACCESS_DENIED},
        {"198.51.100.200:80", APM_ERROR_INVALID_ARGUMENT},
    };

    enter_private_network();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        apm_socket socket = tcp_create();
        struct operation connect;

        CHECK_SUCCESS(apm_socket_begin_connect(socket, endpoint_of(cases[i].endpoint), ON_COMPLETION(&connect)));
        CHECK_ERROR(finish_connect(socket, &connect), cases[i].error);
        CHECK_ERROR(apm_socket_connect(socket, endpoint_of(cases[i].endpoint)), cases[i].error);
        CHECK(apm_native_error_code() != 0);
        CHECK_SUCCESS(apm_socket_close(socket));
    }
}

CONTRACT_TEST(connect_to_an_unknown_name_is_host_not_found)
{
    apm_socket socket;
    struct operation connect;

    enter_private_network_with_names();
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect_host(socket, "nobody.example", 80, ON_COMPLETION(&connect)));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_HOST_NOT_FOUND);
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(connect_by_name_tries_the_addresses_one_after_another)
{
    apm_socket listener;
    apm_socket socket;
    apm_endpoint remote;
    struct operation connect;
    uint16_t port;

    /* multi.example is 127.0.0.1 and 127.0.0.2, and only the second has a listener. */
    enter_private_network_with_names();
    listener = tcp_create();
    CHECK_SUCCESS(apm_socket_bind(listener, endpoint_of("127.0.0.2:0")));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    port = local_port(listener);
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect_host(socket, "multi.example", port, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_ip_address_equals(remote.address, address_of("127.0.0.2")));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(what_is_begun_while_the_name_is_looked_up_waits_for_the_connection)
{
    struct operation connect;
    struct operation receive;
    struct operation send;
    apm_endpoint local;
    apm_socket client = tcp_create();
    apm_socket server;
    apm_socket listener = tcp_listen(&local);
    char bytes[4];
    size_t count;

    CHECK_SUCCESS(apm_socket_begin_connect_host(client, "localhost", local.port, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(
        apm_socket_begin_receive(client, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send(client, "ping", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_accept(listener, &server));
    send_all(server, "pong", 4);
    AWAIT(&connect);
    CHECK_SUCCESS(apm_socket_end_connect(client, connect.result));
    AWAIT(&send);
    CHECK_SUCCESS(apm_socket_end_send(client, send.result, &count));
    CHECK_EQ(count, 4);
    AWAIT(&receive);
    CHECK_SUCCESS(apm_socket_end_receive(client, receive.result, &count));
    CHECK(count > 0 && memcmp(bytes, "pong", count) == 0);
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(server));
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(connect_to_a_list_of_addresses_passes_over_those_that_refuse_and_those_of_another_family)
{
    apm_ip_address addresses[3] = {apm_ip_address_ipv6_loopback(), address_of("127.0.0.9"), apm_ip_address_loopback()};
    apm_endpoint local;
    apm_endpoint remote;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect_addresses(socket, addresses, 3, local.port, ON_COMPLETION(&connect)));
    /* The list was copied. */
    memset(addresses, 0, sizeof addresses);
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(connect_to_a_list_of_endpoints_uses_the_port_of_each)
{
    apm_endpoint endpoints[2] = {closed_endpoint(), {.port = 0}};
    apm_endpoint local;
    apm_endpoint remote;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation connect;

    endpoints[1] = local;
    CHECK_SUCCESS(apm_socket_begin_connect_endpoints(socket, endpoints, 2, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK(apm_endpoint_equals(remote, local));
    CHECK_SUCCESS(apm_socket_close(socket));

    endpoints[1] = endpoints[0];
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect_endpoints(socket, endpoints, 2, ON_COMPLETION(&connect)));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

/* -- IPv6 -------------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(ipv6_connects_and_carries_data)
{
    apm_socket listener = tcp_create_ipv6();
    apm_socket client = tcp_create_ipv6();
    apm_socket server;
    apm_endpoint local;
    struct operation accept;
    struct operation connect;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_bind(listener, endpoint_of("[::1]:0")));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    CHECK_SUCCESS(apm_socket_local_endpoint(listener, &local));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_connect(client, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(client, &connect));
    CHECK_SUCCESS(finish_accept(listener, &accept, &server));
    send_all(client, "six!", 4);
    receive_exactly(server, buffer, 4);
    CHECK_EQ(memcmp(buffer, "six!", 4), 0);
    CHECK_SUCCESS(apm_socket_close(client));
    CHECK_SUCCESS(apm_socket_close(server));
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(a_dual_mode_socket_speaks_ipv4_and_shows_mapped_addresses)
{
    apm_endpoint local;
    apm_endpoint remote;
    char text[APM_ENDPOINT_TEXT_SIZE];
    int listener = raw_listen(4, &local);
    apm_socket socket;
    struct operation connect;
    bool dual_mode = false;

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &socket));
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &dual_mode));
    CHECK(dual_mode);
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    CHECK_SUCCESS(apm_endpoint_format(remote, text, sizeof text));
    CHECK_EQ(strncmp(text, "[::ffff:127.0.0.1]:", 19), 0);
    CHECK_EQ(remote.port, local.port);
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(a_dual_mode_listener_accepts_both_families)
{
    apm_socket listener;
    apm_socket six = tcp_create_ipv6();
    apm_socket accepted;
    apm_endpoint remote;
    struct operation accept;
    int four;
    uint16_t port;

    CHECK_SUCCESS(apm_socket_create_dual_mode(APM_SOCKET_TYPE_STREAM, APM_PROTOCOL_TYPE_TCP, &listener));
    CHECK_SUCCESS(apm_socket_bind(listener, endpoint_of("[::]:0")));
    CHECK_SUCCESS(apm_socket_listen(listener, 4));
    port = local_port(listener);

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    four = raw_connect(loopback_endpoint(port));
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_remote_endpoint(accepted, &remote));
    CHECK(apm_ip_address_is_ipv4_mapped_to_ipv6(remote.address));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(four);

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_connect_addresses(six, (apm_ip_address[]){apm_ip_address_ipv6_loopback()}, 1, port));
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_remote_endpoint(accepted, &remote));
    CHECK(apm_ip_address_equals(remote.address, apm_ip_address_ipv6_loopback()));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(six));
    CHECK_SUCCESS(apm_socket_close(listener));
}

LIBRARY_TEST_MAIN()
