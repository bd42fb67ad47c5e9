/*
 * Cancelling one operation: it ends soon, the others go on, and a completion that came first stands.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

CONTRACT_TEST(cancel_completes_a_pending_receive_with_operation_aborted_and_the_socket_stays_usable)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(received, 0);
    CHECK(apm_socket_connected(pair.socket));
    raw_write(pair.peer, "abc", 3);
    receive_exactly(pair.socket, buffer, 3);
    CHECK_EQ(memcmp(buffer, "abc", 3), 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(cancel_completes_a_pending_accept_and_connections_go_to_the_next)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket accepted;
    struct operation first;
    struct operation second;
    int peer;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&first)));
    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&second)));
    CHECK_SUCCESS(apm_async_result_cancel(first.result));
    CHECK_ERROR(finish_accept(listener, &first, &accepted), APM_ERROR_OPERATION_ABORTED);
    CHECK(apm_socket_is_null(accepted));
    CHECK_PENDING(&second);
    peer = raw_connect(local);
    CHECK_SUCCESS(finish_accept(listener, &second, &accepted));
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(cancel_completes_a_pending_connect_and_the_socket_may_connect_again)
{
    apm_endpoint silent;
    apm_endpoint local;
    apm_socket listener;
    apm_socket socket;
    struct operation connect;

    enter_private_network();
    listener = tcp_listen(&local);
    CHECK_SUCCESS(apm_endpoint_parse("203.0.113.5:80", &silent));
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_begin_connect(socket, silent, ON_COMPLETION(&connect)));
    CHECK_PENDING(&connect);
    CHECK_SUCCESS(apm_async_result_cancel(connect.result));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_OPERATION_ABORTED);
    CHECK(!apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(socket, &connect));
    CHECK(apm_socket_connected(socket));
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(cancel_of_one_of_several_receives_leaves_the_bytes_to_the_others_in_order)
{
    enum { COUNT = 5 };
    peered_socket pair = peered_socket_create();
    struct operation receives[COUNT];
    uint8_t buffer[COUNT] = {0};

    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive(pair.socket, &buffer[i], 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receives[i])));
    }
    CHECK_SUCCESS(apm_async_result_cancel(receives[0].result));
    CHECK_SUCCESS(apm_async_result_cancel(receives[3].result));
    CHECK_ERROR(finish_receive(pair.socket, &receives[0], NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_receive(pair.socket, &receives[3], NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK(!apm_async_result_is_completed(receives[1].result));
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[1], NULL));
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[2], NULL));
    CHECK_SUCCESS(finish_receive(pair.socket, &receives[4], NULL));
    CHECK_EQ(buffer[1], 'a');
    CHECK_EQ(buffer[2], 'b');
    CHECK_EQ(buffer[4], 'c');
    CHECK_EQ(buffer[0], 0);
    CHECK_EQ(buffer[3], 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(cancel_after_completion_changes_nothing)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    raw_write(pair.peer, "abcd", 4);
    AWAIT(&receive);
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
    CHECK_EQ(received, 4);
    CHECK_ERROR(apm_async_result_cancel(receive.result), APM_ERROR_INVALID_OPERATION);
    peered_socket_close(pair);
}

CONTRACT_TEST(cancel_twice_is_one_cancel)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_SUCCESS(apm_async_result_cancel(receive.result));
    CHECK_ERROR(finish_receive(pair.socket, &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(pair);
}

/* -- Sends cut short --------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_send_cut_short_reports_its_bytes_later_sends_fail_and_close_resets)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    struct operation behind;
    struct operation later;
    stream_end end;
    size_t sent = 0;
    size_t none = 99;

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "behind", 6, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&behind)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_async_result_cancel(send.result));
    CHECK_ERROR(finish_send(pair.socket, &send, &sent), APM_ERROR_OPERATION_ABORTED);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);

    /* What was begun before and what is begun now: neither may follow a part of a message. */
    CHECK_ERROR(finish_send(pair.socket, &behind, &none), APM_ERROR_SHUTDOWN);
    CHECK_EQ(none, 0);
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "later", 5, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&later)));
    CHECK_ERROR(finish_send(pair.socket, &later, &none), APM_ERROR_SHUTDOWN);
    CHECK_ERROR(apm_socket_send(pair.socket, "later", 5, APM_SOCKET_FLAGS_NONE, &none), APM_ERROR_SHUTDOWN);

    /* The other direction still works. */
    raw_write(pair.peer, "x", 1);
    receive_exactly(pair.socket, block, 1);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    end = raw_read_to_end(pair.peer);
    CHECK(end.reset);
    CHECK(end.bytes <= sent);
    raw_close(pair.peer);
    free(block);
}

CONTRACT_TEST(cancel_of_a_send_that_has_not_begun_to_send_harms_nothing)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation first;
    struct operation cancelled;
    struct operation last;
    size_t sent = 99;
    uint8_t copy[4];

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&first)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "lost", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&cancelled)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "last", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&last)));
    CHECK_SUCCESS(apm_async_result_cancel(cancelled.result));
    CHECK_ERROR(finish_send(pair.socket, &cancelled, &sent), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(sent, 0);

    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    raw_read_exactly(pair.peer, copy, 4);
    CHECK_EQ(memcmp(copy, "last", 4), 0);
    CHECK_SUCCESS(finish_send(pair.socket, &first, &sent));
    CHECK_EQ(sent, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &last, &sent));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
    free(block);
}

/* -- In callbacks ------------------------------------------------------------------------------------------------ */

struct canceller {
    apm_async_result victim;
    uint8_t buffer[1];
    apm_error error;
    struct latch done;
};

static void cancel_another(apm_async_result result)
{
    struct canceller *canceller = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    canceller->error = apm_async_result_cancel(canceller->victim);
    latch_add(&canceller->done, 1);
}

CONTRACT_TEST(cancel_in_a_callback_of_the_same_socket_works)
{
    peered_socket pair = peered_socket_create();
    struct canceller canceller = {.done = LATCH_INITIALIZER};
    struct operation victim;
    uint8_t *block = big_block_create();

    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&victim)));
    canceller.victim = victim.result;
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, canceller.buffer, 1, APM_SOCKET_FLAGS_NONE, cancel_another,
                                           &canceller, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&canceller.done, 1);
    CHECK_SUCCESS(canceller.error);
    CHECK_ERROR(finish_send(pair.socket, &victim, NULL), APM_ERROR_OPERATION_ABORTED);
    peered_socket_close(pair);
    free(block);
}

LIBRARY_TEST_MAIN()
