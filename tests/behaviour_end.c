/*
 * End and callbacks as in .NET: the cases iar-041 to iar-071 of its recorded behaviour, with what differs on purpose: a
 * result is ended once, and only by its own End.
 */
#include <stdlib.h>

#include "support.h"

/* -- End: once, and only its own, where .NET lets everything pass ------------------------------------------------ */

TEST(end_called_in_the_callback_and_outside_succeeds_for_one_of_them_iar_042_iar_043)
{
    for (size_t i = 0; i < 100; i++) {
        peered_socket pair = peered_socket_create();
        struct operation receive;
        uint8_t buffer[4];
        size_t received;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
        raw_write(pair.peer, "abcd", 4);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
        CHECK_EQ(received, 4);
        CHECK_ERROR(apm_socket_end_receive(pair.socket, receive.result, &received), APM_ERROR_INVALID_OPERATION);
        LATCH_AWAIT(&receive.called, 1);
        CHECK_ERROR(apm_socket_end_receive(pair.socket, receive.result, &received), APM_ERROR_INVALID_OPERATION);
        peered_socket_close(pair);
    }
}

TEST(a_second_end_of_a_failed_operation_is_an_invalid_operation_iar_044)
{
    apm_socket socket = tcp_create();
    struct operation connect;

    CHECK_SUCCESS(apm_socket_begin_connect(socket, closed_endpoint(), ON_CALLBACK(&connect)));
    CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_CONNECTION_REFUSED);
    CHECK_ERROR(apm_socket_end_connect(socket, connect.result), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(end_with_a_null_result_is_an_argument_null_error_iar_045)
{
    apm_socket socket = tcp_create();
    apm_async_result none = APM_NULL_HANDLE;
    apm_host_entry *entry;
    apm_socket accepted;
    size_t count;

    CHECK_ERROR(apm_socket_end_connect(socket, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_accept(socket, none, &accepted), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_accept_receive(socket, none, &accepted, &count), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_send_to(socket, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_receive_from(socket, none, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_receive_message_from(socket, none, NULL, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_send_file(socket, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_receive(socket, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_send(socket, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_disconnect(socket, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_end_get_host_entry(none, &entry), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_dns_end_get_host_addresses(none, &entry), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_socket_close(socket));
}

TEST(end_of_the_helpers_with_a_null_result_is_an_argument_null_error_iar_045)
{
    apm_async_result none = APM_NULL_HANDLE;
    apm_tcp_listener listener;
    apm_tcp_client client;
    apm_tcp_client accepted_client;
    apm_udp_client udp;
    apm_stream stream;
    apm_socket accepted;
    peered_socket pair = peered_socket_create();
    uint8_t *datagram;
    size_t size;

    CHECK_SUCCESS(apm_tcp_client_create(&client));
    CHECK_ERROR(apm_tcp_client_end_connect(client, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_tcp_client_close(client));
    CHECK_SUCCESS(apm_tcp_listener_create(0, &listener));
    CHECK_ERROR(apm_tcp_listener_end_accept_socket(listener, none, &accepted), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_tcp_listener_end_accept_tcp_client(listener, none, &accepted_client), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_tcp_listener_close(listener));
    CHECK_SUCCESS(apm_udp_client_create(&udp));
    CHECK_ERROR(apm_udp_client_end_receive(udp, none, NULL, &datagram, &size), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_udp_client_end_send(udp, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_udp_client_close(udp));
    CHECK_SUCCESS(apm_network_stream_create(pair.socket, APM_FILE_ACCESS_READ_WRITE, false, &stream));
    CHECK_ERROR(apm_stream_end_read(stream, none, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_stream_end_write(stream, none), APM_ERROR_ARGUMENT_NULL);
    CHECK_SUCCESS(apm_stream_close(stream));
    peered_socket_close(pair);
}

TEST(end_on_another_socket_or_of_another_kind_is_an_argument_error_iar_046_iar_047_iar_048)
{
    peered_socket mine = peered_socket_create();
    peered_socket other = peered_socket_create();
    apm_async_result foreign = {UINT64_C(0x1234567812345678)};
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    raw_write(mine.peer, "abc", 3);
    CHECK_SUCCESS(apm_socket_begin_receive(mine.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    AWAIT(&receive);
    CHECK_ERROR(apm_socket_end_receive(other.socket, receive.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(other.socket));
    CHECK_ERROR(apm_socket_end_receive(other.socket, receive.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_send(mine.socket, receive.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_connect(mine.socket, receive.result), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_disconnect(mine.socket, receive.result), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_receive(mine.socket, foreign, NULL), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_end_receive(mine.socket, receive.result, &received));
    CHECK_EQ(received, 3);
    CHECK_SUCCESS(apm_socket_close(mine.socket));
    raw_close(mine.peer);
    raw_close(other.peer);
}

/* Sends when the test is likely to be blocked in End. */
static void send_later(void *argument)
{
    struct latch never = LATCH_INITIALIZER;

    CHECK(!latch_wait(&never, 1, 100));
    raw_write(*(int *)argument, "abcd", 4);
}

TEST(end_before_completion_blocks_until_there_is_data_iar_041)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct thread sender;
    uint8_t buffer[4];
    size_t received;
    int64_t start = harness_now_ms();

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    thread_start(&sender, send_later, &pair.peer);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
    CHECK_EQ(received, 4);
    CHECK(harness_now_ms() - start >= 99);
    thread_join(&sender);
    LATCH_AWAIT(&receive.called, 1);
    peered_socket_close(pair);
}

TEST(end_after_close_gives_the_outcome_iar_049)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct operation send;
    uint8_t buffer[4];
    size_t count;

    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "xy", 2, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    AWAIT(&receive);
    AWAIT(&send);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &count));
    CHECK_EQ(count, 3);
    CHECK_SUCCESS(apm_socket_end_send(pair.socket, send.result, &count));
    CHECK_EQ(count, 2);
    raw_close(pair.peer);
}

TEST(without_a_callback_completion_is_seen_by_handle_and_polling_iar_050_iar_071)
{
    peered_socket pair = peered_socket_create();
    apm_async_result result;
    uint8_t buffer[4];
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, NULL, NULL, &result));
    CHECK(!apm_async_result_is_completed(result));
    raw_write(pair.peer, "abcd", 4);
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(result), PATIENCE_MS));
    CHECK(apm_async_result_is_completed(result));
    CHECK(!apm_async_result_completed_synchronously(result));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, result, &received));
    CHECK_EQ(received, 4);
    peered_socket_close(pair);
}

/* -- Chains and failures ----------------------------------------------------------------------------------------- */

struct byte_chain {
    apm_socket socket;
    uint8_t byte;
    size_t left;
    struct latch done;
};

static _Thread_local int nesting;

static void receive_the_next_byte(apm_async_result result)
{
    struct byte_chain *chain = apm_async_result_async_state(result);
    size_t received;

    CHECK_EQ(nesting, 0);
    nesting++;
    CHECK_SUCCESS(apm_socket_end_receive(chain->socket, result, &received));
    CHECK_EQ(received, 1);
    if (--chain->left == 0) {
        latch_add(&chain->done, 1);
    } else {
        CHECK_SUCCESS(apm_socket_begin_receive(chain->socket, &chain->byte, 1, APM_SOCKET_FLAGS_NONE,
                                               receive_the_next_byte, chain, NULL));
    }
    nesting--;
}

TEST(a_chain_over_100000_bytes_that_wait_does_not_nest_iar_056_iar_057_iar_058_iar_064)
{
    enum { SIZE = 100000 };
    peered_socket pair = peered_socket_create();
    struct byte_chain chain = {.socket = pair.socket, .left = SIZE, .done = LATCH_INITIALIZER};
    static uint8_t data[SIZE];

    raw_write(pair.peer, data, SIZE);
    await_available(pair.socket, 5000);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &chain.byte, 1, APM_SOCKET_FLAGS_NONE, receive_the_next_byte,
                                           &chain, NULL));
    LATCH_AWAIT(&chain.done, 1);
    peered_socket_close(pair);
}

TEST(a_chain_of_200_receives_goes_on_with_each_byte_sent_iar_062_iar_063)
{
    peered_socket pair = peered_socket_create();
    struct byte_chain chain = {.socket = pair.socket, .left = 200, .done = LATCH_INITIALIZER};

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &chain.byte, 1, APM_SOCKET_FLAGS_NONE, receive_the_next_byte,
                                           &chain, NULL));
    for (size_t i = 0; i < 200; i++) {
        raw_write(pair.peer, "x", 1);
    }
    LATCH_AWAIT(&chain.done, 1);
    peered_socket_close(pair);
}

TEST(a_failure_that_is_known_at_once_comes_from_end_iar_065)
{
    peered_socket pair = peered_socket_create();
    struct operation send;

    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_SEND));
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_ERROR(finish_send(pair.socket, &send, NULL), APM_ERROR_SHUTDOWN);
    peered_socket_close(pair);
}

TEST(a_failed_operation_that_is_never_ended_harms_nobody_iar_053)
{
    struct operation connect;
    apm_socket socket = tcp_create();

    CHECK_SUCCESS(apm_socket_begin_connect(socket, closed_endpoint(), ON_CALLBACK(&connect)));
    AWAIT(&connect);
    CHECK_SUCCESS(apm_socket_close(socket));
}

static int return_with_a_receive_pending(void *argument)
{
    peered_socket pair = peered_socket_create();
    static uint8_t buffer[4];
    static struct operation receive;

    (void)argument;
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    exit(0);
}

TEST(a_process_ends_although_an_operation_is_pending_iar_067)
{
    /* The library is used in the child only, which thus is no child of a process that used it. */
    join_child(fork_child(return_with_a_receive_pending, NULL));
}

LIBRARY_TEST_MAIN()
