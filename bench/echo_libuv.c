/*
 * An echo server on libuv, as a user who cares for speed writes it: uv_try_write first, a queued uv_write only for
 * what the kernel did not take. Each worker is a thread with its own loop and its own listening socket; one receive
 * buffer a loop.
 */
#define _GNU_SOURCE 1 /* libuv's header needs POSIX types that strict C11 hides. */
#include "echo_server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BACKLOG 4096

struct worker {
    pthread_t thread;
    uv_loop_t loop;
    uv_tcp_t listener;
    char *buffer;
    size_t buffer_bytes;
};

struct connection {
    uv_tcp_t handle;
    uv_write_t write;
    char *unsent; /* what the kernel did not take yet, or null */
};

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    free(connection->unsent);
    free(connection);
}

static void close_connection(struct connection *connection)
{
    if (!uv_is_closing((uv_handle_t *)&connection->handle))
        uv_close((uv_handle_t *)&connection->handle, on_closed);
}

static void on_allocate(uv_handle_t *handle, size_t suggested_size, uv_buf_t *buffer)
{
    (void)suggested_size;
    struct worker *worker = handle->loop->data;
    *buffer = uv_buf_init(worker->buffer, (unsigned)worker->buffer_bytes);
}

static void on_received(uv_stream_t *stream, ssize_t received, const uv_buf_t *buffer);

static void on_written(uv_write_t *write, int status)
{
    struct connection *connection = write->data;
    free(connection->unsent);
    connection->unsent = NULL;
    if (status != 0 || uv_read_start((uv_stream_t *)&connection->handle, on_allocate, on_received) != 0)
        close_connection(connection);
}

/* Keeps and queues what the kernel did not take, and reads no further until it is written. */
static int queue_unsent(struct connection *connection, const char *bytes, size_t size)
{
    connection->unsent = malloc(size);
    if (connection->unsent == NULL)
        echo_server_fail("malloc");
    memcpy(connection->unsent, bytes, size);
    uv_buf_t rest = uv_buf_init(connection->unsent, (unsigned)size);
    connection->write.data = connection;
    uv_read_stop((uv_stream_t *)&connection->handle);
    return uv_write(&connection->write, (uv_stream_t *)&connection->handle, &rest, 1, on_written);
}

static void on_received(uv_stream_t *stream, ssize_t received, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    if (received == 0)
        return;
    if (received < 0) {
        close_connection(connection);
        return;
    }
    uv_buf_t echo = uv_buf_init(buffer->base, (unsigned)received);
    int sent = uv_try_write(stream, &echo, 1);
    if (sent == received)
        return;
    if (sent < 0 && sent != UV_EAGAIN) {
        close_connection(connection);
        return;
    }
    size_t start = sent > 0 ? (size_t)sent : 0;
    if (queue_unsent(connection, buffer->base + start, (size_t)received - start) != 0)
        close_connection(connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status != 0)
        return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        echo_server_fail("calloc");
    connection->handle.data = connection;
    if (uv_tcp_init(listener->loop, &connection->handle) != 0)
        echo_server_fail("uv_tcp_init");
    uv_stream_t *stream = (uv_stream_t *)&connection->handle;
    if (uv_accept(listener, stream) != 0 || uv_read_start(stream, on_allocate, on_received) != 0)
        close_connection(connection);
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void init_worker(struct worker *worker, struct echo_server *server)
{
    worker->buffer_bytes = server->buffer_bytes;
    worker->buffer = malloc(server->buffer_bytes);
    if (worker->buffer == NULL || uv_loop_init(&worker->loop) != 0)
        echo_server_fail("worker");
    worker->loop.data = worker;
    if (uv_tcp_init(&worker->loop, &worker->listener) != 0 ||
        uv_tcp_open(&worker->listener, echo_server_listen(server)) != 0 ||
        uv_listen((uv_stream_t *)&worker->listener, BACKLOG, on_connection) != 0)
        echo_server_fail("uv_listen");
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
