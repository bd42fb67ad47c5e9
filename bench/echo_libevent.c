/*
 * An echo server on libevent's events, the fastest of its interfaces (bufferevents re-register for every write). Each
 * worker is a thread with its own event base and its own listening socket; one receive buffer a base.
 */
#define _GNU_SOURCE 1
#include "echo_server.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    struct event_base *base;
    uint8_t *buffer;
    size_t buffer_bytes;
};

struct connection {
    struct worker *worker;
    struct event *readable; /* pending except while there is something unsent */
    struct event *writable; /* pending only while there is something unsent */
    uint8_t *unsent;
    size_t unsent_start;
    size_t unsent_end;
};

static void close_connection(struct connection *connection, evutil_socket_t descriptor)
{
    event_free(connection->readable);
    event_free(connection->writable);
    free(connection->unsent);
    free(connection);
    close(descriptor);
}

static void keep_unsent(struct connection *connection, const uint8_t *bytes, size_t size)
{
    connection->unsent = malloc(size);
    if (connection->unsent == NULL)
        echo_server_fail("malloc");
    memcpy(connection->unsent, bytes, size);
    connection->unsent_start = 0;
    connection->unsent_end = size;
    event_del(connection->readable);
    event_add(connection->writable, NULL);
}

static void on_readable(evutil_socket_t descriptor, short what, void *argument)
{
    (void)what;
    struct connection *connection = argument;
    struct worker *worker = connection->worker;
    ssize_t received = recv(descriptor, worker->buffer, worker->buffer_bytes, 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        close_connection(connection, descriptor);
        return;
    }
    ssize_t sent = send(descriptor, worker->buffer, (size_t)received, MSG_NOSIGNAL);
    if (sent == received)
        return;
    if (sent < 0 && errno != EAGAIN) {
        close_connection(connection, descriptor);
        return;
    }
    size_t start = sent > 0 ? (size_t)sent : 0;
    keep_unsent(connection, worker->buffer + start, (size_t)received - start);
}

static void on_writable(evutil_socket_t descriptor, short what, void *argument)
{
    (void)what;
    struct connection *connection = argument;
    ssize_t sent = send(descriptor, connection->unsent + connection->unsent_start,
                        connection->unsent_end - connection->unsent_start, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            close_connection(connection, descriptor);
        return;
    }
    connection->unsent_start += (size_t)sent;
    if (connection->unsent_start < connection->unsent_end)
        return;
    free(connection->unsent);
    connection->unsent = NULL;
    event_del(connection->writable);
    event_add(connection->readable, NULL);
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t descriptor, struct sockaddr *address,
                          int size, void *argument)
{
    (void)listener;
    (void)address;
    (void)size;
    struct worker *worker = argument;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        echo_server_fail("calloc");
    connection->worker = worker;
    connection->readable = event_new(worker->base, descriptor, EV_READ | EV_PERSIST, on_readable, connection);
    connection->writable = event_new(worker->base, descriptor, EV_WRITE | EV_PERSIST, on_writable, connection);
    if (connection->readable == NULL || connection->writable == NULL || event_add(connection->readable, NULL) != 0)
        echo_server_fail("event_new");
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    event_base_dispatch(worker->base);
    return NULL;
}

static void init_worker(struct worker *worker, struct echo_server *server)
{
    worker->buffer_bytes = server->buffer_bytes;
    worker->buffer = malloc(server->buffer_bytes);
    worker->base = event_base_new();
    if (worker->buffer == NULL || worker->base == NULL)
        echo_server_fail("worker");
    /* A backlog of 0 says that the socket listens already. */
    if (evconnlistener_new(worker->base, on_connection, worker, LEV_OPT_CLOSE_ON_EXEC, 0, echo_server_listen(server)) ==
        NULL)
        echo_server_fail("evconnlistener_new");
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
