/*
 * Disconnect: after the sends begun before it, and with reuse as often as one likes.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

CONTRACT_TEST(disconnect_ends_both_directions_and_the_peer_sees_an_orderly_end)
{
    peered_socket pair = peered_socket_create();
    struct operation disconnect;

    send_all(pair.socket, "bye", 3);
    CHECK_SUCCESS(apm_socket_begin_disconnect(pair.socket, false, ON_COMPLETION(&disconnect)));
    CHECK_SUCCESS(finish_disconnect(pair.socket, &disconnect));
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 3);
    peered_socket_close(pair);
}

CONTRACT_TEST(disconnect_waits_for_the_sends_begun_before)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    struct operation disconnect;
    size_t sent;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_disconnect(pair.socket, false, ON_COMPLETION(&disconnect)));
    CHECK_PENDING(&disconnect);
    CHECK_ORDERLY_END(pair.peer, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_disconnect(pair.socket, &disconnect));
    peered_socket_close(pair);
    free(block);
}

CONTRACT_TEST(a_socket_disconnected_for_reuse_connects_again_and_keeps_its_options)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();
    struct operation operation;
    bool no_delay = false;

    CHECK_SUCCESS(apm_socket_set_no_delay(socket, true));
    for (size_t i = 0; i < 5; i++) {
        uint8_t buffer[4];
        int peer;

        CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_COMPLETION(&operation)));
        CHECK_SUCCESS(finish_connect(socket, &operation));
        peer = raw_accept(listener);
        send_all(socket, "ping", 4);
        raw_read_exactly(peer, buffer, 4);
        raw_write(peer, "pong", 4);
        receive_exactly(socket, buffer, 4);
        CHECK_EQ(memcmp(buffer, "pong", 4), 0);

        CHECK_SUCCESS(apm_socket_begin_disconnect(socket, true, ON_COMPLETION(&operation)));
        CHECK_SUCCESS(finish_disconnect(socket, &operation));
        CHECK(!apm_socket_connected(socket));
        CHECK_ORDERLY_END(peer, 0);
        raw_close(peer);
        CHECK_SUCCESS(apm_socket_no_delay(socket, &no_delay));
        CHECK(no_delay);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(a_receive_pending_at_a_disconnect_completes)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct operation disconnect;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_disconnect(pair.socket, false, ON_COMPLETION(&disconnect)));
    CHECK_SUCCESS(finish_disconnect(pair.socket, &disconnect));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(disconnect_for_reuse_succeeds_also_with_a_receive_pending)
{
    apm_endpoint local;
    int listener = raw_listen(4, &local);
    apm_socket socket = tcp_create();

    for (size_t i = 0; i < harness_scaled(300); i++) {
        struct operation receive;
        struct operation disconnect;
        uint8_t buffer[4];
        apm_error error;
        int peer;

        CHECK_SUCCESS(apm_socket_connect(socket, local));
        peer = raw_accept(listener);
        CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(apm_socket_begin_disconnect(socket, true, ON_COMPLETION(&disconnect)));
        CHECK_SUCCESS(finish_disconnect(socket, &disconnect));
        error = finish_receive(socket, &receive, NULL);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_NOT_CONNECTED || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_ORDERLY_END(peer, 0);
        raw_close(peer);
    }
    CHECK_SUCCESS(apm_socket_close(socket));
    raw_close(listener);
}

CONTRACT_TEST(disconnect_of_an_unconnected_socket_is_not_connected)
{
    apm_socket socket = tcp_create();
    struct operation disconnect;

    CHECK_ERROR(apm_socket_begin_disconnect(socket, true, ON_COMPLETION(&disconnect)), APM_ERROR_NOT_CONNECTED);
    CHECK(apm_async_result_is_null(disconnect.result));
    CHECK_ERROR(apm_socket_disconnect(socket, true), APM_ERROR_NOT_CONNECTED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
