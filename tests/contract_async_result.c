/*
 * The result between Begin and End: who may end it, when, how often, and what it answers meanwhile.
 */
#include <poll.h>
#include <string.h>

#include "support.h"

static const apm_async_result no_result = APM_NULL_HANDLE;

/* -- End and completion ------------------------------------------------------------------------------------------ */

/* Sends one byte once the result is being waited for, as far as that can be seen from outside. */
static void send_one_byte_later(void *argument)
{
    poll(NULL, 0, SHORT_WHILE_MS);
    raw_write(*(int *)argument, "x", 1);
}

CONTRACT_TEST(end_before_completion_waits_for_it)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    struct thread sender;
    uint8_t buffer[8] = {0};
    size_t received;

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK(!apm_async_result_is_completed(receive.result));
    thread_start(&sender, send_one_byte_later, &pair.peer);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, &received));
    CHECK_EQ(received, 1);
    CHECK_EQ(buffer[0], 'x');
    if (harness_get_flavour() == HARNESS_FLAVOUR_CALLBACK) {
        LATCH_AWAIT(&receive.called, 1);
    }
    thread_join(&sender);
    peered_socket_close(pair);
}

CONTRACT_TEST(end_after_completion_gives_the_outcome_at_once)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[8];
    size_t received;

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 3);
    CHECK_EQ(memcmp(buffer, "abc", 3), 0);
    peered_socket_close(pair);
}

/* What a callback that ends its own operation leaves for the test. */
struct ended_in_callback {
    uint8_t buffer[8];
    apm_error error;
    apm_error second_error;
    size_t received;
    struct latch done;
};

static void end_receive_in_callback(apm_async_result result)
{
    struct ended_in_callback *ended = apm_async_result_async_state(result);
    apm_socket socket = apm_async_result_socket(result);

    ended->error = apm_socket_end_receive(socket, result, &ended->received);
    ended->second_error = apm_socket_end_receive(socket, result, NULL);
    latch_add(&ended->done, 1);
}

TEST(end_in_the_callback_gives_the_outcome_and_the_second_is_refused)
{
    peered_socket pair = peered_socket_create();
    struct ended_in_callback ended = {.done = LATCH_INITIALIZER};

    /* Without a result: the callback's handle is the only one. */
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, ended.buffer, sizeof ended.buffer, APM_SOCKET_FLAGS_NONE,
                                           end_receive_in_callback, &ended, NULL));
    raw_write(pair.peer, "abcd", 4);
    LATCH_AWAIT(&ended.done, 1);
    CHECK_SUCCESS(ended.error);
    CHECK_EQ(ended.received, 4);
    CHECK_ERROR(ended.second_error, APM_ERROR_INVALID_OPERATION);
    peered_socket_close(pair);
}

struct third_thread {
    apm_socket socket;
    apm_async_result result;
    apm_error error;
    size_t received;
};

static void end_receive_in_thread(void *argument)
{
    struct third_thread *third = argument;

    third->error = apm_socket_end_receive(third->socket, third->result, &third->received);
}

CONTRACT_TEST(end_in_a_third_thread_while_another_waits_releases_both)
{
    peered_socket pair = peered_socket_create();
    struct third_thread third = {.socket = pair.socket};
    struct thread ender;
    struct operation receive;
    uint8_t buffer[8];

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, buffer, sizeof buffer, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    third.result = receive.result;
    thread_start(&ender, end_receive_in_thread, &third);
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "abcde", 5);
    AWAIT(&receive);
    thread_join(&ender);
    CHECK_SUCCESS(third.error);
    CHECK_EQ(third.received, 5);
    CHECK(apm_async_result_is_completed(receive.result));
    peered_socket_close(pair);
}

CONTRACT_TEST(second_end_is_an_invalid_operation_for_every_kind)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket client = tcp_create();
    apm_socket accepted;
    apm_socket none;
    struct operation accept;
    struct operation connect;
    struct operation send;
    struct operation receive;
    struct operation disconnect;
    uint8_t buffer[4];
    size_t count;

    CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_begin_connect(client, local, ON_COMPLETION(&connect)));
    CHECK_SUCCESS(finish_connect(client, &connect));
    CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
    CHECK_SUCCESS(apm_socket_begin_send(client, "abcd", 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&send)));
    CHECK_SUCCESS(finish_send(client, &send, &count));
    CHECK_SUCCESS(apm_socket_begin_receive(accepted, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(accepted, &receive, &count));
    CHECK_SUCCESS(apm_socket_begin_disconnect(client, false, ON_COMPLETION(&disconnect)));
    CHECK_SUCCESS(finish_disconnect(client, &disconnect));

    CHECK_ERROR(apm_socket_end_connect(client, connect.result), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_end_accept(listener, accept.result, &none), APM_ERROR_INVALID_OPERATION);
    CHECK(apm_socket_is_null(none));
    CHECK_ERROR(apm_socket_end_send(client, send.result, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_end_receive(accepted, receive.result, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_end_disconnect(client, disconnect.result), APM_ERROR_INVALID_OPERATION);

    /* Also once the sockets are gone. */
    apm_socket_close(client);
    apm_socket_close(accepted);
    apm_socket_close(listener);
    CHECK_ERROR(apm_socket_end_send(client, send.result, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_end_receive(accepted, receive.result, NULL), APM_ERROR_INVALID_OPERATION);
}

/* -- End with what is not its own -------------------------------------------------------------------------------- */

CONTRACT_TEST(end_on_another_socket_is_an_argument_error_and_leaves_the_result_as_it_was)
{
    peered_socket mine = peered_socket_create();
    peered_socket other = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    CHECK_SUCCESS(apm_socket_begin_receive(mine.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));

    /* Pending, and it does not wait to find out. */
    CHECK_ERROR(apm_socket_end_receive(other.socket, receive.result, &received), APM_ERROR_ARGUMENT);
    CHECK_EQ(received, 0);
    raw_write(mine.peer, "abcd", 4);
    AWAIT(&receive);
    CHECK_ERROR(apm_socket_end_receive(other.socket, receive.result, &received), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_end_receive(mine.socket, receive.result, &received));
    CHECK_EQ(received, 4);
    peered_socket_close(mine);
    peered_socket_close(other);
}

CONTRACT_TEST(end_of_another_kind_is_an_argument_error_and_leaves_the_result_as_it_was)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    apm_host_entry *entry;
    apm_socket accepted;
    uint8_t buffer[4];
    size_t count;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_ERROR(apm_socket_end_send(pair.socket, receive.result, &count), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_connect(pair.socket, receive.result), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_disconnect(pair.socket, receive.result), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_accept(pair.socket, receive.result, &accepted), APM_ERROR_ARGUMENT);
    CHECK(apm_socket_is_null(accepted));
    CHECK_ERROR(apm_dns_end_get_host_entry(receive.result, &entry), APM_ERROR_ARGUMENT);
    CHECK(entry == NULL);
    CHECK_ERROR(apm_dns_end_get_host_addresses(receive.result, &entry), APM_ERROR_ARGUMENT);
    CHECK(entry == NULL);
    raw_write(pair.peer, "abc", 3);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &count));
    CHECK_EQ(count, 3);
    peered_socket_close(pair);
}

TEST(end_of_a_null_result_and_of_one_never_issued_is_refused)
{
    peered_socket pair = peered_socket_create();
    apm_async_result invented = {UINT64_C(0x7123456789abcdef)};
    apm_socket accepted;
    size_t count;

    CHECK_ERROR(apm_socket_end_receive(pair.socket, no_result, &count), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_send(pair.socket, no_result, &count), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_connect(pair.socket, no_result), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_disconnect(pair.socket, no_result), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_accept(pair.socket, no_result, &accepted), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_end_receive(pair.socket, invented, &count), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_send(pair.socket, invented, &count), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_connect(pair.socket, invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_disconnect(pair.socket, invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_socket_end_accept(pair.socket, invented, &accepted), APM_ERROR_ARGUMENT);
    peered_socket_close(pair);
}

CONTRACT_TEST(a_stale_result_stays_refused_while_its_slot_is_used_again)
{
    peered_socket pair = peered_socket_create();
    struct operation first;
    uint8_t buffer[1];
    size_t count;

    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&first)));
    CHECK_SUCCESS(finish_receive(pair.socket, &first, NULL));
    for (size_t i = 0; i < 1000; i++) {
        struct operation next;

        raw_write(pair.peer, "x", 1);
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&next)));
        CHECK(next.result.bits != first.result.bits);
        CHECK_ERROR(apm_socket_end_receive(pair.socket, first.result, &count), APM_ERROR_INVALID_OPERATION);
        CHECK_ERROR(apm_async_result_cancel(first.result), APM_ERROR_INVALID_OPERATION);
        CHECK_SUCCESS(finish_receive(pair.socket, &next, &count));
        CHECK_EQ(count, 1);
    }
    peered_socket_close(pair);
}

/* -- What a result answers --------------------------------------------------------------------------------------- */

CONTRACT_TEST(a_result_knows_state_and_socket_until_it_is_ended)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK(apm_async_result_async_state(receive.result) == &receive);
    CHECK_EQ(apm_async_result_socket(receive.result).bits, pair.socket.bits);
    CHECK(!apm_async_result_is_completed(receive.result));
    CHECK(!apm_async_result_completed_synchronously(receive.result));
    raw_write(pair.peer, "x", 1);
    AWAIT(&receive);
    CHECK(apm_async_result_async_state(receive.result) == &receive);
    CHECK(!apm_async_result_completed_synchronously(receive.result));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, NULL));
    CHECK(apm_async_result_is_completed(receive.result));
    if (harness_get_flavour() != HARNESS_FLAVOUR_CALLBACK) {
        /* With a callback the result is held until that has returned, which cannot be seen from here. */
        CHECK(apm_async_result_async_state(receive.result) == NULL);
        CHECK(apm_socket_is_null(apm_async_result_socket(receive.result)));
    }
    peered_socket_close(pair);
}

struct state_after_end {
    uint8_t buffer[4];
    void *state;
    apm_socket socket;
    struct latch done;
};

static void end_then_ask_for_the_state(apm_async_result result)
{
    struct state_after_end *asked = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_receive(apm_async_result_socket(result), result, NULL));
    asked->state = apm_async_result_async_state(result);
    asked->socket = apm_async_result_socket(result);
    latch_add(&asked->done, 1);
}

TEST(state_and_socket_stay_readable_in_the_callback_after_end)
{
    peered_socket pair = peered_socket_create();
    struct state_after_end asked = {.done = LATCH_INITIALIZER};

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, asked.buffer, 4, APM_SOCKET_FLAGS_NONE,
                                           end_then_ask_for_the_state, &asked, NULL));
    raw_write(pair.peer, "x", 1);
    LATCH_AWAIT(&asked.done, 1);
    CHECK(asked.state == &asked);
    CHECK_EQ(asked.socket.bits, pair.socket.bits);
    peered_socket_close(pair);
}

TEST(no_handle_is_completed_and_knows_nothing)
{
    apm_async_result invented = {UINT64_C(0xfedcba9876543210)};

    CHECK(apm_async_result_is_completed(no_result));
    CHECK(apm_async_result_is_completed(invented));
    CHECK(!apm_async_result_completed_synchronously(no_result));
    CHECK(apm_async_result_async_state(no_result) == NULL);
    CHECK(apm_async_result_async_state(invented) == NULL);
    CHECK(apm_socket_is_null(apm_async_result_socket(no_result)));
    CHECK(apm_socket_is_null(apm_async_result_socket(invented)));
    CHECK_ERROR(apm_async_result_cancel(no_result), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_async_result_cancel(invented), APM_ERROR_ARGUMENT);
    CHECK_ERROR(apm_async_result_cancel_after(no_result, 10), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_async_result_cancel_after(invented, 10), APM_ERROR_ARGUMENT);
}

CONTRACT_TEST(the_wait_handle_of_a_result_is_signalled_from_completion_on_also_after_end)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    apm_wait_handle handle;
    apm_wait_handle asked_late;
    uint8_t buffer[4];
    size_t index;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    handle = apm_async_result_async_wait_handle(receive.result);
    CHECK_ERROR(apm_wait_handle_wait_one(handle, 0), APM_ERROR_WAIT_TIMEOUT);
    raw_write(pair.peer, "x", 1);
    AWAIT(&receive);
    CHECK_SUCCESS(apm_wait_handle_wait_one(handle, 0));
    CHECK_SUCCESS(apm_wait_handle_wait_one(handle, 0));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, NULL));
    CHECK_SUCCESS(apm_wait_handle_wait_one(handle, 0));
    CHECK_SUCCESS(apm_wait_handle_wait_any(&handle, 1, 0, &index));
    CHECK_EQ(index, 0);
    CHECK_SUCCESS(apm_wait_handle_wait_all(&handle, 1, 0));
    asked_late = apm_async_result_async_wait_handle(receive.result);
    CHECK_SUCCESS(apm_wait_handle_wait_one(asked_late, 0));
    peered_socket_close(pair);
}

LIBRARY_TEST_MAIN()
