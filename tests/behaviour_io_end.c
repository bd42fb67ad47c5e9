/*
 * How connections end, as .NET tells it: the cases io-* of its recorded behaviour about shutdown, close and reset.
 */
#include <stdlib.h>

#include "support.h"

static apm_error receive_at_once(apm_socket socket, void *buffer, size_t size, size_t *received)
{
    struct operation receive;

    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, size, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    return finish_receive(socket, &receive, received);
}

static apm_error send_at_once(apm_socket socket, const void *data, size_t size, size_t *sent)
{
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(socket, data, size, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    return finish_send(socket, &send, sent);
}

/* Checks that a receive gives these bytes and no error. */
static void check_receives(apm_socket socket, size_t size, size_t expected)
{
    uint8_t buffer[16];
    size_t received = 99;

    CHECK(size <= sizeof buffer);
    CHECK_SUCCESS(receive_at_once(socket, buffer, size, &received));
    CHECK_EQ(received, expected);
}

static void check_receive_fails(apm_socket socket, size_t size, apm_error expected)
{
    uint8_t buffer[16];
    size_t received = 99;

    CHECK(size <= sizeof buffer);
    CHECK_ERROR(receive_at_once(socket, buffer, size, &received), expected);
    CHECK_EQ(received, 0);
}

/* Waits until the system knows that the peer's end or reset has come, without taking it. */
static void await_end(apm_socket socket)
{
    struct operation peek;
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_begin_receive(socket, &byte, 1, APM_SOCKET_FLAGS_PEEK, ON_CALLBACK(&peek)));
    CHECK_SUCCESS(finish_receive(socket, &peek, NULL));
}

/* -- Shutdown ---------------------------------------------------------------------------------------------------- */

TEST(shutdown_of_both_directions_completes_a_pending_receive_with_0_bytes_io_007)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_ORDERLY_END(pair.peer, 0);
    peered_socket_close(pair);
}

TEST(shutdown_of_sending_leaves_a_pending_receive_pending_io_008)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK(!operation_wait(&receive, 200));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);
    peered_socket_close(pair);
}

TEST(shutdown_is_refused_or_repeated_as_in_net_io_009)
{
    apm_endpoint local;
    apm_socket unconnected = tcp_create();
    apm_socket listener = tcp_listen(&local);
    peered_socket twice = peered_socket_create();
    peered_socket reset = peered_socket_create();
    peered_socket closed = peered_socket_create();

    CHECK_ERROR(apm_socket_shutdown(unconnected, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_NOT_CONNECTED);
    CHECK_SUCCESS(apm_socket_shutdown(listener, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_ERROR(apm_socket_shutdown(twice.socket, (apm_socket_shutdown_how)9), APM_ERROR_INVALID_ARGUMENT);
    CHECK_SUCCESS(apm_socket_shutdown(twice.socket, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_SUCCESS(apm_socket_shutdown(twice.socket, APM_SOCKET_SHUTDOWN_BOTH));
    raw_reset(reset.peer);
    check_receive_fails(reset.socket, 4, APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_shutdown(reset.socket, APM_SOCKET_SHUTDOWN_BOTH));
    raw_close(closed.peer);
    await_end(closed.socket);
    CHECK_SUCCESS(apm_socket_shutdown(closed.socket, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_SUCCESS(apm_socket_close(unconnected));
    CHECK_ERROR(apm_socket_shutdown(unconnected, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(reset.socket));
    CHECK_SUCCESS(apm_socket_close(closed.socket));
    peered_socket_close(twice);
}

/* -- The peer closes or resets ----------------------------------------------------------------------------------- */

TEST(the_end_of_the_stream_is_0_bytes_any_number_of_times_io_011)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    raw_close(pair.peer);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    check_receives(pair.socket, 4, 0);
    CHECK_SUCCESS(apm_socket_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 0);
    CHECK(apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(a_reset_is_reported_once_and_then_is_the_end_of_the_stream_io_012)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    raw_reset(pair.peer);
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_CONNECTION_RESET);
    check_receives(pair.socket, 4, 0);
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_ERROR(send_at_once(pair.socket, "x", 1, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(a_reset_that_came_before_begin_is_reported_once_io_013)
{
    peered_socket pair = peered_socket_create();

    raw_reset(pair.peer);
    check_receive_fails(pair.socket, 4, APM_ERROR_CONNECTION_RESET);
    check_receives(pair.socket, 4, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(bytes_that_came_before_the_reset_are_still_received_io_014)
{
    peered_socket pair = peered_socket_create();

    raw_write(pair.peer, "0123456789", 10);
    await_available(pair.socket, 10);
    raw_reset(pair.peer);
    check_receives(pair.socket, 16, 10);
    check_receive_fails(pair.socket, 16, APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(bytes_that_came_before_the_end_are_received_and_then_0_io_015)
{
    peered_socket pair = peered_socket_create();

    raw_write(pair.peer, "0123456789", 10);
    raw_close(pair.peer);
    await_available(pair.socket, 10);
    check_receives(pair.socket, 4, 4);
    check_receives(pair.socket, 16, 6);
    check_receives(pair.socket, 4, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(the_first_send_to_a_closed_peer_succeeds_and_the_next_is_shutdown_io_016)
{
    peered_socket pair = peered_socket_create();
    uint8_t data[16] = {0};
    size_t sent;

    raw_close(pair.peer);
    await_end(pair.socket);
    CHECK_SUCCESS(send_at_once(pair.socket, data, 16, &sent));
    CHECK_EQ(sent, 16);
    /* The reset that answers it comes at once on the loopback device. */
    CHECK_ERROR(send_at_once(pair.socket, data, 16, NULL), APM_ERROR_SHUTDOWN);
    CHECK_ERROR(send_at_once(pair.socket, data, 16, NULL), APM_ERROR_SHUTDOWN);
    CHECK(!apm_socket_connected(pair.socket));
    check_receives(pair.socket, 4, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(the_first_send_to_a_peer_that_reset_tells_it_and_the_next_is_shutdown_io_017)
{
    peered_socket pair = peered_socket_create();

    raw_reset(pair.peer);
    CHECK_ERROR(send_at_once(pair.socket, "x", 1, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_ERROR(send_at_once(pair.socket, "x", 1, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(a_zero_byte_receive_reports_ends_and_errors_like_any_other_io_039)
{
    peered_socket ended = peered_socket_create();
    peered_socket reset = peered_socket_create();
    apm_socket unconnected = tcp_create();

    raw_close(ended.peer);
    check_receives(ended.socket, 0, 0);
    raw_reset(reset.peer);
    check_receive_fails(reset.socket, 0, APM_ERROR_CONNECTION_RESET);
    check_receive_fails(unconnected, 0, APM_ERROR_NOT_CONNECTED);
    CHECK_SUCCESS(apm_socket_close(ended.socket));
    CHECK_SUCCESS(apm_socket_close(reset.socket));
    CHECK_SUCCESS(apm_socket_close(unconnected));
}

/* -- Sends that wait --------------------------------------------------------------------------------------------- */

TEST(a_pending_send_ends_with_connection_reset_when_the_peer_resets_io_034_io_030)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    raw_reset(pair.peer);
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    free(block);
}

TEST(a_pending_send_ends_with_connection_reset_when_the_peer_closes_with_unread_data_io_035)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    raw_close(pair.peer);
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_CONNECTION_RESET);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    free(block);
}

TEST(a_pending_send_ends_with_shutdown_when_sending_is_shut_down_io_036)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_SHUTDOWN);
    peered_socket_close(pair);
    free(block);
}

TEST(sends_to_a_closed_peer_raise_no_signal_io_043)
{
    peered_socket pair = peered_socket_create();

    /* The signal would end the process. */
    raw_close(pair.peer);
    await_end(pair.socket);
    CHECK_SUCCESS(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL));
    CHECK_ERROR(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

/* -- Synchronous receives ---------------------------------------------------------------------------------------- */

struct sync_receiver {
    apm_socket socket;
    uint8_t buffer[4];
    size_t size;
    size_t received;
    struct latch done;
};

static void receive_synchronously(void *argument)
{
    struct sync_receiver *receiver = argument;

    CHECK_SUCCESS(apm_socket_receive(receiver->socket, receiver->buffer, receiver->size, APM_SOCKET_FLAGS_NONE,
                                     &receiver->received));
    latch_add(&receiver->done, 1);
}

TEST(a_synchronous_receive_gets_the_bytes_behind_those_of_a_pending_one_io_045)
{
    peered_socket pair = peered_socket_create();
    struct sync_receiver receiver = {.socket = pair.socket, .size = 4, .done = LATCH_INITIALIZER};
    struct operation receive;
    struct thread thread;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    thread_start(&thread, receive_synchronously, &receiver);
    CHECK(!latch_wait(&receiver.done, 1, SHORT_WHILE_MS));
    raw_write(pair.peer, "1111", 4);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    CHECK(!latch_wait(&receiver.done, 1, SHORT_WHILE_MS));
    raw_write(pair.peer, "2222", 4);
    thread_join(&thread);
    CHECK_EQ(buffer[0], '1');
    CHECK_EQ(receiver.buffer[0], '2');
    CHECK_EQ(receiver.received, 4);
    peered_socket_close(pair);
}

TEST(a_synchronous_zero_byte_receive_waits_for_data_io_046)
{
    peered_socket pair = peered_socket_create();
    struct sync_receiver receiver = {.socket = pair.socket, .size = 0, .done = LATCH_INITIALIZER};
    struct thread thread;

    thread_start(&thread, receive_synchronously, &receiver);
    CHECK(!latch_wait(&receiver.done, 1, 300));
    raw_write(pair.peer, "x", 1);
    thread_join(&thread);
    CHECK_EQ(receiver.received, 0);
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
