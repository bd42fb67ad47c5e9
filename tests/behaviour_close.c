/*
 * Closing as .NET does: the cases cls-* of its recorded behaviour, with what differs on purpose (DESIGN 1.8): a pending
 * operation neither resets the connection nor loses data, and close does not block for the linger time.
 */
#include <stdlib.h>

#include "support.h"

/* -- Pending operations ------------------------------------------------------------------------------------------ */

TEST(close_aborts_a_pending_receive_and_the_peer_sees_an_orderly_end_cls_001_cls_002)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(close_aborts_a_pending_accept_cls_003)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_ERROR(finish_accept(listener, &accept, &accepted), APM_ERROR_OPERATION_ABORTED);
}

TEST(close_aborts_a_pending_send_and_resets_because_a_part_has_gone_cls_004)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    stream_end end;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_OPERATION_ABORTED);
    end = raw_read_to_end(pair.peer);
    CHECK(end.reset);
    CHECK(end.bytes < BIG_BLOCK_SIZE);
    raw_close(pair.peer);
    free(block);
}

TEST(callbacks_of_aborted_operations_run_on_pool_threads_cls_008_cls_020)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation receives[5];
    struct operation sends[2];
    uint8_t buffer[5];

    /* The callback of an operation checks the thread. */
    for (size_t i = 0; i < 5; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receives[i])));
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&sends[i])));
    }
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    for (size_t i = 0; i < 5; i++) {
        CHECK_ERROR(finish_receive(pair.socket, &receives[i], NULL), APM_ERROR_OPERATION_ABORTED);
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK_ERROR(finish_send(pair.socket, &sends[i], NULL), APM_ERROR_OPERATION_ABORTED);
    }
    raw_close(pair.peer);
    free(block);
}

/* -- Synchronous calls ------------------------------------------------------------------------------------------- */

struct blocked_receive {
    apm_socket socket;
    apm_error error;
    struct latch done;
};

static void block_in_receive(void *argument)
{
    struct blocked_receive *blocked = argument;
    uint8_t buffer[4];

    blocked->error = apm_socket_receive(blocked->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL);
    latch_add(&blocked->done, 1);
}

TEST(close_releases_a_synchronous_receive_also_on_a_socket_used_asynchronously_before_cls_009_cls_013)
{
    for (int used_before = 0; used_before < 2; used_before++) {
        peered_socket pair = peered_socket_create();
        struct blocked_receive blocked = {.socket = pair.socket, .done = LATCH_INITIALIZER};
        struct thread thread;

        if (used_before) {
            struct operation receive;
            uint8_t byte;

            raw_write(pair.peer, "x", 1);
            CHECK_SUCCESS(
                apm_socket_begin_receive(pair.socket, &byte, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
            CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
        }
        thread_start(&thread, block_in_receive, &blocked);
        CHECK(!latch_wait(&blocked.done, 1, SHORT_WHILE_MS));
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        CHECK(latch_wait(&blocked.done, 1, 1000));
        thread_join(&thread);
        CHECK_ERROR(blocked.error, APM_ERROR_CONNECTION_ABORTED);
        CHECK_ORDERLY_END(pair.peer, 0);
        raw_close(pair.peer);
    }
}

/* -- What the peer sees ------------------------------------------------------------------------------------------ */

static void linger_for_no_time(apm_socket socket)
{
    apm_linger_option linger = {.enabled = true, .linger_time = 0};

    CHECK_SUCCESS(apm_socket_set_linger_state(socket, linger));
}

TEST(close_with_nothing_pending_is_an_orderly_end_cls_015)
{
    peered_socket pair = peered_socket_create();

    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);

    pair = peered_socket_create();
    send_all(pair.socket, "7 bytes", 7);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 7);
    raw_close(pair.peer);

    pair = peered_socket_create();
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(close_resets_where_it_was_asked_for_or_data_is_unread_cls_015)
{
    peered_socket pair = peered_socket_create();
    stream_end end;

    raw_write(pair.peer, "unread", 6);
    await_available(pair.socket, 6);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);

    pair = peered_socket_create();
    linger_for_no_time(pair.socket);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);

    pair = peered_socket_create();
    send_all(pair.socket, "7 bytes", 7);
    CHECK(raw_readable(pair.peer, PATIENCE_MS));
    linger_for_no_time(pair.socket);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    end = raw_read_to_end(pair.peer);
    CHECK(end.reset);
    CHECK_EQ(end.bytes, 7);
    raw_close(pair.peer);
}

TEST(close_with_operations_pending_does_not_reset_cls_015)
{
    for (int shutdown_first = 0; shutdown_first < 2; shutdown_first++) {
        peered_socket pair = peered_socket_create();
        struct operation receive;
        uint8_t buffer[4];

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        send_all(pair.socket, "7 bytes", 7);
        if (shutdown_first) {
            CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
        }
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        CHECK_ERROR(finish_receive(pair.socket, &receive, NULL),
                    shutdown_first ? APM_ERROR_SUCCESS : APM_ERROR_OPERATION_ABORTED);
        CHECK_ORDERLY_END(pair.peer, 7);
        raw_close(pair.peer);
    }
}

TEST(close_delivers_what_send_accepted_whatever_is_pending_cls_025)
{
    enum { SIZE = 300000 };
    static uint8_t data[SIZE];

    for (int receive_pending = 0; receive_pending < 2; receive_pending++) {
        peered_socket pair = peered_socket_create();
        struct operation receive;
        uint8_t buffer[4];

        if (receive_pending) {
            CHECK_SUCCESS(
                apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        }
        send_all(pair.socket, data, SIZE);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        CHECK_ORDERLY_END(pair.peer, SIZE);
        if (receive_pending) {
            CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
        }
        raw_close(pair.peer);
    }
}

TEST(close_with_linger_time_0_loses_what_the_peer_has_not_got_cls_025)
{
    enum { SIZE = 300000 };
    peered_socket pair = peered_socket_create();
    static uint8_t data[SIZE];

    send_all(pair.socket, data, SIZE);
    linger_for_no_time(pair.socket);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
}

TEST(close_does_not_block_for_the_linger_time_cls_017)
{
    peered_socket pair = peered_socket_create();
    apm_linger_option linger = {.enabled = true, .linger_time = 2};
    static uint8_t data[300000];
    int64_t start;

    /* .NET blocks for those two seconds. */
    CHECK_SUCCESS(apm_socket_set_linger_state(pair.socket, linger));
    send_all(pair.socket, data, sizeof data);
    start = harness_now_ms();
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(harness_now_ms() - start < 1000);
    raw_close(pair.peer);
}

/* -- Again and again --------------------------------------------------------------------------------------------- */

TEST(closing_again_succeeds_cls_018)
{
    apm_socket socket = tcp_create();

    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
}

struct closer {
    uint8_t buffer[4];
    size_t received;
    struct latch entered;
    struct latch released;
    struct latch done;
};

static void close_then_end(apm_async_result result)
{
    struct closer *closer = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);

    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_end_receive(socket, result, &closer->received));
    latch_add(&closer->done, 1);
}

TEST(close_in_a_receive_callback_keeps_its_bytes_and_aborts_the_next_cls_019)
{
    peered_socket pair = peered_socket_create();
    struct closer closer = {.done = LATCH_INITIALIZER};
    struct operation second;
    uint8_t buffer[4];

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, closer.buffer, 4, APM_SOCKET_FLAGS_NONE, close_then_end, &closer, NULL));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&second)));
    raw_write(pair.peer, "abcd", 4);
    LATCH_AWAIT(&closer.done, 1);
    CHECK_EQ(closer.received, 4);
    CHECK_ERROR(finish_receive(pair.socket, &second, NULL), APM_ERROR_OPERATION_ABORTED);
    raw_close(pair.peer);
}

TEST(data_and_close_at_the_same_time_end_as_one_of_them_cls_021)
{
    for (size_t i = 0; i < 300; i++) {
        peered_socket pair = peered_socket_create();
        struct operation receive;
        uint8_t buffer[4];
        size_t received = 99;
        apm_error error;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(pair.peer, "abcd", 4);
        CHECK_SUCCESS(apm_socket_close(pair.socket));
        error = finish_receive(pair.socket, &receive, &received);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED);
        CHECK_EQ(received, error == APM_ERROR_SUCCESS ? 4 : 0);
        raw_close(pair.peer);
    }
}

TEST(a_closed_sockets_receive_does_not_steal_data_of_a_new_socket_cls_023)
{
    for (size_t i = 0; i < 200; i++) {
        peered_socket old = peered_socket_create();
        peered_socket young;
        struct operation receive;
        uint8_t stolen = 0;
        uint8_t byte;

        CHECK_SUCCESS(apm_socket_begin_receive(old.socket, &stolen, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        CHECK_SUCCESS(apm_socket_close(old.socket));
        /* The new socket is likely to have the descriptor of the old one. */
        young = peered_socket_create();
        raw_write(young.peer, "x", 1);
        receive_exactly(young.socket, &byte, 1);
        CHECK_ERROR(finish_receive(old.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
        CHECK_EQ(stolen, 0);
        CHECK_EQ(byte, 'x');
        peered_socket_close(young);
        raw_close(old.peer);
    }
}

static void stay_then_end(apm_async_result result)
{
    struct closer *closer = apm_async_result_async_state(result);

    latch_add(&closer->entered, 1);
    LATCH_AWAIT(&closer->released, 1);
    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, &closer->received));
    latch_add(&closer->done, 1);
}

TEST(close_does_not_wait_for_a_running_callback_whose_end_still_gives_the_bytes_cls_026)
{
    peered_socket pair = peered_socket_create();
    struct closer closer = {.entered = LATCH_INITIALIZER, .released = LATCH_INITIALIZER, .done = LATCH_INITIALIZER};

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, closer.buffer, 4, APM_SOCKET_FLAGS_NONE, stay_then_end, &closer, NULL));
    raw_write(pair.peer, "abc", 3);
    LATCH_AWAIT(&closer.entered, 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_EQ(latch_count(&closer.done), 0);
    latch_add(&closer.released, 1);
    LATCH_AWAIT(&closer.done, 1);
    CHECK_EQ(closer.received, 3);
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
