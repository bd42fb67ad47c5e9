/*
 * Races of what servers use: turns of serialised sockets, drains under load, sends and waits at the water marks.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

/* -- Turns ------------------------------------------------------------------------------------------------------- */

struct turns {
    apm_socket socket;
    size_t count;       /* plain: ThreadSanitizer sees two callbacks at once, or without order between them */
    struct latch begun; /* posts that Begin has taken */
    struct latch done;
};

static void take_a_turn(apm_async_result result)
{
    struct turns *turns = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_post(turns->socket, result));
    turns->count++;
    latch_add(&turns->done, 1);
}

static void post_many(void *argument)
{
    struct turns *turns = argument;

    for (size_t i = 0; i < 100; i++) {
        apm_error error = apm_socket_begin_post(turns->socket, take_a_turn, turns, NULL);

        if (error != APM_ERROR_SUCCESS) {
            CHECK_ERROR(error, APM_ERROR_OBJECT_DISPOSED);
            return;
        }
        latch_add(&turns->begun, 1);
    }
}

TEST(turns_that_are_asked_for_by_several_threads_do_not_overlap_and_none_is_lost)
{
    struct turns turns;
    struct race race;

    latch_init(&turns.begun);
    latch_init(&turns.done);
    CHECK_SUCCESS(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, 4));
    race_start(&race, post_many, &turns);
    while (race_goes_on(&race)) {
        turns.socket = tcp_create();
        turns.count = 0;
        turns.begun.count = 0;
        turns.done.count = 0;
        CHECK_SUCCESS(apm_socket_set_serialised(turns.socket, true));
        race_clash(&race);
        post_many(&turns);
        if (race.rounds % 2 == 0) { /* beside the rival's posts, and beside callbacks */
            CHECK_SUCCESS(apm_socket_close(turns.socket));
        }
        race_settle(&race);
        CHECK_SUCCESS(apm_socket_close_and_wait(turns.socket, PATIENCE_MS));
        CHECK_EQ(turns.count, latch_count(&turns.begun));
        CHECK_EQ(turns.count, latch_count(&turns.done));
    }
    race_stop(&race);
}

/* -- Drains under load ------------------------------------------------------------------------------------------- */

enum { CLIENTS = 4, MESSAGE = 16 };

struct server {
    apm_socket listener;
    apm_endpoint local;
    bool may_be_cut_short;
    _Atomic size_t requests; /* that have been read as a whole */
    _Atomic size_t answers;  /* that clients have read */
    _Atomic size_t open;
    struct latch accepts_over;
    struct latch closed;
};

struct connection {
    struct server *server;
    apm_socket socket;
    size_t size; /* of the request so far */
    uint8_t request[MESSAGE];
};

static void finish(struct connection *connection)
{
    struct server *server = connection->server;

    CHECK_SUCCESS(apm_socket_close(connection->socket));
    free(connection);
    latch_add(&server->closed, 1);
}

static void on_request(apm_async_result result);
static void on_answer(apm_async_result result);

/* A drain that is cut short closes connections under their program's hands, and nothing else does. */
static void check_begun(struct connection *connection, apm_error error)
{
    if (error != APM_ERROR_SUCCESS) {
        CHECK_ERROR(error, APM_ERROR_OBJECT_DISPOSED);
        CHECK(connection->server->may_be_cut_short);
        finish(connection);
    }
}

static void receive_more(struct connection *connection)
{
    check_begun(connection, apm_socket_begin_receive(connection->socket, connection->request + connection->size,
                                                     MESSAGE - connection->size, APM_SOCKET_FLAGS_NONE, on_request,
                                                     connection, NULL));
}

static void on_request(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    size_t received;
    apm_error error = apm_socket_end_receive(connection->socket, result, &received);

    if (error == APM_ERROR_DISCONNECTING && connection->size > 0) {
        receive_more(connection); /* in the middle of a request */
        return;
    }
    if (error != APM_ERROR_SUCCESS || received == 0) {
        CHECK(connection->size == 0 || connection->server->may_be_cut_short);
        finish(connection);
        return;
    }
    connection->size += received;
    if (connection->size < MESSAGE) {
        receive_more(connection);
        return;
    }
    connection->size = 0;
    connection->server->requests++;
    check_begun(connection, apm_socket_begin_send(connection->socket, connection->request, MESSAGE,
                                                  APM_SOCKET_FLAGS_NONE, on_answer, connection, NULL));
}

static void on_answer(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    if (apm_socket_end_send(connection->socket, result, NULL) != APM_ERROR_SUCCESS) {
        finish(connection);
        return;
    }
    receive_more(connection);
}

static void on_accept(apm_async_result result)
{
    struct server *server = apm_async_result_async_state(result);
    struct connection *connection = calloc(1, sizeof *connection);
    apm_error error;

    CHECK(connection != NULL);
    connection->server = server;
    error = apm_socket_end_accept(server->listener, result, &connection->socket);
    if (error == APM_ERROR_SUCCESS) {
        server->open++;
        receive_more(connection);
        error = apm_socket_begin_accept(server->listener, on_accept, server, NULL);
    } else {
        CHECK_ERROR(error, APM_ERROR_OPERATION_ABORTED);
        free(connection);
    }
    if (error != APM_ERROR_SUCCESS) {
        latch_add(&server->accepts_over, 1);
    }
}

/* One request and its answer, the request in two parts; false when the server has gone. */
static bool ask(struct server *server, int descriptor, uint64_t *random)
{
    uint8_t message[MESSAGE];
    uint8_t answer[MESSAGE];
    size_t first = 1 + (size_t)(harness_random(random) % MESSAGE);
    size_t read = 0;

    pattern_fill(message, MESSAGE, harness_random(random) % 1000);
    if (send(descriptor, message, first, MSG_NOSIGNAL) != (ssize_t)first ||
        (first < MESSAGE && send(descriptor, message + first, MESSAGE - first, MSG_NOSIGNAL) < 0)) {
        return false;
    }
    while (read < MESSAGE) {
        ssize_t size = recv(descriptor, answer + read, MESSAGE - read, 0);

        if (size <= 0) {
            CHECK_EQ(read, 0); /* no half answer */
            return false;
        }
        read += (size_t)size;
    }
    CHECK_EQ(memcmp(message, answer, MESSAGE), 0);
    server->answers++;
    return true;
}

static void be_a_client(void *argument)
{
    struct server *server = argument;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(server->local.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&to;
    bool served = true;

    while (served) {
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t requests = (size_t)(harness_random(&random) % 20);

        CHECK(descriptor >= 0);
        CHECK_EQ(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        served = connect(descriptor, (struct sockaddr *)&to, sizeof to) == 0;
        for (size_t i = 0; i < requests && served; i++) {
            served = ask(server, descriptor, &random);
        }
        close(descriptor);
    }
}

TEST(no_request_that_was_read_loses_its_answer_in_a_drain_under_load)
{
    enum { ACCEPTS = 2 };
    int64_t deadline_ms = race_deadline_ms();
    size_t round = 0;

    do {
        struct server server = {.accepts_over = LATCH_INITIALIZER, .closed = LATCH_INITIALIZER};
        struct thread clients[CLIENTS];
        size_t enough = 10 + (size_t)(round % 100);
        int64_t patience_ms = harness_now_ms() + PATIENCE_MS;
        size_t closed;

        server.listener = tcp_listen(&server.local);
        for (size_t i = 0; i < ACCEPTS; i++) {
            CHECK_SUCCESS(apm_socket_begin_accept(server.listener, on_accept, &server, NULL));
        }
        for (size_t i = 0; i < CLIENTS; i++) {
            thread_start(&clients[i], be_a_client, &server);
        }
        while (server.answers < enough) {
            CHECK(harness_now_ms() < patience_ms);
        }
        CHECK_SUCCESS(apm_socket_drain(server.listener, PATIENCE_MS, &closed));
        CHECK_EQ(closed, 0);
        for (size_t i = 0; i < CLIENTS; i++) {
            thread_join(&clients[i]);
        }
        LATCH_AWAIT(&server.accepts_over, ACCEPTS);
        CHECK(latch_wait(&server.closed, server.open, PATIENCE_MS));
        CHECK_EQ(server.answers, server.requests);
        CHECK_SUCCESS(apm_socket_close_and_wait(server.listener, PATIENCE_MS));
        round++;
    } while (harness_now_ms() < deadline_ms);
}

/* -- Drains beside everything else ------------------------------------------------------------------------------- */

static void connect_and_go(void *argument)
{
    struct server *server = argument;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(server->local.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (size_t i = 0; i < 5; i++) {
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(descriptor >= 0);
        if (connect(descriptor, (struct sockaddr *)&to, sizeof to) == 0 && i % 2 == 0) {
            ssize_t sent = send(descriptor, "x", 1, MSG_NOSIGNAL);

            CHECK(sent == 1 || errno == ECONNRESET || errno == EPIPE);
        }
        close(descriptor);
    }
}

TEST(a_drain_that_is_cut_short_leaves_no_connection_open)
{
    struct server server = {.may_be_cut_short = true, .closed = LATCH_INITIALIZER};
    struct race race;

    latch_init(&server.accepts_over);
    race_start(&race, connect_and_go, &server);
    while (race_goes_on(&race)) {
        size_t count = 1;
        apm_error error;

        server.accepts_over.count = 0;
        server.closed.count = 0;
        server.open = 0;
        server.listener = tcp_listen(&server.local);
        CHECK_SUCCESS(apm_socket_begin_accept(server.listener, on_accept, &server, NULL));
        race_clash(&race);
        error = apm_socket_drain(server.listener, (int)(race.rounds % 3), NULL);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_TIMED_OUT);
        race_settle(&race);
        LATCH_AWAIT(&server.accepts_over, 1);
        CHECK(latch_wait(&server.closed, server.open, PATIENCE_MS));
        CHECK_SUCCESS(apm_socket_connection_count(server.listener, &count));
        CHECK_EQ(count, 0);
        CHECK_SUCCESS(apm_socket_close_and_wait(server.listener, PATIENCE_MS));
    }
    race_stop(&race);
}

/* -- Water marks ------------------------------------------------------------------------------------------------- */

enum { PRODUCERS = 2, SENDS = 400, SIZE = 8 << 10 };

struct pressed {
    peered_socket pair;
    struct latch sent;
    uint8_t zeros[SIZE];
};

static void on_sent(apm_async_result result)
{
    struct pressed *pressed = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_send(pressed->pair.socket, result, NULL));
    latch_add(&pressed->sent, 1);
}

/* Sends all of its share; some of its waits are cancelled, or run out of time, as they end. */
static void press(void *argument)
{
    struct pressed *pressed = argument;
    uint64_t random = harness_seed() ^ (uint64_t)(uintptr_t)&random;

    for (size_t i = 0; i < SENDS;) {
        apm_async_result wait;
        apm_error error = apm_socket_begin_send(pressed->pair.socket, pressed->zeros, SIZE, APM_SOCKET_FLAGS_NONE,
                                                on_sent, pressed, NULL);

        if (error == APM_ERROR_SUCCESS) {
            i++;
            continue;
        }
        CHECK_ERROR(error, APM_ERROR_WOULD_BLOCK);
        CHECK_SUCCESS(apm_socket_begin_wait_sendable(pressed->pair.socket, NULL, NULL, &wait));
        switch (harness_random(&random) % 4) {
        case 0: CHECK_SUCCESS(apm_async_result_cancel(wait)); break;
        case 1: CHECK_SUCCESS(apm_async_result_cancel_after(wait, 0)); break;
        default: break;
        }
        error = apm_socket_end_wait_sendable(pressed->pair.socket, wait);
        CHECK(error == APM_ERROR_SUCCESS || error == APM_ERROR_OPERATION_ABORTED || error == APM_ERROR_TIMED_OUT);
    }
}

TEST(producers_at_the_high_mark_and_waits_that_are_cancelled_lose_no_send)
{
    int64_t deadline_ms = race_deadline_ms();

    do {
        struct pressed *pressed = calloc(1, sizeof *pressed);
        struct thread producers[PRODUCERS];
        size_t bytes = 1;

        CHECK(pressed != NULL);
        latch_init(&pressed->sent);
        pressed->pair = peered_socket_create();
        CHECK_SUCCESS(apm_socket_set_send_buffer_size(pressed->pair.socket, SIZE));
        CHECK_SUCCESS(apm_socket_set_send_water_marks(
            pressed->pair.socket,
            (apm_send_water_marks){.high_bytes = 4 * SIZE, .low_bytes = SIZE, .high_sends = 3, .low_sends = 1}));
        for (size_t i = 0; i < PRODUCERS; i++) {
            thread_start(&producers[i], press, pressed);
        }
        raw_read_zeros(pressed->pair.peer, (size_t)PRODUCERS * SENDS * SIZE);
        for (size_t i = 0; i < PRODUCERS; i++) {
            thread_join(&producers[i]);
        }
        LATCH_AWAIT(&pressed->sent, (size_t)PRODUCERS * SENDS);
        CHECK_SUCCESS(apm_socket_pending_sends(pressed->pair.socket, &bytes, NULL));
        CHECK_EQ(bytes, 0);
        CHECK_SUCCESS(apm_socket_close_and_wait(pressed->pair.socket, PATIENCE_MS));
        raw_close(pressed->pair.peer);
        free(pressed);
    } while (harness_now_ms() < deadline_ms);
}

LIBRARY_TEST_MAIN()
