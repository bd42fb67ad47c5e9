/*
 * An echo server on GLib's GIO. Each worker is a thread with its own main context and a listening GSocket in it.
 *
 * GIO is used at its fastest: one source for "readable" that stays attached to a connection, and receives and sends on
 * the GSocket itself, which do not block. The asynchronous reads and writes of GIO's streams come down to the same
 * calls, with a GTask and a source of its own for each operation; and GSocketListener takes one connection in each pass
 * over all sources, so that with thousands of them it never comes to an end. One receive buffer a worker.
 */
#include "echo_server.h"

#include <gio/gio.h>
#include <string.h>

struct worker {
    GThread *thread;
    GMainContext *context;
    GSocket *listener;
    char *buffer;
    gsize buffer_bytes;
};

struct connection {
    struct worker *worker;
    GSocket *socket;
    char *unsent; /* while there is any, the source is one for "writable", and no more is read */
    gsize unsent_start;
    gsize unsent_end;
};

static gboolean on_readable(GSocket *socket, GIOCondition condition, gpointer argument);

/* The source holds the connection: removing it frees that. */
static void free_connection(gpointer argument)
{
    struct connection *connection = argument;
    g_clear_object(&connection->socket); /* closes it */
    g_free(connection->unsent);
    g_free(connection);
}

static void attach(struct connection *connection, GIOCondition condition, GSocketSourceFunc callback)
{
    GSource *source = g_socket_create_source(connection->socket, condition, NULL);
    g_source_set_callback(source, G_SOURCE_FUNC(callback), connection, free_connection);
    g_source_attach(source, connection->worker->context);
    g_source_unref(source);
}

/* Hands the connection over to another source; the one that is dispatched now frees nothing. */
static gboolean change_source(struct connection *connection, GIOCondition condition, GSocketSourceFunc callback)
{
    struct connection *moved = g_memdup2(connection, sizeof *connection);
    memset(connection, 0, sizeof *connection);
    attach(moved, condition, callback);
    return G_SOURCE_REMOVE;
}

static gssize send_some(struct connection *connection, const char *bytes, gsize size)
{
    GError *error = NULL;
    gssize sent = g_socket_send(connection->socket, bytes, size, NULL, &error);
    if (sent < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        sent = 0;
    g_clear_error(&error);
    return sent;
}

static gboolean on_writable(GSocket *socket, GIOCondition condition, gpointer argument)
{
    (void)socket;
    (void)condition;
    struct connection *connection = argument;
    gssize sent = send_some(connection, connection->unsent + connection->unsent_start,
                            connection->unsent_end - connection->unsent_start);
    if (sent < 0)
        return G_SOURCE_REMOVE;
    connection->unsent_start += (gsize)sent;
    if (connection->unsent_start < connection->unsent_end)
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&connection->unsent, g_free);
    return change_source(connection, G_IO_IN, on_readable);
}

static gboolean on_readable(GSocket *socket, GIOCondition condition, gpointer argument)
{
    (void)condition;
    struct connection *connection = argument;
    struct worker *worker = connection->worker;
    GError *error = NULL;
    gssize received = g_socket_receive(socket, worker->buffer, worker->buffer_bytes, NULL, &error);
    if (received < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        g_error_free(error);
        return G_SOURCE_CONTINUE;
    }
    g_clear_error(&error);
    if (received <= 0)
        return G_SOURCE_REMOVE;
    gssize sent = send_some(connection, worker->buffer, (gsize)received);
    if (sent < 0)
        return G_SOURCE_REMOVE;
    if (sent == received)
        return G_SOURCE_CONTINUE;
    connection->unsent_start = 0;
    connection->unsent_end = (gsize)(received - sent);
    connection->unsent = g_memdup2(worker->buffer + sent, connection->unsent_end);
    return change_source(connection, G_IO_OUT, on_writable);
}

static gboolean on_acceptable(GSocket *listener, GIOCondition condition, gpointer argument)
{
    (void)condition;
    for (GSocket *socket; (socket = g_socket_accept(listener, NULL, NULL)) != NULL;) {
        struct connection *connection = g_new0(struct connection, 1);
        connection->worker = argument;
        connection->socket = socket;
        g_socket_set_blocking(socket, FALSE);
        attach(connection, G_IO_IN, on_readable);
    }
    return G_SOURCE_CONTINUE;
}

static gpointer run(gpointer argument)
{
    struct worker *worker = argument;
    for (;;)
        g_main_context_iteration(worker->context, TRUE);
    return NULL;
}

static void init_worker(struct worker *worker, struct echo_server *server)
{
    GError *error = NULL;
    worker->buffer_bytes = server->buffer_bytes;
    worker->buffer = g_malloc(server->buffer_bytes);
    worker->context = g_main_context_new();
    worker->listener = g_socket_new_from_fd(echo_server_listen(server), &error);
    if (worker->listener == NULL)
        g_error("echo_gio: %s", error->message);
    g_socket_set_blocking(worker->listener, FALSE);
    GSource *source = g_socket_create_source(worker->listener, G_IO_IN, NULL);
    g_source_set_callback(source, G_SOURCE_FUNC(on_acceptable), worker, NULL);
    g_source_attach(source, worker->context);
    g_source_unref(source);
}

int main(int argument_count, char **arguments)
{
    struct echo_server server = echo_server_start(argument_count, arguments);
    struct worker *workers = g_new0(struct worker, server.workers);
    for (int i = 0; i < server.workers; i++)
        init_worker(&workers[i], &server);
    echo_server_announce(&server);
    for (int i = 1; i < server.workers; i++)
        workers[i].thread = g_thread_new("worker", run, &workers[i]);
    run(&workers[0]);
}
