/*
 * Lists, files, accepts that receive, and datagrams, on sockets that are serialised, have water marks, or are drained;
 * and together.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support_datagram.h"
#include "support_diagnostics.h"

static apm_error finish(apm_socket listener, struct operation *operation, apm_socket *accepted, size_t *transferred)
{
    AWAIT(operation);
    return apm_socket_end_accept_receive(listener, operation->result, accepted, transferred);
}

static size_t connection_count(apm_socket listener)
{
    size_t count;

    CHECK_SUCCESS(apm_socket_connection_count(listener, &count));
    return count;
}

/* A listener with an accept that has taken the connection of a silent peer. */
struct waiting {
    apm_endpoint local;
    apm_socket listener;
    struct operation accept;
    uint8_t buffer[8];
    int peer;
};

/* `into` is the null handle, or the socket to accept into. */
static void waiting_start(struct waiting *waiting, apm_socket into)
{
    waiting->listener = tcp_listen(&waiting->local);
    CHECK_SUCCESS(apm_socket_begin_accept_socket(waiting->listener, into, waiting->buffer, sizeof waiting->buffer,
                                                 ON_COMPLETION(&waiting->accept)));
    waiting->peer = raw_connect(waiting->local);
    while (connection_count(waiting->listener) == 0) {}
    CHECK_PENDING(&waiting->accept);
}

static void check_told_once(apm_socket connection)
{
    uint8_t byte;

    CHECK_SUCCESS(apm_socket_set_receive_timeout(connection, PATIENCE_MS));
    CHECK_ERROR(apm_socket_receive(connection, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_DISCONNECTING);
    CHECK_SUCCESS(apm_socket_set_receive_timeout(connection, SHORT_WHILE_MS));
    CHECK_ERROR(apm_socket_receive(connection, &byte, 1, APM_SOCKET_FLAGS_NONE, NULL), APM_ERROR_TIMED_OUT);
}

/* -- Draining ---------------------------------------------------------------------------------------------------- */

static void drain_a_waiting_accept(apm_socket into)
{
    struct waiting waiting;
    struct operation drain;
    apm_socket accepted;
    size_t transferred = 99;
    size_t closed = 99;

    waiting_start(&waiting, into);
    CHECK_SUCCESS(apm_socket_begin_drain(waiting.listener, -1, ON_COMPLETION(&drain)));
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, &transferred));
    CHECK_EQ(transferred, 0);
    CHECK(apm_socket_is_draining(accepted));
    check_told_once(accepted);
    CHECK_PENDING(&drain);
    CHECK_SUCCESS(apm_socket_close(accepted));
    AWAIT(&drain);
    CHECK_SUCCESS(apm_socket_end_drain(waiting.listener, drain.result, &closed));
    CHECK_EQ(closed, 0);
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
    raw_close(waiting.peer);
}

CONTRACT_TEST(a_drain_ends_the_wait_for_data_and_the_next_receive_is_told)
{
    drain_a_waiting_accept((apm_socket)APM_NULL_HANDLE);
    drain_a_waiting_accept(tcp_create());
}

CONTRACT_TEST(a_drain_ends_accepts_that_have_no_connection)
{
    enum { ACCEPTS = 3 };
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accepts[ACCEPTS];
    struct operation drain;
    apm_socket accepted;
    uint8_t buffer[ACCEPTS];

    for (size_t i = 0; i < ACCEPTS; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, &buffer[i], i == 1, ON_COMPLETION(&accepts[i])));
    }
    CHECK_SUCCESS(apm_socket_begin_drain(listener, -1, ON_COMPLETION(&drain)));
    for (size_t i = 0; i < ACCEPTS; i++) {
        CHECK_ERROR(finish(listener, &accepts[i], &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    }
    AWAIT(&drain);
    CHECK_SUCCESS(apm_socket_end_drain(listener, drain.result, NULL));
    CHECK_SUCCESS(apm_socket_close(listener));
}

CONTRACT_TEST(an_accept_during_a_drain_takes_the_backlog_and_waits_for_no_data)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    struct operation accept;
    struct operation drain;
    apm_socket accepted;
    size_t transferred = 99;
    uint8_t buffer[8];
    uint8_t data[2];
    int peers[2] = {raw_connect(local), raw_connect(local)};

    for (size_t i = 0; i < 2; i++) {
        raw_write(peers[i], "ab", 2);
    }
    CHECK_SUCCESS(apm_socket_accept(listener, &accepted)); /* so that the drain finds a connection, and waits */
    CHECK_SUCCESS(apm_socket_begin_drain(listener, -1, ON_COMPLETION(&drain)));
    CHECK_SUCCESS(apm_socket_close(accepted));
    if (apm_socket_begin_accept_receive(listener, buffer, sizeof buffer, ON_COMPLETION(&accept)) == APM_ERROR_SUCCESS &&
        finish(listener, &accept, &accepted, &transferred) == APM_ERROR_SUCCESS) {
        CHECK_EQ(transferred, 0);
        receive_exactly(accepted, data, 2); /* nothing is lost */
        check_told_once(accepted);
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
    AWAIT(&drain);
    CHECK_SUCCESS(apm_socket_end_drain(listener, drain.result, NULL));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peers[0]);
    raw_close(peers[1]);
}

CONTRACT_TEST(a_drain_that_is_cut_short_closes_connections_that_wait_for_data)
{
    struct waiting waiting;
    apm_socket into = tcp_create();
    apm_socket accepted;
    size_t closed = 0;

    waiting_start(&waiting, into);
    CHECK_ERROR(apm_socket_drain(waiting.listener, 0, &closed), APM_ERROR_TIMED_OUT);
    CHECK_EQ(closed, 1);
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, NULL));
    CHECK(apm_socket_equals(accepted, into));
    CHECK_ERROR(apm_socket_shutdown(accepted, APM_SOCKET_SHUTDOWN_BOTH), APM_ERROR_OBJECT_DISPOSED);
    CHECK_ORDERLY_END(waiting.peer, 0);
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
    raw_close(waiting.peer);
}

/* -- Groups ------------------------------------------------------------------------------------------------------ */

/* Accepts into the socket, and gives the peer. */
static int accept_into(apm_socket listener, apm_endpoint local, apm_socket into)
{
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, into, NULL, 0, ON_COMPLETION(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK(apm_socket_equals(accepted, into));
    return peer;
}

CONTRACT_TEST(connections_count_as_their_listeners_in_either_phase_and_into_a_socket)
{
    struct waiting waiting;
    apm_socket into = tcp_create();
    apm_socket accepted;
    int peer;

    waiting_start(&waiting, (apm_socket)APM_NULL_HANDLE);
    CHECK_EQ(connection_count(waiting.listener), 1);
    peer = accept_into(waiting.listener, waiting.local, into);
    CHECK_EQ(connection_count(waiting.listener), 2);
    CHECK_SUCCESS(apm_socket_close(into));
    CHECK_EQ(connection_count(waiting.listener), 1);
    raw_write(waiting.peer, "x", 1);
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, NULL));
    CHECK_EQ(connection_count(waiting.listener), 1);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_EQ(connection_count(waiting.listener), 0);
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
    raw_close(waiting.peer);
    raw_close(peer);
}

CONTRACT_TEST(a_listener_that_was_made_of_a_descriptor_counts_its_connections_and_can_be_drained)
{
    apm_endpoint local;
    int descriptor = raw_listen(4, &local);
    apm_socket listener;
    apm_socket accepted;
    struct operation accept;

    CHECK_SUCCESS(apm_socket_create_from_handle(descriptor, &listener));
    CHECK_EQ(connection_count(listener), 0);
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, NULL, 0, ON_COMPLETION(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    CHECK_EQ(connection_count(listener), 1);
    CHECK_SUCCESS(apm_socket_close(accepted));
    CHECK_SUCCESS(apm_socket_drain(listener, PATIENCE_MS, NULL));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

CONTRACT_TEST(a_socket_that_is_closed_before_its_connection_comes_does_not_count)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket into = tcp_create();
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_begin_accept_socket(listener, into, NULL, 0, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(apm_socket_close(into));
    int peer = raw_connect(local);
    CHECK_ERROR(finish(listener, &accept, &accepted, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(connection_count(listener), 0);
    CHECK_SUCCESS(apm_socket_drain(listener, PATIENCE_MS, NULL));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

/* -- Settings ---------------------------------------------------------------------------------------------------- */

static void check_settings(apm_socket socket, bool serialised, size_t high_bytes)
{
    apm_send_water_marks marks;
    bool found;

    CHECK_SUCCESS(apm_socket_serialised(socket, &found));
    CHECK_EQ(found, serialised);
    CHECK_SUCCESS(apm_socket_send_water_marks(socket, &marks));
    CHECK_EQ(marks.high_bytes, high_bytes);
}

CONTRACT_TEST(a_connection_has_its_listeners_settings_and_a_socket_that_is_accepted_into_its_own)
{
    apm_endpoint local;
    apm_socket listener = tcp_listen(&local);
    apm_socket into = tcp_create();
    struct operation accept;
    apm_socket accepted;

    CHECK_SUCCESS(apm_socket_set_serialised(listener, true));
    CHECK_SUCCESS(apm_socket_set_send_water_marks(listener, (apm_send_water_marks){.high_bytes = 100}));
    CHECK_SUCCESS(apm_socket_begin_accept_receive(listener, NULL, 0, ON_COMPLETION(&accept)));
    int peer = raw_connect(local);
    CHECK_SUCCESS(finish(listener, &accept, &accepted, NULL));
    check_settings(accepted, true, 100);
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(peer);

    peer = accept_into(listener, local, into);
    check_settings(into, false, 0);
    CHECK_SUCCESS(apm_socket_close(into));
    CHECK_SUCCESS(apm_socket_close(listener));
    raw_close(peer);
}

/* -- Turns ------------------------------------------------------------------------------------------------------- */

enum { MANY = 60 };

/* What the callbacks of one listener share, without a lock. */
static struct {
    apm_socket listener;
    _Atomic int inside;
    size_t count;
    struct latch done;
} turns = {.done = LATCH_INITIALIZER};

static void on_accepted(apm_async_result result)
{
    apm_socket accepted;

    CHECK_EQ(atomic_fetch_add(&turns.inside, 1), 0);
    if (apm_socket_end_accept_receive(turns.listener, result, &accepted, NULL) == APM_ERROR_SUCCESS) {
        turns.count++;
        CHECK_SUCCESS(apm_socket_close(accepted));
    }
    CHECK_EQ(atomic_fetch_sub(&turns.inside, 1), 1);
    latch_add(&turns.done, 1);
}

TEST(callbacks_of_accepts_that_receive_have_their_turns_with_the_listeners_others)
{
    apm_endpoint local;
    int peers[MANY];
    uint8_t bytes[MANY];

    turns.listener = tcp_listen(&local);
    CHECK_SUCCESS(apm_thread_pool_set_min_threads((apm_thread_pool)APM_NULL_HANDLE, 8));
    CHECK_SUCCESS(apm_socket_set_serialised(turns.listener, true));
    for (size_t i = 0; i < MANY + 2; i++) {
        CHECK_SUCCESS(
            apm_socket_begin_accept_receive(turns.listener, &bytes[i % MANY], i % 3 > 0, on_accepted, NULL, NULL));
    }
    for (size_t i = 0; i < MANY; i++) {
        peers[i] = raw_connect(local);
    }
    /* A third of them has completed by now or will; of the others one half gets data, and close ends the rest. */
    for (size_t i = 0; i < MANY; i += 2) {
        raw_write(peers[i], "x", 1);
    }
    LATCH_AWAIT(&turns.done, MANY / 2);
    while (connection_count(turns.listener) > MANY / 3) {}
    CHECK_SUCCESS(apm_socket_close(turns.listener));
    LATCH_AWAIT(&turns.done, MANY + 2);
    CHECK_EQ(turns.count, MANY);
    CHECK_SUCCESS(apm_socket_close_and_wait(turns.listener, PATIENCE_MS));
    for (size_t i = 0; i < MANY; i++) {
        raw_close(peers[i]);
    }
}

/* -- Seeing inside ----------------------------------------------------------------------------------------------- */

TEST(what_is_pending_is_listed_by_its_name)
{
    static struct listing listing;
    static const char *const names[] = {"accept_receive of socket ", "receive_from of socket ",
                                        "receive_message_from of socket "};
    apm_endpoint local;
    apm_socket socket = udp_bind(&local);
    struct waiting waiting;
    struct operation receives[2];
    apm_socket accepted;
    char buffer[2];

    waiting_start(&waiting, (apm_socket)APM_NULL_HANDLE);
    CHECK_SUCCESS(apm_socket_begin_receive_from(socket, &buffer[0], 1, 0, ON_COMPLETION(&receives[0])));
    CHECK_SUCCESS(apm_socket_begin_receive_message_from(socket, &buffer[1], 1, 0, ON_COMPLETION(&receives[1])));
    list_pending(&listing);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *found;

        CHECK_EQ(find_lines(&listing, names[i], &found), 1);
        check_says(found, ", queued");
    }
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(finish_receive_from(socket, &receives[0], NULL, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(finish_receive_message_from(socket, &receives[1], NULL, NULL, NULL, NULL), APM_ERROR_OPERATION_ABORTED);
    CHECK_SUCCESS(apm_socket_close(waiting.listener));
    CHECK_SUCCESS(finish(waiting.listener, &waiting.accept, &accepted, NULL));
    CHECK_SUCCESS(apm_socket_close(accepted));
    raw_close(waiting.peer);
}

LIBRARY_TEST_MAIN()
