/*
 * Owns the connections of apm-echo. Who holds a connection is counted in `chains`: one chain of operations, or two for
 * chargen, which sends and receives at the same time. A chain ends when an operation fails, closes the socket, so that
 * the other one ends as well, and the last one frees the connection. Each callback belongs to one chain. The handshake
 * of a connection with TLS is the beginning of its first chain.
 */
#include <stdlib.h>
#include <string.h>

#include "echo.h"
#include "frame.h"

#define OUTPUT_BYTES 65536u

/* After an accept has failed, for want of descriptors, this long passes until the next one. */
#define ACCEPT_PAUSE_MS 20

struct connection {
    apm_socket socket;
    apm_stream stream; /* with TLS, else null: it owns the socket, and takes its place */
    apm_timer timer;   /* of the delay service, else null */
    atomic_int chains;

    /* Owned by the chain. */
    size_t filled;   /* bytes in `input` */
    size_t position; /* of these, how many the reply service has taken */
    uint64_t received_bytes;
    uint64_t sent_bytes;
    size_t sending; /* with TLS, where a send is all or nothing: how many bytes */

    /* The reply service: where it is in a request, and in the response to the last whole one. */
    uint8_t head[FRAME_HEAD_BYTES];
    size_t head_bytes;
    size_t body_left;
    struct frame frame;
    size_t reply_offset; /* at frame.reply_bytes nothing is left to send */
    uint8_t *output;

    uint8_t input[];
};

/* A listener that waits, after an accept has failed, until it tries again. */
struct pause {
    struct echo_listener *listener;
    apm_timer timer;
};

static void begin_receive(struct connection *connection);

static bool is_tls(const struct connection *connection)
{
    return !apm_stream_is_null(connection->stream);
}

static void end_chain(struct connection *connection)
{
    if (is_tls(connection))
        apm_stream_close(connection->stream);
    else
        apm_socket_close(connection->socket);
    if (atomic_fetch_sub(&connection->chains, 1) > 1)
        return;
    atomic_fetch_add_explicit(&echo_counts.received_bytes, connection->received_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&echo_counts.sent_bytes, connection->sent_bytes, memory_order_relaxed);
    if (!apm_timer_is_null(connection->timer))
        apm_timer_close(connection->timer);
    free(connection->output);
    free(connection);
}

/* -- Sending ------------------------------------------------------------------------------------------------------ */

static void begin_send(struct connection *connection, const void *bytes, size_t size, apm_async_callback *on_sent)
{
    apm_error error;

    if (is_tls(connection)) {
        connection->sending = size;
        error = apm_stream_begin_write(connection->stream, bytes, size, on_sent, connection, NULL);
    } else {
        error = apm_socket_begin_send(connection->socket, bytes, size, APM_SOCKET_FLAGS_NONE, on_sent, connection,
                                      NULL);
    }
    if (error != APM_ERROR_SUCCESS)
        end_chain(connection);
}

/* Ends a send; false if the chain has ended with it. */
static bool end_send(struct connection *connection, apm_async_result result)
{
    size_t sent;
    apm_error error;

    if (is_tls(connection)) {
        error = apm_stream_end_write(connection->stream, result);
        sent = error == APM_ERROR_SUCCESS ? connection->sending : 0;
    } else {
        error = apm_socket_end_send(connection->socket, result, &sent);
    }
    connection->sent_bytes += sent;
    if (error != APM_ERROR_SUCCESS)
        end_chain(connection);
    return error == APM_ERROR_SUCCESS;
}

static void on_echoed(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    if (end_send(connection, result))
        begin_receive(connection);
}

static void on_text_sent(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    if (end_send(connection, result))
        begin_send(connection, echo_text(), ECHO_TEXT_BYTES, on_text_sent);
}

static void on_delay(void *state)
{
    struct connection *connection = state;

    begin_send(connection, connection->input, connection->filled, on_echoed);
}

/* -- Responses by size -------------------------------------------------------------------------------------------- */

/* Takes bytes of the input into the request that is being read; false if more are needed, or it is none. */
static bool read_request(struct connection *connection, bool *is_valid)
{
    size_t available = connection->filled - connection->position;
    size_t part;

    if (connection->body_left == 0) {
        part = FRAME_HEAD_BYTES - connection->head_bytes;
        part = part < available ? part : available;
        memcpy(connection->head + connection->head_bytes, connection->input + connection->position, part);
        connection->head_bytes += part;
        connection->position += part;
        available -= part;
        if (connection->head_bytes < FRAME_HEAD_BYTES)
            return false;
        connection->frame = frame_read(connection->head);
        if (!frame_is_valid(connection->frame)) {
            *is_valid = false;
            return false;
        }
        connection->reply_offset = connection->frame.reply_bytes;
        connection->body_left = connection->frame.request_bytes - FRAME_HEAD_BYTES;
    }
    part = connection->body_left < available ? connection->body_left : available;
    connection->body_left -= part;
    connection->position += part;
    if (connection->body_left > 0)
        return false;
    connection->head_bytes = 0;
    connection->reply_offset = 0;
    return true;
}

static void reply(struct connection *connection);

static void on_replied(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    if (end_send(connection, result))
        reply(connection);
}

/* Fills the output with what the requests in the input ask for and sends it, or receives more if there is nothing. */
static void reply(struct connection *connection)
{
    size_t size = 0;
    bool is_valid = true;

    while (size < OUTPUT_BYTES) {
        size_t left = connection->frame.reply_bytes - connection->reply_offset;
        size_t part = left < OUTPUT_BYTES - size ? left : OUTPUT_BYTES - size;
        frame_reply(connection->frame.number, connection->reply_offset, connection->output + size, part);
        connection->reply_offset += part;
        size += part;
        if (part == left && !read_request(connection, &is_valid))
            break;
    }
    if (!is_valid)
        end_chain(connection);
    else if (size > 0)
        begin_send(connection, connection->output, size, on_replied);
    else
        begin_receive(connection);
}

/* -- Receiving ---------------------------------------------------------------------------------------------------- */

static void on_received(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);
    apm_error error = is_tls(connection) ? apm_stream_end_read(connection->stream, result, &connection->filled)
                                         : apm_socket_end_receive(connection->socket, result, &connection->filled);

    if (error != APM_ERROR_SUCCESS || connection->filled == 0) {
        end_chain(connection);
        return;
    }
    connection->received_bytes += connection->filled;
    connection->position = 0;
    switch (echo_settings.service) {
    case ECHO_ECHO: begin_send(connection, connection->input, connection->filled, on_echoed); break;
    case ECHO_REPLY: reply(connection); break;
    case ECHO_DELAY:
        if (apm_timer_change(connection->timer, echo_settings.delay_ms, APM_TIMEOUT_INFINITE) != APM_ERROR_SUCCESS)
            end_chain(connection);
        break;
    case ECHO_DISCARD:
    case ECHO_CHARGEN: begin_receive(connection); break;
    }
}

static void begin_receive(struct connection *connection)
{
    size_t size = echo_settings.buffer_bytes;
    apm_error error = is_tls(connection)
                          ? apm_stream_begin_read(connection->stream, connection->input, size, on_received, connection,
                                                  NULL)
                          : apm_socket_begin_receive(connection->socket, connection->input, size, APM_SOCKET_FLAGS_NONE,
                                                     on_received, connection, NULL);

    if (error != APM_ERROR_SUCCESS)
        end_chain(connection);
}

/* -- Accepting ---------------------------------------------------------------------------------------------------- */

/* Begins the service, with one chain or two. */
static void start(struct connection *connection)
{
    if (echo_settings.service == ECHO_CHARGEN) {
        atomic_store(&connection->chains, 2);
        begin_send(connection, echo_text(), ECHO_TEXT_BYTES, on_text_sent);
    }
    begin_receive(connection);
}

static void on_authenticated(apm_async_result result)
{
    struct connection *connection = apm_async_result_async_state(result);

    if (echo_tls_end(connection->stream, result) == APM_ERROR_SUCCESS)
        start(connection);
    else
        end_chain(connection);
}

static void take_in(const struct echo_listener *listener, apm_socket socket)
{
    struct connection *connection = calloc(1, sizeof *connection + echo_settings.buffer_bytes);

    if (connection == NULL) {
        apm_socket_close(socket);
        return;
    }
    connection->socket = socket;
    atomic_init(&connection->chains, 1);
    atomic_fetch_add_explicit(&echo_counts.connections, 1, memory_order_relaxed);
    if (echo_settings.service == ECHO_REPLY)
        connection->output = malloc(OUTPUT_BYTES);
    if ((echo_settings.service == ECHO_REPLY && connection->output == NULL) ||
        (echo_settings.service == ECHO_DELAY &&
         apm_timer_create((apm_thread_pool)APM_NULL_HANDLE, on_delay, connection, APM_TIMEOUT_INFINITE,
                          APM_TIMEOUT_INFINITE, &connection->timer) != APM_ERROR_SUCCESS)) {
        end_chain(connection);
        return;
    }
    if (!listener->is_tls)
        start(connection);
    else if (echo_tls_begin(socket, &connection->stream, on_authenticated, connection) != APM_ERROR_SUCCESS)
        end_chain(connection);
}

static void on_accepted(apm_async_result result);

/* A listener that is drained or closed refuses the accept, and is done. */
static void begin_accept(struct echo_listener *listener)
{
    (void)!apm_socket_begin_accept(listener->socket, on_accepted, listener, NULL);
}

static void on_pause(void *state)
{
    struct pause *pause = state;
    struct echo_listener *listener = pause->listener;

    apm_timer_close(pause->timer);
    free(pause);
    begin_accept(listener);
}

/* The handle is stored before the timer can fire. Without memory there is no pause. */
static void begin_accept_later(struct echo_listener *listener)
{
    struct pause *pause = malloc(sizeof *pause);

    if (pause != NULL)
        pause->listener = listener;
    if (pause == NULL || apm_timer_create((apm_thread_pool)APM_NULL_HANDLE, on_pause, pause, ACCEPT_PAUSE_MS,
                                          APM_TIMEOUT_INFINITE, &pause->timer) != APM_ERROR_SUCCESS) {
        free(pause);
        begin_accept(listener);
    }
}

static void on_accepted(apm_async_result result)
{
    struct echo_listener *listener = apm_async_result_async_state(result);
    apm_socket accepted;
    apm_error error = apm_socket_end_accept(listener->socket, result, &accepted);

    if (error == APM_ERROR_SUCCESS) {
        /* The next accept first, so that another worker can have it while this one serves the connection. */
        begin_accept(listener);
        take_in(listener, accepted);
    } else if (error != APM_ERROR_OPERATION_ABORTED) {
        begin_accept_later(listener);
    }
}

void echo_stream_serve(struct echo_listener *listener)
{
    echo_check(apm_socket_begin_accept(listener->socket, on_accepted, listener, NULL), "accept");
}
