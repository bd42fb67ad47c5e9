/*
 * The limit: a hand-written epoll echo server that does nothing a message does not need, one receive and one send.
 *
 * Each worker is one thread with its own epoll and its own listening socket; nothing is shared. Connections are
 * registered once and edge-triggered. One buffer a worker serves all its connections; a connection owns memory of its
 * own only while the kernel does not take what it should echo, and then it reads no further.
 */
#define _GNU_SOURCE 1
#include "echo_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_WAIT 256

struct connection {
    int descriptor;
    uint8_t *unsent; /* what the kernel did not take yet, or null */
    size_t unsent_start;
    size_t unsent_end;
};

struct worker {
    pthread_t thread;
    int epoll;
    int listener;
    uint8_t *buffer;
    size_t buffer_bytes;
};

static void close_connection(struct connection *connection)
{
    close(connection->descriptor); /* It was never duplicated, so this also ends its registration. */
    free(connection->unsent);
    free(connection);
}

/* Returns how many bytes the kernel took, or -1 if the connection is broken. */
static ssize_t send_some(const struct connection *connection, const uint8_t *bytes, size_t size)
{
    ssize_t sent = send(connection->descriptor, bytes, size, MSG_NOSIGNAL);
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void keep_unsent(struct connection *connection, const uint8_t *bytes, size_t size)
{
    connection->unsent = malloc(size);
    if (connection->unsent == NULL)
        echo_server_fail("malloc");
    memcpy(connection->unsent, bytes, size);
    connection->unsent_start = 0;
    connection->unsent_end = size;
}

/* Returns whether everything kept has been sent; otherwise the connection waits for "writable" or has been closed. */
static bool send_unsent(struct connection *connection)
{
    while (connection->unsent_start < connection->unsent_end) {
        ssize_t sent = send_some(connection, connection->unsent + connection->unsent_start,
                                 connection->unsent_end - connection->unsent_start);
        if (sent < 0)
            close_connection(connection);
        if (sent <= 0)
            return false;
        connection->unsent_start += (size_t)sent;
    }
    free(connection->unsent);
    connection->unsent = NULL;
    return true;
}

static void serve(struct worker *worker, struct connection *connection, uint32_t events)
{
    if (connection->unsent != NULL && !send_unsent(connection))
        return;
    for (;;) {
        ssize_t received = recv(connection->descriptor, worker->buffer, worker->buffer_bytes, 0);
        if (received < 0 && errno == EAGAIN)
            return;
        if (received <= 0)
            break;
        ssize_t sent = send_some(connection, worker->buffer, (size_t)received);
        if (sent < 0)
            break;
        if (sent < received) {
            keep_unsent(connection, worker->buffer + sent, (size_t)(received - sent));
            /* A send may be cut short without an edge to come, so it is tried until the kernel takes nothing. */
            if (!send_unsent(connection))
                return;
        }
        /* A short receive has drained the socket; only a hang-up that came with the same edge would be missed. */
        if ((size_t)received < worker->buffer_bytes && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
            return;
    }
    close_connection(connection);
}

static void accept_connections(struct worker *worker)
{
    for (;;) {
        int descriptor = accept4(worker->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            if (errno == EAGAIN || errno == ECONNABORTED)
                return;
            echo_server_fail("accept");
        }
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL)
            echo_server_fail("calloc");
        connection->descriptor = descriptor;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
        if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
            echo_server_fail("epoll_ctl");
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct epoll_event events[EVENTS_A_WAIT];
    for (;;) {
        int count = epoll_wait(worker->epoll, events, EVENTS_A_WAIT, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_connections(worker);
            else
                serve(worker, events[i].data.ptr, events[i].events);
        }
    }
    return NULL;
}

static void init_worker(struct worker *worker, struct echo_server *server)
{
    worker->listener = echo_server_listen(server);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->buffer_bytes = server->buffer_bytes;
    worker->buffer = malloc(server->buffer_bytes);
    if (worker->epoll < 0 || worker->buffer == NULL)
        echo_server_fail("worker");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->listener, &event) != 0)
        echo_server_fail("epoll_ctl");
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    struct worker *workers = calloc((size_t)server.workers, sizeof *workers);
    if (workers == NULL)
        echo_server_fail("calloc");
    for (int i = 0; i < server.workers; i++)
        init_worker(&workers[i], &server);
    echo_server_announce(&server);
    for (int i = 1; i < server.workers; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            echo_server_fail("pthread_create");
    }
    run(&workers[0]);
}
