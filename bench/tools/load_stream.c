/*
 * Owns the life of a connection over a stream socket: opening, receiving, time-outs, and opening again. What is sent
 * goes through load_send.c.
 *
 * One receive is pending as long as the connection is open, and as many sends as have not completed. All state is
 * guarded by the connection's lock; see load.h for what that allows. With TLS the socket is the stream's that
 * load_tls.h is about: everything then goes by that, and there is one send at a time.
 *
 *   closed   neither is_open, is_opening nor is_closing; no operation
 *   opening  the connect is pending, or with TLS the handshake after it
 *   open     a receive is pending, or about to be begun by whoever has the lock
 *   closing  the socket is closed, and callbacks are still to come; the last one makes it closed
 */
#include <string.h>

#include "clock.h"
#include "load_figures.h"
#include "load_stream.h"

/* A connection that could not be opened, or broke before it had an answer, waits so long before it tries again. */
#define RETRY_NS (100 * NANOSECONDS_PER_MILLISECOND)

static atomic_uint_fast64_t next_life; /* atomic: taken by whoever opens a connection */

static void open_locked(struct stream *stream, uint64_t now_ns);

static struct stream *stream_of(struct connection *connection)
{
    return (struct stream *)connection;
}

/* -- The end of a life -------------------------------------------------------------------------------------------- */

/* The last callback of a life leaves the connection closed, and opens it again where that need not wait. */
static void settle_locked(struct stream *stream, uint64_t now_ns)
{
    if (stream->base.operations > 0)
        return;
    stream->is_closing = false;
    if (!atomic_load(&load.is_ending) && stream->retry_ns <= now_ns)
        open_locked(stream, now_ns);
}

static void close_locked(struct stream *stream, uint64_t now_ns)
{
    bool was_useful = stream->answered > 0;

    stream->base.is_open = stream->base.is_opening = false;
    stream->is_closing = true;
    stream->base.in_flight = 0;
    stream->retry_ns = was_useful ? now_ns : now_ns + RETRY_NS;
    if (stream->tls == NULL || !tls_close(stream->tls))
        apm_socket_close(stream->socket);
    settle_locked(stream, now_ns);
}

void stream_fail_locked(struct stream *stream, const char *operation, const char *name, uint64_t now_ns)
{
    uint32_t lost = stream->base.in_flight;

    figures_add_error(operation, name, lost > 0 ? lost : 1);
    for (uint64_t i = stream->issued - lost; i < stream->issued; i++)
        figures_add_unanswered(stream->times[i % load.options.depth], now_ns);
    close_locked(stream, now_ns);
}

/* An end that is in order: messages that were sent and will not be answered keep their places in the schedule. */
static void part_locked(struct stream *stream, uint64_t now_ns)
{
    stream->base.planned -= stream->base.in_flight;
    figures_add_reconnect();
    close_locked(stream, now_ns);
}

bool stream_return_locked(struct stream *stream, uint64_t now_ns)
{
    stream->base.operations--;
    if (stream->is_closing)
        settle_locked(stream, now_ns);
    else
        return true;
    return false;
}

/* -- Sending ------------------------------------------------------------------------------------------------------ */

static void issue_locked(struct stream *stream, uint64_t now_ns)
{
    uint32_t depth = load.options.churn ? 1 : load.options.depth;
    uint64_t first = stream->issued;
    uint64_t intended_ns;

    if (!stream->base.is_open || (load.options.churn && stream->issued > 0))
        return;
    while (stream->base.in_flight < depth && load_take_message(&stream->base, now_ns, &intended_ns)) {
        if (stream->base.in_flight == 0)
            stream->progress_ns = now_ns;
        /* With a connection for each message, connecting is part of it. */
        if (load.options.churn && load.period_ns <= 0 && stream->opened_ns >= load.begin_ns)
            intended_ns = stream->opened_ns;
        stream->times[stream->issued % load.options.depth] = intended_ns;
        stream->issued++;
        stream->base.in_flight++;
    }
    if (stream->issued == first)
        return;
    stream->send_error = APM_ERROR_SUCCESS;
    work_send(stream, first, stream->issued - first);
    if (stream->tls != NULL)
        stream->send_error = stream_write_locked(stream);
    if (stream->send_error != APM_ERROR_SUCCESS)
        stream_fail_locked(stream, "send", apm_error_name(stream->send_error), now_ns);
}

/* -- Receiving ---------------------------------------------------------------------------------------------------- */

void stream_answered(struct stream *stream, uint64_t now_ns)
{
    figures_add_answer(stream->times[stream->answered % load.options.depth], now_ns);
    stream->answered++;
    stream->base.in_flight--;
    stream->progress_ns = now_ns;
}

static void on_received(apm_async_result result);

static void begin_receive_locked(struct stream *stream, uint64_t now_ns)
{
    size_t size = work_input_bytes();
    apm_error error;

    if (!stream->base.is_open)
        return;
    error = stream->tls != NULL
                ? apm_stream_begin_read(stream->tls->stream, stream->input, size, on_received, stream, NULL)
                : apm_socket_begin_receive(stream->socket, stream->input, size, APM_SOCKET_FLAGS_NONE, on_received,
                                           stream, NULL);
    if (error == APM_ERROR_SUCCESS)
        stream->base.operations++;
    else
        stream_fail_locked(stream, "receive", apm_error_name(error), now_ns);
}

static void handle_locked(struct stream *stream, apm_error error, size_t size, uint64_t now_ns)
{
    const char *wrong;

    if (error != APM_ERROR_SUCCESS) {
        stream_fail_locked(stream, "receive", apm_error_name(error), now_ns);
        return;
    }
    wrong = size == 0 ? work_end(stream, now_ns) : work_receive(stream, stream->input, size, now_ns);
    if (wrong != NULL) {
        stream_fail_locked(stream, "receive", wrong, now_ns);
    } else if (size == 0 || work_is_last(stream) || (load.options.churn && stream->answered > 0)) {
        part_locked(stream, now_ns);
    } else {
        issue_locked(stream, now_ns);
        begin_receive_locked(stream, now_ns);
    }
}

static void on_received(apm_async_result result)
{
    struct stream *stream = apm_async_result_async_state(result);
    size_t size;
    apm_error error = stream->tls != NULL ? apm_stream_end_read(stream->tls->stream, result, &size)
                                          : apm_socket_end_receive(stream->socket, result, &size);
    uint64_t now_ns = clock_now_ns();

    figures_add_received(size);
    pthread_mutex_lock(&stream->base.lock);
    if (stream_return_locked(stream, now_ns))
        handle_locked(stream, error, size, now_ns);
    pthread_mutex_unlock(&stream->base.lock);
}

/* -- Opening ------------------------------------------------------------------------------------------------------ */

static void start_locked(struct stream *stream, uint64_t now_ns)
{
    stream->base.is_opening = false;
    stream->base.is_open = true;
    stream->progress_ns = now_ns;
    issue_locked(stream, now_ns);
    begin_receive_locked(stream, now_ns);
}

static void on_authenticated(apm_async_result result)
{
    struct stream *stream = apm_async_result_async_state(result);
    apm_error error = apm_ssl_stream_end_authenticate_as_client(stream->tls->stream, result);
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&stream->base.lock);
    if (stream_return_locked(stream, now_ns)) {
        const char *wrong = tls_finish_handshake(stream->tls, error, stream->base.index);
        if (wrong != NULL)
            stream_fail_locked(stream, "handshake", wrong, now_ns);
        else
            start_locked(stream, now_ns);
    }
    pthread_mutex_unlock(&stream->base.lock);
}

static void begin_handshake_locked(struct stream *stream, uint64_t now_ns)
{
    apm_error error = tls_begin_handshake(stream->tls, stream->socket, on_authenticated, stream);

    stream->progress_ns = now_ns;
    if (error == APM_ERROR_SUCCESS)
        stream->base.operations++;
    else
        stream_fail_locked(stream, "handshake", apm_error_name(error), now_ns);
}

static void on_connected(apm_async_result result)
{
    struct stream *stream = apm_async_result_async_state(result);
    apm_error error = apm_socket_end_connect(stream->socket, result);
    uint64_t now_ns = clock_now_ns();

    pthread_mutex_lock(&stream->base.lock);
    if (stream_return_locked(stream, now_ns)) {
        if (error != APM_ERROR_SUCCESS)
            stream_fail_locked(stream, "connect", apm_error_name(error), now_ns);
        else if (stream->tls != NULL)
            begin_handshake_locked(stream, now_ns);
        else
            start_locked(stream, now_ns);
    }
    pthread_mutex_unlock(&stream->base.lock);
}

static void open_locked(struct stream *stream, uint64_t now_ns)
{
    apm_error error = target_socket(load.options.target.transport, load.remote, &stream->socket);

    stream->life = atomic_fetch_add(&next_life, 1);
    stream->issued = stream->answered = 0;
    stream->opened_ns = stream->progress_ns = now_ns;
    work_start(stream);
    if (stream->tls != NULL)
        tls_start(stream->tls);
    else if (error == APM_ERROR_SUCCESS)
        error = apm_socket_set_blocking(stream->socket, false);
    if (error != APM_ERROR_SUCCESS) {
        figures_add_error("socket", apm_error_name(error), 1);
        stream->retry_ns = now_ns + RETRY_NS;
        apm_socket_close(stream->socket);
        return;
    }
    stream->base.is_opening = true;
    error = apm_socket_begin_connect(stream->socket, load.remote, on_connected, stream, NULL);
    if (error == APM_ERROR_SUCCESS)
        stream->base.operations++;
    else
        stream_fail_locked(stream, "connect", apm_error_name(error), now_ns);
}

/* -- What the main thread asks for -------------------------------------------------------------------------------- */

static void prepare(struct connection *connection)
{
    struct stream *stream = stream_of(connection);

    if (connection->index == 0)
        work_init();
    if (connection->index == 0 && load.options.target.is_tls)
        tls_init();
    if (load.options.target.is_tls)
        stream->tls = tls_create();
    stream->times = load_allocate(load.options.depth, sizeof *stream->times);
    work_prepare(stream);
}

static void open_first(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    open_locked(stream_of(connection), clock_now_ns());
    pthread_mutex_unlock(&connection->lock);
}

static void issue(struct connection *connection, uint64_t now_ns)
{
    pthread_mutex_lock(&connection->lock);
    issue_locked(stream_of(connection), now_ns);
    pthread_mutex_unlock(&connection->lock);
}

static const char *awaited(const struct stream *stream)
{
    if (!stream->base.is_opening)
        return "receive";
    return stream->tls != NULL && stream->tls->is_handshaking ? "handshake" : "connect";
}

static void tend(struct connection *connection, uint64_t now_ns)
{
    struct stream *stream = stream_of(connection);
    bool is_waiting;

    pthread_mutex_lock(&connection->lock);
    is_waiting = connection->is_opening || (connection->is_open && connection->in_flight > 0);
    if (is_waiting && now_ns > stream->progress_ns + load.options.timeout_ns) {
        stream_fail_locked(stream, awaited(stream), "no_answer", now_ns);
    } else if (!connection->is_opening && !connection->is_open && !stream->is_closing && stream->retry_ns <= now_ns &&
               !atomic_load(&load.is_ending)) {
        open_locked(stream, now_ns);
    }
    pthread_mutex_unlock(&connection->lock);
}

static void close_last(struct connection *connection)
{
    struct stream *stream = stream_of(connection);

    pthread_mutex_lock(&connection->lock);
    if (connection->in_flight > 0)
        stream_fail_locked(stream, "receive", "no_answer", clock_now_ns());
    else if (connection->is_open || connection->is_opening)
        close_locked(stream, clock_now_ns());
    pthread_mutex_unlock(&connection->lock);
}

const struct load_driver load_stream_driver = {
    .connection_bytes = sizeof(struct stream),
    .prepare = prepare,
    .open = open_first,
    .issue = issue,
    .tend = tend,
    .close = close_last,
};
