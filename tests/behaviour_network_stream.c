/*
 * Network streams as .NET's: the cases nst-* of its recorded behaviour, and iar-029.
 */
#include <string.h>

#include "support_stream.h"

TEST(a_network_stream_reads_and_writes_and_has_no_position_nst_001)
{
    struct peered_stream pair = peered_stream_create();
    int64_t number;
    int timeout_ms;
    apm_socket socket;

    CHECK(apm_stream_can_read(pair.stream) && apm_stream_can_write(pair.stream));
    CHECK(!apm_stream_can_seek(pair.stream) && apm_stream_can_timeout(pair.stream));
    CHECK_ERROR(apm_stream_length(pair.stream, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_position(pair.stream, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_position(pair.stream, 0), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_seek(pair.stream, 0, APM_SEEK_ORIGIN_BEGIN, &number), APM_ERROR_NOT_SUPPORTED);
    CHECK_ERROR(apm_stream_set_length(pair.stream, 0), APM_ERROR_NOT_SUPPORTED);

    CHECK_SUCCESS(apm_stream_read_timeout(pair.stream, &timeout_ms));
    CHECK_EQ(timeout_ms, -1);
    CHECK_SUCCESS(apm_stream_write_timeout(pair.stream, &timeout_ms));
    CHECK_EQ(timeout_ms, -1);
    CHECK_ERROR(apm_stream_set_read_timeout(pair.stream, 0), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_set_read_timeout(pair.stream, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_SUCCESS(apm_stream_set_read_timeout(pair.stream, -1));
    CHECK_SUCCESS(apm_stream_set_read_timeout(pair.stream, 250));
    CHECK_SUCCESS(apm_stream_read_timeout(pair.stream, &timeout_ms));
    CHECK_EQ(timeout_ms, 250);
    CHECK_SUCCESS(apm_socket_receive_timeout(pair.socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 250);
    CHECK_SUCCESS(apm_stream_set_write_timeout(pair.stream, 350));
    CHECK_SUCCESS(apm_socket_send_timeout(pair.socket, &timeout_ms));
    CHECK_EQ(timeout_ms, 350);
    CHECK_SUCCESS(apm_stream_flush(pair.stream));
    CHECK_SUCCESS(apm_network_stream_socket(pair.stream, &socket));
    CHECK_EQ(socket.bits, pair.socket.bits);
    peered_stream_close(pair);
}

TEST(a_network_stream_is_made_of_a_connected_socket_only_nst_002)
{
    apm_socket none = APM_NULL_HANDLE;
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket unconnected = tcp_create();
    apm_socket datagrams;
    peered_socket pair = peered_socket_create();
    apm_stream stream;

    CHECK_ERROR(apm_network_stream_create(unconnected, APM_FILE_ACCESS_READ_WRITE, false, &stream), APM_ERROR_IO);
    CHECK(apm_stream_is_null(stream));
    CHECK_ERROR(apm_network_stream_create(listener, APM_FILE_ACCESS_READ_WRITE, false, &stream), APM_ERROR_IO);
    CHECK_ERROR(apm_network_stream_create(none, APM_FILE_ACCESS_READ_WRITE, false, &stream), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_create(APM_ADDRESS_FAMILY_INTER_NETWORK, APM_SOCKET_TYPE_DGRAM, APM_PROTOCOL_TYPE_UDP,
                                    &datagrams));
    CHECK_SUCCESS(apm_socket_connect(datagrams, local));
    CHECK_ERROR(apm_network_stream_create(datagrams, APM_FILE_ACCESS_READ_WRITE, false, &stream), APM_ERROR_IO);
    CHECK_SUCCESS(apm_socket_close(datagrams));
    CHECK_SUCCESS(apm_socket_set_blocking(pair.socket, false));
    CHECK_ERROR(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, false, &stream), APM_ERROR_IO);
    CHECK_SUCCESS(apm_socket_set_blocking(pair.socket, true));
    CHECK_SUCCESS(apm_socket_close(unconnected));
    CHECK_ERROR(apm_network_stream_create(unconnected, APM_FILE_ACCESS_READ_WRITE, false, &stream),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_network_stream_create(pair.socket, (apm_file_access)0, false, &stream),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);

    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, false, &stream));
    CHECK_SUCCESS(apm_stream_close(stream));
    send_all(pair.socket, "x", 1);
    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, true, &stream));
    CHECK_SUCCESS(apm_stream_close(stream));
    CHECK_ERROR(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(pair.peer);
}

TEST(the_read_time_out_ends_a_synchronous_read_and_no_operation_nst_003)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    uint8_t buffer[4];
    size_t count = 99;

    CHECK_SUCCESS(apm_stream_set_read_timeout(pair.stream, 20));
    CHECK_ERROR(apm_stream_read(pair.stream, buffer, 4, &count), APM_ERROR_TIMED_OUT);
    CHECK_EQ(count, 0);
    raw_write(pair.peer, "ab", 2);
    await_available(pair.socket, 2);
    CHECK_SUCCESS(apm_stream_read(pair.stream, buffer, 4, &count));
    CHECK_EQ(count, 2);
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_CALLBACK(&read)));
    CHECK(!operation_wait(&read, 200));
    raw_write(pair.peer, "c", 1);
    CHECK_SUCCESS(finish_read(pair.stream, &read, NULL));
    peered_stream_close(pair);
}

struct blocked_read {
    apm_stream stream;
    apm_error error;
    size_t count;
    struct latch done;
};

static void block_in_read(void *argument)
{
    struct blocked_read *blocked = argument;
    uint8_t buffer[4];

    blocked->error = apm_stream_read(blocked->stream, buffer, 4, &blocked->count);
    latch_add(&blocked->done, 1);
}

TEST(close_ends_pending_reads_and_refuses_what_comes_later_nst_005)
{
    struct peered_stream pair = peered_stream_create();
    struct peered_stream other = peered_stream_create();
    struct blocked_read blocked = {.stream = other.stream, .done = LATCH_INITIALIZER};
    struct operation read;
    struct thread thread;
    apm_async_result result;
    uint8_t buffer[4];
    bool available;

    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_CALLBACK(&read)));
    CHECK_PENDING(&read);
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    CHECK_ERROR(finish_read(pair.stream, &read, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_read(pair.stream, buffer, 4, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_begin_read(pair.stream, buffer, 4, NULL, NULL, &result), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_stream_write(pair.stream, "x", 1), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_network_stream_data_available(pair.stream, &available), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!apm_stream_can_read(pair.stream));
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    raw_close(pair.peer);

    thread_start(&thread, block_in_read, &blocked);
    CHECK(!latch_wait(&blocked.done, 1, SHORT_WHILE_MS));
    CHECK_SUCCESS(apm_stream_close(other.stream));
    thread_join(&thread);
    CHECK_ERROR(blocked.error, APM_ERROR_CONNECTION_ABORTED);
    raw_close(other.peer);
}

TEST(arguments_and_access_of_a_network_stream_are_checked_by_begin_nst_006)
{
    peered_socket pair = peered_socket_create();
    struct operation read;
    apm_async_result result;
    uint8_t buffer[4];
    size_t count = 99;
    apm_stream reader;
    apm_stream writer;

    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ, false, &reader));
    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_WRITE, false, &writer));
    CHECK(apm_stream_can_read(reader) && !apm_stream_can_write(reader));
    CHECK(!apm_stream_can_read(writer) && apm_stream_can_write(writer));
    CHECK_ERROR(apm_stream_begin_read(reader, NULL, 4, NULL, NULL, &result), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_begin_read(reader, buffer, 4, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_begin_read(reader, buffer, SIZE_MAX, NULL, NULL, &result), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_stream_begin_write(writer, NULL, 4, NULL, NULL, &result), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_begin_write(reader, "x", 1, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_stream_begin_read(writer, buffer, 4, NULL, NULL, &result), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_async_result_is_null(result));

    CHECK_SUCCESS(apm_stream_begin_read(reader, buffer, 0, ON_CALLBACK(&read)));
    CHECK_PENDING(&read);
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(finish_read(reader, &read, &count));
    CHECK_EQ(count, 0);
    CHECK_SUCCESS(apm_stream_close(reader));
    CHECK_SUCCESS(apm_stream_close(writer));
    peered_socket_close(pair);
}

TEST(an_end_of_the_wrong_kind_or_stream_is_refused_and_the_right_one_works_once_nst_007)
{
    struct peered_stream pair = peered_stream_create();
    struct peered_stream other = peered_stream_create();
    struct operation read;
    struct operation write;
    uint8_t buffer[4];
    size_t count;

    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_CALLBACK(&read)));
    CHECK_SUCCESS(apm_stream_begin_write(pair.stream, "x", 1, ON_CALLBACK(&write)));
    CHECK_ERROR(apm_stream_end_write(pair.stream, read.result), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_stream_end_read(pair.stream, write.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_stream_end_read(other.stream, read.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_receive(pair.socket, read.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(finish_read(pair.stream, &read, &count));
    CHECK_EQ(count, 2);
    CHECK_ERROR(apm_stream_end_read(pair.stream, read.result, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(finish_write(pair.stream, &write));
    peered_stream_close(pair);
    peered_stream_close(other);
}

static void await_no_data(apm_stream stream)
{
    bool available = true;
    int64_t deadline = harness_now_ms() + PATIENCE_MS;

    while (available) {
        CHECK_SUCCESS(apm_network_stream_data_available(stream, &available));
        CHECK(harness_now_ms() < deadline);
    }
}

TEST(data_available_tells_of_data_and_of_no_end_nst_008)
{
    struct peered_stream pair = peered_stream_create();
    struct peered_stream reset = peered_stream_create();
    struct operation read;
    uint8_t buffer[4];
    bool available = true;

    CHECK_SUCCESS(apm_network_stream_data_available(pair.stream, &available));
    CHECK(!available);
    raw_write(pair.peer, "x", 1);
    await_available(pair.socket, 1);
    CHECK_SUCCESS(apm_network_stream_data_available(pair.stream, &available));
    CHECK(available);
    CHECK_SUCCESS(apm_stream_read(pair.stream, buffer, 4, NULL));
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_CALLBACK(&read)));
    raw_close(pair.peer);
    CHECK_SUCCESS(finish_read(pair.stream, &read, NULL));
    await_no_data(pair.stream);
    raw_reset(reset.peer);
    await_no_data(reset.stream);
    CHECK_SUCCESS(apm_stream_close(pair.stream));
    CHECK_SUCCESS(apm_stream_close(reset.stream));
}

TEST(closing_with_a_byte_unread_shows_the_peer_an_orderly_end_nst_009)
{
    struct peered_stream pair = peered_stream_create();
    int64_t before;

    raw_write(pair.peer, "x", 1);
    await_available(pair.socket, 1);
    CHECK_ERROR(apm_network_stream_close(pair.stream, -2), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK(apm_stream_can_read(pair.stream));
    before = harness_now_ms();
    CHECK_SUCCESS(apm_network_stream_close(pair.stream, PATIENCE_MS));
    CHECK(harness_now_ms() - before < PATIENCE_MS / 2);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(two_reads_and_two_writes_may_be_pending_and_are_served_in_order_nst_010)
{
    struct peered_stream pair = peered_stream_create();
    struct operation reads[2];
    struct operation writes[2];
    uint8_t buffers[2][2];
    uint8_t copy[4];
    size_t count;

    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffers[i], 2, ON_CALLBACK(&reads[i])));
        CHECK_SUCCESS(apm_stream_begin_write(pair.stream, &"abcd"[2 * i], 2, ON_CALLBACK(&writes[i])));
    }
    raw_write(pair.peer, "12", 2);
    CHECK_SUCCESS(finish_read(pair.stream, &reads[0], &count));
    CHECK_EQ(count, 2);
    raw_write(pair.peer, "34", 2);
    CHECK_SUCCESS(finish_read(pair.stream, &reads[1], &count));
    CHECK_EQ(count, 2);
    CHECK_EQ(memcmp(buffers, "1234", 4), 0);
    CHECK_SUCCESS(finish_write(pair.stream, &writes[0]));
    CHECK_SUCCESS(finish_write(pair.stream, &writes[1]));
    raw_read_exactly(pair.peer, copy, 4);
    CHECK_EQ(memcmp(copy, "abcd", 4), 0);
    peered_stream_close(pair);
}

TEST(a_read_and_a_write_that_can_finish_at_once_complete_on_pool_threads_iar_029)
{
    struct peered_stream pair = peered_stream_create();
    struct operation read;
    struct operation write;
    uint8_t buffer[4];
    size_t count;

    raw_write(pair.peer, "abcd", 4);
    await_available(pair.socket, 4);
    /* The callback of an operation checks the thread, and that it did not complete synchronously. */
    CHECK_SUCCESS(apm_stream_begin_read(pair.stream, buffer, 4, ON_CALLBACK(&read)));
    CHECK_SUCCESS(apm_stream_begin_write(pair.stream, "x", 1, ON_CALLBACK(&write)));
    CHECK_SUCCESS(finish_read(pair.stream, &read, &count));
    CHECK_EQ(count, 4);
    CHECK_SUCCESS(finish_write(pair.stream, &write));
    peered_stream_close(pair);
}

LIBRARY_TEST_MAIN()
