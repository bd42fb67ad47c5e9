/*
 * Streams: ends and resets, half close, zero bytes, peeking, sends that wait for a slow reader, signals.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

/* -- How a stream ends ------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_reset_by_the_peer_completes_a_pending_receive_with_connection_reset)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    raw_reset(pair.peer);
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_CONNECTION_RESET);
    CHECK_EQ(received, 0);
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

CONTRACT_TEST(a_reset_by_the_peer_completes_a_pending_send_with_connection_reset)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    size_t sent = 0;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    raw_reset(pair.peer);
    CHECK_ERROR(finish_send(pair.socket, &send, &sent), APM_ERROR_CONNECTION_RESET);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    free(block);
}

CONTRACT_TEST(a_reset_completes_all_pending_receives)
{
    peered_socket pair = peered_socket_create();
    struct operation receives[5];
    uint8_t buffer[5];
    size_t resets = 0;

    for (size_t i = 0; i < 5; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receives[i])));
    }
    raw_reset(pair.peer);
    for (size_t i = 0; i < 5; i++) {
        size_t received = 99;
        apm_error error = finish_receive(pair.socket, &receives[i], &received);

        /* The system tells of a reset once; whoever comes later sees the end of the stream. */
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_CONNECTION_RESET);
        CHECK_EQ(received, 0);
        resets += error == APM_ERROR_CONNECTION_RESET;
    }
    CHECK(resets >= 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

CONTRACT_TEST(an_orderly_end_completes_pending_receives_with_0_bytes)
{
    peered_socket pair = peered_socket_create();
    struct operation receives[3];
    uint8_t buffer[3];
    size_t received;

    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receives[i])));
    }
    raw_write(pair.peer, "x", 1);
    raw_close(pair.peer);
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[0], &received));
    CHECK_EQ(received, 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[1], &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[2], &received));
    CHECK_EQ(received, 0);
    CHECK(apm_socket_connected(pair.socket));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

CONTRACT_TEST(after_half_close_the_other_direction_goes_on)
{
    socket_pair pair = socket_pair_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    send_all(pair.client, "last", 4);
    CHECK_SUCCESS(apm_socket_shutdown(pair.client, APM_SOCKET_SHUTDOWN_SEND));
    receive_exactly(pair.server, buffer, 4);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.server, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(pair.server, &receive, &received));
    CHECK_EQ(received, 0);

    CHECK_SUCCESS(apm_socket_begin_receive(pair.client, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    send_all(pair.server, "answ", 4);
    CHECK_SUCCESS(finish_receive(pair.client, &receive, &received));
    CHECK_EQ(received, 4);
    socket_pair_close(pair);
}

CONTRACT_TEST(shutdown_of_the_receiving_direction_completes_pending_receives_with_0_bytes)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_RECEIVE));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(shutdown_of_the_sending_direction_completes_a_pending_send_with_shutdown)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    struct operation behind;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&behind)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_SHUTDOWN);
    CHECK_ERROR(finish_send(pair.socket, &behind, NULL), APM_ERROR_SHUTDOWN);
    peered_socket_close(pair);
    free(block);
}

/* -- Zero bytes and flags ---------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_receive_of_0_bytes_completes_when_there_is_data_and_leaves_it_there)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 0, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "abcd", 4);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    await_available(pair.socket, 4);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 0, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    receive_exactly(pair.socket, buffer, 4);
    peered_socket_close(pair);
}

CONTRACT_TEST(peek_leaves_the_bytes_for_the_next_receive)
{
    peered_socket pair = peered_socket_create();
    struct operation peek;
    struct operation receive;
    uint8_t peeked[4] = {0};
    uint8_t buffer[4] = {0};
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, peeked, 4, APM_SOCKET_FLAGS_PEEK, ON_COMPLETION(&peek)));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &peek, &received));
    CHECK_EQ(received, 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);
    CHECK_EQ(memcmp(peeked, "ab", 2), 0);
    CHECK_EQ(memcmp(buffer, "ab", 2), 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(out_of_band_data_beside_a_pending_receive_neither_completes_nor_stalls_it)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[8];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 8, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_EQ(send(pair.peer, "!", 1, MSG_OOB), 1);
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);
    CHECK_EQ(memcmp(buffer, "ab", 2), 0);

    /* A receive that stopped at the urgent mark has not drained the socket: the rest must still be noticed. */
    raw_write(pair.peer, "cd", 2);
    CHECK_EQ(send(pair.peer, "!", 1, MSG_OOB), 1);
    raw_write(pair.peer, "ef", 2);
    receive_exactly(pair.socket, buffer, 4);
    CHECK_EQ(memcmp(buffer, "cdef", 4), 0);
    peered_socket_close(pair);
}

/* -- Slow readers ------------------------------------------------------------------------------------------------ */

CONTRACT_TEST(an_8_MiB_send_to_a_slow_reader_completes_once_all_of_it_is_accepted)
{
    enum { SIZE = 8 << 20, STEP = 64 << 10 };
    peered_socket pair = peered_socket_create();
    uint8_t *data = malloc(SIZE);
    uint8_t *copy = malloc(SIZE);
    struct operation send;
    size_t sent;
    bool was_pending = false;

    CHECK(data != NULL && copy != NULL);
    pattern_fill(data, SIZE, 0);

    /* Small buffers, so that it has to wait for the reader many times. */
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.socket, 65536));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, data, SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    for (size_t offset = 0; offset < SIZE; offset += STEP) {
        if (!apm_async_result_is_completed(send.result)) {
            was_pending = true;
        }
        raw_read_exactly(pair.peer, copy + offset, STEP);
    }
    CHECK(was_pending);
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, SIZE);
    pattern_check(copy, SIZE, 0);
    peered_socket_close(pair);
    free(data);
    free(copy);
}

/* -- Signals ----------------------------------------------------------------------------------------------------- */

static _Atomic int broken_pipes;

static void on_broken_pipe(int signal)
{
    (void)signal;
    atomic_fetch_add(&broken_pipes, 1);
}

CONTRACT_TEST(sends_to_a_peer_that_has_gone_never_raise_sigpipe)
{
    peered_socket pair = peered_socket_create();
    struct operation send;
    struct sigaction counted = {.sa_handler = on_broken_pipe};
    apm_error error = APM_ERROR_SUCCESS;

    CHECK_EQ(sigaction(SIGPIPE, &counted, NULL), 0);
    raw_reset(pair.peer);
    for (size_t i = 0; i < 10; i++) {
        CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "abc", 3, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
        error = finish_send(pair.socket, &send, NULL);
    }
    CHECK_ERROR(error, APM_ERROR_SHUTDOWN);
    CHECK_ERROR(apm_socket_send(pair.socket, "abc", 3, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_EQ(atomic_load(&broken_pipes), 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

LIBRARY_TEST_MAIN()
