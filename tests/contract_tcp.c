/*
 * TCP clients and listeners: every form of connect in each flavour, properties, stale handles, cleanup.
 */
#include "support_stream.h"

static apm_tcp_listener listen_on_loopback(apm_endpoint *local)
{
    apm_tcp_listener listener;

    CHECK_SUCCESS(apm_tcp_listener_create_endpoint(loopback_endpoint(0), &listener));
    CHECK_SUCCESS(apm_tcp_listener_start_backlog(listener, 16));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, local));
    return listener;
}

CONTRACT_TEST(clients_connect_in_every_form_and_talk_through_their_streams)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_ip_address addresses[2] = {address_of("::1"), apm_ip_address_loopback()};

    for (int form = 0; form < 7; form++) {
        struct operation connect;
        struct operation accept;
        apm_tcp_client client;
        apm_tcp_client server;
        apm_stream streams[2];
        uint8_t byte;

        CHECK_SUCCESS(apm_tcp_client_create_family(APM_ADDRESS_FAMILY_INTER_NETWORK, &client));
        CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, ON_COMPLETION(&accept)));
        switch (form) {
        case 0:
            CHECK_SUCCESS(apm_tcp_client_begin_connect(client, "127.0.0.1", local.port, ON_COMPLETION(&connect)));
            break;
        case 1:
            CHECK_SUCCESS(
                apm_tcp_client_begin_connect_address(client, local.address, local.port, ON_COMPLETION(&connect)));
            break;
        case 2:
            CHECK_SUCCESS(
                apm_tcp_client_begin_connect_addresses(client, addresses, 2, local.port, ON_COMPLETION(&connect)));
            break;
        case 3: CHECK_SUCCESS(apm_tcp_client_connect(client, "127.0.0.1", local.port)); break;
        case 4: CHECK_SUCCESS(apm_tcp_client_connect_address(client, local.address, local.port)); break;
        case 5: CHECK_SUCCESS(apm_tcp_client_connect_addresses(client, addresses, 2, local.port)); break;
        default: CHECK_SUCCESS(apm_tcp_client_connect_endpoint(client, local)); break;
        }
        if (form < 3) {
            AWAIT(&connect);
            CHECK_SUCCESS(apm_tcp_client_end_connect(client, connect.result));
        }
        CHECK(apm_tcp_client_active(client));
        AWAIT(&accept);
        CHECK_SUCCESS(apm_tcp_listener_end_accept_tcp_client(listener, accept.result, &server));
        CHECK_SUCCESS(apm_tcp_client_get_stream(client, &streams[0]));
        CHECK_SUCCESS(apm_tcp_client_get_stream(server, &streams[1]));
        CHECK_SUCCESS(apm_stream_write_byte(streams[0], 'x'));
        CHECK_SUCCESS(apm_stream_read_exactly(streams[1], &byte, 1));
        CHECK_EQ(byte, 'x');
        CHECK_SUCCESS(apm_tcp_client_close(client));
        CHECK_SUCCESS(apm_tcp_client_close(server));
    }
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

CONTRACT_TEST(a_connect_of_a_client_reports_a_refusal)
{
    apm_tcp_client client;
    struct operation connect;
    apm_endpoint refusing = closed_endpoint();

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(
        apm_tcp_client_begin_connect_address(client, refusing.address, refusing.port, ON_COMPLETION(&connect)));
    AWAIT(&connect);
    CHECK_ERROR(apm_tcp_client_end_connect(client, connect.result), APM_ERROR_CONNECTION_REFUSED);
    CHECK(apm_native_error_code() != 0);
    CHECK(!apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_tcp_client_close(client));
}

TEST(the_deadline_of_a_connect_that_is_not_answered_ends_it)
{
    apm_tcp_client client;
    struct operation connect;

    enter_private_network();
    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect_address(client, address_of("203.0.113.1"), 1, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(apm_async_result_cancel_after(connect.result, 10));
    AWAIT(&connect);
    CHECK_ERROR(apm_tcp_client_end_connect(client, connect.result), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_tcp_client_begin_connect_address(client, address_of("203.0.113.1"), 1, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(apm_async_result_cancel(connect.result));
    AWAIT(&connect);
    CHECK_ERROR(apm_tcp_client_end_connect(client, connect.result), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_tcp_client_close(client));
}

TEST(properties_of_a_client_are_those_of_its_socket)
{
    apm_linger_option linger = {.enabled = true, .linger_time = 3};
    apm_tcp_client client;
    apm_socket socket;
    int number;
    bool flag;

    CHECK_SUCCESS(apm_tcp_client_create_endpoint(loopback_endpoint(0), &client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK(local_port(socket) != 0);
    CHECK_SUCCESS(apm_tcp_client_set_no_delay(client, true));
    CHECK_SUCCESS(apm_socket_no_delay(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_tcp_client_set_linger_state(client, linger));
    CHECK_SUCCESS(apm_tcp_client_linger_state(client, &linger));
    CHECK_EQ(linger.linger_time, 3);
    CHECK_SUCCESS(apm_tcp_client_set_receive_buffer_size(client, 8192));
    CHECK_SUCCESS(apm_tcp_client_receive_buffer_size(client, &number));
    CHECK_EQ(number, 16384);
    CHECK_SUCCESS(apm_tcp_client_set_send_buffer_size(client, 8192));
    CHECK_SUCCESS(apm_tcp_client_send_buffer_size(client, &number));
    CHECK_EQ(number, 16384);
    CHECK_SUCCESS(apm_tcp_client_set_receive_timeout(client, 5));
    CHECK_SUCCESS(apm_socket_receive_timeout(socket, &number));
    CHECK_EQ(number, 5);
    CHECK_SUCCESS(apm_tcp_client_set_send_timeout(client, 6));
    CHECK_SUCCESS(apm_socket_send_timeout(socket, &number));
    CHECK_EQ(number, 6);
    CHECK_SUCCESS(apm_tcp_client_set_exclusive_address_use(client, false));
    CHECK_SUCCESS(apm_tcp_client_exclusive_address_use(client, &flag));
    CHECK(!flag);
    CHECK_ERROR(apm_tcp_client_no_delay(client, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_ERROR(apm_socket_no_delay(socket, &flag), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_tcp_client_create_family(APM_ADDRESS_FAMILY_UNSPECIFIED, &client), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_tcp_client_create_host(NULL, 1, &client), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_tcp_client_create_host("localhost", 70000, &client), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

TEST(a_client_can_be_given_another_socket_until_it_has_a_stream)
{
    peered_socket pair = peered_socket_create();
    apm_tcp_client client;
    apm_socket before;
    apm_socket none = APM_NULL_HANDLE;
    apm_stream stream;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &before));
    CHECK_ERROR(apm_tcp_client_set_client(client, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_tcp_client_set_client(client, pair.socket));
    CHECK(apm_tcp_client_connected(client) && apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_socket_close(before));
    CHECK_SUCCESS(apm_tcp_client_get_stream(client, &stream));
    CHECK_ERROR(apm_tcp_client_set_client(client, pair.socket), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK(!apm_stream_can_read(stream));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(an_accept_that_is_cancelled_while_the_listener_goes_on_is_aborted_and_not_disposed)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_tcp_listener_begin_accept_socket(listener, ON_CALLBACK(&accept)));
    CHECK_SUCCESS(apm_async_result_cancel(accept.result));
    AWAIT(&accept);
    CHECK_ERROR(apm_tcp_listener_end_accept_socket(listener, accept.result, &accepted), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(what_was_forgotten_is_closed_by_cleanup_and_stale_afterwards)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    int peer = raw_connect(local);
    apm_tcp_client server;
    apm_async_result result;
    apm_stream stream;

    CHECK_SUCCESS(apm_tcp_listener_accept_tcp_client(listener, &server));
    CHECK_SUCCESS(apm_tcp_client_get_stream(server, &stream));
    CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, NULL, NULL, &result));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ORDERLY_END(peer, 0);
    CHECK_ERROR(apm_tcp_listener_start(listener), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_tcp_client_get_stream(server, &stream), APM_ERROR_OBJECT_DISPOSED);
    raw_close(peer);
}

TEST(handles_of_other_kinds_and_of_nothing_are_refused)
{
    apm_tcp_client no_client = APM_NULL_HANDLE;
    apm_tcp_listener no_listener = APM_NULL_HANDLE;
    apm_stream no_stream = APM_NULL_HANDLE;
    apm_tcp_client client;
    apm_tcp_listener listener;
    apm_stream stream;
    apm_socket socket;

    CHECK_ERROR(apm_tcp_client_close(no_client), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_tcp_listener_close(no_listener), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_close(no_stream), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_tcp_client_create(&client));
    listener.bits = client.bits;
    stream.bits = client.bits;
    CHECK_ERROR(apm_tcp_listener_start(listener), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_tcp_listener_close(listener), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_stream_flush(stream), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    client.bits += (uint64_t)1 << 40;
    CHECK_ERROR(apm_tcp_client_close(client), APM_ERROR_ARGUMENT);
    CHECK(!apm_tcp_client_connected(client) && !apm_tcp_listener_active(listener));
}

LIBRARY_TEST_MAIN()
