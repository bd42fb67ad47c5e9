/*
 * Ten thousand connections at once, all of which echo. The clients are in a child process, because a process may not
 * have more than 20000 descriptors where this runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

enum { CONNECTIONS = 10000, MESSAGES = 5, MESSAGE_SIZE = 64, SPARE_DESCRIPTORS = 200 };

/* -- The clients: plain sockets and epoll, one thread ------------------------------------------------------------ */

struct client {
    int descriptor;
    unsigned echoes;
    size_t received;
};

static void client_connect(struct client *client, uint16_t port)
{
    client->descriptor = raw_connect(loopback_endpoint(port));
    client->echoes = 0;
    client->received = 0;
}

static void client_send(struct client *client, size_t number)
{
    uint8_t message[MESSAGE_SIZE];

    pattern_fill(message, sizeof message, number * 7919 + client->echoes);
    raw_write(client->descriptor, message, sizeof message);
}

/* Takes what has come, of one message at a time. True if that was the last message. */
static bool client_receive(struct client *client, size_t number)
{
    uint8_t message[MESSAGE_SIZE];
    ssize_t count = recv(client->descriptor, message, sizeof message - client->received, 0);

    if (count <= 0) {
        harness_fail(__FILE__, __LINE__, "client %zu: %s", number, count == 0 ? "end of stream" : strerror(errno));
    }
    pattern_check(message, (size_t)count, number * 7919 + client->echoes + client->received);
    client->received += (size_t)count;
    if (client->received < MESSAGE_SIZE) {
        return false;
    }
    client->received = 0;
    if (++client->echoes == MESSAGES) {
        return true;
    }
    client_send(client, number);
    return false;
}

static int run_clients(void *argument)
{
    int port_pipe = *(int *)argument;
    uint16_t port = 0;
    size_t count = harness_scaled(CONNECTIONS);
    struct client *clients = calloc(count, sizeof *clients);
    int poller = epoll_create1(EPOLL_CLOEXEC);
    size_t left = count;

    CHECK(clients != NULL && poller >= 0);
    CHECK_EQ(read(port_pipe, &port, sizeof port), sizeof port);
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};

        client_connect(&clients[i], port);
        CHECK_EQ(epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].descriptor, &event), 0);
    }
    /* All are connected before the first byte. */
    for (size_t i = 0; i < count; i++) {
        client_send(&clients[i], i);
    }
    while (left > 0) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, PATIENCE_MS);

        CHECK(ready > 0);
        for (int i = 0; i < ready; i++) {
            size_t number = (size_t)events[i].data.u64;

            left -= client_receive(&clients[number], number) ? 1 : 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        raw_close(clients[i].descriptor);
    }
    return 0;
}

/* -- The server: one chain of operations a connection ------------------------------------------------------------ */

struct server {
    apm_socket listener;
    size_t count;
    _Atomic size_t accepted;
    struct latch closed;
};

struct connection {
    struct server *server;
    apm_socket socket;
    uint8_t buffer[MESSAGE_SIZE];
};

static void receive_more(struct connection *connection);

static void on_sent(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    CHECK_SUCCESS(apm_socket_end_send(connection->socket, result, NULL));
    receive_more(connection);
}

static void on_received(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    size_t received;

    CHECK_SUCCESS(apm_socket_end_receive(connection->socket, result, &received));
    if (received > 0) {
        CHECK_SUCCESS(apm_socket_begin_send(connection->socket, connection->buffer, received, APM_SOCKET_FLAGS_NONE,
                                            on_sent, connection, NULL));
        return;
    }
    CHECK_SUCCESS(apm_socket_close(connection->socket));
    latch_add(&connection->server->closed, 1);
    free(connection);
}

static void receive_more(struct connection *connection)
{
    CHECK_SUCCESS(apm_socket_begin_receive(connection->socket, connection->buffer, sizeof connection->buffer,
                                           APM_SOCKET_FLAGS_NONE, on_received, connection, NULL));
}

static void on_accepted(apm_async_result result)
{
    struct server *server = apm_async_result_async_state(result);
    struct connection *connection = malloc(sizeof *connection);

    CHECK(connection != NULL);
    connection->server = server;
    CHECK_SUCCESS(apm_socket_end_accept(server->listener, result, &connection->socket));
    if (atomic_fetch_add(&server->accepted, 1) + 1 < server->count) {
        CHECK_SUCCESS(apm_socket_begin_accept(server->listener, on_accepted, server, NULL));
    }
    receive_more(connection);
}

/* -- The test ---------------------------------------------------------------------------------------------------- */

TEST_WITH_TIMEOUT(ten_thousand_simultaneous_connections_echo, 600)
{
    struct server server = {.closed = LATCH_INITIALIZER, .count = harness_scaled(CONNECTIONS)};
    struct rlimit limit;
    apm_endpoint local;
    pid_t clients;
    int pipe_ends[2];

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < server.count + SPARE_DESCRIPTORS) {
        SKIP("%zu connections need more than the %llu descriptors allowed", server.count,
             (unsigned long long)limit.rlim_cur);
    }
    /* The clients are forked before the library is used, and are told the port. */
    CHECK_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    clients = fork_child(run_clients, &pipe_ends[0]);
    server.listener = tcp_listen(&local);
    CHECK_SUCCESS(apm_socket_begin_accept(server.listener, on_accepted, &server, NULL));
    CHECK_EQ(write(pipe_ends[1], &local.port, sizeof local.port), sizeof local.port);
    raw_close(pipe_ends[0]);
    raw_close(pipe_ends[1]);
    CHECK(latch_wait(&server.closed, server.count, 10 * PATIENCE_MS));
    join_child(clients);
    CHECK_EQ(atomic_load(&server.accepted), server.count);
    CHECK_SUCCESS(apm_socket_close_and_wait(server.listener, PATIENCE_MS));
}

LIBRARY_TEST_MAIN()
