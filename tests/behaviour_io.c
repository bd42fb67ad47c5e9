/*
 * Receiving and sending as .NET does: the cases io-* of its recorded behaviour about data, arguments and flags.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support.h"

static apm_error receive_at_once(apm_socket socket, void *buffer, size_t size, apm_socket_flags flags, size_t *received)
{
    struct operation receive;

    CHECK_SUCCESS(apm_socket_begin_receive(socket, buffer, size, flags, ON_CALLBACK(&receive)));
    return finish_receive(socket, &receive, received);
}

static apm_error send_at_once(apm_socket socket, const void *data, size_t size, apm_socket_flags flags, size_t *sent)
{
    struct operation send;

    CHECK_SUCCESS(apm_socket_begin_send(socket, data, size, flags, ON_CALLBACK(&send)));
    return finish_send(socket, &send, sent);
}

/* -- Wrong states ------------------------------------------------------------------------------------------------ */

static void check_that_nothing_is_connected(apm_socket socket)
{
    uint8_t buffer[4] = {0};
    size_t count = 99;

    CHECK_ERROR(receive_at_once(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_NOT_CONNECTED);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_receive(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_NOT_CONNECTED);
    CHECK_ERROR(send_at_once(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_SHUTDOWN);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_send(socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_SHUTDOWN);
}

TEST(an_unconnected_socket_is_not_connected_to_receives_and_shut_down_to_sends_io_001_io_002)
{
    apm_socket socket = tcp_create();

    check_that_nothing_is_connected(socket);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(a_listener_is_not_connected_to_receives_and_shut_down_to_sends_io_003)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);

    check_that_nothing_is_connected(listener);
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(after_shutdown_of_sending_sends_fail_and_receives_work_io_004)
{
    peered_socket pair = peered_socket_create();
    uint8_t buffer[4];
    size_t count = 0;

    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_ERROR(send_at_once(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_ERROR(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count));
    CHECK_EQ(count, 3);
    peered_socket_close(pair);
}

TEST(a_closed_socket_is_disposed_to_every_begin_io_044)
{
    peered_socket pair = peered_socket_create();
    struct operation operation;
    apm_endpoint endpoint;
    uint8_t buffer[4];
    size_t count;
    bool flag;

    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ERROR(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_begin_send(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_available(pair.socket, &count), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_local_endpoint(pair.socket, &endpoint), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ERROR(apm_socket_remote_endpoint(pair.socket, &endpoint), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!apm_socket_connected(pair.socket));
    CHECK_ERROR(apm_socket_no_delay(pair.socket, &flag), APM_ERROR_OBJECT_DISPOSED);
    raw_close(pair.peer);
}

/* -- Receiving --------------------------------------------------------------------------------------------------- */

TEST(a_receive_takes_what_is_there_and_writes_no_further_io_018_io_019)
{
    peered_socket pair = peered_socket_create();
    uint8_t buffer[1024];
    size_t received;

    memset(buffer, 0xee, sizeof buffer);
    raw_write(pair.peer, "0123456789", 10);
    await_available(pair.socket, 10);
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 10);
    CHECK_EQ(memcmp(buffer, "0123456789\xee", 11), 0);

    memset(buffer, 0xee, sizeof buffer);
    raw_write(pair.peer, "abcdefgh", 8);
    await_available(pair.socket, 8);
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer + 3, 4, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 4);
    CHECK_EQ(memcmp(buffer,
                    "\xee\xee\xee"
                    "abcd\xee\xee\xee",
                    10),
             0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    raw_close(pair.peer);
}

TEST(begin_receive_and_send_check_their_arguments_io_020)
{
    peered_socket pair = peered_socket_create();
    struct operation operation;
    uint8_t buffer[4];
    size_t too_much = (size_t)INT32_MAX + 1;

    CHECK_ERROR(apm_socket_begin_receive(pair.socket, NULL, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_receive(pair.socket, buffer, too_much, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_send(pair.socket, NULL, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_send(pair.socket, buffer, too_much, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&operation)),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_receive(pair.socket, NULL, 4, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_send(pair.socket, NULL, 4, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_receive(pair.socket, buffer, too_much, APM_SOCKET_FLAGS_NONE, NULL),
                APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    peered_socket_close(pair);
}

TEST(peek_takes_nothing_away_io_025)
{
    peered_socket pair = peered_socket_create();
    struct operation pending;
    uint8_t buffer[8];
    size_t received;

    raw_write(pair.peer, "12345", 5);
    await_available(pair.socket, 5);
    for (int i = 0; i < 2; i++) {
        CHECK_SUCCESS(receive_at_once(pair.socket, buffer, 8, APM_SOCKET_FLAGS_PEEK, &received));
        CHECK_EQ(received, 5);
    }
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 5);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 8, APM_SOCKET_FLAGS_PEEK, ON_CALLBACK(&pending)));
    CHECK_PENDING(&pending);
    raw_write(pair.peer, "67", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &pending, &received));
    CHECK_EQ(received, 2);
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 2);
    peered_socket_close(pair);
}

TEST(each_flag_is_obeyed_ignored_or_not_supported_io_026)
{
    static const struct {
        int flags;
        apm_error send;
        apm_error receive;
    } cases[] = {
        {APM_SOCKET_FLAGS_NONE, APM_ERROR_SUCCESS, APM_ERROR_SUCCESS},
        {APM_SOCKET_FLAGS_OUT_OF_BAND, APM_ERROR_SUCCESS, APM_ERROR_INVALID_ARGUMENT},
        {APM_SOCKET_FLAGS_PEEK, APM_ERROR_SUCCESS, APM_ERROR_SUCCESS},
        {APM_SOCKET_FLAGS_DONT_ROUTE, APM_ERROR_SUCCESS, APM_ERROR_SUCCESS},
        {APM_SOCKET_FLAGS_TRUNCATED, APM_ERROR_SUCCESS, APM_ERROR_SUCCESS},
        {APM_SOCKET_FLAGS_CONTROL_DATA_TRUNCATED, APM_ERROR_SUCCESS, APM_ERROR_SUCCESS},
        {APM_SOCKET_FLAGS_BROADCAST, APM_ERROR_OPERATION_NOT_SUPPORTED, APM_ERROR_OPERATION_NOT_SUPPORTED},
        {APM_SOCKET_FLAGS_MULTICAST, APM_ERROR_OPERATION_NOT_SUPPORTED, APM_ERROR_OPERATION_NOT_SUPPORTED},
        {APM_SOCKET_FLAGS_PARTIAL, APM_ERROR_OPERATION_NOT_SUPPORTED, APM_ERROR_OPERATION_NOT_SUPPORTED},
        {16384, APM_ERROR_OPERATION_NOT_SUPPORTED, APM_ERROR_OPERATION_NOT_SUPPORTED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        peered_socket pair = peered_socket_create();
        apm_socket_flags flags = (apm_socket_flags)cases[i].flags;
        uint8_t buffer[8];
        size_t count;

        CHECK_ERROR(send_at_once(pair.socket, "abc", 3, flags, &count), cases[i].send);
        CHECK_EQ(count, cases[i].send == APM_ERROR_SUCCESS ? 3 : 0);
        raw_write(pair.peer, "data", 4);
        await_available(pair.socket, 4);
        CHECK_ERROR(apm_socket_receive(pair.socket, buffer, 8, flags, &count), cases[i].receive);
        CHECK_EQ(count, cases[i].receive == APM_ERROR_SUCCESS ? 4 : 0);
        peered_socket_close(pair);
    }
}

/* Waits until out-of-band data has come, which is not counted as available. */
static void await_out_of_band(apm_socket socket)
{
    const int flags = APM_SOCKET_FLAGS_OUT_OF_BAND | APM_SOCKET_FLAGS_PEEK;
    int64_t deadline = harness_now_ms() + PATIENCE_MS;
    uint8_t byte;

    while (apm_socket_receive(socket, &byte, 1, (apm_socket_flags)flags, NULL) != APM_ERROR_SUCCESS) {
        CHECK(harness_now_ms() < deadline);
    }
}

TEST(out_of_band_data_is_received_apart_io_027)
{
    peered_socket pair = peered_socket_create();
    uint8_t buffer[8];
    size_t count;

    raw_write(pair.peer, "ab", 2);
    CHECK_EQ(send(pair.peer, "c", 1, MSG_OOB), 1);
    await_available(pair.socket, 2);
    CHECK_SUCCESS(apm_socket_available(pair.socket, &count));
    CHECK_EQ(count, 2);
    CHECK_SUCCESS(apm_socket_receive(pair.socket, buffer, 8, APM_SOCKET_FLAGS_OUT_OF_BAND, &count));
    CHECK_EQ(count, 1);
    CHECK_EQ(buffer[0], 'c');
    CHECK_SUCCESS(apm_socket_receive(pair.socket, buffer, 8, APM_SOCKET_FLAGS_NONE, &count));
    CHECK_EQ(count, 2);
    CHECK_EQ(memcmp(buffer, "ab", 2), 0);
    CHECK_ERROR(apm_socket_receive(pair.socket, buffer, 8, APM_SOCKET_FLAGS_OUT_OF_BAND, &count),
                APM_ERROR_INVALID_ARGUMENT);
    CHECK_EQ(send(pair.peer, "d", 1, MSG_OOB), 1);
    await_out_of_band(pair.socket);
    CHECK_SUCCESS(receive_at_once(pair.socket, buffer, 8, APM_SOCKET_FLAGS_OUT_OF_BAND, &count));
    CHECK_EQ(count, 1);
    CHECK_EQ(buffer[0], 'd');
    peered_socket_close(pair);
}

/* -- Sending ----------------------------------------------------------------------------------------------------- */

TEST(a_send_of_8_MiB_completes_when_all_is_accepted_io_031)
{
    enum { SIZE = 8 << 20 };
    peered_socket pair = peered_socket_create();
    uint8_t *data = calloc(1, SIZE);
    struct operation send;
    size_t sent;

    CHECK(data != NULL);
    CHECK_SUCCESS(apm_socket_set_send_buffer_size(pair.socket, 65536));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, data, SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK(!operation_wait(&send, 200));
    raw_read_zeros(pair.peer, SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, SIZE);
    peered_socket_close(pair);
    free(data);
}

static void read_8_MiB(void *argument)
{
    enum { SIZE = 8 << 20 };
    uint8_t *buffer = malloc(SIZE);

    CHECK(buffer != NULL);
    raw_read_exactly(*(int *)argument, buffer, SIZE);
    free(buffer);
}

TEST(a_synchronous_send_of_8_MiB_returns_when_all_is_accepted_io_032)
{
    enum { SIZE = 8 << 20 };
    peered_socket pair = peered_socket_create();
    uint8_t *data = calloc(1, SIZE);
    struct thread reader;
    size_t sent;

    CHECK(data != NULL);
    thread_start(&reader, read_8_MiB, &pair.peer);
    CHECK_SUCCESS(apm_socket_send(pair.socket, data, SIZE, APM_SOCKET_FLAGS_NONE, &sent));
    CHECK_EQ(sent, SIZE);
    thread_join(&reader);
    peered_socket_close(pair);
    free(data);
}

TEST(the_buffer_of_a_send_is_not_copied_io_037)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    uint8_t *copy = malloc(BIG_BLOCK_SIZE);
    struct operation send;

#if defined(__SANITIZE_THREAD__)
    SKIP("it changes a buffer that is being sent, on purpose, which ThreadSanitizer reports");
#endif
    CHECK(copy != NULL);
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    block[BIG_BLOCK_SIZE - 1] = 42;
    raw_read_exactly(pair.peer, copy, BIG_BLOCK_SIZE);
    CHECK_EQ(copy[BIG_BLOCK_SIZE - 1], 42);
    CHECK_SUCCESS(finish_send(pair.socket, &send, NULL));
    peered_socket_close(pair);
    free(block);
    free(copy);
}

struct sync_sender {
    apm_socket socket;
    uint8_t data[1000];
};

static void send_synchronously(void *argument)
{
    struct sync_sender *sender = argument;

    send_all(sender->socket, sender->data, sizeof sender->data);
}

TEST(a_synchronous_send_queues_behind_a_pending_one_io_047)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct sync_sender sender = {.socket = pair.socket};
    struct operation send;
    struct thread thread;
    uint8_t tail[1000];

    memset(sender.data, 7, sizeof sender.data);
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    thread_start(&thread, send_synchronously, &sender);
    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    raw_read_exactly(pair.peer, tail, sizeof tail);
    CHECK_EQ(memcmp(tail, sender.data, sizeof tail), 0);
    thread_join(&thread);
    CHECK_SUCCESS(finish_send(pair.socket, &send, NULL));
    peered_socket_close(pair);
    free(block);
}

LIBRARY_TEST_MAIN()
