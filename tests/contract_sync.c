/*
 * The synchronous twins: time-outs, a close meanwhile, and calls inside callbacks. Error codes as recorded from .NET.
 */
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* -- Time-outs --------------------------------------------------------------------------------------------------- */

TEST(receive_times_out_and_the_socket_stays_usable_pol_020)
{
    peered_socket pair = peered_socket_create();
    uint8_t buffer[4];
    size_t received = 99;
    int64_t start = harness_now_ms();

    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 200));
    CHECK_ERROR(apm_socket_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &received), APM_ERROR_TIMED_OUT);
    CHECK_EQ(received, 0);
    CHECK(harness_now_ms() - start >= 190);
    CHECK(harness_now_ms() - start < 4000);
    CHECK(apm_socket_connected(pair.socket));
    raw_write(pair.peer, "ab", 2);
    CHECK_SUCCESS(apm_socket_receive(pair.socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_EQ(received, 2);
    peered_socket_close(pair);
}

TEST(send_times_out_and_tells_how_many_bytes_went_pol_024)
{
    peered_socket pair = peered_socket_create();
    uint8_t *block = big_block_create();
    size_t sent = 0;

    CHECK_SUCCESS(apm_socket_set_send_timeout(pair.socket, 300));
    CHECK_ERROR(apm_socket_send(pair.socket, block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE, &sent), APM_ERROR_TIMED_OUT);
    CHECK(sent > 0 && sent < BIG_BLOCK_SIZE);

    /* It was cut short, with what follows from that. */
    CHECK_ERROR(apm_socket_send(pair.socket, "x", 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_SHUTDOWN);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
    free(block);
}

TEST(the_send_time_out_holds_for_connect_pol_023)
{
    apm_socket socket;
    apm_endpoint silent;
    int64_t start;

    enter_private_network();
    CHECK_SUCCESS(apm_endpoint_parse("203.0.113.5:80", &silent));
    socket = tcp_create();
    CHECK_SUCCESS(apm_socket_set_send_timeout(socket, 150));
    start = harness_now_ms();
    CHECK_ERROR(apm_socket_connect(socket, silent), APM_ERROR_TIMED_OUT);
    CHECK(harness_now_ms() - start < 1500);
    CHECK_SUCCESS(apm_socket_close(socket));
}

struct blocked {
    apm_socket socket;
    apm_endpoint remote;
    uint8_t *block;
    apm_error error;
    size_t count;
    int64_t returned_ms;
    struct latch entered;
    struct latch left;
    struct thread thread;
};

static void blocked_start(struct blocked *blocked, apm_socket socket, void (*body)(void *))
{
    blocked->socket = socket;
    latch_init(&blocked->entered);
    latch_init(&blocked->left);
    thread_start(&blocked->thread, body, blocked);
    LATCH_AWAIT(&blocked->entered, 1);
    CHECK(!latch_wait(&blocked->left, 1, SHORT_WHILE_MS));
}

static void blocked_finish(struct blocked *blocked)
{
    thread_join(&blocked->thread);
}

static void block_in_receive(void *argument)
{
    struct blocked *blocked = argument;
    uint8_t buffer[4];

    latch_add(&blocked->entered, 1);
    blocked->error = apm_socket_receive(blocked->socket, buffer, 4, APM_SOCKET_FLAGS_NONE, &blocked->count);
    blocked->returned_ms = harness_now_ms();
    latch_add(&blocked->left, 1);
}

static void block_in_send(void *argument)
{
    struct blocked *blocked = argument;

    latch_add(&blocked->entered, 1);
    blocked->error = apm_socket_send(blocked->socket, blocked->block, BIG_BLOCK_SIZE, APM_SOCKET_FLAGS_NONE,
                                     &blocked->count);
    latch_add(&blocked->left, 1);
}

static void block_in_accept(void *argument)
{
    struct blocked *blocked = argument;
    apm_socket accepted;

    latch_add(&blocked->entered, 1);
    blocked->error = apm_socket_accept(blocked->socket, &accepted);
    if (blocked->error == APM_ERROR_SUCCESS) {
        apm_socket_close(accepted);
    } else {
        CHECK(apm_socket_is_null(accepted));
    }
    latch_add(&blocked->left, 1);
}

static void block_in_connect(void *argument)
{
    struct blocked *blocked = argument;

    latch_add(&blocked->entered, 1);
    blocked->error = apm_socket_connect(blocked->socket, blocked->remote);
    latch_add(&blocked->left, 1);
}

TEST(the_receive_time_out_does_not_hold_for_accept_pol_023)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct blocked blocked;
    int peer;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(listener, 10));
    blocked_start(&blocked, listener, block_in_accept);
    peer = raw_connect(local);
    blocked_finish(&blocked);
    CHECK_SUCCESS(blocked.error);
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

TEST(a_time_out_set_while_a_receive_waits_does_not_touch_it_pol_026)
{
    peered_socket pair = peered_socket_create();
    struct blocked blocked;

    blocked_start(&blocked, pair.socket, block_in_receive);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(pair.socket, 10));
    CHECK(!latch_wait(&blocked.left, 1, 200));
    raw_write(pair.peer, "x", 1);
    blocked_finish(&blocked);
    CHECK_SUCCESS(blocked.error);
    CHECK_EQ(blocked.count, 1);
    peered_socket_close(pair);
}

/* -- Close meanwhile --------------------------------------------------------------------------------------------- */

TEST(close_releases_a_synchronous_receive_with_connection_aborted_cls_009)
{
    peered_socket pair = peered_socket_create();
    struct blocked blocked;
    int64_t start;

    blocked_start(&blocked, pair.socket, block_in_receive);
    start = harness_now_ms();
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    blocked_finish(&blocked);
    CHECK_ERROR(blocked.error, APM_ERROR_CONNECTION_ABORTED);
    CHECK(blocked.returned_ms - start < 1000);
    CHECK_ORDERLY_END(pair.peer, 0);
    raw_close(pair.peer);
}

TEST(close_releases_a_synchronous_send_with_connection_aborted_cls_011)
{
    peered_socket pair = peered_socket_create();
    struct blocked blocked = {.block = big_block_create()};

    blocked_start(&blocked, pair.socket, block_in_send);
    CHECK_SUCCESS(apm_socket_close(pair.socket));
    blocked_finish(&blocked);
    CHECK_ERROR(blocked.error, APM_ERROR_CONNECTION_ABORTED);
    CHECK(raw_read_to_end(pair.peer).reset);
    raw_close(pair.peer);
    free(blocked.block);
}

TEST(close_releases_a_synchronous_accept_with_interrupted_cls_010)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct blocked blocked;

    blocked_start(&blocked, listener, block_in_accept);
    CHECK_SUCCESS(apm_socket_close(listener));
    blocked_finish(&blocked);
    CHECK_ERROR(blocked.error, APM_ERROR_INTERRUPTED);
}

TEST(close_releases_a_synchronous_connect_with_not_socket_con_035)
{
    struct blocked blocked;
    apm_socket socket;

    enter_private_network();
    CHECK_SUCCESS(apm_endpoint_parse("203.0.113.5:80", &blocked.remote));
    socket = tcp_create();
    blocked_start(&blocked, socket, block_in_connect);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK(latch_wait(&blocked.left, 1, 1000));
    blocked_finish(&blocked);
    CHECK_ERROR(blocked.error, APM_ERROR_NOT_SOCKET);
}

TEST(shutdown_releases_a_synchronous_receive_with_0_bytes_cls_014)
{
    peered_socket pair = peered_socket_create();
    struct blocked blocked;

    blocked_start(&blocked, pair.socket, block_in_receive);
    CHECK_SUCCESS(apm_socket_shutdown(pair.socket, APM_SOCKET_SHUTDOWN_BOTH));
    blocked_finish(&blocked);
    CHECK_SUCCESS(blocked.error);
    CHECK_EQ(blocked.count, 0);
    peered_socket_close(pair);
}

/* -- Inside callbacks -------------------------------------------------------------------------------------------- */

enum { SYNC_CALLERS = 8 };

struct sync_caller {
    apm_socket server;
    uint8_t request[4];
    struct latch *done;
};

/* An echo in the old style: the callback blocks for the rest of the request and for the answer to go out. */
static void answer_synchronously(apm_async_result result)
{
    struct sync_caller *caller = apm_async_result_async_state(result);
    size_t received;

    CHECK_SUCCESS(apm_socket_end_receive(caller->server, result, &received));
    CHECK_EQ(received, 1);
    receive_exactly(caller->server, caller->request + 1, 3);
    send_all(caller->server, caller->request, 4);
    latch_add(caller->done, 1);
}

static void check_synchronous_calls_in_callbacks(int max_threads)
{
    socket_pair pairs[SYNC_CALLERS];
    struct sync_caller callers[SYNC_CALLERS];
    struct latch done = LATCH_INITIALIZER;
    apm_thread_pool pool = APM_NULL_HANDLE;
    uint8_t buffer[4];

    CHECK_SUCCESS(apm_thread_pool_set_min_threads(pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(pool, max_threads));
    for (size_t i = 0; i < SYNC_CALLERS; i++) {
        pairs[i] = socket_pair_create();
        callers[i].server = pairs[i].server;
        callers[i].done = &done;
        CHECK_SUCCESS(apm_socket_begin_receive(pairs[i].server, callers[i].request, 1, APM_SOCKET_FLAGS_NONE,
                                               answer_synchronously, &callers[i], NULL));
    }
    /* Every callback is to wait at the same time, for bytes that come last to first. */
    for (size_t i = 0; i < SYNC_CALLERS; i++) {
        send_all(pairs[i].client, "r", 1);
    }
    for (size_t i = SYNC_CALLERS; i-- > 0;) {
        send_all(pairs[i].client, "est", 3);
    }
    LATCH_AWAIT(&done, SYNC_CALLERS);
    for (size_t i = 0; i < SYNC_CALLERS; i++) {
        receive_exactly(pairs[i].client, buffer, 4);
        CHECK_EQ(memcmp(buffer, "rest", 4), 0);
        socket_pair_close(pairs[i]);
    }
}

TEST(synchronous_calls_inside_callbacks_return_with_many_threads)
{
    check_synchronous_calls_in_callbacks(SYNC_CALLERS * 2);
}

TEST(synchronous_calls_inside_callbacks_return_with_as_many_threads_as_callbacks)
{
    check_synchronous_calls_in_callbacks(SYNC_CALLERS);
}

TEST(synchronous_calls_inside_callbacks_return_with_two_threads)
{
    check_synchronous_calls_in_callbacks(2);
}

TEST(synchronous_calls_inside_callbacks_return_with_one_thread)
{
    check_synchronous_calls_in_callbacks(1);
}

LIBRARY_TEST_MAIN()
