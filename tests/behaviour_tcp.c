/*
 * TCP clients and listeners as .NET's: the cases tcc-*, tcl-* and iar-030 of its recorded behaviour.
 */
#include <string.h>

#include "support_stream.h"

static apm_tcp_listener listen_on_loopback(apm_endpoint *local)
{
    apm_tcp_listener listener;

    CHECK_SUCCESS(apm_tcp_listener_create_address(apm_ip_address_loopback(), 0, &listener));
    CHECK_SUCCESS(apm_tcp_listener_start(listener));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, local));
    return listener;
}

static apm_tcp_client connect_to(apm_endpoint remote)
{
    apm_tcp_client client;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_connect_address(client, remote.address, remote.port));
    return client;
}

static apm_error finish_client_connect(apm_tcp_client client, struct operation *operation)
{
    AWAIT(operation);
    return apm_tcp_client_end_connect(client, operation->result);
}

static void check_text(apm_endpoint endpoint, const char *prefix)
{
    char text[APM_ENDPOINT_TEXT_SIZE];

    CHECK_SUCCESS(apm_endpoint_format(endpoint, text, sizeof text));
    text[strlen(prefix)] = '\0';
    CHECK_STR(text, prefix);
}

/* -- TcpClient --------------------------------------------------------------------------------------------------- */

TEST(a_new_client_is_dual_mode_and_not_connected_tcc_001_tcc_009)
{
    apm_tcp_client client;
    apm_socket socket;
    apm_address_family family;
    apm_linger_option linger;
    apm_stream stream;
    size_t available = 99;
    int number = 99;
    bool flag = true;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK(!apm_tcp_client_connected(client) && !apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK_V6);
    CHECK_SUCCESS(apm_socket_dual_mode(socket, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_tcp_client_no_delay(client, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_tcp_client_receive_timeout(client, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_tcp_client_send_timeout(client, &number));
    CHECK_EQ(number, 0);
    CHECK_SUCCESS(apm_tcp_client_linger_state(client, &linger));
    CHECK(!linger.enabled);
    CHECK_EQ(linger.linger_time, 0);
    CHECK_SUCCESS(apm_tcp_client_exclusive_address_use(client, &flag));
    CHECK(flag);
    CHECK_SUCCESS(apm_tcp_client_available(client, &available));
    CHECK_EQ(available, 0);
    CHECK_ERROR(apm_tcp_client_get_stream(client, &stream), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_client_close(client));

    CHECK_SUCCESS(apm_tcp_client_create_family(APM_ADDRESS_FAMILY_INTER_NETWORK, &client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_socket_address_family(socket, &family));
    CHECK_EQ(family, APM_ADDRESS_FAMILY_INTER_NETWORK);
    CHECK_SUCCESS(apm_tcp_client_close(client));
}

TEST(a_default_client_shows_mapped_addresses_tcc_002)
{
    apm_endpoint local;
    apm_endpoint endpoint;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_tcp_client client;
    apm_tcp_client server;
    apm_socket socket;
    struct operation connect;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect_address(client, local.address, local.port, ON_CALLBACK(&connect)));
    CHECK_EQ(apm_async_result_tcp_client(connect.result).bits, client.bits);
    CHECK_SUCCESS(finish_client_connect(client, &connect));
    CHECK(apm_tcp_client_connected(client) && apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    check_text(endpoint, "[::ffff:127.0.0.1]:");
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    check_text(endpoint, "[::ffff:127.0.0.1]:");
    CHECK_SUCCESS(apm_tcp_listener_accept_tcp_client(listener, &server));
    CHECK_SUCCESS(apm_tcp_client_client(server, &socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &endpoint));
    check_text(endpoint, "127.0.0.1:");
    CHECK_SUCCESS(apm_tcp_client_close(server));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

static apm_error connect_by_name(const char *host, int port)
{
    apm_tcp_client client;
    struct operation connect;
    apm_error error;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect(client, host, port, ON_CALLBACK(&connect)));
    error = finish_client_connect(client, &connect);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    return error;
}

TEST(a_client_connects_to_a_host_by_name_tcc_003)
{
    apm_endpoint local;
    apm_tcp_listener listener;
    apm_tcp_client client;
    apm_async_result result;

    enter_private_network_with_names();
    listener = listen_on_loopback(&local);
    CHECK_SUCCESS(connect_by_name("localhost", local.port));
    CHECK_SUCCESS(connect_by_name("127.0.0.1", local.port));
    CHECK_ERROR(connect_by_name("unknown.example", local.port), APM_ERROR_HOST_NOT_FOUND);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    CHECK_ERROR(connect_by_name("localhost", local.port), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_ERROR(apm_tcp_client_begin_connect(client, "localhost", 70000, NULL, NULL, &result),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_tcp_client_begin_connect(client, NULL, 1, NULL, NULL, &result), APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_async_result_is_null(result));
    CHECK_SUCCESS(apm_tcp_client_close(client));
}

TEST(end_connect_waits_once_and_refuses_other_results_tcc_004)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_tcp_client client;
    apm_socket socket;
    apm_async_result connect;
    apm_async_result send;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect_address(client, local.address, local.port, NULL, NULL, &connect));
    CHECK_SUCCESS(apm_tcp_client_end_connect(client, connect));
    CHECK_ERROR(apm_tcp_client_end_connect(client, connect), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_socket_begin_send(socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &send));
    CHECK_ERROR(apm_tcp_client_end_connect(client, send), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_end_send(socket, send, NULL));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(a_closed_client_is_refused_and_not_active_tcc_006_tcc_009)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_tcp_client client = connect_to(local);
    apm_async_result result;
    apm_stream stream;
    apm_socket socket;
    size_t available = 99;
    bool no_delay;

    CHECK(apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK(!apm_tcp_client_active(client));
    CHECK(!apm_tcp_client_connected(client));
    CHECK_ERROR(apm_tcp_client_available(client, &available), APM_ERROR_OBJECT_DISPOSED);
    CHECK_EQ(available, 0);
    CHECK_ERROR(apm_tcp_client_get_stream(client, &stream), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_tcp_client_no_delay(client, &no_delay), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_tcp_client_client(client, &socket), APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_socket_is_null(socket));
    CHECK_ERROR(apm_tcp_client_connect_endpoint(client, local), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_tcp_client_begin_connect(client, "127.0.0.1", local.port, NULL, NULL, &result),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(a_client_connects_once_and_after_a_refusal_again_tcc_007)
{
    apm_endpoint local;
    apm_endpoint refusing = closed_endpoint();
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_tcp_client client = connect_to(local);
    apm_endpoint endpoint;
    apm_socket socket;

    CHECK_ERROR(apm_tcp_client_connect_endpoint(client, local), APM_ERROR_IS_CONNECTED);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_ERROR(apm_tcp_client_connect_endpoint(client, refusing), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_tcp_client_connect_endpoint(client, local));
    CHECK_SUCCESS(apm_tcp_client_close(client));

    CHECK_ERROR(apm_tcp_client_create_host("127.0.0.1", refusing.port, &client), APM_ERROR_CONNECTION_REFUSED);
    CHECK(apm_tcp_client_is_null(client));
    CHECK_SUCCESS(apm_tcp_client_create_host("127.0.0.1", local.port, &client));
    CHECK(apm_tcp_client_connected(client));
    CHECK_SUCCESS(apm_tcp_client_client(client, &socket));
    CHECK_SUCCESS(apm_socket_local_endpoint(socket, &endpoint));
    check_text(endpoint, "127.0.0.1:");
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(the_stream_of_a_client_is_one_and_closes_with_it_both_ways_tcc_008)
{
    apm_endpoint local;
    int raw = raw_listen(2, &local);
    apm_tcp_client client = connect_to(local);
    int peer = raw_accept(raw);
    apm_stream stream;
    apm_stream again;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_tcp_client_get_stream(client, &stream));
    CHECK_SUCCESS(apm_tcp_client_get_stream(client, &again));
    CHECK_EQ(stream.bits, again.bits);
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK(!apm_tcp_client_connected(client));
    CHECK_ORDERLY_END(peer, 0);
    CHECK_ERROR(apm_tcp_client_get_stream(client, &stream), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    raw_close(peer);

    client = connect_to(local);
    peer = raw_accept(raw);
    CHECK_SUCCESS(apm_tcp_client_get_stream(client, &stream));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_ERROR(apm_stream_read(stream, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ORDERLY_END(peer, 0);
    raw_close(peer);
    raw_close(raw);
}

TEST(close_during_the_look_up_aborts_the_connect_at_once_tcc_010)
{
    apm_tcp_client client;
    struct operation connect;

    enter_private_network_with_names();
    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect(client, "slow.example", 1, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_ERROR(finish_client_connect(client, &connect), APM_ERROR_OPERATION_ABORTED);
}

/* -- TcpListener ------------------------------------------------------------------------------------------------- */

TEST(a_listener_that_has_not_been_started_accepts_nothing_tcl_001)
{
    apm_tcp_listener listener;
    apm_endpoint local;
    apm_socket socket;
    apm_async_result result;
    bool flag = true;

    CHECK_SUCCESS(apm_tcp_listener_create_address(apm_ip_address_loopback(), 0, &listener));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, &local));
    check_text(local, "127.0.0.1:0");
    CHECK_ERROR(apm_tcp_listener_pending(listener, &flag), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_tcp_listener_accept_socket(listener, &socket), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_tcp_listener_begin_accept_socket(listener, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_tcp_listener_begin_accept_tcp_client(listener, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(result));
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    CHECK(!apm_tcp_listener_active(listener));
    CHECK_SUCCESS(apm_tcp_listener_exclusive_address_use(listener, &flag));
    CHECK(!flag);
    CHECK_SUCCESS(apm_tcp_listener_server(listener, &socket));
    CHECK(!apm_socket_is_null(socket));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(a_listener_starts_once_and_says_if_its_port_is_taken_tcl_002)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_tcp_listener other;

    CHECK(local.port != 0);
    CHECK_SUCCESS(apm_tcp_listener_start(listener));
    CHECK(apm_tcp_listener_active(listener));
    CHECK_ERROR(apm_tcp_listener_set_exclusive_address_use(listener, true), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_listener_create_endpoint(local, &other));
    CHECK_ERROR(apm_tcp_listener_start(other), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK(!apm_tcp_listener_active(other));
    CHECK_ERROR(apm_tcp_listener_start(other), APM_ERROR_ADDRESS_ALREADY_IN_USE);
    CHECK_SUCCESS(apm_tcp_listener_close(other));
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    CHECK(!apm_tcp_listener_active(listener));
    CHECK_SUCCESS(apm_tcp_listener_set_exclusive_address_use(listener, true));
    CHECK_SUCCESS(apm_tcp_listener_start_backlog(listener, 0));
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    CHECK_ERROR(apm_tcp_listener_start_backlog(listener, -1), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    CHECK_ERROR(apm_tcp_listener_start(listener), APM_ERROR_OBJECT_DISPOSED);
}

TEST(stop_ends_pending_accepts_with_object_disposed_tcl_004)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    struct operation client_accept;
    struct operation socket_accept;
    apm_tcp_client client;
    apm_socket socket;

    CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, ON_CALLBACK(&client_accept)));
    CHECK_SUCCESS(apm_tcp_listener_begin_accept_socket(listener, ON_CALLBACK(&socket_accept)));
    CHECK_EQ(apm_async_result_tcp_listener(client_accept.result).bits, listener.bits);
    CHECK_EQ(apm_async_result_tcp_listener(socket_accept.result).bits, listener.bits);
    CHECK_PENDING(&client_accept);
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    AWAIT(&client_accept);
    CHECK_ERROR(apm_tcp_listener_end_accept_tcp_client(listener, client_accept.result, &client),
                APM_ERROR_OBJECT_DISPOSED);
    AWAIT(&socket_accept);
    CHECK_ERROR(apm_tcp_listener_end_accept_socket(listener, socket_accept.result, &socket), APM_ERROR_OBJECT_DISPOSED);
    CHECK(apm_tcp_client_is_null(client) && apm_socket_is_null(socket));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

struct blocked_accept {
    apm_tcp_listener listener;
    apm_error error;
    struct latch done;
};

static void block_in_accept(void *argument)
{
    struct blocked_accept *blocked = argument;
    apm_tcp_client client;

    blocked->error = apm_tcp_listener_accept_tcp_client(blocked->listener, &client);
    latch_add(&blocked->done, 1);
}

TEST(stop_interrupts_a_synchronous_accept_tcl_005)
{
    apm_endpoint local;
    struct blocked_accept blocked = {.listener = listen_on_loopback(&local), .done = LATCH_INITIALIZER};
    struct thread thread;

    thread_start(&thread, block_in_accept, &blocked);
    CHECK(!latch_wait(&blocked.done, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_tcp_listener_stop(blocked.listener));
    thread_join(&thread);
    CHECK_ERROR(blocked.error, APM_ERROR_INTERRUPTED);
    CHECK_SUCCESS(apm_tcp_listener_close(blocked.listener));
}

TEST(a_stopped_listener_starts_again_with_another_socket_tcl_006)
{
    apm_endpoint local;
    apm_endpoint again;
    apm_tcp_listener listener = listen_on_loopback(&local);
    int waiting = raw_connect(local);
    int64_t deadline = harness_now_ms() + PATIENCE_MS;
    bool pending = false;
    apm_socket socket;
    int peer;

    while (!pending) {
        CHECK_SUCCESS(apm_tcp_listener_pending(listener, &pending));
        CHECK(harness_now_ms() < deadline);
    }
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    CHECK(raw_read_to_end(waiting).reset);
    raw_close(waiting);
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, &again));
    check_text(again, "127.0.0.1:0");
    CHECK_SUCCESS(apm_tcp_listener_start(listener));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, &again));
    CHECK(again.port != 0);
    peer = raw_connect(again);
    CHECK_SUCCESS(apm_tcp_listener_accept_socket(listener, &socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(peer);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

TEST(an_accept_of_one_kind_is_not_ended_as_the_other_nor_twice_tcl_007)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    apm_async_result socket_accept;
    apm_async_result client_accept;
    int peers[2] = {raw_connect(local), raw_connect(local)};
    apm_tcp_client client;
    apm_socket socket;

    CHECK_SUCCESS(apm_tcp_listener_begin_accept_socket(listener, NULL, NULL, &socket_accept));
    CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, NULL, NULL, &client_accept));
    CHECK_ERROR(apm_tcp_listener_end_accept_tcp_client(listener, socket_accept, &client), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_tcp_listener_end_accept_socket(listener, client_accept, &socket), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_tcp_listener_end_accept_tcp_client(listener, client_accept, &client));
    CHECK(apm_tcp_client_connected(client) && apm_tcp_client_active(client));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_ERROR(apm_tcp_listener_end_accept_tcp_client(listener, client_accept, &client), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_tcp_listener_end_accept_socket(listener, socket_accept, &socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    raw_close(peers[0]);
    raw_close(peers[1]);
}

TEST(a_listener_for_all_addresses_takes_clients_of_both_families_tcl_008)
{
    apm_endpoint local;
    apm_endpoint remote;
    apm_tcp_listener listener;
    apm_tcp_client client;
    apm_socket socket;

    CHECK_SUCCESS(apm_tcp_listener_create(0, &listener));
    CHECK_SUCCESS(apm_tcp_listener_start(listener));
    CHECK_SUCCESS(apm_tcp_listener_local_endpoint(listener, &local));
    check_text(local, "[::]:");
    CHECK_SUCCESS(apm_tcp_client_create_host("127.0.0.1", local.port, &client));
    CHECK_SUCCESS(apm_tcp_listener_accept_socket(listener, &socket));
    CHECK_SUCCESS(apm_socket_remote_endpoint(socket, &remote));
    check_text(remote, "[::ffff:127.0.0.1]:");
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_client_create_host("::1", local.port, &client));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    CHECK_ERROR(apm_tcp_listener_create(70000, &listener), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
}

struct acceptor {
    struct latch accepted;
};

static void accept_next(apm_async_result result)
{
    struct acceptor *acceptor = apm_async_result_async_state(result);
    apm_tcp_listener listener = apm_async_result_tcp_listener(result);
    apm_tcp_client client;
    apm_error error = apm_tcp_listener_end_accept_tcp_client(listener, result, &client);

    if (error == APM_ERROR_OBJECT_DISPOSED) {
        latch_add(&acceptor->accepted, 1000);
        return;
    }
    CHECK_SUCCESS(error);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    latch_add(&acceptor->accepted, 1);
    error = apm_tcp_listener_begin_accept_tcp_client(listener, accept_next, acceptor, NULL);
    if (error != APM_ERROR_SUCCESS) { /* it has been stopped between the two */
        latch_add(&acceptor->accepted, 1000);
    }
}

TEST(an_accept_loop_of_callbacks_takes_a_burst_of_clients_tcl_009)
{
    enum { CLIENTS = 50 };
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    struct acceptor acceptor = {.accepted = LATCH_INITIALIZER};
    int peers[CLIENTS];

    CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, accept_next, &acceptor, NULL));
    for (size_t i = 0; i < CLIENTS; i++) {
        peers[i] = raw_connect(local);
    }
    LATCH_AWAIT(&acceptor.accepted, CLIENTS);
    CHECK_SUCCESS(apm_tcp_listener_stop(listener));
    LATCH_AWAIT(&acceptor.accepted, 1000 + CLIENTS);
    CHECK_EQ(latch_count(&acceptor.accepted), 1000 + CLIENTS);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    for (size_t i = 0; i < CLIENTS; i++) {
        raw_close(peers[i]);
    }
}

TEST(connects_and_accepts_that_can_finish_at_once_complete_on_pool_threads_iar_030)
{
    apm_endpoint local;
    apm_tcp_listener listener = listen_on_loopback(&local);
    struct operation connect;
    struct operation accept;
    apm_tcp_client client;
    apm_tcp_client server;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_SUCCESS(apm_tcp_client_begin_connect(client, "127.0.0.1", local.port, ON_CALLBACK(&connect)));
    CHECK_SUCCESS(finish_client_connect(client, &connect));
    CHECK_SUCCESS(apm_tcp_listener_begin_accept_tcp_client(listener, ON_CALLBACK(&accept)));
    AWAIT(&accept);
    CHECK_SUCCESS(apm_tcp_listener_end_accept_tcp_client(listener, accept.result, &server));
    CHECK_SUCCESS(apm_tcp_client_close(server));
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
}

LIBRARY_TEST_MAIN()
