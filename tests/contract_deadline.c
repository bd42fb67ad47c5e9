/*
 * Deadlines of single operations: cancel_after.
 */
#include <stdlib.h>

#include "support.h"

CONTRACT_TEST(a_deadline_completes_a_pending_receive_with_timed_out)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;
    int64_t start = harness_now_ms();

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 100));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_TIMED_OUT);
    CHECK_EQ(received, 0);
    CHECK(harness_now_ms() - start >= 99);
    CHECK(harness_now_ms() - start < 2000);

    /* The socket is as good as before. */
    raw_write(pair.peer, "x", 1);
    receive_exactly(pair.socket, buffer, 1);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_deadline_of_0_is_now)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 0));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_TIMED_OUT);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_later_deadline_replaces_an_earlier_one)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    int64_t start = harness_now_ms();

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 50));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 400));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_TIMED_OUT);
    CHECK(harness_now_ms() - start >= 390);
    peered_socket_close(pair);
}

CONTRACT_TEST(an_earlier_deadline_replaces_a_later_one)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 10 * PATIENCE_MS));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 20));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_TIMED_OUT);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_deadline_of_minus_1_disarms)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 100));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, -1));
    CHECK(!operation_wait(&receive, 300));
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 1);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_completion_before_the_deadline_stands_and_the_deadline_harms_nobody_later)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct operation next;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 150));
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 1);
    CHECK_ERROR(apm_async_result_cancel_after(receive.result, 150), APM_ERROR_INVALID_OPERATION);

    /* The next operation is likely to have the same slot; the old deadline passes over it. */
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&next)));
    CHECK(!operation_wait(&next, 400));
    CHECK_SUCCESS(apm_async_result_cancel(next.result));
    CHECK_ERROR(finish_receive(pair.socket, &next, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(pair);
}

CONTRACT_TEST(cancel_before_the_deadline_is_operation_aborted)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel_after(receive.result, 10 * PATIENCE_MS));
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_deadline_cuts_a_send_short_and_reports_its_bytes)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    size_t sent = 0;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_async_result_cancel_after(send.result, 100));
    CHECK_ERROR(finish_send(pair.socket, &send, &sent), APM_ERROR_TIMED_OUT);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);
    CHECK_ERROR(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
    free(block);
}

CONTRACT_TEST(a_deadline_completes_a_pending_accept_and_a_connect_with_timed_out)
{
    apm_endpoint local;
    apm_endpoint silent;
    apm_socket listener;
    apm_socket socket;
    apm_socket accepted;
    struct operation accept;
    struct operation connect;

    enter_private_network();
    CHECK_SUCCESS(apm_endpoint_parse("203.0.113.5:80", &silent));
    listener = tcp_listen(&local);
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_connect(socket, silent, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(apm_async_result_cancel_after(accept.result, 50));
    CHECK_SUCCESS(apm_async_result_cancel_after(connect.result, 50));
    CHECK_ERROR(finish_accept(listener, &accept, &accepted), APM_ERROR_TIMED_OUT);
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_TIMED_OUT);
    CHECK_SUCCESS(apm_socket_close(listener));
    CHECK_SUCCESS(apm_socket_close(socket));
}

CONTRACT_TEST(many_deadlines_come_in_their_order_of_time)
{
    enum { COUNT = 1000 };
    peered_socket pair = peered_socket_create();
    struct operation *receives = calloc(COUNT, sizeof *receives);
    uint8_t buffer[COUNT];
    uint64_t random = harness_seed();

    /* The operations with the first half of the deadlines end; the others have seconds left. */
    CHECK(receives != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        int timeout_ms = (int)(harness_random(&random) % 100) + (i % 2 == 0 ? 0 : 10 * PATIENCE_MS);

        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receives[i])));
        CHECK_SUCCESS(apm_async_result_cancel_after(receives[i].result, timeout_ms));
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        CHECK_ERROR(finish_receive(pair.socket, &receives[i], NULL), APM_ERROR_TIMED_OUT);
    }
    for (size_t i = 1; i < COUNT; i += 2) {
        CHECK(!apm_async_result_is_completed(receives[i].result));
        CHECK_SUCCESS(apm_async_result_cancel(receives[i].result));
        CHECK_ERROR(finish_receive(pair.socket, &receives[i], NULL), APM_ERROR_OPERATION_ABORTED);
    }
    peered_socket_close(pair);
    free(receives);
}

TEST(a_deadline_below_minus_1_is_out_of_range)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_ERROR(apm_async_result_cancel_after(receive.result, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(!apm_async_result_is_completed(receive.result));
    peered_socket_close(pair);
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
}

LIBRARY_TEST_MAIN()
