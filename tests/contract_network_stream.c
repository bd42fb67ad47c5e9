/*
 * Network streams: operations in every flavour, cancel, deadline, close, and what the socket goes on doing.
 */
#include <stdlib.h>

#include "support_stream.h"

CONTRACT_TEST(a_write_completes_when_all_of_it_is_accepted_and_a_read_with_what_there_is)
{
    struct peered_stream pair = peered_stream_create();
    uint8_t *block = big_block_create();
    struct operation write;
    struct operation read;
    uint8_t buffer[8];
    size_t count;

    CHECK_SUCCESS(apm_stream_begin_write(pair.stream, block, BIG_BLOCK_SIZE, ON_COMPLETION(&write)));
    CHECK_EQ(apm_async_result_stream(write.result).bits, pair.stream.bits);
    CHECK_PENDING(&write);
    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_write(pair.stream, &write));
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 8, ON_COMPLETION(&read)));
    CHECK_PENDING(&read);
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(finish_read(pair.stream, &read, &count));
    CHECK(count >= 1 && count <= 3);
    peered_stream_close(pair);
    free(block);
}

CONTRACT_TEST(a_read_of_a_network_stream_can_be_cancelled_and_have_a_deadline)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_async_result_cancel(read.result));
    CHECK_ERROR(finish_read(pair.stream, &read, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_async_result_cancel_after(read.result, 10));
    CHECK_ERROR(finish_read(pair.stream, &read, NULL), APM_ERROR_TIMED_OUT);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_stream_read(pair.stream, buffer, 4, NULL));
    peered_stream_close(pair);
}

CONTRACT_TEST(closing_a_stream_that_does_not_own_its_socket_leaves_pending_reads_to_the_socket)
{
    peered_socket pair = peered_socket_create();
    struct operation read;
    uint8_t buffer[4];
    size_t count;
    apm_stream stream;

    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, false, &stream));
    CHECK_SUCCESS(apm_stream_begin_read(stream, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_PENDING(&read);
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(finish_read(stream, &read, &count));
    CHECK_EQ(count, 2);
    peered_socket_close(pair);
}

CONTRACT_TEST(closing_the_socket_under_a_stream_aborts_its_operations_and_leaves_the_stream_open)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_COMPLETION(&read)));
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(finish_read(pair.stream, &read, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK(apm_stream_can_read(pair.stream));
    CHECK_ERROR(apm_stream_read(pair.stream, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
    peered_stream_close(pair);
}

CONTRACT_TEST(an_outcome_that_came_before_close_is_given_by_an_end_after_it)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[4];
    size_t count;

    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_COMPLETION(&read)));
    AWAIT(&read);
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    CHECK_SUCCESS(apm_stream_end_read(pair.stream, read.result, &count));
    CHECK_EQ(count, 2);
    raw_close(pair.peer);
}

CONTRACT_TEST(close_with_a_write_that_is_cut_short_resets_the_connection)
{
    struct peered_stream pair = peered_stream_create();
    uint8_t *block = big_block_create();
    struct operation write;

    CHECK_SUCCESS(apm_stream_begin_write(pair.stream, block, BIG_BLOCK_SIZE, ON_COMPLETION(&write)));
    CHECK_PENDING(&write);
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    CHECK_ERROR(finish_write(pair.stream, &write), APM_ERROR_OBJECT_DISPOSED);
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
    free(block);
}

struct waiter {
    apm_socket socket;
    apm_stream stream;
    apm_error error;
    struct latch done;
};

static void wait_in_callback(apm_async_result result)
{
    struct waiter *waiter = apm_async_result_async_state(result);

    waiter->error = apm_socket_close_and_wait(waiter->socket, PATIENCE_MS);
    CHECK_SUCCESS(apm_stream_end_read(waiter->stream, result, NULL));
    latch_add(&waiter->done, 1);
}

TEST(close_and_wait_on_the_socket_in_a_callback_of_its_stream_is_refused)
{
    struct peered_stream pair = peered_stream_create();
    struct waiter waiter = {.socket = pair.socket, .stream = pair.stream, .done = LATCH_INITIALIZER};
    uint8_t buffer[4];

    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, wait_in_callback, &waiter, NULL));
    LATCH_AWAIT(&waiter.done, 1);
    CHECK_ERROR(waiter.error, APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
    peered_stream_close(pair);
}

TEST(functions_of_network_streams_refuse_other_streams)
{
    apm_stream stream;
    apm_socket socket;
    bool available;

    CHECK_SUCCESS(apm_memory_stream_create(0, &stream));
    CHECK_ERROR(apm_network_stream_socket(stream, &socket), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_network_stream_data_available(stream, &available), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_network_stream_close(stream, -1), APM_ERROR_ARGUMENT);
    CHECK(apm_stream_can_read(stream));
    CHECK_SUCCESS(apm_stream_close(stream));
}

TEST(cleanup_closes_a_forgotten_stream_and_with_it_the_socket)
{
    struct peered_stream pair = peered_stream_create();

    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_ORDERLY_END(pair.peer, 0);
    CHECK_ERROR(apm_stream_write(pair.stream, "x", 1), APM_ERROR_OBJECT_DISPOSED);
    raw_close(pair.peer);
}

LIBRARY_TEST_MAIN()
