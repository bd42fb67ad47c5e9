/*
 * Draining a listener: what happens to its backlog and its accepts, what connections are told, and the time limit.
 */
#include "support.h"

enum { CONNECTIONS = 5 };

/* A listener and connections that it has accepted. */
struct server {
    apm_socket listener;
    apm_endpoint local;
    apm_socket connections[CONNECTIONS];
    int clients[CONNECTIONS];
};

static void server_create(struct server *server, size_t connections)
{
    server->listener = tcp_listen(&server->local);
    for (size_t i = 0; i < connections; i++) {
        server->clients[i] = raw_connect(server->local);
        CHECK_SUCCESS(apm_socket_accept(server->listener, &server->connections[i]));
    }
}

static void server_destroy(struct server *server, size_t connections)
{
    for (size_t i = 0; i < connections; i++) {
        CHECK_SUCCESS(apm_socket_close(server->connections[i]));
        raw_close(server->clients[i]);
    }
    CHECK_SUCCESS(apm_socket_close(server->listener));
}

static apm_error finish_drain(apm_socket listener, struct operation *drain, size_t *closed)
{
    AWAIT(drain);
    return apm_socket_end_drain(listener, drain->result, closed);
}

static size_t connection_count(apm_socket listener)
{
    size_t count;

    CHECK_SUCCESS(apm_socket_connection_count(listener, &count));
    return count;
}

static void check_refused(apm_endpoint local)
{
    apm_socket client = tcp_create();

    CHECK_ERROR(apm_socket_connect(client, local), APM_ERROR_CONNECTION_REFUSED);
    CHECK_SUCCESS(apm_socket_close(client));
}

/* -- Connections -- */

CONTRACT_TEST(a_drain_ends_when_the_last_connection_is_closed)
{
    struct server server;
    struct operation drain;
    struct operation receives[CONNECTIONS];
    uint8_t buffer[CONNECTIONS];
    size_t closed = 1;

    server_create(&server, CONNECTIONS);
    CHECK_EQ(connection_count(server.listener), CONNECTIONS);
    CHECK(!apm_socket_is_draining(server.listener) && !apm_socket_is_draining(server.connections[0]));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive(server.connections[i], &buffer[i], 1, APM_SOCKET_FLAGS_NONE,
                                               ON_COMPLETION(&receives[i])));
    }
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK(apm_socket_is_draining(server.listener) && apm_socket_is_draining(server.connections[0]));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK_ERROR(finish_receive(server.connections[i], &receives[i], NULL), APM_ERROR_DISCONNECTING);
    }
    CHECK_PENDING(&drain);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK(!operation_wait(&drain, 0));
        CHECK_SUCCESS(apm_socket_close(server.connections[i]));
        CHECK_EQ(connection_count(server.listener), CONNECTIONS - 1 - i);
    }
    CHECK_SUCCESS(finish_drain(server.listener, &drain, &closed));
    CHECK_EQ(closed, 0);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK_ORDERLY_END(server.clients[i], 0);
    }
    server_destroy(&server, CONNECTIONS);
}

CONTRACT_TEST(a_connection_is_told_once_and_goes_on_with_its_request)
{
    struct server server;
    struct operation drain;
    struct operation receive;
    uint8_t buffer[8];
    size_t received;

    server_create(&server, 1);
    CHECK_SUCCESS(
        apm_socket_begin_receive(server.connections[0], buffer, 8, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK_ERROR(finish_receive(server.connections[0], &receive, &received), APM_ERROR_DISCONNECTING);
    CHECK_EQ(received, 0);
    CHECK(apm_socket_connected(server.connections[0]));
    CHECK_SUCCESS(
        apm_socket_begin_receive(server.connections[0], buffer, 8, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_PENDING(&receive);
    raw_write(server.clients[0], "rest", 4);
    CHECK_SUCCESS(finish_receive(server.connections[0], &receive, &received));
    CHECK_EQ(received, 4);
    send_all(server.connections[0], "answer", 6);
    CHECK_SUCCESS(apm_socket_close(server.connections[0]));
    CHECK_ORDERLY_END(server.clients[0], 6);
    CHECK_SUCCESS(finish_drain(server.listener, &drain, NULL));
    server_destroy(&server, 1);
}

CONTRACT_TEST(what_has_arrived_is_received_before_the_connection_is_told)
{
    struct server server;
    struct operation drain;
    struct operation receive;
    uint8_t buffer[8];
    size_t received;

    server_create(&server, 1);
    /* A short read: the direction is known to be drained, and the next receive would not be attempted. */
    raw_write(server.clients[0], "first", 5);
    await_available(server.connections[0], 5);
    CHECK_SUCCESS(apm_socket_receive(server.connections[0], buffer, 8, APM_SOCKET_FLAGS_NONE, &received));
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    raw_write(server.clients[0], "second", 6);
    await_available(server.connections[0], 6);
    CHECK_SUCCESS(
        apm_socket_begin_receive(server.connections[0], buffer, 8, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(finish_receive(server.connections[0], &receive, &received));
    CHECK_EQ(received, 6);
    CHECK_SUCCESS(
        apm_socket_begin_receive(server.connections[0], buffer, 8, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_ERROR(finish_receive(server.connections[0], &receive, &received), APM_ERROR_DISCONNECTING);
    CHECK_SUCCESS(apm_socket_close(server.connections[0]));
    CHECK_SUCCESS(finish_drain(server.listener, &drain, NULL));
    server_destroy(&server, 1);
}

CONTRACT_TEST(of_several_receives_that_are_pending_the_first_is_told)
{
    struct server server;
    struct operation drain;
    struct operation receives[2];
    uint8_t buffer[2];

    server_create(&server, 1);
    for (size_t i = 0; i < 2; i++) {
        CHECK_SUCCESS(apm_socket_begin_receive(server.connections[0], &buffer[i], 1, APM_SOCKET_FLAGS_NONE,
                                               ON_COMPLETION(&receives[i])));
    }
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK_ERROR(finish_receive(server.connections[0], &receives[0], NULL), APM_ERROR_DISCONNECTING);
    CHECK_PENDING(&receives[1]);
    raw_write(server.clients[0], "x", 1);
    CHECK_SUCCESS(finish_receive(server.connections[0], &receives[1], NULL));
    CHECK_SUCCESS(apm_socket_close(server.connections[0]));
    CHECK_SUCCESS(finish_drain(server.listener, &drain, NULL));
    server_destroy(&server, 1);
}

TEST(connections_of_others_are_left_alone)
{
    struct server drained;
    struct server other;
    struct operation receive;
    uint8_t byte;

    server_create(&drained, 0);
    server_create(&other, 1);
    CHECK_SUCCESS(
        apm_socket_begin_receive(other.connections[0], &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_SUCCESS(apm_socket_drain(drained.listener, -1, NULL));
    CHECK(!apm_socket_is_draining(other.connections[0]));
    CHECK_PENDING(&receive);
    raw_write(other.clients[0], "x", 1);
    CHECK_SUCCESS(finish_receive(other.connections[0], &receive, NULL));
    server_destroy(&drained, 0);
    server_destroy(&other, 1);
}

/* -- The time limit -- */

CONTRACT_TEST(what_is_left_when_the_time_is_up_is_closed_and_counted)
{
    struct server server;
    struct operation drain;
    struct operation receive;
    uint8_t byte;
    size_t closed = 0;

    server_create(&server, CONNECTIONS);
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, SHORT_WHILE_MS, ON_COMPLETION(&drain)));
    CHECK_SUCCESS(apm_socket_close(server.connections[0]));
    /* Told at once, and once more begun: nobody will send anything. */
    CHECK_ERROR(apm_socket_receive(server.connections[1], &byte, 1, APM_SOCKET_FLAGS_NONE, NULL),
                APM_ERROR_DISCONNECTING);
    CHECK_SUCCESS(
        apm_socket_begin_receive(server.connections[1], &byte, 1, APM_SOCKET_FLAGS_NONE, ON_COMPLETION(&receive)));
    CHECK_ERROR(finish_drain(server.listener, &drain, &closed), APM_ERROR_TIMED_OUT);
    CHECK_EQ(closed, CONNECTIONS - 1);
    CHECK_EQ(connection_count(server.listener), 0);
    CHECK_ERROR(finish_receive(server.connections[1], &receive, NULL), APM_ERROR_OPERATION_ABORTED);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        CHECK_ORDERLY_END(server.clients[i], 0);
    }
    check_refused(server.local);
    server_destroy(&server, CONNECTIONS);
}

CONTRACT_TEST(a_drain_that_is_cancelled_closes_what_is_left)
{
    struct server server;
    struct operation drain;
    size_t closed = 0;

    server_create(&server, 2);
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK_PENDING(&drain);
    CHECK_SUCCESS(apm_async_result_cancel(drain.result));
    CHECK_ERROR(finish_drain(server.listener, &drain, &closed), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(closed, 2);
    CHECK_ORDERLY_END(server.clients[0], 0);
    server_destroy(&server, 2);
}

CONTRACT_TEST(closing_the_listener_ends_the_drain)
{
    struct server server;
    struct operation drain;
    size_t closed = 0;

    server_create(&server, 2);
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK_SUCCESS(apm_socket_close(server.listener));
    CHECK_ERROR(finish_drain(server.listener, &drain, &closed), APM_ERROR_OPERATION_ABORTED);
    CHECK_EQ(closed, 2);
    server_destroy(&server, 2);
}

/* -- Accepting -- */

CONTRACT_TEST(accepts_take_what_is_in_the_backlog_and_then_end)
{
    enum { WAITING = 3 };
    struct server server;
    struct operation drain;
    struct operation accept;
    apm_socket none;
    size_t closed = 9;

    server_create(&server, 0);
    for (size_t i = 0; i < WAITING; i++) {
        server.clients[i] = raw_connect(server.local);
        raw_write(server.clients[i], "ab", 2);
    }
    CHECK_SUCCESS(apm_socket_begin_accept(server.listener, ON_COMPLETION(&accept)));
    CHECK_SUCCESS(finish_accept(server.listener, &accept, &server.connections[0]));
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    for (size_t i = 1; i < WAITING; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept(server.listener, ON_COMPLETION(&accept)));
        CHECK_SUCCESS(finish_accept(server.listener, &accept, &server.connections[i]));
        CHECK(apm_socket_is_draining(server.connections[i]));
    }
    CHECK_SUCCESS(apm_socket_begin_accept(server.listener, ON_COMPLETION(&accept)));
    CHECK_ERROR(finish_accept(server.listener, &accept, &none), APM_ERROR_OPERATION_ABORTED);
    CHECK_ERROR(apm_socket_begin_accept(server.listener, ON_COMPLETION(&accept)), APM_ERROR_INVALID_OPERATION);
    check_refused(server.local);
    CHECK_PENDING(&drain);
    CHECK_EQ(connection_count(server.listener), WAITING);
    for (size_t i = 0; i < WAITING; i++) {
        uint8_t buffer[8];
        size_t received;

        /* Those that came during the drain are served and told like the others, after a short read as well. */
        CHECK_SUCCESS(apm_socket_receive(server.connections[i], buffer, 8, APM_SOCKET_FLAGS_NONE, &received));
        CHECK_EQ(received, 2);
        CHECK_ERROR(apm_socket_receive(server.connections[i], buffer, 8, APM_SOCKET_FLAGS_NONE, &received),
                    APM_ERROR_DISCONNECTING);
        CHECK_SUCCESS(apm_socket_close(server.connections[i]));
    }
    CHECK_SUCCESS(finish_drain(server.listener, &drain, &closed));
    CHECK_EQ(closed, 0);
    server_destroy(&server, WAITING);
}

CONTRACT_TEST(accepts_that_are_pending_end_and_connections_are_refused)
{
    struct server server;
    struct operation drain;
    struct operation accepts[3];
    apm_socket accepted;

    server_create(&server, 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_SUCCESS(apm_socket_begin_accept(server.listener, ON_COMPLETION(&accepts[i])));
    }
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    for (size_t i = 0; i < 3; i++) {
        CHECK_ERROR(finish_accept(server.listener, &accepts[i], &accepted), APM_ERROR_OPERATION_ABORTED);
    }
    CHECK_SUCCESS(finish_drain(server.listener, &drain, NULL));
    check_refused(server.local);
    CHECK_ERROR(apm_socket_listen(server.listener, 1), APM_ERROR_INVALID_OPERATION);
    server_destroy(&server, 0);
}

static void drain_it(void *listener)
{
    CHECK_SUCCESS(apm_socket_drain(*(apm_socket *)listener, PATIENCE_MS, NULL));
}

TEST(a_synchronous_accept_is_interrupted)
{
    struct server server;
    struct thread drainer;
    apm_socket accepted;
    apm_error error;

    server_create(&server, 0);
    thread_start(&drainer, drain_it, &server.listener);
    error = apm_socket_accept(server.listener, &accepted);
    CHECK(error == APM_ERROR_INTERRUPTED || error == APM_ERROR_INVALID_OPERATION);
    thread_join(&drainer);
    server_destroy(&server, 0);
}

TEST(an_accept_that_is_not_ended_counts_until_its_connection_is_closed)
{
    struct server server;
    apm_async_result accept;
    size_t closed;

    server_create(&server, 0);
    server.clients[0] = raw_connect(server.local);
    CHECK_SUCCESS(apm_socket_begin_accept(server.listener, NULL, NULL, &accept));
    CHECK_SUCCESS(apm_wait_handle_wait_one(apm_async_result_async_wait_handle(accept), PATIENCE_MS));
    CHECK_ERROR(apm_socket_drain(server.listener, 1, &closed), APM_ERROR_TIMED_OUT);
    CHECK_EQ(closed, 1);
    CHECK_ORDERLY_END(server.clients[0], 0);
    CHECK_SUCCESS(apm_socket_end_accept(server.listener, accept, &server.connections[0]));
    server_destroy(&server, 1);
}

/* -- What is refused -- */

TEST(a_drain_is_refused_where_there_is_nothing_to_drain)
{
    struct server server;
    struct operation drain;
    struct operation second;
    apm_socket socket = tcp_create();
    apm_async_result result;
    size_t count = 1;

    server_create(&server, 1);
    CHECK_ERROR(apm_socket_begin_drain(socket, -1, ON_COMPLETION(&drain)), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_connection_count(socket, &count), APM_ERROR_INVALID_OPERATION);
    CHECK_EQ(count, 0);
    CHECK_ERROR(apm_socket_connection_count(socket, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_drain(server.connections[0], -1, ON_COMPLETION(&drain)), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_drain(server.listener, -2, ON_COMPLETION(&drain)), APM_ERROR_ARGUMENT_OUT_OF_RANGE);
    CHECK_ERROR(apm_socket_begin_drain(server.listener, -1, NULL, NULL, NULL), APM_ERROR_ARGUMENT_NULL);
    CHECK_ERROR(apm_socket_begin_drain((apm_socket)APM_NULL_HANDLE, -1, ON_COMPLETION(&drain)),
                APM_ERROR_ARGUMENT_NULL);
    CHECK(!apm_socket_is_draining(server.listener));
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)));
    CHECK_ERROR(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&second)), APM_ERROR_ALREADY_IN_PROGRESS);
    CHECK_ERROR(apm_socket_end_drain(socket, drain.result, NULL), APM_ERROR_ARGUMENT);
    CHECK_SUCCESS(apm_socket_close(server.connections[0]));
    result = drain.result;
    CHECK_SUCCESS(finish_drain(server.listener, &drain, NULL));
    CHECK_ERROR(apm_socket_end_drain(server.listener, result, NULL), APM_ERROR_INVALID_OPERATION);
    CHECK_ERROR(apm_socket_begin_drain(server.listener, -1, ON_COMPLETION(&drain)), APM_ERROR_INVALID_OPERATION);
    CHECK_SUCCESS(apm_socket_close(socket));
    CHECK_ERROR(apm_socket_drain(socket, 0, NULL), APM_ERROR_OBJECT_DISPOSED);
    CHECK(!apm_socket_is_draining(socket));
    server_destroy(&server, 1);
}

TEST(cleanup_ends_a_drain)
{
    struct server server;
    struct operation drain;

    server_create(&server, 1);
    CHECK_SUCCESS(apm_socket_begin_drain(server.listener, -1, ON_CALLBACK(&drain)));
    CHECK_SUCCESS(apm_cleanup(PATIENCE_MS));
    CHECK_EQ(latch_count(&drain.called), 1);
    CHECK_ORDERLY_END(server.clients[0], 0);
    raw_close(server.clients[0]);
}

LIBRARY_TEST_MAIN()
