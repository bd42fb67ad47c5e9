/*
 * Lists of buffers: what is filled and sent, in which order, more of them than the system takes at once, and what ends
 * early.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

enum {
    MEBIBYTE = 1 << 20,
    SMALL_SIZE = 17, /* so that whatever the system takes ends within a segment */
    SMALL_COUNT = (MEBIBYTE + SMALL_SIZE - 1) / SMALL_SIZE
};

/* A block of memory as a list of parts of `part` bytes each; the last may be shorter. Both are to be freed. */
static apm_array_segment *split(uint8_t *block, size_t size, size_t part, size_t *count)
{
    apm_array_segment *list;

    *count = (size + part - 1) / part;
    list = calloc(*count, sizeof *list);
    CHECK(list != NULL);
    for (size_t i = 0; i < *count; i++) {
        list[i].buffer = block + i * part;
        list[i].size = i + 1 < *count ? part : size - i * part;
    }
    return list;
}

/* -- Receiving --------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_pending_receive_fills_the_buffers_one_after_another)
{
    peered_socket pair = peered_socket_create();
    uint8_t bytes[9];
    apm_array_segment list[3] = {{bytes, 3}, {bytes + 3, 3}, {bytes + 6, 3}};
    struct operation receive;
    size_t received;

    memset(bytes, 0xee, sizeof bytes);
    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, 3, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    memset(list, 0, sizeof list); /* the list is the caller's again */
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "1234567", 7);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 7);
    CHECK_EQ(memcmp(bytes, "1234567\xee\xee", 9), 0);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_list_without_room_completes_when_there_is_something_to_receive)
{
    peered_socket pair = peered_socket_create();
    uint8_t byte = 0;
    apm_array_segment list[2] = {{&byte, 0}, {&byte, 0}};
    struct operation receive;
    size_t received = 99;

    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_available(pair.socket, &received));
    CHECK_EQ(received, 3);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_receive_takes_more_buffers_than_one_system_call_fills)
{
    enum { SIZE = 3000 };
    peered_socket pair = peered_socket_create();
    uint8_t sent[SIZE];
    uint8_t bytes[SIZE + 100] = {0};
    size_t count;
    apm_array_segment *list = split(bytes, sizeof bytes, 1, &count);
    struct operation receive;
    size_t received;

    pattern_fill(sent, SIZE, 0);
    raw_write(pair.peer, sent, SIZE);
    await_available(pair.socket, SIZE);
    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, SIZE);
    pattern_check(bytes, SIZE, 0);
    free(list);
    peered_socket_close(pair);
}

CONTRACT_TEST(buffers_that_are_filled_to_the_last_one_leave_an_end_or_reset_to_the_next_receive)
{
    enum { SIZE = 1024 };
    peered_socket pair = peered_socket_create();
    uint8_t bytes[2 * SIZE] = {0};
    size_t count;
    apm_array_segment *list = split(bytes, sizeof bytes, 1, &count);
    struct operation receive;
    size_t received;

    raw_write(pair.peer, bytes, SIZE);
    await_available(pair.socket, SIZE);
    raw_reset(pair.peer);
    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    apm_error error = finish_receive(pair.socket, &receive, &received);

    /* The system may throw unread data away when the reset comes; what it has kept is received first. */
    if (error == APM_ERROR_SUCCESS) {
        CHECK_EQ(received, SIZE);
        CHECK_SUCCESS(
            apm_socket_begin_receive_buffers(pair.socket, list, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
        error = finish_receive(pair.socket, &receive, &received);
    }
    CHECK_ERROR(error, APM_ERROR_CONNECTION_RESET);
    free(list);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

CONTRACT_TEST(peeking_and_out_of_band_data_work_with_lists)
{
    peered_socket pair = peered_socket_create();
    uint8_t bytes[4] = {0};
    apm_array_segment list[2] = {{bytes, 1}, {bytes + 1, 3}};
    struct operation receive;
    size_t received;

    raw_write(pair.peer, "ab", 2);
    await_available(pair.socket, 2);
    for (int i = 0; i < 2; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_receive_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_PEEK, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
        CHECK_EQ(received, 2);
        CHECK_EQ(memcmp(bytes, "ab", 2), 0);
    }
    CHECK_EQ(send(pair.peer, "c", 1, MSG_OOB), 1);
    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_PARTIAL, ON_COMPLETION(&receive)));
    CHECK_ERROR(finish_receive(pair.socket, &receive, &received), APM_ERROR_OPERATION_NOT_SUPPORTED);
    CHECK_SUCCESS(
        apm_socket_begin_receive_buffers(pair.socket, list, 2, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 2);
    peered_socket_close(pair);
}

/* -- Sending ----------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_mebibyte_in_61681_buffers_arrives_in_61681_buffers)
{
    socket_pair pair = socket_pair_create();
    uint8_t *from = malloc(MEBIBYTE);
    uint8_t *to = calloc(1, MEBIBYTE);
    size_t count;
    struct operation send;
    struct operation receive;
    size_t sent;
    size_t total = 0;

    CHECK_SUCCESS(apm_socket_set_no_delay(pair.client, true));
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.client, 30001));
    pattern_fill(from, MEBIBYTE, 0);
    apm_array_segment *sent_list = split(from, MEBIBYTE, SMALL_SIZE, &count);
    CHECK_EQ(count, SMALL_COUNT);
    apm_array_segment *received_list = split(to, MEBIBYTE, SMALL_SIZE, &count);
    CHECK_SUCCESS(
        apm_socket_begin_send_buffers(pair.client, sent_list, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    free(sent_list); /* copied */
    CHECK_PENDING(&send);
    while (total < MEBIBYTE) {
        size_t received;
        size_t first = total / SMALL_SIZE;
        size_t within = total % SMALL_SIZE;

        received_list[first].buffer = to + total;
        received_list[first].size = SMALL_SIZE - within;
        if (received_list[first].size > MEBIBYTE - total)
            received_list[first].size = MEBIBYTE - total;
        CHECK_SUCCESS(apm_socket_begin_receive_buffers(pair.server, received_list + first, count - first,
                                                       APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
        CHECK_SUCCESS(finish_receive(pair.server, &receive, &received));
        CHECK(received > 0);
        total += received;
    }
    CHECK_SUCCESS(finish_send(pair.client, &send, &sent));
    CHECK_EQ(sent, MEBIBYTE);
    pattern_check(to, MEBIBYTE, 0);
    free(received_list);
    free(to);
    free(from);
    socket_pair_close(pair);
}

CONTRACT_TEST(lists_and_single_buffers_are_sent_in_the_order_begun)
{
    enum { PART = 100003, PARTS = 3 * PART };
    peered_socket pair = peered_socket_create();
    uint8_t *bytes = malloc(PARTS);
    uint8_t *received = malloc(PARTS);
    size_t count;
    struct operation sends[3];

    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.socket, 30001));
    pattern_fill(bytes, PARTS, 0);
    apm_array_segment *first = split(bytes, PART, 7, &count);
    CHECK_SUCCESS(
        apm_socket_begin_send_buffers(pair.socket, first, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[0])));
    CHECK_SUCCESS(
        apm_socket_begin_send(pair.socket, bytes + PART, PART, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[1])));
    apm_array_segment *last = split(bytes + 2 * PART, PART, 5001, &count);
    CHECK_SUCCESS(
        apm_socket_begin_send_buffers(pair.socket, last, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&sends[2])));
    raw_read_exactly(pair.peer, received, PARTS);
    pattern_check(received, PARTS, 0);
    for (size_t i = 0; i < 3; i++) {
        size_t sent;

        CHECK_SUCCESS(finish_send(pair.socket, &sends[i], &sent));
        CHECK_EQ(sent, PART);
    }
    free(first);
    free(last);
    free(received);
    free(bytes);
    peered_socket_close(pair);
}

CONTRACT_TEST(cancelling_a_list_after_some_of_its_bytes_says_how_many_went_and_ends_the_stream)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    size_t count;
    apm_array_segment *list = split(block, BIG_BLOCK_SIZE, 1 << 16, &count);
    struct operation send;
    struct operation behind;
    size_t sent = 0;

    CHECK_SUCCESS(apm_socket_begin_send_buffers(pair.socket, list, count, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(apm_socket_begin_send_buffers(pair.socket, list, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&behind)));
    CHECK_PENDING(&send);
    CHECK_SUCCESS(apm_async_result_cancel(send.result));
    CHECK_ERROR(finish_send(pair.socket, &send, &sent), APM_ERROR_OPERATION_ABORTED);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);
    CHECK_ERROR(finish_send(pair.socket, &behind, NULL), APM_ERROR_SHUTDOWN);
    free(list);
    free(block);
    peered_socket_close(pair);
}

CONTRACT_TEST(empty_buffers_in_a_list_are_passed_over)
{
    enum { EMPTY = 5000 };
    peered_socket pair = peered_socket_create();
    apm_array_segment *list = calloc(EMPTY + 1, sizeof *list);
    char text[] = "xy";
    struct operation send;
    size_t sent = 99;

    for (size_t i = 0; i <= EMPTY; i++)
        list[i].buffer = text;
    CHECK_SUCCESS(apm_socket_begin_send_buffers(pair.socket, list, EMPTY, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, 0);
    list[EMPTY].size = 2;
    CHECK_SUCCESS(
        apm_socket_begin_send_buffers(pair.socket, list, EMPTY + 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, 2);
    free(list);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 2);
    raw_close(pair.peer);
}

/* -- Both -------------------------------------------------------------------------------------------------------- */

CONTRACT_TEST(bad_lists_are_refused_and_start_nothing)
{
    peered_socket pair = peered_socket_create();
    uint8_t bytes[4];
    const apm_array_segment good = {bytes, 4};
    const apm_array_segment none[2] = {{bytes, 4}, {NULL, 0}};
    const apm_array_segment large[2] = {{bytes, INT32_MAX}, {bytes, 1}};
    struct operation operation;

    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, NULL, 1, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, NULL, 1, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK(apm_async_result_is_null(operation.result));
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, &good, 0, 0, ON_COMPLETION(&operation)), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, &good, 0, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, none, 2, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, none, 2, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, large, 2, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_receive_buffers(pair.socket, large, 2, 0, ON_COMPLETION(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, &good, 1, 0, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(apm_socket_begin_send_buffers(pair.socket, &good, 1, 0, ON_COMPLETION(&operation)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

CONTRACT_TEST(the_synchronous_twins_transfer_lists_and_keep_their_time_outs)
{
    socket_pair pair = socket_pair_create();
    uint8_t bytes[6] = {0};
    char text[] = "abcdef";
    const apm_array_segment sent_list[2] = {{text, 4}, {text + 4, 2}};
    const apm_array_segment received_list[2] = {{bytes, 1}, {bytes + 1, 5}};
    size_t count = 99;

    CHECK_SUCCESS(apm_socket_send_buffers(pair.client, sent_list, 2, APM_SOCKET_FLAGS_NONE, &count));
    CHECK_EQ(count, 6);
    CHECK_SUCCESS(apm_socket_receive_buffers(pair.server, received_list, 2, APM_SOCKET_FLAGS_NONE, &count));
    CHECK_EQ(count, 6);
    CHECK_EQ(memcmp(bytes, "abcdef", 6), 0);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.server, 20));
    CHECK_ERROR(apm_socket_receive_buffers(pair.server, received_list, 2, APM_SOCKET_FLAGS_NONE, &count),
                APM_ERROR_TIMED_OUT);
    CHECK_EQ(count, 0);
    socket_pair_close(pair);
}

LIBRARY_TEST_MAIN()
