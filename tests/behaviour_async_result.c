/*
 * IAsyncResult as .NET has it: the cases iar-001 to iar-030 of its recorded behaviour, and that completions are never
 * synchronous, where those of .NET are.
 */
#include <stdlib.h>

#include "support.h"

/* -- State, handle, order ---------------------------------------------------------------------------------------- */

TEST(async_state_is_what_begin_was_given_also_null_iar_002)
{
    peered_socket pair = peered_socket_create();
    apm_async_result with_state;
    apm_async_result without;
    uint8_t buffer[2];
    int state;

    CHECK_SUCCESS(
        apm_socket_begin_receive(pair.socket, &buffer[0], 1, APM_SOCKET_FLAGS_NONE, NULL, &state, &with_state));
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, &buffer[1], 1, APM_SOCKET_FLAGS_NONE, NULL, NULL, &without));
    CHECK(apm_async_result_async_state(with_state) == &state);
    CHECK(apm_async_result_async_state(without) == NULL);
    raw_write(pair.peer, "xy", 2);
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, with_state, NULL));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, without, NULL));
    peered_socket_close(pair);
}

TEST(the_callback_gets_the_result_that_begin_returned_iar_003)
{
    peered_socket pair = peered_socket_create();
    struct operation pending;
    struct operation immediate;
    uint8_t buffer[1];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&pending)));
    raw_write(pair.peer, "xy", 2);
    CHECK_SUCCESS(finish_receive(pair.socket, &pending, NULL));
    CHECK_EQ(pending.seen.bits, pending.result.bits);
    await_available(pair.socket, 1);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&immediate)));
    CHECK_SUCCESS(finish_receive(pair.socket, &immediate, NULL));
    CHECK_EQ(immediate.seen.bits, immediate.result.bits);
    peered_socket_close(pair);
}

TEST(a_wait_handle_first_asked_for_after_completion_is_set_iar_005)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[1];

    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    AWAIT(&receive);
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(receive.result), 0));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, receive.result, NULL));
    peered_socket_close(pair);
}

struct observer {
    uint8_t buffer[1];
    struct latch done;
    struct latch released;
};

static void look_at_the_handle(apm_async_result result)
{
    struct observer *observer = apm_async_result_async_state(result);

    CHECK(apm_async_result_is_completed(result));
    CHECK(!apm_async_result_completed_synchronously(result));
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(result), 0));
    latch_add(&observer->done, 1);
}

TEST(in_the_callback_the_operation_is_completed_and_the_handle_is_set_iar_006)
{
    peered_socket pair = peered_socket_create();
    struct observer observer = {.done = LATCH_INITIALIZER};

    for (size_t i = 1; i <= 200; i++) {
        apm_async_result result;

        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, observer.buffer, 1, APM_SOCKET_FLAGS_NONE,
                                               look_at_the_handle, &observer, &result));
        (void)apm_async_result_async_wait_handle(result);
        raw_write(pair.peer, "x", 1);
        LATCH_AWAIT(&observer.done, i);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, result, NULL));
    }
    peered_socket_close(pair);
}

static void stay_in_the_callback(apm_async_result result)
{
    struct observer *observer = apm_async_result_async_state(result);

    LATCH_AWAIT(&observer->released, 1);
    latch_add(&observer->done, 1);
}

TEST(the_handle_and_end_do_not_wait_for_the_callback_to_finish_iar_007)
{
    peered_socket pair = peered_socket_create();
    struct observer observer = {.done = LATCH_INITIALIZER, .released = LATCH_INITIALIZER};
    apm_async_result result;
    size_t received;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, observer.buffer, 1, APM_SOCKET_FLAGS_NONE, stay_in_the_callback,
                                           &observer, &result));
    raw_write(pair.peer, "x", 1);
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(result), PATIENCE_MS));
    CHECK_SUCCESS(apm_socket_end_receive(pair.socket, result, &received));
    CHECK_EQ(received, 1);
    CHECK_EQ(latch_count(&observer.done), 0);
    latch_add(&observer.released, 1);
    LATCH_AWAIT(&observer.done, 1);
    peered_socket_close(pair);
}

/* -- Never synchronous, where .NET is ---------------------------------------------------------------------------- */

/* A thread that waits for the result, and lets the callback go only then; or one that the callback lets go. */
struct rivals {
    apm_async_result result;
    struct latch called;
    struct latch seen;
    bool callback_waits;
};

static void meet_the_waiter(apm_async_result result)
{
    struct rivals *rivals = apm_async_result_async_state(result);

    if (rivals->callback_waits)
        LATCH_AWAIT(&rivals->seen, 1);
    latch_add(&rivals->called, 1);
}

static void meet_the_callback(void *argument)
{
    struct rivals *rivals = argument;

    if (!rivals->callback_waits)
        LATCH_AWAIT(&rivals->called, 1);
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(rivals->result), PATIENCE_MS));
    latch_add(&rivals->seen, 1);
}

TEST(neither_a_waiter_nor_the_callback_needs_the_other_to_go_first_iar_008)
{
    for (size_t i = 0; i < 50; i++) {
        peered_socket pair = peered_socket_create();
        struct rivals rivals = {.callback_waits = i % 2 == 0};
        struct thread thread;
        uint8_t buffer[1];

        latch_init(&rivals.called);
        latch_init(&rivals.seen);
        CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 1, APM_SOCKET_FLAGS_NONE, meet_the_waiter, &rivals,
                                               &rivals.result));
        thread_start(&thread, meet_the_callback, &rivals);
        raw_write(pair.peer, "x", 1);
        thread_join(&thread);
        LATCH_AWAIT(&rivals.called, 1);
        CHECK_SUCCESS(apm_socket_end_receive(pair.socket, rivals.result, NULL));
        CHECK_SUCCESS(apm_socket_close_and_wait(pair.socket, PATIENCE_MS));
        raw_close(pair.peer);
    }
}

TEST(a_receive_with_data_waiting_completes_on_a_pool_thread_iar_010)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received;

    raw_write(pair.peer, "abcd", 4);
    await_available(pair.socket, 4);

    /* The callback of an operation checks that it runs on a pool thread and not synchronously. */
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK(!apm_async_result_completed_synchronously(receive.result));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 4);
    peered_socket_close(pair);
}

TEST(a_receive_that_waits_for_data_completes_on_a_pool_thread_iar_011_iar_040)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_PENDING(&receive);
    raw_write(pair.peer, "abcd", 4);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, NULL));
    peered_socket_close(pair);
}

TEST(a_receive_after_the_peer_has_closed_gives_0_bytes_iar_012)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;

    raw_close(pair.peer);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
}

TEST(a_send_into_an_empty_buffer_completes_at_once_iar_013_iar_027)
{
    peered_socket pair = peered_socket_create();
    struct operation send;
    uint8_t data[100] = {0};
    size_t sent;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, data, 100, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, 100);
    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, data, 0, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, 0);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK_ORDERLY_END(pair.peer, 100);
    raw_close(pair.peer);
}

TEST(a_send_of_64_MiB_completes_when_the_peer_has_read_iar_014)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    struct operation send;
    size_t sent;

    CHECK_SUCCESS(apm_socket_begin_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&send)));
    CHECK_PENDING(&send);
    raw_read_zeros(pair.peer, BIG_BLOCK_SIZE);
    CHECK_SUCCESS(finish_send(pair.socket, &send, &sent));
    CHECK_EQ(sent, BIG_BLOCK_SIZE);
    peered_socket_close(pair);
    free(block);
}

TEST(an_accept_completes_with_a_connection_pending_and_with_one_that_comes_later_iar_015_iar_016)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;

    for (int later = 0; later < 2; later++) {
        apm_socket accepted;
        int peer = later ? -1 : raw_connect(local);

        CHECK_SUCCESS(apm_socket_begin_accept(listener, ON_CALLBACK(&accept)));
        if (later) {
            CHECK_PENDING(&accept);
            peer = raw_connect(local);
        }
        CHECK_SUCCESS(finish_accept(listener, &accept, &accepted));
        CHECK_SUCCESS(apm_socket_close(accepted));
        raw_close(peer);
    }
    CHECK_SUCCESS(apm_socket_close(listener));
}

TEST(connects_complete_on_a_pool_thread_whether_accepted_or_refused_iar_017_iar_018)
{
    apm_endpoint local;
    apm_endpoint closed = closed_endpoint();
    int listener = raw_listen(128, &local);

    for (size_t i = 0; i < 50; i++) {
        apm_socket socket = tcp_create();
        struct operation connect;

        CHECK_SUCCESS(apm_socket_begin_connect(socket, closed, ON_CALLBACK(&connect)));
        CHECK_ERROR(finish_connect(socket, &connect), APM_ERROR_CONNECTION_REFUSED);
        CHECK_SUCCESS(apm_socket_begin_connect(socket, local, ON_CALLBACK(&connect)));
        CHECK_SUCCESS(finish_connect(socket, &connect));
        CHECK_SUCCESS(apm_socket_close(socket));
    }
    raw_close(listener);
}

TEST(disconnect_with_and_without_reuse_completes_on_a_pool_thread_iar_024)
{
    for (int reuse = 0; reuse < 2; reuse++) {
        peered_socket pair = peered_socket_create();
        struct operation disconnect;

        CHECK_SUCCESS(apm_socket_begin_disconnect(pair.socket, reuse != 0, ON_CALLBACK(&disconnect)));
        CHECK_SUCCESS(finish_disconnect(pair.socket, &disconnect));
        peered_socket_close(pair);
    }
}

TEST(a_zero_byte_receive_tells_when_the_socket_is_readable_iar_026)
{
    peered_socket pair = peered_socket_create();
    struct operation receive;
    uint8_t buffer[4];
    size_t received = 99;
    size_t available;

    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 0, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK(!operation_wait(&receive, 100));
    raw_write(pair.peer, "abcd", 4);
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_begin_receive(pair.socket, buffer, 0, APM_SOCKET_FLAGS_NONE, ON_CALLBACK(&receive)));
    CHECK_SUCCESS(finish_receive(pair.socket, &receive, &received));
    CHECK_EQ(received, 0);
    CHECK_SUCCESS(apm_socket_available(pair.socket, &available));
    CHECK_EQ(available, 4);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
    peered_socket_close(pair);
}

TEST(look_ups_of_addresses_and_of_localhost_complete_on_a_pool_thread_iar_028)
{
    static const char *const names[] = {"127.0.0.1", "::1", "localhost"};

    enter_private_network_with_names();
    for (size_t i = 0; i < 3; i++) {
        struct operation lookup;
        apm_host_entry *entry = NULL;

        CHECK_SUCCESS(apm_dns_begin_get_host_addresses(names[i], ON_CALLBACK(&lookup)));
        AWAIT(&lookup);
        CHECK_SUCCESS(apm_dns_end_get_host_addresses(lookup.result, &entry));
        CHECK(entry != NULL);
        CHECK_EQ(entry->address_count, 1);
        CHECK(apm_ip_address_is_loopback(entry->address_list[0]));
        apm_host_entry_free(entry);
    }
}

LIBRARY_TEST_MAIN()
