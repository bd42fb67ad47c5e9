/*
 * Receives that complete together, and the sends that their callbacks begin: these are gathered to go out in one system
 * call, and nothing that the callbacks do shows it.
 */
#include <stdlib.h>
#include <string.h>

#include "support_datagram.h"

enum { COUNT = 3, TOO_LARGE = 65508 };

/*
 * A server with COUNT receives pending on a pool of one thread, which is held in a callback of another socket until the
 * datagrams of a client have come: so the receives complete in one batch, and their callbacks follow one another.
 */
struct server {
    apm_socket socket;
    apm_endpoint local;
    apm_socket client;
    apm_endpoint client_local;
    apm_socket gate;
    apm_endpoint gate_local;
    struct latch held;
    struct latch released;
    struct latch called; /* callbacks that have returned */
    struct latch sent;   /* sends that have completed, with success */
    struct latch refused;
    char buffers[COUNT][8];
    void (*on_request)(struct server *server, size_t number);
    _Atomic size_t next;
};

static struct server server;

static void on_gate(apm_async_result result)
{
    latch_add(&server.held, 1);
    LATCH_AWAIT(&server.released, 1);
    CHECK_SUCCESS(apm_socket_end_receive_from(server.gate, result, NULL, NULL));
}

static void on_received(apm_async_result result)
{
    size_t received;

    CHECK_SUCCESS(apm_socket_end_receive_from(server.socket, result, NULL, &received));
    CHECK_EQ(received, 1);
    server.on_request(&server, atomic_fetch_add(&server.next, 1));
    latch_add(&server.called, 1);
}

static void on_sent(apm_async_result result)
{
    apm_error error = apm_socket_end_send_to(server.socket, result, NULL);

    if (error == APM_ERROR_MESSAGE_SIZE) {
        latch_add(&server.refused, 1);
    } else {
        CHECK_SUCCESS(error);
        latch_add(&server.sent, 1);
    }
}

static void reply(const char *text, size_t size)
{
    CHECK_SUCCESS(apm_socket_begin_send_to(server.socket, text, size, APM_SOCKET_FLAGS_NONE, server.client_local,
                                           on_sent, NULL, NULL));
}

/* Has the batch received; `threads` is the maximum of the pool from the moment on in which its worker is released. */
static void receive_batch(void (*on_request)(struct server *server, size_t number), int threads)
{
    apm_thread_pool pool = APM_NULL_HANDLE;
    char byte;

    latch_init(&server.held);
    latch_init(&server.released);
    latch_init(&server.called);
    latch_init(&server.sent);
    latch_init(&server.refused);
    server.on_request = on_request;
    CHECK_SUCCESS(apm_thread_pool_set_min_threads(pool, 1));
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(pool, 1));
    server.socket = udp_bind(&server.local);
    server.client = udp_bind(&server.client_local);
    server.gate = udp_bind(&server.gate_local);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive_from(server.socket, server.buffers[i], 8, APM_SOCKET_FLAGS_NONE,
                                                    on_received, NULL, NULL));
    }
    CHECK_SUCCESS(apm_socket_begin_receive_from(server.gate, &byte, 1, APM_SOCKET_FLAGS_NONE, on_gate, NULL, NULL));
    send_text_to(server.gate_local, "x");
    LATCH_AWAIT(&server.held, 1);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_SUCCESS(apm_socket_send_to(server.client, "x", 1, APM_SOCKET_FLAGS_NONE, server.local, NULL));
    }
    CHECK_SUCCESS(apm_thread_pool_set_max_threads(pool, threads));
    latch_add(&server.released, 1);
}

static void end_server(void)
{
    LATCH_AWAIT(&server.called, COUNT);
    CHECK_SUCCESS(apm_socket_close(server.client));
    CHECK_SUCCESS(apm_socket_close(server.gate));
    CHECK_SUCCESS(apm_socket_close(server.socket));
}

/* -- What the callbacks do ---------------------------------------------------------------------------------------- */

static const char *const texts[COUNT] = {"first", "second", "third"};

static void reply_once(struct server *self, size_t number)
{
    (void)self;
    reply(texts[number], strlen(texts[number]));
}

TEST(replies_of_a_batch_arrive_in_the_order_begun)
{
    receive_batch(reply_once, 1);
    for (size_t i = 0; i < COUNT; i++) {
        expect_text(server.client, texts[i]);
    }
    LATCH_AWAIT(&server.sent, COUNT);
    end_server();
}

static void reply_to_the_first(struct server *self, size_t number)
{
    (void)self;
    if (number == 0) {
        reply("first", 5);
    }
}

TEST(a_reply_is_sent_although_the_last_callback_of_the_batch_sends_nothing)
{
    receive_batch(reply_to_the_first, 1);
    expect_text(server.client, "first");
    LATCH_AWAIT(&server.sent, 1);
    end_server();
}

static char large[TOO_LARGE];

static void reply_with_one_too_large(struct server *self, size_t number)
{
    (void)self;
    reply(number == 1 ? large : texts[number], number == 1 ? TOO_LARGE : strlen(texts[number]));
}

TEST(a_datagram_that_is_too_large_fails_alone)
{
    receive_batch(reply_with_one_too_large, 1);
    expect_text(server.client, "first");
    expect_text(server.client, "third");
    LATCH_AWAIT(&server.sent, 2);
    LATCH_AWAIT(&server.refused, 1);
    end_server();
}

/* A burst of more than go into one system call. */
static void reply_many_times(struct server *self, size_t number)
{
    static uint8_t numbers[100];

    (void)self;
    for (uint8_t i = 0; number == 0 && i < 100; i++) {
        numbers[i] = i;
        reply((const char *)&numbers[i], 1);
    }
}

TEST(a_callback_may_begin_more_sends_than_go_into_one_call)
{
    receive_batch(reply_many_times, 1);
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t number;

        CHECK_SUCCESS(apm_socket_receive(server.client, &number, 1, APM_SOCKET_FLAGS_NONE, NULL));
        CHECK_EQ(number, i);
    }
    LATCH_AWAIT(&server.sent, 100);
    end_server();
}

static apm_manual_reset_event arrived;

static void reply_and_wait(struct server *self, size_t number)
{
    reply_to_the_first(self, number);
    if (number == 0) {
        CHECK_SUCCESS(apm_wait_handle_wait_one(apm_manual_reset_event_to_wait_handle(arrived), PATIENCE_MS));
    }
}

TEST(a_reply_is_sent_before_its_callback_waits)
{
    CHECK_SUCCESS(apm_manual_reset_event_create(false, &arrived));
    receive_batch(reply_and_wait, 1);
    expect_text(server.client, "first");
    CHECK_EQ(latch_count(&server.called), 0);
    CHECK_SUCCESS(apm_manual_reset_event_set(arrived));
    end_server();
    CHECK_SUCCESS(apm_manual_reset_event_close(arrived));
}

static void reply_and_end(struct server *self, size_t number)
{
    apm_async_result result;

    if (number == 0) {
        CHECK_SUCCESS(apm_socket_begin_send_to(self->socket, "first", 5, APM_SOCKET_FLAGS_NONE, self->client_local,
                                               NULL, NULL, &result));
        CHECK_SUCCESS(apm_socket_end_send_to(self->socket, result, NULL));
        CHECK_SUCCESS(apm_socket_send_to(self->socket, "second", 6, APM_SOCKET_FLAGS_NONE, self->client_local, NULL));
    }
}

TEST(a_callback_may_wait_for_its_own_reply)
{
    receive_batch(reply_and_end, 1);
    expect_text(server.client, "first");
    expect_text(server.client, "second");
    end_server();
}

static struct latch seen;

static void reply_and_block(struct server *self, size_t number)
{
    reply_to_the_first(self, number);
    if (number == 0) {
        LATCH_AWAIT(&seen, 1);
    }
}

TEST(a_reply_is_sent_although_its_callback_blocks)
{
    latch_init(&seen);
    receive_batch(reply_and_block, 4);
    expect_text(server.client, "first");
    latch_add(&seen, 1);
    end_server();
}

static void reply_and_block_as_told(struct server *self, size_t number)
{
    reply_to_the_first(self, number);
    if (number == 0) {
        apm_thread_pool_blocking_begin();
        LATCH_AWAIT(&seen, 1);
        apm_thread_pool_blocking_end();
    }
}

/* As expect_text, but waits by trying again: with the pool's only worker blocked nobody would tell of the datagram. */
static void expect_text_without_workers(apm_socket socket, const char *text)
{
    char buffer[16] = "";
    apm_error error;

    CHECK_SUCCESS(apm_socket_set_blocking(socket, false));
    do {
        error = apm_socket_receive_from(socket, buffer, sizeof buffer - 1, APM_SOCKET_FLAGS_NONE, NULL, NULL);
    } while (error == APM_ERROR_WOULD_BLOCK);
    CHECK_SUCCESS(error);
    CHECK_STR(buffer, text);
}

TEST(a_reply_is_sent_before_its_callback_blocks_as_it_has_told)
{
    latch_init(&seen);
    receive_batch(reply_and_block_as_told, 1);
    expect_text_without_workers(server.client, "first");
    latch_add(&seen, 1);
    end_server();
}

static void reply_and_close(struct server *self, size_t number)
{
    reply_to_the_first(self, number);
    if (number == 0) {
        CHECK_SUCCESS(apm_socket_close(self->socket));
    }
}

TEST(a_reply_is_sent_although_its_callback_closes_the_socket)
{
    receive_batch(reply_and_close, 1);
    expect_text(server.client, "first");
    LATCH_AWAIT(&server.sent, 1);
    end_server();
}

static void reply_and_shut_down(struct server *self, size_t number)
{
    if (number == 0) {
        CHECK_SUCCESS(apm_socket_connect(self->socket, self->client_local));
        reply("first", 5);
        CHECK_SUCCESS(apm_socket_shutdown(self->socket, APM_SOCKET_SHUTDOWN_SEND));
    }
}

TEST(a_reply_is_sent_although_its_callback_shuts_the_socket_down)
{
    receive_batch(reply_and_shut_down, 1);
    expect_text(server.client, "first");
    LATCH_AWAIT(&server.sent, 1);
    end_server();
}

/* What one socket's callback sends by another one is gathered, too. */
static apm_socket other;

static void on_sent_by_other(apm_async_result result)
{
    CHECK_SUCCESS(apm_socket_end_send_to(other, result, NULL));
}

static void reply_by_another(struct server *self, size_t number)
{
    CHECK_SUCCESS(apm_socket_begin_send_to(other, texts[number], strlen(texts[number]), APM_SOCKET_FLAGS_NONE,
                                           self->client_local, on_sent_by_other, NULL, NULL));
}

TEST(replies_may_go_by_another_socket)
{
    apm_endpoint local;

    other = udp_bind(&local);
    receive_batch(reply_by_another, 1);
    for (size_t i = 0; i < COUNT; i++) {
        expect_text(server.client, texts[i]);
    }
    end_server();
    CHECK_SUCCESS(apm_socket_close(other));
}

static apm_async_result cancelled;

static void on_cancelled(apm_async_result result)
{
    apm_error error = apm_socket_end_send_to(server.socket, result, NULL);

    CHECK(error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_SUCCESS);
    latch_add(&server.sent, 1);
}

static void cancel_the_first(struct server *self, size_t number)
{
    if (number == 0) {
        CHECK_SUCCESS(apm_socket_begin_send_to(self->socket, "never", 5, APM_SOCKET_FLAGS_NONE, self->client_local,
                                               on_cancelled, NULL, &cancelled));
        CHECK_SUCCESS(apm_async_result_cancel(cancelled));
    }
    reply(texts[number], strlen(texts[number]));
}

TEST(a_send_that_is_cancelled_leaves_those_behind_it_as_they_are)
{
    char buffer[16] = {0};

    receive_batch(cancel_the_first, 1);
    LATCH_AWAIT(&server.sent, COUNT + 1);
    do {
        memset(buffer, 0, sizeof buffer);
        CHECK_SUCCESS(apm_socket_receive(server.client, buffer, 15, APM_SOCKET_FLAGS_NONE, NULL));
    } while (strcmp(buffer, "never") == 0);
    CHECK_STR(buffer, "first");
    expect_text(server.client, "second");
    expect_text(server.client, "third");
    end_server();
}

/* The second receive is a part of the attempt that serves the first, and gets nothing. */
TEST(a_receive_that_a_batch_has_left_pending_can_be_cancelled)
{
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct operation receives[2];
    char bytes[2];
    size_t received;

    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive_from(socket, &bytes[i], 1, APM_SOCKET_FLAGS_NONE,
                                                    ON_COMPLETION(&receives[i])));
    }
    send_text_to(local, "x");
    CHECK_SUCCESS(finish_receive_from(socket, &receives[0], NULL, &received));
    CHECK_EQ(received, 1);
    CHECK_SUCCESS(apm_async_result_cancel(receives[1].result));
    CHECK_ERROR(finish_receive_from(socket, &receives[1], NULL, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_socket_close(socket));
}

LIBRARY_TEST_MAIN()
