/*
 * Close: what becomes of pending operations, of the handle, of the data, and what the peer sees.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

/* -- Pending operations ------------------------------------------------------------------------------------------ */

CONTRACT_TEST(an_end_that_comes_in_one_packet_with_the_last_bytes_is_received_behind_them)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t bytes[16];
    size_t received;

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_EQ(send(pair.peer, "end", 3, MSG_MORE), 3);
    CHECK_EQ(shutdown(pair.peer, SHUT_WR), 0);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 3);
    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, bytes, sizeof bytes, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(close_during_accept_completes_it_with_operation_aborted)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted = {1};
    struct operation accept;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_PENDING(&accept);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(finish_accept(listener, &accept, &accepted), APM_ERROR_OPERATION_ABORTED);
    CHECK(apm_socket_is_null(accepted));
}

CONTRACT_TEST(close_during_connect_completes_it_with_operation_aborted)
{
    apm_socket socket;
    apm_endpoint silent;
    struct operation connect;

    enter_private_network();
    CHECK_SUCCESS(apm_endpoint_parse("203.0.113.5:80", &silent));
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, silent, ON_COMPLETION(&connect)));
    CHECK_PENDING(&connect);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_OPERATION_ABORTED);
}

CONTRACT_TEST(close_during_receive_completes_it_with_operation_aborted)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(received, 0);

    /* A pending receive is no reason to reset the connection. */
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

CONTRACT_TEST(close_during_send_completes_it_with_operation_aborted_and_the_bytes_that_went)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    stream_end end;
    size_t sent = 0;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_send(pair.socket, &send, &sent), APM_ERROR_OPERATION_ABORTED);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);

    /* The reset is what tells the peer that a part is not the whole. */
    end = raw_read_to_end(pair.peer);
    CHECK(end.reset);
    CHECK(end.bytes <= sent);
    raw_close(pair.peer);
    free(block);
}

CONTRACT_TEST(close_completes_a_disconnect_that_waits_behind_a_send)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    struct operation disconnect;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_disconnect(pair.socket, false, ON_COMPLETION(&disconnect)));
    CHECK_PENDING(&disconnect);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_disconnect(pair.socket, &disconnect), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(pair.peer);
    free(block);
}

CONTRACT_TEST(close_completes_every_one_of_many_pending_operations)
{
    enum { COUNT = 200 };
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation *operations = calloc((size_t)COUNT * 2, sizeof *operations);
    uint8_t buffer[COUNT];

    CHECK(operations != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&operations[i])));
        CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE,
                                            ON_COMPLETION(&operations[COUNT + i])));
    }
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_ERROR(finish_receive(pair.socket, &operations[i], NULL), APM_ERROR_OPERATION_ABORTED);
        CHECK_ERROR(finish_send(pair.socket, &operations[COUNT + i], NULL), APM_ERROR_OPERATION_ABORTED);
    }
    raw_close(pair.peer);
    free(operations);
    free(block);
}

CONTRACT_TEST(an_operation_that_completed_before_close_keeps_its_outcome)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct operation send;
    uint8_t buffer[4];
    size_t count;

    raw_write(pair.peer, "abc", 3);
    await_available(pair.socket, 3);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "xy", 2, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    AWAIT(&receive);
    AWAIT(&send);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_socket_end_send(pair.socket, send.result, &count));
    CHECK_EQ(count, 2);
    CHECK_ORDERLY_END(pair.peer, 2);
    raw_close(pair.peer);
}

/* -- In the socket's own callback -------------------------------------------------------------------------------- */

struct closing {
    uint8_t buffer[4];
    size_t received;
    struct latch done;
};

static void close_own_socket(apm_async_result result)
{
    struct closing *closing = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);

    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_EQ(apm_async_result_socket(result).bits, socket.bits);
    CHECK_SUCCESS(apm_socket_end_receive(socket, result, &closing->received));
    latch_add(&closing->done, 1);
}

CONTRACT_TEST(close_inside_its_own_callback_completes_the_others_and_end_still_gives_the_bytes)
{
    peered_socket pair = peered_socket_create();
    struct closing closing = {.done = LATCH_INITIALIZER};
    struct operation behind;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, closing.buffer, 4, APM_SOCKET_FLAGS_NONE, close_own_socket,
                                           &closing, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&behind)));
    raw_write(pair.peer, "abcd", 4);
    LATCH_AWAIT(&closing.done, 1);
    CHECK_EQ(closing.received, 4);
    CHECK_ERROR(finish_receive(pair.socket, &behind, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

/* -- The handle -------------------------------------------------------------------------------------------------- */

TEST(close_makes_the_handle_stale_for_every_call_and_closing_again_succeeds)
{
    peered_socket pair = peered_socket_create();
    apm_socket socket = pair.socket;
    apm_socket none = APM_NULL_HANDLE;
    apm_socket invented = {UINT64_C(0x7fedcba987654321)};
    apm_endpoint endpoint;
    apm_async_result result;
    uint8_t buffer[4];
    size_t count;
    int size;
    bool flag;

    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close_and_wait(socket, PATIENCE_MS));
    CHECK_ERROR(apm_socket_close(none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_close(invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_bind(socket, loopback_endpoint(0)), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_listen(socket, 1), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_shutdown(socket, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_local_endpoint(socket, &endpoint), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_remote_endpoint(socket, &endpoint), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_available(socket, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_no_delay(socket, &flag), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_set_receive_buffer_size(socket, 4096), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_receive_timeout(socket, &size), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_send(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_accept(socket, &none), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_connect(socket, loopback_endpoint(1)), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_disconnect(socket, true), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_accept(socket, NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_connect(socket, loopback_endpoint(1), NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_connect_host(socket, "localhost", 1, NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_disconnect(socket, false, NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!apm_socket_connected(socket));
    CHECK(!apm_socket_is_bound(socket));
    raw_close(pair.peer);
}

TEST(a_stale_socket_handle_never_reaches_the_socket_that_took_its_place)
{
    apm_socket stale = tcp_create();

    CHECK_SUCCESS(apm_socket_close(stale));
    for (size_t i = 0; i < 3000; i++) {
        apm_socket next = tcp_create();

        CHECK(next.bits != stale.bits);
        CHECK_ERROR(apm_socket_set_no_delay(stale, true), APM_ERROR_OBJECT_DISPOSED);
        CHECK_SUCCESS(apm_socket_close(stale));
        CHECK_SUCCESS(apm_socket_set_no_delay(next, true));
        CHECK_SUCCESS(apm_socket_close(next));
    }
}

struct beginner {
    apm_socket socket;
    _Atomic size_t begun;
    struct latch completed;
};

static void end_whatever_came(apm_async_result result)
{
    struct beginner *beginner = apm_async_result_async_state(result);
    apm_error error = apm_socket_end_receive(beginner->socket, result, NULL);

    CHECK(error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_SUCCESS);
    latch_add(&beginner->completed, 1);
}

static void begin_until_closed(void *argument)
{
    struct beginner *beginner = argument;
    static uint8_t buffer[1];
    apm_error error = APM_ERROR_SUCCESS;

    while (error == APM_ERROR_SUCCESS) {
        error = apm_socket_begin_receive(beginner->socket, buffer, 1, APM_SOCKET_FLAGS_NONE, end_whatever_came,
                                         beginner, NULL);
        atomic_fetch_add(&beginner->begun, error == APM_ERROR_SUCCESS ? 1 : 0);
        if (atomic_load(&beginner->begun) % 1000 == 0) {
            sched_yield(); /* the thread that closes may wait for a processor */
        }
        if (atomic_load(&beginner->begun) > 20000) {
            CHECK_SUCCESS(apm_socket_close(beginner->socket));
        }
    }
    CHECK_ERROR(error, APM_ERROR_OBJECT_DISPOSED);
}

TEST(close_while_another_thread_begins_completes_all_that_was_begun)
{
    for (size_t round = 0; round < harness_scaled(200); round++) {
        peered_socket pair = peered_socket_create();
        struct beginner beginner = {.socket = pair.socket, .completed = LATCH_INITIALIZER};
        struct thread thread;

        thread_start(&thread, begin_until_closed, &beginner);
        while (atomic_load(&beginner.begun) < round % 7) {
            continue;
        }
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        thread_join(&thread);
        LATCH_AWAIT(&beginner.completed, atomic_load(&beginner.begun));
        CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
        CHECK_EQ(latch_count(&beginner.completed), atomic_load(&beginner.begun));
        raw_close(pair.peer);
    }
}

/* -- What the peer sees ------------------------------------------------------------------------------------------ */

TEST(close_delivers_what_sends_have_accepted_also_with_a_receive_pending)
{
    enum { SIZE = 300000 };
    peered_socket pair = peered_socket_create();
    static uint8_t data[SIZE];
    static uint8_t copy[SIZE];
    struct operation receive;
    uint8_t buffer[4];

    pattern_fill(data, SIZE, 0);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    send_all(pair.socket, data, SIZE);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_read_exactly(pair.peer, copy, SIZE);
    pattern_check(copy, SIZE, 0);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(close_with_linger_time_0_resets_the_connection)
{
    peered_socket pair = peered_socket_create();
    apm_linger_option at_once = {.enabled = true, .linger_time = 0};

    CHECK_SUCCESS(apm_socket_set_linger_state(pair.socket, at_once));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
}

TEST(close_with_unread_data_resets_the_connection)
{
    peered_socket pair = peered_socket_create();

    raw_write(pair.peer, "unread", 6);
    await_available(pair.socket, 6);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
}

TEST(close_does_not_block_for_the_linger_time)
{
    peered_socket pair = peered_socket_create();
    apm_linger_option long_time = {.enabled = true, .linger_time = 30};
    static uint8_t data[300000];
    int64_t start;

    CHECK_SUCCESS(apm_socket_set_linger_state(pair.socket, long_time));
    send_all(pair.socket, data, sizeof data);
    start = harness_now_ms();
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(harness_now_ms() - start < 1000);
    CHECK_ORDERLY_END(pair.peer, sizeof data);
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
